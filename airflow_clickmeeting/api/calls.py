"""The whole API of ClickMeeting on one page: a function per operation, which returns the Call to make.

Both hooks offer each function as a method of its name, which makes the call and returns what is documented
here. Wrong arguments raise `ValueError` before anything is sent. A call that fails raises one of
`airflow_clickmeeting.exceptions`. Ids are whole numbers, also as text. Sections are those of the API's facts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import wraps
from typing import Any, ParamSpec, TypeVar, Unpack, cast

from airflow_clickmeeting.api import parse, times, validate
from airflow_clickmeeting.api.call import Call, Upload
from airflow_clickmeeting.api.errors import Kind
from airflow_clickmeeting.api.room_form import room_form
from airflow_clickmeeting.api.times import When
from airflow_clickmeeting.api.types import (
    Attendee,
    Chat,
    File,
    PhoneGateway,
    Recording,
    Registered,
    Registration,
    Report,
    Room,
    RoomParameters,
    Session,
    Skin,
    Token,
)
from airflow_clickmeeting.api.urls import autologin_url
from airflow_clickmeeting.api.validate import Id

P = ParamSpec("P")
T = TypeVar("T")

MAX_TOKENS = 1000
PAGE_SIZE = 250


def operation(build: Callable[P, Call[T]]) -> Callable[P, Call[T]]:
    """Give the calls that a function builds its name."""

    @wraps(build)
    def build_named(*args: P.args, **kwargs: P.kwargs) -> Call[T]:
        return replace(build(*args, **kwargs), name=build.__name__)

    return build_named


@operation
def ping() -> Call[dict[str, str]]:
    """Ask whether ClickMeeting is there: `{"ping": "pong"}`. Whether it checks the key is unknown (10)."""
    return Call("GET", "ping", read=parse.plain)


@operation
def list_timezones() -> Call[list[str]]:
    """List the IANA names of the time zones that rooms may have (10)."""
    return Call("GET", "time_zone_list", read=parse.strings)


@operation
def list_timezones_by_country(country: str) -> Call[list[str]]:
    """List the time zones of a country; none for a country that ClickMeeting does not know (10).

    :param country: two letters, such as `PL`.
    """
    code = validate.country(country).lower()
    return Call("GET", f"time_zone_list/{code}", read=parse.strings, treat_as={"not_found": []})


@operation
def list_phone_gateways() -> Call[list[PhoneGateway]]:
    """List the telephone numbers for dialling in (10)."""
    return Call("GET", "phone_gateways", read=parse.listed(parse.plain))


@operation
def list_skins() -> Call[list[Skin]]:
    """List the looks that a room can have; the ids go into `skin_id` (3.6)."""
    return Call("GET", "conferences/skins", read=parse.listed(parse.plain))


@operation
def list_conferences(status: str = "active", *, page: Id = 1) -> Call[list[Room]]:
    """List one page of rooms, 250 at most; `iter_conferences` walks all of them (3.1).

    :param status: `active`, which includes permanent and future rooms, or `inactive`; rooms that have been
        inactive for over six months are not listed.
    :param page: from 1 on.
    """
    status = validate.one_of("status", status, ("active", "inactive"))
    number = validate.whole_number("page", page)
    # whether a page past the last one is empty or an error is unknown
    past_the_end: dict[Kind, list[Room]] = {"not_found": []} if number > 1 else {}
    return Call("GET", f"conferences/{status}", query={"page": number}, read=parse.rooms, treat_as=past_the_end)


@operation
def get_conference(room_id: Id) -> Call[Room]:
    """Read a room (3.2). Its role hashes, host login and links differ at every reading (1.12).

    :param room_id: its id; the nine-digit `room_pin` is something else.
    """
    return Call("GET", _room(room_id), read=parse.room)


@operation
def create_conference(**parameters: Unpack[RoomParameters]) -> Call[Room]:
    """Create a room and return it (3.3). Every call creates another one.

    :param name: required; it also becomes the last part of the room's URL unless `custom_room_url_name` is given.
    :param room_type: `webinar` (default) or `meeting`.
    :param access_type: `open` (1, default), `password` (2) or `token` (3).
    :param permanent_room: whether the room has no start and no end; by default it has both.
    :param starts_at: a datetime or ISO 8601 text; by default now.
    :param duration: a timedelta, ISO 8601 text such as `PT90M`, or `H:MM`; by default three hours.
        The maximum depends on the plan.
    :param timezone: IANA name; a naive `starts_at` is a wall-clock time there.
    :param password: the password that people enter; required with access by password.
    :param custom_room_url_name: the last part of the room's URL, unique in the account.
    :param lobby_enabled: whether people wait in a lobby.
    :param lobby_description: the text that people read in the lobby.
    :param skin_id: an id from `list_skins`.
    :param registration: `{"enabled": True, "template": 1}`; templates are 1 to 3.
    :param settings: such as `{"recorder_autostart_enabled": True}`; the room's `settings` have all keys.
    """
    defaults = {"room_type": "webinar", "access_type": "open", "permanent_room": False}
    given = {name: value for name, value in parameters.items() if value is not None}
    validate.filled("name", given.get("name"))
    access = validate.access_type(cast("Id", given.get("access_type", "open")))
    if access == validate.ACCESS_TYPES["password"] and not given.get("password"):
        raise ValueError("password is missing: access_type 'password' needs one that people can enter.")
    form = room_form(**cast("RoomParameters", defaults | given))
    return Call("POST", "conferences", form=form, read=parse.room)


@operation
def update_conference(room_id: Id, *, status: str | None = None, **parameters: Unpack[RoomParameters]) -> Call[Room]:
    """Update the given parameters of a room, and return it (3.4). A second call changes nothing more.

    The parameters are those of `create_conference`. A new `name` changes the room's URL. With `starts_at` or
    `duration`, `permanent_room` is sent as false unless it is given, since ClickMeeting demands it then.

    :param room_id: the room.
    :param status: `inactive` closes the room without deleting it, `active` opens it again.
    """
    timed = parameters.get("starts_at") is not None or parameters.get("duration") is not None
    if timed and parameters.get("permanent_room") is None:
        parameters["permanent_room"] = False
    form = room_form(**parameters) | {
        "status": None if status is None else validate.one_of("status", status, ("active", "inactive"))
    }
    if not any(value not in (None, {}) for value in form.values()):
        raise ValueError("Nothing to update: give at least one of the room's parameters.")
    return Call("PUT", _room(room_id), form=form, read=parse.updated_room, repeatable=True)


@operation
def delete_conference(room_id: Id, *, ignore_missing: bool | Id = True) -> Call[bool]:
    """Delete a room and its recordings, for good (3.5).

    :param room_id: the room.
    :param ignore_missing: return False, instead of failing, when it is gone already.
    """
    return _deletion(_room(room_id), ignore_missing)


@operation
def check_availability(*, start_time: When, hours: Id, room_id: Id | None = None) -> Call[bool]:
    """Tell whether the account has room for an event then. Not documented by ClickMeeting (11.1).

    :param start_time: aware.
    :param hours: how long, in whole hours.
    :param room_id: an existing room not to count.
    """
    form = {
        "start_time": times.utc_time("start_time", start_time),
        "duration": validate.whole_number("hours", hours, expected="a whole number of hours"),
        "id": _optional_id("room_id", room_id) or 0,
    }
    return Call(
        "POST",
        "conference/availability",
        form=form,
        read=parse.done,
        repeatable=True,
        treat_as={"validation": False, "unexpected": True},
    )


@operation
def generate_tokens(room_id: Id, *, how_many: Id) -> Call[list[Token]]:
    """Make access tokens, and return only the new ones (4.1). Every call adds more.

    :param room_id: a room with access by token.
    :param how_many: 1 to 1000.
    """
    form = {"how_many": validate.whole_number("how_many", how_many, most=MAX_TOKENS)}
    return Call("POST", f"{_room(room_id)}/tokens", form=form, read=parse.tokens)


@operation
def list_tokens(room_id: Id) -> Call[list[Token]]:
    """List all tokens of a room, with whom each was sent to (4.2)."""
    return Call("GET", f"{_room(room_id)}/tokens", read=parse.tokens)


@operation
def get_token_by_email(room_id: Id, *, email: str) -> Call[list[str]]:
    """Find the tokens of a person; NotFoundError when there is none (4.3).

    Whether ClickMeeting makes one for a person without is unknown, so a lost answer is not asked for again.
    """
    form = {"email": validate.email("email", email)}
    return Call("POST", f"{_room(room_id)}/token", form=form, read=parse.token_strings)


@operation
def deactivate_tokens(room_id: Id, *, tokens: Sequence[str | Token]) -> Call[dict[str, Any]]:
    """Take away the access that tokens give (4.4). A second call changes nothing more.

    :param room_id: the room.
    :param tokens: the tokens, or the objects that hold them; an empty list is refused, for ClickMeeting may read
        it as all of the room's.
    """
    if isinstance(tokens, str) or not isinstance(tokens, Sequence) or not tokens:
        raise ValueError("tokens must be a list with at least one token: without any, all of them might be meant.")
    given = [token.get("token") if isinstance(token, Mapping) else token for token in tokens]
    if not all(isinstance(token, str) and token.strip() for token in given):
        raise ValueError("tokens must be a list of access tokens; one of them is blank or no text.")
    return Call(
        "DELETE",
        f"{_room(room_id)}/tokens",
        form={"tokens": given},
        read=parse.plain,
        repeatable=True,
    )


@operation
def generate_autologin_url(
    room_id: Id,
    *,
    room_url: str,
    email: str,
    nickname: str,
    role: str = "listener",
    password: str | None = None,
    token: str | None = None,
) -> Call[str]:
    """Make a link that lets one person in without typing anything (7). Every call makes another one.

    :param room_id: the room.
    :param room_url: its address, the `room_url` of a reading: ClickMeeting answers with a hash only.
    :param email: the person.
    :param nickname: the name that others see.
    :param role: `listener`, `presenter`, `host`, `moderator` or `guest_speaker`.
    :param password: needed where the room's access is by password.
    :param token: needed where the room's access is by token.
    """
    address = validate.web_address("room_url", room_url)
    form = {
        "email": validate.email("email", email),
        "nickname": validate.filled("nickname", nickname),
        "role": validate.one_of("role", role, validate.ROLES),
        "password": validate.secret("password", password),
        "token": validate.secret("token", token),
    }
    return Call(
        "POST",
        f"{_room(room_id)}/room/autologin_hash",
        form=form,
        read=lambda data: autologin_url(address, parse.autologin_hash(data)),
        repeatable=True,
    )


@operation
def register_participant(
    room_id: Id,
    *,
    registration: Mapping[Id, str],
    confirmation_email: bool | Id | None = None,
    lang: str | None = None,
) -> Call[Registered]:
    """Register a person for a room (6.2).

    Who is registered already gets `exist` 1 and the same link, and perhaps the confirmation mail again, so a lost
    answer is not asked for again.

    :param room_id: a room with registration on.
    :param registration: values by field number: 1 first name, 2 last name, 3 e-mail address, others per room.
    :param confirmation_email: whether ClickMeeting writes to the person.
    :param lang: the language of that mail.
    """
    path = f"{_room(room_id)}/registration"
    fields: dict[int, Any] = {}
    for key, value in validate.table("registration", registration).items():
        fields[validate.identifier("registration", key)] = value
    for number, label in ((1, "First Name"), (2, "Last Name")):
        validate.filled(f"registration[{number}] ({label})", fields.get(number))
    fields[3] = validate.email("registration[3] (Email Address)", fields.get(3))
    form = {
        "registration": fields,
        "confirmation_email": {
            "enabled": validate.flag("confirmation_email", confirmation_email),
            "lang": None if lang is None else validate.language(lang),
        },
    }
    return Call("POST", path, form=form, read=parse.registered)


@operation
def list_registrations(room_id: Id, status: str = "all") -> Call[list[Registration]]:
    """List the people who registered for a room (6.1).

    :param room_id: the room; one without registration answers with an error.
    :param status: `all`, or `active`, which presumably means the coming run.
    """
    path = f"{_room(room_id)}/registrations/{validate.one_of('status', status, ('all', 'active'))}"
    return Call("GET", path, read=parse.listed(parse.registration))


@operation
def list_session_registrations(room_id: Id, session_id: Id) -> Call[list[Registration]]:
    """List the registrations that belong to one session (5.5)."""
    path = f"{_session(room_id, session_id)}/registrations"
    return Call("GET", path, read=parse.listed(parse.registration))


@operation
def send_invitation(
    room_id: Id,
    *,
    attendees: Sequence[str | Mapping[str, str]],
    lang: str = "en",
    role: str | None = None,
    template: str | None = None,
) -> Call[dict[str, Any]]:
    """Have ClickMeeting invite people by mail (8). Every call sends the mails again.

    :param room_id: the room; in one with access by token, each address gets a token of its own.
    :param attendees: e-mail addresses, or dicts with `email` and, if known, `firstname` and `lastname`.
    :param lang: two letters.
    :param role: `listener` or `presenter`.
    :param template: `basic` or `advanced`.
    """
    form = {
        "attendees": [_invited(index, each) for index, each in enumerate(_people(attendees))],
        "role": None if role is None else validate.one_of("role", role, ("listener", "presenter")),
        "template": None if template is None else validate.one_of("template", template, ("basic", "advanced")),
    }
    path = f"{_room(room_id)}/invitation/email/{validate.language(lang)}"
    return Call("POST", path, form=form, read=parse.plain)


@operation
def list_sessions(room_id: Id) -> Call[list[Session]]:
    """List the meetings that took place, or are taking place, in a room; none if it was never used (5.1)."""
    return _list_in(room_id, "{room}/sessions", parse.session_item)


@operation
def get_session(room_id: Id, session_id: Id) -> Call[Session]:
    """Read a session, with the state of its PDF reports by language (5.2)."""
    path = _session(room_id, session_id)
    return Call("GET", path, read=parse.session_of(int(session_id)))


@operation
def list_session_attendees(room_id: Id, session_id: Id) -> Call[list[Attendee]]:
    """List who was in a session, an item per entry: who leaves and comes back has several (5.3)."""
    path = f"{_session(room_id, session_id)}/attendees"
    return Call("GET", path, read=parse.listed(parse.attendee))


@operation
def generate_session_report(room_id: Id, session_id: Id, *, lang: str = "en") -> Call[Report]:
    """Ask for a session's PDF report, and how far it is: the first call starts it (5.4).

    :param room_id: the room.
    :param session_id: the session.
    :param lang: the report's language.
    """
    path = f"{_session(room_id, session_id)}/generate-pdf/{validate.language(lang)}"
    return Call("GET", path, read=parse.report)


@operation
def list_recordings(room_id: Id) -> Call[list[Recording]]:
    """List a room's recordings, or none; their links live for minutes (9.2)."""
    return _list_in(room_id, "{room}/recordings", parse.recording)


