"""roots - clean Debian roots, and a booted one: made by debootstrap, copied, entered by chroot or by systemd-nspawn."""
import os
import shutil
import subprocess
import time

ENV = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8",
       "DEBIAN_FRONTEND": "noninteractive"}
HYPERVISED = "@memlock landlock_create_ruleset landlock_add_rule landlock_restrict_self"

# A client for a while: it asks until the file of its second argument is there, and ends at the first answer that is not right.
CLIENT = r"""
import socket, ssl, sys
context = ssl.create_default_context(cafile=sys.argv[1])
answers = connections = 0
stop = False
while not stop:
    with context.wrap_socket(socket.create_connection(("127.0.0.1", 443)), server_hostname="example.com") as s:
        connections += 1
        file = s.makefile("rb")
        while True:
            s.sendall(b"GET /hello HTTP/1.1\r\nHost: example.com\r\n\r\n")
            status = file.readline()
            if not status.startswith(b"HTTP/1.1 200"):
                sys.exit(f"{status} after {answers}")
            head = {}
            while (line := file.readline().strip()):
                name, _, value = line.partition(b":")
                head[name.lower()] = value.strip()
            if file.read(int(head[b"content-length"])) != b"from behind\n":
                sys.exit("another body")
            answers += 1
            try:
                open(sys.argv[2])
                stop = True
                break
            except FileNotFoundError:
                pass
            if head.get(b"connection") == b"close":
                break
print(answers, connections)
"""


