"""How the recordings of a room get into an archive, and off ClickMeeting."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypedDict

from airflow_clickmeeting.api import calls, times
from airflow_clickmeeting.api.facts import recorded, recorded_at, recorded_until
from airflow_clickmeeting.exceptions import ClickMeetingError, first_few
from airflow_clickmeeting.recordings.manifest import Manifest

if TYPE_CHECKING:
    from airflow.sdk import ObjectStoragePath

    from airflow_clickmeeting.api.types import Recording, Session
    from airflow_clickmeeting.audit import Audit
    from airflow_clickmeeting.hooks.clickmeeting import ClickMeetingHook

MIB = 1 << 20


class Failure(TypedDict):
    """What could not be archived or deleted, and why; without a recording it is the whole room."""

    room_id: int
    recording_id: int | None
    why: str


class Archive(TypedDict):
    """What a run did: numbers of recordings, bytes downloaded, the rooms' manifests, and what failed."""

    folder: str
    archived: int
    skipped: int
    deleted: int
    pending: int
    bytes: int
    manifests: list[str]
    failed: list[Failure]


class RoomArchive:
    """The recordings of one room in a folder.

    :param hook: the account.
    :param room_id: the room.
    :param folder: where the files and the manifest lie.
    :param done: is told what was done.
    :param audit: is told of each deletion.
    :param wanted: which recordings are; all of them, if nothing is said.
    """

    def __init__(
        self,
        hook: ClickMeetingHook,
        room_id: int,
        folder: ObjectStoragePath,
        done: Archive,
        audit: Audit,
        wanted: Callable[[Recording], bool] | None = None,
    ) -> None:
        self._hook = hook
        self._room_id = room_id
        self._folder = folder
        self._done = done
        self._audit = audit
        self._wanted = wanted

    def update(self, *, delete_after: bool) -> None:
        """Download what is missing, then delete from ClickMeeting what is proved; what fails is noted."""
        with self._sparing():
            proved = self._download_missing()
            if delete_after:
                self._delete(proved)

    def _download_missing(self) -> set[int]:
        """Return the recordings that are proved to be in the folder, or have come there now."""
        manifest = Manifest(self._folder, self._room_id)
        listed = {recording["id"]: recording for recording in self._hook.list_recordings(self._room_id)}
        manifest.note_deleted(manifest.being_deleted - listed.keys(), self._hook.now())
        wanted = [*filter(self._wanted, listed.values())]
        ready = [*filter(recorded, wanted)]
        self._done["pending"] += len(wanted) - len(ready)
        proved = set()
        for recording in ready:
            with self._sparing(recording["id"]):
                if manifest.proves(recording):
                    self._done["skipped"] += 1
                else:
                    self._download(recording, manifest)
                proved.add(recording["id"])
        if manifest:
            self._done["manifests"].append(str(manifest.path))
        return proved

    def _download(self, recording: Recording, manifest: Manifest) -> None:
        path = f"recording-{self._room_id}-{recording['id']}.mp4"  # ClickMeeting has no other format
        begin = time.perf_counter()
        came = self._hook.download_link(
            lambda: self._link(recording["id"]), self._folder / path, size=recording["recording_file_size"]
        )
        seconds = time.perf_counter() - begin
        manifest.add(recording, path, came["sha256"], self._hook.now())
        self._done["archived"] += 1
        self._done["bytes"] += came["size"]
        speed = came["size"] / MIB / seconds
        told = "Recording %d of room %d archived: %d bytes in %.1f s, %.1f MiB/s"
        self._hook.log.info(told, recording["id"], self._room_id, came["size"], seconds, speed)

    def _link(self, recording_id: int) -> str:
        """Return the link as ClickMeeting signs it now: it lives for minutes."""
        for recording in self._hook.list_recordings(self._room_id):
            if recording["id"] == recording_id:
                return recording["recording_url"]
        raise LookupError("ClickMeeting does not list it any more")

    def _delete(self, proved: Collection[int]) -> None:
        """Delete recordings whose size is still the same, for one that grows has not been processed."""
        manifest = Manifest(self._folder, self._room_id)
        for recording in self._hook.list_recordings(self._room_id):
            if recording["id"] in proved and manifest.proves(recording):
                with self._sparing(recording["id"]):
                    self._delete_one(recording["id"], manifest)

    def _delete_one(self, recording_id: int, manifest: Manifest) -> None:
        if not manifest.is_intact(recording_id):
            manifest.drop(recording_id)
            raise OSError(
                "its file is not what was downloaded; it stays on ClickMeeting, and the next run gets it anew"
            )
        manifest.note_asked(recording_id, self._hook.now())
        self._audit.deletion(calls.delete_recording(self._room_id, recording_id), self._room_id, [recording_id])
        manifest.note_deleted({recording_id}, self._hook.now())
        self._done["deleted"] += 1
        self._hook.log.info("Recording %d of room %d deleted from ClickMeeting", recording_id, self._room_id)

    @contextmanager
    def _sparing(self, recording_id: int | None = None) -> Iterator[None]:
        """Note what fails, instead of raising it, so that the rest is done first."""
        try:
            yield
        except Exception as error:
            failure: Failure = {
                "room_id": self._room_id,
                "recording_id": recording_id,
                "why": f"{type(error).__name__}: {error}",
            }
            self._done["failed"].append(failure)
            self._hook.log.exception("Failed: %s", _told(failure), exc_info=not isinstance(error, ClickMeetingError))


def rooms_with_recordings(hook: ClickMeetingHook) -> list[int]:
    """Return the rooms of the account's recordings; where ClickMeeting does not say them, all rooms that it lists."""
    rooms = {recording.get("conference_id", 0) for recording in hook.list_all_recordings()}
    if rooms and all(rooms):
        return sorted(rooms)
    return [room["id"] for room in hook.iter_conferences("all")]


def those_of(session: Session) -> Callable[[Recording], bool]:
    """Return what tells whether a recording ran while a session did; one that does not say when it began may have."""
    start, end = (times.parse(at) if at else None for at in (session.get("start_date"), session.get("end_date")))

    def ran(recording: Recording) -> bool:
        began, ended = recorded_at(recording), recorded_until(recording)
        too_early, too_late = start and ended and ended < start, end and began and began > end
        return not (too_early or too_late)

    return ran


def told(failed: Sequence[Failure]) -> str:
    """Return the first failures in words, and how many there are."""
    return f"{len(failed)} failed: {first_few([*map(_told, failed)])}"


def _told(failure: Failure) -> str:
    recording = "" if failure["recording_id"] is None else f", recording {failure['recording_id']}"
    return f"room {failure['room_id']}{recording}: {failure['why']}"
