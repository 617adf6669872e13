"""Turn a `Call` into the HTTP request to send, and an HTTP response into its data or an `ApiError`.

Nothing is sent here. The transports in `hooks/` send requests and add the API key to them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from os import SEEK_END
from typing import IO, Any, TypeVar
from urllib.parse import quote, urlencode, urlsplit

import msgspec

from airflow_clickmeeting.api.call import Call, Upload
from airflow_clickmeeting.api.errors import ApiError, LimitError, ParseError, kind_of
from airflow_clickmeeting.api.redact import mask, without_addresses

T = TypeVar("T")

DEFAULT_URL = "https://api.clickmeeting.com/v1"
#: the most characters of a response that an error shows
MAX_EXCERPT = 200
# separates the parts of an upload; long enough that no file has it in it by chance
BOUNDARY = "airflow-clickmeeting-7f1e0b9c4d6a"
#: seconds; whoever has to wait longer asks again after an hour
MAX_RETRY_AFTER = 3600.0
#: bytes of a file to read or write at a time
CHUNK = 1 << 20
HTML = ("text/html", "application/xhtml+xml")
#: the media types of which a server that knows no better sends everything
UNTYPED = ("", "text/plain")
#: how web pages and error objects begin
NO_FILE = (b"<!doctype html", b"<html", b"{")
#: how long ago a file must have been modified so that the date identifies its version
MIN_AGE = timedelta(minutes=1)
#: bytes of a response to read at a time, before its compression is undone: they may become a thousand times as many
PIECE = 1 << 16


@dataclass(frozen=True)
class Multipart:
    """The multipart body that uploads a file; iterate over it to read it in pieces, since a file may not fit in memory.

    Each iteration opens the file again, so the body can be sent a second time.
    """

    upload: Upload

    @property
    def head(self) -> bytes:
        """The bytes before those of the file: the headers of one part named `uploaded`."""
        # escaped, because quotes and line breaks would end the name or the header
        name = self.upload.name.replace("\\", "%5C").replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")
        return (
            f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="uploaded"; filename="{name}"\r\n'
            "Content-Type: application/octet-stream\r\n\r\n"
        ).encode()

    @property
    def tail(self) -> bytes:
        """The bytes after those of the file."""
        return f"\r\n--{BOUNDARY}--\r\n".encode()

    def __len__(self) -> int:
        return len(self.head) + self.upload.size + len(self.tail)

    def __iter__(self) -> Iterator[bytes]:
        yield self.head
        with self.upload.open() as file:
            yield from read_pieces(file)
        yield self.tail


@dataclass(frozen=True)
class Request:
    """An HTTP request without the API key, which the transport adds."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes | Multipart | None


@dataclass(frozen=True)
class Answer:
    """An HTTP response; the names of its headers are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes = b""
    #: the time at which ClickMeeting sent the response, by ClickMeeting's clock
    sent_at: datetime | None = None

    @classmethod
    def of(cls, status: int, headers: Mapping[str, str], body: bytes = b"") -> Answer:
        """Return a response from its status, its headers with names in any case, and its body if it was read."""
        lower = {name.lower(): value for name, value in headers.items()}
        return cls(status, lower, body, sent_at=server_time(lower))

    @property
    def content_type(self) -> str:
        """The media type in lower case and without parameters; empty if the response has none."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()


def too_large(most: int) -> LimitError:
    """Return the error for a response of more than `most` bytes."""
    return LimitError(
        f"the response has more than {most} bytes, the limit for what is held in memory",
        cure="Raise max_response_size in the extra of {connection}",
    )


def too_slow(limit: float) -> LimitError:
    """Return the error for a response that did not end within `limit` seconds."""
    return LimitError(
        f"the response did not end within {limit:g} s", cure="Raise total_timeout in the extra of {connection}"
    )


def read_pieces(file: IO[bytes]) -> Iterator[bytes]:
    """Yield the bytes of a file in pieces of one mebibyte."""
    while piece := file.read(CHUNK):
        yield piece


