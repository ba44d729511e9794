"""The sandbox of every process, as the kernel tells of it, and what `sandbox =` demands. The attempts to get out are unit
tests (tests/unit/ipc/test_sandbox*.c)."""
import os
import re
import shutil
import signal
import sys

import pytest

import backends
import gateway as program
import procs
import wire
from wire import Client, answer

OK = backends.always(answer(body=b"ok"))
ROOT = os.geteuid() == 0
NOBODY = "65534"
WITHOUT = os.path.join(program.ROOT, "tests/lib/without.py")

in_force = pytest.mark.skipif(program.SAN, reason="a sanitizer build cannot live in a sandbox")
as_root = pytest.mark.skipif(not ROOT, reason="only root can start it both ways")


def lines_of(path):
    """{first word: the rest} of a file of /proc."""
    with open(path, encoding="ascii", errors="replace") as file:
        return {key: rest.split() for key, _, rest in (line.partition(":") for line in file)}


def limit(pid, name):
    """Soft and hard."""
    with open(f"/proc/{pid}/limits", encoding="ascii") as file:
        return next(line[26:].split()[:2] for line in file if line.startswith(name))


def opened(pid):
    """What its descriptors are."""
    return procs.links(pid)


def roles(running):
    """{name: pid} of all children; waits until each has said what it reached."""
    children = procs.children(running.pid)
    assert procs.wait_for(lambda: len(running.events("sandbox ")) >= 1 + len(children), 5)      # and the master
    return {running.name_of(pid).split(b"\0")[0].decode().removeprefix("sallyport: "): pid for pid in children}


def check_sealed(name, pid):
    status = lines_of(f"/proc/{pid}/status")
    assert status["NoNewPrivs"] == ["1"], name
    assert status["Seccomp"] == ["2"], name
    for key in ("CapInh", "CapPrm", "CapEff", "CapAmb"):
        assert int(status[key][0], 16) == 0, (name, key)
    assert status["Uid"] == [NOBODY] * 4, name
    assert status["Gid"] == [NOBODY] * 4, name
    assert status["Groups"] == [], name
    for key in ("Max processes", "Max core file size", "Max msgqueue size"):
        assert limit(pid, key) == ["0", "0"], (name, key)
    for target in opened(pid):
        is_own = re.match(r"(socket|pipe|anon_inode):|/memfd:", target)
        assert is_own or (name == "logger" and target.endswith(".log")), (name, target)
    if name != "logger":
        assert limit(pid, "Max file size") == ["0", "0"], name
    with open(f"/proc/{pid}/environ", "rb") as file:
        assert not file.read().strip(b"\0"), name


@in_force
@as_root
def test_started_as_root(serve, leaf):
    running, _, _ = serve(OK, workers=2, tls=[leaf], gateway="user = nobody\ngroup = nogroup")
    found = roles(running)
    assert set(found) == {"logger", "keeper", "dialer", "monitor", "worker 1", "worker 2"}
    for name, pid in found.items():
        check_sealed(name, pid)
        assert int(lines_of(f"/proc/{pid}/status")["CapBnd"][0], 16) == 0, name
        assert os.readlink(f"/proc/{pid}/root") != "/", name
        assert os.listdir(f"/proc/{pid}/root/") == [], name
        assert os.readlink(f"/proc/{pid}/cwd") == os.readlink(f"/proc/{pid}/root"), name


# The master's: KILL, NET_BIND_SERVICE, SETUID, SETGID, SETPCAP, SYS_CHROOT and DAC_OVERRIDE.
MASTERS = sum(1 << number for number in (5, 10, 7, 6, 8, 18, 1))


def check_master(pid, capabilities):
    status = lines_of(f"/proc/{pid}/status")
    assert status["NoNewPrivs"] == ["1"] and status["Seccomp"] == ["2"]
    for key in ("CapPrm", "CapEff"):
        assert int(status[key][0], 16) == capabilities, key
    for key in ("CapInh", "CapAmb"):
        assert int(status[key][0], 16) == 0, key
    assert limit(pid, "Max core file size") == ["0", "0"]
    assert os.stat(f"/proc/{pid}/environ").st_uid == 0, "not dumpable: its memory is root's alone"


