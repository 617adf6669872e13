"""The blocks of the documentation's pages."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]
BLOCK = re.compile(
    r"^``` ?(?P<language>\S*)[^\n]*\n(?P<text>.*?)^```\n(?=\n*(?P<after>[^\n]*))",
    re.MULTILINE | re.DOTALL,
)


@dataclass(frozen=True)
class Block:
    """A block of code: its language, its text, and the line after it."""

    page: str
    language: str
    text: str
    after: str

    @property
    def is_marked(self) -> bool:
        """Whether the page says below the block that no test runs it."""
        return self.after.startswith("*Not run by a test")

    @property
    def commands(self) -> str:
        """The text as a shell takes it: without prompts, and without what the commands print."""
        if self.language != "console":
            return self.text
        lines = self.text.splitlines()
        kept = [
            line.removeprefix("$ ")
            for before, line in zip(["", *lines], lines, strict=False)
            if line.startswith("$ ") or before.endswith("\\")
        ]
        return "\n".join(kept) + "\n"


def blocks(page: Path) -> Iterator[Block]:
    """Yield the blocks of a page, from its top."""
    for match in BLOCK.finditer(page.read_text()):
        yield Block(page.relative_to(ROOT).as_posix(), match["language"], match["text"], match["after"])
