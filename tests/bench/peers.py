"""peers - the gateways under measurement and what stands behind them.

Each gateway has one worker and is pinned, with all its processes, to the first core; origin and load share the second. Their
configurations are in conf/, to be judged: @name@ is filled in here.
"""
import os
import resource
import shutil
import subprocess
import tempfile

import ca as authority
import gateway as program
import procs

HERE = os.path.dirname(os.path.abspath(__file__))
PORTS = ("plain", "tls", "rsa", "logged", "limited", "tunnel")
CONF = {"sallyport": "sallyport.ini", "nginx": "nginx.conf", "haproxy": "haproxy.cfg"}
GATEWAY_CORE, LOAD_CORE = "0", "1"
# Under valgrind a start takes its time.
PATIENCE_S = 60


def wish_descriptors(count=262144):
    """As many as we are allowed, for all that we start."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    for limit in ((count, count), (hard, hard)):
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, limit)
            return limit[0]
        except (OSError, ValueError):
            continue
    return hard


def write(path, text):
    with open(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "w", encoding="ascii") as file:
        file.write(text)
    return path


def read(path):
    with open(path, encoding="ascii") as file:
        return file.read()


class Peer:
    """A gateway that runs. Give it back by end()."""

    def __init__(self, name, command, ports, folder, env=None, core=GATEWAY_CORE):
        self.name, self.ports, self.folder = name, ports, folder
        pinned = ["taskset", "-c", core, *command] if core else command
        with open(os.path.join(folder, "out.log"), "wb") as out, open(os.path.join(folder, "err.log"), "wb") as err:
            self.process = procs.start(pinned, stdin=subprocess.DEVNULL, stdout=out, stderr=err, env=program.environment(**(env or {})))
        if not procs.wait_for(self.is_up, PATIENCE_S) or self.process.poll() is not None:
            procs.end(self.process)
            raise RuntimeError(f"{name} does not come up:\n{self.said()}")

    def is_up(self):
        return self.process.poll() is not None or all(map(procs.is_open, self.ports.values()))

    def said(self):
        text = ""
        for name in ("err.log", "out.log", "start.log"):
            if os.path.exists(os.path.join(self.folder, name)):
                with open(os.path.join(self.folder, name), encoding="utf-8", errors="replace") as file:
                    text += file.read()[-2000:]
        return text

    def pids(self):
        return procs.tree(self.process.pid)

    def cpu_us(self):
        return sum(self.of_each(procs.cpu_us))

    def pss_kib(self):
        return sum(self.of_each(procs.memory))

    def descriptors(self):
        return sum(self.of_each(lambda pid: len(procs.descriptors(pid))))

    def of_each(self, ask):
        for pid in self.pids():
            try:
                yield ask(pid)
            except OSError:
                pass

    def workers(self):
        """Those that serve: by name; under callgrind nginx has none to show, so what the first process started; or that itself."""
        found = [pid for pid in self.pids() if b"worker" in program.Gateway.name_of(pid)]
        return found or self.pids()[1:] or [self.process.pid]

    def end(self):
        procs.end(self.process)


class Ground:
    """The origin, certificates of both kinds and a folder for all; the programs to compare, by name."""

    def __init__(self, gateway, nginx="/usr/sbin/nginx", haproxy="/usr/sbin/haproxy"):
        self.descriptors = wish_descriptors()
        self.build = os.path.dirname(os.path.abspath(gateway))
        self.binaries = {"sallyport": os.path.abspath(gateway), "nginx": nginx, "haproxy": haproxy, "floor": self.tool("floor")}
        self.temporary = tempfile.TemporaryDirectory(prefix="bench")
        self.folder = self.temporary.name
        self.ca = authority.Ca(os.path.join(self.folder, "ca"))
        self.leaf, self.rsa = self.ca.leaf("localhost"), self.ca.leaf("localhost", kind="rsa")
        self.made = 0
        self.origin, self.origins = None, []
        self.origin = self.add_origin()

    def tool(self, name):
        return os.path.join(self.build, "bench", name)

    def has(self, name):
        return shutil.which(self.binaries[name]) is not None

    def version(self, name):
        """As the program itself says it, or nothing."""
        how = {"sallyport": ["version"], "nginx": ["-v"], "haproxy": ["-v"]}.get(name)
        if how is None:
            return ""
        done = subprocess.run([self.binaries[name], *how], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        return done.stdout.splitlines()[0].removeprefix("nginx version: ") if done.stdout else ""

    def add_origin(self):
        """One more of them; its port."""
        port = program.free_port()
        self.origins.append(procs.start(["taskset", "-c", LOAD_CORE, self.tool("origin"), str(port)], stdin=subprocess.DEVNULL))
        if not procs.wait_for(lambda: procs.is_open(port), 10):
            raise RuntimeError("the origin does not come up")
        return port

    def place(self, stem):
        self.made += 1
        where = os.path.join(self.folder, f"{stem}{self.made}")
        os.mkdir(where, 0o700)
        return where

    def pem(self, where, leaf, name):
        return write(os.path.join(where, name), read(leaf.chain) + read(leaf.key))

    def start(self, name, wrap=(), env=None, core=GATEWAY_CORE, binary=None, **more):
        """A gateway of that kind. wrap: a command before its own; more: what to fill in where sallyport.ini.in has room."""
        where = self.place(name)
        ports = {kind: program.free_port() for kind in PORTS}
        binary = binary or self.binaries[name]
        if name == "floor":
            del ports["logged"], ports["limited"], ports["tunnel"]
            command = [binary, self.origin, ports["plain"], ports["tls"], self.leaf.chain, self.leaf.key, ports["rsa"], self.rsa.chain,
                       self.rsa.key]
            return Peer(name, [*wrap, *map(str, command)], ports, where, env, core)
        values = {**ports, "folder": where, "origin": self.origin, "chain": self.leaf.chain, "key": self.leaf.key,
                  "rsa_chain": self.rsa.chain, "rsa_key": self.rsa.key, "pem": os.path.join(where, "both.pem"),
                  "rsa_pem": os.path.join(where, "rsa.pem"), "user": "user root;" if os.getuid() == 0 else "",
                  "descriptors": self.descriptors, "connections": min(60000, self.descriptors // 2 - 100), "workers": 1, "gateway": "", "listener": "", "more": "", **more}
        if name == "haproxy":
            self.pem(where, self.leaf, "both.pem")
            self.pem(where, self.rsa, "rsa.pem")
        text = read(os.path.join(HERE, "conf", CONF[name] + ".in"))
        for key, value in values.items():
            text = text.replace(f"@{key}@", str(value))
        path = write(os.path.join(where, CONF[name]), text)
        command = {"sallyport": [binary, "run", "-c", path],
                   "nginx": [binary, "-p", where, "-e", os.path.join(where, "start.log"), "-c", path],
                   "haproxy": [binary, "-db", "-f", path]}[name]
        return Peer(name, [*wrap, *command], ports, where, env, core)

    def end(self):
        for origin in self.origins:
            procs.end(origin)
        self.temporary.cleanup()
