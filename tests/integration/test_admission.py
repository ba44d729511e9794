"""Who may connect, over all workers; who makes room; what is given back."""
import os
import select
import signal
import socket
import time

import pytest

import backends
import gateway as program
import procs
import wire
from wire import Client, answer

OK = backends.always(answer(body=b"ok"))


def served(port, source="127.0.0.1", tls=None):
    """Whether a new client of that address is: closed at once is False."""
    try:
        with Client(port, tls, "example.com" if tls else None, source=source) as client:
            return client.ask().status == 200
    except (OSError, wire.Cut):
        return False


def hold(port, count, source):
    """Connections of that address, each of which had an answer."""
    held = [Client(port, source=source) for _ in range(count)]
    for client in held:
        assert client.ask().status == 200
    return held


def close(held):
    for client in held:
        client.close()


def test_connections_of_an_address_over_all_workers(serve):
    running, _, port = serve(OK, listener="max_connections_per_ip = 5", workers=3)
    held = hold(port, 5, "127.0.0.9")
    for _ in range(10):
        assert not served(port, "127.0.0.9")
    assert served(port, "127.0.0.10"), "another address has its own"
    told = procs.wait_for(lambda: [line for line in running.events("clients_refused") if "127.0.0.9" in line], 20 * program.SLOW)
    assert told and all("setting=max_connections_per_ip" in line for line in told)
    close(held)
    assert procs.wait_for(lambda: served(port, "127.0.0.9"), 20)


def test_what_a_dead_worker_counted_is_cleared(serve):
    running, _, port = serve(OK, listener="max_connections_per_ip = 4", workers=2)
    held = hold(port, 4, "127.0.0.9")
    for pid in running.workers():
        os.kill(pid, signal.SIGKILL)
    close(held)
    assert procs.wait_for(lambda: served(port, "127.0.0.9"), 30)
    again = hold(port, 3, "127.0.0.9")
    close(again)


def test_a_reload_changes_the_cap_and_keeps_the_count(serve):
    parts = {"listener": "max_connections_per_ip = 4", "workers": 2}
    running, behind, port = serve(OK, **parts)
    held = hold(port, 4, "127.0.0.9")

    def reload(cap):
        count = len(running.events("reload_done"))
        program.write_config(running.folder, program.ini(port, behind.port, **{**parts, "listener": f"max_connections_per_ip = {cap}"}))
        running.signal(signal.SIGHUP)
        assert procs.wait_for(lambda: len(running.events("reload_done")) > count, 30), running.err()[-2000:]
    reload(6)
    more = hold(port, 2, "127.0.0.9")
    assert not served(port, "127.0.0.9")
    reload(5)
    assert not served(port, "127.0.0.9") and served(port, "127.0.0.10")
    for client in held + more:
        assert client.ask().status == 200       # who is in stays
    close(held)
    assert procs.wait_for(lambda: served(port, "127.0.0.9"), 20)
    close(more)


def test_handshakes_of_an_address(gateway, backend, port, leaf, ca):
    """A burst of one second's worth passes, what is beyond does not; plain clients are not counted."""
    text = program.ini(port, backend(OK).port, listener="max_handshakes_per_ip = 5/s", tls=[leaf])
    running = gateway(text)
    context = wire.context(ca.cert)
    begun, outcomes = time.monotonic(), []
    while len(outcomes) < 40:
        outcomes.append(served(port, "127.0.0.9", context))
    took = time.monotonic() - begun
    assert outcomes[0] and outcomes.count(True) <= 5 * (took + 2)
    assert procs.wait_for(lambda: served(port, "127.0.0.9", context), 20)
    if not all(outcomes):
        assert "setting=max_handshakes_per_ip" in running.events("clients_refused", 1)[0]


def test_handshakes_in_flight(gateway, backend, port, leaf, ca):
    text = program.ini(port, backend(OK).port, listener="max_handshakes = 8\ntls_timeout = 300s", tls=[leaf])
    gateway(text)
    context = wire.context(ca.cert)
    assert served(port, "127.0.0.9", context)   # and with it ended whatever asked whether the gateway is up
    silent = [Client(port) for _ in range(8)]
    for client in silent:
        client.send(b"\x16\x03\x01")
    assert procs.wait_for(lambda: not served(port, "127.0.0.9", context), 60 * program.SLOW)
    close(silent)
    assert procs.wait_for(lambda: served(port, "127.0.0.9", context), 20)


