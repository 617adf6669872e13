"""List the planned rooms of several ClickMeeting accounts in one calendar, with a mapped task for each connection.

- **It needs** a connection for each account.
- **When it fails** for one account, the calendar is not printed; the log of that account's task has the reason.
- **A second run** does no harm, because the DAG only reads.
"""

from __future__ import annotations

import pendulum
from airflow.sdk import Param, dag, task

from airflow_clickmeeting.operators.conferences import ClickMeetingListConferencesOperator


@dag(
    schedule=None,
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    catchup=False,
    tags=["clickmeeting"],
    doc_md=__doc__,
    params={"accounts": Param(["clickmeeting_default"], type="array", description="The connection id of each account")},
)
def several_accounts():
    @task
    def accounts(params: dict | None = None) -> list[str]:
        return params["accounts"]

    # Each account has its own API key, so each mapped task uses another connection. It also has its own limit of
    # requests, so that the tasks need no pool.
    rooms = ClickMeetingListConferencesOperator.partial(
        task_id="rooms", status="active", max_active_tis_per_dag=4
    ).expand(clickmeeting_conn_id=accounts())

    @task
    def calendar(accounts: list[str], rooms: list[list[dict]]) -> list[str]:
        planned = [
            f"{room['starts_at']}  {account}  {room['name']}"
            for account, account_rooms in zip(accounts, rooms)
            for room in account_rooms
            if "starts_at" in room  # permanent rooms have no start
        ]
        print("\n".join(sorted(planned)))
        return sorted(planned)

    calendar(accounts.override(task_id="names")(), rooms.output)


several_accounts()
