"""The request of the views: Django's, with the attributes of Django REST framework's."""

from functools import cached_property
from typing import Any

import msgspec
from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, QueryDict

from orders.domain.errors import Invalid, PayloadTooLarge, UnsupportedMediaType


class APIRequest(ASGIRequest):
    """A request with `data` and `query_params`; its `user` (a Caller) and `auth` (the token) are set by the middleware.

    Not a `rest_framework.request.Request`: that one delegates every attribute to Django's request in Python, 7 µs a request.
    """

    def __init__(self, request: HttpRequest) -> None:
        self.__dict__ = request.__dict__  # shared state: an attribute that is set on either is set on both

    @property
    def query_params(self) -> QueryDict:
        """Return the query parameters."""
        return self.GET

    @cached_property
    def data(self) -> Any:
        """Return the body's JSON; an empty object when there is no body.

        Raises PayloadTooLarge, UnsupportedMediaType or Invalid.
        """
        try:
            body = self.body
        except RequestDataTooBig:
            body = None
        if body is None or len(body) > settings.REQUEST_BODY_BYTES:
            raise PayloadTooLarge(f"The body exceeds the limit of {settings.REQUEST_BODY_BYTES} bytes.")
        if not body:
            return {}
        if self.content_type != "application/json":
            raise UnsupportedMediaType("Unsupported media type: send the body as application/json.")
        try:
            return msgspec.json.decode(body)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise Invalid(f"JSON parse error: {error}.") from error


def method_of(request: HttpRequest) -> str:
    """Return the method, GET for HEAD: HEAD is supported wherever GET is (RFC 9110, section 9.3.2)."""
    return "GET" if request.method == "HEAD" else str(request.method)
