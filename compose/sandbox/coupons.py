"""The seeded coupons, created through the service's own API by an admin: `python -m compose.sandbox.coupons URL`.

Coupons belong to the service, not to a neighbour. A code that exists is left as it is.
"""

import os
import sys
import time
from typing import Any

import httpx
import jwt

COUPONS: tuple[dict[str, Any], ...] = (
    {"code": "WELCOME10", "kind": "percentage", "percent": "10.00", "first_order_only": True, "name": "A first order"},
    {
        "code": "SUMMER5",
        "kind": "fixed_amount",
        "amount": "5.00",
        "currency": "EUR",
        "minimum_spend": "30.00",
        "stackable": True,
        "name": "5.00 off from 30.00 on, with other coupons",
    },
    {
        "code": "ATELIER15",
        "kind": "percentage",
        "percent": "15.00",
        "vendor_id": "v-atelier",
        "stackable": True,
        "name": "The atelier's own",
    },
    {
        "code": "BOOKS3FOR2",
        "kind": "buy_x_get_y",
        "buy_quantity": 2,
        "get_quantity": 1,
        "vendor_id": "v-books",
        "name": "Three books for two",
    },
)


def seed_coupons(url: str, admin_token: str) -> list[str]:
    """Create the coupons that do not exist; return the codes of all. Raises httpx.HTTPError."""
    authorization = {"Authorization": f"Bearer {admin_token}"}
    with httpx.Client(base_url=f"{url}/api/v1", headers=authorization, timeout=10, trust_env=False) as admin:
        for coupon in COUPONS:
            answer = admin.post("/coupons", json=coupon)
            if answer.status_code != httpx.codes.CONFLICT:
                answer.raise_for_status()
    return [str(coupon["code"]) for coupon in COUPONS]


def main() -> int:
    """Seed the service at the address in the first argument, with a token signed by JWT_SECRET (HS256)."""
    now = int(time.time())
    claims = {"sub": "sandbox", "role": "admin", "iat": now, "exp": now + 60}
    claims |= {"iss": os.environ["JWT_ISSUER"], "aud": os.environ["JWT_AUDIENCE"]}
    codes = seed_coupons(sys.argv[1], jwt.encode(claims, os.environ["JWT_SECRET"], algorithm="HS256"))
    print(f"Coupons: {', '.join(codes)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
