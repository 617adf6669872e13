"""The example DAGs, run from beginning to end against the sandbox; `webinar_lifecycle` runs in tests/live."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "example_dags"


@pytest.fixture(scope="module")
def examples(airflow_db):
    """All example DAGs as Airflow loads them."""
    try:
        from airflow.dag_processing.dagbag import DagBag
    except ImportError:  # 3.1
        from airflow.models.dagbag import DagBag
    return DagBag(EXAMPLES)


def test_every_file_loads(examples):
    assert examples.import_errors == {}
    assert set(examples.dags) == {path.stem for path in EXAMPLES.glob("*.py")}


def test_tokens_and_join_links(examples, run_dag, clickmeeting_sandbox):
    assert run_dag(examples.dags["tokens_and_join_links"]).state == "success"
    counts = {name: clickmeeting_sandbox.count(name) for name in ("generate_tokens", "deactivate_tokens")}
    assert counts == {"generate_tokens": 1, "deactivate_tokens": 1}
    room = clickmeeting_sandbox.state["rooms"][0]
    assert len(room["tokens"]) == 4, "three guests and a speaker; the two to spare let nobody in any more"


@pytest.fixture
def old_account(clickmeeting_sandbox, tmp_path):
    """An account with a room that ended four months ago, one of last week, and two files of the same name."""
    from airflow_clickmeeting.hooks.clickmeeting import ClickMeetingHook
    from airflow_clickmeeting.storage import upload

    slides = tmp_path / "slides.pdf"
    for text in ("first", "second"):
        slides.write_text(text)
        ClickMeetingHook().upload_file(upload(slides.as_uri()))
    now = clickmeeting_sandbox.now
    clickmeeting_sandbox.add_room(name="old", starts_at=now - timedelta(days=120))
    clickmeeting_sandbox.add_room(name="new", starts_at=now - timedelta(days=7))
    return clickmeeting_sandbox


@pytest.mark.parametrize(("dry_run", "left"), [(True, {"old", "new"}), (False, {"new"})])
def test_account_housekeeping(examples, run_dag, old_account, tmp_path, dry_run, left):
    conf = {"dry_run": dry_run, "folder": f"{tmp_path.as_uri()}/library"}
    assert run_dag(examples.dags["account_housekeeping"], run_conf=conf).state == "success"
    assert {room["name"] for room in old_account.state["rooms"]} == left
    saved = [path.read_text() for path in (tmp_path / "library").rglob("slides.pdf")]
    assert sorted(saved) == ["first", "second"]


def test_account_housekeeping_without_any_files(examples, run_dag, clickmeeting_sandbox):
    clickmeeting_sandbox.add_room(name="old", starts_at=clickmeeting_sandbox.now - timedelta(days=120))
    assert run_dag(examples.dags["account_housekeeping"], run_conf={"dry_run": False}).state == "success"
    assert clickmeeting_sandbox.state["rooms"] == []


def test_several_accounts(examples, run_dag, clickmeeting_sandbox, connect):
    for name in ("one", "two"):
        connect(clickmeeting_sandbox, conn_id=name)
    clickmeeting_sandbox.add_room(name="planned", starts_at=clickmeeting_sandbox.now + timedelta(days=1))
    run = run_dag(examples.dags["several_accounts"], run_conf={"accounts": ["one", "two"]})
    assert run.state == "success"
    assert clickmeeting_sandbox.count("list_conferences") == 2
