"""The Product Service: `product.proto` over gRPC, for the holds and the inventory."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any, Literal

import grpc
import msgspec
from google.protobuf.message import Message

from compose.sandbox.call_log import CallLog
from compose.sandbox.faults import Fault, Faults, NonNegative
from compose.sandbox.hold import FailedPrecondition, HoldSnapshot, InvalidArgument
from compose.sandbox.holds import Holds
from compose.sandbox.inventory import MAX_UNITS, Inventory, Product
from compose.sandbox.wrong_responses import WRONG_RESPONSES
from protos.product.v1 import product_pb2 as pb
from protos.product.v1.product_pb2_grpc import ProductServiceServicer

STATUSES = {name: code for name, code in grpc.StatusCode.__members__.items() if name != "OK"}
REFUSALS = {InvalidArgument: grpc.StatusCode.INVALID_ARGUMENT, FailedPrecondition: grpc.StatusCode.FAILED_PRECONDITION}
KINDS = {
    "delay": NonNegative,
    "hang": None,
    "late": NonNegative,
    "unavailable_before": None,
    "unavailable_after": None,
    "status": Literal[tuple(STATUSES)],
    "body": Literal[tuple(WRONG_RESPONSES)],
}

Context = grpc.aio.ServicerContext[Any, Any]


def endpoint(call: Callable[[Any, Any], Message]) -> Callable[[Any, Any, Context], Awaitable[Message]]:
    """Decorate a method as a gRPC call, with authentication (UNAUTHENTICATED) and the faults armed for it."""

    async def handle(self: "Products", request: Any, context: Context) -> Message:
        headers = {str(name): str(value) for name, value in context.invocation_metadata() or ()}
        if not self.call_log.authenticate(call.__name__, headers):
            return await self.refuse(context, grpc.StatusCode.UNAUTHENTICATED, "bearer token required")
        fault = await self.faults.wait(call.__name__)
        if fault and fault.kind == "late":
            asyncio.get_running_loop().call_later(fault.value, call, self, request)
        if fault and not takes_effect(fault):
            await self.fail(context, fault)
        try:
            message = call(self, request)
        except (InvalidArgument, FailedPrecondition) as refusal:
            return await self.refuse(context, REFUSALS[type(refusal)], str(refusal))
        if fault and fault.kind == "body":
            WRONG_RESPONSES[fault.value](message)
        elif fault:
            await self.fail(context, fault)
        self.call_log.answers["OK"] += 1
        return message

    return handle


class Products(ProductServiceServicer):
    """The Product Service: its calls, their log and their faults."""

    def __init__(self, token: str, clock: Callable[[], float] = time.time) -> None:
        self.call_log = CallLog(token)
        self.faults = Faults(KINDS)
        self.inventory = Inventory()
        self.holds = Holds(self.inventory, clock)

    def put(self, product_id: str, given: dict[str, Any]) -> Product:
        """Release the units of expired holds, then store a product (see `Inventory.put`)."""
        self.holds.expire_due()
        return self.inventory.put(product_id, given)

    @endpoint
    def GetProducts(self, request: pb.GetProductsRequest) -> pb.GetProductsResponse:
        """Return prices and availability of the ids that exist, each once."""
        self.holds.expire_due()
        found = [product for name in dict.fromkeys(request.product_ids) if (product := self.inventory.get(name))]
        return pb.GetProductsResponse(products=[to_product(product, product.available) for product in found])

    @endpoint
    def ReserveStock(self, request: pb.ReserveStockRequest) -> pb.ReserveStockResponse:
        """Hold all lines or none; a product's `available` is the units that the order could have, including its own hold."""
        done = self.holds.reserve(request.order_id, to_lines(request), request.ttl_seconds)
        free = done.available
        return pb.ReserveStockResponse(
            hold=to_stock_hold(done.hold),
            products=[to_product(self.inventory[name], free[name]) for name, _ in to_lines(request) if name in free],
            shortages=[
                pb.Shortage(product_id=name, requested=min(requested, MAX_UNITS), available=available)
                for name, (requested, available) in done.shortages.items()
            ],
        )

    @endpoint
    def CommitStock(self, request: pb.CommitStockRequest) -> pb.StockHold:
        """Commit the hold as a sale."""
        return to_stock_hold(self.holds.commit(request.order_id, request.revision))

    @endpoint
    def ReleaseStock(self, request: pb.ReleaseStockRequest) -> pb.StockHold:
        """Release the hold of that revision."""
        return to_stock_hold(self.holds.release(request.order_id, request.revision))

    @endpoint
    def RestockItems(self, request: pb.RestockItemsRequest) -> pb.StockHold:
        """Make sold units available again."""
        return to_stock_hold(self.holds.restock(request.restock_id, request.order_id, to_lines(request)))

    @endpoint
    def GetStockHold(self, request: pb.GetStockHoldRequest) -> pb.StockHold:
        """Return the order's hold."""
        return to_stock_hold(self.holds.get(request.order_id))

    def ledger(self) -> dict[str, Any]:
        """Return the recorded calls, every product's units, every order's hold, and whether they are consistent."""
        orders = self.holds.ledger()
        return {
            **self.call_log.ledger(),
            "faults": self.faults.served,
            "adds_up": self.holds.adds_up(),
            "products": {product.product_id: msgspec.structs.asdict(product) for product in self.inventory},
            "orders": orders,
        }

    async def fail(self, context: Context, fault: Fault) -> Message:
        """End the call with the fault's status, or leave it hanging."""
        if fault.kind in ("hang", "late"):
            await asyncio.Event().wait()
        return await self.refuse(context, STATUSES[fault.value or "UNAVAILABLE"], "sandbox fault")

    async def refuse(self, context: Context, code: grpc.StatusCode, why: str) -> Message:
        """End the call with a status."""
        self.call_log.answers[code.name] += 1
        await context.abort(code, why)


def takes_effect(fault: Fault) -> bool:
    """Return whether the call is executed before its response is lost or changed."""
    return fault.after or fault.kind in ("unavailable_after", "body")


def to_lines(request: pb.ReserveStockRequest | pb.RestockItemsRequest) -> list[tuple[str, int]]:
    """Return the lines of a request as (product, units)."""
    return [(line.product_id, line.quantity) for line in request.lines]


def to_stock_hold(snapshot: HoldSnapshot) -> pb.StockHold:
    """Return the hold as a message."""
    lines = [pb.Line(product_id=product_id, quantity=units) for product_id, units in snapshot.lines.items()]
    hold = pb.StockHold(order_id=snapshot.order_id, state=snapshot.state.value, revision=snapshot.revision, lines=lines)
    if snapshot.expires_at is not None:
        hold.expires_at.FromMicroseconds(int(snapshot.expires_at * 1_000_000))
    return hold


def to_product(product: Product, available: int) -> pb.Product:
    """Return a product as a message."""
    return pb.Product(
        product_id=product.product_id,
        vendor_id=product.vendor_id,
        name=product.name,
        sku=product.sku,
        unit_price_minor=product.unit_price_minor,
        currency=product.currency,
        available=min(available, MAX_UNITS),
    )
