"""`make scaling`: more server processes, the cost of a whole order, and a large table beside a small one.

Each part runs on a stack of its own, with durable servers, and prints its tables; `reports/scaling.json` keeps the figures
of all parts, those of earlier runs too. Exit status 1: an order was not as it must be. A limit that is missed is printed as such.
"""

import argparse
import json
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from compose.command_line import run_command
from compose.errors import StackError
from compose.progress import Progress
from compose.stack import CHECKOUT, DATA, Stack
from tests.load.scaling import chart, processes, table_size, whole_orders
from tests.load.scaling.copies import BYTES_AN_ORDER
from tests.load.scaling.report import processes_report, table_size_report, whole_order_report

SETTINGS = {"RATE_LIMITS": "off", "RECONCILE_SECONDS": "86400", "ORDER_EXPIRY_SECONDS": "86400"}
PARTS = ("processes", "orders", "tables")


def numbers(text: str) -> list[int]:
    return [int(number) for number in text.split(",")]


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make scaling ARGS=…", description=__doc__)
    parser.add_argument("--only", choices=PARTS, action="append", help="one of the parts; may be repeated")
    parser.add_argument("--processes", type=numbers, default=[1, 2, 3], help="server processes, like 1,2,3")
    parser.add_argument("--checkouts", type=int, default=1000, help="checkouts of a round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--whole-orders", type=int, default=1000, help="orders from the cart to the delivery")
    parser.add_argument("--settle", type=float, default=11, help="seconds until PostgreSQL's counters are complete")
    parser.add_argument("--small", type=int, default=50_000, help="orders in the small database")
    parser.add_argument("--orders", type=int, default=500_000, help="orders in the large database")
    parser.add_argument("--samples", type=int, default=100, help="calls of each kind in a round")
    parser.add_argument("--folder", type=Path, help="keep the filled databases there, and use those that are there")
    parser.add_argument("--postgresql", action="append", default=[], help="a setting for the tables, NAME=VALUE")
    parser.add_argument("--reports", type=Path, default=CHECKOUT / "reports", help="the folder of the figures")
    parser.add_argument("--chart", type=Path, help="write the chart of docs/scaling.md to this file")
    return parser.parse_args()


@contextmanager
def folder_of(given: argparse.Namespace) -> Iterator[Path]:
    """Yield the folder of the databases: the given one, which is kept, or a temporary one."""
    if given.folder:
        yield given.folder
        return
    DATA.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="scaling-", dir=DATA) as folder:
        yield Path(folder)


def measure_processes(given: argparse.Namespace, progress: Progress) -> dict[str, Any]:
    with (
        tempfile.TemporaryDirectory(prefix="scaling-") as folder,
        Stack(Path(folder), settings=SETTINGS, service=False, progress=progress) as stack,
    ):
        found = processes.measure(stack, given.processes, given.checkouts, given.rounds, progress)
    progress.print("\n" + processes_report(found) + "\n")
    return {str(size): asdict(one) for size, one in found.items()}


def measure_whole_orders(given: argparse.Namespace, progress: Progress) -> dict[str, Any]:
    with (
        tempfile.TemporaryDirectory(prefix="scaling-") as folder,
        Stack(Path(folder), settings=SETTINGS, progress=progress) as stack,
    ):
        one = whole_orders.measure(stack, given.whole_orders, given.settle, progress)
    progress.print("\n" + whole_order_report(one) + "\n")
    return {**asdict(one), "disk": one.disk}


def measure_tables(given: argparse.Namespace, progress: Progress) -> dict[str, Any]:
    with folder_of(given) as folder:
        missing = [n for n in (given.small, given.orders) if not (folder / "postgres").exists()]
        if shutil.disk_usage(folder.parent).free < sum(missing) * BYTES_AN_ORDER:
            raise StackError(f"{folder} needs {sum(missing) * BYTES_AN_ORDER / 2**30:,.0f} GiB of free space.")
        with Stack(folder, settings=SETTINGS, progress=progress) as stack:
            if whole_orders.number_of(stack, "SELECT count(*) FROM orders") == 0:
                whole_orders.run(stack, min(whole_orders.ORIGINALS, given.whole_orders), progress)
            environment = stack.environment
        settings = dict(setting.split("=", 1) for setting in given.postgresql)
        databases = table_size.fill(folder, [given.small, given.orders], settings, progress)
        found = table_size.measure(folder, databases, environment, given.samples, given.rounds, progress)
    progress.print("\n" + table_size_report(databases, found) + "\n")
    return {"databases": [asdict(each) for each in databases], "calls": [asdict(each) for each in found]}


MEASURE = {"processes": measure_processes, "orders": measure_whole_orders, "tables": measure_tables}


def main() -> int:
    given, progress = arguments(), Progress(visible=True)
    given.reports.mkdir(exist_ok=True)
    file = given.reports / "scaling.json"
    for part in PARTS:
        if given.only is None or part in given.only:
            keep(file, {part: MEASURE[part](given, progress)})
    progress.print(f"The figures are in {file}.")
    if given.chart:
        given.chart.write_text(chart.draw(json.loads(file.read_text())))
    return 0


def keep(file: Path, figures: Mapping[str, Any]) -> None:
    """Replace the figures of these parts in the file."""
    known = json.loads(file.read_text()) if file.exists() else {}
    file.write_text(json.dumps({**known, **figures}, indent=2) + "\n")


if __name__ == "__main__":
    sys.exit(run_command(main))
