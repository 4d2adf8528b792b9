"""The sandbox as a process: its ready line, its seeded marketplace, its control, and its shutdown."""

import asyncio
import io
import json
import os
import re
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from compose.sandbox.seed import CARTS, CUSTOMERS, PRODUCTS, seed_all
from compose.sandbox.server import Ports, Sandbox

NOWHERE = "redis://127.0.0.1:1/0"


@pytest.fixture
async def sandbox() -> Sandbox:
    return Sandbox(token="token", redis_url=NOWHERE, payment_secret="secret")


@pytest.fixture
async def control(sandbox: Sandbox) -> AsyncIterator[aiohttp.ClientSession]:
    async with (
        sandbox.serve("127.0.0.1", Ports()) as ports,
        aiohttp.ClientSession(f"http://127.0.0.1:{ports.control}") as session,
    ):
        yield session


async def ask(control: aiohttp.ClientSession, method: str, path: str, body: Any = None) -> tuple[int, Any]:
    async with control.request(
        method, path, data=io.BytesIO(json.dumps(body).encode()) if body is not None else None
    ) as answer:
        return answer.status, await answer.json() if answer.content_type == "application/json" else None


async def test_the_sandbox_prints_when_it_is_ready_and_ends_cleanly_on_sigterm() -> None:
    ports = [part for name in ("user", "cart", "product", "control") for part in (f"--{name}-port", "0")]
    secrets = {"SERVICE_TOKEN": "token", "PAYMENT_SIGNING_SECRET": "secret"}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "compose.sandbox", *ports, "--redis-url", NOWHERE, "--seed",
        cwd=Path(__file__).parents[2], env={**os.environ, **secrets},
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    ready = (await process.stdout.readline()).decode()
    found = re.search(r"user (http://\S+)", ready)
    assert found, ready
    async with aiohttp.ClientSession(headers={"Authorization": "Bearer token"}) as client:
        async with client.get(f"{found[1]}/users/ada") as answer:
            assert (await answer.json())["name"] == "Ada Lovelace"
        process.send_signal(signal.SIGTERM)
        rest, errors = await process.communicate()
    assert (process.returncode, rest, errors) == (0, b"", b"")


async def test_a_port_that_is_taken_is_an_error(sandbox: Sandbox) -> None:
    async with sandbox.serve("127.0.0.1", Ports()) as ports:
        other = Sandbox(token="token", redis_url=NOWHERE, payment_secret="secret")
        for taken in (Ports(user=ports.user), Ports(product=ports.product)):
            with pytest.raises((OSError, RuntimeError)):
                async with other.serve("127.0.0.1", taken):
                    pytest.fail("two neighbours on one port")


async def test_the_control_stores_data_and_returns_it(control: aiohttp.ClientSession) -> None:
    status, user = await ask(control, "PUT", "/users/u-1", {"is_active": False})
    assert (status, user["is_active"]) == (200, False)
    items = [{"product_id": "p-1", "quantity": 2}]
    assert (await ask(control, "PUT", "/carts/u-1", {"items": items}))[1]["version"] == 1
    assert (await ask(control, "PUT", "/carts/u-1", {"items": 7, "raw": True})) == (200, {"items": 7})
    assert (await ask(control, "PUT", "/products/p-1", {"stock": 7}))[1]["available"] == 7
    assert (await ask(control, "PUT", "/products/p-1", {"currency": "JPY"}))[1]["stock"] == 7
    assert (await ask(control, "PUT", "/payments", {"behaviour": "manual"}))[1]["behaviour"] == "manual"
    assert (await ask(control, "PUT", "/payments/o-1", {"via": "stream"}))[1] == {
        "behaviour": "manual",
        "via": "stream",
        "capture_after": 0.0,
    }
    money = {"amount_minor": 5, "currency": "EUR"}
    assert (await ask(control, "POST", "/payments/o-1/capture", money))[1]["type"] == "payment.captured"
    assert (await ask(control, "POST", "/payments/messages", {"message": "x" * 2**21}))[0] == 200
    assert (await ask(control, "GET", "/ledger/payment/o-1"))[1]["captured_minor"] == 5
    assert (await ask(control, "GET", "/ledger/product/o-1"))[1]["state"] == "RELEASED"
    assert (await ask(control, "GET", "/ledger/cart/o-1"))[1] == {"heard": 0, "in_effect": 0}
    assert set((await ask(control, "GET", "/ledger"))[1]) == {"user", "cart", "product", "payment"}


