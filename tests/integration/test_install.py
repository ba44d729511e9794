"""`make install` and `make uninstall`: into another root, where what was installed is used."""
import os
import re
import shutil
import subprocess

import pytest

import gateway as program


def make(*words):
    kind = ["SAN=1"] if program.SAN else []
    env = {**program.environment(), "HOME": os.environ.get("HOME", "/")}
    done = subprocess.run(["make", "-s", *kind, *words], cwd=program.ROOT, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def files(root):
    return {os.path.relpath(os.path.join(folder, name), root) for folder, _, names in os.walk(root) for name in names}


@pytest.fixture(scope="module")
def built():
    """The binary under test is the one that the Makefile would build: else it would be built in the middle of a test."""
    if os.path.dirname(program.BINARY) not in (os.path.join(program.ROOT, "build", kind) for kind in ("opt", "san")):
        pytest.skip("NOT SEEN: the binary is not that of this checkout")


def install(root, *more):
    said = make("install", f"DESTDIR={root}", *more)
    assert {os.path.relpath(line, root) for line in said.split()} == files(root)
    return files(root)


@pytest.mark.parametrize("prefix", ["/usr/local", "/usr", "/opt/gate"])
def test_installed_and_gone(built, tmp_path, prefix):
    root = str(tmp_path)
    found = install(root, f"PREFIX={prefix}")
    assert found and all(f"/{name}".startswith(f"{prefix}/") for name in found)
    below = {f"/{name}".removeprefix(prefix) for name in found}
    assert {"/sbin/sallyport", "/share/man/man8/sallyport.8", "/share/man/man5/sallyport.ini.5",
            "/share/bash-completion/completions/sallyport", "/lib/systemd/system/sallyport.service",
            "/lib/systemd/system/sallyport.socket", "/lib/sysusers.d/sallyport.conf", "/lib/tmpfiles.d/sallyport.conf",
            "/share/doc/sallyport/README.md", "/share/doc/sallyport/examples/sallyport.ini"} <= below
    modes = {name: os.stat(os.path.join(root, name)).st_mode & 0o7777 for name in found}
    assert {name for name, mode in modes.items() if mode != 0o644} == {f"{prefix[1:]}/sbin/sallyport"}
    assert modes[f"{prefix[1:]}/sbin/sallyport"] == 0o755
    make("uninstall", f"DESTDIR={root}", f"PREFIX={prefix}")
    assert files(root) == set()
    assert not [folder for folder, names, _ in os.walk(root) if "sallyport" in names]


def test_what_others_put_there_stays(built, tmp_path):
    root = str(tmp_path)
    install(root)
    (tmp_path / "usr/local/sbin/other").write_text("")
    make("uninstall", f"DESTDIR={root}")
    make("uninstall", f"DESTDIR={root}")
    assert files(root) == {"usr/local/sbin/other"}


def test_the_unit_starts_what_was_installed(built, tmp_path):
    install(str(tmp_path), "PREFIX=/opt/gate")
    text = (tmp_path / "opt/gate/lib/systemd/system/sallyport.service").read_text()
    started = re.findall(r"^Exec(?:Start|StartPre)=(\S+)", text, re.M)
    assert started == ["/opt/gate/sbin/sallyport"] * 2
    named = re.search(r"file://(\S+)", text)[1]
    assert os.path.exists(f"{tmp_path}{named}")


@pytest.mark.parametrize("name", ["sallyport", "minimal", "packaged"])
def test_the_installed_program_reads_the_installed_example(built, tmp_path, ca, leaf, name):
    """As an operator begins: the example copied to a folder of its own, with a certificate where it names one."""
    install(str(tmp_path / "root"))
    etc = tmp_path / "etc"
    (etc / "tls").mkdir(parents=True, mode=0o700)
    etc.chmod(0o700)
    shutil.copy(tmp_path / f"root/usr/local/share/doc/sallyport/examples/{name}.ini", etc / "sallyport.ini")
    shutil.copy(leaf.chain, etc / "tls/example.com.pem")
    shutil.copy(leaf.key, etc / "tls/example.com.key")
    (etc / "tls/example.com.key").chmod(0o600)
    binary = str(tmp_path / "root/usr/local/sbin/sallyport")
    done = subprocess.run([binary, "check", "-c", str(etc / "sallyport.ini")], capture_output=True, text=True, check=False,
                          env=program.environment())
    assert done.returncode == 0, done.stderr
    (etc / "tls/example.com.key").unlink()
    done = subprocess.run([binary, "check", "-c", str(etc / "sallyport.ini")], capture_output=True, text=True, check=False,
                          env=program.environment())
    assert done.returncode == 1 and "example.com.key" in done.stdout + done.stderr
