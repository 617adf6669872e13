"""Draw the graphs of the cookbook's DAGs for the documentation: `python scripts/draw_graphs.py`.

Each picture is an SVG that loads nothing. A test compares the pictures with the DAGs.
"""

from __future__ import annotations

import re
from collections import defaultdict
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

ROOT = Path(__file__).resolve().parent.parent
PAGES = ROOT / "docs" / "cookbook"
GRAPHS = PAGES / "graphs"
INCLUDED = re.compile(r'^--8<-- "(example_dags/.*\.py)"$', re.MULTILINE)
CHARACTER, HEIGHT, GAP_X, GAP_Y, MARGIN = 7.2, 40, 44, 26, 24
ARROWHEAD = (
    '<marker id="a" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
    '<path d="M0 0L8 4L0 8z" fill="#555"/></marker>'
)
EVENT, OPERATOR, FUNCTION, BRANCH = "#fff3d6", "#dcebfb", "#eeeeee", "#e3f4e1"


class Box(NamedTuple):
    """A task or an event: its two lines of text, its color, and the id of its task group."""

    title: str
    kind: str
    color: str
    group: str


def recipes() -> dict[str, Path]:
    """Return the DAG file that each page of the cookbook includes, by the page's name."""
    found = {page.stem: INCLUDED.findall(page.read_text()) for page in sorted(PAGES.glob("*.md"))}
    return {name: ROOT / files[0] for name, files in found.items() if files}


def boxes_and_arrows(dag: Any) -> tuple[dict[str, Box], list[tuple[str, str]]]:
    """Return the tasks of a DAG and the assets that start it, and the arrows between them."""
    boxes, arrows = {}, []
    for task in dag.tasks:
        group = task.task_group.group_id or "" if task.task_group else ""
        kind = task.task_type.removeprefix("ClickMeeting").removesuffix("Operator")
        is_ours, is_function = task.task_type.startswith("ClickMeeting"), kind.startswith("_")
        color = OPERATOR if is_ours else FUNCTION if is_function else BRANCH
        kind = {"_PythonDecorated": "@task", "_ShortCircuitDecorated": "@task.short_circuit"}.get(kind, kind)
        mapped = " [ ]" if task.is_mapped else ""
        boxes[task.task_id] = Box(task.task_id.removeprefix(f"{group}.") + mapped, kind, color, group)
        arrows += [(task.task_id, each) for each in sorted(task.downstream_task_ids)]
    roots = [task.task_id for task in dag.tasks if not task.upstream_task_ids]
    condition = getattr(dag.timetable, "asset_condition", None)
    for asset in condition.objects if condition else ():
        boxes[asset.uri] = Box(asset.name.partition("/")[2], "event", EVENT, "")
        arrows += [(asset.uri, root) for root in roots]
    return boxes, arrows


def columns_of(boxes: Mapping[str, Box], arrows: list[tuple[str, str]]) -> list[list[str]]:
    """Return the boxes in columns, each box behind all that it waits for, and beside those of its group."""
    before: dict[str, list[str]] = defaultdict(list)
    for source, target in arrows:
        before[target].append(source)
    rank: dict[str, int] = {}

    def rank_of(box: str) -> int:
        if box not in rank:
            rank[box] = max((rank_of(each) + 1 for each in before[box]), default=0)
        return rank[box]

    columns: dict[int, list[str]] = defaultdict(list)
    for box in boxes:
        columns[rank_of(box)].append(box)
    order: dict[str, float] = {}
    for number in sorted(columns):
        above = {box: [order[each] for each in before[box]] or [0.0] for box in columns[number]}
        columns[number].sort(key=lambda box: (sum(above[box]) / len(above[box]), boxes[box].group, box))
        order |= {box: float(place) for place, box in enumerate(columns[number])}
    return [columns[number] for number in sorted(columns)]


def draw(dag: Any) -> str:
    """Return the graph of a DAG as SVG."""
    boxes, arrows = boxes_and_arrows(dag)
    places: dict[str, tuple[float, float, float]] = {}
    columns = columns_of(boxes, arrows)
    tallest = max(map(len, columns))
    left = float(MARGIN)
    for column in columns:
        width = max(CHARACTER * max(len(boxes[box].title), len(boxes[box].kind)) + 20 for box in column)
        top = MARGIN + (tallest - len(column)) * (HEIGHT + GAP_Y) / 2
        for row, box in enumerate(column):
            places[box] = (left, top + row * (HEIGHT + GAP_Y), width)
        left += width + GAP_X
    size = (left - GAP_X + MARGIN, tallest * (HEIGHT + GAP_Y) - GAP_Y + 2 * MARGIN)
    lines = [
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {0:.0f} {1:.0f}" width="{0:.0f}" height="{1:.0f}" '
        'role="img" font-family="sans-serif">'.format(*size),
        f"<title>The graph of the DAG {escape(dag.dag_id)}</title>",
        f"<defs>{ARROWHEAD}</defs>",
        '<rect width="100%" height="100%" fill="#fff"/>',
        *_groups(boxes, places),
        *(_arrow(places[source], places[target]) for source, target in arrows),
        *(_box(boxes[box], *places[box]) for box in boxes),
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def _groups(boxes: Mapping[str, Box], places: Mapping[str, tuple[float, float, float]]) -> Iterator[str]:
    for group in sorted({box.group for box in boxes.values()} - {""}):
        inside = [places[name] for name, box in boxes.items() if box.group == group]
        left, top = min(x for x, _, _ in inside) - 10, min(y for _, y, _ in inside) - 18
        right, bottom = max(x + width for x, _, width in inside) + 10, max(y for _, y, _ in inside) + HEIGHT + 8
        yield (
            f'<rect x="{left:.0f}" y="{top:.0f}" width="{right - left:.0f}" height="{bottom - top:.0f}" rx="6" '
            'fill="none" stroke="#888" stroke-dasharray="4 3"/>'
            f'<text x="{left + 6:.0f}" y="{top + 12:.0f}" font-size="11" fill="#555">{escape(group)} [ ]</text>'
        )


def _arrow(source: tuple[float, float, float], target: tuple[float, float, float]) -> str:
    x1, y1, x2, y2 = source[0] + source[2], source[1] + HEIGHT / 2, target[0] - 1, target[1] + HEIGHT / 2
    bend = min((x2 - x1) / 2, GAP_X)
    path = f"M{x1:.0f} {y1:.0f}C{x1 + bend:.0f} {y1:.0f} {x2 - bend:.0f} {y2:.0f} {x2:.0f} {y2:.0f}"
    return f'<path d="{path}" fill="none" stroke="#555" marker-end="url(#a)"/>'


def _box(box: Box, x: float, y: float, width: float) -> str:
    middle = x + width / 2
    return (
        f'<rect x="{x:.0f}" y="{y:.0f}" width="{width:.0f}" height="{HEIGHT}" rx="5" fill="{box.color}" stroke="#555"/>'
        f'<text x="{middle:.0f}" y="{y + 17:.0f}" font-size="13" text-anchor="middle">{escape(box.title)}</text>'
        f'<text x="{middle:.0f}" y="{y + 32:.0f}" font-size="11" text-anchor="middle" fill="#555">'
        f"{escape(box.kind)}</text>"
    )


def main() -> None:
    """Draw all graphs anew."""
    from airflow.dag_processing.dagbag import DagBag

    GRAPHS.mkdir(exist_ok=True)
    dags = DagBag(ROOT / "example_dags").dags
    for name, path in recipes().items():
        (GRAPHS / f"{name}.svg").write_text(draw(dags[path.stem]))


if __name__ == "__main__":
    main()
