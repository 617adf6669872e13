"""Draw the number of people present over time as an SVG chart that is part of a page."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from typing import Any

from airflow_clickmeeting.attendance.intervals import Interval, gaps

Point = tuple[datetime, int]

TEMPLATE = "chart.svg"
DAY = timedelta(days=1)
TIME_STEPS = [timedelta(minutes=minutes) for minutes in (1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720)]
MAX_COUNT_STEPS = 4

# Lengths in the units of the chart: text is 12 high, and a digit is about 7 wide.
DIGIT_WIDTH = 7
LEFT, RIGHT, TOP, BOTTOM = 14, 20, 28, 24


def peak_of(curve: Sequence[Point]) -> Point:
    """Return the highest number of people, with the first time at which so many were present."""
    return max(curve, key=lambda point: point[1])


def curve_as_svg(curve: Sequence[Point], spans: Sequence[Interval], *, width: int, height: int) -> str:
    """Return a curve as SVG; the same arguments give the same text.

    The chart takes its colours from the page: `--muted`, `--line` and `--accent`. It has no element ids, because a page
    has two charts, and their ids would be the same.

    :param curve: each time at which the number of people changed, with the new number; at least one.
    :param spans: the times in which sessions took place, sorted, with some length; the chart goes from the first start
        to the last end, shades the breaks, and shows times in the zone of the first start.
    :param width: the width in units of which the text is 12 high.
    :param height: the height in the same units.
    """
    (start, _), (_, end) = spans[0], spans[-1]
    peak_time, peak = peak_of(curve)
    counts = _round_counts(peak)
    left, right, bottom = LEFT + DIGIT_WIDTH * len(str(counts[-1])), width - RIGHT, height - BOTTOM

    def x(moment: datetime) -> str:
        return _number(left + _share(moment, start, end) * (right - left))

    def y(count: int) -> str:
        return _number(bottom - count / peak * (bottom - TOP))

    svg: str = template(TEMPLATE).render(
        width=width,
        height=height,
        left=left,
        right=right,
        top=TOP,
        bottom=bottom,
        breaks=[{"left": x(began), "right": x(ended)} for began, ended in gaps(spans)],
        lines=[{"y": y(count), "text": count} for count in counts],
        times=[{"x": x(time), "text": _time_text(time)} for time in _round_times(start, end, max_times=width // 66)],
        points=[{"x": x(time), "y": y(count)} for time, count in curve],
        peak={
            "x": x(peak_time),
            "y": y(peak),
            "text": f"{peak} at {peak_time:%H:%M}",
            # The text is written towards the half of the chart that has space for it.
            "side": "start" if _share(peak_time, start, end) < 1 / 2 else "end",
        },
    )
    return svg


def _share(moment: datetime, start: datetime, end: datetime) -> float:
    # Python ignores a change of the clocks when it subtracts two times of the same zone, so timestamps are needed.
    return (moment.timestamp() - start.timestamp()) / (end.timestamp() - start.timestamp())


def _number(value: float) -> str:
    """Return a coordinate with one decimal: more decimals would be invisible, and would make the page larger."""
    return f"{round(value, 1):g}"


def _round_counts(peak: int) -> list[int]:
    """Return the labels of the count axis: 0 and up to four multiples of 1, 2, 5, 10, 20, 50, ... up to `peak`."""
    power = 1
    while peak // (5 * power) > MAX_COUNT_STEPS:
        power *= 10
    step = next(step for step in (power, 2 * power, 5 * power) if peak // step <= MAX_COUNT_STEPS)
    return list(range(0, peak + 1, step))


def _round_times(start: datetime, end: datetime, max_times: int) -> list[datetime]:
    """Return the labels of the time axis: multiples of the smallest step that gives at most `max_times` of them."""
    first, last = start.astimezone(UTC), end.astimezone(UTC)
    length = last - first
    days = -(-length // (max_times * DAY)) * DAY
    step = next((step for step in TIME_STEPS if length / step < max_times), days)
    midnight = start.replace(hour=0, minute=0, second=0, microsecond=0)
    # Both folds are needed, because clocks that go back show a time twice. The range is two days longer than the curve:
    # one day because it starts at midnight, and one for the hours by which clocks change.
    local_times = [midnight + number * step for number in range((length + 2 * DAY) // step)]
    moments = {local.replace(fold=fold).astimezone(UTC) for local in local_times for fold in (0, 1)}
    return [moment.astimezone(start.tzinfo) for moment in sorted(moments) if first <= moment <= last]


def _time_text(time: datetime) -> str:
    return f"{time:%H:%M}" if time.hour or time.minute else f"{time.day} {time:%b}"


def template(name: str, **filters: Callable[..., str]) -> Any:
    """Return a Jinja template of this folder, which escapes what it shows.

    :param filters: functions that the template uses as filters.
    """
    from jinja2 import Environment, StrictUndefined

    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters |= filters
    return environment.from_string((files(__package__) / name).read_text(encoding="utf-8"))
