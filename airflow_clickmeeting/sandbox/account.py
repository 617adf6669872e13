"""Keep everything that belongs to one API key."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

from airflow_clickmeeting.sandbox.model import Mail, Recording, Room, Session, StoredFile

FIRST_IDS = {
    "room": 10000101, "session": 7000001, "recording": 4000001, "file": 3000001, "registration": 5000001,
    "person": 6000001,
}  # fmt: skip


@dataclass
class Account:
    """Hold the rooms, files, contacts and mails of one account in memory."""

    rooms: dict[int, Room] = field(default_factory=dict)
    files: dict[int, StoredFile] = field(default_factory=dict)
    contacts: dict[str, dict[str, str]] = field(default_factory=dict)
    outbox: list[Mail] = field(default_factory=list)
    _taken: defaultdict[str, int] = field(default_factory=lambda: defaultdict(int))

    def new_id(self, kind: str, count: int = 1) -> int:
        """Reserve `count` consecutive ids that were never used, and return the first one."""
        first = FIRST_IDS[kind] + self._taken[kind]
        self._taken[kind] += count
        return first

    def close(self) -> None:
        """Close the uploaded files."""
        for stored in self.files.values():
            stored.content.close()

    def sessions(self) -> Iterator[tuple[Room, Session]]:
        """Yield every session with its room."""
        return ((room, session) for room in self.rooms.values() for session in room.sessions)

    def recordings(self) -> Iterator[tuple[Room, Recording]]:
        """Yield every recording with its room."""
        return ((room, recording) for room in self.rooms.values() for recording in room.recordings.values())
