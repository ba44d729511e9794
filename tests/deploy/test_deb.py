"""The Debian package: built, and lived with, in clean roots and under a systemd that runs."""
import json
import os
import re
import shutil
import subprocess
import sys

import pytest

import gateway as program
import procs
from roots import CLIENT, INI, Root, bootstrap, configure, must, run

ROOT = program.ROOT
DEBIAN = os.path.join(ROOT, "deploy/debian")
UNITS = ("sallyport.socket", "sallyport.service")
ACTIVATE = os.path.join(ROOT, "tests/lib/activate.py")
NEEDS = ("dpkg-buildpackage", "dh", "lintian", "debootstrap")
missing = [name for name in NEEDS if not shutil.which(name)] + ([] if os.geteuid() == 0 else ["the rights of root"])

needs_all = pytest.mark.skipif(bool(missing), reason=f"NOT SEEN: {', '.join(missing)} missing here")


# --- what the folder says, without building ---

def control():
    with open(os.path.join(DEBIAN, "control"), encoding="utf-8") as file:
        return file.read()


def test_build_depends_are_what_the_build_needs():
    with open(os.path.join(ROOT, "scripts/packages.sh"), encoding="utf-8") as file:
        needed = set(re.search(r"^BUILD_PACKAGES=\((.*?)\)", file.read(), re.M | re.S)[1].split())
    declared = set(re.findall(r"[\w.+-]+", re.search(r"^Build-Depends:(.*?)\n\n", control(), re.M | re.S)[1]))
    assert needed - {"gcc", "libc6-dev", "make"} <= declared        # those three are build-essential


def test_no_libevent_without_its_fixes():
    with open(os.path.join(ROOT, "scripts/check-packages"), encoding="utf-8") as file:
        least = re.search(r"^least=(.*)$", file.read(), re.M)[1]
    assert f"libevent-dev (>= {least})" in control() and f"libevent-core-2.1-7 (>= {least})" in control()


def test_the_version_is_the_programs():
    with open(os.path.join(ROOT, "include/sp/base/version.h"), encoding="utf-8") as file:
        version = re.search(r'SP_VERSION "(.*)"', file.read())[1]
    with open(os.path.join(DEBIAN, "changelog"), encoding="utf-8") as file:
        assert file.readline().startswith(f"sallyport ({version}) ")


# --- built and installed ---

@pytest.fixture(scope="module")
def deb(work):
    """The package; lintian was asked, and what it finds would have failed the build."""
    said = must("env", f"TMPDIR={work}", os.path.join(ROOT, "scripts/build-deb"), f"{work}/out", timeout=3600)
    assert "N: 0 " not in said
    found = [name for name in os.listdir(f"{work}/out") if re.fullmatch(r"sallyport_[^_]*_[^_]*\.deb", name)]
    assert len(found) == 1
    return f"{work}/out/{found[0]}"


def repacked(deb, work, name, version, ini=""):
    """The package as a later one would be."""
    folder = f"{work}/{name}"
    must("dpkg-deb", "-R", deb, folder)
    root = Root(folder)
    root.write("/DEBIAN/control", re.sub(r"^Version: .*", f"Version: {version}", root.read("/DEBIAN/control"), flags=re.M))
    root.write(INI, root.read(INI) + ini)
    must("dpkg-deb", "--root-owner-group", "-b", folder, f"{folder}.deb")
    return f"{folder}.deb"


@pytest.fixture(scope="module")
def newer(deb, work):
    return repacked(deb, work, "newer", "9.1")


@pytest.fixture(scope="module")
def newer_ini(deb, work):
    return repacked(deb, work, "newer-ini", "9.2", "# a later default\n")


@pytest.fixture(scope="module")
def first(work, deb):
    """A clean root into which apt has installed the package with what it depends on, and what was said."""
    clean = bootstrap(f"{work}/first")
    shutil.copy(deb, clean.at("/tmp/sallyport.deb"))
    said = clean.must("apt-get", "-qq", "-y", "--no-install-recommends", "install", "/tmp/sallyport.deb")
    return clean, said


@pytest.fixture
def root(first, work, request):
    copy = first[0].copy(f"{work}/{request.node.originalname}")
    yield copy
    copy.remove()


def dpkg(root, *words):
    """No question is answered by anybody: dpkg does what is the default."""
    return root.must("dpkg", "--force-confdef", *words)


