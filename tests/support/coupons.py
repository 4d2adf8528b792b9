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


def use(world: World, coupon: dict[str, Any], **columns: Any) -> dict[str, Any]:
    """Insert a redemption of the coupon by a new order, and count it unless it is released; return its columns."""
    order = world.shopper(vendor=coupon["vendor_id"] or "v-1").place()
    part = order["vendor_orders"][0]["id"] if coupon["vendor_id"] else None
    row: dict[str, Any] = {
        "id": str(uuid.uuid4()),
        "coupon_id": coupon["id"],
        "order_id": order["id"],
        "vendor_order_id": part,
        "customer_id": order["customer_id"],
        "discount": 150,
        "currency": "EUR",
        "status": "reserved",
        "reserved_at": order["created_at"],
        **columns,
    }
    names, places = ", ".join(row), ", ".join(["%s"] * len(row))
    world.sql(f"INSERT INTO coupon_redemptions ({names}) VALUES ({places})", *row.values())
    if row["status"] != "released":
        amount = row["discount"] if coupon["currency"] else 0
        world.sql(
            "UPDATE coupon_usage SET times_used = times_used + 1, amount_used = amount_used + %s WHERE coupon_id = %s",
            *(amount, coupon["id"]),
        )
    return {**row, "order_number": order["number"]}
