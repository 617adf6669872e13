"""The links of tasks in Airflow's UI, as a real run stores them."""

from __future__ import annotations

import json
import logging
import os
from datetime import timedelta
from types import SimpleNamespace

import pytest
from airflow.sdk import DAG

from airflow_clickmeeting.extra_links import AccountPanelLink, FileLink, RoomLink
from airflow_clickmeeting.operators.account import ClickMeetingPingOperator
from airflow_clickmeeting.operators.conferences import (
    ClickMeetingCheckDriftOperator,
    ClickMeetingCreateConferenceOperator,
    ClickMeetingDeleteConferenceOperator,
    ClickMeetingGetConferenceOperator,
    ClickMeetingListConferencesOperator,
)
from airflow_clickmeeting.operators.links import ClickMeetingGenerateAutologinUrlOperator
from airflow_clickmeeting.operators.recordings import ClickMeetingArchiveRecordingsOperator
from airflow_clickmeeting.operators.registrations import ClickMeetingBulkRegisterParticipantsOperator
from airflow_clickmeeting.operators.sessions import (
    ClickMeetingAttendanceReportOperator,
    ClickMeetingListSessionsOperator,
)
from airflow_clickmeeting.sensors.clickmeeting import ClickMeetingConferenceStatusSensor
from airflow_clickmeeting.transfers.exports import (
    ClickMeetingExportAttendeesOperator,
    ClickMeetingExportConferencesOperator,
    ClickMeetingExportSessionsOperator,
)

FILES = "https://files.example.com"
OWN = "https://own.example.com/x"
ADA = {"First Name": "Ada", "Last Name": "Lovelace", "Email Address": "ada@example.com"}


@pytest.fixture
def links_of(run_dag):
    """Run a task by itself, and return its links by their names; those of mapped tasks in a list."""
    from airflow.models.xcom import XComModel
    from airflow.utils.session import create_session
    from sqlalchemy import select

    def links_of(operator, *, expand=None, state="success", **arguments):
        with DAG(f"links_{operator.__name__}", schedule=None) as dag:
            if expand:
                operator.partial(task_id="task", **arguments).expand(**expand)
            else:
                operator(task_id="task", **arguments)
        run = run_dag(dag)
        assert run.state == state
        found = []
        for instance in sorted(run.get_task_instances(), key=lambda each: each.map_index):
            stored = select(XComModel.key, XComModel.value).filter_by(
                dag_id=run.dag_id, run_id=run.run_id, task_id="task", map_index=instance.map_index
            )
            with create_session() as session:
                values = {key: value.strip('"') for key, value in session.execute(stored) if key.startswith("_link")}
            links = {link.name: link.xcom_key for link in operator.operator_extra_links}
            assert values.keys() == {*links.values()}
            found.append({name: values[key] for name, key in links.items()})
        return found if expand else found[0]

    return links_of


@pytest.fixture
def room_url(run, room_id):
    return run(ClickMeetingGetConferenceOperator, room_id=room_id)["room_url"]


