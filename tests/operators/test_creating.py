"""A room is made once, however often a task is tried, and found again by whoever wants the same."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from airflow import __version__ as airflow_version
from airflow.sdk import DAG
from packaging.version import Version
from thorough import everyday

from airflow_clickmeeting.compat import AirflowFailException
from airflow_clickmeeting.exceptions import (
    ClickMeetingError,
    ConnectionFailedError,
    RateLimitedError,
    RoomExistsError,
    ServerError,
    UnexpectedAnswerError,
    ValidationError,
)
from airflow_clickmeeting.operators.conferences import (
    ClickMeetingCreateConferenceOperator,
    ClickMeetingDeleteConferenceOperator,
    ClickMeetingUpdateConferenceOperator,
)

THREE = datetime(2027, 3, 1, 14, tzinfo=UTC)
WEBINAR = {"name": "Talk", "starts_at": THREE, "timezone": "Europe/Warsaw", "duration": "1:00"}
OFFICE = {"name": "Office", "permanent_room": True}
NOW = {"name": "Now"}
MODES = ["reuse", "update", "fail", "create"]
HAS_TASK_STATE = Version(airflow_version).release >= (3, 3)

every_mode = pytest.mark.parametrize("if_exists", MODES)


class TaskState:
    """A task's state as Airflow 3.3 keeps it: JSON that outlives a try."""

    def __init__(self) -> None:
        self.kept: dict[str, str] = {}

    def get(self, key: str) -> Any:
        return json.loads(self.kept.get(key, "null"))

    def set(self, key: str, value: Any) -> None:
        self.kept[key] = json.dumps(value)

    def delete(self, key: str) -> None:
        self.kept.pop(key, None)


def a_task(*, state=True, **changes):
    """Return the context of a task's tries, with or without a state."""
    names = {"dag_id": "planned", "task_id": "create", "run_id": "manual__1", "map_index": -1}
    return {"ti": SimpleNamespace(**names | changes)} | ({"task_state_store": TaskState()} if state else {})


@pytest.fixture
def create(sandbox):
    """Try to make a room as a task does, by default outside of one."""

    def create(context=None, **arguments):
        return ClickMeetingCreateConferenceOperator(task_id="create", **arguments).execute(context or {})

    return create


@pytest.fixture
def rooms(sandbox):
    """Return the ids of all rooms that there are."""
    return lambda: [room["id"] for room in sandbox.state["rooms"]]


def knows_its_room(if_exists, state, wanted):
    """Return whether a task can know in a later try that a room is its own, by its state or a marker of its own."""
    return state or wanted is NOW or (if_exists == "create" and "custom_room_url_name" not in wanted)


class TestMadeNew:
    def test_the_address_is_a_marker_that_tells_the_room(self, create, sandbox):
        room = create(a_task(), **WEBINAR)
        address = sandbox.log("create_conference")[0]["form"]["custom_room_url_name"]
        assert address.startswith("talk-")
        assert room["room_url"].endswith(f"/{address}")
        assert (room["created"], room["found_by"], room["changed"], room["room_url_changed"]) == (True, None, [], False)

    def test_the_authors_own_address_is_kept(self, create, sandbox):
        create(a_task(), custom_room_url_name="product-tour", **WEBINAR)
        assert sandbox.log("create_conference")[0]["form"]["custom_room_url_name"] == "product-tour"

    def test_outside_of_airflow_only_a_room_with_a_start_has_a_marker(self, create, sandbox):
        create(**WEBINAR)
        create(**NOW)
        dated, now = (entry["form"] for entry in sandbox.log("create_conference"))
        assert dated["custom_room_url_name"].startswith("talk-")
        assert "custom_room_url_name" not in now

    def test_neither_the_connection_nor_the_run_is_in_the_marker(self, create, connect, sandbox):
        create(a_task(run_id="manual__0"), **WEBINAR)
        (room,) = sandbox.state["rooms"]
        conn_id = connect(sandbox, "other_name")
        again = create(a_task(dag_id="other"), clickmeeting_conn_id=conn_id, **WEBINAR)
        assert (again["id"], again["found_by"]) == (room["id"], "marker")

    def test_what_is_known_of_no_room_is_not_looked_for(self, create, sandbox):
        create(**NOW)
        assert sandbox.counts == {"create_conference": 1}

    @pytest.mark.parametrize("wrong", ["Reuse it", None, ""])
    def test_a_word_that_is_none_of_the_four_is_refused(self, create, sandbox, wrong):
        with pytest.raises(ValueError, match="if_exists must be one of 'reuse', 'update', 'fail', 'create'; got"):
            create(a_task(), if_exists=wrong, **WEBINAR)
        assert sandbox.count() == 0

    def test_wrong_arguments_are_refused_before_anything_is_looked_for(self, create, sandbox):
        with pytest.raises(ValueError, match="name must be a text that is not blank; got None"):
            create(a_task())
        assert sandbox.count() == 0


