"""Rows of people, backups and records."""
from rows_network import drop_in, set_in
from templates import as_list, documents, imported, prop, resources, target

ENROL = {"iam:ChangePassword", "iam:CreateVirtualMFADevice", "iam:EnableMFADevice", "iam:GetAccountPasswordPolicy", "iam:GetUser",
         "iam:ListMFADevices", "iam:ListVirtualMFADevices", "iam:ResyncMFADevice", "sts:GetSessionToken"}
CLOSED = {"BlockPublicAcls": True, "BlockPublicPolicy": True, "IgnorePublicAcls": True, "RestrictPublicBuckets": True}


def sessions_are_logged(t):
    document = prop(t, "access", "SessionDocument")
    inputs = document["Content"]["inputs"]
    assert document["DocumentType"] == "Session" and document["Content"]["sessionType"] == "Standard_Stream"
    assert imported(inputs["cloudWatchLogGroupName"]) == "SessionLogs" and imported(inputs["kmsKeyId"]) == "LogKeyArn"
    assert inputs["cloudWatchEncryptionEnabled"] is True and inputs["cloudWatchStreamingEnabled"] is True
    assert (inputs["idleSessionTimeout"], inputs["maxSessionDuration"]) == ("15", "60")
    assert inputs["runAsEnabled"] is True and inputs["runAsDefaultUser"]
    started = [statement for _, _, _, _, policy in documents(t, ("PolicyDocument",)) for statement in policy["Statement"]
               if "ssm:StartSession" in as_list(statement.get("Action", []))]
    assert len(started) == 2
    ours, machines = started
    assert ours["Resource"]["Fn::Sub"].endswith(":document/${SessionDocument}")
    assert machines["Condition"] == {"StringEquals": {"ssm:resourceTag/Sallyport": "machine"},
                                     "BoolIfExists": {"ssm:SessionDocumentAccessCheck": True}}
    for stack, name, template in resources(t, "EC2::LaunchTemplate"):
        tags = {(of["ResourceType"], tag["Key"], str(tag["Value"])) for of in template["LaunchTemplateData"]["TagSpecifications"]
                for tag in of["Tags"]}
        assert ("instance", "Sallyport", "machine") in tags, f"{stack}: {name} cannot be reached"


def rights_by_group(t):
    assert {name for _, name, _ in resources(t, "IAM::Group")} == {"Operators", "Auditors"}
    for kind in ("IAM::Policy", "IAM::ManagedPolicy"):
        for stack, name, policy in resources(t, kind):
            assert "Users" not in policy, f"{stack}: {name}"
    assert not list(resources(t, "IAM::UserPolicy")) and not list(resources(t, "IAM::UserToGroupAddition"))


def nothing_without_mfa(t):
    statement, = prop(t, "access", "DenyWithoutMfa")["PolicyDocument"]["Statement"]
    assert statement["Effect"] == "Deny" and statement["Resource"] == "*" and set(statement["NotAction"]) == ENROL
    assert statement["Condition"] == {"BoolIfExists": {"aws:MultiFactorAuthPresent": False}}
    for _, name, group in resources(t, "IAM::Group"):
        assert "DenyWithoutMfa" in [target(policy) for policy in group["ManagedPolicyArns"]], name
    trust, = prop(t, "access", "OperatorRole")["AssumeRolePolicyDocument"]["Statement"]
    assert trust.get("Condition") == {"Bool": {"aws:MultiFactorAuthPresent": True}}


def snapshots_by_schedule(t):
    policy = prop(t, "backup", "Snapshots")
    details = policy["PolicyDetails"]
    schedule, = details["Schedules"]
    assert policy["State"] == "ENABLED" and details["ResourceTypes"] == ["VOLUME"]
    assert schedule["CreateRule"]["Interval"] == 24 and schedule["RetainRule"] == {"Count": {"Ref": "SnapshotsKept"}}
    assert t["backup"]["Parameters"]["SnapshotsKept"]["MinValue"] >= 7
    tag, = details["TargetTags"]
    for stack, name, template in resources(t, "EC2::LaunchTemplate"):
        volumes = [of["Tags"] for of in template["LaunchTemplateData"]["TagSpecifications"] if of["ResourceType"] == "volume"]
        assert volumes and tag in volumes[0], f"{stack}: {name}: its volumes are not copied"


