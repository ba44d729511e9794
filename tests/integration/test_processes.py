"""Master and workers: deaths, drains and signals, under load (issue "the gate opens", must show 3)."""
import json
import os
import random
import signal
import socket
import stat
import threading
import time

import pytest

import backends
import gateway as program
import procs
import wire
from wire import Client, answer, request

OK = backends.always(answer(body=b"ok"))


def begin(make, backend, port, script=OK, workers=2, clean=True, env=None, wait=True, **parts):
    behind = backend(script)
    return make(program.ini(port, behind.port, workers=workers, **parts), clean=clean, env=env, wait=wait), behind


def test_a_killed_worker_takes_only_its_own(gateway, backend, port):
    running, _ = begin(gateway, backend, port)
    clients = [Client(port) for _ in range(60)]
    for client in clients:
        assert client.ask().body == b"ok"
    victim = running.workers()[0]
    owned = procs.peers(victim, port)
    assert 0 < len(owned) < 60
    os.kill(victim, signal.SIGKILL)
    broken = set()
    for client in clients:
        mine = client.sock.getsockname()[1]
        try:
            assert client.ask().body == b"ok"
        except (wire.Cut, OSError):
            broken.add(mine)
    assert broken == owned
    assert procs.wait_for(lambda: len([pid for pid in running.workers() if procs.is_alive(pid)]) == 2, 3)
    assert victim not in running.workers()
    for client in clients:
        client.close()
    assert running.events("worker_died") or "signal" in running.err() or "died" in running.err()


def test_a_killed_worker_under_load(gateway, backend, port):
    """Clients that go on: each failure belongs to a connection that the dead worker had."""
    running, _ = begin(gateway, backend, port)
    stop, failures, done = threading.Event(), [], [0]

    def load():
        client = None
        while not stop.is_set():
            try:
                if client is None:
                    client = Client(port)
                if client.ask().get("Connection", "").lower() == "close":
                    client.close()
                    client = None
                done[0] += 1
            except (wire.Cut, OSError) as error:
                failures.append((time.monotonic(), error))
                client = None
        if client:
            client.close()
    threads = [threading.Thread(target=load) for _ in range(16)]
    for thread in threads:
        thread.start()
    time.sleep(0.7)
    killed = time.monotonic()
    os.kill(running.workers()[0], signal.SIGKILL)
    time.sleep(2)
    stop.set()
    for thread in threads:
        thread.join(20)
    assert done[0] > 100
    assert all(killed - 0.05 <= when <= killed + 1.0 for when, _ in failures), failures
    assert len(failures) <= 2 * 16, len(failures)


def test_term_loses_nothing_that_had_begun(gateway, backend, port):
    """Requests that the backend holds when TERM comes are all answered, whole; then the gateway is gone with 0."""
    gate = threading.Event()

    def script(conn):
        while (got := conn.read_request()) is not None:
            conn.send(b"HTTP/1.1 200 OK\r\nContent-Length: 300000\r\n\r\n" + b"a" * 100000)
            gate.wait(10)
            conn.send(b"b" * 200000)
    running, behind = begin(gateway, backend, port, script)
    clients = [Client(port) for _ in range(40)]
    for client in clients[:20]:
        client.send(request())
    for client in clients[20:]:         # half of a body is still to come
        client.send(request("POST", fields=[("Content-Length", "10")]) + b"x" * 5)
    assert procs.wait_for(lambda: len(behind.requests) == 20, 5)
    idle = Client(port)
    idle.send(request(target="/healthz"))
    idle.response()
    running.signal(signal.SIGTERM)
    time.sleep(0.5)
    assert idle.is_closed()
    for client in clients[20:]:
        client.send(b"y" * 5)
    gate.set()
    for client in clients:
        got = client.response()
        assert got.is_complete and len(got.body) == 300000 and got.get("Connection", "").lower() in ("close", "")
        assert client.is_closed()
    assert running.wait(10) == 0
    with pytest.raises(OSError):
        Client(port)


