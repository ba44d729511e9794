#!/usr/bin/python3
"""bench - what a request costs here, and what it costs in nginx and HAProxy, side by side.

  bench.py --gateway build/opt/sallyport [--quick] [--only a,b,i] [--nginx PATH] [--haproxy PATH] [--write FOLDER]

One worker each, pinned to one core; origin and load on the other. Rounds are interleaved, so that a machine that drifts drifts
for all. README.md beside this file tells how figures are taken and what each scenario is.
"""
import argparse
import json
import os
import shutil
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "lib"))
sys.path.insert(0, HERE)

import handshake                        # noqa: E402
import measures                         # noqa: E402
import peers                            # noqa: E402
import report                           # noqa: E402
import rules                            # noqa: E402
import scenarios                        # noqa: E402

EXTRAS = ("calls", "instructions", "allocations", "handshakes", "rules")


class Plan:
    """How much is done."""

    def __init__(self, given):
        quick = given.quick
        self.is_quick = quick
        self.rounds = given.rounds or (2 if quick else 5)
        self.seconds = given.seconds or (0.15 if quick else 0.8)
        self.warm_s = 0.05 if quick else 0.5
        self.calls_share = 0.2 if quick else 1.0
        self.idle = 1000 if quick else 5000
        self.settle_s = 2.0 if quick else 4.0
        self.wanted = given.only.split(",") if given.only else None

    def wants(self, name):
        return self.wanted is None or name in self.wanted

    def can(self, what, tool=None, as_root=True):
        """Says so when not: what is left out, and why."""
        if as_root and os.geteuid() != 0:
            print(f"{what}: left out, only root may look into processes that are not dumpable")
        elif tool and not shutil.which(tool):
            print(f"{what}: left out, {tool} is not installed here")
        else:
            return True
        return False


def rounds_of(plan, ground, running, group):
    """{key: {gateway: its rounds}} of scenarios that are compared with each other, too: within a round each gateway has its turn at
    each of them, another one first each time."""
    samples = {one.key: {peer.name: [] for peer in running if one.port in peer.ports} for one in group}
    turns = [(one, peer) for peer in running for one in group if one.port in peer.ports]
    for one, peer in turns:
        measures.warm(ground, peer, one, plan.warm_s)
    for turn in range(plan.rounds):
        begin = turn * len(group) % len(turns)
        for one, peer in turns[begin:] + turns[:begin]:
            samples[one.key][peer.name].append(measures.timed(ground, peer, one, plan.seconds))
    return samples


def log_rows(samples, results):
    """What the log adds, round by round."""
    for name, limit in (("nginx", None), ("sallyport", scenarios.LOG_ADDS_US)):
        if samples["k"].get(name):
            adds = report.difference(samples["klog"][name], samples["k"][name])
            results[f"log_adds_{name}"], cells = report.difference_row(f"  the log of {name} adds", "us", adds, limit)
            yield cells


def timed(plan, ground, running, out):
    rows, latencies, results = [], [], {}
    for keys in scenarios.GROUPS:
        group = [scenarios.BY_KEY[key] for key in keys if plan.wants(key)]
        samples = rounds_of(plan, ground, running, group) if group else {}
        for one in group:
            results[one.key], cells = report.cost_row(one, samples[one.key])
            rows.append(cells)
            more, cells = report.worker_row(one, samples[one.key])
            if more:
                results[more["key"]] = more
                rows.append(cells)
            latencies.append(report.latency_row(one, samples[one.key]))
        if "k" in samples and "klog" in samples:
            rows += log_rows(samples, results)
    if rows:
        out.table("CPU of a request, all processes of a gateway together", report.COST_HEAD, rows)
        out.table("requests a second, and p50, p99, p99.9 in ms", ("scenario", *scenarios.ORDER, "verdict"), latencies)
        out.data["timed"] = results


# Requests of the two runs whose difference is told.
CALLS_OF = {"a": (1000, 11000), "b": (1000, 11000), "c": (100, 1100), "f1m": (50, 350)}
COUNT_HEAD = ("count of a request", "floor", "nginx", "haproxy", "sallyport", "at most", "verdict")


