"""What has happened to an order, read from its audit trail: for people, for tracking, and entry by entry for streams."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import Q

from orders.domain.callers import Caller
from orders.domain.errors import NotFound
from orders.domain.lifecycle import OrderStatus, VendorOrderStatus
from orders.domain.records import OrderRecord
from orders.store.models import Order, OrderEvent, VendorOrder
from orders.store.order_queries import read_order

CONFIRMED = f"order.{OrderStatus.CONFIRMED}"

MAX_ENTRIES = 1000
"""Entries read at once; no order has come near it."""


@dataclass(frozen=True, slots=True)
class Tracked:
    """An order and what became of it, oldest first."""

    order: OrderRecord
    timeline: Sequence[OrderEvent]


def track(caller: Caller, order_id: uuid.UUID) -> Tracked:
    """The order's shipments and timeline. Raises NotFound."""
    return Tracked(read_order(caller, order_id), entries(order_id))


def history(caller: Caller, order_id: uuid.UUID) -> Sequence[OrderEvent]:
    """The order's audit trail, oldest first. Raises NotFound."""
    ensure_order_visible(caller, order_id)
    return entries(order_id)


def ensure_order_visible(caller: Caller, order_id: uuid.UUID) -> None:
    """Raise NotFound unless this caller may know of the order."""
    if not Order.objects.visible_to(caller).filter(id=order_id).exists():
        raise NotFound()


def ensure_vendor_order_visible(caller: Caller, vendor_order_id: uuid.UUID) -> uuid.UUID:
    """The id of the order that the vendor order belongs to. Raises NotFound unless this caller may know of it."""
    visible = VendorOrder.objects.visible_to(caller).filter(id=vendor_order_id)
    order_id = visible.values_list("order_id", flat=True).first()
    if order_id is None:
        raise NotFound()
    return order_id


def entries(order_id: uuid.UUID, after: int = 0) -> list[OrderEvent]:
    """The order's entries behind sequence `after`, oldest first."""
    return list(OrderEvent.objects.filter(order_id=order_id, sequence__gt=after).order_by("sequence")[:MAX_ENTRIES])


def vendor_order_entries(vendor_order_id: uuid.UUID, after: int) -> tuple[list[OrderEvent], int]:
    """The vendor order's own entries behind number `after`, and how far the whole order's trail is known with them.

    They are numbered by themselves: those of other vendors leave no gap that tells of them. The first is the order's
    confirmation, before which no vendor acts: it stands once in the order's trail, and concerns each of its vendors.
    """
    (order_id, event_count) = VendorOrder.objects.values_list("order_id", "order__event_count").get(id=vendor_order_id)
    trail = OrderEvent.objects.filter(order_id=order_id).order_by("sequence")
    own = trail.filter(Q(vendor_order_id=vendor_order_id) | Q(type=CONFIRMED))[:MAX_ENTRIES]
    numbered = (_numbered(entry, number) for number, entry in enumerate(own, start=1))
    return [entry for entry in numbered if entry.sequence > after], event_count


def _numbered(entry: OrderEvent, number: int) -> OrderEvent:
    if entry.type == CONFIRMED:
        entry.type = f"vendor_{CONFIRMED}"
        entry.from_status = entry.to_status = VendorOrderStatus.PENDING
    entry.sequence = number
    return entry
