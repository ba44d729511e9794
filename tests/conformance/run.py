#!/usr/bin/python3
"""run - the conformance cases through a live gateway; README.md beside this says how a case is written."""
import argparse
import os
import random
import re
import select
import socket
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "lib"))

ESCAPES = {"r": b"\r", "n": b"\n", "t": b"\t", "0": b"\0", "s": b" ", "\\": b"\\"}
REPEATED = re.compile(r"\{([^{}*]+)\*(\d+)\}")
NEVER_TO_BACKEND = ("Keep-Alive", "Proxy-Connection", "TE", "Trailer", "HTTP2-Settings", "Proxy", "Proxy-Authorization", "Expect")
NEVER_TO_CLIENT = ("Server", "Keep-Alive", "Proxy-Connection", "Trailer")
RUN_FIELD = "X-Run"


# --- cases ---

class Case:
    def __init__(self, file, line, name, rfc):
        self.file, self.line, self.name, self.rfc = file, line, name, rfc
        self.sent = b""
        self.answers = []               # [bytes, how it ends]; empty: the ordinary one
        self.is_early = False
        self.client, self.backend = [], []

    def __str__(self):
        return f"{os.path.basename(self.file)}:{self.line}: {self.name}"


class Subject:
    """A file: its cases, and what its gateway's configuration has besides."""

    def __init__(self, path):
        self.path = path
        self.cases = []
        self.parts = {"listener": "", "route": "", "pool": "", "gateway": ""}


class Bad(Exception):
    pass


def unescape(text):
    """The bytes that a line of a case stands for."""
    out, at = b"", 0
    while at < len(text):
        char = text[at]
        repeated = REPEATED.match(text, at)
        if repeated:
            out += unescape(repeated.group(1)) * int(repeated.group(2))
            at = repeated.end()
        elif char == "\\" and text[at + 1:at + 2] == "x":
            out += bytes([int(text[at + 2:at + 4], 16)])
            at += 4
        elif char == "\\":
            if text[at + 1:at + 2] not in ESCAPES:
                raise Bad(f"no such escape: {text[at:at + 2]}")
            out += ESCAPES[text[at + 1]]
            at += 2
        else:
            out += char.encode()
            at += 1
    return out


def data_line(text):
    """`> text` or `>- text`, mark and all, to bytes."""
    if text[1:2] == "-":
        return unescape(text[3:])
    if text[1:2] not in ("", " "):
        raise Bad(f"a blank is missing behind {text[0]}")
    return unescape(text[2:]) + b"\r\n"


def add_data(case, text):
    if text.startswith(">"):
        case.sent += data_line(text)
        return
    if text == "<early":
        case.is_early = True
        return
    if not case.answers or text == "<next":
        case.answers.append([b"", "keep"])
        if text == "<next":
            return
    if text in ("<close", "<reset"):
        case.answers[-1][1] = text[1:]
    else:
        case.answers[-1][0] += data_line(text)


def add_expected(case, key, text):
    getattr(case, key).append([item.strip() for item in re.split(r";\s+|;$", text) if item.strip()])


