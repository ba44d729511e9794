#!/usr/bin/python3
"""app HTTP-PORT WEBSOCKET-PORT: what a real site has behind its nginx, for the tests with real clients.

GET /app/events      20 server-sent events, one each 50 ms, each with the time at which it left
POST /app/form       a form (urlencoded or multipart): its fields and files, each with size and digest, as JSON
GET /app/slow        half of the body, half a second of nothing, the other half; no length
GET /app/cookie      sets two cookies, says which came
WebSocket            echoes every message; "close CODE" closes with that code
"""
import asyncio
import hashlib
import http.server
import json
import sys
import threading
import time
from email.parser import BytesParser
from email.policy import HTTP
from urllib.parse import parse_qsl

import websockets


def digest(data):
    return {"size": len(data), "sha256": hashlib.sha256(data).hexdigest()}


def form_of(kind, body):
    if not kind.startswith("multipart/"):
        return [[name, value] for name, value in parse_qsl(body.decode(), keep_blank_values=True)]
    message = BytesParser(policy=HTTP).parsebytes(f"Content-Type: {kind}\r\n\r\n".encode() + body)
    found = []
    for part in message.iter_parts():
        content = part.get_payload(decode=True) or b""
        name, file = (part.get_param(key, header="content-disposition") for key in ("name", "filename"))
        found.append([name, {"file": file, **digest(content)} if file else content.decode()])
    return found


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, body, kind="application/json", fields=()):
        self.send_response(200)
        for name, value in (("Content-Type", kind), ("Content-Length", str(len(body))), *fields):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def stream(self, kind):
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Cache-Control", "no-cache")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()

    def piece(self, data):
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
        self.wfile.flush()

    def do_GET(self):
        if self.path == "/app/events":
            self.stream("text/event-stream")
            for number in range(20):
                self.piece(b"id: %d\ndata: %d\n\n" % (number, time.time() * 1000))
                time.sleep(0.05)
            self.piece(b"")
        elif self.path == "/app/slow":
            self.stream("text/plain")
            self.piece(b"first half\n")
            time.sleep(0.5)
            self.piece(b"second half\n")
            self.piece(b"")
        else:
            self.answer(json.dumps({"cookie": self.headers.get("Cookie")}).encode(),
                        fields=[("Set-Cookie", "one=1; Path=/"), ("Set-Cookie", "two=2; Path=/; HttpOnly")])

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.answer(json.dumps(form_of(self.headers["Content-Type"], body)).encode())


async def echo(socket, *_):
    async for message in socket:
        if isinstance(message, str) and message.startswith("close "):
            await socket.close(int(message[6:]), "as asked")
            return
        await socket.send(message)


async def main(port):
    async with websockets.serve(echo, "127.0.0.1", port, max_size=None, ping_interval=None, subprotocols=["chat"]):
        await asyncio.Future()


if __name__ == "__main__":
    server = http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    asyncio.run(main(int(sys.argv[2])))
