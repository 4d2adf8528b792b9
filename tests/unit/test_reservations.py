"""Outcome of a stock reservation, decided by the end of its block alone."""

import asyncio
from collections.abc import Callable, Mapping
from typing import cast
from uuid import UUID

import pytest

from clients.deadline import Deadline
from clients.errors import ContractBroken, HoldCommitted, NotAsked
from clients.products import Held, Products, Stock
from orders.domain.errors import DependencyUnavailable, OutOfStock, TotalChanged
from orders.services.checkout.reservations import Reservation, StockReservations

ORDER_ID = UUID(int=7)
UNAVAILABLE = DependencyUnavailable("product", "it answered UNAVAILABLE")


class Book:
    """Product as far as it is called here; a look-up of a reservation is recorded and goes no further."""

    def __init__(self, reserves: Held | BaseException, releases: BaseException | None = None) -> None:
        self.reserves, self.releases = reserves, releases
        self.calls: list[str] = []

    def apart(self, _open_seconds: float) -> "Book":
        return self

    async def reserve(self, order_id: UUID, lines: Mapping[str, int], *_: object) -> Held:
        assert (order_id, lines) == (ORDER_ID, {"p": 1})
        if isinstance(self.reserves, BaseException):
            raise self.reserves
        return self.reserves

    async def release(self, order_id: UUID, revision: int, _deadline: Deadline) -> None:
        self.calls.append(f"release {revision}")
        if self.releases:
            raise self.releases

    async def stock_of(self, order_id: UUID, _deadline: Deadline) -> Stock:
        assert order_id == ORDER_ID
        self.calls.append("look up")
        raise asyncio.CancelledError


async def calls(book: Book, block: Callable[[Reservation], None]) -> tuple[list[str], BaseException | None]:
    """Return the calls that follow the end of a block, and the exception for the block's caller."""
    reservations = StockReservations(cast(Products, book), lambda _: False)
    seen: BaseException | None = None
    try:
        async with reservations.reserve(order_id=ORDER_ID, lines={"p": 1}, deadline=Deadline.after(1)) as reservation:
            block(reservation)
    except BaseException as error:
        seen = error
    await asyncio.sleep(0)
    return book.calls, seen


def raising(error: BaseException) -> Callable[[Reservation], None]:
    def block(_: Reservation) -> None:
        raise error

    return block


def nothing(_: Reservation) -> None:
    """Return without an order, as when another order was written first."""


UNKNOWN: list[BaseException] = [
    DependencyUnavailable("database", "no answer in time"),
    NotAsked("cart", "its circuit is open"),
    ZeroDivisionError(),
    asyncio.CancelledError(),
]
REFUSAL = TotalChanged("The order comes to 2.00 EUR now.")


@pytest.mark.asyncio
async def test_a_written_order_keeps_its_reservation() -> None:
    assert await calls(Book(Held(1, {})), Reservation.keep) == ([], None)
    assert await calls(Book(Held(2, {})), Reservation.keep) == ([], None)


@pytest.mark.asyncio
async def test_a_refusal_releases_the_reservation_by_its_revision() -> None:
    assert await calls(Book(Held(1, {})), raising(REFUSAL)) == (["release 1"], REFUSAL)
    assert await calls(Book(Held(1, {})), nothing) == (["release 1"], None)


@pytest.mark.asyncio
async def test_a_reservation_that_replaced_another_is_looked_up_before_it_is_released() -> None:
    assert await calls(Book(Held(2, {})), raising(REFUSAL)) == (["look up"], REFUSAL)
    assert await calls(Book(Held(2, {})), nothing) == (["look up"], None)


@pytest.mark.asyncio
@pytest.mark.parametrize("error", UNKNOWN, ids=repr)
async def test_an_unknown_outcome_is_looked_up(error: BaseException) -> None:
    assert await calls(Book(Held(1, {})), raising(error)) == (["look up"], error)


@pytest.mark.asyncio
async def test_a_release_without_a_response_is_looked_up_and_the_refusal_is_raised() -> None:
    assert await calls(Book(Held(1, {}), UNAVAILABLE), raising(REFUSAL)) == (["release 1", "look up"], REFUSAL)


@pytest.mark.asyncio
async def test_a_release_that_is_cancelled_is_looked_up() -> None:
    cancelled = asyncio.CancelledError()
    assert await calls(Book(Held(1, {}), cancelled), raising(REFUSAL)) == (["release 1", "look up"], cancelled)


@pytest.mark.asyncio
@pytest.mark.parametrize("error", [UNAVAILABLE, ContractBroken("product", "…"), asyncio.CancelledError()], ids=repr)
async def test_a_call_whose_outcome_is_unknown_is_looked_up(error: BaseException) -> None:
    assert await calls(Book(error), nothing) == (["look up"], error)


@pytest.mark.asyncio
@pytest.mark.parametrize("error", [NotAsked("product", "…"), OutOfStock("…"), HoldCommitted()], ids=repr)
async def test_without_a_reservation_nothing_is_looked_up(error: BaseException) -> None:
    assert await calls(Book(error), nothing) == ([], error)
