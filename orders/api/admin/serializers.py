"""Dead letters: responses."""

import uuid
from typing import Any

from rest_framework import serializers

from orders.http.serializers import Output, PageOutput
from orders.outbox.dead_letters import MAX_EXCERPT_LENGTH

DEAD_LETTER_SOURCES = ["payments.events", "outbox", "refunds"]


class DeadLetterSerializer(Output):
    """A message or an effect that could not be processed."""

    id = serializers.UUIDField()
    source = serializers.ChoiceField(
        DEAD_LETTER_SOURCES,
        help_text="A payment event; an effect that another service rejected or did not accept in time; a refund that"
        " Payment does not execute.",
    )  # type: ignore[assignment]
    reason = serializers.CharField(help_text="The error of the last attempt.")
    message = serializers.CharField(
        allow_blank=True,
        max_length=MAX_EXCERPT_LENGTH,
        help_text="The message as received: invalid UTF-8 is replaced, a long message is cut. Its content is not trusted.",
    )
    order_id = serializers.UUIDField(allow_null=True, help_text="As stated in the message; the order may not exist.")
    attempts = serializers.IntegerField(min_value=1, help_text="The number of failed attempts.")
    created_at = serializers.DateTimeField()

    @staticmethod
    def to_representation(letter: Any) -> dict[str, Any]:
        """Return a row of `list_dead_letters`."""
        return {
            "id": letter.id,
            "source": letter.source,
            "reason": letter.reason,
            "message": letter.shown,
            "order_id": letter.order_id,
            "attempts": letter.attempts,
            "created_at": letter.created_at,
        }


class DeadLetterPageSerializer(PageOutput):
    """A page of dead letters."""

    results = DeadLetterSerializer(many=True)


class DeadLetterRetrySerializer(Output):
    """A dead letter that is being retried."""

    id = serializers.UUIDField()
    status = serializers.ChoiceField(["retrying"])

    @staticmethod
    def to_representation(dead_letter_id: uuid.UUID) -> dict[str, Any]:
        return {"id": dead_letter_id, "status": "retrying"}
