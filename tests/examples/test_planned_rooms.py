"""The example `planned_rooms`: rooms follow a plan, whatever somebody does to them or to the plan."""

from __future__ import annotations

import pytest

TOUR = {
    "custom_room_url_name": "product-tour",
    "name": "Product tour",
    "starts_at": "2030-03-28 15:00",
    "timezone": "Europe/Warsaw",
    "duration": "1:00",
}
QUESTIONS = TOUR | {"custom_room_url_name": "ask-us", "name": "Ask us", "timezone": "America/New_York"}


@pytest.fixture
def follow(examples, run_dag):
    """Run the DAG with a plan, and return the states of its tasks."""

    def follow(*plan):
        dag = examples.dags["planned_rooms"]
        run = run_dag(dag, run_conf={"plan": list(plan)} if plan else {})
        return {(ti.task_id, ti.map_index): str(ti.state) for ti in run.get_task_instances()}

    return follow


def as_planned(states):
    return {state for (task_id, _), state in states.items() if task_id == "complain"} == {"skipped"}


@pytest.fixture
def shown(clickmeeting_sandbox):
    """Return what the account shows of its rooms: name and start by address."""
    from airflow_clickmeeting.hooks.clickmeeting import ClickMeetingHook

    def shown():
        rooms = ClickMeetingHook().iter_conferences("all")
        return {room["name_url"]: (room["name"], room.get("starts_at"), room["id"]) for room in rooms}

    return shown


def test_the_plan_of_the_example(follow, shown):
    assert as_planned(follow())
    assert {address: start for address, (_, start, _) in shown().items()} == {
        "product-tour": "2030-03-28T15:00:00+01:00",
        "ask-us-anything": "2030-03-29T11:00:00-04:00",
    }


def test_a_second_run_changes_nothing(follow, shown, clickmeeting_sandbox):
    follow(TOUR, QUESTIONS)
    before = shown()
    assert as_planned(follow(TOUR, QUESTIONS))
    assert shown() == before
    assert clickmeeting_sandbox.count("create_conference") == 2
    assert clickmeeting_sandbox.count("update_conference") == 0


@pytest.mark.thorough
def test_a_room_follows_the_plan_and_keeps_its_id_and_address(follow, shown):
    follow(TOUR)
    room_id = shown()["product-tour"][2]
    assert as_planned(follow(TOUR | {"name": "Grand tour", "starts_at": "2030-04-01 17:00"}))
    assert shown() == {"product-tour": ("Grand tour", "2030-04-01T17:00:00+02:00", room_id)}


@pytest.mark.thorough
def test_what_somebody_changed_is_put_right(follow, shown):
    from airflow_clickmeeting.hooks.clickmeeting import ClickMeetingHook

    follow(TOUR)
    before = shown()
    room_id = before["product-tour"][2]
    for change in ({"starts_at": "2031-01-01T00:00:00Z", "permanent_room": False}, {"permanent_room": True}):
        ClickMeetingHook().update_conference(room_id, **change)
        assert shown() != before
        assert as_planned(follow(TOUR))
    assert shown() == before


@pytest.mark.thorough
def test_what_clickmeeting_does_not_take_over_is_complained_of(follow, clickmeeting_sandbox):
    follow(TOUR, QUESTIONS)
    clickmeeting_sandbox.fault("update_conference", "answer", json={"status": "ok"})
    states = follow(TOUR, QUESTIONS | {"duration": "2:00"})
    assert [states["complain", index] for index in (0, 1)] == ["skipped", "failed"]


def test_what_is_over_is_left_alone(follow, shown):
    states = follow(TOUR, QUESTIONS | {"starts_at": "2020-03-28 15:00"})
    assert as_planned(states)
    assert set(shown()) == {"product-tour"}
