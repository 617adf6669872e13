"""Where state may live: which executors run tasks on one machine, and what is recorded in Airflow."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from airflow.sdk import DAG

from airflow_clickmeeting.exceptions import WrongArgumentError
from airflow_clickmeeting.operators.conferences import (
    ClickMeetingDeleteConferenceOperator,
    ClickMeetingPurgeConferencesOperator,
)
from airflow_clickmeeting.operators.contacts import ClickMeetingBulkCreateContactsOperator
from airflow_clickmeeting.operators.invitations import ClickMeetingBulkSendInvitationsOperator
from airflow_clickmeeting.operators.recordings import (
    ClickMeetingArchiveRecordingsOperator,
    ClickMeetingDeleteRecordingOperator,
)
from airflow_clickmeeting.operators.registrations import ClickMeetingBulkRegisterParticipantsOperator
from airflow_clickmeeting.state import check_shared

CELERY = "CeleryExecutor"
LOCAL_CLASS = "airflow.executors.local_executor.LocalExecutor"
OPERATORS = [
    (ClickMeetingBulkRegisterParticipantsOperator, {"room_id": 1, "people": []}, "ledger"),
    (ClickMeetingBulkCreateContactsOperator, {"people": []}, "ledger"),
    (ClickMeetingBulkSendInvitationsOperator, {"room_id": 1, "people": []}, "ledger"),
    (ClickMeetingArchiveRecordingsOperator, {"room_id": 1}, "folder"),
    (ClickMeetingDeleteConferenceOperator, {"room_id": 1}, "audit_path"),
    (ClickMeetingDeleteRecordingOperator, {"room_id": 1, "recording_id": 2}, "audit_path"),
    (ClickMeetingPurgeConferencesOperator, {"older_than": "P30D", "max_deletions": 1}, "audit_path"),
]


@pytest.fixture
def configured(monkeypatch):
    return lambda executors: monkeypatch.setenv("AIRFLOW__CORE__EXECUTOR", executors)


@pytest.mark.parametrize(
    ("executors", "executor"),
    [
        ("LocalExecutor", None),
        (LOCAL_CLASS, None),
        (f"mine:{LOCAL_CLASS}", None),
        ("LocalExecutor,CeleryExecutor", None),
        ("CeleryExecutor,LocalExecutor", "LocalExecutor"),
        (f"CeleryExecutor, mine:{LOCAL_CLASS}", "mine"),
        (f"CeleryExecutor,{LOCAL_CLASS}", "LocalExecutor"),
        (f"CeleryExecutor,mine:{LOCAL_CLASS}", LOCAL_CLASS),
        ("LocalExecutor;team1=LocalExecutor,CeleryExecutor", None),
    ],
)
def test_a_disk_is_enough_if_all_tasks_run_on_one_machine(configured, executors, executor):
    configured(executors)
    check_shared("ledger", "/data/ledger.jsonl", executor, allow_local=False)


@pytest.mark.parametrize(
    ("executors", "executor", "named"),
    [
        (CELERY, None, CELERY),
        ("KubernetesExecutor", None, "KubernetesExecutor"),
        ("CeleryExecutor,LocalExecutor", None, CELERY),
        ("LocalExecutor,CeleryExecutor", CELERY, CELERY),
        ("LocalExecutor,fast:CeleryExecutor", "fast", CELERY),
        ("airflow.providers.celery.executors.celery_executor.CeleryExecutor", None, CELERY),
        ("not.installed.here.EdgeExecutor", None, "EdgeExecutor"),
        (f"mine:{LOCAL_CLASS}s", None, "LocalExecutors"),
        ("LocalExecutor;team1=CeleryExecutor", None, CELERY),
        ("LocalExecutor", "unknown", "unknown"),
    ],
)
def test_a_disk_is_not_enough_if_the_next_try_may_run_elsewhere(configured, executors, executor, named):
    configured(executors)
    for path in ("/data/ledgers/", "file:///data/ledger.jsonl", "ledger.jsonl"):
        with pytest.raises(WrongArgumentError) as error:
            check_shared("ledger", path, executor, allow_local=False)
        assert error.value.args[0] == (
            f"ledger must be on a storage that all workers share, such as s3://bucket/folder/; got {path!r}, which is "
            f"on this machine's disk, while {named} may run the next try on another machine. If all workers share this "
            "folder, set allow_local_state=True."
        )
        check_shared("ledger", path, executor, allow_local=True)
    for path in (None, "s3://bucket/ledgers/", "gs://bucket/ledger.jsonl"):
        check_shared("ledger", path, executor, allow_local=False)


@pytest.mark.parametrize("name", ["AIRFLOW_IS_K8S_EXECUTOR_POD", "AIRFLOW_IS_EXECUTOR_CONTAINER"])
def test_a_container_of_one_task_is_no_shared_machine_whatever_its_configuration_says(configured, monkeypatch, name):
    configured("LocalExecutor")
    monkeypatch.setenv(name, "True")
    with pytest.raises(WrongArgumentError, match=f"the executor that set {name}"):
        check_shared("ledger", "/data/ledger.jsonl", None, allow_local=False)


@pytest.mark.parametrize(("operator", "arguments", "name"), OPERATORS, ids=lambda each: getattr(each, "__name__", ""))
def test_each_operator_that_keeps_state_refuses_a_disk_unless_it_is_allowed(configured, operator, arguments, name):
    configured(CELERY)
    given = {"task_id": "t", name: "/data/", **arguments}
    with pytest.raises(WrongArgumentError, match=f"^{name} must be on a storage that all workers share"):
        operator(**given).pre_execute({})
    operator(allow_local_state=True, **given).pre_execute({})
    operator(**given | {name: "s3://bucket/data/"}).pre_execute({})
    operator(executor="LocalExecutor", **given).pre_execute({})


def test_a_run_after_one_whose_ledger_is_gone_stops_before_it_sends(run_dag, clickmeeting_sandbox, tmp_path, connect):
    """Both runs are of a real Airflow, which keeps what was begun."""
    room_id = clickmeeting_sandbox.add_room(name="Talk", permanent_room=True)["id"]
    ledger = tmp_path / "ledger.jsonl"
    with DAG("talks", schedule=None, default_args={"retries": 0}) as dag:
        ClickMeetingBulkSendInvitationsOperator(
            task_id="invite", room_id=room_id, people=[{"email": "ada@example.com"}], ledger=str(ledger)
        )
    assert run_dag(dag).state == "success"
    header = json.loads(ledger.read_text().splitlines()[0])
    assert (header["dag_id"], header["task_id"], header["try_number"]) == ("talks", "invite", 1)
    assert run_dag(dag).state == "success"
    Path(ledger).unlink()
    clickmeeting_sandbox.forget_requests()
    assert run_dag(dag).state == "failed"
    assert clickmeeting_sandbox.count() == 0
    assert len(clickmeeting_sandbox.outbox) == 1