class TestRoom:
    def test_of_a_room_that_is_read_also_if_nothing_goes_to_xcom(self, links_of, room_id, room_url):
        assert room_url.startswith("https://")
        expected = {"Room": room_url, "Account panel": ""}
        assert links_of(ClickMeetingGetConferenceOperator, room_id=room_id) == expected
        assert links_of(ClickMeetingGetConferenceOperator, room_id=str(room_id), do_xcom_push=False) == expected

    def test_of_a_room_that_is_created_and_found_again(self, links_of, sandbox):
        created = links_of(ClickMeetingCreateConferenceOperator, name="Talk", permanent_room=True)
        assert "/talk-" in created["Room"]
        assert links_of(ClickMeetingCreateConferenceOperator, name="Talk", permanent_room=True) == created
        assert sandbox.count("create_conference") == 1

    def test_there_is_none_of_a_room_that_is_not_the_tasks_own(self, links_of, room_id):
        arguments = {"name": "Talk", "permanent_room": True, "if_exists": "fail"}
        links_of(ClickMeetingCreateConferenceOperator, **arguments)
        links = links_of(ClickMeetingCreateConferenceOperator, **arguments, state="failed")
        assert links == {"Room": "", "Account panel": ""}

    def test_of_each_room_of_a_mapped_task(self, links_of, sandbox):
        rooms = [sandbox.add_room(name=name) for name in ("First", "Second")]
        found = links_of(ClickMeetingGetConferenceOperator, expand={"room_id": [room["id"] for room in rooms]})
        assert [links["Room"].rpartition("/")[2] for links in found] == ["first", "second"]

    def test_of_a_room_that_the_task_reads_on_its_way(self, links_of, finished, tmp_path, run):
        url = run(ClickMeetingGetConferenceOperator, room_id=finished.room_id)["room_url"]
        report = links_of(ClickMeetingAttendanceReportOperator, **finished.session, path=f"{tmp_path}/")
        assert report == {"Room": url, "Account panel": "", "File": ""}
        people = {"people": [ADA], "ledger": f"{tmp_path}/sent.jsonl", "room_id": finished.room_id}
        assert links_of(ClickMeetingBulkRegisterParticipantsOperator, **people)["Room"] == url
        path = f"{tmp_path}/rooms.csv"
        assert links_of(ClickMeetingExportConferencesOperator, room_id=finished.room_id, path=path)["Room"] == url

    def test_of_a_task_that_skips_what_follows(self, links_of, room_id, room_url):
        assert links_of(ClickMeetingCheckDriftOperator, room_id=room_id, name="Talk")["Room"] == room_url

    def test_of_a_task_that_fails_after_it_read_the_room(self, links_of, sandbox, room_id, room_url):
        sandbox.fault("generate_autologin_url", "status", status=422, times=100)
        person = {"email_address": "ada@example.com", "nickname": "Ada"}
        links = links_of(ClickMeetingGenerateAutologinUrlOperator, room_id=room_id, state="failed", **person)
        assert links["Room"] == room_url

    def test_of_a_login_link_is_the_room_without_the_login(self, links_of, room_id, room_url):
        person = {"email_address": "ada@example.com", "nickname": "Ada"}
        assert links_of(ClickMeetingGenerateAutologinUrlOperator, room_id=room_id, **person)["Room"] == room_url

    @pytest.mark.parametrize("deferrable", [False, True])
    def test_of_a_sensor_in_all_its_processes(self, links_of, room_id, room_url, deferrable):
        arguments = {"room_id": room_id, "status": "active", "deferrable": deferrable}
        links = links_of(ClickMeetingConferenceStatusSensor, **arguments)
        assert links["Room"] == room_url

    def test_there_is_none_of_a_room_that_is_not_read_for_the_link_alone(self, links_of, sandbox, finished):
        links = links_of(ClickMeetingListSessionsOperator, room_id=finished.room_id)
        assert links == {"Room": "", "Account panel": ""}
        assert sandbox.count() == 1

    def test_there_is_none_of_many_rooms_of_no_room_and_of_one_that_is_gone(self, links_of, sandbox, room_id, tmp_path):
        path = f"{tmp_path}/rooms.csv"
        assert links_of(ClickMeetingExportConferencesOperator, path=path)["Room"] == ""
        assert links_of(ClickMeetingExportConferencesOperator, path=path, room_id=[room_id])["Room"] == ""
        assert links_of(ClickMeetingGetConferenceOperator, room_id=99, state="failed")["Room"] == ""
        assert links_of(ClickMeetingDeleteConferenceOperator, room_id=room_id, force=True) == {}
        assert links_of(ClickMeetingPingOperator) == {}

    def test_a_wrong_connection_is_no_error_of_the_link(self, links_of, caplog):
        arguments = {"clickmeeting_conn_id": "nowhere", "room_id": 1, "state": "failed"}
        with caplog.at_level(logging.INFO):
            assert links_of(ClickMeetingGetConferenceOperator, **arguments) == {"Room": "", "Account panel": ""}
        assert "extra link" not in caplog.text


class TestAccountPanel:
    @pytest.fixture
    def link(self, connect):
        """The link of a task that has not sent a request."""

        def link(operator, host="", **arguments):
            connect(host=host)
            return AccountPanelLink().get_link(operator(task_id="task", **arguments), ti_key=None)

        return link

    def test_of_a_room(self, link):
        address = "https://account-panel.clickmeeting.com/12"
        assert link(ClickMeetingGetConferenceOperator, room_id="12") == address
        assert link(ClickMeetingConferenceStatusSensor, room_id=12) == address

    @pytest.mark.parametrize("room_id", ["all", [12, 13], "12/../13", "", None, "\uff11\uff12"])
    def test_of_no_single_room(self, link, room_id):
        address = "https://account-panel.clickmeeting.com/"
        assert link(ClickMeetingExportSessionsOperator, room_id=room_id, path="out/") == address

    def test_there_is_none_for_another_service(self, link):
        assert link(ClickMeetingGetConferenceOperator, host="https://api.reseller.example/v1", room_id=12) == ""


