"""curl with all of its HTTP/1 options that fit, through the gateway and directly to the same nginx: exit code, what it
measured, heads and bodies must be the same but for the fields that the gateway is there to write."""
import os
import re
import subprocess
import sys

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "clients"))
import real_site                        # noqa: E402
from real_site import ports, site       # noqa: E402,F401 pylint: disable=unused-import

ASKED = "%{http_code} %{http_version} %{num_connects} %{num_redirects} %{size_download} %{size_upload} %{content_type} %{exitcode}\\n"
BOUNDARY = re.compile(r"(?<=boundary=)\d+|(?<=--)\d{20}(?=-?-?\r?\n)")

# name, arguments ({files}: the folder of the site's files; {base}: scheme, host and port).
CASES = [
    ("get", "{base}/1k.txt"),
    ("get of nothing", "{base}/empty.bin"),
    ("get of 3 MiB", "{base}/3m.bin"),
    ("head", "-I {base}/3m.bin"),
    ("head of what is not there", "-I {base}/none"),
    ("HTTP/1.0", "-0 {base}/1k.txt"),
    ("HTTP/1.0 with a body", "-0 --data-binary @{files}/64k.bin {base}/echo"),
    ("HTTP/1.1 by name", "--http1.1 {base}/1k.txt"),
    ("an offer of h2c is not taken", "--http2 {base}/1k.txt"),
    ("range from the start", "-r 0-99 {base}/3m.bin"),
    ("range to the end", "-r 1000000- {base}/3m.bin"),
    ("the last bytes", "-r -100 {base}/3m.bin"),
    ("several ranges", "-r 0-9,100-199,5000-5999 {base}/3m.bin"),
    ("a range beyond the end", "-r 99999999- {base}/3m.bin"),
    ("resume of a download", "-C 1000 {base}/3m.bin"),
    ("put of a file", "-T {files}/3m.bin {base}/store/put"),
    ("put of an empty file", "-T {files}/empty.bin {base}/store/empty"),
    ("put of what length nobody knows", "-T - {base}/store/stdin"),
    ("put without waiting", "--no-progress-meter -T . {base}/store/stdin-now"),
    ("put over what is there", "-T {files}/1k.bin {base}/store/put"),
    ("get of what was put", "{base}/store/put"),
    ("delete", "-X DELETE {base}/store/put"),
    ("delete of what is not there", "-X DELETE {base}/store/put"),
    ("options", "-X OPTIONS {base}/1k.txt"),
    ("post of a form", "-d a=1 -d b=2%203 --data-urlencode c=ä&ö {base}/app/form"),
    ("post of nothing", "-d  {base}/echo"),
    ("post of bytes", "--data-binary @{files}/3m.bin {base}/echo"),
    ("post, chunked", "-H Transfer-Encoding:chunked --data-binary @{files}/3m.bin {base}/echo"),
    ("post of nothing, chunked", "-H Transfer-Encoding:chunked --data-binary @{files}/empty.bin {base}/echo"),
    ("post that expects", "-H Expect:100-continue --data-binary @{files}/64k.bin {base}/echo"),
    ("post that never waits for a 100", "-H Expect: --data-binary @{files}/3m.bin {base}/echo"),
    ("post that waits long for a 100", "-H Expect:100-continue --expect100-timeout 20 --data-binary @{files}/64k.bin {base}/echo"),
    ("multipart", "-F text=hello -F file=@{files}/3m.bin -F typed=@{files}/1k.txt;type=text/x;filename=n.txt {base}/app/form"),
    ("query from data", "-G -d q=1 -d r=%20 {base}/seen"),
    ("json", "--json {{\"a\":1}} {base}/echo"),
    ("many fields", "-H X-One:1 -H X-Two:,,2 -H X-Empty; -H Accept: -A agent/1 -e http://from/ {base}/seen"),
    ("cookies", "-b a=b;c=d -c - {base}/app/cookie"),
    ("password", "-u somebody:secret {base}/private"),
    ("a wrong password", "-u somebody:wrong {base}/private"),
    ("any way to authenticate", "--anyauth -u somebody:secret {base}/private"),
    ("a token", "--oauth2-bearer abc {base}/seen"),
    ("redirects followed", "-L {base}/hop1"),
    ("redirects shown", "{base}/hop1"),
    ("post redirected with its body", "-L -d body {base}/hop2"),
    ("too many redirects", "-L --max-redirs 1 {base}/hop1"),
    ("compressed, unpacked by curl", "--compressed {base}/packed/1k.txt"),
    ("compressed, as it came", "-H Accept-Encoding:gzip {base}/packed/1k.txt"),
    ("compressed and fresh", "--compressed -z 2001-01-01 {base}/packed/1k.txt"),
    ("transfer coding offered", "--tr-encoding {base}/packed/1k.txt"),
    ("chunks", "{base}/chunked/"),
    ("not modified since", "-z 2037-12-31 {base}/1k.txt"),
    ("not modified, by tag", "-H If-None-Match:* {base}/1k.txt"),
    ("a failed precondition", "-H If-Match:\"x\" {base}/1k.txt"),
    ("an error is an exit code", "-f {base}/none"),
    ("an error with its body", "--fail-with-body {base}/gone"),
    ("204", "{base}/empty"),
    ("304 over one connection", "-z 2037-12-31 {base}/1k.txt --next {base}/1k.bin"),
    ("one connection for many", "{base}/1k.txt {base}/3m.bin {base}/empty {base}/none {base}/chunked/ {base}/1k.txt"),
    ("one connection, several methods", "-d x {base}/echo --next -I {base}/1k.txt --next -T {files}/1k.bin {base}/store/x --next {base}/store/x"),
    ("a connection each", "-H Connection:close {base}/1k.txt {base}/1k.bin"),
    ("no keepalive probes", "--no-keepalive {base}/1k.txt"),
    ("slowly", "--limit-rate 8M {base}/3m.bin"),
    ("slowly up", "--limit-rate 8M -T {files}/3m.bin {base}/store/slow"),
    ("no longer than", "--max-filesize 1000 {base}/3m.bin"),
    ("unbuffered", "-N {base}/app/slow"),
    ("length ignored", "--ignore-content-length -H Connection:close {base}/1k.txt"),
    ("path as it is", "--path-as-is {base}/a/../1k.txt"),
    ("a path of escapes", "{base}/%31k.txt?a=%2f&b=%c3%bc"),
    ("another target", "--request-target /1k.txt {base}/other"),
    ("absolute form", "--request-target {base}/1k.txt {base}/other"),
    ("no ALPN", "--no-alpn {base}/1k.txt"),
    ("no sessions", "--no-sessionid {base}/1k.txt {base}/1k.bin"),
    ("TLS 1.2", "--tls-max 1.2 --data-binary @{files}/3m.bin {base}/echo"),
    ("TLS 1.3", "--tlsv1.3 --data-binary @{files}/3m.bin {base}/echo"),
    ("one suite", "--tls-max 1.2 --ciphers ECDHE-ECDSA-CHACHA20-POLY1305 {base}/1k.txt"),
    ("a fast open", "--tcp-fastopen {base}/1k.txt"),
]


