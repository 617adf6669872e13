"""Show the attendance of a session as one HTML page.

The page loads no other file and runs no script. Names and comments come from attendees, so the template escapes them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta, tzinfo
from functools import partial
from itertools import groupby
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from airflow_clickmeeting.api import times
from airflow_clickmeeting.attendance.chart import curve_as_svg, peak_of, template
from airflow_clickmeeting.attendance.intervals import MINUTE, NOTHING, gaps, total

if TYPE_CHECKING:
    from airflow_clickmeeting.attendance.compute import Attendance, Participation
    from airflow_clickmeeting.attendance.polls import QuestionResult

TEMPLATE = "page.html"
# A wide chart for a desktop and paper, and a narrow one for a phone; the page's style sheet shows one of them.
CHARTS = {"wide": {"width": 840, "height": 260}, "narrow": {"width": 330, "height": 230}}
GROUPS = {
    "attended": "Registered and came",
    "walk_in": "Came without registration",
    "no_show": "Registered, did not come",
    None: "Hosts and presenters",
}


def page(
    found: Attendance,
    *,
    title: str,
    polls: Sequence[QuestionResult] = (),
    unread_polls: int = 0,
    zone: tzinfo | None = None,
    rejoin_gap: timedelta = NOTHING,
    show_people: bool = True,
) -> bytes:
    """Return the page as UTF-8 bytes; the same arguments give the same bytes.

    :param found: the attendance of a session, or of an event of several sessions, which must have ended.
    :param title: the heading of the page.
    :param polls: the results of the questions in polls.
    :param unread_polls: how many parts of polls could not be read, for a note on the page.
    :param zone: the time zone of the times on the page; by default the UTC offset of the start.
    :param rejoin_gap: the absences that counted as presence, for a note on the page.
    :param show_people: whether to list people, and the texts that they gave as answers in polls; if not, the page has
        no personal data.
    """
    zone = zone or found.spans[0][0].tzinfo
    spans = [(start.astimezone(zone), end.astimezone(zone)) for start, end in found.spans]
    start = spans[0][0]
    curve = [(moment.astimezone(zone), count) for moment, count in found.curve]
    filters: dict[str, Callable[..., str]]
    filters = {"clock": partial(_clock, start=start), "day": _day, "minutes": _minutes, "percent": _percent}
    text: str = template(TEMPLATE, **filters).render(
        title=title,
        start=start,
        end=spans[-1][1],
        length=total(found.spans) / MINUTE,
        sessions=len(found.session_ids),
        breaks=gaps(spans),
        zone=zone,
        summary=found.summary,
        peak=peak_of(curve) if curve else None,
        pictures={name: curve_as_svg(curve, spans, **size) for name, size in CHARTS.items() if curve},
        groups=_groups(found.rows) if show_people else {},
        polls=groupby(polls, key=attrgetter("poll")),
        show_answers=show_people,
        unread_polls=unread_polls,
        staff=sum(row["is_staff"] for row in found.rows),
        rejoin_gap=rejoin_gap / MINUTE,
        not_counted=found.not_counted,
        skipped=len(found.skipped),
    )
    return text.encode("utf-8", "replace")


def _groups(rows: Iterable[Participation]) -> dict[str, list[Participation]]:
    """Return the people of each status, sorted by name, under the heading of the status, without empty groups."""
    by_status: dict[Any, list[Participation]] = {status: [] for status in GROUPS}
    for row in sorted(rows, key=_sort_key):
        by_status[row["status"]].append(row)
    return {GROUPS[status]: people for status, people in by_status.items() if people}


def _sort_key(row: Participation) -> tuple[str, str]:
    return (row["nickname"] or row["person"]).casefold(), row["person"]


def _clock(moment: datetime | str, start: datetime) -> str:
    """Return a time of day, with the date if it is not the date of the session's start."""
    local = (times.parse(moment) if isinstance(moment, str) else moment).astimezone(start.tzinfo)
    return f"{local:%H:%M}" if local.date() == start.date() else f"{local.day} {local:%b %H:%M}"


def _day(moment: datetime) -> str:
    return f"{moment:%A}, {moment.day} {moment:%B %Y}"


def _minutes(minutes: float) -> str:
    return f"{round(minutes, 1):g}"


def _percent(share: float) -> str:
    return f"{share:.0%}"
