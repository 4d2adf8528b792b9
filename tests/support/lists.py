"""Test orders for the lists, and readers that follow the lists from page to page."""

import uuid
from collections.abc import Iterator
from typing import Any

from tests.support.world import Person, World

ORDERINGS = [sign + column for column in ("created_at", "total", "updated_at") for sign in ("-", "")]


def ids(person: Person, path: str = "/orders", **query: Any) -> list[str]:
    """Return the ids of all rows of a list, which must fit on one page."""
    answer = person.get(path, params={"limit": 100, **query})
    assert answer.status_code == 200, answer.text
    assert answer.json()["next"] is None
    return [row["id"] for row in answer.json()["results"]]


def order_of(world: World, person: Person, *items: tuple[str, int], currency: str = "EUR") -> dict[str, Any]:
    """Place an order of these items (product id, quantity)."""
    world.sandbox.put_cart(person.id, [{"product_id": p, "quantity": q} for p, q in items], currency)
    return person.place()


def confirm(world: World, person: Person, order: dict[str, Any]) -> dict[str, Any]:
    """Have Payment capture the order's total, in euros; return the confirmed order."""
    world.sandbox.pay(order["id"], "capture", amount_minor=int(order["total"].replace(".", "")), currency="EUR")
    return person.order_becomes(order["id"], status="confirmed")


def name(word: str = "x") -> str:
    """Return a unique id."""
    return f"{word}-{uuid.uuid4()}"


def refused(person: Person, path: str = "/orders", **query: Any) -> list[str]:
    """Return the pointers of the 400 for these query parameters."""
    answer = person.get(path, params=query)
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (400, "invalid"), answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert all(error["detail"] for error in problem["errors"])
    return [error["pointer"] for error in problem["errors"]]


def pages(person: Person, path: str, link: str = "next", **query: Any) -> Iterator[dict[str, Any]]:
    """Follow the `next` links (or `previous`) and yield each page."""
    url, parameters = f"/api/v1{path}", query
    while url:
        answer = person.http.get(url, params=parameters or None)
        assert answer.status_code == 200, answer.text
        page = answer.json()
        yield page
        url, parameters = page[link], {}


def ids_of(page: dict[str, Any]) -> list[str]:
    """Return the ids of the rows of one page."""
    return [row["id"] for row in page["results"]]
