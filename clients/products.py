"""The client of the Product Service over gRPC: prices, and the stock hold of each order (contract: product.proto).

The order's id is the hold's key, so every call is repeatable. UNAVAILABLE is retried within the deadline; after any other
failure the outcome of the call is unknown, and `DependencyUnavailable` is raised.
"""

import asyncio
import copy
import random
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeVar
from uuid import UUID

import grpc
import grpc.aio

from clients.breaker import CircuitBreaker, guarded
from clients.deadline import Deadline, was_late
from clients.errors import Belated, ContractBroken, DependencyRefused, HoldCommitted, HoldGone, NotAsked, RestockRefused
from clients.metrics import RETRIES
from clients.tracing import call_headers
from orders.domain.errors import DependencyUnavailable, OutOfStock
from orders.domain.money import DECIMALS, MAX_MINOR
from orders.domain.pricing import Product
from orders.runtime.tracing import span
from protos.product.v1 import product_pb2 as pb
from protos.product.v1 import product_pb2_grpc as rpc

_CHANNEL_OPTIONS = (
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 300),
    ("grpc.max_reconnect_backoff_ms", 1000),  # by default 20 s and more after an outage
    ("grpc.max_receive_message_length", 1024 * 1024),
    ("grpc.enable_http_proxy", 0),
)
_RPC = {"peer.service": "product", "rpc.system.name": "grpc"}
_ID_LENGTH, _NAME_LENGTH, _SKU_LENGTH = 64, 500, 100  # the lengths of an order item's columns

_REFUSALS = (
    grpc.StatusCode.INVALID_ARGUMENT,
    grpc.StatusCode.NOT_FOUND,
    grpc.StatusCode.PERMISSION_DENIED,
    grpc.StatusCode.UNAUTHENTICATED,
    grpc.StatusCode.FAILED_PRECONDITION,
    grpc.StatusCode.RESOURCE_EXHAUSTED,  # 429; also a response over 1 MiB, which concerns one product
)
"""The statuses that correspond to a 4xx of HTTP."""

Result = TypeVar("Result")
HoldState = pb.StockHold.State

StockState = Literal["held", "sold", "nothing"]
_STATES: Mapping[int, StockState] = {
    HoldState.HELD: "held",
    HoldState.COMMITTED: "sold",
    HoldState.RELEASED: "nothing",
    HoldState.EXPIRED: "nothing",
}


@dataclass(frozen=True, slots=True)
class Stock:
    """The stock of an order at Product.

    `revision` identifies its reservation. `lines` are the held or sold units by product id, including units restocked
    since; empty where there are none, or where Product does not list them.
    """

    state: StockState
    revision: int
    lines: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Held:
    """A hold of all lines of an order. `revision` identifies this hold; `products` has every line's product."""

    revision: int
    products: Mapping[str, Product]


