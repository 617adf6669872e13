"""What could not be read and was left out, so that one bad room or row does not sink the rest."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypedDict

from airflow.providers.common.compat.sdk import AirflowException

from airflow_clickmeeting.exceptions import ClickMeetingError, first_few
from airflow_clickmeeting.transfers.scope import Place

MOST_KEPT = 100


class Skip(TypedDict):
    """One thing that was left out: whose it is, and why; without a session it concerns the whole room."""

    room_id: int
    session_id: int | None
    why: str


class Skipped:
    """What was left out: the first hundred, and how many in all.

    :param warn: writes to the log.
    """

    def __init__(self, warn: Callable[..., object]) -> None:
        self._warn = warn
        self._error: ClickMeetingError | None = None
        self.kept: list[Skip] = []
        self.count = 0

    def add(self, place: Place, why: str | Exception) -> None:
        """Note something, and tell the log."""
        self.count += 1
        if isinstance(why, ClickMeetingError):
            self._error = why
        if self.count > MOST_KEPT:
            return
        self.kept.append({"room_id": place.room_id, "session_id": place.session_id, "why": str(why)})
        self._warn("Skipped: %s", _named(self.kept[-1]))
        if self.count == MOST_KEPT:
            self._warn("What else is skipped is only counted")

    def failure(self, *, alone: bool) -> Exception:
        """Return what a task fails with.

        :param alone: nothing else was asked for, so that the error is told as it is.
        """
        if alone and self._error and self.count == 1:
            return self._error
        first = first_few([*map(_named, self.kept)], count=self.count)
        return AirflowException(
            f"Skipped {self.count}, and all else is done: {first}. "
            "Another try does everything again; fail_on_skipped=False would let it be."
        )


def _named(skip: Skip) -> str:
    session = "" if skip["session_id"] is None else f", session {skip['session_id']}"
    return f"room {skip['room_id']}{session}: {skip['why']}"
