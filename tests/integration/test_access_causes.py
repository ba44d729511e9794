"""How each end of an exchange reads in its access line: status, cause, at, flags, tries and the times (spec 5)."""
import signal
import socket
import time

import pytest

import backends
import gateway as program
import procs
import wire
from page import admin, eventually
from wire import Client, answer, request

PARTIAL = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc"
POST = request("POST", fields=[("Content-Length", "100")])


def hang(conn):
    conn.read_request()
    conn.reader.rest()


def part(conn):
    conn.read_request()
    conn.send(PARTIAL)
    conn.reader.rest()


def leave(conn):
    conn.read_request()


def sent(data, then=None):
    """An act: sends this, perhaps does something else, and reads what there is to read."""
    def act(port, running):
        with Client(port) as client:
            client.send(data)
            if then:
                then(client, running)
            client.reader.rest()
    return act


def asked(*arguments, **options):
    def act(port, _):
        with Client(port) as client:
            client.ask(*arguments, **options)
    return act


def reset_when(head_came):
    def act(client, running):
        if head_came:
            client.reader.until(b"abc")
        else:
            time.sleep(0.3)
        client.reset()
        client.reader.is_ended = True
    return act


def drained(client, running):
    time.sleep(0.3)
    running.signal(signal.SIGTERM)


