"""Logging: one JSON object for each line on standard error, from structlog and the standard library.

Every line has the ids of its request and its trace. JSON escapes user input, which therefore cannot forge a line; tokens,
addresses, e-mails and bodies are never logged. An exception is logged with its traceback and class, and with its message only
for classes whose messages contain no data: others quote the invalid data.
"""

import logging
import traceback
from typing import Any

import psycopg
import structlog
from structlog.typing import EventDict, ExcInfo, Processor, WrappedLogger

from clients.tracing import request_id, trace_id
from orders.runtime.tracing import tracer

SAFE_MESSAGES = (
    *(AttributeError, ImportError, NameError, OSError, TypeError),
    *(psycopg.IntegrityError, psycopg.OperationalError, psycopg.ProgrammingError),
)
"""Exceptions whose first line contains only code, server addresses, tables and constraints; PostgreSQL's second line contains
the row."""


def configure(level: str) -> dict[str, Any]:
    """Set up structlog, and return Django's LOGGING for records of `level` and above."""
    # Filtered before formatting, so that a suppressed line costs nothing.
    before: list[Processor] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        _add_ids,
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
            "django.request": {**silent, "level": "ERROR"},  # the request's log line has the rest
            "uvicorn": silent,
            "uvicorn.error": silent,
            "uvicorn.access": {"handlers": [], "propagate": False},  # the service logs each request itself
            "httpx": quiet,  # its lines contain customer ids
            "celery.worker.strategy": quiet,  # a line for each scheduled job is noise
            "celery.app.trace": {**quiet, "filters": ["without_message"]},
            "celery.beat": quiet,
        },
    }


def _add_ids(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    if current := request_id.get():
        event["request_id"] = current
    tracing = tracer()
    if tracing is None:
        if (
            trace := trace_id.get()
        ):  # also without tracing: outgoing calls carry it, so it links the logs of all services
            event["trace_id"] = trace
    elif ids := tracing.ids():
        event["trace_id"], event["span_id"] = ids
    return event


def _traceback(exc_info: ExcInfo) -> str:
    """Return the tracebacks of an exception and its causes, its own first."""
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
    """Remove the exception's message, which Celery also writes into the line of a failed task."""
    if isinstance(record.args, dict) and "exc" in record.args:
        record.args = {**record.args, "exc": "see exception"}
    return True
