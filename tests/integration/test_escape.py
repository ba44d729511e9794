"""What a taken-over worker can do (hardening: the escape matrix), tried by real workers of a running gateway. The program has a
hook for it that the release lacks (tests/hook)."""
import errno
import os
import re
import socket
import struct
import subprocess

import pytest

import backends
import gateway as program
import procs
import wire
from wire import Client, answer

HOOKED = os.path.join(os.path.dirname(program.BINARY), "hooked", "sallyport")
HEAD, ROW, ROWS = struct.Struct("=IIII"), struct.Struct("=32si"), 256
UNTRIED, KILLED = -1, -2
WORKERS = 120                           # more than attempts, so that none is started anew

pytestmark = [pytest.mark.opt_only, pytest.mark.skipif(not os.path.exists(HOOKED), reason="make integration builds it")]

# What is refused politely, or allowed. All else ends the worker that tries.
ANSWERED = {
    "open": errno.EACCES, "open_old": errno.EACCES, "openat2": errno.EACCES, "open_beside": errno.EACCES,
    "open_absolute": errno.EACCES, "open_truncate": errno.EACCES, "open_setuid": errno.EACCES, "stat": errno.EACCES,
    "access": errno.EACCES, "terminal_input": errno.ENOTTY,
    # The dialer: a declared backend by its index, and nothing else.
    "dial_declared": 0, "dial_next": errno.EINVAL, "dial_far": errno.EINVAL, "dial_resolver": errno.EINVAL, "dial_flood": errno.EAGAIN,
    "dial_forged": errno.ECONNRESET,
    # The keeper: what a server signs in a handshake, and nothing else.
    "sign_declared": 0, "sign_as_client": errno.EPERM, "sign_hash": errno.EPERM, "sign_nothing": errno.EPERM,
    "sign_any_text": errno.EPERM, "sign_too_long": errno.EPERM, "sign_no_key": errno.EPERM, "sign_flood": errno.EPERM,
    "sign_forged": errno.ECONNRESET,
    # The board: its own part alone. What it writes there brings nobody down, and is gone with it.
    "board_scribble": 0, "limits_scribble": 0, "board_names": errno.EACCES, "board_states": errno.EACCES, "board_of_another": errno.EACCES,
}


def outcomes(path):
    with open(path, "rb") as file:
        data = file.read()
    _, count, _, _ = HEAD.unpack_from(data)
    rows = [ROW.unpack_from(data, HEAD.size + i * ROW.size) for i in range(count)]
    return {name.rstrip(b"\0").decode(): outcome for name, outcome in rows}


def test_a_taken_over_worker_gains_nothing(gateway, backend, port, folders, leaf, ca):
    behind = backend(backends.always(answer(body=b"ok")))
    path = os.path.join(folders("hook"), "shared")
    with socket.create_server(("127.0.0.1", 0)) as forbidden:
        with open(path, "wb") as file:
            file.write(HEAD.pack(forbidden.getsockname()[1], 0, 0, 0).ljust(HEAD.size + ROWS * ROW.size, b"\0"))
        running = gateway(program.ini(port, behind.port, tls=[leaf], workers=WORKERS,
                                      gateway="max_connections = 100", listener="limit = few",
                                      egress="127.0.0.0/8\nresolver = 127.0.0.53",
                                      more="[limit:few]\nrate = 1000/s\n"),
                          binary=HOOKED, env={"SALLYPORT_HOOK": path}, clean=False, wait=False)
        assert procs.wait_for(lambda: outcomes(path) and UNTRIED not in outcomes(path).values(), 300), (outcomes(path), running.err()[-2000:])
        want = {name: ANSWERED.get(name, KILLED) for name in outcomes(path)}
        assert len(want) > 90 and set(ANSWERED) <= set(want)
        assert procs.wait_for(lambda: outcomes(path) == want, 300), \
            {name: (got, want[name]) for name, got in outcomes(path).items() if got != want[name]}
        killed = list(want.values()).count(KILLED)
        # A kernel without 32-bit calls ends int80 by SIGSEGV, in a sandbox or not: no violation, and no way out.
        def segfaults():
            return len([line for line in running.events("worker_died") if "code=11" in line])
        assert procs.wait_for(lambda: len(running.events("sandbox_violation")) + segfaults() == killed, 20)
        assert segfaults() <= 1
        forbidden.settimeout(0.2)
        with pytest.raises(TimeoutError):
            forbidden.accept()
    for role, whys in (("keeper", "too_many|no_tls_server_text|no_such_key"), ("dialer", "too_many|no_such_backend|not_a_workers")):
        assert any(f"who={role}" in line and re.search(f"why=({whys})", line) for line in running.events("ask_refused"))
        assert any(f"who={role}" in line for line in running.events("asker_bad_message"))
    def is_served():
        try:
            with Client(port, wire.context(ca.cert), "example.com") as client:
                return client.ask().status == 200
        except (OSError, wire.Cut):         # in the queue of one that is being born again
            return False
    assert procs.wait_for(is_served, 60)    # the others serve


def test_the_release_has_no_hook():
    """Neither its name nor the variable's; the program with it has both, so they are looked for rightly."""
    for binary, has_it in ((program.BINARY, False), (HOOKED, True)):
        names = subprocess.run(["nm", binary], capture_output=True, text=True, check=True).stdout
        with open(binary, "rb") as file:
            data = file.read()
        assert ("sp_test_hook" in names) == (b"SALLYPORT_HOOK" in data) == has_it, binary
