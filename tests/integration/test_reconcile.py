"""`manage.py reconcile`: differences between the ledgers are found, reported only by `--dry-run`, and otherwise repaired."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.support.invariants import check_at_rest, check_invariants
from tests.support.payment import COMMANDS, Payment, refund_requests, until_refunds_requested
from tests.support.processes import frozen, process
from tests.support.reconciliation import check_found_then_repaired, confirmed, everything, pending, reconcile
from tests.support.records import (
    hold,
    lose_hold,
    pay,
    product_of,
    refunds,
    start_job,
    trail,
    until_done,
    until_refunded,
    until_stock_is,
    waiting,
)
from tests.support.world import World, eventually


def check_nothing_is_wrong(world: World, order_id: str) -> None:
    assert reconcile(world, "--dry-run", "--order", order_id) == (0, "Orders compared: 1; no problems.\n")


@contextmanager
def forgotten(world: World, order_id: str, kind: str) -> Iterator[None]:
    """Lose an effect that is written meanwhile, as a restored backup would."""
    with frozen(process(world, "worker")):
        yield
        eventually(lambda: waiting(world, order_id) == [kind], f"{kind} to wait")
        world.sql("DELETE FROM outbox WHERE order_id = %s", order_id)


def add_capture(world: World, order_id: str, amount: int = 2000) -> None:
    """Add a capture to the ledger that the order has not followed."""
    world.sql(
        "INSERT INTO payment_events (event_id, order_id, claimed_order_id, type, amount, currency, message, occurred_at)"
        " VALUES (gen_random_uuid(), %s, %s, 'payment.captured', %s, 'EUR', '{}', now())",
        *(order_id, order_id, amount),
    )


def test_without_differences_nothing_is_found_and_nothing_is_changed(world: World) -> None:
    for _, order in (pending(world), confirmed(world)):
        check_nothing_is_wrong(world, order["id"])
        before = everything(world, order["id"])
        assert reconcile(world, "--order", order["id"])[0] == 0
        assert everything(world, order["id"]) == before
    ada, order = confirmed(world)
    assert ada.post(f"/orders/{order['id']}/cancel").status_code == 200
    check_at_rest(world, order["id"])
    check_nothing_is_wrong(world, order["id"])


def test_an_expired_hold_of_a_pending_order_is_renewed_for_its_remaining_time(world: World) -> None:
    ada, order = pending(world, stock=2)
    world.sql("UPDATE orders SET expires_at = expires_at - interval '10 min' WHERE id = %s", order["id"])
    order, ends_at = ada.order(order["id"]), hold(world, order["id"])["expires_at"]
    lose_hold(world, order["id"])
    check_found_then_repaired(world, order["id"], "hold_lapsed")
    check_at_rest(world, order["id"])
    assert world.stock(product_of(order))["held"] == 2
    assert abs(hold(world, order["id"])["expires_at"] - (ends_at - 600)) < 5
    assert ada.order(order["id"]) == order, "the customer sees no change"
    check_nothing_is_wrong(world, order["id"])


def test_a_pending_order_whose_stock_is_gone_is_cancelled_and_its_payment_cancelled(
    world: World, payment: Payment
) -> None:
    ada, order = pending(world, stock=2)
    lose_hold(world, order["id"])
    world.sandbox.put_product(product_of(order), stock=1)
    check_found_then_repaired(world, order["id"], "hold_lapsed")
    ada.order_becomes(order["id"], status="cancelled")
    check_at_rest(world, order["id"])
    assert trail(world, order["id"])[1:3] == ["vendor_order.cancelled by system", "order.cancelled by system"]
    assert payment.types(COMMANDS, order["id"])[-1] == "payment.cancel_requested"


def test_money_of_a_pending_order_without_stock_is_refunded(world: World) -> None:
    ada, order = pending(world, stock=2)
    pay(world, order["id"], amount_minor=500)
    ada.order_becomes(order["id"], payment_status="partially_paid")
    lose_hold(world, order["id"])
    world.sandbox.put_product(product_of(order), stock=1)
    check_found_then_repaired(world, order["id"], "hold_lapsed")
    ada.order_becomes(order["id"], status="cancelled", payment_status="refunded")
    check_at_rest(world, order["id"])


def test_a_paid_order_whose_stock_was_never_sold_is_sold(world: World) -> None:
    ada, order = pending(world)
    with forgotten(world, order["id"], "commit_stock"):
        pay(world, order["id"])
        ada.order_becomes(order["id"], status="confirmed")
    check_found_then_repaired(world, order["id"], "not_sold")
    check_at_rest(world, order["id"])
    assert hold(world, order["id"])["commits"] == 1
    check_nothing_is_wrong(world, order["id"])


def test_a_paid_order_whose_stock_is_gone_is_cancelled_and_refunded(world: World) -> None:
    ada, order = pending(world, stock=2)
    with forgotten(world, order["id"], "commit_stock"):
        pay(world, order["id"])
        ada.order_becomes(order["id"], status="confirmed")
    lose_hold(world, order["id"])
    world.sandbox.put_product(product_of(order), stock=0)
    check_found_then_repaired(world, order["id"], "not_sold")
    ada.order_becomes(order["id"], status="cancelled", payment_status="refunded")
    check_at_rest(world, order["id"])


def test_stock_that_a_cancelled_order_still_holds_is_released(world: World) -> None:
    ada, order = pending(world)
    with forgotten(world, order["id"], "release_stock"):
        assert ada.post(f"/orders/{order['id']}/cancel").status_code == 200
    check_found_then_repaired(world, order["id"], "still_held")
    check_at_rest(world, order["id"])
    check_nothing_is_wrong(world, order["id"])


def test_an_effect_in_progress_is_not_found(world: World) -> None:
    ada, order = pending(world)
    with world.sandbox.fault("product", call="CommitStock", kind="unavailable_before"):
        pay(world, order["id"])
        ada.order_becomes(order["id"], status="confirmed")
        eventually(lambda: waiting(world, order["id"]) == ["commit_stock"], "the commit to wait")
        check_nothing_is_wrong(world, order["id"])
    world.sql("UPDATE outbox SET available_at = now() WHERE order_id = %s", order["id"])
    check_at_rest(world, order["id"])


def test_an_order_that_did_not_follow_its_ledger_follows_it(world: World) -> None:
    ada, order = pending(world)
    add_capture(world, order["id"])
    check_found_then_repaired(world, order["id"], "payment_differs")
    ada.order_becomes(order["id"], status="confirmed", payment_status="paid")
    until_stock_is(world, order["id"], "COMMITTED")
    assert trail(world, order["id"]) == [
        "order.placed by customer",
        "payment.paid by system",
        "order.confirmed by system",
    ]
    check_nothing_is_wrong(world, order["id"])


def test_money_that_a_terminated_order_owes_is_refunded(world: World, payment: Payment) -> None:
    ada, order = confirmed(world)
    with world.sandbox.fault("payment", kind="deaf", call="payment.refund_requested"):
        assert ada.post(f"/orders/{order['id']}/cancel").status_code == 200
        until_refunds_requested(payment, order["id"], 1)
        until_done(world, order["id"])
    world.sql("DELETE FROM refunds WHERE order_id = %s", order["id"])
    check_found_then_repaired(world, order["id"], "refund_missing")
    until_refunded(world, order["id"], 2000)
    check_at_rest(world, order["id"])
    assert [row["amount"] for row in refunds(world, order["id"])] == [2000]
    check_nothing_is_wrong(world, order["id"])


def test_an_overdue_status_request_is_made_now(world: World, payment: Payment) -> None:
    """The worker is down, and with it the job that requests the status."""
    silent, owed = pending(world)[1]["id"], confirmed(world)[1]["id"]
    with world.sandbox.fault("payment", kind="deaf", call="payment.refund_requested"):
        pay(world, owed, amount_minor=500)
        until_refunds_requested(payment, owed, 1)
        until_done(world, owed)
    with frozen(process(world, "worker")):
        world.sql("UPDATE orders SET payment_check_at = now() - interval '2 min' WHERE id = %s", silent)
        world.sql("UPDATE refunds SET ask_again_at = now() - interval '2 min' WHERE order_id = %s", owed)
        check_found_then_repaired(world, silent, "silent_payment")
        check_found_then_repaired(world, owed, "silent_refund")
        until_done(world, silent)
        until_done(world, owed)
    assert payment.types(COMMANDS, silent)[-1] == "payment.status_requested"
    assert len(refund_requests(payment, owed)) == 2
    until_refunded(world, owed, 500)
    check_at_rest(world, silent, owed)


def test_a_refund_that_payment_does_not_make_and_missing_money_are_reported_only(
    world: World, payment: Payment
) -> None:
    _, order = confirmed(world)
    payment.publish("refunded", order["id"], 500)
    eventually(lambda: len(trail(world, order["id"])) == 4, "the refund to be counted")
    (refund,) = world.sql(
        "INSERT INTO refunds (id, order_id, amount, status, attempts)"
        " VALUES (gen_random_uuid(), %s, 1, 'failed', 5) RETURNING id::text",
        order["id"],
    )
    before = everything(world, order["id"])
    for arguments in (["--dry-run"], []):
        status, output = reconcile(world, *arguments, "--order", order["id"])
        assert status == 1
        assert "money_short" in output
        assert "15.00 of 20.00 EUR" in output
        assert "refund_failed" in output
        assert refund["id"] in output
    assert everything(world, order["id"]) == before
    world.sql("DELETE FROM refunds WHERE id = %s", refund["id"])


def test_an_effect_that_would_be_tried_too_late_is_due_now(world: World) -> None:
    _, order = pending(world)
    with frozen(process(world, "worker")):
        assert world.admin().post(f"/orders/{order['id']}/cancel").status_code == 200
        eventually(lambda: waiting(world, order["id"]) == ["release_stock"], "the release to wait")
        world.sql(
            "UPDATE outbox SET available_at = now() + interval '1 day', created_at = now() - interval '3 hours'"
            " WHERE order_id = %s",
            order["id"],
        )
        status, output = reconcile(world, "--dry-run", "--order", order["id"])
        assert status == 1
        assert "release_stock has waited for 3 h" in output
        check_found_then_repaired(world, order["id"], "stuck_effect")
    check_at_rest(world, order["id"])


def test_an_effect_that_is_being_tried_is_shown_and_left_alone(world: World) -> None:
    _, order = pending(world)
    with frozen(process(world, "worker")):
        assert world.admin().post(f"/orders/{order['id']}/cancel").status_code == 200
        eventually(lambda: waiting(world, order["id"]) == ["release_stock"], "the release to wait")
        world.sql(
            "UPDATE outbox SET available_at = now() + interval '20 s', created_at = now() - interval '3 hours'"
            " WHERE order_id = %s",
            order["id"],  # the lease of a claim just made
        )
        due = world.sql("SELECT available_at FROM outbox WHERE order_id = %s", order["id"])
        status, output = reconcile(world, "--order", order["id"])
        assert (status, "stuck_effect" in output) == (1, True)
        assert world.sql("SELECT available_at FROM outbox WHERE order_id = %s", order["id"]) == due
    check_at_rest(world, order["id"])


def test_while_product_is_unavailable_the_command_reports_it_and_ends(world: World) -> None:
    _, order = pending(world)
    with world.sandbox.fault("product", call="GetStockHold", kind="status", value="INTERNAL"):
        status, output = reconcile(world, "--dry-run", "--order", order["id"])
    assert status == 2
    assert "product is unavailable" in output


def make_old(world: World, *order_ids: str) -> None:
    """Make the orders' last change an hour old."""
    world.sql("UPDATE orders SET updated_at = now() - interval '1 hour' WHERE id = ANY(%s::uuid[])", list(order_ids))


