"""scripts/audit-account: each row in its good state and in each bad one, what cannot be told, and the rights that it needs."""
import base64
import json
import os
import re

import pytest

from account import ANSWERS, BUCKET, HOME, NUMBER, OTHER, Account, AwsError, ago, card, entry, instance, right_of, rule, user_line
from conftest import SCRIPTS, run
from templates import as_list, load

DENIED = AwsError("AccessDenied", "User: x is not authorized to perform: y")


def rows_of_script():
    with open(os.path.join(SCRIPTS, "audit-account"), encoding="utf-8") as file:
        return re.findall(r"^(?:everywhere|account) +(\w+) ", file.read(), re.M)


ROWS = rows_of_script()


def lines(out):
    """{row: (word, text)}"""
    return {row: (word, text) for word, row, text in re.findall(r"^(ok|BAD|ERROR|n/a) +(\w+) +(.*)$", out, re.M)}


def here(key):
    """A change to a list of the region of machines."""
    def of(change):
        return lambda account: change(account.regions[HOME][key])
    return of


def region(**change):
    return lambda account: account.regions[HOME].update(change)


def first(key, **change):
    return lambda account: account.regions[HOME][key][0].update(change)


def add(key, value):
    return lambda account: account.regions[HOME][key].append(value)


def trail(**change):
    return lambda account: account.trails[0].update(change)


def bucket(**change):
    return lambda account: account.buckets[BUCKET].update(change)


def password(**change):
    return lambda account: account.password.update(change)


def user(name, **change):
    return lambda account: account.users[name].update(change)


def report(line):
    return lambda account: account.report.append(line)


def policy(document):
    return lambda account: account.policies.update(All={"Version": "2012-10-17", "Statement": document})


def user_data(text):
    return lambda account: account.regions[HOME]["templates"][0]["LaunchTemplateData"].update(
        UserData=base64.b64encode(text.encode()).decode())


def session(**change):
    return lambda account: account.regions[HOME]["documents"]["sallyport-session"]["inputs"].update(change)


def no_password_policy(account):
    account.password = None


def range_of(number, group, low, high, peer, egress=False, protocol="tcp"):
    return {**rule(number, group, low, peer, egress, protocol), "ToPort": high}


def route(table, **one):
    return lambda account: next(t for t in account.regions[HOME]["routes"] if t["RouteTableId"] == table)["Routes"].append(one)


ANYWHERE = {"DestinationCidrBlock": "0.0.0.0/0", "GatewayId": "igw-1"}

