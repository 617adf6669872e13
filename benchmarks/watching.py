"""Count the requests that a watcher of a whole account sends per poll, by feed and number of rooms.

The benchmark moves the sandbox's clock forward by a minute before each poll, for an hour. It compares the watcher with
a handwritten loop, which lists all rooms and then polls each of them.
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

PAGE_SIZE = 250
TOKEN = "benchmark"  # the control token of the sandbox
# of a hundred rooms: past and future webinars, permanent rooms, and for the rest one webinar that is about to start
PAST, FUTURE, PERMANENT = 60, 34, 5


def fill(sandbox: SandboxControl, rooms: int) -> None:
    """Reset the sandbox, and create a mixture of rooms."""
    sandbox.reset()
    sandbox.set_speed(0)
    now = sandbox.now
    for number in range(rooms):
        position = number * 100 // rooms if rooms < 100 else number % 100
        registration = {"enabled": number % 2}
        if position < PAST:
            sandbox.add_room(name=f"Past {number}", starts_at=now - timedelta(days=1 + number % 60))
        elif position < PAST + FUTURE:
            start = now + timedelta(days=1 + number % 30)
            sandbox.add_room(name=f"Future {number}", starts_at=start, registration=registration)
        elif position < PAST + FUTURE + PERMANENT:
            sandbox.add_room(name=f"Permanent {number}", permanent_room=1, registration=registration)
        else:
            sandbox.add_room(name=f"Now {number}", starts_at=now + timedelta(minutes=30), registration=registration)


async def watch(sandbox: SandboxControl, feed: str, polls: int) -> tuple[int, float]:
    """Return the number of requests of the first poll, and on average of each later poll."""
    from airflow_clickmeeting.hooks.clickmeeting import ClickMeetingAsyncHook
    from airflow_clickmeeting.triggers.feeds import FEEDS

    watched = FEEDS[feed](ClickMeetingAsyncHook(), None)
    sandbox.forget_requests()
    await watched.poll()
    first = sandbox.count()
    for _ in range(polls):
        sandbox.advance(timedelta(minutes=1))
        await watched.poll()
    return first, (sandbox.count() - first) / polls


def by_hand(feed: str, rooms: int) -> int:
    """Return the number of requests of a loop that polls every room."""
    active = rooms * (100 - PAST) // 100
    pages = active // PAGE_SIZE + 1 + (rooms - active) // PAGE_SIZE + 1
    return pages if feed == "conferences" else pages + rooms


def main() -> None:
    """Print a row for each number of rooms and each feed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rooms", type=int, nargs="+", default=[10, 100, 1000], help="numbers of rooms (10 100 1000)")
    parser.add_argument("--polls", type=int, default=60, help="number of polls after the first (60)")
    options = parser.parse_args()
    from airflow_clickmeeting.triggers.feeds import FEEDS

    print(f"{'rooms':>6}  {'feed':<14} {'first poll':>11} {'next polls':>11} {'by hand':>9} {'ratio':>7}")
    with local_sandbox(Path(sys.executable).parent, "--seed", "empty", "--token", TOKEN) as url:
        sandbox = SandboxControl(url, token=TOKEN)
        os.environ["AIRFLOW_CONN_CLICKMEETING_DEFAULT"] = sandbox.connection_json
        for rooms in options.rooms:
            for feed in FEEDS:
                fill(sandbox, rooms)
                first, each = asyncio.run(watch(sandbox, feed, options.polls))
                plain = by_hand(feed, rooms)
                print(f"{rooms:>6}  {feed:<14} {first:>11} {each:>11.1f} {plain:>9} {each / plain:>7.3f}", flush=True)


if __name__ == "__main__":
    main()
