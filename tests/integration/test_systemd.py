"""The units in deploy/systemd: what systemd itself thinks of them."""
import os
import re
import shutil
import subprocess

import pytest

import gateway as program

UNITS = os.path.join(os.path.dirname(__file__), "..", "..", "deploy", "systemd")

pytestmark = pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="NOT SEEN: no systemd-analyze here")


def analyze(*words):
    return subprocess.run(["systemd-analyze", *words], capture_output=True, text=True, check=False,
                          env={**os.environ, "LC_ALL": "C.UTF-8"})


@pytest.fixture
def units(tmp_path):
    """The units as installed, but for the place of the program."""
    for name in ("sallyport.service", "sallyport.socket"):
        with open(os.path.join(UNITS, name), encoding="ascii") as file:
            text = file.read()
        (tmp_path / name).write_text(text.replace("/usr/sbin/sallyport", program.BINARY))
    return tmp_path


def test_verify_finds_nothing(units):
    done = analyze("verify", "--man=no", str(units / "sallyport.service"), str(units / "sallyport.socket"))
    said = [line for line in (done.stdout + done.stderr).splitlines() if "sallyport" in line]
    assert not said and done.returncode == 0


def test_exposure(units):
    """spec.md 9: at most 1.3 (nginx and haproxy as packaged: 9.6)."""
    done = analyze("security", "--offline=true", str(units / "sallyport.service"))
    level = float(re.search(r"exposure level for sallyport\.service: ([\d.]+)", done.stdout)[1])
    assert level <= 1.3


def test_the_filter_lets_the_sandbox_be_made():
    """systemd 252's @system-service lacks these; without them the processes could not confine themselves."""
    with open(os.path.join(UNITS, "sallyport.service"), encoding="ascii") as file:
        allowed = re.search(r"^SystemCallFilter=(@.*)$", file.read(), re.M)[1].split()
    assert {"landlock_create_ruleset", "landlock_add_rule", "landlock_restrict_self", "seccomp"} <= set(allowed)


def test_every_role_has_a_user(tmp_path):
    """systemd-sysusers reads the file as we mean it: a user for the workers, and one for each role (src/master/ids.h)."""
    if not shutil.which("systemd-sysusers"):
        pytest.skip("NOT SEEN: no systemd-sysusers here")
    (tmp_path / "etc").mkdir()
    subprocess.run(["systemd-sysusers", f"--root={tmp_path}", os.path.abspath(os.path.join(UNITS, "sallyport.sysusers"))], check=True,
                   capture_output=True)
    rows = [line.split(":") for line in (tmp_path / "etc/passwd").read_text().splitlines()]
    made = {row[0]: row[2] for row in rows if row[0].startswith("sallyport")}
    assert set(made) == {"sallyport", *(f"sallyport-{role}" for role in ("keeper", "dialer", "monitor", "logger"))}
    assert len(set(made.values())) == len(made)
