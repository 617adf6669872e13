"""Mask secrets and e-mail addresses in texts that people read, such as errors and logs."""

from __future__ import annotations

import re
from collections.abc import Iterable

MASK = "***"

_PATTERNS = (
    # parameters of links
    re.compile(r"(?<=[?&;])(l|r|st|e|api_key|token|password)=[^&\s\"'<>]+"),
    # values in JSON; the closing quote may be missing, because an excerpt ends anywhere
    re.compile(
        r"(\"(?:password|token|host|listener|presenter|r|url|\w*_hash|\w*_pin|\w*_url)\"\s*:\s*)"
        r"(?:\"(?:[^\"\\]|\\.)*\"?|\d+)"
    ),
    # credentials in a URL
    re.compile(r"(//)[^/@\s]+@"),
    # whatever looks like an API key
    re.compile(r"()\b(?:eu|us)?[0-9a-f]{32,48}\b"),
)
_ADDRESS = re.compile(r"[^\s@\"'<>(),:;]+@[^\s@\"'<>(),:;]+")
_REPLACEMENTS = (rf"\1={MASK}", rf'\1"{MASK}"', rf"\1{MASK}@", rf"\1{MASK}")


def mask(text: str, secrets: Iterable[str] = ()) -> str:
    """Return a text in which secrets are replaced by `***`.

    These are personal and signed parts of links, passwords, tokens, PINs and hashes in JSON, credentials in URLs,
    whatever looks like an API key, and the given secrets.

    :param text: the text.
    :param secrets: further texts to mask; empty ones are ignored.
    """
    for secret in secrets:
        if secret:
            text = text.replace(secret, MASK)
    for pattern, replacement in zip(_PATTERNS, _REPLACEMENTS, strict=True):
        text = pattern.sub(replacement, text)
    return text


def without_addresses(text: str) -> str:
    """Return a text in which e-mail addresses are replaced by `***`."""
    return _ADDRESS.sub(MASK, text)
