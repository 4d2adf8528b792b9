"""What the endpoints for admins answer."""

from typing import Any

from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers

from orders.http.openapi.outputs import Page
from orders.outbox.dead_letters import MAX_EXCERPT_LENGTH

DEAD_LETTER_SOURCES = ["payments.events", "outbox", "refunds"]


class DeadLetter(serializers.Serializer[Any]):
    """What nobody could use or deliver."""

    id = serializers.UUIDField()
    source = serializers.ChoiceField(
        DEAD_LETTER_SOURCES,
        help_text="A message of Payment's; an effect that a neighbour refused or was away for too long for; a refund that"
        " Payment does not make.",
    )  # type: ignore[assignment]
    reason = serializers.CharField(help_text="Why it could not be used or done, the last time.")
    message = serializers.CharField(
        allow_blank=True,
        max_length=MAX_EXCERPT_LENGTH,
        help_text="As it came, as text: what is no UTF-8 is replaced, a long one is cut. Anybody may have written it.",
    )
    order_id = serializers.UUIDField(allow_null=True, help_text="As the message says: there may be no such order.")
    attempts = serializers.IntegerField(min_value=1, help_text="How often it was in vain.")
    created_at = serializers.DateTimeField()


class DeadLetterPage(Page):
    """A page of dead letters."""

    results = DeadLetter(many=True)


@extend_schema_serializer(component_name="DeadLetterRetry")
class RetryOutput(serializers.Serializer[Any]):
    """What is tried anew."""

    id = serializers.UUIDField()
    status = serializers.ChoiceField(["retrying"])
