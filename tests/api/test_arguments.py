"""Wrong arguments are refused before anything is sent, by a message that names the parameter and its value."""

from __future__ import annotations

import json
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_clickmeeting.api import calls, validate

NAIVE = datetime.fromisoformat("2027-03-01T15:00")
ROOM_URL = "https://acme.clickmeeting.example/webinar"
NO_ID = "the positive number of something that exists on ClickMeeting"


def create(**changes):
    return calls.create_conference(**{"name": "Talk"} | changes)


def update(**changes):
    return calls.update_conference(7, **changes)


def register(**changes):
    return calls.register_participant(7, **{"registration": {1: "Ada", 2: "Lovelace", 3: "ada@example.com"}} | changes)


def register_as(fields):
    return register(registration={1: "Ada", 2: "Lovelace", 3: "ada@example.com"} | fields)


def invite(**changes):
    return calls.send_invitation(7, **{"attendees": ["ada@example.com"]} | changes)


def log_in(**changes):
    known = {"room_url": ROOM_URL, "email": "ada@example.com", "nickname": "Ada"}
    return calls.generate_autologin_url(7, **known | changes)


def contact(**changes):
    return calls.create_contact(**{"email": "ada@example.com", "firstname": "Ada", "lastname": "Lovelace"} | changes)


def available(**changes):
    return calls.check_availability(**{"start_time": datetime(2027, 3, 1, tzinfo=UTC), "hours": 1} | changes)


@pytest.mark.parametrize("nothing", [None, "", "None", 0, "0", "abc", True, -1, 1.5, "7x", "²", "٣"])
@pytest.mark.parametrize(
    ("parameter", "ask"),
    [
        ("room_id", calls.get_conference),
        ("room_id", calls.delete_conference),
        ("room_id", lambda value: calls.list_session_attendees(value, 8)),
        ("session_id", lambda value: calls.get_session(7, value)),
        ("session_id", calls.download_chat),
        ("recording_id", lambda value: calls.delete_recording(7, value)),
        ("file_id", calls.get_file),
        ("room_id", calls.list_conference_files),
    ],
)
def test_an_id_that_a_template_rendered_to_nothing_is_refused(parameter, ask, nothing):
    with pytest.raises(ValueError) as refusal:
        ask(nothing)
    assert str(refusal.value) == f"{parameter} must be {NO_ID}; got {nothing!r}."


