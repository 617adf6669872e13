"""The attendance report of a session, against the sandbox."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta

import pytest
from airflow.sdk import DAG, Asset, ObjectStoragePath
from airflow.sdk.io import attach
from fsspec.implementations.memory import MemoryFileSystem

from airflow_clickmeeting.exceptions import ClickMeetingError, NotFoundError, UnexpectedAnswerError
from airflow_clickmeeting.hooks.clickmeeting import ClickMeetingHook
from airflow_clickmeeting.operators.sessions import ClickMeetingAttendanceReportOperator

START = datetime(2027, 3, 1, 14, tzinfo=UTC)
HOUR = timedelta(hours=1)
WITHIN = {"join_sessions_within": timedelta(minutes=15)}
PEOPLE = [
    {"email": "hanna@example.com", "nickname": "Hanna", "role": "host"},
    {"email": "Ada@Example.com", "nickname": "Ada", "visits": [(0, 20), (25, 60)], "rating": 5},
    {"nickname": "<b>Guest</b>", "visits": [(10, 40)]},
]


@pytest.fixture
def held(clickmeeting_sandbox):
    """Hold a session in Warsaw for which Ada and Bob had registered, and return its room's id and its own."""
    sandbox = clickmeeting_sandbox
    sandbox.set_speed(0)

    def held(*, registration: bool = True, attendees=PEOPLE, length=HOUR) -> dict[str, int]:
        sandbox.set_time(START - HOUR)
        enabled = {"enabled": int(registration)}
        room = sandbox.add_room(name="Café & Çay", starts_at=START, timezone="Europe/Warsaw", registration=enabled)
        for name in ("ada", "bob") if registration else ():
            person = {1: name, 2: "Example", 3: f"{name}@example.com"}
            ClickMeetingHook().register_participant(room["id"], registration=person)
        session_id = sandbox.play(room["id"], start=START, end=START + length, attendees=attendees)
        sandbox.set_time(START + 2 * HOUR)
        sandbox.forget_requests()
        return {"room_id": room["id"], "session_id": session_id}

    return held


def report(**arguments):
    result = ClickMeetingAttendanceReportOperator(task_id="report", **arguments).execute({})
    assert json.loads(json.dumps(result)) == result
    return result


def text_of(result) -> str:
    return ObjectStoragePath(result["path"]).read_bytes().decode()


@pytest.mark.parametrize("storage", ["file", "memory"])
def test_a_page_on_any_object_storage(held, tmp_path, storage):
    attach("memory", fs=MemoryFileSystem())
    folder = tmp_path.as_uri() if storage == "file" else "memory://reports"
    session = held()
    made = report(**session, path=f"{folder}/deep/")
    assert made["path"].endswith("/deep/attendance-{room_id}-{session_id}.html".format(**session))
    assert made["summary"] == {
        "registered": 2,
        "came": 2,
        "attended": 1,
        "no_show": 1,
        "walk_in": 1,
        "show_up_rate": 0.5,
        "median_minutes": 42.5,
        "peak": 2,
    }
    assert made["session_ids"] == [session["session_id"]]
    assert (made["failures"], made["failure_count"]) == ([], 0)
    page = text_of(made)
    assert "<h1><bdi>Café &amp; Çay</bdi></h1>" in page
    assert "Monday, 1 March 2027, 15:00 to 16:00 (Europe/Warsaw)" in page
    assert "&lt;b&gt;Guest&lt;/b&gt;" in page


def test_a_second_run_writes_the_same_bytes(held, tmp_path):
    arguments = {**held(), "path": f"{tmp_path.as_uri()}/report.html"}
    report(**arguments)
    first = (tmp_path / "report.html").read_bytes()
    report(**arguments)
    assert (tmp_path / "report.html").read_bytes() == first
    assert [file.name for file in tmp_path.iterdir()] == ["report.html"], "no part is left behind"


def test_without_people_nothing_personal_is_in_the_file(held, tmp_path):
    page = text_of(report(**held(), path=f"{tmp_path.as_uri()}/", show_people=False))
    assert "Café &amp; Çay" in page
    assert not [word for word in ("@example.com", "Ada", "Bob", "Person", "Hanna") if word in page]


POLLS = [{"name": "Feedback", "questions": [{"question": "How was it?", "answers": [{"points": 1, "value": "Good"}]}]}]