class Parser:
    def __init__(self, path):
        self.subject = Subject(path)
        self.rfc = ""
        self.templates, self.template, self.table, self.case = {}, None, None, None

    def parse(self):
        with open(self.subject.path, encoding="utf-8") as file:
            for number, line in enumerate(file, 1):
                try:
                    self.line(number, line.rstrip("\n"))
                except (Bad, ValueError, KeyError) as error:
                    sys.exit(f"{self.subject.path}:{number}: {error!r}")
        for case in self.subject.cases:
            if not case.client or not case.backend or not case.sent or not case.rfc:
                sys.exit(f"{case}: without client, backend, bytes or rfc")
        return self.subject

    def line(self, number, text):
        key, colon, rest = text.partition(":")
        rest = rest.strip()
        if text.startswith("#") or (not text.strip() and not self.template):
            return
        if text[:1] in "<>" and text:
            if self.template is not None:
                self.templates[self.template].append(text)
            else:
                add_data(self.case, text)
        elif self.table and text.count(" | ") >= 2 and not re.match(r"(case|table|template|rfc): ", text):
            self.row(number, text)
        elif not text.strip():
            self.template = None
        elif not colon:
            raise Bad(f"what is this: {text}")
        else:
            self.directive(number, key, rest)

    def directive(self, number, key, rest):
        if key in ("client", "backend"):
            add_expected(self.case, key, rest)
            return
        self.template = self.table = None
        if key == "rfc":
            self.rfc = rest
        elif key in self.subject.parts:
            self.subject.parts[key] += rest + "\n"
        elif key == "template":
            self.template = rest
            self.templates[rest] = []
        elif key == "table":
            self.table = rest
            self.templates[rest]        # it must be there
        elif key == "case":
            self.case = Case(self.subject.path, number, rest, self.rfc)
            self.subject.cases.append(self.case)
        else:
            raise Bad(f"no such word: {key}")

    def row(self, number, text):
        client, backend, name, filling = (text + " ").split(" | ", 3)
        filling = filling[:-1].lstrip(" ")
        self.case = Case(self.subject.path, number, name.strip(), self.rfc)
        self.subject.cases.append(self.case)
        for line in self.templates[self.table]:
            add_data(self.case, line.replace("{}", filling))
        add_expected(self.case, "client", client)
        add_expected(self.case, "backend", backend)


# --- the backend ---

class Origin:
    """Answers as the running case says, and notes every byte that comes, by run."""

    def __init__(self, backends, wire):
        self.wire = wire
        self.run = None
        self.lock = threading.Lock()
        self.server = backends.RawBackend(self.script)
        self.port = self.server.port

    def script(self, conn):
        while True:
            run = self.wait_for_bytes(conn)
            if run is None:
                return
            seen = Seen(conn)
            run.seen.append(seen)
            try:
                request = seen.request = conn.reader.head()
                if run.is_early:
                    self.answer(conn, run, request)
                conn.reader.body(request)
                seen.is_whole = request.is_complete
                if not request.is_complete:
                    return
                if not run.is_early or request.target == "/follow-up":
                    if not self.answer(conn, run, request):
                        return
                else:
                    return
            except self.wire.Cut:
                return
            finally:
                seen.is_over = True

    def catch_up(self):
        """All that has reached the listener by now has been looked at: nothing is left for a later run."""
        with socket.create_connection(("127.0.0.1", self.port), 2) as probe:
            own = probe.getsockname()
            end = time.monotonic() + 1
            while time.monotonic() < end:
                conns = [conn for conn in list(self.server.conns) if conn.sock.fileno() >= 0]
                if any(self.peer_of(conn) == own for conn in conns) and not self.is_any_waiting(conns):
                    return
                time.sleep(0.0005)

    @staticmethod
    def peer_of(conn):
        try:
            return conn.sock.getpeername()
        except OSError:
            return None

    @staticmethod
    def is_any_waiting(conns):
        try:
            return any(select.select([conn.sock], [], [], 0)[0] and not conn.reader.is_ended for conn in conns)
        except (OSError, ValueError):
            return True                 # closed just now: look again

    def wait_for_bytes(self, conn):
        """The run to which the next bytes belong; None at the end."""
        if not conn.reader.buffer and not conn.reader.more():
            return None
        return self.run

    def answer(self, conn, run, request):
        """False: the connection is ended."""
        if request.target == "/follow-up":
            conn.send(self.wire.answer(fields=[(RUN_FIELD, run.name)], body=b"follow-up"))
            return True
        data, how = run.next_answer(request)
        try:
            run.pace(conn.send, data) if run.answers_are_cut else conn.send(data)
        except OSError:
            return False
        if how == "reset":
            time.sleep(0.02)            # else the reset overtakes the bytes
            conn.reset()
        elif how == "close":
            conn.sock.shutdown(socket.SHUT_RDWR)
        return how == "keep"


