"""The SQL that reads orders, as Django compiles it."""

import django
import pytest

from orders.store.documents import DOCUMENTS, Placeholder, compile_documents, compile_template
from orders.store.models import Order

COLUMNS = ", ".join(f'"orders"."{field.column}"' for field in Order._meta.concrete_fields)
FORMS = {
    (5, 2): f'WITH "orders" AS NOT MATERIALIZED ((SELECT {COLUMNS} FROM "orders" ORDER BY "orders"."id" ASC LIMIT 9))'
    ' SELECT (document) AS "document" FROM "orders" WHERE "orders"."status" = %s ORDER BY "orders"."id" ASC LIMIT 3'
}
"""By the version of Django. The candidates take the table's place as long as Django selects from it under its own name."""


def test_candidates_take_the_place_of_the_table() -> None:
    rows = Order.objects.order_by("id")
    text, parameters = compile_documents(rows.filter(status="pending")[:3], rows[:9])
    assert text.replace(DOCUMENTS["orders"], "document") == FORMS[django.VERSION[:2]]
    assert list(parameters) == ["pending"]


def test_a_template_names_the_values_that_it_is_run_with() -> None:
    text = compile_template(Order.objects.filter(id=Placeholder("id"), customer_id=Placeholder("customer")))
    assert text.count("%(id)s") == text.count("%(customer)s") == 1


def test_a_template_holds_no_value_of_a_request() -> None:
    with pytest.raises(AssertionError, match="c-7"):
        compile_template(Order.objects.filter(id=Placeholder("id"), customer_id="c-7"))
