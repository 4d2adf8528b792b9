"""The assets of the dashboard: scripts, styles and pictures, below one folder that is named by a hash of all of them.

Modules import each other by relative paths, so a release that changes any file gives all of them new addresses: a page
never mixes the modules of two releases. One module is generated: `js/currencies.js`.
"""

import hashlib
import json
from collections.abc import Callable, Iterable
from pathlib import Path

import chartkick
from django.http import HttpRequest, HttpResponse

from orders.domain.money import DECIMALS
from orders.http.problems import not_found
from orders.http.static_files import StaticFile

STATIC = Path(__file__).parent / "static"
CHARTS = "js/charts/"
"""The folder of the scripts that only the page with charts loads, as it does `vendor/`."""

CONTENT_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
IMMUTABLE = "public, max-age=31536000, immutable"

_CHART_JS = Path(chartkick.__path__[0]) / "django" / "static" / "chartkick" / "Chart.bundle.js"

_CURRENCIES = f"""// Decimals of each currency of ISO 4217, as the service has them.
export const DECIMALS = {json.dumps(DECIMALS)};
"""


def _found() -> dict[str, Callable[[], bytes]]:
    """Return how to read each file, by its name below the assets' folder; those of a folder before those of its subfolders."""
    ours = (path for path in STATIC.rglob("*") if path.suffix in CONTENT_TYPES)
    named = {path.relative_to(STATIC).as_posix(): path.read_bytes for path in ours}
    named |= {"js/currencies.js": _CURRENCIES.encode, "vendor/chart.js": _CHART_JS.read_bytes}
    return dict(sorted(named.items(), key=lambda item: (item[0].count("/"), item[0])))


def _digest(files: Iterable[tuple[str, Callable[[], bytes]]]) -> str:
    digest = hashlib.blake2b(digest_size=12)
    for name, read in files:
        digest.update(hashlib.blake2b(name.encode()).digest() + hashlib.blake2b(read()).digest())
    return digest.hexdigest()


FILES = _found()
DIGEST = _digest(FILES.items())
ASSETS = {name: StaticFile(read, CONTENT_TYPES[Path(name).suffix], IMMUTABLE) for name, read in FILES.items()}

STYLES = [name for name in FILES if name.endswith(".css")]
FIRST_SCRIPTS = [name for name in FILES if name.startswith("js/") and not name.startswith(CHARTS)]
"""The modules of the first load."""


async def asset(request: HttpRequest, digest: str, name: str) -> HttpResponse:
    """Return an asset of this release; 404 for another one's."""
    return await ASSETS[name].respond(request) if digest == DIGEST and name in ASSETS else not_found(request)
