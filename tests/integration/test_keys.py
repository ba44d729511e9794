"""Every key that is built has a test that shows it at work: keys.txt names it. And the keys that no feature's file is about."""
import os
import pwd
import re
import threading
import time

import pytest

import backends
import gateway as program
import procs
import wire
from wire import Client, answer, request

HERE = os.path.dirname(os.path.abspath(__file__))
OK = backends.always(answer(body=b"ok"))


def tables():
    """Of every key in the binary's own tables: (section, is it named, key, is it built)."""
    code, text, _ = program.command("reference")
    assert code == 0
    found = []
    for line in text.splitlines():
        if line.startswith("### "):
            section, named = re.match(r"### `\[([a-z]+)(:NAME)?\]`", line).groups()
        elif line.startswith("| `"):
            found.append((section, named is not None, line.split("`")[1], "*Not in this build.*" not in line))
    return found


TABLES = tables()


def test_every_built_key_has_its_test():
    rows = {}
    with open(f"{HERE}/keys.txt", encoding="ascii") as file:
        for line in file:
            words = line.split("#")[0].split()
            if words:
                rows[words[0]] = words[1:]
    built = {f"{section}.{key}" for section, _, key, is_built in TABLES if is_built}
    assert len(built) > 50
    assert not built - set(rows), "without a test"
    assert not set(rows) - {f"{section}.{key}" for section, _, key, _ in TABLES}, "no such key"
    known = set()
    for name in os.listdir(HERE):
        if name.startswith("test_") and name.endswith(".py"):
            with open(f"{HERE}/{name}", encoding="utf-8") as file:
                known |= {f"{name}::{test}" for test in re.findall(r"^def (test_\w+)", file.read(), re.M)}
    missing = {test for key in built for test in rows[key] if test not in known}
    assert not missing, "named, but not there"
    assert all(rows[key] for key in built)


# The least that each section needs beside the key that is tried, after a configuration that is whole without it.
WHOLE = "[listener:base]\nbind = 127.0.0.1:1024\n[route:base]\npool = base\n[pool:base]\nbackend = 10.0.0.9\n"
FRAMES = {"listener": "bind = 127.0.0.1:1025\n", "pool": "backend = 10.0.0.1\n", "route": "respond = 200\n",
          "backend": "pool = base\naddress = 10.0.0.2\n", "addresses": "cidr = 10.0.0.0/8\n"}


@pytest.mark.parametrize("section, named, key", [row[:3] for row in TABLES if not row[3]],
                         ids=[f"{row[0]}.{row[2]}" for row in TABLES if not row[3]])
def test_a_key_that_is_not_built_is_refused(check, section, named, key):
    """By name and line, never accepted and silently without effect."""
    text = f"{WHOLE}[{section}{':x' if named else ''}]\n{FRAMES.get(section, '')}"
    line = text.count("\n") + 1
    code, said = check(f"{text}{key} = 1\n")
    assert code == 1
    assert re.search(rf"^sallyport\.ini:({line}|{line - 1}): error: .*not in this build", said, re.M), said


@pytest.mark.parametrize("workers", [1, 3])
def test_workers(serve, workers):
    running, _, _ = serve(workers=workers)
    assert len(running.workers()) == workers


def test_workers_auto_is_one_a_core(gateway, backend, port):
    running = gateway(program.ini(port, backend().port).replace("workers = 1", "workers = auto"))
    cores = len(os.sched_getaffinity(0))
    assert procs.wait_for(lambda: len(running.workers()) == cores, 5)


def test_config_version(check):
    text = program.ini(18080, 18081)
    assert check(text.replace("[gateway]", "[gateway]\nconfig_version = 1"))[0] == 0
    assert check(text.replace("[gateway]", "[gateway]\nconfig_version = 2"))[0] == 1


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become another")
def test_user_and_group(serve, folders):
    """Started as root, the workers are somebody else; the master alone is not."""
    nobody = pwd.getpwnam("nobody")
    running, _, port = serve(gateway="user = nobody\ngroup = nogroup")
    with Client(port) as client:
        assert client.ask().status == 200, "a worker is somebody else by the time that it serves"
    for pid in running.workers():
        with open(f"/proc/{pid}/status", encoding="ascii") as file:
            text = file.read()
        assert re.search(rf"^Uid:\t{nobody.pw_uid}\t{nobody.pw_uid}\t{nobody.pw_uid}\t", text, re.M)
        assert re.search(rf"^Gid:\t{nobody.pw_gid}\t{nobody.pw_gid}\t{nobody.pw_gid}\t", text, re.M)


def test_behind_sets_what_goes_with_it(folders):
    text = program.ini(18080, 18081, gateway="behind = alb\ntrusted = 10.0.0.0/8")
    code, out, err = program.command("config", "-c", program.write_config(folders(), text))
    assert code == 0, err
    assert "client_idle = 75s" in out or "client_idle = 1m15s" in out
    assert "drain_delay = 20s" in out


