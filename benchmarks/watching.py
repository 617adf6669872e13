"""How many requests a watcher of a whole account sends per look, by feed and number of rooms.

The sandbox's clock is moved a minute ahead before each look, for an hour. Beside it stands a loop written by hand: it
lists all rooms, and then asks each for what is in it.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
from datetime import timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "scripts"))
os.environ["AIRFLOW_HOME"] = tempfile.mkdtemp()
os.environ["AIRFLOW__LOGGING__LOGGING_LEVEL"] = "WARNING"

from local_airflow import local_sandbox

from airflow_clickmeeting.sandbox.handle import SandboxControl

PAGE = 250
# of a hundred rooms: webinars of the past and of the days to come, one at this hour, and permanent rooms
PAST, COMING, PERMANENT = 60, 34, 5


def fill(sandbox: SandboxControl, rooms: int) -> None:
    """Fill an account with a mixture of rooms."""
    sandbox.reset()
    sandbox.set_speed(0)
    now = sandbox.now
    for number in range(rooms):
        place = number * 100 // rooms if rooms < 100 else number % 100
        registration = {"enabled": number % 2}
        if place < PAST:
            sandbox.add_room(name=f"Past {number}", starts_at=now - timedelta(days=1 + number % 60))
        elif place < PAST + COMING:
            start = now + timedelta(days=1 + number % 30)
            sandbox.add_room(name=f"Coming {number}", starts_at=start, registration=registration)
        elif place < PAST + COMING + PERMANENT:
            sandbox.add_room(name=f"Permanent {number}", permanent_room=1, registration=registration)
        else:
            sandbox.add_room(name=f"Now {number}", starts_at=now + timedelta(minutes=30), registration=registration)


async def watch(sandbox: SandboxControl, feed: str, looks: int) -> tuple[int, float]:
    """Return the requests of the first look, and of each of the next ones on average."""
    from airflow_clickmeeting.hooks.clickmeeting import ClickMeetingAsyncHook
    from airflow_clickmeeting.triggers.feeds import FEEDS

    watched = FEEDS[feed](ClickMeetingAsyncHook(), None)
    sandbox.forget_requests()
    await watched.poll()
    first = sandbox.count()
    for _ in range(looks):
        sandbox.advance(timedelta(minutes=1))
        await watched.poll()
    return first, (sandbox.count() - first) / looks


def by_hand(feed: str, rooms: int) -> int:
    """Return the requests of a loop that asks every room."""
    active = rooms * (100 - PAST) // 100
    pages = active // PAGE + 1 + (rooms - active) // PAGE + 1
    return pages if feed == "conferences" else pages + rooms


def main() -> None:
    """Print a row for each number of rooms and each feed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rooms", type=int, nargs="+", default=[10, 100, 1000])
    parser.add_argument("--looks", type=int, default=60)
    options = parser.parse_args()
    from airflow_clickmeeting.triggers.feeds import FEEDS

    print(f"{'rooms':>6}  {'feed':<14} {'first look':>11} {'next looks':>11} {'by hand':>9} {'ratio':>7}")
    with local_sandbox(Path(sys.executable).parent, "--seed", "empty") as url:
        sandbox = SandboxControl(url)
        os.environ["AIRFLOW_CONN_CLICKMEETING_DEFAULT"] = sandbox.connection_json
        for rooms in options.rooms:
            for feed in FEEDS:
                fill(sandbox, rooms)
                first, each = asyncio.run(watch(sandbox, feed, options.looks))
                plain = by_hand(feed, rooms)
                print(f"{rooms:>6}  {feed:<14} {first:>11} {each:>11.1f} {plain:>9} {each / plain:>7.3f}", flush=True)


if __name__ == "__main__":
    main()
