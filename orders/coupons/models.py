"""Coupons, their uses, their history and their batches (contract: coupons).

Amounts are minor units of the coupon's currency, `percent` is in hundredths of a percent. A coupon's terms and the number of
its uses are rows of their own: a use changes neither the coupon's row nor its version.
"""

import uuid
from typing import ClassVar, TypeVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import CheckConstraint, F, Index, Q, UniqueConstraint
from django.db.models.functions import Now

from orders.coupons.rules import WHOLE, FundedBy, Kind
from orders.domain.callers import Caller
from orders.store.models import Order, VendorOrder

Managed = TypeVar("Managed", bound=models.Model)


class ManagedQuerySet(models.QuerySet[Managed]):
    """Querysets of coupons and batches, with the one rule of their visibility."""

    def visible_to(self, caller: Caller) -> "ManagedQuerySet[Managed]":
        """Return the rows that this caller manages: an admin all, a vendor those that it funds, a customer none."""
        if caller.role == "admin":
            return self.all()
        if caller.role == "vendor":
            return self.filter(funded_by=FundedBy.VENDOR, vendor_id=caller.vendor_id)
        return self.none()


class CouponQuerySet(ManagedQuerySet["Coupon"]):
    """A queryset of coupons."""

    def visible_to(self, caller: Caller) -> "CouponQuerySet":
        """Return the coupons that this caller manages; deleted ones are visible to nobody."""
        visible = super().visible_to(caller).filter(deleted_at=None)
        assert isinstance(visible, CouponQuerySet)
        return visible


class CouponBatch(models.Model):
    """Coupons of the same terms with generated codes. The id is derived from the caller and the Idempotency-Key."""

    id = models.UUIDField(primary_key=True)
    request_hash = models.BinaryField(max_length=32)
    count = models.IntegerField()
    prefix = models.CharField(max_length=20)
    name = models.CharField(max_length=100)
    vendor_id = models.CharField(max_length=64, null=True)
    funded_by = models.CharField(max_length=8)
    created_at = models.DateTimeField(db_default=Now())

    objects = ManagedQuerySet["CouponBatch"].as_manager()

    class Meta:
        db_table = "coupon_batches"
        indexes: ClassVar = [
            Index(F("created_at").desc(), F("id").desc(), name="coupon_batches_newest"),
            Index(F("vendor_id"), F("created_at").desc(), F("id").desc(), name="coupon_batches_of_vendor"),
        ]

    def __str__(self) -> str:
        return f"{self.count} × {self.prefix}…"


