"""Tests that every response has exactly the keys of ClickMeeting's recorded responses."""

from __future__ import annotations

import io
import re
import zipfile
from datetime import datetime, timedelta


def keys(names: str) -> set[str]:
    return set(names.split())


ROOM = keys(
    "id room_type room_pin name name_url access_type lobby_enabled lobby_description registration_enabled status"
    " timezone timezone_offset paid_enabled automated_enabled created_at updated_at type permanent_room"
    " access_role_hashes room_url phone_presenter_pin phone_listener_pin embed_room_url widgets_hash recorder_list"
    " settings autologin_hashes autologin_hash"
)
TIMES = {"starts_at", "ends_at", "ccc"}
SETTINGS = keys(
    "show_on_personal_page thank_you_emails_enabled connection_tester_enabled phonegateway_enabled"
    " recorder_autostart_enabled room_invite_button_enabled social_media_sharing_enabled connection_status_enabled"
    " thank_you_page_url"
)
REGISTRATION = keys(
    "id visitor_nickname email registration_date registration_confirmed session_id fields url r http_referer geo"
)
RECORDING = keys(
    "id recording_url recording_duration recorder_started recorder_start_date recording_file_size recording_name"
)
ATTENDEE = keys(
    "uid role nickname email device rating rating_comment start_date end_date user_ip city country_iso3 polls"
)
SESSION = {"id", "total_visitors", "max_visitors", "start_date", "end_date"}
FILE = keys("id name document_type conversion_progress status status_message upload_date url created_at")
CHAT = {"id", "name", "timezone", "date", "time", "download_link"}


def test_account(api):
    assert api.get("ping").json() == {"ping": "pong"}
    zones = api.get("time_zone_list").json()
    assert {"Europe/Warsaw", "UTC"} <= set(zones)
    assert len(zones) > 400
    assert api.get("time_zone_list/pl").json() == api.get("time_zone_list/PL").json() == ["Europe/Warsaw"]
    assert api.get("time_zone_list/xx").status_code == 404
    skins = api.get("conferences/skins").json()
    assert all(set(skin) == {"id", "name", "thumbnail_url"} and isinstance(skin["id"], str) for skin in skins)
    gateway = api.get("phone_gateways").json()[0]
    assert set(gateway) == {"code", "location", "value", "geo"}
    assert set(gateway["geo"]) == {"lat", "long"}


def test_rooms(api):
    form = {
        "name": "Plan",
        "room_type": "webinar",
        "permanent_room": 0,
        "access_type": 2,
        "password": "let-me-in",
        "registration[enabled]": 1,
    }
    created = api.post("conferences", data=form)
    assert created.status_code == 201
    made = created.json()["room"]
    assert set(made) == ROOM | TIMES | {"password", "registration"}
    assert set(made["registration"]) == {"enabled", "template", "fields"}
    assert made["registration"]["fields"][0] == {"id": 1, "label": "First Name"}
    assert set(made["settings"]) == SETTINGS
    assert set(made["access_role_hashes"]) == {"listener", "presenter", "host"}
    path = f"conferences/{made['id']}"
    assert set(api.get(path).json()["conference"]) == set(made)
    renamed = api.put(path, data={"name": "Plan B"})
    assert renamed.json()["conference"]["name"] == "Plan B"
    assert [set(one) for one in api.get("conferences/active").json()] == [set(made)]
    assert api.get("conferences/inactive").json() == []
    assert set(api.get("conferences").json()) == {"active_conferences", "inactive_conferences"}
    assert api.delete(path).json() == {"result": "OK"}
    gone = api.get(path)
    assert gone.status_code == 404
    assert gone.json() == {
        "code": 404,
        "name": "NOT_FOUND",
        "errors": [{"name": "NOT_FOUND", "message": "Meeting room not found."}],
    }


def test_a_permanent_room_has_no_times(api):
    form = {"name": "Team", "room_type": "meeting", "permanent_room": 1, "access_type": 1}
    assert set(api.post("conferences", data=form).json()["room"]) == ROOM


