"""Tasks that write in a real Airflow whose workers are killed, with a ClickMeeting that loses answers and is busy."""

from __future__ import annotations

import json
import os
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest
from local_airflow import LocalAirflow, until

from airflow_clickmeeting.hooks.clickmeeting import ClickMeetingHook

pytestmark = pytest.mark.live

DAGS = Path(__file__).parent / "dags" / "writing"
KILLS = 50
PEOPLE = [f"person{number}@example.com" for number in range(300)]
ROOMS = [f"Talk {number}" for number in range(8)]
TOKENS = 3500
WRITES = (
    "create_conference",
    "update_conference",
    "generate_tokens",
    "register_participant",
    "create_contact",
    "send_invitation",
    "delete_conference",
)
RUN = "/dags/writes/dagRuns/run"


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

    def __enter__(self) -> Killer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
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


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    """The folder for the list of people, the ledgers and the tries."""
    place = tmp_path_factory.mktemp("writing")
    (place / "tries").mkdir()
    rows = [f"{email},{email.partition('@')[0]},Example" for email in PEOPLE]
    (place / "people.csv").write_text("\n".join(["Email Address,First Name,Last Name", *rows]))
    return place


@pytest.fixture(scope="module")
def rooms(sandbox) -> dict[str, int]:
    """A room for everybody, and one for tokens."""
    everybody = sandbox.add_room(name="Everybody", permanent_room=True, registration={"enabled": 1})
    tokens = sandbox.add_room(name="Tokens", permanent_room=True, access_type=3)
    return {"room_id": everybody["id"], "token_room_id": tokens["id"]}


@pytest.fixture(scope="module")
def airflow(sandbox, rooms, start_airflow, place) -> Iterator[LocalAirflow]:
    """Airflow with the DAG, and an account that has old rooms and trouble."""
    for number in range(5):
        sandbox.add_room(name=f"Old {number}", starts_at=sandbox.now - timedelta(days=100))
    sandbox.switch(latency=0.1)
    for operation in WRITES:
        sandbox.fault(operation, "lost", skip=1)
        sandbox.fault(operation, "reset", skip=2)
        sandbox.fault(operation, "429", times=3, skip=3)
        sandbox.fault(operation, "status", status=503, times=3, skip=4)
        sandbox.fault(operation, "lost", skip=6)
    settings = {"AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False", "TRIES": str(place / "tries")}
    return start_airflow(DAGS, sandbox.connection, settings)


@pytest.fixture(scope="module")
def killed(airflow, sandbox, rooms, place) -> Counter[str]:
    """Run the DAG to its end, and return how often each task was killed."""
    until("the DAG is there", lambda: airflow.api("GET", "/dags")["total_entries"])
    conf = {**rooms, "starts_at": (sandbox.now + timedelta(days=30)).isoformat()}
    with Killer(place / "tries", KILLS) as killer:
        airflow.api("POST", "/dags/writes/dagRuns", {"dag_run_id": "run", "logical_date": None, "conf": conf})
        until("the run is over", lambda: airflow.api("GET", RUN)["state"] in ("success", "failed"), timeout=600)
    tasks = airflow.api("GET", f"{RUN}/taskInstances")["task_instances"]
    assert {task["state"] for task in tasks} == {"success"}, Counter((t["task_id"], t["state"]) for t in tasks)
    return killer.killed


@pytest.fixture(scope="module")
def unsure(killed, place) -> set[str]:
    """Whom the ledger of invitations names as uncertain."""
    lines = (place / "ledgers" / "invitations.jsonl").read_text().splitlines()[1:]
    entries = [json.loads(line) for line in lines]
    return {entry["email"] for entry in entries if entry["outcome"] == "uncertain"}


@pytest.fixture(scope="module")
def there(killed, sandbox, rooms) -> dict[str, Counter[str]]:
    """What the account holds now of what each task was to make, and how often."""
    state = sandbox.state
    everybody, tokens = (next(room for room in state["rooms"] if room["id"] == id_) for id_ in rooms.values())
    others = [room["name"] for room in state["rooms"] if room["id"] not in rooms.values()]
    mails: dict[str, Counter[str]] = {"confirmation": Counter(), "invitation": Counter()}
    for mail in sandbox.outbox:
        mails[mail["kind"]][mail["recipient"]] += 1
    return {
        "create": Counter(name for name in others if not name.startswith("Old")),
        "tokens": Counter(token["token"] for token in tokens["tokens"]),
        "register": Counter(everybody["registrations"]),
        "its mails": mails["confirmation"],
        "contacts": Counter(contact["email"] for contact in state["contacts"]),
        "invite": mails["invitation"],
        "purge": Counter(name for name in others if name.startswith("Old")),
    }


def test_the_counts(killed, there, unsure, capsys, pytestconfig):
    meant = {"create": len(ROOMS), "tokens": TOKENS, "purge": 0}
    with capsys.disabled():
        line = pytestconfig.get_terminal_writer().line
        line(f"\n{'':10}{'meant':>8}{'there':>8}{'twice':>8}{'unsure':>8}{'kills':>8}")
        for name, found in there.items():
            twice = sum(count > 1 for count in found.values())
            unclear = len(unsure) if name == "invite" else 0
            line(f"{name:10}{meant.get(name, len(PEOPLE)):8}{len(found):8}{twice:8}{unclear:8}{killed[name]:8}")
    assert sum(killed.values()) == KILLS


def test_everything_was_made_once(there):
    assert there["create"] == Counter(ROOMS)
    assert len(there["tokens"]) == TOKENS
    assert there["register"] == there["contacts"] == Counter(PEOPLE)
    assert there["purge"] == Counter()


def test_nobody_got_a_second_mail_and_who_may_have_got_none_is_named(there, unsure):
    assert [who for name in ("its mails", "invite") for who, count in there[name].items() if count > 1] == []
    assert {*PEOPLE} - unsure <= there["invite"].keys()
    assert len(unsure) < len(PEOPLE) / 2


def test_the_update_was_done(killed, sandbox, rooms, monkeypatch):
    monkeypatch.setenv("AIRFLOW_CONN_CLICKMEETING_DEFAULT", sandbox.connection_json)
    assert ClickMeetingHook().get_conference(rooms["room_id"])["lobby_description"] == "Welcome"
