"""wire - HTTP/1.1 as bytes: a reader that hides nothing, and a client that sends exactly what it is told."""
import socket
import ssl
import time


class Cut(Exception):
    """The peer ended before the message did. .got is what came."""

    def __init__(self, got):
        super().__init__(f"cut after {bytes(got)[-200:]!r}")
        self.got = bytes(got)


class Message:
    """A request or an answer as it came: .start, .fields (pairs, in order), .body, and how the body was framed."""

    def __init__(self, head):
        self.head = bytes(head)
        lines = self.head.decode("latin-1").split("\r\n")
        self.start = lines[0]
        self.fields = []
        for line in lines[1:]:
            if line:
                name, _, value = line.partition(":")
                self.fields.append((name, value.strip(" \t")))
        self.body = b""
        self.framing = "none"
        self.chunks = []
        self.trailers = b""
        self.is_complete = True

    @property
    def status(self):
        return int(self.start.split(" ")[1])

    @property
    def method(self):
        return self.start.split(" ")[0]

    @property
    def target(self):
        return self.start.split(" ")[1]

    def all(self, name):
        return [value for key, value in self.fields if key.lower() == name.lower()]

    def get(self, name, default=None):
        values = self.all(name)
        return values[0] if values else default

    def __contains__(self, name):
        return bool(self.all(name))

    def __repr__(self):
        return f"<{self.start} {self.fields} {self.framing} {len(self.body)} B{'' if self.is_complete else ' CUT'}>"


class Reader:
    """Reads messages off a socket. .raw holds every byte that ever came."""

    def __init__(self, sock):
        self.sock = sock
        self.buffer = bytearray()
        self.raw = bytearray()
        self.is_ended = False
        self.how_ended = None           # "eof", "reset"

    def more(self):
        """Reads once. False at the end."""
        if self.is_ended:
            return False
        try:
            data = self.sock.recv(65536)
        except (ConnectionResetError, BrokenPipeError):
            self.is_ended, self.how_ended = True, "reset"
            return False
        except ssl.SSLEOFError:
            self.is_ended, self.how_ended = True, "tls-cut"
            return False
        except ssl.SSLError as error:
            if isinstance(error, (ssl.SSLWantReadError, socket.timeout)):
                raise
            self.is_ended, self.how_ended = True, "tls-error"
            return False
        if not data:
            self.is_ended, self.how_ended = True, "eof"
            return False
        self.buffer += data
        self.raw += data
        return True

    def until(self, mark):
        while (at := self.buffer.find(mark)) < 0:
            if not self.more():
                raise Cut(self.buffer)
        taken = bytes(self.buffer[:at + len(mark)])
        del self.buffer[:at + len(mark)]
        return taken

    def exactly(self, count):
        while len(self.buffer) < count:
            if not self.more():
                raise Cut(self.buffer)
        taken = bytes(self.buffer[:count])
        del self.buffer[:count]
        return taken

    def rest(self):
        """All until the peer ends."""
        while self.more():
            pass
        taken = bytes(self.buffer)
        self.buffer.clear()
        return taken

    def head(self):
        while self.buffer[:2] == b"\r\n":
            del self.buffer[:2]
        return Message(self.until(b"\r\n\r\n"))

    def body(self, message, has_body=True, to_end=False):
        """Reads the message's body into it. A cut body is kept, with is_complete = False."""
        collected = bytearray()
        try:
            if not has_body:
                return message
            if (message.get("Transfer-Encoding") or "").lower() == "chunked":
                message.framing = "chunked"
                self.chunked(message, collected)
            elif message.get("Content-Length") is not None:
                message.framing = "length"
                want = int(message.get("Content-Length"))
                while len(collected) < want:
                    if not self.buffer and not self.more():
                        raise Cut(collected)
                    take = min(len(self.buffer), want - len(collected))
                    collected += self.buffer[:take]
                    del self.buffer[:take]
            elif to_end:
                message.framing = "close"
                collected += self.rest()
                message.is_complete = self.how_ended == "eof"
        except Cut:
            message.is_complete = False
        message.body = bytes(collected)
        return message

    def chunked(self, message, collected):
        while True:
            line = self.until(b"\r\n")
            size = int(line.split(b";")[0], 16)
            if size == 0:
                break
            message.chunks.append(size)
            while size > 0:
                if not self.buffer and not self.more():
                    raise Cut(collected)
                take = min(len(self.buffer), size)
                collected += self.buffer[:take]
                del self.buffer[:take]
                size -= take
            if self.exactly(2) != b"\r\n":
                raise ValueError("a chunk not followed by CRLF")
        while (line := self.until(b"\r\n")) != b"\r\n":
            message.trailers += line

    def request(self):
        message = self.head()
        return self.body(message)

    def response(self, method="GET", skip_interim=True):
        while True:
            message = self.head()
            if message.status >= 200 or message.status == 101 or not skip_interim:
                break
        has_body = method != "HEAD" and message.status not in (204, 304) and message.status >= 200
        return self.body(message, has_body, to_end=True)


