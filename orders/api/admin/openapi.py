"""The endpoints of admins alone: what needs a person."""

from orders.api.admin import serializers
from orders.http.openapi import parameters
from orders.http.openapi.endpoint import Success, endpoint
from orders.http.serializers import NoInput

TAG = "Admins"
ADMINS = ("admin",)

LIST_DEAD_LETTERS = endpoint(
    name="list_dead_letters",
    tag=TAG,
    roles=ADMINS,
    summary="List dead letters",
    text="Messages that nobody could use, effects that nobody could bring about, refunds that Payment does not make: the"
    " newest first. Page by following `next` and `previous`.",
    parameters=parameters.PAGING,
    answers={200: Success(serializers.DeadLetterPage, "A page of dead letters.", ["dead_letter_page"])},
)
RETRY_DEAD_LETTER = endpoint(
    name="retry_dead_letter",
    tag=TAG,
    roles=ADMINS,
    summary="Try a dead letter anew",
    text="A message is heard again, an effect is tried again, a refund is asked for again. Soon after, the letter is gone"
    " if that has worked; else it counts one more of `attempts`. Repeatable.",
    request=NoInput,
    bodies=["nothing"],
    answers={202: Success(serializers.RetryOutput, "It is being tried.", ["retrying"])},
    codes=["not_found"],
)
