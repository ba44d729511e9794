"""scripts/drain: an instance, its metadata service (version 2 only), its gateway and its group."""
import http.server
import os
import socket
import subprocess
import threading
import time

import pytest

from account import HOME, Account, AwsError
from conftest import SCRIPTS, clean_environment, run

BINARY = os.environ.get("SALLYPORT") or os.path.join(SCRIPTS, "..", "build", "opt", "sallyport")
TOKEN = "dG9rZW4="


class Metadata:
    """Answers with a token only, and a token only to a PUT that says how long: as version 2 does."""

    def __init__(self):
        self.values = {"instance-id": "i-1", "placement/region": HOME, "autoscaling/target-lifecycle-state": "InService"}
        self.asked = []
        service = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def log_message(self, *words):
                pass

            def say(self, code, text=""):
                self.send_response(code)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text.encode())

            def do_PUT(self):
                good = self.path == "/latest/api/token" and self.headers["X-aws-ec2-metadata-token-ttl-seconds"] == "300"
                self.say(200 if good and "X-Forwarded-For" not in self.headers else 400, TOKEN if good else "")

            def do_GET(self):
                what = self.path.removeprefix("/latest/meta-data/")
                service.asked.append(what)
                if self.headers["X-aws-ec2-metadata-token"] != TOKEN:
                    self.say(401)
                elif what not in service.values:
                    self.say(404)
                else:
                    self.say(200, service.values[what])

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = "http://127.0.0.1:%d" % self.server.server_address[1]
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05})
        self.thread.start()

    def end(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


@pytest.fixture
def metadata():
    service = Metadata()
    yield service
    service.end()


# A gateway that is told by the file `clients` how many there are: a number for each time it is asked, the last for good.
GATEWAY = """#!/bin/bash
cd "$(dirname "$0")" || exit 1
echo "$*" >>told
case $1 in
drain) exit "$(cat ends)" ;;
status)
	read -r now rest <clients
	[ -z "$rest" ] || echo "$rest" >clients
	[ "$now" = - ] || echo '{"gateway":{"version":"0.1.0", "config_file":"/etc/x.ini", "connections": '"$now"', "a":1},"listeners":[{"connections":7}]}' ;;
esac
"""


@pytest.fixture
def machine(stubbed, metadata):
    """machine(clients, ends): an instance in the hook; (account, front, drain(words...), what the gateway was told)."""
    def make(clients="0", ends=0, waiting=True):
        account = Account()
        account.hook_waits = ["i-1"] if waiting else []
        front = stubbed(account)
        for name, text in (("sallyport", GATEWAY), ("clients", clients + "\n"), ("ends", f"{ends}\n"), ("told", "")):
            with open(os.path.join(front.folder, name), "w", encoding="utf-8") as file:
                file.write(text)
        os.chmod(os.path.join(front.folder, "sallyport"), 0o755)

        def told():
            with open(os.path.join(front.folder, "told"), encoding="utf-8") as file:
                return file.read().splitlines()
        return account, front, lambda *words: run(front, "drain", "--group", "gateways", "--metadata", metadata.url, *words), told
    return make


DONE = ("autoscaling", "complete-lifecycle-action", HOME, {
    "lifecycle-action-result": "CONTINUE", "lifecycle-hook-name": "drain", "auto-scaling-group-name": "gateways", "instance-id": "i-1"})


def test_plan(machine):
    account, _, drain, told = machine()
    code, out, err = drain()
    assert (code, err) == (0, "") and not account.calls and not told()
    assert "plan    drain the gateway of i-1; after 20 s" in out and f"hook drain of gateways in {HOME}" in out and "nothing was changed" in out


def test_apply(machine):
    account, _, drain, told = machine("3 2 0")
    code, out, _ = drain("--apply", "--red", "0", "--wait", "60", "-c", "/etc/x.ini")
    assert code == 0 and account.calls == [DONE] and not account.hook_waits, out
    assert told() == ["drain -c /etc/x.ini"] + ["status --json -c /etc/x.ini"] * 3
    assert "after" in out and "0 connections are left" in out


def test_health_is_red_for_a_while(machine):
    """However empty it is: the balancer has to see it."""
    account, _, drain, told = machine("0")
    began = time.monotonic()
    assert drain("--apply", "--red", "2", "--wait", "9")[0] == 0 and account.calls == [DONE]
    assert time.monotonic() - began >= 1 and len(told()) > 3


@pytest.mark.parametrize("clients, left", [("5", "5"), ("-", "an unknown number of")], ids=["busy", "silent"])
def test_waits_no_longer(machine, clients, left):
    """For who does not go, and for a gateway that does not say: that is not empty."""
    account, _, drain, _ = machine(clients)
    began = time.monotonic()
    code, out, _ = drain("--apply", "--red", "0", "--wait", "2")
    assert code == 0 and account.calls == [DONE] and f"{left} connections are left" in out
    assert time.monotonic() - began >= 1


def test_dead_gateway(machine):
    """The instance is not kept for it, and the failure is told."""
    account, _, drain, _ = machine(ends=1)
    code, out, _ = drain("--apply")
    assert code == 1 and account.calls == [DONE] and "cannot be drained" in out


def test_other_hook(machine):
    account, _, drain, _ = machine()
    assert drain("--apply", "--red", "0", "--hook", "leave", "--region", "us-east-1")[0] == 0
    assert account.calls == [("autoscaling", "complete-lifecycle-action", "us-east-1", {**DONE[3], "lifecycle-hook-name": "leave"})]


@pytest.mark.parametrize("error, says", [(AwsError("AccessDenied", "x"), "no right to autoscaling complete-lifecycle-action"),
                                         (AwsError("Throttling", "Rate exceeded"), "too many requests"), (None, "No active Lifecycle Action")],
                         ids=["denied", "throttled", "no-hook"])
def test_aws_does_not_take_it(machine, error, says):
    account, _, drain, told = machine(waiting=error is not None)
    account.errors = {("autoscaling", "complete-lifecycle-action"): error}
    code, out, err = drain("--apply", "--red", "0")
    assert code == 1 and says in err and "told to go on" not in out and told()[0] == "drain"


def test_watch(machine, metadata):
    """Nothing happens until the group wants the instance; what it asks the service is the documented state."""
    account, front, _, told = machine()
    words = [os.path.join(SCRIPTS, "drain"), "--group", "gateways", "--metadata", metadata.url, "--endpoint-url", front.endpoint, "--watch",
             "--apply", "--red", "0"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True, env=clean_environment(front.folder)) as running:
        deadline = time.monotonic() + 60
        while metadata.asked.count("autoscaling/target-lifecycle-state") < 3 and time.monotonic() < deadline:
            time.sleep(0.05)
        assert running.poll() is None and not told() and not account.calls
        del metadata.values["autoscaling/target-lifecycle-state"]      # for a moment, it has no answer
        count = len(metadata.asked)
        while len(metadata.asked) < count + 3 and time.monotonic() < deadline:
            time.sleep(0.05)
        metadata.values["autoscaling/target-lifecycle-state"] = "Terminated"
        out, _ = running.communicate(timeout=60)
    assert running.returncode == 0 and account.calls == [DONE] and told()[0] == "drain" and "waits for the group" in out


@pytest.mark.parametrize("gone", ["instance-id", "placement/region"])
def test_metadata_that_does_not_tell(machine, metadata, gone):
    account, _, drain, told = machine()
    del metadata.values[gone]
    code, _, err = drain("--apply")
    assert code == 1 and f"does not tell {gone}" in err and not told() and not account.calls


def test_no_metadata_service(machine, metadata):
    account, front, _, told = machine()
    code, _, err = run(front, "drain", "--group", "gateways", "--metadata", "http://127.0.0.1:9", "--apply")
    assert code == 1 and "does not tell instance-id" in err and not told() and not account.calls


@pytest.mark.parametrize("words", [["--red", "x"], ["--wait", "10"], ["--red", "-1"], ["--group"], []], ids=str)
def test_usage(stubbed, words):
    given = ["--group", "gateways"] if words and words != ["--group"] else []
    code, _, err = run(stubbed(Account()), "drain", *given, *words)
    assert code == 2 and "--help" in err


@pytest.mark.skipif(not os.access(BINARY, os.X_OK), reason="no gateway is built")
def test_real_gateway(machine, metadata, tmp_path):
    """With a client that stays until it has its answer: health goes red, and the hook is told when the client has gone."""
    account, front, drain, _ = machine()
    os.remove(os.path.join(front.folder, "sallyport"))
    os.symlink(os.path.abspath(BINARY), os.path.join(front.folder, "sallyport"))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    folder = tmp_path / "gateway"
    folder.mkdir(mode=0o700)
    config = folder / "sallyport.ini"
    config.write_text(f"[gateway]\nsandbox = auto\nworkers = 1\nstate_dir = state\n[admin]\nbind = off\n[listener:a]\nbind = 127.0.0.1:{port}\n"
                      "[route:a]\nrespond = 204\n")
    config.chmod(0o600)
    with open(folder / "log", "wb") as log, \
            subprocess.Popen([BINARY, "run", "-c", str(config)], stdout=log, stderr=log, stdin=subprocess.DEVNULL) as gateway:
        try:
            deadline = time.monotonic() + 60
            while subprocess.run([BINARY, "status", "-c", str(config)], capture_output=True, check=False).returncode:
                assert gateway.poll() is None and time.monotonic() < deadline, (folder / "log").read_text()
                time.sleep(0.1)
            with socket.create_connection(("127.0.0.1", port)) as client:
                client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
                assert b" 204 " in client.recv(4096)
                answers = []

                def stay():
                    """Until it is told to go: the kept connection asks for health, and the answer that is red closes it."""
                    while not answers or b" 200 " in answers[-1]:
                        client.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
                        answers.append(client.recv(4096))
                        told.append(account.calls[:])
                        time.sleep(0.2)
                    client.close()

                told = []
                stays = threading.Thread(target=stay)
                stays.start()
                code, out, err = drain("--apply", "--red", "0", "--wait", "90", "-c", str(config))
                stays.join()
            assert code == 0 and account.calls == [DONE] and "0 connections are left" in out, out + err
            assert b" 503 " in answers[-1] and b"close" in answers[-1].lower()
            assert not any(told), "the hook is told when the client has gone"
        finally:
            gateway.terminate()
            gateway.wait(60)
    assert gateway.returncode == 0
