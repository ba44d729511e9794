"""Every deadline: who owes the next byte is the one who is cut (spec 3, threats "Slowness")."""
import socket
import threading
import time

import pytest

import backends
import gateway as program
import wire
from wire import Client, answer, request


def took(act, least, most):
    began = time.monotonic()
    value = act()
    spent = time.monotonic() - began
    assert least <= spent <= most + program.SLOW - 1, f"{spent:.2f} s, not {least} to {most}"
    return value


def test_header_timeout_counts_from_the_first_byte(serve):
    """Bytes that go on coming do not extend it."""
    running, behind, port = serve(listener="header_timeout = 1s")

    def drip():
        with Client(port) as client:
            client.send(b"GET / HTTP/1.1\r\nHost: example.com\r\n")
            client.sock.settimeout(0.1)
            for i in range(100):
                try:
                    client.send(b"X: 1\r\n")
                    if not client.reader.more():
                        break
                except (socket.timeout, TimeoutError):
                    continue
                except OSError:
                    break
            client.sock.settimeout(5)
            client.reader.rest()
            return bytes(client.reader.raw)
    got = took(drip, 0.8, 3)
    assert got.startswith(b"HTTP/1.1 408 ") or got == b""
    assert not behind.requests


def test_header_timeout_is_408(serve):
    running, _, port = serve(listener="header_timeout = 1s")
    with Client(port) as client:
        client.send(b"GET / HTTP/1.1\r\n")
        got = took(client.response, 0.8, 2)
        assert got.status == 408 and client.is_closed()
    line = running.access(1)[0]
    assert line["status"] == 408 and line["cause"] in ("client_timeout", "client_slow") and line["at"] == "header"


def test_a_silent_connection_is_closed(serve):
    _, _, port = serve(listener="header_timeout = 1s\nclient_idle = 1s")
    with Client(port) as client:
        took(client.reader.rest, 0.8, 3)


def test_client_idle(serve):
    _, _, port = serve(listener="client_idle = 1s")
    with Client(port) as client:
        assert client.ask().status == 200
        assert took(client.reader.rest, 0.8, 2) == b"", "an idle connection is closed without a word"


def test_idle_is_not_a_slow_answer(serve):
    """client_idle does not run while the backend thinks."""
    def script(conn):
        conn.read_request()
        time.sleep(2)
        conn.send(answer(body=b"ok"))
    _, _, port = serve(script, listener="client_idle = 1s\nheader_timeout = 1s")
    with Client(port) as client:
        assert client.ask().body == b"ok"


def test_tls_timeout(serve, leaf):
    _, _, port = serve(tls=[leaf], listener="tls_timeout = 1s")
    with Client(port) as client:
        client.send(bytes.fromhex("1603010200010001fc0303"))
        took(client.reader.rest, 0.8, 2.5)


def test_connect_timeout(gateway, port):
    """A backend whose queue of connections is full: the kernel lets ours hang."""
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        where = full.getsockname()
        fillers = []
        for _ in range(4):
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex(where)
            fillers.append(filler)
        time.sleep(0.2)
        running = gateway(program.ini(port, where[1], pool="connect_timeout = 1s\nretries = 0"))
        with Client(port) as client:
            assert took(client.ask, 0.8, 2).status == 504
        line = running.access(1)[0]
        assert line["cause"] == "backend_timeout" and line["at"] == "connect"
        for filler in fillers:
            filler.close()


def test_answer_timeout(serve):
    def script(conn):
        conn.read_request()
        time.sleep(5)
    running, _, port = serve(script, pool="answer_timeout = 1s")
    with Client(port) as client:
        got = took(client.ask, 0.8, 2)
        assert got.status == 504
        assert client.ask(target="/healthz").status == 200, "the client's connection stays"
    line = running.access(1)[0]
    assert line["cause"] == "backend_timeout" and line["at"] == "answer" and line["tries"] == 1


def test_answer_timeout_of_a_dripped_head(serve):
    def script(conn):
        conn.read_request()
        for byte in b"HTTP/1.1 200 OK\r\nX-Slow: " + b"a" * 100:
            conn.send(bytes([byte]))
            time.sleep(0.05)
    _, _, port = serve(script, pool="answer_timeout = 1s")
    with Client(port) as client:
        assert took(client.ask, 0.8, 2).status == 504


def test_answer_timeout_starts_when_the_request_is_sent(serve):
    """A slow upload is not the backend's fault."""
    _, _, port = serve(pool="answer_timeout = 1s")
    with Client(port) as client:
        client.send(request("POST", fields=[("Content-Length", "20")]))
        for _ in range(20):
            client.send(b"x")
            time.sleep(0.1)
        assert client.response().body == b"x" * 20


