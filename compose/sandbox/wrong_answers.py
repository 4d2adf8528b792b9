"""The wrong responses that the Product Service can be told to give: well-formed protobuf that breaks the contract."""

from collections.abc import Callable
from typing import Any

from google.protobuf.message import Message

from protos.product.v1 import product_pb2 as pb

Change = Callable[[Any], None]
"""Changes a response in place."""


def on_hold(change: Callable[[pb.StockHold], None]) -> Change:
    """Return a change of the hold in a response, if it has one."""

    def apply(answer: Any) -> None:
        if isinstance(answer, pb.StockHold):
            change(answer)
        elif isinstance(answer, pb.ReserveStockResponse):
            change(answer.hold)

    return apply


def on_products(change: Callable[[list[pb.Product]], None]) -> Change:
    """Return a change of the products in a response, if it has any."""

    def apply(answer: Any) -> None:
        if isinstance(answer, pb.GetProductsResponse | pb.ReserveStockResponse) and answer.products:
            products = list(answer.products)
            change(products)
            del answer.products[:]
            answer.products.extend(products)

    return apply


def on_last(**fields: Any) -> Change:
    """Return a change of fields of the last product in a response."""
    return on_products(lambda products: products[-1].MergeFrom(pb.Product(**fields)))


def unset(name: str) -> Change:
    """Return a change that clears a field of the last product in a response."""
    return on_products(lambda products: products[-1].ClearField(name))


def shortages_of_a_held_order(answer: Any) -> None:
    """Make it HELD, with a shortage."""
    if isinstance(answer, pb.ReserveStockResponse) and answer.products:
        answer.hold.state = pb.StockHold.HELD
        answer.shortages.add(product_id=answer.products[0].product_id, requested=1, available=0)


def rejected_for_nothing(answer: Any) -> None:
    """Make it REJECTED, without a shortage."""
    if isinstance(answer, pb.ReserveStockResponse):
        answer.hold.state = pb.StockHold.REJECTED
        del answer.shortages[:]


def empty(answer: Message) -> None:
    """Clear every field."""
    answer.Clear()


WRONG_ANSWERS: dict[str, Change] = {
    "other_order": on_hold(lambda hold: setattr(hold, "order_id", "another-order")),
    "unspecified_state": on_hold(lambda hold: setattr(hold, "state", pb.StockHold.STATE_UNSPECIFIED)),
    "unknown_state": on_hold(lambda hold: setattr(hold, "state", 99)),
    "no_revision": on_hold(lambda hold: setattr(hold, "revision", 0)),
    "negative_price": on_last(unit_price_minor=-1),
    "other_currency": on_last(currency="XTS"),
    "no_currency": unset("currency"),
    "no_vendor": unset("vendor_id"),
    "huge": on_last(name="x" * (2**20 + 1)),
    "missing_product": on_products(lambda products: products.__delitem__(-1)),
    "extra_product": on_products(lambda products: products.append(pb.Product(product_id="unasked"))),
    "shortages_of_a_held_order": shortages_of_a_held_order,
    "rejected_for_nothing": rejected_for_nothing,
    "empty": empty,
}
