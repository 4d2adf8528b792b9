"""What drf-spectacular can't see of our input by itself: unknown fields are refused, and so is text of nothing but space.

It finds these classes by their being defined.
"""

from typing import Any

from drf_spectacular.extensions import OpenApiSerializerExtension, OpenApiSerializerFieldExtension
from drf_spectacular.openapi import AutoSchema

from orders.api.serializers import MONEY, https_uri

PATTERNS = {"country": "^[A-Z]{2}$", "tracking_url": "^[Hh][Tt][Tt][Pp][Ss]://[^/?#@]+([/?#].*)?$"}
"""What some of the texts look like; their serializers know it as code."""


class StrictObject(OpenApiSerializerExtension):  # type: ignore[no-untyped-call]
    """An object without other fields than those it names."""

    target_class = "orders.api.serializers.Strict"
    match_subclasses = True

    def map_serializer(self, auto_schema: AutoSchema, direction: Any) -> Any:
        """The object's schema."""
        schema = auto_schema._map_serializer(self.target, direction, bypass_extensions=True)  # type: ignore[no-untyped-call]
        return {**schema, "additionalProperties": False}


class StrictText(OpenApiSerializerFieldExtension):  # type: ignore[no-untyped-call]
    """Text that says something, where it may not be left blank."""

    target_class = "orders.api.serializers.Text"

    def map_serializer_field(self, auto_schema: AutoSchema, direction: Any) -> Any:
        """The text's schema."""
        schema = auto_schema._map_serializer_field(self.target, direction, bypass_extensions=True)  # type: ignore[no-untyped-call]
        schema["type"] = "string"  # whoever asked adds null where it may be
        if not self.target.allow_blank and MONEY not in self.target.validators:
            schema["pattern"] = PATTERNS.get(str(self.target.field_name), r"\S")
        if https_uri in self.target.validators:
            schema["format"] = "uri"
        return schema