class Client:
    """A connection to the gateway: to is a port of 127.0.0.1, an address pair or a socket's path."""

    def __init__(self, to, tls=None, name=None, timeout=15, session=None, source=None):
        if isinstance(to, int):
            to = ("127.0.0.1", to)
        if isinstance(to, str):
            sock = socket.socket(socket.AF_UNIX)
            sock.settimeout(timeout)
            sock.connect(to)
        else:
            sock = socket.create_connection(to, timeout, source_address=(source, 0) if source else None)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls is not None:
            sock = tls.wrap_socket(sock, server_hostname=name, session=session, suppress_ragged_eofs=False)
        self.sock = sock
        self.reader = Reader(sock)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def send(self, data):
        self.sock.sendall(data)

    def send_slowly(self, data, step=1, pause=0.0):
        for at in range(0, len(data), step):
            self.send(data[at:at + step])
            if pause:
                time.sleep(pause)

    def response(self, method="GET", **options):
        return self.reader.response(method, **options)

    def ask(self, method="GET", target="/", fields=(), body=b"", host="example.com"):
        """One request with a correct head, and its answer."""
        self.send(request(method, target, fields, body, host))
        return self.response(method)

    def is_closed(self, timeout=2.0):
        """Does the peer end the connection within that time, without another byte?"""
        self.sock.settimeout(timeout)
        try:
            return not self.reader.buffer and not self.reader.more()
        except (socket.timeout, TimeoutError, ssl.SSLWantReadError):
            return False

    def is_quiet(self, timeout=0.3):
        """Is it open and silent for that long?"""
        self.sock.settimeout(timeout)
        try:
            self.reader.more()
            return False
        except (socket.timeout, TimeoutError, ssl.SSLWantReadError):
            return True
        finally:
            self.sock.settimeout(15)

    def half_close(self):
        self.sock.shutdown(socket.SHUT_WR)

    def reset(self):
        import struct
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def close(self):
        try:
            self.sock.close()
        except OSError:
            pass


def request(method="GET", target="/", fields=(), body=b"", host="example.com", version="1.1"):
    lines = [f"{method} {target} HTTP/{version}"]
    if host is not None:
        lines.append(f"Host: {host}")
    if body and not any(name.lower() in ("content-length", "transfer-encoding") for name, _ in fields):
        lines.append(f"Content-Length: {len(body)}")
    lines += [f"{name}: {value}" for name, value in fields]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


def chunked(*pieces, trailers=b""):
    """The chunked form of these pieces."""
    return b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n" + trailers + b"\r\n"


def answer(status="200 OK", fields=(), body=b"", version="1.1"):
    lines = [f"HTTP/{version} {status}"]
    if not any(name.lower() in ("content-length", "transfer-encoding") for name, _ in fields):
        lines.append(f"Content-Length: {len(body)}")
    lines += [f"{name}: {value}" for name, value in fields]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


def context(ca=None, least=None, most=None, alpn=None):
    """A TLS client's context that trusts the test CA, or nothing at all."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if ca:
        made.load_verify_locations(ca)
    else:
        made.check_hostname = False
        made.verify_mode = ssl.CERT_NONE
    if least:
        made.minimum_version = least
    if most:
        made.maximum_version = most
    if alpn:
        made.set_alpn_protocols(alpn)
    return made
