"""Every key that is built has a test that shows it at work: keys.txt names it. And the keys that no feature's file is about."""
import os
import pwd
import re
import threading

import pytest

import backends
import gateway as program
import procs
import wire
from wire import Client, answer, request

HERE = os.path.dirname(os.path.abspath(__file__))
OK = backends.always(answer(body=b"ok"))


def built_keys():
    """`section.key` for all that the binary's own tables call built."""
    code, text, _ = program.command("reference")
    assert code == 0
    section, is_built, found = None, True, set()
    for line in text.splitlines():
        if line.startswith("### "):
            section, is_built = re.match(r"### `\[([a-z]+)", line).group(1), True
        elif "Not in this build" in line and not line.startswith("| `"):
            is_built = False
        elif line.startswith("| `") and is_built and "Not in this build" not in line:
            found.add(f"{section}.{line.split('`')[1]}")
    return found


def test_every_built_key_has_its_test():
    rows = {}
    with open(f"{HERE}/keys.txt", encoding="ascii") as file:
        for line in file:
            words = line.split("#")[0].split()
            if words:
                rows[words[0]] = words[1:]
    built = built_keys()
    assert len(built) > 50
    assert not built - set(rows), "without a test"
    known = set()
    for name in os.listdir(HERE):
        if name.startswith("test_") and name.endswith(".py"):
            with open(f"{HERE}/{name}", encoding="utf-8") as file:
                known |= {f"{name}::{test}" for test in re.findall(r"^def (test_\w+)", file.read(), re.M)}
    missing = {test for key in built for test in rows[key] if test not in known}
    assert not missing, "named, but not there"
    assert all(rows[key] for key in built)


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
    for pid in running.workers():
        with open(f"/proc/{pid}/status", encoding="ascii") as file:
            text = file.read()
        assert re.search(rf"^Uid:\t{nobody.pw_uid}\t{nobody.pw_uid}\t{nobody.pw_uid}\t", text, re.M)
        assert re.search(rf"^Gid:\t{nobody.pw_gid}\t{nobody.pw_gid}\t{nobody.pw_gid}\t", text, re.M)
    with Client(port) as client:
        assert client.ask().status == 200


def test_behind_sets_what_goes_with_it(folders):
    text = program.ini(18080, 18081, gateway="behind = alb\ntrusted = 10.0.0.0/8")
    code, out, err = program.command("config", "-c", program.write_config(folders(), text))
    assert code == 0, err
    assert "client_idle = 75s" in out or "client_idle = 1m15s" in out
    assert "drain_delay = 20s" in out


@pytest.mark.parametrize("where", ["gateway", "listener"])
def test_max_connections(serve, where):
    """Those within it are served; those above are closed at once, or wait; and room that is freed is used."""
    _, _, port = serve(OK, **{where: "max_connections = 16"})
    held = []
    for _ in range(16):
        held.append(Client(port))
        assert held[-1].ask().status == 200
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


def test_hsts(gateway, backend, ca, port):
    behind = backend(OK)
    leaf = ca.leaf("example.com", "www.example.com")
    gateway(program.ini(port, behind.port, listener="tls = site", more=f"""
[tls:site]
cert = {leaf.chain}
key_file = {leaf.key}
hsts = 2d
"""))
    with Client(port, wire.context(ca.cert), "example.com") as client:
        assert client.ask().get("Strict-Transport-Security") == "max-age=172800"


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


def test_balance_takes_the_built_one(check):
    text = program.ini(18080, 18081, pool="balance = least_conn")
    assert check(text)[0] == 0
    code, said = check(text.replace("least_conn", "cookie:x"))
    assert code == 0 or "not in this build" in said
