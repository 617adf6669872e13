"""Define each operation of ClickMeeting's API as a function that returns the `Call` to make.

Both hooks have a method with the name of each function. The method takes the same arguments, sends the request, and
returns the result that is documented here.

Ids are whole numbers, and may be text. A wrong argument raises a `ValueError` before a request is sent. A request that
fails raises one of `airflow_clickmeeting.exceptions`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import wraps
from typing import Any, ParamSpec, TypeVar, Unpack, cast

from airflow_clickmeeting.api import parse, times, validate
from airflow_clickmeeting.api.call import Call, Upload
from airflow_clickmeeting.api.errors import Kind
from airflow_clickmeeting.api.room_form import room_form, unknown_keys
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

#: the most tokens that one request can generate
MAX_TOKENS = 1000
#: the number of rooms on a page that is not the last one
PAGE_SIZE = 250
#: the roles that an invitation can give
INVITED_ROLES = ("listener", "presenter")


def operation(build: Callable[P, Call[T]]) -> Callable[P, Call[T]]:
    """Add the name of a function to the calls that it builds; logs and errors show it."""

    @wraps(build)
    def build_named(*args: P.args, **kwargs: P.kwargs) -> Call[T]:
        return replace(build(*args, **kwargs), name=build.__name__)

    return build_named


@operation
def ping() -> Call[dict[str, str]]:
    """Check that ClickMeeting responds, with `{"ping": "pong"}`. It is unknown whether this checks the API key."""
    return Call("GET", "ping", read=parse.plain)


@operation
def list_timezones() -> Call[list[str]]:
    """List the time zones that rooms can have, by their IANA names."""
    return Call("GET", "time_zone_list", read=parse.strings)


@operation
def list_timezones_by_country(country: str) -> Call[list[str]]:
    """List the time zones of a country, by their IANA names; none for a country that ClickMeeting does not know.

    :param country: its two-letter code, such as `PL`.
    """
    code = validate.country(country).lower()
    return Call("GET", f"time_zone_list/{code}", read=parse.strings, treat_as={"not_found": []})


@operation
def list_phone_gateways() -> Call[list[PhoneGateway]]:
    """List the telephone numbers for dialling in to rooms."""
    return Call("GET", "phone_gateways", read=parse.listed(parse.plain))


@operation
def list_skins() -> Call[list[Skin]]:
    """List the designs that a room can have; their ids are values for `skin_id`."""
    return Call("GET", "conferences/skins", read=parse.listed(parse.plain))


@operation
def list_conferences(status: str = "active", *, page: Id = 1) -> Call[list[Room]]:
    """List one page of rooms, 250 at most; the hooks' `iter_conferences` returns the rooms of all pages.

    :param status: `active`, which includes permanent and future rooms, or `inactive`. ClickMeeting does not list rooms
        that have been inactive for more than six months.
    :param page: the number of the page; the first is 1.
    """
    status = validate.one_of("status", status, ("active", "inactive"))
    number = validate.whole_number("page", page)
    # it is unknown whether a page after the last one is empty or an error
    past_the_end: dict[Kind, list[Room]] = {"not_found": []} if number > 1 else {}
    return Call("GET", f"conferences/{status}", query={"page": number}, read=parse.rooms, treat_as=past_the_end)


@operation
def get_conference(room_id: Id) -> Call[Room]:
    """Return a room. Its role hashes, the host's login and its signed links are different in every response.

    :param room_id: the room's `id`, not its `room_pin` of nine digits.
    """
    return Call("GET", _room_path(room_id), read=parse.identified(parse.room, int(room_id)))


@operation
def create_conference(**parameters: Unpack[RoomParameters]) -> Call[Room]:
    """Create a room, and return it. Each call creates another room.

    :param name: required; it also becomes the last part of the room's URL unless `custom_room_url_name` is given.
    :param room_type: `webinar` (default) or `meeting`.
    :param access_type: `open` (1, default), `password` (2) or `token` (3).
    :param permanent_room: whether the room has no start and no end; by default it has both.
    :param starts_at: a datetime or ISO 8601 text; by default now.
    :param duration: a timedelta, ISO 8601 text such as `PT90M`, or `H:MM`; by default three hours.
        The maximum depends on the plan.
    :param timezone: the IANA name of the room's time zone, in which a naive `starts_at` is a wall-clock time.
    :param password: the password that people enter; required with access by password.
    :param custom_room_url_name: the last part of the room's URL, unique in the account.
    :param lobby_enabled: whether people wait in a lobby.
    :param lobby_description: the text that people read in the lobby.
    :param skin_id: an id from `list_skins`.
    :param encryption_enabled: whether the room has end-to-end encryption; the same as this key in `settings`, where it
        is sent. Perhaps ClickMeeting accepts it for new rooms only.
    :param registration: `{"enabled": True, "template": 1}`; templates are 1 to 3.
    :param settings: such as `{"recorder_autostart_enabled": True}`. Keys that the provider does not know are sent, and
        the log has a warning with the known ones.
    """
    defaults = {"room_type": "webinar", "access_type": "open", "permanent_room": False}
    given = {name: value for name, value in parameters.items() if value is not None}
    validate.filled("name", given.get("name"))
    access = validate.access_type(cast("Id", given.get("access_type", "open")))
    if access == validate.ACCESS_TYPES["password"] and not given.get("password"):
        raise ValueError("password is missing: access_type 'password' needs one that people can enter.")
    form = room_form(**cast("RoomParameters", defaults | given))
    return Call("POST", "conferences", form=form, read=parse.room, warning=unknown_keys(form))


@operation
def update_conference(room_id: Id, *, status: str | None = None, **parameters: Unpack[RoomParameters]) -> Call[Room]:
    """Update the given parameters of a room, and return the room. A second call changes nothing more.

    The parameters are those of `create_conference`. A new `name` changes the room's URL. `starts_at` and `duration`
    need `permanent_room` too, because ClickMeeting requires it: pass the room's own value, which `get_conference`
    returns. False makes a permanent room a scheduled one.

    ClickMeeting may return only `{"status": "ok"}` instead of the room.

    :param room_id: the room.
    :param status: `inactive` closes the room without deleting it, `active` opens it again.
    """
    form = room_form(**parameters)
    if form["permanent_room"] is None and (form["starts_at"] or form["duration"]):
        raise ValueError(
            "permanent_room is missing: ClickMeeting requires it with starts_at and duration. Give the room's own "
            "value, which get_conference returns; False makes a permanent room a scheduled one."
        )
    form |= {"status": None if status is None else validate.one_of("status", status, ("active", "inactive"))}
    if not any(value not in (None, {}) for value in form.values()):
        raise ValueError("Nothing to update: give at least one of the room's parameters.")
    path = _room_path(room_id)
    read = parse.identified(parse.updated_room, int(room_id))
    return Call("PUT", path, form=form, read=read, repeatable=True, warning=unknown_keys(form))


@operation
def delete_conference(room_id: Id, *, ignore_missing: bool | Id = True) -> Call[bool]:
    """Delete a room and its recordings permanently, and return True.

    :param room_id: the room.
    :param ignore_missing: whether to return False, instead of raising a `NotFoundError`, if the room does not exist.
    """
    return _delete_call(_room_path(room_id), ignore_missing)


@operation
def check_availability(*, start_time: When, hours: Id, room_id: Id | None = None) -> Call[bool]:
    """Return whether the account can hold another event at a time. ClickMeeting does not document this operation.

    :param start_time: the start of the event, as an aware datetime or ISO 8601 text with an offset.
    :param hours: the duration of the event in whole hours.
    :param room_id: an existing room that does not count, such as the one to be moved to this time.
    """
    form = {
        "start_time": times.utc_time("start_time", start_time),
        "duration": validate.whole_number("hours", hours, expected="a whole number of hours"),
        "id": 0 if room_id is None else validate.identifier("room_id", room_id),
    }
    return Call(
        "POST",
        "conference/availability",
        form=form,
        read=parse.anything,
        repeatable=True,
        # only the meaning of the status is known, so a successful response may have any body
        treat_as={"validation": False, "unexpected": True},
    )


@operation
def generate_tokens(room_id: Id, *, how_many: Id) -> Call[list[Token]]:
    """Generate access tokens, and return the new ones. Each call adds more tokens to the room.

    :param room_id: a room with access by token.
    :param how_many: the number of new tokens, 1 to 1000.
    """
    form = {"how_many": validate.whole_number("how_many", how_many, most=MAX_TOKENS)}
    return Call("POST", f"{_room_path(room_id)}/tokens", form=form, read=parse.new_tokens)


@operation
def list_tokens(room_id: Id) -> Call[list[Token]]:
    """List all tokens of a room, each with the address that it was sent to and the date of its first use."""
    return Call("GET", f"{_room_path(room_id)}/tokens", read=parse.tokens)


@operation
def get_token_by_email(room_id: Id, *, email: str) -> Call[list[str]]:
    """Return the tokens of a person, or raise a `NotFoundError` if the person has none.

    It is unknown whether ClickMeeting generates a token for a person who has none. So the request is not repeated if
    its response was lost.

    :param room_id: the room.
    :param email: the e-mail address of the person.
    """
    form = {"email": validate.email("email", email)}
    return Call("POST", f"{_room_path(room_id)}/token", form=form, read=parse.token_strings)


@operation
def deactivate_tokens(room_id: Id, *, tokens: Sequence[str | Token]) -> Call[dict[str, Any]]:
    """Deactivate tokens, so that they do not let anybody in any more. A second call changes nothing more.

    :param room_id: the room.
    :param tokens: the tokens as texts, or as the dicts that `list_tokens` returns. An empty list is an error, because
        ClickMeeting may take it as all tokens of the room.
    """
    if isinstance(tokens, str) or not isinstance(tokens, Sequence) or not tokens:
        raise ValueError(
            "tokens must be a list with at least one token: ClickMeeting may take an empty list as all of them."
        )
    given = [token.get("token") if isinstance(token, Mapping) else token for token in tokens]
    if not all(isinstance(token, str) and token.strip() for token in given):
        raise ValueError("tokens must be a list of access tokens; one of them is blank or is not text.")
    path = f"{_room_path(room_id)}/tokens"
    return Call("DELETE", path, form={"tokens": given}, read=parse.confirmed, repeatable=True)


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
    """Generate a link that lets one person in without a form. Each call generates another link.

    :param room_id: the room.
    :param room_url: the `room_url` of the room, to build the link from, because ClickMeeting returns only a hash.
    :param email: the e-mail address of the person.
    :param nickname: the name of the person that others see.
    :param role: `listener`, `presenter`, `host`, `moderator` or `guest_speaker`.
    :param password: the room's password, required with access by password.
    :param token: a token of the room, required with access by token.
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
        f"{_room_path(room_id)}/room/autologin_hash",
        form=form,
        read=lambda data: autologin_url(address, parse.autologin_hash(data)),
        repeatable=True,
    )


