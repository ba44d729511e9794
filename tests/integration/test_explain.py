"""`explain`: what it says of a request is what the gateway then does with it, to the byte of the head that a backend gets."""
import collections
import concurrent.futures
import json
import os
import random
import re
import ssl

import pytest

import backends
import gateway as program
import mmdb
import wire

# Each is a process of its own: too many for the sanitizers' slow start.
REQUESTS = 500 if not program.SAN else 100
SEED = 20240607
POOLS = ("app", "api", "files", "named")

# Rules of the four kinds of listeners; every route has some of those below.
LISTENERS = """\
[gateway]
workers = 1
trusted = 127.0.0.1, 10.0.0.0/8
[egress]
allow = 127.0.0.0/8
[log]
access = stdout
[admin]
bind = off

[listener:web]
bind = 127.0.0.1:{web}
{roomy}
[listener:guarded]
bind = 127.0.0.1:{guarded}
{roomy}
methods = GET, HEAD, POST, OPTIONS
deny = 198.51.100.0/28
deny = 2001:db8:bad::/48
allow = 198.51.100.0/24, 203.0.113.0/24, 2001:db8::/32, 127.0.0.2
limit = watched
uri_max = 200
header_max = 2k
header_count_max = 12
body_max = 64
underscore_headers = reject
[listener:secure]
bind = 127.0.0.1:{secure}
tls = one, two
{roomy}
underscore_headers = pass
[listener:sent]
bind = 127.0.0.1:{sent}
redirect = https
acme_webroot = {folder}/webroot
{roomy}
[listener:behind]
bind = 127.0.0.1:{behind}
proxy_protocol = required
deny = 198.51.100.0/28
{roomy}

[tls:one]
cert = {one.chain}
key_file = {one.key}
[tls:two]
cert = {two.chain}
key_file = {two.key}
client_ca = {ca}
client_verify = optional
client_cert_headers = yes
hsts = 30d includeSubDomains

[geo:world]
database = {folder}/world.mmdb
allow = DE, FR, KP
deny = KP
unknown = deny
[geo:far]
database = {folder}/world.mmdb
deny = FR

[limit:watched]
rate = 1/h
mode = observe
[limit:wide]
rate = 100000/s
headers = yes
[limit:heads]
rate = 100000/s
key = header:X-Key
[limit:guesses]
rate = 100000/s
count = 401, 404
[addresses:office]
cidr = 203.0.113.0/26, 2001:db8:1::/48

[pool:app]
backend = 127.0.0.1:{app}
[pool:api]
backend = 127.0.0.1:{api}
host = backend
balance = cookie:stick
[pool:files]
backend = 127.0.0.1:{files}
host = files.internal
balance = hash:client
[pool:named]
backend = 127.0.0.1:{named}
"""

