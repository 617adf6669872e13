"""Log the requests, so that a test can check which requests a client sent and how often."""

from __future__ import annotations

from collections import Counter, deque
from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

if TYPE_CHECKING:
    from starlette.requests import Request

MAX_ENTRIES = 100_000
# The log shows these words instead of the API key of the sandbox, and instead of any other.
RIGHT_KEY, OTHER_KEY = "(the API key)", "(another key)"


class RequestLog:
    """Count every request, and keep the last 100,000 in full, but without API keys."""

    def __init__(self, api_key: str) -> None:
        self._api_key = api_key
        self.counts: Counter[str] = Counter()
        self.entries: deque[dict[str, Any]] = deque(maxlen=MAX_ENTRIES)

    def add(self, operation: str, request: Request, form: dict[str, Any], now: datetime) -> dict[str, Any]:
        """Add a request and return its entry. The entry gets its status when the sandbox sends the response."""
        entry = {
            "operation": operation,
            "method": request.method,
            "path": request.url.path,
            "query": self._masked(parse_qsl(request.url.query, keep_blank_values=True), "api_key"),
            "headers": self._masked(request.headers.items(), "x-api-key"),
            "form": form,
            "status": None,
            "time": now.isoformat(),
        }
        self.counts[operation] += 1
        self.entries.append(entry)
        return entry

    def _masked(self, pairs: Any, secret: str) -> dict[str, str]:
        shown = dict(pairs)
        if secret in shown:
            shown[secret] = RIGHT_KEY if shown[secret] == self._api_key else OTHER_KEY
        return shown

    def entries_for(self, operation: str | None) -> list[dict[str, Any]]:
        """Return the logged requests of one operation, or of all operations for None."""
        return [entry for entry in self.entries if operation in {None, entry["operation"]}]

    def clear(self) -> None:
        self.counts.clear()
        self.entries.clear()
