"""Test the tables of exports, and how ClickMeeting's responses become their rows."""

from __future__ import annotations

import json
from datetime import timedelta
from types import NoneType
from typing import get_args, get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_clickmeeting.api import parse
from airflow_clickmeeting.api.types import SECRET_KEYS, Attendee, Recording, Registration, Room, Session
from airflow_clickmeeting.attendance.compute import Participation, attendance_of
from airflow_clickmeeting.datasets.definitions import (
    ATTENDANCE,
    ATTENDEES,
    CONFERENCES,
    DATASETS,
    RECORDINGS,
    REGISTRATIONS,
    SESSIONS,
)
from airflow_clickmeeting.datasets.table import Digests

ANSWERED = {
    CONFERENCES: Room,
    SESSIONS: Session,
    ATTENDEES: Attendee,
    REGISTRATIONS: Registration,
    RECORDINGS: Recording,
}
ENTRY = {
    "room_id": 9000101,
    "session_id": 7000001,
    "uid": "6000002",
    "email": "ada@example.com",
    "nickname": "Ada",
    "start_date": "2030-06-03T10:01:00+02:00",
    "end_date": "2030-06-03T10:40:00+02:00",
}

every_dataset = pytest.mark.parametrize("dataset", DATASETS.values(), ids=DATASETS)
answered_dataset = pytest.mark.parametrize(
    ("dataset", "shape"), ANSWERED.items(), ids=[dataset.name for dataset in ANSWERED]
)


def keys_of(dataset, items) -> list[tuple]:
    return [tuple(row[name] for name in dataset.key) for row in dataset.rows(items)]


# --- columns ----------------------------------------------------------------------------------------------------------


@every_dataset
def test_columns_have_names_of_their_own_and_those_of_the_key_are_among_them(dataset):
    assert len(set(dataset.header)) == len(dataset.header)
    assert set(dataset.key) | set(dataset.entry_of) <= set(dataset.header)


@every_dataset
def test_an_empty_item_has_every_column_and_nothing_in_it(dataset):
    assert dataset.row({}) == dict.fromkeys(dataset.header)


@every_dataset
def test_an_instant_stands_there_in_utc_and_beside_it_as_it_came(dataset):
    types = {column.name: column.type for column in dataset.columns}
    for at, name in enumerate(dataset.header):
        assert (types[name] == "time") == name.endswith("_utc")
        if name.endswith("_utc"):
            assert dataset.header[at + 1] == name.removesuffix("_utc")
            assert types[name.removesuffix("_utc")] == "text"


@answered_dataset
def test_all_that_clickmeeting_is_known_to_answer_is_accounted_for(dataset, shape):
    assert dataset.row(dict.fromkeys(shape.__annotations__))["extra"] is None


@answered_dataset
def test_no_secret_is_in_any_column_at_whatever_depth(dataset, shape):
    secrets = dict.fromkeys(SECRET_KEYS, "hush")
    nested = {
        "settings": secrets,
        "registration": [secrets],
        "polls": [secrets],
        "geo": secrets,
        "new": {"in": secrets},
    }
    row = dataset.row(
        {**secrets, **{key: nested[key] for key in nested if key in shape.__annotations__}, "new": nested}
    )
    assert "hush" not in str(row)


def test_the_columns_of_attendance_are_the_room_the_sessions_and_the_keys_of_a_participation():
    names = [name for name in ATTENDANCE.header if not name.endswith("_utc")]
    session_id, *others = Participation.__annotations__
    assert names == ["room_id", session_id, "session_ids", *others]


def test_the_columns_of_attendance_have_the_types_of_a_participation():
    python = {"text": str, "integer": int, "number": float, "boolean": bool}
    hints = get_type_hints(Participation)
    for column in ATTENDANCE.columns:
        if column.type != "time" and column.name not in {"room_id", "session_ids", "status"}:
            hint = hints[column.name]
            assert [of for of in get_args(hint) or [hint] if of is not NoneType] == [python[column.type]], column.name