@operation
def register_participant(
    room_id: Id,
    *,
    registration: Mapping[Id, str],
    confirmation_email: bool | Id | Mapping[str, Any] | None = None,
    lang: str | None = None,
) -> Call[Registered]:
    """Register a person for a room.

    If the person is registered already, the response has `exist` 1 and the same link. ClickMeeting may send the
    confirmation mail again then, so the request is not repeated if its response was lost.

    :param room_id: a room with registration on.
    :param registration: the values by field number: 1 is the first name, 2 the last name, 3 the e-mail address; the
        others are different in each room.
    :param confirmation_email: whether ClickMeeting sends a mail to the person; or a dict as ClickMeeting takes it,
        `{"enabled": True, "lang": "en"}`.
    :param lang: the two-letter code of the mail's language, if the dict does not have it.
    """
    confirmation = confirmation_form(confirmation_email, lang)
    path = f"{_room_path(room_id)}/registration"
    fields: dict[int, Any] = {}
    for key, value in validate.table("registration", registration).items():
        fields[validate.identifier("registration", key)] = value
    for number, label in ((1, "First Name"), (2, "Last Name")):
        validate.filled(f"registration[{number}] ({label})", fields.get(number))
    fields[3] = validate.email("registration[3] (Email Address)", fields.get(3))
    form = {"registration": fields, "confirmation_email": confirmation}
    return Call("POST", path, form=form, read=parse.registered)


