"""What deploy/ lays around the gateway, with a gateway: logrotate's file, certbot's hook."""
import os
import re
import shutil
import socket
import ssl
import subprocess

import pytest

import gateway as program
import procs
from wire import Client

DEPLOY = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "deploy")
LONG = 60


def logrotate_file(folder, pid):
    """As installed, but for the place of the logs and of the process; the user only where there is one."""
    with open(os.path.join(DEPLOY, "logrotate", "sallyport"), encoding="ascii") as file:
        text = file.read()
    for old, new in (("/var/log/sallyport", folder), ("$(systemctl show -p MainPID --value sallyport.service)", str(pid)),
                     ("\tsu sallyport sallyport\n", "")):
        assert old in text
        text = text.replace(old, new)
    return program.write_config(folder, text, "rotate.conf")


@pytest.mark.skipif(not shutil.which("logrotate"), reason="NOT SEEN: no logrotate here")
def test_logrotate(serve, folders):
    """Two rotations under way: no line is lost, nothing is copied, and the file before the last is compressed."""
    logs = folders("logs")
    running, _, port = serve(log=f"access = {logs}/access.log\nerror = {logs}/error.log")
    path = logrotate_file(logs, running.pid)
    rotate = ["logrotate", "--state", f"{logs}/state", path]
    looked_at = subprocess.run([*rotate[:1], "-d", *rotate[1:]], capture_output=True, text=True, check=False, timeout=LONG)
    assert looked_at.returncode == 0 and "error" not in re.sub(r"error\.log", "", looked_at.stderr), looked_at.stderr

    def lines():
        text = ""
        for name in os.listdir(logs):
            if name.startswith("access.log"):
                command = ["gzip", "-dc"] if name.endswith(".gz") else ["cat"]
                text += subprocess.run([*command, os.path.join(logs, name)], capture_output=True, text=True, check=True).stdout
        return [line for line in text.splitlines() if '"target"' in line or "GET" in line]
    for turn in range(3):
        with Client(port) as client:
            for at in range(5):
                assert client.ask(target=f"/{turn}{at}").status == 200
        assert procs.wait_for(lambda turn=turn: len(lines()) == 5 * (turn + 1), LONG), lines()
        if turn < 2:
            subprocess.run([*rotate[:1], "--force", *rotate[1:]], check=True, capture_output=True, timeout=LONG)
            assert procs.wait_for(lambda: {"access.log", "error.log"} <= set(os.listdir(logs)), LONG), os.listdir(logs)
    assert {"access.log", "access.log.1", "access.log.2.gz"} <= set(os.listdir(logs))


# --- certbot

HOOK = os.path.join(DEPLOY, "certbot", "sallyport-deploy-hook")


class Pair:
    """A lineage as certbot leaves it, and the gateway's folder."""

    def __init__(self, folder, here):
        self.folder, self.lineage = folder, os.path.join(folder, "live")
        os.mkdir(self.lineage)
        self.tls = os.path.join(folder, "tls")
        os.mkdir(self.tls, 0o750)
        self.put(here, self.tls, "cert.pem", "key.pem")

    @staticmethod
    def put(leaf, where, chain, key):
        shutil.copy(leaf.chain, os.path.join(where, chain))
        shutil.copy(leaf.key, os.path.join(where, key))

    def renew(self, leaf, key=None):
        self.put(leaf, self.lineage, "fullchain.pem", "privkey.pem")
        if key:
            shutil.copy(key.key, os.path.join(self.lineage, "privkey.pem"))
        return self.hook()

    def hook(self, **environment):
        done = subprocess.run([HOOK], capture_output=True, text=True, check=False, timeout=LONG, env={
            **os.environ, "RENEWED_LINEAGE": self.lineage, "SALLYPORT_TLS": self.tls, "SALLYPORT_GROUP": str(os.getgid()), **environment})
        return done.returncode, done.stdout + done.stderr

    def texts(self):
        found = {}
        for name in sorted(os.listdir(self.tls)):
            with open(os.path.join(self.tls, name), encoding="ascii") as file:
                found[name] = file.read()
        return found


