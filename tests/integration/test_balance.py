"""[pool] over several backends: who is asked, how many at once, who waits, who is left out and comes back, what is sent twice."""
import collections
import re
import signal
import threading
import time

import pytest

import backends
import gateway as program
import procs
import wire
from wire import Client, answer, request

OK = backends.always(answer(body=b"ok"))
FOREVER = 30 * program.SLOW


def ini(port, behinds, pool="", workers=1, listener="", gateway="", tls=None):
    """A gateway before several backends; a backend is a port, or a port and what follows it in the line."""
    lines = [one if isinstance(one, tuple) else (one, "") for one in behinds]
    first, *rest = lines
    more = "".join(f"backend = 127.0.0.1:{at} {how}\n" for at, how in rest)
    return program.ini(port, f"{first[0]} {first[1]}", pool=more + pool, listener=listener, tls=tls,
                       gateway=gateway).replace("workers = 1", f"workers = {workers}")


@pytest.fixture
def several(backend, gateway, port):
    """several(count or scripts, pool, ...): a gateway before so many backends: (gateway, backends, port)."""
    def make(scripts, pool="", weights=None, **parts):
        behinds = [backend(script) for script in (scripts if isinstance(scripts, list) else [OK] * scripts)]
        lines = [(b.port, f"weight={w}") for b, w in zip(behinds, weights or [1] * len(behinds))]
        return gateway(ini(port, lines, pool, **parts)), behinds, port
    return make


def counts(behinds):
    return [len(b.requests) for b in behinds]


def told(running, event, count=1):
    """The lines of that event, once there are so many: the log comes by another process."""
    assert procs.wait_for(lambda: len(running.events(event)) >= count, FOREVER), running.err()
    return running.events(event)


def ask_many(port, count, **how):
    with Client(port) as client:
        return [client.ask(**how).status for _ in range(count)]


# --- who is asked

def test_round_robin_within_two_percent_of_the_weights(several):
    _, behinds, port = several(3, "balance = round_robin", weights=[5, 3, 2])
    assert set(ask_many(port, 600)) == {200}
    for got, weight in zip(counts(behinds), (5, 3, 2)):
        assert abs(got - 60 * weight) <= 12


def test_round_robin_over_workers_and_clients(several):
    """Each worker takes its own turns: all of them together are within 2 % as well."""
    running, behinds, port = several(3, "balance = round_robin", weights=[5, 3, 2], workers=3)
    assert {status for statuses in in_parallel(lambda: ask_many(port, 100), 30) for status in statuses} == {200}
    for got, weight in zip(counts(behinds), (5, 3, 2)):
        assert abs(got - 300 * weight) <= 60
    assert len(running.workers()) == 3


def test_random_two_asks_all_by_weight(several):
    _, behinds, port = several(3, "balance = random_two", weights=[2, 1, 1])
    assert set(ask_many(port, 800)) == {200}
    heavy, *light = counts(behinds)
    assert heavy > max(light) and min(light) > 80


@pytest.mark.parametrize("balance, field", [("hash:header:X-User", "X-User"), ("hash:client", "X-Forwarded-For")])
def test_hash_keeps_a_key_with_its_backend(several, balance, field):
    """In every worker the same one; when one backend is gone only its keys move."""
    _, behinds, port = several(4, f"balance = {balance}\nconnect_timeout = 1s\nretry_budget = 100%", workers=2, gateway="trusted = 127.0.0.0/8")

    def where():
        found = {}
        for key in range(60):
            before = counts(behinds)
            for _ in range(2):
                with Client(port) as client:
                    assert client.ask(fields=[(field, f"203.0.113.{key}")]).status == 200
            grown = [now - was for now, was in zip(counts(behinds), before)]
            assert sorted(grown) == [0, 0, 0, 2], "one key, one backend"
            found[key] = grown.index(2)
        return found
    first = where()
    assert set(first.values()) == {0, 1, 2, 3}
    behinds[1].end()
    moved = where()
    assert all(moved[key] == first[key] for key in first if first[key] != 1)
    assert 1 not in moved.values()


