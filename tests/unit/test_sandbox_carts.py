"""The sandbox's Cart Service: reading a cart, and clearing it once and only at the version that was read."""

from typing import Any

import aiohttp
import pytest

from compose.sandbox.carts import Carts
from compose.sandbox.server import serve_http

TOKEN = {"Authorization": "Bearer token"}
ITEMS = [{"product_id": "p-1", "quantity": 2}]


@pytest.fixture
def carts() -> Carts:
    carts = Carts("token")
    carts.put("ada", {"currency": "EUR", "items": ITEMS, "version": 7})
    return carts


def test_clearing_empties_the_cart_and_raises_its_version(carts: Carts) -> None:
    assert carts.clear("ada", "o-1", 7) == 204
    assert carts.ledger()["carts"]["ada"] == {"customer_id": "ada", "version": 8, "currency": "EUR", "items": []}


def test_a_repeated_clear_succeeds_and_has_no_second_effect(carts: Carts) -> None:
    carts.clear("ada", "o-1", 7)
    carts.put("ada", {"items": ITEMS, "version": 7})
    assert carts.clear("ada", "o-1", 7) == 204
    assert carts.ledger_of("o-1") == {"heard": 2, "in_effect": 1}
    assert carts.ledger()["carts"]["ada"]["items"] == ITEMS


async def test_a_cart_that_is_refilled_has_a_new_version_each_time_it_is_read(carts: Carts) -> None:
    carts.put("bob", {"items": ITEMS, "version": 7, "refilled": True})
    async with (
        serve_http(carts.app(), "127.0.0.1", 0) as port,
        aiohttp.ClientSession(f"http://127.0.0.1:{port}") as client,
    ):
        seen = [await (await client.get("/carts/bob", headers=TOKEN)).json() for _ in range(2)]
    assert [(cart["version"], cart["items"]) for cart in seen] == [(8, ITEMS), (9, ITEMS)]


def test_a_cart_of_a_newer_version_is_not_cleared(carts: Carts) -> None:
    carts.put("ada", {"items": ITEMS})
    assert carts.clear("ada", "o-1", 7) == 409
    assert carts.ledger_of("o-1") == {"heard": 1, "in_effect": 0}
    assert carts.ledger()["carts"]["ada"]["items"] == ITEMS


def test_another_orders_clear_of_a_cleared_cart_is_a_conflict(carts: Carts) -> None:
    carts.clear("ada", "o-1", 7)
    assert carts.clear("ada", "o-2", 7) == 409


def test_an_unknown_cart_cannot_be_cleared(carts: Carts) -> None:
    assert carts.clear("nobody", "o-1", 7) == 404


def test_the_version_grows_with_every_put(carts: Carts) -> None:
    versions = [carts.put("grace", {"items": ITEMS})["version"] for _ in range(3)]
    assert versions == [1, 2, 3]


@pytest.mark.parametrize("quantity", [0, -1, 2**31 + 1, "2", 1.5, True, None])
def test_an_invalid_cart_is_stored_only_when_raw(carts: Carts, quantity: Any) -> None:
    nonsense = {"items": [{"product_id": "p-1", "quantity": quantity}]}
    with pytest.raises(ValueError, match="quantity"):
        carts.put("ada", nonsense)
    assert carts.put("ada", {**nonsense, "raw": True}) == nonsense


async def test_carts_over_a_real_socket(carts: Carts) -> None:
    async with (
        serve_http(carts.app(), "127.0.0.1", 0) as port,
        aiohttp.ClientSession(f"http://127.0.0.1:{port}") as client,
    ):
        async with client.get("/carts/ada", headers=TOKEN) as answer:
            seen = await answer.json()
            assert (answer.status, seen["items"], seen["version"]) == (200, ITEMS, 7)
        for path, body, status in (
            ("/carts/ada/clear", {"order_id": "o-1", "version": 6}, 409),
            ("/carts/ada/clear", {"order_id": "o-1", "version": 7}, 204),
            ("/carts/ada/clear", {"order_id": "o-1", "version": 7}, 204),
            ("/carts/nobody/clear", {"order_id": "o-1", "version": 7}, 404),
            ("/carts/ada/clear", {"order_id": "o-1", "version": "7"}, 400),
            ("/carts/ada/clear", {"order_id": "", "version": 7}, 400),
        ):
            async with client.post(path, json=body, headers=TOKEN) as answer:
                assert answer.status == status, (path, body)
        async with client.get("/carts/nobody", headers=TOKEN) as answer:
            assert answer.status == 404
        async with client.post("/carts/ada/clear", data=b"{", headers=TOKEN) as answer:
            assert answer.status == 400
    assert carts.ledger()["calls"] == {"get": 2, "clear": 7}
