"""Asset URIs with the scheme `clickmeeting`: what an account holds, as `clickmeeting://connection/dataset`.

An account has no public id, so the id of its Airflow connection stands for it. Airflow finds these functions through
`get_provider_info`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote, urlsplit

from airflow.sdk import Asset

if TYPE_CHECKING:
    from urllib.parse import SplitResult

    from airflow.providers.common.compat.openlineage.facet import Dataset as OpenLineageDataset

__all__ = ["convert_asset_to_openlineage", "create_asset", "sanitize_uri"]


def create_asset(*, conn_id: str, dataset: str, extra: dict[str, Any] | None = None) -> Asset:
    """Return the asset for a dataset of an account.

    :param conn_id: the connection of the account.
    :param dataset: what of the account, such as `attendees` or `sessions`.
    :param extra: the asset's extra.
    """
    return Asset(uri=f"clickmeeting://{quote(conn_id, safe='')}/{quote(dataset)}", extra=extra)


def sanitize_uri(uri: SplitResult) -> SplitResult:
    """Return the parts of an asset's URI as they are, after a check.

    :param uri: the parts of the URI; Airflow has removed slashes at the end of the path.
    :raises ValueError: if the connection or the dataset is missing.
    """
    if not uri.netloc or not uri.path.strip("/"):
        raise ValueError(
            "An asset URI with the scheme clickmeeting needs a connection and a dataset, such as "
            f"clickmeeting://clickmeeting_default/attendees, not {uri.geturl()[:100]!r}."
        )
    return uri


def convert_asset_to_openlineage(asset: Asset, lineage_context: Any) -> OpenLineageDataset:
    """Return OpenLineage's dataset for an asset: the account is its namespace, and the rest of the path its name.

    :param asset: an asset of this scheme.
    :param lineage_context: what reported the asset; the URI says enough without it.
    """
    from airflow.providers.common.compat.openlineage.facet import Dataset

    parts = urlsplit(asset.uri)
    return Dataset(namespace=f"clickmeeting://{unquote(parts.netloc)}", name=unquote(parts.path.strip("/")))
