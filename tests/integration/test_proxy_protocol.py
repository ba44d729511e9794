"""threats, proxyhdr: the PROXY header of a balancer: believed from trusted peers alone, exactly one, and not a byte behind it is lost."""
import struct
import time

import pytest

import gateway as program
import procs
import wire
from wire import Client, request

SIGN = b"\r\n\r\n\0\r\nQUIT\n"
TRUST = "trusted = 127.0.0.1/32"


def v1(source="192.0.2.1", destination="198.51.100.7", family="TCP4", ports=(54321, 8443)):
    return f"PROXY {family} {source} {destination} {ports[0]} {ports[1]}\r\n".encode()


def v2(body=None, command=0x21, family=0x11, tlvs=b""):
    if body is None:
        body = bytes([192, 0, 2, 1, 198, 51, 100, 7]) + struct.pack(">HH", 54321, 8443)
    return SIGN + bytes([command, family]) + struct.pack(">H", len(body + tlvs)) + body + tlvs


def v6():
    return v2(bytes.fromhex("20010db8" + "00" * 11 + "01" + "20010db8" + "00" * 11 + "02")
              + struct.pack(">HH", 54321, 8443), family=0x21)


VPC_ENDPOINT = b"\xea\0\x17\x01vpce-08d2bf15fac5001c9\x04\0\x05     "

NAMED = {
    "v1": (v1(), "192.0.2.1"), "v1 TCP6": (v1("2001:db8::1", "2001:db8::2", "TCP6"), "2001:db8::1"),
    "v1 mapped": (v1("::ffff:192.0.2.1", "::ffff:198.51.100.7", "TCP6"), "192.0.2.1"),
    "v2": (v2(), "192.0.2.1"), "v2 TCP6": (v6(), "2001:db8::1"), "v2 TLVs": (v2(tlvs=VPC_ENDPOINT), "192.0.2.1"),
    "v2 long TLV": (v2(tlvs=b"\xee\x0f\xa0" + b"x" * 4000), "192.0.2.1"),
}

UNNAMED = {
    "v1 UNKNOWN": b"PROXY UNKNOWN\r\n", "v2 LOCAL": v2(b"", 0x20, 0), "v2 LOCAL with addresses": v2(command=0x20),
    "v2 UNSPEC": v2(b"", family=0),
}

BAD = {
    "v1 port": v1(ports=(1, 65536)), "v1 LF": v1().replace(b"\r", b""), "v1 too long": b"PROXY UNKNOWN " + b"x" * 120,
    "v2 version": v2(command=0x11), "v2 UDP": v2(family=0x12), "v2 TLV": v2(tlvs=b"\4\0\2x"),
    "v2 checksum": v2(tlvs=b"\3\0\4abcd"), "v2 too long": SIGN + b"\x21\x11\xff\xff",
}


def listen(serve, use="required", **parts):
    return serve(gateway=parts.pop("gateway", TRUST), listener=f"proxy_protocol = {use}\n" + parts.pop("listener", ""),
                 **parts)


def over_tls(client, header):
    """The header goes in front of the hello, as it is."""
    client.send(header)
    client.sock = wire.context().wrap_socket(client.sock, suppress_ragged_eofs=False)
    client.reader = wire.Reader(client.sock)
    return client


@pytest.mark.parametrize("use", ["optional", "required"])
@pytest.mark.parametrize("name", NAMED)
def test_client_is_named(serve, use, name):
    header, address = NAMED[name]
    running, behind, port = listen(serve, use)
    with Client(port) as client:
        client.send(header + request())
        assert client.response().status == 200
        assert client.ask(fields=[("X-Forwarded-For", "6.6.6.6"), ("X-Forwarded-Port", "1")]).status == 200
    for got in behind.requests:
        assert got.all("X-Forwarded-For") == [address]
        assert got.all("X-Forwarded-Port") == ["8443"]
    line = running.access(2)[0]
    assert line["client"] == address and line["peer"].startswith("127.0.0.1:")


@pytest.mark.parametrize("name", UNNAMED)
def test_balancer_speaks_for_itself(serve, name):
    """LOCAL and its like: the peer is the client, and trusted."""
    running, behind, port = listen(serve)
    with Client(port) as client:
        client.send(UNNAMED[name] + request(fields=[("X-Forwarded-For", "203.0.113.9")]))
        assert client.response().status == 200
        assert client.ask(target="/healthz").body == b"ok\n"
    assert behind.requests[0].all("X-Forwarded-For") == ["203.0.113.9, 127.0.0.1"]
    assert behind.requests[0].all("X-Forwarded-Port") == [str(port)]
    assert running.access(1)[0]["client"].startswith("203.0.113.9")


