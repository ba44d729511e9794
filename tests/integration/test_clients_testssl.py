"""testssl.sh, the usual scanner of TLS servers: nothing above INFO but what it says of a test CA."""
import json
import shutil
import subprocess

import pytest

import gateway as program

pytestmark = [pytest.mark.long, pytest.mark.opt_only,
              pytest.mark.skipif(not shutil.which("testssl"), reason="no testssl: apt-get install testssl.sh (scripts/test --full does)")]

# A CA made for a test publishes no revocation; the other is said of the scanner's own OpenSSL, whatever it scans.
OF_THE_TEST = {"cert_revocation", "engine_problem"}


@pytest.fixture(params=["intermediate", "modern"])
def findings(request, serve, ca, folders, port):
    """All that testssl says of a site with both kinds of key, by id."""
    leaves = [ca.leaf("localhost", kind=kind, days=300, stem="scanned") for kind in ("ecdsa", "rsa")]
    pairs = "".join(f"cert = {leaf.chain}\nkey_file = {leaf.key}\n" for leaf in leaves)
    serve(listener="tls = scanned", more=f"[tls:scanned]\npolicy = {request.param}\n{pairs}")
    told = f"{folders('testssl')}/findings.json"
    subprocess.run(["testssl", "--quiet", "--color", "0", "--warnings", "off", "--ip", "127.0.0.1", "-n", "none", "--add-ca", ca.cert,
                    "--jsonfile", told, f"localhost:{port}"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                   stderr=subprocess.DEVNULL, timeout=600, check=False)
    with open(told, encoding="utf-8") as file:
        return request.param, {one["id"]: one for one in json.load(file)}


def test_nothing_above_info(findings):
    policy, told = findings
    assert len(told) > 100, "it did not scan to the end"
    above = [one for one in told.values() if one["severity"] not in ("INFO", "OK") and one["id"].split(" ")[0] not in OF_THE_TEST]
    assert not above
    offered = {name for name in ("SSLv2", "SSLv3", "TLS1", "TLS1_1", "TLS1_2", "TLS1_3") if not told[name]["finding"].startswith("not offered")}
    assert offered == {"TLS1_3"} if policy == "modern" else {"TLS1_2", "TLS1_3"}
    curves = told.get("FS_ECDHE_curves") or told["PFS_ECDHE_curves"]         # the name of 3.2, of 3.0
    assert set(curves["finding"].split()) == {"prime256v1", "X25519"}
    assert not {"DH_groups", "FS_DHE_groups"} & set(told)
    assert told["HSTS_time"]["severity"] == "OK"
    trust = [one["severity"] for name, one in told.items() if name.startswith("cert_chain_of_trust")]
    assert trust and set(trust) == {"OK"}
