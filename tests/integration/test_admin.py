"""The admin socket and the commands that go by it: status, reload, confirm; who may ask, and how badly one may ask."""
import json
import os
import re
import signal
import socket
import stat
import subprocess
import threading

import pytest

import gateway as program
import procs
from test_reload import below, settled, status
from test_roles import role
from wire import Client

ROOT = os.geteuid() == 0
REPLY = "[listener:main]\nbind = 127.0.0.1:%d\n[route:all]\nrespond = 200\n"
MORE = "[route:new]\npath = /new\nrespond = 204\n"


def ini(port, more="", workers=1):
    return f"[gateway]\nworkers = {workers}\n{REPLY % port}{more}"


@pytest.fixture
def running(gateway, port):
    return gateway(ini(port))


def path_of(running, name="run/admin.sock"):
    return os.path.join(running.folder, name)


def run(running, *arguments):
    """The command: (exit code, stdout, stderr)."""
    return program.command(*arguments, "-c", running.config, timeout=120 * program.SLOW)


def told(running):
    code, out, err = run(running, "status", "--json")
    assert (code, err) == (0, ""), err
    return json.loads(out)


def eventually(running, what):
    """What becomes true of the status."""
    assert procs.wait_for(lambda: what(told(running)), 15 * program.SLOW, 0.1), told(running)


def connect(running):
    conn = socket.socket(socket.AF_UNIX)
    conn.settimeout(20 * program.SLOW)
    conn.connect(path_of(running))
    return conn


def everything(conn):
    """Until the gateway closes; what was there when it was reset counts."""
    got = b""
    try:
        while piece := conn.recv(65536):
            got += piece
    except ConnectionResetError:
        pass
    return got


def ask(running, request):
    """The documents of the answer to these bytes."""
    with connect(running) as conn:
        conn.sendall(request)
        return [json.loads(line) for line in everything(conn).splitlines()]


# ---- status


def test_status_as_json(gateway, port):
    running = gateway(ini(port, workers=2))
    with Client(port) as client:
        assert client.ask().status == 200
        found = told(running)
    about = found["gateway"]
    assert about["connections"] == 1
    assert about["generation"] == 1 and about["state"] == "serving" and about["config_file"] == running.config
    assert about["access_lines_dropped"] == about["error_lines_dropped"] == 0 and "confirm_within_s" not in about
    assert found["listeners"] == [{"listener": "main", "connections": 1, "bind": f"127.0.0.1:{port}"}]
    names = {row["process"]: row for row in found["processes"]}
    assert set(names) == {"master", "logger", "keeper", "dialer", "monitor", "worker 1", "worker 2"}
    assert {row["pid"] for row in found["processes"]} == set(procs.tree(running.pid))
    for row in found["processes"]:
        assert row["state"] == "ready" and row["restarts"] == 0
        assert os.stat(f"/proc/{row['pid']}").st_uid in (0, row["uid"])        # root's: it cannot be dumped
    assert {row["process"] for row in found["sandbox"]} == set(names)


@pytest.mark.skipif(program.SAN, reason="a sanitizer build cannot live in a sandbox")
def test_status_tells_the_sandbox(running):
    rows = {row["process"]: row for row in told(running)["sandbox"]}
    for name, row in rows.items():
        assert row["no_new_privs"] == row["seccomp"] == row["capabilities"] == "yes", name
        if name != "master":
            assert row["landlock_files"] == "yes" or row["landlock_abi"] == 0, name
            assert row["empty_root"] == row["own_ids"] == ("yes" if ROOT else "not meant: not started as root"), name


def test_status_as_text(running, port):
    code, out, err = run(running, "status")
    assert (code, err) == (0, "")
    assert re.search(r"^generation +1$", out, re.M) and re.search(rf"^main +0 +127\.0\.0\.1:{port}$", out, re.M)
    table = next(part for part in out.split("\n\n") if part.startswith("process ") and " pid " in part).splitlines()
    assert table[0].split() == ["process", "pid", "state", "uid", "gid", "uptime", "restarts", "cpu", "resident",
                                "open", "fds", "max", "fds"]
    at = table[0].index("state")
    assert all(line[at:].startswith("ready") for line in table[1:]) and len(table) == 1 + 6


