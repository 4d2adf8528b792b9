"""/api/schema and /api/doc: the API in OpenAPI 3.1, and Swagger UI served entirely by the service. No token is needed."""

import gzip
import json
import re
import uuid
from importlib.resources import files
from typing import Any
from urllib.parse import parse_qs, urljoin, urlsplit

import brotli
import httpx
import jsonschema
import pytest

from tests.support.links import links
from tests.support.world import World

OPENAPI_3_1 = json.loads((files("drf_spectacular.validation") / "openapi_3_1_schema.json").read_text())
"""The JSON Schema of an OpenAPI 3.1 document, as the OpenAPI Initiative publishes it."""

ENDPOINTS = {
    ("post", "/api/v1/orders"),
    ("get", "/api/v1/orders"),
    ("post", "/api/v1/orders/quote"),
    ("get", "/api/v1/orders/{order_id}"),
}


@pytest.fixture
def schema(world: World) -> dict[str, Any]:
    """Return the OpenAPI document, fetched without a token."""
    answer = world.customer().http.get("/api/schema", headers={"Authorization": ""})
    assert answer.status_code == 200
    assert "json" in answer.headers["content-type"]
    return dict(answer.json())


def test_the_schema_is_openapi_3_1(schema: dict[str, Any]) -> None:
    assert schema["openapi"].startswith("3.1")
    jsonschema.validate(schema, OPENAPI_3_1)


def test_the_schema_is_the_same_under_either_handler(either_world: World, schema: dict[str, Any]) -> None:
    assert either_world.customer().http.get("/api/schema").json() == schema


def test_the_schema_documents_every_endpoint_and_its_roles(schema: dict[str, Any]) -> None:
    named = {(method, path): operation for path, item in schema["paths"].items() for method, operation in item.items()}
    assert named.keys() >= ENDPOINTS
    for operation in named.values():
        assert operation["summary"]
        assert operation["operationId"]
        if operation.get("security") != []:  # probes need no token
            assert {"401", "403"} <= operation["responses"].keys()
    [scheme] = schema["components"]["securitySchemes"].values()
    assert (scheme["type"], scheme["scheme"]) == ("http", "bearer")


def test_the_schema_requires_an_idempotency_key(schema: dict[str, Any]) -> None:
    [key] = [each for each in schema["paths"]["/api/v1/orders"]["post"]["parameters"] if each["in"] == "header"]
    assert (key["name"], key["required"]) == ("Idempotency-Key", True)


def test_responses_conform_to_the_schema(world: World, schema: dict[str, Any]) -> None:
    ada, bob = world.shopper(), world.customer([(world.product(stock=1), 2)])
    answers = {
        ("post", "/api/v1/orders/quote"): [ada.post("/orders/quote"), bob.post("/orders/quote")],
        ("post", "/api/v1/orders"): [
            ada.checkout(),
            bob.checkout(),
            bob.checkout({"colour": 1}),
            bob.checkout(key="not a key"),
        ],
        ("get", "/api/v1/orders"): [ada.get("/orders"), ada.get("/orders?limit=0"), world.vendor("v").get("/orders")],
    }
    order_id = answers["post", "/api/v1/orders"][0].json()["id"]
    answers["get", "/api/v1/orders/{order_id}"] = [ada.get(f"/orders/{each}") for each in (order_id, uuid.uuid4())]
    for (method, path), given in answers.items():
        for answer in given:
            response = schema["paths"][path][method]["responses"][str(answer.status_code)]
            assert_conforms(answer, response, schema)


def test_the_example_of_readiness_has_the_checks_of_readiness(world: World, schema: dict[str, Any]) -> None:
    answers = schema["paths"]["/readyz"]["get"]["responses"].values()
    real = world.admin().http.get("/readyz").json()["checks"]
    for answer in answers:
        assert answer["content"]["application/json"]["example"]["checks"].keys() == real.keys()


def test_a_cursor_in_an_example_has_the_form_of_a_real_one(world: World, schema: dict[str, Any]) -> None:
    ada = world.shopper()
    ada.place()
    world.sandbox.put_cart(ada.id, [{"product_id": world.product(), "quantity": 1}])
    ada.place()
    real = cursor(ada.get("/orders?limit=1").json()["next"])
    for page in ("order_page", "vendor_order_page", "dead_letter_page"):
        example = cursor(schema["components"]["examples"][page]["value"]["next"])
        assert example != real
        assert form(example) == form(real)


def cursor(link: str) -> str:
    [text] = parse_qs(urlsplit(link).query)["cursor"]
    return text


def form(text: str) -> list[int]:
    """Return the lengths of its parts and the separators between them."""
    return [len(part) for part in re.split(r"[^\w-]", text)]


def assert_conforms(answer: httpx.Response, response: dict[str, Any], schema: dict[str, Any]) -> None:
    """Check that the body has a media type and the shape that `response` declares, and no undeclared field."""
    if "$ref" in response:
        response = schema["components"]["responses"][response["$ref"].rsplit("/", 1)[1]]
    shape = response["content"][answer.headers["content-type"]]["schema"]
    closed = {
        name: {"unevaluatedProperties": False, **each} if each.get("type") == "object" else each
        for name, each in schema["components"]["schemas"].items()
    }
    document = {**shape, "components": {"schemas": closed}}
    jsonschema.Draft202012Validator(document, format_checker=jsonschema.FormatChecker()).validate(answer.json())


