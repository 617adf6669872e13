"""The manners that all operators, sensors and transfers share (docs/architecture.md), whoever wrote them."""

from __future__ import annotations

import inspect
import os
import pkgutil
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk import BaseOperator, BaseSensorOperator

from airflow_clickmeeting.api import calls
from airflow_clickmeeting.api.types import SECRET_KEYS, secrets_in
from airflow_clickmeeting.operators.conferences import ClickMeetingGetConferenceOperator
from airflow_clickmeeting.operators.files import ClickMeetingUploadFileOperator
from airflow_clickmeeting.operators.sessions import ClickMeetingGenerateSessionReportOperator
from airflow_clickmeeting.operators.tokens import ClickMeetingGenerateTokensOperator

ROOT = "airflow_clickmeeting"
ADA = {"First Name": "Ada", "Last Name": "Lovelace", "Email Address": "ada@example.com"}

# decided when the DAG is written, not computed in it
KNOBS = {
    "include_secrets",
    "allow_local_state",
    "poll_interval",
    "timeout",
    "deferrable",
    "settle",
    "max_consecutive_failures",
    "condition",
    "ignore_downstream_trigger_rules",
    "mode",
}

# the index of the API's facts (reference 13), with `generate_session_pdf` under the name it has here
# fmt: off
OPERATIONS = [
    "ping", "list_conferences", "get_conference", "create_conference", "update_conference", "delete_conference",
    "list_skins", "generate_tokens", "list_tokens", "get_token_by_email", "deactivate_tokens", "list_sessions",
    "get_session", "list_session_attendees", "list_session_registrations", "generate_session_report",
    "list_registrations", "register_participant", "generate_autologin_url", "send_invitation", "create_contact",
    "list_recordings", "list_all_recordings", "delete_recording", "delete_all_recordings", "list_files",
    "list_conference_files", "get_file", "upload_file", "download_file", "delete_file", "list_chats", "download_chat",
    "list_phone_gateways", "list_timezones", "list_timezones_by_country",
]
# fmt: on


def classes() -> Iterator[type[BaseOperator]]:
    """Yield what this package derives from Airflow's operators: for DAGs, and the bases of those."""
    for folder in ("operators", "sensors", "transfers"):
        package = import_module(f"{ROOT}.{folder}")
        for found in pkgutil.iter_modules(package.__path__):
            module = import_module(f"{package.__name__}.{found.name}")
            for each in vars(module).values():
                if isinstance(each, type) and issubclass(each, BaseOperator) and each.__module__ == module.__name__:
                    yield each


ALL = list(classes())
BASES = {"ClickMeetingOperator", "ClickMeetingSensor"}
FOR_DAGS = [each for each in ALL if each.__name__.startswith("ClickMeeting") and each.__name__ not in BASES]

every_class = pytest.mark.parametrize("operator", ALL, ids=lambda each: each.__name__)
every_operator = pytest.mark.parametrize("operator", FOR_DAGS, ids=lambda each: each.__name__)


def own_parameters(operator: type) -> list[inspect.Parameter]:
    """Return what the constructor of this very class takes."""
    if "__init__" not in vars(operator):
        return []
    _, *parameters = inspect.signature(vars(operator)["__init__"]).parameters.values()
    return [each for each in parameters if each.kind is not each.VAR_KEYWORD]


def parameters(operator: type) -> dict[str, inspect.Parameter]:
    """Return what the constructor takes, but for what all of Airflow's operators take."""
    ours = [each for each in operator.__mro__ if each.__module__.startswith(f"{ROOT}.")]
    return {each.name: each for base in ours for each in own_parameters(base)}


def documented(operator: type) -> list[str]:
    return re.findall(r"^\s*:param (\w+):", operator.__doc__ or "", re.MULTILINE)


@every_class
def test_arguments_have_names(operator):
    assert {each.kind for each in own_parameters(operator)} <= {inspect.Parameter.KEYWORD_ONLY}


@every_class
def test_every_argument_is_documented_where_it_is_taken(operator):
    assert {each.name for each in own_parameters(operator)} <= set(documented(operator))


@every_class
def test_nothing_is_documented_that_is_not_taken(operator):
    names = documented(operator)
    assert set(names) <= parameters(operator).keys()
    assert len(names) == len(set(names))


@every_operator
def test_every_argument_that_a_dag_could_compute_is_a_template_field(operator):
    assert set(operator.template_fields) == parameters(operator).keys() - KNOBS
    assert len(operator.template_fields) == len(set(operator.template_fields))


@every_operator
def test_the_constructor_assigns_and_nothing_else(operator):
    given = {name: object() for name in parameters(operator)}
    if issubclass(operator, BaseSensorOperator):  # whose own constructor checks this one
        given |= {"timeout": 60.0} if "timeout" in given else {}
    made = operator(task_id="task", **given)
    assert {name: vars(made)[name] for name in given} == given


