"""Send the response to a request, or deliver the fault that a test ordered for the request."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine
from datetime import datetime, timedelta
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any

from airflow_clickmeeting.sandbox.answers import Connection, Response, html_response, json_response
from airflow_clickmeeting.sandbox.errors import not_found, plain
from airflow_clickmeeting.sandbox.faults import Fault

if TYPE_CHECKING:
    from airflow_clickmeeting.sandbox.world import World

Respond = Callable[[], Response]


async def deliver(world: World, operation: str, connection: Connection, respond: Respond) -> None:
    """Send the response that `respond` returns, unless a fault is ordered for this request.

    A fault replaces the response, and the operation does not run; or it disturbs the response of an operation that
    runs.
    """
    fault = world.faults.take(operation)
    if not fault:
        await respond().send(connection)
    elif fault.kind in _INSTEAD:
        await _INSTEAD[fault.kind](fault, world, connection).send(connection)
    else:
        await _AROUND[fault.kind](fault, connection, respond)


async def _reset(fault: Fault, connection: Connection, respond: Respond) -> None:
    await connection.abort()


async def _lost(fault: Fault, connection: Connection, respond: Respond) -> None:
    respond()
    await connection.abort()


async def _hang(fault: Fault, connection: Connection, respond: Respond) -> None:
    try:
        await asyncio.wait_for(connection.wait_closed(), float(fault.options.get("seconds", 60)))
    except TimeoutError:
        await respond().send(connection)


async def _cut(fault: Fault, connection: Connection, respond: Respond) -> None:
    response = respond()
    half = 512 if response.length is None else response.length // 2
    await response.send(connection, stop_after=int(fault.options.get("after", half)))


async def _changed(fault: Fault, connection: Connection, respond: Respond) -> None:
    response = respond()
    response.headers |= fault.options.get("headers", {})
    if (patch := fault.options.get("json")) is not None and isinstance(response.body, bytes):
        response.body = json.dumps(_merged(json.loads(response.body), patch)).encode()
        response.headers.pop("content-length", None)
    await response.send(connection)


def _merged(data: Any, patch: Any) -> Any:
    """Return JSON data after a merge patch (RFC 7396), in which None removes a key."""
    if not isinstance(patch, dict):
        return patch
    merged = dict(data) if isinstance(data, dict) else {}
    for key, value in patch.items():
        merged[key] = _merged(merged.get(key), value)
    return {key: value for key, value in merged.items() if value is not None or patch.get(key, 0) is not None}


def _answer(fault: Fault, world: World, connection: Connection) -> Response:
    options = fault.options
    return json_response(options.get("json"), int(options.get("status", 200)), options.get("headers"))


def _too_many(fault: Fault, world: World, connection: Connection) -> Response:
    wait = fault.options.get("retry_after")
    as_date = wait == "date" or fault.options.get("as_date", False)
    seconds = 1 if wait == "date" else wait
    headers = {}
    if seconds is not None:
        headers["retry-after"] = _http_date(world.clock.now, float(seconds)) if as_date else str(seconds)
    return json_response(plain(429, "Too many requests.").body(), 429, headers)


def _http_date(now: datetime, seconds: float) -> str:
    rounded_up = (now + timedelta(seconds=seconds + 1)).replace(microsecond=0)
    return format_datetime(rounded_up, usegmt=True)


def _status(fault: Fault, world: World, connection: Connection) -> Response:
    status = int(fault.options.get("status", 500))
    body = fault.options.get("body", "json")
    if body == "html":
        return html_response(str(status), status)
    if body == "empty":
        return Response(status=status)
    return json_response(plain(status).body(), status)


def _redirect(fault: Fault, world: World, connection: Connection) -> Response:
    status = int(fault.options.get("status", 302))
    return Response(status=status, headers={"location": f"{world.media_url}elsewhere{connection.scope['path']}"})


_INSTEAD: dict[str, Callable[[Fault, World, Connection], Response]] = {
    "429": _too_many,
    "answer": _answer,
    "status": _status,
    "html": lambda fault, world, connection: html_response("Sign in"),
    "empty": lambda fault, world, connection: Response(),
    "error200": lambda fault, world, connection: json_response(not_found().body()),
    "redirect": _redirect,
}
_AROUND: dict[str, Callable[[Fault, Connection, Respond], Coroutine[Any, Any, None]]] = {
    "reset": _reset,
    "lost": _lost,
    "hang": _hang,
    "cut": _cut,
    "changed": _changed,
}
