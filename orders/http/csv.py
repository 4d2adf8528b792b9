"""Lists as files of comma-separated values (RFC 4180): a header line, CRLF, quotes where they are needed, no byte order mark."""

import csv
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from io import StringIO
from typing import Any

from django.http import HttpResponse

from orders.domain.errors import Invalid
from orders.domain.timestamps import write_timestamp
from orders.http.filters import refusal
from orders.store import database
from orders.store.paging import Page, PageRequest, Position

CONTENT_TYPE = "text/csv; charset=utf-8; header=present"

MAX_ROWS = 100_000
"""The maximum number of rows of a file."""

SLICE_ROWS = 2000
"""The number of rows that are read at a time: a database thread is taken for a tenth of a second."""

FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""First characters of a cell that a spreadsheet runs as a formula (OWASP, "CSV Injection")."""


_CONVERT: Mapping[type, Callable[[Any], str]] = {
    bool: lambda value: "true" if value else "false",
    datetime: write_timestamp,
    list: " ".join,
}
"""The text of a JSON value by its type; that of all others is `str`, and null is empty."""


class CSVWriter:
    """The writer of a file with these columns. `free_text` are the columns whose cells may contain anything."""

    def __init__(self, columns: Sequence[str], free_text: Collection[str] = ()) -> None:
        self._columns = columns
        self._free_text = [place for place, name in enumerate(columns) if name in free_text]
        self._file = StringIO()
        self._writer = csv.writer(self._file, lineterminator="\r\n")
        self._writer.writerow(columns)

    def write(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Append a line for each row, as a response has it in JSON."""
        self._writer.writerows(map(self._line, rows))

    def content(self) -> str:
        """Return the file."""
        return self._file.getvalue()

    def _line(self, row: Mapping[str, Any]) -> list[Any]:
        line = [
            convert(value) if (convert := _CONVERT.get(type(value := row[name]))) else value for name in self._columns
        ]
        for place in self._free_text:
            if str(line[place] or "").startswith(FORMULA):
                line[place] = f"'{line[place]}"
        return line


async def write_list(
    writer: CSVWriter,
    request: PageRequest,
    read: Callable[[PageRequest], Page[Any]],
    representation: Callable[[Any], Mapping[str, Any]],
) -> None:
    """Append all rows of a list of pages, in the request's ordering.

    They are read in slices, so that other requests are served meanwhile. Raises Invalid when there are more than MAX_ROWS.
    """

    def write_slice(part: PageRequest) -> tuple[int, Position | None]:
        page = read(part)
        writer.write(map(representation, page.records))
        return len(page.records), page.next

    part, rows = replace(request, limit=SLICE_ROWS), 0
    while True:
        written, following = await database.run(write_slice, part)
        rows += written
        if rows > MAX_ROWS:
            errors = [refusal("format", f"More than {MAX_ROWS} rows: add a filter.")]
            raise Invalid("Invalid parameters: see errors.", errors=errors)
        if following is None:
            return
        part = replace(part, position=following)


def answer_csv(content: str, filename: str) -> HttpResponse:
    """Return the file as a download; `filename` is ASCII without quotes."""
    response = HttpResponse(content, content_type=CONTENT_TYPE)
    response["Content-Disposition"] = f'attachment; filename="{filename}"'
    return response
