"""The purge: which rooms are old, which are kept, the limit of deletions, and what a second run does."""

from __future__ import annotations

import json
from datetime import datetime, timedelta

import pytest
from airflow.sdk import DAG

from airflow_clickmeeting.compat import AirflowException
from airflow_clickmeeting.deletion import purge as purging
from airflow_clickmeeting.deletion.checks import RoomSnapshot
from airflow_clickmeeting.deletion.purge import Wanted
from airflow_clickmeeting.exceptions import AuthenticationError, DeletionRefusedError
from airflow_clickmeeting.hooks.clickmeeting import ClickMeetingHook
from airflow_clickmeeting.operators.conferences import ClickMeetingPurgeConferencesOperator


@pytest.fixture
def add(sandbox):
    """Add a room that ended so many days ago."""

    def add(name, days, **more):
        return sandbox.add_room(name=name, starts_at=sandbox.now - timedelta(days=days, hours=1), duration=1, **more)

    return lambda *given, **more: add(*given, **more)["id"]


@pytest.fixture
def purge(run, sandbox):
    def purge(older_than="P90D", **more):
        sandbox.forget_requests()
        return run(ClickMeetingPurgeConferencesOperator, older_than=older_than, **more)

    return purge


@pytest.fixture
def left(sandbox):
    def left():
        return {room["name"] for room in sandbox.state["rooms"]}

    return left


def ids(rooms):
    return [room["room_id"] for room in rooms]


