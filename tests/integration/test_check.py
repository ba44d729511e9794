"""`check`, `config` and what `run` says to a configuration that it refuses (spec 2 and 3)."""
import os
import re

import pytest

import gateway as program

GOOD = """\
[listener:main]
bind = 127.0.0.1:8080

[route:all]
host = example.com
pool = app

[pool:app]
backend = 10.0.1.10:8080
"""


def with_line(line, after="[listener:main]", text=GOOD):
    """The good text with a line put in below another: its number is given, too."""
    lines = text.splitlines()
    at = lines.index(after) + 1
    lines.insert(at, line)
    return "\n".join(lines) + "\n", at + 1


def test_good(check):
    code, text = check(GOOD)
    assert code == 0 and "error" not in text


def test_t_is_check(folders):
    path = program.write_config(folders(), GOOD)
    assert program.command("-t", "-c", path)[0] == 0
    path = program.write_config(folders(), GOOD + "nonsense = 1\n")
    assert program.command("-t", "-c", path)[0] == 1


@pytest.mark.parametrize("after, line, words", [
    ("[pool:app]", "conect_timeout = 1s", ['unknown key "conect_timeout" in [pool:app]', 'did you mean "connect_timeout"?']),
    ("[listener:main]", "header_max = 100000000000g", ["header_max"]),
    ("[listener:main]", "header_max = 5", ["header_max", "5"]),
    ("[listener:main]", "header_timeout = 10", ["header_timeout", "unit"]),
    ("[listener:main]", "client_idle = soon", ["client_idle", "soon"]),
    ("[listener:main]", "access_log = maybe", ["access_log", "maybe"]),
    ("[listener:main]", "bind = 127.0.0.1:99999", ["bind", "99999"]),
    ("[listener:main]", "bind = nowhere", ["bind", "nowhere"]),
    ("[listener:main]", "tls = none-such", ["none-such"]),
    ("[listener:main]", "cert = none-such.pem", ["cert", "key_file"]),
    ("[route:all]", "priority = high", ["priority", "high"]),
    ("[route:all]", "to = 10.0.0.1:80", ["to"]),
    ("[route:all]", "redirect = 200 http://x/", ["redirect"]),
    ("[route:all]", "path = relative", ["path"]),
    ("[route:all]", "request_header = paint X-A: 1", ["request_header"]),
    ("[route:all]", "request_header = set Host: x", ["request_header"]),
    ("[pool:app]", "balance = fastest", ["balance", "fastest"]),
    ("[pool:app]", "backend = 10.0.0.1:80 weight=0", ["weight"]),
    ("[pool:app]", "backend = 10.0.0.1:0", ["backend"]),
    ("[pool:app]", " retries = 1", ["blank"]),
    ("[pool:app]", "retries : 1", [":"]),
    ("[pool:app]", "host = a ; b", [";"]),
    ("[pool:app]", "retries = 1\x01", ["control"]),
    ("[pool:app]", "k" * 60 + " = 1", ["48"]),
    ("[pool:app]", "retries", ["="]),
    ("[pool:app]", "[pool:UPPER]", ["UPPER"]),
    ("[pool:app]", "[poool:x]", ["poool", 'did you mean "pool"?']),
])
def test_every_error_has_its_line(check, after, line, words):
    text, number = with_line(line, after)
    code, said = check(text)
    assert code == 1
    there = [row for row in said.splitlines() if row.startswith(f"sallyport.ini:{number}: error: ")]
    assert there, said
    for word in words:
        assert word in said, said


def test_the_words_of_the_page(check):
    """The three examples of the specification, and the count."""
    text = GOOD.replace("pool = app", "pool = ap").replace("10.0.1.10:8080", "169.254.169.254:80") + "conect_timeout = 1s\n"
    code, said = check(text)
    assert code == 1
    lines = said.strip().splitlines()
    assert 'sallyport.ini:6: error: [route:all] pool = "ap": no such pool; did you mean "app" (sallyport.ini:8)?' in lines
    assert "sallyport.ini:9: error: backend = 169.254.169.254:80: link-local and metadata addresses are never allowed" in lines
    assert 'sallyport.ini:10: error: unknown key "conect_timeout" in [pool:app]; did you mean "connect_timeout"?' in lines
    assert lines[-1].startswith("sallyport.ini: 3 errors")


def test_a_scalar_twice_names_both_places(check):
    text, number = with_line("retries = 1\nretries = 0", "[pool:app]")
    code, said = check(text)
    assert code == 1
    assert re.search(rf"^sallyport.ini:{number + 1}: error: .*retries.*sallyport.ini:{number}\b", said, re.M), said


