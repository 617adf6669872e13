"""Deletions: what safety checks block, what a dry run does, the audit, and what happens when requests fail."""

from __future__ import annotations

import json
import pickle
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from types import SimpleNamespace

import pytest
from airflow.sdk import DAG, ObjectStoragePath

from airflow_clickmeeting.compat import AirflowFailException
from airflow_clickmeeting.exceptions import (
    ClickMeetingError,
    ConnectionFailedError,
    DeletionRefusedError,
    ServerError,
    UnexpectedAnswerError,
)
from airflow_clickmeeting.hooks.clickmeeting import ClickMeetingHook
from airflow_clickmeeting.operators.conferences import ClickMeetingDeleteConferenceOperator
from airflow_clickmeeting.operators.recordings import (
    ClickMeetingArchiveRecordingsOperator,
    ClickMeetingDeleteAllRecordingsOperator,
    ClickMeetingDeleteRecordingOperator,
)

DELETIONS = ("delete_conference", "delete_recording", "delete_all_recordings")
OPERATORS = {
    "delete_conference": ClickMeetingDeleteConferenceOperator,
    "delete_recording": ClickMeetingDeleteRecordingOperator,
    "delete_all_recordings": ClickMeetingDeleteAllRecordingsOperator,
}
every_deletion = pytest.mark.parametrize("operation", DELETIONS)
MONTHS = timedelta(days=60)


@pytest.fixture
def old(sandbox):
    """A webinar of two months ago, without a recording."""
    return sandbox.add_room(name="Old talk", starts_at=sandbox.now - MONTHS, duration=1)["id"]


@pytest.fixture
def recording_id(sandbox, old):
    return sandbox.add_recording(old, size=3000, duration=3600)


@pytest.fixture
def archived(run, old, recording_id, tmp_path):
    """The folder in which the recording was archived."""
    folder = f"{tmp_path}/archive"
    run(ClickMeetingArchiveRecordingsOperator, room_id=old, folder=folder)
    return folder


@pytest.fixture
def delete(run, old, recording_id):
    """Delete the old room, its one recording, or all its recordings."""

    def delete(operation, **more):
        one = {"recording_id": recording_id} if operation == "delete_recording" else {}
        return run(OPERATORS[operation], **{"room_id": old, **one, **more})

    return delete


@pytest.fixture
def refused(delete, sandbox):
    """Have a deletion refused, and return why."""

    def refused(operation, **more):
        before = sandbox.state["rooms"]
        with pytest.raises(DeletionRefusedError) as error:
            delete(operation, **more)
        assert not sandbox.counts.keys() & {*DELETIONS}
        assert sandbox.state["rooms"] == before
        return str(error.value)

    return refused


@pytest.fixture
def gone(sandbox, old, room_in):
    """Return whether the object of a deletion was deleted."""

    def gone(operation):
        if operation == "delete_conference":
            return sandbox.state["rooms"] == []
        return room_in(old)["recordings"] == []

    return gone