class Counts:
    """Rows of the table of counts, as they come."""

    def __init__(self, plan, ground, running):
        self.plan, self.ground, self.running = plan, ground, running
        self.rows, self.results = [], {}

    def add(self, key, title, figures, limit, digits=2):
        self.results[key], cells = report.count_row(title, figures, limit, digits)
        self.rows.append(cells)

    def system_calls(self):
        for key, (few, many) in CALLS_OF.items():
            share, scenario = self.plan.calls_share, scenarios.BY_KEY[key]
            found = {peer.name: measures.system_calls(self.ground, peer, scenario, int(few * share), int(many * share)) for peer in self.running}
            for what, title, limit in (("all", "system calls", scenario.calls), ("without_wait", "  without the wait", None),
                                       ("epoll_ctl", "  epoll_ctl", None)):
                self.add(f"calls_{key}_{what}", f"{title}, {key}", {name: one[what] for name, one in found.items()}, limit)

    def allocations(self):
        for key in ("a", "b") if self.plan.is_quick else ("a", "b", "k", "h", "f1m", "g"):
            made = measures.allocations(self.ground, scenarios.BY_KEY[key])
            self.add(f"allocations_{key}", f"allocations of our code, {key}", {"sallyport": made["ours"]}, scenarios.ALLOCATIONS)

    def instructions(self):
        for key in ("a", "b", "k", "l"):
            scenario = scenarios.BY_KEY[key]
            found = {name: measures.instructions(self.ground, name, scenario) for name in self.ground.wanted
                     if not (name == "floor" and scenario.port == "limited")}
            self.add(f"instructions_{key}", f"user instructions (no sandbox), {key}", found, scenario.instructions, 0)
        adds = self.results["instructions_l"]["counts"]["sallyport"] - self.results["instructions_a"]["counts"]["sallyport"]
        self.add("limit_adds", "  the limit adds (l - a)", {"sallyport": adds}, scenarios.LIMIT_ADDS_INSTRUCTIONS, 0)

    def idle(self):
        found = {name: measures.idle_memory(self.ground, name, self.plan.idle, settle_s=self.plan.settle_s) for name in self.ground.wanted}
        self.add("idle", f"i idle TLS connection of {self.plan.idle:,}, PSS in kB", found, scenarios.IDLE_MAX_KIB, 1)


def counted(plan, ground, running, out):
    counts = Counts(plan, ground, running)
    if plan.wants("calls") and plan.can("system calls", "strace"):
        counts.system_calls()
    if plan.wants("allocations"):
        counts.allocations()
    if not plan.is_quick and plan.wants("instructions") and plan.can("instructions", "valgrind", as_root=False):
        counts.instructions()
    if plan.wants(scenarios.IDLE) and plan.can("memory of idle connections"):
        counts.idle()
    if counts.rows:
        out.table("counts and memory", COUNT_HEAD, counts.rows)
        out.data["counted"] = counts.results


def write(folder, out, ground, given):
    names = [ground.version(name) for name in ground.wanted if ground.version(name)]
    text = f"Measured on {os.cpu_count()} cores, {time.strftime('%Y-%m-%d')}. " + "; ".join(names) + ".\n\n" + out.as_markdown()
    report.replace_part(os.path.join(folder, "RESULTS.md"), "bench", text)
    os.makedirs(os.path.join(folder, "results"), exist_ok=True)
    keep(os.path.join(folder, "results", "bench.json"), out.data)


def keep(path, data):
    rounded = json.loads(json.dumps(data), parse_float=lambda text: round(float(text), 4))
    with open(path, "w", encoding="ascii") as file:
        json.dump(rounded, file, indent=1)
        file.write("\n")


def options():
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument("--gateway", required=True)
    args.add_argument("--quick", action="store_true", help="under a minute, and worth no more than that")
    args.add_argument("--only", help=f"keys of scenarios, of {', '.join(scenarios.BY_KEY)}, i, {', '.join(EXTRAS)}")
    args.add_argument("--against", default="nginx,haproxy,floor")
    args.add_argument("--nginx", default="/usr/sbin/nginx", help="another nginx")
    args.add_argument("--haproxy", default="/usr/sbin/haproxy", help="another HAProxy")
    args.add_argument("--rounds", type=int)
    args.add_argument("--seconds", type=float, help="of a round")
    args.add_argument("--json", help="write the figures there, too")
    args.add_argument("--write", metavar="FOLDER", help="RESULTS.md and results/ of that folder get the tables and the figures")
    return args.parse_args()


def main():
    given = options()
    if os.cpu_count() < 2:
        sys.exit("bench: two cores are needed, one for the gateway and one for the load")
    plan, out, begun = Plan(given), report.Report(), time.monotonic()
    ground = peers.Ground(given.gateway, given.nginx, given.haproxy)
    ground.wanted, running = [], []
    for name in ["sallyport", *filter(None, given.against.split(","))]:
        if ground.has(name):
            ground.wanted.append(name)
        else:
            print(f"{name} is not installed here: left out")
    try:
        running = [ground.start(name) for name in ground.wanted]
        timed(plan, ground, running, out)
        counted(plan, ground, running, out)
        for peer in running:
            peer.end()
        if plan.wants("rules"):
            out.data["rules"] = rules.measure(ground, out, plan)
        if plan.wants("handshakes"):
            out.data["handshakes"] = handshake.measure(ground, out, plan)
    finally:
        for peer in running:
            peer.end()
        ground.end()
    held, missed = out.verdicts()
    print(f"\nbench: medians of {plan.rounds} interleaved rounds of {plan.seconds} s, {time.monotonic() - begun:.0f} s in all; "
          f"{held} figures held, {missed} missed")
    if given.json:
        keep(given.json, out.data)
    if given.write:
        write(given.write, out, ground, given)


if __name__ == "__main__":
    main()
