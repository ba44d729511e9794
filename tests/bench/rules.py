"""What rules by address cost a request: the same gateway without any, with 5 and with 5,000 prefixes, and with a rate limit.

All run at once, each pinned to the first core and asked in turn, so that the rows can be compared. That 5,000 prefixes cost what 5 do is
what a table promises; that a limit's look-up costs next to nothing, whoever asks, is seen with one client and with 100,000.
"""
import statistics

import measures
import report

LIMIT = "[limit:all]\nrate = 1000000/s\nburst = 1000000\n"
NAMED = {"field": "X-Forwarded-For: {ip}", "many": 100000}


def prefixes(count):
    return "deny = " + "\ndeny = ".join(f"172.{16 + i // 4096}.{i // 16 % 256}.{i % 16 * 16}/28" for i in range(count)) + "\n"


# name: what stands in [listener:plain], what stands beside it, what else is asked of the load
ROWS = {
    "no rule": ("", "", {}),
    "5 prefixes": (prefixes(5), "", {}),
    "5,000 prefixes": (prefixes(5000), "", {}),
    "a limit": ("limit = all\n", LIMIT, {}),
    "no rule, 100,000 clients": ("", "", NAMED),
    "a limit, 100,000 clients": ("limit = all\n", LIMIT, NAMED),
}


def measure(ground, out, plan):
    """{name of the row: median CPU us of a request}."""
    running = {name: ground.start("sallyport", gateway="trusted = 127.0.0.1", listener=listener, more=more)
               for name, (listener, more, _) in ROWS.items()}
    samples = {name: [] for name in ROWS}
    try:
        for turn in range(plan.rounds + 1):
            for name, peer in running.items():
                cpu, _ = measures.cost(ground, peer, {"connections": 64, "seconds": plan.seconds, **ROWS[name][2]})
                if turn:                # the first is to warm
                    samples[name].append(cpu)
    finally:
        for peer in running.values():
            peer.end()
    out.table("rules by address, 1 KiB, kept: CPU us of a request", ("", "CPU us", "(spread)"),
              [[name, report.number(statistics.median(cpus)), f"{min(cpus):.1f}-{max(cpus):.1f}"] for name, cpus in samples.items()])
    return {name: round(statistics.median(cpus), 2) for name, cpus in samples.items()}
