"""The man pages: nothing that the program knows is missing, mandoc has nothing to say, and a reader sees what was meant."""
import os
import re
import shutil
import subprocess

import pytest

import gateway as program

PAGES = ("sallyport.8", "sallyport.ini.5")

pytestmark = pytest.mark.skipif(not shutil.which("mandoc"), reason="NOT SEEN: no mandoc here")


def build(page, out, binary=program.BINARY, **more):
    done = subprocess.run([os.path.join(program.ROOT, "scripts/build-man"), binary,
                           os.path.join(program.ROOT, "deploy/man", page + ".in"), str(out)],
                          capture_output=True, text=True, check=False, env=program.environment(**more))
    assert done.returncode == 0, done.stderr
    return str(out)


def rendered(path, width=400):
    """As in a terminal too wide to break a line, without the bytes that make it bold."""
    done = subprocess.run(["mandoc", "-T", "utf8", "-O", f"width={width}", path], capture_output=True, text=True, check=True)
    return re.sub(".\b", "", done.stdout)


def lint(path):
    """What is wrong with the page, but for pages of others that this machine does not have."""
    done = subprocess.run(["mandoc", "-T", "lint", path], capture_output=True, text=True, check=False)
    return [line for line in (done.stdout + done.stderr).splitlines()
            if re.match(r"mandoc: .*: [A-Z]+: ", line) and "referenced manual not found" not in line]


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    folder = tmp_path_factory.mktemp("man")
    return {page: build(page, folder / page) for page in PAGES}


@pytest.mark.parametrize("page", PAGES)
def test_lint_is_silent(pages, page):
    assert lint(pages[page]) == []


def test_lint_would_speak(pages, tmp_path):
    """The test above can fail."""
    with open(pages["sallyport.8"], encoding="utf-8") as file:
        (tmp_path / "bad.8").write_text(file.read().replace(".El", "", 1))
    assert lint(str(tmp_path / "bad.8"))


@pytest.mark.parametrize("page", PAGES)
def test_every_page_of_ours_that_is_named_is_there(pages, page):
    with open(pages[page], encoding="utf-8") as file:
        named = {f"{name}.{section}" for name, section in re.findall(r"^\.Xr (sallyport\S*) (\d)", file.read(), re.M)}
    assert named and named <= set(PAGES)


def paragraphs_of(text, heading):
    """Of one section of a rendered page: what stands under each item, by its first line."""
    body = re.search(rf"^{heading}\n(.*?)(?=^\S|\Z)", text, re.M | re.S)[1]
    return [" ".join(one.split()) for one in re.split(r"\n\n", body)]


def test_every_command(pages):
    _, usage, _ = program.command("--help")
    names = re.findall(r"^  (\S+) ", usage, re.M)
    assert {"run", "check", "reload"} <= set(names)
    found = paragraphs_of(rendered(pages["sallyport.8"]), "COMMANDS")
    for name in names:
        _, said, _ = program.command(name, "--help")
        line, _, text = said.partition("\n\n")
        words = line.partition("usage: sallyport ")[2]
        first = " ".join(text.split("\nalso: ")[0].split())
        at = [one for one in found if one == words or one.startswith(f"{words} ")]
        assert at and first[1:].rstrip(".") in at[0].replace(". ", ". "), name


def test_every_exit_code_and_signal(pages):
    text = rendered(pages["sallyport.8"])
    _, usage, _ = program.command("--help")
    codes = re.findall(r"\b\d+\b", usage.partition("Exit codes:")[2])
    assert len(codes) >= 5
    status = "\n".join(paragraphs_of(text, "EXIT STATUS"))
    assert all(re.search(rf"\b{code}\b", status) for code in codes)
    signals = " ".join(paragraphs_of(text, "SIGNALS"))
    with open(os.path.join(program.ROOT, "src/master/master.c"), encoding="utf-8") as file:
        caught = set(re.findall(r"\bSIG(HUP|TERM|QUIT|INT|USR1|USR2)\b", file.read()))
    assert len(caught) == 6 and all(name in signals for name in caught)


def test_every_section_and_key(pages):
    """Each key under its own section, with value, default and help."""
    _, reference, _ = program.command("reference")
    text = rendered(pages["sallyport.ini.5"], width=1000)
    seen = 0
    for name, rows in re.findall(r"^### `(\S+)`\n\n.*\n\n\|.*\n\|[-|]+\n((?:\|.*\n?)+)", reference, re.M):
        body = re.search(rf"^   {re.escape(name)}\n(.*?)(?=^ {{0,3}}\S|\Z)", text, re.M | re.S)
        assert body, name
        flat = " ".join(body[1].split())
        for row in rows.splitlines():
            key, value, default, told = (cell.strip().strip("`") for cell in row.strip("| ").split(" | ", 3))
            more = {"": "", "(required)": "; required"}.get(default, f"; default: {default}")
            told = " ".join(told.replace("*Not in this build.*", "Not in this build.").split())
            assert f"{key} {value}{more}. {told}" in flat, (name, key)
            seen += 1
    assert seen == reference.count("\n| `")


def test_the_example_is_the_least_configuration(pages):
    with open(os.path.join(program.ROOT, "conf/minimal.ini"), encoding="ascii") as file:
        lines = [line for line in file.read().splitlines() if line]
    shown = rendered(pages["sallyport.ini.5"]).partition("EXAMPLES")[2].splitlines()
    assert [line.strip() for line in shown if line.strip() in lines] == lines


FAKE = """#!/bin/sh
case "$1 $2" in
--help*) printf 'usage: sallyport COMMAND\\n\\n  odd         [-c FILE]   all that is awkward\\n' ;;
odd*) printf "usage: sallyport odd [-c FILE] [-H 'Name: value']... [--from IP] [nft | ini] URL N|default\\n\\n"
      printf '%s\\n' "'quoted\\\\fB, .Sh first; \\"No\\" and -X. .Dd second" ;;
esac
"""


def test_no_text_of_the_program_is_roff(tmp_path):
    """Whatever a command's help holds is text: no request, no escape, no macro."""
    fake = tmp_path / "fake"
    fake.write_text(FAKE)
    fake.chmod(0o755)
    path = build("sallyport.8", tmp_path / "out.8", str(fake))
    assert lint(path) == []
    found = [one for one in paragraphs_of(rendered(path), "COMMANDS") if one.startswith("odd ")]
    assert found[0] == "odd [-c FILE] [-H 'Name: value']... [--from IP] [nft | ini] URL N|default " \
        "'quoted\\fB, .Sh first; \"No\" and -X. .Dd second."


def test_a_page_is_the_same_when_made_again(tmp_path):
    """The date is that of the sources where a packager gives one."""
    one, two = (build("sallyport.8", tmp_path / name, SOURCE_DATE_EPOCH="86400") for name in ("a", "b"))
    with open(one, encoding="utf-8") as a, open(two, encoding="utf-8") as b:
        text = a.read()
        assert text == b.read() and ".Dd January 2, 1970\n" in text
