"""What an order costs: products and quantities in, exact totals for the order and each vendor out. Pure; amounts in minor units."""

from collections.abc import Mapping
from dataclasses import dataclass

from orders.domain.errors import CartTooLarge, CurrencyMismatch
from orders.domain.money import MAX_MINOR

MAX_LINES = 100
MAX_QUANTITY = 10_000


@dataclass(frozen=True, slots=True)
class Product:
    """What Product says of one article. `unit_price` in minor units of `currency`."""

    product_id: str
    vendor_id: str
    name: str
    sku: str
    unit_price: int
    currency: str
    available: int


@dataclass(frozen=True, slots=True)
class PricedLine:
    """One article of the order with its price; `total` is `unit_price` × `quantity`."""

    product: Product
    quantity: int
    total: int


@dataclass(frozen=True, slots=True)
class Share:
    """What one vendor's part of the order comes to."""

    subtotal: int
    discount: int

    @property
    def total(self) -> int:
        return self.subtotal - self.discount


@dataclass(frozen=True, slots=True)
class Pricing:
    """A whole order, priced. The shares add up to the totals, vendor by vendor in the order of their ids."""

    currency: str
    lines: tuple[PricedLine, ...]
    shares: Mapping[str, Share]
    subtotal: int
    discount: int

    @property
    def total(self) -> int:
        return self.subtotal - self.discount


def check_size(lines: Mapping[str, int]) -> None:
    """Raise CartTooLarge for more products, or more of one product, than an order may hold."""
    if len(lines) > MAX_LINES:
        raise CartTooLarge(f"An order holds up to {MAX_LINES} products, the cart has {len(lines)}: order in two parts.")
    for product_id, quantity in lines.items():
        if quantity > MAX_QUANTITY:
            raise CartTooLarge(
                f"An order holds up to {MAX_QUANTITY} of one product, the cart has {quantity} of {product_id}."
            )


def price(lines: Mapping[str, int], products: Mapping[str, Product], currency: str) -> Pricing:
    """Price `lines` (product id → quantity) at what `products` cost, which must cover every line.

    Raises CurrencyMismatch when a product isn't priced in the cart's currency, CartTooLarge for an amount beyond what
    can be kept.
    """
    priced = []
    subtotals: dict[str, int] = {}
    for product_id, quantity in lines.items():
        product = products[product_id]
        if product.currency != currency:
            raise CurrencyMismatch(
                f"The cart is in {currency}, but {product_id} is sold in {product.currency}: take it out of the cart."
            )
        total = product.unit_price * quantity
        priced.append(PricedLine(product, quantity, total))
        subtotals[product.vendor_id] = subtotals.get(product.vendor_id, 0) + total
    subtotal = sum(subtotals.values())
    if subtotal > MAX_MINOR:
        raise CartTooLarge("The order comes to more than can be charged at once: order in two parts.")
    shares = {vendor_id: Share(subtotals[vendor_id], 0) for vendor_id in sorted(subtotals)}
    return Pricing(currency, tuple(priced), shares, subtotal, 0)
