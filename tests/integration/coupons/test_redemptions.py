"""The uses of coupons follow their orders, and are exact under concurrent checkouts in two server processes (promise P8)."""

import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import Any

import httpx
import psycopg
import pytest

from compose.stack import Stack
from tests.support.problem import problem
from tests.support.records import expire, pay, published, until_done
from tests.support.server import server
from tests.support.world import Person, World, eventually

CROWD = 24

PATIENT = {
    "CHECKOUT_BUDGET_SECONDS": "40",
    "PRODUCT_RESERVE_SECONDS": "20",
    "DATABASE_ANSWER_SECONDS": "40",
    "DATABASE_STATEMENT_TIMEOUT_MS": "30000",
    "DATABASE_LOCK_TIMEOUT_MS": "30000",
}


@pytest.fixture(scope="module")
def patient_urls(stack: Stack) -> Iterator[list[str]]:
    """Yield two servers whose checkouts may wait for a lock and for Product as long as a slow machine needs."""
    with ExitStack() as servers:
        yield [servers.enter_context(server(stack, f"patient-{number}", **PATIENT)) for number in (1, 2)]


@pytest.fixture
def patient_worlds(world: World, patient_urls: list[str]) -> Iterator[list[World]]:
    """Yield the marketplace through each of these servers."""
    worlds = [World(world.stack, url, world.sandbox) for url in patient_urls]
    yield worlds
    for each in worlds:
        each.close()


@pytest.fixture
def crowd() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(CROWD) as crowd:
        yield crowd


def used(world: World, code: str) -> tuple[int, str | None]:
    """Return how often and for how much the coupon is used."""
    coupon = world.admin().get(f"/coupons/{code}").json()
    return coupon["times_used"], coupon["amount_used"]


def uses(world: World, code: str) -> list[str]:
    """Return the statuses of the coupon's redemptions."""
    rows = world.admin().get(f"/coupons/{code}/redemptions").json()["results"]
    return sorted(row["status"] for row in rows)


def outcomes(answers: list[httpx.Response]) -> Counter[str]:
    """Count the responses by their status, the refused coupons by their reason."""
    return Counter(answer.json().get("reason", str(answer.status_code)) for answer in answers)


def shoppers(world: World, second_world: World, count: int = CROWD, **product: Any) -> list[Person]:
    """Return customers of the two servers in turn."""
    return [(world, second_world)[place % 2].shopper(**product) for place in range(count)]


def at(world: World, person: Person) -> Person:
    """Return the same customer at this server."""
    return world.person("customer", person.id)


def test_a_use_is_reserved_then_redeemed_when_the_order_confirms(world: World) -> None:
    code, ada = world.coupon(currency="EUR"), world.shopper()
    order = ada.place({"coupon_code": code})
    assert (used(world, code), uses(world, code)) == ((1, "2.00"), ["reserved"])
    pay(world, order["id"])
    ada.order_becomes(order["id"], status="confirmed")
    [redemption] = world.admin().get(f"/coupons/{code}/redemptions").json()["results"]
    assert (redemption["order_id"], redemption["order_number"]) == (order["id"], order["number"])
    assert (redemption["customer_id"], redemption["vendor_order_id"]) == (ada.id, None)
    assert (redemption["discount"], redemption["currency"], redemption["status"]) == ("2.00", "EUR", "redeemed")
    assert redemption["reserved_at"] == order["created_at"]
    assert redemption["redeemed_at"] > redemption["reserved_at"]
    assert redemption["released_at"] is None
    assert used(world, code) == (1, "2.00")


def test_the_use_of_a_vendors_coupon_has_the_vendors_order(world: World) -> None:
    vendor = f"v-{uuid.uuid4()}"
    ada = world.customer([(world.product(1000, vendor), 1), (world.product(1000, "v-other"), 1)])
    code = world.coupon(vendor_id=vendor)
    order = ada.place({"coupon_code": code})
    [redemption] = world.vendor(vendor).get(f"/coupons/{code}/redemptions").json()["results"]
    [part] = [part for part in order["vendor_orders"] if part["vendor_id"] == vendor]
    assert redemption["vendor_order_id"] == part["id"]
    assert "customer_id" not in redemption


