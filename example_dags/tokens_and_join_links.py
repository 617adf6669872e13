"""Prepare a closed webinar: create a token for each guest, and a link for the speaker that needs no typing.

Tokens and links let people into the room, so Airflow masks them in logs. They are readable in XCom: whoever may read
the XCom of these tasks may enter the room.

- **It needs** an account that may create rooms with tokens.
- **When it fails**, a retry creates only the tokens that are missing.
- **A second run** uses the same room, whose spare tokens are replaced by new ones.
"""

from __future__ import annotations

import pendulum
from airflow.sdk import dag, task

from airflow_clickmeeting.api.urls import token_url
from airflow_clickmeeting.operators.conferences import ClickMeetingCreateConferenceOperator
from airflow_clickmeeting.operators.links import ClickMeetingGenerateAutologinUrlOperator
from airflow_clickmeeting.operators.tokens import (
    ClickMeetingDeactivateTokensOperator,
    ClickMeetingGenerateTokensOperator,
    ClickMeetingListTokensOperator,
)

GUESTS = ["ada@example.com", "grace@example.com", "alan@example.com"]


@dag(
    schedule=None,
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    catchup=False,
    tags=["clickmeeting"],
    doc_md=__doc__,
)
def tokens_and_join_links():
    create = ClickMeetingCreateConferenceOperator(
        task_id="create", multiple_outputs=True, name="Board meeting", access_type="token", permanent_room=True
    )
    room_id = create.output["id"]

    # --8<-- [start:generate]
    # one token for each guest, one for the speaker, and two spare ones; a retry creates only the missing tokens
    generate = ClickMeetingGenerateTokensOperator(task_id="generate", room_id=room_id, at_least=len(GUESTS) + 3)
    # --8<-- [end:generate]

    @task(multiple_outputs=True)
    def share_out(tokens: list[dict]) -> dict:
        tokens = [each["token"] for each in tokens]
        return {"guests": dict(zip(GUESTS, tokens)), "speaker": tokens[-3], "spare": tokens[-2:]}

    shares = share_out(generate.output)

    @task(multiple_outputs=False)
    def guest_links(room_url: str, tokens: dict[str, str]) -> dict[str, str]:
        return {guest: token_url(room_url, token) for guest, token in tokens.items()}

    links = guest_links(create.output["room_url"], shares["guests"])

    # --8<-- [start:link]
    speaker_link = ClickMeetingGenerateAutologinUrlOperator(
        task_id="speaker_link",
        room_id=room_id,
        email_address="hedy@example.com",
        nickname="Hedy",
        role="presenter",
        token=shares["speaker"],
    )
    # --8<-- [end:link]

    # nobody needs the spare tokens, so nobody should enter with them
    deactivate = ClickMeetingDeactivateTokensOperator(task_id="deactivate", room_id=room_id, tokens=shares["spare"])
    remaining = ClickMeetingListTokensOperator(task_id="remaining", room_id=room_id)

    [links, speaker_link] >> deactivate >> remaining


tokens_and_join_links()
