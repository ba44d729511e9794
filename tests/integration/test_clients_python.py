"""Python's http.client, requests and websockets, through the gateway and directly to the same nginx."""
import asyncio
import hashlib
import http.client
import io
import os
import re
import ssl
import sys
import time

import pytest
import requests
import websockets

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "clients"))
import real_site                        # noqa: E402
from real_site import ports, site       # noqa: E402,F401 pylint: disable=unused-import

BOTH = pytest.mark.parametrize("secure", [False, True], ids=["plain", "tls"])


def seen(name, status, fields, body, port):
    """What a client got, in a form that is the same each time."""
    text = re.sub(r"boundary=\d+", "boundary=B", repr(sorted(real_site.same(fields))).replace(f":{port}", ":PORT"))
    return name, status, text, len(body), hashlib.sha256(re.sub(rb"--\d{20}", b"--B", body)).hexdigest()


def compare(site, ports, secure, run):
    """run(port) both ways gives the same list."""
    answers = []
    for port in (site.direct(secure), ports[secure]):
        site.empty_store()
        answers.append(run(port))
    want, got = answers
    wrong = [pair for pair in zip(want, got) if pair[0] != pair[1]]
    assert not wrong and len(want) == len(got), f"{len(wrong)} wrong, direct and through: {wrong[:3]}"
    return want


# --- http.client ---

def pieces(count, size):
    return (bytes([number % 256]) * size for number in range(count))


HTTP_CLIENT = [
    ("GET", "/1k.txt", None, {}),
    ("GET", "/3m.bin", None, {}),
    ("HEAD", "/3m.bin", None, {}),
    ("GET", "/3m.bin", None, {"Range": "bytes=1000000-2000000"}),
    ("GET", "/3m.bin", None, {"Range": "bytes=0-9,500-599"}),
    ("GET", "/none", None, {}),
    ("GET", "/empty", None, {}),
    ("GET", "/chunked/", None, {}),
    ("GET", "/packed/1k.txt", None, {"Accept-Encoding": "gzip"}),
    ("GET", "/1k.txt", None, {"If-None-Match": "*"}),
    ("POST", "/echo", b"x" * 100000, {}),
    ("POST", "/echo", b"", {}),
    ("POST", "/echo", "text", {"Content-Type": "text/plain; charset=latin-1"}),
    ("POST", "/echo", lambda: pieces(20, 10000), {}),
    ("PUT", "/store/one", lambda: io.BytesIO(b"y" * 300000), {}),
    ("PUT", "/store/two", lambda: io.BytesIO(b"y" * 300000), {"Content-Length": "300000"}),
    ("DELETE", "/store/one", None, {}),
    ("GET", "/app/slow", None, {}),
    ("GET", "/app/cookie", None, {"Cookie": "a=b"}),
    ("GET", "/1k.txt?" + "q" * 4000, None, {"X-Long": "v" * 4000}),
    ("GET", "/1k.txt", None, {"Connection": "close"}),
    ("GET", "/1k.txt", None, {}),
]


@BOTH
@pytest.mark.parametrize("version", [10, 11], ids=["1.0", "1.1"])
def test_http_client(site, ports, ca, secure, version):
    """One connection for all, while the server keeps it."""
    def run(port):
        context = ssl.create_default_context(cafile=ca.cert)
        connection = http.client.HTTPSConnection("localhost", port, timeout=30, context=context) if secure else \
            http.client.HTTPConnection("localhost", port, timeout=30)
        connection._http_vsn, connection._http_vsn_str = version, f"HTTP/1.{version - 10}"
        told = []
        for method, path, body, headers in HTTP_CLIENT:
            if version == 10 and callable(body) and "Content-Length" not in headers:
                continue                # http.client would send it chunked, which 1.0 has not
            connection.request(method, path, body() if callable(body) else body, {"Host": f"localhost:{port}", **headers})
            got = connection.getresponse()
            how = (got.status, got.reason, got.version, got.will_close)
            told.append(seen(f"{method} {path[:30]} {headers}", how, got.getheaders(), got.read(), port))
        connection.close()
        return told
    compare(site, ports, secure, run)


# --- requests ---

