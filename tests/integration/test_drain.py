"""drain and undrain of one backend and of the gateway: under load, over reloads, dead monitors and workers; what is said of names."""
import json
import os
import random
import signal
import threading
import time

import pytest

import backends
import gateway as program
import procs
import wire
from load import Load
from wire import Client, answer

LONG = 30 * program.SLOW
OK = backends.always(answer(body=b"ok"))


def command(running, *words):
    code, out, err = program.command(*words, "-c", os.path.join(running.folder, "sallyport.ini"))
    return code, out, err


def pools(running):
    code, out, err = command(running, "status", "--json")
    assert code == 0, err
    return {row["backend"]: row for row in json.loads(out.splitlines()[0])["pools"]}


def two(start, backend, port, script=OK, **parts):
    behinds = [backend(script), backend(script)]
    names = [f"127.0.0.1:{one.port}" for one in behinds]
    text = program.ini(port, behinds[0].port, pool=f"backend = {names[1]}\nbalance = round_robin\n", **parts)
    return start(text), behinds, names, text


def test_a_rolling_deploy_loses_nothing(gateway, backend, port):
    """Each in turn: drained, silent, back."""
    running, behinds, names, _ = two(gateway, backend, port, workers=2)
    stop, statuses = threading.Event(), []

    def load():
        while not stop.is_set():
            with Client(port) as client:
                statuses.extend(client.ask().status for _ in range(5))
    threads = [threading.Thread(target=load) for _ in range(4)]
    for thread in threads:
        thread.start()
    for one, name in zip(behinds, names):
        assert command(running, "drain", f"app/{name}") == (0, "", "")
        assert procs.wait_for(lambda name=name: pools(running)[name]["in_flight"] == 0, LONG)
        before = len(one.requests)
        count = len(statuses)
        assert procs.wait_for(lambda count=count: len(statuses) > count + 50, LONG)
        assert len(one.requests) <= before + 1, "one may have been on its way"
        row = pools(running)[name]
        assert (row["state"], row["reason"]) == ("drain", "operator")
        assert command(running, "undrain", name) == (0, "", "")
        assert procs.wait_for(lambda one=one, before=before: len(one.requests) > before + 10, LONG)
        assert pools(running)[name]["state"] == "up"
    stop.set()
    for thread in threads:
        thread.join()
    assert set(statuses) == {200}
    assert len(running.events("backend_drains", 2)) == len(running.events("backend_undrained", 2)) == 2


VERSION = """
        add_header X-Version {version} always;
        location = /health {{ return 200 "ok"; }}
        location /r/ {{ return 200 $uri; }}
        location /p/ {{ echo_read_request_body; echo_request_body; }}
        location /big/ {{ rewrite ^ /big.bin break; }}
"""


@pytest.mark.parametrize("check", ["", "check = GET /health\ncheck_interval = 200ms\nfall = 2\n"], ids=["unchecked", "checked"])
def test_a_rolling_deploy_of_nginx_loses_nothing(folders, gateway, port, check):
    """Drained, ended, replaced by another at the same place, undrained, each in turn: POSTs and long answers included."""
    places = [program.free_port() for _ in range(3)]

    def install(place, version):
        server = backends.Nginx(folders("nginx"), place, more=VERSION.format(version=version))
        server.file("big.bin", b"x" * 3_000_000)
        return server

    def wish(client, n):
        if client < 2:
            return "GET", f"/big/{client}-{n}", b""
        return ("POST", f"/p/{client}-{n}", b"x" * 5000) if client % 2 else ("GET", f"/r/{client}-{n}", b"")

    def want(asked):
        return {"r": asked.target.encode(), "p": b"x" * 5000, "big": b"x" * 3_000_000}[asked.target.split("/")[1]]
    servers = [install(place, 1) for place in places]
    try:
        more = "".join(f"backend = 127.0.0.1:{place}\n" for place in places[1:])
        running = gateway(program.ini(port, places[0], pool=f"balance = round_robin\n{more}{check}", workers=2))
        names = [f"127.0.0.1:{place}" for place in places]
        assert procs.wait_for(lambda: {row["state"] for row in pools(running).values()} == {"up"}, LONG)
        with Load() as load:
            load.add(port, wish, 16, pause=0.005)
            for number, name in enumerate(names):
                assert command(running, "drain", name) == (0, "", "")
                assert procs.wait_for(lambda name=name: pools(running)[name]["in_flight"] == 0, LONG)
                servers[number].kill()
                count = len(load.asked)
                assert procs.wait_for(lambda count=count: len(load.asked) > count + 100, LONG)
                servers[number] = install(places[number], 2)
                assert command(running, "undrain", name) == (0, "", "")
                assert procs.wait_for(lambda name=name: pools(running)[name]["state"] == "up", LONG)
            with Client(port) as client:
                assert procs.wait_for(lambda: [client.ask(target="/r/x").get("X-Version") for _ in range(6)] == ["2"] * 6, LONG)
        wrong = [one._replace(body=one.body[:50]) for one in load.asked if (one.fate, one.status, one.body) != ("ok", 200, want(one))]
        assert not wrong, (len(wrong), wrong[:3])
        assert {line["tries"] for line in running.access(len(load.asked))} == {1}, "nobody even had to try again"
        assert not running.events("backend_ejected") and not running.events("backend_connect_failed")
    finally:
        for server in servers:
            server.end()


