"""The bugs that are planted: each breaks one promise (P1 to P12, or those of analytics) by replacing one function, and names a
test that must fail.

A bug is a function that is given what stands at its target and returns what is to stand there instead; its own name is
the bug's. It may only import what needs no Django, for it is loaded before everything else.
"""

import asyncio
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from tests.planted.planting import Bug, Wrong

API, FAULTS, INTEGRATION, UNIT = "tests/api/test_", "tests/faults/test_", "tests/integration/test_", "tests/unit/test_"
ANALYTICS = "tests/integration/analytics/test_"

BUGS: dict[str, Bug] = {}


def bug(promise: str, target: str, test: str) -> Callable[[Wrong], Wrong]:
    """Register the decorated function as a bug."""

    def register(wrong: Wrong) -> Wrong:
        name = wrong.__name__.replace("_", " ")
        BUGS[name] = Bug(promise, name, target, test, wrong)
        return wrong

    return register


async def nothing(*_: Any) -> None:
    """Do nothing at all."""


# P1: an order answered with 201 is never lost


@bug(
    "P1",
    "orders.store.order_writer:OrderWriter.write",
    f"{INTEGRATION}writer.py::test_an_order_that_the_database_refuses_leaves_no_row_and_affects_no_other_order",
)
def an_order_is_answered_though_the_database_refused_it(write: Any) -> Any:
    async def wrong(self: Any, order: Any) -> bool:
        try:
            return bool(await write(self, order))
        except Exception:
            return True

    return wrong


@bug(
    "P1",
    "orders.store.order_writer:OrderWriter.write",
    f"{INTEGRATION}writer.py::test_orders_whose_lock_times_out_are_refused_as_unavailable",
)
def an_order_is_answered_though_its_write_timed_out(write: Any) -> Any:
    return an_order_is_answered_though_the_database_refused_it(write)


@bug(
    "P1",
    "orders.store.reconnect:check_primary",
    f"{FAULTS}failover.py::test_an_order_or_a_batch_that_a_standby_has_is_confirmed_by_the_primary_alone",
)
def a_standby_confirms_what_it_has(_: Any) -> Any:
    return lambda: None


# P2: one Idempotency-Key makes one order


@bug(
    "P2",
    "orders.domain.ids:order_id_of",
    f"{API}idempotency.py::test_the_same_key_of_another_customer_is_another_order[lean]",
)
def the_id_of_an_order_is_made_of_the_key_alone(order_id_of: Any) -> Any:
    return lambda customer_id, key: order_id_of("", key)


@bug(
    "P2",
    "orders.services.checkout.checkout_request:CheckoutRequest.hash",
    f"{API}idempotency.py::test_the_same_key_with_another_body_is_refused",
)
def another_body_under_a_used_key_is_not_noticed(_: Any) -> Any:
    return property(lambda self: "\\x" + 64 * "0")


@bug(
    "P2",
    "orders.store.order_writer:insert",
    f"{API}idempotency.py::test_concurrent_copies_at_two_processes_make_one_order_and_get_one_response",
)
def an_order_that_exists_already_counts_as_written(insert: Any) -> Any:
    def wrong(batch: Any) -> Any:
        orders = list(batch)
        return dict.fromkeys((order.id for order in orders), timedelta()) | insert(orders)

    return wrong


# P3: Product holds and has sold what active orders need, and nothing else


@bug(
    "P3",
    "clients.products:Products.release",
    f"{API}place_order.py::test_an_unexpected_total_is_refused_with_the_actual_one_and_the_stock_is_released[lean-19.99]",
)
def a_refused_checkout_keeps_its_reservation(_: Any) -> Any:
    return nothing


@bug(
    "P3",
    "orders.services.checkout.reservations:StockReservations._resolve_later",
    f"{API}neighbours_failing.py::test_an_unresolved_reservation_is_reused_under_the_same_key_and_released_otherwise",
)
def a_reservation_that_was_not_answered_is_forgotten(_: Any) -> Any:
    return lambda self, order_id: None


@bug(
    "P3",
    "clients.products:Products.commit",
    f"{INTEGRATION}stock.py::test_a_reservation_that_replaced_an_orders_own_is_never_sold",
)
def any_reservation_under_the_id_of_an_order_is_sold(commit: Any) -> Any:
    return lambda self, order_id, revision, deadline: commit(self, order_id, 0, deadline)


# P4: every side effect happens, and takes effect once


@bug(
    "P4",
    "orders.services.operations.effects:_run_effect",
    f"{INTEGRATION}outbox.py::test_a_cart_that_could_not_be_cleared_is_cleared_later_and_once",
)
def an_effect_that_failed_counts_as_done(run_effect: Any) -> Any:
    async def wrong(*arguments: Any) -> bool:
        await run_effect(*arguments)
        return True

    return wrong


