"""Serve the API under /v1/: route each request to an operation and send the operation's result."""

from __future__ import annotations

import asyncio
import functools
import hmac
import math
import re
from collections.abc import Callable
from time import monotonic
from typing import Any

from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from airflow_clickmeeting.sandbox import schedule
from airflow_clickmeeting.sandbox.answers import Connection, Response, json_response
from airflow_clickmeeting.sandbox.calls import Call, read_call
from airflow_clickmeeting.sandbox.errors import ApiError, not_found, plain
from airflow_clickmeeting.sandbox.fault_delivery import deliver, too_many
from airflow_clickmeeting.sandbox.operations import (
    account,
    chats,
    conferences,
    files,
    recordings,
    registrations,
    sessions,
    tokens,
)
from airflow_clickmeeting.sandbox.world import World

Handler = Callable[[Call], Any]


_ROOM = "conferences/{room_id}"
_SESSION = f"{_ROOM}/sessions/{{session_id}}"
_LANG = "(?P<lang>[a-zA-Z]{2})"
_STATUS = "(?P<status>(?i:active|inactive))"
_REGISTRATIONS = "registrations(/(?P<status>all|active))?"

_PATHS: list[tuple[str, str, Handler]] = [
    ("GET", "ping", account.ping),
    ("GET", "time_zone_list", account.list_timezones),
    ("GET", r"time_zone_list/(?P<country>\w+)", account.list_timezones_by_country),
    ("GET", "phone_gateways", account.list_phone_gateways),
    ("GET", "conferences/skins", account.list_skins),
    ("POST", "contacts", account.create_contact),
    ("POST", "conference/availability", conferences.check_availability),
    ("GET", f"conferences(/{_STATUS})?", conferences.list_conferences),
    ("POST", "conferences", conferences.create_conference),
    ("GET", _ROOM, conferences.get_conference),
    ("PUT", _ROOM, conferences.update_conference),
    ("DELETE", _ROOM, conferences.delete_conference),
    ("POST", f"{_ROOM}/tokens", tokens.generate_tokens),
    ("GET", f"{_ROOM}/tokens", tokens.list_tokens),
    ("DELETE", f"{_ROOM}/tokens", tokens.deactivate_tokens),
    ("POST", f"{_ROOM}/token", tokens.get_token_by_email),
    ("POST", f"{_ROOM}/room/autologin_hash", tokens.generate_autologin_url),
    ("POST", f"{_ROOM}/invitation/email/{_LANG}", registrations.send_invitation),
    ("POST", f"{_ROOM}/registration", registrations.register_participant),
    ("GET", f"{_ROOM}/{_REGISTRATIONS}", registrations.list_registrations),
    ("GET", f"{_SESSION}/{_REGISTRATIONS}", registrations.list_session_registrations),
    ("GET", f"{_ROOM}/sessions", sessions.list_sessions),
    ("GET", _SESSION, sessions.get_session),
    ("GET", f"{_SESSION}/attendees", sessions.list_session_attendees),
    ("GET", f"{_SESSION}/generate-pdf/{_LANG}", sessions.generate_session_report),
    ("GET", "conferences/recordings", recordings.list_all_recordings),
    ("GET", f"{_ROOM}/recordings", recordings.list_recordings),
    ("DELETE", f"{_ROOM}/recordings", recordings.delete_all_recordings),
    ("DELETE", f"{_ROOM}/recordings/{{recording_id}}", recordings.delete_recording),
    ("GET", "file-library", files.list_files),
    ("GET", "file-library/conferences/{room_id}", files.list_conference_files),
    ("POST", "file-library(/conferences/{room_id})?", files.upload_file),
    ("GET", "file-library/{file_id}", files.get_file),
    ("GET", "file-library/{file_id}/download", files.download_file),
    ("DELETE", "file-library/{file_id}", files.delete_file),
    ("GET", "chats", chats.list_chats),
    ("GET", "chats/{session_id}", chats.download_chat),
]
# Each operation has the name of the function that implements it.
NAMES = {handler.__name__ for _, _, handler in _PATHS}
_ROUTES = [
    (method, re.compile(re.sub(r"{(\w+_id)}", r"(?P<\1>[0-9]{1,18})", path)), run) for method, path, run in _PATHS
]


def _find(method: str, path: str) -> tuple[Handler | None, dict[str, str]]:
    """Return the operation of a request with the ids of its path, or None and no ids."""
    for own_method, pattern, handler in _ROUTES:
        if own_method == method and (match := pattern.fullmatch(path)):
            return handler, {name: value for name, value in match.groupdict().items() if value}
    return None, {}


async def serve(world: World, scope: Scope, receive: Receive, send: Send) -> None:
    """Respond to one request to the API, and log it."""
    request = Request(scope, receive)
    path = request.url.path.rstrip("/")
    inner = path.removeprefix("/v1").removesuffix(".json").strip("/")
    operation, ids = _find(request.method, inner) if path.startswith("/v1/") else (None, {})
    name = operation.__name__ if operation else "unknown"
    call = await read_call(world, request, ids, has_extension=path.endswith(".json"))
    uploaded = {"uploaded": call.upload.filename} if call.upload else {}
    entry = world.requests.add(name, request, call.form | uploaded, world.clock.now)
    await asyncio.sleep(world.switches["latency"])
    connection = Connection(scope, receive, send, entry)
    try:
        if wait := world.rate_limit.wait(world.switches, monotonic()):
            seconds = math.ceil(wait) if world.switches["rate_limit_retry_after"] else None
            await too_many(world, connection, seconds).send(connection)
        else:
            await deliver(world, name, connection, functools.partial(_respond, operation, call))
    finally:
        if call.upload:
            await call.upload.close()


def _respond(operation: Handler | None, call: Call) -> Response:
    world = call.world
    try:
        needs_key = operation is not account.ping or world.switches["ping_checks_key"]
        if needs_key and not hmac.compare_digest(call.key.encode(), world.api_key.encode()):
            raise plain(401, "Wrong API key.")
        if not operation:
            raise not_found("Resource")
        schedule.add_started_sessions(world)
        result = operation(call)
    except ApiError as error:
        as_string = world.switches["error_code"] == "string"
        return json_response(error.body(code_as_string=as_string), error.status)
    return result if isinstance(result, Response) else json_response(result)
