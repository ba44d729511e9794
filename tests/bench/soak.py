#!/usr/bin/python3
"""soak - a mixed load for as long as is asked: kept and new connections, uploads, large answers, tunnels, clients that break off; a
reload every few seconds; backends that die and come back.

  soak.py --gateway build/opt/sallyport [--for 5m]

At the end it tells whether memory stayed as it was after the warm-up, whether every descriptor came back, and whether anybody
got an error that no backend had caused: the backends of one pool never fail, so nobody who asks there may see one.
"""
import argparse
import os
import re
import signal
import statistics
import subprocess
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "lib"))
sys.path.insert(0, HERE)

import gateway as program               # noqa: E402
import loads                            # noqa: E402
import peers                            # noqa: E402
import procs                            # noqa: E402

BOUT_S = 8                              # a load ends and begins again: its connections, too
SAMPLE_S, RELOAD_S, KILL_S, DEAD_S = 2, 10, 7, 2
# What a backend that dies may cause: an answer of ours in its place, or one that ends early.
OF_BACKENDS = {"502", "503", "504", "cut"}
# Of the memory after the warm-up.
MAY_GROW, MAY_GROW_KIB = 1.05, 1024
PATIENCE_S = 60

# name: port, loadgen's options
LOADS = {
    "kept": ("plain", {"connections": 32, "rate": 800, "path": "/steady/b/1024"}),
    "resumed TLS": ("tls", {"connections": 16, "rate": 60, "tls": "resume", "path": "/steady/b/1024"}),
    "new TLS": ("tls", {"connections": 16, "rate": 30, "tls": "full", "path": "/steady/k"}),
    "uploads": ("tls", {"connections": 8, "rate": 40, "tls": "keep", "post": 200000, "path": "/steady/b/2"}),
    "large answers": ("plain", {"connections": 8, "rate": 20, "path": "/steady/b/1048576"}),
    "tunnels": ("plain", {"connections": 8, "rate": 100, "tunnel": 100, "path": "/steady/ws"}),
    "who break off": ("tls", {"connections": 16, "rate": 60, "tls": "keep", "abort": 30, "path": "/steady/b/262144"}),
    "own answers": ("plain", {"connections": 4, "rate": 50, "path": "/own"}),
    "shaky": ("plain", {"connections": 16, "rate": 200, "path": "/shaky/b/1024"}),
    "shaky, TLS": ("tls", {"connections": 8, "rate": 60, "tls": "keep", "path": "/shaky/b/65536"}),
}


def seconds_of(text):
    found = re.fullmatch(r"(\d+)(s|m|h)", text)
    if not found:
        raise argparse.ArgumentTypeError(f"{text}: a number with s, m or h behind it")
    return int(found.group(1)) * {"s": 1, "m": 60, "h": 3600}[found.group(2)]


class Crowd(threading.Thread):
    """One of the loads, bout by bout."""

    def __init__(self, ground, name, ports, until):
        super().__init__(daemon=True)
        self.ground, self.name, self.until = ground, name, until
        self.port, self.options = ports[LOADS[name][0]], LOADS[name][1]
        self.figures = {"requests": 0, "again": 0, "aborted": 0}
        self.why, self.failure = {}, None

    def run(self):
        while self.failure is None and time.monotonic() < self.until:
            length = min(BOUT_S, max(1.0, self.until - time.monotonic()))
            try:
                seen = loads.run(self.ground, self.port, {**self.options, "seconds": length}, may_fail=True)
            except (loads.Failed, subprocess.TimeoutExpired) as error:
                self.failure = str(error)
                return
            for name in self.figures:
                self.figures[name] += seen[name]
            for why, count in seen["why"].items():
                self.why[why] = self.why.get(why, 0) + count

    def faults(self):
        """Errors that no backend caused."""
        allowed = OF_BACKENDS if self.name.startswith("shaky") else set()
        return {why: count for why, count in self.why.items() if why not in allowed}


class Backends:
    """Origins by name; one of the shaky ones is dead from time to time."""

    def __init__(self, ground):
        self.ground = ground
        self.ports = {name: program.free_port() for name in ("steady1", "steady2", "shaky1", "shaky2", "shaky3")}
        self.running = {name: self.start(name) for name in self.ports}
        self.turn, self.dead = 0, None

    def start(self, name):
        return procs.start(["taskset", "-c", peers.LOAD_CORE, self.ground.tool("origin"), str(self.ports[name])], stdin=subprocess.DEVNULL)

    def kill_one(self):
        self.turn += 1
        self.dead = f"shaky{self.turn % 3 + 1}"
        procs.end(self.running[self.dead], signal.SIGKILL)

    def revive(self):
        if self.dead is not None:
            self.running[self.dead] = self.start(self.dead)
            self.dead = None

    def end(self):
        for process in self.running.values():
            procs.end(process)