def confirmation_form(confirmation_email: bool | Id | Mapping[str, Any] | None, lang: str | None) -> dict[str, Any]:
    """Return the `confirmation_email` of a registration as ClickMeeting takes it; values that are not given are None.

    The parameters are those of `register_participant`.
    """
    given = confirmation_email if isinstance(confirmation_email, Mapping) else {"enabled": confirmation_email}
    if unknown := given.keys() - {"enabled", "lang"}:
        raise ValueError(f"confirmation_email must have only the keys 'enabled' and 'lang'; got {sorted(unknown)}.")
    if lang is not None and given.get("lang") is not None:
        raise ValueError("lang must be left out where confirmation_email has a 'lang'.")
    enabled, language = given.get("enabled"), given.get("lang") if lang is None else lang
    return {
        "enabled": None if enabled is None else validate.flag("confirmation_email", enabled),
        "lang": None if language is None else validate.language(language),
    }


@operation
def list_registrations(room_id: Id, status: str = "all") -> Call[list[Registration]]:
    """List the people who registered for a room.

    :param room_id: the room; if its registration is off, ClickMeeting returns an error.
    :param status: `all`, or `active`, which probably means those for the next session.
    """
    path = f"{_room_path(room_id)}/registrations/{validate.one_of('status', status, ('all', 'active'))}"
    return Call("GET", path, read=parse.listed(parse.registration))


