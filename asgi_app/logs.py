"""The log: one JSON object a line on standard error, from structlog and from the standard library alike.

Every line carries the id of the request it belongs to. JSON escapes text from users, so none of it can forge a line; tokens,
addresses, e-mails and bodies are not logged at all. Of an exception the log has traceback and class, and the message only for
classes whose messages name nothing but code: others quote the data that they could not use.
"""

import logging
import traceback
from typing import Any

import psycopg
import structlog
from structlog.typing import EventDict, ExcInfo, Processor, WrappedLogger

from clients.tracing import request_id

SAFE_MESSAGES = (
    *(AttributeError, ImportError, NameError, OSError, TypeError),
    *(psycopg.IntegrityError, psycopg.OperationalError, psycopg.ProgrammingError),
)
"""Exceptions whose first line names nothing but code, addresses of servers, tables and constraints; PostgreSQL's next
line holds the row."""


def configure(level: str) -> dict[str, Any]:
    """Set up structlog, and return Django's LOGGING for records of `level` and above."""
    # Filtered before anything is formatted: a line that isn't written costs nothing.
    before: list[Processor] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        _add_request_id,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.ExceptionRenderer(_traceback),
    ]
    structlog.configure(
        processors=[*before, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(level),
        cache_logger_on_first_use=True,
    )
    formatter = {
        "()": structlog.stdlib.ProcessorFormatter,
        "foreign_pre_chain": before,
        "processors": [
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.JSONRenderer(),
        ],
    }
    silent = {"handlers": [], "propagate": True}
    quiet = {**silent, "level": "WARNING"}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"json": formatter},
        "filters": {"without_message": {"()": lambda: _without_message}},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "json"}},
        "root": {"handlers": ["stderr"], "level": level},
        "loggers": {
            "django": silent,
            "django.server": silent,
            "django.request": {**silent, "level": "ERROR"},  # the request's own line has the rest
            "uvicorn": silent,
            "uvicorn.error": silent,
            "uvicorn.access": {"handlers": [], "propagate": False},  # the service writes its own line for each request
            "httpx": quiet,  # its lines name customers
            "celery.worker.strategy": quiet,  # a line for each tick of beat has no use
            "celery.app.trace": {**quiet, "filters": ["without_message"]},
            "celery.beat": quiet,
        },
    }


def _add_request_id(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    if current := request_id.get():
        event["request_id"] = current
    return event


def _traceback(exc_info: ExcInfo) -> str:
    """Return the tracebacks of an exception and of its causes, the exception's own first."""
    parts: list[str] = []
    error: BaseException | None = exc_info[1]
    while error is not None:
        parts.append("".join(traceback.format_tb(error.__traceback__)) + _named(error))
        if isinstance(error, BaseExceptionGroup):
            parts += [_traceback((type(each), each, each.__traceback__)) for each in error.exceptions]
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return "\n\n".join(parts)


def _named(error: BaseException) -> str:
    kind = f"{type(error).__module__}.{type(error).__qualname__}"
    return f"{kind}: {str(error).partition(chr(10))[0]}" if isinstance(error, SAFE_MESSAGES) else kind


def _without_message(record: logging.LogRecord) -> bool:
    """Drop the exception's message, which Celery writes into the line of a failed task as well as behind it."""
    if isinstance(record.args, dict) and "exc" in record.args:
        record.args = {**record.args, "exc": "see exception"}
    return True