class TestTriedAgain:
    """The same task in the same run, because it was retried or cleared."""

    @every_mode
    @pytest.mark.parametrize("state", [True, False])
    @pytest.mark.parametrize("wanted", [WEBINAR, OFFICE, NOW], ids=lambda wanted: wanted["name"])
    def test_it_finds_its_own_room(self, create, rooms, if_exists, state, wanted):
        context = a_task(state=state)
        first = create(context, if_exists=if_exists, **wanted)
        knows = knows_its_room(if_exists, state, wanted)
        if if_exists == "fail" and not knows:
            with pytest.raises(RoomExistsError, match=rf"room {first['id']} already exists \(found by marker\)"):
                create(context, if_exists=if_exists, **wanted)
        else:
            second = create(context, if_exists=if_exists, **wanted)
            assert second["id"] == first["id"]
            assert (second["created"], second["found_by"]) == (knows, "task_state" if state else "marker")
        assert rooms() == [first["id"]]

    @pytest.mark.parametrize("if_exists", ["fail", "create"])
    def test_it_finds_its_own_address(self, create, rooms, if_exists):
        context = a_task()
        first, second = (create(context, if_exists=if_exists, custom_room_url_name="tour", **WEBINAR) for _ in range(2))
        assert rooms() == [first["id"]] == [second["id"]]

    @every_mode
    def test_what_was_deleted_meanwhile_is_made_anew(self, create, sandbox, rooms, if_exists):
        from airflow_clickmeeting.hooks.clickmeeting import ClickMeetingHook

        context = a_task()
        first = create(context, if_exists=if_exists, **WEBINAR)
        ClickMeetingHook().delete_conference(first["id"])
        second = create(context, if_exists=if_exists, **WEBINAR)
        assert rooms() == [second["id"]]
        assert second["id"] != first["id"]
        assert (second["created"], second["found_by"]) == (True, None)

    def test_a_room_that_is_over_is_still_its_own(self, create, sandbox, rooms):
        context = a_task(state=False)
        first = create(context, **WEBINAR)
        sandbox.set_time(THREE + timedelta(days=1))
        again = create(context, **WEBINAR)
        assert (again["id"], again["status"], rooms()) == (first["id"], "inactive", [first["id"]])

    def test_whether_the_task_made_it_is_remembered(self, create):
        context = a_task()
        create(a_task(run_id="manual__0"), **WEBINAR)
        assert [create(context, **WEBINAR)["created"] for _ in range(2)] == [False, False]


