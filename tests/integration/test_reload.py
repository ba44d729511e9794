"""HUP reloads in place (spec 8): all of the new configuration or nothing of it, and nobody who is connected notices."""
import os
import random
import re
import shutil
import signal
import ssl
import threading
import time

import pytest

import backends
import ca as authority
import gateway as program
import procs
import wire
from test_websocket import ASK, echoing
from wire import Client, answer, request

OUTCOMES = ("reload_done", "reload_refused")


def outcomes(running):
    return [line for line in running.err().splitlines() if re.search(r"event=reload_(done|refused) ", line)]


def wait_outcome(running, before, timeout=30):
    """The next outcome behind that many: "done" or "refused", and what was said since."""
    assert procs.wait_for(lambda: len(outcomes(running)) > before, timeout * program.SLOW), running.err()[-3000:]
    line = outcomes(running)[before]
    how = re.search(r"event=reload_(\w+)", line).group(1)
    last = "reload_says" if how == "done" else "nothing was changed"        # its reasons are written a moment later
    procs.wait_for(lambda: last in running.err().partition(line)[2], 1)
    return how, running.err().partition(line)[2]


def reload(running, text=None):
    before = len(outcomes(running))
    if text is not None:
        program.write_config(running.folder, text)
    running.signal(signal.SIGHUP)
    return wait_outcome(running, before)


def done(running, text=None):
    how, said = reload(running, text)
    assert how == "done", said
    return said


def refused(running, text=None):
    how, said = reload(running, text)
    assert how == "refused", said
    return said


def named(text):
    return backends.always(answer(body=text.encode()))


def body(port, target="/", host="example.com", tls=None):
    with Client(port, tls, host if tls else None) as client:
        return client.ask(target=target, host=host).body


def status(port, target="/", host="example.com"):
    with Client(port) as client:
        return client.ask(target=target, host=host).status


def below(running):
    """Its processes: what each calls itself."""
    return sorted(running.name_of(pid).split(b"\0")[0] for pid in procs.tree(running.pid)[1:])


def settled(running, names):
    assert procs.wait_for(lambda: below(running) == names, 10 * program.SLOW), (below(running), names)


# ---- routes, pools, listeners


def test_routes_and_pools(gateway, backend, port):
    first, second = backend(named("one")), backend(named("two"))
    running = gateway(program.ini(port, first.port, workers=2))
    names = below(running)
    workers = running.workers()
    assert body(port) == b"one"
    said = done(running, program.ini(port, second.port, workers=2, more="[route:new]\npath = /new\nrespond = 204\n"))
    assert "+ [route:new]" in said and f"backend = 127.0.0.1:{second.port}" in said
    assert body(port) == b"two" and status(port, "/new") == 204
    done(running, program.ini(port, first.port, workers=2))
    assert body(port) == b"one" and status(port, "/new") == 200
    assert running.access(5)[-1]["gen"] == 3
    assert running.workers() == workers
    settled(running, names)


def test_egress_rules_are_those_of_the_new_one(gateway, backend, port):
    behind = backend(named("one"))
    other = backend(named("two"))
    running = gateway(program.ini(port, behind.port, egress=f"127.0.0.1:{behind.port}"))
    assert body(port) == b"one"
    done(running, program.ini(port, other.port, egress=f"127.0.0.1:{other.port}"))
    assert body(port) == b"two"


def test_listeners_come_and_go(gateway, backend, port, folders):
    behind = backend(named("one"))
    more, folder = program.free_port(), folders()
    text = program.ini(port, behind.port, workers=2)
    both = text + f"[listener:more]\nbind = 127.0.0.1:{more}, unix:{folder}/s\n"
    running = gateway(text)
    done(running, both)
    for _ in range(8):                  # each worker has a socket of its own
        assert body(more) == b"one"
    assert body(f"{folder}/s") == b"one"
    with Client(more) as client, Client(port) as other:
        assert client.ask().status == 200 and other.ask().status == 200
        done(running, text)
        got = client.ask()
        assert got.status == 200 and got.get("Connection") == "close" and client.is_closed(5)
        got = other.ask()
        assert got.status == 200 and got.get("Connection") != "close"
    with pytest.raises(OSError):
        Client(more)
    assert not os.path.exists(f"{folder}/s")
    done(running, both)
    assert body(more) == b"one" and body(f"{folder}/s") == b"one" and body(port) == b"one"


