"""Read the settings of a ClickMeeting account from its Airflow connection, and check them."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from airflow_clickmeeting import __version__
from airflow_clickmeeting.api.http import base_url

if TYPE_CHECKING:
    from airflow.sdk import Connection


@dataclass(frozen=True)
class Settings:
    """The settings for requests to one ClickMeeting account.

    :param conn_id: the connection that the settings were read from.
    :param url: the API's URL, without a slash at its end.
    :param key: the API key.
    :param timeout: the seconds to wait for a response, or for more of it.
    :param total_timeout: the seconds from the end of a request to the end of its response; downloads have none.
    :param max_response_size: the most bytes of a response that are held in memory, after its compression is undone.
    :param connect_timeout: the seconds to wait for a connection.
    :param max_attempts: how many times to send a request at most.
    :param max_requests_per_second: the most that a process sends; None is no limit until ClickMeeting answers 429.
    :param verify: whether to verify the server's certificate, or the path of a CA bundle to verify it with.
    :param proxies: the proxies' URLs by scheme, as pairs in alphabetical order.
    :param is_loopback: whether the API is on this machine, as a sandbox is.
    """

    conn_id: str
    url: str
    key: str = field(repr=False)
    timeout: float = 60
    total_timeout: float = 300
    max_response_size: int = 64 << 20
    connect_timeout: float = 10
    max_attempts: int = 5
    max_requests_per_second: float | None = None
    verify: bool | str = True
    proxies: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    is_loopback: bool = False

    @classmethod
    def of(cls, connection: Connection) -> Settings:
        """Return the settings of a connection; a field that is missing, null or empty gets its default.

        :raises ValueError: if a field is missing or wrong; it names the connection and the field.
        """
        conn_id = str(connection.conn_id)
        key = (connection.password or "").strip()
        if not key:
            raise ValueError(
                f"Connection {conn_id!r} has no API key: put it into the field 'API key' (password). "
                "ClickMeeting shows keys under Account settings > API."
            )
        try:
            extra = {name: value for name, value in _read_extra(connection).items() if value not in (None, "")}
            return cls(
                conn_id=conn_id,
                key=_check_key(key),
                **{name: parse(name, extra[name]) for name, parse in _PARSERS.items() if name in extra},
                is_loopback=_is_loopback(connection.host),
                url=base_url(connection.host, connection.port),
            )
        except ValueError as error:
            raise ValueError(f"Connection {conn_id!r}: {error}") from None


def _is_loopback(host: str | None) -> bool:
    name = urlsplit(host if "://" in (host or "") else f"//{host}").hostname or ""
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return name == "localhost"


def _read_extra(connection: Connection) -> dict[str, Any]:
    # not extra_dejson: before Airflow 3.3.2, it masks secrets with a call that may deadlock in the triggerer
    try:
        extra = json.loads(connection.extra or "{}")
    except ValueError:
        raise ValueError("extra is not valid JSON") from None
    if not isinstance(extra, dict):
        raise ValueError("extra must be a JSON object")  # noqa: TRY004 - a wrong setting, not a mistake in the code
    return extra


def _check_key(key: str) -> str:
    # checked here, because the HTTP libraries would show the key in their error
    if not all("!" <= character <= "~" for character in key):
        raise ValueError(
            "the API key (password) contains a space or another character that no API key has. Copy it again, without "
            "line breaks, from Account settings > API."
        )
    return key


def _positive_number(name: str, value: Any) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = 0
    if not 0 < number < float("inf"):
        raise ValueError(f"{name} must be a number above zero; got {value!r}")
    return number


def _whole_number(name: str, value: Any) -> int:
    number = _positive_number(name, value)
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
        raise ValueError(f"{name} must be a URL such as 'http://proxy.example.com:3128', or a dict of URLs by scheme")
    return tuple(sorted((str(scheme), str(proxy)) for scheme, proxy in value.items()))


_PARSERS: dict[str, Callable[[str, Any], Any]] = {
    "timeout": _positive_number,
    "total_timeout": _positive_number,
    "max_response_size": _whole_number,
    "connect_timeout": _positive_number,
    "max_attempts": _whole_number,
    "max_requests_per_second": _positive_number,
    "verify": _verify,
    "proxies": _proxies,
}


DEFAULT_CONN_ID = "clickmeeting_default"
#: the header with the API key
KEY_HEADER = "X-Api-Key"
#: a sandbox on this machine sends it with every response
SANDBOX_HEADER = "x-clickmeeting-sandbox"
#: what to do about a certificate that cannot be verified
TRUST = "Set verify in the extra of {connection} to the CA bundle of the server or of the proxy"
#: the headers of every request, besides the API key
HEADERS = {"User-Agent": f"airflow-clickmeeting/{__version__}", "Accept": "application/json, */*;q=0.5"}
