#!/usr/bin/python3
"""compare - the conformance cases through other gateways as well, and a table side by side.

Each gateway is set up as an ordinary reverse proxy before the same scripted backend. Of a case only what holds for any
gateway is judged: was a malformed request forwarded, a valid one refused; was a broken answer passed on as whole, a valid
one refused or changed. Cases about our own settings, limits and routes are left out, and so is how a connection ends.
"""
import argparse
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "lib"))
sys.path.insert(0, HERE)

import run as conformance               # noqa: E402

OURS = {"403", "404", "405", "413", "414", "421", "431"}       # limits, routes and rules: each gateway has its own
COMPARED_MAX = 4000                     # bytes: longer ones are about limits
PATIENCE = 0.4                          # seconds for an answer; who waits for more has not forwarded

NGINX = """
daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/error.log; {user}
events {{ worker_connections 512; }}
http {{
    access_log off; client_max_body_size 1m; large_client_header_buffers 4 16k; server_tokens off;
    client_body_temp_path {folder}/1; proxy_temp_path {folder}/2; fastcgi_temp_path {folder}/3;
    uwsgi_temp_path {folder}/4; scgi_temp_path {folder}/5;
    upstream app {{ server 127.0.0.1:{backend} max_fails=0; keepalive 8; }}
    server {{
        listen 127.0.0.1:{port}; server_name a.test b.test 127.0.0.1 "[::1]";
        location / {{ proxy_pass http://app; proxy_http_version 1.1; proxy_set_header Connection "";
                     proxy_set_header Host $http_host; proxy_next_upstream off; }}
    }}
}}
"""

HAPROXY = """
global
    maxconn 512
defaults
    mode http
    timeout client 5s
    timeout server 5s
    timeout connect 2s
    timeout http-request 5s
    retries 0
frontend front
    bind 127.0.0.1:{port}
    option forwardfor
    default_backend app
backend app
    server one 127.0.0.1:{backend}
"""

APACHE = """
ServerRoot {folder}
ServerName a.test
PidFile {folder}/apache.pid
Mutex file:{folder}
DefaultRuntimeDir {folder}
ErrorLog {folder}/error.log
Listen 127.0.0.1:{port}
{user}
LoadModule mpm_event_module /usr/lib/apache2/modules/mod_mpm_event.so
LoadModule authz_core_module /usr/lib/apache2/modules/mod_authz_core.so
LoadModule proxy_module /usr/lib/apache2/modules/mod_proxy.so
LoadModule proxy_http_module /usr/lib/apache2/modules/mod_proxy_http.so
LimitRequestBody 1048576
Timeout 5
ProxyPreserveHost On
ProxyPass / http://127.0.0.1:{backend}/ retry=0
"""


def version(*command):
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    found = re.search(r"\d+\.\d+\.\d+", done.stdout + done.stderr)
    return found[0] if found else "?"


