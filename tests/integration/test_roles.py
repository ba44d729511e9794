"""The processes beside the workers: who holds a key, who dies without anybody noticing (issue "a taken-over worker gains
nothing", must show 3 and 4)."""
import json
import os
import re
import signal
import ssl
import threading
import time

import pytest

import ca as authority
import gateway as program
import procs
import wire
from test_websocket import ASK, echoing
from wire import Client, answer, request

V12, V13 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3


def script(conn):
    """An echoing WebSocket, or short answers."""
    got = conn.read_head()
    if got is None:
        return
    if "Upgrade" in got:
        conn.reader.buffer[0:0] = got.head
        echoing(conn)
        return
    while got is not None:
        conn.send(answer(body=b"ok"))
        got = conn.read_request()


@pytest.fixture(scope="module")
def pair(ca):
    return [ca.leaf("example.com", "www.example.com"), ca.leaf("example.com", "www.example.com", kind="rsa")]


def role(running, name):
    """The pid of keeper, dialer...; waits for it."""
    def find():
        return [pid for pid in procs.children(running.pid) if b"sallyport: " + name.encode() in running.name_of(pid)
                and procs.is_alive(pid)]
    found = procs.wait_for(find, 5 * program.SLOW)
    assert len(found) == 1, (name, found)
    return found[0]


def test_names(serve):
    running, _, _ = serve(workers=2)
    names = {running.name_of(pid).split(b"\0")[0].decode() for pid in procs.children(running.pid)}
    assert names == {"sallyport: logger", "sallyport: keeper", "sallyport: dialer", "sallyport: monitor",
                     "sallyport: worker 1", "sallyport: worker 2"}


def ecdsa_only(context):
    context.set_ciphers("ECDHE-ECDSA-AES128-GCM-SHA256")
    return context


def rsa_only(context):
    context.set_ciphers("ECDHE-RSA-AES128-GCM-SHA256")
    return context


@pytest.mark.parametrize("version", [V12, V13])
@pytest.mark.parametrize("kind", [0, 1])
def test_handshakes(serve, pair, ca, version, kind):
    """TLS 1.2 and 1.3, ECDSA and RSA: each signed by the keeper."""
    _, _, port = serve(tls=[pair[kind]])
    for _ in range(5):
        with Client(port, wire.context(ca.cert, version, version), "example.com") as client:
            assert client.ask().status == 200
            assert client.sock.version() == {V12: "TLSv1.2", V13: "TLSv1.3"}[version]


def test_both_certificates(serve, pair, ca):
    """The client's choice decides which of the two keys is asked."""
    _, _, port = serve(tls=pair)
    for choose, want in ((ecdsa_only, "ECDHE-ECDSA"), (rsa_only, "ECDHE-RSA")):
        with Client(port, choose(wire.context(ca.cert, V12, V12)), "example.com") as client:
            assert client.ask().status == 200
            assert client.sock.cipher()[0].startswith(want)


# --- where keys are ---

def private_numbers(path):
    """What nobody but the keeper may hold: the scalar or prime in both byte orders, and lines of the PEM text."""
    text = authority.openssl("pkey", "-in", path, "-noout", "-text").decode()
    found = []
    for name in ("priv", "prime1", "privateExponent"):
        block = re.search(rf"^{name}:\n((?: +[0-9a-f:]+\n)+)", text, re.M)
        if block:
            number = bytes.fromhex(re.sub(r"[^0-9a-f]", "", block.group(1))).lstrip(b"\0")
            found += [number[:32], number[-32:][::-1], number[-32:]]
            break
    assert found
    with open(path, encoding="ascii") as file:
        lines = [line.strip() for line in file if not line.startswith("-")]
    found.append(lines[1].encode())
    return found


def count_in(pid, needles):
    """How often any of them stands in the memory of a process."""
    count = [0] * len(needles)
    with open(f"/proc/{pid}/maps", encoding="ascii") as maps, open(f"/proc/{pid}/mem", "rb", 0) as mem:
        for line in maps:
            span, rights = line.split()[:2]
            if "r" not in rights or line.rstrip().endswith(("[vvar]", "[vsyscall]")):
                continue
            start, end = (int(part, 16) for part in span.split("-"))
            if end - start > 1 << 30:
                continue                # the sanitizers' shadow
            try:
                mem.seek(start)
                data = mem.read(end - start)
            except OSError:
                continue
            for i, needle in enumerate(needles):
                count[i] += data.count(needle)
    return count


