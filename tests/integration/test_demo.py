"""`sallyport demo`: a gateway that answers, from nothing (spec 2)."""
import os
import signal
import socket
import subprocess

import pytest

import gateway as program
import procs


def is_free(port):
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
            return True
        except OSError:
            return False


@pytest.fixture
def demo(gateway, folders):
    if not (is_free(8443) and is_free(8080)):
        pytest.skip("something else has 8443 or 8080 here")
    temp = folders("tmp")
    running = gateway(None, arguments=["demo"], wait=False, env={"TMPDIR": temp}, folder=folders("demo"), clean=False)
    running.temp = temp

    def answers():
        return curl("-k", "https://localhost:8443/")[0] == 0
    assert procs.wait_for(answers, 15 * program.SLOW), running.err() + running.out()
    return running


def curl(*arguments):
    done = subprocess.run(["curl", "-sS", "--max-time", "10", "--noproxy", "*", *arguments], capture_output=True, check=False)
    return done.returncode, done.stdout


def test_it_answers(demo):
    code, body = curl("-k", "-w", "\n%{http_code} %{ssl_verify_result}", "https://localhost:8443/")
    assert code == 0 and b"\n200 " in body
    assert curl("-o", "/dev/null", "-w", "%{http_code}", "http://localhost:8080/")[1] in (b"200", b"301", b"308")
    assert curl("-k", "https://localhost:8443/healthz")[1].split()[0] == b"ok"
    assert "curl" in demo.out() + demo.err(), "it says what to try"


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_it_leaves_nothing_behind(demo, how):
    below = procs.tree(demo.pid)[1:]
    demo.signal(how)
    assert demo.wait(10) == 0
    assert procs.wait_for(lambda: not any(procs.is_alive(pid) for pid in below), 3)
    assert os.listdir(demo.temp) == []
    assert is_free(8443) and is_free(8080)


def test_no_hsts_on_localhost(demo):
    """It would lock the developer's browser to TLS for every port of localhost."""
    assert b"strict-transport-security" not in curl("-k", "-i", "https://localhost:8443/")[1].lower()
