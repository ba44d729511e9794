"""The stacks before the rule packs that npm has: cdk-nag's AwsSolutions, CloudFormation's own validation as aws-cdk-lib runs it, and
cfn-guard with the rules of Control Tower. What they find is an exception that the template gives a reason for, beside the
resource or in its Metadata, or it is an error; an exception that nothing needs is one, too.

  audit.py FOLDER      where npm has installed package.json, some 230 MiB
"""
import collections
import json
import os
import platform
import re
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))

from templates import load      # noqa: E402


def nag(modules, out, files):
    """(stack, resource, rule)"""
    subprocess.run(["node", os.path.join(HERE, "nag.cjs"), out, *files], check=True, env={**os.environ, "NODE_PATH": modules},
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    with open(os.path.join(out, "validation-report.json"), encoding="utf-8") as file:
        report = json.load(file)
    names = {plugin["pluginName"] for plugin in report["pluginReports"]}
    assert names == {"AwsSolutions", "CloudFormation Validate"}, names
    for plugin in report["pluginReports"]:
        for violation in plugin["violations"]:
            rule = violation["ruleName"].partition("[")[0]
            for construct in violation["violatingConstructs"]:
                stack, _, name = construct["constructPath"].split("/")[:3]
                yield stack, name, rule if rule.startswith("AwsSolutions") else f"CloudFormation-{rule}"


def guard(modules, folder):
    package = os.path.join(modules, "@cdklabs", "cdk-validator-cfnguard")
    kind = "aarch64" if platform.machine() in ("aarch64", "arm64") else "x86_64"
    done = subprocess.run([os.path.join(package, "bin", "ubuntu", kind, "cfn-guard"), "validate", "-r",
                           os.path.join(package, "rules", "control-tower"), "-d", folder, "--show-summary", "none", "--output-format", "json"],
                          capture_output=True, text=True, check=False)
    decoder, text, at, answers = json.JSONDecoder(), done.stdout.strip(), 0, 0
    while at < len(text):
        answer, end = decoder.raw_decode(text, at)
        at = end + len(text[end:]) - len(text[end:].lstrip())
        answers += 1
        stack = os.path.basename(answer["name"])[:-len(".json")]
        for one in answer["not_compliant"]:
            for name in set(re.findall(r"/Resources/(\w+)", json.dumps(one))):
                yield stack, name, one["Rule"]["name"]
    assert done.returncode in (0, 19) and answers > 1000, f"cfn-guard: {done.returncode}, {answers} answers: {done.stderr}"


def main(folder):
    modules, templates = os.path.join(folder, "node_modules"), load()
    with tempfile.TemporaryDirectory() as work:
        long_form = os.path.join(work, "templates")
        os.mkdir(long_form)
        files = []
        for name, template in templates.items():
            files.append(os.path.join(long_form, name + ".json"))
            with open(files[-1], "w", encoding="utf-8") as file:
                json.dump(template, file)
        found = set(nag(modules, os.path.join(work, "out"), files)) | set(guard(modules, long_form))
    used, wrong = collections.Counter(), []
    for stack, name, rule in sorted(found):
        beside = templates[stack]["Resources"][name].get("Metadata", {}).get("Exceptions", {})
        if rule in beside:
            used[stack, name, rule] += 1
        elif rule in templates[stack]["Metadata"].get("Exceptions", {}):
            used[stack, None, rule] += 1
        else:
            wrong.append(f"{stack}.yaml {name}: {rule}")
    for stack, template in templates.items():
        given = [(stack, None, rule) for rule in template["Metadata"].get("Exceptions", {})]
        given += [(stack, name, rule) for name, resource in template["Resources"].items()
                  for rule in resource.get("Metadata", {}).get("Exceptions", {})]
        wrong += [f"{where}.yaml {name or 'Metadata'}: nothing needs the exception {rule}" for where, name, rule in given
                  if (where, name, rule) not in used]
    print("".join(line + "\n" for line in wrong) + f"templates-audit: {len(found)} findings, {len(used)} exceptions with a reason, "
          f"{len(wrong)} wrong")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