def test_read_timeout_between_bytes(serve):
    def script(conn):
        conn.read_request()
        conn.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n" + b"x" * 50)
        time.sleep(5)
    running, _, port = serve(script, pool="read_timeout = 1s")
    with Client(port) as client:
        got = took(client.ask, 0.8, 2.5)
        assert got.status == 200 and not got.is_complete
    line = running.access(1)[0]
    assert line["cause"] == "backend_timeout" and line["at"] == "data"


def test_read_timeout_is_not_the_whole_answer(serve):
    def script(conn):
        conn.read_request()
        conn.send(b"HTTP/1.1 200 OK\r\nContent-Length: 30\r\n\r\n")
        for _ in range(30):
            conn.send(b"x")
            time.sleep(0.1)
    _, _, port = serve(script, pool="read_timeout = 1s")
    with Client(port) as client:
        assert client.ask().body == b"x" * 30


def test_route_timeout_is_the_whole_exchange(serve):
    def script(conn):
        conn.read_request()
        conn.send(b"HTTP/1.1 200 OK\r\nContent-Length: 300\r\n\r\n")
        for _ in range(50):
            conn.send(b"x")
            time.sleep(0.1)
    _, _, port = serve(script, route="timeout = 1s")
    with Client(port) as client:
        got = took(client.ask, 0.8, 2.5)
        assert not got.is_complete


def test_route_timeout_before_the_head_is_504(serve):
    def script(conn):
        conn.read_request()
        time.sleep(4)
    _, _, port = serve(script, route="timeout = 1s")
    with Client(port) as client:
        assert took(client.ask, 0.8, 2.5).status == 504


def test_dripped_body_is_408(serve):
    """min_rate: after 5 s of grace, under 500 B/s: refused, and the backend's connection goes too."""
    running, _, port = serve(listener="min_rate = 500/s")

    def drip():
        with Client(port) as client:
            client.send(request("POST", fields=[("Content-Length", "100000")]))
            client.sock.settimeout(0.25)
            for _ in range(80):
                try:
                    client.send(b"x" * 10)
                    client.reader.more()
                except (socket.timeout, TimeoutError):
                    continue
                except OSError:
                    break
                if client.reader.raw:
                    break
            return bytes(client.reader.raw)
    got = took(drip, 4.5, 14)
    assert got.startswith(b"HTTP/1.1 408 ")
    line = running.access(1)[0]
    assert line["status"] == 408 and line["cause"] == "client_slow" and line["at"] == "body"


def test_unread_answer_is_cut(serve):
    """A client that asks for much and reads nothing is cut; the backend was paused meanwhile, not buffered."""
    sent = [0]
    cut = threading.Event()

    def script(conn):
        conn.read_request()
        conn.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
        try:
            while True:
                conn.send(b"x" * 65536)
                sent[0] += 65536
        finally:
            cut.set()
    running, _, port = serve(script, listener="min_rate = 500/s")
    client = Client(port)
    client.send(request())
    took(lambda: cut.wait(60), 4.5, 50)
    assert cut.is_set()
    assert sent[0] < 32 << 20, "only what sockets and two marks hold"
    assert running.access(1)[0]["cause"] in ("client_slow", "client_timeout")
    client.close()


def test_a_slow_reader_above_the_rate_is_served(serve):
    _, _, port = serve(backends.always(answer(body=b"x" * 400000)), listener="min_rate = 500/s")
    with Client(port) as client:
        client.send(request())
        end = time.monotonic() + 8
        while len(client.reader.raw) < 400000:
            client.reader.more()
            if time.monotonic() < end:
                time.sleep(0.05)
        assert client.reader.raw.endswith(b"xxxx")


@pytest.mark.parametrize("at", ["before", "behind"])
def test_stalled_client_of_a_paused_backend_is_heard(serve, at):
    """A client paused by us that goes away is noticed at once."""
    ended = threading.Event()

    def script(conn):
        if at == "before":
            conn.read_head()
        else:
            conn.read_request()
        try:
            conn.reader.rest()
        finally:
            ended.set()
    _, _, port = serve(script)
    client = Client(port)
    client.send(request("POST", fields=[("Content-Length", "10" if at == "behind" else "1000000")])
                + b"x" * (10 if at == "behind" else 1000))
    time.sleep(0.3)
    client.reset()
    assert ended.wait(3 * program.SLOW)
