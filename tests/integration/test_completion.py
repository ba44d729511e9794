"""The completion in a real bash: keys go into a terminal, and what its line editor made of them is read from it."""
import os
import pty
import re
import select
import signal
import subprocess
import time

import pytest

import gateway as program

SCRIPT = os.path.join(program.ROOT, "deploy/completion/sallyport")
SHOW = "\x18\x04"       # a key of ours: prints the line as it is now
ALL = "\x1b*"           # readline's insert-completions: every answer goes into the line

# One pool has a backend of a name that both have; the others are met alone.
INI = """\
[listener:main]
bind = 127.0.0.1:{port}
[egress]
allow = 127.0.0.0/8, ::1/128
[admin]
bind = off
[route:all]
host = *
pool = app
[pool:app]
backend = 127.0.0.1:9000, 127.0.0.1:9001 weight=3
backend = [::1]:9002
[pool:other]
backend = 127.0.0.1:9000
[backend:big]
pool = other
address = 127.0.0.1:9003
"""
BACKENDS = {"app/127.0.0.1:9000", "app/127.0.0.1:9001", "app/[::1]:9002", "other/127.0.0.1:9000", "other/big",
            "127.0.0.1:9001", "[::1]:9002", "big"}


class Shell:
    """bash with our completion and nothing of the machine's; the program is found as sallyport."""

    def __init__(self, folder):
        os.symlink(program.BINARY, os.path.join(folder, "sallyport"))
        pid, self.fd = pty.fork()
        if pid == 0:
            env = program.environment(TERM="dumb", HOME=folder, INPUTRC="/dev/null", HISTFILE="", PS1="")
            env["PATH"] = f"{folder}:{env['PATH']}"
            os.chdir(folder)
            os.execve("/bin/bash", ["bash", "--norc", "--noprofile", "-i"], env)
        self.pid = pid
        # Lines as long as they come are not scrolled, and what is typed is not what is looked for.
        self.send("stty -echo cols 9999; PS1=; bind 'set enable-bracketed-paste off'; "
                  "bind 'set completion-query-items 0'; bind 'set bell-style none'; "
                  f". '{SCRIPT}'; bind -x '\"\\C-x\\C-d\": printf \"<<%s>>\\n\" \"$READLINE_LINE\"'; echo re''ady\r")
        self.read_to("ready\r?\n")

    def send(self, text):
        os.write(self.fd, text.encode())

    def read_to(self, pattern, timeout=30):
        text, until = "", time.monotonic() + timeout * program.SLOW
        while not (found := re.search(pattern, text)):
            left = until - time.monotonic()
            assert left > 0, f"no {pattern} in {text!r}"
            if select.select([self.fd], [], [], left)[0]:
                text += os.read(self.fd, 65536).decode("utf-8", "replace")
        return found

    def line(self, keys):
        """The line behind these keys."""
        self.send(f"\x15{keys}{SHOW}")
        return self.read_to("<<(.*)>>")[1]

    def answers(self, typed):
        """Everything that may stand in the place of the last word."""
        whole = self.line(typed + ALL)
        before = typed[:len(typed) - len(typed.split(" ")[-1])]
        assert whole.startswith(before), whole
        found = set(whole[len(before):].replace("\\", "").split())
        return set() if found == {typed.split(" ")[-1]} and not typed.endswith(" ") else found

    def end(self):
        os.kill(self.pid, signal.SIGHUP)
        os.close(self.fd)
        os.waitpid(self.pid, 0)


@pytest.fixture(scope="module")
def shell(tmp_path_factory):
    shell = Shell(str(tmp_path_factory.mktemp("bash")))
    yield shell
    shell.end()


@pytest.fixture(scope="module")
def ini(folders):
    return program.write_config(folders(), INI.format(port=program.free_port()))


def commands():
    _, usage, _ = program.command("--help")
    return re.findall(r"^  (\S+) ", usage, re.M)


def test_every_command(shell):
    names = set(commands())
    assert names >= {"run", "check", "drain"}
    flags = set(re.findall(r"\(also (-\w)\)", program.command("--help")[1]))
    assert shell.answers("sallyport ") == names | flags | {"--help"}


def test_a_command_that_is_the_only_one(shell):
    assert shell.line("sallyport undr\t") == "sallyport undrain "
    assert shell.line("sallyport nothing\t") == "sallyport nothing"


