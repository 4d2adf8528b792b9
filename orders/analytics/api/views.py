"""Endpoints of reports, for vendors and admins."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, ClassVar

from django.http import HttpRequest, HttpResponse

from orders.analytics.api.filters import (
    BOUGHT_TOGETHER_DATES,
    FOR_ADMINS,
    BoughtTogetherFilterSet,
    CohortsFilterSet,
    CouponsFilterSet,
    CustomersFilterSet,
    FunnelFilterSet,
    PaymentsFilterSet,
    SalesFilterSet,
    TopProductsFilterSet,
)
from orders.analytics.api.serializers.cohorts import CohortReportSerializer
from orders.analytics.api.serializers.funnel import FunnelReportSerializer
from orders.analytics.api.serializers.parts import Body, row_bodies
from orders.analytics.api.serializers.rankings import (
    BoughtTogetherReportSerializer,
    CompanionSerializer,
    TopCouponSerializer,
    TopCouponsReportSerializer,
    TopProductSerializer,
    TopProductsReportSerializer,
)
from orders.analytics.api.serializers.series import (
    CustomerReportSerializer,
    CustomerRowSerializer,
    PaymentReportSerializer,
    PaymentRowSerializer,
    SalesReportSerializer,
    SalesRowSerializer,
)
from orders.analytics.reports.bought_together import bought_together
from orders.analytics.reports.cohorts import cohorts
from orders.analytics.reports.funnel import funnel
from orders.analytics.reports.rankings import top_coupons, top_products
from orders.analytics.reports.series import customers, payments, sales
from orders.analytics.time_ranges import Interval, MonthRange, RangeError, TimeRange, read_months, read_range, rows
from orders.domain.callers import Role
from orders.domain.errors import Invalid
from orders.http.caching import cached_by_content
from orders.http.csv import CSVWriter, answer_csv
from orders.http.filters import Error, ListFilterSet, check_known, clean_parameters, refusal
from orders.http.headers import caller
from orders.http.openapi.auto_schema import endpoint
from orders.http.openapi.parameters import IF_NONE_MATCH, filters
from orders.http.views import OrderAPIView, answer_json
from orders.runtime.concurrency import ConcurrencyLimiter
from orders.store import database

MANAGERS: tuple[Role, ...] = ("vendor", "admin")
ADMINS: tuple[Role, ...] = ("admin",)

FREE_TEXT = ("product_id", "vendor_id", "name", "sku")
"""The columns of files whose text comes from another service."""

TWO_AT_A_TIME = ConcurrencyLimiter(2, max_wait=5)
"""A report takes a thread of the database for a tenth of a second: two at most in each process, so that others are free."""


class ReportRequest:
    """The parameters of a report, and the time at which it was asked for."""

    def __init__(self, request: HttpRequest, filterset: type[ListFilterSet]) -> None:
        """Raise Invalid with an entry for each invalid parameter, or for each one that the caller's role does not have."""
        user = caller(request)
        hidden = () if user.role == "admin" else FOR_ADMINS
        fields = {name: field for name, field in filterset.fields().items() if name not in hidden}
        check_known(request, fields)
        sent, errors = clean_parameters(request.GET, fields)
        if errors:
            raise _invalid(errors)
        self.now = datetime.now(UTC)
        self.values: Mapping[str, Any] = {name: field.initial for name, field in fields.items()} | sent
        self.vendor_id: str | None = user.vendor_id if user.role == "vendor" else self.values.get("vendor_id")

    def __getitem__(self, name: str) -> Any:
        """Return the value of a parameter, or else its default."""
        return self.values[name]

    def read_range(self, max_dates: int | None = None) -> TimeRange:
        """Return the range. Raises RangeError."""
        return read_range(self["from"], self["to"], self["timezone"], self.now, max_dates)


class ReportView(OrderAPIView):
    """The base of the reports. A subclass has a `report`: a function of its ReportRequest and its range, for a database thread."""

    name: ClassVar[str]
    filterset_class: ClassVar[type[ListFilterSet]]
    columns: ClassVar[Sequence[str]]
    """Those of a file."""
    report: ClassVar[Callable[..., Body]]

    async def answer(self, request: HttpRequest) -> HttpResponse:
        """Return the report as JSON, or 304 if the client has it already; or as a file."""
        asked = ReportRequest(request, self.filterset_class)
        try:
            range_ = self.read_range(asked)
            async with TWO_AT_A_TIME.slot():
                response = await database.run(self.write, asked, range_)
        except RangeError as error:
            raise _invalid([refusal(error.parameter, str(error))]) from error
        return response if asked["format"] == "csv" else cached_by_content(request, response)

    def write(self, asked: ReportRequest, range_: TimeRange | MonthRange) -> HttpResponse:
        """Return the report, read and written in a thread: a thousand rows would stop the event loop for milliseconds."""
        body = self.report(asked, range_)
        if asked["format"] != "csv":
            return answer_json(body)
        file = CSVWriter(self.columns, FREE_TEXT)
        file.write(self.lines(body))
        return answer_csv(file.content(), f"{self.name}_{body['from'][:10]}_{body['to'][:10]}.csv")  # dates, or months

    def read_range(self, asked: ReportRequest) -> TimeRange | MonthRange:
        """Return the range of the report. Raises RangeError."""
        return asked.read_range()

    def lines(self, body: Body) -> Iterable[Mapping[str, Any]]:
        """Return the lines of a file."""
        results: list[Body] = body["results"]
        return results


