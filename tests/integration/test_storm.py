"""Backends that break under load, one after the other and in every way, and what clients see of it: nothing, but where no
rule could have spared them. The long forms take a minute or two each; the short ones run always."""
import collections
import datetime
import itertools
import os
import re
import signal
import threading
import time

import pytest

import backends
import gateway as program
import page
import procs
import wire
from cutter import Cutter, body_of, number_of
from flaky import BIG, Flaky
from load import Load
from wire import Client

FOREVER = 60 * program.SLOW
WORKERS = 2


def ini(port, behinds, pool="", **parts):
    more = "".join(f"backend = 127.0.0.1:{one.port}\n" for one in behinds[1:])
    return program.ini(port, behinds[0].port, pool=more + pool, workers=WORKERS, **parts)


# --- four backends: two of nginx, which can be killed and stopped, and two that misbehave as they are told

SITE = """
        add_header X-Backend {name} always;
        location = /health {{ return 200 "ok"; }}
        location /r/ {{ return 200 $uri; }}
        location /big/ {{ rewrite ^ /big.bin break; }}
        location /p/ {{ echo_read_request_body; echo_request_body; }}
"""


@pytest.fixture
def four(folders):
    made = []
    try:
        for name in ("nginx0", "nginx1"):
            made.append(backends.Nginx(folders("nginx"), program.free_port(), more=SITE.format(name=name)))
            made[-1].file("big.bin", b"x" * BIG)
            made[-1].name = name
        for name in ("scripted0", "scripted1"):
            made.append(Flaky(program.free_port(), name))
        yield made
    finally:
        for one in made:
            if one.process.poll() is None:
                signals(signal.SIGCONT)(one)
            one.end()


def signals(number):
    def act(one):
        for pid in one.pids():
            os.kill(pid, number)
    return act


def tells(word):
    return lambda one: one.tell(word)


# ejected, down: what the log may give as reason for leaving it out, and for calling it down; None: that does not come.
# seen: the status that clients may be told until that is noticed, since no rule calls it a failure of the backend.
Fault = collections.namedtuple("Fault", "whom begin mend ejected down seen")
LATE = "answer_timeout|read_timeout|connect_timeout"
FAULTS = {
    "kill": Fault("nginx", lambda one: one.kill(), lambda one: one.start(), "connect_failed|abort", "refused|reset|closed.*", None),
    "reset": Fault("scripted", tells("reset"), tells("ok"), "abort|connect_failed", "reset|closed.*", None),
    "stop": Fault("nginx", signals(signal.SIGSTOP), signals(signal.SIGCONT), LATE, "timeout|connect timeout", None),
    "slow": Fault("scripted", tells("slow"), tells("ok"), None, None, None),
    "fail": Fault("scripted", tells("fail"), tells("ok"), None, "status 500", 500),
    "hole": Fault("scripted", tells("hole"), tells("ok"), LATE, "timeout|connect timeout", None),
    "busy": Fault("scripted", tells("busy"), tells("ok"), "status_503", "status 503", 503),
}
STATES = re.compile(r'^(\S+) .* event=backend_(ejected|back|down|up)\b.* backend="?127\.0\.0\.1:(\d+)"?.* (?:reason|why)=("[^"]*"|\S+)')
State = collections.namedtuple("State", "at event port why")


def states(running, since=0):
    """The changes of state in the log behind its first `since` lines."""
    found = []
    for line in running.err().splitlines()[since:]:
        match = STATES.match(line)
        if match:
            at, event, port, why = match.groups()
            found.append(State(datetime.datetime.fromisoformat(at.replace("Z", "+00:00")).timestamp(), event, int(port), why.strip('"')))
    return found


