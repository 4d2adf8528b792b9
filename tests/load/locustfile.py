"""The load test: customers, vendors, admins and watchers of streams, each response checked.

`make load` runs a profile (`profiles.toml`) against the running stack, one of its own, or HOST=. What is set up through the
sandbox is not counted: the figures are the service's own. A user does one thing at a time and pauses in between, so the load
is bounded by the number of users.
"""

import os
import random
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from locust import FastHttpUser, LoadTestShape, between, constant, events, task
from locust.env import Environment
from locust.exception import RescheduleTask, StopUser
from locust.runners import WorkerRunner

from tests.load import callers
from tests.load.profile import load_profile
from tests.load.results import report

REPLAYED = 0.2
"""The share of checkouts that are sent twice, as after a lost response."""

WITH_COUPON, CANCELLED = 0.3, 0.05
"""The shares of checkouts with a coupon, and of orders that their customers cancel."""

ATTEMPTS = 5
"""The maximum number of attempts of a checkout, all under one Idempotency-Key."""

PAID_SECONDS, STREAM_SECONDS = 60, 15
REFUSED = (429, 503)
FIELD = b"data:"
"""The beginning of an event's content."""

PARCEL = {"carrier": "DHL", "tracking_number": "JD0146"}

OF_ORDERS = ("checkout", "quote", "change", "paid", "event")
"""The kinds of requests that need a sandbox."""

PROFILE = load_profile(os.environ.get("PROFILE") or "smoke")
if not callers.HAS_SANDBOX:
    PROFILE.thresholds = {what: limit for what, limit in PROFILE.thresholds.items() if what not in OF_ORDERS}


@events.init.add_listener
def on_init(environment: Environment, **_: Any) -> None:
    """Create what is ordered, once, and evaluate the figures at the end: not in the workers of a distributed run."""
    if not isinstance(environment.runner, WorkerRunner):
        environment.events.test_start.add_listener(lambda **_: callers.prepare(str(environment.host).rstrip("/")))
        environment.events.quitting.add_listener(lambda **_: report(environment, PROFILE))


if "LOAD_UI" not in os.environ:

    class ProfileShape(LoadTestShape):
        """The stages of the profile."""

        def tick(self) -> tuple[int, float] | None:
            return PROFILE.at(self.get_run_time())


class Refused(RescheduleTask):
    """The service was busy; the user has waited as long as told."""


class Caller(FastHttpUser):
    """A user of the service with a token."""

    abstract = True
    network_timeout = connection_timeout = callers.TIMEOUT_SECONDS  # far beyond the service's budgets
    token = ""

    def ask(self, kind: str, method: str, path: str, body: Any = None, status: int = 200, **how: Any) -> Any:
        """Return the service's response as JSON."""
        with self.answer(kind, method, path, body, (status,), **how) as answer:
            return answer.json()

    @contextmanager
    def answer(
        self,
        kind: str,
        method: str,
        path: str,
        body: Any,
        statuses: tuple[int, ...],
        headers: dict[str, str] | None = None,
        name: str | None = None,
        *,
        stream: bool = False,
    ) -> Iterator[Any]:
        """Yield a response with one of these statuses.

        A refusal (503 or 429 with Retry-After) is counted as such, respected, and ends the task. Any other response is a failure,
        and ends it too.
        """
        name = f"{kind}: {name or path.partition('?')[0]}"
        how: dict[str, Any] = {
            "headers": {"Authorization": f"Bearer {self.token}", **(headers or {})},
            "stream": stream,
        }
        if body is not None:
            how["json"] = body
        with self.client.request(method, f"/api/v1{path}", name=name, catch_response=True, **how) as answer:
            wrong, pause = None, None
            if answer.status_code in REFUSED and answer.headers.get("Retry-After", "").isdigit():
                pause = int(answer.headers["Retry-After"])
                answer.request_meta["name"] = f"refused: {name.partition(': ')[2]}"
                answer.success()
            else:
                try:
                    assert answer.status_code in statuses, f"{answer.status_code}: {(answer.text or '')[:200]}"
                    yield answer
                    answer.success()  # 409 as well, where it is expected
                except (AssertionError, KeyError, ValueError, TypeError) as error:
                    wrong = str(error) or repr(error)
                    answer.failure(wrong)
        if pause is not None:
            time.sleep(pause)
            raise Refused
        if wrong:
            raise RescheduleTask

    def measured(self, name: str, seconds: float, error: Exception | None = None) -> None:
        """Count a time that is not that of one request."""
        events.request.fire(
            request_type="WAIT", name=name, response_time=seconds * 1000, response_length=0, exception=error, context={}
        )


