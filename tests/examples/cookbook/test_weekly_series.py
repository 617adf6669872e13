"""The recipe `weekly_series`: rooms for the next weeks, also when the clocks change, and after a change of the file."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from webinars import on_both_storages

pytestmark = pytest.mark.filterwarnings("ignore:.*operator_helpers.determine_kwargs. attribute is deprecated")
DEMO = """
- series: weekly-demo
  weekday: thursday
  time: "15:00"
  timezone: Europe/Warsaw
  except: [2030-03-28]
  name: Weekly demo
  duration: "1:00"
"""
FRIDAY = datetime(2030, 3, 15, 12, tzinfo=UTC)
STARTS = ["2030-03-21T15:00:00+01:00", "2030-04-04T15:00:00+02:00", "2030-04-11T15:00:00+02:00"]


@pytest.fixture
def run(run_example, clickmeeting_sandbox, tmp_path):
    clickmeeting_sandbox.set_time(FRIDAY)

    def run(text=DEMO, **params):
        (tmp_path / "series.yaml").write_text(text)
        return run_example("weekly_series", params).state

    return run


@pytest.fixture
def rooms(clickmeeting_sandbox):
    from airflow_clickmeeting.hooks.clickmeeting import ClickMeetingHook

    return lambda: sorted(
        (room["starts_at"], room["name"], room["name_url"]) for room in ClickMeetingHook().iter_conferences("all")
    )


@on_both_storages
def test_the_next_weeks_have_rooms_at_the_same_hour(run, rooms):
    assert run() == "success"
    assert [start for start, _, _ in rooms()] == STARTS
    assert rooms()[0][1:] == ("Weekly demo", "weekly-demo-2030-03-21")


@pytest.mark.thorough
def test_a_second_run_changes_nothing_and_a_week_later_there_is_one_more(run, rooms, clickmeeting_sandbox):
    run()
    run()
    assert clickmeeting_sandbox.count("create_conference") == 3
    assert clickmeeting_sandbox.count("update_conference") == 0
    clickmeeting_sandbox.set_time(FRIDAY + timedelta(weeks=1))
    assert run() == "success"
    assert [start for start, _, _ in rooms()] == [*STARTS, "2030-04-18T15:00:00+02:00"]


@pytest.mark.thorough
def test_a_changed_file_moves_the_rooms(run, rooms, clickmeeting_sandbox):
    run()
    assert run(DEMO.replace('"15:00"', '"16:30"').replace("Weekly demo", "Demo")) == "success"
    assert [(start[11:16], name) for start, name, _ in rooms()] == [("16:30", "Demo")] * 3
    assert clickmeeting_sandbox.count("create_conference") == 3


def test_a_lost_answer_creates_no_second_room(run, rooms, clickmeeting_sandbox):
    clickmeeting_sandbox.fault("create_conference", "lost")
    assert run() == "success"
    assert [start for start, _, _ in rooms()] == STARTS


def test_a_file_that_cannot_be_read_creates_nothing(run, clickmeeting_sandbox):
    assert run("- series: [") == "failed"
    assert clickmeeting_sandbox.count("create_conference") == 0