def test_term_under_load(gateway, backend, port):
    """New connections all the time; TERM in the middle. What a backend has seen has been answered."""
    seen = set()

    def script(conn):
        while (got := conn.read_request()) is not None:
            seen.add(got.target)
            time.sleep(random.random() / 50)
            conn.send(answer(body=got.target.encode()))
    running, _ = begin(gateway, backend, port, script)
    stop, answered, lost = threading.Event(), set(), set()

    def load(number):
        for i in range(100000):
            if stop.is_set():
                return
            target = f"/{number}/{i}"
            try:
                with Client(port) as client:
                    got = client.ask(target=target)
                    if got.status == 200 and got.body == target.encode():
                        answered.add(target)
                        continue
            except (wire.Cut, OSError):
                pass
            lost.add(target)
            time.sleep(0.01)
    threads = [threading.Thread(target=load, args=(i,)) for i in range(12)]
    for thread in threads:
        thread.start()
    time.sleep(1)
    running.signal(signal.SIGTERM)
    assert running.wait(15) == 0
    stop.set()
    for thread in threads:
        thread.join(20)
    assert len(answered) > 100
    assert seen <= answered, sorted(seen - answered)


def test_quit_drains_too(gateway, backend, port):
    running, _ = begin(gateway, backend, port)
    running.signal(signal.SIGQUIT)
    assert running.wait(5) == 0


def hanging(conn):
    conn.read_request()
    conn.reader.rest()


def test_drain_is_bounded(gateway, backend, port):
    running, behind = begin(gateway, backend, port, hanging, gateway="drain_timeout = 1s")
    with Client(port) as client:
        client.send(request())
        assert procs.wait_for(lambda: behind.requests, 5)
        began = time.monotonic()
        running.signal(signal.SIGTERM)
        assert running.wait(6) == 0
        assert 0.7 < time.monotonic() - began < 3 * program.SLOW


@pytest.mark.parametrize("first", [signal.SIGINT, signal.SIGTERM])
def test_int_or_a_second_term_stops_now(gateway, backend, port, first):
    running, behind = begin(gateway, backend, port, hanging)
    with Client(port) as client:
        client.send(request())
        assert procs.wait_for(lambda: behind.requests, 5)
        began = time.monotonic()
        running.signal(first)
        if first == signal.SIGTERM:
            time.sleep(0.5)
            assert running.process.poll() is None
            running.signal(signal.SIGTERM)
        assert running.wait(3) is not None
        assert time.monotonic() - began < 2 * program.SLOW


def test_restarts_back_off(gateway, backend, port):
    """A worker that dies as soon as it lives does not spin the machine; the other serves meanwhile."""
    running, _ = begin(gateway, backend, port)
    keep = running.workers()[1]
    killed, end = 0, time.monotonic() + 4
    while time.monotonic() < end:
        for pid in running.workers():
            if pid != keep and procs.is_alive(pid):
                try:
                    os.kill(pid, signal.SIGKILL)
                    killed += 1
                except ProcessLookupError:
                    pass
        time.sleep(0.01)
    assert 2 <= killed <= 20, killed
    good = 0
    for _ in range(20):
        try:
            with Client(port) as client:
                good += client.ask().status == 200
        except (wire.Cut, OSError):
            pass
    assert good == 20, "in a back-off all new clients go to those who live"
    assert procs.wait_for(lambda: len([pid for pid in running.workers() if procs.is_alive(pid)]) == 2, 15)


def test_if_the_master_dies_all_die(gateway, backend, port):
    running, _ = begin(gateway, backend, port, clean=False)
    below = procs.tree(running.pid)[1:]
    running.process.kill()
    running.process.wait()
    assert procs.wait_for(lambda: not any(procs.is_alive(pid) for pid in below), 2)
    with pytest.raises(OSError):
        Client(port)