def test_all_drained_is_503(gateway, backend, port):
    running, _, names, _ = two(gateway, backend, port)
    for name in names:
        command(running, "drain", name)
    with Client(port) as client:
        assert procs.wait_for(lambda: client.ask().status == 503, LONG)


def test_kept_over_reload_and_monitor(gateway, backend, port):
    running, behinds, names, text = two(gateway, backend, port)
    command(running, "drain", names[0])
    for i in range(2):
        program.write_config(running.folder, text + f"[route:r{i}]\npath = /r{i}\nrespond = 204\n")
        running.signal(signal.SIGHUP)
        assert procs.wait_for(lambda i=i: len(running.events("reload_done")) == i + 1, LONG)
    ready = len(running.events("role_ready"))
    os.kill(next(pid for pid in procs.tree(running.pid)[1:] if b"monitor" in running.name_of(pid)), signal.SIGKILL)
    assert procs.wait_for(lambda: len(running.events("role_ready")) > ready, LONG)
    with Client(port) as client:
        assert [client.ask().status for _ in range(10)] == [200] * 10
    assert not behinds[0].requests and pools(running)[names[0]]["state"] == "drain"


def test_whom_is_meant(gateway, backend, port):
    running, _, names, text = two(gateway, backend, port, more="[route:other]\npath = /other\nto = 127.0.0.1:9\n")
    code, _, err = command(running, "drain", names[0][:-1] + "x")
    assert code == 1 and f'no such backend; did you mean "{names[0]}"?' in err
    code, _, err = command(running, "drain", "nobody-of-the-kind")
    assert code == 1 and "sallyport status lists them" in err
    assert command(running, "drain", "route:other/127.0.0.1:9")[0] == 0
    program.write_config(running.folder, text + f"[pool:twin]\nbackend = {names[0]}\n[route:twin]\npath = /twin\npool = twin\n")
    running.signal(signal.SIGHUP)
    assert procs.wait_for(lambda: running.events("reload_done"), LONG)
    assert procs.wait_for(lambda: "several pools have it" in command(running, "drain", names[0])[2], LONG)
    assert command(running, "drain", f"twin/{names[0]}")[0] == 0


# ---- the whole gateway

def health(port):
    with Client(port) as client:
        return client.ask(target="/healthz").status


def state(running):
    return json.loads(command(running, "status", "--json")[1])["gateway"]["state"]


def test_whole_gateway(gateway, backend, port):
    """Red health and closing answers, by every worker, also by one that is born later and behind a reload; then back."""
    running, _, _, _ = two(gateway, backend, port, workers=2)
    held = Client(port)
    assert held.ask().get("Connection") is None and health(port) == 200
    assert command(running, "drain") == (0, "", "") and state(running) == "drained"
    assert procs.wait_for(lambda: {health(port) for _ in range(20)} == {503}, LONG)
    assert held.ask().get("Connection") == "close"      # what was asked is answered; who comes anew is served
    held.close()
    with Client(port) as client:
        assert client.ask().status == 200
    running.signal(signal.SIGHUP)
    assert procs.wait_for(lambda: running.events("reload_done"), LONG)
    os.kill(running.workers()[0], signal.SIGKILL)
    assert procs.wait_for(lambda: len(running.events("worker_ready")) == 3, LONG)
    assert {health(port) for _ in range(40)} == {503} and state(running) == "drained"
    assert command(running, "drain") == (0, "", "")     # again: nothing new
    assert command(running, "undrain") == (0, "", "") and state(running) == "serving"
    assert procs.wait_for(lambda: {health(port) for _ in range(20)} == {200}, LONG)
    with Client(port) as client:
        assert client.ask().get("Connection") is None
    assert len(running.events("gateway_drained", 1)) == len(running.events("gateway_undrained", 1)) == 1


