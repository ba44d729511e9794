"""What deploy/ lays on a machine: by the real tools where they are here, and against what the stacks say."""
import json
import os
import re
import shutil
import subprocess
import tempfile

import pytest
import yaml

from conftest import SCRIPTS
from roots import bootstrap
from templates import load, prop, resources

DEPLOY = os.path.join(SCRIPTS, "..", "deploy")
LONG = 60


def text_of(*path):
    with open(os.path.join(DEPLOY, *path), encoding="utf-8") as file:
        return file.read()


def tool(*words, **options):
    return subprocess.run(words, capture_output=True, text=True, check=False, timeout=LONG, **options)


# --- sysctl

SYSCTL = dict(re.findall(r"^-?([a-z][\w.*]+) = (.+)$", text_of("sysctl", "60-sallyport.conf"), re.M))


def test_sysctl_lines():
    """Nothing but settings, each once, and what threatens a machine that faces the world is among them."""
    lines = [line for line in text_of("sysctl", "60-sallyport.conf").splitlines() if line and not line.startswith("#")]
    assert len(lines) == len(SYSCTL)
    for key, value in {"net.ipv4.tcp_syncookies": "1", "net.ipv4.ip_forward": "0", "net.ipv4.conf.all.rp_filter": "1",
                       "net.ipv4.conf.all.accept_redirects": "0", "net.ipv4.conf.all.accept_source_route": "0",
                       "net.ipv6.conf.*.accept_redirects": "0", "kernel.kptr_restrict": "2", "kernel.dmesg_restrict": "1",
                       "kernel.unprivileged_bpf_disabled": "1", "fs.protected_symlinks": "1"}.items():
        assert SYSCTL.get(key) == value, key
    backlog = int(re.search(r"^Backlog=(\d+)$", text_of("systemd", "sallyport.socket"), re.M)[1])
    assert int(SYSCTL["net.core.somaxconn"]) >= backlog


def test_sysctl_ports_are_those_of_the_acls():
    low, high = map(int, SYSCTL["net.ipv4.ip_local_port_range"].split())
    templates = load()
    inward = [tuple(entry["PortRange"].values()) for _, name, entry in resources(templates, "EC2::NetworkAclEntry")
              if not entry["Egress"] and name != "PublicInBalancer"]    # whose machines are AWS's, and choose their ports themselves
    assert {pair for pair in inward if pair[0] != pair[1]} == {(low, high)}
    assert f"net.ipv4.ip_local_port_range = {low} {high}" in json.dumps(prop(templates, "backend", "LaunchTemplate"))


def test_sysctl_takes_it(tmp_path):
    """For real, where there is a network of our own to do it in: an interface that was there before has it too. And every
    other setting is one that a kernel has."""
    ours = tmp_path / "net.conf"
    ours.write_text("".join(f"{key} = {value}\n" for key, value in SYSCTL.items()
                            if key.startswith(("net.ipv", "net.core.somaxconn"))))
    have = {key for key in SYSCTL if "*" not in key and os.path.exists("/proc/sys/" + key.replace(".", "/"))}
    assert len(have) > len(SYSCTL) * 3 / 4, set(SYSCTL) - have
    made = tool("unshare", "-n", "sh", "-c", f"ip link add sp0 type veth peer name sp1 && sysctl -q -p {ours} && "
                "sysctl net.ipv4.ip_local_port_range net.core.somaxconn net.ipv4.conf.sp0.accept_redirects net.ipv4.conf.sp0.rp_filter "
                "net.ipv4.conf.sp0.send_redirects net.ipv4.conf.sp0.accept_source_route net.ipv6.conf.sp0.accept_redirects "
                "net.ipv6.conf.sp0.accept_source_route")
    if "ermitted" in made.stderr or "ermission" in made.stderr or "read-only" in made.stderr:
        pytest.skip("NOT SEEN: no network namespace to be had here")
    assert made.returncode == 0 and not made.stderr, made.stderr
    assert [line.split(" = ")[1] for line in made.stdout.splitlines()] == ["32768\t60999", "4096", "0", "1", "0", "0", "0", "0"]


