"""Coupons: their terms, uses, history and batches, and the coupons of an order.

The column is added with a constant default, without a rewrite of the table; the previous version writes its orders without it.
"""

import uuid
from typing import ClassVar

import django.contrib.postgres.fields
import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models

REFUSE = """
CREATE FUNCTION refuse_coupon_event_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the history of coupons is append-only: % on % is refused', TG_OP, TG_TABLE_NAME;
END $$"""
EACH_ROW = """
CREATE TRIGGER coupon_events_append_only BEFORE UPDATE OR DELETE ON coupon_events
    FOR EACH ROW EXECUTE FUNCTION refuse_coupon_event_change()"""
ALL_ROWS = """
CREATE TRIGGER coupon_events_no_truncate BEFORE TRUNCATE ON coupon_events
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_coupon_event_change()"""


class Migration(migrations.Migration):
    dependencies: ClassVar = [
        ("orders", "0006_erase_order_events"),
    ]

    operations: ClassVar = [
        migrations.AddField(
            model_name="order",
            name="coupons",
            field=models.JSONField(db_default=[]),
        ),
        migrations.CreateModel(
            name="CouponBatch",
            fields=[
                ("id", models.UUIDField(primary_key=True, serialize=False)),
                ("request_hash", models.BinaryField(max_length=32)),
                ("count", models.IntegerField()),
                ("prefix", models.CharField(max_length=20)),
                ("name", models.CharField(max_length=100)),
                ("vendor_id", models.CharField(max_length=64, null=True)),
                ("funded_by", models.CharField(max_length=8)),
                ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
            options={
                "db_table": "coupon_batches",
                "indexes": [
                    models.Index(
                        models.OrderBy(models.F("created_at"), descending=True),
                        models.OrderBy(models.F("id"), descending=True),
                        name="coupon_batches_newest",
                    ),
                    models.Index(
                        models.F("vendor_id"),
                        models.OrderBy(models.F("created_at"), descending=True),
                        models.OrderBy(models.F("id"), descending=True),
                        name="coupon_batches_of_vendor",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Coupon",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, primary_key=True, serialize=False)),
                ("code", models.CharField(db_collation="C", max_length=50)),
                ("kind", models.CharField(max_length=12)),
                ("percent", models.IntegerField(null=True)),
                ("amount", models.BigIntegerField(null=True)),
                ("buy_quantity", models.IntegerField(null=True)),
                ("get_quantity", models.IntegerField(null=True)),
                ("currency", models.CharField(max_length=3, null=True)),
                ("vendor_id", models.CharField(max_length=64, null=True)),
                (
                    "product_ids",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=64), null=True, size=None
                    ),
                ),
                (
                    "get_product_ids",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=64), null=True, size=None
                    ),
                ),
                ("funded_by", models.CharField(max_length=8)),
                ("minimum_spend", models.BigIntegerField(null=True)),
                ("maximum_discount", models.BigIntegerField(null=True)),
                ("first_order_only", models.BooleanField(default=False)),
                ("stackable", models.BooleanField(default=False)),
                ("usage_limit", models.IntegerField(null=True)),
                ("per_customer_limit", models.IntegerField(null=True)),
                ("budget", models.BigIntegerField(null=True)),
                ("starts_at", models.DateTimeField()),
                ("ends_at", models.DateTimeField(null=True)),
                ("is_active", models.BooleanField(default=True)),
                ("name", models.CharField(blank=True, default="", max_length=100)),
                ("version", models.IntegerField(default=1)),
                ("created_at", models.DateTimeField()),
                ("updated_at", models.DateTimeField()),
                ("deleted_at", models.DateTimeField(null=True)),
                (
                    "batch",
                    models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="coupons",
                        to="orders.couponbatch",
                    ),
                ),
            ],
            options={
                "db_table": "coupons",
            },
        ),
        migrations.CreateModel(
            name="CouponEvent",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("sequence", models.IntegerField()),
                ("type", models.CharField(max_length=20)),
                ("actor_role", models.CharField(max_length=10)),
                ("actor_id", models.CharField(max_length=64)),
                ("request_id", models.CharField(max_length=200)),
                ("changes", models.JSONField(default=dict)),
                ("at", models.DateTimeField()),
                (
                    "coupon",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="events",
                        to="orders.coupon",
                    ),
                ),
            ],
            options={
                "db_table": "coupon_events",
            },
        ),
        migrations.CreateModel(
            name="CouponRedemption",
            fields=[
                ("id", models.UUIDField(primary_key=True, serialize=False)),
                ("customer_id", models.CharField(max_length=64)),
                ("discount", models.BigIntegerField()),
                ("currency", models.CharField(max_length=3)),
                (
                    "status",
                    models.CharField(
                        choices=[("reserved", "Reserved"), ("redeemed", "Redeemed"), ("released", "Released")],
                        max_length=8,
                    ),
                ),
                ("reserved_at", models.DateTimeField()),
                ("redeemed_at", models.DateTimeField(null=True)),
                ("released_at", models.DateTimeField(null=True)),
                (
                    "coupon",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="redemptions",
                        to="orders.coupon",
                    ),
                ),
                (
                    "order",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="redemptions",
                        to="orders.order",
                    ),
                ),
                (
                    "vendor_order",
                    models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="redemptions",
                        to="orders.vendororder",
                    ),
                ),
            ],
            options={
                "db_table": "coupon_redemptions",
            },
        ),
        migrations.CreateModel(
            name="CouponUsage",
            fields=[
                (
                    "coupon",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        related_name="usage",
                        serialize=False,
                        to="orders.coupon",
                    ),
                ),
                ("times_used", models.BigIntegerField(db_default=0)),
                ("amount_used", models.BigIntegerField(db_default=0)),
            ],
            options={
                "db_table": "coupon_usage",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("amount_used__gte", 0), ("times_used__gte", 0)),
                        name="coupon_usage_not_negative",
                    )
                ],
            },
        ),
        migrations.AddIndex(
            model_name="coupon",
            index=models.Index(
                models.OrderBy(models.F("created_at"), descending=True),
                models.OrderBy(models.F("id"), descending=True),
                condition=models.Q(("deleted_at", None)),
                name="coupons_newest",
            ),
        ),
        migrations.AddIndex(
            model_name="coupon",
            index=models.Index(
                models.F("vendor_id"),
                models.OrderBy(models.F("created_at"), descending=True),
                models.OrderBy(models.F("id"), descending=True),
                condition=models.Q(("deleted_at", None)),
                name="coupons_of_vendor",
            ),
        ),
        migrations.AddIndex(
            model_name="coupon",
            index=models.Index(
                models.F("batch"),
                models.OrderBy(models.F("created_at"), descending=True),
                models.OrderBy(models.F("id"), descending=True),
                name="coupons_of_batch",
            ),
        ),
        migrations.AddIndex(
            model_name="coupon",
            index=models.Index(
                models.OrderBy(models.F("vendor_id"), descending=True),
                models.F("funded_by"),
                models.OrderBy(models.F("created_at"), descending=True),
                models.OrderBy(models.F("id"), descending=True),
                condition=models.Q(("deleted_at", None)),
                name="coupons_funded_by_vendor",
            ),
        ),
        migrations.AddIndex(
            model_name="coupon",
            index=models.Index(
                models.F("vendor_id"),
                models.OrderBy(models.F("funded_by"), descending=True),
                models.F("code"),
                condition=models.Q(("deleted_at", None)),
                name="coupons_codes_of_vendor",
            ),
        ),
        migrations.AddConstraint(
            model_name="coupon",
            constraint=models.UniqueConstraint(
                condition=models.Q(("deleted_at", None)), fields=("code",), name="coupons_one_a_code"
            ),
        ),
        migrations.AddConstraint(
            model_name="coupon",
            constraint=models.CheckConstraint(
                condition=models.Q(("kind__in", ["buy_x_get_y", "percentage", "fixed_amount"])),
                name="coupons_legal_kind",
            ),
        ),
        migrations.AddConstraint(
            model_name="coupon",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("funded_by", "platform"),
                    models.Q(("funded_by", "vendor"), ("vendor_id__isnull", False)),
                    _connector="OR",
                ),
                name="coupons_legal_funding",
            ),
        ),
        migrations.AddConstraint(
            model_name="coupon",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("amount__gt", 0), ("kind", "fixed_amount"), ("percent", None)),
                    models.Q(
                        models.Q(("kind", "fixed_amount"), _negated=True),
                        ("amount", None),
                        ("percent__gt", 0),
                        ("percent__lte", 10000),
                    ),
                    _connector="OR",
                ),
                name="coupons_legal_discount",
            ),
        ),
        migrations.AddConstraint(
            model_name="couponevent",
            constraint=models.UniqueConstraint(fields=("coupon", "sequence"), name="coupon_events_gapless"),
        ),
        migrations.AddIndex(
            model_name="couponredemption",
            index=models.Index(
                models.F("coupon"),
                models.OrderBy(models.F("reserved_at"), descending=True),
                models.OrderBy(models.F("id"), descending=True),
                name="coupon_redemptions_newest",
            ),
        ),
        migrations.AddIndex(
            model_name="couponredemption",
            index=models.Index(
                models.F("coupon"),
                models.F("status"),
                models.OrderBy(models.F("reserved_at"), descending=True),
                models.OrderBy(models.F("id"), descending=True),
                name="coupon_redemptions_by_status",
            ),
        ),
        migrations.AddIndex(
            model_name="couponredemption",
            index=models.Index(fields=["coupon", "customer_id"], name="coupon_redemptions_of_customer"),
        ),
        migrations.AddConstraint(
            model_name="couponredemption",
            constraint=models.UniqueConstraint(fields=("order", "coupon"), name="coupon_redemptions_one_an_order"),
        ),
        migrations.AddConstraint(
            model_name="couponredemption",
            constraint=models.CheckConstraint(
                condition=models.Q(("discount__gt", 0)), name="coupon_redemptions_discount"
            ),
        ),
        migrations.RunSQL(REFUSE, "DROP FUNCTION refuse_coupon_event_change()"),
        migrations.RunSQL(EACH_ROW, "DROP TRIGGER coupon_events_append_only ON coupon_events"),
        migrations.RunSQL(ALL_ROWS, "DROP TRIGGER coupon_events_no_truncate ON coupon_events"),
    ]