@pytest.mark.skipif(os.geteuid() != 0, reason="reads the memory of processes that cannot be dumped")
def test_keys_are_the_keepers_alone(serve, pair, ca):
    running, _, port = serve(tls=pair, workers=2)
    needles = [needle for leaf in pair for needle in private_numbers(leaf.key)]
    stop = threading.Event()

    def load(choose, version):
        while not stop.is_set():
            with Client(port, choose(wire.context(ca.cert, version, version)), "example.com") as client:
                assert client.ask().status == 200
    threads = [threading.Thread(target=load, args=(choose, version)) for choose in (ecdsa_only, rsa_only)
               for version in (V12, V13)]
    for thread in threads:
        thread.start()
    try:
        for turn in range(2):           # the second time with a keeper that was started anew
            time.sleep(0.3)
            keeper = role(running, "keeper")
            everybody = procs.tree(running.pid)
            assert everybody[0] == running.pid and len(everybody) >= 1 + 3 + 2       # the master, the roles, the workers
            for pid in everybody:
                found = count_in(pid, needles)
                if pid != keeper:
                    assert not any(found), (running.name_of(pid), found)
                else:
                    assert sum(found[:3]) > 0 and sum(found[4:7]) > 0, found
                    assert found[3] == found[7] == 0, ("PEM text left", found)
            if turn == 0:
                os.kill(keeper, signal.SIGKILL)
    finally:
        stop.set()
        for thread in threads:
            thread.join(20)
    for name in procs.descriptors(role(running, "keeper")):
        assert not os.readlink(f"/proc/{role(running, 'keeper')}/fd/{name}").endswith(".key")
    for worker in running.workers():
        links = procs.links(worker)
        assert not [link for link in links if link.endswith(".key")]


# --- who may die ---

def under_load(running, port, tls, victim, kills=3):
    """WebSockets and kept connections stay, handshakes and requests go on, while a role is killed. What failed."""
    tunnels = [Client(port, tls, "example.com") for _ in range(10)]
    for client in tunnels:
        client.send(request(fields=ASK))
        assert client.reader.head().status == 101
    kept = [Client(port, tls, "example.com") for _ in range(10)]
    stop, failures, done = threading.Event(), [], [0]

    def load():
        while not stop.is_set():
            try:
                with Client(port, tls, "example.com") as client:
                    assert client.ask().status == 200
                    done[0] += 1
            except (OSError, wire.Cut, AssertionError) as error:
                failures.append(repr(error))
    threads = [threading.Thread(target=load) for _ in range(8)]
    for thread in threads:
        thread.start()
    died = []
    for _ in range(kills):
        time.sleep(0.5)
        died.append(role(running, victim))
        os.kill(died[-1], signal.SIGKILL)
        assert procs.wait_for(lambda: role(running, victim) not in died, 5 * program.SLOW)
    time.sleep(0.5)
    stop.set()
    for thread in threads:
        thread.join(30)
    for i, client in enumerate(tunnels):
        client.send(b"still here %d" % i)
        assert client.reader.exactly(len(b"still here %d" % i)) == b"still here %d" % i
        client.close()
    for client in kept:
        assert client.ask().status == 200
        client.close()
    assert done[0] > 50
    return failures


@pytest.mark.parametrize("victim", ["keeper", "monitor"])
def test_a_role_killed_under_load(gateway, backend, port, pair, ca, victim):
    """What a keeper was asked is asked of its successor: not even a handshake fails. A monitor nobody misses."""
    running = gateway(program.ini(port, backend(script).port, tls=pair, workers=2, route="upgrade = websocket"))
    workers = running.workers()
    assert under_load(running, port, wire.context(ca.cert), victim) == []
    assert running.workers() == workers


def test_dialer_killed_under_load(gateway, backend, port, pair, ca):
    """Each request on a connection of its own to the backend: those that were asked for are asked for anew."""
    running = gateway(program.ini(port, backend(script).port, tls=pair, workers=2, route="upgrade = websocket",
                                  pool="keepalive = 0"))
    workers = running.workers()
    assert under_load(running, port, wire.context(ca.cert), "dialer") == []
    assert running.workers() == workers


def test_dialer_stopped(gateway, backend, port):
    """One that does not answer: connect_timeout, then 504; what has a connection goes on."""
    running = gateway(program.ini(port, backend(script).port, pool="connect_timeout = 300ms\nretries = 0\nkeepalive = 0",
                                  route="upgrade = websocket"))
    with Client(port) as client, Client(port) as tunnel:
        tunnel.send(request(fields=ASK))
        assert tunnel.reader.head().status == 101
        dialer = role(running, "dialer")
        os.kill(dialer, signal.SIGSTOP)
        try:
            assert client.ask().status == 504
            tunnel.send(b"still here")
            assert tunnel.reader.exactly(10) == b"still here"
        finally:
            os.kill(dialer, signal.SIGCONT)
        assert client.ask().status == 200


