"""Every report equals a plain count over orders, trail and ledger: for random lives of orders, in random zones and ranges,
while some transactions are still open, and wherever the summing up has got to.
"""

import random
from collections import deque
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any

import psycopg
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from orders.domain.money import to_decimal_string
from tests.integration.analytics.conftest import Market
from tests.support.lives import CURRENCIES, PRODUCTS, VENDORS, Life, write
from tests.support.plain_counts import Facts, Row, Within

MOMENTS = [  # changes of the offset, double and skipped midnights, the ends of a month and of a year
    datetime(2026, 3, 29, 1, tzinfo=UTC),
    datetime(2026, 4, 4, 15, tzinfo=UTC),
    datetime(2025, 11, 2, 5, tzinfo=UTC),
    datetime(2026, 9, 6, 4, tzinfo=UTC),
    datetime(2025, 12, 31, 23, tzinfo=UTC),
    datetime(2026, 2, 28, 18, 15, tzinfo=UTC),
]
ZONES = ["UTC", "Europe/Paris", "America/Santiago", "America/Havana", "Australia/Lord_Howe", "Asia/Kathmandu"]
MAX_OPEN = 3
MONEY = {
    *("gross", "discount", "platform_discount", "cancelled", "returned", "revenue", "average_order", "net"),
    *("captured", "refunded", "kept"),
}


def in_currency(row: Row) -> Row:
    """Return the row with its amounts as the API writes them."""
    currency = row["currency"]
    return {
        name: to_decimal_string(value, currency) if name in MONEY and value is not None else value
        for name, value in row.items()
    }


def between(start: datetime, end: datetime) -> Within:
    """Return whether a time is in a range."""
    return lambda at: start <= at < end


class Writers:
    """Lives that are written in turns, some transactions of which commit later than others that began after them."""

    def __init__(self, market: Market, chance: random.Random, lives: int, moment: datetime) -> None:
        self.market, self.chance = market, chance
        self.waiting = [
            iter(Life(chance, moment + timedelta(seconds=chance.randint(-200_000, 200_000))).transactions())
            for _ in range(lives)
        ]
        self.open: deque[tuple[psycopg.Connection[Any], Any]] = deque()
        self.idle: list[psycopg.Connection[Any]] = []

    def go_on(self) -> bool:
        """Write or commit one transaction; return whether there is another one."""
        if self.open and (not self.waiting or len(self.open) >= MAX_OPEN or self.chance.random() < 0.2):
            self._commit(*self.open.popleft())
        elif self.waiting:
            life = self.waiting.pop(self.chance.randrange(len(self.waiting)))
            if statements := next(life, None):
                connection = self.idle.pop() if self.idle else self.market.connect()
                write(connection, statements)
                if self.chance.random() < 0.7:
                    self._commit(connection, life)
                else:
                    self.open.append((connection, life))
        return bool(self.open or self.waiting)

    def _commit(self, connection: psycopg.Connection[Any], life: Any) -> None:
        connection.commit()
        self.idle.append(connection)
        self.waiting.append(life)

    def close(self) -> None:
        """End the transactions that are open."""
        for connection in [*self.idle, *(connection for connection, _ in self.open)]:
            connection.close()


@settings(max_examples=5, phases=[Phase.explicit, Phase.generate])  # a smaller example takes minutes to find
@given(chance=st.randoms(use_true_random=False))
def test_reports_equal_plain_counts(market: Market, chance: random.Random) -> None:
    market.clear()
    moment = chance.choice(MOMENTS)
    writers = Writers(market, chance, chance.randint(3, 15), moment)
    try:
        while writers.go_on():
            if chance.random() < 0.1:
                market.sum_up()
            if chance.random() < 0.02:
                check_reports(market, chance, moment)
    finally:
        writers.close()
    check_reports(market, chance, moment)
    while market.sum_up():
        pass
    check_reports(market, chance, moment)


