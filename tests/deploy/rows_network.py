"""Rows of the network: what may reach what."""
from templates import documents, imported, prop, resources, target

WORLD = ("0.0.0.0/0", "::/0")
TIERS = ("Public", "Application", "Database")
EDGE = {("network", "BalancerGroup"), ("bastion", "EdgeGroup")}
ADMIN_PORTS = (22, 23, 3389, 5985, 5986)


def rules(templates, way):
    """(template, group, rule) of the inline and the standalone rules; way is Ingress or Egress."""
    for stack, name, group in resources(templates, "EC2::SecurityGroup"):
        for rule in group.get("SecurityGroup" + way, []):
            yield stack, name, rule
    for stack, _, rule in resources(templates, "EC2::SecurityGroup" + way):
        yield stack, target(rule["GroupId"]), rule


def is_nowhere(rule):
    return rule.get("CidrIp") == "127.0.0.1/32"


def only_web_from_the_world(t):
    for stack, group, rule in rules(t, "Ingress"):
        if rule.get("CidrIp") in WORLD or rule.get("CidrIpv6") in WORLD:
            assert (stack, group) in EDGE, f"{stack}: {group} is open to the world"
            assert rule["IpProtocol"] == "tcp" and rule["FromPort"] == rule["ToPort"] and rule["FromPort"] in (80, 443), rule


def egress_is_minimal(t):
    for stack, name, group in resources(t, "EC2::SecurityGroup"):
        assert group.get("SecurityGroupEgress"), f"{stack}: {name} may reach everything"
    for stack, group, rule in rules(t, "Egress"):
        assert rule.get("Description"), f"{stack}: {group}: a rule without a reason"
        assert rule["IpProtocol"] == "tcp" and rule["FromPort"] == rule["ToPort"], rule
        assert is_nowhere(rule) or "DestinationSecurityGroupId" in rule or "DestinationPrefixListId" in rule, rule


def port_of(rule):
    return rule["FromPort"] if isinstance(rule["FromPort"], int) else target(rule["FromPort"])


def groups_name_groups(t):
    """What one side admits is exactly what the other may send."""
    wanted = {("Balancer", "Gateway", 443), ("Balancer", "Gateway", 80), ("Gateway", "Application", "ApplicationPort"),
              ("Application", "Database", "DatabasePort"), ("Gateway", "Endpoint", 443), ("Application", "Endpoint", 443)}
    wanted = {(a + "Group", b + "Group", port) for a, b, port in wanted}
    admitted, sent = set(), set()
    for stack, group, rule in rules(t, "Ingress"):
        if (stack, group) not in EDGE or "CidrIp" not in rule:
            assert "SourceSecurityGroupId" in rule, f"{stack}: {group}: {rule}"
            admitted.add((target(rule["SourceSecurityGroupId"]), group, port_of(rule)))
    for _, group, rule in rules(t, "Egress"):
        if "DestinationSecurityGroupId" in rule:
            sent.add((group, target(rule["DestinationSecurityGroupId"]), port_of(rule)))
    assert admitted == wanted and sent == wanted


def routes_stay_inside(t):
    tables = {}
    for _, _, link in resources(t, "EC2::SubnetRouteTableAssociation"):
        tables[target(link["SubnetId"])] = target(link["RouteTableId"])
    assert tables == {f"{tier}Subnet{zone}": f"{tier}Routes" for tier in TIERS for zone in "AB"}
    found = [(target(route["RouteTableId"]), target(route["GatewayId"])) for _, _, route in resources(t, "EC2::Route")]
    assert found == [("PublicRoutes", "InternetGateway")], found
    assert not list(resources(t, "EC2::NatGateway"))
    services = {end["ServiceName"]["Fn::Sub"].rsplit(".", 1)[1] for _, _, end in resources(t, "EC2::VPCEndpoint")}
    assert {"s3", "ssm", "ssmmessages", "logs", "kms"} <= services
    for _, _, end in resources(t, "EC2::VPCEndpoint"):
        assert end["VpcEndpointType"] == "Gateway" or end["PrivateDnsEnabled"] is True


