"""The generated part of the marketplace's catalogue: enough vendors and products for a history of orders. Pure.

The same numbers always give the same products, so that the orders of an earlier start find theirs.
"""

import zlib
from collections.abc import Iterator

Row = tuple[str, str, str, str, int, str, int]
"""A product: id, vendor, name, sku, price in minor units, currency, stock."""

VENDORS: tuple[tuple[str, str], ...] = (
    # vendor and currency; those of one currency in the order of their sales
    ("v-atelier", "EUR"),
    ("v-books", "EUR"),
    ("v-ceramics", "EUR"),
    ("v-garden", "EUR"),
    ("v-kitchen", "EUR"),
    ("v-paper", "EUR"),
    ("v-toys", "EUR"),
    ("v-wool", "EUR"),
    ("v-brooklyn", "USD"),
    ("v-maine", "USD"),
    ("v-oakland", "USD"),
    ("v-portland", "USD"),
    ("v-kyoto", "JPY"),
    ("v-osaka", "JPY"),
    ("v-souk", "KWD"),
)
PRODUCTS_EACH = 10
STOCK = 100_000
_LOWEST_PRICES = {"EUR": 490, "USD": 590, "JPY": 600, "KWD": 1_500}
_COLOURS = ("Black", "Blue", "Green", "Grey", "Ochre", "Red", "White")
_MATERIALS = ("bamboo", "brass", "ceramic", "cotton", "felt", "glass", "leather", "linen", "oak", "stone", "wool")
_THINGS = (
    "apron",
    "basket",
    "bowl",
    "box",
    "candle",
    "clock",
    "cushion",
    "jug",
    "mirror",
    "plate",
    "rug",
    "tray",
    "vase",
)


def generated_product(vendor_id: str, currency: str, number: int) -> Row:
    """Return this vendor's product of this number, with a price of up to 20 times the lowest one of the currency."""
    dice = zlib.crc32(f"{vendor_id} {number}".encode())
    words = (_COLOURS[dice % 7], _MATERIALS[dice // 7 % 11], _THINGS[dice // 77 % 13])
    product_id = f"{vendor_id.removeprefix('v-')}-{number:02}"
    price = _LOWEST_PRICES[currency] * (100 + (dice // 1001 % 1000) ** 2 * 19 // 10_000) // 100
    return product_id, vendor_id, " ".join(words), product_id.upper(), price, currency, STOCK


def generated_products(known: dict[str, int]) -> Iterator[Row]:
    """Yield the products that each vendor lacks to have PRODUCTS_EACH; `known` is their present number by vendor."""
    for vendor_id, currency in VENDORS:
        for number in range(known.get(vendor_id, 0), PRODUCTS_EACH):
            yield generated_product(vendor_id, currency, number + 1)
