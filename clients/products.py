"""The Product Service over gRPC: prices, and the hold that each order has on its stock (contract: product.proto).

The order's id is the hold's key, so every call may be repeated. UNAVAILABLE is tried again within the deadline; any other
failure leaves it unknown whether the call was executed, and is said so (`DependencyUnavailable`).
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
from clients.errors import Belated, DependencyRefused, HoldCommitted, HoldGone, NotAsked, RestockRefused
from clients.metrics import RETRIES
from clients.tracing import call_headers
from orders.errors import DependencyUnavailable, OutOfStock
from orders.money import DECIMALS, MAX_MINOR
from orders.pricing import Product
from protos.product.v1 import product_pb2 as pb
from protos.product.v1 import product_pb2_grpc as rpc

_CHANNEL_OPTIONS = (
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 300),
    ("grpc.max_reconnect_backoff_ms", 1000),  # the default waits 20 s and more after an outage
    ("grpc.max_receive_message_length", 1024 * 1024),
    ("grpc.enable_http_proxy", 0),
)
_LENGTHS = {"product_id": 64, "vendor_id": 64, "name": 500, "sku": 100}  # what the columns of an order item keep

_REFUSALS = (
    grpc.StatusCode.INVALID_ARGUMENT,
    grpc.StatusCode.NOT_FOUND,
    grpc.StatusCode.PERMISSION_DENIED,
    grpc.StatusCode.UNAUTHENTICATED,
    grpc.StatusCode.FAILED_PRECONDITION,
)
"""What a 4xx is in HTTP."""

Answer = TypeVar("Answer")
HoldState = pb.StockHold.State

Stock = Literal["held", "sold", "nothing"]
_STOCK: Mapping[int, Stock] = {
    HoldState.HELD: "held",
    HoldState.COMMITTED: "sold",
    HoldState.RELEASED: "nothing",
    HoldState.EXPIRED: "nothing",
}


@dataclass(frozen=True, slots=True)
class Held:
    """The order holds its lines. `revision` names this very hold; `products` has every line's product."""

    revision: int
    products: Mapping[str, Product]


