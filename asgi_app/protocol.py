"""uvicorn's HTTP with two changes: who can't be carried is turned away before a request is made of what they say, and a client
gets no further answer before it has read the last one (`asgi_app/unread.py`).

Otherwise a refusal costs a task, a chain of calls and two writes: twice as much (docs/decisions.md has the figures). Whatever
is out of the ordinary goes the ordinary way: `Admission` knows the rule, and answers the same.
"""

import asyncio

import uvicorn
from django.core.exceptions import ImproperlyConfigured
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from asgi_app.admission import Admission, kind_of, refusal
from asgi_app.headers import HEADERS
from asgi_app.unread import HIGH_WATER, UnreadAnswers


def refuse_early(server: uvicorn.Server) -> None:
    """Let `server` speak this protocol to who connects from now on, unless it was told to speak another than its usual one.

    Raises ImproperlyConfigured for a root path that no link can be made of.
    """
    root_path = server.config.root_path
    if root_path and (not root_path.startswith("/") or root_path.endswith("/") or not root_path.isascii()):
        raise ImproperlyConfigured(f"--root-path must begin with a slash and not end with one, like /shop: {root_path}")
    if server.config.http_protocol_class is HttpToolsProtocol:
        server.config.http_protocol_class = RefusingProtocol


class RefusingProtocol(HttpToolsProtocol):
    """One connection. The callbacks are httptools', in the order in which a request arrives."""

    _refused: str | None = None
    """The kind of the request that is just arriving, if it will be refused."""

    _is_unread = False
    """Whether the last answer is complete, and its client has still to read it."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        transport.set_write_buffer_limits(high=HIGH_WATER, low=0)

    def connection_lost(self, exc: Exception | None) -> None:
        self._unread_answers.remove(self.transport)
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._unread_answers.add(self.transport)

    def resume_writing(self) -> None:
        self._unread_answers.remove(self.transport)
        super().resume_writing()
        if self._is_unread:
            self._is_unread = False
            self.on_response_complete()

    def on_response_complete(self) -> None:
        """Go on to the next request once the client has read the answer."""
        if self.flow.write_paused and not self.transport.is_closing():
            self._is_unread = True
            self.flow.pause_reading()
        else:
            super().on_response_complete()

    @property
    def _unread_answers(self) -> UnreadAnswers:
        unread: UnreadAnswers = self.app_state["unread"]
        return unread

    def on_headers_complete(self) -> None:
        self._refused = self._kind_without_room()
        if self._refused is None:
            super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        if self._refused is None:
            super().on_body(body)

    def on_message_complete(self) -> None:
        if self._refused is None:
            super().on_message_complete()
        else:
            self._refuse(self._refused)

    def _kind_without_room(self) -> str | None:
        if self._is_out_of_the_ordinary():
            return None
        kind = kind_of(self.parser.get_method().decode(), self._path_below_root())
        admission: Admission = self.app_state["admission"]
        return None if kind is None or admission.has_room(kind, self.app_state) else kind

    def _is_out_of_the_ordinary(self) -> bool:
        """Behind a request that is not answered yet, the last on its connection, or with an answer or address of another form."""
        return (
            (self.cycle is not None and not self.cycle.response_complete)
            or self.flow.write_paused
            or not self.parser.should_keep_alive()
            or self.app_state["stopping"].is_set()
            or self.expect_100_continue
            or self.parser.should_upgrade()
            or self.parser.get_http_version() != "1.1"
            or self.parser.get_method() == b"HEAD"
            or b"%" in self.url
        )

    def _refuse(self, kind: str) -> None:
        headers, body = refusal(kind, self.root_path + self._path_below_root(), self.headers)
        lines = [b"%s: %s\r\n" % header for header in (*self.server_state.default_headers, *headers, *HEADERS)]
        self.transport.write(b"".join((STATUS_LINE[503], *lines, b"\r\n", body)))
        self.on_response_complete()

    def _path_below_root(self) -> str:
        return self.url.partition(b"?")[0].decode("ascii")
