"""`manage.py reconcile`: find the problems of orders and repair them, or with `--dry-run` only report them."""

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
    """Exit status: 0 no problem is left; 1 problems are left; 2 the comparison is incomplete."""

    help = "Compare orders with Product's stock, the ledger and the outbox; repair what differs."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options: the orders to compare, and whether to repair them."""
        parser.add_argument("--dry-run", action="store_true", help="report the problems without repairing them")
        parser.add_argument("--days", type=float, default=DAYS, help=f"orders changed in the last N days ({DAYS})")
        parser.add_argument("--order", type=uuid.UUID, action="append", help="this order's id only; may be repeated")

    def handle(self, *, dry_run: bool, days: float, order: list[uuid.UUID] | None, **_: Any) -> None:
        """Compare the orders, print and repair the findings, and print a summary."""
        try:
            left = asyncio.run(self._reconcile(dry_run, days, order))
        except DependencyUnavailable as error:
            self.stderr.write(f"Stopped: {error.dependency} is unavailable ({error.why}). Run it again later.")
            sys.exit(INCOMPLETE)
        finally:
            database.close()
        if left:
            sys.exit(FOUND)

    async def _reconcile(self, dry_run: bool, days: float, order_ids: list[uuid.UUID] | None) -> int:
        """Return the number of findings that are not repaired."""
        counts: Counter[str] = Counter()
        left = compared = 0
        reported = time.monotonic()
        async with open_service_clients() as services:
            async for number, found in _compare(services, days, order_ids):
                compared += number
                for finding in found:
                    if not any(counts.values()):
                        self._show_heading(dry_run)
                    self._show(finding)
                    counts[finding.problem] += 1
                    left += dry_run or not finding.repair
                    if finding.repair and not dry_run:
                        await database.run(repair, finding=finding, request_id=str(uuid.uuid4()))
                if time.monotonic() - reported > PROGRESS_SECONDS:
                    reported = time.monotonic()
                    self.stderr.write(f"… orders compared: {compared}")
        summary = ", ".join(f"{problem}: {count}" for problem, count in counts.items()) or "no problems"
        self.stdout.write(f"Orders compared: {compared}; {summary}.")
        return left

    def _show_heading(self, dry_run: bool) -> None:
        done = "would be done" if dry_run else "is done"
        self.stdout.write(f"{'problem':{WIDTHS[0]}}  {'order':{WIDTHS[1]}}  problem → what {done}")

    def _show(self, finding: Finding) -> None:
        repairing = finding.repair or "nothing: an admin must decide"
        self.stdout.write(
            f"{finding.problem:{WIDTHS[0]}}  {finding.order_id!s:{WIDTHS[1]}}  {finding.what} → {repairing}"
        )


def _compare(services: ServiceClients, days: float, order_ids: list[uuid.UUID] | None) -> AsyncIterator[Batch]:
    if order_ids:
        return compare_some(services=services, order_ids=order_ids)
    until = datetime.now(UTC) - SETTLED
    return compare_all(services=services, since=until - timedelta(days=days), until=until)
