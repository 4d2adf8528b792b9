"""Which roles an endpoint lets in. Says yes or no, never filters: what a caller may see is `visible_to`'s business."""

from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.views import APIView

from orders.domain.callers import Role
from orders.domain.errors import PermissionDenied


def roles(*allowed: Role) -> type[BasePermission]:
    """A permission for these roles."""

    class RolePermission(BasePermission):
        """Lets in whoever has one of the `roles`."""

        roles = allowed

        def has_permission(self, request: Request, view: APIView) -> bool:
            if request.caller.role not in allowed:  # type: ignore[attr-defined]
                raise PermissionDenied(f"This is for the role {' or '.join(allowed)}.")
            return True

    return RolePermission
