"""Log the requests, so that a test can check which requests a client sent and how often."""

from __future__ import annotations

from collections import Counter, deque
from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

if TYPE_CHECKING:
    from starlette.requests import Request

MAX_ENTRIES = 100_000


class RequestLog:
    """Count every request, and keep the last 100,000 in full."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.entries: deque[dict[str, Any]] = deque(maxlen=MAX_ENTRIES)

    def add(self, operation: str, request: Request, form: dict[str, Any], now: datetime) -> dict[str, Any]:
        """Add a request and return its entry. The entry gets its status when the sandbox sends the response."""
        entry = {
            "operation": operation,
            "method": request.method,
            "path": request.url.path,
            "query": dict(parse_qsl(request.url.query, keep_blank_values=True)),
            "headers": dict(request.headers),
            "form": form,
            "status": None,
            "time": now.isoformat(),
        }
        self.counts[operation] += 1
        self.entries.append(entry)
        return entry

    def entries_for(self, operation: str | None) -> list[dict[str, Any]]:
        """Return the logged requests of one operation, or of all operations for None."""
        return [entry for entry in self.entries if operation in {None, entry["operation"]}]

    def clear(self) -> None:
        self.counts.clear()
        self.entries.clear()