def test_whom_a_proxy_header_names(serve):
    """The balancer has no cap, its client has."""
    _, _, port = serve(OK, gateway="trusted = 127.0.0.1/32", listener="max_connections_per_ip = 2\nproxy_protocol = optional")

    def named(client):
        one = Client(port)
        one.send(f"PROXY TCP4 {client} 192.0.2.1 5000 80\r\n".encode() + wire.request())
        return one
    held = [named("198.51.100.7") for _ in range(2)] + [named(f"198.51.100.{i}") for i in range(20, 40)]
    for client in held:
        assert client.response().status == 200
    with named("198.51.100.7") as extra:
        assert extra.is_closed(10)
    with named("198.51.100.8") as other:
        assert other.response().status == 200
    close(held)


def test_a_cap_of_nobody_is_refused(check):
    code, out = check(program.ini(18080, 18081, listener="max_connections_per_ip = 0"))
    assert code != 0 and "max_connections_per_ip" in out


def test_behind_a_balancer_of_requests(check):
    code, out = check(program.ini(18080, 18081, gateway="behind = alb\ntrusted = 10.0.0.0/8",
                                  listener="max_connections_per_ip = 7"))
    assert code == 0 and "max_connections_per_ip has no effect with behind = alb" in out and "[per-ip-behind]" in out


def test_behind_alb_nobody_is_locked_out(serve):
    _, _, port = serve(OK, gateway="behind = alb\ntrusted = 10.0.0.0/8", listener="max_connections_per_ip = 3")
    close(hold(port, 12, "127.0.0.9"))


def test_the_longest_idle_make_room(serve):
    """Near max_connections: who rests longest goes first, who is busy stays."""
    def slow(conn):
        while (request := conn.read_request()) is not None:
            if request.target == "/slow":
                time.sleep(3)
            conn.send(answer(body=b"ok"))
    running, _, port = serve(slow, gateway="max_connections = 40")
    busy = Client(port, timeout=60)
    busy.send(wire.request("GET", "/slow"))
    held = [Client(port) for _ in range(30)]
    for client in held:
        assert client.ask().status == 200
    more = [Client(port, timeout=60) for _ in range(30)]
    for client in more:
        assert client.ask().status == 200
    assert held[0].is_closed(10)
    assert busy.response().status == 200
    assert "setting=max_connections" in running.events("clients_shed", 1)[0]
    assert not more[-1].is_closed(0.2)
    close([busy, *held, *more])


def test_a_drain_amid_idle_clients(serve):
    """Those that rest are let go in any order, and it ends."""
    running, _, port = serve(OK)
    held = hold(port, 8, "127.0.0.9")
    running.signal(signal.SIGTERM)
    time.sleep(0.2)
    close(held[::2])
    assert running.wait(20) == 0
    close(held[1::2])


def test_connection_max_age(serve):
    """The answer behind it says close; an idle one is closed."""
    _, _, port = serve(OK, listener="connection_max_age = 1s")
    with Client(port) as idle, Client(port) as busy:
        assert idle.ask().status == 200
        assert idle.is_closed(10)
        def is_told():
            try:
                return busy.ask().get("Connection") == "close"
            except (OSError, wire.Cut):
                return True
        assert procs.wait_for(is_told, 20)


def test_connections_that_came_together_do_not_go_together(serve):
    """connection_max_age, give or take 10 %: who reconnects does not come all at once."""
    _, _, port = serve(OK, listener="connection_max_age = 3s")
    begun = time.monotonic()
    held, closed = [Client(port) for _ in range(40)], []
    assert {client.ask().status for client in held} == {200}
    while len(closed) < len(held) and time.monotonic() < begun + 60:
        readable, _, _ = select.select([one.sock for one in held if one.sock not in closed], [], [], 10)
        closed += readable
        for sock in readable:
            assert sock.recv(1) == b""
        if len(closed) == len(readable):
            first = time.monotonic()
    last = time.monotonic()
    close(held)
    assert len(closed) == 40 and first >= begun + 2.65 and last - first > 0.3


