"""The lifecycles of four orders: delivered; cancelled and refunded; with coupons; expired. The service and the neighbours'
ledgers confirm each step."""

import uuid
from collections.abc import Sequence
from datetime import UTC, datetime

from compose.connection_info import ConnectionInfo
from compose.demo_client import TIMEOUT_SECONDS, DemoClient, Json
from compose.errors import StepError
from compose.progress import Progress

PARCELS = {
    "v-atelier": {"carrier": "La Poste", "tracking_number": "6A12345678901"},
    "v-books": {"carrier": "DHL", "tracking_number": "JD014600003828", "tracking_url": "https://www.dhl.com/track"},
}
"""The shipments by the vendors of Ada's cart."""

SCOPES = {"all vendors": None, "v-atelier": "v-atelier", "v-books": "v-books"}
SALES = ("orders", "items", "gross", "discount", "cancelled", "revenue")


def show_delivery(info: ConnectionInfo, progress: Progress) -> None:
    """Show the delivery of Ada's paid order by both of its vendors."""
    progress.print("\nAda buys from two vendors, and both deliver\n", "bold")
    ada = DemoClient(info, progress, "customer", "ada")
    order = wait_until_paid(ada, place_order(ada)["id"])
    show_sale(ada, order["id"])
    vendors = [DemoClient(info, progress, "vendor", f"{vendor_id}-clerk", vendor_id) for vendor_id in vendor_ids(order)]
    for action, expected in (("accept", "processing"), ("ship", "shipped"), ("deliver", "delivered")):
        act_as_each(ada, vendors, order["id"], action, expected)
    show_history(ada, order["id"])


def show_cancellation(info: ConnectionInfo, progress: Progress) -> None:
    """Show the cancellation and refund of Grace's paid order."""
    progress.print("\nGrace buys, pays, and cancels\n", "bold")
    grace = DemoClient(info, progress, "customer", "grace")
    order = wait_until_paid(grace, place_order(grace)["id"])
    show_sale(grace, order["id"])
    with progress.step("Cancel") as step:
        cancelled = grace.call("POST", f"/orders/{order['id']}/cancel", body={"reason": "A gift came first."})
        step.note = f"the order is {cancelled['status']}, and so are both vendors' parts"
    with progress.step("Refund") as step:
        refunded = grace.wait_for_order(order["id"], payment_status="refunded")
        payment = grace.control("GET", f"/ledger/payment/{order['id']}")
        step.note = f"Payment returned {money(refunded)}: captured and refunded {payment['refunded_minor']} minor units"
    with progress.step("Stock") as step:
        back = grace.wait_for_ledger(
            f"product/{order['id']}", lambda page: page["restocked"] == page["lines"], "Product has it back"
        )
        step.note = f"Product has {units(back)} available again"
    show_history(grace, order["id"])


def show_sales(info: ConnectionInfo, progress: Progress) -> None:
    """Show today's sales, as an admin's report and as those of the vendors."""
    progress.print("\nOlga looks at today's sales\n", "bold")
    olga = DemoClient(info, progress, "admin", "olga")
    with progress.step("Report") as step:
        reports = {who: sales_today(olga, vendor_id) for who, vendor_id in SCOPES.items()}
        step.note = "what is cancelled is taken off on the day of the cancellation"
    progress.print("      " + "".join(f"{name:>12}" for name in ("", "currency", *SALES)), "bright_black")
    for who, totals in reports.items():
        for row in totals:
            figures = "".join(f"{row[name]:>12}" for name in ("currency", *SALES))
            progress.print(f"      {who:>12}{figures}")


def sales_today(admin: DemoClient, vendor_id: str | None) -> Sequence[Json]:
    """Return the totals of today in UTC, one for each currency; of all vendors or of one."""
    scope = f"&vendor_id={vendor_id}" if vendor_id else ""
    totals: Sequence[Json] = admin.call("GET", f"/analytics/sales?from={datetime.now(UTC):%Y-%m-%d}{scope}")["totals"]
    return totals


def show_expiry(info: ConnectionInfo, progress: Progress) -> None:
    """Show the expiry of Grace's unpaid order."""
    progress.print("\nGrace buys, and does not pay\n", "bold")
    grace = DemoClient(info, progress, "customer", "grace")
    before = grace.control("PUT", "/payments", {})
    grace.control("PUT", "/payments", {"behaviour": "ignore"})
    try:
        order_id = place_order(grace)["id"]
        with progress.step("Payment") as step:
            grace.control("PUT", f"/payments/{order_id}", {"behaviour": "ignore"})
            grace.wait_for_ledger(f"payment/{order_id}", lambda page: page["heard"], "Payment was asked")
            step.note = "was requested; Payment does not respond"
    finally:
        grace.control("PUT", "/payments", before)
    with progress.step("Expiry") as step:
        order = grace.wait_for_order(order_id, info.expiry_seconds + TIMEOUT_SECONDS, status="expired")
        step.note = f"not paid within {info.expiry_seconds} s: the order is {order['status']}"
    with progress.step("Stock") as step:
        hold = grace.wait_for_ledger(f"product/{order_id}", lambda page: page["releases"], "Product has it back")
        step.note = f"Product has {units(hold)} available again"


