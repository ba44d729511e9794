"""USR2 executes the new binary in place (spec 2, 8): same pid, nobody who is connected or connects notices."""
import os
import re
import signal
import socket
import ssl
import threading

import pytest

import gateway as program
import procs
import wire
from test_reload import Load, below, body, named, settled, status, websocket_or_one
from test_websocket import ASK
from wire import Client, answer, request

ACTIVATE = os.path.join(os.path.dirname(__file__), "..", "lib", "activate.py")
NOBODY = "65534"


def install(place, version=b"0.1.0"):
    """A copy of the gateway that calls itself so, put into its place as a package manager does."""
    with open(program.BINARY, "rb") as file:
        code = file.read()
    assert len(version) == 5 and b"0.1.0" in code
    with open(place + ".new", "wb") as file:
        file.write(code.replace(b"0.1.0", version))
    os.chmod(place + ".new", 0o755)
    os.rename(place + ".new", place)


@pytest.fixture
def gateway(gateway):
    """One that serves when the test goes on: all its processes are there, and are called what they are."""
    def make(*arguments, **options):
        running = gateway(*arguments, **options)
        assert procs.wait_for(lambda: running.events("serving"), 15 * program.SLOW), running.err()
        return running
    return make


@pytest.fixture
def binary(folders):
    folder = folders("bin")
    os.chmod(folder, 0o755)
    place = os.path.join(folder, "sallyport")
    install(place)
    return place


@pytest.fixture
def linked(binary, folders):
    """A link to the binary, as tools that keep several versions have it."""
    place = os.path.join(folders("link"), "sallyport")
    os.symlink(binary, place)
    return place


def count(running, event):
    return len(running.events(event))


def upgraded(running):
    """Sends USR2 and waits until the new program serves, and nobody else accepts."""
    before = count(running, "serving"), count(running, "upgrade_refused")
    finished = count(running, "worker_finishes") + int(re.search(r"workers=(\d+)", running.events("serving")[-1])[1])
    running.signal(signal.SIGUSR2)
    assert procs.wait_for(lambda: count(running, "serving") > before[0] or count(running, "upgrade_refused") > before[1],
                          30 * program.SLOW), running.err()[-3000:]
    assert count(running, "upgrade_refused") == before[1], running.err()[-3000:]
    assert procs.wait_for(lambda: count(running, "worker_finishes") >= finished, 10 * program.SLOW), running.err()[-3000:]


def refused(running, why):
    before = count(running, "upgrade_refused"), count(running, "upgrade_executes")
    running.signal(signal.SIGUSR2)
    assert procs.wait_for(lambda: count(running, "upgrade_refused") > before[0], 30 * program.SLOW), running.err()[-3000:]
    said = running.err().split("event=upgrade_begins")[-1]
    assert why in said, said
    assert count(running, "upgrade_executes") == before[1]


def tunnel(port, tls=None):
    client = Client(port, tls, "example.com" if tls else None, timeout=60)
    client.send(request(fields=ASK))
    assert client.reader.head().status == 101
    return client


def echoes(client):
    client.send(b"still here")
    return client.reader.exactly(10) == b"still here"


def test_another_binary_in_place(gateway, backend, port, binary):
    behind = backend(named("one"))
    running = gateway(program.ini(port, behind.port, workers=2), binary=binary)
    names = below(running)
    old = set(procs.children(running.pid))
    assert body(port) == b"one"
    install(binary, b"0.1.9")
    upgraded(running)
    assert "sallyport 0.1.9 can take over" in running.err()
    assert running.process.poll() is None
    assert body(port) == b"one"
    settled(running, names)
    assert not old & set(procs.children(running.pid))
    assert running.access(2)[-1]["gen"] == 2
    with open(f"/proc/{running.pid}/cmdline", "rb") as file:
        assert file.read().split(b"\0")[:2] == [binary.encode(), b"run"]


@pytest.mark.parametrize("how", ["by PATH", "relative"])
def test_a_link_to_another_binary(gateway, backend, port, binary, linked, how):
    """The path by which it was started is followed when it is executed."""
    folder = os.path.dirname(linked)
    install(binary + "-2", b"0.1.9")
    running = gateway(program.ini(port, backend(named("one")).port), binary="sallyport" if how == "by PATH" else "./sallyport",
                      cwd=folder, env={"PATH": f"{folder}:/usr/bin:/bin"} if how == "by PATH" else None)
    os.symlink(binary + "-2", linked + ".new")
    os.rename(linked + ".new", linked)
    for _ in range(2):
        upgraded(running)
        assert os.readlink(f"/proc/{running.pid}/exe") == binary + "-2"
    assert f"program={folder}/" in running.err() and body(port) == b"one"


