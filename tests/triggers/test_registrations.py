"""Reading the registrations of events, in real tasks and with odd events, against the sandbox."""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace

import pytest
from webinars import AssetEvents

from airflow_clickmeeting.exceptions import AuthenticationError
from airflow_clickmeeting.hooks.clickmeeting import ClickMeetingHook
from airflow_clickmeeting.triggers.registrations import registrations_of

PAGE = Path(__file__).parents[2] / "docs" / "events.md"


@pytest.fixture
def room_id(account):
    return account.open_room()


@pytest.fixture
def register(sandbox):
    """Register people, and return the payloads of their events, as the watcher makes them."""

    def register(room_id, *people):
        hook = ClickMeetingHook()
        for name in people:
            hook.register_participant(room_id, registration={1: name, 2: "Example", 3: f"{name}@example.com"})
        rows = hook.list_registrations(room_id)[-len(people) :]
        sandbox.forget_requests()
        return [
            {
                "id": f"registration-{room_id}-{row['id']}",
                "event": "registration",
                "room_id": room_id,
                "room_name": "Talk",
                "registration_id": row["id"],
                "registered_at": row["registration_date"],
            }
            for row in rows
        ]

    return register


def event(payload):
    """Return an asset event as Airflow gives it to a task."""
    return SimpleNamespace(extra={"from_trigger": True, "payload": payload})


def emails(rows):
    return [row["email"].partition("@")[0] for row in rows]


def test_it_sends_one_request_for_each_room_and_returns_only_those_of_the_events(sandbox, account, register, room_id):
    other = account.open_room()
    register(room_id, "ada")
    events = [*register(room_id, "bob", "grace"), *register(other, "alan")]
    rows = registrations_of(map(event, events))
    assert emails(rows) == ["bob", "grace", "alan"]
    assert [(row["room_id"], row["room_name"], row["id"]) for row in rows] == [
        (each["room_id"], "Talk", each["registration_id"]) for each in events
    ]
    assert rows[0]["fields"]["First Name"] == "bob"
    assert sandbox.counts == {"list_registrations": 2}


@pytest.mark.parametrize(
    "given",
    [
        lambda events: [event(each) for each in events],
        lambda events: {"asset": [event(each) for each in events], "alias": [event(events[0])]},
        lambda events: [{"extra": {"payload": each}} for each in events],
        lambda events: events,
        lambda events: [
            {"room_id": str(each["room_id"]), "registration_id": str(each["registration_id"])} for each in events
        ],
    ],
    ids=["events", "all of a run", "as JSON", "payloads", "ids as text"],
)
def test_events_may_be_given_in_several_ways(register, room_id, given):
    assert emails(registrations_of(given(register(room_id, "ada", "bob")))) == ["ada", "bob"]


def test_the_same_event_twice_is_one_row(register, room_id):
    (ada,) = register(room_id, "ada")
    assert emails(registrations_of([ada, event(ada), ada])) == ["ada"]


def test_links_come_on_demand_only(register, room_id):
    events = register(room_id, "ada")
    (row,) = registrations_of(events)
    assert not {"url", "r"} & row.keys()
    (row,) = registrations_of(events, include_secrets=True)
    assert row["url"].startswith("http")


def test_without_events_nothing_is_sent(sandbox):
    assert registrations_of([]) == []
    assert registrations_of({}) == []
    assert sandbox.counts == {}


class TestWhatIsLeftOut:
    def test_rooms_that_were_deleted_or_have_registration_off(self, sandbox, account, register, room_id, caplog):
        off, gone = account.open_room(), account.open_room()
        events = [*register(off, "ada"), *register(gone, "bob"), *register(room_id, "grace")]
        ClickMeetingHook().update_conference(off, registration={"enabled": False})
        ClickMeetingHook().delete_conference(gone)
        assert emails(registrations_of(events)) == ["grace"]
        assert f"Left out the registrations for room {off}: " in caplog.text
        assert f"Left out the registrations for room {gone}: " in caplog.text
        assert "example.com" not in caplog.text

    def test_registrations_that_are_not_listed_any_more(self, register, room_id, caplog):
        (ada,) = register(room_id, "ada")
        assert emails(registrations_of([{**ada, "registration_id": 1}, ada])) == ["ada"]
        assert f"Left out 1 registrations, which room {room_id} does not list any more" in caplog.text

    @pytest.mark.parametrize(
        "odd",
        [
            {"room_id": 7},
            {"registration_id": 7},
            {"room_id": None, "registration_id": 7},
            {"room_id": 7, "registration_id": "None"},
            {"extra": None},
            {"extra": {"payload": "text"}},
            {"event": "session_ended", "room_id": 7, "session_id": 8},
            SimpleNamespace(extra={}),
            Ellipsis,
            "registration-1-2",
        ],
        ids=str,
    )
    def test_events_without_ids(self, sandbox, register, room_id, caplog, odd):
        (ada,) = register(room_id, "ada")
        assert emails(registrations_of([odd, ada])) == ["ada"]
        assert "Left out 1 events, which have no room_id or no registration_id" in caplog.text
        assert sandbox.count() == 1

    def test_a_row_that_cannot_be_read(self, sandbox, register, room_id, caplog):
        (ada,) = register(room_id, "ada")
        rows = [
            "ada@example.com",
            {"email": "bob@example.com"},
            {"id": ada["registration_id"], "email": "ada@example.com"},
        ]
        sandbox.fault("list_registrations", "answer", json=rows)
        assert emails(registrations_of([ada])) == ["ada"]
        assert f"Left out a registration for room {room_id}, which cannot be read: item 1 of the list" in caplog.text
        assert "example.com" not in caplog.text


@pytest.mark.parametrize("wrong", [None, 7, "registration"])
def test_what_is_no_list_of_events_is_refused(sandbox, wrong):
    with pytest.raises(ValueError, match="events must be the events of an asset"):
        registrations_of(wrong)


def test_a_wrong_key_is_an_error_and_another_connection_may_be_given(sandbox, connect, register, room_id):
    events = register(room_id, "ada")
    connect(sandbox, "second")
    connect(password="wrong", host=sandbox.url)
    with pytest.raises(AuthenticationError):
        registrations_of(events)
    assert emails(registrations_of(events, clickmeeting_conn_id="second")) == ["ada"]


async def test_a_real_event_of_the_watcher_leads_to_its_row(lone_triggerer, account, room_id):
    from airflow_clickmeeting.triggers.events import clickmeeting_asset

    watch = await lone_triggerer.watch(clickmeeting_asset("registration"))
    await account.register(room_id)
    payloads = await watch.reports(1)
    assert emails(registrations_of(map(event, payloads))) == ["Ada"]


def test_the_example_of_the_docs_welcomes_each_person(register, room_id, capsys):
    (block,) = re.findall(r"```python\n((?:(?!```).)*registrations_of.*?)```", PAGE.read_text(), re.DOTALL)
    names: dict = {}
    exec(compile(block, str(PAGE), "exec"), names)
    task = names["welcome"]().get_task("people")
    events = AssetEvents({names["REGISTERED"].name: [event(each) for each in register(room_id, "ada", "bob")]})
    task.python_callable(triggering_asset_events=events)
    assert capsys.readouterr().out.split() == ["Talk:", "ada", "Talk:", "bob"]
