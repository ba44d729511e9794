"""Active health checks: what is asked, what counts as healthy, rise and fall, and that states outlive all processes."""
import json
import os
import signal
import socket
import ssl
import threading
import time

import pytest

import gateway as program
import page
import procs
from test_backend_tls import NAME, server, trusts
from wire import Client, answer, chunked

FAST = "check_interval = 100ms\ncheck_timeout = 500ms\n"


def ask(port, **wish):
    with Client(port) as client:
        return client.ask(**wish).status


def becomes(port, status, timeout=20):
    return procs.wait_for(lambda: ask(port) == status, timeout)


def pools(gw):
    code, out, err = program.command("status", "-c", gw.config, "--json")
    assert code == 0, err
    return json.loads(out)["pools"]


def state_of(gw, backend):
    return next(row for row in pools(gw) if row["backend"].endswith(str(backend)))


class Health:
    """A scripted backend: requests are answered 200 "app"; checks by what .how says."""

    def __init__(self, how=None):
        self.how = answer() if how is None else how
        self.checks = []

    def __call__(self, conn):
        while (request := conn.read_request()) is not None:
            if request.get("User-Agent") != "sallyport-check":
                conn.send(answer(body=b"app"))
                continue
            self.checks.append(request)
            if callable(self.how):
                self.how(conn)
                return
            conn.send(self.how)
            return


@pytest.fixture
def checked(gateway, backend, port):
    """checked(how, pool): a gateway before one backend whose health is scripted; (gateway, backend, health)."""
    def make(how=None, pool="check = GET /health\n" + FAST, **parts):
        health = Health(how)
        made = backend(health)
        return gateway(program.ini(port, made.port, pool=pool, **parts)), made, health
    return make


def test_down_until_the_first_check_which_is_at_once(checked, port):
    gw, _, health = checked(pool="check = GET /health?x=1\ncheck_interval = 1h\n")
    assert becomes(port, 200)           # long before a second one
    assert len(health.checks) == 1
    assert health.checks[0].start == "GET /health?x=1 HTTP/1.1"
    assert health.checks[0].get("Connection") == "close"
    assert not gw.events("backend_down")


def test_start_up(checked, port):
    wait = threading.Event()
    checked(lambda conn: wait.wait(5), pool="check = GET /health\nstart = up\ncheck_interval = 1h\n")
    assert ask(port) == 200
    wait.set()


def test_start_down_is_503_meanwhile(checked, port):
    wait = threading.Event()
    checked(lambda conn: wait.wait(5) and conn.send(answer()), pool="check = GET /health\ncheck_timeout = 10s\n")
    assert ask(port) == 503
    wait.set()
    assert becomes(port, 200)


def test_rise_and_fall(checked, port):
    gw, _, health = checked(pool="check = GET /\nrise = 3\nfall = 4\n" + FAST)
    assert becomes(port, 200)
    before = len(health.checks)
    health.how = answer("500 Internal Server Error")
    assert becomes(port, 503)
    assert len(health.checks) - before >= 4
    before = len(health.checks)
    health.how = answer()
    assert becomes(port, 200)
    assert len(health.checks) - before >= 3
    assert [("why=\"status 500\"" in line) for line in gw.events("backend_down", 1)] == [True]
    assert len(gw.events("backend_up", 2)) == 2
    assert gw.access(1)