class TestWhichAreOld:
    @pytest.mark.parametrize("older_than", ["P90D", "PT2160H", timedelta(days=90), "2026-11-03T12:00:00Z", "moment"])
    def test_those_whose_last_session_ended_before(self, purge, add, sandbox, left, older_than):
        old = add("old", 91)
        add("young", 89)
        moment = sandbox.now - timedelta(days=90)
        done = purge(moment if older_than == "moment" else older_than)
        assert ids(done["deleted"]) == [old]
        assert left() == {"young"}
        assert done["counts"] == {"listed": 2, "old": 1, "deleted": 1, "would_delete": 0, "kept": 0}

    def test_a_later_session_keeps_a_room_young(self, purge, add, sandbox, left):
        room_id = add("met again", 91)
        start = sandbox.now - timedelta(days=50)
        sandbox.play(room_id, start=start, end=start + timedelta(hours=1))
        assert purge()["counts"]["old"] == 0
        assert left() == {"met again"}

    @pytest.mark.parametrize(
        ("pattern", "gone"),
        [("Test *", {"Test one", "Test two"}), ("Test t*", {"Test two"}), ("test *", set()), ("Real", {"Real"})],
    )
    def test_those_whose_whole_name_matches(self, purge, add, left, pattern, gone):
        names = {"Test one", "Test two", "Real", "A Test one"}
        for name in names:
            add(name, 100)
        purge(name_matches=pattern)
        assert left() == names - gone

    def test_the_list_of_a_status(self, purge, add, sandbox, left):
        add("inactive", 100)
        opened = add("opened again", 100)
        ClickMeetingHook().update_conference(opened, status="active")
        assert purge(status="active")["counts"]["listed"] == 1
        assert left() == {"inactive"}
        assert purge(status="all")["counts"]["listed"] == 1
        assert left() == set()

    def test_permanent_rooms_only_if_wanted(self, purge, sandbox, left):
        office = sandbox.add_room(name="Office", permanent_room=1, starts_at=None)["id"]
        start = sandbox.now - timedelta(days=100)
        sandbox.play(office, start=start, end=start + timedelta(hours=1))
        new = sandbox.add_room(name="New", permanent_room=1, starts_at=None)["id"]
        assert purge(status="active")["counts"]["old"] == 0
        assert ids(purge(status="active", permanent_rooms="yes")["deleted"]) == [office]
        sandbox.advance(timedelta(days=91))
        assert ids(purge(status="active", permanent_rooms=True)["deleted"]) == [new], "it was never used since"

    def test_a_room_in_which_people_are_is_young(self, sandbox):
        room = {"id": 7, "permanent_room": True, "created_at": "2020-01-01T00:00:00Z"}
        running = [{"id": 1, "start_date": "2020-01-01T00:00:00Z", "end_date": None}]
        wanted = Wanted(timedelta(days=1), "all", None, permanent_rooms=True)
        assert wanted.may_be(room, sandbox.now)
        assert not wanted.matches(RoomSnapshot(room, running, []), sandbox.now)

    def test_a_room_without_times_is_a_failure(self, purge, add, sandbox, left):
        add("odd", 100)
        sandbox.fault(
            "list_conferences", "answer", json=[{**sandbox.state["rooms"][0], "ends_at": "1970-01-01 00:00:00"}]
        )
        done = purge(max_failures=1)
        assert left() == {"odd"}
        assert done["failures"][0]["reason"].startswith("it was not deleted, because its times make no sense: ")

    @pytest.mark.parametrize(
        "change", [{"name": "Board of directors"}, {"status": "active"}, {"permanent_room": True}], ids=str
    )
    def test_a_room_that_has_changed_since_it_was_judged_is_kept(self, purge, add, sandbox, left, change):
        add("Test one", 100)
        sandbox.fault("get_conference", "changed", times=None, json={"conference": change})
        done = purge(name_matches="Test *", force=True, max_failures=1)
        assert left() == {"Test one"}
        assert done["failures"][0]["reason"] == (
            "blocked by: it has changed since it was judged, and no longer matches the purge"
        )

    def test_a_limit_in_the_future_is_refused(self, purge, add, sandbox, left):
        add("old", 100)
        with pytest.raises(ValueError, match=r"^older_than must be in the past"):
            purge(sandbox.now + timedelta(days=1))
        assert left() == {"old"}

    @pytest.mark.parametrize("pattern", ["*", "**", "", "None"])
    def test_a_pattern_that_a_room_without_a_name_matches_is_refused(self, purge, add, sandbox, left, pattern):
        add("old", 100)
        with pytest.raises(ValueError, match=r"^name_matches must be"):
            purge(name_matches=pattern)
        assert left() == {"old"}
        assert sandbox.count() == 0

    def test_pages_are_walked(self, purge, sandbox):
        sandbox.bulk(rooms=260, sessions_per_room=0, attendees_per_session=0)
        assert purge("2020-01-01T00:00:00Z")["counts"] == {
            "listed": 260,
            "old": 0,
            "deleted": 0,
            "would_delete": 0,
            "kept": 0,
        }


