"""The Product Service: `product.proto` over gRPC, on top of the holds and the shelves."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

import grpc
from google.protobuf.message import Message

from compose.sandbox.call_log import Visitors
from compose.sandbox.faults import Fault, Faults, nothing, number, one_of
from compose.sandbox.hold import Answer, FailedPrecondition, InvalidArgument
from compose.sandbox.holds import Holds
from compose.sandbox.inventory import MOST_UNITS, Product, Shelves
from compose.sandbox.wrong_answers import WRONG_ANSWERS
from protos.product.v1 import product_pb2 as pb

SERVICE = pb.DESCRIPTOR.services_by_name["ProductService"]
STATUSES = {name: code for name, code in grpc.StatusCode.__members__.items() if name != "OK"}
REFUSALS = {InvalidArgument: grpc.StatusCode.INVALID_ARGUMENT, FailedPrecondition: grpc.StatusCode.FAILED_PRECONDITION}
KINDS = {
    "delay": number(None),
    "hang": nothing,
    "late": number(None),
    "unavailable_before": nothing,
    "unavailable_after": nothing,
    "status": one_of(STATUSES),
    "body": one_of(WRONG_ANSWERS),
}

Context = grpc.aio.ServicerContext[Any, Any]
Handler = Callable[[Any, Context], Awaitable[Message]]


class Products:
    """The service: who calls, what it does about it, and how it spoils it."""

    def __init__(self, token: str, clock: Callable[[], float] = time.time) -> None:
        self.visitors = Visitors(token)
        self.faults = Faults(KINDS)
        self.shelves = Shelves()
        self.holds = Holds(self.shelves, clock)

    def handler(self) -> grpc.GenericRpcHandler:
        """All calls of the service, for a server to register."""
        calls: dict[str, tuple[Callable[[Any], Message], type[Message]]] = {
            "GetProducts": (self.get_products, pb.GetProductsRequest),
            "ReserveStock": (self.reserve_stock, pb.ReserveStockRequest),
            "CommitStock": (self.commit_stock, pb.CommitStockRequest),
            "ReleaseStock": (self.release_stock, pb.ReleaseStockRequest),
            "RestockItems": (self.restock_items, pb.RestockItemsRequest),
            "GetStockHold": (self.get_stock_hold, pb.GetStockHoldRequest),
        }
        methods: dict[str, grpc.RpcMethodHandler[Any, Any]] = {
            name: grpc.unary_unary_rpc_method_handler(
                self._guard(name, answer),
                request_deserializer=request.FromString,
                response_serializer=lambda message: message.SerializeToString(),
            )
            for name, (answer, request) in calls.items()
        }
        return grpc.method_handlers_generic_handler(SERVICE.full_name, methods)

    def get_products(self, request: pb.GetProductsRequest) -> pb.GetProductsResponse:
        """Prices and availability of the ids that exist, each once."""
        self.holds.let_expire()
        found = [product for name in dict.fromkeys(request.product_ids) if (product := self.shelves.get(name))]
        return pb.GetProductsResponse(products=[priced(product, product.available) for product in found])

    def reserve_stock(self, request: pb.ReserveStockRequest) -> pb.ReserveStockResponse:
        """Hold all lines or none; a product's `available` is what the order could have, its own hold counted."""
        done = self.holds.reserve(request.order_id, pairs(request), request.ttl_seconds)
        reach = done.within_reach
        return pb.ReserveStockResponse(
            hold=stock_hold(done.hold),
            products=[priced(self.shelves[name], reach[name]) for name, _ in pairs(request) if name in reach],
            shortages=[
                pb.Shortage(product_id=name, requested=min(requested, MOST_UNITS), available=available)
                for name, (requested, available) in done.shortages.items()
            ],
        )

    def commit_stock(self, request: pb.CommitStockRequest) -> pb.StockHold:
        """Turn the hold into a sale."""
        return stock_hold(self.holds.commit(request.order_id, request.revision))

    def release_stock(self, request: pb.ReleaseStockRequest) -> pb.StockHold:
        """Give back the hold of that revision."""
        return stock_hold(self.holds.release(request.order_id, request.revision))

    def restock_items(self, request: pb.RestockItemsRequest) -> pb.StockHold:
        """Put sold units back on the shelf."""
        return stock_hold(self.holds.restock(request.restock_id, request.order_id, pairs(request)))

    def get_stock_hold(self, request: pb.GetStockHoldRequest) -> pb.StockHold:
        """What became of the order's hold."""
        return stock_hold(self.holds.get(request.order_id))

    def ledger(self) -> dict[str, Any]:
        """Every product's units, every order's hold, whether it all adds up, and who called."""
        orders = self.holds.ledger()
        return {
            **self.visitors.ledger(),
            "faults": dict(self.faults.served),
            "adds_up": self.holds.adds_up(),
            "products": self.shelves.ledger(),
            "orders": orders,
        }

    def _guard(self, call: str, answer: Callable[[Any], Message]) -> Handler:
        async def handle(request: Any, context: Context) -> Message:
            headers = {str(name): str(value) for name, value in context.invocation_metadata() or ()}
            if not self.visitors.admit(call, headers):
                return await self._refuse(context, grpc.StatusCode.UNAUTHENTICATED, "bearer token required")
            fault = await self.faults.meet(call)
            if fault and fault.kind == "late":
                asyncio.get_running_loop().call_later(fault.value, answer, request)
            if fault and not takes_effect(fault):
                await self._spoil(context, fault)
            try:
                message = answer(request)
            except (InvalidArgument, FailedPrecondition) as refusal:
                return await self._refuse(context, REFUSALS[type(refusal)], str(refusal))
            if fault and fault.kind == "body":
                WRONG_ANSWERS[fault.value](message)
            elif fault:
                await self._spoil(context, fault)
            self.visitors.answers["OK"] += 1
            return message

        return handle

    async def _spoil(self, context: Context, fault: Fault) -> Message:
        if fault.kind in ("hang", "late"):
            await asyncio.Event().wait()
        return await self._refuse(context, STATUSES[fault.value or "UNAVAILABLE"], "sandbox fault")

    async def _refuse(self, context: Context, code: grpc.StatusCode, why: str) -> Message:
        self.visitors.answers[code.name] += 1
        await context.abort(code, why)


def takes_effect(fault: Fault) -> bool:
    """Whether the call is carried out before it is spoilt."""
    return fault.after or fault.kind in ("unavailable_after", "body")


def pairs(request: pb.ReserveStockRequest | pb.RestockItemsRequest) -> list[tuple[str, int]]:
    """The lines of a request as (product, units)."""
    return [(line.product_id, line.quantity) for line in request.lines]


def stock_hold(answer: Answer) -> pb.StockHold:
    """The hold on the wire."""
    lines = [pb.Line(product_id=product_id, quantity=units) for product_id, units in answer.lines.items()]
    hold = pb.StockHold(order_id=answer.order_id, state=answer.state.value, revision=answer.revision, lines=lines)
    if answer.expires_at is not None:
        hold.expires_at.FromMicroseconds(int(answer.expires_at * 1_000_000))
    return hold


def priced(product: Product, available: int) -> pb.Product:
    """A product on the wire."""
    return pb.Product(
        product_id=product.product_id,
        vendor_id=product.vendor_id,
        name=product.name,
        sku=product.sku,
        unit_price_minor=product.unit_price_minor,
        currency=product.currency,
        available=min(available, MOST_UNITS),
    )
