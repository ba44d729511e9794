"""A request and its answer on their way through: what is removed, what is added, what ends where (spec 4, RFC 9110 7.6)."""
import threading
import time

import pytest

import backends
import gateway as program
import wire
from wire import Client, answer, chunked, request


def seen(behind, index=0):
    return behind.requests[index]


# --- the request's head ---

def test_head_is_written_anew(serve):
    _, behind, port = serve()
    with Client(port) as client:
        assert client.ask(target="/a/./b/../c%7e?x=%41&y", fields=[("Accept", "text/plain")]).status == 200
    got = seen(behind)
    assert got.start == "GET /a/c~?x=%41&y HTTP/1.1"
    assert got.all("Host") == ["example.com"]
    assert got.get("Accept") == "text/plain"


def test_forwarding_fields_are_ours(serve):
    _, behind, port = serve()
    with Client(port) as client:
        client.ask(fields=[("X-Forwarded-For", "6.6.6.6"), ("X-Forwarded-Proto", "https"), ("X-Forwarded-Host", "evil"),
                           ("X-Forwarded-Port", "1"), ("X-Real-IP", "6.6.6.6"), ("Forwarded", "for=6.6.6.6"),
                           ("X_Forwarded_For", "6.6.6.6")])
    got = seen(behind)
    assert got.all("X-Forwarded-For") == ["127.0.0.1"]
    assert got.all("X-Forwarded-Proto") == ["http"]
    assert got.all("X-Forwarded-Host") == ["example.com"]
    assert got.all("X-Forwarded-Port") == [str(port)]
    assert len(got.all("X-Request-Id")) == 1 and len(got.get("X-Request-Id")) >= 16
    assert len(got.all("Via")) == 1 and got.get("Via").startswith("1.1 ")
    assert b"6.6.6.6" not in got.head and b"evil" not in got.head


def test_trusted_peer_is_appended_to(serve):
    _, behind, port = serve(gateway="trusted = 127.0.0.0/8")
    with Client(port) as client:
        client.ask(fields=[("X-Forwarded-For", "203.0.113.9, 127.0.0.5")])
    assert seen(behind).all("X-Forwarded-For") == ["203.0.113.9, 127.0.0.5, 127.0.0.1"]


def test_request_ids_differ(serve):
    _, behind, port = serve()
    with Client(port) as client:
        for _ in range(20):
            client.ask()
    assert len({got.get("X-Request-Id") for got in behind.requests}) == 20


@pytest.mark.parametrize("field", [
    ("Connection", "keep-alive"), ("Keep-Alive", "timeout=5"), ("Proxy-Connection", "keep-alive"), ("TE", "trailers"),
    ("Trailer", "X-Sum"), ("Upgrade", "h2c"), ("HTTP2-Settings", "AAMAAABk"), ("Proxy", "http://evil"),
    ("Proxy-Authorization", "Basic eA=="),
], ids=lambda field: field[0])
def test_hop_by_hop_is_removed(serve, field):
    _, behind, port = serve()
    with Client(port) as client:
        assert client.ask(fields=[field, ("X-Stays", "1")]).status == 200
    got = seen(behind)
    assert field[1] not in got.all(field[0])
    assert got.get("X-Stays") == "1"


def test_fields_named_in_connection_are_removed(serve):
    _, behind, port = serve()
    with Client(port) as client:
        client.ask(fields=[("Connection", "X-Drop, x-too"), ("X-Drop", "1"), ("X-Too", "2"), ("X-Stays", "3")])
    got = seen(behind)
    assert "X-Drop" not in got and "X-Too" not in got and got.get("X-Stays") == "3"


@pytest.mark.parametrize("name", ["Host", "Content-Length", "Transfer-Encoding", "X-Forwarded-For"])
def test_connection_naming_what_matters_is_refused(serve, name):
    _, behind, port = serve()
    with Client(port) as client:
        assert client.ask(fields=[("Connection", f"close, {name}")]).status == 400
        assert client.is_closed()
    assert not behind.requests


def test_repeated_fields_keep_their_order(serve):
    _, behind, port = serve()
    with Client(port) as client:
        client.ask(fields=[("X-A", "1"), ("X-B", "2"), ("X-A", "3"), ("Cookie", "a=1"), ("Cookie", "b=2")])
    got = seen(behind)
    assert got.all("X-A") == ["1", "3"]
    assert "; ".join(got.all("Cookie")) == "a=1; b=2"


