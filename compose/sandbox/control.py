"""The sandbox: stand-ins for User, Cart, Product and Payment. This is their control. Everything is JSON.

What there is
  PUT  /users/{id}                    any of id, name, email, role, is_active, default_address; the rest stays as it was
  PUT  /carts/{customer_id}           {"currency": "EUR", "items": [{"product_id": "p-1", "quantity": 2}]}: stored under
                                      a new version, or the "version" given; with "raw": true whatever you send is it;
                                      with "refilled": true each look finds it under a new version
  POST /carts/{customer_id}/refill    a seeded cart as it was at the start, under a new version
  PUT  /products/{id}                 any of vendor_id, name, sku, unit_price_minor, currency, stock (units available
                                      from now on; what is held or sold stays so)
  POST /holds/{order_id}/expire       the order's stock hold has run out, now

Payment
  PUT  /payments                      any of behaviour (capture, authorize, fail, manual, ignore),
                                      via (both, channel, stream), capture_after (seconds)
  PUT  /payments/{order_id}           the same for one order, heard of or not
  POST /payments/{order_id}/{action}  capture, authorize, fail, void, refund, refund_failed or unknown: says so at once,
                                      whatever the state. Any of amount_minor, currency, event_id, payment_id,
                                      refund_id, reason, occurred_at; else what was requested. With a signature given
                                      it is a forgery: sent, and never happened
  POST /payments/messages             {"message": "any text", "via": "both"}: sent as it is, as if it were an event

Faults of user, cart, product or payment
  GET    /faults                      what is armed
  PUT    /faults/{neighbour}          one fault or a list of them, in place of those before:
                                      {"kind": "status", "value": 503, "times": 3, "call": "clear", "after": true}
                                      The first that fits a call spoils it; a delay is waited out and the search goes on
           times   only the next N calls; else all
           call    only get, clear, ReserveStock, payment.requested …; else any
           after   the call takes effect and its answer is spoilt (hang, status, reset)
           user, cart kinds (with their value): delay (seconds), hang, status (200 to 599), reset,
                   drip (seconds between bytes), garbage, huge (bytes), wrong_types, body (any JSON)
           product kinds: delay (seconds), hang, late (takes effect after so many seconds, is never answered),
                   unavailable_before, unavailable_after, status (a gRPC status name), body ({WRONG_ANSWERS})
           payment kinds: deaf (what is said to it meanwhile is lost)
  DELETE /faults/{neighbour}          it behaves again
  DELETE /faults                      all do

What really happened
  GET  /ledger                        everything
  GET  /ledger/{neighbour}            one neighbour
  GET  /ledger/cart/{order_id}        clears heard and in effect
  GET  /ledger/product/{order_id}     the hold, and what took effect
  GET  /ledger/payment/{order_id}     commands heard, money moved, events told
"""

import json
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import Any

from aiohttp import web

from compose.sandbox import seed
from compose.sandbox.carts import Carts
from compose.sandbox.hold import InvalidArgument
from compose.sandbox.payment_settings import checked
from compose.sandbox.payments import ACTIONS, Payments
from compose.sandbox.products import Products
from compose.sandbox.users import Users
from compose.sandbox.wrong_answers import WRONG_ANSWERS

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
LARGEST_BODY = 32 * 2**20
"""Room for messages and bodies that are too large on purpose."""


