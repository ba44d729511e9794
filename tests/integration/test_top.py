"""`top`: on terminals of several sizes, through a pty that is looked at as a terminal looks at it; and in a pipe."""
import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import threading
import time

import pytest

import gateway as program
import procs
from wire import Client, answer, request

ROUTES = """[route:limited]
path = /limited
respond = 204
limit = few
[limit:few]
rate = 1/h
burst = 1
"""


class Screen:
    """As much of a terminal as top may use; anything else fails. A line that is too long, or one too many, does, too."""

    def __init__(self, rows, columns):
        self.is_other, self.has_cursor, self.rest = False, True, ""
        self.resize(rows, columns)

    def resize(self, rows, columns):
        self.rows, self.columns = rows, columns
        self.cells = [[" "] * columns for _ in range(rows)]
        self.y = self.x = 0

    def feed(self, text):
        text, at = self.rest + text, 0
        self.rest = ""
        while at < len(text):
            found = re.compile(r"\x1b\[(\??[0-9;]*)([A-Za-z])").match(text, at)
            if re.compile(r"\x1b(\[\??[0-9;]*)?\Z").match(text, at):
                self.rest = text[at:]           # the rest of it is still to come
                return
            if found:
                self.obey(*found.groups())
                at = found.end()
                continue
            self.show(text[at])
            at += 1

    def obey(self, numbers, letter):
        if letter == "m":
            assert numbers in ("0", "1", "2", "31", "32", "33"), numbers
        elif letter == "H":
            assert numbers == ""
            self.y = self.x = 0
        elif letter == "K":
            assert numbers == ""
            self.cells[self.y][self.x:] = [" "] * (self.columns - self.x)
        elif letter == "J":
            assert numbers == ""
            self.cells[self.y][self.x:] = [" "] * (self.columns - self.x)
            self.cells[self.y + 1:] = [[" "] * self.columns for _ in range(self.rows - self.y - 1)]
        elif (numbers, letter) in (("?1049", "h"), ("?1049", "l")):
            self.is_other = letter == "h"
        elif (numbers, letter) in (("?25", "h"), ("?25", "l")):
            self.has_cursor = letter == "h"
        else:
            pytest.fail(f"an escape that was not expected: {numbers!r} {letter!r}")

    def show(self, letter):
        if letter == "\r":
            self.x = 0
        elif letter == "\n":
            assert self.y + 1 < self.rows, "the screen would move up"
            self.y += 1
        else:
            assert " " <= letter <= "~", repr(letter)
            assert self.x < self.columns, "a line is longer than the screen"
            self.cells[self.y][self.x] = letter
            self.x += 1

    @property
    def text(self):
        return "\n".join("".join(line).rstrip() for line in self.cells)


class Terminal:
    """top in a pty of that size."""

    def __init__(self, running, rows, columns, *arguments, env=None):
        self.screen, self.raw = Screen(rows, columns), b""
        self.fd, other = pty.openpty()
        self.set_size(rows, columns)
        self.before = termios.tcgetattr(other)
        self.process = subprocess.Popen([program.BINARY, "top", "-c", running.config, *arguments], stdin=other, stdout=other,
                                        stderr=subprocess.PIPE, env={**os.environ, "TERM": "xterm", **(env or {})},
                                        preexec_fn=self.lead)
        self.other = other

    @staticmethod
    def lead():
        os.setsid()
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)

    def set_size(self, rows, columns):
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def resize(self, rows, columns):
        """With nothing on its way: what comes from now on is drawn for the new size."""
        self.look(0.3)
        self.screen.resize(rows, columns)
        self.set_size(rows, columns)            # the kernel tells the process

    def look(self, timeout=0.1):
        while select.select([self.fd], [], [], timeout)[0]:
            try:
                data = os.read(self.fd, 65536)
            except OSError:
                return
            self.raw += data
            self.screen.feed(data.decode("latin-1"))
            timeout = 0.05

    def shows(self, pattern, timeout=30):
        """Waits for it; the match."""
        def there():
            self.look()
            return re.search(pattern, self.screen.text, re.M)
        assert procs.wait_for(there, timeout * program.SLOW), f"{pattern!r} is not on:\n{self.screen.text}"
        return there()

    def press(self, key):
        os.write(self.fd, key)

    def ended(self):
        """Its exit status; the terminal is as it was."""
        def is_over():
            self.look(0.05)
            return self.process.poll() is not None
        assert procs.wait_for(is_over, 30 * program.SLOW)
        self.look(0.1)
        assert not self.screen.is_other and self.screen.has_cursor and self.raw.endswith(b"\x1b[?1049l")
        assert termios.tcgetattr(self.other) == self.before
        said = self.process.stderr.read().decode()
        assert not program.REPORTS.search(said), said
        return self.process.returncode

    def close(self):
        procs.end(self.process)
        self.process.stderr.close()
        os.close(self.fd)
        os.close(self.other)