class Products:
    """The client of the Product Service over one channel, bound to the event loop that created it."""

    def __init__(
        self, address: str, tls: bool, service_token: str, reserve_seconds: float, read_seconds: float, at_once: int
    ) -> None:
        self.breaker = CircuitBreaker("product")
        self._retries = RETRIES.labels("product")
        self._token = service_token
        self._reserve_seconds, self._read_seconds = reserve_seconds, read_seconds
        self._slots = asyncio.Semaphore(at_once)
        self._channel = (
            grpc.aio.secure_channel(address, grpc.ssl_channel_credentials(), options=_CHANNEL_OPTIONS)
            if tls
            else grpc.aio.insecure_channel(address, options=_CHANNEL_OPTIONS)
        )
        self._stub: Any = rpc.ProductServiceStub(self._channel)  # type: ignore[no-untyped-call]

    def apart(self, open_seconds: float) -> "Products":
        """Return the same client with a separate circuit breaker, for calls that must continue while those of customers fail.

        The separate circuit opens for `open_seconds`.
        """
        apart = copy.copy(self)
        apart.breaker = CircuitBreaker("product", "product, apart", open_seconds)
        return apart

    async def close(self) -> None:
        """Close the channel."""
        await self._channel.close(None)

    @guarded
    async def prices(self, product_ids: Collection[str], deadline: Deadline) -> dict[str, Product]:
        """Return the existing products of these ids. Reserves nothing."""
        request = pb.GetProductsRequest(product_ids=product_ids)
        response = await self._call("GetProducts", request, self._read_seconds, 3, deadline)
        return _products(response.products, product_ids)

    @guarded
    async def reserve(self, order_id: UUID, lines: Mapping[str, int], hold_seconds: int, deadline: Deadline) -> Held:
        """Set the order's hold to exactly these lines for `hold_seconds`, and return their prices.

        Raises OutOfStock (nothing changed), HoldCommitted (the order's stock is already sold), or DependencyUnavailable:
        it is unknown whether the hold exists.
        """
        wanted = [pb.Line(product_id=product_id, quantity=quantity) for product_id, quantity in lines.items()]
        request = pb.ReserveStockRequest(order_id=str(order_id), lines=wanted, ttl_seconds=hold_seconds)
        response = await self._call("ReserveStock", request, self._reserve_seconds, 2, deadline, HoldCommitted)
        _check(response.hold.order_id == str(order_id), "the response is about another order")
        if response.hold.state == HoldState.REJECTED:
            _check(len(response.shortages) > 0, "it is REJECTED without a shortage")
            raise OutOfStock(
                "Insufficient stock. Change the cart and retry.",
                shortages=_shortages(response, lines),
            )
        _check(response.hold.state == HoldState.HELD, "it is neither HELD nor REJECTED")
        _check(len(response.shortages) == 0, "it is HELD with a shortage")
        _check(response.hold.revision > 0, "the hold has no revision")
        products = _products(response.products, lines)
        _check(products.keys() == lines.keys(), "a product of the order is missing")
        return Held(response.hold.revision, products)

    @guarded
    async def commit(self, order_id: UUID, revision: int, deadline: Deadline) -> Stock:
        """Commit the order's hold of this revision as a sale; repeatable. Return the sold stock.

        Raises HoldGone when that hold expired, was released or replaced.
        """
        request = pb.CommitStockRequest(order_id=str(order_id), revision=revision)
        hold = await self._call("CommitStock", request, self._reserve_seconds, 2, deadline, HoldGone)
        stock = _stock(hold, order_id)
        _check(stock.state == "sold", "the hold is not committed")
        return stock

    @guarded
    async def release(self, order_id: UUID, revision: int, deadline: Deadline) -> Stock:
        """Release the hold of this revision (0: any hold of the order); repeatable. Return the stock afterwards.

        Sold units remain sold.
        """
        request = pb.ReleaseStockRequest(order_id=str(order_id), revision=revision)
        return _stock(await self._call("ReleaseStock", request, self._reserve_seconds, 2, deadline), order_id)

    @guarded
    async def restock(self, restock_id: UUID, order_id: UUID, lines: Mapping[str, int], deadline: Deadline) -> None:
        """Restock committed units, once for each `restock_id`. Raises RestockRefused beyond the committed units."""
        wanted = [pb.Line(product_id=product_id, quantity=quantity) for product_id, quantity in lines.items()]
        request = pb.RestockItemsRequest(restock_id=str(restock_id), order_id=str(order_id), lines=wanted)
        hold = await self._call("RestockItems", request, self._reserve_seconds, 2, deadline, RestockRefused)
        _check(hold.order_id == str(order_id), "the response is about another order")

    @guarded
    async def stock_of(self, order_id: UUID, deadline: Deadline) -> Stock:
        """Return the current stock of the order at Product."""
        request = pb.GetStockHoldRequest(order_id=str(order_id))
        return _stock(await self._call("GetStockHold", request, self._read_seconds, 3, deadline), order_id)

    async def _call(
        self,
        method: str,
        request: Any,
        seconds: float,
        tries: int,
        deadline: Deadline,
        refusal: type[Exception] | None = None,
    ) -> Any:
        """Send the call with retries. FAILED_PRECONDITION raises `refusal`; without one it is a failure."""
        with span(method, "client", _RPC) as current:
            current.set("rpc.method", f"product.v1.ProductService/{method}")
            return await self._send(getattr(self._stub, method), request, seconds, tries, deadline, refusal)

    async def _send(
        self,
        call: Callable[..., Awaitable[Result]],
        request: Any,
        seconds: float,
        tries: int,
        deadline: Deadline,
        refusal: type[Exception] | None,
    ) -> Result:
        metadata = tuple(call_headers(self._token).items())
        if not deadline.left(seconds):
            raise NotAsked("product", "no time left for the call")
        for last in (*[False] * (tries - 1), True):
            try:
                async with asyncio.timeout(deadline.left(seconds)) as limit, self._slots:
                    response = await call(request, timeout=deadline.left(seconds), metadata=metadata)
                _check(response is not None, "the response cannot be decoded")
                return response
            except TimeoutError as error:
                raise _failure(grpc.StatusCode.DEADLINE_EXCEEDED, limit)("product", "no response in time") from error
            except grpc.aio.AioRpcError as error:
                if refusal and error.code() == grpc.StatusCode.FAILED_PRECONDITION:
                    raise refusal from error
                if last or error.code() != grpc.StatusCode.UNAVAILABLE or not deadline.left(seconds):
                    raise _failure(error.code(), limit)("product", f"status {error.code().name}") from error
            self._retries.inc()
            await asyncio.sleep(random.uniform(0, 0.05))
        raise AssertionError("unreachable: the last attempt returns or raises")


