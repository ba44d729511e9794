"""The stacks of deploy/cloudformation: that they hang together, and each recommendation they realise, with copies damaged
so that its check must fail."""
import copy
import os
import re
import shutil
import subprocess
import sys

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import rows_account                     # noqa: E402
import rows_machines                    # noqa: E402
import rows_network                     # noqa: E402
from templates import FOLDER, load, parse, resources, sub_names, walk   # noqa: E402

GOOD = load()
ROWS = rows_network.ROWS + rows_machines.ROWS + rows_account.ROWS
CASES = [pytest.param(check, damage, id=f"{row}-{number}") for row, check, damages in ROWS for number, damage in enumerate(damages)]
MOST_BYTES = 51200                      # of a template that `aws cloudformation deploy` takes without a bucket


@pytest.mark.parametrize("check, damage", CASES)
def test_row(check, damage):
    check(GOOD)
    damaged = copy.deepcopy(GOOD)
    damage(damaged)
    assert damaged != GOOD, "the damage damages nothing"
    with pytest.raises(AssertionError):
        check(damaged)


def names_of(template):
    return set(template["Resources"]) | set(template.get("Parameters", {}))


def unresolved(template, exports):
    """What a template refers to and nobody defines."""
    lost, known = [], names_of(template)
    conditions = set(template.get("Conditions", {}))
    for value in walk(template):
        if not isinstance(value, dict):
            continue
        asked = [value["Ref"]] if isinstance(value.get("Ref"), str) else []
        asked += value["Fn::GetAtt"][:1] if "Fn::GetAtt" in value else []
        if "Fn::Sub" in value:
            asked += [name.split(".")[0] for name in sub_names(value["Fn::Sub"])]
        lost += [name for name in asked if name not in known and not name.startswith("AWS::")]
        if "Fn::If" in value and value["Fn::If"][0] not in conditions:
            lost.append(value["Fn::If"][0])
        if "Fn::ImportValue" in value and value["Fn::ImportValue"]["Fn::Sub"] not in exports:
            lost.append(value["Fn::ImportValue"]["Fn::Sub"])
    lost += [resource["Condition"] for resource in template["Resources"].values() if resource.get("Condition", None) not in
             conditions | {None}]
    return lost


def exports_of(templates):
    """As another stack names them, by the parameter that says how the exporting stack is called."""
    return {output["Export"]["Name"]["Fn::Sub"].replace("${AWS::StackName}", parameter)
            for stack, parameter in (("network", "${NetworkStack}"), ("trail", "${TrailStack}"))
            for output in templates[stack]["Outputs"].values() if "Export" in output}


@pytest.mark.parametrize("stack", sorted(GOOD))
def test_references(stack):
    assert not unresolved(GOOD[stack], exports_of(GOOD))


@pytest.mark.parametrize("lost", ["{Ref: Nobody}", "!Ref Nobody", "!GetAtt Nobody.Arn", "!Sub 'a${Nobody}b'", "!Sub '${Nobody.Arn}'",
                                  "!If [Nobody, 1, 2]", "!ImportValue {'Fn::Sub': '${NetworkStack}-Nobody'}"])
def test_references_that_lead_nowhere(lost):
    template = parse(f"Resources: {{A: {{Type: 'AWS::S3::Bucket', Properties: {{X: {lost}}}}}}}")
    assert unresolved(template, exports_of(GOOD))


@pytest.mark.parametrize("stack", sorted(GOOD))
def test_size(stack):
    assert 0 < os.path.getsize(os.path.join(FOLDER, stack + ".yaml")) < MOST_BYTES


