"""loads - the load generator, as a function: loadgen's options in, its figures out."""
import json
import subprocess

import peers
import procs


class Failed(RuntimeError):
    """The gateway did not answer as it should."""


def command(ground, port, options):
    words = ["taskset", "-c", peers.LOAD_CORE, ground.tool("loadgen"), "--port", str(port)]
    for name, value in options.items():
        if value is True:
            words.append(f"--{name}")
        else:
            for one in value if isinstance(value, (list, tuple)) else [value]:
                words += [f"--{name}", str(one)]
    return words


def run(ground, port, options, may_fail=False, of=""):
    """Its figures; Failed where something was no 200, or nothing was answered."""
    done = subprocess.run(command(ground, port, options), stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=60 + 3 * float(options.get("seconds", 1)), check=False)
    if done.returncode != 0:
        raise Failed(f"loadgen {options}: {done.stderr}")
    figures = json.loads(done.stdout)
    if not may_fail and (figures["errors"] or not figures["requests"]):
        raise Failed(f"{of} {options}: {done.stdout}")
    return figures


def measured(ground, port, options, account, of=""):
    """(its figures, what account() said before, and after): between the two nothing is opened that could be open already."""
    with procs.start(command(ground, port, {**options, "ready": True}), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as load:
        if load.stdout.readline() != "ready\n":
            raise Failed(f"{of} {options}: not ready")
        before = account()
        load.stdin.write("\n")
        load.stdin.flush()
        line = load.stdout.readline()
        after = account()
    figures = json.loads(line or "{}")
    if not figures or figures["errors"] or not figures["requests"]:
        raise Failed(f"{of} {options}: {line}")
    return figures, before, after


class Idle:
    """with Idle(...) as held: that many connections of TLS, each of which has asked once, until the end of the block."""

    def __init__(self, ground, port, count):
        self.count = count
        self.process = procs.start(command(ground, port, {"connections": count, "idle": True, "tls": "keep", "spread": max(1, count // 500)}),
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __enter__(self):
        figures = json.loads(self.process.stdout.readline() or "{}")
        if figures.get("held") != self.count:
            raise Failed(f"{self.count} idle connections: {figures}")
        return self

    def __exit__(self, kind, *_):
        self.process.stdin.close()
        figures = json.loads(self.process.stdout.readline() or "{}")
        self.process.stdout.close()
        self.process.wait(60)
        if kind is None and figures.get("lost"):
            raise Failed(f"{figures['lost']} of {self.count} idle connections were closed")
