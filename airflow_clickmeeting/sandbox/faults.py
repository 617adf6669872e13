"""Faults that a test can order: what a network, a proxy or a tired server does to an answer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any

from airflow_clickmeeting.sandbox.answers import Answer, Wire, html_answer, json_answer
from airflow_clickmeeting.sandbox.errors import not_found, plain

if TYPE_CHECKING:
    from airflow_clickmeeting.sandbox.world import World

Work = Callable[[], Answer]

KINDS: dict[str, tuple[str, ...]] = {
    "429": ("retry_after", "as_date"),
    "status": ("status", "body"),
    "html": (),
    "empty": (),
    "error200": (),
    "redirect": ("status",),
    "cut": ("after",),
    "hang": ("seconds",),
    "reset": (),
    "lost": (),
}


@dataclass
class Fault:
    """One kind of trouble for one operation (`*` is every operation of the API)."""

    operation: str
    kind: str
    times: int | None = 1
    skip: int = 0
    options: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"There is no fault {self.kind!r}. There are: {', '.join(KINDS)}.")
        unknown = sorted(set(self.options) - set(KINDS[self.kind]))
        if unknown:
            known = ", ".join(KINDS[self.kind]) or "none"
            raise ValueError(f"The fault {self.kind!r} has no option {unknown[0]!r}. It has: {known}.")

    def takes(self, operation: str) -> bool:
        """Tell whether this request is one to spoil, and count it."""
        if self.times == 0 or (self.operation != operation and (self.operation != "*" or operation == "media")):
            return False
        if self.skip:
            self.skip -= 1
            return False
        if self.times is not None:
            self.times -= 1
        return True


class Faults:
    """The ordered faults, first come first served."""

    def __init__(self) -> None:
        self.ordered: list[Fault] = []

    def order(self, order: Mapping[str, Any], operations: set[str]) -> None:
        """Add a fault as the control API describes it."""
        options = dict(order)
        operation, kind = str(options.pop("operation", "*")), str(options.pop("kind", ""))
        times, skip = options.pop("times", 1), int(options.pop("skip", 0))
        fault = Fault(operation, kind, None if times is None else int(times), skip, options)
        known = operations | {"*", "media"}
        if operation not in known:
            raise ValueError(f"There is no operation {operation!r}. There are: {', '.join(sorted(known))}.")
        self.ordered.append(fault)

    def take(self, operation: str) -> Fault | None:
        """Return the fault that this request meets."""
        fault = next((fault for fault in self.ordered if fault.takes(operation)), None)
        self.ordered = [fault for fault in self.ordered if fault.times != 0]
        return fault


async def deliver(world: World, operation: str, wire: Wire, work: Work) -> None:
    """Do the work and send its answer, unless a fault was ordered for this request."""
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
