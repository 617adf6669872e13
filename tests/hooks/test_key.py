"""The key goes to the API's own origin and nowhere else: not after a redirect, not with a link, not into a text."""

from __future__ import annotations

import asyncio
import io
import logging
import traceback
from datetime import timedelta
from urllib.parse import urlsplit

import pytest

from airflow_clickmeeting.api.call import Call, Upload
from airflow_clickmeeting.api.http import request
from airflow_clickmeeting.exceptions import AuthenticationError, ClickMeetingError, ConnectionFailedError
from airflow_clickmeeting.hooks.clickmeeting import ClickMeetingAsyncHook, ClickMeetingHook

SLIDES = Upload("slides.pdf", 4, lambda: io.BytesIO(b"%PDF"))


@pytest.fixture
def recording(sandbox):
    """A recording, with the signed link to its bytes on another host."""
    start = sandbox.now - timedelta(days=1)
    room_id = sandbox.add_room(name="Finished", starts_at=start)["id"]
    sandbox.add_recording(room_id, size=3_000_000)
    (recording,) = ClickMeetingHook().list_recordings(room_id)
    return recording


def keys_seen(sandbox, operation):
    return [each["headers"].get("x-api-key") for each in sandbox.log(operation)]


def test_the_key_is_a_header_and_never_part_of_an_address(client, sandbox):
    client.ask("ping")
    (entry,) = sandbox.log("ping")
    assert entry["headers"]["x-api-key"] == sandbox.api_key
    assert entry["headers"]["user-agent"].startswith("airflow-clickmeeting/")
    assert entry["query"] == entry["form"] == {}


def test_a_redirection_is_not_followed_but_told(client, sandbox):
    sandbox.fault("ping", "redirect", times=None)
    with pytest.raises(
        ClickMeetingError,
        match=r"HTTP 302 with a redirect to http://127\.0\.0\.1:\d+ \(ping, .*\)\. Correct the host of connection ",
    ) as error:
        client.ask("ping")
    assert sandbox.count("media") == 0
    assert "elsewhere" not in str(error.value)


@pytest.mark.parametrize("operation", ["create_conference", "check_availability"])
def test_what_was_posted_goes_nowhere_else_either(client, sandbox, operation):
    arguments = {
        "create_conference": {"name": "Talk"},
        "check_availability": {"start_time": sandbox.now, "hours": 1},
    }
    sandbox.fault(operation, "redirect", status=307, times=None)
    with pytest.raises(ClickMeetingError, match="with a redirect to"):
        client.ask(operation, **arguments[operation])
    assert sandbox.count("media") == 0


def test_a_download_follows_a_redirection_but_leaves_the_key_behind(client, sandbox):
    file_id = client.ask("upload_file", SLIDES)["id"]
    sandbox.switch(media_redirect=True)
    assert client.ask("download_file", file_id) == b"%PDF"
    assert keys_seen(sandbox, "download_file") == [sandbox.api_key]
    assert keys_seen(sandbox, "media") == [None]


def test_a_link_is_followed_without_the_key(hook, sandbox, recording, tmp_path):
    done = hook.download_link(recording["recording_url"], f"{tmp_path}/talk.mp4")
    assert (done["path"], done["size"]) == (f"{tmp_path}/talk.mp4", 3_000_000)
    assert keys_seen(sandbox, "media") == [None]


def test_a_link_to_the_api_itself_gets_the_key(hook, sandbox, tmp_path):
    file = hook.upload_file(SLIDES)
    assert urlsplit(file["url"]).netloc == urlsplit(sandbox.url).netloc
    assert hook.download_link(file["url"], f"{tmp_path}/slides.pdf")["size"] == 4
    assert keys_seen(sandbox, "download_file") == [sandbox.api_key]


def test_a_session_of_ones_own_adds_the_key_for_the_api(hook, sandbox):
    assert hook.get_conn().get(f"{sandbox.url}ping").json() == {"ping": "pong"}
    assert hook.get_conn() is hook.get_conn()
    assert keys_seen(sandbox, "ping") == [sandbox.api_key]