@operation
def list_session_registrations(room_id: Id, session_id: Id) -> Call[list[Registration]]:
    """List the registrations for one session of a room."""
    path = f"{_session_path(room_id, session_id)}/registrations"
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
    """Invite people by a mail that ClickMeeting sends. Each call sends the mails again.

    :param room_id: the room; with access by token, each address gets its own token.
    :param attendees: e-mail addresses, or dicts with `email` and, if known, `firstname`, `lastname` and the person's
        own `role`. Each address gets one mail, even if it is in the list twice or written in several ways: in capitals,
        with blanks around it, or with its domain in Unicode or as `xn--...`. The first one counts.
    :param lang: the two-letter code of the mail's language.
    :param role: `listener` or `presenter`, for people without a role of their own.
    :param template: `basic` or `advanced`.
    """
    people = validate.rows("attendees", attendees, "e-mail addresses or dicts with 'email'")
    attendees_by_address: dict[str, dict[str, Any]] = {}
    for index, each in enumerate(people):
        person = _attendee(f"attendees[{index}]", each)
        attendees_by_address.setdefault(validate.email_key(person["email"]), person)
    form = {
        "attendees": [*attendees_by_address.values()],
        "role": None if role is None else validate.one_of("role", role, INVITED_ROLES),
        "template": None if template is None else validate.one_of("template", template, ("basic", "advanced")),
    }
    path = f"{_room_path(room_id)}/invitation/email/{validate.language(lang)}"
    return Call("POST", path, form=form, read=parse.confirmed)


@operation
def list_sessions(room_id: Id) -> Call[list[Session]]:
    """List the sessions of a room that have ended or still run; the list is empty if the room was never used."""
    return _list_call(room_id, "{room}/sessions", parse.session_item)


@operation
def get_session(room_id: Id, session_id: Id) -> Call[Session]:
    """Return a session, with the state of its PDF reports by language."""
    return Call("GET", _session_path(room_id, session_id), read=parse.session_of(int(session_id)))


@operation
def list_session_attendees(room_id: Id, session_id: Id) -> Call[list[Attendee]]:
    """List the attendees of a session, an item per entry: a person who leaves and comes back has several."""
    path = f"{_session_path(room_id, session_id)}/attendees"
    return Call("GET", path, read=parse.listed(parse.attendee))


@operation
def generate_session_report(room_id: Id, session_id: Id, *, lang: str = "en") -> Call[Report]:
    """Return the state of a session's PDF report, and its link when it is finished; the first call generates it.

    :param room_id: the room.
    :param session_id: the session.
    :param lang: the two-letter code of the report's language.
    """
    path = f"{_session_path(room_id, session_id)}/generate-pdf/{validate.language(lang)}"
    return Call("GET", path, read=parse.report)


@operation
def list_recordings(room_id: Id) -> Call[list[Recording]]:
    """List the recordings of a room; the links to them expire after a few minutes."""
    return _list_call(room_id, "{room}/recordings", parse.recording_of(validate.identifier("room_id", room_id)))


@operation
def list_all_recordings() -> Call[list[Recording]]:
    """List the recordings of the whole account, each with its `conference_id`."""
    return Call("GET", "conferences/recordings", read=parse.listed(parse.recording), treat_as={"not_found": []})


@operation
def delete_recording(room_id: Id, recording_id: Id, *, ignore_missing: bool | Id = True) -> Call[bool]:
    """Delete one recording permanently, and return True.

    :param room_id: the room of the recording.
    :param recording_id: the recording.
    :param ignore_missing: whether to return False, instead of raising a `NotFoundError`, if it does not exist.
    """
    path = f"{_room_path(room_id)}/recordings/{validate.identifier('recording_id', recording_id)}"
    return _delete_call(path, ignore_missing)


@operation
def delete_all_recordings(room_id: Id, *, ignore_missing: bool | Id = True) -> Call[bool]:
    """Delete all recordings of a room permanently, and return True.

    :param room_id: the room.
    :param ignore_missing: whether to return False, instead of raising a `NotFoundError`, if there are none.
    """
    return _delete_call(f"{_room_path(room_id)}/recordings", ignore_missing)


