"""[limit:NAME]: what passes, who is told to wait and how long, over all workers, reloads and dead workers."""
import os
import re
import signal
import threading
import time

import pytest

import backends
import gateway as program
import procs
from wire import Client, answer

OK = backends.always(answer(body=b"ok"))


def limited(limit, place="listener", name="few", **parts):
    """Parts of an ini with one limit at the listener or the route."""
    parts[place] = f"limit = {name}\n" + parts.get(place, "")
    parts["more"] = f"[limit:{name}]\n{limit}\n" + parts.get("more", "")
    return parts


def ask(port, count, source="127.0.0.1", **how):
    with Client(port, source=source) as client:
        return [client.ask(**how) for _ in range(count)]


def statuses(port, count, source="127.0.0.1", **how):
    return [got.status for got in ask(port, count, source, **how)]


def test_over_it_is_429_with_the_time_to_wait(serve):
    running, behind, port = serve(OK, **limited("rate = 5/m\nburst = 3"))
    got = ask(port, 5)
    assert [one.status for one in got] == [200, 200, 200, 429, 429] and len(behind.requests) == 3
    assert got[4].get("Retry-After") in ("11", "12")
    assert statuses(port, 1, "127.0.0.2") == [200], "another client has its own"
    line = next(line for line in running.access(6) if line["status"] == 429)
    assert (line["cause"], line["at"]) == ("limited", "header")
    with open(os.path.join(running.folder, "sallyport.ini"), encoding="ascii") as file:
        assert file.read().splitlines()[int(line["rule"].rpartition(":")[2]) - 1] == "rate = 5/m"
    assert statuses(port, 3, target="/healthz") == [200] * 3, "health has a limit of its own"


def test_burst_is_a_second_of_rate(serve):
    _, _, port = serve(OK, **limited("rate = 7/s"))
    got = statuses(port, 9)
    assert got[:7] == [200] * 7 and got[8] == 429


def test_burst_is_one_at_least(serve):
    _, _, port = serve(OK, **limited("rate = 5/h"))
    assert statuses(port, 2) == [200, 429]


def test_exact_over_all_workers(serve):
    """As many as rate and burst say, whoever serves them: one a worker over at most."""
    workers, rate, burst = 3, 50, 100
    parts = limited(f"rate = {rate}/s\nburst = {burst}\nkey = global", listener="max_requests_per_connection = 10000000\n")
    _, behind, port = serve(OK, **parts, workers=workers)
    stop, passed = threading.Event(), []

    def drive():
        with Client(port) as client:
            while not stop.is_set():
                passed.append(client.ask().status == 200)
                time.sleep(0.002)
    threads = [threading.Thread(target=drive) for _ in range(12)]
    begun = time.monotonic()
    for thread in threads:
        thread.start()
    time.sleep(4)
    stop.set()
    for thread in threads:
        thread.join()
    took = time.monotonic() - begun
    assert passed.count(True) == len(behind.requests)
    assert passed.count(True) <= burst + rate * took + workers
    assert passed.count(True) >= 0.99 * (burst + rate * 4) - workers and False in passed


@pytest.mark.parametrize("place", ["listener", "route"])
def test_key_header(serve, place):
    _, _, port = serve(OK, **limited("rate = 1/h\nburst = 2\nkey = header:X-Api-Key", place))
    for key in ("a", "b"):
        assert statuses(port, 3, fields=[("X-Api-Key", key)]) == [200, 200, 429]
    assert statuses(port, 3) == [200, 200, 429], "leaving it out is counted by address"
    assert statuses(port, 2, "127.0.0.2") == [200, 200]


OTHER = "[route:other]\npath = /other*\nlimit = few\nrespond = 200 hello\n"


def test_key_route(serve):
    _, _, port = serve(OK, **limited("rate = 1/h\nburst = 2\nkey = route", "route", more=OTHER))
    assert statuses(port, 2) + statuses(port, 1, "127.0.0.2") == [200, 200, 429]
    assert statuses(port, 3, target="/other") == [200, 200, 429]


def test_key_global(serve):
    _, _, port = serve(OK, **limited("rate = 1/h\nburst = 2\nkey = global", "route", more=OTHER))
    assert statuses(port, 1) + statuses(port, 2, "127.0.0.2", target="/other") == [200, 200, 429]


def test_guessing_is_counted_by_the_backends_statuses(serve):
    def script(conn):
        while (request := conn.read_request()) is not None:
            conn.send(answer("401 No" if request.target == "/guess" else "200 OK", body=b"x"))
    _, behind, port = serve(script, **limited("rate = 1/h\nburst = 3\ncount = 401, 403", "route"))
    assert statuses(port, 20) == [200] * 20
    assert statuses(port, 5, target="/guess") == [401, 401, 401, 429, 429]
    assert statuses(port, 1) == [429] and statuses(port, 1, "127.0.0.2") == [200]
    assert len(behind.requests) == 24


