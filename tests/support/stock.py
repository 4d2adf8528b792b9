"""The service under Django's own ASGI handler, for comparison with the lean one."""

from typing import cast

from asgiref.typing import ASGI3Application
from django.core.handlers.asgi import ASGIHandler

import asgi_app.asgi  # noqa: F401  (sets up Django)
from asgi_app.server.application import Application

application = Application(cast(ASGI3Application, ASGIHandler()))