def test_columns_have_units():
    units = {column.name: column.unit for dataset in DATASETS.values() for column in dataset.columns if column.unit}
    assert units == {
        "timezone_offset": "s",
        "recording_duration": "s",
        "recording_file_size": "bytes",
        "minutes": "min",
        "median_minutes": "min",
    }


def test_personal_columns_have_a_kind():
    kinds = {
        dataset.name: {column.name: column.personal for column in dataset.columns if column.personal}
        for dataset in DATASETS.values()
    }
    assert kinds["conferences"] == kinds["sessions"] == kinds["recordings"] == {"extra": "extra"}
    assert kinds["attendees"].keys() == {
        *("uid", "nickname", "email", "rating_comment", "device", "user_ip", "city", "polls", "extra")
    }
    assert kinds["registrations"].keys() == {
        *("email", "visitor_nickname", "first_name", "last_name", "city", "http_referer", "fields", "extra")
    }
    assert kinds["poll_answers"].keys() == {"uid", "nickname", "email", "answer", "extra"}
    assert {name: kinds["attendees"][name] for name in ("uid", "nickname", "email")}.items() <= kinds[
        "poll_answers"
    ].items()
    assert kinds["attendance"] == {
        "person": "email",
        "email": "email",
        "nickname": "nickname",
        "rating_comment": "rating_comment",
    }
    assert kinds["registrations"]["visitor_nickname"] == kinds["attendees"]["nickname"]


# --- rows -------------------------------------------------------------------------------------------------------------


def test_a_conference():
    room = parse.room(
        {
            "conference": {
                "id": "9000101",
                "name": "Tom &amp; Ada",
                "starts_at": "2030-09-10T15:00:00+02:00",
                "ccc": "2030-09-10 13:00:00",
                "permanent_room": False,
                "registration_enabled": 1,
                "registration": {"fields": [{"id": 4, "label": "Company"}]},
                "timezone_offset": 7200,
                "settings": {"recorder_autostart_enabled": True},
                "room_pin": 900000101,
                "skin_id": 3,
            }
        }
    )
    row = CONFERENCES.row(room)
    assert {name: value for name, value in row.items() if value is not None} == {
        "id": 9000101,
        "name": "Tom & Ada",
        "permanent_room": False,
        "starts_at_utc": "2030-09-10T13:00:00+00:00",
        "starts_at": "2030-09-10T15:00:00+02:00",
        "timezone_offset": 7200,
        "registration_enabled": True,
        "registration": '{"fields": [{"id": 4, "label": "Company"}]}',
        "settings": '{"recorder_autostart_enabled": true}',
        "extra": '{"skin_id": 3}',
    }


def test_a_session_has_no_attendees_and_no_reports_in_extra():
    more = {"attendees": [{"email": "ada@example.com"}], "pdf": {"en": {"progress": 0}}}
    row = SESSIONS.row({"room_id": 9000101, "id": 7000001, "total_visitors": "14", "end_date": "", **more})
    assert (row["room_id"], row["id"], row["total_visitors"]) == (9000101, 7000001, 14)
    assert (row["end_date_utc"], row["extra"]) == (None, None)


def test_a_registration_has_the_rooms_own_fields_apart():
    registration = {
        "id": 5000002,
        "email": "bob@example.com",
        "fields": {
            "First Name": "Bob",
            "Last Name": "Example",
            "Email Address": "bob@example.com",
            "Company": "Example",
        },
        "geo": {"country": "PL", "city": "Łódź", "region": "LD"},
    }
    row = REGISTRATIONS.row({"room_id": 9000101, **parse.registration(registration)})
    assert (row["first_name"], row["last_name"], row["country"], row["city"]) == ("Bob", "Example", "PL", "Łódź")
    assert json.loads(row["fields"]) == {"Company": "Example"}
    assert json.loads(row["extra"]) == {"geo": {"region": "LD"}}


