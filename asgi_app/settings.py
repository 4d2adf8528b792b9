"""Every setting of the service, read once from the environment. `.env.sample` documents each; a test compares the two.

Settings without a safe default are required: the startup fails with the names of all missing ones, or with the name of an
invalid one.
"""

from django.core.exceptions import ImproperlyConfigured

from asgi_app import addresses, logs
from asgi_app.environment import Env, is_public_key, pem_blocks, placeholders
from orders.http.throttling import policies

env = Env()

REQUIRED = (
    "DATABASE_URL",
    "REDIS_URL",
    "USER_SERVICE_URL",
    "CART_SERVICE_URL",
    "PRODUCT_SERVICE_ADDR",
    "SERVICE_TOKEN",
    "JWT_ISSUER",
    "JWT_AUDIENCE",
    "DJANGO_SECRET_KEY",
)
if missing := [name for name in REQUIRED if not env.str(name, default="")]:
    raise ImproperlyConfigured(f"Set {', '.join(missing)} in the environment (.env.sample explains each).")

SECRETS = (
    "DATABASE_URL",
    "REDIS_URL",
    "CELERY_BROKER_URL",
    "SERVICE_TOKEN",
    "JWT_SECRET",
    "JWT_SECRET_FALLBACK",
    "PAYMENT_SIGNING_SECRET",
    "PAYMENT_SIGNING_SECRET_FALLBACK",
    "DJANGO_SECRET_KEY",
    "DJANGO_SECRET_KEY_FALLBACK",
)
DEBUG = env.bool("DJANGO_DEBUG", default=False)
if not DEBUG and (published := placeholders(*SECRETS)):
    raise ImproperlyConfigured(
        f"{', '.join(published)} in the environment: still a value of .env.sample, which is public. Set a value of your own"
        " (DJANGO_DEBUG=true allows it on a developer's machine)."
    )

# --- Django, without sessions, cookies and templates ------------------------------------------------------------------
SECRET_KEY = env.str("DJANGO_SECRET_KEY")
SECRET_KEY_FALLBACKS = [key for key in [env.str("DJANGO_SECRET_KEY_FALLBACK")] if key]
ALLOWED_HOSTS = addresses.hosts("ALLOWED_HOSTS", env.list("ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"]))
ROOT_URLCONF = "asgi_app.urls"
APPEND_SLASH = False
USE_TZ = True
TIME_ZONE = "UTC"
USE_I18N = False
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
STATIC_URL = "/static/"
INSTALLED_APPS = [
    "asgi_app.checks.Composition",
    "orders",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
]
MIDDLEWARE = [  # in the order of the contract: 401, 429, then what a view refuses
    "orders.http.middleware.identify_request",
    "orders.http.throttling.middleware.limit_failed_authentication",
    "orders.http.middleware.authenticate",
    "orders.http.throttling.middleware.limit_rate",
    "orders.http.middleware.validate_host",
]
SILENCED_SYSTEM_CHECKS = [
    # Django's own middleware uses a thread for each request: asgi_app/server/response_headers.py replaces it.
    "security.W001",  # SecurityMiddleware
    "security.W002",  # XFrameOptionsMiddleware: replaced by frame-ancestors (Content Security Policy Level 2, 7.7)
    "security.W003",  # CsrfViewMiddleware: callers authenticate by a header that browsers never send by themselves, not by a cookie
]
DATA_UPLOAD_MAX_MEMORY_SIZE = REQUEST_BODY_BYTES = env.int("REQUEST_BODY_BYTES", default=256 * 1024)

# --- database: persistent connections of a bounded thread pool (orders.store.database) -------------------------------------
DATABASE_THREADS = env.int("DATABASE_THREADS", default=4)
DATABASE_POOL_WAIT_SECONDS = env.float("DATABASE_POOL_WAIT_SECONDS", default=1)
DATABASE_ANSWER_SECONDS = env.float("DATABASE_ANSWER_SECONDS", default=4)
if DATABASE_ANSWER_SECONDS <= DATABASE_POOL_WAIT_SECONDS:
    raise ImproperlyConfigured(
        "DATABASE_ANSWER_SECONDS must be more than DATABASE_POOL_WAIT_SECONDS, which it includes."
    )