def test_every_asset_of_the_documentation_comes_from_the_service(either_world: World) -> None:
    client = either_world.customer().http
    client.headers.pop("Authorization")
    page = client.get("/api/doc")
    assert (page.status_code, page.headers["content-type"].split(";")[0]) == (200, "text/html")
    assets = [urljoin("/api/doc", link) for link in links(page)]
    assert len(assets) >= 3
    for asset in assets:
        assert asset.startswith("/")
        answer = client.get(asset)
        assert answer.status_code == 200, asset
        assert answer.content
        if "css" in answer.headers["content-type"]:
            assert all(link.startswith("data:") for link in links(answer))


def test_every_module_of_the_documentation_is_served(either_world: World) -> None:
    client = either_world.customer().http
    modules = ["/api/doc/start.js"]
    for module in modules:
        answer = client.get(module)
        assert (answer.status_code, answer.headers["content-type"].split(";")[0]) == (200, "text/javascript"), module
        imported = {urljoin(module, link) for link in links(answer)}
        modules += imported - set(modules)
    assert len(modules) >= 8


def test_without_javascript_the_page_leads_to_the_document(world: World) -> None:
    page = world.customer().http.get("/api/doc").text
    [fallback] = re.findall("<noscript>(.*?)</noscript>", page)
    assert '<a href="schema">' in fallback


def test_the_documentation_forbids_the_browser_to_load_from_other_origins(either_world: World) -> None:
    policy = either_world.customer().http.get("/api/doc").headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "http" not in policy


TEXTS = ["/api/doc", "/api/schema", "/api/doc/swagger-ui-bundle.js", "/api/doc/swagger-ui.css", "/api/doc/start.js"]


def coded(client: httpx.Client, path: str, coding: str, **headers: str) -> tuple[httpx.Response, bytes]:
    """Return the response of this content coding, and its body as it was sent."""
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    with client.stream("GET", path, headers={"Accept-Encoding": coding, **sent}) as answer:
        return answer, b"".join(answer.iter_raw())


@pytest.mark.parametrize("path", TEXTS)
def test_each_form_is_the_same_text_with_a_tag_of_its_own(either_world: World, path: str) -> None:
    client = either_world.customer().http
    forms = {coding: coded(client, path, coding) for coding in ("identity", "gzip", "br")}
    plain = forms["identity"][1]
    assert gzip.decompress(forms["gzip"][1]) == brotli.decompress(forms["br"][1]) == plain
    assert len(forms["br"][1]) < len(forms["gzip"][1]) < len(plain)
    assert "content-encoding" not in forms["identity"][0].headers
    for coding in ("gzip", "br"):
        assert forms[coding][0].headers["content-encoding"] == coding
        assert forms[coding][0].headers["content-type"] == forms["identity"][0].headers["content-type"]
    tags = {coding: answer.headers["etag"] for coding, (answer, _) in forms.items()}
    assert len(set(tags.values())) == 3
    for coding in forms:
        for known, tag in tags.items():
            answer, body = coded(client, path, coding, If_None_Match=tag)
            assert (answer.status_code, body) == ((304, b"") if known == coding else (200, forms[coding][1]))


def test_a_file_that_compression_would_enlarge_is_sent_as_it_is(world: World) -> None:
    client = world.customer().http
    answers = [coded(client, "/api/doc/favicon-32x32.png", coding) for coding in ("identity", "gzip", "br")]
    assert len({(answer.headers["etag"], body) for answer, body in answers}) == 1
    assert all("content-encoding" not in answer.headers for answer, _ in answers)


def test_processes_give_a_form_the_same_tag(world: World, second_world: World) -> None:
    for path in TEXTS:
        for coding in ("identity", "gzip", "br"):
            first, second = (coded(one.customer().http, path, coding)[0] for one in (world, second_world))
            assert first.headers["etag"] == second.headers["etag"]


def test_a_client_without_accept_encoding_gets_the_plain_form(world: World) -> None:
    client = world.customer().http
    del client.headers["Accept-Encoding"]
    assert "content-encoding" not in client.get("/api/schema").headers


def test_answers_of_the_api_are_not_compressed(either_world: World) -> None:
    ada = either_world.shopper()
    ada.place()
    for path in ("/orders", "/orders?limit=0"):
        assert "content-encoding" not in ada.get(path, headers={"Accept-Encoding": "br, gzip"}).headers


def test_a_304_keeps_the_policy_of_the_page(either_world: World) -> None:
    """A browser replaces the headers of its copy by those of the 304: with the default policy the page would stop working."""
    client = either_world.customer().http
    page = client.get("/api/doc")
    known = client.get("/api/doc", headers={"If-None-Match": page.headers["etag"]})
    assert known.status_code == 304
    assert known.headers["content-security-policy"] == page.headers["content-security-policy"]


@pytest.mark.parametrize(
    "name", ["nothing.js", "..%2fsettings.py", "..%2f..%2f..%2fpackage.json", "%00", "swagger-ui.css%00"]
)
def test_other_assets_of_the_documentation_are_not_found(either_world: World, name: str) -> None:
    assert either_world.customer().http.get(f"/api/doc/{name}").status_code == 404
