"""Rows of the balancer, the machines and their rights."""
import re

from rows_network import set_in
from templates import as_list, documents, imported, prop, resources, target, walk

# Actions that AWS knows no resource for: the only ones that may be allowed on "*".
UNSCOPED = {"ssmmessages:CreateControlChannel", "ssmmessages:CreateDataChannel", "ssmmessages:OpenControlChannel",
            "ssmmessages:OpenDataChannel", "ssm:ListAssociations", "ssm:GetDeployablePatchSnapshotForInstance",
            "ssm:PutInventory", "ssm:DescribeSessions", "ssm:DescribeInstanceInformation", "logs:DescribeLogGroups",
            "ec2:DescribeInstances", "ec2:DescribeVolumes", "ec2:DescribeSnapshots", "ec2:DescribeTags",
            "iam:ListVirtualMFADevices", "iam:ListUsers", "iam:GetAccountPasswordPolicy", "iam:GetAccountSummary",
            "iam:GenerateCredentialReport", "iam:GetCredentialReport", "dlm:GetLifecyclePolicies", "cloudtrail:DescribeTrails",
            "config:DescribeComplianceByConfigRule", "config:DescribeConfigRules", "ec2:DescribeFlowLogs",
            "ec2:DescribeLaunchTemplateVersions", "ec2:DescribeNetworkAcls", "ec2:DescribeNetworkInterfaces",
            "ec2:DescribeRegions", "ec2:DescribeRouteTables", "ec2:DescribeSecurityGroupRules", "ec2:DescribeSecurityGroups",
            "ec2:DescribeSubnets", "ec2:GetEbsEncryptionByDefault", "autoscaling:DescribeAutoScalingGroups",
            "autoscaling:DescribeLifecycleHooks", "config:DescribeConfigurationRecorderStatus",
            "elasticloadbalancing:DescribeLoadBalancerAttributes", "elasticloadbalancing:DescribeLoadBalancers",
            "elasticloadbalancing:DescribeTargetGroups", "iam:ListPolicies", "cloudtrail:ListPublicKeys", "cloudwatch:PutMetricData", "s3:ListAllMyBuckets", "ssm:ListDocuments"}


def machines(t):
    """(template, name, launch template data)"""
    for stack, name, template in resources(t, "EC2::LaunchTemplate"):
        yield stack, name, template["LaunchTemplateData"]


def attributes(resource, key):
    return {pair["Key"]: pair["Value"] for pair in resource[key]}


def balancer_in_front(t):
    balancer = prop(t, "gateway", "Balancer")
    assert balancer["Type"] == "network" and balancer["Scheme"] == "internet-facing"
    assert [imported(subnet) for subnet in balancer["Subnets"]] == ["PublicSubnetA", "PublicSubnetB"]
    assert imported(balancer["SecurityGroups"][0]) == "BalancerGroup"
    has = attributes(balancer, "LoadBalancerAttributes")
    for key in ("deletion_protection.enabled", "load_balancing.cross_zone.enabled", "access_logs.s3.enabled"):
        assert has.get(key) == "true", key
    for _, name, listener in resources(t, "ElasticLoadBalancingV2::Listener"):
        assert listener["Protocol"] == "TCP", f"{name}: the gateway ends TLS"
        assert attributes(listener, "ListenerAttributes") == {"tcp.idle_timeout.seconds": "350"}


def only_the_proxy_outside(t):
    for stack, name, machine in machines(t):
        for card in machine["NetworkInterfaces"]:
            assert card["AssociatePublicIpAddress"] is False, f"{stack}: {name}"
    for stack, name, subnet in resources(t, "EC2::Subnet"):
        assert subnet["MapPublicIpOnLaunch"] is False, f"{stack}: {name}"
    for stack, name, database in resources(t, "RDS::DBInstance"):
        assert database["PubliclyAccessible"] is False, f"{stack}: {name}"
    assert {stack for stack, _, _ in resources(t, "EC2::EIP")} <= {"bastion"}
    assert {"Ref": "HttpsTargets"} in prop(t, "gateway", "Gateways")["TargetGroupARNs"]


