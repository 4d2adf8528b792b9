"""The log: one JSON object a line on standard error, from structlog and from the standard library alike.

Every line carries the id of the request it belongs to. JSON escapes what users send, so no text of theirs can look like
a line of ours; tokens, addresses, e-mails and bodies are not logged in the first place. Exceptions are: of them the log
has where and of what kind, and their words only where these speak of code, for others quote what they could not use.
"""

import logging
import traceback
from typing import Any

import psycopg
import structlog
from structlog.typing import EventDict, ExcInfo, Processor, WrappedLogger

from clients.tracing import request_id

SPEAK_OF_CODE = (
    *(AttributeError, ImportError, NameError, OSError, TypeError),
    *(psycopg.IntegrityError, psycopg.OperationalError, psycopg.ProgrammingError),
)
"""Exceptions whose first line names nothing but code, addresses of servers, tables and constraints; PostgreSQL's next
line holds the row."""


def configure(level: str) -> dict[str, Any]:
    """Set up structlog, and answer Django's LOGGING for records of `level` and above."""
    # Filtered before anything is put together: a line that isn't written costs nothing.
    before: list[Processor] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        _add_request_id,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.ExceptionRenderer(_what_happened),
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
        "filters": {"words": {"()": lambda: _leave_words_out}},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "json"}},
        "root": {"handlers": ["stderr"], "level": level},
        "loggers": {
            "django": silent,
            "django.server": silent,
            "django.request": {**silent, "level": "ERROR"},  # the request's own line says the rest
            "uvicorn": silent,
            "uvicorn.error": silent,
            "uvicorn.access": {"handlers": [], "propagate": False},  # the service writes its own line for each request
            "httpx": quiet,  # its lines name customers
            "celery.worker.strategy": quiet,  # a line for each tick of the clock helps nobody
            "celery.app.trace": {**quiet, "filters": ["words"]},
            "celery.beat": quiet,
        },
    }


def _add_request_id(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    if current := request_id.get():
        event["request_id"] = current
    return event


def _what_happened(exc_info: ExcInfo) -> str:
    """The tracebacks of an exception and of those behind it, the last one first."""
    parts: list[str] = []
    error: BaseException | None = exc_info[1]
    while error is not None:
        parts.append("".join(traceback.format_tb(error.__traceback__)) + _named(error))
        if isinstance(error, BaseExceptionGroup):
            parts += [_what_happened((type(each), each, each.__traceback__)) for each in error.exceptions]
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return "\n\n".join(parts)


def _named(error: BaseException) -> str:
    kind = f"{type(error).__module__}.{type(error).__qualname__}"
    return f"{kind}: {str(error).partition(chr(10))[0]}" if isinstance(error, SPEAK_OF_CODE) else kind


def _leave_words_out(record: logging.LogRecord) -> bool:
    """Celery writes a failed task's exception into its line as well as behind it."""
    if isinstance(record.args, dict) and "exc" in record.args:
        record.args = {**record.args, "exc": "see exception"}
    return True