# ---- who is connected


def test_tunnels_go_on(gateway, backend, port, binary):
    """Twice: the workers of each program before stay for their tunnels, and their keeper and dialer for them."""
    behind = backend(websocket_or_one)
    running = gateway(program.ini(port, behind.port, workers=2, route="upgrade = websocket"), binary=binary)
    names = below(running)
    webs = [tunnel(port)]
    for _ in range(2):
        upgraded(running)
        assert all(echoes(web) for web in webs)
        webs.append(tunnel(port))
        assert body(port) == b"one"
    left = 2 * 3                        # a worker, a keeper, a dialer of each program before
    assert procs.wait_for(lambda: len(below(running)) == len(names) + left, 10 * program.SLOW)
    for web in webs[:-1]:
        web.close()
    settled(running, names)
    assert echoes(webs[-1]) and count(running, "old_workers_gone") >= 1
    webs[-1].close()


def test_running_requests_are_answered(gateway, backend, port, binary):
    """One that waits for its backend, and one whose connection to it is still to be made, by the old dialer."""
    go, is_first = threading.Event(), [True]

    def slow(conn):
        got = conn.read_head()
        while got is not None:
            if is_first[0]:
                is_first[0] = False
                go.wait(60)
            conn.send(answer(body=b"one"))
            got = conn.read_head()
    behind = backend(slow)
    running = gateway(program.ini(port, behind.port), binary=binary)
    with Client(port) as waits, Client(port) as begins:
        waits.send(request())
        begins.send(b"GET / HTTP/1.1\r\nHost: exam")
        assert procs.wait_for(lambda: behind.requests, 10)
        upgraded(running)
        begins.send(b"ple.com\r\n\r\n")
        got = begins.reader.body(begins.reader.head())
        assert got.status == 200 and got.body == b"one" and got.get("Connection") == "close"
        go.set()
        got = waits.reader.body(waits.reader.head())
        assert got.status == 200 and got.get("Connection") == "close"


def test_health_stays_green(gateway, backend, port, binary):
    behind = backend(websocket_or_one)
    running = gateway(program.ini(port, behind.port), binary=binary)
    with Client(port) as client:
        assert client.ask(target="/healthz").status == 200
        client.send(b"GET /healthz HTTP/1.1\r\n")
        upgraded(running)
        client.send(b"Host: a\r\n\r\n")
        got = client.reader.body(client.reader.head())
        assert got.status == 200 and got.body == b"ok\n"


def test_drained_stays_drained(gateway, backend, port, binary):
    """What an operator said of the gateway is said to the next program too, and can be taken back there."""
    running = gateway(program.ini(port, backend(named("one")).port, workers=2), binary=binary)
    assert program.command("drain", "-c", running.config)[0] == 0
    upgraded(running)
    for want, words in ((503, None), (200, "undrain")):
        if words:
            assert program.command(words, "-c", running.config)[0] == 0
        assert procs.wait_for(lambda want=want: {health(port) for _ in range(10)} == {want}, 20)


def health(port):
    with Client(port) as client:
        return client.ask(target="/healthz").status


def test_tickets_survive(gateway, backend, port, binary, ca, leaf):
    running = gateway(program.ini(port, backend(named("one")).port, tls=[leaf]), binary=binary)
    tls = wire.context(ca.cert, ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_2)
    with Client(port, tls, "example.com") as client:
        assert client.ask().status == 200
        session = client.sock.session
    upgraded(running)
    with Client(port, tls, "example.com", session=session) as client:
        assert client.ask().status == 200 and client.sock.session_reused


