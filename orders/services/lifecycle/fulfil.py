"""What a vendor does with a vendor order: accept, ship, deliver, cancel. The whole order follows its parts.

Every action may be repeated: what has been done already answers with the same state. The order's row is locked first, so
whatever else happens to the order at the same moment comes before or after, never in between.
"""

import uuid
from dataclasses import asdict, dataclass

from django.db import transaction

from orders.domain.callers import Actor, Caller
from orders.domain.errors import IllegalTransition, NotFound, PreconditionFailed
from orders.domain.lifecycle import VENDOR_ORDER_ACTIONS, OrderStatus, VendorOrderStatus, roll_up, vendor_order_actions
from orders.outbox.effects import restock_items
from orders.services.lifecycle.transition import OrderTransition, locked
from orders.services.payments.ledger import ledger_of
from orders.services.payments.refunds import refund_due
from orders.store.models import Order, VendorOrder

Tags = frozenset[str] | None
"""The entity tags of an If-Match header, quotes included; None when any version will do."""

ANNOUNCED = {OrderStatus.CANCELLED, OrderStatus.DELIVERED}


@dataclass(frozen=True, slots=True)
class Shipment:
    """How a parcel travels."""

    carrier: str
    tracking_number: str
    tracking_url: str | None


def accept(caller: Caller, vendor_order_id: uuid.UUID, if_match: Tags, request_id: str) -> None:
    """The vendor takes the order on. Raises NotFound, PreconditionFailed, IllegalTransition."""
    _act("accept", caller, vendor_order_id, if_match, request_id)


def ship(caller: Caller, vendor_order_id: uuid.UUID, if_match: Tags, request_id: str, shipment: Shipment) -> None:
    """The parcel is on its way; once more with another shipment, until it is delivered, corrects what was said of it.

    Raises NotFound, PreconditionFailed, IllegalTransition.
    """
    _act("ship", caller, vendor_order_id, if_match, request_id, shipment)


def deliver(caller: Caller, vendor_order_id: uuid.UUID, if_match: Tags, request_id: str) -> None:
    """The parcel has arrived. Raises NotFound, PreconditionFailed, IllegalTransition."""
    _act("deliver", caller, vendor_order_id, if_match, request_id)


def cancel(caller: Caller, vendor_order_id: uuid.UUID, if_match: Tags, request_id: str) -> None:
    """The vendor can't fulfil its part: that part alone is refunded and restocked. Raises as the others do."""
    _act("cancel", caller, vendor_order_id, if_match, request_id)


@transaction.atomic
def _act(
    action: str,
    caller: Caller,
    vendor_order_id: uuid.UUID,
    if_match: Tags,
    request_id: str,
    shipment: Shipment | None = None,
) -> None:
    order_id = (
        VendorOrder.objects.visible_to(caller).filter(id=vendor_order_id).values_list("order_id", flat=True).first()
    )
    if order_id is None:
        raise NotFound()
    order = locked(Order.objects.all(), order_id)
    vendor_order = order.vendor_orders.get(id=vendor_order_id)
    wanted = VENDOR_ORDER_ACTIONS[action]
    if vendor_order.status == wanted and (shipment is None or _travels(vendor_order) == shipment):
        return
    check_version(if_match, vendor_order.version)
    transition = OrderTransition(order, Actor.of(caller, request_id))
    if shipment is not None and vendor_order.status == wanted:
        replaced = asdict(_travels(vendor_order))
        _set_shipment(vendor_order, shipment)
        transition.correct_tracking(vendor_order, replaced=replaced)
        transition.save()
        return
    if action not in vendor_order_actions(order.status, vendor_order.status):
        why = "the order is not confirmed yet" if order.status == OrderStatus.PENDING else ""
        raise IllegalTransition(vendor_order.status, wanted, why)
    if shipment is not None:
        _set_shipment(vendor_order, shipment)
        vendor_order.shipped_at = transition.at
    if wanted == VendorOrderStatus.DELIVERED:
        vendor_order.delivered_at = transition.at
    transition.transition_vendor_order(vendor_order, wanted)
    if wanted == VendorOrderStatus.CANCELLED:
        transition.enqueue(restock_items())
    _follow(transition)
    transition.save()


def check_version(if_match: Tags, present: int) -> None:
    """Raise PreconditionFailed when an action was meant for another version than the present one."""
    if if_match is not None and f'"{present}"' not in if_match:
        raise PreconditionFailed(f"This is at version {present} now: look at it again, then act.")


def _follow(transition: OrderTransition) -> None:
    """Let the order be what its parts make it, and return the money for those that were cancelled."""
    statuses = list(transition.order.vendor_orders.values_list("status", flat=True))
    for step in roll_up(transition.order.status, statuses):
        transition.transition_to(step)
        if step in ANNOUNCED:
            transition.announce(f"order.{step}")
    refund_due(transition, ledger_of(transition.order))


def _set_shipment(vendor_order: VendorOrder, shipment: Shipment) -> None:
    vendor_order.carrier, vendor_order.tracking_number = shipment.carrier, shipment.tracking_number
    vendor_order.tracking_url = shipment.tracking_url


def _travels(vendor_order: VendorOrder) -> Shipment:
    return Shipment(vendor_order.carrier or "", vendor_order.tracking_number or "", vendor_order.tracking_url)