@every_operator
def test_what_is_not_needed_has_a_default(operator):
    needed = {name: "{{ later }}" for name, each in parameters(operator).items() if each.default is each.empty}
    made = operator(task_id="task", **needed)
    assert made.clickmeeting_conn_id == "clickmeeting_default"


@every_operator
def test_an_operator_says_what_it_does_and_a_sensor_what_it_waits_for(operator):
    assert "__doc__" in vars(operator)
    assert inspect.getdoc(operator).startswith("Wait ") is issubclass(operator, BaseSensorOperator)


@every_operator
def test_a_name_in_a_dag_tells_the_provider_and_the_kind(operator):
    assert operator.__name__.endswith("Sensor" if issubclass(operator, BaseSensorOperator) else "Operator")


@pytest.mark.parametrize("operation", [*OPERATIONS, "check_availability"])
def test_every_operation_of_the_api_has_its_operator(operation):
    name = f"ClickMeeting{operation.title().replace('_', '')}Operator"
    assert name in {each.__name__ for each in FOR_DAGS}
    assert hasattr(calls, operation)


def test_there_are_no_operations_besides():
    offered = {name for name, build in inspect.getmembers(calls, inspect.isfunction) if hasattr(build, "__wrapped__")}
    assert offered == {*OPERATIONS, "check_availability"}


@dataclass
class Account:
    """An account in which there is some of everything, and where an operator may write."""

    room_id: int
    session_id: int
    recording_id: int
    token_room_id: int
    token: str
    file_id: int
    slides: str
    folder: str
    conn_id: str
    now: Any

    @property
    def room(self) -> dict[str, Any]:
        return {"room_id": self.room_id}

    @property
    def session(self) -> dict[str, Any]:
        return {"room_id": self.room_id, "session_id": self.session_id}

    @property
    def file(self) -> dict[str, Any]:
        return {"file_id": self.file_id}

    @property
    def tokens(self) -> dict[str, Any]:
        return {"room_id": self.token_room_id}