def test_caps_hold_over_both(gateway, backend, port, binary):
    """max_connections counts the workers of both programs: as many new clients as the old ones leave room for."""
    behind = backend(websocket_or_one)
    running = gateway(program.ini(port, behind.port, route="upgrade = websocket", gateway="max_connections = 16"),
                      binary=binary)
    webs = [tunnel(port) for _ in range(6)]
    for more in (5, 5):
        upgraded(running)
        webs += [tunnel(port) for _ in range(more)]
    assert len(webs) == 16
    with Client(port, timeout=1) as client:
        client.send(request())
        with pytest.raises(TimeoutError):       # it waits in the queue
            client.reader.head()
        webs.pop(0).close()                     # of the oldest worker
        client.sock.settimeout(30)
        got = client.reader.body(client.reader.head())
        assert got.status == 200
    assert all(echoes(web) for web in webs)
    for web in webs:
        web.close()


def test_addresses_are_counted_over_both(gateway, backend, port, binary):
    """What an address holds at old workers counts at new ones: the hash of addresses is the same in both programs."""
    behind = backend(websocket_or_one)
    running = gateway(program.ini(port, behind.port, workers=2, route="upgrade = websocket", listener="max_connections_per_ip = 5"),
                      binary=binary)
    webs = [tunnel(port) for _ in range(3)]
    for _ in range(2):
        upgraded(running)
        webs.append(tunnel(port))
    with Client(port) as client:
        client.send(request())
        assert client.is_closed(10)
    webs.pop(0).close()
    assert procs.wait_for(lambda: is_served(port), 10 * program.SLOW)
    for web in webs:
        web.close()


def is_served(port):
    try:
        return body(port) == b"one"
    except (OSError, wire.Cut):
        return False


def test_a_stopped_logger(gateway, backend, port, binary):
    """It is not waited for for long, and what the others wrote is still in the pipe."""
    running = gateway(program.ini(port, backend(named("one")).port), binary=binary)
    names = below(running)
    logger = [pid for pid in procs.children(running.pid) if b"logger" in running.name_of(pid)][0]
    os.kill(logger, signal.SIGSTOP)
    assert body(port) == b"one"
    upgraded(running)
    assert len(running.access(1)) == 1 and not procs.is_alive(logger)
    settled(running, names)


def test_no_more_than_there_are_banks(gateway, backend, port, binary):
    behind = backend(websocket_or_one)
    running = gateway(program.ini(port, behind.port, route="upgrade = websocket"), binary=binary)
    names = below(running)
    web = tunnel(port)
    for _ in range(3):
        upgraded(running)
    refused(running, "still finishing")
    assert echoes(web) and body(port) == b"one"
    web.close()
    settled(running, names)
    upgraded(running)
    settled(running, names)


# ---- what stops it


def cut(place):
    with open(place, "rb") as file:
        head = file.read(5000)
    return head


def script(text):
    return lambda place: text


BROKEN = (
    (cut, "ended by signal"),
    (script(b"#!/bin/sh\nexit 0\n"), "is no sallyport that can take over"),
    (script(b"#!/bin/sh\necho what is rehearse\nexit 2\n"), "its rehearsal failed (exit 2)"),
    (script(b"#!/bin/sh\nkill -SEGV $$\n"), "ended by signal 11"),
    (script(b"no program at all"), "cannot be executed"),
)


def test_broken_programs(gateway, backend, port, binary):
    running = gateway(program.ini(port, backend(named("one")).port, workers=2), binary=binary)
    children = procs.children(running.pid)
    for make, why in BROKEN:
        code = make(program.BINARY)
        with open(binary + ".new", "wb") as file:
            file.write(code)
        os.chmod(binary + ".new", 0o755)
        os.rename(binary + ".new", binary)
        refused(running, why)
        assert body(port) == b"one"
    os.unlink(binary)
    refused(running, "No such file")
    assert sorted(procs.children(running.pid)) == sorted(children)
    install(binary)
    upgraded(running)
    assert body(port) == b"one"


def test_broken_configurations(gateway, backend, port, binary, ca):
    text = program.ini(port, backend(named("one")).port, workers=2)
    running = gateway(text, binary=binary)
    children = procs.children(running.pid)
    program.write_config(running.folder, text + "[route:x]\npth = /\n")
    refused(running, 'unknown key')
    other = authority_pair(ca)
    program.write_config(running.folder, text.replace("[route:all]", f"cert = {other[0]}\nkey_file = {other[1]}\n[route:all]"))
    refused(running, "does not belong")
    busy = program.free_port()
    with socket_at(busy):
        program.write_config(running.folder, text + f"[listener:more]\nbind = 127.0.0.1:{busy}\n")
        refused(running, "Address already in use")
    assert sorted(procs.children(running.pid)) == sorted(children)
    assert body(port) == b"one"
    upgraded(running)
    assert body(port) == b"one" and body(busy) == b"one"


