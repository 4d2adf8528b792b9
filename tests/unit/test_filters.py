"""Filters of lists: their declarations, django-filter's form of them, and the planner's conditions agree."""

from typing import Any

import pytest
from django.http import QueryDict
from django.test import RequestFactory

from orders.domain.errors import Invalid
from orders.http.filters import (
    AdminOrderFilterSet,
    AdminVendorOrderFilterSet,
    ListFilterSet,
    OrderFilterSet,
    TextFilter,
    VendorOrderFilterSet,
    clean_parameters,
)
from orders.http.pagination import KeysetPaginator
from orders.store.list_filters import ORDER_LIST, VENDOR_ORDER_LIST, ListedTable
from orders.store.models import Order

FILTERSETS = [OrderFilterSet, AdminOrderFilterSet, VendorOrderFilterSet, AdminVendorOrderFilterSet]


@pytest.mark.parametrize(
    "query",
    [
        *("status=pending&status=shipped,pending", "created_after=2026-01-01T00:00:00 01:00&q= ", "min_total=20.00&vendor_id=v"),
        *("status=lost", "q=a&q=b", "updated_since=now", "product_id=", "order_status=confirmed", "customer_id=c&limit=1"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("filterset", FILTERSETS)
def test_the_fields_that_are_built_once_clean_as_the_form_of_the_filterset(
    filterset: type[ListFilterSet], query: str
) -> None:
    sent = QueryDict(query)
    form = filterset(sent, Order.objects.none()).form
    refused = {f"/{name}": messages for name, messages in form.errors.items()}
    values, errors = clean_parameters(sent, filterset.fields())
    assert {error["pointer"]: [error["detail"]] for error in errors} == refused
    assert values == {name: value for name, value in form.cleaned_data.items() if value is not None}


@pytest.mark.parametrize(
    ("filterset", "table"), [(AdminOrderFilterSet, ORDER_LIST), (AdminVendorOrderFilterSet, VENDOR_ORDER_LIST)]
)
def test_every_declared_filter_has_a_condition(filterset: type[ListFilterSet], table: ListedTable[Any]) -> None:
    assert set(filterset.base_filters) <= set(table.conditions)


def test_an_unsupported_filter_argument_is_refused() -> None:
    with pytest.raises(TypeError):
        TextFilter("Some text.", lookup_expr="icontains")  # type: ignore[call-arg]
    with pytest.raises(TypeError):
        _ = OrderFilterSet(QueryDict("q=mug"), Order.objects.none()).qs


def test_each_refused_parameter_comes_with_its_reason() -> None:
    query = (
        "min_total=ten&status=pending,lost&q=&created_after=now&ordering=id&limit=0&cursor=x&product_id=a&product_id=b"
    )
    with pytest.raises(Invalid, match=r"Invalid parameters: see errors\.") as refusal:
        KeysetPaginator(RequestFactory().get(f"/api/v1/orders?{query}"), OrderFilterSet)
    assert [(error["pointer"], error["detail"]) for error in refusal.value.extra["errors"]] == [
        ("/limit", "Not a whole number from 1 to 100."),
        ("/ordering", "Not one of -created_at, created_at, -updated_at, updated_at, -total, total."),
        ("/created_after", "Not an RFC 3339 time like 2026-11-22T10:00:00Z."),
        ("/product_id", "Given more than once."),
        ("/q", "Not 1 to 100 characters without NUL."),
        (
            "/status",
            "Unknown: lost. Allowed: pending, confirmed, processing, shipped, delivered, cancelled, expired.",
        ),
        ("/min_total", "Not a decimal number like 20.00."),
    ]
