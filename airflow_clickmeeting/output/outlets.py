"""What was written, told to Airflow: asset events, and the lineage that OpenLineage shows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from airflow.sdk import Asset, AssetAlias, Context, ObjectStoragePath

if TYPE_CHECKING:
    from airflow_clickmeeting.hooks.clickmeeting import ClickMeetingHook


class Written(NamedTuple):
    """A file that was written, and how many rows are in it."""

    path: ObjectStoragePath
    rows: int


def tell(
    hook: ClickMeetingHook, outlets: Iterable[Any], context: Context, files: Iterable[Written], about: Mapping[str, Any]
) -> None:
    """Tell of files.

    :param about: what the event of an asset says; one of an asset alias is for one file, and says its `rows`.
    """
    events = {str(file.path): {"format": about["format"], "rows": file.rows} for file in files}
    tell_of(hook, outlets, context, events, about)


def tell_of(
    hook: ClickMeetingHook,
    outlets: Iterable[Any],
    context: Context,
    events: Mapping[str, Mapping[str, Any]],
    about: Mapping[str, Any],
) -> None:
    """Tell the task's outlets what was written, and the collector of lineage whence it came.

    :param events: for each address, what the event of an asset alias says.
    :param about: what the event of an asset says.
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
