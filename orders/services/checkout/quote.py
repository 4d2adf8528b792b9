"""A quote: the amounts that a checkout would have now. Reserves nothing, stores nothing."""

from collections.abc import Mapping
from dataclasses import dataclass

from django.conf import settings

from clients.deadline import Deadline
from clients.service_clients import ServiceClients
from orders.domain.callers import Caller
from orders.domain.pricing import Pricing, price
from orders.domain.records import AppliedCoupon
from orders.services.checkout.checkout_request import (
    CheckoutBody,
    applied_coupons,
    check_cart,
    check_total,
    customer_and_cart,
    redeemable_coupons,
)


@dataclass(frozen=True, slots=True)
class Shortage:
    """A product with less stock than the cart's quantity; `available` is 0 for a product that is no longer sold."""

    product_id: str
    requested: int
    available: int


@dataclass(frozen=True, slots=True)
class Quote:
    """The cart, priced as far as its products exist, and the shortages."""

    pricing: Pricing
    cart_version: int
    shortages: list[Shortage]
    coupon_code: str | None
    coupons: list[AppliedCoupon]


async def quote(*, caller: Caller, body: CheckoutBody, services: ServiceClients) -> Quote:
    """Price the caller's cart. Raises the errors of a checkout, except for missing stock and a missing address."""
    deadline = Deadline.after(settings.CHECKOUT_BUDGET_SECONDS)
    _, cart = await customer_and_cart(customer_id=caller.id, services=services, deadline=deadline)
    cart = check_cart(cart=cart, body=body)
    coupons = await redeemable_coupons(customer_id=caller.id, cart=cart, body=body)
    products = await services.products.prices(cart.lines, deadline)
    adjusters = [coupon.adjust for coupon in coupons]
    pricing = price(_known(cart.lines, products), products, cart.currency, adjusters)
    check_total(body=body, pricing=pricing)
    available = {product_id: product.available for product_id, product in products.items()}
    shortages = [
        Shortage(product_id, quantity, available.get(product_id, 0))
        for product_id, quantity in cart.lines.items()
        if available.get(product_id, 0) < quantity
    ]
    applied = applied_coupons(coupons=coupons, pricing=pricing)
    return Quote(pricing, cart.version, shortages, next(iter(body.coupon_codes), None), applied)


def _known(lines: Mapping[str, int], products: Mapping[str, object]) -> dict[str, int]:
    return {product_id: quantity for product_id, quantity in lines.items() if product_id in products}
