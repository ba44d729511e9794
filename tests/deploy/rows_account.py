"""Rows of people, backups and records."""
from rows_network import drop, drop_in, set_in
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


def trail_of_everything(t):
    trail = prop(t, "trail", "Trail")
    assert trail["IsLogging"] is trail["IsMultiRegionTrail"] is trail["IncludeGlobalServiceEvents"] is True
    assert trail["EventSelectors"] == [{"ReadWriteType": "All", "IncludeManagementEvents": True}]
    assert target(trail["CloudWatchLogsLogGroupArn"]) == "Events" and target(trail["CloudWatchLogsRoleArn"]) == "DeliveryRole"


def trail_is_validated(t):
    assert prop(t, "trail", "Trail")["EnableLogFileValidation"] is True


def trail_bucket_awaits_mfa_delete(t):
    """MFA delete and a lifecycle exclude each other; who may set it is root, so a rule watches."""
    bucket, resource = prop(t, "trail", "Bucket"), t["trail"]["Resources"]["Bucket"]
    assert bucket["VersioningConfiguration"] == {"Status": "Enabled"} and "LifecycleConfiguration" not in bucket
    assert resource.get("DeletionPolicy") == resource.get("UpdateReplacePolicy") == "Retain"
    rule = rules_by_source(t)["S3_BUCKET_MFA_DELETE_ENABLED"]
    assert imported(rule["Scope"]["ComplianceResourceId"]) == "Bucket"
    for stack, name, other in resources(t, "S3::Bucket"):
        if (stack, name) != ("trail", "Bucket"):
            assert "MFADelete" not in other["VersioningConfiguration"], f"{stack}: {name}"


def trail_bucket_is_locked(t):
    bucket = prop(t, "trail", "Bucket")
    default = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"][0]["ServerSideEncryptionByDefault"]
    assert default["SSEAlgorithm"] == "aws:kms" and target(default["KMSMasterKeyID"]) == "Key"
    assert target(prop(t, "trail", "Trail")["S3BucketName"]) == "Bucket" and target(prop(t, "trail", "Trail")["KMSKeyId"]) == "Key"
    rule, = bucket["ReplicationConfiguration"]["Rules"]
    assert rule["Status"] == "Enabled" and rule["Destination"]["StorageClass"] == "GLACIER"
    assert target(rule["Destination"]["Bucket"]) == "Archive" and rule["DeleteMarkerReplication"] == {"Status": "Disabled"}
    for statement in prop(t, "trail", "BucketPolicy")["PolicyDocument"]["Statement"]:
        if statement["Effect"] == "Allow":
            assert statement["Principal"] == {"Service": "cloudtrail.amazonaws.com"}
            assert statement["Condition"]["StringEquals"]["aws:SourceArn"]["Fn::Sub"].endswith(":trail/${AWS::StackName}")
    archive = prop(t, "trail", "Archive")
    assert archive["ObjectLockEnabled"] is True
    assert archive["ObjectLockConfiguration"]["Rule"]["DefaultRetention"]["Days"] == {"Ref": "LockDays"}
    for _, _, _, _, document in documents({"trail": t["trail"]}, ("PolicyDocument",)):
        for statement in document["Statement"]:
            assert statement["Effect"] == "Deny" or "s3:ReplicateDelete" not in as_list(statement["Action"])


def rules_by_source(t):
    return {rule["Source"]["SourceIdentifier"]: rule for _, _, rule in resources(t, "Config::ConfigRule")}


def passwords_are_watched(t):
    rule = rules_by_source(t).get("IAM_PASSWORD_POLICY", {})
    wanted = {"RequireUppercaseCharacters": "true", "RequireLowercaseCharacters": "true", "RequireSymbols": "true",
              "RequireNumbers": "true", "MinimumPasswordLength": "14", "MaxPasswordAge": "90"}
    assert wanted.items() <= rule.get("InputParameters", {}).items()


def reuse_is_watched(t):
    rule = rules_by_source(t).get("IAM_PASSWORD_POLICY", {})
    assert rule.get("InputParameters", {}).get("PasswordReusePrevention") == "24"


