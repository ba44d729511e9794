"""Bans: asked for by a limit or an operator, refused at accept or per request, longer each time, kept over everything."""
import json
import os
import re
import signal
import time

import pytest

import backends
import gateway as program
import procs
import wire
from wire import Client, answer

OK = backends.always(answer(body=b"ok"))
LONG = 30 * program.SLOW


def served(port, source="127.0.0.1", fields=()):
    try:
        with Client(port, source=source) as client:
            return client.ask(fields=fields).status
    except (OSError, wire.Cut):
        return "closed"


def command(running, *words):
    code, out, err = program.command(*words, "-c", os.path.join(running.folder, "sallyport.ini"))
    return code, out, err


def bans(running):
    code, out, err = command(running, "bans", "--json")
    assert code == 0, err
    return {row["address"]: row for row in json.loads(out.splitlines()[0])["bans"]}


def parts(folder, limit="rate = 1/h\nburst = 2\nban = 1h", **more):
    return {"gateway": f"state_dir = {folder}\n" + more.pop("gateway", ""), "listener": "limit = few\n" + more.pop("listener", ""),
            "more": f"[limit:few]\n{limit}\n", **more}


def go_over(port, source="127.0.0.9", times=3):
    with Client(port, source=source) as client:
        return [client.ask().status for _ in range(times)]


def test_who_goes_over_a_limit_is_banned(serve, folders):
    running, behind, port = serve(OK, **parts(folders("state")), workers=2)
    assert go_over(port) == [200, 200, 429]
    assert procs.wait_for(lambda: served(port, "127.0.0.9") == "closed", LONG)
    assert served(port, "127.0.0.10") == 200, "another is none of it"
    line = running.events("banned")[0]
    assert "127.0.0.9" in line and "by=limit:few" in line and "seconds=3600" in line
    row = bans(running)["127.0.0.9"]
    assert row["times"] == 1 and row["by"] == "limit:few" and 3500 < row["left_s"] <= 3600
    line = procs.wait_for(lambda: running.events("clients_refused"), LONG)[0]
    assert "setting=ban" in line and "127.0.0.9" in line


def test_who_is_connected_gets_one_403(serve, folders):
    running, _, port = serve(OK, **parts(folders("state")))
    with Client(port, source="127.0.0.9") as client:
        assert client.ask().status == 200
        assert command(running, "ban", "127.0.0.9", "1h", "was rude")[0] == 0
        got = client.ask()
        assert got.status == 403 and client.is_closed(10)
    line = next(line for line in running.access(2) if line["status"] == 403)
    assert (line["cause"], line["at"]) == ("banned", "header")
    assert bans(running)["127.0.0.9"]["by"] == "was rude"


def test_behind_a_balancer_requests_are_refused(serve, folders):
    _, _, port = serve(OK, **parts(folders("state"), gateway="behind = alb\ntrusted = 127.0.0.1\n"))
    named = [("X-Forwarded-For", "203.0.113.9")]
    assert [served(port, fields=named) for _ in range(3)] == [200, 200, 429]
    assert procs.wait_for(lambda: served(port, fields=named) == 403, LONG)
    with Client(port) as client:                        # the balancer's connection stays for its others
        assert client.ask(fields=named).status == 403
        assert client.ask(fields=[("X-Forwarded-For", "203.0.113.10")]).status == 200
    assert [served(port) for _ in range(5)] == [200] * 5, "a balancer is never banned"
    assert served(port, fields=[("X-Forwarded-For", "::ffff:203.0.113.9")]) == 403


def test_an_ipv6_address_stands_for_its_64(serve, folders):
    running, _, port = serve(OK, **parts(folders("state"), gateway="behind = alb\ntrusted = 127.0.0.1\n"))
    assert command(running, "ban", "2001:db8:1:2::1", "1h")[0] == 0
    assert served(port, fields=[("X-Forwarded-For", "2001:db8:1:2:ffff::7")]) == 403
    assert served(port, fields=[("X-Forwarded-For", "2001:db8:1:3::1")]) == 200


def test_the_next_one_is_longer(serve, folders):
    running, _, port = serve(OK, **parts(folders("state"), "rate = 20/s\nburst = 1\nban = 1s\nban_max = 3s"))
    seen = []
    for count in (1, 2, 3):
        assert procs.wait_for(lambda: served(port, "127.0.0.9") == 200, LONG)
        for _ in range(20):
            if 429 in go_over(port, times=2):
                break
        assert procs.wait_for(lambda: len(running.events("banned")) == count, LONG), running.err()[-1500:]
        seen.append(int(re.search(r"seconds=(\d+)", running.events("banned")[-1])[1]))
    assert seen == [1, 2, 3]


def test_unban(serve, folders):
    running, _, port = serve(OK, **parts(folders("state")))
    go_over(port)
    assert procs.wait_for(lambda: served(port, "127.0.0.9") == "closed", LONG)
    assert command(running, "unban", "127.0.0.9")[0] == 0
    assert procs.wait_for(lambda: served(port, "127.0.0.9") in (200, 429), LONG)
    code, _, err = command(running, "unban", "127.0.0.77")
    assert code == 1 and "it is not banned" in err
    assert "ban_lifted" in running.err()


