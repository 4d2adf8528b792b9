"""The common parts of every change of an order: row lock, version check, transitions, audit entries, effects.

Used within the transactions of the use cases.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db.models import F

from orders.coupons import redemptions
from orders.domain.callers import Actor
from orders.domain.errors import NotFound
from orders.domain.lifecycle import (
    TERMINATED,
    OrderStatus,
    VendorOrderStatus,
    check_order_step,
    check_vendor_order_step,
)
from orders.outbox import queue
from orders.outbox.effects import Effect, publish
from orders.outbox.messages import order_event
from orders.store.changes import database_time
from orders.store.models import Order, OrderEvent, OrderQuerySet, VendorOrder

CHANGING = ("status", "payment_status", "version", "event_count", "updated_at")
"""The columns of an order that change after it is placed."""


@dataclass
class OrderTransition:
    """A change of a locked order by one actor. `save` writes the order, its audit entries and its effects.

    `at` is the database's time, because the clocks of servers differ, and never earlier than the order's last change, so
    that polling with `updated_since` misses no change.
    """

    order: Order
    actor: Actor
    at: datetime = field(init=False)
    events: list[OrderEvent] = field(default_factory=list)
    effects: list[Effect] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.at = max(database_time(), self.order.updated_at)

    def transition_to(self, wanted: OrderStatus, **data: Any) -> None:
        """Transition the order to status `wanted`. Raises IllegalTransition."""
        check_order_step(self.order.status, wanted)
        self._record(f"order.{wanted}", self.order.status, wanted, data)
        self.order.status = wanted
        if self.order.coupons and wanted == OrderStatus.CONFIRMED:
            redemptions.redeem(order_id=self.order.id, at=self.at)
        if self.order.coupons and wanted in TERMINATED:
            redemptions.release(order_id=self.order.id, at=self.at)
        if wanted == OrderStatus.CONFIRMED:  # visible to vendors, so their vendor orders have changed
            self.order.vendor_orders.update(version=F("version") + 1, updated_at=self.at)

    def transition_vendor_order(self, vendor_order: VendorOrder, wanted: VendorOrderStatus, **data: Any) -> None:
        """Transition a vendor order to status `wanted`, save it and publish the event. Raises IllegalTransition."""
        check_vendor_order_step(vendor_order.status, wanted)
        self._record(f"vendor_order.{wanted}", vendor_order.status, wanted, data, vendor_order)
        vendor_order.status = wanted
        self._save_vendor_order(vendor_order)
        self.announce(f"vendor_order.{wanted}", vendor_order_id=str(vendor_order.id), vendor_id=vendor_order.vendor_id)

    def correct_tracking(self, vendor_order: VendorOrder, **data: Any) -> None:
        """Save the new tracking of a shipped vendor order. It is no transition, so no message is published to `orders.events`."""
        status = vendor_order.status
        self._record("vendor_order.tracking_changed", status, status, data, vendor_order)
        self._save_vendor_order(vendor_order)

    def transition_payment(self, wanted: str) -> None:
        """Transition the payment to status `wanted`, unless it has that status."""
        if wanted != self.order.payment_status:
            self._record(f"payment.{wanted}", self.order.payment_status, wanted, {})
            self.order.payment_status = wanted

    def enqueue(self, *effects: Effect) -> None:
        """Enqueue `effects` for execution after the commit."""
        self.effects += effects

    def announce(self, type_: str, **more: Any) -> None:
        """Publish an event of the order to `orders.events`."""
        self.enqueue(publish(order_event(type_, self.order, self.at, **more)))

    def save(self) -> None:
        """Write the order, its new audit entries and its effects."""
        if self.events:
            self.order.version += 1
            self.order.updated_at = self.at
            self.order.save(update_fields=CHANGING)
            OrderEvent.objects.bulk_create(self.events)
        queue.add(self.order, self.actor.request_id, self.effects)

    def _save_vendor_order(self, vendor_order: VendorOrder) -> None:
        vendor_order.updated_at = self.at
        vendor_order.version += 1
        vendor_order.save()

    def _record(
        self, type_: str, from_: str, to: str, data: dict[str, Any], vendor_order: VendorOrder | None = None
    ) -> None:
        self.order.event_count += 1
        entry = OrderEvent(
            order=self.order,
            vendor_order=vendor_order,
            sequence=self.order.event_count,
            type=type_,
            from_status=from_,
            to_status=to,
            actor_role=self.actor.role,
            actor_id=self.actor.id,
            request_id=self.actor.request_id,
            data=data,
            at=self.at,
        )
        self.events.append(entry)


def lock_order(*, orders: OrderQuerySet) -> Order:
    """Return the one order of `orders`, locked until the transaction ends. Raises NotFound."""
    order = orders.select_for_update(of=("self",)).first()
    if order is None:
        raise NotFound()
    return order
