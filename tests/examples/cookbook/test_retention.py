"""The recipe `retention`: rooms go a year after their end, also those that are not listed, if the archive is proved."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from webinars import on_both_storages

pytestmark = pytest.mark.filterwarnings("ignore:.*operator_helpers.determine_kwargs. attribute is deprecated")
YEARS = timedelta(days=730)


@pytest.fixture
def account(clickmeeting_sandbox, run_example):
    """An account that the DAG has archived two years ago, with a recording of that time, and a room of last month."""
    now = clickmeeting_sandbox.now

    def hold(name, start, **room):
        room_id = clickmeeting_sandbox.add_room(name=name, **room)["id"]
        clickmeeting_sandbox.play(room_id, start=start, end=start + timedelta(hours=1), count=2)
        clickmeeting_sandbox.add_recording(room_id, size=5000, ready_at=start + timedelta(hours=1))

    clickmeeting_sandbox.set_time(now - YEARS)
    for name in ("old", "older"):
        hold(name, now - YEARS - timedelta(days=2), starts_at=now - YEARS - timedelta(days=2))
    hold("permanent", now - YEARS - timedelta(days=2), permanent_room=True)
    assert run_example("retention", {"dry_run": False}).state == "success"
    clickmeeting_sandbox.set_time(now)
    hold("new", now - timedelta(days=30), starts_at=now - timedelta(days=30))
    return clickmeeting_sandbox


KEPT = {"permanent", "new"}
ALL = {"old", "older"} | KEPT


def rooms(account):
    return {room["name"] for room in account.state["rooms"]}


@on_both_storages
def test_old_rooms_go_when_their_recordings_are_proved(run_example, account, tmp_path):
    assert run_example("retention").state == "success"
    assert rooms(account) == ALL, "by default it is a dry run"
    assert run_example("retention", {"dry_run": False}).state == "success"
    assert rooms(account) == KEPT
    assert run_example("retention", {"dry_run": False}).state == "success"
    retained = tmp_path / "retention"
    assert [path.stat().st_size for path in retained.glob("recordings/*.mp4")] == [5000] * 4
    audit = [json.loads(line) for path in retained.glob("audit/*") for line in path.read_text().splitlines()]
    assert sorted(line["name"] for line in audit if line["outcome"] == "deleted") == ["old", "older"]


@pytest.mark.thorough
def test_a_damaged_file_keeps_everything_on_clickmeeting(run_example, account, tmp_path):
    assert run_example("retention").state == "success"
    room_id = next(room["id"] for room in account.state["rooms"] if room["name"] == "new")
    damaged = next((tmp_path / "retention" / "recordings").glob(f"*-{room_id}-*.mp4"))
    damaged.write_bytes(b"x" * 5000)
    assert run_example("retention", {"dry_run": False}).state == "failed"
    assert rooms(account) == ALL
    assert account.count("delete_conference") == 0


def test_too_many_old_rooms_are_all_kept(run_example, account):
    assert run_example("retention", {"dry_run": False, "max_deletions": 1}).state == "failed"
    assert rooms(account) == ALL
