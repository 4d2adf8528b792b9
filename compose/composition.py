"""The commands and the environment of the local stack's processes, as in `docker-compose.yml`."""

import os
import sys
from collections.abc import Mapping

from compose.connection_info import JWT_AUDIENCE, JWT_ISSUER
from compose.ports import HOST, Ports

PYTHON = sys.executable
CAPTURE_AFTER_SECONDS = "2"  # long enough to show a pending order
DEFAULTS = {
    "ORDER_EXPIRY_SECONDS": "900",
    "PAYMENT_STATUS_AFTER_SECONDS": "30",
    "DJANGO_DEBUG": "false",
    "ALLOWED_HOSTS": "127.0.0.1,localhost",
    "LOG_LEVEL": "INFO",
}
# Variables of the shell, besides PG…, that are meant for other programs and would redirect the stack's.
FOREIGN = ("JWT_PUBLIC_KEY", "JWT_JWKS_URL", "DJANGO_SETTINGS_MODULE", "PYTHONPATH", "PYTHONHOME")

MIGRATE = [PYTHON, "manage.py", "migrate", "--no-input"]
REBUILD_ANALYTICS = [PYTHON, "manage.py", "rebuild_analytics"]
CELERY = [PYTHON, "-m", "celery", "-A", "asgi_app"]
WORKER = [*CELERY, "worker", "--concurrency", "1", "--loglevel", "INFO"]
BEAT = [*CELERY, "beat", "--loglevel", "INFO"]


def service(port: int) -> list[str]:
    """Return the command of the service."""
    address = ["--host", HOST, "--port", str(port)]
    options = ["--lifespan", "on", "--timeout-graceful-shutdown", "25", "--no-access-log"]
    return [PYTHON, "-m", "uvicorn", "asgi_app.asgi:application", *address, *options]


def sandbox(ports: Ports, redis_url: str) -> list[str]:
    """Return the command of the four neighbours, with seed data; their secrets are in the environment."""
    listen = {"user": ports.user, "cart": ports.cart, "product": ports.product, "control": ports.control}
    addresses = [part for name, port in listen.items() for part in (f"--{name}-port", str(port))]
    options = ["--redis-url", redis_url, "--seed", "--capture-after", CAPTURE_AFTER_SECONDS]
    return [PYTHON, "-m", "compose.sandbox", "--host", HOST, *addresses, *options]


def environment(
    ports: Ports, *, database_url: str, redis_url: str, secrets: Mapping[str, str], settings: Mapping[str, str]
) -> dict[str, str]:
    """Return the environment of every process. Addresses and secrets are always the stack's own.

    For other variables, `settings` override the caller's environment, which overrides the defaults.
    """
    inherited = {name: value for name, value in os.environ.items() if name not in FOREIGN and not name.startswith("PG")}
    own = {
        "DATABASE_URL": database_url,
        "REDIS_URL": f"{redis_url}/0",
        "CELERY_BROKER_URL": f"{redis_url}/1",
        "USER_SERVICE_URL": f"http://{HOST}:{ports.user}",
        "CART_SERVICE_URL": f"http://{HOST}:{ports.cart}",
        "PRODUCT_SERVICE_ADDR": f"{HOST}:{ports.product}",
        "PRODUCT_SERVICE_TLS": "false",
        "JWT_ALGORITHM": "HS256",
        "JWT_ISSUER": JWT_ISSUER,
        "JWT_AUDIENCE": JWT_AUDIENCE,
        "PYTHONUNBUFFERED": "1",
    }
    return {**DEFAULTS, **inherited, **settings, **own, **secrets}
