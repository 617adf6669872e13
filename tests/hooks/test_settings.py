"""A connection, in every way that Airflow has to write one down, to settings or to an error that helps."""

from __future__ import annotations

import json
import os
import pickle
import traceback
from urllib.parse import quote

import pytest
from airflow.sdk import Connection
from airflow_versions import needs_airflow

from airflow_clickmeeting.api.errors import ApiError
from airflow_clickmeeting.compat import AirflowException, AirflowNotFoundException
from airflow_clickmeeting.exceptions import ValidationError, error_for
from airflow_clickmeeting.hooks.clickmeeting import ClickMeetingAsyncHook, ClickMeetingHook
from airflow_clickmeeting.hooks.settings import Settings

KEY = "eu0123456789abcdef0123456789abcdef01234567"
VARIABLE = "AIRFLOW_CONN_CLICKMEETING_DEFAULT"


def test_a_connection_needs_no_more_than_a_key(client_of, connect):
    connect(password=KEY)
    assert client_of().settings == Settings("clickmeeting_default", "https://api.clickmeeting.com/v1", KEY)


def test_a_connection_may_be_a_uri(client_of, mocker):
    extra = "timeout=30&connect_timeout=5&max_attempts=2&max_requests_per_second=0.5&verify=false"
    mocker.patch.dict(os.environ, {VARIABLE: f"clickmeeting://:{KEY}@api.anysecond.example:8443/?{extra}"})
    assert client_of().settings == Settings(
        "clickmeeting_default",
        "https://api.anysecond.example:8443/v1",
        KEY,
        timeout=30,
        connect_timeout=5,
        max_attempts=2,
        max_requests_per_second=0.5,
        verify=False,
    )


def test_the_host_of_a_uri_may_be_a_whole_address(client_of, mocker):
    mocker.patch.dict(os.environ, {VARIABLE: f"clickmeeting://:{KEY}@{quote('http://127.0.0.1:8080/v2/', safe='')}/"})
    assert client_of().settings.url == "http://127.0.0.1:8080/v2"


def test_a_connection_may_be_json_with_all_that_the_form_has(client_of, connect):
    connect(
        host="https://api.anysecond.example/v1/",
        port=443,
        password=f" {KEY}\n",
        extra={
            "timeout": 30,
            "connect_timeout": 5.5,
            "max_attempts": 2,
            "max_requests_per_second": 4,
            "verify": "/etc/ca.pem",
            "proxies": {"https": "http://proxy.example:3128"},
        },
    )
    assert client_of().settings == Settings(
        conn_id="clickmeeting_default",
        url="https://api.anysecond.example/v1",
        key=KEY,
        timeout=30,
        connect_timeout=5.5,
        max_attempts=2,
        max_requests_per_second=4,
        verify="/etc/ca.pem",
        proxies=(("https", "http://proxy.example:3128"),),
    )


@pytest.mark.parametrize("untouched", [None, ""])
def test_a_field_that_the_form_left_untouched_takes_its_default(client_of, connect, untouched):
    names = ("timeout", "connect_timeout", "max_attempts", "max_requests_per_second", "verify", "proxies")
    connect(password=KEY, extra=dict.fromkeys(names, untouched), host=untouched)
    assert client_of().settings == Settings("clickmeeting_default", "https://api.clickmeeting.com/v1", KEY)


def test_an_extra_that_is_unknown_is_left_alone(client_of, connect):
    connect(password=KEY, extra={"team": "webinars"})
    assert client_of().settings.key == KEY