class Seen:
    """What came on a backend connection, for one request."""

    def __init__(self, conn):
        self.conn, self.request, self.is_whole, self.is_over = conn, None, False, False


# --- one run of a case ---

class Fault(Exception):
    pass


class Run:
    def __init__(self, case, how, name):
        self.case, self.how, self.name = case, how, name
        self.seen, self.taken = [], 0
        self.is_early = case.is_early
        self.answers_are_cut = bool(case.answers) and how not in ("whole", "tls")
        self.rng = random.Random(f"{case.name} {how}")

    def next_answer(self, request):
        if self.taken < len(self.case.answers):
            self.taken += 1
            return self.case.answers[self.taken - 1]
        body = b"" if request.method == "HEAD" else b"ok"
        head = f"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n{RUN_FIELD}: {self.name}\r\n\r\n".encode()
        return head + body, "keep"

    def pace(self, send, data, stop=lambda: False):
        """Sends it in the pieces of this run."""
        if self.how == "bytes":
            near = min(len(data), 400)
            pieces = [data[i:i + 1] for i in range(near)]
            far = data[near:]
            pieces += [far[i:i + 997] for i in range(0, max(0, len(far) - 50), 997)] if len(far) > 50 else []
            done = sum(map(len, pieces))
            pieces += [data[i:i + 1] for i in range(done, len(data))]
            pause = 0.0001
        else:
            cut = self.rng.randrange(1, len(data)) if len(data) > 1 else 1
            pieces, pause = [data[:cut], data[cut:]], 0.003
        for piece in pieces:
            if stop():
                return
            if piece:
                send(piece)
                time.sleep(pause)


