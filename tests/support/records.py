"""Database rows of one order, in the form in which tests compare them, and the neighbours' ledgers of it."""

import json
from contextlib import closing
from typing import Any

import grpc
import httpx
from celery import Celery
from redis import Redis

from protos.product.v1 import product_pb2 as pb
from tests.support.world import PATIENCE_SECONDS, World, eventually

Row = dict[str, Any]


def trail(world: World, order_id: str) -> list[str]:
    """Return the audit trail as "type by role"."""
    rows = world.sql("SELECT type, actor_role FROM order_events WHERE order_id = %s ORDER BY sequence", order_id)
    return [f"{row['type']} by {row['actor_role']}" for row in rows]


def published(world: World, order_id: str) -> list[Row]:
    """Return the messages about the order in the stream `orders.events`."""
    with closing(Redis.from_url(world.stack.redis.url)) as redis:
        entries: Any = redis.xrange("orders.events")
    messages = [json.loads(fields[b"message"]) for _, fields in entries]
    return [message for message in messages if message["order_id"] == order_id]


def steps(world: World, order_id: str) -> list[str]:
    """Return the types in the audit trail."""
    return [entry.split(" by ")[0] for entry in trail(world, order_id)]


def ledger(world: World, order_id: str) -> list[Row]:
    """Return the payment events counted for the order."""
    return world.sql("SELECT * FROM payment_events WHERE order_id = %s ORDER BY id", order_id)


def parked(world: World, order_id: str) -> list[Row]:
    """Return the payment events parked until the order is known."""
    return world.sql("SELECT * FROM payment_events WHERE claimed_order_id = %s AND order_id IS NULL", order_id)


def refunds(world: World, order_id: str) -> list[Row]:
    """Return the refunds requested from Payment."""
    return world.sql("SELECT * FROM refunds WHERE order_id = %s ORDER BY created_at", order_id)


def waiting(world: World, order_id: str) -> list[str]:
    """Return the kinds of effects that are still due."""
    return [row["kind"] for row in world.sql("SELECT kind FROM outbox WHERE order_id = %s ORDER BY id", order_id)]


def dead_letters(world: World, text: str) -> list[Row]:
    """Return the dead letters that contain `text`."""
    return world.sql("SELECT * FROM dead_letters WHERE position(%s IN message) > 0 ORDER BY id", text)


def make_effects_due(world: World, order_id: str) -> None:
    """Make the order's rows of the outbox due now."""
    world.sql("UPDATE outbox SET available_at = now() WHERE order_id = %s", order_id)


def start_job(world: World, name: str) -> None:
    """Queue a job for the worker now, as beat does every few seconds."""
    with Celery(broker=world.stack.environment["CELERY_BROKER_URL"], set_as_current=False) as beat:
        beat.send_task(name, ignore_result=True)


def expire(world: World, *order_ids: str) -> None:
    """Make the orders overdue, and run the job that expires them."""
    world.sql("UPDATE orders SET expires_at = now() WHERE id = ANY(%s::uuid[])", list(order_ids))
    start_job(world, "orders.expire_overdue")


def make_status_request_due(world: World, *order_ids: str) -> None:
    """Make the orders' payment status due to be requested, and run the job that requests it."""
    world.sql("UPDATE orders SET payment_check_at = now() WHERE id = ANY(%s::uuid[])", list(order_ids))
    start_job(world, "orders.ask_about_silent_payments")


def lose_hold(world: World, order_id: str) -> None:
    """Expire Product's hold for the order without the service's knowledge."""
    answer = httpx.post(f"{world.stack.control_url}/holds/{order_id}/expire", json={}, trust_env=False, verify=False)
    assert answer.json()["state"] == "EXPIRED"


def hold(world: World, order_id: str) -> Row:
    """Return Product's ledger of the order."""
    return world.sandbox.ledger("product", order_id)


def account(world: World, order_id: str) -> Row:
    """Return Payment's ledger of the order."""
    return world.sandbox.ledger("payment", order_id)


def pay(world: World, order_id: str, word: str = "capture", **fields: Any) -> Row:
    """Have Payment publish an event about an order once its payment was requested; return the message."""
    until_requested(world, order_id)
    return world.sandbox.pay(order_id, word, **fields)


def clears(world: World, order_id: str) -> Row:
    """Return how often Cart was asked to clear the order's cart (`heard`), and how often that emptied one (`in_effect`)."""
    return world.sandbox.ledger("cart", order_id)


def product_of(order: Row) -> str:
    """Return the id of an order's only product."""
    (item,) = order["items"]
    return str(item["product_id"])


def until_counted(world: World, order_id: str, number: int) -> None:
    """Wait until `number` events are counted for the order."""
    eventually(lambda: len(ledger(world, order_id)) == number, f"{number} events to be counted")


def until_done(world: World, order_id: str, seconds: float = PATIENCE_SECONDS) -> None:
    """Wait until every effect of the order's commits is done."""
    eventually(lambda: not waiting(world, order_id), "the outbox to be empty", seconds)


def until_stock_is(world: World, order_id: str, state: str) -> None:
    """Wait until Product's hold for the order is in this state."""
    eventually(lambda: hold(world, order_id)["state"] == state, f"the stock to be {state}")


def until_requested(world: World, order_id: str, seconds: float = PATIENCE_SECONDS) -> None:
    """Wait until the order's payment was requested."""
    eventually(lambda: account(world, order_id)["heard"], "Payment to receive the request", seconds)


def until_refunded(world: World, order_id: str, amount: int, seconds: float = PATIENCE_SECONDS) -> None:
    """Wait until Payment has refunded this amount in all."""
    eventually(lambda: account(world, order_id)["refunded_minor"] == amount, f"{amount} to be refunded", seconds)


def replace_hold(world: World, order_id: str, lines: dict[str, int]) -> int:
    """Replace Product's hold under the order's id by that of another request; return its revision."""
    wanted = [pb.Line(product_id=product_id, quantity=units) for product_id, units in lines.items()]
    request = pb.ReserveStockRequest(order_id=order_id, lines=wanted, ttl_seconds=600)
    environment = world.stack.environment
    with grpc.insecure_channel(environment["PRODUCT_SERVICE_ADDR"]) as channel:
        ask = channel.unary_unary(
            "/product.v1.ProductService/ReserveStock",
            request_serializer=pb.ReserveStockRequest.SerializeToString,
            response_deserializer=pb.ReserveStockResponse.FromString,
        )
        answer = ask(request, timeout=5, metadata=(("authorization", f"Bearer {environment['SERVICE_TOKEN']}"),))
    assert answer.hold.state == pb.StockHold.HELD
    return int(answer.hold.revision)
