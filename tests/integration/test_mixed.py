"""10,000 mixed requests before a real nginx: every byte as without the gateway, no error, memory flat (must show 2)."""
import hashlib
import http.client
import os
import random
import re
import socket
import ssl
import subprocess
import threading
import time

import pytest

import gateway as program
import procs
import wire

OURS = {"date", "via", "connection", "server", "keep-alive", "transfer-encoding", "content-length", "strict-transport-security",
        "x-content-type-options", "x-frame-options", "referrer-policy", "location"}
MODES = ["plain", "tls1.2", "tls1.3"]
MIB = 1 << 20


@pytest.fixture(scope="module")
def site(nginx):
    """Files of every size that matters, in nginx."""
    content = random.Random(7).randbytes(3 * MIB)
    sizes = {"empty.bin": 0, "one.bin": 1, "1k.bin": 1024, "16k.bin": 16384, "64k.bin": 65536, "64k1.bin": 65537, "1m.bin": MIB,
             "3m.bin": 3 * MIB}
    for name, size in sizes.items():
        nginx.file(name, content[:size])
    with open(nginx.file("100m.bin", b""), "wb") as file:
        for _ in range(100):
            file.write(content[:MIB])
    nginx.sizes = sizes
    return nginx


@pytest.fixture
def way(gateway, site, leaf, ca):
    """way(mode): a gateway before nginx; returns (gateway, port, http.client connection maker)."""
    def make(mode, certificate=leaf, **parts):
        port = program.free_port()
        secure = mode != "plain"
        running = gateway(program.ini(port, site.port, tls=[certificate] if secure else None, listener="body_max = 200m\nmax_requests_per_connection = 100000",
                                      log="access = off", **parts))
        version = {"tls1.2": ssl.TLSVersion.TLSv1_2, "tls1.3": ssl.TLSVersion.TLSv1_3}.get(mode)
        context = wire.context(ca.cert, version, version) if secure else None

        def connect():
            if not secure:
                return http.client.HTTPConnection("127.0.0.1", port, timeout=60)
            made = http.client.HTTPSConnection("example.com", port, timeout=60, context=context)
            made._create_connection = lambda _, *more: socket.create_connection(("127.0.0.1", port), 60)
            return made
        return running, port, connect
    return make


def ask(connection, method, target, headers, body):
    connection.request(method, target, body, {"Host": "example.com", **headers}, encode_chunked=headers.get("Transfer-Encoding") == "chunked")
    got = connection.getresponse()
    data = got.read()
    fields = sorted((name.lower(), value) for name, value in got.getheaders() if name.lower() not in OURS)
    several = re.search("boundary=(\\d+)", got.getheader("Content-Type") or "")
    if several:                         # nginx takes another boundary each time
        data = data.replace(several.group(1).encode(), b"boundary")
        fields = [(name, value.replace(several.group(1), "boundary")) for name, value in fields]
    length = got.getheader("Content-Length") if method == "HEAD" else None
    return got.status, fields, hashlib.sha256(data).digest(), len(data), length


def requests(rng, site):
    """An endless mix of (method, target, headers, body)."""
    while True:
        name = rng.choice(list(site.sizes))
        size = site.sizes[name]
        kind = rng.randrange(12)
        if kind < 4:
            yield "GET", f"/{rng.choice(['one.bin', '1k.bin', '16k.bin', name])}", {}, None
        elif kind == 4:
            yield "HEAD", f"/{name}", {}, None
        elif kind == 5 and size > 1:
            first = rng.randrange(size)
            yield "GET", f"/{name}", {"Range": f"bytes={first}-{min(first + rng.randrange(70000), size - 1)}"}, None
        elif kind == 6:
            yield "GET", "/64k.bin", {"Range": f"bytes=0-{rng.randrange(1, 99)},{rng.randrange(200, 300)}-{rng.randrange(300, 9999)}"}, None
        elif kind == 7:
            yield "POST", "/echo", {}, rng.randbytes(rng.choice([0, 1, 100, 5000, 70000]))
        elif kind == 8:
            pieces = [rng.randbytes(rng.randrange(1, 20000)) for _ in range(rng.randrange(4))]
            yield "POST", "/echo", {"Transfer-Encoding": "chunked"}, pieces
        elif kind == 9:
            yield "GET", "/chunked/", {}, None
        elif kind == 10:
            yield "GET", rng.choice(["/empty", "/moved", "/gone", "/none"]), {}, None
        else:
            yield "GET", f"/{name}", {"If-None-Match": "*", "Accept": "text/html,*/*;q=0.5", "Cookie": "a=b; c=d"}, None


