"""Product holds and sells exactly the order's units, whatever replaced its reservation and whichever effects were given up."""

import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from tests.support.invariants import check_at_rest
from tests.support.reconciliation import check_found_then_repaired, confirmed, pending, reconcile
from tests.support.records import (
    dead_letters,
    hold,
    lose_hold,
    pay,
    product_of,
    replace_hold,
    start_job,
    until_done,
    until_stock_is,
    waiting,
)
from tests.support.world import World, eventually


def units(world: World, product_id: str) -> tuple[int, int, int]:
    """Return a product's units: available, held, sold."""
    stock = world.stock(product_id)
    return stock["available"], stock["held"], stock["sold"]


def stored_revision(world: World, order_id: str) -> int:
    """Return the revision of the order's reservation, as stored."""
    return int(world.sql("SELECT stock_revision FROM orders WHERE id = %s", order_id)[0]["stock_revision"])


def part_of(order: dict[str, Any], vendor_id: str) -> str:
    """Return the id of a vendor's part of the order."""
    return next(str(part["id"]) for part in order["vendor_orders"] if part["vendor_id"] == vendor_id)


def test_an_order_stores_the_revision_of_its_reservation(world: World) -> None:
    _, order = pending(world)
    assert stored_revision(world, order["id"]) == hold(world, order["id"])["revision"] == 1


def test_a_reservation_that_replaced_an_orders_own_is_never_sold(world: World) -> None:
    pen = world.product(stock=5)
    ada, order = pending(world, stock=2)
    replace_hold(world, order["id"], {pen: 5})
    pay(world, order["id"])
    until_stock_is(world, order["id"], "COMMITTED")
    check_at_rest(world, order["id"])
    assert (units(world, product_of(order)), units(world, pen)) == ((0, 0, 2), (5, 0, 0))
    assert ada.order(order["id"])["status"] == "confirmed"
    assert stored_revision(world, order["id"]) == hold(world, order["id"])["revision"] == 3


def test_the_same_lines_under_another_revision_are_sold_as_the_orders_own(world: World) -> None:
    _, order = pending(world, stock=2)
    replace_hold(world, order["id"], {product_of(order): 2})
    pay(world, order["id"])
    until_stock_is(world, order["id"], "COMMITTED")
    check_at_rest(world, order["id"])
    assert units(world, product_of(order)) == (0, 0, 2)


def test_an_order_whose_own_units_are_gone_is_cancelled_and_nothing_stays_held(world: World) -> None:
    pen = world.product(stock=5)
    ada, order = pending(world, stock=2)
    replace_hold(world, order["id"], {pen: 5})
    world.sandbox.put_product(product_of(order), stock=1)
    pay(world, order["id"])
    ada.order_becomes(order["id"], status="cancelled", payment_status="refunded")
    check_at_rest(world, order["id"])
    assert (units(world, product_of(order)), units(world, pen)) == ((1, 0, 0), (5, 0, 0))


def test_a_copy_with_another_cart_that_took_the_orders_units_leaves_nothing_of_its_own_held(
    world: World, second_world: World
) -> None:
    """The order's own units were sold to another customer between the copy's reservation and its end."""
    mug, pen, request_id = world.product(stock=2), world.product(stock=5), str(uuid.uuid4())
    ada = world.customer([(pen, 5)])
    elsewhere = second_world.person("customer", ada.id)
    delay = world.sandbox.fault("product", kind="delay", value=1, call="ReserveStock", times=1)
    with delay, ThreadPoolExecutor(1) as one:
        late = one.submit(elsewhere.post, "/orders", Idempotency_Key="k", X_Request_ID=request_id)
        eventually(lambda: not world.sandbox.armed("product"), "the copy's call to Product")
        world.sandbox.put_cart(ada.id, [{"product_id": mug, "quantity": 2}])
        order = ada.checkout(key="k").json()
        with world.sandbox.fault("product", kind="delay", value=0.5, call="GetStockHold"):
            assert late.result().json()["id"] == order["id"]
            # The copy has released the mugs: another customer takes them.
            assert units(world, mug) == (2, 0, 0)
            world.customer([(mug, 2)]).place()
    ada.order_becomes(order["id"], status="cancelled")
    until_done(world, order["id"])
    assert (units(world, mug), units(world, pen)) == ((0, 2, 0), (5, 0, 0))


