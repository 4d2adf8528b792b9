"""One order's life in examples: Ada orders two mugs of v-atelier and The Time Machine of v-books, as in the sandbox."""

import json
from typing import Any

Json = dict[str, Any]

BASE = "https://orders.example.com/api/v1"
CURSOR = (
    "WyIyMDI2LTExLTIyVDEwOjAwOjAwLjEyMzQ1NloiLCI3ZjljMjRlOC0zYjEyLTVmZGItOWQ0YS0xYzZhMGUyYjhmMzAiLGZhbHNlXQ"
    ".czAIcfRMFo58lJ3ix1DmDCybuP9TABfFomcjTpy0244"
)
"""Of the form that the service makes (`orders/http/pagination.py`)."""

ORDER_ID = "5b2ff7de-6f4c-5c5e-8a5b-3f6d4c1f0a2e"
ATELIER, BOOKS = "0f4d9c52-7d0f-4b0e-9a57-7b7c5c7d0d11", "c1a7a1a4-3a0b-4a53-8f43-1f0f6f1e2b22"
NUMBER = "7KQM-3XPA-9T2F"
PLACED, PAID, ACCEPTED = "2026-11-22T10:00:00.104512Z", "2026-11-22T10:00:02.310442Z", "2026-11-22T11:15:20.552101Z"
SHIPPED, DELIVERED = "2026-11-22T15:30:41.902377Z", "2026-11-24T09:12:05.118020Z"
EXPIRES = "2026-11-22T10:15:00.104512Z"

ADDRESS = {
    "name": "Ada Lovelace",
    "line1": "12 Rue des Martyrs",
    "line2": "",
    "city": "Paris",
    "state": "",
    "postal_code": "75009",
    "country": "FR",
    "phone": "",
}
MUGS = {
    "product_id": "mug",
    "vendor_id": "v-atelier",
    "name": "Stoneware mug",
    "sku": "ATL-MUG",
    "quantity": 2,
    "unit_price": "18.50",
    "total": "37.00",
}
BOOK = {
    "product_id": "time-machine",
    "vendor_id": "v-books",
    "name": "The Time Machine",
    "sku": "BK-TIME",
    "quantity": 1,
    "unit_price": "9.90",
    "total": "9.90",
}
ITEMS = [
    {"id": "9a8b1c2d-3e4f-4a5b-8c6d-7e8f9a0b1c2d", **MUGS, "discount": "0.00"},
    {"id": "1f2e3d4c-5b6a-4798-8a9b-0c1d2e3f4a5b", **BOOK, "discount": "0.00"},
]
NO_PARCEL = {
    "carrier": None,
    "tracking_number": None,
    "tracking_url": None,
    "shipped_at": None,
    "delivered_at": None,
}
PARCEL = {
    "carrier": "La Poste",
    "tracking_number": "6A12345678901",
    "tracking_url": "https://www.laposte.fr/outils/suivre-vos-envois?code=6A12345678901",
}


def _amounts(total: str) -> Json:
    return {"subtotal": total, "discount": "0.00", "total": total}


ORDER = {
    "id": ORDER_ID,
    "number": NUMBER,
    "customer_id": "ada",
    "status": "pending",
    "payment_status": "unpaid",
    "currency": "EUR",
    **_amounts("46.90"),
    "coupon_code": None,
    "note": "",
    "items": ITEMS,
    "vendor_orders": [
        {"id": ATELIER, "vendor_id": "v-atelier", "status": "pending", **_amounts("37.00"), **NO_PARCEL},
        {"id": BOOKS, "vendor_id": "v-books", "status": "pending", **_amounts("9.90"), **NO_PARCEL},
    ],
    "shipping_address": ADDRESS,
    "available_actions": ["cancel"],
    "created_at": PLACED,
    "updated_at": PLACED,
    "expires_at": EXPIRES,
    "version": 1,
}
VENDOR_ORDER = {
    "id": ATELIER,
    "order_id": ORDER_ID,
    "order_number": NUMBER,
    "order_status": "confirmed",
    "vendor_id": "v-atelier",
    "status": "pending",
    "currency": "EUR",
    **_amounts("37.00"),
    "items": ITEMS[:1],
    "shipping_address": ADDRESS,
    **NO_PARCEL,
    "available_actions": ["accept", "cancel"],
    "created_at": PLACED,
    "updated_at": PAID,
    "version": 2,
}


def _order_now(status: str, at: str, version: int, **more: Any) -> Json:
    return {**ORDER, "status": status, "updated_at": at, "version": version, **more}


def _vendor_order_now(status: str, at: str, version: int, actions: list[str], **more: Any) -> Json:
    changed = {"status": status, "updated_at": at, "version": version, "available_actions": actions}
    return {**VENDOR_ORDER, **changed, **more}


def _page(result: Json, path: str = "orders") -> Json:
    return {"next": f"{BASE}/{path}?limit=1&cursor={CURSOR}", "previous": None, "results": [result]}


def _entry(sequence: int, type_: str, role: str, from_: str | None, to: str, at: str) -> Json:
    return {"sequence": sequence, "type": type_, "actor_role": role, "from": from_, "to": to, "at": at}


