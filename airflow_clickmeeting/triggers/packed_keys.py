"""The keys of many reported events as a short text, so that a cursor of a large account stays small."""

from __future__ import annotations

import bz2
import json
import re
from base64 import b85decode, b85encode
from collections.abc import Iterable, Iterator, Mapping
from itertools import accumulate, pairwise

# the keys of watchers: the id of a room, or the ids of a room and of what is in it
ID = r"[1-9][0-9]{0,17}"
KEY = re.compile(rf"(?:{ID}-)?{ID}")


def can_pack(key: str) -> bool:
    """Return whether `pack` takes the key."""
    return KEY.fullmatch(key) is not None


def pack(numbers: Mapping[str, int]) -> str:
    """Return keys, each with a number, as a text that fits into JSON.

    Ids of one kind mostly grow with time, so their differences are small, and compress well.

    :param numbers: the numbers by key, such as when each event happened; `can_pack` accepts each key.
    """
    rows = sorted((*_ids(key), number) for key, number in numbers.items())
    rooms = sorted({room_id for _, room_id, _ in rows})
    position = {room_id: number for number, room_id in enumerate(rooms)}
    columns = [
        _differences(rooms),
        [position[room_id] for _, room_id, _ in rows],
        _differences(item_id for item_id, _, _ in rows),
        _differences(number for _, _, number in rows),
    ]
    return b85encode(bz2.compress(json.dumps(columns, separators=(",", ":")).encode())).decode()


def unpack(text: str) -> Iterator[tuple[str, int]]:
    """Yield the keys and numbers that `pack` was given."""
    room_differences, positions, item_differences, number_differences = json.loads(bz2.decompress(b85decode(text)))
    rooms = list(accumulate(room_differences))
    items, numbers = accumulate(item_differences), accumulate(number_differences)
    for position, item_id, number in zip(positions, items, numbers, strict=True):
        room_id = rooms[position]
        yield f"{room_id}-{item_id}" if room_id else str(item_id), number


def _ids(key: str) -> tuple[int, int]:
    room_id, _, item_id = key.rpartition("-")
    return int(item_id), int(room_id or 0)


def _differences(numbers: Iterable[int]) -> list[int]:
    return [after - before for before, after in pairwise([0, *numbers])]
