"""Ask ClickMeeting once for all browsers that wait for the same answer, and remember the answer."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar
from weakref import WeakKeyDictionary

T = TypeVar("T")

#: seconds for which an answer, and a failure, are not asked for again
FRESH = 60.0
FAILURE_FRESH = 10.0
#: seconds that a browser waits for the first answer, and for a newer one than the page can show already
PATIENCE = 10.0
NEWER_PATIENCE = 2.0
#: seconds after which a question is given up
MAX_QUESTION = 60.0
#: the number of answers that are kept
MAX_ANSWERS = 300


@dataclass(frozen=True)
class Answer(Generic[T]):
    """What is known now.

    :param value: the last good answer; None if there was none.
    :param received_at: when it came.
    :param error: why the last question failed; None if it did not.
    :param is_pending: whether a question is still under way.
    """

    value: T | None = None
    received_at: datetime | None = None
    error: Exception | None = None
    is_pending: bool = False


class _Entry:
    answer: Answer[Any] = Answer()
    question: asyncio.Task[None] | None = None
    expires_at = 0.0


class Cache:
    """The answers to questions, by key, in one event loop.

    There is at most one question per key at a time. A browser that waits occupies no thread, and one that leaves ends
    no question.
    """

    def __init__(self) -> None:
        self._entries: OrderedDict[Hashable, _Entry] = OrderedDict()

    async def get(self, key: Hashable, ask: Callable[[], Awaitable[T]]) -> Answer[T]:
        """Return the answer to a question, which is asked if it was not asked lately.

        :param key: what identifies the question.
        :param ask: asks the question. Any error that it raises becomes part of the answer.
        """
        entry = self._entries.setdefault(key, _Entry())
        self._entries.move_to_end(key)
        if entry.question is None and time.monotonic() >= entry.expires_at:
            entry.question = asyncio.create_task(self._ask(entry, ask))
        if entry.question:
            # unlike `wait_for`, this does not cancel the question
            patience = PATIENCE if entry.answer.value is None else NEWER_PATIENCE
            await asyncio.wait({entry.question}, timeout=patience)
        self._forget_oldest()
        return replace(entry.answer, is_pending=entry.question is not None)

    async def _ask(self, entry: _Entry, ask: Callable[[], Awaitable[Any]]) -> None:
        try:
            async with asyncio.timeout(MAX_QUESTION):
                entry.answer = Answer(await ask(), datetime.now(UTC))
            entry.expires_at = time.monotonic() + FRESH
        except Exception as error:  # noqa: BLE001 - the page shows every error
            entry.answer = replace(entry.answer, error=error)
            entry.expires_at = time.monotonic() + FAILURE_FRESH
        finally:
            entry.question = None

    def _forget_oldest(self) -> None:
        excess = len(self._entries) - MAX_ANSWERS
        for key in [key for key, entry in self._entries.items() if entry.question is None][: max(excess, 0)]:
            del self._entries[key]


_caches: WeakKeyDictionary[asyncio.AbstractEventLoop, Cache] = WeakKeyDictionary()


def cache() -> Cache:
    """Return the running event loop's cache; an API server has one loop in each process."""
    return _caches.setdefault(asyncio.get_running_loop(), Cache())
