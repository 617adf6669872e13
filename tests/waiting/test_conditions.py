"""Which conditions are met: pure functions of a response and a time."""

from __future__ import annotations

import json
from collections.abc import Generator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from airflow_clickmeeting.api import calls
from airflow_clickmeeting.api.call import Call
from airflow_clickmeeting.waiting import conditions
from airflow_clickmeeting.waiting.conditions import (
    Condition,
    ConferenceStatus,
    FileConverted,
    FingerprintReader,
    Poll,
    RecordingReady,
    Registrations,
    SessionEnded,
    SessionReport,
    SessionStarted,
    StartsSoon,
    fingerprint_rows,
)

NOON = datetime(2027, 3, 1, 12, tzinfo=UTC)
MORNING = (NOON - timedelta(hours=3)).isoformat()
EVENING = (NOON + timedelta(hours=6)).isoformat()


@dataclass(frozen=True)
class Named(Condition):
    """A condition of a user's own: a room has a name."""

    room_id: int
    name: str

    @property
    def call(self) -> Call[Any]:
        return calls.get_conference(self.room_id)

    def check(self, response: Any, now: datetime) -> dict[str, Any] | None:
        return {"at": now.isoformat()} if response["name"] == self.name else None


@dataclass(frozen=True)
class StillNamed(Named):
    """The same, if two polls confirm it."""

    @property
    def needs_confirmation(self) -> bool:
        return True


@dataclass(frozen=True)
class Undescribed(Named):
    """The same, with a mistake in what is only logged."""

    def describe(self, response: Any, now: datetime) -> str:
        return str(response["no such key"])


def hours(number: float) -> str:
    """Return the time so many hours before noon, as ClickMeeting writes it."""
    return (NOON - timedelta(hours=number)).isoformat()


def session(number: int = 1, start: str | None = hours(2), end: str | None = hours(1), **more: Any) -> dict[str, Any]:
    return {"id": number, "start_date": start, "end_date": end, **more}


def recording(number: int = 1, start: str = hours(2), **more: Any) -> dict[str, Any]:
    return {
        "id": number,
        "recording_name": "Talk",
        "recorder_start_date": start,
        "recording_duration": 3600,
        "recording_file_size": 5000,
        "recording_url": f"https://media.example.com/{number}?st=signature",
        **more,
    }


def started(since: str = MORNING) -> SessionStarted:
    return SessionStarted(room_id=1, since=since)


def ended(since: str = MORNING, **more: Any) -> SessionEnded:
    return SessionEnded(room_id=1, since=since, **more)


def recorded(since: str = MORNING, until: str | None = None) -> RecordingReady:
    return RecordingReady(room_id="1", since=since, until=until)


EVERY = [
    started(),
    ended(settle=60, session_id=2),
    recorded(),
    ConferenceStatus(room_id=1, status="active"),
    StartsSoon(room_id=1, before="P1D"),
    Registrations(room_id=1, at_least=20, status="active"),
    SessionReport(room_id=1, session_id=2, lang="pl"),
    FileConverted(file_id=1),
    Named(room_id=1, name="Talk"),
]
every_condition = pytest.mark.parametrize("condition", EVERY, ids=lambda each: type(each).__name__)


class TestEveryCondition:
    @every_condition
    def test_it_travels_as_plain_json(self, condition):
        assert Condition.from_json(json.loads(json.dumps(condition.to_json()))) == condition

    @every_condition
    def test_it_only_reads(self, condition):
        assert condition.call.method == "GET"

    @every_condition
    def test_equal_conditions_send_the_same_call(self, condition):
        assert condition.call == Condition.from_json(condition.to_json()).call

    @pytest.mark.parametrize("module", ["__main__", "unusual_prefix_7d9c_dag"])
    def test_one_that_the_triggerer_could_not_import_is_refused(self, module):
        stray = type("Stray", (Named,), {"__module__": module})
        with pytest.raises(ValueError, match=r"The triggerer cannot import Stray\. Define the class at the top"):
            stray(room_id=1, name="Talk").to_json()

    def test_one_inside_a_function_is_refused(self):
        class Hidden(Named):
            pass

        with pytest.raises(ValueError, match="The triggerer cannot import Hidden"):
            Hidden(room_id=1, name="Talk").to_json()

    def test_two_of_them_must_read_the_same_twice_and_one_of_these_with_a_further_call(self):
        assert [type(each) for each in EVERY if each.needs_confirmation] == [SessionEnded, RecordingReady]
        assert [type(each) for each in EVERY if each.confirm_with({"session_id": 1})] == [SessionEnded]


