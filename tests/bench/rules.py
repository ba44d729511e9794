"""What rules by address cost a request: the same gateway without any, with 5 and with 5,000 prefixes, and with a rate limit.

All run at once, each pinned to the first core and asked in turn, so that the rows can be compared. That 5,000 prefixes cost what 5 do is
what a table promises; that a limit's look-up costs next to nothing, whoever asks, is seen with one client and with 100,000.
"""
import os
import re
import socket
import statistics
import subprocess

import bench

MANY = """\
local n = 0
request = function()
  n = (n + 1) % 100000
  return wrk.format("GET", "/1k", {["X-Forwarded-For"] = "10." .. math.floor(n / 65536) .. "." .. math.floor(n / 256) % 256 .. "." .. n % 256})
end
"""


def prefixes(count):
    return "deny = " + "\ndeny = ".join(f"172.{16 + i // 4096}.{i // 16 % 256}.{i % 16 * 16}/28" for i in range(count)) + "\n"


# name: what stands in [listener:plain], what stands beside it, whether 100,000 clients are named
ROWS = {
    "no rule": ("", "", False),
    "5 prefixes": (prefixes(5), "", False),
    "5,000 prefixes": (prefixes(5000), "", False),
    "a limit": ("limit = all\n", "[limit:all]\nrate = 1000000/s\nburst = 1000000\n", False),
    "no rule, 100,000 clients": ("", "", True),
    "a limit, 100,000 clients": ("limit = all\n", "[limit:all]\nrate = 1000000/s\nburst = 1000000\n", True),
}


def is_up(port):
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
        return True
    except OSError:
        return False


def start(gateway, folder, leaf, origin):
    import gateway as program           # pylint: disable=import-outside-toplevel
    peers = {}
    for i, (name, (listener, more, _)) in enumerate(ROWS.items()):
        where = os.path.join(folder, f"rules{i}")
        os.mkdir(where, 0o700)
        ports = {"plain": program.free_port(), "tls": program.free_port()}
        text = bench.OURS.format(**ports, origin=origin, chain=leaf.chain, key=leaf.key)
        text = text.replace("[gateway]\n", "[gateway]\ntrusted = 127.0.0.1\n").replace("[listener:tls]", listener + "[listener:tls]") + more
        peers[name] = bench.Peer(name, [os.path.abspath(gateway), "run", "-c", bench.write(where, "sallyport.ini", text)], ports)
    for peer in peers.values():
        assert peer.procs.wait_for(lambda port=peer.ports["plain"]: is_up(port), 30)
    return peers


def load(peer, script, seconds):
    """One round: CPU us a request."""
    before = peer.cpu_us()
    done = subprocess.run(["taskset", "-c", "1", "wrk", "-t1", "-c64", f"-d{seconds}s", *script, bench.url(peer, "plain")],
                          capture_output=True, text=True, check=True)
    assert "Non-2xx" not in done.stdout and "Socket errors" not in done.stdout, done.stdout
    return (peer.cpu_us() - before) / int(re.search(r"(\d+) requests in", done.stdout).group(1))


def measure(gateway, folder, leaf, origin, rounds, seconds):
    lua = bench.write(folder, "many.lua", MANY)
    peers = start(gateway, folder, leaf, origin)
    samples = {name: [] for name in ROWS}
    try:
        for turn in range(rounds + 1):
            for name, peer in peers.items():
                cpu = load(peer, ["-s", lua] if ROWS[name][2] else [], seconds if turn else 1)
                if turn:                # the first is to warm
                    samples[name].append(cpu)
    finally:
        for peer in peers.values():
            peer.end()
    print(f"\nrules by address, 1 KiB, keep-alive, 64 connections\n{'':26}{'CPU us':>8}{'(spread)':>16}")
    for name, cpus in samples.items():
        print(f"{name:26}{statistics.median(cpus):8.2f}{f'{min(cpus):.1f}-{max(cpus):.1f}':>16}")
    return {name: round(statistics.median(cpus), 2) for name, cpus in samples.items()}
