"""Post a message to a channel of Slack or Teams when a webinar has ended, with its numbers and without any names.

An asset event starts the DAG when a session has ended, or you trigger it by hand, with the param `sessions`.

- **It needs** the HTTP connection `chat_webhook` of an incoming webhook, the Airflow Variable `clickmeeting_folder`,
  whose folder gets the reports and the ledger, and the pool `clickmeeting`.
- **When it fails** for one session, it still posts about the others. A retry posts only what was not posted.
- **A second run** writes the reports again, and posts nothing about a session a second time.
"""

from __future__ import annotations

from datetime import timedelta

import pendulum
from airflow.sdk import Param, dag, task, task_group

from airflow_clickmeeting.hooks.clickmeeting import ClickMeetingHook
from airflow_clickmeeting.operators.sessions import ClickMeetingAttendanceReportOperator
from airflow_clickmeeting.people.once import send_once
from airflow_clickmeeting.triggers.events import clickmeeting_asset

ENDED = clickmeeting_asset("session_ended")
FOLDER = "{{ var.value.clickmeeting_folder }}/chat"


class PostRefusedError(Exception):
    """The chat refused a message, so it did not post it."""


@dag(
    schedule=[ENDED],
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    catchup=False,
    default_args={"pool": "clickmeeting", "retries": 3, "retry_delay": timedelta(minutes=2)},
    tags=["clickmeeting", "cookbook"],
    doc_md=__doc__,
    params={
        "chat": Param("slack", type="string", enum=["slack", "teams"], description="Which chat the webhook belongs to"),
        "sessions": Param(
            [{"room_id": 10000103, "session_id": 7000002}],  # the sandbox's room "Airflow workshop"
            type="array",
            items={"type": "object", "required": ["room_id", "session_id"]},
            description="Sessions to post about if no event started the DAG, as on a room's page in Browse > Webinars",
        ),
    },
)
def chat_message():
    @task
    def sessions(params: dict | None = None, triggering_asset_events=None) -> list[dict]:
        ended = [event.extra["payload"] for event in triggering_asset_events[ENDED]]
        rooms = {each["session_id"]: each["room_id"] for each in ended or params["sessions"]}
        return [{"room_id": room_id, "session_id": session_id} for session_id, room_id in rooms.items()]

    @task_group(default_args={"max_active_tis_per_dag": 2})
    def announce(room_id: int, session_id: int):
        report = ClickMeetingAttendanceReportOperator(
            task_id="report", room_id=room_id, session_id=session_id, path=f"{FOLDER}/reports/", show_people=False
        )

        # runs, and fails, even if the report failed: with the state upstream_failed, Airflow may end the run too early
        @task(trigger_rule="all_done", max_active_tis_per_dag=1)
        def post(room_id: int, session_id: int, report: dict | None, folder: str, params: dict | None = None) -> None:
            if not report:
                raise RuntimeError("Posted nothing, because the task `report` failed; its log has the reason")
            name, summary = ClickMeetingHook().get_conference(room_id)["name"], report["summary"]
            text = f"{name} has ended: {summary['came']} came, at most {summary['peak']} at once."
            if summary["registered"]:
                text += f" {summary['attended']} of {summary['registered']} who had registered were there."
            ledger = f"{folder}/posted-{session_id}.jsonl"
            send_once(ledger, ["chat"], lambda _: send(body_for(params["chat"], text)), not_sent=(PostRefusedError,))

        post(room_id, session_id, report.output, FOLDER)

    announce.expand_kwargs(sessions())


def body_for(chat: str, text: str) -> dict:
    """Return a message as the incoming webhooks of Slack, or the workflows of Teams, take it."""
    if chat == "slack":
        return {"text": text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")}
    card = {"type": "AdaptiveCard", "version": "1.4", "body": [{"type": "TextBlock", "text": text, "wrap": True}]}
    attachment = {"contentType": "application/vnd.microsoft.card.adaptive", "content": card}
    return {"type": "message", "attachments": [attachment]}


def send(body: dict) -> None:
    from airflow.providers.http.hooks.http import HttpHook

    hook = HttpHook("POST", http_conn_id="chat_webhook")
    # the secret part of the webhook's URL is the password of the connection, so that Airflow masks it in logs
    path = hook.get_connection("chat_webhook").password
    answer = hook.run(path, json=body, extra_options={"check_response": False, "timeout": 30})
    if 400 <= answer.status_code < 500:
        raise PostRefusedError(f"The webhook answered {answer.status_code}: {answer.text[:100]}")
    hook.check_response(answer)


chat_message()