class SalesView(ReportView):
    """`/api/v1/analytics/sales`"""

    name, filterset_class, columns = "sales", SalesFilterSet, list(SalesRowSerializer().fields)
    roles: ClassVar = {"GET": MANAGERS}
    query_parameters: ClassVar = {"GET": filterset_class.base_filters}

    @endpoint("report_sales", response=SalesReportSerializer, parameters=[*filters(SalesFilterSet), IF_NONE_MATCH])
    async def get(self, request: HttpRequest) -> HttpResponse:
        """Report sales.

        A sale is an order at its confirmation, or a vendor's part of one. What is cancelled later is taken off on the day of
        the cancellation, so a day that is over does not change any more. Rows lie end to end, empty ones too. Amounts are of
        goods alone and never converted: each currency has rows of its own.
        """
        return await self.answer(request)

    @staticmethod
    def report(asked: ReportRequest, range_: TimeRange) -> Body:
        """Return the body."""
        cut = rows(range_, Interval(asked["interval"]))
        found = sales(vendor_id=asked.vendor_id, range_=range_, rows=cut, currency=asked["currency"])
        return SalesReportSerializer.to_representation(range_, found, row_bodies(range_, cut, asked.now))


class TopProductsView(ReportView):
    """`/api/v1/analytics/top-products`"""

    name, filterset_class, columns = "top-products", TopProductsFilterSet, list(TopProductSerializer().fields)
    roles: ClassVar = {"GET": MANAGERS}
    query_parameters: ClassVar = {"GET": filterset_class.base_filters}

    @endpoint(
        "report_top_products",
        response=TopProductsReportSerializer,
        parameters=[*filters(TopProductsFilterSet), IF_NONE_MATCH],
    )
    async def get(self, request: HttpRequest) -> HttpResponse:
        """Report the top products.

        The products with a sale or a cancellation in the range, by currency, then by what `by` names, the largest first.
        """
        return await self.answer(request)

    @staticmethod
    def report(asked: ReportRequest, range_: TimeRange) -> Body:
        """Return the body."""
        found = top_products(
            vendor_id=asked.vendor_id,
            range_=range_,
            currency=asked["currency"],
            by=asked["by"],
            limit=asked["limit"],
        )
        return TopProductsReportSerializer.to_representation(range_, found)


class BoughtTogetherView(ReportView):
    """`/api/v1/analytics/bought-together`"""

    name, filterset_class, columns = "bought-together", BoughtTogetherFilterSet, list(CompanionSerializer().fields)
    roles: ClassVar = {"GET": MANAGERS}
    query_parameters: ClassVar = {"GET": filterset_class.base_filters}

    @endpoint(
        "report_bought_together",
        response=BoughtTogetherReportSerializer,
        parameters=[*filters(BoughtTogetherFilterSet), IF_NONE_MATCH],
    )
    async def get(self, request: HttpRequest) -> HttpResponse:
        """Report what is bought together.

        The other products of the sales with `product_id`, those in most of them first; a vendor sees its own alone. The range
        has at most 92 dates.
        """
        return await self.answer(request)

    def read_range(self, asked: ReportRequest) -> TimeRange:
        """Return the range of the report. Raises RangeError."""
        return asked.read_range(BOUGHT_TOGETHER_DATES)

    @staticmethod
    def report(asked: ReportRequest, range_: TimeRange) -> Body:
        """Return the body."""
        found = bought_together(
            vendor_id=asked.vendor_id, product_id=asked["product_id"], range_=range_, limit=asked["limit"]
        )
        return BoughtTogetherReportSerializer.to_representation(range_, found)


class CustomersView(ReportView):
    """`/api/v1/analytics/customers`"""

    name, filterset_class, columns = "customers", CustomersFilterSet, list(CustomerRowSerializer().fields)
    roles: ClassVar = {"GET": ADMINS}
    query_parameters: ClassVar = {"GET": filterset_class.base_filters}

    @endpoint(
        "report_customers", response=CustomerReportSerializer, parameters=[*filters(CustomersFilterSet), IF_NONE_MATCH]
    )
    async def get(self, request: HttpRequest) -> HttpResponse:
        """Report new and returning customers.

        Sales of all currencies, those that are their customer's first ever and the others; and how many customers have 1, 2,
        3 … sales.
        """
        return await self.answer(request)

    @staticmethod
    def report(asked: ReportRequest, range_: TimeRange) -> Body:
        """Return the body."""
        cut = rows(range_, Interval(asked["interval"]))
        found = customers(range_=range_, rows=cut)
        return CustomerReportSerializer.to_representation(range_, found, row_bodies(range_, cut, asked.now))


