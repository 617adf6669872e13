"""Run an HTTP server on a free port of this machine that keeps what it gets, instead of a chat or a CRM."""

from __future__ import annotations

import json
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping


class Received(NamedTuple):
    """One request: its method, its path with the query, its `Authorization`, and its JSON."""

    method: str
    path: str
    authorization: str | None
    body: Any


class HttpSink:
    """What the server got, and what it answers.

    :param answers: the JSON for paths, by the beginning of the path; every other request is answered with `{}`.
    :param tell: is called with each request.
    """

    def __init__(self, answers: Mapping[str, Any], tell: Callable[[Received], object]) -> None:
        self.answers, self.tell = answers, tell
        self.received: list[Received] = []
        #: the statuses of the next answers; after these, each is 200
        self.statuses: list[int] = []
        self.url = ""

    def answer(self, request: Received) -> tuple[int, Any]:
        """Keep a request, and return the status and the JSON of its answer."""
        self.received.append(request)
        self.tell(request)
        status = self.statuses.pop(0) if self.statuses else 200
        found = [answer for start, answer in self.answers.items() if request.path.startswith(start)]
        return status, found[0] if found and request.method == "GET" else {}


@contextmanager
def http_sink(
    answers: Mapping[str, Any] | None = None, tell: Callable[[Received], object] = lambda _: None
) -> Iterator[HttpSink]:
    """Run the server, and yield what it gets; its address is in `url`."""
    sink = HttpSink(answers or {}, tell)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            text = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            request = Received(
                self.command, self.path, self.headers.get("Authorization"), json.loads(text) if text else None
            )
            status, found = sink.answer(request)
            body = json.dumps(found).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_PUT = do_PATCH = do_GET  # noqa: N815

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    sink.url = f"http://127.0.0.1:{server.server_port}"
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield sink
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