@pytest.mark.parametrize("balance, field", [("hash:header:X-User", "X-User"), ("hash:client", "X-Forwarded-For")])
def test_hash_moves_the_keys_of_who_leaves(several, balance, field):
    """Of 2000 keys at most a fourth and 5 %, all of them of the one of four that is drained; back again, they are where they were."""
    telling = [backends.always(answer(fields=[("X-Who", str(number))])) for number in range(4)]
    running, behinds, port = several(telling, f"balance = {balance}", workers=2, gateway="trusted = 127.0.0.0/8",
                                     listener="max_requests_per_connection = 10000")
    names = [f"app/127.0.0.1:{one.port}" for one in behinds]
    keys = [f"203.0.{n // 250}.{n % 250}" for n in range(2000)]

    def where():
        with Client(port) as client:
            return {key: int(client.ask(fields=[(field, key)]).get("X-Who")) for key in keys}

    def command(word):
        assert program.command(word, names[1], "-c", running.config)[0] == 0
    first = where()
    command("drain")
    moved = where()
    assert 1 not in moved.values()
    changed = [key for key in keys if moved[key] != first[key]]
    assert all(first[key] == 1 for key in changed) and 0 < len(changed) <= (1 / 4 + 0.05) * len(keys)
    command("undrain")
    assert procs.wait_for(lambda: where() == first, FOREVER)


def test_hash_of_a_field_that_is_absent(several):
    _, behinds, port = several(2, "balance = hash:header:X-User")
    assert set(ask_many(port, 20)) == {200}
    assert counts(behinds) == [10, 10], "by load then"


def cookie_of(got, name="stick"):
    found = [re.match(rf"{name}=([^;]*)(.*)", field) for field in got.all("Set-Cookie")]
    found = [match for match in found if match]
    assert len(found) <= 1
    return (found[0].group(1), found[0].group(2)) if found else (None, None)


def test_cookie_sticks(several):
    _, behinds, port = several(3, "balance = cookie:stick\nretry_budget = 100%", workers=2)
    with Client(port) as client:
        value, rest = cookie_of(client.ask())
    assert rest == "; Path=/; HttpOnly; SameSite=Lax"
    assert re.fullmatch("[0-9a-f]{32}", value) and "127" not in rest
    own = counts(behinds).index(1)
    for _ in range(20):
        with Client(port) as client:
            got = client.ask(fields=[("Cookie", f"a=1; stick={value}; b=2")])
            assert got.status == 200 and cookie_of(got) == (None, None), "it has one"
    assert counts(behinds)[own] == 21
    with Client(port) as client:
        client.ask(fields=[("Cookie", f"stick={value}")])
    sent = collections.Counter(r.get("Cookie") for r in behinds[own].requests)
    assert sent == {None: 2, "a=1; b=2": 20}, "the gateway's own is not passed on"
    behinds[own].end()
    with Client(port) as client:
        got = client.ask(fields=[("Cookie", f"stick={value}")])
    assert got.status == 200 and cookie_of(got)[0] not in (None, value), "another backend, and its cookie"


@pytest.mark.parametrize("made_up", ["", "x", "0" * 32, "127.0.0.1:80", "a" * 3000])
def test_cookie_that_names_nobody(several, made_up):
    _, _, port = several(2, "balance = cookie:stick")
    with Client(port) as client:
        got = client.ask(fields=[("Cookie", f"stick={made_up}")])
        assert got.status == 200 and cookie_of(got)[0]


def test_cookie_is_secure_over_tls(several, ca, leaf):
    _, _, port = several(2, "balance = cookie:stick", tls=[leaf])
    with Client(port, tls=wire.context(ca.cert), name="example.com") as client:
        assert cookie_of(client.ask())[1] == "; Path=/; HttpOnly; SameSite=Lax; Secure"


# --- how many at once

class Gauge:
    """A script that holds every request until let go, and knows the most it held at once."""

    def __init__(self, hold=None):
        self.lock = threading.Lock()
        self.now = self.most = self.all = 0
        self.gate = threading.Event()
        self.hold = hold

    def __call__(self, conn):
        while conn.read_request() is not None:
            with self.lock:
                self.now += 1
                self.all += 1
                self.most = max(self.most, self.now)
            self.gate.wait(self.hold or FOREVER)
            with self.lock:
                self.now -= 1
            conn.send(answer(body=b"ok"))


