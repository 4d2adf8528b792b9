"""The headers that link an outgoing call to its request: `X-Request-ID` and W3C `traceparent`."""

import random
import uuid
from contextvars import ContextVar

request_id: ContextVar[str] = ContextVar("request_id", default="")
trace_id: ContextVar[str] = ContextVar("trace_id", default="")


def call_headers(service_token: str) -> dict[str, str]:
    """Return the headers (or gRPC metadata) of a call to a neighbour: the service token, the request's id, a span of its trace.

    Outside a request both ids are new.
    """
    trace = trace_id.get() or f"{random.getrandbits(128):032x}"
    return {
        "authorization": f"Bearer {service_token}",
        "x-request-id": request_id.get() or str(uuid.uuid4()),
        "traceparent": f"00-{trace}-{random.getrandbits(64):016x}-01",
    }
