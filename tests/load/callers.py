"""The callers of the load test and the marketplace around them: of a sandbox, or those whose tokens the environment has.

With SANDBOX_CONTROL_URL the sandbox gives each customer a name, a cart and products with stock, and JWT_SECRET signs the
tokens. Without it, at any other service, LOAD_CUSTOMER_TOKENS, LOAD_VENDOR_TOKENS and LOAD_ADMIN_TOKENS have tokens,
separated by commas; then nothing is ordered, for carts cannot be filled.
"""

import logging
import os
import random
import time
import uuid
from functools import cache

import httpx
import jwt

PRODUCTS = {f"load-{number}": f"v-load-{number % 4}" for number in range(20)}
"""Product id → vendor."""

STOCK = 10**9
TOKEN_SECONDS = 12 * 3600
TIMEOUT_SECONDS = 10

HAS_SANDBOX = bool(os.environ.get("SANDBOX_CONTROL_URL"))
"""True if users place and fulfil orders; without a sandbox they send reading requests only."""

COUPON = "LOAD5"

logging.getLogger("httpx").setLevel(logging.WARNING)  # one line for each cart


@cache
def control() -> httpx.Client:
    """Return the client of the sandbox's control API."""
    return httpx.Client(base_url=os.environ["SANDBOX_CONTROL_URL"], trust_env=False, timeout=TIMEOUT_SECONDS)


def prepare(host: str) -> None:
    """Create all products, with more stock than will be bought, and a coupon; there is nothing to do without a sandbox."""
    if not HAS_SANDBOX:
        return
    for product_id, vendor_id in PRODUCTS.items():
        price = random.randint(1, 10_000)
        article = {"vendor_id": vendor_id, "name": "Mug", "sku": product_id.upper(), "unit_price_minor": price}
        _put(f"/products/{product_id}", {**article, "currency": "EUR", "stock": STOCK})
    coupon = {"code": COUPON, "kind": "percentage", "percent": "5.00", "name": "Load test"}
    headers = {"Authorization": f"Bearer {_signed('load', 'admin')}"}
    made = httpx.post(f"{host}/api/v1/coupons", json=coupon, headers=headers, trust_env=False, timeout=TIMEOUT_SECONDS)
    if made.status_code != httpx.codes.CONFLICT:  # of an earlier run
        made.raise_for_status()


def new_customer() -> tuple[str, str]:
    """Return the id and the token of a customer: a new one in a sandbox, so that the rate limits refuse none."""
    if not HAS_SANDBOX:
        return "", _given("CUSTOMER")
    customer_id = f"load-{uuid.uuid4()}"
    _put(f"/users/{customer_id}", {"name": "Ada"})
    return customer_id, _signed(customer_id, "customer")


def vendor_token() -> str:
    """Return the token of one of the vendors."""
    vendor_id = random.choice(sorted(set(PRODUCTS.values())))
    return _signed(f"clerk-{uuid.uuid4()}", "vendor", vendor_id) if HAS_SANDBOX else _given("VENDOR")


def admin_token() -> str:
    """Return the token of an admin."""
    return _signed(f"admin-{uuid.uuid4()}", "admin") if HAS_SANDBOX else _given("ADMIN")


def fill_cart(customer_id: str) -> None:
    """Replace the cart by one to four products."""
    chosen = random.sample(sorted(PRODUCTS), random.randint(1, 4))
    items = [{"product_id": product_id, "quantity": random.randint(1, 3)} for product_id in chosen]
    _put(f"/carts/{customer_id}", {"currency": "EUR", "items": items})


def _put(path: str, body: object) -> None:
    control().put(path, json=body).raise_for_status()


def _given(role: str) -> str:
    name = f"LOAD_{role}_TOKENS"
    tokens = [token.strip() for token in os.environ.get(name, "").split(",") if token.strip()]
    if not tokens:
        raise ValueError(f"{name} in the environment: give tokens, separated by commas, or SANDBOX_CONTROL_URL.")
    return random.choice(tokens)


def _signed(subject: str, role: str, vendor_id: str | None = None) -> str:
    now = int(time.time())
    claims = {"sub": subject, "role": role, "iat": now, "exp": now + TOKEN_SECONDS}
    claims |= {"iss": os.environ["JWT_ISSUER"], "aud": os.environ["JWT_AUDIENCE"]}
    claims |= {"vendor_id": vendor_id} if vendor_id else {}
    return jwt.encode(claims, os.environ["JWT_SECRET"], algorithm="HS256")
