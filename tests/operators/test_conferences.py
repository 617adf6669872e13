"""Rooms: listed, made, changed, deleted; what arrives at ClickMeeting, and what the result tells."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from zoneinfo import ZoneInfo

import pendulum
import pytest
from airflow.sdk import Asset
from airflow.sdk.execution_time.context import OutletEventAccessors

from airflow_clickmeeting.api.types import SECRET_KEYS
from airflow_clickmeeting.exceptions import (
    ClickMeetingError,
    ConnectionFailedError,
    NotFoundError,
    ServerError,
    ValidationError,
    WrongArgumentError,
)
from airflow_clickmeeting.operators.conferences import (
    MAX_XCOM_SIZE,
    ClickMeetingCheckAvailabilityOperator,
    ClickMeetingCreateConferenceOperator,
    ClickMeetingDeleteConferenceOperator,
    ClickMeetingGetConferenceOperator,
    ClickMeetingListConferencesOperator,
    ClickMeetingUpdateConferenceOperator,
)

WARSAW = ZoneInfo("Europe/Warsaw")
THREE = datetime(2027, 3, 1, 14, tzinfo=UTC)  # three in the afternoon in Warsaw


def length(room):
    return datetime.fromisoformat(room["ends_at"]) - datetime.fromisoformat(room["starts_at"])


class TestList:
    @pytest.fixture
    def account(self, sandbox):
        """251 future rooms and 260 that are over: two pages each."""
        sandbox.bulk(rooms=260, sessions_per_room=0, attendees_per_session=0)
        for number in range(251):
            sandbox.add_room(name=f"Future {number}")
        return sandbox

    @pytest.mark.parametrize(("status", "rooms", "pages"), [("active", 251, 3), ("inactive", 260, 3), ("all", 511, 7)])
    def test_all_pages_are_walked(self, run, account, status, rooms, pages):
        listed = run(ClickMeetingListConferencesOperator, status=status)
        assert len({room["id"] for room in listed}) == len(listed) == rooms
        assert account.count("list_conferences") == pages

    def test_active_rooms_by_default(self, run, account):
        assert {room["status"] for room in run(ClickMeetingListConferencesOperator)} == {"active"}

    @pytest.mark.parametrize("past_the_end", ["empty", "repeat", "404"])
    def test_an_account_of_exactly_one_page(self, run, sandbox, past_the_end):
        sandbox.switch(past_last_page=past_the_end)
        for number in range(250):
            sandbox.add_room(name=f"Future {number}")
        assert len(run(ClickMeetingListConferencesOperator)) == 250

    def test_an_empty_account(self, run):
        assert run(ClickMeetingListConferencesOperator, status="all") == []

    def test_to_a_file(self, run, account, tmp_path):
        listed = run(ClickMeetingListConferencesOperator, status="all")
        result = run(ClickMeetingListConferencesOperator, status="all", path=f"{tmp_path}/rooms.jsonl")
        assert result == {
            "path": f"{tmp_path}/rooms.jsonl",
            "format": "jsonl",
            "rows": 511,
            "active": 251,
            "inactive": 260,
        }
        lines = Path(f"{tmp_path}/rooms.jsonl").read_text().splitlines()
        assert [json.loads(line)["id"] for line in lines] == [room["id"] for room in listed]
        assert all(json.loads(line).keys().isdisjoint(SECRET_KEYS) for line in lines)

    def test_to_a_folder_with_the_secrets_that_the_author_asks_for(self, run, room_id, tmp_path):
        result = run(ClickMeetingListConferencesOperator, path=f"{tmp_path}/", include_secrets=True)
        assert result["path"] == f"{tmp_path}/conferences-active.jsonl"
        (line,) = Path(result["path"]).read_text().splitlines()
        assert json.loads(line).keys() & SECRET_KEYS

    def test_a_second_run_replaces_the_file_and_one_that_fails_leaves_it(self, run, sandbox, room_id, tmp_path):
        for _ in range(2):
            result = run(ClickMeetingListConferencesOperator, path=f"{tmp_path}/")
        before = Path(result["path"]).read_text()
        assert len(before.splitlines()) == 1
        sandbox.fault("list_conferences", "status", status=500)
        with pytest.raises(ServerError):
            run(ClickMeetingListConferencesOperator, path=f"{tmp_path}/")
        with pytest.raises(ValueError, match="status must be one of"):
            run(ClickMeetingListConferencesOperator, path=f"{tmp_path}/", status="future")
        assert [each.name for each in tmp_path.iterdir()] == ["conferences-active.jsonl"]
        assert Path(result["path"]).read_text() == before

    def test_an_asset_of_the_file_has_the_counts(self, room_id, tmp_path):
        asset, events = Asset("rooms"), OutletEventAccessors()
        listing = ClickMeetingListConferencesOperator(task_id="rooms", path=f"{tmp_path}/", outlets=[asset])
        result = listing.execute({"outlet_events": events})
        assert events[asset].extra == result

    def test_more_than_xcom_should_hold_is_refused_and_the_file_is_named(self, run, account, mocker):
        mocker.patch("airflow_clickmeeting.operators.conferences.MAX_XCOM_SIZE", 100_000)
        account.forget_requests()
        with pytest.raises(WrongArgumentError) as error:
            run(ClickMeetingListConferencesOperator, status="all")
        assert re.match(
            r"path must be a file or a folder for rooms of more than 1 MiB, which is too large for XCom; the first \d+ "
            r"rooms have reached it; got None\.",
            str(error.value),
        )
        assert account.count("list_conferences") == 1

    def test_nine_hundred_rooms_fit_into_xcom(self, run, room_id):
        (room,) = run(ClickMeetingListConferencesOperator)
        assert len(json.dumps(room)) * 900 < MAX_XCOM_SIZE


class TestGet:
    def test_a_room(self, run, room_id):
        room = run(ClickMeetingGetConferenceOperator, room_id=room_id)
        assert (room["id"], room["name"], room["registration_enabled"]) == (room_id, "Talk", True)
        assert room["starts_at"] == "2027-02-01T14:00:00+01:00"

    @pytest.mark.parametrize("answer", ["wrapped", "flat"])
    def test_by_its_rendered_id_whatever_the_envelope(self, run, sandbox, room_id, answer):
        sandbox.switch(room_answer=answer, escape_names=True, lobby_enabled="string")
        room = run(ClickMeetingGetConferenceOperator, room_id=f" {room_id} ")
        assert (room["id"], room["lobby_enabled"]) == (room_id, True)

    def test_a_permanent_room_has_no_start(self, run, sandbox):
        room_id = sandbox.add_room(name="Office", permanent_room=1, starts_at=None)["id"]
        room = run(ClickMeetingGetConferenceOperator, room_id=room_id)
        assert room["permanent_room"] is True
        assert not {"starts_at", "ends_at", "ccc"} & room.keys()

    def test_a_missing_room(self, run):
        with pytest.raises(NotFoundError, match=r"^get_conference\b.*Meeting room not found"):
            run(ClickMeetingGetConferenceOperator, room_id=404)


class TestCreate:
    def test_a_name_is_enough(self, run, sandbox):
        room = run(ClickMeetingCreateConferenceOperator, name="Talk")
        assert (room["room_type"], room["access_type"], room["permanent_room"]) == ("webinar", 1, False)
        assert datetime.fromisoformat(room["starts_at"]) == sandbox.now
        assert length(room) == timedelta(hours=3)

    @pytest.mark.parametrize("duration", [timedelta(minutes=90), "PT1H30M", "1:30", "PT90M"], ids=repr)
    def test_a_duration_is_a_timedelta_or_iso_text_or_hours_and_minutes(self, run, sandbox, duration):
        room = run(ClickMeetingCreateConferenceOperator, name="Talk", duration=duration)
        assert length(room) == timedelta(minutes=90)
        assert sandbox.log("create_conference")[0]["form"]["duration"] == "1:30"

    @pytest.mark.parametrize(
        "start",
        [
            {"starts_at": datetime(2027, 3, 1, 15, tzinfo=WARSAW)},
            {"starts_at": pendulum.datetime(2027, 3, 1, 15, tz="Europe/Warsaw")},
            {"starts_at": datetime(2027, 3, 1, 14, tzinfo=UTC), "timezone": "Europe/Warsaw"},
            {"starts_at": "2027-03-01T15:00:00+01:00", "timezone": "Europe/Warsaw"},
            {"starts_at": "2027-03-01T14:00:00Z", "timezone": "Europe/Warsaw"},
            {"starts_at": "2027-03-01 15:00", "timezone": "Europe/Warsaw"},
            {"starts_at": datetime.fromisoformat("2027-03-01T15:00"), "timezone": "Europe/Warsaw"},
        ],
        ids=str,
    )
    def test_a_start_goes_out_as_the_wall_clock_of_its_zone(self, run, sandbox, room_in, start):
        room = run(ClickMeetingCreateConferenceOperator, name="Talk", **start)
        form = sandbox.log("create_conference")[0]["form"]
        assert (form["starts_at"], form["timezone"]) == ("2027-03-01 15:00:00", "Europe/Warsaw")
        assert room["starts_at"] == "2027-03-01T15:00:00+01:00"
        assert datetime.fromisoformat(room_in(room["id"])["starts_at"]) == THREE

    @pytest.mark.parametrize(
        "start",
        ["2027-03-01T09:00:00-05:00", datetime(2027, 3, 1, 9, tzinfo=timezone(timedelta(hours=-5)))],
        ids=repr,
    )
    def test_a_start_with_a_bare_offset_is_that_instant_in_the_accounts_zone(self, run, sandbox, start):
        room = run(ClickMeetingCreateConferenceOperator, name="Talk", starts_at=start)
        assert (room["starts_at"], room["timezone"]) == ("2027-03-01T15:00:00+01:00", "Europe/Warsaw")
        assert "timezone" not in sandbox.log("create_conference")[0]["form"]

    def test_everything_that_can_be_said_arrives(self, run, sandbox):
        room = run(
            ClickMeetingCreateConferenceOperator,
            name="Zażółć gęślą & Söhne",
            room_type="meeting",
            access_type="password",
            password="mellon",
            permanent_room=True,
            timezone="Asia/Kolkata",
            custom_room_url_name="moria",
            lobby_enabled=False,
            lobby_description="Speak, friend",
            skin_id="7",
            registration={"enabled": True, "template": 2},
            settings={
                "recorder_autostart_enabled": True,
                "thank_you_emails_enabled": False,
                "thank_you_page_url": "https://www.example.com/?a=1&b=2",
            },
        )
        (entry,) = sandbox.log("create_conference")
        assert entry["form"] == {
            "name": "Zażółć gęślą & Söhne",
            "room_type": "meeting",
            "access_type": "2",
            "password": "mellon",
            "permanent_room": "1",
            "timezone": "Asia/Kolkata",
            "custom_room_url_name": "moria",
            "lobby_enabled": "0",
            "lobby_description": "Speak, friend",
            "skin_id": "7",
            "registration": {"enabled": "1", "template": "2"},
            "settings": {
                "recorder_autostart_enabled": "1",
                "thank_you_emails_enabled": "0",
                "thank_you_page_url": "https://www.example.com/?a=1&b=2",
            },
        }
        assert room["settings"]["recorder_autostart_enabled"] is True
        assert room["room_url"].endswith("/moria")
        assert "starts_at" not in room

    def test_unknown_keys_arrive_too_with_a_warning_that_names_the_known_ones(self, told_by, sandbox):
        unknown = {"registration": {"enabled": True, "form": 3}, "settings": {"recorder_autostart": True}}
        _, told = told_by(ClickMeetingCreateConferenceOperator, name="Talk", **unknown)
        form = sandbox.log("create_conference")[0]["form"]
        assert form["registration"] == {"enabled": "1", "form": "3"}
        assert form["settings"] == {"recorder_autostart": "1"}
        assert told.count("has keys that the provider does not know, so ClickMeeting may ignore them: 'form'") == 1
        assert told.count("ignore them: 'recorder_autostart'. The known keys are 'connection_status_enabled', ") == 1

    @pytest.mark.parametrize("encrypted", [True, "true", 1])
    def test_encryption_is_a_parameter_of_its_own(self, run, sandbox, encrypted):
        room = run(ClickMeetingCreateConferenceOperator, name="Talk", encryption_enabled=encrypted)
        assert sandbox.log("create_conference")[0]["form"]["settings"] == {"encryption_enabled": "1"}
        assert room["settings"]["encryption_enabled"] is True

    @pytest.mark.parametrize("yes", [True, "True", "true", "yes", "1", 1])
    @pytest.mark.parametrize("no", [False, "False", "false", "no", "0", 0])
    def test_yes_and_no_arrive_as_1_and_0_also_when_templates_made_words_of_them(self, run, sandbox, yes, no):
        room = run(
            ClickMeetingCreateConferenceOperator,
            name="Talk",
            permanent_room=yes,
            lobby_enabled=no,
            registration={"enabled": yes},
            settings={"recorder_autostart_enabled": yes, "thank_you_emails_enabled": no},
        )
        form = sandbox.log("create_conference")[0]["form"]
        assert (form["permanent_room"], form["lobby_enabled"], form["registration"]) == ("1", "0", {"enabled": "1"})
        assert form["settings"] == {"recorder_autostart_enabled": "1", "thank_you_emails_enabled": "0"}
        assert (room["permanent_room"], room["lobby_enabled"], room["registration_enabled"]) == (True, False, True)

    @pytest.mark.parametrize(
        ("access", "number"), [("open", 1), ("token", 3), ("TOKEN", 3), (1, 1), (3, 3), ("3", 3), (" 1 ", 1)]
    )
    def test_access_is_a_word_or_clickmeetings_number(self, run, access, number):
        assert run(ClickMeetingCreateConferenceOperator, name="Talk", access_type=access)["access_type"] == number

    @pytest.mark.parametrize("access", ["password", 2, "2"])
    @pytest.mark.parametrize("password", [None, ""])
    def test_access_by_password_needs_one(self, refusal, access, password):
        told = refusal(ClickMeetingCreateConferenceOperator, name="Talk", access_type=access, password=password)
        assert told == "password is missing: access_type 'password' needs one that people can enter."

    def test_a_lost_answer_is_not_asked_for_again_where_nothing_tells_the_room(self, run, sandbox):
        sandbox.fault("create_conference", "lost")
        with pytest.raises(ConnectionFailedError, match="was lost"):
            run(ClickMeetingCreateConferenceOperator, name="Talk")
        assert len(sandbox.state["rooms"]) == 1

    def test_clickmeetings_own_refusals_name_the_field(self, run):
        with pytest.raises(ValidationError, match=r"This time zone is unknown\.") as error:
            run(ClickMeetingCreateConferenceOperator, name="Talk", timezone="Etc/GMT+5")
        assert error.value.fields == {"timezone": ("This time zone is unknown.",)}

    def test_a_start_in_the_past_is_clickmeetings_to_refuse(self, run):
        with pytest.raises(ValidationError, match="INVALID_DATES"):
            run(ClickMeetingCreateConferenceOperator, name="Talk", starts_at="2026-03-01T15:00:00+01:00")


class TestUpdate:
    def test_only_what_is_given_is_sent(self, run, sandbox, room_id):
        room = run(ClickMeetingUpdateConferenceOperator, room_id=str(room_id), name="Longer talk")
        assert sandbox.log("update_conference")[0]["form"] == {"name": "Longer talk"}
        assert (room["id"], room["name"]) == (room_id, "Longer talk")
        assert sandbox.state["rooms"][0]["name"] == "Longer talk"

    def test_one_request_is_enough_where_the_address_cannot_change(self, run, sandbox, room_id):
        room = run(ClickMeetingUpdateConferenceOperator, room_id=room_id, lobby_enabled=False)
        assert sandbox.counts == {"update_conference": 1}
        assert room["room_url_changed"] is False

    @pytest.mark.parametrize(
        ("change", "sent"),
        [
            (
                {"starts_at": THREE, "timezone": "Europe/Warsaw"},
                {"starts_at": "2027-03-01 15:00:00", "timezone": "Europe/Warsaw", "permanent_room": "0"},
            ),
            ({"duration": "2:00"}, {"duration": "2:00", "permanent_room": "0"}),
            ({"duration": "2:00", "permanent_room": False}, {"duration": "2:00", "permanent_room": "0"}),
            ({"permanent_room": True}, {"permanent_room": "1"}),
            ({"encryption_enabled": "yes"}, {"settings": {"encryption_enabled": "1"}}),
            ({"access_type": "password", "password": "mellon"}, {"access_type": "2", "password": "mellon"}),
            ({"registration": {"enabled": False}}, {"registration": {"enabled": "0"}}),
            (
                {"settings": {"thank_you_page_url": "https://www.example.com/"}},
                {"settings": {"thank_you_page_url": "https://www.example.com/"}},
            ),
            ({"status": "inactive"}, {"status": "inactive"}),
        ],
        ids=str,
    )
    def test_what_has_to_go_along_goes_along(self, run, sandbox, room_id, change, sent):
        run(ClickMeetingUpdateConferenceOperator, room_id=room_id, **change)
        assert sandbox.log("update_conference")[0]["form"] == sent

    @pytest.fixture
    def office_id(self, sandbox):
        return sandbox.add_room(name="Office", permanent_room=1, starts_at=None)["id"]

    def test_a_new_length_leaves_a_permanent_room_permanent(self, run, sandbox, office_id, room_in):
        room = run(ClickMeetingUpdateConferenceOperator, room_id=office_id, duration="2:00")
        assert sandbox.log("update_conference")[0]["form"] == {"duration": "2:00", "permanent_room": "1"}
        assert room["permanent_room"] is True
        assert room_in(office_id)["starts_at"] is None

    def test_a_new_start_of_a_permanent_room_is_refused(self, run, sandbox, office_id, room_in):
        with pytest.raises(ValueError) as error:
            run(ClickMeetingUpdateConferenceOperator, room_id=office_id, starts_at=THREE, duration="2:00")
        assert error.value.args[0] == (
            f"permanent_room is missing: room {office_id} is permanent and has no start. Set permanent_room=False to "
            "make it a scheduled room."
        )
        assert sandbox.count("update_conference") == 0
        assert room_in(office_id)["starts_at"] is None

    def test_who_wants_a_permanent_room_to_be_scheduled_says_so(self, run, sandbox, office_id):
        room = run(ClickMeetingUpdateConferenceOperator, room_id=office_id, starts_at=THREE, permanent_room="False")
        assert (room["permanent_room"], datetime.fromisoformat(room["starts_at"])) == (False, THREE)
        assert sandbox.counts == {"update_conference": 1}

    def test_a_room_is_moved(self, run, room_in, room_id):
        room = run(ClickMeetingUpdateConferenceOperator, room_id=room_id, starts_at=THREE, duration="PT45M")
        assert datetime.fromisoformat(room_in(room_id)["starts_at"]) == THREE
        assert length(room) == timedelta(minutes=45)

    def test_a_room_is_closed_and_opened_again(self, run, room_in, room_id):
        for status in ("inactive", "active"):
            assert run(ClickMeetingUpdateConferenceOperator, room_id=room_id, status=status)["status"] == status
            assert room_in(room_id)["status"] == status

    def test_a_second_run_changes_nothing_more(self, run, sandbox, room_id):
        first, second = (
            run(ClickMeetingUpdateConferenceOperator, room_id=room_id, access_type=3, duration="PT45M")
            for _ in range(2)
        )
        assert first == second
        assert len(sandbox.state["rooms"]) == 1

    def test_where_the_answer_only_says_ok_the_room_is_read(self, run, sandbox, room_id):
        sandbox.fault("update_conference", "answer", json={"status": "ok"})
        assert run(ClickMeetingUpdateConferenceOperator, room_id=room_id, access_type=3)["id"] == room_id
        assert sandbox.counts == {"update_conference": 1, "get_conference": 1}

    def test_nothing_to_update_is_most_likely_a_mistake(self, refusal, room_id):
        told = refusal(ClickMeetingUpdateConferenceOperator, room_id=room_id)
        assert told == "Nothing to update: give at least one of the room's parameters."

    @pytest.mark.parametrize("change", [{"name": "Other"}, {"duration": "PT45M"}])
    def test_a_missing_room(self, run, change):
        with pytest.raises(NotFoundError, match=r"^(update|get)_conference\b.*conferences/404"):
            run(ClickMeetingUpdateConferenceOperator, room_id=404, **change)

    @pytest.mark.parametrize(
        ("change", "address"),
        [
            ({"name": "Longer talk"}, "longer_talk"),
            ({"custom_room_url_name": "tour"}, "tour"),
            ({"name": "Longer talk", "custom_room_url_name": "tour"}, "tour"),
        ],
    )
    def test_a_new_address_is_told_in_the_log_and_in_the_result(self, told_by, room_id, change, address):
        room, told = told_by(ClickMeetingUpdateConferenceOperator, room_id=room_id, **change)
        assert room["room_url_changed"] is True
        assert room["room_url"].endswith(f"/{address}")
        assert f"The URL of room {room_id} changed from 'https://" in told
        assert f" to {room['room_url']!r}; links to the old URL may not work" in told

    @pytest.mark.parametrize(
        ("change", "switch"),
        [
            ({"name": "Talk"}, "new"),
            ({"name": "Longer talk"}, "kept"),
            ({"name": "Longer talk", "custom_room_url_name": "talk"}, "new"),
        ],
    )
    def test_an_address_that_stays_is_no_news(self, told_by, sandbox, room_id, change, switch):
        sandbox.switch(renamed_room=switch)
        room, told = told_by(ClickMeetingUpdateConferenceOperator, room_id=room_id, **change)
        assert room["room_url_changed"] is False
        assert "new address" not in told

    @pytest.mark.parametrize("fault", [{"kind": "lost"}, {"kind": "reset"}, {"kind": "429"}, {"kind": "cut"}], ids=str)
    def test_an_answer_that_was_lost_is_asked_for_again(self, run, sandbox, room_id, fault):
        sandbox.fault("update_conference", times=2, **fault)
        room = run(ClickMeetingUpdateConferenceOperator, room_id=room_id, name="Longer talk")
        assert (room["name"], room["room_url_changed"]) == ("Longer talk", True)
        assert [each["name"] for each in sandbox.state["rooms"]] == ["Longer talk"]
        assert sandbox.count("update_conference") == 3


class TestDelete:
    """Whether it may be deleted is told in test_deleting."""

    @pytest.mark.parametrize("answer", ["object", "string"])
    def test_a_room_and_all_in_it(self, run, sandbox, finished, answer):
        sandbox.switch(delete_answer=answer)
        assert run(ClickMeetingDeleteConferenceOperator, room_id=str(finished.room_id), force="true")["deleted"] is True
        assert sandbox.state["rooms"] == []
        assert sandbox.state["counts"]["recordings"] == 0

    @pytest.mark.parametrize("answer", ["object", "string"])
    def test_a_second_run_finds_it_gone_already(self, run, sandbox, room_id, answer):
        sandbox.switch(delete_answer=answer)
        done = [run(ClickMeetingDeleteConferenceOperator, room_id=room_id, force=True) for _ in range(2)]
        assert [each["deleted"] for each in done] == [True, False]

    def test_a_missing_room_is_an_error_where_the_author_wants_it(self, run):
        with pytest.raises(NotFoundError, match="Meeting room not found"):
            run(ClickMeetingDeleteConferenceOperator, room_id=404, ignore_missing=False)

    def test_other_troubles_are_never_ignored(self, run, sandbox, room_id):
        sandbox.fault("delete_conference", "status", status=403)
        with pytest.raises(ClickMeetingError, match=r"^delete_conference\b"):
            run(ClickMeetingDeleteConferenceOperator, room_id=room_id, force=True)
        assert len(sandbox.state["rooms"]) == 1


class TestCheckAvailability:
    @pytest.fixture
    def taken(self, sandbox):
        """A room on 1 March from three to four, Warsaw time."""
        return sandbox.add_room(name="Talk", starts_at=THREE, duration=1)["id"]

    @pytest.mark.parametrize(
        ("start", "hours", "free"),
        [
            (THREE, 1, False),
            (THREE - timedelta(hours=1), 1, True),
            (THREE - timedelta(hours=1), "2", False),
            ("2027-03-01T16:00:00+01:00", 1, True),
            ("2027-03-01T15:30:00+01:00", 1, False),
        ],
    )
    def test_whether_another_room_takes_that_time(self, run, taken, start, hours, free):
        assert run(ClickMeetingCheckAvailabilityOperator, start_time=start, hours=hours) is free

    def test_the_room_that_is_to_be_moved_does_not_count(self, run, sandbox, taken):
        assert run(ClickMeetingCheckAvailabilityOperator, start_time=THREE, hours=1, room_id=str(taken)) is True
        (entry,) = sandbox.log("check_availability")
        assert entry["form"] == {"start_time": "2027-03-01 14:00:00", "duration": "1", "id": str(taken)}
