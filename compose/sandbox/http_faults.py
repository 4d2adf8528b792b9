"""The effects of faults on the responses of an HTTP neighbour."""

import asyncio
import json
import socket
import struct
from typing import Annotated, Any, cast

import msgspec
from aiohttp import web

from compose.sandbox.faults import Fault, NonNegative

GARBAGE = b'<html>\xff\xfe{"id": '
OVER_THE_CAP = 2**20 + 1
"""A size just above the 1 MiB that the contract allows for a response."""
DRIP_SECONDS = 0.05
RESET_ON_CLOSE = struct.pack("ii", 1, 0)
"""SO_LINGER with a zero timeout: closing sends RST instead of FIN."""
KINDS = {
    "delay": NonNegative,
    "hang": None,
    "status": Annotated[int, msgspec.Meta(ge=200, le=599)],
    "reset": None,
    "drip": NonNegative | None,
    "garbage": None,
    "huge": NonNegative | None,
    "wrong_types": None,
    "body": Any,
}
INSTEAD_OF_THE_CALL = {"hang", "status", "reset"}
"""Kinds that prevent the call from taking effect, unless `after` is set; the others change the response only."""


async def faulty_response(request: web.Request, fault: Fault, status: int, body: Any) -> web.StreamResponse:
    """Return the response of the fault in place of the true `status` and `body` (JSON or None)."""
    if fault.kind == "hang":
        await asyncio.Event().wait()
    if fault.kind == "reset":
        return reset(request)
    if fault.kind == "drip":
        pause = DRIP_SECONDS if fault.value is None else fault.value
        return await drip(request, pause, status, b"" if body is None else msgspec.json.encode(body))
    if fault.kind == "status":
        # A redirect leads to the same path: a client that follows it gets the true response of the next call, and its test fails.
        return web.json_response({"detail": "sandbox fault"}, status=fault.value, headers={"Location": request.path_qs})
    response = web.Response(body=faulty_body(fault, body), content_type="application/json")
    if fault.kind == "huge":
        response.enable_chunked_encoding()
    return response


def faulty_body(fault: Fault, body: Any) -> bytes:
    """Return the bytes sent with status 200 in place of `body`."""
    if fault.kind == "garbage":
        return GARBAGE
    if fault.kind == "huge":
        size = OVER_THE_CAP if fault.value is None else int(fault.value)
        return msgspec.json.encode({**(body or {}), "padding": "x" * size})
    # The standard library encodes values that msgspec refuses, such as integers over 64 bits.
    return json.dumps(fault.value if fault.kind == "body" else wrong_types(body)).encode()


def wrong_types(body: Any) -> Any:
    """Return the JSON object with every value converted to a wrong type."""
    if not isinstance(body, dict):
        return [body]
    return {name: wrong_type(value) for name, value in body.items()}


def wrong_type(value: Any) -> Any:
    """Return a similar value of another JSON type: 7 becomes "7"."""
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
    """Reset the connection, so that the peer gets ECONNRESET."""
    if request.transport is not None:
        request.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
        request.transport.abort()
    return web.Response()


async def drip(request: web.Request, pause: float, status: int, body: bytes) -> web.StreamResponse:
    """Send the true response, head included, one byte at a time with `pause` seconds between, then close.

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
