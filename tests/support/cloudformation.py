"""The CloudFormation templates of `compose/aws`, as data: short forms of functions are written out (`!Ref X` is {"Ref": "X"})."""

from collections.abc import Iterator
from typing import Any

import yaml

from tests.support.environment import CHECKOUT

FOLDER = CHECKOUT / "compose" / "aws"
STACKS = ("network", "data", "platform", "tasks", "services", "alarms")
"""In the order in which they are deployed: each imports from earlier ones only."""

EXPORTED = "${Project}-"


class _Loader(yaml.SafeLoader):
    """YAML with CloudFormation's tags."""


def _function(loader: yaml.Loader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    if isinstance(node, yaml.ScalarNode):
        argument: Any = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        argument = loader.construct_sequence(node, deep=True)
    else:
        assert isinstance(node, yaml.MappingNode)
        argument = loader.construct_mapping(node, deep=True)
    if suffix == "GetAtt" and isinstance(argument, str):
        argument = argument.split(".", 1)
    return {suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}": argument}


_Loader.add_multi_constructor("!", _function)

TEMPLATES: dict[str, dict[str, Any]] = {
    name: yaml.load((FOLDER / f"{name}.yaml").read_text(), _Loader)  # noqa: S506  # a SafeLoader
    for name in STACKS
}


def resources(kind: str) -> dict[str, dict[str, Any]]:
    """Return the properties of all resources of a type, by name, of all stacks."""
    return {
        name: resource.get("Properties", {})
        for template in TEMPLATES.values()
        for name, resource in template["Resources"].items()
        if resource["Type"] == kind
    }


def nodes(part: Any) -> Iterator[Any]:
    """Yield every mapping, list and value in a part of a template."""
    yield part
    if isinstance(part, dict | list):
        for each in part.values() if isinstance(part, dict) else part:
            yield from nodes(each)


def imports(part: Any) -> set[str]:
    """Return the names that a part of a template imports, without the project's prefix."""
    return {
        node["Fn::ImportValue"]["Fn::Sub"].removeprefix(EXPORTED)
        for node in nodes(part)
        if isinstance(node, dict) and "Fn::ImportValue" in node
    }


def exports(stack: str) -> set[str]:
    """Return the names that a stack exports, without the project's prefix."""
    return {
        output["Export"]["Name"]["Fn::Sub"].removeprefix(EXPORTED)
        for output in TEMPLATES[stack].get("Outputs", {}).values()
        if "Export" in output
    }
