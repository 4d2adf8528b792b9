"""The headers that link an outgoing call to its request: `X-Request-ID` and W3C `traceparent`."""

import random
import uuid
from contextvars import ContextVar

from orders.runtime.tracing import tracer

request_id: ContextVar[str] = ContextVar("request_id", default="")
trace_id: ContextVar[str] = ContextVar("trace_id", default="")
"""The trace of the request while tracing is off: the caller's, or a new one."""


def call_headers(service_token: str) -> dict[str, str]:
    """Return the headers (or gRPC metadata) of a call to a neighbour: the service token, the request's id, a span of its trace.

    Outside a request both ids are new.
    """
    headers = {
        "authorization": f"Bearer {service_token}",
        "x-request-id": request_id.get() or str(uuid.uuid4()),
    }
    tracing = tracer()
    if tracing is not None and (of_trace := tracing.headers()):
        return headers | of_trace
    trace = trace_id.get() or f"{random.getrandbits(128):032x}"
    headers["traceparent"] = f"00-{trace}-{random.getrandbits(64):016x}-01"
    return headers