# how each is used in a DAG: a new operator needs a line here
EXAMPLES: dict[str, Callable[[Account], dict[str, Any]]] = {
    "ArchiveRecordings": lambda account: {**account.room, "folder": account.folder},
    "AttendanceReport": lambda account: {**account.session, "path": account.folder},
    "Call": lambda account: {"path": f"conferences/{account.room_id}"},
    "CheckAvailability": lambda account: {"start_time": account.now + timedelta(days=9), "hours": 1},
    "CheckDrift": lambda account: {**account.room, "name": "Talk"},
    "ConferenceStatus": lambda account: account.room,
    "CreateConference": lambda account: {"name": "Talk", "access_type": "password", "password": "mellon"},
    "CreateContact": lambda account: {
        "email_address": "ada@example.com",
        "firstname": "Ada",
        "lastname": "Lovelace",
    },
    "BulkCreateContacts": lambda account: {"people": [ADA], "ledger": account.folder},
    "DeactivateTokens": lambda account: {**account.tokens, "tokens": [account.token]},
    "DeleteAllRecordings": lambda account: {**account.room, "force": True},
    "DeleteConference": lambda account: {**account.room, "force": True},
    "DeleteFile": lambda account: account.file,
    "DeleteRecording": lambda account: {**account.room, "recording_id": account.recording_id, "force": True},
    "DownloadChat": lambda account: {"session_id": account.session_id, "path": account.folder},
    "DownloadFile": lambda account: {**account.file, "path": f"{account.folder}copy.pdf"},
    "ExportAttendance": lambda account: {**account.session, "path": f"{account.folder}attendance.csv"},
    "ExportAttendees": lambda account: {**account.session, "path": f"{account.folder}attendees.csv"},
    "ExportConferences": lambda account: {**account.room, "path": f"{account.folder}conferences.csv"},
    "ExportPerson": lambda account: {
        "email_address": "ada@example.com",
        **account.room,
        "path": f"{account.folder}person.json",
    },
    "ExportPollAnswers": lambda account: {**account.session, "path": f"{account.folder}answers.csv"},
    "ExportRecordings": lambda account: {**account.room, "path": f"{account.folder}recordings.csv"},
    "ExportRegistrations": lambda account: {**account.room, "path": f"{account.folder}registrations.jsonl"},
    "ExportSessions": lambda account: {**account.room, "path": f"{account.folder}sessions.csv"},
    "FileConverted": lambda account: account.file,
    "GenerateAutologinUrl": lambda account: {
        **account.tokens,
        "email_address": "ada@example.com",
        "nickname": "Ada",
        "token": account.token,
    },
    "GenerateSessionReport": lambda account: {**account.session, "path": account.folder, "poll_interval": 0.01},
    "GenerateTokens": lambda account: {**account.tokens, "how_many": 2},
    "GetConference": lambda account: account.room,
    "GetFile": lambda account: account.file,
    "GetSession": lambda account: account.session,
    "GetTokenByEmail": lambda account: {**account.tokens, "email_address": "ada@example.com"},
    "ExportJoinLinks": lambda account: {
        **account.room,
        "people": [ADA],
        "path": account.folder,
        "link_type": "registration",
    },
    "ListAllRecordings": lambda account: {},
    "ListChats": lambda account: {},
    "ListConferenceFiles": lambda account: account.room,
    "ListConferences": lambda account: {"status": "all"},
    "ListFiles": lambda account: {},
    "ListPhoneGateways": lambda account: {},
    "ListRecordings": lambda account: account.room,
    "ListRegistrations": lambda account: account.room,
    "ListRoomsWithSessions": lambda account: {"batch_size": 50},
    "ListSessionAttendees": lambda account: account.session,
    "ListSessionRegistrations": lambda account: account.session,
    "ListSessions": lambda account: account.room,
    "ListSkins": lambda account: {},
    "ListTimezones": lambda account: {},
    "ListTimezonesByCountry": lambda account: {"country": "PL"},
    "ListTokens": lambda account: account.tokens,
    "Ping": lambda account: {},
    "PurgeConferences": lambda account: {"older_than": timedelta(0), "status": "all", "force": True},
    "RecordingReady": lambda account: {**account.room, "since": account.now - timedelta(days=7), "poke_interval": 0.01},
    "RegisterParticipant": lambda account: {**account.room, "registration": ADA},
    "BulkRegisterParticipants": lambda account: {**account.room, "people": [ADA], "ledger": account.folder},
    "SendInvitation": lambda account: {**account.room, "attendees": ["ada@example.com"]},
    "BulkSendInvitations": lambda account: {**account.room, "people": [ADA], "ledger": f"{account.folder}sent.jsonl"},
    "Registrations": lambda account: account.room,
    "SessionEnded": lambda account: {**account.room, "since": account.now - timedelta(days=7), "poke_interval": 0.01},
    "SessionReport": lambda account: {**account.session, "poke_interval": 0.01},
    "SessionStarted": lambda account: {**account.room, "since": account.now - timedelta(days=7)},
    "StartsSoon": lambda account: {**account.room, "before": timedelta(hours=1)},
    "ToSql": lambda account: {
        **account.session,
        "dataset": "attendees",
        "sql_conn_id": account.conn_id,
        "table": "attendees",
    },
    "UpdateConference": lambda account: {**account.room, "name": "Longer talk"},
    "UploadFile": lambda account: {**account.room, "path": account.slides},
}

# whose results hold secrets if the author wants them
# fmt: off
WITH_SECRETS = [
    "Call", "CreateConference", "GetConference", "GetFile", "GetSession", "ListAllRecordings", "ListConferenceFiles",
    "ListConferences", "ListFiles", "ListRecordings", "ListRegistrations", "ListSessionRegistrations",
    "RegisterParticipant", "UpdateConference", "UploadFile",
]
# fmt: on

# whose results are secrets by purpose
LETTING_IN = {"GenerateAutologinUrl", "GenerateTokens", "GetTokenByEmail", "ListTokens", "SessionReport"}


def short_name(operator: type) -> str:
    return operator.__name__.removeprefix("ClickMeeting").removesuffix("Operator").removesuffix("Sensor")


@pytest.fixture
def account(run, sandbox, finished, room_id, token_room_id, register, connect, tmp_path) -> Account:
    (tmp_path / "slides.pdf").write_bytes(b"%PDF")
    uploaded = run(ClickMeetingUploadFileOperator, path=f"{tmp_path}/slides.pdf", room_id=finished.room_id)
    (token,) = run(ClickMeetingGenerateTokensOperator, room_id=token_room_id)
    register(token_room_id)
    run(ClickMeetingGenerateSessionReportOperator, **finished.session, path=f"{tmp_path}/out/", poll_interval=0.01)
    sandbox.advance(timedelta(minutes=1))  # until the file is converted
    return Account(
        *finished,
        token_room_id=token_room_id,
        token=token["token"],
        file_id=uploaded["id"],
        slides=f"{tmp_path}/slides.pdf",
        folder=f"{tmp_path}/out/",
        conn_id=connect(None, "warehouse", conn_type="sqlite", host=f"{tmp_path}/warehouse.db", password=None),
        now=sandbox.now,
    )


