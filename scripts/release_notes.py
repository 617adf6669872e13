"""Print the changelog of the version that is about to be released, if everything is ready: `make release-notes`.

The release workflow stops here if the changelog has no dated section for the version, if the version is released
already, or if the project's URLs are not those of the repository that releases it.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SECTION = r"^## \[(?P<version>[^]]+)\] - (?P<day>\S+)\n(?P<notes>.*?)(?=^## |\Z)"


def problems_of(version: str, changelog: str, pyproject: str, tags: set[str], repository: str | None) -> list[str]:
    """Return why the version cannot be released, each with what to do.

    :param changelog: the text of CHANGELOG.md.
    :param pyproject: the text of pyproject.toml.
    :param tags: the tags of the repository.
    :param repository: the URL of the repository that releases; None does not compare it.
    """
    problems = []
    section = _sections(changelog).get(version)
    if not section:
        problems.append(f"CHANGELOG.md has no section for {version}: add '## [{version}] - YYYY-MM-DD'.")
    elif not re.fullmatch(r"\d{4}-\d\d-\d\d", section["day"]):
        problems.append(f"CHANGELOG.md says {version} is {section['day']!r}: write the day of the release there.")
    elif not section["notes"].strip():
        problems.append(f"CHANGELOG.md says nothing about {version}: write what is new, changed and fixed.")
    if f"v{version}" in tags:
        problems.append(f"v{version} is a tag already: raise __version__ in airflow_clickmeeting/__init__.py.")
    source = tomllib.loads(pyproject)["project"]["urls"]["Source"]
    if repository and source != repository:
        problems.append(
            f"pyproject.toml names {source}, but {repository} releases: replace the address everywhere there."
        )
    return problems


def notes_of(version: str, changelog: str) -> str:
    """Return what the changelog says about a version."""
    return _sections(changelog)[version]["notes"].strip() + "\n"


def _sections(changelog: str) -> dict[str, dict[str, str]]:
    found = re.finditer(SECTION, changelog, re.MULTILINE | re.DOTALL)
    return {section["version"]: section.groupdict() for section in found}


def main() -> int:
    """Print the notes, or the problems to the standard error, and return the exit status."""
    package = (ROOT / "airflow_clickmeeting" / "__init__.py").read_text()
    version = re.search(r'^__version__ = "(.+)"', package, re.MULTILINE)[1]  # type: ignore[index]
    tags = subprocess.run(["git", "tag"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    name = os.environ.get("GITHUB_REPOSITORY")
    repository = name and f"{os.environ.get('GITHUB_SERVER_URL', 'https://github.com')}/{name}"
    changelog = (ROOT / "CHANGELOG.md").read_text()
    problems = problems_of(version, changelog, (ROOT / "pyproject.toml").read_text(), set(tags), repository)
    print(*problems, sep="\n", file=sys.stderr, end="\n" if problems else "")
    if not problems:
        print(notes_of(version, changelog), end="")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