@BOTH
def test_requests(site, ports, ca, secure):
    def run(port):
        base = f"http{'s' if secure else ''}://localhost:{port}"
        told = []

        def keep(name, got):
            for one in [*got.history, got]:
                told.append(seen(name, one.status_code, one.raw.headers.items(), one.content, port))
        with requests.Session() as session:
            session.trust_env, session.verify = False, ca.cert
            for path in ("/1k.txt", "/3m.bin", "/packed/1k.txt", "/hop1", "/none", "/gone", "/empty", "/app/cookie", "/app/cookie",
                         "/chunked/"):
                keep(f"get {path}", session.get(base + path, timeout=30))
            assert session.cookies.get_dict() == {"one": "1", "two": "2"}
            keep("head", session.head(base + "/3m.bin", timeout=30))
            keep("options", session.options(base + "/1k.txt", timeout=30))
            keep("range", session.get(base + "/3m.bin", headers={"Range": "bytes=-5000"}, timeout=30))
            keep("form", session.post(base + "/app/form", data={"a": ["1", "2"], "b": "ä"}, timeout=30))
            keep("json", session.post(base + "/echo", json={"a": [1, None]}, timeout=30))
            keep("generator", session.post(base + "/echo", data=pieces(40, 9000), timeout=30))
            with open(site.path("3m.bin"), "rb") as file:
                keep("put of a file", session.put(base + "/store/file", data=file, timeout=30))
                file.seek(0)
                files = {"one": ("one.bin", b"1" * 500000), "two": file}
                keep("files", session.post(base + "/app/form", data={"text": "x"}, files=files, timeout=30))
            keep("delete", session.delete(base + "/store/file", timeout=30))
            keep("password", session.get(base + "/private", auth=("somebody", "secret"), timeout=30))
            keep("no password", session.get(base + "/private", timeout=30))
            got = session.get(base + "/100m.bin", stream=True, timeout=30)
            told.append(sum(len(data) for data in got.iter_content(1 << 17)))
        return told
    compare(site, ports, secure, run)


# --- a stream of events ---

@BOTH
def test_events_without_delay(ports, ca, secure):
    """An event is here before the next one leaves, 50 ms later: most at least, a busy machine may hold some."""
    base = f"http{'s' if secure else ''}://localhost:{ports[secure]}"
    with requests.Session() as session:
        session.trust_env, session.verify = False, ca.cert
        got = session.get(base + "/app/events", stream=True, timeout=30)
        late = [time.time() * 1000 - int(line[6:]) for line in got.iter_lines(chunk_size=1) if line.startswith(b"data: ")]
    assert len(late) == 20
    assert sorted(late)[10] < 45, f"ms after they left: {late}"


# --- websockets ---

def message(number):
    sizes = (0, 1, 125, 126, 65535, 65536, 200000)
    size = sizes[number % 1000] if number % 1000 < len(sizes) else number % 150
    return bytes([number % 256]) * size if number % 2 else chr(97 + number % 26) * size


async def echo(url, count, context, in_flight=100, **options):
    """Sends count messages, never more than in_flight ahead of their echoes; all must come back in order."""
    async with websockets.connect(url, ssl=context, max_size=None, ping_interval=None, **options) as socket:
        room = asyncio.Semaphore(in_flight)

        async def send():
            for number in range(count):
                await room.acquire()
                await socket.send(message(number))
        sender = asyncio.ensure_future(send())
        for number in range(count):
            assert await asyncio.wait_for(socket.recv(), 30) == message(number), number
            room.release()
        await sender
        took = await asyncio.wait_for(await socket.ping(), 10)
        await socket.send("close 3999")
        with pytest.raises(websockets.ConnectionClosedError) as closed:
            await socket.recv()
        return took is not False, closed.value.code, closed.value.reason


def through(ports, ca, secure, count, **options):
    context = ssl.create_default_context(cafile=ca.cert) if secure else None
    return asyncio.run(echo(f"ws{'s' if secure else ''}://localhost:{ports[secure]}/socket", count, context, **options))


@BOTH
@pytest.mark.parametrize("compression", [None, "deflate"])
def test_websocket_echo(ports, ca, secure, compression):
    assert through(ports, ca, secure, 3000, compression=compression) == (True, 3999, "as asked")


@BOTH
@pytest.mark.long
def test_websocket_echo_of_100000(ports, ca, secure):
    assert through(ports, ca, secure, 100000, compression=None) == (True, 3999, "as asked")


@BOTH
def test_many_websockets(ports, ca, secure):
    """50 at once, each its own messages."""
    context = ssl.create_default_context(cafile=ca.cert) if secure else None

    async def all_of_them():
        url = f"ws{'s' if secure else ''}://localhost:{ports[secure]}/socket"
        return await asyncio.gather(*(echo(url, 100, context, 5) for _ in range(50)))
    assert set(asyncio.run(all_of_them())) == {(True, 3999, "as asked")}


@BOTH
def test_large_message(ports, ca, secure):
    """20 MiB in one frame and back."""
    context = ssl.create_default_context(cafile=ca.cert) if secure else None

    async def one():
        url = f"ws{'s' if secure else ''}://localhost:{ports[secure]}/socket"
        async with websockets.connect(url, ssl=context, max_size=None, compression=None) as socket:
            data = os.urandom(1 << 20) * 20
            await socket.send(data)
            return await socket.recv() == data
    assert asyncio.run(one())
