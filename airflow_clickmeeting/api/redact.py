"""Takes secrets out of text that people will read (reference 1.11)."""

from __future__ import annotations

import re
from collections.abc import Iterable

MASK = "***"

_PATTERNS = (
    re.compile(r"(?<=[?&;])(l|r|st|e|api_key|token|password)=[^&\s\"'<>]+"),
    re.compile(
        r"(\"(?:password|token|host|listener|presenter|r|url|\w*_hash|\w*_pin|\w*_url)\"\s*:\s*)"
        r"(?:\"(?:[^\"\\]|\\.)*\"?|\d+)"
    ),
    re.compile(r"(//)[^/@\s]+@"),
    re.compile(r"()\b(?:eu|us)?[0-9a-f]{32,48}\b"),
)
_ADDRESS = re.compile(r"[^\s@\"'<>(),:;]+@[^\s@\"'<>(),:;]+")
_REPLACEMENTS = (rf"\1={MASK}", rf'\1"{MASK}"', rf"\1{MASK}@", rf"\1{MASK}")


def mask(text: str, secrets: Iterable[str] = ()) -> str:
    """Return a text with the given secrets, personal links, passwords, and whatever looks like a key masked."""
    for secret in secrets:
        if secret:
            text = text.replace(secret, MASK)
    for pattern, replacement in zip(_PATTERNS, _REPLACEMENTS, strict=True):
        text = pattern.sub(replacement, text)
    return text


def without_addresses(text: str) -> str:
    """Return a text in which e-mail addresses are masked."""
    return _ADDRESS.sub(MASK, text)
