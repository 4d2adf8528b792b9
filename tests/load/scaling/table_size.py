"""The same calls on a small and on a large database of one PostgreSQL server, in turns: what grows with the number of orders.

Both databases are copies of the stack's, filled with copies of its whole orders (`copies.py`).
"""

import json
import statistics
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psycopg

from compose.composition import PYTHON
from compose.errors import StackError
from compose.progress import Progress
from compose.servers import NAME, Postgres
from compose.stack import CHECKOUT
from tests.load.many_orders import SERVER
from tests.load.scaling import copies

LIMIT = 1.1
"""The promised ratio of a page of history, a claim and a payment event in the large database by that in the small one."""

LIMITED = ("page of history", "claim of the outbox", "payment event")
FILLING = "filling"
"""The name of a database until it is filled."""

MEASURED = {name: value for name, value in SERVER.items() if name not in ("wal_level", "max_wal_senders")}
"""The configuration for the measurements: as of a machine with 8 GB, with replication."""


@dataclass(frozen=True)
class Comparison:
    """The medians of one call in both databases. Time and CPU in milliseconds, WAL in bytes."""

    call: str
    small: dict[str, float]
    large: dict[str, float]

    def ratio(self, figure: str) -> float:
        return self.large[figure] / max(self.small[figure], 1e-9)

    @property
    def limit(self) -> float | None:
        return LIMIT if self.call in LIMITED else None


@dataclass(frozen=True)
class Database:
    """A filled database: its orders, its bytes, and those of its indexes."""

    name: str
    orders: int
    bytes: int
    index_bytes: int


def fill(folder: Path, sizes: Sequence[int], settings: Mapping[str, str], progress: Progress) -> list[Database]:
    """Create and fill the databases that are not there yet, on the server of a stopped stack; return all of them.

    From its next start on the server has the `settings`, besides those of a machine with 8 GB.
    """
    with Postgres(folder / "postgres") as server:
        configure(server, SERVER)
    with Postgres(folder / "postgres") as server:
        for orders in sizes:
            if not exists(server, name_of(orders)):
                began = time.monotonic()
                administrate(server, f"DROP DATABASE IF EXISTS {FILLING}")
                administrate(server, f"CREATE DATABASE {FILLING} TEMPLATE {NAME}")
                copies.fill(url_of(server, FILLING), orders, progress)
                administrate(server, f"ALTER DATABASE {FILLING} RENAME TO {name_of(orders)}")
                progress.print(f"  {orders:,} orders filled in {time.monotonic() - began:,.0f} s")
        configure(server, MEASURED | dict(settings))
        return [describe(server, orders) for orders in sizes]


def measure(
    folder: Path,
    databases: Sequence[Database],
    environment: Mapping[str, str],
    samples: int,
    rounds: int,
    progress: Progress,
) -> list[Comparison]:
    """Compare the first database with the last one."""
    with Postgres(folder / "postgres") as server, tempfile.TemporaryDirectory() as results:
        with progress.step("Indexes") as step:
            size = sum(read_indexes(server, database.name) for database in databases)
            step.note = f"{size / 2**30:.1f} GiB of indexes read once, so that they are in memory as far as it has room"
        file = Path(results) / "figures.json"
        names = [database.name for database in databases]
        command = [PYTHON, "-m", "tests.load.scaling.statements", str(file), *names]
        options = ["--samples", str(samples), "--rounds", str(rounds)]
        settings = {**environment, "DATABASE_URL": url_of(server, names[0])}
        done = subprocess.run([*command, *options], cwd=CHECKOUT, env=settings, check=False)
        if done.returncode:
            raise StackError("The measurement of the statements failed.")
        return compare(json.loads(file.read_text()), names[0], names[-1])


def compare(
    rounds: Mapping[str, Sequence[Mapping[str, Mapping[str, float]]]], small: str, large: str
) -> list[Comparison]:
    """Return the medians over the rounds by call."""

    def medians(name: str, call: str) -> dict[str, float]:
        found = [each[call] for each in rounds[name]]
        return {figure: statistics.median(each[figure] for each in found) for figure in found[0]}

    return [Comparison(call, medians(small, call), medians(large, call)) for call in rounds[small][0]]


def name_of(orders: int) -> str:
    return f"orders_{orders}"


def url_of(server: Postgres, database: str) -> str:
    return server.url.removesuffix(NAME) + database


def administrate(server: Postgres, statement: str) -> None:
    with psycopg.connect(url_of(server, "postgres"), autocommit=True) as session:
        session.execute(statement.encode())


def configure(server: Postgres, values: Mapping[str, str]) -> None:
    """Configure the server from its next start on; nothing else remains configured."""
    administrate(server, "ALTER SYSTEM RESET ALL")
    for name, value in values.items():
        administrate(server, f"ALTER SYSTEM SET {name} = '{value}'")


def exists(server: Postgres, database: str) -> bool:
    with psycopg.connect(url_of(server, "postgres"), autocommit=True) as session:
        return bool(session.execute("SELECT FROM pg_database WHERE datname = %s", [database]).fetchall())


def describe(server: Postgres, orders: int) -> Database:
    with psycopg.connect(url_of(server, name_of(orders)), autocommit=True) as session:
        [(size, indexes)] = session.execute(
            "SELECT pg_database_size(current_database()), sum(pg_indexes_size(oid))::bigint FROM pg_class"
            " WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
        ).fetchall()
    return Database(name_of(orders), orders, size, indexes)


def read_indexes(server: Postgres, database: str) -> int:
    """Read the files of all indexes once; return their bytes."""
    with psycopg.connect(url_of(server, database), autocommit=True) as session:
        found = session.execute(
            "SELECT pg_relation_filepath(oid) FROM pg_class WHERE relkind = 'i' AND relnamespace = 'public'::regnamespace"
        ).fetchall()
    size = 0
    for (path,) in found:
        file = server.data / path
        for segment in [file, *file.parent.glob(f"{file.name}.*")]:
            with segment.open("rb") as content:
                while block := content.read(2**22):
                    size += len(block)
    return size