def keys_in(data: Any) -> set[str]:
    if isinstance(data, dict):
        return set(data).union(*map(keys_in, data.values()))
    return set().union(*map(keys_in, data)) if isinstance(data, list) else set()


def test_the_table_of_examples_is_complete():
    assert sorted(EXAMPLES) == sorted(map(short_name, FOR_DAGS))


@every_operator
def test_a_result_is_json_without_secrets(run, account, operator):
    result = run(operator, **EXAMPLES[short_name(operator)](account))
    assert result not in (None, [], {})
    assert not keys_in(result) & SECRET_KEYS or short_name(operator) in LETTING_IN


@pytest.mark.parametrize(
    "operator", [each for each in FOR_DAGS if not issubclass(each, BaseSensorOperator)], ids=short_name
)
def test_secrets_come_to_who_asks_for_them(run, account, operator):
    result = run(operator, include_secrets=True, **EXAMPLES[short_name(operator)](account))
    assert bool(keys_in(result) & SECRET_KEYS) is (short_name(operator) in WITH_SECRETS)


@every_operator
def test_the_log_tells_of_the_work_but_names_nobody_and_no_secret(told_by, account, operator):
    wanted = {"include_secrets": True} if "include_secrets" in parameters(operator) else {}
    result, told = told_by(operator, **wanted, **EXAMPLES[short_name(operator)](account))
    assert told
    assert "@" not in told
    secrets = (
        {account.token, str(result)} | secrets_in(result) if short_name(operator) in LETTING_IN else secrets_in(result)
    )
    assert not [secret for secret in secrets if secret in told]


# whose files name people
# fmt: off
OF_PEOPLE = [
    "AttendanceReport", "BulkCreateContacts", "BulkRegisterParticipants", "BulkSendInvitations", "DownloadChat",
    "ExportAttendance", "ExportAttendees", "ExportConferences", "ExportJoinLinks", "ExportPerson",
    "ExportPollAnswers", "ExportRecordings", "ExportRegistrations", "ExportSessions", "GenerateSessionReport",
    "ListConferences",
]
# fmt: on
# what those need besides their example to write a file
TO_FILE: dict[str, Callable[[Account], dict[str, Any]]] = {"ListConferences": lambda account: {"path": account.folder}}


def test_the_files_that_name_people_have_permissions():
    assert sorted(short_name(each) for each in FOR_DAGS if "file_mode" in parameters(each)) == OF_PEOPLE


@pytest.mark.parametrize("operator", [each for each in FOR_DAGS if short_name(each) in OF_PEOPLE], ids=short_name)
@pytest.mark.parametrize(("given", "digits"), [({}, {"600"}), ({"file_mode": "640"}, {"640"})], ids=["default", "640"])
def test_only_the_owner_reads_a_file_that_names_people_unless_the_author_says_so(run, account, operator, given, digits):
    before = os.umask(0)
    shutil.rmtree(account.folder)
    more = TO_FILE.get(short_name(operator), lambda _: {})(account) | given
    run(operator, **EXAMPLES[short_name(operator)](account), **more)
    os.umask(before)
    files = [path for path in Path(account.folder).iterdir() if path.is_file()]
    assert {f"{path.stat().st_mode & 0o777:o}" for path in files} == digits


@pytest.mark.parametrize("operator", [each for each in FOR_DAGS if short_name(each) in OF_PEOPLE], ids=short_name)
def test_wrong_permissions_are_refused_before_anything_is_sent(run, sandbox, account, operator):
    sandbox.forget_requests()
    with pytest.raises(ValueError, match="file_mode must be permissions in octal digits"):
        run(operator, **EXAMPLES[short_name(operator)](account), file_mode="rw")
    assert sandbox.count() == 0


@every_operator
def test_no_link_of_a_task_holds_a_secret_even_if_the_result_does(run, sandbox, connect, account, operator):
    """Whoever may see a task sees its links, so they must not let anybody in."""
    made = operator(task_id="task", **EXAMPLES[short_name(operator)](account))
    made.include_secrets = True
    result = made.execute({})
    # as if all that the task has seen were in the room's address
    room = ClickMeetingGetConferenceOperator(task_id="room", include_secrets=True, **account.tokens).execute({})
    secrets = {account.token, *secrets_in(room), *secrets_in(result)} | ({result} if isinstance(result, str) else set())
    for secret in secrets:
        for url in (f"{room['room_url']}?l={secret}", f"{room['room_url']}/{secret}", f"{room['room_url']}#{secret}"):
            made.hook.last_room = getattr(made, "room_id", 1), url
            links = [link.get_link(made, ti_key=None) for link in made.operator_extra_links]
            assert not [link for link in links if secret in link or "?" in link or "#" in link]
