"""One line an exchange: its fields, its escapes, its causes (spec 5)."""
import json
import os
import re
import signal
import time

import pytest

import backends
import gateway as program
import procs
import wire
from wire import Client, answer, request

KEYS = """time id peer client country listener sni tls proto method host path status backend_status bytes_in bytes_out route pool
backend tries t_tls t_header t_queue t_connect t_first_byte t_total reused cause at flags rule gen""".split()


def test_json_fields(serve):
    running, behind, port = serve(backends.always(answer("201 Created", body=b"made")))
    with Client(port) as client:
        client.ask("POST", "/a/b?c=d", body=b"12345")
        sent = len(client.reader.raw)
    line = running.access(1)[0]
    assert set(line) <= set(KEYS) and set(line) >= set(KEYS) - {"country", "sni", "tls", "t_tls", "t_queue", "at", "flags", "rule"}
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line["time"])
    assert line["peer"].startswith("127.0.0.1") and line["client"] == "127.0.0.1"
    assert line["method"] == "POST" and line["host"] == "example.com" and line["path"].startswith("/a/b")
    assert line["status"] == 201 and line["backend_status"] == 201
    assert line["listener"] == "main" and line["route"] == "all" and line["pool"] == "app"
    assert line["backend"] == f"127.0.0.1:{behind.port}"
    assert line["bytes_out"] == sent, "what the client got, head and body"
    assert line["bytes_in"] > 5 and line["tries"] == 1 and line["cause"] == "ok" and line["gen"] == 1
    assert line["id"] == behind.requests[0].get("X-Request-Id")
    assert 0 <= line["t_first_byte"] <= line["t_total"] < 5


def test_reused_connections_show(serve):
    running, _, port = serve(backends.always(answer()))
    with Client(port) as client:
        client.ask()
        client.ask()
    first, second = running.access(2)
    assert not first["reused"] and second["reused"]


def test_tls_fields(serve, leaf, ca):
    running, _, port = serve(tls=[leaf])
    with Client(port, wire.context(ca.cert), "example.com") as client:
        client.ask()
    line = running.access(1)[0]
    assert line["sni"] == "example.com" and "1.3" in line["tls"] and line["t_tls"] >= 0


@pytest.mark.parametrize("act, status, cause", [
    (dict(target="/none"), 404, "no_route"),
    (dict(target="/a%00b"), 400, "bad_request"),
    (dict(fields=[("Content-Length", "1"), ("Transfer-Encoding", "chunked")]), 400, "bad_request"),
    (dict(method="POST", fields=[("Content-Length", "99999999999")]), 413, "too_large"),
    (dict(fields=[("X", "a" * 20000)]), 431, "too_large"),
])
def test_causes_of_own_answers(serve, act, status, cause):
    running, _, port = serve(route="path = /a*")
    with Client(port) as client:
        client.send(request(**{"target": "/a", **act}))
        assert client.response().status == status
    line = running.access(1)[0]
    assert line["status"] == status and line["cause"] in (cause, "bad_request")
    assert line.get("backend_status") in (None, 0)


def test_one_line_for_each_request_whatever_it_says(serve):
    """Bytes that try to end the line, the string or the terminal."""
    running, _, port = serve(backends.always(answer()))
    nasty = ['"', "\\", "\x7f", "\xff\xfe", '","status":200,"x":"', "%0d%0a", "a\tb", "\x1b[31m"]
    for text in nasty:
        with Client(port) as client:
            client.send(request(fields=[("User-Agent", text), ("Referer", text)]))
            client.response()
            client.send(request(target="/" + "".join(c for c in text if c.isalnum() or c == "%"), host="example.com"))
            try:
                client.response()
            except wire.Cut:
                pass
    time.sleep(1.5)
    for line in running.out().split("\n")[:-1]:
        assert json.loads(line)["gen"] == 1
        assert all(" " <= c <= "~" for c in line)


