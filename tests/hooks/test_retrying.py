"""What is sent again, and what is not: the sandbox counts the requests."""

from __future__ import annotations

import io
import json
import logging
import re
import time
from datetime import datetime

import pytest

from airflow_clickmeeting.api.call import Call, Upload
from airflow_clickmeeting.api.errors import ApiError
from airflow_clickmeeting.exceptions import (
    AuthenticationError,
    ClickMeetingError,
    ConnectionFailedError,
    ForbiddenError,
    NotFoundError,
    RateLimitedError,
    ServerError,
    UnexpectedAnswerError,
    ValidationError,
    error_for,
)
from airflow_clickmeeting.hooks import policy
from airflow_clickmeeting.hooks.clickmeeting import ClickMeetingHook

CONTENT = b"%PDF-1.7\n" * 1000
ADA = {1: "Ada", 2: "Lovelace", 3: "ada@example.com"}

# what must not happen twice: each of these makes something, or writes to somebody
MAKES = {
    "create_conference": lambda client, room: client.ask("create_conference", name="Twice?"),
    "generate_tokens": lambda client, room: client.ask("generate_tokens", room, how_many=1),
    "send_invitation": lambda client, room: client.ask("send_invitation", room, attendees=["ada@example.com"]),
    "register_participant": lambda client, room: client.ask("register_participant", room, registration=ADA),
    "upload_file": lambda client, room: client.ask("upload_file", pdf()),
    "get_token_by_email": lambda client, room: client.ask("get_token_by_email", room, email="ada@example.com"),
}
READS = {
    "list_conferences": lambda client, room: client.ask("list_conferences"),
    "get_conference": lambda client, room: client.ask("get_conference", room),
    "update_conference": lambda client, room: client.ask("update_conference", room, name="Again"),
    "delete_conference": lambda client, room: client.ask("delete_conference", room),
}


def pdf() -> Upload:
    return Upload("slides.pdf", len(CONTENT), lambda: io.BytesIO(CONTENT))


def made(sandbox) -> int:
    """Return how much there is of what must not be made twice."""
    counts = sandbox.state["counts"]
    return sum(counts[name] for name in ("rooms", "tokens", "registrations", "mails", "files"))


@pytest.fixture
def room_id(sandbox):
    """A room with tokens and registration, in which everything above works."""
    room_id = sandbox.add_room(name="Talk", access_type=3, registration={"enabled": 1})["id"]
    ClickMeetingHook().generate_tokens(room_id, how_many=2)
    ClickMeetingHook().send_invitation(room_id, attendees=["ada@example.com"])
    sandbox.forget_requests()
    return room_id


@pytest.mark.parametrize("operation", [*MAKES, *READS])
def test_too_many_requests_had_no_effect_and_are_sent_again_whatever_they_are(client, sandbox, room_id, operation):
    sandbox.fault(operation, "429", times=2, retry_after=0)
    (MAKES | READS)[operation](client, room_id)
    assert sandbox.count(operation) == 3


@pytest.mark.parametrize("status", [502, 503, 504])
@pytest.mark.parametrize("operation", READS)
def test_a_gateways_trouble_is_waited_out_where_repeating_is_safe(client, sandbox, room_id, operation, status):
    sandbox.fault(operation, "status", status=status, times=2, body="html")
    READS[operation](client, room_id)
    assert sandbox.count(operation) == 3


@pytest.mark.parametrize("operation", MAKES)
def test_a_gateways_trouble_is_not_waited_out_where_something_might_be_made_twice(client, sandbox, room_id, operation):
    sandbox.fault(operation, "status", status=503, times=None)
    with pytest.raises(ServerError):
        MAKES[operation](client, room_id)
    assert sandbox.count(operation) == 1


@pytest.mark.parametrize("operation", READS)
def test_a_lost_answer_is_asked_for_again_where_repeating_is_safe(client, sandbox, room_id, operation):
    sandbox.fault(operation, "lost", times=2)
    READS[operation](client, room_id)
    assert sandbox.count(operation) == 3


@pytest.mark.parametrize("operation", MAKES)
def test_a_lost_answer_is_not_asked_for_again_where_something_might_be_made_twice(client, sandbox, room_id, operation):
    before = made(sandbox)
    sandbox.fault(operation, "lost", times=None)
    with pytest.raises(ConnectionFailedError, match=f"^{operation}: the response of 127.0.0.1:[0-9]+ was lost: "):
        MAKES[operation](client, room_id)
    assert sandbox.count(operation) == 1
    assert made(sandbox) - before == (operation != "get_token_by_email")


