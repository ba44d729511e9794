"""account-baseline, trail-mfa-delete and validate-trail: the plan that changes nothing, exactly the calls with --apply, the
second run, what is refused, and errors that are told."""
import copy
import re

import pytest

from account import BUCKET, HOME, NUMBER, OTHER, TRAIL, Account, AwsError, card, rule
from conftest import run

DENIED = AwsError("AccessDenied", "User: x is not authorized to perform: y")
ROOT = f"arn:aws:iam::{NUMBER}:root"
DEVICE = f"arn:aws:iam::{NUMBER}:mfa/root"


def loose():
    """An account of which account-baseline has everything to change."""
    account = Account()
    account.password = None
    for name, group in ((HOME, "sg-default"), (OTHER, "sg-unused")):
        account.regions[name]["encrypts"] = False
        account.regions[name]["rules"] += [rule(f"{name}-1", group, -1, group, protocol="-1"), rule(f"{name}-2", group, 443, "::/0"),
                                           rule(f"{name}-3", group, -1, "0.0.0.0/0", True, "-1")]
    return account


def state_of(account):
    return copy.deepcopy((account.regions, account.password, account.buckets))


POLICY = ("iam", "update-account-password-policy", HOME, {
    "minimum-password-length": "14", "require-uppercase-characters": True, "require-lowercase-characters": True,
    "require-numbers": True, "require-symbols": True, "max-password-age": "90", "password-reuse-prevention": "24",
    "allow-users-to-change-password": True})


def revoked(region, group):
    return [("ec2", "revoke-security-group-ingress", region, {"group-id": group, "security-group-rule-ids": [f"sgr-{region}-1", f"sgr-{region}-2"]}),
            ("ec2", "revoke-security-group-egress", region, {"group-id": group, "security-group-rule-ids": [f"sgr-{region}-3"]})]


def encrypted(region):
    return [("ec2", "enable-ebs-encryption-by-default", region, {})]


ALL = [POLICY, *revoked(HOME, "sg-default"), *encrypted(HOME), *revoked(OTHER, "sg-unused"), *encrypted(OTHER)]


def test_baseline_plan(stubbed):
    account = loose()
    before = state_of(account)
    code, out, err = run(stubbed(account), "account-baseline")
    assert (code, err) == (0, "") and not account.made() and state_of(account) == before
    assert len(re.findall("^plan  ", out, re.M)) == len(ALL) and "nothing was changed; 7 to do with --apply" in out, out
    assert "14 characters of four kinds, 90 days, the last 24 refused (now: none)" in out


def test_baseline_apply(stubbed):
    account = loose()
    front = stubbed(account)
    code, out, err = run(front, "account-baseline", "--apply")
    assert (code, err) == (0, "") and account.made() == ALL and "7 done, 0 failed, 0 left" in out, out
    assert run(front, "audit-account", "I8", "I9", "N6", "H2")[0] == 0
    account.calls.clear()
    code, out, _ = run(front, "account-baseline", "--apply")
    assert code == 0 and not account.made() and "nothing to do" in out, out


def test_baseline_here(stubbed):
    account = loose()
    assert run(stubbed(account), "account-baseline", "--apply", "--here", "--region", OTHER)[0] == 0
    assert account.made() == [POLICY[:2] + (OTHER, POLICY[3]), *revoked(OTHER, "sg-unused"), *encrypted(OTHER)]


def test_baseline_leaves_groups_in_use(stubbed):
    account = loose()
    account.regions[HOME]["cards"].append(card(9, ["sg-default"]))
    front = stubbed(account)
    code, out, _ = run(front, "account-baseline", "--apply")
    assert code == 1 and f"left    {HOME} sg-default, the default of vpc-1: used by eni-9" in out and "5 done, 0 failed, 1 left" in out, out
    assert account.made() == [one for one in ALL if one not in revoked(HOME, "sg-default")]
    account.calls.clear()
    code, out, _ = run(front, "account-baseline", "--apply", "--in-use")
    assert code == 0 and account.made() == revoked(HOME, "sg-default"), out