def test_options_of_each_command(shell):
    """Those of its usage, whatever they are."""
    for name in commands():
        usage = program.command(name, "--help")[1].splitlines()[0]
        options = set(re.findall(r"\[(--?[A-Za-z][a-z-]*)", usage)) | {"--help"}
        assert shell.answers(f"sallyport {name} -") == options, name
    assert shell.line("sallyport -t --s\t") == "sallyport -t --strict "


@pytest.mark.parametrize("option", ["-c ", "--config ", "--config="])
def test_files(shell, tmp_path, option):
    (tmp_path / "one file.ini").write_text("")
    assert shell.line(f"sallyport check {option}{tmp_path}/one\t").replace("\\", "") == f"sallyport check {option}{tmp_path}/one file.ini "


def test_words_of_an_argument(shell):
    assert shell.answers("sallyport export ") == {"nftables", "security-group", "systemd"}
    assert shell.line("sallyport export sec\t") == "sallyport export security-group "
    assert shell.answers("sallyport export systemd ") == set()
    assert shell.line("sallyport weight any d\t") == "sallyport weight any default "
    assert "1h" in shell.answers("sallyport ban 10.0.0.1 ")
    assert "2m" in shell.answers("sallyport reload --confirm ")


def complete_backends(shell, ini):
    assert shell.answers(f"sallyport drain -c {ini} ") == BACKENDS
    assert shell.answers(f"sallyport undrain --config={ini} ") == BACKENDS
    assert shell.answers(f"sallyport weight -c {ini} ") == BACKENDS
    assert shell.answers(f"sallyport drain -c {ini} one ") == set()
    assert shell.line(f"sallyport drain -c {ini} bi\t") == f"sallyport drain -c {ini} big "
    # A word is parted at its colons by the shell.
    assert shell.line(f"sallyport drain -c {ini} app/127.0.0.1:9001\t") == f"sallyport drain -c {ini} app/127.0.0.1:9001 "
    assert shell.line(f"sallyport drain -c {ini} other/127\t").startswith(f"sallyport drain -c {ini} other/127.0.0.1:9000")
    assert shell.line(f"sallyport drain -c {ini} app/[\t").startswith(f"sallyport drain -c {ini} app/[::1]:9002")


def test_backends_of_the_configuration(shell, ini):
    """Nothing runs."""
    complete_backends(shell, ini)


def test_backends_and_bans_of_the_running_gateway(shell, folders):
    gateway = program.Gateway(folders(), INI.format(port=program.free_port()))
    try:
        complete_backends(shell, gateway.config)
        assert shell.answers(f"sallyport unban -c {gateway.config} ") == set()
        for address in ("10.1.2.3", "2001:db8::"):
            assert program.command("ban", "-c", gateway.config, address, "5m")[0] == 0
        assert shell.answers(f"sallyport unban -c {gateway.config} ") == {"10.1.2.3", "2001:db8::"}
        assert shell.line(f"sallyport unban -c {gateway.config} 2001:db8\t") == f"sallyport unban -c {gateway.config} 2001:db8:: "
        # What runs is asked, not what the file says by now.
        program.write_config(gateway.folder, INI.format(port=1).replace("big", "small"))
        assert "other/big" in shell.answers(f"sallyport drain -c {gateway.config} ")
    finally:
        gateway.end()


def test_no_name_is_carried_out(tmp_path):
    """What the program answers is words, not shell."""
    fake = tmp_path / "sallyport"
    trace = tmp_path / "trace"
    fake.write_text(f"""#!/bin/sh
case "$1 $2" in
status*) echo '"pool":"a","backend":"$(touch${{IFS}}{trace})"' ;;
*--help) printf 'usage: sallyport %s BACKEND\\n\\nhelp\\n' "$1" ;;
esac
""")
    fake.chmod(0o755)
    done = subprocess.run(["bash", "--norc", "-c", f". {SCRIPT}; COMP_WORDS=(sallyport drain ''); COMP_LINE='sallyport drain '; "
                           "COMP_POINT=${#COMP_LINE}; _sallyport; printf '%s\\n' \"${COMPREPLY[@]}\""], capture_output=True, text=True,
                          check=True, env={"PATH": f"{tmp_path}:/usr/bin:/bin"})
    assert "touch" in done.stdout and not trace.exists()
