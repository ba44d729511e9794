#!/usr/bin/python3
"""reference - a second strict reading of heads and chunks, by the grammars of RFC 9110, 9112 and 3986 as regular expressions.

    reference.py requests|answers|chunks SEED COUNT

Writes COUNT messages, good ones and the conformance cases changed at random, each with what the reference makes of it:
a line `verdict number flags length`, then the bytes. test_reference.c holds our reader and decoder to it.
"""
import ipaddress
import os
import random
import re
import sys

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
sys.path.insert(0, os.path.join(ROOT, "conformance"))

import run                              # noqa: E402

TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
VALUE = rb"(?:[\x21-\x7e\x80-\xff](?:[\t\x20-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?)?"
HEAD = re.compile(rb"(?:\r\n){0,2}(%s) ([^ ]+) HTTP/1\.([01])\r\n((?:%s:[ \t]*%s[ \t]*\r\n)*)\r\n" % (TOKEN, TOKEN, VALUE), re.S)
PCHAR = rb"(?:[A-Za-z0-9\-._~!$&'()*+,;=:@\[\]]|%[0-9A-Fa-f]{2})"       # and brackets, which everybody sends in queries
PATH = re.compile(rb"(/(?:%s|/)*)(\?(?:%s|[/?])*)?" % (PCHAR, PCHAR))
NAME = rb"(?:[A-Za-z0-9_-]{1,63}(?:\.[A-Za-z0-9_-]{1,63})*\.?)"
SLASH, DOTS = rb"(?:%2F|%5C)", rb"(?:\.|%2E){1,2}"
CLIMBS = re.compile(rb"%s%s(?:/|%s|$)|(?:/|%s)%s%s" % (SLASH, DOTS, SLASH, SLASH, DOTS, SLASH))
METHODS = set(b"GET HEAD POST PUT PATCH DELETE OPTIONS ACL BIND CHECKOUT COPY LINK LOCK MERGE MKACTIVITY MKCALENDAR MKCOL MOVE "
              b"NOTIFY PROPFIND PROPPATCH PURGE REBIND REPORT SEARCH SUBSCRIBE UNBIND UNLINK UNLOCK UNSUBSCRIBE".split())
ONCE = (b"authorization", b"content-type", b"origin", b"sec-websocket-key", b"sec-websocket-version")
# Why ours may refuse what these grammars allow: rules beyond them.
OPTION, UPGRADE, ODD_NAME, MISREAD = 1, 2, 4, 8


def authority(text):
    """(host in one spelling, port), or None."""
    found = re.fullmatch(rb"(\[[0-9A-Fa-f:.]+\]|%s)(?::(|[1-9][0-9]{0,4}))?" % NAME, text)
    if not found or (found[2] and int(found[2]) > 65535):
        return None
    host, port = found[1], int(found[2] or 0)
    try:
        if host.startswith(b"["):
            return ipaddress.IPv6Address(host[1:-1].decode()), port
        name = host.removesuffix(b".")
        if re.fullmatch(rb"[0-9]+|0[xX][0-9A-Fa-f]*", name.split(b".")[-1]):
            return ipaddress.IPv4Address(host.decode()), port
    except ValueError:
        return None
    return (name.lower(), port) if len(name) <= 253 else None


def decoded(path):
    def one(found):
        char = bytes([int(found[1], 16)])
        return char if re.fullmatch(rb"[A-Za-z0-9\-._~]", char) else b"%" + found[1].upper()
    return re.sub(rb"%([0-9A-Fa-f]{2})", one, path)


def stays_below_root(path):
    depth = 0
    for segment in path.split(b"/")[1:]:
        depth += {b"..": -1, b".": 0}.get(segment, 1)
        if depth < 0:
            return False
    return True


def is_target(target, method, host):
    if target == b"*":
        return method == b"OPTIONS"
    absolute = re.match(rb"(?i)(https?)://([^/?]*)", target)
    if not target.startswith(b"/"):
        said = authority(absolute[2]) if absolute else None
        default = 80 if absolute and absolute[1].lower() == b"http" else 443
        if not said or said[0] != host[0] or (said[1] or default) != (host[1] or default):
            return False
        target = target[absolute.end():]
        target = target if target.startswith(b"/") else b"/" + target
    found = PATH.fullmatch(target)
    return bool(found) and b"%00" not in target and stays_below_root(decoded(found[1])) and not CLIMBS.search(found[1].upper())


