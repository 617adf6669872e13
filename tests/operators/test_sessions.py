"""What took place in a room, who was there, and the PDF report."""

from __future__ import annotations

from datetime import timedelta

import pytest

from airflow_clickmeeting.exceptions import ClickMeetingError, NotFoundError
from airflow_clickmeeting.operators.sessions import (
    ClickMeetingGenerateSessionReportOperator,
    ClickMeetingGetSessionOperator,
    ClickMeetingListSessionAttendeesOperator,
    ClickMeetingListSessionsOperator,
)


class TestSessions:
    def test_those_that_took_place(self, run, finished):
        (session,) = run(ClickMeetingListSessionsOperator, room_id=finished.room_id)
        assert session == {
            "id": finished.session_id,
            "total_visitors": 3,
            "max_visitors": 2,
            "start_date": "2027-01-31T13:00:00+01:00",
            "end_date": "2027-01-31T14:00:00+01:00",
        }

    @pytest.mark.parametrize(
        ("switch", "end"), [("null", None), ("absent", None), ("now", "2027-02-01T13:00:00+01:00")]
    )
    def test_one_that_takes_place_now(self, run, sandbox, room_id, switch, end):
        sandbox.switch(running_end=switch)
        sandbox.play(
            room_id, start=sandbox.now - timedelta(minutes=10), end=sandbox.now + timedelta(minutes=50), count=1
        )
        (session,) = run(ClickMeetingListSessionsOperator, room_id=room_id)
        assert session.get("end_date") == end

    @pytest.mark.parametrize("none", ["empty", "404"])
    def test_none_yet_is_an_empty_list_however_clickmeeting_says_so(self, run, sandbox, room_id, none):
        sandbox.switch(no_sessions=none)
        assert run(ClickMeetingListSessionsOperator, room_id=room_id) == []

    @pytest.mark.parametrize("none", ["empty", "404"])
    def test_a_missing_room_is_no_empty_list(self, run, sandbox, none):
        sandbox.switch(no_sessions=none)
        with pytest.raises(NotFoundError, match="Meeting room not found"):
            run(ClickMeetingListSessionsOperator, room_id=404)

    def test_one_session_with_its_own_id(self, run, finished):
        session = run(ClickMeetingGetSessionOperator, **finished.session)
        assert (session["id"], session["total_visitors"]) == (finished.session_id, 3)
        assert {"en", "pl"} <= session["pdf"].keys()

    def test_who_comes_back_has_an_item_per_entry(self, run, finished):
        entries = run(ClickMeetingListSessionAttendeesOperator, **finished.session)
        assert [(entry["email"], entry["role"]) for entry in entries] == [
            ("ada@example.com", "listener"),
            ("ada@example.com", "listener"),
            ("bob@example.com", "presenter"),
        ]

    @pytest.mark.parametrize("operator", [ClickMeetingGetSessionOperator, ClickMeetingListSessionAttendeesOperator])
    def test_a_missing_session(self, run, room_id, operator):
        with pytest.raises(NotFoundError):
            run(operator, room_id=room_id, session_id=404)


class TestReport:
    @pytest.fixture
    def report(self, run, finished):
        def report(path, poll_interval=0.01, **more):
            return run(
                ClickMeetingGenerateSessionReportOperator,
                **finished.session | more,
                path=path,
                poll_interval=poll_interval,
            )

        return report

    def test_it_is_waited_for_and_saved(self, report, sandbox, folder, content):
        path = f"{folder}/report.pdf"
        done = report(path)
        assert (done["path"], done["size"]) == (path, len(content(path)))
        assert content(path).startswith(b"%PDF-")
        assert sandbox.count("generate_session_report") == 3

    def test_a_folder_gets_a_file_for_each_session_and_language(self, report, finished, folder, content):
        done = report(f"{folder}/", lang="PL")
        assert done["path"] == f"{folder}/session-{finished.session_id}-PL.pdf"
        assert b", pl" in content(done["path"])

    def test_a_second_run_overwrites_the_file(self, report, folder, content):
        first, again = (report(f"{folder}/report.pdf") for _ in range(2))
        assert first == again

    def test_its_link_leads_to_another_host_which_does_not_get_the_key(self, report, sandbox, folder):
        report(f"{folder}/report.pdf")
        (download,) = sandbox.log("media")
        assert "x-api-key" not in download["headers"]
        assert {entry["headers"]["x-api-key"] for entry in sandbox.log("generate_session_report")} == {"sandbox"}

    def test_it_is_not_waited_for_without_end(self, report, sandbox, finished, folder):
        with pytest.raises(ClickMeetingError) as error:
            report(f"{folder}/report.pdf", timeout=0)
        assert str(error.value) == (
            f"generate_session_report: timed out after 0 s waiting for the PDF report of session "
            f"{finished.session_id}, which is NEW (connection 'clickmeeting_default'). Set a longer timeout, then "
            "clear this task."
        )
        assert sandbox.count("media") == 0

    @pytest.mark.parametrize("missing", [{"session_id": 404}, {"room_id": 404}, {"lang": "xx"}])
    def test_of_what_is_not_there(self, report, sandbox, folder, missing):
        with pytest.raises(NotFoundError, match=r"^generate_session_report\b"):
            report(f"{folder}/report.pdf", **missing)
        assert sandbox.count("generate_session_report") == 1
