"""Threads that work side by side, never further ahead than it takes to keep them busy."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, as_completed, wait
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")
R = TypeVar("R")


class OrderedExecutor:
    """A thread pool whose work is started while its results are taken, so that memory does not grow with the work.

    :param size: how many threads.
    """

    def __init__(self, size: int) -> None:
        self._ahead = 2 * size
        self._pool = ThreadPoolExecutor(size, "clickmeeting")

    def close(self) -> None:
        """Start nothing more, and wait for what runs, so that nothing is sent after a task that failed."""
        self._pool.shutdown(cancel_futures=True)

    def start(self, do: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Run a function in a thread."""
        return self._pool.submit(do, *args, **kwargs)

    def ordered(self, started: Iterable[T]) -> Iterator[T]:
        """Yield what was started in its order; the iterable is consumed a little ahead."""
        waiting: deque[T] = deque()
        for each in started:
            waiting.append(each)
            if len(waiting) > self._ahead:
                yield waiting.popleft()
        while waiting:
            yield waiting.popleft()

    def completed(self, started: Iterable[tuple[T, Future[R]]]) -> Iterator[tuple[T, Future[R]]]:
        """Yield what was started as it completes; the iterable is consumed a little ahead."""
        waiting: dict[Future[R], T] = {}
        for item, future in started:
            waiting[future] = item
            if len(waiting) == self._ahead:
                for done in wait(waiting, return_when=FIRST_COMPLETED).done:
                    yield waiting.pop(done), done
        for done in as_completed(waiting):
            yield waiting[done], done
