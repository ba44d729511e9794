"""The health paths: answered first of all, to anybody, and nothing but red or green (spec 4, 3)."""
import os
import signal
import threading
import time

import pytest

import backends
import gateway as program
import procs
import wire
from wire import Client, answer, request


def test_healthy_whatever_the_host(serve):
    running, behind, port = serve(route="path = /only-here")
    with Client(port) as client:
        for host in ("example.com", "10.0.0.7", "10.0.0.7:8080", "localhost", "whatever.invalid"):
            got = client.ask(target="/healthz", host=host)
            assert got.status == 200 and got.body.split()[0] == b"ok"
        assert client.ask("HEAD", "/healthz").status == 200
        assert client.ask(target="/healthz?x=1").status == 200
    with Client(port) as client:
        client.send(request(target="/healthz", version="1.0", host="10.0.0.7"))
        assert client.response().status == 200
    assert not behind.conns
    time.sleep(0.3)
    assert not running.access(), "not in the access log"


def test_the_answer_is_fixed_and_tiny(serve):
    """Nothing in it but the word: an ELB reads no more, and nobody else should."""
    _, _, port = serve()
    with Client(port) as client:
        assert {client.ask(target="/healthz").body for _ in range(3)} == {b"ok\n"}


def test_own_path(serve):
    _, behind, port = serve(gateway="health_path = /elb/alive")
    with Client(port) as client:
        assert client.ask(target="/elb/alive").body.split()[0] == b"ok"
        assert client.ask(target="/healthz").get("X-Seen-Start") is not None, "an ordinary path now"


def test_behind_tls(serve, leaf, ca):
    """An ELB asks by address: no name, any Host."""
    _, _, port = serve(tls=[leaf])
    with Client(port, wire.context()) as client:
        assert client.ask(target="/healthz", host="10.1.2.3").body.split()[0] == b"ok"


def test_with_a_dead_backend(gateway, port):
    gateway(program.ini(port, program.free_port()))
    with Client(port) as client:
        assert client.ask(target="/healthz").status == 200


def test_no_route_at_all_is_needed(gateway, port):
    gateway(f"[listener:main]\nbind = 127.0.0.1:{port}\n[route:all]\nhost = example.com\nrespond = 200 hello\n")
    with Client(port) as client:
        assert client.ask(target="/healthz", host="x.invalid").status == 200


def test_red_while_draining(gateway, backend, port):
    """drain_delay: health turns red at once, everything else goes on, then the gateway ends."""
    behind = backend(backends.always(answer(body=b"ok")))
    running = gateway(program.ini(port, behind.port, gateway="drain_delay = 2s"))
    running.signal(signal.SIGTERM)

    def is_red():
        with Client(port) as client:
            got = client.ask(target="/healthz")
            return got.status == 503 and got.body.split()[0] == b"draining"
    assert procs.wait_for(is_red, 1.5)
    with Client(port) as client:
        assert client.ask().status == 200
    assert running.wait(8) == 0


def test_ready_path(serve):
    _, behind, port = serve(gateway="ready_path = /ready")
    with Client(port) as client:
        assert client.ask(target="/ready").status == 200
    assert not behind.conns


def test_under_load_of_slow_requests(serve):
    """Health does not queue behind anything."""
    gate = threading.Event()

    def script(conn):
        while conn.read_request():
            gate.wait(10)
            conn.send(answer(body=b"ok"))
    _, behind, port = serve(script)
    held = [Client(port) for _ in range(50)]
    for client in held:
        client.send(request())
    assert procs.wait_for(lambda: len(behind.requests) == 50, 5 * program.SLOW)
    began = time.monotonic()
    with Client(port) as client:
        assert client.ask(target="/healthz").status == 200
    assert time.monotonic() - began < 8, "not behind those that wait for 10 s"
    gate.set()
    for client in held:
        assert client.response().status == 200
        client.close()


def test_healthcheck_command(serve, folders):
    running, _, _ = serve()
    code, _, err = program.command("healthcheck", "-c", running.config)
    assert code == 0, err
    other = program.write_config(folders("off"), program.ini(program.free_port(), 1))
    assert program.command("healthcheck", "-c", other)[0] == 1


ACTIVATE = os.path.join(os.path.dirname(program.__file__), "activate.py")
HIDDEN = {
    "passed": ("bind = fd:web", ""),
    "balancers": ("bind = 127.0.0.1:{port}\nproxy_protocol = required", "trusted = 127.0.0.9/32\n"),
}


@pytest.mark.parametrize("how", HIDDEN)
def test_healthcheck_where_no_listener_can_be_asked(gateway, port, how):
    """As the packaged unit has it: the monitor is asked, which says no from the moment of a drain on."""
    listener, more = HIDDEN[how]
    wrap = {"wrap": ["/usr/bin/python3", ACTIVATE, f"web=127.0.0.1:{port}", "--"]} if how == "passed" else {}
    gw = gateway(f"[gateway]\ndrain_delay = 30s\n{more}[listener:main]\n{listener.format(port=port)}\n"
                 "[route:all]\nrespond = 200 hello\n", **wrap)
    assert program.command("healthcheck", "-c", gw.config)[0] == 0
    gw.signal(signal.SIGTERM)
    assert procs.wait_for(lambda: program.command("healthcheck", "-c", gw.config)[0] == 1, 10)
    assert "draining" in program.command("healthcheck", "-c", gw.config)[2]
    gw.signal(signal.SIGINT)
    assert gw.wait(10) is not None
    code, _, err = program.command("healthcheck", "-c", gw.config)
    assert code == 1 and "no gateway listens on" in err


def test_healthcheck_without_any_way(folders):
    path = program.write_config(folders("off"), "[admin]\nsocket = off\n[listener:main]\nbind = fd:web\n[route:all]\nrespond = 200\n")
    code, _, err = program.command("healthcheck", "-c", path)
    assert code == 1 and "[admin] socket = off" in err
