"""Coupons and their redemptions for the tests."""

import uuid
from typing import Any

from tests.support.world import Person, World

TERMS: dict[str, dict[str, Any]] = {
    "percentage": {"kind": "percentage", "percent": "15.00"},
    "fixed_amount": {"kind": "fixed_amount", "amount": "5.00", "currency": "EUR"},
    "buy_x_get_y": {"kind": "buy_x_get_y", "buy_quantity": 2, "get_quantity": 1},
}
"""The least terms of each kind."""

TIMES = ["reserved_at", "redeemed_at", "released_at"]

LATE = "2099-01-01T00:00:00Z"


def a_code(word: str = "T") -> str:
    """Return a unique code."""
    return f"{word}-{uuid.uuid4()}".upper()


def coupon(person: Person, kind: str = "percentage", **fields: Any) -> dict[str, Any]:
    """Create a coupon with a unique code, unless `fields` has another; return it."""
    answer = person.post("/coupons", {"code": a_code(), **TERMS[kind], **fields})
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def batch(person: Person, count: int = 2, prefix: str = "", key: str | None = None, **fields: Any) -> dict[str, Any]:
    """Create a batch of coupons, with a new key unless one is given; return it."""
    body = {"count": count, "prefix": prefix, "coupon": {**TERMS["percentage"], **fields}}
    answer = person.post("/coupon-batches", body, Idempotency_Key=key or str(uuid.uuid4()))
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def multiply(world: World, coupon: dict[str, Any], count: int) -> None:
    """Insert copies of the coupon with codes of their own; the first one is inactive, and each is a microsecond older."""
    world.sql(
        """
        WITH made AS (
            INSERT INTO coupons (id, code, kind, percent, vendor_id, funded_by, starts_at, is_active, name, version,
                created_at, updated_at, first_order_only, stackable)
            SELECT gen_random_uuid(), upper(left(md5(n || code), 30)), kind, percent, vendor_id, funded_by, starts_at, n > 1,
                name, 1, created_at - n * interval '1 microsecond', updated_at, first_order_only, stackable
            FROM coupons, generate_series(1, %s) AS n WHERE code = %s RETURNING id)
        INSERT INTO coupon_usage (coupon_id) SELECT id FROM made""",
        *(count, coupon["code"]),
    )
    world.sql("ANALYZE coupons, coupon_usage")  # as autovacuum does, a minute later


def remove_copies(world: World, coupon: dict[str, Any]) -> None:
    """Delete what `multiply` inserted."""
    copies = "SELECT id FROM coupons WHERE vendor_id = %s AND code <> %s"
    world.sql(f"DELETE FROM coupon_usage WHERE coupon_id IN ({copies})", coupon["vendor_id"], coupon["code"])
    world.sql("DELETE FROM coupons WHERE vendor_id = %s AND code <> %s", coupon["vendor_id"], coupon["code"])
    world.sql("VACUUM ANALYZE coupons, coupon_usage")


def read(person: Person, code: str) -> dict[str, Any]:
    """GET /coupons/{code}, which must exist."""
    answer = person.get(f"/coupons/{code}")
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def history(person: Person, code: str) -> list[dict[str, Any]]:
    """GET /coupons/{code}/history, which must exist."""
    answer = person.get(f"/coupons/{code}/history")
    assert answer.status_code == 200, answer.text
    return list(answer.json()["results"])


def codes(person: Person, **query: Any) -> list[str]:
    """Return the codes of a list of coupons, which must fit on one page."""
    answer = person.get("/coupons", params={"limit": 100, **query})
    assert answer.status_code == 200, answer.text
    assert answer.json()["next"] is None
    return [row["code"] for row in answer.json()["results"]]


def use(
    world: World,
    coupon: dict[str, Any],
    status: str = "reserved",
    customer_id: str | None = None,
    currency: str = "EUR",
) -> dict[str, Any]:
    """Place an order of 20.00 EUR (2000 JPY) with the coupon; return the redemption as admins see it, once it has this status."""
    customer = world.customer() if customer_id is None else world.person("customer", customer_id)
    world.sandbox.put_user(customer.id)
    product = world.product(vendor=coupon["vendor_id"] or "v-1", currency=currency)
    world.sandbox.put_cart(customer.id, [{"product_id": product, "quantity": 2}], currency)
    order = customer.place({"coupon_code": coupon["code"]})
    if status == "redeemed":
        amount = int(order["total"].replace(".", ""))
        world.sandbox.pay(order["id"], "capture", amount_minor=amount, currency=currency)
        customer.order_becomes(order["id"], status="confirmed")
    if status == "released":
        assert customer.post(f"/orders/{order['id']}/cancel").status_code == 200
    [row] = world.sql("SELECT * FROM coupon_redemptions WHERE order_id = %s", order["id"])
    assert row["status"] == status
    times = {name: row[name] and row[name].isoformat().replace("+00:00", "Z") for name in TIMES}
    return {
        "id": str(row["id"]),
        "order_id": order["id"],
        "order_number": order["number"],
        "customer_id": customer.id,
        "vendor_order_id": order["vendor_orders"][0]["id"] if coupon["vendor_id"] else None,
        "discount": order["discount"],
        "currency": currency,
        "status": status,
        **times,
    }
