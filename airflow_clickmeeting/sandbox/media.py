"""Serve the file host: a second origin that sends files to everyone who has a link, and needs no API key."""

from __future__ import annotations

import functools
import random
import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import NamedTuple

from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from airflow_clickmeeting.sandbox import reports
from airflow_clickmeeting.sandbox.answers import Connection, Response, html_response, json_response
from airflow_clickmeeting.sandbox.clock import http_date
from airflow_clickmeeting.sandbox.fault_delivery import deliver
from airflow_clickmeeting.sandbox.faults import MEDIA
from airflow_clickmeeting.sandbox.model import StoredFile
from airflow_clickmeeting.sandbox.world import World

BLOCK = 1 << 20

_RECORDING = re.compile(r"/download/\d+/\d+/\d+/rec-([0-9]{1,18})/1/recording\.mp4")
_FILE = re.compile(r"/download/1/1/([0-9]{1,18})\.[^/]+")
_REPORT = re.compile(r"/panel/pdf/(\w+)/([0-9]{1,18})/(\w+)")
_RANGE = re.compile(r"bytes=(?:([0-9]{1,18})-([0-9]{0,18})|-([0-9]{1,18}))")


class File(NamedTuple):
    """Describe a file of the file host; `read` yields its bytes from one offset to another."""

    content_type: str
    size: int
    etag: str
    modified: str
    read: Callable[[int, int], Iterator[bytes]]


@functools.lru_cache(maxsize=8)
def _block(recording_id: int) -> bytes:
    return random.Random(recording_id).randbytes(BLOCK)  # noqa: S311


def recording_bytes(recording_id: int, start: int, stop: int, version: int = 0) -> Iterator[bytes]:
    """Yield the bytes from `start` to `stop` of a recording. They depend only on the id, the offset and the version.

    :param version: how often the fault `changed_file` has changed the recording.
    """
    block = _block(recording_id)
    while start < stop:
        offset = start % BLOCK
        piece = block[offset : offset + min(BLOCK - offset, stop - start)]
        yield piece.translate(_shift(version))
        start += len(piece)


def file_bytes(stored: StoredFile, start: int, stop: int, version: int = 0) -> Iterator[bytes]:
    """Yield the bytes from `start` to `stop` of an uploaded file, or of its version after so many changes."""
    while start < stop:
        stored.content.seek(start)
        piece = stored.content.read(min(BLOCK, stop - start))
        yield piece.translate(_shift(version))
        start += len(piece)


def _shift(version: int) -> bytes | None:
    """Return the table that makes another version of a file: each byte is greater by one. Version 0 needs none."""
    return bytes((byte + version) % 256 for byte in range(256)) if version else None


def respond(world: World, request: Request) -> Response:
    """Return the response to a request: a recording, a file, a report, or an error page."""
    path = request.url.path
    if path.startswith("/elsewhere"):
        return json_response({"elsewhere": path.removeprefix("/elsewhere")})
    if match := _REPORT.fullmatch(path):
        return _report(world, *match.groups())
    file = _find(world, path, world.account.versions[path])
    if not file:
        return html_response("404 Not Found", 404)
    query = request.query_params
    valid = world.signer.check(path, query.get("st", ""), query.get("e", ""), world.clock.unhurried)
    if not valid:
        status = int(world.switches["expired_link"]) if valid is None else 403
        return html_response("Link expired" if valid is None else "403 Forbidden", status)
    return _ranged(world, request, file)


def _find(world: World, path: str, version: int) -> File | None:
    age = timedelta(seconds=version)
    if match := _RECORDING.fullmatch(path):
        for one in world.account.recordings():
            if one.id == int(match[1]):
                read = functools.partial(recording_bytes, one.id, version=version)
                return File(
                    "video/mp4", one.size, f'"recording-{one.id}-{version}"', http_date(one.started + age), read
                )
    if (match := _FILE.fullmatch(path)) and (stored := world.account.files.get(int(match[1]))):
        etag, modified = f'"file-{stored.id}-{version}"', http_date(stored.uploaded_at + age)
        read = functools.partial(file_bytes, stored, version=version)
        return File("application/octet-stream", stored.size, etag, modified, read)
    return None


def _report(world: World, lang: str, session_id: str, code: str) -> Response:
    for room, session in world.account.sessions():
        report = session.reports.get(lang)
        if session.id == int(session_id) and report and report.code == code:
            if reports.progress(report, world.clock.now) < 100:
                break
            return Response(reports.pdf(room, session, lang), headers={"content-type": "application/pdf"})
    return html_response("404 Not Found", 404)


def _ranged(world: World, request: Request, file: File) -> Response:
    """Return a file, or the part that is asked for, if it is a part of this version of the file (RFC 9110)."""
    start, stop, status = 0, file.size, 200
    headers = {"content-type": file.content_type, "etag": file.etag, "last-modified": file.modified}
    if world.switches["ranges"]:
        headers["accept-ranges"] = "bytes"
        part = _part(request, file.size)
        if part and request.headers.get("if-range", file.etag) in {file.etag, file.modified}:
            start, stop = part
            if start >= stop:
                return Response(status=416, headers={"content-range": f"bytes */{file.size}"})
            status = 206
            headers["content-range"] = f"bytes {start}-{stop - 1}/{file.size}"
    return Response(file.read(start, stop), status, {**headers, "content-length": str(stop - start)})


def _part(request: Request, size: int) -> tuple[int, int] | None:
    """Return where the requested part begins and ends, or None if the request has no valid range."""
    match = _RANGE.fullmatch(request.headers.get("range", ""))
    if request.method != "GET" or not match:
        return None
    first, last, length = match.groups()
    if length:
        return max(size - int(length), 0), size
    if last and int(last) < int(first):
        return None
    return int(first), min(int(last) + 1, size) if last else size


async def serve(world: World, scope: Scope, receive: Receive, send: Send) -> None:
    """Respond to one request to the file host, and log it."""
    request = Request(scope)
    entry = world.requests.add(MEDIA, request, {}, world.clock.now)
    await deliver(world, MEDIA, Connection(scope, receive, send, entry), lambda: respond(world, request))
