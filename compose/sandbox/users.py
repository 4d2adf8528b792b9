"""The User Service: `GET /users/{user_id}`."""

from typing import Any

from aiohttp import web

from compose.sandbox.http_neighbour import HttpNeighbour, Result

PARIS = {
    "line1": "1 Main St",
    "line2": "",
    "city": "Paris",
    "state": "",
    "postal_code": "75001",
    "country": "FR",
    "phone": "",
}


class Users(HttpNeighbour):
    """The users, by id."""

    def __init__(self, token: str) -> None:
        super().__init__(token)
        self._users: dict[str, dict[str, Any]] = {}

    def put(self, user_id: str, given: dict[str, Any]) -> dict[str, Any]:
        """Store a user: `given` over what was stored, or over an active customer in Paris. Invalid values are stored too.

        A partial `default_address` is merged with the stored one; null removes it.
        """
        known = self._users.get(user_id) or default_user(user_id)
        user = {**known, **given}
        if isinstance(given.get("default_address"), dict):
            known_address = known["default_address"] if isinstance(known["default_address"], dict) else PARIS
            user["default_address"] = {**known_address, "name": user["name"], **given["default_address"]}
        self._users[user_id] = user
        return user

    async def get(self, request: web.Request) -> Result:
        """Return the user, or 404."""
        user = self._users.get(request.match_info["user_id"])
        return (200, user) if user else (404, {"detail": "unknown user"})

    def app(self) -> web.Application:
        """Return the HTTP application of the service."""
        app = web.Application()
        app.router.add_get("/users/{user_id}", self.endpoint("get", self.get))
        return app

    def ledger(self) -> dict[str, Any]:
        """Return the recorded calls and the number of users."""
        return {**super().ledger(), "users": len(self._users)}


def default_user(user_id: str) -> dict[str, Any]:
    """Return the default data of a user."""
    name = user_id.capitalize()
    return {
        "id": user_id,
        "name": name,
        "email": f"{user_id}@example.com",
        "role": "customer",
        "is_active": True,
        "default_address": {**PARIS, "name": name},
    }
