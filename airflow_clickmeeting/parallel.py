"""Run functions in threads without submitting all of them at once.

A thread pool of the standard library takes all work at the start, and keeps all results until they are read. A task
with a million rows would need memory for all of them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")


class OrderedExecutor(ThreadPoolExecutor):
    """A thread pool that starts work only as its results are consumed, so memory does not grow with the work.

    :param size: the number of threads; up to twice as many functions are started ahead of the consumer.
    """

    def __init__(self, size: int) -> None:
        super().__init__(size, "clickmeeting")
        self._ahead = 2 * size

    def close(self) -> None:
        """Cancel the functions that wait for a thread, and wait until the others end.

        After this, no thread sends a request for a task that has failed already.
        """
        self.shutdown(cancel_futures=True)

    def ordered(self, started: Iterable[T]) -> Iterator[T]:
        """Yield the items in their order, and read up to twice as many items ahead as there are threads.

        :param started: an iterable that starts work (with `submit`) each time it gives an item.
        """
        pending: deque[T] = deque()
        for item in started:
            pending.append(item)
            if len(pending) > self._ahead:
                yield pending.popleft()
        while pending:
            yield pending.popleft()
