"""The RPM package: built of its spec with Debian's rpm, and lived with in a clean root, under a systemd that runs."""
import json
import os
import re
import shutil
import subprocess
import sys

import pytest

import gateway as program
import procs
from roots import CLIENT, INI, bootstrap, configure, must, run

ROOT = program.ROOT
SPEC = os.path.join(ROOT, "deploy/rpm/sallyport.spec")
UNITS = ("sallyport.socket", "sallyport.service")
# What the libraries are called in Debian, and what rpm needs to be a guest there.
LIBRARIES = ("libevent-core-2.1-7", "libssl3", "libhttp-parser2.9", "libinih1", "libseccomp2", "libc-ares2", "libmaxminddb0", "systemd",
             "systemd-sysv", "dbus", "rpm")
NEEDS = ("rpmbuild", "rpm", "debootstrap", "systemd-nspawn")
missing = [name for name in NEEDS if not shutil.which(name)] + ([] if os.geteuid() == 0 else ["the rights of root"])

needs_all = pytest.mark.skipif(bool(missing), reason=f"NOT SEEN: {', '.join(missing)} missing here")


def spec():
    with open(SPEC, encoding="utf-8") as file:
        return file.read()


def test_it_brings_what_the_debian_package_brings():
    """By the places of deploy/README.md, the lists of the other package and the Makefile's own."""
    files = spec().partition("%files\n")[2]
    with open(os.path.join(ROOT, "deploy/debian/sallyport.install"), encoding="ascii") as file:
        rows = [row.split() for row in file.read().splitlines()]
    for source, folder in rows:
        place = "/" + folder if folder.startswith(("usr/share/sallyport", "usr/lib/sallyport")) else \
            f"/{folder.replace('lib/systemd', 'usr/lib/systemd') if folder.startswith('lib/') else folder}/{os.path.basename(source)}"
        assert re.search(rf"(^| ){re.escape(place)}$", files, re.M), place
    with open(os.path.join(ROOT, "scripts/packages.sh"), encoding="utf-8") as file:
        needed = re.search(r"^BUILD_PACKAGES=\((.*?)\)", file.read(), re.M | re.S)[1].split()
    named = {"libevent-dev": "libevent-devel", "libssl-dev": "openssl-devel", "libhttp-parser-dev": "http-parser-devel", "libinih-dev": "inih-devel",
             "libseccomp-dev": "libseccomp-devel", "libc-ares-dev": "c-ares-devel", "libmaxminddb-dev": "libmaxminddb-devel"}
    for package in set(needed) - {"gcc", "libc6-dev", "make", "pkg-config"}:
        assert re.search(rf"^BuildRequires:.*\b{named[package]}\b", spec(), re.M), package


@pytest.fixture(scope="module")
def packages(work):
    """The package, and the one that a later release would be."""
    made = []
    for name, more in (("first", ()), ("later", ("--define", "program_release 2"))):
        must("env", f"TMPDIR={work}", os.path.join(ROOT, "scripts/build-rpm"), f"{work}/{name}", "--nodeps", *more, timeout=3600)
        found, = os.listdir(f"{work}/{name}")
        made.append(f"{work}/{name}/{found}")
    assert os.path.basename(made[0]) != os.path.basename(made[1])
    return made


@pytest.fixture(scope="module")
def root(work, packages):
    clean = bootstrap(f"{work}/root")
    clean.must("apt-get", "-qq", "-y", "--no-install-recommends", "install", *LIBRARIES)
    for package in packages:
        shutil.copy(package, clean.at("/root"))
    return clean


@pytest.mark.long
@needs_all
def test_a_life(booted, root, packages, leaf, work):
    """Installed, begun, upgraded under load, removed."""
    first, later = (f"/root/{os.path.basename(package)}" for package in packages)
    made, pair = leaf

    def rpm(*words):
        said = booted.must("rpm", "--nodeps", *words)     # the libraries here came as .deb
        assert "warning" not in said and "error" not in said, said

    rpm("-i", first)
    assert not any(booted.is_active(unit) for unit in UNITS)
    gid = root.ids("sallyport")[1]
    for path in ("/etc/sallyport", "/etc/sallyport/tls"):
        found = os.stat(root.at(path))
        assert (found.st_mode & 0o7777, found.st_uid, found.st_gid) == (0o750, 0, gid), path
    assert booted.must("rpm", "-V", "--nodeps", "sallyport") == ""
    assert booted.must("rpm", "-qc", "sallyport").split() == ["/etc/logrotate.d/sallyport", INI]
    for tool in ("/usr/lib/sallyport/drain", "/etc/letsencrypt/renewal-hooks/deploy/sallyport-deploy-hook"):
        assert os.access(root.at(tool), os.X_OK)
    with open(root.at("/usr/sbin/sallyport"), "rb") as file:
        assert work.encode() not in file.read()

    configure(root, pair)
    os.makedirs(root.at("/srv/www"))
    root.write("/srv/www/hello", "from behind\n")
    web = booted.beside(sys.executable, "-m", "http.server", "-b", "127.0.0.1", "-d", root.at("/srv/www"), "8080",
                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    client = None
    try:
        booted.must("systemctl", "enable", "--now", *UNITS)
        pid = booted.must("systemctl", "show", "-P", "MainPID", "sallyport.service")
        client = booted.beside(sys.executable, "-c", CLIENT, made.cert, f"{work}/stop", stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

        def status():
            return json.loads(booted.must("sallyport", "status", "--json"))

        def journal():
            return booted.must("journalctl", "-b", "-u", "sallyport", "-o", "cat", "--no-pager")
        assert procs.wait_for(lambda: status()["traffic"]["requests"] > 0, 20)
        rpm("-U", later)
        assert procs.wait_for(lambda: journal().count("event=serving ") == 2, 60), journal()[-3000:]
        with open(f"{work}/stop", "w", encoding="ascii"):
            pass
        said = client.communicate(timeout=60)[0].decode()
        assert client.returncode == 0 and int(said.split()[0]) > 10, said
        assert booted.must("systemctl", "show", "-P", "MainPID", "sallyport.service") == pid
        assert "# mine" in root.read(INI) and not os.path.exists(root.at(INI + ".rpmsave"))
        assert run("nsenter", "-t", booted.leader, "-n", "curl", "-sS", "--cacert", made.cert, "--resolve", "example.com:443:127.0.0.1",
                   "https://example.com/hello") == (0, "from behind\n")

        assert "error" not in booted.must("rpm", "-e", "--nodeps", "sallyport")
        assert not any(booted.is_active(unit) for unit in UNITS)
        left = {os.path.relpath(os.path.join(folder, name), root.path) for folder, _, files in os.walk(root.at("/etc"))
                for name in files if "sallyport" in os.path.join(folder, name).removeprefix(root.path)}
        assert left == {"etc/sallyport/sallyport.ini.rpmsave", "etc/sallyport/tls/example.com.pem", "etc/sallyport/tls/example.com.key"}
        assert not os.path.exists(root.at("/usr/sbin/sallyport"))
        assert "sallyport" not in booted.must("systemctl", "list-units", "--all", "--failed", "--no-legend")
    finally:
        for process in filter(None, (client, web)):
            process.kill()
            process.wait()