def test_a_deletion_whose_answer_was_lost_has_done_its_work(client, sandbox, room_id):
    sandbox.fault("delete_conference", "lost")
    assert client.ask("delete_conference", room_id) is False
    assert sandbox.state["counts"]["rooms"] == 0


def test_a_deletion_that_must_find_something_is_not_repeated_into_a_not_found(client, sandbox, room_id):
    sandbox.fault("delete_conference", "lost")
    with pytest.raises(ConnectionFailedError):
        client.ask("delete_conference", room_id, ignore_missing=False)
    assert sandbox.count("delete_conference") == 1


@pytest.mark.parametrize("kind", ["reset", "cut"])
def test_a_broken_connection_is_made_anew(client, sandbox, room_id, kind):
    sandbox.fault("get_conference", kind, times=2)
    assert client.ask("get_conference", room_id)["id"] == room_id
    assert sandbox.count("get_conference") == 3


def test_an_answer_that_does_not_come_is_given_up_after_the_timeout_and_asked_for_again(client_of, sandbox, connect):
    connect(sandbox, extra={"timeout": 0.3})
    sandbox.fault("ping", "hang", seconds=60)
    assert client_of().ask("ping") == {"ping": "pong"}
    assert sandbox.count("ping") == 2


@pytest.mark.parametrize("operation", ["ping", "create_conference"])
def test_a_connection_that_is_refused_is_tried_again_whatever_was_to_be_sent(
    client_of, connect, closed_port, caplog, operation
):
    connect(host=f"http://127.0.0.1:{closed_port}/v1", extra={"max_attempts": 3})
    arguments = {"name": "Talk"} if operation == "create_conference" else {}
    with pytest.raises(ConnectionFailedError) as error, caplog.at_level(logging.WARNING):
        client_of().ask(operation, **arguments)
    assert str(error.value).startswith(f"{operation}: no connection to 127.0.0.1:{closed_port}: ")
    assert error.value.code is None


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ({"kind": "status", "status": 500}, ServerError),
        ({"kind": "status", "status": 501}, ServerError),
        ({"kind": "status", "status": 400}, ValidationError),
        ({"kind": "status", "status": 401}, AuthenticationError),
        ({"kind": "status", "status": 403}, ForbiddenError),
        ({"kind": "status", "status": 404}, NotFoundError),
        ({"kind": "status", "status": 422}, ValidationError),
        ({"kind": "status", "status": 418}, ClickMeetingError),
        ({"kind": "error200"}, NotFoundError),
        ({"kind": "html"}, UnexpectedAnswerError),
        ({"kind": "empty"}, UnexpectedAnswerError),
        ({"kind": "redirect"}, ClickMeetingError),
    ],
    ids=lambda each: getattr(each, "__name__", ""),
)
def test_what_asking_again_would_not_mend_is_raised_at_once(client, sandbox, fault, error):
    sandbox.fault("list_conferences", times=None, **fault)
    with pytest.raises(ClickMeetingError) as raised:
        client.ask("list_conferences")
    assert type(raised.value) is error
    assert sandbox.count("list_conferences") == 1


@pytest.mark.parametrize("attempts", [1, 3])
def test_after_so_many_attempts_it_is_given_up(client_of, sandbox, connect, attempts):
    connect(sandbox, extra={"max_attempts": attempts})
    sandbox.fault("ping", "status", status=503, times=None, body="empty")
    with pytest.raises(ServerError) as error:
        client_of().ask("ping")
    assert str(error.value) == (
        "ping: HTTP 503 with an empty body (ping, connection 'clickmeeting_default'). Wait until "
        "ClickMeeting works again, then clear this task."
    )
    assert sandbox.count("ping") == attempts


@pytest.mark.parametrize("retry_after", [{"retry_after": 1}, {"retry_after": 0.5, "as_date": True}])
def test_clickmeeting_says_when_to_come_back_in_seconds_or_by_a_date(client, sandbox, retry_after, caplog, capfd):
    sandbox.fault("ping", "429", **retry_after)
    with caplog.at_level(logging.WARNING):
        client.ask("ping")
    first, second = (datetime.fromisoformat(each["time"]) for each in sandbox.log("ping"))
    assert (second - first).total_seconds() >= 0.4
    (pause,) = {*re.findall(r"next attempt in ([0-9.]+) s", caplog.text + "".join(capfd.readouterr()))}
    assert float(pause) <= 2  # dates are rounded to seconds


