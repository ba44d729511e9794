"""What a TLS client may have (hardening 6): versions, suites, groups, names, certificates, tickets, client certificates."""
import os
import re
import ssl
import subprocess

import pytest

import backends
import gateway as program
import wire
from wire import Client, answer, request

V12, V13 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3


def s_client(port, *options, name="example.com", stdin=b""):
    """openssl s_client's own words about a handshake."""
    arguments = ["openssl", "s_client", "-connect", f"127.0.0.1:{port}", *options]
    if name:
        arguments += ["-servername", name]
    else:
        arguments += ["-noservername"]
    done = subprocess.run(arguments, input=stdin, capture_output=True, timeout=20, check=False)
    return (done.stdout + done.stderr).decode("utf-8", "replace")


def is_in(text):
    return re.search(r"^New, TLSv1\.\d, Cipher is (?!\(NONE\))", text, re.M) is not None


def can(port, context, name="example.com"):
    try:
        with Client(port, context, name) as client:
            return client.ask(host=name or "example.com").status == 200
    except (ssl.SSLError, ConnectionError, wire.Cut):
        return False


@pytest.fixture(scope="module")
def pair(ca):
    return [ca.leaf("example.com", "www.example.com"), ca.leaf("example.com", "www.example.com", kind="rsa")]


@pytest.fixture
def secure(serve, pair):
    """A gateway with an ECDSA and an RSA certificate; returns its port."""
    return serve(tls=pair)[2]


def test_versions(secure, ca):
    weak = ("-cipher", "ALL:@SECLEVEL=0")
    assert not is_in(s_client(secure, "-tls1", *weak))
    assert not is_in(s_client(secure, "-tls1_1", *weak))
    assert is_in(s_client(secure, "-tls1_2"))
    assert is_in(s_client(secure, "-tls1_3"))
    for version in (V12, V13):
        assert can(secure, wire.context(ca.cert, version, version))


def test_policy_modern(gateway, backend, pair, ca, port):
    behind = backend()
    gateway(program.ini(port, behind.port, listener="tls = site", more=f"""
[tls:site]
cert = {pair[0].chain}
key_file = {pair[0].key}
policy = modern
"""))
    assert can(port, wire.context(ca.cert, V13, V13))
    assert not can(port, wire.context(ca.cert, V12, V12))


def test_suites_of_1_2(secure):
    names = subprocess.run(["openssl", "ciphers", "-tls1_2", "-s", "ALL:COMPLEMENTOFALL:@SECLEVEL=0"], capture_output=True,
                           text=True, check=True).stdout.strip().split(":")
    accepted = set()
    for name in names:
        if name.startswith("TLS_"):
            continue
        context = wire.context(None, V12, V12)
        try:
            context.set_ciphers(f"{name}:@SECLEVEL=0")
        except ssl.SSLError:
            continue
        try:
            with Client(secure, context, "example.com") as client:
                accepted.add(client.sock.cipher()[0])
        except (ssl.SSLError, ConnectionError):
            pass
    assert accepted == {f"ECDHE-{kind}-{suite}" for kind in ("ECDSA", "RSA")
                        for suite in ("AES128-GCM-SHA256", "AES256-GCM-SHA384", "CHACHA20-POLY1305")}


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
@pytest.mark.parametrize("group, wanted", [("X25519", True), ("P-256", True), ("P-384", False), ("P-521", False), ("X448", False),
                                           ("ffdhe2048", False), ("ffdhe8192", False)])
def test_groups(secure, version, group, wanted):
    if version == "-tls1_2" and group.startswith("ffdhe"):
        pytest.skip("not a thing in 1.2")
    assert is_in(s_client(secure, version, "-groups", group)) == wanted


def test_server_prefers_but_chacha_clients_get_chacha(secure):
    text = s_client(secure, "-tls1_3", "-ciphersuites", "TLS_CHACHA20_POLY1305_SHA256:TLS_AES_256_GCM_SHA384")
    assert "Cipher is TLS_CHACHA20_POLY1305_SHA256" in text


def test_certificate_by_signature_algorithm(secure):
    for options in (("-tls1_3",), ("-tls1_2",)):
        assert "Peer signature type: ECDSA" in s_client(secure, *options, "-sigalgs", "ECDSA+SHA256")
        assert "Peer signature type: RSA-PSS" in s_client(secure, *options, "-sigalgs", "rsa_pss_rsae_sha256")


