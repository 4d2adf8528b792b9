"""Each response has exactly the fields that its serializer declares for the schema, and the documented examples have them too."""

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from orders.analytics.api.serializers import cohorts, funnel, parts, rankings, series
from orders.analytics.reports.bought_together import BoughtTogether
from orders.analytics.reports.cohorts import Cohort
from orders.analytics.reports.funnel import Step
from orders.analytics.reports.series import PAYMENT_COLUMNS, SALES_COLUMNS, CustomerReport, Series
from orders.analytics.time_ranges import Interval, read_months, read_range, read_zone, rows
from orders.api import serializers as shared
from orders.api.admin import serializers as admin
from orders.api.orders import serializers as orders
from orders.api.vendor_orders import serializers as vendor_orders
from orders.coupons.api import serializers as coupons
from orders.coupons.records import BatchRow, CouponRow, EventRow, RedemptionRow
from orders.domain.pricing import PricedLine, Pricing, Product
from orders.domain.records import AppliedCoupon, OrderItemRow, OrderRecord, OrderRow, VendorOrderRecord, VendorOrderRow
from orders.http.serializers import Output, PageOutput, ShortageSerializer
from orders.services.checkout.quote import Quote, Shortage
from orders.services.reading.summary import Summary
from orders.store.models import OrderEvent

NOW, ID = datetime.now(UTC), uuid.uuid4()
COUPON = AppliedCoupon(coupon_id=ID, code="TEN", kind="percentage", funded_by="vendor", vendor_id="v", discount=100)
ROW = OrderRow(
    id=ID,
    number="7KQM-3XPA-9T2F",
    customer_id="ada",
    status="confirmed",
    payment_status="paid",
    currency="EUR",
    subtotal=1000,
    discount=0,
    total=1000,
    coupon_code=None,
    coupons=[COUPON],
    note="",
    shipping_address={"name": "Ada Lovelace"},
    cart_version=1,
    request_hash="",
    stock_revision=1,
    version=1,
    event_count=1,
    created_at=NOW,
    updated_at=NOW,
    expires_at=NOW,
    payment_check_at=NOW,
    payment_checks=0,
)
PART = VendorOrderRow(
    id=ID,
    order_id=ID,
    vendor_id="v",
    status="pending",
    currency="EUR",
    subtotal=1000,
    discount=0,
    total=1000,
    version=1,
    created_at=NOW,
    updated_at=NOW,
)
ITEM = OrderItemRow(
    id=ID,
    order_id=ID,
    vendor_order_id=ID,
    position=1,
    product_id="mug",
    vendor_id="v",
    name="Mug",
    sku="MUG",
    quantity=1,
    unit_price=1000,
    total=1000,
    discount=0,
)
ORDER = OrderRecord(ROW, [ITEM], [PART])
EVENT = OrderEvent(sequence=1, type="order.placed", to_status="pending", actor_role="customer", actor_id="ada", at=NOW)
LINE = PricedLine(Product("mug", "v", "Mug", "MUG", 1000, "EUR", 5), 1, 1000)
SHORTAGE = Shortage("mug", 2, 1)
COUPON_FIELDS = {
    "id": ID,
    "code": "ABC",
    "kind": "percentage",
    "percent": 1500,
    "usage__times_used": 0,
    "is_active": False,
}
LETTER = SimpleNamespace(id=ID, source="outbox", reason="…", shown="…", order_id=None, attempts=1, created_at=NOW)

COUPON_ROW = CouponRow._make({**dict.fromkeys(CouponRow._fields), **COUPON_FIELDS}.values())
REDEMPTION = RedemptionRow(ID, ID, "7KQM-3XPA-9T2F", "ada", None, 100, "EUR", "reserved", NOW, None, None)
COUPON_EVENT = EventRow(1, "coupon.created", "admin", "a-1", NOW, {})
BATCH = BatchRow(ID, 2, "", "", NOW, 0)

RANGE = read_range("2026-11-21", "2026-11-22", read_zone("UTC"), NOW)
[ROW_TIMES] = parts.row_bodies(RANGE, rows(RANGE, Interval.DAY), NOW)
SOLD, PAID = dict.fromkeys(SALES_COLUMNS, 1), dict.fromkeys(PAYMENT_COLUMNS, 1)
VISITED = {"orders": 1, "new_customers": 1}
PRODUCT = {
    **dict.fromkeys(("orders", "quantity", "gross", "discount", "cancelled_quantity", "cancelled"), 1),
    **{"currency": "EUR", "product_id": "mug", "vendor_id": "v", "name": "Mug", "sku": "MUG"},
}
USED = {
    **dict.fromkeys(("redemptions", "discount", "gross", "net"), 1),
    **{"coupon_id": ID, "code": "TEN", "funded_by": "vendor", "vendor_id": "v", "currency": "EUR"},
}
COHORT = Cohort(NOW.date(), [1])

