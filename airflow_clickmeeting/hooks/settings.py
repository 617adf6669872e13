"""What a connection of type ClickMeeting says, checked and with defaults."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from airflow_clickmeeting import __version__
from airflow_clickmeeting.api.http import base_url

if TYPE_CHECKING:
    from airflow.sdk import Connection


@dataclass(frozen=True)
class Settings:
    """How to reach one ClickMeeting account.

    :param conn_id: the connection these come from.
    :param url: the API's address without a slash at its end.
    :param key: the API key.
    :param timeout: seconds to wait for an answer.
    :param connect_timeout: seconds to wait for a connection.
    :param max_attempts: how often a request is sent at most.
    :param max_requests_per_second: the pace; None is unlimited.
    :param verify: whether to check certificates, or the path of a CA bundle to check them against.
    :param proxies: proxy addresses by scheme.
    """

    conn_id: str
    url: str
    key: str = field(repr=False)
    timeout: float = 60
    connect_timeout: float = 10
    max_attempts: int = 5
    max_requests_per_second: float | None = None
    verify: bool | str = True
    proxies: tuple[tuple[str, str], ...] = field(default=(), repr=False)

    @classmethod
    def of(cls, connection: Connection) -> Settings:
        """Read a connection; fields that a form left untouched are null there and take their defaults.

        :raises ValueError: naming the connection and the field that is missing or wrong.
        """
        conn_id = str(connection.conn_id)
        key = (connection.password or "").strip()
        if not key:
            raise ValueError(
                f"Connection {conn_id!r} has no API key: put it into the field 'API key' (password). "
                "ClickMeeting shows keys under Account settings > API."
            )
        try:
            extra = {name: value for name, value in _extra(connection).items() if value not in (None, "")}
            return cls(
                conn_id=conn_id,
                key=_sendable(key),
                **{name: read(name, extra[name]) for name, read in _READERS.items() if name in extra},
                url=base_url(connection.host, connection.port),
            )
        except ValueError as error:
            raise ValueError(f"Connection {conn_id!r}: {error}") from None


def _extra(connection: Connection) -> dict[str, Any]:
    # not extra_dejson: in the triggerer, before 3.3.2, that masks with a call that may deadlock
    try:
        extra = json.loads(connection.extra or "{}")
    except ValueError:
        raise ValueError("extra is no JSON") from None
    if not isinstance(extra, dict):
        raise ValueError("extra must be a JSON object")  # noqa: TRY004 - a wrong setting, not a wrong program
    return extra


def _sendable(key: str) -> str:
    # checked here, for the HTTP libraries would quote it in what they raise
    if not all("!" <= letter <= "~" for letter in key):
        raise ValueError("the API key (password) holds a blank or a letter that no key has")
    return key


def _positive(name: str, value: Any) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = 0
    if not 0 < number < float("inf"):
        raise ValueError(f"{name} must be a number above zero; got {value!r}")
    return number


def _count(name: str, value: Any) -> int:
    number = _positive(name, value)
    if number != int(number):
        raise ValueError(f"{name} must be a whole number; got {value!r}")
    return int(number)


def _verify(_: str, value: Any) -> bool | str:
    words = {"true": True, "1": True, "false": False, "0": False}
    return words.get(str(value).strip().lower(), str(value))


def _proxies(name: str, value: Any) -> tuple[tuple[str, str], ...]:
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            value = {"http": value, "https": value}
    if not isinstance(value, dict) or not all("://" in str(proxy) for proxy in value.values()):
        raise ValueError(f"{name} must be a URL such as 'http://proxy.example.com:3128', or such URLs by scheme")
    return tuple(sorted((str(scheme), str(proxy)) for scheme, proxy in value.items()))


_READERS: dict[str, Callable[[str, Any], Any]] = {
    "timeout": _positive,
    "connect_timeout": _positive,
    "max_attempts": _count,
    "max_requests_per_second": _positive,
    "verify": _verify,
    "proxies": _proxies,
}


DEFAULT_CONN_ID = "clickmeeting_default"
KEY_HEADER = "X-Api-Key"
HEADERS = {"User-Agent": f"airflow-clickmeeting/{__version__}", "Accept": "application/json, */*;q=0.5"}
