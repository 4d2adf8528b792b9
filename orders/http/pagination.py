"""Cursors: positions in lists as opaque text, signed, so that each is only of use to the caller and in the list it was made for.

A position is that of a row of the caller's own, so it needs no secrecy. What it belongs to is signed with it, not sent.
"""

import uuid
from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import datetime
from decimal import Decimal

import msgspec
from django.core.signing import BadSignature, Signer
from django.http import HttpRequest

from orders.http.headers import caller
from orders.store.paging import Listing, Position

SALT = "orders.api.cursors"  # part of the cursors that clients hold
SEPARATOR = "."


def write_cursor(request: HttpRequest, listing: Listing, position: Position) -> str:
    """The cursor of a position in this list of this caller."""
    encoded = urlsafe_b64encode(msgspec.json.encode((position.value, position.id, position.backwards)))
    belongs_to = _belongs_to(request, listing)
    return _signer().sign(belongs_to + encoded.rstrip(b"=").decode())[len(belongs_to) :]


def read_cursor(request: HttpRequest, listing: Listing, cursor: str) -> Position:
    """The position that the cursor tells. Raises ValueError unless it was made for this caller and this list.

    The list is the same whatever its `limit`.
    """
    belongs_to = _belongs_to(request, listing)
    try:
        encoded = _signer().unsign(belongs_to + cursor)[len(belongs_to) :]
        document = urlsafe_b64decode(encoded + "==")
        kind = Decimal if listing.column == "total" else datetime
        return Position(*msgspec.json.decode(document, type=tuple[kind, uuid.UUID, bool]))  # type: ignore[valid-type]
    except (BadSignature, msgspec.MsgspecError) as error:
        raise ValueError("Not a cursor of this list.") from error


def _signer() -> Signer:
    return Signer(salt=SALT, sep=SEPARATOR)


def _belongs_to(request: HttpRequest, listing: Listing) -> str:
    who = caller(request)
    filters = sorted(listing.filters.items())
    belongs_to = (request.path_info, who.role, who.id, who.vendor_id, listing.ordering, filters)
    return msgspec.json.encode(belongs_to).decode()