class TestNet:
    @every_deletion
    def test_what_is_archived_and_old_goes(self, delete, archived, old, recording_id, gone, operation):
        assert delete(operation, archive=archived) == {
            "room_id": old,
            "name": "Old talk",
            "recordings": [recording_id],
            "deleted": True,
            "dry_run": False,
            "blockers": [],
        }
        assert gone(operation)

    @every_deletion
    def test_a_recording_that_no_archive_covers(self, refused, old, recording_id, operation):
        told = refused(operation)
        assert f"{operation}: room {old} ('Old talk'): no archive manifest covers recording {recording_id}." in told

    @every_deletion
    @pytest.mark.parametrize("trouble", ["elsewhere", "file gone", "file short", "damaged"])
    def test_an_archive_that_does_not_prove_it(
        self, refused, archived, old, recording_id, tmp_path, operation, trouble
    ):
        video = tmp_path / "archive" / f"recording-{old}-{recording_id}.mp4"
        if trouble == "file gone":
            video.unlink()
        elif trouble == "file short":
            video.write_bytes(b"short")
        elif trouble == "damaged":
            (tmp_path / "archive" / f"recordings-{old}.json").write_text("[]")
        folder = f"{tmp_path}/elsewhere" if trouble == "elsewhere" else archived
        told = refused(operation, archive=folder)
        assert f"no archive manifest covers recording {recording_id}" in told
        assert ("must be the manifest of room" in told) is (trouble == "damaged")

    @every_deletion
    def test_a_recording_that_is_still_processed(self, refused, sandbox, run, archived, old, operation):
        sandbox.switch(unready_recordings="sizeless", recordings_delay=3600)
        start = sandbox.now - timedelta(minutes=70)
        session = {"start": start, "end": start + timedelta(hours=1), "recordings": [{"size": 10}]}
        sandbox.play(old, **session)
        if operation == "delete_recording":
            (pending,) = [r["id"] for r in ClickMeetingHook().list_recordings(old) if not r["recording_file_size"]]
            told = refused(operation, archive=archived, grace=timedelta(0), recording_id=pending)
        else:
            told = refused(operation, archive=archived, grace=timedelta(0))
        assert "ClickMeeting still processes recording" in told

    def test_for_one_recording_the_others_do_not_matter(self, delete, sandbox, archived, old, recording_id, room_in):
        other = sandbox.add_recording(old, size=10)
        assert delete("delete_recording", archive=archived)["recordings"] == [recording_id]
        assert room_in(old)["recordings"] == [other]

    @every_deletion
    def test_a_session_within_the_grace(self, refused, delete, sandbox, archived, old, gone, operation):
        start = sandbox.now - timedelta(days=10)
        session_id = sandbox.play(old, start=start, end=start + timedelta(hours=1))
        told = refused(operation, archive=archived)
        assert f"session {session_id} ended at 2027-01-22T" in told
        assert told.count("within the grace of 30 days") == 1
        assert delete(operation, archive=archived, grace="P9D")["deleted"]
        assert gone(operation)

    @every_deletion
    @pytest.mark.parametrize("end", ["null", "absent", "now"])
    def test_a_session_that_runs(self, refused, sandbox, archived, old, operation, end):
        sandbox.switch(running_end=end)
        session_id = sandbox.play(old, start=sandbox.now - timedelta(hours=1), end=sandbox.now + timedelta(hours=1))
        assert f"session {session_id} is running, or ended just now" in refused(
            operation, archive=archived, grace=timedelta(0)
        )

    @every_deletion
    def test_a_session_to_come(self, refused, sandbox, run, archived, operation):
        coming = sandbox.add_room(name="Soon", starts_at=sandbox.now + timedelta(days=1), duration=1)["id"]
        recording = {"recording_id": sandbox.add_recording(coming, size=10)} if operation == "delete_recording" else {}
        if operation == "delete_all_recordings":
            sandbox.add_recording(coming, size=10)
        assert "it is scheduled until 2027-02-02T14:00:00+01:00" in refused(operation, room_id=coming, **recording)

    def test_time_is_clickmeetings(self, refused, delete, sandbox, archived):
        sandbox.set_time(sandbox.now - MONTHS)  # there the webinar is about to begin
        assert "it is scheduled until" in refused("delete_conference", archive=archived)
        sandbox.set_time(sandbox.now + timedelta(days=40))
        assert delete("delete_conference", archive=archived)["deleted"]

    def test_a_permanent_room_in_which_nobody_met_goes(self, delete, sandbox):
        office = sandbox.add_room(name="Office", permanent_room=1, starts_at=None)["id"]
        assert delete("delete_conference", room_id=office)["deleted"]

    def test_what_cannot_be_judged_is_not_deleted(self, delete, sandbox, archived):
        sandbox.fault("list_sessions", "status", status=500)
        with pytest.raises(ServerError, match="list_sessions"):
            delete("delete_conference", archive=archived, force=True)
        assert sandbox.count("delete_conference") == 0

    @every_deletion
    def test_force_passes_over_all_reasons_and_tells_them(self, delete, gone, recording_id, operation):
        done = delete(operation, force=True)
        assert done["deleted"] is True
        assert done["blockers"] == [f"no archive manifest covers recording {recording_id}"]
        assert gone(operation)

    def test_a_refusal_fails_the_task_at_once_and_can_be_pickled(self, delete):
        with pytest.raises(AirflowFailException) as error:
            delete("delete_conference")
        again = pickle.loads(pickle.dumps(error.value))
        assert (type(again), str(again)) == (DeletionRefusedError, str(error.value))

    @every_deletion
    def test_what_is_gone_already_is_no_failure(self, run, sandbox, operation):
        one = {"recording_id": 9} if operation == "delete_recording" else {}
        nothing = {"name": None, "recordings": [], "deleted": False, "dry_run": False, "blockers": []}
        assert run(OPERATORS[operation], room_id=404, **one) == {"room_id": 404, **nothing}
        assert sandbox.count(operation) == 0


