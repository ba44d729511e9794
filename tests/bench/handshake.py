"""handshake - what the keeper costs: CPU of a full TLS handshake over all processes of the gateway, beside a build that signs in
its workers (local_signer.c) and is the same in all else. Interleaved rounds, as in bench.py; the ratio is what to look at."""
import os
import re
import statistics
import subprocess
import sys

OURS = """\
[gateway]
workers = 1
[log]
access = off
[listener:tls]
bind = 127.0.0.1:{port}
cert = {chain}
key_file = {key}
max_handshakes_per_ip = 10000/s
max_connections_per_ip = 10000
[route:all]
host = *
respond = 200 ok
"""
KINDS = (("P-256", "ecdsa"), ("RSA-2048", "rsa"))
WAYS = ("keeper", "in_worker")
CLIENTS = 4


class One:
    """A gateway on the first core; the load is on the other."""

    def __init__(self, program, binary, folder, leaf):
        self.port = program.free_port()
        self.gateway = program.Gateway(folder, OURS.format(port=self.port, chain=leaf.chain, key=leaf.key), binary=binary,
                                       env={"SALLYPORT_KEY": leaf.key}, wrap=["taskset", "-c", "0"])

    def cpu_us(self, procs):
        return sum(procs.cpu_us(pid) for pid in procs.tree(self.gateway.pid))

    def load(self, procs, seconds):
        """CPU us of one handshake. s_time, since wrk keeps a session and would not ask for a signature again."""
        before, count = self.cpu_us(procs), 0
        clients = [subprocess.Popen(["taskset", "-c", "1", "openssl", "s_time", "-new", "-time", str(seconds),
                                     "-connect", f"127.0.0.1:{self.port}"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
                   for _ in range(CLIENTS)]
        for client in clients:
            said, _ = client.communicate(timeout=30 + 10 * seconds)
            found = re.search(r"(\d+) connections in [\d.]+ real seconds", said) or re.search(r"(\d+) connections in", said)
            if client.returncode != 0 or not found:
                sys.exit(f"handshakes: {said}")
            count += int(found.group(1))
        return (self.cpu_us(procs) - before) / count


def measure(gateway, folder, ca, rounds, seconds):
    """{kind: {way: median CPU us of a handshake, ..., "ratio": keeper to in_worker}}; prints them as a table."""
    import gateway as program           # pylint: disable=import-outside-toplevel
    import procs                        # pylint: disable=import-outside-toplevel

    binaries = {"keeper": os.path.abspath(gateway),
                "in_worker": os.path.join(os.path.dirname(os.path.abspath(gateway)), "local", "sallyport")}
    rows = {}
    print(f"\nfull TLS 1.3 handshakes, CPU us each over all processes, {rounds} interleaved rounds of {seconds} s (aim: ratio at most 1.2)")
    print(f"{'':12}{'keeper':>10}{'in worker':>12}{'ratio':>8}{'(of rounds)':>16}")
    for name, kind in KINDS:
        leaf = ca.leaf("localhost", kind=kind)
        ones = {way: One(program, binaries[way], os.path.join(folder, f"{kind}-{way}"), leaf) for way in WAYS}
        try:
            samples = {way: [] for way in WAYS}
            for turn in range(rounds + 1):
                for way in WAYS:
                    value = ones[way].load(procs, seconds)
                    if turn > 0:        # the first warms
                        samples[way].append(value)
        finally:
            for one in ones.values():
                one.gateway.end()
        each = [mine / other for mine, other in zip(samples["keeper"], samples["in_worker"])]
        rows[name] = {way: round(statistics.median(samples[way]), 1) for way in WAYS}
        rows[name]["ratio"] = round(statistics.median(each), 3)
        print(f"{name:12}{rows[name]['keeper']:10.1f}{rows[name]['in_worker']:12.1f}{rows[name]['ratio']:8.2f}"
              f"{f'{min(each):.2f}-{max(each):.2f}':>16}")
    return rows