def test_connections_are_counted(running, port):
    clients = [Client(port) for _ in range(5)]
    eventually(running, lambda found: found["listeners"][0]["connections"] == 5)
    for client in clients:
        client.close()
    eventually(running, lambda found: found["listeners"][0]["connections"] == found["gateway"]["connections"] == 0)


def test_a_restart_is_counted(running):
    os.kill(role(running, "keeper"), signal.SIGKILL)

    def is_back(found):
        row, = [row for row in found["processes"] if row["process"] == "keeper"]
        return row["restarts"] == 1 and row["state"] == "ready"
    eventually(running, is_back)


def test_dropped_lines_are_counted(gateway, port):
    with open("/dev/full", "wb") as full:
        running = gateway(ini(port), stdout=full)
    for _ in range(3):
        assert status(port) == 200
    eventually(running, lambda found: found["gateway"]["access_lines_dropped"] >= 1)


# ---- reload and confirm


def test_reload(running, port):
    names = below(running)
    program.write_config(running.folder, ini(port, MORE))
    code, out, err = run(running, "reload")
    assert (code, err) == (0, "")
    assert "[route:new]" in out and out.endswith("reloaded: generation 2 is served\n")
    assert status(port, "/new") == 204
    assert told(running)["gateway"]["generation"] == 2
    settled(running, names)


def test_reload_is_refused(running, port):
    monitor = role(running, "monitor")
    program.write_config(running.folder, ini(port, MORE + "nonsense = 1\n"))
    code, out, err = run(running, "reload")
    assert code == 1 and out == ""
    assert 'unknown key "nonsense" in [route:new]' in err and "nothing was changed, generation 1 keeps running" in err
    assert role(running, "monitor") == monitor and told(running)["gateway"]["generation"] == 1


def test_confirmed(running, port):
    program.write_config(running.folder, ini(port, MORE))
    code, out, _ = run(running, "reload", "--confirm", "1h")
    assert code == 0 and "sallyport confirm" in out
    about = told(running)["gateway"]
    assert about["generation"] == 2 and 3000 < about["confirm_within_s"] <= 3600
    assert about["else_returns_generation"] == 1
    assert run(running, "confirm")[:2] == (0, "confirmed: generation 2 stays\n")
    assert "confirm_within_s" not in told(running)["gateway"]
    code, out, err = run(running, "confirm")
    assert (code, out) == (1, "") and "no reload waits" in err
    assert status(port, "/new") == 204


def test_not_confirmed(running, port):
    program.write_config(running.folder, ini(port, MORE))
    assert run(running, "reload", "--confirm=1s")[0] == 0
    eventually(running, lambda found: found["gateway"]["generation"] == 3)
    assert procs.wait_for(lambda: status(port, "/new") == 200, 5 * program.SLOW)


def test_many_at_once(running):
    """One at a time; each of the others is told, and nobody waits for ever."""
    codes = []
    threads = [threading.Thread(target=lambda: codes.append(run(running, "reload"))) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120 * program.SLOW)
    assert len(codes) == 6 and any(code == 0 for code, _, _ in codes)
    for code, _, err in codes:
        assert code == 0 or "another reload is under way" in err, err


def test_monitor_killed_while_a_reload_waits(running, port):
    """The old keeper does not end at once, so the reload waits: its outcome comes to who asked, from the monitor that
    follows the one that followed the one that was asked."""
    program.write_config(running.folder, ini(port, MORE))
    asked = monitors(running)
    os.kill(role(running, "keeper"), signal.SIGSTOP)
    with connect(running) as conn:
        conn.sendall(b'{"command":"reload"}\n')
        assert b"passed on" in conn.recv(1000)
        assert procs.wait_for(lambda: len(monitors(running)) == 1 and monitors(running) != asked, 10 * program.SLOW)
        os.kill(monitors(running)[0], signal.SIGKILL)
        lines = [json.loads(line) for line in everything(conn).splitlines()]
    assert lines[-1] == {"outcome": "done", "generation": 2}
    assert any("[route:new]" in line.get("line", "") for line in lines)
    assert told(running)["gateway"]["generation"] == 2


