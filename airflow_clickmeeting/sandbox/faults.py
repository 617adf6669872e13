"""Keep the faults that a test ordered: errors that a network, a proxy, or a broken or hostile server can cause."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from airflow_clickmeeting.sandbox.forms import Reader, flag, number, one_of

MEDIA = "media"
# What a service may send in answer to a request that it did not fulfil.
DENIALS: dict[str, Any] = {
    "result": {"result": "ERROR"},
    "status": {"status": "error"},
    "error": {"error": "Permission denied."},
    "success": {"success": False},
    "false": False,
    "null": None,
}
# Other lengths and encodings of the body than the sandbox's own would break its HTTP library.
_HEADER = re.compile(r"(?!transfer-encoding:)(content-length: [0-9]{0,15}|(?!content-length:)[\w-]+: [ -~\xa0-\xff]*)")


def _headers(value: Any) -> dict[str, str]:
    headers = {str(name).lower(): str(text).strip() for name, text in dict(value).items()}
    if wrong := [name for name, text in headers.items() if not _HEADER.fullmatch(f"{name}: {text}")]:
        raise ValueError(f"HTTP cannot send the header {wrong[0]!r}.")
    return headers


def _retry_after(value: Any) -> Any:
    if value not in {None, "date"}:
        _SECONDS(value)
    return value


_SECONDS, _COUNT, _STATUS = number(0, 1e6, float), number(0, 1 << 50), number(200, 599)

# The options of each kind of fault, and what reads the value of each.
KINDS: dict[str, dict[str, Reader]] = {
    "429": {"retry_after": _retry_after, "as_date": flag},
    "status": {"status": _STATUS, "body": one_of("json", "html", "empty")},
    "html": {},
    "html404": {},
    "empty": {},
    "error200": {},
    "redirect": {"status": _STATUS},
    "answer": {"json": lambda value: value, "status": _STATUS, "headers": _headers},
    "denied": {"shape": one_of(*DENIALS)},
    "changed": {"json": lambda value: value, "headers": _headers},
    "clock_skew": {"seconds": number(-1e9, 1e9, float)},
    "wrong_id": {},
    "changed_file": {},
    "unasked_206": {},
    "cut": {"after": _COUNT},
    "drip": {"seconds": _SECONDS},
    "bomb": {"size": _COUNT},
    "endless": {},
    "hang": {"seconds": _SECONDS},
    "reset": {},
    "lost": {},
}


@dataclass
class Fault:
    """Describe one ordered fault.

    :param operation: the operation that fails; `*` is every operation of the API, but not the file host (`media`).
    :param kind: a key of `KINDS`.
    :param times: the number of requests that get the fault; None is all of them.
    :param skip: the number of requests before them that do not get the fault.
    :param options: the options of the kind.
    """

    operation: str
    kind: str
    times: int | None
    skip: int
    options: dict[str, Any]

    def consume(self, operation: str) -> bool:
        """Count a request to an operation, and return whether the fault applies to it."""
        if self.times == 0 or (self.operation != operation and (self.operation != "*" or operation == MEDIA)):
            return False
        if self.skip:
            self.skip -= 1
            return False
        if self.times is not None:
            self.times -= 1
        return True


class Faults:
    """Hold the ordered faults. Each request gets the oldest fault that applies to it."""

    def __init__(self) -> None:
        self.ordered: list[Fault] = []

    def order(self, order: Mapping[str, Any], operations: set[str]) -> None:
        """Add the fault that a request to `POST /_sandbox/faults` describes.

        :raises ValueError: if the operation, the kind or an option does not exist, or if a value is wrong.
        """
        options = dict(order)
        operation, kind = str(options.pop("operation", "*")), str(options.pop("kind", ""))
        if kind not in KINDS:
            raise ValueError(f"The fault {kind!r} does not exist. Use one of: {', '.join(KINDS)}.")
        known = {MEDIA} if kind == "changed_file" else operations | {"*", MEDIA}
        if operation not in known:
            raise ValueError(f"The operation {operation!r} does not exist. Use one of: {', '.join(sorted(known))}.")
        times, skip, readers = options.pop("times", 1), options.pop("skip", 0), KINDS[kind]
        for name in sorted(options.keys() - readers.keys()):
            hint = f"Use one of: {', '.join(readers)}." if readers else "Remove the option."
            raise ValueError(f"The fault {kind!r} has no option {name!r}. {hint}")
        try:
            read = {name: readers[name](value) for name, value in options.items()}
            fault = Fault(operation, kind, None if times is None else _COUNT(times), _COUNT(skip), read)
        except (TypeError, ValueError) as error:
            raise ValueError(f"The fault {kind!r} cannot be ordered with {dict(order)}. {error}") from None
        self.ordered.append(fault)

    def take(self, operation: str) -> Fault | None:
        """Return the fault for this request, or None, and remove faults that are used up."""
        fault = next((fault for fault in self.ordered if fault.consume(operation)), None)
        self.ordered = [fault for fault in self.ordered if fault.times != 0]
        return fault