def framing(fields, minor):
    """`none 0`, `length N`, `chunked 0`, or None."""
    lengths, codings = [[value for name, value in fields if name == wanted] for wanted in (b"content-length", b"transfer-encoding")]
    if len(lengths) + len(codings) > 1:
        return None
    if codings:
        return "chunked 0" if codings[0].lower() == b"chunked" and minor == b"1" else None
    if lengths:
        return f"length {int(lengths[0])}" if re.fullmatch(rb"[0-9]{1,18}", lengths[0]) else None
    return "none 0"


def verdict(data):
    """(framing or `refused 0`, flags)."""
    found = HEAD.match(data)
    if not found or found[1] not in METHODS or len(found[2]) > 8192:
        return "refused 0", 0
    method, target, minor = found[1], found[2], found[3]
    lines = [line.split(b":", 1) for line in found[4].split(b"\r\n")[:-1]]
    fields = [(name.lower(), value.strip(b" \t")) for name, value in lines]
    hosts = [value for name, value in fields if name == b"host"]
    host = authority(hosts[0]) if len(hosts) == 1 else None
    options = [option.strip(b" \t") for name, value in fields if name == b"connection" for option in value.split(b",")]
    options = [option.lower() for option in options if option]
    expected = [value.lower() for name, value in fields if name == b"expect"]
    framed = framing(fields, minor)
    fine = host and framed and is_target(target, method, host) and len(fields) <= 100 and len(options) <= 32 and \
        all(len(name) <= 128 for name, _ in fields) and all(re.fullmatch(TOKEN, option) for option in options) and \
        expected in ([], [b"100-continue"]) and all(sum(name == once for name, _ in fields) <= 1 for once in ONCE)
    flags = OPTION if set(options) - {b"close", b"keep-alive", b"upgrade"} else 0
    flags |= UPGRADE if b"upgrade" in options or any(name == b"proxy-connection" for name, _ in fields) else 0
    flags |= ODD_NAME if any(re.search(rb"[^A-Za-z0-9_-]", name) for name, _ in fields) else 0
    for name, value in lines:
        if re.match(rb"(?i)transfer-encoding.", name) or (b"\t" in value and name.lower() in (b"transfer-encoding", b"content-length")):
            flags |= MISREAD
    return (framed, flags) if fine else ("refused 0", 0)


# --- answers and chunks ---

ANSWER = re.compile(rb"HTTP/1\.([01]) ([1-5][0-9][0-9]) ([\t\x20-\x7e\x80-\xff]*)\r\n((?:%s:[ \t]*%s[ \t]*\r\n)*)\r\n" % (TOKEN, VALUE), re.S)
QUOTED = rb"\"(?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\[\x20-\x7e])*\""
CHUNK_LINE = re.compile(rb"([0-9A-Fa-f]{1,8})((?:;%s(?:=(?:%s|%s))?)*)\r\n" % (TOKEN, TOKEN, QUOTED))
TRAILERS = re.compile(rb"(?:%s:[\t\x20-\x7e\x80-\xff]*\r\n){0,32}\r\n" % TOKEN)


def answer_verdict(data):
    """The same of an answer to GET; `close 0` where it ends with the connection."""
    found = ANSWER.match(data)
    if not found:
        return "refused 0", 0
    fields = [(name.lower(), value.strip(b" \t")) for name, value in (line.split(b":", 1) for line in found[4].split(b"\r\n")[:-1])]
    framed, status = framing(fields, found[1]), int(found[2])
    flags = (OPTION if any(name == b"connection" for name, _ in fields) else 0) | \
        (UPGRADE if any(name == b"upgrade" for name, _ in fields) else 0)
    if not framed or len(fields) > 100 or any(len(name) > 128 for name, _ in fields):
        return "refused 0", 0
    if status < 200 or status == 204:
        return ("none 0" if framed in ("none 0", "length 0") else "refused 0"), flags
    if status == 304:
        return "none " + framed.split()[1], flags
    return framed.replace("none", "close"), flags


