"""Filters of lists, each declared once for validation and for the OpenAPI document.

A FilterSet of django-filter declares the filters that one list has for one role. Two differences from the library: the
values are validated strictly, on fields that are built once (docs/decisions.md), and the rows are not filtered here but
by the planner of `orders/store/order_lists.py`, which receives the cleaned values.
"""

import re
import uuid
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import datetime
from functools import cache
from typing import Any, ClassVar, NoReturn

from django.core.exceptions import ValidationError
from django.forms import Field, MultipleHiddenInput
from django.http import HttpRequest, QueryDict
from django_filters import Filter, FilterSet

from orders.domain.errors import Invalid
from orders.domain.lifecycle import ORDER_STATUSES, ORDER_STATUSES_FOR_VENDORS, PAYMENT_STATUSES, VENDOR_ORDER_STATUSES
from orders.domain.money import read_amount
from orders.domain.timestamps import read_timestamp
from orders.http.problems import pointer

MAX_TEXT_LENGTH = 100
PLAIN_OFFSET = re.compile(r" (?=[0-9]{2}:[0-9]{2}\Z)")
UUID = re.compile("[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")

Error = dict[str, str]

Schema = dict[str, Any]
TEXT: Schema = {"type": "string", "minLength": 1, "maxLength": MAX_TEXT_LENGTH}
BOOLEAN: Schema = {"type": "boolean"}
IDENTIFIER: Schema = {"type": "string", "format": "uuid"}
TIMESTAMP: Schema = {"type": "string", "format": "date-time"}
AMOUNT: Schema = {"type": "string", "pattern": r"^-?[0-9]{1,16}(\.[0-9]{1,4})?$"}


def choices(known: Collection[str]) -> Callable[[str], list[str]]:
    """Return the parser of a comma list of `known` choices."""

    def parse(text: str) -> list[str]:
        named = text.split(",")
        if unknown := [word for word in named if word not in known]:
            raise ValueError(f"Unknown: {', '.join(unknown)[:100]}. Allowed: {', '.join(known)}.")
        return [word for word in known if word in named]

    return parse


def timestamp(text: str) -> datetime:
    """Parse a time (RFC 3339, section 5.6); an unescaped + arrives as a space."""
    return read_timestamp(PLAIN_OFFSET.sub("+", text))


def searchable_text(text: str) -> str:
    """Parse any text that PostgreSQL can store."""
    if not 1 <= len(text) <= MAX_TEXT_LENGTH or "\0" in text:
        raise ValueError(f"Not 1 to {MAX_TEXT_LENGTH} characters without NUL.")
    return text


def boolean(text: str) -> bool:
    """Parse true or false."""
    if text not in ("true", "false"):
        raise ValueError("Not true or false.")
    return text == "true"


def identifier(text: str) -> uuid.UUID:
    """Parse a UUID in any case (RFC 9562, section 4)."""
    if not UUID.fullmatch(text):
        raise ValueError("Not a UUID.")
    return uuid.UUID(text)


class ParameterField(Field):
    """A query parameter that may be given once. `parse` returns its value, or raises ValueError with the reason."""

    widget = MultipleHiddenInput  # returns every value of the parameter

    def __init__(self, parse: Callable[[str], Any], *, required: bool = False, **options: Any) -> None:
        super().__init__(required=required, **options)
        self.parse = parse

    def clean(self, value: list[str]) -> Any:
        """Return the parsed value; None for an absent parameter. Raises ValidationError."""
        if not value:
            return None
        try:
            return self.parse(self.text(value))
        except ValueError as error:
            raise ValidationError(str(error)) from error

    def text(self, sent: list[str]) -> str:
        """Return the text to parse. Raises ValueError for a repeated parameter."""
        if len(sent) > 1:
            raise ValueError("Given more than once.")
        return sent[0]


class ChoicesField(ParameterField):
    """A query parameter that may be given several times, each time with one or more comma-separated choices."""

    def text(self, sent: list[str]) -> str:
        """Return all choices, comma-separated."""
        return ",".join(sent)


class ListFilter(Filter):  # type: ignore[misc]
    """A filter of a list. `orders/store/list_filters.py` has its condition, so it takes no `lookup_expr`."""

    field_class = ParameterField
    schema: Schema
    """The OpenAPI type of its values."""
    style: ClassVar[dict[str, Any]] = {}
    """Further arguments of its OpenApiParameter."""
    parse: Callable[[str], Any]

    def __init__(self, help_text: str, *, required: bool = False, initial: Any = None) -> None:
        """`initial` is the value of an absent parameter where a view has use for one."""
        super().__init__(help_text=help_text, parse=self.parse, required=required, initial=initial)

    def filter(self, qs: Any, value: Any) -> NoReturn:
        """Raise TypeError: rows are not filtered here."""
        raise TypeError("Lists are filtered by orders.store.order_lists.")