@pytest.mark.parametrize("pool,how,is_up", [
    ("", answer("204 No Content"), True),
    ("", answer("302 Found", [("Location", "/x")]), True),
    ("", answer("404 Not Found"), False),
    ("check_status = 200, 400-404\n", answer("404 Not Found"), True),
    ("check_status = 200, 400-404\n", answer("204 No Content"), False),
    ("check_body = all is well\n", answer(body=b"now all is well here"), True),
    ("check_body = all is well\n", answer(body=b"now nothing is well here"), False),
    ("check_body = all is well\n", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked(b"now all i", b"s well"), True),
    ("check_body = all is well\n", b"HTTP/1.1 200 OK\r\n\r\nuntil the end all is well", True),
    ("check_body = all is well\n", b"HTTP/1.1 200 OK\r\n\r\nuntil the end", False),
    ("check_body = all is well\n", answer(body=b"x" * 70000 + b"all is well"), False),
    ("", b"HTTP/1.1 100 Continue\r\n\r\n" + answer(), True),
    ("", b"HTTP/1.1 100 Continue\r\n\r\n" * 20 + answer(), False),
    ("", b"SSH-2.0-OpenSSH_9.2\r\n", False),
    ("", b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", False),
    ("", b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 4000 + b"\r\n", False),
    ("", b"", False),
])
def test_what_is_healthy(checked, port, pool, how, is_up):
    gw, _, health = checked(how, pool="check = GET /health\n" + pool + FAST)
    assert procs.wait_for(lambda: len(health.checks) > 1, 10)
    assert procs.wait_for(lambda: state_of(gw, "")["last_check"] != "", 10)
    assert (ask(port) == 200) == is_up
    assert (state_of(gw, "")["last_check"] == "ok") == is_up


def test_late_is_unhealthy(checked, port):
    gw, _, health = checked()
    assert becomes(port, 200)
    health.how = lambda conn: threading.Event().wait(2)
    assert becomes(port, 503)
    assert "timeout" in gw.events("backend_down", 1)[0]


@pytest.mark.parametrize("pool,host", [
    ("", None), ("check_host = health.example:81\n", "health.example:81"), ("host = app.example\n", "app.example"),
])
def test_host_of_the_check(checked, port, pool, host):
    _, made, health = checked(pool="check = GET /health\n" + pool + FAST)
    assert becomes(port, 200)
    assert health.checks[0].get("Host") == (host or f"127.0.0.1:{made.port}")


def test_tcp(gateway, port):
    listener = socket.create_server(("127.0.0.1", 0))
    gw = gateway(program.ini(port, listener.getsockname()[1], pool="check = tcp\nfall = 1\n" + FAST))
    assert procs.wait_for(lambda: state_of(gw, "")["state"] == "up", 10)
    listener.close()
    assert procs.wait_for(lambda: state_of(gw, "")["state"] == "down", 10)
    assert ask(port) == 503
    assert "refused" in gw.events("backend_down", 1)[0]


def test_proxy_header_of_a_check_is_local(gateway, backend, port):
    heads = []

    def script(conn):
        heads.append(conn.sock.recv(16, socket.MSG_WAITALL))
        conn.read_request()
        conn.send(answer())
    made = backend(script)
    gateway(program.ini(port, made.port, pool="check = GET /\nproxy_protocol = v2\n" + FAST))
    assert procs.wait_for(lambda: len(heads) > 1, 10)
    assert {head[12] for head in heads} == {0x20}


@pytest.mark.parametrize("check", ["GET /health", "tcp"])
def test_tls(gateway, backend, ca, port, check):
    """A whole handshake each time, with our certificate, signed by the keeper."""
    leaf = ca.leaf("gateway.internal", use="clientAuth")
    health, asked_for = Health(), []
    made = backend(health, tls=server(ca.leaf(NAME), client_ca=ca.cert, seen=asked_for))
    gateway(program.ini(port, made.port, pool=trusts(
        ca, f"check = {check}\ntls_cert = {leaf.chain}\ntls_key_file = {leaf.key}\n" + FAST)))
    assert becomes(port, 200)
    assert procs.wait_for(lambda: len(made.conns) > 4, 10)
    assert not any(getattr(conn, "is_resumed", False) for conn in made.conns[:3])
    assert set(asked_for) == {NAME}


def test_wrong_certificate_is_down(gateway, backend, ca, port):
    made = backend(Health(), tls=server(ca.leaf("www.internal")))
    gw = gateway(program.ini(port, made.port, pool=trusts(ca, "check = tcp\n" + FAST)))
    assert procs.wait_for(lambda: state_of(gw, "")["last_check"].startswith("tls: hostname mismatch"), 10)
    assert ask(port) == 503


def test_one_of_two_goes_and_comes(gateway, backend, port):
    first, second = Health(), Health()
    a, b = backend(first), backend(second)
    gw = gateway(program.ini(port, a.port, workers=2, pool="check = GET /h\nfall = 1\nbalance = round_robin\n"
                             f"backend = 127.0.0.1:{b.port}\n" + FAST))
    assert procs.wait_for(lambda: {row["state"] for row in pools(gw)} == {"up"}, 10)
    second.how = answer("503 Service Unavailable")
    assert procs.wait_for(lambda: state_of(gw, b.port)["state"] == "down", 10)
    before = len([r for r in b.requests if r.get("User-Agent") != "sallyport-check"])
    assert all(ask(port) == 200 for _ in range(20))
    assert len([r for r in b.requests if r.get("User-Agent") != "sallyport-check"]) == before
    second.how = answer()
    assert procs.wait_for(lambda: state_of(gw, b.port)["state"] == "up", 10)
    assert all(ask(port) == 200 for _ in range(20))
    assert len([r for r in b.requests if r.get("User-Agent") != "sallyport-check"]) > before


def test_state_outlives_reload_monitor_and_dialer(checked, port):
    gw, _, health = checked(answer("500 Internal Server Error"), pool="check = GET /health\ncheck_interval = 200ms\n")
    assert procs.wait_for(lambda: len(health.checks) > 2, 10)

    def one(name):
        return next((pid for pid in procs.children(gw.pid) if name in gw.name_of(pid)), None)

    def goes_on():
        before = len(health.checks)
        assert ask(port) == 503
        return procs.wait_for(lambda: len(health.checks) > before + 1, 20)

    gw.signal(signal.SIGHUP)
    assert procs.wait_for(lambda: gw.events("reload_done"), 20)
    assert goes_on()
    for name in (b"monitor", b"dialer"):
        old = one(name)
        os.kill(old, signal.SIGKILL)
        assert procs.wait_for(lambda: one(name) not in (None, old), 20)     # pylint: disable=cell-var-from-loop
        assert goes_on()
    health.how = answer()
    assert becomes(port, 200)
    gw.signal(signal.SIGHUP)
    assert procs.wait_for(lambda: len(gw.events("reload_done")) == 2, 20)
    assert ask(port) == 200             # without a check of the new monitor


def test_ready_path_goes_by_it(checked, port):
    _, _, health = checked(gateway="ready_pools = app")
    assert procs.wait_for(lambda: ask(port, target="/readyz") == 200, 20)
    health.how = answer("500 Internal Server Error")
    assert procs.wait_for(lambda: ask(port, target="/readyz") == 503, 20)
    assert ask(port, target="/healthz") == 200


def test_checks_do_not_march_in_step(gateway, backend, port):
    """The pauses differ by up to a tenth of check_interval, either way."""
    at = [[] for _ in range(5)]

    def of(number):
        def script(conn):
            if conn.read_request() is not None:
                at[number].append(time.monotonic())
                conn.send(answer())
        return script
    first, *rest = [backend(of(number)) for number in range(5)]
    gateway(program.ini(port, first.port, pool="check = GET /health\ncheck_interval = 500ms\n" +
                        "".join(f"backend = 127.0.0.1:{one.port}\n" for one in rest)))
    assert procs.wait_for(lambda: min(map(len, at)) > 6, 60)
    pauses = [after - before for times in at for before, after in zip(times, times[1:])]
    assert max(pauses) - min(pauses) > 0.03, pauses
    ends = [times[6] for times in at]
    assert max(ends) - min(ends) > 0.02, "all began at once"


def test_checks_are_counted(checked, port):
    """Good ones and bad ones, the same in the metrics and in the status, and over a reload."""
    at = program.free_port()
    gw, _, health = checked(pool="check = GET /health\nfall = 2\n" + FAST, more=page.admin(at))
    def count(result):
        return page.total(page.metrics(at), "backend_check_total", result=result)
    assert procs.wait_for(lambda: count("good") >= 3, 10) and count("bad") == 0
    health.how = answer("500 Internal Server Error")
    assert procs.wait_for(lambda: count("bad") >= 2, 10)
    good, bad = count("good"), count("bad")
    gw.signal(signal.SIGHUP)
    assert procs.wait_for(lambda: gw.events("reload_done"), 20)
    state = state_of(gw, "")
    assert state["checks_good"] >= good and state["checks_bad"] >= bad
    assert procs.wait_for(lambda: count("bad") > bad, 10)


def test_weight_by_command(gateway, backend, port):
    a, b = backend(), backend()
    gw = gateway(program.ini(port, a.port, pool=f"balance = round_robin\nbackend = 127.0.0.1:{b.port}\n"))

    def weight(*words):
        return program.command("weight", *words, "-c", gw.config)

    assert weight(f"app/127.0.0.1:{a.port}", "0")[0] == 0
    assert procs.wait_for(lambda: state_of(gw, a.port)["weight"] == 0, 5)
    before = len(a.requests)
    assert all(ask(port) == 200 for _ in range(10))
    assert len(a.requests) == before
    assert weight(f"127.0.0.1:{a.port}", "3")[0] == 0
    had = len(a.requests), len(b.requests)
    assert all(ask(port) == 200 for _ in range(40))
    assert (len(a.requests) - had[0], len(b.requests) - had[1]) == (30, 10)
    assert weight(f"127.0.0.1:{a.port}", "default")[0] == 0
    assert state_of(gw, a.port)["weight"] == 1
    assert weight(f"127.0.0.1:{a.port}", "257")[0] == 2
    assert weight("127.0.0.1:1", "1")[0] == 1


@pytest.mark.parametrize("pool,said", [
    ("check = HEAD /\n", "must be tcp, or GET and a path"),
    ("check = GET health\n", "must be tcp, or GET and a path"),
    ("check_interval = 1s\n", "check_interval without check: nothing would be checked"),
    ("check = tcp\ncheck_body = ok\n", "check_body needs check = GET /path"),
    ("check = GET /\ncheck_status = 200-199\n", "no status code from 100 to 599"),
    ("check = GET /\ncheck_host = a/b\n", "not a host"),
])
def test_refused_by_check(check, pool, said):
    code, out = check(program.ini(1234, 1235, pool=pool))
    assert code == 1
    assert said in out
