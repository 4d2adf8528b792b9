"""The bugs that are planted: each breaks one promise, by one text that is replaced, and names the tests that must notice.

Long, because it is a table. A bug's tests are as few and as quick as will do; unit tests come up in a second, others start
all the servers. `API` stands for what the contract of the REST API promises beyond P1 to P12.
"""

from dataclasses import dataclass
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]

API, FAULTS, INTEGRATION, UNIT = "tests/api/test_", "tests/faults/test_", "tests/integration/test_", "tests/unit/test_"


@dataclass(frozen=True, slots=True)
class Bug:
    """`right` stands once in `file`; with `wrong` in its place, one of `tests` (pytest's node ids) must fail."""

    promise: str
    name: str
    file: str
    right: str
    wrong: str
    tests: tuple[str, ...]

    def fits(self) -> bool:
        """Whether the code is still the one that the bug was made for."""
        return (CHECKOUT / self.file).read_text().count(self.right) == 1

    def planted(self) -> str:
        """The file with the bug in it."""
        return (CHECKOUT / self.file).read_text().replace(self.right, self.wrong)


BUGS = (
    Bug(
        "P7",
        "anybody can listen to any order",
        "orders/api/views/streams.py",
        "await database.run(need_order, who, order_id)",
        "assert need_order",
        (f"{API}tenancy.py::test_somebody_elses_order_is_missing_on_every_route",),
    ),
    Bug(
        "P1",
        "an order is answered though its write was refused",
        "orders/writer.py",
        "written.set_exception(outcome)",
        "written.set_result(True)",
        (f"{INTEGRATION}writer.py::test_an_order_that_the_database_refuses_leaves_nothing_behind_and_harms_no_other",),
    ),
    Bug(
        "P1",
        "the items are written in a second statement",
        "orders/writer.py",
        """
        cursor.execute(_statement(), [msgspec.json.encode(rows).decode()])
        return {order_id for (order_id,) in cursor.fetchall()}
""",
        """
        cursor.execute(_statement(), [msgspec.json.encode({**rows, "order_items": []}).decode()])
        written = {order_id for (order_id,) in cursor.fetchall()}
        late = {"order_items": [row for row in rows["order_items"] if row.order_id in written]}
        of_all = "WITH document AS (SELECT %s::jsonb AS rows), new_orders AS (SELECT id FROM orders) "
        cursor.execute(of_all + _insert("order_items"), [msgspec.json.encode(late).decode()])
        return written
""",
        (f"{INTEGRATION}writer.py::test_an_order_that_the_database_refuses_leaves_nothing_behind_and_harms_no_other",),
    ),
    Bug(
        "P2",
        "an order that exists is an error, not a copy",
        "orders/writer.py",
        " ON CONFLICT (id) DO NOTHING",
        "",
        (f"{API}idempotency.py::test_copies_at_the_same_time_through_two_processes_make_one_order_and_get_one_answer",),
    ),
    Bug(
        "P2",
        "another body under a used key is not noticed",
        "orders/services/checkout.py",
        "if order.row.request_hash != checkout.hash:",
        "if not order.row.request_hash:",
        (f"{API}idempotency.py::test_the_same_key_with_another_body_is_refused",),
    ),
    Bug(
        "P3",
        "a process that is told to stop leaves what its last checkouts may hold",
        "orders/services/settle_holds.py",
        "await asyncio.wait(self._settling, timeout=FINISH_SECONDS)",
        "pass",
        (f"{FAULTS}restart.py::test_a_stopping_server_gives_back_what_its_last_checkout_may_have_left_held",),
    ),
    Bug(
        "P3",
        "a refused checkout keeps its hold",
        "orders/services/checkout.py",
        "await self._neighbours.products.release(checkout.order_id, held.revision, Deadline.after(1))",
        "pass",
        (f"{API}place_order.py::test_a_total_that_is_not_as_expected_is_told_and_the_stock_given_back[lean-19.99]",),
    ),
    Bug(
        "P3",
        "a refused checkout gives back whatever its order holds",
        "orders/services/checkout.py",
        "release(checkout.order_id, held.revision, Deadline.after(1))",
        "release(checkout.order_id, 0, Deadline.after(1))",
        (f"{API}idempotency.py::test_a_hold_given_back_late_is_not_the_one_that_another_process_has_made",),
    ),
    Bug(
        "P3",
        "a refused checkout gives back at once what a copy may be about to write",
        "orders/services/checkout.py",
        "if held.revision > 1:",
        "if held.revision < 0:",
        (
            f"{API}idempotency.py::test_a_refused_body_takes_no_stock_from_another_body_that_is_ordered_through_another_process",
        ),
    ),
    Bug(
        "P3",
        "a hold whose reservation was not answered is forgotten",
        "orders/services/checkout.py",
        """        except DependencyUnavailable:
            self._doubtful.settle_later(order_id)
""",
        """        except DependencyUnavailable:
""",
        (
            f"{API}neighbours_failing.py::test_an_unknown_outcome_is_carried_on_by_the_same_key_and_given_back_when_nobody_does",
        ),
    ),
    Bug(
        "P3",
        "what may be held waits until reserving works again",
        "orders/services/settle_holds.py",
        "products.apart(LEFT_ALONE_SECONDS)",
        "products",
        (
            f"{INTEGRATION}circuit_breakers.py::test_what_is_held_in_the_dark_is_given_back_though_the_circuit_for_reserving_stays_open",
        ),
    ),
    Bug(
        "P3",
        "a hold that is not there is looked for only once",
        "orders/services/settle_holds.py",
        "if revision == 0 and time.monotonic() > began + LATE_SECONDS:",
        "if revision == 0:",
        (f"{API}neighbours_failing.py::test_what_is_held_long_after_the_checkout_gave_up_is_given_back_too",),
    ),
    Bug(
        "P3",
        "a copy that was too late leaves its own cart held",
        "orders/services/checkout.py",
        "if lines != {item.product_id: item.quantity for item in placed.items}:",
        "if not lines:",
        (f"{API}idempotency.py::test_a_copy_whose_cart_was_another_one_leaves_held_what_was_ordered",),
    ),
    Bug(
        "P3",
        "an expired order keeps its hold",
        "orders/services/expire.py",
        "change.then(outbox.release_stock())",
        "change.then()",
        (f"{INTEGRATION}expiry.py::test_the_stock_of_an_expired_order_is_for_sale_again",),
    ),
    Bug(
        "P4",
        "a POST is sent twice",
        "clients/http.py",
        'return await self._send("POST", path, msgspec.json.encode(body), deadline)',
        """answer = await self._send("POST", path, msgspec.json.encode(body), deadline)
        if answer.status_code in RETRIED:
            return await self._send("POST", path, msgspec.json.encode(body), deadline)
        return answer""",
        (f"{UNIT}foreign_exceptions.py::test_a_failed_post_is_not_sent_again",),
    ),
    Bug(
        "P5",
        "a refund before its capture makes the order refunded",
        "orders/lifecycle.py",
        "    if captured == 0:\n",
        "    if captured == 0 == refunded:\n",
        (f"{UNIT}lifecycle.py::test_a_refund_heard_before_its_capture_changes_nothing_until_the_capture_comes",),
    ),
    Bug(
        "P6",
        "an entry of the trail can be changed",
        "orders/migrations/0002_append_only_audit_trail.py",
        "BEFORE UPDATE OR DELETE",
        "BEFORE DELETE",
        (f"{INTEGRATION}writer.py::test_an_audit_entry_can_not_be_changed_or_deleted",),
    ),
    Bug(
        "P6",
        "a shipped order can be cancelled",
        "orders/lifecycle.py",
        "OrderStatus.SHIPPED: frozenset({OrderStatus.DELIVERED})",
        "OrderStatus.SHIPPED: frozenset({OrderStatus.DELIVERED, OrderStatus.CANCELLED})",
        (f"{UNIT}lifecycle.py::test_an_order_takes_the_steps_of_the_contract_and_no_other",),
    ),
    Bug(
        "P6",
        "a vendor's share counts each product once",
        "orders/pricing.py",
        "subtotals.get(product.vendor_id, 0) + total",
        "subtotals.get(product.vendor_id, 0) + product.unit_price",
        (f"{UNIT}pricing.py::test_each_vendors_share_is_what_their_own_lines_cost",),
    ),
    Bug(
        "P6",
        "yen have two decimals",
        "orders/money.py",
        "    decimals = DECIMALS[currency]\n",
        "    decimals = DECIMALS[currency] or 2\n",
        (f"{UNIT}money.py::test_an_amount_is_written_with_its_currencys_own_decimals",),
    ),
    Bug(
        "P7",
        "a list of orders has everybody's",
        "orders/services/lists.py",
        "_Question(_ORDERS, Order.objects.visible_to(caller), owner, listing)",
        "_Question(_ORDERS, Order.objects.all(), None, listing)",
        (f"{API}tenancy.py::test_no_filter_search_or_ordering_leads_a_customer_to_somebody_elses_order",),
    ),
    Bug(
        "P7",
        "a summary sums up every vendor",
        "orders/services/summary.py",
        "VendorOrder.objects.visible_to(caller)",
        "VendorOrder.objects.all()",
        (f"{API}tenancy.py::test_a_vendors_summary_sums_its_own_only",),
    ),
    Bug(
        "P7",
        "a vendor learns what the others have done",
        "orders/lifecycle.py",
        "return OrderStatus.CANCELLED if status == VendorOrderStatus.CANCELLED else OrderStatus.CONFIRMED",
        "return OrderStatus(order_status)",
        (f"{API}vendor_orders.py::test_nothing_changes_for_a_vendor_when_only_another_acts",),
    ),
    Bug(
        "P8",
        "a coupon that can't be used is passed over",
        "orders/services/wish.py",
        "if wish.coupon_code is not None:",
        "if wish.coupon_code is not wish.coupon_code:",
        (f"{API}place_order.py::test_a_coupon_nobody_knows_stops_the_order_and_nothing_is_held[lean]",),
    ),
    Bug(
        "P9",
        "a neighbour that hangs is waited for",
        "clients/http.py",
        "async with asyncio.timeout(left) as limit, self._room:",
        "async with asyncio.timeout(left + 60) as limit, self._room:",
        (f"{UNIT}foreign_exceptions.py::test_a_call_ends_with_its_deadline",),
    ),
    Bug(
        "P9",
        "each call to Product gets its whole time",
        "clients/products.py",
        "async with asyncio.timeout(deadline.left(seconds)) as limit, self._room:\n"
        "                    answer = await call(request, timeout=deadline.left(seconds), metadata=metadata)",
        "async with asyncio.timeout(seconds) as limit, self._room:\n"
        "                    answer = await call(request, timeout=seconds, metadata=metadata)",
        (f"{UNIT}foreign_exceptions.py::test_a_call_to_product_ends_with_its_deadline",),
    ),
    Bug(
        "P9",
        "a circuit never opens",
        "clients/breaker.py",
        "if probing or sum(self._last) >= self._failures:",
        "if probing:",
        (f"{INTEGRATION}circuit_breakers.py::test_half_of_the_last_twenty_calls_must_fail",),
    ),
    Bug(
        "P9",
        "the door lets everyone in",
        "asgi_app/admission.py",
        'return self._inside["request"] < int(settings.REQUESTS_IN_FLIGHT)',
        "return bool(settings.REQUESTS_IN_FLIGHT)",
        (f"{INTEGRATION}overload.py::test_requests_beyond_what_is_carried_are_refused_at_once",),
    ),
    Bug(
        "P9",
        "a refusal overtakes the answers before it",
        "asgi_app/protocol.py",
        "(self.cycle is not None and not self.cycle.response_complete)",
        "False",
        (f"{INTEGRATION}refusals.py::test_refusals_keep_their_turn_among_requests_sent_in_one_go",),
    ),
    Bug(
        "P9",
        "a checkout waits for its turn as long as it takes",
        "orders/queueing.py",
        "asyncio.timeout(self._patience)",
        "asyncio.timeout(self._patience * 1000)",
        (f"{API}limits.py::test_a_process_that_carries_all_it_can_says_so_at_once_and_goes_on_afterwards",),
    ),
    Bug(
        "P10",
        "two processes count one retry of a dead letter twice",
        "orders/services/dead_letters.py",
        "DeadLetter.objects.filter(id=letter_id, retrying=True)\n    letter.update",
        "DeadLetter.objects.filter(id=letter_id)\n    letter.update",
        (f"{INTEGRATION}dead_letters.py::test_a_retry_in_vain_counts_once_though_two_processes_try_it",),
    ),
    Bug(
        "P9",
        "a stopping server closes its door over those at it",
        "asgi_app/stopping.py",
        "loop.call_later(HANDSHAKE_SECONDS, listener.close)",
        "listener.close()",
        ("tests/faults/test_restart.py::test_whoever_a_stopping_server_has_let_in_is_answered",),
    ),
    Bug(
        "P9",
        "a stopping server hangs up on those who are silent for a moment",
        "asgi_app/stopping.py",
        "while server.server_state.connections and",
        "while not server.server_state.connections and",
        (
            "tests/faults/test_restart.py"
            "::test_a_connection_that_was_idle_when_its_server_was_told_to_stop_has_a_last_answer",
        ),
    ),
    Bug(
        "P10",
        "the relay ends with the first failure",
        "messaging/relay.py",
        """                log.warning("relay_waits", why=error.why)
                await asyncio.sleep(PAUSE_SECONDS)
                continue""",
        "                raise RuntimeError from error",
        (
            f"{UNIT}foreign_exceptions.py::test_the_loops_of_a_process_outlive_a_redis_that_is_broken_and_a_database_that_is_away",
        ),
    ),
    Bug(
        "P10",
        "what a dead process had claimed waits for minutes",
        "orders/outbox.py",
        "LEASE_SECONDS = 20",
        "LEASE_SECONDS = 200",
        (
            f"{INTEGRATION}outbox.py::test_a_job_is_queued_again_within_seconds_after_the_longest_outage_too_and_its_old_copies_expire",
        ),
    ),
    Bug(
        "P10",
        "a call that was given up leaves its connection behind",
        "clients/transport.py",
        "            self.transport.abort()\n            raise",
        "            raise",
        (f"{UNIT}transport.py::test_a_request_given_up_hangs_up_on_a_server_that_says_nothing",),
    ),
    Bug(
        "P11",
        "signatures are not checked",
        "messaging/events.py",
        "if settings.PAYMENT_SIGNING_SECRET and not is_signed(fields, settings.PAYMENT_SIGNING_SECRET):",
        "if settings.PAYMENT_SIGNING_SECRET and not is_signed:",
        (f"{UNIT}events.py::test_a_message_signed_with_another_secret_is_refused",),
    ),
    Bug(
        "P11",
        "the amount is not signed",
        "messaging/signing.py",
        '"amount_minor", ',
        "",
        (f"{UNIT}events.py::test_the_message_of_the_contract_becomes_an_event",),
    ),
    Bug(
        "P11",
        "the beginning of a signature is enough",
        "messaging/signing.py",
        "hmac.compare_digest(given.encode(), signature(message, secret).encode())",
        "signature(message, secret).startswith(given)",
        (f"{UNIT}events.py::test_a_signature_that_is_missing_or_wrong_is_refused",),
    ),
    Bug(
        "P11",
        "tokens for other services are believed",
        "orders/api/tokens.py",
        '"strict_aud": False',
        '"verify_aud": False',
        (f"{UNIT}tokens.py::test_a_token_of_another_issuer_or_for_another_service_is_refused",),
    ),
    Bug(
        "P11",
        "expired tokens are believed",
        "orders/api/tokens.py",
        '"strict_aud": False',
        '"verify_exp": False',
        (f"{UNIT}tokens.py::test_clocks_may_not_differ_by_more",),
    ),
    Bug(
        "P11",
        "a token says itself how it is signed",
        "orders/api/tokens.py",
        "algorithms=[settings.JWT_ALGORITHM]",
        'algorithms=[jwt.get_unverified_header(token)["alg"]]',
        (f"{UNIT}tokens.py::test_another_algorithm_with_the_right_secret_is_refused",),
    ),
    Bug(
        "P11",
        "a believed token is believed for ever",
        "orders/api/tokens.py",
        "if caller is not None and now < believed_until:",
        "if caller is not None and now < believed_until + 3600:",
        (f"{UNIT}tokens.py::test_a_token_believed_before_is_verified_anew_after_a_minute_or_its_expiry",),
    ),
    Bug(
        "P12",
        "a body may have any size",
        "orders/api/base.py",
        "if body is None or len(body) > settings.REQUEST_BODY_BYTES:",
        "if body is None:",
        (f"{API}errors.py::test_a_larger_body_is_refused[lean-262145]",),
    ),
    Bug(
        "P12",
        "a failure is told in its own words",
        "orders/api/errors.py",
        'log.error("request_failed", exc_info=error)\n    return _answer(path, "internal_error", "Something',
        'log.error("request_failed", exc_info=error)\n    return _answer(path, "internal_error", f"{error}: something',
        (f"{UNIT}errors.py::test_a_failure_tells_nothing_of_its_cause",),
    ),
    Bug(
        "P12",
        "unknown fields of a body are passed over",
        "orders/api/serializers.py",
        "data.keys() - self.fields.keys()",
        "data.keys() - data.keys()",
        (f"{API}errors.py::test_unknown_fields_are_each_pointed_at[lean]",),
    ),
    Bug(
        "API",
        "an action takes any If-Match",
        "orders/services/fulfil.py",
        "if if_match is not None and f'\"{present}\"' not in if_match:",
        "if if_match is not None and not present:",
        (f"{API}fulfilment.py::test_an_action_meant_for_another_version_is_refused",),
    ),
    Bug(
        "API",
        "a listener who comes back hears everything again",
        "orders/api/views/streams.py",
        "after = last_event_id(request)",
        "after = 0 * last_event_id(request)",
        (f"{API}streams.py::test_a_listener_who_comes_back_hears_on_exactly_from_behind_the_last_entry",),
    ),
    Bug(
        "P2",
        "every order has a new id",
        "orders/models.py",
        "return uuid.uuid5(ORDER_IDS,",
        "return uuid.uuid4() or uuid.uuid5(ORDER_IDS,",
        (f"{API}idempotency.py::test_the_same_key_and_body_again_get_the_first_answer_again[lean]",),
    ),
    Bug(
        "P2",
        "an order's id is made of the key alone",
        "orders/models.py",
        'f"{customer_id}\\n{idempotency_key}"',
        "idempotency_key",
        (f"{API}idempotency.py::test_the_same_key_of_another_customer_is_another_order[lean]",),
    ),
    Bug(
        "P2",
        "a repeated checkout answers the order as it is now",
        "orders/services/checkout.py",
        "Placed(as_placed(order), replayed=True)",
        "Placed(order, replayed=bool(as_placed))",
        (f"{API}idempotency.py::test_the_first_answer_comes_again_when_the_order_has_moved_on[lean]",),
    ),
    Bug(
        "P4",
        "a paid order's stock is never sold",
        "orders/services/pay.py",
        "change.then(outbox.commit_stock())",
        "change.then()",
        (f"{INTEGRATION}payment_events.py::test_a_paid_order_sells_its_stock",),
    ),
    Bug(
        "P4",
        "an effect that failed is taken for done",
        "orders/services/effects.py",
        "done = [row.id for row, in_effect in zip(rows, outcomes, strict=True) if in_effect]",
        "done = [row.id for row in rows]",
        (f"{INTEGRATION}outbox.py::test_a_cart_that_could_not_be_cleared_is_cleared_later_and_once",),
    ),
    Bug(
        "P4",
        "a row of the outbox goes when its job is queued",
        "messaging/relay.py",
        'OUTBOX_ROWS.labels("job").inc(len(ids))',
        "await database.run(outbox.done, ids)",
        (f"{INTEGRATION}outbox.py::test_a_job_that_the_queue_forgot_is_queued_again",),
    ),
    Bug(
        "P4",
        "messages that Redis did not take are taken for published",
        "messaging/relay.py",
        """why=type(error).__name__)
            await database.run(outbox.put_back, ids)
            return
""",
        """why=type(error).__name__)
""",
        (f"{INTEGRATION}outbox.py::test_while_redis_is_away_orders_are_placed_and_afterwards_all_is_made_up_for",),
    ),
    Bug(
        "P4",
        "two relays claim the same rows",
        "orders/outbox.py",
        "available_at = now() + make_interval(secs => %s)\n    WHERE id IN (",
        "available_at = available_at + 0 * make_interval(secs => %s)\n    WHERE id IN (",
        ("tests/faults/test_redis.py::test_two_relays_publish_each_message_once_and_queue_each_job_once",),
    ),
    Bug(
        "P4",
        "rows are claimed without locking them",
        "orders/outbox.py",
        " FOR UPDATE SKIP LOCKED",
        "",
        (
            f"{INTEGRATION}outbox.py::test_a_row_that_another_relay_is_just_claiming_holds_up_nothing_else_and_is_left_to_it",
        ),
    ),
    Bug(
        "P4",
        "rows of one lane overtake each other",
        "orders/outbox.py",
        "AND earlier.id < due.id",
        "AND earlier.id < 0",
        (f"{INTEGRATION}outbox.py::test_rows_of_one_order_and_lane_take_effect_in_the_order_they_were_written",),
    ),
    Bug(
        "P4",
        "a cart is cleared whatever is in it now",
        "clients/carts.py",
        '"version": version}',
        '"version": version + 1}',
        (f"{INTEGRATION}flows.py::test_a_cart_that_moved_on_meanwhile_is_left_alone",),
    ),
    Bug(
        "P4",
        "what was asked back already is asked back again",
        "orders/services/change.py",
        "- kept(order) - requested - foreign",
        "- kept(order) - 0 * requested - foreign",
        (f"{INTEGRATION}refunds.py::test_late_money_in_parts_is_refunded_part_by_part",),
    ),
    Bug(
        "P4",
        "money that comes too late is kept",
        "orders/services/pay.py",
        "        change.then(outbox.commit_stock())\n    refund_due(change, ledger)",
        "        change.then(outbox.commit_stock())\n        refund_due(change, ledger)",
        (
            f"{INTEGRATION}refunds.py::test_money_that_comes_after_the_expiry_is_recorded_and_refunded_and_the_order_stays_expired",
        ),
    ),
    Bug(
        "P4",
        "units are put back on the shelf under a new id each time",
        "orders/services/effects.py",
        "products.restock(restock_id, row.order_id",
        "products.restock(uuid.uuid4() or restock_id, row.order_id",
        (f"{INTEGRATION}outbox.py::test_units_whose_return_was_not_answered_go_back_on_the_shelf_once",),
    ),
    Bug(
        "P4",
        "Payment is not told that an order has expired",
        "orders/services/expire.py",
        "call_off_payment(change)",
        "assert call_off_payment",
        (f"{INTEGRATION}expiry.py::test_payment_hears_of_the_expiry_and_so_does_everybody",),
    ),
    Bug(
        "P5",
        "a stream's entry is acknowledged before the commit",
        "messaging/subscriber.py",
        'raw = fields.get(b"message", b"")',
        'raw = fields.get(b"message", b"")\n            await self._redis.xack(bus.PAYMENT_EVENTS, GROUP, entry_id)',
        (f"{INTEGRATION}payment_events.py::test_an_event_that_the_database_could_not_take_counts_when_it_can",),
    ),
    Bug(
        "P5",
        "the stream is read from its end",
        "messaging/subscriber.py",
        'GROUP, id="0"',
        'GROUP, id="$"',
        (f"{INTEGRATION}outbox.py::test_after_redis_forgot_everything_all_goes_on",),
    ),
    Bug(
        "P5",
        "an event is kept under another id each time",
        "orders/services/pay.py",
        "event_id=event.event_id,",
        'event_id=f"{event.event_id[:36]}{datetime.now(UTC).timestamp()}",',
        (f"{INTEGRATION}payment_events.py::test_a_known_event_id_with_another_content_is_still_the_same_event",),
    ),
    Bug(
        "P5",
        "an event's id is not unique",
        "orders/migrations/0001_initial.py",
        "models.UniqueConstraint(fields=('event_id',), name='payment_events_count_once'), ",
        "",
        (f"{INTEGRATION}writer.py::test_an_event_id_and_a_place_in_the_trail_exist_once",),
    ),
    Bug(
        "P5",
        "a repeated event is not known",
        "orders/services/pay.py",
        "if known is not None and known.order_id is not None:",
        "if known is not None and known.order_id != known.order_id:",
        (f"{INTEGRATION}refunds.py::test_a_repeated_failure_of_a_refund_asks_again_once",),
    ),
    Bug(
        "P5",
        "an event that is quicker than its order is lost",
        "orders/services/pay.py",
        "PaymentEvent.objects.bulk_create([_entry(event)], ignore_conflicts=True)",
        "pass",
        (
            f"{INTEGRATION}parked_payment_events.py::test_a_capture_quicker_than_its_order_counts_once_the_order_is_placed",
        ),
    ),
    Bug(
        "P5",
        "events in another currency count",
        "orders/services/pay.py",
        'if event.currency not in ("", order.currency):',
        "if not order.currency:",
        (
            f"{INTEGRATION}unusable_payment_messages.py::test_a_message_is_a_dead_letter_and_the_next_one_counts_when_it_has",
        ),
    ),
    Bug(
        "P6",
        "an order is changed without its lock",
        "orders/services/change.py",
        'orders.select_for_update(of=("self",))',
        "orders",
        (f"{API}fulfilment.py::test_vendors_who_cancel_at_once_each_give_back_their_own_share",),
    ),
    Bug(
        "P6",
        "a payment status has no entry in the trail",
        "orders/services/change.py",
        'self._note(f"payment.{wanted}", self.order.payment_status, wanted, {})',
        "pass",
        (f"{INTEGRATION}payment_events.py::test_a_capture_of_the_total_pays_and_confirms_the_order",),
    ),
    Bug(
        "P6",
        "orders expire before their time is over",
        "orders/services/expire.py",
        "filter(status=OrderStatus.PENDING, expires_at__lte=Now())",
        "filter(status=OrderStatus.PENDING, created_at__lte=Now())",
        (f"{INTEGRATION}expiry.py::test_an_order_lives_until_its_time_is_over",),
    ),
    Bug(
        "P6",
        "paid orders are due to expire too",
        "orders/services/expire.py",
        "filter(status=OrderStatus.PENDING, expires_at__lte=Now())",
        "filter(expires_at__lte=Now())",
        (f"{INTEGRATION}expiry.py::test_a_paid_order_never_expires",),
    ),
    Bug(
        "P7",
        "a customer sees all orders",
        "orders/models.py",
        "return self.filter(customer_id=caller.id)",
        "return self.all()",
        (f"{API}tenancy.py::test_somebody_elses_order_is_missing_on_every_route",),
    ),
    Bug(
        "P7",
        "a vendor sees all vendor orders",
        "orders/models.py",
        "return self.filter(vendor_id=caller.vendor_id)",
        "return self.all()",
        (f"{API}tenancy.py::test_somebody_elses_vendor_order_is_missing_on_every_route",),
    ),
    Bug(
        "P7",
        "a list of vendor orders has every vendor's",
        "orders/services/lists.py",
        "_Question(_VENDOR_ORDERS, VendorOrder.objects.visible_to(caller), owner, listing)",
        "_Question(_VENDOR_ORDERS, VendorOrder.objects.all(), None, listing)",
        (f"{API}tenancy.py::test_no_filter_search_or_ordering_leads_a_vendor_to_somebody_elses_items",),
    ),
    Bug(
        "P7",
        "anybody can read any order's history",
        "orders/services/history.py",
        "    need_order(caller, order_id)\n",
        "",
        (f"{API}tenancy.py::test_somebody_elses_order_is_missing_on_every_route",),
    ),
    Bug(
        "P7",
        "admins may ask for quotes",
        "orders/api/views/orders.py",
        'permissions: ClassVar = {"POST": roles("customer")}',
        'permissions: ClassVar = {"POST": roles("customer", "admin")}',
        (f"{API}roles.py::test_a_role_gets_through_where_the_table_says_so_and_nowhere_else",),
    ),
    Bug(
        "P12",
        "tokens are logged",
        "orders/api/middleware.py",
        "            method=request.method,",
        '            method=request.method,\n            token=request.META.get("HTTP_AUTHORIZATION"),',
        (f"{INTEGRATION}logs.py::test_no_secret_and_no_token_is_in_the_log",),
    ),
    Bug(
        "P12",
        "the words of every exception are logged",
        "asgi_app/logs.py",
        "if isinstance(error, SPEAK_OF_CODE) else kind",
        "if SPEAK_OF_CODE else kind",
        (f"{INTEGRATION}logs.py::test_nothing_that_is_anybodys_own_is_in_the_log",),
    ),
)
