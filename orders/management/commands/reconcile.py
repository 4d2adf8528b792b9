"""`manage.py reconcile`: find what is wrong with orders, and mend it, or with `--dry-run` only show it."""

import asyncio
import sys
import time
import uuid
from argparse import ArgumentParser
from collections import Counter
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

from django.core.management.base import BaseCommand

from clients.service_clients import ServiceClients, open_service_clients
from orders.domain.errors import DependencyUnavailable
from orders.services.operations.reconciliation import SETTLED, Batch, compare_all, compare_some
from orders.services.operations.repairs import Finding, Problem, repair
from orders.store import database

DAYS = 3
PROGRESS_SECONDS = 2
FOUND, INCOMPLETE = 1, 2
WIDTHS = max(map(len, Problem)), 36


class Command(BaseCommand):
    """Exit status: 0 nothing is wrong, or all of it was mended; 1 something is left; 2 not everything could be looked at."""

    help = "Compare orders with Product's books, the ledger and the outbox; mend what differs."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """What to look at, and whether to touch it."""
        parser.add_argument("--dry-run", action="store_true", help="show what would be done, and do nothing")
        parser.add_argument("--days", type=float, default=DAYS, help=f"orders changed in the last N days ({DAYS})")
        parser.add_argument("--order", type=uuid.UUID, action="append", help="this order's id only; may be repeated")

    def handle(self, *, dry_run: bool, days: float, order: list[uuid.UUID] | None, **_: Any) -> None:
        """Look, show, mend, sum up."""
        try:
            left = asyncio.run(self._reconcile(dry_run, days, order))
        except DependencyUnavailable as error:
            self.stderr.write(f"Stopped: {error.dependency} could not be asked ({error.why}). Run it again later.")
            sys.exit(INCOMPLETE)
        finally:
            database.close()
        if left:
            sys.exit(FOUND)

    async def _reconcile(self, dry_run: bool, days: float, order_ids: list[uuid.UUID] | None) -> int:
        """Answers how many findings are left as they are."""
        counts: Counter[str] = Counter()
        left = looked_at = 0
        reported = time.monotonic()
        async with open_service_clients() as services:
            async for number, found in _look(services, days, order_ids):
                looked_at += number
                for finding in found:
                    if not any(counts.values()):
                        self._show_heading(dry_run)
                    self._show(finding)
                    counts[finding.problem] += 1
                    left += dry_run or not finding.repair
                    if finding.repair and not dry_run:
                        await database.run(repair, finding, str(uuid.uuid4()))
                if time.monotonic() - reported > PROGRESS_SECONDS:
                    reported = time.monotonic()
                    self.stderr.write(f"… orders looked at: {looked_at}")
        summary = ", ".join(f"{problem}: {count}" for problem, count in counts.items()) or "nothing is wrong"
        self.stdout.write(f"Orders looked at: {looked_at}; {summary}.")
        return left

    def _show_heading(self, dry_run: bool) -> None:
        done = "would be done" if dry_run else "is done"
        self.stdout.write(f"{'problem':{WIDTHS[0]}}  {'order':{WIDTHS[1]}}  what is wrong → what {done}")

    def _show(self, finding: Finding) -> None:
        repairing = finding.repair or "nothing: see what, and decide"
        self.stdout.write(
            f"{finding.problem:{WIDTHS[0]}}  {finding.order_id!s:{WIDTHS[1]}}  {finding.what} → {repairing}"
        )


def _look(services: ServiceClients, days: float, order_ids: list[uuid.UUID] | None) -> AsyncIterator[Batch]:
    if order_ids:
        return compare_some(services, order_ids)
    until = datetime.now(UTC) - SETTLED
    return compare_all(services, until - timedelta(days=days), until)
