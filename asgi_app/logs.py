"""The log: one JSON object a line on standard error, from structlog and from the standard library alike.

Every line carries the id of the request it belongs to. JSON escapes what users send, so no text of theirs can look like
a line of ours; tokens, addresses, e-mails and bodies are not logged in the first place.
"""

from typing import Any

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from clients.tracing import request_id


def configure(level: str) -> dict[str, Any]:
    """Set up structlog, and answer Django's LOGGING for records of `level` and above."""
    # Filtered before anything is put together: a line that isn't written costs nothing.
    before: list[Processor] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        _add_request_id,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
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
            "celery.app.trace": quiet,
            "celery.beat": quiet,
        },
    }


def _add_request_id(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    if current := request_id.get():
        event["request_id"] = current
    return event
