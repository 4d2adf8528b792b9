"""Who walks through the demo: people in front of the service, with a look into the sandbox and the patience to wait."""

import time
from collections.abc import Callable
from typing import Any, TypeVar

import httpx

from compose.connection_info import Site
from compose.errors import StepError
from compose.progress import Progress

PATIENCE_SECONDS = 30  # for what the service does in the background
POLL_SECONDS = 0.1
Json = dict[str, Any]
Seen = TypeVar("Seen")


class Visitor:
    """Somebody with a token."""

    def __init__(self, site: Site, progress: Progress, role: str, name: str, vendor_id: str | None = None) -> None:
        self.name, self.progress = name, progress
        authorization = {"Authorization": f"Bearer {site.token(role, name, vendor_id)}"}
        self._service = httpx.Client(base_url=f"{site.url}/api/v1", headers=authorization, timeout=10, trust_env=False)
        self._control = httpx.Client(base_url=site.control_url, timeout=10, trust_env=False)

    def ask(self, method: str, path: str, *, body: Json | None = None, key: str | None = None) -> Json:
        """A call of the service's API, which must succeed."""
        headers = {"Idempotency-Key": key} if key else {}
        return answer(self._service.request(method, path, json=body, headers=headers))

    def control(self, method: str, path: str, body: Json | None = None) -> Json:
        """A call of the sandbox's control, which must succeed."""
        return answer(self._control.request(method, path, json=body))

    def order_when(self, order_id: str, within: float = PATIENCE_SECONDS, **wanted: str) -> Json:
        """The order as soon as it has these values."""

        def look() -> tuple[Json, bool]:
            order = self.ask("GET", f"/orders/{order_id}")
            return order, all(order[name] == value for name, value in wanted.items())

        return wait_until(f"the order is {' and '.join(wanted.values())}", look, within)

    def ledger_when(self, path: str, true: Callable[[Json], bool], what: str) -> Json:
        """A page of the sandbox's ledger as soon as something is true of it."""

        def look() -> tuple[Json, bool]:
            page = self.control("GET", f"/ledger/{path}")
            return page, true(page)

        return wait_until(what, look, PATIENCE_SECONDS)


def answer(response: httpx.Response) -> Json:
    """The JSON of an answer. Raises StepError when it is not a success."""
    if not response.is_success:
        asked = f"{response.request.method} {response.request.url}"
        raise StepError(f"{asked} was answered with {response.status_code}: {response.text[:500]}")
    content: Json = response.json()
    return content


def wait_until(what: str, look: Callable[[], tuple[Seen, bool]], within: float) -> Seen:
    """Look until it is so. Raises StepError, with what was seen last, when that takes longer than `within` seconds."""
    end = time.monotonic() + within
    while True:
        seen, enough = look()
        if enough:
            return seen
        if time.monotonic() > end:
            raise StepError(f"Waited {within:.0f} s until {what}. Last seen: {seen}")
        time.sleep(POLL_SECONDS)