def authority_pair(ca):
    one, two = ca.leaf("example.com", stem="up1"), ca.leaf("example.com", stem="up2")
    return one.chain, two.key


def socket_at(port):
    sock = socket.socket()
    sock.bind(("127.0.0.1", port))
    sock.listen(1)
    return sock


def test_a_program_that_does_not_come_up(gateway, backend, port, binary, ca, leaf):
    """It passes its rehearsal, and then its workers cannot start: the old ones accept as before, and a third follows."""
    running = gateway(program.ini(port, backend(named("one")).port, tls=[leaf], workers=2), binary=binary)
    names, old = below(running), set(running.workers())
    tls = wire.context(ca.cert)
    install(binary, b"0.1.9")
    with open(binary, "rb") as file:
        code = file.read()
    assert code.count(b"EC:id-ecPublicKey") == 1       # how the workers find the keeper's keys
    with open(binary + ".new", "wb") as file:
        file.write(code.replace(b"EC:id-ecPublicKey:1.2.840.10045.2.1", b"XC:id-xcPublicKey:1.2.840.10045.9.9"))
    os.chmod(binary + ".new", 0o755)
    os.rename(binary + ".new", binary)
    running.signal(signal.SIGUSR2)
    assert procs.wait_for(lambda: count(running, "takeover_stuck"), 20 * program.SLOW), running.err()[-3000:]
    load = Load(port, tls)
    assert procs.wait_for(lambda: count(running, "worker_cannot_start") >= 6, 30 * program.SLOW)
    install(binary)
    upgraded(running)
    assert procs.wait_for(lambda: not old & set(running.workers()), 30 * program.SLOW)
    load.end()
    settled(running, names)


def test_a_table_that_is_none(folders, port, backend):
    folder = folders()
    config = program.write_config(folder, program.ini(port, backend().port))
    for number in ("1", "99999", "x", "7"):
        code, _, err = program.command("run", "-c", config, env={"SALLYPORT_TAKEOVER": number})
        assert code == 1 and ("no descriptor" in err or "no sealed table" in err), err
    code, _, err = program.command("rehearse", "-c", config)
    assert code == 1 and "only a running gateway" in err


# ---- what else happens meanwhile


def test_reload_and_upgrade_at_once(gateway, backend, port, binary):
    """Both are done, one after the other, whichever comes first."""
    text = program.ini(port, backend(named("one")).port, workers=2)
    running = gateway(text, binary=binary)
    names = below(running)
    for signals in ((signal.SIGUSR2, signal.SIGHUP), (signal.SIGHUP, signal.SIGUSR2), (signal.SIGUSR2, signal.SIGUSR2)):
        before = count(running, "serving")
        program.write_config(running.folder, text + f"[route:r{before}]\npath = /r{before}\nrespond = 204\n")
        for number in signals:
            running.signal(number)
        assert procs.wait_for(lambda: count(running, "serving") > before, 30 * program.SLOW), running.err()[-3000:]
        assert procs.wait_for(lambda: status(port, f"/r{before}") == 204, 10 * program.SLOW)  # an old worker may still accept
        settled(running, names)
    running.signal(signal.SIGHUP)
    assert procs.wait_for(lambda: count(running, "reload_done"), 20 * program.SLOW)
    assert not count(running, "upgrade_refused") and not count(running, "reload_refused")


def test_workers_killed(gateway, backend, port, binary):
    """An old one: only its tunnels. A new one: it is born again. Old and new: what the counters of both said is right."""
    behind = backend(websocket_or_one)
    running = gateway(program.ini(port, behind.port, workers=1, route="upgrade = websocket", gateway="max_connections = 16"),
                      binary=binary)
    names = below(running)
    old, web = running.workers()[0], tunnel(port)
    upgraded(running)
    new = [pid for pid in running.workers() if pid != old][0]
    other = tunnel(port)
    os.kill(old, signal.SIGKILL)
    assert web.is_closed(10) and echoes(other)
    settled(running, names)
    os.kill(new, signal.SIGKILL)
    assert other.is_closed(10)
    settled(running, names)
    webs = [tunnel(port) for _ in range(16)]
    assert all(echoes(web) for web in webs)
    for web in webs:
        web.close()


