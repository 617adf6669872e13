"""Download the recordings of a room into an archive, and delete them from ClickMeeting."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypedDict

from airflow_clickmeeting.api import calls, times
from airflow_clickmeeting.api.facts import recorded, recorded_at, recorded_until
from airflow_clickmeeting.exceptions import ClickMeetingError, DeletionRefusedError, summary_of
from airflow_clickmeeting.object_store import naming_right
from airflow_clickmeeting.recordings.manifest import Manifest
from airflow_clickmeeting.storage import DiskFullError

if TYPE_CHECKING:
    from airflow.sdk import ObjectStoragePath

    from airflow_clickmeeting.api.types import Recording, Session
    from airflow_clickmeeting.audit import Audit
    from airflow_clickmeeting.failures import Failure, FailureLog
    from airflow_clickmeeting.hooks.clickmeeting import ClickMeetingHook

MIB = 1 << 20
NOT_PROVED = (
    "The file of recording %d of room %d does not have the %d bytes that ClickMeeting lists, so the recording is not "
    "deleted from ClickMeeting. A later run deletes it if the file is larger, and the list is the same after a day"
)


class Archive(TypedDict):
    """The result of a run.

    `archived`, `unchanged`, `deleted` and `pending` are numbers of recordings; `unchanged` ones were in the archive
    before, and `pending` ones are still processed by ClickMeeting. `bytes` were downloaded. `manifests` are the paths
    of the rooms' manifests. A failure without a `recording_id` concerns the whole room.
    """

    folder: str
    archived: int
    unchanged: int
    deleted: int
    pending: int
    bytes: int
    manifests: list[str]
    failures: list[Failure]
    failure_count: int


@dataclass
class RoomArchive:
    """Downloads, verifies and deletes the recordings of one room.

    A second run downloads only the recordings that the archive does not hold according to the manifest.

    :param hook: the account.
    :param room_id: the room.
    :param folder: the folder of the files and the manifest.
    :param done: the result, to which the numbers of this room are added.
    :param audit: sends the deletions, and writes a line before and after each.
    :param failures: collects the failures.
    :param wanted: a function that returns whether to archive a recording; None archives all of them.
    """

    hook: ClickMeetingHook
    room_id: int
    folder: ObjectStoragePath
    done: Archive
    audit: Audit
    failures: FailureLog
    wanted: Callable[[Recording], bool] | None = None
    #: the ids of the recordings that `download_missing` found or put in the archive, and that may be deleted
    proved: set[int] = field(default_factory=set, init=False)

    def download_missing(self) -> int:
        """Download the missing recordings, and note in `proved` all that are proved to be in the archive.

        An error is added to the failures; it is not raised.

        :return: the number of things that can fail, which is 1 for the room, plus the recordings that are ready.
        """
        tried = 1
        proved: set[int] = set()
        with self._collecting_failures():
            manifest = Manifest(self.folder, self.room_id)
            listed = {recording["id"]: recording for recording in self.hook.list_recordings(self.room_id)}
            manifest.note_deleted(manifest.unconfirmed_deletions - listed.keys(), self.hook.now())
            wanted = [*filter(self.wanted, listed.values())]
            ready = [*filter(recorded, wanted)]
            self.done["pending"] += len(wanted) - len(ready)
            tried += len(ready)
            for recording in ready:
                with self._collecting_failures(recording["id"]):
                    if manifest.holds(recording):
                        self.done["unchanged"] += 1
                    else:
                        self._download(recording, manifest)
                    if manifest.proves(recording, self.hook.earliest_now()):
                        proved.add(recording["id"])
                    else:
                        size = recording["recording_file_size"]
                        self.hook.log.warning(NOT_PROVED, recording["id"], self.room_id, size)
            if manifest:
                self.done["manifests"].append(str(manifest.path))
            self.proved = proved
        return tried

    def _download(self, recording: Recording, manifest: Manifest) -> None:
        # ClickMeeting has recordings in this format only. With :d, no text of a response gets into the path.
        path = f"recording-{self.room_id:d}-{recording['id']:d}.mp4"
        started = time.perf_counter()
        file = self.hook.download_link(
            lambda: self._request_link(recording["id"]), self.folder / path, size=recording["recording_file_size"]
        )
        seconds = time.perf_counter() - started
        manifest.add(recording, path, file["size"], file["sha256"], self.hook.now())
        self.done["archived"] += 1
        self.done["bytes"] += file["size"]
        speed = file["size"] / MIB / seconds
        message = "Recording %d of room %d archived: %d bytes in %.1f s, %.1f MiB/s"
        self.hook.log.info(message, recording["id"], self.room_id, file["size"], seconds, speed)

    def _request_link(self, recording_id: int) -> str:
        """Request a new signed link, because a link is valid only for minutes, and a retry needs another one."""
        for recording in self.hook.list_recordings(self.room_id):
            if recording["id"] == recording_id:
                return recording["recording_url"]
        raise LookupError("ClickMeeting no longer lists this recording")

    def delete_proved(self) -> None:
        """Delete from ClickMeeting the recordings in `proved` whose size is still the archived one.

        ClickMeeting still processes a recording that grows. An error is added to the failures; it is not raised.
        """
        if not self.proved:
            return
        with self._collecting_failures():
            manifest = Manifest(self.folder, self.room_id)
            for recording in self.hook.list_recordings(self.room_id):
                if recording["id"] in self.proved and manifest.proves(recording, self.hook.earliest_now()):
                    with self._collecting_failures(recording["id"]):
                        self._delete(recording["id"], manifest)

    def _delete(self, recording_id: int, manifest: Manifest) -> None:
        if not manifest.is_intact(recording_id):
            manifest.remove(recording_id)
            raise OSError(
                "its file does not have the checksum of the download, so it has changed since then; the recording was "
                "not deleted from ClickMeeting, and the next run downloads it again"
            )
        manifest.note_delete_request(recording_id, self.hook.now())
        self.audit.delete(calls.delete_recording(self.room_id, recording_id), self.room_id, [recording_id])
        manifest.note_deleted({recording_id}, self.hook.now())
        self.done["deleted"] += 1
        self.hook.log.info("Recording %d of room %d deleted from ClickMeeting", recording_id, self.room_id)

    @contextmanager
    def _collecting_failures(self, recording_id: int | None = None) -> Iterator[None]:
        """Add an error of the block to the failures, so that the run continues with the other recordings and rooms."""
        try:
            with naming_right(self.folder, "read"):  # writing names its right itself
                yield
        except DiskFullError:  # the other recordings have no space either
            raise
        except Exception as error:
            reason = f"{type(error).__name__}: {summary_of(error)}"
            permanent = self.failures.is_permanent(error)
            self.failures.add(reason, permanent, room_id=self.room_id, recording_id=recording_id)
            # The message of any other error does not say enough to find its cause.
            if not isinstance(error, ClickMeetingError | OSError | ValueError):
                self.hook.log.exception("Traceback of this failure:")


def delete_archived(rooms: Sequence[RoomArchive], max_deletions: int) -> None:
    """Delete the archived recordings of rooms from ClickMeeting.

    :raises DeletionRefusedError: if there are more than `max_deletions`, and nothing was deleted.
    """
    count = sum(len(room.proved) for room in rooms)
    if count > max_deletions:
        raise DeletionRefusedError(
            f"{count} recordings would be deleted, more than max_deletions={max_deletions}, so none is. They are in "
            "the archive. Raise max_deletions, or archive fewer rooms at a time, then clear this task."
        )
    for room in rooms:
        room.delete_proved()


def rooms_with_recordings(hook: ClickMeetingHook) -> list[int]:
    """Return the ids of the rooms that have recordings.

    If ClickMeeting does not list all recordings, or lists them without their rooms, the result is all rooms.
    """
    rooms = {recording.get("conference_id", 0) for recording in hook.list_all_recordings()}
    if rooms and all(rooms):
        return sorted(rooms)
    return [room["id"] for room in hook.iter_conferences("all")]


def those_of(session: Session) -> Callable[[Recording], bool]:
    """Return a function that selects the recordings of a session.

    The function returns whether a recording overlaps the session in time. A recording without times does, since it may
    belong to the session.
    """
    start, end = (times.parse(at) if at else None for at in (session.get("start_date"), session.get("end_date")))

    def overlaps(recording: Recording) -> bool:
        began, ended = recorded_at(recording), recorded_until(recording)
        too_early, too_late = start and ended and ended < start, end and began and began > end
        return not (too_early or too_late)

    return overlaps