DESCRIPTIONS = [
    (started(), f"a session of room 1 to start (since {MORNING})"),
    (ended(), f"a session of room 1 to end (since {MORNING})"),
    (ended(session_id=2), "session 2 of room 1 to end"),
    (recorded(), f"the recordings of room 1 to be processed (since {MORNING})"),
    (recorded(until=EVENING), f"the recordings of room 1 to be processed (from {MORNING} to {EVENING})"),
    (ConferenceStatus(room_id=1, status=" Active "), "room 1 to be active"),
    (StartsSoon(room_id=1, before="P1DT1H"), "room 1 to start within 25 h 0 min"),
    (Registrations(room_id=1, at_least=20, status="active"), "20 or more registrations for room 1 (status active)"),
    (SessionReport(room_id=1, session_id=2, lang="pl"), "the PDF report of session 2 of room 1 (language pl)"),
    (FileConverted(file_id=1), "file 1 to be converted"),
    (Named(room_id=1, name="Talk"), "Named(room_id=1, name='Talk')"),
]


@pytest.mark.parametrize(("condition", "description"), DESCRIPTIONS, ids=lambda each: type(each).__name__)
def test_a_condition_describes_what_is_awaited(condition, description):
    assert condition.description == description


def found(condition: Condition, response: Any, now: datetime = NOON) -> Poll:
    """Return what a poll found that did not meet a condition."""
    steps = conditions.poll_steps(condition, None)
    first_call(steps)
    return after_response(steps, response, now)


STATES = [
    (started(), [], "no session yet"),
    (started(), [session(7, hours(5), hours(4))], "no session since then; the latest is session 7, which started at"),
    (ended(), [], "no session yet"),
    (ended(), [session(7, None, None)], "no session yet"),
    (ended(), [session(7, hours(1), None)], "session 7, which started at 2027-03-01 11:00 UTC, is running"),
    (
        ended(settle=7200),
        [session(7, hours(2), hours(1))],
        "session 7, which started at 2027-03-01 10:00 UTC, is over, or is said to be; its end counts after 2 h 0 min",
    ),
    (ended(session_id=9), [session(7)], "session 9 is not listed"),
    (recorded(), [], "0 recordings, 0 of them processed"),
    (recorded(), [recording(), recording(recording_file_size=0)], "2 recordings, 1 of them processed"),
    (ConferenceStatus(room_id=1), {"status": "active"}, "the room's status is 'active'"),
    (ConferenceStatus(room_id=1), {"status": "x\ny" * 900}, r"the room's status is 'x\ny"),
    (
        StartsSoon(room_id=1),
        {"starts_at": "2027-03-02T12:00:00+00:00", "timezone": "Europe/Warsaw"},
        "the start is planned for 2027-03-02 13:00 Europe/Warsaw",
    ),
    (StartsSoon(room_id=1), {"permanent_room": True}, "the room has no planned start"),
    (StartsSoon(room_id=1), {"starts_at": "2027-03-02T12:00:00+00:00", "status": "inactive"}, "the room is inactive"),
    (Registrations(room_id=1, at_least=20), [{}, {}], "2 of 20 registrations"),
    (SessionReport(room_id=1, session_id=2), {"status": "IN_PROGRESS"}, "the report's status is 'IN_PROGRESS'"),
    (FileConverted(file_id=1), {"status": "uploaded"}, "the file's status is 'uploaded'"),
    (Named(room_id=1, name="Talk"), {"name": "Rehearsal"}, "not yet"),
]


