"""The replacement of unusable connections to PostgreSQL, and the checks of new ones.

Errors are classified by SQLSTATE and the connection's state, not by the exception's class: errors of the server arrive as
several classes. Used by `orders.store.database`.
"""

import threading
from contextlib import suppress
from typing import Any

import psycopg
import structlog
from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, Error, InterfaceError, OperationalError, connection
from django.db.backends.signals import connection_created

_READ_ONLY = "25006"
_OF_THE_CONNECTION = ("08", "57P", _READ_ONLY, "26000", "42P05")
"""Prefixes of the SQLSTATEs (PostgreSQL, appendix A) of errors of the connection or its server: connection lost; server
stopping or starting; standby or read-only; prepared statement unknown, or known already (a pooler has changed the server
connection)."""

log = structlog.get_logger()


class NotWritable(OperationalError):
    """The server responds, but it is a standby or read-only."""


def check_writable() -> None:
    """Raise NotWritable if the server of this thread's connection accepts no writes."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_is_in_recovery() OR current_setting('transaction_read_only')::boolean")
        [(is_read_only,)] = cursor.fetchall()
    if is_read_only:
        raise NotWritable("the server is a standby or read-only")


def check_primary() -> None:
    """Raise NotWritable if the server of this thread's connection is a standby."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_is_in_recovery()")
        [(is_standby,)] = cursor.fetchall()
    if is_standby:
        raise NotWritable("the server is a standby")


def is_of_the_connection(error: Error) -> bool:
    """Return whether a new connection may succeed: this one is lost, or its server or state caused the error."""
    state = _state(error)
    if state is None:  # an error of libpq or Django
        return isinstance(error, OperationalError | InterfaceError)
    return state.startswith(_OF_THE_CONNECTION) or _is_outdated_plan(error) or _is_gone()


def is_read_only(error: Error) -> bool:
    """Return whether the connection's server accepts no writes."""
    return isinstance(error, NotWritable) or _state(error) == _READ_ONLY


class _Server:
    """The state of the server, for this process: whether the last one reached accepts no writes, and the number of changes."""

    takes_no_writes = False
    changes = 0


class _Thread(threading.local):
    """The number of these changes when this thread last used its connection."""

    changes = 0


_thread = _Thread()


def _changed(takes_no_writes: bool) -> None:
    _Server.takes_no_writes = takes_no_writes
    _Server.changes += 1


def kept() -> Any:
    """Return this thread's connection, None if it has none.

    A connection that may lead to a demoted server is closed first: reads there would return stale data.
    """
    if _Server.takes_no_writes or _thread.changes != _Server.changes:
        connection.close()
    _thread.changes = _Server.changes
    return connection.connection


def look_for_primary() -> None:
    """Check whether the server that is reached now accepts writes, if the last one did not."""
    if _Server.takes_no_writes:
        with suppress(NotWritable):
            check_writable()
            _changed(takes_no_writes=False)
            _thread.changes = _Server.changes


def leave(error: Error) -> None:
    """Close this thread's connection because of `error`, and log the reason; the next statement opens another."""
    log.warning("database_connection_failed", why=_reason(error))
    connection.close()
    if is_read_only(error):
        _changed(takes_no_writes=True)


def _state(error: Error) -> str | None:
    cause = error.__cause__
    return cause.sqlstate if isinstance(cause, psycopg.Error) else None


def _is_gone() -> bool:
    return connection.connection is None or bool(connection.connection.closed)


def _is_outdated_plan(error: Error) -> bool:
    """Return whether a migration has changed the result of a prepared statement. The error's text may be localized."""
    cause = error.__cause__
    return (
        isinstance(cause, psycopg.errors.FeatureNotSupported) and cause.diag.source_function == "RevalidateCachedQuery"
    )


def _reason(error: Error) -> str:
    """Return the first line of the server's message, for the others may hold data; or libpq's message without the password."""
    text = str(error.__cause__ or error)
    if _state(error) is not None:
        return text.partition("\n")[0]
    password = str(settings.DATABASES[DEFAULT_DB_ALIAS]["PASSWORD"])
    return text.replace(password, "…") if password else text


_verified = threading.Lock()


def _verify_once(**_: object) -> None:
    """Verify the timeouts on the first connection of this process; if it is lost meanwhile, on the next one."""
    if _verified.acquire(blocking=False):
        try:
            _verify_timeouts()
        except Error:
            _verified.release()
            raise


def _verify_timeouts() -> None:
    """Log an error, with the remedy, when statements or waits for locks have no timeout."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT name, current_user FROM pg_settings WHERE setting = '0'")
        unlimited = dict(cursor.fetchall())
    wanted = {
        "statement_timeout": settings.DATABASE_STATEMENT_TIMEOUT_MS,
        "lock_timeout": settings.DATABASE_LOCK_TIMEOUT_MS,
    }
    remedy = [
        f'ALTER ROLE "{unlimited[name]}" SET {name} = {value};' for name, value in wanted.items() if name in unlimited
    ]
    if remedy:
        advice = "Then let new connections to PostgreSQL be opened (PgBouncer: RECONNECT)."
        log.error("database_timeouts_missing", remedy=" ".join(remedy), advice=advice)


connection_created.connect(_verify_once)
