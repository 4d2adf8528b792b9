"""Endpoints of coupons, for the vendors that fund them and for admins."""

import uuid
from functools import partial
from typing import Any, ClassVar

from django.http import HttpRequest, HttpResponse

from clients.tracing import request_id
from orders.coupons.api.filters import AdminCouponFilterSet, CouponFilterSet, RedemptionFilterSet
from orders.coupons.api.inputs import CouponChangeInput, CouponInput
from orders.coupons.api.serializers import (
    CouponHistorySerializer,
    CouponPageSerializer,
    CouponSerializer,
    RedemptionPageSerializer,
    RedemptionSerializer,
)
from orders.coupons.codes import random_code
from orders.coupons.lists import ORDERINGS, list_coupons
from orders.coupons.records import RedemptionRow
from orders.coupons.redemption_lists import NEWEST, list_redemptions
from orders.coupons.services.change import change_coupon, delete_coupon
from orders.coupons.services.create import create_coupon
from orders.coupons.services.reading import coupon_history, ensure_coupon_visible, read_coupon
from orders.domain.callers import Role
from orders.http.caching import etag
from orders.http.csv import CSVWriter, answer_csv, write_list
from orders.http.headers import caller, if_match
from orders.http.openapi.auto_schema import endpoint
from orders.http.openapi.parameters import FORMAT, IF_MATCH, PAGING, filters, ordering
from orders.http.pagination import PAGING as PAGING_NAMES
from orders.http.pagination import KeysetPaginator
from orders.http.views import OrderAPIView, answer_json, answer_nothing, read_json
from orders.store import database

COUPON_INPUT = CouponInput()
CHANGE_INPUT = CouponChangeInput()

MANAGERS: tuple[Role, ...] = ("vendor", "admin")

FREE_TEXT = ("name", "vendor_id", "product_ids", "get_product_ids", "customer_id")
"""The columns of files whose text comes from a person or another service."""

COUPON_FILTERS = [*filters(AdminCouponFilterSet), *PAGING, ordering("CouponOrdering", ORDERINGS), FORMAT]
REDEMPTION_FILTERS = [*filters(RedemptionFilterSet), *PAGING, FORMAT]


def coupon_response(row: Any, status: int = 200) -> HttpResponse:
    """Return the coupon with its entity tag, which is for If-Match alone."""
    response = answer_json(CouponSerializer.to_representation(row), status)
    response["ETag"] = etag(row.version)
    return response


class CouponListView(OrderAPIView):
    """`/api/v1/coupons`"""

    roles: ClassVar = {"GET": MANAGERS, "POST": MANAGERS}
    filterset_classes: ClassVar = {"vendor": CouponFilterSet, "admin": AdminCouponFilterSet}
    query_parameters: ClassVar = {"GET": (*PAGING_NAMES, "format", *AdminCouponFilterSet.base_filters)}

    @endpoint(
        "create_coupon",
        request=CouponInput,
        response=CouponSerializer,
        status=201,
        headers=["Location", "ETag"],
        errors=["code_taken"],
    )
    async def post(self, request: HttpRequest) -> HttpResponse:
        """Create a coupon.

        A vendor's coupon has its own `vendor_id`, and the vendor bears the discount: both may be left out.
        """
        given = read_json(request, COUPON_INPUT)
        row = await database.run(
            create_coupon,
            caller=caller(request),
            coupon_id=uuid.uuid4(),
            code=given.pop("code", None) or random_code(),
            given=given,
            request_id=request_id.get(),
        )
        response = coupon_response(row, 201)
        response["Location"] = f"{request.path}/{row.code}"
        return response

    @endpoint("list_coupons", response=CouponPageSerializer, parameters=COUPON_FILTERS)
    async def get(self, request: HttpRequest) -> HttpResponse:
        """List coupons.

        Vendors list those that they fund, admins all; the newest first. Filters are combined with AND. Follow `next` and
        `previous` for other pages: where few coupons match, a page may have fewer than `limit`, and a `next`.
        """
        user = caller(request)
        paginator = KeysetPaginator(request, self.filterset_classes[user.role], ORDERINGS)
        if paginator.format == "csv":
            file = CSVWriter(list(CouponSerializer().fields), FREE_TEXT)
            read = partial(list_coupons, user)
            await write_list(file, paginator.page_request, read, CouponSerializer.to_representation)
            return answer_csv(file.content(), "coupons.csv")
        page = await database.run(list_coupons, user, paginator.page_request)
        return answer_json(paginator.get_paginated_body(page, CouponSerializer.to_representation))


