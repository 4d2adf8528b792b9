"""Endpoints of batches of coupons, for the vendors that fund them and for admins."""

import uuid
from typing import ClassVar

from django.http import HttpRequest, HttpResponse

from clients.tracing import request_id
from orders.coupons.api.inputs import CouponBatchInput, CouponChangeInput
from orders.coupons.api.serializers import (
    ChangedCouponBatchSerializer,
    CouponBatchPageSerializer,
    CouponBatchSerializer,
)
from orders.coupons.services.batches import (
    BatchRequest,
    change_batch,
    create_batch,
    ensure_batch_visible,
    list_batches,
    read_batch,
)
from orders.domain.callers import Role
from orders.http.headers import caller, idempotency_key
from orders.http.openapi.auto_schema import endpoint
from orders.http.openapi.parameters import KEY, PAGING
from orders.http.pagination import KeysetPaginator
from orders.http.views import OrderAPIView, answer_json, read_json
from orders.runtime.concurrency import ConcurrencyLimiter
from orders.store import database

BATCH_INPUT = CouponBatchInput()
CHANGE_INPUT = CouponChangeInput()

MANAGERS: tuple[Role, ...] = ("vendor", "admin")

ONE_AT_A_TIME = ConcurrencyLimiter(1, max_wait=10)
"""Writing a batch takes a thread of the database for a second or two: one at most in each process, so that others are free.

Copies of one request wait for the first one here, and then find its batch.
"""


class CouponBatchListView(OrderAPIView):
    """`/api/v1/coupon-batches`"""

    roles: ClassVar = {"GET": MANAGERS, "POST": MANAGERS}
    query_parameters: ClassVar = {"GET": ("limit", "cursor")}

    @endpoint(
        "create_coupon_batch",
        request=CouponBatchInput,
        response=CouponBatchSerializer,
        status=201,
        headers=["Location", "Idempotent-Replayed"],
        parameters=[KEY],
        errors=["idempotency_key_required", "idempotency_key_reused"],
    )
    async def post(self, request: HttpRequest) -> HttpResponse:
        """Create a batch of coupons.

        All of its coupons or none. List their codes with the filter `batch_id`. Idempotent: repeat the request with the same
        key, also after a timeout, and the response is that of the first request.
        """
        key, body = idempotency_key(request), read_json(request, BATCH_INPUT)
        wanted = BatchRequest(
            caller=caller(request),
            idempotency_key=key,
            request_id=request_id.get(),
            count=body["count"],
            prefix=body.get("prefix", ""),
            given=body["coupon"],
        )
        async with ONE_AT_A_TIME.slot():
            created = await database.run(create_batch, request=wanted)
        response = answer_json(CouponBatchSerializer.to_representation(created.batch), 201)
        response["Location"] = f"{request.path}/{created.batch.id}"
        if created.replayed:
            response["Idempotent-Replayed"] = "true"
        return response

    @endpoint("list_coupon_batches", response=CouponBatchPageSerializer, parameters=PAGING)
    async def get(self, request: HttpRequest) -> HttpResponse:
        """List batches of coupons.

        Vendors list those that they fund, admins all; the newest first. Follow `next` and `previous` for other pages.
        """
        paginator = KeysetPaginator(request)
        page = await database.run(list_batches, caller=caller(request), request=paginator.page_request)
        return answer_json(paginator.get_paginated_body(page, CouponBatchSerializer.to_representation))


class CouponBatchDetailView(OrderAPIView):
    """`/api/v1/coupon-batches/{id}`"""

    ensure_visible: ClassVar = staticmethod(ensure_batch_visible)
    roles: ClassVar = {"GET": MANAGERS, "PATCH": MANAGERS}

    @endpoint("read_coupon_batch", response=CouponBatchSerializer)
    async def get(self, request: HttpRequest, batch_id: uuid.UUID) -> HttpResponse:
        """Read a batch of coupons.

        List its coupons with the filter `batch_id`.
        """
        batch = await database.run(read_batch, caller=caller(request), batch_id=batch_id)
        return answer_json(CouponBatchSerializer.to_representation(batch))

    @endpoint("change_coupon_batch", request=CouponChangeInput, response=ChangedCouponBatchSerializer)
    async def patch(self, request: HttpRequest, batch_id: uuid.UUID) -> HttpResponse:
        """Change all coupons of a batch.

        Takes the body of a coupon's change. All coupons are changed or, when the terms of any one contradict it, none;
        `changed` is the number of those that had other terms.
        """
        given = read_json(request, CHANGE_INPUT)
        async with ONE_AT_A_TIME.slot():
            batch, changed = await database.run(
                change_batch,
                caller=caller(request),
                batch_id=batch_id,
                given=given,
                request_id=request_id.get(),
            )
        return answer_json(ChangedCouponBatchSerializer.to_representation(batch, changed))
