"""Files of comma-separated values: RFC 4180, and cells that no spreadsheet runs."""

import csv
import io
import uuid
from datetime import UTC, datetime
from typing import Any

import pytest

from orders.http.csv import CSVWriter, answer_csv


def written(rows: list[dict[str, Any]], *columns: str, free_text: tuple[str, ...] = ()) -> str:
    writer = CSVWriter(columns, free_text)
    writer.write(rows)
    return writer.content()


def test_the_first_line_names_the_columns_and_every_line_ends_with_crlf() -> None:
    assert written([], "a", "b") == "a,b\r\n"
    assert written([{"b": 2, "a": 1}, {"a": None, "b": "x"}], "a", "b") == "a,b\r\n1,2\r\n,x\r\n"


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        (None, ""),
        ("", ""),
        (True, "true"),
        (False, "false"),
        (0, "0"),
        ("-1.00", "-1.00"),
        (["b", "a"], "b a"),
        ([], ""),
        (datetime(2026, 11, 22, 10, 0, tzinfo=UTC), "2026-11-22T10:00:00Z"),
        (datetime(2026, 11, 22, 10, 0, 0, 120, tzinfo=UTC), "2026-11-22T10:00:00.000120Z"),
        (uuid.UUID(int=7), "00000000-0000-0000-0000-000000000007"),
        ("a,b", '"a,b"'),
        ('a"b', '"a""b"'),
        ("a\r\nb", '"a\r\nb"'),
        ("a\rb", '"a\rb"'),
        ("a\nb", '"a\nb"'),
        ("é", "é"),
    ],
)
def test_a_cell_has_the_text_of_its_json_quoted_where_needed(value: Any, cell: str) -> None:
    assert written([{"a": 1, "b": value}], "a", "b") == f"a,b\r\n1,{cell}\r\n"


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@a", "\ta", "\ra", "=", '=HYPERLINK("x","y")'])
def test_free_text_that_a_spreadsheet_would_run_gets_an_apostrophe(text: str) -> None:
    file = written([{"name": text, "ids": [text], "total": "-1.00"}], "name", "ids", "total", free_text=("name", "ids"))
    assert list(csv.reader(io.StringIO(file, newline="")))[1] == [f"'{text}", f"'{text}", "-1.00"]


@pytest.mark.parametrize("text", ["a=1", "'=1", " =1", "1-2", ""])
def test_other_free_text_is_unchanged(text: str) -> None:
    file = written([{"name": text, "more": 1}], "name", "more", free_text=("name",))
    assert list(csv.reader(io.StringIO(file, newline="")))[1] == [text, "1"]


def test_a_file_is_a_download_without_a_byte_order_mark() -> None:
    response = answer_csv("a\r\né\r\n", "sales.csv")
    assert response["Content-Type"] == "text/csv; charset=utf-8; header=present"
    assert response["Content-Disposition"] == 'attachment; filename="sales.csv"'
    assert response.content == "a\r\né\r\n".encode()