@pytest.mark.parametrize("entries", ["first", "every"])
def test_the_audiences_answers_to_polls(held, clickmeeting_sandbox, tmp_path, entries):
    clickmeeting_sandbox.switch(polls=entries)
    session = held(attendees=[person | {"polls": POLLS} for person in PEOPLE])
    clickmeeting_sandbox.forget_requests()
    page = text_of(report(**session, path=f"{tmp_path.as_uri()}/"))
    assert "<bdi>How was it?</bdi> <span><bdi>Feedback</bdi>" in page
    assert re.search(r"<bdi>Good</bdi></th>\s*<td class=\"number\">2</td>", page), "the host does not count"
    assert clickmeeting_sandbox.count("list_session_attendees") == 1, "it costs no request"
    assert "Good" not in text_of(report(**session, path=f"{tmp_path.as_uri()}/", show_people=False))


def test_parts_of_polls_that_cannot_be_read_are_failures_with_their_place(held, clickmeeting_sandbox, tmp_path):
    session = held(attendees=[PEOPLE[1] | {"polls": [*POLLS, {"name": "Quiz", "questions": "odd"}]}])
    made = report(**session, path=f"{tmp_path.as_uri()}/")
    reason = f"session {session['session_id']}, entry 1, poll 2: questions must be a list of objects, not a text"
    assert (made["failures"], made["failure_count"]) == ([{"reason": reason}], 1)
    page = text_of(made)
    assert "<bdi>Good</bdi>" in page
    assert "Parts of polls that could not be read, and do not count: 1." in page


def test_nobody_is_registered_where_registration_is_off(held, clickmeeting_sandbox, tmp_path):
    made = report(**held(registration=False), path=f"{tmp_path.as_uri()}/")
    assert (made["summary"]["registered"], made["summary"]["walk_in"]) == (0, 2)
    assert clickmeeting_sandbox.count("list_registrations") == 0


def test_short_absences_count_as_presence_on_demand(held, tmp_path):
    page = text_of(report(**held(), path=f"{tmp_path.as_uri()}/", rejoin_gap=timedelta(minutes=5)))
    assert "absences of up to 5 min count as presence" in page
    assert "100%" in page


def test_an_entry_that_cannot_be_read_is_told_and_does_not_sink_the_rest(held, tmp_path):
    made = report(**held(attendees=[*PEOPLE, {"nickname": "Odd", "visits": [(40, 10)]}]), path=f"{tmp_path.as_uri()}/")
    assert made["summary"]["came"] == 2
    assert [" is before start_date " in why for why in [failure["reason"] for failure in made["failures"]]] == [True]
    assert "could not be read, and do not count: 1." in text_of(made)


