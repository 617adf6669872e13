"""What the UI shows of a task: the start of its operator's docstring, as Markdown that stays short."""

from __future__ import annotations

import inspect
from importlib import import_module
from pkgutil import walk_packages

import pytest
from airflow.sdk import DAG

import airflow_clickmeeting
from airflow_clickmeeting.documented import DocumentedOperator
from airflow_clickmeeting.operators.conferences import ClickMeetingGetConferenceOperator
from airflow_clickmeeting.sensors.clickmeeting import ClickMeetingSessionEndedSensor

OF_A_ROOM = "Return a room as a dict, without its secrets; if the room does not exist, raise a `NotFoundError`."


def operators() -> list[type[DocumentedOperator]]:
    for found in walk_packages(airflow_clickmeeting.__path__, "airflow_clickmeeting."):
        if found.name.split(".")[1] in ("operators", "sensors", "transfers"):
            import_module(found.name)
    known: list[type[DocumentedOperator]] = [DocumentedOperator]
    for each in known:
        known += each.__subclasses__()
    return [
        each for each in known if each.__name__.startswith("ClickMeeting") and each.__module__.startswith("airflow_")
    ]


class Room(ClickMeetingGetConferenceOperator):
    pass


class RoomByDay(ClickMeetingGetConferenceOperator):
    """Return the room of the day.

    :param day: the day.
    """


@pytest.mark.parametrize(
    ("operator", "text"),
    [(ClickMeetingGetConferenceOperator, OF_A_ROOM), (Room, OF_A_ROOM), (RoomByDay, "Return the room of the day.")],
)
def test_a_task_shows_the_first_paragraph_of_its_operator(operator, text):
    with DAG("rooms", schedule=None):
        task = operator(task_id="room", room_id=1)
        mapped = operator.partial(task_id="rooms").expand(room_id=[1, 2])
    assert task.doc_md == mapped.doc_md == text


def test_another_text_may_be_given():
    with DAG("rooms", schedule=None, default_args={"doc_md": "Of the DAG"}):
        sensor = ClickMeetingSessionEndedSensor(task_id="ended", room_id=1, doc_md="After the board meeting")
        task = ClickMeetingGetConferenceOperator(task_id="room", room_id=1)
        silent = ClickMeetingGetConferenceOperator(task_id="silent", room_id=1, doc_md="")
        mapped = ClickMeetingGetConferenceOperator.partial(task_id="rooms", doc_md="Of all").expand(room_id=[1, 2])
    texts = [each.doc_md for each in (sensor, task, silent, mapped)]
    assert texts == ["After the board meeting", "Of the DAG", "", "Of all"]


@pytest.mark.parametrize("operator", operators(), ids=lambda operator: operator.__name__)
def test_every_first_paragraph_is_a_sentence_that_fits(operator):
    text = inspect.getdoc(operator).partition("\n\n")[0]
    assert text.endswith(".")
    assert len(text) <= 160
    assert ":param" not in text
    assert "``" not in text