def acls_both_ways(t):
    linked = {target(link["SubnetId"]): target(link["NetworkAclId"])
              for _, _, link in resources(t, "EC2::SubnetNetworkAclAssociation")}
    assert linked == {f"{tier}Subnet{zone}": f"{tier}Acl" for tier in TIERS for zone in "AB"}
    ways = set()
    for _, name, entry in resources(t, "EC2::NetworkAclEntry"):
        ways.add((target(entry["NetworkAclId"]), entry["Egress"]))
        assert entry["RuleAction"] == "allow" and entry["Protocol"] == 6, name
        ports = entry["PortRange"]
        if not entry["Egress"] and entry["CidrBlock"] in WORLD:
            assert not any(ports["From"] <= port <= ports["To"] for port in ADMIN_PORTS), f"{name} opens an admin port"
            assert (ports["From"], ports["To"]) in ((80, 80), (443, 443), (32768, 60999)), name
        if target(entry["NetworkAclId"]) == "DatabaseAcl":
            assert entry["CidrBlock"] == {"Ref": "ApplicationCidr"}, name
    assert ways == {(f"{tier}Acl", egress) for tier in TIERS for egress in (True, False)}


def database_is_apart(t):
    admits = [rule for _, group, rule in rules(t, "Ingress") if group == "DatabaseGroup"]
    assert [target(rule["SourceSecurityGroupId"]) for rule in admits] == ["ApplicationGroup"]
    assert admits[0]["FromPort"] == admits[0]["ToPort"] == {"Ref": "DatabasePort"}
    assert all(is_nowhere(rule) for _, group, rule in rules(t, "Egress") if group == "DatabaseGroup")
    tables = {target(link["RouteTableId"]) for _, _, link in resources(t, "EC2::SubnetRouteTableAssociation")
              if target(link["SubnetId"]).startswith("Database")}
    assert tables == {"DatabaseRoutes"}
    for _, _, end in resources(t, "EC2::VPCEndpoint"):
        assert {"Ref": "DatabaseRoutes"} not in end.get("RouteTableIds", [])


def no_way_for_shells(t):
    for way in ("Ingress", "Egress"):
        for stack, group, rule in rules(t, way):
            assert rule.get("Description"), f"{stack}: {group}: a rule without a reason"
            low, high = rule["FromPort"], rule["ToPort"]
            if isinstance(low, int):
                assert not any(low <= port <= high for port in ADMIN_PORTS), f"{stack}: {group}: {rule}"
    for kind in ("EC2::LaunchTemplate", "EC2::Instance"):
        for stack, name, machine in resources(t, kind):
            assert "KeyName" not in machine and "KeyName" not in machine.get("LaunchTemplateData", {}), f"{stack}: {name}"


def groups_everywhere(t):
    for stack, name, template in resources(t, "EC2::LaunchTemplate"):
        for card in template["LaunchTemplateData"]["NetworkInterfaces"]:
            assert card.get("Groups"), f"{stack}: {name}"
    for stack, name, balancer in resources(t, "ElasticLoadBalancingV2::LoadBalancer"):
        assert balancer.get("SecurityGroups"), f"{stack}: {name}"
    for stack, name, end in resources(t, "EC2::VPCEndpoint"):
        assert end["VpcEndpointType"] == "Gateway" or end.get("SecurityGroupIds"), f"{stack}: {name}"
    for stack, name, database in resources(t, "RDS::DBInstance"):
        assert [imported(group) for group in database.get("VPCSecurityGroups", [])] == ["DatabaseGroup"], f"{stack}: {name}"
    assert [imported(g) for g in prop(t, "gateway", "Balancer")["SecurityGroups"]] == ["BalancerGroup"]
    card = prop(t, "gateway", "LaunchTemplate")["LaunchTemplateData"]["NetworkInterfaces"][0]
    assert [imported(g) for g in card["Groups"]] == ["GatewayGroup"]


def flows_are_logged(t):
    flow = prop(t, "network", "FlowLog")
    assert flow["TrafficType"] == "ALL" and target(flow["ResourceId"]) == "Vpc" and flow["ResourceType"] == "VPC"
    assert target(prop(t, "network", "FlowLogs").get("KmsKeyId")) == "LogKey"
    assert prop(t, "network", "LogKey")["EnableKeyRotation"] is True


