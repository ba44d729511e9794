"""Metrics: what is counted is what happened; it is kept over reloads, upgrades and dead workers, and Prometheus reads it."""
import json
import os
import re
import shutil
import signal
import ssl
import subprocess
import threading
import time
import urllib.request

import pytest

import gateway as program
import page
import procs
from page import admin, eventually, metrics, total
from wire import Client, answer, context, request

ROUTES = """[route:teapot]
path = /teapot
respond = 418 short and stout
[route:gone]
path = /gone*
respond = 410
[route:limited]
path = /limited
respond = 204
limit = few
[limit:few]
rate = 1/h
burst = 3
"""


@pytest.fixture
def at():
    return program.free_port()


def ini(port, at, backend, more=ROUTES, **parts):
    return program.ini(port, backend, more=more + admin(at), **parts)


def test_as_many_as_were_sent(gateway, backend, port, at):
    gateway(ini(port, at, backend(lambda conn: [conn.send(answer(body=b"x")) for _ in iter(conn.read_request, None)]).port, workers=2))
    for _ in range(4):
        with Client(port) as client:
            for target, method, count in (("/a", "GET", 3), ("/b", "POST", 2), ("/teapot", "GET", 1), ("/gone/x", "DELETE", 2),
                                          ("/limited", "GET", 2)):
                for _ in range(count):
                    client.ask(method, target, body=b"hello" if method == "POST" else b"")
    eventually(at, "http_requests_total", 40)
    found = metrics(at)
    assert total(found, "http_requests_total", route="all", method="GET", code="200", listener="main") == 12
    assert total(found, "http_requests_total", route="all", method="POST", code="200") == 8
    assert total(found, "http_requests_total", route="teapot", method="GET", code="418") == 4
    assert total(found, "http_requests_total", route="gone", method="DELETE", code="410") == 8
    assert total(found, "http_requests_total", route="limited", code="204") == 3
    assert total(found, "http_requests_total", route="limited", code="429") == 5
    assert total(found, "http_ends_total", route="limited", cause="limited", at="header") == 5
    assert total(found, "http_ends_total", cause="ok") == 35
    assert total(found, "limit_decisions_total", limit="few", mode="enforce", decision="passed") == 3
    assert total(found, "limit_decisions_total", limit="few", mode="enforce", decision="limited") == 5
    assert total(found, "backend_requests_total", pool="app", code="200") == 20
    assert total(found, "http_request_duration_seconds_count", route="all") == 20
    assert total(found, "http_request_duration_seconds_bucket", route="all", le="+Inf") == 20
    assert total(found, "backend_first_byte_seconds_count", pool="app") == 20
    assert 1 <= total(found, "backend_connect_seconds_count", pool="app") <= 20
    assert total(found, "connections_total", listener="main", result="accepted") >= 4
    assert total(found, "backend_up", pool="app") == 1
    assert total(found, "worker_restarts_total") == 0 and total(found, "draining") == 0
    assert total(found, "process_cpu_seconds_total", role="worker", worker="1") > 0


def test_buckets_are_cumulative(gateway, backend, port, at):
    def slow(conn):
        while (request := conn.read_request()) is not None:
            time.sleep(0.3 if request.target == "/slow" else 0)
            conn.send(answer(body=b"x"))
    gateway(ini(port, at, backend(slow).port))
    with Client(port) as client:
        for target in ("/slow", "/fast", "/fast"):
            client.ask("GET", target)
    eventually(at, "http_request_duration_seconds_count", 3, route="all")
    found = metrics(at)
    buckets = sorted((float(dict(pairs)["le"]), value) for (name, pairs), value in found.items()
                     if name == "sallyport_http_request_duration_seconds_bucket" and dict(pairs)["route"] == "all")
    assert [value for _, value in buckets] == sorted(value for _, value in buckets)
    assert buckets[0][0] == 0.0005 and buckets[-1] == (float("inf"), 3)
    assert dict(buckets)[0.25] <= 2 and total(found, "http_request_duration_seconds_sum", route="all") >= 0.3