@in_force
@as_root
def test_the_master_as_root(serve, leaf):
    """It keeps what it needs to start, feed and end the others, also with those that it had to start anew."""
    running, _, port = serve(OK, tls=[leaf])
    check_master(running.pid, MASTERS)
    assert int(lines_of(f"/proc/{running.pid}/status")["CapBnd"][0], 16) == MASTERS


PASSWD = "".join(f"sallyport-{role}:x:{uid}:{uid}::/:/bin/false\n" for role, uid in
                 (("keeper", 61001), ("dialer", 61002), ("logger", 61003), ("monitor", 61004)))


@as_root
def test_roles_with_users_of_their_own(gateway, backend, port, folders):
    """As sallyport.sysusers makes them: every role another uid than the workers, and files are logged into all the same."""
    where = folders("users")
    path = os.path.join(where, "passwd")
    with open("/etc/passwd", encoding="utf-8") as old, open(path, "w", encoding="utf-8") as file:
        file.write(old.read() + "sallyport:x:61000:61000::/:/bin/false\n" + PASSWD)
    os.chmod(path, 0o644)
    mount = ["unshare", "--mount", "sh", "-c", f'mount --bind {path} /etc/passwd && exec "$0" "$@"']
    if procs.start([*mount, "true"]).wait(10) != 0:
        pytest.skip("NOT SEEN: no mount of our own here")
    behind = backend(OK)
    running = gateway(program.ini(port, behind.port, log=f"access = {where}/access.log", workers=2), wrap=mount)
    with Client(port) as client:
        assert client.ask().status == 200
    uids = {name: int(lines_of(f"/proc/{pid}/status")["Uid"][0]) for name, pid in roles(running).items()}
    assert uids == {"worker 1": 61000, "worker 2": 61000, "keeper": 61001, "dialer": 61002, "logger": 61003,
                    "monitor": 61004}
    assert not running.events("user_shared")
    assert procs.wait_for(lambda: os.path.getsize(f"{where}/access.log") > 0, 5)
    os.rename(f"{where}/access.log", f"{where}/old.log")
    running.signal(signal.SIGUSR1)
    assert procs.wait_for(lambda: os.path.exists(f"{where}/access.log"), 5)
    with Client(port) as client:
        assert client.ask().status == 200
    assert procs.wait_for(lambda: os.path.getsize(f"{where}/access.log") + os.path.getsize(f"{where}/old.log") > 900, 5)


@as_root
def test_a_shared_user_is_said(serve):
    running, _, _ = serve(OK, gateway="user = nobody\ngroup = nogroup")
    assert 'with_workers="keeper, dialer, monitor, logger"' in running.events("user_shared", 1)[0]


@in_force
@as_root
@pytest.mark.parametrize("without", [None, "capset"])
def test_started_as_an_ordinary_user(gateway, backend, port, folders, tmp_path, without):
    """No right that root had is needed: the same layers, without the root directory and ids of its own. Nor is capset(),
    which the filter of our systemd unit refuses."""
    folder = folders("user")
    behind = backend(OK)
    program.write_config(folder, program.ini(port, behind.port))
    parent = folder
    while parent != "/":                # the way there, and the folder itself
        os.chmod(parent, os.stat(parent).st_mode | 0o011)
        parent = os.path.dirname(parent)
    for path in (folder, os.path.join(folder, "sallyport.ini")):
        os.chown(path, int(NOBODY), int(NOBODY))
    user = ["setpriv", "--reuid", NOBODY, "--regid", NOBODY, "--clear-groups"]
    if without:
        for path, mode in ((WITHOUT, 0o644), (program.BINARY, 0o755)):       # where that user may read them
            os.chmod(shutil.copy(path, folder), mode)
        user += ["--no-new-privs", sys.executable, f"{folder}/without.py", without]
    running = gateway(None, folder=folder, wrap=user, wait=False, binary=f"{folder}/sallyport" if without else program.BINARY,
                      arguments=["run", "-c", os.path.join(folder, "sallyport.ini")])
    assert procs.wait_for(lambda: running.events("serving"), 10), running.err()
    check_master(running.pid, 0)
    assert lines_of(f"/proc/{running.pid}/status")["Uid"] == [NOBODY] * 4
    for name, pid in roles(running).items():
        check_sealed(name, pid)
    with Client(port) as client:
        assert client.ask().status == 200