# (row, what is wrong, what the line must say)
BAD = [
    ("N1", add("rules", rule(20, "sg-balancer", 8080, "0.0.0.0/0")), "sg-balancer admits tcp 8080 from 0.0.0.0/0"),
    ("N1", add("rules", range_of(20, "sg-gateway", 80, 443, "::/0")), "sg-gateway admits tcp 80-443 from ::/0"),
    ("N1", add("rules", range_of(20, "sg-gateway", -1, -1, "0.0.0.0/0", protocol="-1")), "admits everything from"),
    ("N1", add("rules", rule(20, "sg-balancer", 443, "0.0.0.0/0", protocol="udp")), "admits udp 443"),
    ("N1b", add("rules", range_of(20, "sg-gateway", -1, -1, "0.0.0.0/0", True, "-1")), "lets everything out to 0.0.0.0/0"),
    ("N1b", add("rules", range_of(20, "sg-gateway", 0, 65535, "::/0", True)), "lets tcp 0-65535 out to ::/0"),
    ("N2", add("rules", rule(20, "sg-application", 8080, "10.20.0.0/16")), "admits addresses, 10.20.0.0/16"),
    ("N3", route("rtb-main", **ANYWHERE), "rtb-main, where subnets go that name none"),
    ("N3", add("routes", {"RouteTableId": "rtb-second", "VpcId": "vpc-1", "Associations": [],
                          "Routes": [{"DestinationIpv6CidrBlock": "::/0", "GatewayId": "igw-1"}]}), "2 route tables lead"),
    ("N4", lambda a: a.regions[HOME]["acls"][0]["Associations"].append({"SubnetId": "subnet-7"}), "acl-default, the default, guards subnet-7"),
    ("N4", lambda a: a.regions[HOME]["acls"][1]["Entries"].append(entry(130, 22)), "rule 130, admits 22 or 3389"),
    ("N4", lambda a: a.regions[HOME]["acls"][1]["Entries"].append({**entry(130, 1024), "PortRange": {"From": 1024, "To": 65535}}),
     "rule 130, admits 22 or 3389"),
    ("N4", lambda a: a.regions[HOME]["acls"][1]["Entries"].append(
        {"RuleNumber": 140, "Egress": False, "RuleAction": "allow", "Protocol": "-1", "Ipv6CidrBlock": "::/0"}), "rule 140"),
    ("N5", first("databases", PubliclyAccessible=True), "records can be reached from outside"),
    ("N5", first("databases", VpcSecurityGroups=[{"VpcSecurityGroupId": "sg-gateway"}]), "records shares sg-gateway with machines"),
    ("N5", first("databases", VpcSecurityGroups=[{"VpcSecurityGroupId": "sg-balancer"}]), "records shares sg-balancer"),
    ("N6", add("rules", rule(20, "sg-gateway", 22, "0.0.0.0/0")), "admits port 22 from"),
    ("N6", add("rules", range_of(20, "sg-gateway", 3000, 4000, "::/0")), "admits port 3389 from ::/0"),
    ("N6", add("rules", rule(20, "sg-gateway", 443, "sg-balancer", description="")), "sg-gateway: a rule without a description"),
    ("N6", add("rules", {key: value for key, value in rule(20, "sg-gateway", 443, "pl-1", True).items() if key != "Description"}),
     "sg-gateway: a rule without a description"),
    ("N6", add("rules", rule(20, "sg-default", 443, "sg-default")), "sg-default, the default of vpc-1, has rules"),
    ("N6", first("instances", KeyName="admin"), "i-1 has the key pair admin"),
    ("N7", add("cards", card(9, [])), "eni-9 (interface) has no group"),
    ("N7", add("cards", card(9, [], Groups=[{"GroupId": "sg-default", "GroupName": "default"}])), "eni-9 (interface) is in the default group"),
    ("I1", region(documents={}), "no document for sessions"),
    ("I1", session(cloudWatchEncryptionEnabled=False), "sallyport-session does not log to an encrypted group"),
    ("I1", session(cloudWatchLogGroupName=""), "sallyport-session does not log"),
    ("I2", policy([{"Effect": "Allow", "Action": "*", "Resource": "*"}]), "All allows everything"),
    ("I2", policy({"Effect": "Allow", "Action": ["s3:GetObject", "*:*"], "Resource": ["*"]}), "All allows everything"),
    ("I3", lambda a: a.regions[HOME]["instances"][1].pop("IamInstanceProfile"), "i-2 has no role"),
    ("I4", lambda a: a.report.__setitem__(0, user_line("<root_account>", "not_supported", rotated=ago(1), active="true")),
     "root has an access key"),
    ("I4", report(user_line("d,ave", "false", rotated=ago(91), active="true")), "d,ave has an access key older than 90 days"),
    ("I5", user_data("#!/bin/bash\npassword = hunter2\n"), "gateways version 3 has a secret"),
    ("I5", user_data("-----BEGIN EC PRIVATE KEY-----"), "has a secret"),
    ("I6", user("b,o,b", own=["mine", "also"]), "b,o,b has rights of its own: mine, also"),
    ("I6", user("carol", attached=["AdministratorAccess"]), "carol has policies attached: AdministratorAccess"),
    ("I7", lambda a: setattr(a, "root_mfa", 0), "root has no MFA device"),
    ("I7", report(user_line("e,ve", mfa="false")), "e,ve has a password and no MFA device"),
    ("I8", password(MinimumPasswordLength=13), "13 characters are enough"),
    ("I8", password(RequireSymbols=False), "not all four kinds"),
    ("I8", password(MaxPasswordAge=91), "expire after 91 days"),
    ("I8", lambda a: a.password.pop("MaxPasswordAge"), "passwords do not expire"),
    ("I8", no_password_policy, "no password policy"),
    ("I9", password(PasswordReusePrevention=23), "the last 23 passwords"),
    ("I9", lambda a: a.password.pop("PasswordReusePrevention"), "the last 0 passwords"),
    ("I9", no_password_policy, "no password policy"),
    ("E1", first("balancers", AvailabilityZones=[{"ZoneName": "a"}]), "edge is in one zone"),
    ("E1", lambda a: a.regions[HOME]["balancers"][0].pop("SecurityGroups"), "edge has no security group"),
    ("E1", lambda a: a.regions[HOME]["balancer_attributes"][0].update(Value="false"), "edge may be deleted"),
    ("E2", add("instances", instance(9, PublicIpAddress="192.0.2.9", Tags=[])), "i-9 has the public address 192.0.2.9"),
    ("E2", add("cards", card(9, ["sg-gateway"], Association={"PublicIp": "192.0.2.9", "IpOwnerId": "amazon"})), "eni-9 has the public address"),
    ("E2", first("subnets", MapPublicIpOnLaunch=True), "subnet-1 gives whoever starts there"),
    ("E3", first("targets", HealthCheckProtocol="TCP"), "https asks for a connection only"),
    ("E4", first("scaling", HealthCheckType="EC2"), "gateways goes by EC2"),
    ("E4", first("scaling", AvailabilityZones=["a"]), "gateways is in one zone"),
    ("E4", first("scaling", MinSize=1), "gateways is 1 to 6 machines"),
    ("E4", first("scaling", MaxSize=2), "gateways is 2 to 2 machines"),
    ("E4", region(hooks=[]), "gateways has no hook"),
    ("H1", lambda a: a.regions[HOME]["instances"][0]["MetadataOptions"].update(HttpTokens="optional"), "i-1 answers IMDSv1"),
    ("H1", lambda a: a.regions[HOME]["instances"][0]["MetadataOptions"].update(HttpPutResponseHopLimit=2), "i-1 lets metadata go 2 hops"),
    ("H1", lambda a: a.regions[HOME]["templates"][0]["LaunchTemplateData"].pop("MetadataOptions"), "gateways version 3 does not ask"),
    ("H2", region(encrypts=False), "does not encrypt new volumes"),
    ("H2", lambda a: a.regions[HOME]["volumes"][1].update(Encrypted=False), "vol-2 is not encrypted"),
    ("H2", first("databases", StorageEncrypted=False), "records is not encrypted"),
    ("H3", region(flows=[]), "vpc-1 has no log of all flows"),
    ("H3", first("flows", TrafficType="REJECT"), "vpc-1 has no log"),
    ("H3", first("flows", DeliverLogsStatus="FAILED"), "vpc-1 has no log"),
    ("S1", lambda a: a.regions[HOME]["snapshots"].pop(1), "vol-1 has no snapshot"),
    ("S1", region(copying=[]), "no policy that copies them"),
    ("S1", first("databases", BackupRetentionPeriod=1), "records keeps its backups for 1 days"),
    ("S2", lambda a: a.buckets["backups"].pop("lifecycle"), "no bucket moves anything"),
    ("S2", lambda a: a.buckets["backups"]["lifecycle"][0].update(Status="Disabled"), "no bucket moves anything"),
    ("R1", lambda a: a.regions[HOME]["managed"].pop(), "i-2 is not managed"),
    ("R1", lambda a: a.regions[HOME]["managed"][0].update(PingStatus="ConnectionLost"), "i-1 is not managed"),
    ("R1", region(associations=[]), "machines that nothing patches"),
    ("R1", lambda a: a.regions[HOME]["associations"][0].update(Overview={"Status": "Failed"}), "the last run of patches failed"),
    ("C1", lambda a: a.trails.clear(), "no trail records all regions"),
    ("C1", trail(IsMultiRegionTrail=False), "no trail records all regions"),
    ("C1", trail(IncludeGlobalServiceEvents=False), "no trail records all regions"),
    ("C1", lambda a: a.trail_status.update(IsLogging=False), "sallyport-trail: recording False"),
    ("C1", lambda a: a.trail_status.update(LatestDeliveryError="AccessDenied"), "last error of delivery AccessDenied"),
    ("C1", lambda a: a.selectors["EventSelectors"][0].update(ReadWriteType="WriteOnly"), "leaves management events out"),
    ("C1", lambda a: a.selectors["EventSelectors"][0].update(ExcludeManagementEventSources=["kms.amazonaws.com"]), "leaves management"),
    ("C2", trail(LogFileValidationEnabled=False), "makes no digests"),
    ("C2", lambda a: a.trails.clear(), "no trail records all regions"),
    ("C3", bucket(versioning={"Status": "Enabled"}), "deletes without MFA"),
    ("C3", bucket(versioning={"Status": "Suspended", "MFADelete": "Enabled"}), "is not versioned"),
    ("C3", bucket(versioning={}), "deletes without MFA"),
    ("C4", lambda a: a.trails[0].pop("KmsKeyId"), "is not encrypted with a key"),
    ("C4", lambda a: a.buckets[BUCKET]["block"].update(BlockPublicPolicy=False), "may be made public"),
    ("C4", bucket(block=None), "may be made public"),
    ("C4", bucket(policy=None), "has no policy"),
    ("C4", lambda a: a.buckets[BUCKET]["policy"]["Statement"].pop(0), "answers without TLS"),
    ("C4", lambda a: a.buckets[BUCKET]["policy"]["Statement"].pop(1), "takes files of any trail"),
    ("C4", bucket(logging=None), "is not logged"),
    ("C4", bucket(replication=None), "has no copy elsewhere"),
    ("C4", lambda a: a.buckets[BUCKET]["replication"]["Rules"][0].update(Status="Disabled"), "has no copy elsewhere"),
    ("watch", region(recorders=[]), "nothing is recorded"),
    ("watch", lambda a: a.regions[HOME]["recorders"][0].update(recording=False), "nothing is recorded"),
    ("watch", lambda a: a.regions[HOME]["watching"].pop(0), "no rule VPC_DEFAULT_SECURITY_GROUP_CLOSED"),
    ("watch", lambda a: a.regions[HOME]["watching"][3].update(ConfigRuleState="DELETING"), "no rule ROOT_ACCOUNT_MFA_ENABLED"),
    ("watch", add("broken", {"ConfigRuleName": "rule-x"}), "the rule rule-x is broken"),
]


