"""The curve of who was present over time, as SVG to stand in a page."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Point = tuple[datetime, int]

DAY = timedelta(days=1)
STEPS = [timedelta(minutes=minutes) for minutes in (1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720)]

# what is drawn with on the left takes its colour from the page: its text, its lines, its accent
INK = {"#010101": "var(--muted)", "#020202": "var(--line)", "#030303": "var(--accent)"}
MUTED, LINE, ACCENT = INK
STYLE: Any = {
    "axes.edgecolor": LINE,
    "axes.spines.left": False,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "font.size": 12,
    "grid.color": LINE,
    "path.simplify": False,
    "svg.fonttype": "none",
    "text.color": ACCENT,
    "xtick.color": LINE,
    "xtick.labelcolor": MUTED,
    "ytick.color": LINE,
    "ytick.labelcolor": MUTED,
}
NO_METADATA = dict.fromkeys(("Creator", "Date", "Format", "Type"))


def require_matplotlib() -> None:
    """See that the extra `report` is there.

    :raises ModuleNotFoundError: naming the extra when it is missing.
    """
    try:
        import matplotlib.figure  # noqa: F401
    except ImportError as error:
        raise ModuleNotFoundError("The report needs matplotlib: pip install 'airflow-clickmeeting[report]'") from error


def peak_of(curve: Sequence[Point]) -> Point:
    """Return when most were present, for the first time, and how many."""
    return max(curve, key=lambda point: point[1])


def curve_as_svg(curve: Sequence[Point], start: datetime, end: datetime, *, width: int, height: int) -> str:
    """Draw a curve that is not empty; the same one has the same bytes.

    :param curve: how many were present from each moment on.
    :param start: where it begins; times are told in its zone.
    :param end: where it ends.
    :param width: in the units of the picture, in which its letters are 12 high.
    :param height: likewise.
    """
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    picture = io.StringIO()
    with rc_context({**STYLE, "svg.hashsalt": f"{width}x{height}"}):
        figure = Figure(figsize=(width / 72, height / 72), layout="constrained")
        axes = figure.subplots()
        _draw(axes, [(start, 0), *curve, (end, curve[-1][1])])
        _mark(axes, peak_of(curve), start, end)
        _label(axes, start, end, most_times=width // 66)
        figure.savefig(picture, format="svg", metadata=NO_METADATA, transparent=True)
    return _for_a_page(picture.getvalue())


def _draw(axes: Axes, points: Sequence[Point]) -> None:
    moments, counts = zip(*points, strict=True)
    axes.fill_between(moments, counts, step="post", color=ACCENT, alpha=0.12, linewidth=0)
    axes.step(moments, counts, where="post", color=ACCENT, linewidth=1.75, clip_on=False)


def _mark(axes: Axes, peak: Point, start: datetime, end: datetime) -> None:
    """Write the peak above where it is, to the side on which there is room."""
    from matplotlib.dates import date2num

    moment, count = peak
    side = "left" if moment - start < (end - start) / 2 else "right"
    axes.plot(date2num(moment), count, "o", color=ACCENT, markersize=5, clip_on=False)
    axes.annotate(f"{count} at {moment:%H:%M}", peak, (0, 9), textcoords="offset points", ha=side, weight="bold")
    axes.set_ylim(0, count * 1.2)


def _label(axes: Axes, start: datetime, end: datetime, most_times: int) -> None:
    from matplotlib.dates import date2num
    from matplotlib.ticker import MaxNLocator

    times = _round_times(start, end, most_times)
    axes.set_xlim(date2num(start), date2num(end))
    axes.set_xticks([date2num(time) for time in times], [_told(time) for time in times])
    axes.yaxis.set_major_locator(MaxNLocator(nbins=4, integer=True, prune="lower"))
    axes.tick_params(length=0, pad=6)
    axes.grid(axis="y", linewidth=1)
    axes.set_axisbelow(True)


def _round_times(start: datetime, end: datetime, most: int) -> list[datetime]:
    """Return times of day that are multiples of the smallest step with which there are no more than wanted."""
    length = end - start
    days = -(-length // (most * DAY)) * DAY
    step = next((step for step in STEPS if length / step < most), days)
    midnight = start.replace(hour=0, minute=0, second=0, microsecond=0)
    first, last = -(-(start - midnight) // step), (end - midnight) // step
    return [midnight + number * step for number in range(first, last + 1)]


def _told(time: datetime) -> str:
    return f"{time:%H:%M}" if time.hour or time.minute else f"{time.day} {time:%b}"


def _for_a_page(document: str) -> str:
    """Leave out what only a file of its own needs, and names that another picture of the page would have as well."""
    svg = re.sub(r' id="[\w.]+_\d+"', "", document[document.index("<svg") :])
    for colour, of_the_page in INK.items():
        svg = svg.replace(colour, of_the_page)
    return svg
