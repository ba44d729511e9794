"""What every integration test may ask for. SALLYPORT names the binary; everything runs on loopback, on free ports,
in temporary folders, and is ended by its pid."""
import os
import subprocess
import sys

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))

import backends                         # noqa: E402
import ca as authority                  # noqa: E402
import gateway as program               # noqa: E402
import procs                            # noqa: E402


def pytest_addoption(parser):
    parser.addoption("--long", action="store_true", help="the tests that take minutes, too")


def pytest_configure(config):
    if not os.path.exists(program.BINARY):
        pytest.exit(f"no such gateway: {program.BINARY}; make builds it", 2)
    config.addinivalue_line("markers", "long: takes minutes; runs with --long only")
    config.addinivalue_line("markers", "opt_only: measures; means nothing under the sanitizers")
    config.addinivalue_line("markers", "quiet: counts or times what others on the machine would disturb; runs alone")


def pytest_collection_modifyitems(config, items):
    for item in items:
        if "long" in item.keywords and not config.getoption("--long"):
            item.add_marker(pytest.mark.skip(reason="long: give --long"))
        if "opt_only" in item.keywords and program.SAN:
            item.add_marker(pytest.mark.skip(reason="measured in the optimized build"))


def pytest_report_header():
    return f"gateway: {program.BINARY}{' (sanitized)' if program.SAN else ''}"


@pytest.fixture(scope="session")
def folders(tmp_path_factory):
    """A new private folder at each call."""
    count = [0]

    def make(name="run"):
        count[0] += 1
        path = tmp_path_factory.mktemp(f"{name}{count[0]}")
        path.chmod(0o700)
        return str(path)
    return make


@pytest.fixture
def port():
    return program.free_port()


@pytest.fixture(scope="session")
def ca(folders):
    return authority.Ca(folders("ca"))


@pytest.fixture(scope="session")
def leaf(ca):
    """ECDSA, for example.com and www.example.com."""
    return ca.leaf("example.com", "www.example.com")


@pytest.fixture(scope="session")
def nginx(folders):
    server = backends.Nginx(folders("nginx"), program.free_port())
    yield server
    server.end()


@pytest.fixture
def backend():
    """backend(script=None, ...): a scripted backend; ended with the test."""
    made = []

    def make(script=None, **options):
        made.append(backends.RawBackend(script, **options))
        return made[-1]
    yield make
    for one in made:
        one.end()


@pytest.fixture
def gateway(folders, request):
    """gateway(ini_text, ...): a running gateway. Ended with the test, which fails if that is not clean.
    clean=False for one that the test itself ends or breaks."""
    made = []

    def make(text, clean=True, **options):
        try:
            made.append((program.Gateway(options.pop("folder", None) or folders("gw"), text, **options), clean))
        except program.NotUp as why:
            refused = [line for line in str(why).splitlines() if "not in this build" in line]
            if refused:
                pytest.skip(refused[0].partition("error: ")[2])
            raise
        return made[-1][0]
    yield make
    for one, clean in made:
        one.end(clean and one.process.poll() is None)


@pytest.fixture
def serve(gateway, backend, port):
    """serve(script=None, **ini): a gateway before a scripted backend; returns (gateway, backend, port)."""
    def make(script=None, **parts):
        behind = backend(script)
        started = gateway(program.ini(port, behind.port, **parts))
        return started, behind, port
    return make


@pytest.fixture
def check(folders):
    """check(text, *arguments): `sallyport check` on that text; (code, stdout + stderr with the folder cut off)."""
    def run(text, *arguments, folder=None, env=None):
        where = folder or folders("check")
        path = program.write_config(where, text)
        code, out, err = program.command("check", "-c", path, *arguments, env=env)
        return code, (out + err).replace(where + "/", "")
    return run


@pytest.fixture
def started():
    """started(command, ...): any other process, ended with the test."""
    made = []

    def make(command, **options):
        options.setdefault("stdin", subprocess.DEVNULL)
        made.append(procs.start(command, **options))
        return made[-1]
    yield make
    for one in made:
        procs.end(one)