class TestAnotherTask:
    """Another run, or another task, which wants the same room."""

    @pytest.fixture
    def there(self, create):
        """The room of an earlier run."""

        def there(**wanted):
            return create(a_task(run_id="manual__0"), **wanted)

        return there

    @pytest.mark.parametrize(
        ("wanted", "found_by"),
        [
            (WEBINAR, "marker"),
            (OFFICE, "marker"),
            ({**WEBINAR, "custom_room_url_name": "Product tour"}, "custom_room_url_name"),
        ],
    )
    @pytest.mark.parametrize("if_exists", ["reuse", "update"])
    def test_it_is_found(self, create, there, rooms, wanted, found_by, if_exists):
        first = there(**wanted)
        second = create(a_task(), if_exists=if_exists, **wanted)
        assert rooms() == [first["id"]] == [second["id"]]
        assert (second["created"], second["found_by"], second["changed"]) == (False, found_by, [])

    @pytest.mark.parametrize("wanted", [WEBINAR, OFFICE])
    @pytest.mark.parametrize("if_exists", ["reuse", "update"])
    def test_a_room_that_somebody_made_by_hand_is_found_too(self, create, sandbox, rooms, wanted, if_exists):
        by_hand = sandbox.add_room(**wanted | ({"duration": 1} if wanted is WEBINAR else {"starts_at": None}))["id"]
        room = create(a_task(), if_exists=if_exists, **wanted)
        assert (room["id"], room["found_by"], rooms()) == (by_hand, "name_and_start", [by_hand])

    @pytest.mark.parametrize("if_exists", ["reuse", "update"])
    def test_the_room_with_the_marker_comes_before_its_namesakes(self, create, there, run, sandbox, if_exists):
        first = there(**WEBINAR)
        sandbox.add_room(**WEBINAR | {"duration": 1})
        assert create(a_task(), if_exists=if_exists, **WEBINAR)["id"] == first["id"]
        run(ClickMeetingUpdateConferenceOperator, room_id=first["id"], status="inactive")
        room = create(a_task(run_id="manual__2"), if_exists=if_exists, **WEBINAR)
        assert (room["id"], room["status"], room["found_by"]) == (first["id"], "inactive", "marker")

    @pytest.mark.parametrize("change", [{"name": "Board of directors"}, {"starts_at": THREE + timedelta(days=1)}])
    def test_a_room_that_was_renamed_or_moved_is_found_and_the_log_says_so(self, there, run, told_by, sandbox, change):
        first = there(**WEBINAR)
        change = {**change, "custom_room_url_name": first["room_url"].rpartition("/")[2]}
        run(ClickMeetingUpdateConferenceOperator, room_id=first["id"], **change)
        room, told = told_by(ClickMeetingCreateConferenceOperator, **WEBINAR)
        assert room["id"] == first["id"]
        assert f"Room {first['id']} was renamed or moved since it was created; if_exists='update' would undo" in told
        room, told = told_by(ClickMeetingCreateConferenceOperator, if_exists="update", **WEBINAR)
        assert (room["name"], room["starts_at"]) == (first["name"], first["starts_at"])
        assert "renamed or moved" not in told

    def test_a_namesake_whose_start_makes_no_sense_is_an_error(self, create, sandbox, rooms):
        odd = {"id": 7, "name": "Talk", "permanent_room": False, "starts_at": "0000-00-00 00:00:00"}
        sandbox.fault("list_conferences", "answer", json=[odd])
        with pytest.raises(UnexpectedAnswerError, match="0000-00-00 00:00:00"):
            create(a_task(), **WEBINAR)
        assert rooms() == []

    def test_reuse_changes_nothing(self, create, there, sandbox):
        first = there(**WEBINAR)
        second = create(a_task(), **WEBINAR | {"duration": "PT30M", "lobby_enabled": True})
        assert second["ends_at"] == first["ends_at"]
        assert sandbox.count("update_conference") == 0

    @pytest.mark.parametrize("wanted", [WEBINAR, OFFICE, {**WEBINAR, "custom_room_url_name": "tour"}])
    def test_fail_fails_and_makes_none(self, create, there, rooms, wanted):
        first = there(**wanted)
        for _ in range(2):
            with pytest.raises(RoomExistsError, match=rf"room {first['id']} already exists \(found by "):
                create(a_task(), if_exists="fail", **wanted)
        assert rooms() == [first["id"]]

    @pytest.mark.parametrize("wanted", [WEBINAR, OFFICE, NOW])
    def test_create_makes_another(self, create, there, rooms, wanted):
        first = there(**wanted)
        second = create(a_task(), if_exists="create", **wanted)
        assert rooms() == [first["id"], second["id"]]
        assert second["created"] is True

    @pytest.mark.parametrize("state", [True, False])
    def test_create_cannot_make_another_at_the_same_address(self, create, there, sandbox, rooms, state):
        first = there(custom_room_url_name="tour", **WEBINAR)
        context = a_task(state=state)
        for kind in ("lost", "reset", "html"):
            sandbox.fault("create_conference", kind)
            with pytest.raises(RoomExistsError, match=f"room {first['id']} already exists"):
                create(context, if_exists="create", custom_room_url_name="tour", **WEBINAR)
        assert sandbox.count("create_conference") == 1
        assert rooms() == [first["id"]]

    @pytest.mark.parametrize("change", [{"map_index": 1}, {"task_id": "other"}, {"dag_id": "other"}])
    def test_a_room_that_starts_now_is_each_tasks_own(self, create, there, rooms, change):
        there(**NOW)
        create(a_task(run_id="manual__0", **change), **NOW)
        assert len(rooms()) == 2

    def test_another_start_is_another_room(self, create, there, rooms):
        there(**WEBINAR)
        create(a_task(), **WEBINAR | {"starts_at": THREE + timedelta(days=7)})
        assert len(rooms()) == 2

    def test_active_rooms_come_before_those_that_are_over(self, create, sandbox):
        past = {"starts_at": THREE - timedelta(days=40), "duration": 1, "name": "Talk"}
        over = sandbox.add_room(**past)["id"]
        assert create(a_task(), name="Talk", starts_at=past["starts_at"])["id"] == over
        running = sandbox.add_room(**past | {"duration": 24 * 20})["id"]
        assert create(a_task(), name="Talk", starts_at=past["starts_at"])["id"] == running

    def test_no_more_pages_are_read_than_it_takes(self, create, sandbox):
        for number in range(251):
            sandbox.add_room(name=f"Room {number}")
        sandbox.forget_requests()
        create(a_task(), custom_room_url_name="room_0", **WEBINAR)
        assert sandbox.counts == {"list_conferences": 1, "get_conference": 1}

    @pytest.mark.parametrize("if_exists", ["reuse", "update", "fail"])
    def test_of_two_namesakes_none_is_taken_and_the_error_names_the_ways_out(
        self, create, run, sandbox, rooms, if_exists
    ):
        twins = [sandbox.add_room(**WEBINAR | {"duration": 1})["id"] for _ in range(2)]
        with pytest.raises(RoomExistsError) as error:
            create(a_task(), if_exists=if_exists, **WEBINAR)
        assert (
            f"rooms {twins[0]} ('talk'), {twins[1]} ('talk_2') all have this name and start, so the task cannot choose "
            "one"
        ) in str(error.value)
        assert str(error.value).endswith(
            "Delete those that nobody needs, or set custom_room_url_name to the text behind the id of the room to use, "
            "or if_exists='create' to create another, then clear this task."
        )
        assert isinstance(error.value, AirflowFailException)
        assert rooms() == twins
        # each of them works
        assert create(a_task(), custom_room_url_name="talk_2", **WEBINAR)["id"] == twins[1]
        third = create(a_task(run_id="manual__2"), if_exists="create", **WEBINAR)["id"]
        for surplus in (twins[1], third):
            run(ClickMeetingDeleteConferenceOperator, room_id=surplus, force=True)
        assert create(a_task(run_id="manual__3"), **WEBINAR)["id"] == twins[0]

    def test_a_room_that_somebody_closed_is_returned_but_the_log_warns(self, told_by, room_id, sandbox):
        sandbox.add_room(custom_room_url_name="tour", **WEBINAR | {"duration": 1, "status": "inactive"})
        room, told = told_by(ClickMeetingCreateConferenceOperator, custom_room_url_name="tour", **WEBINAR)
        assert room["status"] == "inactive"
        assert f"Room {room['id']} is inactive: its scheduled time is over, or somebody closed it" in told