@pytest.mark.parametrize("rendered", [7, "7", " 7 "])
def test_an_id_may_be_a_number_or_its_rendered_text(rendered):
    assert calls.get_conference(rendered).path == "conferences/7"


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda: create(name=" "), "name must be a text that is not blank; got ' '."),
        (lambda: create(name=None), "name must be a text that is not blank; got None."),
        (lambda: create(name="None"), "name must be a text that is not blank; got 'None'."),
        (lambda: update(name=""), "name must be a text that is not blank; got ''."),
        (lambda: create(room_type="party"), "room_type must be one of 'meeting', 'webinar'; got 'party'."),
        (lambda: update(room_type="party"), "room_type must be one of 'meeting', 'webinar'; got 'party'."),
        (
            lambda: create(access_type="vip"),
            "access_type must be 'open' (1), 'password' (2) or 'token' (3); got 'vip'.",
        ),
        (lambda: create(access_type=4), "access_type must be 'open' (1), 'password' (2) or 'token' (3); got 4."),
        (lambda: update(access_type=""), "access_type must be 'open' (1), 'password' (2) or 'token' (3); got ''."),
        (lambda: create(access_type="password"), "password is missing: access_type 'password' needs one"),
        (lambda: create(access_type=2, password=""), "password is missing: access_type 'password' needs one"),
        (
            lambda: create(password=23e4),
            "password must be a text that is not blank; got a value of type float, which is not shown.",
        ),
        (
            lambda: create(password="None"),
            "password must be a text that is not blank; got a value of type str, which is not shown.",
        ),
        (lambda: create(permanent_room="maybe"), "permanent_room must be true or false; got 'maybe'."),
        (lambda: create(lobby_enabled=2), "lobby_enabled must be true or false; got 2."),
        (
            lambda: create(permanent_room=True, starts_at=NAIVE),
            "starts_at must be left out when permanent_room is true",
        ),
        (
            lambda: create(starts_at=NAIVE),
            "starts_at must be a time with its zone, or come with the parameter timezone",
        ),
        (
            lambda: create(starts_at=NAIVE, timezone=""),
            "timezone must be an IANA time zone such as 'Europe/Warsaw'; got ''.",
        ),
        (lambda: create(starts_at="2027-03-01", timezone="UTC"), "starts_at must be a datetime or an ISO 8601 text"),
        (
            lambda: create(starts_at="2027-13-01T15:00", timezone="UTC"),
            "starts_at must be a datetime or an ISO 8601 text",
        ),
        (lambda: create(starts_at=5, timezone="UTC"), "starts_at must be a datetime or an ISO 8601 text"),
        (lambda: create(starts_at=NAIVE, timezone="Mars/Base"), "timezone must be an IANA time zone such as"),
        (lambda: create(timezone=""), "timezone must be an IANA time zone such as 'Europe/Warsaw'; got ''."),
        (lambda: create(timezone="../etc/passwd"), "timezone must be an IANA time zone such as"),
        (lambda: create(timezone=1), "timezone must be an IANA time zone such as 'Europe/Warsaw'; got 1."),
        (
            lambda: create(timezone="Europe"),
            "timezone must be an IANA time zone such as 'Europe/Warsaw'; got 'Europe'.",
        ),
        (lambda: create(duration=0), "which has no unit. Write timedelta(minutes=0) or 'PT0M'."),
        (lambda: create(duration="1"), "got '1', which has no unit. Write timedelta(minutes=1) or 'PT1M'."),
        (lambda: create(duration="1.5"), "duration must be a timedelta, 'H:MM' or ISO 8601 text such as 'PT30M'"),
        (
            lambda: create(duration="0:00"),
            "duration must be a length of time in whole minutes, and more than zero; got '0:00'.",
        ),
        (
            lambda: create(duration=-30),
            "duration must be a timedelta, 'H:MM' or ISO 8601 text such as 'PT30M', zero or more; got -30.",
        ),
        (
            lambda: create(duration=True),
            "duration must be a timedelta, 'H:MM' or ISO 8601 text such as 'PT30M', zero or more; got True.",
        ),
        (
            lambda: create(duration="1:75"),
            "duration must be a timedelta, 'H:MM' or ISO 8601 text such as 'PT30M', zero or more; got '1:75'.",
        ),
        (
            lambda: create(duration="²"),
            "duration must be a timedelta, 'H:MM' or ISO 8601 text such as 'PT30M', zero or more; got '²'.",
        ),
        (
            lambda: create(duration=timedelta(seconds=90)),
            "duration must be a length of time in whole minutes, and more",
        ),
        (
            lambda: create(duration=timedelta(minutes=-5)),
            "duration must be a timedelta, 'H:MM' or ISO 8601 text such as 'PT30M', zero or more; got datetime",
        ),
        (lambda: create(skin_id="blue"), f"skin_id must be {NO_ID}; got 'blue'."),
        (lambda: create(registration=True), "registration must be a dict; got True."),
        (
            lambda: create(registration={"template": 4}),
            "registration['template'] must be a whole number from 1 to 3; got 4.",
        ),
        (lambda: create(settings="on"), "settings must be a dict; got 'on'."),
        (lambda: update(), "Nothing to update: give at least one of the room's parameters."),
        (lambda: update(status="closed"), "status must be one of 'active', 'inactive'; got 'closed'."),
        (lambda: calls.list_conferences("all"), "status must be one of 'active', 'inactive'; got 'all'."),
        (lambda: calls.list_conferences(page=0), "page must be a whole number from 1 on; got 0."),
        (lambda: calls.list_registrations(7, "some"), "status must be one of 'all', 'active'; got 'some'."),
        (lambda: calls.list_timezones_by_country("Poland"), "country must be a two-letter country code such as 'PL'"),
        (lambda: calls.generate_tokens(7, how_many=0), "how_many must be a whole number from 1 to 1000; got 0."),
        (lambda: calls.generate_tokens(7, how_many=1001), "how_many must be a whole number from 1 to 1000; got 1001."),
        (
            lambda: calls.generate_tokens(7, how_many="many"),
            "how_many must be a whole number from 1 to 1000; got 'many'.",
        ),
        (lambda: calls.get_token_by_email(7, email="ada"), "email must be an e-mail address; got 'ada'."),
        (lambda: calls.get_token_by_email(7, email=None), "email must be an e-mail address; got None."),
        (lambda: available(start_time=NAIVE), "start_time must be a time with its zone or UTC offset; got"),
        (lambda: available(hours=0), "hours must be a whole number of hours; got 0."),
        (lambda: available(hours="1:30"), "hours must be a whole number of hours; got '1:30'."),
        (
            lambda: register(registration=None),
            "registration[1] (First Name) must be a text that is not blank; got None.",
        ),
        (lambda: register(registration="Ada"), "registration must be a dict; got 'Ada'."),
        (lambda: register_as({1: ""}), "registration[1] (First Name) must be a text that is not blank; got ''."),
        (lambda: register_as({2: " "}), "registration[2] (Last Name) must be a text that is not blank; got ' '."),
        (lambda: register_as({3: "ada"}), "registration[3] (Email Address) must be an e-mail address; got 'ada'."),
        (
            lambda: register(lang="english"),
            "lang must be a two-letter language code such as 'en' or 'pl'; got 'english'.",
        ),
        (lambda: register(confirmation_email="soon"), "confirmation_email must be true or false; got 'soon'."),
        (
            lambda: register(confirmation_email={"enabled": "soon"}),
            "confirmation_email must be true or false; got 'soon'.",
        ),
        (
            lambda: register(confirmation_email={"enabled": True, "language": "pl"}),
            "confirmation_email must have only the keys 'enabled' and 'lang'; got ['language'].",
        ),
        (
            lambda: register(confirmation_email={"lang": "en"}, lang="pl"),
            "lang must be left out where confirmation_email has a 'lang'.",
        ),
        (
            lambda: create(encryption_enabled=True, settings={"encryption_enabled": "0"}),
            "encryption_enabled is True, but settings['encryption_enabled'] is '0'. Give one of them.",
        ),
        (lambda: invite(attendees=[]), "attendees must be a list with at least one of the e-mail addresses or dicts"),
        (
            lambda: invite(attendees=None),
            "attendees must be a list of e-mail addresses or dicts with 'email'; got None.",
        ),
        (
            lambda: invite(attendees={"email": "ada@example.com"}),
            "attendees must be a list of e-mail addresses or dicts",
        ),
        (lambda: invite(attendees="['ada@example.com']"), "render_template_as_native_obj"),
        (lambda: invite(attendees=["ada"]), "attendees[0]['email'] must be an e-mail address; got 'ada'."),
        (
            lambda: invite(attendees=["ada@example.com", {}]),
            "attendees[1]['email'] must be an e-mail address; got None.",
        ),
        (lambda: invite(attendees=[None]), "attendees[0]['email'] must be an e-mail address; got None."),
        (lambda: invite(attendees=[5]), "attendees[0] must be a dict; got 5."),
        (lambda: invite(role="host"), "role must be one of 'listener', 'presenter'; got 'host'."),
        (
            lambda: invite(attendees=[{"email": "ada@example.com", "role": "host"}]),
            "attendees[0]['role'] must be one of 'listener', 'presenter'; got 'host'.",
        ),
        (lambda: invite(template="fancy"), "template must be one of 'basic', 'advanced'; got 'fancy'."),
        (lambda: invite(lang=None), "lang must be a two-letter language code such as 'en' or 'pl'; got None."),
        (
            lambda: log_in(role="guest"),
            "role must be one of 'listener', 'presenter', 'host', 'moderator', 'guest_speaker'",
        ),
        (lambda: log_in(nickname=""), "nickname must be a text that is not blank; got ''."),
        (lambda: log_in(email="ada@"), "email must be an e-mail address; got 'ada@'."),
        (
            lambda: log_in(room_url=None),
            "room_url must be a URL that begins with http:// or https://; the value is not shown.",
        ),
        (
            lambda: log_in(room_url="webinar"),
            "room_url must be a URL that begins with http:// or https://; the value is not shown.",
        ),
        (lambda: calls.generate_session_report(7, 8, lang="de_DE"), "lang must be a two-letter language code"),
        (lambda: contact(email="ada example.com"), "email must be an e-mail address; got 'ada example.com'."),
        (lambda: contact(firstname=None), "firstname must be a text that is not blank; got None."),
        (lambda: contact(lastname=""), "lastname must be a text that is not blank; got ''."),
        (lambda: contact(country="Poland"), "country must be a two-letter country code such as 'PL'; got 'Poland'."),
    ],
)
def test_a_wrong_argument_is_refused_with_its_name_and_value(ask, message):
    with pytest.raises(ValueError) as refusal:
        ask()
    assert message in str(refusal.value)


