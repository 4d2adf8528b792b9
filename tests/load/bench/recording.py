"""The statements that the service sends, read from PostgreSQL's log: they stay true when the service changes.

A recording is what a few orders cost the database in one step. It is played again and again, with new ids, in the database
without a service.
"""

import re
import time
import uuid
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from tests.load.bench.errors import BenchError
from tests.load.bench.service import Connection, Service

LINE = re.compile(r"^\d{4}-\d\d-\d\d \S+ \S+ \[(?P<pid>\d+)\] (?P<level>[A-Z]+):  ", re.MULTILINE)
"""The beginning of an entry of PostgreSQL's log; the further lines of an entry are indented."""

STATEMENT = re.compile(r"(?:statement|execute [^:]+): ")
PARAMETER = re.compile(r"\$\d+ = (NULL|'(?:[^']|'')*')")
WRITE = re.compile(r"\b(INSERT INTO|UPDATE \S+ SET|DELETE FROM)\b")
UUID = r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b"
ORDER_NUMBER = r"\b[0-9A-Z]{4}-[0-9A-Z]{4}-[0-9A-Z]{4}\b"
RELOAD_SECONDS = 0.1
"""Time for all processes of PostgreSQL to hear of a changed setting."""

IDENTIFIER = re.compile(f"{UUID}|{ORDER_NUMBER}")


class Statement(NamedTuple):
    """A statement with PostgreSQL's placeholders, and its parameters as text."""

    text: str
    parameters: tuple[str | None, ...] = ()


Transaction = tuple[Statement, ...]


@dataclass(frozen=True)
class Recording:
    """The transactions of a step, for so many orders or requests."""

    transactions: tuple[Transaction, ...]
    count: int

    def statements(self, ids: "NewIds | None" = None) -> list[Statement]:
        """Return the statements in their order, with new ids if `ids` are given."""
        return [ids.replace(each) if ids else each for transaction in self.transactions for each in transaction]


class NewIds:
    """New ids in place of recorded ones, the same for all statements about one recorded order."""

    def __init__(self) -> None:
        self._ids: dict[str, str] = {}

    def replace(self, statement: Statement) -> Statement:
        """Return the statement with new ids and order numbers in its parameters."""
        parameters = (each and IDENTIFIER.sub(self._new, each) for each in statement.parameters)
        return Statement(statement.text, tuple(parameters))

    def _new(self, found: "re.Match[str]") -> str:
        new = str(uuid.uuid4())
        if len(found[0]) != len(new):
            new = f"{new[:4]}-{new[9:13]}-{new[14:18]}".upper()
        return self._ids.setdefault(found[0], new)


def record(
    service: Service, work: Callable[[], Collection[str]], count: int | None = None, *, reads: bool = False
) -> Recording:
    """Do `work`, which returns the ids that it is about; return the transactions that name one of them.

    These are the writing ones unless `reads`, and what `count` orders cost: as many as there are ids, if None.
    """
    log = service.stack.postgres.log
    service.wait_quiet()
    beginning = log.stat().st_size
    with _logged(service.database):
        ids = work()
        service.wait_quiet()
    text = _read(log, beginning)
    chosen = tuple(
        transaction
        for transaction in transactions(text)
        if _names(transaction, ids) and (reads or any(WRITE.search(each.text) for each in transaction))
    )
    if not chosen:
        raise BenchError(f"PostgreSQL's log ({log}) has no statement of this step.")
    return Recording(chosen, len(ids) if count is None else count)


def transactions(log: str) -> Iterator[Transaction]:
    """Yield the transactions of a log, in the order in which they ended."""
    running: dict[str, list[Statement]] = {}
    for pid, statement in _statements(log):
        first_word = statement.text.split()[0].upper()
        if first_word == "BEGIN":
            running[pid] = [statement]
        elif pid not in running:
            yield (statement,)
        else:
            running[pid].append(statement)
            if first_word in ("COMMIT", "ROLLBACK"):
                ended = running.pop(pid)
                if first_word == "COMMIT":
                    yield tuple(ended)


def play(connection: Connection, statements: Iterable[Statement]) -> None:
    """Execute the statements, prepared once for each text."""
    for text, parameters in statements:
        connection.execute(text.encode(), parameters)


def _statements(log: str) -> Iterator[tuple[str, Statement]]:
    """Yield the process and the statement of each entry, with the parameters of the entry that follows it."""
    entries = [(found["pid"], found["level"], found.start(), found.end()) for found in LINE.finditer(log)]
    ends = [start for _, _, start, _ in entries[1:]] + [len(log)]
    texts = [
        (pid, level, log[begin:end].rstrip("\n").replace("\n\t", "\n"))
        for (pid, level, _, begin), end in zip(entries, ends, strict=True)
    ]
    for place, (pid, level, text) in enumerate(texts):
        found = STATEMENT.match(text)
        if level != "LOG" or not found:
            continue
        follower = texts[place + 1] if place + 1 < len(texts) else ("", "", "")
        details = follower[2] if follower[:2] == (pid, "DETAIL") else ""
        yield pid, Statement(text[found.end() :], tuple(_value(each) for each in PARAMETER.findall(details)))


def _value(text: str) -> str | None:
    return None if text == "NULL" else text[1:-1].replace("''", "'")


def _names(transaction: Transaction, ids: Collection[str]) -> bool:
    parameters = " ".join(each for statement in transaction for each in statement.parameters if each)
    return any(each in parameters for each in ids)


@contextmanager
def _logged(connection: Connection) -> Iterator[None]:
    """Have PostgreSQL log every statement."""
    _set_logged(connection, "all")
    time.sleep(RELOAD_SECONDS)
    yield
    _set_logged(connection, "none")


def _set_logged(connection: Connection, statements: str) -> None:
    connection.execute(f"ALTER SYSTEM SET log_statement = '{statements}'".encode())
    connection.execute(b"SELECT pg_reload_conf()")


def _read(log: Path, beginning: int) -> str:
    with log.open("rb") as file:
        file.seek(beginning)
        return file.read().decode()
