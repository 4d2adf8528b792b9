"""The ids of orders, calculated from their definition (docs/decisions.md) and not by the service's own code."""

import hashlib
import uuid

NAMESPACE = uuid.UUID("8f6a1c52-0c5e-4d0b-9a58-5a0a3c1f7e21")
"""Namespace of the ids that are made of a customer and an Idempotency-Key; it outlives every version of the service."""

UNKNOWN_ID = "5b8e2a1c-94d7-4f36-8c0e-7a19d3f5b264"
"""The id of no order, for parameters: pytest-xdist needs the same names of tests in all of its processes."""


def bits(data: bytes) -> str:
    """`data` as zeros and ones."""
    return "".join(f"{byte:08b}" for byte in data)


def shard(customer_id: str) -> str:
    """Return the ten bits that the ids of a customer's orders end with."""
    return bits(hashlib.sha256(customer_id.encode()).digest())[:10]


def order_id(customer_id: str, key: str) -> str:
    """Return the id of the order that a customer's Idempotency-Key makes."""
    named = bits(hashlib.sha256(NAMESPACE.bytes + f"{customer_id}\n{key}".encode()).digest())
    return str(uuid.UUID(int=int(named[:48] + "1000" + named[52:64] + "10" + named[66:118] + shard(customer_id), 2)))


def earlier_order_id(customer_id: str, key: str) -> str:
    """Return the same before ids carried a shard."""
    return str(uuid.uuid5(NAMESPACE, f"{customer_id}\n{key}"))
