"""An AWS account as the scripts see it: what is in it, and what each call that they make answers or changes.

A call is (service, operation, region, parameters), named as the aws command names them. Answers have the shapes of AWS's
own models (test_scripts.py asks the real aws command, where there is one)."""
import base64
import copy
import datetime
import json

HOME, OTHER = "eu-west-1", "us-east-1"
NUMBER = "111122223333"
BUCKET = "sallyport-trail-bucket"
TRAIL = f"arn:aws:cloudtrail:{HOME}:{NUMBER}:trail/sallyport-trail"
REPORT = ("user,arn,user_creation_time,password_enabled,password_last_used,password_last_changed,password_next_rotation,mfa_active,"
          "access_key_1_active,access_key_1_last_rotated,access_key_1_last_used_date,access_key_1_last_used_region,"
          "access_key_1_last_used_service,access_key_2_active,access_key_2_last_rotated,access_key_2_last_used_date,"
          "access_key_2_last_used_region,access_key_2_last_used_service,cert_1_active,cert_1_last_rotated,cert_2_active,"
          "cert_2_last_rotated")
WATCHED = ("VPC_DEFAULT_SECURITY_GROUP_CLOSED", "IAM_USER_NO_POLICIES_CHECK", "IAM_USER_MFA_ENABLED", "ROOT_ACCOUNT_MFA_ENABLED",
           "IAM_PASSWORD_POLICY", "S3_BUCKET_MFA_DELETE_ENABLED", "EC2_EBS_ENCRYPTION_BY_DEFAULT")

# The list that an answer is paged by, where AWS pages it.
PAGED = {("ec2", "describe-instances"): "Reservations", ("ec2", "describe-network-interfaces"): "NetworkInterfaces",
         ("ec2", "describe-security-groups"): "SecurityGroups", ("ec2", "describe-security-group-rules"): "SecurityGroupRules",
         ("ec2", "describe-route-tables"): "RouteTables", ("ec2", "describe-network-acls"): "NetworkAcls",
         ("ec2", "describe-subnets"): "Subnets", ("ec2", "describe-volumes"): "Volumes", ("ec2", "describe-snapshots"): "Snapshots",
         ("ec2", "describe-flow-logs"): "FlowLogs", ("ec2", "describe-launch-template-versions"): "LaunchTemplateVersions",
         ("iam", "list-users"): "Users", ("iam", "list-policies"): "Policies", ("iam", "list-user-policies"): "PolicyNames",
         ("iam", "list-attached-user-policies"): "AttachedPolicies", ("rds", "describe-db-instances"): "DBInstances",
         ("elbv2", "describe-load-balancers"): "LoadBalancers", ("elbv2", "describe-target-groups"): "TargetGroups",
         ("autoscaling", "describe-auto-scaling-groups"): "AutoScalingGroups", ("ssm", "list-documents"): "DocumentIdentifiers",
         ("ssm", "describe-instance-information"): "InstanceInformationList", ("ssm", "list-associations"): "Associations",
         ("configservice", "describe-config-rules"): "ConfigRules",
         ("configservice", "describe-compliance-by-config-rule"): "ComplianceByConfigRules"}

# The right that a call needs, where it is not the call's own name; None: none.
RIGHTS = {("s3api", "get-bucket-lifecycle-configuration"): "s3:GetLifecycleConfiguration",
          ("s3api", "get-public-access-block"): "s3:GetBucketPublicAccessBlock",
          ("s3api", "get-bucket-replication"): "s3:GetReplicationConfiguration",
          ("s3api", "list-buckets"): "s3:ListAllMyBuckets",
          ("iam", "list-mfa-devices"): "iam:ListMFADevices",
          ("rds", "describe-db-instances"): "rds:DescribeDBInstances",
          ("sts", "get-caller-identity"): None}
PREFIXES = {"s3api": "s3", "configservice": "config", "elbv2": "elasticloadbalancing"}