def show_coupons(info: ConnectionInfo, progress: Progress) -> None:
    """Show an order with a vendor's coupon and one of the platform, which runs out; a cancelled order gives its use back."""
    progress.print("\nAda uses two coupons, and takes the last use of one\n", "bold")
    olga = DemoClient(info, progress, "admin", "olga")
    vera = DemoClient(info, progress, "vendor", "vera", "v-atelier")
    ada, grace = DemoClient(info, progress, "customer", "ada"), DemoClient(info, progress, "customer", "grace")
    with progress.step("Coupons") as step:
        five = {"kind": "fixed_amount", "amount": "5.00", "currency": "EUR", "usage_limit": 1, "stackable": True}
        last = olga.call("POST", "/coupons", body=five)["code"]
        own = vera.call("POST", "/coupons", body={"kind": "percentage", "percent": "15.00", "stackable": True})["code"]
        step.note = f"{last}: 5.00 off, funded by the platform, once; {own}: 15 % off, funded by v-atelier"
    order = place_order(ada, last, own)
    with progress.step("Discount") as step:
        step.note = ", ".join(f"{each['code']} takes off {each['discount']}" for each in order["coupons"])
    with progress.step("Vendor") as step:
        [part] = vera.call("GET", f"/vendor-orders?q={order['number']}")["results"]
        step.note = f"v-atelier sees {part['coupons'][0]['code']} only; the platform bears {part['platform_discount']}"
    grace.control("POST", "/carts/grace/refill")
    with progress.step("Refusal") as step:
        refused = grace.refusal("POST", "/orders", body={"coupon_code": last}, key=str(uuid.uuid4()))
        step.note = f"Grace names {last}: {refused['reason']}"
    with progress.step("Cancel") as step:
        ada.call("POST", f"/orders/{order['id']}/cancel")
        uses = olga.call("GET", f"/coupons/{last}")["times_used"]
        step.note = f"Ada's order is cancelled: {last} has {uses} uses and is free again"


def place_order(customer: DemoClient, *coupon_codes: str) -> Json:
    """Fill the cart and check out; return the pending order."""
    coupons: Json = {"coupon_codes": list(coupon_codes)}
    with customer.progress.step("Cart") as step:
        cart = customer.control("POST", f"/carts/{customer.name}/refill")
        step.note = "filled with " + ", ".join(f"{item['quantity']} {item['product_id']}" for item in cart["items"])
    with customer.progress.step("Quote") as step:
        quote = customer.call("POST", "/orders/quote", body=coupons)
        step.note = f"would cost {money(quote)}; nothing is held"
    with customer.progress.step("Checkout") as step:
        body = {**coupons, "expected_total": quote["total"]}
        order = customer.call("POST", "/orders", body=body, key=str(uuid.uuid4()))
        vendors = " and ".join(vendor_ids(order))
        step.note = f"order {order['number']} is {order['status']}: {money(order)}, from {vendors}"
        if order["status"] != "pending":
            raise StepError(f"A new order is pending, this one is {order['status']}.")
    return order


def wait_until_paid(customer: DemoClient, order_id: str) -> Json:
    """Wait until Payment has captured the order."""
    with customer.progress.step("Payment") as step:
        order = customer.wait_for_order(order_id, status="confirmed")
        step.note = f"captured {money(order)}: the order is {order['status']} and {order['payment_status']}"
    return order


def show_sale(customer: DemoClient, order_id: str) -> None:
    """Show the effects of a paid order at Product and Cart."""
    with customer.progress.step("Stock") as step:
        hold = customer.wait_for_ledger(f"product/{order_id}", lambda page: page["commits"], "Product sold the stock")
        step.note = f"Product sold {units(hold)}"
    with customer.progress.step("Cart") as step:
        clears = customer.wait_for_ledger(f"cart/{order_id}", lambda page: page["in_effect"], "Cart was cleared")
        step.note = f"Cart was emptied once, by {clears['heard']} calls" if clears["heard"] > 1 else "Cart was emptied"


def act_as_each(customer: DemoClient, vendors: Sequence[DemoClient], order_id: str, action: str, expected: str) -> None:
    """Execute an action as each vendor on its vendor order; the order follows after the last one."""
    for vendor in vendors:
        with vendor.progress.step(action.capitalize()) as step:
            own = vendor.call("GET", f"/vendor-orders?q={customer.call('GET', f'/orders/{order_id}')['number']}")
            part = own["results"][0]
            body = PARCELS[part["vendor_id"]] if action == "ship" else {}
            done = vendor.call("POST", f"/vendor-orders/{part['id']}/{action}", body=body)
            order = customer.call("GET", f"/orders/{order_id}")
            parcel = f" with {done['carrier']}, {done['tracking_number']}" if action == "ship" else ""
            step.note = f"{part['vendor_id']}: its part is {done['status']}{parcel}; the order is {order['status']}"
    if order["status"] != expected:
        raise StepError(f"After every vendor's {action} the order is {order['status']}, not {expected}.")


def show_history(customer: DemoClient, order_id: str) -> None:
    """Print the order's audit trail as shown to the customer."""
    with customer.progress.step("History") as step:
        entries = customer.call("GET", f"/orders/{order_id}/history")["results"]
        step.note = f"{len(entries)} entries"
    for entry in entries:
        customer.progress.print(
            f"      {entry['sequence']:>2}  {entry['at'][11:19]}  {entry['type']} by {entry['actor_role']}"
        )


def vendor_ids(order: Json) -> list[str]:
    return [part["vendor_id"] for part in order["vendor_orders"]]


def money(order: Json) -> str:
    return f"{order['currency']} {order['total']}"


def units(hold: Json) -> str:
    count = sum(hold["lines"].values())
    return f"{count} unit{'s' if count > 1 else ''} of {len(hold['lines'])} products"
