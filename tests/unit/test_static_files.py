"""Static files: the choice of a content coding (RFC 9110, 12.5.3), and forms that are made once."""

import asyncio
import threading

import pytest
from django.test import RequestFactory

from orders.http.static_files import StaticFile, preferred_coding

REQUESTS = RequestFactory()


@pytest.mark.parametrize(
    ("accept_encoding", "coding"),
    [
        ("br", "br"),
        ("gzip", "gzip"),
        ("GZip", "gzip"),
        ("gzip, deflate, br, zstd", "br"),
        ("gzip;q=1.0, br;q=0.9", "gzip"),
        ("br;q=0, gzip", "gzip"),
        ("br;q=0.000, gzip;q=0.001", "gzip"),
        ("br ; q=0.2 , gzip ;Q=0.8", "gzip"),
        ("gzip;q=0.5, br;q=0.5", "br"),
        ("*", "br"),
        ("br;q=0, *", "gzip"),
        ("br;q=0, *;q=0.1", "gzip"),
        ("*;q=0.5, gzip;q=0.1", "br"),
        ("gzip, *;q=0", "gzip"),
        ("gzip;q=0.1", "gzip"),
        ("gzip;q=0.5, identity", "identity"),
        ("identity;q=0.5, gzip;q=0.1", "identity"),
        ("identity;q=0.5, gzip;q=0.5", "gzip"),
        ("identity;q=0, gzip;q=0.1", "gzip"),
        ("identity", "identity"),
        ("", "identity"),
        (",", "identity"),
        ("deflate, zstd", "identity"),
        ("br;q=0, gzip;q=0", "identity"),
        ("*;q=0", "identity"),
        ("identity;q=0", "identity"),
        ("gzip;q=2", "identity"),
        ("gzip;q=-1, br;q=x", "identity"),
        ("gzip;q=", "identity"),
        ("gzip br", "identity"),
        ("gzip;q=0.1234", "identity"),
        ("br;level=1, gzip", "gzip"),
        (";q=1, gzip", "gzip"),
    ],
)
def test_the_coding_of_the_highest_quality_is_preferred_and_what_is_refused_or_malformed_is_not(
    accept_encoding: str, coding: str
) -> None:
    assert preferred_coding(accept_encoding) == coding


async def test_concurrent_first_requests_read_and_compress_once() -> None:
    reads: list[str] = []
    all_wait = threading.Event()

    def read() -> bytes:
        reads.append(threading.current_thread().name)
        assert all_wait.wait(timeout=5)
        return b"text " * 1000

    file = StaticFile(read, "text/plain", "no-cache")
    codings = ["br", "gzip", "identity"] * 10
    asked = asyncio.gather(*(file.respond(REQUESTS.get("/", headers={"Accept-Encoding": c})) for c in codings))
    await asyncio.sleep(0)  # every request has begun
    all_wait.set()
    answers = await asked
    assert len(reads) == 1
    assert reads[0] != threading.main_thread().name
    forms = {(answer.get("Content-Encoding", "identity"), answer["ETag"], answer.content) for answer in answers}
    assert sorted(coding for coding, _, _ in forms) == ["br", "gzip", "identity"]


async def test_a_file_that_could_not_be_read_is_read_again() -> None:
    failures = [OSError("no file")]

    def read() -> bytes:
        if failures:
            raise failures.pop()
        return b"text"

    file = StaticFile(read, "text/plain", "no-cache")
    with pytest.raises(OSError, match="no file"):
        await file.respond(REQUESTS.get("/"))
    assert (await file.respond(REQUESTS.get("/"))).content == b"text"
