"""What is wanted of a room, against what a reading says."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from airflow_clickmeeting.rooms import drift

ROOM = {
    "id": 7,
    "room_type": "webinar",
    "name": "Q&A",
    "name_url": "q_a",
    "starts_at": "2027-03-01T15:00:00+01:00",
    "ends_at": "2027-03-01T16:30:00+01:00",
    "access_type": 1,
    "lobby_enabled": True,
    "lobby_description": "Soon",
    "registration_enabled": False,
    "registration": {"template": 2, "fields": []},
    "status": "active",
    "timezone": "Europe/Warsaw",
    "permanent_room": False,
    "room_url": "https://acme.clickmeeting.example/q_a",
    "settings": {"recorder_autostart_enabled": True, "thank_you_page_url": "https://www.example.com/Thanks"},
}
OFFICE = {key: value for key, value in ROOM.items() if key not in ("starts_at", "ends_at")} | {"permanent_room": True}
SAME = {
    "name": "Q&A",
    "room_type": "Webinar",
    "access_type": "open",
    "permanent_room": "False",
    "starts_at": datetime(2027, 3, 1, 14, 0, 20, tzinfo=UTC),
    "duration": "PT90M",
    "timezone": "Europe/Warsaw",
    "custom_room_url_name": "Q-A",
    "lobby_enabled": 1,
    "lobby_description": " Soon",
    "registration": {"enabled": "no", "template": "2"},
    "settings": {"recorder_autostart_enabled": "1", "thank_you_page_url": "https://www.example.com/Thanks"},
}


def differences(room=ROOM, **wanted):
    return drift.differences(room, drift.wanted_values(**wanted))


def to_send(room=ROOM, **wanted):
    return drift.update_parameters(room, drift.wanted_values(**wanted))


class TestDifferences:
    def test_a_room_that_is_as_wanted_has_none_however_it_was_said(self):
        assert differences(**SAME) == {}
        assert to_send(**SAME) == {}

    @pytest.mark.parametrize(("parameter", "value"), SAME.items())
    def test_each_parameter_by_itself(self, parameter, value):
        more = {"timezone": "Europe/Warsaw"} if parameter == "starts_at" else {}
        assert differences(**{parameter: value}, **more) == {}

    @pytest.mark.parametrize(
        "shown",
        [
            {"name": "Q&amp;A"},
            {"lobby_enabled": "1"},
            {"registration_enabled": 0},
            {"registration": {"enabled": False, "template": "2"}},
            {"starts_at": "2027-03-01T14:00:00+00:00"},
            {"name_url": "Q_A"},
            {"settings": {**ROOM["settings"], "recorder_autostart_enabled": 1}},
        ],
        ids=str,
    )
    def test_however_it_is_shown(self, shown):
        assert differences(ROOM | shown, **SAME) == {}

    @pytest.mark.parametrize(
        ("wanted", "expected"),
        [
            ({"name": "Talk"}, {"name": ("Talk", "Q&A")}),
            ({"room_type": "meeting"}, {"room_type": ("meeting", "webinar")}),
            ({"access_type": "token"}, {"access_type": (3, 1)}),
            ({"permanent_room": True}, {"permanent_room": (True, False)}),
            (
                {"starts_at": "2027-03-01T16:00", "timezone": "Europe/Warsaw"},
                {"starts_at": ("2027-03-01T16:00:00+01:00", "2027-03-01T15:00:00+01:00")},
            ),
            ({"starts_at": "2027-03-01T14:00:00Z"}, {"timezone": ("UTC", "Europe/Warsaw")}),
            ({"starts_at": "2027-03-01T15:00:00+01:00"}, {}),
            ({"duration": timedelta(hours=2)}, {"duration": ("2:00", "1:30")}),
            ({"timezone": "Asia/Tokyo"}, {"timezone": ("Asia/Tokyo", "Europe/Warsaw")}),
            ({"custom_room_url_name": "talk"}, {"custom_room_url_name": ("talk", "q_a")}),
            ({"lobby_enabled": False}, {"lobby_enabled": (False, True)}),
            ({"lobby_description": "Later"}, {"lobby_description": ("Later", "Soon")}),
            ({"lobby_description": ""}, {"lobby_description": ("", "Soon")}),
            (
                {"registration": {"enabled": True, "template": 2}},
                {"registration": ({"enabled": True}, {"enabled": False})},
            ),
            (
                {
                    "settings": {
                        "recorder_autostart_enabled": False,
                        "thank_you_page_url": "https://www.example.com/Thanks",
                    }
                },
                {"settings": ({"recorder_autostart_enabled": False}, {"recorder_autostart_enabled": True})},
            ),
            (
                {"settings": {"thank_you_page_url": "https://www.example.com/thanks"}},
                {
                    "settings": (
                        {"thank_you_page_url": "https://www.example.com/thanks"},
                        {"thank_you_page_url": "https://www.example.com/Thanks"},
                    )
                },
            ),
        ],
        ids=str,
    )
    def test_what_differs_is_told_with_what_is(self, wanted, expected):
        assert differences(**wanted) == {
            name: {"wanted": wanted, "is": there} for name, (wanted, there) in expected.items()
        }

    def test_a_start_is_not_that_of_a_permanent_room(self):
        found = differences(OFFICE, starts_at="2027-03-01T15:00:00+01:00", duration="PT90M")
        assert found == {
            "starts_at": {"wanted": "2027-03-01T15:00:00+01:00", "is": None},
            "duration": {"wanted": "1:30", "is": None},
        }

    def test_a_permanent_room_has_no_duration_to_compare(self):
        assert differences(OFFICE, permanent_room=True, duration="PT90M") == {}

    @pytest.mark.parametrize(
        "hidden",
        [
            {"skin_id": 4},
            {"password": "mellon"},
            {"settings": {"encryption_enabled": True}},
            {"lobby_enabled": True},
            {"starts_at": "2027-03-01T15:00:00+01:00", "permanent_room": False},
            {"duration": "PT90M", "permanent_room": False},
            {"timezone": "Asia/Tokyo"},
            {"custom_room_url_name": "talk"},
            {"registration": {"enabled": True}},
            {"encryption_enabled": True},
            {"access_type": 2},
        ],
        ids=str,
    )
    def test_what_is_not_shown_cannot_be_compared(self, hidden):
        sparse = {"id": 7, "name": "Q&A", "status": "active", "settings": None}
        assert differences(sparse, **hidden) == {}
        assert to_send(sparse, **hidden) == {}, "never alone"
        names = {"settings" if name == "encryption_enabled" else name for name in hidden}
        assert to_send(sparse, name="Talk", **hidden).keys() >= {"name"} | names

    @pytest.mark.parametrize(("shown", "wanted"), [(True, False), ("1", "no"), (0, "1")])
    def test_encryption_may_stand_beside_the_settings(self, shown, wanted):
        found = differences(ROOM | {"encryption_enabled": shown}, encryption_enabled=wanted)
        assert found.keys() == {"settings"}
        assert differences(ROOM | {"encryption_enabled": shown}, encryption_enabled=shown) == {}

    def test_an_end_that_is_not_shown(self):
        assert differences({key: ROOM[key] for key in ROOM if key != "ends_at"}, duration="PT5M") == {}

    def test_a_password_that_differs_is_not_told(self):
        vault = ROOM | {"access_type": 2, "password": "friend"}
        assert differences(vault, password="friend") == {}
        assert differences(vault, password="mellon") == {"password": {"wanted": "***", "is": "***"}}
        assert to_send(vault, password="mellon") == {"password": "mellon"}

    def test_what_differs_at_every_reading_is_never_looked_at(self):
        shown = ROOM | {
            "access_role_hashes": {"host": "a"},
            "autologin_hash": "b",
            "updated_at": "c",
            "recorder_list": [],
        }
        assert differences(shown, **SAME) == {}

    def test_a_length_over_a_change_of_the_clocks_is_what_passes(self):
        room = ROOM | {"starts_at": "2027-03-28T01:30:00+01:00", "ends_at": "2027-03-28T03:30:00+02:00"}
        assert differences(room, duration="1:00") == {}

    @pytest.mark.parametrize(
        ("wrong", "message"),
        [
            ({}, "Nothing to compare: set at least one of the room's parameters, such as name or starts_at."),
            ({"name": None, "settings": {}}, "Nothing to compare"),
            ({"access_type": "closed"}, "access_type must be"),
            ({"starts_at": "2027-03-28 02:30", "timezone": "Europe/Warsaw"}, "does not exist in Europe/Warsaw"),
            (
                {"starts_at": "2027-03-01 02:30", "timezone": "UTC", "permanent_room": True},
                "starts_at must be left out",
            ),
        ],
    )
    def test_wrong_arguments_are_refused(self, wrong, message):
        with pytest.raises(ValueError, match=message):
            drift.wanted_values(**wrong)


class TestToSend:
    def test_only_what_differs(self):
        assert to_send(**SAME | {"lobby_enabled": False, "duration": "PT60M"}) == {
            "lobby_enabled": False,
            "duration": "1:00",
            "permanent_room": False,
        }

    @pytest.mark.parametrize(
        ("starts_at", "zone"), [("2027-03-01T16:00", "Europe/Warsaw"), ("2027-03-01T14:00:00Z", "Europe/London")]
    )
    def test_start_and_zone_go_together(self, starts_at, zone):
        sent = to_send(**SAME | {"starts_at": starts_at, "timezone": zone})
        assert sent.keys() == {"starts_at", "timezone", "permanent_room"}

    def test_a_zone_alone_goes_alone(self):
        assert to_send(timezone="Asia/Tokyo") == {"timezone": "Asia/Tokyo"}

    def test_a_permanent_room_is_scheduled_if_that_is_wanted(self):
        sent = to_send(OFFICE, starts_at="2027-03-01T15:00", timezone="Europe/Warsaw", permanent_room="no")
        assert sent == {
            "permanent_room": False,
            "starts_at": "2027-03-01T15:00:00+01:00",
            "timezone": "Europe/Warsaw",
        }

    def test_a_length_leaves_a_permanent_room_permanent(self):
        assert to_send(OFFICE, duration="1:00") == {"duration": "1:00", "permanent_room": True}

    @pytest.mark.parametrize(
        ("room", "said"),
        [
            (OFFICE, "room 7 is permanent and has no start."),
            (
                {key: ROOM[key] for key in ROOM if key != "permanent_room"},
                "room 7 may be permanent; ClickMeeting does not say.",
            ),
        ],
    )
    def test_a_start_does_not_make_a_room_scheduled_by_itself(self, room, said):
        with pytest.raises(ValueError) as error:
            to_send(room, starts_at="2027-03-01T16:00", timezone="Europe/Warsaw")
        assert str(error.value) == (
            f"permanent_room is missing: {said} Set permanent_room=False to make it a scheduled room."
        )

    def test_with_a_new_name_goes_the_address_that_shall_stay(self):
        assert to_send(name="Talk") == {"name": "Talk", "custom_room_url_name": "q_a"}
        assert to_send(name="Talk", custom_room_url_name="Q-A") == {"name": "Talk", "custom_room_url_name": "Q-A"}
        assert to_send(name="Talk", custom_room_url_name="talk") == {"name": "Talk", "custom_room_url_name": "talk"}
        nowhere = {key: ROOM[key] for key in ROOM if key not in ("name_url", "room_url")}
        assert to_send(nowhere, name="Talk") == {"name": "Talk"}

    def test_of_settings_go_the_keys_that_differ_or_are_not_shown(self):
        wanted = {"recorder_autostart_enabled": True, "encryption_enabled": True}
        assert to_send(settings=wanted) == {}
        assert to_send(lobby_enabled=False, settings=wanted) == {
            "lobby_enabled": False,
            "settings": {"encryption_enabled": True},
        }
        assert to_send(settings=wanted | {"recorder_autostart_enabled": False})["settings"] == {
            "recorder_autostart_enabled": False,
            "encryption_enabled": True,
        }

    def test_what_an_update_takes_is_what_is_sent(self):
        from airflow_clickmeeting.api import calls

        other = {"name": "Talk", "access_type": 3, "starts_at": "2027-07-01T15:00", "timezone": "Asia/Tokyo"}
        form = calls.update_conference(7, **to_send(**SAME | other)).form
        assert (form["starts_at"], form["timezone"]) == ("2027-07-01 15:00:00", "Asia/Tokyo")
        assert (form["name"], form["access_type"], form["permanent_room"]) == ("Talk", 3, False)


def test_a_log_names_peoples_own_texts_but_does_not_quote_them():
    found = differences(name="Talk", lobby_description="Ask ada@example.com", settings={"thank_you_page_url": "x"})
    assert drift.format_differences(found) == "name is 'Q&A', wanted 'Talk'; lobby_description; settings"
