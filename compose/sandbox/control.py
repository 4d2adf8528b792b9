"""The control API of the sandbox, the stand-ins for User, Cart, Product and Payment. Everything is JSON.

Data
  PUT  /users/{id}                    any of id, name, email, role, is_active, default_address; other fields are unchanged
  PUT  /carts/{customer_id}           {"currency": "EUR", "items": [{"product_id": "p-1", "quantity": 2}]}: stored under
                                      a new version, or the "version" given; with "raw": true the body is stored unvalidated;
                                      with "refilled": true each read has a new version
  POST /carts/{customer_id}/refill    restores a seeded cart under a new version
  PUT  /products/{id}                 any of vendor_id, name, sku, unit_price_minor, currency, stock (available
                                      units; held and sold units are unchanged)
  POST /holds/{order_id}/expire       the order's stock hold expires now
  PUT  /tokens                        ["token", …]: the bearer tokens that user, cart and product accept from now on

Payment
  PUT  /payments                      any of behaviour (capture, authorize, fail, manual, ignore),
                                      via (both, channel, stream), capture_after (seconds)
  PUT  /payments/{order_id}           the same for one order, known or not
  POST /payments/{order_id}/{action}  capture, authorize, fail, void, refund, refund_failed or unknown: sends the event now,
                                      in any state. Any of amount_minor, currency, event_id, payment_id,
                                      refund_id, reason, occurred_at; else what was requested. With a signature it is a
                                      forgery: sent, but not recorded
  POST /payments/messages             {"message": "any text", "via": "both"}: sent unchanged, in place of an event

Faults of user, cart, product or payment
  GET    /faults                      the armed faults
  PUT    /faults/{neighbour}          one fault or a list of them, replacing the armed ones:
                                      {"kind": "status", "value": 503, "times": 3, "call": "clear", "after": true}
                                      The first that matches a call affects it; after a delay the search continues
           times   only the next N calls; else all
           call    only get, clear, ReserveStock, payment.requested …; else any
           after   the call takes effect and its response is lost (hang, status, reset)
           user, cart kinds (with their value): delay (seconds), hang, status (200 to 599), reset,
                   drip (seconds between bytes), garbage, huge (bytes), wrong_types, body (any JSON)
           product kinds: delay (seconds), hang, late (takes effect after so many seconds, without a response),
                   unavailable_before, unavailable_after, status (a gRPC status name), body ({WRONG_RESPONSES})
           payment kinds: deaf (commands sent meanwhile are lost)
  DELETE /faults/{neighbour}          disarms them
  DELETE /faults                      disarms all

Ledgers
  GET  /ledger                        everything
  GET  /ledger/{neighbour}            one neighbour
  GET  /ledger/cart/{order_id}        clears received and in effect
  GET  /ledger/product/{order_id}     the hold, and what took effect
  GET  /ledger/payment/{order_id}     commands received, money moved, events sent
"""

import json
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import msgspec
from aiohttp import web

from compose.sandbox import seed
from compose.sandbox.carts import Carts
from compose.sandbox.faults import Fault
from compose.sandbox.hold import InvalidArgument
from compose.sandbox.payments import Payments, RawMessage
from compose.sandbox.products import Products
from compose.sandbox.users import Users
from compose.sandbox.wrong_responses import WRONG_RESPONSES

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Object = dict[str, Any]
MAX_BODY = 32 * 2**20
"""The size limit of requests, for messages and bodies that are deliberately too large."""


