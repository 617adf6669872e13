"""The example DAGs, run against the sandbox, with their files here and on S3; asset events start some in tests/live."""

from __future__ import annotations

import ast
import json
import re
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from threading import Thread

import pytest
from airflow.sdk import BaseSensorOperator
from thorough import everyday
from webinars import on_both_storages, registering, xcoms_of

from airflow_clickmeeting.sandbox.handle import Sandbox

# Airflow's own `@task.sensor` imports that
pytestmark = pytest.mark.filterwarnings("ignore:.*operator_helpers.determine_kwargs. attribute is deprecated")

EXAMPLES = Path(__file__).parents[2] / "example_dags"
SOURCES = {path.stem: path for path in EXAMPLES.rglob("*.py")}


def test_every_file_loads(examples):
    assert examples.import_errors == {}
    assert set(examples.dags) == SOURCES.keys()


def test_every_example_and_its_tasks_explain_themselves(examples):
    for name, dag in examples.dags.items():
        assert dag.doc_md == ast.get_docstring(ast.parse(SOURCES[name].read_text()), clean=False)
        assert not dag.doc_md.endswith(".md"), "Airflow takes that for the path of a file"
        for told in ("- **It needs**", "- **When it fails**", "- **A second run**"):
            assert told in dag.doc_md, name
        assert not [task.task_id for task in dag.tasks if task.task_type.startswith("ClickMeeting") and not task.doc_md]


def test_the_params_explain_themselves_and_have_ids_of_the_sandbox(examples):
    with Sandbox(seed="demo") as sandbox:
        rooms = {room["id"]: room["sessions"] for room in sandbox.state["rooms"]}
    for dag in examples.dags.values():
        values = dag.params.validate()
        for name in values:
            param = dag.params.get_param(name)
            assert param.description, f"{name} of {dag.dag_id}"
            assert not name.endswith("_id") or (param.schema["type"], param.schema["minimum"]) == ("integer", 1)
        for ids in [values, *values.get("sessions", ())]:
            assert "room_id" not in ids or ids["room_id"] in rooms
            assert "session_id" not in ids or ids["session_id"] in rooms[ids["room_id"]]


@pytest.mark.parametrize("lost", [False, True])
def test_tokens_and_join_links(examples, run_dag, clickmeeting_sandbox, lost):
    if lost:
        clickmeeting_sandbox.fault("generate_tokens", "lost")
    assert run_dag(examples.dags["tokens_and_join_links"]).state == "success"
    counts = {name: clickmeeting_sandbox.count(name) for name in ("generate_tokens", "deactivate_tokens")}
    assert counts == {"generate_tokens": 1, "deactivate_tokens": 1}, (
        "what was lost on the way is counted, not made again"
    )
    room = clickmeeting_sandbox.state["rooms"][0]
    assert len(room["tokens"]) == 4, "three guests and a speaker; the two to spare let nobody in any more"


@pytest.fixture
def old_account(clickmeeting_sandbox, tmp_path):
    """An account with two rooms that ended four months ago, one of last week, and two files of the same name."""
    from airflow_clickmeeting.hooks.clickmeeting import ClickMeetingHook
    from airflow_clickmeeting.storage import upload

    slides = tmp_path / "slides.pdf"
    for text in ("first", "second"):
        slides.write_text(text)
        ClickMeetingHook().upload_file(upload(slides.as_uri()))
    now = clickmeeting_sandbox.now
    for name in ("old", "recorded"):
        room = clickmeeting_sandbox.add_room(name=name, starts_at=now - timedelta(days=120))
    clickmeeting_sandbox.add_recording(room["id"], size=5000)
    clickmeeting_sandbox.add_room(name="new", starts_at=now - timedelta(days=7))
    return clickmeeting_sandbox


@on_both_storages
@pytest.mark.parametrize(("dry_run", "left"), [(True, {"old", "recorded", "new"}), (False, {"new"})])
def test_account_housekeeping(run_example, old_account, tmp_path, dry_run, left):
    assert run_example("account_housekeeping", {"dry_run": dry_run}).state == "success"
    assert {room["name"] for room in old_account.state["rooms"]} == left
    saved = [path.read_text() for path in (tmp_path / "library").rglob("slides.pdf")]
    assert sorted(saved) == ["first", "second"]
    assert [path.stat().st_size for path in (tmp_path / "recordings").glob("*.mp4")] == [5000]
    audit = [json.loads(line) for path in tmp_path.glob("audit/*") for line in path.read_text().splitlines()]
    gone = sorted(line["name"] for line in audit if line["outcome"] == "deleted")
    assert gone == ([] if dry_run else ["old", "recorded"])


