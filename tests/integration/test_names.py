"""Backends that are given by name: looked up by TTL, every answer held to the egress rules, the last good one kept."""
import os
import random
import re
import signal
import time

import pytest

import dns
import gateway as program
import page
import procs
from test_checks import FAST, Health, ask, becomes, state_of
from wire import Client, answer

HOST = "app.internal"


@pytest.fixture
def names():
    """A name server; ended with the test."""
    server = dns.Server()
    yield server
    server.end()


def text(port, names, behind, pool="", egress="127.0.0.0/8", **parts):
    return program.ini(port, 1, egress=f"{egress}\nresolver = 127.0.0.1:{names.port}",
                       pool="resolve_min = 100ms\nresolve_max = 300ms\n" + pool, **parts).replace(
        "backend = 127.0.0.1:1\n", f"backend = {HOST}:{behind}\n")


def place(backend, address):
    """The same port at another address of loopback."""
    return backend(Health(), host=address)


def served_by(port):
    """Which address answers; each backend tells its own."""
    with Client(port) as client:
        return client.ask().get("X-Place")


def telling(address):
    return lambda request: answer(fields=[("X-Place", address)])


@pytest.fixture
def places(backend):
    """places("127.0.0.2", ...): backends on one port of these addresses, each telling where it is; the port."""
    def make(*addresses):
        number = program.free_port()
        for address in addresses:
            backend(backend_script(address), host=address, port=number)
        return number
    return make


def backend_script(address):
    def script(conn):
        while (conn.read_request()) is not None:
            conn.send(telling(address)(None))
    return script


def test_resolved_and_served(gateway, names, places, port):
    names.set(HOST, "127.0.0.2", "127.0.0.3")
    gw = gateway(text(port, names, places("127.0.0.2", "127.0.0.3"), pool="keepalive = 0\n"))
    assert becomes(port, 200)
    assert {served_by(port) for _ in range(10)} == {"127.0.0.2", "127.0.0.3"}
    assert {kind for name, kind, _ in names.asked if name == HOST} == {dns.A, dns.AAAA}
    assert state_of(gw, "")["addresses"] == "127.0.0.2 127.0.0.3"


def test_starts_without_an_answer(gateway, names, places, port):
    names.silent = True
    gw = gateway(text(port, names, places("127.0.0.2")))
    assert ask(port) == 503
    assert gw.access(1)[0]["cause"] == "no_backend"
    assert procs.wait_for(lambda: gw.events("name_not_resolved"), 20)
    names.set(HOST, "127.0.0.2")
    names.silent = False
    assert becomes(port, 200)


def test_change_is_taken_and_idle_connections_go(gateway, names, places, port):
    names.set(HOST, "127.0.0.2")
    gw = gateway(text(port, names, places("127.0.0.2", "127.0.0.3"), pool="backend_idle = 10m\n"))
    assert procs.wait_for(lambda: served_by(port) == "127.0.0.2", 20)
    names.set(HOST, "127.0.0.3")
    assert procs.wait_for(lambda: served_by(port) == "127.0.0.3", 20)
    assert {served_by(port) for _ in range(10)} == {"127.0.0.3"}
    assert len(gw.events("backend_addresses", 2)) == 2


@pytest.mark.parametrize("ttl, least, most, after", [(0, "1s", "1m", 1), (2, "100ms", "1m", 2), (3600, "100ms", "1s", 1)],
                         ids=["floor", "ttl", "ceiling"])
def test_looked_up_by_its_ttl(gateway, names, places, port, ttl, least, most, after):
    """Never sooner than resolve_min, never later than resolve_max."""
    seen = []

    class Noting(dns.Server):
        def answer(self, query, how):
            name, at = dns.decode(query, 12)
            if name == HOST and query[at:at + 2] == b"\0\x01":        # A
                seen.append(time.monotonic())
            return super().answer(query, how)
    names.__class__ = Noting
    names.set(HOST, "127.0.0.2", ttl=ttl)
    gateway(text(port, names, places("127.0.0.2")).replace("resolve_min = 100ms\nresolve_max = 300ms",
                                                           f"resolve_min = {least}\nresolve_max = {most}"))
    assert procs.wait_for(lambda: len(seen) >= 4, 60), "not within resolve_max"
    assert min(b - a for a, b in zip(seen, seen[1:])) > after * 0.8, seen


@pytest.mark.parametrize("how", ["silent", "servfail", "unknown", "empty"])
def test_last_good_answer_is_kept(gateway, names, places, port, how):
    names.set(HOST, "127.0.0.2")
    gw = gateway(text(port, names, places("127.0.0.2")))
    assert becomes(port, 200)
    if how == "silent":
        names.silent = True
    elif how == "servfail":
        names.rcode = 2
    elif how == "unknown":
        names.names.clear()
    else:
        names.set(HOST)
    assert procs.wait_for(lambda: gw.events("name_not_resolved"), 20)
    assert all(ask(port) == 200 for _ in range(5))