def test_handshakes_and_certificates(gateway, backend, port, at, ca, leaf):
    gateway(ini(port, at, backend().port, tls=[leaf]))
    for most in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        with Client(port, tls=context(ca.cert, most=most), name="example.com"):
            pass
    before = total(metrics(at), "tls_handshakes_total", version="none", result="failed")
    with Client(port) as client:
        client.send(b"GET / HTTP/1.1\r\n\r\n")
        assert client.is_closed(15)
    eventually(at, "tls_handshakes_total", before + 1, version="none", result="failed")
    found = metrics(at)
    assert total(found, "tls_handshakes_total", version="TLSv1.2", result="ok") == 1
    assert total(found, "tls_handshakes_total", version="TLSv1.3", result="ok") == 1
    assert total(found, "tls_certificate_expiry_timestamp_seconds", cert="1") > time.time()


def test_a_backend_that_is_not_there(gateway, port, at):
    gateway(ini(port, at, program.free_port()))
    with Client(port) as client:
        assert client.ask().status == 502
    eventually(at, "http_ends_total", 1, cause="backend_refused", at="connect")
    assert total(metrics(at), "backend_requests_total", code="none") == 2       # it was tried again


def test_a_try_that_failed_is_the_backend_s_that_failed(gateway, backend, port, at):
    good, bad = backend(lambda conn: [conn.send(answer(body=b"x")) for _ in iter(conn.read_request, None)]), program.free_port()
    gateway(ini(port, at, good.port, pool=f"backend = 127.0.0.1:{bad}\nbalance = round_robin\neject = off"))
    with Client(port) as client:
        assert {client.ask().status for _ in range(4)} == {200}
    eventually(at, "backend_requests_total", 4, backend=f"127.0.0.1:{good.port}", code="200")
    assert total(metrics(at), "backend_requests_total", backend=f"127.0.0.1:{bad}", code="none") == 2
    rows = {row["backend"]: row["errors"] for row in json.loads(page.ask(at, "/status.json")[2])["pools"]}
    assert rows == {f"127.0.0.1:{good.port}": 0, f"127.0.0.1:{bad}": 2}


def test_who_waits_for_a_backend(gateway, backend, port, at):
    go = threading.Event()

    def hold(conn):
        while conn.read_request() is not None:
            go.wait(60)
            conn.send(answer(body=b"x"))
    gateway(ini(port, at, backend(hold).port, pool="max_inflight = 1\nqueue = 5\nqueue_timeout = 60s"))
    with Client(port, timeout=60) as first, Client(port, timeout=60) as second:
        first.send(request())
        eventually(at, "backend_inflight", 1, pool="app")
        second.send(request())
        eventually(at, "backend_queue", 1, pool="app")
        go.set()
        assert first.response().status == second.response().status == 200
    eventually(at, "backend_queue", 0, pool="app")
    assert total(metrics(at), "http_ends_total", cause="ok") == 2


def test_a_kept_connection_that_was_closed(gateway, backend, port, at):
    def once_and_a_half(conn):
        conn.read_request()
        conn.send(answer(body=b"x"))
        if conn.number == 1:
            conn.read_request()         # and closes: the request is sent again on another connection
            return
        while conn.read_request() is not None:
            conn.send(answer(body=b"x"))
    gateway(ini(port, at, backend(once_and_a_half).port))
    with Client(port) as client:
        assert [client.ask().status for _ in range(3)] == [200] * 3
    eventually(at, "backend_stale_reuse_total", 1, pool="app")


def test_a_limit_that_bans(gateway, port, at, folders):
    gateway(ini(port, at, 1, gateway=f"state_dir = {folders('state')}", more=ROUTES.replace("burst = 3", "burst = 3\nban = 1m")))
    with Client(port) as client:
        assert [client.ask("GET", "/limited").status for _ in range(4)] == [204, 204, 204, 429]
    eventually(at, "bans_total", 1, rule="limit:few")
    eventually(at, "bans_active", 1)


