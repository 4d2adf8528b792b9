"""`manage.py rebuild_analytics`: make the sums of analytics anew, or with `--check` compare them with the facts."""

import sys
import time
from argparse import ArgumentParser
from collections.abc import Mapping
from typing import Any

from django.core.management.base import BaseCommand
from django.db import InterfaceError, OperationalError
from django.db.models import Max

from orders.analytics.services.rebuild import Difference, Superseded, check, rebuild
from orders.store.models import OrderEvent, PaymentEvent

PROGRESS_SECONDS = 2
FOUND, INCOMPLETE = 1, 2


class Command(BaseCommand):
    """Exit status: 0 the sums are right, or have been made anew; 1 with `--check`, sums differ; 2 the command did not finish."""

    help = "Make the sums of analytics anew from orders, audit trail and ledger, while the service runs."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the option."""
        parser.add_argument("--check", action="store_true", help="compare the sums with the facts, and change nothing")

    def handle(self, *, check: bool, **_: Any) -> None:
        """Rebuild or compare, and print the result."""
        try:
            if check:
                self._check()
            else:
                rebuild(on_progress=self._progress())
                self.stdout.write("The sums of analytics have been made anew.")
        except Superseded:
            self.stderr.write("Stopped: another rebuild has begun.")
            sys.exit(INCOMPLETE)
        except (InterfaceError, OperationalError) as error:
            self.stderr.write(f"Stopped: the database is unavailable ({type(error).__name__}). Run it again later.")
            sys.exit(INCOMPLETE)

    def _check(self) -> None:
        differences = check(on_progress=self._progress())
        for difference in differences:
            self._show(difference)
        self.stdout.write(f"Sums that differ from the facts: {len(differences) or 'none'}.")
        if differences:
            self.stdout.write("Run `manage.py rebuild_analytics` to make them anew.")
            sys.exit(FOUND)

    def _progress(self) -> Any:
        """Return a function that reports the number of entries from time to time."""
        ids = [model.objects.aggregate(last=Max("id", default=0))["last"] for model in (OrderEvent, PaymentEvent)]
        reported = time.monotonic()

        def report(done: int) -> None:
            nonlocal reported
            if time.monotonic() - reported > PROGRESS_SECONDS:
                reported = time.monotonic()
                self.stderr.write(f"… entries summed up: {done} of {sum(ids)}")

        return report

    def _show(self, difference: Difference) -> None:
        key = ", ".join(f"{name} {value}" for name, value in difference.key.items())
        self.stdout.write(f"{difference.table}: {key}")
        self.stdout.write(f"    kept     {_text(difference.kept)}")
        self.stdout.write(f"    counted  {_text(difference.counted)}")


def _text(values: Mapping[str, Any] | None) -> str:
    return "nothing" if values is None else ", ".join(f"{name} {value}" for name, value in values.items())
