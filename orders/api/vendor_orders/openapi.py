"""The endpoints of vendor orders: what a vendor sees of an order and does with it."""

from collections.abc import Callable, Sequence
from typing import Any

from drf_spectacular.types import OpenApiTypes

from orders.api.vendor_orders.serializers import ShipInput
from orders.http.openapi import outputs, parameters
from orders.http.openapi.endpoint import Success, endpoint
from orders.http.serializers import NoInput

TAG = "Vendors"
FULFILLERS = ("vendor", "admin")


def _action(name: str, summary: str, text: str, request: Any, bodies: Sequence[str], seen: str) -> Callable[[Any], Any]:
    return endpoint(
        name=name,
        tag=TAG,
        roles=FULFILLERS,
        summary=summary,
        text=f"{text} Repeatable: what has been done already is answered with 200.",
        parameters=[parameters.IF_MATCH],
        request=request,
        bodies=bodies,
        answers={200: Success(outputs.VendorOrderOutput, "The vendor order as it is now.", [seen], ["ETag"])},
        codes=["not_found", "precondition_failed", "illegal_transition"],
    )


LIST_VENDOR_ORDERS = endpoint(
    name="list_vendor_orders",
    tag=TAG,
    roles=FULFILLERS,
    summary="List vendor orders",
    text="Your own, for admins everybody's; the newest first. Every filter narrows the list. Page by following `next`"
    " and `previous`.",
    parameters=parameters.VENDOR_ORDER_FILTERS,
    answers={
        200: Success(outputs.VendorOrderPage, "A page of vendor orders, each of them whole.", ["vendor_order_page"])
    },
)
SUMMARIZE_VENDOR_ORDERS = endpoint(
    name="summarize_vendor_orders",
    tag=TAG,
    roles=FULFILLERS,
    summary="Sum up vendor orders",
    text="How many stand where, how many are to be accepted, what all that were paid for come to, and since when the oldest"
    " has waited.",
    answers={200: Success(outputs.SummaryOutput, "The sums.", ["summary"])},
)
READ_VENDOR_ORDER = endpoint(
    name="read_vendor_order",
    tag=TAG,
    roles=FULFILLERS,
    summary="Read a vendor order",
    text="Another vendor's is answered as one that does not exist.",
    parameters=[parameters.IF_NONE_MATCH],
    answers={
        200: Success(outputs.VendorOrderOutput, "The vendor order.", ["vendor_order"], ["ETag"]),
        304: Success(None, "Your copy is still good.", headers=["ETag"]),
    },
    codes=["not_found"],
)
ACCEPT = _action(
    "accept_vendor_order",
    "Accept a vendor order",
    "`pending` → `processing`, once the order is paid for.",
    NoInput,
    ["nothing"],
    "accepted_vendor_order",
)
SHIP = _action(
    "ship_vendor_order",
    "Ship a vendor order",
    "`processing` → `shipped`. Once more with another shipment, while it is `shipped`, corrects what was said: the entry"
    " is `vendor_order.tracking_changed`, and `shipped_at` stays.",
    ShipInput,
    ["parcel"],
    "shipped_vendor_order",
)
DELIVER = _action(
    "deliver_vendor_order",
    "Deliver a vendor order",
    "`shipped` → `delivered`.",
    NoInput,
    ["nothing"],
    "delivered_vendor_order",
)
CANCEL_VENDOR_ORDER = _action(
    "cancel_vendor_order",
    "Cancel a vendor order",
    "`pending` or `processing` → `cancelled`, once the order is paid for. Refunds and restocks this part; the other"
    " vendors go on.",
    NoInput,
    ["nothing"],
    "cancelled_vendor_order",
)
STREAM_VENDOR_ORDER = endpoint(
    name="stream_vendor_order",
    tag=TAG,
    roles=FULFILLERS,
    summary="Follow a vendor order live",
    text="Server-Sent Events: the vendor order's own entries from the first one on, which is the confirmation of its order"
    " (`vendor_order.confirmed`), and every new one as it is written."
    " The stream stays open, so it does not suit “Try it out”: use `curl -N`, or in a browser"
    " an EventSource built on fetch, which can send the token.",
    parameters=[parameters.LAST_EVENT_ID],
    answers={
        200: Success(
            OpenApiTypes.STR,
            "The stream; an event's `id` is the entry's number, its `data` the entry.",
            ["vendor_events"],
            media_type="text/event-stream",
        )
    },
    codes=["not_found", "rate_limited", "overloaded"],
)