@pytest.mark.parametrize("headers", [{}, {"X-Api-Key": "sandbox"}, {"x-api-key": "sandbox"}])
def test_a_session_of_ones_own_adds_no_key_for_another_host_and_takes_it_away(hook, sandbox, recording, headers):
    hook.get_conn().get(recording["recording_url"], headers=headers)
    assert keys_seen(sandbox, "media") == [None]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_session_of_ones_own_leaves_the_key_behind_in_a_redirection(hook, sandbox, status):
    sandbox.fault("ping", "redirect", status=status)
    assert hook.get_conn().get(f"{sandbox.url}ping").json() == {"elsewhere": "/v1/ping"}
    assert keys_seen(sandbox, "ping") == [sandbox.api_key]
    assert keys_seen(sandbox, "media") == [None]


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "status", "status": 401},
        {"kind": "status", "status": 500, "body": "html"},
        {"kind": "reset"},
        {"kind": "cut"},
        {"kind": "redirect"},
        {"kind": "429", "retry_after": 3600},
    ],
    ids=lambda fault: fault["kind"],
)
def test_no_error_tells_the_key(client_of, sandbox, connect, fault):
    connect(sandbox, extra={"max_attempts": 2}, password="sandbox")
    sandbox.fault("get_conference", times=None, **fault)
    with pytest.raises(ClickMeetingError) as error:
        client_of().ask("get_conference", 7)
    assert "sandbox" not in str(error.value)
    assert "X-Api-Key" not in "".join(traceback.format_exception(error.value))


@pytest.mark.parametrize("kind", ["reset", "cut"])
def test_no_error_tells_a_signed_link(hook, sandbox, recording, tmp_path, kind):
    sandbox.fault("media", kind, times=None)
    with pytest.raises(
        ConnectionFailedError, match=r"^download_link: the response of 127\.0\.0\.1:\d+ was lost: "
    ) as error:
        hook.download_link(recording["recording_url"], f"{tmp_path}/talk.mp4")
    signature = urlsplit(recording["recording_url"]).query
    assert signature not in "".join(traceback.format_exception(error.value))


def test_no_error_tells_a_signed_link_whose_host_is_gone(sandbox, closed_port, tmp_path, connect):
    connect(sandbox, extra={"max_attempts": 1})
    signature = "st=" + "SIGNED"[::-1]
    link = f"http://127.0.0.1:{closed_port}/1.mp4?{signature}&e=1"
    with pytest.raises(ConnectionFailedError) as error:
        ClickMeetingHook().download_link(link, f"{tmp_path}/talk.mp4")
    assert str(error.value).startswith(f"download_link: no connection to 127.0.0.1:{closed_port}: ")
    assert signature not in "".join(traceback.format_exception(error.value))


@pytest.mark.parametrize("url", ["", None, "talk.mp4?st=SIGNED", "ftp://files.example/1?st=SIGNED", "https://"])
def test_what_is_no_link_is_refused_without_showing_it(hook, tmp_path, url):
    with pytest.raises(
        ValueError, match=r"^url must be a URL that begins with http:// or https://; the value is not shown\.$"
    ):
        hook.download_link(url, f"{tmp_path}/talk.mp4")


def test_a_request_is_built_without_the_key(sandbox):
    assert "X-Api-Key" not in request(Call("GET", "ping"), sandbox.url).headers


def test_a_key_that_was_changed_meanwhile_fails_no_trigger_and_is_told(sandbox, connect, mocker, caplog):
    mocker.patch.object(ClickMeetingAsyncHook, "log", logging.getLogger("task"))

    async def call_before_and_after_the_change():
        connect(sandbox, password="the-old-key")
        hook = ClickMeetingAsyncHook()
        assert (await hook.get_settings()).key == "the-old-key"
        connect(sandbox)
        return await hook.ping()

    with caplog.at_level(logging.INFO):
        assert asyncio.run(call_before_and_after_the_change())
    assert keys_seen(sandbox, "ping") == ["(another key)", sandbox.api_key]
    assert "connection 'clickmeeting_default' has another one now; sending ping again with it" in caplog.text
    assert "the-old-key" not in caplog.text


def test_a_key_that_is_still_wrong_is_tried_once(sandbox, connect):
    connect(sandbox, password="wrong-key")
    with pytest.raises(AuthenticationError):
        asyncio.run(ClickMeetingAsyncHook().ping())
    assert keys_seen(sandbox, "ping") == ["(another key)"]
