"""The OpenAPI document: the operations of the views, `document.yaml` and `examples.yaml`."""

from typing import Any

from drf_spectacular.generators import SchemaGenerator
from rest_framework.request import Request

from orders.http.openapi import parameters, problems, written


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
            name: {"summary": example["summary"], "value": example["value"]}
            for name, example in (examples["requests"] | examples["responses"]).items()
        } | problems.examples(examples["errors"])
        return document


def _merge(document: dict[str, Any], more: dict[str, Any]) -> None:
    """Add the members of `more` to `document`, at any depth."""
    for name, value in more.items():
        if isinstance(value, dict) and isinstance(document.get(name), dict):
            _merge(document[name], value)
        else:
            document[name] = value
