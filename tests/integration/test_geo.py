"""[geo:NAME]: by country and network of the client; databases that change, and databases that nobody should believe."""
import os
import pathlib
import random
import re
import shutil
import signal

import pytest

import backends
import gateway as program
import mmdb
import page
import procs
from wire import Client, answer

HERE = pathlib.Path(__file__).resolve().parent
OK = backends.always(answer(body=b"ok"))
TRUSTED = "trusted = 127.0.0.1"

WORLD = {
    "198.51.100.0/24": {"country": {"iso_code": "FR"}},
    "198.51.100.128/25": {"country": {"iso_code": "CH"}},
    "203.0.113.0/24": {"country": {"iso_code": "DE"}},
    "192.0.2.0/24": {"continent": {"code": "AN"}},
    "2001:db8:1::/48": {"country": {"iso_code": "KP"}},
    "2001:db8:2::/48": {"country": {"iso_code": "DE"}},
}
NETWORKS = {
    "198.51.100.0/24": {"autonomous_system_number": 64496, "autonomous_system_organization": "One"},
    "203.0.113.0/24": {"autonomous_system_number": 4200000000, "autonomous_system_organization": "Two"},
}


def put(folder, networks, name="world.mmdb", **how):
    """As one replaces such a file: written beside it, then renamed."""
    path = pathlib.Path(folder) / name
    new = path.with_suffix(".new")
    new.write_bytes(networks if isinstance(networks, bytes) else mmdb.make(networks, **how))
    new.chmod(0o644)
    new.rename(path)
    return path


def status_of(port, client, path="/"):
    with Client(port) as connection:
        return connection.ask(target=path, fields=[("X-Forwarded-For", client)]).status


def statuses(port, *clients, path="/"):
    return [status_of(port, client, path) for client in clients]


@pytest.fixture
def geo(gateway, backend, port, folders):
    """A gateway with [geo:g] at its listener, over such a database: rules(text, networks, ...) -> (gateway, port, its folder of databases)."""

    def rules(text, networks=None, more="", listener="geo = g", route="", **how):
        folder = folders("geo")
        path = put(folder, WORLD if networks is None else networks, **how)
        parts = program.ini(port, backend(OK).port, gateway=TRUSTED, listener=listener, route=route,
                            more=f"[geo:g]\ndatabase = {path}\n{text}\n{more.replace('DB', str(path))}")
        return gateway(parts), port, folder

    return rules


def rule_line(running, line):
    with open(os.path.join(running.folder, "sallyport.ini"), encoding="ascii") as file:
        return file.read().splitlines()[int(line["rule"].rpartition(":")[2]) - 1]


def test_the_example_is_what_the_writer_makes():
    """The unit tests have no writer of their own."""
    made = mmdb.make({"198.51.100.0/24": {"country": {"iso_code": "FR"}, "autonomous_system_number": 64496},
                      "203.0.113.0/24": {"country": {"iso_code": "DE"}},
                      "2001:db8:1::/48": {"country": {"iso_code": "KP"}}}, aliases=("2002::/16",))
    assert (HERE.parent / "lib" / "example.mmdb").read_bytes() == made


@pytest.mark.parametrize("size", [24, 28, 32])
def test_countries(geo, size):
    running, port, _ = geo("deny = kp, FR", size=size)
    assert statuses(port, "198.51.100.7", "198.51.100.200", "203.0.113.7", "8.8.8.8") == [403, 200, 200, 200]
    assert statuses(port, "2001:db8:1::7", "2001:db8:2::7", "2001:db8:3::7", "::ffff:198.51.100.7") == [403, 200, 200, 403]
    lines = running.access(8)
    denied = next(line for line in lines if line["client"] == "198.51.100.7")
    assert (denied["cause"], denied["at"], denied["status"], denied["country"]) == ("denied_geo", "header", 403, "FR")
    assert rule_line(running, denied) == "deny = kp, FR"
    assert {line["client"]: line["country"] for line in lines}["203.0.113.7"] == "DE"
    assert {line["client"]: line["country"] for line in lines}["8.8.8.8"] is None