@pytest.mark.parametrize("where", ["gateway", "listener"])
def test_max_connections(serve, where):
    """Those within it are served; those above are closed at once, or wait; and room that is freed is used. They have
    asked for nothing yet: who rests after an answer would make room at the gateway's limit."""
    _, _, port = serve(OK, **{where: "max_connections = 16"})
    held = []
    for _ in range(16):
        held.append(Client(port))
        held[-1].send(b"GET")
    time.sleep(0.5)
    extra = Client(port, timeout=1)
    extra.send(request())
    assert extra.is_closed(1) or not extra.reader.raw
    extra.close()
    held.pop().close()

    def fits():
        try:
            with Client(port, timeout=2) as client:
                return client.ask().status == 200
        except (wire.Cut, OSError):
            return False
    assert procs.wait_for(fits, 5)
    for client in held:
        client.close()


def test_ready_pools(serve):
    _, _, port = serve(gateway="ready_path = /ready\nready_pools = app")
    with Client(port) as client:
        assert client.ask(target="/ready").status == 200


def test_ready_pools_without_a_backend(gateway, backend, port):
    """All of a pool's backends are down by configuration: alive, but not ready."""
    behind = backend()
    gateway(f"""\
[gateway]
workers = 1
ready_pools = app
[egress]
allow = 127.0.0.0/8
[listener:main]
bind = 127.0.0.1:{port}
[route:all]
host = *
pool = app
[pool:app]
when_all_down = 502
[backend:one]
pool = app
address = 127.0.0.1:{behind.port}
down = yes
""")
    with Client(port) as client:
        assert client.ask(target="/healthz").status == 200
        assert client.ask(target="/readyz").status == 503
        assert client.ask().status == 502, "when_all_down"
    assert not behind.conns


def test_backend_sections(gateway, backend, port):
    """weight: three times as many while both are busy; max_inflight: never more than that."""
    gate = threading.Event()

    def slow(conn):
        while conn.read_request():
            gate.wait(10)
            conn.send(answer(body=b"ok"))
    light, heavy = backend(slow), backend(slow)
    gateway(f"""\
[gateway]
workers = 1
[egress]
allow = 127.0.0.0/8
[listener:main]
bind = 127.0.0.1:{port}
[route:all]
host = *
pool = app
[pool:app]
[backend:light]
pool = app
address = 127.0.0.1:{light.port}
weight = 1
[backend:heavy]
pool = app
address = 127.0.0.1:{heavy.port}
weight = 3
max_inflight = 12
""")
    clients = [Client(port) for _ in range(16)]
    for client in clients:
        client.send(request())
    assert procs.wait_for(lambda: len(light.requests) + len(heavy.requests) == 16, 5 * program.SLOW)
    assert 3 <= len(light.requests) <= 5 and len(heavy.requests) <= 12
    gate.set()
    for client in clients:
        assert client.response().status == 200
        client.close()


def test_max_inflight_of_a_pool(serve):
    gate = threading.Event()

    def slow(conn):
        while conn.read_request():
            gate.wait(10)
            conn.send(answer(body=b"ok"))
    _, behind, port = serve(slow, pool="max_inflight = 2")
    clients = [Client(port) for _ in range(3)]
    for client in clients[:2]:
        client.send(request())
    assert procs.wait_for(lambda: len(behind.requests) == 2, 5)
    assert clients[2].ask().status == 503
    gate.set()
    for client in clients:
        client.close()


def test_addresses(serve):
    _, behind, port = serve(gateway="trusted = @balancers", more="[addresses:balancers]\ncidr = 127.0.0.0/8, 10.0.0.0/8\n")
    with Client(port) as client:
        client.ask(fields=[("X-Forwarded-For", "203.0.113.9")])
    assert behind.requests[0].get("X-Forwarded-For") == "203.0.113.9, 127.0.0.1"


@pytest.mark.parametrize("retries, tries", [("0", 1), ("1", 2), ("3", 4)])
def test_retries(serve, retries, tries):
    """So many further tries of a GET that no answer came to; a POST that was sent has none."""
    running, behind, port = serve(lambda conn: conn.read_request(), pool=f"retries = {retries}")
    with Client(port) as client:
        assert client.ask().status == 502
        assert len(behind.requests) == tries
        assert client.ask("POST", body=b"x").status == 502
        assert len(behind.requests) == tries + 1
    assert [line["tries"] for line in running.access(2)] == [tries, 1]


def test_error_log_to_a_file(gateway, backend, port, folders):
    path = os.path.join(folders("log"), "error.log")
    running = gateway(program.ini(port, backend(OK).port, log=f"access = off\nerror = {path}"))
    assert procs.wait_for(lambda: os.path.exists(path) and os.path.getsize(path) > 0, 3)
    with open(path, encoding="ascii") as file:
        assert "event=" in file.read()
    assert "event=worker" not in running.err()


@pytest.mark.parametrize("level, shown", [("debug", True), ("info", True), ("error", False)])
def test_log_level(gateway, backend, port, level, shown):
    running = gateway(program.ini(port, backend(OK).port, log=f"access = off\nlevel = {level}"))
    with Client(port) as client:
        client.ask()
    assert (" info " in running.err()) == shown, running.err()


def test_path_is_exact_or_prefix(serve):
    _, _, port = serve(OK, route="path = /exact\npath = /tree/*")
    with Client(port) as client:
        assert [client.ask(target=path).status for path in ("/exact", "/exact/x", "/tree/x", "/tree/", "/tree")] == [200, 404, 200, 200, 404]
