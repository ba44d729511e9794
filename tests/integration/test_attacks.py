"""A good client beside each attack (tests/attacks). Short by default; --long: 600 connections and 14 s each."""
import os
import sys

import pytest

import gateway as program

sys.path.insert(0, os.path.join(program.ROOT, "tests/attacks"))

import attack                           # noqa: E402
from drive import ONCE, TABLE           # noqa: E402

# One of each kind: slow, idle, TLS, greedy.
SHORT = ["slowread", "hoard", "tlshalf", "pipeline"]


@pytest.fixture(scope="module")
def ground(folders):
    attack.wish_descriptors()
    made = attack.Ground(folders("attacks"))
    yield made
    made.end()


@pytest.fixture
def target(ground):
    made = ground.target("sallyport")
    yield made
    made.end()


def judge(name, out):
    """What must hold however slow the machine is."""
    sources = TABLE[name][0]
    assert out.asked > 0
    assert out.during >= 99, f"{out.during:.1f} % of {out.asked} during"
    assert out.after == 100
    # One that ends and the one that follows it may both be seen in one look at the kernel's table.
    assert out.held_max <= sources * attack.CAP + 64, out.held_max
    assert program.SAN or out.memory_more <= 64 << 10, f"{out.memory_more} KiB more"    # the sanitizer keeps what is freed
    assert out.fds_back is not None


@pytest.mark.parametrize("name", SHORT)
def test_short(target, name):
    """130 connections for two seconds."""
    if program.SAN and name != "hoard":
        pytest.skip("one is enough under the sanitizers: the others are in the optimized build")
    out = attack.run(target, name, connections=130, seconds=2, after=2.5, patience=0)
    judge(name, out)


@pytest.mark.long
@pytest.mark.quiet                       # what others take of the machine is no fault of the gateway
@pytest.mark.parametrize("name", TABLE)
def test_long(target, name):
    attack.run(target, name, connections=60, seconds=2, after=0, patience=0)    # code and caches are loaded once
    out = attack.run(target, name)
    judge(name, out)
    if name in ONCE:
        assert out.held_at_12 == 0, "no dribbler is held after 12 s"
    assert program.SAN or out.memory_left <= out.memory_before * 0.1 + (6 << 10), f"{out.memory_left} KiB left over {out.memory_before}"