def health_decides(t):
    for _, name, group in resources(t, "ElasticLoadBalancingV2::TargetGroup"):
        assert group["Protocol"] == "TCP" and group["HealthCheckProtocol"] == "HTTPS", name
        assert group["HealthCheckPath"] == {"Ref": "HealthPath"} and group["Matcher"] == {"HttpCode": "200"}, name
        has = attributes(group, "TargetGroupAttributes")
        assert has["proxy_protocol_v2.enabled"] == "true" and has["preserve_client_ip.enabled"] == "false", name
        # not before the gateway's own drain, 20 s and 30 s, is over
        assert int(has["deregistration_delay.timeout_seconds"]) > 50, name
    assert t["gateway"]["Parameters"]["HealthPath"]["Default"] == "/healthz"


def group_scales(t):
    group, resource = prop(t, "gateway", "Gateways"), t["gateway"]["Resources"]["Gateways"]
    assert group["HealthCheckType"] == "ELB" and len(group["VPCZoneIdentifier"]) == 2
    assert t["gateway"]["Parameters"]["MinGateways"]["MinValue"] >= 2 and group["MinSize"] == {"Ref": "MinGateways"}
    hook, = group["LifecycleHookSpecificationList"]
    assert hook["LifecycleTransition"] == "autoscaling:EC2_INSTANCE_TERMINATING" and hook["DefaultResult"] == "CONTINUE"
    assert hook["HeartbeatTimeout"] > 50
    assert resource["UpdatePolicy"]["AutoScalingRollingUpdate"]["WaitOnResourceSignals"] is True
    assert resource["UpdatePolicy"]["AutoScalingRollingUpdate"]["MinInstancesInService"] == {"Ref": "MinGateways"}


def metadata_guarded(t):
    for stack, name, machine in machines(t):
        options = machine["MetadataOptions"]
        assert (options["HttpTokens"], options["HttpPutResponseHopLimit"]) == ("required", 1), f"{stack}: {name}"


def volumes_encrypted(t):
    for stack, name, machine in machines(t):
        assert machine["BlockDeviceMappings"], f"{stack}: {name}"
        for disk in machine["BlockDeviceMappings"]:
            assert disk["Ebs"]["Encrypted"] is True, f"{stack}: {name}"
    for stack, name, database in resources(t, "RDS::DBInstance"):
        assert database["StorageEncrypted"] is True, f"{stack}: {name}"


def rights_are_scoped(t):
    for stack, name, kind, key, document in documents(t, ("PolicyDocument",)):
        if kind == "AWS::EC2::VPCEndpoint":
            continue                    # no right by itself; row N3 has them
        for statement in document["Statement"]:
            if statement["Effect"] != "Allow":
                continue
            assert "NotAction" not in statement and "NotResource" not in statement, f"{stack}: {name}"
            actions = as_list(statement["Action"])
            assert not any("*" in action for action in actions), f"{stack}: {name}: {actions}"
            if "*" in as_list(statement["Resource"]):
                assert set(actions) <= UNSCOPED, f"{stack}: {name}: {set(actions) - UNSCOPED}"
    for stack, name, role in resources(t, "IAM::Role"):
        for policy in role.get("ManagedPolicyArns", []):
            known = (stack, name) == ("config-rules", "Role") or imported(policy) == "MachinePolicyArn"
            assert known or target(policy) in t[stack]["Resources"], f"{stack}: {name}: {policy}"
    # The root of the account may rule its keys; anybody else but a named service may not.
    for stack, name, _, _, document in documents(t, ("KeyPolicy",)):
        for statement in document["Statement"]:
            whole = "kms:*" in as_list(statement["Action"])
            root = statement["Principal"].get("AWS", {}).get("Fn::Sub", "").endswith(":root")
            assert root or not whole and statement.get("Condition"), f"{stack}: {name}"


