"""All sensors. Their common loop is in `sensors.base`, and what each waits for in `waiting.conditions`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk import Context
from airflow.sdk.log import mask_secret

from airflow_clickmeeting.api import times, validate
from airflow_clickmeeting.extra_links import ROOM_LINKS
from airflow_clickmeeting.sensors.base import ConditionSensor

if TYPE_CHECKING:
    from airflow_clickmeeting.api.times import Length, When
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
        StartsSoon,
    )

__all__ = [
    "ClickMeetingConferenceStatusSensor",
    "ClickMeetingFileConvertedSensor",
    "ClickMeetingRecordingReadySensor",
    "ClickMeetingRegistrationsSensor",
    "ClickMeetingSensor",
    "ClickMeetingSessionEndedSensor",
    "ClickMeetingSessionReportSensor",
    "ClickMeetingSessionStartedSensor",
    "ClickMeetingStartsSoonSensor",
]


class ClickMeetingSensor(ConditionSensor):
    """Wait until a condition of your own is met.

    :param condition: a `waiting.conditions.Condition`; or a function that takes the context and returns one when the
        task runs, because Airflow does not render templates inside a condition.
    :return: the condition's result.
    """

    def __init__(self, *, condition: Condition | Callable[[Context], Condition], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.condition = condition

    def build_condition(self, context: Context) -> Condition:
        """Return the condition of the `condition` argument."""
        return self.condition(context) if callable(self.condition) else self.condition


class RoomSensor(ConditionSensor):
    """Base of the sensors for one room. If the room does not exist, the task fails at once.

    :param room_id: the room.
    """

    template_fields: Sequence[str] = (*ConditionSensor.template_fields, "room_id")
    operator_extra_links = ROOM_LINKS

    def __init__(self, *, room_id: Id, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.room_id = room_id

    def execute_complete(self, context: Context, event: dict[str, Any]) -> dict[str, Any]:
        """Note the room's URL, if the trigger has read the room, and do the same as for other sensors."""
        if room_url := (event.get("progress") or {}).get("room_url"):
            self.hook.last_room = int(self.room_id), room_url
        return super().execute_complete(context, event)