class Runner:
    def __init__(self, program, wire, subject, folder, leaf, ca):
        self.wire, self.subject = wire, subject
        import backends
        self.origin = Origin(backends, wire)
        self.ports = program.free_port(), program.free_port()
        listener = program.ROOMY + "\nbody_max = 1m\nheader_timeout = 5s\n" + subject.parts["listener"]
        text = program.ini(self.ports[0], self.origin.port, gateway=subject.parts["gateway"], listener=listener,
                           route="@@" + subject.parts["route"],
                           pool="retries = 0\nanswer_timeout = 5s\n" + subject.parts["pool"], log="access = off", more=f"""
[listener:secure]
bind = 127.0.0.1:{self.ports[1]}
cert = {leaf.chain}
key_file = {leaf.key}
{listener}
[route:ping]
host = ping.test
respond = 200 pong
""")
        text = text.replace("host = *\n", "host = a.test, b.test, [::1], 127.0.0.1\n").replace("@@", "")
        self.gateway = program.Gateway(folder, text)
        self.trust = wire.context(ca.cert)
        self.watch = wire.Client(self.ports[0])

    def end(self):
        self.watch.close()
        self.gateway.end()
        self.origin.server.end()

    def settle(self):
        """A round trip through the worker: all that it had read before is dealt with."""
        try:
            if self.watch.ask(host="ping.test").body.startswith(b"pong"):
                return
        except (self.wire.Cut, OSError):
            pass
        self.watch.close()
        self.watch = self.wire.Client(self.ports[0])

    def connect(self, secure):
        return self.wire.Client(self.ports[1], self.trust, "a.test", timeout=8) if secure else self.wire.Client(self.ports[0], timeout=8)

    def run(self, case, how, name):
        run = Run(case, how, name)
        self.origin.run = run
        client = self.connect(how == "tls")
        try:
            self.send(client, run)
            self.check_client(client, run)
            self.settle()
            self.check_backend(run, client)
        except (socket.timeout, TimeoutError):
            raise Fault(f"no answer in time; so far {bytes(client.reader.raw)[-300:]!r}") from None
        except self.wire.Cut as cut:
            raise Fault(f"cut: {cut.got[-300:]!r}") from None
        finally:
            client.close()

    def send(self, client, run):
        """Stops when a refusal is there: whatever comes later is nobody's business."""
        def refused():
            while select.select([client.sock], [], [], 0)[0]:
                if not client.reader.more():
                    return True
            seen = re.findall(rb"HTTP/1\.[01] ([2-5])\d\d ", client.reader.raw)
            return len(seen) >= len(run.case.client) and seen[-1] in (b"4", b"5")
        try:
            if run.how in ("whole", "tls") or run.answers_are_cut:
                client.send(run.case.sent)
            else:
                run.pace(client.send, run.case.sent, refused)
        except OSError:
            pass                        # closed already: the answer says why

    # --- the client's side ---

    def check_client(self, client, run):
        methods = re.findall(rb"^([A-Z]+) \S+ HTTP/1\.[01]\r$", run.case.sent, re.M)
        for number, items in enumerate(run.case.client):
            words = items[0].split()
            method = methods[number].decode() if number < len(methods) else "GET"
            if words == ["closed"]:
                rest = client.reader.rest()
                if rest:
                    raise Fault(f"client: closed without an answer wanted, got {rest[:200]!r}")
                return
            if words == ["cut"]:
                self.expect_cut(client, method)
                return
            got = client.response(method, skip_interim=not words[0].startswith("1"))
            if str(got.status) not in words[0].split("/"):
                raise Fault(f"client: wanted {words[0]}, got {got}")
            if str(got.status) != words[0].split("/")[-1]:
                words = [word for word in words if word != "cut"]       # `502/200 cut`: only the last may be cut
            if "cut" in words and got.is_complete and client.reader.how_ended in (None, "eof"):
                raise Fault(f"client: a cut answer looks whole: {got}")
            if "cut" not in words and not got.is_complete:
                raise Fault(f"client: cut: {got}")
            self.check_items("client", got, items[1:])
            self.check_never(got, NEVER_TO_CLIENT, run)
        self.check_fate(client, words[1:], run)

    def expect_cut(self, client, method):
        try:
            got = client.response(method)
        except self.wire.Cut:
            return
        if got.is_complete:
            raise Fault(f"client: a whole answer where a cut was wanted: {got}")

    def check_fate(self, client, words, run):
        if "close" in words:
            rest = client.reader.rest()
            if rest:
                raise Fault(f"client: more behind the last answer: {rest[:200]!r}")
        elif "open" in words:
            got = client.ask(host="ping.test")
            if not got.body.startswith(b"pong"):
                raise Fault(f"client: not open for another request: {got}")

    def check_items(self, side, got, items):
        for item in items:
            item = REPEATED.sub(lambda match: match[1] * int(match[2]), item)
            field = re.fullmatch(r"(-?)([!#$%&'*+.^_`|~0-9A-Za-z-]+)(?:: (.*)|:)?", item)
            if item.startswith("body="):
                fine = got.body == unescape(item[5:])
            elif item.startswith("body-length="):
                fine = len(got.body) == int(item[12:])
            elif item in ("chunked", "length"):
                fine = got.framing == item
            elif item == "bare":
                fine = got.framing == "none"
            elif not field:
                raise Bad(f"{side}: what is {item}?")
            elif field.group(1):
                fine = field.group(2) not in got
            elif field.group(3) is None and not item.endswith(":"):
                fine = field.group(2) in got
            else:
                wanted = unescape(field.group(3) or "").decode("latin-1")
                fine = got.all(field.group(2)) == [wanted]
            if not fine:
                raise Fault(f"{side}: {item}: not so in {got}")

    def check_never(self, got, names, run):
        for name in names:
            if name in got:
                raise Fault(f"a {name} came through: {got}")
        if len(got.all("Content-Length")) + len(got.all("Transfer-Encoding")) > 1:
            raise Fault(f"two framings: {got}")
        if len(got.all("Host")) > 1:
            raise Fault(f"two hosts: {got}")
        if got.get(RUN_FIELD, run.name) != run.name:
            raise Fault(f"the answer of another run: {got}")

    # --- the backend's side ---

    def check_backend(self, run, client):
        wanted = run.case.backend
        kinds = [items[0].split() for items in wanted]
        if all(words[0] in ("nothing", "cut") for words in kinds):
            self.origin.catch_up()
        if kinds == [["nothing"]]:
            if run.seen:
                raise Fault(f"backend: nothing wanted, came {self.raw(run)!r}")
            return
        count = sum(words[0] != "cut" for words in kinds)
        self.wait(lambda: sum(seen.is_whole for seen in run.seen) >= count, f"backend: {count} requests wanted, came {self.raw(run)!r}", run)
        whole = [seen for seen in run.seen if seen.is_whole]
        if len(whole) > count:
            raise Fault(f"backend: {count} requests wanted, came {self.raw(run)!r}")
        if ["cut"] not in kinds and len(run.seen) > len(whole):
            self.wait(lambda: len(run.seen) == sum(seen.is_whole for seen in run.seen), f"backend: a cut request came, too: {self.raw(run)!r}", run)
        if ["cut"] in kinds:
            for seen in run.seen:
                if not seen.is_whole:
                    self.wait(lambda seen=seen: seen.conn.reader.is_ended, "backend: a cut request, but the connection stays", run)
        for words, items, seen in zip([words for words in kinds if words[0] != "cut"], wanted, whole):
            self.check_request(words, items, seen, run)
        last = kinds[-1]
        if last[-1] == "close":
            self.wait(lambda: whole[-1].conn.reader.is_ended or self.ended(whole[-1].conn), "backend: the connection is not closed", run)
        elif last[-1] == "open":
            self.follow_up(whole[-1].conn, run)

    def check_request(self, words, items, seen, run):
        got = seen.request
        start = [word for word in words if word not in ("open", "close")]
        start = [unescape(word).decode("latin-1") for word in start]
        if start != ["any"] and got.start.split(" ")[:2] != start:
            raise Fault(f"backend: wanted {' '.join(start)}, came {got}")
        if not got.start.endswith(" HTTP/1.1"):
            raise Fault(f"backend: not HTTP/1.1: {got}")
        self.check_items("backend", got, items[1:])
        self.check_never(got, NEVER_TO_BACKEND, run)
        if len(got.all("Host")) != 1:
            raise Fault(f"backend: not one Host: {got}")

    @staticmethod
    def ended(conn):
        """Has the gateway closed a connection on which nobody reads at the moment?"""
        try:
            conn.sock.settimeout(0.01)
            return conn.sock.recv(1, socket.MSG_PEEK) == b""
        except (socket.timeout, TimeoutError, BlockingIOError):
            return False
        except OSError:
            return True
        finally:
            try:
                conn.sock.settimeout(30)
            except OSError:
                pass

    def follow_up(self, conn, run):
        """The next request comes on that same connection."""
        with self.wire.Client(self.ports[0]) as client:
            got = client.ask(target="/follow-up", host="a.test")
        if got.body != b"follow-up":
            raise Fault(f"backend: the connection answers another request with {got}")
        if run.seen[-1].conn is not conn:
            raise Fault("backend: the connection was not kept")

    def wait(self, fine, otherwise, run, timeout=2.0):
        end = time.monotonic() + timeout
        while not fine():
            if time.monotonic() > end:
                raise Fault(otherwise if "came" not in otherwise else otherwise.rpartition("came")[0] + f"came {self.raw(run)!r}")
            time.sleep(0.001)

    @staticmethod
    def raw(run):
        return [(bytes(seen.request.head) if seen.request else bytes(seen.conn.reader.buffer)[:200], "whole" if seen.is_whole else "cut")
                for seen in run.seen]