class ChoicesFilter(ListFilter):
    """One or more of the `known` choices, which are those of an OpenAPI component."""

    field_class = ChoicesField
    style: ClassVar = {"explode": False, "style": "form"}

    def __init__(self, known: Collection[str], component: str, help_text: str = "") -> None:
        self.parse = choices(known)
        self.schema = {"type": "array", "items": {"$ref": f"#/components/schemas/{component}"}, "minItems": 1}
        super().__init__(f"{help_text}One or more, comma-separated or in repeated parameters.")


class TextFilter(ListFilter):
    """A text, or an id of another service."""

    schema = TEXT
    parse = staticmethod(searchable_text)


class TimestampFilter(ListFilter):
    """A timestamp with its offset."""

    schema = TIMESTAMP
    parse = staticmethod(timestamp)


class AmountFilter(ListFilter):
    """An amount in whole units, of any currency."""

    schema = AMOUNT
    parse = staticmethod(read_amount)


class BooleanFilter(ListFilter):
    """True or false."""

    schema = BOOLEAN
    parse = staticmethod(boolean)


class IdentifierFilter(ListFilter):
    """The id of another resource."""

    schema = IDENTIFIER
    parse = staticmethod(identifier)


class ListFilterSet(FilterSet):  # type: ignore[misc]
    """The base of the filters of a list for a role; it declares none."""

    @classmethod
    @cache
    def fields(cls) -> dict[str, Field]:
        """Return the fields of the filters, built once for all requests."""
        return {name: filter_.field for name, filter_ in cls.base_filters.items()}


class CommonFilterSet(ListFilterSet):
    """The filters of every list."""

    created_after = TimestampFilter("Inclusive.")
    created_before = TimestampFilter("Exclusive.")
    updated_since = TimestampFilter("Inclusive.")
    product_id = TextFilter("With this product among the items.")
    q = TextFilter("Part of the number, of an item's name or of its sku.")


class OrderFilterSet(CommonFilterSet):
    """Orders, for customers."""

    status = ChoicesFilter(ORDER_STATUSES, "OrderStatus")
    payment_status = ChoicesFilter(PAYMENT_STATUSES, "PaymentStatus")
    min_total = AmountFilter("In whole units of the order's own currency.")
    max_total = AmountFilter("In whole units of the order's own currency.")
    vendor_id = TextFilter("With an item of this vendor.")


class AdminOrderFilterSet(OrderFilterSet):
    """Orders, for admins."""

    customer_id = TextFilter("For admins only.")


class VendorOrderFilterSet(CommonFilterSet):
    """Vendor orders, for vendors."""

    status = ChoicesFilter(VENDOR_ORDER_STATUSES, "VendorOrderStatus")
    order_status = ChoicesFilter(
        ORDER_STATUSES_FOR_VENDORS, "OrderStatusForVendor", "The order's status as shown to the vendor. "
    )


class AdminVendorOrderFilterSet(VendorOrderFilterSet):
    """Vendor orders, for admins."""

    vendor_id = TextFilter("For admins only.")


def clean_parameters(query: QueryDict, fields: Mapping[str, Field]) -> tuple[dict[str, Any], list[Error]]:
    """Return the cleaned values of the sent parameters, and an entry for each one that is invalid, or required and absent."""
    values: dict[str, Any] = {}
    errors: list[Error] = []
    for name, field in fields.items():
        if name in query:
            try:
                values[name] = field.clean(query.getlist(name))
            except ValidationError as error:
                errors.append(refusal(name, str(error.message)))
        elif field.required:
            errors.append(refusal(name, "Required."))
    return values, errors


def check_known(request: HttpRequest, known: Iterable[str]) -> None:
    """Raise Invalid when the query has a parameter that is not among `known`."""
    if not request.META["QUERY_STRING"]:
        return
    if unknown := sorted(request.GET.keys() - set(known)):
        errors = [refusal(name, "Unknown parameter.") for name in unknown]
        raise Invalid(f"Unknown query parameters: {', '.join(unknown)[:200]}.", errors=errors)


def refusal(name: str, detail: str) -> Error:
    """Return the entry of an invalid parameter."""
    return {"pointer": pointer(name), "code": "invalid", "detail": detail}
