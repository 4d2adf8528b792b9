"""What a misbehaving HTTP neighbour looks like on the wire."""

import asyncio
import json
import socket
import struct
from typing import Any, cast

import msgspec
from aiohttp import web

from compose.sandbox.faults import Fault, anything, nothing, number

GARBAGE = b'<html>\xff\xfe{"id": '
OVER_THE_CAP = 2**20 + 1
"""Just beyond the 1 MiB that the contract allows an answer."""
RESET_ON_CLOSE = struct.pack("ii", 1, 0)
"""SO_LINGER with no time: closing sends RST instead of FIN."""


def status_code(value: object) -> object:
    """The check of a `status` fault."""
    if not isinstance(value, int) or not 200 <= value <= 599:
        raise ValueError("This fault's value is an HTTP status from 200 to 599.")
    return value


KINDS = {
    "delay": number(None),
    "hang": nothing,
    "status": status_code,
    "reset": nothing,
    "drip": number(0.05),
    "garbage": nothing,
    "huge": number(OVER_THE_CAP),
    "wrong_types": nothing,
    "body": anything,
}
INSTEAD_OF_AN_ANSWER = {"hang", "status", "reset"}
"""These keep the call from taking effect, unless `after` is set; the others spoil the answer of a call that did."""


async def spoil(request: web.Request, fault: Fault, status: int, body: Any) -> web.StreamResponse:
    """Answer as the fault says, where `status` and `body` (JSON or None) would have been the true answer."""
    if fault.kind == "hang":
        await asyncio.Event().wait()
    if fault.kind == "reset":
        return reset(request)
    if fault.kind == "drip":
        return await drip(request, fault.value, status, b"" if body is None else msgspec.json.encode(body))
    if fault.kind == "status":
        # A redirect leads back here: whoever follows it gets the true answer of the next call and is found out.
        return web.json_response({"detail": "sandbox fault"}, status=fault.value, headers={"Location": request.path_qs})
    spoilt = web.Response(body=spoilt_body(fault, body), content_type="application/json")
    if fault.kind == "huge":
        spoilt.enable_chunked_encoding()
    return spoilt


def spoilt_body(fault: Fault, body: Any) -> bytes:
    """The bytes sent with status 200 in place of `body`."""
    if fault.kind == "garbage":
        return GARBAGE
    if fault.kind == "huge":
        return msgspec.json.encode({**(body or {}), "padding": "x" * int(fault.value)})
    # The standard library's writer for what msgspec refuses, such as integers over 64 bits.
    return json.dumps(fault.value if fault.kind == "body" else wrong_types(body)).encode()


def wrong_types(body: Any) -> Any:
    """The same JSON object with every value of another type than it should be."""
    if not isinstance(body, dict):
        return [body]
    return {name: wrong_type(value) for name, value in body.items()}


def wrong_type(value: Any) -> Any:
    """A value that reads alike and is of another JSON type: 7 becomes "7"."""
    match value:
        case None | dict():
            return ["nothing"]
        case list():
            return {"0": value}
        case str():
            return 1
        case _:
            return str(value).lower()


def reset(request: web.Request) -> web.StreamResponse:
    """Close the connection abruptly, so that the peer sees ECONNRESET."""
    if request.transport is not None:
        request.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
        request.transport.abort()
    return web.Response()


async def drip(request: web.Request, pause: float, status: int, body: bytes) -> web.StreamResponse:
    """Send the true answer, head included, one byte at a time with `pause` seconds between, then close.

    Every byte comes well within a read timeout; only a deadline for the whole call ends it early.
    """
    fields = ("Connection: close", "Content-Type: application/json", f"Content-Length: {len(body)}")
    head = "\r\n".join([f"HTTP/1.1 {status} OK", *fields, "", ""])
    wire = cast(asyncio.Transport, request.transport)
    for byte in head.encode() + body:
        wire.write(bytes([byte]))
        await asyncio.sleep(pause)
    wire.close()
    return web.Response()
