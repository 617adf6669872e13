"""The recipe `chat_message`: one message for each session, and the right one for each chat."""

from __future__ import annotations

import pytest
from webinars import on_both_storages

# Airflow's own `@task.sensor`, which another example uses, imports that
pytestmark = pytest.mark.filterwarnings("ignore:.*operator_helpers.determine_kwargs. attribute is deprecated")
TEXT = "Café & Çay has ended: 3 came, at most 3 at once. 1 of 2 who had registered were there."


@pytest.fixture
def announce(run_example, connect, sink):
    connect(None, "chat_webhook", conn_type="http", host=sink.url, password="services/T0/B0/secret")

    def announce(*sessions, chat="slack"):
        listed = [{"room_id": room_id, "session_id": session_id} for room_id, session_id in sessions]
        return run_example("chat_message", {"sessions": listed, "chat": chat})

    return announce


@on_both_storages
def test_a_message_is_posted_once(announce, ended, sink):
    session = ended()
    assert announce(session, session).state == "success"
    assert announce(session).state == "success"
    assert [(each.method, each.path) for each in sink.received] == [("POST", "/services/T0/B0/secret")]
    assert sink.received[0].body == {"text": TEXT.replace("&", "&amp;")}
    assert "example.com" not in str(sink.received)


def test_teams_gets_a_card(announce, ended, sink):
    assert announce(ended(), chat="teams").state == "success"
    (attachment,) = sink.received[0].body["attachments"]
    assert attachment["content"]["body"] == [{"type": "TextBlock", "text": TEXT, "wrap": True}]


def test_a_message_that_was_refused_is_posted_by_the_retry(announce, ended, sink):
    sink.statuses += [429]
    assert announce(ended()).state == "success"
    assert len(sink.received) == 2


def test_a_message_that_may_have_been_posted_is_not_posted_again(announce, ended, sink):
    sink.statuses += [502]
    assert announce(ended()).state == "success"
    assert len(sink.received) == 1


@pytest.mark.thorough
def test_a_session_that_is_gone_does_not_keep_the_others_from_their_message(announce, ended, sink):
    assert announce((99999999, 1), ended()).state == "failed"
    assert [each.body["text"] for each in sink.received] == [TEXT.replace("&", "&amp;")]