class Coupon(models.Model):
    """A code and its terms. `version` counts the changes of the terms; a deleted coupon keeps its row, and its code is free."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    code = models.CharField(
        max_length=50, db_collation="C"
    )  # compared and sorted as ASCII; prefixes are found by its index
    kind = models.CharField(max_length=12)
    percent = models.IntegerField(null=True)
    amount = models.BigIntegerField(null=True)
    buy_quantity = models.IntegerField(null=True)
    get_quantity = models.IntegerField(null=True)
    currency = models.CharField(max_length=3, null=True)
    vendor_id = models.CharField(max_length=64, null=True)
    product_ids = ArrayField(models.CharField(max_length=64), null=True)
    get_product_ids = ArrayField(models.CharField(max_length=64), null=True)
    funded_by = models.CharField(max_length=8)
    minimum_spend = models.BigIntegerField(null=True)
    maximum_discount = models.BigIntegerField(null=True)
    first_order_only = models.BooleanField(default=False)
    stackable = models.BooleanField(default=False)
    usage_limit = models.IntegerField(null=True)
    per_customer_limit = models.IntegerField(null=True)
    budget = models.BigIntegerField(null=True)
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField(null=True)
    is_active = models.BooleanField(default=True)
    name = models.CharField(max_length=100, default="", blank=True)
    batch = models.ForeignKey(CouponBatch, models.PROTECT, related_name="coupons", null=True, db_index=False)
    version = models.IntegerField(default=1)
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()
    deleted_at = models.DateTimeField(null=True)

    objects = CouponQuerySet.as_manager()

    class Meta:
        db_table = "coupons"
        constraints: ClassVar = [
            UniqueConstraint(fields=["code"], condition=Q(deleted_at=None), name="coupons_one_a_code"),
            CheckConstraint(condition=Q(kind__in=[str(kind) for kind in Kind]), name="coupons_legal_kind"),
            CheckConstraint(
                condition=Q(funded_by=FundedBy.PLATFORM) | Q(funded_by=FundedBy.VENDOR, vendor_id__isnull=False),
                name="coupons_legal_funding",
            ),
            CheckConstraint(
                condition=Q(kind=Kind.FIXED_AMOUNT, amount__gt=0, percent=None)
                | Q(~Q(kind=Kind.FIXED_AMOUNT), percent__gt=0, percent__lte=WHOLE, amount=None),
                name="coupons_legal_discount",
            ),
        ]
        indexes: ClassVar = [
            Index(F("created_at").desc(), F("id").desc(), condition=Q(deleted_at=None), name="coupons_newest"),
            Index(
                F("vendor_id"),
                F("created_at").desc(),
                F("id").desc(),
                condition=Q(deleted_at=None),
                name="coupons_of_vendor",
            ),
            Index(
                F("vendor_id").desc(),
                F("funded_by"),
                F("created_at").desc(),
                F("id").desc(),
                condition=Q(deleted_at=None),
                name="coupons_funded_by_vendor",
            ),
            Index(
                F("vendor_id"),
                F("funded_by").desc(),
                F("code"),
                condition=Q(deleted_at=None),
                name="coupons_codes_of_vendor",
            ),
            Index(F("batch"), F("created_at").desc(), F("id").desc(), name="coupons_of_batch"),
        ]

    def __str__(self) -> str:
        return self.code


class CouponUsage(models.Model):
    """The uses of a coupon by orders that are neither cancelled nor expired: the row that a new use locks."""

    coupon = models.OneToOneField(Coupon, models.PROTECT, primary_key=True, related_name="usage")
    times_used = models.BigIntegerField(db_default=0)
    amount_used = models.BigIntegerField(db_default=0)
    """The sum of the discounts; 0 for a coupon without a currency, which may be used in several."""

    class Meta:
        db_table = "coupon_usage"
        constraints: ClassVar = [
            CheckConstraint(condition=Q(times_used__gte=0, amount_used__gte=0), name="coupon_usage_not_negative")
        ]

    def __str__(self) -> str:
        return f"{self.times_used} uses"


class CouponRedemption(models.Model):
    """The use of a coupon by an order: `reserved`, `redeemed` once the order confirms, `released` when it ends unfulfilled."""

    class Status(models.TextChoices):
        RESERVED = "reserved"
        REDEEMED = "redeemed"
        RELEASED = "released"

    id = models.UUIDField(primary_key=True)
    coupon = models.ForeignKey(Coupon, models.PROTECT, related_name="redemptions", db_index=False)
    order = models.ForeignKey(Order, models.PROTECT, related_name="redemptions", db_index=False)
    vendor_order = models.ForeignKey(VendorOrder, models.PROTECT, related_name="redemptions", null=True, db_index=False)
    """The vendor order of the coupon's vendor."""
    customer_id = models.CharField(max_length=64)
    discount = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    status = models.CharField(max_length=8, choices=Status)
    reserved_at = models.DateTimeField()
    redeemed_at = models.DateTimeField(null=True)
    released_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "coupon_redemptions"
        constraints: ClassVar = [
            UniqueConstraint(fields=["order", "coupon"], name="coupon_redemptions_one_an_order"),
            CheckConstraint(condition=Q(discount__gt=0), name="coupon_redemptions_discount"),
        ]
        indexes: ClassVar = [
            Index(F("coupon"), F("reserved_at").desc(), F("id").desc(), name="coupon_redemptions_newest"),
            Index(
                F("coupon"), F("status"), F("reserved_at").desc(), F("id").desc(), name="coupon_redemptions_by_status"
            ),
            Index(fields=["coupon", "customer_id"], name="coupon_redemptions_of_customer"),
        ]

    def __str__(self) -> str:
        return f"{self.status}: {self.discount} {self.currency}"


class CouponEvent(models.Model):
    """One entry of a coupon's history; `sequence` is 1, 2, 3 … without gaps. Append-only by a trigger."""

    id = models.BigAutoField(primary_key=True)
    coupon = models.ForeignKey(Coupon, models.PROTECT, related_name="events", db_index=False)
    sequence = models.IntegerField()
    type = models.CharField(max_length=20)
    actor_role = models.CharField(max_length=10)
    actor_id = models.CharField(max_length=64)
    request_id = models.CharField(max_length=200)
    changes = models.JSONField(default=dict)
    """By field: the old and the new value, as responses show them."""
    at = models.DateTimeField()

    class Meta:
        db_table = "coupon_events"
        constraints: ClassVar = [UniqueConstraint(fields=["coupon", "sequence"], name="coupon_events_gapless")]

    def __str__(self) -> str:
        return f"{self.sequence}. {self.type}"
