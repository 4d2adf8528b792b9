"""The kept sums of reports (contract: analytics). Amounts are minor units; `quarter` is the beginning of a quarter hour.

Orders, trail and ledger are the facts; these tables can be made anew from them at any time. A fact is booked once, at the
moment it happened. The sums of one `Generation` contain exactly the entries up to its two positions; what came later is
counted from the facts by each report.
"""

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import CompositePrimaryKey, Index, Q, UniqueConstraint


class Generation(models.Model):
    """One making of all sums. Reports read the active one; a rebuild makes the next one beside it."""

    id = models.AutoField(primary_key=True)
    is_active = models.BooleanField(db_default=False)
    last_event_id = models.BigIntegerField(db_default=0)
    last_payment_event_id = models.BigIntegerField(db_default=0)

    class Meta:
        db_table = "analytics_generations"
        constraints: ClassVar = [
            UniqueConstraint(fields=["is_active"], condition=Q(is_active=True), name="analytics_one_active_generation")
        ]

    def __str__(self) -> str:
        return f"generation {self.id}"


class Sums(models.Model):
    """The base of the sums: `generation` and what they are grouped by are the primary key."""

    generation = models.IntegerField()

    class Meta:
        abstract = True


class SalesFigures(Sums):
    """The base of the sums of sales and cancellations."""

    currency = models.CharField(max_length=3)
    quarter = models.DateTimeField()
    orders = models.BigIntegerField()
    items = models.BigIntegerField()
    gross = models.BigIntegerField()
    discount = models.BigIntegerField()
    platform_discount = models.BigIntegerField()
    cancelled = models.BigIntegerField()

    class Meta:
        abstract = True


class SalesSum(SalesFigures):
    """Sales and cancellations of all vendors; the unit is the order."""

    pk = CompositePrimaryKey("generation", "currency", "quarter")

    class Meta:
        db_table = "analytics_sales"


class VendorSalesSum(SalesFigures):
    """Sales and cancellations of one vendor; the unit is the vendor order."""

    pk = CompositePrimaryKey("generation", "vendor_id", "currency", "quarter")
    vendor_id = models.CharField(max_length=64)

    class Meta:
        db_table = "analytics_vendor_sales"


class PaymentSum(Sums):
    """The ledger, by the time when an event was received."""

    pk = CompositePrimaryKey("generation", "currency", "quarter")
    currency = models.CharField(max_length=3)
    quarter = models.DateTimeField()
    captures = models.BigIntegerField()
    captured = models.BigIntegerField()
    refunds = models.BigIntegerField()
    refunded = models.BigIntegerField()

    class Meta:
        db_table = "analytics_payments"


class FunnelSum(Sums):
    """Orders by the quarter hour in which they were placed, by each step that they took.

    `bucket` is that of the time since the step before (`orders.analytics.figures.BOUNDS`), `seconds` the sum of these times.
    """

    pk = CompositePrimaryKey("generation", "quarter", "step", "bucket")
    quarter = models.DateTimeField()
    step = models.CharField(max_length=24)
    bucket = models.SmallIntegerField()
    units = models.BigIntegerField()
    seconds = models.BigIntegerField()

    class Meta:
        db_table = "analytics_funnel"


class VendorFunnelSum(Sums):
    """A vendor's vendor orders by the day of UTC on which they were placed, as in FunnelSum: quarter hours would be as many rows
    as vendor orders have steps."""

    pk = CompositePrimaryKey("generation", "vendor_id", "day", "step", "bucket")
    vendor_id = models.CharField(max_length=64)
    day = models.DateTimeField()
    step = models.CharField(max_length=24)
    bucket = models.SmallIntegerField()
    units = models.BigIntegerField()
    seconds = models.BigIntegerField()

    class Meta:
        db_table = "analytics_vendor_funnel"


