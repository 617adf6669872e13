"""The curve of how many were present over time, as SVG inside a page."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from typing import Any

Point = tuple[datetime, int]

TEMPLATE = "chart.svg"
DAY = timedelta(days=1)
STEPS = [timedelta(minutes=minutes) for minutes in (1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720)]
MOST_COUNTS = 4

# in the units of the picture; the letters are 12 high, and a digit is about 7 wide
DIGIT = 7
LEFT, RIGHT, TOP, BOTTOM = 14, 20, 28, 24


def peak_of(curve: Sequence[Point]) -> Point:
    """Return the first moment at which most were present, and how many."""
    return max(curve, key=lambda point: point[1])


def curve_as_svg(curve: Sequence[Point], start: datetime, end: datetime, *, width: int, height: int) -> str:
    """Draw a curve that is not empty; the same curve gives the same bytes.

    The picture takes its colours from the page: `--muted`, `--line` and `--accent`. It has no ids, since another
    picture in the same page would have the same ones.

    :param curve: how many were present from each moment on.
    :param start: where the curve begins; the picture shows times in the zone of this one.
    :param end: where the curve ends.
    :param width: in the units of the picture, in which its letters are 12 high.
    :param height: likewise.
    """
    moment, most = peak_of(curve)
    counts = _round_counts(most)
    left, right, bottom = LEFT + DIGIT * len(str(counts[-1])), width - RIGHT, height - BOTTOM

    def x(moment: datetime) -> str:
        return _number(left + _share(moment, start, end) * (right - left))

    def y(count: int) -> str:
        return _number(bottom - count / most * (bottom - TOP))

    svg: str = _template().render(
        width=width,
        height=height,
        left=left,
        right=right,
        bottom=bottom,
        lines=[{"y": y(count), "text": count} for count in counts],
        times=[{"x": x(time), "text": _time_text(time)} for time in _round_times(start, end, most=width // 66)],
        points=[{"x": x(time), "y": y(count)} for time, count in curve],
        peak={
            "x": x(moment),
            "y": y(most),
            "text": f"{most} at {moment:%H:%M}",
            # the text runs towards the half of the picture that has room for it
            "side": "start" if _share(moment, start, end) < 1 / 2 else "end",
        },
    )
    return svg


def _share(moment: datetime, start: datetime, end: datetime) -> float:
    # timestamps, because a difference within one zone ignores the hour at which its clocks change
    return (moment.timestamp() - start.timestamp()) / (end.timestamp() - start.timestamp())


def _number(value: float) -> str:
    """Return a coordinate with one digit after the point: a finer one cannot be seen, and makes the page larger."""
    return f"{round(value, 1):g}"


def _round_counts(most: int) -> list[int]:
    """Return 0 and the multiples, up to `most`, of the smallest of 1, 2, 5, 10, 20, 50, ... that gives a few."""
    power = 1
    while most // (5 * power) > MOST_COUNTS:
        power *= 10
    step = next(step for step in (power, 2 * power, 5 * power) if most // step <= MOST_COUNTS)
    return list(range(0, most + 1, step))


def _round_times(start: datetime, end: datetime, most: int) -> list[datetime]:
    """Return the times of day that are multiples of the smallest step that gives no more than `most`."""
    first, last = start.astimezone(UTC), end.astimezone(UTC)
    length = last - first
    days = -(-length // (most * DAY)) * DAY
    step = next((step for step in STEPS if length / step < most), days)
    midnight = start.replace(hour=0, minute=0, second=0, microsecond=0)
    # both folds, because clocks that go back show a time twice; the span has a day more than the length, since it
    # begins at midnight, and another for the hours by which clocks change
    walls = [midnight + number * step for number in range((length + 2 * DAY) // step)]
    moments = {wall.replace(fold=fold).astimezone(UTC) for wall in walls for fold in (0, 1)}
    return [moment.astimezone(start.tzinfo) for moment in sorted(moments) if first <= moment <= last]


def _time_text(time: datetime) -> str:
    return f"{time:%H:%M}" if time.hour or time.minute else f"{time.day} {time:%b}"


def _template() -> Any:
    from jinja2 import Environment, StrictUndefined

    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    return environment.from_string((files(__package__) / TEMPLATE).read_text(encoding="utf-8"))