class TestNet:
    def test_what_a_safety_check_blocks_is_kept(self, purge, add, sandbox, left):
        gone, kept = add("gone", 100), add("kept", 100)
        recording = sandbox.add_recording(kept, size=10)
        done = purge(max_failures=1000)
        assert ids(done["deleted"]) == [gone]
        reason = f"blocked by: no archive manifest covers recording {recording}"
        assert (done["failures"], done["failure_count"]) == ([{"room_id": kept, "reason": reason}], 1)
        assert done["kept"] == [
            {
                "room_id": kept,
                "name": "kept",
                "recordings": [recording],
                "deleted": False,
                "dry_run": False,
                "blockers": [f"no archive manifest covers recording {recording}"],
            }
        ]
        assert left() == {"kept"}

    def test_a_grace_beyond_the_age(self, purge, add, left):
        add("old", 100)
        assert (
            "within the grace of 120 days"
            in purge(grace=timedelta(days=120), max_failures=1000)["kept"][0]["blockers"][0]
        )
        assert left() == {"old"}

    def test_force(self, purge, add, sandbox, left):
        sandbox.add_recording(add("forced", 100), size=10)
        done = purge(force=True)
        assert done["deleted"][0]["blockers"]
        assert (done["kept"], done["failures"], done["failure_count"]) == ([], [], 0)
        assert left() == set()

    def test_the_task_fails_for_what_is_kept(self, purge, add, sandbox, left):
        add("gone", 100)
        kept = add("kept", 100)
        recording = sandbox.add_recording(kept, size=10)
        done = purge(dry_run=True)
        assert (done["counts"]["kept"], done["failure_count"]) == (1, 1), "a dry run does not fail"
        with pytest.raises(DeletionRefusedError) as error:
            purge()
        assert str(error.value) == (
            f"1 of 2 old rooms failed (max_failures=0): room {kept}: blocked by: no archive manifest covers recording "
            f"{recording}. The other old rooms were deleted. To delete blocked rooms, archive their recordings with "
            "ClickMeetingArchiveRecordingsOperator and name its folder in `archive`, or wait until the grace period is "
            "over; to keep them, raise max_failures, then clear this task."
        )
        assert left() == {"kept"}

    @pytest.mark.parametrize("accepted", ["1", 0.5, "0.5"])
    def test_a_number_or_a_share_may_be_kept(self, purge, add, sandbox, accepted):
        add("gone", 100)
        sandbox.add_recording(add("kept", 100), size=10)
        assert purge(max_failures=accepted)["failure_count"] == 1

    def test_a_share_is_one_of_the_old_rooms(self, purge, add, sandbox):
        add("gone", 100)
        add("young", 10)
        sandbox.add_recording(add("kept", 100), size=10)
        with pytest.raises(DeletionRefusedError, match=r"^1 of 2 old rooms failed \(max_failures=0\.49\): "):
            purge(max_failures=0.49)

    def test_a_retry_is_worth_while_where_a_request_failed_as_well(self, purge, add, sandbox, left):
        failing = add("failing", 100)
        sandbox.add_recording(add("kept", 100), size=10)
        sandbox.fault("delete_conference", "status", status=500)
        with pytest.raises(AirflowException) as error:
            purge(max_failures=1)
        assert not isinstance(error.value, DeletionRefusedError)
        assert str(error.value).startswith("2 of 2 old rooms failed (max_failures=1): ")
        assert f"room {failing}: ServerError: " in str(error.value)
        assert " Wait, or correct what made requests fail. To delete blocked rooms, " in str(error.value)
        assert left() == {"failing", "kept"}

    def test_a_room_is_read_again_before_it_is_deleted(self, purge, add, sandbox, left, mocker):
        first, second = add("first", 100), add("second", 100)
        deleted = purging.Purge._deleted

        def later(self, ready):  # between judging all rooms and deleting the first
            sandbox.add_recording(second, size=10)
            return deleted(self, ready)

        mocker.patch.object(purging.Purge, "_deleted", later)
        done = purge(max_failures=1000)
        assert (ids(done["deleted"]), ids(done["kept"])) == ([first], [second])
        assert left() == {"second"}


class TestBrake:
    def test_more_than_that_is_none_at_all(self, purge, add, sandbox, left):
        names = {add(f"room {number}", 100) and f"room {number}" for number in range(4)}
        with pytest.raises(
            DeletionRefusedError, match=r"^4 rooms would be deleted, more than max_deletions=3, so none"
        ):
            purge(max_deletions="3")
        assert sandbox.count("delete_conference") == 0
        assert left() == names
        assert purge(max_deletions=4)["counts"]["deleted"] == 4

    def test_it_is_ten_by_default(self, purge, sandbox, add):
        for number in range(11):
            add(f"room {number}", 100)
        with pytest.raises(DeletionRefusedError, match=r"^11 rooms would be deleted, more than max_deletions=10"):
            purge()

    def test_what_is_kept_does_not_count(self, purge, add, sandbox):
        for number in range(3):
            sandbox.add_recording(add(f"room {number}", 100), size=10)
        add("gone", 100)
        assert purge(max_deletions=1, max_failures=1000)["counts"]["deleted"] == 1

    def test_a_dry_run_tells_all_and_warns(self, told_by, add, left):
        for number in range(3):
            add(f"room {number}", 100)
        done, log = told_by(ClickMeetingPurgeConferencesOperator, older_than="P90D", max_deletions=2, dry_run=True)
        assert len(done["would_delete"]) == done["counts"]["would_delete"] == 3
        assert done["deleted"] == []
        assert "In a real run, 3 rooms would be deleted, more than max_deletions=2, so none is" in log
        assert len(left()) == 3


