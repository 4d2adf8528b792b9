"""`make demo`: an order's life, step by step, told by the service and by the neighbours' own ledgers.

It walks against the running stack of this checkout, or starts one for itself. The order that nobody pays has to expire
before our eyes: a running stack that gives it long is left alone, and a second one with a short expiry shows it.
"""

import sys
import time
import uuid
from collections.abc import Callable
from typing import Any, TypeVar

import httpx

from compose.command_line import run_command
from compose.errors import StepError
from compose.progress import BOLD, Progress
from compose.site import Site, running_site
from compose.stack import DATA, throwaway_stack

EXPIRY_SECONDS = 8  # of a stack started for the demo: a paid order takes three
PATIENCE_SECONDS = 30  # for what the service does in the background
POLL_SECONDS = 0.1
Json = dict[str, Any]
Seen = TypeVar("Seen")


class Visitor:
    """One customer in front of the service, with a look into the sandbox."""

    def __init__(self, name: str, site: Site, progress: Progress) -> None:
        self.name, self.progress = name, progress
        authorization = {"Authorization": f"Bearer {site.token('customer', name)}"}
        self._service = httpx.Client(base_url=f"{site.url}/api/v1", headers=authorization, timeout=10, trust_env=False)
        self._control = httpx.Client(base_url=site.control_url, timeout=10, trust_env=False)

    def ask(self, method: str, path: str, *, body: Json | None = None, key: str | None = None) -> Json:
        """A call of the service's API, which must succeed."""
        headers = {"Idempotency-Key": key} if key else {}
        return answer(self._service.request(method, path, json=body, headers=headers))

    def control(self, method: str, path: str, body: Json | None = None) -> Json:
        """A call of the sandbox's control, which must succeed."""
        return answer(self._control.request(method, path, json=body))

    def order_when(self, order_id: str, wanted: str, within: float = PATIENCE_SECONDS) -> Json:
        """The order as soon as its status is the wanted one."""

        def look() -> tuple[Json, bool]:
            order = self.ask("GET", f"/orders/{order_id}")
            return order, order["status"] == wanted

        return wait_until(f"the order is {wanted}", look, within)

    def ledger_when(self, path: str, true: Callable[[Json], bool], what: str) -> Json:
        """A page of the sandbox's ledger as soon as something is true of it."""

        def look() -> tuple[Json, bool]:
            page = self.control("GET", f"/ledger/{path}")
            return page, true(page)

        return wait_until(what, look, PATIENCE_SECONDS)


def answer(response: httpx.Response) -> Json:
    """The JSON of an answer. Raises StepError when it is not a success."""
    if not response.is_success:
        asked = f"{response.request.method} {response.request.url}"
        raise StepError(f"{asked} was answered with {response.status_code}: {response.text[:500]}")
    content: Json = response.json()
    return content


def wait_until(what: str, look: Callable[[], tuple[Seen, bool]], within: float) -> Seen:
    """Look until it is so. Raises StepError, with what was seen last, when that takes longer than `within` seconds."""
    end = time.monotonic() + within
    while True:
        seen, enough = look()
        if enough:
            return seen
        if time.monotonic() > end:
            raise StepError(f"Waited {within:.0f} s until {what}. Last seen: {seen}")
        time.sleep(POLL_SECONDS)


def money(order: Json, amount: str = "total") -> str:
    return f"{order['currency']} {order[amount]}"


def place_order(visitor: Visitor) -> Json:
    """From a filled cart to a pending order."""
    with visitor.progress.step("Cart") as step:
        cart = visitor.control("POST", f"/carts/{visitor.name}/refill")
        step.note = "filled with " + ", ".join(f"{item['quantity']} {item['product_id']}" for item in cart["items"])
    with visitor.progress.step("Quote") as step:
        quote = visitor.ask("POST", "/orders/quote", body={})
        step.note = f"would cost {money(quote)}; nothing is held"
    with visitor.progress.step("Checkout") as step:
        order = visitor.ask("POST", "/orders", body={"expected_total": quote["total"]}, key=str(uuid.uuid4()))
        vendors = " and ".join(part["vendor_id"] for part in order["vendor_orders"])
        step.note = f"order {order['number']} is {order['status']}: {money(order)}, from {vendors}"
        if order["status"] != "pending":
            raise StepError(f"A new order is pending, this one is {order['status']}.")
    return order