class RoomSinceSensor(RoomSensor):
    """Base of the sensors for what happens in a room from a moment on.

    :param since: an aware datetime or ISO 8601 text; sessions and recordings that were over before do not count. By
        default the start of the run's data interval, or else the time when the run was due.
    """

    template_fields: Sequence[str] = (*RoomSensor.template_fields, "since")

    def __init__(self, *, since: When | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.since = since

    def resolve_since(self, context: Context) -> str:
        """Return `since`, or its default for this run, as ISO 8601 text with an offset."""
        since = self.since or context.get("data_interval_start") or context["dag_run"].run_after
        return times.instant("since", since).isoformat()


class ClickMeetingSessionStartedSensor(RoomSinceSensor):
    """Wait until a session of a room has started: the first that was not over at `since`.

    :return: `room_id`, `session_id`, `started_at`, `ended_at` (None while it runs), `total_visitors`, `max_visitors`.
    """

    def build_condition(self, context: Context) -> SessionStarted:
        """Return the condition that a session has started since then."""
        from airflow_clickmeeting.waiting.conditions import SessionStarted

        return SessionStarted(room_id=self.room_id, since=self.resolve_since(context))


class ClickMeetingSessionEndedSensor(RoomSinceSensor):
    """Wait until a session of a room has ended and its reports are complete: the first that was not over at `since`.

    Airflow's default `timeout` is seven days: set a longer one for a webinar planned further ahead.

    :param session_id: the session, if it is known already; `since` is ignored then. By default `all`: any session.
    :param settle: the session must have ended this many seconds ago, because ClickMeeting's reports are late; then the
        attendee list must be the same at two polls in a row. With zero, the end counts at once.
    :return: `room_id`, `session_id`, `started_at`, `ended_at`, `total_visitors` and `max_visitors`.
    """

    template_fields: Sequence[str] = (*RoomSinceSensor.template_fields, "session_id")

    def __init__(self, *, session_id: Id = validate.ALL, settle: float = 300, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.session_id = session_id
        self.settle = settle

    def build_condition(self, context: Context) -> SessionEnded:
        """Return the condition that the session, or a session since then, has ended."""
        from airflow_clickmeeting.waiting.conditions import SessionEnded

        if self.settle >= self.timeout:
            validate.bad_argument("settle", self.settle, f"shorter than the timeout of {self.timeout:g} seconds")
        is_any = validate.is_all(self.session_id)
        session_id = None if is_any else validate.identifier("session_id", self.session_id, also="'all'")
        since = self.resolve_since(context)
        return SessionEnded(room_id=self.room_id, since=since, settle=self.settle, session_id=session_id)


class ClickMeetingConferenceStatusSensor(RoomSensor):
    """Wait until a room is `inactive`, which it becomes up to half an hour after its scheduled end, or `active`.

    :param status: `inactive` (default) or `active`.
    :return: `room_id`, `status` and `updated_at`.
    """

    template_fields: Sequence[str] = (*RoomSensor.template_fields, "status")

    def __init__(self, *, status: str = "inactive", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.status = status

    def build_condition(self, context: Context) -> ConferenceStatus:
        """Return the condition that the room has the status."""
        from airflow_clickmeeting.waiting.conditions import ConferenceStatus

        return ConferenceStatus(room_id=self.room_id, status=self.status)


class ClickMeetingStartsSoonSensor(RoomSensor):
    """Wait until the planned start of a room is near, such as a day ahead; if it has passed, the wait is over at once.

    Each poll reads the start, so the sensor follows a room that moves. It continues to wait if the room is permanent,
    or is inactive before its start. Airflow's default `timeout` is seven days: set a longer one for a webinar planned
    further ahead.

    :param before: how long before the start: a timedelta, or ISO 8601 text such as `P1D`. A day has 24 hours, also when
        the clocks change.
    :return: `room_id`, `starts_at`, `ends_at`, `timezone`, and `before` as ISO 8601 text.
    """

    template_fields: Sequence[str] = (*RoomSensor.template_fields, "before")

    def __init__(self, *, before: Length, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.before = before

    def build_condition(self, context: Context) -> StartsSoon:
        """Return the condition that the start is near."""
        from airflow_clickmeeting.waiting.conditions import StartsSoon

        before = times.iso_length(times.length("before", self.before))
        return StartsSoon(room_id=self.room_id, before=before)


class ClickMeetingRegistrationsSensor(RoomSensor):
    """Wait until at least a given number of people have registered for a room.

    :param at_least: the number of people.
    :param status: which registrations count: `all`, or `active`, which probably means those for the next session.
    :return: `room_id`, and the number of `registrations`.
    """

    template_fields: Sequence[str] = (*RoomSensor.template_fields, "at_least", "status")

    def __init__(self, *, at_least: Id = 1, status: str = "all", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.at_least = at_least
        self.status = status

    def build_condition(self, context: Context) -> Registrations:
        """Return the condition that enough people have registered."""
        from airflow_clickmeeting.waiting.conditions import Registrations

        return Registrations(room_id=self.room_id, at_least=self.at_least, status=self.status)


class ClickMeetingRecordingReadySensor(RoomSinceSensor):
    """Wait until ClickMeeting has processed a room's recordings: their sizes are known and the same at two polls.

    :param until: an aware datetime or ISO 8601 text; recordings that began then or later do not count. Set it to the
        end of the session if the room soon meets again. By default all recordings since `since` count.
    :return: `room_id`, and `recordings`: `recording_id`, `name`, `started_at`, `duration` in seconds and `size` in
        bytes of each. It has no links, because they expire after minutes: read them right before you use them.
    """

    template_fields: Sequence[str] = (*RoomSinceSensor.template_fields, "until")

    def __init__(self, *, until: When | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.until = until

    def build_condition(self, context: Context) -> RecordingReady:
        """Return the condition that the recordings since then are processed."""
        from airflow_clickmeeting.waiting.conditions import RecordingReady

        until = self.until and times.instant("until", self.until).isoformat()
        return RecordingReady(room_id=self.room_id, since=self.resolve_since(context), until=until or None)


class ClickMeetingSessionReportSensor(RoomSensor):
    """Wait until a session's PDF report is finished; the first poll makes ClickMeeting generate it.

    :param session_id: the session.
    :param lang: the report's language.
    :return: `room_id`, `session_id`, `lang` and `url`, which is masked in logs because it gives access to the report.
    """

    template_fields: Sequence[str] = (*RoomSensor.template_fields, "session_id", "lang")

    def __init__(self, *, session_id: Id, lang: str = "en", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.session_id = session_id
        self.lang = lang

    def build_condition(self, context: Context) -> SessionReport:
        """Return the condition that the report is finished."""
        from airflow_clickmeeting.waiting.conditions import SessionReport

        return SessionReport(room_id=self.room_id, session_id=self.session_id, lang=self.lang)

    def complete_result(self, result: dict[str, Any]) -> dict[str, Any]:
        """Return the result with the report's `url`, which the worker reads so that no trigger event holds it."""
        report = self.hook.generate_session_report(result["room_id"], result["session_id"], lang=result["lang"])
        mask_secret(report["url"])
        return {**result, "url": report["url"]}


class ClickMeetingFileConvertedSensor(ConditionSensor):
    """Wait until ClickMeeting has converted an uploaded file, so that it can be shown in a room.

    :param file_id: the file.
    :return: `file_id`, `name` and `document_type`.
    """

    template_fields: Sequence[str] = (*ConditionSensor.template_fields, "file_id")

    def __init__(self, *, file_id: Id, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.file_id = file_id

    def build_condition(self, context: Context) -> FileConverted:
        """Return the condition that the file is converted."""
        from airflow_clickmeeting.waiting.conditions import FileConverted

        return FileConverted(file_id=self.file_id)