class CohortsView(ReportView):
    """`/api/v1/analytics/cohorts`"""

    name, filterset_class, columns = "cohorts", CohortsFilterSet, ("month", "offset", "customers")
    roles: ClassVar = {"GET": ADMINS}
    query_parameters: ClassVar = {"GET": filterset_class.base_filters}

    @endpoint("report_cohorts", response=CohortReportSerializer, parameters=[*filters(CohortsFilterSet), IF_NONE_MATCH])
    async def get(self, request: HttpRequest) -> HttpResponse:
        """Report cohorts of customers.

        The customers whose first sale is in a month, and how many of them have a sale in each later month. Calendar months in
        UTC. A file has a line for each month and number of months later (`offset`).
        """
        return await self.answer(request)

    def read_range(self, asked: ReportRequest) -> MonthRange:
        """Return the months. Raises RangeError."""
        return read_months(asked["from"], asked["to"], asked.now)

    @staticmethod
    def report(asked: ReportRequest, months: MonthRange) -> Body:
        """Return the body."""
        return CohortReportSerializer.to_representation(months, cohorts(months=months, now=asked.now))

    def lines(self, body: Body) -> Iterable[Mapping[str, Any]]:
        """Return a line for each month and offset."""
        return (
            {"month": cohort["month"], "offset": offset, "customers": customers}
            for cohort in body["results"]
            for offset, customers in enumerate(cohort["active"])
        )


class FunnelView(ReportView):
    """`/api/v1/analytics/funnel`"""

    name, filterset_class, columns = "funnel", FunnelFilterSet, ("step", "orders")
    roles: ClassVar = {"GET": MANAGERS}
    query_parameters: ClassVar = {"GET": filterset_class.base_filters}

    @endpoint("report_funnel", response=FunnelReportSerializer, parameters=[*filters(FunnelFilterSet), IF_NONE_MATCH])
    async def get(self, request: HttpRequest) -> HttpResponse:
        """Report the funnel.

        The orders that were placed in the range, or a vendor's vendor orders, and what has become of them until now: how many
        ever got to each step, and how long the steps took. This report changes as they move on.
        """
        return await self.answer(request)

    @staticmethod
    def report(asked: ReportRequest, range_: TimeRange) -> Body:
        """Return the body."""
        return FunnelReportSerializer.to_representation(range_, funnel(vendor_id=asked.vendor_id, range_=range_))

    def lines(self, body: Body) -> Iterable[Mapping[str, Any]]:
        """Return a line for each step."""
        return ({"step": step, "orders": orders} for step, orders in body["steps"].items())


class CouponsView(ReportView):
    """`/api/v1/analytics/coupons`"""

    name, filterset_class, columns = "coupons", CouponsFilterSet, list(TopCouponSerializer().fields)
    roles: ClassVar = {"GET": MANAGERS}
    query_parameters: ClassVar = {"GET": filterset_class.base_filters}

    @endpoint(
        "report_coupons", response=TopCouponsReportSerializer, parameters=[*filters(CouponsFilterSet), IF_NONE_MATCH]
    )
    async def get(self, request: HttpRequest) -> HttpResponse:
        """Report the use of coupons.

        The coupons that sales of the range used, by currency, then by what they took off, the largest first. A vendor sees
        those that it funds, with the amounts of its own vendor orders.
        """
        return await self.answer(request)

    @staticmethod
    def report(asked: ReportRequest, range_: TimeRange) -> Body:
        """Return the body."""
        found = top_coupons(vendor_id=asked.vendor_id, range_=range_, currency=asked["currency"], limit=asked["limit"])
        return TopCouponsReportSerializer.to_representation(range_, found)


class PaymentsView(ReportView):
    """`/api/v1/analytics/payments`"""

    name, filterset_class, columns = "payments", PaymentsFilterSet, list(PaymentRowSerializer().fields)
    roles: ClassVar = {"GET": ADMINS}
    query_parameters: ClassVar = {"GET": filterset_class.base_filters}

    @endpoint(
        "report_payments", response=PaymentReportSerializer, parameters=[*filters(PaymentsFilterSet), IF_NONE_MATCH]
    )
    async def get(self, request: HttpRequest) -> HttpResponse:
        """Report payments.

        The captures and refunds of the ledger, by the time at which the service heard of them.
        """
        return await self.answer(request)

    @staticmethod
    def report(asked: ReportRequest, range_: TimeRange) -> Body:
        """Return the body."""
        cut = rows(range_, Interval(asked["interval"]))
        found = payments(range_=range_, rows=cut, currency=asked["currency"])
        return PaymentReportSerializer.to_representation(range_, found, row_bodies(range_, cut, asked.now))


def _invalid(errors: list[Error]) -> Invalid:
    return Invalid("Invalid parameters: see errors.", errors=errors)