async def test_the_control_expires_a_hold(control: aiohttp.ClientSession, sandbox: Sandbox) -> None:
    sandbox.products.inventory.put("p-1", {"stock": 1})
    sandbox.products.holds.reserve("o-1", [("p-1", 1)], 900)
    assert (await ask(control, "POST", "/holds/o-1/expire"))[1]["state"] == "EXPIRED"
    assert (await ask(control, "GET", "/ledger/product"))[1]["products"]["p-1"]["available"] == 1


async def test_faults_are_armed_and_disarmed(control: aiohttp.ClientSession) -> None:
    for name in ("user", "cart", "product"):
        assert (await ask(control, "PUT", f"/faults/{name}", {"kind": "hang"}))[1][0]["kind"] == "hang"
    assert (await ask(control, "DELETE", "/faults/user"))[0] == 204
    armed = (await ask(control, "GET", "/faults"))[1]
    assert [name for name, faults in armed.items() if faults] == ["cart", "product"]
    assert (await ask(control, "DELETE", "/faults"))[0] == 204
    assert not any((await ask(control, "GET", "/faults"))[1].values())


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("PUT", "/faults/user", {"kind": "deaf"}, 400),
        ("PUT", "/faults/nobody", {"kind": "hang"}, 404),
        ("PUT", "/users/u-1", [], 400),
        ("PUT", "/carts/u-1", {"items": 7}, 400),
        ("PUT", "/products/p-1", {"stock": -1}, 400),
        ("PUT", "/products/p-1", {"stock": True}, 400),
        ("PUT", "/payments", {"behaviour": "steal"}, 400),
        ("POST", "/payments/o-1/capture", {}, 400),
        ("POST", "/payments/o-1/steal", {}, 404),
        ("POST", "/payments/messages", {"text": "x"}, 400),
        ("POST", "/carts/stranger/refill", None, 404),
        ("GET", "/ledger/user/o-1", None, 404),
        ("GET", "/ledger/nobody", None, 404),
    ],
)
async def test_the_control_explains_what_it_refuses(
    control: aiohttp.ClientSession, method: str, path: str, body: Any, status: int
) -> None:
    answered, why = await ask(control, method, path, body)
    assert answered == status
    assert why["detail"]


async def test_the_help_page_names_every_route_and_wrong_response(
    control: aiohttp.ClientSession, sandbox: Sandbox
) -> None:
    async with control.get("/") as answer:
        text = await answer.text()
    for route in sandbox.control.app().router.routes():
        shape = re.sub(r"\{\w+\}", r"[{}\\w]+", route.resource.canonical if route.resource else "")
        if route.method != "HEAD" and shape != "/":
            assert re.search(rf"{route.method} +{shape}\s", text), (route.method, shape)
    assert "negative_price" in text


def test_the_seeded_marketplace_can_be_bought_from(sandbox: Sandbox) -> None:
    products = sandbox.products
    seed_all(sandbox.users, sandbox.carts, products.inventory)
    assert set(CUSTOMERS) == {"ada", "grace", "linus", "mallory"}
    assert sum(row[5] == "EUR" for row in PRODUCTS) == 8
    for customer_id, cart in CARTS.items():
        done = products.holds.reserve(customer_id, cart["items"].items(), 60)
        assert not done.shortages
        assert {products.inventory[name].currency for name in cart["items"]} == {cart["currency"]}
    assert len({products.inventory[name].vendor_id for name in CARTS["ada"]["items"]}) == 2


async def test_a_cleared_seeded_cart_can_be_refilled(control: aiohttp.ClientSession, sandbox: Sandbox) -> None:
    seed_all(sandbox.users, sandbox.carts, sandbox.products.inventory)
    assert sandbox.carts.clear("ada", "o-1", 1) == 204
    status, cart = await ask(control, "POST", "/carts/ada/refill")
    assert (status, cart["version"], len(cart["items"])) == (200, 3, 4)
