"""Where a connection may never go: refused by `check` with file and line, and never made (spec 3 [egress])."""
import os
import re
import socket
import subprocess

import pytest

import backends
import dns
import gateway as program
import page
import procs
from wire import Client, answer

BASE = """\
[egress]
{allow}
[listener:main]
bind = {bind}
[route:all]
host = example.com
pool = app
[pool:app]
backend = {backend}
"""
LINE = 9


def text(backend, allow="# nothing", bind="127.0.0.1:18080"):
    return BASE.format(backend=backend, allow=allow, bind=bind)


FORBIDDEN = [
    "169.254.169.254:80", "169.254.0.1:80", "169.254.170.2:80", "[fe80::1]:80", "[fd00:ec2::254]:80", "[fd00:ec2::23]:80",
    "0.0.0.0:80", "0.1.2.3:80", "[::]:80", "224.0.0.1:80", "239.255.255.255:80", "[ff02::1]:80", "255.255.255.255:80",
    "[::ffff:169.254.169.254]:80", "[::ffff:0.0.0.0]:80", "[::ffff:224.0.0.1]:80", "[::169.254.169.254]:80",
    "[64:ff9b::169.254.169.254]:80", "[2002:a9fe:a9fe::1]:80", "240.0.0.1:80",
]


@pytest.mark.parametrize("backend", FORBIDDEN)
@pytest.mark.parametrize("allow", ["# nothing", "allow = 0.0.0.0/0, ::/0\npublic = yes"], ids=["default", "allow all"])
def test_the_floor_has_no_switch(check, backend, allow):
    code, said = check(text(backend, allow))
    number = LINE + allow.count("\n")
    assert code == 1
    assert re.search(rf"^sallyport\.ini:{number}: error: backend = .*", said, re.M), said


@pytest.mark.parametrize("backend", ["8.8.8.8:80", "[2606:4700::1]:80", "172.32.0.1:80", "192.169.0.1:80", "11.0.0.1:80",
                                     "[::ffff:8.8.8.8]:80", "100.128.0.1:80", "192.0.2.1:80"])
def test_public_needs_to_be_said(check, backend):
    code, said = check(text(backend))
    assert code == 1 and f"sallyport.ini:{LINE}: error: backend = " in said
    net = backend.rpartition(":")[0].strip("[]").replace("::ffff:", "")
    one = f"{net}/{128 if ':' in net else 32}"
    code, said = check(text(backend, f"allow = {one}"))
    assert code == 1, "allow alone may not hold a public address"
    assert check(text(backend, f"allow = {one}\npublic = yes"))[0] == 0


@pytest.mark.parametrize("backend", ["10.0.0.1:80", "172.16.0.1:80", "172.31.255.254:80", "192.168.1.1:80", "100.64.0.1:80",
                                     "[fd12:3456::1]:80", "[::ffff:10.0.0.1]:80"])
def test_private_literals_need_nothing(check, backend):
    code, said = check(text(backend))
    assert code == 0, said


@pytest.mark.parametrize("backend", ["127.0.0.1:80", "127.9.9.9:80", "[::1]:80", "[::ffff:127.0.0.1]:80"])
def test_loopback_only_when_named(check, backend):
    assert check(text(backend))[0] == 1
    assert check(text(backend, "allow = 10.0.0.0/8"))[0] == 1
    assert check(text(backend, "allow = 127.0.0.0/8, ::1/128"))[0] == 0


@pytest.mark.parametrize("allow, good", [
    ("10.0.1.0/24", True), ("10.0.0.0/8", True), ("10.0.1.10/32:8080", True), ("10.0.1.0/24:8000-9000", True),
    ("10.0.2.0/24", False), ("10.0.1.0/24:80", False), ("10.0.1.10/32:8081-9000", False), ("10.0.1.0/29", False)])
def test_allow_is_all_there_is(check, allow, good):
    code, said = check(text("10.0.1.10:8080", f"allow = {allow}"))
    assert (code == 0) == good, said
    if not good:
        assert f"sallyport.ini:{LINE}: error: backend = 10.0.1.10:8080" in said


