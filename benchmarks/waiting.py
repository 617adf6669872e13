"""Measure what deferred sensors cost in the triggerer: requests, memory, and the delay of its event loop.

Each row is one event loop in a new interpreter; the sandbox runs in a process of its own. The benchmark compares the
provider's trigger with a handwritten one, which has an `httpx.AsyncClient()` and polls once per interval.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Coroutine
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from measuring import TOKEN, current_memory

from airflow_clickmeeting.sandbox.handle import SandboxControl

METHODS = {
    "one": "deferred sensors, all of one room",
    "own": "deferred sensors, a room each",
    "hand": "httpx.AsyncClient() each, all of one room",
}
# for one sensor, `one` and `own` are the same; thousands of clients are too much for a small machine
SENSIBLE = {"one": range(1, 100_001), "own": range(2, 1001), "hand": range(1, 1001)}
HEADINGS = ("requests", "memory each", "lag, 99 %", "longest", "at start")
PAUSE = 0.01
# a process gets memory in pages, and some for its other work, so the memory of a few sensors means nothing
MIN_SENSORS = 20
TIMEOUT = 600


async def by_provider(room_id: int, since: datetime, interval: float) -> None:
    """Wait as a deferred `ClickMeetingSessionEndedSensor` does."""
    from airflow_clickmeeting.triggers.condition import WaitTrigger
    from airflow_clickmeeting.waiting.conditions import SessionEnded
    from airflow_clickmeeting.waiting.polling import PollPolicy

    condition = SessionEnded(room_id, since.isoformat())
    poll_policy = PollPolicy(interval, began=time.time(), deadline=time.time() + 86400)
    trigger = WaitTrigger(condition.to_json(), "clickmeeting_default", poll_policy.to_json())
    async for _ in trigger.run():
        return


async def by_hand(room_id: int, since: datetime, interval: float) -> None:
    """Wait as a simple handwritten trigger does."""
    import httpx

    account = json.loads(os.environ["AIRFLOW_CONN_CLICKMEETING_DEFAULT"])
    url = f"{account['host']}conferences/{room_id}/sessions"
    async with httpx.AsyncClient() as client:
        while True:
            await asyncio.sleep(interval)
            sessions = (await client.get(url, headers={"X-Api-Key": account["password"]})).json()
            if any(each["end_date"] and datetime.fromisoformat(each["end_date"]) >= since for each in sessions):
                return


WAITS = {"one": by_provider, "own": by_provider, "hand": by_hand}


async def warm_up(method: str, room_id: int, since: datetime) -> None:
    """Let one sensor poll once, so that everything that sensors share is loaded."""
    from airflow_clickmeeting.triggers import condition

    min_interval, condition.MIN_INTERVAL = condition.MIN_INTERVAL, 0
    sensor = asyncio.create_task(WAITS[method](room_id, since, PAUSE))
    await asyncio.sleep(1)
    sensor.cancel()
    await asyncio.wait([sensor])
    condition.MIN_INTERVAL = min_interval


async def measure_lags(work: Coroutine[Any, Any, object]) -> list[float]:
    """Sleep for short pauses until a coroutine is done, and return by how many milliseconds each pause was late."""
    task = asyncio.create_task(work)
    lags = []
    while not task.done():
        begin = time.perf_counter()
        await asyncio.sleep(PAUSE)
        lags.append((time.perf_counter() - begin - PAUSE) * 1000)
    await task
    return lags


async def measure(
    method: str, sensors: int, rooms: list[int], interval: float, seconds: float, spread: float
) -> dict[str, float]:
    """Let sensors wait in this event loop, and return the figures of their row."""
    sandbox = SandboxControl(json.loads(os.environ["AIRFLOW_CONN_CLICKMEETING_DEFAULT"])["host"], token=TOKEN)
    now = sandbox.now
    waiting = []

    async def start() -> None:
        for number in range(sensors):
            await asyncio.sleep(spread / sensors if number else 0)
            since = now - timedelta(minutes=number)
            waiting.append(asyncio.create_task(WAITS[method](rooms[number % len(rooms)], since, interval)))
        await asyncio.sleep(interval * 1.1 + 1)  # the longest pause, and a poll

    await warm_up(method, rooms[0], now)
    gc.collect()
    idle = current_memory()
    start_lags = await measure_lags(start())
    sandbox.forget_requests()
    steady_lags = await measure_lags(asyncio.sleep(seconds))
    grown = current_memory() - idle
    if ended := [each for each in waiting if each.done()]:
        raise SystemExit(f"{len(ended)} of {sensors} sensors stopped waiting, the first: {ended[0]}")
    figures = (
        per_minute(sandbox.log()),
        grown * 1024 / sensors,
        statistics.quantiles(steady_lags, n=100)[-1],
        max(steady_lags),
        max(start_lags),
    )
    return dict(zip(HEADINGS, figures, strict=True))


def per_minute(requests: list[dict[str, Any]]) -> float:
    """Return the number of requests per minute, between the first one and the last."""
    if failed := [each for each in requests if each["status"] != 200]:
        raise SystemExit(f"{len(failed)} of {len(requests)} requests failed, the first: {failed[0]}")
    if len(requests) < 2:
        raise SystemExit("There were fewer than two requests: set --seconds to a few times --interval.")
    first, *_, last = (datetime.fromisoformat(each["time"]) for each in requests)
    return (len(requests) - 1) / (last - first).total_seconds() * 60


def run(**arguments: object) -> dict[str, float]:
    """Measure in a new interpreter."""
    command = [sys.executable, __file__, "--measure", json.dumps(arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=TIMEOUT)
    if done.returncode:
        raise SystemExit(done.stderr)
    figures: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return figures


def create_rooms(sandbox: SandboxControl, number: int) -> list[int]:
    """Reset the sandbox, and create permanent rooms, each with a running session."""
    sandbox.reset()
    began = sandbox.now - timedelta(hours=1)
    rooms = [sandbox.add_room(permanent_room=True)["id"] for _ in range(number)]
    for room_id in rooms:
        sandbox.play(room_id, start=began, end=began + timedelta(days=1))
    return rooms


def format_row(sensors: int, figures: dict[str, float]) -> str:
    """Return the figures as the columns of a row."""
    requests, each, *lags = figures.values()
    memory = f"{each:8.1f} KiB" if sensors >= MIN_SENSORS else f"{'-':>8}    "
    return " ".join([f"{requests:7.1f}/min ", memory, *(f"{milliseconds:9.1f} ms" for milliseconds in lags)])


def print_rows(sandbox: SandboxControl, options: argparse.Namespace) -> None:
    """Measure and print a row for each method and number of sensors, then the ratios."""
    measured: dict[tuple[str, int], dict[str, float]] = {}
    print(f"{'':47}", *(f"{heading:>12}" for heading in HEADINGS), flush=True)
    for method, sensors in [(way, each) for way in METHODS for each in options.sensors if each in SENSIBLE[way]]:
        measured[method, sensors] = run(
            method=method,
            sensors=sensors,
            rooms=create_rooms(sandbox, sensors if method == "own" else 1),
            interval=options.interval,
            seconds=options.seconds,
            # sensors of one room share their polls, at whatever time they start
            spread=0 if options.at_once or method == "one" else options.interval,
        )
        print(f"{sensors:5} {METHODS[method]:41} {format_row(sensors, measured[method, sensors])}", flush=True)
    print("\nlag: delay of the event loop; at start: its longest delay until each sensor had polled once")
    for sensors in options.sensors:
        if sensors >= MIN_SENSORS and (hand := measured.get(("hand", sensors))):
            ratios = [f"{name} {figure / hand[name]:.3f}" for name, figure in measured["one", sensors].items()]
            print(f"{sensors} sensors of one room, ratio to handwritten triggers: {', '.join(ratios)}")


def main() -> None:
    """Print a row for each method and number of sensors, and compare the provider with handwritten triggers."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=25, help="seconds to measure for each row (25)")
    parser.add_argument("--interval", type=float, default=10, help="seconds between two polls (10)")
    parser.add_argument(
        "--sensors", type=int, nargs="+", default=[1, 100, 1000, 5000], help="numbers of sensors (1 100 1000 5000)"
    )
    parser.add_argument(
        "--at-once",
        action="store_true",
        help="start all sensors at the same time, as after a restart, and not spread over an interval",
    )
    parser.add_argument("--measure", type=json.loads, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        print(json.dumps(asyncio.run(measure(**options.measure))))
        return

    sys.path.append(str(Path(__file__).parents[1] / "scripts"))
    from local_airflow import local_sandbox

    with (
        tempfile.TemporaryDirectory() as home,
        local_sandbox(Path(sys.executable).parent, "--seed", "empty", "--token", TOKEN) as url,
    ):
        sandbox = SandboxControl(url, token=TOKEN)
        os.environ |= {
            "AIRFLOW_CONN_CLICKMEETING_DEFAULT": sandbox.connection_json,
            "AIRFLOW_HOME": home,
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__LOGGING__LOGGING_LEVEL": "WARNING",
            "NO_PROXY": "127.0.0.1",
            "no_proxy": "127.0.0.1",
        }
        print_rows(sandbox, options)


if __name__ == "__main__":
    main()
