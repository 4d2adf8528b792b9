"""Keyset pagination: the parameters of a page, and the links to the next and the previous page.

A cursor is the position of a row in a list, as opaque signed text that is valid for one caller and one list only. The row
is visible to the caller, so the position needs no secrecy. Caller and list are part of the signature, not of the cursor.
"""

import uuid
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec
from django.core.signing import BadSignature, Signer
from django.http import HttpRequest

from orders.domain.errors import Invalid
from orders.http.filters import ListFilterSet, ParameterField, check_known, clean_parameters, refusal
from orders.http.headers import caller
from orders.store.paging import NEWEST, ORDERINGS, Page, PageRequest, Position

DEFAULT_LIMIT, MAX_LIMIT = 20, 100
PAGING = ("limit", "cursor", "ordering")
SALT = "orders.api.cursors"  # part of the signature of the cursors that clients hold
SEPARATOR = "."


def limit(text: str) -> int:
    """Parse the maximum number of results of a page."""
    if text.isascii() and text.isdigit() and len(text) <= 3 and 1 <= int(text) <= MAX_LIMIT:
        return int(text)
    raise ValueError(f"Not a whole number from 1 to {MAX_LIMIT}.")


def ordering(text: str) -> str:
    """Parse the name of an ordering."""
    if text in ORDERINGS:
        return text
    raise ValueError(f"Not one of {', '.join(ORDERINGS)}.")


FIELDS = {"limit": ParameterField(limit), "ordering": ParameterField(ordering)}


class KeysetPaginator:
    """The paginator of one request: parses the requested page, and links it to the next and the previous one."""

    def __init__(self, request: HttpRequest, filterset: type[ListFilterSet] = ListFilterSet) -> None:
        """Parse `page_request` from the query. Raises Invalid with an entry for each invalid parameter."""
        self.request = request
        filters = filterset.fields()
        check_known(request, (*PAGING, *filters))
        values, errors = clean_parameters(request.GET, FIELDS | filters)
        limit, ordering = values.pop("limit", DEFAULT_LIMIT), values.pop("ordering", NEWEST)
        self.page_request = PageRequest(limit, ordering=ordering, filters=values)
        if "cursor" in request.GET and not errors:
            try:
                [cursor] = request.GET.getlist("cursor")
                self.page_request = replace(self.page_request, position=self._read(cursor))
            except ValueError:
                errors.append(refusal("cursor", "Not a cursor of this list: follow next and previous as they are."))
        if errors:
            raise Invalid("Invalid parameters: see errors.", errors=errors)

    def get_paginated_body(self, page: Page[Any], body: Callable[[Any], dict[str, Any]]) -> dict[str, Any]:
        """Return the page, with links to the next and the previous one that keep every other parameter."""
        return {
            "next": self._link(page.next),
            "previous": self._link(page.previous),
            "results": [body(record) for record in page.records],
        }

    def _link(self, position: Position | None) -> str | None:
        if position is None:
            return None
        parameters = self.request.GET.copy()
        parameters["cursor"] = self._write(position)
        return self.request.build_absolute_uri(f"{self.request.path}?{parameters.urlencode()}")

    def _write(self, position: Position) -> str:
        """Return the cursor of a position in this list of this caller."""
        encoded = urlsafe_b64encode(msgspec.json.encode((position.value, position.id, position.backwards)))
        belongs_to = self._belongs_to()
        return _signer().sign(belongs_to + encoded.rstrip(b"=").decode())[len(belongs_to) :]

    def _read(self, cursor: str) -> Position:
        """Return the cursor's position. Raises ValueError unless it was made for this caller and this list.

        The list is the same whatever its `limit`.
        """
        belongs_to = self._belongs_to()
        try:
            encoded = _signer().unsign(belongs_to + cursor)[len(belongs_to) :]
            document = urlsafe_b64decode(encoded + "==")
            kind = Decimal if self.page_request.column == "total" else datetime
            return Position(*msgspec.json.decode(document, type=tuple[kind, uuid.UUID, bool]))  # type: ignore[valid-type]
        except (BadSignature, msgspec.MsgspecError) as error:
            raise ValueError("Not a cursor of this list.") from error

    def _belongs_to(self) -> str:
        """Return the caller and the list for which a cursor is signed."""
        user, page = caller(self.request), self.page_request
        filters = sorted(page.filters.items())
        belongs_to = (self.request.path_info, user.role, user.id, user.vendor_id, page.ordering, filters)
        return msgspec.json.encode(belongs_to).decode()


def _signer() -> Signer:
    return Signer(salt=SALT, sep=SEPARATOR)