def put(root, deb):
    shutil.copy(deb, root.at("/root/sallyport.deb"))
    return "/root/sallyport.deb"


def enabled(root):
    return {unit for unit in UNITS if root.run("systemctl", "is-enabled", unit)[1].split()[-1:] == ["enabled"]}


@pytest.mark.long
@needs_all
def test_installs_cleanly_without_a_certificate(first):
    root, said = first
    assert "sallyport is not started" in said and "README.Debian" in said
    assert enabled(root) == set()
    assert root.must("dpkg", "--audit") == "" and root.must("dpkg", "-V", "sallyport") == ""
    uid, gid = root.ids("sallyport")
    assert 0 < uid < 1000
    for path, mode, owner in (("/etc/sallyport", 0o750, (0, gid)), ("/etc/sallyport/tls", 0o750, (0, gid)), (INI, 0o644, (0, 0))):
        found = os.stat(root.at(path))
        assert (found.st_mode & 0o7777, (found.st_uid, found.st_gid)) == (mode, owner), path
    assert os.readlink(root.at("/etc/sallyport/run")) == "/run/sallyport"
    assert INI in root.must("dpkg-query", "-W", "-f=${Conffiles}", "sallyport")
    code, said = root.run("sallyport", "check", user="sallyport")
    assert code == 1 and "tls/example.com.pem" in said and said.count("error:") == 2, said


@pytest.mark.long
@needs_all
def test_everything_is_in_its_place(first):
    root, _ = first
    listed = set(root.must("dpkg", "-L", "sallyport").split())
    assert {"/usr/sbin/sallyport", "/lib/systemd/system/sallyport.service", "/lib/systemd/system/sallyport.socket",
            "/usr/share/man/man8/sallyport.8.gz", "/usr/share/man/man5/sallyport.ini.5.gz",
            "/usr/share/bash-completion/completions/sallyport", "/usr/share/doc/sallyport/README.md"} <= listed
    for unit in UNITS:
        with open(os.path.join(ROOT, "deploy/systemd", unit), encoding="utf-8") as file:
            assert root.read(f"/lib/systemd/system/{unit}") == file.read()
    # As deploy/README.md has it of what lies beside the gateway.
    with open(os.path.join(ROOT, "deploy/README.md"), encoding="utf-8") as file:
        rows = re.findall(r"^\| `(\S+)` \|.*\| `(/\S+)` \|$", file.read().partition("## Beside the gateway")[2].partition("\n## ")[0], re.M)
    assert len(rows) >= 5
    for source, folder in (*rows, ("../scripts/drain", "/usr/lib/sallyport"), ("../scripts/aws.sh", "/usr/lib/sallyport"),
                           ("systemd/sallyport-drain.service", "/lib/systemd/system")):
        place = f"{folder}/{os.path.basename(source)}"
        with open(os.path.join(ROOT, "deploy", source), encoding="utf-8") as file:
            assert place in listed and root.read(place) == file.read(), place
    assert os.access(root.at("/usr/lib/sallyport/drain"), os.X_OK)
    # The build's folder is in nothing that was made there.
    assert b"sallyport-deb" not in open(root.at("/usr/sbin/sallyport"), "rb").read()
    assert "not found" not in root.must("ldd", "/usr/sbin/sallyport")