def test_who_is_refused_and_banned(gateway, port, at, folders):
    running = gateway(ini(port, at, 1, gateway=f"state_dir = {folders('state')}", listener="max_connections_per_ip = 1"))
    before = total(metrics(at), "connections_total", result="max_connections_per_ip")
    with Client(port, source="127.0.0.9") as first:         # who looked whether it is up had another address
        assert first.ask("GET", "/teapot").status == 418
        with Client(port, source="127.0.0.9") as second:
            assert second.is_closed(15)
    eventually(at, "connections_total", before + 1, result="max_connections_per_ip")
    code, _, err = program.command("ban", "192.0.2.7", "1h", "-c", running.config)
    assert code == 0, err
    eventually(at, "bans_active", 1)
    assert total(metrics(at), "bans_total", rule="operator") == 1


def test_kept_when_a_worker_dies_and_over_a_reload(gateway, port, at):
    """A reader that looks all the time never sees a count go back."""
    text = ini(port, at, 1)
    running = gateway(text, clean=False)
    seen, stop = [], threading.Event()

    def look():
        while not stop.is_set():
            try:
                seen.append(total(metrics(at), "http_requests_total", route="teapot"))
            except OSError:
                pass                    # between two monitors
    looking = threading.Thread(target=look)
    looking.start()
    try:
        for round_number in range(1, 4):
            with Client(port) as client:
                for _ in range(20):
                    assert client.ask("GET", "/teapot").status == 418
            eventually(at, "http_requests_total", 20 * round_number, route="teapot")
            before = running.workers()
            os.kill(before[0], signal.SIGKILL)
            assert procs.wait_for(lambda before=before: running.workers() and running.workers() != before and
                                  len(running.events("worker_ready")) > round_number, 20 * program.SLOW)
        eventually(at, "worker_restarts_total", 3)
        program.write_config(running.folder, text + "[route:more]\npath = /more\nrespond = 200\n")
        code, _, err = program.command("reload", "-c", running.config)
        assert code == 0, err
        eventually(at, "config_generation", 2)
        eventually(at, "http_requests_total", 60, route="teapot")
    finally:
        stop.set()
        looking.join()
    assert seen == sorted(seen) and seen[-1] == 60
    program.write_config(running.folder, text + "[route:bad]\nnonsense = 1\n")
    code, _, err = program.command("reload", "-c", running.config)
    assert code == 1 and "nonsense" in err, err
    eventually(at, "config_last_reload_successful", 0)


def test_kept_over_an_upgrade(gateway, port, at):
    running = gateway(ini(port, at, 1), clean=False)
    with Client(port) as client:
        for _ in range(7):
            assert client.ask("GET", "/teapot").status == 418
    eventually(at, "http_requests_total", 7, route="teapot")
    running.signal(signal.SIGUSR2)
    assert procs.wait_for(lambda: len(running.events("serving")) == 2, 60 * program.SLOW), running.err()
    eventually(at, "http_requests_total", 7, route="teapot")
    with Client(port) as client:
        assert client.ask("GET", "/teapot").status == 418
    eventually(at, "http_requests_total", 8, route="teapot")
    assert not running.events("no_status_page")


# ---- processes


def proc(pid):
    """What the kernel says of it: bytes resident, open descriptors, how many there may be."""
    with open(f"/proc/{pid}/statm", encoding="ascii") as statm, open(f"/proc/{pid}/limits", encoding="ascii") as limits:
        most = next(line for line in limits if line.startswith("Max open files")).split()[3]
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGESIZE"), len(os.listdir(f"/proc/{pid}/fd")), int(most)


def rows(at):
    return json.loads(page.ask(at, "/status.json")[2])["processes"]