class TestWhatAPollFound:
    @pytest.mark.parametrize(("condition", "response", "state"), STATES, ids=[state for _, _, state in STATES])
    def test_it_is_described_in_one_short_line(self, condition, response, state):
        described = found(condition, response).state
        assert described.startswith(state)
        assert "\n" not in described
        assert len(described) < 600

    def test_the_present_time_as_the_end_of_a_running_session_is_no_change(self):
        one, other = (found(ended(settle=300), [session(7, hours(1), hours(gone))]) for gone in (0, 0.01))
        assert one.state == other.state

    def test_a_session_keeps_the_offset_that_clickmeeting_gave(self):
        running = session(7, "2027-03-01T12:30:00+01:00", None)
        assert "started at 2027-03-01 12:30 UTC+01:00, is running" in found(ended(), [running]).state

    def test_what_is_to_be_confirmed_is_said(self):
        assert found(StillNamed(room_id=1, name="Talk"), {"name": "Talk"}).state == (
            "the condition is met, and the next poll must return the same"
        )

    def test_a_description_that_fails_does_not_end_the_waiting(self):
        assert found(Undescribed(room_id=1, name="Talk"), {"name": "x"}).state == (
            "not yet (KeyError in Undescribed.describe)"
        )


class TestTheRoomThatLogsName:
    def test_it_is_that_of_the_room_id(self):
        assert started().room_call == ended().room_call == calls.get_conference(1)

    @pytest.mark.parametrize("condition", [FileConverted(file_id=1), Named(room_id="all", name="Talk")])  # type: ignore[arg-type]
    def test_there_may_be_none(self, condition):
        assert condition.room_call is None

    def test_a_response_that_is_the_room_shows_it(self):
        assert found(ConferenceStatus(room_id=1), {"status": "active"}).room == {"status": "active"}

    def test_any_other_response_does_not(self):
        assert found(ended(), []).room is None


class TestSessionStarted:
    def test_it_returns_which_session_it_is(self):
        assert started().check([session(7, hours(1), None, total_visitors=3, max_visitors=2)], NOON) == {
            "room_id": 1,
            "session_id": 7,
            "started_at": "2027-03-01T11:00:00+00:00",
            "ended_at": None,
            "total_visitors": 3,
            "max_visitors": 2,
        }

    @pytest.mark.parametrize(
        ("sessions", "why"),
        [
            ([], "nobody came yet"),
            ([session(start=None)], "it has no start"),
            ([session(end=hours(4))], "it was over before"),
        ],
    )
    def test_not_yet(self, sessions, why):
        assert started().check(sessions, NOON) is None, why

    @pytest.mark.parametrize("running", [session(end=None), {"id": 1, "start_date": hours(2)}, session(end=hours(0))])
    def test_a_running_session_counts_whatever_its_end_says(self, running):
        assert started().check([running], NOON)["session_id"] == 1

    def test_one_that_ran_on_at_that_moment_counts_though_it_began_before(self):
        assert started().check([session(start=hours(5), end=hours(1))], NOON)["session_id"] == 1

    def test_of_several_it_is_the_first_in_whatever_order_they_come(self):
        first, second = session(1, hours(2), hours(0)), session(2, hours(1), hours(0.5))
        for sessions in ([first, second], [second, first]):
            assert started().check(sessions, NOON)["session_id"] == 1


class TestSessionEnded:
    def test_it_returns_which_session_it_was(self):
        assert ended().check([session(7, total_visitors=14, max_visitors=12)], NOON) == {
            "room_id": 1,
            "session_id": 7,
            "started_at": "2027-03-01T10:00:00+00:00",
            "ended_at": "2027-03-01T11:00:00+00:00",
            "total_visitors": 14,
            "max_visitors": 12,
        }

    @pytest.mark.parametrize(
        ("sessions", "why"),
        [
            ([], "nobody came yet"),
            ([session(end=None)], "it is still running"),
            ([{"id": 1, "start_date": hours(2)}], "it is still running, and its end is left out"),
            ([session(end=hours(4))], "that was before"),
            ([session(end=hours(0.05))], "the reports may not be there yet"),
            ([session(end=hours(0))], "a running session may have the present as its end"),
        ],
    )
    def test_not_yet(self, sessions, why):
        assert ended().check(sessions, NOON) is None, why

    def test_the_end_must_lie_back_as_long_as_wanted(self):
        sessions = [session(end=hours(0))]
        assert ended(settle=600).check(sessions, NOON + timedelta(seconds=599)) is None
        assert ended(settle=600).check(sessions, NOON + timedelta(seconds=600)) is not None

    def test_of_several_it_is_the_first_that_ended_in_whatever_order_they_come(self):
        first, second = session(1, hours(2), hours(1.5)), session(2, hours(2.5), hours(1))
        for sessions in ([first, second], [second, first]):
            assert ended().check(sessions, NOON)["session_id"] == 1

    @pytest.mark.parametrize("known", [2, "2"])
    def test_of_a_session_that_is_known_only_its_end_counts(self, known):
        old, mine = session(1, hours(2), hours(1)), session(2, hours(30), hours(29))
        assert ended(session_id=known).check([old], NOON) is None
        assert ended(session_id=known).check([old, mine], NOON)["session_id"] == 2

    def test_offsets_do_not_matter(self):
        in_warsaw = session(end="2027-03-01T12:54:00+01:00")  # 11:54 UTC
        assert ended().check([in_warsaw], NOON)["session_id"] == 1
        assert ended(since="2027-03-01T12:55:00+01:00").check([in_warsaw], NOON) is None