# --- units

@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="NOT SEEN: no systemd-analyze here")
def test_drain_unit(tmp_path):
    unit = tmp_path / "sallyport-drain.service"
    script = os.path.abspath(os.path.join(SCRIPTS, "drain"))
    text = text_of("systemd", "sallyport-drain.service")
    assert "/usr/lib/sallyport/drain --watch --apply --group ${GROUP}" in text
    unit.write_text(text.replace("/usr/lib/sallyport/drain", script))
    done = tool("systemd-analyze", "verify", str(unit))
    said = [line for line in (done.stdout + done.stderr).splitlines() if "sallyport-drain" in line]
    assert done.returncode == 0 and not said, said
    level = float(re.search(r"exposure level for sallyport-drain\.service: ([\d.]+)", tool(
        "systemd-analyze", "security", "--offline=true", str(unit)).stdout)[1])
    assert level <= 2.0


def test_drain_unit_is_faster_than_the_hook():
    waits = int(re.search(r"\bwait=(\d+)\b", open(os.path.join(SCRIPTS, "drain"), encoding="utf-8").read())[1])
    hook, = prop(load(), "gateway", "Gateways")["LifecycleHookSpecificationList"]
    assert waits + 30 < hook["HeartbeatTimeout"]


# --- the agent of CloudWatch

AGENT = json.loads(text_of("cloudwatch", "amazon-cloudwatch-agent.json"))


def test_agent():
    """It reads what the README's configuration writes, into the group of the stack, and measures what its role may send."""
    assert AGENT["agent"]["run_as_user"] == "cwagent"
    files = AGENT["logs"]["logs_collected"]["files"]["collect_list"]
    readme = text_of("README.md")
    assert {one["file_path"] for one in files} == set(re.findall(r"^(?:access|error) = (\S+)$", readme, re.M))
    assert {one["log_group_name"] for one in files} == {"@LOG_GROUP@"}
    assert len({one["log_stream_name"] for one in files}) == len(files)
    templates = load()
    put = [statement for statement in prop(templates, "network", "MachinePolicy")["PolicyDocument"]["Statement"]
           if statement["Action"] == "cloudwatch:PutMetricData"]
    assert [one["Condition"] for one in put] == [{"StringEquals": {"cloudwatch:namespace": AGENT["metrics"]["namespace"]}}]
    # Others would have the agent ask EC2, to which there is no way from the gateways.
    assert AGENT["metrics"]["append_dimensions"] == {"InstanceId": "${aws:InstanceId}"}
    for stack in ("gateway", "bastion"):
        data = user_data(templates, stack)
        assert "sed 's|@LOG_GROUP@|${Logs}|' /usr/share/sallyport/amazon-cloudwatch-agent.json" in data, stack
        assert data.index("systemd-tmpfiles --create") < data.index("amazon-cloudwatch-agent-ctl"), stack


@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("systemd-tmpfiles"), reason="NOT SEEN: neither root nor systemd-tmpfiles")
def test_agent_may_read_logs_to_come():
    """By nobody in place of cwagent: a file that the gateway makes after this, under its umask; not one of another folder."""
    nobody = {"user": "nobody", "group": "nogroup", "extra_groups": []}
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o711)
        for name in ("logs", "keys"):
            os.mkdir(f"{folder}/{name}")
            os.chmod(f"{folder}/{name}", 0o751)
        with open(f"{folder}/rules.conf", "w", encoding="ascii") as file:
            file.write(text_of("cloudwatch", "sallyport-cloudwatch.tmpfiles").replace("/var/log/sallyport", f"{folder}/logs").replace("cwagent", "nobody"))
        done = tool("systemd-tmpfiles", "--create", f"{folder}/rules.conf")
        if "not supported" in done.stderr:
            pytest.skip("NOT SEEN: this file system has no ACLs")
        assert done.returncode == 0, done.stderr
        old = os.umask(0o077)
        try:
            for name in ("logs", "keys"):
                os.close(os.open(f"{folder}/{name}/error.log", os.O_WRONLY | os.O_CREAT, 0o640))
        finally:
            os.umask(old)
        assert tool("cat", f"{folder}/logs/error.log", **nobody).returncode == 0
        assert tool("ls", f"{folder}/logs", **nobody).returncode == 0
        for command in (f": >>{folder}/logs/error.log", f": >{folder}/logs/mine", f"cat {folder}/keys/error.log"):
            assert tool("sh", "-c", command, **nobody).returncode != 0, command