RECORDS: dict[type[Output], tuple[Any, ...]] = {
    shared.AmountsSerializer: (ROW,),
    shared.OrderItemSerializer: (ITEM, "EUR"),
    shared.ParcelSerializer: (PART,),
    shared.ShippingAddressSerializer: ({},),
    shared.VendorOrderOverviewSerializer: (PART,),
    ShortageSerializer: (SHORTAGE,),
    shared.AppliedCouponSerializer: (COUPON, "EUR"),
    vendor_orders.FundedCouponSerializer: (COUPON, "EUR"),
    orders.HistoryEntrySerializer: (EVENT, "admin"),
    orders.OrderHistorySerializer: ([EVENT], "admin"),
    orders.OrderSerializer: (ORDER, "customer"),
    orders.OrderTrackingSerializer: (ORDER, [EVENT]),
    orders.QuoteItemSerializer: (LINE, "EUR"),
    orders.QuoteSerializer: (Quote(Pricing("EUR", (LINE,), {}, 1000, 0), 1, [SHORTAGE], "TEN", [COUPON]),),
    orders.ShipmentSerializer: (PART, [ITEM]),
    orders.TimelineEntrySerializer: (EVENT,),
    vendor_orders.VendorOrderSerializer: (VendorOrderRecord(PART, [ITEM], ROW),),
    vendor_orders.VendorOrderSummarySerializer: (Summary({}, 0, {}, None),),
    coupons.ChangedCouponBatchSerializer: (BATCH, 2),
    coupons.CouponBatchSerializer: (BATCH,),
    coupons.CouponEventSerializer: (COUPON_EVENT, "admin"),
    coupons.CouponHistorySerializer: ([COUPON_EVENT], "admin"),
    coupons.CouponSerializer: (COUPON_ROW,),
    coupons.RedemptionSerializer: (REDEMPTION, "admin"),
    rankings.BoughtTogetherReportSerializer: (RANGE, BoughtTogether(1, [PRODUCT])),
    cohorts.CohortReportSerializer: (read_months(None, None, NOW), [COHORT]),
    cohorts.CohortSerializer: (COHORT,),
    rankings.CompanionSerializer: (PRODUCT, 1),
    series.CustomerFiguresSerializer: (VISITED,),
    series.CustomerReportSerializer: (RANGE, CustomerReport(Series("", [VISITED]), {}), [ROW_TIMES]),
    series.CustomerRowSerializer: (VISITED, ROW_TIMES),
    funnel.DurationsSerializer: (Step(),),
    funnel.FunnelCancellationsSerializer: ({},),
    funnel.FunnelReportSerializer: (RANGE, {}),
    funnel.FunnelStepsSerializer: ({}, 0),
    funnel.FunnelTimesSerializer: ({},),
    series.OrderCountSerializer: (1, 1),
    series.PaymentFiguresSerializer: (PAID, "EUR"),
    series.PaymentReportSerializer: (RANGE, [Series("EUR", [PAID])], [ROW_TIMES]),
    series.PaymentRowSerializer: (PAID, "EUR", ROW_TIMES),
    series.PaymentTotalsSerializer: (PAID, "EUR"),
    series.SalesFiguresSerializer: (SOLD, "EUR"),
    series.SalesReportSerializer: (RANGE, [Series("EUR", [SOLD])], [ROW_TIMES]),
    series.SalesRowSerializer: (SOLD, "EUR", ROW_TIMES),
    series.SalesTotalsSerializer: (SOLD, "EUR"),
    rankings.TopCouponSerializer: (USED,),
    rankings.TopCouponsReportSerializer: (RANGE, [USED]),
    rankings.TopProductSerializer: (PRODUCT,),
    rankings.TopProductsReportSerializer: (RANGE, [PRODUCT]),
    admin.DeadLetterRetrySerializer: (ID,),
    admin.DeadLetterSerializer: (LETTER,),
}
"""The row that each serializer represents."""

FOR_ADMINS = {"actor_id", "request_id", "data"}


def heirs(serializer: type[Any]) -> Iterator[type[Any]]:
    for heir in serializer.__subclasses__():
        yield heir
        yield from heirs(heir)


def declared(serializer: type[Output]) -> set[str]:
    return set(serializer().fields)


def test_every_serializer_that_builds_a_response_is_compared_with_its_fields() -> None:
    assert set(RECORDS) == {heir for heir in heirs(Output) if "to_representation" in vars(heir)}


@pytest.mark.parametrize("serializer", RECORDS)
def test_a_response_has_exactly_the_declared_fields(serializer: type[Output]) -> None:
    assert serializer.to_representation(*RECORDS[serializer]).keys() == declared(serializer)


@pytest.mark.parametrize("serializer", RECORDS)
def test_a_nested_response_is_that_of_the_declared_serializer(serializer: type[Output]) -> None:
    body = serializer.to_representation(*RECORDS[serializer])
    for name, field in serializer().fields.items():
        nested = getattr(field, "child", field)
        if isinstance(nested, Output):
            for part in body[name] if nested is not field else [body[name]]:
                assert part.keys() == declared(type(nested)), name


def test_customers_see_no_field_of_the_history_that_is_for_admins() -> None:
    body = orders.HistoryEntrySerializer.to_representation(EVENT, "customer")
    assert body.keys() == declared(orders.HistoryEntrySerializer) - FOR_ADMINS


def test_vendors_see_no_field_of_a_coupons_redemptions_and_history_that_is_for_admins() -> None:
    redemption = coupons.RedemptionSerializer.to_representation(REDEMPTION, "vendor")
    assert redemption.keys() == declared(coupons.RedemptionSerializer) - {"customer_id"}
    entry = coupons.CouponEventSerializer.to_representation(COUPON_EVENT, "vendor")
    assert entry.keys() == declared(coupons.CouponEventSerializer) - {"actor_id"}


def test_a_page_has_exactly_the_declared_fields() -> None:
    for page in heirs(PageOutput):
        assert declared(page) == {"next", "previous", "results"}
