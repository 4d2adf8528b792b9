"""Live streams: Server-Sent Events (WHATWG HTML, 9.2), one for each entry of an order's or a vendor order's trail."""

import asyncio
import time
import uuid
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any, ClassVar

import msgspec
from django.http import HttpRequest, StreamingHttpResponse

from orders.api.orders.serializers import HistoryEntrySerializer
from orders.domain.callers import Caller
from orders.domain.errors import NotAuthenticated
from orders.http.headers import caller, last_event_id
from orders.http.openapi.auto_schema import endpoint
from orders.http.openapi.parameters import LAST_EVENT_ID
from orders.http.requests import APIRequest
from orders.http.state import RequestState, state_of
from orders.http.views import OrderAPIView
from orders.services.reading.history import (
    ensure_order_visible,
    ensure_vendor_order_visible,
    entries,
    vendor_order_entries,
)
from orders.services.reading.order_events import OrderEventNotifier, Subscription
from orders.store import database
from orders.store.models import OrderEvent

HEARTBEAT_SECONDS = 15
"""A comment this often keeps proxies from taking a quiet stream for a dead one."""

RETRY_MS = 1000

Read = Callable[[Subscription], Sequence[OrderEvent]]


class StreamView(OrderAPIView):
    """What the streams have in common: whether the caller may have one more open."""

    async def initial(self, request: APIRequest, *args: Any, **kwargs: Any) -> None:
        """Count the stream until the request ends, before the checks of every view."""
        if request.method in ("GET", "HEAD"):
            _open(request)
        await super().initial(request, *args, **kwargs)


class OrderStreamView(StreamView):
    """`/api/v1/orders/{id}/stream`"""

    ensure_visible: ClassVar = staticmethod(ensure_order_visible)
    roles: ClassVar = {"GET": ("customer", "admin")}

    @endpoint("stream_order", response=None, parameters=[LAST_EVENT_ID], errors=["rate_limited"])
    async def get(self, request: HttpRequest, order_id: uuid.UUID) -> StreamingHttpResponse:
        """Stream the audit trail of an order.

        Server-Sent Events: the entries from the first one, or after `Last-Event-ID`, then every new entry. The stream stays
        open, so it does not suit “Try it out”: use `curl -N`, or in a browser an EventSource based on fetch, which can
        send the token.
        """
        who = caller(request)
        async with state_of(request, OrderEventNotifier).slots:
            await database.run(ensure_order_visible, caller=who, order_id=order_id)
        after = last_event_id(request)

        def unseen(listener: Subscription) -> Sequence[OrderEvent]:
            return entries(order_id=order_id, after=listener.seen)

        return _stream(request, who, order_id, after, unseen)


class VendorOrderStreamView(StreamView):
    """`/api/v1/vendor-orders/{id}/stream`"""

    ensure_visible: ClassVar = staticmethod(ensure_vendor_order_visible)
    roles: ClassVar = {"GET": ("vendor", "admin")}

    @endpoint("stream_vendor_order", response=None, parameters=[LAST_EVENT_ID], errors=["rate_limited"])
    async def get(self, request: HttpRequest, vendor_order_id: uuid.UUID) -> StreamingHttpResponse:
        """Stream the audit trail of a vendor order.

        Server-Sent Events: the vendor order's own entries from the confirmation of its order (`vendor_order.confirmed`), or
        after `Last-Event-ID`, then every new entry. The stream stays open, so it does not suit “Try it out”: use `curl -N`,
        or in a browser an EventSource based on fetch, which can send the token.
        """
        who = caller(request)
        async with state_of(request, OrderEventNotifier).slots:
            order_id = await database.run(ensure_vendor_order_visible, caller=who, vendor_order_id=vendor_order_id)
        sent = last_event_id(request)

        def unseen(listener: Subscription) -> Sequence[OrderEvent]:
            nonlocal sent
            own, listener.seen = vendor_order_entries(vendor_order_id=vendor_order_id, after=sent)
            sent += len(own)
            return own

        return _stream(request, who, order_id, 0, unseen)


def _open(request: HttpRequest) -> None:
    """Take the caller's place for a stream. The leeway of tokens is for clocks, not for a stream that would end at once.

    Raises NotAuthenticated, Overloaded or RateLimited.
    """
    who = caller(request)
    if who.expires_at <= time.time():
        raise NotAuthenticated("Invalid token: it has expired. Request a new one.")
    place = state_of(request, OrderEventNotifier).streams.opened(who)
    if (
        request.method == "HEAD"
    ):  # no stream follows: a place kept until after the answer would refuse the caller's next request
        with place:
            return
    state_of(request, RequestState).exit_stack.enter_context(place)


def _stream(request: HttpRequest, who: Caller, order_id: uuid.UUID, after: int, unseen: Read) -> StreamingHttpResponse:
    notifier = state_of(request, OrderEventNotifier)
    events = _nothing() if request.method == "HEAD" else _events(notifier, who, order_id, after, unseen)
    response = StreamingHttpResponse(events, content_type="text/event-stream")
    response["Cache-Control"] = "no-store"
    response["X-Accel-Buffering"] = "no"  # nginx passes each event on at once
    return response


async def _nothing() -> AsyncIterator[bytes]:
    return
    yield b""


async def _events(
    watch: OrderEventNotifier, who: Caller, order_id: uuid.UUID, after: int, unseen: Read
) -> AsyncIterator[bytes]:
    """Until the listener leaves, the token expires, or the process stops.

    `retry` and heartbeats are lines that begin the next event: a blank line behind them would end an event of its own, without
    data. Heartbeats come by a clock of their own: neither entries nor other vendors' entries, for which the vendor's listener
    is woken in vain, move them.
    """
    yield b"retry: %d\n" % RETRY_MS
    beat = time.monotonic() + HEARTBEAT_SECONDS
    with watch.listen(order_id, after) as listener:
        reading = asyncio.create_task(_read(watch, unseen, listener))
        try:
            while not watch.closed and (left := who.expires_at - time.time()) > 0:
                await asyncio.wait([reading], timeout=max(0, min(beat - time.monotonic(), left)))
                if reading.done():
                    for entry in reading.result():
                        listener.seen = max(listener.seen, entry.sequence)
                        body = msgspec.json.encode(HistoryEntrySerializer.to_representation(entry, who.role))
                        yield b"id: %d\ndata: %b\n\n" % (entry.sequence, body)
                    reading = asyncio.create_task(_read(watch, unseen, listener, wait=True))
                if time.monotonic() >= beat:
                    yield b": still here\n"
                    beat = max(beat, time.monotonic() - HEARTBEAT_SECONDS) + HEARTBEAT_SECONDS
        finally:
            reading.cancel()


async def _read(
    watch: OrderEventNotifier, unseen: Read, listener: Subscription, *, wait: bool = False
) -> Sequence[OrderEvent]:
    """The entries that the listener has not seen, once there may be some."""
    if wait:
        await listener.wait()
    return await watch.read(unseen, listener) or ()