def test_a_listener_keeps_its_socket_under_another_name(gateway, backend, port):
    behind = backend(named("one"))
    text = program.ini(port, behind.port)
    running = gateway(text)
    done(running, text.replace("[listener:main]", "[listener:other]\nmethods = GET"))
    with Client(port) as client:
        assert client.ask("POST", body=b"x").status == 405
    assert running.access(1)[-1]["listener"] == "other"


def test_a_listeners_own_keys(gateway, backend, port):
    behind = backend(named("one"))
    running = gateway(program.ini(port, behind.port))
    with Client(port) as client:
        assert client.ask(target="/" + "a" * 3000).status == 200
        done(running, program.ini(port, behind.port, listener="uri_max = 2k"))
        assert client.ask().status == 200
        assert client.ask(target="/" + "a" * 3000).status == 414


def test_max_connections_stays_counted(gateway, backend, port):
    behind = backend(named("one"))
    text = program.ini(port, behind.port, listener="max_connections = 3")
    running = gateway(text)
    with Client(port) as one, Client(port) as two:
        assert one.ask().status == 200 and two.ask().status == 200
        done(running, text + f"[listener:zz]\nbind = 127.0.0.1:{program.free_port()}\n")
        with Client(port) as three:
            assert three.ask().status == 200
            with Client(port) as four:
                four.send(request())
                assert four.is_quiet(0.5)
            assert one.ask().status == 200


def test_access_log_on_and_off(gateway, backend, port, folders):
    behind = backend(named("one"))
    path = os.path.join(folders(), "access.log")
    running = gateway(program.ini(port, behind.port, log="access = off"))
    assert body(port, "/a") == b"one"
    done(running, program.ini(port, behind.port, log=f"access = {path}\nformat = combined"))
    assert body(port, "/b") == b"one"

    def log():
        with open(path, encoding="ascii") as file:
            return file.read()
    assert procs.wait_for(lambda: "/b" in log(), 5 * program.SLOW) and "/a" not in log()
    program.write_config(running.folder, program.ini(port, behind.port, log="access = stdout\nlevel = warn"))
    running.signal(signal.SIGHUP)
    assert procs.wait_for(lambda: body(port, "/c") and "/c" in running.out(), 5 * program.SLOW)
    assert body(port, "/d") == b"one" and procs.wait_for(lambda: "/d" in running.out(), 5 * program.SLOW)
    assert "/d" not in log()
    assert len(running.events("reload_done", 1)) == 1      # the second one is not logged: it is of level info


def test_challenges_are_those_of_the_new_one(gateway, backend, port, folders):
    root = folders()
    os.makedirs(f"{root}/.well-known/acme-challenge")
    with open(f"{root}/.well-known/acme-challenge/token", "w", encoding="ascii") as file:
        file.write("the answer")
    behind = backend(named("one"))
    text = program.ini(port, behind.port)
    running = gateway(text)
    done(running, text.replace("[listener:main]", f"[listener:first]\nbind = 127.0.0.1:{program.free_port()}\n"
                               f"[listener:main]\nacme_webroot = {root}"))
    where = "/.well-known/acme-challenge/token"
    assert procs.wait_for(lambda: body(port, where) == b"the answer", 5 * program.SLOW)


# ---- nothing changes


def test_refused_changes_nothing(gateway, backend, port, pytestconfig, folders):
    behind, taken = backend(named("one")), backend()
    good = program.ini(port, behind.port, workers=2, gateway="max_connections = 500")
    running = gateway(good)
    names = below(running)
    pids = procs.tree(running.pid)
    broken = {
        good + "[route:x]\nhost = x\n": "error",
        good.replace("pool = app", "pol = app"): 'unknown key \\"pol\\"',
        good.replace("workers = 2", "workers = 3"): "workers: needs a restart: was 2, is 3",
        good.replace("= 500", "= 501"): "max_connections: needs a restart: was 500, is 501",
        good + f"[listener:t]\nbind = 127.0.0.1:{program.free_port()}\ncert = no.pem\nkey_file = no.key\n": "no.pem",
        good + f"[listener:t]\nbind = 192.0.2.1:{program.free_port()}\n": "bind = 192.0.2.1",
        good + f"[listener:t]\nbind = 127.0.0.1:{taken.port}\n": "in use",
        good.replace("access = stdout", f"access = {folders()}/no/such/folder/log"): "access = ",
    }
    with Client(port) as client:
        for text, why in broken.items():
            said = refused(running, text)
            assert why in said and "nothing was changed, generation 1 keeps running" in said, said
            assert client.ask().body == b"one"
    assert body(port) == b"one"
    settled(running, names)
    assert procs.tree(running.pid) == pids
    done(running, good + "[route:new]\npath = /new\nrespond = 204\n")
    assert status(port, "/new") == 204