def make_others_recent(world: World, *order_ids: str) -> None:
    """Change the other tests' orders just now, so that no run examines these thousands."""
    world.sql("UPDATE orders SET updated_at = now() WHERE id <> ALL(%s::uuid[])", list(order_ids))


def test_without_an_order_id_recent_orders_are_examined_once_they_are_at_rest(world: World) -> None:
    old, young, ancient = (pending(world)[1]["id"] for _ in range(3))
    for order_id in (old, young, ancient):
        lose_hold(world, order_id)
    make_others_recent(world, old, young, ancient)
    make_old(world, old)
    world.sql("UPDATE orders SET updated_at = now() - interval '9 days' WHERE id = %s", ancient)
    _, output = reconcile(world, "--dry-run")
    assert [order_id in output for order_id in (old, young, ancient)] == [True, False, False]
    _, output = reconcile(world, "--dry-run", "--days", "10")
    assert [order_id in output for order_id in (old, young, ancient)] == [True, False, True]
    for order_id in (old, young, ancient):
        assert reconcile(world, "--order", order_id)[0] == 0
    check_at_rest(world, old, young, ancient)


def test_the_regular_job_repairs_differences(world: World) -> None:
    orders = [pending(world)[1]["id"] for _ in range(3)]
    for order_id in orders:
        lose_hold(world, order_id)
    # One short run: a long one, or several, would keep the stack's one worker process from the jobs of the tests that follow.
    make_others_recent(world, *orders)
    for hours, order_id in zip((1, 20, 40), orders, strict=True):
        world.sql(f"UPDATE orders SET updated_at = now() - interval '{hours} hours' WHERE id = %s", order_id)
    start_job(world, "orders.reconcile")
    for order_id in orders:
        until_stock_is(world, order_id, "HELD")
    check_at_rest(world, *orders)


@pytest.mark.parametrize("arguments", [["--order", "x"], ["--days", "soon"], ["--nonsense"]])
def test_an_unknown_argument_of_the_command_is_refused(world: World, arguments: list[str]) -> None:
    status, output = reconcile(world, *arguments)
    assert status == 2
    assert "error:" in output
    check_invariants(world)
