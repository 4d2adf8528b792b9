"""Ids that carry their shard: the id of an order and of each of its parts end with the same ten bits.

The ten bits are the first of SHA-256(customer id), so all orders of one customer share them. Nothing reads them yet: once
the orders need more than one database, they name the shard of a row without a look-up. Ids are UUIDv8 (RFC 9562):
112 bits of a hash or of randomness, the version, the variant, and the ten bits.
"""

import hashlib
import os
import secrets
import uuid
from collections.abc import Iterator

SHARD_BITS = 10

NUMBER_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's base 32, which omits the letters that are mistaken for digits."""

_NUMBER_RANDOM_BITS = 50
_NAMESPACE = uuid.UUID("8f6a1c52-0c5e-4d0b-9a58-5a0a3c1f7e21")
_BATCH_NAMESPACE = uuid.UUID("3e0c9d57-7a41-4d5c-9b1e-2f8a6d3b5c90")
_SHARD_MASK = (1 << SHARD_BITS) - 1
_FREE_BITS = (1 << 128) - 1 & ~(0xF << 76 | 0b11 << 62 | _SHARD_MASK)
_VERSION_8 = 0x8 << 76 | 0b10 << 62


def shard_of(customer_id: str) -> int:
    """Return the last ten bits of the ids of this customer's orders."""
    return int.from_bytes(hashlib.sha256(customer_id.encode()).digest()[:2]) >> 16 - SHARD_BITS


def order_id_of(customer_id: str, idempotency_key: str) -> uuid.UUID:
    """Return the id of the one order of this customer and Idempotency-Key (name-based, RFC 9562, B.2)."""
    digest = hashlib.sha256(_NAMESPACE.bytes + f"{customer_id}\n{idempotency_key}".encode()).digest()
    return _with_shard(digest[:16], shard_of(customer_id))


def earlier_order_id_of(customer_id: str, idempotency_key: str) -> uuid.UUID:
    """Return the id of the key's order if it was placed before ids carried a shard (UUIDv5)."""
    return uuid.uuid5(_NAMESPACE, f"{customer_id}\n{idempotency_key}")


def coupon_batch_id_of(role: str, caller_id: str, idempotency_key: str) -> uuid.UUID:
    """Return the id of the one batch of coupons of this caller and Idempotency-Key; its last bits are no shard."""
    digest = hashlib.sha256(_BATCH_NAMESPACE.bytes + f"{role}\n{caller_id}\n{idempotency_key}".encode()).digest()
    return _with_shard(digest[:16], int.from_bytes(digest[16:18]) & _SHARD_MASK)


def ids_of_parts(order_id: uuid.UUID, count: int) -> Iterator[uuid.UUID]:
    """Return random ids for the parts of this order, with its shard. One system call reads the randomness of all."""
    random, shard = os.urandom(16 * count), order_id.int & _SHARD_MASK
    return (_with_shard(random[start : start + 16], shard) for start in range(0, len(random), 16))


def number_of(order_id: uuid.UUID) -> str:
    """Return the human-readable number of an order, like "7KQM-3XPA-9T2F": its shard, then 50 random bits."""
    bits = (order_id.int & _SHARD_MASK) << _NUMBER_RANDOM_BITS | secrets.randbits(_NUMBER_RANDOM_BITS)
    letters = "".join(NUMBER_ALPHABET[bits >> shift & 31] for shift in range(55, -1, -5))
    return f"{letters[:4]}-{letters[4:8]}-{letters[8:]}"


def _with_shard(data: bytes, shard: int) -> uuid.UUID:
    return uuid.UUID(int=int.from_bytes(data) & _FREE_BITS | _VERSION_8 | shard)