class Control:
    """The HTTP API for changing and inspecting all four neighbours."""

    def __init__(self, users: Users, carts: Carts, products: Products, payments: Payments) -> None:
        self._users, self._carts, self._products, self._payments = users, carts, products, payments
        self._all: dict[str, Users | Carts | Products | Payments] = {
            "user": users,
            "cart": carts,
            "product": products,
            "payment": payments,
        }
        self._by_order = {"cart": carts.ledger_of, "product": products.holds.ledger_of, "payment": payments.ledger_of}

    def app(self) -> web.Application:
        """Return the HTTP application of the control API."""
        app = web.Application(client_max_size=MAX_BODY, middlewares=[report_errors])
        settings = self._payments.settings
        app.add_routes(
            [
                web.get("/", show_help),
                web.put("/users/{user_id}", endpoint(self._users.put, body=Object)),
                web.put("/carts/{customer_id}", endpoint(self._carts.put, body=Object)),
                web.post("/carts/{customer_id}/refill", endpoint(partial(seed.refill, self._carts))),
                web.put("/products/{product_id}", endpoint(self._products.put, body=Object)),
                web.post("/holds/{order_id}/expire", endpoint(self._products.holds.expire)),
                web.put("/tokens", endpoint(self.accept, body=list[str])),
                web.put("/payments", endpoint(settings.set, body=Object)),
                web.post("/payments/messages", endpoint(self._payments.publish_raw, body=RawMessage)),
                web.put("/payments/{order_id}", endpoint(settings.set_for, body=Object)),
                web.post("/payments/{order_id}/{action}", endpoint(self._payments.emit, body=Object)),
                web.get("/faults", endpoint(self.armed)),
                web.delete("/faults", endpoint(self.clear_all)),
                web.put("/faults/{neighbour}", endpoint(self.arm, body=Any)),
                web.delete("/faults/{neighbour}", endpoint(self.clear)),
                web.get("/ledger", endpoint(self.ledger)),
                web.get("/ledger/{neighbour}", endpoint(self.ledger_of)),
                web.get("/ledger/{neighbour}/{order_id}", endpoint(self.ledger_of_order)),
            ]
        )
        return app

    def accept(self, tokens: list[str]) -> None:
        """Have User, Cart and Product accept these tokens and no other."""
        for neighbour in (self._users, self._carts, self._products):
            neighbour.call_log.accept(tokens)

    def armed(self) -> dict[str, list[Fault]]:
        """Return the armed faults of each neighbour."""
        return {name: neighbour.faults.armed for name, neighbour in self._all.items()}

    def arm(self, name: str, wanted: object) -> list[Fault]:
        """Arm faults of one neighbour and return them."""
        return self._neighbour(name).faults.arm(wanted)

    def clear(self, name: str) -> None:
        """Disarm the faults of one neighbour."""
        self._neighbour(name).faults.clear()

    def clear_all(self) -> None:
        """Disarm all faults."""
        for neighbour in self._all.values():
            neighbour.faults.clear()

    def ledger(self) -> Object:
        """Return the ledgers of all neighbours."""
        return {name: neighbour.ledger() for name, neighbour in self._all.items()}

    def ledger_of(self, name: str) -> Object:
        """Return the ledger of one neighbour."""
        return self._neighbour(name).ledger()

    def ledger_of_order(self, name: str, order_id: str) -> Object:
        """Return one order's entries in the ledger of one neighbour."""
        if name not in self._by_order:
            raise LookupError(f"Orders are in the ledgers of {', '.join(self._by_order)}.")
        return self._by_order[name](order_id)

    def _neighbour(self, name: str) -> Users | Carts | Products | Payments:
        if name not in self._all:
            raise LookupError(f"The neighbours are {', '.join(self._all)}.")
        return self._all[name]


async def show_help(request: web.Request) -> web.Response:
    """Return the docstring of this module."""
    return web.Response(text=str(__doc__).replace("{WRONG_RESPONSES}", ", ".join(WRONG_RESPONSES)))


def endpoint(function: Callable[..., Any], *, body: Any = None) -> Handler:
    """Return a handler that calls the function with the path's values and, where it has a type, the JSON body.

    An empty body is {}. The function's result is sent as indented JSON; None is sent as 204.
    """

    async def handle(request: web.Request) -> web.Response:
        arguments = list(request.match_info.values())
        if body is not None:
            arguments.append(msgspec.convert(json.loads(await request.read() or b"{}"), body))
        result = function(*arguments)
        if result is None:
            return web.Response(status=204)
        text = json.dumps(result, indent=1, default=msgspec.to_builtins) + "\n"
        return web.Response(text=text, content_type="application/json")

    return handle


@web.middleware
async def report_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Return 400 for an invalid request and 404 for an unknown name, each with the reason."""
    try:
        return await handler(request)
    except (ValueError, InvalidArgument) as problem:
        return web.json_response({"detail": str(problem)}, status=400)
    except LookupError as problem:
        return web.json_response({"detail": str(problem)}, status=404)