def endpoints_serve_this_account(t):
    for stack, name, kind, _, document in documents(t, ("PolicyDocument",)):
        for statement in document["Statement"]:
            if kind == "AWS::EC2::VPCEndpoint" and statement["Resource"] == "*":
                assert statement.get("Condition") == {"StringEquals": {"aws:PrincipalAccount": {"Ref": "AWS::AccountId"}}}, \
                    f"{stack}: {name}"


def set_in(stack, name, key, value):
    """A damage: one property replaced."""
    def damage(t):
        prop(t, stack, name)[key] = value
    return damage


def drop_in(stack, name, key):
    def damage(t):
        del prop(t, stack, name)[key]
    return damage


def drop(stack, name):
    def damage(t):
        del t[stack]["Resources"][name]
    return damage


def open_ssh(t):
    prop(t, "network", "BalancerGroup")["SecurityGroupIngress"][0].update(FromPort=22, ToPort=22)


def open_edge(t):
    prop(t, "bastion", "EdgeGroup")["SecurityGroupIngress"][1].update(FromPort=0, ToPort=65535)


def open_gateways(t):
    prop(t, "network", "GatewayGroup")["SecurityGroupIngress"] = [
        {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "CidrIp": "0.0.0.0/0", "Description": "x"}]


def open_vpc(t):
    del prop(t, "network", "ApplicationFromGatewayPort")["SourceSecurityGroupId"]
    prop(t, "network", "ApplicationFromGatewayPort")["CidrIp"] = "10.20.0.0/16"


def way_out_for_applications(t):
    t["network"]["Resources"]["Out"] = {"Type": "AWS::EC2::Route", "Properties": {
        "RouteTableId": {"Ref": "ApplicationRoutes"}, "DestinationCidrBlock": "0.0.0.0/0", "GatewayId": {"Ref": "InternetGateway"}}}


def key_pair(t):
    prop(t, "gateway", "LaunchTemplate")["LaunchTemplateData"]["KeyName"] = "admin"


def no_card_groups(t):
    prop(t, "gateway", "LaunchTemplate")["LaunchTemplateData"]["NetworkInterfaces"][0]["Groups"] = []


def endpoint_for_all(t):
    del prop(t, "network", "SsmEndpoint")["PolicyDocument"]["Statement"][0]["Condition"]


ROWS = [
    ("N1", only_web_from_the_world, [open_ssh, open_gateways, open_edge]),
    ("N1b", egress_is_minimal, [drop_in("network", "ApplicationGroup", "SecurityGroupEgress"),
                                drop_in("bastion", "EdgeGroup", "SecurityGroupEgress"),
                                drop_in("network", "GatewayToS3", "Description"),
                                set_in("network", "GatewayToEndpointHttps", "ToPort", 65535)]),
    ("N2", groups_name_groups, [open_vpc, drop("network", "BalancerToGatewayHttps"), open_gateways]),
    ("N3", routes_stay_inside, [way_out_for_applications, drop("network", "DatabaseRoutesB"), drop("network", "KmsEndpoint")]),
    ("N3 endpoints", endpoints_serve_this_account, [endpoint_for_all]),
    ("N4", acls_both_ways, [set_in("network", "PublicInReturns", "PortRange", {"From": 1024, "To": 65535}),
                            drop("network", "DatabaseAclA"), drop("network", "DatabaseOutReturns"),
                            set_in("network", "DatabaseInDatabase", "CidrBlock", {"Ref": "PublicCidr"})]),
    ("N5", database_is_apart, [set_in("network", "DatabaseFromApplicationPort", "SourceSecurityGroupId",
                                      {"Fn::GetAtt": ["GatewayGroup", "GroupId"]}),
                               set_in("network", "DatabaseRoutesA", "RouteTableId", {"Ref": "ApplicationRoutes"})]),
    ("N6", no_way_for_shells, [open_ssh, key_pair, drop_in("network", "GatewayFromBalancerHttps", "Description")]),
    ("N7", groups_everywhere, [drop_in("gateway", "Balancer", "SecurityGroups"), no_card_groups, set_in("backend", "Database", "VPCSecurityGroups", []),
                               drop_in("network", "SsmEndpoint", "SecurityGroupIds")]),
    ("H3", flows_are_logged, [set_in("network", "FlowLog", "TrafficType", "REJECT"), drop_in("network", "FlowLogs", "KmsKeyId")]),
]