def base_url(host: str | None, port: int | None = None) -> str:
    """Return the API's URL, without a slash at its end, from the host and port of a connection.

    :param host: a URL, or only a host name, which means `https://HOST/v1`; empty for ClickMeeting's own API.
    :param port: the port if the URL has none; 443 is ignored, because Airflow's form asks for a port.
    :raises ValueError: if the host is not an http or https URL, or has credentials, a query or a fragment.
    """
    if not (host or "").strip():
        return DEFAULT_URL
    text = str(host).strip()
    url = urlsplit(text if "://" in text else f"https://{text}")
    if url.scheme not in ("http", "https") or not url.hostname or "@" in url.netloc or url.query or url.fragment:
        raise ValueError(f"The API URL must look like {DEFAULT_URL}/; got {mask(text)!r}.")
    host_and_port = url.netloc if url.port or port in (None, 0, 443) else f"{url.netloc}:{port}"
    return f"{url.scheme}://{host_and_port}{url.path.rstrip('/') or '/v1'}"


def origin(url: str) -> tuple[str, str, int]:
    """Return the scheme, host and port of a URL; the API key is sent only if all three are those of the API."""
    parts = urlsplit(url)
    return parts.scheme, parts.hostname or "", parts.port or {"http": 80, "https": 443}.get(parts.scheme, 0)


def request(call: Call[Any], base: str) -> Request:
    """Return the HTTP request for a call.

    :param call: the call.
    :param base: the API's URL, without a slash at its end.
    """
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
    """Return nested values as pairs of a name and a text, in the form that PHP, and so ClickMeeting, reads.

    A list gets explicit indices, such as `attendees[0][email]`, because PHP would start a new element at each `[]`.
    Booleans become 1 and 0, and None is left out.

    :param values: dicts, lists and tuples, nested in any way, of texts, numbers, booleans and None.
    :param name: the name of the pair if `values` is neither a dict nor a list; the start of the name if it is.
    """
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
    """Return whether the body is the whole file that a raw call requests.

    A part of a file that was not requested is none, and neither is a web page or a JSON object, which are errors.

    :param answer: the response, with the beginning of its body.
    """
    kind = answer.content_type
    if not call.raw or answer.status != 200 or not answer.body or kind in HTML or kind.endswith(("/json", "+json")):
        return False
    return kind not in UNTYPED or not answer.body.lstrip()[:15].lower().startswith(NO_FILE)


def file_size(answer: Answer) -> int | None:
    """Return the size of the file in a response by its `Content-Length`; None if it is unknown, or for packed bytes."""
    length = answer.headers.get("content-length", "")
    is_packed = answer.headers.get("content-encoding", "identity").strip().lower() not in ("", "identity")
    return int(length) if re.fullmatch("[0-9]{1,18}", length) and not is_packed else None


def continued(request: Request, size: int, first: Answer | None) -> Request:
    """Return the request for a file without compression, or for the rest of it after its first `size` bytes.

    The rest is requested only if the first response identifies the version of the file, so that no bytes of another
    version follow.

    :param first: the response that the first bytes came with.
    """
    headers = {**request.headers, "Accept-Encoding": "identity"}
    if size and first and (version := _version(first)):
        headers |= {"Range": f"bytes={size}-", "If-Range": first.headers[version]}
    return replace(request, headers=headers)


def continues(answer: Answer, size: int, first: Answer | None) -> bool:
    """Return whether a response has the rest of a file after its first `size` bytes, in the version of the first one.

    A server may ignore `If-Range`, so its response must prove that: with the same version, offset and total size.
    """
    if answer.status != 206 or not size or not first or not (version := _version(first)):
        return False
    total = file_size(first) or 0
    is_rest = answer.headers.get("content-range") == f"bytes {size}-{total - 1}/{total}"
    return is_rest and answer.headers.get(version) == first.headers[version]


