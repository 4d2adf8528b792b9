"""Every refusal in the documentation: the shape of a problem, an example for each code, and the answers made of them."""

from collections.abc import Iterable, Mapping
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from orders.http.openapi.outputs import ShortageOutput, money
from orders.http.problems import STATUSES

EVERYWHERE = (
    "invalid",
    "not_authenticated",
    "permission_denied",
    "internal_error",
    "dependency_unavailable",
    "overloaded",
)
"""What any endpoint of the API may answer."""

BODY = ("payload_too_large", "unsupported_media_type")
"""What any endpoint that takes a body may answer besides."""

HEADERS = {
    "not_authenticated": ("WWW-Authenticate",),
    "dependency_unavailable": ("Retry-After",),
    "overloaded": ("Retry-After",),
    "rate_limited": ("Retry-After",),
}
"""The headers that come with some of the codes."""


class InputError(serializers.Serializer[Any]):
    """One refused input."""

    pointer = serializers.CharField(allow_blank=True, help_text="Where: a JSON pointer (RFC 6901), or the parameter.")
    code = serializers.CharField()
    detail = serializers.CharField()


def _extensible(words: Iterable[str]) -> Any:
    """Mark a class of fields as text that is one of `words` today.

    Generated clients fail at a value that an `enum` does not list, so what may grow is told by `x-extensible-enum`.
    """
    return extend_schema_field({"type": "string", "x-extensible-enum": list(words)})


@_extensible(STATUSES)
class Code(serializers.CharField):
    """The code of a problem."""


@_extensible(["user", "cart", "product", "identity", "database"])
class Dependency(serializers.CharField):
    """What could not be asked."""


class Problem(serializers.Serializer[Any]):
    """A refusal (RFC 9457). `code` is the word to branch on, `detail` is for people."""

    type = serializers.CharField()
    title = serializers.CharField()
    status = serializers.IntegerField()
    detail = serializers.CharField()
    instance = serializers.CharField(help_text="The path that was asked.")
    code = Code(help_text="Stable: a code never changes its meaning. There may be new ones.")
    request_id = serializers.CharField(help_text="Quote it when you ask us about this answer.")
    errors = InputError(many=True, required=False, help_text="With `invalid` and `address_required`.")  # type: ignore[assignment]
    shortages = ShortageOutput(many=True, required=False, help_text="With `out_of_stock`.")
    current_total = money("With `total_changed`.", required=False)
    current_version = serializers.IntegerField(required=False, help_text="With `cart_changed`.")
    order_id = serializers.UUIDField(
        required=False, help_text="With `cart_already_ordered`: the order of this cart's version."
    )
    current = serializers.CharField(required=False, help_text="With `illegal_transition`: the status it has.")
    wanted = serializers.CharField(
        required=False, help_text="With `illegal_transition`: the status that was asked for."
    )
    allowed = serializers.ListField(
        child=serializers.CharField(), required=False, help_text="With `method_not_allowed`: the methods there are."
    )
    dependency = Dependency(required=False, help_text="With `dependency_unavailable`: what could not be asked.")


