"""Write who registered and who attended to a CRM over HTTP, each person once, however often the DAG runs.

Every night the DAG takes the sessions that ended in its data interval, and sends each person to the CRM with a PUT to
an address made of the person and the session. So a repeated request replaces the entry instead of adding a second one.

- **It needs** the HTTP connection `crm`, with the CRM's URL, and its token as password; the Airflow Variable
  `clickmeeting_folder`, whose folder gets the exports; and the pool `clickmeeting`.
- **When it fails** half-way, the retry sends all people again, and the CRM has each of them once.
- **A second run** for the same night changes nothing in the CRM.
"""

from __future__ import annotations

import json
from datetime import timedelta
from urllib.parse import quote

import pendulum
from airflow.sdk import ObjectStoragePath, Param, dag, task
from airflow.timetables.interval import CronDataIntervalTimetable

from airflow_clickmeeting.transfers.exports import ClickMeetingExportAttendanceOperator

FOLDER = "{{ var.value.clickmeeting_folder }}/crm"


@dag(
    schedule=CronDataIntervalTimetable("30 3 * * *", timezone="UTC"),
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    catchup=False,
    max_active_runs=1,
    default_args={"pool": "clickmeeting", "retries": 3, "retry_delay": timedelta(minutes=5)},
    tags=["clickmeeting", "cookbook"],
    doc_md=__doc__,
    params={
        "rooms": Param(
            "all", type=["integer", "string"], minimum=1, description="The id of the only room to export, or `all`"
        ),
        "max_refused": Param(
            10, type="integer", minimum=0, description="How many people the CRM may refuse before the task fails"
        ),
    },
)
def crm_export():
    attendance = ClickMeetingExportAttendanceOperator(
        task_id="attendance",
        multiple_outputs=True,
        room_id="{{ params.rooms }}",
        # if the host's connection drops, and the host comes back in time, the two sessions are one
        join_sessions_within=timedelta(minutes=15),
        path=f"{FOLDER}/attendance-{{{{ run_id | replace(':', '-') }}}}.jsonl",
    )

    @task
    def upsert(path: str, params: dict | None = None) -> None:
        from airflow.providers.http.hooks.http import HttpHook

        hook = HttpHook("PUT", http_conn_id="crm")
        headers = {"Authorization": f"Bearer {hook.get_connection('crm').password}"}
        sent, refused = 0, []
        for row in map(json.loads, ObjectStoragePath(path).read_text().splitlines()):
            if not row["email"] or row["is_staff"]:
                continue
            options = {"check_response": False, "timeout": 30}
            answer = hook.run(endpoint_of(row), json=body_of(row), headers=headers, extra_options=options)
            if answer.status_code in (400, 404, 409, 422):
                # the CRM refuses this person only; the log has no address
                refused.append(f"{answer.status_code} {answer.reason}")
                continue
            hook.check_response(answer)
            sent += 1
        print(f"The CRM has {sent} people, and refused {len(refused)}")
        if len(refused) > params["max_refused"]:
            raise RuntimeError(f"The CRM refused {len(refused)} people, the first ones with {refused[:5]}")

    upsert(attendance.output["path"])


def endpoint_of(row: dict) -> str:
    """Return the address of a person's attendance, which is the same in every run."""
    return f"contacts/{quote(row['email'], safe='')}/webinars/{row['session_id']}"


def body_of(row: dict) -> dict:
    """Return what the CRM keeps; change the keys to those of your CRM."""
    names = ("room_id", "nickname", "registered", "status", "first_join", "last_leave", "minutes", "rating")
    return {name: row[name] for name in names}


crm_export()