# --- first starts

def user_data(templates, stack):
    return prop(templates, stack, "LaunchTemplate")["LaunchTemplateData"]["UserData"]["Fn::Base64"]["Fn::Sub"][0]


CLOUD_INIT = text_of("cloud-init", "user-data.yaml")
# Of cloud-init's own list: its schema lets a key that it does not know through.
KNOWN_KEYS = {"package_update", "package_upgrade", "packages", "write_files", "runcmd", "bootcmd", "users", "ssh_pwauth", "ntp"}


def first_start():
    file, = yaml.safe_load(CLOUD_INIT)["write_files"]
    return file["content"]


@pytest.mark.skipif(not shutil.which("shellcheck"), reason="NOT SEEN: no shellcheck here")
@pytest.mark.parametrize("which", ["gateway", "bastion", "backend", "cloud-init"])
def test_first_start_is_sound(tmp_path, which):
    """As the machine gets it, names put in."""
    text = first_start() if which == "cloud-init" else user_data(load(), which)
    script = tmp_path / "start"
    script.write_text(re.sub(r"@[A-Z]+@", "name", re.sub(r"\$\{[A-Z][A-Za-z:]*\}", "name", text)))
    done = tool("shellcheck", "-e", "SC2050", str(script))      # a constant in a test is a parameter put in
    assert done.returncode == 0, done.stdout
    assert "set -euo pipefail" in text


def test_cloud_init():
    config = yaml.safe_load(CLOUD_INIT)
    assert CLOUD_INIT.startswith("#cloud-config\n") and set(config) <= KNOWN_KEYS
    path = config["write_files"][0]["path"]
    assert config["runcmd"] == [[path]] and config["write_files"][0]["permissions"] == "0700"
    assert set(re.findall(r"@\w+@", first_start())) == {"@BUCKET@", "@PARAMETERS@", "@REGION@"}
    assert not re.search(r"(?i)BEGIN [A-Z ]*PRIVATE|AKIA[0-9A-Z]{16}|passw(or)?d *=|secret *=", CLOUD_INIT)
    # No service before its rules, and the last thing is that it answers.
    lines = first_start().splitlines()
    rules, served = (next(at for at, line in enumerate(lines) if word in line) for word in ("restart nftables", "sallyport.service"))
    assert rules < served and lines[-1].startswith("curl -f")


@pytest.mark.long
@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("debootstrap"), reason="NOT SEEN: neither root nor debootstrap")
def test_cloud_init_schema(work):
    """In a clean root: on this machine cloud-init would take part in its next boot."""
    root = bootstrap(f"{work}/root")
    root.must("apt-get", "-qq", "-y", "--no-install-recommends", "install", "cloud-init")

    def judged(text):
        root.write("/root/user-data.yaml", text)
        return root.run("cloud-init", "schema", "--config-file", "/root/user-data.yaml")
    code, said = judged(CLOUD_INIT)
    assert code == 0 and "Valid cloud-config" in said, said
    code, said = judged(CLOUD_INIT.replace("package_update: true", "package_update: [true]"))
    assert code != 0 and "package_update" in said, said


def test_logrotate_reads_what_the_agent_reads():
    files = re.search(r"^(/\S+) \{$", text_of("logrotate", "sallyport"), re.M)[1]
    folder, pattern = os.path.split(files)
    assert pattern == "*.log"
    for one in AGENT["logs"]["logs_collected"]["files"]["collect_list"]:
        assert os.path.dirname(one["file_path"]) == folder and one["file_path"].endswith(".log")
