"""Everything that the page takes from Airflow's API server, in one module, because none of it is a stable interface."""

from __future__ import annotations

import json
from typing import Annotated, Any

from airflow.api_fastapi.app import API_ROOT_PATH, get_auth_manager
from airflow.api_fastapi.auth.managers.models.resource_details import ConnectionDetails
from airflow.api_fastapi.core_api.security import GetUserDep, requires_access_connection
from airflow.configuration import conf
from airflow.models.connection import Connection
from airflow.models.renderedtifields import RenderedTaskInstanceFields
from airflow.models.xcom import XComModel
from airflow.utils.session import create_session
from fastapi import Depends
from sqlalchemy import select

from airflow_clickmeeting.hooks.settings import DEFAULT_CONN_ID
from airflow_clickmeeting.ui.plugin import PREFIX

__all__ = ["BASE", "PAGE", "ROOT", "Accounts", "may_read_connection", "rendered_fields", "result_of"]

#: the path of Airflow's own pages, with a slash at both ends
ROOT = f"{API_ROOT_PATH.rstrip('/')}/"
#: that of the page's app, and of the page
BASE = f"{ROOT}{PREFIX.removeprefix('/')}"
PAGE = f"{BASE}/webinars"

#: for a route with `{connection_id}` in its path: 401 without a login, 403 for those who may not read the connection
may_read_connection = Depends(requires_access_connection("GET"))


def accounts(user: GetUserDep) -> list[str]:
    """Return the connections to ClickMeeting that the user may read.

    Those of the metadata database are found by their type. Airflow cannot list those of environment variables and
    secrets backends, so the setting `webinars_connections` names them.
    """
    named = conf.get("clickmeeting", "webinars_connections", fallback=DEFAULT_CONN_ID).split(",")
    with create_session(scoped=False) as session:
        stored = session.scalars(select(Connection.conn_id).where(Connection.conn_type == "clickmeeting")).all()
    return [
        conn_id
        for conn_id in dict.fromkeys([*filter(None, map(str.strip, named)), *sorted(stored)])
        if get_auth_manager().is_authorized_connection(
            method="GET", details=ConnectionDetails(conn_id=conn_id), user=user
        )
    ]


#: the dependency of a route that shows the user's connections: 401 without a login
Accounts = Annotated[list[str], Depends(accounts)]


def rendered_fields(ti_key: Any) -> dict[str, Any] | None:
    """Return the arguments of a task after their templates were rendered, or None before it has run.

    :param ti_key: the key of the task's instance.
    """
    with create_session(scoped=False) as session:
        return RenderedTaskInstanceFields.get_templated_fields(ti_key, session=session)


def result_of(ti_key: Any) -> dict[str, Any]:
    """Return what a task returned; an empty dict before it has, and if that is not a dict.

    :param ti_key: the key of the task's instance.
    """
    entry = select(XComModel.value).filter_by(
        dag_id=ti_key.dag_id,
        run_id=ti_key.run_id,
        task_id=ti_key.task_id,
        map_index=ti_key.map_index,
        key="return_value",
    )
    with create_session(scoped=False) as session:
        value = session.scalar(entry)
    try:
        result = json.loads(value) if isinstance(value, str) else value
    except ValueError:  # an XCom backend of its own keeps something else here
        return {}
    return result if isinstance(result, dict) else {}