DATABASE_STATEMENT_TIMEOUT_MS = env.int("DATABASE_STATEMENT_TIMEOUT_MS", default=3000)
DATABASE_LOCK_TIMEOUT_MS = env.int("DATABASE_LOCK_TIMEOUT_MS", default=1000)
DATABASE_POOLER = env.choice("DATABASE_POOLER", "none", ("none", "transaction"))
DATABASES = {"default": addresses.database("DATABASE_URL", env.str("DATABASE_URL"))}
_of_url = DATABASES["default"]["OPTIONS"]
_has_session = DATABASE_POOLER == "none"  # a pooler assigns a server connection to each transaction
if _has_session:
    _timeouts = f"-c statement_timeout={DATABASE_STATEMENT_TIMEOUT_MS} -c lock_timeout={DATABASE_LOCK_TIMEOUT_MS}"
    _of_url["options"] = (
        f"{_timeouts} {_of_url.get('options', '')}".strip()
    )  # of repeated options, PostgreSQL applies the last one
DATABASES["default"] |= {
    "CONN_MAX_AGE": None,
    "DISABLE_SERVER_SIDE_CURSORS": not _has_session,
    "OPTIONS": {
        "connect_timeout": env.int("DATABASE_CONNECT_TIMEOUT_SECONDS", default=2),
        "application_name": "order-service",
        **_of_url,
        "server_side_binding": True,
        "prepare_threshold": 0 if _has_session else None,
    },
}

# --- Redis and Celery -------------------------------------------------------------------------------------------------
REDIS_URL = addresses.redis("REDIS_URL", env.str("REDIS_URL"))
REDIS_CONNECT_TIMEOUT_SECONDS = env.float("REDIS_CONNECT_TIMEOUT_SECONDS", default=1)
REDIS_READ_TIMEOUT_SECONDS = env.float(
    "REDIS_READ_TIMEOUT_SECONDS", default=2, above=1
)  # the timeout of a blocking read
CELERY_BROKER_URL = addresses.broker("CELERY_BROKER_URL", env.str("CELERY_BROKER_URL"), REDIS_URL)

# --- neighbours -------------------------------------------------------------------------------------------------------
USER_SERVICE_URL = addresses.http("USER_SERVICE_URL", env.str("USER_SERVICE_URL"))
CART_SERVICE_URL = addresses.http("CART_SERVICE_URL", env.str("CART_SERVICE_URL"))
PRODUCT_SERVICE_ADDR = addresses.host_port("PRODUCT_SERVICE_ADDR", env.str("PRODUCT_SERVICE_ADDR"))
PRODUCT_SERVICE_TLS = env.bool("PRODUCT_SERVICE_TLS", default=False)
SERVICE_TOKEN = env.str("SERVICE_TOKEN").strip()  # secret files often end with a newline
NEIGHBOUR_CONNECT_SECONDS = env.float("NEIGHBOUR_CONNECT_SECONDS", default=0.3)
NEIGHBOUR_READ_SECONDS = env.float("NEIGHBOUR_READ_SECONDS", default=1)
NEIGHBOUR_CALLS_IN_FLIGHT = env.int("NEIGHBOUR_CALLS_IN_FLIGHT", default=50)
CIRCUIT_CALLS = env.int("CIRCUIT_CALLS", default=20)
CIRCUIT_FAILURE_RATIO = env.float("CIRCUIT_FAILURE_RATIO", default=0.5)
CIRCUIT_OPEN_SECONDS = env.float("CIRCUIT_OPEN_SECONDS", default=5)
PRODUCT_RESERVE_SECONDS = env.float("PRODUCT_RESERVE_SECONDS", default=2)
PRODUCT_READ_SECONDS = env.float("PRODUCT_READ_SECONDS", default=1)

