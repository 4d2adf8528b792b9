"""The request as views get it: Django's, with what Django REST framework's adds to it."""

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

    Not a `rest_framework.request.Request`: that one looks up every attribute of Django's request in Python, 7 µs a request.
    """

    def __init__(self, request: HttpRequest) -> None:
        self.__dict__ = request.__dict__  # one state: what is read or set on either is there on the other

    @property
    def query_params(self) -> QueryDict:
        """The query string's parameters."""
        return self.GET

    @cached_property
    def data(self) -> Any:
        """The body's JSON; an empty object when there is no body.

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
    """Return the method, GET for HEAD: HEAD is allowed, and answered, wherever GET is (RFC 9110, section 9.3.2)."""
    return "GET" if request.method == "HEAD" else str(request.method)
