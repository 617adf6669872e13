"""The health of a watcher: in Airflow's asset state store, where people see it, and as metrics."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from time import monotonic
from types import TracebackType
from typing import Any, Self

from airflow_clickmeeting.compat import AirflowException
from airflow_clickmeeting.exceptions import CLEAR, ClickMeetingError
from airflow_clickmeeting.waiting.messages import clean

log = logging.getLogger(__name__)

#: the key in the asset state store; the cursor has another one, because people may edit or clear this one
KEY = "health"
#: seconds after which an unchanged health is written again, so that its age shows a triggerer that is down
WRITE_INTERVAL = 60.0
#: seconds; the first write in a new triggerer can take five
WRITE_TIMEOUT = 30.0
MAX_LENGTH = 600


class Health:
    """Shows whether a watcher polls, and why not.

    The asset state store (Airflow 3.3) gets `polled_at`, the time of the last successful poll in UTC;
    `failures_in_a_row`; `error`, why a poll failed or what it had to leave out, or None; and `interval` in seconds. It
    is written when one of the two in the middle changes, and otherwise once a minute, one write at a time and beside
    the watcher, which never waits for it.

    :param asset_name: the asset, whose name is part of the metrics' names.
    :param interval: seconds between two polls.
    :param store: the asset's state store; None in Airflow before 3.3, where there are only the metrics.
    """

    def __init__(self, asset_name: str, interval: float, store: Any) -> None:
        self._asset_name = asset_name
        self._store = store
        self._value: dict[str, Any] = {
            "polled_at": None,
            "failures_in_a_row": 0,
            "error": None,
            "interval": interval,
        }
        self._written: dict[str, Any] | None = None
        self._written_at = 0.0
        self._writing: asyncio.Task[None] | None = None
        self._refused = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._writing:
            self._writing.cancel()

    def polled(self, problems: Sequence[str] = ()) -> None:
        """Report a successful poll.

        :param problems: what the poll had to leave out; the first is shown, with the number of the others.
        """
        now = datetime.now(UTC)
        self._measure("polled_at", now.timestamp())
        more = f" And {len(problems) - 1} more: see the triggerer's log." if problems[1:] else ""
        error = f"{problems[0]}{more}" if problems else None
        self._report(polled_at=now.isoformat(timespec="seconds"), failures_in_a_row=0, error=error)

    def failed(self, failures: int, error: str) -> None:
        """Report a failed poll.

        :param failures: how many polls in a row have failed.
        :param error: why, for people.
        """
        self._report(failures_in_a_row=failures, error=error)

    def _report(self, **changed: Any) -> None:
        self._value = {**self._value, **changed}
        self._measure("failures_in_a_row", self._value["failures_in_a_row"])
        if self._store is not None and self._is_due() and (self._writing is None or self._writing.done()):
            self._writing = asyncio.create_task(self._write())

    def _is_due(self) -> bool:
        if self._written is None or monotonic() >= self._written_at + WRITE_INTERVAL:
            return True
        return any(self._value[key] != self._written[key] for key in ("failures_in_a_row", "error"))

    async def _write(self) -> None:
        while self._is_due():
            value = self._value
            try:
                async with asyncio.timeout(WRITE_TIMEOUT):
                    await self._store.aset(KEY, await self._with_last_success(value))
            except Exception as error:  # noqa: BLE001 - a watcher goes on without a store
                level = logging.DEBUG if self._refused else logging.WARNING
                reason = f"{type(error).__name__}: {error}"
                log.log(level, "Storing the health of asset %s failed; it is tried again: %s", self._asset_name, reason)
                self._refused = True
                return
            self._written, self._written_at, self._refused = value, monotonic(), False

    async def _with_last_success(self, value: dict[str, Any]) -> dict[str, Any]:
        """Return the value with the last success of an earlier triggerer, as long as this one has had none."""
        if value["polled_at"] is not None:
            return value
        stored = await self._store.aget(KEY)
        return {**value, "polled_at": stored.get("polled_at") if isinstance(stored, dict) else None}

    def _measure(self, name: str, number: float) -> None:
        try:
            from airflow_clickmeeting.compat import Stats

            # plain statsd drops tags, so the asset is part of the name; a dot would begin another level
            Stats.gauge(f"clickmeeting.watcher.{re.sub(r'[^A-Za-z0-9_-]', '_', self._asset_name)}.{name}", number)
        except Exception:  # a watcher goes on without metrics
            log.debug("Sending a metric failed", exc_info=True)


def explain(error: Exception) -> str:
    """Return why a request of a watcher failed, and what to do, in one short text without secrets and addresses."""
    if isinstance(error, ClickMeetingError):
        why, cure = error.summary, f"{error.cure}; the watcher then goes on by itself."
    elif isinstance(error, AirflowException | ValueError):  # about the connection, with what to do
        why, cure = str(error).removesuffix(f", {CLEAR}"), "The watcher then goes on by itself."
    else:
        why, cure = f"{type(error).__name__}: {error}", "See the traceback in the triggerer's log."
    return f"{clean(why, MAX_LENGTH, ' [...]').rstrip('.')}. {cure}"


def left_out(reasons: Sequence[str], place: str) -> str | None:
    """Return what a poll left out because it cannot be read, and what to do; None if it left out nothing."""
    if not reasons:
        return None
    first, *others = dict.fromkeys(reasons)
    items, were = (
        (f"{len(others) + 1} items", "were left out, the first one") if others else ("One item", "was left out")
    )
    return (
        f"{items} of {place} could not be read and {were}: {clean(first, MAX_LENGTH, ' [...]')}. "
        "A later poll reads it again; if this does not change, report it to the provider's maintainers."
    )