@bug(
    "P4",
    "orders.outbox.queue:_CLAIM",
    f"{INTEGRATION}outbox.py::test_a_row_that_another_relay_is_claiming_delays_no_other_row_and_is_left_to_it",
)
def two_relays_claim_the_same_rows(_: str) -> str:
    return """
        UPDATE outbox SET attempts = attempts + 1, available_at = now() + make_interval(secs => %s)
        WHERE id IN (
            SELECT id FROM outbox WHERE available_at <= now() AND (kind = 'publish') = %s AND (lane = 'events') = %s LIMIT %s)
        RETURNING id, payload::text"""


@bug(
    "P4",
    "orders.services.payments.refunds:Balance.unrequested",
    f"{INTEGRATION}refunds.py::test_late_captures_in_parts_are_refunded_part_by_part",
)
def money_is_refunded_again_though_its_refund_was_requested(_: Any) -> Any:
    return property(lambda self: self.ledger.balance - self.to_keep)


# P5: a payment event counts once, in any order


@bug(
    "P5",
    "orders.services.payments.events:_entry",
    f"{INTEGRATION}payment_events.py::test_a_known_event_id_with_another_content_is_the_same_event",
)
def a_repeated_payment_event_is_stored_under_another_id(entry: Any) -> Any:
    def wrong(event: Any) -> Any:
        row = entry(event)
        row.event_id = f"{event.event_id[:36]}{time.time()}"
        return row

    return wrong


@bug(
    "P5",
    "orders.domain.lifecycle:payment_status",
    f"{UNIT}lifecycle.py::test_a_refund_received_before_its_capture_has_no_effect_until_the_capture",
)
def a_refund_before_its_capture_makes_the_order_refunded(payment_status: Any) -> Any:
    def wrong(total: int, captured: int, refunded: int, words: Any) -> Any:
        return payment_status(total, captured or refunded, refunded, words)

    return wrong


@bug(
    "P5",
    "orders.services.payments.events:retry_parked",
    f"{INTEGRATION}parked_payment_events.py::test_a_capture_that_precedes_its_order_counts_once_the_order_is_placed",
)
def an_event_that_came_before_its_order_is_never_counted(_: Any) -> Any:
    return lambda *, request_id: 0


# P6: the audit trail is gapless and legal, and the sums add up


@bug(
    "P6",
    "orders.services.transition:lock_order",
    f"{API}fulfilment.py::test_concurrent_cancellations_by_vendors_each_refund_and_restock_their_own_share",
)
def an_order_is_changed_without_its_lock(_: Any) -> Any:
    return lambda *, orders: orders.get()


@bug(
    "P6",
    "orders.services.transition:OrderTransition.transition_payment",
    f"{INTEGRATION}payment_events.py::test_a_capture_of_the_total_pays_and_confirms_the_order",
)
def a_payment_status_has_no_audit_entry(_: Any) -> Any:
    return lambda self, wanted: setattr(self.order, "payment_status", wanted)


@bug("P6", "orders.domain.money:DECIMALS", f"{UNIT}money.py::test_an_amount_is_written_with_its_currencys_own_decimals")
def yen_have_two_decimals(decimals: Any) -> Any:
    return {**decimals, "JPY": 2}


# P7: nobody sees or touches what is not theirs


@bug(
    "P7",
    "orders.store.models:OrderQuerySet.visible_to",
    f"{API}tenancy.py::test_a_foreign_order_is_404_on_every_route",
)
def a_customer_sees_every_order(_: Any) -> Any:
    return lambda self, caller: self.all()


@bug(
    "P7",
    "orders.http.pagination:KeysetPaginator._belongs_to",
    f"{API}tenancy.py::test_a_cursor_of_one_caller_is_refused_to_every_other",
)
def a_cursor_is_good_for_every_caller(_: Any) -> Any:
    return lambda self: "everybody"


@bug(
    "P7",
    "orders.http.permissions:RolePermission.has_permission",
    f"{API}roles.py::test_a_role_is_admitted_exactly_where_the_table_says_so",
)
def an_admin_may_use_every_endpoint(has_permission: Any) -> Any:
    return lambda self, request, view: request.user.role == "admin" or has_permission(self, request, view)


# P8: a coupon is never used beyond its limits


USES = f"{INTEGRATION.removesuffix('test_')}coupons/test_redemptions.py::test_"


@bug(
    "P8",
    "orders.coupons.redemptions:_LOCK",
    f"{USES}concurrent_checkouts_take_exactly_the_uses_that_are_left",
)
def a_use_is_taken_without_a_lock(statement: str) -> str:
    return statement.replace("FOR UPDATE OF u", "")


@bug(
    "P8",
    "orders.coupons.redemptions:_LOCK_CUSTOMERS",
    f"{USES}of_concurrent_checkouts_with_several_coupons_for_first_orders_one_succeeds",
)
def two_first_orders_are_decided_at_once(_: str) -> str:
    return "SELECT %s::text[]"


@bug(
    "P8",
    "orders.coupons.redemptions:_Allotments.give_back",
    f"{USES}a_use_that_an_order_could_not_take_goes_to_the_next_one_of_the_batch",
)
def the_use_of_an_order_that_was_not_written_is_lost(_: Any) -> Any:
    return lambda self, new: None


