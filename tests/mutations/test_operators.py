"""Whatever a response says: no refusal becomes a DELETE, no row is lost without a failure, and no error is raw."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from mutations import Place, mutations

from airflow_clickmeeting.compat import AirflowException
from airflow_clickmeeting.exceptions import ClickMeetingError, DeletionRefusedError, WrongArgumentError
from airflow_clickmeeting.operators.conferences import (
    ClickMeetingCheckDriftOperator,
    ClickMeetingCreateConferenceOperator,
    ClickMeetingDeleteConferenceOperator,
    ClickMeetingPurgeConferencesOperator,
    ClickMeetingUpdateConferenceOperator,
)
from airflow_clickmeeting.operators.invitations import ClickMeetingBulkSendInvitationsOperator
from airflow_clickmeeting.operators.recordings import ClickMeetingArchiveRecordingsOperator
from airflow_clickmeeting.operators.registrations import ClickMeetingBulkRegisterParticipantsOperator
from airflow_clickmeeting.sensors.clickmeeting import (
    ClickMeetingConferenceStatusSensor,
    ClickMeetingFileConvertedSensor,
    ClickMeetingRecordingReadySensor,
    ClickMeetingRegistrationsSensor,
    ClickMeetingSessionEndedSensor,
    ClickMeetingSessionReportSensor,
    ClickMeetingSessionStartedSensor,
    ClickMeetingStartsSoonSensor,
)
from airflow_clickmeeting.transfers.exports import (
    ClickMeetingExportAttendanceOperator,
    ClickMeetingExportAttendeesOperator,
    ClickMeetingExportConferencesOperator,
    ClickMeetingExportPollAnswersOperator,
    ClickMeetingExportRecordingsOperator,
    ClickMeetingExportRegistrationsOperator,
    ClickMeetingExportSessionsOperator,
)
from airflow_clickmeeting.transfers.person import ClickMeetingExportPersonOperator

NOW = datetime.now(UTC).replace(microsecond=0)
NOT_FOUND = {"code": 404, "name": "NOT_FOUND", "errors": [{"message": "Meeting room not found."}]}


def moment(**ago: float) -> str:
    return (NOW - timedelta(**ago)).isoformat()


TEST_ROOM = {
    "id": 7,
    "name": "Test 7",
    "name_url": "test-7",
    "room_type": "webinar",
    "status": "inactive",
    "permanent_room": True,
    "created_at": moment(days=400),
    "updated_at": moment(days=200),
}
SCHEDULED = TEST_ROOM | {"permanent_room": False, "starts_at": moment(days=-5), "ends_at": moment(days=-5, hours=-1)}
BOARD = TEST_ROOM | {"id": 8, "name": "Board of directors", "name_url": "board"}
SESSION = {
    "id": 70,
    "total_visitors": 2,
    "max_visitors": 2,
    "start_date": moment(days=90, hours=1),
    "end_date": moment(days=90),
}
RUNNING = SESSION | {"start_date": moment(hours=1), "end_date": None}
RECORDING = {
    "id": 700,
    "conference_id": 7,
    "recording_name": "Talk",
    "recording_file_size": 100,
    "recording_duration": 60,
    "recording_url": "http://clickmeeting.example.com/700.mp4?st=x",
    "recorder_start_date": moment(days=90, hours=1),
}
PEOPLE = [
    {"uid": str(number), "role": "listener", "nickname": name, "email": f"{name}@example.com"}
    | {"start_date": SESSION["start_date"], "end_date": SESSION["end_date"]}
    for number, name in enumerate(("ada", "bob"), start=1)
]
REGISTRATION = {
    "id": 5,
    "visitor_nickname": "ada",
    "email": "ada@example.com",
    "registration_date": moment(days=91),
    "registration_confirmed": "null",
    "session_id": 70,
    "fields": {"First Name": "Ada", "Last Name": "Lovelace", "Email Address": "ada@example.com"},
}
ACCOUNT: dict[str, Any] = {
    "conferences/active?page=1": [BOARD],
    "conferences/inactive?page=1": [TEST_ROOM],
    "conferences/7": {"conference": TEST_ROOM},
    "conferences/8": {"conference": BOARD},
    "conferences/7/sessions": [SESSION],
    "conferences/8/sessions": [],
    "conferences/7/sessions/70/attendees": PEOPLE,
    "conferences/7/registrations/all": [REGISTRATION],
    "conferences/8/registrations/all": [],
    "conferences/7/recordings": [],
    "conferences/8/recordings": [],
    "conferences/7/sessions/70/generate-pdf/en": {"status": "FINISHED", "progress": 100, "url": "x"},
    "file-library/3": {"id": 3, "name": "a.pdf", "status": "converted", "document_type": "pdf"},
    "POST conferences": {"room": TEST_ROOM | {"status": "active"}},
    "PUT conferences/7": {"conference": TEST_ROOM},
    "DELETE conferences/7": {"result": "OK"},
    "DELETE conferences/8": {"result": "OK"},
    "POST conferences/7/registration": {"status": "OK", "exist": 0},
    "POST conferences/7/invitation/email/en": {"status": "OK"},
}


@pytest.fixture
def serve(account) -> Callable[..., list[tuple[str, str]]]:
    """Let the account answer with given data, and return the list of what is sent to it."""

    def serve(answers: dict[str, Any]) -> list[tuple[str, str]]:
        gone: set[str] = set()

        def answer(method: str, path: str) -> tuple[int, bytes]:
            if method == "DELETE":
                gone.add(path)
            found = answers.get(path if method == "GET" else f"{method} {path}", NOT_FOUND)
            found = NOT_FOUND if method == "GET" and path in gone else found
            return (404 if found is NOT_FOUND else 200), json.dumps(found).encode()

        account.answer, account.sent = answer, []
        return account.sent

    return serve


def mutated(answers: dict[str, Any], *paths: str) -> Iterator[tuple[dict[str, Any], Place]]:
    """Yield an account for each mutation of one of the responses.

    A list that lost an item, or all of them, is not among them, since that is another account and no odd response.
    """
    for path in paths:
        for place, value in mutations(answers[path]):
            is_shorter = isinstance(answers[path], list) and isinstance(value, list) and len(value) < len(answers[path])
            if not is_shorter:
                yield answers | {path: value}, place


def outcome(operator: Any) -> Any:
    """Return what a task returns, or the error that a person on call understands; other errors fail the test."""
    try:
        return operator.execute({})
    except WrongArgumentError:
        raise
    except (AirflowException, DeletionRefusedError) as error:
        return error


REFUSED = {
    "it is planned": ({"conferences/7": {"conference": SCHEDULED}, "conferences/7/sessions": []}, "conferences/7"),
    "it is running": ({"conferences/7/sessions": [RUNNING]}, "conferences/7/sessions"),
    "it was recorded": ({"conferences/7/recordings": [RECORDING]}, "conferences/7/recordings"),
}


@pytest.mark.parametrize(("differs", "path"), REFUSED.values(), ids=REFUSED)
def test_no_mutation_turns_a_refusal_into_a_deletion(serve, differs, path, count_mutations):
    operator = ClickMeetingDeleteConferenceOperator(task_id="x", room_id=7)
    serve(ACCOUNT | differs)
    assert isinstance(outcome(operator), DeletionRefusedError)
    for answers, _ in mutated(ACCOUNT | differs, path):
        count_mutations()
        sent = serve(answers)
        assert isinstance(outcome(operator), DeletionRefusedError | ClickMeetingError), answers[path]
        assert "DELETE" not in dict(sent), answers[path]


def test_no_mutated_denial_is_a_deletion(serve, count_mutations):
    operator = ClickMeetingDeleteConferenceOperator(task_id="x", room_id=7)
    serve(ACCOUNT)
    assert outcome(operator)["deleted"] is True
    for answers, _ in mutated(ACCOUNT, "DELETE conferences/7"):
        count_mutations()
        serve(answers)
        found = outcome(operator)
        said = answers["DELETE conferences/7"]
        is_success = isinstance(said, dict) and str(said.get("result")).lower() in ("ok", "deleted")
        assert is_success == (not isinstance(found, Exception)), said


@pytest.mark.parametrize("force", [False, True])
def test_no_mutation_lets_a_purge_delete_another_room(serve, force, count_mutations):
    operator = ClickMeetingPurgeConferencesOperator(
        task_id="x", name_matches="Test *", status="all", older_than="P30D", permanent_rooms=True, force=force
    )
    sent = serve(ACCOUNT)
    outcome(operator)
    assert ("DELETE", "conferences/7") in sent
    paths = ["conferences/active?page=1", "conferences/inactive?page=1", "conferences/7", "conferences/8"]
    for answers, _ in mutated(ACCOUNT, *paths, "conferences/7/sessions", "conferences/7/recordings"):
        count_mutations()
        sent = serve(answers)
        outcome(operator)
        assert ("DELETE", "conferences/8") not in sent, answers


EXPORTS = {
    ClickMeetingExportConferencesOperator: ["conferences/active?page=1", "conferences/inactive?page=1"],
    ClickMeetingExportSessionsOperator: ["conferences/inactive?page=1", "conferences/7/sessions"],
    ClickMeetingExportAttendeesOperator: ["conferences/7/sessions", "conferences/7/sessions/70/attendees"],
    ClickMeetingExportRegistrationsOperator: ["conferences/7/registrations/all"],
    ClickMeetingExportRecordingsOperator: ["conferences/7/recordings"],
    ClickMeetingExportAttendanceOperator: [
        "conferences/7/sessions",
        "conferences/7/sessions/70/attendees",
        "conferences/7/registrations/all",
    ],
}


def rows_of(path: Any) -> int:
    with path.open(newline="") as file:
        return sum(1 for _ in csv.reader(file)) - 1


@pytest.mark.parametrize("export", EXPORTS, ids=lambda each: each.__name__)
def test_no_row_is_lost_without_a_failure(serve, export, tmp_path, count_mutations):
    target = tmp_path / "x.csv"
    operator = export(task_id="x", path=str(target), max_failures=1000)
    account = ACCOUNT | {"conferences/7/recordings": [RECORDING]}
    serve(account)
    assert outcome(operator)["failure_count"] == 0
    rows = rows_of(target)
    for answers, place in mutated(account, *EXPORTS[export]):
        count_mutations()
        serve(answers)
        found = outcome(operator)
        is_running = place == (0, "end_date") and answers["conferences/7/sessions"][0].get("end_date") in (None, "")
        if not isinstance(found, Exception) and not is_running:
            assert found["rows"] >= rows or found["failure_count"], (place, answers)


def test_no_answer_to_a_poll_is_lost_without_a_failure(serve, tmp_path, count_mutations):
    answers = [{"points": 1, "value": "Good"}, {"points": 0, "value": "Long"}]
    polls = [{"name": "Feedback", "questions": [{"question": "How was it?", "answers": answers}]}]
    path = "conferences/7/sessions/70/attendees"
    account = ACCOUNT | {path: [PEOPLE[0] | {"polls": polls}]}
    operator = ClickMeetingExportPollAnswersOperator(task_id="x", path=str(tmp_path / "x.csv"), max_failures=1000)
    for response, place in mutated(account, path):
        count_mutations()
        serve(response)
        found = outcome(operator)
        # an entry of another shape has no polls that anybody could find
        if not isinstance(found, Exception) and not found["failure_count"] and "polls" in place:
            said, written = json.dumps(response[path]), (tmp_path / "x.csv").read_text()
            assert [text for text in ("Good", "Long") if text in said and text not in written] == [], (place, said)


def find_ada(folder: Path) -> Any:
    target = str(folder / "x.json")
    wanted = {"email_address": "ada@example.com", "path": target, "room_id": 7, "max_failures": 1000}
    return outcome(ClickMeetingExportPersonOperator(task_id="x", **wanted))


@pytest.mark.parametrize(
    ("path", "kind"),
    [("conferences/7/sessions/70/attendees", "attendances"), ("conferences/7/registrations/all", "registrations")],
)
def test_nothing_of_a_person_is_lost_without_a_failure(serve, tmp_path, count_mutations, path, kind):
    for response, place in mutated(ACCOUNT | {"chats": []}, path):
        count_mutations()
        serve(response)
        found = find_ada(tmp_path)
        # an item of another shape has no address that anybody could find
        if not isinstance(found, Exception) and found["complete"] and len(place) > 1:
            assert found[kind] or "ada@example.com" not in json.dumps(response[path]), (place, response[path])


@pytest.mark.parametrize("path", ["conferences/7/sessions", "conferences/7/sessions/70/attendees"])
def test_nothing_of_a_person_is_lost_if_a_long_list_breaks_off(account, tmp_path, mocker, count_mutations, path):
    mocker.patch("airflow_clickmeeting.hooks.clickmeeting.MAX_IN_MEMORY", 10)

    def answer(_method: str, requested: str) -> tuple[int, bytes]:
        body = json.dumps(({"chats": []} | ACCOUNT).get(requested, []))
        return 200, (body[:-5] if requested == path else body).encode()

    account.answer = answer
    count_mutations()
    assert find_ada(tmp_path)["complete"] is False


SENSORS = [
    (ClickMeetingSessionStartedSensor(task_id="x", room_id=7, since=moment(days=100)), "conferences/7/sessions"),
    (ClickMeetingSessionEndedSensor(task_id="x", room_id=7, since=moment(days=100)), "conferences/7/sessions"),
    (
        ClickMeetingSessionEndedSensor(task_id="x", room_id=7, since=moment(days=100)),
        "conferences/7/sessions/70/attendees",
    ),
    (ClickMeetingRecordingReadySensor(task_id="x", room_id=7, since=moment(days=100)), "conferences/7/recordings"),
    (ClickMeetingConferenceStatusSensor(task_id="x", room_id=7), "conferences/7"),
    (ClickMeetingStartsSoonSensor(task_id="x", room_id=7, before="P1D"), "conferences/7"),
    (ClickMeetingRegistrationsSensor(task_id="x", room_id=7), "conferences/7/registrations/all"),
    (
        ClickMeetingSessionReportSensor(task_id="x", room_id=7, session_id=70),
        "conferences/7/sessions/70/generate-pdf/en",
    ),
    (ClickMeetingFileConvertedSensor(task_id="x", file_id=3), "file-library/3"),
]


@pytest.mark.parametrize(("sensor", "path"), SENSORS, ids=lambda each: type(each).__name__)
def test_no_mutation_breaks_a_sensor(serve, sensor, path, count_mutations):
    for answers, _ in mutated(ACCOUNT | {"conferences/7/recordings": [RECORDING]}, path):
        count_mutations()
        serve(answers)
        try:
            sensor.poke({})
        except ClickMeetingError:
            continue


def test_no_mutation_breaks_what_writes(serve, tmp_path, count_mutations):
    person = {"email": "ada@example.com", "First Name": "Ada", "Last Name": "Lovelace"}
    room = {"task_id": "x", "room_id": 7}
    writes: dict[str, tuple[Any, list[str]]] = {
        "create": (
            lambda: ClickMeetingCreateConferenceOperator(
                task_id="x", name="Test 7", room_type="webinar", permanent_room=True
            ),
            ["conferences/active?page=1", "POST conferences"],
        ),
        "update": (
            lambda: ClickMeetingUpdateConferenceOperator(**room, name="Test 7"),
            ["conferences/7", "PUT conferences/7"],
        ),
        "drift": (lambda: ClickMeetingCheckDriftOperator(**room, name="Test 7"), ["conferences/7"]),
        "register": (
            lambda: ClickMeetingBulkRegisterParticipantsOperator(**room, people=[person], max_failures=1),
            ["conferences/7", "POST conferences/7/registration"],
        ),
        "invite": (
            lambda: ClickMeetingBulkSendInvitationsOperator(
                **room, people=["ada@example.com"], ledger=f"{tmp_path}/{len(list(tmp_path.iterdir()))}.jsonl"
            ),
            ["conferences/7", "POST conferences/7/invitation/email/en"],
        ),
        "archive": (
            lambda: ClickMeetingArchiveRecordingsOperator(**room, folder=f"{tmp_path}/archive/", max_failures=10),
            ["conferences/7/recordings"],
        ),
    }
    for create, paths in writes.values():
        for answers, _ in mutated(ACCOUNT, *paths):
            count_mutations()
            serve(answers)
            outcome(create())
