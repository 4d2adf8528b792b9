"""The wrong responses of the Product Service for faults: well-formed protobuf that breaks the contract."""

from collections.abc import Callable
from typing import Any

from google.protobuf.message import Message

from protos.product.v1 import product_pb2 as pb

Change = Callable[[Any], None]
"""Changes a response in place."""


def on_hold(change: Callable[[pb.StockHold], None]) -> Change:
    """Return a change of the hold in a response, if it has one."""

    def apply(response: Any) -> None:
        if isinstance(response, pb.StockHold):
            change(response)
        elif isinstance(response, pb.ReserveStockResponse):
            change(response.hold)

    return apply


def on_products(change: Callable[[list[pb.Product]], None]) -> Change:
    """Return a change of the products in a response, if it has any."""

    def apply(response: Any) -> None:
        if isinstance(response, pb.GetProductsResponse | pb.ReserveStockResponse) and response.products:
            products = list(response.products)
            change(products)
            del response.products[:]
            response.products.extend(products)

    return apply


def on_last(**fields: Any) -> Change:
    """Return a change of fields of the last product in a response."""
    return on_products(lambda products: products[-1].MergeFrom(pb.Product(**fields)))


def unset(name: str) -> Change:
    """Return a change that clears a field of the last product in a response."""
    return on_products(lambda products: products[-1].ClearField(name))


def shortages_of_a_held_order(response: Any) -> None:
    """Set the response to HELD, with a shortage."""
    if isinstance(response, pb.ReserveStockResponse) and response.products:
        response.hold.state = pb.StockHold.HELD
        response.shortages.add(product_id=response.products[0].product_id, requested=1, available=0)


def rejected_for_nothing(response: Any) -> None:
    """Set the response to REJECTED, without a shortage."""
    if isinstance(response, pb.ReserveStockResponse):
        response.hold.state = pb.StockHold.REJECTED
        del response.shortages[:]


def empty(response: Message) -> None:
    """Clear every field."""
    response.Clear()


WRONG_RESPONSES: dict[str, Change] = {
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
