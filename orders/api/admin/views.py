"""Dead letters, for admins: what is there, and trying it anew."""

import uuid
from typing import ClassVar

from django.http import HttpRequest, HttpResponse

from clients.tracing import request_id
from orders.api.admin import openapi
from orders.api.representation import dead_letter_body
from orders.http.filters import page_body, read_listing
from orders.http.headers import caller
from orders.http.permissions import roles
from orders.http.serializers import NoInput
from orders.http.views import OrderAPIView, answer_json, read_json
from orders.outbox.dead_letters import ensure_dead_letter_exists, list_dead_letters
from orders.services.operations.dead_letter_retry import retry
from orders.store import database

NO_INPUT = NoInput()

ADMINS = roles("admin")


class DeadLetterListView(OrderAPIView):
    """`/api/v1/admin/dead-letters`"""

    permissions: ClassVar = {"GET": ADMINS}
    query_parameters: ClassVar = {"GET": ("limit", "cursor")}

    @openapi.LIST_DEAD_LETTERS
    async def get(self, request: HttpRequest) -> HttpResponse:
        """What nobody could use or deliver, the newest first."""
        listing = read_listing(request, {})
        page = await database.run(list_dead_letters, listing)
        return answer_json(page_body(request, listing, page, dead_letter_body))


class RetryDeadLetterView(OrderAPIView):
    """`/api/v1/admin/dead-letters/{id}/retry`"""

    ensure_visible: ClassVar = staticmethod(ensure_dead_letter_exists)
    permissions: ClassVar = {"POST": ADMINS}

    @openapi.RETRY_DEAD_LETTER
    async def post(self, request: HttpRequest, dead_letter_id: uuid.UUID) -> HttpResponse:
        """Try anew what was buried."""
        read_json(request, NO_INPUT)
        await database.run(retry, caller(request), dead_letter_id, request_id.get())
        return answer_json({"id": dead_letter_id, "status": "retrying"}, 202)