class Span(models.TextChoices):
    """The lengths of time, in UTC, over which products and coupons are summed up; the value is that of `date_trunc`."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    QUARTER = "quarter"


class ProductFigures(Sums):
    """The base of the sums of a product."""

    vendor_id = models.CharField(max_length=64)
    product_id = models.CharField(max_length=64)
    currency = models.CharField(max_length=3)
    orders = models.BigIntegerField()
    quantity = models.BigIntegerField()
    gross = models.BigIntegerField()
    discount = models.BigIntegerField()
    cancelled_quantity = models.BigIntegerField()
    cancelled = models.BigIntegerField()

    class Meta:
        abstract = True


class ProductSum(ProductFigures):
    """Sales and cancellations of a product. `latest_sale` is the time of the latest one, in microseconds since 1970, and the id of
    its entry in the trail, which leads to the product's name."""

    pk = CompositePrimaryKey("generation", "span", "start", "vendor_id", "product_id", "currency")
    span = models.CharField(max_length=7)
    start = models.DateTimeField()
    latest_sale = ArrayField(models.BigIntegerField(), size=2, null=True)

    class Meta:
        db_table = "analytics_products"


class ProductLine(ProductFigures):
    """A product's part of one sale or cancellation, which is an entry of the trail.

    For the times of a range that are no whole day, and for the products of the same sale: rows of one time lie together here,
    while those of orders and their items lie as they were placed, and are found one by one.
    """

    pk = CompositePrimaryKey("generation", "event_id", "vendor_id", "product_id", "currency")
    event_id = models.BigIntegerField()
    at = models.DateTimeField()

    class Meta:
        db_table = "analytics_product_lines"
        indexes: ClassVar = [
            Index(
                fields=["generation", "product_id", "at"],
                include=["event_id", "vendor_id", "orders"],
                name="analytics_lines_of_product",
            )
        ]


class CouponFigures(Sums):
    """The base of the sums of sales that used a coupon. The `vendor_` amounts are those of its vendor's part, for a coupon that the
    vendor funds."""

    coupon_id = models.UUIDField()
    currency = models.CharField(max_length=3)
    code = models.CharField(max_length=50)
    funded_by = models.CharField(max_length=8)
    vendor_id = models.CharField(max_length=64, null=True)
    redemptions = models.BigIntegerField()
    discount = models.BigIntegerField()
    gross = models.BigIntegerField()
    net = models.BigIntegerField()
    vendor_gross = models.BigIntegerField()
    vendor_net = models.BigIntegerField()

    class Meta:
        abstract = True


class CouponSum(CouponFigures):
    """Sales that used a coupon."""

    pk = CompositePrimaryKey("generation", "span", "start", "coupon_id", "currency")
    span = models.CharField(max_length=7)
    start = models.DateTimeField()

    class Meta:
        db_table = "analytics_coupons"


class CouponLine(CouponFigures):
    """A coupon's part of one sale, for the times of a range that are no whole day."""

    pk = CompositePrimaryKey("generation", "event_id", "coupon_id", "currency")
    event_id = models.BigIntegerField()
    at = models.DateTimeField()

    class Meta:
        db_table = "analytics_coupon_lines"


class CustomerSum(Sums):
    """A customer's first sale (by time, then order id), number of sales, and the months of UTC with one."""

    pk = CompositePrimaryKey("generation", "customer_id")
    customer_id = models.CharField(max_length=64)
    first_at = models.DateTimeField()
    first_order_id = models.UUIDField()
    orders = models.IntegerField()
    months = ArrayField(models.DateField())

    class Meta:
        db_table = "analytics_customers"


class NewCustomerSum(Sums):
    """First sales of customers."""

    pk = CompositePrimaryKey("generation", "quarter")
    quarter = models.DateTimeField()
    customers = models.BigIntegerField()

    class Meta:
        db_table = "analytics_new_customers"


class OrderCountSum(Sums):
    """Customers by their number of sales, the last of MAX_ORDER_COUNT and more."""

    pk = CompositePrimaryKey("generation", "orders")
    orders = models.IntegerField()
    customers = models.BigIntegerField()

    class Meta:
        db_table = "analytics_order_counts"


class CohortSum(Sums):
    """Customers by the month of their first sale, and by each month in which they have one."""

    pk = CompositePrimaryKey("generation", "cohort", "month")
    cohort = models.DateField()
    month = models.DateField()
    customers = models.BigIntegerField()

    class Meta:
        db_table = "analytics_cohorts"


class EntryRange(Sums):
    """The first and the last id of the trail's entries that happened in a quarter hour: the index of the trail by time."""

    pk = CompositePrimaryKey("generation", "quarter")
    quarter = models.DateTimeField()
    first_event_id = models.BigIntegerField()
    last_event_id = models.BigIntegerField()

    class Meta:
        db_table = "analytics_entries"
