"""Metrics of orders, for `/metrics`. Gauges have the rule by which several processes of one server are added up."""

from functools import cache

from prometheus_client import Counter, Gauge, Histogram

DATABASE_WAIT = Histogram(
    "database_wait_seconds",
    "How long functions waited for a thread with a connection (DATABASE_THREADS)",
    buckets=(0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1),
)
DATABASE_CALL = Histogram(
    "database_call_seconds",
    "How long functions occupied a thread with a connection; the rate of the sum is the number of threads in use",
    buckets=(0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 4),
)
DATABASE_THREADS = Gauge(
    "database_threads", "Threads with a connection (DATABASE_THREADS)", multiprocess_mode="livesum"
)
CHECKOUTS_IN_FLIGHT = Gauge(
    "checkouts_in_flight",
    "Checkouts under way in this process (CHECKOUTS_IN_FLIGHT)",
    multiprocess_mode="livesum",
)
SHED = Counter(
    "requests_shed_total", "Requests refused with 503 overloaded before any work was done for them", ["what"]
)
DEAD_LETTERS_DROPPED = Counter(
    "dead_letters_dropped_total", "Unusable messages that were not kept, because too many are kept already", ["source"]
)
EFFECT_SECONDS = Histogram(
    "outbox_effect_seconds",
    "From the commit of an effect to its confirmation, by the database's clock, retries included",
    ["kind"],
    buckets=(0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300),
)
PAYMENT_LAG = Histogram(
    "payment_event_lag_seconds",
    "From the time that a payment event states to its first commit here, parking included; clocks may differ",
    buckets=(0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300),
)
FINDINGS = Counter(
    "reconcile_findings_total",
    "Differences between orders, their ledger and Product's stock that the regular job found",
    ["problem"],
)
JOB_SECONDS = Histogram(
    "job_seconds",
    "Jobs of the worker; postponed: another service or the database was unavailable, the job is sent again",
    ["task", "outcome"],
    buckets=(0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 90),
)


@cache
def effect_seconds(kind: str) -> Histogram:
    """Return the histogram of effects of this kind. Cached, since a look-up of labels takes longer than the observation."""
    return EFFECT_SECONDS.labels(kind)
