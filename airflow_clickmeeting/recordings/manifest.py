"""The manifest of an archive: for each room, a JSON file that lists and proves the recordings beside it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypedDict, cast

from airflow_clickmeeting.api.facts import recording_facts
from airflow_clickmeeting.storage import open_atomic

if TYPE_CHECKING:
    from airflow.sdk import ObjectStoragePath

    from airflow_clickmeeting.api.types import Recording

# the keys that prove a recording to be in the archive; the others are for readers only
PROOF = {"recording_id": int, "size": int, "sha256": str, "path": str}


class Archived(TypedDict):
    """A recording in the archive: duration in seconds, size in bytes, times in ISO 8601.

    The path is relative to the manifest, so that an archive can be moved. `delete_asked_at` is written before
    the request to delete the recording is sent, `deleted_at` after ClickMeeting deleted it.
    """

    recording_id: int
    name: str | None
    started_at: str | None
    duration: int | None
    size: int
    sha256: str
    path: str
    archived_at: str
    delete_asked_at: str | None
    deleted_at: str | None


class Manifest:
    """The recordings of one room that are in the archive; every change is written at once.

    :param folder: the folder of the files and the manifest.
    :param room_id: the room.
    :raises ValueError: when there is a file with the manifest's name that is not a complete manifest of the room.
    """

    def __init__(self, folder: ObjectStoragePath, room_id: int) -> None:
        self.path = folder / f"recordings-{room_id}.json"
        self._folder = folder
        self._room_id = room_id
        self._entries = self._read()

    def __bool__(self) -> bool:
        return bool(self._entries)

    def proves(self, recording: Recording) -> bool:
        """Return whether the manifest lists a recording with its size on ClickMeeting, and its file has it too."""
        entry = self._entries.get(recording["id"])
        if entry is None or entry["size"] != recording.get("recording_file_size"):
            return False
        return entry["size"] == self._stored_size(entry["path"])

    def is_intact(self, recording_id: int) -> bool:
        """Read a recording's file, and return whether it has the checksum of the download."""
        entry = self._entries[recording_id]
        with (self._folder / entry["path"]).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == entry["sha256"]

    def add(self, recording: Recording, path: str, sha256: str, now: datetime) -> None:
        """Add a recording whose file is complete.

        :param recording: as ClickMeeting lists it.
        :param path: the file, relative to the manifest.
        :param sha256: the checksum of the bytes downloaded.
        :param now: by ClickMeeting's clock.
        :raises OSError: when the file is missing or does not have the recording's size.
        """
        facts = recording_facts(recording)
        if (stored := self._stored_size(path)) != facts["size"]:
            raise OSError(f"{self._folder / path} has {stored} bytes after {facts['size']} were written to it")
        proof = {"sha256": sha256, "path": path, "archived_at": _stamp(now)}
        entry = {**facts, **proof, "delete_asked_at": None, "deleted_at": None}
        self._entries[recording["id"]] = cast("Archived", entry)
        self._write()

    def drop(self, recording_id: int) -> None:
        """Remove a recording from the manifest, so that it is downloaded again."""
        del self._entries[recording_id]
        self._write()

    def note_asked(self, recording_id: int, now: datetime) -> None:
        """Note that the request to delete a recording is about to be sent."""
        self._entries[recording_id]["delete_asked_at"] = _stamp(now)
        self._write()

    def note_deleted(self, recordings: Collection[int], now: datetime) -> None:
        """Note that ClickMeeting deleted recordings on request."""
        for recording_id in recordings:
            self._entries[recording_id]["deleted_at"] = _stamp(now)
        if recordings:
            self._write()

    @property
    def being_deleted(self) -> set[int]:
        """The recordings for which a deletion was requested, but not noted as done."""
        entries = self._entries.items()
        return {id_ for id_, entry in entries if entry.get("delete_asked_at") and not entry.get("deleted_at")}

    def _stored_size(self, path: str) -> int | None:
        try:
            return int((self._folder / path).stat().st_size)
        except FileNotFoundError:
            return None

    def _read(self) -> dict[int, Archived]:
        try:
            with self.path.open("rb") as file:
                return _entries(json.load(file), self._room_id)
        except FileNotFoundError:  # a check with exists() would report a failing storage as an absent file
            return {}
        except ValueError as error:
            raise ValueError(
                f"{self.path} must be the manifest of room {self._room_id}: {error}. "
                "Correct the file, or move it away to have the recordings downloaded again."
            ) from None

    def _write(self) -> None:
        data = {"room_id": self._room_id, "recordings": [*self._entries.values()]}
        with open_atomic(self.path) as file:
            file.write(json.dumps(data, ensure_ascii=False, indent=2).encode())


def _stamp(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds")


def _entries(data: Any, room_id: int) -> dict[int, Archived]:
    if not isinstance(data, dict) or data.get("room_id") != room_id or not isinstance(data.get("recordings"), list):
        raise ValueError(f"it has no recordings of room {room_id}")
    for entry in data["recordings"]:
        if not isinstance(entry, dict) or not all(type(entry.get(key)) is kind for key, kind in PROOF.items()):
            raise ValueError(f"an entry lacks {', '.join(PROOF)}, or has them of another type")
    return {entry["recording_id"]: cast("Archived", entry) for entry in data["recordings"]}
