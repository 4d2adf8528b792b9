"""The fields and the base class of request bodies: every field is named, and nothing else is accepted."""

from decimal import Decimal
from typing import Any

from django.core.validators import RegexValidator
from rest_framework import serializers
from rest_framework.exceptions import ValidationError

from orders.domain.money import MAX_MINOR
from orders.domain.text import has_visible_character
from orders.domain.uris import is_https_uri


class Money(RegexValidator):
    """Lets a decimal string through that is no more than the largest amount."""

    def __call__(self, value: Any) -> None:
        super().__call__(value)
        if Decimal(value) > MAX_MINOR:
            raise ValidationError(f"Amounts are at most {MAX_MINOR}.")


MONEY = Money(r"\A[0-9]{1,16}(\.[0-9]{1,4})?\Z", "Not a decimal number like 20.00.")


def https_uri(text: str) -> None:
    """Raise ValidationError for what is no https URI."""
    if not is_https_uri(text):
        raise ValidationError("Not an https URI (RFC 3986) without user info.")


class Text(serializers.CharField):
    """A JSON string, kept as it is sent; numbers are not taken for text. One that is optional may be null (see Strict)."""

    def __init__(self, **how: Any) -> None:
        how.setdefault("allow_null", how.get("required") is False)
        super().__init__(trim_whitespace=False, **how)

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            raise ValidationError("Not a string.")
        if not self.allow_blank and not has_visible_character(data):
            raise ValidationError("May not be blank.")
        return str(super().to_internal_value(data))


class Whole(serializers.IntegerField):
    """A JSON integer; text and fractions are not taken for one."""

    def to_internal_value(self, data: Any) -> int:
        if not isinstance(data, int) or isinstance(data, bool):
            raise ValidationError("Not an integer.")
        return int(super().to_internal_value(data))


class Strict(serializers.Serializer[Any]):
    """An object that has the fields it names and no others. Null in an optional one is the same as leaving it out."""

    def to_internal_value(self, data: Any) -> Any:
        self.check_names(data)
        said = {name: value for name, value in data.items() if value is not None or self.fields[name].required}
        return super().to_internal_value(said)

    def check_names(self, data: Any) -> None:
        """Raise ValidationError unless `data` is an object without unknown fields."""
        if not isinstance(data, dict):
            raise ValidationError("Not an object.")
        if unknown := data.keys() - self.fields.keys():
            raise ValidationError(dict.fromkeys(sorted(unknown), "There is no such field."))


class NoInput(Strict):
    """An action that needs no words."""
