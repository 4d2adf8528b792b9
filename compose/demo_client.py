"""The client of the demo, which calls the service with a token and inspects the sandbox."""

import time
from collections.abc import Callable
from typing import Any

import httpx

from compose.connection_info import ConnectionInfo
from compose.errors import StepError
from compose.progress import Progress

TIMEOUT_SECONDS = 30  # for background work of the service
POLL_SECONDS = 0.1
Json = dict[str, Any]


class DemoClient:
    """A user of one role."""

    def __init__(
        self, info: ConnectionInfo, progress: Progress, role: str, name: str, vendor_id: str | None = None
    ) -> None:
        self.name, self.progress = name, progress
        authorization = {"Authorization": f"Bearer {info.token(role, name, vendor_id)}"}
        self._service = httpx.Client(base_url=f"{info.url}/api/v1", headers=authorization, timeout=10, trust_env=False)
        self._control = httpx.Client(base_url=info.control_url, timeout=10, trust_env=False)

    def call(self, method: str, path: str, *, body: Json | None = None, key: str | None = None) -> Json:
        """Call the service's API. Raise StepError unless the call succeeds."""
        headers = {"Idempotency-Key": key} if key else {}
        return _content(self._service.request(method, path, json=body, headers=headers))

    def refusal(self, method: str, path: str, *, body: Json, key: str | None = None) -> Json:
        """Call the service's API and return the problem. Raise StepError unless the call is refused."""
        headers = {"Idempotency-Key": key} if key else {}
        response = self._service.request(method, path, json=body, headers=headers)
        if not response.is_client_error:
            raise StepError(
                f"{method} {path} should be refused, but returned {response.status_code}: {response.text[:500]}"
            )
        problem: Json = response.json()
        return problem

    def control(self, method: str, path: str, body: Json | None = None) -> Json:
        """Call the sandbox's control API. Raise StepError unless the call succeeds."""
        return _content(self._control.request(method, path, json=body))

    def wait_for_order(self, order_id: str, timeout: float = TIMEOUT_SECONDS, **wanted: str) -> Json:
        """Return the order as soon as it has these values."""
        return _wait_until(
            f"the order is {' and '.join(wanted.values())}",
            lambda: self.call("GET", f"/orders/{order_id}"),
            lambda order: all(order[name] == value for name, value in wanted.items()),
            timeout,
        )

    def wait_for_ledger(self, path: str, condition: Callable[[Json], object], description: str) -> Json:
        """Return a page of the sandbox's ledger as soon as it meets the condition."""
        return _wait_until(description, lambda: self.control("GET", f"/ledger/{path}"), condition, TIMEOUT_SECONDS)


def _content(response: httpx.Response) -> Json:
    if not response.is_success:
        request = f"{response.request.method} {response.request.url}"
        raise StepError(f"{request} returned {response.status_code}: {response.text[:500]}")
    content: Json = response.json()
    return content


def _wait_until(
    description: str, read: Callable[[], Json], condition: Callable[[Json], object], timeout: float
) -> Json:
    end = time.monotonic() + timeout
    while not condition(content := read()):
        if time.monotonic() > end:
            raise StepError(f"Waited {timeout:.0f} s until {description}. Last seen: {content}")
        time.sleep(POLL_SECONDS)
    return content