class TestClocks:
    """A deletion is judged by the earlier of ClickMeeting's clock and that of the machine."""

    AHEAD = timedelta(days=40)

    @pytest.fixture
    def real(self, sandbox):
        """A ClickMeeting that does not say that it is a sandbox, with the clock of this machine."""
        sandbox.set_time(datetime.now(UTC))
        sandbox.set_speed(1)

        def real(**ahead):
            for operation, length in ahead.items():
                date = format_datetime(sandbox.now + length, usegmt=True)
                headers = {"x-clickmeeting-sandbox": "", "date": date}
                sandbox.fault(operation, "changed", times=None, headers=headers)
            sandbox.fault("*", "changed", times=None, headers={"x-clickmeeting-sandbox": ""})

        return real

    @pytest.fixture(params=["planned", "running", "within the grace"])
    def room_id(self, request, sandbox, real):
        if request.param == "planned":
            return sandbox.add_room(name="Board", starts_at=sandbox.now + timedelta(days=5), duration=1)["id"]
        room_id = sandbox.add_room(name="Board", permanent_room=True)["id"]
        start = sandbox.now - (timedelta(days=9) if request.param == "within the grace" else timedelta(minutes=20))
        sandbox.play(room_id, start=start, end=start + timedelta(hours=1))
        return room_id

    @pytest.mark.parametrize("wrong", ["get_conference", "list_sessions", "list_recordings"])
    def test_a_date_far_ahead_on_any_answer_deletes_nothing(self, run, sandbox, real, room_id, wrong):
        real(**{wrong: self.AHEAD})
        with pytest.raises(DeletionRefusedError):
            run(ClickMeetingDeleteConferenceOperator, room_id=room_id)
        assert [room["id"] for room in sandbox.state["rooms"]] == [room_id]
        assert sandbox.count("delete_conference") == 0

    @pytest.mark.parametrize("wrong", [AHEAD, -AHEAD])
    def test_clocks_that_are_far_apart_block_a_deletion(self, run, sandbox, real, wrong):
        room_id = sandbox.add_room(name="Old", starts_at=sandbox.now - timedelta(days=200), duration=1)["id"]
        real(list_recordings=wrong)
        with pytest.raises(DeletionRefusedError, match=r"the clocks of this machine .* differ by more than 10 minutes"):
            run(ClickMeetingDeleteConferenceOperator, room_id=room_id)
        assert sandbox.count("delete_conference") == 0

    def test_clocks_that_agree_delete(self, run, sandbox, real):
        room_id = sandbox.add_room(name="Old", starts_at=sandbox.now - timedelta(days=200), duration=1)["id"]
        real()
        assert run(ClickMeetingDeleteConferenceOperator, room_id=room_id)["deleted"]


class TestProof:
    """What ClickMeeting accepts is read again; only what is gone counts as deleted."""

    @every_deletion
    @pytest.mark.parametrize(
        "answer",
        [{"result": "OK"}, {"result": "ERROR"}, {"status": "error"}, {"error": "no"}, {"success": False}, False, None],
    )
    def test_an_answer_that_did_nothing_is_no_deletion(
        self, delete, sandbox, archived, gone, folder, lines_in, operation, answer
    ):
        sandbox.fault(operation, "answer", json=answer)
        with pytest.raises(ClickMeetingError):
            delete(operation, archive=archived, audit_path=f"{folder}/")
        assert not gone(operation)
        ((asked, failed),) = lines_in(folder)
        assert (asked["outcome"], failed["outcome"] in ("failed", "unconfirmed")) == ("asked", True)
        assert delete(operation, archive=archived)["deleted"] is True
        assert gone(operation)

    @every_deletion
    def test_a_deletion_that_cannot_be_checked_is_unconfirmed(
        self, delete, sandbox, archived, folder, lines_in, operation
    ):
        check = "get_conference" if operation == "delete_conference" else "list_recordings"
        sandbox.fault(check, "status", status=500, skip=1, times=1)
        with pytest.raises(ServerError):
            delete(operation, archive=archived, audit_path=f"{folder}/")
        ((_, last),) = lines_in(folder)
        assert last["outcome"] == "unconfirmed"
        assert delete(operation, archive=archived)["deleted"] is False


