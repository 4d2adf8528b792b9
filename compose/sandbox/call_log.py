"""Who calls a neighbour: the service's token, and the headers every call of the service must carry.

The same rule holds for HTTP headers and gRPC metadata.
"""

import hmac
import re
from collections import Counter, deque
from collections.abc import Mapping
from typing import Any

TRACEPARENT = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
"""W3C Trace Context, https://www.w3.org/TR/trace-context/#traceparent-header"""
REQUEST_ID = re.compile(r"[!-~ ]{1,200}")
RECENT = 200
"""Calls kept in full: enough to look one up in a test, too few to fill the memory under load."""


class Visitors:
    """The door-keeper and visitors' book of one neighbour."""

    def __init__(self, token: str) -> None:
        self._authorization = f"Bearer {token}".encode()
        self.calls: Counter[str] = Counter()
        self.answers: Counter[str] = Counter()
        self.unauthorized = 0
        self.missing_headers = 0
        self.recent: deque[dict[str, Any]] = deque(maxlen=RECENT)

    def admit(self, call: str, headers: Mapping[str, str]) -> bool:
        """Count the call and say whether it carries the right token. Header names are asked for in lower case.

        A missing or malformed `X-Request-ID` or `traceparent` is counted, not refused: the contract asks for none.
        """
        self.calls[call] += 1
        request_id, traceparent = headers.get("x-request-id", ""), headers.get("traceparent", "")
        if not REQUEST_ID.fullmatch(request_id) or not TRACEPARENT.fullmatch(traceparent):
            self.missing_headers += 1
        self.recent.append({"call": call, "request_id": request_id, "traceparent": traceparent})
        known = hmac.compare_digest(headers.get("authorization", "").encode("utf-8", "replace"), self._authorization)
        self.unauthorized += not known
        return known

    def ledger(self) -> dict[str, Any]:
        """Calls by name, answers by status, and how many came without token or tracing headers."""
        return {
            "calls": dict(self.calls),
            "answers": dict(self.answers),
            "unauthorized": self.unauthorized,
            "missing_headers": self.missing_headers,
            "recent": list(self.recent),
        }
