"""The parameters and headers of the API, each described once."""

from collections.abc import Sequence
from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter

from orders.http.csv import MAX_ROWS
from orders.http.filters import AdminOrderFilterSet, AdminVendorOrderFilterSet, CommonFilterSet, ListFilterSet
from orders.http.headers import MAX_KEY_LENGTH
from orders.http.pagination import DEFAULT_LIMIT, FORMATS, MAX_LIMIT
from orders.store.paging import NEWEST, ORDERINGS

Schema = dict[str, Any]
TAG: Schema = {"type": "string", "examples": ['"1"']}


def _header(name: str, type_: Schema, text: str, required: bool = False) -> OpenApiParameter:
    return OpenApiParameter(name, type_, OpenApiParameter.HEADER, required=required, description=text)


def _query(name: str, type_: Any, text: str) -> OpenApiParameter:
    return OpenApiParameter(name, type_, description=text)


def _component(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


SCHEMAS: dict[str, Schema] = {}
"""Schemas that only parameters refer to."""


def ordering(component: str, orderings: Sequence[str]) -> OpenApiParameter:
    """Return the parameter of a list's orderings, whose schema is this component."""
    SCHEMAS[component] = {
        "type": "string",
        "enum": list(orderings),
        "x-enum-varnames": [
            f"{name.removeprefix('-').upper()}_{'DESCENDING' if name.startswith('-') else 'ASCENDING'}"
            for name in orderings
        ],
    }
    text = f"With `-`: the latest or largest first. Without this parameter: `{NEWEST}`."
    return _query("ordering", _component(component), text)


def filters(filterset: type[ListFilterSet]) -> list[OpenApiParameter]:
    """Return the parameters of the declared filters; those of every list come last."""
    filters = sorted(filterset.base_filters.items(), key=lambda item: item[0] in CommonFilterSet.base_filters)
    return [
        OpenApiParameter(
            name,
            filter_.schema,
            required=filter_.extra["required"],
            description=filter_.extra["help_text"],
            **filter_.style,
        )
        for name, filter_ in filters
    ]


KEY = _header(
    "Idempotency-Key",
    {"type": "string", "pattern": "^[!-~]+$", "minLength": 1, "maxLength": MAX_KEY_LENGTH},
    f"1–{MAX_KEY_LENGTH} visible ASCII characters, unique for each order, such as a UUID. The same key with the same body"
    " returns the same order.",
    required=True,
)
IF_NONE_MATCH = _header("If-None-Match", TAG, "The `ETag` of the cached response: 304 while it is current.")
IF_MATCH = _header("If-Match", TAG, "The `ETag` of the expected version: 412 when the resource has changed.")
LAST_EVENT_ID = _header(
    "Last-Event-ID",
    {"type": "integer", "minimum": 0, "maximum": 10**9 - 1},
    "The last entry received: the stream resumes after it.",
)

PAGING = [
    _query(
        "limit",
        {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT},
        "Results per page.",
    ),
    _query("cursor", OpenApiTypes.STR, "The cursor of a `next` or `previous` link."),
]
ORDERING = ordering("Ordering", ORDERINGS)
ORDER_FILTERS = [*filters(AdminOrderFilterSet), *PAGING, ORDERING]
VENDOR_ORDER_FILTERS = [*filters(AdminVendorOrderFilterSet), *PAGING, ORDERING]

SCHEMAS["Format"] = {"type": "string", "enum": list(FORMATS)}
FORMAT = _query(
    "format",
    _component("Format"),
    f"`csv`: the whole list as a file, up to {MAX_ROWS} rows, without `limit` and `cursor`.",
)