class TestOnlyClickMeetingSaysSo:
    @every_deletion
    def test_a_page_of_html_does_not_say_that_there_are_no_sessions(self, sandbox, delete, gone, operation, archived):
        sandbox.fault("list_sessions", "html404", times=None)
        with pytest.raises(UnexpectedAnswerError, match="HTTP 404 with no JSON"):
            delete(operation, archive=archived)
        assert sandbox.count(operation) == 0

    @every_deletion
    def test_a_wrong_api_url_does_not_say_that_it_was_gone(self, sandbox, delete, connect, operation, archived):
        connect(sandbox, host=sandbox.url.replace("/v1", "/v2"))
        with pytest.raises(ClickMeetingError):
            delete(operation, archive=archived)

    def test_the_answer_about_another_room_is_an_error(self, sandbox, delete, archived):
        sandbox.fault("get_conference", "wrong_id", times=None)
        with pytest.raises(UnexpectedAnswerError, match="expected the object with the id"):
            delete("delete_conference", archive=archived)
        assert sandbox.count("delete_conference") == 0


class TestDryRun:
    @every_deletion
    @pytest.mark.parametrize("covered", [True, False])
    def test_it_returns_what_would_be_deleted_and_what_blocks_it(
        self, delete, sandbox, archived, old, recording_id, gone, operation, covered
    ):
        sandbox.forget_requests()
        done = delete(operation, dry_run="True", archive=archived if covered else None)
        assert (done["deleted"], done["dry_run"], done["recordings"]) == (False, True, [recording_id])
        assert done["blockers"] == ([] if covered else [f"no archive manifest covers recording {recording_id}"])
        assert {entry["method"] for entry in sandbox.log()} == {"GET"}
        assert not gone(operation)

    @pytest.mark.parametrize(
        ("more", "told"), [({}, "would be refused"), ({"force": True}, "would be sent")], ids=["refused", "forced"]
    )
    def test_the_log_tells_it_too(self, told_by, sandbox, old, recording_id, more, told):
        _, log = told_by(ClickMeetingDeleteConferenceOperator, room_id=old, dry_run=True, **more)
        assert f"Dry run: delete_conference of room {old} ('Old talk') with recordings [{recording_id}] {told}; " in log
        assert f"blocked by: no archive manifest covers recording {recording_id}" in log
        assert "Audit" not in log

    def test_what_is_gone_is_not_written_down(self, told_by, tmp_path):
        done, log = told_by(
            ClickMeetingDeleteConferenceOperator, room_id=404, dry_run=True, audit_path=f"{tmp_path}/audit/"
        )
        assert (done["deleted"], done["dry_run"]) == (False, True)
        assert "Audit" not in log
        assert not (tmp_path / "audit").exists()


@pytest.fixture
def lines_in():
    """Return the audit lines of a file, or of all files of a folder in the order of their names."""

    def lines_in(place):
        path = ObjectStoragePath(place)
        files = [path] if path.is_file() else sorted(path.iterdir(), key=lambda file: file.name)
        return [[json.loads(line) for line in file.read_text().splitlines()] for file in files]

    return lines_in