class TestRecordingReady:
    def test_it_returns_of_the_recordings_but_not_their_links(self):
        assert recorded().check([recording(7)], NOON) == {
            "room_id": 1,
            "recordings": [
                {
                    "recording_id": 7,
                    "name": "Talk",
                    "started_at": "2027-03-01T10:00:00+00:00",
                    "duration": 3600,
                    "size": 5000,
                }
            ],
        }

    @pytest.mark.parametrize(
        ("recordings", "why"),
        [
            ([], "there are none"),
            ([recording(start=hours(5))], "that was before"),
            ([recording(recording_file_size=None)], "it is still being processed"),
            ([recording(recording_file_size=0)], "it is still being processed"),
            ([recording(1), recording(2, recording_file_size=None)], "one of them is still being processed"),
        ],
    )
    def test_not_yet(self, recordings, why):
        assert recorded().check(recordings, NOON) is None, why

    def test_those_from_before_do_not_matter_even_if_they_were_never_finished(self):
        before = recording(1, start=hours(5), recording_file_size=None)
        assert [each["recording_id"] for each in recorded().check([before, recording(2)], NOON)["recordings"]] == [2]

    def test_one_that_began_after_the_end_of_the_session_does_not_matter(self):
        later = recording(2, start=hours(1), recording_file_size=None)
        assert recorded().check([recording(1), later], NOON) is None
        found = recorded(until="2027-03-01T11:00:00+00:00").check([recording(1), later], NOON)
        assert [each["recording_id"] for each in found["recordings"]] == [1]
        undated = {"id": 3, "recording_file_size": 5000}
        assert recorded(until=MORNING).check([undated], NOON), "it may have begun in time"

    def test_one_that_ran_on_at_that_moment_counts(self):
        assert recorded().check([recording(start=hours(3.5))], NOON)

    def test_a_naive_start_is_utc(self):
        old = recording(recorder_start_date=None, recorder_started="2027-03-01 10:00:00")
        (result,) = recorded().check([old], NOON)["recordings"]
        assert result["started_at"] == "2027-03-01T10:00:00+00:00"

    def test_one_without_a_date_counts_since_nobody_knows_better(self):
        (result,) = recorded().check([{"id": 7, "recording_file_size": 5000}], NOON)["recordings"]
        assert result == {"recording_id": 7, "name": None, "started_at": None, "duration": None, "size": 5000}

    def test_one_without_a_duration_ended_when_it_began(self):
        assert recorded().check([recording(recording_duration=None)], NOON)
        assert recorded().check([recording(recording_duration=None, start=hours(4))], NOON) is None


class TestSince:
    """ClickMeeting rounds the times of sessions to the minute, so a moment within a minute is that minute."""

    @pytest.mark.parametrize(
        ("condition", "response"),
        [(started, [session()]), (ended, [session()]), (recorded, [recording()])],
    )
    def test_what_ended_in_the_same_minute_counts(self, condition, response):
        assert condition(since="2027-03-01T11:00:59.5+00:00").check(response, NOON) is not None
        assert condition(since="2027-03-01T11:01:00+00:00").check(response, NOON) is None


