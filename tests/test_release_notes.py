"""The release workflow publishes only a version whose changelog, tag and addresses are ready."""

from __future__ import annotations

from pathlib import Path

import pytest
from release_notes import notes_of, problems_of

ROOT = Path(__file__).parents[1]
REPOSITORY = "https://github.com/example/airflow-clickmeeting"
PYPROJECT = f'[project.urls]\nSource = "{REPOSITORY}"\n'
CHANGELOG = """# Changelog

## [1.1.0] - 2026-12-01

### Added

- Something.

## [1.0.1] - 2026-11-31

## [1.0.0] - unreleased

- Everything.
"""


def test_a_version_that_is_ready():
    assert problems_of("1.1.0", CHANGELOG, PYPROJECT, {"v1.0.0"}, REPOSITORY) == []
    assert notes_of("1.1.0", CHANGELOG) == "### Added\n\n- Something.\n"


@pytest.mark.parametrize(
    ("version", "changes", "problem"),
    [
        ("2.0.0", {}, "CHANGELOG.md has no section for 2.0.0: "),
        ("1.0.1", {}, "CHANGELOG.md says nothing about 1.0.1: "),
        ("1.0.0", {}, "CHANGELOG.md says 1.0.0 is 'unreleased': "),
        ("1.1.0", {"tags": {"v1.1.0"}}, "v1.1.0 is a tag already: "),
        ("1.1.0", {"repository": "https://github.com/fork/it"}, f"pyproject.toml names {REPOSITORY}, but https"),
    ],
)
def test_a_version_that_is_not_ready(version, changes, problem):
    given = {"changelog": CHANGELOG, "pyproject": PYPROJECT, "tags": set(), "repository": REPOSITORY}
    (found,) = problems_of(version, **given | changes)
    assert found.startswith(problem)


def test_the_changelog_has_a_section_for_the_version_of_the_package():
    from airflow_clickmeeting import __version__

    assert notes_of(__version__, (ROOT / "CHANGELOG.md").read_text())
