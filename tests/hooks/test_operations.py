"""Every operation, over HTTP, through both hooks."""

from __future__ import annotations

import inspect
import io
import logging
import zipfile
from datetime import UTC, datetime, timedelta

import pytest

from airflow_clickmeeting.api import calls
from airflow_clickmeeting.api.call import Call, Upload
from airflow_clickmeeting.exceptions import NotFoundError, ValidationError
from airflow_clickmeeting.hooks.clickmeeting import ClickMeetingAsyncHook, ClickMeetingHook

SLIDES = Upload("slides.pdf", 9, lambda: io.BytesIO(b"%PDF-1.7\n"))
BOTH = pytest.mark.parametrize("kind", [ClickMeetingHook, ClickMeetingAsyncHook])


@pytest.fixture
def token_room(sandbox):
    return sandbox.add_room(name="Members", access_type=3)["id"]


@pytest.fixture
def finished(sandbox):
    """A room and its session of yesterday, with a recording and a chat."""
    start = sandbox.now - timedelta(days=1)
    room_id = sandbox.add_room(name="Finished", starts_at=start, registration={"enabled": 1})["id"]
    attendees = [{"email": "ada@example.com", "nickname": "Ada", "visits": [(0, 20), (25, 60)]}]
    recordings = [{"size": 3000, "ready_after": 60}]
    return room_id, sandbox.play(room_id, start=start, attendees=attendees, recordings=recordings, chat=["Hello"])


def register(client, room_id, email="ada@example.com"):
    return client.ask("register_participant", room_id, registration={1: "Ada", 2: "Lovelace", 3: email})


@BOTH
def test_a_hook_offers_every_operation_with_its_signature_and_documentation(kind, sandbox):
    for name, build in inspect.getmembers(calls, inspect.isfunction):
        if hasattr(build, "__wrapped__"):
            method = getattr(kind(), name)
            assert inspect.signature(method) == inspect.signature(build)
            assert inspect.getdoc(method) == inspect.getdoc(build) == inspect.getdoc(getattr(kind, name))


def test_the_account(client):
    assert client.ask("ping") == {"ping": "pong"}
    assert "Europe/Warsaw" in client.ask("list_timezones")
    assert client.ask("list_timezones_by_country", "pl") == ["Europe/Warsaw"]
    assert client.ask("list_timezones_by_country", "XX") == []
    assert {gateway["code"] for gateway in client.ask("list_phone_gateways")} == {"DE", "PL", "US"}
    assert all(isinstance(skin["id"], str) for skin in client.ask("list_skins"))
    answer = client.ask("create_contact", email="ada@example.com", firstname="Ada", lastname="Lovelace", country="gb")
    assert answer == {"status": "OK"}


@pytest.mark.parametrize("switches", [{}, {"created_status": "200", "room_answer": "flat", "lobby_enabled": "string"}])
def test_a_room_is_made_read_changed_and_deleted(client, sandbox, switches):
    sandbox.switch(**switches)
    starts_at = sandbox.now.replace(microsecond=0, second=0) + timedelta(days=2)
    made = client.ask(
        "create_conference",
        name="Talk",
        starts_at=starts_at,
        timezone="America/New_York",
        duration=timedelta(minutes=90),
        lobby_enabled=True,
        settings={"recorder_autostart_enabled": False},
    )
    room = client.ask("get_conference", str(made["id"]))
    assert datetime.fromisoformat(room["starts_at"]) == starts_at
    assert datetime.fromisoformat(room["ends_at"]) == starts_at + timedelta(minutes=90)
    assert (room["timezone"], room["lobby_enabled"], room["permanent_room"]) == ("America/New_York", True, False)
    assert room["settings"]["recorder_autostart_enabled"] is False
    assert [each["id"] for each in client.ask("list_conferences")] == [made["id"]]

    changed = client.ask("update_conference", made["id"], name="Longer talk", duration="2:00", permanent_room=False)
    assert changed["name"] == "Longer talk"
    assert datetime.fromisoformat(changed["ends_at"]) == starts_at + timedelta(hours=2)

    assert client.ask("update_conference", made["id"], status="inactive")["status"] == "inactive"
    assert client.ask("list_conferences", "inactive")[0]["id"] == made["id"]
    assert client.ask("delete_conference", made["id"]) is True
    with pytest.raises(NotFoundError):
        client.ask("get_conference", made["id"])