def test_observe_only_tells(serve):
    running, _, port = serve(OK, **limited("rate = 1/h\nburst = 2\nmode = observe"))
    assert statuses(port, 5) == [200] * 5
    line = procs.wait_for(lambda: running.events("clients_observed"), 30)[0]
    assert "setting=limit" in line and "127.0.0.1" in line


def test_headers(serve):
    _, _, port = serve(OK, **limited("rate = 6/m\nburst = 3\nheaders = yes"))
    first, _, _, over = ask(port, 4)
    assert first.get("RateLimit-Policy") == over.get("RateLimit-Policy") == '"few";q=3;w=30'
    assert re.fullmatch(r'"few";r=2;t=10', first.get("RateLimit"))
    assert over.status == 429 and re.fullmatch(r'"few";r=0;t=(29|30)', over.get("RateLimit"))


def test_two_limits_count_apart(serve):
    more = "[limit:all]\nrate = 1/h\nburst = 4\nkey = global\n"
    _, _, port = serve(OK, **limited("rate = 1/h\nburst = 3", more=more, listener="limit = all\n"))
    assert statuses(port, 4) == [200, 200, 200, 429]
    assert statuses(port, 2, "127.0.0.2") == [200, 429], "the first one's limit was looked at first"


def test_the_client_is_whom_a_balancer_names(serve):
    _, _, port = serve(OK, gateway="behind = alb\ntrusted = 127.0.0.1", **limited("rate = 1/h\nburst = 2"))
    for named in ("203.0.113.7", "2001:db8:1:2::1"):
        assert statuses(port, 3, fields=[("X-Forwarded-For", named)]) == [200, 200, 429]
    assert statuses(port, 1, fields=[("X-Forwarded-For", "2001:db8:1:2:ffff::9")]) == [429], "an IPv6 by its /64"
    assert statuses(port, 1, fields=[("X-Forwarded-For", "2001:db8:1:3::1")]) == [200]
    assert statuses(port, 9) == [200] * 9, "a balancer is not everybody"


def test_kept_over_a_reload_and_a_dead_worker(serve):
    parts = limited("rate = 1/h\nburst = 3")
    running, behind, port = serve(OK, **parts)
    assert statuses(port, 2) == [200, 200]
    parts["gateway"] = "drain_timeout = 7s"
    program.write_config(running.folder, program.ini(port, behind.port, **parts))
    running.signal(signal.SIGHUP)
    assert procs.wait_for(lambda: running.events("reload_done"), 30)
    assert statuses(port, 2) == [200, 429]
    old = running.workers()[0]
    os.kill(old, signal.SIGKILL)
    assert procs.wait_for(lambda: running.workers() and old not in running.workers(), 30)
    assert procs.wait_for(running.is_up, 30)
    assert statuses(port, 1) == [429]


@pytest.mark.parametrize("limit, place, said", [
    ("rate = 5", "listener", "rate = 5: not a rate, as 50/s, 5/m or 1000/h"),
    ("rate = 0/s", "listener", "rate = 0/s: from 1/h to 1000000/s"),
    ("rate = 5/s\nkey = clients", "listener", 'key = clients: no such value; did you mean "client"?'),
    ("rate = 5/s\nkey = header:", "listener", "key = header:: no name behind header:"),
    ("rate = 5/s\nkey = route", "listener", "limit = few: its key is route (sallyport.ini:"),
    ("rate = 5/s\ncount = 700", "route", "count = 700: neither requests nor a status code from 200 to 599"),
    ("rate = 5/s\ncount = requests, 404", "route", "count = requests, 404: either requests or status codes"),
    ("burst = 5", "route", "[limit:few] has no rate"),
])
def test_what_is_refused(check, limit, place, said):
    code, out = check(program.ini(18080, 18081, **limited(limit, place)))
    assert code == 1 and f"error: {said}" in out, out


def test_unused_and_misspelled(check):
    code, out = check(program.ini(18080, 18081, listener="limit = fwe", more="[limit:few]\nrate = 5/s\n"))
    assert code == 1 and 'limit = "fwe": no such limit; did you mean "few"' in out
    code, out = check(program.ini(18080, 18081, more="[limit:few]\nrate = 5/s\n"))
    assert code == 0 and "[limit:few] is used by nothing [unused-limit]" in out


@pytest.mark.long
def test_100000_addresses_leave_memory_flat(serve):
    running, _, port = serve(OK, gateway="behind = alb\ntrusted = 127.0.0.1", **limited("rate = 1/h\nburst = 1"))

    def ask_as(first, count):
        with Client(port) as client:
            for i in range(first, first + count):
                named = f"10.{i >> 16 & 255}.{i >> 8 & 255}.{i & 255}"
                got = client.ask(fields=[("X-Forwarded-For", named)])
                assert got.status == 200
                if got.get("Connection") == "close":
                    return ask_as(i + 1, first + count - i - 1)
        return None
    for at in range(0, 20000, 500):
        ask_as(at, 500)
    before = running.memory()
    for at in range(20000, 100000, 500):
        ask_as(at, 500)
    assert running.memory() - before < 9 << 20, "the table's own 8 MiB at most"