def command(ca, port, *words):
    """A whole command line. The options of one transfer end at --next: each gets them."""
    always = ["-q", "-sSi", "-m", "120", "--noproxy", "*", "--cacert", ca.cert, "--resolve", f"example.com:{port}:127.0.0.1"]
    line = ["curl", *always]
    for word in words:
        line += [word] + (always[1:] if word == "--next" else [])
    return line


def curl(arguments, site, ca, secure, port):
    """(exit code, what -w said, heads and bodies as -i writes them) of one run."""
    base = f"http{'s' if secure else ''}://example.com:{port}"
    words = [word.format(files=f"{site.folder}/files", base=base) for word in arguments.split(" ")]
    if "-c" not in words:
        words = ["-w", "%{stderr}" + ASKED, *words]
    done = subprocess.run(command(ca, port, *words), input=b"from stdin\n" * 5000, capture_output=True, timeout=150, check=False)
    said, got = (BOUNDARY.sub("B", data.decode("latin-1").replace(f":{port}", ":PORT")) for data in (done.stderr, done.stdout))
    if "/seen" in arguments:            # a body that says what the backend was sent, and so has the gateway's fields
        said = re.sub(r"(200 1.1 1 0) \d+", r"\1 N", said)
    return done.returncode, said, comparable(got, fields_of(arguments))


