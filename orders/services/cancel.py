"""Cancelling a whole order: by its customer, an admin, or the service itself when its stock is gone."""

import uuid

from django.db import transaction

from orders import outbox
from orders.callers import Actor
from orders.errors import NotCancellable
from orders.lifecycle import OrderStatus, VendorOrderStatus, admin_may_cancel
from orders.models import Order
from orders.services.change import Change, ledger_of, locked, refund_due


@transaction.atomic
def cancel_for_lack_of_stock(order_id: uuid.UUID, request_id: str) -> None:
    """The money came when the hold was gone, and the stock is short: cancel the order and give the money back.

    Repeatable. Raises NotCancellable when something has been shipped all the same.
    """
    order = locked(Order.objects.all(), order_id)
    if order.status == OrderStatus.CANCELLED:
        return
    statuses = list(order.vendor_orders.values_list("status", flat=True))
    if not admin_may_cancel(order.status, statuses):
        raise NotCancellable(f"A {order.status} order can't be cancelled for lack of stock.")
    change = Change(order, Actor("system", None, request_id))
    cancel(change, "out_of_stock")
    change.save()


def cancel(change: Change, reason: str) -> None:
    """Cancel every part of the order, ask for the money back, or call the payment off when none was captured."""
    order = change.order
    parts = order.vendor_orders.select_for_update().order_by("vendor_id").exclude(status=VendorOrderStatus.CANCELLED)
    for vendor_order in parts:
        change.move_vendor_order(vendor_order, VendorOrderStatus.CANCELLED, reason=reason)
        change.announce("vendor_order.cancelled", vendor_id=vendor_order.vendor_id)
    change.move(OrderStatus.CANCELLED, reason=reason)
    change.announce("order.cancelled", reason=reason)
    call_off_payment(change)


def call_off_payment(change: Change) -> None:
    """The order keeps no money any more: return what was captured, and let nothing more be captured."""
    ledger = ledger_of(change.order)
    refund_due(change, ledger)
    if not ledger.captured and change.order.total:
        change.then(outbox.publish(outbox.payment_command("payment.cancel_requested", change.order, change.at)))