def test_account_housekeeping_stops_before_it_deletes_too_much(run_example, old_account):
    assert run_example("account_housekeeping", {"dry_run": False, "max_deletions": 1}).state == "failed"
    assert old_account.count("delete_conference") == 0


def test_account_housekeeping_without_any_files(run_example, clickmeeting_sandbox):
    clickmeeting_sandbox.add_room(name="old", starts_at=clickmeeting_sandbox.now - timedelta(days=120))
    assert run_example("account_housekeeping", {"dry_run": False}).state == "success"
    assert clickmeeting_sandbox.state["rooms"] == []


def test_several_accounts(examples, run_dag, clickmeeting_sandbox, connect):
    for name in ("one", "two"):
        connect(clickmeeting_sandbox, conn_id=name)
    clickmeeting_sandbox.add_room(name="planned", starts_at=clickmeeting_sandbox.now + timedelta(days=1))
    run = run_dag(examples.dags["several_accounts"], run_conf={"accounts": ["one", "two"]})
    assert run.state == "success"
    assert clickmeeting_sandbox.count("list_conferences") == 2


@pytest.fixture
def hasty(examples, short_sleeps, mocker) -> None:
    """Let sensors look again at once, also those that `dag.test` runs anew for each look."""
    mocker.patch("airflow_clickmeeting.triggers.condition.MIN_INTERVAL", 0.05)
    for dag in examples.dags.values():
        for task in dag.tasks:
            if isinstance(task, BaseSensorOperator):
                mocker.patch.object(task, "poke_interval", 0.05)


@pytest.fixture
def once_looked(clickmeeting_sandbox) -> Iterator[Callable[..., None]]:
    """Do something in the sandbox as soon as an operation was asked for."""
    threads: list[Thread] = []

    def once_looked(operation: str, act: Callable[[], object]) -> None:
        def wait_and_act() -> None:
            while not clickmeeting_sandbox.count(operation):
                time.sleep(0.02)
            act()

        threads.append(Thread(target=wait_and_act, daemon=True))
        threads[-1].start()

    yield once_looked
    for thread in threads:
        thread.join(timeout=10)


@pytest.mark.usefixtures("hasty")
@pytest.mark.parametrize(("recorded", "recording"), [(True, "success"), (False, "skipped")])
def test_wait_for_session(
    run_example, examples, clickmeeting_sandbox, once_looked, mocker, tmp_path, recorded, recording
):
    if not recorded:
        mocker.patch.object(examples.dags["wait_for_session"].get_task("recording"), "timeout", 0.1)
    room = clickmeeting_sandbox.add_room(
        starts_at=clickmeeting_sandbox.now + timedelta(hours=1), settings={"recorder_autostart_enabled": recorded}
    )
    once_looked("list_sessions", lambda: clickmeeting_sandbox.advance(timedelta(hours=10)))
    run = run_example("wait_for_session", {"room_id": room["id"]})
    assert run.state == "success"
    assert {ti.task_id: ti.state for ti in run.get_task_instances()}["recording"] == recording
    assert clickmeeting_sandbox.count("list_sessions") > 2, "it had to wait"
    assert [file.suffix for file in (tmp_path / "reports").iterdir()] == [".pdf"]
    assert "/panel/pdf/" not in xcoms_of(run), "that is where the report can be read"


@on_both_storages
@pytest.mark.usefixtures("hasty")
def test_wait_for_session_that_is_over(run_example, clickmeeting_sandbox):
    start = clickmeeting_sandbox.now - timedelta(days=1)
    room = clickmeeting_sandbox.add_room(starts_at=start, settings={"recorder_autostart_enabled": True})
    assert run_example("wait_for_session", {"room_id": room["id"], "since": start.isoformat()}).state == "success"


