"""Where clients come in: IPv4, IPv6, several at once, Unix sockets, descriptors of a service manager (spec 3 [listener])."""
import os
import shutil
import signal
import socket
import stat
import subprocess
import tempfile

import pytest

import backends
import gateway as program
import procs
import wire
from wire import Client, answer

ACTIVATE = os.path.join(program.ROOT, "tests/lib/activate.py")


def has_ipv6():
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
        return True
    except OSError:
        return False


def config(binds, behind, more=""):
    return f"""\
[gateway]
workers = 2
[egress]
allow = 127.0.0.0/8
[listener:main]
{binds}
[route:all]
host = *
to = 127.0.0.1:{behind}
{more}
"""


@pytest.fixture
def behind(backend):
    return backend(backends.always(answer(body=b"ok")))


def test_several_addresses(gateway, behind):
    ports = [program.free_port() for _ in range(3)]
    gateway(config(f"bind = 127.0.0.1:{ports[0]}, 127.0.0.1:{ports[1]}\nbind = 127.0.0.1:{ports[2]}", behind.port))
    for port in ports:
        with Client(port) as client:
            assert client.ask().body == b"ok"
    assert {got.get("X-Forwarded-Port") for got in behind.requests} == {str(port) for port in ports}


@pytest.mark.skipif(not has_ipv6(), reason="no IPv6 on loopback")
def test_ipv6(gateway, behind):
    port = program.free_port()
    gateway(config(f"bind = [::1]:{port}", behind.port))
    with Client(("::1", port)) as client:
        assert client.ask(host=f"[::1]:{port}").body == b"ok"
    got = behind.requests[0]
    assert got.get("X-Forwarded-For") == "::1" and got.get("Host") == f"[::1]:{port}"


@pytest.mark.skipif(not has_ipv6(), reason="no IPv6 on loopback")
def test_both_families_at_one_port(gateway, behind):
    """[::] is IPv6 alone, so the two stand beside each other and an IPv4 client is seen as one."""
    port = program.free_port()
    gateway(config(f"bind = 0.0.0.0:{port}, [::]:{port}", behind.port))
    for host in ("127.0.0.1", "::1"):
        with Client((host, port)) as client:
            assert client.ask().body == b"ok"
        assert behind.requests[-1].get("X-Forwarded-For") == host


def test_several_listeners_plain_and_tls(gateway, behind, leaf, ca):
    plain, secure = program.free_port(), program.free_port()
    gateway(config(f"bind = 127.0.0.1:{plain}", behind.port, f"""
[listener:secure]
bind = 127.0.0.1:{secure}
cert = {leaf.chain}
key_file = {leaf.key}
"""))
    with Client(plain) as client:
        assert client.ask().body == b"ok"
    with Client(secure, wire.context(ca.cert), "example.com") as client:
        assert client.ask().body == b"ok"


def test_unix_socket(gateway, behind, folders):
    where = folders("unix")
    path = os.path.join(where, "s")
    running = gateway(config(f"bind = unix:{path}", behind.port))
    with Client(path) as client:
        assert client.ask().body == b"ok"
        assert client.ask(target="/healthz").status == 200
    assert behind.requests[0].get("Host") == "example.com"
    running.end()
    assert not os.path.exists(path), "taken away again"


@pytest.mark.skipif(os.getuid() != 0, reason="another user is needed")
def test_another_user_reaches_the_unix_socket(gateway, behind):
    """A process in front runs as somebody else; the folder says who may, as a loopback port lets anybody."""
    with tempfile.TemporaryDirectory() as where:
        path = os.path.join(where, "s")
        gateway(config(f"bind = unix:{path}", behind.port))
        assert stat.S_IMODE(os.stat(path).st_mode) == 0o666
        ask = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "curl", "-sS", "-m", "5", "--unix-socket", path,
               "http://example.com/"]
        for mode, code, said in ((0o711, 0, b"ok"), (0o700, 7, b"")):
            os.chmod(where, mode)
            done = subprocess.run(ask, capture_output=True, check=False)
            assert (done.returncode, done.stdout) == (code, said), done.stderr


def test_a_unix_client_has_no_address(gateway, behind, folders):
    """What it says of one is not believed, and the backend is told of none that could be taken for one."""
    path = os.path.join(folders("unix"), "s")
    running = gateway(config(f"bind = unix:{path}", behind.port, "[log]\naccess = stdout"))
    with Client(path) as client:
        client.ask(fields=[("X-Forwarded-For", "10.9.9.9"), ("X-Real-IP", "10.9.9.9"), ("Forwarded", "for=10.9.9.9")])
    assert b"10.9.9.9" not in behind.raw
    assert running.access(1)[0]["peer"].startswith("unix:")


