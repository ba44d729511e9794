"""TLS to backends: chain, dates and name always verified, client certificates whose key only the keeper has, sessions."""
import os
import signal
import ssl
import threading

import pytest

import backends
import ca as authority
import gateway as program
import procs
from wire import Client, answer, request

V12, V13 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3
NAME = "app.internal"


def server(leaf, client_ca=None, least=V12, most=V13, seen=None):
    """A backend's context; seen: a list that gets the server names which were asked for."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.minimum_version, made.maximum_version = least, most
    made.load_cert_chain(leaf.chain, leaf.key)
    made.set_alpn_protocols(["http/1.1"])
    if client_ca:
        made.verify_mode = ssl.CERT_REQUIRED
        made.load_verify_locations(client_ca)
    if seen is not None:
        made.sni_callback = lambda sock, name, context: seen.append(name)
    return made


def trusts(ca, more=""):
    return f"tls = yes\ntls_name = {NAME}\ntls_ca = {ca.cert}\n{more}"


@pytest.fixture
def behind(gateway, backend, port, ca):
    """behind(context, pool="", script=None): a gateway before a backend that speaks TLS; (gateway, backend)."""
    def make(context, pool=None, script=None, **parts):
        made = backend(script, tls=context)
        return gateway(program.ini(port, made.port, pool=trusts(ca) if pool is None else pool, **parts)), made
    return make


def ask(port, **wish):
    with Client(port) as client:
        return client.ask(**wish)


@pytest.mark.parametrize("version", [V12, V13])
def test_both_ways_and_kept(behind, ca, port, version):
    names = []
    _, made = behind(server(ca.leaf(NAME), least=version, most=version, seen=names))
    with Client(port) as client:
        for i in range(5):
            body = b"x" * (i * 100_000)
            assert client.ask("POST", body=body).body == body
    assert names == [NAME]
    assert len(made.conns) == 1
    assert made.conns[0].tls_version == ("TLSv1.2" if version == V12 else "TLSv1.3")
    assert made.conns[0].alpn == "http/1.1"


@pytest.mark.parametrize("version", [V12, V13])
def test_sessions_are_used_again(behind, ca, port, version):
    _, made = behind(server(ca.leaf(NAME), least=version, most=version), trusts(ca, "keepalive = 0\n"))
    for _ in range(4):
        assert ask(port).status == 200
    assert [conn.is_resumed for conn in made.conns] == [False, True, True, True]


def test_without_a_name_the_address_is_verified(behind, ca, port):
    names = []
    _, made = behind(server(ca.leaf("127.0.0.1", "other.test", stem="address"), seen=names),
                     f"tls = yes\ntls_ca = {ca.cert}\n")
    assert ask(port).status == 200
    assert names == [None]
    assert len(made.requests) == 1


def wrong_ca(ca, folders):
    return authority.Ca(folders("other"), "Another CA").leaf(NAME)


BAD = {
    "wrong name": lambda ca, folders: ca.leaf("www.internal"),
    "a wildcard of another level": lambda ca, folders: ca.leaf("*.app.internal"),
    "expired": lambda ca, folders: ca.leaf(NAME, days=-1),
    "self-signed": lambda ca, folders: ca.self_signed(NAME),
    "another authority": wrong_ca,
    "a client's certificate": lambda ca, folders: ca.leaf(NAME, use="clientAuth"),
}


@pytest.mark.parametrize("what", BAD)
def test_bad_certificates_are_502_and_no_byte_is_sent(behind, ca, folders, port, what):
    gw, made = behind(server(BAD[what](ca, folders)))
    assert ask(port).status == 502
    assert ask(port, method="POST", body=b"secret").status == 502
    lines = gw.access(2)
    assert [(line["cause"], line["at"], line["backend_status"]) for line in lines] == [("backend_tls", "connect", None)] * 2
    assert made.requests == [] and made.raw == b""
    assert made.conns and not any(hasattr(conn, "tls_version") for conn in made.conns), "no handshake was finished"
    assert gw.events("backend_tls_failed", 1)


def test_plain_text_behind_it_is_502(gateway, backend, port, ca):
    made = backend(lambda conn: conn.send(answer("400 Bad Request")))
    gw = gateway(program.ini(port, made.port, pool=trusts(ca)))
    assert ask(port).status == 502
    assert gw.access(1)[0]["cause"] == "backend_tls"


def test_another_backend_is_asked(gateway, backend, port, ca):
    bad, good = backend(tls=server(ca.leaf("www.internal"))), backend(tls=server(ca.leaf(NAME)))
    gateway(program.ini(port, bad.port, pool=trusts(ca, f"backend = 127.0.0.1:{good.port}\nbalance = round_robin\n")))
    for _ in range(6):
        assert ask(port, method="POST", body=b"x").status == 200
    assert len(good.requests) == 6 and bad.requests == []


def test_handshake_that_never_ends_is_504(gateway, backend, port, ca):
    made = backend(lambda conn: conn.sock.recv(1) and threading.Event().wait(5))
    gw = gateway(program.ini(port, made.port, pool=trusts(ca, "connect_timeout = 300ms\nretries = 0\n")))
    assert ask(port).status == 504
    assert gw.access(1)[0]["cause"] == "backend_timeout"


def shows(ca, leaf):
    return trusts(ca, f"tls_cert = {leaf.chain}\ntls_key_file = {leaf.key}\nkeepalive = 0\n")


@pytest.mark.parametrize("kind", ["ecdsa", "rsa"])
def test_client_certificate(behind, ca, port, kind):
    leaf = ca.leaf("gateway.internal", kind=kind, use="clientAuth")
    gw, made = behind(server(ca.leaf(NAME), client_ca=ca.cert), shows(ca, leaf))
    for _ in range(3):
        assert ask(port, method="POST", body=b"x").status == 200
    subject = dict(pair[0] for pair in made.conns[0].client_cert["subject"])
    assert subject == {"commonName": "gateway.internal"}
    assert made.conns[0].tls_version == "TLSv1.3"
    assert [conn.is_resumed for conn in made.conns] == [False, True, True]
    assert not gw.events("keeper_refused")


def test_client_certificate_that_is_refused(behind, ca, folders, port):
    leaf = authority.Ca(folders("other"), "Another CA").leaf("gateway.internal", use="clientAuth")
    gw, made = behind(server(ca.leaf(NAME), client_ca=ca.cert), shows(ca, leaf))
    assert ask(port).status == 502
    assert gw.access(1)[0]["cause"] == "backend_tls"
    assert made.requests == []


def test_client_certificate_is_not_shown_in_1_2(behind, ca, port):
    leaf = ca.leaf("gateway.internal", use="clientAuth")
    gw, _ = behind(server(ca.leaf(NAME), client_ca=ca.cert, most=V12), shows(ca, leaf))
    assert ask(port).status == 502
    assert gw.access(1)[0]["cause"] == "backend_tls"


def test_renewed_client_certificate_is_taken(behind, ca, folders, port):
    where = folders("pair")

    def install(leaf):
        for source, name in ((leaf.key, "client.key"), (leaf.chain, "client.pem")):
            with open(source, "rb") as file:
                content = file.read()
            with open(f"{where}/{name}.new", "wb", opener=lambda p, f: os.open(p, f, 0o600)) as file:
                file.write(content)
            os.rename(f"{where}/{name}.new", f"{where}/{name}")

    install(ca.leaf("gateway.internal", use="clientAuth"))
    gw, made = behind(server(ca.leaf(NAME), client_ca=ca.cert),
                      shows(ca, authority.Leaf(f"{where}/client.pem", f"{where}/client.key")))
    assert ask(port).status == 200
    first = made.conns[-1].client_cert["serialNumber"]
    install(ca.leaf("gateway.internal", use="clientAuth", stem="second"))
    assert procs.wait_for(lambda: ask(port).status == 200 and
                          made.conns[-1].client_cert["serialNumber"] != first, 30)
    assert not gw.events("certificate_refused")


def keepers(gw):
    return [pid for pid in procs.children(gw.pid) if b"keeper" in gw.name_of(pid)]


def test_goes_on_over_reloads_and_a_killed_keeper(gateway, backend, ca, port):
    """The pool stays as it is over half of the reloads, and is another one at each second."""
    leaf = ca.leaf("gateway.internal", use="clientAuth")
    made = backend(tls=server(ca.leaf(NAME), client_ca=ca.cert))
    answers, is_over = [], threading.Event()

    def text(i):
        return program.ini(port, made.port, log=f"access = stdout\nredact = a{i}", workers=2,
                           pool=shows(ca, leaf) + f"answer_timeout = {30 + i // 2}s\n")

    def load():
        while not is_over.is_set():
            answers.append(ask(port).status)

    gw = gateway(text(0))
    clients = [threading.Thread(target=load) for _ in range(4)]
    for client in clients:
        client.start()
    try:
        for i in range(1, 5):
            program.write_config(gw.folder, text(i))
            gw.signal(signal.SIGHUP)
            assert procs.wait_for(lambda i=i: len(gw.events("reload_done")) == i, 60), gw.err()[-2000:]
        before = keepers(gw)
        os.kill(before[0], signal.SIGKILL)
        assert procs.wait_for(lambda: keepers(gw) not in ([], before), 30)
        more = len(answers) + 40
        assert procs.wait_for(lambda: len(answers) > more, 60)
    finally:
        is_over.set()
        for client in clients:
            client.join()
    assert set(answers) == {200}
    assert len(made.requests) == len(answers)


def test_before_nginx(gateway, folders, port, ca):
    """Big bodies both ways, a WebSocket's 101 aside: what Debian's nginx does with TLS of its own."""
    leaf, behind_port = ca.leaf(NAME), program.free_port()
    behind = backends.Nginx(folders("nginx"), behind_port, listen="ssl", more=f"""
        ssl_certificate {leaf.chain};
        ssl_certificate_key {leaf.key};
        ssl_protocols TLSv1.2 TLSv1.3;
        ssl_session_cache shared:x:1m;
        ssl_client_certificate {ca.cert};
        ssl_verify_client on;
        location = /who {{ return 200 "$ssl_client_s_dn $ssl_session_reused $ssl_protocol"; }}