@pytest.mark.parametrize("bad", ["169.254.169.254", "10.9.9.9", "fd00:ec2::254", "::ffff:169.254.169.254"])
def test_what_the_egress_rules_refuse_is_no_address(gateway, names, places, port, bad):
    at = program.free_port()
    names.set(HOST, "127.0.0.2")
    gw = gateway(text(port, names, places("127.0.0.2"), more=page.admin(at)))
    assert becomes(port, 200)
    assert page.total(page.metrics(at), "egress_refused_total") == 0
    names.set(HOST, bad)
    assert procs.wait_for(lambda: gw.events("egress_refused"), 20)
    why = re.search(r'addr="?\[?([^" ]*).* why=(\S+)', gw.events("egress_refused")[0])
    assert bad.removeprefix("::ffff:") in why[1]
    assert procs.wait_for(lambda: page.total(page.metrics(at), "egress_refused_total", reason=why[2]) >= 2, 20), "at each look-up"
    assert all(ask(port) == 200 for _ in range(5))
    names.set(HOST, bad, "127.0.0.2")
    assert all(served_by(port) == "127.0.0.2" for _ in range(5))
    assert len(gw.events("egress_refused", 1)) == 1        # told once, not at each look-up


def test_truncated_goes_by_tcp(gateway, names, places, port):
    names.truncates = True
    names.set(HOST, "127.0.0.2", "127.0.0.3")
    gateway(text(port, names, places("127.0.0.2", "127.0.0.3"), pool="keepalive = 0\n"))
    assert becomes(port, 200)
    assert {how for _, _, how in names.asked} == {"udp", "tcp"}


@pytest.mark.parametrize("garbage", [b"", b"\0", b"\xff" * 40, random.Random(7).randbytes(600)], ids=["empty", "zero", "ones", "any"])
def test_forged_answers_are_none(gateway, names, places, port, garbage):
    names.forges, names.garbage = True, garbage
    names.set(HOST, "127.0.0.2")
    gw = gateway(text(port, names, places("127.0.0.2", "127.0.0.3"), egress="127.0.0.0/8, 10.9.9.9/32"))
    assert becomes(port, 200)
    assert state_of(gw, "")["addresses"] == "127.0.0.2"


def test_second_server_is_asked(gateway, names, places, port):
    dead = dns.Server()
    dead.silent = True
    names.set(HOST, "127.0.0.2")
    try:
        gateway(text(port, names, places("127.0.0.2")).replace(
            "resolver = ", f"resolver = 127.0.0.1:{dead.port}, "))
        assert becomes(port, 200)
    finally:
        dead.end()


def test_each_address_is_checked(gateway, names, backend, port):
    """One that is ill gets nothing while the others serve."""
    number = program.free_port()
    good, ill = Health(), Health()
    a, b = backend(good, host="127.0.0.2", port=number), backend(ill, host="127.0.0.3", port=number)
    names.set(HOST, "127.0.0.2", "127.0.0.3", ttl=60)
    gw = gateway(text(port, names, number, pool="keepalive = 0\ncheck = GET /h\nfall = 1\n" + FAST))
    assert becomes(port, 200)
    assert procs.wait_for(lambda: state_of(gw, "")["usable_addresses"] == 2, 20)
    ill.how = answer("500 Internal Server Error")
    assert procs.wait_for(lambda: state_of(gw, "")["usable_addresses"] == 1, 20)
    count = len([r for r in b.requests if r.get("User-Agent") != "sallyport-check"])
    assert all(ask(port) == 200 for _ in range(10))
    assert len([r for r in b.requests if r.get("User-Agent") != "sallyport-check"]) == count
    good.how = answer("500 Internal Server Error")
    assert becomes(port, 503)
    ill.how = answer()
    assert becomes(port, 200)
    assert a.requests


def test_addresses_outlive_the_monitor(gateway, names, places, port):
    names.set(HOST, "127.0.0.2")
    gw = gateway(text(port, names, places("127.0.0.2")))
    assert becomes(port, 200)
    names.silent = True
    monitor = next(pid for pid in procs.children(gw.pid) if b"monitor" in gw.name_of(pid))
    os.kill(monitor, signal.SIGKILL)
    assert procs.wait_for(lambda: len(gw.events("role_ready")) >= 5, 20)
    gw.signal(signal.SIGHUP)
    assert procs.wait_for(lambda: gw.events("reload_done"), 20)
    assert all(ask(port) == 200 for _ in range(5))


@pytest.mark.parametrize("old,new,said", [
    ("allow = 127.0.0.0/8\n", "", "a name may lead anywhere: [egress] allow has to say"),
    ("app.internal:1", "app.internal:99999", "a port is a number from 1 to 65535"),
    ("app.internal:1", "app..internal:1", "a label of a name has 1 to 63 bytes"),
    ("resolver = 127.0.0.1:5353", "resolver = ns.example", "not an address"),
    ("resolver = 127.0.0.1:5353", "resolver = 8.8.8.8:5353", "not a private address"),
    ("resolve_min = 100ms", "resolve_min = 2m", "resolve_min is more than resolve_max"),
])
def test_refused_by_check(check, old, new, said):
    class Port:
        port = 5353
    code, out = check(text(1234, Port, 1).replace(old, new))
    assert code == 1
    assert said in out
