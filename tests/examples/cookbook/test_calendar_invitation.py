"""The recipe `calendar_invitation`: who gets a calendar file, what is in it, and what a moved room changes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from icalendar import Calendar
from webinars import on_both_storages

pytestmark = pytest.mark.filterwarnings("ignore:.*operator_helpers.determine_kwargs. attribute is deprecated")
HEADER = "First Name,Last Name,E-mail\n"
ADA, ZOFIA = "Ada,Lovelace,ada@example.com\n", "Zofia,Żółw,zofia@example.com\n"
START = datetime(2030, 7, 1, 15, tzinfo=UTC)


@pytest.fixture
def room(clickmeeting_sandbox):
    clickmeeting_sandbox.set_time(START - timedelta(days=30))
    return clickmeeting_sandbox.add_room(name="Café; Çay,\nnow", starts_at=START, timezone="Europe/Warsaw", duration=1)


@pytest.fixture
def invite(run_example, room, tmp_path):
    def invite(*people, room_id=room["id"]):
        (tmp_path / "people.csv").write_text(HEADER + "".join(people))
        return run_example("calendar_invitation", {"room_id": room_id})

    return invite


@on_both_storages
def test_everybody_gets_one_entry_with_a_link_of_their_own(invite, mailbox, room):
    assert invite(ADA).state == "success"
    assert invite(ADA, ZOFIA).state == "success"
    assert mailbox.mails == [("ada@example.com", "Invitation"), ("zofia@example.com", "Invitation")]
    (event,) = Calendar.from_ical(mailbox.attachments["webinar.ics"]).walk("VEVENT")
    assert event.decoded("dtstart") == START
    assert event.decoded("dtend") == START + timedelta(hours=1)
    assert " ".join(event["summary"].split()) == " ".join(room["name"].split())
    assert event["uid"] == f"{room['id']}-zofia@example.com"
    assert event["url"] == event["location"]
    assert f'href="{event["url"]}' in mailbox.texts[1].replace("&amp;", "&")
    assert event["url"] not in mailbox.texts[0].replace("&amp;", "&")


def test_who_was_invited_gets_a_new_entry_when_the_room_was_moved(invite, mailbox, room):
    from airflow_clickmeeting.hooks.clickmeeting import ClickMeetingHook

    assert invite(ADA).state == "success"
    later = {"starts_at": START + timedelta(days=1), "timezone": "Europe/Warsaw", "permanent_room": False}
    ClickMeetingHook().update_conference(room["id"], **later)
    assert invite(ADA).state == "success"
    (event,) = Calendar.from_ical(mailbox.attachments["webinar.ics"]).walk("VEVENT")
    assert (len(mailbox.mails), event.decoded("dtstart")) == (2, START + timedelta(days=1))


def test_a_permanent_room_has_no_start_to_invite_for(invite, mailbox, clickmeeting_sandbox):
    permanent = clickmeeting_sandbox.add_room(name="Office", permanent_room=True)["id"]
    assert invite(ADA, room_id=permanent).state == "failed"
    assert mailbox.mails == []
