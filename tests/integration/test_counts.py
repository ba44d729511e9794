"""What one keep-alive request costs, in counts that do not drift: system calls, allocations, instructions."""
import os
import shutil
import tempfile

import pytest

import backends
import counting
import gateway as program
import wire
from wire import Client, answer

pytestmark = [pytest.mark.opt_only, pytest.mark.quiet]

N = 300
READS = ("read", "readv", "recvfrom", "recvmsg", "recv")
WRITES = ("write", "writev", "sendto", "sendmsg", "send")
NEVER = ("epoll_ctl", "getsockopt", "setsockopt", "fcntl", "ioctl", "connect", "accept4", "socket", "close", "mmap", "munmap",
         "brk", "futex", "openat", "timerfd_settime", "clock_gettime")


@pytest.fixture(params=["plain", "tls"])
def steady(request, gateway, backend, port, leaf, ca, folders):
    """A warmed-up keep-alive connection to the only worker: (ask, its pid, allocations)."""
    secure, made = request.param == "tls", []
    library = os.environ.get("MALLOC_COUNT") or os.path.join(program.ROOT, "build/opt/malloc_count.so")

    def make(script=None, count=True, log="access = off"):
        allocations = counting.Allocations(folders("count"), library) if count else None
        behind = backend(script or backends.always(answer(body=b"x" * 1024)))
        running = gateway(program.ini(port, behind.port, log=log, tls=[leaf] if secure else None),
                          env=allocations.env if count else None)
        client = Client(port, wire.context(ca.cert) if secure else None, "example.com")
        made.append(client)

        def ask(times, data=request_bytes()):
            for _ in range(times):
                client.send(data)
                assert client.response().status == 200
        ask(50)
        return ask, running.workers()[0], allocations
    yield make
    for client in made:
        client.close()


def request_bytes():
    return wire.request("GET", "/1k", [("User-Agent", "counting/1.0"), ("Accept", "*/*")])


def test_system_calls_of_a_keep_alive_request(steady):
    """One read and one write on each side; nothing else but the wait."""
    ask, pid, _ = steady(count=False)
    with counting.SystemCalls(pid) as calls:
        ask(N)
    assert calls.of("epoll_ctl") == 0, calls.counts
    assert calls.of(*READS) == 2 * N and calls.of(*WRITES) == 2 * N, calls.counts
    for name in NEVER:
        assert calls.counts.get(name, 0) <= 3, calls.counts      # a tick of the clock in between may do its own


def test_system_calls_of_a_small_post(steady):
    ask, pid, _ = steady(count=False)
    post = wire.request("POST", "/1k", body=b"y" * 512)
    ask(5, post)
    with counting.SystemCalls(pid) as calls:
        ask(N, post)
    assert calls.of("epoll_ctl") == 0 and calls.of(*READS, *WRITES) <= 4 * N, calls.counts


def test_allocations_of_a_keep_alive_request(steady):
    ask, pid, allocations = steady()
    before = allocations.of(pid)
    ask(N)
    behind = allocations.of(pid)
    assert before[1] > 0, "the counter is at work"
    assert behind[0] - before[0] == 0, f"{behind[0] - before[0]} of ours in {N} requests ({behind[1] - before[1]} in all)"


def test_allocations_with_the_access_log(steady):
    ask, pid, allocations = steady(log="access = stdout")
    before = allocations.of(pid)[0]
    ask(N)
    assert allocations.of(pid)[0] - before == 0


def test_allocations_of_bodies(steady):
    """Chunks come from the worker's own pool, whatever passes."""
    ask, pid, allocations = steady(backends.always(answer(body=b"z" * 200000)))
    post = wire.request("POST", "/", body=b"y" * 100000)
    ask(5, post)
    before = allocations.of(pid)[0]
    ask(30, post)
    assert allocations.of(pid)[0] - before == 0


def test_system_calls_of_an_answer_over_a_chunk(steady):
    """What is left behind a read that was filled goes out with it, in one write."""
    ask, pid, _ = steady(backends.always(answer(body=b"z" * 16384)), count=False)
    with counting.SystemCalls(pid) as calls:
        ask(N)
    assert calls.of("epoll_ctl") == 0
    assert calls.of(*READS) <= 3.1 * N and calls.of(*WRITES) <= 2.1 * N, calls.counts


def test_system_calls_of_a_large_answer(steady):
    """1 MiB: at most 60 in all, the wait excluded."""
    ask, pid, _ = steady(backends.always(answer(body=b"z" * (1 << 20))), count=False)
    with counting.SystemCalls(pid) as calls:
        ask(20)
    assert calls.of("epoll_ctl") == 0
    assert calls.of(*READS, *WRITES) <= 60 * 20, calls.counts


# --- instructions: what a request costs does not grow with the number of routes ---

def by_host(i):
    return f"host = h{i:04}.example.com\npath = /p/*", f"h{i:04}.example.com", "/p/x"


def by_path(i):
    return f"host = example.com\npath = /p{i:04}/*", "example.com", f"/p{i:04}/x"


def by_wildcard(i):
    return f"host = *.h{i:04}.example.com\npath = /p/one", f"a.b.h{i:04}.example.com", "/p/one"


def instructions(gateway, folder, kind, count, times):
    """Of the only worker, from its fork to its end; callgrind counts them, and cannot live in a sandbox."""
    port = program.free_port()
    text = (f"[gateway]\nworkers = 1\nsandbox = off\n[log]\naccess = off\n[listener:main]\nbind = 127.0.0.1:{port}\n"
            "max_requests_per_connection = 100000\n")
    asked = []
    for i in range(count):
        keys, host, target = kind(i)
        text += f"[route:r{i}]\n{keys}\nrespond = 200 r{i:04}\n"
        asked.append(wire.request(target=target, host=host))
    running = gateway(text, wrap=["valgrind", "--tool=callgrind", "--vgdb=no", f"--callgrind-out-file={folder}/%p"])
    worker, = running.workers()
    with Client(port) as client:
        for k in range(times):
            i = k * 701 % count
            client.send(asked[i])
            assert client.response().body.rstrip() == b"r%04d" % i
    running.end()
    with open(f"{folder}/{worker}", encoding="ascii") as file:
        return next(int(line.split()[1]) for line in file if line.startswith(("summary:", "totals:")))


@pytest.mark.skipif(not shutil.which("valgrind"), reason="NOT SEEN: no valgrind here to count instructions with")
@pytest.mark.parametrize("kind", [by_host, by_path, by_wildcard])
def test_two_thousand_routes_cost_no_more_than_twenty(gateway, kind):
    few, many = 200, 1000
    costs = {}
    for count in (20, 2000):
        with tempfile.TemporaryDirectory() as folder:
            os.chmod(folder, 0o777)         # the worker writes what was counted, as whoever it became
            costs[count] = (instructions(gateway, folder, kind, count, many) -
                            instructions(gateway, folder, kind, count, few)) / (many - few)
    print(f"{kind.__name__}: {costs[20]:.0f} instructions a request with 20 routes, {costs[2000]:.0f} with 2,000")
    assert costs[2000] < costs[20] * 1.05, costs
