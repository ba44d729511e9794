#!/usr/bin/python3
"""bench - what a request costs here, and what it costs in nginx and HAProxy, side by side.

One worker each, pinned to one core; origin and load (wrk) on the other. Rounds are interleaved, so that a machine that drifts
drifts for all; medians are printed, and ratios, which are what to look at. CPU is the kernel's own account of all processes of
a gateway together, system calls are counted by strace in a round of their own. The peers' configurations are below, to be judged.
"""
import argparse
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "lib"))

NGINX = """\
daemon off;
master_process on;
worker_processes 1;
pid {folder}/pid;
error_log {folder}/error.log crit;
{user}
events {{ worker_connections 4096; }}
http {{
    access_log off;
    client_body_temp_path {folder}/b; proxy_temp_path {folder}/p; fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u;
    scgi_temp_path {folder}/s;
    keepalive_requests 100000000;
    tcp_nodelay on;
    upstream origin {{ server 127.0.0.1:{origin}; keepalive 128; keepalive_requests 100000000; }}
    server {{
        listen 127.0.0.1:{plain} backlog=1024;
        listen 127.0.0.1:{tls} ssl backlog=1024;
        ssl_certificate {chain};
        ssl_certificate_key {key};
        ssl_protocols TLSv1.2 TLSv1.3;
        ssl_session_tickets on;
        location / {{
            proxy_pass http://origin;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_set_header Host $host;
            proxy_set_header X-Forwarded-For $remote_addr;
            proxy_set_header X-Forwarded-Proto $scheme;
        }}
    }}
}}
"""

HAPROXY = """\
global
    nbthread 1
    maxconn 4096
    tune.ssl.default-dh-param 2048
defaults
    mode http
    timeout connect 2s
    timeout client 60s
    timeout server 60s
    option http-keep-alive
    http-reuse always
frontend all
    bind 127.0.0.1:{plain}
    bind 127.0.0.1:{tls} ssl crt {pem} alpn http/1.1
    http-request set-header X-Forwarded-For %[src]
    default_backend origin
backend origin
    server one 127.0.0.1:{origin} maxconn 4096
"""

ORIGIN = """\
daemon off;
worker_processes 1;
pid {folder}/pid;
error_log {folder}/error.log crit;
{user}
events {{ worker_connections 4096; }}
http {{
    access_log off;
    client_body_temp_path {folder}/b; proxy_temp_path {folder}/p; fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u;
    scgi_temp_path {folder}/s;
    keepalive_requests 100000000;
    open_file_cache max=16 inactive=600s;
    open_file_cache_valid 600s;
    server {{ listen 127.0.0.1:{origin} backlog=1024; root {folder}; }}
}}
"""

OURS = """\
[gateway]
workers = 1
[egress]
allow = 127.0.0.0/8
[log]
access = off
[listener:plain]
bind = 127.0.0.1:{plain}
max_requests_per_connection = 1000000
max_connections_per_ip = 100000
[listener:tls]
bind = 127.0.0.1:{tls}
cert = {chain}
key_file = {key}
max_requests_per_connection = 1000000
max_connections_per_ip = 100000
max_handshakes_per_ip = 10000/s
[route:all]
host = *
pool = origin
[pool:origin]
backend = 127.0.0.1:{origin}
keepalive = 128
"""


class Peer:
    """A gateway under measurement, pinned to the first core."""

    def __init__(self, name, command, ports):
        import procs                    # pylint: disable=import-outside-toplevel
        self.procs, self.name, self.ports = procs, name, ports
        self.process = procs.start(["taskset", "-c", "0", *command], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL)

    def pids(self):
        return self.procs.tree(self.process.pid)

    def cpu_us(self):
        return sum(self.procs.cpu_us(pid) for pid in self.pids())

    def worker(self):
        """The process that has used the most so far."""
        return max(self.pids(), key=self.procs.cpu_us)

    def end(self):
        self.procs.end(self.process)


def write(folder, name, text):
    path = os.path.join(folder, name)
    with open(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "w", encoding="ascii") as file:
        file.write(text)
    return path


def start_all(given, folder, leaf, origin):
    import gateway as program           # pylint: disable=import-outside-toplevel
    user = "user root;" if os.getuid() == 0 else ""
    pem = write(folder, "both.pem", open(leaf.chain, encoding="ascii").read() + open(leaf.key, encoding="ascii").read())
    peers = []
    for name in ("sallyport", "nginx", "haproxy"):
        where = os.path.join(folder, name)
        os.mkdir(where, 0o700)
        ports = {"plain": program.free_port(), "tls": program.free_port()}
        values = dict(ports, folder=where, origin=origin, chain=leaf.chain, key=leaf.key, pem=pem, user=user)
        if name == "sallyport":
            command = [os.path.abspath(given.gateway), "run", "-c", write(where, "sallyport.ini", OURS.format(**values))]
        elif name == "nginx" and shutil.which("nginx", path="/usr/sbin:/usr/bin"):
            command = ["/usr/sbin/nginx", "-p", where, "-e", f"{where}/start.log", "-c", write(where, "nginx.conf", NGINX.format(**values))]
        elif name == "haproxy" and shutil.which("haproxy", path="/usr/sbin:/usr/bin"):
            command = ["/usr/sbin/haproxy", "-db", "-f", write(where, "haproxy.cfg", HAPROXY.format(**values))]
        else:
            print(f"{name} is not installed here: left out")
            continue
        peers.append(Peer(name, command, ports))
    return peers