def fields_of(arguments):
    """The fields that may differ in the output of this case."""
    gone = real_site.GATEWAY_FIELDS | real_site.EACH_TIME
    if "/seen" in arguments:
        gone |= real_site.FORWARDING_FIELDS
    if "/store/" in arguments:          # written a moment ago, each time
        gone |= {"etag", "last-modified"}
    return gone


def comparable(data, gone):
    """The output in lines, without the fields that may differ; fields of one head in the order of their names, since
    the order of different ones says nothing."""
    lines, head = [], []
    for line in data.split("\n"):
        field = re.fullmatch(r"([A-Za-z0-9-]+): *(.*)\r", line)
        if not field:
            lines += sorted(head, key=lambda pair: pair[0]) + [line]
            head = []
        elif field.group(1).lower() not in gone:
            head.append((field.group(1).lower(), field.group(2)))
    return lines + head


def different(one, other):
    """The first lines of one that the other has not."""
    return [line if isinstance(line, tuple) else line[:200] for line in one[2] if line not in other[2]][:8]


@pytest.mark.parametrize("secure", [False, True], ids=["plain", "tls"])
def test_as_direct(ports, site, ca, secure):
    wrong, ways = [], []
    for port in (site.direct(secure), ports[secure]):
        site.empty_store()
        ways.append([curl(arguments, site, ca, secure, port) for _, arguments in CASES])
    for (name, arguments), want, got in zip(CASES, *ways):
        if want != got:
            wrong.append(f"{name}: curl {arguments}\n  direct:  {want[:2]} {different(want, got)}\n  through: {got[:2]} {different(got, want)}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("secure", [False, True], ids=["plain", "tls"])
@pytest.mark.parametrize("up", [["-T"], ["-H", "Transfer-Encoding: chunked", "-T"]], ids=["length", "chunked"])
def test_hundred_megabytes(ports, site, ca, folders, secure, up):
    """Up by PUT, down again by GET, and it is the same file."""
    url, where = f"http{'s' if secure else ''}://example.com:{ports[secure]}/store/100m", f"{folders('big')}/got"
    for words in ([*up, site.path("100m.bin"), url], ["--no-include", "-o", where, url]):
        done = subprocess.run(command(ca, ports[secure], "-f", *words), capture_output=True, timeout=150, check=False)
        assert done.returncode == 0, done.stderr
    assert subprocess.run(["cmp", where, site.path("100m.bin")], check=False).returncode == 0
    os.unlink(where)
    os.unlink(site.path("store/100m"))


def test_resumed_after_a_cut(ports, site, ca, folders):
    """-C - goes on where the file ends; what comes together is the file."""
    where = f"{folders('resume')}/part"
    with open(site.path("3m.bin"), "rb") as file:
        content = file.read()
    with open(where, "wb") as file:
        file.write(content[:1234567])
    done = subprocess.run(command(ca, ports[True], "--no-include", "-C", "-", "-o", where, f"https://example.com:{ports[True]}/3m.bin"),
                          capture_output=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    with open(where, "rb") as file:
        assert file.read() == content


def test_in_parallel(ports, site, ca, folders):
    """-Z: 40 files over several connections at once, each whole."""
    where = folders("parallel")
    urls = []
    for number in range(40):
        urls += ["-o", f"{where}/{number}", f"https://example.com:{ports[True]}/3m.bin"]
    line = command(ca, ports[True], "--no-include", "-Z", "--parallel-max", "20", *urls)
    done = subprocess.run(line, capture_output=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    for number in range(40):
        assert subprocess.run(["cmp", f"{where}/{number}", site.path("3m.bin")], check=False).returncode == 0


@pytest.mark.parametrize("secure", [False, True], ids=["plain", "tls"])
def test_h2load_as_http1(ports, secure):
    """A load of several connections, without an error."""
    url = f"http{'s' if secure else ''}://localhost:{ports[secure]}/1k.txt"
    done = subprocess.run(["h2load", "--h1", "-n", "6000", "-c", "20", "-t", "1", url], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0 and "6000 succeeded, 0 failed, 0 errored, 0 timeout" in done.stdout, done.stdout + done.stderr
    assert "6000 2xx" in done.stdout
