"""The configuration of `compose/nginx/` in a real nginx of this machine, in front of the servers that a test names.

What belongs to Docker is replaced: the resolver, the name of the service, ports and folders. Of an older nginx than that of
docker-compose.yml the spelling of one directive differs.
"""

import os
import re
import shutil
import socket
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from compose.ports import HOST, free_port
from compose.processes import Process
from compose.stack import CHECKOUT

PROGRAM = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
needs_nginx = pytest.mark.skipif(PROGRAM is None, reason="no nginx here: apt-get install nginx-light")

CONFIGURATION = CHECKOUT / "compose" / "nginx"
REPLICA = "max_fails=1 fail_timeout=2s"
HTTP2_ON = (1, 25, 1)
"""The first version with the directive `http2`; before, it was a parameter of `listen`."""

Change = tuple[str, str]
"""A pattern, which must match, and its replacement."""


@dataclass(frozen=True, slots=True)
class Nginx:
    """A running nginx: the addresses of its three ports, and its process. `https` is closed without a certificate."""

    http: str
    https: str
    redirecting: str
    process: Process
    access_log: Path


@contextmanager
def nginx(folder: Path, servers: Sequence[str], *changes: Change, certificate: Path | None = None) -> Iterator[Nginx]:
    """Run nginx in front of `servers`, each HOST:PORT and perhaps parameters, with changes of the configuration.

    With a certificate, a file that has its key too, nginx terminates TLS as with `compose/tls.yml`.
    """
    write_configuration(folder, servers, *changes, certificate=certificate)
    ports = [free_port() for _ in range(4)]
    for name in ("nginx.conf", "https.conf"):
        file = folder / name
        text = file.read_text()
        for number, port in zip((8080, 8443, 8081, 8090), ports, strict=True):
            text = re.sub(rf"listen (127\.0\.0\.1:)?{number}\b", f"listen {HOST}:{port}", text)
        file.write_text(text)
    process = Process(
        "nginx", command(folder), log=folder / "nginx.log", cwd=folder, environment=dict(os.environ), grace=20
    )
    process.start()
    try:
        process.wait_ready(lambda: socket.create_connection((HOST, ports[0]), timeout=2).close(), errors=OSError)
        http, https, redirecting = (f"{HOST}:{port}" for port in ports[:3])
        yield Nginx(f"http://{http}", f"https://{https}", f"http://{redirecting}", process, folder / "access.log")
    finally:
        process.stop()


def command(folder: Path, *options: str) -> list[str]:
    """Return the command of nginx with the configuration in `folder`; its workers keep the user of the test."""
    main = "daemon off;" + (" user root;" if os.geteuid() == 0 else "")
    return [str(PROGRAM), "-p", str(folder), "-c", str(folder / "nginx.conf"), "-g", main, *options]


def write_configuration(
    folder: Path, servers: Sequence[str], *changes: Change, certificate: Path | None = None
) -> None:
    """Write the configuration of `compose/nginx/` to `folder`, without what belongs to Docker, and then with `changes`.

    Raises AssertionError if a pattern matches nothing.
    """
    folder.mkdir(parents=True)
    listed = "\n".join(f"server {server} {'' if 'max_fails' in server else REPLICA};" for server in servers)
    docker = [
        (r"resolver 127\.0\.0\.11 [^;]*;", ""),
        (rf"server service:8000 resolve {REPLICA};", listed),
        (r"/tmp/", f"{folder}/"),  # noqa: S108
        (r"/https/\*\.conf", f"{folder}/{'http' if certificate else 'no'}[s].conf"),
        (r"/dev/stdout", f"{folder}/access.log"),
    ]
    tls = [(r"/tls/", f"{folder}/")]
    if _version() < HTTP2_ON:
        tls += [(r"listen 8443 ssl;", "listen 8443 ssl http2;"), (r"http2 on;", "")]
    files = {file.name: file.read_text() for file in CONFIGURATION.glob("*.conf")}
    files["nginx.conf"] = _changed(files["nginx.conf"], docker)
    files["https.conf"] = _changed(files["https.conf"], tls)
    for pattern, by in changes:
        counts = [re.subn(pattern, by, text) for text in files.values()]
        assert any(count for _, count in counts), pattern
        files = {name: text for name, (text, _) in zip(files, counts, strict=True)}
    for name, text in files.items():
        (folder / name).write_text(text)
    if certificate is not None:
        for name in ("fullchain.pem", "privkey.pem"):
            (folder / name).write_bytes(certificate.read_bytes())


def _changed(text: str, changes: Sequence[Change]) -> str:
    for pattern, by in changes:
        text, count = re.subn(pattern, by, text)
        assert count, pattern
    return text


def _version() -> tuple[int, ...]:
    shown = subprocess.run([str(PROGRAM), "-v"], capture_output=True, text=True, check=True).stderr
    version = re.search(r"nginx/(\d+)\.(\d+)\.(\d+)", shown)
    assert version, shown
    return tuple(map(int, version.groups()))