@pytest.mark.parametrize("bind, backend", [
    ("127.0.0.1:18080", "127.0.0.1:18080"), ("0.0.0.0:18080", "127.0.0.1:18080"), ("[::]:18080", "127.0.0.1:18080"),
    ("[::]:18080", "[::1]:18080"), ("0.0.0.0:18080", "127.0.0.77:18080"), ("127.0.0.1:18080", "[::ffff:127.0.0.1]:18080")])
def test_own_listeners(check, bind, backend):
    """A loop through ourselves."""
    code, said = check(text(backend, "allow = 127.0.0.0/8, ::1/128", bind))
    assert code == 1 and f"sallyport.ini:{LINE}: error: backend = " in said
    assert check(text(backend.replace("18080", "18081"), "allow = 127.0.0.0/8, ::1/128", bind))[0] == 0


def test_to_and_backend_sections_too(check):
    code, said = check(text("10.0.0.1:80") + "[route:x]\nhost = x.example\nto = 169.254.169.254:80\n"
                                             "[backend:y]\npool = app\naddress = 169.254.169.254:80\n")
    assert code == 1
    assert f"sallyport.ini:{LINE + 3}: error:" in said
    assert f"sallyport.ini:{LINE + 6}: error:" in said or "not in this build" in said


def test_a_name_needs_allow(check):
    code, said = check(text("app.internal:8080"))
    assert code == 1 and f"sallyport.ini:{LINE}: error:" in said and ("allow" in said or "not in this build" in said)


@pytest.mark.opt_only
@pytest.mark.parametrize("backend", ["169.254.169.254:80", "[::ffff:169.254.169.254]:80", "8.8.8.8:80"])
def test_no_connection_is_made(folders, backend):
    """`run` refuses, and no connect() ever named the address."""
    where = folders()
    path = program.write_config(where, text(backend))
    done = subprocess.run(["strace", "-f", "-qq", "-e", "trace=connect,sendto", "-o", f"{where}/calls", program.BINARY, "run", "-c", path],
                          capture_output=True, timeout=20, check=False)
    assert done.returncode == 78
    with open(f"{where}/calls", encoding="ascii", errors="replace") as file:
        assert "AF_INET" not in file.read()


def test_a_reachable_one_is_left_alone(gateway, backend, port, folders):
    """The rule is looked at again at each connect: a request cannot choose where it goes."""
    import wire
    other = backend()
    behind = backend()
    gateway(program.ini(port, behind.port))
    for host, target in ((f"127.0.0.1:{other.port}", "/"), ("example.com", f"http://127.0.0.1:{other.port}/"),
                         ("169.254.169.254", "/latest/meta-data/"), ("example.com", f"//127.0.0.1:{other.port}/")):
        with wire.Client(port) as client:
            try:
                client.ask(target=target, host=host)
            except wire.Cut:
                pass
    assert not other.conns


# ---- what is refused is counted, by its reason


HOST = "app.internal"
# Of a gateway that may connect to 127.0.0.0/8, and whose backend's port is its own listener's (on another address).
REASONS = {"link_local": "169.254.169.254", "unspecified": "0.0.0.1", "multicast": "224.0.0.1", "broadcast": "255.255.255.255",
           "loopback": "::1", "own_listener": "127.0.0.1", "public": "8.8.8.8", "not_allowed": "10.9.9.9"}


@pytest.fixture
def names():
    made = dns.Server()
    yield made
    made.end()


@pytest.fixture
def counted(gateway, backend, names, port):
    """A gateway whose backend's name leads to a backend; (gateway, port of its metrics)."""
    behind = backend(backends.always(answer()), host="127.0.0.2", port=port)
    at = program.free_port()
    names.set(HOST, "127.0.0.2", ttl=1)
    running = gateway(program.ini(port, 1, gateway="trusted = 127.0.0.0/8", egress=f"127.0.0.0/8\nresolver = 127.0.0.1:{names.port}",
                                  pool="resolve_min = 100ms\nresolve_max = 200ms\nretries = 0\nkeepalive = 0\neject = off",
                                  more=page.admin(at)).replace("backend = 127.0.0.1:1\n", f"backend = {HOST}:{port}\n"))
    assert procs.wait_for(lambda: ask(port).status == 200, 20 * program.SLOW)
    yield running, at
    assert behind.requests


