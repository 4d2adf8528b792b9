"""The kept sums: no fact is in them twice or left out, whoever is writing, waiting or killed; and they can be made anew."""

import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest

from compose.stack import CHECKOUT
from tests.integration.analytics.conftest import Market
from tests.support.lives import Life, write
from tests.support.plain_counts import Facts

DAY = datetime(2026, 3, 3, 12, tzinfo=UTC)
RANGE = {"from": "2026-03-01", "to": "2026-12-01", "interval": "month"}


@pytest.fixture(autouse=True)
def _empty(market: Market) -> None:
    market.clear()


def sold(seed: int) -> Life:
    """Return a life of an order that is sold in euros."""
    while True:
        life = Life(random.Random(seed), DAY)
        if life.currency == "EUR" and life.total:
            return life
        seed += 1000


def sell(market: Market, life: Life) -> None:
    """Write an order and its sale."""
    with market.connect() as connection:
        sell_on(connection, life)


def sell_on(connection: psycopg.Connection[Any], life: Life) -> None:
    """Write an order and its sale without a commit."""
    write(connection, [*life._placed(), life._entry("order.confirmed", "payment")])


def gross(market: Market) -> int:
    """Return the sales in cents."""
    rows = market.report("sales", currency="EUR", **RANGE)["totals"]
    return round(float(rows[0]["gross"]) * 100)


def kept(market: Market) -> int:
    """Return the sales that are in the kept sums."""
    with market.connect() as connection:
        [found] = connection.execute("SELECT coalesce(sum(gross), 0)::bigint FROM analytics_sales").fetchall()
    return int(found[0])


def test_a_sale_is_in_the_next_report_before_and_after_it_is_summed_up(market: Market) -> None:
    life = sold(1)
    sell(market, life)
    assert (gross(market), kept(market)) == (life.subtotal, 0)
    market.sum_up()
    assert (gross(market), kept(market)) == (life.subtotal, life.subtotal)
    market.sum_up()
    assert (gross(market), kept(market)) == (life.subtotal, life.subtotal)


def test_entries_that_commit_after_later_ones_are_not_left_out(market: Market) -> None:
    early, late = sold(1), sold(2)
    with market.connect() as writer:
        sell_on(writer, early)  # has its ids
        sell(market, late)  # later ids, committed before
        market.sum_up()
        assert (gross(market), kept(market)) == (late.subtotal, 0), "an earlier entry may still appear"
    assert gross(market) == early.subtotal + late.subtotal
    market.sum_up()
    assert gross(market) == kept(market) == early.subtotal + late.subtotal


def test_entries_that_are_rolled_back_hold_nothing_back(market: Market) -> None:
    life = sold(1)
    with market.connect() as writer:
        sell_on(writer, sold(2))
        sell(market, life)
        writer.rollback()
    market.sum_up()
    assert gross(market) == kept(market) == life.subtotal


def test_an_event_of_payment_that_waits_for_its_order_counts_once_it_is_in_the_ledger(market: Market) -> None:
    life = sold(1)
    sell(market, life)
    with market.connect() as connection:
        write(connection, [life._paid("payment.captured", 700)])
        connection.execute("UPDATE payment_events SET order_id = NULL")
        write(connection, [life._paid("payment.captured", 40)])

    def captured() -> list[str]:
        return [row["captured"] for row in market.report("payments", **RANGE)["totals"]]

    market.sum_up()
    assert captured() == ["0.40"]
    with market.connect() as connection:
        connection.execute("UPDATE payment_events SET order_id = %s", [life.order_id])
    assert captured() == ["7.40"]
    market.sum_up()
    assert captured() == ["7.40"]
    assert market.manage("rebuild_analytics", "--check").returncode == 0


