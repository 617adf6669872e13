"""Base classes of the operators: they hold the connection, and keep secrets out of logs and XCom."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from airflow.sdk import Context
from airflow.sdk.log import mask_secret

from airflow_clickmeeting.api.validate import Id, argument_errors
from airflow_clickmeeting.exceptions import WrongArgumentError
from airflow_clickmeeting.extra_links import ROOM_LINKS
from airflow_clickmeeting.hooks.settings import DEFAULT_CONN_ID
from airflow_clickmeeting.rendered import RenderedArguments

if TYPE_CHECKING:
    from airflow_clickmeeting.api.call import Call
    from airflow_clickmeeting.deletion.checks import RoomSnapshot
    from airflow_clickmeeting.deletion.delete import Deleter, Deletion
    from airflow_clickmeeting.hooks.clickmeeting import ClickMeetingHook
    from airflow_clickmeeting.storage import Path


T = TypeVar("T")

# For each text to mask, Airflow compiles all masked texts again, so that a thousand texts take 20 s.
MAX_MASKED = 100


class ClickMeetingOperator(RenderedArguments):
    """Base of all operators for ClickMeeting.

    :param clickmeeting_conn_id: the connection with the API key.
    :param include_secrets: whether the result, and so XCom, has values that let somebody in or download something: host
        logins, role hashes, PINs, passwords, personal and signed links.
    """

    template_fields: Sequence[str] = ("clickmeeting_conn_id",)
    ui_color = "#e8f4fb"
    #: the paths of the files, or of the folder, that the task wrote; for its link
    written: Sequence[str] = ()

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "execute" in vars(cls):
            # a retry would find the same wrong argument
            cls.execute = argument_errors(WrongArgumentError)(cls.execute)  # type: ignore[method-assign]

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
        """The hook for the connection."""
        from airflow_clickmeeting.hooks.clickmeeting import ClickMeetingHook

        return ClickMeetingHook(self.clickmeeting_conn_id)

    def result(self, data: T) -> T:
        """Return what may go to XCom from a response, and mask its secrets in logs.

        :param data: the response; its secrets are left out unless `include_secrets` is set. Access tokens are kept.
        """
        from airflow_clickmeeting.api.types import secrets_in, without_secrets

        if not self.include_secrets:
            data = without_secrets(data)
        self.mask(secrets_in(data))
        return data

    def mask(self, secrets: Collection[str]) -> None:
        """Let Airflow mask texts in the logs that follow.

        More than a hundred texts are not masked, because that would take Airflow minutes; a warning says so. The
        operators themselves log no secrets.
        """
        if len(secrets) <= MAX_MASKED:
            mask_secret(list(secrets))
        else:
            message = "The result has %d secrets, more than the %d that Airflow masks in time; later logs may show them"
            self.log.warning(message, len(secrets), MAX_MASKED)


class StatefulOperator(ClickMeetingOperator):
    """Base of operators that keep files which a later try needs.

    :param allow_local_state: whether these files may be on the disk of a machine although the executor, such as
        CeleryExecutor, may run the next try on another one. Set it only if all workers share the folder.
    """

    #: the arguments with the paths of these files
    state_fields: ClassVar[tuple[str, ...]]

    def __init__(self, *, allow_local_state: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.allow_local_state = allow_local_state

    def pre_execute(self, context: Context) -> None:
        """Replace values that a template rendered to nothing, and refuse a path that another machine would not find.

        :raises WrongArgumentError: for a local path, if the executor is not local and `allow_local_state` is not set.
        """
        from airflow_clickmeeting.state import check_shared

        super().pre_execute(context)
        for name in self.state_fields:
            check_shared(name, getattr(self, name), self.executor, allow_local=self.allow_local_state)


class RoomOperator(ClickMeetingOperator):
    """Base of operators for one room.

    :param room_id: the room's id.
    """

    template_fields: Sequence[str] = (*ClickMeetingOperator.template_fields, "room_id")
    operator_extra_links = ROOM_LINKS

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


class DeletionOperator(StatefulOperator):
    """Base of operators that delete rooms or recordings permanently, unless a safety check blocks it.

    A safety check blocks a deletion in these cases:

    - a recording to be deleted is not in an archive's manifest, or ClickMeeting still processes it;
    - a session is in the future, is running, or ended within `grace`; the scheduled time of a room counts as a session.

    A blocked deletion raises a `DeletionRefusedError` before a request to delete is sent.

    An audit records each deletion as JSON lines, before the request is sent and after the response: the task with its
    run and try, what is deleted, when, and the outcome. The task's log always has these lines.

    :param force: whether to delete although a safety check blocks it.
    :param dry_run: whether to delete nothing, but return what would be deleted and what blocks it.
    :param grace: how long ago the last session must have ended: a timedelta, or ISO 8601 text such as `P30D`.
    :param archive: the folder of `ClickMeetingArchiveRecordingsOperator`, whose manifests say which recordings are
        archived; with None, no recording counts as archived.
    :param audit_path: where to write the lines of the audit besides the log: a folder with a slash at its end, in which
        each deletion gets its own file, or a local file to append the lines to.
    """

    template_fields: Sequence[str] = (
        *ClickMeetingOperator.template_fields,
        "force",
        "dry_run",
        "grace",
        "archive",
        "audit_path",
    )
    state_fields = ("audit_path",)
    # all of them decide what is deleted, or what proves it
    decisive_fields = ("grace", "archive", "audit_path", "status", "max_deletions")

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
        self.dry_run = dry_run  # type: ignore[method-assign,assignment] # Airflow 3 does not call its method of this name
        self.grace = grace
        self.archive = archive
        self.audit_path = audit_path

    def deleter(self, context: Context) -> Deleter:
        """Validate the arguments, and return the `Deleter` that runs the safety checks and sends deletions.

        :raises ValueError: for a wrong argument; it names the argument and its valid values.
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
    """Base of operators that delete a room, or recordings of one room.

    :param room_id: the room's id.
    :param ignore_missing: whether the task succeeds if there is nothing to delete, as in a second run.
    """

    template_fields: Sequence[str] = (*DeletionOperator.template_fields, "room_id", "ignore_missing")
    operator_extra_links = ROOM_LINKS

    def __init__(self, *, room_id: Id, ignore_missing: bool | Id = True, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.room_id = room_id
        self.ignore_missing = ignore_missing

    def call(self) -> Call[bool]:
        """Return the request that deletes.

        :raises ValueError: for a wrong argument.
        """
        raise NotImplementedError

    def concerned(self, found: RoomSnapshot) -> RoomSnapshot:
        """Return the room with only those of its recordings that would be deleted.

        :raises NotFoundError: if there is nothing to delete.
        """
        return found

    def execute(self, context: Context) -> Deletion:
        """Read the room, check whether the deletion is safe, delete, and return the outcome.

        :raises DeletionRefusedError: if a safety check blocks the deletion, unless `force` or `dry_run` is set.
        :raises NotFoundError: if there is nothing to delete, unless `ignore_missing` is set.
        """
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