@pytest.mark.parametrize("row, damage, says", [pytest.param(*case, id=f"{case[0]}-{number}") for number, case in enumerate(BAD)])
def test_bad(stubbed, row, damage, says):
    account = Account()
    damage(account)
    code, out, err = run(stubbed(account), "audit-account", "--here", row)
    assert (code, err) == (1, ""), out
    found = lines(out)
    assert set(found) == {row} and found[row][0] == "BAD" and says in found[row][1], out
    assert not account.made()


def test_every_row_has_a_bad_state():
    assert {row for row, _, _ in BAD} == set(ROWS)


def test_all_good(stubbed):
    """Two regions, one entry on a page; and what the whole of it calls is what the policy of auditors allows, no less and no more."""
    account = Account()
    code, out, err = run(stubbed(account), "audit-account")
    assert (code, err) == (0, "") and {word for word, _ in lines(out).values()} == {"ok"} and list(lines(out)) == ROWS, out
    assert out.startswith(f"account {NUMBER}, as {account.arn}\n") and not account.made()
    assert {call[2] for call in account.calls} == {HOME, OTHER}
    needed = {right_of(*call[:2]) for call in account.calls} - {None}
    allowed = rights(load()["access"])
    assert needed <= allowed, f"the policy lacks {needed - allowed}"
    assert allowed <= needed, f"nothing needs {allowed - needed}"


