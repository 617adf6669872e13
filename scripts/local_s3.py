"""Run a temporary S3 on a free port of this machine: moto, behind a gate that logs, counts and refuses requests.

As a program it prints its URL, and writes the requests to a file at its end: `python scripts/local_s3.py LOG`.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qs

REFUSED = (
    b'<?xml version="1.0" encoding="UTF-8"?><Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>'
)
#: moto takes any key
KEYS = {"login": "tester", "password": "a secret key of the tests"}


class Request(NamedTuple):
    """A request that S3 received, and the right that it needs."""

    method: str
    path: str
    query: str
    right: str
    status: str


class LocalS3:
    """A WSGI application that serves one request at a time, since moto's handlers are not atomic as S3's are.

    `requests` are those since the last `forget`. `denied` are the rights that nobody has, such as `s3:PutObject`.
    """

    def __init__(self) -> None:
        from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

        self.url = ""
        self.requests: list[Request] = []
        self.denied: set[str] = set()
        self._app = DomainDispatcherApplication(create_backend_app)
        self._lock = threading.Lock()

    @property
    def connection(self) -> dict[str, Any]:
        """The Airflow connection to it."""
        extra = {"endpoint_url": self.url, "region_name": "us-east-1"}
        return {"conn_type": "aws", **KEYS, "extra": extra}

    def forget(self) -> None:
        """Forget the requests so far, and give everybody all rights."""
        self.requests.clear()
        self.denied.clear()

    def __call__(self, environ: dict[str, Any], start_response: Any) -> list[bytes]:
        with self._lock:
            return self._answer(environ, start_response)

    def _answer(self, environ: dict[str, Any], start_response: Any) -> list[bytes]:
        method, path, query = environ["REQUEST_METHOD"], environ["PATH_INFO"], environ.get("QUERY_STRING", "")
        right = right_for(method, path, query)
        answer: list[Any] = []
        if right not in self.denied:
            body = [*self._app(environ, lambda *response: answer.append(response[:2]))]
        else:
            environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        # without the right to list a bucket, S3 does not say that a key is missing
        if not answer or (answer[0][0].startswith("404") and "s3:ListBucket" in self.denied):
            headers = [("Content-Type", "application/xml"), ("Content-Length", str(len(REFUSED)))]
            body, answer = [b"" if method == "HEAD" else REFUSED], [("403 Forbidden", headers)]
        status, headers = answer[0]
        self.requests.append(Request(method, path, query, right, status.split()[0]))
        start_response(status, headers)
        return body


def right_for(method: str, path: str, query: str) -> str:
    """Return the right that a request needs, as a policy of S3 names it."""
    names = parse_qs(query, keep_blank_values=True)
    if not path.strip("/").partition("/")[2]:
        if method == "PUT":
            return "s3:CreateBucket"
        if "uploads" in names:
            return "s3:ListBucketMultipartUploads"
        return "s3:DeleteObject" if method == "POST" else "s3:ListBucket"
    if method == "DELETE":
        return "s3:AbortMultipartUpload" if "uploadId" in names else "s3:DeleteObject"
    return "s3:GetObject" if method in ("GET", "HEAD") else "s3:PutObject"


@contextmanager
def local_s3() -> Iterator[LocalS3]:
    """Start the server in a thread of this process, and stop it at the end."""
    from werkzeug.serving import WSGIRequestHandler, make_server

    class Handler(WSGIRequestHandler):
        protocol_version = "HTTP/1.1"

        def log(self, *_: object) -> None:
            """Write nothing; `LocalS3` keeps the requests."""

    s3 = LocalS3()
    server = make_server("127.0.0.1", 0, s3, threaded=True, request_handler=Handler)
    server.daemon_threads = True  # type: ignore[attr-defined]
    s3.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield s3
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def main() -> None:
    """Serve until standard input ends, and then write the requests to the log, one a line."""
    with local_s3() as s3:
        print(s3.url, flush=True)
        sys.stdin.read()
    Path(sys.argv[1]).write_text("".join(f"{' '.join(request)}\n" for request in s3.requests))


if __name__ == "__main__":
    main()