def roles_are_trusted_narrowly(t):
    for stack, name, _, _, document in documents(t, ("AssumeRolePolicyDocument",)):
        for statement in document["Statement"]:
            principal, condition = statement["Principal"], statement.get("Condition", {})
            assert principal != "*" and "*" not in principal.values(), f"{stack}: {name}"
            if "Service" not in principal:
                assert condition.get("Bool", {}).get("aws:MultiFactorAuthPresent") is True, f"{stack}: {name}: without MFA"
            elif principal["Service"] != "ec2.amazonaws.com":
                keys = {key for test in condition.values() for key in test}
                assert keys & {"aws:SourceAccount", "aws:SourceArn"}, f"{stack}: {name}"
    profiles = {(stack, target(profile["Roles"][0])) for stack, _, profile in resources(t, "IAM::InstanceProfile")}
    for stack, name, machine in machines(t):
        assert (stack, "Role") in profiles and machine["IamInstanceProfile"], f"{stack}: {name}"


def nobody_has_keys(t):
    for kind in ("IAM::User", "IAM::AccessKey", "IAM::UserPolicy"):
        assert not list(resources(t, kind)), kind
    group, = [group for stack, _, group in resources(t, "AutoScaling::AutoScalingGroup") if stack == "gateway"]
    assert target(group["LaunchTemplate"]["LaunchTemplateId"]) == "LaunchTemplate"
    assert target(prop(t, "gateway", "Scaling")["AutoScalingGroupName"]) == "Gateways"


def no_secret_at_start(t):
    for stack, name, machine in machines(t):
        for text in (value for value in walk(machine.get("UserData", {})) if isinstance(value, str)):
            assert not re.search(r"(?i)BEGIN [A-Z ]*PRIVATE|AKIA[0-9A-Z]{16}|passw(or)?d *=|secret *=", text), f"{stack}: {name}"
    for stack, name, database in resources(t, "RDS::DBInstance"):
        assert database.get("ManageMasterUserPassword") is True and "MasterUserPassword" not in database, f"{stack}: {name}"


def machines_are_patched(t):
    patched = {stack for stack, _, patches in resources(t, "SSM::Association")
               if patches["Name"] == "AWS-RunPatchBaseline" and patches["Parameters"]["Operation"] == ["Install"]}
    assert patched == {stack for stack, _, _ in machines(t)}


def bastion_alone_has_an_address(t):
    """The one-machine form: an Elastic IP on the instance, which is in the gateways' group and the edge's."""
    link = prop(t, "bastion", "AddressOfGateway")
    assert target(link["InstanceId"]) == "Gateway" and target(link["AllocationId"]) == "Address"
    card, = data_of("bastion")(t)["NetworkInterfaces"]
    assert imported(card["SubnetId"]) == "PublicSubnetA" and card["AssociatePublicIpAddress"] is False
    assert [imported(group) or target(group) for group in card["Groups"]] == ["GatewayGroup", "EdgeGroup"]
    assert not list(resources({"bastion": t["bastion"]}, "ElasticLoadBalancingV2::LoadBalancer"))


def database_has_its_own_policy(t):
    database = prop(t, "backend", "Database")
    assert database["EnableIAMDatabaseAuthentication"] is True and database["MultiAZ"] is True
    assert [imported(subnet) for subnet in prop(t, "backend", "DatabaseSubnets")["SubnetIds"]] == ["DatabaseSubnetA", "DatabaseSubnetB"]
    holders = [(stack, name) for stack, name, _, _, document in documents(t, ("PolicyDocument",))
               if any("rds-db:connect" in as_list(statement["Action"]) for statement in document["Statement"] if "Action" in statement)]
    assert holders == [("backend", "DatabasePolicy")]
    statement, = prop(t, "backend", "DatabasePolicy")["PolicyDocument"]["Statement"]
    assert statement["Resource"]["Fn::Sub"].endswith(":dbuser:${Database.DbiResourceId}/${DatabaseUser}")
    assert [imported(subnet) for subnet in prop(t, "backend", "Machines")["VPCZoneIdentifier"]] == \
        ["ApplicationSubnetA", "ApplicationSubnetB"]
    assert [imported(group) for group in data_of("backend")(t)["NetworkInterfaces"][0]["Groups"]] == ["ApplicationGroup"]


def database_keeps_backups(t):
    database, resource = prop(t, "backend", "Database"), t["backend"]["Resources"]["Database"]
    assert database["BackupRetentionPeriod"] == {"Ref": "BackupDays"} and database["CopyTagsToSnapshot"] is True
    assert t["backend"]["Parameters"]["BackupDays"]["MinValue"] >= 7
    assert database["DeletionProtection"] is True and resource["DeletionPolicy"] == "Snapshot"