def test_the_file_is_away(gateway, backend, port):
    running = gateway(program.ini(port, backend(named("one")).port))
    os.unlink(running.config)
    assert "cannot be opened" in refused(running)
    assert body(port) == b"one"


def test_a_worker_dies_meanwhile(gateway, backend, port):
    """The others have built it, and nobody serves it."""
    text = program.ini(port, backend(named("one")).port, workers=2)
    running = gateway(text)
    names = below(running)
    worker = running.workers()[1]
    os.kill(worker, signal.SIGSTOP)
    program.write_config(running.folder, text + "[route:new]\npath = /new\nrespond = 204\n")
    running.signal(signal.SIGHUP)
    assert procs.wait_for(lambda: len(running.events("role_ready")) == 7, 20 * program.SLOW)
    time.sleep(0.5)
    assert not outcomes(running)
    os.kill(worker, signal.SIGKILL)
    how, said = wait_outcome(running, 0)
    assert how == "refused" and "worker 2 died meanwhile" in said
    assert procs.wait_for(lambda: len(running.events("worker_ready")) == 3, 20 * program.SLOW)
    for _ in range(8):
        assert body(port, "/new") == b"one"
    settled(running, names)
    done(running)
    for _ in range(8):
        assert status(port, "/new") == 204


def test_too_many_sockets_at_once(gateway, backend, port):
    text = program.ini(port, backend(named("one")).port)
    running = gateway(text)
    binds = "".join(f"bind = 127.0.0.1:{program.free_port()}\n" for _ in range(30))
    assert "at most" in refused(running, text + f"[listener:many]\n{binds}")


# ---- who is connected stays


