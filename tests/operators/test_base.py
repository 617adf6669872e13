"""What all operators share: the connection, templates, mapping over many, and what the log tells."""

from __future__ import annotations

import pytest
from airflow.sdk import DAG, ObjectStoragePath, task
from airflow_versions import needs_airflow, redact

from airflow_clickmeeting.compat import AirflowNotFoundException
from airflow_clickmeeting.exceptions import AuthenticationError, ClickMeetingError, WrongArgumentError
from airflow_clickmeeting.operators.conferences import (
    ClickMeetingCreateConferenceOperator,
    ClickMeetingDeleteConferenceOperator,
    ClickMeetingGetConferenceOperator,
    ClickMeetingListConferencesOperator,
    ClickMeetingUpdateConferenceOperator,
)
from airflow_clickmeeting.operators.files import ClickMeetingDownloadFileOperator, ClickMeetingUploadFileOperator
from airflow_clickmeeting.operators.invitations import ClickMeetingSendInvitationOperator
from airflow_clickmeeting.operators.links import ClickMeetingGenerateAutologinUrlOperator
from airflow_clickmeeting.operators.recordings import ClickMeetingListRecordingsOperator
from airflow_clickmeeting.operators.registrations import ClickMeetingRegisterParticipantOperator
from airflow_clickmeeting.operators.tokens import (
    ClickMeetingDeactivateTokensOperator,
    ClickMeetingGenerateTokensOperator,
    ClickMeetingListTokensOperator,
)
from airflow_clickmeeting.sandbox.handle import Sandbox


class TestConnection:
    @pytest.mark.parametrize("status", [401, 403])
    def test_a_wrong_key_is_told_by_its_connection(self, run, sandbox, connect, status):
        connect(sandbox, "other_account", password="us0123456789abcdef")
        sandbox.fault("list_conferences", "status", status=status)
        with pytest.raises(AuthenticationError) as error:
            run(ClickMeetingListConferencesOperator, clickmeeting_conn_id="other_account")
        assert "'other_account'" in str(error.value)
        assert "us0123456789abcdef" not in str(error.value)

    def test_the_sandbox_itself_refuses_a_wrong_key(self, run, sandbox, connect):
        connect(sandbox, "other_account", password="us0123456789abcdef")
        with pytest.raises(AuthenticationError):
            run(ClickMeetingListConferencesOperator, clickmeeting_conn_id="other_account")
        assert sandbox.count() == 1

    @needs_airflow("3.1.1", "it asks for the supervisor of a task even outside of one")
    def test_no_connection_is_airflows_error_and_how_to_make_one(self, run):
        with pytest.raises(AirflowNotFoundException) as error:
            run(ClickMeetingListConferencesOperator, clickmeeting_conn_id="nowhere")
        assert "nowhere" in str(error.value)
        assert "airflow connections add nowhere --conn-type clickmeeting --conn-password API_KEY" in str(error.value)

    def test_no_connection_is_looked_for_before_the_task_runs(self):
        operator = ClickMeetingListConferencesOperator(task_id="rooms", clickmeeting_conn_id="nowhere")
        assert operator.clickmeeting_conn_id == "nowhere"


