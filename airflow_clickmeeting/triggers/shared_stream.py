"""Airflow 3.3's acknowledgement for shared streams: who watches is told when Airflow holds an event."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Sequence

from airflow_clickmeeting.triggers.feeds import Snapshot

try:
    from airflow.triggers.shared_stream import AdvanceItem, SharedStreamProducer
except ImportError:  # nobody asks for this before 3.3
    SharedStreamProducer = object  # type: ignore[assignment,misc]

log = logging.getLogger(__name__)


class SnapshotProducer(SharedStreamProducer):
    """Hands out snapshots, and has cursors stored once all events made of a snapshot are in Airflow's database.

    :param snapshots: the stream.
    """

    def __init__(self, snapshots: AsyncIterator[Snapshot]) -> None:
        self._snapshots = snapshots

    async def open_stream(self) -> AsyncIterator[tuple[Snapshot, Snapshot]]:
        """Yield each snapshot, and again as what `advance` gets back."""
        async for snapshot in self._snapshots:
            yield snapshot, snapshot

    async def advance(self, batch: Sequence[AdvanceItem]) -> None:
        """Store the cursors; what fails is stored with the next snapshot, and at worst an event is told twice."""
        for snapshot, outcome in batch:
            if outcome.failed:
                continue
            for store in snapshot.stored:
                try:
                    await store()
                except Exception:
                    log.exception("A cursor was not stored; it will be with the next look")