@pytest.mark.parametrize(("nothing", "left"), [([], None), (None, None), ("PL", '{"geo": "PL"}')])
def test_a_registration_without_an_object_where_one_belongs(nothing, left):
    row = REGISTRATIONS.row({"fields": nothing, "geo": nothing})
    assert (row["first_name"], row["country"], row["extra"]) == (None, None, left)
    assert row["fields"] == ('"PL"' if left else None)


@pytest.mark.parametrize("room", [{"room_id": 9000090}, {"conference_id": 9000090}, {"conference_id": "9000090"}])
def test_a_recording_is_listed_without_its_link(room):
    recording = {
        "id": 4000001,
        "recording_url": "https://recorder.example.com/r.mp4?st=FAKESIG&e=1",
        "recording_duration": 5400,
        "recorder_started": "2030-06-03 07:58:10",
        "recording_file_size": "183812200",
    }
    row = RECORDINGS.row({**room, **parse.recording(recording)})
    assert {name: value for name, value in row.items() if value is not None} == {
        "room_id": 9000090,
        "id": 4000001,
        "recorder_start_date_utc": "2030-06-03T07:58:10+00:00",
        "recording_duration": 5400,
        "recording_file_size": 183812200,
    }


def test_an_attendance():
    session = {"id": 7000001, "start_date": "2030-06-03T10:00:00+02:00", "end_date": "2030-06-03T11:00:00+02:00"}
    attendance = attendance_of(session, [ENTRY], rejoin_gap=timedelta(0))
    row = ATTENDANCE.row({"room_id": 9000101, **attendance.rows[0]})
    assert (row["room_id"], row["session_id"], row["person"]) == (9000101, 7000001, "ada@example.com")
    assert (row["status"], row["minutes"], row["is_staff"]) == ("walk_in", 39.0, False)
    assert row["first_join_utc"] == "2030-06-03T08:01:00+00:00"


@pytest.mark.parametrize(
    ("dataset", "item", "name", "value"),
    [
        (ATTENDEES, {"uid": 6000002}, "uid", "6000002"),
        (ATTENDEES, {"rating": "5"}, "rating", 5),
        (ATTENDEES, {"rating": 5.0}, "rating", 5),
        (ATTENDEES, {"rating": ""}, "rating", None),
        (ATTENDEES, {"polls": []}, "polls", None),
        (CONFERENCES, {"lobby_enabled": "1"}, "lobby_enabled", True),
        (CONFERENCES, {"lobby_enabled": ""}, "lobby_enabled", None),
        (ATTENDANCE, {"minutes": 39}, "minutes", 39.0),
        (ATTENDANCE, {"share": ""}, "share", None),
    ],
)
def test_values_take_the_type_of_their_column(dataset, item, name, value):
    found = dataset.row(item)[name]
    assert (found, type(found)) == (value, type(value))


ODD = [
    (ATTENDEES, {"start_date": "yesterday"}, "start_date must be an ISO 8601 time; got 'yesterday'."),
    (ATTENDEES, {"start_date": 1748937600}, "start_date must be an ISO 8601 time; got 1748937600."),
    (ATTENDEES, {"rating": "good"}, "rating must be a whole number; got 'good'."),
    (ATTENDEES, {"rating": 4.5}, "rating must be a whole number of at most 64 bits; got 4.5."),
    (ATTENDEES, {"rating": 2**63}, f"rating must be a whole number of at most 64 bits; got {2**63}."),
    (
        ATTENDEES,
        {"rating": str(-(2**63) - 1)},
        f"rating must be a whole number of at most 64 bits; got '{-(2**63) - 1}'.",
    ),
    (ATTENDEES, {"nickname": ["Ada"]}, "nickname must be a text; got a list."),
    (ATTENDEES, {"nickname": True}, "nickname must be a text; got True."),
    (CONFERENCES, {"lobby_enabled": "perhaps"}, "lobby_enabled must be true or false; got 'perhaps'."),
    (ATTENDANCE, {"minutes": "long"}, "minutes must be a number; got 'long'."),
]