class TestInADag:
    @pytest.fixture
    def seen(self):
        """What the DAG's last task got to see."""
        return []

    @pytest.fixture
    def look(self, seen):
        @task
        def look(*values):
            # what mapped tasks return comes piece by piece
            seen.extend(value if isinstance(value, dict) else list(value) for value in values)

        return look

    @pytest.fixture
    def errors(self):
        """What a `telling` operator raised."""
        return []

    @pytest.fixture
    def telling(self, errors):
        def telling(operator):
            def execute(self, context):
                try:
                    return operator.execute(self, context)
                except Exception as error:
                    errors.append(error)
                    raise

            return type(operator.__name__, (operator,), {"execute": execute})

        return telling

    @pytest.mark.parametrize("native", [False, True])
    def test_templates_render_ids_to_texts_and_xcom_brings_numbers(self, run_dag, sandbox, native, look, seen):
        with DAG("templates", schedule=None, render_template_as_native_obj=native, params={"name": "Talk"}) as dag:
            create = ClickMeetingCreateConferenceOperator(
                task_id="create",
                multiple_outputs=True,
                name="{{ params.name }} of the week",
                permanent_room="{{ False }}",
                starts_at="2027-03-{{ '01' }}T15:00",
                timezone="{{ 'Europe/Warsaw' }}",
                duration="PT{{ 90 }}M",
                access_type="{{ 'token' }}",
                registration={"enabled": "{{ True }}"},
                settings={"recorder_autostart_enabled": "{{ 1 == 1 }}"},
            )
            pulled = "{{ ti.xcom_pull(task_ids='create')['id'] }}"
            tokens = ClickMeetingGenerateTokensOperator(task_id="tokens", room_id=pulled, how_many="{{ 1 + 1 }}")
            listed = ClickMeetingListTokensOperator(task_id="listed", room_id=create.output["id"])
            update = ClickMeetingUpdateConferenceOperator(task_id="update", room_id=pulled, lobby_enabled="{{ 0 }}")
            create >> tokens >> listed >> update >> look(create.output, tokens.output, listed.output)
        assert run_dag(dag).state == "success"

        room, made, listed = seen
        (entry,) = sandbox.log("create_conference")
        assert entry["form"].pop("custom_room_url_name").startswith("talk-of-the-week-")
        assert entry["form"] == {
            "name": "Talk of the week",
            "room_type": "webinar",
            "permanent_room": "0",
            "access_type": "3",
            "starts_at": "2027-03-01 15:00:00",
            "timezone": "Europe/Warsaw",
            "duration": "1:30",
            "registration": {"enabled": "1"},
            "settings": {"recorder_autostart_enabled": "1"},
        }
        assert made == listed
        assert len(made) == 2
        assert sandbox.log("update_conference")[0]["path"].endswith(f"/conferences/{room['id']}")
        assert sandbox.log("update_conference")[0]["form"] == {"lobby_enabled": "0"}

    def test_a_room_for_each_of_a_list_and_each_gone_again(self, run_dag, sandbox, look, seen):
        with DAG("mapped", schedule=None) as dag:
            create = ClickMeetingCreateConferenceOperator.partial(task_id="create", permanent_room=True).expand(
                name=["Monday", "Tuesday", "Wednesday"]
            )

            @task
            def ids(rooms):
                return [room["id"] for room in rooms]

            delete = ClickMeetingDeleteConferenceOperator.partial(task_id="delete").expand(room_id=ids(create.output))
            look(create.output, delete.output)
        assert run_dag(dag).state == "success"

        assert [room["name"] for room in seen[0]] == ["Monday", "Tuesday", "Wednesday"]
        assert [each["deleted"] for each in seen[1]] == [True, True, True]
        assert sandbox.state["rooms"] == []

    def test_a_mapped_task_registers_each_person(self, run_dag, sandbox, room_id, room_in):
        people = [
            {"First Name": name.title(), "Last Name": "Example", "Email Address": f"{name}@example.com"}
            for name in ("ada", "bob")
        ]
        with DAG("register", schedule=None) as dag:
            ClickMeetingRegisterParticipantOperator.partial(task_id="register", room_id=str(room_id)).expand_kwargs(
                [{"registration": person, "confirmation_email": person["First Name"] == "Bob"} for person in people]
            )
        assert run_dag(dag).state == "success"
        assert sorted(room_in(room_id)["registrations"]) == ["ada@example.com", "bob@example.com"]
        assert [mail["recipient"] for mail in sandbox.outbox] == ["bob@example.com"]

    def test_several_accounts_by_mapping_over_their_connections(self, run_dag, sandbox, connect, look, seen):
        sandbox.add_room(name="First account's")
        with Sandbox(api_key="another") as another:
            another.add_room(name="Second account's")
            connect(another, "second")
            with DAG("accounts", schedule=None) as dag:
                rooms = ClickMeetingListConferencesOperator.partial(task_id="rooms").expand(
                    clickmeeting_conn_id=["clickmeeting_default", "second"]
                )
                look(rooms.output)
            assert run_dag(dag).state == "success"
        assert [[room["name"] for room in account] for account in seen[0]] == [
            ["First account's"],
            ["Second account's"],
        ]

    def test_a_path_of_object_storage_goes_through_a_dag(self, run_dag, sandbox, tmp_path, look, seen):
        source = tmp_path / "slides.pdf"
        source.write_bytes(b"%PDF")
        with DAG("paths", schedule=None) as dag:
            upload = ClickMeetingUploadFileOperator(
                task_id="upload", multiple_outputs=True, path=ObjectStoragePath(f"file://{source}")
            )
            download = ClickMeetingDownloadFileOperator(
                task_id="download", file_id=upload.output["id"], path=f"{tmp_path}/{{{{ dag.dag_id }}}}/"
            )
            look(download.output)
        assert run_dag(dag).state == "success"
        assert [(file["path"], file["size"]) for file in seen] == [(f"{tmp_path}/paths/slides.pdf", 4)]
        assert (tmp_path / "paths" / "slides.pdf").read_bytes() == b"%PDF"

    @pytest.mark.parametrize(
        ("native", "rendered"), [(False, "'None'"), (True, "None")], ids=["to a text", "to an object"]
    )
    def test_an_id_that_rendered_to_nothing_fails_the_task_before_anything_is_sent(
        self, run_dag, sandbox, native, rendered, telling, errors
    ):
        with DAG("nothing", schedule=None, render_template_as_native_obj=native) as dag:
            telling(ClickMeetingDeleteConferenceOperator)(
                task_id="delete",
                room_id="{{ ti.xcom_pull(task_ids='nowhere') }}",
            )
        assert run_dag(dag).state == "failed"
        assert [(type(error), str(error).partition("; ")[2]) for error in errors] == [
            (WrongArgumentError, f"got {rendered}. Correct this, then clear this task.")
        ]
        assert sandbox.count() == 0

    @pytest.mark.parametrize(("skip", "made"), [(1, 1000), (2, 2000)])
    def test_tokens_made_before_a_later_call_failed_are_not_lost(
        self, run_dag, sandbox, room_in, token_room_id, skip, made, seen, telling, errors
    ):
        sandbox.fault("generate_tokens", "status", status=500, skip=skip)
        with DAG("tokens", schedule=None) as dag:
            generate = telling(ClickMeetingGenerateTokensOperator)(
                task_id="generate",
                room_id=token_room_id,
                how_many=2500,
            )

            @task(trigger_rule="all_done")
            def rescue(ti=None):
                seen.extend(ti.xcom_pull(task_ids="generate", key="tokens_made"))

            generate >> rescue()
        run_dag(dag)
        (error,) = errors
        assert f"{made} of 2500 tokens were generated before, and are in the XCom 'tokens_made'" in str(error)
        assert [token["token"] for token in seen] == [token["token"] for token in room_in(token_room_id)["tokens"]]
        assert len(seen) == made