def test_warnings_and_strict(check):
    """A route that can never match is a warning: 0, with --strict 3."""
    text = GOOD + "\n[route:never]\nhost = example.com\npool = app\n"
    code, said = check(text)
    assert code == 0 and "warning" in said and "route:never" in said
    assert check(text, "--strict")[0] == 3
    assert check(GOOD, "--strict")[0] == 0


def test_idle_order_is_warned_of(check):
    text, number = with_line("client_idle = 50s")
    text = "[gateway]\nbehind = alb\ntrusted = 10.0.0.0/8\n" + text
    code, said = check(text)
    if "not in this build" in said:
        pytest.skip("behind is not in this build")
    assert f"sallyport.ini:{number + 3}: warning: client_idle = 50s" in said and "[idle-order]" in said


def test_not_in_this_build(check):
    """Known, but its feature is not built: said so, never accepted silently."""
    code, said = check(GOOD + "\n[listener:x]\nbind = 127.0.0.1:1\nhttp2 = yes\n")
    assert code == 1 and "not in this build" in said


@pytest.mark.parametrize("arguments", [["frobnicate"], ["check", "--nonsense"], ["run", "-c"], ["check", "-c", "x", "extra"]])
def test_wrong_usage_is_2(arguments):
    code, out, err = program.command(*arguments)
    assert code == 2 and re.search("usage|help", (out + err).lower())


def test_no_such_file(folders):
    code, _, err = program.command("check", "-c", folders() + "/none.ini")
    assert code == 1 and "none.ini" in err


def test_run_refuses_with_78(folders):
    path = program.write_config(folders(), GOOD + "nonsense = 1\n")
    code, out, err = program.command("run", "-c", path)
    assert code == 78 and "nonsense" in out + err


def test_version():
    for argument in ("version", "-V"):
        code, out, _ = program.command(argument)
        assert code == 0 and "sallyport" in out.lower() and "OpenSSL 3." in out and "libevent" in out.lower()


# --- files ---

@pytest.mark.parametrize("mode", [0o666, 0o662, 0o620])
def test_config_writable_by_others(folders, mode):
    where = folders()
    path = program.write_config(where, GOOD)
    os.chmod(path, mode)
    code, _, err = program.command("check", "-c", path)
    assert code == 1 and "writ" in err


def test_folder_writable_by_others(folders):
    where = folders()
    path = program.write_config(where, GOOD)
    os.chmod(where, 0o777)
    code, _, err = program.command("check", "-c", path)
    os.chmod(where, 0o700)
    assert code == 1 and "writ" in err


def secure(leaf, key=None):
    return GOOD.replace("bind = 127.0.0.1:8080", f"bind = 127.0.0.1:8080\ncert = {leaf.chain}\nkey_file = {key or leaf.key}")


def test_key_readable_by_others(check, ca):
    leaf = ca.leaf("readable.example")
    assert check(secure(leaf))[0] == 0
    os.chmod(leaf.key, 0o644)
    code, said = check(secure(leaf))
    assert code == 1 and "key" in said and "read" in said


def test_key_of_another_certificate(check, ca, leaf):
    code, said = check(secure(leaf, ca.leaf("other.example").key))
    assert code == 1 and "sallyport.ini:" in said and re.search("match|belong", said)


def test_expired_certificate(check, ca):
    """Warned of, not refused: a restart of the gateway must not fail for it."""
    text = secure(ca.leaf("old.example", days=-1))
    code, said = check(text)
    assert code == 0 and "warning: cert = " in said and "EXPIRED" in said and "[certificate-dates]" in said
    assert check(text, "--strict")[0] == 3


def tls_section(ca, leaf, verify, crl):
    return f"""\
[listener:l]
bind = 127.0.0.1:1024
tls = t
[tls:t]
cert = {leaf.chain}
key_file = {leaf.key}
client_ca = {ca.cert}
client_verify = {verify}
crl = {crl}
[route:a]
host = *
respond = 200
"""


@pytest.mark.parametrize("verify, late", [("required", True), ("off", False)])
def test_a_revocation_list_out_of_date(check, ca, leaf, verify, late):
    code, said = check(tls_section(ca, leaf, verify, ca.crl(next_update="20200201000000Z")))
    assert code == 0 and ("OUT OF DATE" in said) == late, said
    assert "OUT OF DATE" not in check(tls_section(ca, leaf, verify, ca.crl()))[1]