class TestUpdated:
    @pytest.fixture
    def sent(self, sandbox):
        return lambda: [entry["form"] for entry in sandbox.log("update_conference")]

    def test_only_what_differs_is_sent_and_told(self, create, sent):
        create(a_task(run_id="manual__0"), custom_room_url_name="tour", lobby_enabled=True, **WEBINAR)
        wanted = WEBINAR | {
            "duration": "PT90M",
            "lobby_enabled": "yes",
            "settings": {"recorder_autostart_enabled": True},
        }
        room = create(a_task(), if_exists="update", custom_room_url_name="tour", **wanted)
        assert sent() == [{"duration": "1:30", "permanent_room": "0", "settings": {"recorder_autostart_enabled": "1"}}]
        assert room["changed"] == ["duration", "settings"]
        assert room["ends_at"] == "2027-03-01T16:30:00+01:00"
        assert room["settings"]["recorder_autostart_enabled"] is True
        assert create(a_task(), if_exists="update", custom_room_url_name="tour", **wanted)["changed"] == []
        assert len(sent()) == 1

    def test_a_room_is_moved(self, create, sent):
        create(a_task(run_id="manual__0"), custom_room_url_name="tour", **WEBINAR)
        later = WEBINAR | {"starts_at": "2027-07-01 15:00"}
        room = create(a_task(), if_exists="update", custom_room_url_name="tour", **later)
        assert sent() == [{"starts_at": "2027-07-01 15:00:00", "timezone": "Europe/Warsaw", "permanent_room": "0"}]
        assert (room["changed"], room["starts_at"]) == (["starts_at"], "2027-07-01T15:00:00+02:00")
        assert room["ends_at"] == "2027-07-01T16:00:00+02:00"

    @pytest.mark.parametrize(("own_address", "state"), [({"custom_room_url_name": "tour"}, False), ({}, True)])
    def test_a_new_name_leaves_the_address_so_that_the_room_is_found_again(
        self, create, sandbox, rooms, own_address, state
    ):
        context = a_task(state=state)
        first = create(context, **own_address, **WEBINAR)
        for _ in range(2):
            room = create(context, if_exists="update", **own_address, **WEBINAR | {"name": "Longer talk"})
        assert (room["name"], room["room_url"], rooms()) == ("Longer talk", first["room_url"], [first["id"]])
        assert sandbox.count("update_conference") == 1
        assert room["room_url_changed"] is False

    def test_a_new_address_is_told(self, create):
        context = a_task()
        create(context, custom_room_url_name="tour", **WEBINAR)
        room = create(context, if_exists="update", custom_room_url_name="talk", **WEBINAR)
        assert (room["changed"], room["room_url_changed"]) == (["custom_room_url_name"], True)

    def test_what_is_not_given_is_left_alone(self, create, room_id, room_in, sandbox):
        wanted = WEBINAR | {"custom_room_url_name": "tour"}
        there = sandbox.add_room(**wanted | {"duration": 1, "access_type": 3, "room_type": "meeting"})["id"]
        room = create(a_task(), if_exists="update", **wanted)
        assert (room["id"], room["access_type"], room["room_type"], room["changed"]) == (there, 3, "meeting", [])

    def test_access_by_password_comes_with_it(self, create, sent):
        create(a_task(run_id="manual__0"), **WEBINAR)
        locked = {"access_type": "password", "password": "mellon"}
        for _ in range(2):
            room = create(a_task(), if_exists="update", **locked, **WEBINAR)
            assert (room["access_type"], "password" in room) == (2, False)
        assert sent() == [{"access_type": "2", "password": "mellon"}]

    @pytest.mark.parametrize(
        "spelling", [{"escape_names": True, "lobby_enabled": "string"}, {"room_answer": "flat"}], ids=str
    )
    def test_another_spelling_is_no_difference(self, create, sandbox, sent, spelling):
        sandbox.switch(**spelling)
        wanted = WEBINAR | {"name": 'Q&A "live"', "lobby_enabled": True, "registration": {"enabled": True}}
        for run_id in ("manual__0", "manual__1"):
            room = create(a_task(run_id=run_id), if_exists="update", **wanted)
        assert (room["changed"], sent()) == ([], [])

    @pytest.mark.parametrize(
        ("wanted", "permanent"),
        [
            ({"name": "Tour", "duration": "1:00"}, "1"),
            ({"name": "Tour", "duration": "1:00", "permanent_room": False}, "0"),
            ({"permanent_room": False, **WEBINAR}, "0"),
        ],
    )
    def test_a_permanent_room_becomes_a_scheduled_one_only_if_that_is_said(
        self, create, sandbox, sent, wanted, permanent
    ):
        sandbox.add_room(name="Tour", permanent_room=True, custom_room_url_name="tour", starts_at=None)
        room = create(a_task(), if_exists="update", custom_room_url_name="tour", **wanted)
        assert [form["permanent_room"] for form in sent()] == [permanent]
        assert room["permanent_room"] is (permanent == "1")

    def test_a_start_is_refused_where_the_room_is_permanent(self, create, sandbox, sent):
        sandbox.add_room(name="Tour", permanent_room=True, custom_room_url_name="tour", starts_at=None)
        with pytest.raises(ValueError, match=r"is permanent and has no start\. Set permanent_room=False to make"):
            create(a_task(), if_exists="update", custom_room_url_name="tour", **WEBINAR)
        assert sent() == []

    def test_what_clickmeeting_does_not_take_over_is_told(self, told_by, sandbox):
        sandbox.add_room(**WEBINAR | {"duration": 1})
        sandbox.fault("update_conference", "answer", json={"status": "ok"})
        room, told = told_by(
            ClickMeetingCreateConferenceOperator, if_exists="update", **WEBINAR | {"lobby_enabled": False}
        )
        assert f"Updating room {room['id']}: lobby_enabled is True, wanted False" in told
        assert f"ClickMeeting accepted the update of room {room['id']} but did not change: lobby_enabled" in told
        assert room["changed"] == []


