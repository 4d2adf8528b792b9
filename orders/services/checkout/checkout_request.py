"""What a customer wishes to order, who they are, and whether cart and price are what they wished: for a checkout and a quote."""

import asyncio
from dataclasses import dataclass

from clients.carts import Cart
from clients.deadline import Deadline
from clients.service_clients import ServiceClients
from clients.users import Customer
from orders.domain.addresses import read_address
from orders.domain.errors import (
    AddressRequired,
    CartChanged,
    CouponUnavailable,
    CustomerInactive,
    EmptyCart,
    TotalChanged,
)
from orders.domain.money import same_amount, to_decimal_string
from orders.domain.pricing import Pricing, check_size


@dataclass(frozen=True, slots=True)
class Wish:
    """What the body of a checkout or a quote says; None where it says nothing."""

    shipping_address: dict[str, str] | None
    cart_version: int | None
    expected_total: str | None
    coupon_code: str | None
    note: str


async def customer_and_cart(
    customer_id: str, services: ServiceClients, deadline: Deadline
) -> tuple[Customer, Cart | None]:
    """Ask for both at the same time; when one fails, the other is not waited for. Raises CustomerInactive."""
    asking = (
        asyncio.ensure_future(services.users.active_customer(customer_id, deadline)),
        asyncio.ensure_future(services.carts.filled_cart(customer_id, deadline)),
    )
    try:
        customer, cart = await asyncio.gather(*asking)
    finally:
        for task in asking:
            task.cancel()
    if customer is None:
        raise CustomerInactive("This account is unknown or closed: orders can't be placed with it.")
    return customer, cart


def delivery_address(wish: Wish, customer: Customer) -> dict[str, str]:
    """Return the address of the request, or else the customer's default address, which is held to the same rules.

    Raises AddressRequired when there is no usable one, ContractBroken when the default address is no address at all.
    """
    if wish.shipping_address is not None:
        return wish.shipping_address
    address, errors = read_address(customer.default_address())
    if errors:
        raise AddressRequired(
            "Send a shipping_address: your profile has no default address that is complete.",
            errors=[
                {"pointer": f"/shipping_address/{name}", "code": "invalid", "detail": detail}
                for name, detail in errors.items()
            ],
        )
    return address


def check_cart(cart: Cart | None, wish: Wish) -> Cart:
    """The cart, when it can be ordered as wished. Raises the OrderError that says why not."""
    if cart is None:
        raise EmptyCart("The cart is empty: put something into it first.")
    check_size(cart.lines)
    if wish.cart_version not in (None, cart.version):
        raise CartChanged(
            f"The cart is at version {cart.version}, not {wish.cart_version}: look at it again, then order.",
            current_version=cart.version,
        )
    if wish.coupon_code is not None:
        raise CouponUnavailable(f"The coupon {wish.coupon_code} can't be used: order without it.")
    return cart


def check_total(wish: Wish, pricing: Pricing) -> None:
    """Raise TotalChanged when the order comes to something else than the customer agreed to."""
    if wish.expected_total is None or same_amount(wish.expected_total, pricing.total, pricing.currency):
        return
    total = to_decimal_string(pricing.total, pricing.currency)
    raise TotalChanged(
        f"The order comes to {total} {pricing.currency} now: look at it again, then order.", current_total=total
    )