def monitors(running):
    return [pid for pid in procs.children(running.pid) if b"sallyport: monitor" in running.name_of(pid)]


def test_monitor_restarts_alone(running, port):
    others = sorted(set(procs.children(running.pid)) - set(monitors(running)))
    for count in (1, 2):
        os.kill(role(running, "monitor"), signal.SIGKILL)
        assert procs.wait_for(lambda count=count: len(running.events("role_died")) == count and monitors(running),
                              10 * program.SLOW)
        assert told(running)["gateway"]["generation"] == 1
    assert sorted(set(procs.children(running.pid)) - set(monitors(running))) == others
    assert status(port) == 200


def test_after_an_upgrade(running):
    """USR2: the new program's monitor listens on the same path, and knows its own processes."""
    assert procs.wait_for(lambda: running.events("serving"), 15 * program.SLOW)
    running.signal(signal.SIGUSR2)
    assert procs.wait_for(lambda: len(running.events("serving")) == 2, 30 * program.SLOW), running.err()[-2000:]
    eventually(running, lambda found: {row["pid"] for row in found["processes"]} <= set(procs.tree(running.pid)) and
               all(row["state"] == "ready" for row in found["processes"]))
    assert run(running, "reload")[0] == 0
    assert not running.events("no_admin_socket")


# ---- the socket


def test_its_mode_and_its_end(running):
    found = os.stat(path_of(running))
    assert stat.S_ISSOCK(found.st_mode) and found.st_mode & 0o777 == 0o660
    running.signal(signal.SIGTERM)
    assert running.wait() == 0
    assert not os.path.exists(path_of(running))
    code, out, err = run(running, "status")
    assert (code, out) == (1, "")
    assert err == f"sallyport status: no gateway listens on {path_of(running)}: is it running?\n"


def test_a_dead_ones_socket_is_replaced(gateway, port):
    first = gateway(ini(port), clean=False)
    first.signal(signal.SIGKILL)
    first.wait()
    assert os.path.exists(path_of(first))
    assert "is it running?" in run(first, "reload")[2]
    second = gateway(ini(port), folder=first.folder)
    assert told(second)["gateway"]["generation"] == 1


def test_another_path(gateway, port):
    running = gateway(ini(port, "[admin]\nsocket = here.sock\n"))
    assert told(running)["gateway"]["generation"] == 1
    before = os.stat(path_of(running, "here.sock")).st_ino
    assert run(running, "reload")[0] == 0
    assert os.stat(path_of(running, "here.sock")).st_ino == before, "the same path stays as it is"
    program.write_config(running.folder, ini(port, "[admin]\nsocket = there.sock\n"))
    running.signal(signal.SIGHUP)
    assert procs.wait_for(lambda: not os.path.exists(path_of(running, "here.sock")), 10 * program.SLOW)
    eventually(running, lambda found: found["gateway"]["generation"] == 3)


def test_off(gateway, port):
    running = gateway(ini(port, "[admin]\nsocket = off\n"))
    assert not os.path.exists(path_of(running))
    code, _, err = run(running, "status")
    assert code == 1 and "socket = off" in err


def test_a_place_that_cannot_be(gateway, port, folders):
    """Said by the file, that is an error; the default only costs the commands."""
    with pytest.raises(program.NotUp, match=r"a.ini|sallyport.ini:\d+: error: socket = .*its folder|No such file"):
        gateway(ini(port, "[admin]\nsocket = no/such/place.sock\n"))
    folder = folders("taken")
    program.write_config(folder, "")
    with open(os.path.join(folder, "run"), "w", encoding="ascii"):
        pass
    running = gateway(ini(port), folder=folder)
    assert running.events("no_admin_socket", 1) and status(port) == 200


def test_broken_files_do_not_hide_it(running, port):
    program.write_config(running.folder, ini(port) + "[pool:x]\n[frobnicate]\nx = y\nno sense\n")
    assert told(running)["gateway"]["generation"] == 1


# ---- who asks, and how


