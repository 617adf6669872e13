"""Tests that odd input is refused with an explanation, and that what is accepted breaks no later response."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from itertools import islice, product
from typing import Any

import httpx
import pytest

from airflow_clickmeeting.sandbox.control import ENDPOINTS
from airflow_clickmeeting.sandbox.faults import KINDS
from airflow_clickmeeting.sandbox.operations.room_form import READERS
from airflow_clickmeeting.sandbox.scripts import DETAILS
from airflow_clickmeeting.sandbox.switches import SWITCHES

ODD: list[Any] = [
    None, True, -1, 0, 1.5, 1e300, -1e300, int("9" * 400), "", "nan", "inf", "9" * 5000, "²", "\0", "é\r\nX: y",
    "x" * 70_000, "1970-01-01", "1971-01-01T00:00:00+14:00", "8999-12-31T23:59:59-14:00",
    "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00",
    [], [[1]], [{"email": 5}], [{"visits": 5}], [{"visits": [[0, 1e300]]}], {}, {"a": {"b": []}},
]  # fmt: skip
NOT_JSON = [
    b'{"x": NaN}', b'{"x": Infinity}', b'{"x": -Infinity}', b'{"x": 1e999}', b'{"x": "\\ud800"}', b'{"\\udfff": 1}',
    b"[]", b"1", b'"x"', b"null", b"{", b"\xff", b"x=1", b'{"x": ' + b"9" * 5000 + b"}",
    b'{"x": ' * 100_000, b'{"x":' + b"[" * 20_000 + b"]" * 20_000 + b"}",
]  # fmt: skip
ATTENDEE = ("email", "nickname", "polls", "visits", *DETAILS)
ROOM = (
    "encryption_enabled",
    "created_at",
    "starts_at",
    "duration",
    "custom_room_url_name",
    "registration",
    "settings",
    *READERS,
)
NOON = datetime(2031, 3, 5, 12, tzinfo=UTC)
SLOW = {"hang", "drip", "bomb", "endless"}


@pytest.fixture
def control(sandbox):
    headers = {"X-Sandbox-Token": sandbox.token, "Content-Type": "application/json"}
    with httpx.Client(base_url=sandbox.url.replace("v1", "_sandbox"), headers=headers, trust_env=False) as client:
        yield client


ROOM_ID = 10000101  # of the first room
PLAY = {"room_id": ROOM_ID}
RECORDING = ("size", "duration", "ready_after", "name")
FEW = {"rooms": 1, "sessions_per_room": 1, "attendees_per_session": 1}
MAIL = dict.fromkeys(("sender", "recipient", "subject", "text", "html"), "a")
# For each control endpoint, bodies in which one value is missing, so that an odd one can take its place.
BODIES: dict[str, list[dict[str, Any]]] = {
    "clock": [{name: ...} for name in ("set", "advance", "speed")],
    "switches": [{name: ...} for name in SWITCHES],
    "faults": [
        *({"operation": "ping", "kind": "reset", name: ...} for name in ("operation", "kind", "times", "skip")),
        *({"operation": "get_conference", "kind": kind, name: ...} for kind in KINDS for name in KINDS[kind]),
    ],
    "rooms": [{name: ...} for name in ROOM],
    "fields": [{**PLAY, "label": "L", name: ...} for name in ("room_id", "label", "required")],
    "sessions": [
        *({**PLAY, name: ...} for name in ("room_id", "start", "end", "attendees", "count", "recordings", "chat")),
        *({**PLAY, "attendees": [{"email": "a@example.com", name: ...}]} for name in ATTENDEE),
        *({**PLAY, "chat": [{name: ...}]} for name in ("at", "email", "nickname", "message")),
        *({**PLAY, "recordings": [{name: ...}]} for name in RECORDING),
    ],
    "recordings": [{**PLAY, "size": 1, name: ...} for name in (*RECORDING, "ready_at")],
    "bulk": [{**FEW, name: ...} for name in FEW],
    "mails": [{**MAIL, name: ...} for name in MAIL],
}


def filled(body: Any, value: Any) -> Any:
    """Return a body with the value in its empty place."""
    if isinstance(body, dict):
        return {name: filled(item, value) for name, item in body.items()}
    if isinstance(body, list):
        return [filled(item, value) for item in body]
    return value if body is ... else body


def assert_delivered(api: httpx.Client, fault: dict[str, Any]) -> None:
    """Send the request that gets the fault. An error of the sandbox itself is the page "Internal Server Error"."""
    try:
        assert api.get(f"conferences/{ROOM_ID}").text != "Internal Server Error", fault
    except httpx.RemoteProtocolError:
        assert fault["kind"] == "cut" or "headers" in fault, fault


def failures(api: httpx.Client, sandbox: Any) -> list[str]:
    """Read everything, and return the paths that fail."""
    first, *others = sandbox.state["rooms"]
    path = f"conferences/{first['id']}"
    paths = ["conferences", "conferences/active", "conferences/recordings", "chats", "file-library"]
    paths += [path, *(f"{path}/{part}" for part in ("sessions", "recordings", "registrations", "tokens"))]
    for session in first["sessions"]:
        inner = f"{path}/sessions/{session}"
        paths += [inner, f"{inner}/attendees", f"{inner}/registrations", f"{inner}/generate-pdf/en", f"chats/{session}"]
    paths += [f"conferences/{room['id']}/sessions" for room in others]
    return [path for path in [*paths, "../_sandbox/overview"] if api.get(path).status_code >= 500]


@pytest.mark.parametrize("path", BODIES)
def test_an_odd_value_is_refused_with_an_explanation_or_breaks_nothing(api, control, sandbox, thorough, path):
    statuses = set()
    sandbox.set_speed(0)
    sandbox.set_time(NOON)
    assert sandbox.add_room(access_type=3, registration={"enabled": 1})["id"] == ROOM_ID
    # one of five pairs, every day; as there are 28 odd values, each is sent somewhere
    for body, value in islice(product(BODIES[path], ODD), 0, None, 1 if thorough else 5):
        sent = filled(body, value)
        answer = control.post(path, content=json.dumps(sent))
        statuses.add(answer.status_code)
        if answer.status_code == 400:
            assert answer.json()["error"], sent
            continue
        assert answer.status_code == 200, sent
        if path == "faults":
            if sent["kind"] not in SLOW:
                assert_delivered(api, sent)
            sandbox.clear_faults()
        elif path in {"clock", "switches"}:
            sandbox.switch(latency=0)
            assert failures(api, sandbox) == [], sent
            sandbox.set_speed(0)
            sandbox.set_time(NOON)
    assert statuses == {200, 400}
    sandbox.advance(timedelta(days=40))
    assert failures(api, sandbox) == []


def test_every_control_endpoint_gets_odd_values():
    assert {path for method, path in ENDPOINTS if method == "POST"} - {"reset"} == set(BODIES)


@pytest.mark.parametrize("body", NOT_JSON, ids=lambda body: repr(body[:25]))
def test_what_is_not_a_json_object_is_refused(control, body):
    for path in [path for method, path in ENDPOINTS if method == "POST"]:
        answer = control.post(path, content=body)
        assert answer.status_code == 400, path
        assert answer.json()["error"]


@pytest.mark.parametrize("script", [{"attendees": [5]}, {"recordings": [{"size": -1}]}, {"chat": [{"at": "noon"}]}])
def test_a_refused_script_changes_nothing(sandbox, control, script):
    room = sandbox.add_room(starts_at=sandbox.now - timedelta(hours=1), duration=2)
    before = sandbox.state["rooms"]
    assert len(before[0]["sessions"]) == 1
    assert control.post("sessions", json={"room_id": room["id"], **script}).status_code == 400
    assert sandbox.state["rooms"] == before


def test_a_wrong_option_of_a_fault_is_refused_when_it_is_ordered(sandbox):
    for kind, wrong in (
        ("cut", {"after": "half"}),
        ("status", {"status": 700}),
        ("status", {"body": "xml"}),
        ("hang", {"seconds": -1}),
        ("denied", {"shape": "no"}),
        ("changed", {"headers": {"X-Name": "a\r\nX-Other: b"}}),
        ("changed", {"headers": {"Content-Length": "many"}}),
        ("answer", {"headers": {"Transfer-Encoding": "gzip"}}),
        ("429", {"times": -1}),
        ("429", {"skip": "x"}),
    ):
        with pytest.raises(ValueError, match=rf"^The fault '{kind}' cannot be ordered with "):
            sandbox.fault("ping", kind, **wrong)
    assert sandbox._request("GET", "faults") == []


@pytest.mark.parametrize(
    "path",
    [
        f"conferences/{'9' * 5000}",
        "conferences/٣",
        f"conferences/{'9' * 19}",
        "conferences/1/sessions/²",
        f"conferences/active?page={'9' * 5000}",
        "conferences/active?page[][][]=1",
        "conferences/active?a" + "[b]" * 3000 + "=1",
        "conferences/active?a[²][]=1&a[]=2",
        "conferences/active?a[" + "9" * 5000 + "]=1&a[]=2",
        "time_zone_list/%00",
        "%ff%fe",
        "ping?%ff=%fe&=&&;",
    ],
)
def test_odd_paths_and_queries(api, path):
    assert api.get(path).status_code in {200, 404}


def test_odd_parameters_of_the_api(api, sandbox):
    room = sandbox.add_room(access_type=3, registration={"enabled": 1})["id"]
    new = {"name": "Plan", "room_type": "webinar", "permanent_room": "0", "access_type": "1"}
    person = {"1": "A", "2": "B", "3": "a@example.com"}
    calls = [
        *(("POST", "conferences", {**new, name: ...}) for name in ROOM),
        *(("PUT", f"conferences/{room}", {"permanent_room": 0, name: ...}) for name in ROOM if name != "access_type"),
        ("POST", f"conferences/{room}/tokens", {"how_many": ...}),
        ("DELETE", f"conferences/{room}/tokens", {"tokens": ...}),
        ("POST", f"conferences/{room}/token", {"email": ...}),
        ("POST", f"conferences/{room}/registration", {"registration": ...}),
        *(("POST", f"conferences/{room}/registration", {"registration": {**person, name: ...}}) for name in person),
        ("POST", f"conferences/{room}/registration", {"registration": person, "confirmation_email": ...}),
        ("POST", f"conferences/{room}/invitation/email/en", {"attendees": ...}),
        ("POST", f"conferences/{room}/invitation/email/en", {"attendees": [{"email": "a@example.com"}, ...]}),
        *(
            ("POST", f"conferences/{room}/invitation/email/en", {"attendees": [{"email": "a@example.com", name: ...}]})
            for name in ("email", "role", "firstname")
        ),
        ("POST", f"conferences/{room}/room/autologin_hash", {"email": "a@example.com", "nickname": "A", "role": ...}),
        ("POST", "contacts", {"email": "a@example.com", "firstname": "A", "lastname": ...}),
        ("POST", "conference/availability", {"start_time": "2031-01-01 10:00", "duration": ...}),
        ("POST", "conference/availability", {"start_time": ..., "duration": 1}),
    ]
    for method, path, body in calls:
        for value in ODD:
            sent = filled(body, value)
            assert api.request(method, path, json=sent).status_code < 500, (method, path, sent)
    for body in NOT_JSON:
        form = {"Content-Type": "application/json"}
        assert api.post("conferences", content=body, headers=form).status_code == 422, body[:40]
    assert failures(api, sandbox) == []
    assert len(sandbox.log()) == sandbox.count()


@pytest.mark.parametrize(
    "content_type", ["multipart/form-data", "multipart/form-data; boundary=", "multipart/form-data; boundary=x", "é"]
)
@pytest.mark.parametrize(
    "body", [b"", b"--x", b"--x\r\n\r\n", b"--x\r\nContent-Disposition: form-data\r\n\r\n1\r\n--x--", b"\xff"]
)
def test_odd_uploads(api, content_type, body):
    headers = {"Content-Type": content_type.encode()}
    assert api.post("file-library", content=body, headers=headers).status_code == 422


def test_an_upload_with_an_odd_name_can_be_downloaded(api):
    made = api.post("file-library", files={"uploaded": ('a"b\x1f\u2028é\U0001f600.pdf', b"%PDF")}).json()
    assert api.get(f"file-library/{made['id']}/download").content == b"%PDF"
    assert httpx.get(api.get(f"file-library/{made['id']}").json()["url"], trust_env=False).content == b"%PDF"


@pytest.mark.parametrize(
    "changed",
    [
        {"params": {"e": "9" * 5000, "st": "x"}},
        {"params": {"e": "²", "st": "x"}},
        {"headers": {"Range": "bytes=-"}},
        {"headers": {"Range": f"bytes={'9' * 5000}-"}},
        {"headers": {"Range": "bytes=5-2"}},
        {"headers": {"Range": "bytes=0-1,4-5"}},
        {"headers": {"Range": "bytes=0-1", "If-Range": b"\xff"}},
    ],
)
def test_odd_requests_to_the_file_host(api, sandbox, finished, changed):
    (recording,) = api.get("conferences/recordings").json()
    url = httpx.URL(recording["recording_url"]).copy_merge_params(changed.get("params", {}))
    answer = httpx.get(url, headers=changed.get("headers"), trust_env=False)
    assert answer.status_code == (403 if "params" in changed else 200)
    odd = httpx.get(url.copy_with(path=f"/download/1/1/1/rec-{'9' * 5000}/1/recording.mp4"), trust_env=False)
    assert odd.status_code == 404
