"""Each operation, as the request it becomes, and whether that may be sent again."""

from __future__ import annotations

import inspect
import io
from datetime import UTC, datetime, timedelta

import pytest

from airflow_clickmeeting.api import calls
from airflow_clickmeeting.api.call import Call, Upload, batches
from airflow_clickmeeting.api.http import php_pairs

SAFE, UNSAFE = True, False
SLIDES = Upload("slides.pdf", 4, lambda: io.BytesIO(b"%PDF"))
ROOM_URL = "https://acme.clickmeeting.example/webinar"

# what is called, the request it becomes, whether it may be sent again after a lost answer
OPERATIONS: list[tuple[Call, str, str, bool]] = [
    (calls.ping(), "GET ping", "", SAFE),
    (calls.list_timezones(), "GET time_zone_list", "", SAFE),
    (calls.list_timezones_by_country("PL"), "GET time_zone_list/pl", "", SAFE),
    (calls.list_phone_gateways(), "GET phone_gateways", "", SAFE),
    (calls.list_skins(), "GET conferences/skins", "", SAFE),
    (calls.list_conferences("inactive", page=2), "GET conferences/inactive?page=2", "", SAFE),
    (calls.get_conference(7), "GET conferences/7", "", SAFE),
    (
        calls.create_conference(name="Talk"),
        "POST conferences",
        "name=Talk&room_type=webinar&permanent_room=0&access_type=1",
        UNSAFE,
    ),
    (calls.update_conference(7, name="Talk"), "PUT conferences/7", "name=Talk", SAFE),
    (calls.delete_conference(7), "DELETE conferences/7", "", SAFE),
    (
        calls.check_availability(start_time=datetime(2027, 3, 1, 14, tzinfo=UTC), hours=2),
        "POST conference/availability",
        "start_time=2027-03-01 14:00:00&duration=2&id=0",
        SAFE,
    ),
    (calls.generate_tokens(7, how_many=5), "POST conferences/7/tokens", "how_many=5", UNSAFE),
    (calls.list_tokens(7), "GET conferences/7/tokens", "", SAFE),
    (calls.get_token_by_email(7, email="ada@example.com"), "POST conferences/7/token", "email=ada@example.com", UNSAFE),
    (
        calls.deactivate_tokens(7, tokens=["HCKFWT", {"token": "QX3M7P"}]),
        "DELETE conferences/7/tokens",
        "tokens[0]=HCKFWT&tokens[1]=QX3M7P",
        SAFE,
    ),
    (
        calls.generate_autologin_url(7, room_url=ROOM_URL, email="ada@example.com", nickname="Ada", token="HCKFWT"),
        "POST conferences/7/room/autologin_hash",
        "email=ada@example.com&nickname=Ada&role=listener&token=HCKFWT",
        SAFE,
    ),
    (
        calls.register_participant(
            7,
            registration={1: "Ada", "2": "Lovelace", 3: "ada@example.com", 10: "Acme"},
            confirmation_email=True,
            lang="PL",
        ),
        "POST conferences/7/registration",
        (
            "registration[1]=Ada&registration[2]=Lovelace&registration[3]=ada@example.com&registration[10]=Acme"
            "&confirmation_email[enabled]=1&confirmation_email[lang]=pl"
        ),
        UNSAFE,
    ),
    (calls.list_registrations(7), "GET conferences/7/registrations/all", "", SAFE),
    (calls.list_session_registrations(7, 8), "GET conferences/7/sessions/8/registrations", "", SAFE),
    (
        calls.send_invitation(7, attendees=["ada@example.com", {"email": "bob@example.com", "firstname": "Bob"}]),
        "POST conferences/7/invitation/email/en",
        "attendees[0][email]=ada@example.com&attendees[1][email]=bob@example.com&attendees[1][firstname]=Bob",
        UNSAFE,
    ),
    (calls.list_sessions(7), "GET conferences/7/sessions", "", SAFE),
    (calls.get_session(7, 8), "GET conferences/7/sessions/8", "", SAFE),
    (calls.list_session_attendees(7, 8), "GET conferences/7/sessions/8/attendees", "", SAFE),
    (calls.generate_session_report(7, 8, lang="pl"), "GET conferences/7/sessions/8/generate-pdf/pl", "", SAFE),
    (calls.list_recordings(7), "GET conferences/7/recordings", "", SAFE),
    (calls.list_all_recordings(), "GET conferences/recordings", "", SAFE),
    (calls.delete_recording(7, 9), "DELETE conferences/7/recordings/9", "", SAFE),
    (calls.delete_all_recordings(7), "DELETE conferences/7/recordings", "", SAFE),
    (calls.list_files(), "GET file-library", "", SAFE),
    (calls.list_conference_files(7), "GET file-library/conferences/7", "", SAFE),
    (calls.get_file(9), "GET file-library/9", "", SAFE),
    (calls.upload_file(SLIDES), "POST file-library", "", UNSAFE),
    (calls.download_file(9), "GET file-library/9/download", "", SAFE),
    (calls.delete_file(9), "DELETE file-library/9", "", SAFE),
    (calls.list_chats(), "GET chats", "", SAFE),
    (calls.download_chat(8), "GET chats/8", "", SAFE),
    (
        calls.create_contact(email="ada@example.com", firstname="Ada", lastname="Lovelace", country="gb"),
        "POST contacts",
        "email=ada@example.com&firstname=Ada&lastname=Lovelace&country=GB",
        SAFE,
    ),
]


