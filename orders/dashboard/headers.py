"""The security headers of every response below /dashboard (contract: the dashboard, "Security")."""

ROOT = "/dashboard"

HEADERS = (
    (
        b"content-security-policy",
        b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; connect-src 'self';"
        b" manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=()"),
)


def is_dashboard(path: str) -> bool:
    """Return whether a path, without the root path, is the dashboard's."""
    return path == ROOT or path.startswith(f"{ROOT}/")