def of_process(found, name, row):
    """The one sample of that row of the status; None: there is none."""
    role, _, number = row["process"].partition(" ")
    samples = [value for (is_name, pairs), value in found.items()
               if is_name == "sallyport_process_" + name and dict(pairs) == {"role": role, "worker": number}]
    assert len(samples) <= 1
    return samples[0] if samples else None


def test_what_each_process_has_is_what_the_kernel_says(gateway, port, at):
    gateway(ini(port, at, 1, workers=2))
    assert [row["process"] for row in rows(at)] == ["master", "logger", "keeper", "dialer", "monitor", "worker 1", "worker 2"]

    def agrees():
        """Of a gateway at rest; the monitor's own connection with us comes and goes."""
        found = metrics(at)
        for row in rows(at):
            resident, fds, most = proc(row["pid"])
            told = [of_process(found, name, row) for name in ("resident_memory_bytes", "open_fds", "max_fds")]
            if None in told or abs(told[0] - resident) > 1 << 20 or abs(told[1] - fds) > (row["process"] == "monitor"):
                return False
            assert told[2] == most == row["max_fds"] and of_process(found, "virtual_memory_bytes", row) > told[0]
        return True
    assert procs.wait_for(agrees, 20 * program.SLOW, 0.2), (metrics(at), [proc(row["pid"]) for row in rows(at)])
    found = metrics(at)
    for row in rows(at):
        assert of_process(found, "up", row) == 1 and row["restarts"] == 0 and row["resident_bytes"] > 1 << 20
        assert 0 <= of_process(found, "start_time_seconds", row) - found["process_start_time_seconds", ()] < 60
        assert 0 < of_process(found, "cpu_seconds_total", row) <= row["cpu_us"] / 1e6 + 0.1


def test_descriptors_of_a_worker_follow_its_clients(gateway, port, at):
    gateway(ini(port, at, 1))
    eventually(at, "connections", 0)
    assert procs.wait_for(lambda: total(metrics(at), "process_open_fds", role="worker") > 0, 20 * program.SLOW)
    rest = proc(next(row["pid"] for row in rows(at) if row["process"] == "worker 1"))[1]
    clients = [Client(port) for _ in range(50)]
    try:
        eventually(at, "process_open_fds", rest + 50, role="worker", worker="1")
    finally:
        for client in clients:
            client.close()
    eventually(at, "process_open_fds", rest, role="worker", worker="1")


def test_a_process_that_follows_another_has_figures_of_its_own(gateway, port, at):
    running = gateway(ini(port, at, 1), clean=False)
    first = metrics(at)
    os.kill(running.workers()[0], signal.SIGKILL)
    assert procs.wait_for(lambda: len(running.events("worker_ready")) == 2, 20 * program.SLOW)
    row = next(row for row in rows(at) if row["process"] == "worker 1")
    assert row["restarts"] == 1
    assert procs.wait_for(lambda: of_process(metrics(at), "resident_memory_bytes", row) is not None, 20 * program.SLOW)
    now = metrics(at)
    assert of_process(now, "start_time_seconds", row) > of_process(first, "start_time_seconds", row)
    assert abs(of_process(now, "resident_memory_bytes", row) - proc(row["pid"])[0]) < 1 << 20


def test_the_monitor_that_follows_at_a_reload_knows_all(gateway, port, at):
    text = ini(port, at, 1)
    running = gateway(text)
    program.write_config(running.folder, text + "[route:more]\npath = /more\nrespond = 200\n")
    code, _, err = program.command("reload", "-c", running.config)
    assert code == 0, err
    eventually(at, "config_generation", 2)
    assert procs.wait_for(lambda: all(row["resident_bytes"] and row["open_fds"] for row in rows(at)), 20 * program.SLOW), rows(at)
    code, out, err = program.command("status", "-c", running.config)
    line = next(line for line in out.splitlines() if line.startswith("worker 1 "))
    assert code == 0 and re.search(r"  [0-9]+\.[0-9]{2}s +[0-9]+\.[0-9][kM] +[0-9]+ +[0-9]+$", line), out + err


# ---- the formats


