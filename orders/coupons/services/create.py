"""The creation of a coupon: its row, its uses and the first entry of its history."""

import uuid
from collections.abc import Mapping
from typing import Any

from django.db import transaction

from orders.coupons.coupon_writer import insert_coupons
from orders.coupons.models import Coupon
from orders.coupons.records import CouponRow
from orders.coupons.rules import FundedBy
from orders.coupons.services.reading import read_coupon
from orders.coupons.terms import new_terms
from orders.domain.callers import Actor, Caller
from orders.domain.errors import CodeTaken, Invalid
from orders.store.changes import database_time


@transaction.atomic
def create_coupon(
    *, caller: Caller, coupon_id: uuid.UUID, code: str, given: Mapping[str, Any], request_id: str
) -> CouponRow:
    """Create a coupon with this code, in capitals, and the `given` terms; return it. Repeatable with the same id.

    Raises Invalid, CodeTaken.
    """
    at = database_time()
    terms = new_terms(managed_terms(caller=caller, given=given), now=at)
    insert_coupons(ids=[coupon_id], codes=[code], terms=terms, batch_id=None, actor=Actor.of(caller, request_id), at=at)
    if not Coupon.objects.filter(id=coupon_id).exists():
        raise CodeTaken(f"The code {code} exists. Choose another one.")
    return read_coupon(caller=caller, code=code)


def managed_terms(*, caller: Caller, given: Mapping[str, Any], place: str = "") -> Mapping[str, Any]:
    """Return the given terms; those of a vendor with its own id and funding.

    Raises Invalid when a vendor names others, with pointers below `place`.
    """
    if caller.role != "vendor":
        return given
    own = {"vendor_id": caller.vendor_id, "funded_by": FundedBy.VENDOR}
    if others := [name for name, value in own.items() if given.get(name, value) != value]:
        errors = [
            {"pointer": f"{place}/{name}", "code": "invalid", "detail": f"A vendor's coupon has {name} {own[name]}."}
            for name in others
        ]
        raise Invalid("Invalid input: see errors.", errors=errors)
    return {**given, **own}
