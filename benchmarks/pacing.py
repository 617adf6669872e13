"""Measure how ten processes that know nothing of each other share an account's limit of requests.

Eight processes have a hook and threads, as tasks on workers do; two have an event loop and the asynchronous hook, as
triggerers do. The sandbox refuses requests above its limit with 429. The comparison is a fixed pace in each process:
the connection's figure, which is the account's limit here, or none.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any

from measuring import Figures, sandbox, start

from airflow_clickmeeting.exceptions import ClickMeetingError
from airflow_clickmeeting.hooks import clickmeeting, policy
from airflow_clickmeeting.hooks.clickmeeting import ClickMeetingAsyncHook, ClickMeetingHook
from airflow_clickmeeting.sandbox.handle import SandboxControl

WORKERS, TRIGGERERS, PARALLEL = 8, 2, 4
SETTLED = 10  # seconds


def make_pace_fixed() -> None:
    """Let a 429 neither change the pace nor count less than another failed attempt, as without adaption."""
    policy.RateLimiter.slow_down = lambda self, now, sent_at, retry_after: False  # type: ignore[method-assign]
    clickmeeting.is_last = lambda attempts, state: state.attempt_number >= attempts  # type: ignore[attr-defined]


def call_often(hook: ClickMeetingHook, room_id: int, end: float, results: Counter[str]) -> None:
    """Make calls one after the other until a time, and count which succeed and fail."""
    while time.time() < end:
        try:
            hook.get_conference(room_id)
            results["calls"] += 1
        except ClickMeetingError:
            results["failed"] += 1


async def await_often(hook: ClickMeetingAsyncHook, room_id: int, end: float, results: Counter[str]) -> None:
    """Do the same with the asynchronous hook."""
    while time.time() < end:
        try:
            await hook.get_conference(room_id)
            results["calls"] += 1
        except ClickMeetingError:
            results["failed"] += 1


def send(room_id: int, seconds: float, *, is_triggerer: bool, is_fixed: bool) -> Figures:
    """Wait for a line, and return how many calls of some threads or coroutines succeeded and failed."""
    logging.disable()
    if is_fixed:
        make_pace_fixed()
    results = Counter(calls=0, failed=0)
    print("ready", flush=True)
    sys.stdin.readline()
    end = time.time() + seconds

    async def triggers() -> None:
        hook = ClickMeetingAsyncHook()
        await asyncio.gather(*(await_often(hook, room_id, end, results) for _ in range(PARALLEL)))

    if is_triggerer:
        asyncio.run(triggers())
    else:
        hook = ClickMeetingHook()
        with ThreadPoolExecutor(PARALLEL) as threads:
            for _ in range(PARALLEL):
                threads.submit(call_often, hook, room_id, end, results)
    return dict(results)


def measure(control: SandboxControl, seconds: int, most: float | None, **limits: Any) -> dict[bool, float]:
    """Print what the sandbox saw with the adaptive and the fixed pace, and return the requests per second of each."""
    connection = json.loads(control.connection_json) | {"extra": {"max_requests_per_second": most}}
    os.environ["AIRFLOW_CONN_CLICKMEETING_DEFAULT"] = json.dumps(connection)
    allowed = limits.get("rate_limit") or limits["rate_limit_per_minute"] / 60
    rates = {}
    for is_fixed in (False, True):
        control.reset()
        room_id = control.add_room(name="Talk", permanent_room=True)["id"]
        processes = []
        for number in range(WORKERS + TRIGGERERS):
            arguments = ["send", [room_id, seconds], {"is_triggerer": number >= WORKERS, "is_fixed": is_fixed}]
            command = [sys.executable, sys.argv[0], "--measure", json.dumps(arguments)]
            processes.append(subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True))
        for process in processes:
            assert process.stdout
            while process.stdout.readline() != "ready\n":
                pass
        control.switch(**limits)
        control.forget_requests()
        for process in processes:
            assert process.stdin
            process.stdin.write("go\n")
            process.stdin.flush()
        figures = [json.loads(process.communicate()[0].splitlines()[-1]) for process in processes]
        failed, calls = (sum(each[name] for each in figures) for name in ("failed", "calls"))
        log = control.log("get_conference")
        begin = datetime.fromisoformat(log[0]["time"])
        answers = [((datetime.fromisoformat(each["time"]) - begin).total_seconds(), each["status"]) for each in log]
        print(f"\n{'fixed pace' if is_fixed else 'adaptive pace'}, figure {most}, {limits}")
        for first in range(0, seconds, SETTLED):
            part = [status for at, status in answers if first <= at < first + SETTLED]
            ok, refused = part.count(200) / SETTLED, part.count(429)
            line = f"{ok:6.1f}/s  {ok / allowed:5.0%} of the limit  {refused / max(len(part), 1):6.1%} are 429"
            print(f"  {first:>3}-{first + SETTLED:<3} s {line}", flush=True)
        settled = [status for at, status in answers if SETTLED <= at < seconds]
        rates[is_fixed] = settled.count(200) / (seconds - SETTLED)
        share = settled.count(429) / max(len(settled), 1)
        print(f"  after {SETTLED} s: {rates[is_fixed] / allowed:.0%} of the limit, {share:.1%} are 429", end="")
        print(f"; {calls} calls succeeded, {failed} failed")
    return rates


def main() -> None:
    """Print a table for a limit per second and one per minute, with and without Retry-After and a figure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--limit", type=float, default=20, help="requests per second that the sandbox allows (20)")
    parser.add_argument("--seconds", type=int, default=60, help="duration of each measurement (60)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, sandbox(folder) as control:
        for limits, most in (
            ({"rate_limit": options.limit}, options.limit),
            ({"rate_limit": options.limit, "rate_limit_retry_after": False}, None),
            ({"rate_limit_per_minute": options.limit * 60}, None),
        ):
            rates = measure(control, options.seconds, most, **limits)
            print(f"  requests that succeed, adaptive / fixed: {rates[False] / max(rates[True], 0.01):.2f}")


if __name__ == "__main__":
    start(main, send)