@pytest.mark.skipif(not ROOT, reason="only root can be somebody else")
def test_somebody_else_is_refused(gateway, port, folders):
    """Even where the path lets him through, the kernel says who he is."""
    running = gateway(ini(port))
    for path in (path_of(running), os.path.dirname(path_of(running)), running.folder):
        os.chmod(path, 0o777 if path.endswith(".sock") else 0o755)
    parents = running.folder
    while (parents := os.path.dirname(parents)) not in ("/", "/tmp"):
        os.chmod(parents, 0o755)
    script = ("import socket,sys; s=socket.socket(socket.AF_UNIX); s.settimeout(20); s.connect(sys.argv[1])\n"
              "try:\n s.sendall(b'{\"command\":\"status\"}\\n'); print(len(s.recv(10)))\nexcept OSError: print(0)")

    def asked_by(uid):
        return subprocess.run(["setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups", "/usr/bin/python3", "-c",
                               script, path_of(running)], capture_output=True, timeout=60, check=True).stdout
    assert asked_by(61234) == b"0\n"
    assert asked_by(65534) == b"10\n", "the gateway's user"
    assert procs.wait_for(lambda: running.events("admin_refused uid=61234") or running.events("admin_refused"), 5)


GARBAGE = [b"\n", b"{}\n", b"[]\n", b"status\n", b'{"command":"status"\n', b'{"command":"status"} x\n', b'{"command":7}\n',
           b'{"command":"frobnicate"}\n', b'{"command":"status","command":"status"}\n', b'{"command":"status","x":1}\n',
           b'{"command":"status","format":"xml"}\n', b'{"command":"sta\\q"}\n', b'{"command":"\xff"}\n',
           b'{"command":"reload","confirm_s":0}\n', b'{"command":"reload","confirm_s":99999999}\n',
           b'{"command":"reload","confirm_s":"1"}\n', b'{"command":{"a":1}}\n', b"\0" * 30 + b"\n", b"x" * 1023 + b"\n",
           b"x" * 1024, b"x" * 5000]


def test_garbage(running):
    for request in GARBAGE:
        answer = ask(running, request)
        assert len(answer) == 1 and answer[0]["outcome"] == "refused" and answer[0]["why"], (request, answer)
    assert told(running)["gateway"]["generation"] == 1 and not running.events("role_died")


def test_cut_everywhere(running):
    whole = b'{"command":"status","format":"text"}\n'
    for n in range(len(whole)):
        with connect(running) as conn:
            conn.sendall(whole[:n])
    with connect(running) as conn:
        for i in range(len(whole)):
            conn.sendall(whole[i:i + 1])
        assert json.loads(everything(conn).splitlines()[-1]) == {"outcome": "done"}


def test_slow_and_many(running):
    """Who says nothing is closed after a while; until then at most so many are heard, and the next is behind them."""
    silent = [connect(running) for _ in range(16)]
    assert told(running)["gateway"]["generation"] == 1
    for conn in silent:
        assert everything(conn) == b""
        conn.close()


def test_too_many_orders(running):
    """More than people type: some are closed without an outcome, and the master serves on."""
    conns = [connect(running) for _ in range(12)] + []
    for conn in conns:
        conn.sendall(b'{"command":"confirm"}\n')
    lasts = []
    for conn in conns:
        lasts.append(everything(conn).splitlines()[-1])
        conn.close()
    assert any(b"no reload" in last or b"refused" in last for last in lasts)
    assert told(running)["gateway"]["state"] == "serving"


@pytest.mark.parametrize("arguments", [("status", "--confirm", "1m"), ("status", "x"), ("reload", "--confirm"),
                                       ("reload", "--confirm", "soon"), ("reload", "--confirm", "500ms"),
                                       ("reload", "--confirm", "2d"), ("confirm", "--json")])
def test_wrong_usage(arguments):
    code, out, err = program.command(*arguments)
    assert (code, out) == (2, "") and "usage: sallyport" in err


def test_stopped_while_a_reload_waits(gateway, port):
    running = gateway(ini(port), clean=False)
    os.kill(role(running, "keeper"), signal.SIGSTOP)
    with connect(running) as conn:
        conn.sendall(b'{"command":"reload"}\n')
        assert b"passed on" in conn.recv(1000)
        running.signal(signal.SIGINT)
        everything(conn)
    assert running.wait(20) == 0
