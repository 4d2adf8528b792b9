"""Files that change only with a release: kept in the process, compressed beforehand, revalidated by strong entity tags."""

import asyncio
import gzip
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache

import brotli
from django.http import HttpRequest, HttpResponse, HttpResponseNotModified

from orders.http.caching import etag_of, is_current

IDENTITY = "identity"
CODINGS: Mapping[str, Callable[[bytes], bytes]] = {
    "br": lambda content: brotli.compress(content, quality=8),  # docs/decisions.md has the figures
    "gzip": lambda content: gzip.compress(content, mtime=0),
    IDENTITY: lambda content: content,
}
"""The content codings (RFC 9110, 8.4.1), the preferred one first."""

_ACCEPTED = re.compile(
    r"\s*([!#$%&'*+.^_`|~\w-]+)\s*(?:;\s*q=(0(?:\.\d{0,3})?|1(?:\.0{0,3})?)\s*)?", re.ASCII | re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Form:
    """A file in one content coding."""

    content: bytes
    coding: str
    etag: str


class StaticFile:
    """A file in a form for each content coding. `read` returns its content.

    Forms are made in a thread at their first request, each once: a release's first client waits for it, the start does not.
    """

    def __init__(
        self, read: Callable[[], bytes], content_type: str, cache_control: str, headers: Mapping[str, str] | None = None
    ) -> None:
        self._read, self._content_type = cache(read), content_type
        self._headers = {**(headers or {}), "Cache-Control": cache_control, "Vary": "Accept-Encoding"}
        self._forms: dict[str, Form] = {}
        self._making = asyncio.Lock()

    async def respond(self, request: HttpRequest) -> HttpResponse:
        """Return the file in the client's preferred coding, or 304 when the client has this form."""
        form = await self._form(preferred_coding(request.META.get("HTTP_ACCEPT_ENCODING", IDENTITY)))
        if is_current(request, form.etag):
            response: HttpResponse = HttpResponseNotModified()
        else:
            response = HttpResponse(form.content, content_type=self._content_type)
            if form.coding != IDENTITY:
                response["Content-Encoding"] = form.coding
        # In a 304 too: caches replace the headers of their copy by those of the 304, Content-Security-Policy among them.
        for name, value in {"ETag": form.etag, **self._headers}.items():
            response[name] = value
        return response

    async def _form(self, coding: str) -> Form:
        if coding not in self._forms:
            async with self._making:
                if coding not in self._forms:
                    self._forms[coding] = await asyncio.to_thread(self._make, coding)
        return self._forms[coding]

    def _make(self, coding: str) -> Form:
        """Return the form of this coding, or the plain one where the coding does not make it smaller."""
        plain = self._read()
        coded = CODINGS[coding](plain)
        if len(coded) >= len(plain):
            return Form(plain, IDENTITY, etag_of(plain))
        return Form(coded, coding, etag_of(coded))


def preferred_coding(accept_encoding: str) -> str:
    """Return the coding of the highest quality in Accept-Encoding (RFC 9110, 12.5.3); of equal ones, the first of CODINGS.

    "identity" where it is not named is the last resort; it is also returned when every coding is refused.
    """
    matches = (_ACCEPTED.fullmatch(element) for element in accept_encoding.split(","))
    qualities = {match[1].lower(): float(match[2] or 1) for match in matches if match}
    others = qualities.get("*", 0.0)
    acceptable = {coding: quality for coding in CODINGS if (quality := qualities.get(coding, others)) > 0}
    return max(acceptable, key=lambda coding: acceptable[coding], default=IDENTITY)