def run(*words, timeout=900, **more):
    """(exit code, all it said)."""
    done = subprocess.run([str(word) for word in words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          timeout=timeout, check=False, env=ENV, **more)
    return done.returncode, done.stdout.decode("utf-8", "replace")


def must(*words, **more):
    code, said = run(*words, **more)
    assert code == 0, f"{words}: exit {code}\n{said[-4000:]}"
    return said


class Root:
    """A folder with a Debian in it."""

    def __init__(self, path):
        self.path = str(path)

    def at(self, path):
        return os.path.join(self.path, path.lstrip("/"))

    def read(self, path):
        with open(self.at(path), encoding="utf-8") as file:
            return file.read()

    def write(self, path, text, mode=0o644, owner=None):
        os.makedirs(os.path.dirname(self.at(path)), exist_ok=True)
        with open(self.at(path), "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(self.at(path), mode)
        if owner:
            os.chown(self.at(path), *owner)

    def ids(self, user):
        rows = dict((row.split(":")[0], row.split(":")) for row in self.read("/etc/passwd").splitlines())
        return int(rows[user][2]), int(rows[user][3])

    def entered(self, *words, user=None):
        """The command, in the root, as root or as a user of it. With /proc, which systemd-tmpfiles needs, and the gateway: a
        mount that nobody else sees and that is gone with the command. The process stays the same all the way."""
        options = ["--userspec={}:{}".format(*self.ids(user)), "--groups="] if user else []
        return ["unshare", "--mount", "sh", "-c", 'mount -t proc proc "$0/proc" && exec chroot "$@"', self.path, *options, self.path,
                *words]

    def run(self, *words, user=None):
        return run(*self.entered(*words, user=user))

    def must(self, *words, user=None):
        return must(*self.entered(*words, user=user))

    def copy(self, path):
        must("cp", "-a", "--reflink=auto", self.path, path)
        return Root(path)

    def remove(self):
        shutil.rmtree(self.path)


def bootstrap(path):
    """Debian 12, the least of it, with its security archive: libevent's fixes are there. Nothing of it is started."""
    must("debootstrap", "--variant=minbase", "bookworm", path, "http://deb.debian.org/debian")
    root = Root(path)
    with open(root.at("/etc/apt/sources.list"), "a", encoding="ascii") as file:
        file.write("deb http://deb.debian.org/debian-security bookworm-security main\n")
    root.must("apt-get", "-qq", "update")
    return root


INI = "/etc/sallyport/sallyport.ini"


def configure(root, leaf, backend=8080):
    """The configuration of the package, for a backend of this machine, as README.Debian tells."""
    with open(leaf.chain, encoding="ascii") as chain, open(leaf.key, encoding="ascii") as key:
        group = root.ids("sallyport")[1]
        root.write("/etc/sallyport/tls/example.com.pem", chain.read(), 0o644, (0, group))
        root.write("/etc/sallyport/tls/example.com.key", key.read(), 0o640, (0, group))
    text = root.read(INI)
    assert "to = 10.0.1.10:8080" in text
    root.write(INI, text.replace("to = 10.0.1.10:8080", f"to = 127.0.0.1:{backend}") +
               f"\n[egress]\nallow = 127.0.0.1/32:{backend}\n[admin]\nbind = off\n\n# mine\n")


class NoBoot(Exception):
    """This machine cannot run a system in a container; what was said."""


class Booted:
    """A root whose systemd runs, in namespaces of its own: its network is a loopback and nothing else."""

    def __init__(self, root):
        self.root = root
        self.log = root.path + ".log"
        self.groups = self.control_groups()
        with open(self.log, "wb") as log:
            # What a virtual machine would allow and nspawn's own filter does not.
            self.nspawn = subprocess.Popen([shutil.which("systemd-nspawn"), "-D", root.path, "--register=no", "--keep-unit", "--private-network",
                                            "--console=pipe", f"--system-call-filter={HYPERVISED}", "--boot"],
                                           stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=ENV)
        try:
            self.leader = self.wait(self.first_child, "no first process")
            self.wait(lambda: self.run("systemctl", "is-system-running")[1].strip() == "running", "does not come up")
        except NoBoot:
            self.end()
            raise

    def wait(self, condition, what, timeout=90):
        until = time.monotonic() + timeout
        while not (found := condition()):
            if time.monotonic() > until or self.nspawn.poll() is not None:
                with open(self.log, encoding="utf-8", errors="replace") as file:
                    raise NoBoot(f"{what}: {file.read()[-500:]}")
            time.sleep(0.3)
        return found

    def first_child(self):
        with open(f"/proc/{self.nspawn.pid}/task/{self.nspawn.pid}/children", encoding="ascii") as file:
            children = file.read().split()
        return int(children[0]) if children and os.path.exists(f"/proc/{children[0]}/root/run/systemd/system") else None

    @staticmethod
    def control_groups():
        return {path for base in ("/sys/fs/cgroup", "/sys/fs/cgroup/systemd", "/sys/fs/cgroup/unified")
                for path in (f"{base}/payload", f"{base}/supervisor") if os.path.isdir(path)}

    def run(self, *words):
        return run("nsenter", "-t", self.leader, "-a", *words)

    def must(self, *words):
        return must("nsenter", "-t", self.leader, "-a", *words)

    def beside(self, *words, **more):
        """A program of this machine in the network of that one."""
        return subprocess.Popen(["nsenter", "-t", str(self.leader), "-n", *map(str, words)], env=ENV, stdin=subprocess.DEVNULL, **more)

    def is_active(self, unit):
        return self.run("systemctl", "is-active", unit)[1].strip() == "active"

    def end(self):
        if self.nspawn.poll() is None and hasattr(self, "leader"):
            self.run("systemctl", "poweroff")
        try:
            self.nspawn.wait(60 if hasattr(self, "leader") else 0.1)
        except subprocess.TimeoutExpired:
            self.nspawn.kill()          # its first process ends with it
            self.nspawn.wait()
        for path in (f"/run/systemd/nspawn/propagate/{os.path.basename(self.root.path)}", *(self.control_groups() - self.groups)):
            for folder, _, _ in os.walk(path, topdown=False):       # of a control group the files go with it
                subprocess.run(["rmdir", folder], check=False, capture_output=True)