class TestFile:
    @pytest.fixture
    def folder(self, folder, mocker):
        """A folder on a disk or an object storage, of which Airflow knows the URL."""
        known = json.dumps({folder: FILES, f"{folder}-private/": "https://private.example.com", f"{folder}/own": OWN})
        mocker.patch.dict(os.environ, {"AIRFLOW__CLICKMEETING__FILE_URLS": known})
        return folder

    def test_of_one_file(self, links_of, finished, folder):
        links = links_of(ClickMeetingExportAttendeesOperator, **finished.session, path=f"{folder}/a b/attendees.csv")
        assert links["File"] == f"{FILES}/a%20b/attendees.csv"
        links = links_of(ClickMeetingAttendanceReportOperator, **finished.session, path=f"{folder}/own/")
        assert links["File"] == f"{OWN}/attendance-{finished.room_id}-{finished.session_id}.html"

    def test_of_several_files_is_their_folder(self, links_of, sandbox, finished, folder):
        sandbox.play(finished.room_id, start=sandbox.now - timedelta(hours=3), end=sandbox.now - timedelta(hours=2))
        path = f"{folder}/many/{{session_id}}.csv"
        links = links_of(ClickMeetingExportAttendeesOperator, room_id=finished.room_id, path=path)
        assert links["File"] == f"{FILES}/many/"
        path = f"{folder}/each/{{session_id}}/attendees.csv"
        assert links_of(ClickMeetingExportAttendeesOperator, room_id=finished.room_id, path=path)["File"] == ""

    def test_of_an_archive_is_its_folder(self, links_of, finished, folder):
        links = links_of(ClickMeetingArchiveRecordingsOperator, room_id=finished.room_id, folder=f"{folder}/archive/")
        assert links["File"] == f"{FILES}/archive"

    def test_of_a_list_of_rooms_only_if_there_is_a_file(self, links_of, room_id, folder):
        assert links_of(ClickMeetingListConferencesOperator) == {"File": ""}
        links = links_of(ClickMeetingListConferencesOperator, path=f"{folder}/rooms.jsonl", do_xcom_push=False)
        assert links == {"File": f"{FILES}/rooms.jsonl"}

    @pytest.mark.parametrize("known", ["", "{}", "no JSON", "[]", '{"s3://elsewhere/": "https://files.example.com/"}'])
    def test_there_is_none_if_the_url_is_not_known(self, mocker, tmp_path, links_of, room_id, known):
        mocker.patch.dict(os.environ, {"AIRFLOW__CLICKMEETING__FILE_URLS": known})
        path = f"{tmp_path}/rooms.csv"
        assert links_of(ClickMeetingExportConferencesOperator, path=path, room_id=room_id)["File"] == ""

    @pytest.mark.parametrize(
        ("written", "address"),
        [
            (["s3://bucket/out/a.csv"], f"{FILES}/a.csv"),
            (["s3://bucket/out/100%?.csv"], f"{FILES}/100%25%3F.csv"),
            (["s3://bucket/outside/a.csv"], ""),
            (["s3://bucket/out"], f"{FILES}/"),
            (["s3://bucket/signed/a.csv"], "https://cdn.example.com/a.csv"),
            (["s3://bucket/script/a.csv"], ""),
            (["https://user:password@files.example.com/a.csv?st=SIGNED&e=1"], f"{FILES}/a.csv"),
            ([], ""),
            (["s3://bucket/out/a.csv", "s3://bucket/out/b.csv"], f"{FILES}/"),
            (["s3://bucket/out/a.csv", "s3://bucket/out/more/b.csv"], ""),
        ],
    )
    def test_of_what_was_written(self, mocker, written, address):
        known = {
            "s3://bucket/out": FILES,
            "s3://bucket/signed/": "https://user:password@cdn.example.com/",
            "s3://bucket/script/": "javascript:alert(1)",
        }
        mocker.patch.dict(os.environ, {"AIRFLOW__CLICKMEETING__FILE_URLS": json.dumps(known)})
        operator = ClickMeetingListConferencesOperator(task_id="task")
        operator.written = written
        assert FileLink().get_link(operator, ti_key=None) == address


@pytest.mark.parametrize("link", [RoomLink(), AccountPanelLink(), FileLink()], ids=lambda link: link.name)
@pytest.mark.parametrize(
    "operator", [None, SimpleNamespace(hook=None, room_id=1), SimpleNamespace(returned={"paths": 3})]
)
def test_no_link_raises(link, operator):
    assert link.get_link(operator, ti_key=None) == ""