class TestConferenceStatus:
    def test_it_returns_since_when(self):
        room = {"id": 1, "status": "inactive", "updated_at": hours(1), "room_pin": 123456}
        assert ConferenceStatus(room_id="1").check(room, NOON) == {
            "room_id": 1,
            "status": "inactive",
            "updated_at": "2027-03-01T11:00:00+00:00",
        }

    def test_not_yet(self):
        assert ConferenceStatus(room_id=1).check({"status": "active"}, NOON) is None
        assert ConferenceStatus(room_id=1).check({}, NOON) is None

    def test_a_status_in_any_case(self):
        assert ConferenceStatus(room_id=1, status=" Active ").check({"status": "active"}, NOON)


class TestStartsSoon:
    @pytest.mark.parametrize("start", ["2027-03-02T12:00:00+00:00", "2027-03-02T07:00:00-05:00", hours(1)])
    def test_it_returns_the_start(self, start):
        room = {"id": 1, "starts_at": start, "timezone": "Europe/Warsaw", "room_pin": 123456}
        assert StartsSoon(room_id="1", before="P1D").check(room, NOON) == {
            "room_id": 1,
            "starts_at": start,
            "ends_at": None,
            "timezone": "Europe/Warsaw",
            "before": "P1D",
        }

    @pytest.mark.parametrize(
        ("room", "why"),
        [
            ({"starts_at": "2027-03-02T12:01:00+00:00"}, "it is a minute too far ahead"),
            ({"starts_at": "2027-03-01T13:00:00+00:00", "status": "inactive"}, "it was cancelled"),
            ({"starts_at": "2027-03-01T13:00:00+00:00", "permanent_room": True}, "it is permanent"),
            ({}, "there is no start"),
        ],
    )
    def test_not_yet(self, room, why):
        assert StartsSoon(room_id=1, before="P1D").check(room, NOON) is None, why

    def test_a_room_that_is_over_has_started(self):
        assert StartsSoon(room_id=1).check({"starts_at": hours(30), "status": "inactive"}, NOON)

    @pytest.mark.parametrize("wrong", [{"before": "1"}, {"before": "soon"}, {"room_id": "x"}])
    def test_wrong_values_are_refused(self, wrong):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            StartsSoon(**{"room_id": 1, **wrong})


class TestRegistrations:
    def test_it_returns_how_many_and_names_nobody(self):
        people = [{"id": 1, "email": "ada@example.com"}, {"id": 2, "email": "bob@example.com"}]
        assert Registrations(room_id=1, at_least="2").check(people, NOON) == {"room_id": 1, "registrations": 2}

    def test_not_yet(self):
        assert Registrations(room_id=1).check([], NOON) is None
        assert Registrations(room_id=1, at_least=2).check([{"id": 1}], NOON) is None

    def test_the_status_is_requested(self):
        assert Registrations(room_id=1, status="active").call == calls.list_registrations(1, "active")


class TestSessionReport:
    def test_it_returns_that_it_is_there_but_not_where(self):
        finished = {"status": "FINISHED", "progress": 100, "url": "https://media.example.com/panel/pdf/1"}
        assert SessionReport(room_id="1", session_id="2").check(finished, NOON) == {
            "room_id": 1,
            "session_id": 2,
            "lang": "en",
        }

    @pytest.mark.parametrize(
        "response",
        [{"status": "NEW"}, {"status": "IN PROGRESS", "progress": 50}, {"status": "FINISHED", "progress": 100}],
    )
    def test_not_yet(self, response):
        assert SessionReport(room_id=1, session_id=2).check(response, NOON) is None


class TestFileConverted:
    def test_it_returns_which_file_it_was_but_not_its_link(self):
        file = {"name": "slides.pdf", "document_type": "presentation_pdf", "url": "https://media.example.com/1"}
        assert FileConverted(file_id="1").check({**file, "status": "converted"}, NOON) == {
            "file_id": 1,
            "name": "slides.pdf",
            "document_type": "presentation_pdf",
        }
        assert FileConverted(file_id=1).check({**file, "status": "waiting_for_conversion"}, NOON) is None