def rights(template):
    return {action for statement in template["Resources"]["Audit"]["Properties"]["PolicyDocument"]["Statement"]
            for action in as_list(statement["Action"])}


def test_pages_of_any_size(stubbed):
    account = Account()
    account.page = 1000
    damage = next(case for case in BAD if case[0] == "N6")
    damage[1](account)
    assert run(stubbed(account), "audit-account", "--here", "N1", "N6", "I6", "watch")[0] == 1


def test_other_region(stubbed):
    """What is wrong where nobody works is found, unless this region alone was asked for."""
    account = Account()
    account.regions[OTHER]["rules"].append(rule(1, "sg-unused", 443, "sg-unused"))
    account.regions[OTHER]["encrypts"] = False
    front = stubbed(account)
    code, out, _ = run(front, "audit-account", "N6", "H2")
    assert code == 1 and f"{OTHER} sg-unused, the default of vpc-9, has rules" in out and f"{OTHER} does not encrypt" in out
    assert run(front, "audit-account", "--here", "N6", "H2")[0] == 0
    assert run(front, "audit-account", "--here", "--region", OTHER, "N6", "H2")[0] == 1


def test_nothing_of_the_kind(stubbed):
    """An account without machines, balancers and databases: rows about them are neither fine nor bad."""
    account = Account()
    del account.regions[HOME]
    code, out, _ = run(stubbed(account, region=OTHER), "audit-account", "N1", "N5", "I1", "E1", "E4", "H3", "R1")
    assert code == 0 and {word for word, _ in lines(out).values()} == {"n/a"}, out


def test_five_findings_are_shown(stubbed):
    account = Account()
    for port in range(1000, 1007):
        account.regions[HOME]["rules"].append(rule(port, "sg-gateway", port, "0.0.0.0/0"))
    front = stubbed(account)
    out = run(front, "audit-account", "--here", "N1")[1]
    assert "tcp 1004" in out and "tcp 1005" not in out and "and 2 more (--all)" in out
    out = run(front, "audit-account", "--here", "--all", "N1")[1]
    assert "tcp 1006" in out and "more" not in out


def test_all_denied(stubbed):
    """No row is fine of which nothing could be asked."""
    account = Account()
    account.errors = {call: DENIED for call in ANSWERS if call[0] != "sts"}
    code, out, _ = run(stubbed(account), "audit-account", "--here")
    assert code == 2 and {word for word, _ in lines(out).values()} == {"ERROR"} and list(lines(out)) == ROWS, out


