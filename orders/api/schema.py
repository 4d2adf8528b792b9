"""What the OpenAPI document says of each endpoint: summary, roles, parameters, and every answer it can give."""

from collections.abc import Callable
from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema

from orders.api import serializers
from orders.api.errors import STATUSES
from orders.lifecycle import ORDER_STATUSES, PAYMENT_STATUSES, VENDOR_ORDER_STATUSES
from orders.services.lists import COLUMNS

Decorator = Callable[[Any], Any]

KEY = OpenApiParameter(
    "Idempotency-Key",
    str,
    OpenApiParameter.HEADER,
    required=True,
    description="1–255 visible ASCII characters; one order each.",
)
IF_NONE_MATCH = OpenApiParameter(
    "If-None-Match", str, OpenApiParameter.HEADER, description="The ETag of the copy you have."
)
IF_MATCH = OpenApiParameter(
    "If-Match", str, OpenApiParameter.HEADER, description="The ETag of what you have looked at."
)
LAST_EVENT_ID = OpenApiParameter(
    "Last-Event-ID", int, OpenApiParameter.HEADER, description="The last entry you have; the stream goes on behind it."
)
LIMIT = OpenApiParameter("limit", OpenApiTypes.INT, description="Results on a page, 1–100 (20).")
CURSOR = OpenApiParameter("cursor", str, description="As it stands in `next` and `previous`.")
ORDERING = OpenApiParameter(
    "ordering",
    str,
    enum=[f"{sign}{name}" for name in COLUMNS for sign in ("", "-")],
    description="Default: `-created_at`.",
)
CREATED_AFTER = OpenApiParameter("created_after", OpenApiTypes.DATETIME, description="This moment included.")
CREATED_BEFORE = OpenApiParameter("created_before", OpenApiTypes.DATETIME, description="This moment left out.")
UPDATED_SINCE = OpenApiParameter("updated_since", OpenApiTypes.DATETIME, description="This moment included.")
PRODUCT = OpenApiParameter("product_id", str, description="With this product among the items.")
ORDER_WORD = OpenApiParameter("q", str, description="Part of the number, of an item's name or of its sku.")
COMMON = [LIMIT, CURSOR, ORDERING, CREATED_AFTER, CREATED_BEFORE, UPDATED_SINCE, PRODUCT, ORDER_WORD]
ORDER_FILTERS = [
    *COMMON,
    OpenApiParameter("status", str, description=f"A comma list of {', '.join(ORDER_STATUSES)}."),
    OpenApiParameter("payment_status", str, description=f"A comma list of {', '.join(PAYMENT_STATUSES)}."),
    OpenApiParameter("min_total", OpenApiTypes.DECIMAL, description="In whole units of the order's own currency."),
    OpenApiParameter("max_total", OpenApiTypes.DECIMAL, description="In whole units of the order's own currency."),
    OpenApiParameter("vendor_id", str, description="With something of this vendor."),
    OpenApiParameter("customer_id", str, description="For admins."),
]
VENDOR_ORDER_FILTERS = [
    *COMMON,
    OpenApiParameter("status", str, description=f"A comma list of {', '.join(VENDOR_ORDER_STATUSES)}."),
    OpenApiParameter("vendor_id", str, description="For admins."),
]


def _problems(*codes: str) -> dict[int, OpenApiResponse]:
    by_status: dict[int, list[str]] = {}
    for code in ("not_authenticated", "permission_denied", "invalid", "internal_error", *codes):
        by_status.setdefault(STATUSES[code], []).append(code)
    return {
        status: OpenApiResponse(serializers.Problem, " or ".join(f"`{code}`" for code in codes))
        for status, codes in by_status.items()
    }


def _endpoint(summary: str, roles: list[str], answers: dict[int, Any], codes: list[str], **more: Any) -> Decorator:
    responses = {(status, "application/json"): answer for status, answer in answers.items()}
    problems = {(status, "application/problem+json"): answer for status, answer in _problems(*codes).items()}
    description = f"For the role {' or '.join(roles)}."
    return extend_schema(
        summary=summary,
        description=description,
        responses={**responses, **problems},
        extensions={"x-roles": roles},
        **more,
    )


_CHECKOUT_CODES = [
    "payload_too_large",
    "unsupported_media_type",
    "cart_changed",
    "total_changed",
    "coupon_unavailable",
    "empty_cart",
    "cart_too_large",
    "customer_inactive",
    "currency_mismatch",
    "dependency_unavailable",
]

_ACTION_CODES = [
    "not_found",
    "payload_too_large",
    "unsupported_media_type",
    "precondition_failed",
    "dependency_unavailable",
]