@operation
def list_files() -> Call[list[File]]:
    """List the files in the account's library."""
    return Call("GET", "file-library", read=parse.listed(parse.file))


@operation
def list_conference_files(room_id: Id) -> Call[list[File]]:
    """List the files of one room."""
    return _list_call(room_id, "file-library/{room}", parse.file)


@operation
def get_file(file_id: Id) -> Call[File]:
    """Return a file's name, type and the state of its conversion, but not its content."""
    return Call("GET", _file_path(file_id), read=parse.identified(parse.file, int(file_id)))


@operation
def upload_file(upload: Upload, *, room_id: Id = validate.ALL) -> Call[File]:
    """Upload a file to the account's library, or to a room. Each call adds another file.

    :param upload: the file; `airflow_clickmeeting.storage.upload` returns it for a path.
    :param room_id: the room, or `all` for the account's library, whose files all rooms can use.
    """
    path = "file-library" if validate.is_all(room_id) else f"file-library/{_room_path(room_id)}"
    return Call("POST", path, upload=upload, read=parse.file)


@operation
def download_file(file_id: Id) -> Call[bytes]:
    """Return the bytes of a file, which must fit in memory; the hook's `download` streams a file to a path instead."""
    return Call("GET", f"{_file_path(file_id)}/download", read=parse.file_bytes, raw=True)


@operation
def delete_file(file_id: Id, *, ignore_missing: bool | Id = True) -> Call[bool]:
    """Delete a file from the library permanently, and return True.

    :param file_id: the file.
    :param ignore_missing: whether to return False, instead of raising a `NotFoundError`, if it does not exist.
    """
    return _delete_call(_file_path(file_id), ignore_missing)


@operation
def list_chats() -> Call[list[Chat]]:
    """List the chats that can be downloaded; the `id` of a chat is that of its session."""
    return Call("GET", "chats", read=parse.listed(parse.chat))


@operation
def download_chat(session_id: Id) -> Call[bytes]:
    """Return a session's chat as the bytes of a ZIP of CSV files; the hook's `download` streams it to a path instead.

    :param session_id: the session, which is the `id` of the chat.
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
    """Create a contact in the account's address book; a contact with the same e-mail address is updated instead.

    :param email: the e-mail address.
    :param firstname: the first name.
    :param lastname: the last name.
    :param phone: the telephone number.
    :param company: the company.
    :param country: the two-letter code of the country, such as `PL`.
    """
    form = {
        "email": validate.email("email", email),
        "firstname": validate.filled("firstname", firstname),
        "lastname": validate.filled("lastname", lastname),
        "phone": phone,
        "company": company,
        "country": None if country is None else validate.country(country),
    }
    return Call("POST", "contacts", form=form, read=parse.confirmed, repeatable=True)


def _room_path(room_id: Id) -> str:
    return f"conferences/{validate.identifier('room_id', room_id)}"


def _session_path(room_id: Id, session_id: Id) -> str:
    return f"{_room_path(room_id)}/sessions/{validate.identifier('session_id', session_id)}"


def _file_path(file_id: Id) -> str:
    return f"file-library/{validate.identifier('file_id', file_id)}"


def _list_call(room_id: Id, path: str, item: Callable[[Any], T]) -> Call[list[T]]:
    """Return a call that lists something of a room; for "not found" the list is empty if the room exists."""
    room = _room_path(room_id)
    empty_if_ok = Call("GET", room, read=parse.room, name="get_conference")
    return Call("GET", path.format(room=room), read=parse.listed(item), empty_if_ok=empty_if_ok)


def _delete_call(path: str, ignore_missing: bool | Id) -> Call[bool]:
    ignore = bool(validate.flag("ignore_missing", ignore_missing))
    return Call(
        "DELETE",
        path,
        read=parse.deleted,
        # if the first response was lost, the second one may be "not found" because the first request succeeded
        repeatable=ignore,
        treat_as={"not_found": False} if ignore else {},
    )


def _attendee(name: str, person: str | Mapping[str, str]) -> dict[str, Any]:
    row = {"email": person} if isinstance(person, str) else validate.table(name, person)
    found = {**row, "email": validate.email(f"{name}['email']", row.get("email"))}
    if found.get("role") is not None:
        found["role"] = validate.one_of(f"{name}['role']", found["role"], INVITED_ROLES)
    return found
