"""Mask secrets and e-mail addresses in texts that people read, such as errors and logs."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable

MASK = "***"

_QUOTED = r"""(?:"(?:[^"\\]|\\.)*"?|'(?:[^'\\]|\\.)*'?|\d+)"""  # the end may be missing, since an excerpt ends anywhere
_NAMES = r"(?:\w*password|\w*token|host|listener|presenter|r|url|\w*_hash|\w*_pin|\w*_url|api_?key)"
_PATTERNS = (
    # parameters of links and forms
    (r"(?<=[?&;])(l|r|st|e|api_key|token|password)=[^&\s\"'<>]+", rf"\1={MASK}"),
    (r"\b(\w*password|api_?key)=[^&\s\"'<>]+", rf"\1={MASK}"),
    # values of JSON and of Python's dicts
    (rf"""(["']{_NAMES}["']\s*:\s*){_QUOTED}""", rf'\1"{MASK}"'),
    # lists of access tokens
    (r"""(\[\s*)["'][A-Z0-9]{4,12}["'](\s*,\s*["'][A-Z0-9]{4,12}["'])*""", rf'\1"{MASK}"'),
    # credentials in a URL
    (r"(//)[^/@\s]+@", rf"\1{MASK}@"),
    # whatever looks like an API key
    (r"\b(?:eu|us)?[0-9a-f]{32,48}\b", MASK),
)
_COMPILED = [(re.compile(pattern, re.IGNORECASE), replacement) for pattern, replacement in _PATTERNS]
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")
_WORD = r"[^\s@\"'<>(),:;]"
# a search that began within a word would take the square of its length
_ADDRESS = re.compile(rf"(?<!{_WORD}){_WORD}++@{_WORD}+")


def mask(text: str, secrets: Iterable[str] = ()) -> str:
    """Return a text in which secrets are replaced by `***`, and control characters by their escapes.

    Secrets are personal and signed parts of links, passwords, tokens, PINs and hashes in JSON or in Python's dicts,
    credentials in URLs, whatever looks like an API key, and the given texts. Control characters could make a line of
    the service look like a line of the log.

    :param text: the text.
    :param secrets: further texts to mask; empty ones are ignored.
    """
    for secret in secrets:
        if secret:
            text = text.replace(secret, MASK)
    for pattern, replacement in _COMPILED:
        text = pattern.sub(replacement, text)
    return _CONTROL.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def mask_record(record: logging.LogRecord) -> bool:
    """Mask the secrets in a log record, as a filter of the loggers of HTTP libraries, which log signed links."""
    record.msg, record.args = mask(record.getMessage()), ()
    return True


def without_addresses(text: str) -> str:
    """Return a text in which e-mail addresses are replaced by `***`."""
    return _ADDRESS.sub(MASK, text)
