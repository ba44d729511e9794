"""`sallyport export`: the network around the gateway, as its file implies, in the words of nft, CloudFormation and systemd."""
import os
import re
import shutil
import subprocess

import pytest
import yaml

import gateway as program

INI = """[gateway]
user = nobody
{gateway}
[egress]
allow = 10.0.1.10:8080, 10.0.2.0/24:9000-9005, fd00:2::/64:8443, 127.0.0.1:9
{resolver}
[listener:https]
bind = 0.0.0.0:8443, [::]:8443, 127.0.0.1:8444
{listener}
[listener:passed]
bind = fd:web
[listener:local]
bind = unix:run/x.sock
[route:all]
to = 10.0.1.10:8080
"""
BALANCED = {"gateway": "behind = nlb\ntrusted = 10.9.0.0/24, fd00:9::/64", "listener": "proxy_protocol = required"}


@pytest.fixture
def export(folders):
    def run(form, text=None, **parts):
        folder = folders("export")
        path = program.write_config(folder, INI.format(**{"gateway": "", "listener": "", "resolver": "", **parts}) if text is None else text)
        code, out, err = program.command("export", form, "-c", path)
        assert code == 0 and " error: " not in err, err
        return out.replace(folder + "/", "")
    return run


# ---- nftables

def in_namespace(*command, text=None):
    if not shutil.which("nft") or subprocess.run(["unshare", "-n", "true"], capture_output=True, check=False).returncode != 0:
        pytest.skip("NOT SEEN: no nft here, or no right to make a network namespace")
    return subprocess.run(["unshare", "-n", *command], input=text, capture_output=True, text=True, check=False, timeout=60)


@pytest.mark.parametrize("parts", [{}, BALANCED], ids=["open", "balanced"])
def test_nft_takes_it(export, parts):
    done = in_namespace("nft", "-c", "-f", "-", text=export("nftables", **parts))
    assert (done.returncode, done.stderr) == (0, "")


TRY = """
import os, socket, subprocess, sys
at = [("10.0.1.10", 8080), ("10.0.1.10", 8081), ("10.0.2.7", 9003), ("10.0.2.7", 9006), ("10.0.3.1", 8080), ("169.254.169.254", 80),
      ("fd00:2::5", 8443), ("fd00:2::5", 8444), ("fd00:3::5", 8443), ("fe80::1%lo", 80), ("127.0.0.1", 9), ("127.0.0.1", 10)]
for words in ("link set lo up", "addr add fe80::1/64 dev lo nodad", *{f"addr add {ip}/32 dev lo" for ip, _ in at[:6]},
              *{f"addr add {ip}/128 dev lo nodad" for ip, _ in at[6:9]}):
    subprocess.run(["ip", *words.split()], check=True)
listening = []
for where in at:
    info = socket.getaddrinfo(*where, type=socket.SOCK_STREAM)[0]
    listening.append(socket.socket(info[0], info[1]))
    listening[-1].setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening[-1].bind(info[4])
    listening[-1].listen()
subprocess.run(["nft", "-f", sys.argv[1]], check=True)
subprocess.run(["nft", "-f", sys.argv[1]], check=True)        # again: it replaces itself
for uid in (65534, 1):
    sys.stdout.flush()
    if os.fork() == 0:
        os.setuid(uid)
        for ip, port in at:
            try:
                socket.create_connection((ip, port), 5).close()
                print(uid, ip, port, "reached")
            except OSError as error:
                print(uid, ip, port, error.strerror)
        sys.stdout.flush()
        os._exit(0)
    os.wait()
# A client's connection is answered by the user's own listener, and so is a datagram that nobody asked for.
listener = socket.socket()
listener.bind(("10.0.3.1", 7777))
if os.fork() == 0:
    os.setuid(65534)
    mine = socket.socket()
    mine.bind(("10.0.3.1", 7778))
    mine.listen()
    mine.accept()[0].sendall(b"answer")
    os._exit(0)
for _ in range(500):
    try:
        client = socket.create_connection(("10.0.3.1", 7778), 5)
        break
    except ConnectionRefusedError:
        pass
print("client", client.recv(10).decode())
os.wait()
"""


def test_its_user_reaches_its_backends_and_nothing_else(export, folders):
    path = os.path.join(folders("rules"), "rules.nft")
    with open(path, "w", encoding="ascii") as file:
        file.write(export("nftables"))
    done = in_namespace("/usr/bin/python3", "-c", TRY, path)
    assert done.returncode == 0, done.stderr
    rows = [line.split(" ", 3) for line in done.stdout.splitlines() if not line.startswith("client")]
    reached = {(ip, int(port)) for uid, ip, port, how in rows if uid == "65534" and how == "reached"}
    assert reached == {("10.0.1.10", 8080), ("10.0.2.7", 9003), ("fd00:2::5", 8443), ("127.0.0.1", 9)}, done.stdout
    others = [how for uid, _, _, how in rows if uid == "1"]
    assert others == ["reached"] * 12, done.stdout
    assert "client answer" in done.stdout