@pytest.fixture
def top():
    made = []

    def make(running, rows=40, columns=120, *arguments, **options):
        made.append(Terminal(running, rows, columns, *arguments, **options))
        return made[-1]
    yield make
    for one in made:
        one.close()


@pytest.fixture
def running(gateway, backend, port):
    """Two workers before one backend that answers and one that is not there."""
    good = backend(lambda conn: [conn.send(answer(body=b"x")) for _ in iter(conn.read_request, None)])
    return gateway(program.ini(port, good.port, workers=2, more=ROUTES))


class Load:
    """So many requests a second, as well as it goes, until it ends."""

    def __init__(self, port, target="/", a_second=200):
        self.count, self.is_over = 0, False
        self.thread = threading.Thread(target=self.run, args=(port, target, a_second))
        self.thread.start()

    def run(self, port, target, a_second):
        begun = time.monotonic()
        while not self.is_over:
            with Client(port, timeout=60) as client:
                for _ in range(500):            # the gateway closes after a thousand
                    if self.is_over:
                        break
                    client.ask(target=target)
                    self.count += 1
                    time.sleep(max(0, self.count / a_second - (time.monotonic() - begun)))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.is_over = True
        self.thread.join()


@pytest.mark.parametrize("rows, columns", [(24, 80), (40, 120), (60, 200), (12, 50), (5, 30), (3, 20), (1, 10), (1, 1)])
def test_sizes_under_load(running, top, port, rows, columns):
    """Nothing is longer than the terminal, and nothing moves it up: Screen would fail."""
    with Load(port), Load(port, "/limited", 50):
        terminal = top(running, rows, columns, "--interval", "300ms")
        if columns >= 20:
            terminal.shows(r"^serving  generation")
        if columns >= 80:
            terminal.shows(r"^requests/s [1-9]")
            terminal.shows(r"^latency  p50 [0-9.]+(us|ms|s)  p95 ")
            terminal.shows(r"^app +127\.0\.0\.1:\d+ +up ")
            terminal.shows(r"^few +.*[1-9]")
            terminal.shows(r"^(worker \d|master) +.*\d+\.\d +\d+\.\d[kM]")
        if rows >= 40:
            terminal.shows(r"^worker 1 ")
            terminal.shows(r"^worker 2 ")
            terminal.shows(r"^all +app +[1-9]")
            terminal.shows(r"^main +[1-9]")
        terminal.look(1)
        terminal.press(b"q")
        assert terminal.ended() == 0


def test_rates_are_what_was_sent(running, top, port):
    """Of one second: as many as were sent meanwhile, and the classes are what was answered."""
    terminal = top(running, 50, 150, "--interval", "2s")
    with Load(port, a_second=100) as load:
        terminal.shows(r"^requests/s [1-9]")
        terminal.look(2.5)
        rates = [float(terminal.shows(rf"{name} ([0-9.]+)").group(1)) for name in ("requests/s", "2xx", "4xx", "5xx")]
        assert load.count > 100
    assert 20 <= rates[0] <= 130 and rates[1] == rates[0] and rates[2:] == [0, 0], rates
    terminal.shows(r"^requests/s 0  2xx 0 ")
    terminal.shows(r"^latency  p50 -  p95 -  p99 -")
    terminal.press(b"Q")
    assert terminal.ended() == 0


def test_follows_the_size(running, top):
    terminal = top(running, 30, 100, "--interval", "1h")        # so that what is drawn is drawn for the new size
    terminal.shows(r"^worker 2 ")
    for rows, columns in ((10, 40), (24, 80), (4, 25), (50, 160)):
        terminal.resize(rows, columns)
        terminal.shows(r"^serving")
    terminal.shows(r"^worker 2 ")
    terminal.press(b"q")
    assert terminal.ended() == 0


