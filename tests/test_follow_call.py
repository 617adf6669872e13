"""A single call stays easy to follow: how many files it passes, and that CONTRIBUTING.md shows the way it takes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MAX_SWITCHES = 70


@pytest.fixture(scope="module")
def printed() -> dict[str, list[str]]:
    """Run the script, and return the steps of each call with its title."""
    script = [sys.executable, str(ROOT / "scripts" / "follow_call.py")]
    text = subprocess.run(script, capture_output=True, text=True, check=True).stdout
    parts = [line for part in text.split("\n\n") if (line := part.strip("\n"))]
    return {title: [*steps.splitlines(), numbers] for title, steps, numbers in zip(*[iter(parts)] * 3, strict=True)}


@pytest.mark.parametrize(("title", "max_files"), [("Register one person in bulk", 14), ("Export one session", 16)])
def test_a_call_passes_few_files(printed, title, max_files):
    *steps, numbers = printed[title]
    files = {step.split()[0] for step in steps}
    assert len(files) <= max_files
    assert len(steps) - 1 <= MAX_SWITCHES
    assert numbers == f"{len(files)} files, {len(steps) - 1} switches between them"


def test_contributing_shows_the_call(printed):
    *steps, numbers = printed["Register one person in bulk"]
    block = "\n".join([*steps, "", numbers])
    assert f"```text\n{block}\n```" in (ROOT / "CONTRIBUTING.md").read_text()