def test_the_rule_is_that_of_its_own_line(geo):
    running, port, _ = geo("deny = KP\ndeny = FR\nallow = DE\nallow = CH, FR")
    assert statuses(port, "198.51.100.7", "203.0.113.7") == [403, 200]
    denied = next(line for line in running.access(2) if line["status"] == 403)
    assert rule_line(running, denied) == "deny = FR"


def test_allow_makes_the_rest_denied(geo):
    running, port, _ = geo("allow = DE, CH")
    assert statuses(port, "203.0.113.7", "198.51.100.200", "198.51.100.7", "2001:db8:1::1") == [200, 200, 403, 403]
    denied = next(line for line in running.access(4) if line["status"] == 403)
    assert rule_line(running, denied) == "allow = DE, CH"


@pytest.mark.parametrize("word, wanted", [("", 200), ("unknown = allow", 200), ("unknown = deny", 403)])
def test_unknown(geo, word, wanted):
    """Not in the database, or there without a country; whatever allow says."""
    running, port, _ = geo(f"allow = DE\n{word}")
    assert statuses(port, "8.8.8.8", "192.0.2.7", "2001:db8:9::1") == [wanted] * 3
    assert statuses(port, "203.0.113.7") == [200]
    if wanted == 403:
        assert rule_line(running, next(line for line in running.access(4) if line["status"] == 403)) == "unknown = deny"


def test_private_addresses_are_exempt(geo):
    _, port, _ = geo("allow = DE\nunknown = deny")
    private = ["10.1.2.3", "172.16.0.1", "192.168.7.7", "100.64.0.1", "127.0.0.9", "fd00::1", "::1", "fe80::1", "::ffff:10.0.0.1"]
    assert statuses(port, *private) == [200] * len(private)
    with Client(port) as client:            # the balancer itself, which has named nobody
        assert client.ask().status == 200


@pytest.mark.parametrize("how", [{}, {"version": 4}])
def test_networks(geo, how):
    running, port, _ = geo("deny = AS64496, 4200000000", NETWORKS, **how)
    assert statuses(port, "198.51.100.7", "203.0.113.7", "8.8.8.8", "2001:db8::1") == [403, 403, 200, 200]
    assert running.access(4)[0]["country"] is None


@pytest.mark.parametrize("record", [{"country_code": "FR"}, {"country": "FR"}, {"country": {"iso_code": "fr", "names": {"en": "France"}}}])
def test_shapes_of_records(geo, record):
    _, port, _ = geo("deny = FR", {"198.51.100.0/24": record})
    assert statuses(port, "198.51.100.7", "203.0.113.7") == [403, 200]


def test_other_ways_to_the_ipv4_addresses(geo):
    """6to4: a client behind it is where its IPv4 address is."""
    _, port, _ = geo("deny = FR", aliases=("2002::/16", "2001:0::/32"))
    assert statuses(port, "2002:c633:6407::1", "2002:cb00:7107::1", "2001:0:c633:6407::1") == [403, 200, 403]


def test_listener_and_route_must_both_pass(geo):
    _, port, _ = geo("deny = FR", listener="geo = g, second", route="geo = g, only", more="[geo:second]\ndatabase = DB\ndeny = KP\n"
                     "[geo:only]\ndatabase = DB\nallow = DE\n[route:open]\npath = /open*\nrespond = 200 hello\n")
    assert statuses(port, "198.51.100.7", "2001:db8:1::1", "198.51.100.200", "203.0.113.7") == [403, 403, 403, 200]
    assert statuses(port, "198.51.100.7", "2001:db8:1::1", "198.51.100.200", "203.0.113.7", path="/open") == [403, 403, 200, 200]


