#!/usr/bin/python3
"""sizes - how what a request costs grows with routes, list entries, idle connections, clients that a limit tracks, body bytes, workers.

  sizes.py --gateway build/opt/sallyport [--quick] [--only routes,list] [--write FOLDER]

The gateways of one table run at once, pinned to the first core, and are asked in turn. It must not grow but with body bytes.
"""
import argparse
import os
import statistics
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "lib"))
sys.path.insert(0, HERE)

import bench                            # noqa: E402
import loads                            # noqa: E402
import measures                         # noqa: E402
import peers                            # noqa: E402
import plot                             # noqa: E402
import report                           # noqa: E402
import rules                            # noqa: E402

KIB, MIB, GIB = 1 << 10, 1 << 20, 1 << 30
# What a body size moves in one round at least.
ROUND_BYTES = 256 * MIB


class Series:
    """One line: costs by size, round by round."""

    def __init__(self, unit, digits=2):
        self.unit, self.digits, self.samples = unit, digits, {}

    def add(self, x, value):
        self.samples.setdefault(x, []).append(value)

    def medians(self):
        return {x: statistics.median(values) for x, values in self.samples.items()}


def in_turn(ground, plan, starts, load_of, warm_of=None):
    """Gateways that differ in size alone: {size: what ground.start needs}; returns the series of their costs."""
    series, running = Series("us"), {}
    try:
        for size, more in starts.items():
            running[size] = ground.start("sallyport", **more)
            loads.run(ground, running[size].ports["plain"], (warm_of or load_of)(size) | ({} if warm_of else {"seconds": 0.2}))
        for _ in range(plan.rounds):
            for size, peer in running.items():
                series.add(size, measures.cost(ground, peer, load_of(size))[0])
    finally:
        for peer in running.values():
            peer.end()
    return series


def routes(ground, plan):
    starts = {size: {"more": "".join(f"[route:r{i}]\nhost = *\npath = /r{i}/*\npool = origin\n" for i in range(size))}
              for size in plan.sizes(1, 10, 100, 1000, 2000)}
    return {"by path": in_turn(ground, plan, starts, lambda size: {"connections": 64, "seconds": plan.seconds, "path": "/r{n}/b/1024",
                                                                   "many": size})}


def entries(ground, plan):
    starts = {}
    for size in plan.sizes(1, 10, 100, 1000, 10000, 100000):
        path = peers.write(os.path.join(ground.place("list"), "list.txt"),
                           "".join(f"172.{16 + i // 32768}.{i // 128 % 256}.{i % 128 * 2}/32\n" for i in range(size)))
        starts[size] = {"listener": "deny = @many", "more": f"[addresses:many]\nfile = {path}\n"}
    return {"of a deny list": in_turn(ground, plan, starts, lambda size: {"connections": 64, "seconds": plan.seconds})}


def clients(ground, plan):
    """Each client has asked once before the first round."""
    starts = {size: {"gateway": "trusted = 127.0.0.0/8", "listener": "limit = all", "more": rules.LIMIT}
              for size in plan.sizes(1, 10, 100, 1000, 10000, 100000, 500000)}

    def load(size):
        return {"connections": 64, "field": "X-Forwarded-For: {ip}", "many": size, "seconds": plan.seconds}
    return {"tracked by a limit": in_turn(ground, plan, starts, load, lambda size: load(size) | {"requests": max(size, 1000), "seconds": 120})}


def idle(ground, plan):
    """Beside that many connections that do nothing, of TLS: what a request costs, and what one of them holds."""
    time_us, memory = Series("us"), Series("kB", 1)
    most = ground.descriptors // 2 - 500                # a client may need a backend, too: so a worker counts
    wanted = plan.sizes(10, 100, 1000, 10000, 50000)
    if max(wanted) > most:
        print(f"{most:,} idle connections at most, there are {ground.descriptors:,} descriptors")
    for size in sorted({min(size, most) for size in wanted}):
        peer = ground.start("sallyport")
        try:
            loads.run(ground, peer.ports["tls"], {"connections": 8, "requests": 64, "tls": "keep", "seconds": 10})
            time.sleep(2)
            before = peer.pss_kib()
            with loads.Idle(ground, peer.ports["tls"], size):
                time.sleep(plan.settle_s)
                if size >= 1000:        # fewer are lost in what a gateway takes and gives anyway
                    memory.add(size, (peer.pss_kib() - before) / size)
                for _ in range(plan.rounds):
                    time_us.add(size, measures.cost(ground, peer, {"connections": 64, "seconds": plan.seconds})[0])
        finally:
            peer.end()
    return {"CPU of a request": time_us, "PSS of an idle one": memory}


