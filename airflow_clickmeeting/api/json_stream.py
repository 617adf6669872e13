"""Parse a JSON list that may not fit in memory item by item.

A long list gives the same values as a short one. The C parser of ijson would not: it fails for a number of more than 64
bits, and changes lone surrogates.
"""

from __future__ import annotations

import re
from codecs import iterdecode
from collections.abc import Iterator
from functools import partial
from json import JSONDecoder
from typing import IO, Any

import msgspec

#: bytes to read at a time
CHUNK_SIZE = 1 << 18
#: characters; without a limit, a damaged list would be read into memory as one item
MAX_ITEM = 1 << 24

_parse = JSONDecoder().raw_decode
_whitespace = re.compile(r"[ \t\n\r]*").match
_opening = re.compile(r"[ \t\n\r]*\[[ \t\n\r]*(\]|(?=[^ \t\n\r]))").match
_delimiter = re.compile(r"[ \t\n\r]*([,\]])").match


def items_of(file: IO[bytes]) -> Iterator[Any]:
    """Yield the items of the JSON list in a file; the memory that this takes depends on the longest item only.

    :param file: the file, which is read from its beginning.
    :raises ValueError: at the first place where the file is not a JSON list, or where an item has more than `MAX_ITEM`
        characters.
    """
    file.seek(0)
    chunks = iterdecode(iter(partial(file.read, CHUNK_SIZE), b""), "utf-8", "surrogatepass")
    text = ""
    while not (opening := _opening(text)):
        more = next(chunks, "")
        if not more or len(text) > MAX_ITEM:
            raise ValueError("the response is not a JSON list")
        text += more
    text, position, ended = text[opening.end() :], 0, bool(opening[1])
    if not ended:
        items, text = _parse_many(text)
        yield from items
    while not ended:
        try:
            item, end, ended = _parse_item(text, position)
        except ValueError:
            more = next(chunks, "")
            if not more or len(text) - position > MAX_ITEM:
                raise
            items, text = _parse_many(text[position:] + more)
            yield from items
            position = 0
        else:
            position = end
            yield item
    if text[position:].strip() or any(map(str.strip, chunks)):
        raise ValueError("the response has more text after its JSON list")


def _parse_many(text: str) -> tuple[list[Any], str]:
    """Return the objects at the beginning of a text that commas separate, and the rest; none if one of them is odd.

    This takes a third of the time of one after the other. The last object that a comma follows may be inside another
    one, or inside a text: then the beginning is not a list.
    """
    end = text.rfind("},") + 1
    try:
        return (msgspec.json.decode(f"[{text[:end]}]"), text[end + 1 :]) if end else ([], text)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return [], text


def _parse_item(text: str, position: int) -> tuple[Any, int, bool]:
    """Return the item at a position, the position after it, and whether it is the last one.

    A comma or the end of the list must follow it. Otherwise the item may be a number that continues in the next chunk.
    """
    try:
        item, end = _parse(text, _whitespace(text, position).end())  # type: ignore[union-attr]
    except RecursionError:
        raise ValueError("an item is nested too deeply") from None
    delimiter = _delimiter(text, end)
    if not delimiter:
        raise ValueError(f"a comma or the end of the list must follow each item; found {text[end : end + 1]!r}")
    return item, delimiter.end(), delimiter[1] == "]"
