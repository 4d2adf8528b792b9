"""The sandbox's Product Service over real gRPC: authentication, messages and faults."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest

from compose.sandbox.products import Products
from compose.sandbox.server import serve_grpc
from compose.sandbox.wrong_responses import WRONG_RESPONSES
from protos.product.v1 import product_pb2 as pb
from protos.product.v1 import product_pb2_grpc

HEADERS = (
    ("authorization", "Bearer token"),
    ("x-request-id", "r-1"),
    ("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
)


class Client:
    """Calls the service by method name, with a short deadline."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self.stub = product_pb2_grpc.ProductServiceStub(channel)

    async def __call__(self, call: str, message: Any, timeout: float = 2.0) -> Any:
        return await getattr(self.stub, call)(message, metadata=HEADERS, timeout=timeout)

    async def reserve(self, order_id: str = "o", units: int = 2) -> Any:
        return await self("ReserveStock", reservation(order_id, ("mug", units), ("pen", 1)))


def reservation(order_id: str, *lines: tuple[str, int]) -> pb.ReserveStockRequest:
    wanted = [pb.Line(product_id=name, quantity=units) for name, units in lines]
    return pb.ReserveStockRequest(order_id=order_id, lines=wanted, ttl_seconds=60)


@pytest.fixture
def products() -> Products:
    products = Products("token")
    products.inventory.put(
        "mug", {"vendor_id": "v-1", "name": "Mug", "sku": "MUG", "unit_price_minor": 1850, "stock": 10}
    )
    products.inventory.put("pen", {"stock": 10})
    return products


@pytest.fixture
async def client(products: Products) -> AsyncIterator[Client]:
    async with serve_grpc(products, "127.0.0.1", 0) as port, grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield Client(channel)


async def code_of(call: Any) -> grpc.StatusCode:
    with pytest.raises(grpc.aio.AioRpcError) as failure:
        await call
    return failure.value.code()


async def test_a_hold_is_reserved_committed_and_restocked_over_grpc(client: Client, products: Products) -> None:
    held = await client.reserve()
    assert (held.hold.state, held.hold.revision, held.hold.order_id) == (pb.StockHold.HELD, 1, "o")
    assert held.hold.expires_at.seconds > 0
    assert [each.product_id for each in held.products] == ["mug", "pen"]
    assert held.products[0] == pb.Product(
        product_id="mug", vendor_id="v-1", name="Mug", sku="MUG", unit_price_minor=1850, currency="EUR", available=10
    )
    sold = await client("CommitStock", pb.CommitStockRequest(order_id="o"))
    lines = [pb.Line(product_id="mug", quantity=2), pb.Line(product_id="pen", quantity=1)]
    assert sold == pb.StockHold(order_id="o", state=pb.StockHold.COMMITTED, revision=1, lines=lines)
    back = pb.RestockItemsRequest(restock_id="r", order_id="o", lines=[pb.Line(product_id="mug", quantity=1)])
    assert (await client("RestockItems", back)).state == pb.StockHold.COMMITTED
    assert (await client("ReleaseStock", pb.ReleaseStockRequest(order_id="o"))).state == pb.StockHold.COMMITTED
    assert (await client("GetStockHold", pb.GetStockHoldRequest(order_id="o"))).state == pb.StockHold.COMMITTED
    ledger = products.ledger()
    assert ledger["adds_up"]
    assert (ledger["products"]["mug"]["sold"], ledger["products"]["mug"]["available"]) == (1, 9)
    assert ledger["missing_headers"] == 0


async def test_a_rejection_has_the_shortages_and_the_prices(client: Client) -> None:
    answer = await client("ReserveStock", reservation("o", ("mug", 11), ("pen", 1), ("nope", 1)))
    assert answer.hold.state == pb.StockHold.REJECTED
    assert [(each.product_id, each.requested, each.available) for each in answer.shortages] == [
        ("mug", 11, 10),
        ("nope", 1, 0),
    ]
    assert [each.product_id for each in answer.products] == ["mug", "pen"]


async def test_unknown_products_are_absent_from_the_list(client: Client) -> None:
    answer = await client("GetProducts", pb.GetProductsRequest(product_ids=["mug", "nope", "mug"]))
    assert [each.product_id for each in answer.products] == ["mug"]


async def test_refusals_have_the_status_codes_of_the_contract(client: Client) -> None:
    assert await code_of(client("ReserveStock", reservation(""))) is grpc.StatusCode.INVALID_ARGUMENT
    assert (
        await code_of(client("CommitStock", pb.CommitStockRequest(order_id="o"))) is grpc.StatusCode.FAILED_PRECONDITION
    )


async def test_a_call_without_the_token_is_unauthenticated(client: Client, products: Products) -> None:
    request = pb.GetStockHoldRequest(order_id="o")
    assert await code_of(client.stub.GetStockHold(request, timeout=2)) is grpc.StatusCode.UNAUTHENTICATED
    assert (products.ledger()["unauthorized"], products.ledger()["missing_headers"]) == (1, 1)


async def test_unavailable_before_has_no_effect_and_unavailable_after_has(client: Client, products: Products) -> None:
    for kind, revision in (("unavailable_before", 0), ("unavailable_after", 1)):
        products.faults.arm({"kind": kind, "times": 1, "call": "ReserveStock"})
        assert await code_of(client.reserve()) is grpc.StatusCode.UNAVAILABLE
        assert products.holds.get("o").revision == revision
    assert (await client.reserve()).hold.revision == 2


async def test_a_late_call_takes_effect_after_its_client_has_disconnected(client: Client, products: Products) -> None:
    products.faults.arm({"kind": "late", "value": 0.1, "times": 1, "call": "ReserveStock"})
    call = client("ReserveStock", reservation("o", ("mug", 1)), timeout=0.05)
    assert await code_of(call) is grpc.StatusCode.DEADLINE_EXCEEDED
    assert products.holds.get("o").revision == 0
    async with asyncio.timeout(5):
        while not products.holds.get("o").revision:
            await asyncio.sleep(0.01)


async def test_a_hanging_call_ends_at_the_callers_deadline(client: Client, products: Products) -> None:
    products.faults.arm({"kind": "hang", "call": "GetProducts"})
    call = client("GetProducts", pb.GetProductsRequest(product_ids=["mug"]), timeout=0.05)
    assert await code_of(call) is grpc.StatusCode.DEADLINE_EXCEEDED
    assert (await client.reserve()).hold.state == pb.StockHold.HELD


async def test_any_status_can_be_returned(client: Client, products: Products) -> None:
    products.faults.arm({"kind": "status", "value": "RESOURCE_EXHAUSTED"})
    assert await code_of(client.reserve()) is grpc.StatusCode.RESOURCE_EXHAUSTED
    with pytest.raises(ValueError, match="Invalid enum"):
        products.faults.arm({"kind": "status", "value": "OK"})


@pytest.mark.parametrize("kind", WRONG_RESPONSES)
async def test_each_wrong_response_differs_from_the_right_one(client: Client, products: Products, kind: str) -> None:
    products.faults.arm({"kind": "body", "value": kind, "times": 1})
    units = 99 if kind == "rejected_for_nothing" else 1
    wrong, true = await client.reserve(units=units), await client.reserve(units=units)
    wrong.hold.expires_at.CopyFrom(true.hold.expires_at)
    wrong.hold.revision += 1 if wrong.hold.revision else 0
    assert wrong != true