@on_both_storages
@pytest.mark.usefixtures("hasty")
def test_webinar_lifecycle(run_example, clickmeeting_sandbox, once_looked, tmp_path):
    def end_webinar() -> None:
        ends_at = datetime.fromisoformat(clickmeeting_sandbox.state["rooms"][0]["ends_at"])
        clickmeeting_sandbox.set_time(ends_at + timedelta(minutes=6))

    once_looked("list_sessions", end_webinar)
    assert run_example("webinar_lifecycle").state == "success"
    (session,) = tmp_path.iterdir()
    assert {path.name for path in session.iterdir()} == {"attendees.csv", "registrations.jsonl", "report.pdf"}


WITH_A_VARIABLE = {
    "register_people": {"room_id": 1},
    "account_housekeeping": {"dry_run": False},
    "archive_recordings": {"delete_after": True},
    "attendance_report": {"sessions": [{"room_id": 1, "session_id": 1}]},
    "invite_people": {"room_id": 1},
    "on_session_ended": {"sessions": [{"room_id": 1, "session_id": 1}]},
    "remind_before_start": {"rooms": [1]},
    "session_archive": {"room_id": 1, "session_id": 1},
    "wait_for_session": {"room_id": 1},
    "webinar_lifecycle": {},
}


@pytest.mark.parametrize("name", everyday(WITH_A_VARIABLE, "invite_people", "webinar_lifecycle"))
def test_without_its_variable_an_example_fails_before_it_writes_anything(
    examples, run_dag, clickmeeting_sandbox, mailbox, name
):
    assert run_dag(examples.dags[name], run_conf=WITH_A_VARIABLE[name]).state == "failed"
    assert {entry["method"] for entry in clickmeeting_sandbox.log()} <= {"GET"}
    assert mailbox.mails == []


def test_mapped_tasks_have_a_pool_and_a_limit(examples):
    mapped = [
        (dag.dag_id, each)
        for dag in examples.dags.values()
        for each in dag.tasks
        if each.is_mapped or each.get_closest_mapped_task_group()
    ]
    assert {name for name, _ in mapped} == {name for name, path in SOURCES.items() if ".expand" in path.read_text()}
    # a `@task` that only compares or adds up sends no requests
    mapped = [
        (name, each) for name, each in mapped if each.task_type.startswith("ClickMeeting") or each.task_id == "remind"
    ]
    assert all(each.max_active_tis_per_dag for _, each in mapped)
    # each account has its own limit of requests
    assert {name for name, each in mapped if each.pool != "clickmeeting"} == {"several_accounts"}


@pytest.mark.usefixtures("hasty")
def test_task_sensor(examples, run_dag, clickmeeting_sandbox, once_looked):
    room = clickmeeting_sandbox.add_room(registration={"enabled": 1})
    register = registering(room["id"])
    register("ada@example.com")
    once_looked("list_registrations", lambda: register("grace@example.com"))
    run = run_dag(examples.dags["task_sensor"], run_conf={"room_id": room["id"], "wanted": 2})
    assert run.state == "success"
    assert clickmeeting_sandbox.count("list_registrations") > 1, "it had to wait"


THANKS, MISSED = "Thank you for coming", "We missed you"


@pytest.fixture
def follow_up(run_example):
    """Follow sessions up by hand, with the exports in the test's folder."""

    def follow_up(*sessions: tuple[int, int]):
        listed = [{"room_id": room_id, "session_id": session_id} for room_id, session_id in sessions]
        return run_example("on_session_ended", {"sessions": listed})

    return follow_up


@on_both_storages
def test_who_came_is_thanked_and_who_did_not_is_missed(follow_up, ended, mailbox, tmp_path):
    room_id, session_id = ended()
    assert follow_up((room_id, session_id), (room_id, session_id)).state == "success"
    assert sorted(mailbox.mails) == [
        ("ada@example.com", THANKS),
        ("alan@example.com", MISSED),
        ("grace@example.com", THANKS),
    ]
    assert all("Café &amp; Çay" in text for text in mailbox.texts)
    files = {file.name for file in (tmp_path / f"session-{session_id}").glob("[a-z]*")}
    assert files == {"attendance.jsonl", "messages.jsonl"}


@on_both_storages
def test_a_second_run_sends_no_mails(follow_up, ended, mailbox):
    session = ended()
    follow_up(session)
    mailbox.mails.clear()
    assert follow_up(session).state == "success"
    assert mailbox.mails == []


def test_no_address_is_in_xcom(follow_up, ended, mailbox):
    xcoms = xcoms_of(follow_up(ended()))
    assert mailbox.mails
    assert "attendance.jsonl" in xcoms
    assert "example.com" not in xcoms


