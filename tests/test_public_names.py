"""Names that users' DAGs and Airflow's database hold: a change here is a decision, not an accident.

Airflow stores the class paths of triggers, conditions and watchers, and the names and addresses of assets. A path that
moves leaves waiting tasks and watchers without their class, so it needs a compatible path for the old one.
"""

from __future__ import annotations

import inspect
import pkgutil
from importlib import import_module

import pytest

from airflow_clickmeeting import exceptions, extra_links
from airflow_clickmeeting.get_provider_info import get_provider_info
from airflow_clickmeeting.hooks.clickmeeting import ClickMeetingAsyncHook, ClickMeetingHook
from airflow_clickmeeting.triggers.condition import WaitTrigger
from airflow_clickmeeting.triggers.events import WATCHERS, clickmeeting_asset
from airflow_clickmeeting.triggers.registrations import registrations_of
from airflow_clickmeeting.waiting import conditions
from airflow_clickmeeting.waiting.conditions import Condition

PUBLIC = [
    "operators.account.ClickMeetingCallOperator",
    "operators.account.ClickMeetingListPhoneGatewaysOperator",
    "operators.account.ClickMeetingListSkinsOperator",
    "operators.account.ClickMeetingListTimezonesByCountryOperator",
    "operators.account.ClickMeetingListTimezonesOperator",
    "operators.account.ClickMeetingPingOperator",
    "operators.chats.ClickMeetingDownloadChatOperator",
    "operators.chats.ClickMeetingListChatsOperator",
    "operators.conferences.ClickMeetingCheckAvailabilityOperator",
    "operators.conferences.ClickMeetingCheckDriftOperator",
    "operators.conferences.ClickMeetingCreateConferenceOperator",
    "operators.conferences.ClickMeetingDeleteConferenceOperator",
    "operators.conferences.ClickMeetingGetConferenceOperator",
    "operators.conferences.ClickMeetingListConferencesOperator",
    "operators.conferences.ClickMeetingPurgeConferencesOperator",
    "operators.conferences.ClickMeetingUpdateConferenceOperator",
    "operators.contacts.ClickMeetingBulkCreateContactsOperator",
    "operators.contacts.ClickMeetingCreateContactOperator",
    "operators.files.ClickMeetingDeleteFileOperator",
    "operators.files.ClickMeetingDownloadFileOperator",
    "operators.files.ClickMeetingGetFileOperator",
    "operators.files.ClickMeetingListConferenceFilesOperator",
    "operators.files.ClickMeetingListFilesOperator",
    "operators.files.ClickMeetingUploadFileOperator",
    "operators.invitations.ClickMeetingBulkSendInvitationsOperator",
    "operators.invitations.ClickMeetingSendInvitationOperator",
    "operators.links.ClickMeetingExportJoinLinksOperator",
    "operators.links.ClickMeetingGenerateAutologinUrlOperator",
    "operators.recordings.ClickMeetingArchiveRecordingsOperator",
    "operators.recordings.ClickMeetingDeleteAllRecordingsOperator",
    "operators.recordings.ClickMeetingDeleteRecordingOperator",
    "operators.recordings.ClickMeetingListAllRecordingsOperator",
    "operators.recordings.ClickMeetingListRecordingsOperator",
    "operators.registrations.ClickMeetingBulkRegisterParticipantsOperator",
    "operators.registrations.ClickMeetingListRegistrationsOperator",
    "operators.registrations.ClickMeetingListSessionRegistrationsOperator",
    "operators.registrations.ClickMeetingRegisterParticipantOperator",
    "operators.sessions.ClickMeetingAttendanceReportOperator",
    "operators.sessions.ClickMeetingGenerateSessionReportOperator",
    "operators.sessions.ClickMeetingGetSessionOperator",
    "operators.sessions.ClickMeetingListRoomsWithSessionsOperator",
    "operators.sessions.ClickMeetingListSessionAttendeesOperator",
    "operators.sessions.ClickMeetingListSessionsOperator",
    "operators.tokens.ClickMeetingDeactivateTokensOperator",
    "operators.tokens.ClickMeetingGenerateTokensOperator",
    "operators.tokens.ClickMeetingGetTokenByEmailOperator",
    "operators.tokens.ClickMeetingListTokensOperator",
    "sensors.clickmeeting.ClickMeetingConferenceStatusSensor",
    "sensors.clickmeeting.ClickMeetingFileConvertedSensor",
    "sensors.clickmeeting.ClickMeetingRecordingReadySensor",
    "sensors.clickmeeting.ClickMeetingRegistrationsSensor",
    "sensors.clickmeeting.ClickMeetingSensor",
    "sensors.clickmeeting.ClickMeetingSessionEndedSensor",
    "sensors.clickmeeting.ClickMeetingSessionReportSensor",
    "sensors.clickmeeting.ClickMeetingSessionStartedSensor",
    "sensors.clickmeeting.ClickMeetingStartsSoonSensor",
    "transfers.exports.ClickMeetingExportAttendanceOperator",
    "transfers.exports.ClickMeetingExportAttendeesOperator",
    "transfers.exports.ClickMeetingExportConferencesOperator",
    "transfers.exports.ClickMeetingExportPollAnswersOperator",
    "transfers.exports.ClickMeetingExportRecordingsOperator",
    "transfers.exports.ClickMeetingExportRegistrationsOperator",
    "transfers.exports.ClickMeetingExportSessionsOperator",
    "transfers.person.ClickMeetingExportPersonOperator",
    "transfers.sql.ClickMeetingToSqlOperator",
]

