"""Celery: a queue on Redis for the effects of commits, and beat for scheduled jobs.

The outbox in PostgreSQL is the source of truth; a job that Redis loses is queued again. Beat has no schedule file: its jobs
are due by their interval, and are repeatable.
"""

import asyncio
import os
from typing import Any

from asgi_app import metrics_directory

metrics_directory.share_with_children()

import django
from celery import Celery
from celery.signals import (
    after_task_publish,
    beat_init,
    setup_logging,
    worker_init,
    worker_process_init,
    worker_process_shutdown,
    worker_ready,
)
from django.conf import settings

from asgi_app import broker, tracing
from asgi_app.metrics_server import serve_if_configured
from messaging import bus
from messaging.metrics import JOBS_SENT

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "asgi_app.settings")


class OrderCelery(Celery):
    """Celery with the worker of `asgi_app.worker`."""

    @property
    def Worker(self) -> Any:
        """Return the class that `celery worker` starts."""
        name: Any = "asgi_app.worker:SilentWorker"  # by name: only workers import it
        return self.subclass_with_self(name)


app = OrderCelery("order-service", amqp=broker.Messaging)
app.conf.update(
    **broker.configuration(settings.CELERY_BROKER_URL),
    broker_connection_retry_on_startup=True,
    broker_connection_max_retries=None,
    broker_channel_error_retry=True,
    worker_enable_remote_control=False,
    accept_content=["json"],
    task_serializer="json",
    task_ignore_result=True,
    task_acks_late=True,
    task_time_limit=120,
    task_soft_time_limit=90,
    worker_prefetch_multiplier=1,
    worker_hijack_root_logger=False,
    timezone="UTC",
    beat_scheduler="celery.beat:Scheduler",
    beat_max_loop_interval=1,
    beat_schedule={
        "expire overdue orders": {"task": "orders.expire_overdue", "schedule": 2.0, "options": {"expires": 10}},
        "ask about silent payments": {
            "task": "orders.ask_about_silent_payments",
            "schedule": 5.0,
            "options": {"expires": 10},
        },
        "reconcile": {
            "task": "orders.reconcile",
            "schedule": settings.RECONCILE_SECONDS,
            "options": {"expires": settings.RECONCILE_SECONDS},
        },
        "sum up analytics": {"task": "orders.sum_up_analytics", "schedule": 10.0, "options": {"expires": 10}},
        "delete expired rows": {"task": "orders.delete_expired_rows", "schedule": 3600.0},
    },
)
app.autodiscover_tasks(["orders"])


@setup_logging.connect
def _keep_djangos_logging(**_: object) -> None:
    """Keep Celery from configuring logging, which the settings do."""
    django.setup()


@worker_init.connect
@beat_init.connect
def _refuse_cluster(**_: object) -> None:
    """Exit for a Redis Cluster: Celery's signals suppress any other exception."""
    try:
        asyncio.run(bus.refuse_cluster(settings.CELERY_BROKER_URL))
    except bus.ClusterNotSupported as error:
        raise SystemExit(str(error)) from error


@after_task_publish.connect
def _count_job(sender: str = "", **_: object) -> None:
    JOBS_SENT.labels(sender).inc()


@worker_ready.connect
@beat_init.connect
def _serve_metrics(**_: object) -> None:
    serve_if_configured()


@worker_process_init.connect
def _start_tracing(**_: object) -> None:
    """Start after the fork, in the process that executes the jobs."""
    tracing.start_if_configured()


@worker_process_shutdown.connect
def _stop_tracing(**_: object) -> None:
    tracing.stop()
