"""Endpoints of live streams: Server-Sent Events (WHATWG HTML, 9.2) of the audit trail of an order or a vendor order."""

import asyncio
import time
import uuid
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any, ClassVar

import msgspec
from django.http import HttpRequest, StreamingHttpResponse

from orders.api.orders.serializers import HistoryEntrySerializer
from orders.domain.callers import Caller
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
"""Interval of comments that keep proxies from closing an idle stream."""

RETRY_MS = 1000

Read = Callable[[Subscription], Sequence[OrderEvent]]


class StreamView(OrderAPIView):
    """The base view of streams, which limits the open streams."""

    async def initial(self, request: APIRequest, *args: Any, **kwargs: Any) -> None:
        """Count the stream until the request ends, before the checks of every view."""
        if request.method in ("GET", "HEAD"):
            _open(request)
        await super().initial(request, *args, **kwargs)


class OrderStreamView(StreamView):
    """`/api/v1/orders/{id}/stream`"""

    ensure_visible: ClassVar = staticmethod(ensure_order_visible)
    roles: ClassVar = {"GET": ("customer", "admin")}

    @endpoint("stream_order", response=None, parameters=[LAST_EVENT_ID])
    async def get(self, request: HttpRequest, order_id: uuid.UUID) -> StreamingHttpResponse:
        """Stream the audit trail of an order.

        Server-Sent Events: the entries from the first one, or after `Last-Event-ID`, then every new entry. The stream stays
        open, so it does not suit “Try it out”: use `curl -N`, or in a browser an EventSource based on fetch, which can
        send the token.
        """
        user = caller(request)
        async with state_of(request, OrderEventNotifier).slots:
            await database.run(ensure_order_visible, caller=user, order_id=order_id)
        after = last_event_id(request)

        def unseen(subscription: Subscription) -> Sequence[OrderEvent]:
            return entries(order_id=order_id, after=subscription.seen)

        return _stream(request, user, order_id, after, unseen)


class VendorOrderStreamView(StreamView):
    """`/api/v1/vendor-orders/{id}/stream`"""

    ensure_visible: ClassVar = staticmethod(ensure_vendor_order_visible)
    roles: ClassVar = {"GET": ("vendor", "admin")}

    @endpoint("stream_vendor_order", response=None, parameters=[LAST_EVENT_ID])
    async def get(self, request: HttpRequest, vendor_order_id: uuid.UUID) -> StreamingHttpResponse:
        """Stream the audit trail of a vendor order.

        Server-Sent Events: the vendor order's own entries from the confirmation of its order (`vendor_order.confirmed`), or
        after `Last-Event-ID`, then every new entry. The stream stays open, so it does not suit “Try it out”: use `curl -N`,
        or in a browser an EventSource based on fetch, which can send the token.
        """
        user = caller(request)
        async with state_of(request, OrderEventNotifier).slots:
            order_id = await database.run(ensure_vendor_order_visible, caller=user, vendor_order_id=vendor_order_id)
        sent = last_event_id(request)

        def unseen(subscription: Subscription) -> Sequence[OrderEvent]:
            nonlocal sent
            own, subscription.seen = vendor_order_entries(vendor_order_id=vendor_order_id, after=sent)
            sent += len(own)
            return own

        return _stream(request, user, order_id, 0, unseen)


def _open(request: HttpRequest) -> None:
    """Count the stream. Raises Overloaded."""
    counted = state_of(request, OrderEventNotifier).streams.opened()
    if (
        request.method == "HEAD"
    ):  # no stream follows: if it were counted until the response ends, the client's next request might be refused
        with counted:
            return
    state_of(request, RequestState).exit_stack.enter_context(counted)


def _stream(request: HttpRequest, user: Caller, order_id: uuid.UUID, after: int, unseen: Read) -> StreamingHttpResponse:
    notifier = state_of(request, OrderEventNotifier)
    events = _nothing() if request.method == "HEAD" else _events(notifier, user, order_id, after, unseen)
    response = StreamingHttpResponse(events, content_type="text/event-stream")
    response["Cache-Control"] = "no-store"
    response["X-Accel-Buffering"] = "no"  # nginx forwards each event without buffering
    return response


async def _nothing() -> AsyncIterator[bytes]:
    return
    yield b""


async def _events(
    notifier: OrderEventNotifier, user: Caller, order_id: uuid.UUID, after: int, unseen: Read
) -> AsyncIterator[bytes]:
    """Yield the events until the client disconnects, the token expires, or the process stops.

    `retry` and heartbeats are lines at the start of the next event: a blank line after them would end an event without
    data. Heartbeats have a timer of their own: neither entries nor notifications of other vendors' entries reset it.
    """
    yield b"retry: %d\n" % RETRY_MS
    beat = time.monotonic() + HEARTBEAT_SECONDS
    with notifier.listen(order_id, after) as subscription:
        reading = asyncio.create_task(_read(notifier, unseen, subscription))
        try:
            while not notifier.closed and (left := user.expires_at - time.time()) > 0:
                await asyncio.wait([reading], timeout=max(0, min(beat - time.monotonic(), left)))
                if reading.done():
                    for entry in reading.result():
                        subscription.seen = max(subscription.seen, entry.sequence)
                        body = msgspec.json.encode(HistoryEntrySerializer.to_representation(entry, user.role))
                        yield b"id: %d\ndata: %b\n\n" % (entry.sequence, body)
                    reading = asyncio.create_task(_read(notifier, unseen, subscription, wait=True))
                if time.monotonic() >= beat:
                    yield b": still here\n"
                    beat = max(beat, time.monotonic() - HEARTBEAT_SECONDS) + HEARTBEAT_SECONDS
        finally:
            reading.cancel()


async def _read(
    notifier: OrderEventNotifier, unseen: Read, subscription: Subscription, *, wait: bool = False
) -> Sequence[OrderEvent]:
    """Return the entries that the stream has not sent; with `wait`, after the next notification."""
    if wait:
        await subscription.wait()
    return await notifier.read(unseen, subscription) or ()
