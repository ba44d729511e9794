"""cutter - a backend that cuts connections at places drawn by lot, and knows every byte that came, read or not.

Requests name themselves: /cut/N, with a body of marks that say N again. What is to become of N is drawn when it is first
seen, by its number alone: cut at a place of PLACES, or "serve". Seen again it is served. Besides, a connection that
rests may be closed without a word.
"""
import collections
import random
import re
import select
import socket
import struct
import threading
import time

import wire

PLACES = ("before the head", "in the head", "in the body", "before an answer", "in the answer's head", "in the answer's body")
HEAD = re.compile(rb"(GET|POST|PUT|HEAD|DELETE) /cut/(\d+) HTTP/1\.1\r\n")
MARK = re.compile(rb"<(\d+)>")


def body_of(number, size):
    if size == 0:
        return b""
    mark = b"<%d>" % number
    return (mark * (size // len(mark) + 1))[:max(size, len(mark))]


def number_of(target):
    return int(target.rpartition("/")[2])


class Cutter:
    def __init__(self, seed, cuts=0.8, rests=0.3, rest_s=0.02):
        self.seed, self.cuts, self.rests, self.rest_s = seed, cuts, rests, rest_s
        self.lock = threading.Lock()
        self.plans = {}                 # number -> what its first sight gets
        self.heads = collections.defaultdict(set)       # number -> connections on which its head, or a part of its body, came
        self.bodies = collections.defaultdict(set)
        self.served = collections.Counter()
        self.cut_on = {}                # number -> was it cut on a connection that had served?
        self.errors = []
        self.socks = []
        self.listeners = [socket.create_server(("127.0.0.1", 0), backlog=512) for _ in range(2)]
        for listener in self.listeners:
            threading.Thread(target=self.accept, args=(listener,), daemon=True).start()

    @property
    def ports(self):
        return [listener.getsockname()[1] for listener in self.listeners]

    def accept(self, listener):
        while True:
            try:
                sock, _ = listener.accept()
            except OSError:
                return
            sock.settimeout(60)
            with self.lock:
                self.socks.append(sock)
                number = len(self.socks)
            threading.Thread(target=self.run, args=(sock, number), daemon=True).start()

    def run(self, sock, number):
        rng = random.Random(self.seed * 1000003 + number)
        try:
            served = 0
            while self.talk(sock, number, rng, served):
                served += 1
                if rng.random() < self.rests:
                    readable, _, _ = select.select([sock], [], [], rng.random() * self.rest_s)
                    if not readable:
                        self.leave(sock, number, rng)
                        return
        except OSError:
            pass
        except Exception as error:      # pylint: disable=broad-except
            self.errors.append(error)
        finally:
            sock.close()

    # --- what came

    def note(self, raw, conn):
        """Every request of which a byte that names it came, on that connection."""
        with self.lock:
            for match in HEAD.finditer(raw):
                self.heads[int(match.group(2))].add(conn)
            for match in MARK.finditer(raw):
                self.bodies[int(match.group(1))].add(conn)

    @staticmethod
    def peek(sock):
        """All that is there and was not read."""
        readable, _, _ = select.select([sock], [], [], 0)
        return sock.recv(1 << 20, socket.MSG_PEEK) if readable else b""

    def plan(self, method, number):
        """What becomes of it: its first sight decides, its second is served. What has no body is not cut in it."""
        with self.lock:
            if number in self.plans:
                return "serve"
            rng = random.Random(self.seed * 7919 + number)
            self.plans[number] = rng.choice(PLACES[:-1] if method == b"HEAD" else PLACES) if rng.random() < self.cuts else "serve"
            return self.plans[number]

    def talk(self, sock, conn, rng, served):
        """One request; False: the connection is over."""
        ahead = b""
        while not (match := HEAD.search(ahead)):
            before, ahead = ahead, sock.recv(1 << 20, socket.MSG_PEEK)
            if not ahead:
                return False
            if ahead == before:
                time.sleep(0.001)       # a piece of a first line: the rest is under way
        number = int(match.group(2))
        where = self.plan(match.group(1), number)
        if where != "serve":
            self.cut_on[number] = served > 0
        is_served, taken = self.go_to(where, sock, rng)
        self.note(taken, conn)
        if not is_served:
            self.leave(sock, conn, rng, taken)
            return False
        with self.lock:
            self.served[number] += 1
        return True

    def leave(self, sock, conn, rng, taken=b""):
        """By a reset, with what came unread; or by an end, and then whatever still comes is read, and known too."""
        if rng.random() < 0.5:
            self.note(taken + self.peek(sock), conn)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            return
        sock.shutdown(socket.SHUT_WR)
        try:
            while data := sock.recv(1 << 20):
                taken += data
        finally:
            self.note(taken, conn)

    @staticmethod
    def some(sock, most):
        """That many bytes, or fewer when no more come for a while (the body is short)."""
        got = b""
        while len(got) < most:
            readable, _, _ = select.select([sock], [], [], 0.2)
            data = sock.recv(most - len(got)) if readable else b""
            if not data:
                break
            got += data
        return got

    def go_to(self, where, sock, rng):
        """(was it served? and all that was read)."""
        if where == "before the head":
            return False, b""
        if where == "in the head":
            return False, self.some(sock, rng.randrange(1, 40))
        reader = wire.Reader(sock)
        request = reader.head()
        length = int(request.get("Content-Length", "0"))
        if where == "in the body":
            want = rng.randrange(0, length) if length else 0
            return False, bytes(reader.raw) + self.some(sock, max(0, want - len(reader.buffer)))
        reader.body(request)
        if request.is_complete and request.body != body_of(number_of(request.target), length):
            self.errors.append(f"{request.start}: another's body, or a part of it")
        text = b"served " + request.target.encode()
        data = wire.answer(fields=[("X-Served", request.target)], body=b"" if request.method == "HEAD" else text)
        if request.method == "HEAD":
            data = wire.answer(fields=[("X-Served", request.target), ("Content-Length", str(len(text)))])
        split = data.index(b"\r\n\r\n") + 4
        if where == "in the answer's head":
            sock.sendall(data[:rng.randrange(1, split)])
        elif where == "in the answer's body":
            sock.sendall(data[:rng.randrange(split, max(len(data), split + 1))])
        elif where == "serve":
            sock.sendall(data)
            return True, bytes(reader.raw)
        return False, bytes(reader.raw)

    def end(self):
        for listener in self.listeners:
            listener.shutdown(socket.SHUT_RDWR)
            listener.close()
        for sock in self.socks:
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        assert not self.errors, self.errors
