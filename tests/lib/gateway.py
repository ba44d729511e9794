"""gateway - the program under test: started from an ini text, watched, ended, and searched for sanitizer reports."""
import errno
import fcntl
import json
import os
import random
import re
import signal
import socket
import subprocess

import procs

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BINARY = os.path.abspath(os.environ.get("SALLYPORT", os.path.join(ROOT, "build/opt/sallyport")))
REPORTS = re.compile(r"ERROR: (Address|Leak)Sanitizer|runtime error:|SUMMARY: (Address|Undefined|Leak)")

# What every configuration of these tests begins with.
ALWAYS = ""

# All clients of a test have one address: its caps are for the tests that are about them.
ROOMY = "max_connections_per_ip = 100000\nmax_handshakes_per_ip = 10000/s"


def is_sanitized(binary=BINARY):
    with open(binary, "rb") as file:
        return b"__asan_init" in file.read()


SAN = os.path.exists(BINARY) and is_sanitized()
# How much longer things may take under the sanitizers.
SLOW = 4 if SAN else 1

taken = set()
_claims = None


def claim(port):
    """Is the port ours among all test processes of this user? It stays so until we end: a lock on its byte of one file."""
    global _claims
    if port in taken:
        return False
    if _claims is None:
        _claims = os.open(f"/tmp/sallyport-test-ports-{os.getuid()}", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.lockf(_claims, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, port)
    except OSError:
        return False
    taken.add(port)
    return True


def is_bindable(port):
    for family, host in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
        try:
            with socket.socket(family) as probe:
                probe.bind((host, port))
        except OSError as error:
            return family == socket.AF_INET6 and error.errno == errno.EADDRNOTAVAIL      # no IPv6 here
    return True


def free_port():
    """A loopback port that is free now, that no other test process takes meanwhile, and that is below those which the
    kernel hands to clients."""
    while True:
        port = random.SystemRandom().randrange(10000, 32000)
        if claim(port) and is_bindable(port):
            return port


def ini(port, backend, *, gateway="", listener="", route="", pool="", more="", egress="127.0.0.0/8", tls=None,
        log="access = stdout", workers=1):
    """The usual configuration: one listener, one route for every host, one pool."""
    listener += "".join(f"\n{line}" for line in ROOMY.splitlines() if line.partition(" ")[0] not in listener)
    certs = ""
    for leaf in tls or ():
        certs += f"cert = {leaf.chain}\nkey_file = {leaf.key}\n"
    return f"""\
[gateway]
workers = {workers}
{gateway}
{ALWAYS}
[egress]
allow = {egress}

[log]
{log}

[listener:main]
bind = 127.0.0.1:{port}
{certs}{listener}

[route:all]
host = *
pool = app
{route}

[pool:app]
backend = 127.0.0.1:{backend}
{pool}

{more}
"""


served = set()


def without_page(text):
    """Many gateways run at once: one that does not say where its status page is has none."""
    if "[admin]" not in text:
        return text + ("" if text.endswith("\n") else "\n") + "[admin]\nbind = off\n"
    if re.search(r"^\[admin\]\n(?:(?!\[).*\n)*bind\s*=", text, re.M):
        return text
    return text.replace("[admin]\n", "[admin]\nbind = off\n", 1)


def write_config(folder, text, name="sallyport.ini"):
    """0600 in a 0700 folder: the gateway refuses what others could change."""
    if folder in served and name == "sallyport.ini":
        text = without_page(text)
    os.makedirs(folder, mode=0o700, exist_ok=True)
    os.chmod(folder, 0o700)
    path = os.path.join(folder, name)
    with open(path, "w", encoding="latin-1") as file:
        file.write(text)
    os.chmod(path, 0o600)
    return path


def environment(**more):
    env = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C", "TZ": "UTC",
           "ASAN_OPTIONS": "detect_leaks=1:abort_on_error=0:exitcode=99:handle_abort=1",
           "UBSAN_OPTIONS": "print_stacktrace=1"}
    env.update(more)
    return env


def command(*arguments, folder=None, env=None, timeout=60, stdin=None):
    """Runs the program to its end: (exit code, stdout, stderr)."""
    done = subprocess.run([BINARY, *map(str, arguments)], capture_output=True, cwd=folder, env=environment(**(env or {})),
                          timeout=timeout, input=stdin, check=False)
    out, err = done.stdout.decode("utf-8", "replace"), done.stderr.decode("utf-8", "replace")
    assert not REPORTS.search(err), err
    return done.returncode, out, err


class NotUp(AssertionError):
    """It refused its configuration, or ended, or does not listen."""


