"""Metrics of the messages, for `/metrics`."""

from prometheus_client import Counter

PAYMENT_MESSAGES = Counter(
    "payment_messages_total", "Messages received on payments.events, copies included", ["outcome"]
)
OUTBOX_ROWS = Counter("outbox_rows_total", "Rows of the outbox relayed by this process", ["kind"])
