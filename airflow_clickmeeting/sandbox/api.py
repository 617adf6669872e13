"""Serve the API under /v1/: route each request to an operation and send the operation's result."""

from __future__ import annotations

import asyncio
import functools
import hmac
from typing import TYPE_CHECKING

from starlette.requests import Request

from airflow_clickmeeting.sandbox import routes, schedule
from airflow_clickmeeting.sandbox.answers import Connection, Response, json_response
from airflow_clickmeeting.sandbox.calls import Call, operation_path, read_call
from airflow_clickmeeting.sandbox.errors import ApiError, not_found, plain
from airflow_clickmeeting.sandbox.fault_delivery import deliver

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

    from airflow_clickmeeting.sandbox.world import World


async def serve(world: World, scope: Scope, receive: Receive, send: Send) -> None:
    """Respond to one request to the API, and log it."""
    request = Request(scope, receive)
    path = request.url.path
    is_api = path.startswith("/v1/")
    operation, ids = routes.find(request.method, operation_path(path)) if is_api else (None, {})
    name = operation.name if operation else "unknown"
    call = await read_call(request, name, ids)
    entry = world.requests.add(name, request, call.loggable, world.clock.now)
    latency = world.switches.number("latency")
    if latency:
        await asyncio.sleep(latency)
    try:
        await deliver(
            world, name, Connection(scope, receive, send, entry), functools.partial(_respond, world, operation, call)
        )
    finally:
        if call.upload:
            await call.upload.close()


def _respond(world: World, operation: routes.Operation | None, call: Call) -> Response:
    try:
        _check_key(world, call)
        if not operation:
            raise not_found("Resource")
        schedule.add_started_sessions(world.account, world.switches, world.clock.now)
        result = operation.handler(world, call)
    except ApiError as error:
        as_string = world.switches.word("error_code") == "string"
        return json_response(error.body(code_as_string=as_string), error.code)
    return result if isinstance(result, Response) else json_response(result)


def _check_key(world: World, call: Call) -> None:
    if call.operation == "ping" and not world.switches.on("ping_checks_key"):
        return
    if not hmac.compare_digest(call.key.encode(), world.api_key.encode()):
        raise plain(401, "Wrong API key.")