def test_a_copy_killed_after_reserving_does_not_change_the_units_sold(world: World) -> None:
    """Neither the copy nor reconciliation repairs the hold here: the commit alone must detect it."""
    pen = world.product(stock=1)
    _, order = confirmed(world, stock=2)
    assert units(world, product_of(order)) == (0, 0, 2)
    _, other = pending(world, stock=2)
    replace_hold(world, other["id"], {pen: 1})
    pay(world, other["id"])
    until_stock_is(world, other["id"], "COMMITTED")
    check_at_rest(world, other["id"])
    assert units(world, pen) == (1, 0, 0)


def test_an_order_placed_before_revisions_were_kept_is_sold_as_it_is(world: World) -> None:
    _, order = pending(world, stock=2)
    world.sql("UPDATE orders SET stock_revision = 0 WHERE id = %s", order["id"])
    pay(world, order["id"])
    until_stock_is(world, order["id"], "COMMITTED")
    check_at_rest(world, order["id"])
    assert units(world, product_of(order)) == (0, 0, 2)


# --- cancellations by vendors -----------------------------------------------------------------------------------------
def of_two_vendors(world: World) -> tuple[Any, dict[str, Any], str, str]:
    """Return a customer, their order of two vendors' products, and these."""
    mug, book = world.product(vendor="v-1", stock=2), world.product(vendor="v-2", stock=2)
    ada = world.customer([(mug, 2), (book, 2)])
    order = ada.place()
    until_done(world, order["id"])
    return ada, order, mug, book


def confirm_while_commits_fail(world: World, ada: Any, order: dict[str, Any]) -> None:
    """Pay while Product does not answer a commit, and let the first vendor cancel."""
    pay(world, order["id"], amount_minor=4000)
    ada.order_becomes(order["id"], status="confirmed")
    cancelled = world.vendor("v-1").post(f"/vendor-orders/{part_of(order, 'v-1')}/cancel")
    assert cancelled.status_code == 200, cancelled.text


def test_an_order_whose_hold_is_gone_is_sold_without_its_cancelled_vendor_order(world: World) -> None:
    ada, order, mug, book = of_two_vendors(world)
    with world.sandbox.fault("product", kind="unavailable_before", call="CommitStock"):
        confirm_while_commits_fail(world, ada, order)
        lose_hold(world, order["id"])
        world.sandbox.put_product(mug, stock=0)  # the cancelled vendor's stock is short
    check_at_rest(world, order["id"])
    assert ada.order(order["id"])["status"] == "confirmed"
    assert (units(world, mug), units(world, book)) == ((0, 0, 0), (0, 0, 2))


def test_units_sold_for_a_vendor_order_cancelled_before_the_sale_are_restocked(world: World) -> None:
    ada, order, mug, book = of_two_vendors(world)
    with world.sandbox.fault("product", kind="unavailable_before", call="CommitStock"):
        confirm_while_commits_fail(world, ada, order)
    check_at_rest(world, order["id"])
    assert (units(world, mug), units(world, book)) == ((2, 0, 0), (0, 0, 2))


def test_a_restock_waits_for_the_sale_that_is_still_owed(world: World) -> None:
    """The commit was given up; the units of the cancelled vendor order are neither lost nor sold when it is retried."""
    ada, order, mug, book = of_two_vendors(world)
    with world.sandbox.fault("product", kind="status", value="INTERNAL", call="CommitStock"):
        pay(world, order["id"], amount_minor=4000)
        ada.order_becomes(order["id"], status="confirmed")
        eventually(lambda: waiting(world, order["id"]) == ["commit_stock"], "the commit to wait")
        world.sql(
            "UPDATE outbox SET created_at = now() - interval '2 d', available_at = now() WHERE order_id = %s",
            order["id"],
        )
        (letter,) = eventually(lambda: dead_letters(world, order["id"]), "the commit to be given up")
        confirm_cancelled = world.vendor("v-1").post(f"/vendor-orders/{part_of(order, 'v-1')}/cancel")
        assert confirm_cancelled.status_code == 200
        eventually(lambda: waiting(world, order["id"]) == ["restock_items"], "the restock to wait")
        assert hold(world, order["id"])["restocked"] == {}
        assert world.admin().post(f"/admin/dead-letters/{letter['id']}/retry").status_code == 202
    check_at_rest(world, order["id"])
    assert (units(world, mug), units(world, book)) == ((2, 0, 0), (0, 0, 2))
    assert dead_letters(world, order["id"]) == []


