"""A receiver of traces: OTLP over HTTP with protobuf, in this process."""

import gzip
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from compose.ports import HOST

KINDS = {
    Span.SPAN_KIND_SERVER: "server",
    Span.SPAN_KIND_CLIENT: "client",
    Span.SPAN_KIND_PRODUCER: "producer",
    Span.SPAN_KIND_CONSUMER: "consumer",
    Span.SPAN_KIND_INTERNAL: "internal",
}


@dataclass(frozen=True)
class ReceivedSpan:
    """One span, with its ids in hexadecimal; `parent` is empty for the first one of a trace."""

    name: str
    kind: str
    trace: str
    id: str
    parent: str
    attributes: dict[str, Any]
    failed: bool
    process: str


class Receiver:
    """The spans received so far."""

    def __init__(self) -> None:
        self.spans: list[ReceivedSpan] = []
        self.url = ""

    def receive(self, body: bytes) -> None:
        """Add the spans of one request."""
        for of_process in ExportTraceServiceRequest.FromString(body).resource_spans:
            process = dict(_attributes(of_process.resource.attributes))["service.instance.id"]
            for scope in of_process.scope_spans:
                self.spans += [_received(span, process) for span in scope.spans]

    def trace(self, trace_id: str) -> list[ReceivedSpan]:
        """Return the spans of a trace."""
        return [span for span in list(self.spans) if span.trace == trace_id]


@contextmanager
def otlp_receiver() -> Iterator[Receiver]:
    """Run a receiver; `url` is the value for OTEL_EXPORTER_OTLP_ENDPOINT."""
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            assert self.path == "/v1/traces"
            receiver.receive(gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body)
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            """Stay silent."""

    with ThreadingHTTPServer((HOST, 0), Handler) as server:
        receiver.url = f"http://{HOST}:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield receiver
        finally:
            server.shutdown()
            thread.join()


def _received(span: Span, process: str) -> ReceivedSpan:
    return ReceivedSpan(
        name=span.name,
        kind=KINDS[span.kind],
        trace=span.trace_id.hex(),
        id=span.span_id.hex(),
        parent=span.parent_span_id.hex(),
        attributes=dict(_attributes(span.attributes)),
        failed=span.status.code == Status.STATUS_CODE_ERROR,
        process=process,
    )


def _attributes(pairs: Sequence[Any]) -> Iterator[tuple[str, Any]]:
    for pair in pairs:
        yield pair.key, getattr(pair.value, pair.value.WhichOneof("value"))
