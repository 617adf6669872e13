"""Messages that are sent at most once each, whatever happens between them."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest
from airflow.sdk import DAG, task

from airflow_clickmeeting.compat import AirflowException
from airflow_clickmeeting.exceptions import WrongArgumentError
from airflow_clickmeeting.people.once import send_once


@pytest.fixture
def run(mocker, tmp_path):
    """Send messages in a task's context, and return the result."""
    with DAG("dag", schedule=None):

        @task
        def say() -> None: ...

        operator = say().operator
    nothing = {"xcom_pull": lambda **_: None, "xcom_push": lambda **_: None}
    ti = SimpleNamespace(task=operator, task_id="say", **nothing)
    mocker.patch("airflow.sdk.get_current_context", return_value={"ti": ti})
    return lambda keys, send, **more: send_once(str(tmp_path / "messages.jsonl"), keys, send, **more)


def outcomes(tmp_path):
    entries = map(json.loads, (tmp_path / "messages.jsonl").read_text().splitlines()[1:])
    return {entry["email"]: entry["outcome"] for entry in entries}


def test_a_second_run_sends_only_what_is_new(run, tmp_path):
    sent: list[str] = []
    first = run(["Ada@example.com", "session 7", "ada@example.com"], sent.append)
    assert (first["sent"], first["unchanged"]) == (2, 1)
    assert run(["ada@example.com", "session 7", "session 8"], sent.append)["sent"] == 1
    assert sent == ["Ada@example.com", "session 7", "session 8"]
    assert (tmp_path / "messages.jsonl").stat().st_mode & 0o777 == 0o600


def test_nothing_to_send(run):
    assert run([], pytest.fail) == {"sent": 0, "unchanged": 0, "uncertain": 0, "failures": [], "failure_count": 0}


def test_a_message_that_may_be_on_its_way_is_never_sent_again(run, tmp_path):
    sent: list[str] = []

    def send(key):
        sent.append(key)
        if len(sent) == 2:
            raise TimeoutError

    with pytest.raises(TimeoutError):
        run("abc", send)
    assert outcomes(tmp_path) == {"a": "sent", "b": "sending"}
    again = run("abc", send)
    assert (again["sent"], again["unchanged"], again["uncertain"]) == (1, 1, 1)
    assert sent == ["a", "b", "c"]


def test_a_message_that_was_certainly_not_sent_is_tried_by_the_next_run(run, tmp_path):
    def refuse(key):
        if key.startswith("b"):
            raise ConnectionRefusedError("nobody at bob@example.com")

    keys = ["a", "bob@example.com", "c"]
    with pytest.raises(AirflowException, match="1 of 3 messages failed") as failed:
        run(keys, refuse, not_sent=(ConnectionRefusedError,))
    assert "bob@" not in str(failed.value)
    assert outcomes(tmp_path)["bob@example.com"] == "failed"
    accepted = run(keys, refuse, not_sent=(ConnectionRefusedError,), max_failures=1)
    assert (accepted["unchanged"], accepted["failure_count"], accepted["failures"][0]["row"]) == (2, 1, 2)
    assert run(keys, lambda key: None)["sent"] == 1


def test_a_ledger_on_one_machine_is_refused_if_another_one_may_run_the_retry(run, monkeypatch):
    monkeypatch.setenv("AIRFLOW_IS_EXECUTOR_CONTAINER", "1")
    with pytest.raises(WrongArgumentError, match="ledger must be on a storage that all workers share"):
        run("a", pytest.fail)
    assert run("a", lambda key: None, allow_local_state=True)["sent"] == 1