def bodies(ground, plan):
    series = {name: Series("ns/B", 3) for name in ("plain", "tls")}
    peer = ground.start("sallyport")
    try:
        for size in plan.sizes(KIB, 16 * KIB, 256 * KIB, MIB, 16 * MIB, 256 * MIB, GIB):
            load = {"connections": 4, "path": f"/b/{size}", "seconds": 120, "requests": max(4, min(20000, plan.round_bytes // size))}
            for _ in range(plan.rounds):
                for name, one in series.items():
                    spent, _ = measures.cost(ground, peer, load | ({"tls": "keep"} if name == "tls" else {}), name)
                    one.add(size, spent * 1000 / size)
    finally:
        peer.end()
    return series


def workers(ground, plan):
    """Not pinned: on two cores the load takes its share of them."""
    cpu, speed = Series("us"), Series("k/s", 1)
    running = {size: ground.start("sallyport", core=None, workers=size) for size in (1, 2, 3, 4)}
    try:
        for _ in range(plan.rounds):
            for size, peer in running.items():
                spent, seen = measures.cost(ground, peer, {"connections": 64, "seconds": plan.seconds})
                cpu.add(size, spent)
                speed.add(size, seen["requests"] / seen["seconds"] / 1000)
    finally:
        for peer in running.values():
            peer.end()
    return {"CPU of a request": cpu, "thousand requests a second": speed}


# name: title, what grows, unit of the cost, who measures
TABLE = {
    "routes": ("CPU of a request over the number of routes", "routes", "us", routes),
    "list": ("CPU of a request over the entries of an address list", "entries", "us", entries),
    "clients": ("CPU of a request over the clients that a limit tracks", "clients", "us", clients),
    "idle": ("Beside idle TLS connections", "idle connections", "us, kB", idle),
    "bodies": ("CPU of a body's byte over its size", "bytes", "ns a byte", bodies),
    "workers": ("Workers, not pinned", "workers", "us, k/s", workers),
}


class Plan:
    """How much is done."""

    def __init__(self, quick, rounds=None, seconds=None):
        self.quick = quick
        self.rounds, self.seconds, self.settle_s = (1, 0.2, 1.5) if quick else (5, 1.0, 4.0)
        self.rounds, self.seconds = rounds or self.rounds, seconds or self.seconds
        self.round_bytes = ROUND_BYTES // 16 if quick else ROUND_BYTES

    def sizes(self, *all_of_them):
        """In short: without the largest, which take their time."""
        return [size for size in all_of_them if not self.quick or size <= (16 * MIB if all_of_them[-1] == GIB else 10000)]


def table(out, title, what, series):
    xs = sorted({x for one in series.values() for x in one.samples})
    found = {name: one.medians() for name, one in series.items()}
    out.table(title, (what, *(f"{name}, {one.unit}" for name, one in series.items())),
              [[f"{x:,}", *(report.number(found[name].get(x), one.digits) for name, one in series.items())] for x in xs])
    return found


def write(folder, out, drawings):
    report.replace_part(os.path.join(folder, "RESULTS.md"), "sizes", out.as_markdown() + "\n" + "\n".join(
        f"![{TABLE[name][0]}](results/{name}.svg)" for name in drawings) + "\n")
    results = os.path.join(folder, "results")
    os.makedirs(results, exist_ok=True)
    bench.keep(os.path.join(results, "sizes.json"), out.data)
    for name, drawing in drawings.items():
        with open(os.path.join(results, f"{name}.svg"), "w", encoding="utf-8") as file:
            file.write(drawing)


def main():
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument("--gateway", required=True)
    args.add_argument("--quick", action="store_true")
    args.add_argument("--only", default=",".join(TABLE))
    args.add_argument("--rounds", type=int)
    args.add_argument("--seconds", type=float, help="of a round")
    args.add_argument("--write", metavar="FOLDER", help="RESULTS.md and results/ of that folder get tables, figures and drawings")
    given = args.parse_args()
    plan, out, drawings, begun = Plan(given.quick, given.rounds, given.seconds), report.Report(), {}, time.monotonic()
    ground = peers.Ground(given.gateway)
    try:
        for name in given.only.split(","):
            title, what, unit, measure = TABLE[name]
            series = measure(ground, plan)
            found = {one: points for one, points in table(out, title, what, series).items() if points}
            out.data[name] = {one: {str(x): y for x, y in points.items()} for one, points in found.items()}
            drawings[name] = plot.lines(title, what, unit, found)
    finally:
        ground.end()
    if given.write:
        write(given.write, out, drawings)
    print(f"\nsizes: medians of {plan.rounds} rounds, {time.monotonic() - begun:.0f} s in all")


if __name__ == "__main__":
    main()