@pytest.mark.parametrize("stack", sorted(GOOD))
def test_parameters(stack):
    """Each is described, held to something, in exactly one group, and used; outputs are described."""
    template = GOOD[stack]
    groups = template["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]
    grouped = [name for group in groups for name in group["Parameters"]]
    assert sorted(grouped) == sorted(template["Parameters"])
    body = [value for part in ("Conditions", "Resources", "Outputs") for value in walk(template.get(part, {}))]
    used = {value["Ref"] for value in body if isinstance(value, dict) and isinstance(value.get("Ref"), str)}
    used |= {name for value in body if isinstance(value, dict) and "Fn::Sub" in value for name in sub_names(value["Fn::Sub"])}
    for name, parameter in template["Parameters"].items():
        assert parameter.get("Description"), name
        assert name in used, f"{name} does nothing"
        held = {"AllowedPattern", "AllowedValues", "MinValue"} & set(parameter) or parameter["Type"].startswith("AWS::")
        assert held, f"{name} may be anything"
    for name, output in template["Outputs"].items():
        assert output.get("Description"), name


def map_of(text):
    """Of the README's table: row -> [(template, resource)]; a resource without a file is in the file before it."""
    found = {}
    for row, places in re.findall(r"^\| ([A-Z]\d\w?) \|.*\| (.*) \|$", text, re.M):
        stack = None
        for file, name in re.findall(r"(?:`([\w-]+)\.yaml:\d+` )?(\w+)", places):
            stack = file or stack
            found.setdefault(row, []).append((stack, name))
    return found


def test_readme_maps_every_row():
    with open(os.path.join(FOLDER, "..", "README.md"), encoding="utf-8") as file:
        found = map_of(file.read())
    assert set(found) == {row.split()[0] for row, _, _ in ROWS if row != "buckets"}
    for row, places in found.items():
        for stack, name in places:
            assert name in GOOD[stack]["Resources"], f"{row}: {stack}: {name}"


def test_readme_counts_what_is_paid_for():
    """The table of costs: the second column begins with how many the templates make."""
    def count(*kinds):
        return sum(len(list(resources(GOOD, kind))) for kind in kinds)

    def default(stack, name):
        return GOOD[stack]["Parameters"][name]["Default"]
    with open(os.path.join(FOLDER, "..", "README.md"), encoding="utf-8") as file:
        text = file.read().partition("\n## What it costs\n")[2].partition("\n## ")[0]
    told = {words: column for words, column in re.findall(r"^\| (.*?)(?:,.*?)? \| (\d.*?) \|", text, re.M)}
    ends = [end for _, _, end in resources(GOOD, "EC2::VPCEndpoint") if end["VpcEndpointType"] == "Interface"]
    database, = [one for _, _, one in resources(GOOD, "RDS::DBInstance")]
    assert {len(end["SubnetIds"]) for end in ends} == {2} and database["MultiAZ"] is True
    assert told == {
        "gateways": f"{default('gateway', 'MinGateways')} to {default('gateway', 'MaxGateways')} (`bastion`: {count('EC2::Instance')})",
        "network load balancer": str(count("ElasticLoadBalancingV2::LoadBalancer")),
        "public IPv4 addresses": f"2, the balancer's (`bastion`: {count('EC2::EIP')})",
        "interface endpoints": str(len(ends)),
        "applications": str(default("backend", "Applications")),
        "database": "1",
        "keys of KMS": str(count("KMS::Key")),
        "alarms": str(len([stack for stack, _, _ in resources(GOOD, "CloudWatch::Alarm") if stack != "bastion"])),
    }
    assert f"its {count('Config::ConfigRule')} rules" in re.sub(r"\s+", " ", text)
    sizes = {volume["Ebs"]["VolumeSize"] for stack, _, one in resources(GOOD, "EC2::LaunchTemplate")
             for volume in one["LaunchTemplateData"]["BlockDeviceMappings"]}
    assert sizes == {16} and text.count("16 GB") == 2


def test_audit_asks_of_every_row():
    """`scripts/audit-account ROW`, as the README says."""
    with open(os.path.join(FOLDER, "..", "..", "scripts", "audit-account"), encoding="utf-8") as file:
        asked = set(re.findall(r"^(?:everywhere|account) +(\w+) ", file.read(), re.M))
    assert asked == {row.split()[0] for row, _, _ in ROWS if row != "buckets"} | {"watch"}


def test_diagram_is_of_these_templates():
    """And the one that is not would be told from it."""
    script, readme = os.path.join(FOLDER, "..", "..", "scripts", "draw-stacks"), os.path.join(FOLDER, "..", "README.md")
    assert subprocess.run([script, "--check", readme], timeout=60, check=False).returncode == 0
    drawn = subprocess.run([script], capture_output=True, text=True, timeout=60, check=True).stdout
    assert "  world -->|80, 443| gateway_Balancer\n" in drawn and "  gateway_Gateways -->|8080| backend_Machines\n" in drawn


def test_diagram_of_other_templates(tmp_path):
    script = os.path.join(FOLDER, "..", "..", "scripts", "draw-stacks")
    copy_of = tmp_path / "README.md"
    copy_of.write_text("# x\n<!-- diagram: begin (make diagram) -->\nold\n<!-- diagram: end -->\nrest\n")
    assert subprocess.run([script, "--check", str(copy_of)], capture_output=True, timeout=60, check=False).returncode == 1
    assert subprocess.run([script, "--into", str(copy_of)], timeout=60, check=False).returncode == 0
    assert subprocess.run([script, "--check", str(copy_of)], timeout=60, check=False).returncode == 0
    assert copy_of.read_text().startswith("# x\n<!-- diagram: begin") and copy_of.read_text().endswith("<!-- diagram: end -->\nrest\n")


@pytest.mark.parametrize("stack", sorted(GOOD))
def test_exceptions_have_reasons(stack):
    """What `make templates-audit` is told; that each is needed is found out there."""
    for value in walk(GOOD[stack]):
        for rule, reason in value.get("Exceptions", {}).items() if isinstance(value, dict) else ():
            assert isinstance(reason, str) and len(reason) >= 10, rule


def test_key_given_twice():
    with pytest.raises(Exception, match="twice"):
        parse("Resources: {A: 1, A: 2}")


@pytest.mark.skipif(not shutil.which("cfn-lint"), reason="no cfn-lint here: AWS's own schemas are not asked")
@pytest.mark.parametrize("stack", sorted(GOOD))
def test_schemas(stack):
    done = subprocess.run(["cfn-lint", os.path.join(FOLDER, stack + ".yaml")], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
