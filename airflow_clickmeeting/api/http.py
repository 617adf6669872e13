"""A Call to the request that is sent, and the answer to data or to the Problem it is (reference 1.3 to 1.10)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from os import SEEK_END
from typing import IO, Any, TypeVar
from urllib.parse import quote, urlencode, urlsplit

from airflow_clickmeeting.api.call import Call, Upload
from airflow_clickmeeting.api.errors import ApiError, ParseError, kind_of
from airflow_clickmeeting.api.redact import mask

T = TypeVar("T")

DEFAULT_URL = "https://api.clickmeeting.com/v1"
EXCERPT = 200
BOUNDARY = "airflow-clickmeeting-7f1e0b9c4d6a"
CHUNK = 1 << 20


@dataclass(frozen=True)
class Multipart:
    """A file as a multipart body, in pieces, so that it is never whole in memory."""

    upload: Upload

    @property
    def head(self) -> bytes:
        """What comes before the file's bytes: one part named `uploaded`."""
        name = self.upload.name.replace("\\", "%5C").replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")
        return (
            f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="uploaded"; filename="{name}"\r\n'
            "Content-Type: application/octet-stream\r\n\r\n"
        ).encode()

    @property
    def tail(self) -> bytes:
        """What comes after them."""
        return f"\r\n--{BOUNDARY}--\r\n".encode()

    def __len__(self) -> int:
        return len(self.head) + self.upload.size + len(self.tail)

    def __iter__(self) -> Iterator[bytes]:
        yield self.head
        with self.upload.open() as file:
            yield from chunks(file)
        yield self.tail


@dataclass(frozen=True)
class Request:
    """What goes over the wire, but for the key."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes | Multipart | None


@dataclass(frozen=True)
class Answer:
    """What came back; header names are lower-case."""

    status: int
    headers: Mapping[str, str]
    body: bytes = b""
    #: when ClickMeeting sent it, by ClickMeeting's clock
    sent_at: datetime | None = None

    @classmethod
    def head(cls, status: int, headers: Mapping[str, str]) -> Answer:
        """Return a response without its body, from a status and headers with names in any case."""
        lower = {name.lower(): value for name, value in headers.items()}
        return cls(status, lower, sent_at=server_time(lower))

    @property
    def content_type(self) -> str:
        """The media type without its parameters."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()


def chunks(file: IO[bytes]) -> Iterator[bytes]:
    """Read a file in pieces of a mebibyte."""
    while piece := file.read(CHUNK):
        yield piece


def base_url(host: str | None, port: int | None = None) -> str:
    """Return the API's address, without a slash at its end, from what people put into a connection.

    :param host: a URL, or a bare host name, which means `https://HOST/v1`; empty for ClickMeeting's own.
    :param port: counts only where the URL names none; 443 is what Airflow's form wants to be filled in.
    :raises ValueError: when it is no plain http(s) URL.
    """
    if not (host or "").strip():
        return DEFAULT_URL
    text = str(host).strip()
    url = urlsplit(text if "://" in text else f"https://{text}")
    if url.scheme not in ("http", "https") or not url.hostname or "@" in url.netloc or url.query or url.fragment:
        raise ValueError(f"The API URL must look like {DEFAULT_URL}/; got {mask(text)!r}.")
    place = url.netloc if url.port or port in (None, 0, 443) else f"{url.netloc}:{port}"
    return f"{url.scheme}://{place}{url.path.rstrip('/') or '/v1'}"


def origin(url: str) -> tuple[str, str, int]:
    """Return scheme, host and port, which together decide whether the key may go there."""
    parts = urlsplit(url)
    return parts.scheme, parts.hostname or "", parts.port or {"http": 80, "https": 443}.get(parts.scheme, 0)


def request(call: Call[Any], base: str) -> Request:
    """Return the request for a call, to be sent with the key."""
    query = urlencode(php_pairs(call.query))
    url = f"{base}/{quote(call.path.strip('/'), safe='/')}{'?' + query if query else ''}"
    if call.upload:
        body = Multipart(call.upload)
        headers = {
            "Content-Type": f"multipart/form-data; boundary={BOUNDARY}",
            "Content-Length": str(len(body)),
        }
        return Request(call.method, url, headers, body)
    if call.method == "GET":
        return Request(call.method, url, {}, None)
    form = urlencode(php_pairs(call.form)).encode()
    return Request(call.method, url, {"Content-Type": "application/x-www-form-urlencoded"}, form)


def php_pairs(values: Any, name: str = "") -> list[tuple[str, str]]:
    """Flatten nested values as PHP reads them, with explicit indices; booleans are 1 and 0, None is left out."""
    if values is None:
        return []
    if isinstance(values, Mapping):
        items: Iterable[tuple[Any, Any]] = values.items()
    elif isinstance(values, list | tuple):
        items = enumerate(values)
    else:
        return [(name, str(int(values)) if isinstance(values, bool) else str(values))]
    return [pair for key, value in items for pair in php_pairs(value, f"{name}[{key}]" if name else str(key))]


def has_file(call: Call[Any], answer: Answer) -> bool:
    """Tell from status and headers alone whether the body is the bytes that a raw call asks for."""
    ok = 200 <= answer.status < 300 and answer.headers.get("content-length") != "0"
    return call.raw and ok and answer.content_type not in ("application/json", "text/html")


def continued(request: Request, size: int) -> Request:
    """Return the request for what follows so many bytes of a file."""
    return replace(request, headers={**request.headers, "Range": f"bytes={size}-"}) if size else request


def continues(answer: Answer, size: int) -> bool:
    """Tell whether an answer holds what follows so many bytes, instead of the whole file."""
    return answer.status == 206 and answer.headers.get("content-range", "").startswith(f"bytes {size}-")


