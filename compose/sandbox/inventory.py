"""What the Product Service sells: the catalogue, and where every unit of it is.

A unit is always in one place: available, held for an order, or sold. Nothing but the moves below changes that.
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

MOST_UNITS = 2**32 - 1
"""`available` is a uint32 on the wire."""
DEFAULT_STOCK = 100
TEXTS = ("vendor_id", "name", "sku", "currency")
HIGHEST = {"unit_price_minor": 2**63 - 1, "stock": MOST_UNITS}


@dataclass(slots=True)
class Product:
    """One product and its units: `stock` is all there ever were, `restocked` those that were sold and came back."""

    product_id: str
    vendor_id: str
    name: str
    sku: str
    unit_price_minor: int
    currency: str
    available: int = 0
    held: int = 0
    sold: int = 0
    restocked: int = 0
    stock: int = 0

    def hold(self, units: int) -> None:
        """Move units from the shelf to an order's hold."""
        self.available -= units
        self.held += units

    def let_go(self, units: int) -> None:
        """Move held units back to the shelf."""
        self.hold(-units)

    def sell(self, units: int) -> None:
        """Turn held units into sold ones."""
        self.held -= units
        self.sold += units

    def take_back(self, units: int) -> None:
        """Put sold units back on the shelf."""
        self.sold -= units
        self.available += units
        self.restocked += units

    def adds_up(self) -> bool:
        """Whether every unit is in exactly one place."""
        return self.stock == self.available + self.held + self.sold and min(self.available, self.held, self.sold) >= 0


class Shelves:
    """The products, by id."""

    def __init__(self) -> None:
        self._products: dict[str, Product] = {}

    def put(self, product_id: str, given: dict[str, Any]) -> Product:
        """Store a product: `given` over what was stored, or over a EUR 10.00 product of vendor `v-1`.

        `stock` sets the units available from now on; what is held or sold stays so. Raises `ValueError` for what
        a true Product Service could not say.
        """
        known = self._products.get(product_id)
        product = known or Product(product_id, "v-1", product_id, product_id.upper(), 1000, "EUR")
        fields = {"stock": product.available if known else DEFAULT_STOCK, **given}
        check(fields)
        product.available = fields.pop("stock")
        product.stock = product.available + product.held + product.sold
        for name, value in fields.items():
            setattr(product, name, value)
        self._products[product_id] = product
        return product

    def get(self, product_id: str) -> Product | None:
        """The product, if there is one."""
        return self._products.get(product_id)

    def __getitem__(self, product_id: str) -> Product:
        return self._products[product_id]

    def __iter__(self) -> Iterator[Product]:
        return iter(self._products.values())

    def ledger(self) -> dict[str, Any]:
        """Every product with its units."""
        return {product.product_id: asdict(product) for product in self}


def check(fields: dict[str, Any]) -> None:
    """Raise `ValueError` unless these are fields of a product with values that fit the wire."""
    for name, value in fields.items():
        if name in TEXTS and isinstance(value, str):
            continue
        if name in HIGHEST and type(value) is int and 0 <= value <= HIGHEST[name]:
            continue
        raise ValueError(f"A product has {', '.join(TEXTS)} (text) and {', '.join(HIGHEST)} (0 or more): {name}.")
