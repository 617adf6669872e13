"""Count the requests that a watcher of a whole account sends per poll, by feed and number of rooms.

The benchmark moves the sandbox's clock forward by a minute before each poll, for an hour. It compares the watcher with
itself without a limit of the requests of a poll, and with a handwritten loop, which lists all rooms and then polls each
of them.
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


async def watch(sandbox: SandboxControl, feed: str, polls: int, *, limited: bool) -> tuple[int, int, float]:
    """Return the number of requests of the first poll, and the largest and the average number of a later poll."""
    from airflow_clickmeeting.hooks.clickmeeting import ClickMeetingAsyncHook
    from airflow_clickmeeting.triggers.feeds import FEEDS

    watched = FEEDS[feed](ClickMeetingAsyncHook(), None)
    if not limited:
        watched.max_requests = sys.maxsize
    counts = []
    for _ in range(polls + 1):
        sandbox.forget_requests()
        await watched.poll()
        counts.append(sandbox.count())
        sandbox.advance(timedelta(minutes=1))
    first, *later = counts
    return first, max(later), sum(later) / polls


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

    print(
        f"{'rooms':>6}  {'feed':<14} {'first poll':>23} {'next polls, at most':>23} {'on average':>23} {'by hand':>8}"
    )
    with local_sandbox(Path(sys.executable).parent, "--seed", "empty", "--token", TOKEN) as url:
        sandbox = SandboxControl(url, token=TOKEN)
        os.environ["AIRFLOW_CONN_CLICKMEETING_DEFAULT"] = sandbox.connection_json
        for rooms in options.rooms:
            for feed in FEEDS:
                found = []
                for limited in (False, True):
                    fill(sandbox, rooms)
                    found.append(asyncio.run(watch(sandbox, feed, options.polls, limited=limited)))
                columns = [f"{new:>6.4g} of {old:>6.4g} ({new / old:.2f})" for old, new in zip(*found, strict=True)]
                print(f"{rooms:>6}  {feed:<14} {' '.join(columns)} {by_hand(feed, rooms):>8}", flush=True)


if __name__ == "__main__":
    main()
