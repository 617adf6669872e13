"""What lets somebody in stays out of messages, logs and XCom."""

from __future__ import annotations

import json
import logging
import pickle
from datetime import UTC, datetime

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from airflow_clickmeeting.api import calls
from airflow_clickmeeting.api.call import Call
from airflow_clickmeeting.api.http import Answer, decode
from airflow_clickmeeting.api.redact import MASK, mask, mask_record, without_addresses
from airflow_clickmeeting.api.types import secrets_in, without_secrets

NOW = datetime(2027, 3, 1, tzinfo=UTC)
KEY = "eu0123456789abcdef0123456789abcdef01234567"
# control characters are escaped, so they and their escapes are a matter of another test
TEXT = st.text(alphabet=st.characters(exclude_characters="*", exclude_categories=("C", "Z"), codec="utf-8"))

ROOM = {
    "id": 7,
    "name": "Talk",
    "room_pin": 900000101,
    "password": "sesame",
    "room_url": "https://acme.clickmeeting.example/talk",
    "access_role_hashes": {"listener": "aaaa1", "host": "bbbb2"},
    "autologin_hashes": {"host": "cccc3"},
    "autologin_hash": "cccc3",
    "phone_presenter_pin": 900000201,
    "phone_listener_pin": 900000301,
    "embed_room_url": "https://embed.clickmeeting.example/?r=dddd4",
    "recorder_list": ["https://rec.clickmeeting.example/1.mp4?st=eeee5"],
    "settings": {"thank_you_page_url": ""},
}


@pytest.mark.parametrize(
    ("text", "scrubbed"),
    [
        (f"key {KEY} refused", "key *** refused"),
        ("key 0123456789abcdef0123456789abcdef refused", "key *** refused"),
        ("https://acme.example/talk?l=aB__", "https://acme.example/talk?l=***"),
        ("https://acme.example/9?x=1&r=aB__ here", "https://acme.example/9?x=1&r=*** here"),
        ("https://rec.example/1.mp4?st=SIG-1&e=1756545900", "https://rec.example/1.mp4?st=***&e=***"),
        ("https://rec.example/1.mp4?st=SIG-1&amp;e=1756545900", "https://rec.example/1.mp4?st=***&amp;e=***"),
        ("ping?api_key=abc&page=1", "ping?api_key=***&page=1"),
        ('{"password": "sesame"}', '{"password": "***"}'),
        (r'{"password": "ses\"ame"}', '{"password": "***"}'),
        ('{"token":"HCKFWT", "id": 5}', '{"token":"***", "id": 5}'),
        ('{"room_pin": 900000101}', '{"room_pin": "***"}'),
        ('{"phone_listener_pin":"900000301"}', '{"phone_listener_pin":"***"}'),
        (r'{"recording_url": "https:\/\/rec.example\/1.mp4?st=SIG"}', '{"recording_url": "***"}'),
        ('{"url": "https://acme.example/9', '{"url": "***"'),
        ("proxy http://me:secret@proxy.example:3128", "proxy http://***@proxy.example:3128"),
        ("PASSWORD=sesame&x=1", "PASSWORD=***&x=1"),
        ("room_password=sesame", "room_password=***"),
        ('{"Password": "sesame", "API_KEY": "x"}', '{"Password": "***", "API_KEY": "***"}'),
        ("{'password': 'sesame', 'id': 5}", "{'password': \"***\", 'id': 5}"),
        ('["HCKFWT", "AB12CD"]', '["***"]'),
        ('{"access_tokens": ["HCKFWT"', '{"access_tokens": ["***"'),
        ("one\ntwo\x1b[31m\u202e", r"one\ntwo\x1b[31m\u202e"),
        ("nothing to hide: conferences/7?page=2", "nothing to hide: conferences/7?page=2"),
        ("ada@example.com", "ada@example.com"),
    ],
)
def test_what_lets_somebody_in_is_masked(text, scrubbed):
    assert mask(text) == scrubbed


@given(TEXT, TEXT.filter(bool), TEXT)
def test_a_given_secret_never_survives(before, secret, after):
    assert secret not in mask(f"{before}{secret}{after}", [secret])


@given(st.text(), st.from_regex(r"(eu|us)?[0-9a-f]{35,40}", fullmatch=True), st.text())
def test_what_looks_like_a_key_never_survives(before, key, after):
    assert key not in mask(f"{before} {key} {after}")