# --- bodies of requests ---

@pytest.mark.parametrize("size", [0, 1, 1000, 65536, 300000])
def test_length_body(serve, size):
    _, behind, port = serve()
    body = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
    with Client(port) as client:
        got = client.ask("POST", "/", [("Content-Length", str(size))], body)
    assert got.body == body
    assert seen(behind).all("Content-Length") == [str(size)]


def test_chunked_body_is_encoded_anew(serve):
    _, behind, port = serve()
    with Client(port) as client:
        client.send(request("POST", fields=[("Transfer-Encoding", "chunked")])
                    + b"5;ext=1\r\nhello\r\n0003\r\n wo\r\n3\r\nrld\r\n0\r\nX-Trailer: 1\r\n\r\n")
        assert client.response().body == b"hello world"
    got = seen(behind)
    assert got.all("Transfer-Encoding") == ["chunked"] and "Content-Length" not in got
    assert got.trailers == b""
    assert b"ext=1" not in behind.raw and b"X-Trailer" not in behind.raw


def test_trailers_of_an_answer_are_dropped(serve):
    _, _, port = serve(backends.always(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n"
                                       + chunked(b"body", trailers=b"X-Sum: 1\r\n")))
    with Client(port) as client:
        got = client.ask()
        assert got.body == b"body" and got.trailers == b"" and "Trailer" not in got
        assert client.ask().body == b"body"


def test_expect_is_answered_by_us(serve):
    _, behind, port = serve()
    with Client(port) as client:
        client.send(request("POST", fields=[("Expect", "100-continue"), ("Content-Length", "4")]))
        assert client.reader.head().start.startswith("HTTP/1.1 100")
        client.send(b"body")
        assert client.response().body == b"body"
    assert "Expect" not in seen(behind)


def test_expect_with_the_body_already_there(serve):
    _, _, port = serve()
    with Client(port) as client:
        client.send(request("POST", fields=[("Expect", "100-continue"), ("Content-Length", "4")]) + b"body")
        assert client.response().body == b"body"


def test_other_expectation_is_417(serve):
    _, behind, port = serve()
    with Client(port) as client:
        assert client.ask("POST", fields=[("Expect", "tea")], body=b"x").status == 417
    assert not behind.requests


# --- answers ---

def test_answer_head_is_written_anew(serve):
    _, _, port = serve(backends.always(answer(fields=[
        ("Server", "secret/1.0"), ("X-Powered-By", "x"), ("Connection", "X-Hop, keep-alive"), ("X-Hop", "1"),
        ("Keep-Alive", "timeout=99"), ("Set-Cookie", "a=1"), ("Set-Cookie", "b=2"), ("Proxy-Connection", "x")], body=b"ok")))
    with Client(port) as client:
        got = client.ask()
    assert got.body == b"ok"
    assert "Server" not in got and "X-Hop" not in got and "Keep-Alive" not in got and "Proxy-Connection" not in got
    assert got.all("Set-Cookie") == ["a=1", "b=2"]
    assert len(got.all("Via")) == 1 and len(got.all("Date")) == 1


@pytest.mark.parametrize("status", ["204 No Content", "304 Not Modified"])
def test_no_body_statuses(serve, status):
    fields = [("Content-Length", "0")] if status[0] == "2" else [("Content-Length", "5"), ("ETag", '"x"')]
    raw = f"HTTP/1.1 {status}\r\n" + "".join(f"{n}: {v}\r\n" for n, v in fields[1 if status[0] == "2" else 0:]) + "\r\n"
    _, _, port = serve(backends.always(raw.encode()))
    with Client(port) as client:
        for _ in range(3):
            got = client.ask()
            assert got.status == int(status[:3]) and got.body == b""
            if status[0] == "2":
                assert "Content-Length" not in got and "Transfer-Encoding" not in got


def test_head_has_the_length_and_no_body(serve):
    _, _, port = serve(backends.always(b"HTTP/1.1 200 OK\r\nContent-Length: 1234\r\nX-A: 1\r\n\r\n"))
    with Client(port) as client:
        for _ in range(3):
            got = client.ask("HEAD")
            assert got.status == 200 and got.get("Content-Length") == "1234" and got.body == b""