class Control:
    """The doors to all four neighbours that only tests and curious people use."""

    def __init__(self, users: Users, carts: Carts, products: Products, payments: Payments) -> None:
        self._users, self._carts, self._products, self._payments = users, carts, products, payments
        self._ledgers = {
            "user": users.ledger,
            "cart": carts.ledger,
            "product": products.ledger,
            "payment": payments.ledger,
        }
        self._faults = {
            "user": users.door.faults,
            "cart": carts.door.faults,
            "product": products.faults,
            "payment": payments.faults,
        }
        self._of_order: dict[str, Callable[[str], dict[str, Any]]] = {
            "cart": carts.clears,
            "product": products.holds.ledger_of,
            "payment": payments.ledger_of,
        }

    def app(self) -> web.Application:
        """The control as its users see it."""
        app = web.Application(client_max_size=LARGEST_BODY, middlewares=[explain])
        app.add_routes(
            [
                web.get("/", self.help),
                web.put("/users/{id}", self.put_user),
                web.put("/carts/{id}", self.put_cart),
                web.post("/carts/{id}/refill", self.refill_cart),
                web.put("/products/{id}", self.put_product),
                web.post("/holds/{id}/expire", self.expire_hold),
                web.put("/payments", self.put_terms),
                web.post("/payments/messages", self.tell_raw),
                web.put("/payments/{id}", self.put_terms_of),
                web.post("/payments/{id}/{action}", self.emit),
                web.get("/faults", self.armed),
                web.delete("/faults", self.clear_all),
                web.put("/faults/{neighbour}", self.arm),
                web.delete("/faults/{neighbour}", self.clear),
                web.get("/ledger", self.ledger),
                web.get("/ledger/{neighbour}", self.ledger_of),
                web.get("/ledger/{neighbour}/{id}", self.ledger_of_order),
            ]
        )
        return app

    async def help(self, request: web.Request) -> web.Response:
        """This file's first page."""
        return web.Response(text=str(__doc__).replace("{WRONG_ANSWERS}", ", ".join(WRONG_ANSWERS)))

    async def put_user(self, request: web.Request) -> web.Response:
        """Store a user."""
        return answer(self._users.put(request.match_info["id"], await given(request)))

    async def put_cart(self, request: web.Request) -> web.Response:
        """Store a cart."""
        return answer(self._carts.put(request.match_info["id"], await given(request)))

    async def refill_cart(self, request: web.Request) -> web.Response:
        """Fill a seeded cart again."""
        return answer(seed.refill(self._carts, request.match_info["id"]))

    async def put_product(self, request: web.Request) -> web.Response:
        """Store a product."""
        self._products.holds.let_expire()
        return answer(asdict(self._products.shelves.put(request.match_info["id"], await given(request))))

    async def expire_hold(self, request: web.Request) -> web.Response:
        """Let an order's hold run out."""
        return answer(asdict(self._products.holds.expire(request.match_info["id"])))

    async def put_terms(self, request: web.Request) -> web.Response:
        """Change the terms for everybody."""
        return answer(self._payments.terms.set(await given(request)))

    async def put_terms_of(self, request: web.Request) -> web.Response:
        """Change the terms for one order."""
        return answer(self._payments.terms.set_of(request.match_info["id"], await given(request)))

    async def emit(self, request: web.Request) -> web.Response:
        """Make Payment say something."""
        if request.match_info["action"] not in ACTIONS:
            raise LookupError(f"The actions are {', '.join(ACTIONS)}.")
        fields = await given(request)
        return answer(self._payments.emit(request.match_info["id"], request.match_info["action"], fields))

    async def tell_raw(self, request: web.Request) -> web.Response:
        """Send any text as an event."""
        match await given(request):
            case {"message": str(text), **rest} if set(rest) <= {"via"}:
                self._payments.tell_raw(text, checked(rest).get("via"))
                return answer({"sent": len(text)})
        raise ValueError('The body is {"message": "any text", "via": "both"}.')

    async def armed(self, request: web.Request) -> web.Response:
        """What is armed."""
        return answer({name: faults.armed() for name, faults in self._faults.items()})

    async def arm(self, request: web.Request) -> web.Response:
        """Arm faults."""
        faults = self._faults[neighbour(request)]
        faults.arm(await body(request))
        return answer(faults.armed())

    async def clear(self, request: web.Request) -> web.Response:
        """Let one neighbour behave."""
        self._faults[neighbour(request)].clear()
        return web.Response(status=204)

    async def clear_all(self, request: web.Request) -> web.Response:
        """Let all behave."""
        for faults in self._faults.values():
            faults.clear()
        return web.Response(status=204)

    async def ledger(self, request: web.Request) -> web.Response:
        """Everything that happened."""
        return answer({name: ledger() for name, ledger in self._ledgers.items()})

    async def ledger_of(self, request: web.Request) -> web.Response:
        """What happened to one neighbour."""
        return answer(self._ledgers[neighbour(request)]())

    async def ledger_of_order(self, request: web.Request) -> web.Response:
        """What one order did to one neighbour."""
        if neighbour(request) not in self._of_order:
            raise LookupError(f"Orders stand in the ledgers of {', '.join(self._of_order)}.")
        return answer(self._of_order[neighbour(request)](request.match_info["id"]))


def neighbour(request: web.Request) -> str:
    """The neighbour named in the path, or `LookupError`."""
    name = request.match_info["neighbour"]
    if name not in ("user", "cart", "product", "payment"):
        raise LookupError("The neighbours are user, cart, product and payment.")
    return name


async def body(request: web.Request) -> Any:
    """The JSON sent; an empty body is {}."""
    return json.loads(await request.read() or b"{}")


async def given(request: web.Request) -> dict[str, Any]:
    """The JSON object sent."""
    sent = await body(request)
    if not isinstance(sent, dict):
        raise ValueError("The body is a JSON object.")
    return sent


def answer(content: Any) -> web.Response:
    """A readable answer, for the curious."""
    return web.json_response(content, dumps=lambda value: json.dumps(value, indent=1) + "\n")


@web.middleware
async def explain(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Tell what was wrong: nonsense is 400, what is not there 404."""
    try:
        return await handler(request)
    except (ValueError, InvalidArgument) as problem:
        return web.json_response({"detail": str(problem)}, status=400)
    except LookupError as problem:
        return web.json_response({"detail": str(problem)}, status=404)
