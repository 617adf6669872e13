"""Tests of HTTP requests: paths, parameters, API keys and unknown URLs."""

from __future__ import annotations

import httpx
import pytest

NEW = {"name": "Plan", "room_type": "webinar", "permanent_room": "1", "access_type": "1"}


@pytest.mark.parametrize("path", ["ping", "ping.json", "ping/", "ping.json/"])
def test_paths_may_have_an_extension_and_a_trailing_slash(api, path):
    assert api.get(path).json() == {"ping": "pong"}


def test_the_official_clients_append_the_extension_after_the_query(api, room):
    assert len(api.get("conferences/active?page=1.json").json()) == 1
    assert api.get("conferences/active?page=2.json").json() == []


@pytest.mark.parametrize("status", ["active", "Active", "ACTIVE"])
def test_the_status_of_rooms_may_have_capitals(api, room, status):
    assert [listed["id"] for listed in api.get(f"conferences/{status}").json()] == [room]
    assert api.get(f"conferences/In{status}").json() == []


def test_the_official_clients_forget_a_slash(api, finished):
    room, session = finished
    assert api.get(f"conferences/{room}/sessions{session}/registrations/all.json").status_code == 404
    assert api.get(f"conferences/{room}/sessions/{session}/registrations/all.json").status_code == 200


@pytest.mark.parametrize("how", ["data", "json", "params", "files"])
def test_parameters_may_travel_in_the_form_in_json_in_parts_and_in_the_query(api, how):
    sent = {name: (None, value) for name, value in NEW.items()} if how == "files" else NEW
    assert api.post("conferences", **{how: sent}).json()["room"]["name"] == "Plan"


def test_query_and_form_are_merged(api):
    half = {"name": "Half", "room_type": "meeting"}
    answer = api.post("conferences", params=half, data={"permanent_room": 1, "access_type": 1})
    assert answer.json()["room"]["room_type"] == "meeting"


def test_nested_json(api, room):
    answer = api.post(
        f"conferences/{room}/registration", json={"registration": {"1": "A", "2": "B", "3": "a@b.example"}}
    )
    assert answer.json()["exist"] == 0


def test_an_upload_as_the_official_ruby_client_sends_it(api):
    parts = [
        "--AaB03x",
        'Content-Disposition: form-data; name="uploaded"; filename="slides.pdf"',
        "Content-Type: text/plain",
        "",
        "%PDF slides",
        "--AaB03x--",
        "",
    ]
    headers = {"Content-Type": "multipart/form-data, boundary=AaB03x"}
    made = api.post("file-library", content="\r\n".join(parts), headers=headers).json()
    assert (made["name"], made["document_type"]) == ("slides.pdf", "presentation_pdf")
    assert api.get(f"file-library/{made['id']}/download").content == b"%PDF slides"


def test_unknown_parameters_are_ignored(api):
    assert api.post("conferences", data={**NEW, "colour": "red", "settings[colour]": "red"}).status_code == 201


@pytest.mark.parametrize(
    "body",
    [
        "attendees[][email]=a@b.example&attendees[][email]=c@d.example",
        "attendees%5B0%5D%5Bemail%5D=a@b.example&attendees%5B1%5D%5Bemail%5D=c@d.example",
    ],
)
def test_attendees_in_both_bracket_styles(api, sandbox, room, body):
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    assert api.post(f"conferences/{room}/invitation/email/us", content=body, headers=form).status_code == 200
    assert [mail["recipient"] for mail in sandbox.outbox] == ["a@b.example", "c@d.example"]
    assert {mail["kind"] for mail in sandbox.outbox} == {"invitation"}


def test_two_open_brackets_are_two_attendees(api, room):
    body = "attendees[][email]=a@b.example&attendees[][firstname]=Ann"
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    assert api.post(f"conferences/{room}/invitation/email/en", content=body, headers=form).status_code == 422


@pytest.mark.parametrize("flag", ["1", "true", "True", "yes", "on"])
def test_lenient_booleans(api, flag):
    assert api.post("conferences", data={**NEW, "permanent_room": flag}).json()["room"]["permanent_room"] is True


@pytest.mark.parametrize("path", ["ping", "conferences/active", "nowhere"])
def test_a_wrong_key_is_refused(sandbox, path):
    answer = httpx.get(f"{sandbox.url}{path}", headers={"X-Api-Key": "wrong"}, trust_env=False)
    assert answer.status_code == 401
    assert answer.json()["name"] == "UNAUTHORIZED"


def test_the_key_may_be_a_parameter(sandbox):
    assert httpx.get(f"{sandbox.url}conferences/active?api_key=sandbox", trust_env=False).status_code == 200
    assert (
        httpx.post(f"{sandbox.url}conferences", data={**NEW, "api_key": "sandbox"}, trust_env=False).status_code == 201
    )
    assert httpx.get(f"{sandbox.url}conferences/active", trust_env=False).status_code == 401


@pytest.mark.parametrize(
    "path", ["nowhere", "conferences/9/sessions", "conferences/nothing", "../", "conferences/active/1"]
)
def test_unknown_paths_are_error_objects(api, path):
    answer = api.get(path)
    assert answer.status_code == 404
    assert answer.json()["code"] == 404


def test_a_pin_is_not_an_id(api, room):
    pin = api.get(f"conferences/{room}").json()["conference"]["room_pin"]
    assert api.get(f"conferences/{pin}").status_code == 404


def test_logins_differ_at_every_read_and_role_hashes_contain_the_time(api, sandbox, room):
    one, two = (api.get(f"conferences/{room}").json()["conference"] for _ in range(2))
    assert one["autologin_hash"] != two["autologin_hash"]
    assert one["autologin_hash"] == one["autologin_hashes"]["host"]
    assert one["access_role_hashes"] != two["access_role_hashes"]
    stamp = int(one["access_role_hashes"]["host"][-8:], 16)
    assert abs(stamp - sandbox.now.timestamp()) < 5


def test_requests_are_counted_and_logged(api, sandbox, room):
    api.put(f"conferences/{room}?lang=en", data={"settings[thank_you_page_url]": "https://example.com"})
    api.get("ping")
    assert sandbox.counts == {"update_conference": 1, "ping": 1}
    assert (sandbox.count("ping"), sandbox.count()) == (1, 2)
    (entry,) = sandbox.log("update_conference")
    assert entry["method"] == "PUT"
    assert entry["query"] == {"lang": "en"}
    assert entry["form"]["settings"] == {"thank_you_page_url": "https://example.com"}
    assert entry["headers"]["x-api-key"] == "sandbox"
    assert entry["status"] == 200
    sandbox.forget_requests()
    assert sandbox.count() == 0
    assert sandbox.log() == []
