"""What the gateway answers by itself: redirect, respond, OPTIONS *, errors as text or JSON, and the fields of a site (spec 4)."""
import json

import pytest

import backends
import gateway as program
import wire
from wire import Client, answer, request


def config(port, routes, listener="", more=""):
    return f"""\
[gateway]
workers = 1
[egress]
allow = 127.0.0.0/8
[listener:main]
bind = 127.0.0.1:{port}
{listener}
{routes}
{more}
"""


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirect(gateway, port, status):
    """To one fixed URL, as it stands there; the body of a request that is sent elsewhere is not waited for."""
    gateway(config(port, f"[route:a]\nhost = *\nredirect = {status} https://www.example.com/new?a=b#c"))
    with Client(port) as client:
        got = client.ask(target="/old?x=y")
        assert got.status == status and got.all("Location") == ["https://www.example.com/new?a=b#c"]
        assert client.ask("HEAD").status == status
        got = client.ask("POST", body=b"x" * 100)
        assert got.status == status and got.get("Location").endswith("/new?a=b#c")


@pytest.mark.parametrize("value", ["300 https://a/", "304 https://a/", "200 https://a/", "https://a/", "301", "301 https://a b/"])
def test_no_such_redirect(check, value):
    code, said = check(config(1024, f"[route:a]\nhost = *\nredirect = {value}"))
    assert code == 1 and "sallyport.ini:10: error: redirect = " in said, said


@pytest.mark.parametrize("value, status, body", [
    ("200 hello there", 200, b"hello there"), ("204", 204, b""), ("404", 404, None), ("410 it is; gone", 410, b"it is; gone"),
    ("503 closed for today", 503, b"closed for today")])
def test_respond(gateway, port, value, status, body):
    gateway(config(port, f"[route:a]\nhost = *\nrespond = {value}"))
    with Client(port) as client:
        got = client.ask(fields=[("Accept", "application/json")])
        assert got.status == status and (body is None or got.body.rstrip(b"\n") == body)
        if status != 204:
            assert got.get("Content-Type").startswith("text/plain") or body is None
        else:
            assert "Content-Length" not in got and "Content-Type" not in got
        head = client.ask("HEAD")
        assert head.status == status and head.get("Content-Length") == (None if status == 204 else str(len(client.ask().body)))


def test_own_answers_follow_the_rules_of_their_route(gateway, port):
    gateway(config(port, "[route:a]\nhost = *\nrespond = 200 hello\nresponse_header = set X-A: b; c\n"
                         "response_header = remove Referrer-Policy\n[route:b]\nhost = *\npath = /b\nrespond = 200 hello\n"
                         "security_headers = no"))
    with Client(port) as client:
        got = client.ask()
        assert got.get("X-A") == "b; c" and "Referrer-Policy" not in got and got.get("X-Frame-Options") == "DENY"
        assert "X-Frame-Options" not in client.ask(target="/b")


def test_options_of_the_server(gateway, backend, port):
    """OPTIONS * is for us (RFC 9110 9.3.7): what the listener's methods are, for a host that is served."""
    behind = backend()
    gateway(config(port, f"[route:a]\nhost = example.com\nto = 127.0.0.1:{behind.port}", "methods = GET, OPTIONS"))
    for target in ("*", "http://example.com"):
        with Client(port) as client:
            got = client.ask("OPTIONS", target)
            assert got.status == 204 and got.get("Allow") == "GET, OPTIONS"
            assert client.ask("OPTIONS", "*", host="other.example").status == 421
    assert not behind.requests
    with Client(port) as client:
        assert client.ask("OPTIONS", "/").status == 200 and behind.requests, "of a path the backend says"
        assert client.ask("GET", "*").status == 400


def test_options_where_it_is_no_method(gateway, port):
    gateway(config(port, "[route:a]\nhost = *\nrespond = 200", "methods = GET, HEAD"))
    with Client(port) as client:
        got = client.ask("OPTIONS", "*")
        assert got.status == 405 and got.get("Allow") == "GET, HEAD"


def test_options_before_the_redirect(gateway, port):
    gateway(config(port, "[route:a]\nhost = *\nrespond = 200", "redirect = https"))
    with Client(port) as client:
        assert client.ask("OPTIONS", "*").status == 204
        assert client.ask("OPTIONS", "/a").get("Location") == "https://example.com/a"


# --- errors, in every status: text, or JSON for who prefers it ---

def refuse(conn):
    conn.read_request()
    conn.send(b"nonsense\r\n\r\n")


