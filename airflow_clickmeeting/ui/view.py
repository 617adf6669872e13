"""Turn what was read into what the templates show: pure functions, and the templates' filters."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import count
from typing import Any

from airflow_clickmeeting.api import times
from airflow_clickmeeting.attendance.chart import curve_as_svg
from airflow_clickmeeting.ui.account import Account, RoomReport
from airflow_clickmeeting.ui.facts import Audience, RoomDetails
from airflow_clickmeeting.ui.rooms import WebinarRoom, by_state

#: rows of a table, unless all are wanted
MAX_ROWS = 15
#: a wide chart for a desktop, and a narrow one for a phone; the style sheet shows one of them
CHARTS = {"wide": {"width": 840, "height": 220}, "narrow": {"width": 330, "height": 200}}
#: the size of a small line in a table, in its own units
LINE_WIDTH, LINE_HEIGHT = 200, 40


def overview(account: Account, *, name: str = "", show_all: bool = False) -> dict[str, Any]:
    """Return what the overview shows of an account.

    :param name: show only rooms with this text in their names; case does not matter.
    :param show_all: show all rows of each table, not only the first ones.
    """
    rooms = [room for room in account.rooms if name.casefold() in room.name.casefold()]
    found = by_state(rooms, account.now)
    details = account.details

    def is_live(room: WebinarRoom) -> bool:
        audience = details[room.id].audience if room.id in details else None
        return audience is not None and audience.present is not None

    live = [room for room in (*found["now"], *found["open"]) if is_live(room)]
    waiting = [room for room in found["now"] if not is_live(room)]
    ids = {room.id for room in rooms}
    recordings = [each for each in account.recordings or () if not name or each.room_id in ids]
    tables: dict[str, list[Any]] = {
        "coming": found["coming"],
        "over": found["over"],
        "open": found["open"],
        "recordings": recordings,
    }
    most = None if show_all else MAX_ROWS
    return {
        "account": account,
        "name": name,
        "show_all": show_all,
        "rooms": len(rooms),
        "live": live,
        "waiting": waiting,
        "tables": {key: {"rows": rows[:most], "total": len(rows)} for key, rows in tables.items()},
        "has_more": any(len(rows) > MAX_ROWS for rows in tables.values()),
        "room_names": {room.id: room.name for room in rooms},
        "processing": sum(not each.is_ready for each in recordings),
        "bytes": sum(each.size or 0 for each in recordings),
    }


def report(found: RoomReport) -> dict[str, Any]:
    """Return what the page of a room shows."""
    audience = found.details.audience
    return {
        "now": found.now,
        "room": found.room,
        "state": found.room.state(found.now),
        "details": found.details,
        "audience": audience,
        "charts": _charts(audience) if audience else {},
        # `%:z` is newer than Python 3.11
        "zone": f"UTC{audience.session.start.isoformat()[-6:]}" if audience else "",
    }


def _charts(audience: Audience) -> dict[str, str]:
    zone = audience.session.start.tzinfo
    spans = [(start.astimezone(zone), end.astimezone(zone)) for start, end in audience.spans]
    curve = [(moment.astimezone(zone), number) for moment, number in audience.curve]
    if not any(number for _, number in curve) or spans[0][0] >= spans[-1][1]:
        return {}
    return {name: curve_as_svg(curve, spans, **size) for name, size in CHARTS.items()}


def registrations_line(details: RoomDetails, room: WebinarRoom, now: datetime) -> dict[str, Any] | None:
    """Return the number of registrations over time as the path of an SVG, until the room's start.

    :return: `path`, `area`, `first`, `last` and `end`: the fraction of the width at which the line ends, which is now.
    """
    if not details.registered:
        return None
    first = details.registered[0]
    last = max(room.starts_at or now, details.registered[-1] + timedelta(minutes=1))
    until = min(max(now, details.registered[-1]), last)
    curve = list(zip(details.registered, count(1)))
    return {**_line(curve, first, last, until), "first": first, "last": last}


def attendance_line(audience: Audience) -> dict[str, Any] | None:
    """Return the number of people present over time as the path of an SVG."""
    if not audience.curve or not audience.summary["peak"]:
        return None
    start, end = audience.spans[0][0], audience.spans[-1][1]
    # everybody leaves at the end, which would look like an edge
    curve = [(moment, number) for moment, number in audience.curve if moment < end]
    return _line(curve, start, end, end) if curve else None


def _line(curve: Sequence[tuple[datetime, int]], first: datetime, last: datetime, until: datetime) -> dict[str, Any]:
    highest = max(number for _, number in curve)

    def x(moment: datetime) -> int:
        return round((moment - first) / (last - first) * LINE_WIDTH)

    # one point for each place, or else a thousand people would make a long path
    points = {x(moment): round((1 - number / highest) * (LINE_HEIGHT - 4)) + 2 for moment, number in curve}
    path = f"M0 {LINE_HEIGHT}" + "".join(f"H{place}V{height}" for place, height in points.items()) + f"H{x(until)}"
    return {"path": path, "area": f"{path}V{LINE_HEIGHT}Z", "end": x(until)}


def _moment(moment: datetime | None) -> str:
    from markupsafe import Markup

    if moment is None:
        return ""
    utc = moment.astimezone(UTC)
    # the script shows it in the time zone that the user chose in Airflow
    return Markup('<time datetime="{}">{} UTC</time>').format(utc.isoformat(), f"{utc:%Y-%m-%d %H:%M}")


def _size(size: int | None) -> str:
    if not size:
        return ""
    value, unit = float(size), "B"
    for larger in ("kB", "MB", "GB", "TB"):
        if value < 1000:
            break
        value, unit = value / 1000, larger
    return f"{value:.3g} {unit}"


def _duration(seconds: float | None) -> str:
    if not seconds:
        return ""
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min"


def _percent(share: float | None) -> str:
    return "" if share is None else f"{share:.0%}"


FILTERS: Mapping[str, Callable[..., Any]] = {
    "moment": _moment,
    "size": _size,
    "duration": _duration,
    "percent": _percent,
    "in_words": times.in_words,
    "registrations_line": registrations_line,
    "attendance_line": attendance_line,
}


@cache
def _environment() -> Any:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader(str(__package__)),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= FILTERS
    return environment


def render(template: str, **shown: Any) -> str:
    """Return a page; everything that is shown is escaped."""
    text: str = _environment().get_template(template).render(**shown)
    return text
