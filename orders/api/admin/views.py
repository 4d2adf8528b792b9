"""Dead letters, for admins: list them, and retry one."""

import uuid
from typing import ClassVar

from django.http import HttpRequest, HttpResponse

from clients.tracing import request_id
from orders.api.admin import openapi
from orders.api.representation import dead_letter_body
from orders.domain.callers import Role
from orders.http.pagination import KeysetPaginator
from orders.http.serializers import NoInput
from orders.http.views import OrderAPIView, answer_json, read_json
from orders.outbox.dead_letters import ensure_dead_letter_exists, list_dead_letters
from orders.services.operations.dead_letters import retry_dead_letter
from orders.store import database

NO_INPUT = NoInput()

ADMINS: tuple[Role, ...] = ("admin",)


class DeadLetterListView(OrderAPIView):
    """`/api/v1/admin/dead-letters`"""

    roles: ClassVar = {"GET": ADMINS}
    query_parameters: ClassVar = {"GET": ("limit", "cursor")}

    @openapi.LIST_DEAD_LETTERS
    async def get(self, request: HttpRequest) -> HttpResponse:
        """Return a page of the dead letters, the newest first."""
        paginator = KeysetPaginator(request)
        page = await database.run(list_dead_letters, paginator.page_request)
        return answer_json(paginator.get_paginated_body(page, dead_letter_body))


class RetryDeadLetterView(OrderAPIView):
    """`/api/v1/admin/dead-letters/{id}/retry`"""

    ensure_visible: ClassVar = staticmethod(ensure_dead_letter_exists)
    roles: ClassVar = {"POST": ADMINS}

    @openapi.RETRY_DEAD_LETTER
    async def post(self, request: HttpRequest, dead_letter_id: uuid.UUID) -> HttpResponse:
        """Retry the dead letter."""
        read_json(request, NO_INPUT)
        await database.run(retry_dead_letter, dead_letter_id=dead_letter_id, request_id=request_id.get())
        return answer_json({"id": dead_letter_id, "status": "retrying"}, 202)
