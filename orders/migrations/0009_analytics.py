"""The kept sums of analytics, empty: the worker sums up the facts that exist (docs/operations.md)."""

from typing import ClassVar

import django.contrib.postgres.fields
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies: ClassVar = [
        ("orders", "0008_claim_outbox"),
    ]

    operations: ClassVar = [
        migrations.CreateModel(
            name="CohortSum",
            fields=[
                ("generation", models.IntegerField()),
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "generation", "cohort", "month", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("cohort", models.DateField()),
                ("month", models.DateField()),
                ("customers", models.BigIntegerField()),
            ],
            options={
                "db_table": "analytics_cohorts",
            },
        ),
        migrations.CreateModel(
            name="CouponSum",
            fields=[
                ("generation", models.IntegerField()),
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "generation",
                        "span",
                        "start",
                        "coupon_id",
                        "currency",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("span", models.CharField(max_length=7)),
                ("start", models.DateTimeField()),
                ("coupon_id", models.UUIDField()),
                ("currency", models.CharField(max_length=3)),
                ("code", models.CharField(max_length=50)),
                ("funded_by", models.CharField(max_length=8)),
                ("vendor_id", models.CharField(max_length=64, null=True)),
                ("redemptions", models.BigIntegerField()),
                ("discount", models.BigIntegerField()),
                ("gross", models.BigIntegerField()),
                ("net", models.BigIntegerField()),
                ("vendor_gross", models.BigIntegerField()),
                ("vendor_net", models.BigIntegerField()),
            ],
            options={
                "db_table": "analytics_coupons",
            },
        ),
        migrations.CreateModel(
            name="CustomerSum",
            fields=[
                ("generation", models.IntegerField()),
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "generation", "customer_id", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("customer_id", models.CharField(max_length=64)),
                ("first_at", models.DateTimeField()),
                ("first_order_id", models.UUIDField()),
                ("orders", models.IntegerField()),
                ("months", django.contrib.postgres.fields.ArrayField(base_field=models.DateField(), size=None)),
            ],
            options={
                "db_table": "analytics_customers",
            },
        ),
        migrations.CreateModel(
            name="EntryRange",
            fields=[
                ("generation", models.IntegerField()),
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "generation", "quarter", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("quarter", models.DateTimeField()),
                ("first_event_id", models.BigIntegerField()),
                ("last_event_id", models.BigIntegerField()),
            ],
            options={
                "db_table": "analytics_entries",
            },
        ),
        migrations.CreateModel(
            name="FunnelSum",
            fields=[
                ("generation", models.IntegerField()),
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "generation",
                        "quarter",
                        "step",
                        "bucket",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("quarter", models.DateTimeField()),
                ("step", models.CharField(max_length=24)),
                ("bucket", models.SmallIntegerField()),
                ("units", models.BigIntegerField()),
                ("seconds", models.BigIntegerField()),
            ],
            options={
                "db_table": "analytics_funnel",
            },
        ),
        migrations.CreateModel(
            name="NewCustomerSum",
            fields=[
                ("generation", models.IntegerField()),
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "generation", "quarter", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("quarter", models.DateTimeField()),
                ("customers", models.BigIntegerField()),
            ],
            options={
                "db_table": "analytics_new_customers",
            },
        ),
        migrations.CreateModel(
            name="OrderCountSum",
            fields=[
                ("generation", models.IntegerField()),
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "generation", "orders", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("orders", models.IntegerField()),
                ("customers", models.BigIntegerField()),
            ],
            options={
                "db_table": "analytics_order_counts",
            },
        ),
        migrations.CreateModel(
            name="PaymentSum",
            fields=[
                ("generation", models.IntegerField()),
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "generation",
                        "currency",
                        "quarter",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("currency", models.CharField(max_length=3)),
                ("quarter", models.DateTimeField()),
                ("captures", models.BigIntegerField()),
                ("captured", models.BigIntegerField()),
                ("refunds", models.BigIntegerField()),
                ("refunded", models.BigIntegerField()),
            ],
            options={
                "db_table": "analytics_payments",
            },
        ),
        migrations.CreateModel(
            name="ProductSum",
            fields=[
                ("generation", models.IntegerField()),
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "generation",
                        "span",
                        "start",
                        "vendor_id",
                        "product_id",
                        "currency",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("span", models.CharField(max_length=7)),
                ("start", models.DateTimeField()),
                ("vendor_id", models.CharField(max_length=64)),
                ("product_id", models.CharField(max_length=64)),
                ("currency", models.CharField(max_length=3)),
                ("orders", models.BigIntegerField()),
                ("quantity", models.BigIntegerField()),
                ("gross", models.BigIntegerField()),
                ("discount", models.BigIntegerField()),
                ("cancelled_quantity", models.BigIntegerField()),
                ("cancelled", models.BigIntegerField()),
                (
                    "latest_sale",
                    django.contrib.postgres.fields.ArrayField(base_field=models.BigIntegerField(), null=True, size=2),
                ),
            ],
            options={
                "db_table": "analytics_products",
            },
        ),
        migrations.CreateModel(
            name="SalesSum",
            fields=[
                ("generation", models.IntegerField()),
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "generation",
                        "currency",
                        "quarter",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("currency", models.CharField(max_length=3)),
                ("quarter", models.DateTimeField()),
                ("orders", models.BigIntegerField()),
                ("items", models.BigIntegerField()),
                ("gross", models.BigIntegerField()),
                ("discount", models.BigIntegerField()),
                ("platform_discount", models.BigIntegerField()),
                ("cancelled", models.BigIntegerField()),
            ],
            options={
                "db_table": "analytics_sales",
            },
        ),
        migrations.CreateModel(
            name="VendorSalesSum",
            fields=[
                ("generation", models.IntegerField()),
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "generation",
                        "vendor_id",
                        "currency",
                        "quarter",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("vendor_id", models.CharField(max_length=64)),
                ("currency", models.CharField(max_length=3)),
                ("quarter", models.DateTimeField()),
                ("orders", models.BigIntegerField()),
                ("items", models.BigIntegerField()),
                ("gross", models.BigIntegerField()),
                ("discount", models.BigIntegerField()),
                ("platform_discount", models.BigIntegerField()),
                ("cancelled", models.BigIntegerField()),
            ],
            options={
                "db_table": "analytics_vendor_sales",
            },
        ),
        migrations.CreateModel(
            name="CouponLine",
            fields=[
                ("generation", models.IntegerField()),
                ("coupon_id", models.UUIDField()),
                ("currency", models.CharField(max_length=3)),
                ("code", models.CharField(max_length=50)),
                ("funded_by", models.CharField(max_length=8)),
                ("vendor_id", models.CharField(max_length=64, null=True)),
                ("redemptions", models.BigIntegerField()),
                ("discount", models.BigIntegerField()),
                ("gross", models.BigIntegerField()),
                ("net", models.BigIntegerField()),
                ("vendor_gross", models.BigIntegerField()),
                ("vendor_net", models.BigIntegerField()),
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "generation",
                        "event_id",
                        "coupon_id",
                        "currency",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("event_id", models.BigIntegerField()),
                ("at", models.DateTimeField()),
            ],
            options={
                "db_table": "analytics_coupon_lines",
            },
        ),
        migrations.CreateModel(
            name="VendorFunnelSum",
            fields=[
                ("generation", models.IntegerField()),
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "generation",
                        "vendor_id",
                        "day",
                        "step",
                        "bucket",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("vendor_id", models.CharField(max_length=64)),
                ("day", models.DateTimeField()),
                ("step", models.CharField(max_length=24)),
                ("bucket", models.SmallIntegerField()),
                ("units", models.BigIntegerField()),
                ("seconds", models.BigIntegerField()),
            ],
            options={
                "db_table": "analytics_vendor_funnel",
            },
        ),
        migrations.CreateModel(
            name="ProductLine",
            fields=[
                ("generation", models.IntegerField()),
                ("vendor_id", models.CharField(max_length=64)),
                ("product_id", models.CharField(max_length=64)),
                ("currency", models.CharField(max_length=3)),
                ("orders", models.BigIntegerField()),
                ("quantity", models.BigIntegerField()),
                ("gross", models.BigIntegerField()),
                ("discount", models.BigIntegerField()),
                ("cancelled_quantity", models.BigIntegerField()),
                ("cancelled", models.BigIntegerField()),
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "generation",
                        "event_id",
                        "vendor_id",
                        "product_id",
                        "currency",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("event_id", models.BigIntegerField()),
                ("at", models.DateTimeField()),
            ],
            options={
                "db_table": "analytics_product_lines",
                "indexes": [
                    models.Index(
                        fields=["generation", "product_id", "at"],
                        include=["event_id", "vendor_id", "orders"],
                        name="analytics_lines_of_product",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Generation",
            fields=[
                ("id", models.AutoField(primary_key=True, serialize=False)),
                ("is_active", models.BooleanField(db_default=False)),
                ("last_event_id", models.BigIntegerField(db_default=0)),
                ("last_payment_event_id", models.BigIntegerField(db_default=0)),
            ],
            options={
                "db_table": "analytics_generations",
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("is_active", True)),
                        fields=("is_active",),
                        name="analytics_one_active_generation",
                    )
                ],
            },
        ),
        migrations.RunSQL("INSERT INTO analytics_generations (is_active) VALUES (TRUE)", migrations.RunSQL.noop),
    ]
