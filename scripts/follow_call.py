"""Follow one call through the package's files: register one person in bulk, or export one session.

Runs both against the sandbox and prints, for each time the program goes from one file to another, the file and the
first function that it calls there. With --update, CONTRIBUTING.md gets the first of them.
"""

from __future__ import annotations

import os
import re
import sys
import tempfile
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

import airflow_clickmeeting

PACKAGE = Path(airflow_clickmeeting.__file__).parent
CONTRIBUTING = PACKAGE.parent / "CONTRIBUTING.md"
BLOCK = re.compile(r"(?<=<!-- printed by scripts/follow_call.py -->\n```text\n).*?(?=```\n)", re.DOTALL)
# these belong to the function that contains them; some Pythons do not call them
INNER = ("<listcomp>", "<dictcomp>", "<setcomp>", "<genexpr>", "<lambda>", "<module>")


def follow(run: Callable[[], object]) -> list[tuple[str, str]]:
    """Return the file and the name of each function of the package that a run calls, in all threads."""
    calls: list[tuple[str, str]] = []

    def record(frame: FrameType, event: str, _: Any) -> None:
        code = frame.f_code
        path = Path(code.co_filename)
        if event == "call" and code.co_name not in INNER and path.is_relative_to(PACKAGE):
            file = path.relative_to(PACKAGE).as_posix()
            if not file.startswith("sandbox/"):
                calls.append((file, code.co_qualname.replace(".<locals>", "")))

    threading.setprofile(record)
    sys.setprofile(record)
    try:
        run()
    finally:
        sys.setprofile(None)
        threading.setprofile(None)
    return calls


def format_calls(calls: list[tuple[str, str]]) -> str:
    """Return a line for each switch between files, and a line with the numbers."""
    lines, before = [], ""
    for file, function in calls:
        if file != before:
            lines.append(f"{file:<28} {function}\n")
        before = file
    files = len({file for file, _ in calls})
    return f"{''.join(lines)}\n{files} files, {len(lines) - 1} switches between them\n"


def follow_all() -> dict[str, list[tuple[str, str]]]:
    """Register one person in bulk with a ledger, and export the attendees of one session; the second run of each."""
    from airflow_clickmeeting.operators.registrations import ClickMeetingBulkRegisterParticipantsOperator
    from airflow_clickmeeting.sandbox.handle import Sandbox
    from airflow_clickmeeting.transfers.exports import ClickMeetingExportAttendeesOperator

    with Sandbox() as sandbox, tempfile.TemporaryDirectory() as folder:
        os.environ["AIRFLOW_CONN_CLICKMEETING_DEFAULT"] = sandbox.connection_json
        room_id = sandbox.add_room(name="Talk", permanent_room=True, registration={"enabled": 1})["id"]
        session_id = sandbox.play(room_id, count=1)

        def register(number: int) -> ClickMeetingBulkRegisterParticipantsOperator:
            person = {"First Name": "Ada", "Last Name": "Lovelace", "E-mail": f"ada{number}@example.com"}
            ledger = f"{folder}/{number}.jsonl"
            return ClickMeetingBulkRegisterParticipantsOperator(
                task_id="register", room_id=room_id, people=[person], ledger=ledger
            )

        def export(number: int) -> ClickMeetingExportAttendeesOperator:
            path = f"{folder}/{number}.csv"
            return ClickMeetingExportAttendeesOperator(
                task_id="export", room_id=room_id, session_id=session_id, path=path
            )

        followed = {}
        for title, build in {"Register one person in bulk": register, "Export one session": export}.items():
            # the first run imports modules, and the DAG file calls the constructors: neither is part of the call
            build(1).execute({})
            followed[title] = follow(partial(build(2).execute, {}))
        return followed


def main() -> None:
    """Print both calls, or renew the first in CONTRIBUTING.md."""
    # settings for Airflow, which reads them when it is imported
    with tempfile.TemporaryDirectory() as home:
        os.environ |= {"AIRFLOW_HOME": home, "AIRFLOW__LOGGING__LOGGING_LEVEL": "ERROR"}
        os.environ["NO_PROXY"] = os.environ["no_proxy"] = "127.0.0.1"
        followed = {title: format_calls(calls) for title, calls in follow_all().items()}
    if "--update" in sys.argv:
        text = BLOCK.sub(lambda _: next(iter(followed.values())), CONTRIBUTING.read_text())
        CONTRIBUTING.write_text(text)
    else:
        print("\n".join(f"{title}\n\n{text}" for title, text in followed.items()), end="")


if __name__ == "__main__":
    main()