class TestSecondRun:
    def test_it_goes_on(self, purge, add, sandbox, left):
        gone = [add("one", 100), add("two", 100)]
        assert ids(purge()["deleted"]) == gone
        assert purge()["deleted"] == []

    def test_a_dry_run_changes_nothing(self, purge, add, sandbox, left):
        old = add("old", 100)
        assert ids(purge(dry_run=True)["would_delete"]) == ids(purge(dry_run="1")["would_delete"]) == [old]
        assert {entry["method"] for entry in sandbox.log()} == {"GET"}
        assert left() == {"old"}

    def test_a_fault_in_the_middle_is_told_after_the_others_were_tried(self, purge, add, sandbox, left, tmp_path):
        one, two, three = (add(name, 100) for name in ("one", "two", "three"))
        sandbox.fault("delete_conference", "status", status=500, skip=1)
        with pytest.raises(AirflowException) as error:
            purge(audit_path=f"{tmp_path}/audit.jsonl")
        start = f"1 of 3 old rooms failed (max_failures=0): room {two}: ServerError: delete_conf"
        assert str(error.value).startswith(start)
        assert str(error.value).endswith(
            ". The other old rooms were deleted. Wait, or correct what made requests fail, then clear this task."
        )
        assert not isinstance(error.value, DeletionRefusedError), "a retry is worth while"
        assert left() == {"two"}
        lines = [json.loads(line) for line in (tmp_path / "audit.jsonl").read_text().splitlines()]
        assert [(line["room_id"], line["outcome"]) for line in lines] == [
            (one, "asked"),
            (one, "deleted"),
            (two, "asked"),
            (two, "failed"),
            (three, "asked"),
            (three, "deleted"),
        ]
        assert ids(purge()["deleted"]) == [two]

    def test_a_room_that_cannot_be_read_does_not_stop_the_others(self, purge, add, sandbox, left):
        one, _ = add("one", 100), add("two", 100)
        sandbox.fault("list_sessions", "status", status=500)
        with pytest.raises(
            AirflowException, match=rf"^1 of 2 old rooms failed \(max_failures=0\): room {one}: ServerError"
        ):
            purge()
        assert left() == {"one"}

    def test_a_dry_run_returns_failures_and_does_not_fail(self, purge, add, sandbox):
        one, two = add("one", 100), add("two", 100)
        sandbox.fault("list_sessions", "status", status=500)
        done = purge(dry_run=True)
        assert (ids(done["would_delete"]), done["failure_count"]) == ([two], 1)
        assert done["failures"][0]["room_id"] == one
        assert done["failures"][0]["reason"].startswith("ServerError: list_sessions")

    def test_a_wrong_key_ends_it_at_once(self, purge, add, sandbox):
        add("one", 100), add("two", 100)
        sandbox.fault("list_sessions", "status", status=401, times=None)
        with pytest.raises(AuthenticationError):
            purge()
        assert sandbox.count("list_sessions") == 1

    def test_what_goes_while_it_is_read_is_gone(self, purge, add, sandbox):
        _, two = add("one", 100), add("two", 100)
        sandbox.fault("list_sessions", "status", status=404)  # of the first
        sandbox.fault("get_conference", "status", status=404)
        done = purge()
        assert (ids(done["deleted"]), done["kept"]) == ([two], [])

    def test_what_goes_before_its_turn_is_gone(self, purge, add, tmp_path, mocker):
        one, two = add("one", 100), add("two", 100)
        deleted = purging.Purge._deleted

        def later(self, ready):  # between judging all rooms and deleting the first
            ClickMeetingHook().delete_conference(one)
            return deleted(self, ready)

        mocker.patch.object(purging.Purge, "_deleted", later)
        done = purge(audit_path=f"{tmp_path}/audit.jsonl")
        assert (ids(done["deleted"]), done["kept"]) == ([two], [])
        first = json.loads((tmp_path / "audit.jsonl").read_text().splitlines()[0])
        assert (first["room_id"], first["outcome"]) == (one, "was gone")


