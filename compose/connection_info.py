"""The connection info of a local stack: its addresses, its secrets, and tokens for every role.

A stack writes it to its folder, so that other commands (`make demo`, `make load`) find the running stack.
"""

import fcntl
import json
import secrets
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

import jwt

JWT_ISSUER = "local-users"
JWT_AUDIENCE = "order-service"
TOKEN_SECONDS = 12 * 3600
GENERATED_SECRETS = ("SERVICE_TOKEN", "JWT_SECRET", "PAYMENT_SIGNING_SECRET", "DJANGO_SECRET_KEY")


@dataclass(frozen=True)
class ConnectionInfo:
    """The addresses and secrets of a running stack."""

    url: str
    control_url: str
    expiry_seconds: int
    jwt_secret: str

    def token(self, role: str, subject: str, vendor_id: str | None = None) -> str:
        """Return a JWT for the service, valid for twelve hours."""
        now = int(time.time())
        claims = {"sub": subject, "role": role, "iat": now, "exp": now + TOKEN_SECONDS}
        claims |= {"iss": JWT_ISSUER, "aud": JWT_AUDIENCE}
        if vendor_id is not None:
            claims["vendor_id"] = vendor_id
        return jwt.encode(claims, self.jwt_secret, algorithm="HS256")

    def environment(self) -> dict[str, str]:
        """Return the environment of a program that uses the stack (`compose.local during`)."""
        return {
            "ORDER_SERVICE_URL": self.url,
            "LOCUST_HOST": self.url,
            "SANDBOX_CONTROL_URL": self.control_url,
            "JWT_SECRET": self.jwt_secret,
            "JWT_ISSUER": JWT_ISSUER,
            "JWT_AUDIENCE": JWT_AUDIENCE,
        }

    def write(self, folder: Path) -> None:
        """Write the file that `find_running` reads."""
        write_private(folder / "stack.json", json.dumps(asdict(self), indent=2) + "\n")


def find_running(folder: Path) -> ConnectionInfo | None:
    """Return the connection info of this folder's stack, if it runs and is ready."""
    try:
        with (folder / "lock").open() as lock:
            if try_lock(lock):
                return None  # the file is of a stack that has ended
        return ConnectionInfo(**json.loads((folder / "stack.json").read_text()))
    except FileNotFoundError:
        return None


def try_lock(file: IO[str]) -> bool:
    """Lock a file until it is closed; return False when another process holds the lock."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def load_secrets(folder: Path) -> dict[str, str]:
    """Return the secrets of the stack in this folder, generated at its first start."""
    file = folder / "secrets.json"
    known: dict[str, str] = json.loads(file.read_text()) if file.exists() else {}
    if missing := [name for name in GENERATED_SECRETS if name not in known]:
        known |= {name: secrets.token_urlsafe(48) for name in missing}
        write_private(file, json.dumps(known, indent=2) + "\n")
    return known


def write_private(file: Path, text: str) -> None:
    """Write a file atomically, readable by its owner only."""
    draft = file.with_name(file.name + ".new")
    draft.touch(mode=0o600)
    draft.write_text(text)
    draft.replace(file)
