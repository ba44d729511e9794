"""measures - what a round of load cost a gateway: time and memory by the kernel's account of all its processes together, system
calls by strace, user instructions by callgrind, allocations by a preloaded counter."""
import os
import signal
import time

import counting
import loads
import procs


def warm(ground, peer, scenario, seconds):
    """A round that counts for nothing, so long that each connection has asked."""
    loads.run(ground, peer.ports[scenario.port], {**scenario.load, "seconds": seconds}, may_fail=True)


def timed(ground, peer, scenario, seconds):
    """One round: the cost of a request (or of a body's byte), of all processes and of the workers alone, and what the clients saw."""
    workers = peer.workers()
    seen, before, after = loads.measured(ground, peer.ports[scenario.port], {**scenario.load, "seconds": seconds},
                                         lambda: (peer.cpu_us(), sum(map(procs.cpu_us, workers))), of=peer.name)
    by = seen["requests"] * scenario.per_byte / 1000 if scenario.per_byte else seen["requests"]
    return {"cpu": (after[0] - before[0]) / by, "worker_cpu": (after[1] - before[1]) / by,
            "requests_per_s": seen["requests"] / seen["seconds"], "p50_ms": seen["p50_us"] / 1000, "p99_ms": seen["p99_us"] / 1000,
            "p999_ms": seen["p999_us"] / 1000, "resumed": seen["resumed"] / max(1, seen["handshakes"])}


def cost(ground, peer, load, port="plain"):
    """CPU us of a request of that load, all processes; and its figures."""
    seen, before, after = loads.measured(ground, peer.ports[port], load, peer.cpu_us, of=peer.name)
    return (after - before) / seen["requests"], seen


# --- system calls ---

def counts_of(ground, peer, scenario, count):
    """{name of the call: number} with that many requests, all processes together."""
    with counting.SystemCalls(*peer.pids()) as calls:
        load = {**scenario.load, "requests": count, "seconds": 60}
        loads.run(ground, peer.ports[scenario.port], load, of=peer.name)
    return calls.counts


def system_calls(ground, peer, scenario, few, many):
    """Of a request, without what a connection costs: the difference of two runs. With the wait, without it, and epoll_ctl alone."""
    loads.run(ground, peer.ports[scenario.port], {**scenario.load, "requests": few, "seconds": 60}, of=peer.name)
    low, high = (counts_of(ground, peer, scenario, count) for count in (few, many))
    each = {name: (number - low.get(name, 0)) / (many - few) for name, number in high.items()}
    waits = sum(number for name, number in each.items() if name.startswith(("epoll_wait", "epoll_pwait")))
    return {"all": sum(each.values()), "without_wait": sum(each.values()) - waits, "epoll_ctl": each.get("epoll_ctl", 0)}


# --- user instructions ---

def instructions_of(ground, name, scenario, count):
    """Of the worker from its start to its end, with that many requests in between; no sandbox, callgrind cannot live in one."""
    where = ground.place("callgrind")
    os.chmod(ground.folder, 0o711)
    os.chmod(where, 0o777)              # a worker writes what was counted, as whoever it became
    peer = ground.start(name, wrap=["valgrind", "--tool=callgrind", "--vgdb=no", "--trace-children=no",
                                    f"--callgrind-out-file={where}/%p"], gateway="sandbox = off")
    try:
        load = {**scenario.load, "requests": count, "seconds": 60, "connections": min(8, scenario.load["connections"])}
        load.pop("rate", None)
        loads.run(ground, peer.ports[scenario.port], load)
        worker = peer.workers()[0]
    finally:
        procs.end(peer.process, signal.SIGINT if name == "sallyport" else signal.SIGTERM, 30)
    procs.wait_for(lambda: not procs.is_alive(worker), 10)
    with open(f"{where}/{worker}", encoding="ascii", errors="replace") as file:
        return next(int(line.split()[1]) for line in file if line.startswith(("summary:", "totals:")))


def instructions(ground, name, scenario, few=300, many=1500):
    """Of one request: the difference of two runs, so that start and end do not count."""
    return (instructions_of(ground, name, scenario, many) - instructions_of(ground, name, scenario, few)) / (many - few)


# --- memory ---

def idle_memory(ground, name, count, settle_s):
    """KiB (PSS of all processes) of one idle TLS connection of a gateway that is new: each has had one answer."""
    peer = ground.start(name)
    try:
        loads.run(ground, peer.ports["tls"], {"connections": 8, "requests": 64, "tls": "keep", "seconds": 10})
        time.sleep(settle_s / 2)
        before = peer.pss_kib()
        with loads.Idle(ground, peer.ports["tls"], count):
            time.sleep(settle_s)
            return (peer.pss_kib() - before) / count
    finally:
        peer.end()


def allocations(ground, scenario, count=2000):
    """Our worker's, of a request: (those that our code asks for, all)."""
    where = ground.place("allocations")
    os.chmod(ground.folder, 0o711)
    counter = counting.Allocations(where, os.path.join(ground.build, "malloc_count.so"))
    os.chmod(where, 0o711)
    peer = ground.start("sallyport", env=counter.env)
    try:
        load = {**scenario.load, "requests": count, "seconds": 60, "connections": 8}
        port, worker = peer.ports[scenario.port], peer.workers()[0]
        loads.run(ground, port, load)
        before = counter.of(worker)
        loads.run(ground, port, load)
        after = counter.of(worker)
        return {"ours": (after[0] - before[0]) / count, "all": (after[1] - before[1]) / count}
    finally:
        peer.end()
