"""What the tests of deploy/ and of the account scripts share: --long, as in tests/integration, and an account that is none."""
import os
import shutil
import subprocess
import sys
import tempfile

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))
SCRIPTS = os.path.join(HERE, "..", "..", "scripts")
sys.path[:0] = [HERE, os.path.join(HERE, "..", "lib")]


def pytest_addoption(parser):
    try:
        parser.addoption("--long", action="store_true", help="the tests that take minutes, too")
    except ValueError:
        pass                            # beside tests/integration, which has it


def pytest_configure(config):
    config.addinivalue_line("markers", "long: takes minutes; runs with --long only")


def pytest_collection_modifyitems(config, items):
    for item in items:
        if "long" in item.keywords and not config.getoption("--long"):
            item.add_marker(pytest.mark.skip(reason="long: give --long"))


def clean_environment(folder):
    """Without what could lead a call to a real account: variables, files and credentials of the machine."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("AWS_") and not key.lower().endswith("_proxy")}
    return {**kept, "PATH": folder + ":/usr/bin:/bin", "HOME": folder, "AUDIT_PAUSE": "0", "DRAIN_PAUSE": "0.05", "TMPDIR": folder,
            "AWS_EC2_METADATA_DISABLED": "true", "LC_ALL": "C.UTF-8"}


@pytest.fixture
def stubbed(tmp_path):
    """stubbed(account): its `aws` command; run(script, ...) below runs scripts with it. Fails a test in which a call went
    astray, or a script left something behind."""
    from stub_aws import Command
    made = []

    def make(account, **options):
        folder = tmp_path / f"bin{len(made)}"
        folder.mkdir()
        made.append(Command(account, str(folder), **options))
        made[-1].folder = str(folder)
        return made[-1]
    yield make
    for one in made:
        one.end()
        assert not one.strays
        assert not [name for name in os.listdir(one.folder) if name.startswith("tmp.")]


def run(front, script, *words, endpoint=True, text=None, patience=120, **environment):
    """(code, standard output, standard error) of a script before the account of `front`."""
    given = ["--endpoint-url", front.endpoint] if endpoint else []
    done = subprocess.run([os.path.join(SCRIPTS, script), *given, *words], capture_output=True, text=True, timeout=patience, input=text,
                          env={**clean_environment(front.folder), **environment})
    return done.returncode, done.stdout, done.stderr


# --- what the tests of the packages share; each has a fixture `root`, the system it installs into ---

@pytest.fixture(scope="module")
def work(request):
    """For builds and roots. Its name says whose it is, so that it is found in what a build left it in."""
    path = tempfile.mkdtemp(prefix=f"sallyport-{request.module.__name__.removeprefix('test_')}-")
    os.chmod(path, 0o755)
    yield path
    shutil.rmtree(path)


@pytest.fixture(scope="module")
def leaf(work):
    """An authority, and its certificate for example.com."""
    import ca
    os.mkdir(f"{work}/ca")
    made = ca.Ca(f"{work}/ca")
    return made, made.leaf("example.com")


@pytest.fixture
def booted(root):
    from roots import Booted, NoBoot
    if not shutil.which("systemd-nspawn"):
        pytest.skip("NOT SEEN: no systemd-nspawn here")
    try:
        system = Booted(root)
    except NoBoot as why:
        pytest.skip(f"NOT SEEN: no system boots in a container here: {why}")
    yield system
    system.end()