# P9: every answer comes in time, under overload too


@bug("P9", "clients.deadline:Deadline.left", f"{UNIT}foreign_exceptions.py::test_a_call_ends_with_its_deadline")
def a_call_may_take_longer_than_is_left_of_the_request(_: Any) -> Any:
    return lambda self, at_most: at_most


@bug(
    "P9",
    "clients.breaker:CircuitBreaker._note",
    f"{INTEGRATION}circuit_breakers.py::test_half_of_the_last_twenty_calls_must_fail",
)
def a_circuit_never_opens(_: Any) -> Any:
    return lambda self, outcome, probing: None


@bug(
    "P9",
    "asgi_app.server.load_shedding:LoadShedding._has_capacity",
    f"{INTEGRATION}overload.py::test_requests_beyond_the_limit_are_refused_at_once",
)
def load_shedding_admits_every_request(_: Any) -> Any:
    return lambda self, kind, scope: True


# P10: after any fault the service recovers by itself within 30 s


@bug(
    "P10",
    "messaging.relay:Relay._try",
    f"{INTEGRATION}outbox.py::test_while_redis_is_unavailable_orders_are_placed_and_their_effects_follow",
)
def the_relay_ends_with_its_first_failure(_: Any) -> Any:
    return lambda self, queue, work: work


@bug(
    "P10",
    "messaging.relay:Relay.take_over",
    f"{INTEGRATION}outbox.py::test_the_effects_of_a_checkout_take_place_long_before_the_lease_of_their_rows_ends",
)
def the_effects_of_a_checkout_wait_for_the_end_of_their_lease(_: Any) -> Any:
    return lambda self, order: None


@bug(
    "P10",
    "orders.outbox.queue:LEASE_SECONDS",
    f"{INTEGRATION}outbox.py"
    "::test_a_job_is_queued_again_within_seconds_after_the_longest_outage_too_and_its_old_copies_expire",
)
def what_a_dead_process_had_claimed_waits_for_minutes(lease_seconds: Any) -> Any:
    return 10 * lease_seconds


@bug(
    "P10",
    "orders.http.throttling.limiter:RateLimiter._reconnect",
    f"{FAULTS}rate_limits.py::test_limits_are_kept_by_each_process_while_redis_is_terminated",
)
def the_rate_limits_are_never_counted_in_redis_again(_: Any) -> Any:
    async def wrong(self: Any) -> None:
        await asyncio.Event().wait()

    return wrong


# P11: a forged, replayed or malformed message or token changes nothing


@bug("P11", "messaging.signing:is_signed", f"{UNIT}events.py::test_a_message_signed_with_another_secret_is_refused")
def signatures_of_payment_messages_are_not_checked(_: Any) -> Any:
    return lambda message, secret: True


@bug(
    "P11",
    "orders.http.authentication:JWTAuthenticator.__init__",
    f"{UNIT}tokens.py::test_a_token_of_another_issuer_or_for_another_service_is_refused",
)
def a_token_for_another_service_is_accepted(initialize: Any) -> Any:
    def wrong(self: Any, *arguments: Any) -> None:
        initialize(self, *arguments)
        self._decoder.options["verify_aud"] = False

    return wrong


# P12: no input brings a 500, a traceback or a secret


@bug(
    "P12",
    "orders.http.serializers:Input.check_names",
    f"{API}errors.py::test_unknown_fields_are_each_pointed_at[lean]",
)
def unknown_fields_of_a_body_are_not_refused(_: Any) -> Any:
    return lambda self, data: None


@bug("P12", "orders.http.problems:failure", f"{UNIT}errors.py::test_an_internal_error_reveals_nothing_of_its_cause")
def an_internal_error_tells_its_cause(failure: Any) -> Any:
    def wrong(path: str, error: BaseException) -> Any:
        response = failure(path, error)
        response.content = response.content.replace(b"Internal", str(error).encode())
        return response

    return wrong


@bug("P12", "asgi_app.logs:SAFE_MESSAGES", f"{INTEGRATION}logs.py::test_no_personal_data_is_in_the_log")
def the_message_of_every_exception_is_logged(_: Any) -> Any:
    return BaseException


# Analytics: reports are exact at each moment, whoever is writing, and what is kept equals the facts


@bug(
    "analytics",
    "orders.analytics.services.sum_up:_wait_for_writers",
    f"{ANALYTICS}summing_up.py::test_entries_that_commit_after_later_ones_are_not_left_out",
)
def the_summing_up_does_not_wait_for_writers(_: Any) -> Any:
    return lambda table: True


@bug(
    "analytics",
    "orders.analytics.bookings:NEW_CUSTOMERS",
    f"{ANALYTICS}random_lives.py::test_reports_equal_plain_counts",
)
def a_first_sale_that_is_found_late_makes_a_second_new_customer(query: Any) -> Any:
    return query.replace("FROM changed", "FROM changed WHERE customers > 0")