@operation
def list_all_recordings() -> Call[list[Recording]]:
    """List the recordings of the whole account, each with its `conference_id` (9.2)."""
    return Call("GET", "conferences/recordings", read=parse.listed(parse.recording), treat_as={"not_found": []})


@operation
def delete_recording(room_id: Id, recording_id: Id, *, ignore_missing: bool | Id = True) -> Call[bool]:
    """Delete one recording, for good (9.3).

    :param room_id: its room.
    :param recording_id: the recording.
    :param ignore_missing: return False, instead of failing, when it is gone already.
    """
    path = f"{_room(room_id)}/recordings/{validate.identifier('recording_id', recording_id)}"
    return _deletion(path, ignore_missing)


@operation
def delete_all_recordings(room_id: Id, *, ignore_missing: bool | Id = True) -> Call[bool]:
    """Delete all recordings of a room, for good (9.3).

    :param room_id: the room.
    :param ignore_missing: return False, instead of failing, when there are none.
    """
    return _deletion(f"{_room(room_id)}/recordings", ignore_missing)


@operation
def list_files() -> Call[list[File]]:
    """List the files of the account's library (9.4)."""
    return Call("GET", "file-library", read=parse.listed(parse.file))


@operation
def list_conference_files(room_id: Id) -> Call[list[File]]:
    """List the files of one room (9.4)."""
    return _list_in(room_id, "file-library/{room}", parse.file)


