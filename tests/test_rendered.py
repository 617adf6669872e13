"""What a template rendered to nothing: optional arguments get their defaults, and the others are refused."""

from __future__ import annotations

import importlib
import inspect
import logging
import pkgutil
from datetime import UTC, datetime, timedelta

import pytest
from airflow.sdk import DAG, task

import airflow_clickmeeting
from airflow_clickmeeting.compat import AirflowSkipException
from airflow_clickmeeting.exceptions import WrongArgumentError
from airflow_clickmeeting.operators.conferences import (
    ClickMeetingCreateConferenceOperator,
    ClickMeetingPurgeConferencesOperator,
)
from airflow_clickmeeting.operators.invitations import ClickMeetingBulkSendInvitationsOperator
from airflow_clickmeeting.rendered import RenderedArguments
from airflow_clickmeeting.sensors.clickmeeting import ClickMeetingSessionEndedSensor
from airflow_clickmeeting.transfers.exports import ClickMeetingExportSessionsOperator

NOTHING = [None, "", " ", "None"]
PERIOD = datetime(2027, 2, 1, tzinfo=UTC), datetime(2027, 2, 2, tzinfo=UTC)


def all_classes() -> list[type[RenderedArguments]]:
    found = set()
    for folder in ("operators", "sensors", "transfers"):
        for module in pkgutil.iter_modules([f"{airflow_clickmeeting.__path__[0]}/{folder}"]):
            members = vars(importlib.import_module(f"airflow_clickmeeting.{folder}.{module.name}"))
            found |= {each for each in members.values() if inspect.isclass(each) and each.__name__.startswith("ClickM")}
    return sorted((each for each in found if issubclass(each, RenderedArguments)), key=lambda each: each.__name__)


def executed(operator, name, value):
    """Return an argument after a template rendered it to a value, as the task's code sees it."""
    made = operator(task_id="task", **dict.fromkeys(operator.template_fields, "given") | {name: value})
    made.pre_execute({})
    return getattr(made, name)


@pytest.mark.parametrize("nothing", NOTHING)
@pytest.mark.parametrize(
    ("operator", "name", "default"),
    [
        (ClickMeetingSessionEndedSensor, "since", None),
        (ClickMeetingExportSessionsOperator, "until", None),
        (ClickMeetingExportSessionsOperator, "max_parallel", 8),
        (ClickMeetingExportSessionsOperator, "clickmeeting_conn_id", "clickmeeting_default"),
        (ClickMeetingCreateConferenceOperator, "password", None),
        (ClickMeetingCreateConferenceOperator, "if_exists", "reuse"),
        (ClickMeetingBulkSendInvitationsOperator, "lang", "en"),
    ],
)
def test_an_optional_argument_gets_its_default(operator, name, default, nothing):
    assert executed(operator, name, nothing) == default
    assert executed(operator, name, "given") == "given"


@pytest.mark.parametrize("nothing", NOTHING)
@pytest.mark.parametrize(
    ("operator", "name"),
    [
        (ClickMeetingExportSessionsOperator, "room_id"),
        (ClickMeetingExportSessionsOperator, "session_id"),
        (ClickMeetingExportSessionsOperator, "pseudonymise"),
        (ClickMeetingSessionEndedSensor, "room_id"),
        (ClickMeetingSessionEndedSensor, "session_id"),
        (ClickMeetingBulkSendInvitationsOperator, "ledger"),
        (ClickMeetingPurgeConferencesOperator, "name_matches"),
        (ClickMeetingPurgeConferencesOperator, "status"),
        (ClickMeetingPurgeConferencesOperator, "dry_run"),
        (ClickMeetingPurgeConferencesOperator, "max_deletions"),
        (ClickMeetingPurgeConferencesOperator, "grace"),
    ],
)
def test_what_widens_or_decides_stays_as_it_is_and_is_refused_later(operator, name, nothing):
    assert executed(operator, name, nothing) == nothing


@pytest.mark.parametrize("operator", all_classes(), ids=lambda each: each.__name__)
def test_no_selector_and_no_switch_of_any_operator_has_a_default_for_nothing(operator):
    for name in {*operator.template_fields} & {"room_id", "session_id", "name_matches", "tokens", "force", "dry_run"}:
        if operator.__name__ != "ClickMeetingCheckAvailabilityOperator":  # whose room is only left out of the check
            assert executed(operator, name, "None") == "None"


def test_in_a_dag(run_dag, clickmeeting_sandbox, tmp_path):
    room = clickmeeting_sandbox.add_room(name="Talk")["id"]
    with DAG("left_out", schedule=None) as dag:

        @task
        def skipped():
            raise AirflowSkipException

        bound = "{{ ti.xcom_pull(task_ids='skipped') }}"
        arguments = {"since": bound, "until": "{{ '' }}", "max_failures": bound, "trigger_rule": "none_failed"}
        kept = ClickMeetingExportSessionsOperator(
            task_id="kept", room_id=room, path=f"{tmp_path}/kept.csv", **arguments
        )
        mapped = ClickMeetingExportSessionsOperator.partial(task_id="mapped", room_id=room, **arguments).expand(
            path=[f"{tmp_path}/mapped.csv"]
        )
        refused = ClickMeetingExportSessionsOperator(
            task_id="refused", room_id=bound, path=f"{tmp_path}/all.csv", trigger_rule="none_failed"
        )
        skipped() >> [kept, mapped, refused]
    run = run_dag(dag, logical_date=PERIOD[1] + timedelta(hours=1))
    states = {ti.task_id: str(ti.state) for ti in run.get_task_instances()}
    assert states == {"skipped": "skipped", "kept": "success", "mapped": "success", "refused": "failed"}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["kept.csv", "mapped.csv"]


@pytest.mark.parametrize("is_mapped", [False, True])
def test_a_template_without_its_variable_fails_once_before_a_request(run_dag, clickmeeting_sandbox, caplog, is_mapped):
    arguments = {"task_id": "export", "path": "{{ var.value.no_such_variable }}/sessions.csv", "retries": 3}
    with DAG("no_variable", schedule=None) as dag:
        if is_mapped:
            ClickMeetingExportSessionsOperator.partial(**arguments).expand(room_id=[1])
        else:
            ClickMeetingExportSessionsOperator(**arguments)
    with caplog.at_level(logging.ERROR):
        run = run_dag(dag)
    (task_instance,) = run.get_task_instances()
    assert (task_instance.state, task_instance.try_number) == ("failed", 1)
    assert clickmeeting_sandbox.count() == 0


def test_the_error_names_the_variable_and_the_next_step():
    made = ClickMeetingExportSessionsOperator(task_id="export", path="{{ missing() }}")

    def missing() -> None:
        raise RuntimeError("VARIABLE_NOT_FOUND: {'message': 'Variable no_such_variable not found'}")

    with pytest.raises(WrongArgumentError, match=r"no_such_variable not found.*Create it.*airflow variables set"):
        made.render_template_fields({"missing": missing})


def test_any_other_error_of_a_template_stays_what_it_is():
    made = ClickMeetingExportSessionsOperator(task_id="export", path="{{ 1 / 0 }}")
    with pytest.raises(ZeroDivisionError):
        made.render_template_fields({})