@pytest.mark.parametrize("answer", ["object", "string"])
def test_a_deletion_is_true_the_first_time_and_false_when_gone_already(client, sandbox, room, answer):
    sandbox.switch(delete_answer=answer)
    assert client.ask("delete_conference", room["id"]) is True
    assert client.ask("delete_conference", room["id"]) is False
    with pytest.raises(NotFoundError):
        client.ask("delete_conference", room["id"], ignore_missing=False)


def test_availability(client):
    assert client.ask("check_availability", start_time=datetime(2027, 3, 1, 15, tzinfo=UTC), hours=1) is True


@pytest.mark.parametrize("answer", ["array", "object", "string"])
def test_tokens_are_made_found_and_taken_back(client, sandbox, token_room, answer):
    sandbox.switch(token_answer=answer)
    first = client.ask("generate_tokens", token_room, how_many=2)
    assert len(client.ask("generate_tokens", token_room, how_many="1")) == 1
    assert len(client.ask("list_tokens", token_room)) == 3
    with pytest.raises(NotFoundError):
        client.ask("get_token_by_email", token_room, email="ada@example.com")
    client.ask("send_invitation", token_room, attendees=["ada@example.com"])
    (own,) = client.ask("get_token_by_email", token_room, email="ada@example.com")
    assert own == first[0]["token"]
    client.ask("deactivate_tokens", token_room, tokens=first)
    assert len(client.ask("list_tokens", token_room)) == 1


def test_an_autologin_url_opens_the_room(client, sandbox, token_room):
    (token,) = client.ask("generate_tokens", token_room, how_many=1)
    room_url = client.ask("get_conference", token_room)["room_url"]
    person = {"email": "ada@example.com", "nickname": "Ada", "token": token["token"]}
    assert client.ask("generate_autologin_url", token_room, room_url=room_url, **person).startswith(f"{room_url}?l=")


@pytest.mark.parametrize("unconfirmed", ["string", "null"])
def test_people_register_once(client, sandbox, room, unconfirmed):
    sandbox.switch(unconfirmed=unconfirmed)
    registration = {1: "Ada", 2: "Lovelace", 3: "ada@example.com"}
    once = client.ask("register_participant", room["id"], registration=registration, confirmation_email=True, lang="pl")
    again = client.ask("register_participant", room["id"], registration=registration)
    assert (once["exist"], again["exist"], once["url"]) == (0, 1, again["url"])
    assert [(mail["recipient"], mail["lang"]) for mail in sandbox.outbox] == [("ada@example.com", "pl")]
    (listed,) = client.ask("list_registrations", room["id"])
    assert (listed["email"], listed["registration_confirmed"]) == ("ada@example.com", None)
    assert client.ask("list_registrations", room["id"], "active") == [listed]


def test_a_missing_registration_field_is_named_by_its_number(client, sandbox, room):
    field = sandbox.add_field(room["id"], "Company", required=True)
    with pytest.raises(ValidationError) as refusal:
        register(client, room["id"])
    assert refusal.value.fields == {str(field): ("This field is required.",)}


def test_registration_that_is_off_is_a_validation_error(client, token_room):
    with pytest.raises(ValidationError) as refusal:
        client.ask("list_registrations", token_room)
    assert refusal.value.name == "REGISTRATION_DISABLED"


