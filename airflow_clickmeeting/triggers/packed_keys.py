"""The keys of many reported events as a short text, so that a cursor of a large account stays small."""

from __future__ import annotations

import bz2
import json
import re
from base64 import b85decode, b85encode
from collections.abc import Iterable, Iterator, Mapping
from itertools import accumulate, pairwise

# the keys of watchers: the id of a room, the ids of a room and of what is in it, or of a room, a session and a person
ID = r"[1-9][0-9]{0,17}"
KEY = re.compile(rf"(?:{ID}-){{0,2}}{ID}")


def can_pack(key: str) -> bool:
    """Return whether `pack` takes the key."""
    return KEY.fullmatch(key) is not None


def pack(numbers: Mapping[str, int]) -> str:
    """Return keys, each with a number, as a text that fits into JSON.

    Ids of one kind mostly grow with time, so their differences are small, and compress well.

    :param numbers: the numbers by key, such as when each event happened; `can_pack` accepts each key.
    """
    rows = sorted((*_ids(key), number) for key, number in numbers.items())
    places = sorted({place for _, place, _ in rows})
    position = {place: number for number, place in enumerate(places)}
    columns = [
        _differences(room_id for room_id, _ in places),
        [position[place] for _, place, _ in rows],
        _differences(item_id for item_id, _, _ in rows),
        _differences(number for _, _, number in rows),
        _differences(session_id for _, session_id in places),
    ]
    return b85encode(bz2.compress(json.dumps(columns, separators=(",", ":")).encode())).decode()


def unpack(text: str) -> Iterator[tuple[str, int]]:
    """Yield the keys and numbers that `pack` was given."""
    rooms, positions, items, numbers, sessions = json.loads(bz2.decompress(b85decode(text)))
    places = [*zip(accumulate(rooms), accumulate(sessions), strict=True)]
    for position, item_id, number in zip(positions, accumulate(items), accumulate(numbers), strict=True):
        yield "-".join(str(each) for each in (*places[position], item_id) if each), number


def _ids(key: str) -> tuple[int, tuple[int, int]]:
    *place, item_id = map(int, key.split("-"))
    room_id, session_id, *_ = *place, 0, 0
    return item_id, (room_id, session_id)


def _differences(numbers: Iterable[int]) -> list[int]:
    return [after - before for before, after in pairwise([0, *numbers])]