class Other:
    """A gateway of Debian's in a folder of its own."""

    def __init__(self, name, program, config, arguments, user=""):
        self.name, self.program, self.config, self.arguments, self.user = name, program, config, arguments, user
        self.process = None

    def is_installed(self):
        return shutil.which(self.program) is not None

    def label(self):
        return f"{self.name} {version(self.program, '-v')}"

    def start(self, folder, port, backend):
        os.makedirs(folder)
        path = os.path.join(folder, "conf")
        with open(path, "w", encoding="ascii") as file:
            file.write(self.config.format(folder=folder, port=port, backend=backend, user=self.user if os.getuid() == 0 else ""))
        with open(os.path.join(folder, "out"), "wb") as out:
            self.process = subprocess.Popen([self.program, *(text.format(conf=path, folder=folder) for text in self.arguments)],
                                            stdout=out, stderr=out, stdin=subprocess.DEVNULL)
        end = time.monotonic() + 10
        while time.monotonic() < end:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                return
            except OSError:
                time.sleep(0.05)
        with open(os.path.join(folder, "out"), encoding="utf-8", errors="replace") as file:
            sys.exit(f"{self.name} does not start:\n{file.read()}")

    def end(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class Sallyport:
    name = "sallyport"

    def __init__(self, program):
        self.path = program
        self.gateway = None

    def is_installed(self):
        return True

    def label(self):
        return f"sallyport {version(self.path, 'version')}"

    def start(self, folder, port, backend):
        import gateway as program       # pylint: disable=import-outside-toplevel
        text = program.ini(port, backend, listener="body_max = 1m\n", pool="retries = 0\n", log="access = off")
        self.gateway = program.Gateway(folder, text.replace("host = *\n", "host = a.test, b.test, [::1], 127.0.0.1\n"))

    def end(self):
        self.gateway.end()


def others():
    return [
        Other("nginx", "nginx", NGINX, ["-p", "{folder}", "-c", "{conf}"], "user root;"),
        Other("HAProxy", "haproxy", HAPROXY, ["-db", "-f", "{conf}"]),
        Other("Apache", "apache2", APACHE, ["-DFOREGROUND", "-f", "{conf}"], "User www-data\nGroup www-data"),
    ]


# --- what a case is, and what came of it ---

KINDS = ["malformed requests forwarded", "valid requests refused", "broken answers passed on", "valid answers refused"]


def kind_of(case):
    """An index into KINDS, or None: not comparable.

    The scripted backend neither says 100 nor reads on behind an early answer, and gateways may buffer requests.
    """
    if case.is_early or b"100-continue" in case.sent.lower() or len(case.sent) > COMPARED_MAX or any(len(data) > COMPARED_MAX for data, _ in case.answers):
        return None
    statuses = [set(items[0].split()[0].split("/")) for items in case.client]
    is_bad = conformance.is_refusal(case)
    if any(status & OURS for status in statuses if not status & {"400", "501", "505"}):
        return None
    if case.answers:
        return 2 if is_bad else 3
    return 0 if is_bad else 1


def wanted_by_backend(case):
    return sum(items[0].split()[0] not in ("nothing", "cut") for items in case.backend)


class Outcome:
    def __init__(self):
        self.answers = []


def observe(case, gateway_port, origin, wire, number):
    """The answers that came, one for each that is expected; the run notes what the backend saw."""
    run = conformance.Run(case, "whole", f"c{number}")
    origin.run = run
    outcome = Outcome()
    methods = re.findall(rb"^([A-Z]+) \S+ HTTP/1\.[01]\r$", case.sent, re.M)
    with wire.Client(gateway_port, timeout=PATIENCE) as client:
        try:
            client.send(case.sent)
            for i in range(len(case.client)):
                method = methods[i].decode() if i < len(methods) else "GET"
                outcome.answers.append(client.response(method, skip_interim=not case.client[i][0].startswith("1")))
        except (wire.Cut, OSError, ValueError, IndexError):
            pass
    wanted, end = wanted_by_backend(case), time.monotonic() + 0.3
    while sum(seen.is_whole for seen in run.seen) < wanted and time.monotonic() < end:
        time.sleep(0.002)
    time.sleep(0.01)
    return run, outcome


def is_answer_as_wanted(got, items):
    wanted = items[0].split()[0]
    if not got.is_complete or (str(got.status) not in wanted.split("/") and not (wanted[0] == "2" and 200 <= got.status < 300)):
        return False
    bodies = [item[5:] for item in items if item.startswith("body=")]
    return all(got.body == conformance.unescape(body) for body in bodies)


def is_faulty(case, kind, run, outcome):
    whole = sum(seen.is_whole for seen in run.seen)
    if kind == 0:
        return whole > wanted_by_backend(case)
    if kind == 2:
        return any(got.status < 500 and got.is_complete and got.status >= 200 for got in outcome.answers)
    if len(outcome.answers) < len(case.client) or whole < wanted_by_backend(case):
        return True
    return not all(is_answer_as_wanted(got, items) for got, items in zip(outcome.answers, case.client))


def measure(gateway, subjects, folder, wire, is_loud):
    """[faults of each kind], [cases of each kind]."""
    import backends                     # pylint: disable=import-outside-toplevel
    import gateway as program           # pylint: disable=import-outside-toplevel
    faults, counts = [0] * len(KINDS), [0] * len(KINDS)
    origin = conformance.Origin(backends, wire)
    port = program.free_port()
    gateway.start(os.path.join(folder, gateway.name), port, origin.port)
    number = 0
    for subject in subjects:
        if any(subject.parts.values()):
            continue                    # about settings of ours
        for case in subject.cases:
            kind = kind_of(case)
            if kind is None:
                continue
            number += 1
            counts[kind] += 1
            run, outcome = observe(case, port, origin, wire, number)
            if is_faulty(case, kind, run, outcome):
                faults[kind] += 1
                if is_loud:
                    print(f"{gateway.name}: {KINDS[kind]}: {case} [RFC {case.rfc}] {[got.status for got in outcome.answers]}")
    gateway.end()
    origin.server.stop_listening()
    return faults, counts


def table(rows, counts):
    head = "| gateway | " + " | ".join(f"{kind} (of {count})" for kind, count in zip(KINDS, counts)) + " |"
    lines = [head, "|---" + "|---:" * len(KINDS) + "|"]
    for label, faults in rows:
        lines.append(f"| {label} | " + " | ".join(map(str, faults)) + " |")
    return "\n".join(lines) + "\n"


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--gateway", required=True)
    options.add_argument("--write", help="a file whose text between the markers becomes the table")
    options.add_argument("-v", action="store_true", help="each case in which a gateway fails")
    options.add_argument("names", nargs="*", help="these gateways alone")
    given = options.parse_args()
    os.environ["SALLYPORT"] = given.gateway
    os.environ["PATH"] += ":/usr/sbin:/sbin"
    import wire                         # pylint: disable=import-outside-toplevel

    subjects = conformance.all_subjects()
    rows, counts, missing = [], None, []
    with tempfile.TemporaryDirectory() as temp:
        os.chmod(temp, 0o755)
        for gateway in [Sallyport(given.gateway), *others()]:
            if given.names and gateway.name.lower() not in [name.lower() for name in given.names]:
                continue
            if not gateway.is_installed():
                missing.append(gateway.name)
                continue
            faults, counts = measure(gateway, subjects, temp, wire, given.v)
            rows.append((gateway.label(), faults))
    text = table(rows, counts)
    print(text)
    for name in missing:
        print(f"SKIPPED: {name} is not installed, its row is missing")
    if given.write and not missing and not given.names:
        replace_between_markers(given.write, text)
    return 1 if any(sum(faults) for label, faults in rows if label.startswith("sallyport")) else 0


def replace_between_markers(path, text):
    with open(path, encoding="utf-8") as file:
        old = file.read()
    before, begin, rest = old.partition("<!-- compare-http -->\n")
    _, end, after = rest.partition("<!-- /compare-http -->")
    with open(path, "w", encoding="utf-8") as file:
        file.write(before + begin + text + end + after)


if __name__ == "__main__":
    sys.exit(main())
