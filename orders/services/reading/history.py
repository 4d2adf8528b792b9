"""An order's audit trail: the whole history, the timeline for tracking, and the new entries for streams."""

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
"""Maximum entries of one read; far above the length of any trail."""


@dataclass(frozen=True, slots=True)
class Tracked:
    """An order and its audit trail, oldest first."""

    order: OrderRecord
    timeline: Sequence[OrderEvent]


@dataclass(frozen=True, slots=True)
class Trail:
    """The audit trail of a version of an order, oldest first."""

    version: int
    entries: Sequence[OrderEvent]


def track(*, caller: Caller, order_id: uuid.UUID) -> Tracked:
    """Return the order's shipments and timeline. Raises NotFound."""
    order = read_order(caller, order_id)
    return Tracked(order, entries(order_id=order_id, until=order.row.event_count))


def history(*, caller: Caller, order_id: uuid.UUID) -> Trail:
    """Return the order's audit trail. Raises NotFound."""
    visible = Order.objects.visible_to(caller).filter(id=order_id)
    for version, event_count in visible.values_list("version", "event_count"):
        return Trail(version, entries(order_id=order_id, until=event_count))
    raise NotFound()


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


def entries(*, order_id: uuid.UUID, after: int = 0, until: int | None = None) -> list[OrderEvent]:
    """Return the order's entries after sequence `after`, oldest first; with `until`, up to that one.

    The `event_count` of an order that was read before is the end of its trail in that version, which its entity tag names.
    """
    found = OrderEvent.objects.filter(order_id=order_id, sequence__gt=after)
    if until is not None:
        found = found.filter(sequence__lte=until)
    return list(found.order_by("sequence")[:MAX_ENTRIES])


def vendor_order_entries(*, vendor_order_id: uuid.UUID, after: int) -> tuple[list[OrderEvent], int]:
    """Return the vendor order's own entries after number `after`, and the length of the order's trail that they cover.

    They are numbered separately, so that other vendors' entries leave no gap. The first is the order's confirmation, before
    which no vendor acts: it is one entry of the order's trail, common to all of its vendors.
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
