"""The language of what people read: words that puzzled readers do not come back."""

from __future__ import annotations

from pathlib import Path

import pytest

import airflow_clickmeeting

ROOT = Path(airflow_clickmeeting.__file__).parent
WORST = (
    "came to nothing",
    "come to nothing",
    "let me look",
    "not so after",
    "where 0 may",
    "speaks against",
    "speak against",
    "begin anew",
    "takes the access",
    "whatever fails on the way",
)


@pytest.mark.parametrize("path", sorted(ROOT.rglob("*.py")), ids=lambda path: path.relative_to(ROOT).as_posix())
def test_the_worst_words_are_nowhere(path):
    text = " ".join(path.read_text().lower().split())
    assert [words for words in WORST if words in text] == []