def until_done(attempt, most=9):
    """Try as Airflow does, and return the result with what went wrong before."""
    errors = []
    while True:
        try:
            return attempt(), errors
        except AirflowFailException:
            raise
        except ClickMeetingError as error:
            errors.append(error)
            assert len(errors) < most


@pytest.mark.parametrize("state", [True, False])
@pytest.mark.parametrize("wanted", [WEBINAR, OFFICE, NOW, {**WEBINAR, "custom_room_url_name": "tour"}])
class TestTrouble:
    """At the end there is exactly the room that was meant."""

    @every_mode
    @pytest.mark.parametrize("kind", ["lost", "cut"])
    def test_an_answer_that_was_lost_is_looked_for_at_once(
        self, create, sandbox, rooms, if_exists, kind, state, wanted
    ):
        sandbox.fault("create_conference", kind)
        room = create(a_task(state=state), if_exists=if_exists, **wanted)
        assert rooms() == [room["id"]]
        assert room["created"] is True
        assert sandbox.count("create_conference") == 1

    @every_mode
    def test_where_looking_fails_too_the_next_try_looks(self, create, sandbox, rooms, if_exists, state, wanted):
        knows = knows_its_room(if_exists, state, wanted)
        sandbox.fault("create_conference", "lost")
        sandbox.fault("list_conferences", "status", status=500, skip=2)
        context = a_task(state=state)
        if if_exists in ("fail", "create") and not knows:
            with pytest.raises(RoomExistsError):
                until_done(lambda: create(context, if_exists=if_exists, **wanted))
            assert len(rooms()) == 1, "but it is not made twice"
            return
        room, errors = until_done(lambda: create(context, if_exists=if_exists, **wanted))
        assert [type(error) for error in errors] == [ServerError]
        assert rooms() == [room["id"]]
        assert room["created"] is knows

    @every_mode
    @pytest.mark.parametrize(
        "fault",
        everyday(
            [
                {"kind": "reset"},
                {"kind": "status", "status": 503},
                {"kind": "status", "status": 502, "body": "html"},
                {"kind": "status", "status": 504, "body": "empty"},
                {"kind": "html"},
            ]
        ),
        ids=str,
    )
    def test_what_was_not_done_is_done_by_a_later_try(self, create, sandbox, rooms, if_exists, fault, state, wanted):
        sandbox.fault("create_conference", times=3, **fault)
        context = a_task(state=state)
        room, errors = until_done(lambda: create(context, if_exists=if_exists, **wanted))
        assert rooms() == [room["id"]]
        assert (len(errors), room["created"], room["found_by"]) == (3, True, None)

    @pytest.mark.parametrize("storm", ["429", "503"])
    @pytest.mark.parametrize("if_exists", ["reuse", "create"])
    def test_a_storm_over_everything(self, create, sandbox, rooms, if_exists, storm, state, wanted):
        options = {"kind": "429"} if storm == "429" else {"kind": "status", "status": 503}
        sandbox.fault("*", times=13, **options)
        sandbox.fault("create_conference", "lost")
        context = a_task(state=state)
        room, errors = until_done(lambda: create(context, if_exists=if_exists, **wanted))
        assert {type(error) for error in errors} <= {RateLimitedError, ServerError, ConnectionFailedError}
        assert errors
        assert rooms() == [room["id"]]

    def test_an_answer_to_an_update_that_was_lost(self, create, sandbox, rooms, state, wanted):
        context = a_task(state=state)
        first = create(context, **wanted)
        for kind in ("lost", "reset"):
            sandbox.fault("update_conference", kind)
        sandbox.fault("update_conference", "429", times=2)
        room = create(context, if_exists="update", lobby_enabled=False, **wanted)
        assert rooms() == [first["id"]]
        assert create(context, **wanted)["lobby_enabled"] is room["lobby_enabled"] is False
        assert room["changed"] == ["lobby_enabled"]


