"""Whatever ClickMeeting answers, both hooks return a result or raise a `ClickMeetingError`, and deny no denial.

The recorded responses are those of real accounts, with other names.
"""

from __future__ import annotations

import asyncio
import io
import json
from typing import Any

import pytest
from mutations import RECORDED, bodies

from airflow_clickmeeting.api import calls
from airflow_clickmeeting.api.call import Call, Upload
from airflow_clickmeeting.exceptions import ClickMeetingError
from airflow_clickmeeting.hooks.clickmeeting import ClickMeetingAsyncHook, ClickMeetingHook

ROOM, OLD_ROOM, SESSION, RECORDING, FILE = 9000101, 9000090, 7000001, 4000001, 3000001
PERSON = {1: "Ada", 2: "Lovelace", 3: "ada@example.com"}
SLIDES = Upload("a.pdf", 1, lambda: io.BytesIO(b"x"))
CALLS: dict[str, Call[Any]] = {
    "ping": calls.ping(),
    "list_conferences_active": calls.list_conferences("active"),
    "list_conferences_inactive": calls.list_conferences("inactive"),
    "list_conferences_empty_page": calls.list_conferences("inactive", page=99),
    "list_conferences_no_status": calls.list_conferences("active"),
    "get_conference": calls.get_conference(ROOM),
    "get_conference_permanent": calls.get_conference(9000102),
    "get_conference_with_registration": calls.get_conference(ROOM),
    "create_conference": calls.create_conference(name="Talk"),
    "create_conference_password": calls.create_conference(name="Talk"),
    "update_conference": calls.update_conference(ROOM, name="Talk"),
    "delete_conference": calls.delete_conference(ROOM),
    "delete_conference_variant_string": calls.delete_conference(ROOM),
    "list_skins": calls.list_skins(),
    "generate_tokens": calls.generate_tokens(ROOM, how_many=1),
    "list_tokens": calls.list_tokens(ROOM),
    "get_token_by_email": calls.get_token_by_email(ROOM, email="ada@example.com"),
    "get_token_by_email_variant_object": calls.get_token_by_email(ROOM, email="ada@example.com"),
    "deactivate_tokens": calls.deactivate_tokens(ROOM, tokens=["HCKFWT"]),
    "list_sessions": calls.list_sessions(OLD_ROOM),
    "list_sessions_empty": calls.list_sessions(ROOM),
    "get_session": calls.get_session(OLD_ROOM, SESSION),
    "list_session_attendees": calls.list_session_attendees(OLD_ROOM, SESSION),
    "list_session_attendees_2016_shape": calls.list_session_attendees(OLD_ROOM, SESSION),
    "generate_session_pdf_new": calls.generate_session_report(OLD_ROOM, SESSION),
    "generate_session_pdf_in_progress": calls.generate_session_report(OLD_ROOM, SESSION),
    "generate_session_pdf_finished": calls.generate_session_report(OLD_ROOM, SESSION),
    "list_registrations": calls.list_registrations(ROOM),
    "list_registrations_active": calls.list_registrations(ROOM, "active"),
    "list_session_registrations": calls.list_session_registrations(ROOM, SESSION),
    "register_participant": calls.register_participant(ROOM, registration=PERSON),
    "register_participant_already_registered": calls.register_participant(ROOM, registration=PERSON),
    "generate_autologin_hash": calls.generate_autologin_url(
        ROOM, room_url="https://acme.example.com/talk", email="ada@example.com", nickname="Ada"
    ),
    "send_invitation": calls.send_invitation(ROOM, attendees=["ada@example.com"]),
    "create_contact": calls.create_contact(email="ada@example.com", firstname="Ada", lastname="Lovelace"),
    "list_recordings": calls.list_recordings(OLD_ROOM),
    "list_recordings_2016_shape": calls.list_recordings(OLD_ROOM),
    "list_recordings_http200_error_body": calls.list_recordings(OLD_ROOM),
    "list_all_recordings": calls.list_all_recordings(),
    "delete_recording": calls.delete_recording(OLD_ROOM, RECORDING),
    "delete_all_recordings": calls.delete_all_recordings(OLD_ROOM),
    "list_files": calls.list_files(),
    "list_conference_files": calls.list_conference_files(ROOM),
    "get_file": calls.get_file(FILE),
    "upload_file": calls.upload_file(SLIDES),
    "upload_conference_file": calls.upload_file(SLIDES, room_id=ROOM),
    "delete_file": calls.delete_file(FILE),
    "list_chats": calls.list_chats(),
    "list_phone_gateways": calls.list_phone_gateways(),
    "list_timezones": calls.list_timezones(),
    "list_timezones_by_country": calls.list_timezones_by_country("PL"),
}
ANSWERS = {each["name"]: each for each in RECORDED if not each["name"].startswith("error_")}
ERRORS = [each for each in RECORDED if each["name"].startswith("error_")]
CONFIRMED_BY_A_WORD = (
    "delete_conference",
    "delete_recording",
    "delete_all_recordings",
    "deactivate_tokens",
    "send_invitation",
    "create_contact",
    "register_participant",
)
WRITES = [
    CALLS[name]
    for name in (
        *CONFIRMED_BY_A_WORD,
        "create_conference",
        "update_conference",
        "generate_tokens",
        "upload_file",
        "delete_file",
    )
]