def right_of(service, operation):
    default = PREFIXES.get(service, service) + ":" + "".join(word.capitalize() for word in operation.split("-"))
    return RIGHTS.get((service, operation), default)


class AwsError(Exception):
    def __init__(self, code, message):
        super().__init__(code)
        self.code, self.message = code, message


def ago(days):
    return (datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%S+00:00")


def rule(number, group, port, peer, egress=False, protocol="tcp", description="why"):
    kind = "ReferencedGroupInfo" if peer.startswith("sg-") else "PrefixListId" if peer.startswith("pl-") else \
        "CidrIpv6" if ":" in peer else "CidrIpv4"
    return {"SecurityGroupRuleId": f"sgr-{number}", "GroupId": group, "IsEgress": egress, "IpProtocol": protocol, "FromPort": port,
            "ToPort": port, "Description": description, kind: {"GroupId": peer} if kind == "ReferencedGroupInfo" else peer}


def card(number, groups, kind="interface", instance=None, **more):
    return {"NetworkInterfaceId": f"eni-{number}", "VpcId": "vpc-1", "InterfaceType": kind,
            "Groups": [{"GroupId": group, "GroupName": "sallyport " + group} for group in groups],
            **({"Attachment": {"InstanceId": instance}} if instance else {}), **more}


def instance(number, **more):
    return {"InstanceId": f"i-{number}", "VpcId": "vpc-1", "State": {"Name": "running"},
            "IamInstanceProfile": {"Arn": f"arn:aws:iam::{NUMBER}:instance-profile/gateway"},
            "MetadataOptions": {"HttpTokens": "required", "HttpPutResponseHopLimit": 1, "HttpEndpoint": "enabled"},
            "Tags": [{"Key": "Name", "Value": "gateway"}, {"Key": "Sallyport", "Value": "machine"}], **more}


def entry(number, port, egress=False, cidr="0.0.0.0/0"):
    return {"RuleNumber": number, "Egress": egress, "RuleAction": "allow", "Protocol": "6", "CidrBlock": cidr,
            "PortRange": {"From": port, "To": port}}


def region_of_machines():
    """A region with the stacks of deploy/cloudformation in it, done as they do."""
    return {
        "instances": [instance(1), instance(2)],
        "cards": [card(1, ["sg-gateway"], instance="i-1"), card(2, ["sg-gateway"], instance="i-2"),
                  card(3, ["sg-balancer"], "network_load_balancer", Association={"PublicIp": "192.0.2.1", "IpOwnerId": "amazon"}),
                  card(4, ["sg-endpoint"], "vpc_endpoint"), card(5, ["sg-database"]), card(6, [], "nat_gateway")],
        "groups": [{"GroupId": "sg-" + name, "VpcId": "vpc-1", "GroupName": "sallyport " + name}
                   for name in ("balancer", "gateway", "application", "endpoint", "database")] +
                  [{"GroupId": "sg-default", "VpcId": "vpc-1", "GroupName": "default"}],
        "rules": [rule(1, "sg-balancer", 443, "0.0.0.0/0"), rule(2, "sg-balancer", 80, "::/0"),
                  rule(3, "sg-balancer", 443, "sg-gateway", True), rule(4, "sg-gateway", 443, "sg-balancer"),
                  rule(5, "sg-gateway", 443, "pl-1", True), rule(6, "sg-gateway", 9, "127.0.0.1/32", True),
                  rule(7, "sg-database", 5432, "sg-application")],
        "routes": [{"RouteTableId": "rtb-main", "VpcId": "vpc-1", "Associations": [{"Main": True}],
                    "Routes": [{"DestinationCidrBlock": "10.20.0.0/16", "GatewayId": "local"}]},
                   {"RouteTableId": "rtb-public", "VpcId": "vpc-1", "Associations": [{"Main": False, "SubnetId": "subnet-1"}],
                    "Routes": [{"DestinationCidrBlock": "10.20.0.0/16", "GatewayId": "local"},
                               {"DestinationPrefixListId": "pl-1", "GatewayId": "vpce-1"},
                               {"DestinationCidrBlock": "0.0.0.0/0", "GatewayId": "igw-1"}]}],
        "acls": [{"NetworkAclId": "acl-default", "VpcId": "vpc-1", "IsDefault": True, "Associations": [],
                  "Entries": [{"RuleNumber": 100, "Egress": False, "RuleAction": "allow", "Protocol": "-1", "CidrBlock": "0.0.0.0/0"}]},
                 {"NetworkAclId": "acl-public", "VpcId": "vpc-1", "IsDefault": False, "Associations": [{"SubnetId": "subnet-1"}],
                  "Entries": [entry(100, 443), entry(110, 80), entry(120, 22, cidr="10.20.0.0/16"), entry(100, 22, egress=True),
                              {"RuleNumber": 32767, "Egress": False, "RuleAction": "deny", "Protocol": "-1", "CidrBlock": "0.0.0.0/0"}]}],
        "subnets": [{"SubnetId": "subnet-1", "VpcId": "vpc-1", "MapPublicIpOnLaunch": False}],
        "balancers": [{"LoadBalancerArn": f"arn:aws:elasticloadbalancing:{HOME}:{NUMBER}:loadbalancer/net/edge/1",
                       "LoadBalancerName": "edge", "Scheme": "internet-facing", "Type": "network",
                       "AvailabilityZones": [{"ZoneName": "a"}, {"ZoneName": "b"}], "SecurityGroups": ["sg-balancer"]}],
        "balancer_attributes": [{"Key": "deletion_protection.enabled", "Value": "true"},
                                {"Key": "load_balancing.cross_zone.enabled", "Value": "true"}],
        "targets": [{"TargetGroupName": "https", "Protocol": "TCP", "HealthCheckProtocol": "HTTPS"}],
        "databases": [{"DBInstanceIdentifier": "records", "PubliclyAccessible": False, "StorageEncrypted": True,
                       "BackupRetentionPeriod": 14, "VpcSecurityGroups": [{"VpcSecurityGroupId": "sg-database", "Status": "active"}]}],
        "scaling": [{"AutoScalingGroupName": "gateways", "HealthCheckType": "ELB", "AvailabilityZones": ["a", "b"], "MinSize": 2,
                     "MaxSize": 6, "TargetGroupARNs": ["arn:aws:elasticloadbalancing:https"]},
                    {"AutoScalingGroupName": "applications", "HealthCheckType": "EC2", "AvailabilityZones": ["a", "b"], "MinSize": 2,
                     "MaxSize": 2, "TargetGroupARNs": []}],
        "hooks": [{"LifecycleHookName": "drain", "AutoScalingGroupName": "gateways",
                   "LifecycleTransition": "autoscaling:EC2_INSTANCE_TERMINATING"}],
        "templates": [{"LaunchTemplateName": "gateways", "VersionNumber": 3, "LaunchTemplateData": {
            "MetadataOptions": {"HttpTokens": "required", "HttpPutResponseHopLimit": 1},
            "UserData": base64.b64encode(b"#!/bin/bash\n# No secret is here.\n").decode()}}],
        "volumes": [{"VolumeId": "vol-1", "Encrypted": True, "CreateTime": ago(30)},
                    {"VolumeId": "vol-2", "Encrypted": True, "CreateTime": ago(1)}],
        "snapshots": [{"SnapshotId": "snap-1", "VolumeId": "vol-1", "StartTime": ago(9)},
                      {"SnapshotId": "snap-2", "VolumeId": "vol-1", "StartTime": ago(1)},
                      {"SnapshotId": "snap-3", "VolumeId": "vol-1", "StartTime": ago(2.5)}],
        "copying": [{"PolicyId": "policy-1", "State": "ENABLED"}],
        "flows": [{"ResourceId": "vpc-1", "FlowLogStatus": "ACTIVE", "TrafficType": "ALL", "DeliverLogsStatus": "SUCCESS"}],
        "encrypts": True,
        "documents": {"sallyport-session": {"schemaVersion": "1.0", "sessionType": "Standard_Stream", "inputs": {
            "cloudWatchLogGroupName": "sessions", "cloudWatchEncryptionEnabled": True}}},
        "managed": [{"InstanceId": "i-1", "PingStatus": "Online"}, {"InstanceId": "i-2", "PingStatus": "Online"}],
        "associations": [{"AssociationId": "patches", "Name": "AWS-RunPatchBaseline", "Overview": {"Status": "Success"}}],
        "recorders": [{"name": "default", "recording": True}],
        "watching": [{"ConfigRuleName": "rule-" + source.lower(), "ConfigRuleState": "ACTIVE",
                      "Source": {"Owner": "AWS", "SourceIdentifier": source}} for source in WATCHED],
        "broken": [],
    }


def region_without():
    """A region that nobody uses: the VPC that AWS made, its default group closed."""
    region = {key: type(value)() for key, value in region_of_machines().items()}
    return {**region, "groups": [{"GroupId": "sg-unused", "VpcId": "vpc-9", "GroupName": "default"}], "encrypts": True}


def user_line(name, password="true", mfa="true", rotated="N/A", active="false"):
    return f"{name},arn:aws:iam::{NUMBER}:user/{name},{ago(400)},{password},N/A,N/A,N/A,{mfa},{active},{rotated},N/A,N/A,N/A,false," \
           "N/A,N/A,N/A,N/A,false,N/A,false,N/A"


class Account:
    """Good in every row until a test changes something of it."""

    def __init__(self):
        self.arn = f"arn:aws:iam::{NUMBER}:user/auditor"
        self.regions = {HOME: region_of_machines(), OTHER: region_without()}
        self.password = {"MinimumPasswordLength": 14, "RequireSymbols": True, "RequireNumbers": True, "RequireUppercaseCharacters": True,
                         "RequireLowercaseCharacters": True, "AllowUsersToChangePassword": True, "ExpirePasswords": True,
                         "MaxPasswordAge": 90, "PasswordReusePrevention": 24}
        self.root_mfa, self.report_states = 1, ["STARTED", "INPROGRESS", "COMPLETE"]
        self.report = [user_line("<root_account>", "not_supported"), user_line("alice"), user_line("b,o,b", "false", "false",
                                                                                                 ago(20), "true")]
        self.users = {"alice": {"own": [], "attached": []}, "b,o,b": {"own": [], "attached": []}, "carol": {"own": [], "attached": []}}
        self.policies = {"Operate": {"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Action": ["ec2:DescribeInstances"], "Resource": "*"},
            {"Effect": "Deny", "Action": "*", "Resource": "*"}, {"Effect": "Deny", "NotAction": ["iam:GetUser"], "Resource": "*"}]},
            "Single": {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "s3:GetObject", "Resource": ["arn:aws:s3:::a/*"]}}}
        self.trails = [{"TrailARN": TRAIL, "Name": "sallyport-trail", "HomeRegion": HOME, "IsMultiRegionTrail": True,
                        "IncludeGlobalServiceEvents": True, "LogFileValidationEnabled": True, "S3BucketName": BUCKET,
                        "KmsKeyId": "arn:aws:kms:key/1"}]
        self.trail_status = {"IsLogging": True}
        self.selectors = {"EventSelectors": [{"ReadWriteType": "All", "IncludeManagementEvents": True, "ExcludeManagementEventSources": []}]}
        self.buckets = {"attic": {}, BUCKET: {
            "versioning": {"Status": "Enabled", "MFADelete": "Enabled"},
            "block": {key: True for key in ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")},
            "policy": {"Statement": [{"Condition": {"Bool": {"aws:SecureTransport": "false"}}},
                                     {"Condition": {"StringEquals": {"aws:SourceArn": TRAIL}}}]},
            "logging": {"TargetBucket": "access-logs", "TargetPrefix": "trail/"},
            "replication": {"Role": "r", "Rules": [{"Status": "Enabled", "Destination": {"Bucket": "arn:aws:s3:::archive"}}]}},
            "backups": {"lifecycle": [{"ID": "archive", "Status": "Enabled", "Filter": {"Prefix": ""},
                                       "Transitions": [{"Days": 30, "StorageClass": "GLACIER"}]}]}}
        self.mfa_devices = [{"SerialNumber": f"arn:aws:iam::{NUMBER}:mfa/root", "UserName": "root", "EnableDate": ago(90)}]
        self.validation = (0, f"Validating log files for trail {TRAIL}\n\nResults found:\n\n2/2 digest files valid\n9/9 log files valid\n\n")
        self.hook_waits = []            # instances in the hook, as the lifecycle of the group sees them
        self.errors = {}                # (service, operation) or "*": AwsError to be raised
        self.calls = []                 # (service, operation, region, parameters)
        self.page = 1                   # entries on a page of an answer

    def copy(self):
        return copy.deepcopy(self)

    def call(self, service, operation, region, parameters):
        self.calls.append((service, operation, region, parameters))
        error = self.errors.get((service, operation, region)) or self.errors.get((service, operation)) or self.errors.get("*")
        if error:
            raise error
        found = ANSWERS.get((service, operation))
        if not found:
            raise AwsError("NotInTheStub", f"{service} {operation}")
        return found(self, self.regions[region], parameters)

    def made(self, *reading):
        """Calls that change something."""
        return [call for call in self.calls if not call[1].startswith(("describe-", "get-", "list-", "generate-credential-report"))]


ANSWERS = {}


def answers(service, *operations):
    def note(function):
        for operation in operations:
            ANSWERS[service, operation] = function
        return function
    return note


def plain(service, operation, key, kept):
    """An answer that is a list of the region."""
    ANSWERS[service, operation] = lambda account, region, p: {key: region[kept]}


for _service, _operation, _key, _kept in (
        ("ec2", "describe-network-acls", "NetworkAcls", "acls"), ("ec2", "describe-route-tables", "RouteTables", "routes"),
        ("ec2", "describe-subnets", "Subnets", "subnets"), ("ec2", "describe-flow-logs", "FlowLogs", "flows"),
        ("ec2", "describe-launch-template-versions", "LaunchTemplateVersions", "templates"),
        ("ec2", "describe-volumes", "Volumes", "volumes"), ("ec2", "describe-snapshots", "Snapshots", "snapshots"),
        ("elbv2", "describe-load-balancers", "LoadBalancers", "balancers"),
        ("elbv2", "describe-load-balancer-attributes", "Attributes", "balancer_attributes"),
        ("elbv2", "describe-target-groups", "TargetGroups", "targets"), ("rds", "describe-db-instances", "DBInstances", "databases"),
        ("autoscaling", "describe-auto-scaling-groups", "AutoScalingGroups", "scaling"),
        ("dlm", "get-lifecycle-policies", "Policies", "copying"),
        ("ssm", "describe-instance-information", "InstanceInformationList", "managed"),
        ("configservice", "describe-configuration-recorder-status", "ConfigurationRecordersStatus", "recorders"),
        ("configservice", "describe-config-rules", "ConfigRules", "watching"),
        ("configservice", "describe-compliance-by-config-rule", "ComplianceByConfigRules", "broken")):
    plain(_service, _operation, _key, _kept)


def filtered(p, name):
    """The values of one of --filters, or None."""
    return next((one["Values"] for one in p.get("filters", []) if one["Name"] == name), None)


@answers("sts", "get-caller-identity")
def _identity(account, region, p):
    return {"UserId": "U", "Account": NUMBER, "Arn": account.arn}


@answers("ec2", "describe-regions")
def _regions(account, region, p):
    return {"Regions": [{"RegionName": name, "OptInStatus": "opt-in-not-required"} for name in account.regions]}


@answers("ec2", "describe-instances")
def _instances(account, region, p):
    states = filtered(p, "instance-state-name")
    return {"Reservations": [{"ReservationId": "r", "Instances": [one]} for one in region["instances"]
                             if not states or one["State"]["Name"] in states]}


@answers("ec2", "describe-network-interfaces")
def _cards(account, region, p):
    groups = filtered(p, "group-id")
    return {"NetworkInterfaces": [one for one in region["cards"] if not groups or {g["GroupId"] for g in one["Groups"]} & set(groups)]}


@answers("ec2", "describe-security-groups")
def _groups(account, region, p):
    names = filtered(p, "group-name")
    return {"SecurityGroups": [one for one in region["groups"] if not names or one["GroupName"] in names]}


@answers("ec2", "describe-security-group-rules")
def _rules(account, region, p):
    groups = filtered(p, "group-id")
    return {"SecurityGroupRules": [one for one in region["rules"] if not groups or one["GroupId"] in groups]}


@answers("ec2", "revoke-security-group-ingress", "revoke-security-group-egress")
def _revoke(account, region, p):
    ids = p["security-group-rule-ids"]
    known = {one["SecurityGroupRuleId"] for one in region["rules"] if one["GroupId"] == p["group-id"]}
    if set(ids) - known:
        raise AwsError("InvalidSecurityGroupRuleId.NotFound", "no such rule")
    region["rules"] = [one for one in region["rules"] if one["SecurityGroupRuleId"] not in ids]
    return {"Return": True}


@answers("ec2", "get-ebs-encryption-by-default")
def _encrypts(account, region, p):
    return {"EbsEncryptionByDefault": region["encrypts"]}


@answers("ec2", "enable-ebs-encryption-by-default")
def _encrypt(account, region, p):
    region["encrypts"] = True
    return {"EbsEncryptionByDefault": True}


@answers("autoscaling", "describe-lifecycle-hooks")
def _hooks(account, region, p):
    return {"LifecycleHooks": [one for one in region["hooks"] if one["AutoScalingGroupName"] == p["auto-scaling-group-name"]]}


@answers("autoscaling", "complete-lifecycle-action")
def _complete(account, region, p):
    if p["instance-id"] not in account.hook_waits:
        raise AwsError("ValidationError", f"No active Lifecycle Action found with instance ID {p['instance-id']}")
    account.hook_waits.remove(p["instance-id"])
    return {}


@answers("ssm", "list-documents")
def _documents(account, region, p):
    return {"DocumentIdentifiers": [{"Name": name, "DocumentType": "Session"} for name in region["documents"]]}


@answers("ssm", "get-document")
def _document(account, region, p):
    return {"Name": p["name"], "Content": json.dumps(region["documents"][p["name"]], indent=2)}


@answers("ssm", "list-associations")
def _associations(account, region, p):
    wanted = {one["value"] for one in p["association-filter-list"] if one["key"] == "Name"}
    return {"Associations": [one for one in region["associations"] if one["Name"] in wanted]}


@answers("iam", "get-account-password-policy")
def _password(account, region, p):
    if account.password is None:
        raise AwsError("NoSuchEntity", f"The Password Policy with domain name {NUMBER} cannot be found.")
    return {"PasswordPolicy": account.password}


@answers("iam", "update-account-password-policy")
def _set_password(account, region, p):
    given = {"".join(word.capitalize() for word in key.split("-")): value for key, value in p.items()}
    account.password = {key: int(value) if str(value).isdigit() else value for key, value in given.items()}
    account.password["ExpirePasswords"] = "MaxPasswordAge" in account.password
    return {}


@answers("iam", "get-account-summary")
def _summary(account, region, p):
    return {"SummaryMap": {"AccountMFAEnabled": account.root_mfa, "Users": len(account.users)}}


@answers("iam", "generate-credential-report")
def _generate(account, region, p):
    return {"State": account.report_states.pop(0) if len(account.report_states) > 1 else account.report_states[0]}


@answers("iam", "get-credential-report")
def _credentials(account, region, p):
    return {"Content": "\n".join([REPORT] + account.report).encode(), "ReportFormat": "text/csv", "GeneratedTime": ago(0)}


@answers("iam", "list-users")
def _users(account, region, p):
    return {"Users": [{"UserName": name, "UserId": "U", "Path": "/", "Arn": "arn:aws:iam::1:user/u", "CreateDate": ago(9)}
                      for name in account.users]}


@answers("iam", "list-user-policies")
def _own_policies(account, region, p):
    return {"PolicyNames": account.users[p["user-name"]]["own"]}


@answers("iam", "list-attached-user-policies")
def _attached_policies(account, region, p):
    return {"AttachedPolicies": [{"PolicyName": name, "PolicyArn": "arn:aws:iam::aws:policy/" + name}
                                 for name in account.users[p["user-name"]]["attached"]]}


@answers("iam", "list-policies")
def _policies(account, region, p):
    return {"Policies": [{"Arn": f"arn:aws:iam::{NUMBER}:policy/{name}", "DefaultVersionId": "v1"} for name in account.policies]}


@answers("iam", "get-policy-version")
def _policy(account, region, p):
    return {"PolicyVersion": {"VersionId": "v1", "Document": account.policies[p["policy-arn"].split("/")[-1]]}}


@answers("iam", "list-mfa-devices")
def _devices(account, region, p):
    return {"MFADevices": account.mfa_devices}


@answers("cloudtrail", "describe-trails")
def _trails(account, region, p):
    return {"trailList": account.trails}


@answers("cloudtrail", "get-trail-status")
def _status(account, region, p):
    return account.trail_status


@answers("cloudtrail", "get-event-selectors")
def _selectors(account, region, p):
    return {"TrailARN": p["trail-name"], **account.selectors}


@answers("s3api", "list-buckets")
def _buckets(account, region, p):
    return {"Buckets": [{"Name": name, "CreationDate": ago(99)} for name in account.buckets]}


def of_bucket(operation, kept, code, wrap):
    """An answer about a bucket; AWS says by the error `code` that there is nothing, or by an empty answer."""
    def answer(account, region, p):
        if p["bucket"] not in account.buckets:
            raise AwsError("NoSuchBucket", "The specified bucket does not exist")
        value = account.buckets[p["bucket"]].get(kept)
        if value is None and code:
            raise AwsError(code, "There is none")
        return {} if value is None else wrap(value)
    ANSWERS["s3api", operation] = answer


of_bucket("get-bucket-versioning", "versioning", None, dict)
of_bucket("get-bucket-lifecycle-configuration", "lifecycle", "NoSuchLifecycleConfiguration", lambda rules: {"Rules": rules})
of_bucket("get-public-access-block", "block", "NoSuchPublicAccessBlockConfiguration",
          lambda block: {"PublicAccessBlockConfiguration": block})
of_bucket("get-bucket-policy", "policy", "NoSuchBucketPolicy", lambda policy: {"Policy": json.dumps(policy)})
of_bucket("get-bucket-logging", "logging", None, lambda logging: {"LoggingEnabled": logging})
of_bucket("get-bucket-replication", "replication", "ReplicationConfigurationNotFoundError",
          lambda replication: {"ReplicationConfiguration": replication})


@answers("s3api", "put-bucket-versioning")
def _set_versioning(account, region, p):
    bucket = account.buckets[p["bucket"]]
    if "MFADelete" in p["versioning-configuration"]:
        serial, _, number = p.get("mfa", "").partition(" ")
        if not account.arn.endswith(":root") or serial not in [one["SerialNumber"] for one in account.mfa_devices] or number != "123456":
            raise AwsError("AccessDenied", "Access Denied")
        if "lifecycle" in bucket:
            raise AwsError("InvalidRequest", "Lifecycle configuration on MFA-enabled buckets isn't supported")
    bucket["versioning"] = dict(p["versioning-configuration"])
    return {}