@operation
def get_file(file_id: Id) -> Call[File]:
    """Read what is known of a file, such as how far its conversion is (9.4)."""
    return Call("GET", _file(file_id), read=parse.file)


@operation
def upload_file(upload: Upload, *, room_id: Id | None = None) -> Call[File]:
    """Put a file into the account's library, or into a room (9.5). Every call adds another file.

    :param upload: the file; `airflow_clickmeeting.storage.upload` makes it from a path.
    :param room_id: the room it is for.
    """
    path = "file-library" if room_id is None else f"file-library/{_room(room_id)}"
    return Call("POST", path, upload=upload, read=parse.file)


@operation
def download_file(file_id: Id) -> Call[bytes]:
    """Download a file of the library into memory; `hook.download` streams it to a path instead (9.6)."""
    return Call("GET", f"{_file(file_id)}/download", read=parse.file_bytes, raw=True)


@operation
def delete_file(file_id: Id, *, ignore_missing: bool | Id = True) -> Call[bool]:
    """Delete a file of the library, for good (9.7).

    :param file_id: the file.
    :param ignore_missing: return False, instead of failing, when it is gone already.
    """
    return _deletion(_file(file_id), ignore_missing)


@operation
def list_chats() -> Call[list[Chat]]:
    """List the sessions whose chat can be downloaded (9.8)."""
    return Call("GET", "chats", read=parse.listed(parse.chat))