def ask(port):
    with Client(port) as client:
        return client.ask()


def refused(at):
    found = page.metrics(at)
    return {dict(pairs)["reason"]: value for (name, pairs), value in found.items() if name == "sallyport_egress_refused_total"}


def test_each_reason_has_its_count(counted, names, port):
    """Where names lead. An address of another family than these is nothing that a name, or the board, could say."""
    running, at = counted
    assert refused(at) == dict.fromkeys([*REASONS, "family"], 0)
    for reason, address in REASONS.items():
        before = refused(at)
        names.set(HOST, address)
        assert procs.wait_for(lambda reason=reason, before=before: refused(at)[reason] > before[reason], 20 * program.SLOW), reason
        assert ask(port).status == 200                  # by the last good answer
        names.set(HOST, "127.0.0.2")
        asked = len(names.asked)
        assert procs.wait_for(lambda asked=asked: len(names.asked) > asked + 4, 20 * program.SLOW)
        after = refused(at)
        assert {name for name in after if after[name] != before[name]} == {reason}
    assert [re.search(r"why=(\S+)", line).group(1) for line in running.events("egress_refused", len(REASONS))] == list(REASONS)


def board_of(pid, pattern):
    """(descriptor to write, offset) of these bytes in the board; the caller closes. Holes are passed over."""
    for name in os.listdir(f"/proc/{pid}/fd"):
        path = f"/proc/{pid}/fd/{name}"
        if not os.readlink(path).startswith("/memfd:board"):
            continue
        fd, at, size = os.open(path, os.O_RDWR), 0, os.stat(path).st_size
        while at < size:
            try:
                at = os.lseek(fd, at, os.SEEK_DATA)
            except OSError:
                break
            end = os.lseek(fd, at, os.SEEK_HOLE)
            found = os.pread(fd, end - at, at).find(pattern)
            if found >= 0:
                return fd, at + found
            at = end
        os.close(fd)
    raise AssertionError("not on the board")


@pytest.mark.skipif(os.getuid() != 0, reason="only root may write to the board from outside")
def test_the_dialer_holds_to_the_rules_whatever_stands_on_the_board(counted, names, port):
    """A monitor that was taken over sends workers where nobody may go: each try is refused, counted, logged and a 502."""
    running, at = counted
    names.silent = True                                 # so that the monitor leaves the row alone
    good = socket.inet_aton("127.0.0.2") + bytes(12) + b"\0\1"
    fd, offset = board_of(running.pid, good)
    try:
        for reason, address in REASONS.items():
            is_v6 = ":" in address
            packed = socket.inet_pton(socket.AF_INET6 if is_v6 else socket.AF_INET, address)
            before, events = refused(at), len(running.events("egress_refused"))
            os.pwrite(fd, packed.ljust(16, b"\0") + bytes([is_v6, 1]), offset)
            got = ask(port)
            assert got.status == 502, reason
            assert got.get("Proxy-Status") == 'sallyport; error=destination_ip_prohibited; details="backend_refused at connect"'
            assert procs.wait_for(lambda reason=reason, before=before: refused(at)[reason] == before[reason] + 1,
                                  20 * program.SLOW), reason
            assert procs.wait_for(lambda events=events: len(running.events("egress_refused")) == events + 1, 20 * program.SLOW)
            assert running.events("egress_refused")[-1].endswith(f"why={reason}")
            os.pwrite(fd, good, offset)
            assert ask(port).status == 200
    finally:
        os.close(fd)
    assert refused(at) == {**dict.fromkeys(REASONS, 1), "family": 0}