@pytest.mark.parametrize("tokens", [[], (), None, "HCKFWT", {"HCKFWT"}, {"token": "HCKFWT"}])
def test_no_tokens_are_never_sent_for_that_might_mean_all(tokens):
    with pytest.raises(ValueError, match=r"^tokens must be a list with at least one token"):
        calls.deactivate_tokens(7, tokens=tokens)


@pytest.mark.parametrize("token", ["", "  ", None, 5, {"sent_to_email": "ada@example.com"}])
def test_a_blank_token_is_refused_without_showing_the_others(token):
    with pytest.raises(ValueError, match=r"^tokens must be a list of access tokens") as refusal:
        calls.deactivate_tokens(7, tokens=["HCKFWT", token])
    assert "HCKFWT" not in str(refusal.value)


@pytest.mark.parametrize(
    ("word", "number"),
    [("open", 1), ("PASSWORD", 2), (" token ", 3), (1, 1), ("2", 2), (3, 3)],
)
def test_an_access_type_is_a_word_or_its_number(word, number):
    assert validate.access_type(word) == number


@pytest.mark.parametrize(
    ("value", "read"),
    [
        (True, True),
        (False, False),
        (None, None),
        (1, True),
        (0, False),
        ("True", True),
        ("off", False),
        (" YES ", True),
    ],
)
def test_a_flag_is_a_boolean_or_what_a_template_made_of_it(value, read):
    assert validate.flag("lobby_enabled", value) is read


