"""Which route a request takes, and what a route does to it (spec 3 [route])."""
import pytest

import backends
import gateway as program
from wire import Client, answer, request


@pytest.fixture
def routed(gateway, backend, port):
    """routed(routes): one backend that says the path it saw; each route marks its requests with its name."""
    def make(routes, listener=""):
        behind = backend(backends.always(lambda got: answer(fields=[("X-Route", got.get("X-Route", "")), ("X-Path", got.target),
                                                                    ("X-Host", got.get("Host"))])))
        text = f"""\
[gateway]
workers = 1
[egress]
allow = 127.0.0.0/8
[listener:main]
bind = 127.0.0.1:{port}
{listener}
[pool:app]
backend = 127.0.0.1:{behind.port}
"""
        for name, keys in routes.items():
            text += f"\n[route:{name}]\npool = app\nrequest_header = set X-Route: {name}\n{keys}\n"
        gateway(text)

        def ask(target="/", host="example.com", method="GET", fields=()):
            with Client(port) as client:
                return client.ask(method, target, fields, host=host)
        ask.port, ask.behind = port, behind
        return ask
    return make


def where(got):
    return got.get("X-Route") if got.status == 200 else got.status


def test_most_specific_host_wins(routed):
    ask = routed({
        "any": "host = *", "wild": "host = *.example.com", "deep": "host = *.a.example.com", "exact": "host = www.example.com"})
    assert where(ask(host="www.example.com")) == "exact"
    assert where(ask(host="WWW.Example.COM")) == "exact"
    assert where(ask(host="www.example.com:1234")) == "exact"
    assert where(ask(host="www.example.com.")) == "exact"
    assert where(ask(host="b.example.com")) == "wild"
    assert where(ask(host="b.c.example.com")) == "wild"
    assert where(ask(host="x.a.example.com")) == "deep"
    assert where(ask(host="a.example.com")) == "wild"
    assert where(ask(host="example.com")) == "any"
    assert where(ask(host="notexample.com")) == "any"


def test_longest_path_wins(routed):
    ask = routed({
        "root": "host = example.com", "api": "host = example.com\npath = /api/*",
        "v1": "host = example.com\npath = /api/v1/*", "one": "host = example.com\npath = /api/v1/one"})
    assert where(ask("/")) == "root"
    assert where(ask("/api")) == "root"
    assert where(ask("/api/")) == "api"
    assert where(ask("/api/v1/x")) == "v1"
    assert where(ask("/api/v1/one")) == "one"
    assert where(ask("/api/v1/one/")) == "v1"
    assert where(ask("/api/v1/one?q=/api")) == "one"
    assert where(ask("/apix")) == "root"
    assert where(ask("/API/")) == "root"


def test_rules_match_the_normal_form(routed):
    """Every spelling of one path takes one route, and the backend gets that same spelling."""
    ask = routed({"root": "host = *", "admin": "host = *\npath = /admin/*"})
    for spelling in ("/admin/x", "/%61dmin/x", "/./admin/x", "/y/../admin/x", "/%2e/admin/x", "/y/%2E%2e/admin/x", "/admin/./x"):
        got = ask(spelling)
        assert where(got) == "admin" and got.get("X-Path") == "/admin/x", spelling


def test_file_order_among_equals(routed):
    ask = routed({"first": "host = example.com\npath = /a/*\nmethod = GET", "second": "host = example.com\npath = /a/*"})
    assert where(ask("/a/x")) == "first"
    assert where(ask("/a/x", method="POST")) == "second"


def test_priority_goes_first(routed):
    ask = routed({"long": "host = example.com\npath = /a/b/c/*", "short": "host = example.com\npath = /a/*\npriority = 10"})
    assert where(ask("/a/b/c/d")) == "short"


def test_unknown_host_and_path(routed):
    ask = routed({"here": "host = example.com\npath = /here/*"})
    assert ask("/here/x").status == 200
    assert ask("/there").status == 404
    assert ask("/here/x", host="other.example").status == 421


def test_method_of_a_route(routed):
    ask = routed({"here": "host = example.com\nmethod = GET, HEAD"})
    assert ask().status == 200
    assert ask(method="POST").status == 405