def url(peer, scenario):
    """By name for TLS: wrk sends the host of its URL as SNI."""
    return f"https://localhost:{peer.ports['tls']}/1k" if scenario == "tls" else f"http://127.0.0.1:{peer.ports['plain']}/1k"


def load(peer, scenario, seconds):
    """One round: (CPU us a request, requests a second, p99 in ms)."""
    before = peer.cpu_us()
    done = subprocess.run(["taskset", "-c", "1", "wrk", "-t1", "-c64", f"-d{seconds}s", "--latency", url(peer, scenario)],
                          capture_output=True, text=True, check=True)
    cpu = peer.cpu_us() - before
    count = int(re.search(r"(\d+) requests in", done.stdout).group(1))
    if "Non-2xx" in done.stdout or "Socket errors" in done.stdout or not count:
        sys.exit(f"{peer.name}: {done.stdout}")
    late = re.search(r"99%\s+([\d.]+)(us|ms|s)", done.stdout)
    p99 = float(late.group(1)) * {"us": 0.001, "ms": 1, "s": 1000}[late.group(2)]
    return cpu / count, count / seconds, p99


def system_calls(peer, scenario, seconds=1):
    """System calls a request of the worker, the wait left out: (all, epoll_ctl alone)."""
    import counting                     # pylint: disable=import-outside-toplevel
    with counting.SystemCalls(peer.worker()) as calls:
        done = subprocess.run(["taskset", "-c", "1", "wrk", "-t1", "-c8", f"-d{seconds}s", url(peer, scenario)],
                              capture_output=True, text=True, check=True)
    count = int(re.search(r"(\d+) requests in", done.stdout).group(1))
    every = sum(number for name, number in calls.counts.items() if not name.startswith(("epoll_wait", "epoll_pwait")))
    return every / count, calls.of("epoll_ctl") / count


def measure(peers, scenario, rounds, seconds):
    samples = {peer.name: [] for peer in peers}
    for peer in peers:
        load(peer, scenario, 1)         # warm
    for _ in range(rounds):
        for peer in peers:
            samples[peer.name].append(load(peer, scenario, seconds))
    rows = {}
    for peer in peers:
        cpu, speed, p99 = zip(*samples[peer.name])
        calls, controls = system_calls(peer, scenario)
        rows[peer.name] = {"cpu_us": round(statistics.median(cpu), 2), "cpu_us_spread": [round(min(cpu), 2), round(max(cpu), 2)],
                           "requests_per_s": round(statistics.median(speed)), "p99_ms": round(statistics.median(p99), 2),
                           "system_calls": round(calls, 2), "epoll_ctl": round(controls, 3)}
    return rows


def show(scenario, rows):
    print(f"\n{scenario}, 1 KiB, keep-alive, 64 connections")
    print(f"{'':12}{'CPU us':>8}{'(spread)':>16}{'ratio':>8}{'req/s':>9}{'p99 ms':>8}{'calls':>8}{'epoll_ctl':>11}")
    for name, row in rows.items():
        ratio = rows["sallyport"]["cpu_us"] / row["cpu_us"]
        low, high = row["cpu_us_spread"]
        print(f"{name:12}{row['cpu_us']:8.2f}{f'{low:.1f}-{high:.1f}':>16}{ratio:8.2f}{row['requests_per_s']:9d}{row['p99_ms']:8.2f}"
              f"{row['system_calls']:8.2f}{row['epoll_ctl']:11.3f}")


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--gateway", required=True)
    options.add_argument("--quick", action="store_true", help="under a minute")
    options.add_argument("--json", help="write the figures there, too")
    given = options.parse_args()
    os.environ["SALLYPORT"] = given.gateway
    if os.cpu_count() < 2:
        sys.exit("bench: two cores are needed, one for the gateway and one for the load")
    import ca as authority              # pylint: disable=import-outside-toplevel
    import gateway as program           # pylint: disable=import-outside-toplevel
    import handshake                    # pylint: disable=import-outside-toplevel
    import procs                        # pylint: disable=import-outside-toplevel
    import rules                        # pylint: disable=import-outside-toplevel

    rounds, seconds = (3, 1) if given.quick else (9, 4)
    with tempfile.TemporaryDirectory() as folder:
        ca = authority.Ca(os.path.join(folder, "ca"))
        leaf = ca.leaf("localhost")
        origin, where = program.free_port(), os.path.join(folder, "origin")
        os.mkdir(where)
        with open(f"{where}/1k", "wb") as file:
            file.write(b"x" * 1024)
        conf = write(where, "nginx.conf", ORIGIN.format(folder=where, origin=origin, user="user root;" if os.getuid() == 0 else ""))
        behind = procs.start(["taskset", "-c", "1", "/usr/sbin/nginx", "-p", where, "-e", f"{where}/start.log", "-c", conf],
                             stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        peers = start_all(given, folder, leaf, origin)
        try:
            time.sleep(1)
            results = {}
            for scenario in ("plain", "tls"):
                results[scenario] = measure(peers, scenario, rounds, seconds)
                show(scenario, results[scenario])
            for peer in peers:
                peer.end()
            results["rules"] = rules.measure(given.gateway, folder, leaf, origin, rounds, seconds)
        finally:
            for peer in peers:
                peer.end()
            procs.end(behind)
        results["handshake"] = handshake.measure(given.gateway, folder, ca, rounds, seconds)
    print(f"\nbench: medians of {rounds} interleaved rounds of {seconds} s; ratio = sallyport's CPU to that of the row")
    if given.json:
        with open(given.json, "w", encoding="ascii") as file:
            json.dump(results, file, indent=1)


if __name__ == "__main__":
    main()