@pytest.mark.long
@needs_all
def test_serves_with_the_units_command(root, leaf):
    """The program, command line, user and socket of the packaged unit, and the packaged configuration."""
    made, pair = leaf
    port, backend = program.free_port(), program.free_port()
    configure(root, pair, backend)
    unit = root.read("/lib/systemd/system/sallyport.service")
    command = re.search(r"^ExecStart=(.*)$", unit, re.M)[1].split()
    name = re.search(r"^FileDescriptorName=(.*)$", root.read("/lib/systemd/system/sallyport.socket"), re.M)[1]
    user = re.search(r"^User=(.*)$", unit, re.M)[1]
    os.mkdir(root.at("/run/sallyport"), 0o750)
    os.chown(root.at("/run/sallyport"), *root.ids(user))
    os.mkdir(root.at("/srv/www"))
    root.write("/srv/www/hello", "from behind\n")
    web = procs.start([sys.executable, "-m", "http.server", "-b", "127.0.0.1", "-d", root.at("/srv/www"), str(backend)],
                      stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    with open(root.at("/tmp/log"), "wb") as log:
        served = procs.start([sys.executable, ACTIVATE, f"{name}=127.0.0.1:{port}", "--", "/usr/bin/env",
                              *root.entered(*command, user=user)], stdout=log, stderr=log)
    try:
        assert procs.wait_for(lambda: "event=serving" in root.read("/tmp/log"), 15), root.read("/tmp/log")
        code, said = run("curl", "-sS", "--cacert", made.cert, "--resolve", f"example.com:{port}:127.0.0.1",
                         f"https://example.com:{port}/hello")
        assert (code, said) == (0, "from behind\n"), root.read("/tmp/log")
        assert "\nmaster " in root.must("sallyport", "status")
    finally:
        procs.end(served)
        procs.end(web)


@pytest.mark.long
@needs_all
@pytest.mark.parametrize("kind", ["same default", "other default"])
def test_an_upgrade_keeps_the_configuration(root, leaf, newer, newer_ini, kind):
    configure(root, leaf[1])
    before = root.read(INI)
    said = dpkg(root, "-i", put(root, newer if kind == "same default" else newer_ini))
    assert ("Keeping old config file" in said) == (kind == "other default")
    assert root.must("dpkg-query", "-W", "-f=${Version}", "sallyport").startswith("9.")
    assert root.read(INI) == before and root.run("sallyport", "check", user="sallyport")[0] == 0
    # One that nobody changed follows the package.
    root.write(INI, root.read("/usr/share/doc/sallyport/examples/packaged.ini"))
    dpkg(root, "-i", put(root, newer_ini))
    assert ("# a later default" in root.read(INI)) == (kind == "same default")


@pytest.mark.long
@needs_all
def test_removing_keeps_and_purging_deletes(root, leaf, deb):
    configure(root, leaf[1])
    before = root.read(INI)
    for path in ("/var/lib/sallyport/bans", "/var/log/sallyport/access.log"):
        root.write(path, "kept\n")
    dpkg(root, "-r", "sallyport")
    assert root.read(INI) == before and root.read("/var/lib/sallyport/bans") == root.read("/var/log/sallyport/access.log") == "kept\n"
    assert not os.path.exists(root.at("/usr/sbin/sallyport")) and not os.path.lexists(root.at("/etc/sallyport/run"))
    dpkg(root, "-i", put(root, deb))
    assert root.read(INI) == before and root.read("/var/lib/sallyport/bans") == "kept\n"
    os.unlink(root.at("/root/sallyport.deb"))
    dpkg(root, "-P", "sallyport")
    left = {os.path.relpath(os.path.join(folder, name), root.path) for folder, names, files in os.walk(root.path)
            for name in names + files if "sallyport" in os.path.join(folder, name).removeprefix(root.path)}
    left.discard("tmp/sallyport.deb")
    assert {name for name in left if not name.startswith("var/log/apt")} == {
        "etc/sallyport", "etc/sallyport/tls", "etc/sallyport/tls/example.com.key", "etc/sallyport/tls/example.com.pem"}
    # Users stay, as Debian has it: files of theirs may be left somewhere. With the keys gone nothing of ours would be.
    shutil.rmtree(root.at("/etc/sallyport/tls"))
    dpkg(root, "-i", put(root, deb))
    dpkg(root, "-P", "sallyport")
    assert not os.path.exists(root.at("/etc/sallyport"))


@pytest.mark.long
@needs_all
def test_one_that_is_configured_before_is_enabled(root, leaf, deb):
    """Files that were there first, by a machine's own set-up."""
    configure(root, leaf[1])
    before = root.read(INI)
    dpkg(root, "-P", "sallyport")
    root.write(INI, before)
    os.chmod(root.at("/etc/sallyport"), 0o755)
    said = dpkg(root, "-i", put(root, deb))
    assert "not started" not in said and root.read(INI) == before
    assert enabled(root) == set(UNITS)
    dpkg(root, "-P", "sallyport")
    assert not [name for folder, _, files in os.walk(root.at("/etc/systemd")) for name in files if "sallyport" in name]


# --- under a systemd that runs ---

def follow_the_readme(root):
    """The second socket of README.Debian, as it stands there, and log files for the rules of logrotate."""
    with open(os.path.join(DEBIAN, "sallyport.README.Debian"), encoding="ascii") as file:
        socket, drop_in = re.findall(r"(?:^     .*\n)+", file.read().partition("For port 80")[2], re.M)
    root.write("/etc/systemd/system/sallyport-http.socket", re.sub("^ +", "", socket, flags=re.M))
    root.write("/etc/systemd/system/sallyport.service.d/override.conf", re.sub("^ +", "", drop_in, flags=re.M))
    root.write(INI, root.read(INI) + "\n[listener:http]\nbind = fd:http\nredirect = https\n"
               "[log]\naccess = /var/log/sallyport/access.log\n")


def rotate(booted, root):
    """What the rules of the package tell logrotate to do behind the renaming."""
    after = re.search(r"postrotate\n(.*?)\n\s*endscript", root.read("/etc/logrotate.d/sallyport"), re.S)[1]
    os.rename(root.at("/var/log/sallyport/access.log"), root.at("/var/log/sallyport/access.log.1"))
    booted.must("sh", "-c", after)


@pytest.mark.long
@needs_all
def test_a_life_under_systemd(booted, root, leaf, newer, work):
    """Begun as README.Debian tells, upgraded under load, removed, installed again, purged."""
    made, pair = leaf
    assert not any(booted.is_active(unit) for unit in UNITS)
    configure(root, pair)
    follow_the_readme(root)
    os.mkdir(root.at("/srv/www"))
    root.write("/srv/www/hello", "from behind\n")
    web = booted.beside(sys.executable, "-m", "http.server", "-b", "127.0.0.1", "-d", root.at("/srv/www"), "8080",
                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    client = None
    try:
        booted.must("runuser", "-u", "sallyport", "--", "sallyport", "check")
        booted.must("systemctl", "daemon-reload")
        booted.must("systemctl", "enable", "--now", "sallyport-http.socket", *UNITS)
        assert all(booted.is_active(unit) for unit in UNITS)
        # All of the sandbox but what only a start as root can have.
        status = booted.must("sallyport", "status", "--json")
        assert '"landlock_files":"yes"' in status and "refused" not in status
        pid = booted.must("systemctl", "show", "-P", "MainPID", "sallyport.service")

        client = booted.beside(sys.executable, "-c", CLIENT, made.cert, f"{work}/stop", stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        assert procs.wait_for(lambda: json.loads(booted.must("sallyport", "status", "--json"))["traffic"]["requests"] > 0, 20)
        booted.must("dpkg", "-i", put(root, newer))

        def journal():
            return booted.must("journalctl", "-b", "-u", "sallyport", "-o", "cat", "--no-pager")
        assert procs.wait_for(lambda: journal().count("event=serving ") == 2, 60), journal()[-3000:]
        with open(f"{work}/stop", "w", encoding="ascii"):
            pass
        said = client.communicate(timeout=60)[0].decode()
        assert client.returncode == 0 and int(said.split()[0]) > 10, said
        assert "event=upgrade_executes" in journal() and "event=upgrade_refused" not in journal()
        assert booted.must("systemctl", "show", "-P", "MainPID", "sallyport.service") == pid
        assert booted.must("systemctl", "show", "-P", "NRestarts", "sallyport.service").strip() == "0"

        def curl(*words):
            return run("nsenter", "-t", booted.leader, "-n", "curl", "-sS", *words)
        assert curl("-o", "/dev/null", "-w", "%{redirect_url}", "-H", "Host: example.com", "http://127.0.0.1/hello?x") == \
            (0, "https://example.com/hello?x")
        hello = ("--cacert", made.cert, "--resolve", "example.com:443:127.0.0.1", "https://example.com/hello")
        rotate(booted, root)
        assert procs.wait_for(lambda: os.path.exists(root.at("/var/log/sallyport/access.log")), 20)
        assert curl(*hello) == (0, "from behind\n")
        assert procs.wait_for(lambda: '"/hello"' in root.read("/var/log/sallyport/access.log"), 20)

        booted.must("dpkg", "-r", "sallyport")
        assert not any(booted.is_active(unit) for unit in UNITS) and os.path.isdir(root.at("/var/lib/sallyport"))
        booted.must("dpkg", "-i", "/root/sallyport.deb")
        assert all(booted.is_active(unit) for unit in UNITS)        # it was enabled, and still is
        assert curl(*hello) == (0, "from behind\n")
        booted.must("dpkg", "-P", "sallyport")
        assert not any(booted.is_active(unit) for unit in UNITS)
        assert not os.path.exists(root.at("/var/lib/sallyport"))
        assert "sallyport" not in booted.must("systemctl", "list-units", "--all", "--failed", "--no-legend")
    finally:
        for process in filter(None, (client, web)):
            process.kill()
            process.wait()
