"""Send the response to a request, or deliver the fault that a test ordered for the request."""

from __future__ import annotations

import asyncio
import itertools
import json
import zlib
from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta
from typing import Any

from airflow_clickmeeting.sandbox.answers import (
    SANDBOX_HEADER,
    Connection,
    Response,
    html_response,
    json_response,
    limited,
)
from airflow_clickmeeting.sandbox.clock import http_date
from airflow_clickmeeting.sandbox.errors import not_found, plain
from airflow_clickmeeting.sandbox.faults import DENIALS
from airflow_clickmeeting.sandbox.world import World

Respond = Callable[[], Response]
BLANKS = b" " * (1 << 18)


async def deliver(world: World, operation: str, connection: Connection, respond: Respond) -> None:
    """Send the response that `respond` returns, unless a fault is ordered for this request.

    A fault replaces the response, and the operation does not run; or it changes the response of an operation that
    runs; or it disturbs the connection.
    """
    fault = world.faults.take(operation)
    if not fault:
        await respond().send(connection)
    elif fault.kind in INSTEAD:
        await INSTEAD[fault.kind](world, connection, **fault.options).send(connection)
    elif fault.kind in CHANGES:
        response = respond()
        CHANGES[fault.kind](world, connection, response, **fault.options)
        await response.send(connection)
    else:
        await AROUND[fault.kind](world, connection, respond, **fault.options)


def too_many(world: World, connection: Connection, retry_after: Any = None, as_date: bool = False) -> Response:
    """Return a response with HTTP 429.

    :param retry_after: its `Retry-After` in seconds; None is none.
    :param as_date: write it as a date.
    """
    headers = {}
    if retry_after == "date" or (as_date and retry_after is not None):
        seconds = 1.0 if retry_after == "date" else float(retry_after)
        headers["retry-after"] = http_date(world.clock.now + timedelta(seconds=seconds + 1))  # rounded up
    elif retry_after is not None:
        headers["retry-after"] = str(retry_after)
    return json_response(plain(429, "Too many requests.").body(), 429, headers)


def _status(world: World, connection: Connection, status: int = 500, body: str = "json") -> Response:
    if body == "json":
        return json_response(plain(status).body(), status)
    return html_response(str(status), status) if body == "html" else Response(status=status)


def _redirect(world: World, connection: Connection, status: int = 302) -> Response:
    return Response(status=status, headers={"location": f"{world.media_url}elsewhere{connection.scope['path']}"})


INSTEAD: dict[str, Callable[..., Response]] = {
    "429": too_many,
    "status": _status,
    "html": lambda world, connection: html_response("Sign in"),
    "html404": lambda world, connection: html_response("404 Not Found", 404),
    "empty": lambda world, connection: Response(),
    "error200": lambda world, connection: json_response(not_found().body()),
    "redirect": _redirect,
    "answer": lambda world, connection, json=None, **more: json_response(json, **more),
    "denied": lambda world, connection, shape="result": json_response(DENIALS[shape]),
}


def _changed(
    world: World, connection: Connection, response: Response, json: Any = None, headers: dict[str, str] | None = None
) -> None:
    if json is not None:
        _edit(response, lambda data: _merged(data, json))
    response.headers |= headers or {}


def _merged(data: Any, patch: Any) -> Any:
    """Return JSON data after a merge patch (RFC 7396), in which None removes a key."""
    if not isinstance(patch, dict):
        return patch
    merged = dict(data) if isinstance(data, dict) else {}
    for key, value in patch.items():
        merged[key] = _merged(merged.get(key), value)
    return {key: value for key, value in merged.items() if value is not None or patch.get(key, 0) is not None}


def _edit(response: Response, edit: Callable[[Any], Any]) -> None:
    if _is_json(response):
        response.replace_body(json.dumps(edit(json.loads(b"".join(response.pieces())))).encode())


def _is_json(response: Response) -> bool:
    return response.headers.get("content-type") == "application/json"