RESOLVED = {"resolver": "resolver = 169.254.169.253, 10.0.2.9:9001"}
ASK = """
import os, socket, subprocess, sys
for words in ("link set lo up", "addr add 169.254.169.253/32 dev lo", "addr add 10.0.2.9/32 dev lo"):
    subprocess.run(["ip", *words.split()], check=True)
at = [("169.254.169.253", 53), ("169.254.169.253", 54), ("10.0.2.9", 9001), ("10.0.2.9", 53)]
listening = []
for where in at:
    for type in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        listening.append(socket.socket(socket.AF_INET, type))
        listening[-1].bind(where)
        if type == socket.SOCK_STREAM:
            listening[-1].listen()
subprocess.run(["nft", "-f", sys.argv[1]], check=True)
os.setuid(65534)
for where in at:
    for type, name in ((socket.SOCK_STREAM, "tcp"), (socket.SOCK_DGRAM, "udp")):
        with socket.socket(socket.AF_INET, type) as s:
            try:
                s.settimeout(5)
                s.connect(where)
                s.send(b"question")
                print(name, *where)
            except OSError:
                pass
"""


def test_name_servers_are_reached_by_tcp_and_udp(export, folders):
    """Link-local ones too, as the one of a VPC: the only thing there that is."""
    path = os.path.join(folders("rules"), "rules.nft")
    with open(path, "w", encoding="ascii") as file:
        file.write(export("nftables", **RESOLVED))
    done = in_namespace("/usr/bin/python3", "-c", ASK, path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["tcp 169.254.169.253 53", "udp 169.254.169.253 53", "tcp 10.0.2.9 9001", "udp 10.0.2.9 9001"]


def test_only_balancers_come_in_where_only_they_are_served(export):
    out = export("nftables", **BALANCED)
    assert re.findall(r"meta nfproto .* drop", out) == [
        "meta nfproto ipv4 ip saddr != { 10.9.0.0/24 } tcp dport 8443 counter drop",
        "meta nfproto ipv6 ip6 saddr != { fd00:9::/64 } tcp dport 8443 counter drop"]
    assert "drop" not in export("nftables")


# ---- security group

class Template(yaml.SafeLoader):
    pass


Template.add_multi_constructor("!", lambda loader, tag, node: (tag, loader.construct_scalar(node)))


def group(text):
    made = yaml.load(text, Template)  # noqa: S506: a SafeLoader with two tags
    return made, made["Resources"]["SallyportSecurityGroup"]["Properties"]


def rules(rows):
    assert all(row["IpProtocol"] == "tcp" and row["Description"] for row in rows)
    return {(row.get("CidrIp", row.get("CidrIpv6")), row["FromPort"], row["ToPort"]) for row in rows}


def test_security_group_open(export):
    made, properties = group(export("security-group"))
    web = ("Ref", "PortOfWeb")
    assert rules(properties["SecurityGroupIngress"]) == {("0.0.0.0/0", 8443, 8443), ("::/0", 8443, 8443), ("0.0.0.0/0", web, web),
                                                         ("::/0", web, web)}
    assert rules(properties["SecurityGroupEgress"]) == {("10.0.1.10/32", 8080, 8080), ("10.0.2.0/24", 9000, 9005),
                                                        ("fd00:2::/64", 8443, 8443)}
    assert made["Parameters"]["PortOfWeb"]["Default"] == 80
    for row in properties["SecurityGroupIngress"] + properties["SecurityGroupEgress"]:      # what EC2 takes
        assert re.fullmatch(r"[a-zA-Z0-9. _\-:/()#,@\[\]+=&;{}!$*]{1,255}", row["Description"])


def test_security_group_behind_a_balancer(export):
    _, properties = group(export("security-group", **BALANCED))
    assert {row[0] for row in rules(properties["SecurityGroupIngress"])} == {"10.9.0.0/24", "fd00:9::/64"}


def test_security_group_that_goes_nowhere(export):
    _, properties = group(export("security-group", text="[listener:a]\nbind = 0.0.0.0:80\n[route:a]\nrespond = 200 hello\n"))
    assert [row["CidrIp"] for row in properties["SecurityGroupEgress"]] == ["127.0.0.1/32"]     # else EC2 lets everything out


# ---- systemd

UNITS = os.path.join(os.path.dirname(__file__), "..", "..", "deploy", "systemd")


def verify(drop_in, tmp_path):
    if not shutil.which("systemd-analyze"):
        pytest.skip("NOT SEEN: no systemd-analyze here")
    for name in ("sallyport.service", "sallyport.socket"):
        with open(os.path.join(UNITS, name), encoding="ascii") as file:
            (tmp_path / name).write_text(file.read().replace("/usr/sbin/sallyport", program.BINARY))
    (tmp_path / "sallyport.service.d").mkdir()
    (tmp_path / "sallyport.service.d" / "network.conf").write_text(drop_in)
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", str(tmp_path / "sallyport.service")], capture_output=True, text=True, check=False,
                          env={**os.environ, "LC_ALL": "C.UTF-8"})
    return [line for line in (done.stdout + done.stderr).splitlines() if "sallyport" in line or "network.conf" in line]