@pytest.mark.parametrize(
    "trouble",
    [
        {"kind": "lost", "times": 2},
        {"kind": "reset", "times": 4},
        {"kind": "429", "times": 4, "retry_after": 0},
        {"kind": "status", "status": 503, "times": 4},
    ],
    ids=lambda trouble: trouble["kind"],
)
@pytest.mark.parametrize("operation", ["delete_conference", "*"])
def test_in_the_end_exactly_what_was_meant_is_gone(purge, add, sandbox, left, trouble, operation):
    gone = [add("one", 100), add("two", 100)]
    sandbox.add_recording(add("kept", 100), size=10)
    add("young", 10)
    sandbox.fault(operation, **trouble)
    done = purge(max_failures=1000)
    assert ids(done["deleted"]) == gone
    assert left() == {"kept", "young"}


def test_in_a_dag(run_dag, sandbox, add, left, tmp_path):
    add("Test old", 100)
    add("Old", 100)
    with DAG("purge", schedule=None, params={"days": 90, "dry_run": False}) as dag:
        ClickMeetingPurgeConferencesOperator(
            task_id="purge",
            older_than="P{{ params.days }}D",
            name_matches="{{ 'Test' }} *",
            dry_run="{{ params.dry_run }}",
            max_deletions="{{ 2 }}",
            audit_path=f"{tmp_path}/{{{{ dag.dag_id }}}}/",
        )
    assert run_dag(dag).state == "success"
    assert left() == {"Old"}
    (file,) = (tmp_path / "purge").iterdir()
    assert [json.loads(line)["task_id"] for line in file.read_text().splitlines()] == ["purge", "purge"]


ZONE = "older_than must be a time with its zone or UTC offset; got"
AGE = (
    "older_than must be a timedelta, a time with its zone or UTC offset, or ISO 8601 text such as 'P30D', "
    "zero or more; got"
)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"older_than": "long"}, f"{AGE} 'long'."),
        ({"older_than": None}, f"{AGE} None."),
        ({"older_than": -1}, f"{AGE} -1."),
        ({"older_than": 90}, f"{AGE} 90, which has no unit. Write timedelta(days=90) or 'P90D'."),
        ({"older_than": "2027-01-01"}, f"{AGE} '2027-01-01'."),
        ({"older_than": "2027-01-01 12:00"}, f"{ZONE} '2027-01-01 12:00'."),
        ({"status": "old"}, "status must be one of 'active', 'inactive', 'all'; got 'old'."),
        ({"name_matches": ""}, "name_matches must be a text that is not blank; got ''."),
        ({"name_matches": "None"}, "name_matches must be a text that is not blank; got 'None'."),
        ({"permanent_rooms": None}, "permanent_rooms must be true or false; got None."),
        ({"max_deletions": 0}, "max_deletions must be a whole number from 1 on; got 0."),
        ({"max_deletions": None}, "max_deletions must be a whole number from 1 on; got None."),
        ({"max_failures": "x"}, "max_failures must be a whole number, or a share below 1 such as 0.05; got 'x'."),
        ({"dry_run": "x"}, "dry_run must be true or false; got 'x'."),
    ],
)
def test_a_wrong_argument_is_refused_before_anything_is_sent(refusal, wrong, told):
    assert refusal(ClickMeetingPurgeConferencesOperator, **{"older_than": "P90D", **wrong}) == told


def test_a_naive_moment_is_refused(refusal):
    moment = datetime.fromisoformat("2027-01-01T12:00")
    assert "a time with its zone or UTC offset" in refusal(ClickMeetingPurgeConferencesOperator, older_than=moment)
