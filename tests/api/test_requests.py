"""A call on its way out: the address, forms as PHP reads them, and uploads."""

from __future__ import annotations

import io
import re
from email.parser import BytesParser
from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_clickmeeting.api import calls
from airflow_clickmeeting.api.call import Call, Upload
from airflow_clickmeeting.api.http import (
    CHUNK,
    DEFAULT_URL,
    Answer,
    base_url,
    continued,
    continues,
    file_size,
    origin,
    php_pairs,
    request,
)
from airflow_clickmeeting.api.urls import autologin_url, token_url

NAMES = st.from_regex(r"[a-z_][a-z0-9_]{0,8}", fullmatch=True)
SCALARS = st.text() | st.integers() | st.booleans() | st.none()
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=4), max_leaves=12
)


def as_php_reads(body: bytes) -> dict[str, object]:
    """Nest the bracketed names of a form, as PHP does; a list is a dict with its indices there."""
    root: dict[str, object] = {}
    for name, value in parse_qsl(body.decode(), keep_blank_values=True, strict_parsing=bool(body)):
        *outer, last = [re.match(r"[^\[]*", name)[0], *re.findall(r"\[([^\]]*)\]", name)]
        place = root
        for step in outer:
            place = place.setdefault(step, {})
        place[last] = value
    return root


def as_php_keeps(value: object) -> object:
    """What is left of a value on the other side: texts, and dicts that are not empty; None where nothing is left."""
    if isinstance(value, dict | list):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        kept = {str(key): left for key, each in items if (left := as_php_keeps(each)) is not None}
        return kept or None
    return None if value is None else str(int(value) if isinstance(value, bool) else value)


@given(st.dictionaries(NAMES, VALUES, max_size=5))
def test_a_form_arrives_as_it_was_meant(form):
    sent = request(Call("POST", "conferences", form=form), DEFAULT_URL)
    assert as_php_reads(sent.body) == (as_php_keeps(form) or {})


def test_a_list_gets_explicit_indices_for_php_begins_a_new_element_at_every_empty_bracket():
    people = [{"email": "ada@example.com", "firstname": "Ada"}, {"email": "bob@example.com"}]
    assert php_pairs({"attendees": people}) == [
        ("attendees[0][email]", "ada@example.com"),
        ("attendees[0][firstname]", "Ada"),
        ("attendees[1][email]", "bob@example.com"),
    ]


def test_booleans_are_sent_as_1_and_0_and_nothing_is_left_out():
    form = {"yes": True, "no": False, "none": None, "empty": "", "nested": {"none": None}, "few": (1, None, 2.5)}
    assert php_pairs(form) == [("yes", "1"), ("no", "0"), ("empty", ""), ("few[0]", "1"), ("few[2]", "2.5")]


def test_a_form_is_sent_in_the_body_and_a_query_behind_the_path():
    sent = request(Call("PUT", "/conferences/7/", query={"page": 2}, form={"name": "A & B"}), "https://cm.example/v1")
    assert sent.method == "PUT"
    assert sent.url == "https://cm.example/v1/conferences/7?page=2"
    assert sent.body == b"name=A+%26+B"
    assert sent.headers == {"Content-Type": "application/x-www-form-urlencoded"}


def test_a_get_has_no_body_and_a_deletion_may_have_one():
    assert request(Call("GET", "ping"), DEFAULT_URL).body is None
    assert request(Call("DELETE", "x", form={"tokens": ["A"]}), DEFAULT_URL).body == b"tokens%5B0%5D=A"
    assert request(Call("DELETE", "x"), DEFAULT_URL).body == b""


def test_a_path_from_outside_cannot_leave_its_place():
    sent = request(Call("GET", "conferences/7?api_key=x#y/é"), "https://cm.example/v1")
    assert sent.url == "https://cm.example/v1/conferences/7%3Fapi_key%3Dx%23y/%C3%A9"


@given(st.binary(max_size=5000), st.text(min_size=1, alphabet=st.characters(codec="utf-8")))
def test_an_upload_is_one_part_named_uploaded_and_as_long_as_it_says(content, name):
    sent = request(
        Call("POST", "file-library", upload=Upload(name, len(content), lambda: io.BytesIO(content))), "http://cm"
    )
    body = b"".join(sent.body)
    assert len(body) == len(sent.body) == int(sent.headers["Content-Length"])
    message = BytesParser().parsebytes(f"Content-Type: {sent.headers['Content-Type']}\r\n\r\n".encode() + body)
    (part,) = message.get_payload()
    disposition = part["Content-Disposition"]
    assert str(disposition).startswith('form-data; name="uploaded"; filename="')
    assert body.count(content) >= 1
    assert body.split(b"\r\n\r\n", 1)[1].startswith(content)