@pytest.mark.parametrize("now, then", [
    ({"MinimumPasswordLength": 20, "MaxPasswordAge": 60, "PasswordReusePrevention": 10},
     {"minimum-password-length": "20", "max-password-age": "60", "password-reuse-prevention": "24"}),
    ({"MinimumPasswordLength": 8, "MaxPasswordAge": None, "HardExpiry": True}, {"hard-expiry": True}),
    ({"MaxPasswordAge": 365}, {}), ({"RequireNumbers": False}, {}), ({"AllowUsersToChangePassword": False}, {}),
], ids=str)
def test_baseline_keeps_what_is_stricter(stubbed, now, then):
    account = Account()
    account.password.update(now)
    assert run(stubbed(account), "account-baseline", "--apply")[0] == 0
    assert account.made() == [POLICY[:3] + ({**POLICY[3], **then},)]


@pytest.mark.parametrize("now", [{}, {"MinimumPasswordLength": 30, "MaxPasswordAge": 1, "HardExpiry": True}], ids=str)
def test_baseline_has_nothing_to_do(stubbed, now):
    account = Account()
    account.password.update(now)
    code, out, _ = run(stubbed(account), "account-baseline", "--apply")
    assert code == 0 and not account.made() and "nothing to do" in out


@pytest.mark.parametrize("call", [("ec2", "describe-regions"), ("iam", "get-account-password-policy"), ("ec2", "describe-security-groups"),
                                  ("ec2", "describe-security-group-rules"), ("ec2", "describe-network-interfaces"),
                                  ("ec2", "get-ebs-encryption-by-default", OTHER), ("sts", "get-caller-identity")], ids="-".join)
def test_baseline_reads_all_before_it_changes(stubbed, call):
    account = loose()
    account.errors[call] = DENIED
    code, _, err = run(stubbed(account), "account-baseline", "--apply")
    assert code == 1 and not account.made() and f"no right to {call[0]} {call[1]}" in err and "nothing was changed" in err


def test_baseline_half_applied(stubbed):
    """What fails does not keep the rest from being done; the second run does what is missing, and no more."""
    account = loose()
    account.errors["ec2", "revoke-security-group-ingress", HOME] = AwsError("RequestLimitExceeded", "Request limit exceeded.")
    account.errors["iam", "update-account-password-policy"] = DENIED
    front = stubbed(account)
    code, out, _ = run(front, "account-baseline", "--apply")
    assert code == 1 and "5 done, 2 failed, 0 left" in out and len(re.findall("^FAILED  ", out, re.M)) == 2, out
    assert "no right to iam update-account-password-policy" in out and "too many requests" in out
    account.errors.clear()
    account.calls.clear()
    assert run(front, "account-baseline", "--apply")[0] == 0
    assert account.made() == [POLICY, revoked(HOME, "sg-default")[0]]


# --- the trail's bucket

def root():
    """An account whose trail bucket waits for MFA delete, and root asks."""
    account = Account()
    account.arn = ROOT
    account.buckets[BUCKET]["versioning"] = {"Status": "Enabled"}
    return account


SET = ("s3api", "put-bucket-versioning", HOME, {"bucket": BUCKET, "mfa": f"{DEVICE} 123456",
                                                "versioning-configuration": {"Status": "Enabled", "MFADelete": "Enabled"}})


def test_mfa_delete_plan(stubbed):
    account = root()
    before = state_of(account)
    code, out, err = run(stubbed(account), "trail-mfa-delete")
    assert (code, err) == (0, "") and not account.made() and state_of(account) == before
    assert f"plan    {BUCKET}: versioned (now: Enabled), MFA to delete (now: None)" in out and "nothing was changed" in out


@pytest.mark.parametrize("words, text", [(["--code", "123456"], None), ([], "123456\n"), (["--serial", DEVICE], "123456\n"),
                                         (["--bucket", BUCKET, "--code", "123456"], None)], ids=lambda value: str(value))
def test_mfa_delete_apply(stubbed, words, text):
    account = root()
    front = stubbed(account)
    code, out, _ = run(front, "trail-mfa-delete", "--apply", *words, text=text)
    assert code == 0 and account.made() == [SET], out
    assert "deletes with MFA only" in out and "delete the access key of root" in out
    assert run(front, "audit-account", "--here", "C3")[0] == 0
    account.calls.clear()
    code, out, _ = run(front, "trail-mfa-delete", "--apply", *words, text=text)
    assert code == 0 and not account.made() and "nothing to do" in out


