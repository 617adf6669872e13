"""Every error that ends a task says what to do next, and ends or begins again with "then clear this task"."""

from __future__ import annotations

import ast
import importlib
from collections.abc import Iterator
from pathlib import Path

import pytest

import airflow_clickmeeting
from airflow_clickmeeting import exceptions
from airflow_clickmeeting.api.errors import ApiError
from airflow_clickmeeting.compat import AirflowException
from airflow_clickmeeting.exceptions import (
    ClickMeetingError,
    WrongArgumentError,
    error_for,
    error_from_json,
    error_to_json,
)
from airflow_clickmeeting.failures import FailureLog
from airflow_clickmeeting.hooks.clickmeeting import ClickMeetingHook
from airflow_clickmeeting.operators.conferences import ClickMeetingGetConferenceOperator

ROOT = Path(airflow_clickmeeting.__file__).parent
CLEAR = "clear this task"
#: not part of the client, or without errors that end a task
LEFT_OUT = ("sandbox", "ui")
#: their own code, or that of the operators, adds what to do: see the tests below
MECHANISM = {
    *(
        name
        for name, each in vars(exceptions).items()
        if isinstance(each, type) and issubclass(each, ClickMeetingError)
    ),
    "ValueError",
    "WrongArgumentError",
}
#: what is caught and becomes part of another message
REASONS = {
    "ApiError",  # becomes a ClickMeetingError
    "LimitError",  # becomes an ApiError, with its own `cure`
    "StallError",
    "ParseError",  # becomes an UnexpectedAnswerError
    "NoLink",  # a failure of one row
    "_DamagedLine",  # a part of the message about a damaged ledger
    "NotImplementedError",
    "AirflowSkipException",  # not an error
}
#: the messages that become reasons of failures, of which the last error of the task says what to do
REASONS_OF_FAILURES = (
    "ClickMeeting no longer lists this recording",
    "its file does not have the checksum of the download",
    "bytes after",
    "another task removed it from the manifest",
)


def texts(node: ast.AST, names: dict[str, str]) -> Iterator[str]:
    """Yield the texts in an expression; a name stands for the text that is assigned to it in the same module."""
    for each in ast.walk(node):
        if isinstance(each, ast.Constant) and isinstance(each.value, str):
            yield each.value
        elif isinstance(each, ast.Name) and each.id in names:
            yield names[each.id]


def raised(path: Path) -> Iterator[tuple[int, str, str]]:
    """Yield the line, the class and the message of each exception that a module raises or returns."""
    tree = ast.parse(path.read_text())
    imported: dict[str, str] = {}
    for each in ast.walk(tree):
        if isinstance(each, ast.ImportFrom) and (each.module or "").startswith("airflow_clickmeeting"):
            module = importlib.import_module(str(each.module))
            imported |= {
                alias.name: str(getattr(module, alias.name, "")) for alias in each.names if alias.name.isupper()
            }
    names = dict(imported)
    for each in ast.walk(tree):
        if isinstance(each, ast.Assign) and isinstance(each.targets[0], ast.Name):
            names[each.targets[0].id] = names.get(each.targets[0].id, "") + "".join(texts(each.value, imported))
    for each in ast.walk(tree):
        if isinstance(each, ast.Call) and isinstance(each.func, ast.Name) and each.args:
            name = each.func.id
            if name.endswith(("Error", "Exception", "Timeout")) and name not in MECHANISM | REASONS:
                yield each.lineno, name, "".join(text for argument in each.args for text in texts(argument, names))


@pytest.mark.parametrize(
    "path",
    [path for path in sorted(ROOT.rglob("*.py")) if path.relative_to(ROOT).parts[0] not in LEFT_OUT],
    ids=lambda path: path.relative_to(ROOT).as_posix(),
)
def test_each_message_says_what_to_do_next(path):
    found = [(line, name, text) for line, name, text in raised(path) if " " in text]
    lacking = [
        each for each in found if CLEAR not in each[2] and not any(text in each[2] for text in REASONS_OF_FAILURES)
    ]
    assert lacking == []


def every_class(of: type) -> list[type]:
    return [of, *(each for sub in of.__subclasses__() for each in every_class(sub))]


@pytest.mark.parametrize("kind", every_class(ClickMeetingError), ids=lambda kind: kind.__name__)
def test_each_error_of_a_request_names_the_connection_and_what_to_do(kind):
    error = kind(ApiError("other", "It failed."), "ping", "webinars", "ping")
    assert error.summary == "ping: It failed. (ping, connection 'webinars')"
    assert str(error) == f"{error.summary}. {error.cure}, then clear this task."
    assert error.explanation == f"{error.summary}. {error.cure}."
    assert "{" not in error.cure
    assert not error.cure.endswith(".")
    assert error.cure[0].isupper()


def test_a_wrong_key_is_changed_in_its_connection():
    error = error_for(ApiError("authentication", "No.", 401), "ping", "webinars")
    assert str(error).endswith("Change the key in connection 'webinars', then clear this task.")


def test_without_a_connection_the_message_names_none():
    error = error_for(ApiError("authentication", "No.", 401), "ping", "")
    assert str(error) == "ping: No. Change the key in the connection, then clear this task."


def test_a_cure_of_the_problem_itself_wins_and_survives_the_triggerer():
    problem = ApiError("unexpected", "too large", cure="Raise the limit of {connection}")
    error = error_for(problem, "ping", "webinars")
    assert str(error).endswith(". Raise the limit of connection 'webinars', then clear this task.")
    assert str(error_from_json(error_to_json(error))) == str(error)


def test_an_unknown_error_of_a_trigger_has_its_cause_first():
    found = str(error_from_json(error_to_json(LookupError("no such thing"))))
    assert found.startswith("The trigger failed in the triggerer: LookupError: no such thing. ")
    assert CLEAR in found.partition("Its traceback:")[0]


def test_a_wrong_argument_is_corrected_before_the_task_is_cleared():
    with pytest.raises(WrongArgumentError) as error:
        ClickMeetingGetConferenceOperator(task_id="get", room_id="None").execute({})
    assert str(error.value) == (
        "room_id must be the positive number of something that exists on ClickMeeting; got 'None'. Correct this, then "
        "clear this task."
    )


def test_a_connection_without_a_key_says_so_in_a_task(connect):
    connect(password="")
    with pytest.raises(
        WrongArgumentError, match=r"^Connection 'clickmeeting_default' has no API key.* clear this task"
    ):
        ClickMeetingGetConferenceOperator(task_id="get", room_id=7).execute({})


def test_failures_end_in_what_to_do_but_each_of_them_does_not():
    log = FailureLog(ClickMeetingHook().log, "rooms")
    log.add(error_for(ApiError("not_found", "Room not found", 404), "get_conference", "webinars", "conferences/7"))
    assert log.kept == [{"reason": "get_conference: Room not found (conferences/7, connection 'webinars')"}]
    with pytest.raises(AirflowException) as error:
        log.check(0, 2, "Correct what failed")
    assert str(error.value) == (
        "1 of 2 rooms failed (max_failures=0): get_conference: Room not found (conferences/7, connection 'webinars'). "
        "Correct what failed, then clear this task."
    )
