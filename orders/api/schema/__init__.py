"""What the OpenAPI document says of the API. The endpoints stand by role in `customers.py`, `vendors.py` and `admins.py`; views
wear them as decorators. `document.py` puts the whole together."""

from orders.api.schema import strict as strict  # drf-spectacular learns of input from it
from orders.api.schema.admins import LIST_DEAD_LETTERS, RETRY_DEAD_LETTER
from orders.api.schema.customers import (
    CANCEL_ORDER,
    LIST_ORDERS,
    ORDER_HISTORY,
    PLACE_ORDER,
    QUOTE,
    READ_ORDER,
    STREAM_ORDER,
    TRACK_ORDER,
)
from orders.api.schema.vendors import (
    ACCEPT,
    CANCEL_VENDOR_ORDER,
    DELIVER,
    LIST_VENDOR_ORDERS,
    READ_VENDOR_ORDER,
    SHIP,
    STREAM_VENDOR_ORDER,
    SUMMARIZE_VENDOR_ORDERS,
)

__all__ = [
    "ACCEPT",
    "CANCEL_ORDER",
    "CANCEL_VENDOR_ORDER",
    "DELIVER",
    "LIST_DEAD_LETTERS",
    "LIST_ORDERS",
    "LIST_VENDOR_ORDERS",
    "ORDER_HISTORY",
    "PLACE_ORDER",
    "QUOTE",
    "READ_ORDER",
    "READ_VENDOR_ORDER",
    "RETRY_DEAD_LETTER",
    "SHIP",
    "STREAM_ORDER",
    "STREAM_VENDOR_ORDER",
    "SUMMARIZE_VENDOR_ORDERS",
    "TRACK_ORDER",
]
