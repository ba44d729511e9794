#!/usr/bin/python3
"""attack - a good client beside each attack, before this gateway, nginx and HAProxy.

  attack.py --gateway build/opt/sallyport [--against nginx,haproxy] [--only slowhead,...] [--write RESULTS.md]

Each attack runs for 14 s with 600 connections. The good client comes from 127.0.0.2, the attackers from 127.1.0.0/16.
What counts: its share of answers during and after, how many attackers are connected after 12 s, what memory was taken
and given back, and when the descriptors were back. All on loopback, on free ports; times are reported, not judged.
"""
import argparse
import http.client
import os
import resource
import ssl
import subprocess
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "lib"))

import backends                         # noqa: E402
import ca as authority                  # noqa: E402
import gateway as program               # noqa: E402
import procs                            # noqa: E402

sys.path.insert(0, HERE)
from drive import TABLE                 # noqa: E402

GOOD = "127.0.0.2"
CAP = 100                               # connections of one address

OURS = """
[gateway]
workers = 2
max_connections = 4000
[egress]
allow = 127.0.0.0/8
[log]
access = off
[listener:plain]
bind = 127.0.0.1:{plain}
[listener:tls]
bind = 127.0.0.1:{tls}
cert = {chain}
key_file = {key}
[route:all]
host = *
pool = app
[pool:app]
backend = 127.0.0.1:{origin}
"""


def read(name):
    with open(os.path.join(HERE, name), encoding="ascii") as file:
        return file.read()


class Target:
    """A gateway under attack: its process, its ports."""

    def __init__(self, name, folder, origin, leaf):
        self.name, self.plain, self.tls = name, program.free_port(), program.free_port()
        values = {"plain": self.plain, "tls": self.tls, "origin": origin, "folder": folder, "chain": leaf.chain,
                  "key": leaf.key, "pem": os.path.join(folder, "both.pem"), "user": "user root;" if os.getuid() == 0 else ""}
        if name == "sallyport":
            self.gateway = program.Gateway(folder, OURS.format(**values))
            self.process = self.gateway.process
            return
        self.gateway = None
        with open(values["pem"], "w", encoding="ascii") as both:
            for part in (leaf.chain, leaf.key):
                with open(part, encoding="ascii") as file:
                    both.write(file.read())
        path = os.path.join(folder, name + ".conf")
        text = read(name + ".conf")
        for key, value in values.items():
            text = text.replace("@" + key + "@", str(value))
        with open(path, "w", encoding="ascii") as file:
            file.write(text)
        command = (["/usr/sbin/nginx", "-p", folder, "-e", f"{folder}/start.log", "-c", path] if name == "nginx"
                   else ["/usr/sbin/haproxy", "-db", "-f", path])
        self.process = procs.start(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        assert procs.wait_for(lambda: procs.is_open(self.tls), 15), f"{name} does not come up"

    def memory(self):
        """KiB of all its processes."""
        return sum(self.of_each(lambda pid: procs.memory(pid, "Pss")))

    def descriptors(self):
        return sum(self.of_each(lambda pid: len(os.listdir(f"/proc/{pid}/fd"))))

    def of_each(self, ask):
        for pid in procs.tree(self.process.pid):
            try:
                yield ask(pid)
            except OSError:
                pass

    def held(self):
        """Established connections of attackers, as the kernel sees them, but for those that it has not yet given to the gateway:
        of a listening socket the kernel tells as what is to be read how many wait."""
        ports, count = {f"{self.plain:04X}", f"{self.tls:04X}"}, 0
        with open("/proc/net/tcp", encoding="ascii") as file:
            next(file)
            for line in file:
                _, local, remote, state, queues = line.split()[:5]
                if local[9:] not in ports:
                    continue
                if state == "01" and remote[4:8] == "017F":
                    count += 1
                elif state == "0A":
                    count -= int(queues.partition(":")[2], 16)
        return max(count, 0)

    def end(self):
        if self.gateway is not None:
            self.gateway.end()
        else:
            procs.end(self.process)


class Good(threading.Thread):
    """One client that asks all the time: kept connections, new ones, new ones with TLS."""

    def __init__(self, target):
        super().__init__(daemon=True)
        self.target, self.results, self.is_over = target, [], False
        self.context = ssl._create_unverified_context()
        self.kept = None

    def connect(self, is_tls):
        made = (http.client.HTTPSConnection("127.0.0.1", self.target.tls, timeout=5, source_address=(GOOD, 0),
                                            context=self.context) if is_tls else
                http.client.HTTPConnection("127.0.0.1", self.target.plain, timeout=5, source_address=(GOOD, 0)))
        return made

    def ask(self, number):
        kind = number % 6
        connection = self.kept if kind % 2 == 0 and self.kept is not None else self.connect(kind == 3)
        try:
            connection.request("GET", "/1k", headers={"Host": "example.com"})
            answer = connection.getresponse()
            is_good = answer.status == 200 and len(answer.read()) == 1024
        except (OSError, http.client.HTTPException):
            is_good = False
        if kind % 2 == 0 and is_good:
            self.kept = connection
        else:
            connection.close()
            if connection is self.kept:
                self.kept = None
        return is_good

    def run(self):
        number = 0
        while not self.is_over:
            begun = time.monotonic()
            is_good = self.ask(number)
            self.results.append((begun, is_good, time.monotonic() - begun))
            number += 1
            time.sleep(0.03)

    def between(self, since, until=float("inf")):
        return [(good, took) for at, good, took in self.results if since <= at < until]


def share(results):
    return 100 * sum(good for good, _ in results) / len(results) if results else 0.0


def quantile(results, part):
    times = sorted(took for _, took in results)
    return times[min(len(times) - 1, int(len(times) * part))] * 1000 if times else 0.0


class Outcome:
    """What one attack did."""

    def __init__(self, name):
        self.name = name
        self.during = self.after = self.p99 = 0.0
        self.asked = 0
        self.held_max = self.held_at_12 = 0
        self.memory_more = self.memory_left = 0         # KiB over what it was before
        self.memory_before = 0
        self.fds_back = None                            # seconds; None: not within the limit

    def row(self):
        back = "never" if self.fds_back is None else f"{self.fds_back:.0f}"
        return (f"{self.during:.1f} / {self.after:.1f}", f"{self.p99:.0f}", f"{self.held_max}", f"{self.held_at_12}",
                f"{self.memory_more / 1024:+.0f} / {self.memory_left / 1024:+.0f}", back)


def run(target, name, connections=600, seconds=14.0, after=3.0, patience=6.0):
    out = Outcome(name)
    good = Good(target)
    good.start()
    time.sleep(0.7)
    out.memory_before, fds = target.memory(), target.descriptors()
    begun = time.monotonic()
    drive = procs.start([sys.executable, os.path.join(HERE, "drive.py"), name, str(target.plain), str(target.tls),
                         str(connections), str(seconds)], stdin=subprocess.DEVNULL)
    try:
        while time.monotonic() < begun + seconds:
            held = target.held()
            out.held_max = max(out.held_max, held)
            out.memory_more = max(out.memory_more, target.memory() - out.memory_before)
            if time.monotonic() - begun >= seconds * 12 / 14:
                out.held_at_12 = held
            time.sleep(0.25)
    finally:
        procs.end(drive)
    over = time.monotonic()
    if procs.wait_for(lambda: target.descriptors() <= fds + 8, 30, 0.1):
        out.fds_back = time.monotonic() - over
    procs.wait_for(lambda: target.memory() <= out.memory_before * 1.1, patience, 0.2)
    out.memory_left = target.memory() - out.memory_before
    time.sleep(after)
    good.is_over = True
    good.join(10)
    during, behind = good.between(begun, over), good.between(over + 0.5)
    out.asked, out.during, out.after, out.p99 = len(during), share(during), share(behind), quantile(during, 0.99)
    return out


def wish_descriptors(count=16384):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < count:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(count, hard) if hard >= 0 else count, hard))


