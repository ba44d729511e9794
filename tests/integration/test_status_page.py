"""The admin listener: whom it answers and what it refuses; the status page with and without script, in Chromium."""
import json
import os
import re
import signal
import socket
import sys
import threading
import time

import pytest

import gateway as program
import page
import procs
from page import admin, ask
from wire import Client, answer

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "clients"))
import chromium                         # noqa: E402

needs_chromium = pytest.mark.skipif(not chromium.is_here(),
                                    reason="NO CHROMIUM: apt-get install chromium chromium-driver (scripts/test does)")

MORE = """[route:guarded]
path = /guarded
respond = 204
limit = few
[route:never]
path = /never
respond = 200
[limit:few]
rate = 1/h
burst = 1
"""


@pytest.fixture
def at():
    return program.free_port()


def ini(port, at, backend=1, more=MORE, allow="", **parts):
    return program.ini(port, backend, more=more + admin(at, allow), **parts)


@pytest.fixture
def running(gateway, port, at):
    return gateway(ini(port, at))


def raw(at, data, timeout=30):
    """Everything that comes back for these bytes until the gateway closes."""
    with socket.create_connection(("127.0.0.1", at), timeout * program.SLOW) as conn:
        got = b""
        try:
            conn.sendall(data)
            while piece := conn.recv(65536):
                got += piece
        except (ConnectionResetError, BrokenPipeError):
            pass
    return got


def status_of(got):
    return int(got.split()[1]) if got.startswith(b"HTTP/1.1 ") else None


# ---- whom it answers


@pytest.mark.parametrize("host, status", [("localhost", 200), ("127.0.0.1", 200), ("[::1]", 200), ("10.1.2.3:80", 200),
                                          ("example.com", 421), ("127.0.0.1.example.com", 421), ("localhost.example.com", 421)])
def test_names_of_others_are_refused(running, at, host, status):
    for path in ("/", "/status.json", "/metrics", "/tables"):
        assert ask(at, path, host=host)[0] == status