def test_addresses_first_then_countries_then_limits(geo):
    running, port, _ = geo("deny = FR", listener="deny = 198.51.100.1\ngeo = g\nlimit = few", more="[limit:few]\nrate = 1/h\nburst = 1\n")
    assert statuses(port, *["198.51.100.1", "198.51.100.2", "198.51.100.2", "203.0.113.7", "203.0.113.7"]) == [403, 403, 403, 200, 429]
    assert [line["cause"] for line in running.access(5)] == ["denied_ip", "denied_geo", "denied_geo", "ok", "limited"]


def test_metrics_and_status(gateway, backend, port, folders):
    path = put(folders("geo"), WORLD)
    admin = program.free_port()
    running = gateway(program.ini(port, backend(OK).port, gateway=TRUSTED, listener="geo = g",
                                  more=f"[geo:g]\ndatabase = {path}\ndeny = FR\n{page.admin(admin)}"), )
    statuses(port, "198.51.100.7", "198.51.100.8", "203.0.113.7", "8.8.8.8", "10.0.0.1")
    for decision, count in (("denied", 2), ("allowed", 1), ("unknown_allowed", 1), ("unknown_denied", 0), ("exempt", 1)):
        page.eventually(admin, "geo_decisions_total", count, geo="g", decision=decision)
    page.eventually(admin, "http_ends_total", 2, cause="denied_geo")
    _, _, text = page.ask(admin, "/status.json")
    assert '"geo"' in text and '"denied"' in text
    assert running.process.poll() is None


# ---- databases that change

def test_a_new_database_is_taken(geo):
    running, port, folder = geo("deny = FR")
    assert statuses(port, "198.51.100.7", "203.0.113.7") == [403, 200]
    with Client(port) as kept:
        assert kept.ask(fields=[("X-Forwarded-For", "203.0.113.7")]).status == 200
        put(folder, {"203.0.113.0/24": {"country": {"iso_code": "FR"}}})
        assert procs.wait_for(lambda: status_of(port, "203.0.113.7") == 403, 30 * program.SLOW), running.err()[-2000:]
        assert kept.ask(fields=[("X-Forwarded-For", "203.0.113.7")]).status == 403, "the same connection, without a reload"
    assert statuses(port, "198.51.100.7") == [200]