class TestInADag:
    """Tasks of Airflow's own, whose answers are lost, and which die when the work is done."""

    @pytest.fixture
    def finished(self, run_dag):
        """Run tasks that are retried twice, and return their results by task and place in a mapping."""

        def finished(dag):
            run = run_dag(dag)
            assert run.state == "success"
            tis = run.get_task_instances()
            return {(ti.task_id, ti.map_index): ti.xcom_pull(ti.task_id, map_indexes=ti.map_index) for ti in tis}

        return finished

    def test_each_room_is_made_once_whatever_happens(self, finished, sandbox, rooms):
        sandbox.fault("create_conference", "lost", times=2)
        sandbox.fault("create_conference", "reset")
        sandbox.fault("list_conferences", "status", status=500, skip=2)
        with DAG("storm", schedule=None, default_args={"retries": 9, "retry_delay": timedelta(0)}) as dag:
            ClickMeetingCreateConferenceOperator.partial(task_id="create", **NOW).expand(
                duration=["PT30M", "PT45M", "PT60M", "PT90M"]
            )
        made = finished(dag)
        assert sorted(room["id"] for room in made.values()) == sorted(rooms())
        assert len(rooms()) == 4
        assert {room["created"] for room in made.values()} == {True}

    # before Airflow 3.3, a task cannot know that the room is its own
    @pytest.mark.parametrize("if_exists", MODES if HAS_TASK_STATE else ["reuse", "update", "create"])
    def test_a_task_that_dies_with_its_room_made_finds_it(self, finished, rooms, if_exists):
        class Dying(ClickMeetingCreateConferenceOperator):
            def execute(self, context):
                room = super().execute(context)
                if room["found_by"] is None:
                    raise RuntimeError("the worker is gone")
                return room

        with DAG("dying", schedule=None, default_args={"retries": 1, "retry_delay": timedelta(0)}) as dag:
            Dying(task_id="create", if_exists=if_exists, **WEBINAR)
        (room,) = finished(dag).values()
        assert rooms() == [room["id"]]
        knows = HAS_TASK_STATE or if_exists == "create"
        assert (room["created"], room["found_by"]) == (knows, "task_state" if HAS_TASK_STATE else "marker")

    def test_what_was_done_is_there_with_multiple_outputs(self, run_dag, sandbox):
        with DAG("outputs", schedule=None) as dag:
            ClickMeetingCreateConferenceOperator(task_id="create", multiple_outputs=True, **WEBINAR)
        run_dag(dag)
        (ti,) = run_dag(dag).get_task_instances()
        pulled = {key: ti.xcom_pull("create", key=key) for key in ("id", "created", "found_by", "changed")}
        (room,) = sandbox.state["rooms"]
        assert pulled == {"id": room["id"], "created": False, "found_by": "marker", "changed": []}