@given(st.text(), st.text(alphabet="abcXYZ019_-.~%", min_size=4), st.sampled_from(["l", "r", "st", "e", "token"]))
def test_what_a_personal_or_signed_link_carries_never_survives(text, secret, name):
    assume(secret not in text)
    scrubbed = mask(f"{text} https://acme.example/9?a=1&{name}={secret}&b=2")
    assert f"{name}={secret}" not in scrubbed
    assert f"{name}={MASK}&b=2" in scrubbed


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("E-mail address ada@example.com is not valid.", "E-mail address *** is not valid."),
        ('attendees: <Ada@Example.com>, "eve+1@example.com"', 'attendees: <***>, "***"'),
        ("E-mail ada.l+x@example.com is taken.", "E-mail *** is taken."),
        ("<ada@example.com>, 'eve@example.com'", "<***>, '***'"),
        ("email:ada@example.com;ada@localhost", "email:***;***"),
        ("Meet @ noon", "Meet @ noon"),
    ],
)
def test_addresses_of_people_are_masked(text, masked):
    assert without_addresses(text) == masked


def test_a_long_word_is_searched_once():
    word = "x" * 1_000_000  # if each of its letters began a search, they would take hours
    assert without_addresses(f"{word} ada@example.com") == f"{word} ***"


def test_an_empty_secret_masks_nothing():
    assert mask("text", ["", "x"]) == "te***t"


@given(st.integers(0, 400), st.sampled_from([200, 401, 500]))
def test_a_key_that_an_answer_echoes_is_not_quoted_not_even_in_half(offset, status):
    answer = Answer(status, {}, b"." * offset + b" the-very-key " + b"." * 300)
    found = decode(Call("GET", "x"), answer, NOW, secrets=["the-very-key"])
    assert "the-v" not in found.message


@pytest.mark.parametrize("status", [200, 422])
def test_no_part_of_an_error_holds_a_secret(status):
    body = {"code": 422, "name": "VALIDATION_ERRORS", "errors": [{"name": "password", "message": f"Bad: {KEY}"}]}
    found = decode(Call("GET", "x"), Answer(status, {}, json.dumps(body).encode()), NOW, secrets=[KEY])
    assert found.fields == {"password": ("Bad: ***",)}
    assert KEY.encode() not in pickle.dumps(found)
    assert KEY not in repr(found)


def test_an_answer_of_another_shape_is_quoted_without_its_secrets():
    found = decode(calls.list_files(), Answer(200, {}, json.dumps(ROOM).encode()), NOW)
    for secret in secrets_in(ROOM):
        assert secret not in found.message
    assert "Talk" in found.message


def test_a_room_without_its_secrets_keeps_the_rest():
    assert without_secrets(ROOM) == {
        "id": 7,
        "name": "Talk",
        "room_url": "https://acme.clickmeeting.example/talk",
        "settings": {"thank_you_page_url": ""},
    }


def test_secrets_are_found_at_any_depth():
    data = [{"rooms": [ROOM]}, {"token": "HCKFWT"}, {"polls": [{"url": "ffff6"}]}, "text", None]
    assert secrets_in(data) == {
        "HCKFWT",
        "900000101",
        "900000201",
        "900000301",
        "aaaa1",
        "bbbb2",
        "cccc3",
        "ffff6",
        "https://embed.clickmeeting.example/?r=dddd4",
        "https://rec.clickmeeting.example/1.mp4?st=eeee5",
        "sesame",
    }
    assert without_secrets(data) == [
        {"rooms": [without_secrets(ROOM)]},
        {"token": "HCKFWT"},
        {"polls": [{}]},
        "text",
        None,
    ]


def test_an_empty_secret_is_none():
    assert secrets_in({"password": "", "recorder_list": [], "url": None, "room_pin": 0}) == set()


JSON = st.recursive(
    st.integers(10**5) | st.text(min_size=5),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["id", "url", "password", "room", "r"]), inner),
)


@given(JSON)
def test_what_is_left_without_secrets_has_none(data):
    assert secrets_in(without_secrets(data)) == set()


@given(JSON)
def test_taking_secrets_out_leaves_the_original_alone(data):
    before = json.dumps(data)
    without_secrets(data)
    assert json.dumps(data) == before


def test_a_call_shows_neither_its_form_nor_its_query():
    call = calls.create_conference(name="Talk", access_type="password", password="sesame")
    assert "sesame" not in repr(call)
    assert "token=HCKFWT" not in repr(Call("GET", "x", query={"token": "HCKFWT"}))
    assert "HCKFWT" not in repr(calls.deactivate_tokens(7, tokens=["HCKFWT"]))
    assert "create_conference" in repr(call)


def test_a_log_record_of_an_http_library_loses_its_secrets():
    record = logging.LogRecord("urllib3", logging.DEBUG, "", 1, "%s %d", ("GET /1.mp4?st=SIG&e=1", 200), None)
    assert mask_record(record)
    assert record.getMessage() == "GET /1.mp4?st=***&e=*** 200"