def test_a_broken_one_is_refused_and_the_old_one_stays(geo):
    running, port, folder = geo("deny = FR")
    whole = mmdb.make(WORLD)
    put(folder, whole[:len(whole) // 2])
    assert procs.wait_for(lambda: running.events("file_not_renewed"), 30 * program.SLOW)
    assert re.search(r"sallyport\.ini:\d+: error: database = .*world\.mmdb: is no MaxMind database", running.err())
    assert statuses(port, "198.51.100.7", "203.0.113.7") == [403, 200]
    put(folder, {"203.0.113.0/24": {"country": {"iso_code": "FR"}}})
    assert procs.wait_for(lambda: status_of(port, "203.0.113.7") == 403, 30 * program.SLOW)


def test_a_database_of_the_other_kind_is_refused(geo):
    running, port, folder = geo("deny = FR")
    put(folder, NETWORKS)
    assert procs.wait_for(lambda: running.events("file_not_renewed"), 30 * program.SLOW)
    assert "deny = FR: a country, and the database knows only AS numbers" in running.err()
    assert statuses(port, "198.51.100.7") == [403]


def test_reload_that_is_refused_changes_nothing(geo):
    running, port, folder = geo("deny = FR")
    put(folder, b"nothing of the kind" * 100)
    running.signal(signal.SIGHUP)
    assert procs.wait_for(lambda: running.events("reload_refused"), 30 * program.SLOW)
    assert statuses(port, "198.51.100.7", "203.0.113.7") == [403, 200]


# ---- databases that nobody should believe

def loops():
    """A tree whose second node leads back to itself."""
    whole = bytearray(mmdb.make({"203.0.113.0/24": {"country": {"iso_code": "DE"}}}))
    whole[6 + 3:6 + 6] = (1).to_bytes(3, "big")
    return bytes(whole)


def shares():
    """Many nodes that lead to one and the same: a tree of 2^n leaves."""
    whole = bytearray(mmdb.make({"2001:db8::/96": {"country": {"iso_code": "DE"}}}))
    for node in range(80):
        whole[6 * node:6 * node + 6] = (node + 1).to_bytes(3, "big") * 2
    return bytes(whole)


@pytest.mark.parametrize("name, content, said", [
    ("empty", b"", "is empty"),
    ("text", b"# no database\n" * 40, "is no MaxMind database"),
    ("loop", loops(), "reached in several ways|deeper than an address"),
    ("shared", shares(), "reached in several ways"),
    ("no countries", mmdb.make({"203.0.113.0/24": {"city": "x"}}), "knows neither countries nor AS numbers"),
    ("wrong version", mmdb.make(WORLD).replace(b"ip_version\xa1\x06", b"ip_version\xa1\x05"), "MaxMind|neither IPv4 nor IPv6"),
], ids=lambda value: value if isinstance(value, str) and len(value) < 20 else "x")
def test_refused_at_the_start(check, folders, name, content, said):
    folder = folders("geo")
    path = put(folder, content)
    code, text = check("[listener:l]\nbind = 127.0.0.1:1\ngeo = g\n[route:r]\nrespond = 200\n"
                       f"[geo:g]\ndatabase = {path}\ndeny = DE\n")
    assert code == 1 and re.search(rf"sallyport\.ini:7: error: database = .*world\.mmdb: .*({said})", text), text


def test_who_may_write_it_is_looked_at(check, folders):
    folder = folders("geo")
    path = put(folder, WORLD)
    path.chmod(0o666)
    code, text = check("[listener:l]\nbind = 127.0.0.1:1\ngeo = g\n[route:r]\nrespond = 200\n"
                       f"[geo:g]\ndatabase = {path}\ndeny = DE\n")
    assert code == 1 and "can be written by everybody" in text


@pytest.mark.parametrize("count", [40, pytest.param(1000, marks=pytest.mark.long)])
def test_damaged_ones_under_load(geo, count):
    """Each is taken or refused; the gateway answers all the while, and nobody dies of them."""
    running, port, folder = geo("deny = FR")
    chance = random.Random(20261127)
    whole = mmdb.make(WORLD)
    processes = sorted(running.workers())
    config = os.path.join(running.folder, "sallyport.ini")
    for _ in range(count):
        damaged = bytearray(whole)
        for _ in range(chance.randrange(1, 6)):
            damaged[chance.randrange(len(damaged))] = chance.randrange(256)
        if chance.random() < 0.2:
            del damaged[chance.randrange(len(damaged)):]
        put(folder, bytes(damaged))
        code, _, said = program.command("check", "-c", config)
        assert code in (0, 1) and "signal" not in said, said
        assert status_of(port, "203.0.113.7") in (200, 403)
    put(folder, {"203.0.113.0/24": {"country": {"iso_code": "FR"}}})
    assert procs.wait_for(lambda: status_of(port, "203.0.113.7") == 403, 60 * program.SLOW)
    assert sorted(running.workers()) == processes


SHARED = HERE.parents[2] / "shared" / "geo"


@pytest.mark.skipif(not SHARED.is_dir(), reason="MaxMind's public test databases are not here")
@pytest.mark.parametrize("name", sorted(str(path.relative_to(SHARED)) for path in SHARED.rglob("*.mmdb")) if SHARED.is_dir() else [])
def test_public_test_databases(check, folders, name):
    """Those that are broken are refused in our own words; nothing dies of one."""
    path = pathlib.Path(folders("geo")) / "world.mmdb"
    shutil.copyfile(SHARED / name, path)
    path.chmod(0o644)
    code, text = check("[listener:l]\nbind = 127.0.0.1:1\ngeo = g\n[route:r]\nrespond = 200\n"
                       f"[geo:g]\ndatabase = {path}\nunknown = deny\n")
    good = name.startswith("Geo") and "bad" not in name
    assert code == (0 if good else 1) and "signal" not in text, text
