"""Serve the API under /v1/: route each request to an operation and send the operation's result."""

from __future__ import annotations

import asyncio
import functools
import hmac
from typing import TYPE_CHECKING

from starlette.requests import Request

from airflow_clickmeeting.sandbox import routes, schedule
from airflow_clickmeeting.sandbox.answers import Answer, Wire, json_answer
from airflow_clickmeeting.sandbox.calls import Call, operation_path, read
from airflow_clickmeeting.sandbox.errors import ApiError, not_found, plain
from airflow_clickmeeting.sandbox.fault_delivery import deliver

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

    from airflow_clickmeeting.sandbox.world import World


async def serve(world: World, scope: Scope, receive: Receive, send: Send) -> None:
    """Respond to one request to the API, and log it."""
    request = Request(scope, receive)
    path = request.url.path
    inside = path.startswith("/v1/")
    operation, ids = routes.find(request.method, operation_path(path)) if inside else (None, {})
    name = operation.name if operation else "unknown"
    call = await read(request, name, ids)
    entry = world.requests.add(name, request, call.loggable, world.clock.now)
    latency = world.switches.number("latency")
    if latency:
        await asyncio.sleep(latency)
    try:
        await deliver(world, name, Wire(scope, receive, send, entry), functools.partial(_work, world, operation, call))
    finally:
        if call.upload:
            await call.upload.close()


def _work(world: World, operation: routes.Operation | None, call: Call) -> Answer:
    try:
        _check_key(world, call)
        if not operation:
            raise not_found("Resource")
        schedule.settle(world.account, world.switches, world.clock.now)
        result = operation.handler(world, call)
    except ApiError as error:
        as_string = world.switches.word("error_code") == "string"
        return json_answer(error.body(code_as_string=as_string), error.code)
    return result if isinstance(result, Answer) else json_answer(result)


def _check_key(world: World, call: Call) -> None:
    if call.operation == "ping" and not world.switches.on("ping_checks_key"):
        return
    if not hmac.compare_digest(call.key.encode(), world.api_key.encode()):
        raise plain(401, "Wrong API key.")