class CouponDetailView(OrderAPIView):
    """`/api/v1/coupons/{code}`"""

    ensure_visible: ClassVar = staticmethod(ensure_coupon_visible)
    roles: ClassVar = {"GET": MANAGERS, "PATCH": MANAGERS, "DELETE": MANAGERS}

    @endpoint("read_coupon", response=CouponSerializer, headers=["ETag"])
    async def get(self, request: HttpRequest, code: str) -> HttpResponse:
        """Read a coupon.

        The code may be in any case. A vendor finds those that it funds.
        """
        return coupon_response(await database.run(read_coupon, caller=caller(request), code=code))

    @endpoint("change_coupon", request=CouponChangeInput, response=CouponSerializer, parameters=[IF_MATCH])
    async def patch(self, request: HttpRequest, code: str) -> HttpResponse:
        """Change a coupon.

        Only the given terms change; null removes one. Orders that are placed keep what they got; a limit below what is used
        refuses from now on.
        """
        given = read_json(request, CHANGE_INPUT)
        row = await database.run(
            change_coupon,
            caller=caller(request),
            code=code,
            given=given,
            if_match=if_match(request),
            request_id=request_id.get(),
        )
        return coupon_response(row)

    @endpoint("delete_coupon", response=None, status=204, parameters=[IF_MATCH])
    async def delete(self, request: HttpRequest, code: str) -> HttpResponse:
        """Delete a coupon.

        Orders keep it; the code can be given to another one.
        """
        await database.run(
            delete_coupon,
            caller=caller(request),
            code=code,
            if_match=if_match(request),
            request_id=request_id.get(),
        )
        return answer_nothing()


class CouponRedemptionListView(OrderAPIView):
    """`/api/v1/coupons/{code}/redemptions`"""

    ensure_visible: ClassVar = staticmethod(ensure_coupon_visible)
    roles: ClassVar = {"GET": MANAGERS}
    query_parameters: ClassVar = {"GET": ("limit", "cursor", "format", *RedemptionFilterSet.base_filters)}

    @endpoint("list_redemptions", response=RedemptionPageSerializer, parameters=REDEMPTION_FILTERS)
    async def get(self, request: HttpRequest, code: str) -> HttpResponse:
        """List the redemptions of a coupon.

        The newest first. Only admins see `customer_id`. Follow `next` and `previous` for other pages.
        """
        user = caller(request)
        paginator = KeysetPaginator(request, RedemptionFilterSet, [NEWEST], NEWEST)
        read = partial(list_redemptions, user, code)

        def representation(row: RedemptionRow) -> dict[str, Any]:
            return RedemptionSerializer.to_representation(row, user.role)

        if paginator.format == "csv":
            hidden = () if user.role == "admin" else RedemptionSerializer.FOR_ADMINS
            columns: list[str] = [*RedemptionSerializer().fields.keys()]
            file = CSVWriter([name for name in columns if name not in hidden], FREE_TEXT)
            await write_list(file, paginator.page_request, read, representation)
            return answer_csv(file.content(), f"redemptions_{code}.csv")
        page = await database.run(read, paginator.page_request)
        return answer_json(paginator.get_paginated_body(page, representation))


class CouponHistoryView(OrderAPIView):
    """`/api/v1/coupons/{code}/history`"""

    ensure_visible: ClassVar = staticmethod(ensure_coupon_visible)
    roles: ClassVar = {"GET": MANAGERS}

    @endpoint("read_coupon_history", response=CouponHistorySerializer)
    async def get(self, request: HttpRequest, code: str) -> HttpResponse:
        """Read the history of a coupon.

        The oldest entry first. Only admins see `actor_id`.
        """
        user = caller(request)
        rows = await database.run(coupon_history, caller=user, code=code)
        return answer_json(CouponHistorySerializer.to_representation(rows, user.role))
