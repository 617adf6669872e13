"""Report written files and tables to Airflow: as asset events, and as lineage for OpenLineage."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from airflow.sdk import Asset, AssetAlias, Context, ObjectStoragePath

if TYPE_CHECKING:
    from airflow_clickmeeting.hooks.clickmeeting import ClickMeetingHook


class Written(NamedTuple):
    """A file that was written, and its number of rows."""

    path: ObjectStoragePath
    rows: int


def report_files(
    hook: ClickMeetingHook, outlets: Iterable[Any], context: Context, files: Iterable[Written], about: Mapping[str, Any]
) -> None:
    """Report written files to the task's outlets and to lineage.

    :param about: the extra of an asset's event; each event of an asset alias is for one file, and has its own `rows`.
    """
    events = {str(file.path): {"format": about["format"], "rows": file.rows} for file in files}
    report_outputs(hook, outlets, context, events, about)


def report_outputs(
    hook: ClickMeetingHook,
    outlets: Iterable[Any],
    context: Context,
    events: Mapping[str, Mapping[str, Any]],
    about: Mapping[str, Any],
) -> None:
    """Report outputs to the task's outlets, and to lineage with ClickMeeting as their input.

    :param events: for each URL of an output, the extra of its event for an asset alias.
    :param about: the extra of an asset's event.
    """
    from airflow.providers.common.compat.lineage.hook import get_hook_lineage_collector

    for outlet in outlets:
        if isinstance(outlet, AssetAlias):
            for uri, extra in events.items():
                context["outlet_events"][outlet].add(Asset(uri), extra=dict(extra))
        elif isinstance(outlet, Asset):
            context["outlet_events"][outlet].extra.update(about)
    lineage = get_hook_lineage_collector()  # type: ignore[no-untyped-call]
    lineage.add_input_asset(context=hook, uri=hook.settings.url)
    for uri in events:
        lineage.add_output_asset(context=hook, uri=uri)