def test_openmetrics_when_asked(gateway, port, at):
    gateway(ini(port, at, 1))
    with Client(port) as client:
        client.ask("GET", "/teapot")
    eventually(at, "http_requests_total", 1)
    status, fields, text = page.ask(at, "/metrics", fields={
        "Accept": "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.3"})
    assert status == 200 and fields["Content-Type"] == "application/openmetrics-text; version=1.0.0; charset=utf-8"
    assert text.endswith("\n# EOF\n")
    families = [line.split()[2:4] for line in text.splitlines() if line.startswith("# TYPE")]
    assert len({name for name, _ in families}) == len(families)
    assert not [name for name, kind in families if kind == "counter" and name.endswith("_total")]
    assert ["sallyport_http_requests", "counter"] in families
    status, fields, plain = page.ask(at, "/metrics")
    assert fields["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8" and "# EOF" not in plain
    assert page.parse(plain).keys() == page.parse(text).keys()


@pytest.mark.skipif(shutil.which("promtool") is None, reason="NO PROMTOOL: apt-get install prometheus (scripts/test does)")
def test_promtool_has_nothing_to_say(gateway, backend, port, at, leaf):
    gateway(ini(port, at, backend().port, tls=[leaf]))
    text = page.ask(at, "/metrics")[2]
    done = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.skipif(shutil.which("promtool") is None, reason="NO PROMTOOL: apt-get install prometheus (scripts/test does)")
def test_the_alert_rules_are_rules_of_metrics_that_there_are(gateway, port, at):
    folder = os.path.join(program.ROOT, "deploy/monitoring")
    done = subprocess.run(["promtool", "check", "rules", "alerts.yml"], cwd=folder, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    gateway(ini(port, at, 1))
    text = page.ask(at, "/metrics")[2]
    known = {line.split()[2] for line in text.splitlines() if line.startswith("# TYPE")}
    for name in ("alerts.yml", "grafana.json"):
        with open(os.path.join(folder, name), encoding="utf-8") as file:
            used = set(re.findall(r"sallyport_[a-z_]+", file.read()))
        assert used and {re.sub("_(bucket|sum|count)$", "", one) for one in used} <= known, used - known


# ---- Prometheus


@pytest.mark.long
@pytest.mark.skipif(shutil.which("prometheus") is None, reason="NO PROMETHEUS: apt-get install prometheus (scripts/test does)")
def test_prometheus_scrapes_what_a_load_generator_counted(gateway, nginx, port, at, folders, started):
    running = gateway(ini(port, at, nginx.port, workers=2), clean=False)
    folder, own = folders("prometheus"), program.free_port()
    with open(f"{folder}/prometheus.yml", "w", encoding="utf-8") as file:
        file.write("global:\n  scrape_interval: 1s\nscrape_configs:\n- job_name: sallyport\n  static_configs:\n"
                   f"  - targets: ['127.0.0.1:{at}']\n")
    started(["prometheus", f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data",
             f"--web.listen-address=127.0.0.1:{own}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def query(text):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{own}/api/v1/query?query={text}", timeout=10) as found:
                result = json.load(found)["data"]["result"]
        except OSError:
            return None
        return float(result[0]["value"][1]) if result else None
    assert procs.wait_for(lambda: query("up") == 1, 60 * program.SLOW, 0.5)
    done = subprocess.run(["h2load", "--h1", "-n", "20000", "-c", "20", "-t", "1", f"http://127.0.0.1:{port}/"],
                          capture_output=True, text=True, timeout=300, check=True)
    assert "20000 done" in done.stdout and " 0 errored" in done.stdout, done.stdout
    os.kill(running.workers()[0], signal.SIGKILL)
    assert procs.wait_for(lambda: query("sum(sallyport_http_requests_total)") == 20000, 30 * program.SLOW, 0.5)
    assert query("sum(sallyport_http_request_duration_seconds_count)") == 20000
    assert query("sum(sallyport_backend_requests_total)") == 20000