def restarted(running, gateway, text, how):
    running.signal(how)
    running.wait()
    running.end(expect_clean=False)
    return gateway(text)


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_kept_over_a_restart(gateway, backend, port, folders, how):
    folder = folders("state")
    text = program.ini(port, backend(OK).port, **parts(folder))
    running = gateway(text, clean=False)
    go_over(port)
    assert procs.wait_for(lambda: served(port, "127.0.0.9") == "closed", LONG)
    command(running, "ban", "127.0.0.11", "1h")
    command(running, "ban", "127.0.0.12", "1h")
    command(running, "unban", "127.0.0.12")
    path = os.path.join(folder, "bans")

    def written():
        with open(path, encoding="ascii") as file:
            return "unban 127.0.0.12" in file.read()
    assert procs.wait_for(written, LONG)
    running = restarted(running, gateway, text, how)
    assert procs.wait_for(lambda: served(port, "127.0.0.9") == "closed", LONG)
    assert set(bans(running)) == {"127.0.0.9", "127.0.0.11"} and bans(running)["127.0.0.9"]["by"] == "limit:few"
    assert os.stat(path).st_mode & 0o007 == 0


def test_kept_over_reload_monitor_and_worker(serve, folders):
    running, behind, port = serve(OK, **parts(folders("state")))
    command(running, "ban", "127.0.0.9", "1h")
    for who in ("monitor", "worker"):
        ready = len(running.events("role_ready" if who == "monitor" else "worker_ready"))
        os.kill(next(pid for pid in procs.tree(running.pid)[1:] if who.encode() in running.name_of(pid)), signal.SIGKILL)
        assert procs.wait_for(lambda: len(running.events("role_ready" if who == "monitor" else "worker_ready")) > ready, LONG)
    running.signal(signal.SIGHUP)
    assert procs.wait_for(lambda: running.events("reload_done"), LONG)
    assert served(port, "127.0.0.9") == "closed" and "127.0.0.9" in bans(running)


def test_a_journal_of_anything(gateway, backend, port, folders):
    folder = folders("state")
    until = int(time.time() * 1000) + 3600_000
    with open(os.path.join(folder, "bans"), "wb") as file:
        file.write(b"nonsense\nban\nban x 1 1 a\nban 127.0.0.5 1 1 over\nban 127.0.0.6 99999999999999999999999 1 x\n\0\xff\n"
                   + b"ban 127.0.0.7 %d 2 by whom it may\nban 127.0.0.8 %d 4294967296 x\n" % (until, until)
                   + b"ban 127.0.0.9 %d 1 cut" % until)
    running = gateway(program.ini(port, backend(OK).port, **parts(folder)))
    assert {ip: row["by"] for ip, row in bans(running).items()} == {"127.0.0.7": "by whom it may", "127.0.0.9": "cut"}


def test_a_long_journal_is_begun_anew(gateway, backend, port, folders):
    folder = folders("state")
    until = int(time.time() * 1000) + 3600_000
    with open(os.path.join(folder, "bans"), "w", encoding="ascii") as file:
        file.write("".join(f"ban 10.{i >> 8 & 255}.{i & 255}.1 {until} 1 limit:few\n" for i in range(8000)) + "unban 10.0.0.1\n" * 50000)
    running = gateway(program.ini(port, backend(OK).port, **parts(folder)))
    count = len(bans(running))
    assert count >= 7990, "some buckets may be full"

    def written():
        with open(os.path.join(folder, "bans"), encoding="ascii") as file:
            return file.read().count("ban 10.") >= count
    assert procs.wait_for(written, 2 * LONG) and os.path.exists(os.path.join(folder, "bans.old"))


def test_without_a_place_for_it(gateway, backend, port):
    running = gateway(program.ini(port, backend(OK).port, **parts("/nonexistent/state")))
    assert "no_ban_journal" in running.err()
    go_over(port)
    assert procs.wait_for(lambda: served(port, "127.0.0.9") == "closed", LONG)


@pytest.mark.parametrize("words, said", [
    ((), "whom?"), (("localhost", "1h"), "whom?"), (("127.0.0.1",), "for how long?"), (("127.0.0.1", "5"), "needs a unit"),
    (("127.0.0.1", "100ms"), "for how long?"), (("127.0.0.1", "1h", "a", "b"), "unexpected"),
])
def test_wrong_usage(words, said):
    code, out, err = program.command("ban", *words)
    assert (code, out) == (2, "") and said in err, err


def test_ban_max_alone_is_warned_of(check):
    code, out = check(program.ini(18080, 18081, listener="limit = few", more="[limit:few]\nrate = 5/s\nban_max = 1h\n"))
    assert code == 0 and "ban_max without ban: nobody is banned [ban-max]" in out


def test_who_is_trusted_is_not_banned(serve, folders):
    running, _, port = serve(OK, **parts(folders("state"), gateway="trusted = 127.0.0.0/29\n"))
    code, _, err = command(running, "ban", "127.0.0.3", "1h")
    assert code == 1 and "it is trusted" in err


@pytest.mark.parametrize("limit, said", [
    ("rate = 5/s\nban = 2h\nban_max = 1h", "ban_max = 1h is less than ban = 2h"),
    ("rate = 5/s\nkey = global\nban = 1h", "ban: only with key = client"),
])
def test_what_is_refused(check, limit, said):
    code, out = check(program.ini(18080, 18081, listener="limit = few", more=f"[limit:few]\n{limit}\n"))
    assert code == 1 and f"error: {said}" in out, out