@pytest.mark.parametrize(
    ("extra", "setting"),
    [
        ({"timeout": "30"}, {"timeout": 30}),
        ({"max_attempts": "3"}, {"max_attempts": 3}),
        ({"max_attempts": 3.0}, {"max_attempts": 3}),
        ({"verify": True}, {"verify": True}),
        ({"verify": "TRUE"}, {"verify": True}),
        ({"verify": "1"}, {"verify": True}),
        ({"verify": False}, {"verify": False}),
        ({"verify": " false "}, {"verify": False}),
        ({"verify": 0}, {"verify": False}),
        ({"verify": "/etc/ca.pem"}, {"verify": "/etc/ca.pem"}),
        ({"proxies": "http://p:1"}, {"proxies": (("http", "http://p:1"), ("https", "http://p:1"))}),
        ({"proxies": '{"https": "http://p:1"}'}, {"proxies": (("https", "http://p:1"),)}),
        (
            {"proxies": {"https": "http://p:1", "http": "http://p:2"}},
            {"proxies": (("http", "http://p:2"), ("https", "http://p:1"))},
        ),
        ({"proxies": {}}, {"proxies": ()}),
    ],
)
def test_values_are_taken_as_people_write_them(client_of, connect, extra, setting):
    connect(password=KEY, extra=extra)
    found = client_of().settings
    assert {name: getattr(found, name) for name in setting} == setting


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"password": None}, "has no API key: put it into the field 'API key' (password)."),
        ({"password": "  "}, "has no API key: put it into the field 'API key' (password)."),
        (
            {"password": "two words"},
            ": the API key (password) contains a space or another character that no API key has",
        ),
        (
            {"password": "klucz\nklucz"},
            ": the API key (password) contains a space or another character that no API key has",
        ),
        ({"password": "żółw"}, ": the API key (password) contains a space or another character that no API key has"),
        ({"host": "ftp://api.example"}, ": The API URL must look like https://api.clickmeeting.com/v1/; got"),
        (
            {"host": "https://me:hunter2@api.example"},
            ": The API URL must look like https://api.clickmeeting.com/v1/; got",
        ),
        ({"extra": {"timeout": 0}}, ": timeout must be a number above zero; got 0"),
        ({"extra": {"timeout": "soon"}}, ": timeout must be a number above zero; got 'soon'"),
        ({"extra": {"timeout": [1]}}, ": timeout must be a number above zero; got [1]"),
        ({"extra": {"connect_timeout": -1}}, ": connect_timeout must be a number above zero; got -1"),
        ({"extra": {"timeout": "nan"}}, ": timeout must be a number above zero; got 'nan'"),
        ({"extra": {"timeout": "inf"}}, ": timeout must be a number above zero; got 'inf'"),
        ({"extra": {"max_attempts": 0}}, ": max_attempts must be a number above zero; got 0"),
        ({"extra": {"max_attempts": 1.5}}, ": max_attempts must be a whole number; got 1.5"),
        ({"extra": {"max_requests_per_second": "fast"}}, ": max_requests_per_second must be a number above zero"),
        (
            {"extra": {"proxies": "me:hunter2@proxy:3128"}},
            ": proxies must be a URL such as 'http://proxy.example.com:3128'",
        ),
        (
            {"extra": {"proxies": ["http://me:hunter2@p"]}},
            ": proxies must be a URL such as 'http://proxy.example.com:3128'",
        ),
        ({"extra": {"proxies": {"https": 3128}}}, ": proxies must be a URL such as 'http://proxy.example.com:3128'"),
    ],
)
def test_a_wrong_setting_is_named_with_its_connection_and_without_secrets(client_of, connect, changes, message):
    connect(**{"password": KEY} | changes)
    with pytest.raises(ValueError) as error:
        client_of().ask("ping")
    assert str(error.value).startswith("Connection 'clickmeeting_default'")
    assert message in str(error.value)
    told = "".join(traceback.format_exception_only(error.value))
    assert not [secret for secret in ("hunter2", "klucz", "two words", "żółw", KEY) if secret in told]
    assert error.value.__suppress_context__ or error.value.__context__ is None


@pytest.mark.parametrize(
    ("extra", "message"), [("{broken", "extra is not valid JSON"), ("[1]", "extra must be a JSON object")]
)
def test_an_extra_that_is_no_json_object_is_told(extra, message):
    connection = Connection(conn_id="webinars", conn_type="clickmeeting", password=KEY, extra=extra)
    with pytest.raises(ValueError, match=f"^Connection 'webinars': {message}$"):
        Settings.of(connection)


@needs_airflow("3.1.1", "it asks for the supervisor of a task even outside of one")
def test_a_missing_connection_says_how_to_make_one(client_of, airflow_db):
    with pytest.raises(AirflowNotFoundException) as error:
        client_of("webinars").ask("ping")
    assert "webinars" in str(error.value)
    assert "airflow connections add webinars --conn-type clickmeeting --conn-password API_KEY" in str(error.value)
    assert "Admin > Connections" in str(error.value)


@pytest.mark.parametrize("kind", [ClickMeetingHook, ClickMeetingAsyncHook])
def test_a_hook_is_made_without_looking_at_its_connection(kind):
    assert kind().clickmeeting_conn_id == "clickmeeting_default"
    assert kind("nowhere").clickmeeting_conn_id == "nowhere"
    assert kind(clickmeeting_conn_id="nowhere").clickmeeting_conn_id == "nowhere"


def test_the_connection_is_read_once(client, sandbox, mocker):
    client.ask("ping")
    mocker.patch.dict(os.environ, {VARIABLE: json.dumps({"conn_type": "clickmeeting", "password": "other"})})
    assert client.ask("ping") == {"ping": "pong"}


def test_settings_show_neither_the_key_nor_the_proxies_credentials(client_of, connect):
    connect(password=KEY, extra={"proxies": "http://me:hunter2@proxy.example:3128"})
    shown = repr(client_of().settings)
    assert KEY not in shown
    assert "hunter2" not in shown
    assert "https://api.clickmeeting.com/v1" in shown


def test_an_error_can_be_pickled_whole(client, sandbox):
    sandbox.fault("ping", "429", times=None, retry_after=3600)
    with pytest.raises(AirflowException) as raised:
        client.ask("ping")
    error = pickle.loads(pickle.dumps(raised.value))
    assert (type(error), str(error)) == (type(raised.value), str(raised.value))
    assert (error.code, error.name, error.retry_after, error.operation, error.conn_id, error.path) == (
        429,
        "TOO_MANY_REQUESTS",
        3600,
        "ping",
        "clickmeeting_default",
        "ping",
    )


def test_an_error_has_the_messages_per_field():
    error = error_for(ApiError("validation", "no", 422, fields={"3": ("Wrong.",)}), "x", "")
    assert isinstance(error, ValidationError)
    assert (str(error), error.fields, error.name) == (
        "x: no. Correct what ClickMeeting rejects, then clear this task.",
        {"3": ("Wrong.",)},
        None,
    )


def test_an_error_with_more_to_say_is_otherwise_the_same():
    error = error_for(ApiError("validation", "no", 422, fields={"3": ("Wrong.",)}), "x", "webinars", "rooms/7")
    longer = error.adding("2 of 5 were done")
    assert (type(longer), longer.fields) == (ValidationError, error.fields)
    assert longer.summary == "x: no; 2 of 5 were done (rooms/7, connection 'webinars')"