def backups_to_glacier(t):
    bucket = prop(t, "backup", "Backups")
    rule, = bucket["LifecycleConfiguration"]["Rules"]
    assert rule["Status"] == "Enabled"
    assert [(step["StorageClass"], step["TransitionInDays"]) for step in rule["Transitions"]] == \
        [("GLACIER", {"Ref": "GlacierAfter"}), ("DEEP_ARCHIVE", {"Ref": "DeepArchiveAfter"})]
    assert "ExpirationInDays" not in rule
    assert bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"][0]["ServerSideEncryptionByDefault"]["SSEAlgorithm"] == "aws:kms"


def buckets_are_closed(t):
    """All of them: no public access, TLS only, versioned, encrypted, kept when the stack goes."""
    for stack, name, bucket in resources(t, "S3::Bucket"):
        where = f"{stack}: {name}"
        assert bucket.get("PublicAccessBlockConfiguration") == CLOSED, where
        assert bucket.get("VersioningConfiguration") == {"Status": "Enabled"} and bucket.get("BucketEncryption"), where
        assert bucket.get("LoggingConfiguration") or name == "AccessLogs", where
        assert t[stack]["Resources"][name].get("DeletionPolicy") == "Retain", where
        policies = [policy for place, _, policy in resources(t, "S3::BucketPolicy")
                    if place == stack and target(policy["Bucket"]) == name]
        assert len(policies) == 1, where
        denied = [statement for statement in policies[0]["PolicyDocument"]["Statement"] if statement["Effect"] == "Deny"]
        assert any(statement["Condition"] == {"Bool": {"aws:SecureTransport": False}} and statement["Principal"] == "*"
                   and len(statement["Resource"]) == 2 for statement in denied), where
        for statement in policies[0]["PolicyDocument"]["Statement"]:
            if statement["Effect"] == "Allow":
                keys = {key for test in statement.get("Condition", {}).values() for key in test}
                assert statement["Principal"] != "*" and keys & {"aws:SourceArn", "aws:SourceAccount"}, where


def in_document(**change):
    return lambda t: prop(t, "access", "SessionDocument")["Content"]["inputs"].update(change)


def in_first_statement(stack, name, **change):
    return lambda t: prop(t, stack, name)["PolicyDocument"]["Statement"][0].update(change)


def untag_volumes(t):
    prop(t, "backend", "LaunchTemplate")["LaunchTemplateData"]["TagSpecifications"].pop()


def untag_instances(t):
    prop(t, "gateway", "LaunchTemplate")["LaunchTemplateData"]["TagSpecifications"].pop(0)


def any_document(t):
    prop(t, "access", "Sessions")["PolicyDocument"]["Statement"][2]["Condition"].pop("BoolIfExists")


def trust_without_mfa(t):
    del prop(t, "access", "OperatorRole")["AssumeRolePolicyDocument"]["Statement"][0]["Condition"]


ROWS = [
    ("I1", sessions_are_logged, [in_document(cloudWatchEncryptionEnabled=False), in_document(idleSessionTimeout="60"), any_document,
                                 untag_instances]),
    ("I6", rights_by_group, [set_in("access", "Audit", "Users", ["alice"]),
                             lambda t: t["access"]["Resources"].update(P={"Type": "AWS::IAM::UserPolicy", "Properties": {}})]),
    ("I7", nothing_without_mfa, [
        in_first_statement("access", "DenyWithoutMfa", Condition={"Bool": {"aws:MultiFactorAuthPresent": False}}),
        lambda t: prop(t, "access", "DenyWithoutMfa")["PolicyDocument"]["Statement"][0]["NotAction"].append("s3:GetObject"),
        lambda t: prop(t, "access", "Auditors")["ManagedPolicyArns"].remove({"Ref": "DenyWithoutMfa"}), trust_without_mfa]),
    ("S1", snapshots_by_schedule, [untag_volumes, set_in("backup", "Snapshots", "State", "DISABLED")]),
    ("S2", backups_to_glacier, [lambda t: prop(t, "backup", "Backups")["LifecycleConfiguration"]["Rules"][0]["Transitions"].pop(0),
                                lambda t: prop(t, "backup", "Backups")["LifecycleConfiguration"]["Rules"][0].update(Status="Disabled")]),
    ("buckets", buckets_are_closed, [drop_in("backup", "Backups", "PublicAccessBlockConfiguration"),
                                     drop_in("network", "AccessLogs", "VersioningConfiguration"),
                                     in_first_statement("backup", "BackupsPolicy", Effect="Allow")]),
]