@pytest.mark.parametrize("keys, asked, got", [
    ("path = /app/*\nstrip_prefix = /app", "/app/x?y=1", "/x?y=1"),
    ("path = /app/*\nstrip_prefix = /app", "/app/", "/"),
    ("path = /app/*\nstrip_prefix = /app/", "/app/x", "/x"),
    ("path = /app*\nstrip_prefix = /app", "/app", "/"),
    ("path = /app*\nstrip_prefix = /app", "/app?y=/app", "/?y=/app"),
    ("path = /app*\nstrip_prefix = /app", "/apple/x", "/apple/x"),
    ("path = /app*\nstrip_prefix = /app", "/app/app/x", "/app/x"),
    ("path = /app*\nstrip_prefix = /app", "/a%70p/x%20y", "/x%20y"),
    ("strip_prefix = /app", "/other/app", "/other/app"),
    ("path = /old/*\nadd_prefix = /v2", "/old/x?a", "/v2/old/x?a"),
    ("add_prefix = /v2/", "/x", "/v2/x"),
    ("add_prefix = /v2", "/", "/v2/"),
    ("add_prefix = /", "/x", "/x"),
    ("path = /both/*\nstrip_prefix = /both\nadd_prefix = /new", "/both/x?", "/new/x?"),
    ("path = /both*\nstrip_prefix = /both\nadd_prefix = /new/", "/both", "/new/"),
])
def test_strip_and_add_prefix(routed, keys, asked, got):
    assert routed({"moved": f"host = *\n{keys}"})(asked).get("X-Path") == got


def test_encoded_slash(routed):
    ask = routed({"guarded": "host = *", "kept": "host = *\npath = /files/*\nencoded_slash = keep"})
    assert ask("/a%2fb").status == 400
    assert ask("/a%5cb").status == 400
    assert ask("/files/a%2Fb").get("X-Path") in ("/files/a%2Fb", "/files/a%2fb")


def test_redirect(gateway, port):
    gateway(f"""\
[listener:main]
bind = 127.0.0.1:{port}
[route:old]
host = old.example.com
redirect = 301 https://www.example.com/new
[route:say]
host = *
path = /hello
respond = 200 hello there
[route:gone]
host = *
path = /gone
respond = 410 it is gone
""")
    with Client(port) as client:
        got = client.ask(host="old.example.com")
        assert got.status == 301 and got.get("Location") == "https://www.example.com/new"
        got = client.ask(target="/hello")
        assert got.status == 200 and b"hello there" in got.body
        got = client.ask(target="/gone")
        assert got.status == 410 and b"it is gone" in got.body


def test_redirect_https(gateway, port, leaf):
    """A plain listener that sends everybody to TLS, health excepted; the path stays."""
    other = program.free_port()
    gateway(f"""\
[listener:plain]
bind = 127.0.0.1:{port}
redirect = https
[listener:secure]
bind = 127.0.0.1:{other}
cert = {leaf.chain}
key_file = {leaf.key}
[route:all]
host = example.com
respond = 200 hello
""")
    with Client(port) as client:
        got = client.ask(target="/a?b=c")
        assert got.status in (301, 308) and got.get("Location").startswith("https://example.com")
        assert got.get("Location").endswith("/a?b=c")
        assert client.ask(target="/healthz").status == 200


def test_header_edits(routed):
    ask = routed({"edit": "host = *\nrequest_header = set X-Set: new\nrequest_header = add X-Add: more\n"
                          "request_header = remove X-Remove\nresponse_header = set X-Path: ours\n"
                          "response_header = add X-Extra: yes\nresponse_header = remove X-Host"})
    got = ask(fields=[("X-Set", "old"), ("X-Add", "one"), ("X-Remove", "this")])
    seen = ask.behind.requests[0]
    assert seen.all("X-Set") == ["new"] and seen.all("X-Add") == ["one", "more"] and "X-Remove" not in seen
    assert got.all("X-Path") == ["ours"] and got.all("X-Extra") == ["yes"] and "X-Host" not in got


def test_header_edits_keep_every_byte_of_a_value(routed):
    ask = routed({"edit": "host = *\nrequest_header = set X-A: a; b=\"c, d\"; e\nrequest_header = set X-B: a:b: c\n"
                          "request_header = set X-C: 1\nrequest_header = remove X-C\nrequest_header = add X-D: 1\nrequest_header = add x-d: 2\n"
                          "response_header = set Content-Security-Policy: default-src 'self'; img-src *; frame-ancestors 'none'"})
    got = ask(fields=[("x-a", "theirs"), ("X-A", "twice")])
    seen = ask.behind.requests[0]
    assert seen.all("X-A") == ['a; b="c, d"; e'] and seen.get("X-B") == "a:b: c" and "X-C" not in seen
    assert seen.all("X-D") == ["1", "2"]
    assert got.all("Content-Security-Policy") == ["default-src 'self'; img-src *; frame-ancestors 'none'"]