class Products:
    """Asks the Product Service over one channel, which belongs to the event loop that made it."""

    def __init__(
        self, address: str, tls: bool, service_token: str, reserve_seconds: float, read_seconds: float, at_once: int
    ) -> None:
        self.breaker = CircuitBreaker("product")
        self._token = service_token
        self._reserve_seconds, self._read_seconds = reserve_seconds, read_seconds
        self._room = asyncio.Semaphore(at_once)
        self._channel = (
            grpc.aio.secure_channel(address, grpc.ssl_channel_credentials(), options=_CHANNEL_OPTIONS)
            if tls
            else grpc.aio.insecure_channel(address, options=_CHANNEL_OPTIONS)
        )
        self._stub: Any = rpc.ProductServiceStub(self._channel)  # type: ignore[no-untyped-call]

    def apart(self, open_seconds: float) -> "Products":
        """The same client with a circuit of its own, for calls that must be made though those of customers keep failing.

        When they fail themselves, Product is left alone for `open_seconds`.
        """
        apart = copy.copy(self)
        apart.breaker = CircuitBreaker("product", "product, apart", open_seconds)
        return apart

    async def close(self) -> None:
        """Close the channel."""
        await self._channel.close(None)

    @guarded
    async def prices(self, product_ids: Collection[str], deadline: Deadline) -> dict[str, Product]:
        """The products of these ids that exist. Holds nothing."""
        request = pb.GetProductsRequest(product_ids=product_ids)
        answer = await self._ask(self._stub.GetProducts, request, self._read_seconds, 3, deadline)
        return _products(answer.products, product_ids)

    @guarded
    async def reserve(self, order_id: UUID, lines: Mapping[str, int], hold_seconds: int, deadline: Deadline) -> Held:
        """Make the order's hold exactly these lines for `hold_seconds`, and learn their prices.

        Raises OutOfStock (nothing changed), HoldCommitted (the order is sold already), or DependencyUnavailable: then
        the hold may or may not be there.
        """
        wanted = [pb.Line(product_id=product_id, quantity=quantity) for product_id, quantity in lines.items()]
        request = pb.ReserveStockRequest(order_id=str(order_id), lines=wanted, ttl_seconds=hold_seconds)
        answer = await self._ask(self._stub.ReserveStock, request, self._reserve_seconds, 2, deadline, HoldCommitted)
        _check(answer.hold.order_id == str(order_id), "its answer is about another order")
        if answer.hold.state == HoldState.REJECTED:
            _check(len(answer.shortages) > 0, "it held nothing, but names no shortage")
            raise OutOfStock(
                "Not everything in the cart is in stock: change the cart and try again.",
                shortages=_shortages(answer, lines),
            )
        _check(answer.hold.state == HoldState.HELD, "it answered neither HELD nor REJECTED")
        _check(len(answer.shortages) == 0, "it held what it says it is short of")
        _check(answer.hold.revision > 0, "its hold has no revision")
        products = _products(answer.products, lines)
        _check(products.keys() == lines.keys(), "its answer lacks a product of the order")
        return Held(answer.hold.revision, products)

    @guarded
    async def commit(self, order_id: UUID, deadline: Deadline) -> None:
        """Turn the order's hold into a sale; repeatable. Raises HoldGone when there is none any more."""
        request = pb.CommitStockRequest(order_id=str(order_id))
        hold = await self._ask(self._stub.CommitStock, request, self._reserve_seconds, 2, deadline, HoldGone)
        _check(hold.order_id == str(order_id) and hold.state == HoldState.COMMITTED, "it did not commit")

    @guarded
    async def release(self, order_id: UUID, revision: int, deadline: Deadline) -> None:
        """Give back the hold of this revision (0: whatever the order holds); repeatable, and no harm to what is sold."""
        request = pb.ReleaseStockRequest(order_id=str(order_id), revision=revision)
        hold = await self._ask(self._stub.ReleaseStock, request, self._reserve_seconds, 2, deadline)
        _check(hold.order_id == str(order_id), "its answer is about another order")

    @guarded
    async def restock(self, restock_id: UUID, order_id: UUID, lines: Mapping[str, int], deadline: Deadline) -> None:
        """Put committed units back on the shelf, once for each `restock_id`. Raises RestockRefused beyond what was sold."""
        wanted = [pb.Line(product_id=product_id, quantity=quantity) for product_id, quantity in lines.items()]
        request = pb.RestockItemsRequest(restock_id=str(restock_id), order_id=str(order_id), lines=wanted)
        hold = await self._ask(self._stub.RestockItems, request, self._reserve_seconds, 2, deadline, RestockRefused)
        _check(hold.order_id == str(order_id), "its answer is about another order")

    @guarded
    async def is_sold(self, order_id: UUID, deadline: Deadline) -> bool:
        """Whether the order's hold became a sale."""
        return (await self._hold(order_id, deadline)).state == HoldState.COMMITTED

    @guarded
    async def stock_of(self, order_id: UUID, deadline: Deadline) -> Stock:
        """What the order has at Product now."""
        hold = await self._hold(order_id, deadline)
        _check(hold.state in _STOCK, "its hold is in no state that a hold can stay in")
        return _STOCK[hold.state]

    @guarded
    async def held_revision(self, order_id: UUID, deadline: Deadline) -> int:
        """The revision of what the order holds now, 0 when it holds nothing."""
        hold = await self._hold(order_id, deadline)
        return hold.revision if hold.state == HoldState.HELD else 0

    async def _hold(self, order_id: UUID, deadline: Deadline) -> pb.StockHold:
        request = pb.GetStockHoldRequest(order_id=str(order_id))
        hold: pb.StockHold = await self._ask(self._stub.GetStockHold, request, self._read_seconds, 3, deadline)
        _check(hold.order_id == str(order_id), "its answer is about another order")
        _check(hold.state in HoldState.values(), "its hold is in no state of the contract")
        return hold

    async def _ask(
        self,
        call: Callable[..., Awaitable[Answer]],
        request: Any,
        seconds: float,
        tries: int,
        deadline: Deadline,
        refusal: type[Exception] | None = None,
    ) -> Answer:
        """`refusal` is what FAILED_PRECONDITION means for this call; where the contract gives it no meaning, a failure."""
        metadata = tuple(call_headers(self._token).items())
        if not deadline.left(seconds):
            raise NotAsked("product", "no time was left to ask")
        for last in (*[False] * (tries - 1), True):
            try:
                async with asyncio.timeout(deadline.left(seconds)) as limit, self._room:
                    answer = await call(request, timeout=deadline.left(seconds), metadata=metadata)
                _check(answer is not None, "its answer can't be read")
                return answer
            except TimeoutError as error:
                raise _failure(grpc.StatusCode.DEADLINE_EXCEEDED, limit)("product", "no answer in time") from error
            except grpc.aio.AioRpcError as error:
                if refusal and error.code() == grpc.StatusCode.FAILED_PRECONDITION:
                    raise refusal from error
                if last or error.code() != grpc.StatusCode.UNAVAILABLE or not deadline.left(seconds):
                    raise _failure(error.code(), limit)("product", f"it answered {error.code().name}") from error
            RETRIES.labels("product").inc()
            await asyncio.sleep(random.uniform(0, 0.05))
        raise AssertionError("unreachable: the last try answers or raises")


def _failure(code: grpc.StatusCode, limit: asyncio.Timeout) -> type[DependencyUnavailable]:
    """The error for a call that ended with this status, whose time was over at `limit`."""
    if code in _REFUSALS:
        return DependencyRefused
    return Belated if code == grpc.StatusCode.DEADLINE_EXCEEDED and was_late(limit) else DependencyUnavailable


def _check(holds: bool, otherwise: str) -> None:
    if not holds:
        raise DependencyUnavailable("product", otherwise)


def _products(answered: Iterable[pb.Product], asked: Collection[str]) -> dict[str, Product]:
    products = {}
    for product in answered:
        for name, longest in _LENGTHS.items():
            _check(len(text := getattr(product, name)) <= longest and "\0" not in text, f"a {name} can't be kept")
        _check(product.product_id in asked, "it names a product that was not asked for")
        _check(bool(product.vendor_id), "a product has no vendor")
        _check(0 <= product.unit_price_minor <= MAX_MINOR, "a price is negative, or more than the largest amount")
        _check(product.currency in DECIMALS, "a currency is not one of ISO 4217")
        products[product.product_id] = Product(
            product.product_id,
            product.vendor_id,
            product.name,
            product.sku,
            product.unit_price_minor,
            product.currency,
            product.available,
        )
    return products


def _shortages(answer: pb.ReserveStockResponse, lines: Mapping[str, int]) -> list[dict[str, Any]]:
    _check(all(short.product_id in lines for short in answer.shortages), "it is short of what was not asked for")
    return [
        {"product_id": short.product_id, "requested": short.requested, "available": short.available}
        for short in answer.shortages
    ]
