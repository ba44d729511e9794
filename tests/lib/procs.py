"""procs - processes that a test starts, and what the kernel says of them.

Whatever was started is ended by its pid, also when the test dies (PDEATHSIG).
"""
import os
import signal
import socket
import subprocess
import time


def wait_for(what, timeout=10.0, every=0.02):
    """Calls what() until it returns something true; returns that, or the last false value at the deadline."""
    end = time.monotonic() + timeout
    while True:
        value = what()
        if value or time.monotonic() > end:
            return value
        time.sleep(every)


def is_open(port):
    """Does anybody take connections at that port of 127.0.0.1?"""
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
        return True
    except OSError:
        return False


def start(command, **options):
    """Popen whose child dies with us."""
    return subprocess.Popen(["setpriv", "--pdeathsig", "KILL", *map(str, command)], **options)


def end(process, how=signal.SIGTERM, timeout=10.0):
    """Ends a process that we started; returns its exit code. Killed when it does not listen."""
    if process.poll() is None:
        process.send_signal(how)
        try:
            process.wait(timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(5)
    return process.returncode


def children(pid):
    try:
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
            return [int(word) for word in file.read().split()]
    except OSError:
        return []


def tree(pid):
    """The process and all below it."""
    found = [pid]
    for child in children(pid):
        found += tree(child)
    return found


def is_alive(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as file:
            return file.read().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def state(pid):
    """As /proc says it: "R", "S", "T" when stopped, "Z" ..."""
    with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
        return file.read().rpartition(")")[2].split()[0]


def memory(pid, key="Pss"):
    """KiB of a process: Pss, Rss, Pss_Anon, Private_Dirty..."""
    with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:
        for line in file:
            name, _, rest = line.partition(":")
            if name == key:
                return int(rest.split()[0])
    raise KeyError(key)


def cpu_us(pid):
    """Microseconds of user and system time so far, by the scheduler's own account."""
    total = 0
    for thread in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{thread}/schedstat", encoding="ascii") as file:
            total += int(file.read().split()[0])
    return total / 1000


def descriptors(pid):
    return os.listdir(f"/proc/{pid}/fd")


def links(pid, above=-1):
    """What its descriptors above that number lead to; one that is closed while we look is left out."""
    found = []
    for name in descriptors(pid):
        if int(name) > above:
            try:
                found.append(os.readlink(f"/proc/{pid}/fd/{name}"))
            except FileNotFoundError:
                pass
    return found


def sockets_to(pid, port):
    """How many TCP sockets of this process are connected to that remote port."""
    inodes = set()
    for name in descriptors(pid):
        try:
            target = os.readlink(f"/proc/{pid}/fd/{name}")
        except OSError:
            continue
        if target.startswith("socket:["):
            inodes.add(target[8:-1])
    count = 0
    for table in ("tcp", "tcp6"):
        with open(f"/proc/{pid}/net/{table}", encoding="ascii") as file:
            for line in list(file)[1:]:
                words = line.split()
                if words[9] in inodes and words[3] == "01" and int(words[2].rpartition(":")[2], 16) == port:
                    count += 1
    return count


def peers(pid, local_port):
    """The remote ports of this process's TCP connections that came in at local_port."""
    inodes = set()
    for name in descriptors(pid):
        try:
            target = os.readlink(f"/proc/{pid}/fd/{name}")
        except OSError:
            continue
        if target.startswith("socket:["):
            inodes.add(target[8:-1])
    found = set()
    with open(f"/proc/{pid}/net/tcp", encoding="ascii") as file:
        for line in list(file)[1:]:
            words = line.split()
            if words[9] in inodes and words[3] == "01" and int(words[1].rpartition(":")[2], 16) == local_port:
                found.add(int(words[2].rpartition(":")[2], 16))
    return found