def test_an_order_without_anything_to_pay_redeems_at_once(world: World) -> None:
    code, ada = world.coupon(percent="100.00", kind="percentage"), world.shopper()
    assert ada.place({"coupon_code": code})["status"] == "confirmed"
    assert uses(world, code) == ["redeemed"]


def cancelled(world: World, ada: Person, order_id: str) -> None:
    assert ada.post(f"/orders/{order_id}/cancel").status_code == 200


def cancelled_when_paid(world: World, ada: Person, order_id: str) -> None:
    pay(world, order_id)
    ada.order_becomes(order_id, status="confirmed")
    cancelled(world, ada, order_id)


def cancelled_by_every_vendor(world: World, ada: Person, order_id: str) -> None:
    pay(world, order_id)
    for part in ada.order_becomes(order_id, status="confirmed")["vendor_orders"]:
        assert world.admin().post(f"/vendor-orders/{part['id']}/cancel").status_code == 200


def expired(world: World, ada: Person, order_id: str) -> None:
    expire(world, order_id)
    ada.order_becomes(order_id, status="expired")


@pytest.mark.parametrize("end", [cancelled, cancelled_when_paid, cancelled_by_every_vendor, expired])
def test_a_use_is_free_again_when_the_whole_order_ends_unfulfilled(
    world: World, end: Callable[[World, Person, str], None]
) -> None:
    once = world.coupon(usage_limit=1, currency="EUR", budget="2.00", per_customer_limit=1, first_order_only=True)
    ada = world.shopper()
    order_id = ada.place({"coupon_code": once})["id"]
    end(world, ada, order_id)
    assert (used(world, once), uses(world, once)) == ((0, "0.00"), ["released"])
    world.sandbox.put_cart(ada.id, [{"product_id": world.product(), "quantity": 2}])
    ada.place({"coupon_code": once})
    assert used(world, once) == (1, "2.00")


def test_an_order_of_which_a_part_is_cancelled_keeps_its_use(world: World) -> None:
    code = world.coupon()
    ada = world.customer([(world.product(1000, "v-1"), 1), (world.product(1000, "v-2"), 1)])
    order_id = ada.place({"coupon_code": code})["id"]
    pay(world, order_id)
    part = ada.order_becomes(order_id, status="confirmed")["vendor_orders"][0]
    assert world.admin().post(f"/vendor-orders/{part['id']}/cancel").status_code == 200
    assert (used(world, code)[0], uses(world, code)) == (1, ["redeemed"])


def test_a_repeated_cancellation_gives_a_use_back_once(world: World) -> None:
    code, ada = world.coupon(), world.shopper()
    world.shopper().place({"coupon_code": code})
    order_id = ada.place({"coupon_code": code})["id"]
    for _ in range(2):
        cancelled(world, ada, order_id)
    assert used(world, code)[0] == 1


def test_concurrent_checkouts_take_exactly_the_uses_that_are_left(
    world: World, second_world: World, crowd: ThreadPoolExecutor
) -> None:
    seven = world.coupon(usage_limit=7)
    people = shoppers(world, second_world)
    answers = list(crowd.map(lambda person: person.checkout({"coupon_code": seven}), people))
    assert outcomes(answers) == {"201": 7, "used_up": CROWD - 7}
    assert used(world, seven)[0] == 7


def test_concurrent_checkouts_spend_exactly_the_budget(
    world: World, second_world: World, crowd: ThreadPoolExecutor
) -> None:
    budget = world.coupon(currency="EUR", budget="11.00")  # five times 2.00, then 1.00 is left
    people = shoppers(world, second_world)
    answers = list(crowd.map(lambda person: person.checkout({"coupon_code": budget}), people))
    assert outcomes(answers) == {"201": 5, "used_up": CROWD - 5}
    assert used(world, budget) == (5, "10.00")
    world.shopper(price=500).place({"coupon_code": budget})
    assert used(world, budget) == (6, "11.00")