def test_unix_socket_left_behind_is_no_obstacle(gateway, behind, folders):
    path = os.path.join(folders("unix"), "s")
    with socket.socket(socket.AF_UNIX) as old:
        old.bind(path)
    gateway(config(f"bind = unix:{path}", behind.port))
    with Client(path) as client:
        assert client.ask().body == b"ok"


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
def test_socket_activation(gateway, behind, leaf, ca, tls):
    port = program.free_port()
    certs = f"\ncert = {leaf.chain}\nkey_file = {leaf.key}" if tls else ""
    running = gateway(config("bind = fd:web" + certs, behind.port),
                      wrap=["/usr/bin/python3", ACTIVATE, f"web=127.0.0.1:{port}", "--"])
    for _ in range(10):
        with Client(port, wire.context(ca.cert) if tls else None, "example.com") as client:
            assert client.ask().body == b"ok"
    assert behind.requests[0].get("X-Forwarded-Port") == str(port)
    assert len(running.workers()) >= 2


@pytest.mark.skipif(not shutil.which("systemd-socket-activate"), reason="no systemd here")
def test_systemd_itself(gateway, behind, folders):
    """systemd-socket-activate starts us at the first connection, which is served, as are the later ones."""
    ports, path = [program.free_port(), program.free_port()], os.path.join(folders("unix"), "s")
    listen = [f"--listen=127.0.0.1:{ports[0]}", f"--listen=127.0.0.1:{ports[1]}", f"--listen={path}"]
    running = gateway(config("bind = fd:web, fd:local", behind.port), wait=False,
                      wrap=["systemd-socket-activate", *listen, "--fdname=web:web:local"])
    assert procs.wait_for(lambda: os.path.exists(path), 5)
    for to in (ports[0], ports[1], path):
        for _ in range(6):
            with Client(to) as client:
                assert client.ask().body == b"ok"
    assert len(running.workers()) == 2 and running.events("serving", 1)


def test_a_passed_socket_outlives_us(gateway, behind):
    """A restart loses nobody: who connects meanwhile waits in the socket that the service manager holds."""
    port = program.free_port()
    with socket.socket() as held:
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        held.bind(("127.0.0.1", port))
        held.listen(64)
        text = config("bind = fd:web", behind.port)
        options = {"wrap": ["bash", "-c", f'exec 3<&{held.fileno()} env LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=web "$0" "$@"'],
                   "pass_fds": (held.fileno(),)}
        first = gateway(text, **options)
        with Client(port) as client:
            assert client.ask().body == b"ok"
        first.signal(signal.SIGTERM)
        assert first.wait(5) == 0
        with Client(port) as waiting:
            waiting.send(wire.request())
            gateway(text, **options)
            assert waiting.response().body == b"ok"


def test_two_activated_sockets_by_name(gateway, behind, folders):
    port, path = program.free_port(), os.path.join(folders("unix"), "s")
    gateway(config("bind = fd:one, fd:two", behind.port),
            wrap=["/usr/bin/python3", ACTIVATE, f"two={path}", f"one=127.0.0.1:{port}", "--"])
    for to in (port, path):
        with Client(to) as client:
            assert client.ask().body == b"ok"


def test_a_name_that_was_not_passed(gateway, behind, folders):
    running = gateway(config("bind = fd:web", behind.port), wait=False, clean=False)
    assert running.wait(5) in (1, 78)
    assert "web" in running.err()


def test_address_in_use(gateway, behind):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen(1)
        port = taken.getsockname()[1]
        running = gateway(config(f"bind = 127.0.0.1:{port}", behind.port), wait=False, clean=False)
        assert running.wait(5) in (1, 78)
        assert str(port) in running.err() and "in use" in running.err().lower()


def test_all_workers_serve(gateway, behind):
    """New connections reach every worker, each by its own listening socket."""
    port = program.free_port()
    running = gateway(config(f"bind = 127.0.0.1:{port}", behind.port))
    clients = [Client(port) for _ in range(64)]
    for client in clients:
        assert client.ask().body == b"ok"
    shares = [len(procs.peers(pid, port)) for pid in running.workers()]
    assert sum(shares) == 64 and min(shares) > 8, shares
    for client in clients:
        client.close()
