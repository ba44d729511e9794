"""allow and deny: by the client's address, of listener and route, lists in files that change."""
import os

import pytest

import backends
import gateway as program
import procs
from wire import Client, answer

OK = backends.always(answer(body=b"ok"))


def status(port, source="127.0.0.1", path="/"):
    with Client(port, source=source) as client:
        return client.ask(target=path).status


def served(port, source="127.0.0.1"):
    return status(port, source) == 200


def test_deny_and_allow_of_a_listener(serve):
    running, behind, port = serve(OK, listener="allow = 127.0.0.0/28\ndeny = 127.0.0.9")
    assert [status(port, f"127.0.0.{i}") for i in (1, 8, 9, 10, 16, 200)] == [200, 200, 403, 200, 403, 403]
    assert len(behind.requests) == 3
    denied, allowed = (next(line for line in running.access(6) if line["client"] == who) for who in ("127.0.0.9", "127.0.0.16"))
    with open(os.path.join(running.folder, "sallyport.ini"), encoding="ascii") as file:
        lines = [line.strip() for line in file]
    for line, rule in ((denied, "deny = 127.0.0.9"), (allowed, "allow = 127.0.0.0/28")):
        assert (line["cause"], line["at"], line["status"]) == ("denied_ip", "header", 403)
        assert lines[int(line["rule"].rpartition(":")[2]) - 1] == rule


def test_listener_and_route_must_both_pass(serve):
    _, _, port = serve(OK, listener="deny = 127.0.0.2", route="allow = 127.0.0.2, 127.0.0.3",
                       more="[route:open]\npath = /open*\nrespond = 200 hello\n")
    assert [status(port, f"127.0.0.{i}") for i in (2, 3, 4)] == [403, 200, 403]
    assert [status(port, f"127.0.0.{i}", "/open") for i in (2, 3, 4)] == [403, 200, 200]


def test_the_client_is_whom_a_trusted_balancer_names(serve):
    _, _, port = serve(OK, gateway="trusted = 127.0.0.1", listener="deny = 203.0.113.0/24")
    with Client(port) as client:
        assert client.ask(fields=[("X-Forwarded-For", "203.0.113.7")]).status == 403
        assert client.ask(fields=[("X-Forwarded-For", "198.51.100.7")]).status == 200
    with Client(port, source="127.0.0.2") as client:    # not trusted: its word counts for nothing
        assert client.ask(fields=[("X-Forwarded-For", "203.0.113.7")]).status == 200


def test_health_is_answered_to_all(serve):
    _, _, port = serve(OK, listener="allow = 10.0.0.0/8")
    assert status(port, path="/healthz") == 200 and status(port) == 403


def listed(folder, text):
    path = os.path.join(folder, "bots.txt")
    with open(path + ".new", "w", encoding="ascii") as file:
        file.write(text)
    os.chmod(path + ".new", 0o600)
    os.rename(path + ".new", path)


def test_a_list_in_a_file_is_taken_when_it_changes(gateway, backend, port, folders):
    folder = folders("lists")
    listed(folder, "# the first\n127.0.0.7   ; said by somebody\n\n")
    running = gateway(program.ini(port, backend(OK).port, listener="deny = @bots",
                                  more=f"[addresses:bots]\ncidr = 127.0.0.5\nfile = {folder}/bots.txt\n"))
    assert [served(port, f"127.0.0.{i}") for i in (5, 6, 7)] == [False, True, False]
    listed(folder, "".join(f"10.{i >> 8 & 255}.{i & 255}.0/24\n" for i in range(5000)) + "127.0.0.6\n")
    assert procs.wait_for(lambda: not served(port, "127.0.0.6"), 30 * program.SLOW), running.err()[-2000:]
    assert [served(port, f"127.0.0.{i}") for i in (5, 7)] == [False, True]
    listed(folder, "127.0.0.8\n127.0.0.300\n127.0.0.1/8\n")
    assert procs.wait_for(lambda: running.events("file_not_renewed"), 30 * program.SLOW)
    said = running.err()
    assert "bots.txt:2: error: cidr = 127.0.0.300: not an address or CIDR" in said
    assert "bots.txt:3: error: cidr = 127.0.0.1/8: bits are set behind the prefix; did you mean 127.0.0.0/8?" in said
    assert not served(port, "127.0.0.6") and served(port, "127.0.0.8")          # the one before stays
    listed(folder, "127.0.0.8\n")
    assert procs.wait_for(lambda: not served(port, "127.0.0.8"), 30 * program.SLOW)
    assert served(port, "127.0.0.6")


@pytest.mark.parametrize("text", ["# nobody\n", " \n"])
def test_an_allow_that_allows_nobody(gateway, backend, port, folders, text):
    folder = folders("lists")
    listed(folder, text)
    gateway(program.ini(port, backend(OK).port, listener="allow = @bots", more=f"[addresses:bots]\nfile = {folder}/bots.txt\n"))
    assert not served(port)


def test_what_is_said_of_a_bad_list(check, folders):
    folder = folders("lists")
    listed(folder, "10.0.0.0/8\r\n" + "@x\n" + "\x1b[31m\n" + "x" * 5000 + "\n" + "y\n" * 20)
    ini = program.ini(18080, 18081, listener="deny = @bots", more=f"[addresses:bots]\nfile = {folder}/bots.txt\n")
    code, said = check(ini)
    assert code == 1 and said.count("bots.txt:") == 11 and "\x1b" not in said and len(said) < 8000, said
    assert "bots.txt:2: error: cidr = @x: a list of addresses cannot hold another" in said
    assert "the lines behind it are not looked at" in said
