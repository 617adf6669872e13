"""Send the response to a request, or deliver the fault that a test ordered for the request."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from datetime import datetime, timedelta
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any

from airflow_clickmeeting.sandbox.answers import Answer, Wire, html_answer, json_answer
from airflow_clickmeeting.sandbox.errors import not_found, plain
from airflow_clickmeeting.sandbox.faults import Fault

if TYPE_CHECKING:
    from airflow_clickmeeting.sandbox.world import World

Work = Callable[[], Answer]


async def deliver(world: World, operation: str, wire: Wire, work: Work) -> None:
    """Call `work` and send the response that it returns, unless a fault is ordered for this request."""
    fault = world.faults.take(operation)
    if not fault:
        await work().send(wire)
    elif fault.kind in _INSTEAD:
        await _INSTEAD[fault.kind](fault, world, wire).send(wire)
    else:
        await _AROUND[fault.kind](fault, wire, work)


async def _reset(fault: Fault, wire: Wire, work: Work) -> None:
    await wire.abort()


async def _lost(fault: Fault, wire: Wire, work: Work) -> None:
    work()
    await wire.abort()


async def _hang(fault: Fault, wire: Wire, work: Work) -> None:
    try:
        await asyncio.wait_for(wire.until_gone(), float(fault.options.get("seconds", 60)))
    except TimeoutError:
        await work().send(wire)


async def _cut(fault: Fault, wire: Wire, work: Work) -> None:
    answer = work()
    half = 512 if answer.length is None else answer.length // 2
    await answer.send(wire, stop_after=int(fault.options.get("after", half)))


def _too_many(fault: Fault, world: World, wire: Wire) -> Answer:
    wait = fault.options.get("retry_after")
    as_date = wait == "date" or fault.options.get("as_date", False)
    seconds = 1 if wait == "date" else wait
    headers = {}
    if seconds is not None:
        headers["retry-after"] = _http_date(world.clock.now, float(seconds)) if as_date else str(seconds)
    return json_answer(plain(429, "Too many requests.").body(), 429, headers)


def _http_date(now: datetime, seconds: float) -> str:
    rounded_up = (now + timedelta(seconds=seconds + 1)).replace(microsecond=0)
    return format_datetime(rounded_up, usegmt=True)


def _status(fault: Fault, world: World, wire: Wire) -> Answer:
    status = int(fault.options.get("status", 500))
    body = fault.options.get("body", "json")
    if body == "html":
        return html_answer(str(status), status)
    if body == "empty":
        return Answer(status=status)
    return json_answer(plain(status).body(), status)


def _redirect(fault: Fault, world: World, wire: Wire) -> Answer:
    status = int(fault.options.get("status", 302))
    return Answer(status=status, headers={"location": f"{world.media_url}elsewhere{wire.scope['path']}"})


_INSTEAD: dict[str, Callable[[Fault, World, Wire], Answer]] = {
    "429": _too_many,
    "status": _status,
    "html": lambda fault, world, wire: html_answer("Sign in"),
    "empty": lambda fault, world, wire: Answer(),
    "error200": lambda fault, world, wire: json_answer(not_found().body()),
    "redirect": _redirect,
}
_AROUND: dict[str, Callable[[Fault, Wire, Work], Coroutine[Any, Any, None]]] = {
    "reset": _reset,
    "lost": _lost,
    "hang": _hang,
    "cut": _cut,
}
