"""Sensors and asset watchers in a real Airflow whose triggerer dies, whose ClickMeeting is away, whose clock jumps."""

from __future__ import annotations

import json
import random
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any, NamedTuple
from urllib.error import HTTPError

import pytest
from local_airflow import LocalAirflow, until

from airflow_clickmeeting.sandbox.handle import Sandbox

pytestmark = [pytest.mark.live, pytest.mark.usefixtures("writing")]

SETTLED = timedelta(minutes=2)  # longer than the DAGs' `settle`


class Session(NamedTuple):
    """A session that will be over at a time of the sandbox."""

    room_id: int
    id: int
    end: datetime

    @property
    def told_as(self) -> str:
        """The id in the payload of its asset event."""
        return f"session_ended-{self.room_id}-{self.id}"


class Account:
    """A ClickMeeting with an Airflow that watches it."""

    def __init__(self, sandbox: Sandbox, airflow: LocalAirflow) -> None:
        self.sandbox = sandbox
        self.airflow = airflow
        self._followed_up = airflow.home / "followed_up.jsonl"

    def plan(self, name: str, ends_in: timedelta) -> Session:
        """Make a room with a session of an hour."""
        end = self.sandbox.now + ends_in
        starts_at = end - timedelta(hours=1)
        room = self.sandbox.add_room(name=name, starts_at=starts_at.isoformat(), duration=1)
        ada = {"email": "ada@example.com", "visits": [(0, 20), (25, None)]}
        session_id = self.sandbox.play(room["id"], attendees=[ada])
        return Session(room["id"], session_id, end)

    def follow_ups(self) -> Counter[str]:
        """Count which ends of sessions were followed up, how often."""
        lines = self._followed_up.read_text().splitlines() if self._followed_up.exists() else []
        return Counter(json.loads(line)["id"] for line in lines)

    def until_followed_up(self, session: Session) -> None:
        until(f"{session} is followed up", lambda: session.told_as in self.follow_ups())

    def until_asked(self, times: int) -> None:
        """Wait until Airflow has sent more requests."""
        enough = self.sandbox.count() + times
        until(f"{times} more requests", lambda: self.sandbox.count() >= enough)

    def until_events(self, sessions: list[Session]) -> None:
        """Wait until Airflow has an event for each session."""
        ids = {session.told_as for session in sessions}

        def told() -> set[str]:
            try:
                events = self.airflow.api("GET", "/assets/events?limit=100&order_by=-timestamp")["asset_events"]
            except HTTPError as error:
                # Airflow 3.3 cannot list events while a run that one of them started is queued and has no start date
                if error.code != HTTPStatus.INTERNAL_SERVER_ERROR:
                    raise
                return set()
            return {event["extra"]["payload"]["id"] for event in events}

        until("all sessions have events", lambda: ids <= told())

    def health(self) -> dict[str, Any]:
        """Return the watcher's health in its asset's state store."""
        (asset,) = self.airflow.api("GET", "/assets?uri_pattern=watched")["assets"]
        entries = self.airflow.api("GET", f"/assets/{asset['id']}/state-store")["asset_state_store"]
        return next((entry["value"] for entry in entries if entry["key"] == "health"), {})

    def until_healthy(self) -> None:
        """Wait until the watcher shows that its last poll succeeded."""
        until("the watcher is healthy", lambda: self.health().get("polled_at") and not self.health()["error"])
        assert self.health()["failures_in_a_row"] == 0

    def until_looked_at(self) -> None:
        """Wait until the watcher has looked from beginning to end."""
        before = self.sandbox.count("list_conferences")
        until("the watcher has looked", lambda: self.sandbox.count("list_conferences") > before + 1)

    def until_told(self, session: Session) -> None:
        """Wait until a watcher has the reasons to tell the end: the attendee list read the same twice."""
        asked = f"conferences/{session.room_id}/sessions/{session.id}/attendees"

        def reads() -> int:
            return sum(request["path"].endswith(asked) for request in self.sandbox.log("list_session_attendees"))

        until(f"{session} is told", lambda: reads() > 1)

    def wait_for(self, *sessions: Session) -> None:
        """Start for each session a run whose sensor waits for its end."""
        for session in sessions:
            run = {"dag_run_id": str(session.id), "logical_date": None}
            conf = {"room_id": session.room_id, "since": self.sandbox.now.isoformat()}
            self.airflow.api("POST", "/dags/waits/dagRuns", {**run, "conf": conf})
        until("sensors are deferred", lambda: all(self.sensor(each)["state"] == "deferred" for each in sessions))

    def sensor(self, session: Session) -> dict[str, Any]:
        """Return the sensor's task instance."""
        return self.airflow.api("GET", f"/dags/waits/dagRuns/{session.id}/taskInstances/wait")

    def until_both_log(self, words: str, session: Session) -> None:
        """Wait until the watcher and the session's sensor have logged something."""
        logs = self.airflow.home / "logs"

        def logged() -> bool:
            sensor = "".join(log.read_text() for log in logs.glob(f"dag_id=waits/run_id={session.id}/*/*.trigger.*"))
            return words in sensor and words in self.airflow.log_file("triggerer").read_text()

        until(f"both log {words!r}", logged)

    def check_talk(self, session: Session, name: str) -> None:
        """Check that the log of the sensor's task, and its task state store, say what it waited for."""
        task = f"/dags/waits/dagRuns/{session.id}/taskInstances/wait"
        log = self.airflow.api("GET", f"{task}/logs/1?full_content=true")["content"]
        lines = [str(each["event"]) for each in log]
        awaited = f"a session of room {session.room_id} to end"
        assert any(line.startswith(f"Waiting for {awaited}") and f"Room '{name}' is planned" in line for line in lines)
        assert any(re.match(rf"The wait is over: {awaited} .*; waited .*, \d+ polls", line) for line in lines), lines
        waiting_for = self.airflow.api("GET", f"{task}/state-store/waiting_for")["value"]
        assert waiting_for["room_id"] == session.room_id
        assert waiting_for["condition"].startswith(awaited)
        assert {"deadline", "poll_interval"} <= waiting_for.keys()

    def until_sensed(self, session: Session) -> None:
        until(f"{session} is sensed", lambda: self.sensor(session)["state"] in ("success", "failed"))
        path = f"/dags/waits/dagRuns/{session.id}/taskInstances/wait/xcomEntries/return_value"
        assert self.airflow.api("GET", path)["value"]["session_id"] == session.id