def test_a_dirty_parent(gateway, backend, port, folders):
    """Descriptors, umask and environment of whoever starts us do not reach the workers."""
    behind = backend(OK)
    with open(os.path.join(folders(), "secret"), "wb") as secret:
        os.set_inheritable(secret.fileno(), True)
        running = gateway(program.ini(port, behind.port), pass_fds=(secret.fileno(),), wrap=["sh", "-c", 'umask 0; exec "$0" "$@"'],
                          env={"LD_BIND_NOT": "1", "SECRET": "sesame"})
        for pid in running.workers():
            links = procs.links(pid)
            assert secret.name not in links
    with Client(port) as client:
        assert client.ask().status == 200


class Supervisor:
    """A service manager's notify socket: what was said so far, a list of dicts."""

    def __init__(self, folder):
        self.path = os.path.join(folder, "notify")
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.sock.bind(self.path)
        self.said = []

    def hears(self, key, value=None, timeout=10.0):
        """The next message with that key; what comes before it is kept in .said."""
        self.sock.settimeout(timeout * program.SLOW)
        while True:
            text = self.sock.recv(4096).decode("ascii")
            self.said.append(dict(line.split("=", 1) for line in text.splitlines()))
            if key in self.said[-1] and value in (None, self.said[-1][key]):
                return self.said[-1]


@pytest.fixture
def supervisor(folders):
    made = Supervisor(folders())
    yield made
    made.sock.close()


def test_notify(gateway, backend, port, supervisor):
    """Ready when every worker serves, not before; stopping when it drains; a status in words each time."""
    running, _ = begin(gateway, backend, port, env={"NOTIFY_SOCKET": supervisor.path}, workers=3)
    ready = supervisor.hears("READY", "1")
    assert len(supervisor.said) == 1 and "3 workers" in ready["STATUS"]
    assert procs.wait_for(lambda: len(running.events("worker_ready")) == 3, 5)       # the logger writes it a moment later
    running.signal(signal.SIGTERM)
    assert "draining" in supervisor.hears("STOPPING", "1")["STATUS"]
    assert running.wait(5) == 0


def test_notify_of_a_reload(gateway, backend, port, supervisor):
    """Who waits for the reload is told that it began and that it is over; what serves goes on."""
    running, _ = begin(gateway, backend, port, env={"NOTIFY_SOCKET": supervisor.path})
    supervisor.hears("READY")
    before = time.monotonic() * 1e6
    running.signal(signal.SIGHUP)
    said = supervisor.hears("RELOADING", "1")
    assert before - 1e5 <= int(said["MONOTONIC_USEC"]) <= time.monotonic() * 1e6
    assert "generation 2" in supervisor.hears("READY", "1")["STATUS"]
    with Client(port) as client:
        assert client.ask().status == 200
    program.write_config(running.folder, "nonsense\n")
    running.signal(signal.SIGHUP)
    supervisor.hears("RELOADING", "1")
    assert "refused" in supervisor.hears("READY", "1")["STATUS"]


def test_notify_stopping_at_once(gateway, backend, port, supervisor):
    running, _ = begin(gateway, backend, port, env={"NOTIFY_SOCKET": supervisor.path})
    supervisor.hears("READY")
    running.signal(signal.SIGINT)
    assert "STATUS" in supervisor.hears("STOPPING", "1")
    assert running.wait(5) == 0


def test_notify_never_ready_when_it_cannot_start(gateway, backend, supervisor):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen(1)
        running, _ = begin(gateway, backend, taken.getsockname()[1], clean=False, env={"NOTIFY_SOCKET": supervisor.path}, wait=False)
        assert running.wait(5) == 1
    supervisor.sock.settimeout(0.2)
    with pytest.raises(TimeoutError):
        supervisor.hears("READY", timeout=0.2)