def test_ends_with_old_workers(gateway, backend, port, binary):
    """TERM lets those of the program before finish as all others, until drain_timeout; INT does not wait."""
    behind = backend(websocket_or_one)
    for how, events in ((signal.SIGTERM, 1), (signal.SIGINT, 0)):
        running = gateway(program.ini(port, behind.port, route="upgrade = websocket", gateway="drain_timeout = 2s"),
                          binary=binary, clean=False)
        web = tunnel(port)
        upgraded(running)
        assert echoes(web)
        below_it = procs.tree(running.pid)[1:]
        running.signal(how)
        assert running.wait(20) == 0
        assert web.is_closed(5)
        assert procs.wait_for(lambda: not any(procs.is_alive(pid) for pid in below_it), 5 * program.SLOW)
        assert count(running, "workers_killed") == events


def test_the_master_killed(gateway, backend, port, binary):
    behind = backend(websocket_or_one)
    running = gateway(program.ini(port, behind.port, workers=2, route="upgrade = websocket"), binary=binary, clean=False)
    web = tunnel(port)
    upgraded(running)
    below_it = procs.tree(running.pid)[1:]
    os.kill(running.pid, signal.SIGKILL)
    assert procs.wait_for(lambda: not any(procs.is_alive(pid) for pid in below_it), 5 * program.SLOW)
    assert web.is_closed(5)


# ---- sockets, users, rights


def test_all_kinds_of_listeners(gateway, backend, port, binary, folders):
    place, web, local = folders(), program.free_port(), program.free_port()
    text = program.ini(port, backend(named("one")).port, workers=2).replace(
        f"bind = 127.0.0.1:{port}", f"bind = 127.0.0.1:{port}, unix:{place}/own, fd:web, fd:local")
    running = gateway(text, binary=binary, wrap=["/usr/bin/python3", ACTIVATE, f"web=127.0.0.1:{web}",
                                                 f"local={place}/passed", f"web=127.0.0.1:{local}", "--"])
    inode = os.stat(f"{place}/own").st_ino
    for _ in range(2):
        for where in (port, f"{place}/own", web, f"{place}/passed", local):
            for _ in range(4):
                assert body(where) == b"one"
        upgraded(running)
        assert os.stat(f"{place}/own").st_ino == inode
    running.signal(signal.SIGTERM)
    assert running.wait(20) == 0
    assert not os.path.exists(f"{place}/own") and os.path.exists(f"{place}/passed")


def test_places_and_workers_change(gateway, backend, port, binary, folders):
    """More workers, fewer, another listener, one less: what `reload` refuses or takes is all taken."""
    place, more = folders(), program.free_port()
    behind = backend(websocket_or_one)
    running = gateway(program.ini(port, behind.port, workers=2, route="upgrade = websocket"), binary=binary)
    web = tunnel(port)
    for workers, extra in ((4, f"[listener:more]\nbind = 127.0.0.1:{more}, unix:{place}/s\n"), (1, ""),
                           (3, f"[listener:more]\nbind = 127.0.0.1:{more}\n")):
        program.write_config(running.folder, program.ini(port, behind.port, workers=workers, route="upgrade = websocket") + extra)
        upgraded(running)
        for _ in range(20):
            assert body(port) == b"one"
            assert not extra or body(more) == b"one"
        assert os.path.exists(f"{place}/s") == ("unix" in extra) and echoes(web)
        assert count(running, "board_not_taken_over")   # it has a part for each worker
    web.close()
    assert procs.wait_for(lambda: len(running.workers()) == 3, 10 * program.SLOW)


