"""Extensions of drf-spectacular for request bodies, which refuse unknown fields and blank text.

Defaults are omitted: TypeScript generators treat a field with a default as required.
"""

from typing import Any

from drf_spectacular.extensions import OpenApiSerializerExtension, OpenApiSerializerFieldExtension
from drf_spectacular.openapi import AutoSchema

from orders.http.serializers import MONEY, https_uri


class InputExtension(OpenApiSerializerExtension):  # type: ignore[no-untyped-call]
    """An object with the declared fields and no others."""

    target_class = "orders.http.serializers.Input"
    match_subclasses = True

    def get_name(self, auto_schema: AutoSchema, direction: Any) -> str:
        """Return the name of the component: `CheckoutInput` is `CheckoutRequest` ("Request" is appended)."""
        return type(self.target).__name__.removesuffix("Input")

    def map_serializer(self, auto_schema: AutoSchema, direction: Any) -> Any:
        """Return the schema of the object."""
        schema = auto_schema._map_serializer(self.target, direction, bypass_extensions=True)  # type: ignore[no-untyped-call]
        for field in schema.get("properties", {}).values():
            field.pop("default", None)
        return {**schema, "additionalProperties": False}


class StrictCharFieldExtension(OpenApiSerializerFieldExtension):  # type: ignore[no-untyped-call]
    """A string with a visible character, unless it may be blank."""

    target_class = "orders.http.serializers.StrictCharField"

    def map_serializer_field(self, auto_schema: AutoSchema, direction: Any) -> Any:
        """Return the schema of the string."""
        schema = auto_schema._map_serializer_field(self.target, direction, bypass_extensions=True)  # type: ignore[no-untyped-call]
        schema["type"] = "string"  # the caller adds null where it is allowed
        if self.target.pattern:
            schema["pattern"] = self.target.pattern
        elif not self.target.allow_blank and MONEY not in self.target.validators:
            schema["pattern"] = r"\S"
        if https_uri in self.target.validators:
            schema["format"] = "uri"
        return schema