def test_flags_of_a_dict_become_booleans_and_all_else_stays():
    given_ones = {"a": "true", "b": "OFF", "c": "1", "d": 0, "e": "https://example.com", 1: None}
    assert validate.flags("settings", given_ones) == {
        "a": True,
        "b": False,
        "c": "1",
        "d": 0,
        "e": "https://example.com",
        "1": None,
    }


@pytest.mark.parametrize(
    "address", ["ada@example.com", " ada@example.com\n", "a.b+c@mail.example.com", "ж@пример.example"]
)
def test_an_email_address_goes_out_without_the_blanks_around_it(address):
    assert validate.email("email", address) == address.strip()


@pytest.mark.parametrize(
    "address",
    ["", "ada", "@example.com", "ada@", "ada@example", "a b@example.com", "a@b@example.com", "a@example..com"],
)
def test_what_is_no_email_address_is_refused(address):
    with pytest.raises(ValueError, match=r"^email must be an e-mail address"):
        validate.email("email", address)


@given(st.text())
def test_an_email_address_that_passes_has_one_at_sign_and_no_blanks(text):
    try:
        address = validate.email("email", text)
    except ValueError:
        return
    assert address.count("@") == 1
    assert not set(address) & set(" \t\n\r")


@given(st.integers(min_value=1, max_value=10**12))
def test_a_whole_number_and_its_text_are_the_same(number):
    assert validate.whole_number("page", number) == validate.whole_number("page", str(number)) == number


