"""Metrics of the messages, for `/metrics`."""

from prometheus_client import Counter

PAYMENT_MESSAGES = Counter(
    "payment_messages_total", "Messages received on payments.events, copies included", ["outcome"]
)
OUTBOX_ROWS = Counter("outbox_rows_total", "Rows of the outbox relayed by this process", ["kind"])
JOBS_SENT = Counter("jobs_sent_total", "Jobs sent to the worker's queue by this process", ["task"])

for _outcome in ("counted", "copy", "unusable"):  # present from the start, so that the first one is an increase
    PAYMENT_MESSAGES.labels(_outcome)
for _kind in ("publish", "job"):
    OUTBOX_ROWS.labels(_kind)
