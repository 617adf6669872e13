"""Both triggerers die in turn: the other one takes over its sensors and its watcher, and nothing is lost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta

import pytest

from airflow_clickmeeting.sandbox.handle import Sandbox

pytestmark = pytest.mark.cluster

TRIGGERERS = ("triggerer-1", "triggerer-2")
SETTLED = timedelta(minutes=2)  # longer than the DAGs' `settle`
HOUR = timedelta(hours=1)
HOLDERS = "SELECT hostname FROM trigger JOIN job ON job.id = triggerer_id"
WATCHES = f"{HOLDERS} JOIN asset_watcher ON trigger_id = trigger.id"
TOLD = "SELECT extra FROM asset_event"
CURSORS = "SELECT value FROM asset_state_store"


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    """An account whose clock stands still unless the test moves it."""
    with Sandbox(speed=0) as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def sessions(sandbox, scale) -> dict[str, int]:
    """The rooms of the sessions, by what a watcher tells of them; half of them end in an hour, the others in two."""
    now, sessions = sandbox.now, {}
    for number in range(scale.sensors):
        start = now + HOUR * (number % 2)
        room_id = sandbox.add_room(name=f"Talk {number}", starts_at=start.isoformat(), duration=1)["id"]
        session_id = sandbox.play(room_id, attendees=[{"email": "ada@example.com"}])
        sessions[f"session_ended-{room_id}-{session_id}"] = room_id
    return sessions


def test_no_session_is_lost_when_both_triggerers_die_in_turn(cluster, sandbox, sessions, note):
    began = sandbox.now

    def held(query: str = HOLDERS) -> Counter[str]:
        """Count the triggers that each triggerer holds."""
        return Counter(name for (name,) in cluster.ask(query))

    def told() -> Counter[str]:
        """Count the events of each session."""
        return Counter(extra["payload"]["id"] for (extra,) in cluster.ask(TOLD))

    def die_in_the_middle(name: str) -> int:
        """Kill a triggerer after the first reading of what has ended; return how many triggers moved."""
        before = sandbox.count("list_session_attendees")
        sandbox.advance(HOUR)
        cluster.until("ended sessions are read", lambda: sandbox.count("list_session_attendees") > before)
        cluster.airflow.kill(name)
        moved = held()[name]
        cluster.until(f"{name} is replaced", lambda: not held()[name])
        cluster.airflow.start(name)
        return moved

    cluster.add_dags("waits", "watches", conn_id="watched", sandbox=sandbox)
    cluster.start("waits", rooms=[*sessions.values()], since=began.isoformat())
    cluster.until("all sensors wait", lambda: cluster.states("waits")["deferred"] == len(sessions), timeout=900)
    # what is over before the first cursor does not count as an event
    cluster.until("the watcher has a cursor", lambda: cluster.ask(CURSORS))
    cluster.until("triggerers hold everything", lambda: held().total() > len(sessions) and held(WATCHES))
    sandbox.advance(SETTLED)
    (first,) = held(WATCHES)
    (second,) = {*TRIGGERERS} - {first}
    moved = [die_in_the_middle(name) for name in (first, second)]
    seconds = cluster.finish("waits")
    cluster.until("all events are there", lambda: sessions.keys() <= told().keys())
    sensors = [task for task in cluster.tasks("waits") if task["task_id"] == "wait"]
    sensed = Counter(int(task["rendered_fields"]["room_id"]) for task in sensors for _ in range(task["try_number"]))
    for what, meant, done in (
        (f"sensors, {' and '.join(map(str, moved))} moved", Counter(sessions.values()), sensed),
        ("sessions watched", Counter(sessions.keys()), told()),
    ):
        twice = sum(count > 1 for count in done.values())
        note(f"{what}, triggerers killed", len(meant), len(done), twice, sandbox.count(), 0, seconds)
        assert done.keys() == meant.keys()
    assert min(moved) > 0
