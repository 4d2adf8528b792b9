"""The parameters of reports, each declared once for validation and for the OpenAPI document."""

from collections.abc import Collection
from typing import Any

from orders.analytics.reports.rankings import PRODUCT_ORDERINGS
from orders.analytics.time_ranges import (
    DEFAULT_DAYS,
    DEFAULT_MONTHS,
    MAX_MONTHS,
    MAX_ROWS,
    MAX_YEARS,
    Interval,
    read_zone,
)
from orders.domain.money import DECIMALS
from orders.http.filters import PLAIN_OFFSET, ListFilter, ListFilterSet, Schema, TextFilter
from orders.http.openapi.parameters import SCHEMAS
from orders.http.pagination import FORMATS, one_of, whole_number

FOR_ADMINS = ("vendor_id",)
"""Parameters that are unknown to vendors."""

BOUGHT_TOGETHER_DATES = 92
"""The maximum number of dates of `bought-together`, which is counted from the orders themselves."""

CURRENCY: Schema = {"type": "string", "pattern": "^[A-Z]{3}$"}
ZONE: Schema = {"type": "string", "default": "UTC", "examples": ["Europe/Paris"]}
BOUND: Schema = {
    "type": "string",
    "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}([Tt ][0-9]{2}:(00|15|30|45):00([Zz]|[ +-][0-9]{2}:[0-9]{2}))?$",
    "examples": ["2026-10-25", "2026-10-25T12:15:00+01:00"],
}
MONTH: Schema = {"type": "string", "pattern": "^[0-9]{4}-[0-9]{2}$", "examples": ["2026-01"]}


def currency_code(text: str) -> str:
    """Parse a currency."""
    if text not in DECIMALS:
        raise ValueError("Not a currency of ISO 4217, like EUR.")
    return text


class ChoiceFilter(ListFilter):
    """One of the `known` choices, which become an OpenAPI component."""

    def __init__(self, known: Collection[str], component: str, help_text: str, initial: str) -> None:
        words = [str(word) for word in known]
        SCHEMAS[component] = {"type": "string", "enum": words}
        self.schema = {"$ref": f"#/components/schemas/{component}"}
        self.parse = one_of(words)
        super().__init__(f"{help_text}Without it: `{initial}`.", initial=initial)


class LimitFilter(ListFilter):
    """The maximum number of results."""

    def __init__(self, help_text: str, *, initial: int, most: int) -> None:
        self.schema = {"type": "integer", "minimum": 1, "maximum": most, "default": initial}
        self.parse = whole_number(most)
        super().__init__(help_text, initial=initial)


class CurrencyFilter(ListFilter):
    """A currency."""

    schema = CURRENCY
    parse = staticmethod(currency_code)


class ZoneFilter(ListFilter):
    """A time zone."""

    schema = ZONE
    parse = staticmethod(read_zone)


class BoundFilter(ListFilter):
    """The beginning or the end of a range, which is read with the zone; an unescaped + arrives as a space."""

    schema = BOUND

    @staticmethod
    def parse(text: str) -> str:
        """Return the text with its +."""
        return PLAIN_OFFSET.sub("+", text)


class MonthFilter(ListFilter):
    """A month; the range of both is read as a whole."""

    schema = MONTH
    parse = staticmethod(str)


class ReportFilterSet(ListFilterSet):
    """The parameters of reports on a range of time."""

    to = BoundFilter(
        "Exclusive: a date, which is its beginning in `timezone`, or a time on a quarter hour."
        f" Without it: the beginning of tomorrow. At most {MAX_YEARS} years after `from`."
    )
    timezone = ZoneFilter(
        "A name of the IANA time zone database: where days begin, and the offset of the times in the response.",
        initial=read_zone("UTC"),
    )
    format = ChoiceFilter(FORMATS, "Format", "`csv`: the results as a file. ", initial="json")

    @classmethod
    def get_filters(cls) -> dict[str, Any]:
        """Add `from`, a keyword of Python."""
        first = BoundFilter(f"Inclusive: a date or a time, as in `to`. Without it: {DEFAULT_DAYS} dates before `to`.")
        return {"from": first, **super().get_filters()}


def interval() -> ChoiceFilter:
    """Return the filter of the rows' length."""
    text = f"The length of a row, as the clocks of `timezone` show it; at most {MAX_ROWS} rows. Weeks begin on Monday. "
    return ChoiceFilter(list(Interval), "Interval", text, initial=Interval.DAY)


def currency() -> CurrencyFilter:
    """Return the filter of the currency."""
    return CurrencyFilter("ISO 4217: only this one. Without it: each one with figures in the range.")


def vendor_id() -> TextFilter:
    """Return the filter of the vendor."""
    return TextFilter("For admins only: the report that this vendor gets.")


class SalesFilterSet(ReportFilterSet):
    """Sales."""

    interval = interval()
    currency = currency()
    vendor_id = vendor_id()


class TopProductsFilterSet(ReportFilterSet):
    """Products."""

    by = ChoiceFilter(
        list(PRODUCT_ORDERINGS), "ProductOrdering", "What the largest comes first of. ", initial="revenue"
    )
    limit = LimitFilter("Products of each currency.", initial=10, most=100)
    currency = currency()
    vendor_id = vendor_id()


class BoughtTogetherFilterSet(ReportFilterSet):
    """Products in the same sales as another one."""

    product_id = TextFilter("The product that all counted sales have.", required=True)
    limit = LimitFilter("Products in the response.", initial=10, most=50)
    vendor_id = vendor_id()


class CustomersFilterSet(ReportFilterSet):
    """Customers."""

    interval = interval()


class CohortsFilterSet(ListFilterSet):
    """Customers by the month of their first sale."""

    to = MonthFilter("A month, inclusive. Without it: the present one.")
    format = ChoiceFilter(FORMATS, "Format", "`csv`: the results as a file. ", initial="json")

    @classmethod
    def get_filters(cls) -> dict[str, Any]:
        """Add `from`, a keyword of Python."""
        text = f"A month, inclusive. Without it, the range has {DEFAULT_MONTHS} months; at most {MAX_MONTHS}."
        return {"from": MonthFilter(text), **super().get_filters()}


class FunnelFilterSet(ReportFilterSet):
    """The steps of orders."""

    vendor_id = vendor_id()


class CouponsFilterSet(ReportFilterSet):
    """Coupons."""

    limit = LimitFilter("Coupons of each currency.", initial=20, most=100)
    currency = currency()
    vendor_id = vendor_id()


class PaymentsFilterSet(ReportFilterSet):
    """Payments."""

    interval = interval()
    currency = currency()
