"""Map each method and path of the API to its operation."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

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

if TYPE_CHECKING:
    from airflow_clickmeeting.sandbox.answers import Response
    from airflow_clickmeeting.sandbox.calls import Call
    from airflow_clickmeeting.sandbox.world import World

Handler = Callable[["World", "Call"], "Response | Any"]


class Operation(NamedTuple):
    """Describe one operation: its name, its method, its path and the function that implements it."""

    name: str
    method: str
    path: re.Pattern[str]
    handler: Handler


def _operation(name: str, method: str, path: str, handler: Handler) -> Operation:
    pattern = re.sub(r"{(\w+_id)}", r"(?P<\1>\\d+)", path)
    return Operation(name, method, re.compile(pattern), handler)


_ROOM = "conferences/{room_id}"
_SESSION = f"{_ROOM}/sessions/{{session_id}}"
_LANG = "(?P<lang>[a-zA-Z]{2})"
_STATUS = "(?P<status>active|inactive)"

OPERATIONS = [
    _operation("ping", "GET", "ping", account.ping),
    _operation("list_timezones", "GET", "time_zone_list", account.list_timezones),
    _operation(
        "list_timezones_by_country", "GET", r"time_zone_list/(?P<country>\w+)", account.list_timezones_by_country
    ),
    _operation("list_phone_gateways", "GET", "phone_gateways", account.list_phone_gateways),
    _operation("list_skins", "GET", "conferences/skins", account.list_skins),
    _operation("create_contact", "POST", "contacts", account.create_contact),
    _operation("check_availability", "POST", "conference/availability", conferences.check_availability),
    _operation("list_conferences", "GET", f"conferences(/{_STATUS})?", conferences.list_conferences),
    _operation("create_conference", "POST", "conferences", conferences.create_conference),
    _operation("get_conference", "GET", _ROOM, conferences.get_conference),
    _operation("update_conference", "PUT", _ROOM, conferences.update_conference),
    _operation("delete_conference", "DELETE", _ROOM, conferences.delete_conference),
    _operation("generate_tokens", "POST", f"{_ROOM}/tokens", tokens.generate_tokens),
    _operation("list_tokens", "GET", f"{_ROOM}/tokens", tokens.list_tokens),
    _operation("deactivate_tokens", "DELETE", f"{_ROOM}/tokens", tokens.deactivate_tokens),
    _operation("get_token_by_email", "POST", f"{_ROOM}/token", tokens.get_token_by_email),
    _operation("generate_autologin_url", "POST", f"{_ROOM}/room/autologin_hash", tokens.generate_autologin_url),
    _operation("send_invitation", "POST", f"{_ROOM}/invitation/email/{_LANG}", registrations.send_invitation),
    _operation("register_participant", "POST", f"{_ROOM}/registration", registrations.register_participant),
    _operation(
        "list_registrations",
        "GET",
        f"{_ROOM}/registrations(/(?P<status>all|active))?",
        registrations.list_registrations,
    ),
    _operation(
        "list_session_registrations",
        "GET",
        f"{_SESSION}/registrations(/(?P<status>all|active))?",
        registrations.list_session_registrations,
    ),
    _operation("list_sessions", "GET", f"{_ROOM}/sessions", sessions.list_sessions),
    _operation("get_session", "GET", _SESSION, sessions.get_session),
    _operation("list_session_attendees", "GET", f"{_SESSION}/attendees", sessions.list_session_attendees),
    _operation("generate_session_report", "GET", f"{_SESSION}/generate-pdf/{_LANG}", sessions.generate_session_report),
    _operation("list_all_recordings", "GET", "conferences/recordings", recordings.list_all_recordings),
    _operation("list_recordings", "GET", f"{_ROOM}/recordings", recordings.list_recordings),
    _operation("delete_all_recordings", "DELETE", f"{_ROOM}/recordings", recordings.delete_all_recordings),
    _operation("delete_recording", "DELETE", f"{_ROOM}/recordings/{{recording_id}}", recordings.delete_recording),
    _operation("list_files", "GET", "file-library", files.list_files),
    _operation("list_conference_files", "GET", "file-library/conferences/{room_id}", files.list_conference_files),
    _operation("upload_file", "POST", "file-library(/conferences/{room_id})?", files.upload_file),
    _operation("get_file", "GET", "file-library/{file_id}", files.get_file),
    _operation("download_file", "GET", "file-library/{file_id}/download", files.download_file),
    _operation("delete_file", "DELETE", "file-library/{file_id}", files.delete_file),
    _operation("list_chats", "GET", "chats", chats.list_chats),
    _operation("download_chat", "GET", "chats/{session_id}", chats.download_chat),
]
NAMES = {operation.name for operation in OPERATIONS}


def find(method: str, path: str) -> tuple[Operation | None, dict[str, str]]:
    """Return the operation of a request with the ids of its path, or None and no ids."""
    for operation in OPERATIONS:
        if operation.method == method and (match := operation.path.fullmatch(path)):
            return operation, {name: value for name, value in match.groupdict().items() if value}
    return None, {}
