"""Permissions of endpoints by role. They filter no rows: `visible_to` determines the rows that a caller may see."""

from typing import Any

from django.http import HttpRequest
from rest_framework.permissions import BasePermission

from orders.http.headers import caller
from orders.http.requests import method_of


class RolePermission(BasePermission):
    """Allow the roles that the view declares for the request's method."""

    message = ""

    def has_permission(self, request: HttpRequest, view: Any) -> bool:
        allowed = view.roles[method_of(request)]
        if caller(request).role in allowed:
            return True
        self.message = f"Requires the role {' or '.join(allowed)}."
        return False