TRAIL = [
    _entry(1, "order.placed", "customer", None, "pending", PLACED),
    _entry(2, "payment.paid", "payment", "unpaid", "paid", PAID),
    _entry(3, "order.confirmed", "payment", "pending", "confirmed", PAID),
]
OF_VENDOR = [
    _entry(1, "vendor_order.confirmed", "payment", "pending", "pending", PAID),
    _entry(2, "vendor_order.processing", "vendor", "pending", "processing", ACCEPTED),
]
FOR_ADMINS = {"actor_id": "ada", "request_id": "0b6ec5e2-2f0c-4f3e-9d39-0e6b7b0f6c11", "data": {}}
TIMELINE = [{name: entry[name] for name in ("at", "type", "from", "to")} for entry in TRAIL]
SHIPMENT = {"vendor_order_id": BOOKS, "vendor_id": "v-books", "status": "pending", **NO_PARCEL, "items": ITEMS[1:]}
LETTER = {
    "id": "7d6f2f0e-52f9-4a43-9c53-0a51c4be4c3b",
    "source": "payments.events",
    "reason": "its signature is missing or wrong",
    "message": f'{{"event_id":"pay-77","type":"payment.captured","order_id":"{ORDER_ID}","amount_minor":4690}}',
    "order_id": ORDER_ID,
    "attempts": 2,
    "created_at": PAID,
}
DEAD_PARTS = [{**part, "status": "cancelled"} for part in ORDER["vendor_orders"]]

REQUESTS: dict[str, tuple[str, Any]] = {
    "nothing": ("Nothing more to say", {}),
    "checkout_with_nothing_said": ("The cart as it is, to your default address", {}),
    "checkout_as_quoted": ("At the quoted total and cart version only", {"expected_total": "46.90", "cart_version": 7}),
    "checkout_to_another_address": (
        "To another address, with a note",
        {"shipping_address": {**ADDRESS, "line2": "Bâtiment C", "phone": "+33 1 23 45 67 89"}, "note": "Ring twice."},
    ),
    "cancellation": ("With a reason", {"reason": "Ordered twice by mistake."}),
    "parcel": ("A parcel that can be followed", PARCEL),
}
ANSWERS: dict[str, tuple[str, Any]] = {
    "order": ("Just placed", ORDER),
    "cancelled_order": (
        "Cancelled after it was paid",
        _order_now("cancelled", ACCEPTED, 3, payment_status="paid", available_actions=[], vendor_orders=DEAD_PARTS),
    ),
    "order_page": ("The first page", _page(ORDER)),
    "quote": (
        "Everything is there",
        {
            "currency": "EUR",
            "items": [{**MUGS, "available": 5000}, {**BOOK, "available": 3000}],
            **_amounts("46.90"),
            "coupon_code": None,
            "cart_version": 7,
            "shortages": [],
        },
    ),
    "tracking": (
        "Paid, not shipped",
        {"order_id": ORDER_ID, "number": NUMBER, "status": "confirmed", "shipments": [SHIPMENT], "timeline": TIMELINE},
    ),
    "history": ("For the customer", {"results": TRAIL}),
    "history_for_admins": ("For an admin", {"results": [{**TRAIL[0], **FOR_ADMINS}]}),
    "vendor_order": ("Paid, waiting for the vendor", VENDOR_ORDER),
    "accepted_vendor_order": ("Accepted", _vendor_order_now("processing", ACCEPTED, 3, ["ship", "cancel"])),
    "shipped_vendor_order": (
        "On its way",
        _vendor_order_now("shipped", SHIPPED, 4, ["deliver"], **PARCEL, shipped_at=SHIPPED),
    ),
    "delivered_vendor_order": (
        "Arrived",
        _vendor_order_now("delivered", DELIVERED, 5, [], **PARCEL, shipped_at=SHIPPED, delivered_at=DELIVERED),
    ),
    "cancelled_vendor_order": (
        "Given up",
        _vendor_order_now("cancelled", ACCEPTED, 3, [], order_status="cancelled", shipping_address=None),
    ),
    "dead_letter_page": ("A message that was not signed", _page(LETTER, "admin/dead-letters")),
    "retrying": ("Under way", {"id": LETTER["id"], "status": "retrying"}),
    "vendor_order_page": ("The first page", _page(VENDOR_ORDER, "vendor-orders")),
    "summary": (
        "A vendor's morning",
        {
            "counts": {"pending": 3, "processing": 1, "shipped": 4, "delivered": 28, "cancelled": 1},
            "to_accept": 2,
            "revenue": {"EUR": "1322.50"},
            "oldest_waiting_at": PLACED,
        },
    ),
}


def _told(entry: Json) -> str:
    return f"id: {entry['sequence']}\ndata: {json.dumps(entry, separators=(',', ':'))}\n\n"


STREAMS: dict[str, tuple[str, Any]] = {
    "events": ("Placed and paid", "retry: 1000\n" + "".join(map(_told, TRAIL))),
    "vendor_events": ("Paid and accepted", "retry: 1000\n" + "".join(map(_told, OF_VENDOR))),
}


def examples() -> dict[str, Any]:
    """Every example by its name."""
    every = {**REQUESTS, **ANSWERS, **STREAMS}
    return {name: {"summary": summary, "value": value} for name, (summary, value) in every.items()}
