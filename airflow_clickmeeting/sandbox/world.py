"""Keep the state of one running sandbox: its clock, account, switches, faults and log."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from airflow_clickmeeting.sandbox.clock import Clock
from airflow_clickmeeting.sandbox.faults import Faults
from airflow_clickmeeting.sandbox.links import Signer
from airflow_clickmeeting.sandbox.model import Recording, Room, Session, StoredFile
from airflow_clickmeeting.sandbox.rate_limit import RateLimit
from airflow_clickmeeting.sandbox.requests import RequestLog
from airflow_clickmeeting.sandbox.switches import Switches

FIRST_IDS = {
    "room": 10000101, "session": 7000001, "recording": 4000001, "file": 3000001, "registration": 5000001,
    "person": 6000001,
}  # fmt: skip


@dataclass
class Account:
    """Hold everything that belongs to the API key: rooms, files, contacts and the mails that would be sent.

    `versions` counts how often the file behind a path of the file host has changed.
    """

    rooms: dict[int, Room] = field(default_factory=dict)
    files: dict[int, StoredFile] = field(default_factory=dict)
    contacts: dict[str, dict[str, str]] = field(default_factory=dict)
    outbox: list[dict[str, Any]] = field(default_factory=list)
    versions: Counter[str] = field(default_factory=Counter)
    _taken: defaultdict[str, int] = field(default_factory=lambda: defaultdict(int))

    def new_id(self, kind: str, count: int = 1) -> int:
        """Reserve `count` consecutive ids that were never used, and return the first one."""
        first = FIRST_IDS[kind] + self._taken[kind]
        self._taken[kind] += count
        return first

    def close(self) -> None:
        for stored in self.files.values():
            stored.content.close()

    def sessions(self) -> Iterator[tuple[Room, Session]]:
        return ((room, session) for room in self.rooms.values() for session in room.sessions)

    def recordings(self) -> Iterator[Recording]:
        return (recording for room in self.rooms.values() for recording in room.recordings.values())


class World:
    """Hold the state that all requests share. The server sets `api_url` and `media_url` when it knows its ports."""

    def __init__(
        self,
        api_key: str,
        token: str,
        *,
        speed: float = 1.0,
        switches: Mapping[str, object] | None = None,
        seed: Callable[[World], None] | None = None,
    ) -> None:
        self.api_key = api_key
        self.token = token
        self.api_url = self.media_url = ""
        self.signer = Signer()
        self._start = speed, dict(switches or {}), seed
        self.account = Account()
        self.reset()

    def reset(self) -> None:
        """Reset data, clock, switches, faults and log to the start."""
        speed, switches, seed = self._start
        self.clock = Clock(speed)
        self.switches = Switches(switches)
        self.faults = Faults()
        self.rate_limit = RateLimit()
        self.requests = RequestLog(self.api_key)
        self.account.close()
        self.account = Account()
        if seed:
            seed(self)