def signal_after_health(t):
    """A gateway says that it is up only once its health path answered: under systemd its socket is one that
    `sallyport healthcheck` cannot ask, hence curl."""
    for stack, path in (("gateway", "${HealthPath}"), ("bastion", "/healthz")):
        lines = data_of(stack)(t)["UserData"]["Fn::Base64"]["Fn::Sub"][0].splitlines()
        asked = [number for number, line in enumerate(lines) if line.startswith("curl -f") and line.endswith("https://127.0.0.1" + path)]
        assert asked and lines[-1] == "signal 0" and asked[0] < len(lines) - 1, stack
        assert "set -euo pipefail" in lines and "trap 'signal 1' ERR" in lines, stack


def drained_in_the_hook(t):
    """The unit on the machine answers the hook of its own group, and the role lets it."""
    group = prop(t, "gateway", "Gateways")
    name = group["AutoScalingGroupName"]["Fn::Sub"]
    lines = data_of("gateway")(t)["UserData"]["Fn::Base64"]["Fn::Sub"][0].splitlines()
    assert f"echo 'GROUP={name}' >/etc/sallyport/drain.env" in lines
    assert any(line.startswith("systemctl enable --now ") and "sallyport-drain.service" in line.split() for line in lines)
    assert [hook["LifecycleHookName"] for hook in group["LifecycleHookSpecificationList"]] == ["drain"]     # which the script asks for
    allowed = [statement for statement in prop(t, "gateway", "Role")["Policies"][0]["PolicyDocument"]["Statement"]
               if as_list(statement["Action"]) == ["autoscaling:CompleteLifecycleAction"]]
    assert [statement["Resource"]["Fn::Sub"].endswith(f"autoScalingGroupName/{name}") for statement in allowed] == [True]


def without_line(stack, begin):
    def damage(t):
        text = data_of(stack)(t)["UserData"]["Fn::Base64"]["Fn::Sub"]
        text[0] = "".join(line for line in text[0].splitlines(True) if not line.startswith(begin))
    return damage


def data_of(stack):
    return lambda t: prop(t, stack, "LaunchTemplate")["LaunchTemplateData"]


def in_machine(stack, change):
    return lambda t: change(data_of(stack)(t))


def in_attributes(stack, name, key, attribute, value):
    def damage(t):
        for pair in prop(t, stack, name)[key]:
            if pair["Key"] == attribute:
                pair["Value"] = value
    return damage


def statement_of(stack, name, number, **change):
    return lambda t: prop(t, stack, name)["Policies"][0]["PolicyDocument"]["Statement"][number].update(change)


def no_mfa_user(t):
    t["network"]["Resources"]["Admin"] = {"Type": "AWS::IAM::User", "Properties": {}}


def trust_everybody(t):
    prop(t, "gateway", "Role")["AssumeRolePolicyDocument"]["Statement"][0]["Principal"] = {"AWS": "*"}


def trust_any_account(t):
    del prop(t, "network", "FlowLogRole")["AssumeRolePolicyDocument"]["Statement"][0]["Condition"]


def whole_key(t):
    prop(t, "network", "LogKey")["KeyPolicy"]["Statement"][1]["Action"] = "kms:*"


def secret_in_user_data(t):
    data_of("gateway")(t)["UserData"]["Fn::Base64"]["Fn::Sub"][0] += "password = hunter2\n"


