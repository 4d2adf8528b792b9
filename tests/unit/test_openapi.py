"""The OpenAPI document in the repository is whole and true to itself: every reference leads somewhere, every example fits
the schema beside it, every endpoint and every error code of the service is there."""

from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator
from jsonschema.validators import validator_for

from compose.stack import CHECKOUT

METHODS = {"get", "post", "put", "patch", "delete"}
UNUSED = {"method_not_allowed"}
"""Codes that no endpoint lists: for addresses without the method."""

DOCUMENT: dict[str, Any] = yaml.safe_load((CHECKOUT / "openapi.yaml").read_text())


def look_up(node: Any) -> Any:
    while "$ref" in node:
        found = DOCUMENT
        for step in node["$ref"].removeprefix("#/").split("/"):
            found = found[step.replace("~1", "/").replace("~0", "~")]
        node = found
    return node


def nodes(node: Any) -> Iterator[dict[str, Any]]:
    if isinstance(node, dict):
        yield node
    for part in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from nodes(part)


def operations() -> list[dict[str, Any]]:
    return [operation for path in DOCUMENT["paths"].values() for method, operation in path.items() if method in METHODS]


def examples() -> Iterator[Any]:
    """Each example beside a schema, as the arguments of a test."""
    for operation in operations():
        places = {"request": operation.get("requestBody", {"content": {}}), **operation["responses"]}
        for place, holder in places.items():
            for content in look_up(holder).get("content", {}).values():
                named = {"only": {"value": content["example"]}} if "example" in content else content["examples"]
                for name, example in named.items():
                    value = look_up(example)["value"]
                    yield pytest.param(content["schema"], value, id=f"{operation['operationId']}-{place}-{name}")


def test_every_reference_leads_somewhere() -> None:
    for node in nodes({name: part for name, part in DOCUMENT.items() if name != "info"}):
        if isinstance(node.get("$ref"), str):
            look_up(node)


def test_every_component_is_used() -> None:
    used = {node["$ref"] for node in nodes(DOCUMENT) if isinstance(node.get("$ref"), str)}
    kinds = ("schemas", "headers", "examples")
    assert {f"#/components/{kind}/{name}" for kind in kinds for name in DOCUMENT["components"][kind]} <= used


@pytest.mark.parametrize(("schema", "value"), list(examples()))
def test_an_example_fits_its_schema(schema: dict[str, Any], value: Any) -> None:
    whole = {**schema, "components": DOCUMENT["components"]}
    Draft202012Validator(whole, format_checker=validator_for(whole).FORMAT_CHECKER).validate(value)


def test_every_endpoint_says_who_may_use_it_and_what_it_answers() -> None:
    for operation in operations():
        assert operation["summary"] and operation["description"] and len(operation["tags"]) == 1
        if operation["tags"] == ["Operations"]:
            assert operation["x-roles"] == [] == operation["security"]
        else:
            assert operation["x-roles"]
            assert all(f"**{role}**" in operation["description"] for role in operation["x-roles"])
            assert {"400", "401", "403", "500", "503"} <= operation["responses"].keys()


def test_every_error_code_is_told_by_some_endpoint() -> None:
    told = {
        name
        for operation in operations()
        for answer in operation["responses"].values()
        for name in look_up(answer).get("content", {}).get("application/problem+json", {}).get("examples", ())
    }
    codes = DOCUMENT["components"]["schemas"]["Problem"]["properties"]["code"]
    assert told | UNUSED == set(look_up(codes)["enum"])


def test_every_endpoint_has_its_group() -> None:
    groups = [tag["name"] for tag in DOCUMENT["tags"]]
    assert {operation["tags"][0] for operation in operations()} == set(groups)