def test_interim_answers(serve):
    _, _, port = serve(backends.always(b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n" + answer(body=b"ok")))
    with Client(port) as client:
        client.send(request())
        assert client.reader.head().start.startswith("HTTP/1.1 103")
        assert client.response().body == b"ok"


def test_no_interim_answer_for_http_1_0(serve):
    _, _, port = serve(backends.always(b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n" + answer(body=b"ok")))
    with Client(port) as client:
        client.send(request(version="1.0"))
        assert client.reader.head().status == 200


def test_too_many_interim_answers(serve):
    _, _, port = serve(backends.once(b"HTTP/1.1 102 Processing\r\n\r\n" * 50 + answer(body=b"ok")))
    with Client(port) as client:
        client.send(request())
        interim = 0
        while (got := client.reader.head()).status < 200:
            interim += 1
        assert got.status == 502 and interim <= 8


def test_early_answer_before_the_body_ended(serve):
    """The answer is passed on at once; what is left of the body leads nowhere and costs at most the connection."""
    def script(conn):
        conn.read_head()
        conn.send(answer("413 Content Too Large", [("Connection", "close")], b"too much"))
        time.sleep(0.5)
    _, _, port = serve(script)
    with Client(port) as client:
        client.send(request("POST", fields=[("Content-Length", "1000000")]) + b"x" * 1000)
        got = client.response()
        assert got.status == 413 and got.body == b"too much"


def test_http_1_0_client(serve):
    _, _, port = serve(backends.always(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked(b"he", b"llo")))
    with Client(port) as client:
        client.send(request(version="1.0"))
        got = client.response()
        assert "Transfer-Encoding" not in got and got.body == b"hello" and got.is_complete


def test_http_1_0_client_keeps_alive_when_it_asks(serve):
    _, _, port = serve(backends.always(answer(body=b"ok")))
    with Client(port) as client:
        for _ in range(2):
            client.send(request(version="1.0", fields=[("Connection", "keep-alive")]))
            got = client.response()
            assert got.body == b"ok" and got.get("Connection", "").lower() == "keep-alive"


def test_http_1_0_backend(serve):
    _, behind, port = serve(backends.once(b"HTTP/1.0 200 OK\r\n\r\nuntil the end"))
    with Client(port) as client:
        got = client.ask()
        assert got.framing == "chunked" and got.body == b"until the end" and got.is_complete
        assert client.ask().body == b"until the end"
    assert len(behind.conns) == 2


def test_close_delimited_answer_for_an_http_1_0_client(serve):
    _, _, port = serve(backends.once(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nuntil the end"))
    with Client(port) as client:
        client.send(request(version="1.0"))
        got = client.response()
        assert got.body == b"until the end" and "Transfer-Encoding" not in got


# --- a cut is a visible cut ---

def cuts():
    yield "length", b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this", False
    yield "chunked", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nonly this\r\n", False
    yield "in a chunk", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n64\r\nonly this", False
    yield "no last CRLF", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nonly this\r\n0\r\n", False
    yield "length, reset", b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this", True
    yield "close, reset", b"HTTP/1.1 200 OK\r\n\r\nonly this", True


@pytest.mark.parametrize("data, is_reset", [cut[1:] for cut in cuts()], ids=[cut[0] for cut in cuts()])
def test_a_cut_answer_is_a_visible_cut(serve, data, is_reset):
    def script(conn):
        conn.read_request()
        conn.send(data)
        if is_reset:
            time.sleep(0.2)
            conn.reset()
    running, _, port = serve(script)
    with Client(port) as client:
        got = client.ask()
        assert got.status == 200 and not got.is_complete
    assert running.access(1)[0]["cause"] in ("backend_abort", "backend_bad_answer")


@pytest.mark.parametrize("data", [
    b"", b"HTTP/1.1 200", b"HTTP/1.1 200 OK\r\nContent-Length: 1", b"garbage\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx",
    b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nX: a\x00b\r\nContent-Length: 0\r\n\r\n", b"HTTP/1.1 101 Switching\r\n\r\n",
])
def test_broken_answers_are_502(serve, data):
    _, _, port = serve(backends.once(data), pool="retries = 0")
    with Client(port) as client:
        got = client.ask()
        assert got.status == 502 and "X-Request-Id" in got


# --- order, time, direction ---

def test_pipelined_requests_are_answered_in_order(serve):
    _, behind, port = serve(backends.always(lambda got: answer(body=got.target.encode() * 100)))
    with Client(port) as client:
        client.send(b"".join(request("POST" if i % 3 == 0 else "GET", f"/{i}", body=b"b" * i if i % 3 == 0 else b"")
                             for i in range(1, 60)))
        for i in range(1, 60):
            assert client.response().body == f"/{i}".encode() * 100
    assert [got.target for got in behind.requests] == [f"/{i}" for i in range(1, 60)]


def test_events_pass_without_delay(serve):
    """Each event is sent only after the client saw the one before: anything held back would stop it."""
    got_it = threading.Semaphore(0)

    def script(conn):
        conn.read_request()
        conn.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n")
        for i in range(20):
            conn.send(b"data: %d\n\n" % i)
            if not got_it.acquire(timeout=5):
                raise AssertionError(f"event {i} was held back")
    _, _, port = serve(script)
    with Client(port) as client:
        client.send(request())
        client.reader.head()
        began = time.monotonic()
        for i in range(20):
            client.reader.until(b"data: %d\n\n" % i)
            got_it.release()
        assert time.monotonic() - began < 2 * program.SLOW


def test_both_directions_run_at_once(serve):
    """An echo that answers while the request still comes."""
    def script(conn):
        conn.read_head()
        conn.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            line = conn.reader.until(b"\r\n")
            size = int(line, 16)
            if size == 0:
                break
            conn.send(b"%x\r\n%s\r\n" % (size, conn.reader.exactly(size)))
            conn.reader.exactly(2)
        conn.send(b"0\r\n\r\n")
    _, _, port = serve(script)
    with Client(port) as client:
        client.send(request("POST", fields=[("Transfer-Encoding", "chunked")]))
        assert client.reader.head().status == 200
        for word in (b"one", b"two", b"three"):
            client.send(b"%x\r\n%s\r\n" % (len(word), word))
            client.reader.until(word)
        client.send(b"0\r\n\r\n")
        client.reader.until(b"0\r\n\r\n")


def test_half_closed_client_gets_its_answer(serve):
    def script(conn):
        conn.read_request()
        time.sleep(0.3)
        conn.send(answer(body=b"late but there"))
    _, _, port = serve(script)
    with Client(port) as client:
        client.send(request())
        client.half_close()
        assert client.response().body == b"late but there"
        assert client.is_closed()


def test_a_client_that_leaves_takes_its_backend_connection_along(serve):
    ended = threading.Event()

    def script(conn):
        conn.read_request()
        conn.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
        try:
            while True:
                conn.send(b"x" * 65536)
        finally:
            ended.set()
    running, _, port = serve(script)
    client = Client(port)
    client.send(request())
    client.reader.head()
    client.reset()
    assert ended.wait(5 * program.SLOW)
    assert running.access(1)[0]["cause"] == "client_abort"


def test_own_answers_are_text_or_json(serve):
    _, _, port = serve(route="path = /here")
    with Client(port) as client:
        plain = client.ask(target="/nowhere")
        assert plain.status == 404 and plain.get("Content-Type").startswith("text/plain")
        assert plain.get("X-Request-Id") in plain.body.decode()
        made = client.ask(target="/nowhere", fields=[("Accept", "application/json")])
        import json
        assert json.loads(made.body)["status"] == 404 and made.get("Content-Type").startswith("application/json")
        assert json.loads(made.body)["id"] == made.get("X-Request-Id")
        assert client.ask("HEAD", "/nowhere").body == b""


def test_x_forwarded_proto_behind_tls(serve, leaf, ca):
    _, behind, port = serve(tls=[leaf])
    with Client(port, wire.context(ca.cert), "example.com") as client:
        got = client.ask()
    assert got.status == 200
    assert seen(behind).all("X-Forwarded-Proto") == ["https"]
    assert "max-age=" in got.get("Strict-Transport-Security", "")
