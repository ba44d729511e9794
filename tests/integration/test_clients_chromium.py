"""Chromium on a page of many files, over TLS, through the gateway and directly: it sees the same, and complains of nothing."""
import os
import sys

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "clients"))
import chromium                         # noqa: E402
from real_site import ports, site       # noqa: E402,F401 pylint: disable=unused-import

pytestmark = pytest.mark.skipif(not chromium.is_here(),
                                reason="no Chromium: apt-get install chromium chromium-driver (scripts/test --full does)")


@pytest.fixture(scope="module")
def browser(folders, site):
    made = chromium.Browser(folders("chromium"), site.leaf.chain)
    yield made
    made.end()


@pytest.mark.parametrize("what, argument", [
    ("page", None), ("requests", None), ("form", None), ("stream", None), ("events", None), ("video", None), ("film", None), ("givenUp", None),
    ("socket", 5000), pytest.param("socket", 100000, marks=pytest.mark.long)])
def test_page(browser, site, ports, what, argument):
    answers = []
    for port in (site.direct(True), ports[True]):
        site.empty_store()
        browser.open(f"https://localhost:{port}/pages/index.html")
        assert browser.title() == "A page of many files"
        browser.forget_cookies()
        browser.console()
        told = browser.run(what, argument)
        answers.append((told, [line.replace(f":{port}", ":PORT") for line in browser.console()]))
    want, got = answers
    assert got == want
    GOOD[what](got[0], argument)


# What must be true of the answer besides.
GOOD = {
    "page": lambda told, _: check(len(told["files"]) >= 66 and told["frame"] == "framed" and told["style"] == ["rgb(1, 2, 3)", "7px"]),
    "requests": lambda told, _: check("one=1" in told["cookies"]),
    "form": lambda told, _: check(told["xhr"] == [200, 3000000, 3000000] and "5000000" in str(told["byFetch"])),
    "stream": lambda told, _: check(told == {"first": "first half\n", "second": "second half\n", "waited": True, "ended": True}),
    "events": lambda told, _: check(told == {"count": 20, "late": 0}),
    "video": lambda told, _: check(told["duration"] == 300 and told["seekable"] == 300 and told["told"][-1] is True),
    "film": lambda told, _: check(told == {"stored": True, "size": [160, 120], "length": True}),
    "socket": lambda told, count: check(told["got"] == count and told["wrong"] == 0 and told["code"] == 3001 and told["wasClean"]),
    "givenUp": lambda told, _: check(told == 200),
}


def check(is_true):
    assert is_true


def test_seeking_asks_for_ranges(browser, ports):
    """The gateway's own log shows what a seek is: a range of the file, left early (499) for the next one."""
    browser.open(f"https://localhost:{ports[True]}/pages/index.html")
    browser.run("video", None)
    ranges = [line for line in ports.gateway.access(1) if line["path"] == "/pages/long.wav"]
    assert sum(line["backend_status"] == 206 for line in ranges) >= 2
    assert {line["status"] for line in ranges} <= {206, 499}
    assert {line["sni"] for line in ranges} == {"localhost"} and {line["tls"] for line in ranges} == {"TLSv1.3"}