""")
    try:
        mine = ca.leaf("gateway.internal", use="clientAuth")
        gateway(program.ini(port, behind_port, listener="body_max = 20m", pool=trusts(
            ca, f"tls_cert = {mine.chain}\ntls_key_file = {mine.key}\n")))
        big = os.urandom(8_000_000)
        behind.file("big", big)
        assert ask(port, target="/big").body == big
        assert ask(port, method="POST", target="/echo", body=big).body == big
        assert ask(port, target="/who").body == b"CN=gateway.internal . TLSv1.3"
        assert ask(port, target="/chunked/").body.rstrip().endswith(b"end")
    finally:
        behind.end()


@pytest.mark.parametrize("pool,said", [
    ("tls_name = app.internal", "tls_name without tls = yes: everything would go to the backends in plain text"),
    ("tls = yes\ntls_ca = @KEY", "tls_ca: no certificate in PEM form"),
    ("tls = yes\ntls_ca = nowhere.pem", "nowhere.pem"),
    ("tls = yes\ntls_ca = @CA\ntls_cert = @CHAIN", "tls_cert and tls_key_file go together: tls_key_file is missing"),
    ("tls = yes\ntls_ca = @CA\ntls_cert = @CHAIN\ntls_key_file = @OTHER",
     "the private key does not belong to the certificate"),
])
def test_refused_by_check(check, ca, pool, said):
    leaf, other = ca.leaf("gateway.internal", use="clientAuth"), ca.leaf(NAME)
    for word, path in (("@KEY", leaf.key), ("@CHAIN", leaf.chain), ("@CA", ca.cert), ("@OTHER", other.key)):
        pool = pool.replace(word, path)
    code, out = check(program.ini(1234, 1235, pool=pool))
    assert code == 1
    assert said in out


def test_system_store(behind, ca, port):
    """Without tls_ca the system's authorities are asked: ours is none of them."""
    if not os.path.exists("/etc/ssl/certs/ca-certificates.crt"):
        pytest.skip("no ca-certificates here")
    gw, _ = behind(server(ca.leaf(NAME)), f"tls = yes\ntls_name = {NAME}\n")
    assert ask(port).status == 502
    assert gw.access(1)[0]["cause"] == "backend_tls"