def test_space_is_now(running, top, port):
    terminal = top(running, 30, 100, "--interval", "1h")
    terminal.shows(r"^requests/s -")
    with Client(port) as client:
        client.ask()
    terminal.press(b"x")                # no key of ours
    terminal.press(b" ")
    terminal.shows(r"^requests/s [0-9]")
    terminal.press(b"q")
    assert terminal.ended() == 0


@pytest.mark.parametrize("signo", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT])
def test_the_terminal_is_as_it_was_after_a_signal(running, top, signo):
    terminal = top(running)
    terminal.shows(r"^serving")
    os.kill(terminal.process.pid, signo)
    assert terminal.ended() == -signo


@pytest.mark.parametrize("signo", [signal.SIGSEGV, signal.SIGABRT])
@pytest.mark.skipif(program.SAN, reason="a sanitizer has handlers of its own")
def test_and_after_a_bug(running, top, signo):
    terminal = top(running)
    terminal.shows(r"^serving")
    os.kill(terminal.process.pid, signo)
    assert terminal.ended() == -signo


def test_control_c_and_control_z(running, top):
    """Keys that are signals stay so; who stops it has a terminal meanwhile, and all of it again afterwards."""
    terminal = top(running, 40, 120, "--interval", "300ms")
    terminal.shows(r"^serving")
    terminal.press(b"\x1a")
    assert procs.wait_for(lambda: procs.state(terminal.process.pid) == "T", 20 * program.SLOW)
    terminal.look(0.3)
    assert not terminal.screen.is_other and termios.tcgetattr(terminal.other) == terminal.before
    os.kill(terminal.process.pid, signal.SIGCONT)
    assert procs.wait_for(lambda: terminal.look() or terminal.screen.is_other, 20 * program.SLOW)
    terminal.shows(r"^serving")
    terminal.press(b"\x03")
    assert terminal.ended() == -signal.SIGINT


def test_count(running, top):
    terminal = top(running, 40, 120, "--interval", "100ms", "--count", "3")
    assert terminal.ended() == 0
    assert terminal.raw.count(b"\x1b[H") == 3


def test_no_colour_where_nobody_wants_it(running, top):
    terminal = top(running, env={"NO_COLOR": "1"})
    terminal.shows(r"^serving")
    terminal.press(b"q")
    assert terminal.ended() == 0 and b"\x1b[3" not in terminal.raw and b"\x1b[1m" not in terminal.raw


def test_a_gateway_that_goes_and_comes(gateway, top, port):
    """What is wrong is said above what was last known, and it goes on when the gateway is there again."""
    text = program.ini(port, 1)
    first = gateway(text, clean=False)
    terminal = top(first, 40, 120, "--interval", "200ms")
    terminal.shows(r"^serving")
    first.end()
    terminal.shows(r"^sallyport top: no gateway listens on .*: is it running\?\nserving")
    gateway(text, folder=first.folder)
    terminal.shows(r"\Aserving")
    terminal.press(b"q")
    assert terminal.ended() == 0


def test_reloads_are_followed(running, top):
    terminal = top(running, 40, 120, "--interval", "300ms")
    terminal.shows(r"^serving  generation 1")
    with open(running.config, encoding="utf-8") as file:
        text = file.read()
    program.write_config(running.folder, text + "[route:more]\npath = /more\nrespond = 200\n")
    assert program.command("reload", "-c", running.config)[0] == 0
    terminal.shows(r"^serving  generation 2")
    terminal.shows(r"^more ")
    terminal.press(b"q")
    assert terminal.ended() == 0


def test_bans_and_what_is_down(gateway, top, port, folders):
    running = gateway(program.ini(port, program.free_port(), gateway=f"state_dir = {folders('state')}",
                                  pool="check = tcp\ncheck_interval = 100ms\ncheck_timeout = 100ms\nfall = 1"))
    assert program.command("ban", "192.0.2.7", "1h", "too \x1b[31mloud", "-c", running.config)[0] in (0, 1)
    assert program.command("ban", "192.0.2.8", "1h", "too loud", "-c", running.config)[0] == 0
    terminal = top(running, 40, 160, "--interval", "300ms")
    terminal.shows(r"^192\.0\.2\.8 +(59m|1h)")
    terminal.shows(r"^app +127\.0\.0\.1:\d+ +down .* refused$")
    assert b"\x1b[31mapp" in terminal.raw
    terminal.press(b"q")
    assert terminal.ended() == 0


