"""The actions on a vendor order: accept, ship, deliver, cancel. The order's status follows its vendor orders.

Every action is idempotent: a repetition returns the same state. The order's row is locked first, so that concurrent
changes of the order are serialized.
"""

import uuid
from collections.abc import Collection
from dataclasses import asdict, dataclass

from django.db import transaction

from orders.domain.callers import Actor, Caller
from orders.domain.errors import IllegalTransition
from orders.domain.lifecycle import VENDOR_ORDER_ACTIONS, OrderStatus, VendorOrderStatus, roll_up, vendor_order_actions
from orders.domain.records import VendorOrderRecord
from orders.outbox.effects import restock_items
from orders.services.payments.ledger import ledger_of
from orders.services.payments.refunds import request_due_refund
from orders.services.transition import OrderTransition, lock_order
from orders.store.changes import Tags, check_version
from orders.store.models import Order, VendorOrder
from orders.store.order_queries import read_vendor_order

ANNOUNCED = {OrderStatus.CANCELLED, OrderStatus.DELIVERED}


@dataclass(frozen=True, slots=True)
class Shipment:
    """The carrier and the tracking of a parcel."""

    carrier: str
    tracking_number: str
    tracking_url: str | None

    @classmethod
    def of(cls, vendor_order: VendorOrder) -> "Shipment":
        """Return the vendor order's current shipment."""
        return cls(vendor_order.carrier or "", vendor_order.tracking_number or "", vendor_order.tracking_url)


def accept(*, caller: Caller, vendor_order_id: uuid.UUID, if_match: Tags, request_id: str) -> VendorOrderRecord:
    """Accept the vendor order and return its record. Raises NotFound, PreconditionFailed, IllegalTransition."""
    return _act("accept", caller, vendor_order_id, if_match, request_id)


def ship(
    *, caller: Caller, vendor_order_id: uuid.UUID, if_match: Tags, request_id: str, shipment: Shipment
) -> VendorOrderRecord:
    """Ship the vendor order and return its record; until it is delivered, another shipment replaces the first one.

    Raises NotFound, PreconditionFailed, IllegalTransition.
    """
    return _act("ship", caller, vendor_order_id, if_match, request_id, shipment)


def deliver(*, caller: Caller, vendor_order_id: uuid.UUID, if_match: Tags, request_id: str) -> VendorOrderRecord:
    """Deliver the vendor order and return its record. Raises NotFound, PreconditionFailed, IllegalTransition."""
    return _act("deliver", caller, vendor_order_id, if_match, request_id)


def cancel(*, caller: Caller, vendor_order_id: uuid.UUID, if_match: Tags, request_id: str) -> VendorOrderRecord:
    """Cancel, refund and restock the vendor order, and return its record.

    Raises NotFound, PreconditionFailed, IllegalTransition.
    """
    return _act("cancel", caller, vendor_order_id, if_match, request_id)


@transaction.atomic
def _act(
    action: str,
    caller: Caller,
    vendor_order_id: uuid.UUID,
    if_match: Tags,
    request_id: str,
    shipment: Shipment | None = None,
) -> VendorOrderRecord:
    visible = VendorOrder.objects.visible_to(caller).filter(id=vendor_order_id)
    order = lock_order(orders=Order.objects.filter(id__in=visible.values("order_id")))
    vendor_orders = list(order.vendor_orders.all())
    vendor_order = next(each for each in vendor_orders if each.id == vendor_order_id)
    is_repeated = vendor_order.status == VENDOR_ORDER_ACTIONS[action]
    if not is_repeated or shipment not in (None, Shipment.of(vendor_order)):
        check_version(if_match=if_match, version=vendor_order.version)
        transition = OrderTransition(order, Actor.of(caller, request_id))
        if is_repeated and shipment:
            _correct_tracking(transition, vendor_order, shipment)
        else:
            _transition(transition, vendor_order, vendor_orders, action, shipment)
        transition.save()
    return read_vendor_order(caller, vendor_order_id)


def _correct_tracking(transition: OrderTransition, vendor_order: VendorOrder, shipment: Shipment) -> None:
    replaced = asdict(Shipment.of(vendor_order))
    _set_shipment(vendor_order, shipment)
    transition.correct_tracking(vendor_order, replaced=replaced)


def _transition(
    transition: OrderTransition,
    vendor_order: VendorOrder,
    vendor_orders: Collection[VendorOrder],
    action: str,
    shipment: Shipment | None,
) -> None:
    """Transition one of the order's vendor orders, and the order by all of them."""
    order, wanted = transition.order, VENDOR_ORDER_ACTIONS[action]
    if action not in vendor_order_actions(order.status, vendor_order.status):
        why = "the order is not confirmed yet" if order.status == OrderStatus.PENDING else ""
        raise IllegalTransition(vendor_order.status, wanted, why)
    if shipment is not None:
        _set_shipment(vendor_order, shipment)
        vendor_order.shipped_at = transition.at
    if wanted == VendorOrderStatus.DELIVERED:
        vendor_order.delivered_at = transition.at
    transition.transition_vendor_order(vendor_order, wanted)
    _roll_up(transition, vendor_orders)
    if wanted == VendorOrderStatus.CANCELLED:
        refund = request_due_refund(order=order, ledger=ledger_of(order=order), at=transition.at)
        transition.enqueue(restock_items(), *refund)


def _roll_up(transition: OrderTransition, vendor_orders: Collection[VendorOrder]) -> None:
    """Transition the order to the status that follows from its vendor orders."""
    for status in roll_up(transition.order.status, [each.status for each in vendor_orders]):
        transition.transition_to(status)
        if status in ANNOUNCED:
            transition.announce(f"order.{status}")


def _set_shipment(vendor_order: VendorOrder, shipment: Shipment) -> None:
    vendor_order.carrier, vendor_order.tracking_number = shipment.carrier, shipment.tracking_number
    vendor_order.tracking_url = shipment.tracking_url