@given(st.text() | st.integers() | st.floats() | st.booleans() | st.none())
def test_what_is_no_plain_positive_number_is_no_id(value):
    text = str(value).strip()
    is_one = not isinstance(value, bool) and text.isascii() and text.isdigit() and int(text) > 0
    with nullcontext() if is_one else pytest.raises(ValueError, match=r"^room_id must be"):
        assert validate.identifier("room_id", value) == int(text)


def test_a_whole_number_may_begin_with_zero():
    assert validate.whole_number("max_failures", "0", least=0) == 0
    with pytest.raises(ValueError, match=r"^max_failures must be a whole number from 0 on; got -1\.$"):
        validate.whole_number("max_failures", -1, least=0)


@pytest.mark.parametrize(("value", "most"), [(0, 0.0), ("0.25", 0.25), (1, 1.0), ("30", 30.0), (" 1e-3 ", 0.001)])
def test_how_much_may_fail(value, most):
    assert validate.max_failures("max_failures", value) == most


@pytest.mark.parametrize("value", [-0.1, 1.1, "5%", "nan", "inf", "", None, True])
def test_what_does_not_say_how_much_may_fail(value):
    with pytest.raises(ValueError) as refusal:
        validate.max_failures("max_failures", value)
    expected = "a whole number, or a share below 1 such as 0.05"
    assert str(refusal.value) == f"max_failures must be {expected}; got {value!r}."


@pytest.mark.parametrize(("value", "decided"), [(True, True), ("off", False), (1, True)])
def test_where_nothing_must_not_stand_for_either_something_decides(value, decided):
    assert validate.decided("force", value) is decided


@pytest.mark.parametrize("value", [None, "None", ""])
def test_nothing_decides_nothing(value):
    with pytest.raises(ValueError, match="force must be true or false; got "):
        validate.decided("force", value)


def test_of_a_long_value_an_error_shows_the_beginning():
    with pytest.raises(ValueError) as refusal:
        validate.flag("force", "x" * 1000)
    assert str(refusal.value) == f"force must be true or false; got '{'x' * 199}...."


@pytest.mark.parametrize(
    ("room_id", "session_id", "scope"),
    [
        ("all", "all", (None, None)),
        (7, " ALL ", ((7,), None)),
        (["9", 7, "7"], "all", ((7, 9), None)),
        ("7", "8", ((7,), 8)),
        ([7, "7"], 8, ((7,), 8)),
    ],
)
def test_rooms_are_one_or_many_or_all_and_a_session_is_one_of_the_only_room(room_id, session_id, scope):
    assert validate.rooms_and_session(room_id, session_id) == scope


@pytest.mark.parametrize("room_id", ["all", [7, 8]])
def test_a_session_of_more_than_one_room_is_refused(room_id):
    with pytest.raises(ValueError, match=r"^room_id must be the session's room where session_id is given; got "):
        validate.rooms_and_session(room_id, 8)


@pytest.mark.parametrize("room_id", [None, "None", ""])
def test_rooms_that_a_template_rendered_to_nothing_are_not_all_rooms(room_id):
    with pytest.raises(ValueError) as refusal:
        validate.rooms_and_session(room_id)
    expected = "a room's id, a list of ids, or 'all' for the whole account"
    assert str(refusal.value) == f"room_id must be {expected}; got {room_id!r}."


def test_a_session_that_is_none_is_not_all_sessions():
    with pytest.raises(ValueError, match=r"^session_id must be a session's id, or 'all' for all sessions of the room"):
        validate.rooms_and_session(7, None)


ROOM_BY_MISTAKE = {"id": 7, "phone_presenter_pin": 900000201, "room_url": "https://acme.example.com/7?l=secret"}


