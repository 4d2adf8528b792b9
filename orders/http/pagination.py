"""Keyset pagination: the parameters of a page, and the links to the next and the previous page.

A cursor is the position of a row in a list, as opaque signed text that is valid for one caller and one list only. The row
is visible to the caller, so the position needs no secrecy. Caller and list are part of the signature, not of the cursor.
"""

import uuid
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from functools import cache
from typing import Any

import msgspec
from django.core.signing import BadSignature, Signer
from django.http import HttpRequest

from orders.domain.errors import Invalid
from orders.http.filters import ListFilterSet, ParameterField, check_known, clean_parameters, refusal
from orders.http.headers import caller
from orders.store.paging import NEWEST, ORDERINGS, VALUE_TYPES, Page, PageRequest, Position

DEFAULT_LIMIT, MAX_LIMIT = 20, 100
PAGING = ("limit", "cursor", "ordering")
FORMATS = ("json", "csv")
SALT = "orders.api.cursors"  # part of the signature of the cursors that clients hold
SEPARATOR = "."


def whole_number(most: int) -> Callable[[str], int]:
    """Return the parser of a whole number from 1 to `most`."""

    def parse(text: str) -> int:
        if text.isascii() and text.isdigit() and len(text) <= 3 and 1 <= int(text) <= most:
            return int(text)
        raise ValueError(f"Not a whole number from 1 to {most}.")

    return parse


def one_of(known: Sequence[str]) -> Callable[[str], str]:
    """Return the parser of one of the `known` words."""

    def parse(text: str) -> str:
        if text in known:
            return text
        raise ValueError(f"Not one of {', '.join(known)}.")

    return parse


@cache
def fields(orderings: tuple[str, ...]) -> dict[str, ParameterField]:
    """Return the fields of a page's parameters, built once for all lists with these orderings."""
    return {
        "limit": ParameterField(whole_number(MAX_LIMIT)),
        "ordering": ParameterField(one_of(orderings)),
        "format": ParameterField(one_of(FORMATS)),
    }


class KeysetPaginator:
    """The paginator of one request: parses the requested page, and links it to the next and the previous one.

    A view admits `ordering` and `format` by its `query_parameters`; `format` is "csv" where the whole list is requested as CSV.
    """

    def __init__(
        self,
        request: HttpRequest,
        filterset: type[ListFilterSet] = ListFilterSet,
        orderings: Sequence[str] = ORDERINGS,
        default: str = NEWEST,
    ) -> None:
        """Parse `page_request` from the query. Raises Invalid with an entry for each invalid parameter."""
        self.request = request
        filters = filterset.fields()
        check_known(request, (*PAGING, "format", *filters))
        values, errors = clean_parameters(request.GET, fields(tuple(orderings)) | filters)
        limit, ordering = values.pop("limit", DEFAULT_LIMIT), values.pop("ordering", default)
        self.format: str = values.pop("format", "json")
        if self.format == "csv":
            errors += [refusal(name, "CSV has no pages.") for name in ("limit", "cursor") if name in request.GET]
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
            kind = VALUE_TYPES.get(self.page_request.column, datetime)
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
