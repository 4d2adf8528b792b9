"""Copies of one message at one process: the first is handled, and the next one if it fails."""

import asyncio

import pytest

from messaging import copies
from messaging.copies import Copies


class Handler:
    """Work that waits until it may end; `handled` has its messages."""

    def __init__(self) -> None:
        self.handled: list[bytes] = []
        self.may_end = asyncio.Event()
        self.error: Exception | None = None
        self.is_recorded = True

    async def __call__(self, raw: bytes) -> bool:
        self.handled.append(raw)
        await self.may_end.wait()
        if self.error:
            raise self.error
        return self.is_recorded


async def test_a_copy_waits_for_the_first_and_is_not_handled() -> None:
    seen, handler = Copies(), Handler()
    received = [asyncio.create_task(seen.handle(raw, handler)) for raw in (b"paid", b"paid", b"paid", b"refunded")]
    await asyncio.sleep(0.01)
    assert handler.handled == [b"paid", b"refunded"]
    assert not any(task.done() for task in received)
    handler.may_end.set()
    assert await asyncio.gather(*received) == [True, False, False, True]
    assert handler.handled == [b"paid", b"refunded"]


async def test_a_copy_is_handled_when_the_first_has_failed() -> None:
    seen, failing, handler = Copies(), Handler(), Handler()
    failing.error = ConnectionError()
    first, copy = (asyncio.create_task(seen.handle(b"paid", each)) for each in (failing, handler))
    await asyncio.sleep(0)
    failing.may_end.set()
    handler.may_end.set()
    await asyncio.wait([first, copy])
    assert first.exception() is failing.error
    assert copy.result()
    assert handler.handled == [b"paid"]


async def test_a_copy_is_handled_when_the_first_was_cancelled() -> None:
    seen, handler = Copies(), Handler()
    cancelled = asyncio.create_task(seen.handle(b"paid", handler))
    await asyncio.sleep(0)
    cancelled.cancel()
    await asyncio.wait([cancelled])
    handler.may_end.set()
    assert await seen.handle(b"paid", handler)


async def test_every_copy_of_an_unusable_message_is_handled() -> None:
    seen, handler = Copies(), Handler()
    handler.is_recorded = False
    handler.may_end.set()
    assert await asyncio.gather(*(seen.handle(b"garbage", handler) for _ in range(3))) == [True] * 3


async def test_a_message_is_handled_again_after_some_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copies, "REMEMBERED_SECONDS", 0.02)
    seen, handler = Copies(), Handler()
    handler.may_end.set()
    assert await seen.handle(b"paid", handler)
    assert not await seen.handle(b"paid", handler)
    async with asyncio.timeout(10):
        while not await seen.handle(b"paid", handler):
            await asyncio.sleep(0.005)
