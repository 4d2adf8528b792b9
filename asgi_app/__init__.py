"""The composition of the service: settings, addresses, the ASGI application with its lifespan, Celery, health."""