def test_secrets_never_appear(serve):
    running, _, port = serve(backends.always(answer(fields=[("Set-Cookie", "sid=sesame")])),
                             log="access = stdout\nredact = token, code")
    with Client(port) as client:
        client.ask(target="/x?token=sesame&keep=me&code=sesame",
                   fields=[("Authorization", "Bearer sesame"), ("Cookie", "a=sesame")])
    running.access(1)
    assert "sesame" not in running.out() and "keep=me" in running.out()
    assert "sesame" not in running.err()


def test_client_that_left_is_499(serve):
    def script(conn):
        conn.read_request()
        time.sleep(1)
    running, _, port = serve(script)
    client = Client(port)
    client.send(request())
    time.sleep(0.3)
    client.reset()
    line = running.access(1)[0]
    assert line["status"] == 499 and line["cause"] == "client_abort"


COMBINED = re.compile(r'127\.0\.0\.1 - - \[(\d\d)/([A-Z][a-z]{2})/(\d{4}):(\d\d):(\d\d):(\d\d) \+0000\] "(.*)" (\d{3}) (\d+|-) "(.*)" "(.*)"')


def test_combined(serve):
    """Apache's combined, byte for byte: body bytes, `-` for none, its escapes."""
    running, _, port = serve(backends.always(answer(body=b"hello")), log="access = stdout\nformat = combined")
    with Client(port) as client:
        client.ask(target="/a?b=c", fields=[("Referer", "http://x/?q=1"), ("User-Agent", 'say "hi" \\ \xe9')])
        client.ask("HEAD", "/h")
    assert procs.wait_for(lambda: running.out().count("\n") >= 2, 5)
    first, second = (COMBINED.fullmatch(line) for line in running.out().split("\n")[:2])
    assert first and second, running.out()
    assert first.groups()[6:] == ("GET /a?b=c HTTP/1.1", "200", "5", "http://x/?q=1", r'say \"hi\" \\ \xe9')
    assert second.groups()[6:] == ("HEAD /h HTTP/1.1", "200", "-", "-", "-")


def test_off(serve):
    running, _, port = serve(log="access = off")
    with Client(port) as client:
        client.ask()
    time.sleep(1.2)
    assert running.out() == ""


def test_off_for_a_route_or_a_listener(gateway, backend, port):
    behind = backend()
    running = gateway(program.ini(port, behind.port, route="access_log = no"))
    with Client(port) as client:
        client.ask()
    time.sleep(1.2)
    assert running.access() == []


def test_file_and_reopen(gateway, backend, port, folders):
    """USR1: what was moved away stays, new lines go to a new file; none is lost."""
    behind = backend(backends.always(answer()))
    where = folders("log")
    path = os.path.join(where, "access.log")
    running = gateway(program.ini(port, behind.port, log=f"access = {path}"))
    with Client(port) as client:
        for i in range(5):
            client.ask(target=f"/before{i}")
        assert procs.wait_for(lambda: os.path.exists(path) and open(path, encoding="ascii").read().count("\n") == 5, 5)
        os.rename(path, path + ".1")
        running.signal(signal.SIGUSR1)
        assert procs.wait_for(lambda: os.path.exists(path), 5)
        for i in range(5):
            client.ask(target=f"/behind{i}")
        assert procs.wait_for(lambda: open(path, encoding="ascii").read().count("\n") >= 5, 5)
    with open(path, encoding="ascii") as file:
        assert all(json.loads(line)["path"].startswith("/behind") for line in file)


def test_a_full_disk_stalls_nobody(gateway, backend, port):
    behind = backend(backends.always(answer(body=b"ok")))
    with open("/dev/full", "wb") as full:
        gateway(program.ini(port, behind.port), stdout=full)
    with Client(port) as client:
        for _ in range(500):
            assert client.ask().body == b"ok"


def test_a_stuck_reader_stalls_nobody(gateway, backend, port):
    """Access lines into a pipe that nobody empties: requests go on, lines are dropped."""
    behind = backend(backends.always(answer(body=b"ok")))
    reader, writer = os.pipe()
    try:
        gateway(program.ini(port, behind.port, listener="max_requests_per_connection = 100000"), stdout=writer)
        with Client(port) as client:
            for _ in range(1000):
                assert client.ask().body == b"ok"
    finally:
        os.close(writer)
        os.close(reader)
