"""Shared streams of Airflow 3.3, which confirms to a watcher that an event is in Airflow's database."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Sequence

from airflow_clickmeeting.triggers.feeds import FailedPoll, Snapshot

try:
    from airflow.triggers.shared_stream import AdvanceItem, SharedStreamProducer
except ImportError:  # Airflow before 3.3 does not use this module
    SharedStreamProducer = object  # type: ignore[assignment,misc]

log = logging.getLogger(__name__)


class SnapshotProducer(SharedStreamProducer):
    """Yields snapshots, and stores cursors once all events of a snapshot are in Airflow's database.

    :param snapshots: the stream.
    """

    def __init__(self, snapshots: AsyncIterator[Snapshot | FailedPoll]) -> None:
        self._snapshots = snapshots

    async def open_stream(self) -> AsyncIterator[tuple[Snapshot | FailedPoll, Snapshot | FailedPoll]]:
        """Yield pairs: the snapshot for the watchers, and the same one for `advance`."""
        async for snapshot in self._snapshots:
            yield snapshot, snapshot

    async def advance(self, batch: Sequence[AdvanceItem]) -> None:
        """Store the cursors of snapshots whose events are all in Airflow's database.

        A cursor that cannot be stored is stored after the next poll. At worst, a restart reports an event twice.
        """
        for snapshot, outcome in batch:
            if outcome.failed or isinstance(snapshot, FailedPoll):
                continue
            for store_cursor in snapshot.on_persisted:
                try:
                    await store_cursor()
                except Exception:
                    log.exception("Storing a cursor failed; the next attempt follows the next poll")