def test_invitations_are_mailed_in_the_language_asked_for(client, sandbox, room):
    people = ["ada@example.com", {"email": "bob@example.com", "firstname": "Bob", "lastname": "Example"}]
    client.ask("send_invitation", room["id"], attendees=people, lang="pl", role="presenter", template="basic")
    mails = [(mail["recipient"], mail["lang"], mail["role"], mail["template"]) for mail in sandbox.outbox]
    assert mails == [(f"{name}@example.com", "pl", "presenter", "basic") for name in ("ada", "bob")]


def test_a_finished_session(client, sandbox, finished):
    room_id, session_id = finished
    register(client, room_id)
    (session,) = client.ask("list_sessions", room_id)
    assert (session["id"], session["total_visitors"]) == (session_id, 2)
    assert client.ask("get_session", room_id, session_id)["id"] == session_id
    entries = client.ask("list_session_attendees", room_id, session_id)
    assert [entry["email"] for entry in entries] == ["ada@example.com"] * 2
    (registered,) = client.ask("list_session_registrations", room_id, session_id)
    assert registered["session_id"] == session_id


def test_a_report_is_asked_for_until_it_is_finished(client, sandbox, finished):
    assert client.ask("generate_session_report", *finished)["status"] == "NEW"
    sandbox.advance(timedelta(hours=1))
    report = client.ask("generate_session_report", *finished)
    assert (report["status"], report["progress"]) == ("FINISHED", 100)
    assert report["url"].startswith("http")


@pytest.mark.parametrize("sizes", ["int", "string"])
def test_recordings_are_listed_and_deleted(client, sandbox, finished, sizes):
    sandbox.switch(sizes=sizes)
    room_id, _ = finished
    (recording,) = client.ask("list_recordings", room_id)
    assert recording["recording_file_size"] == 3000
    assert [each["conference_id"] for each in client.ask("list_all_recordings")] == [room_id]
    assert client.ask("delete_recording", room_id, recording["id"]) is True
    assert client.ask("delete_recording", room_id, recording["id"]) is False
    assert client.ask("delete_all_recordings", room_id) is True


@pytest.mark.parametrize("code", ["int", "string"])
@pytest.mark.parametrize("answer", ["error200", "404"])
def test_a_room_without_recordings_answers_with_an_error_also_under_http_200(client, sandbox, room, answer, code):
    sandbox.switch(no_recordings=answer, error_code=code)
    with pytest.raises(NotFoundError) as error:
        client.run(Call("GET", f"conferences/{room['id']}/recordings"))
    assert error.value.code == 404
    assert str(error.value).startswith(f"GET conferences/{room['id']}/recordings: NOT_FOUND: ")
    where = f"(conferences/{room['id']}/recordings, connection 'clickmeeting_default')"
    assert error.value.summary.endswith(where)


def test_a_room_without_recordings_may_answer_with_an_empty_list(client, sandbox, room):
    sandbox.switch(no_recordings="empty")
    assert client.ask("list_recordings", room["id"]) == []


def test_files_are_uploaded_listed_downloaded_and_deleted(client, sandbox, room):
    in_library = client.ask("upload_file", SLIDES)
    in_room = client.ask("upload_file", SLIDES, room_id=room["id"])
    assert [each["id"] for each in client.ask("list_files")] == [in_library["id"], in_room["id"]]
    assert [each["id"] for each in client.ask("list_conference_files", room["id"])] == [in_room["id"]]
    assert client.ask("get_file", in_room["id"])["name"] == "slides.pdf"
    assert client.ask("download_file", in_room["id"]) == b"%PDF-1.7\n"
    assert client.ask("delete_file", in_room["id"]) is True
    assert client.ask("delete_file", in_room["id"]) is False


def test_chats_are_listed_and_downloaded(client, finished):
    (chat,) = client.ask("list_chats")
    assert chat["id"] == finished[1]
    with zipfile.ZipFile(io.BytesIO(client.ask("download_chat", chat["id"]))) as archive:
        assert b"Hello" in archive.read("public.csv")


def test_a_call_that_has_no_method_can_be_made_all_the_same(client, room):
    call = Call("GET", f"conferences/{room['id']}/registrations")
    assert client.run(call) == []