def test_a_session_that_is_gone_does_not_keep_the_others_from_theirs(follow_up, ended, mailbox):
    gone = (99999999, 1)
    assert follow_up(gone, ended()).state == "failed"
    assert len(mailbox.mails) == 3


def test_a_room_without_registration(follow_up, ended, mailbox):
    assert follow_up(ended(registration=False)).state == "success"
    assert sorted(mailbox.mails) == [("ada@example.com", THANKS), ("grace@example.com", THANKS)]


def test_nobody_is_missed_in_a_permanent_room(follow_up, ended, mailbox):
    assert follow_up(ended(permanent_room=True)).state == "success"
    assert {subject for _, subject in mailbox.mails} == {THANKS}


def test_nobody_is_written_to_after_a_rehearsal(follow_up, ended, clickmeeting_sandbox, mailbox):
    tomorrow = clickmeeting_sandbox.now + timedelta(days=1)
    assert follow_up(ended(starts_at=tomorrow)).state == "success"
    assert mailbox.mails == []


def test_who_came_to_another_session_is_not_missed(follow_up, ended, clickmeeting_sandbox, mailbox):
    room_id, session_id = ended()
    start = clickmeeting_sandbox.now - timedelta(hours=22)
    alan = {"email": "alan@example.com", "nickname": "Alan"}
    clickmeeting_sandbox.play(room_id, start=start, end=start + timedelta(hours=1), attendees=[alan])
    follow_up((room_id, session_id))
    assert MISSED not in {subject for _, subject in mailbox.mails}


def test_a_retry_sends_the_mails_that_are_left(follow_up, ended, mailbox, mocker):
    from airflow.providers.smtp.hooks.smtp import SmtpHook

    send, sent = SmtpHook.send_email_smtp, []

    def fails_at_the_second(self, to, **more):
        sent.extend(to)
        if len(sent) == 2:
            raise ConnectionResetError
        send(self, to=to, **more)

    mocker.patch.object(SmtpHook, "send_email_smtp", fails_at_the_second)
    assert follow_up(ended()).state == "success"
    assert len(sent) == 3
    assert len(mailbox.mails) == 2, "whether the second one was sent is not known, so it is not sent again"


def test_a_refused_address_does_not_keep_the_others_from_their_mail(follow_up, ended, mailbox):
    mailbox.refused.add("ada@example.com")
    assert follow_up(ended()).state == "success"
    assert sorted(mailbox.mails) == [("alan@example.com", MISSED), ("grace@example.com", THANKS)]


def test_a_run_without_sessions_has_nothing_to_do(follow_up, mailbox):
    assert follow_up().state == "success"
    assert mailbox.mails == []


@pytest.fixture
def report_on(run_example):
    """Report on sessions by hand, with the pages in the test's folder."""

    def report_on(*sessions: tuple[int, int]):
        listed = [{"room_id": room_id, "session_id": session_id} for room_id, session_id in sessions]
        return run_example("attendance_report", {"sessions": listed, "to": ["team@example.com"]})

    return report_on


@on_both_storages
def test_attendance_is_kept_and_mailed_as_a_page(report_on, ended, mailbox, tmp_path):
    session = ended()
    assert report_on(session, session).state == "success"
    assert mailbox.mails == [("team@example.com", "Attendance: Café & Çay")]
    assert "3 came, 1 of" in mailbox.texts[0]
    (page,) = tmp_path.glob("reports/*")
    assert mailbox.attachments == {page.name: page.read_bytes()}
    assert "grace@example.com" in page.read_text()


def test_no_address_of_a_report_is_in_xcom_or_in_the_mail_itself(report_on, ended, mailbox):
    xcoms = xcoms_of(report_on(ended()))
    assert "attendance-" in xcoms
    assert "example.com" not in xcoms + "".join(mailbox.texts)


def test_a_session_without_a_report_does_not_keep_the_others_from_theirs(report_on, ended, mailbox):
    gone = (99999999, 1)
    assert report_on(gone, ended(registration=False)).state == "failed"
    assert [text for text in mailbox.texts if "3 came. " in text]