def test_tokens(api, token_room):
    made = api.post(f"conferences/{token_room}/tokens", data={"how_many": 2})
    tokens = made.json()["access_tokens"]
    assert [set(token) for token in tokens] == [{"token", "sent_to_email", "first_use_date"}] * 2
    assert all(re.fullmatch(r"[A-HJ-NP-Z2-9]{6}", token["token"]) for token in tokens)
    assert api.get(f"conferences/{token_room}/tokens").json() == {"access_tokens": tokens}
    invited = api.post(f"conferences/{token_room}/invitation/email/en", data={"attendees[0][email]": "ada@example.com"})
    assert invited.json() == {"status": "OK"}
    found = api.post(f"conferences/{token_room}/token", data={"email": "ADA@example.com"}).json()
    assert found == [tokens[0]["token"]]
    gone = api.request("DELETE", f"conferences/{token_room}/tokens", data={"tokens[0]": found[0]})
    assert gone.json() == {"status": "deleted", "message": "The tokens is not accessible anymore"}
    login = api.post(
        f"conferences/{token_room}/room/autologin_hash",
        data={"email": "a@example.com", "nickname": "A", "role": "host", "token": tokens[1]["token"]},
    )
    assert set(login.json()) == {"autologin_hash"}


def test_registrations(api, room, register):
    answer = register(room).json()
    assert set(answer) == {"status", "exist", "url", "r"}
    assert answer["exist"] == 0
    (listed,) = api.get(f"conferences/{room}/registrations/all").json()
    assert set(listed) == REGISTRATION
    assert listed["fields"] == {"First Name": "Ada", "Last Name": "Lovelace", "Email Address": "ada@example.com"}
    assert set(listed["geo"]) == {"country", "city"}


def test_sessions(api, finished):
    room, session = finished
    path = f"conferences/{room}/sessions"
    (listed,) = api.get(path).json()
    assert set(listed) == SESSION
    assert (listed["id"], listed["total_visitors"], listed["max_visitors"]) == (session, 4, 3)
    one = api.get(f"{path}/{session}").json()
    assert set(one) == SESSION - {"id"} | {"attendees", "pdf"}
    assert set(one["attendees"][0]) == {"id", "start_date", "end_date", "login", "email"}
    assert set(one["pdf"]) == {"en", "pl", "ru", "de", "es"}
    assert set(one["pdf"]["en"]) == {"generate_pdf_url", "progress"}
    rows = api.get(f"{path}/{session}/attendees").json()
    assert [set(row) for row in rows] == [ATTENDEE] * 4
    ada = [row for row in rows if row["email"] == "ada@example.com"]
    assert [row["rating"] for row in ada] == ["5", None]
    assert len({row["uid"] for row in ada}) == 1
    assert rows[-1]["email"] is None
    assert all(row["start_date"][16:19] == ":00" for row in rows)


def test_polls(api, sandbox, room):
    answers = [{"points": 1, "value": "Good"}, {"points": 0, "value": "Long"}]
    polls = [{"name": "Feedback", "questions": [{"question": "How was it?", "answers": answers}]}]
    attendees = [
        {"email": "ada@example.com", "visits": [(0, 5), (6, 9)], "polls": polls},
        {"email": "grace@example.com"},
    ]
    session = sandbox.play(room, start=sandbox.now - timedelta(hours=2), attendees=attendees)
    rows = api.get(f"conferences/{room}/sessions/{session}/attendees").json()
    assert [row["polls"] for row in rows] == [polls, [], []]
    sandbox.switch(polls="every")
    rows = api.get(f"conferences/{room}/sessions/{session}/attendees").json()
    assert [row["polls"] for row in rows] == [polls, polls, []]
    sandbox.switch(polls="absent")
    rows = api.get(f"conferences/{room}/sessions/{session}/attendees").json()
    assert [set(row) for row in rows] == [ATTENDEE - {"polls", "city", "country_iso3"}] * 3, "as recorded in 2016"


def test_session_registrations(api, finished, sandbox, register):
    room, session = finished
    register(room)
    register(room, "nobody@example.com")
    (came,) = api.get(f"conferences/{room}/sessions/{session}/registrations").json()
    assert (came["email"], came["session_id"]) == ("ada@example.com", session)
    everybody = api.get(f"conferences/{room}/registrations/all").json()
    assert {one["email"]: one["session_id"] for one in everybody} == {
        "ada@example.com": session,
        "nobody@example.com": None,
    }
    (waiting,) = api.get(f"conferences/{room}/registrations/active").json()
    assert waiting["email"] == "nobody@example.com"


