"""Lists as files of comma-separated values (RFC 4180): a header line, CRLF, quotes where they are needed, no byte order mark."""

import csv
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from io import StringIO
from typing import Any

from django.http import HttpResponse

from orders.domain.timestamps import write_timestamp

CONTENT_TYPE = "text/csv; charset=utf-8; header=present"

MAX_ROWS = 100_000
"""The maximum number of rows of a file."""

FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""First characters of a cell that a spreadsheet runs as a formula (OWASP, "CSV Injection")."""


class CSVWriter:
    """The writer of a file with these columns. `free_text` are the columns whose cells may contain anything."""

    def __init__(self, columns: Sequence[str], free_text: Collection[str] = ()) -> None:
        self._columns, self._free_text = columns, frozenset(free_text)
        self._file = StringIO()
        self._writer = csv.writer(self._file, lineterminator="\r\n")
        self._writer.writerow(columns)

    def write(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Append a line for each row, as a response has it in JSON."""
        self._writer.writerows([self._cell(name, row[name]) for name in self._columns] for row in rows)

    def content(self) -> str:
        """Return the file."""
        return self._file.getvalue()

    def _cell(self, name: str, value: Any) -> str:
        text = cell(value)
        return f"'{text}" if name in self._free_text and text.startswith(FORMULA) else text


def cell(value: Any) -> str:
    """Return a JSON value as text: null is empty, a list is joined by spaces."""
    match value:
        case str():
            return value
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case datetime():
            return write_timestamp(value)
        case list() | tuple():
            return " ".join(map(cell, value))
    return str(value)


def answer_csv(content: str, filename: str) -> HttpResponse:
    """Return the file as a download; `filename` is ASCII without quotes."""
    response = HttpResponse(content, content_type=CONTENT_TYPE)
    response["Content-Disposition"] = f'attachment; filename="{filename}"'
    return response
