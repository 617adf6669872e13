"""What is wanted of a room against what ClickMeeting has; and what comes after runs only where they differ."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from airflow.sdk import DAG, task

from airflow_clickmeeting.exceptions import NotFoundError, UnexpectedAnswerError
from airflow_clickmeeting.operators.conferences import (
    ClickMeetingCheckDriftOperator,
    ClickMeetingCreateConferenceOperator,
    ClickMeetingUpdateConferenceOperator,
)

THREE = datetime(2027, 3, 1, 14, tzinfo=UTC)
WEBINAR = {
    "name": 'Q&A "live"',
    "starts_at": THREE,
    "timezone": "Europe/Warsaw",
    "duration": "PT60M",
    "lobby_enabled": True,
    "registration": {"enabled": True},
    "settings": {"recorder_autostart_enabled": True},
}
AS_WANTED = {"drifted": False, "differences": {}}


@pytest.fixture
def webinar_id(run):
    return run(ClickMeetingCreateConferenceOperator, **WEBINAR)["id"]


@pytest.fixture
def check(run, webinar_id):
    def check(**wanted):
        return run(ClickMeetingCheckDriftOperator, room_id=webinar_id, **wanted)

    return check


class TestResult:
    @pytest.mark.parametrize(
        "spelling", [{}, {"escape_names": True, "lobby_enabled": "string"}, {"room_answer": "flat"}], ids=str
    )
    def test_a_room_as_it_was_made_has_not_drifted(self, check, sandbox, spelling):
        sandbox.switch(**spelling)
        sandbox.forget_requests()
        assert check(**WEBINAR) == AS_WANTED
        assert sandbox.counts == {"get_conference": 1}

    def test_a_room_that_somebody_made_permanent_has_drifted(self, run, check, webinar_id):
        run(ClickMeetingUpdateConferenceOperator, room_id=webinar_id, permanent_room=True)
        assert check(starts_at=THREE, timezone="Europe/Warsaw")["differences"] == {
            "starts_at": {"wanted": "2027-03-01T15:00:00+01:00", "is": None}
        }
        assert check(permanent_room=False)["differences"] == {"permanent_room": {"wanted": False, "is": True}}

    def test_keys_that_cannot_be_compared_because_nobody_knows_them_are_told(self, told_by, webinar_id):
        wanted = {"settings": {"recorder_autostart": True}}
        result, told = told_by(ClickMeetingCheckDriftOperator, room_id=webinar_id, **wanted)
        assert result == AS_WANTED
        assert told.count("may ignore them: 'recorder_autostart'. The known keys are 'connection_status_enabled',") == 1

    def test_times_that_make_no_sense_are_no_difference_but_an_error(self, check, webinar_id, sandbox):
        odd = {"id": webinar_id, "permanent_room": False, "starts_at": "soon", "ends_at": "later"}
        sandbox.fault("get_conference", "answer", json=odd)
        with pytest.raises(UnexpectedAnswerError, match=r"^get_conference: expected an ISO 8601 time, got 'later'"):
            check(starts_at=THREE)

    def test_what_somebody_changed_is_told(self, run, check, webinar_id):
        moved = {"starts_at": "2027-03-02 15:00", "timezone": "Europe/Warsaw", "duration": "PT45M"}
        run(ClickMeetingUpdateConferenceOperator, room_id=webinar_id, lobby_enabled=False, **moved)
        assert check(**WEBINAR) == {
            "drifted": True,
            "differences": {
                "starts_at": {"wanted": "2027-03-01T15:00:00+01:00", "is": "2027-03-02T15:00:00+01:00"},
                "duration": {"wanted": "1:00", "is": "0:45"},
                "lobby_enabled": {"wanted": True, "is": False},
            },
        }

    def test_only_what_is_given_counts(self, check):
        assert check(timezone="Europe/Warsaw") == AS_WANTED

    def test_a_password_that_differs_is_told_but_not_shown(self, run, sandbox):
        room_id = sandbox.add_room(access_type=2, password="mellon")["id"]
        result = run(ClickMeetingCheckDriftOperator, room_id=room_id, password="friend")
        assert result == {"drifted": True, "differences": {"password": {"wanted": "***", "is": "***"}}}

    def test_the_log_tells_it(self, told_by, webinar_id):
        _, told = told_by(
            ClickMeetingCheckDriftOperator, room_id=webinar_id, name="Talk", lobby_description="a@b.example"
        )
        assert f"Room {webinar_id} differs: name is 'Q&A \"live\"', wanted 'Talk'; lobby_description" in told
        assert "@" not in told
        _, told = told_by(ClickMeetingCheckDriftOperator, room_id=webinar_id, **WEBINAR)
        assert f"Room {webinar_id} does not differ from the wanted parameters" in told

    def test_a_room_that_is_gone_has_not_drifted_it_is_an_error(self, run):
        with pytest.raises(NotFoundError, match=r"^get_conference\b"):
            run(ClickMeetingCheckDriftOperator, room_id=404, name="Talk")

    def test_nothing_to_compare_is_most_likely_a_mistake(self, refusal):
        told = refusal(ClickMeetingCheckDriftOperator, room_id=7)
        assert told == "Nothing to compare: set at least one of the room's parameters, such as name or starts_at."

    def test_wrong_arguments_are_refused(self, refusal):
        assert "access_type must be" in refusal(ClickMeetingCheckDriftOperator, room_id=7, access_type="closed")


def states(run):
    return {(ti.task_id, ti.map_index): str(ti.state) for ti in run.get_task_instances()}


class TestShortCircuit:
    @pytest.fixture
    def repaired(self, run_dag, webinar_id):
        """Check a room, repair it if need be, and tell somebody whatever happened."""

        def repaired(lobby_enabled, *, ignore=True, **arguments):
            with DAG("repair", schedule=None) as dag:
                check = ClickMeetingCheckDriftOperator(
                    task_id="check",
                    room_id=webinar_id,
                    ignore_downstream_trigger_rules=ignore,
                    lobby_enabled=lobby_enabled,
                    **arguments,
                )
                repair = ClickMeetingUpdateConferenceOperator(
                    task_id="repair", room_id=webinar_id, lobby_enabled=lobby_enabled
                )

                @task(trigger_rule="all_done")
                def tell():
                    return "told"

                check >> repair >> tell()
            return run_dag(dag)

        return repaired

    def test_what_comes_after_runs_where_there_is_drift(self, repaired, sandbox):
        assert set(states(repaired(False)).values()) == {"success"}
        assert sandbox.count("update_conference") == 1

    @pytest.mark.parametrize(("ignore", "told"), [(True, "skipped"), (False, "success")])
    def test_else_it_is_skipped(self, repaired, sandbox, ignore, told):
        run = repaired(True, ignore=ignore)
        assert states(run) == {("check", -1): "success", ("repair", -1): "skipped", ("tell", -1): told}
        assert run.state == "success"
        assert sandbox.count("update_conference") == 0

    @pytest.mark.parametrize("lobby_enabled", [True, False])
    def test_the_result_is_there_in_both_cases(self, repaired, lobby_enabled):
        run = repaired(lobby_enabled, multiple_outputs=True)
        (check,) = [ti for ti in run.get_task_instances() if ti.task_id == "check"]
        result = check.xcom_pull("check")
        assert result["drifted"] is not lobby_enabled
        assert {key: check.xcom_pull("check", key=key) for key in result} == result

    def test_no_result_where_the_author_wants_none(self, repaired):
        run = repaired(True, do_xcom_push=False)
        assert run.get_task_instances()[0].xcom_pull("check") is None

    def test_an_end_of_the_dag_has_nothing_to_skip(self, run_dag, webinar_id):
        with DAG("alone", schedule=None) as dag:
            ClickMeetingCheckDriftOperator(task_id="check", room_id=webinar_id, lobby_enabled=True)
        assert states(run_dag(dag)) == {("check", -1): "success"}

    def test_each_of_many_rooms_is_repaired_by_itself(self, run_dag, sandbox):
        rooms = [sandbox.add_room(name="Talk", lobby_enabled=enabled)["id"] for enabled in (1, 0, 1)]
        with DAG("many", schedule=None) as dag:
            each = {"task_id": "check", "lobby_enabled": True}
            check = ClickMeetingCheckDriftOperator.partial(**each).expand(room_id=rooms)
            check >> ClickMeetingUpdateConferenceOperator.partial(**each | {"task_id": "repair"}).expand(room_id=rooms)
        found = states(run_dag(dag))
        assert [found["repair", index] for index in range(3)] == ["skipped", "success", "skipped"]
        assert [entry["path"].rpartition("/")[2] for entry in sandbox.log("update_conference")] == [str(rooms[1])]

    def test_a_teardown_is_never_skipped(self, run_dag, webinar_id):
        with DAG("teardown", schedule=None) as dag:

            @task
            def clean():
                return "clean"

            check = ClickMeetingCheckDriftOperator(task_id="check", room_id=webinar_id, lobby_enabled=True)
            check >> clean().as_teardown()
        assert states(run_dag(dag))["clean", -1] == "success"
