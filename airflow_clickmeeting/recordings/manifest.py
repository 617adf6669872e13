"""Read and write the manifest of a room: a JSON file that proves which recordings the archive holds."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, TypedDict, cast

from airflow_clickmeeting.api.facts import recording_facts
from airflow_clickmeeting.object_store import BLOCK_SIZE
from airflow_clickmeeting.versioned import versioned_file

if TYPE_CHECKING:
    from airflow.sdk import ObjectStoragePath

    from airflow_clickmeeting.api.types import Recording

# The keys that prove that the archive holds a recording. Most other keys are only for people who read the file.
PROOF = {"recording_id": int, "size": int, "sha256": str, "path": str}
# ClickMeeting may list another size while it processes a recording, for which some clients wait a day.
SETTLED_AFTER = timedelta(days=1)
# how often a change is made again because other tasks changed the manifest in between
MAX_ATTEMPTS = 100


class Archived(TypedDict):
    """A recording in the archive: `duration` in seconds, sizes in bytes, times in ISO 8601.

    `size` is that of the file, and `listed_size` is what ClickMeeting listed when the file was downloaded. `path` is
    relative to the manifest, so that you can move an archive. `sha256` is the checksum of the download.
    `delete_asked_at` is written before the request to delete the recording from ClickMeeting, and `deleted_at` after
    it.
    """

    recording_id: int
    name: str | None
    started_at: str | None
    duration: int | None
    size: int
    listed_size: int
    sha256: str
    path: str
    archived_at: str
    delete_asked_at: str | None
    deleted_at: str | None


class Manifest:
    """The recordings of one room that are in the archive; each change is written to the file at once.

    The constructor reads the file `recordings-ROOM_ID.json` in the folder. Without the file, the archive has no
    recording of the room. An empty manifest is false. If another task has changed the file since it was read, it is
    read again before the change is made, so that no task loses an entry of another one.

    :param folder: the folder of the files and the manifest.
    :param room_id: the room.
    :raises ValueError: if the file is not a complete manifest of the room.
    """

    def __init__(self, folder: ObjectStoragePath, room_id: int) -> None:
        self.path = folder / f"recordings-{room_id:d}.json"
        self._folder = folder
        self._room_id = room_id
        self._file = versioned_file(self.path, None)
        self._entries, self._version = self._read()

    def __bool__(self) -> bool:
        return bool(self._entries)

    def holds(self, recording: Recording) -> bool:
        """Return whether the archive holds a recording as ClickMeeting lists it now.

        The manifest must have the size that ClickMeeting lists, and the file must have its own size. The file is not
        read; for its checksum see `is_intact`.
        """
        entry = self._entries.get(recording["id"])
        if entry is None or entry.get("listed_size", entry["size"]) != recording.get("recording_file_size"):
            return False
        return entry["size"] == self._stored_size(entry["path"])

    def proves(self, recording: Recording, now: datetime | None = None) -> bool:
        """Return whether the archive holds a recording, and nothing suggests that a part of it is missing.

        :param now: the present time. With it, a file that is larger than ClickMeeting lists is a proof, too, if
            ClickMeeting still lists the same a day after the download: then the list is wrong, and does not grow.
        """
        if not self.holds(recording):
            return False
        entry = self._entries[recording["id"]]
        listed = entry.get("listed_size", entry["size"])
        is_settled = now is not None and now - datetime.fromisoformat(entry["archived_at"]) >= SETTLED_AFTER
        return entry["size"] == listed or (entry["size"] > listed and is_settled)

    def is_intact(self, recording_id: int) -> bool:
        """Read the whole file of a recording, and return whether it has the checksum of the download."""
        entry = self._entries[recording_id]
        with (self._folder / entry["path"]).open("rb", block_size=BLOCK_SIZE) as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == entry["sha256"]

    def add(self, recording: Recording, path: str, size: int, sha256: str, now: datetime) -> None:
        """Add a recording whose file is complete.

        :param recording: the recording as ClickMeeting lists it.
        :param path: the file, relative to the manifest.
        :param size: the bytes of the download.
        :param sha256: the checksum of the download.
        :param now: the time by ClickMeeting's clock.
        :raises OSError: if the file is missing or has another size.
        """
        if (stored := self._stored_size(path)) != size:
            raise OSError(f"{self._folder / path} has {stored} bytes after {size} were written to it")
        facts = recording_facts(recording)
        sizes = {"size": size, "listed_size": facts["size"]}
        proof = {"sha256": sha256, "path": path, "archived_at": _stamp(now)}
        entry = {**facts, **sizes, **proof, "delete_asked_at": None, "deleted_at": None}
        self._change(lambda entries: entries.update({recording["id"]: cast("Archived", entry)}))

    def remove(self, recording_id: int) -> None:
        """Remove a recording from the manifest, so that the next run downloads it again."""
        self._change(lambda entries: entries.pop(recording_id, None))

    def note_delete_request(self, recording_id: int, now: datetime) -> None:
        """Set `delete_asked_at`; call this before the request to delete the recording is sent."""

        def note(entries: dict[int, Archived]) -> None:
            if recording_id not in entries:
                raise OSError("another task removed it from the manifest, so it was not deleted from ClickMeeting")
            entries[recording_id]["delete_asked_at"] = _stamp(now)

        self._change(note)

    def note_deleted(self, recordings: Collection[int], now: datetime) -> None:
        """Set `deleted_at` of recordings that ClickMeeting has deleted."""

        def note(entries: dict[int, Archived]) -> None:
            for recording_id in entries.keys() & {*recordings}:
                entries[recording_id]["deleted_at"] = _stamp(now)

        if recordings:
            self._change(note)

    @property
    def unconfirmed_deletions(self) -> set[int]:
        """The ids of the recordings whose deletion was requested, but never confirmed, as after a killed worker."""
        entries = self._entries.items()
        return {id_ for id_, entry in entries if entry.get("delete_asked_at") and not entry.get("deleted_at")}

    def _stored_size(self, path: str) -> int | None:
        try:
            return int((self._folder / path).stat().st_size)
        except FileNotFoundError:
            return None

    def _read(self) -> tuple[dict[int, Archived], str | None]:
        # Do not check with exists() first: it returns False if the storage fails, and the manifest would be lost.
        if (found := self._file.read()) is None:
            return {}, None
        try:
            return _entries(json.loads(found.body), self._room_id), found.version
        except ValueError as error:
            raise ValueError(
                f"{self.path} must be the manifest of room {self._room_id}: {error}. "
                "Correct the file, or move it away to have the recordings downloaded again."
            ) from None

    def _change(self, change: Callable[[dict[int, Archived]], object]) -> None:
        """Make a change in the file; if another task has changed the file, make the change in what it is now."""
        for _ in range(MAX_ATTEMPTS):
            change(self._entries)
            data = {"room_id": self._room_id, "recordings": [*self._entries.values()]}
            body = json.dumps(data, ensure_ascii=False, indent=2).encode()
            if (version := self._file.replace(body, self._version)) is not None:
                self._version = version
                return
            self._entries, self._version = self._read()
        raise OSError(
            f"{self.path} was changed by other tasks {MAX_ATTEMPTS} times in a row. Let fewer tasks archive room "
            f"{self._room_id}, then clear this task."
        )


def _stamp(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds")


def _entries(data: Any, room_id: int) -> dict[int, Archived]:
    if not isinstance(data, dict) or data.get("room_id") != room_id or not isinstance(data.get("recordings"), list):
        raise ValueError(f"it has no recordings of room {room_id}")
    for entry in data["recordings"]:
        if not isinstance(entry, dict) or not all(type(entry.get(key)) is kind for key, kind in PROOF.items()):
            raise ValueError(f"an entry lacks {', '.join(PROOF)}, or has them of another type")
    return {entry["recording_id"]: cast("Archived", entry) for entry in data["recordings"]}
