"""The OpenAPI document in the repository is complete and consistent: references, examples, endpoints and error codes."""

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml
from jsonschema import Draft202012Validator
from jsonschema.validators import validator_for

from compose.stack import CHECKOUT
from orders.http.openapi.generator import complete

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


def schemes_used() -> set[str]:
    return {name for operation in operations() for scheme in operation["security"] for name in scheme}


def codes_of(answer: dict[str, Any]) -> set[str]:
    """Return the codes that a response may have: each has an example with its name."""
    return set(look_up(answer).get("content", {}).get("application/problem+json", {}).get("examples", ()))


def examples() -> Iterator[Any]:
    """Yield each example with its schema, as the arguments of a test."""
    for operation in operations():
        places = {"request": operation.get("requestBody", {"content": {}}), **operation["responses"]}
        for place, holder in places.items():
            for content in look_up(holder).get("content", {}).values():
                named = {"only": {"value": content["example"]}} if "example" in content else content["examples"]
                for name, example in named.items():
                    value = look_up(example)["value"]
                    yield pytest.param(content["schema"], value, id=f"{operation['operationId']}-{place}-{name}")


def test_every_reference_resolves() -> None:
    for node in nodes({name: part for name, part in DOCUMENT.items() if name != "info"}):
        if isinstance(node.get("$ref"), str):
            look_up(node)


def test_every_component_is_used() -> None:
    used = {node["$ref"] for node in nodes(DOCUMENT) if isinstance(node.get("$ref"), str)}
    used |= {f"#/components/securitySchemes/{name}" for name in schemes_used()}
    kinds = DOCUMENT["components"].keys()
    assert {f"#/components/{kind}/{name}" for kind in kinds for name in DOCUMENT["components"][kind]} - used == set()


def test_component_names_are_terms_of_the_api() -> None:
    names = set(DOCUMENT["components"]["schemas"])
    assert {"Order", "OrderItem", "VendorOrder", "ShippingAddress", "Problem", "CheckoutRequest"} <= names
    assert [name for name in names if re.search(r"Enum|Input(?!Error)|Output|Serializer|\d|^(Blank|Null)", name)] == []
    assert all(re.fullmatch(r"([A-Z][a-z]+)+", name) for name in names)


def test_every_error_response_has_the_schema_problem() -> None:
    for operation in operations():
        for status, answer in operation["responses"].items():
            content = look_up(answer).get("content", {})
            if int(status) >= 400 and operation["tags"] != ["Operations"]:
                assert content["application/problem+json"]["schema"] == {"$ref": "#/components/schemas/Problem"}


def test_fields_of_requests_have_no_default_since_generators_would_take_them_for_required() -> None:
    schemas = DOCUMENT["components"]["schemas"]
    requests = {name: schema for name, schema in schemas.items() if name.endswith("Request")}
    assert len(requests) > 3
    assert [name for name, schema in requests.items() for node in nodes(schema) if "default" in node] == []


def test_an_enum_is_a_component_that_parameters_refer_to() -> None:
    for operation in operations():
        for parameter in operation.get("parameters", []):
            assert [node for node in nodes(parameter["schema"]) if "enum" in node] == [], parameter["name"]


def test_the_document_names_contact_and_licence() -> None:
    assert DOCUMENT["info"]["contact"]["name"]
    assert DOCUMENT["info"]["license"]["name"]


def test_the_document_mentions_no_development_tool() -> None:
    assert "make run" not in str(DOCUMENT)
    assert "127.0.0.1" not in str(DOCUMENT)


def test_every_body_has_an_example() -> None:
    for operation in operations():
        for holder in (operation.get("requestBody", {}), *operation["responses"].values()):
            for content in look_up(holder).get("content", {}).values():
                assert content.get("examples") or content["example"], operation["operationId"]


def test_every_example_names_operations_of_the_document() -> None:
    written = yaml.safe_load((CHECKOUT / "orders" / "http" / "openapi" / "examples.yaml").read_text())
    named = {name for kind in ("requests", "responses") for example in written[kind].values() for name in example["in"]}
    assert named <= {operation["operationId"] for operation in operations()}


@pytest.mark.parametrize(("schema", "value"), list(examples()))
def test_an_example_fits_its_schema(schema: dict[str, Any], value: Any) -> None:
    whole = {**schema, "components": DOCUMENT["components"]}
    Draft202012Validator(whole, format_checker=validator_for(whole).FORMAT_CHECKER).validate(value)


def test_an_example_gets_a_sample_of_each_required_field_that_it_lacks() -> None:
    amount = {"type": "string", "pattern": r"^[0-9]+(\.[0-9]{2,4})?$"}
    fields = {
        "gift": {"type": "boolean"},
        "tip": amount,
        "kind": {"$ref": "#/components/schemas/Kind"},
        "until": {"type": ["string", "null"]},
    }
    schemas = {"Item": {"properties": fields, "required": list(fields)}, "Kind": {"enum": ["card", "voucher"]}}
    page = {"properties": {"results": {"type": "array", "items": {"$ref": "#/components/schemas/Item"}}}}
    example: dict[str, Any] = {"results": [{"gift": True}, {"until": "2026-11-22T10:00:00Z"}]}
    complete(example, page, schemas)
    assert example["results"] == [
        {"gift": True, "tip": "0.00", "kind": "card", "until": None},
        {"gift": False, "tip": "0.00", "kind": "card", "until": "2026-11-22T10:00:00Z"},
    ]


def test_every_endpoint_documents_its_roles_and_responses() -> None:
    for operation in operations():
        assert operation["summary"] and operation["description"] and len(operation["tags"]) == 1
        if operation["tags"] == ["Operations"]:
            assert operation["x-roles"] == [] == operation["security"]
        else:
            assert operation["x-roles"]
            assert all(f"**{role}**" in operation["description"] for role in operation["x-roles"])
            assert {"400", "401", "403", "500", "503"} <= operation["responses"].keys()
            assert {"overloaded", "dependency_unavailable"} <= codes_of(operation["responses"]["503"])


def test_every_error_code_is_documented_by_some_endpoint() -> None:
    documented = {
        code for operation in operations() for answer in operation["responses"].values() for code in codes_of(answer)
    }
    codes = DOCUMENT["components"]["schemas"]["Problem"]["properties"]["code"]
    assert documented | UNUSED == set(codes["x-extensible-enum"])


def test_links_in_examples_lead_to_the_list_that_they_are_on() -> None:
    linked = {
        operation["operationId"]: (path, node["next"])
        for path, item in DOCUMENT["paths"].items()
        for operation in item.values()
        for node in nodes(operation["responses"]["200"]["content"] if "200" in operation["responses"] else {})
        for node in nodes(look_up(node))
        if isinstance(node.get("next"), str)
    }
    lists = {
        "list_orders",
        "list_vendor_orders",
        "list_coupons",
        "list_redemptions",
        "list_coupon_batches",
        "list_dead_letters",
    }
    assert linked.keys() == lists
    assert all(urlsplit(link).path == path.replace("{code}", "SPRING-15") for path, link in linked.values())


def test_every_endpoint_has_a_tag_that_the_document_describes() -> None:
    groups = [tag["name"] for tag in DOCUMENT["tags"]]
    assert {operation["tags"][0] for operation in operations()} == set(groups)
