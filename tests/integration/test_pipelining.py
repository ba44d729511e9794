"""Requests sent ahead: each is answered, in order, whole, wherever the bytes are cut; also to a client that sends no more."""
import hashlib
import random
import socket

import pytest

import backends
from wire import Client, answer, chunked, request


def seen(got):
    """An answer that only this request can get: its target and its body."""
    return f"{got.target} {hashlib.sha256(got.body).hexdigest()}".encode()


def told(conn):
    while (got := conn.read_request()) is not None:
        conn.send(answer(body=seen(got)))


def flood(rng, count):
    """Requests of every size and framing, and what each must be answered."""
    wire, wanted = b"", []
    for i in range(count):
        target = f"/{i}/" + "x" * rng.choice([0, 10, 200, 3000])
        body = rng.randbytes(rng.choice([0, 1, 63, 64, 65, 700, 5000]))
        if not body:
            wire += request(target=target, fields=[("Pad", "p" * rng.choice([0, 50, 2000]))])
        elif rng.random() < 0.5:
            wire += request("POST", target, body=body)
        else:
            cut = rng.randrange(len(body) + 1)
            pieces = [piece for piece in (body[:cut], body[cut:]) if piece]
            wire += request("POST", target, fields=[("Transfer-Encoding", "chunked")]) + chunked(*pieces)
        wanted.append(f"{target} {hashlib.sha256(body).hexdigest()}".encode())
    return wire, wanted


@pytest.mark.parametrize("seed", range(6))
def test_a_flood_is_answered_in_order(serve, seed):
    rng = random.Random(seed)
    _, _, port = serve(told)
    wire, wanted = flood(rng, 120)
    with Client(port) as client:
        client.sock.settimeout(30)
        at = 0
        answers = []
        while at < len(wire) or len(answers) < len(wanted):
            if at < len(wire):
                step = rng.choice([1, 7, 1000, 4096, 20000, 100000])
                client.send(wire[at:at + step])
                at += step
            if at >= len(wire) or rng.random() < 0.3:
                while len(answers) < len(wanted) and (at >= len(wire) or has_bytes(client)):
                    answers.append(client.response().body)
        assert answers == wanted


def has_bytes(client):
    client.sock.setblocking(False)
    try:
        return bool(client.sock.recv(1, socket.MSG_PEEK))
    except BlockingIOError:
        return False
    finally:
        client.sock.settimeout(30)


def test_all_are_answered_to_a_client_that_sends_no_more(serve):
    _, _, port = serve(told)
    wire, wanted = flood(random.Random(99), 30)
    with Client(port) as client:
        client.send(wire)
        client.half_close()
        got = [client.response() for _ in wanted]
        assert [one.body for one in got] == wanted
        assert [one.get("Connection") for one in got[:-1]] == [None] * (len(got) - 1)
        assert client.is_closed()


def test_a_bad_one_in_the_row_ends_it(serve):
    _, behind, port = serve(told)
    with Client(port) as client:
        client.send(request(target="/1") + b"GET /2 HTTP/1.1\r\nHost : example.com\r\n\r\n" + request(target="/3"))
        assert client.response().status == 200
        assert client.response().status == 400
        assert client.is_closed()
    assert [got.target for got in behind.requests] == ["/1"]
