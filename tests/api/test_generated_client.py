"""A client generated from `openapi.yaml` by openapi-python-client takes one order from checkout to delivery.

The generator leaves out what it cannot read, with a warning, so any warning is a failure.
"""

import importlib
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from compose.stack import CHECKOUT
from tests.support.world import Person, World, eventually

PACKAGE = "generated_order_service"
PARCEL = {"carrier": "La Poste", "tracking_number": "6A1", "tracking_url": "https://example.com/6A1"}
ADDRESS = {
    "name": "Ada Lovelace",
    "line1": "12 Rue des Martyrs",
    "city": "Paris",
    "postal_code": "75009",
    "country": "FR",
}


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModuleType]:
    """Yield the generated package."""
    folder = tmp_path_factory.mktemp("client")
    config = folder / "config.yaml"
    config.write_text("post_hooks: []\n")  # the generator's own formatting
    target = ["--path", str(CHECKOUT / "openapi.yaml"), "--output-path", str(folder / PACKAGE), "--meta", "none"]
    command = [sys.executable, "-m", "openapi_python_client", "generate", *target, "--config", str(config)]
    made = subprocess.run([*command, "--fail-on-warning"], capture_output=True, text=True, timeout=60, check=False)
    assert made.returncode == 0, made.stdout + made.stderr
    assert "warning" not in (made.stdout + made.stderr).lower()
    sys.path.insert(0, str(folder))
    yield importlib.import_module(PACKAGE)
    sys.path.remove(str(folder))
    for name in [name for name in sys.modules if name.partition(".")[0] == PACKAGE]:
        del sys.modules[name]


class Api:
    """The generated functions by their operation ids, called with one person's token."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def __call__(self, operation: str, *path: Any, **arguments: Any) -> Any:
        """Return the generated client's whole response: `status_code`, `headers`, `parsed`."""
        [file] = Path(str(sys.modules[PACKAGE].__file__)).parent.glob(f"api/*/{operation}.py")
        module = importlib.import_module(f"{PACKAGE}.api.{file.parent.name}.{operation}")
        return module.sync_detailed(*path, client=self._client, **arguments)


MakeApi = Callable[[Person], Api]


@pytest.fixture
def api(package: ModuleType) -> Iterator[MakeApi]:
    """Yield a generated client with the token of a person."""
    with ExitStack() as closing:

        def make(person: Person) -> Api:
            token = str(person.http.headers["Authorization"]).removeprefix("Bearer ")
            client = package.AuthenticatedClient(
                person.world.url, token, httpx_args={"trust_env": False}, raise_on_unexpected_status=True
            )
            return Api(closing.enter_context(client))

        yield make


def model(name: str) -> Any:
    return getattr(importlib.import_module(f"{PACKAGE}.models"), name)


def refused(response: Any, status: int, code: str) -> Any:
    """Return the Problem into which a refusal was parsed."""
    assert isinstance(response.parsed, model("Problem"))
    assert (response.status_code, response.parsed.status, response.parsed.code) == (status, status, code)
    assert response.parsed.request_id == response.headers["X-Request-ID"]
    return response.parsed


def test_a_generated_client_takes_an_order_from_checkout_to_delivery(world: World, api: MakeApi) -> None:
    shopper = world.shopper(vendor="v-generated")
    customer, vendor = api(shopper), api(world.vendor("v-generated"))
    key = str(uuid.uuid4())

    body = model("CheckoutRequest")(shipping_address=model("ShippingAddressRequest")(**ADDRESS), expected_total="20.00")
    quote = customer("quote", body=body).parsed
    assert (quote.total, quote.shortages) == ("20.00", [])
    placed = customer("place_order", body=body, idempotency_key=key)
    order = placed.parsed
    assert (placed.status_code, order.status, order.shipping_address.city) == (201, "pending", "Paris")
    again = customer("place_order", body=body, idempotency_key=key)
    assert (again.parsed.id, again.headers["Idempotent-Replayed"]) == (order.id, "true")

    world.sandbox.pay(str(order.id), "capture", amount_minor=2000, currency="EUR")
    eventually(lambda: customer("read_order", order.id).parsed.status == "confirmed", "the order to be confirmed")
    [part] = vendor("list_vendor_orders", status=[model("VendorOrderStatus").PENDING]).parsed.results
    assert (part.order_id, part.available_actions) == (order.id, ["accept", "cancel"])
    accepted = vendor("accept_vendor_order", part.id, if_match=f'"{part.version}"').parsed
    assert accepted.status == "processing"
    shipped = vendor("ship_vendor_order", part.id, body=model("ShipRequest")(**PARCEL)).parsed
    assert (shipped.status, shipped.tracking_url) == ("shipped", PARCEL["tracking_url"])
    delivered = vendor("deliver_vendor_order", part.id, body=model("EmptyRequest")()).parsed
    assert delivered.delivered_at >= delivered.shipped_at

    history = customer("read_order_history", order.id).parsed.results
    assert [entry.type_ for entry in history][-1] == "order.delivered"
    assert [entry.sequence for entry in history] == list(range(1, len(history) + 1))
    assert customer("track_order", order.id).parsed.shipments[0].tracking_number == "6A1"
    assert vendor("summarize_vendor_orders").parsed.counts.additional_properties["delivered"] == 1
    page = customer("list_orders", limit=1, ordering=model("Ordering").TOTAL_DESCENDING, q=order.number).parsed
    assert [found.status for found in page.results] == ["delivered"]

    report = vendor("report_sales", timezone="Europe/Paris", interval=model("Interval").MONTH, currency="EUR").parsed
    assert report.totals[0].revenue == "20.00"
    assert report.results[-1].end == report.to
    assert vendor("report_funnel").parsed.steps.delivered == 1


def test_a_generated_client_reads_every_refusal_as_a_problem(world: World, api: MakeApi) -> None:
    product = world.product(stock=1)
    customer, stranger = api(world.customer([(product, 2)])), api(world.customer())
    vendor, anonymous = api(world.vendor("v-generated")), world.customer()
    anonymous.http.headers["Authorization"] = "Bearer nonsense"
    checkout, key = model("CheckoutRequest"), str(uuid.uuid4())

    assert refused(customer("list_orders", cursor="nonsense"), 400, "invalid").errors[0].pointer == "/cursor"
    refused(api(anonymous)("list_orders"), 401, "not_authenticated")
    refused(vendor("place_order", idempotency_key=key), 403, "permission_denied")
    refused(customer("read_order", uuid.uuid4()), 404, "not_found")
    shortage = refused(customer("place_order", idempotency_key=key), 409, "out_of_stock").shortages[0]
    assert (shortage.product_id, shortage.requested, shortage.available) == (product, 2, 1)
    refused(stranger("place_order", idempotency_key=key), 422, "empty_cart")
    with world.sandbox.fault("user", kind="status", value=500):
        unavailable = customer("place_order", body=checkout(note="Ring twice."), idempotency_key=str(uuid.uuid4()))
    assert refused(unavailable, 503, "dependency_unavailable").dependency == "user"
    assert int(unavailable.headers["Retry-After"]) >= 1


def test_a_generated_client_reads_the_state_in_an_illegal_transition(world: World, api: MakeApi) -> None:
    shopper = world.shopper(vendor="v-generated-too")
    vendor = api(world.vendor("v-generated-too"))
    part = shopper.place()["vendor_orders"][0]["id"]
    problem = refused(vendor("deliver_vendor_order", part), 409, "illegal_transition")
    assert (problem.current, problem.wanted) == ("pending", "delivered")
    refused(vendor("deliver_vendor_order", part, if_match='"99"'), 412, "precondition_failed")
