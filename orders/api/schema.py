"""What the OpenAPI document says of each endpoint: summary, roles, parameters, and every answer it can give."""

from collections.abc import Callable
from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema

from orders.api import serializers
from orders.api.errors import STATUSES

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
LIMIT = OpenApiParameter("limit", OpenApiTypes.INT, description="Results on a page, 1–100 (20).")
CURSOR = OpenApiParameter("cursor", str, description="As it stands in `next` and `previous`.")


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
    "List orders, newest first",
    ["customer", "admin"],
    {200: serializers.OrderPage},
    ["dependency_unavailable"],
    parameters=[LIMIT, CURSOR],
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
