"""What drf-spectacular can't see of our input by itself: unknown fields are refused, and so is text of nothing but space.
What it says too much is left out: defaults, since generators for TypeScript take a field with a default for a required one.

It finds these classes by their being defined.
"""

from typing import Any

from drf_spectacular.extensions import OpenApiSerializerExtension, OpenApiSerializerFieldExtension
from drf_spectacular.openapi import AutoSchema

from orders.http.serializers import MONEY, https_uri

PATTERNS = {"country": "^[A-Z]{2}$", "tracking_url": "^[Hh][Tt][Tt][Pp][Ss]://[^/?#@]+([/?#].*)?$"}
"""What some of the texts look like; their serializers know it as code."""


NAMES = {"NoInput": "Empty", "AddressInput": "ShippingAddress"}
"""What clients read in place of a serializer's name without "Input"; drf-spectacular appends "Request"."""


class StrictObject(OpenApiSerializerExtension):  # type: ignore[no-untyped-call]
    """An object without other fields than those it names."""

    target_class = "orders.http.serializers.Strict"
    match_subclasses = True

    def get_name(self, auto_schema: AutoSchema, direction: Any) -> str:
        """The component's name: `CheckoutInput` is a `CheckoutRequest`."""
        name = type(self.target).__name__
        return NAMES.get(name, name.removesuffix("Input"))

    def map_serializer(self, auto_schema: AutoSchema, direction: Any) -> Any:
        """The object's schema."""
        schema = auto_schema._map_serializer(self.target, direction, bypass_extensions=True)  # type: ignore[no-untyped-call]
        for field in schema.get("properties", {}).values():
            field.pop("default", None)
        return {**schema, "additionalProperties": False}


class StrictText(OpenApiSerializerFieldExtension):  # type: ignore[no-untyped-call]
    """Text that says something, where it may not be left blank."""

    target_class = "orders.http.serializers.Text"

    def map_serializer_field(self, auto_schema: AutoSchema, direction: Any) -> Any:
        """The text's schema."""
        schema = auto_schema._map_serializer_field(self.target, direction, bypass_extensions=True)  # type: ignore[no-untyped-call]
        schema["type"] = "string"  # whoever asked adds null where it may be
        if not self.target.allow_blank and MONEY not in self.target.validators:
            schema["pattern"] = PATTERNS.get(str(self.target.field_name), r"\S")
        if https_uri in self.target.validators:
            schema["format"] = "uri"
        return schema