@pytest.mark.parametrize(("dataset", "item", "message"), ODD)
def test_a_value_that_does_not_fit_is_refused_with_its_key(dataset, item, message):
    with pytest.raises(ValueError) as refused:
        list(dataset.rows([item]))
    assert str(refused.value) == message


def test_rows_that_do_not_fit_are_reported_where_that_is_wanted_and_the_others_come():
    skipped: list[str] = []
    rows = list(ATTENDEES.rows([ENTRY, {**ENTRY, "rating": "good"}, {**ENTRY, "uid": "6000003"}], skipped.append))
    assert [row["uid"] for row in rows] == ["6000002", "6000003"]
    assert skipped == ["attendees, row 2: rating must be a whole number; got 'good'."]


# --- keys -------------------------------------------------------------------------------------------------------------

entries = st.fixed_dictionaries(
    {
        "uid": st.sampled_from(["6000002", "6000003"]),
        "email": st.sampled_from(["ada@example.com", None]),
        "start_date": st.sampled_from(["2030-06-03T10:01:00+02:00", "2030-06-03T10:02:00+02:00"]),
        "end_date": st.sampled_from(["2030-06-03T10:02:00+02:00", "2030-06-03T10:40:00+02:00", None]),
        "rating": st.sampled_from([None, "4", "5"]),
    }
)


@given(st.lists(entries, max_size=12), st.randoms())
def test_every_entry_has_a_key_of_its_own_and_the_keys_are_the_same_in_any_order(items, random):
    keys = keys_of(ATTENDEES, items)
    assert len(set(keys)) == len(items)
    random.shuffle(items)
    assert set(keys_of(ATTENDEES, items)) == set(keys)


def test_who_enters_twice_in_the_same_minute_has_two_keys_whichever_comes_first():
    short = {**ENTRY, "end_date": "2030-06-03T10:01:00+02:00"}
    assert keys_of(ATTENDEES, [ENTRY, short]) == keys_of(ATTENDEES, [short, ENTRY])[::-1]


def test_equal_entries_are_numbered():
    first, second, third = (key[-1] for key in keys_of(ATTENDEES, [ENTRY, ENTRY, ENTRY]))
    assert (second, third) == (f"{first}-2", f"{first}-3")


# of few letters, so that many begin alike, and some occur across two others
@given(st.lists(st.text("ab", min_size=8, max_size=8).map(str.encode)), st.integers(0, 5))
def test_digests_of_many_entries_are_a_set(given_ones, max_few):
    digests, plain = Digests(max_few), set()
    for digest in given_ones:
        assert digests.add(digest) == (digest not in plain)
        plain.add(digest)


@pytest.mark.parametrize("change", [{"rating": "5"}, {"city": "Łódź"}, {"mood": "fine"}, {"user_ip": "192.0.2.1"}])
def test_a_key_stays_when_clickmeeting_learns_more_of_an_entry(change):
    assert keys_of(ATTENDEES, [ENTRY | change]) == keys_of(ATTENDEES, [ENTRY])


def test_a_key_does_not_depend_on_the_offset_of_times_nor_on_the_process():
    elsewhere = {"start_date": "2030-06-03T08:01:00+00:00", "end_date": "2030-06-03T08:40:00+00:00"}
    assert keys_of(ATTENDEES, [ENTRY | elsewhere]) == keys_of(ATTENDEES, [ENTRY])
    assert keys_of(ATTENDEES, [ENTRY]) == [(9000101, 7000001, "27ffd67998abe19e")]


def test_half_a_character_in_a_name_does_no_harm():
    assert len(set(keys_of(ATTENDEES, [{"nickname": "\ud83d"}, {"nickname": "\ud83e"}]))) == 2
