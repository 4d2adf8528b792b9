"""The assets of the dashboard: scripts, styles and pictures, below one folder that is named by a hash of all of them.

The script names other assets by relative paths, so a release that changes any file gives all of them new addresses: a page
never mixes the assets of two releases. One module of the script is generated: `js/currencies.js`.
"""

import hashlib
import json
from collections.abc import Mapping
from functools import partial
from pathlib import Path, PurePosixPath

import chartkick
from django.http import HttpRequest, HttpResponse

from orders.dashboard import modules
from orders.domain.money import DECIMALS
from orders.http.problems import not_found
from orders.http.static_files import StaticFile

STATIC = Path(__file__).parent / "static"
SCRIPT, STYLES = "js/dashboard.js", "css/dashboard.css"
"""All modules in one script, all styles in one file. The page with charts loads `vendor/chart.js` too, tests single modules."""

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


def _contents() -> dict[str, bytes]:
    """Return the content of each asset by its name, those of a folder before those of its subfolders."""
    paths = [path for path in STATIC.rglob("*") if path.suffix in CONTENT_TYPES]
    named = {path.relative_to(STATIC).as_posix(): path for path in paths}
    files = {name: named[name].read_bytes() for name in sorted(named, key=lambda name: (name.count("/"), name))}
    files["js/currencies.js"] = _CURRENCIES.encode()
    scripts = {name.removeprefix("js/"): content.decode() for name, content in files.items() if name.endswith(".js")}
    styles = [content for name, content in files.items() if name.endswith(".css")]
    joined = {SCRIPT: modules.join(scripts).encode(), STYLES: b"\n".join(styles)}
    return files | joined | {"vendor/chart.js": _CHART_JS.read_bytes()}


def _digest(contents: Mapping[str, bytes]) -> str:
    digest = hashlib.blake2b(digest_size=12)
    for name, content in contents.items():
        digest.update(hashlib.blake2b(name.encode()).digest() + hashlib.blake2b(content).digest())
    return digest.hexdigest()


def _asset(name: str, content: bytes) -> StaticFile:
    return StaticFile(partial(bytes, content), CONTENT_TYPES[PurePosixPath(name).suffix], IMMUTABLE)


_CONTENTS = _contents()
DIGEST = _digest(_CONTENTS)
ASSETS = {name: _asset(name, content) for name, content in _CONTENTS.items()}


async def asset(request: HttpRequest, digest: str, name: str) -> HttpResponse:
    """Return an asset of this release; 404 for another one's."""
    return await ASSETS[name].respond(request) if digest == DIGEST and name in ASSETS else not_found(request)