@pytest.fixture(scope="module")
def account(sandbox, gate, airflow, add_dags) -> Iterator[Account]:
    """An empty account, which is watched; its clock stands still unless a test moves it."""
    sandbox.set_speed(0)
    # the triggers, not the hook, are to bear what fails
    trouble = {"host": gate.url, "extra": json.dumps({"max_attempts": 1})}
    add_dags({"connection_id": "watched", **sandbox.connection, **trouble}, "follow_up", "waits")
    account = Account(sandbox, airflow)
    account.until_looked_at()
    yield account
    runs = account.airflow.api("GET", "/dags/follow_up/dagRuns?limit=100&state=failed")
    assert runs["total_entries"] == 0


def test_an_evening_of_sessions_with_a_triggerer_that_dies(account, thorough, tell):
    kills = 10 if thorough else 3
    chance = random.Random(20)
    sessions = [account.plan(f"Talk {n}", ends_in=n * timedelta(minutes=5)) for n in range(1, 2 * kills + 1)]
    waited_for = sessions[1::6]
    account.wait_for(*waited_for)
    for number in range(kills):
        first, second = sessions[2 * number : 2 * number + 2]
        account.sandbox.set_time(second.end + SETTLED)
        if number % 2:
            account.until_told(first)
            account.until_asked(chance.randrange(40))  # it tells, or looks
        elif number % 4:
            account.until_asked(chance.randrange(80))  # it is in a look, or between looks
        else:
            time.sleep(chance.uniform(0, 4))  # it starts
        account.airflow.kill("triggerer")
        account.airflow.start("triggerer")
    account.until_events(sessions)
    # an event that came while Airflow made a run is left to the next run
    last = account.plan("Last", ends_in=timedelta(minutes=5))
    account.sandbox.set_time(last.end + SETTLED)
    account.until_events([last])
    for session in sessions:
        account.until_followed_up(session)
    for session in waited_for:
        account.until_sensed(session)
    repeats = sum(account.follow_ups()[session.told_as] - 1 for session in sessions)
    tell(f"{len(sessions)} sessions, {kills} kills: all followed up, {repeats} repeats")


def test_a_session_that_ends_while_the_triggerer_is_down(account):
    session = account.plan("Deployment", ends_in=timedelta(minutes=5))
    account.wait_for(session)
    account.until_looked_at()
    account.airflow.stop("triggerer")
    account.sandbox.set_time(session.end + SETTLED)
    account.airflow.start("triggerer")
    account.until_followed_up(session)
    account.until_sensed(session)
    account.check_talk(session, "Deployment")
    assert account.follow_ups()[session.told_as] == 1


@pytest.fixture
def run_clock(sandbox) -> Iterator[Callable[[], None]]:
    """A minute of the sandbox passes in a second, from when a test starts the clock."""
    yield lambda: sandbox.set_speed(60)
    sandbox.set_speed(0)


def test_an_outage_of_five_minutes(account, sandbox, gate, run_clock):
    session = account.plan("Outage", ends_in=timedelta(minutes=4))
    account.wait_for(session)
    account.until_looked_at()
    began = sandbox.now
    gate.shut()
    run_clock()
    account.until_both_log("no connection to", session)
    sandbox.fault("*", "status", status=503, times=None)
    gate.open()
    account.until_both_log("SERVICE_UNAVAILABLE", session)
    until("the watcher shows its failures", lambda: "SERVICE_UNAVAILABLE" in (account.health()["error"] or ""))
    assert account.health()["failures_in_a_row"] > 0
    assert account.health()["polled_at"]
    sandbox.clear_faults()
    sandbox.fault("*", "html", times=None)
    account.until_both_log("HTTP 200 with no JSON", session)
    until("five minutes are over", lambda: sandbox.now >= began + timedelta(minutes=5))
    assert session.end < sandbox.now
    sandbox.clear_faults()
    account.until_followed_up(session)
    account.until_sensed(session)
    assert account.follow_ups()[session.told_as] == 1
    account.until_healthy()


def test_a_clock_that_jumps(account, sandbox):
    within = account.plan("Within the jump", ends_in=timedelta(hours=1))
    beyond = account.plan("Beyond the jump", ends_in=timedelta(hours=3))
    account.wait_for(beyond)
    before = sandbox.now
    sandbox.set_time(before + timedelta(hours=2))
    account.until_followed_up(within)
    sandbox.set_time(before)
    after = account.plan("After the jump", ends_in=timedelta(minutes=5))
    account.until_looked_at()
    assert not {beyond.told_as, after.told_as} & account.follow_ups().keys()
    assert account.sensor(beyond)["state"] == "deferred"
    # one after the other: of two events within milliseconds, Airflow at times keeps one for its next run
    sandbox.set_time(after.end + SETTLED)
    account.until_followed_up(after)
    assert account.sensor(beyond)["state"] == "deferred"
    sandbox.set_time(beyond.end + SETTLED)
    account.until_followed_up(beyond)
    account.until_sensed(beyond)
    assert [account.follow_ups()[each.told_as] for each in (within, after, beyond)] == [1, 1, 1]