def auditors_read_the_trail(t):
    """As validate-trail does: the files of that bucket, whatever else is in the account."""
    statements = prop(t, "access", "ReadTrail")["PolicyDocument"]["Statement"]
    allowed = {action: statement["Resource"] for statement in statements for action in as_list(statement["Action"])}
    assert set(allowed) == {"cloudtrail:ListPublicKeys", "kms:Decrypt", "s3:GetBucketLocation", "s3:GetObject", "s3:ListBucket"}
    for action in ("s3:GetObject", "s3:ListBucket"):
        resource = allowed[action]
        assert isinstance(resource, dict) and imported(resource["Fn::Sub"][1]["Bucket"]) == "Bucket", action
    assert imported(allowed["kms:Decrypt"]) == "KeyArn"
    assert "ReadTrail" in [target(policy) for policy in prop(t, "access", "Auditors")["ManagedPolicyArns"]]


def watched(*sources):
    def check(t):
        for source in sources:
            assert rules_by_source(t).get(source, {}).get("Source", {}).get("Owner") == "AWS", source
        recorder = prop(t, "config-rules", "Recorder")["RecordingGroup"]
        assert recorder == {"AllSupported": True, "IncludeGlobalResourceTypes": True}
    return check


def in_rule(name, key, value):
    return lambda t: prop(t, "config-rules", name)["InputParameters"].update({key: value})


def in_trail(**change):
    return lambda t: prop(t, "trail", "Trail").update(change)


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
    ("C1", trail_of_everything, [in_trail(IsMultiRegionTrail=False), in_trail(IncludeGlobalServiceEvents=False), in_trail(EventSelectors=[
        {"ReadWriteType": "All", "IncludeManagementEvents": True, "ExcludeManagementEventSources": ["kms.amazonaws.com"]}])]),
    ("C2", trail_is_validated, [in_trail(EnableLogFileValidation=False)]),
    ("C2 read", auditors_read_the_trail, [
        lambda t: prop(t, "access", "Auditors")["ManagedPolicyArns"].pop(),
        lambda t: prop(t, "access", "ReadTrail")["PolicyDocument"]["Statement"][2].update(Resource="arn:aws:s3:::*"),
        lambda t: prop(t, "access", "ReadTrail")["PolicyDocument"]["Statement"].pop()]),
    ("C3", trail_bucket_awaits_mfa_delete, [
        set_in("trail", "Bucket", "LifecycleConfiguration", {"Rules": [{"Status": "Enabled", "ExpirationInDays": 1}]}),
        set_in("trail", "Bucket", "VersioningConfiguration", {"Status": "Suspended"}),
        lambda t: t["trail"]["Resources"]["Bucket"].pop("DeletionPolicy"),
        lambda t: prop(t, "config-rules", "TrailMfaDelete")["Scope"].update(ComplianceResourceId="other")]),
    ("C4", trail_bucket_is_locked, [
        lambda t: prop(t, "trail", "BucketPolicy")["PolicyDocument"]["Statement"][2].update(Principal={"Service": "s3.amazonaws.com"}),
        lambda t: prop(t, "trail", "Bucket")["ReplicationConfiguration"]["Rules"][0]["Destination"].update(StorageClass="STANDARD"),
        lambda t: prop(t, "trail", "ReplicationPolicy")["PolicyDocument"]["Statement"][2]["Action"].append("s3:ReplicateDelete"),
        set_in("trail", "Archive", "ObjectLockEnabled", False)]),
    ("C4 buckets", buckets_are_closed, [drop_in("trail", "Bucket", "PublicAccessBlockConfiguration"), drop("trail", "ArchivePolicy"),
                                        drop_in("trail", "Bucket", "LoggingConfiguration")]),
    ("I7 watched", watched("IAM_USER_MFA_ENABLED", "ROOT_ACCOUNT_MFA_ENABLED"), [drop("config-rules", "UserMfa"),
                                                                                drop("config-rules", "RootMfa")]),
    ("I6 watched", watched("IAM_USER_NO_POLICIES_CHECK"), [drop("config-rules", "NoUserPolicies")]),
    ("N6 watched", watched("VPC_DEFAULT_SECURITY_GROUP_CLOSED"), [drop("config-rules", "DefaultGroupClosed"),
        set_in("config-rules", "Recorder", "RecordingGroup", {"AllSupported": False})]),
    ("H2 watched", watched("EC2_EBS_ENCRYPTION_BY_DEFAULT"), [drop("config-rules", "VolumesEncrypted")]),
    ("I8", passwords_are_watched, [in_rule("PasswordPolicy", "MinimumPasswordLength", "8"), in_rule("PasswordPolicy", "MaxPasswordAge", "0"),
                                   drop("config-rules", "PasswordPolicy")]),
    ("I9", reuse_is_watched, [in_rule("PasswordPolicy", "PasswordReusePrevention", "5"), drop("config-rules", "PasswordPolicy")]),
]
