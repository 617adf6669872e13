"""Keep the faults that a test ordered: errors that a network, a proxy or an overloaded server can cause."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

# The options of each kind of fault.
KINDS: dict[str, tuple[str, ...]] = {
    "429": ("retry_after", "as_date"),
    "status": ("status", "body"),
    "html": (),
    "empty": (),
    "error200": (),
    "redirect": ("status",),
    "cut": ("after",),
    "hang": ("seconds",),
    "reset": (),
    "lost": (),
    "answer": ("json", "status", "headers"),
    "changed": ("json", "headers"),
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
    times: int | None = 1
    skip: int = 0
    options: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"The fault {self.kind!r} does not exist. Use one of: {', '.join(KINDS)}.")
        unknown = sorted(set(self.options) - set(KINDS[self.kind]))
        if unknown:
            known = f"Use one of: {', '.join(KINDS[self.kind])}." if KINDS[self.kind] else "Remove the option."
            raise ValueError(f"The fault {self.kind!r} has no option {unknown[0]!r}. {known}")

    def consume(self, operation: str) -> bool:
        """Count a request to an operation, and return whether the fault applies to it."""
        if self.times == 0 or (self.operation != operation and (self.operation != "*" or operation == "media")):
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

        :raises ValueError: if the operation, the kind or an option does not exist.
        """
        options = dict(order)
        operation, kind = str(options.pop("operation", "*")), str(options.pop("kind", ""))
        times, skip = options.pop("times", 1), int(options.pop("skip", 0))
        fault = Fault(operation, kind, None if times is None else int(times), skip, options)
        known = operations | {"*", "media"}
        if operation not in known:
            raise ValueError(f"The operation {operation!r} does not exist. Use one of: {', '.join(sorted(known))}.")
        self.ordered.append(fault)

    def take(self, operation: str) -> Fault | None:
        """Return the fault for this request, or None, and remove faults that are used up."""
        fault = next((fault for fault in self.ordered if fault.consume(operation)), None)
        self.ordered = [fault for fault in self.ordered if fault.times != 0]
        return fault