CONDITIONS = [
    "ConferenceStatus",
    "FileConverted",
    "RecordingReady",
    "Registrations",
    "SessionEnded",
    "SessionReport",
    "SessionStarted",
    "StartsSoon",
]

EXCEPTIONS = [
    "AuthenticationError",
    "ClickMeetingError",
    "ConnectionFailedError",
    "DeletionRefusedError",
    "ForbiddenError",
    "NotFoundError",
    "RateLimitedError",
    "RoomExistsError",
    "ServerError",
    "UnexpectedAnswerError",
    "ValidationError",
    "WrongArgumentError",
]


def defined(module: object) -> list[str]:
    """Return the public classes that a module defines itself."""
    classes = [(name, value) for name, value in vars(module).items() if inspect.isclass(value)]
    return sorted(name for name, value in classes if value.__module__ == module.__name__ and not name.startswith("_"))


def test_the_classes_that_dags_import():
    found = []
    for folder in ("operators", "sensors", "transfers"):
        package = import_module(f"airflow_clickmeeting.{folder}")
        for each in pkgutil.iter_modules(package.__path__):
            if each.name not in ("base", "bulk"):
                names = defined(import_module(f"{package.__name__}.{each.name}"))
                found += [f"{folder}.{each.name}.{name}" for name in names if name.startswith("ClickMeeting")]
    assert sorted(found) == sorted(PUBLIC)


def test_the_exceptions():
    assert defined(exceptions) == sorted(EXCEPTIONS)


@pytest.mark.parametrize("hook", [ClickMeetingHook, ClickMeetingAsyncHook])
def test_the_hooks(hook):
    assert hook.__module__ == "airflow_clickmeeting.hooks.clickmeeting"


def test_the_links_that_airflow_stores():
    links = [getattr(extra_links, name)() for name in extra_links.__all__]
    assert extra_links.__name__ == "airflow_clickmeeting.extra_links"
    assert {type(link).__name__: (link.name, link.xcom_key) for link in links} == {
        "AccountPanelLink": ("Account panel", "_link_AccountPanelLink"),
        "FileLink": ("File", "_link_FileLink"),
        "RoomLink": ("Room", "_link_RoomLink"),
    }
    assert sorted(get_provider_info()["extra-links"]) == [
        *(f"{extra_links.__name__}.{name}" for name in extra_links.__all__),
        "airflow_clickmeeting.ui.link.SessionStatisticsLink",
        "airflow_clickmeeting.ui.link.WebinarsLink",
    ]


def test_the_trigger_that_airflow_stores():
    assert f"{WaitTrigger.__module__}.{WaitTrigger.__qualname__}" == (
        "airflow_clickmeeting.triggers.condition.WaitTrigger"
    )
    assert [*inspect.signature(WaitTrigger).parameters] == [
        "condition",
        "clickmeeting_conn_id",
        "poll_policy",
        "fingerprint",
        "failures",
        "polls",
        "failed",
    ]
    # Airflow keeps the arguments of waiting triggers over an update, so a new one has a default
    assert [each.name for each in inspect.signature(WaitTrigger).parameters.values() if each.default is each.empty] == [
        "condition",
        "clickmeeting_conn_id",
        "poll_policy",
    ]


def test_the_conditions_that_airflow_stores():
    found = [name for name in defined(conditions) if issubclass(getattr(conditions, name), Condition)]
    assert found == sorted(["Condition", *CONDITIONS])
    assert conditions.__name__ == "airflow_clickmeeting.waiting.conditions"


def test_the_watchers_that_airflow_stores():
    assert {event: f"{watcher.__module__}.{watcher.__qualname__}" for event, watcher in WATCHERS.items()} == {
        "conference_created": "airflow_clickmeeting.triggers.events.ClickMeetingConferenceCreatedTrigger",
        "registration": "airflow_clickmeeting.triggers.events.ClickMeetingRegistrationTrigger",
        "session_started": "airflow_clickmeeting.triggers.events.ClickMeetingSessionStartedTrigger",
        "session_ended": "airflow_clickmeeting.triggers.events.ClickMeetingSessionEndedTrigger",
        "attendee_joined": "airflow_clickmeeting.triggers.events.ClickMeetingAttendeeJoinedTrigger",
        "attendee_left": "airflow_clickmeeting.triggers.events.ClickMeetingAttendeeLeftTrigger",
        "recording_ready": "airflow_clickmeeting.triggers.events.ClickMeetingRecordingReadyTrigger",
        "starts_soon": "airflow_clickmeeting.triggers.events.ClickMeetingStartsSoonTrigger",
    }


def test_the_function_that_reads_the_registrations_of_events():
    assert f"{registrations_of.__module__}.{registrations_of.__qualname__}" == (
        "airflow_clickmeeting.triggers.registrations.registrations_of"
    )


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        ({}, "clickmeeting_default/session_ended"),
        ({"room_id": 7}, "clickmeeting_default/session_ended/7"),
        ({"room_name": "Weekly*"}, "clickmeeting_default/session_ended/Weekly*"),
    ],
)
def test_the_assets_that_airflow_stores(arguments, name):
    asset = clickmeeting_asset("session_ended", **arguments)
    assert asset.name == name
    assert asset.uri == f"clickmeeting://{name.replace('*', '%2A')}"


def test_the_asset_with_a_name_of_its_own_that_airflow_stores():
    asset = clickmeeting_asset("session_ended", name="my sessions")
    assert asset.name == "my sessions"
    assert asset.uri == "clickmeeting://clickmeeting_default/session_ended?name=my+sessions"