@pytest.fixture
def pair(folders, leaf):
    return Pair(folders("pair"), leaf)


def served(port):
    """The certificate that is shown to who asks for www.example.com."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with socket.create_connection(("127.0.0.1", port), timeout=LONG) as raw, context.wrap_socket(raw, server_hostname="www.example.com") as tls:
        return tls.getpeercert(binary_form=True)


def test_configurations_of_the_readme(check, folders, leaf):
    """Each as it stands there: behind the network balancer whole, behind ALB by its [gateway]."""
    with open(os.path.join(DEPLOY, "README.md"), encoding="utf-8") as file:
        nlb, alb = re.findall(r"^```ini\n(.*?)^```$", file.read(), re.M | re.S)
    folder = folders("readme")
    os.mkdir(os.path.join(folder, "tls"), 0o700)
    Pair.put(leaf, os.path.join(folder, "tls"), "cert.pem", "key.pem")
    nlb = nlb.replace("/var/log/sallyport", folder)
    assert alb.startswith("[gateway]\n") and nlb.startswith("[gateway]\n") and "proxy_protocol = required\n" in nlb
    rest = nlb.partition("\n\n")[2].replace("proxy_protocol = required\n", "")
    for text in (nlb, alb + "\n" + rest):
        assert check(text, folder=folder) == (0, "sallyport.ini: fine\n")


def test_hook_renews(gateway, backend, port, ca, pair):
    """The gateway shows the new certificate, with no reload that anybody asked for."""
    behind = backend()
    text = program.ini(port, behind.port, tls=[type("Leaf", (), {"chain": f"{pair.tls}/cert.pem", "key": f"{pair.tls}/key.pem"})])
    running = gateway(text)
    before = served(port)
    code, said = pair.renew(ca.leaf("example.com", "www.example.com", "new.example.com"))
    assert code == 0 and "example.com, new.example.com, www.example.com until " in said
    assert procs.wait_for(lambda: served(port) != before, LONG)
    done = procs.wait_for(lambda: running.events("reload_done"), LONG)    # said after the workers show it
    assert {"by=certificate"} == {event.split()[-1] for event in done} and sorted(os.listdir(pair.tls)) == ["cert.pem", "key.pem"]
    assert {os.stat(os.path.join(pair.tls, name)).st_mode & 0o777 for name in os.listdir(pair.tls)} == {0o640}


@pytest.mark.parametrize("what", ["other-key", "fewer-names", "expired", "no-names", "garbage", "missing", "no-lineage", "no-folder"])
def test_hook_refuses(ca, leaf, pair, what):
    before = pair.texts()
    other = ca.leaf("example.com", "www.example.com", stem="other")
    if what == "other-key":
        code, said = pair.renew(other, key=leaf)
    elif what == "fewer-names":
        code, said = pair.renew(ca.leaf("www.example.com"))
    elif what == "expired":
        code, said = pair.renew(ca.leaf("example.com", "www.example.com", days=0))
    elif what == "no-names":
        code, said = pair.renew(type("Leaf", (), {"chain": ca.cert, "key": ca.key_path}))
    elif what == "garbage":
        pair.renew(leaf)
        with open(os.path.join(pair.lineage, "fullchain.pem"), "w", encoding="ascii") as file:
            file.write("-----BEGIN CERTIFICATE-----\n")
        code, said = pair.hook()
    elif what == "missing":
        code, said = pair.hook()
    elif what == "no-lineage":
        code, said = pair.hook(RENEWED_LINEAGE="")
    else:
        code, said = pair.hook(SALLYPORT_TLS=pair.folder + "/nowhere")
    assert code == 1 and "stays" in said, said
    assert pair.texts() == before


def test_hook_of_a_first_pair(ca, pair):
    for name in os.listdir(pair.tls):
        os.remove(os.path.join(pair.tls, name))
    assert pair.renew(ca.leaf("www.example.com"))[0] == 0 and sorted(os.listdir(pair.tls)) == ["cert.pem", "key.pem"]