class Phase:
    """One fault of one backend, from its beginning until the backend serves again."""

    def __init__(self, running, at, load, how, one):
        self.running, self.at, self.load, self.how, self.one = running, at, load, how, one
        self.fault = FAULTS[how]
        self.mark = len(running.err().splitlines())
        self.begun = self.mended = self.ended = None
        self.all = None                 # of its states, once it is over

    def states(self):
        return states(self.running, self.mark) if self.all is None else self.all

    def is_noticed(self, must_be_down):
        """By requests, or by the checks, which take longer to be sure."""
        return any(one.event == "down" or (one.event == "ejected" and not must_be_down) for one in self.states())

    def served(self, since):
        return [one for one in self.load.asked if one.begun > since and one.backend == self.one.name and one.status == 200]

    def good_checks(self):
        return page.total(page.metrics(self.at), "backend_check_total", backend=f"127.0.0.1:{self.one.port}", result="good")

    def is_back(self, checks):
        """Nothing speaks against it any more, it serves, and no request or check is left that it had when it was broken."""
        count = collections.Counter(one.event for one in self.states())
        return count["ejected"] == count["back"] and count["down"] == count["up"] and len(self.served(self.mended)) >= 8 and \
            self.load.is_past(self.mended) and self.good_checks() > checks

    def run(self, hold, must_be_down):
        self.begun = time.time()
        self.fault.begin(self.one)
        if self.fault.ejected or self.fault.down:
            assert procs.wait_for(lambda: self.is_noticed(must_be_down), FOREVER, 0.1), (self.how, "nobody noticed", self.states())
        else:
            assert procs.wait_for(lambda: len(self.served(self.begun + 0.2)) >= 5, FOREVER, 0.1), (self.how, "it has no share")
        time.sleep(hold)
        checks, self.mended = self.good_checks(), time.time()
        self.fault.mend(self.one)
        assert procs.wait_for(lambda: self.is_back(checks), FOREVER, 0.1), \
            (self.how, "it does not come back", self.states(), len(self.served(self.mended)))
        self.ended = time.time()
        self.all = self.states()
        self.judge_log()
        return self

    def judge_log(self):
        """Every change is this backend's, and says why."""
        for one in self.states():
            said = f"{self.how}: {one}"
            assert one.port == self.one.port, said
            wanted = {"ejected": self.fault.ejected, "down": self.fault.down, "back": "eject_time_over", "up": "ok"}[one.event]
            assert wanted and re.fullmatch(wanted, one.why), said

    def down_at(self):
        return min((one.at for one in self.states() if one.event == "down"), default=None)

    def has(self, asked):
        return asked.begun < self.ended and asked.ended > self.begun


def wish_for(kind):
    """Every request has a path of its own: it is found in the log by it, and the answer tells it."""
    methods = {"r": ["GET", "GET", "GET", "GET", "HEAD", "DELETE"], "big": ["GET"], "p": ["POST"]}[kind]

    def wish(client, n):
        target = f"/{kind}/{client}-{n}"
        return methods[n % len(methods)], target, target.encode() * 20 if kind == "p" else b""
    return wish


def is_right(asked):
    want = asked.target.encode()
    if asked.target.startswith("/p/"):
        want *= 20
    elif asked.target.startswith("/big/"):
        want = b"x" * BIG
    return asked.fate == "ok" and asked.status == 200 and asked.body == (b"" if asked.method == "HEAD" else want)