def _failure(code: grpc.StatusCode, limit: asyncio.Timeout) -> type[DependencyUnavailable]:
    """Return the class of error for a call that ended with this status; `limit` is its timeout."""
    if code in _REFUSALS:
        return DependencyRefused
    return Belated if code == grpc.StatusCode.DEADLINE_EXCEEDED and was_late(limit) else DependencyUnavailable


def _check(holds: bool, otherwise: str) -> None:
    if not holds:
        raise ContractBroken("product", otherwise)


def _stock(hold: pb.StockHold, order_id: UUID) -> Stock:
    _check(hold.order_id == str(order_id), "the response is about another order")
    _check(hold.state in _STATES, "the hold is not in a valid state")
    lines = {line.product_id: line.quantity for line in hold.lines}
    _check(len(lines) == len(hold.lines), "the hold has a product twice")
    return Stock(_STATES[hold.state], hold.revision, lines if _STATES[hold.state] != "nothing" else {})


def _products(received: Iterable[pb.Product], requested: Collection[str]) -> dict[str, Product]:
    products = {}
    for product in received:
        name, sku = product.name[:_NAME_LENGTH], product.sku[:_SKU_LENGTH]
        _check(product.product_id in requested, "it has a product that was not requested")
        _check(0 < len(product.vendor_id) <= _ID_LENGTH, "a vendor_id is missing or too long")
        _check("\0" not in product.vendor_id + name + sku, "a text has a null character")
        _check(0 <= product.unit_price_minor <= MAX_MINOR, "a price is out of range")
        _check(product.currency in DECIMALS, "a currency is not one of ISO 4217")
        products[product.product_id] = Product(
            product.product_id,
            product.vendor_id,
            name,
            sku,
            product.unit_price_minor,
            product.currency,
            product.available,
        )
    return products


def _shortages(response: pb.ReserveStockResponse, lines: Mapping[str, int]) -> list[dict[str, Any]]:
    _check(
        all(short.product_id in lines for short in response.shortages),
        "it has a shortage of a product that was not requested",
    )
    return [
        {"product_id": short.product_id, "requested": short.requested, "available": short.available}
        for short in response.shortages
    ]