def test_watchdog(gateway, backend, port, supervisor):
    """Said at half of the time that the service manager gives; not said any more by a master that hangs."""
    running, _ = begin(gateway, backend, port, clean=False,
                       env={"NOTIFY_SOCKET": supervisor.path, "WATCHDOG_USEC": "600000"})
    supervisor.hears("READY")
    supervisor.hears("WATCHDOG", "1")
    began = time.monotonic()
    for _ in range(4):
        supervisor.hears("WATCHDOG", "1", timeout=0.6)
    assert 0.9 < time.monotonic() - began < 1.6 * program.SLOW
    running.signal(signal.SIGSTOP)
    try:
        time.sleep(0.1)
        with pytest.raises(TimeoutError):
            while True:
                supervisor.hears("WATCHDOG", timeout=0.9)
    finally:
        running.signal(signal.SIGCONT)
    supervisor.hears("WATCHDOG", "1")


def test_no_watchdog_unasked(gateway, backend, port, supervisor):
    begin(gateway, backend, port, env={"NOTIFY_SOCKET": supervisor.path, "WATCHDOG_USEC": "200000", "WATCHDOG_PID": "1"})
    supervisor.hears("READY")
    with pytest.raises(TimeoutError):
        supervisor.hears("WATCHDOG", timeout=0.5)


def test_reopened_logs_lose_nothing(gateway, backend, port, folders):
    """USR1 again and again under load, as logrotate does it: every request has its line in exactly one file."""
    where = folders("log")
    path = os.path.join(where, "access.log")
    running, _ = begin(gateway, backend, port, log=f"access = {path}\nerror = {where}/error.log", workers=3,
                       listener="max_requests_per_connection = 1000000")
    stop, asked = threading.Event(), [0] * 6

    def load(number):
        with Client(port) as client:
            while not stop.is_set():
                assert client.ask(target=f"/{number}/{asked[number]}").status == 200
                asked[number] += 1
    threads = [threading.Thread(target=load, args=(i,)) for i in range(len(asked))]
    for thread in threads:
        thread.start()
    for turn in range(8):
        time.sleep(0.05)
        for name in ("access.log", "error.log"):
            os.rename(f"{where}/{name}", f"{where}/{name}.{turn}")
        running.signal(signal.SIGUSR1)
        assert procs.wait_for(lambda: os.path.exists(path) and os.path.exists(f"{where}/error.log"), 5)
    procs.wait_for(lambda: os.path.getsize(path) > 0, 10)      # a worker of a busy machine takes the new file late
    stop.set()
    for thread in threads:
        thread.join(20)
    running.signal(signal.SIGTERM)
    assert running.wait(10) == 0
    lines = []
    for name in os.listdir(where):
        if name.startswith("access"):
            with open(f"{where}/{name}", encoding="ascii") as file:
                lines += [json.loads(line)["path"] for line in file]
    assert len(lines) == len(set(lines)), "twice"
    wanted = {f"/{number}/{i}" for number, count in enumerate(asked) for i in range(count)}
    assert wanted == set(lines), (len(wanted), len(lines))
    assert sum(asked) > 200
    with open(path, encoding="ascii") as file:
        assert file.read(), "the last file is in use"
    assert stat.S_IMODE(os.stat(path).st_mode) & 0o007 == 0
    assert running.workers() == []


def test_descriptors_and_memory_come_back(gateway, backend, port):
    """After aborted, half-closed and finished clients: as many descriptors as before."""
    running, _ = begin(gateway, backend, port, workers=1)
    worker = running.workers()[0]
    with Client(port) as client:
        client.ask()
    before = len(procs.descriptors(worker))
    for turn in range(5):
        clients = [Client(port) for _ in range(60)]
        for i, client in enumerate(clients):
            if i % 4 == 0:
                client.send(b"GET / HTT")
            elif i % 4 == 1:
                client.send(request())
            elif i % 4 == 2:
                client.send(request("POST", fields=[("Content-Length", "100")]) + b"x")
        for i, client in enumerate(clients):
            client.reset() if i % 2 else client.close()
    assert procs.wait_for(lambda: len(procs.descriptors(worker)) <= before + 1, 8), procs.descriptors(worker)
    with Client(port) as client:
        assert client.ask().status == 200