class TestNonsense:
    @pytest.mark.parametrize(
        ("condition", "arguments", "message"),
        [
            (SessionStarted, {"room_id": "None"}, "room_id must be .*; got 'None'"),
            (SessionStarted, {"since": "2027-03-01T12:00"}, "since must be a time with its zone"),
            (SessionEnded, {"room_id": 0}, "room_id must be .*; got 0"),
            (SessionEnded, {"since": "tomorrow"}, "since must be a datetime or an ISO 8601 text"),
            (SessionEnded, {"settle": -1}, "settle must be .*; got -1"),
            (SessionEnded, {"settle": float("nan")}, "settle must be .*; got nan"),
            (RecordingReady, {"room_id": ""}, "room_id must be"),
            (RecordingReady, {"since": "2027-03-01"}, "since must be"),
            (RecordingReady, {"until": "2027-03-01"}, "until must be"),
            (ConferenceStatus, {"room_id": None}, "room_id must be .*; got None"),
            (ConferenceStatus, {"status": "over"}, "status must be one of 'active', 'inactive'; got 'over'"),
            (Registrations, {"at_least": 0}, "at_least must be a whole number from 1 on; got 0"),
            (Registrations, {"at_least": "many"}, "at_least must be .*; got 'many'"),
            (Registrations, {"room_id": "-1"}, "room_id must be"),
            (Registrations, {"status": "confirmed"}, "status must be one of .*; got 'confirmed'"),
            (SessionReport, {"room_id": "x"}, "room_id must be"),
            (SessionReport, {"session_id": "None"}, "session_id must be"),
            (SessionReport, {"lang": "english"}, "lang must be a two-letter language code"),
            (FileConverted, {"file_id": ""}, "file_id must be"),
        ],
    )
    def test_it_is_refused_when_the_condition_is_made(self, condition, arguments, message):
        right = {"room_id": 1, "since": MORNING, "session_id": 2, "file_id": 3}
        needed = {name: right[name] for name in condition.__dataclass_fields__ if name in right}
        with pytest.raises(ValueError, match=message):
            condition(**{**needed, **arguments})


def first_call(steps: conditions.PollSteps) -> Call[Any]:
    """Begin a steps, and return what it asks first."""
    return next(steps)


def after_response(steps: conditions.PollSteps, response: Any, now: datetime = NOON) -> Any:
    """Give a poll a response, and return its next call, or its outcome."""
    try:
        return steps.send((response, now))
    except StopIteration as end:
        return end.value


def polled(condition: Condition, *responses: Any, fingerprint: str | None = None) -> tuple[Any, str | None]:
    """Poll once, with these responses, and return the result and the fingerprint."""
    steps = conditions.poll_steps(condition, fingerprint)
    call: Any = first_call(steps)
    for response in responses:
        assert isinstance(call, Call)
        # the transport reads a response as the call says
        call = after_response(steps, call.read(response) if isinstance(call.read, FingerprintReader) else response)
    assert isinstance(call, Poll)
    return call.result, call.fingerprint


class TestPollSteps:
    def test_it_is_a_generator_of_calls_that_takes_answers_with_clickmeetings_time(self):
        steps = conditions.poll_steps(Named(room_id=1, name="Talk"), None)
        assert isinstance(steps, Generator)
        assert first_call(steps) == calls.get_conference(1)
        result = {"at": NOON.isoformat()}
        assert after_response(steps, {"name": "Talk"}, NOON) == Poll(result, None, "the condition is met", NOON, None)

    def test_not_yet(self):
        assert polled(Named(room_id=1, name="Talk"), {"name": "Rehearsal"}) == (None, None)

    def test_a_result_without_a_further_call_must_itself_be_the_same_twice(self):
        once, fingerprint = polled(StillNamed(room_id=1, name="Talk"), {"name": "Talk"})
        assert once is None
        assert polled(StillNamed(room_id=1, name="Talk"), {"name": "Talk"}, fingerprint=fingerprint)[0] == {
            "at": NOON.isoformat()
        }

    def test_when_it_is_not_so_any_more_the_next_time_is_the_first_again(self):
        _, fingerprint = polled(StillNamed(room_id=1, name="Talk"), {"name": "Talk"})
        assert polled(StillNamed(room_id=1, name="Talk"), {"name": "Rehearsal"}, fingerprint=fingerprint) == (
            None,
            None,
        )


def attendee(number: int, **more: Any) -> dict[str, Any]:
    return {"uid": str(number), "nickname": f"Guest {number}", "start_date": hours(2), "end_date": hours(1), **more}


