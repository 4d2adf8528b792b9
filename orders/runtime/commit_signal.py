"""A signal to the loops of this process that a transaction has committed, so that they need not wait for their next poll."""

import asyncio
from typing import ClassVar


class _Subscribers:
    """The subscribed events, and their event loop."""

    loop: ClassVar[asyncio.AbstractEventLoop | None] = None
    events: ClassVar[list[asyncio.Event]] = []


def subscribe() -> asyncio.Event:
    """Return an event of the running loop that is set after each commit of this process."""
    event = asyncio.Event()
    _Subscribers.loop = asyncio.get_running_loop()
    _Subscribers.events.append(event)
    return event


def notify() -> None:
    """Set the subscribed events, from any thread. Without subscribers do nothing: other processes poll."""
    if _Subscribers.loop is not None and not _Subscribers.loop.is_closed():
        _Subscribers.loop.call_soon_threadsafe(_set_events)


def _set_events() -> None:
    for event in _Subscribers.events:
        event.set()
