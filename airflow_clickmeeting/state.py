"""Know where the files live that a later try needs, and what earlier tries recorded about them in Airflow."""

from __future__ import annotations

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

from airflow_clickmeeting.exceptions import WrongArgumentError
from airflow_clickmeeting.storage import is_local

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_clickmeeting.storage import Path

#: what identifies one try of a task
TASK_FACTS = ("dag_id", "task_id", "run_id", "map_index", "try_number")
#: the name of what a task records, in XCom and in Airflow's task state store
KEY = "clickmeeting_ledger"
# what Airflow sets in containers that run one task; there the configuration may name another executor
ONE_TASK_CONTAINERS = ("AIRFLOW_IS_K8S_EXECUTOR_POD", "AIRFLOW_IS_EXECUTOR_CONTAINER")


def check_shared(argument: str, path: Path | None, executor: str | None, *, allow_local: bool) -> None:
    """Refuse a local path for state, unless all tasks run on this machine.

    :param argument: the name of the operator's argument, for the error.
    :param path: the file or folder; None is accepted.
    :param executor: the `executor` of the task; None for the default one.
    :param allow_local: the operator's `allow_local_state`.
    :raises WrongArgumentError: for a local path, if another try may run on another machine.
    """
    if path is None or allow_local:
        return
    from airflow.sdk import ObjectStoragePath

    if is_local(ObjectStoragePath(path)) and (remote := _remote_executor(executor)):
        raise WrongArgumentError(
            f"{argument} must be on a storage that all workers share, such as s3://bucket/folder/; got {str(path)!r}, "
            f"which is on this machine's disk, while {remote} may run the next try on another machine. If all workers "
            "share this folder, set allow_local_state=True."
        )


def _remote_executor(executor: str | None) -> str | None:
    """Return what runs tasks on other machines; None if all tasks of this kind run on one machine.

    Which team a task belongs to is not known on a worker, so the executors of all teams count.
    """
    for name in ONE_TASK_CONTAINERS:
        if os.environ.get(name):
            return f"the executor that set {name}"
    from airflow_clickmeeting.compat import conf

    teams = [_names(part.rpartition("=")[2]) for part in conf.get("core", "executor").split(";") if part.strip()]
    if executor is None:
        wanted = [team[0] for team in teams if team]
    else:
        # an alias, a class, or the path of a class; one that is not configured fails in Airflow itself
        wanted = [pair for team in teams for pair in team if executor in (*pair, pair[1].rpartition(".")[2])]
        wanted = wanted or [(executor, executor)]
    return next((path.rpartition(".")[2] for _, path in wanted if not _runs_on_one_machine(path)), None)


def _names(team: str) -> list[tuple[str, str]]:
    """Return the alias and the class of each executor of a team; without an alias, the class twice."""
    pairs = [each.strip().partition(":") for each in team.split(",")]
    return [(alias, name or alias) for alias, _, name in pairs if alias]


def _runs_on_one_machine(name: str) -> bool:
    """Return whether an executor runs all tasks on its own machine, which its class says."""
    if "." not in name:
        return name == "LocalExecutor"
    module, _, name_of_class = name.rpartition(".")
    try:
        return bool(getattr(import_module(module), name_of_class).is_local)
    except (ImportError, AttributeError):  # a worker may lack the executor's package
        return False


def recall(context: Context) -> list[dict[str, Any]]:
    """Return what an earlier try of this run, and the run before it, recorded with `remember`.

    Airflow keeps the first from 3.3 on, in its task state store, and the second in XCom.
    """
    found: list[Any] = []
    if (store := context.get("task_state_store")) is not None:
        found.append(store.get(KEY))
    if (task := context.get("ti")) is not None:
        found.append(
            task.xcom_pull(
                task_ids=task.task_id, key=KEY, include_prior_dates=True, map_indexes=getattr(task, "map_index", -1)
            )
        )
    return [each for each in found if isinstance(each, dict)]


def remember(context: Context, record: dict[str, Any]) -> None:
    """Record a few facts for later tries and later runs of the task."""
    if (store := context.get("task_state_store")) is not None:
        store.set(KEY, record)
    if (task := context.get("ti")) is not None:
        task.xcom_push(key=KEY, value=record)
