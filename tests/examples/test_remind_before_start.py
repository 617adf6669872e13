"""The example remind_before_start, run against the sandbox with a mail server, by hand and for events."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace

import pytest
from webinars import AssetEvents, on_both_storages, registering, xcoms_of

# Airflow's own `@task.sensor`, which another example has, imports that
pytestmark = pytest.mark.filterwarnings("ignore:.*operator_helpers.determine_kwargs. attribute is deprecated")
DAY = timedelta(days=1)


@pytest.fixture
def planned(clickmeeting_sandbox):
    """Plan a webinar for which Ada and Grace have registered, and return its room's id."""

    def planned(**room) -> int:
        start = clickmeeting_sandbox.now + DAY
        room = {"name": "Café & Çay", "starts_at": start, "registration": {"enabled": 1}, **room}
        room_id = clickmeeting_sandbox.add_room(**room)["id"]
        if room["registration"]["enabled"]:
            for email in ("ada@example.com", "grace@example.com"):
                registering(room_id)(email)
        return room_id

    return planned


@pytest.fixture
def remind(run_example):
    """Remind the people of rooms by hand, with the examples' folder in the test's."""
    return lambda *rooms: run_example("remind_before_start", {"rooms": [*rooms]})


BOTH = [("ada@example.com", "Reminder: Café & Çay"), ("grace@example.com", "Reminder: Café & Çay")]


@on_both_storages
def test_everybody_who_registered_is_reminded_once(remind, planned, mailbox, tmp_path):
    room_id = planned(starts_at="2090-07-01 15:00:00", timezone="Europe/Warsaw")
    assert remind(room_id).state == "success"
    assert sorted(mailbox.mails) == BOTH
    assert all(
        "Café &amp; Çay starts on Saturday, 01 July 2090, 15:00 (Europe/Warsaw)." in text for text in mailbox.texts
    )
    assert [path.name for path in tmp_path.glob("reminders/*")] == [f"by-hand-{room_id}"]
    registering(room_id)("alan@example.com")
    assert remind(room_id).state == "success"
    assert sorted(mailbox.mails) == [BOTH[0], ("alan@example.com", "Reminder: Café & Çay"), BOTH[1]]


def test_no_address_is_in_xcom(remind, planned, mailbox):
    xcoms = xcoms_of(remind(planned()))
    assert mailbox.mails
    assert "reminders/" in xcoms
    assert "example.com" not in xcoms


def test_a_room_that_is_gone_does_not_keep_the_others_from_theirs(remind, planned, mailbox):
    assert remind(99999999, planned()).state == "failed"
    assert sorted(mailbox.mails) == BOTH


def test_a_refused_address_does_not_keep_the_others_from_their_mail(remind, planned, mailbox):
    mailbox.refused.add("ada@example.com")
    assert remind(planned()).state == "success"
    assert mailbox.mails == BOTH[1:]


@pytest.mark.parametrize(
    "room",
    [{"permanent_room": True, "starts_at": None}, {"registration": {"enabled": 0}}, {"status": "inactive"}],
    ids=str,
)
def test_nobody_is_reminded_of_a_room_that_cannot_start(remind, planned, mailbox, room):
    assert remind(planned(**room)).state == "success"
    assert mailbox.mails == []


def test_nobody_is_reminded_of_a_room_that_has_started(remind, planned, clickmeeting_sandbox, mailbox):
    room_id = planned()
    clickmeeting_sandbox.advance(DAY)
    assert remind(room_id).state == "success"
    assert mailbox.mails == []


def test_of_several_events_of_a_room_the_last_one_counts(examples):
    soon = examples.dags["remind_before_start"].get_task("reminders").python_callable
    payloads = [
        {"room_id": room_id, "id": f"starts_soon-{room_id}-{before}", "before": before}
        for room_id, before in ((1, "P1D"), (1, "PT1H"), (1, "P1D"), (2, "P7D"))
    ]
    name = "clickmeeting_default/starts_soon/before=P7D,P1D,PT1H"
    events = AssetEvents({name: [SimpleNamespace(extra={"payload": each}) for each in payloads]})
    assert sorted(soon("folder", {"rooms": [3]}, events), key=lambda each: each["room_id"]) == [
        {"room_id": 1, "ledger": "folder/reminders/starts_soon-1-PT1H/"},
        {"room_id": 2, "ledger": "folder/reminders/starts_soon-2-P7D/"},
    ]
