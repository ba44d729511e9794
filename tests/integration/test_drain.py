"""drain and undrain of one backend: under load, over reloads and a dead monitor, and what is said of names."""
import json
import os
import signal
import threading

import backends
import gateway as program
import procs
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


def two(gateway, backend, port, script=OK, **parts):
    behinds = [backend(script), backend(script)]
    names = [f"127.0.0.1:{one.port}" for one in behinds]
    text = program.ini(port, behinds[0].port, pool=f"backend = {names[1]}\nbalance = round_robin\n", **parts)
    return gateway(text), behinds, names, text


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
    assert len(running.events("backend_drains")) == len(running.events("backend_undrained")) == 2


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
    code, _, err = command(running, "drain")
    assert code == 2 and "which backend" in err
