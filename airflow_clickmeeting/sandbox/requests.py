"""The log of requests, so that a test can prove what was sent and how often."""

from __future__ import annotations

from collections import Counter, deque
from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

if TYPE_CHECKING:
    from starlette.requests import Request

KEPT = 100_000


class RequestLog:
    """Counts every request; remembers the last ones in full."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.entries: deque[dict[str, Any]] = deque(maxlen=KEPT)

    def add(self, operation: str, request: Request, form: dict[str, Any], now: datetime) -> dict[str, Any]:
        """Note a request; its status is filled in when it was answered."""
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

    def of(self, operation: str | None) -> list[dict[str, Any]]:
        """Return the remembered requests, of one operation or all."""
        return [entry for entry in self.entries if operation in {None, entry["operation"]}]

    def clear(self) -> None:
        """Forget everything."""
        self.counts.clear()
        self.entries.clear()