@pytest.mark.parametrize("edit", ["set Host: x", "set Content-Length: 1", "set Transfer-Encoding: chunked", "set Connection: close",
                                  "set X-A", "set X A: b", "frob X-A: b", "remove X-A: b", "set X-A: b\x07"])
def test_edits_that_are_none(check, edit):
    code, said = check("[listener:l]\nbind = 127.0.0.1:1\n[egress]\nallow = 127.0.0.0/8\n[route:a]\nto = 127.0.0.1:2\n"
                       f"request_header = {edit}\n")
    assert code == 1 and "sallyport.ini:7: error:" in said, said


def test_host_sent_with_ports(gateway, backend, port):
    """`host` of a pool: the client's, the backend's own, or a fixed name; X-Forwarded-Host has the client's always."""
    behind = backend()
    text = f"[egress]\nallow = 127.0.0.0/8\n[listener:main]\nbind = 127.0.0.1:{port}\n"
    for name, host in (("client", "client"), ("backend", "backend"), ("named", "Other.example")):
        text += f"[pool:{name}]\nbackend = 127.0.0.1:{behind.port}\nhost = {host}\n[route:{name}]\nhost = {name}.example\npool = {name}\n"
    gateway(text)
    with Client(port) as client:
        for name, wanted in (("client", "client.example:8080"), ("backend", f"127.0.0.1:{behind.port}"), ("named", "other.example")):
            client.ask(host=f"{name}.example:8080")
            seen = behind.requests[-1]
            assert len(seen.all("Host")) == 1
            assert seen.get("Host").lower() == wanted
            assert seen.get("X-Forwarded-Host") == f"{name}.example:8080"


def test_security_headers(routed):
    ask = routed({"on": "host = *", "off": "host = *\npath = /off\nsecurity_headers = no"})
    got = ask()
    assert got.get("X-Content-Type-Options") == "nosniff" and "X-Frame-Options" in got and "Referrer-Policy" in got
    got = ask("/off")
    assert "X-Content-Type-Options" not in got and "X-Frame-Options" not in got


def test_security_headers_of_the_backend_stay(serve):
    _, _, port = serve(backends.always(answer(fields=[("X-Frame-Options", "SAMEORIGIN"), ("Referrer-Policy", "origin")])))
    with Client(port) as client:
        got = client.ask()
    assert got.all("X-Frame-Options") == ["SAMEORIGIN"] and got.all("Referrer-Policy") == ["origin"]
    assert got.all("X-Content-Type-Options") == ["nosniff"]


@pytest.mark.parametrize("setting, expected", [("client", "example.com"), ("backend", "127.0.0.1"), ("inner.example", "inner.example")])
def test_host_sent(serve, setting, expected):
    _, behind, port = serve(pool=f"host = {setting}")
    with Client(port) as client:
        client.ask()
    assert behind.requests[0].get("Host").split(":")[0] == expected
    assert behind.requests[0].get("X-Forwarded-Host") == "example.com"


def test_traceparent(routed):
    ask = routed({"pass": "host = *", "start": "host = *\npath = /start/*\ntrace = start"})
    ask("/start/x")
    parent = ask.behind.requests[0].get("traceparent")
    assert parent and parent.startswith("00-") and len(parent) == 55
    mine = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    ask("/", fields=[("traceparent", mine)])
    assert ask.behind.requests[1].get("traceparent") == mine
    ask("/")
    assert "traceparent" not in ask.behind.requests[2]


def test_to_is_a_pool_of_its_own(gateway, backend, port):
    behind = backend(backends.always(answer(body=b"to")))
    gateway(f"""\
[egress]
allow = 127.0.0.0/8
[listener:main]
bind = 127.0.0.1:{port}
[route:all]
host = example.com
to = 127.0.0.1:{behind.port}
""")
    with Client(port) as client:
        assert client.ask().body == b"to"


def test_many_routes_all_match(routed):
    ask = routed({f"r{i}": f"host = h{i}.example.com\npath = /p{i}/*" for i in range(300)})
    for i in (0, 1, 150, 299):
        assert where(ask(f"/p{i}/x", host=f"h{i}.example.com")) == f"r{i}"
        assert ask(f"/q{i}", host=f"h{i}.example.com").status == 404
