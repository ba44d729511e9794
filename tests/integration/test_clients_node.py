"""Node's undici and ws, through the gateway and directly to the same nginx."""
import json
import os
import shutil
import subprocess
import sys

import pytest

import gateway as program

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "clients"))
import real_site                        # noqa: E402
from real_site import ports, site       # noqa: E402,F401 pylint: disable=unused-import

CACHE = os.path.join(program.ROOT, "build", "node")
DEBIAN = "/usr/share/nodejs"
VERSIONS = {"undici": "6.21.1", "ws": "8.18.0"}         # for npm: the last that the Node of Debian 12 can run


@pytest.fixture(scope="module")
def modules():
    """Where Node finds undici and ws: Debian's packages, or npm's, kept under build/."""
    if not shutil.which("node"):
        pytest.skip("no node: apt-get install nodejs node-undici node-ws")
    for folder in (DEBIAN, f"{CACHE}/node_modules"):
        if all(os.path.isdir(f"{folder}/{name}") for name in VERSIONS):
            return folder
    if not shutil.which("npm"):
        pytest.skip("no undici and ws for node, and no npm to fetch them: apt-get install node-undici node-ws")
    os.makedirs(CACHE, exist_ok=True)
    done = subprocess.run(["npm", "install", "--prefix", CACHE, "--no-save", "--ignore-scripts", "--no-audit", "--no-fund",
                           *(f"{name}@{version}" for name, version in VERSIONS.items())],
                          capture_output=True, text=True, timeout=120, check=False)
    if done.returncode != 0:
        pytest.skip(f"npm cannot fetch undici and ws: {done.stderr[-300:]}")
    return f"{CACHE}/node_modules"


def node(modules, script, *arguments, timeout=120):
    done = subprocess.run(["node", os.path.join(real_site.HERE, script), *map(str, arguments)], capture_output=True, text=True,
                          timeout=timeout * program.SLOW, check=False,
                          env={"PATH": os.environ["PATH"], "NODE_PATH": modules, "LC_ALL": "C.UTF-8"})
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout)


@pytest.mark.parametrize("secure", [False, True], ids=["plain", "tls"])
def test_undici(modules, site, ports, ca, secure):
    answers = []
    for port in (site.direct(secure), ports[secure]):
        site.empty_store()
        told = node(modules, "undici.js", f"http{'s' if secure else ''}://localhost:{port}", ca.cert)
        for one in told:
            one["fields"] = sorted((name, value.replace(f":{port}", ":PORT")) for name, value in real_site.same(one["fields"]))
        answers.append(told)
    want, got = answers
    assert len(want) > 350 and len(got) == len(want)
    wrong = [(one["name"], {key: (one[key], other[key]) for key in one if one[key] != other[key]})
             for one, other in zip(want, got) if one != other]
    assert not wrong, f"{len(wrong)} wrong, direct and through: {wrong[:4]}"


@pytest.mark.parametrize("secure", [False, True], ids=["plain", "tls"])
def test_ws(modules, site, ports, ca, secure):
    """2,000 messages, and the same with their compression."""
    scheme = "wss" if secure else "ws"
    want = node(modules, "ws.js", f"{scheme}://localhost:{site.direct(secure)}/socket", ca.cert, 2000)
    got = node(modules, "ws.js", f"{scheme}://localhost:{ports[secure]}/socket", ca.cert, 2000)
    assert got == want
    assert [one["got"] for one in got] == [2000, 2000] and not any(one["wrong"] for one in got)
    assert {one["code"] for one in got} == {4321} and "deflate" in got[1]["extensions"]
