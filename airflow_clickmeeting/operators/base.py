"""What all operators share: the connection, and what of an answer goes to the log and to XCom."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

from airflow.sdk import BaseOperator, Context
from airflow.sdk.log import mask_secret

from airflow_clickmeeting.api.validate import Id
from airflow_clickmeeting.hooks.settings import DEFAULT_CONN_ID

if TYPE_CHECKING:
    from airflow_clickmeeting.api.call import Call
    from airflow_clickmeeting.deletion.checks import RoomSnapshot
    from airflow_clickmeeting.deletion.delete import Deleter, Deletion
    from airflow_clickmeeting.hooks.clickmeeting import ClickMeetingHook
    from airflow_clickmeeting.storage import Path


T = TypeVar("T")

# Airflow compiles all masked texts anew for each one: a thousand take it 20 s
MAX_MASKED = 100


class ClickMeetingOperator(BaseOperator):
    """Base of all operators for ClickMeeting.

    :param clickmeeting_conn_id: the connection with the API key.
    :param include_secrets: whether the result keeps what lets somebody in or download something: host logins,
        role hashes, PINs, passwords, personal and signed links.
    """

    template_fields: Sequence[str] = ("clickmeeting_conn_id",)
    ui_color = "#e8f4fb"

    def __init__(
        self,
        *,
        clickmeeting_conn_id: str = DEFAULT_CONN_ID,
        include_secrets: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.clickmeeting_conn_id = clickmeeting_conn_id
        self.include_secrets = include_secrets

    @cached_property
    def hook(self) -> ClickMeetingHook:
        """The account."""
        from airflow_clickmeeting.hooks.clickmeeting import ClickMeetingHook

        return ClickMeetingHook(self.clickmeeting_conn_id)

    def result(self, data: T) -> T:
        """Return what of an answer may go to XCom, its secrets masked in logs or left out."""
        from airflow_clickmeeting.api.types import secrets_in, without_secrets

        if not self.include_secrets:
            data = without_secrets(data)
        self.mask(secrets_in(data))
        return data

    def mask(self, secrets: Collection[str]) -> None:
        """Have Airflow mask texts in logs; of a crowd it would take Airflow minutes, so those are only not logged."""
        if len(secrets) <= MAX_MASKED:
            mask_secret(list(secrets))
        else:
            self.log.warning("%d secrets are in the result, too many for Airflow to mask in later logs", len(secrets))


class RoomOperator(ClickMeetingOperator):
    """Base of operators for one room.

    :param room_id: the room's id.
    """

    template_fields: Sequence[str] = (*ClickMeetingOperator.template_fields, "room_id")

    def __init__(self, *, room_id: Id, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.room_id = room_id


class SessionOperator(RoomOperator):
    """Base of operators for one session of a room.

    :param session_id: the session's id.
    """

    template_fields: Sequence[str] = (*RoomOperator.template_fields, "session_id")

    def __init__(self, *, session_id: Id, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.session_id = session_id


class DeletionOperator(ClickMeetingOperator):
    """Base of operators that delete rooms or recordings permanently, unless a safety check blocks it.

    These block it: recordings to be deleted that no archive manifest covers, or that ClickMeeting still processes; a
    session that is in the future or running, or that ended within `grace`. The scheduled time of a room counts as a
    session. A blocked deletion raises a `DeletionRefusedError` before any request to delete is sent.

    Each deletion is recorded before the request is sent and after the response, as JSON lines: who (the task, its run
    and its try), what, when, and the outcome. The task's log always gets the lines.

    :param force: whether to delete although a safety check blocks it.
    :param dry_run: whether to delete nothing, and return what would be deleted and what blocks it.
    :param grace: how long ago the last session must have ended: a timedelta, or ISO 8601 text such as `P30D`.
    :param archive: the folder of `ClickMeetingArchiveRecordingsOperator`, whose manifests cover recordings; None
        covers none.
    :param audit_path: where the lines are written besides the log: a folder with a slash at its end, in which each
        deletion gets a file of its own, or a file to append the lines to, if the storage can append to files.
    """

    template_fields: Sequence[str] = (
        *ClickMeetingOperator.template_fields,
        "force",
        "dry_run",
        "grace",
        "archive",
        "audit_path",
    )

    def __init__(
        self,
        *,
        force: bool | Id = False,
        dry_run: bool | Id = False,
        grace: timedelta | str = timedelta(days=30),
        archive: Path | None = None,
        audit_path: Path | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.force = force
        self.dry_run = dry_run  # type: ignore[method-assign,assignment] # Airflow 3 calls its method nowhere
        self.grace = grace
        self.archive = archive
        self.audit_path = audit_path

    def deleter(self, context: Context) -> Deleter:
        """Check the arguments, and return a deleter with them.

        :raises ValueError: naming the argument and what it may be.
        """
        from airflow.sdk import ObjectStoragePath

        from airflow_clickmeeting.api import times, validate
        from airflow_clickmeeting.audit import Audit
        from airflow_clickmeeting.deletion.delete import Deleter

        for name in ("archive", "audit_path"):
            if (path := getattr(self, name)) is not None:
                validate.filled(name, str(path))
        force = validate.decided("force", self.force)
        return Deleter(
            hook=self.hook,
            audit=Audit(self.hook, context, self.audit_path, forced=force),
            grace=times.length("grace", self.grace),
            archive=None if self.archive is None else ObjectStoragePath(self.archive),
            force=force,
            dry_run=validate.decided("dry_run", self.dry_run),  # type: ignore[arg-type]
        )


class RoomDeletionOperator(DeletionOperator):
    """Base of operators that delete a room or recordings of it.

    :param room_id: the room's id.
    :param ignore_missing: whether the task succeeds when it was deleted already, as in a second run.
    """

    template_fields: Sequence[str] = (*DeletionOperator.template_fields, "room_id", "ignore_missing")

    def __init__(self, *, room_id: Id, ignore_missing: bool | Id = True, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.room_id = room_id
        self.ignore_missing = ignore_missing

    def call(self) -> Call[bool]:
        """Return the deletion, its arguments checked."""
        raise NotImplementedError

    def concerned(self, found: RoomSnapshot) -> RoomSnapshot:
        """Return the room with only those of its recordings that would be deleted.

        :raises NotFoundError: when there is nothing to delete.
        """
        return found

    def execute(self, context: Context) -> Deletion:
        """Read the room, judge it, and delete."""
        from airflow_clickmeeting.exceptions import NotFoundError

        call, deleter = self.call(), self.deleter(context)
        room_id = int(self.room_id)
        try:
            found = self.concerned(deleter.read_room(room_id))
        except NotFoundError:
            if not call.treat_as:
                raise
            return deleter.gone(call, room_id)
        return deleter.delete(call, found)
