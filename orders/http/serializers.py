"""Serializers: request bodies that accept the declared fields alone, and responses with a hand-written representation.

`Input` validates; `Output` declares the fields for the schema and builds the response in its own `to_representation`.
"""

from datetime import datetime
from decimal import Decimal
from typing import Any

from django.core.validators import RegexValidator
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.exceptions import ValidationError

from orders.domain.money import MAX_MINOR
from orders.domain.text import has_visible_character
from orders.domain.timestamps import read_timestamp
from orders.domain.uris import is_https_uri


class MoneyValidator(RegexValidator):
    """Validate a decimal string up to the largest amount."""

    def __call__(self, value: Any) -> None:
        super().__call__(value)
        if Decimal(value) > MAX_MINOR:
            raise ValidationError(f"Amounts are at most {MAX_MINOR}.")


MONEY = MoneyValidator(r"\A[0-9]{1,16}(\.[0-9]{1,4})?\Z", "Not a decimal number like 20.00.")


def https_uri(text: str) -> None:
    """Raise ValidationError unless `text` is an https URI."""
    if not is_https_uri(text):
        raise ValidationError("Not an https URI (RFC 3986) without user info.")


class StrictCharField(serializers.CharField):
    """A JSON string, stored unchanged; numbers are refused. An optional one may be null (see Input).

    `pattern` is for the schema alone: it states a validator's rule as a regular expression.
    """

    def __init__(self, *, pattern: str | None = None, **options: Any) -> None:
        options.setdefault("allow_null", options.get("required") is False)
        super().__init__(trim_whitespace=False, **options)
        self.pattern = pattern

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            raise ValidationError("Not a string.")
        if not self.allow_blank and not has_visible_character(data):
            raise ValidationError("May not be blank.")
        return str(super().to_internal_value(data))


class StrictIntegerField(serializers.IntegerField):
    """A JSON integer; strings and fractions are refused."""

    def to_internal_value(self, data: Any) -> int:
        if not isinstance(data, int) or isinstance(data, bool):
            raise ValidationError("Not an integer.")
        return int(super().to_internal_value(data))


class StrictBooleanField(serializers.BooleanField):
    """A JSON boolean; strings and numbers are refused."""

    def to_internal_value(self, data: Any) -> bool:
        if not isinstance(data, bool):
            raise ValidationError("Not a boolean.")
        return data


@extend_schema_field({"type": "string", "format": "date-time"})
class TimestampField(serializers.Field[Any, Any, Any, Any]):
    """A time (RFC 3339)."""

    def to_internal_value(self, data: Any) -> datetime:
        if not isinstance(data, str):
            raise ValidationError("Not a string.")
        try:
            return read_timestamp(data)
        except ValueError as error:
            raise ValidationError(str(error)) from error


class Input(serializers.Serializer[Any]):
    """A request body with the declared fields and no others. Null in an optional field is the same as leaving it out."""

    def to_internal_value(self, data: Any) -> Any:
        self.check_names(data)
        given = {name: value for name, value in data.items() if value is not None or self.fields[name].required}
        return super().to_internal_value(given)

    def check_names(self, data: Any) -> None:
        """Raise ValidationError unless `data` is an object without unknown fields."""
        if not isinstance(data, dict):
            raise ValidationError("Not an object.")
        if unknown := data.keys() - self.fields.keys():
            raise ValidationError(dict.fromkeys(sorted(unknown), "Unknown field."))


class EmptyInput(Input):
    """No fields."""


class Output(serializers.Serializer[Any]):
    """The fields of a response, declared for the schema; `to_representation` of the same class builds it.

    It is static, takes the response's data, and returns a dict literal: a request pays neither for a serializer instance
    nor for a call per field (docs/decisions.md has the figures). A test compares its keys with the declared fields.
    """

    @staticmethod
    def to_representation(*args: Any) -> dict[str, Any]:
        """Return the response as a dict of JSON values, times and ids."""
        raise NotImplementedError


class PageOutput(Output):
    """The links of a page; `orders.http.filters` builds it."""

    next = serializers.URLField(allow_null=True, help_text="The next page; null on the last one. Follow it unchanged.")
    previous = serializers.URLField(allow_null=True, help_text="The previous page; null on the first one.")


class ShortageSerializer(Output):
    """A product with less stock than requested."""

    product_id = serializers.CharField()
    requested = serializers.IntegerField(min_value=1)
    available = serializers.IntegerField(min_value=0)

    @staticmethod
    def to_representation(shortage: Any) -> dict[str, Any]:
        return {
            "product_id": shortage.product_id,
            "requested": shortage.requested,
            "available": shortage.available,
        }


def money(help_text: str = "", *, signed: bool = False, **options: Any) -> serializers.RegexField:
    """Return the field of an amount in a response; `signed`: it may be below 0."""
    pattern = r"[0-9]+(\.[0-9]{2,4})?$"
    return serializers.RegexField(f"^-?{pattern}" if signed else f"^{pattern}", help_text=help_text, **options)