class TestSecrets:
    def test_tokens_and_links_are_masked_in_later_logs(self, run, token_room_id):
        (made,) = run(ClickMeetingGenerateTokensOperator, room_id=token_room_id)
        link = run(
            ClickMeetingGenerateAutologinUrlOperator,
            room_id=token_room_id,
            email_address="ada@example.com",
            nickname="Ada",
            token=made["token"],
        )
        login = link.partition("?l=")[2]
        assert redact(f"Token {made['token']}, link {link}, hash {login}") == "Token ***, link ***, hash ***"

    def test_secrets_of_a_room_that_the_author_wants_are_masked_too(self, run, room_id):
        room = run(ClickMeetingGetConferenceOperator, room_id=room_id, include_secrets=True)
        assert redact(f"PIN {room['room_pin']}, host {room['autologin_hash']}") == "PIN ***, host ***"
        assert redact(f"Room {room_id}") == f"Room {room_id}"

    def test_links_to_recordings_are_masked(self, run, finished):
        (recording,) = run(ClickMeetingListRecordingsOperator, room_id=finished.room_id, include_secrets=True)
        assert redact(recording["recording_url"]) == "***"

    def test_a_crowd_of_tokens_would_take_airflow_minutes_so_the_log_warns(self, told_by, token_room_id):
        _, told = told_by(ClickMeetingGenerateTokensOperator, room_id=token_room_id, how_many=101)
        assert "The result has 101 secrets, more than the 100 that Airflow masks in time" in told

    def test_the_log_tells_what_was_done_where_and_how_much(self, told_by, token_room_id):
        _, told = told_by(ClickMeetingGenerateTokensOperator, room_id=token_room_id, how_many=3)
        assert f"generate_tokens (POST conferences/{token_room_id}/tokens): 3 found" in told

    def test_the_log_counts_people_and_names_nobody(self, told_by, room_id):
        _, told = told_by(ClickMeetingSendInvitationOperator, room_id=room_id, attendees=["ada@example.com"])
        assert f"Invited 1 people to room {room_id}" in told
        assert "ada" not in told.lower()

    def test_the_log_does_not_tell_the_tokens_that_are_taken_back(self, told_by, token_room_id):
        _, told = told_by(ClickMeetingDeactivateTokensOperator, room_id=token_room_id, tokens=["ABC234"])
        assert "deactivate_tokens" in told
        assert "ABC234" not in told

    def test_a_failure_tells_the_operation_and_the_connection(self, run, sandbox, room_id):
        sandbox.fault("get_conference", "status", status=500)
        with pytest.raises(ClickMeetingError, match=r"^get_conference\b.*'clickmeeting_default'"):
            run(ClickMeetingGetConferenceOperator, room_id=room_id)