@pytest.mark.parametrize("answer", ["error200", "404", "empty"])
def test_a_list_that_may_be_an_error_is_empty_where_the_room_is_there(client, sandbox, room, answer):
    sandbox.switch(no_recordings=answer)
    assert client.ask("list_recordings", room["id"]) == []
    with pytest.raises(NotFoundError, match=r"^get_conference: "):
        client.ask("list_recordings", 1)


def test_a_wrong_argument_is_refused_before_anything_is_sent(client, sandbox):
    with pytest.raises(ValueError, match="room_id must be"):
        client.ask("get_conference", "None")
    assert sandbox.count() == 0


@pytest.mark.parametrize(("kind", "code"), [("error200", 404), ("html", 200), ("empty", 200)])
def test_an_answer_that_is_no_answer_raises(client, sandbox, kind, code):
    sandbox.fault("list_conferences", kind)
    with pytest.raises(Exception, match=r"^list_conferences: ") as error:
        client.ask("list_conferences")
    assert error.value.code == code
    assert sandbox.count("list_conferences") == 1


def test_the_time_is_clickmeetings_own(client, sandbox):
    before = client.hook.now()
    assert abs(before - datetime.now(UTC)) < timedelta(seconds=5)
    sandbox.set_time(datetime(2030, 1, 1, tzinfo=UTC))
    client.ask("ping")
    assert abs(client.hook.now() - datetime(2030, 1, 1, tzinfo=UTC)) < timedelta(minutes=1)


# pages


def test_rooms_are_read_page_by_page_and_only_as_far_as_somebody_looks(client, sandbox):
    sandbox.bulk(rooms=260, sessions_per_room=0, attendees_per_session=0)
    assert len(client.rooms("inactive", most=250)) == 250
    assert sandbox.count("list_conferences") == 1
    rooms = client.rooms("inactive")
    assert len({room["id"] for room in rooms}) == len(rooms) == 260
    # the first page once more after the last one, to see that no room has moved there
    assert sandbox.count("list_conferences") == 1 + 3


@pytest.mark.parametrize("past_last_page", ["empty", "repeat", "404"])
@pytest.mark.parametrize(("rooms", "pages"), [(249, 1), (250, 3), (251, 3)])
def test_the_walk_ends_whatever_comes_after_the_last_page(client, sandbox, past_last_page, rooms, pages):
    sandbox.switch(past_last_page=past_last_page)
    sandbox.bulk(rooms=rooms, sessions_per_room=0, attendees_per_session=0)
    found = client.rooms("inactive")
    assert len({room["id"] for room in found}) == len(found) == rooms
    assert sandbox.count("list_conferences") == pages


def test_the_walk_ends_where_the_page_number_is_ignored(client, sandbox):
    sandbox.switch(active_pages="ignored")
    for number in range(250):
        sandbox.add_room(name=f"Room {number}")
    assert len(client.rooms("active")) == 250
    assert sandbox.count("list_conferences") == 3


def test_all_rooms_are_the_active_and_the_inactive_ones(client, sandbox, room):
    sandbox.bulk(rooms=1, sessions_per_room=0, attendees_per_session=0)
    assert [each["status"] for each in client.rooms("all")] == ["active", "inactive"]


def test_an_account_without_rooms_has_none_to_walk(client):
    assert client.rooms("all") == []


def test_the_warning_of_a_call_is_logged_once_however_often_it_is_sent(client, sandbox, room, mocker, caplog):
    mocker.patch.object(type(client.hook), "log", logging.getLogger("task"))
    sandbox.fault("update_conference", "reset", times=2)
    with caplog.at_level(logging.WARNING, "task"):
        client.ask("update_conference", room["id"], settings={"recorder_autostart": True})
    assert caplog.text.count("settings has keys that the provider does not know, so ClickMeeting may ignore them") == 1
    assert sandbox.count("update_conference") == 3
    assert sandbox.log("update_conference")[-1]["form"] == {"settings": {"recorder_autostart": "1"}}
