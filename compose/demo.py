"""`make demo`: the lifecycles of four orders, step by step, and their sales (`demo_scenarios.py`).

It uses the running stack of this checkout, or starts one. The demo of an expiry needs a short one: where the running stack
has a longer expiry, a second stack is started for it.
"""

import sys

import httpx

from compose.banner import print_where_to_look
from compose.command_line import run_command
from compose.connection_info import ConnectionInfo, find_running
from compose.demo_client import TIMEOUT_SECONDS
from compose.demo_scenarios import show_cancellation, show_coupons, show_delivery, show_expiry, show_sales
from compose.errors import StepError
from compose.progress import Progress
from compose.stack import DATA, throwaway_stack

EXPIRY_SECONDS = 8  # of a stack started for the demo; longer than a payment, which takes two or three


def demo() -> int:
    """Run all scenarios; return 0 when every step succeeded."""
    progress = Progress(visible=True)
    info = find_running(DATA)
    try:
        if info:
            progress.print(f"Using the stack that runs at {info.url}")
            show_paid(info, progress)
        if info and info.expiry_seconds <= TIMEOUT_SECONDS:
            show_expiry(info, progress)
        else:
            progress.print(reason(info))
            settings = {"ORDER_EXPIRY_SECONDS": str(EXPIRY_SECONDS)}
            with throwaway_stack("demo", settings=settings, progress=progress) as own:
                if not info:
                    show_paid(own, progress)
                show_expiry(own, progress)
                progress.print()
    except httpx.HTTPError as error:
        raise StepError(f"{error.request.method} {error.request.url} failed: {error!r}") from error
    progress.print("\nEvery step succeeded.\n", "bold")
    print_where_to_look(progress, info)
    return 0


def show_paid(info: ConnectionInfo, progress: Progress) -> None:
    """Run the scenarios that need no short expiry."""
    show_delivery(info, progress)
    show_cancellation(info, progress)
    show_coupons(info, progress)
    show_sales(info, progress)


def reason(running: ConnectionInfo | None) -> str:
    """Return why a stack is started."""
    if running is None:
        return f"No stack is running here: starting one, where an unpaid order expires after {EXPIRY_SECONDS} s.\n"
    expiry = f"expires an unpaid order after {running.expiry_seconds} s"
    return f"\nThe running stack {expiry}: starting another one for a moment, which does after {EXPIRY_SECONDS} s.\n"


if __name__ == "__main__":
    sys.exit(run_command(demo))
