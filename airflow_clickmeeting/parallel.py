"""A few threads that do things side by side, in an order that stays."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class Crew:
    """Threads that are no further ahead than it takes to keep them busy, so that memory does not grow with the work.

    :param size: how many threads.
    """

    def __init__(self, size: int) -> None:
        self._ahead = 2 * size
        self._pool = ThreadPoolExecutor(size, "clickmeeting")

    def close(self) -> None:
        """Do nothing more, and wait for what is under way, so that nothing is sent after a task that failed."""
        self._pool.shutdown(cancel_futures=True)

    def start(self, do: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Have a thread do something."""
        return self._pool.submit(do, *args, **kwargs)

    def in_turn(self, started: Iterable[T]) -> Iterator[T]:
        """Yield what was started, which is made while it is taken, some way ahead."""
        waiting: deque[T] = deque()
        for each in started:
            waiting.append(each)
            if len(waiting) > self._ahead:
                yield waiting.popleft()
        while waiting:
            yield waiting.popleft()