@pytest.mark.parametrize(
    ("name", "sent"),
    [
        ("slides.pdf", "slides.pdf"),
        ('a"b', "a%22b"),
        ("a\r\nX-Evil: 1", "a%0D%0AX-Evil: 1"),
        ("a\\b", "a%5Cb"),
        ("ż", "ż"),
    ],
)
def test_a_file_name_cannot_break_out_of_its_header(name, sent):
    head = request(Call("POST", "x", upload=Upload(name, 0, io.BytesIO)), "http://cm").body.head
    assert f'filename="{sent}"\r\n'.encode() in head
    assert head.count(b"\r\n") == 4


def test_an_upload_is_read_in_pieces_and_anew_for_each_attempt():
    content = bytes(CHUNK) + b"rest"
    sent = request(Call("POST", "x", upload=Upload("a.bin", len(content), lambda: io.BytesIO(content))), "http://cm")
    for _ in range(2):
        head, first, rest, tail = list(sent.body)
        assert (len(first), rest) == (CHUNK, b"rest")
        assert head.startswith(b"--")
        assert tail.endswith(b"--\r\n")


@pytest.mark.parametrize(
    ("host", "port", "url"),
    [
        (None, None, "https://api.clickmeeting.com/v1"),
        ("", 443, "https://api.clickmeeting.com/v1"),
        ("  ", None, "https://api.clickmeeting.com/v1"),
        ("https://api.clickmeeting.com/v1/", 443, "https://api.clickmeeting.com/v1"),
        ("https://api.clickmeeting.com/v1", None, "https://api.clickmeeting.com/v1"),
        ("api.clickmeeting.com", None, "https://api.clickmeeting.com/v1"),
        ("api.anysecond.example", 443, "https://api.anysecond.example/v1"),
        ("api.anysecond.example/v2/", None, "https://api.anysecond.example/v2"),
        ("https://api.anysecond.example", 8443, "https://api.anysecond.example:8443/v1"),
        ("https://api.anysecond.example:9000/v1", 8443, "https://api.anysecond.example:9000/v1"),
        ("http://127.0.0.1:8080/v1/", 443, "http://127.0.0.1:8080/v1"),
        ("http://127.0.0.1", 8080, "http://127.0.0.1:8080/v1"),
        ("http://[::1]:8080/v1", 0, "http://[::1]:8080/v1"),
        ("HTTPS://API.example/v1", None, "https://API.example/v1"),
    ],
)
def test_the_api_is_where_the_connection_says(host, port, url):
    assert base_url(host, port) == url


@pytest.mark.parametrize(
    "host",
    [
        "ftp://api.example",
        "https://",
        "https:///v1",
        "https://api.example/v1?api_key=1",
        "https://api.example/v1#x",
        "https://me:secret@api.example/v1",
        "https://:secret@api.example/v1",
    ],
)
def test_what_is_no_plain_address_is_refused_without_telling_a_secret(host):
    with pytest.raises(
        ValueError, match=r"^The API URL must look like https://api.clickmeeting.com/v1/; got "
    ) as refusal:
        base_url(host)
    assert "secret" not in str(refusal.value)


@pytest.mark.parametrize("host", ["https://api.example:port/v1", "https://api.example:99999", "http://[::1"])
def test_an_address_with_a_wrong_port_is_refused(host):
    with pytest.raises(ValueError):
        base_url(host)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("https://api.example/v1", "https://API.example:443/other", True),
        ("http://api.example", "http://api.example:80/x", True),
        ("https://api.example", "http://api.example", False),
        ("https://api.example", "https://api.example:8443", False),
        ("https://api.example", "https://api.example.evil.example", False),
        ("https://api.example", "https://evil.example/@api.example", False),
        ("https://api.example", "https://api.example@evil.example", False),
        ("https://api.example", "", False),
    ],
)
def test_an_origin_is_scheme_host_and_port(one, other, same):
    assert (origin(one) == origin(other)) is same


@pytest.mark.parametrize(
    ("room_url", "link"),
    [
        ("https://acme.clickmeeting.example/talk", "https://acme.clickmeeting.example/talk?l=aB__"),
        ("https://acme.clickmeeting.example/talk?lang=pl", "https://acme.clickmeeting.example/talk?lang=pl&l=aB__"),
    ],
)
def test_the_hash_that_logs_somebody_in_goes_behind_the_rooms_address(room_url, link):
    assert autologin_url(room_url, "aB__") == link


@pytest.mark.parametrize(
    "room_url", ["https://acme.clickmeeting.example/talk", "https://acme.clickmeeting.example/talk/"]
)
def test_a_token_is_the_last_part_of_the_address_that_it_opens(room_url):
    assert token_url(room_url, "HCKFWT") == "https://acme.clickmeeting.example/talk/HCKFWT"


