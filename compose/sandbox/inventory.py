"""The catalogue of the Product Service, and the state of each unit: available, held for an order, or sold.

A unit is always in exactly one state, which only the methods below change.
"""

from collections.abc import Iterator
from typing import Annotated, Any

import msgspec

MAX_UNITS = 2**32 - 1
"""`available` is a uint32 on the wire."""


class Listing(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """The fields of a product that the control API can set; `stock` is the number of available units."""

    vendor_id: str = "v-1"
    name: str
    sku: str
    unit_price_minor: Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)] = 1000
    currency: str = "EUR"
    stock: Annotated[int, msgspec.Meta(ge=0, le=MAX_UNITS)] = 100


class Product(Listing, kw_only=True):
    """One product and its units: `stock` is their total, `restocked` those that were sold and restocked."""

    product_id: str
    available: int = 0
    held: int = 0
    sold: int = 0
    restocked: int = 0

    def hold(self, units: int) -> None:
        """Hold available units; a negative number releases held ones."""
        self.available -= units
        self.held += units

    def sell(self, units: int) -> None:
        """Sell held units."""
        self.held -= units
        self.sold += units

    def restock(self, units: int) -> None:
        """Make sold units available again."""
        self.sold -= units
        self.available += units
        self.restocked += units

    def adds_up(self) -> bool:
        """Return whether every unit is in exactly one state."""
        return self.stock == self.available + self.held + self.sold and min(self.available, self.held, self.sold) >= 0


class Inventory:
    """The products, by id."""

    def __init__(self) -> None:
        self._products: dict[str, Product] = {}

    def put(self, product_id: str, given: dict[str, Any]) -> Product:
        """Store a product: `given` over what was stored, or over a EUR 10.00 product of vendor `v-1`.

        `stock` sets the available units; held and sold ones are unchanged. Raise `ValueError` for values that a real
        Product Service could not send.
        """
        product = self._products.get(product_id)
        known = {"name": product_id, "sku": product_id.upper()}
        if product:
            known = {name: getattr(product, name) for name in Listing.__struct_fields__} | {"stock": product.available}
        listing = msgspec.structs.asdict(msgspec.convert({**known, **given}, Listing))
        product = product or Product(product_id=product_id, **listing)
        for name, value in listing.items():
            setattr(product, name, value)
        product.available = product.stock
        product.stock += product.held + product.sold
        self._products[product_id] = product
        return product

    def get(self, product_id: str) -> Product | None:
        """Return the product, if there is one."""
        return self._products.get(product_id)

    def __getitem__(self, product_id: str) -> Product:
        return self._products[product_id]

    def __iter__(self) -> Iterator[Product]:
        return iter(self._products.values())
