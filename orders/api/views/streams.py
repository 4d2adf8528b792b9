"""Live streams: Server-Sent Events (WHATWG HTML, 9.2), one for each entry of an order's or a vendor order's trail."""

import time
import uuid
from collections.abc import AsyncIterator, Callable, Sequence
from typing import ClassVar

import msgspec
from django.http import HttpRequest, StreamingHttpResponse

from orders import database
from orders.api import schema
from orders.api.base import OrderAPIView
from orders.api.headers import caller, last_event_id
from orders.api.permissions import roles
from orders.api.representation import history_entry_body
from orders.callers import Caller
from orders.models import OrderEvent
from orders.services.history import entries, need_order, need_vendor_order, vendor_order_entries
from orders.services.watch import Listener, Watch

HEARTBEAT_SECONDS = 15
"""A comment this often keeps proxies from taking a quiet stream for a dead one."""

RETRY_MS = 1000

Read = Callable[[Listener], Sequence[OrderEvent]]


class OrderStream(OrderAPIView):
    """`/api/v1/orders/{id}/stream`"""

    need: ClassVar = staticmethod(need_order)
    permissions: ClassVar = {"GET": roles("customer", "admin")}

    @schema.STREAM_ORDER
    async def get(self, request: HttpRequest, order_id: uuid.UUID) -> StreamingHttpResponse:
        """The order's trail from the first entry, or from behind `Last-Event-ID`, and every new entry as it is written."""
        who = caller(request)
        async with _watch(request).room:
            await database.run(need_order, who, order_id)
        after = last_event_id(request)

        def unseen(listener: Listener) -> Sequence[OrderEvent]:
            return entries(order_id, listener.seen)

        return _stream(request, who, order_id, after, unseen)


class VendorOrderStream(OrderAPIView):
    """`/api/v1/vendor-orders/{id}/stream`"""

    need: ClassVar = staticmethod(need_vendor_order)
    permissions: ClassVar = {"GET": roles("vendor", "admin")}

    @schema.STREAM_VENDOR_ORDER
    async def get(self, request: HttpRequest, vendor_order_id: uuid.UUID) -> StreamingHttpResponse:
        """The vendor order's own entries, numbered by themselves, and every new one as it is written."""
        who = caller(request)
        async with _watch(request).room:
            order_id = await database.run(need_vendor_order, who, vendor_order_id)
        sent = last_event_id(request)

        def unseen(listener: Listener) -> Sequence[OrderEvent]:
            nonlocal sent
            own, listener.seen = vendor_order_entries(vendor_order_id, sent)
            sent += len(own)
            return own

        return _stream(request, who, order_id, 0, unseen)


def _stream(request: HttpRequest, who: Caller, order_id: uuid.UUID, after: int, unseen: Read) -> StreamingHttpResponse:
    response = StreamingHttpResponse(
        _events(_watch(request), who, order_id, after, unseen), content_type="text/event-stream"
    )
    response["Cache-Control"] = "no-store"
    response["X-Accel-Buffering"] = "no"  # nginx passes each event on at once
    return response


def _watch(request: HttpRequest) -> Watch:
    watch: Watch = request.scope["state"]["watch"]  # type: ignore[attr-defined]
    return watch


async def _events(watch: Watch, who: Caller, order_id: uuid.UUID, after: int, unseen: Read) -> AsyncIterator[bytes]:
    """Until the listener leaves, the token expires, or the process stops."""
    yield f"retry: {RETRY_MS}\n\n".encode()
    with watch.listen(order_id, after) as listener:
        while not watch.closed and (left := who.expires_at - time.time()) > 0:
            for entry in await watch.read(unseen, listener):
                listener.seen = max(listener.seen, entry.sequence)
                body = msgspec.json.encode(history_entry_body(entry, who.role))
                yield b"id: %d\ndata: %b\n\n" % (entry.sequence, body)
            if not await listener.wait(min(HEARTBEAT_SECONDS, left)):
                yield b": still here\n\n"