def check_reports(market: Market, chance: random.Random, moment: datetime) -> None:
    """Compare each report, over a random range, with the plain count."""
    since = moment + chance.choice([-3, -1, 0]) * timedelta(days=1) + chance.randint(-90, 90) * timedelta(minutes=15)
    until = since + chance.choice([timedelta(minutes=15), timedelta(days=3), timedelta(days=92), timedelta(days=400)])
    zone = chance.choice(ZONES)
    asked = {"from": since.isoformat(), "to": until.isoformat(), "timezone": zone}
    days = (until - since).days
    interval = chance.choice(["hour", "day", "week", "month"] if days < 30 else ["day", "week", "month"])

    within = between(since, until)
    for vendor_id in (None, chance.choice(VENDORS)):
        facts = Facts(market.address, vendor_id)
        scope = {**asked, "vendor_id": vendor_id}
        check_sales(market.report("sales", interval=interval, **scope), facts, within)
        check_products(market, chance, facts, within, until, scope)
        found = market.report("coupons", limit=100, **scope)["results"]
        assert found == [in_currency(row) for row in facts.coupons(within)]
        found = market.report("funnel", **scope)
        assert {name: found[name] for name in ("steps", "cancelled_by", "times")} == facts.funnel(within)
    facts = Facts(market.address)
    check_payments(market.report("payments", interval=interval, **asked), facts, within)
    check_customers(market.report("customers", interval=interval, **asked), facts, within)
    check_cohorts(market, facts, moment)


def check_rows(results: list[Row], totals: Row, expected: Callable[[Within], Row], within: Within) -> None:
    """Compare the figures of each row and of the totals; the rows lie end to end."""
    for row, following in pairwise(results):
        assert row["end"] == following["start"]
    for row in results:
        start, end = (datetime.fromisoformat(row[name]) for name in ("start", "end"))
        figures = {name: value for name, value in row.items() if name not in ("start", "end", "complete")}
        assert figures == expected(between(start, end)), row["start"]
    assert totals == expected(within)


def check_sales(report: Row, facts: Facts, within: Within) -> None:
    assert [totals["currency"] for totals in report["totals"]] == facts.currencies(within)
    for totals in report["totals"]:
        currency = totals["currency"]

        def expected(within: Within, currency: str = currency) -> Row:
            return in_currency({"currency": currency, **facts.sales_of(currency, within)})

        results = [row for row in report["results"] if row["currency"] == currency]
        check_rows(results, totals, expected, within)


def check_payments(report: Row, facts: Facts, within: Within) -> None:
    found = [totals["currency"] for totals in report["totals"]]
    assert facts.payment_currencies(within) <= set(found)
    assert found == sorted(found)
    for totals in report["totals"]:
        currency = totals["currency"]

        def expected(within: Within, currency: str = currency) -> Row:
            return in_currency({"currency": currency, **facts.payments_of(currency, within)})

        results = [row for row in report["results"] if row["currency"] == currency]
        check_rows(results, totals, expected, within)


def check_products(
    market: Market, chance: random.Random, facts: Facts, within: Within, until: datetime, scope: Row
) -> None:
    by, limit, currency = chance.choice(["revenue", "quantity", "orders"]), chance.randint(1, 9), None
    if chance.random() < 0.3:
        currency = chance.choice(CURRENCIES)
    expected = facts.top_products(within, until, by)
    wanted = [
        row
        for each in CURRENCIES
        if currency in (None, each)
        for row in [row for row in expected if row["currency"] == each][:limit]
    ]
    found = market.report("top-products", by=by, limit=limit, currency=currency, **scope)["results"]
    assert found == [in_currency(row) for row in wanted]
    if datetime.fromisoformat(scope["to"]) - datetime.fromisoformat(scope["from"]) <= timedelta(days=91):
        product_id = chance.choice([product for products in PRODUCTS.values() for product in products])
        report = market.report("bought-together", product_id=product_id, limit=50, **scope)
        orders, others = facts.bought_together(product_id, within)
        assert report["orders"] == orders
        assert [{k: v for k, v in row.items() if k != "name"} for row in report["results"]] == others


def check_customers(report: Row, facts: Facts, within: Within) -> None:
    check_rows(report["results"], report["totals"], facts.customers_of, within)
    assert report["order_counts"] == facts.order_counts()


def check_cohorts(market: Market, facts: Facts, moment: datetime) -> None:
    months = {"from": f"{moment:%Y-%m}", "to": "2026-06"} if moment.date() < date(2026, 6, 1) else {}
    present = datetime.now(UTC).date().replace(day=1)
    for cohort in market.report("cohorts", **months)["results"]:
        assert cohort == facts.cohort(date.fromisoformat(f"{cohort['month']}-01"), present)