class Customer(Caller):
    """Customers who browse, order and follow their orders; a new one for each order in a sandbox."""

    weight = 6
    wait_time = between(0.1, 0.5)

    @task
    def shop(self) -> None:
        """Go from a filled cart to an order that is paid, read again and sometimes cancelled."""
        customer_id, self.token = callers.new_customer()
        if callers.HAS_SANDBOX:
            callers.fill_cart(customer_id)
            body = {"coupon_code": callers.COUPON} if random.random() < WITH_COUPON else {}
            quote = self.ask("quote", "POST", "/orders/quote", body)
            order = self.check_out({**body, "expected_total": quote["total"]})
            self.read(order)
            if random.random() < CANCELLED:
                self.cancel(order)
            else:
                self.wait_until_paid(order)
        self.browse()

    def check_out(self, body: dict[str, Any]) -> dict[str, Any]:
        """Place the order, after a refusal again under the same key; now and then repeat the request and compare the responses."""
        key = {"Idempotency-Key": str(uuid.uuid4())}
        for attempt in range(ATTEMPTS):
            try:
                order: dict[str, Any] = self.ask("checkout", "POST", "/orders", body, 201, headers=key)
                break
            except Refused:
                if attempt == ATTEMPTS - 1:
                    raise
        if random.random() < REPLAYED:
            with self.answer("checkout", "POST", "/orders", body, (201,), headers=key, name="/orders, again") as again:
                assert again.headers.get("Idempotent-Replayed") == "true", "not marked as a replay"
                assert again.json() == order, "the replay is another order"
        return order

    def read(self, order: dict[str, Any]) -> None:
        """Read the order, then request it with its tag; a payment event may just have changed it."""
        path, name = f"/orders/{order['id']}", "/orders/{id}"
        with self.answer("read", "GET", path, None, (200,), name=name) as first:
            assert first.json()["total"] == order["total"], "another total than expected"
            known = first.headers["ETag"]
        with self.answer("read", "GET", path, None, (200, 304), headers={"If-None-Match": known}, name=name) as second:
            assert (second.headers["ETag"] == known) == (second.status_code == 304), "304 and the ETag disagree"

    def wait_until_paid(self, order: dict[str, Any]) -> None:
        """Follow the order until its payment has confirmed it."""
        began = time.monotonic()
        while (waited := time.monotonic() - began) < PAID_SECONDS:
            with suppress(Refused):
                if self.ask("read", "GET", f"/orders/{order['id']}", name="/orders/{id}")["status"] != "pending":
                    self.measured("paid: from the order to its confirmation", waited)
                    return
            time.sleep(0.5)
        self.measured("paid: from the order to its confirmation", waited, TimeoutError("not paid in time"))

    def cancel(self, order: dict[str, Any]) -> None:
        path = f"/orders/{order['id']}/cancel"
        with self.answer("change", "POST", path, {}, (200,), name="/orders/{id}/cancel") as cancelled:
            assert cancelled.json()["status"] == "cancelled", "the order is not cancelled"

    def browse(self) -> None:
        """Read the history of orders, and track the newest."""
        page = self.ask("read", "GET", "/orders?limit=20")["results"]
        if page:
            for part in ("tracking", "history"):
                self.ask("read", "GET", f"/orders/{page[0]['id']}/{part}", name=f"/orders/{{id}}/{part}")


class Vendor(Caller):
    """Vendors who accept, ship and deliver what is paid."""

    weight = 2
    wait_time = between(0.5, 1.5)

    def on_start(self) -> None:
        self.token = callers.vendor_token()

    @task
    def fulfil(self) -> None:
        self.ask("read", "GET", "/vendor-orders/summary")
        waiting = self.ask("read", "GET", "/vendor-orders?status=pending&order_status=confirmed&limit=20")["results"]
        if not callers.HAS_SANDBOX:
            return
        for part in random.sample(waiting, min(3, len(waiting))):
            for action in ("accept", "ship", "deliver"):
                path, body = f"/vendor-orders/{part['id']}/{action}", PARCEL if action == "ship" else {}
                name = f"/vendor-orders/{{id}}/{action}"
                # A colleague or the customer may have been faster: 409 is a correct response to that.
                with self.answer("change", "POST", path, body, (200, 409), name=name) as done:
                    is_done = done.status_code == 200
                if not is_done:
                    break


class Watcher(Caller):
    """Customers who watch a live stream of their order."""

    weight = 1
    wait_time = constant(1)

    @task
    def watch(self) -> None:
        """Place an order and read its stream for some seconds, from the entry of the order itself on."""
        if not callers.HAS_SANDBOX:
            raise StopUser
        customer_id, self.token = callers.new_customer()
        callers.fill_cart(customer_id)
        order = self.ask("checkout", "POST", "/orders", {}, 201, headers={"Idempotency-Key": str(uuid.uuid4())})
        began, last, is_first = time.monotonic(), b"", True
        path, name = f"/orders/{order['id']}/stream", "/orders/{id}/stream, opened"
        with self.answer("stream", "GET", path, None, (200,), name=name, stream=True) as events_of_order:
            # Byte by byte: a larger piece would be waited for until it is complete.
            for byte in events_of_order.iter_content(chunk_size=1, decode_content=False):
                last = (last + byte)[-len(FIELD) :]
                if is_first and last == FIELD:
                    self.measured("event: the first of a stream", time.monotonic() - began)
                    is_first = False
                if time.monotonic() - began > STREAM_SECONDS:
                    break


class Admin(Caller):
    """Admins in front of the dashboard."""

    weight = 1
    wait_time = between(1, 3)

    def on_start(self) -> None:
        self.token = callers.admin_token()

    @task
    def look(self) -> None:
        day = time.strftime("%Y-%m-%d", time.gmtime(time.time() + 24 * 3600))
        month_ago = time.strftime("%Y-%m-%d", time.gmtime(time.time() - 30 * 24 * 3600))
        self.ask("read", "GET", "/orders?limit=20")
        self.ask("read", "GET", "/admin/dead-letters?limit=20")
        for name in ("sales", "funnel", "top-products"):
            self.ask("report", "GET", f"/analytics/{name}?from={month_ago}&to={day}")
