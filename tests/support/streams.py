"""A client of the event streams, which reads in a thread of its own."""

import http.client
import json
import socket
import threading
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

from tests.support.world import Person, eventually


class StreamClient:
    """A client of one stream: `entries` as (id, data), `comments` and `retry` as they came, `over` set at the end of
    the stream.
    """

    def __init__(self, url: str, token: str, path: str, last_event_id: str | None = None) -> None:
        address = urlsplit(url)
        assert address.hostname
        self._connection = http.client.HTTPConnection(address.hostname, address.port, timeout=30)
        headers = {"Authorization": token, "Accept": "text/event-stream"}
        if last_event_id is not None:
            headers["Last-Event-ID"] = last_event_id
        self._connection.request("GET", f"/api/v1{path}", headers=headers)
        self._socket = self._connection.sock
        self.answer = self._connection.getresponse()
        self.entries: list[tuple[int, dict[str, Any]]] = []
        self.comments: list[str] = []
        self.retry: list[str] = []
        self.over = threading.Event()
        self._thread = threading.Thread(target=self._read)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if not self.over.is_set():
            self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self.answer.close()
        self._connection.close()

    @property
    def ids(self) -> list[int]:
        return [number for number, _ in self.entries]

    @property
    def types(self) -> list[str]:
        return [str(entry["type"]) for _, entry in self.entries]

    def wait_for(self, count: int) -> list[dict[str, Any]]:
        """Wait until there are `count` entries in all, and return them."""
        eventually(lambda: len(self.entries) >= count, f"{count} entries")
        assert len(self.entries) == count, self.types
        return [entry for _, entry in self.entries]

    def _read(self) -> None:
        block: dict[str, str] = {}
        try:
            while line := self.answer.readline():
                name, _, value = line.decode().rstrip("\n").partition(":")
                if name == "retry":
                    self.retry.append(value.strip())
                elif name:
                    block[name] = value.strip()
                elif value:
                    self.comments.append(value.strip())
                else:
                    self.entries.append((int(block["id"]), json.loads(block["data"])))
                    block = {}
        except (OSError, http.client.HTTPException, ValueError, KeyError) as error:
            self.comments.append(f"broken: {error!r}")
        self.over.set()


def open_stream(person: Person, path: str, last_event_id: str | None = None) -> StreamClient:
    """Open a stream with the person's own token, at the server process of the person's world."""
    return StreamClient(str(person.http.base_url), person.http.headers["authorization"], path, last_event_id)
