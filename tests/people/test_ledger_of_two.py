"""Two tasks with one ledger, on a disk and on S3: processes that are killed, stopped, or that work at the same time."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from airflow.sdk import ObjectStoragePath

from airflow_clickmeeting.compat import AirflowException
from airflow_clickmeeting.operators.invitations import ClickMeetingBulkSendInvitationsOperator
from airflow_clickmeeting.operators.registrations import ClickMeetingBulkRegisterParticipantsOperator
from airflow_clickmeeting.people.ledger import Ledger

HOLDER = Path(__file__).parents[1] / "support" / "holder.py"
ROUNDS = 10


@pytest.fixture(params=["file", "s3"])
def path(request, tmp_path):
    folder = request.getfixturevalue("bucket").url if request.param == "s3" else f"file://{tmp_path}"
    return ObjectStoragePath(f"{folder}/ledger.jsonl")


@pytest.fixture
def age(path):
    """Let the file be a day old, as if nobody had written to it since."""

    def age():
        if path.protocol == "file":
            long_ago = Path(path.path).stat().st_mtime - timedelta(days=1).total_seconds()
            return os.utime(path.path, (long_ago, long_ago))
        from moto.core.models import DEFAULT_ACCOUNT_ID
        from moto.s3.models import s3_backends

        bucket, _, key = path.path.partition("/")
        s3_backends[DEFAULT_ACCOUNT_ID]["aws"].buckets[bucket].keys[key].last_modified -= timedelta(days=1)
        return None

    return age


class Holder:
    """A process that holds a ledger."""

    def __init__(self, path: ObjectStoragePath) -> None:
        self._lock = Path(path.parent.path, f".{path.name}.lock") if path.protocol == "file" else None
        command = [sys.executable, str(HOLDER), str(path)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.acts = [self.process.stdout.readline() for _ in range(5)]

    def stop(self) -> None:
        """Stop it, at whatever it does but for a local write, whose lock nobody could take; read what it did so far."""
        while True:
            self.process.send_signal(signal.SIGSTOP)
            os.waitid(os.P_PID, self.process.pid, os.WSTOPPED | os.WNOWAIT)
            if not self._has_lock():
                break
            self.process.send_signal(signal.SIGCONT)
            os.waitid(os.P_PID, self.process.pid, os.WCONTINUED)
        os.set_blocking(self.process.stdout.fileno(), False)
        while line := self.process.stdout.readline():
            self.acts.append(line)
        os.set_blocking(self.process.stdout.fileno(), True)

    def _has_lock(self) -> bool:
        if self._lock is None:
            return False
        with self._lock.open() as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
        return False

    def end(self, number: int) -> tuple[list[bytes], str]:
        """Send a signal, and return what it did after that, and its last words."""
        self.process.send_signal(number)
        acts, words = self.process.communicate()
        return acts.split(), words.decode()


@pytest.fixture
def holder(path):
    holder = Holder(path)
    yield holder
    holder.process.kill()
    holder.process.wait()
    holder.process.stdout.close()
    holder.process.stderr.close()


def open_ledger(path):
    return Ledger(path, "invitations", 5)


@contextmanager
def taken_over(path, age):
    """Open the ledger of a process that is stopped, when its lease is over.

    A write to S3 may be under way when a process is stopped, and come after the file was aged; but only one.
    """
    with ExitStack() as stack:
        age()
        try:
            ledger = stack.enter_context(open_ledger(path))
        except AirflowException:
            age()
            ledger = stack.enter_context(open_ledger(path))
        yield ledger


def check_held(path):
    with pytest.raises(AirflowException, match="is held by"), open_ledger(path):
        pytest.fail("it went on")


def test_the_ledger_of_a_task_that_was_killed_is_free_at_once_here_and_elsewhere_after_the_lease(path, holder, age):
    holder.stop()
    holder.end(signal.SIGKILL)
    left = path.fs.cat_file(path.path)
    with open_ledger(path) as ledger:
        assert {ledger.get(f"visitor{number}@example.com")["outcome"] for number in range(4)} == {"sent"}
    path.fs.pipe_file(path.path, left.replace(b'"process":"', b'"process":"elsewhere '))
    check_held(path)
    age()
    with open_ledger(path) as ledger:
        assert ledger.get("visitor0@example.com")["outcome"] == "sent"


def test_the_ledger_of_a_task_that_lives_is_not_taken_over_unless_it_was_stopped(path, holder, age):
    for _ in range(ROUNDS):
        check_held(path)
    # nobody came while it was stopped
    holder.stop()
    age()
    holder.process.send_signal(signal.SIGCONT)
    assert holder.process.stdout.readline()
    holder.stop()
    with taken_over(path, age) as ledger:
        late, words = holder.end(signal.SIGCONT)
        # At most one act comes late, between the check and the act. The ledger announced it, so that this task leaves
        # the person out.
        assert len(late) <= 1
        assert "Another task has written to the ledger" in words
        for number in late:
            assert ledger.get(f"visitor{number.decode()}@example.com")["outcome"] == "sending"
    assert holder.process.returncode == 3


@pytest.mark.parametrize("kind", ["invite", "register"])
def test_two_tasks_that_work_at_the_same_time_contact_nobody_twice(path, kind, clickmeeting_sandbox, tmp_path):
    room_id = clickmeeting_sandbox.add_room(name="Talk", permanent_room=True, registration={"enabled": 1})["id"]
    people = [{"email": f"v{number}@example.com", "First Name": "A", "Last Name": "B"} for number in range(100)]
    more = {"room_id": room_id, "people": people, "ledger": str(path), "task_id": "t"}

    def work(_: object) -> str:
        if kind == "invite":
            operator = ClickMeetingBulkSendInvitationsOperator(batch_size=5, **more)
        else:
            operator = ClickMeetingBulkRegisterParticipantsOperator(confirmation_email=True, **more)
        try:
            return json.dumps(operator.execute({}))
        except AirflowException as error:
            return str(error)

    with ThreadPoolExecutor(4) as pool:
        said = [*pool.map(work, range(4))]
    assert sum("is held by" in each or "Another task has written" in each for each in said) <= 3
    mails = Counter(mail["recipient"] for mail in clickmeeting_sandbox.outbox)
    assert len(mails) == mails.total() == 100
