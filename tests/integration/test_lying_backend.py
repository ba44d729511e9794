"""A backend that lies: whatever it sends, no answer is given to a request that is not its own."""
import os
import random
import signal
import threading
import time

import pytest

import backends
import gateway as program
import wire

REQUESTS, CLIENTS = 1000, 8
EVIL = b"HTTP/1.1 200 OK\r\nX-Tag: evil\r\nContent-Length: 4\r\n\r\nevil"


def good(tag, *, extra=(), body=None):
    text = tag.encode() if body is None else body
    return wire.answer(fields=[("X-Tag", tag), *extra], body=text)


def chunked(tag, *, size=None, end=b"0\r\n\r\n"):
    body = tag.encode()
    line = b"%x" % len(body) if size is None else size
    return f"HTTP/1.1 200 OK\r\nX-Tag: {tag}\r\nTransfer-Encoding: chunked\r\n\r\n".encode() + line + b"\r\n" + body + b"\r\n" + end


def bare(status, tag, *fields):
    return "\r\n".join([f"HTTP/1.1 {status} x", f"X-Tag: {tag}", *fields, "", ""]).encode()


# What a request may be answered with; `closes`: and then the connection ends.
LIES = {
    "good": good,
    "good, chunked": chunked,
    "good, closes": lambda tag: good(tag, extra=[("Connection", "close")]),
    "until the close": lambda tag: bare(200, tag) + tag.encode(),
    "a byte too many": lambda tag: good(tag) + b"X",
    "a line end too many": lambda tag: good(tag) + b"\r\n",
    "another answer behind": lambda tag: good(tag) + EVIL,
    "another behind the chunks": lambda tag: chunked(tag) + EVIL,
    "half an answer behind": lambda tag: good(tag) + EVIL[:20],
    "204 with a body": lambda tag: bare(204, tag) + EVIL,
    "304 with a body": lambda tag: bare(304, tag, f"Content-Length: {len(EVIL)}") + EVIL,
    "too short, closes": lambda tag: bare(200, tag, "Content-Length: 100") + tag.encode(),
    "a bad chunk": lambda tag: chunked(tag, size=b"0x5"),
    "a short chunk": lambda tag: chunked(tag, size=b"2"),
    "chunks without an end, closes": lambda tag: chunked(tag, end=b""),
    "two lengths": lambda tag: bare(200, tag, "Content-Length: 4", f"Content-Length: {len(EVIL)}") + EVIL,
    "a length and chunks": lambda tag: bare(200, tag, "Content-Length: 4", "Transfer-Encoding: chunked") + b"0\r\n\r\n" + EVIL,
    "interim answers": lambda tag: b"HTTP/1.1 102 x\r\n\r\n" * 3 + good(tag),
    "too many interim answers": lambda tag: b"HTTP/1.1 102 x\r\n\r\n" * 20 + EVIL,
    "an interim answer with a body": lambda tag: b"HTTP/1.1 103 x\r\nContent-Length: 4\r\n\r\nevil" + EVIL,
    "101 unasked": lambda tag: b"HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n" + EVIL,
    "a bare LF": lambda tag: good(tag).replace(b"\r\n", b"\n") + EVIL,
    "a fold": lambda tag: bare(200, tag, "X: y", " z", "Content-Length: 0") + EVIL,
    "no HTTP": lambda tag: b"evil evil evil\r\n\r\n" + EVIL,
    "nothing, closes": lambda tag: b"",
    "HTTP/1.0": lambda tag: good(tag).replace(b"HTTP/1.1", b"HTTP/1.0", 1) + EVIL,
}


class Liar:
    def __init__(self, seed):
        self.rng = random.Random(seed)
        self.told = {}
        self.server = backends.RawBackend(self.script)

    def choose(self):
        name = self.rng.choice(["good"] * len(LIES) + list(LIES))
        self.told[name] = self.told.get(name, 0) + 1
        return name

    def script(self, conn):
        while True:
            request = conn.read_head()
            name = self.choose()
            tag = request.get("X-Tag")
            if self.rng.random() < 0.9:
                conn.reader.body(request)       # else: it answers before it has read the body
            data = LIES[name](tag)
            if request.method == "HEAD" and name.startswith("good") and self.rng.random() < 0.8:
                data = data[:data.find(b"\r\n\r\n") + 4]        # else HEAD with a body
            conn.send(data)                     # in one piece: what is too much is there with the rest
            if name.endswith("closes") or name == "until the close" or not request.is_complete:
                return