def checkouts_from_different_carts(
    patient_worlds: list[World], crowd: ThreadPoolExecutor, codes: list[str]
) -> list[httpx.Response]:
    """Return the responses to one customer's concurrent checkouts with these coupons, each from another version of the cart.

    No order is inserted before both servers are about to insert some.
    """
    world = patient_worlds[0]
    ada, mug = world.shopper(), world.product()
    answers = []
    with psycopg.connect(world.stack.postgres.url) as other:
        other.execute("LOCK TABLE orders IN SHARE MODE")
        for place, code in enumerate(codes):
            world.sandbox.put_cart(ada.id, [{"product_id": mug, "quantity": 2}])
            answers.append(checkout_up_to_the_reservation(crowd, at(patient_worlds[place % 2], ada), code))
        eventually(lambda: waiting_for_a_lock(world) >= 2, "both servers to write")
    return [answer.result() for answer in answers]


def reservations(world: World) -> int:
    """Return how often Product was asked to reserve stock."""
    return int(world.sandbox.ledger("product")["calls"].get("ReserveStock", 0))


def checkout_up_to_the_reservation(crowd: ThreadPoolExecutor, person: Person, code: str) -> Future[httpx.Response]:
    """Start a checkout with this coupon and wait until it reserves stock."""
    calls = reservations(person.world)
    answer = crowd.submit(person.checkout, {"coupon_code": code})
    eventually(lambda: answer.done() or reservations(person.world) > calls, "the checkout to be at its reservation")
    assert not answer.done(), answer.result().text
    return answer


def waiting_for_a_lock(world: World) -> int:
    """Return the number of transactions that wait for a lock."""
    [row] = world.sql("SELECT count(*) AS n FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND state = 'active'")
    return int(row["n"])


@contextmanager
def usage_locked(world: World, code: str) -> Iterator[None]:
    """Lock the row that a use of this coupon locks."""
    with psycopg.connect(world.stack.postgres.url) as other:
        other.execute(
            "SELECT 1 FROM coupon_usage WHERE coupon_id = (SELECT id FROM coupons WHERE code = %s) FOR UPDATE", [code]
        )
        yield


@pytest.mark.parametrize(
    ("terms", "reason"),
    [({"per_customer_limit": 1}, "customer_limit"), ({"first_order_only": True}, "first_order_only")],
    ids=["a limit for each customer", "first orders"],
)
def test_concurrent_checkouts_of_one_customer_respect_the_limit(
    world: World, patient_worlds: list[World], crowd: ThreadPoolExecutor, terms: dict[str, Any], reason: str
) -> None:
    code = world.coupon(**terms)
    answers = checkouts_from_different_carts(patient_worlds, crowd, [code] * 4)
    assert outcomes(answers) == {"201": 1, reason: 3}
    assert used(world, code)[0] == 1


def test_of_concurrent_checkouts_with_several_coupons_for_first_orders_one_succeeds(
    world: World, patient_worlds: list[World], crowd: ThreadPoolExecutor
) -> None:
    codes = [world.coupon(first_order_only=True) for _ in range(4)]
    answers = checkouts_from_different_carts(patient_worlds, crowd, codes)
    assert outcomes(answers) == {"201": 1, "first_order_only": 3}


def test_twenty_copies_of_one_key_take_one_use(world: World, second_world: World, crowd: ThreadPoolExecutor) -> None:
    once, ada = world.coupon(usage_limit=1, per_customer_limit=1, first_order_only=True), world.shopper()
    people = [at((world, second_world)[place % 2], ada) for place in range(20)]
    answers = list(crowd.map(lambda person: person.checkout({"coupon_code": once}, key="k"), people))
    assert outcomes(answers) == {"201": 20}
    assert len({answer.text for answer in answers}) == 1
    assert used(world, once)[0] == 1


