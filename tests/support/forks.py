"""Work in processes that may be killed: what a script does for the fixture `forking`."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable

from airflow.sdk.io.store import _STORE_CACHE


def in_forks(work: Callable[[], object]) -> None:
    """Work once, then in a fork for each line on standard input.

    The first time is for what a run imports, which takes seconds. A line says after how many seconds the fork is
    killed, or nothing. How it ended is the line that comes back.
    """
    work()
    _say("ready")
    for line in sys.stdin:
        process = os.fork()
        if not process:
            try:
                _STORE_CACHE.clear()  # the file systems of the parent do not work in a fork
                work()
            finally:
                os._exit(sys.exc_info()[0] is not None)
        if line.strip():
            time.sleep(float(line))
            os.kill(process, signal.SIGKILL)
        _say(f"ended {os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])}")


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
