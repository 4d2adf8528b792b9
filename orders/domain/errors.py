"""Every refusal the service can utter, in one tree.

Each class has a stable `code`, the word clients branch on (contract: REST API, "Errors"); `orders.http.problems` maps codes
to HTTP statuses. What an error carries beyond its text is in `extra`, in the words of the wire.
"""

from collections.abc import Iterable
from typing import Any, ClassVar


class OrderError(Exception):
    """The root: something the caller asked for was refused. `str(error)` says what, why and what next."""

    code: ClassVar[str]
    retry_after: int | None = None
    """In how many seconds the same request may succeed; None when waiting does not help."""

    def __init__(self, detail: str, **extra: Any) -> None:
        self.extra = extra
        super().__init__(detail)


class Invalid(OrderError):
    """Input that does not have the shape the contract asks for. `errors` lists `{"pointer", "code", "detail"}`."""

    code = "invalid"


class IdempotencyKeyRequired(OrderError):
    """A checkout came without its Idempotency-Key."""

    code = "idempotency_key_required"


class NotAuthenticated(OrderError):
    """No token, or one that can't be believed."""

    code = "not_authenticated"


class PermissionDenied(OrderError):
    """The caller's role may not do this."""

    code = "permission_denied"


class NotFound(OrderError):
    """There is no such thing, or none that this caller may know of: the two can't be told apart."""

    code = "not_found"

    def __init__(self) -> None:
        super().__init__("There is nothing at this address.")


class MethodNotAllowed(OrderError):
    """The address exists, the method does not. Carries `allowed`."""

    code = "method_not_allowed"

    def __init__(self, method: str | None, allowed: Iterable[str]) -> None:
        """HEAD is allowed wherever GET is."""
        methods = {*allowed}
        there = sorted(methods | {"HEAD"} if "GET" in methods else methods)
        super().__init__(f"{method} is not possible here. Possible: {', '.join(there)}.", allowed=there)


class PayloadTooLarge(OrderError):
    """The request's body is over the limit."""

    code = "payload_too_large"


class UnsupportedMediaType(OrderError):
    """The body is not JSON."""

    code = "unsupported_media_type"


class CartChanged(OrderError):
    """The cart is not the version the customer looked at."""

    code = "cart_changed"


class CartAlreadyOrdered(OrderError):
    """This version of the cart has made an order that is pending or confirmed. Carries `order_id`."""

    code = "cart_already_ordered"


class TotalChanged(OrderError):
    """The order would cost something else than the customer agreed to. Carries `current_total`."""

    code = "total_changed"


class OutOfStock(OrderError):
    """Product can't hold every line. Carries `shortages`: product_id, requested, available."""

    code = "out_of_stock"


class IllegalTransition(OrderError):
    """The state does not allow this step. Carries `current` and `wanted`."""

    code = "illegal_transition"

    def __init__(self, current: str, wanted: str, why: str = "") -> None:
        because = f": {why}" if why else ""
        super().__init__(f"Cannot transition from {current} to {wanted}{because}.", current=current, wanted=wanted)


class NotCancellable(OrderError):
    """The order has gone too far for this caller to cancel it."""

    code = "not_cancellable"


class CouponUnavailable(OrderError):
    """The coupon can't be used on this order."""

    code = "coupon_unavailable"


class PreconditionFailed(OrderError):
    """If-Match names another version than the present one."""

    code = "precondition_failed"


class EmptyCart(OrderError):
    """There is nothing in the cart to order."""

    code = "empty_cart"


class CartTooLarge(OrderError):
    """More lines, or more of one product, than one order may hold."""

    code = "cart_too_large"


class AddressRequired(OrderError):
    """Neither the request nor the user's profile has a complete address. Carries `errors`, as Invalid does."""

    code = "address_required"


class CustomerInactive(OrderError):
    """User knows no active user of this id."""

    code = "customer_inactive"


class CurrencyMismatch(OrderError):
    """A product is priced in another currency than the cart."""

    code = "currency_mismatch"


class IdempotencyKeyReused(OrderError):
    """The key has placed an order from another body."""

    code = "idempotency_key_reused"


class RateLimited(OrderError):
    """The caller asks for more than one caller may have."""

    code = "rate_limited"
    retry_after = 10


class DependencyUnavailable(OrderError):
    """A neighbour or the database gave no usable answer: nothing was decided, try again."""

    code = "dependency_unavailable"

    def __init__(self, dependency: str, why: str, retry_after: int = 1) -> None:
        self.dependency, self.why, self.retry_after = dependency, why, retry_after
        super().__init__(
            f"{dependency.capitalize()} could not be asked ({why}). Nothing was lost: send the same request again"
            f" in {retry_after} s.",
            dependency=dependency,
        )


class Overloaded(OrderError):
    """The process has all the requests it can carry."""

    code = "overloaded"
    retry_after = 1
