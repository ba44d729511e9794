"""`upgrade = websocket`: a tunnel that opens only on the 101 that names it (issue of the front door, RFC 6455)."""
import asyncio
import base64
import hashlib
import threading
import time

import pytest

import gateway as program
import procs
import wire
from wire import Client, answer, request

KEY = base64.b64encode(b"0123456789abcdef").decode()
ASK = [("Connection", "Upgrade"), ("Upgrade", "websocket"), ("Sec-WebSocket-Key", KEY), ("Sec-WebSocket-Version", "13")]


def accept_of(key):
    return base64.b64encode(hashlib.sha1((key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest()).decode()


def switching(got, more=b""):
    return (f"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            f"Sec-WebSocket-Accept: {accept_of(got.get('Sec-WebSocket-Key', ''))}\r\n\r\n").encode() + more


def echoing(conn):
    got = conn.read_head()
    conn.send(switching(got))
    while conn.reader.buffer or conn.reader.more():
        data = bytes(conn.reader.buffer)
        conn.reader.buffer.clear()
        conn.send(data)


@pytest.fixture
def tunnel(serve):
    def make(script=echoing, route="", **more):
        return serve(script, route="upgrade = websocket\n" + route, **more)
    return make


def test_tunnel_echo(tunnel):
    running, behind, port = tunnel()
    with Client(port) as client:
        client.send(request(fields=ASK))
        got = client.reader.head()
        assert got.status == 101 and got.get("Upgrade", "").lower() == "websocket"
        assert got.get("Connection", "").lower() == "upgrade" and got.get("Sec-WebSocket-Accept") == accept_of(KEY)
        for i in range(100):
            client.send(b"frame %d." % i)
            assert client.reader.exactly(len(b"frame %d." % i)) == b"frame %d." % i
    seen = behind.requests[0]
    assert seen.get("Upgrade", "").lower() == "websocket" and seen.get("Connection", "").lower() == "upgrade"
    assert seen.get("X-Forwarded-For") == "127.0.0.1"
    line = running.access(1)[0]
    assert line["status"] == 101 and line["cause"] in ("ok", "client_abort")


def test_bytes_sent_early_wait(tunnel):
    """What the client sends behind its request goes on only after the 101; what the backend sends with it is kept."""
    early = []

    def script(conn):
        got = conn.read_head()
        time.sleep(0.3)
        early.append(bytes(conn.reader.buffer))
        conn.send(switching(got, b"hello at once"))
        conn.send(conn.reader.exactly(5))
    _, _, port = tunnel(script)
    with Client(port) as client:
        client.send(request(fields=ASK) + b"early")
        assert client.reader.head().status == 101
        assert client.reader.exactly(18) == b"hello at onceearly"
    assert early == [b""]


def test_refused_upgrade_is_an_ordinary_answer(tunnel):
    _, behind, port = tunnel(lambda conn: [conn.send(answer("403 Forbidden", body=b"no")) for _ in iter(conn.read_request, None)])
    with Client(port) as client:
        got = client.ask(fields=ASK)
        assert got.status == 403 and got.body == b"no" and "Upgrade" not in got
        assert client.ask(fields=ASK).status == 403


def test_not_on_other_routes(serve):
    """Upgrade is removed: the backend sees an ordinary request."""
    _, behind, port = serve()
    with Client(port) as client:
        assert client.ask(fields=ASK).status == 200
    assert "Upgrade" not in behind.requests[0]


@pytest.mark.parametrize("upgrade", ["h2c", "websocket, h2c", "tls/1.0"])
def test_only_websocket(tunnel, upgrade):
    def script(conn):
        while (got := conn.read_request()) is not None:
            conn.send(answer(fields=[("X-Upgrade", got.get("Upgrade", "none"))]))
    _, _, port = tunnel(script)
    with Client(port) as client:
        got = client.ask(fields=[("Connection", "Upgrade"), ("Upgrade", upgrade)])
        assert got.status == 400 or got.get("X-Upgrade") == "none"


@pytest.mark.parametrize("raw", [
    b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n",
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n",
    b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
], ids=["another", "no Connection", "bare"])
def test_a_101_that_does_not_name_it(tunnel, raw):
    def script(conn):
        conn.read_head()
        conn.send(raw)
        conn.reader.rest()
    _, behind, port = tunnel(script)
    with Client(port) as client:
        assert client.ask(fields=ASK).status == 502
    assert procs.wait_for(lambda: behind.conns[0].reader.is_ended, 2)


def test_tunnel_idle(tunnel):
    _, _, port = tunnel(route="tunnel_idle = 2s")
    with Client(port) as client:
        client.send(request(fields=ASK))
        assert client.reader.head().status == 101
        for _ in range(5):
            time.sleep(0.5)
            client.send(b"x")
            assert client.reader.exactly(1) == b"x"
        began = time.monotonic()
        client.reader.rest()
        assert 1.5 < time.monotonic() - began < 10


def test_client_ends_the_tunnel(tunnel):
    closed = threading.Event()

    def script(conn):
        conn.send(switching(conn.read_head()))
        conn.reader.rest()
        closed.set()
    _, _, port = tunnel(script)
    client = Client(port)
    client.send(request(fields=ASK))
    assert client.reader.head().status == 101
    client.close()
    assert closed.wait(3)


def test_backend_ends_the_tunnel(tunnel):
    _, _, port = tunnel(lambda conn: conn.send(switching(conn.read_head(), b"bye")))
    with Client(port) as client:
        client.send(request(fields=ASK))
        assert client.reader.head().status == 101
        assert client.reader.rest() == b"bye"


def test_backpressure_in_the_tunnel(tunnel):
    """The client does not read: the backend is paused; then all of it arrives."""
    sent = [0]

    def script(conn):
        conn.send(switching(conn.read_head()))
        for _ in range(256):
            conn.send(b"x" * 65536)
            sent[0] += 65536
    running, _, port = tunnel(script)
    with Client(port) as client:
        client.send(request(fields=ASK))
        client.reader.head()
        time.sleep(1)
        assert sent[0] < 14 << 20
        assert len(client.reader.rest()) == 256 * 65536


@pytest.mark.parametrize("secure", [False, True], ids=["ws", "wss"])
@pytest.mark.parametrize("count", [2000, pytest.param(100000, marks=pytest.mark.long)])
def test_real_websockets(gateway, leaf, ca, port, secure, count):
    websockets = pytest.importorskip("websockets")
    behind = program.free_port()

    async def echo(socket, *_):
        async for message in socket:
            await socket.send(message)

    async def talk():
        async with websockets.serve(echo, "127.0.0.1", behind, max_size=None):
            gateway(program.ini(port, behind, route="upgrade = websocket", tls=[leaf] if secure else None))
            scheme = "wss" if secure else "ws"
            options = {"ssl": wire.context(ca.cert), "server_hostname": "example.com"} if secure else {}
            async with websockets.connect(f"{scheme}://example.com:{port}/x", host="127.0.0.1", port=port, max_size=None,
                                          **options) as client:
                for i in range(count // 100):
                    batch = [f"message {i} {j} " + "x" * (j * 20) for j in range(100)]
                    for text in batch:
                        await client.send(text)
                    for text in batch:
                        assert await client.recv() == text
                big = "y" * 3_000_000
                await client.send(big)
                assert await client.recv() == big
                await (await client.ping())
    asyncio.run(asyncio.wait_for(talk(), 600))
