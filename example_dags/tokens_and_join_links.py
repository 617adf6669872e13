"""A closed webinar: a token for each guest, and a link for the speaker that needs no typing.

Tokens and links let people in, so Airflow's logs show them masked. In XCom they lie readable: who may read a task's
XCom may enter the room.
"""

from __future__ import annotations

import pendulum
from airflow.sdk import dag, task

from airflow_clickmeeting.api.joining import token_url
from airflow_clickmeeting.operators.conferences import (
    ClickMeetingCreateConferenceOperator,
    ClickMeetingGetConferenceOperator,
)
from airflow_clickmeeting.operators.tokens import (
    ClickMeetingDeactivateTokensOperator,
    ClickMeetingGenerateAutologinUrlOperator,
    ClickMeetingGenerateTokensOperator,
    ClickMeetingListTokensOperator,
)

GUESTS = ["ada@example.com", "grace@example.com", "alan@example.com"]


@dag(
    schedule=None,
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    catchup=False,
    tags=["clickmeeting"],
    render_template_as_native_obj=True,
)
def tokens_and_join_links():
    create = ClickMeetingCreateConferenceOperator(
        task_id="create", multiple_outputs=True, name="Board meeting", access_type="token", permanent_room=True
    )
    room_id = create.output["id"]

    # one for each guest, one for the speaker, and two to spare
    generate = ClickMeetingGenerateTokensOperator(task_id="generate", room_id=room_id, how_many=len(GUESTS) + 3)

    @task(multiple_outputs=False)
    def guest_links(room: dict, tokens: list[dict]) -> dict[str, str]:
        return {guest: token_url(room["room_url"], token["token"]) for guest, token in zip(GUESTS, tokens)}

    read = ClickMeetingGetConferenceOperator(task_id="read", room_id=room_id)
    links = guest_links(read.output, generate.output)

    speaker_link = ClickMeetingGenerateAutologinUrlOperator(
        task_id="speaker_link",
        room_id=room_id,
        email_address="hedy@example.com",
        nickname="Hedy",
        role="presenter",
        token="{{ ti.xcom_pull('generate')[-3]['token'] }}",
    )

    # what nobody needs shall let nobody in
    spare = "{{ ti.xcom_pull('generate')[-2:] }}"
    deactivate = ClickMeetingDeactivateTokensOperator(task_id="deactivate", room_id=room_id, tokens=spare)
    left = ClickMeetingListTokensOperator(task_id="left", room_id=room_id)

    [links, speaker_link] >> deactivate >> left


tokens_and_join_links()
