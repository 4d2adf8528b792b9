"""The keys of buckets: a hash of the policy with the caller or the address, keyed so that no id can be looked up by guessing it."""

import hashlib
from functools import cache
from ipaddress import IPv6Address, ip_address

from django.conf import settings

from orders.domain.callers import Caller

PREFIX = b"rate-limits:"


def caller_key(policy: str, caller: Caller) -> bytes:
    """Return the key of a caller's bucket: all tokens of one role and subject share it."""
    return _key(f"{policy}\0{caller.role}\0{caller.id}")


def address_key(policy: str, address: str) -> bytes:
    """Return the key of an address's bucket."""
    return _key(f"{policy}\0{network(address)}")


def network(address: str) -> str:
    """Return an address as it is counted: IPv6 by its first 64 bits, of which a client may use every address."""
    try:
        parsed = ip_address(address)
    except ValueError:  # such as a Unix socket's
        return address
    if not isinstance(parsed, IPv6Address):
        return str(parsed)
    return str(parsed.ipv4_mapped) if parsed.ipv4_mapped else f"{int(parsed) >> 64:x}::/64"


def _key(named: str) -> bytes:
    return PREFIX + hashlib.blake2b(named.encode(), key=_secret(), digest_size=16).hexdigest().encode()


@cache
def _secret() -> bytes:
    return hashlib.blake2b(settings.SECRET_KEY.encode(), digest_size=32).digest()