class TestAudit:
    @every_deletion
    def test_who_deleted_what_and_when_is_in_a_file_of_its_own(
        self, old, recording_id, sandbox, folder, lines_in, operation
    ):
        one = {"recording_id": recording_id} if operation == "delete_recording" else {}
        task = SimpleNamespace(dag_id="tidy", task_id="t", run_id="manual__1", map_index=3, try_number=2, other=1)
        operator = OPERATORS[operation](task_id="t", room_id=old, force=True, audit_path=f"{folder}/", **one)
        operator.execute({"ti": task})
        line = {
            "at": "2027-02-01T12:00:00+00:00",
            "dag_id": "tidy",
            "task_id": "t",
            "run_id": "manual__1",
            "map_index": 3,
            "try_number": 2,
            "connection": "clickmeeting_default",
            "operation": operation,
            "room_id": old,
            "name": "Old talk",
            "recordings": [recording_id],
            "blockers": [f"no archive manifest covers recording {recording_id}"],
            "forced": True,
        }
        assert lines_in(folder) == [[{**line, "outcome": "asked"}, {**line, "outcome": "deleted"}]]

    def test_airflow_itself_says_who(self, run_dag, sandbox, old, tmp_path, lines_in):
        with DAG("tidy", schedule=None) as dag:
            ClickMeetingDeleteConferenceOperator.partial(
                task_id="delete", audit_path="{{ params.audit }}/", grace="P{{ 3 * 7 }}D"
            ).expand(room_id=[old, 404])
        run = run_dag(dag, run_conf={"audit": f"{tmp_path}/audit"})
        assert run.state == "success"
        lines = [line for file in lines_in(f"{tmp_path}/audit") for line in file]
        assert {(line["dag_id"], line["task_id"], line["run_id"]) for line in lines} == {("tidy", "delete", run.run_id)}
        assert sorted((line["map_index"], line["outcome"]) for line in lines) == [
            (0, "asked"),
            (0, "deleted"),
            (1, "was gone"),
        ]

    def test_the_log_has_the_lines_in_any_case(self, told_by, old):
        _, log = told_by(ClickMeetingDeleteConferenceOperator, room_id=old)
        told = [json.loads(line.partition("Audit: ")[2]) for line in log.splitlines() if "Audit: " in line]
        assert [(line["operation"], line["room_id"], line["outcome"]) for line in told] == [
            ("delete_conference", old, "asked"),
            ("delete_conference", old, "deleted"),
        ]

    def test_one_file_gets_the_lines_of_all_if_it_is_local(self, delete, folder, lines_in, sandbox):
        if str(folder).startswith("memory:"):
            with pytest.raises(ValueError, match="audit_path must be a folder with a slash at its end"):
                delete("delete_conference", force=True, audit_path=f"{folder}/audit.jsonl")
            assert not sandbox.counts.keys() & {*DELETIONS}
            return
        for operation in ("delete_recording", "delete_all_recordings", "delete_conference"):
            delete(operation, force=True, audit_path=f"{folder}/audit.jsonl")
        (lines,) = lines_in(f"{folder}/audit.jsonl")
        assert [(line["operation"], line["outcome"]) for line in lines] == [
            ("delete_recording", "asked"),
            ("delete_recording", "deleted"),
            ("delete_all_recordings", "was gone"),
            ("delete_conference", "asked"),
            ("delete_conference", "deleted"),
        ]

    def test_it_is_asked_for_only_once_that_is_written(self, delete, sandbox, tmp_path, archived):
        (tmp_path / "file").write_text("")
        for path in (f"{tmp_path}/file/audit/", f"{tmp_path}/file/audit.jsonl"):
            with pytest.raises(OSError):
                delete("delete_conference", archive=archived, audit_path=path)
        assert sandbox.count("delete_conference") == 0

    def test_a_failure_is_written_down_and_another_try_loses_nothing(self, delete, sandbox, folder, lines_in):
        sandbox.fault("delete_conference", "status", status=500)
        with pytest.raises(ServerError):
            delete("delete_conference", force=True, audit_path=f"{folder}/")
        delete("delete_conference", force=True, audit_path=f"{folder}/")
        first, second = sorted(lines_in(folder), key=lambda lines: lines[-1]["outcome"], reverse=True)
        assert [line["outcome"] for line in first] == ["asked", "failed"]
        assert first[1]["why"].startswith("ServerError: delete_conference: ")
        assert [line["outcome"] for line in second] == ["asked", "deleted"]

    def test_a_worker_that_dies_leaves_what_it_asked_for_and_the_next_try_tells_the_end(
        self, delete, sandbox, mocker, folder, lines_in
    ):
        send = ClickMeetingHook.run

        def dying(hook, call):
            answer = send(hook, call)
            if call.name == "delete_conference":
                raise KeyboardInterrupt
            return answer

        patched = mocker.patch.object(ClickMeetingHook, "run", dying)
        with pytest.raises(KeyboardInterrupt):
            delete("delete_conference", force=True, audit_path=f"{folder}/")
        mocker.stop(patched)
        assert [[line["outcome"] for line in lines] for lines in lines_in(folder)] == [["asked"]]
        assert delete("delete_conference", force=True, audit_path=f"{folder}/")["deleted"] is False
        outcomes = sorted([line["outcome"] for line in lines] for lines in lines_in(folder))
        assert outcomes == [["asked"], ["was gone"]]

    def test_the_archive_writes_the_same_lines(self, told_by, old, recording_id, tmp_path):
        _, log = told_by(
            ClickMeetingArchiveRecordingsOperator, room_id=old, folder=f"{tmp_path}/archive", delete_after=True
        )
        told = [json.loads(line.partition("Audit: ")[2]) for line in log.splitlines() if "Audit: " in line]
        assert [(line["recordings"], line["outcome"]) for line in told] == [
            ([recording_id], "asked"),
            ([recording_id], "deleted"),
        ]