class TestJoinedSessions:
    """Ada and Bob had registered; Ada came twice, since the host's connection dropped from minute 30 to minute 35."""

    @pytest.fixture
    def broken_off(self, held, clickmeeting_sandbox) -> list[dict[str, int]]:
        first = held(length=timedelta(minutes=30), attendees=[PEOPLE[0], {"email": "ada@example.com"}])
        start = START + timedelta(minutes=35)
        second = clickmeeting_sandbox.play(
            first["room_id"], start=start, end=START + HOUR, attendees=[PEOPLE[0], {"email": "ada@example.com"}]
        )
        return [first, {**first, "session_id": second}]

    @pytest.mark.parametrize("place", [0, 1])
    def test_the_report_is_on_the_event_whichever_session_is_named(self, broken_off, tmp_path, place):
        made = report(**broken_off[place], path=f"{tmp_path.as_uri()}/", **WITHIN)
        assert made["session_ids"] == [session["session_id"] for session in broken_off]
        assert made["path"].endswith("/attendance-{room_id}-{session_id}.html".format(**broken_off[0]))
        assert made["summary"] | {"registered": 2, "came": 1, "no_show": 1, "median_minutes": 55} == made["summary"]
        page = text_of(made)
        assert "Monday, 1 March 2027, 15:00 to 16:00 (Europe/Warsaw), 55 min" in page
        assert "2 sessions that count as one, with a break from 15:30 to 15:35" in page

    @pytest.mark.parametrize("within", [{}, {"join_sessions_within": "PT4M"}], ids=["not joined", "too far apart"])
    def test_a_session_that_is_not_joined_stands_alone(self, broken_off, tmp_path, within):
        made = report(**broken_off[1], path=f"{tmp_path.as_uri()}/", **within)
        assert made["session_ids"] == [broken_off[1]["session_id"]]
        assert made["summary"]["median_minutes"] == 25
        assert "count as one" not in text_of(made)

    def test_without_the_argument_no_other_session_is_asked_for(self, broken_off, clickmeeting_sandbox, tmp_path):
        report(**broken_off[0], path=f"{tmp_path.as_uri()}/")
        assert clickmeeting_sandbox.count("list_sessions") == 0

    @pytest.mark.parametrize(
        ("minute", "named", "unfinished"),
        [(31, 0, 0), (50, 0, 1), (50, 1, 1), (74, 0, 1), (74, 1, 1)],
        ids=["it may go on", "the second runs", "the second itself runs", "it may go on once more", "of the second"],
    )
    def test_half_an_event_is_an_error(self, broken_off, clickmeeting_sandbox, tmp_path, minute, named, unfinished):
        clickmeeting_sandbox.set_time(START + timedelta(minutes=minute))
        message = (
            f"session {broken_off[unfinished]['session_id']} still runs, or ended less than 900 s ago.* "
            "ClickMeetingSessionEndedSensor with settle=900"
        )
        with pytest.raises(ClickMeetingError, match=message):
            report(**broken_off[named], path=f"{tmp_path.as_uri()}/", **WITHIN)
        assert list(tmp_path.iterdir()) == []

    def test_a_quarter_of_an_hour_after_its_end_it_is_over(self, broken_off, clickmeeting_sandbox, tmp_path):
        clickmeeting_sandbox.set_time(START + timedelta(minutes=75))
        assert len(report(**broken_off[0], path=f"{tmp_path.as_uri()}/", **WITHIN)["session_ids"]) == 2

    def test_another_session_whose_times_cannot_be_read_is_told(self, broken_off, clickmeeting_sandbox, tmp_path):
        ids = [session["session_id"] for session in broken_off]
        spans = zip([*ids, 9], [("14:00", "14:30"), ("14:35", "15:00"), ("15:05", "soon")], strict=True)
        listed = [
            {"id": number, "start_date": f"2027-03-01T{start}:00+00:00", "end_date": f"2027-03-01T{end}:00+00:00"}
            for number, (start, end) in spans
        ]
        clickmeeting_sandbox.fault("list_sessions", "answer", json=listed)
        made = report(**broken_off[0], path=f"{tmp_path.as_uri()}/", **WITHIN)
        assert (made["session_ids"], made["failure_count"]) == (ids, 1)
        (failure,) = made["failures"]
        assert failure["reason"].startswith(
            "session 9 is not joined with another one: expected an ISO 8601 time, got '2027-03-01Tsoon"
        )

    def test_one_of_its_sessions_without_a_list_leaves_the_older_file(self, broken_off, clickmeeting_sandbox, tmp_path):
        (tmp_path / "report.html").write_text("older")
        clickmeeting_sandbox.fault("list_session_attendees", "html", skip=1)
        with pytest.raises(UnexpectedAnswerError):
            report(**broken_off[0], path=f"{tmp_path.as_uri()}/report.html", **WITHIN)
        assert (tmp_path / "report.html").read_text() == "older"


ODD_SESSIONS = [
    ({"start_date": "soon", "end_date": "2027-03-01T15:00:00+00:00"}, "start_date 'soon' is not an ISO 8601 time"),
    ({"start_date": "2027-03-01T15:00:00+00:00", "end_date": "2027-03-01T14:00:00+00:00"}, "is before start_date"),
    ({"start_date": "2027-03-01T15:00:00+00:00", "end_date": "0000-00-00 00:00:00"}, "expected an ISO 8601 time, got"),
]


@pytest.mark.parametrize("joined", [{}, {"join_sessions_within": "PT15M"}], ids=["alone", "joined"])
@pytest.mark.parametrize(("odd", "why"), ODD_SESSIONS)
def test_odd_times_of_the_session_are_clickmeetings_error_and_not_the_authors(
    held, clickmeeting_sandbox, tmp_path, odd, why, joined
):
    session = held()
    clickmeeting_sandbox.fault("get_session", "answer", json=odd)
    with pytest.raises(UnexpectedAnswerError, match=f"^get_session: .*{why}"):
        report(**session, path=f"{tmp_path.as_uri()}/", **joined)
    assert list(tmp_path.iterdir()) == []