def test_term_counts_the_time_that_health_was_red(gateway, backend, port):
    """The balancer has seen it already: no second drain_delay."""
    running, _, _, _ = two(gateway, backend, port, gateway="drain_delay = 2s")
    assert command(running, "drain")[0] == 0
    time.sleep(3)
    running.signal(signal.SIGTERM)
    assert running.wait(20) == 0 and not running.events("health_red")


@pytest.mark.parametrize("lasts", [4, pytest.param(20, marks=pytest.mark.long)])
def test_a_balancer_that_goes_on_sending(gateway, backend, port, lasts):
    """TERM, as a deploy does it. Health is red at once, and for the 20 s that a balancer may take to see it all is served, on
    kept connections and on new ones, and what was begun is finished. Then it ends, by itself, with nobody cut."""
    def script(conn):
        while (got := conn.read_request()) is not None:
            time.sleep(1.5 if got.target.startswith("/slow") else 0)
            conn.send(answer(body=got.target.encode()))
    delay = "" if lasts == 20 else f"\ndrain_delay = {lasts}s"
    running, _, _, _ = two(gateway, backend, port, script, workers=2, gateway=f"behind = alb\ntrusted = 127.0.0.0/8{delay}")
    with Load() as load:
        load.add(port, lambda client, n: ("POST" if n % 3 == 0 else "GET", f"/{client}-{n}", b""), 8, pause=0.01)
        load.add(port, lambda client, n: ("GET", f"/slow{client}-{n}", b""), 4)
        assert procs.wait_for(lambda: len(load.asked) > 200, LONG)
        told = time.time()
        running.signal(signal.SIGTERM)
        assert procs.wait_for(lambda: health(port) == 503, LONG)
        time.sleep(max(0, told + lasts - 0.5 - time.time()))
    last = max(one.ended for one in load.asked)
    assert running.wait(20) == 0
    wrong = [one for one in load.asked if (one.fate, one.status, one.body) != ("ok", 200, one.target.encode())]
    assert not wrong, (len(wrong), wrong[:3])
    late = [one for one in load.asked if one.begun > told + 0.5]
    assert len(late) > 50 and last > told + lasts - 0.5, "it was sent to until the end"
    assert running.events("health_red", 1) and not running.events("drain_timeout")
    assert all(line["cause"] == "ok" for line in running.access())


def test_gateway_drain_behind_a_balancer(gateway, backend, port):
    """Two gateways behind one who goes on sending for as long as health was not looked at: nobody sees a failure."""
    ports = [port, program.free_port()]
    both = [two(gateway, backend, at)[0] for at in ports]
    up, failed, count = list(ports), [], [0, 0]
    over = threading.Event()

    def send():
        while not over.is_set():
            at = random.choice(up)
            try:
                with Client(at) as client:
                    for _ in range(5):
                        got = client.ask()
                        count[ports.index(at)] += 1
                        if got.status != 200:
                            failed.append(got.status)
                        if got.get("Connection") == "close":
                            break
            except (OSError, wire.Cut) as error:
                failed.append(repr(error))

    def look():                                         # two bad looks, as an ELB
        seen = {at: 0 for at in ports}
        while not over.is_set():
            for at in ports:
                seen[at] = 0 if health(at) == 200 else seen[at] + 1
                up[:] = [p for p in ports if seen[p] < 2]
            time.sleep(0.1)

    threads = [threading.Thread(target=send) for _ in range(4)] + [threading.Thread(target=look)]
    for thread in threads:
        thread.start()
    try:
        for at, running in zip(ports, both):
            assert command(running, "drain")[0] == 0
            assert procs.wait_for(lambda at=at: at not in up, LONG)
            time.sleep(0.5)
            before = count[ports.index(at)]
            time.sleep(0.5)
            assert count[ports.index(at)] == before     # nobody asks it any more
            assert command(running, "undrain")[0] == 0
            assert procs.wait_for(lambda at=at: at in up and count[ports.index(at)] > before, LONG)
    finally:
        over.set()
        for thread in threads:
            thread.join()
    assert not failed and min(count) > 20
