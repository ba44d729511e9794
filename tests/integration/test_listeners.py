"""Where clients come in: IPv4, IPv6, several at once, Unix sockets, descriptors of a service manager (spec 3 [listener])."""
import os
import socket

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