def chunks_verdict(data):
    """`whole BYTES` and the length of the body, or refused (cut short counts as that)."""
    at = body = 0
    while True:
        line = CHUNK_LINE.match(data, at)
        if not line or line.end() - at - 2 > 64:
            return "refused 0", 0
        at, size = line.end(), int(line[1], 16)
        if size == 0:
            break
        if data[at + size:at + size + 2] != b"\r\n":
            return "refused 0", 0
        at, body = at + size + 2, body + size
    trailers = TRAILERS.match(data, at)
    return (f"whole {trailers.end()}", body) if trailers else ("refused 0", 0)


# --- what is read ---

REQUESTS = [b"GET /a/b?c=d HTTP/1.1\r\nHost: a.test\r\nFoo: bar\r\n\r\n",
            b"POST / HTTP/1.1\r\nHost: a.test:80\r\nContent-Length: 5\r\nConnection: close, foo\r\n\r\nhello",
            b"PUT http://a.test/x HTTP/1.1\r\nhost: A.test\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n0\r\n\r\n",
            b"OPTIONS * HTTP/1.0\r\nHost: [::1]:8080\r\nContent-Length: 0\r\nUpgrade: x\r\n\r\n"]
ANSWERS = [b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nFoo: bar\r\n\r\nok", b"HTTP/1.0 404 \r\nConnection: close\r\n\r\n",
           b"HTTP/1.1 204 x\r\n\r\n", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
           b"HTTP/1.1 304 OK\r\nContent-Length: 5\r\n\r\n"]
CHUNKS = [b"5\r\nhello\r\n0\r\n\r\n", b"a;x=y\r\n0123456789\r\n1\r\nx\r\n0;z=\"a;b\"\r\nX: y\r\n\r\n", b"1\r\na\r\n00000\r\n\r\n"]
ODD_BYTES = list(b"\r\n\t \0\x0b\x0c:;,%/?#.\\@[]*\x7f\x80\xff0159aAzZ-_+\"'<>|{}^`=&~!$()")
ODD_LINES = [b"Content-Length: 5", b"Transfer-Encoding: chunked", b"Host: a.test", b"X_y: 1", b"Connection: x-y", b" fold", b"Foo"]


def change(data, rng):
    """One byte put in, exchanged or taken out, or a line put in."""
    kind, at = rng.randrange(8), rng.randrange(len(data))
    byte = bytes([rng.choice(ODD_BYTES) if rng.random() < 0.8 else rng.randrange(256)])
    if kind < 3:
        return data[:at] + byte + data[at:]
    if kind < 5:
        return data[:at] + byte + data[at + 1:]
    if kind == 5:
        return data[:at] + data[at + 1:]
    lines = data.split(b"\r\n")
    lines.insert(rng.randrange(len(lines)), rng.choice(lines if kind == 6 else ODD_LINES))
    return b"\r\n".join(lines)


def main():
    kind, rng, count = sys.argv[1], random.Random(int(sys.argv[2])), int(sys.argv[3])
    cases = [case for subject in run.all_subjects() for case in subject.cases]
    good, cases, judge = {
        "requests": (REQUESTS, [case.sent for case in cases], verdict),
        "answers": (ANSWERS, [case.answers[0][0] for case in cases if case.answers], answer_verdict),
        "chunks": (CHUNKS, [case.sent.partition(b"\r\n\r\n")[2] for case in cases if b"chunked" in case.sent], chunks_verdict),
    }[kind]
    cases = [data for data in cases if 0 < len(data) < 2000]
    for _ in range(count):
        data = rng.choice(good if rng.random() < 0.6 else cases)
        for _ in range(rng.choice([0, 1, 1, 1, 2, 3])):
            data = change(data, rng) if data else data
        words, flags = judge(data)
        sys.stdout.buffer.write(f"{words} {flags} {len(data)}\n".encode() + data)


if __name__ == "__main__":
    main()
