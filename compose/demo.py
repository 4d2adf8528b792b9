"""`make demo`: the lives of three orders, step by step (`walks.py`).

It walks against the running stack of this checkout, or starts one for itself. The order that nobody pays has to expire
before our eyes: a running stack that gives it long is left alone, and a second one with a short expiry shows it.
"""

import sys

import httpx

from compose.command_line import run_command
from compose.connection_info import Site, running_site
from compose.demo_client import PATIENCE_SECONDS
from compose.demo_scenarios import walk_cancelled, walk_delivered, walk_expired
from compose.errors import StepError
from compose.progress import Progress
from compose.stack import DATA, throwaway_stack

EXPIRY_SECONDS = 8  # of a stack started for the demo: a payment takes two or three, and what is paid expires no more


def demo() -> int:
    """All walks; 0 when every step happened."""
    progress = Progress.on_screen()
    settings = {"ORDER_EXPIRY_SECONDS": str(EXPIRY_SECONDS)}
    site = running_site(DATA)
    try:
        if site:
            progress.say(f"Using the stack that runs at {site.url}")
            walk_paid(site, progress)
        if site and site.expiry_seconds <= PATIENCE_SECONDS:
            walk_expired(site, progress)
        else:
            progress.say(reason(site))
            with throwaway_stack("demo", settings=settings, progress=progress) as own:
                if not site:
                    walk_paid(own, progress)
                walk_expired(own, progress)
                progress.say()
    except httpx.HTTPError as error:
        raise StepError(f"{error.request.method} {error.request.url} failed: {error!r}") from error
    progress.say("\nEvery step happened.")
    return 0


def walk_paid(site: Site, progress: Progress) -> None:
    """The walks that need no short expiry."""
    walk_delivered(site, progress)
    walk_cancelled(site, progress)


def reason(site: Site | None) -> str:
    """Why a stack is started."""
    if site is None:
        return f"No stack is running here: starting one, where an unpaid order expires after {EXPIRY_SECONDS} s.\n"
    patience = f"gives an unpaid order {site.expiry_seconds} s"
    return f"\nThe running stack {patience}: starting another one for a moment, which gives it {EXPIRY_SECONDS} s.\n"


if __name__ == "__main__":
    sys.exit(run_command(demo))