def not_root(account):
    account.arn = f"arn:aws:iam::{NUMBER}:user/root"


def with_lifecycle(account):
    account.buckets[BUCKET]["lifecycle"] = [{"ID": "expire", "Status": "Disabled"}]


def two_devices(account):
    account.mfa_devices.append({**account.mfa_devices[0], "SerialNumber": DEVICE + "2"})


def two_trails(account):
    account.trails.append({**account.trails[0], "S3BucketName": "attic"})


def denied(*call):
    return lambda account: account.errors.update({call: DENIED})


@pytest.mark.parametrize("damage, says", [
    (not_root, "only root"), (with_lifecycle, "lifecycle rules"), (two_devices, "several"), (two_trails, "several"),
    (lambda account: account.mfa_devices.clear(), "no MFA device of root"), (lambda account: account.trails.clear(), "no trail of all regions"),
    (denied("s3api", "get-bucket-lifecycle-configuration"), "no right to s3api get-bucket-lifecycle-configuration"),
    (denied("s3api", "get-bucket-versioning"), "no right to s3api get-bucket-versioning"),
    (denied("sts", "get-caller-identity"), "no right to sts"), (denied("cloudtrail", "describe-trails"), "no right to cloudtrail"),
], ids=["not-root", "lifecycle", "two-devices", "two-trails", "no-device", "no-trail", "lifecycle-denied", "versioning-denied", "sts-denied",
        "trails-denied"])
def test_mfa_delete_refuses(stubbed, damage, says):
    account = root()
    damage(account)
    code, _, err = run(stubbed(account), "trail-mfa-delete", "--apply", "--code", "123456")
    assert code == 1 and says in err and not account.made()


def test_mfa_delete_wrong_code(stubbed):
    account = root()
    code, out, err = run(stubbed(account), "trail-mfa-delete", "--apply", "--code", "654321")
    assert code == 1 and "no right to s3api put-bucket-versioning" in err and "done" not in out


def test_mfa_delete_is_looked_at_afterwards(stubbed, monkeypatch):
    """AWS said yes, and nothing is different."""
    import account as module
    monkeypatch.setitem(module.ANSWERS, ("s3api", "put-bucket-versioning"), lambda account, region, p: {})
    account = root()
    code, out, err = run(stubbed(account), "trail-mfa-delete", "--apply", "--code", "123456")
    assert code == 1 and "AWS took it, but says" in err and "done" not in out


@pytest.mark.parametrize("text", ["", "12345\n", "abcdef\n"], ids=repr)
def test_mfa_delete_without_a_code(stubbed, text):
    account = root()
    code, _, err = run(stubbed(account), "trail-mfa-delete", "--apply", text=text)
    assert code == 1 and "nothing was changed" in err and not account.made()


# --- validation

def test_validate(stubbed):
    account = Account()
    code, out, err = run(stubbed(account), "validate-trail", "--days", "2")
    assert (code, err) == (0, "") and len(re.findall("^ok ", out, re.M)) == 2 and "2/2 digest files valid, 9/9 log files valid" in out, out
    asked = [call for call in account.calls if call[1] == "validate-logs"]
    assert [call[2] for call in asked] == [HOME, OTHER] and {call[3]["trail-arn"] for call in asked} == {TRAIL}
    assert not [call for call in account.made() if call[1] != "validate-logs"]


@pytest.mark.parametrize("result, says", [
    ((1, "Results found:\n\n1/2 digest files valid, 1/2 digest files INVALID\n", "Digest file\ts3://x/y\tINVALID: not found\n"), "s3://x/y"),
    ((1, "Results found:\n\n2/2 digest files valid\n8/9 log files valid, 1/9 log files INVALID\n",
      "Log file\ts3://x/z\tINVALID: hash value doesn't match\n"), "hash value"),
    ((0, "Results requested for a to b\nNo digests found\n"), "no digests"),
    ((0, "Results found:\n\n2/2 digest files valid\n", "No log files were delivered by CloudTrail between a and b\n"), "No log files"),
], ids=["digest", "log", "none", "gap"])
def test_validate_finds(stubbed, result, says):
    account = Account()
    account.validation = result
    code, out, _ = run(stubbed(account), "validate-trail", "--here")
    assert code == 1 and out.startswith(f"BAD   {TRAIL} in {HOME}: ") and says in out, out