# --- reconciliation ---------------------------------------------------------------------------------------------------
def test_reconciliation_finds_a_pending_order_that_holds_other_units(world: World) -> None:
    pen = world.product(stock=5)
    ada, order = pending(world, stock=2)
    replace_hold(world, order["id"], {pen: 5})
    check_found_then_repaired(world, order["id"], "wrong_hold")
    check_at_rest(world, order["id"])
    assert units(world, pen) == (5, 0, 0)
    assert ada.order(order["id"])["status"] == "pending"


def test_reconciliation_shows_an_order_of_which_other_units_were_sold(world: World) -> None:
    _, order = confirmed(world)
    world.sql("UPDATE order_items SET quantity = 1, total = 1000, unit_price = 1000 WHERE order_id = %s", order["id"])
    try:
        status, output = reconcile(world, "--order", order["id"])
        assert status == 1
        assert "wrong_units_sold" in output and "decide" in output
    finally:
        world.sql("UPDATE order_items SET quantity = 2, total = 2000 WHERE order_id = %s", order["id"])


def test_an_abandoned_effect_is_one_dead_letter_however_often_reconciliation_finds_it(world: World) -> None:
    ada, order = pending(world)
    with world.sandbox.fault("product", kind="status", value="INTERNAL", call="CommitStock"):
        pay(world, order["id"])
        ada.order_becomes(order["id"], status="confirmed")
        eventually(lambda: waiting(world, order["id"]) == ["commit_stock"], "the commit to wait")
        old = "UPDATE outbox SET created_at = now() - interval '2 d', available_at = now() WHERE order_id = %s"
        world.sql(old, order["id"])
        eventually(lambda: dead_letters(world, order["id"]), "the commit to be given up")
        for _ in range(2):
            status, output = reconcile(world, "--order", order["id"])
            assert status == 1 and "retry its dead letter" in output
            assert waiting(world, order["id"]) == [], "an effect in a dead letter is not retried"
        # A commit from a request of its own fails in the same way and is the same letter.
        world.sql(
            "INSERT INTO outbox (order_id, kind, lane, payload, request_id, created_at)"
            " VALUES (%s, 'commit_stock', 'stock', '{}', 'another request', now() - interval '2 d')",
            order["id"],
        )
        eventually(
            lambda: [letter["attempts"] for letter in dead_letters(world, order["id"])] == [2], "the second attempt"
        )
        letter_id = dead_letters(world, order["id"])[0]["id"]
    assert world.admin().post(f"/admin/dead-letters/{letter_id}/retry").status_code == 202
    check_at_rest(world, order["id"])


def test_old_dead_letters_are_deleted_unless_they_name_an_existing_order(world: World) -> None:
    order = world.shopper().place()
    kept = [
        world.dead_letter(source=source, order_id=order["id"], message=f'{{"lane": "x", "n": "{uuid.uuid4()}"}}')
        for source in ("refunds", "outbox", "payments.events")
    ]
    gone = [world.dead_letter(), world.dead_letter(order_id=str(uuid.uuid4()))]
    young = world.dead_letter()
    world.sql("UPDATE dead_letters SET created_at = now() - interval '91 d' WHERE id = ANY(%s::uuid[])", [*kept, *gone])

    def left() -> set[str]:
        rows = world.sql("SELECT id::text FROM dead_letters WHERE id = ANY(%s::uuid[])", [*kept, *gone, young])
        return {row["id"] for row in rows}

    start_job(world, "orders.delete_expired_rows")
    eventually(lambda: left() == {*kept, young}, "the old dead letters to be deleted")