@operation
def download_chat(session_id: Id) -> Call[bytes]:
    """Download a session's chat, a ZIP of CSV files, into memory; `hook.download` streams it to a path (9.9).

    :param session_id: the `id` of the chat.
    """
    path = f"chats/{validate.identifier('session_id', session_id)}"
    return Call("GET", path, read=parse.file_bytes, raw=True)


@operation
def create_contact(
    *,
    email: str,
    firstname: str,
    lastname: str,
    phone: str | None = None,
    company: str | None = None,
    country: str | None = None,
) -> Call[dict[str, Any]]:
    """Put a person into the account's address book, or update them: the e-mail address decides (9.1).

    :param email: the person.
    :param firstname: first name.
    :param lastname: last name.
    :param phone: telephone number.
    :param company: company.
    :param country: two letters, such as `PL`.
    """
    form = {
        "email": validate.email("email", email),
        "firstname": validate.filled("firstname", firstname),
        "lastname": validate.filled("lastname", lastname),
        "phone": phone,
        "company": company,
        "country": None if country is None else validate.country(country),
    }
    return Call("POST", "contacts", form=form, read=parse.plain, repeatable=True)


def _room(room_id: Id) -> str:
    return f"conferences/{validate.identifier('room_id', room_id)}"


def _session(room_id: Id, session_id: Id) -> str:
    return f"{_room(room_id)}/sessions/{validate.identifier('session_id', session_id)}"


