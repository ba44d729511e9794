"""acme_webroot: an ACME client's challenges, answered before redirect and routes, from files that no worker opens."""
import os
import socket
import time

import pytest

import gateway as program
import procs
from wire import Client

AT = "/.well-known/acme-challenge/"


def config(port, root, more="", listener="", workers=2):
    return f"""\
[gateway]
workers = {workers}
[listener:main]
bind = 127.0.0.1:{port}
acme_webroot = {root}
{listener}
[route:all]
host = example.com
respond = 200 route
{more}
"""


def put(root, name, content, folder=".well-known/acme-challenge"):
    where = os.path.join(root, folder)
    os.makedirs(where, mode=0o755, exist_ok=True)
    path = os.path.join(where, name)
    with open(path, "wb") as file:
        file.write(content)
    return path


def get(port, name, method="GET", **options):
    with Client(port) as client:
        return client.ask(method, AT + name, **options)


def comes(port, name, content, timeout=3.0):
    """Do new connections, over all workers, get that content (None: 404) from some moment on?"""
    def is_so():
        for _ in range(8):
            got = get(port, name)
            if (got.body if got.status == 200 else None) != content:
                return False
        return True
    return procs.wait_for(is_so, timeout)


def test_answered_before_the_redirect_and_routes(gateway, port, folders):
    root = folders("acme")
    put(root, "token-1", b"token-1.thumbprint")
    put(root, "token-2", b"elsewhere", folder=".")
    gateway(config(port, root, listener="redirect = https"))
    assert comes(port, "token-1", b"token-1.thumbprint")
    got = get(port, "token-1", host="whatever.example")
    assert got.status == 200 and got.body == b"token-1.thumbprint", "whatever the Host"
    assert got.get("Content-Type").startswith("text/plain") and got.get("Content-Length") == "18"
    head = get(port, "token-1", "HEAD")
    assert head.status == 200 and head.get("Content-Length") == "18"
    assert get(port, "token-2").status == 404, "of the folder below .well-known only"
    with Client(port) as client:
        assert client.ask(target="/.well-known/acme-challeng").status == 301
        assert client.ask(target="/.well-known/acme-challenge").status == 301


def test_what_is_not_there_is_404_and_reaches_no_route(gateway, port, folders):
    root = folders("acme")
    put(root, "token", b"x")
    put(root, "secret", b"secret", folder=".")
    gateway(config(port, root))
    assert comes(port, "token", b"x")
    for name in ("none", "", "token/", "token/x", "../../secret", "..%2f..%2fsecret", "%2e%2e/%2e%2e/secret", "token%00", "tok", "Token"):
        got = get(port, name)
        assert got.status in (400, 404) or got.body.startswith(b"route"), (name, got)
        assert b"secret" not in got.body
    assert get(port, "none").status == 404
    assert get(port, "none", fields=[("Accept", "application/json")]).get("Content-Type") == "application/json"
    assert get(port, "token?x=1").body == b"x"
    assert get(port, "%74oken").body == b"x"
    got = get(port, "token", "POST", body=b"hello")
    assert got.status == 405 and got.get("Allow") == "GET, HEAD"


def test_changes_come_at_once(gateway, port, folders):
    """As certbot does it: the folders are made, the file written, asked for, and all taken away again."""
    root = folders("acme")
    running = gateway(config(port, root, workers=3))
    time.sleep(0.3)
    for turn in range(3):
        began = time.monotonic()
        path = put(root, f"token{turn}", b"text%d" % turn)
        assert comes(port, f"token{turn}", b"text%d" % turn)
        assert time.monotonic() - began < 0.8 * program.SLOW, "a CA does not wait for the next look"
        with open(path, "wb") as file:
            file.write(b"another")
        assert comes(port, f"token{turn}", b"another")
        os.unlink(path)
        os.rmdir(os.path.dirname(path))
        os.rmdir(os.path.dirname(os.path.dirname(path)))
        assert comes(port, f"token{turn}", None)
    assert running.events("acme_challenges", 1)


def test_the_webroot_itself_may_come_later(gateway, port, folders, check):
    root = os.path.join(folders("acme"), "later")
    running = gateway(config(port, root))
    assert "warning: acme_webroot" in running.err() and "[acme-webroot]" in running.err()
    assert get(port, "token").status == 404
    put(root, "token", b"x")
    assert comes(port, "token", b"x", 5)


