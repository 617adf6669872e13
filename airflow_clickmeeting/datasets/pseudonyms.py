"""Replace personal columns by keyed hashes: you can still join people within and across files, but not read them."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from typing import Any

from airflow_clickmeeting.api.validate import rows
from airflow_clickmeeting.datasets.columns import Column
from airflow_clickmeeting.datasets.table import Dataset, Item


def pseudonymised(dataset: Dataset, names: Sequence[str], key: str | bytes) -> Dataset:
    """Return a dataset that reads some of its personal columns as pseudonyms.

    A pseudonym is the HMAC-SHA-256, in hex, of `<kind>:<value>` under the key, such as `email:ada@example.com`: the
    same for the same value in every column of that kind, in every dataset. White space around a value is ignored, and
    so is the case of an e-mail address. None stays None, and a blank text becomes None.

    Columns that hold the same kind of data are replaced together, so `email` also replaces `person`. Personal JSON
    columns may hold any data: if you name one, it is replaced as a whole; the others are emptied. The `entry` of
    attendees is computed from the replaced values.

    :param dataset: the dataset to read.
    :param names: personal columns to replace.
    :param key: the secret; rows can be joined only if their pseudonyms were made with the same key.
    :raises ValueError: for a name that is not a personal column, listing the personal columns, and for a blank key.
    """
    personal = {column.name: column.personal for column in dataset.columns if column.personal}
    for name in rows("pseudonymise", names, "names of personal columns"):
        if name not in personal:
            raise ValueError(
                f"pseudonymise: {name!r} is not a personal column of {dataset.name}; those are {', '.join(personal)}."
            )
    kinds = {personal[name] for name in names}
    secret = _key(key)
    return replace(dataset, columns=tuple(_protected(column, kinds, secret) for column in dataset.columns))


def _key(key: str | bytes) -> bytes:
    given = key.encode() if isinstance(key, str) else key
    if not isinstance(given, bytes) or given.strip() in {b"", b"None"}:
        raise ValueError("The key for pseudonyms must be a text or bytes, and not blank; it is not shown.")
    return given


def _protected(column: Column, kinds: Collection[str | None], key: bytes) -> Column:
    if column.personal in kinds:
        return replace(column, read=_hashed(column, key), type="text", personal=None)
    if column.personal and column.type == "json":
        return replace(column, read=_nothing)
    return column


def _hashed(column: Column, key: bytes) -> Callable[[Item], str | None]:
    """Return a function that reads pseudonyms: a closure, since a partial would show the key in its repr."""
    read, kind = column.read, column.personal

    def pseudonym(item: Item) -> str | None:
        value: Any = read(item)
        text = "" if value is None else str(value).strip()
        if not text:
            return None
        text = text.casefold() if kind == "email" else text
        return hmac.digest(key, f"{kind}:{text}".encode("utf-8", "surrogatepass"), "sha256").hex()

    return pseudonym


def _nothing(_item: Item) -> None:
    return None
