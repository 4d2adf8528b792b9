"""The end of the output of `make run` and `make demo`: addresses, and tokens to sign in with.

A token is a line of its own, without indentation: one selection and one paste sign a person in. It is never part of a link, since
the dashboard reads tokens from its form only, and addresses are kept in histories and logs.
"""

import uuid
from pathlib import Path

from compose.connection_info import ConnectionInfo
from compose.progress import Progress

Account = tuple[str, str, str, str | None]

STAFF: tuple[Account, ...] = (
    ("vendor vera of v-atelier", "vendor", "vera", "v-atelier"),
    ("admin olga", "admin", "olga", None),
)
"""The accounts for the dashboard: description, role, subject, vendor."""

CUSTOMER: Account = ("customer ada", "customer", "ada", None)


KEPT = "the next `make run` finds its data again"


def print_banner(progress: Progress, info: ConnectionInfo, logs: Path, *, afterwards: str = KEPT) -> None:
    """Print the addresses, tokens and an example of the running stack; `afterwards` is what becomes of its data."""
    progress.print("\nThe Order Service is ready.\n", "bold")
    progress.print(f"  Dashboard  {info.url}/dashboard")
    progress.print(f"  API docs   {info.url}/api/doc")
    progress.print(f"  Logs       {logs}/")
    progress.print(f"  Sandbox    {info.control_url}  (customers ada and grace; Payment captures an order after 2 s)\n")
    progress.print("Tokens, valid for 12 hours; paste one to sign in, a vendor's or an admin's for the dashboard:\n")
    _print_tokens(progress, info, *STAFF, CUSTOMER)
    headers = f"-H 'Authorization: Bearer {info.token('customer', 'ada')}' -H 'Idempotency-Key: {uuid.uuid4()}'"
    progress.print("Place an order as ada:\n")
    progress.print(
        f"curl -sS -X POST {info.url}/api/v1/orders {headers} -H 'Content-Type: application/json' -d '{{}}'\n"
    )
    progress.print(f"Ctrl-C stops everything; {afterwards}.")


def print_where_to_look(progress: Progress, running: ConnectionInfo | None) -> None:
    """Print where the demo's orders are shown, if the stack that it used is still running."""
    if running is None:
        progress.print(
            "This stack has stopped. To see such orders in the dashboard: make run, and beside it make demo."
        )
        return
    progress.print(f"See these orders in the dashboard: {running.url}/dashboard")
    progress.print("Paste a token to sign in:\n")
    _print_tokens(progress, running, *STAFF)


def _print_tokens(progress: Progress, info: ConnectionInfo, *accounts: Account) -> None:
    for description, role, subject, vendor_id in accounts:
        progress.print(f"  {description}", "bold")
        progress.print(f"{info.token(role, subject, vendor_id)}\n")
