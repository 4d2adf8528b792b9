"""The sandbox's User Service, and the parts it shares with Cart: authentication, required headers, faults."""

import asyncio
import errno
from collections.abc import AsyncIterator
from time import monotonic

import aiohttp
import pytest

from compose.sandbox.server import serve_http
from compose.sandbox.users import Users

HEADERS = {
    "Authorization": "Bearer token",
    "X-Request-ID": "r-1",
    "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
}
URL = "/users/ada"


@pytest.fixture
def users() -> Users:
    users = Users("token")
    users.put("ada", {})
    return users


@pytest.fixture
async def client(users: Users) -> AsyncIterator[aiohttp.ClientSession]:
    async with (
        serve_http(users.app(), "127.0.0.1", 0) as port,
        aiohttp.ClientSession(f"http://127.0.0.1:{port}", headers=HEADERS) as session,
    ):
        yield session


def test_a_user_is_an_active_customer_in_paris_by_default(users: Users) -> None:
    person = users.put("u-9", {"name": "Ann"})
    assert (person["id"], person["name"], person["role"], person["is_active"]) == ("u-9", "Ann", "customer", True)
    assert person["default_address"]["city"] == "Paris"


def test_a_later_put_changes_only_the_given_fields(users: Users) -> None:
    users.put("ada", {"is_active": False, "default_address": {"city": "Lyon"}})
    person = users.put("ada", {"email": "a@example.com", "default_address": {"phone": "7"}})
    assert (person["is_active"], person["default_address"]["city"], person["default_address"]["country"]) == (
        False,
        "Lyon",
        "FR",
    )
    assert users.put("ada", {"default_address": None})["default_address"] is None


async def test_a_known_user_is_returned_and_an_unknown_one_is_404(client: aiohttp.ClientSession, users: Users) -> None:
    users.put("a/b", {})
    for path, status in ((URL, 200), ("/users/a%2Fb", 200), ("/users/nobody", 404)):
        async with client.get(path) as answer:
            assert answer.status == status
    assert users.ledger()["answers"] == {"200": 2, "404": 1}
    assert users.ledger()["recent"][0] == {
        "call": "get",
        "request_id": "r-1",
        "traceparent": HEADERS["traceparent"],
    }


@pytest.mark.parametrize("token", ["", "Bearer wrong", "bearer token", "token"])
async def test_a_call_without_the_right_token_is_401(client: aiohttp.ClientSession, users: Users, token: str) -> None:
    async with client.get(URL, headers={"Authorization": token}) as answer:
        assert answer.status == 401
    assert users.ledger()["unauthorized"] == 1


@pytest.mark.parametrize(
    "headers",
    [{"X-Request-ID": ""}, {"traceparent": ""}, {"traceparent": "00-" + "0" * 32 + "-b7ad6b7169203331-01"}],
)
async def test_a_call_without_its_headers_succeeds_and_is_counted(
    client: aiohttp.ClientSession, users: Users, headers: dict[str, str]
) -> None:
    async with client.get(URL, headers=headers) as answer:
        assert answer.status == 200
    async with client.get(URL) as answer:
        assert answer.status == 200
    assert users.ledger()["missing_headers"] == 1


async def test_a_fault_affects_the_given_number_of_calls(client: aiohttp.ClientSession, users: Users) -> None:
    users.faults.arm({"kind": "status", "value": 503, "times": 2})
    statuses = []
    for _ in range(3):
        async with client.get(URL) as answer:
            statuses.append(answer.status)
    assert statuses == [503, 503, 200]
    assert users.ledger()["faults"] == {"status": 2}


async def test_a_redirect_leads_to_the_right_response(client: aiohttp.ClientSession, users: Users) -> None:
    users.faults.arm({"kind": "status", "value": 302, "times": 1})
    async with client.get(URL) as answer:
        assert (answer.status, len(answer.history)) == (200, 1)


async def test_a_delay_precedes_the_right_response_or_the_next_fault(
    client: aiohttp.ClientSession, users: Users
) -> None:
    users.faults.arm([{"kind": "delay", "value": 0.05}, {"kind": "status", "value": 500, "times": 1}])
    for status in (500, 200):
        began = monotonic()
        async with client.get(URL) as answer:
            assert answer.status == status
        assert monotonic() - began >= 0.05


async def test_a_hanging_call_ends_with_its_client(client: aiohttp.ClientSession, users: Users) -> None:
    users.faults.arm({"kind": "hang", "times": 1})
    tasks = len(asyncio.all_tasks())
    with pytest.raises(asyncio.TimeoutError):
        await client.get(URL, timeout=aiohttp.ClientTimeout(total=0.05))
    await asyncio.sleep(0.05)
    assert len(asyncio.all_tasks()) <= tasks
    async with client.get(URL) as answer:
        assert answer.status == 200


async def test_a_reset_breaks_the_connection(client: aiohttp.ClientSession, users: Users) -> None:
    # Twice: aiohttp repeats a GET by itself when a kept connection breaks.
    users.faults.arm({"kind": "reset", "times": 2})
    with pytest.raises(aiohttp.ClientOSError) as failure:
        await client.get(URL)
    assert failure.value.errno == errno.ECONNRESET


async def test_a_dripping_response_is_right_and_slow(client: aiohttp.ClientSession, users: Users) -> None:
    users.faults.arm({"kind": "drip", "value": 0.0001})
    async with client.get(URL) as answer:
        assert (await answer.json())["id"] == "ada"
    began = monotonic()
    users.faults.arm({"kind": "drip", "value": 0.02})
    with pytest.raises(asyncio.TimeoutError):
        await client.get(URL, timeout=aiohttp.ClientTimeout(total=0.1))
    assert monotonic() - began < 1


@pytest.mark.parametrize("kind", ["garbage", "huge", "wrong_types", "body"])
async def test_faulty_bodies_have_status_200(client: aiohttp.ClientSession, users: Users, kind: str) -> None:
    users.faults.arm({"kind": kind, "value": {"id": None} if kind == "body" else None})
    async with client.get(URL) as answer:
        body = await answer.read()
        assert (answer.status, answer.content_type) == (200, "application/json")
        if kind == "garbage":
            with pytest.raises(ValueError, match=r"."):
                await answer.json(encoding="utf-8")
        elif kind == "huge":
            assert len(body) > 2**20
            assert "Content-Length" not in answer.headers
        elif kind == "wrong_types":
            assert (await answer.json())["is_active"] == "true"
        else:
            assert await answer.json() == {"id": None}


async def test_a_fault_can_follow_the_effect(client: aiohttp.ClientSession, users: Users) -> None:
    users.faults.arm({"kind": "status", "value": 500, "after": True})
    async with client.get(URL) as answer:
        assert answer.status == 500
    assert users.ledger()["answers"] == {"200": 1}
