"""Which failures Airflow retries: those that a retry can cure, and no others."""

from __future__ import annotations

import gzip
from datetime import timedelta

import pytest
from airflow.sdk import DAG

from airflow_clickmeeting.compat import AirflowException, AirflowFailException
from airflow_clickmeeting.exceptions import (
    AuthenticationError,
    ClickMeetingError,
    ConnectionFailedError,
    ForbiddenError,
    NotFoundError,
    RateLimitedError,
    RoomExistsError,
    ServerError,
    UnexpectedAnswerError,
    ValidationError,
    WrongArgumentError,
    error_from_json,
    error_to_json,
)
from airflow_clickmeeting.operators.conferences import (
    ClickMeetingCreateConferenceOperator,
    ClickMeetingGetConferenceOperator,
    ClickMeetingListConferencesOperator,
    ClickMeetingUpdateConferenceOperator,
)
from airflow_clickmeeting.operators.files import ClickMeetingUploadFileOperator
from airflow_clickmeeting.operators.recordings import ClickMeetingArchiveRecordingsOperator
from airflow_clickmeeting.operators.registrations import (
    ClickMeetingBulkRegisterParticipantsOperator,
    ClickMeetingRegisterParticipantOperator,
)
from airflow_clickmeeting.transfers.exports import ClickMeetingExportRegistrationsOperator

ADA = {"First Name": "Ada", "Last Name": "Lovelace", "Email Address": "ada@example.com"}


@pytest.fixture
def error_of(run):
    """Execute an operator that fails, and return its error."""

    def error_of(operator, **arguments):
        with pytest.raises(AirflowException) as error:
            run(operator, **arguments)
        return error.value

    return error_of


@pytest.mark.parametrize(
    ("fault", "kind", "retried"),
    [
        ({"kind": "status", "status": 401}, AuthenticationError, True),
        ({"kind": "status", "status": 403}, ForbiddenError, False),
        ({"kind": "status", "status": 404}, NotFoundError, False),
        ({"kind": "status", "status": 400}, ValidationError, False),
        ({"kind": "status", "status": 422}, ValidationError, False),
        ({"kind": "429"}, RateLimitedError, True),
        ({"kind": "status", "status": 500}, ServerError, True),
        ({"kind": "status", "status": 503}, ServerError, True),
        ({"kind": "reset"}, ConnectionFailedError, True),
        ({"kind": "cut"}, ConnectionFailedError, True),
        ({"kind": "html"}, UnexpectedAnswerError, True),
        ({"kind": "answer", "json": {"conference": {"id": 1}}}, UnexpectedAnswerError, True),
        ({"kind": "answer", "json": []}, UnexpectedAnswerError, True),
    ],
    ids=str,
)
def test_errors_of_requests(error_of, sandbox, room_id, fault, kind, retried):
    sandbox.fault("get_conference", times=None, **fault)
    error = error_of(ClickMeetingGetConferenceOperator, room_id=room_id)
    assert type(error) is kind
    assert isinstance(error, AirflowFailException) is not retried
    # a trigger hands the error over like this
    assert type(error_from_json(error_to_json(error))) is kind


@pytest.mark.parametrize("nothing", [None, "None", "seven"])
def test_a_wrong_argument(error_of, nothing):
    error = error_of(ClickMeetingGetConferenceOperator, room_id=nothing)
    assert type(error) is WrongArgumentError
    assert isinstance(error, ValueError)
    assert isinstance(error, AirflowFailException)


def test_a_wrong_argument_that_only_a_request_shows(error_of, room_id, sandbox):
    error = error_of(ClickMeetingRegisterParticipantOperator, room_id=room_id, registration={**ADA, "Firm": "AE"})
    assert type(error) is WrongArgumentError
    assert sandbox.count() == 1


def test_a_wrong_setting_of_the_connection(error_of, connect, sandbox):
    connect(sandbox, extra={"max_attempts": "many"})
    assert type(error_of(ClickMeetingListConferencesOperator)) is WrongArgumentError


def test_who_calls_a_hook_gets_a_plain_value_error(sandbox):
    from airflow_clickmeeting.hooks.clickmeeting import ClickMeetingHook

    with pytest.raises(ValueError) as error:
        ClickMeetingHook().get_conference("None")
    assert type(error.value) is ValueError


def test_an_operator_of_ones_own_catches_it_and_keeps_the_rule(error_of, room_id):
    class Careful(ClickMeetingUpdateConferenceOperator):
        def execute(self, context):
            try:
                return super().execute(context)
            except ValueError:
                self.name = "None"
                return super().execute(context)

    error = error_of(Careful, room_id=room_id)
    assert error.args[0] == "name must be a text that is not blank; got 'None'."
    assert type(error) is WrongArgumentError


@pytest.mark.parametrize(
    "content", [None, gzip.compress(b"First Name,Last Name,E-mail\nAda,Lovelace")[:-9]], ids=["missing", "cut"]
)
def test_a_list_that_is_not_there_yet_or_not_complete(run, room_id, tmp_path, content):
    path = tmp_path / "people.csv.gz"
    if content:
        path.write_bytes(content)
    with pytest.raises(ValueError) as error:
        run(ClickMeetingBulkRegisterParticipantsOperator, room_id=room_id, people=str(path))
    assert not isinstance(error.value, AirflowFailException)