def test_only_small_plain_files(gateway, port, folders):
    """What somebody who may write there could make of it: links, hard links, pipes, sockets, giants, odd names."""
    root, other = folders("acme"), folders("other")
    secret = put(other, "secret", b"secret", folder=".")
    folder = os.path.dirname(put(root, "good", b"good"))
    os.symlink(secret, f"{folder}/symlink")
    os.link(secret, f"{folder}/hardlink")
    os.mkfifo(f"{folder}/pipe")
    os.mkdir(f"{folder}/folder")
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(f"{folder}/socket")
    put(root, "largest", b"x" * 4096)
    put(root, "toolarge", b"x" * 4097)
    put(root, "empty", b"")
    put(root, "dot.ted", b"x")
    put(root, "n" * 128, b"x")
    put(root, "n" * 129, b"x")
    gateway(config(port, root))
    assert comes(port, "good", b"good")
    for name in ("symlink", "hardlink", "pipe", "folder", "socket", "toolarge", "empty", "dot.ted", "n" * 129):
        assert get(port, name).status == 404, name
    assert get(port, "largest").body == b"x" * 4096
    assert get(port, "n" * 128).body == b"x"


@pytest.mark.parametrize("level", [".well-known", ".well-known/acme-challenge"])
def test_a_linked_folder_is_not_followed(gateway, port, folders, level):
    root, other = folders("acme"), folders("other")
    put(other, "token", b"x")
    os.makedirs(os.path.dirname(os.path.join(root, level)), exist_ok=True)
    os.symlink(os.path.join(other, level), os.path.join(root, level))
    running = gateway(config(port, root))
    time.sleep(1.5)
    assert get(port, "token").status == 404
    assert len(running.events("acme_webroot_unreadable", 1)) == 1, "said once, not at each look"
    os.unlink(os.path.join(root, level))
    put(root, "token", b"good")
    assert comes(port, "token", b"good")


def test_the_newest_of_many(gateway, port, folders):
    """What was left behind long ago does not stand in the way; of more than 64 the newest are served."""
    root = folders("acme")
    for i in range(80):
        os.utime(put(root, f"old{i}", b"old"), (1000 + i, 1000 + i))
    gateway(config(port, root))
    assert comes(port, "old79", b"old")
    assert get(port, "old16").status == 200 and get(port, "old15").status == 404
    put(root, "new", b"new")
    assert comes(port, "new", b"new")
    assert get(port, "old16").status == 404


def test_thousands_of_strange_names(gateway, port, folders):
    """Bounded: the look is short, the master goes on, and what is asked for comes back when they are gone."""
    root = folders("acme")
    folder = os.path.dirname(put(root, "token", b"x"))
    for i in range(3000):
        os.symlink("/etc/passwd", f"{folder}/strange.{i}")
    running = gateway(config(port, root))
    before = procs.cpu_us(running.pid)
    time.sleep(2)
    assert procs.cpu_us(running.pid) - before < 300_000 * program.SLOW
    assert get(port, "strange.1").status == 404
    for i in range(3000):
        os.unlink(f"{folder}/strange.{i}")
    assert comes(port, "token", b"x")


def test_a_worker_that_comes_later_has_them(gateway, port, folders):
    root = folders("acme")
    put(root, "token", b"x")
    running = gateway(config(port, root), clean=False)
    assert comes(port, "token", b"x")
    before = running.workers()
    os.kill(before[0], 9)
    assert procs.wait_for(lambda: len(running.workers()) == 2 and before[0] not in running.workers(), 5)
    assert comes(port, "token", b"x")


def test_other_listeners_know_nothing_of_it(gateway, port, folders):
    root, other = folders("acme"), program.free_port()
    put(root, "token", b"x")
    gateway(config(port, root, more=f"[listener:other]\nbind = 127.0.0.1:{other}\n"))
    assert comes(port, "token", b"x")
    assert get(other, "token").body.startswith(b"route")


def test_workers_open_nothing(gateway, port, folders):
    root = folders("acme")
    put(root, "token", b"x")
    running = gateway(config(port, root))
    assert comes(port, "token", b"x")
    for pid in running.workers():
        links = procs.links(pid)
        assert not [link for link in links if root in link or "acme" in link or "inotify" in link], links
