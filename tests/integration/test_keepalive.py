"""Connections kept on both sides: reused, aged out, and what happens when the other side closed first."""
import threading
import time

import pytest

import backends
import gateway as program
import procs
from wire import Client, answer, request


def test_both_sides_are_kept(serve):
    _, behind, port = serve(backends.always(answer(body=b"ok")))
    with Client(port) as client:
        for _ in range(50):
            assert client.ask().body == b"ok"
    with Client(port) as client:
        assert client.ask().body == b"ok"
    assert len(behind.conns) == 1 and len(behind.requests) == 51


def test_client_asks_to_close(serve):
    _, behind, port = serve(backends.always(answer(body=b"ok")))
    for _ in range(2):
        with Client(port) as client:
            got = client.ask(fields=[("Connection", "close")])
            assert got.get("Connection", "").lower() == "close" and client.is_closed()
    assert len(behind.conns) == 1, "the client's close is not the backend's"


def test_backend_closes_after_its_answer(serve):
    _, behind, port = serve(backends.once(answer(fields=[("Connection", "close")], body=b"ok")))
    with Client(port) as client:
        for _ in range(5):
            got = client.ask()
            assert got.body == b"ok" and got.get("Connection", "").lower() != "close"
    assert len(behind.conns) == 5


def test_backend_that_closes_without_saying_so(serve):
    """The pooled connection is gone, or goes as we write: the next request is answered all the same."""
    _, behind, port = serve(backends.once(answer(body=b"ok")))
    with Client(port) as client:
        for _ in range(20):
            assert client.ask().body == b"ok"
    assert len(behind.conns) == 20


def stale(conn):
    """Answers one; takes the second request and closes without an answer: stale, as seen from the gateway."""
    conn.read_request()
    conn.send(answer(body=b"first"))
    if conn.number == 1:
        conn.read_request()
        return
    while conn.read_request():
        conn.send(answer(body=b"again"))


def test_stale_connection_is_replayed_once(serve):
    _, behind, port = serve(stale)
    with Client(port) as client:
        assert client.ask().body == b"first"
        assert client.ask().body == b"first"
    assert len(behind.conns) == 2


def test_a_post_is_not_sent_twice(serve):
    _, behind, port = serve(stale)
    with Client(port) as client:
        assert client.ask().body == b"first"
        got = client.ask("POST", body=b"once only")
        assert got.status == 502
    assert sum(got.method == "POST" for got in behind.requests) == 1


def test_a_fresh_connection_that_dies_is_tried_once_more(serve):
    """retries = 1: two connections in all, then 502."""
    _, behind, port = serve(lambda conn: conn.read_request())
    with Client(port) as client:
        assert client.ask().status == 502
    assert len(behind.conns) == 2


def test_no_retry_once_bytes_of_an_answer_came(serve):
    _, behind, port = serve(backends.once(b"HTTP/1.1 200 OK\r\nContent-"))
    with Client(port) as client:
        assert client.ask().status == 502
    assert len(behind.conns) == 1