def test_recordings(api, finished):
    room, _ = finished
    (recording,) = api.get(f"conferences/{room}/recordings").json()
    assert set(recording) == RECORDING
    assert recording["recording_file_size"] == "3000000"
    assert set(api.get("conferences/recordings").json()[0]) == RECORDING | {"conference_id"}
    assert api.delete(f"conferences/{room}/recordings/{recording['id']}").json() == {"STATUS": "OK"}
    assert api.delete(f"conferences/{room}/recordings/{recording['id']}").status_code == 404
    assert api.delete(f"conferences/{room}/recordings").json() == {"STATUS": "OK"}


def test_files(api, room, sandbox):
    upload = api.post(f"file-library/conferences/{room}", files={"uploaded": ("agenda.pdf", b"%PDF agenda")})
    made = upload.json()
    assert set(made) == FILE - {"created_at"}
    assert made["status"] == "waiting_for_conversion"
    assert set(api.get(f"file-library/{made['id']}").json()) == FILE
    assert [one["id"] for one in api.get("file-library").json()] == [made["id"]]
    assert [one["id"] for one in api.get(f"file-library/conferences/{room}").json()] == [made["id"]]
    sandbox.advance(timedelta(minutes=1))
    converted = api.get(f"file-library/{made['id']}").json()
    assert (converted["status"], converted["conversion_progress"]) == ("converted", 100)
    download = api.get(f"file-library/{made['id']}/download.json")
    assert download.content == b"%PDF agenda"
    assert download.headers["content-type"] == "application/octet-stream"
    assert download.headers["content-disposition"] == 'attachment; filename="agenda.pdf"'
    assert api.delete(f"file-library/{made['id']}").json() == {"response": "OK"}
    assert api.get(f"file-library/{made['id']}").status_code == 404


def test_chats(api, finished):
    _, session = finished
    (chat,) = api.get("chats").json()
    assert set(chat) == CHAT
    assert chat["id"] == session
    archive = api.get(chat["download_link"])
    assert archive.headers["content-type"] == "application/zip"
    assert f"chat_history_{session}_" in archive.headers["content-disposition"]
    with zipfile.ZipFile(io.BytesIO(archive.content)) as unpacked:
        lines = unpacked.read("public.csv").decode().splitlines()
    assert len(lines) == 3
    assert lines[2].endswith('M",ada@example.com,Ada,"Good, day"')
    assert api.get("chats/1").status_code == 404


def test_contacts(api, sandbox):
    contact = {"email": "ada@example.com", "firstname": "Ada", "lastname": "Lovelace"}
    assert api.post("contacts", data=contact).json() == {"status": "OK"}
    api.post("contacts", data={**contact, "lastname": "Byron", "company": "Engines"})
    assert sandbox.state["contacts"] == [{**contact, "lastname": "Byron", "company": "Engines"}]
    assert api.post("contacts", data={"email": "x@example.com"}).status_code == 422


def test_availability(api, sandbox, room):
    start = sandbox.now + timedelta(minutes=90)
    form = {"start_time": start.strftime("%Y-%m-%d %H:%M:%S"), "duration": 1, "id": 0}
    assert api.post("conference/availability", data=form).status_code == 422
    assert api.post("conference/availability", data={**form, "id": room}).status_code == 200
    later = (start + timedelta(hours=3)).strftime("%Y-%m-%d %H:%M:%S")
    assert api.post("conference/availability", data={**form, "start_time": later}).status_code == 200


def test_instants_carry_the_offset_of_the_room(sandbox, api):
    room = sandbox.add_room(starts_at="2031-07-01 10:00", timezone="Asia/Kolkata", duration="1:30")
    assert room["starts_at"] == "2031-07-01T10:00:00+05:30"
    assert room["ends_at"] == "2031-07-01T11:30:00+05:30"
    assert room["ccc"] == "2031-07-01 04:30:00"
    assert room["timezone_offset"] == 19800
    assert datetime.fromisoformat(room["created_at"]).utcoffset() == timedelta(hours=5, minutes=30)
