"""The service under Django's own ASGI handler, to show that the lean one changes nothing but speed."""

from typing import cast

from asgiref.typing import ASGI3Application
from django.core.handlers.asgi import ASGIHandler

from asgi_app.asgi import Application

application = Application(cast(ASGI3Application, ASGIHandler()))