def test_a_use_that_an_order_could_not_take_goes_to_the_next_one_of_the_batch(
    patient_worlds: list[World], crowd: ThreadPoolExecutor
) -> None:
    world = patient_worlds[0]
    blocked, once = world.coupon(), world.coupon(usage_limit=1)
    mug, ada, bob, zoe = world.product(), world.customer(), world.shopper(), world.shopper()
    cart = world.sandbox.put_cart(ada.id, [{"product_id": mug, "quantity": 1}])
    ordered = ada.place()["id"]
    until_done(world, ordered)
    world.sandbox.put_cart(ada.id, cart["items"], version=cart["version"])  # a cart whose clearing was lost
    with usage_locked(world, blocked):  # so that the next two are written together, after this one
        first = crowd.submit(zoe.checkout, {"coupon_code": blocked})
        eventually(lambda: waiting_for_a_lock(world) == 1, "the first order to be written")
        answers = [checkout_up_to_the_reservation(crowd, person, once) for person in (ada, bob)]
    assert first.result().status_code == 201
    refused = problem(answers[0].result(), 409, "cart_already_ordered", "order_id")
    assert refused["order_id"] == ordered
    assert answers[1].result().status_code == 201


def test_a_refusal_after_the_reservation_leaves_no_stock_held(
    world: World, patient_worlds: list[World], crowd: ThreadPoolExecutor
) -> None:
    once, mug = world.coupon(usage_limit=1), world.product()
    with usage_locked(world, once):
        people = [each.customer([(mug, 2)]) for each in patient_worlds]
        answers = [crowd.submit(person.checkout, {"coupon_code": once}) for person in people]
        eventually(lambda: waiting_for_a_lock(world) == 2, "both writes to wait for the coupon")
    assert outcomes([answer.result() for answer in answers]) == {"201": 1, "used_up": 1}
    eventually(lambda: world.stock(mug)["held"] == 2, "the refused order's stock to be released")


def test_no_lock_is_held_while_another_service_is_called(
    patient_worlds: list[World], crowd: ThreadPoolExecutor
) -> None:
    world = patient_worlds[0]
    code, ada = world.coupon(usage_limit=5, first_order_only=True), world.shopper()
    with world.sandbox.fault("product", kind="delay", value=2, call="ReserveStock"):
        slow = checkout_up_to_the_reservation(crowd, ada, code)
        world.sql("SELECT 1 FROM coupon_usage FOR UPDATE NOWAIT")
        assert world.sql("SELECT * FROM pg_locks WHERE locktype = 'advisory'") == []
        assert slow.result().status_code == 201


def test_an_order_without_a_coupon_neither_reads_nor_locks_a_coupon_table(world: World) -> None:
    with psycopg.connect(world.stack.postgres.url) as other:
        for table in ("coupons", "coupon_usage", "coupon_redemptions", "coupon_events", "coupon_batches"):
            other.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
        ada = world.shopper()
        order = ada.place()
        ada.post("/orders/quote").raise_for_status()
        pay(world, order["id"])
        ada.order_becomes(order["id"], status="confirmed")
        cancelled(world, ada, order["id"])
        bob = world.shopper()
        late = bob.place()["id"]
        expired(world, bob, late)


def test_the_messages_of_an_order_carry_its_coupons(world: World) -> None:
    vendor = f"v-{uuid.uuid4()}"
    ada = world.shopper(vendor=vendor)
    five = world.coupon("Z" + uuid.uuid4().hex, kind="fixed_amount", amount="5.00", currency="EUR", stackable=True)
    ten = world.coupon(vendor_id=vendor, stackable=True)
    plain = world.shopper().place()["id"]
    order_id = ada.place({"coupon_codes": [five, ten]})["id"]
    pay(world, order_id)
    ada.order_becomes(order_id, status="confirmed")
    cancelled(world, ada, order_id)
    until_done(world, order_id)

    ids = {code: world.admin().get(f"/coupons/{code}").json()["id"] for code in (five, ten)}
    carried = [
        {"coupon_id": ids[ten], "code": ten, "amount_minor": 200, "funded_by": "vendor", "vendor_id": vendor},
        {"coupon_id": ids[five], "code": five, "amount_minor": 500, "funded_by": "platform", "vendor_id": None},
    ]
    messages = {message["type"]: message for message in published(world, order_id)}
    for type_ in ("order.placed", "order.confirmed", "order.cancelled"):
        assert messages[type_]["coupons"] == carried
    assert "coupons" not in messages["vendor_order.cancelled"]
    assert all("coupons" not in message for message in published(world, plain))