# ---- the PROXY header, version 2

SIGNATURE = b"\r\n\r\n\x00\r\nQUIT\n"


def told(conn):
    """What the gateway says in front: (version and command, family, the addresses' bytes)."""
    head = b""
    while len(head) < 16:
        head += conn.sock.recv(16 - len(head))
    assert head[:12] == SIGNATURE
    length = int.from_bytes(head[14:16], "big")
    rest = b""
    while len(rest) < length:
        rest += conn.sock.recv(length - len(rest))
    return head[12], head[13], rest


def naming(seen, context=None):
    def script(conn):
        seen.append(told(conn))
        if context:
            conn.enter(context)
        backends.always(backends.echo)(conn)
    return script


@pytest.mark.parametrize("has_tls", [False, True])
def test_proxy_header_names_the_client(gateway, backend, port, ca, has_tls):
    seen = []
    made = backend(naming(seen, server(ca.leaf(NAME)) if has_tls else None))
    gateway(program.ini(port, made.port, pool="proxy_protocol = v2\n" + (trusts(ca) if has_tls else "")))
    with Client(port) as client:
        source = client.sock.getsockname()[1]
        assert client.ask().status == 200
        assert client.ask().status == 200
    want = (0x21, 0x11, bytes([127, 0, 0, 1] * 2) + source.to_bytes(2, "big") + port.to_bytes(2, "big"))
    assert seen == [want, want]         # one connection a request: none is another client's


def test_proxy_header_passes_on_what_a_balancer_said(gateway, backend, port):
    seen = []
    made = backend(naming(seen))
    gateway(program.ini(port, made.port, gateway="trusted = 127.0.0.1", listener="proxy_protocol = required",
                        pool="proxy_protocol = v2\n"))
    with Client(port) as client:
        client.send(b"PROXY TCP6 2001:db8::7 2001:db8::8 4321 443\r\n" + request())
        assert client.response().status == 200
    address = bytes.fromhex("20010db8000000000000000000000007" "20010db8000000000000000000000008")
    assert seen == [(0x21, 0x21, address + (4321).to_bytes(2, "big") + (443).to_bytes(2, "big"))]


def test_proxy_header_before_nginx(gateway, folders, port):
    behind_port = program.free_port()
    behind = backends.Nginx(folders("nginx"), behind_port, listen="proxy_protocol", more="""
        location = /who { return 200 "$proxy_protocol_addr $proxy_protocol_server_port"; }
""")
    try:
        gateway(program.ini(port, behind_port, pool="proxy_protocol = v2\n"))
        assert ask(port, target="/who").body.decode() == f"127.0.0.1 {port}"
    finally:
        behind.end()