def _file(file_id: Id) -> str:
    return f"file-library/{validate.identifier('file_id', file_id)}"


def _list_in(room_id: Id, path: str, item: Callable[[Any], T]) -> Call[list[T]]:
    """List what belongs to a room; "not found" means an empty list if the room exists."""
    room = _room(room_id)
    return Call(
        "GET",
        path.format(room=room),
        read=parse.listed(item),
        empty_if_ok=Call("GET", room, read=parse.room, name="get_conference"),
    )


def _deletion(path: str, ignore_missing: bool | Id) -> Call[bool]:
    fine = bool(validate.flag("ignore_missing", ignore_missing))
    return Call(
        "DELETE",
        path,
        read=parse.done,
        # after a lost answer, "not found" is most likely our own doing
        repeatable=fine,
        treat_as={"not_found": False} if fine else {},
    )


def _optional_id(name: str, value: Id | None) -> int | None:
    return None if value is None else validate.identifier(name, value)


def _people(attendees: Sequence[str | Mapping[str, str]]) -> Sequence[str | Mapping[str, str]]:
    return validate.rows("attendees", attendees, "e-mail addresses or dicts with 'email'")


def _invited(index: int, person: str | Mapping[str, str]) -> dict[str, str]:
    row = {"email": person} if isinstance(person, str) else validate.table(f"attendees[{index}]", person)
    return {**row, "email": validate.email(f"attendees[{index}]['email']", row.get("email"))}