ROWS = [
    ("E1", balancer_in_front, [set_in("gateway", "Balancer", "Scheme", "internal"),
                               set_in("gateway", "HttpsListener", "Protocol", "TLS"),
                               in_attributes("gateway", "Balancer", "LoadBalancerAttributes", "deletion_protection.enabled", "false")]),
    ("E2", only_the_proxy_outside, [
        in_machine("gateway", lambda data: data["NetworkInterfaces"][0].update(AssociatePublicIpAddress=True)),
        set_in("network", "ApplicationSubnetB", "MapPublicIpOnLaunch", True),
        set_in("backend", "Database", "PubliclyAccessible", True)]),
    ("E2 bastion", bastion_alone_has_an_address, [
        in_machine("bastion", lambda data: data["NetworkInterfaces"][0]["Groups"].pop()),
        set_in("bastion", "AddressOfGateway", "InstanceId", "i-0")]),
    ("E3", health_decides, [
        set_in("gateway", "HttpsTargets", "HealthCheckProtocol", "TCP"),
        in_attributes("gateway", "HttpsTargets", "TargetGroupAttributes", "proxy_protocol_v2.enabled", "false"),
        in_attributes("gateway", "HttpTargets", "TargetGroupAttributes", "preserve_client_ip.enabled", "true"),
        in_attributes("gateway", "HttpsTargets", "TargetGroupAttributes", "deregistration_delay.timeout_seconds", "5")]),
    ("E4", group_scales, [set_in("gateway", "Gateways", "HealthCheckType", "EC2"), set_in("gateway", "Gateways", "MinSize", 1),
                          lambda t: t["gateway"]["Resources"]["Gateways"]["UpdatePolicy"]["AutoScalingRollingUpdate"].update(
                              WaitOnResourceSignals=False)]),
    ("H1", metadata_guarded, [in_machine("gateway", lambda data: data["MetadataOptions"].update(HttpTokens="optional")),
                              in_machine("gateway", lambda data: data["MetadataOptions"].update(HttpPutResponseHopLimit=2)),
                              in_machine("bastion", lambda data: data["MetadataOptions"].update(HttpTokens="optional"))]),
    ("H2", volumes_encrypted, [
        in_machine("gateway", lambda data: data["BlockDeviceMappings"][0]["Ebs"].update(Encrypted=False)),
        in_machine("bastion", lambda data: data["BlockDeviceMappings"].clear()),
        set_in("backend", "Database", "StorageEncrypted", False)]),
    ("N5 database", database_has_its_own_policy, [
        lambda t: prop(t, "backend", "DatabasePolicy")["PolicyDocument"]["Statement"][0].update(
            Resource={"Fn::Sub": "arn:aws:rds-db:eu-west-1:1:dbuser:*/*"}),
        lambda t: prop(t, "backend", "DatabaseSubnets")["SubnetIds"].pop(),
        statement_of("gateway", "Role", 0, Action="rds-db:connect"),
        in_machine("backend", lambda data: data["NetworkInterfaces"][0].update(Groups=["sg-1"]))]),
    ("S1 database", database_keeps_backups, [set_in("backend", "Database", "BackupRetentionPeriod", 0),
                                             set_in("backend", "Database", "DeletionProtection", False)]),
    ("I2", rights_are_scoped, [statement_of("gateway", "Role", 0, Resource="*"), statement_of("gateway", "Role", 1, Action="s3:*"),
                               whole_key]),
    ("I3", roles_are_trusted_narrowly, [trust_everybody, trust_any_account]),
    ("I4", nobody_has_keys, [no_mfa_user, set_in("gateway", "Scaling", "AutoScalingGroupName", "other")]),
    ("I5", no_secret_at_start, [secret_in_user_data, set_in("backend", "Database", "ManageMasterUserPassword", False),
                                 set_in("backend", "Database", "MasterUserPassword", "hunter2")]),
    ("R1", machines_are_patched, [set_in("gateway", "Patches", "Name", "AWS-GatherSoftwareInventory"),
                                   lambda t: t["bastion"]["Resources"].pop("Patches")]),
    ("E4 drain", drained_in_the_hook, [
        without_line("gateway", "echo 'GROUP="), without_line("gateway", "systemctl enable --now sallyport.socket"),
        set_in("gateway", "Gateways", "AutoScalingGroupName", {"Fn::Sub": "other"}), statement_of("gateway", "Role", 4, Action="s3:GetObject"),
        lambda t: prop(t, "gateway", "Gateways")["LifecycleHookSpecificationList"][0].update(LifecycleHookName="other")]),
    ("E4 signal", signal_after_health, [without_line("gateway", "curl"), without_line("bastion", "curl"),
                                        without_line("gateway", "trap")]),
]