ETAG = {"Content-Length": "1000", "ETag": '"v1"'}
DATED = {
    "Content-Length": "1000",
    "Last-Modified": "Mon, 01 Mar 2027 11:59:00 GMT",
    "Date": "Mon, 01 Mar 2027 12:00:00 GMT",
}
REST = {"Content-Range": "bytes 300-999/1000", "Content-Length": "700"}


def without(headers: dict[str, str], name: str) -> dict[str, str]:
    return {key: value for key, value in headers.items() if key != name}


def test_a_file_is_asked_for_without_compression():
    whole = request(calls.download_file(5), DEFAULT_URL)
    for size, first in [(0, None), (0, Answer.of(200, ETAG)), (300, None)]:
        assert continued(whole, size, first).headers == {"Accept-Encoding": "identity"}


@pytest.mark.parametrize(
    ("headers", "version"),
    [
        (ETAG, '"v1"'),
        (ETAG | DATED, '"v1"'),
        (DATED, DATED["Last-Modified"]),
        (ETAG | {"Content-Encoding": "identity"}, '"v1"'),
    ],
)
def test_the_rest_of_a_file_is_asked_for_in_the_version_of_the_first_bytes(headers, version):
    asked = continued(request(calls.download_file(5), DEFAULT_URL), 300, Answer.of(200, headers))
    assert asked.headers == {"Accept-Encoding": "identity", "Range": "bytes=300-", "If-Range": version}


UNPROVED = [
    {},
    without(ETAG, "ETag"),
    without(ETAG, "Content-Length"),
    ETAG | {"ETag": 'W/"v1"'},
    DATED | {"ETag": 'W/"v1"'},
    ETAG | {"ETag": "v1"},
    ETAG | {"ETag": ""},
    ETAG | {"Content-Length": "1e3"},
    ETAG | {"Content-Encoding": "gzip"},
    without(DATED, "Content-Length"),
    without(DATED, "Date"),
    DATED | {"Last-Modified": "Mon, 01 Mar 2027 11:59:01 GMT"},
    DATED | {"Last-Modified": "yesterday"},
]


@pytest.mark.parametrize("headers", UNPROVED)
def test_the_rest_is_not_asked_for_if_nothing_identifies_the_version(headers):
    first = Answer.of(200, headers)
    asked = continued(request(calls.download_file(5), DEFAULT_URL), 300, first)
    assert asked.headers == {"Accept-Encoding": "identity"}
    assert not continues(Answer.of(206, REST | headers), 300, first)


@pytest.mark.parametrize("first", [ETAG, DATED])
def test_a_response_continues_a_file_if_it_proves_that(first):
    rest = Answer.of(206, first | REST)
    assert continues(rest, 300, Answer.of(200, first))
    assert not continues(rest, 0, Answer.of(200, first))
    assert not continues(rest, 300, None)


@pytest.mark.parametrize("status", [200, 203, 204, 416])
def test_only_status_206_has_the_rest_of_a_file(status):
    assert not continues(Answer.of(status, ETAG | REST), 300, Answer.of(200, ETAG))


@pytest.mark.parametrize(
    "changed",
    [
        {"Content-Range": "bytes 0-999/1000"},
        {"Content-Range": "bytes 299-999/1000"},
        {"Content-Range": "bytes 300-998/1000"},
        {"Content-Range": "bytes 300-1000/1001"},
        {"Content-Range": "bytes 300-999/*"},
        {"Content-Range": "bytes */1000"},
        {"Content-Range": "items 300-999/1000"},
        {"Content-Range": ""},
        {"ETag": '"v2"'},
        {"ETag": 'W/"v1"'},
        {"ETag": ""},
    ],
)
def test_a_rest_of_another_file_or_place_does_not_continue_it(changed):
    assert not continues(Answer.of(206, ETAG | REST | changed), 300, Answer.of(200, ETAG))


def test_a_rest_that_does_not_name_its_version_does_not_continue_a_file():
    assert not continues(Answer.of(206, REST), 300, Answer.of(200, ETAG))
    assert not continues(Answer.of(206, without(DATED | REST, "Last-Modified")), 300, Answer.of(200, DATED))


@pytest.mark.parametrize(
    ("headers", "size"),
    [
        ({"Content-Length": "1000"}, 1000),
        ({"Content-Length": "0"}, 0),
        ({}, None),
        ({"Content-Length": "-1"}, None),
        ({"Content-Length": "9" * 19}, None),
        ({"Content-Length": "1000", "Content-Encoding": "br"}, None),
        ({"Content-Length": "1000", "Content-Encoding": " Identity"}, 1000),
    ],
)
def test_the_size_of_a_file_by_its_headers(headers, size):
    assert file_size(Answer.of(200, headers)) == size


def test_calls_that_ask_the_same_are_equal():
    one, same, other = calls.list_sessions(7), calls.list_sessions("7"), calls.list_recordings(7)
    assert {one, same, other} == {one, other}
    assert one == same