def test_trusted_client_behind_the_header(serve):
    """A balancer behind a balancer: the client that the header names is itself in trusted."""
    _, behind, port = listen(serve, gateway="trusted = 127.0.0.1/32, 192.0.2.0/24")
    with Client(port) as client:
        client.send(v2() + request(fields=[("X-Forwarded-For", "203.0.113.9")]))
        assert client.response().status == 200
    assert behind.requests[0].all("X-Forwarded-For") == ["203.0.113.9, 192.0.2.1"]


@pytest.mark.parametrize("header", [v1(), v2(tlvs=VPC_ENDPOINT)], ids=["v1", "v2"])
def test_over_tls(serve, leaf, header):
    _, behind, port = listen(serve, tls=[leaf])
    for _ in range(3):
        with Client(port) as client:
            assert over_tls(client, header).ask().status == 200
    assert {got.get("X-Forwarded-For") for got in behind.requests} == {"192.0.2.1"}
    assert {got.get("X-Forwarded-Proto") for got in behind.requests} == {"https"}


@pytest.mark.parametrize("header", [v1(), v2(tlvs=VPC_ENDPOINT)], ids=["v1", "v2"])
@pytest.mark.parametrize("use", ["optional", "required"])
def test_byte_by_byte(serve, use, header):
    running, behind, port = listen(serve, use)
    with Client(port) as client:
        client.send_slowly(header + request(), pause=0.002)
        assert client.response().status == 200
    assert behind.requests[0].get("X-Forwarded-For") == "192.0.2.1"
    with Client(port) as client:
        client.send(header[:-1])
        time.sleep(0.2)
        before = procs.cpu_us(running.workers()[0])
        time.sleep(0.5)
        assert procs.cpu_us(running.workers()[0]) - before < 100000, "it waits without turning"
        client.send(header[-1:])
        assert client.ask().status == 200


def test_byte_by_byte_over_tls(serve, leaf):
    _, behind, port = listen(serve, tls=[leaf])
    with Client(port) as client:
        client.send_slowly(v2()[:-1], pause=0.002)
        assert over_tls(client, v2()[-1:]).ask().status == 200
    assert behind.requests[0].get("X-Forwarded-For") == "192.0.2.1"


@pytest.mark.parametrize("use", ["optional", "required"])
@pytest.mark.parametrize("name", BAD)
def test_broken_header_is_closed(serve, use, name):
    _, behind, port = listen(serve, use)
    with Client(port) as client:
        client.send(BAD[name] + request())
        assert client.is_closed()
    assert not behind.conns


@pytest.mark.parametrize("first", [v1(), v2(), v2(b"", 0x20, 0)], ids=["v1", "v2", "local"])
@pytest.mark.parametrize("second", [v1("192.0.2.66"), v2()], ids=["v1", "v2"])
def test_second_header_is_garbage(serve, first, second):
    """A balancer passes on what its client sends: a second header is the client's own."""
    _, behind, port = listen(serve)
    with Client(port) as client:
        client.send(first + second + request())
        assert client.response().status == 400
        client.reader.rest()
    assert not behind.conns


def test_second_header_over_tls(serve, leaf):
    _, behind, port = listen(serve, tls=[leaf])
    with Client(port) as client:
        client.send(v2() + v2())
        client.reader.rest()
        assert b"HTTP" not in client.reader.raw
    assert not behind.conns


@pytest.mark.parametrize("header", [v1(), v2()], ids=["v1", "v2"])
def test_not_trusted(serve, header):
    """From anybody else the bytes are what they are, and where a header is required nothing is read at all."""
    _, behind, port = listen(serve, "optional", gateway="trusted = 192.0.2.0/24")
    with Client(port) as client:
        client.send(header + request())
        assert client.response().status == 400
    assert not behind.conns
    with Client(port) as client:
        assert client.ask(fields=[("X-Forwarded-For", "6.6.6.6")]).status == 200
    assert behind.requests[0].all("X-Forwarded-For") == ["127.0.0.1"]


def test_not_trusted_where_required(serve, leaf):
    _, behind, port = listen(serve, gateway="trusted = 192.0.2.0/24\nhealth_path = /up")
    for data in (b"", request(), v1() + request(), v2() + request(), request(target="/up")):
        with Client(port) as client:
            try:
                client.send(data)
            except (BrokenPipeError, ConnectionResetError):
                continue
            assert client.is_closed()
    assert not behind.conns


