"""The request of a checkout or a quote, and their common checks of customer, cart and total."""

import asyncio
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from uuid import UUID

import msgspec

from clients.carts import Cart
from clients.deadline import Deadline
from clients.service_clients import ServiceClients
from clients.users import Customer
from orders.coupons.lookup import find_redeemable
from orders.coupons.rules import RedeemableCoupon
from orders.domain.addresses import read_address
from orders.domain.callers import Caller
from orders.domain.errors import (
    AddressRequired,
    CartChanged,
    CustomerInactive,
    EmptyCart,
    TotalChanged,
)
from orders.domain.ids import earlier_order_id_of, order_id_of
from orders.domain.money import same_amount, to_decimal_string
from orders.domain.pricing import Pricing, check_size
from orders.domain.records import AppliedCoupon
from orders.store import database


@dataclass(frozen=True, slots=True)
class CheckoutBody:
    """The body of a checkout or a quote; absent values are None.

    The fields and their defaults are part of `hashed`, whose hash is compared with those of existing orders.
    """

    shipping_address: dict[str, str] | None
    cart_version: int | None
    expected_total: str | None
    coupon_codes: Sequence[str]
    """In capitals, in the order in which they were named."""
    note: str

    @property
    def hashed(self) -> dict[str, Any]:
        """Return the body with its defaults, as it is hashed: one code in either of the two fields is the same request."""
        return {
            "shipping_address": self.shipping_address,
            "cart_version": self.cart_version,
            "expected_total": self.expected_total,
            "coupon_code": self.coupon_codes or None,
            "note": self.note,
        }


@dataclass(frozen=True)
class CheckoutRequest:
    """A checkout request."""

    caller: Caller
    idempotency_key: str
    request_id: str
    body: CheckoutBody

    @cached_property
    def order_id(self) -> UUID:
        return order_id_of(self.caller.id, self.idempotency_key)

    @cached_property
    def earlier_order_id(self) -> UUID:
        """Return the id of this request's order if it was placed before ids carried a shard."""
        return earlier_order_id_of(self.caller.id, self.idempotency_key)

    @cached_property
    def hash(self) -> str:
        """Return the SHA-256 of the body with its defaults, which distinguishes a retry from another request under the key."""
        return "\\x" + hashlib.sha256(msgspec.json.encode(self.body.hashed, order="deterministic")).hexdigest()


async def customer_and_cart(
    *, customer_id: str, services: ServiceClients, deadline: Deadline
) -> tuple[Customer, Cart | None]:
    """Fetch customer and cart concurrently; cancel one call when the other fails. Raises CustomerInactive."""
    calls = (
        asyncio.ensure_future(services.users.active_customer(customer_id, deadline)),
        asyncio.ensure_future(services.carts.filled_cart(customer_id, deadline)),
    )
    try:
        customer, cart = await asyncio.gather(*calls)
    finally:
        for task in calls:
            task.cancel()
    if customer is None:
        raise CustomerInactive("The account is unknown or closed: it cannot place orders.")
    return customer, cart


def delivery_address(*, body: CheckoutBody, customer: Customer) -> dict[str, str]:
    """Return the request's address, or else the customer's default address, which has the same validation.

    Raises AddressRequired without a valid one, ContractBroken for a default address that breaks User's contract.
    """
    if body.shipping_address is not None:
        return body.shipping_address
    address, errors = read_address(customer.default_address())
    if errors:
        raise AddressRequired(
            "A shipping_address is required: the profile has no complete default address.",
            errors=[
                {"pointer": f"/shipping_address/{name}", "code": "invalid", "detail": detail}
                for name, detail in errors.items()
            ],
        )
    return address


def check_cart(*, cart: Cart | None, body: CheckoutBody) -> Cart:
    """Return the cart. Raises EmptyCart, CartTooLarge or CartChanged when the body does not allow to order it."""
    if cart is None:
        raise EmptyCart("The cart is empty. Add an item first.")
    check_size(cart.lines)
    if body.cart_version not in (None, cart.version):
        raise CartChanged(
            f"The cart is at version {cart.version}, not {body.cart_version}. Review it before ordering.",
            current_version=cart.version,
        )
    return cart


async def redeemable_coupons(*, customer_id: str, cart: Cart, body: CheckoutBody) -> list[RedeemableCoupon]:
    """Return the body's coupons in the order of their application. Raises CouponUnavailable for one that cannot be used."""
    if not body.coupon_codes:
        return []
    return await database.run(find_redeemable, codes=body.coupon_codes, customer_id=customer_id, currency=cart.currency)


def applied_coupons(*, coupons: Sequence[RedeemableCoupon], pricing: Pricing) -> list[AppliedCoupon]:
    """Return the coupons with their discounts, as an order keeps them."""
    return [
        AppliedCoupon(
            coupon_id=coupon.coupon_id,
            code=coupon.terms.code,
            kind=coupon.terms.kind,
            funded_by=coupon.terms.funded_by,
            vendor_id=coupon.terms.vendor_id,
            discount=discount,
        )
        for coupon, discount in zip(coupons, pricing.adjustments, strict=True)
    ]


def check_total(*, body: CheckoutBody, pricing: Pricing) -> None:
    """Raise TotalChanged when the order's total differs from the body's `expected_total`."""
    if body.expected_total is None or same_amount(body.expected_total, pricing.total, pricing.currency):
        return
    total = to_decimal_string(pricing.total, pricing.currency)
    raise TotalChanged(f"The total is now {total} {pricing.currency}. Review it before ordering.", current_total=total)