def a_paid_order(visitor: Visitor) -> None:
    """Cart, checkout, payment; then what Product and Cart say about it."""
    order_id = place_order(visitor)["id"]
    with visitor.progress.step("Payment") as step:
        order = visitor.order_when(order_id, "confirmed")
        step.note = f"captured {money(order)}: the order is {order['status']} and {order['payment_status']}"
    with visitor.progress.step("Stock") as step:
        hold = visitor.ledger_when(f"product/{order_id}", lambda page: bool(page["commits"]), "Product sold the stock")
        step.note = f"Product sold {units(hold)}"
    with visitor.progress.step("Cart") as step:
        clears = visitor.ledger_when(f"cart/{order_id}", lambda page: bool(page["in_effect"]), "Cart was cleared")
        step.note = (
            f"Cart was emptied once, asked {clears['heard']} times" if clears["heard"] > 1 else "Cart was emptied"
        )


def an_unpaid_order(visitor: Visitor, expiry_seconds: int) -> None:
    """Checkout, silence, expiry; then what Product says about the stock."""
    before = visitor.control("PUT", "/payments", {})
    visitor.control("PUT", "/payments", {"behaviour": "ignore"})
    try:
        order_id = place_order(visitor)["id"]
        with visitor.progress.step("Payment") as step:
            visitor.control("PUT", f"/payments/{order_id}", {"behaviour": "ignore"})
            visitor.ledger_when(f"payment/{order_id}", lambda page: bool(page["heard"]), "Payment was asked")
            step.note = "was asked, and says nothing"
    finally:
        visitor.control("PUT", "/payments", before)
    with visitor.progress.step("Expiry") as step:
        order = visitor.order_when(order_id, "expired", expiry_seconds + PATIENCE_SECONDS)
        step.note = f"nobody paid for {expiry_seconds} s: the order is {order['status']}"
    with visitor.progress.step("Stock") as step:
        hold = visitor.ledger_when(f"product/{order_id}", lambda page: bool(page["releases"]), "Product has it back")
        step.note = f"Product has {units(hold)} back on the shelf"


def units(hold: Json) -> str:
    count = sum(hold["lines"].values())
    return f"{count} unit{'s' if count > 1 else ''} of {len(hold['lines'])} products"


def walk_paid(site: Site, progress: Progress) -> None:
    progress.say(f"\n{progress.paint('Ada buys, Payment captures', BOLD)}\n")
    a_paid_order(Visitor("ada", site, progress))


def walk_unpaid(site: Site, progress: Progress) -> None:
    progress.say(f"\n{progress.paint('Grace buys, nobody pays', BOLD)}\n")
    an_unpaid_order(Visitor("grace", site, progress), site.expiry_seconds)


def demo() -> int:
    """Both walks; 0 when every step happened."""
    progress = Progress.on_screen()
    settings = {"ORDER_EXPIRY_SECONDS": str(EXPIRY_SECONDS)}
    site = running_site(DATA)
    try:
        if site:
            progress.say(f"Using the stack that runs at {site.url}")
            walk_paid(site, progress)
        if site and site.expiry_seconds <= PATIENCE_SECONDS:
            walk_unpaid(site, progress)
        else:
            progress.say(reason(site))
            with throwaway_stack("demo", settings=settings, progress=progress) as own:
                if not site:
                    walk_paid(own, progress)
                walk_unpaid(own, progress)
                progress.say()
    except httpx.HTTPError as error:
        raise StepError(f"{error.request.method} {error.request.url} failed: {error!r}") from error
    progress.say("\nEvery step happened.")
    return 0


def reason(site: Site | None) -> str:
    """Why a stack is started."""
    if site is None:
        return f"No stack is running here: starting one, where an unpaid order expires after {EXPIRY_SECONDS} s.\n"
    patience = f"gives an unpaid order {site.expiry_seconds} s"
    return f"\nThe running stack {patience}: starting another one for a moment, which gives it {EXPIRY_SECONDS} s.\n"


if __name__ == "__main__":
    sys.exit(run_command(demo))
