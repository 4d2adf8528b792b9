"""The parameters and headers of the API, each described once."""

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter

from orders.http.filters import DEFAULT_LIMIT, MAX_LIMIT, MAX_TEXT_LENGTH
from orders.http.headers import MAX_KEY_LENGTH
from orders.store.paging import NEWEST, ORDERINGS

Schema = dict[str, Any]
TEXT: Schema = {"type": "string", "minLength": 1, "maxLength": MAX_TEXT_LENGTH}
TAG: Schema = {"type": "string", "examples": ['"1"']}


def _header(name: str, type_: Schema, text: str, required: bool = False) -> OpenApiParameter:
    return OpenApiParameter(name, type_, OpenApiParameter.HEADER, required=required, description=text)


def _query(name: str, type_: Any, text: str) -> OpenApiParameter:
    return OpenApiParameter(name, type_, description=text)


def _component(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def _some_of(name: str, component: str, of: str = "") -> OpenApiParameter:
    text = f"{of}One or more, with commas between or each in a parameter of its own."
    type_ = {"type": "array", "items": _component(component), "minItems": 1}
    return OpenApiParameter(name, type_, explode=False, style="form", description=text)


def _amount(name: str, text: str) -> OpenApiParameter:
    return _query(name, {"type": "string", "pattern": r"^-?[0-9]{1,16}(\.[0-9]{1,4})?$"}, text)


KEY = _header(
    "Idempotency-Key",
    {"type": "string", "pattern": "^[!-~]+$", "minLength": 1, "maxLength": MAX_KEY_LENGTH},
    f"1–{MAX_KEY_LENGTH} visible ASCII characters of your making, new for each order: a UUID will do. The same key with the"
    " same body answers the same order again.",
    required=True,
)
IF_NONE_MATCH = _header("If-None-Match", TAG, "The `ETag` of the copy you have: 304 while it is still good.")
IF_MATCH = _header("If-Match", TAG, "The `ETag` of what you have looked at: 412 when it has changed since.")
LAST_EVENT_ID = _header(
    "Last-Event-ID",
    {"type": "integer", "minimum": 0, "maximum": 10**9 - 1},
    "The last entry you have: the stream goes on behind it.",
)

PAGING = [
    _query(
        "limit",
        {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT},
        "Results on a page.",
    ),
    _query("cursor", OpenApiTypes.STR, "As it stands in `next` and `previous`."),
]
COMMON = [
    _query("created_after", OpenApiTypes.DATETIME, "This moment included."),
    _query("created_before", OpenApiTypes.DATETIME, "This moment left out."),
    _query("updated_since", OpenApiTypes.DATETIME, "This moment included."),
    _query("product_id", TEXT, "With this product among the items."),
    _query(
        "q",
        TEXT,
        "Part of the number, of an item's name or of its sku.",
    ),
    *PAGING,
    _query(
        "ordering",
        _component("Ordering"),
        f"With `-`: the latest or largest first. Without this parameter: `{NEWEST}`.",
    ),
]
ORDER_FILTERS = [
    _some_of("status", "OrderStatus"),
    _some_of("payment_status", "PaymentStatus"),
    _amount("min_total", "In whole units of the order's own currency."),
    _amount("max_total", "In whole units of the order's own currency."),
    _query("vendor_id", TEXT, "With something of this vendor."),
    _query("customer_id", TEXT, "For admins only."),
    *COMMON,
]
VENDOR_ORDER_FILTERS = [
    _some_of("status", "VendorOrderStatus"),
    _some_of("order_status", "OrderStatusForVendor", "The order, as the vendor is told of it. "),
    _query("vendor_id", TEXT, "For admins only."),
    *COMMON,
]

SCHEMAS: dict[str, Schema] = {
    "Ordering": {
        "type": "string",
        "enum": ORDERINGS,
        "x-enum-varnames": [
            f"{name.removeprefix('-').upper()}_{'DESCENDING' if name.startswith('-') else 'ASCENDING'}"
            for name in ORDERINGS
        ],
    }
}
"""Schemas that only parameters refer to."""

HEADERS: dict[str, Any] = {
    "X-Request-ID": {
        "description": "The request's id: yours, if you sent one of 1–200 printable ASCII characters.",
        "required": True,
        "schema": {"type": "string", "minLength": 1, "maxLength": 200},
    },
    "ETag": {
        "description": "The version, as a strong entity tag.",
        "required": True,
        "schema": {"type": "string", "pattern": '^"[0-9]+"$', "examples": ['"1"']},
    },
    "Location": {
        "description": "The new order's address.",
        "required": True,
        "schema": {"type": "string", "format": "uri-reference"},
    },
    "Idempotent-Replayed": {
        "description": "There when an earlier request with this key has placed the order.",
        "schema": {"type": "string", "const": "true"},
    },
    "Retry-After": {
        "description": "Seconds to wait before the same request is sent again.",
        "required": True,
        "schema": {"type": "integer", "minimum": 1},
    },
    "WWW-Authenticate": {
        "description": "How to say who you are.",
        "required": True,
        "schema": {"type": "string", "const": "Bearer"},
    },
}
"""Headers of answers."""
