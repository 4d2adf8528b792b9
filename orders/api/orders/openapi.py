"""The endpoints of orders: placing, reading, following and cancelling them."""

from drf_spectacular.types import OpenApiTypes

from orders.api.orders.serializers import CancelInput, CheckoutInput
from orders.http.openapi import outputs, parameters
from orders.http.openapi.endpoint import Success, endpoint

TAG = "Customers"
READERS = ("customer", "admin")
CHECKOUT_CODES = (
    "cart_changed",
    "total_changed",
    "coupon_unavailable",
    "empty_cart",
    "cart_too_large",
    "customer_inactive",
    "currency_mismatch",
)
CHECKOUT_BODIES = ("checkout_with_nothing_said", "checkout_as_quoted", "checkout_to_another_address")

PLACE_ORDER = endpoint(
    name="place_order",
    tag=TAG,
    roles=("customer",),
    summary="Place an order",
    text="Turns your cart into an order and holds its stock. Payment is asked at once; an order that is not paid in time"
    " expires. Repeat the request as often as you like, also after a timeout: one key is one order, and the first answer"
    " comes again, as it was.",
    parameters=[parameters.KEY],
    request=CheckoutInput,
    bodies=CHECKOUT_BODIES,
    answers={
        201: Success(
            outputs.OrderOutput,
            "The order, now or by an earlier request with this key.",
            ["order"],
            ["Location", "ETag", "Idempotent-Replayed"],
        )
    },
    codes=(
        "idempotency_key_required",
        *CHECKOUT_CODES,
        "cart_already_ordered",
        "out_of_stock",
        "address_required",
        "idempotency_key_reused",
        "overloaded",
    ),
)
QUOTE = endpoint(
    name="quote",
    tag=TAG,
    roles=("customer",),
    summary="Ask what checkout would cost now",
    text="Takes the body of a checkout. Holds nothing and stores nothing.",
    request=CheckoutInput,
    bodies=CHECKOUT_BODIES,
    answers={200: Success(outputs.QuoteOutput, "The cart at today's prices.", ["quote"])},
    codes=CHECKOUT_CODES,
)
LIST_ORDERS = endpoint(
    name="list_orders",
    tag=TAG,
    roles=READERS,
    summary="List orders",
    text="Your own, for admins everybody's; the newest first. Every filter narrows the list. Page by following `next`"
    " and `previous`.",
    parameters=parameters.ORDER_FILTERS,
    answers={200: Success(outputs.OrderPage, "A page of orders, each of them whole.", ["order_page"])},
)
READ_ORDER = endpoint(
    name="read_order",
    tag=TAG,
    roles=READERS,
    summary="Read an order",
    text="Somebody else's is answered as one that does not exist.",
    parameters=[parameters.IF_NONE_MATCH],
    answers={
        200: Success(outputs.OrderOutput, "The order.", ["order"], ["ETag"]),
        304: Success(None, "Your copy is still good.", headers=["ETag"]),
    },
    codes=["not_found"],
)
CANCEL_ORDER = endpoint(
    name="cancel_order",
    tag=TAG,
    roles=READERS,
    summary="Cancel an order",
    text="Customers can while every vendor order is `pending`, admins until one has shipped. Stock and money go back."
    " An order that is cancelled already is answered as it is.",
    parameters=[parameters.IF_MATCH],
    request=CancelInput,
    bodies=["cancellation", "nothing"],
    answers={200: Success(outputs.OrderOutput, "The cancelled order.", ["cancelled_order"], ["ETag"])},
    codes=["not_found", "precondition_failed", "not_cancellable"],
)
TRACK_ORDER = endpoint(
    name="track_order",
    tag=TAG,
    roles=READERS,
    summary="Track an order's parcels",
    text="One shipment for each vendor order, and what has happened so far.",
    answers={200: Success(outputs.TrackingOutput, "The shipments and the timeline.", ["tracking"])},
    codes=["not_found"],
)
ORDER_HISTORY = endpoint(
    name="read_order_history",
    tag=TAG,
    roles=READERS,
    summary="Read an order's audit trail",
    text="Oldest first. Admins also see `actor_id`, `request_id` and `data`.",
    answers={200: Success(outputs.HistoryOutput, "The audit trail.", ["history", "history_for_admins"])},
    codes=["not_found"],
)
STREAM_ORDER = endpoint(
    name="stream_order",
    tag=TAG,
    roles=READERS,
    summary="Follow an order live",
    text="Server-Sent Events: each entry of the audit trail from the first one on, and every new one as it is written."
    " The stream stays open, so it does not suit “Try it out”: use `curl -N`, or in a browser"
    " an EventSource built on fetch, which can send the token.",
    parameters=[parameters.LAST_EVENT_ID],
    answers={
        200: Success(
            OpenApiTypes.STR,
            "The stream; an event's `id` is the entry's sequence, its `data` the entry as in the history.",
            ["events"],
            media_type="text/event-stream",
        )
    },
    codes=["not_found", "rate_limited", "overloaded"],
)
