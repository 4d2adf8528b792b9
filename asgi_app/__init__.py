"""The entry points of the service: settings, URLs, the ASGI application, Celery, health."""