class Soak:
    def __init__(self, ground, backends, seconds):
        self.ground, self.backends, self.seconds, self.turn = ground, backends, seconds, 0
        self.folder = ground.place("soak")
        self.ports = {"plain": program.free_port(), "tls": program.free_port()}
        self.template = peers.read(os.path.join(HERE, "conf", "soak.ini.in"))
        self.path = os.path.join(self.folder, "sallyport.ini")
        self.write_ini()
        self.peer = peers.Peer("sallyport", [ground.binaries["sallyport"], "run", "-c", self.path], self.ports, self.folder, core=None)
        self.samples = []               # seconds since the begin, KiB, descriptors, processes

    def write_ini(self):
        self.turn += 1
        text = self.template
        values = {**self.ports, **self.backends.ports, "chain": self.ground.leaf.chain, "key": self.ground.leaf.key, "turn": self.turn}
        for key, value in values.items():
            text = text.replace(f"@{key}@", str(value))
        peers.write(self.path, text)

    def reload(self):
        self.write_ini()
        self.peer.process.send_signal(signal.SIGHUP)

    def reloads_done(self):
        with open(os.path.join(self.folder, "err.log"), encoding="utf-8", errors="replace") as file:
            return file.read().count("event=reload_done")

    def sample(self, begun):
        self.samples.append((time.monotonic() - begun, self.peer.pss_kib(), self.peer.descriptors(), len(self.peer.pids())))

    def run(self):
        begun = time.monotonic()
        crowds = [Crowd(self.ground, name, self.ports, begun + self.seconds) for name in LOADS]
        for crowd in crowds:
            crowd.start()
        due = {self.sample_now: SAMPLE_S, self.reload: RELOAD_S, self.backends.kill_one: KILL_S, self.backends.revive: KILL_S + DEAD_S}
        every = {self.sample_now: SAMPLE_S, self.reload: RELOAD_S, self.backends.kill_one: KILL_S, self.backends.revive: KILL_S}
        self.begun = begun
        while any(crowd.is_alive() for crowd in crowds):
            for act, at in list(due.items()):
                if time.monotonic() - begun >= at and time.monotonic() - begun < self.seconds:
                    act()
                    due[act] = at + every[act]
            time.sleep(0.1)
            if self.peer.process.poll() is not None:
                break
        return crowds

    def sample_now(self):
        self.sample(self.begun)
        at, kib, fds, count = self.samples[-1]
        if len(self.samples) % 10 == 1:
            print(f"  {at:6.0f} s  {kib / 1024:7.1f} MiB  {fds:5d} descriptors  {count} processes", flush=True)

    def is_back(self, before):
        return self.peer.descriptors() <= before[0] and len(self.peer.pids()) <= before[1]

    def bad_events(self):
        said = self.peer_log()
        return sorted(set(re.findall(r"event=(?:sandbox_violation|worker_died|role_died|old_process_died)|how=signal", said)))

    def peer_log(self):
        with open(os.path.join(self.folder, "err.log"), encoding="utf-8", errors="replace") as file:
            return file.read()


def memory_verdict(samples):
    """(is flat, text): the median after the warm-up, a quarter of the time, beside that of the end."""
    behind = samples[len(samples) // 4:]
    third = max(1, len(behind) // 3)
    first, last = (statistics.median([one[1] for one in part]) for part in (behind[:third], behind[-third:]))
    return last <= first * MAY_GROW + MAY_GROW_KIB, f"memory {first / 1024:.1f} MiB after the warm-up, {last / 1024:.1f} MiB at the end"


def judge(soak, crowds, before):
    """Prints what was seen; the number of promises that were not kept."""
    failures = []

    def tell(is_good, text):
        print(f"{'held  ' if is_good else 'MISSED'}  {text}")
        if not is_good:
            failures.append(text)
    print(f"\n{'load':16}{'requests':>10}{'again':>8}{'broken off':>12}  errors")
    for crowd in crowds:
        print(f"{crowd.name:16}{crowd.figures['requests']:10,}{crowd.figures['again']:8,}{crowd.figures['aborted']:12,}  {crowd.why or '-'}")
    print()
    tell(soak.peer.process.poll() is None, "the gateway runs")
    tell(*memory_verdict(soak.samples))
    came_back = procs.wait_for(lambda: soak.is_back(before), PATIENCE_S, 0.5)
    tell(came_back, f"descriptors {before[0]} before, {soak.peer.descriptors()} after; processes {before[1]} and {len(soak.peer.pids())}")
    faults = {crowd.name: crowd.failure or crowd.faults() for crowd in crowds if crowd.failure or crowd.faults()}
    tell(not faults, f"errors that no backend caused: {faults or 'none'}")
    idle = [crowd.name for crowd in crowds if not crowd.figures["requests"]]
    tell(not idle, f"loads that got no answer at all: {', '.join(idle) or 'none'}")
    tell(soak.reloads_done() >= 1 + int(soak.seconds / RELOAD_S / 2), f"{soak.reloads_done()} reloads done")
    tell(not soak.bad_events(), f"broken rules or killed processes in the log: {', '.join(soak.bad_events()) or 'none'}")
    return len(failures)


def main():
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument("--gateway", required=True)
    args.add_argument("--for", dest="seconds", type=seconds_of, default="5m", help="40s, 5m, 2h")
    given = args.parse_args()
    ground = peers.Ground(given.gateway)
    backends = Backends(ground)
    soak = Soak(ground, backends, given.seconds)
    try:
        soak.reload()                   # what comes with the first one is there before we count
        procs.wait_for(lambda: soak.reloads_done() >= 1, PATIENCE_S)
        procs.wait_for(lambda: len(soak.peer.workers()) == 2, PATIENCE_S)
        time.sleep(2)
        before = (soak.peer.descriptors(), len(soak.peer.pids()))
        print(f"soak: {given.seconds} s, a reload every {RELOAD_S} s, a backend dies every {KILL_S} s for {DEAD_S} s")
        crowds = soak.run()
        backends.revive()
        missed = judge(soak, crowds, before)
    finally:
        soak.peer.end()
        backends.end()
        ground.end()
    sys.exit(1 if missed else 0)


if __name__ == "__main__":
    main()