_TOLD: Mapping[str, tuple[str, dict[str, Any]]] = {
    "invalid": (
        "Some of the input was refused: see errors.",
        {
            "errors": [
                {
                    "pointer": "/shipping_address/country",
                    "code": "invalid",
                    "detail": "Not a country code of ISO 3166-1 alpha-2.",
                }
            ]
        },
    ),
    "idempotency_key_required": (
        "Send an Idempotency-Key of your making, a new one for each order: a UUID will do.",
        {},
    ),
    "not_authenticated": ("The token was refused: it has expired. Ask for a new one.", {}),
    "permission_denied": ("This is for the role customer or admin.", {}),
    "not_found": ("There is nothing at this address.", {}),
    "payload_too_large": ("A body may have up to 262144 bytes.", {}),
    "unsupported_media_type": ("Send the body as application/json.", {}),
    "cart_changed": (
        "The cart is at version 8, not 7: look at it again, then order.",
        {"current_version": 8},
    ),
    "cart_already_ordered": (
        "This version of the cart has been ordered already: see order_id. Change the cart to order again.",
        {"order_id": "7f9c24e8-3b12-5fdb-9d4a-1c6a0e2b8f30"},
    ),
    "total_changed": (
        "The order comes to 46.90 EUR now: look at it again, then order.",
        {"current_total": "46.90"},
    ),
    "out_of_stock": (
        "Not everything in the cart is in stock: change the cart and try again.",
        {"shortages": [{"product_id": "mug", "requested": 2, "available": 1}]},
    ),
    "illegal_transition": (
        "Cannot transition from pending to shipped.",
        {"current": "pending", "wanted": "shipped"},
    ),
    "not_cancellable": ("Part of the order has already been shipped.", {}),
    "coupon_unavailable": ("The coupon WELCOME can't be used: order without it.", {}),
    "precondition_failed": ("This is at version 3 now: look at it again, then act.", {}),
    "empty_cart": ("The cart is empty: put something into it first.", {}),
    "cart_too_large": ("An order holds up to 100 products, the cart has 101: order in two parts.", {}),
    "address_required": (
        "Send a shipping_address: your profile has no default address that is complete.",
        {
            "errors": [
                {
                    "pointer": "/shipping_address/postal_code",
                    "code": "invalid",
                    "detail": "This field is required.",
                }
            ]
        },
    ),
    "customer_inactive": ("This account is unknown or closed: orders can't be placed with it.", {}),
    "currency_mismatch": ("The cart is in EUR, but washi is sold in JPY: take it out of the cart.", {}),
    "idempotency_key_reused": (
        "This Idempotency-Key has placed an order from another body: send the same body, or a new key.",
        {},
    ),
    "rate_limited": ("You have 20 streams open, as many as a caller may have: close one first.", {}),
    "internal_error": ("Something went wrong on our side; it has been written down.", {}),
    "dependency_unavailable": (
        "Product could not be asked (no answer in time). Nothing was lost: send the same request again in 1 s.",
        {"dependency": "product"},
    ),
    "overloaded": ("Too many requests in progress on this server. Retry the same request in 1 second.", {}),
}
"""What each code says of itself, in the seeded marketplace."""


def examples() -> dict[str, Any]:
    """An example of each problem, by its code."""
    return {code: {"summary": code, "value": _example(code)} for code in _TOLD}


def answers(codes: Iterable[str]) -> dict[str, Any]:
    """The answers (OpenAPI responses, by status) with which an endpoint utters `codes` and those of everywhere."""
    by_status: dict[int, list[str]] = {}
    for code in sorted({*EVERYWHERE, *codes}, key=list(STATUSES).index):
        by_status.setdefault(STATUSES[code], []).append(code)
    return {
        str(status): answer(codes) if len(codes) > 1 else {"$ref": f"#/components/responses/{codes[0]}"}
        for status, codes in by_status.items()
    }


def alone() -> dict[str, Any]:
    """The answers with a single code, by it."""
    return {code: answer([code]) for code in _TOLD}


def answer(codes: list[str]) -> dict[str, Any]:
    """One answer that utters any of `codes`, which all have one status.

    Its examples are what says which. A schema that narrows Problem would say it too, but client generators can't merge
    the two and leave the answer out.
    """
    content = {
        "schema": {"$ref": "#/components/schemas/Problem"},
        "examples": {code: {"$ref": f"#/components/examples/{code}"} for code in codes},
    }
    headers = dict.fromkeys(["X-Request-ID", *(header for code in codes for header in HEADERS.get(code, ()))])
    return {
        "description": " or ".join(f"`{code}`" for code in codes),
        "headers": {name: {"$ref": f"#/components/headers/{name}"} for name in headers},
        "content": {"application/problem+json": content},
    }


def _example(code: str) -> dict[str, Any]:
    detail, extra = _TOLD[code]
    return {
        "type": "about:blank",
        "title": code.replace("_", " ").capitalize(),
        "status": STATUSES[code],
        "detail": detail,
        "instance": "/api/v1/orders",
        "code": code,
        "request_id": "0b6ec5e2-2f0c-4f3e-9d39-0e6b7b0f6c11",
        **extra,
    }
