"""Pricing: the exact totals of an order and of each vendor order, from products and quantities. Pure; amounts in minor units."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from orders.domain.errors import CartTooLarge, CurrencyMismatch
from orders.domain.money import MAX_MINOR

MAX_LINES = 100
MAX_QUANTITY = 10_000


@dataclass(frozen=True, slots=True)
class Product:
    """A product as the Product Service describes it. `unit_price` in minor units of `currency`."""

    product_id: str
    vendor_id: str
    name: str
    sku: str
    unit_price: int
    currency: str
    available: int


@dataclass(frozen=True, slots=True)
class PricedLine:
    """One product of the order with its price: `total` is `unit_price` × `quantity`, `discount` its share of all discounts."""

    product: Product
    quantity: int
    total: int
    discount: int = 0

    @property
    def left(self) -> int:
        """Return the line's total less its discount: the maximum of a further discount."""
        return self.total - self.discount


Adjuster = Callable[[Sequence[PricedLine]], Sequence[int]]
"""A pure function that returns one further discount for each line, whose lines have the discounts of earlier adjusters.

It may raise an OrderError: then nothing is priced."""


@dataclass(frozen=True, slots=True)
class Share:
    """The amounts of one vendor order."""

    subtotal: int
    discount: int

    @property
    def total(self) -> int:
        return self.subtotal - self.discount


@dataclass(frozen=True, slots=True)
class Pricing:
    """The amounts of an order. The shares, ordered by vendor id, add up to the totals."""

    currency: str
    lines: tuple[PricedLine, ...]
    shares: Mapping[str, Share]
    subtotal: int
    discount: int
    adjustments: tuple[int, ...] = ()
    """The discount of each adjuster, in the order of their application."""

    @property
    def total(self) -> int:
        return self.subtotal - self.discount


def check_size(lines: Mapping[str, int]) -> None:
    """Raise CartTooLarge when the lines exceed an order's limit of products, or of one product's quantity."""
    if len(lines) > MAX_LINES:
        raise CartTooLarge(f"An order holds up to {MAX_LINES} products, the cart has {len(lines)}. Split the order.")
    for product_id, quantity in lines.items():
        if quantity > MAX_QUANTITY:
            raise CartTooLarge(
                f"An order holds up to {MAX_QUANTITY} of one product, the cart has {quantity} of {product_id}."
            )


def price(
    lines: Mapping[str, int], products: Mapping[str, Product], currency: str, adjusters: Iterable[Adjuster] = ()
) -> Pricing:
    """Price `lines` (product id → quantity) by `products`, which must cover every line, then apply `adjusters` in turn.

    Raises CurrencyMismatch when a product isn't priced in the cart's currency, CartTooLarge for an amount above MAX_MINOR,
    ValueError for an adjuster's discount that is negative or exceeds the rest of a line, and the adjusters' own refusals.
    """
    priced = [_priced(products[product_id], quantity, currency) for product_id, quantity in lines.items()]
    if sum(line.total for line in priced) > MAX_MINOR:
        raise CartTooLarge("The total exceeds the largest amount of an order. Split the order.")
    adjustments = []
    for adjust in adjusters:
        discounts = adjust(tuple(priced))
        priced = [_discounted(line, discount) for line, discount in zip(priced, discounts, strict=True)]
        adjustments.append(sum(discounts))
    return _summed_up(currency, tuple(priced), tuple(adjustments))


def _priced(product: Product, quantity: int, currency: str) -> PricedLine:
    if product.currency != currency:
        raise CurrencyMismatch(
            f"The cart is in {currency}, but {product.product_id} is priced in {product.currency}. Remove it from the cart."
        )
    return PricedLine(product, quantity, product.unit_price * quantity)


def _discounted(line: PricedLine, discount: int) -> PricedLine:
    if not 0 <= discount <= line.left:
        raise ValueError(f"A discount of {discount} on a line that costs {line.left}.")
    return replace(line, discount=line.discount + discount)


def _summed_up(currency: str, lines: tuple[PricedLine, ...], adjustments: tuple[int, ...]) -> Pricing:
    subtotals: dict[str, int] = {}
    discounts: dict[str, int] = {}
    for line in lines:
        vendor_id = line.product.vendor_id
        subtotals[vendor_id] = subtotals.get(vendor_id, 0) + line.total
        discounts[vendor_id] = discounts.get(vendor_id, 0) + line.discount
    shares = {vendor_id: Share(subtotals[vendor_id], discounts[vendor_id]) for vendor_id in sorted(subtotals)}
    return Pricing(currency, lines, shares, sum(subtotals.values()), sum(discounts.values()), adjustments)