def test_keepalive_websocket_and_a_running_answer(gateway, backend, port):
    go = threading.Event()

    def script(conn):
        got = conn.read_head()
        while got is not None:
            if "Upgrade" in got:
                conn.reader.buffer[:0] = got.head
                echoing(conn)
                return
            if got.target == "/slow":
                conn.send(b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nhalf")
                go.wait(20)
                conn.send(b"half")
            else:
                conn.send(answer(body=b"ok"))
            got = conn.read_head()
    behind = backend(script)
    text = program.ini(port, behind.port, route="upgrade = websocket")
    running = gateway(text)
    with Client(port) as idle, Client(port) as web, Client(port) as slow, Client(port) as half:
        assert idle.ask().status == 200
        web.send(request(fields=ASK))
        assert web.reader.head().status == 101
        slow.send(request(target="/slow"))
        assert slow.reader.head().status == 200
        half.send(b"GET /half HTTP/1.1\r\nHo")
        time.sleep(0.2)
        done(running, text + "[route:new]\npath = /new\nrespond = 204\n")
        done(running, text.replace("pool = app", f"to = 127.0.0.1:{behind.port}") +
             "[route:new]\npath = /new\nrespond = 204\n")
        half.send(b"st: example.com\r\n\r\n")
        assert half.response().status == 200
        assert idle.ask(target="/new").status == 204
        web.send(b"still here")
        assert web.reader.exactly(10) == b"still here"
        go.set()
        assert slow.reader.exactly(8) == b"halfhalf"
        assert slow.ask(target="/new").status == 204
    gens = {line["path"]: line["gen"] for line in running.access(6)}
    assert gens["/slow"] == 1 and gens["/half"] == 3


def test_connections_of_a_pool_that_did_not_change_stay(gateway, backend, port):
    behind = backend(named("one"))
    text = program.ini(port, behind.port, pool="backend_idle = 60s")
    running = gateway(text)
    assert body(port) == b"one"
    done(running, text + "[route:new]\npath = /new\nrespond = 204\n")
    assert body(port) == b"one" and len(behind.conns) == 1
    done(running, text.replace("backend_idle = 60s", "backend_idle = 50s"))
    assert body(port) == b"one" and len(behind.conns) == 2


def test_a_pool_that_goes_serves_what_runs(gateway, backend, port):
    """A retry after its pool has gone asks today's dialer by the address, which has another number there."""
    go, seen = threading.Event(), []

    def script(conn):
        got = conn.read_request()
        if got is None:
            return
        seen.append(got.target)
        if len(seen) == 1:
            go.wait(20)
            conn.reset()
            return
        conn.send(answer(body=b"again"))
    behind = backend(script)
    text = program.ini(port, behind.port)
    running = gateway(text)
    with Client(port) as client:
        client.send(request())
        assert procs.wait_for(lambda: seen, 5 * program.SLOW)
        done(running, text.replace("[pool:app]", f"[pool:aa]\nbackend = 127.0.0.1:{program.free_port()}\n[pool:app]\n"
                                   f"retries = 3\nkeepalive = 1"))
        go.set()
        assert client.response().body == b"again"


# ---- processes


def kill(running, name):
    pid, = [pid for pid in procs.children(running.pid) if name in running.name_of(pid).split(b"\0")[0]]
    os.kill(pid, signal.SIGKILL)


@pytest.mark.parametrize("role", [b"keeper", b"dialer", b"monitor", b"logger"])
def test_a_role_is_dead(gateway, backend, port, role):
    """Killed just before, and again until it is left alone for a while: the new ones serve all the same."""
    behind = backend(named("one"))
    text = program.ini(port, behind.port)
    running = gateway(text)
    names = below(running)
    kill(running, role)
    done(running, text + "[route:new]\npath = /new\nrespond = 204\n")
    assert status(port, "/new") == 204 and body(port) == b"one"
    settled(running, names)


def test_workers_born_later_have_it(gateway, backend, port):
    text = program.ini(port, backend(named("one")).port)
    running = gateway(text)
    done(running, text + "[route:new]\npath = /new\nrespond = 204\n")
    worker, = running.workers()
    os.kill(worker, signal.SIGKILL)
    assert procs.wait_for(lambda: running.workers() not in ([], [worker]), 10 * program.SLOW)
    assert procs.wait_for(lambda: status(port, "/new") == 204, 10 * program.SLOW)
    done(running, text)
    assert status(port, "/new") == 200


def test_many_signals_at_once(gateway, backend, port):
    """Those that come while one is under way are one more behind it."""
    text = program.ini(port, backend(named("one")).port, workers=2)
    running = gateway(text)
    names = below(running)
    for i in range(20):
        program.write_config(running.folder, text + f"[route:new]\npath = /{i}\nrespond = 204\n")
        running.signal(signal.SIGHUP)
    assert procs.wait_for(lambda: status(port, "/19") == 204, 30 * program.SLOW)
    assert len(outcomes(running)) <= 20
    settled(running, names)


def test_stopped_in_the_middle(gateway, backend, port):
    running = gateway(program.ini(port, backend(named("one")).port), clean=True)
    running.signal(signal.SIGHUP)
    running.signal(signal.SIGTERM)
    assert running.wait(20) == 0


# ---- certificates


class Pair:
    """cert and key_file of a gateway, in a folder of its own, replaced as ACME clients do."""

    def __init__(self, folder, leaf):
        self.chain, self.key = os.path.join(folder, "pair.pem"), os.path.join(folder, "pair.key")
        self.put(leaf)

    def put(self, leaf, what=("chain", "key")):
        for name in what:
            fresh = getattr(self, name) + ".new"
            shutil.copyfile(getattr(leaf, name), fresh)
            os.chmod(fresh, 0o600)
            os.rename(fresh, getattr(self, name))


def serial(port, tls):
    with Client(port, tls, "example.com") as client:
        return client.sock.getpeercert()["serialNumber"]


@pytest.fixture
def renewed(gateway, backend, port, ca, folders):
    """A gateway with its pair; (running, pair, a TLS context, its ini text)."""
    pair = Pair(folders("pair"), ca.leaf("example.com", "www.example.com"))
    behind = backend(named("one"))
    text = program.ini(port, behind.port, tls=[pair], workers=2)
    return gateway(text), pair, wire.context(ca.cert), text


def test_certificate_is_swapped(renewed, ca, port):
    running, pair, tls, text = renewed
    names = below(running)
    old = serial(port, tls)
    with Client(port, tls, "example.com") as client:
        assert client.ask().status == 200
        program.write_config(running.folder, text + "[route:new]\npath = /new\nrespond = 204\n")
        pair.put(ca.leaf("example.com", "www.example.com", stem="second"))
        assert procs.wait_for(lambda: serial(port, tls) != old, 15 * program.SLOW), running.err()[-2000:]
        assert client.ask(target="/new").body == b"one"        # the text on disk is not asked for
    assert procs.wait_for(lambda: running.events("reload_done"), 5 * program.SLOW)
    assert "by=certificate" in running.events("reload_done", 1)[0]
    settled(running, names)
    done(running)
    assert body(port, "/new", tls=tls) == b""


def other_key(ca):
    other = ca.leaf("example.com", "www.example.com", stem="other")
    mixed = authority.Leaf(ca.leaf("example.com", "www.example.com", stem="third").chain, other.key)
    return mixed, "does not belong"


def garbage(ca):
    leaf = ca.leaf("example.com", "www.example.com", stem="fourth")
    path = ca.path("garbage.pem")
    with open(path, "w", encoding="ascii") as file:
        file.write("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
    return authority.Leaf(path, leaf.key), "cannot be read"


def expired(ca):
    return ca.leaf("example.com", "www.example.com", days=-1, stem="fifth"), "EXPIRED"


def soon_over(ca):
    return ca.leaf("example.com", "www.example.com", days=3, stem="sixth"), "expires within"


def fewer_names(ca):
    return ca.leaf("example.com", stem="seventh"), "not for www.example.com"


def test_certificate_in_doubt(renewed, ca, port):
    """The old pair stays, and the log says why, once a change; a good one is taken after all."""
    running, pair, tls, _ = renewed
    names = below(running)
    old = serial(port, tls)
    for count, make in enumerate((other_key, garbage, expired, soon_over, fewer_names), 1):
        leaf, why = make(ca)
        pair.put(leaf)
        assert procs.wait_for(lambda: len(running.events("certificate_not_renewed")) == count, 15 * program.SLOW), \
            running.err()[-2000:]
        assert why in running.err() and serial(port, tls) == old
    time.sleep(2.5)
    assert len(running.events("certificate_not_renewed", 5)) == 5
    pair.put(ca.leaf("example.com", "www.example.com", stem="eighth"))
    assert procs.wait_for(lambda: serial(port, tls) != old, 15 * program.SLOW)
    settled(running, names)


def test_a_pair_comes_in_two_steps(renewed, ca, port):
    """Certificate first, key a moment later: in between nothing is wrong with who connects."""
    running, pair, tls, _ = renewed
    old = serial(port, tls)
    fresh = ca.leaf("example.com", "www.example.com", stem="ninth", kind="rsa")
    pair.put(fresh, ["chain"])
    time.sleep(0.3)
    pair.put(fresh, ["key"])
    assert procs.wait_for(lambda: serial(port, tls) != old, 20 * program.SLOW), running.err()[-2000:]


def test_touched_is_not_renewed(renewed):
    running, pair, _, _ = renewed
    time.sleep(0.1)
    os.utime(pair.chain)
    time.sleep(3)
    assert not outcomes(running)


def test_tickets_survive(renewed, port, ca):
    running, _, _, text = renewed
    tls = wire.context(ca.cert, ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_2)
    with Client(port, tls, "example.com") as client:
        assert client.ask().status == 200
        session = client.sock.session
    done(running, text + "[route:new]\npath = /new\nrespond = 204\n")
    with Client(port, tls, "example.com", session=session) as client:
        assert client.ask().status == 200 and client.sock.session_reused


def test_other_rules_for_client_certificates(gateway, backend, port, ca):
    """Who was verified by the rules before is served once more at most."""
    leaf = ca.leaf("example.com")
    text = program.ini(port, backend(named("one")).port, tls=[leaf])
    running = gateway(text)
    tls = wire.context(ca.cert)
    with Client(port, tls, "example.com") as client:
        assert client.ask().status == 200
        guarded = text.replace("[listener:main]", f"[tls:t]\ncert = {leaf.chain}\nkey_file = {leaf.key}\n"
                               f"client_verify = required\nclient_ca = {ca.cert}\n[listener:main]\ntls = t")
        done(running, guarded.replace(f"tls = t\nbind = 127.0.0.1:{port}\ncert = {leaf.chain}\nkey_file = {leaf.key}\n",
                                      f"tls = t\nbind = 127.0.0.1:{port}\n"))
        assert client.is_closed(10 * program.SLOW)
    with pytest.raises((ssl.SSLError, ConnectionError, wire.Cut)):
        body(port, tls=tls)


# ---- under load


class Load(threading.Thread):
    """One client after the other, each a few requests; counts what was not answered as it should."""

    def __init__(self, port, tls=None):
        super().__init__(daemon=True)
        self.port, self.tls = port, tls
        self.is_over, self.count, self.failed = False, 0, []
        self.start()

    def run(self):
        while not self.is_over:
            try:
                with Client(self.port, self.tls, "example.com" if self.tls else None, timeout=30) as client:
                    for _ in range(random.randrange(1, 12)):
                        got = client.ask()
                        self.count += 1
                        if got.status != 200 or got.body != b"one":
                            self.failed.append(got)
                        if got.get("Connection") == "close":
                            break
            except (OSError, wire.Cut) as error:
                self.failed.append(error)

    def end(self):
        self.is_over = True
        self.join(60)
        assert self.count > 0 and not self.failed, self.failed[:3]


def websocket_or_one(conn):
    got = conn.read_head()
    while got is not None:
        if "Upgrade" in got:
            conn.reader.buffer[:0] = got.head
            echoing(conn)
            return
        conn.send(answer(body=b"one"))
        got = conn.read_head()


MANY = "max_connections_per_ip = 1000"


def kill_one(running, who):
    """A process that there is one of; back when it has said that it is ready."""
    ready = len([line for line in running.events("role_ready") if f"role={who}" in line])
    victim = next(pid for pid in procs.tree(running.pid)[1:] if who.encode() in running.name_of(pid))
    os.kill(victim, signal.SIGKILL)
    assert procs.wait_for(lambda: len([line for line in running.events("role_ready") if f"role={who}" in line]) > ready,
                          20 * program.SLOW), running.err()[-2000:]


def under_load(gateway, backend, port, ca, folders, rounds, renewals, refusals, sockets, kills=0):
    behind = backend(websocket_or_one)
    pair = Pair(folders("pair"), ca.leaf("example.com", "www.example.com"))
    plain = program.free_port()
    text = program.ini(port, behind.port, tls=[pair], workers=2, route="upgrade = websocket", listener=MANY,
                       gateway="max_connections = 2000") + f"[listener:plain]\nbind = 127.0.0.1:{plain}\n{MANY}\n"
    running = gateway(text)
    tls = wire.context(ca.cert)
    names = below(running)
    victims = ("keeper", "dialer", "monitor", "logger")
    webs = []
    for i in range(sockets):
        webs.append(Client(port, tls, "example.com", timeout=30) if i % 2 else Client(plain, timeout=30))
        webs[-1].send(request(fields=ASK))
        assert webs[-1].reader.head().status == 101
    loads = [Load(plain), Load(port, tls)]

    def memory():
        return running.memory() + sum(procs.memory(pid, "Pss") for pid in procs.tree(running.pid)
                                      if pid not in running.workers())

    def echo_all():                     # the scripted backend gives up who is silent for 30 s
        for web in webs:
            web.send(b"still here")
        for web in webs:
            assert web.reader.exactly(10) == b"still here"

    def one_reload(i):
        if i % 10 == 0:
            echo_all()
        more = f"[route:r{i}]\npath = /r{i}\nrespond = 204\n"
        if i % 3 == 0:
            more += f"[listener:l{i % 2}]\nbind = 127.0.0.1:{spare[i % 2]}\n"
        done(running, (text if i % 4 else text.replace("[pool:app]", f"[pool:app]\nretries = {i % 7}")) + more)
    spare = [program.free_port(), program.free_port()]
    for i in range(rounds // 5):
        one_reload(i)
    before = memory()
    for i in range(rounds // 5, rounds):
        one_reload(i)
        if renewals and i % max(1, rounds // renewals) == 0:
            count = len(outcomes(running))
            pair.put(ca.leaf("example.com", "www.example.com", stem=f"load{i}"))
            assert wait_outcome(running, count)[0] == "done"
        if refusals and i % max(1, rounds // refusals) == 0:
            refused(running, text + "[route:broken]\npth = /\n")
        if kills and i % max(1, rounds // kills) == 0:
            kill_one(running, victims[i // max(1, rounds // kills) % len(victims)])
    done(running, text)
    for load in loads:
        load.end()
    echo_all()
    for web in webs:
        web.close()
    settled(running, names)
    after = memory()
    return before, after


def test_under_load(gateway, backend, port, ca, folders):
    under_load(gateway, backend, port, ca, folders, rounds=10, renewals=2, refusals=2, sockets=10, kills=5)


@pytest.mark.long
def test_under_load_for_long(gateway, backend, port, ca, folders):
    before, after = under_load(gateway, backend, port, ca, folders, rounds=100, renewals=25, refusals=6, sockets=200, kills=20)
    assert program.SAN or after <= before * 1.1, (before, after)
