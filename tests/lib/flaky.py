"""flaky - a backend in a process of its own that misbehaves as it is told: `flaky.py PORT NAME`, then a word a line.

    ok      answers GET /... with its path, /big with BIG bytes, HEAD with nothing, anything with a body with that body
    slow    the same, a while later
    fail    500 to everything
    busy    503 to everything
    reset   resets the connection when a request is there
    hole    nothing is accepted, read or answered any more: connections that are begun hang, those that stand are silent

Each word is echoed when it is in force. One process, one thread: it can be stopped and killed as a real server is.
"""
import heapq
import os
import selectors
import signal
import socket
import struct
import subprocess
import sys
import time

BIG = 1 << 20
SLOW_S = 0.4


class Server:
    def __init__(self, port, name):
        self.name, self.mode = name, "ok"
        self.late = []                          # (when, order, connection, bytes)
        self.order = 0
        self.conns = {}                         # socket -> what came of its next request
        self.fillers = []
        self.selector = selectors.DefaultSelector()
        self.listener = socket.socket()
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind(("127.0.0.1", port))
        self.listener.listen(512)
        self.selector.register(self.listener, selectors.EVENT_READ)
        self.selector.register(sys.stdin, selectors.EVENT_READ)

    def run(self):
        while True:
            wait = max(0, self.late[0][0] - time.monotonic()) if self.late else None
            for key, _ in self.selector.select(wait):
                if key.fileobj is self.listener:
                    self.accept()
                elif key.fileobj is sys.stdin:
                    word = sys.stdin.readline().strip()
                    if not word:
                        return
                    self.turn(word)
                else:
                    self.read(key.fileobj)
            while self.late and self.late[0][0] <= time.monotonic():
                _, _, sock, data = heapq.heappop(self.late)
                self.send(sock, data)

    # --- a black hole, and out of it

    def turn(self, word):
        if word == "hole":
            self.fall_silent()
        elif self.mode == "hole":
            self.come_back()
        self.mode = word
        print(word, flush=True)

    def fall_silent(self):
        """The kernel drops who wants to connect: the queue of accepted ones is as small as can be, and full."""
        self.listener.listen(0)
        for _ in range(4):
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex(self.listener.getsockname())
            self.fillers.append(filler)
        self.selector.unregister(self.listener)
        for sock in self.conns:
            self.selector.unregister(sock)

    def come_back(self):
        for filler in self.fillers:
            filler.close()
        self.fillers.clear()
        self.listener.listen(512)
        self.selector.register(self.listener, selectors.EVENT_READ)
        for sock in self.conns:
            self.selector.register(sock, selectors.EVENT_READ)

    # --- connections

    def accept(self):
        sock, _ = self.listener.accept()
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.settimeout(10)                     # a big answer to who does not read it
        self.conns[sock] = b""
        self.selector.register(sock, selectors.EVENT_READ)

    def close(self, sock, must_reset=False):
        if self.conns.pop(sock, None) is None:
            return
        self.selector.unregister(sock)
        if must_reset:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        sock.close()

    def read(self, sock):
        if sock not in self.conns:
            return
        try:
            data = sock.recv(65536)
        except OSError:
            data = b""
        if not data:
            self.close(sock)
            return
        data = self.conns[sock] + data
        head, mark, rest = data.partition(b"\r\n\r\n")
        length = next((int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), 0)
        if not mark or len(rest) < length:
            self.conns[sock] = data
            return
        self.conns[sock] = b""                  # a gateway sends the next one when it has its answer
        self.answer(sock, head.split(b" ", 2), rest)

    def answer(self, sock, start, body):
        method, target = start[0], start[1]
        if self.mode == "reset":
            self.close(sock, True)
            return
        if self.mode in ("fail", "busy"):
            status, body = {"fail": b"500 Broken", "busy": b"503 Busy"}[self.mode], b"no"
        else:
            status = b"200 OK"
            body = body or (b"x" * BIG if target.startswith(b"/big") else target)
        data = b"HTTP/1.1 %s\r\nX-Backend: %s\r\nContent-Length: %d\r\n\r\n" % (status, self.name, len(body))
        if method != b"HEAD":
            data += body
        if self.mode == "slow":
            self.order += 1
            heapq.heappush(self.late, (time.monotonic() + SLOW_S, self.order, sock, data))
        else:
            self.send(sock, data)

    def send(self, sock, data):
        if sock not in self.conns:
            return
        try:
            sock.sendall(data)
        except OSError:
            self.close(sock)


class Flaky:
    """That process, as a test holds it. tell() returns when the word is in force."""

    def __init__(self, port, name):
        self.port, self.name = port, name
        self.process = None
        self.start()

    def start(self):
        self.process = subprocess.Popen(["setpriv", "--pdeathsig", "KILL", sys.executable, __file__, str(self.port), self.name],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.tell("ok")

    def tell(self, word):
        self.process.stdin.write(word + "\n")
        self.process.stdin.flush()
        said = self.process.stdout.readline().strip()
        assert said == word, f"{self.name} died: {said!r}"

    def pids(self):
        return [self.process.pid]

    def kill(self):
        self.process.kill()
        self.process.wait(10)
        self.process.stdin.close()
        self.process.stdout.close()

    def end(self):
        if self.process.poll() is None:
            os.kill(self.process.pid, signal.SIGCONT)
            self.kill()


if __name__ == "__main__":
    Server(int(sys.argv[1]), sys.argv[2].encode()).run()