# --- all of it ---

def is_refusal(case):
    """Is it about something that must not pass? What the backend says of its own accord is no refusal."""
    last = case.client[-1][0].split()
    if "cut" in last or last == ["closed"]:
        return True
    statuses = set(last[0].split("/"))
    if case.answers:
        return any(re.search(rb"HTTP/1\.[01] " + status.encode(), data) is None for status in statuses for data, _ in case.answers[-1:])
    return not any(status.startswith(("1", "2", "3")) for status in statuses)


def all_subjects():
    folder = os.path.join(HERE, "cases")
    return [Parser(os.path.join(folder, name)).parse() for name in sorted(os.listdir(folder)) if name.endswith(".txt")]


def count(subjects):
    """One line: how many cases of which side, and how many of each must pass."""
    cases = [case for subject in subjects for case in subject.cases]
    sides = []
    for side in ("request", "answer"):
        of_side = [case for case in cases if bool(case.answers) == (side == "answer")]
        valid = [case for case in of_side if not is_refusal(case)]
        unusual = [case for case in valid if not re.match(r"plain|GET|HTTP/1\.[01]$|neither", case.name)]
        sides.append(f"{len(of_side)} {side}-side ({len(valid)} valid, {len(unusual)} of them unusual)")
    return f"{len(cases)} cases: {', '.join(sides)}"



