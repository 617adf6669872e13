"""A JSON list that is too long to be parsed whole, item by item.

Parsed as `json` does, so that a list's length changes nothing: ijson's C parser fails all of a list for one number of
more than 64 bits, and alters half characters.
"""

from __future__ import annotations

import re
from codecs import iterdecode
from collections.abc import Iterator
from functools import partial
from json import JSONDecoder
from typing import IO, Any

PIECE = 1 << 18
MAX_ITEM = 1 << 24

_parsed = JSONDecoder().raw_decode
_blank = re.compile(r"[ \t\n\r]*").match
_opening = re.compile(r"[ \t\n\r]*\[[ \t\n\r]*(\]|(?=[^ \t\n\r]))").match
_delimiter = re.compile(r"[ \t\n\r]*([,\]])").match


def items_of(file: IO[bytes]) -> Iterator[Any]:
    """Yield the items of the JSON list that a file holds; memory grows with the longest item only.

    :raises ValueError: where it is no JSON list, or has an item of more than `MAX_ITEM` characters.
    """
    file.seek(0)
    pieces = iterdecode(iter(partial(file.read, PIECE), b""), "utf-8", "surrogatepass")
    text = ""
    while not (opening := _opening(text)):
        more = next(pieces, "")
        if not more or len(text) > MAX_ITEM:
            raise ValueError("it is no list")
        text += more
    at, ended = opening.end(), bool(opening[1])
    while not ended:
        try:
            item, behind, ended = _item(text, at)
        except ValueError:
            more = next(pieces, "")
            if not more or len(text) - at > MAX_ITEM:
                raise
            text, at = text[at:] + more, 0
        else:
            at = behind
            yield item
    if text[at:].strip() or any(map(str.strip, pieces)):
        raise ValueError("something follows the list")


def _item(text: str, at: int) -> tuple[Any, int, bool]:
    """Return the item at a position, the position behind it, and whether it is the last one.

    A delimiter must follow, without which a number might go on in the next piece.
    """
    item, end = _parsed(text, _blank(text, at).end())  # type: ignore[union-attr]
    delimiter = _delimiter(text, end)
    if not delimiter:
        raise ValueError(f"an item is not followed by a comma or the end of the list, but by {text[end : end + 1]!r}")
    return item, delimiter.end(), delimiter[1] == "]"
