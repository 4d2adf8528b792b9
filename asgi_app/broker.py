"""Redis as Celery's broker, without a trap of kombu's: a lost acknowledgement must not make the worker deaf.

kombu takes a message whose acknowledgement Redis did not hear for one that is still being worked on, for ever; a worker
that takes one at a time then never takes another. Here such a message is done with. Redis gives it out again after the
visibility timeout, which does no harm: every job may run twice.
"""

from kombu.transport import redis, virtual


class QoS(redis.QoS):
    """What this worker took and has not acknowledged."""

    def ack(self, delivery_tag: str) -> None:
        """Acknowledge a message. Raises what Redis' client raises, and then counts the message as done all the same."""
        try:
            super().ack(delivery_tag)
        except Exception:
            virtual.QoS.ack(self, delivery_tag)
            raise


class Channel(redis.Channel):
    """kombu's own way of naming the class above."""

    QoS = QoS


class Transport(redis.Transport):
    """The transport that Celery is told to use."""

    Channel = Channel