def compare(connect, site, seed, count, wrong):
    rng = random.Random(seed)
    stream = requests(rng, site)
    through, direct = connect(), http.client.HTTPConnection("127.0.0.1", site.port, timeout=60)
    try:
        for _ in range(count):
            method, target, headers, body = next(stream)

            def fresh(body=body):
                return iter(list(body)) if isinstance(body, list) else body
            want = ask(direct, method, target, headers, fresh())
            got = ask(through, method, target, headers, fresh())
            if want != got:
                wrong.append((method, target, headers, want, got))
    except Exception as error:          # pylint: disable=broad-except
        wrong.append(repr(error))
    finally:
        through.close()
        direct.close()


@pytest.mark.parametrize("mode", MODES)
def test_mixed_is_as_direct(way, site, mode, request):
    """Each request goes both ways and the answers are compared."""
    total = 3400 // program.SLOW
    if request.config.getoption("--long"):
        total *= 10
    running, _, connect = way(mode)
    worker = running.workers()[0]
    wrong = []
    compare(connect, site, 0, 100, wrong)
    before = procs.memory(worker, "Pss_Anon")
    threads = [threading.Thread(target=compare, args=(connect, site, seed, total // 4, wrong)) for seed in range(1, 5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong, wrong[:3]
    if not program.SAN:
        assert procs.memory(worker, "Pss_Anon") - before < 2048, "KiB more than before"
    assert worker in running.workers(), "the same worker to the end"


@pytest.mark.parametrize("mode", MODES)
def test_hundred_megabytes_down(way, site, mode):
    running, _, connect = way(mode)
    peak, stop = watch(running.workers()[0])
    connection = connect()
    connection.request("GET", "/100m.bin", headers={"Host": "example.com"})
    got, digest, count = connection.getresponse(), hashlib.sha256(), 0
    while data := got.read(1 << 18):
        digest.update(data)
        count += len(data)
    connection.close()
    stop()
    with open(f"{site.folder}/files/100m.bin", "rb") as file:
        assert count == 100 * MIB and digest.digest() == hashlib.sha256(file.read()).digest()
    assert flat(peak), peak


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("coding", ["length", "chunked"])
def test_hundred_megabytes_up(way, site, mode, coding):
    running, _, connect = way(mode)
    peak, stop = watch(running.workers()[0])
    block = random.Random(3).randbytes(MIB)
    target = f"/store/{mode}-{coding}"
    connection = connect()
    headers = {"Host": "example.com"}
    if coding == "length":
        headers["Content-Length"] = str(100 * MIB)
    connection.request("PUT", target, (block for _ in range(100)), headers, encode_chunked=coding == "chunked")
    got = connection.getresponse()
    got.read()
    connection.close()
    stop()
    assert got.status in (201, 204)
    with open(f"{site.folder}/files{target}", "rb") as file:
        assert hashlib.sha256(file.read()).digest() == hashlib.sha256(block * 100).digest()
    os.unlink(f"{site.folder}/files{target}")
    assert flat(peak), peak


@pytest.mark.parametrize("mode", MODES)
def test_hundred_megabytes_both_ways_by_curl(way, site, mode, folders, ca):
    """POST of a file, and its echo, by the client that everybody has."""
    _, port, _ = way(mode)
    where = folders("curl")
    scheme = "http" if mode == "plain" else "https"
    extra = {"tls1.2": ["--tls-max", "1.2"], "tls1.3": ["--tlsv1.3"]}.get(mode, [])
    for sent in ("empty.bin", "3m.bin", "100m.bin"):
        done = subprocess.run(["curl", "-sS", "--fail", "--noproxy", "*", "--cacert", ca.cert, "--resolve", f"example.com:{port}:127.0.0.1", *extra,
                               "--data-binary", f"@{site.folder}/files/{sent}", "-o", f"{where}/got", f"{scheme}://example.com:{port}/echo"],
                              capture_output=True, timeout=300, check=False)
        assert done.returncode == 0, done.stderr
        size = os.path.getsize(f"{site.folder}/files/{sent}")
        if size:
            assert subprocess.run(["cmp", f"{where}/got", f"{site.folder}/files/{sent}"], check=False).returncode == 0


@pytest.mark.parametrize("mode", MODES)
def test_a_slow_reader_holds_no_memory(way, site, mode, ca):
    """30 clients that take 100 MB each and read little: 64 KiB a direction, whatever the body."""
    running, port, _ = way(mode)
    worker = running.workers()[0]
    version = {"tls1.2": ssl.TLSVersion.TLSv1_2, "tls1.3": ssl.TLSVersion.TLSv1_3}.get(mode)
    context = wire.context(ca.cert, version, version) if version else None
    before = procs.memory(worker, "Pss_Anon")
    clients = [wire.Client(port, context, "example.com") for _ in range(30)]
    for client in clients:
        client.send(wire.request(target="/100m.bin"))
        client.reader.head()
    for client in clients:
        client.sock.recv(1000)
    time.sleep(1)
    grown = procs.memory(worker, "Pss_Anon") - before
    for client in clients:
        client.close()
    if not program.SAN:
        assert grown < 30 * (64 + 64 + 60) + 2048, f"{grown} KiB for 30"


@pytest.mark.parametrize("mode", ["plain", "tls1.3"])
def test_wrk(way, site, mode, ca):
    """Load that a script cannot make: no error, no answer but 200, the worker alive and no larger."""
    running, port, _ = way(mode, certificate=ca.leaf("localhost"))       # wrk sends the host of its URL as SNI
    worker = running.workers()[0]
    scheme = "http" if mode == "plain" else "https"

    def wrk(path, seconds):
        done = subprocess.run(["wrk", "-t1", "-c32", f"-d{seconds}s", f"{scheme}://localhost:{port}{path}"],
                              capture_output=True, text=True, timeout=seconds + 60, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout
    for path in ("/1k.bin", "/64k1.bin", "/chunked/"):
        wrk(path, 1)
    before = procs.memory(worker, "Pss_Anon")      # with what one round of this load has taught it to keep
    for path in ("/1k.bin", "/64k1.bin", "/chunked/"):
        said = wrk(path, 2)
        assert "Non-2xx" not in said and "Socket errors" not in said, said
        assert int(re.search(r"(\d+) requests in", said).group(1)) > 100
    assert worker in running.workers()
    if not program.SAN:
        assert procs.memory(worker, "Pss_Anon") - before < 1024


def watch(pid):
    """Samples a process's own memory: ([KiB...], stop)."""
    samples, stopped = [procs.memory(pid, "Pss_Anon")], threading.Event()

    def sample():
        while not stopped.wait(0.02):
            samples.append(procs.memory(pid, "Pss_Anon"))
    thread = threading.Thread(target=sample)
    thread.start()

    def stop():
        stopped.set()
        thread.join()
    return samples, stop


def flat(samples):
    """64 KiB a direction, OpenSSL's buffers, and no more."""
    return program.SAN or max(samples) - samples[0] < 1024
