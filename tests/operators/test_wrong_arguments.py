"""What a DAG's author may get wrong: each mistake is refused before anything is sent, and named with its value."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from airflow_clickmeeting.operators.account import ClickMeetingCallOperator, ClickMeetingListTimezonesByCountryOperator
from airflow_clickmeeting.operators.chats import ClickMeetingDownloadChatOperator
from airflow_clickmeeting.operators.conferences import (
    ClickMeetingCheckAvailabilityOperator,
    ClickMeetingCreateConferenceOperator,
    ClickMeetingDeleteConferenceOperator,
    ClickMeetingGetConferenceOperator,
    ClickMeetingListConferencesOperator,
    ClickMeetingUpdateConferenceOperator,
)
from airflow_clickmeeting.operators.contacts import ClickMeetingCreateContactOperator
from airflow_clickmeeting.operators.files import (
    ClickMeetingDeleteFileOperator,
    ClickMeetingDownloadFileOperator,
    ClickMeetingListConferenceFilesOperator,
    ClickMeetingUploadFileOperator,
)
from airflow_clickmeeting.operators.invitations import ClickMeetingSendInvitationOperator
from airflow_clickmeeting.operators.links import ClickMeetingGenerateAutologinUrlOperator
from airflow_clickmeeting.operators.recordings import (
    ClickMeetingDeleteAllRecordingsOperator,
    ClickMeetingDeleteRecordingOperator,
    ClickMeetingListRecordingsOperator,
)
from airflow_clickmeeting.operators.registrations import (
    ClickMeetingListRegistrationsOperator,
    ClickMeetingRegisterParticipantOperator,
)
from airflow_clickmeeting.operators.sessions import (
    ClickMeetingGenerateSessionReportOperator,
    ClickMeetingListSessionAttendeesOperator,
    ClickMeetingListSessionsOperator,
)
from airflow_clickmeeting.operators.tokens import (
    ClickMeetingDeactivateTokensOperator,
    ClickMeetingGenerateTokensOperator,
    ClickMeetingGetTokenByEmailOperator,
)

NAIVE = datetime.fromisoformat("2027-03-01T15:00")
NO_PATH = "a path below the API's URL, such as 'conferences/123', without '..' or a host"
ADA = {1: "Ada", 2: "Lovelace", 3: "ada@example.com"}
ID = "must be the positive number of something that exists on ClickMeeting; got"
ACCESS = "access_type must be 'open' (1), 'password' (2) or 'token' (3); got"
LENGTH = "duration must be a timedelta, 'H:MM' or ISO 8601 text such as 'PT30M', zero or more; got"
NO_LENGTH = "duration must be a length of time in whole minutes, and more than zero; got"
ZONE = "timezone must be an IANA time zone such as 'Europe/Warsaw'; got"
MOMENT = "must be a datetime or an ISO 8601 text such as '2027-03-01T15:00:00+01:00'; got"
NO_ZONE = "must be a time with its zone, or come with the parameter timezone, such as 'Europe/Warsaw'; got"
PEOPLE = "must be a list of e-mail addresses or dicts with 'email'"
HINT = "(a template renders to text: pass the task's output, or set render_template_as_native_obj)"
PATH = "path must be a file, or a folder with a slash at its end; got"
CLOCKS = "where the clocks change then. Choose another time, or another timezone such as 'UTC'."


@pytest.mark.parametrize("nothing", [None, "", "None", "abc", 0, -7, True])
@pytest.mark.parametrize(
    ("operator", "parameter", "others"),
    [
        (ClickMeetingGetConferenceOperator, "room_id", {}),
        (ClickMeetingUpdateConferenceOperator, "room_id", {"name": "Talk"}),
        (ClickMeetingDeleteConferenceOperator, "room_id", {}),
        (ClickMeetingGenerateTokensOperator, "room_id", {"how_many": 2500}),
        (ClickMeetingDeactivateTokensOperator, "room_id", {"tokens": ["ABC234"]}),
        (
            ClickMeetingGenerateAutologinUrlOperator,
            "room_id",
            {"email_address": "ada@example.com", "nickname": "Ada"},
        ),
        (ClickMeetingRegisterParticipantOperator, "room_id", {"registration": ADA}),
        (ClickMeetingRegisterParticipantOperator, "room_id", {"registration": {"Company": "AE"}}),
        (ClickMeetingListRegistrationsOperator, "room_id", {}),
        (ClickMeetingSendInvitationOperator, "room_id", {"attendees": ["ada@example.com"]}),
        (ClickMeetingListSessionsOperator, "room_id", {}),
        (ClickMeetingListSessionAttendeesOperator, "session_id", {"room_id": 7}),
        (ClickMeetingListRecordingsOperator, "room_id", {}),
        (ClickMeetingDeleteAllRecordingsOperator, "room_id", {}),
        (ClickMeetingDeleteRecordingOperator, "recording_id", {"room_id": 7}),
        (ClickMeetingListConferenceFilesOperator, "room_id", {}),
        (ClickMeetingDeleteFileOperator, "file_id", {}),
        (ClickMeetingDownloadFileOperator, "file_id", {"path": "memory://bucket/"}),
        (ClickMeetingDownloadChatOperator, "session_id", {"path": "memory://bucket/"}),
    ],
)
def test_an_id_that_a_template_rendered_to_nothing(refusal, operator, parameter, others, nothing):
    assert refusal(operator, **others, **{parameter: nothing}) == f"{parameter} {ID} {nothing!r}."


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"name": None}, "name must be a text that is not blank; got None."),
        ({"name": "None"}, "name must be a text that is not blank; got 'None'."),
        ({"access_type": "vip"}, f"{ACCESS} 'vip'."),
        ({"access_type": 4}, f"{ACCESS} 4."),
        ({"room_type": "party"}, "room_type must be one of 'meeting', 'webinar'; got 'party'."),
        ({"duration": 90}, f"{LENGTH} 90, which has no unit. Write timedelta(minutes=90) or 'PT90M'."),
        ({"duration": "1"}, f"{LENGTH} '1', which has no unit. Write timedelta(minutes=1) or 'PT1M'."),
        ({"duration": 1.5}, f"{LENGTH} 1.5."),
        ({"duration": timedelta(0)}, f"{NO_LENGTH} datetime.timedelta(0)."),
        ({"duration": "0:00"}, f"{NO_LENGTH} '0:00'."),
        ({"duration": "None"}, f"{LENGTH} 'None'."),
        ({"timezone": "Mars/Base"}, f"{ZONE} 'Mars/Base'."),
        ({"starts_at": NAIVE, "timezone": "None"}, f"{ZONE} 'None'."),
        (
            {"starts_at": NAIVE},
            f"starts_at {NO_ZONE} {NAIVE!r}.",
        ),
        (
            {"starts_at": "2027-03-01 15:00"},
            f"starts_at {NO_ZONE} '2027-03-01 15:00'.",
        ),
        ({"starts_at": "None", "timezone": "UTC"}, f"starts_at {MOMENT} 'None'."),
        ({"starts_at": "tomorrow", "timezone": "UTC"}, f"starts_at {MOMENT} 'tomorrow'."),
        (
            {"starts_at": "2027-03-28 02:30", "timezone": "Europe/Warsaw"},
            f"starts_at: 2027-03-28 02:30 does not exist in Europe/Warsaw, {CLOCKS}",
        ),
        (
            {"starts_at": datetime.fromisoformat("2027-10-31T02:30"), "timezone": "Europe/Warsaw"},
            f"starts_at: 2027-10-31 02:30 exists twice in Europe/Warsaw, {CLOCKS}",
        ),
        (
            {"starts_at": datetime(2027, 10, 31, 1, 30, tzinfo=UTC), "timezone": "Europe/Warsaw"},
            f"starts_at: 2027-10-31 02:30 exists twice in Europe/Warsaw, {CLOCKS}",
        ),
        (
            {"starts_at": NAIVE, "timezone": "UTC", "permanent_room": True},
            f"starts_at must be left out when permanent_room is true; got {NAIVE!r}.",
        ),
        ({"permanent_room": "None"}, "permanent_room must be true or false; got 'None'."),
        ({"skin_id": "blue"}, f"skin_id {ID} 'blue'."),
        ({"registration": "{'enabled': True}"}, "registration must be a dict; got text that begins with '{'."),
        ({"settings": ["recorder_autostart_enabled"]}, "settings must be a dict; got a list."),
    ],
    ids=str,
)
def test_a_room_that_cannot_be(refusal, wrong, told):
    assert refusal(ClickMeetingCreateConferenceOperator, **{"name": "Talk"} | wrong) == told


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (
            {"starts_at": "2027-03-28 02:30", "timezone": "Europe/Warsaw"},
            f"02:30 does not exist in Europe/Warsaw, {CLOCKS}",
        ),
        ({"starts_at": NAIVE}, "got datetime.datetime(2027, 3, 1, 15, 0)."),
        ({"duration": -5}, f"{LENGTH} -5."),
        ({"access_type": "None"}, f"{ACCESS} 'None'."),
        ({"status": "closed"}, "status must be one of 'active', 'inactive'; got 'closed'."),
    ],
    ids=str,
)
def test_a_change_that_cannot_be(refusal, wrong, told):
    assert refusal(ClickMeetingUpdateConferenceOperator, room_id=7, **wrong).endswith(told)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (
            {"attendees": []},
            "attendees must be a list with at least one of the e-mail addresses or dicts with 'email'; got [].",
        ),
        ({"attendees": None}, f"attendees {PEOPLE}; got None."),
        (
            {"attendees": "['ada@example.com']"},
            f"attendees {PEOPLE} {HINT}; got text that begins with '['.",
        ),
        ({"attendees": ["ada@example.com", "bob"]}, "attendees[1]['email'] must be an e-mail address; got 'bob'."),
        ({"attendees": [{"firstname": "Ada"}]}, "attendees[0]['email'] must be an e-mail address; got None."),
        ({"lang": "english"}, "lang must be a two-letter language code such as 'en' or 'pl'; got 'english'."),
        ({"role": "host"}, "role must be one of 'listener', 'presenter'; got 'host'."),
        (
            {"attendees": [{"email": "ada@example.com", "role": "host"}]},
            "attendees[0]['role'] must be one of 'listener', 'presenter'; got 'host'.",
        ),
        ({"template": "fancy"}, "template must be one of 'basic', 'advanced'; got 'fancy'."),
    ],
    ids=str,
)
def test_an_invitation_to_nobody_or_of_an_unknown_kind(refusal, wrong, told):
    arguments = {"room_id": 7, "attendees": ["ada@example.com"]} | wrong
    assert refusal(ClickMeetingSendInvitationOperator, **arguments) == told


@pytest.mark.parametrize("address", ["ada", "ada@", "@example.com", "ada@example", "a b@example.com", "", "None", None])
@pytest.mark.parametrize(
    ("operator", "others"),
    [
        (ClickMeetingGetTokenByEmailOperator, {"room_id": 7}),
        (ClickMeetingCreateContactOperator, {"firstname": "Ada", "lastname": "Lovelace"}),
    ],
)
def test_an_e_mail_address_that_is_none(refusal, operator, others, address):
    told = refusal(operator, email_address=address, **others)
    assert told.startswith("email must be an e-mail address; got ")
    assert address in (None, "", "None", "ada", "ada@", "@example.com") or address not in told


@pytest.mark.parametrize(
    ("operator", "arguments", "told"),
    [
        (
            ClickMeetingListConferencesOperator,
            {"status": "future"},
            "status must be one of 'active', 'inactive', 'all'; got 'future'.",
        ),
        (
            ClickMeetingListRegistrationsOperator,
            {"room_id": 7, "status": "None"},
            "status must be one of 'all', 'active'; got 'None'.",
        ),
        (
            ClickMeetingListTimezonesByCountryOperator,
            {"country": "Poland"},
            "country must be a two-letter country code such as 'PL'; got 'Poland'.",
        ),
        (
            ClickMeetingCreateContactOperator,
            {"email_address": "ada@example.com", "firstname": "", "lastname": "Lovelace"},
            "firstname must be a text that is not blank; got ''.",
        ),
        (
            ClickMeetingCheckAvailabilityOperator,
            {"start_time": NAIVE, "hours": 1},
            f"start_time must be a time with its zone or UTC offset; got {NAIVE!r}.",
        ),
        (
            ClickMeetingCheckAvailabilityOperator,
            {"start_time": "2027-03-01T15:00Z", "hours": "1:30"},
            "hours must be a whole number of hours; got '1:30'.",
        ),
        (
            ClickMeetingGenerateSessionReportOperator,
            {"room_id": 7, "session_id": 8, "path": "memory://bucket/", "lang": "english"},
            "lang must be a two-letter language code such as 'en' or 'pl'; got 'english'.",
        ),
        (
            ClickMeetingCallOperator,
            {"path": "ping", "method": "PATCH"},
            "method must be one of 'get', 'post', 'put', 'delete'; got 'PATCH'.",
        ),
        (ClickMeetingCallOperator, {"path": " "}, "path must be a text that is not blank; got ' '."),
        *(
            (
                ClickMeetingCallOperator,
                {"path": path},
                f"path must be {NO_PATH}; got {path!r}.",
            )
            for path in ("conferences/../../admin", "https://example.com/v1/ping", "//example.com/ping", r"a\..\b")
        ),
        *(
            (
                ClickMeetingCallOperator,
                {"path": "ping", "method": method},
                f"method is {method}, which may change or delete something: set allow_write=True for it.",
            )
            for method in ("POST", "PUT", "DELETE")
        ),
        (ClickMeetingCallOperator, {"path": "ping", "form": "a=1"}, "form must be a dict; got 'a=1'."),
    ],
)
def test_words_that_clickmeeting_does_not_know(refusal, operator, arguments, told):
    assert refusal(operator, **arguments) == told


@pytest.mark.parametrize("path", [None, "", " ", "None"])
@pytest.mark.parametrize(
    ("operator", "others"),
    [
        (ClickMeetingUploadFileOperator, {}),
        (ClickMeetingDownloadFileOperator, {"file_id": 7}),
        (ClickMeetingDownloadChatOperator, {"session_id": 7}),
        (ClickMeetingGenerateSessionReportOperator, {"room_id": 7, "session_id": 8}),
    ],
)
def test_a_path_that_a_template_rendered_to_nothing(refusal, operator, others, path):
    assert refusal(operator, path=path, **others) == f"{PATH} {path!r}."


@pytest.mark.parametrize("name", ["missing.pdf", "", "missing/"])
def test_an_upload_of_what_is_not_there(refusal, folder, name):
    told = refusal(ClickMeetingUploadFileOperator, path=f"{folder}/{name}")
    assert told.startswith(f"path must be a file that exists; there is none at '{folder}")


def test_an_upload_into_a_room_that_a_template_rendered_to_nothing(refusal, tmp_path):
    (tmp_path / "slides.pdf").write_bytes(b"%PDF")
    told = refusal(ClickMeetingUploadFileOperator, path=f"{tmp_path}/slides.pdf", room_id="None")
    assert told == f"room_id {ID} 'None'."