def test_validate_cannot(stubbed):
    account = Account()
    account.validation = (255, "", "\nAn error occurred (AccessDenied) when calling the GetObject operation: Access Denied\n")
    code, out, _ = run(stubbed(account), "validate-trail", "--here")
    assert code == 2 and "ERROR" in out and "no right to cloudtrail validate-logs (AccessDenied)" in out
    account.errors["*"] = AwsError("ExpiredToken", "The security token included in the request is expired")
    code, out, err = run(stubbed(account), "validate-trail")
    assert code == 2 and not out and "credentials have expired" in err


def test_validate_without_a_trail(stubbed):
    account = Account()
    account.trails.clear()
    code, out, _ = run(stubbed(account), "validate-trail")
    assert code == 1 and "no trail records all regions" in out
    assert run(stubbed(account), "validate-trail", "--here", "--trail", TRAIL)[0] == 0


# --- what all of them have

EACH = ["account-baseline", "trail-mfa-delete", "validate-trail", "audit-account", "drain"]


@pytest.mark.parametrize("script", EACH)
def test_help(stubbed, script):
    account = Account()
    code, out, err = run(stubbed(account), script, "--help", endpoint=False)
    assert (code, err) == (0, "") and f"scripts/{script}" in out and "--endpoint-url" in out and not account.calls
    assert "set -uo" not in out and "#" not in out


@pytest.mark.parametrize("words", [["--nonsense"], ["--region"], ["--profile", ""]], ids=" ".join)
@pytest.mark.parametrize("script", EACH)
def test_usage(stubbed, script, words):
    account = Account()
    code, out, err = run(stubbed(account), script, *words)
    assert code == 2 and not out and "--help" in err and not account.calls


@pytest.mark.parametrize("words", [["--code", "1"], ["--code", "12345x"]], ids=" ".join)
def test_usage_of_codes(stubbed, words):
    assert run(stubbed(root()), "trail-mfa-delete", "--apply", *words)[0] == 2


def test_code_over_https_only(stubbed):
    account = root()
    assert run(stubbed(account), "trail-mfa-delete", "--endpoint-url", "http://192.0.2.1/", endpoint=False)[0] == 2
    assert not account.calls


@pytest.mark.parametrize("days", ["0", "366", "x", "1000"])
def test_usage_of_days(stubbed, days):
    assert run(stubbed(Account()), "validate-trail", "--days", days)[0] == 2


@pytest.mark.parametrize("script", ["account-baseline", "trail-mfa-delete", "validate-trail", "audit-account"])
def test_endpoint_from_the_environment(stubbed, script):
    """Given on with every call: the aws command of Debian 12 does not look at the variable."""
    account = root()
    front = stubbed(account)
    assert run(front, script, endpoint=False, AWS_ENDPOINT_URL=front.endpoint)[0] in (0, 1) and account.calls


@pytest.mark.parametrize("script", ["account-baseline", "trail-mfa-delete", "validate-trail", "audit-account"])
def test_profile_and_region(stubbed, script):
    account = root()
    front = stubbed(account)
    run(front, script, "--profile", "ops", "--region", OTHER)
    assert front.profiles == {"ops"} and account.calls[0][2] == OTHER


@pytest.mark.parametrize("script, code", [("account-baseline", 1), ("trail-mfa-delete", 1), ("validate-trail", 2), ("audit-account", 2)])
def test_no_region(stubbed, script, code):
    account = root()
    assert run(stubbed(account, region=""), script)[0] == code and not account.calls


@pytest.mark.parametrize("script, code", [("account-baseline", 1), ("trail-mfa-delete", 1), ("validate-trail", 2), ("audit-account", 2)])
def test_no_aws_command(stubbed, tmp_path, script, code):
    """A PATH with all that the scripts need but for it."""
    account = root()
    (tmp_path / "without").mkdir()
    for name in ("bash", "sed", "dirname", "mktemp", "rm"):
        (tmp_path / "without" / name).symlink_to("/usr/bin/" + name)
    got, out, err = run(stubbed(account), script, PATH=str(tmp_path / "without"))
    assert (got, out) == (code, "") and "the aws command is missing" in err and not account.calls
