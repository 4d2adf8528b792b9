"""Customers by the month of their first sale, and how many of them have a sale in later months."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from orders.analytics import bookings
from orders.analytics.reports.snapshot import ENTRIES, snapshot
from orders.analytics.time_ranges import MonthRange, add_months, months_between


@dataclass(frozen=True, slots=True)
class Cohort:
    """The customers whose first sale is in `month`; `active[k]` of them have a sale k months later."""

    month: date
    active: Sequence[int]


def cohorts(*, months: MonthRange, now: datetime) -> list[Cohort]:
    """Return the cohort of each month, up to the month of `now`."""
    with snapshot() as moment:
        found = moment.rows(
            f"""WITH {ENTRIES}, {bookings.CUSTOMERS}, facts AS (
                SELECT cohort, month, customers FROM analytics_cohorts WHERE generation = %(generation)s
                UNION ALL {bookings.COHORTS})
            SELECT cohort, month, sum(customers)::bigint AS customers FROM facts
            WHERE cohort BETWEEN %(first)s AND %(last)s GROUP BY 1, 2""",
            first=months.first,
            last=months.last,
        )
    customers = Counter({(each["cohort"], each["month"]): each["customers"] for each in found})
    present = now.date().replace(day=1)
    return [
        Cohort(
            month, [customers[month, add_months(month, k)] for k in range(max(0, months_between(month, present)) + 1)]
        )
        for month in months.months()
    ]
