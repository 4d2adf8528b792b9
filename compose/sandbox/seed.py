"""The seed data: a small marketplace of customers, vendors' products and filled carts."""

from collections import Counter
from typing import Any

from compose.sandbox.carts import Carts
from compose.sandbox.catalogue import Row, generated_products
from compose.sandbox.inventory import Inventory
from compose.sandbox.users import Users

CUSTOMERS: dict[str, dict[str, Any]] = {
    "ada": {
        "name": "Ada Lovelace",
        "default_address": {"line1": "12 Rue des Martyrs", "city": "Paris", "postal_code": "75009", "country": "FR"},
    },
    "grace": {
        "name": "Grace Hopper",
        "default_address": {
            "line1": "3 Harbour Street",
            "city": "New York",
            "state": "NY",
            "postal_code": "10004",
            "country": "US",
        },
    },
    "linus": {"name": "Linus Example", "default_address": None},
    "mallory": {"name": "Mallory Shade", "is_active": False},
}

PRODUCTS: tuple[Row, ...] = (
    # id, vendor, name, sku, price in minor units, currency, stock
    ("desk-lamp", "v-atelier", "Oak desk lamp", "ATL-LAMP", 8900, "EUR", 500),
    ("mug", "v-atelier", "Stoneware mug", "ATL-MUG", 1850, "EUR", 5000),
    ("tea-towel", "v-atelier", "Linen tea towel", "ATL-TOWEL", 1200, "EUR", 5000),
    ("bookends", "v-atelier", "Walnut bookends, the last pair but one", "ATL-ENDS", 6450, "EUR", 2),
    ("time-machine", "v-books", "The Time Machine", "BK-TIME", 990, "EUR", 3000),
    ("frankenstein", "v-books", "Frankenstein, clothbound", "BK-FRANK", 2400, "EUR", 3000),
    ("moby-dick", "v-books", "Moby-Dick, with maps", "BK-MOBY", 3199, "EUR", 3000),
    ("bookmark", "v-books", "Brass bookmark", "BK-MARK", 333, "EUR", 9000),
    ("washi", "v-kyoto", "Washi notebook", "KYO-WASHI", 1200, "JPY", 1000),
    ("matcha-bowl", "v-kyoto", "Matcha bowl", "KYO-BOWL", 4800, "JPY", 300),
    ("coffee", "v-souk", "Cardamom coffee, 250 g", "SOUK-COFFEE", 2750, "KWD", 1000),
    ("oud", "v-souk", "Oud incense", "SOUK-OUD", 4505, "KWD", 1000),
)

IN_STOCK = tuple(row for row in PRODUCTS if row[6] >= 100)
"""The products that many customers can buy."""

GENERATED = tuple(generated_products(Counter(row[1] for row in IN_STOCK)))

CARTS: dict[str, dict[str, Any]] = {
    "ada": {"currency": "EUR", "items": {"mug": 2, "desk-lamp": 1, "time-machine": 1, "bookmark": 3}},
    "grace": {"currency": "EUR", "items": {"moby-dick": 1, "frankenstein": 1, "tea-towel": 4, "bookends": 1}},
    "linus": {"currency": "JPY", "items": {"washi": 3, "matcha-bowl": 1}},
    "mallory": {"currency": "KWD", "items": {"oud": 1, "coffee": 2}},
}


def seed_all(users: Users, carts: Carts, inventory: Inventory) -> None:
    """Store the whole marketplace."""
    for user_id, given in CUSTOMERS.items():
        users.put(user_id, given)
    for product_id, vendor_id, name, sku, price, currency, stock in (*PRODUCTS, *GENERATED):
        fields = {"vendor_id": vendor_id, "name": name, "sku": sku, "unit_price_minor": price, "currency": currency}
        inventory.put(product_id, {**fields, "stock": stock})
    for customer_id in CARTS:
        refill(carts, customer_id)


def refill(carts: Carts, customer_id: str) -> dict[str, Any]:
    """Restore a customer's seeded cart under a new version. Raise `LookupError` for other customers."""
    if customer_id not in CARTS:
        raise LookupError(f"Only the seeded carts can be refilled: {', '.join(CARTS)}.")
    planned = CARTS[customer_id]
    items = [{"product_id": product_id, "quantity": quantity} for product_id, quantity in planned["items"].items()]
    return carts.put(customer_id, {"currency": planned["currency"], "items": items})