def test_names(gateway, backend, ca, port):
    """The certificate follows the name; a name that nobody has ends the handshake; no name gets the first."""
    behind = backend()
    one, two = ca.leaf("one.example"), ca.leaf("two.example", "*.wild.example")
    gateway(program.ini(port, behind.port, listener="tls = one, two", more=f"""
[tls:one]
cert = {one.chain}
key_file = {one.key}
[tls:two]
cert = {two.chain}
key_file = {two.key}
"""))
    trust = wire.context(ca.cert)
    for name in ("one.example", "two.example", "a.wild.example", "TWO.example"):
        assert can(port, trust, name), name
    for name in ("three.example", "wild.example", "a.b.wild.example"):
        assert "unrecognized name" in s_client(port, name=name).lower().replace("_", " "), name
    assert "subject=CN = one.example" in s_client(port, name=None)


def test_alpn(secure):
    assert "ALPN protocol: http/1.1" in s_client(secure, "-alpn", "h2,http/1.1")
    assert "ALPN protocol: http/1.1" in s_client(secure, "-alpn", "http/1.0,http/1.1")
    assert "ALPN protocol: http/1.0" in s_client(secure, "-alpn", "http/1.0")
    refused = s_client(secure, "-alpn", "h2")
    assert not is_in(refused) and "no application protocol" in refused.lower()
    assert "No ALPN negotiated" in s_client(secure)


def test_no_renegotiation_no_compression_no_early_data(secure):
    text = s_client(secure, "-tls1_2", stdin=b"R\n")
    assert "Secure Renegotiation IS supported" in text
    assert "no renegotiation" in text.lower() or "RENEGOTIATING" in text and "verify return" not in text.split("RENEGOTIATING")[1]
    assert "Compression: NONE" in text
    asked = s_client(secure, "-tls1_3", "-ign_eof", stdin=request(fields=[("Connection", "close")]))
    assert re.search(r"Max Early Data: 0\b", asked)
    assert asked.count("Post-Handshake New Session Ticket arrived") == 1, "one ticket a handshake"


def session_of(port, context, name):
    with Client(port, context, name) as client:
        assert client.ask(host=name, fields=[("Connection", "close")]).status == 200
        return client.sock.session


def is_resumed(port, context, name, session):
    with Client(port, context, name, session=session) as client:
        assert client.ask(host=name, fields=[("Connection", "close")]).status == 200
        return client.sock.session_reused


@pytest.mark.parametrize("version", [V12, V13], ids=["1.2", "1.3"])
def test_tickets_work_across_workers(gateway, backend, pair, ca, port, version):
    behind = backend(backends.always(answer(body=b"ok")))
    running = gateway(program.ini(port, behind.port, tls=pair, workers=3))
    context = wire.context(ca.cert, version, version)
    session = session_of(port, context, "example.com")
    assert len(running.workers()) >= 3
    assert all(is_resumed(port, context, "example.com", session) for _ in range(24))


@pytest.mark.parametrize("version", [V12, V13], ids=["1.2", "1.3"])
def test_tickets_do_not_cross_names(gateway, backend, ca, port, version):
    behind = backend(backends.always(answer(body=b"ok")))
    one, two = ca.leaf("one.example"), ca.leaf("two.example")
    gateway(program.ini(port, behind.port, listener="tls = one, two", more=f"""
[tls:one]
cert = {one.chain}
key_file = {one.key}
[tls:two]
cert = {two.chain}
key_file = {two.key}
"""))
    context = wire.context(ca.cert, version, version)
    session = session_of(port, context, "one.example")
    assert is_resumed(port, context, "one.example", session)
    assert not is_resumed(port, context, "two.example", session)


def test_plain_http_at_a_tls_port(secure):
    with Client(secure) as client:
        client.send(request())
        assert b"200 OK" not in client.reader.rest()


def test_a_close_is_a_clean_close(secure, ca):
    with Client(secure, wire.context(ca.cert), "example.com") as client:
        client.ask(fields=[("Connection", "close")])
        assert client.is_closed() and client.reader.how_ended == "eof"


