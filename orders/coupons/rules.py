"""The calculation of coupons (contract: coupons, "Calculation"). Pure: whole numbers of minor units, no I/O.

A coupon is one adjuster of `orders.domain.pricing.price`: `RedeemableCoupon.adjust`. The lines are the cart's, in its order.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from orders.domain.errors import CouponUnavailable
from orders.domain.money import to_decimal_string
from orders.domain.pricing import PricedLine

WHOLE = 10_000
"""100.00 %, in hundredths of a percent, the unit of `Terms.percent`."""


class Kind(StrEnum):
    """The formula of a coupon's discount. The members are in the order in which coupons of one funder are applied."""

    BUY_X_GET_Y = "buy_x_get_y"
    PERCENTAGE = "percentage"
    FIXED_AMOUNT = "fixed_amount"


class FundedBy(StrEnum):
    """The party that bears the discount. The order is that in which coupons are applied."""

    VENDOR = "vendor"
    PLATFORM = "platform"


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """The terms of a coupon that its discount depends on. Amounts in minor units; `percent` in hundredths of a percent."""

    code: str
    kind: Kind
    funded_by: FundedBy
    percent: int = WHOLE
    amount: int = 0
    buy_quantity: int = 0
    get_quantity: int = 0
    vendor_id: str | None = None
    product_ids: frozenset[str] | None = None
    get_product_ids: frozenset[str] | None = None
    maximum_discount: int | None = None

    @property
    def rank(self) -> tuple[int, int, str]:
        """Return the sort key of application: vendors' coupons before the platform's, then by kind, then by code (ASCII)."""
        return list(FundedBy).index(self.funded_by), list(Kind).index(self.kind), self.code

    def covers(self, line: PricedLine) -> bool:
        """Return whether the line counts for the minimum spend, and for a set of `buy_quantity`."""
        return self._is_of_vendor(line) and (self.product_ids is None or line.product.product_id in self.product_ids)

    def gives(self, line: PricedLine) -> bool:
        """Return whether units of the line can be taken off by `buy_x_get_y` with `get_product_ids`."""
        return (
            self._is_of_vendor(line)
            and self.get_product_ids is not None
            and line.product.product_id in self.get_product_ids
        )

    def _is_of_vendor(self, line: PricedLine) -> bool:
        return self.vendor_id is None or line.product.vendor_id == self.vendor_id


@dataclass(frozen=True, slots=True, kw_only=True)
class RedeemableCoupon:
    """A coupon that a customer may use in a cart of this currency, as far as that is known before the prices."""

    coupon_id: UUID
    terms: Terms
    currency: str
    minimum_spend: int | None = None
    budget_left: int | None = None

    def adjust(self, lines: Sequence[PricedLine]) -> list[int]:
        """Return the coupon's discount of each line. Raises CouponUnavailable: reasons 8 and 9 of the contract, then 3."""
        total = eligible_total(self.terms, lines)
        if not is_applicable(self.terms, lines):
            raise CouponUnavailable(self.terms.code, "not_applicable")
        if self.minimum_spend is not None and total < self.minimum_spend:
            raise CouponUnavailable(
                self.terms.code,
                "minimum_spend",
                minimum_spend=to_decimal_string(self.minimum_spend, self.currency),
                eligible_total=to_decimal_string(total, self.currency),
                currency=self.currency,
            )
        shares = discounts(self.terms, lines)
        if not any(shares):  # a use is never spent for nothing
            raise CouponUnavailable(self.terms.code, "not_applicable")
        if self.budget_left is not None and sum(shares) > self.budget_left:
            raise CouponUnavailable(self.terms.code, "used_up")
        return shares


def eligible_total(terms: Terms, lines: Iterable[PricedLine]) -> int:
    """Return what the eligible lines cost before any coupon; `get_product_ids` do not count."""
    return sum(line.total for line in lines if terms.covers(line))


def is_applicable(terms: Terms, lines: Iterable[PricedLine]) -> bool:
    """Return whether any line of the cart is eligible."""
    return any(terms.covers(line) for line in lines)


def discounts(terms: Terms, lines: Sequence[PricedLine]) -> list[int]:
    """Return what the coupon takes off each line: its discount, shared by largest remainder over what is left of the lines."""
    bases = _bases(terms, lines)
    return share_out(_discount(terms, sum(bases)), bases)


def _bases(terms: Terms, lines: Sequence[PricedLine]) -> list[int]:
    """Return the amount of each line that the coupon can take off."""
    if terms.kind is Kind.BUY_X_GET_Y:
        free = free_units(terms, lines)
        return [line.left * units // line.quantity for line, units in zip(lines, free, strict=True)]
    return [line.left if terms.covers(line) else 0 for line in lines]


def free_units(terms: Terms, lines: Sequence[PricedLine]) -> list[int]:
    """Return how many units of each line are free: the cheapest first, at equal price those of the earlier line."""
    if terms.get_product_ids is None:
        eligible = [place for place, line in enumerate(lines) if terms.covers(line)]
        sets = _units(lines, eligible) // (terms.buy_quantity + terms.get_quantity)
    else:
        bought = [place for place, line in enumerate(lines) if terms.covers(line)]
        eligible = [place for place, line in enumerate(lines) if terms.gives(line)]
        sets = _units(lines, bought) // terms.buy_quantity
    wanted, free = sets * terms.get_quantity, [0] * len(lines)
    for place in sorted(eligible, key=lambda place: (lines[place].product.unit_price, place)):
        free[place] = min(wanted, lines[place].quantity)
        wanted -= free[place]
    return free


def _units(lines: Sequence[PricedLine], places: Iterable[int]) -> int:
    return sum(lines[place].quantity for place in places)


def _discount(terms: Terms, base: int) -> int:
    """Return the discount of the whole coupon: a percentage rounded half up, never above its maximum and the base."""
    wanted = terms.amount if terms.kind is Kind.FIXED_AMOUNT else (2 * base * terms.percent + WHOLE) // (2 * WHOLE)
    most = base if terms.maximum_discount is None else min(base, terms.maximum_discount)
    return min(wanted, most)


def share_out(amount: int, bases: Sequence[int]) -> list[int]:
    """Share `amount` in proportion to `bases` (largest remainder; at equal remainder the earlier one)."""
    whole = sum(bases)
    if not whole:
        return [0] * len(bases)
    shares = [amount * base // whole for base in bases]
    missing = amount - sum(shares)
    by_remainder = sorted(range(len(bases)), key=lambda place: (-(amount * bases[place] % whole), place))
    for place in by_remainder[:missing]:
        shares[place] += 1
    return shares