@pytest.mark.parametrize(
    ("value", "named"),
    [
        (ROOM_BY_MISTAKE, "got a dict; pass its id."),
        ({"name": "x"}, "got a dict."),
        (str(ROOM_BY_MISTAKE), "got text that begins with '{'."),
        ("[7, 8]", "got text that begins with '['."),
        ([ROOM_BY_MISTAKE], "got a list."),
        (b"x", "got a bytes."),
        ("ask ada@example.com", "got 'ask ***'."),
        ("x?token=secret", "got 'x?token=***'."),
        ("x" * 1000, f"got '{'x' * 199}...."),
        (True, "got True."),
    ],
)
def test_an_error_shows_no_secret_that_was_passed_by_mistake(value, named):
    with pytest.raises(ValueError) as refusal:
        validate.identifier("room_id", value)
    assert str(refusal.value).endswith(named)
    assert "secret" not in str(refusal.value)


@pytest.mark.parametrize("value", [None, "", " ", "None", " None "])
def test_what_a_template_rendered_to_nothing_is_left_out(value):
    assert validate.is_left_out(value)
    assert not validate.is_left_out(0)
    assert not validate.is_left_out(False)
    assert not validate.is_left_out("none of it")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("ada@example.com", "bob@example.com"),
        ("ada@example.com", "ada@mail.example.com"),
        ("gross@example.com", "groß@example.com"),
        ("ada@strasse.example.com", "ada@straße.example.com"),
        ("ada@xn--bcher-kva.example.com", "ada@bucher.example.com"),
        ("ada@xn--\u00fc.example.com", "ada@ü.example.com"),
    ],
)
def test_other_addresses_stay_others(one, other):
    assert validate.email_key(one) != validate.email_key(other)


@given(st.emails() | st.text())
def test_the_spelling_that_all_spellings_share_is_one_of_them(address):
    key = validate.email_key(address)
    assert validate.email_key(f" {address}\n") == key
    assert validate.email_key(address.lower()) == key


class RejectedError(ValueError):
    pass


def test_a_wrong_argument_becomes_an_error_of_another_class():
    with pytest.raises(RejectedError, match=r"^lang must be") as error, validate.argument_errors(RejectedError):
        validate.language("english")
    assert error.value.__cause__ is None
    assert error.traceback[-1].name == "bad_argument"


@pytest.mark.parametrize(
    "error", [UnicodeDecodeError("utf-8", b"x", 0, 1, "x"), json.JSONDecodeError("x", "x", 0), KeyError("x")]
)
def test_any_other_error_stays_what_it_is(error):
    @validate.argument_errors(RejectedError)
    def read():
        raise error

    with pytest.raises(type(error)) as found:
        read()
    assert found.value is error


def test_where_all_is_well_there_is_a_result():
    assert validate.argument_errors(RejectedError)(lambda: 7)() == 7


@pytest.mark.parametrize(
    ("given", "mode"), [("600", 0o600), ("0640", 0o640), ("0o644", 0o644), (0o600, 0o600), (" 400 ", 0o400), (0, 0)]
)
def test_permissions_are_octal_digits_or_a_number(given, mode):
    assert validate.permissions("file_mode", given) == mode


@pytest.mark.parametrize("wrong", [600, "rw", True, "4755", -1, None, "", "0x1ff", "8"])
def test_other_permissions_are_refused(wrong):
    with pytest.raises(ValueError, match=r"^file_mode must be permissions in octal digits, such as '600' or 0o600; "):
        validate.permissions("file_mode", wrong)


@pytest.mark.parametrize("path", ["conferences/../../admin", "https://example.com/v1/ping", "//example.com", r"a\..\b"])
def test_a_path_that_leads_out_of_the_api_is_refused(path):
    assert validate.api_path("path", " conferences/7 ") == "conferences/7"
    with pytest.raises(ValueError, match=r"without '..' or a host"):
        validate.api_path("path", path)