class Asker(threading.Thread):
    """Asks on connections that are kept, and looks at every answer."""

    def __init__(self, port, number):
        super().__init__()
        self.port, self.number = port, number
        self.rng = random.Random(number)
        self.wrong, self.right, self.refused, self.cut = [], 0, 0, 0

    def run(self):
        client = None
        for i in range(REQUESTS // CLIENTS):
            tag = f"t{self.number}-{i}"
            client = client or wire.Client(self.port, timeout=20)
            try:
                if not self.ask(client, tag):
                    client.close()
                    client = None
            except (wire.Cut, OSError):
                self.cut += 1
                client.close()
                client = None

    def ask(self, client, tag):
        """False: the connection is over."""
        method = self.rng.choice(["GET", "GET", "GET", "HEAD", "POST", "PUT", "DELETE"])
        body = tag.encode() * self.rng.randrange(1, 50) if method in ("POST", "PUT") else b""
        got = client.ask(method, f"/{tag}", [("X-Tag", tag)], body)
        if got.status == 502:
            self.refused += 1
        elif got.get("X-Tag") != tag or b"evil" in got.body or not tag.encode().startswith(got.body):
            self.wrong.append((tag, got))
        elif not got.is_complete:
            self.cut += 1
            return False
        else:
            self.right += 1
        return got.get("Connection") != "close"


@pytest.mark.parametrize("seed", [1, 2])
def test_thousand_mixed_requests(tmp_path, seed):
    liar = Liar(seed)
    port = program.free_port()
    gate = program.Gateway(tmp_path / "gw", program.ini(port, liar.server.port, pool="retries = 0\nanswer_timeout = 5s\n", log="access = off"))
    askers = [Asker(port, number) for number in range(CLIENTS)]
    for asker in askers:
        asker.start()
    for asker in askers:
        asker.join()
    gate.end()
    liar.server.end()
    assert [wrong for asker in askers for wrong in asker.wrong] == []
    assert sum(asker.right + asker.refused + asker.cut for asker in askers) == REQUESTS
    assert sum(asker.right for asker in askers) > REQUESTS * 0.6
    assert len(liar.told) == len(LIES)
    conns = len(liar.server.conns)
    assert conns < REQUESTS, "connections are reused"


def test_bytes_on_an_idle_connection(tmp_path):
    """What comes while nobody has asked throws the connection away: the next request is asked on another."""
    def script(conn):
        while (request := conn.read_request()) is not None:
            conn.send(good(request.get("X-Tag")))
            if request.target == "/lie":
                time.sleep(0.02)
                conn.send(EVIL)

    server = backends.RawBackend(script)
    port = program.free_port()
    gate = program.Gateway(tmp_path / "gw", program.ini(port, server.port, log="access = off"))
    with wire.Client(port) as client:
        for i in range(20):
            assert client.ask(target="/lie", fields=[("X-Tag", f"a{i}")]).body == f"a{i}".encode()
            time.sleep(0.08 * program.SLOW)
            got = client.ask(target="/", fields=[("X-Tag", f"b{i}")])
            assert (got.status, got.body) == (200, f"b{i}".encode())
    gate.end()
    server.end()
    assert len(server.conns) == 21


def test_bytes_that_came_in_the_same_turn(tmp_path):
    """A request, and behind it bytes on the idle connection that it is about to get: both are there before the worker looks."""
    conns, server = [], None

    def script(conn):
        conns.append(conn)
        while (request := conn.read_request()) is not None:
            conn.send(good(request.get("X-Tag")))

    server = backends.RawBackend(script)
    port = program.free_port()
    gate = program.Gateway(tmp_path / "gw", program.ini(port, server.port, log="access = off"))
    with wire.Client(port) as client:
        for i in range(20):
            assert client.ask(target="/", fields=[("X-Tag", f"a{i}")]).body == f"a{i}".encode()
            time.sleep(0.01)
            for pid in gate.workers():
                os.kill(pid, signal.SIGSTOP)
            client.send(wire.request("GET", "/", [("X-Tag", f"b{i}")]))
            time.sleep(0.01)
            conns[-1].send(EVIL)
            time.sleep(0.01)
            for pid in gate.workers():
                os.kill(pid, signal.SIGCONT)
            assert client.response().body == f"b{i}".encode()
    gate.end()
    server.end()