@on_both_storages
@pytest.mark.parametrize("delete_after", [False, True])
@pytest.mark.parametrize("listed", [True, False])
def test_archive_recordings(run_example, clickmeeting_sandbox, tmp_path, listed, delete_after):
    wanted, other = (clickmeeting_sandbox.add_room(permanent_room=True)["id"] for _ in range(2))
    for room_id in (wanted, other):
        clickmeeting_sandbox.add_recording(room_id, size=5000)
    conf = {"rooms": [wanted] if listed else "all", "delete_after": delete_after}
    assert run_example("archive_recordings", conf).state == "success"
    kept = {wanted} if listed else {wanted, other}
    assert {path.name for path in tmp_path.glob("recordings/*.json")} == {
        f"recordings-{room_id}.json" for room_id in kept
    }
    assert [path.stat().st_size for path in tmp_path.glob("recordings/*.mp4")] == [5000] * len(kept)
    left = {room["id"] for room in clickmeeting_sandbox.state["rooms"] if room["recordings"]}
    assert left == {wanted, other} - (kept if delete_after else set())


@pytest.fixture
def webinar(clickmeeting_sandbox, tmp_path) -> dict[str, int]:
    """A session with people, chat and a recording, in a room with a file; another session came after it."""
    from airflow_clickmeeting.hooks.clickmeeting import ClickMeetingHook
    from airflow_clickmeeting.storage import upload

    start = clickmeeting_sandbox.now - timedelta(days=1)
    room_id = clickmeeting_sandbox.add_room(permanent_room=True, registration={"enabled": 1})["id"]
    registering(room_id)("ada@example.com")
    (tmp_path / "slides.pdf").write_bytes(b"%PDF")
    ClickMeetingHook().upload_file(upload((tmp_path / "slides.pdf").as_uri()), room_id=room_id)
    script = {
        "attendees": [{"email": "ada@example.com"}],
        "recordings": [{"size": 5000, "ready_after": 60}],
        "chat": [{"text": "Hello"}],
    }
    session_id = clickmeeting_sandbox.play(room_id, start=start, end=start + timedelta(hours=1), **script)
    later = start + timedelta(hours=5)
    clickmeeting_sandbox.play(room_id, start=later, end=later + timedelta(hours=1), recordings=script["recordings"])
    return {"room_id": room_id, "session_id": session_id}


@pytest.fixture
def archived(run_example, tmp_path) -> Callable[..., set[str]]:
    """Archive a session, and return which files its folder has; all of them are proved by the manifest."""

    def archived(webinar: dict[str, int], **params: object) -> set[str]:
        assert run_example("session_archive", {**webinar, **params}).state == "success"
        folder = tmp_path / "archive" / f"session-{webinar['session_id']}"
        manifest = json.loads((folder / "manifest.json").read_bytes())
        assert webinar.items() <= manifest.items()
        proofs = {each["path"]: (each["bytes"], each["sha256"]) for each in manifest["files"]}
        paths = [path for path in folder.rglob("*") if path.is_file() and not path.name.startswith(".")]
        files = {str(path.relative_to(folder)): path.read_bytes() for path in paths}
        del files["manifest.json"]
        assert proofs == {path: (len(content), sha256(content).hexdigest()) for path, content in files.items()}
        return {re.sub("[0-9]{5,}", "N", path) for path in files}

    return archived


ALWAYS_THERE = {"attendees.csv", "attendance.csv", "attendance-summary.csv", "registrations.csv", "report.pdf"}


@on_both_storages
@pytest.mark.usefixtures("hasty")
def test_session_archive(archived, webinar, clickmeeting_sandbox):
    whole = ALWAYS_THERE | {
        "chat.zip",
        "files/N/slides.pdf",
        "recordings/recording-N-N.mp4",
        "recordings/recordings-N.json",
    }
    assert archived(webinar) == whole
    assert archived(webinar) == whole
    assert clickmeeting_sandbox.count("media") == 1 + 2, "the recording once, and the report twice"


@pytest.mark.usefixtures("hasty")
@pytest.mark.thorough
def test_session_archive_of_a_session_that_left_nothing_but_its_people(archived, clickmeeting_sandbox):
    start = clickmeeting_sandbox.now - timedelta(days=1)
    room_id = clickmeeting_sandbox.add_room(permanent_room=True)["id"]
    session_id = clickmeeting_sandbox.play(room_id, start=start, end=start + timedelta(hours=1), count=1)
    assert archived({"room_id": room_id, "session_id": session_id}, wait_for_recordings=False) == ALWAYS_THERE
