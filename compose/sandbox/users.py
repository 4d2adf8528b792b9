"""The User Service: `GET /users/{user_id}`."""

from typing import Any

from aiohttp import web

from compose.sandbox.http_neighbour import Answer, HttpDoor

PARIS = {
    "line1": "1 Main St",
    "line2": "",
    "city": "Paris",
    "state": "",
    "postal_code": "75001",
    "country": "FR",
    "phone": "",
}


class Users:
    """The people of the marketplace, by id."""

    def __init__(self, token: str) -> None:
        self.door = HttpDoor(token)
        self._people: dict[str, dict[str, Any]] = {}

    def put(self, user_id: str, given: dict[str, Any]) -> dict[str, Any]:
        """Store a user: `given` over what was stored, or over an active customer in Paris. Nonsense is stored as it is.

        A partial `default_address` fills up from the one before; null takes it away.
        """
        known = self._people.get(user_id) or newcomer(user_id)
        person = {**known, **given}
        if isinstance(given.get("default_address"), dict):
            known_address = known["default_address"] if isinstance(known["default_address"], dict) else PARIS
            person["default_address"] = {**known_address, "name": person["name"], **given["default_address"]}
        self._people[user_id] = person
        return person

    async def get(self, request: web.Request) -> Answer:
        """Answer the user, or 404."""
        person = self._people.get(request.match_info["user_id"])
        return (200, person) if person else (404, {"detail": "unknown user"})

    def app(self) -> web.Application:
        """The service as its clients see it."""
        app = web.Application()
        app.router.add_get("/users/{user_id}", self.door.guard("get", self.get))
        return app

    def ledger(self) -> dict[str, Any]:
        """What was asked so far."""
        return {**self.door.ledger(), "users": len(self._people)}


def newcomer(user_id: str) -> dict[str, Any]:
    """What a user is unless told otherwise."""
    name = user_id.capitalize()
    return {
        "id": user_id,
        "name": name,
        "email": f"{user_id}@example.com",
        "role": "customer",
        "is_active": True,
        "default_address": {**PARIS, "name": name},
    }
