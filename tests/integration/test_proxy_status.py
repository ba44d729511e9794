"""Proxy-Status (RFC 9209): on errors of our own, towards trusted peers; nobody else hears why, and nobody hears where."""
import re
import socket
import ssl

import pytest

import backends
import gateway as program
import procs
from wire import Client, answer, request

# RFC 8941: an item with parameters; of those that we use a token, an integer, or a string without escapes.
FIELD = re.compile(r'^sallyport((?:; [a-z-]+=(?:[a-z_]+|[0-9]+|"[ !#-\[\]-~]*"))+)$')
TRUSTED = "trusted = 127.0.0.0/8"


def read(value):
    found = FIELD.match(value)
    assert found, value
    return {name: text.strip('"') for name, text in (one.split("=", 1) for one in found.group(1)[2:].split("; "))}


def once(port, data, **client):
    """The answer to these bytes."""
    with Client(port, timeout=30 * program.SLOW, **client) as connection:
        connection.send(data)
        return connection.response()


def hang(conn):
    conn.read_request()
    conn.reader.rest()


def leave(conn):
    conn.read_request()


POST = request("POST", fields=[("Content-Length", "100")])

# name, backend's script, the gateway's extra lines, the request, status, error, details, other parameters
CASES = [
    ("no path", None, {"route": "path = /a*"}, request(), 404, "destination_not_found", "no_route at header", {}),
    ("denied", None, {"route": "deny = 127.0.0.1"}, request(), 403, "http_request_denied", "denied_ip at header", {}),
    ("method", None, {"listener": "methods = GET"}, request("PUT"), 405, "http_request_error", "bad_request at header",
     {"status-code": "405"}),
    ("malformed", None, {}, b"GET / HTTP/1.1\r\nHost : a\r\n\r\n", 400, "http_request_error", "bad_request at header: field_name",
     {"status-code": "400"}),
    ("unknown method", None, {}, request("BREW"), 501, "http_request_error", "bad_request at header: method_unknown",
     {"status-code": "501"}),
    ("version", None, {}, b"GET / HTTP/3.0\r\nHost: a\r\n\r\n", 505, "http_request_error", "bad_request at header: version",
     {"status-code": "505"}),
    ("expectation", None, {}, request(fields=[("Expect", "200-maybe")]), 417, "http_request_error", "bad_request at header: expect",
     {"status-code": "417"}),
    ("odd path", None, {}, request(target="/a%2fb"), 400, "http_request_error", "bad_request at header", {"status-code": "400"}),
    ("head too large", None, {}, request(fields=[("X", "a" * 20000)]), 431, "http_request_error", "too_large at header",
     {"status-code": "431"}),
    ("body too large", None, {"listener": "body_max = 10"}, POST, 413, "http_request_error", "too_large at header",
     {"status-code": "413"}),
    ("slow head", None, {"listener": "header_timeout = 300ms"}, b"GET / HT", 408, "http_request_error", "client_timeout at header",
     {"status-code": "408"}),
    ("all down", None, {"more": "[pool:gone]\n[backend:x]\npool = gone\naddress = 127.0.0.1:9\ndown = yes\n"
                                "[route:gone]\nhost = example.com\npool = gone\n"}, request(), 503, "destination_unavailable",
     "no_backend at queue", {}),
    ("answer timeout", hang, {"pool": "answer_timeout = 300ms\nretries = 0"}, request(), 504, "http_response_timeout",
     "backend_timeout at answer", {}),
    ("route's timeout", hang, {"route": "timeout = 300ms"}, request(), 504, "http_response_timeout", "backend_timeout at answer", {}),
    ("backend leaves", leave, {"pool": "retries = 0"}, request(), 502, "connection_terminated", "backend_abort at answer", {}),
    ("backend leaves amid its head", backends.once(b"HTTP/1.1 200 OK\r\nContent-Le"), {}, request(), 502,
     "http_response_incomplete", "backend_abort at answer", {}),
    ("bad answer", backends.once(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n"), {}, request(), 502,
     "http_protocol_error", "backend_bad_answer at answer: framing", {}),
    ("answer's coding", backends.once(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n"), {}, request(), 502,
     "http_response_transfer_coding", "backend_bad_answer at answer: coding", {}),
    ("answer's head too large", backends.once(b"HTTP/1.1 200 OK\r\nX: " + b"a" * 70000 + b"\r\n\r\n"), {}, request(), 502,
     "http_response_header_section_size", "backend_bad_answer at answer: head_too_large", {}),
]


@pytest.mark.parametrize("case", CASES, ids=[case[0].replace(" ", "-") for case in CASES])
@pytest.mark.parametrize("trusted", [True, False], ids=["trusted", "others"])
def test_cause(serve, case, trusted):
    _, script, parts, data, status, error, details, more = case
    _, behind, port = serve(script, gateway=TRUSTED if trusted else "", **parts)
    got = once(port, data)
    assert got.status == status
    if not trusted:
        assert "Proxy-Status" not in got
        return
    assert len(got.all("Proxy-Status")) == 1
    assert read(got.get("Proxy-Status")) == {"error": error, "details": details, **more}
    # The load balancer passes it on to whoever asked: nothing of what lies behind is in it.
    assert str(behind.port) not in got.get("Proxy-Status") and "ini" not in got.get("Proxy-Status")


def told(port, data=request(), **client):
    got = once(port, data, **client)
    return got.status, read(got.get("Proxy-Status"))["error"]


def test_nobody_listens(gateway, port):
    gateway(program.ini(port, program.free_port(), gateway=TRUSTED))
    got = once(port, request())
    assert got.status == 502 and got.get("Proxy-Status") == \
        'sallyport; error=connection_refused; details="backend_refused at connect"'


def test_the_last_try_counts(gateway, backend, port):
    """Nobody at the first backend; the second one takes the request and leaves."""
    other = backend(leave)
    gateway(program.ini(port, program.free_port(), gateway=TRUSTED,
                        pool=f"backend = 127.0.0.1:{other.port}\nbalance = round_robin\neject = off"))
    errors = {told(port)[1] for _ in range(6)}
    assert errors == {"connection_refused", "connection_terminated"}


def test_connect_timeout(gateway, port):
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        held = [socket.socket() for _ in range(4)]
        for one in held:
            one.setblocking(False)
            one.connect_ex(full.getsockname())
        gateway(program.ini(port, full.getsockname()[1], gateway=TRUSTED, pool="connect_timeout = 200ms\nretries = 0"))
        assert told(port) == (504, "connection_timeout")
        for one in held:
            one.close()


def test_a_backend_that_takes_nothing(gateway, port):
    """It accepts and never reads: what waits for it is the request."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        gateway(program.ini(port, server.getsockname()[1], gateway=TRUSTED, listener="body_max = 1g",
                            pool="read_timeout = 500ms\nretries = 0"))
        with Client(port, timeout=60 * program.SLOW) as client:
            client.send(request("POST", fields=[("Content-Length", str(1 << 29))]))
            try:
                for _ in range(512):
                    client.send(b"x" * (1 << 20))
            except (BrokenPipeError, ConnectionResetError, socket.timeout):
                pass
            got = client.response()
    assert got.status == 504 and read(got.get("Proxy-Status"))["error"] == "connection_write_timeout"


def test_full_and_waited(serve):
    _, behind, port = serve(hang, gateway=TRUSTED, pool="max_inflight = 1\nqueue = 1\nqueue_timeout = 500ms\nretries = 0")
    with Client(port, timeout=60) as first, Client(port, timeout=60) as second:
        first.send(request())
        assert procs.wait_for(lambda: behind.requests, 10 * program.SLOW)
        second.send(request())
        procs.wait_for(lambda: False, 0.2)
        got = [once(port, request()), second.response()]
    assert [one.status for one in got] == [503, 503]
    assert [read(one.get("Proxy-Status")) for one in got] == [
        {"error": "connection_limit_reached", "details": "queue_full at queue"},
        {"error": "connection_limit_reached", "details": "queue_timeout at queue"}]


def test_limited(gateway, port):
    gateway(program.ini(port, 1, gateway=TRUSTED, route="limit = few",
                        more="[limit:few]\nrate = 1/h\nburst = 1\nkey = global\n"))
    once(port, request())
    got = once(port, request())
    assert got.status == 429 and read(got.get("Proxy-Status")) == {"error": "http_request_denied", "details": "limited at header"}


# ---- TLS


def server(leaf, **parts):
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(leaf.chain, leaf.key)
    for name, value in parts.items():
        setattr(made, name, value)
    return made


def trusting(ca):
    return f"tls = yes\ntls_name = app.internal\ntls_ca = {ca.cert}\nretries = 0"


def test_the_backends_certificate(gateway, backend, port, ca, leaf):
    gateway(program.ini(port, backend(tls=server(leaf)).port, gateway=TRUSTED, pool=trusting(ca)))
    assert told(port) == (502, "tls_certificate_error")


def test_no_tls_there(gateway, backend, port, ca):
    def speak_plainly(conn):
        conn.send(answer(status="400 Bad Request"))
        conn.reader.rest()
    gateway(program.ini(port, backend(speak_plainly).port, gateway=TRUSTED, pool=trusting(ca)))
    assert told(port) == (502, "tls_protocol_error")


def test_the_backend_refuses_our_handshake(gateway, backend, port, ca):
    """It speaks TLS 1.2 with a cipher that we do not offer: an alert comes back."""
    context = server(ca.leaf("app.internal", stem="alert"), maximum_version=ssl.TLSVersion.TLSv1_2)
    context.set_ciphers("ECDHE-ECDSA-AES128-SHA")
    gateway(program.ini(port, backend(tls=context).port, gateway=TRUSTED, pool=trusting(ca)))
    assert told(port) == (502, "tls_alert_received")


# ---- what has none


def test_fine_answers_and_wanted_ones_have_none(gateway, backend, port):
    behind = backend(backends.always(lambda got: answer(status="503 Service Unavailable", body=b"x")))
    gateway(program.ini(port, behind.port, gateway=TRUSTED, more="[route:teapot]\nhost = *\npath = /teapot\nrespond = 418\n"
                        "[route:moved]\nhost = *\npath = /moved\nredirect = 301 https://example.com/\n"))
    for target, status in (("/", 503), ("/teapot", 418), ("/moved", 301), ("/healthz", 200)):
        got = once(port, request(target=target))
        assert got.status == status and "Proxy-Status" not in got
    assert "Proxy-Status" not in once(port, request("POST", target="/healthz", fields=[("Content-Length", "0")]))


def test_what_a_backend_says_of_itself_stays(gateway, backend, port):
    said = "inner; error=connection_timeout"
    gateway(program.ini(port, backend(backends.always(lambda got: answer(fields=[("Proxy-Status", said)]))).port))
    assert once(port, request()).all("Proxy-Status") == [said]


def test_the_client_behind_a_proxy_header_is_no_trusted_peer(gateway, port):
    gateway(program.ini(port, program.free_port(), gateway=TRUSTED, listener="proxy_protocol = required"))
    head = b"PROXY TCP4 192.0.2.7 127.0.0.1 1 2\r\n"
    got = once(port, head + request())
    assert got.status == 502 and "Proxy-Status" not in got
    got = once(port, head.replace(b"192.0.2.7", b"127.0.0.9") + request())
    assert read(got.get("Proxy-Status"))["error"] == "connection_refused"
