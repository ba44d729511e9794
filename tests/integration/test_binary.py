"""The release build's own armour (hardening 7), read from the file."""
import os
import re
import subprocess

import pytest

import gateway as program

pytestmark = pytest.mark.opt_only


def readelf(*options):
    return subprocess.run(["readelf", "-W", *options, program.BINARY], capture_output=True, text=True, check=True).stdout


def test_position_independent():
    assert re.search(r"Type:\s+DYN", readelf("-h"))
    assert re.search(r"\(FLAGS_1\).*\bPIE\b", readelf("-d"))


def test_full_relro_and_bind_now():
    assert "GNU_RELRO" in readelf("-l")
    assert re.search(r"\(FLAGS(_1)?\).*\b(BIND_NOW|NOW)\b", readelf("-d"))


def test_nothing_writable_is_executable():
    text = readelf("-l")
    assert re.search(r"GNU_STACK.*\bRW\s", text)
    assert not re.search(r"^\s+LOAD.*\bRWE\b", text, re.M)
    assert "TEXTREL" not in readelf("-d")


def test_cet_marks():
    text = readelf("-n")
    assert "IBT" in text and "SHSTK" in text


def test_canary_and_fortify():
    symbols = readelf("--dyn-syms")
    assert "__stack_chk_fail" in symbols
    assert re.search(r"\b__\w+_chk\b", symbols.replace("__stack_chk_fail", ""))


def test_no_path_is_built_in():
    text = readelf("-d")
    assert "RPATH" not in text and "RUNPATH" not in text


def test_unsafe_functions_are_not_there():
    symbols = readelf("--dyn-syms")
    for name in ("gets", "strcpy", "strcat", "sprintf", "vsprintf", "system", "popen", "tmpnam", "mktemp", "alloca"):
        assert not re.search(rf"UND {name}(@|$)", symbols, re.M), name


def test_checksec():
    done = subprocess.run(["checksec", f"--file={program.BINARY}", "--output=csv"], capture_output=True, text=True, check=False,
                          env={**os.environ, "TERM": "dumb"})
    if done.returncode != 0:
        pytest.skip("no checksec here")
    row = done.stdout.strip().split(",")
    assert row[:4] == ["Full RELRO", "Canary found", "NX enabled", "PIE enabled"], row
    assert row[4] == "No RPATH" and row[5] == "No RUNPATH"


def test_libraries_are_the_expected_ones():
    """libevent's core only: no evhttp, no bufferevents of OpenSSL."""
    needed = re.findall(r"\(NEEDED\).*\[(.+?)\]", readelf("-d"))
    assert not [name for name in needed if name.startswith(("libevent_extra", "libevent_openssl", "libevent-2"))], needed