class Ground:
    """Where targets stand: an origin (nginx), a certificate, a folder."""

    def __init__(self, folder):
        self.folder = folder
        # Small send buffers: otherwise unread answers of 16 MiB fill the kernel's memory for TCP with the origin's.
        self.origin = backends.Nginx(os.path.join(folder, "origin"), program.free_port(), listen="sndbuf=256k")
        self.origin.file("1k", b"x" * 1024)
        self.origin.file("16m", b"x" * (16 << 20))
        os.makedirs(os.path.join(folder, "ca"), mode=0o700)
        self.leaf = authority.Ca(os.path.join(folder, "ca")).leaf("example.com")

    def target(self, name):
        where = os.path.join(self.folder, f"{name}{len(os.listdir(self.folder))}")
        os.makedirs(where, mode=0o700)
        return Target(name, where, self.origin.port, self.leaf)

    def end(self):
        self.origin.end()


HEAD = ("| attack | gateway | good during / after % | p99 ms | held at most | held after 12 s | memory MiB peak / left | "
        "descriptors back s |\n|---|---|---|---|---|---|---|---|\n")


def main():
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument("--gateway")
    args.add_argument("--against", default="nginx,haproxy")
    args.add_argument("--only", default=",".join(TABLE))
    args.add_argument("--connections", type=int, default=600)
    args.add_argument("--seconds", type=float, default=14.0)
    args.add_argument("--write", help="the file that gets the table, behind its line of ---")
    args = args.parse_args()
    if args.gateway:
        program.BINARY = os.path.abspath(args.gateway)
    wish_descriptors()
    rows = []
    with tempfile.TemporaryDirectory(prefix="attacks") as folder:
        os.chmod(folder, 0o711)
        ground = Ground(folder)
        try:
            for name in args.only.split(","):
                for who in ["sallyport", *filter(None, args.against.split(","))]:
                    target = ground.target(who)
                    try:
                        out = run(target, name, args.connections, args.seconds)
                    finally:
                        target.end()
                    rows.append("| " + " | ".join((name, who, *out.row())) + " |")
                    print(rows[-1], flush=True)
        finally:
            ground.end()
    if args.write:
        with open(args.write, encoding="utf-8") as file:
            top = file.read().partition("\n---\n")[0]
        with open(args.write, "w", encoding="utf-8") as file:
            file.write(top + "\n---\n\n" + HEAD + "\n".join(rows) + "\n")


if __name__ == "__main__":
    main()