def test_a_cut_is_no_clean_close(serve, leaf, ca):
    """An answer without length that breaks off: no last chunk, and nothing that looks like its end."""
    _, _, port = serve(backends.once(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this"), tls=[leaf])
    with Client(port, wire.context(ca.cert), "example.com") as client:
        assert not client.ask().is_complete


@pytest.mark.parametrize("size", [0, 1, 16384, 16385, 1000000])
def test_bodies_both_ways(secure, ca, size):
    body = os.urandom(size)
    for version in (V12, V13):
        with Client(secure, wire.context(ca.cert, version, version), "example.com") as client:
            for _ in range(2):
                assert client.ask("POST", body=body, fields=[("Content-Length", str(size))]).body == body


def test_a_request_in_many_records(secure, ca):
    with Client(secure, wire.context(ca.cert), "example.com") as client:
        client.send_slowly(request("POST", body=b"hello"))
        assert client.response().body == b"hello"


def test_pipelined_in_one_record(secure, ca):
    """Bytes that OpenSSL already has decrypted make no event: they must be read all the same."""
    with Client(secure, wire.context(ca.cert), "example.com") as client:
        client.send(b"".join(request("POST", f"/{i}", body=b"%d" % i) for i in range(50)))
        assert [client.response().body for _ in range(50)] == [b"%d" % i for i in range(50)]


def test_an_expired_certificate_does_not_stop_the_start(serve, ca):
    """It is said, and served all the same: the other names and whoever does not look go on."""
    running, _, port = serve(tls=[ca.leaf("old.example", days=-1)])
    assert "EXPIRED" in running.err()
    assert can(port, wire.context(None), "old.example")
    assert not can(port, wire.context(ca.cert), "old.example")


# --- client certificates ---

@pytest.fixture
def guarded(gateway, backend, ca, port):
    """open.example for all, closed.example for those with a certificate of the CA."""
    behind = backend(backends.always(answer(body=b"ok")))
    one, two = ca.leaf("open.example"), ca.leaf("closed.example")

    def make(verify="required", more=""):
        gateway(program.ini(port, behind.port, listener="tls = open, closed", more=f"""
[tls:open]
cert = {one.chain}
key_file = {one.key}
[tls:closed]
cert = {two.chain}
key_file = {two.key}
client_ca = {ca.cert}
client_verify = {verify}
{more}
"""))
        return port, behind
    return make


def with_certificate(ca, leaf, version=None):
    context = wire.context(ca.cert, version, version)
    context.load_cert_chain(leaf.chain, leaf.key)
    return context


@pytest.mark.parametrize("version", [V12, V13], ids=["1.2", "1.3"])
def test_client_certificate_required(guarded, ca, version):
    port, _ = guarded()
    assert can(port, wire.context(ca.cert, version, version), "open.example")
    assert not can(port, wire.context(ca.cert, version, version), "closed.example")
    assert can(port, with_certificate(ca, ca.leaf("somebody", use="clientAuth"), version), "closed.example")
    stranger = ca.self_signed("stranger")
    assert not can(port, with_certificate(ca, stranger, version), "closed.example")


def test_client_certificate_optional_and_headers(guarded, ca):
    port, behind = guarded("optional", "client_cert_headers = yes")
    with Client(port, wire.context(ca.cert), "closed.example") as client:
        assert client.ask(host="closed.example", fields=[("X-Client-Cert-Subject", "CN=forged")]).status == 200
    assert b"forged" not in behind.raw
    with Client(port, with_certificate(ca, ca.leaf("somebody", use="clientAuth")), "closed.example") as client:
        assert client.ask(host="closed.example").status == 200
    assert b"somebody" in behind.requests[-1].head


def test_host_must_belong_to_the_site(guarded, ca):
    """SNI of the open name, Host of the guarded one: 421, whatever the route says."""
    port, behind = guarded()
    with Client(port, wire.context(ca.cert), "open.example") as client:
        assert client.ask(host="closed.example").status == 421
    assert not behind.requests


def test_revoked_client_certificate(guarded, ca):
    bad = ca.leaf("revoked", use="clientAuth")
    port, _ = guarded(more=f"crl = {ca.crl(bad)}")
    assert can(port, with_certificate(ca, ca.leaf("somebody", use="clientAuth")), "closed.example")
    assert not can(port, with_certificate(ca, bad), "closed.example")


def test_a_revocation_list_that_is_out_of_date(guarded, ca):
    """Nobody knows what was revoked since: refused, and said at the start."""
    port, _ = guarded(more=f"crl = {ca.crl(next_update='20200201000000Z')}")
    assert not can(port, with_certificate(ca, ca.leaf("somebody", use="clientAuth")), "closed.example")
    assert can(port, wire.context(ca.cert), "open.example")


def test_client_certificate_fields(guarded, ca):
    """Subject, serial and fingerprint as openssl prints them."""
    port, behind = guarded("required", "client_cert_headers = yes")
    leaf = ca.leaf("somebody", use="clientAuth")
    with Client(port, with_certificate(ca, leaf), "closed.example") as client:
        assert client.ask(host="closed.example", fields=[("X-Client-Cert-Serial", "1")]).status == 200
    said = subprocess.run(["openssl", "x509", "-in", leaf.chain, "-noout", "-subject", "-nameopt", "RFC2253", "-serial", "-fingerprint",
                           "-sha256"], capture_output=True, text=True, check=True).stdout.splitlines()
    subject, serial, fingerprint = (line.partition("=")[2] for line in said)
    got = behind.requests[0]
    assert got.all("X-Client-Cert-Subject") == [subject]
    assert [one.lstrip("0") for one in got.all("X-Client-Cert-Serial")] == [serial.lstrip("0")]
    assert got.all("X-Client-Cert-Fingerprint") == [fingerprint.replace(":", "").lower()]
