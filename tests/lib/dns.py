"""dns - a name server for tests, on a loopback port, by UDP and TCP: what it answers is set by the test."""
import socket
import struct
import threading

A, AAAA = 1, 28


def encode(name):
    return b"".join(bytes([len(label)]) + label.encode() for label in name.split(".")) + b"\0"


def decode(data, at):
    labels = []
    while data[at]:
        labels.append(data[at + 1:at + 1 + data[at]].decode("ascii"))
        at += 1 + data[at]
    return ".".join(labels).lower(), at + 1


class Server:
    """names: name -> (addresses of both families, TTL in seconds). How it behaves besides:
    silent: answers nothing; rcode: answers that; truncates: answers with TC by UDP; forges: an answer with another id
    goes before the right one; garbage: bytes that are no answer go before it."""

    def __init__(self, **names):
        self.names = {name.replace("_", "."): value for name, value in names.items()}
        self.silent = self.truncates = self.forges = False
        self.garbage = b""
        self.rcode = 0
        self.asked = []                 # (name, type, "udp" or "tcp")
        while True:
            self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            self.udp.bind(("127.0.0.1", 0))
            self.port = self.udp.getsockname()[1]
            self.tcp = socket.socket()
            try:
                self.tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                self.tcp.bind(("127.0.0.1", self.port))
                break
            except OSError:
                self.udp.close()
                self.tcp.close()
        self.tcp.listen(8)
        for serve in (self.serve_udp, self.serve_tcp):
            threading.Thread(target=serve, daemon=True).start()

    def set(self, name, *addresses, ttl=1):
        self.names[name] = (addresses, ttl)

    def answer(self, query, how):
        name, at = decode(query, 12)
        kind = struct.unpack("!H", query[at:at + 2])[0]
        self.asked.append((name, kind, how))
        question = query[12:at + 4]
        rcode, records = self.rcode, b""
        count = 0
        if not rcode and name not in self.names:
            rcode = 3
        elif not rcode:
            addresses, ttl = self.names[name]
            for address in addresses:
                family = socket.AF_INET6 if ":" in address else socket.AF_INET
                if kind != (AAAA if ":" in address else A):
                    continue
                data = socket.inet_pton(family, address)
                records += b"\xc0\x0c" + struct.pack("!HHIH", kind, 1, ttl, len(data)) + data
                count += 1
        flags = 0x8180 | rcode
        if self.truncates and how == "udp":
            flags, records, count = flags | 0x0200, b"", 0
        return query[:2] + struct.pack("!HHHHH", flags, 1, count, 0, 0) + question + records

    def serve_udp(self):
        while True:
            try:
                query, peer = self.udp.recvfrom(4096)
                if not query:
                    return
                if self.silent:
                    continue
                if self.garbage:
                    self.udp.sendto(self.garbage, peer)
                right = self.answer(query, "udp")
                if self.forges:
                    self.udp.sendto(bytes([right[0] ^ 1]) + right[1:-4] + b"\x0a\x09\x09\x09", peer)
                self.udp.sendto(right, peer)
            except OSError:
                return

    def serve_tcp(self):
        while True:
            try:
                conn, _ = self.tcp.accept()
            except OSError:
                return
            threading.Thread(target=self.talk_tcp, args=(conn,), daemon=True).start()

    def talk_tcp(self, conn):
        with conn:
            conn.settimeout(10)
            try:
                while True:
                    head = conn.recv(2, socket.MSG_WAITALL)
                    if len(head) < 2:
                        return
                    query = conn.recv(struct.unpack("!H", head)[0], socket.MSG_WAITALL)
                    answer = self.answer(query, "tcp")
                    conn.sendall(struct.pack("!H", len(answer)) + answer)
            except OSError:
                return

    def end(self):
        for sock in (self.udp, self.tcp):
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            sock.close()
