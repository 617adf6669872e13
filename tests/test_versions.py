"""The versions that are declared, the lines of the matrix, and the pages that promise them are the same."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from test_matrix import HEAD, LINES, table

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def test_the_table_of_the_readme_has_every_line():
    shown = re.search(rf"^\| {re.escape(' | '.join(HEAD))} \|\n(?:\|.*\n)+", (ROOT / "README.md").read_text(), re.M)
    rows = [tuple(cell.strip() for cell in row.strip("|").split("|")) for row in shown[0].splitlines()[2:]]
    assert table(rows) == shown[0].strip()
    assert [row[:-1] for row in rows] == [line.row("")[:-1] for line in LINES]
    assert all(result for *_, result in rows)


def test_the_lowest_versions_that_are_declared_are_those_of_the_first_line():
    lowest = {each.name: each.specifier for each in map(Requirement, PROJECT["dependencies"])}
    line = next(line for line in LINES if line.lowest)
    assert lowest["apache-airflow"] == SpecifierSet(f">={line.airflow}")
    assert lowest["apache-airflow-providers-common-compat"] == SpecifierSet(f">={line.compat}")


def test_each_python_that_is_declared_has_a_line():
    declared = {each.rpartition(" ")[2] for each in PROJECT["classifiers"] if ":: Python :: 3." in each}
    assert {line.python for line in LINES if line.newest} == declared


def test_the_public_workflow_runs_every_line():
    workflow = (ROOT / ".github" / "workflows" / "ci.yml").read_text()
    assert re.findall(r"^ +- (lowest|3\.\S+-py\S+)$", workflow, re.M) == [x.name for x in LINES if not x.newest]


def test_the_everyday_lines_are_lines_of_the_matrix():
    everyday = re.findall(r"^AIRFLOW_\S+ = (\S+) (\S+)$", (ROOT / "Makefile").read_text(), re.M)
    assert set(everyday) <= {(line.airflow, line.day) for line in LINES}
    assert len(everyday) == 3
