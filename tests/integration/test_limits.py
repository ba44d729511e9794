"""Every limit of a request: its status, that nothing of it reaches a backend, and what lies just inside it."""
import pytest

import backends
import procs
from wire import Client, answer, request

OK = backends.always(answer(body=b"ok"))


def status_of(port, raw):
    with Client(port) as client:
        client.send(raw)
        got = client.response()
        return got.status, client.is_closed()


def test_body_max_by_length(serve):
    _, behind, port = serve(listener="body_max = 1k")
    assert status_of(port, request("POST", fields=[("Content-Length", "1025")])) == (413, True)
    assert not behind.requests
    with Client(port) as client:
        assert client.ask("POST", body=b"x" * 1024).body == b"x" * 1024


def test_body_max_by_chunks(serve):
    """It is known only on the way: 413 where no answer has begun, and the backend sees no complete request."""
    _, behind, port = serve(listener="body_max = 1k")
    with Client(port) as client:
        client.send(request("POST", fields=[("Transfer-Encoding", "chunked")]))
        client.send(b"400\r\n" + b"x" * 1024 + b"\r\n")
        client.send(b"1\r\nx\r\n0\r\n\r\n")
        assert client.response().status == 413 and client.is_closed()
    assert not behind.requests or not behind.requests[0].is_complete


def test_body_max_of_a_route_wins(serve):
    _, _, port = serve(listener="body_max = 1k", route="body_max = 4k")
    with Client(port) as client:
        assert client.ask("POST", body=b"x" * 4096).status == 200
    assert status_of(port, request("POST", body=b"x" * 4097))[0] == 413


def test_413_while_expecting(serve):
    """The refusal comes instead of 100."""
    _, _, port = serve(listener="body_max = 1k")
    with Client(port) as client:
        client.send(request("POST", fields=[("Content-Length", "2000"), ("Expect", "100-continue")]))
        assert client.reader.head().status == 413


def test_header_max(serve):
    _, behind, port = serve(OK, listener="header_max = 4k\nuri_max = 2k")
    fits = request(fields=[("X", "a" * 900)] * 4)
    assert len(fits) < 4096
    assert status_of(port, fits)[0] == 200
    assert status_of(port, request(fields=[("X", "a" * 900)] * 5)) == (431, True)
    assert len(behind.requests) == 1


def test_header_max_without_an_end(serve):
    """Refused as soon as it is too long, not when it ends."""
    _, _, port = serve(OK, listener="header_max = 4k\nuri_max = 2k")
    assert status_of(port, b"GET / HTTP/1.1\r\nHost: example.com\r\nX: " + b"a" * 5000) == (431, True)


def test_header_count_max(serve):
    _, behind, port = serve(OK, listener="header_count_max = 20")
    assert status_of(port, request(fields=[("X", "1")] * 19))[0] == 200
    assert status_of(port, request(fields=[("X", "1")] * 20)) == (431, True)
    assert len(behind.requests) == 1


def test_default_limits(serve):
    _, _, port = serve(OK)
    assert status_of(port, request(fields=[("X", "1")] * 99))[0] == 200
    assert status_of(port, request(fields=[("X", "1")] * 100))[0] == 431
    assert status_of(port, request(fields=[("X", "a" * 8000)] * 3))[0] == 431
    assert status_of(port, request(target="/" + "a" * 8191))[0] == 200
    assert status_of(port, request(target="/" + "a" * 8192))[0] == 414
    assert status_of(port, request("POST", fields=[("Content-Length", str(10 * 1024 * 1024 + 1))]))[0] == 413


def test_uri_max(serve):
    _, behind, port = serve(OK, listener="uri_max = 100")
    assert status_of(port, request(target="/" + "a" * 99))[0] == 200
    assert status_of(port, request(target="/" + "a" * 100)) == (414, True)
    assert status_of(port, b"GET /" + b"a" * 3000) == (414, True), "refused before it ends"
    assert len(behind.requests) == 1


def test_methods(serve):
    _, behind, port = serve(OK, listener="methods = GET, POST")
    with Client(port) as client:
        assert client.ask().status == 200
        got = client.ask("DELETE", "/")
        assert got.status == 405
    assert len(behind.requests) == 1


@pytest.mark.parametrize("method, status", [("CONNECT", (400, 405, 501)), ("TRACE", (405, 501)), ("BREW", (501,)),
                                            ("get", (400, 501)), ("G:T", (400,))])
def test_odd_methods(serve, method, status):
    _, behind, port = serve(OK)
    assert status_of(port, f"{method} / HTTP/1.1\r\nHost: example.com\r\n\r\n".encode())[0] in status
    assert not behind.requests


@pytest.mark.parametrize("setting, status, name", [("drop", 200, None), ("reject", 400, None), ("pass", 200, "1")])
def test_underscore_headers(serve, setting, status, name):
    _, behind, port = serve(OK, listener=f"underscore_headers = {setting}")
    with Client(port) as client:
        assert client.ask(fields=[("x_user", "1"), ("X-Stays", "2")]).status == status
    if status == 200:
        assert behind.requests[0].get("x_user") == name and behind.requests[0].get("X-Stays") == "2"


def test_max_connections_per_ip(serve):
    """Above it the socket is closed at once; when one leaves there is room again."""
    _, _, port = serve(OK, listener="max_connections_per_ip = 3")
    one = "127.0.0.9"       # not who asked whether the gateway is up, and may not have left yet
    held = [Client(port, source=one) for _ in range(3)]
    for client in held:
        assert client.ask().status == 200
    with Client(port, source=one) as extra:
        assert extra.is_closed(10)
    held.pop().close()

    def fits():
        with Client(port, source=one) as client:
            try:
                return client.ask().status == 200
            except Exception:
                return False
    assert procs.wait_for(fits, 20)
    for client in held:
        client.close()
