"""Report written files and tables to Airflow: as asset events, and as lineage for OpenLineage."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

from airflow.sdk import Asset, AssetAlias, Context, ObjectStoragePath

if TYPE_CHECKING:
    from airflow_clickmeeting.hooks.clickmeeting import ClickMeetingHook


class Written(NamedTuple):
    """A file that was written, and its number of rows."""

    path: ObjectStoragePath
    rows: int


def report_files(
    hook: ClickMeetingHook,
    dataset: str,
    outlets: Iterable[Any],
    context: Context,
    files: Iterable[Written],
    about: Mapping[str, Any],
) -> None:
    """Report written files to the task's outlets and to lineage.

    :param dataset: what of the account the files hold.
    :param about: the extra of an asset's event; each event of an asset alias is for one file, and has its own `path`
        and `rows`.
    """
    events = {(path := str(file.path)): {"path": path, "format": about["format"], "rows": file.rows} for file in files}
    report_outputs(hook, dataset, outlets, context, events, about)


def report_outputs(
    hook: ClickMeetingHook,
    dataset: str,
    outlets: Iterable[Any],
    context: Context,
    events: Mapping[str, Mapping[str, Any]],
    about: Mapping[str, Any],
) -> None:
    """Report outputs to the task's outlets, and to lineage with the account's dataset as their input.

    :param dataset: what of the account the outputs hold.
    :param events: for each URL of an output, the extra of its event for an asset alias.
    :param about: the extra of an asset's event.
    """
    from airflow.providers.common.compat.lineage.hook import get_hook_lineage_collector

    by_uri = {_without_connection(url): extra for url, extra in events.items()}
    for outlet in outlets:
        if isinstance(outlet, AssetAlias):
            for uri, extra in by_uri.items():
                context["outlet_events"][outlet].add(Asset(uri), extra=dict(extra))
        elif isinstance(outlet, Asset):
            context["outlet_events"][outlet].extra.update(about)
    lineage = get_hook_lineage_collector()  # type: ignore[no-untyped-call]
    source = {"conn_id": hook.settings.conn_id, "dataset": dataset}
    lineage.add_input_asset(context=hook, scheme="clickmeeting", asset_kwargs=source)
    for uri in by_uri:
        lineage.add_output_asset(context=hook, uri=uri)


def _without_connection(uri: str) -> str:
    """Return a URL without the connection in it, as in `s3://connection@bucket/key`: the file is the same for all."""
    parts = urlsplit(uri)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