# name, backend's script, the gateway's extra lines, what the client does, and then the line:
# status, backend_status, cause, at, flags, tries, times that are there beside t_total
CASES = [
    ("fine", None, {}, asked(), 200, 200, "ok", None, "--", 1, "header queue connect first_byte"),
    ("answer timeout", hang, {"pool": "answer_timeout = 300ms\nretries = 0"}, asked(), 504, None, "backend_timeout", "answer",
     "sH", 1, "header queue connect"),
    ("read timeout", part, {"pool": "read_timeout = 300ms"}, asked(), 200, 200, "backend_timeout", "data", "sD", 1,
     "header queue connect first_byte"),
    ("route's timeout", hang, {"route": "timeout = 300ms"}, asked(), 504, None, "backend_timeout", "answer", "sH", 1,
     "header queue connect"),
    ("backend leaves, GET", leave, {}, asked(), 502, None, "backend_abort", "answer", "SH", 2, "header queue connect"),
    ("backend leaves, POST", leave, {}, asked("POST", body=b"x"), 502, None, "backend_abort", "answer", "SH", 1,
     "header queue connect"),
    ("backend leaves amid its answer", backends.once(PARTIAL), {}, asked(), 200, 200, "backend_abort", "data", "SD", 1,
     "header queue connect first_byte"),
    ("bad answer", backends.once(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n"), {}, asked(), 502, None,
     "backend_bad_answer", "answer", "PH", 1, "header queue connect first_byte"),
    ("client leaves before an answer", hang, {}, sent(request(), reset_when(False)), 499, None, "client_abort", "answer", "CH", 1,
     "header queue connect"),
    ("client leaves amid the answer", part, {}, sent(request(), reset_when(True)), 200, 200, "client_abort", "data", "CD", 1,
     "header queue connect first_byte"),
    ("client leaves amid its body", hang, {}, sent(POST + b"abc", reset_when(False)), 499, None, "client_abort", "body", "CD", 1,
     "header queue connect"),
    ("client leaves amid its head", None, {}, sent(b"GET / HT", reset_when(False)), 499, None, "client_abort", "header", "CR", 0,
     ""),
    ("slow head", None, {"listener": "header_timeout = 300ms"}, sent(b"GET / HT"), 408, None, "client_timeout", "header", "cR", 0,
     ""),
    ("too large by its length", None, {"listener": "body_max = 10"}, sent(POST), 413, None, "too_large", "header", "PR", 0,
     "header"),
    ("too large as it comes", hang, {"listener": "body_max = 10"},
     sent(request("POST", fields=[("Transfer-Encoding", "chunked")]) + wire.chunked(b"x" * 100)), 413, None, "too_large", "body",
     "PD", 1, "header queue connect"),
    ("head too large", None, {}, sent(request(fields=[("X", "a" * 20000)])), 431, None, "too_large", "header", "PR", 0, ""),
    ("target too long", None, {}, sent(request(target="/" + "a" * 9000)), 414, None, "too_large", "header", "PR", 0, ""),
    ("malformed", None, {}, sent(b"GET / HTTP/1.1\r\nHost : a\r\n\r\n"), 400, None, "bad_request", "header", "PR", 0, ""),
    ("unknown method", None, {}, sent(request("BREW")), 501, None, "bad_request", "header", "PR", 0, ""),
    ("a method not allowed", None, {"listener": "methods = GET"}, asked("PUT"), 405, None, "bad_request", "header", "PR", 0,
     "header"),
    ("no route", None, {"route": "path = /a*"}, asked(), 404, None, "no_route", "header", "PR", 0, "header"),
    ("OPTIONS *", None, {}, asked("OPTIONS", "*"), 204, None, "ok", None, "LR", 0, "header"),
    ("cut by the end of a drain", hang, {"gateway": "drain_timeout = 1s"}, sent(request(), drained), None, None, "draining",
     "answer", "KH", 1, "header queue connect"),
]


def judge(line, status, backend_status, cause, at, flags, tries, times):
    got = [line.get(name) or None for name in ("status", "backend_status", "cause", "at", "flags")]
    assert got == [status, backend_status, cause, at, flags], line
    assert line["tries"] == tries, line
    there = {name[2:] for name, value in line.items() if name.startswith("t_") and value is not None}
    assert there == {"total", *times.split()}, line
    known = [line["t_" + name] for name in times.split()]
    assert all(0 <= one <= line["t_total"] + 0.001 for one in known), line
    assert sum(known) <= line["t_total"] + 0.001, line


@pytest.mark.parametrize("case", CASES, ids=[case[0].replace(" ", "-") for case in CASES])
def test_line(serve, case):
    _, script, parts, act, *wanted = case
    status, _, cause, where = wanted[:4]
    metrics = program.free_port()
    running, _, port = serve(script, **parts, more=admin(metrics))
    act(port, running)
    judge(running.access(1)[0], *wanted)
    if "draining" in wanted:
        assert running.wait(5) == 0
        return
    eventually(metrics, "http_ends_total", 1, cause=cause, at=where or "")
    eventually(metrics, "http_ends_total", 1)
    eventually(metrics, "http_requests_total", 1, code=str(status))


def test_nobody_listens(gateway, port):
    running = gateway(program.ini(port, program.free_port()))
    asked()(port, running)
    judge(running.access(1)[0], 502, None, "backend_refused", "connect", "SC", 2, "header queue")


def test_connect_timeout(gateway, port):
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        held = [socket.socket() for _ in range(4)]
        for one in held:
            one.setblocking(False)
            one.connect_ex(full.getsockname())
        running = gateway(program.ini(port, full.getsockname()[1], pool="connect_timeout = 200ms\nretries = 0"))
        asked()(port, running)
        judge(running.access(1)[0], 504, None, "backend_timeout", "connect", "sC", 1, "header queue")
        for one in held:
            one.close()


def test_a_second_backend_answers(gateway, backend, port):
    """Tries count; cause and backend are those of the last one; its times too."""
    good = backend()
    running = gateway(program.ini(port, program.free_port(), pool=f"backend = 127.0.0.1:{good.port}\nbalance = round_robin"))
    for _ in range(2):
        asked()(port, running)
    lines = running.access(2)
    assert sorted(line["tries"] for line in lines) == [1, 2]
    for line in lines:
        judge(line, 200, 200, "ok", None, "--", line["tries"], "header queue connect first_byte")
        assert line["backend"] == f"127.0.0.1:{good.port}"


def test_all_down(serve):
    running, _, port = serve(more="[pool:gone]\nwhen_all_down = 502\n[backend:x]\npool = gone\naddress = 127.0.0.1:9\ndown = yes\n"
                                  "[route:gone]\nhost = example.com\npool = gone\n")
    asked()(port, running)
    judge(running.access(1)[0], 502, None, "no_backend", "queue", "SQ", 0, "header")


def test_full(serve):
    """max_inflight, and no queue in front: 503 at once."""
    running, behind, port = serve(hang, pool="max_inflight = 1\nanswer_timeout = 1s\nretries = 0")
    with Client(port) as first:
        first.send(request())
        assert procs.wait_for(lambda: behind.requests, 5)
        with Client(port) as second:
            assert second.ask().status == 503
        judge(running.access(1)[0], 503, None, "queue_full", "queue", "RQ", 0, "header")


def test_no_host(gateway, backend, port):
    running = gateway(program.ini(port, backend().port).replace("host = *", "host = example.com"))
    with Client(port) as client:
        assert client.ask(host="other.example").status == 421
        assert client.ask("OPTIONS", "*", host="other.example").status == 421
    for line in running.access(2):
        judge(line, 421, None, "no_route", "header", "PR", 0, "header")
        assert line["host"] == "other.example" and line.get("route") in (None, "")


def test_slow_client(serve):
    """Below min_rate for the grace and another measure."""
    running, _, port = serve(hang, listener="min_rate = 1000/s")
    with Client(port, timeout=30) as client:
        client.send(POST + b"x")
        assert client.response().status == 408
    judge(running.access(1)[0], 408, None, "client_slow", "body", "cD", 1, "header queue connect")


def test_times_say_where_it_took_long(serve, leaf, ca):
    """Slow head, slow backend, slow body: each shows in its own field."""
    def slow(conn):
        conn.read_request()
        time.sleep(0.4)
        conn.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\na")
        time.sleep(0.6)
        conn.send(b"b")
    running, _, port = serve(slow, tls=[leaf])
    with Client(port, wire.context(ca.cert), "example.com") as client:
        client.send(request()[:10])
        time.sleep(0.2)
        client.send(request()[10:])
        assert client.response().body == b"ab"
    line = running.access(1)[0]
    assert 0.15 < line["t_header"] < 0.35 * program.SLOW and 0.35 < line["t_first_byte"] < 0.55 * program.SLOW
    assert 1.1 < line["t_total"] < 1.4 * program.SLOW and 0 <= line["t_tls"] < 0.2 * program.SLOW
    assert line["t_connect"] < 0.1


def test_bytes_are_counted(serve):
    """Heads and bodies as the client sent and got them; of a chunked request the data."""
    running, _, port = serve(backends.always(lambda got: answer(body=got.body)))
    sizes = []
    for head, body, data in ((request("POST", body=b"x" * 70000), b"", 0),
                             (request("POST", fields=[("Transfer-Encoding", "chunked")]), wire.chunked(b"a" * 10, b"b" * 20), 30)):
        with Client(port) as client:
            client.send(head + body)
            client.response()
            sizes.append((len(head) + data, len(client.reader.raw)))
    assert [(line["bytes_in"], line["bytes_out"]) for line in running.access(2)] == sizes


def test_a_tunnel_has_one_line_at_its_end(serve):
    def script(conn):
        conn.read_request()
        conn.send(b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n")
        conn.send(conn.reader.exactly(5))
        conn.reader.rest()
    running, _, port = serve(script, route="upgrade = websocket")
    head = request(fields=[("Connection", "Upgrade"), ("Upgrade", "websocket"), ("Sec-WebSocket-Version", "13"),
                           ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")])
    with Client(port) as client:
        client.send(head)
        assert client.response().status == 101
        client.send(b"hello")
        assert client.reader.exactly(5) == b"hello"
        assert running.access() == []
        came = len(client.reader.raw)
    line = running.access(1)[0]
    judge(line, 101, 101, "ok", None, "--", 1, "header queue connect first_byte")
    assert line["bytes_in"] == len(head) + 5 and line["bytes_out"] == came
