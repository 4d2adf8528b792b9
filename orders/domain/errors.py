"""The error tree of the service.

Each class has a stable `code`, on which clients branch (contract: REST API, "Errors"); `orders.http.problems` maps codes to
HTTP statuses. `extra` has the further members of the problem, as they are sent.
"""

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar


class OrderError(Exception):
    """The base of all errors. `str(error)` states the refusal, its reason and, where possible, the remedy."""

    code: ClassVar[str]
    retry_after: int | None = None
    """Seconds after which a retry may succeed; None where a retry does not help."""

    def __init__(self, detail: str, **extra: Any) -> None:
        self.extra = extra
        super().__init__(detail)


class Invalid(OrderError):
    """The input does not conform to the contract. `errors` lists `{"pointer", "code", "detail"}`."""

    code = "invalid"


class IdempotencyKeyRequired(OrderError):
    """A checkout lacks the Idempotency-Key header."""

    code = "idempotency_key_required"


class NotAuthenticated(OrderError):
    """The token is missing or invalid."""

    code = "not_authenticated"


class PermissionDenied(OrderError):
    """The caller's role does not permit this action."""

    code = "permission_denied"


class NotFound(OrderError):
    """The resource does not exist or is not visible to the caller; the response is the same for both."""

    code = "not_found"

    def __init__(self) -> None:
        super().__init__("Not found.")


class MethodNotAllowed(OrderError):
    """The path does not support the method. Carries `allowed`."""

    code = "method_not_allowed"

    def __init__(self, method: str | None, allowed: Iterable[str]) -> None:
        """Add HEAD to `allowed` where GET is in it."""
        methods = {*allowed}
        supported = sorted(methods | {"HEAD"} if "GET" in methods else methods)
        super().__init__(f"Method {method} not allowed. Allowed: {', '.join(supported)}.", allowed=supported)


class PayloadTooLarge(OrderError):
    """The request body exceeds the limit."""

    code = "payload_too_large"


class UnsupportedMediaType(OrderError):
    """The request body is not JSON."""

    code = "unsupported_media_type"


class CartChanged(OrderError):
    """The cart's version differs from the requested one. Carries `current_version`."""

    code = "cart_changed"


class CartAlreadyOrdered(OrderError):
    """A pending or confirmed order exists for this version of the cart. Carries `order_id`."""

    code = "cart_already_ordered"


class TotalChanged(OrderError):
    """The order's total differs from the expected one. Carries `current_total`."""

    code = "total_changed"


class OutOfStock(OrderError):
    """The stock does not cover every line. Carries `shortages`: product_id, requested, available."""

    code = "out_of_stock"


class IllegalTransition(OrderError):
    """The current status does not allow the transition. Carries `current` and `wanted`."""

    code = "illegal_transition"

    def __init__(self, current: str, wanted: str, why: str = "") -> None:
        because = f": {why}" if why else ""
        super().__init__(f"Cannot transition from {current} to {wanted}{because}.", current=current, wanted=wanted)


class NotCancellable(OrderError):
    """The order's status does not allow this caller to cancel it."""

    code = "not_cancellable"


class CouponUnavailable(OrderError):
    """The coupon cannot be applied to this order. Carries `coupon_code` and `reason` (contract: coupons, "Refusal")."""

    code = "coupon_unavailable"

    REASONS: ClassVar[Mapping[str, str]] = {
        "unknown": "is not valid. Check its spelling, or order without it.",
        "expired": "has expired. Order without it.",
        "used_up": "has been used up. Order without it.",
        "customer_limit": "has reached its limit for this customer. Order without it.",
        "first_order_only": "is for a first order. Order without it.",
        "currency": "is for another currency than the cart's. Order without it.",
        "not_stackable": "cannot be combined with other coupons. Name one coupon only.",
        "not_applicable": "takes nothing off this cart. Order without it.",
        "minimum_spend": "requires a higher total of the eligible items: see minimum_spend. Add items, or order without it.",
    }

    def __init__(self, coupon_code: str, reason: str, **extra: Any) -> None:
        self.reason = reason
        detail = f"The coupon {coupon_code} {self.REASONS[reason]}"
        super().__init__(detail, coupon_code=coupon_code, reason=reason, **extra)


class CodeTaken(OrderError):
    """A coupon with this code exists, whoever manages it."""

    code = "code_taken"


class PreconditionFailed(OrderError):
    """If-Match does not match the current version."""

    code = "precondition_failed"


class EmptyCart(OrderError):
    """The cart has no items."""

    code = "empty_cart"


class CartTooLarge(OrderError):
    """The cart exceeds an order's limits of lines, quantity or total."""

    code = "cart_too_large"


class AddressRequired(OrderError):
    """Neither the request nor the customer's profile has a complete address. Carries `errors`, as Invalid does."""

    code = "address_required"


class CustomerInactive(OrderError):
    """The User Service has no active user of this id."""

    code = "customer_inactive"


class CurrencyMismatch(OrderError):
    """A product's currency differs from the cart's."""

    code = "currency_mismatch"


class IdempotencyKeyReused(OrderError):
    """The key was used with a different request body."""

    code = "idempotency_key_reused"


class RateLimited(OrderError):
    """The caller has used up the quota of a policy. Carries `violated-policies`, their names."""

    code = "rate_limited"

    def __init__(self, detail: str, policies: Iterable[str] = (), retry_after: int = 1) -> None:
        self.retry_after = retry_after
        super().__init__(detail, **{"violated-policies": [*policies]})


class DependencyUnavailable(OrderError):
    """Another service or the database gave no usable response: the outcome is unknown, a retry is safe."""

    code = "dependency_unavailable"

    def __init__(self, dependency: str, why: str, retry_after: int = 1) -> None:
        self.dependency, self.why, self.retry_after = dependency, why, retry_after
        super().__init__(
            f"{dependency.capitalize()} is unavailable ({why}). Nothing was lost: retry the same request in {retry_after} s.",
            dependency=dependency,
        )


class Overloaded(OrderError):
    """The process is at its limit of concurrent work."""

    code = "overloaded"
    retry_after = 1
