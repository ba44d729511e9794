"""The templates of deploy/cloudformation as Python values: short tags become the long forms, {"Ref": ...},
{"Fn::GetAtt": [...]}. A key given twice is refused, for YAML would silently take the second."""
import os
import re

import yaml

FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "deploy", "cloudformation")


class Loader(yaml.SafeLoader):
    pass


def _mapping(loader, node):
    keys = [loader.construct_object(key) for key, _ in node.value]
    twice = {key for key in keys if keys.count(key) > 1}
    if twice:
        raise yaml.YAMLError(f"{node.start_mark}: twice: {twice}")
    return loader.construct_mapping(node, deep=True)


def _tag(loader, suffix, node):
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        value = _mapping(loader, node)
    if suffix == "GetAtt" and isinstance(value, str):
        value = value.split(".", 1)
    return {suffix if suffix in ("Ref", "Condition") else "Fn::" + suffix: value}


Loader.add_multi_constructor("!", _tag)
Loader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)


def parse(text):
    return yaml.load(text, Loader=Loader)


def load():
    """Every template, by the name of its file without .yaml."""
    found = {}
    for name in sorted(os.listdir(FOLDER)):
        if name.endswith(".yaml"):
            with open(os.path.join(FOLDER, name), encoding="utf-8") as file:
                found[name[:-5]] = parse(file.read())
    return found


def resources(templates, kind):
    """(template, logical name, properties) of each resource of a type, `AWS::` left out."""
    for stack, template in templates.items():
        for name, resource in template["Resources"].items():
            if resource["Type"] == "AWS::" + kind:
                yield stack, name, resource.get("Properties", {})


def prop(templates, stack, name):
    return templates[stack]["Resources"][name]["Properties"]


def walk(value):
    """The value and everything inside it."""
    yield value
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from walk(inner)


def as_list(value):
    return value if isinstance(value, list) else [value]


def documents(templates, keys=("PolicyDocument", "AssumeRolePolicyDocument", "KeyPolicy")):
    """(template, resource, its type, key, document) of every policy, inline ones included."""
    for stack, template in templates.items():
        for name, resource in template["Resources"].items():
            for value in walk(resource.get("Properties", {})):
                for key in keys if isinstance(value, dict) else ():
                    if key in value:
                        yield stack, name, resource["Type"], key, value[key]


def target(value):
    """What a Ref or GetAtt names, else None."""
    if isinstance(value, dict):
        return value.get("Ref") or (value.get("Fn::GetAtt") or [None])[0]
    return None


def imported(value):
    """Of an import from another stack the name, as "GatewayGroup", else None."""
    if isinstance(value, dict) and "Fn::ImportValue" in value:
        return re.sub(r"^\$\{(Network|Trail)Stack\}-", "", value["Fn::ImportValue"]["Fn::Sub"])
    return None


def sub_names(value):
    """The names that a Fn::Sub takes from its template; ${!x} is literal, and those of its own table are not asked for."""
    text, own = (value, {}) if isinstance(value, str) else (value[0], value[1])
    return [name for name in re.findall(r"\$\{([^!}][^}]*)\}", text) if name not in own]
