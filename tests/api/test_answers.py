"""Responses, in every variant on record, become one shape each, or the ApiError that they stand for."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_clickmeeting.api import calls, parse
from airflow_clickmeeting.api.call import Call, Upload
from airflow_clickmeeting.api.errors import ApiError, kind_of
from airflow_clickmeeting.api.form_fields import STANDARD
from airflow_clickmeeting.api.http import Answer, decode, has_file, has_list, server_time, too_large, too_slow

NOW = datetime(2027, 3, 1, 12, tzinfo=UTC)
NOT_FOUND = {
    "code": 404,
    "name": "NOT_FOUND",
    "errors": [{"name": "NOT_FOUND", "message": "Meeting room not found."}],
}
ROOM = {"id": 9000101, "name": "Talk", "access_type": 3, "permanent_room": False}


def answer(body, status=200, **headers):
    """An answer with JSON, or with bytes as they are."""
    if isinstance(body, bytes):
        return Answer(status, {name.replace("_", "-"): value for name, value in headers.items()}, body)
    headers.setdefault("content_type", "application/json; charset=utf-8")
    return answer(json.dumps(body).encode(), status, **headers)


def read(call, body, status=200, **headers):
    return decode(call, answer(body, status, **headers), NOW, secrets=["the-key"])


def problem(body, status=200, call=None, **headers):
    found = read(call or Call("GET", "conferences/7"), body, status, **headers)
    assert isinstance(found, ApiError)
    return found


# JSON

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)
pieces = st.sampled_from(
    [b"", b"0", b"-", b"e", b".", b'"', b"\\ud83d", b"\xff", b"\xed\xa0\x80", b"\x1f", b"[", b"}", b","]
)


def outcome(read) -> str:
    """Return what a function returns, or that it refuses the text."""
    try:
        return repr(read())
    except (ValueError, RecursionError):
        return "no JSON"


def outcome_of(body: bytes) -> str:
    found = read(Call("GET", "x"), b"[" + body + b"]")
    return "no JSON" if isinstance(found, ApiError) else repr(found[0])


@given(values, st.booleans(), st.integers(0, 40), st.integers(0, 2), pieces)
def test_json_is_read_as_python_reads_it(value, ascii_only, place, cut, piece):
    whole = json.dumps(value, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")
    for body in (whole, whole[:place] + piece + whole[place + cut :]):
        assert outcome_of(body) == outcome(lambda body=body: json.loads(b"[" + body + b"]")[0])


@pytest.mark.parametrize(
    "body",
    [
        *(
            b"NaN",
            b"-Infinity",
            b"1e400",
            b"-0",
            b"-0.0",
            b"18446744073709551616",
            b"9" * 400,
            b"9" * 5000,
            b"01",
            b"1.",
        ),
        *(
            b'"\\ud83d"',
            b'"\\ud83d\\ude00"',
            b'"\xed\xa0\x80"',
            b'"\xff"',
            b'"\x1f"',
            b'"\x7f"',
            b'{"a":1,"a":2}',
            b"1,",
        ),
        b"[" * 100_000,
    ],
)
def test_odd_json_is_read_as_python_reads_it(body):
    assert outcome_of(body) == outcome(lambda: json.loads(b"[" + body + b"]")[0])


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
def test_json_may_have_any_encoding_of_unicode(encoding):
    assert read(Call("GET", "x"), '[{"name": "Łódź"}]'.encode(encoding)) == [{"name": "Łódź"}]


# errors


def test_an_error_under_http_200_is_still_an_error():
    found = problem(NOT_FOUND)
    assert (found.kind, found.code, found.name) == ("not_found", 404, "NOT_FOUND")
    assert found.message == "NOT_FOUND: Meeting room not found."


@pytest.mark.parametrize("status", [200, 201, 404])
def test_a_code_may_be_a_text(status):
    found = problem(NOT_FOUND | {"code": "404"}, status)
    assert (found.kind, found.code) == ("not_found", 404)


def test_the_code_in_the_error_object_counts_more_than_the_http_status():
    found = problem(NOT_FOUND, 400)
    assert (found.kind, found.code) == ("not_found", 404)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, "validation"),
        (401, "authentication"),
        (409, "validation"),
        (418, "other"),
        (422, "validation"),
        (429, "rate_limited"),
        (500, "server"),
        (501, "server"),
        (504, "server"),
        (599, "server"),
    ],
)
@pytest.mark.parametrize("body", [b"", b"<html>no</html>", {}, [], {"id": 1}, "text", None, True])
def test_every_http_status_beyond_success_is_an_error_whatever_its_body(status, kind, body):
    found = problem(body, status)
    assert (found.kind, found.code) == (kind, status)
    assert str(status) in found.message
    assert kind_of(status) == kind


@pytest.mark.parametrize("body", [b"", b"<html>no</html>", {}, [], {"id": 1}, "text", None, True])
def test_only_clickmeeting_itself_can_say_that_something_does_not_exist(body):
    for call in (calls.get_conference(7), calls.list_conferences(page=2), calls.delete_conference(7)):
        found = problem(body, 404, call=call)
        assert (found.kind, found.code) == ("unexpected", 404)
    for recorded in (NOT_FOUND, {"errors": []}, {"message": "no"}, "404 Not Found"):
        assert problem(recorded, 404).kind == "not_found"


def test_a_page_that_forbids_may_pass_but_clickmeetings_own_word_does_not():
    assert problem(b"<html>no</html>", 403).kind == problem(b"", 403).kind == "server"
    assert problem({"code": 403, "name": "FORBIDDEN"}, 403).kind == "authentication"


@pytest.mark.parametrize("status", [200, 404, 422])
def test_a_web_page_never_stands_for_a_result(status):
    call = calls.check_availability(start_time="2027-03-01T15:00+01:00", hours=1)
    assert problem(b"<html>Sign in</html>", status, call=call).kind in ("unexpected", "validation")
    assert read(call, b"", 200) is True


@pytest.mark.parametrize(
    ("call", "body"),
    [
        (calls.get_conference(7), {"conference": {"id": 8}}),
        (calls.update_conference(7, name="Talk"), {"room": {"id": 8}}),
        (calls.get_session(7, 9), {"id": 10, "start_date": "2025-08-30T12:00:00+02:00"}),
        (calls.get_file(9), {"id": 10}),
        (calls.list_recordings(7), [{"id": 1, "conference_id": 8}]),
        (calls.list_recordings(7), [{"id": 1, "room_id": "8"}]),
    ],
)
def test_an_answer_about_something_else_is_unexpected(call, body):
    found = problem(body, call=call)
    assert found.kind == "unexpected"
    assert "expected " in found.message


DENIALS = [
    {"result": "ERROR"},
    {"status": "error"},
    {"error": "no"},
    {"success": False},
    {},
    [],
    False,
    None,
    True,
    "no",
]


@pytest.mark.parametrize("body", DENIALS)
@pytest.mark.parametrize(
    "call",
    [
        calls.delete_conference(7),
        calls.delete_recording(7, 8),
        calls.delete_all_recordings(7),
        calls.delete_file(9),
        calls.deactivate_tokens(7, tokens=["HCKFWT"]),
        calls.send_invitation(7, attendees=["ada@example.com"]),
        calls.create_contact(email="ada@example.com", firstname="Ada", lastname="Lovelace"),
        calls.register_participant(7, registration={1: "Ada", 2: "Lovelace", 3: "ada@example.com"}),
        calls.update_conference(7, name="Talk"),
        calls.create_conference(name="Talk"),
        calls.generate_tokens(7, how_many=1),
        calls.upload_file(Upload("a.pdf", 1, io.BytesIO)),
    ],
    ids=lambda call: call.name if isinstance(call, Call) else "",
)
def test_a_denial_is_no_success(call, body):
    assert problem(body, call=call).kind == "unexpected"


def test_new_tokens_are_returned():
    assert read(calls.generate_tokens(7, how_many=1), {"access_tokens": [{"token": "HCKFWT"}]}) == [{"token": "HCKFWT"}]


@pytest.mark.parametrize("word", ["ERROR", "failed", "", 0, False, None, "no"])
def test_a_deleted_file_has_an_unknown_word_but_no_denial(word):
    assert problem({"response": word}, call=calls.delete_file(9)).kind == "unexpected"
    assert read(calls.delete_file(9), {"response": "removed"}) is True


def test_only_too_many_requests_certainly_had_no_effect():
    assert problem(b"", 429).no_effect
    assert not problem(b"", 503).no_effect


@pytest.mark.parametrize("code", [None, "none", "²", True, 200, "0", [404], -404])
def test_an_object_with_another_kind_of_code_is_no_error(code):
    assert read(Call("GET", "x"), {"code": code, "name": "Poland"}) == {"code": code, "name": "Poland"}


def test_an_object_with_a_code_and_nothing_about_an_error_is_no_error():
    assert read(Call("GET", "x"), {"code": 404, "value": 1}) == {"code": 404, "value": 1}


@pytest.mark.parametrize("key", ["message", "error"])
def test_an_error_may_have_one_message_instead_of_a_list(key):
    found = problem({"code": 403, key: "Not yours."})
    assert (found.kind, found.message, found.fields) == ("authentication", "Not yours.", {})


def test_an_error_may_have_a_name_alone():
    assert problem({"code": 400, "name": "INVALID_DATES"}).message == "INVALID_DATES"


@pytest.mark.parametrize("errors", [None, {}, "text", ["text", 5, None], [{}], [{"message": None}]])
def test_a_malformed_list_of_errors_does_not_hide_the_error(errors):
    found = problem({"code": 422, "name": "VALIDATION_ERRORS", "errors": errors})
    assert (found.kind, found.message, found.fields) == ("validation", "VALIDATION_ERRORS", {})


def test_the_name_of_an_error_may_be_the_number_of_a_registration_field():
    found = problem(
        {
            "code": 422,
            "name": "VALIDATION_ERRORS",
            "errors": [
                {"name": 1, "message": "This field is required."},
                {"name": 3, "message": "This field is required."},
                {"name": 3, "message": "No e-mail address."},
                {"message": "Try again."},
            ],
        },
        422,
    )
    assert found.fields == {"1": ("This field is required.",), "3": ("This field is required.", "No e-mail address.")}
    assert (
        found.message
        == "VALIDATION_ERRORS: 1: This field is required. 3: This field is required. 3: No e-mail address. Try again."
    )


@pytest.mark.parametrize("status", [200, 404])
def test_a_body_may_be_the_text_404_not_found(status):
    found = problem("404 Not Found", status)
    assert (found.kind, found.code, found.message) == ("not_found", 404, "404 Not Found")


def test_a_text_that_says_200_does_not_make_a_success_of_a_failure():
    found = problem("200 OK", 500)
    assert found.message == "200 OK"


# answers that are no JSON


@pytest.mark.parametrize("status", [200, 204, 500, 502])
@pytest.mark.parametrize("body", [b"", b" \r\n"])
def test_an_empty_body_is_told_as_such(status, body):
    found = problem(body, status)
    assert found.message == f"HTTP {status} with an empty body"
    assert found.kind == ("server" if status >= 500 else "unexpected")


def test_a_page_is_quoted_in_part_and_on_one_line():
    found = problem(b"<html>\n  <h1>Sign in</h1>\n" + b"x" * 10_000, 200, content_type="text/html")
    assert found.kind == "unexpected"
    assert found.message.startswith("HTTP 200 with no JSON: '<html> <h1>Sign in</h1> xxx")
    assert found.message.endswith("...'")
    assert len(found.message) < 300


def test_bytes_that_are_no_text_are_quoted_all_the_same():
    assert "no JSON" in problem(b"\xff\xfe\x00\x80").message


@pytest.mark.parametrize(
    ("location", "where"),
    [
        ("https://login.example/in?token=secret", "https://login.example"),
        ("/panel/login?token=secret", "another path"),
        ("", "another path"),
    ],
)
def test_a_redirection_tells_where_to_but_not_its_secrets(location, where):
    found = problem(b"", 302, location=location)
    assert found.kind == "other"
    assert found.message == f"HTTP 302 with a redirect to {where}"
    assert found.cure == "Correct the host of {connection}: the URL of ClickMeeting's API"
    assert "secret" not in found.message


@given(st.binary())
def test_any_answer_at_all_is_read_or_is_a_problem(body):
    for status in (200, 404, 503):
        found = decode(calls.get_conference(7), Answer(status, {}, body), NOW)
        assert isinstance(found, ApiError | dict)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.sampled_from(["404", "²", "200 OK", "null"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["code", "errors", "name", "message", "id", "conference", "error"]), inner, max_size=4
        )
    ),
    max_leaves=10,
)
READERS = [
    calls.get_conference(7),
    calls.list_conferences(),
    calls.update_conference(7, name="Talk"),
    calls.list_tokens(7),
    calls.get_token_by_email(7, email="ada@example.com"),
    calls.get_session(7, 8),
    calls.list_sessions(7),
    calls.list_registrations(7),
    calls.list_recordings(7),
    calls.list_chats(),
    calls.get_file(9),
    calls.delete_conference(7),
    calls.download_chat(8),
]


@given(JSON, st.sampled_from(READERS))
def test_json_of_any_shape_is_read_or_is_a_problem_and_never_a_crash(data, call):
    found = read(call, data)
    assert isinstance(found, ApiError | dict | list | bool)


# when to come back


@pytest.mark.parametrize(
    ("retry_after", "date", "seconds"),
    [
        ("120", "", 120),
        ("0", "", 0),
        ("Mon, 01 Mar 2027 12:01:30 GMT", "", 90),
        ("Mon, 01 Mar 2027 12:01:30 GMT", "Mon, 01 Mar 2027 12:01:00 GMT", 30),
        ("Mon, 01 Mar 2027 12:01:30 -0000", "", 90),
        ("Mon, 01 Mar 2027 11:00:00 GMT", "", 0),
        ("", "", None),
        ("soon", "", None),
        ("-5", "", None),
        ("1.5", "", None),
        ("²", "", None),
    ],
)
def test_retry_after_is_seconds_or_a_date_by_the_answers_own_clock(retry_after, date, seconds):
    assert problem(b"", 429, retry_after=retry_after, date=date).retry_after == seconds


def test_the_servers_time_is_in_its_answer():
    assert server_time({"date": "Mon, 01 Mar 2027 12:00:00 GMT"}) == NOW
    assert server_time({}) is None
    assert server_time({"date": "today"}) is None


# successes


@pytest.mark.parametrize("envelope", ["conference", "room", None])
@pytest.mark.parametrize("status", [200, 201])
@pytest.mark.parametrize(
    "call",
    [
        calls.get_conference(ROOM["id"]),
        calls.create_conference(name="Talk"),
        calls.update_conference(ROOM["id"], name="Talk"),
    ],
)
def test_a_room_comes_in_one_of_two_envelopes_or_in_none(call, envelope, status):
    assert read(call, {envelope: ROOM} if envelope else ROOM, status)["id"] == ROOM["id"]


def test_an_update_may_be_answered_with_a_word_alone():
    assert read(calls.update_conference(7, name="Talk"), {"status": "ok"}) == {"status": "ok"}


@pytest.mark.parametrize("body", [{"status": "ok"}, {"conference": []}, [], "ok", None, 5])
def test_a_reading_or_creation_without_a_room_is_unexpected(body):
    for call in (calls.get_conference(7), calls.create_conference(name="Talk")):
        assert problem(body, call=call).kind == "unexpected"


@pytest.mark.parametrize(
    ("received", "read_as"),
    [
        (True, True),
        (False, False),
        (1, True),
        (0, False),
        ("1", True),
        ("0", False),
        ("true", True),
        (None, False),
        ("", False),
    ],
)
def test_flags_of_a_room_become_booleans(received, read_as):
    flags = ("lobby_enabled", "registration_enabled", "paid_enabled", "automated_enabled", "permanent_room")
    room = parse.room_item(dict.fromkeys(flags, received))
    assert room == dict.fromkeys(flags, read_as)


def test_a_room_is_read_as_it_should_have_been_sent():
    room = read(
        calls.get_conference(9000101),
        {
            "conference": {
                "id": "9000101",
                "room_pin": "900000101",
                "access_type": "3",
                "name": "A &quot;B&quot; &amp; C",
                "lobby_description": None,
                "unheard_of": 1,
            }
        },
    )
    assert room == {
        "id": 9000101,
        "room_pin": 900000101,
        "access_type": 3,
        "name": 'A "B" & C',
        "lobby_description": None,
        "unheard_of": 1,
    }


def test_a_permanent_room_has_no_start_and_nothing_makes_one_up():
    room = read(calls.get_conference(ROOM["id"]), {"conference": {**ROOM, "permanent_room": True}})
    assert not room.keys() & {"starts_at", "ends_at", "ccc"}


@pytest.mark.parametrize(
    ("body", "ids"),
    [
        ([{"id": 1}, {"id": "2"}], [1, 2]),
        ([], []),
        ({"active_conferences": [{"id": 1}], "inactive_conferences": [{"id": 3}]}, [1, 3]),
        ({"active_conferences": [{"id": 1}], "scheduled_conferences": [{"id": 2}], "inactive_conferences": []}, [1, 2]),
        ({"inactive_conferences": [{"id": 3}], "active_conferences": None}, [3]),
    ],
)
def test_rooms_come_as_a_list_or_under_keys(body, ids):
    assert [room["id"] for room in read(calls.list_conferences(), body)] == ids


@pytest.mark.parametrize("body", [{"rooms": []}, "none", None, [5], [[]]])
def test_a_list_of_rooms_of_another_shape_is_unexpected(body):
    assert problem(body, call=calls.list_conferences()).kind == "unexpected"


def test_a_page_past_the_last_one_may_be_an_error_and_is_an_empty_page():
    assert read(calls.list_conferences(page=2), NOT_FOUND, 404) == []
    assert problem(NOT_FOUND, 404, call=calls.list_conferences(page=1)).kind == "not_found"


@pytest.mark.parametrize("body", [{"result": "OK"}, {"STATUS": "OK"}, {"response": "OK"}, "200 OK"])
@pytest.mark.parametrize("call", [calls.delete_conference(7), calls.delete_recording(7, 8), calls.delete_file(9)])
def test_a_deletion_is_answered_in_many_words(call, body):
    assert read(call, body) is True


@pytest.mark.parametrize("body", ["ERROR", "OK", ""])
def test_a_text_that_does_not_begin_with_a_2xx_number_is_no_success(body):
    assert problem(body, call=calls.delete_conference(7)).kind == "unexpected"


@pytest.mark.parametrize("body", [NOT_FOUND, "404 Not Found", NOT_FOUND | {"code": "404"}])
@pytest.mark.parametrize("status", [200, 404])
def test_what_is_gone_already_counts_as_deleted_unless_one_wants_to_know(body, status):
    assert read(calls.delete_conference(7), body, status) is False
    assert read(calls.delete_conference(7, ignore_missing=False), body, status).kind == "not_found"


def test_another_error_of_a_deletion_is_not_forgiven():
    assert problem({"code": 403, "name": "FORBIDDEN"}, 403, call=calls.delete_conference(7)).kind == "authentication"


@pytest.mark.parametrize(
    ("body", "status", "free"),
    [
        ({}, 200, True),
        (b"", 200, True),
        (b"free", 200, True),
        ("OK", 200, True),
        (NOT_FOUND | {"code": 422}, 422, False),
        (b"", 422, False),
        ({}, 409, False),
    ],
)
def test_an_availability_is_all_in_the_status(body, status, free):
    call = calls.check_availability(start_time=NOW, hours=1)
    assert read(call, body, status) is free


@pytest.mark.parametrize("status", [401, 500])
def test_an_availability_that_could_not_be_asked_is_an_error(status):
    call = calls.check_availability(start_time=NOW, hours=1)
    assert problem({}, status, call=call).code == status


TOKEN = {"token": "HCKFWT", "sent_to_email": None, "first_use_date": None}


@pytest.mark.parametrize("body", [{"access_tokens": [TOKEN]}, [TOKEN]])
def test_tokens_come_with_or_without_their_envelope(body):
    assert read(calls.list_tokens(7), body) == [TOKEN]


@pytest.mark.parametrize("body", [{}, {"access_tokens": None}, ["HCKFWT"], "HCKFWT"])
def test_tokens_of_another_shape_are_unexpected(body):
    assert problem(body, call=calls.list_tokens(7)).kind == "unexpected"


@pytest.mark.parametrize(
    ("body", "tokens"),
    [
        (["HCKFWT"], ["HCKFWT"]),
        (["HCKFWT", "QX3M7P"], ["HCKFWT", "QX3M7P"]),
        ({"token": "HCKFWT"}, ["HCKFWT"]),
        ("HCKFWT", ["HCKFWT"]),
        ("422ABC", ["422ABC"]),
        ([], []),
    ],
)
def test_the_tokens_of_a_person_come_as_a_list_an_object_or_a_text(body, tokens):
    assert read(calls.get_token_by_email(7, email="ada@example.com"), body) == tokens


@pytest.mark.parametrize("confirmed", ["null", "", None])
def test_who_did_not_confirm_has_none_there_also_where_it_came_as_the_text_null(confirmed):
    (found,) = read(calls.list_registrations(7), [{"id": "5", "registration_confirmed": confirmed, "session_id": None}])
    assert found == {"id": 5, "registration_confirmed": None, "session_id": None}


def test_who_confirmed_has_the_time_there():
    (found,) = read(calls.list_session_registrations(7, 8), [{"registration_confirmed": "2025-08-30T12:00:00+02:00"}])
    assert found["registration_confirmed"] == "2025-08-30T12:00:00+02:00"


@pytest.mark.parametrize(
    ("body", "exist"), [({"url": "u"}, 0), ({"exist": 1}, 1), ({"exist": "1"}, 1), ({"exist": 0}, 0)]
)
def test_a_registration_says_whether_the_person_was_there_before(body, exist):
    registration = {1: "Ada", 2: "Lovelace", 3: "ada@example.com"}
    assert read(calls.register_participant(7, registration=registration), {"status": "OK", **body})["exist"] == exist


@pytest.mark.parametrize(
    ("received", "size"), [(183812200, 183812200), ("183812200", 183812200), ("", None), ("large", None), (None, None)]
)
def test_the_size_of_a_recording_is_a_number_also_where_it_came_as_text(received, size):
    (found,) = read(
        calls.list_recordings(7), [{"id": 4, "recording_file_size": received, "recording_duration": "5400"}]
    )
    assert (found["recording_file_size"], found["recording_duration"]) == (size, 5400)


def test_a_recording_of_2016_has_no_name_and_none_is_made_up():
    (found,) = read(calls.list_recordings(7), [{"id": 4, "recording_file_size": 5}])
    assert found == {"id": 4, "recording_file_size": 5}


def test_a_recording_names_its_room_as_conference_id_whatever_it_came_as():
    listed = [{"id": 1, "conference_id": 7}, {"id": 2, "room_id": "8"}, {"id": 3, "recording_name": "A &amp; B"}]
    found = read(calls.list_all_recordings(), listed)
    assert [each.get("conference_id") for each in found] == [7, 8, None]
    assert found[2]["recording_name"] == "A & B"


def test_no_recordings_are_an_error_for_a_room_and_an_empty_list_for_the_account():
    assert problem(NOT_FOUND, 200, call=calls.list_recordings(7)).kind == "not_found"
    assert read(calls.list_all_recordings(), NOT_FOUND) == []


def test_a_session_comes_without_its_id_and_is_given_it():
    assert read(calls.get_session(7, "8"), {"total_visitors": 3})["id"] == 8
    assert read(calls.get_session(7, 8), {"session": {"total_visitors": 3}}) == {"id": 8, "total_visitors": 3}


def test_sessions_have_numbers():
    listed = [{"id": "8", "total_visitors": "14", "max_visitors": 12}]
    assert read(calls.list_sessions(7), listed) == [{"id": 8, "total_visitors": 14, "max_visitors": 12}]


def test_an_attendee_is_left_as_it_is():
    row = {"uid": "6000001", "email": None, "rating": "5", "polls": []}
    assert read(calls.list_session_attendees(7, 8), [row]) == [row]


def test_a_chat_has_its_zone_under_one_key():
    listed = [{"id": 1, "timezone": "UTC"}, {"id": "2", "time_zone": "UTC", "name": "A &amp; B"}]
    assert read(calls.list_chats(), listed) == [
        {"id": 1, "timezone": "UTC"},
        {"id": 2, "timezone": "UTC", "name": "A & B"},
    ]


def test_a_file_has_numbers():
    found = read(calls.get_file(9), {"id": "9", "conversion_progress": "50", "name": "a.pdf"})
    assert found == {"id": 9, "conversion_progress": 50, "name": "a.pdf"}


def test_a_report_has_a_number():
    report = {"status": "IN PROGRESS", "progress": "40"}
    assert read(calls.generate_session_report(7, 8), report) == {"status": "IN PROGRESS", "progress": 40}


def test_a_login_becomes_a_link():
    room_url = "https://acme.clickmeeting.example/talk"
    call = calls.generate_autologin_url(7, room_url=room_url, email="ada@example.com", nickname="Ada")
    assert read(call, {"autologin_hash": "aB__"}) == f"{room_url}?l=aB__"
    assert problem({"autologin_hash": ""}, call=call).kind == "unexpected"
    assert problem({}, call=call).kind == "unexpected"


def test_zones_of_an_unknown_country_are_none():
    assert read(calls.list_timezones_by_country("XX"), NOT_FOUND, 404) == []
    assert read(calls.list_timezones_by_country("PL"), ["Europe/Warsaw"]) == ["Europe/Warsaw"]


def test_plain_lists_and_objects_pass_through():
    assert read(calls.list_phone_gateways(), [{"code": "PL"}]) == [{"code": "PL"}]
    assert read(calls.list_skins(), [{"id": "4"}]) == [{"id": "4"}]
    assert read(calls.ping(), {"ping": "pong"}) == {"ping": "pong"}


def test_what_was_expected_and_what_came_is_said():
    assert problem([], call=calls.ping()).message == "expected an object, got a list ('[]')"
    assert problem({}, call=calls.list_files()).message == "expected a list, got an object ('{}')"
    assert problem(None, call=calls.list_files()).message == "expected a list, got null ('null')"
    assert problem(5, call=calls.list_files()).message == "expected a list, got a number ('5')"


# files


@pytest.mark.parametrize("content_type", ["application/octet-stream", "application/zip", "video/mp4", "text/plain", ""])
def test_a_file_is_its_bytes(content_type):
    assert read(calls.download_file(9), b"\x00\x01", content_type=content_type) == b"\x00\x01"


NO_FILES = ["application/json", "text/html; charset=utf-8", "Text/HTML", "application/xhtml+xml", "text/json"]


@pytest.mark.parametrize("content_type", [*NO_FILES, "application/problem+json; charset=utf-8", "Application/hal+JSON"])
def test_a_page_or_json_is_no_file(content_type):
    found = problem(b"<html>", call=calls.download_file(9), content_type=content_type)
    assert (found.kind, found.message) == ("unexpected", "HTTP 200 with no file: '<html>'")


@pytest.mark.parametrize("content_type", ["", "text/plain; charset=utf-8"])
@pytest.mark.parametrize("body", [b"<html>", b"\n <!DOCTYPE HTML PUBLIC>", b'{"detail": "gone"}'])
def test_a_page_or_json_without_a_type_is_no_file(content_type, body):
    assert problem(body, call=calls.download_file(9), content_type=content_type).kind == "unexpected"
    assert read(calls.download_file(9), body, content_type="application/octet-stream") == body


def test_an_empty_file_is_none():
    empty = answer(b"", 200, content_type="application/octet-stream")
    assert not has_file(calls.download_file(9), empty)
    assert decode(calls.download_file(9), empty, NOW).message == "HTTP 200 with an empty body"


@pytest.mark.parametrize(
    ("status", "body", "message"),
    [
        (206, b"\x00", "HTTP 206 with a part of a file, which was not requested"),
        (203, b"PK", "HTTP 203 with no file: 'PK'"),
        (201, b"PK", "HTTP 201 with no file: 'PK'"),
        (204, b"", "HTTP 204 with an empty body"),
    ],
)
def test_only_status_200_has_the_whole_file(status, body, message):
    found = problem(body, status, call=calls.download_file(9), content_type="video/mp4")
    assert (found.kind, found.message) == ("unexpected", message)


def test_an_error_instead_of_a_file_is_an_error():
    assert problem(NOT_FOUND, 200, call=calls.download_chat(8)).kind == "not_found"
    assert problem(b"\x00", 503, call=calls.download_chat(8), content_type="application/zip").kind == "server"
    assert (
        problem({"id": 1}, call=calls.download_file(9)).message
        == "expected a file, got an object in JSON ('{\"id\": 1}')"
    )


def test_only_a_call_for_a_file_gets_one():
    zipped = answer(b"PK", 200, content_type="application/zip")
    assert has_file(calls.download_chat(8), zipped)
    assert not has_file(calls.list_chats(), zipped)


@pytest.mark.parametrize("early", [timedelta(0), timedelta(hours=1)])
def test_a_clock_that_is_wrong_does_not_matter_where_the_answer_has_its_own(early):
    headers = {"retry-after": "Mon, 01 Mar 2027 12:01:00 GMT", "date": "Mon, 01 Mar 2027 12:00:00 GMT"}
    assert decode(calls.ping(), Answer(429, headers), NOW - early).retry_after == 60


def test_header_names_are_found_whatever_their_case():
    head = Answer.of(200, {"Content-Type": "Application/JSON; charset=utf-8", "RETRY-AFTER": "3"})
    assert (head.status, head.content_type, head.body) == (200, "application/json", b"")
    assert head.headers["retry-after"] == "3"


@pytest.mark.parametrize("body", [b"[]", b" [1]\n", b"[" + b"1, " * 500 + b"1]"])
def test_a_body_is_a_list_by_both_its_ends(body):
    file = io.BytesIO(body)
    assert has_list(200, file)
    assert file.tell() == 0


@pytest.mark.parametrize(("status", "body"), [(500, b"[]"), (200, b""), (200, b'{"a": []}'), (200, b"[1, 2<br>")])
def test_an_error_an_object_and_what_breaks_off_are_no_list(status, body):
    assert not has_list(status, io.BytesIO(body))


OWN = [{"id": 1, "label": "First Name"}, {"id": "10", "label": "Company"}]


@pytest.mark.parametrize(
    "room",
    [
        {"registration": {"fields": OWN}},
        {"registration": OWN},
        {"fields": OWN},
        {"registration": {}, "fields": OWN},
        {"registration": {"fields": [*OWN, {"id": 11}, {"label": "Town"}, "text"]}},
    ],
)
def test_a_rooms_fields_stand_nested_or_flat(room):
    assert parse.registration_labels(room) == {1: "First Name", 2: "Last Name", 3: "Email Address", 10: "Company"}


@pytest.mark.parametrize("room", [{}, {"registration": None}, {"registration": {}}, {"registration": {"fields": []}}])
def test_every_room_has_the_three_standard_fields(room):
    assert parse.registration_labels(room) == STANDARD


@pytest.mark.parametrize(
    ("call", "body"),
    [
        (calls.list_timezones(), [None]),
        (calls.list_timezones(), ["UTC", {}]),
        (calls.list_tokens(7), [{"token": None}]),
        (calls.list_tokens(7), {"access_tokens": [{}]}),
        (calls.list_recordings(7), [{"id": 1, "recording_file_size": [1]}]),
        (calls.list_recordings(7), [{"id": 1, "recording_duration": -1}]),
        (calls.list_sessions(7), [{"id": 0}]),
        (calls.list_sessions(7), [{"id": True}]),
        (calls.list_conferences(), [{"id": 1, "status": 1}]),
        (calls.list_chats(), [{"name": "x"}]),
    ],
)
def test_an_odd_item_of_a_list_is_named(call, body):
    found = problem(body, call=call)
    assert found.kind == "unexpected"
    assert "expected " in found.message


def test_whole_numbers_may_come_as_numbers_with_a_point():
    recordings = read(calls.list_recordings(7), [{"id": 1.0, "recording_file_size": 5.0, "recording_duration": None}])
    assert recordings == [{"id": 1, "recording_file_size": 5, "recording_duration": None}]


def test_a_limit_says_how_to_raise_it():
    assert (str(too_slow(0.5)), too_slow(0.5).cure) == (
        "the response did not end within 0.5 s",
        "Raise total_timeout in the extra of {connection}",
    )
    assert str(too_large(5)).startswith("the response has more than 5 bytes")
    assert too_large(5).cure == "Raise max_response_size in the extra of {connection}"


@pytest.mark.parametrize("date", ["Fri, 31 Dec 999999 23:59:59 GMT", "Fri, 31 Dec 9999 23:59:59 GMT", "x", ""])
def test_a_date_that_makes_no_sense_is_none(date):
    assert server_time({"date": date}) is None