def test_include(folders):
    where = folders()
    os.makedirs(f"{where}/conf.d", mode=0o700)
    for name, text in (("b.ini", "[route:b]\nhost = b.example\npool = app\n"), ("a.ini", "[route:a]\nhost = a.example\npool = app\n")):
        program.write_config(f"{where}/conf.d", text, name)
    path = program.write_config(where, "[gateway]\ninclude = conf.d/*.ini\n" + GOOD)
    code, out, err = program.command("config", "-c", path)
    assert code == 0, err
    assert out.index("[route:a]") < out.index("[route:b]") and "conf.d/a.ini" in out
    program.write_config(f"{where}/conf.d", "[pool:app]\nretries = 0\nbogus = 1\n", "c.ini")
    code, _, err = program.command("check", "-c", path)
    assert code == 1 and re.search(r"conf\.d/c\.ini:3: error: .*bogus", err), err


def test_an_include_may_not_change_a_scalar(folders):
    where = folders()
    os.makedirs(f"{where}/conf.d", mode=0o700)
    program.write_config(f"{where}/conf.d", "[pool:app]\nretries = 0\n", "a.ini")
    path = program.write_config(where, "[gateway]\ninclude = conf.d/*.ini\n" + GOOD + "retries = 1\n")
    code, _, err = program.command("check", "-c", path)
    assert code == 1 and "retries" in err and "conf.d/a.ini:2" in err


def test_variables(check):
    text = GOOD.replace("host = example.com", "host = ${HOST_NAME}, ${OTHER:-fallback.example}")
    assert check(text, env={"HOST_NAME": "env.example"})[0] == 0
    code, said = check(text)
    assert code == 1 and "sallyport.ini:5: error: " in said and "HOST_NAME" in said


def test_long_lines_are_read_whole(check):
    """Past the packaged inih's 199 bytes, where a tail could become a line of its own."""
    hosts = ", ".join(f"host{i}.example.com" for i in range(200))
    assert check(GOOD.replace("host = example.com", f"host = {hosts}"))[0] == 0
    tail = "x" * 192 + "\n"
    code, said = check(GOOD + "# " + "y" * 197 + "bogus = 1\n" + "# " + tail)
    assert code == 0, said


# --- config ---

def origin_of(dump, line):
    """The nearest comment above: where the value was set."""
    rows = dump.splitlines()
    return [row[2:] for row in rows[:rows.index(line)] if row.startswith("# ") and not row.startswith("# not set")][-1]


def test_config_shows_all_with_origin(folders):
    path = program.write_config(folders(), GOOD)
    code, out, _ = program.command("config", "-c", path)
    assert code == 0 and program.command("-T", "-c", path)[1] == out
    assert origin_of(out, "backend = 10.0.1.10:8080").endswith("sallyport.ini:9")
    assert origin_of(out, "header_max = 16k") == "default"


def test_config_is_a_configuration(folders):
    """What it prints is read again, to the same."""
    path = program.write_config(folders(), GOOD)
    once = program.command("config", "-c", path)[1]
    where = folders()
    code, twice, err = program.command("config", "-c", program.write_config(where, once))
    assert code == 0, err

    def values(text):
        return [line.partition("#")[0].rstrip() for line in text.splitlines() if line and not line.startswith("#")]
    assert values(once) == values(twice)


def test_no_secret_is_printed(folders, leaf):
    path = program.write_config(folders(), secure(leaf))
    _, out, err = program.command("config", "-c", path)
    assert "PRIVATE KEY" not in out + err
    with open(leaf.key, encoding="ascii") as file:
        assert file.read().splitlines()[1] not in out + err


@pytest.mark.parametrize("name", sorted(os.listdir(os.path.join(program.ROOT, "conf"))) if os.path.isdir(
    os.path.join(program.ROOT, "conf")) else [])
def test_the_shipped_files_check(name, folders, ca):
    """conf/*.ini, with certificates where they name some."""
    where = folders("conf")
    with open(os.path.join(program.ROOT, "conf", name), encoding="utf-8") as file:
        text = file.read()
    leaf = ca.leaf("example.com", "www.example.com")
    for key, source in (("cert", leaf.chain), ("key_file", leaf.key)):
        for path in re.findall(rf"^{key}\s*=\s*(\S+)$", text, re.M):
            target = os.path.join(where, path.lstrip("/"))
            os.makedirs(os.path.dirname(target), mode=0o700, exist_ok=True)
            with open(source, "rb") as old, open(os.open(target, os.O_CREAT | os.O_WRONLY, 0o600), "wb") as new:
                new.write(old.read())
            text = text.replace(f"= {path}", f"= {target}")
    code, out, err = program.command("check", "-c", program.write_config(where, text, name))
    assert code == 0, out + err