@pytest.mark.long
@pytest.mark.parametrize("row", ROWS)
def test_denied(stubbed, row):
    """Whichever of its calls is refused: the row is not told, and that is never fine."""
    seen = Account()
    assert run(stubbed(seen), "audit-account", "--here", row)[0] == 0
    asked = {call[:2] for call in seen.calls} - {("sts", "get-caller-identity")}
    assert asked
    for call in sorted(asked):
        account = Account()
        account.errors[call] = DENIED
        code, out, _ = run(stubbed(account), "audit-account", "--here", row)
        assert code == 2 and lines(out)[row][0] == "ERROR", (call, out)
        assert f"no right to {call[0]} {call[1]} (AccessDenied)" in out, out


def test_denied_in_one_region(stubbed):
    account = Account()
    account.errors["ec2", "describe-security-group-rules", OTHER] = DENIED
    account.regions[HOME]["rules"].append(rule(20, "sg-gateway", 22, "0.0.0.0/0"))
    code, out, _ = run(stubbed(account), "audit-account", "N6")
    assert code == 2 and lines(out)["N6"][0] == "BAD" and "besides not told: no right to" in out and "port 22" in out


@pytest.mark.parametrize("error, says", [
    (AwsError("ThrottlingException", "Rate exceeded"), "too many requests (ThrottlingException), after 5 tries"),
    (AwsError("RequestLimitExceeded", "Request limit exceeded."), "too many requests"),
    (AwsError("ExpiredTokenException", "The security token included in the request is expired"), "credentials have expired"),
    (AwsError("InternalFailure", "An internal error occurred"), "InternalFailure"),
    (AwsError("Unreachable", "https://ec2.eu-west-1.amazonaws.com/"), "cannot be reached"),
], ids=lambda value: getattr(value, "code", ""))
def test_other_errors(stubbed, error, says):
    """In the middle of it; and before all, where nothing at all can be asked."""
    account = Account()
    account.errors["ec2", "describe-instances"] = error
    code, out, _ = run(stubbed(account), "audit-account", "--here", "I3")
    assert code == 2 and lines(out)["I3"][0] == "ERROR" and says in out
    account.errors["*"] = error
    code, out, err = run(stubbed(account), "audit-account")
    assert code == 2 and not lines(out) and says in err and err.count("\n") == 1


def test_no_credentials(stubbed):
    account = Account()
    account.errors["*"] = AwsError("NoCredentials", "")
    code, out, err = run(stubbed(account), "audit-account")
    assert (code, out) == (2, "") and "no credentials" in err


def test_report_that_is_never_done(stubbed):
    account = Account()
    account.report_states = ["INPROGRESS"]
    code, out, _ = run(stubbed(account), "audit-account", "--here", "I4", "I7")
    assert code == 2 and out.count("not done in a minute") == 2


def test_report_that_is_none(stubbed):
    account = Account()
    account.report = ["<root_account>,short"]
    code, out, _ = run(stubbed(account), "audit-account", "--here", "I7")
    assert code == 2 and "cut off" in out


def test_one_good_trail_is_enough(stubbed):
    account = Account()
    account.trails.insert(0, {**account.trails[0], "IncludeGlobalServiceEvents": False})
    assert run(stubbed(account), "audit-account", "--here", "C1")[0] == 0


def test_advanced_selectors(stubbed):
    account = Account()
    account.selectors = {"AdvancedEventSelectors": [{"FieldSelectors": [{"Field": "eventCategory", "Equals": ["Management"]}]}]}
    assert run(stubbed(account), "audit-account", "--here", "C1")[0] == 0
    account.selectors["AdvancedEventSelectors"][0]["FieldSelectors"].append({"Field": "readOnly", "Equals": ["false"]})
    assert run(stubbed(account), "audit-account", "--here", "C1")[0] == 1


@pytest.mark.parametrize("words", [["--nonsense"], ["N99"], ["--region"], ["--apply"]], ids=" ".join)
def test_usage(stubbed, words):
    account = Account()
    code, out, err = run(stubbed(account), "audit-account", *words)
    assert code == 2 and not out and err and not account.calls


def test_json_of_documents_is_spaced_by_aws(stubbed):
    """The session document comes with AWS's own spaces and lines."""
    account = Account()
    out = run(stubbed(account), "audit-account", "--here", "I1")[1]
    assert lines(out)["I1"][0] == "ok" and "\n" in json.dumps(account.regions[HOME]["documents"], indent=2)
