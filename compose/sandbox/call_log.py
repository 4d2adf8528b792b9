"""The received calls of one neighbour: authentication, counts, and the required headers.

The same rules apply to HTTP headers and gRPC metadata.
"""

import hmac
import re
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from typing import Any

TRACEPARENT = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
"""W3C Trace Context, https://www.w3.org/TR/trace-context/#traceparent-header"""
REQUEST_ID = re.compile(r"[!-~ ]{1,200}")
MAX_RECENT = 200
"""The number of calls that are kept in full: enough for the assertions of a test, too few to fill the memory under load."""


class CallLog:
    """The calls of one neighbour."""

    def __init__(self, token: str) -> None:
        self.accept([token])
        self.calls: Counter[str] = Counter()
        self.answers: Counter[str] = Counter()
        self.unauthorized = 0
        self.missing_headers = 0
        self.recent: deque[dict[str, Any]] = deque(maxlen=MAX_RECENT)

    def accept(self, tokens: Sequence[str]) -> None:
        """Accept these tokens from now on, and no other."""
        self._authorizations = [f"Bearer {token}".encode() for token in tokens]

    def authenticate(self, call: str, headers: Mapping[str, str]) -> bool:
        """Record the call and return whether its token is valid. The names of `headers` are lower case.

        A missing or malformed `X-Request-ID` or `traceparent` is counted, not refused: the contract requires neither.
        """
        self.calls[call] += 1
        request_id, traceparent = headers.get("x-request-id", ""), headers.get("traceparent", "")
        if not REQUEST_ID.fullmatch(request_id) or not TRACEPARENT.fullmatch(traceparent):
            self.missing_headers += 1
        self.recent.append({"call": call, "request_id": request_id, "traceparent": traceparent})
        given = headers.get("authorization", "").encode("utf-8", "replace")
        known = any(hmac.compare_digest(given, accepted) for accepted in self._authorizations)
        self.unauthorized += not known
        return known

    def ledger(self) -> dict[str, Any]:
        """Return the calls by name, the responses by status, and how many calls had no token or no tracing headers."""
        return {
            "calls": self.calls,
            "answers": self.answers,
            "unauthorized": self.unauthorized,
            "missing_headers": self.missing_headers,
            "recent": list(self.recent),
        }