class TestTroubles:
    @every_deletion
    @pytest.mark.parametrize(
        "trouble",
        [
            {"kind": "lost"},
            {"kind": "lost", "times": 3},
            {"kind": "reset", "times": 4},
            {"kind": "429", "times": 4, "retry_after": 0},
            {"kind": "status", "status": 503, "times": 4},
        ],
        ids=lambda trouble: f"{trouble['kind']} {trouble.get('times', 1)}",
    )
    def test_in_the_end_it_is_deleted(self, delete, sandbox, archived, gone, folder, lines_in, operation, trouble):
        other = sandbox.add_room(name="Another")
        sandbox.add_recording(other["id"], size=10)
        sandbox.fault(operation, **trouble)
        done = delete(operation, archive=archived, audit_path=f"{folder}/")
        assert done["deleted"] is True
        (left,) = [room for room in sandbox.state["rooms"] if room["id"] == other["id"]]
        assert len(left["recordings"]) == 1
        assert len(sandbox.state["rooms"]) == (1 if operation == "delete_conference" else 2)
        assert sandbox.state["counts"]["recordings"] == 1
        assert sandbox.count(operation) == 1 + trouble.get("times", 1)
        ((asked, answered),) = lines_in(folder)
        assert asked["outcome"] == "asked"
        # when the request is sent again after a lost response, ClickMeeting responds that it was gone
        lost = trouble["kind"] == "lost" and operation != "delete_all_recordings"
        assert answered["outcome"] == ("was gone" if lost else "deleted")

    @every_deletion
    def test_a_lost_answer_where_it_must_be_found_is_an_error_and_the_next_try_finds_it_gone(
        self, delete, sandbox, archived, gone, operation
    ):
        sandbox.fault(operation, "lost")
        with pytest.raises(ConnectionFailedError):
            delete(operation, archive=archived, ignore_missing=False)
        assert gone(operation)
        assert delete(operation, archive=archived)["deleted"] is False
        assert sandbox.count(operation) == 1

    @pytest.mark.parametrize("operation", ["get_conference", "list_sessions", "list_recordings"])
    def test_errors_while_it_is_read_are_retried(self, delete, sandbox, archived, operation):
        sandbox.fault(operation, "status", status=503, times=4)
        assert delete("delete_conference", archive=archived)["deleted"] is True


@every_deletion
@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"force": "perhaps"}, "force must be true or false; got 'perhaps'."),
        ({"force": None}, "force must be true or false; got None."),
        ({"dry_run": "None"}, "dry_run must be true or false; got 'None'."),
        ({"dry_run": None}, "dry_run must be true or false; got None."),
        ({"ignore_missing": "x"}, "ignore_missing must be true or false; got 'x'."),
        (
            {"grace": "a month"},
            "grace must be a timedelta or ISO 8601 text such as 'P30D', zero or more; got 'a month'.",
        ),
        ({"archive": " "}, "archive must be a text that is not blank; got ' '."),
        ({"archive": "None"}, "archive must be a text that is not blank; got 'None'."),
        ({"audit_path": "None"}, "audit_path must be a text that is not blank; got 'None'."),
    ],
)
def test_a_wrong_argument_is_refused_before_anything_is_sent(refusal, operation, wrong, told):
    one = {"recording_id": 9} if operation == "delete_recording" else {}
    assert refusal(OPERATORS[operation], room_id=7, **one, **wrong) == told