# --- callers: one family of algorithms, with the key that belongs to it -----------------------------------------------
JWT_ALGORITHM = env.choice("JWT_ALGORITHM", "HS256", ("HS256", "RS256", "ES256", "EdDSA"))
JWT_SECRET = env.str("JWT_SECRET", default="")
JWT_SECRET_FALLBACK = env.str("JWT_SECRET_FALLBACK")
JWT_PUBLIC_KEYS = pem_blocks(env.str("JWT_PUBLIC_KEY").replace("\\r\\n", "\n").replace("\\n", "\n"))
JWT_JWKS_URL = env.str("JWT_JWKS_URL")
JWT_ISSUER = env.str("JWT_ISSUER")
JWT_AUDIENCE = env.str("JWT_AUDIENCE")
if JWT_JWKS_URL:
    addresses.http("JWT_JWKS_URL", JWT_JWKS_URL.partition("?")[0])
if JWT_ALGORITHM == "HS256" and not JWT_SECRET:
    raise ImproperlyConfigured("Set JWT_SECRET in the environment: JWT_ALGORITHM is HS256.")
if JWT_ALGORITHM != "HS256" and not (JWT_PUBLIC_KEYS or JWT_JWKS_URL):
    raise ImproperlyConfigured(
        f"Set JWT_PUBLIC_KEY or JWT_JWKS_URL in the environment: JWT_ALGORITHM is {JWT_ALGORITHM}."
    )
if JWT_ALGORITHM != "HS256" and not all(is_public_key(key, JWT_ALGORITHM) for key in JWT_PUBLIC_KEYS):
    raise ImproperlyConfigured(f"JWT_PUBLIC_KEY is no public key for {JWT_ALGORITHM}: set it to the issuer's, as PEM.")

# --- orders and payments ----------------------------------------------------------------------------------------------
ORDER_EXPIRY_SECONDS = env.int("ORDER_EXPIRY_SECONDS", default=900)
STOCK_HOLD_SECONDS = env.int("STOCK_HOLD_SECONDS", default=ORDER_EXPIRY_SECONDS + 120)
if STOCK_HOLD_SECONDS < ORDER_EXPIRY_SECONDS:
    raise ImproperlyConfigured(
        f"STOCK_HOLD_SECONDS is {STOCK_HOLD_SECONDS}, less than ORDER_EXPIRY_SECONDS ({ORDER_EXPIRY_SECONDS}): stock must be"
        " held for as long as an order may be paid."
    )
PAYMENT_SIGNING_SECRET = env.str("PAYMENT_SIGNING_SECRET", default="")
PAYMENT_SIGNING_SECRET_FALLBACK = env.str("PAYMENT_SIGNING_SECRET_FALLBACK")
if PAYMENT_SIGNING_SECRET_FALLBACK and not PAYMENT_SIGNING_SECRET:
    raise ImproperlyConfigured(
        "PAYMENT_SIGNING_SECRET_FALLBACK is set without PAYMENT_SIGNING_SECRET: unsigned messages would be accepted."
    )
PAYMENT_CHANNEL = env.bool("PAYMENT_CHANNEL", default=True)
PAYMENT_STATUS_AFTER_SECONDS = env.int("PAYMENT_STATUS_AFTER_SECONDS", default=30)
PAYMENT_PARKING_SECONDS = env.int("PAYMENT_PARKING_SECONDS", default=60, least=0)
CHECKOUT_BUDGET_SECONDS = env.float("CHECKOUT_BUDGET_SECONDS", default=5)
CHECKOUTS_IN_FLIGHT = env.int("CHECKOUTS_IN_FLIGHT", default=64, least=0)
REQUESTS_IN_FLIGHT = env.int("REQUESTS_IN_FLIGHT", default=100, least=0)
CHECKOUT_QUEUE_MS = env.int("CHECKOUT_QUEUE_MS", default=100, least=0)
OUTBOX_GIVE_UP_SECONDS = env.int("OUTBOX_GIVE_UP_SECONDS", default=24 * 3600)
RECONCILE_SECONDS = env.float("RECONCILE_SECONDS", default=60)
STREAMS_IN_FLIGHT = env.int("STREAMS_IN_FLIGHT", default=500)
SHUTDOWN_DRAIN_SECONDS = env.int("SHUTDOWN_DRAIN_SECONDS", default=0, least=0)
try:
    RATE_LIMITS = policies.parse(env.str("RATE_LIMITS", default="on"))
