"""The service as an ASGI application.

uvicorn asgi_app.asgi:application --lifespan on --timeout-graceful-shutdown 25 --no-access-log
"""

import os
from typing import cast

from asgi_app import metrics_directory

metrics_directory.share_with_siblings()

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "asgi_app.settings")

import django
from asgiref.typing import ASGI3Application

django.setup(set_prefix=False)

from asgi_app.celery import app as celery_app
from asgi_app.server.application import Application
from asgi_app.server.handler import LeanASGIHandler

application = Application(cast(ASGI3Application, LeanASGIHandler()))

__all__ = ["Application", "application", "celery_app"]