class TestAtOnce:
    """Tasks that all look before any of them has made the room: ClickMeeting gives an address only once."""

    @pytest.fixture
    def at_once(self, create, sandbox):
        def at_once(contexts, **arguments):
            sandbox.switch(latency=0.3)
            with ThreadPoolExecutor() as pool:
                made = list(pool.map(lambda context: create(context, **arguments), contexts))
            assert sandbox.count("create_conference") == len(contexts), "they did not meet"
            return made

        return at_once

    @pytest.mark.parametrize("if_exists", ["reuse", "update"])
    def test_several_tasks_with_one_address_have_one_room(self, at_once, rooms, if_exists):
        contexts = [a_task(run_id=f"manual__{number}") for number in range(3)]
        made = at_once(contexts, if_exists=if_exists, custom_room_url_name="tour", **WEBINAR)
        assert [room["id"] for room in made] == rooms() * 3
        assert sorted(room["created"] for room in made) == [False, False, True]

    @pytest.fixture
    def racing(self, create, sandbox, mocker):
        """Let two tasks meet right before both send the request that creates the room, and return what each has."""
        from airflow_clickmeeting.hooks.clickmeeting import ClickMeetingHook

        run, barrier = ClickMeetingHook.run, threading.Barrier(2, timeout=600)

        def meeting(hook, call):
            if call.name == "create_conference":
                barrier.wait()
            return run(hook, call)

        mocker.patch.object(ClickMeetingHook, "run", meeting)

        def attempt(context, arguments):
            try:
                return create(context, **arguments)
            except RoomExistsError as error:
                return error

        def racing(*contexts, **arguments):
            with ThreadPoolExecutor() as pool:
                return list(pool.map(attempt, contexts, [arguments] * 2))

        return racing

    @pytest.mark.parametrize("if_exists", ["reuse", "update", "fail"])
    @pytest.mark.parametrize("wanted", [WEBINAR, OFFICE])
    def test_two_runs_have_one_room_ten_times_of_ten(self, create, racing, sandbox, if_exists, wanted):
        for number in range(10):
            arguments = wanted | {"name": f"Room {number}", "if_exists": if_exists}
            made = racing(*(a_task(run_id=f"manual__{run}") for run in range(2)), **arguments)
            (room,) = [each for each in sandbox.state["rooms"] if each["name"] == f"Room {number}"]
            rooms = [each for each in made if not isinstance(each, RoomExistsError)]
            assert {each["id"] for each in rooms} == {room["id"]}
            assert sorted(each["created"] for each in rooms) == ([True] if if_exists == "fail" else [False, True])
            assert sandbox.count("create_conference") == 2 * (number + 1), "they did not meet"
        # and no later run is locked out
        later = create(a_task(run_id="manual__3"), **arguments | {"if_exists": "reuse"})
        assert (later["id"], later["found_by"]) == (room["id"], "marker")

    def test_two_runs_that_want_another_room_each_have_two(self, racing, rooms):
        contexts = [a_task(run_id=f"manual__{number}") for number in range(2)]
        made = racing(*contexts, if_exists="create", **WEBINAR)
        assert sorted(room["id"] for room in made) == rooms()
        assert len(rooms()) == 2

    @pytest.mark.parametrize("if_exists", ["reuse", "update", "create"])
    def test_a_try_that_is_taken_for_dead_and_the_next_one_have_one_room(self, racing, rooms, if_exists):
        made = racing(a_task(), a_task(), if_exists=if_exists, **WEBINAR)
        assert [room["id"] for room in made] == rooms() * 2

    def test_who_wants_no_other_room_there_is_told(self, at_once, rooms):
        contexts = [a_task(run_id=f"manual__{number}") for number in range(2)]
        with pytest.raises(RoomExistsError, match=r"^create_conference: room \d+ already exists.*_default'"):
            at_once(contexts, if_exists="fail", custom_room_url_name="tour", **WEBINAR)
        assert len(rooms()) == 1