ROUTES = """\
host=a.test | path=/* | pool=app
host=a.test | path=/api/* | pool=api | request_header=set X-Api: 1
host=a.test | path=/api/v1/* | pool=api | strip_prefix=/api | request_header=add Via: 1.0 inner
host=a.test | path=/api/v1/exact | pool=named | add_prefix=/deep/
host=a.test | path=/only-get | method=GET | pool=app
host=a.test | path=/only-get | method=POST | pool=api
host=a.test | path=/no-put | method=GET, HEAD, POST, DELETE | pool=files
host=a.test | path=/small/* | body_max=10 | pool=app
host=a.test | path=/any-size/* | body_max=none | pool=app
host=a.test | path=/slash/* | encoded_slash=keep | pool=files
host=a.test | path=/slash/no/* | pool=files
host=a.test | path=/gone | respond=410 gone for good
host=a.test | path=/teapot | respond=418 | response_header=set X-Tea: yes | security_headers=no
host=a.test | path=/old/* | redirect=301 https://a.test/
host=a.test | path=/moved | redirect=307 https://b.test/here?x=1
host=a.test | path=/office/* | allow=@office | pool=app
host=a.test | path=/office/closed/* | deny=0.0.0.0/0, ::/0 | pool=app
host=a.test | path=/banned/* | deny=203.0.113.8, 2001:db8:1:2::/64 | limit=wide | pool=app
host=a.test | path=/banned/told | deny=203.0.113.8 | limit=wide, heads | respond=200 fine
host=a.test | path=/world/* | geo=world | pool=app
host=a.test | path=/world/near/* | geo=far, world | deny=203.0.113.9 | pool=api
host=a.test | path=/ws | upgrade=websocket | pool=app
host=a.test | path=/traced/* | trace=start | pool=app
host=a.test | path=/edited | pool=named | request_header=remove User-Agent | request_header=set X-Real: yes | request_header=add Accept: text/x-more
host=a.test | path=/edited/more | pool=named | request_header=remove X-Forwarded-For | request_header=set Host-Hint: h | strip_prefix=/edited | add_prefix=/e/
host=b.test | path=/* | pool=api | limit=guesses
host=b.test | path=/high/* | priority=5 | pool=named
host=b.test | path=/high/low/* | pool=app
host=b.test | path=/limited | limit=watched, heads | pool=app
host=*.b.test | pool=files | strip_prefix=/files
host=*.b.test | path=/x/* | pool=files | strip_prefix=/x/
host=*.deep.b.test | pool=named | deny=203.0.113.0/24
host=www.b.test, www2.b.test | path=/, /index, /img/* | pool=app
host=c.test | path=/* | allow=198.51.100.0/24 | deny=198.51.100.77 | pool=app
host=c.test | path=/v6/* | allow=2001:db8::/32 | pool=app
host=127.0.0.1 | pool=app
host=[2001:db8::1] | pool=app
"""
HOSTS = ["a.test"] * 12 + ["b.test"] * 4 + ["x.b.test", "y.deep.b.test", "www.b.test", "www2.b.test", "c.test", "c.test", "127.0.0.1",
                                            "[2001:DB8:0::1]", "A.TEST", "a.test.", "nobody.test", "b.test.evil"]
CLIENTS = ["198.51.100.3", "198.51.100.77", "198.51.100.200", "203.0.113.8", "203.0.113.9", "203.0.113.99", "192.0.2.1", "2001:db8:1:2::9",
           "2001:db8:bad::1", "2001:db8:7::7", "::ffff:203.0.113.8"]
