"""`check --online`: the backends are looked up, connected to and checked as the gateway would, with file and line."""
import os
import re
import socket
import threading
import time

import pytest

import backends
import dns
import gateway as program
import procs
from test_backend_tls import NAME, server, shows, trusts
from wire import answer

HEAD = """\
[egress]
allow = {allow}
[listener:main]
bind = 127.0.0.1:{port}
[route:all]
host = *
pool = app
[pool:app]
"""
FIRST = HEAD.count("\n") + 1            # the line of the first key of the pool
LOOPBACK = "127.0.0.0/8"


@pytest.fixture
def online(check, port):
    """online(pool's lines, allow): (exit code, what was said)."""
    def run(pool, *arguments, allow=LOOPBACK, more=""):
        return check(HEAD.format(allow=allow, port=port) + pool + "\n" + more, "--online", *arguments)
    return run


@pytest.fixture
def names():
    made = dns.Server()
    yield made
    made.end()


def by(names, more=LOOPBACK):
    return f"{more}\nresolver = 127.0.0.1:{names.port}"


def lines(said):
    return [line for line in said.splitlines() if not line.endswith(": fine")]


def test_nginx(online, nginx):
    code, said = online(f"backend = 127.0.0.1:{nginx.port}")
    assert code == 0 and re.search(rf"^sallyport\.ini:{FIRST}: note: backend app/127\.0\.0\.1:{nginx.port}: connects, [0-9.]+ ms$",
                                   said, re.M), said
    nginx.file("healthy", b"all is well")
    for check, words in (("GET /healthy", "healthy (GET /healthy)"), ("GET /healthy\ncheck_body = is well", "healthy"),
                         ("tcp", "connects")):
        code, said = online(f"backend = 127.0.0.1:{nginx.port}\ncheck = {check}")
        assert code == 0 and f"note: backend app/127.0.0.1:{nginx.port}: {words}" in said, said
    for check, words in (("GET /none-such", "status 404"), ("GET /healthy\ncheck_body = is lost", "text not found"),
                         ("GET /moved\ncheck_status = 200", "status 302")):
        code, said = online(f"backend = 127.0.0.1:{nginx.port}\ncheck = {check}")
        assert code == 1 and f"sallyport.ini:{FIRST}: error: backend app/127.0.0.1:{nginx.port}: {words}\n" in said, said


def test_a_dead_port(online):
    dead = program.free_port()
    code, said = online(f"backend = 127.0.0.1:{dead}")
    assert code == 1 and lines(said) == [f"sallyport.ini:{FIRST}: error: backend app/127.0.0.1:{dead}: refused",
                                         "sallyport.ini: 1 error"]


def test_one_that_is_dead_beside_another_is_a_warning(online, nginx):
    dead = program.free_port()
    pool = f"backend = 127.0.0.1:{dead}\nbackend = 127.0.0.1:{nginx.port}"
    code, said = online(pool)
    assert code == 0 and f"sallyport.ini:{FIRST}: warning: backend app/127.0.0.1:{dead}: refused [backend-offline]\n" in said, said
    assert online(pool, "--strict")[0] == 3


def test_each_pool_needs_one(online, nginx):
    dead = program.free_port()
    code, said = online(f"backend = 127.0.0.1:{nginx.port}", more=f"[route:b]\nhost = b.test\nto = 127.0.0.1:{dead}\n")
    assert code == 1 and f"error: backend route:b/127.0.0.1:{dead}: refused" in said, said


def test_one_that_is_down_is_not_asked(online, backend, nginx):
    made = backend()
    code, said = online(f"backend = 127.0.0.1:{nginx.port}",
                        more=f"[backend:spare]\npool = app\naddress = 127.0.0.1:{made.port}\ndown = yes\n")
    assert code == 0 and "spare" not in said and not made.conns


def test_a_section_of_its_own(online):
    dead = program.free_port()
    text = f"[backend:web-1]\npool = app\naddress = 127.0.0.1:{dead}\n"
    code, said = online("balance = round_robin", more=text)
    assert code == 1 and re.search(r"^sallyport\.ini:\d+: error: backend app/web-1: refused$", said, re.M), said


def test_nobody_is_asked_when_the_file_is_wrong(online, backend):
    made = backend()
    code, said = online(f"backend = 127.0.0.1:{made.port}\nnonsense = 1")
    assert code == 1 and "nonsense" in said and "note" not in said and not made.conns


# ---- TLS


def test_tls(online, backend, ca):
    made = backend(tls=server(ca.leaf(NAME)))
    code, said = online(f"backend = 127.0.0.1:{made.port}\n{trusts(ca)}")
    assert code == 0 and "connects (TLS)" in said, said
    code, said = online(f"backend = 127.0.0.1:{made.port}\n{trusts(ca)}check = GET /")
    assert code == 0 and "healthy (GET /, TLS)" in said, said


@pytest.mark.parametrize("what, words", [("name", "tls: hostname mismatch"), ("date", "tls: certificate has expired"),
                                         ("authority", "tls: self-signed certificate")])
def test_a_certificate_that_is_wrong(online, backend, ca, what, words):
    leaf = {"name": lambda: ca.leaf("www.internal"), "date": lambda: ca.leaf(NAME, days=-1),
            "authority": lambda: ca.self_signed(NAME)}[what]()
    bad, good = backend(tls=server(leaf)), backend(tls=server(ca.leaf(NAME)))
    code, said = online(f"backend = 127.0.0.1:{bad.port}\nbackend = 127.0.0.1:{good.port}\n{trusts(ca)}")
    assert code == 1 and f"sallyport.ini:{FIRST}: error: backend app/127.0.0.1:{bad.port}: {words}" in said, said
    assert f"note: backend app/127.0.0.1:{good.port}: connects (TLS)" in said       # another being fine does not help