ERRORS = {
    400: lambda accept: request(fields=[("Content-Length", "x"), *accept]),
    404: lambda accept: request(target="/none", fields=accept),
    405: lambda accept: request("PUT", "/get", fields=accept),
    413: lambda accept: request("POST", fields=[("Content-Length", "100"), *accept]),
    414: lambda accept: request(target="/" + "a" * 200, fields=accept),
    417: lambda accept: request("POST", fields=[("Expect", "200-ok"), ("Content-Length", "0"), *accept]),
    421: lambda accept: request(host="other.example", fields=accept),
    431: lambda accept: request(fields=[*accept, *((f"X{i}", "y") for i in range(40))]),
    501: lambda accept: request("BREW", fields=accept),
    502: lambda accept: request("POST", fields=[("Content-Length", "0"), *accept]),
    503: lambda accept: request(target="/down", fields=accept),
    504: lambda accept: request(target="/late", fields=accept),
    505: lambda accept: request(version="3.0", fields=accept),
}
# Refused before their fields were read: text for everybody.
BLIND = (414, 505)


@pytest.fixture
def failing(gateway, backend, port):
    broken, late = backend(refuse), backend(lambda conn: (conn.read_request(), conn.reader.rest()))
    gateway(config(port, f"""\
[route:a]
host = example.com
path = /
to = 127.0.0.1:{broken.port}
[route:get]
host = example.com
path = /get
method = GET
respond = 200
[route:down]
host = example.com
path = /down
pool = down
[route:late]
host = example.com
path = /late
pool = late
""", "body_max = 10\nuri_max = 100\nheader_count_max = 20", f"""\
[pool:down]
[backend:down]
pool = down
address = 127.0.0.1:9
down = yes
[pool:late]
backend = 127.0.0.1:{late.port}
answer_timeout = 100ms
retries = 0
"""))
    return port


@pytest.mark.parametrize("status", sorted(ERRORS))
def test_errors(failing, status):
    ids = set()
    for accept, is_json in (("*/*", False), ("text/html", False), ("application/json", True), ("text/plain, application/json;q=0.9", False),
                            ("application/json, text/plain;q=0.5, */*;q=0.1", True), ("application/json;q=0", False)):
        with Client(failing) as client:
            client.send(ERRORS[status]([("Accept", accept)]))
            got = client.response()
        assert got.status == status and got.is_complete and got.get("Cache-Control") == "no-store"
        identity = got.get("X-Request-Id")
        ids.add(identity)
        if got.get("Content-Type") == "application/json":
            assert is_json, accept
            said = json.loads(got.body)
            assert said["status"] == status and said["id"] == identity and said["error"]
        else:
            assert not is_json or status in BLIND, accept
            assert got.get("Content-Type").startswith("text/plain") and got.body.startswith(b"%d " % status)
            assert identity.encode() in got.body
        assert len(got.body) < 200 and b"sallyport" not in got.body.lower() and "Server" not in got
    assert len(ids) == 6, "each answer has its own"


# --- hsts ---

@pytest.mark.parametrize("value, field", [
    (None, "max-age=31536000"), ("30d", "max-age=2592000"), ("1y includeSubDomains", "max-age=31536000; includeSubDomains"),
    ("2y includeSubDomains preload", "max-age=63072000; includeSubDomains; preload"), ("off", None)])
def test_hsts(gateway, backend, port, ca, leaf, value, field):
    """On every answer over TLS, the backend's and ours, where there is none."""
    plain = program.free_port()
    behind = backend(backends.always(lambda got: answer(fields=[("Strict-Transport-Security", "max-age=1")] if got.target == "/own"
                                                        else [])))
    gateway(config(plain, f"[route:a]\nhost = example.com\nto = 127.0.0.1:{behind.port}", more=f"""\
[listener:secure]
bind = 127.0.0.1:{port}
tls = site
[tls:site]
cert = {leaf.chain}
key_file = {leaf.key}
{"" if value is None else f"hsts = {value}"}
"""))
    with Client(port, wire.context(ca.cert), "example.com") as client:
        assert client.ask().all("Strict-Transport-Security") == ([field] if field else [])
        assert client.ask(target="/own").all("Strict-Transport-Security") == ["max-age=1"]
        assert client.ask(host="none.example").all("Strict-Transport-Security") == ([field] if field else [])
    with Client(plain) as client:
        assert "Strict-Transport-Security" not in client.ask(), "RFC 6797 7.2: never without TLS"
