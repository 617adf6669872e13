"""Sensors: what a DAG waits for on ClickMeeting. How they wait is in `sensors.base`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk import Context
from airflow.sdk.log import mask_secret

from airflow_clickmeeting.api import times, validate
from airflow_clickmeeting.sensors.base import ConditionSensor

if TYPE_CHECKING:
    from airflow_clickmeeting.api.times import When
    from airflow_clickmeeting.api.validate import Id
    from airflow_clickmeeting.waiting.conditions import (
        Condition,
        ConferenceStatus,
        FileConverted,
        RecordingReady,
        Registrations,
        SessionEnded,
        SessionReport,
        SessionStarted,
    )


class ClickMeetingSensor(ConditionSensor):
    """Wait until a condition of your own holds.

    :param condition: a `conditions.Condition`, or a function that makes it of the context when the task runs, since
        templates in a condition are not rendered.
    :return: what the condition tells.
    """

    def __init__(self, *, condition: Condition | Callable[[Context], Condition], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.condition = condition

    def condition_in(self, context: Context) -> Condition:
        """Return the condition."""
        return self.condition(context) if callable(self.condition) else self.condition


class RoomSensor(ConditionSensor):
    """Base of sensors for one room; one that does not exist fails the task at once.

    :param room_id: the room.
    """

    template_fields: Sequence[str] = (*ConditionSensor.template_fields, "room_id")

    def __init__(self, *, room_id: Id, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.room_id = room_id


class RoomSinceSensor(RoomSensor):
    """Base of sensors for what happens in a room from some moment on.

    :param since: an aware datetime or ISO 8601 text; what was over before does not count. By default the start of the
        run's data interval, else when the run was due.
    """

    template_fields: Sequence[str] = (*RoomSensor.template_fields, "since")

    def __init__(self, *, since: When | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.since = since

    def since_in(self, context: Context) -> str:
        """Return the moment as ISO 8601 with an offset."""
        since = self.since or context.get("data_interval_start") or context["dag_run"].run_after
        return times.instant("since", since).isoformat()


class ClickMeetingSessionStartedSensor(RoomSinceSensor):
    """Wait until a session of a room has started: the first that was not over by `since`.

    :return: `room_id`, `session_id`, `started_at`, `ended_at` (None while it runs), `total_visitors`, `max_visitors`.
    """

    def condition_in(self, context: Context) -> SessionStarted:
        """Return the start of a session since then."""
        from airflow_clickmeeting.waiting.conditions import SessionStarted

        return SessionStarted(room_id=self.room_id, since=self.since_in(context))


class ClickMeetingSessionEndedSensor(RoomSinceSensor):
    """Wait until a session of a room has ended, the first since then, and its reports are there.

    Airflow's default `timeout` is seven days: give a longer one for a webinar planned further ahead.

    :param session_id: the session, where it is known already; then `since` does not matter.
    :param settle: seconds that the end must lie back, because ClickMeeting's reports come late; then the attendee list
        must read the same at two looks in a row. Zero counts at once.
    :return: `room_id`, `session_id`, `started_at`, `ended_at`, `total_visitors` and `max_visitors`.
    """

    template_fields: Sequence[str] = (*RoomSinceSensor.template_fields, "session_id")

    def __init__(self, *, session_id: Id | None = None, settle: float = 300, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.session_id = session_id
        self.settle = settle

    def condition_in(self, context: Context) -> SessionEnded:
        """Return the end of a session since then."""
        from airflow_clickmeeting.waiting.conditions import SessionEnded

        if self.settle >= self.timeout:
            validate.bad_argument("settle", self.settle, f"shorter than the timeout of {self.timeout:g} seconds")
        since = self.since_in(context)
        return SessionEnded(room_id=self.room_id, since=since, settle=self.settle, session_id=self.session_id)


class ClickMeetingConferenceStatusSensor(RoomSensor):
    """Wait until a room is `inactive`, which follows the end of its time by up to half an hour, or `active`.

    :param status: the status.
    :return: `room_id`, `status` and `updated_at`.
    """

    template_fields: Sequence[str] = (*RoomSensor.template_fields, "status")

    def __init__(self, *, status: str = "inactive", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.status = status

    def condition_in(self, context: Context) -> ConferenceStatus:
        """Return the status."""
        from airflow_clickmeeting.waiting.conditions import ConferenceStatus

        return ConferenceStatus(room_id=self.room_id, status=self.status)


class ClickMeetingRegistrationsSensor(RoomSensor):
    """Wait until so many people have registered for a room.

    :param at_least: how many.
    :param status: which registrations count: `all`, or `active`, which presumably means the coming run.
    :return: `room_id`, and the number of `registrations`.
    """

    template_fields: Sequence[str] = (*RoomSensor.template_fields, "at_least", "status")

    def __init__(self, *, at_least: Id = 1, status: str = "all", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.at_least = at_least
        self.status = status

    def condition_in(self, context: Context) -> Registrations:
        """Return the number of registrations."""
        from airflow_clickmeeting.waiting.conditions import Registrations

        return Registrations(room_id=self.room_id, at_least=self.at_least, status=self.status)


class ClickMeetingRecordingReadySensor(RoomSinceSensor):
    """Wait until a room has a recording, and the sizes of all since then are known and read the same twice.

    :return: `room_id`, and `recordings`: `recording_id`, `name`, `started_at`, `duration` in seconds and `size` in
        bytes of each. Read a link right before its use, for it lives for minutes.
    """

    def condition_in(self, context: Context) -> RecordingReady:
        """Return the recordings since then."""
        from airflow_clickmeeting.waiting.conditions import RecordingReady

        return RecordingReady(room_id=self.room_id, since=self.since_in(context))


class ClickMeetingSessionReportSensor(RoomSensor):
    """Wait until a session's PDF report is finished; the first look asks for it.

    :param session_id: the session.
    :param lang: the report's language.
    :return: `room_id`, `session_id`, `lang` and `url`, which is masked in logs: whoever has it can read the report.
    """

    template_fields: Sequence[str] = (*RoomSensor.template_fields, "session_id", "lang")

    def __init__(self, *, session_id: Id, lang: str = "en", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.session_id = session_id
        self.lang = lang

    def condition_in(self, context: Context) -> SessionReport:
        """Return the report."""
        from airflow_clickmeeting.waiting.conditions import SessionReport

        return SessionReport(room_id=self.room_id, session_id=self.session_id, lang=self.lang)

    def result(self, seen: dict[str, Any]) -> dict[str, Any]:
        """Read the address here, so that it does not travel through the triggerer."""
        report = self.hook.generate_session_report(seen["room_id"], seen["session_id"], lang=seen["lang"])
        mask_secret(report["url"])
        return {**seen, "url": report["url"]}


class ClickMeetingFileConvertedSensor(ConditionSensor):
    """Wait until an uploaded file has been converted, so that it can be shown.

    :param file_id: the file.
    :return: `file_id`, `name` and `document_type`.
    """

    template_fields: Sequence[str] = (*ConditionSensor.template_fields, "file_id")

    def __init__(self, *, file_id: Id, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.file_id = file_id

    def condition_in(self, context: Context) -> FileConverted:
        """Return the file."""
        from airflow_clickmeeting.waiting.conditions import FileConverted

        return FileConverted(file_id=self.file_id)