def has_list(answer: Answer, body: IO[bytes]) -> bool:
    """Tell from the status and both ends of the body whether it is a list, which holds no error object."""
    start, end = body.read(EXCERPT), b""
    if start:
        body.seek(-len(start), SEEK_END)
        end = body.read()
    body.seek(0)
    return 200 <= answer.status < 300 and start.lstrip().startswith(b"[") and end.rstrip().endswith(b"]")


def decode(call: Call[T], answer: Answer, now: datetime, secrets: Iterable[str] = ()) -> T | ApiError:
    """Return what an answer says, or the Problem it is.

    :param call: what was asked.
    :param answer: with the body read, unless `has_file` holds.
    :param now: by the local clock, for a `Retry-After` date in an answer that has no `Date`.
    :param secrets: texts to mask in the Problem's message, such as the key.
    """
    if has_file(call, answer):
        return call.read(answer.body)
    try:
        data = json.loads(answer.body)
    except ValueError:
        problem = _without_json(answer, now, secrets)
    else:
        found = _problem_in(data, answer, now)
        if found is None:
            try:
                return call.read(data)
            except (ParseError, TypeError, ValueError, KeyError) as error:
                found = ApiError("unexpected", f"{error} ({_excerpt(answer.body, secrets)})", answer.status)
        problem = found
    if problem.kind in call.treat_as:
        return call.treat_as[problem.kind]
    fields = {name: tuple(mask(each, secrets) for each in said) for name, said in problem.fields.items()}
    return replace(problem, message=mask(problem.message, secrets), fields=fields)


def server_time(headers: Mapping[str, str]) -> datetime | None:
    """Return the moment at which an answer was made, where it says so."""
    return _http_date(headers.get("date", ""))


def _problem_in(data: Any, answer: Answer, now: datetime) -> ApiError | None:
    """Find the error in an answer, also in one that says 200 (1.9, 1.10)."""
    if isinstance(data, str) and re.match(r"[1-5][0-9]{2}( |$)", data):
        code = int(data[:3])
        return None if 200 <= code < 300 and answer.status < 300 else _problem(code, data, answer, now)
    error = data if isinstance(data, dict) else {}
    code = _code(error.get("code"))
    if code < 400 or not error.keys() & {"errors", "name", "message", "error"}:
        if answer.status < 300:
            return None
        code = answer.status
    return _problem(code, _message(error) or f"HTTP {answer.status}", answer, now, error)


def _without_json(answer: Answer, now: datetime, secrets: Iterable[str]) -> ApiError:
    what = "an empty body" if not answer.body.strip() else f"no JSON: {_excerpt(answer.body, secrets)}"
    if 300 <= answer.status < 400:
        target = urlsplit(answer.headers.get("location", ""))
        where = f"{target.scheme}://{target.netloc}" if target.netloc else "another path"
        what = f"a redirection to {where}: does the connection's API URL point to ClickMeeting's API?"
    message = f"HTTP {answer.status} with {what}"
    if 200 <= answer.status < 300:
        return ApiError("unexpected", message, answer.status)
    return _problem(answer.status, message, answer, now)


def _problem(
    code: int, message: str, answer: Answer, now: datetime, error: Mapping[str, Any] | None = None
) -> ApiError:
    kind = kind_of(code)
    name = (error or {}).get("name")
    wait = _retry_after(answer.headers, now)
    return ApiError(
        kind=kind,
        message=message if wait is None else f"{message} (wait {wait:g} s)",
        code=code,
        name=str(name) if name else None,
        fields=_fields(error or {}),
        retry_after=wait,
        no_effect=kind == "rate_limited",
    )


def _code(value: Any) -> int:
    return int(value) if str(value).isdecimal() else 0


def _errors(error: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    errors = error.get("errors")
    return [each for each in errors if isinstance(each, dict)] if isinstance(errors, list) else []


def _message(error: Mapping[str, Any]) -> str:
    parts = [_with_field(each) for each in _errors(error) if each.get("message")]
    parts = parts or [str(error[key]) for key in ("message", "error", "name") if error.get(key)][:1]
    name = error.get("name")
    return " ".join([f"{name}:"] * bool(name and name not in parts) + list(dict.fromkeys(parts)))


def _with_field(each: Mapping[str, Any]) -> str:
    """Return an error's message behind the field it is about; upper-case names are kinds of errors instead."""
    name = "" if each.get("name") is None else str(each["name"])
    return f"{name}: {each['message']}" if name and not name.isupper() else str(each["message"])


def _fields(error: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """Collect the messages per field; a name may be the number of a registration field."""
    found: dict[str, tuple[str, ...]] = {}
    for each in _errors(error):
        if each.get("name") is not None:
            name = str(each["name"])
            found[name] = (*found.get(name, ()), str(each.get("message", "")))
    return found


def _retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    """Read `Retry-After`, seconds or a date, against the answer's own clock."""
    value = headers.get("retry-after", "").strip()
    if value.isdecimal():
        return float(value)
    if (when := _http_date(value)) is None:
        return None
    return max(0.0, (when - (server_time(headers) or now)).total_seconds())


def _http_date(text: str) -> datetime | None:
    try:
        when = parsedate_to_datetime(text)
    except (TypeError, ValueError):
        return None
    return when if when.tzinfo else when.replace(tzinfo=UTC)


def _excerpt(body: bytes, secrets: Iterable[str]) -> str:
    # scrubbed before it is cut: the half of a secret would not be recognized
    text = mask(" ".join(body[: 20 * EXCERPT].decode(errors="replace").split()), secrets)
    return repr(text if len(text) <= EXCERPT else f"{text[:EXCERPT]}...")