class Worker:
    """Makes calls with the hook of the workers."""

    def __init__(self) -> None:
        self._hook = ClickMeetingHook()
        self.run = self._hook.run


class Triggerer:
    """Makes calls with the hook of the triggerer."""

    def __init__(self) -> None:
        self._hook = ClickMeetingAsyncHook()
        self._loop = asyncio.Runner()

    def run(self, call: Call[Any]) -> Any:
        return self._loop.run(self._hook.run(call))


@pytest.fixture(params=[Worker, Triggerer])
def client(request: pytest.FixtureRequest, account) -> Any:
    return request.param()


def says_success(body: bytes) -> bool:
    """Return whether a body has one of the recorded words for success, where they were recorded."""
    said = json.loads(body)
    if isinstance(said, str):
        return said.startswith("2")
    return any(str(said.get(key)).lower() in ("ok", "deleted") for key in ("result", "STATUS", "status", "response"))


def test_every_recorded_response_is_one_of_an_operation():
    assert ANSWERS.keys() == CALLS.keys()


@pytest.mark.parametrize("name", sorted(CALLS.keys() - {"list_recordings_http200_error_body"}))
def test_the_recorded_response_itself_is_a_result(client, account, name):
    account.answer = lambda *_: (ANSWERS[name]["status"], json.dumps(ANSWERS[name]["body"]).encode())
    client.run(CALLS[name])


@pytest.mark.parametrize("name", CALLS)
def test_no_mutated_response_ends_otherwise_than_in_a_result_or_an_error(client, account, name, count_mutations):
    recorded, call = ANSWERS[name], CALLS[name]
    for body in bodies(recorded["body"]):
        account.answer = lambda *_, body=body: (recorded["status"], body)
        count_mutations()
        try:
            client.run(call)
        except ClickMeetingError:
            continue
        if name in CONFIRMED_BY_A_WORD:
            assert says_success(body), body


@pytest.mark.parametrize("call", WRITES, ids=lambda call: call.name)
def test_no_mutated_refusal_is_a_success(account, call, count_mutations):
    client = Worker()
    for error in ERRORS:
        for body in bodies(error["body"]):
            account.answer = lambda *_, body=body, error=error: (error["status"], body)
            count_mutations()
            try:
                result = client.run(call)
            except ClickMeetingError:
                continue
            # "not found" is a result of a deletion, but only in ClickMeeting's own words
            assert (result, error["status"]) == (False, 404), body
            assert b"404" in body or b"NOT_FOUND" in body or b"errors" in body, body
