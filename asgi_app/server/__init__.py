"""The ASGI application around Django: lifespan, load shedding, response headers, graceful shutdown."""