@pytest.mark.parametrize("if_exists", ["fail", "create"])
def test_without_a_task_state_an_own_address_does_not_tell_whose_room_it_is(create, sandbox, rooms, if_exists):
    sandbox.fault("create_conference", "lost")
    sandbox.fault("list_conferences", "status", status=500, skip=2)
    context = a_task(state=False)
    for expected in (ServerError, RoomExistsError):
        with pytest.raises(expected):
            create(context, if_exists=if_exists, custom_room_url_name="tour", **WEBINAR)
    assert len(rooms()) == 1, "but it is not made twice"


@pytest.mark.parametrize("if_exists", ["fail", "create"])
def test_after_a_refusal_somebody_elses_room_is_not_taken_for_its_own(create, sandbox, rooms, if_exists):
    context = a_task()
    wanted = WEBINAR | {"if_exists": if_exists, "custom_room_url_name": "tour"}
    with pytest.raises(ValidationError, match="INVALID_DATES"):
        create(context, **wanted | {"starts_at": THREE - timedelta(days=99)})
    somebody_elses = sandbox.add_room(name="Tour", custom_room_url_name="tour")["id"]
    with pytest.raises(RoomExistsError):
        create(context, **wanted)
    assert rooms() == [somebody_elses]


class TestSomebodyElses:
    """A room at the task's own address that appears while a create request has no clear response."""

    @pytest.fixture
    def appears(self, sandbox):
        """Add a room that is not listed yet when the task searches, and lose the task's request."""

        def appears(**room):
            room_id = sandbox.add_room(**room)["id"]
            sandbox.fault("list_conferences", "answer", json=[], times=2)
            sandbox.fault("create_conference", "reset")
            return room_id

        return appears

    @pytest.mark.parametrize("if_exists", ["fail", "create"])
    @pytest.mark.parametrize("change", [{"name": "Other"}, {"starts_at": THREE + timedelta(days=1)}])
    def test_it_is_not_taken_for_the_tasks_own(self, create, appears, rooms, if_exists, change):
        there = appears(**WEBINAR | {"duration": 1, "custom_room_url_name": "tour"} | change)
        context = a_task()
        for _ in range(2):
            with pytest.raises(RoomExistsError, match=f"room {there} already exists"):
                create(context, if_exists=if_exists, custom_room_url_name="tour", **WEBINAR)
        assert rooms() == [there]

    def test_it_is_used_where_the_author_wants_that(self, create, appears):
        there = appears(name="Other", custom_room_url_name="tour")
        room = create(a_task(), custom_room_url_name="tour", **WEBINAR)
        assert (room["id"], room["created"]) == (there, False)

    def test_what_cannot_be_told_from_the_tasks_own_is_its_own(self, create, appears):
        there = appears(**WEBINAR | {"duration": 1, "custom_room_url_name": "tour"})
        room = create(a_task(), if_exists="create", custom_room_url_name="tour", **WEBINAR)
        assert (room["id"], room["created"]) == (there, True)

    def test_a_namesake_that_appears_meanwhile_is_not_its_own(self, create, appears, rooms):
        there = appears(**WEBINAR | {"duration": 1})
        room = create(a_task(), **WEBINAR)
        assert (room["id"], room["created"], room["found_by"]) == (there, False, "name_and_start")
        assert rooms() == [there]


def test_an_address_that_is_taken_by_a_room_that_is_not_listed_yet_is_tried_again(create, sandbox, rooms):
    first = create(a_task(run_id="manual__0"), **WEBINAR)
    sandbox.fault("list_conferences", "answer", json=[], times=4)
    with pytest.raises(ClickMeetingError) as error:
        create(a_task(), **WEBINAR)
    assert not isinstance(error.value, AirflowFailException)
    assert "This address is taken; no listed room has the URL name 'talk-" in str(error.value)
    assert "Set another custom_room_url_name, or if_exists='create'" in str(error.value)
    assert create(a_task(), **WEBINAR)["id"] == first["id"]
    assert len(rooms()) == 1