def test_sockets_are_the_dialers(serve):
    """It keeps none of those that it made."""
    running, _, port = serve(workers=1)
    dialer = role(running, "dialer")

    def ask_and_count(times):
        for _ in range(times):
            with Client(port) as client:
                assert client.ask().status == 200
        return len(procs.descriptors(dialer))
    least = ask_and_count(1)
    # Neither the first nor the last look need be at rest: one that is, behind twenty more, is what it was at first.
    assert procs.wait_for(lambda: ask_and_count(20) <= least, 20 * program.SLOW), procs.links(dialer)


# --- logs ---

def lines_of(path):
    """Whole ones: the logger may be in the middle of a write."""
    with open(path, encoding="ascii") as file:
        return [json.loads(line)["path"] for line in file.read().split("\n")[:-1]]


def test_logger_killed_under_load(gateway, backend, port, folders):
    """Nobody waits for it; what stands in the pipes is its successor's, and every line is whole."""
    where = folders("log")
    path = os.path.join(where, "access.log")
    running = gateway(program.ini(port, backend(script).port, log=f"access = {path}\nerror = {where}/error.log", workers=2))
    asked = 0
    with Client(port) as client:
        for turn in range(3):
            for _ in range(100):
                assert client.ask(target=f"/{asked}").status == 200
                asked += 1
            os.kill(role(running, "logger"), signal.SIGKILL)
            for _ in range(100):
                assert client.ask(target=f"/{asked}").status == 200
                asked += 1
            role(running, "logger")
            time.sleep(0.1 + 0.2 * turn)
    assert procs.wait_for(lambda: f"/{asked - 1}" in lines_of(path), 5 * program.SLOW)
    got = lines_of(path)
    assert got == sorted(set(got), key=lambda name: int(name[1:])) and len(got) > asked * 0.9, (len(got), asked)
    with open(f"{where}/error.log", encoding="ascii") as file:
        assert file.read().count("event=role_died") == 3


def test_logger_stopped(gateway, backend, port, folders):
    """More lines than pipe and buffers hold: requests go on, and the lines that are missing were counted."""
    path = os.path.join(folders("log"), "access.log")
    running = gateway(program.ini(port, backend(script).port, log=f"access = {path}",
                                  listener="max_requests_per_connection = 100000"))
    count, long = 1000, "x" * 2000
    logger = role(running, "logger")
    os.kill(logger, signal.SIGSTOP)
    try:
        with Client(port) as client:
            for i in range(count):
                assert client.ask(target=f"/{long}{i}").status == 200
    finally:
        os.kill(logger, signal.SIGCONT)
    with Client(port) as client:
        assert procs.wait_for(lambda: client.ask(target="/behind") and "/behind" in lines_of(path), 10 * program.SLOW)
    dropped = [re.search(r"dropped=(\d+)", line) for line in running.events("access_log_dropping")]
    got = [name for name in lines_of(path) if name != "/behind"]
    assert len(got) == len(set(got))
    assert len(got) == count or dropped, "missing lines are counted"


def test_only_the_logger_has_files(gateway, backend, port, folders):
    where = folders("log")
    running = gateway(program.ini(port, backend(script).port, log=f"access = {where}/access.log\nerror = {where}/error.log"))
    logger = role(running, "logger")

    def files(pid):
        return {link for link in procs.links(pid, above=2) if link.startswith("/") and "memfd" not in link}
    for pid in procs.children(running.pid):
        wanted = {f"{where}/access.log", f"{where}/error.log"} if pid == logger else set()
        procs.wait_for(lambda pid=pid, wanted=wanted: files(pid) == wanted, 5)
        assert files(pid) == wanted, running.name_of(pid)


def test_keeper_stopped(gateway, backend, port, pair, ca):
    """One that does not answer: handshakes fail at their deadline, what is established goes on."""
    running = gateway(program.ini(port, backend(script).port, tls=pair))
    tls = wire.context(ca.cert)
    kept = Client(port, tls, "example.com")
    assert kept.ask().status == 200
    keeper = role(running, "keeper")
    os.kill(keeper, signal.SIGSTOP)
    try:
        with pytest.raises((ssl.SSLError, OSError)):
            Client(port, tls, "example.com")
        assert kept.ask().status == 200
    finally:
        os.kill(keeper, signal.SIGCONT)
    kept.close()
    with Client(port, tls, "example.com") as client:
        assert client.ask().status == 200


def test_a_broken_key_does_not_start(gateway, backend, port, pair, folders):
    """Found before anything is bound, and said as `check` says it."""
    text = program.ini(port, backend().port, tls=[authority.Leaf(pair[0].chain, pair[1].key)])
    path = program.write_config(folders(), text)
    code, _, err = program.command("run", "-c", path)
    assert code == 78 and "the private key does not belong to the certificate" in err
