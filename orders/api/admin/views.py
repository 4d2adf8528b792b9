"""Endpoints of dead letters, for admins."""

import uuid
from typing import ClassVar

from django.http import HttpRequest, HttpResponse

from clients.tracing import request_id
from orders.api.admin.serializers import DeadLetterPageSerializer, DeadLetterRetrySerializer, DeadLetterSerializer
from orders.domain.callers import Role
from orders.http.openapi.auto_schema import endpoint
from orders.http.openapi.parameters import PAGING
from orders.http.pagination import KeysetPaginator
from orders.http.serializers import EmptyInput
from orders.http.views import OrderAPIView, answer_json, read_json
from orders.outbox.dead_letters import ensure_dead_letter_exists, list_dead_letters
from orders.services.operations.dead_letters import retry_dead_letter
from orders.store import database

NO_INPUT = EmptyInput()

ADMINS: tuple[Role, ...] = ("admin",)


class DeadLetterListView(OrderAPIView):
    """`/api/v1/admin/dead-letters`"""

    roles: ClassVar = {"GET": ADMINS}
    query_parameters: ClassVar = {"GET": ("limit", "cursor")}

    @endpoint("list_dead_letters", response=DeadLetterPageSerializer, parameters=PAGING)
    async def get(self, request: HttpRequest) -> HttpResponse:
        """List dead letters.

        Messages that could not be processed, effects that another service rejected, and refunds that Payment does not execute;
        the newest first. Follow `next` and `previous` for other pages.
        """
        paginator = KeysetPaginator(request)
        page = await database.run(list_dead_letters, paginator.page_request)
        return answer_json(paginator.get_paginated_body(page, DeadLetterSerializer.to_representation))


class RetryDeadLetterView(OrderAPIView):
    """`/api/v1/admin/dead-letters/{id}/retry`"""

    ensure_visible: ClassVar = staticmethod(ensure_dead_letter_exists)
    roles: ClassVar = {"POST": ADMINS}

    @endpoint("retry_dead_letter", request=EmptyInput, response=DeadLetterRetrySerializer, status=202)
    async def post(self, request: HttpRequest, dead_letter_id: uuid.UUID) -> HttpResponse:
        """Retry a dead letter.

        The message is processed, the effect applied or the refund requested again. The dead letter is deleted when that
        succeeds; otherwise its `attempts` increase. Idempotent.
        """
        read_json(request, NO_INPUT)
        await database.run(retry_dead_letter, dead_letter_id=dead_letter_id, request_id=request_id.get())
        return answer_json(DeadLetterRetrySerializer.to_representation(dead_letter_id), 202)