def _clock_skew(world: World, connection: Connection, response: Response, seconds: float = 86400) -> None:
    skewed = http_date(world.clock.now + timedelta(seconds=seconds))
    _changed(world, connection, response, headers={"date": skewed, SANDBOX_HEADER: ""})


def _with_other_ids(data: Any) -> Any:
    if isinstance(data, list):
        return [_with_other_ids(item) for item in data]
    if not isinstance(data, dict):
        return data
    ids = {key: data[key] + 1 for key in ("id", "conference_id", "room_id") if isinstance(data.get(key), int)}
    return data | {key: _with_other_ids(data[key]) for key in ("conference", "room") if key in data} | ids


def _unasked_206(world: World, connection: Connection, response: Response) -> None:
    half, is_asked = _half(response), any(name == b"range" for name, _ in connection.scope["headers"])
    if response.status == 200 and half and not is_asked:
        response.status = 206
        response.headers["content-range"] = f"bytes 0-{half - 1}/{response.length or '*'}"
        response.replace_body(limited(response.pieces(), half), response.length and half)


def _half(response: Response) -> int:
    return 512 if response.length is None else response.length // 2


def _cut(world: World, connection: Connection, response: Response, after: int | None = None) -> None:
    response.stop_after = _half(response) if after is None else after


def _drip(world: World, connection: Connection, response: Response, seconds: float = 1.0) -> None:
    response.pause = seconds
    single_bytes = (bytes([byte]) for piece in response.pieces() for byte in piece)
    response.replace_body(single_bytes, response.length)


def _bomb(world: World, connection: Connection, response: Response, size: int = 100_000_000) -> None:
    padded = limited(itertools.chain(response.pieces(), itertools.repeat(BLANKS)), size)
    response.replace_body(_compressed(padded))
    response.headers["content-encoding"] = "gzip"


def _compressed(pieces: Iterable[bytes]) -> Iterator[bytes]:
    gzip = zlib.compressobj(wbits=31)
    for piece in pieces:
        yield gzip.compress(piece)
    yield gzip.flush()


def _endless(world: World, connection: Connection, response: Response) -> None:
    response.replace_body(_without_end(next(response.pieces(), b""), is_json=_is_json(response)))


def _without_end(start: bytes, *, is_json: bool) -> Iterator[bytes]:
    """Yield the items of a JSON list again and again; blanks before the end of other JSON; a file's bytes again."""
    rows = start[1:].removesuffix(b"]") if start.startswith(b"[") else b""
    if not is_json:
        opening, more = b"", start
    elif rows:
        opening, more = b"[" + rows, b", " + rows
    else:
        opening, more = start[:-1], b""
    more = more or BLANKS
    return itertools.chain((opening,), itertools.repeat(more * (len(BLANKS) // len(more) + 1)))


CHANGES: dict[str, Callable[..., None]] = {
    "changed": _changed,
    "clock_skew": _clock_skew,
    "wrong_id": lambda world, connection, response: _edit(response, _with_other_ids),
    "unasked_206": _unasked_206,
    "cut": _cut,
    "drip": _drip,
    "bomb": _bomb,
    "endless": _endless,
}


async def _changed_file(world: World, connection: Connection, respond: Respond) -> None:
    world.account.versions[connection.scope["path"]] += 1
    await respond().send(connection)


async def _hang(world: World, connection: Connection, respond: Respond, seconds: float = 60) -> None:
    try:
        await asyncio.wait_for(connection.wait_closed(), seconds)
    except TimeoutError:
        await respond().send(connection)


async def _lost(world: World, connection: Connection, respond: Respond) -> None:
    respond()
    await connection.abort()


AROUND: dict[str, Callable[..., Any]] = {
    "changed_file": _changed_file,
    "hang": _hang,
    "reset": lambda world, connection, respond: connection.abort(),
    "lost": _lost,
}