def test_surplus_bytes_throw_the_connection_away(serve):
    _, behind, port = serve(backends.always(answer(body=b"ok") + b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"))
    with Client(port) as client:
        for _ in range(5):
            assert client.ask().body == b"ok"
            time.sleep(0.05)
    assert len(behind.conns) == 5


def test_bytes_on_an_idle_connection_throw_it_away(serve):
    def script(conn):
        conn.read_request()
        conn.send(answer(body=b"ok"))
        time.sleep(0.2)
        conn.send(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil")
        conn.read_request()
    _, behind, port = serve(script)
    with Client(port) as client:
        assert client.ask().body == b"ok"
        time.sleep(0.6)
        assert client.ask().body == b"ok"
    assert len(behind.conns) == 2


def test_backend_idle_ends_a_parked_connection(serve):
    _, behind, port = serve(backends.always(answer(body=b"ok")), pool="backend_idle = 1s")
    with Client(port) as client:
        client.ask()
        assert procs.wait_for(lambda: behind.conns[0].reader.is_ended, 4)
        client.ask()
    assert len(behind.conns) == 2


def test_keepalive_of_the_backend_teaches(serve):
    """Keep-Alive: timeout=1 from the backend: ours ends before it would."""
    _, behind, port = serve(backends.always(answer(fields=[("Keep-Alive", "timeout=1")], body=b"ok")))
    with Client(port) as client:
        client.ask()
        assert procs.wait_for(lambda: behind.conns[0].reader.is_ended, 3)


def test_keepalive_bounds_the_idle_ones(serve):
    gate = threading.Event()

    def script(conn):
        while conn.read_request():
            gate.wait(10)
            conn.send(answer(body=b"ok"))
    running, behind, port = serve(script, pool="keepalive = 2")
    clients = [Client(port) for _ in range(8)]
    for client in clients:
        client.send(request())
    assert procs.wait_for(lambda: len(behind.requests) == 8, 5 * program.SLOW)
    gate.set()
    for client in clients:
        assert client.response().body == b"ok"
    worker = running.workers()[0]
    assert procs.wait_for(lambda: procs.sockets_to(worker, behind.port) <= 2, 3)
    for client in clients:
        client.close()


def test_max_requests_per_connection(serve):
    _, _, port = serve(backends.always(answer(body=b"ok")), listener="max_requests_per_connection = 3")
    with Client(port) as client:
        assert [client.ask().get("Connection", "").lower() for _ in range(3)] == ["", "", "close"]
        assert client.is_closed()


def test_connection_max_age(serve):
    _, _, port = serve(backends.always(answer(body=b"ok")), listener="connection_max_age = 1s")
    with Client(port) as client:
        client.ask()
        time.sleep(1.5)
        try:
            got = client.ask()
            assert got.get("Connection", "").lower() == "close"
        except Exception:               # closed while idle: as good
            pass
        assert client.is_closed()


def test_least_conn_spreads(gateway, backend, port):
    """A backend that holds requests gets no more while the other is free."""
    gate = threading.Event()

    def slow(conn):
        while conn.read_request():
            gate.wait(10)
            conn.send(answer(body=b"slow"))
    one, two = backend(slow), backend(slow)
    gateway(program.ini(port, one.port, pool=f"backend = 127.0.0.1:{two.port}"))
    clients = [Client(port) for _ in range(10)]
    for client in clients:
        client.send(request())
    assert procs.wait_for(lambda: len(one.requests) + len(two.requests) == 10, 5 * program.SLOW)
    assert len(one.requests) == len(two.requests) == 5
    gate.set()
    for client in clients:
        assert client.response().body == b"slow"
        client.close()


def test_a_refusing_backend_is_passed_over(gateway, backend, port):
    """One of two does not listen: every request is answered by the other."""
    alive = backend(backends.always(answer(body=b"ok")))
    gateway(program.ini(port, program.free_port(), pool=f"backend = 127.0.0.1:{alive.port}"))
    with Client(port) as client:
        assert [client.ask().status for _ in range(20)] == [200] * 20


def test_nobody_listens(gateway, port):
    running = gateway(program.ini(port, program.free_port()))
    with Client(port) as client:
        assert client.ask().status in (502, 503)
    assert running.access(1)[0]["cause"] == "backend_refused"


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_an_aborted_client_does_not_poison_the_pool(serve, method):
    """A client leaves in the middle of an answer; the next one gets its own answer, whole."""
    def script(conn):
        while (got := conn.read_request()) is not None:
            conn.send(b"HTTP/1.1 200 OK\r\nContent-Length: 200000\r\n\r\n" + got.target[1:2].encode() * 200000)
    _, _, port = serve(script)
    for _ in range(10):
        gone = Client(port)
        gone.send(request(method, "/a", body=b"x" if method == "POST" else b""))
        gone.reader.head()
        gone.reset()
        with Client(port) as client:
            assert client.ask(method, "/b", body=b"x" if method == "POST" else b"").body == b"b" * 200000