class Judge:
    """Whom no rule could spare. Everybody else must have been answered, and rightly."""

    SLACK = 0.5 * program.SLOW          # between the monitor's word in the log and the worker's next look

    def __init__(self, phases, lines):
        self.phases = phases
        self.lines = {line["path"]: line for line in lines}
        self.told = collections.Counter()       # (fault, why it could not be spared)

    def spared(self, asked):
        """The reason why this failure had to be seen; None: it had not."""
        line = self.lines.get(asked.target)
        for phase in self.phases:
            if not phase.has(asked) or line is None or line["backend"] != f"127.0.0.1:{phase.one.port}":
                continue
            if asked.fate == "ok" and phase.fault.seen and asked.status == phase.fault.seen and asked.backend == phase.one.name and \
                    line["cause"] == "ok" and asked.begun < (phase.down_at() or phase.mended) + self.SLACK:
                return phase.how, "an answer like any other"
            if phase.fault.seen or not phase.fault.ejected:
                continue
            if asked.fate == "cut" and asked.status == 200 and asked.target.startswith("/big/") and line["at"] == "data" and \
                    line["cause"] in ("backend_abort", "backend_timeout"):
                return phase.how, "a part of the answer was there"
            if asked.fate == "ok" and asked.method == "POST" and asked.status in (502, 504) and line["at"] == "answer" and \
                    line["cause"] in ("backend_abort", "backend_timeout"):
                return phase.how, "a POST that was sent"
        return None

    def judge(self, asked):
        wrong = []
        for one in asked:
            if is_right(one):
                continue
            reason = self.spared(one)
            self.told[reason] += 1
            if reason is None:
                wrong.append((one._replace(body=one.body[:40]), self.lines.get(one.target)))
        assert not wrong, (len(wrong), wrong[:5], self.told)


SHORT = "check_interval = 200ms\ncheck_timeout = 1s\nanswer_timeout = 1s\nread_timeout = 1s\nconnect_timeout = 1s\neject_time = 500ms\n"
LONG = "check_interval = 500ms\ncheck_timeout = 2s\nanswer_timeout = 2s\nread_timeout = 2s\nconnect_timeout = 1s\neject_time = 2s\n"


@pytest.mark.parametrize("balance, lasts", [
    ("least_conn", 0),
    pytest.param("least_conn", 60, marks=[pytest.mark.long, pytest.mark.quiet]),
    pytest.param("round_robin", 60, marks=[pytest.mark.long, pytest.mark.quiet])], ids=["short", "least_conn", "round_robin"])
