"""The OpenAPI document: the operations of the views, `document.yaml` and `examples.yaml`."""

from collections.abc import Iterator
from copy import deepcopy
from typing import Any

from drf_spectacular.generators import SchemaGenerator
from rest_framework.request import Request

from orders.http.openapi import parameters, problems, written

SAMPLES: dict[Any, Any] = {
    "integer": 1,
    "boolean": False,
    "array": [],
    "object": {},
    "string": "",
    "uuid": "1f2e3d4c-5b6a-4798-8a9b-0c1d2e3f4a5b",
    "date-time": "2026-11-22T10:00:00.104512Z",
    "uri": "https://example.com/",
}
"""The value of an example's missing field, by its format or its type."""
AMOUNT = "0.00"
"""That of a text with a pattern: amounts are the patterns that most fields have."""


class Generator(SchemaGenerator):
    """Merge the generated document with the written files; `make openapi` writes the result to openapi.yaml."""

    def get_schema(self, request: Request | None = None, public: bool = False) -> Any:
        """Return the whole document."""
        document: dict[str, Any] = super().get_schema(request, public)  # type: ignore[no-untyped-call]
        for schema in document["components"]["schemas"].values():
            if "enum" in schema:
                schema.pop("description", None)
        # POST first: an order is placed before it is listed.
        document["paths"] = {path: dict(sorted(item.items(), reverse=True)) for path, item in document["paths"].items()}
        _merge(document, written.read("document.yaml"))
        document["components"]["schemas"] |= parameters.SCHEMAS
        examples = written.read("examples.yaml")
        document["components"]["examples"] = {
            name: {"summary": example["summary"], "value": deepcopy(example["value"])}
            for name, example in (examples["requests"] | examples["responses"] | examples["files"]).items()
        } | problems.examples(examples["errors"])
        for schema, example in _examples_of_responses(document):
            complete(example, schema, document["components"]["schemas"])
        return document


def _examples_of_responses(document: dict[str, Any]) -> Iterator[tuple[dict[str, Any], Any]]:
    """Yield the schema and the value of each successful response's examples."""
    for item in document["paths"].values():
        for operation in item.values():
            for content in (c for r in operation["responses"].values() for c in r.get("content", {}).values()):
                for name in content.get("examples", ()):
                    yield content["schema"], document["components"]["examples"][name]["value"]


def complete(value: Any, schema: dict[str, Any], schemas: dict[str, Any]) -> None:
    """Add the required fields that `value` lacks, at any depth, each with a sample of its type.

    A new field of a response is thereby valid in every example; examples.yaml gives it a better value.
    """
    schema = _resolved(schema, schemas)
    if isinstance(value, list):
        for each in value:
            complete(each, schema.get("items", {}), schemas)
    elif isinstance(value, dict):
        properties = schema.get("properties", {})
        for name in schema.get("required", ()):
            if name not in value:
                value[name] = _sample(_resolved(properties[name], schemas))
        for name in value.keys() & properties.keys():
            complete(value[name], properties[name], schemas)


def _resolved(schema: dict[str, Any], schemas: dict[str, Any]) -> dict[str, Any]:
    reference = schema.get("$ref") or (schema.get("allOf") or [{}])[0].get("$ref")
    resolved: dict[str, Any] = schemas[reference.rsplit("/", 1)[1]] if reference else schema
    return resolved


def _sample(schema: dict[str, Any]) -> Any:
    """Return a value of this schema; null where that is one."""
    if "enum" in schema:
        return schema["enum"][0]
    kind = schema.get("type")
    if not isinstance(kind, str):
        return None
    return AMOUNT if "pattern" in schema else deepcopy(SAMPLES[schema.get("format", kind)])


def _merge(document: dict[str, Any], more: dict[str, Any]) -> None:
    """Add the members of `more` to `document`, at any depth."""
    for name, value in more.items():
        if isinstance(value, dict) and isinstance(document.get(name), dict):
            _merge(document[name], value)
        else:
            document[name] = value