class Gateway:
    def __init__(self, folder, text, *, env=None, arguments=None, wrap=(), pass_fds=(), wait=True, cwd=None,
                 stdout=None, binary=BINARY):
        self.folder = str(folder)
        served.add(self.folder)
        self.is_hooked = "/hooked/" in binary       # its workers try what is forbidden
        self.config = write_config(self.folder, text) if text is not None else None
        self.out_path = os.path.join(self.folder, "out.log")
        self.err_path = os.path.join(self.folder, "err.log")
        self.wanted = int((re.findall(r"^workers\s*=\s*(\d+)$", text or "", re.M) or [1])[0])
        self.is_silent = re.search(r"^(error|level)\s*=", text or "", re.M) is not None or arguments is not None
        self.addresses = [one for one in re.findall(r"^bind\s*=\s*(.+)$", text or "", re.M) if one != "off"]
        with open(self.out_path, "ab") as out, open(self.err_path, "ab") as err:
            self.process = procs.start([*wrap, binary, *(arguments or ["run", "-c", self.config])], stdout=stdout or out, stderr=err,
                                       stdin=subprocess.DEVNULL, env=environment(**(env or {})), pass_fds=pass_fds,
                                       cwd=cwd or self.folder)
        if wait:
            is_up = procs.wait_for(self.is_up, 15 * SLOW)
            if not is_up or self.process.poll() is not None:
                procs.end(self.process, signal.SIGKILL)
                raise NotUp(f"not up (exit {self.process.returncode}):\n{self.err()}")

    # --- what it says ---

    def err(self):
        with open(self.err_path, encoding="utf-8", errors="replace") as file:
            return file.read()

    def out(self):
        with open(self.out_path, encoding="utf-8", errors="surrogateescape") as file:
            return file.read()

    def access(self, count=0, timeout=5.0):
        """The access lines so far (JSON), once there are at least that many."""
        def lines():
            found = [line for line in self.out().split("\n")[:-1] if line.startswith("{")]
            return found if len(found) >= count else None
        found = procs.wait_for(lines, timeout * SLOW) if count else lines()
        assert found is not None, f"fewer than {count} access lines:\n{self.out()[-2000:]}"
        return [json.loads(line) for line in found]

    def events(self, name, least=0):
        """The lines of that event. They may follow what they tell of: least is how many are waited for."""
        def found():
            return [line for line in self.err().splitlines() if f"event={name}" in line]
        if least:
            procs.wait_for(lambda: len(found()) >= least, 10 * SLOW)
        return found()

    # --- its processes ---

    @property
    def pid(self):
        return self.process.pid

    def workers(self):
        """The pids of the workers: all children that call themselves so."""
        return [pid for pid in procs.children(self.pid) if b"worker" in self.name_of(pid)]

    @staticmethod
    def name_of(pid):
        text = b""
        for name in ("cmdline", "comm"):
            try:
                with open(f"/proc/{pid}/{name}", "rb") as file:
                    text += file.read()
            except OSError:
                pass
        return text

    def memory(self, key="Pss"):
        """KiB of all workers together."""
        return sum(procs.memory(pid, key) for pid in self.workers())

    # --- its life ---

    def is_up(self):
        if self.process.poll() is not None:
            return True                 # dead: the caller's next act will say so
        for text in self.addresses:
            for one in re.split(r"\s*,\s*", text.strip()):
                if not self.answers_at(one):
                    return False
        return len(self.workers()) >= self.wanted and (self.is_silent or "event=serving" in self.err())

    def answers_at(self, address):
        if address.startswith("fd:"):
            return True
        if address.startswith("unix:"):
            family, where = socket.AF_UNIX, os.path.join(self.folder, address[5:])
        else:
            host, _, port = address.rpartition(":")
            family = socket.AF_INET6 if host.startswith("[") else socket.AF_INET
            where = (host.strip("[]").replace("0.0.0.0", "127.0.0.1"), int(port))
        with socket.socket(family) as probe:
            probe.settimeout(2)
            try:
                probe.connect(where)
            except OSError:
                return False
        return True

    def signal(self, number):
        self.process.send_signal(number)

    def wait(self, timeout=15.0):
        """Exit code, or None when it still runs."""
        try:
            return self.process.wait(timeout * SLOW)
        except subprocess.TimeoutExpired:
            return None

    def end(self, expect_clean=True):
        below = procs.tree(self.pid)[1:]
        code = procs.end(self.process, signal.SIGINT, 10 * SLOW)
        left = [pid for pid in below if not procs.wait_for(lambda pid=pid: not procs.is_alive(pid), 3 * SLOW)]
        for pid in left:
            os.kill(pid, signal.SIGKILL)
        err = self.err()
        assert not REPORTS.search(err), err
        assert self.is_hooked or "event=sandbox_violation" not in err, err
        if expect_clean:
            assert code == 0, f"exit {code}:\n{err[-3000:]}"
            assert not left, f"processes left behind: {left}"
            assert "event=assertion" not in err and "assertion" not in err.lower(), err[-3000:]
