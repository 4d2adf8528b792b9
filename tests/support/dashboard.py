"""The dashboard's document, as a browser reads it."""

import re

import httpx

from tests.support.links import links

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; connect-src 'self';"
    " manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "content-security-policy": POLICY,
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
}
"""The headers of every response below /dashboard (contract: the dashboard, "Security")."""


def assert_dashboard_headers(answer: httpx.Response) -> None:
    """Check that each of the headers is there, once, and no cookie."""
    assert {name: answer.headers.get_list(name) for name in HEADERS} == {name: [text] for name, text in HEADERS.items()}
    assert "set-cookie" not in answer.headers


def assets(client: httpx.Client) -> list[str]:
    """Return the addresses that the document loads."""
    return list(dict.fromkeys(links(client.get("/dashboard"))))


def assets_root(client: httpx.Client) -> str:
    """Return the folder of this release's assets, without a slash at its end."""
    match = re.match(r".*/dashboard/assets/[0-9a-f]+", assets(client)[0])
    assert match
    return match[0]
