"""A run of the DAG `writes` whose workers are killed, with a ClickMeeting that loses answers and is busy."""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

from local_airflow import LocalAirflow, until

from airflow_clickmeeting.sandbox.handle import Sandbox

WRITES = (
    "create_conference",
    "update_conference",
    "generate_tokens",
    "register_participant",
    "create_contact",
    "send_invitation",
    "delete_conference",
)
UNCLEAR = 6  # how many of the faults below leave it unclear whether something was written: all but the 429
RUN = "/dags/writes/dagRuns/run"


class Writing:
    """The run, from its start to its end.

    :param airflow: where it runs.
    :param sandbox: the account, which has old rooms and trouble, a room for everybody, and one for tokens.
    :param people: how many people there are.
    :param kills: how many tries are killed.
    """

    def __init__(self, airflow: LocalAirflow, sandbox: Sandbox, people: int, kills: int) -> None:
        self.sandbox = sandbox
        self.people = [f"person{number}@example.com" for number in range(people)]
        self.kills = kills
        self.place = airflow.home / "writing"
        (self.place / "tries").mkdir(parents=True)
        rows = [f"{email},{email.partition('@')[0]},Example" for email in self.people]
        (self.place / "people.csv").write_text("\n".join(["Email Address,First Name,Last Name", *rows]))
        everybody = sandbox.add_room(name="Everybody", permanent_room=True, registration={"enabled": 1})
        tokens = sandbox.add_room(name="Tokens", permanent_room=True, access_type=3)
        self.rooms = {"room_id": everybody["id"], "token_room_id": tokens["id"]}
        for number in range(5):
            sandbox.add_room(name=f"Old {number}", starts_at=sandbox.now - timedelta(days=100))
        sandbox.switch(latency=0.1)
        for operation in WRITES:
            sandbox.fault(operation, "lost", skip=1)
            sandbox.fault(operation, "reset", skip=2)
            sandbox.fault(operation, "429", times=3, skip=3)
            sandbox.fault(operation, "status", status=503, times=3, skip=4)
            sandbox.fault(operation, "lost", skip=6)
        self._airflow = airflow
        self._killer = Killer(self.place / "tries", kills)

    def start(self, add_dags: Callable[..., None]) -> None:
        """Start the run, and the kills."""
        add_dags({"connection_id": "written", **self.sandbox.connection}, "writes")
        conf = {**self.rooms, "starts_at": (self.sandbox.now + timedelta(days=30)).isoformat()}
        self._killer.start()
        self._airflow.api("POST", "/dags/writes/dagRuns", {"dag_run_id": "run", "logical_date": None, "conf": conf})

    def finish(self) -> Counter[str]:
        """Wait until the run is over, and return how often each task was killed."""
        api = self._airflow.api
        until("the run is over", lambda: api("GET", RUN)["state"] in ("success", "failed"))
        self.close()
        tasks = api("GET", f"{RUN}/taskInstances")["task_instances"]
        assert {task["state"] for task in tasks} == {"success"}, Counter((t["task_id"], t["state"]) for t in tasks)
        return self._killer.killed

    def close(self) -> None:
        """Kill no more."""
        self._killer.stop()


class Killer:
    """Kills the processes of tries at random moments, as the kernel does when memory runs out.

    :param tries: where each try leaves its process id.
    :param kills: how many at most.
    """

    def __init__(self, tries: Path, kills: int) -> None:
        self._chance = random.Random(50)
        self._tries = tries
        self._left = kills
        self._seen: set[str] = set()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._work, daemon=True)
        self.killed: Counter[str] = Counter()

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._ended.set()
        if self._thread.ident:
            self._thread.join()

    def _work(self) -> None:
        due: list[tuple[float, str, int]] = []
        while not self._ended.wait(0.01):
            for path in self._tries.iterdir():
                if path.suffix != ".part" and path.name not in self._seen:
                    self._seen.add(path.name)
                    moment = time.monotonic() + self._chance.uniform(0, 1.5)
                    due.append((moment, path.name, int(path.read_text())))
            for each in [each for each in due if each[0] <= time.monotonic()]:
                due.remove(each)
                if self._left:
                    self._kill(*each[1:])

    def _kill(self, name: str, pid: int) -> None:
        with suppress(ProcessLookupError, FileNotFoundError):
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z":
                os.kill(pid, signal.SIGKILL)
                self._left -= 1
                self.killed[name.partition(".")[0]] += 1
