"""Tests of rooms: mandatory parameters, changes and pages."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

NEW = {"name": "Plan", "room_type": "webinar", "permanent_room": "0", "access_type": "1"}


def at(sandbox, **ahead):
    return (sandbox.now + timedelta(**ahead)).strftime("%Y-%m-%dT%H:%M:%SZ")


@pytest.mark.parametrize("missing", NEW)
def test_four_parameters_are_required(api, missing):
    answer = api.post("conferences", data={name: value for name, value in NEW.items() if name != missing})
    assert answer.status_code == 422
    assert [error["name"] for error in answer.json()["errors"]] == [missing]


def test_a_password_room_needs_one(api):
    assert api.post("conferences", data={**NEW, "access_type": 2}).json()["errors"][0]["name"] == "password"


@pytest.mark.parametrize(
    "wrong",
    [
        {"room_type": "party"},
        {"access_type": 4},
        {"timezone": "Europe/Atlantis"},
        {"duration": "long"},
        {"duration": "0:00"},
        {"duration": "99999999"},
        {"name": "n" * 256},
    ],
)
def test_values_are_checked(api, wrong):
    answer = api.post("conferences", data={**NEW, **wrong})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["name"] in wrong


@pytest.mark.parametrize("start", ["2020-01-01 10:00", "tomorrow", "0001-01-01T00:00:00+01:00", "9999-12-31 23:00"])
def test_invalid_dates(api, start):
    answer = api.post("conferences", data={**NEW, "starts_at": start})
    assert answer.status_code == 400
    assert answer.json()["name"] == "INVALID_DATES"


@pytest.mark.parametrize(
    ("sent", "zone", "instant"),
    [
        ("2031-07-01 10:00", "Asia/Tokyo", datetime(2031, 7, 1, 1, tzinfo=UTC)),
        ("2031-07-01T10:00:30", "Asia/Tokyo", datetime(2031, 7, 1, 1, tzinfo=UTC)),
        ("2031-07-01 10:00", None, datetime(2031, 7, 1, 8, tzinfo=UTC)),
        ("2031-07-01T10:00:00Z", "Asia/Tokyo", datetime(2031, 7, 1, 10, tzinfo=UTC)),
        ("2031-07-01T10:00:00-05:00", None, datetime(2031, 7, 1, 15, tzinfo=UTC)),
    ],
)
def test_how_a_start_is_read(api, sent, zone, instant):
    form = {**NEW, "starts_at": sent, **({"timezone": zone} if zone else {})}
    room = api.post("conferences", data=form).json()["room"]
    assert datetime.fromisoformat(room["starts_at"]) == instant


@pytest.mark.parametrize(
    ("sent", "hours"), [(None, 3), ("1:30", 1.5), ("0:20", 1 / 3), ("1:5", 65 / 60), ("2", 2), ("1.5", 1.5)]
)
def test_how_a_duration_is_read(api, sent, hours):
    form = {**NEW, **({"duration": sent} if sent else {})}
    room = api.post("conferences", data=form).json()["room"]
    length = datetime.fromisoformat(room["ends_at"]) - datetime.fromisoformat(room["starts_at"])
    assert length == timedelta(hours=hours)


def test_addresses_are_unique(api):
    first, second = (api.post("conferences", data=NEW).json()["room"]["name_url"] for _ in range(2))
    assert (first, second) == ("plan", "plan_2")
    assert api.post("conferences", data={**NEW, "custom_room_url_name": "my-plan"}).status_code == 201
    assert api.post("conferences", data={**NEW, "custom_room_url_name": "my-plan"}).status_code == 422


def test_changing_the_time_needs_permanent_room(api, sandbox, room):
    start = at(sandbox, hours=5)
    assert api.put(f"conferences/{room}", data={"starts_at": start}).status_code == 422
    assert api.put(f"conferences/{room}", data={"duration": "2"}).status_code == 422
    moved = api.put(f"conferences/{room}", data={"starts_at": start, "duration": 2, "permanent_room": 0})
    shown = moved.json()["conference"]
    assert datetime.fromisoformat(shown["starts_at"]) == datetime.fromisoformat(start).replace(second=0)
    past = {"starts_at": at(sandbox, hours=-5), "permanent_room": 0}
    assert api.put(f"conferences/{room}", data=past).json()["name"] == "INVALID_DATES"


def test_an_update_is_partial(api, sandbox, room):
    before = api.get(f"conferences/{room}").json()["conference"]
    sandbox.advance(timedelta(minutes=2))
    after = api.put(f"conferences/{room}", params={"settings[recorder_autostart_enabled]": 1}).json()["conference"]
    assert after["settings"] == {**before["settings"], "recorder_autostart_enabled": True}
    assert after["starts_at"] == before["starts_at"]
    assert after["updated_at"] > before["updated_at"]


@pytest.mark.parametrize("name", ["encryption_enabled", "settings[encryption_enabled]"])
def test_encryption_is_a_setting_also_when_it_stands_beside_the_settings(api, name):
    room = api.post("conferences", data={**NEW, name: 1}).json()["room"]
    assert room["settings"]["encryption_enabled"] is True
    assert "encryption_enabled" not in room
    changed = api.put(f"conferences/{room['id']}", data={name: 0}).json()["conference"]
    assert changed["settings"] == {**room["settings"], "encryption_enabled": False}


def test_a_refused_update_changes_nothing(api, room):
    assert api.put(f"conferences/{room}", data={"name": "New", "access_type": 9}).status_code == 422
    assert api.get(f"conferences/{room}").json()["conference"]["name"] == "Webinar"


def test_a_scheduled_room_may_become_permanent_and_back(api, sandbox, room):
    permanent = api.put(f"conferences/{room}", data={"permanent_room": 1}).json()["conference"]
    assert "starts_at" not in permanent
    form = {"permanent_room": 0, "starts_at": at(sandbox, hours=1)}
    assert "starts_at" in api.put(f"conferences/{room}", data=form).json()["conference"]


def test_a_room_can_be_closed_and_reopened(api, room):
    assert api.put(f"conferences/{room}", data={"status": "inactive"}).json()["conference"]["status"] == "inactive"
    assert api.get("conferences/active").json() == []
    assert api.put(f"conferences/{room}", data={"status": "active"}).json()["conference"]["status"] == "active"


def test_deleting_a_room_deletes_its_recordings(api, finished):
    room, session = finished
    api.delete(f"conferences/{room}")
    assert api.get("conferences/recordings").json() == []
    assert api.get("chats").json() == []
    assert api.get(f"conferences/{room}/sessions/{session}").status_code == 404


def test_pages_of_250(api, sandbox):
    sandbox.bulk(260, 0, 0)
    pages = [api.get("conferences/inactive", params={"page": page}).json() for page in (1, 2, 3)]
    assert [len(page) for page in pages] == [250, 10, 0]
    assert len({room["id"] for page in pages for room in page}) == 260


def test_rooms_half_a_year_old_are_not_listed(api, sandbox, finished):
    room, _ = finished
    sandbox.advance(timedelta(days=190))
    assert api.get("conferences/inactive").json() == []
    assert api.get(f"conferences/{room}").status_code == 200
    sandbox.switch(archived="gone")
    assert api.get(f"conferences/{room}").status_code == 404


def test_values_of_a_strange_shape_are_refused(api, room):
    assert api.post("conferences", data={**NEW, "name": None, "name[]": "x"}).status_code == 422
    assert api.put(f"conferences/{room}", data={"permanent_room[a]": 1, "duration": 1}).status_code == 422
    assert api.post("conferences", json={**NEW, "settings": [1], "registration": "yes"}).status_code == 201
    assert api.post("conferences", json=["no", "object"]).status_code == 422


@pytest.mark.parametrize(
    ("switch", "change", "address"),
    [
        ("new", {"name": "Other"}, "other"),
        ("new", {"name": "Other", "custom_room_url_name": "mine"}, "mine"),
        ("new", {"name": "Plan"}, "plan"),
        ("new", {"lobby_enabled": 0}, "plan"),
        ("kept", {"name": "Other"}, "plan"),
    ],
)
def test_a_new_name_is_a_new_address_unless_one_comes_along(api, sandbox, switch, change, address):
    sandbox.switch(renamed_room=switch)
    room = api.post("conferences", data=NEW).json()["room"]
    changed = api.put(f"conferences/{room['id']}", data=change).json()["conference"]
    assert changed["room_url"].endswith(f"/{address}")
    assert changed["name_url"] == address
