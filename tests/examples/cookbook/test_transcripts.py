"""The recipe `transcripts`: each recording once, and a command that fails half-way."""

from __future__ import annotations

import os
import sys

import pytest
from webinars import on_both_storages

pytestmark = pytest.mark.filterwarnings("ignore:.*operator_helpers.determine_kwargs. attribute is deprecated")
COMMAND = """
import os, sys
recording, transcript, log = sys.argv[1:]
with open(log, "a") as calls:
    print(os.path.basename(recording), file=calls)
with open(transcript, "w") as file:
    file.write(f"Hello of {os.path.getsize(recording)} bytes")
calls = len(open(log).readlines())
sys.exit(calls == int(os.environ.get("FAILS_AT", 0)))
"""


@pytest.fixture
def calls(tmp_path_factory):
    return tmp_path_factory.mktemp("command") / "calls"


@pytest.fixture
def run(run_example, clickmeeting_sandbox, calls, mocker):
    script = calls.with_name("transcribe.py")
    script.write_text(COMMAND)
    command = f"{sys.executable} {script} {{recording}} {{transcript}} {calls}"
    mocker.patch.dict(os.environ, {"AIRFLOW_VAR_TRANSCRIBE_COMMAND": command})
    room_id = clickmeeting_sandbox.add_room(permanent_room=True)["id"]
    for number in (1, 2):
        clickmeeting_sandbox.add_recording(room_id, size=5000 * number, name=f"Talk <{number}>")
    return lambda: run_example("transcripts", {"room_id": room_id})


def transcripts(tmp_path):
    return sorted(path.read_text() for path in tmp_path.glob("transcripts/*.txt"))


BOTH = ["Hello of 10000 bytes", "Hello of 5000 bytes"]


@on_both_storages
def test_each_recording_has_a_transcript_and_both_are_on_the_page(run, calls, tmp_path):
    assert run().state == "success"
    assert run().state == "success"
    assert transcripts(tmp_path) == BOTH
    assert len(calls.read_text().splitlines()) == 2
    page = (tmp_path / "transcripts" / "index.html").read_text()
    for path in [*tmp_path.glob("transcripts/*.mp4"), *tmp_path.glob("transcripts/*.txt")]:
        assert f'href="{path.name}"' in page
    assert "Talk &lt;1&gt;" in page


def test_a_command_that_fails_half_way_is_tried_again_for_what_is_left(
    run, calls, tmp_path, mocker, clickmeeting_sandbox
):
    mocker.patch.dict(os.environ, {"FAILS_AT": "2"})
    assert run().state == "success"
    assert transcripts(tmp_path) == BOTH
    assert len(calls.read_text().splitlines()) == 3
    assert clickmeeting_sandbox.count("media") == 2, "each recording is downloaded once"