except ValueError as error:
    raise ImproperlyConfigured(str(error)) from None
LOG_LEVEL = env.choice("LOG_LEVEL", "INFO", ("DEBUG", "INFO", "WARNING", "ERROR"), in_capitals=True)
LOGGING = logs.configure(LOG_LEVEL)

# --- metrics and traces; OpenTelemetry reads its other variables itself -------------------------------------------------
METRICS_ADDRESS = env.str("METRICS_ADDRESS")
if METRICS_ADDRESS:
    addresses.host_port("METRICS_ADDRESS", METRICS_ADDRESS)
TRACING = (
    bool(env.str("OTEL_EXPORTER_OTLP_ENDPOINT") or env.str("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"))
    and env.choice("OTEL_TRACES_EXPORTER", "otlp", ("otlp", "none")) == "otlp"
    and not env.bool("OTEL_SDK_DISABLED", default=False)
)

# --- the API and its documentation; classes of views set here are read by the schema only (orders.http.views) -----------
REST_FRAMEWORK = {
    "EXCEPTION_HANDLER": "orders.http.problems.exception_handler",
    "DEFAULT_SCHEMA_CLASS": "orders.http.openapi.auto_schema.ViewSchema",
    "DEFAULT_AUTHENTICATION_CLASSES": [],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "UNAUTHENTICATED_USER": None,
}
SPECTACULAR_SETTINGS = {
    "DEFAULT_GENERATOR_CLASS": "orders.http.openapi.generator.Generator",
    "OAS_VERSION": "3.1.0",
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "SORT_OPERATIONS": False,  # the order of the URLs
    "SORT_OPERATION_PARAMETERS": False,
    "COMPONENT_SPLIT_REQUEST": True,
    "SERVE_INCLUDE_SCHEMA": False,
    "SECURITY": [{"token": []}],
    "ENUM_SUFFIX": "",
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,
    "PATH_CONVERTER_OVERRIDES": {
        "any_case_uuid": {"type": "string", "format": "uuid"},
        "coupon_code": {"type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9_-]{2,49}$"},
    },
    "COMPONENT_SPLIT_PATCH": False,  # all fields of a change are optional anyway
    "ENUM_NAME_OVERRIDES": {
        "DeadLetterSource": "orders.api.admin.serializers.DEAD_LETTER_SOURCES",
        "OrderAction": "orders.api.orders.serializers.ORDER_ACTIONS",
        "OrderStatusForVendor": "orders.domain.lifecycle.ORDER_STATUSES_FOR_VENDORS",
        "VendorOrderAction": "orders.api.vendor_orders.serializers.VENDOR_ORDER_ACTIONS",
        "OrderStatus": "orders.domain.lifecycle.ORDER_STATUSES",
        "VendorOrderStatus": "orders.domain.lifecycle.VENDOR_ORDER_STATUSES",
        "CouponKind": "orders.coupons.api.serializers.KINDS",
        "FundedBy": "orders.coupons.api.serializers.FUNDERS",
        "CouponState": "orders.coupons.api.serializers.STATES",
        "CouponEventType": "orders.coupons.api.serializers.EVENT_TYPES",
        "CouponManager": "orders.coupons.api.serializers.MANAGERS",
        "RedemptionStatus": "orders.coupons.api.serializers.STATUSES",
        "PaymentStatus": "orders.domain.lifecycle.PAYMENT_STATUSES",
    },
}