def _action(summary: str, name: str, request: Any) -> Decorator:
    return _endpoint(
        summary,
        ["vendor", "admin"],
        {200: serializers.VendorOrderOutput},
        [*_ACTION_CODES, "illegal_transition"],
        request=request,
        parameters=[IF_MATCH],
        operation_id=name,
        tags=["Vendors"],
    )


def _stream(summary: str, roles: list[str], name: str, tag: str) -> Decorator:
    events = OpenApiResponse(OpenApiTypes.STR, "Server-Sent Events; `id` is the entry's sequence, `data` the entry.")
    return extend_schema(
        summary=summary,
        description=f"For the role {' or '.join(roles)}.",
        parameters=[LAST_EVENT_ID],
        responses={
            (200, "text/event-stream"): events,
            **{
                (status, "application/problem+json"): answer
                for status, answer in _problems("not_found", "dependency_unavailable").items()
            },
        },
        extensions={"x-roles": roles},
        operation_id=name,
        tags=[tag],
    )


PLACE_ORDER = _endpoint(
    "Place an order",
    ["customer"],
    {201: serializers.OrderOutput},
    [
        "idempotency_key_required",
        *_CHECKOUT_CODES,
        "out_of_stock",
        "address_required",
        "idempotency_key_reused",
        "overloaded",
    ],
    request=serializers.CheckoutInput,
    parameters=[KEY],
    operation_id="place_order",
    tags=["Customers"],
)
QUOTE = _endpoint(
    "What checkout would cost now",
    ["customer"],
    {200: serializers.QuoteOutput},
    _CHECKOUT_CODES,
    request=serializers.CheckoutInput,
    operation_id="quote",
    tags=["Customers"],
)
LIST_ORDERS = _endpoint(
    "List orders",
    ["customer", "admin"],
    {200: serializers.OrderPage},
    ["dependency_unavailable"],
    parameters=ORDER_FILTERS,
    operation_id="list_orders",
    tags=["Customers"],
)
READ_ORDER = _endpoint(
    "Read an order",
    ["customer", "admin"],
    {200: serializers.OrderOutput, 304: None},
    ["not_found", "dependency_unavailable"],
    parameters=[IF_NONE_MATCH],
    operation_id="read_order",
    tags=["Customers"],
)
CANCEL_ORDER = _endpoint(
    "Cancel an order",
    ["customer", "admin"],
    {200: serializers.OrderOutput},
    [*_ACTION_CODES, "not_cancellable"],
    request=serializers.CancelInput,
    parameters=[IF_MATCH],
    operation_id="cancel_order",
    tags=["Customers"],
)
TRACK_ORDER = _endpoint(
    "Track an order's parcels",
    ["customer", "admin"],
    {200: serializers.TrackingOutput},
    ["not_found", "dependency_unavailable"],
    operation_id="track_order",
    tags=["Customers"],
)
ORDER_HISTORY = _endpoint(
    "Read an order's audit trail",
    ["customer", "admin"],
    {200: serializers.HistoryOutput},
    ["not_found", "dependency_unavailable"],
    operation_id="read_order_history",
    tags=["Customers"],
)
STREAM_ORDER = _stream("Follow an order live", ["customer", "admin"], "stream_order", "Customers")
LIST_VENDOR_ORDERS = _endpoint(
    "List vendor orders",
    ["vendor", "admin"],
    {200: serializers.VendorOrderPage},
    ["dependency_unavailable"],
    parameters=VENDOR_ORDER_FILTERS,
    operation_id="list_vendor_orders",
    tags=["Vendors"],
)
SUMMARIZE_VENDOR_ORDERS = _endpoint(
    "Sum up vendor orders",
    ["vendor", "admin"],
    {200: serializers.SummaryOutput},
    ["dependency_unavailable"],
    operation_id="summarize_vendor_orders",
    tags=["Vendors"],
)
READ_VENDOR_ORDER = _endpoint(
    "Read a vendor order",
    ["vendor", "admin"],
    {200: serializers.VendorOrderOutput, 304: None},
    ["not_found", "dependency_unavailable"],
    parameters=[IF_NONE_MATCH],
    operation_id="read_vendor_order",
    tags=["Vendors"],
)
ACCEPT = _action("Accept a vendor order", "accept_vendor_order", serializers.NoInput)
SHIP = _action("Ship a vendor order", "ship_vendor_order", serializers.ShipInput)
DELIVER = _action("Deliver a vendor order", "deliver_vendor_order", serializers.NoInput)
CANCEL_VENDOR_ORDER = _action("Cancel a vendor order", "cancel_vendor_order", serializers.NoInput)
STREAM_VENDOR_ORDER = _stream("Follow a vendor order live", ["vendor", "admin"], "stream_vendor_order", "Vendors")