def test_one_after_the_other(four, gateway, port, balance, lasts):
    """Each is broken, noticed, mended, and serves again, in every way there is, for as long as `lasts` and all ways once."""
    at = program.free_port()
    running = gateway(ini(port, four, f"balance = {balance}\ncheck = GET /health\n" + (LONG if lasts else SHORT), more=page.admin(at)))
    assert procs.wait_for(lambda: sum(one.event == "up" for one in states(running)) == 4, FOREVER)
    begun, phases = time.time(), []
    with Load() as load:
        load.add(port, wish_for("r"), 28, pause=0.015)
        load.add(port, wish_for("big"), 2, pause=0.05)
        load.add(port, wish_for("p"), 2, pause=0.015)
        while len(phases) < len(FAULTS) or time.time() < begun + lasts:
            how = list(FAULTS)[len(phases) % len(FAULTS)]
            one = [one for one in four if one.name.startswith(FAULTS[how].whom)][len(phases) // len(FAULTS) % 2]
            phases.append(Phase(running, at, load, how, one).run(hold=1 if lasts else 0.2, must_be_down=lasts > 0))
    took, asked = time.time() - begun, load.asked
    lines = running.access(len(asked))
    judge = Judge(phases, lines)
    judge.judge(asked)
    again = sum(max(line["tries"] - 1, 0) for line in lines)
    print(f"{balance}: {len(asked)} requests in {took:.0f} s, {len(phases)} faults, {again} retries, seen: {dict(judge.told)}")
    print("\n".join(f"{p.how:6} {p.mended - p.begun:5.1f} s + {p.ended - p.mended:4.1f} s {[(s.event, s.why) for s in p.states()]}" for p in phases))
    for slow in [one for one in phases if one.how == "slow" and balance == "least_conn"]:
        count = collections.Counter(one.backend for one in asked if slow.begun < one.begun < slow.mended)
        assert count[slow.one.name] < min(count[one.name] for one in four if one is not slow.one), "who is slow gets less"
    assert 0 < again <= 0.2 * len(lines) + WORKERS * 10 * (took + 1)
    assert judge.told["busy", "an answer like any other"] <= (WORKERS * 5 + 32) * sum(p.how == "busy" for p in phases)


# --- a backend that closes after a second

class Racer(threading.Thread):
    """Asks a few times and pauses for as long as the backend keeps a connection, a little less when it was closed, a
    little more when it was not: so that its next request and the close meet. Alone in its pool, it knows the connection."""

    def __init__(self, port, number, rounds, each):
        super().__init__(daemon=True)
        self.port, self.number, self.rounds, self.each = port, number, rounds, each
        self.pause, self.step = 0.995 + number % 20 / 1000, 0.004
        self.wrong, self.was_closed, self.asked = [], None, 0

    def run(self):
        with Client(self.port, timeout=FOREVER) as client:
            for n in range(self.rounds):
                for k in range(self.each):
                    target = f"/c{self.number}/{n}-{k}"
                    try:
                        got = client.ask(("GET", "GET", "HEAD", "DELETE")[k % 4], target)
                    except (OSError, wire.Cut) as error:
                        self.wrong.append((target, error))
                        return
                    self.asked += 1
                    if got.status != 200:
                        self.wrong.append((target, got))
                    if k == 0:
                        self.steer(got.get("X-Conn") == "1")
                time.sleep(self.pause)

    def steer(self, is_new):
        if self.was_closed is not None and is_new != self.was_closed:
            self.step = max(self.step / 2, 0.0002)
        self.was_closed = is_new
        self.pause += -self.step if is_new else self.step


@pytest.mark.parametrize("racers, rounds", [(40, 4), pytest.param(100, 25, marks=[pytest.mark.long, pytest.mark.quiet])],
                         ids=["short", "10000"])
def test_requests_that_meet_the_close_of_their_connection(folders, gateway, port, racers, rounds):
    """nginx keeps a connection for a second and does not say so. No client sees it; what was closed under a request is counted."""
    at, each = program.free_port(), 4
    server = backends.Nginx(folders("nginx"), program.free_port(), more="""
        location ~ ^/c { keepalive_timeout 1s; add_header X-Conn $connection_requests; return 200 $uri; }""")
    try:
        more = "".join(f"[route:c{n}]\nhost = *\npath = /c{n}/*\npool = c{n}\n[pool:c{n}]\nbackend = 127.0.0.1:{server.port}\n"
                       for n in range(racers))
        running = gateway(program.ini(port, server.port, more=more + page.admin(at), workers=WORKERS))
        all_of_them = [Racer(port, n, rounds, each) for n in range(racers)]
        for racer in all_of_them:
            racer.start()
        for racer in all_of_them:
            racer.join(FOREVER + 3 * rounds)
        assert not [racer for racer in all_of_them if racer.is_alive()]
        assert not [racer.wrong for racer in all_of_them if racer.wrong], [racer.wrong for racer in all_of_them if racer.wrong][:3]
        count = sum(racer.asked for racer in all_of_them)
        assert count == racers * rounds * each
        lines = running.access(count)
        stale = page.total(page.metrics(at), "backend_stale_reuse_total")
        print(f"{count} requests, {stale:.0f} met the close; pauses {min(r.pause for r in all_of_them):.4f} to {max(r.pause for r in all_of_them):.4f}")
        assert {(line["status"], line["tries"], line["cause"]) for line in lines} == {(200, 1, "ok")}, "replayed without counting"
        assert stale > 0 or rounds < 25, "nobody met the close"
    finally:
        server.end()


# --- connections that are cut anywhere

def judge_cut(asked, number, cutter, line, rests):
    """What one request must have come to, by where it was cut first; None, or why it is wrong."""
    where, seen, served = cutter.plans.get(number), cutter.heads[number] | cutter.bodies[number], cutter.served[number]
    is_post = asked.method == "POST"
    got, at, tries = (asked.fate, asked.status), (line["cause"], line["at"]), line["tries"]
    # A connection that is closed while it rests may take one request along, whose bytes may be seen then.
    once, lost = (1 if is_post or not rests else 2), got == ("ok", 502) and at == ("backend_abort", "answer") and tries == 1
    if len(seen) > (1 if is_post else 2 + (rests > 0)) or served > 1:
        return "sent too often"
    if got == ("ok", 200) and not (asked.method == "HEAD" or asked.body == b"served " + asked.target.encode()):
        return "another's answer"
    if where == "in the answer's body":
        good = got == ("cut", 200) and at == ("backend_abort", "data") and len(seen) <= once and tries == 1
    elif where == "in the answer's head":
        good = lost and len(seen) <= once
    elif where is None:
        good = lost and asked.method in ("POST", "PUT") and rests
    elif asked.method == "PUT":                 # again only while none of its body has gone out
        good = lost and served == 0 or got == ("ok", 200) and served == 1 and tries <= 2
    elif where != "serve" and is_post:
        good = lost and served == 0
    else:
        good = got == ("ok", 200) and served == 1 and tries <= (1 if where == "serve" else 2)
    return None if good else "not what the rules say"


@pytest.mark.parametrize("rests", [0, 0.3], ids=["kept", "closed-at-rest"])
@pytest.mark.parametrize("cuts", [150, pytest.param(1000, marks=pytest.mark.long)])
def test_cut_anywhere(gateway, port, cuts, rests):
    """No POST comes to a backend twice, wherever its connection is cut; what may be sent again is, and once."""
    at, cutter, numbers = program.free_port(), Cutter(seed=cuts, rests=rests), itertools.count(1)
    want = {"POST": cuts, "GET": cuts}
    running = gateway(program.ini(port, cutter.ports[0], workers=WORKERS, more=page.admin(at), listener="body_max = 1m", pool=f"""
backend = 127.0.0.1:{cutter.ports[1]}
eject = off
retry_budget = 100%"""))

    def wish(client, n):
        number = next(numbers)
        method = ("POST", "GET", "POST", "PUT", "POST", "HEAD", "POST", "DELETE")[number % 8]
        size = (0, 20, 3000, 60000, 200000)[number // 2 % 5] if method in ("POST", "PUT") else 0
        return method, f"/cut/{number}", body_of(number, size)

    def count_cuts():
        found = collections.Counter()
        for asked in load.asked:
            where = cutter.plans.get(number_of(asked.target))
            found["POST" if asked.method == "POST" else "GET"] += where not in (None, "serve")
        return found
    try:
        with Load() as load:
            load.add(port, wish, 8)
            assert procs.wait_for(lambda: all(count_cuts()[kind] >= least for kind, least in want.items()), FOREVER * 4, 0.2), count_cuts()
        asked = load.asked
        whole = [number_of(one.target) for one in asked if (one.fate, one.status) == ("ok", 200)]
        procs.wait_for(lambda: all(cutter.served[number] for number in whole), 10)  # an answer is here before its sender has counted it
        lines = {line["path"]: line for line in running.access(len(asked))}
        wrong = collections.defaultdict(list)
        for one in asked:
            number = number_of(one.target)
            reason = judge_cut(one, number, cutter, lines[one.target], rests)
            if reason:
                wrong[reason].append((one.method, number, one.fate, one.status, cutter.plans.get(number), cutter.heads[number] | cutter.bodies[number],
                                      [lines[one.target][key] for key in ("cause", "at", "tries", "reused", "bytes_in", "t_total")]))
        stale = page.total(page.metrics(at), "backend_stale_reuse_total")
        told = collections.Counter((one.method, cutter.plans.get(number_of(one.target)), one.status) for one in asked)
        print(f"{len(asked)} requests, {dict(count_cuts())} cut, {stale:.0f} replayed as stale; {dict(told)}")
        assert not wrong, {reason: (len(those), those[:3]) for reason, those in wrong.items()}
        again = sum(cutter.cut_on.get(number_of(one.target), False) and one.method != "POST" and one.status == 200 and
                    "answer's" not in cutter.plans[number_of(one.target)] for one in asked)
        assert stale >= again if rests else stale == again, (stale, again)
    finally:
        cutter.end()