def _joined(values: object) -> str:
    return "&".join(f"{name}={value}" for name, value in php_pairs(values))


@pytest.mark.parametrize(
    ("call", "request_line", "form", "safe"), OPERATIONS, ids=lambda each: getattr(each, "name", "")
)
def test_an_operation_becomes_this_request(call, request_line, form, safe):
    query = _joined(call.query)
    assert f"{call.method} {call.path}{'?' * bool(query)}{query}" == request_line
    assert _joined(call.form) == form
    assert call.is_repeatable is safe


def test_the_table_above_holds_every_operation_of_the_api():
    written = {name for name, each in inspect.getmembers(calls, inspect.isfunction) if hasattr(each, "__wrapped__")}
    assert [call.name for call, *_ in OPERATIONS] == list(dict.fromkeys(call.name for call, *_ in OPERATIONS))
    assert {call.name for call, *_ in OPERATIONS} == written
    assert len(OPERATIONS) == 37


def test_every_operation_says_what_it_does():
    for call, *_ in OPERATIONS:
        assert inspect.getdoc(getattr(calls, call.name)), call.name


def test_a_file_may_be_uploaded_into_a_room():
    assert calls.upload_file(SLIDES, room_id="7").path == "file-library/conferences/7"
    assert calls.upload_file(SLIDES).upload is SLIDES


def test_a_room_with_everything():
    call = calls.create_conference(
        name="Talk",
        room_type="Meeting",
        access_type="password",
        permanent_room="0",
        starts_at="2027-03-01T15:00",
        duration=timedelta(hours=1, minutes=30),
        timezone="Europe/Warsaw",
        password="sesame",
        custom_room_url_name="talk",
        lobby_enabled="true",
        lobby_description="Soon",
        skin_id="4",
        registration={"enabled": "yes", "template": "2"},
        settings={"recorder_autostart_enabled": "true", "thank_you_page_url": "https://example.com/thanks", "n": 1},
    )
    assert dict(php_pairs(call.form)) == {
        "name": "Talk",
        "room_type": "meeting",
        "permanent_room": "0",
        "access_type": "2",
        "starts_at": "2027-03-01 15:00:00",
        "timezone": "Europe/Warsaw",
        "duration": "1:30",
        "password": "sesame",
        "custom_room_url_name": "talk",
        "lobby_enabled": "1",
        "lobby_description": "Soon",
        "skin_id": "4",
        "registration[enabled]": "1",
        "registration[template]": "2",
        "settings[recorder_autostart_enabled]": "1",
        "settings[thank_you_page_url]": "https://example.com/thanks",
        "settings[n]": "1",
    }


@pytest.mark.parametrize(
    ("change", "form"),
    [
        (
            {"starts_at": "2027-03-01T15:00+01:00", "permanent_room": "no"},
            "permanent_room=0&starts_at=2027-03-01T15:00:00+01:00",
        ),
        ({"duration": "PT45M", "permanent_room": False}, "permanent_room=0&duration=0:45"),
        ({"duration": "PT45M", "permanent_room": True}, "permanent_room=1&duration=0:45"),
        ({"permanent_room": "yes"}, "permanent_room=1"),
        ({"encryption_enabled": True}, "settings[encryption_enabled]=1"),
        ({"encryption_enabled": "no", "settings": {"x": 1}}, "settings[x]=1&settings[encryption_enabled]=0"),
        ({"timezone": "Europe/Warsaw"}, "timezone=Europe/Warsaw"),
        ({"status": "inactive"}, "status=inactive"),
        ({"access_type": 3}, "access_type=3"),
        ({"room_type": "meeting"}, "room_type=meeting"),
        ({"lobby_enabled": False}, "lobby_enabled=0"),
        ({"registration": {"enabled": False}}, "registration[enabled]=0"),
        ({"settings": {"thank_you_page_url": ""}}, "settings[thank_you_page_url]="),
    ],
)
def test_an_update_sends_only_what_changes(change, form):
    assert _joined(calls.update_conference(7, **change).form) == form


@pytest.mark.parametrize("change", [{"starts_at": "2027-03-01T15:00+01:00"}, {"duration": "PT45M"}])
@pytest.mark.parametrize("more", [{}, {"permanent_room": None}, {"name": "Talk"}])
def test_an_update_never_decides_by_itself_that_a_room_is_not_permanent(change, more):
    with pytest.raises(ValueError, match=r"^permanent_room is missing: .* Give the room's own value, which get_conf"):
        calls.update_conference(7, **change, **more)