def _version(first: Answer) -> str | None:
    """Return the name of the header that identifies the version of a file; None without a reliable one.

    A weak ETag stands for files that differ. A file that was modified just before may be modified once more in the same
    second, so its date is not reliable.
    """
    if file_size(first) is None:
        return None
    if "etag" in first.headers:
        return "etag" if re.fullmatch('"[^"]*"', first.headers["etag"]) else None
    modified = _http_date(first.headers.get("last-modified", ""))
    return "last-modified" if modified and first.sent_at and first.sent_at - modified >= MIN_AGE else None


def has_list(status: int, body: IO[bytes]) -> bool:
    """Return whether a response is a JSON list; the status and both ends of the body decide, without parsing it.

    A list has no error object, so it can be parsed later.

    :param body: the body as a file, which is at its beginning afterwards.
    """
    body.seek(0)
    start, end = body.read(MAX_EXCERPT), b""
    if start:
        body.seek(-len(start), SEEK_END)
        end = body.read()
    body.seek(0)
    return 200 <= status < 300 and start.lstrip().startswith(b"[") and end.rstrip().endswith(b"]")


def decode(call: Call[T], answer: Answer, now: datetime, secrets: Iterable[str] = ()) -> T | ApiError:
    """Return the result of a call from its response, or the error that the response stands for.

    :param call: the call.
    :param answer: the response with its body.
    :param now: the present time by the local clock, for a date in `Retry-After` if the response has no `Date`.
    :param secrets: texts to mask in the error's messages, such as the API key.
    """
    if has_file(call, answer):
        return call.read(answer.body)
    try:
        data = _parse_json(answer.body)
    except (ValueError, RecursionError):
        error = _error_without_json(call, answer, now, secrets)
    else:
        found = _find_error(data, answer, now)
        if found is None:
            try:
                return call.read(data)
            except ParseError as reason:
                found = ApiError("unexpected", f"{reason} ({_excerpt(answer.body, secrets)})", answer.status)
        error = found
    # a web page is from a proxy or a login form, so it never stands for a result
    if error.kind in call.treat_as and not answer.body.lstrip().startswith(b"<"):
        return call.treat_as[error.kind]
    fields = {name: tuple(mask(each, secrets) for each in messages) for name, messages in error.fields.items()}
    return replace(error, message=mask(error.message, secrets), fields=fields)


def _parse_json(body: bytes) -> Any:
    """Return the value of a JSON text.

    msgspec takes half as long as `json`. It accepts less, such as no NaN and no lone surrogates, but what it accepts
    has the same value.
    """
    try:
        return msgspec.json.decode(body)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return json.loads(body)


def server_time(headers: Mapping[str, str]) -> datetime | None:
    """Return the time at which a server sent a response, from its headers; None if they have no valid `Date`."""
    return _http_date(headers.get("date", ""))


def _find_error(data: Any, answer: Answer, now: datetime) -> ApiError | None:
    """Return the error in a decoded response, or None.

    A response with HTTP 200 may be an error too: an object with a `code` of 400 or more, or a text such as
    `"404 Not Found"`.
    """
    if isinstance(data, str) and re.match(r"[1-5][0-9]{2}( |$)", data):
        code = int(data[:3])
        return None if 200 <= code < 300 and answer.status < 300 else _build_error(code, data, answer, now)
    error = data if isinstance(data, dict) else {}
    code = _to_code(error.get("code"))
    # an object with only a `code` may be data: those of telephone gateways have one, too
    described = error.keys() & {"errors", "name", "message", "error"}
    if code < 400 or not described:
        if answer.status < 300:
            return None
        if answer.status == 404 and not described:
            # only ClickMeeting itself can say that something does not exist
            return ApiError("unexpected", "HTTP 404 without ClickMeeting's error object", 404)
        code = answer.status
    return _build_error(code, _format_message(error) or f"HTTP {answer.status}", answer, now, error)


