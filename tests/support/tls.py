"""TLS: certificates made on the spot, and a TLS server in front of a plain one.

The bytes that clients send are recorded as they cross the network.
"""

import asyncio
import ssl
import threading
from collections.abc import Coroutine
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from compose.ports import HOST

KEPT = 100_000


class Authority:
    """A certificate authority; clients verify against `file`."""

    def __init__(self, folder: Path, name: str) -> None:
        self._folder, self._name = folder, _named(name)
        self._key = ec.generate_private_key(ec.SECP256R1())
        certificate = _certificate(self._name, self._name, self._key).add_extension(
            x509.BasicConstraints(ca=True, path_length=None), critical=True
        )
        self.file = folder / f"{name}.pem"
        self.file.write_bytes(certificate.sign(self._key, hashes.SHA256()).public_bytes(Encoding.PEM))

    def certify(self, host: x509.GeneralName) -> ssl.SSLContext:
        """Return the TLS context of a server at `host`."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate(host))
        return context

    def certificate(self, host: x509.GeneralName) -> Path:
        """Return a file with the certificate and the key of a server at `host`."""
        key = ec.generate_private_key(ec.SECP256R1())
        names = x509.SubjectAlternativeName([host])
        certificate = _certificate(_named("server"), self._name, key).add_extension(names, critical=False)
        file = self._folder / f"server-{id(key)}.pem"
        secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        file.write_bytes(certificate.sign(self._key, hashes.SHA256()).public_bytes(Encoding.PEM) + secret)
        return file


HERE = x509.IPAddress(ip_address(HOST))
ELSEWHERE = x509.DNSName("redis.example.com")


class TLSFront:
    """A TLS server on `port` that passes on to a plain one; `sent` is what each client sent, still encrypted."""

    def __init__(self, server_port: int, context: ssl.SSLContext) -> None:
        self._server_port, self._context = server_port, context
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="tls")
        self.sent: list[bytearray] = []

    def __enter__(self) -> Self:
        self._thread.start()
        self._inner = self._call(asyncio.start_server(self._pass_on_to_server, HOST, 0, ssl=self._context))
        self._outer = self._call(asyncio.start_server(self._record, HOST, 0))
        self.port: int = self._outer.sockets[0].getsockname()[1]
        return self

    def __exit__(self, *_: object) -> None:
        self._call(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _call(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    async def _close(self) -> None:
        self._outer.close()
        self._inner.close()
        links = asyncio.all_tasks() - {asyncio.current_task()}
        for link in links:
            link.cancel()
        await asyncio.gather(*links, return_exceptions=True)

    async def _record(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        sent = bytearray()
        self.sent.append(sent)
        await _join(reader, writer, self._inner.sockets[0].getsockname()[1], sent)

    async def _pass_on_to_server(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await _join(reader, writer, self._server_port, bytearray())


async def _join(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, port: int, sent: bytearray) -> None:
    there, back = await asyncio.open_connection(HOST, port)
    pumps = [asyncio.create_task(_pump(reader, back, sent)), asyncio.create_task(_pump(there, writer, bytearray()))]
    try:
        await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for pump in pumps:
            pump.cancel()
        back.close()
        writer.close()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, kept: bytearray) -> None:
    with suppress(OSError):
        while data := await reader.read(65_536):
            if len(kept) < KEPT:
                kept += data
            writer.write(data)
            await writer.drain()


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _certificate(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=1))
        .not_valid_after(now + timedelta(days=1))
    )
