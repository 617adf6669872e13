"""Serve the file host: a second origin that sends files to everyone who has a link, and needs no API key."""

from __future__ import annotations

import functools
import random
import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from starlette.requests import Request

from airflow_clickmeeting.sandbox import reports
from airflow_clickmeeting.sandbox.answers import Connection, Response, html_response, json_response
from airflow_clickmeeting.sandbox.fault_delivery import deliver
from airflow_clickmeeting.sandbox.model import StoredFile

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

    from airflow_clickmeeting.sandbox.world import World

BLOCK = 1 << 20
Source = Callable[[int, int], Iterator[bytes]]

_RECORDING = re.compile(r"/download/\d+/\d+/\d+/rec-(\d+)/1/recording\.mp4")
_FILE = re.compile(r"/download/1/1/(\d+)\.[^/]+")
_REPORT = re.compile(r"/panel/pdf/(\w+)/(\d+)/(\w+)")
_RANGE = re.compile(r"bytes=(\d*)-(\d*)")


@functools.lru_cache(maxsize=8)
def _block(recording_id: int) -> bytes:
    return random.Random(recording_id).randbytes(BLOCK)  # noqa: S311


def recording_bytes(recording_id: int, start: int, stop: int) -> Iterator[bytes]:
    """Yield the bytes from `start` to `stop` of a recording. They depend only on the id and the offset."""
    block = _block(recording_id)
    while start < stop:
        offset = start % BLOCK
        piece = block[offset : offset + min(BLOCK - offset, stop - start)]
        yield piece
        start += len(piece)


def file_bytes(stored: StoredFile, start: int, stop: int) -> Iterator[bytes]:
    """Yield the bytes from `start` to `stop` of an uploaded file."""
    while start < stop:
        stored.content.seek(start)
        piece = stored.content.read(min(BLOCK, stop - start))
        yield piece
        start += len(piece)


def respond(world: World, request: Request) -> Response:
    """Return the response to a request: a recording, a file, a report, or an error page."""
    path = request.url.path
    if path.startswith("/elsewhere"):
        return json_response({"elsewhere": path.removeprefix("/elsewhere")})
    if match := _REPORT.fullmatch(path):
        return _report(world, *match.groups())
    found = _find(world, path)
    if not found:
        return html_response("404 Not Found", 404)
    query = request.query_params
    valid = world.signer.check(path, query.get("st", ""), query.get("e", ""), world.clock.now)
    if not valid:
        status = int(world.switches.word("expired_link")) if valid is None else 403
        return html_response("Link expired" if valid is None else "403 Forbidden", status)
    return _ranged(world, request, *found)


def _find(world: World, path: str) -> tuple[str, int, Source] | None:
    if match := _RECORDING.fullmatch(path):
        recording_id = int(match[1])
        for _, recording in world.account.recordings():
            if recording.id == recording_id:
                return "video/mp4", recording.size, functools.partial(recording_bytes, recording_id)
    if (match := _FILE.fullmatch(path)) and (stored := world.account.files.get(int(match[1]))):
        return "application/octet-stream", stored.size, functools.partial(file_bytes, stored)
    return None


def _report(world: World, lang: str, session_id: str, code: str) -> Response:
    for room, session in world.account.sessions():
        report = session.reports.get(lang)
        if session.id == int(session_id) and report and report.code == code:
            if reports.progress(report, world.clock.now) < 100:
                break
            return Response(reports.pdf(room, session, lang), headers={"content-type": "application/pdf"})
    return html_response("404 Not Found", 404)


def _ranged(world: World, request: Request, content_type: str, size: int, source: Source) -> Response:
    headers = {"content-type": content_type, "etag": f'"{request.url.path[1:].replace("/", "-")}-{size}"'}
    start, stop, status = 0, size, 200
    if world.switches.on("ranges"):
        headers["accept-ranges"] = "bytes"
        wanted = _RANGE.fullmatch(request.headers.get("range", ""))
        if wanted and request.headers.get("if-range", headers["etag"]) == headers["etag"]:
            start, stop = _bounds(wanted[1], wanted[2], size)
            if start >= stop:
                return Response(status=416, headers={"content-range": f"bytes */{size}"})
            status = 206
            headers["content-range"] = f"bytes {start}-{stop - 1}/{size}"
    headers["content-length"] = str(stop - start)
    return Response(source(start, stop), status, headers)


def _bounds(first: str, last: str, size: int) -> tuple[int, int]:
    if not first:
        return max(size - int(last or 0), 0), size
    return int(first), min(int(last) + 1, size) if last else size


async def serve(world: World, scope: Scope, receive: Receive, send: Send) -> None:
    """Respond to one request to the file host, and log it."""
    request = Request(scope)
    entry = world.requests.add("media", request, {}, world.clock.now)
    await deliver(world, "media", Connection(scope, receive, send, entry), lambda: respond(world, request))