def test_not_trusted_over_tls(serve, leaf):
    _, behind, port = listen(serve, "optional", gateway="trusted = 192.0.2.0/24", tls=[leaf])
    with Client(port) as client:
        client.send(v2() + b"\x16\x03\x01\x02\0\x01\0")
        client.reader.rest()
    with Client(port, wire.context()) as client:
        assert client.ask().status == 200
    assert len(behind.requests) == 1


def test_off_reads_none(serve):
    _, behind, port = listen(serve, "off")
    with Client(port) as client:
        client.send(v1() + request())
        assert client.response().status == 400
    assert not behind.conns


def test_optional_without(serve):
    """Decided by the first bytes: methods that begin like a header, and an empty line in front."""
    _, behind, port = listen(serve, "optional", listener="methods = GET, POST, PUT, PROPFIND, OPTIONS")
    for data in (request(), request("POST"), request("PUT"), request("PROPFIND"), b"\r\n\r\n" + request()):
        with Client(port) as client:
            client.send_slowly(data, pause=0.001)
            assert client.response().status == 200
    assert {got.get("X-Forwarded-For") for got in behind.requests} == {"127.0.0.1"}


def test_health_without_header(serve):
    """Spec 4.3: health is answered with or without; all else is closed."""
    running, behind, port = listen(serve, gateway=TRUST + "\nready_path = /readyz")
    with Client(port) as client:
        assert client.ask(target="/healthz").body == b"ok\n"
        assert client.ask(target="/readyz").status == 200
        client.send(request())
        assert client.is_closed()
    with Client(port) as client:
        client.send(v2() + request(target="/healthz"))
        assert client.response().body == b"ok\n"
        assert client.ask().status == 200
    assert len(behind.requests) == 1
    dropped = running.access(2)[0]
    assert dropped["path"] == "/" and dropped["at"] == "header" and dropped["client"] == "127.0.0.1"


def test_health_without_header_over_tls(serve, leaf):
    _, behind, port = listen(serve, tls=[leaf])
    with Client(port, wire.context()) as client:
        assert client.ask(target="/healthz").body == b"ok\n"
        client.send(request())
        client.reader.rest()
        assert not client.reader.raw.endswith(b"ok") and client.reader.raw.count(b"HTTP/1.1") == 1
    assert not behind.conns


@pytest.mark.parametrize("begun", [b"", v2()[:20], v1()[:20], b"\r\n"], ids=["nothing", "v2", "v1", "CRLF"])
def test_header_is_waited_for_and_no_longer(serve, begun):
    _, _, port = listen(serve, listener="header_timeout = 400ms")
    with Client(port) as client:
        client.send(begun)
        assert client.is_quiet(0.2)
        assert client.is_closed(2)
    with Client(port) as client:
        client.send(begun)
        client.half_close()
        assert client.is_closed(0.3), "no more can come"


def test_header_counts_as_handshake(serve, leaf):
    _, _, port = listen(serve, listener="tls_timeout = 2s", tls=[leaf])
    with Client(port) as client:
        began = time.monotonic()
        time.sleep(1.5)
        client.send(v2())
        client.reader.rest()
        assert time.monotonic() - began < 3.3, "not 2 s from the header on"


def test_trusted_is_needed(check):
    text = program.ini(8080, 8081, listener="proxy_protocol = required")
    assert "proxy_protocol needs trusted" in "".join(str(part) for part in check(text))


def test_nothing_stays_behind(serve):
    """10,000 of all kinds, most of them broken: as many descriptors as before."""
    running, _, port = listen(serve, pool="backend_idle = 1s")
    pieces = [v1() + request(), v2() + request(), *BAD.values(), v1()[:9], v2()[:14], b"", v2(), v2() + v2(), request()]
    with Client(port) as client:
        client.send(v2() + request())
        assert client.response().status == 200
    worker = running.workers()[0]
    assert procs.wait_for(lambda: not procs.peers(worker, port), 5)
    before = len(procs.descriptors(worker))
    for i in range(10000):
        with Client(port) as client:
            client.send(pieces[i % len(pieces)])
            if i % 3 == 0:
                client.reset()
    assert procs.wait_for(lambda: len(procs.descriptors(worker)) <= before, 10)
    assert running.workers() == [worker]
