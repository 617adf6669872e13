"""What sensors cost that wait in the triggerer: requests, memory, and how long they hold up its event loop.

Each row is one event loop in a fresh interpreter; the sandbox answers from a process of its own. Beside the provider's
trigger: one as it is written by hand, which has an `httpx.AsyncClient()` and asks once per interval.
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

from measuring import now as memory

from airflow_clickmeeting.sandbox.handle import SandboxControl

WAYS = {
    "one": "deferred sensors, all of one room",
    "own": "deferred sensors, a room each",
    "hand": "httpx.AsyncClient() each, all of one room",
}
# a single sensor has one room and one of its own; thousands of clients are beyond a small machine
SENSIBLE = {"one": range(1, 100_001), "own": range(2, 1001), "hand": range(1, 1001)}
HEADS = ("requests", "memory each", "lag, 99 %", "longest", "at start")
NAP = 0.01
# memory comes in pages, and some of it whenever a process does something: of a few sensors it says nothing
FEW = 20
PATIENCE = 600


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
    """Wait as a simple trigger does."""
    import httpx

    account = json.loads(os.environ["AIRFLOW_CONN_CLICKMEETING_DEFAULT"])
    url = f"{account['host']}conferences/{room_id}/sessions"
    async with httpx.AsyncClient() as client:
        while True:
            await asyncio.sleep(interval)
            sessions = (await client.get(url, headers={"X-Api-Key": account["password"]})).json()
            if any(each["end_date"] and datetime.fromisoformat(each["end_date"]) >= since for each in sessions):
                return


WORK = {"one": by_provider, "own": by_provider, "hand": by_hand}


async def warm_up(way: str, room_id: int, since: datetime) -> None:
    """Let one sensor look once, so that what all share is there."""
    from airflow_clickmeeting.triggers import condition

    shortest, condition.MIN_INTERVAL = condition.MIN_INTERVAL, 0
    one = asyncio.create_task(WORK[way](room_id, since, NAP))
    await asyncio.sleep(1)
    one.cancel()
    await asyncio.wait([one])
    condition.MIN_INTERVAL = shortest


async def lags(work: Coroutine[Any, Any, object]) -> list[float]:
    """Nap again and again until something is done, and return the milliseconds that each nap took too long."""
    doing = asyncio.create_task(work)
    found = []
    while not doing.done():
        begin = time.perf_counter()
        await asyncio.sleep(NAP)
        found.append((time.perf_counter() - begin - NAP) * 1000)
    await doing
    return found


async def measure(
    way: str, sensors: int, rooms: list[int], interval: float, seconds: float, spread: float
) -> dict[str, float]:
    """Let so many sensors wait in this event loop, and return what each row shows."""
    sandbox = SandboxControl(json.loads(os.environ["AIRFLOW_CONN_CLICKMEETING_DEFAULT"])["host"])
    now = sandbox.now
    waiting = []

    async def start() -> None:
        for number in range(sensors):
            await asyncio.sleep(spread / sensors if number else 0)
            since = now - timedelta(minutes=number)
            waiting.append(asyncio.create_task(WORK[way](rooms[number % len(rooms)], since, interval)))
        await asyncio.sleep(interval * 1.1 + 1)  # the longest pause, and a look

    await warm_up(way, rooms[0], now)
    gc.collect()
    idle = memory()
    starting = await lags(start())
    sandbox.forget_requests()
    needs_confirmation = await lags(asyncio.sleep(seconds))
    grown = memory() - idle
    if ended := [each for each in waiting if each.done()]:
        raise SystemExit(f"{len(ended)} of {sensors} waited no longer: {ended[0]}")
    figures = (
        per_minute(sandbox.log()),
        grown * 1024 / sensors,
        statistics.quantiles(needs_confirmation, n=100)[-1],
        max(needs_confirmation),
        max(starting),
    )
    return dict(zip(HEADS, figures, strict=True))


def per_minute(requests: list[dict[str, Any]]) -> float:
    """Return how many requests there were in a minute, from the first one to the last."""
    if failed := [each for each in requests if each["status"] != 200]:
        raise SystemExit(f"{len(failed)} of {len(requests)} requests failed: {failed[0]}")
    if len(requests) < 2:
        raise SystemExit("There were less than two requests: --seconds must be some intervals.")
    first, *_, last = (datetime.fromisoformat(each["time"]) for each in requests)
    return (len(requests) - 1) / (last - first).total_seconds() * 60


def run(**arguments: object) -> dict[str, float]:
    """Measure in a fresh interpreter."""
    command = [sys.executable, __file__, "--measure", json.dumps(arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=PATIENCE)
    if done.returncode:
        raise SystemExit(done.stderr)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def used_rooms(sandbox: SandboxControl, number: int) -> list[int]:
    """Begin anew with so many permanent rooms, each with a session that goes on."""
    sandbox.reset()
    began = sandbox.now - timedelta(hours=1)
    rooms = [sandbox.add_room(permanent_room=True)["id"] for _ in range(number)]
    for room_id in rooms:
        sandbox.play(room_id, start=began, end=began + timedelta(days=1))
    return rooms


def row(sensors: int, figures: dict[str, float]) -> str:
    """Write the figures side by side."""
    requests, each, *lag = figures.values()
    shown = f"{each:8.1f} KiB" if sensors >= FEW else f"{'-':>8}    "
    return " ".join([f"{requests:7.1f}/min ", shown, *(f"{milliseconds:9.1f} ms" for milliseconds in lag)])


def print_rows(sandbox: SandboxControl, options: argparse.Namespace) -> None:
    """Measure and print a row for each way and number of sensors, then the ratios."""
    found: dict[tuple[str, int], dict[str, float]] = {}
    print(f"{'':47}", *(f"{head:>12}" for head in HEADS), flush=True)
    for way, sensors in [(way, each) for way in WAYS for each in options.sensors if each in SENSIBLE[way]]:
        found[way, sensors] = run(
            way=way,
            sensors=sensors,
            rooms=used_rooms(sandbox, sensors if way == "own" else 1),
            interval=options.interval,
            seconds=options.seconds,
            # sensors of one room look together, whenever they start
            spread=0 if options.at_once or way == "one" else options.interval,
        )
        print(f"{sensors:5} {WAYS[way]:41} {row(sensors, found[way, sensors])}", flush=True)
    print("\nlag: of the event loop; at start: its longest until each sensor had looked once")
    for sensors in options.sensors:
        if sensors >= FEW and (hand := found.get(("hand", sensors))):
            ratios = [f"{name} {figure / hand[name]:.3f}" for name, figure in found["one", sensors].items()]
            print(f"{sensors} of one room, ratio to those by hand: {', '.join(ratios)}")


def main() -> None:
    """Print a row for each way and number of sensors, and how the provider compares with what is written by hand."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=25, help="how long each row is measured (25)")
    parser.add_argument("--interval", type=float, default=10, help="seconds between two looks (10)")
    parser.add_argument(
        "--sensors", type=int, nargs="+", default=[1, 100, 1000, 5000], help="how many wait (1 100 1000 5000)"
    )
    parser.add_argument(
        "--at-once", action="store_true", help="start all in a moment, as after a restart, and not within an interval"
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
        local_sandbox(Path(sys.executable).parent, "--seed", "empty") as url,
    ):
        sandbox = SandboxControl(url)
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