@in_force
def test_the_log_says_what_is_in_force(serve):
    running, _, _ = serve(OK, workers=1)
    roles(running)
    said = {re.search(r" role=(\w+)", line)[1]: line for line in running.events("sandbox")}
    assert set(said) == {"master", "logger", "keeper", "dialer", "monitor", "worker"}
    for line in said.values():
        for layer in ("capabilities", "no_new_privs", "seccomp", "rlimits", "not_dumpable"):
            assert re.search(rf'in_force="[^"]*\b{layer}\b', line), line


@in_force
@pytest.mark.parametrize("word", ["require", "require-all"])
def test_required_and_there(serve, word):
    """On a kernel that has all of it."""
    running, _, port = serve(OK, gateway=f"sandbox = {word}")
    with Client(port) as client:
        assert client.ask().status == 200
    assert not [line for line in running.events("sandbox") if " warn " in line]


@in_force
@as_root
@pytest.mark.parametrize("word", ["require", "require-all"])
def test_required_and_not_there(gateway, backend, port, word):
    """The reason is said, nobody is served."""
    running = gateway(program.ini(port, backend(OK).port, gateway=f"sandbox = {word}"), clean=False, wait=False,
                      wrap=[sys.executable, WITHOUT, "landlock_create_ruleset"])
    assert running.wait(10) == 1
    assert f"sandbox = {word}: the " in running.err() and "landlock_files (no: this kernel has none)" in running.err()
    assert not running.events("serving")


@in_force
@as_root
def test_auto_does_with_what_is_there(gateway, backend, port):
    running = gateway(program.ini(port, backend(OK).port), wrap=[sys.executable, WITHOUT, "landlock_create_ruleset"])
    with Client(port) as client:
        assert client.ask().status == 200
    found = roles(running)
    said = running.events("sandbox")
    assert len(said) == 1 + len(found)
    assert " warn " not in said[0] and "role=master" in said[0], "it opens files, so Landlock is not meant for it"
    assert all(" warn " in line and "landlock_files (this kernel has none)" in line for line in said[1:]), said


def test_off(serve):
    """Said once; ids and capabilities go all the same."""
    running, _, port = serve(OK, gateway="sandbox = off", workers=2)
    with Client(port) as client:
        assert client.ask().status == 200
    found = roles(running)
    assert len(running.events("sandbox_off", 1)) == 1 and " warn " in running.events("sandbox_off", 1)[0]
    assert not [line for line in running.events("sandbox ") if " warn " in line]
    for name, pid in found.items():
        status = lines_of(f"/proc/{pid}/status")
        assert status["Seccomp"] == ["0"] and status["NoNewPrivs"] == ["1"], name
        assert int(status["CapEff"][0], 16) == 0, name
        assert "0" not in status["Uid"], name


@pytest.mark.skipif(not program.SAN, reason="a build that has one")
@pytest.mark.parametrize("word", ["require", "require-all"])
def test_a_sanitizer_build_has_none(gateway, backend, port, word):
    running = gateway(program.ini(port, backend(OK).port, gateway=f"sandbox = {word}"), clean=False, wait=False)
    assert running.wait(10) == 1
    assert "sanitizer build" in running.err()


@in_force
def test_each_is_sealed_again_when_it_was_started_anew(serve, leaf, ca):
    running, _, port = serve(OK, tls=[leaf], workers=1)
    before = roles(running)
    for name, pid in before.items():
        os.kill(pid, signal.SIGKILL)
        assert procs.wait_for(lambda pid=pid: not procs.is_alive(pid), 5)
        assert procs.wait_for(lambda: len(procs.children(running.pid)) == len(before), 10), name
    assert procs.wait_for(lambda: len(running.events("sandbox")) >= 1 + 2 * len(before), 10), running.err()
    after = roles(running)
    assert set(after) == set(before) and not set(after.values()) & set(before.values())
    for name, pid in after.items():
        assert lines_of(f"/proc/{pid}/status")["Seccomp"] == ["2"], name
        assert not ROOT or os.listdir(f"/proc/{pid}/root/") == [], name
    with Client(port, wire.context(ca.cert), "example.com") as client:
        assert client.ask().status == 200
