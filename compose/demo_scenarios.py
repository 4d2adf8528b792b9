"""The lives of three orders, each step told by the service and by the neighbours' own ledgers: delivered, cancelled and
refunded, expired."""

import uuid
from collections.abc import Sequence

from compose.connection_info import Site
from compose.demo_client import PATIENCE_SECONDS, Json, Visitor
from compose.errors import StepError
from compose.progress import BOLD, Progress

PARCELS = {
    "v-atelier": {"carrier": "La Poste", "tracking_number": "6A12345678901"},
    "v-books": {"carrier": "DHL", "tracking_number": "JD014600003828", "tracking_url": "https://www.dhl.com/track"},
}
"""How the vendors of Ada's cart send things."""


def walk_delivered(site: Site, progress: Progress) -> None:
    """Ada's order is paid and goes through the hands of both its vendors, up to her door."""
    headline(progress, "Ada buys from two vendors, and both deliver")
    ada = Visitor(site, progress, "customer", "ada")
    order = paid(ada, place_order(ada)["id"])
    sold(ada, order["id"])
    vendors = [Visitor(site, progress, "vendor", f"{vendor_id}-clerk", vendor_id) for vendor_id in vendor_ids(order)]
    for action, so_far in (("accept", "processing"), ("ship", "shipped"), ("deliver", "delivered")):
        act_as_each(ada, vendors, order["id"], action, so_far)
    tell_history(ada, order["id"])


def walk_cancelled(site: Site, progress: Progress) -> None:
    """Grace's order is paid, and then she thinks better of it."""
    headline(progress, "Grace buys, pays, and changes her mind")
    grace = Visitor(site, progress, "customer", "grace")
    order = paid(grace, place_order(grace)["id"])
    sold(grace, order["id"])
    with progress.step("Cancel") as step:
        cancelled = grace.ask("POST", f"/orders/{order['id']}/cancel", body={"reason": "A gift came first."})
        step.note = f"the order is {cancelled['status']}, and so are both vendors' parts"
    with progress.step("Refund") as step:
        refunded = grace.order_when(order["id"], payment_status="refunded")
        payment = grace.control("GET", f"/ledger/payment/{order['id']}")
        step.note = f"Payment returned {money(refunded)}: captured and refunded {payment['refunded_minor']} minor units"
    with progress.step("Stock") as step:
        back = grace.ledger_when(
            f"product/{order['id']}", lambda page: page["restocked"] == page["lines"], "Product has it back"
        )
        step.note = f"Product has {units(back)} back on the shelf"
    tell_history(grace, order["id"])


def walk_expired(site: Site, progress: Progress) -> None:
    """Grace orders again, and nobody pays."""
    headline(progress, "Grace buys, nobody pays")
    grace = Visitor(site, progress, "customer", "grace")
    before = grace.control("PUT", "/payments", {})
    grace.control("PUT", "/payments", {"behaviour": "ignore"})
    try:
        order_id = place_order(grace)["id"]
        with progress.step("Payment") as step:
            grace.control("PUT", f"/payments/{order_id}", {"behaviour": "ignore"})
            grace.ledger_when(f"payment/{order_id}", lambda page: bool(page["heard"]), "Payment was asked")
            step.note = "was asked, and says nothing"
    finally:
        grace.control("PUT", "/payments", before)
    with progress.step("Expiry") as step:
        order = grace.order_when(order_id, site.expiry_seconds + PATIENCE_SECONDS, status="expired")
        step.note = f"nobody paid for {site.expiry_seconds} s: the order is {order['status']}"
    with progress.step("Stock") as step:
        hold = grace.ledger_when(f"product/{order_id}", lambda page: bool(page["releases"]), "Product has it back")
        step.note = f"Product has {units(hold)} back on the shelf"


def place_order(customer: Visitor) -> Json:
    """From a filled cart to a pending order."""
    with customer.progress.step("Cart") as step:
        cart = customer.control("POST", f"/carts/{customer.name}/refill")
        step.note = "filled with " + ", ".join(f"{item['quantity']} {item['product_id']}" for item in cart["items"])
    with customer.progress.step("Quote") as step:
        quote = customer.ask("POST", "/orders/quote", body={})
        step.note = f"would cost {money(quote)}; nothing is held"
    with customer.progress.step("Checkout") as step:
        order = customer.ask("POST", "/orders", body={"expected_total": quote["total"]}, key=str(uuid.uuid4()))
        vendors = " and ".join(vendor_ids(order))
        step.note = f"order {order['number']} is {order['status']}: {money(order)}, from {vendors}"
        if order["status"] != "pending":
            raise StepError(f"A new order is pending, this one is {order['status']}.")
    return order


def paid(customer: Visitor, order_id: str) -> Json:
    """Wait for Payment's word."""
    with customer.progress.step("Payment") as step:
        order = customer.order_when(order_id, status="confirmed")
        step.note = f"captured {money(order)}: the order is {order['status']} and {order['payment_status']}"
    return order


def sold(customer: Visitor, order_id: str) -> None:
    """What Product and Cart say of a paid order."""
    with customer.progress.step("Stock") as step:
        hold = customer.ledger_when(f"product/{order_id}", lambda page: bool(page["commits"]), "Product sold the stock")
        step.note = f"Product sold {units(hold)}"
    with customer.progress.step("Cart") as step:
        clears = customer.ledger_when(f"cart/{order_id}", lambda page: bool(page["in_effect"]), "Cart was cleared")
        step.note = (
            f"Cart was emptied once, asked {clears['heard']} times" if clears["heard"] > 1 else "Cart was emptied"
        )


def act_as_each(customer: Visitor, vendors: Sequence[Visitor], order_id: str, action: str, so_far: str) -> None:
    """Each vendor does the same with its own part; the order follows when the last has."""
    for vendor in vendors:
        with vendor.progress.step(action.capitalize()) as step:
            own = vendor.ask("GET", f"/vendor-orders?q={customer.ask('GET', f'/orders/{order_id}')['number']}")
            part = own["results"][0]
            body = PARCELS[part["vendor_id"]] if action == "ship" else {}
            done = vendor.ask("POST", f"/vendor-orders/{part['id']}/{action}", body=body)
            order = customer.ask("GET", f"/orders/{order_id}")
            parcel = f" with {done['carrier']}, {done['tracking_number']}" if action == "ship" else ""
            step.note = f"{part['vendor_id']}: its part is {done['status']}{parcel}; the order is {order['status']}"
    if order["status"] != so_far:
        raise StepError(f"After every vendor's {action} the order is {order['status']}, not {so_far}.")


def tell_history(customer: Visitor, order_id: str) -> None:
    """The order's audit trail, as the customer can read it."""
    with customer.progress.step("History") as step:
        entries = customer.ask("GET", f"/orders/{order_id}/history")["results"]
        step.note = f"{len(entries)} entries"
    for entry in entries:
        customer.progress.say(
            f"      {entry['sequence']:>2}  {entry['at'][11:19]}  {entry['type']} by {entry['actor_role']}"
        )


def headline(progress: Progress, text: str) -> None:
    progress.say(f"\n{progress.paint(text, BOLD)}\n")


def vendor_ids(order: Json) -> list[str]:
    return [part["vendor_id"] for part in order["vendor_orders"]]


def money(order: Json) -> str:
    return f"{order['currency']} {order['total']}"


def units(hold: Json) -> str:
    count = sum(hold["lines"].values())
    return f"{count} unit{'s' if count > 1 else ''} of {len(hold['lines'])} products"