@pytest.mark.parametrize("retry_after", [{"retry_after": 3600}, {"retry_after": 3600, "as_date": True}])
def test_a_long_wait_is_left_to_airflow_with_its_length(client, sandbox, retry_after):
    sandbox.fault("ping", "429", times=None, **retry_after)
    with pytest.raises(RateLimitedError, match="Too many requests") as error:
        client.ask("ping")
    assert error.value.retry_after == pytest.approx(3600, abs=2)
    assert error.value.code == 429
    assert sandbox.count("ping") == 1


def test_without_retry_after_the_pause_grows_and_has_jitter(mocker):
    mocker.patch.object(policy, "FIRST_PAUSE", 1.0)
    pauses = [[pause_after(attempt, ApiError("server", "no", 503)) for _ in range(50)] for attempt in (1, 2, 3, 20)]
    for low, all_of in zip((1, 2, 4, 60), pauses, strict=True):
        assert low <= min(all_of) <= max(all_of) <= min(low + 1, 60)
    assert len(set(pauses[0])) > 1


@pytest.mark.parametrize("seconds", [0.0, 7.0, 60.0])
def test_retry_after_is_the_pause(seconds):
    assert pause_after(1, ApiError("rate_limited", "no", 429, retry_after=seconds)) == seconds


def pause_after(attempt: int, problem: ApiError) -> float:
    """Return how long the policy waits after this attempt failed so."""
    from tenacity import Future, RetryCallState, Retrying

    wait = policy.RETRY["wait"]
    state = RetryCallState(Retrying(), None, (), {})
    state.attempt_number = attempt
    state.outcome = Future.construct(attempt, error_for(problem, "ping", ""), has_exception=True)
    return wait(state)


@pytest.mark.parametrize("error", [ValueError("wrong"), KeyError("bug"), OSError("disk full")])
def test_what_is_not_clickmeetings_is_not_repeated(error):
    assert not policy.worth_retrying(Call("GET", "ping"), error)


def test_every_pause_is_told_with_its_reason_but_without_the_key(client, sandbox, caplog, capfd):
    sandbox.fault("ping", "status", status=503, times=2)
    with caplog.at_level(logging.WARNING):
        client.ask("ping")
    told = caplog.text + "".join(capfd.readouterr())
    assert "Attempt 1 failed: ping: SERVICE_UNAVAILABLE: Service Unavailable." in told
    assert "Attempt 2 failed: ping: " in told
    assert "; next attempt in 0.0 s" in told
    assert sandbox.api_key not in told.replace("sandbox/", "")


def test_an_upload_that_is_sent_again_is_whole(client, sandbox):
    sandbox.fault("upload_file", "429", times=2, retry_after=0)
    stored = client.ask("upload_file", pdf())
    assert client.ask("download_file", stored["id"]) == CONTENT
    assert sandbox.state["counts"]["files"] == 1


# pace


def test_requests_keep_the_pace_that_the_connection_asks_for(client_of, sandbox, connect):
    connect(sandbox, extra={"max_requests_per_second": 10})
    client = client_of()
    started = time.monotonic()
    for _ in range(4):
        client.ask("ping")
    assert time.monotonic() - started >= 0.3


# test_connection


def test_the_test_button_tells_that_the_key_is_good(hook, sandbox, room):
    assert hook.test_connection() == (True, f"Connected to {sandbox.url.rstrip('/')}: 1 active rooms on the first page")
    assert sandbox.count("list_conferences") == 1


def test_the_test_button_tells_that_the_key_is_bad_but_not_the_key(sandbox, connect):
    connect(sandbox, password="not-the-key")
    good, message = ClickMeetingHook().test_connection()
    assert not good
    assert "UNAUTHORIZED: Wrong API key." in message
    assert "not-the-key" not in message


def test_the_test_button_does_not_keep_people_waiting(hook, sandbox):
    sandbox.fault("list_conferences", "status", status=503, times=None)
    good, _ = hook.test_connection()
    assert not good
    assert sandbox.count("list_conferences") == 1


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"password": None}, "has no API key"),
        ({"host": "ftp://api.example"}, "The API URL must look like"),
        ({"extra": json.dumps({"timeout": "soon"})}, "timeout must be a number above zero; got 'soon'"),
    ],
)
def test_the_test_button_tells_what_is_wrong_with_the_connection(connect, changes, message):
    connect(**changes)
    good, told = ClickMeetingHook().test_connection()
    assert not good
    assert message in told