def rights(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        return dict(re.findall(r"^(Cap\w+|NoNewPrivs|Seccomp|Seccomp_filters|Uid|Gid):\s+(.*)$", file.read(), re.M))


@pytest.mark.skipif(os.getuid() != 0, reason="starts as root and as another")
@pytest.mark.parametrize("how", ["root", "user", "user that may bind"])
def test_rights_stay(gateway, backend, port, binary, folders, how):
    """The master's own after each program, and its children's: as they were."""
    folder = folders()
    owner = 0 if how == "root" else int(NOBODY)
    user = ["setpriv", "--reuid", NOBODY, "--regid", NOBODY, "--clear-groups"]
    caps = "+net_bind_service" if how == "user that may bind" else "-all"
    wrap = [] if how == "root" else [*user, "--inh-caps", caps, "--ambient-caps", caps]
    config = program.write_config(folder, program.ini(port, backend(named("one")).port))
    for place in (os.path.dirname(folder), os.path.dirname(binary)):    # the way there
        while place != "/":
            os.chmod(place, os.stat(place).st_mode | 0o011)
            place = os.path.dirname(place)
    for path in (folder, config):
        os.chown(path, owner, owner)
    running = gateway(None, folder=folder, arguments=["run", "-c", config], wrap=wrap, binary=binary, wait=False)
    before, names = rights(running.pid), below(running)
    children = sorted(str(rights(pid)) for pid in procs.children(running.pid))
    for _ in range(2):
        upgraded(running)
        settled(running, names)
        assert rights(running.pid) == before
        assert sorted(str(rights(pid)) for pid in procs.children(running.pid)) == children
        assert body(port) == b"one"
    assert before["NoNewPrivs"] == "1"
    if how == "user that may bind":
        assert int(before["CapEff"], 16) == 1 << 10


def test_log_files(gateway, backend, port, binary, folders):
    """The pipes stay: no line of an old worker is lost, and the new logger writes where the new configuration says."""
    where = folders()
    os.chmod(where, 0o777)
    behind = backend(websocket_or_one)

    def text(name):
        return program.ini(port, behind.port, route="upgrade = websocket", log=f"access = {where}/{name}")
    running = gateway(text("one.log"), binary=binary)
    web = tunnel(port)
    for _ in range(50):
        assert body(port) == b"one"
    program.write_config(running.folder, text("two.log"))
    upgraded(running)
    for _ in range(50):
        assert body(port) == b"one"
    web.close()

    def lines(name):
        with open(f"{where}/{name}", encoding="ascii") as file:
            return file.read().splitlines()
    assert procs.wait_for(lambda: len(lines("one.log") + lines("two.log")) == 101, 10 * program.SLOW)
    assert len(lines("one.log")) == 50 and '"status":101' in "".join(lines("two.log"))


def test_supervisor_is_told(gateway, backend, port, binary, folders):
    place = folders() + "/notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as told:
        told.bind(place)
        told.settimeout(30 * program.SLOW)

        def until(what):
            said = []
            while not said or what not in said[-1]:
                said.append(told.recv(4096).decode())
            return said
        running = gateway(program.ini(port, backend(named("one")).port), binary=binary, env={"NOTIFY_SOCKET": place})
        until("READY=1")
        running.signal(signal.SIGUSR2)
        said = until("READY=1")
        assert "RELOADING=1" in said[0] and "MONOTONIC_USEC=" in said[0] and "serving with" in said[-1]
        os.unlink(binary)
        running.signal(signal.SIGUSR2)
        said = until("READY=1")
        assert "RELOADING=1" in said[0] and "upgrade refused" in said[-1]


# ---- under load


def under_load(gateway, backend, port, ca, binary, rounds, sockets):
    behind = backend(websocket_or_one)
    plain = program.free_port()
    text = program.ini(port, behind.port, tls=[ca.leaf("example.com", "www.example.com")], workers=2, route="upgrade = websocket",
                       gateway="max_connections = 2000") + f"[listener:plain]\nbind = 127.0.0.1:{plain}\n"
    running = gateway(text, binary=binary)
    tls = wire.context(ca.cert)
    names = below(running)
    loads = [Load(plain), Load(port, tls)]
    for i in range(rounds):
        webs = [tunnel(port, tls) if k % 2 else tunnel(plain) for k in range(sockets)]
        for k in range(2):              # twice while they are open
            install(binary, b"0.%d.%d" % (i % 10, k))
            upgraded(running)
            assert all(echoes(web) for web in webs)
        for web in webs:
            web.close()
        settled(running, names)
    for load in loads:
        load.end()
    settled(running, names)


def test_under_load(gateway, backend, port, ca, binary):
    under_load(gateway, backend, port, ca, binary, rounds=1, sockets=6)


@pytest.mark.long
def test_under_load_for_long(gateway, backend, port, ca, binary):
    under_load(gateway, backend, port, ca, binary, rounds=20, sockets=100)
