"""The pages of the cookbook: each shows a whole DAG that is short, and its graph as the DAG is now."""

from __future__ import annotations

from pathlib import Path

import pytest
from draw_graphs import GRAPHS, PAGES, ROOT, draw, recipes

# Airflow's own `@task.sensor`, which another example uses, imports that
pytestmark = pytest.mark.filterwarnings("ignore:.*operator_helpers.determine_kwargs. attribute is deprecated")

RECIPES = recipes()


@pytest.mark.parametrize("name", RECIPES)
def test_the_picture_is_the_graph_of_the_dag(examples, name):
    picture = (GRAPHS / f"{name}.svg").read_text()
    assert picture == draw(examples.dags[RECIPES[name].stem]), "run `python scripts/draw_graphs.py`"
    assert f"](graphs/{name}.svg)" in (PAGES / f"{name}.md").read_text()


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_is_short_and_its_page_complete(name):
    assert sum("--8<--" not in line for line in RECIPES[name].read_text().splitlines()) < 100
    page = (PAGES / f"{name}.md").read_text()
    for heading in ("## What it needs", "## What happens when it fails half-way", "## The DAG"):
        assert heading in page
    assert f"]({name}.md)" in (PAGES / "index.md").read_text()
    assert f"cookbook/{name}.md" in (ROOT / "mkdocs.yml").read_text()


def test_each_recipe_has_a_page():
    assert {*Path(ROOT, "example_dags", "cookbook").glob("*.py")} <= {*RECIPES.values()}
    assert {path.stem for path in PAGES.glob("*.md")} == {"index", *RECIPES}
