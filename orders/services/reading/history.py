"""An order's audit trail: that of one version of the order, and the new entries for streams."""

import uuid

from django.db.models import Q, QuerySet

from orders.domain.callers import Caller
from orders.domain.errors import NotFound
from orders.domain.lifecycle import OrderStatus, VendorOrderStatus
from orders.domain.records import OrderRecord
from orders.store.models import Order, OrderEvent, VendorOrder

CONFIRMED = f"order.{OrderStatus.CONFIRMED}"

MAX_ENTRIES = 1000
"""Maximum entries of one read; far above the length of any trail."""


def trail_of(*, order: OrderRecord) -> list[OrderEvent]:
    """Return the audit trail of this version of the order, oldest first: without what has happened since it was read."""
    return list(_entries(order.row.id).filter(sequence__lte=order.row.event_count)[:MAX_ENTRIES])


def ensure_order_visible(*, caller: Caller, order_id: uuid.UUID) -> None:
    """Raise NotFound unless the order is visible to this caller."""
    if not Order.objects.visible_to(caller).filter(id=order_id).exists():
        raise NotFound()


def ensure_vendor_order_visible(*, caller: Caller, vendor_order_id: uuid.UUID) -> uuid.UUID:
    """Raise NotFound unless the vendor order is visible to this caller; return the id of its order."""
    visible = VendorOrder.objects.visible_to(caller).filter(id=vendor_order_id)
    order_id = visible.values_list("order_id", flat=True).first()
    if order_id is None:
        raise NotFound()
    return order_id


def entries(*, order_id: uuid.UUID, after: int) -> list[OrderEvent]:
    """Return the order's entries after sequence `after`, oldest first."""
    return list(_entries(order_id).filter(sequence__gt=after)[:MAX_ENTRIES])


def vendor_order_entries(*, vendor_order_id: uuid.UUID, after: int) -> tuple[list[OrderEvent], int]:
    """Return the vendor order's own entries after number `after`, and the length of the order's trail that they cover.

    They are numbered separately, so that other vendors' entries leave no gap. The first is the order's confirmation, before
    which no vendor acts: it is one entry of the order's trail, common to all of its vendors.
    """
    (order_id, event_count) = VendorOrder.objects.values_list("order_id", "order__event_count").get(id=vendor_order_id)
    own = _entries(order_id).filter(Q(vendor_order_id=vendor_order_id) | Q(type=CONFIRMED))[:MAX_ENTRIES]
    numbered = (_numbered(entry, number) for number, entry in enumerate(own, start=1))
    return [entry for entry in numbered if entry.sequence > after], event_count


def _entries(order_id: uuid.UUID) -> QuerySet[OrderEvent]:
    return OrderEvent.objects.filter(order_id=order_id).order_by("sequence")


def _numbered(entry: OrderEvent, number: int) -> OrderEvent:
    if entry.type == CONFIRMED:
        entry.type = f"vendor_{CONFIRMED}"
        entry.from_status = entry.to_status = VendorOrderStatus.PENDING
    entry.sequence = number
    return entry