@pytest.mark.parametrize("content", [None, b""])
def test_a_file_to_upload_that_is_not_there_yet_or_empty(run, tmp_path, content):
    path = tmp_path / "slides.pdf"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ValueError) as error:
        run(ClickMeetingUploadFileOperator, path=str(path))
    assert not isinstance(error.value, AirflowFailException)


def test_a_file_with_something_else_in_it(error_of, room_id, tmp_path):
    (tmp_path / "people.csv").write_bytes(b"First Name,First Name\n")
    error = error_of(ClickMeetingBulkRegisterParticipantsOperator, room_id=room_id, people=f"{tmp_path}/people.csv")
    assert type(error) is WrongArgumentError


@pytest.mark.parametrize("error", [UnicodeDecodeError("utf-8", b"x", 0, 1, "x"), OSError("x"), KeyError("x")])
def test_what_is_no_argument_is_not_taken_for_one(run, error):
    class Broken(ClickMeetingListConferencesOperator):
        def execute(self, context):
            raise error

    with pytest.raises(type(error)) as found:
        run(Broken)
    assert found.value is error


def test_a_room_that_exists_already(error_of, sandbox):
    sandbox.add_room(name="Talk", custom_room_url_name="talk")
    error = error_of(ClickMeetingCreateConferenceOperator, name="Talk", custom_room_url_name="talk", if_exists="fail")
    assert type(error) is RoomExistsError
    assert isinstance(error, AirflowFailException)


def test_a_limit_of_the_account(error_of, sandbox):
    sandbox.switch(max_rooms=1)
    sandbox.add_room(name="Talk")
    assert type(error_of(ClickMeetingCreateConferenceOperator, name="Other")) is ForbiddenError


def test_an_error_that_may_pass_is_of_the_plain_kind(error_of):
    passing = error_of(ClickMeetingGetConferenceOperator, room_id=404).retryable("it may come")
    assert type(passing) is ClickMeetingError
    assert (passing.code, passing.operation, passing.path) == (404, "get_conference", "conferences/404")
    assert str(passing).startswith("get_conference: NOT_FOUND: Meeting room not found; it may come (conferences/404, ")


class TestManyThings:
    """One after the other, in the order of their ids."""

    @pytest.fixture
    def export(self, error_of, tmp_path):
        def export(**arguments):
            path = f"{tmp_path}/people.csv"
            return error_of(ClickMeetingExportRegistrationsOperator, path=path, max_parallel=1, **arguments)

        return export

    def test_rooms_that_are_gone(self, export):
        assert isinstance(export(room_id=[404, 405]), AirflowFailException)
        assert isinstance(export(room_id=404), NotFoundError)

    def test_a_room_that_is_gone_and_one_that_cannot_be_read_now(self, export, sandbox, room_id):
        sandbox.fault("list_registrations", "status", status=500, skip=1, times=None)
        error = export(room_id=[404, room_id])
        assert str(error).startswith("2 of 2 items failed (max_failures=0): ")
        assert not isinstance(error, AirflowFailException)

    def test_a_room_that_went_after_it_was_listed(self, export, sandbox, room_id):
        sandbox.add_room(name="Other", registration={"enabled": 1})
        sandbox.fault("list_registrations", "status", status=404, skip=1)
        error = export(room_id="all")
        assert not isinstance(error, AirflowFailException), "a retry lists the rooms again"

    def test_an_archive_of_a_room_that_is_gone(self, error_of, tmp_path):
        error = error_of(ClickMeetingArchiveRecordingsOperator, room_id=404, folder=f"{tmp_path}/archive/")
        assert isinstance(error, AirflowFailException)

    def test_an_archive_of_a_room_that_is_gone_and_one_that_cannot_be_read_now(
        self, error_of, sandbox, room_id, tmp_path
    ):
        sandbox.fault("list_recordings", "status", status=500, skip=1, times=None)
        error = error_of(ClickMeetingArchiveRecordingsOperator, room_id=[404, room_id], folder=f"{tmp_path}/archive/")
        assert not isinstance(error, AirflowFailException)


@pytest.mark.parametrize(
    ("arguments", "fault", "tries"),
    [
        ({"room_id": "None"}, None, 1),
        ({"room_id": 404}, None, 1),
        ({}, {"kind": "status", "status": 403}, 1),
        ({}, {"kind": "status", "status": 401}, 3),
        ({}, {"kind": "status", "status": 500}, 3),
    ],
    ids=str,
)
def test_a_task_of_airflow_is_tried_as_often_as_that_makes_sense(
    run_dag, sandbox, room_id, connect, arguments, fault, tries
):
    connect(sandbox, extra={"max_attempts": 1})
    tried = []

    class Counting(ClickMeetingGetConferenceOperator):
        def execute(self, context):
            tried.append(context["ti"].try_number)
            return super().execute(context)

    if fault:
        sandbox.fault("get_conference", times=None, **fault)
    with DAG("retries", schedule=None, default_args={"retries": 2, "retry_delay": timedelta(0)}) as dag:
        Counting(task_id="get", **{"room_id": room_id, **arguments})
    assert run_dag(dag).state == "failed"
    assert len(tried) == tries