@pytest.mark.parametrize("request_bytes, status", [
    (b"GET / HTTP/1.1\r\nHost: localhost\r\nX: a\x01b\r\n\r\n", 400),
    (b"GET / HTTP/1.1\nHost: localhost\n\n", 400),
    (b"GET / HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n", 400),
    (b"GET / HTTP/1.1\r\n\r\n", 400),
    (b"GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nhello", 400),
    (b"GET / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    (b"GET / HTTP/2.0\r\nHost: localhost\r\n\r\n", 505),
    (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
    (b"\x16\x03\x01\x02\x00\x01\x00", 400),
    (b"BREW / HTTP/1.1\r\nHost: localhost\r\n\r\n", 501),
    (b"DELETE / HTTP/1.1\r\nHost: localhost\r\n\r\n", 405),
    (b"OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n", 405),
    (b"GET /" + b"a" * 2000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n", 414),
    (b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"a" * 20000 + b"\r\n\r\n", 431),
    (b"GET / HTTP/1.1\r\nHost: localhost\r\n" + b"A: b\r\n" * 100 + b"\r\n", 431),
    (b"GET /nothing HTTP/1.1\r\nHost: localhost\r\n\r\n", 404),
    (b"GET /../metrics/ HTTP/1.1\r\nHost: localhost\r\n\r\n", None),
    (b"POST / HTTP/1.1\r\nHost: localhost\r\nOrigin: http://localhost\r\nContent-Length: 0\r\n\r\n", 405),
    (b"GET /unban HTTP/1.1\r\nHost: localhost\r\n\r\n", 405),
])
def test_what_is_refused(running, at, request_bytes, status):
    got = raw(at, request_bytes)
    if status is None:
        assert status_of(got) in (400, 404)
    else:
        assert status_of(got) == status, got[:300]
    assert ask(at, "/metrics")[0] == 200
    assert not running.events("role_died")


def test_head_has_no_body(running, at):
    got = raw(at, b"HEAD /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert got.startswith(b"HTTP/1.1 200 ") and got.endswith(b"\r\n\r\n") and b"Content-Length: " in got


def test_byte_by_byte(running, at):
    with socket.create_connection(("127.0.0.1", at), 30 * program.SLOW) as conn:
        for byte in b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n":
            conn.sendall(bytes([byte]))
        assert conn.recv(12) == b"HTTP/1.1 200"


def test_idle_connections_do_not_shut_others_out_for_long(running, at):
    """As many as there may be, and silent: their time is up, then others are served."""
    silent = [socket.create_connection(("127.0.0.1", at), 30) for _ in range(40)]
    try:
        assert ask(at, "/metrics")[0] == 200
    finally:
        for conn in silent:
            conn.close()


def test_allow(gateway, port, at):
    """A public address needs allow; who is not in it is closed unheard."""
    running = gateway(ini(port, at, allow="allow = 192.0.2.0/24\n"))
    assert raw(at, b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n") == b""
    assert procs.wait_for(lambda: running.events("admin_refused"), 15 * program.SLOW)
    code, _, err = program.command("check", "-c", program.write_config(
        running.folder, ini(port, at).replace(f"bind = 127.0.0.1:{at}", f"bind = 0.0.0.0:{at}")))
    assert code == 1 and "say who may with allow" in err


def test_off(gateway, port, at):
    running = gateway(ini(port, at).replace(f"bind = 127.0.0.1:{at}", "bind = off"))
    with pytest.raises(ConnectionRefusedError):
        ask(at)
    assert not running.events("no_status_page")


def test_an_address_that_is_taken(gateway, port, at):
    with socket.create_server(("127.0.0.1", at)):
        with pytest.raises(program.NotUp, match="Address already in use"):
            gateway(ini(port, at), clean=False)


def test_no_route_leads_here(folders, port, at):
    """A request of a client must not reach it as a backend, whatever the egress rules allow."""
    code, out, err = program.command("check", "-c", program.write_config(folders(), ini(port, at, backend=at)))
    assert code == 1 and "this gateway listens there itself" in out + err, out + err


def test_another_address_by_a_reload(gateway, port, at):
    running = gateway(ini(port, at))
    other = program.free_port()
    program.write_config(running.folder, ini(port, other))
    code, _, err = program.command("reload", "-c", running.config)
    assert code == 0, err
    assert procs.wait_for(lambda: is_served(other) and not is_served(at), 15 * program.SLOW)


def is_served(at):
    try:
        return ask(at, "/metrics")[0] == 200
    except OSError:
        return False


# ---- what it says


def test_status_json_is_what_status_says(running, port, at):
    with Client(port) as client:
        client.ask("GET", "/guarded")
        client.ask("GET", "/guarded")
    page.eventually(at, "http_requests_total", 2)
    status, fields, text = ask(at, "/status.json")
    assert status == 200 and fields["Content-Type"] == "application/json"
    found = json.loads(text)
    code, out, _ = program.command("status", "--json", "-c", running.config)
    assert code == 0 and json.loads(out).keys() == found.keys()
    assert {"gateway", "traffic", "latency", "listeners", "pools", "routes", "limits", "bans", "certificates", "errors",
            "processes", "sandbox"} == found.keys()
    hits = {row["route"]: row["hits"] for row in found["routes"]}
    assert hits == {"all": 0, "guarded": 2, "never": 0}
    assert found["traffic"]["status_4xx"] == 1 and found["traffic"]["status_2xx"] == 1
    assert found["limits"] == [{"limit": "few", "mode": "enforce", "passed": 1, "limited": 1, "bans": 0}]
    last = found["errors"][0]
    line = running.config + ":" + str(1 + open(running.config, encoding="utf-8").read().split("\n").index("rate = 1/h"))
    assert (last["status"], last["cause"], last["at"], last["route"], last["path"]) == ("429", "limited", "header", "guarded", "/guarded")
    assert last["rule"] == line[:95]


def test_the_page_without_script(gateway, port, at, leaf):
    gateway(ini(port, at, tls=[leaf]))
    status, fields, text = ask(at)
    assert status == 200
    policy = fields["Content-Security-Policy"]
    nonce = re.search(r"script-src 'nonce-([0-9a-f]{32})'", policy).group(1)
    assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy and text.count(f'nonce="{nonce}"') == 2
    assert fields["X-Content-Type-Options"] == "nosniff" and fields["Cache-Control"] == "no-store"
    assert "http://" not in text.replace("http://www.w3.org/2000/svg", "") and "https://" not in text
    assert '<noscript><meta http-equiv="refresh" content="5"></noscript>' in text
    for section in ("gateway", "traffic", "listeners", "pools", "routes", "limits", "bans", "certificates", "errors", "processes", "sandbox"):
        assert f'<section id="{section}"><h2>' in text
    assert leaf.chain in text and "%%" not in text
    assert nonce not in ask(at)[2]


def test_what_clients_send_is_text(running, port, at):
    with Client(port) as client:
        client.send(b"GET /guarded HTTP/1.1\r\nHost: a\r\n\r\nGET /<b>x</b>'\"& HTTP/1.1\r\nHost: a\r\n\r\n")
        client.response()
    with Client(port) as client:
        client.ask("GET", "/%3Cscript%3Ealert(1)%3C/script%3E'&", host="<i>")
    assert procs.wait_for(lambda: json.loads(ask(at, "/status.json")[2])["errors"], 15 * program.SLOW)
    text = ask(at)[2]
    assert "<b>x" not in text and "<script>alert" not in text and "<i>" not in text.split("<main>")[1].split('<div id="tables">')[1]


# ---- what it does


def token_of(at):
    return re.search(r'name="token" value="([0-9a-f]{32})"', ask(at)[2]).group(1)


def ban(running, address="192.0.2.7"):
    code, _, err = program.command("ban", address, "1h", "-c", running.config)
    assert code == 0, err


def unban(at, token, address="192.0.2.7", **fields):
    headers = {"Origin": f"http://127.0.0.1:{at}", "Content-Type": "application/x-www-form-urlencoded"}
    headers.update(fields)
    return ask(at, "/unban", "POST", {name: value for name, value in headers.items() if value}, f"token={token}&address={address}")


@pytest.fixture
def banning(gateway, port, at, folders):
    return gateway(ini(port, at, gateway=f"state_dir = {folders('state')}"))


def test_unban(banning, at):
    ban(banning)
    ban(banning, "2001:db8::7")
    status, fields, _ = unban(at, token_of(at))
    assert status == 303 and fields["Location"] == "/"
    assert unban(at, token_of(at), "2001%3Adb8%3A%3A7")[0] == 303
    assert json.loads(ask(at, "/status.json")[2])["bans"] == []


def test_unban_is_for_the_page_alone(banning, at):
    ban(banning)
    token = token_of(at)
    for status, arguments in ((403, {"Origin": None}), (403, {"Origin": "http://example.com"}), (403, {"Origin": "null"}),
                              (403, {"Origin": f"https://127.0.0.1:{at}"}), (403, {"Origin": f"http://127.0.0.1:{at + 1}"})):
        assert unban(at, token, **arguments)[0] == status, arguments
    assert unban(at, token[:-1])[0] == 403
    assert unban(at, token[:-1] + ("0" if token[-1] != "0" else "1"))[0] == 403
    assert unban(at, "")[0] == 403
    assert unban(at, token, "not-an-address")[0] == 400
    assert unban(at, token, "%zz")[0] == 400
    assert unban(at, token, "192.0.2.8")[0] == 400           # is not banned
    assert ask(at, "/unban", "POST", {"Origin": f"http://127.0.0.1:{at}"}, "a" * 2000)[0] == 413
    assert len(json.loads(ask(at, "/status.json")[2])["bans"]) == 1


# ---- Chromium


@pytest.fixture(scope="module")
def one_browser(folders):
    made = chromium.Browser(folders("chromium"))
    yield made
    made.end()


@pytest.fixture
def browser(one_browser):
    """With nothing open, and nothing said."""
    one_browser.open("about:blank")
    one_browser.console()
    return one_browser


class Load:
    """Requests of all kinds, as long as it is entered."""

    def __init__(self, port):
        self.port = port
        self.is_over = threading.Event()
        self.thread = threading.Thread(target=self.run)

    def run(self):
        count = 0
        while not self.is_over.is_set():
            with Client(self.port) as client:
                for target in ["/a"] * (5 + count % 17) + ["/guarded", "/fails"]:
                    client.ask("GET", target)
            count += 1
            time.sleep(0.05)

    def __enter__(self):
        self.thread.start()

    def __exit__(self, *_):
        self.is_over.set()
        self.thread.join()


def charted(browser):
    return browser.script("""return ["rate", "classes", "latency"].every((id) =>
        (document.querySelector(`#${id} path`) || {getAttribute: () => ""}).getAttribute("d").length > 20)""")


@needs_chromium
def test_the_page_lives(gateway, backend, browser, port, at, leaf, folders):
    """Charts move under load at three widths, light and dark; no word on the console, nothing wider than the window."""
    def script(conn):
        while (request := conn.read_request()) is not None:
            time.sleep(0.002)
            conn.send(answer("500 Oh" if request.target == "/fails" else "200 OK", body=b"x"))
    running = gateway(ini(port, at, backend(script).port, gateway=f"state_dir = {folders('state')}", workers=2, pool="backend = 127.0.0.1:1 weight=1",
                          more=MORE + f"[listener:tls]\nbind = 127.0.0.1:{program.free_port()}\ncert = {leaf.chain}\nkey_file = {leaf.key}\n"))
    ban(running)
    where = os.environ.get("SCREENSHOTS") or folders("screenshots")
    with Load(port):
        browser.open(f"http://127.0.0.1:{at}/")
        assert procs.wait_for(lambda: charted(browser), 30 * program.SLOW, 0.2)
        procs.wait_for(lambda: False, float(os.environ.get("SCREENSHOTS_AFTER", 0)))
        for width in (400, 1000, 1600):
            for scheme in ("light", "dark"):
                browser.look_as(width, 1000, scheme)
                time.sleep(1.2)         # a chart is drawn once a second
                browser.screenshot(f"{where}/{width}-{scheme}.png")
                assert os.path.getsize(f"{where}/{width}-{scheme}.png") > 10000
                assert browser.script("return document.documentElement.scrollWidth <= innerWidth"), width
        assert browser.script("return document.getElementById('rate').getAttribute('aria-label')").endswith("requests a second now")
        assert browser.script("return getComputedStyle(document.querySelector('#routes tbody tr:nth-child(3) th')).opacity") < "1"
    assert browser.console() == []


@needs_chromium
def test_unban_by_the_button(banning, browser, at):
    ban(banning)
    browser.open(f"http://127.0.0.1:{at}/")
    assert browser.script("return document.querySelector('#bans button').getAttribute('aria-label')") == "unban 192.0.2.7"
    browser.script("document.querySelector('#bans button').click()")
    assert procs.wait_for(lambda: json.loads(ask(at, "/status.json")[2])["bans"] == [], 15 * program.SLOW)
    assert procs.wait_for(lambda: browser.script("return document.querySelector('#bans .none') !== null"), 15 * program.SLOW, 0.2)
    assert browser.console() == []


@needs_chromium
def test_works_with_script_off(banning, browser, at):
    ban(banning)
    browser.devtools("Emulation.setScriptExecutionDisabled", value=True)
    try:
        browser.open(f"http://127.0.0.1:{at}/")
        assert browser.script("return document.getElementById('charts').hidden")
        assert browser.script("return document.querySelectorAll('#tables section').length") == 11
    finally:
        browser.devtools("Emulation.setScriptExecutionDisabled", value=False)


@needs_chromium
def test_another_site_can_do_nothing(banning, browser, at, port):
    """A page elsewhere reads nothing, posts nothing and frames nothing, though the browser is on this machine."""
    ban(banning)
    browser.open(f"http://127.0.0.1:{port}/never")
    assert browser.script(f"return fetch('http://127.0.0.1:{at}/status.json').then(() => 'read', () => 'refused')") == "refused"
    token = token_of(at)
    browser.script(f"""return fetch('http://127.0.0.1:{at}/unban', {{method: 'POST', mode: 'no-cors',
        body: new URLSearchParams({{token: '{token}', address: '192.0.2.7'}})}}).then(() => 0, () => 0)""")
    assert len(json.loads(ask(at, "/status.json")[2])["bans"]) == 1
    browser.console()