class TestTheAttendeeList:
    def test_it_is_requested_once_the_session_has_ended(self):
        steps = conditions.poll_steps(ended(), None)
        assert first_call(steps) == calls.list_sessions(1)
        confirmation = after_response(steps, [session(7)])
        assert (confirmation.path, confirmation.name) == (
            "conferences/1/sessions/7/attendees",
            "list_session_attendees",
        )

    def test_it_is_not_requested_while_the_session_runs(self):
        assert polled(ended(), [session(end=None)]) == (None, None)

    def test_it_must_read_the_same_twice(self):
        once, fingerprint = polled(ended(), [session(7)], [attendee(1)])
        assert once is None
        assert polled(ended(), [session(7)], [attendee(1)], fingerprint=fingerprint)[0]["session_id"] == 7

    @pytest.mark.parametrize(
        "later",
        [
            [attendee(1), attendee(2)],
            [attendee(1, end_date=hours(0.5))],
            [attendee(1), attendee(1)],
            [],
        ],
    )
    def test_as_long_as_it_changes_the_sensor_waits(self, later):
        _, fingerprint = polled(ended(), [session(7)], [attendee(1)])
        result, new = polled(ended(), [session(7)], later, fingerprint=fingerprint)
        assert result is None
        assert polled(ended(), [session(7)], later, fingerprint=new)[0]["session_id"] == 7

    def test_another_session_with_the_same_people_is_another(self):
        _, fingerprint = polled(ended(), [session(7)], [attendee(1)])
        assert polled(ended(), [session(8)], [attendee(1)], fingerprint=fingerprint)[0] is None

    def test_the_numbers_of_visitors_must_read_the_same_too(self):
        _, fingerprint = polled(ended(), [session(7, total_visitors=1)], [attendee(1)])
        assert polled(ended(), [session(7, total_visitors=2)], [attendee(1)], fingerprint=fingerprint)[0] is None

    def test_the_order_of_rows_does_not_matter(self):
        _, fingerprint = polled(ended(), [session(7)], [attendee(1), attendee(2)])
        assert polled(ended(), [session(7)], [attendee(2), attendee(1)], fingerprint=fingerprint)[0]

    def test_of_a_long_list_only_its_fingerprint_is_kept(self):
        _, fingerprint = polled(ended(), [session(7)], [attendee(number) for number in range(1000)])
        assert len(fingerprint) == 64

    def test_without_settling_it_counts_at_once_and_the_attendees_are_not_requested(self):
        result, fingerprint = polled(ended(settle=0), [session(7, end=hours(0))])
        assert (result["session_id"], fingerprint) == (7, None)


class TestTheSizesOfRecordings:
    def test_they_must_read_the_same_twice(self):
        once, fingerprint = polled(recorded(), [recording(recording_file_size=4000)])
        assert once is None
        grown, fingerprint = polled(recorded(), [recording(recording_file_size=5000)], fingerprint=fingerprint)
        assert grown is None
        assert (
            polled(recorded(), [recording(recording_file_size=5000)], fingerprint=fingerprint)[0]["recordings"][0][
                "size"
            ]
            == 5000
        )

    def test_links_are_new_each_time_and_do_not_matter(self):
        _, fingerprint = polled(recorded(), [recording(recording_url="https://media.example.com/1?st=one")])
        assert polled(
            recorded(), [recording(recording_url="https://media.example.com/1?st=two")], fingerprint=fingerprint
        )[0]


class TestFingerprint:
    def test_it_is_the_same_for_the_same_rows_in_whatever_order(self):
        assert fingerprint_rows([{"a": 1, "b": 2}, "x"]) == fingerprint_rows(["x", {"b": 2, "a": 1}])

    def test_links_and_passwords_do_not_matter_wherever_they_are(self):
        row = {"id": 1, "files": [{"url": "https://media.example.com/1"}], "password": "mellon"}
        other = {"id": 1, "files": [{"url": "https://media.example.com/2"}], "password": "friend"}
        assert fingerprint_rows([row]) == fingerprint_rows([other])

    def test_everything_else_matters(self):
        assert (
            len({fingerprint_rows(rows) for rows in ([], [{}], [{"id": 1}], [{"id": "1"}], [{"id": 1}, {"id": 1}])})
            == 5
        )

    def test_it_reads_a_response_as_the_call_would(self):
        call = calls.list_session_attendees(1, 2)
        assert FingerprintReader(call.read)([attendee(1)]) == fingerprint_rows(call.read([attendee(1)]))