def test_no_byte_of_a_peer_is_obeyed(running, top, port):
    """Hosts and paths of what went wrong are on the screen; Screen fails at any byte but ours that a terminal would obey."""
    evil = bytes(range(0x21, 0x7f)).decode().replace("/", "").replace("?", "").replace("#", "")
    for target in ("/limited", "/%1b%5b2J%9b31m", "/limited?" + "a" * 3000):
        with Client(port) as client:
            client.ask(target=target)
    for bad in (b"GET /\x1b[2J HTTP/1.1\r\nHost: a\r\n\r\n", b"GET / HTTP/1.1\r\nHost: \x1b]0;x\x07\r\n\r\n",
                b"GET /\x9b31m HTTP/1.1\r\nHost: a\r\n\r\n", b"\x1b[2J\r\n\r\n",
                request(host="a.example", fields=[("X", evil)], method="BREW")):
        with Client(port) as client:
            client.send(bad)
            client.reader.rest()
    terminal = top(running, 60, 250, "--interval", "300ms")
    terminal.shows(r"^\d\d:\d\d:\d\d +400 +bad_request +header ")
    terminal.look(1)
    terminal.press(b"q")
    assert terminal.ended() == 0


# ---- in a pipe


def test_in_a_pipe_once(running, port):
    with Load(port):
        time.sleep(0.3)
        code, out, err = program.command("top", "-c", running.config)
    assert (code, err) == (0, "")
    assert out.isprintable() or all(line.isprintable() and line.isascii() for line in out.splitlines())
    assert out.count("generation 1") == 1 and re.search(r"^requests/s [1-9]", out, re.M), out
    heads = [line.split()[0] for line in out.splitlines() if line and not line[0].isspace()]
    for word in ("pool", "limit", "route", "listener", "process", "app", "few", "main", "master", "monitor", "worker"):
        assert word in heads, out
    assert all(line == line.rstrip() for line in out.splitlines())


def test_in_a_pipe_n_times(running):
    code, out, err = program.command("top", "-c", running.config, "--count", "3", "--interval", "200ms")
    assert (code, err) == (0, "") and out.count("serving  generation 1") == 3 and "\x1b" not in out


def test_a_pipe_that_nobody_reads(running, started):
    read, write = os.pipe()
    process = started([program.BINARY, "top", "-c", running.config, "--count", "1000", "--interval", "100ms"], stdout=write,
                      stderr=subprocess.DEVNULL)
    os.close(write)
    assert os.read(read, 10)
    os.close(read)
    assert procs.wait_for(lambda: process.poll() is not None, 30 * program.SLOW)


def test_a_terminal_that_is_dumb(running, top):
    """No screen of its own, but the lines that a pipe gets."""
    terminal = top(running, 24, 1000, env={"TERM": "dumb"})
    terminal.screen.feed = lambda text: None
    assert procs.wait_for(lambda: terminal.look() or terminal.process.poll() is not None, 30 * program.SLOW)
    assert b"\x1b" not in terminal.raw and b"serving" in terminal.raw


def test_nobody_there(folders, port):
    path = program.write_config(folders("none"), program.ini(port, 1))
    code, out, err = program.command("top", "-c", path)
    assert code == 1 and out == "" and "no gateway listens on" in err


@pytest.mark.parametrize("arguments", [["--interval", "1"], ["--interval"], ["--count", "0"], ["--count", "x"], ["--json"], ["x"]])
def test_usage(arguments):
    code, out, err = program.command("top", *arguments)
    assert code == 2 and out == "" and "usage: sallyport top" in err


def test_the_log_is_not_full_of_it(running):
    program.command("top", "-c", running.config, "--count", "3", "--interval", "100ms")
    program.command("status", "-c", running.config)
    assert not running.events("admin_command")
    program.command("drain", "app/127.0.0.1", "-c", running.config)
    assert procs.wait_for(lambda: running.events("admin_command"), 10) and len(running.events("admin_command")) == 1