def test_memory_max(gateway, backend, port):
    """Bodies that wait fill the budget: new requests get 503 then, and what runs is answered in the end."""
    def late(conn):
        while (head := conn.read_head()) is not None:
            if head.target == "/late":
                time.sleep(600)
            conn.send(answer(body=b"ok"))
            return
    text = program.ini(port, backend(late).port, gateway="memory_max = 16m", listener="body_max = none\nmin_rate = none")
    gateway(text)
    held = []

    def is_over():
        for _ in range(20):
            held.append(Client(port))
            held[-1].sock.setblocking(False)
            try:
                held[-1].sock.send(wire.request("POST", "/late", [("Content-Length", "10000000")]) + bytes(1 << 20))
            except OSError:
                pass
        try:
            with Client(port) as client:
                return client.ask().status == 503
        except (OSError, wire.Cut):
            return False
    assert procs.wait_for(is_over, 60)
    with Client(port) as client:
        assert client.ask(target="/healthz").status == 200, "health is no work"
    close(held)
    assert procs.wait_for(lambda: served(port), 30)


@pytest.mark.opt_only
def test_memory_comes_back(gateway, backend, port, leaf, ca):
    """After 300 TLS connections a worker takes about what it took after thirty."""
    running = gateway(program.ini(port, backend(backends.always(answer(body=b"x" * 30000))).port, tls=[leaf]))
    context = wire.context(ca.cert)

    def visit(count):
        held = [Client(port, context, "example.com") for _ in range(count)]
        for client in held:
            assert client.ask().status == 200
        peak = running.memory("Pss")
        close(held)
        return peak
    visit(30)
    before = running.memory("Pss")
    peak = visit(300)
    assert peak > before + 4096, "the visit is seen at all"
    assert procs.wait_for(lambda: running.memory("Pss") <= before * 1.1 + 1024, 30), (before, peak, running.memory("Pss"))


@pytest.mark.opt_only
def test_memory_of_clients_that_rest(gateway, backend, port, leaf, ca):
    """TLS connections that are kept, but idle: the kernel has their buffers back, not only malloc."""
    running = gateway(program.ini(port, backend(backends.always(answer(body=b"x" * 30000))).port, tls=[leaf]))
    context = wire.context(ca.cert)
    before, held = running.memory("Pss"), []
    for _ in range(300):
        held.append(Client(port, context, "example.com"))
        assert held[-1].ask().status == 200

    def each():
        return (running.memory("Pss") - before) / len(held)
    assert procs.wait_for(lambda: each() < 24, 30), f"{each()} KiB for each of them"
    close(held)


def test_few_descriptors(gateway, backend, port):
    """At the limit it waits instead of spinning, and is back as soon as some are free."""
    text = program.ini(port, backend(OK).port, gateway="max_connections = 1000", listener="max_connections_per_ip = 100000")
    may_not_raise = ["setpriv", "--bounding-set=-sys_resource"] if os.geteuid() == 0 else []
    running = gateway(text, wrap=[*may_not_raise, "prlimit", "--nofile=150:150"])
    worker, = running.workers()
    held = []
    for _ in range(200):
        try:
            held.append(Client(port, timeout=3))
        except OSError:
            break
    used = procs.cpu_us(worker)
    time.sleep(2)
    assert procs.cpu_us(worker) - used < 1_000_000, "half a core is far more than waiting takes"
    assert len(procs.descriptors(worker)) <= 150
    close(held)
    assert procs.wait_for(lambda: served(port), 20)


@pytest.mark.parametrize("setting, bytes_sent", [("header_timeout", b"GET / HT"), ("header_timeout", b"")])
def test_a_cut_names_its_setting(serve, setting, bytes_sent):
    running, _, port = serve(OK, listener="header_timeout = 300ms")
    with Client(port) as client:
        client.send(bytes_sent)
        assert procs.wait_for(lambda: running.events("clients_cut"), 20)
    assert f"setting={setting}" in running.events("clients_cut", 1)[0]


def test_a_half_hello_is_cut(gateway, backend, port, leaf):
    running = gateway(program.ini(port, backend(OK).port, listener="tls_timeout = 300ms", tls=[leaf]))
    with socket.create_connection(("127.0.0.1", port)) as client:
        client.sendall(b"\x16\x03\x01\x02\x00\x01")
        assert procs.wait_for(lambda: running.events("clients_cut"), 20)
    assert "setting=tls_timeout" in running.events("clients_cut", 1)[0]