def test_a_check_prints_each_difference_and_a_rebuild_removes_it(market: Market) -> None:
    life = sold(1)
    sell(market, life)
    market.sum_up()
    assert market.manage("rebuild_analytics", "--check").stdout == "Sums that differ from the facts: none.\n"
    with market.connect() as connection:
        connection.execute("UPDATE analytics_sales SET gross = gross + 1")
        connection.execute("DELETE FROM analytics_customers")
    checked = market.manage("rebuild_analytics", "--check")
    assert checked.returncode == 1
    assert "analytics_sales: currency EUR, quarter 2026-03-03 12:00:00+00:00" in checked.stdout
    assert f"gross {life.subtotal + 1}," in checked.stdout
    assert f"gross {life.subtotal}," in checked.stdout
    assert f"analytics_customers: customer_id {life.customer}\n    kept     nothing\n" in checked.stdout
    assert "Sums that differ from the facts: 2." in checked.stdout
    assert gross(market) == life.subtotal + 1, "a check changes nothing"
    assert market.manage("rebuild_analytics").returncode == 0
    assert market.manage("rebuild_analytics", "--check").returncode == 0
    assert gross(market) == life.subtotal


@pytest.fixture
def sums(market: Market) -> Iterator[list[int]]:
    """Sell orders one after another; yield the sums of their sales, one after each commit."""
    committed, stopping = [0], threading.Event()

    def work() -> None:
        chance = random.Random(7)
        while not stopping.is_set():
            life = sold(chance.randrange(10**6))
            committed.append(committed[-1] + life.subtotal)
            sell(market, life)

    writer = threading.Thread(target=work)
    writer.start()
    yield committed
    stopping.set()
    writer.join()


def exact_reports(market: Market, sums: list[int], seconds: float) -> int:
    """Compare reports with what was committed when they were asked for and answered; return their number."""
    end, reports = time.monotonic() + seconds, 0
    while time.monotonic() < end:
        before = len(sums) - 2  # the last one may not be committed yet
        assert gross(market) in sums[max(0, before) :]
        reports += 1
    return reports


def test_reports_are_exact_during_a_rebuild(market: Market, sums: list[int]) -> None:
    exact_reports(market, sums, 1)
    market.sum_up()
    command = [sys.executable, "manage.py", "rebuild_analytics"]
    with subprocess.Popen(command, cwd=CHECKOUT, env=market.environment) as rebuilding:
        while rebuilding.poll() is None:
            exact_reports(market, sums, 0.05)
    assert rebuilding.returncode == 0
    with market.connect() as connection:
        [(generations,)] = connection.execute("SELECT count(*) FROM analytics_generations").fetchall()
    assert generations == 1


def test_reports_are_exact_when_the_worker_is_killed(market: Market, sums: list[int]) -> None:
    command = [sys.executable, "-m", "tests.support.summing", "1"]
    for _ in range(3):
        with subprocess.Popen(
            command, cwd=CHECKOUT, env=market.environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        ) as summing:
            assert summing.stdin and summing.stdout
            summing.stdin.write(b"\n" * 1000)
            summing.stdin.flush()
            summing.stdout.readline()
            exact_reports(market, sums, random.uniform(0, 0.3))  # the moment of the kill
            summing.send_signal(signal.SIGKILL)
        exact_reports(market, sums, 0.1)
    assert kept(market) > 0
    assert market.manage("rebuild_analytics", "--check").returncode == 0


def test_what_a_killed_rebuild_has_left_is_deleted_by_the_next_one(market: Market) -> None:
    life = sold(1)
    sell(market, life)
    market.sum_up()
    with market.connect() as connection:
        connection.execute("INSERT INTO analytics_generations (id, last_event_id) VALUES (999, 1)")
        connection.execute(
            "INSERT INTO analytics_cohorts (generation, cohort, month, customers) VALUES (999, now(), now(), 5)"
        )
    assert gross(market) == life.subtotal
    assert market.manage("rebuild_analytics").returncode == 0
    with market.connect() as connection:
        found = connection.execute("SELECT DISTINCT generation FROM analytics_cohorts").fetchall()
        [(active,)] = connection.execute("SELECT id FROM analytics_generations").fetchall()
    assert found == [(active,)]
    assert gross(market) == Facts(market.address).sales_of("EUR", lambda at: True)["gross"]