def in_parallel(work, count):
    done = []
    threads = [threading.Thread(target=lambda: done.append(work())) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(2 * FOREVER)
    return done


def one_status(port):
    with Client(port, timeout=FOREVER) as client:
        return client.ask().status


def test_max_inflight_is_the_gateways_not_the_workers(several):
    """Two workers, at most one over; what is above it gets 503."""
    gauge = Gauge()
    running, _, port = several([gauge], "max_inflight = 4", workers=2)
    clients = []
    for _ in range(24):
        clients.append(Client(port, timeout=FOREVER))
        clients[-1].send(request())
    assert procs.wait_for(lambda: len(running.access()) >= 19, FOREVER), "the rest is refused"
    assert procs.wait_for(lambda: gauge.now >= 4, FOREVER)
    gauge.gate.set()
    statuses = collections.Counter(client.response().status for client in clients)
    for client in clients:
        client.close()
    assert gauge.most <= 5 and statuses[200] == gauge.all and statuses[503] == 24 - gauge.all
    assert {line["cause"] for line in running.access(24)} == {"ok", "queue_full"}


def test_least_conn_looks_at_all_workers(several):
    gauges = [Gauge(), Gauge()]
    _, _, port = several(list(gauges), workers=2)
    clients = []
    for number in range(20):
        clients.append(Client(port, timeout=FOREVER))
        clients[-1].send(request())
        assert procs.wait_for(lambda n=number: sum(g.now for g in gauges) == n + 1, FOREVER)
    assert [g.now for g in gauges] == [10, 10]
    for gauge in gauges:
        gauge.gate.set()
    for client in clients:
        assert client.response().status == 200
        client.close()


def test_least_conn_by_weight_of_clients_that_come_at_once(several):
    """Three workers choose at the same time: each may be one off."""
    gauges = [Gauge() for _ in range(3)]
    running, _, port = several(list(gauges), weights=[2, 1, 1], workers=3)
    held = [Client(port, timeout=FOREVER) for _ in range(48)]
    assert procs.wait_for(lambda: sum(len(procs.peers(pid, port)) for pid in running.workers()) == 48, FOREVER)
    assert sum(len(procs.peers(pid, port)) > 0 for pid in running.workers()) > 1, "else it would show nothing"
    in_parallel(lambda todo=iter(held): next(todo).send(request()), 48)
    assert procs.wait_for(lambda: sum(g.now for g in gauges) == 48, FOREVER)
    assert all(abs(g.now - want) <= 3 for g, want in zip(gauges, (24, 12, 12))), [g.now for g in gauges]
    for gauge in gauges:
        gauge.gate.set()
    for client in held:
        assert client.response().status == 200
        client.close()


def test_least_conn_knows_what_another_worker_has_lent(several):
    """One worker's eight requests are at the first backend, since the second was drained: the other's eight go to the second."""
    gauges = [Gauge(), Gauge()]
    running, behinds, port = several(list(gauges), workers=2)
    held = [Client(port, timeout=FOREVER) for _ in range(64)]
    one, other = running.workers()

    def of(worker):
        assert procs.wait_for(lambda: len(procs.peers(one, port)) + len(procs.peers(other, port)) == 64, FOREVER)
        mine = procs.peers(worker, port)
        return [client for client in held if client.sock.getsockname()[1] in mine][:8]

    def ask(clients):
        for client in clients:
            was = sum(g.now for g in gauges)
            client.send(request())
            assert procs.wait_for(lambda was=was: sum(g.now for g in gauges) == was + 1, FOREVER)
    second = f"app/127.0.0.1:{behinds[1].port}"
    assert program.command("drain", second, "-c", running.config)[0] == 0
    ask(of(one))
    assert [g.now for g in gauges] == [8, 0]
    assert program.command("undrain", second, "-c", running.config)[0] == 0
    ask(of(other))
    assert [g.now for g in gauges] == [8, 8]
    for gauge in gauges:
        gauge.gate.set()
    for client in of(one) + of(other):
        assert client.response().status == 200
    for client in held:
        client.close()


def test_max_inflight_of_many_workers_in_a_rush(several):
    """Never more than one a worker over, and nobody waits in vain, while a thousand requests come and go."""
    gauges = [Gauge(hold=0.005) for _ in range(2)]
    running, _, port = several(list(gauges), "max_inflight = 6\nqueue = 400\nqueue_timeout = 60s", workers=4)
    done = in_parallel(lambda: ask_many(port, 20), 60)
    assert collections.Counter(status for statuses in done for status in statuses) == {200: 1200}
    assert all(6 <= g.most <= 6 + 4 for g in gauges), [g.most for g in gauges]
    assert sum(g.all for g in gauges) == 1200
    assert {line["cause"] for line in running.access(1200)} == {"ok"}


# --- who waits

def test_queue_is_first_come_first_served(several):
    order, gauge = [], Gauge()

    def script(conn):
        while (got := conn.read_request()) is not None:
            order.append(got.target)
            gauge.gate.wait(FOREVER)
            conn.send(answer(body=b"ok"))
    running, behinds, port = several([script], "max_inflight = 1\nqueue = 5\nqueue_timeout = 60s")
    clients = []
    for number in range(6):
        clients.append(Client(port, timeout=FOREVER))
        clients[-1].send(request(target=f"/{number}"))
        time.sleep(0.05)
    with Client(port) as client:
        assert client.ask().status == 503, "one at work, five wait, the seventh does not"
    assert running.access(1)[0]["cause"] == "queue_full"
    gauge.gate.set()
    for client in clients:
        assert client.response().status == 200
        client.close()
    assert order == [f"/{number}" for number in range(6)]
    assert len(behinds[0].requests) == 6
    waited = [line["t_queue"] for line in running.access(7) if line["status"] == 200]
    assert max(waited) >= 0.2 and min(waited) < max(waited)


def test_queue_timeout(several):
    gauge = Gauge()
    running, _, port = several([gauge], "max_inflight = 1\nqueue = 2\nqueue_timeout = 200ms")
    with Client(port) as first:
        first.send(request())
        assert procs.wait_for(lambda: gauge.now == 1, FOREVER)
        assert one_status(port) == 503
        gauge.gate.set()
        assert first.response().status == 200
    late = running.access(2)[0]
    assert (late["cause"], late["at"], late["tries"]) == ("queue_timeout", "queue", 0)
    assert late["t_queue"] >= 0.19 and gauge.all == 1


def test_who_leaves_gives_its_place(several):
    gauge = Gauge()
    running, _, port = several([gauge], "max_inflight = 1\nqueue = 1\nqueue_timeout = 60s")
    with Client(port) as first, Client(port) as third:
        first.send(request(target="/first"))
        assert procs.wait_for(lambda: gauge.now == 1, FOREVER)
        second = Client(port)
        second.send(request(target="/second"))
        time.sleep(0.1)
        second.reset()
        assert running.access(1)[0]["at"] == "queue"
        third.send(request(target="/third"))
        gauge.gate.set()
        assert first.response().status == third.response().status == 200
    assert gauge.all == 2, "the request of who left never went out"


def test_queue_is_called_when_another_workers_request_ends(several):
    """Never more than one over, nobody waits in vain though the ends are seen by the other worker as well."""
    gauge = Gauge(hold=0.01)
    _, _, port = several([gauge], "max_inflight = 2\nqueue = 100\nqueue_timeout = 60s", workers=2)
    assert in_parallel(lambda: one_status(port), 40) == [200] * 40
    assert gauge.most <= 3 and gauge.all == 40


# --- who is left out, and comes back

def test_ejected_after_failures_in_a_row_and_back(several, backend):
    bad = threading.Event()
    bad.set()

    def script(conn):
        while conn.read_request() is not None:
            conn.send(answer("503 No", body=b"no") if bad.is_set() else answer(body=b"ok"))
    running, behinds, port = several([script, OK], "balance = round_robin\neject = 3\neject_time = 1s")
    statuses = ask_many(port, 40)
    assert statuses.count(503) == 3 and len(behinds[0].requests) == 3
    said = told(running, "backend_ejected")
    assert len(said) == 1 and "reason=status_503" in said[0]
    bad.clear()

    def is_back():
        assert one_status(port) == 200
        return len(behinds[0].requests) > 6
    assert procs.wait_for(is_back, FOREVER)
    assert len(told(running, "backend_back")) == 1


def test_a_reload_keeps_who_is_ejected(several):
    """Where the pool is declared as before."""
    def script(conn):
        while conn.read_request() is not None:
            conn.send(answer("503 No", body=b"no"))
    pool = "balance = round_robin\neject = 2\neject_time = 60s"
    running, behinds, port = several([script, OK], pool)
    ask_many(port, 10)
    told(running, "backend_ejected")
    program.write_config(running.folder, ini(port, [(one.port, "weight=1") for one in behinds], pool, listener="max_connections_per_ip = 77"))
    running.signal(signal.SIGHUP)
    told(running, "reload_done")
    assert set(ask_many(port, 20)) == {200} and len(behinds[0].requests) == 2


def test_eject_off(several):
    def script(conn):
        while conn.read_request() is not None:
            conn.send(answer("503 No", body=b"no"))
    running, _, port = several([script, OK], "balance = round_robin\neject = off")
    assert ask_many(port, 40).count(503) == 20
    assert not running.events("backend_ejected")


def test_eject_max_keeps_some(several):
    def script(conn):
        while conn.read_request() is not None:
            conn.send(answer("503 No", body=b"no"))
    running, behinds, port = several([script] * 4, "balance = round_robin\neject = 2\neject_max = 25%\neject_time = 60s")
    ask_many(port, 80)
    assert len(told(running, "backend_ejected")) == 1
    assert sorted(counts(behinds))[0] == 2


@pytest.mark.parametrize("how, reason", [("refuse", "connect_failed"), ("hang", "answer_timeout"), ("cut", "abort"),
                                         ("broken", "bad_answer")])
def test_reasons_of_ejection(backend, gateway, port, how, reason):
    scripts = {"hang": lambda conn: (conn.read_request(), conn.reader.more()),
               "cut": lambda conn: conn.read_request(),
               "broken": lambda conn: (conn.read_request(), conn.send(b"HTTP/7 nonsense\r\n\r\n"))}
    bad = program.free_port() if how == "refuse" else backend(scripts[how]).port
    running = gateway(ini(port, [bad, backend(OK).port], "balance = round_robin\neject = 2\neject_time = 60s\n"
                                                         "answer_timeout = 150ms\nretry_budget = 100%"))
    statuses = ask_many(port, 20)
    assert statuses.count(200) == (18 if how == "broken" else 20), "only a broken answer cannot be tried elsewhere"
    said = told(running, "backend_ejected")
    assert len(said) == 1 and f"reason={reason}" in said[0] and f":{bad} " in said[0]


def test_slow_start(several):
    bad = threading.Event()
    bad.set()

    def script(conn):
        while conn.read_request() is not None:
            conn.send(answer("503 No", body=b"no") if bad.is_set() else answer(body=b"ok"))
    running, behinds, port = several([script, OK], "balance = round_robin\neject = 2\neject_time = 500ms\nslow_start = 1h")
    ask_many(port, 10)
    told(running, "backend_ejected")
    bad.clear()
    time.sleep(0.6)
    before = counts(behinds)
    assert set(ask_many(port, 220)) == {200}
    mine, other = (now - was for now, was in zip(counts(behinds), before))
    assert 10 <= mine <= 30 and mine + other == 220, "a tenth of the other's"


# --- what is sent twice

def test_retry_budget(several):
    """Both backends cut every request: retries are a share of the requests, above ten a second."""
    begun = time.monotonic()
    _, behinds, port = several([lambda conn: conn.read_request()] * 2, "eject = off\nretry_budget = 10%")
    assert set(ask_many(port, 400)) == {502}
    most = 400 * 0.1 + 10 * (time.monotonic() - begun + 1)
    assert 400 + 40 <= sum(counts(behinds)) <= 400 + most


def test_retry_budget_of_zero(several):
    _, behinds, port = several([lambda conn: conn.read_request()] * 2, "eject = off\nretry_budget = 0%")
    assert set(ask_many(port, 30)) == {502}
    assert sum(counts(behinds)) == 30


def cut_the_second(conn):
    conn.read_request()
    conn.send(answer(body=b"ok"))
    conn.read_request()


@pytest.mark.parametrize("script, good", [(lambda conn: conn.read_request(), 0), (cut_the_second, 500)], ids=["fresh", "pooled"])
def test_post_is_never_sent_twice(several, script, good):
    """A thousand requests, cut when they are there, on fresh connections and on such that have served; each names itself."""
    running, behinds, port = several([script] * 2, "eject = off\nretries = 3\nretry_budget = 100%",
                                     listener="max_requests_per_connection = 10000")
    with Client(port) as client:
        statuses = [client.ask("POST", f"/{number}", body=b"x" * 10).status for number in range(1000)]
    assert collections.Counter(statuses) == collections.Counter([200] * good + [502] * (1000 - good))
    seen = collections.Counter(r.target for b in behinds for r in b.requests)
    assert len(seen) == 1000 and set(seen.values()) == {1}
    assert {line["tries"] for line in running.access(1000)} == {1}


def test_backend_with_a_short_keep_alive(folders, gateway, port):
    """nginx closes idle connections after a second, with the pauses of the clients around it: no request meets a close."""
    servers = [backends.Nginx(folders("nginx"), program.free_port(),
                              more="location /short { keepalive_timeout 1s 1s; return 200 ok; }") for _ in range(2)]
    try:
        gateway(ini(port, [s.port for s in servers], workers=2))

        def client(pauses):
            with Client(port, timeout=FOREVER) as one:
                statuses = []
                for pause in pauses:
                    statuses += [one.ask(target="/short").status for _ in range(60)]
                    time.sleep(pause)
                return statuses
        done = in_parallel(lambda: client((0.45, 0.5, 0.9, 0.95, 1.0, 1.05)), 8)
        assert collections.Counter(s for statuses in done for s in statuses) == {200: 8 * 6 * 60}
    finally:
        for server in servers:
            server.end()