METHODS = ["GET"] * 14 + ["POST"] * 8 + ["HEAD", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS", "OPTIONS", "OPTIONS", "TRACE", "BREW"]
FIELDS = [("User-Agent", "test/1"), ("Accept", "application/json"), ("Accept", "text/html"), ("Cookie", "a=1; stick=abc; b=2"),
          ("Cookie", "stick=zzz"), ("X-Key", "k1"), ("Connection", "close"), ("Connection", "X-Hop, keep-alive"), ("X-Hop", "1"), ("TE", "trailers"),
          ("X-Forwarded-Proto", "https"), ("X-Forwarded-Host", "outer.test"), ("X-Forwarded-Port", "8443"), ("X-Real-IP", "1.2.3.4"),
          ("Forwarded", "for=1.2.3.4"), ("X-Request-Id", "outer-id.1"), ("X-Request-Id", "not valid!"),
          ("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"), ("traceparent", "junk"), ("tracestate", "a=b"),
          ("X_Under", "1"), ("Referer", "https://r.test/"), ("X-Client-Cert-Subject", "CN=forged"), ("Max-Forwards", "0"), ("Max-Forwards", "3"),
          ("Upgrade", "websocket"), ("X-Latin", "caf\u00e9"), ("Authorization", "Bearer x"), ("Expect", "100-continue"), ("Expect", "other"),
          ("Bad Name", "1"), ("Proxy", "evil"), ("X-Long", "v" * 1500)]


def config(places, folder, one, two, ca):
    """The text; the generated routes are the same at every run."""
    rnd = random.Random(SEED)
    text = LISTENERS.format(folder=folder, one=one, two=two, ca=ca, roomy=program.ROOMY, **places)
    rows = ROUTES.splitlines()
    for i in range(20):
        row = [f"host=s{i}.test{rnd.choice(['', ', *.s' + str(i) + '.test'])}", f"path={rnd.choice(['/*', '/p/*, /q', '/p'])}"]
        row += rnd.sample(["deny=203.0.113.0/25", "allow=203.0.113.0/24", "limit=watched", "strip_prefix=/p", "add_prefix=/added",
                           "request_header=set X-Svc: s", "method=GET, POST", "body_max=20", "encoded_slash=keep", "trace=start"], rnd.randint(1, 4))
        row.append(rnd.choice(["pool=app", "pool=api", "pool=named", "respond=503 later", "redirect=302 https://a.test/"]))
        rows.append(" | ".join(row))
    for i, row in enumerate(rows):
        text += f"\n[route:r{i}]\n" + "\n".join(part.strip().replace("=", " = ", 1) for part in row.split("|")) + "\n"
    return text


def aims_of(text):
    """A host and a path of each place that a route of this text takes."""
    found = []
    for route in text.split("[route:")[1:]:
        hosts = re.search(r"^host = (.*)$", route, re.M)[1].replace("*.", "x.").split(", ")
        paths = re.search(r"^path = (.*)$|$", route, re.M)[1] or "/*"
        found += [(host, path.replace("*", "x")) for host in hosts for path in paths.split(", ")]
    return found


class Ask:
    """One request: as arguments for explain, and as bytes for the gateway."""

    def __init__(self, rnd, places, aims, number):
        self.listener = rnd.choice(["web"] * 5 + ["guarded"] * 3 + ["secure"] * 2 + ["sent", "behind"])
        self.host = rnd.choice(HOSTS if rnd.random() < 0.75 else [f"s{rnd.randint(0, 21)}.test", f"x.s{rnd.randint(0, 21)}.test"])
        path = self.path(rnd)
        if number < len(aims):          # each place once, where the fewest rules stand in its way
            self.listener, (self.host, path) = "web", aims[number]
        elif rnd.random() < 0.4:
            self.host, path = rnd.choice(aims)
        if self.listener == "secure" and rnd.random() < 0.5:
            self.host = rnd.choice(["a.test", "b.test", "x.b.test", "c.test"])
        self.port = places[self.listener]
        self.method = rnd.choice(METHODS)
        self.target = path + rnd.choice(["", "", "?q=1", "?a=%20&b=/../", "?"])
        if self.method == "OPTIONS" and rnd.random() < 0.4:
            self.target = "*"
        self.source = rnd.choice(["127.0.0.1"] * 3 + ["127.0.0.2"])
        self.named = rnd.choice([client for client in CLIENTS if ":" not in client])
        self.fields, self.body = [], b""
        if self.source == "127.0.0.1" or rnd.random() < 0.4:
            self.fields += self.forwarded(rnd)
        for field in rnd.sample(FIELDS, rnd.choice([0, 0, 1, 2, 3, 4])):
            self.fields.append((field[0], field[1].replace("outer-id", f"outer-id-{number}")))
        if rnd.random() < 0.05:
            self.fields += [(f"X-N{i}", "1") for i in range(15)]
        if rnd.random() < 0.08:
            self.fields.append(("Host", rnd.choice(["a.test", "b.test:99", "bad host", "c.test"])))
        if self.method in ("POST", "PUT", "PATCH", "DELETE") and rnd.random() < 0.7:
            self.add_body(rnd)

    @staticmethod
    def path(rnd):
        parts = ["", "api", "api/v1", "api/v1/exact", "api/v1/x", "apiary", "only-get", "no-put", "small/x", "any-size/x", "slash/a%2fb", "slash/a",
                 "slash/no/a%2Fb", "slash//b", "slash/a;b/c", "gone", "teapot", "old/a/b", "moved", "office/x", "office/closed/x", "banned/x",
                 "banned/told", "ws", "traced/x", "edited", "edited/more", "high/x", "high/low/x", "limited", "files/a", "files", "x/y", "x/",
                 "index", "img/a.png", "v6/x", "world/x", "world/near/x", "p", "p/a", "q", "p/../q", "p/./a", "%70/a", "a%2fb", "a%252fb", "%zz", "~u", "healthz",
                 "readyz", ".well-known/acme-challenge/token_1", ".well-known/acme-challenge/none", "../../etc", "a" * 300]
        return "/" + rnd.choice(parts)

    @staticmethod
    def forwarded(rnd):
        hops = rnd.sample(CLIENTS, rnd.choice([0, 1, 1, 1, 2])) + rnd.choice([[], [], ["10.1.1.1"], ["unknown"]])
        if not hops:
            return []
        if len(hops) > 1 and rnd.random() < 0.3:
            return [("X-Forwarded-For", hop) for hop in hops]
        return [("X-Forwarded-For", ", ".join(hops))]

    def add_body(self, rnd):
        size = rnd.choice([0, 1, 9, 11, 20, 21, 64, 65, 65, 500, 500])
        self.body = b"b" * size
        if size and size < 10 and rnd.random() < 0.5:
            self.fields.append(("Transfer-Encoding", "chunked"))
            self.body = wire.chunked(self.body)
        else:
            self.fields.append(("Content-Length", str(size)))
        if rnd.random() < 0.05:
            self.fields.append(("Content-Length", "7"))

    @property
    def head(self):
        has_host = any(name == "Host" for name, _ in self.fields)
        return wire.request(self.method, self.target, self.fields, host=None if has_host else f"{self.host}:{self.port}")

    @property
    def arguments(self):
        found = ["--from", self.named if self.listener == "behind" else self.source, "-X", self.method]
        for name, value in self.fields:
            found += ["-H", os.fsdecode(f"{name}: {value}".encode("latin-1"))]
        scheme, path = "https" if self.listener == "secure" else "http", self.target if self.target != "*" else ""
        return [*found, f"{scheme}://{self.host}:{self.port}{path}"]


class Live:
    """The gateway, and what stands behind it; one request at a time."""

    def __init__(self, gateway, backend, ca, folder):
        self.seen = []
        places = {pool: self.pool(backend, pool) for pool in POOLS}
        for name in ("web", "guarded", "secure", "sent", "behind"):
            places[name] = program.free_port()
        one, two = ca.leaf("a.test", "c.test"), ca.leaf("b.test", "*.b.test")
        self.places, self.ca = places, ca.cert
        self.text = config(places, folder, one, two, ca.cert)
        challenges = os.path.join(folder, "webroot/.well-known/acme-challenge")
        os.makedirs(challenges)
        with open(f"{challenges}/token_1", "w", encoding="ascii") as file:
            file.write("token_1.thumb")
        with open(f"{folder}/world.mmdb", "wb") as file:
            file.write(mmdb.make({"198.51.100.0/24": {"country": {"iso_code": "FR"}}, "203.0.113.0/24": {"country": {"iso_code": "DE"}},
                                  "2001:db8:1::/48": {"country": {"iso_code": "KP"}}, "2001:db8:7::/48": {"country": {"iso_code": "DE"}}}))
        self.gateway = gateway(self.text, folder=folder)

    def pool(self, backend, name):
        def script(conn):
            while (got := conn.read_request()) is not None:
                self.seen.append((name, got.head))
                conn.send(wire.answer(body=b"" if got.method == "HEAD" else b"ok"))
        return backend(script).port

    def ask(self, ask):
        """(status, all that came, [(pool, head) of backends]); status None: no handshake."""
        before = len(self.seen)
        tls = wire.context(self.ca) if ask.listener == "secure" else None
        name = ask.host.strip("[]").rstrip(".") if tls else None
        if tls:
            tls.check_hostname, tls.verify_mode = False, ssl.CERT_NONE
        try:
            client = wire.Client(ask.port, tls, name, source=ask.source if ask.listener != "behind" else None)
        except ssl.SSLError as error:
            assert "UNRECOGNIZED_NAME" in str(error).upper(), error
            return None, b"", []
        with client:
            if ask.listener == "behind":
                client.send(f"PROXY TCP4 {ask.named} 192.0.2.80 5555 {ask.port}\r\n".encode())
            client.send(ask.head + ask.body)
            got = client.response(ask.method)
            return got.status, bytes(client.reader.raw), self.seen[before:]


def explain(config_path, ask):
    code, out, err = program.command("explain", "--json", "-c", config_path, *ask.arguments)
    assert code == 0, (code, err, ask.arguments)
    return json.loads(out)


def masked(head, sent):
    """Without what is random: ids that did not come with the request, dates. RateLimit fields are what was counted."""
    text = head.decode("latin-1") if isinstance(head, bytes) else head
    for old in set(re.findall(r"[0-9a-f]{32}|(?<=-)[0-9a-f]{16}(?=-)", text)):
        if old not in sent:
            text = text.replace(old, "#" * len(old))
    text = re.sub(r"^( *)Date: .*$", r"\1Date: #", text, flags=re.M)
    return re.sub(r"^RateLimit.*\r\n", "", text, flags=re.M)


def id_of(live):
    """By which the access line of an exchange is found: it is in our own answer, or in the head that a backend got."""
    status, raw, seen = live
    head = seen[0][1] if seen else raw
    return re.search(rb"^X-Request-Id: (\S+)\r$", head, re.M)[1].decode() if status is not None else None


def is_health(said):
    """Health paths have no access line."""
    return any(rule["rule"] in ("health_path", "ready_path") for rule in said["rules"])


def compare(said, live, line, sent):
    """What differs between what was said and what was done."""
    status, raw, seen = live
    differs = []

    def same(what, a, b):
        if a != b:
            differs.append(f"{what}: explain {a!r}, live {b!r}")
    same("request", said["request"].encode("latin-1"), sent)
    same("handshake", said["outcome"] == "no_handshake", status is None)
    if status is None:
        return differs
    same("forwarded", said["outcome"] == "forwarded", bool(seen))
    if said["outcome"] == "forwarded" and seen:
        same("pool", said["pool"], seen[0][0])
        same("head", masked(said["head"], sent.decode("latin-1")), masked(seen[0][1], sent.decode("latin-1")))
        same("backend", len(seen), 1)
    elif not seen:
        same("status", said["status"], status)
        same("answer", masked(said["answer"] or "", sent.decode("latin-1")), masked(raw, sent.decode("latin-1")))
    same("logged", line is not None, not is_health(said))
    if line is not None:
        for key, theirs in (("route", "route"), ("rule", "rule"), ("cause", "cause"), ("client", "client"), ("listener", "listener"),
                            ("pool", "pool")):
            same(f"log {key}", said[key] or "", line.get(theirs) or "")
    return differs


@pytest.fixture
def live(gateway, backend, ca, folders):
    return Live(gateway, backend, ca, folders("explain"))


def test_explain_and_gateway_agree(live):
    """500 requests, one after the other: each is explained, and sent."""
    assert len(re.findall(r"^\[route:", live.text, re.M)) > 50
    rnd = random.Random(SEED + 1)
    asks = [Ask(rnd, live.places, aims_of(live.text), i) for i in range(REQUESTS)]
    done = [live.ask(ask) for ask in asks]
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        said = list(pool.map(lambda ask: explain(live.gateway.config, ask), asks))
    logged = sum(status is not None and not is_health(one) for (status, _, _), one in zip(done, said))
    by_id = {line["id"]: line for line in live.gateway.access(logged)}
    wrong, kinds = [], collections.Counter()
    for i, (ask, one, there) in enumerate(zip(asks, said, done)):
        kinds[one["outcome"], one["status"], one["cause"]] += 1
        differs = compare(one, there, by_id.get(id_of(there)), ask.head)
        if differs:
            wrong.append(f"{i}: {ask.listener} {ask.source} {ask.head!r}\n    " + "\n    ".join(differs))
    assert not wrong, f"{len(wrong)} of {REQUESTS}:\n" + "\n".join(wrong[:10])
    # The generator reaches what there is to reach.
    if REQUESTS == 500:
        missed = {200, 204, 301, 302, 307, 308, 400, 403, 404, 405, 410, 413, 414, 417, 418, 421, 431, 501} - {kind[1] for kind in kinds}
        assert not missed, (missed, kinds)
        assert kinds["answered", 403, "denied_geo"] and kinds["forwarded", 0, "ok"] > 100 and ("no_handshake", 0, "") in kinds, kinds


# ---- what it says

PLAIN = """\
[gateway]
trusted = 10.0.0.0/8
[egress]
allow = 10.1.0.0/16
[admin]
bind = off
[listener:web]
bind = 127.0.0.1:8080
deny = 203.0.113.0/28
deny = 198.51.100.7
limit = all
[limit:all]
rate = 90/m
[limit:guess]
rate = 5/h
count = 401, 403
key = header:X-User
mode = observe
[route:api]
host = api.test, *.api.test
path = /v1/*
pool = app
allow = 192.0.2.0/24, 203.0.113.0/24
limit = guess
strip_prefix = /v1
add_prefix = /inner
body_max = 10
trace = start
request_header = set X-A: b
request_header = remove Cookie
[route:old]
host = old.test
redirect = 301 https://new.test/
[pool:app]
backend = 10.1.0.1:80 weight=3, 10.1.0.2:8080
backend = db.internal:81
balance = hash:header:X-User
host = backend
[backend:third]
pool = app
address = 10.1.0.3:80
down = yes
max_inflight = 9
"""

FORWARDED = """\
GET http://x.api.test/v1/users?id=7
from 10.0.0.1 to [listener:web] (s.ini:7)

  passed     s.ini:2   trusted         10.0.0.1 is among these: the client is 192.0.2.5, by X-Forwarded-For
  not_asked  -         ban             who is banned, the running gateway knows: sallyport bans
  passed     s.ini:9   deny            192.0.2.5 is in none of these
  not_asked  s.ini:13  limit           [limit:all] 90/m of requests by client, burst 1: the running gateway counts
  passed     -         methods         GET is one of GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS
  passed     s.ini:19  route           [route:api] by host *.api.test, path /v1/*
  passed     s.ini:23  allow           192.0.2.5 is in 192.0.2.0/24
  not_asked  s.ini:15  limit           [limit:guess] 5/h of certain answers by header X-User, burst 1, observed only: the running gateway counts
  passed     s.ini:22  pool            [pool:app]
  passed     s.ini:25  strip_prefix    /v1
  passed     s.ini:26  add_prefix      /inner
  passed     s.ini:28  trace           traceparent: the client's own, or one that begins here
  passed     s.ini:29  request_header  set X-A: b
  passed     s.ini:30  request_header  remove Cookie

forwarded by [route:api] to [pool:app], balance = hash:header:X-User, to one of these (which are up and have room, the running gateway knows):
    10.1.0.1:80, weight 3  s.ini:35
    10.1.0.2:8080, weight 1  s.ini:35
    db.internal:81 (db.internal:81, looked up by the running gateway), weight 1  s.ini:36
    third (10.1.0.3:80), weight 1, max_inflight 9, down = yes  s.ini:41

with this head, where Host is that of the backend:

    GET /inner/users?id=7 HTTP/1.1
    Host: 10.1.0.1
    X-Forwarded-For: 192.0.2.5, 10.0.0.1
    X-Forwarded-Proto: http
    X-Forwarded-Host: x.api.test
    X-Forwarded-Port: 8080
    X-Request-Id: ################################
    Via: 1.1 sallyport
    traceparent: 00-################################-################-01
    X-A: b

"""

DENIED = """\
GET http://api.test/v1/
from 203.0.113.4 to [listener:web] (s.ini:7)

  not_asked  -        max_connections_per_ip  100: the running gateway counts
  not_asked  -        ban                     who is banned, the running gateway knows: sallyport bans
  answered   s.ini:9  deny                    203.0.113.4 is in 203.0.113.0/28

answered 403, cause denied_ip, rule s.ini:9:

    HTTP/1.1 403 Forbidden
    Content-Length: 47
    Date: #
    Content-Type: text/plain; charset=utf-8
    Cache-Control: no-store
    X-Request-Id: ################################

    403 Forbidden
    ################################
"""


@pytest.fixture
def ask(folders):
    """ask(text, *arguments): what explain says to a configuration of that text: (code, stdout, stderr)."""
    def run(text, *arguments):
        folder = folders("explain")
        program.write_config(folder, text, "s.ini")
        return program.command("explain", "-c", "s.ini", *arguments, folder=folder)
    return run


def test_in_words(ask):
    code, out, err = ask(PLAIN, "--from", "10.0.0.1", "-H", "X-Forwarded-For: 192.0.2.5", "-H", "Cookie: a=1",
                         "http://x.api.test/v1/users?id=7#part")
    assert (code, masked(out, ""), err) == (0, FORWARDED, "")
    code, out, err = ask(PLAIN, "--from=203.0.113.4", "http://api.test/v1/")
    assert (code, masked(out, ""), err) == (0, DENIED, "")


@pytest.mark.parametrize("arguments, last, status", [
    (["http://api.test/v1/", "--from", "203.0.113.4"], ("deny", "answered", "s.ini:9"), 403),
    (["http://api.test/v1/", "--from", "198.51.100.7"], ("deny", "answered", "s.ini:10"), 403),
    (["http://api.test/v1/", "--from", "192.0.3.1"], ("allow", "answered", "s.ini:23"), 403),
    (["http://api.test/v2/"], ("route", "answered", None), 404),
    (["http://api.test.evil/v1/"], ("route", "answered", None), 421),
    (["http://old.test/x"], ("redirect", "answered", "s.ini:33"), 301),
    (["http://api.test/v1/a%2fb", "--from", "192.0.2.5"], ("encoded_slash", "answered", None), 400),
    (["http://api.test/v1/", "--from", "192.0.2.5", "-XPOST", "-HContent-Length: 11"], ("body_max", "answered", "s.ini:27"), 413),
    (["http://api.test/v1/", "-X", "BREW"], ("http", "answered", None), 501),
    (["http://api.test/" + "a" * 9000], ("uri_max", "answered", None), 414),
    (["http://api.test/", *["-HA: " + "b" * 6000] * 3], ("header_max", "answered", None), 431),
    (["http://api.test/", *["-HA: b"] * 101], ("header_count_max", "answered", None), 431),
    (["http://nobody.test/healthz"], ("health_path", "answered", None), 200),
    (["http://nobody.test/readyz", "-X", "PUT"], ("ready_path", "answered", None), 405),
    (["http://old.test", "-X", "OPTIONS"], ("methods", "answered", None), 204),
    (["http://api.test/v1/", "--from", "192.0.2.5", "-X", "OPTIONS", "-H", "Max-Forwards: 0"], ("methods", "answered", None), 204),
], ids=lambda value: value if isinstance(value, int) else value[0][7:40] if isinstance(value, list) else value[0])
def test_the_last_rule_is_the_one_that_decided(ask, arguments, last, status):
    code, out, err = ask(PLAIN, "--json", *(["--from", "203.0.113.99"] if "--from" not in arguments else []), *arguments)
    assert (code, err) == (0, "")
    said = json.loads(out)
    rule = said["rules"][-1]
    assert (rule["rule"], rule["outcome"], rule["at"]) == last and said["status"] == status, said
    assert said["answer"].startswith(f"HTTP/1.1 {status} ") and said["head"] is None
    assert all(rule["outcome"] in ("passed", "not_asked") for rule in said["rules"][:-1])


# ---- which listener

SEVERAL = """\
[admin]
bind = off
[listener:web]
bind = 127.0.0.1:8080, 127.0.0.1:80
[listener:sent]
bind = 127.0.0.2:8080
[listener:passed]
bind = fd:web
[listener:local]
bind = unix:web.sock
[listener:tls]
bind = 127.0.0.1:8443
cert = {leaf.chain}
key_file = {leaf.key}
[route:all]
host = *
respond = 200
"""


@pytest.mark.parametrize("arguments, want", [
    (["http://a.test/"], "web"),
    (["http://127.0.0.1:8080/"], "web"),
    (["http://127.0.0.2:8080/"], "sent"),
    (["http://a.test:8080/"], "more than one listener may be meant: web (s.ini:3), sent (s.ini:5); say which with --listener"),
    (["http://a.test:8080/", "--listener", "sent"], "sent"),
    (["http://a.test:81/"], "passed"),
    (["http://a.test/", "--listener", "local"], "local"),
    (["http://a.test/", "--listener=local", "--from", "192.0.2.1"], "--from: who comes to a Unix socket (s.ini:10) has no address"),
    (["https://example.com/"], "tls"),
    (["https://example.com:8443/"], "tls"),
    (["https://example.com:443/"], "no listener for https:// is at port 443; there are tls (s.ini:11)"),
    (["http://a.test/", "--listener", "tls"], "[listener:tls] (s.ini:11) speaks TLS: write https://"),
    (["https://a.test/", "--listener", "web"], "[listener:web] (s.ini:3) speaks plain HTTP: write http://"),
    (["http://a.test/", "--listener", "wep"], '--listener wep: no such listener; did you mean "web"?'),
    (["http://a.test/", "--listener", "other"], "--listener other: no such listener"),
], ids=lambda value: "_".join(value) if isinstance(value, list) else "")
def test_the_listener_that_is_meant(ask, leaf, arguments, want):
    code, out, err = ask(SEVERAL.format(leaf=leaf), "--json", *arguments)
    if code == 0:
        assert json.loads(out)["listener"] == want
    else:
        assert (code, out, err) == (2, "", f"sallyport explain: {want}\n")


def test_no_listener_of_that_kind(ask):
    code, _, err = ask(PLAIN, "https://api.test/")
    assert code == 2 and "no listener speaks TLS; behind a balancer that does, write http://" in err


def test_a_server_name_chooses_the_certificate(ask, leaf):
    text = SEVERAL.format(leaf=leaf)
    for host, outcome in (("example.com", "answered"), ("EXAMPLE.com.", "answered"), ("other.test", "no_handshake"), ("127.0.0.1", "answered")):
        code, out, err = ask(text, "--json", f"https://{host}/")
        assert code == 0, err
        said = json.loads(out)
        assert (said["outcome"], said["tls"]) == (outcome, None if outcome == "no_handshake" else "listener:tls")
    code, out, _ = ask(text, "https://other.test/")
    assert code == 0 and "refused in the TLS handshake (unrecognized_name)" in out


def test_behind_a_balancer_it_says_how_to_ask(ask):
    text = PLAIN.replace("[gateway]\n", "[gateway]\nbehind = alb\n")
    assert "behind = alb (s.ini:2)" in ask(text, "http://api.test/v1/")[1]
    assert "behind" not in ask(text, "--from", "10.0.0.9", "http://api.test/v1/")[1]


# ---- wrong usage

@pytest.mark.parametrize("arguments, says", [
    ([], "which request? a URL"),
    (["ftp://x/"], "begins with http:// or https://"),
    (["x.test/path"], "begins with http:// or https://"),
    (["http://"], "has no host"),
    (["http:///path"], "has no host"),
    (["http://[::1/"], "has no host"),
    (["http://u:p@api.test/"], "no user in the URL"),
    (["http://api.test:0/"], "a number from 1 to 65535"),
    (["http://api.test:65536/"], "a number from 1 to 65535"),
    (["http://api.test:8o/"], "a number from 1 to 65535"),
    (["http://api.test/a b"], "no blanks and no control bytes"),
    (["http://api.test/a\nb"], "no blanks and no control bytes"),
    (["http://" + "a" * 300 + "/"], "longer than a name may be"),
    (["http://api.test/", "-X", ""], "a method is one word"),
    (["http://api.test/", "-X", "GET /x"], "a method is one word"),
    (["http://api.test/", "-H", "no colon"], "a field is written 'Name: value'"),
    (["http://api.test/", "-H", "A: b\r\nC: d"], "a field is one line"),
    (["http://api.test/", "-H"], "-H needs a value"),
    (["http://api.test/", "--from"], "--from needs a value"),
    (["http://api.test/", "--from", "10.0.0.256"], "--from 10.0.0.256: not an IP address"),
    (["http://api.test/", "--from", "10.0.0.1:80"], "not an IP address"),
    (["http://api.test/", "--from", "10.0.0.1", "--from=10.0.0.2"], "--from is given twice"),
    (["http://api.test/", "http://api.test/"], "unexpected argument"),
    (["http://api.test/", "--fro", "10.0.0.1"], "unexpected argument"),
    (["http://api.test/", *["-Ha:b"] * 257], "more than 256 times -H"),
], ids=lambda value: "_".join(value)[:50].encode("unicode_escape").decode() if isinstance(value, list) else "")
def test_wrong_usage(ask, arguments, says):
    code, out, err = ask(PLAIN, *arguments)
    assert (code, out) == (2, "") and says in err, (code, out, err)


def test_a_broken_configuration(ask):
    code, out, err = ask(PLAIN.replace("pool = app\nallow", "pool = ap\nallow"), "http://api.test/")
    assert (code, out) == (1, "") and 's.ini:22: error: [route:api] pool = "ap"' in err


def test_what_is_printed_is_safe_for_a_terminal(ask):
    code, out, _ = ask(PLAIN, "--from", "192.0.2.5", "-H", os.fsdecode(b"X-Odd: \xe9\xff"), "http://api.test/v1/")
    assert code == 0 and "X-Odd: \\xe9\\xff" in out
    code, out, _ = ask(PLAIN, "--from", "192.0.2.5", "-H", "X-Odd: \x1b[31m", "http://api.test/v1/")
    assert code == 0 and "refused as it is read: control" in out and "\x1b" not in out