def test_a_time_zone_that_does_not_exist_is_clickmeetings_error(held, clickmeeting_sandbox, tmp_path):
    session = held()
    room = ClickMeetingHook().get_conference(session["room_id"]) | {"timezone": "Atlantis/Center"}
    clickmeeting_sandbox.fault("get_conference", "answer", json={"conference": room})
    with pytest.raises(UnexpectedAnswerError, match="timezone must be an IANA time zone"):
        report(**session, path=f"{tmp_path.as_uri()}/")


def test_a_webinar_to_which_nobody_came_says_how_many_had_registered(held, tmp_path):
    made = report(**held(attendees=PEOPLE[:1]), path=f"{tmp_path.as_uri()}/")
    assert (made["summary"]["registered"], made["summary"]["no_show"], made["summary"]["show_up_rate"]) == (0, 0, None)
    page = text_of(made)
    assert "<dt>Registered</dt>\n<dd><strong>2</strong>" in page
    assert "Nobody in the audience came, so those who had registered do not count as missing." in page
    assert "Bob" not in page


@pytest.mark.parametrize("end", ["null", "absent", "now"])
def test_a_session_that_still_runs_is_an_error(held, clickmeeting_sandbox, tmp_path, end):
    clickmeeting_sandbox.switch(running_end=end)
    session = held(length=3 * HOUR)
    with pytest.raises(ClickMeetingError, match="still runs, or ended less than 60 s ago"):
        report(**session, path=f"{tmp_path.as_uri()}/")
    assert list(tmp_path.iterdir()) == []


def test_a_session_that_is_not_there_leaves_the_older_file(held, tmp_path):
    older = tmp_path / "report.html"
    older.write_text("older")
    with pytest.raises(NotFoundError):
        report(room_id=held()["room_id"], session_id=1, path=older.as_uri())
    assert older.read_text() == "older"


@pytest.mark.parametrize(
    "wrong",
    [
        {"room_id": "None"},
        {"session_id": ""},
        {"path": " "},
        {"rejoin_gap": "a while"},
        {"rejoin_gap": -1},
        {"join_sessions_within": 900},
        {"join_sessions_within": timedelta(days=2)},
        {"title": " "},
        {"show_people": "perhaps"},
    ],
)
def test_a_wrong_argument_is_named_before_anything_is_asked(held, clickmeeting_sandbox, tmp_path, wrong):
    arguments = {**held(), "path": f"{tmp_path.as_uri()}/"}
    with pytest.raises(ValueError, match=f"^{next(iter(wrong))} must be"):
        report(**arguments | wrong)
    assert clickmeeting_sandbox.count() == 0


def test_the_tasks_assets_are_told(held, run_dag, tmp_path):
    from airflow.models.asset import AssetEvent
    from airflow.utils.session import create_session

    path = f"{tmp_path.as_uri()}/report.html"
    with DAG("report_tells_assets", schedule=None) as dag:
        ClickMeetingAttendanceReportOperator(task_id="report", **held(), path=path, outlets=[Asset("attendance page")])
    run = run_dag(dag)
    with create_session() as session:
        (event,) = session.query(AssetEvent).filter_by(source_run_id=run.run_id, source_dag_id=dag.dag_id)
    assert event.extra.items() >= {"path": path, "format": "html", "people": 4}.items()


def test_in_a_dag_everything_may_be_rendered(held, run_dag, tmp_path):
    with DAG("report", schedule=None, params=held()) as dag:
        ClickMeetingAttendanceReportOperator(
            task_id="report",
            room_id="{{ params.room_id }}",
            session_id="{{ params.session_id }}",
            path=f"{tmp_path.as_uri()}/{{{{ dag.dag_id }}}}.html",
            rejoin_gap="{{ 300 }}",
            join_sessions_within="{{ 'PT15M' }}",
            title="{{ dag.dag_id | title }} of the day",
            show_people="{{ False }}",
        )
    assert run_dag(dag).state == "success"
    page = (tmp_path / "report.html").read_text()
    assert "Report of the day" in page
    assert "up to 5 min" in page
    assert "Ada" not in page