def shortened(text):
    """So that a fault of a long case can be read."""
    return text if len(text) <= 700 else f"{text[:450]} ... {text[-200:]}"


HOWS = ["whole", "bytes", "cut 1", "cut 2", "cut 3", "tls"]


def wanted_of_reader(case):
    """What the reader of heads and chunks alone must say: refused, passes, or that others decide."""
    if not is_refusal(case):
        return "passes"
    statuses = set(case.client[0][0].split()[0].split("/"))
    if case.answers or len(case.client) > 1 or not statuses <= {"400", "414", "417", "431", "501", "505"}:
        return "either"
    return "refused"


def export(subjects, to):
    """All cases as bytes, for tests/unit/http/test_corpus.c: a line of words, then the bytes."""
    for subject in subjects:
        underscore = re.search(r"underscore_headers = (\w+)", subject.parts["listener"])
        for case in subject.cases:
            method = re.match(rb"[A-Z]+|", case.sent)[0].decode() or "-"
            data = case.answers[0][0] if case.answers else case.sent
            side = "answer" if case.answers else "request"
            where = f"{os.path.basename(case.file)}:{case.line}"
            to.write(f"{side} {wanted_of_reader(case)} {underscore[1] if underscore else 'drop'} {method[:20]} {where} {len(data)}\n".encode())
            to.write(data)


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--gateway")
    options.add_argument("--list", action="store_true", help="only count the cases")
    options.add_argument("--export", action="store_true", help="only write the cases' bytes to stdout")
    options.add_argument("-v", action="store_true", help="each case's name")
    options.add_argument("words", nargs="*", help="parts of a file's or a case's name")
    given = options.parse_args()
    subjects = all_subjects()
    if given.export:
        export(subjects, sys.stdout.buffer)
        return 0
    if given.list or not given.gateway:
        for subject in subjects:
            print(f"{len(subject.cases):4d} {os.path.basename(subject.path)}")
        print(count(subjects))
        return 0
    os.environ["SALLYPORT"] = given.gateway
    import ca as authority              # pylint: disable=import-outside-toplevel
    import gateway as program           # pylint: disable=import-outside-toplevel
    import wire                         # pylint: disable=import-outside-toplevel

    faults = runs = cases = 0
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as temp:
        ca = authority.Ca(os.path.join(temp, "ca"))
        leaf = ca.leaf("a.test", "b.test")
        for number, subject in enumerate(subjects):
            wanted = [case for case in subject.cases if not given.words or any(word in str(case) for word in given.words)]
            if not wanted:
                continue
            runner = Runner(program, wire, subject, os.path.join(temp, f"gw{number}"), leaf, ca)
            for case in wanted:
                cases += 1
                if given.v:
                    print(f"{case}  [RFC {case.rfc}]")
                for how in HOWS:
                    runs += 1
                    try:
                        runner.run(case, how, f"r{runs}")
                    except Fault as fault:
                        faults += 1
                        print(f"FAILED {case} ({how}) [RFC {case.rfc}]\n       {shortened(str(fault))}")
                        break
            runner.end()
    if not given.words:
        print(count(subjects))
    print(f"conformance: {cases} cases, {runs} runs, {faults} failed, {time.monotonic() - began:.0f} s")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