def test_plain_text_where_tls_should_be(online, nginx, ca):
    code, said = online(f"backend = 127.0.0.1:{nginx.port}\n{trusts(ca)}")
    assert code == 1 and f"error: backend app/127.0.0.1:{nginx.port}: tls: " in said, said


def test_our_own_certificate_is_shown(online, backend, ca):
    leaf = ca.leaf("gateway.internal", use="clientAuth")
    made = backend(backends.always(answer()), tls=server(ca.leaf(NAME), client_ca=ca.cert))
    code, said = online(f"backend = 127.0.0.1:{made.port}\n{shows(ca, leaf)}check = GET /\n")
    assert code == 0 and "healthy" in said, said
    assert dict(pair[0] for pair in made.conns[0].client_cert["subject"]) == {"commonName": "gateway.internal"}


# ---- names


def test_a_name(online, names, nginx):
    names.set("app.internal", "127.0.0.1")
    code, said = online(f"backend = app.internal:{nginx.port}", allow=by(names))
    assert code == 0 and f"note: backend app/app.internal:{nginx.port}: 127.0.0.1: connects" in said, said


@pytest.mark.parametrize("how, words", [("unknown", "no address"), ("silent", "timeout"), ("servfail", "servfail")])
def test_a_name_that_leads_nowhere(online, names, nginx, how, words):
    names.silent, names.rcode = how == "silent", 2 if how == "servfail" else 0
    code, said = online(f"backend = app.internal:{nginx.port}\nbackend = 127.0.0.1:{nginx.port}", allow=by(names))
    assert code == 1 and \
        f"sallyport.ini:{FIRST + 1}: error: backend app/app.internal:{nginx.port}: the name does not resolve: {words}\n" in said, said


@pytest.mark.parametrize("address, words", [
    ("169.254.169.254", "link-local and metadata addresses are never allowed"), ("10.1.2.3", "outside [egress] allow"),
    ("fd00:ec2::254", "link-local and metadata")])
def test_a_name_that_leads_where_nobody_may_go(online, names, nginx, address, words):
    names.set("app.internal", address)
    code, said = online(f"backend = app.internal:{nginx.port}", allow=by(names))
    assert code == 1 and f"error: backend app/app.internal:{nginx.port}: {address}: " in said and words in said, said


def test_an_address_of_a_name_that_is_dead(online, names, backend):
    made = backend(host="127.0.0.2")
    names.set("app.internal", "127.0.0.2", "127.0.0.3", "169.254.169.254")
    code, said = online(f"backend = app.internal:{made.port}", allow=by(names))
    assert code == 0, said
    assert f"app.internal:{made.port}: 127.0.0.2: connects" in said
    assert f"warning: backend app/app.internal:{made.port}: 127.0.0.3: refused [backend-offline]" in said
    assert re.search(r"warning: backend app/app\.internal:\d+: 169\.254\.169\.254: link-local .* \[backend-offline\]", said)


# ---- how long, and as whom


def test_a_silent_backend_has_its_time(online, backend):
    wait = threading.Event()
    made = backend(lambda conn: wait.wait(30))
    begun = time.monotonic()
    code, said = online(f"backend = 127.0.0.1:{made.port}\ncheck = GET /\ncheck_timeout = 300ms")
    wait.set()
    assert code == 1 and f"error: backend app/127.0.0.1:{made.port}: timeout" in said, said
    assert time.monotonic() - begun < 20 * program.SLOW


def test_one_that_does_not_accept(online):
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        held = [socket.socket() for _ in range(4)]
        for one in held:
            one.setblocking(False)
            one.connect_ex(full.getsockname())
        code, said = online(f"backend = 127.0.0.1:{full.getsockname()[1]}\nconnect_timeout = 300ms")
        for one in held:
            one.close()
    assert code == 1 and "connect timeout" in said, said


def test_many(online, backend):
    """More than are tried at a time."""
    made = backend()
    code, said = online("".join(f"backend = 127.0.{i}.{k}:{made.port}\n" for i in range(1, 4) for k in range(1, 101)))
    assert code == 1 and said.count(": error: ") == 300 and "300 errors" in said        # it listens at 127.0.0.1 alone
    everywhere = backend(host="0.0.0.0")
    code, said = online("".join(f"backend = 127.0.{i}.{k}:{everywhere.port}\n" for i in range(1, 4) for k in range(1, 101)))
    assert code == 0 and said.count(": note: ") == 300, said[-500:]


@pytest.mark.skipif(os.getuid() != 0, reason="who is not root has nothing to give up")
def test_what_backends_say_is_read_without_rights(folders, backend, started, port):
    wait = threading.Event()
    made = backend(lambda conn: wait.wait(60))
    config = program.write_config(folders("online"), HEAD.format(allow=LOOPBACK, port=port) +
                                  f"backend = 127.0.0.1:{made.port}\ncheck = GET /\ncheck_timeout = 10s\n")
    process = started([program.BINARY, "check", "--online", "-c", config])
    assert procs.wait_for(lambda: made.conns, 20 * program.SLOW)
    with open(f"/proc/{process.pid}/status", encoding="ascii") as file:
        status = dict(line.rstrip("\n").split(":\t", 1) for line in file)
    wait.set()
    assert "0" not in status["Uid"].split() and "0" not in status["Gid"].split()
    assert status["NoNewPrivs"] == "1" and status["CapEff"].strip("0") == status["CapPrm"].strip("0") == ""