UNKNOWN = "has keys that the provider does not know, so ClickMeeting may ignore them"
KNOWN = "The known keys are 'enabled', 'template'."
KNOWN_SETTINGS = (
    "The known keys are 'connection_status_enabled', 'connection_tester_enabled', 'encryption_enabled', "
    "'phonegateway_enabled', 'recorder_autostart_enabled', 'room_invite_button_enabled', 'show_on_personal_page', "
    "'social_media_sharing_enabled', 'thank_you_emails_enabled', 'thank_you_page_url'."
)


@pytest.mark.parametrize(
    ("parameters", "warning"),
    [
        ({}, None),
        ({"registration": {"enabled": True, "template": 1}, "settings": {"thank_you_page_url": ""}}, None),
        ({"encryption_enabled": True}, None),
        (
            {"registration": {"Enabled": True, "form": 2, "template": 1}},
            f"registration {UNKNOWN}: 'Enabled', 'form'. {KNOWN}",
        ),
        (
            {"registration": {"x": 1}, "settings": {"recorder_autostart": True}},
            f"registration {UNKNOWN}: 'x'. {KNOWN} settings {UNKNOWN}: 'recorder_autostart'. {KNOWN_SETTINGS}",
        ),
    ],
)
def test_unknown_keys_are_sent_with_a_warning(parameters, warning):
    for call in (
        calls.create_conference(name="Talk", **parameters),
        calls.update_conference(7, name="Talk", **parameters),
    ):
        assert call.warning == warning
        assert [*call.form["registration"]] == [*parameters.get("registration", {})]
        assert {*parameters.get("settings", {})} <= {*call.form["settings"]}


@pytest.mark.parametrize(
    ("given", "form"),
    [
        ({}, ""),
        ({"confirmation_email": None, "lang": None}, ""),
        ({"confirmation_email": "no"}, "&confirmation_email[enabled]=0"),
        ({"confirmation_email": {"enabled": "yes"}}, "&confirmation_email[enabled]=1"),
        (
            {"confirmation_email": {"enabled": True, "lang": "PL"}},
            "&confirmation_email[enabled]=1&confirmation_email[lang]=pl",
        ),
        (
            {"confirmation_email": {"enabled": 1, "lang": None}, "lang": "pl"},
            "&confirmation_email[enabled]=1&confirmation_email[lang]=pl",
        ),
        ({"confirmation_email": {}, "lang": "pl"}, "&confirmation_email[lang]=pl"),
    ],
)
def test_a_confirmation_is_a_flag_or_a_dict(given, form):
    call = calls.register_participant(7, registration={1: "Ada", 2: "Lovelace", 3: "ada@example.com"}, **given)
    fields = "registration[1]=Ada&registration[2]=Lovelace&registration[3]=ada@example.com"
    assert _joined(call.form) == fields + form


ADA_IN_MANY_SPELLINGS = [
    "ada@bücher.example.com",
    "ADA@BÜCHER.example.com",
    " ada@bücher.example.com\u00a0",
    "ada@xn--bcher-kva.example.com",
    "Ada@XN--BCHER-KVA.Example.COM",
    "ada@bu\u0308cher.example.com",
    "ada@bücher\u3002example.com",
    "\ufeffada@bücher.example.com\u200b",
]


def test_an_address_is_in_an_invitation_once_however_it_is_spelled():
    people = [{"email": ADA_IN_MANY_SPELLINGS[0], "firstname": "Ada"}, *ADA_IN_MANY_SPELLINGS, "bob@example.com"]
    call = calls.send_invitation(7, attendees=people)
    assert call.form["attendees"] == [people[0], {"email": "bob@example.com"}]


def test_a_person_may_have_a_role_of_their_own():
    people = [{"email": "ada@example.com", "role": " Presenter"}, {"email": "bob@example.com", "role": None}]
    call = calls.send_invitation(7, attendees=people, role="listener")
    assert _joined(call.form) == (
        "attendees[0][email]=ada@example.com&attendees[0][role]=presenter&attendees[1][email]=bob@example.com"
        "&role=listener"
    )


@pytest.mark.parametrize("delete", [calls.delete_conference, calls.delete_all_recordings, calls.delete_file])
def test_a_deletion_is_repeated_blindly_only_where_gone_already_is_fine(delete):
    assert delete(7, ignore_missing=True).is_repeatable
    assert not delete(7, ignore_missing=False).is_repeatable


def test_availability_can_leave_a_room_out():
    call = calls.check_availability(start_time="2027-03-01T15:00+01:00", hours="2", room_id="7")
    assert _joined(call.form) == "start_time=2027-03-01 14:00:00&duration=2&id=7"


def test_a_call_of_ones_own_is_named_after_its_request_and_repeatable_if_it_only_reads():
    assert Call("GET", "conferences/7/anything").title == "GET conferences/7/anything"
    assert Call("GET", "x").is_repeatable
    assert not Call("POST", "x").is_repeatable
    assert Call("POST", "x", repeatable=True).is_repeatable


@pytest.mark.parametrize(
    ("total", "parts"), [(0, []), (1, [1]), (1000, [1000]), (1001, [1000, 1]), (2500, [1000, 1000, 500])]
)
def test_many_tokens_are_asked_for_in_batches(total, parts):
    assert list(batches(total, calls.MAX_TOKENS)) == parts
