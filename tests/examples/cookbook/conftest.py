"""What the tests of the cookbook share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from http_sink import HttpSink, http_sink


@pytest.fixture
def sink() -> Iterator[HttpSink]:
    """A server on this machine instead of a chat or a CRM."""
    with http_sink() as sink:
        yield sink