def values(text, key):
    return [line.partition("=")[2] for line in text.splitlines() if line.startswith(key + "=")]


def test_drop_in_of_a_gateway_that_binds(export, tmp_path):
    out = export("systemd")
    assert verify(out, tmp_path) == []
    assert values(out, "SocketBindAllow") == ["", "ipv4:tcp:8443", "ipv6:tcp:8443", "ipv4:tcp:8444", "ipv4:tcp:9180"]
    assert "169.254.0.0/16" in values(out, "IPAddressDeny") and values(out, "IPAddressAllow") == [""]   # clients are not shut out


def test_drop_in_of_a_gateway_with_passed_sockets(export, tmp_path):
    out = export("systemd", text=INI.format(gateway="", listener="", resolver="").replace("0.0.0.0:8443, [::]:8443, 127.0.0.1:8444", "fd:https"))
    assert verify(out, tmp_path) == []
    assert values(out, "IPAddressDeny") == ["", "any"]
    assert values(out, "IPAddressAllow") == ["", "10.0.1.10/32", "10.0.2.0/24", "fd00:2::/64", "127.0.0.1/32", "localhost"]
    assert values(out, "SocketBindAllow") == ["", "ipv4:tcp:9180"]


def test_a_status_page_for_others(export):
    more = "[admin]\nbind = 10.0.9.1:9180\nallow = 10.0.9.0/24, fd00:9::/64\n"
    text = INI.format(gateway="", listener="", resolver="").replace("0.0.0.0:8443, [::]:8443, 127.0.0.1:8444", "fd:https") + more
    assert values(export("systemd", text=text), "IPAddressAllow")[-2:] == ["10.0.9.0/24", "fd00:9::/64"]
    _, properties = group(export("security-group", text=text))
    assert ("10.0.9.0/24", 9180, 9180) in rules(properties["SecurityGroupIngress"])


# ---- usage

@pytest.mark.parametrize("words", [(), ("iptables",), ("nftables", "systemd"), ("--nftables",)])
def test_wrong_usage(words):
    code, out, err = program.command("export", *words)
    assert (code, out) == (2, "") and err.startswith("sallyport export: ")


def test_literal_backends_without_allow(export):
    text = "[listener:a]\nbind = 0.0.0.0:80\n[route:a]\npool = p\n[pool:p]\nbackend = 10.1.2.3:81, 10.1.2.4:82\n"
    assert re.findall(r"daddr (\S+ tcp dport \d+) accept  # (\S+)", export("nftables", text=text)) == [
        ("10.1.2.3/32 tcp dport 81", "sallyport.ini:6"), ("10.1.2.4/32 tcp dport 82", "sallyport.ini:6")]


def test_name_servers_in_the_other_words(export, tmp_path):
    _, properties = group(export("security-group", **RESOLVED))
    out = {(row["IpProtocol"], row.get("CidrIp", row.get("CidrIpv6")), row["FromPort"]) for row in properties["SecurityGroupEgress"]}
    assert {row for row in out if row[0] == "udp"} == {("udp", "169.254.169.253/32", 53), ("udp", "10.0.2.9/32", 9001)}
    assert {("tcp", "169.254.169.253/32", 53), ("tcp", "10.0.2.9/32", 9001)} <= out
    drop_in = export("systemd", **RESOLVED)
    assert verify(drop_in, tmp_path) == []
    assert {"169.254.169.253/32", "10.0.2.9/32"} <= set(values(drop_in, "IPAddressAllow"))


def test_the_systems_name_servers_where_there_is_a_name(export):
    out = export("nftables", text="""[egress]
allow = 10.0.0.0/8
[listener:a]
bind = 127.0.0.1:8080
[route:all]
to = app.internal:80
""")
    with open("/etc/resolv.conf", encoding="ascii") as file:
        servers = re.findall(r"^nameserver\s+([0-9.]+)\s*$", file.read(), re.M)
    if not servers:
        pytest.skip("NOT SEEN: no name server in /etc/resolv.conf here")
    assert f"ip daddr {servers[0]}/32 meta l4proto {{ tcp, udp }} th dport 53 accept  # /etc/resolv.conf" in out


def test_a_refused_file_exports_nothing(folders):
    path = program.write_config(folders("export"), "[listener:a]\nbnid = 0.0.0.0:80\n")
    code, out, err = program.command("export", "nftables", "-c", path)
    assert (code, out) == (1, "") and 'did you mean "bind"?' in err