def _error_without_json(call: Call[Any], answer: Answer, now: datetime, secrets: Iterable[str]) -> ApiError:
    content, cure = f"no {'file' if call.raw else 'JSON'}: {_excerpt(answer.body, secrets)}", None
    if not answer.body.strip():
        content = "an empty body"
    elif answer.status == 206:
        content = "a part of a file, which was not requested"
    if 300 <= answer.status < 400:
        target = urlsplit(answer.headers.get("location", ""))
        # without path and query, which may contain a secret
        location = f"{target.scheme}://{target.netloc}" if target.netloc else "another path"
        content, cure = f"a redirect to {location}", "Correct the host of {connection}: the URL of ClickMeeting's API"
    message = f"HTTP {answer.status} with {content}"
    if 200 <= answer.status < 300 or answer.status == 404:
        # a page that says "not found" is from a proxy or a wrong URL: it does not say that ClickMeeting has nothing
        return ApiError("unexpected", message, answer.status)
    if answer.status == 403:
        # such as the page of a firewall, which may pass like an overload; ClickMeeting itself answers in JSON
        return ApiError("server", message, answer.status)
    return replace(_build_error(answer.status, message, answer, now), cure=cure)


def _build_error(
    code: int, message: str, answer: Answer, now: datetime, error: Mapping[str, Any] | None = None
) -> ApiError:
    kind = kind_of(code)
    name = (error or {}).get("name")
    wait = _retry_after(answer.headers, now)
    return ApiError(
        kind=kind,
        message=message if wait is None else f"{message} (ClickMeeting asks to wait {wait:g} s)",
        code=code,
        name=str(name) if name else None,
        fields=_messages_by_field(error or {}),
        retry_after=wait,
        no_effect=kind == "rate_limited",
    )


def _to_code(value: Any) -> int:
    return int(value) if re.fullmatch("[1-9][0-9]{2}", str(value)) else 0


def _error_items(error: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    errors = error.get("errors")
    return [each for each in errors if isinstance(each, dict)] if isinstance(errors, list) else []


def _format_message(error: Mapping[str, Any]) -> str:
    parts = [_message_with_field(each) for each in _error_items(error) if each.get("message")]
    parts = parts or [str(error[key]) for key in ("message", "error", "name") if error.get(key)][:1]
    name = error.get("name")
    return " ".join([f"{name}:"] * bool(name and name not in parts) + list(dict.fromkeys(parts)))


def _message_with_field(each: Mapping[str, Any]) -> str:
    """Return an error's message after its name, unless the name is in upper case: then it is not a field's name."""
    name = "" if each.get("name") is None else str(each["name"])
    return f"{name}: {each['message']}" if name and not name.isupper() else str(each["message"])


def _messages_by_field(error: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """Return the messages for each field; its name may be the number of a registration field."""
    found: dict[str, tuple[str, ...]] = {}
    for each in _error_items(error):
        if each.get("name") is not None:
            name = str(each["name"])
            found[name] = (*found.get(name, ()), str(each.get("message", "")))
    return found


def _retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    """Return the seconds until `Retry-After`, which may be a date; the response's `Date` counts, or else `now`."""
    value = headers.get("retry-after", "").strip()
    if value.isdecimal():
        return min(float(value), MAX_RETRY_AFTER)
    if (when := _http_date(value)) is None:
        return None
    return min(max(0.0, (when - (server_time(headers) or now)).total_seconds()), MAX_RETRY_AFTER)


def _http_date(text: str) -> datetime | None:
    try:
        when = parsedate_to_datetime(text)
    except (TypeError, ValueError, OverflowError):
        return None
    if not 1970 <= when.year < 9990:
        return None
    return when if when.tzinfo else when.replace(tzinfo=UTC)


def _excerpt(body: bytes, secrets: Iterable[str]) -> str:
    # masked before it is cut, because half a secret would not be recognized; the data are often those of people
    text = without_addresses(mask(" ".join(body[: 20 * MAX_EXCERPT].decode(errors="replace").split()), secrets))
    return repr(text if len(text) <= MAX_EXCERPT else f"{text[:MAX_EXCERPT]}...")
