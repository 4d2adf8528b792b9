"""Readers of reports."""

import csv
import io
from typing import Any

from tests.support.world import Person

REPORTS = ("sales", "top-products", "bought-together", "customers", "cohorts", "funnel", "coupons", "payments")
FOR_ADMINS = ("customers", "cohorts", "payments")
REQUIRED = {"bought-together": {"product_id": "p"}}
"""The parameters without which a report is refused."""


def report(
    person: Person, name: str, first: str | None = None, last: str | None = None, **query: Any
) -> dict[str, Any]:
    """Return the body of a report, which must be served."""
    bounds = {name: bound for name, bound in (("from", first), ("to", last)) if bound is not None}
    answer = person.get(f"/analytics/{name}", params={**bounds, **query})
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def table(person: Person, name: str, file: str, **query: Any) -> list[list[str]]:
    """Return the header and the lines of a report as a file with this name."""
    answer = person.get(f"/analytics/{name}", params={"format": "csv", **query})
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "text/csv; charset=utf-8; header=present"
    assert answer.headers["content-disposition"] == f'attachment; filename="{file}"'
    assert answer.headers["cache-control"] == "no-store"
    assert "etag" not in answer.headers
    assert answer.text.endswith("\r\n")
    return list(csv.reader(io.StringIO(answer.text, newline="")))
