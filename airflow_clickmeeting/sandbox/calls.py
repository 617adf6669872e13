"""Read the parameters of a request from its query, form, JSON or multipart body."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from starlette.datastructures import UploadFile
from starlette.requests import Request

from airflow_clickmeeting.sandbox.forms import Form, nest

MAX_PARTS = 1_000_000


@dataclass
class Call:
    """Hold the parameters of one request: the ids of its path, its form, its upload and its API key."""

    operation: str
    ids: dict[str, str]
    form: Form
    upload: UploadFile | None = None
    key: str = ""
    loggable: dict[str, Any] = field(init=False)

    def __post_init__(self) -> None:
        self.loggable = self.form if not self.upload else {**self.form, "uploaded": self.upload.filename}

    def id(self, name: str = "room_id") -> int:
        """Return an id of the path as a number."""
        return int(self.ids[name])


def operation_path(path: str) -> str:
    """Return a path without `/v1`, the extension `.json` and a trailing slash."""
    return path.removeprefix("/v1").strip("/").removesuffix(".json").strip("/")


async def read_call(request: Request, operation: str, ids: dict[str, str]) -> Call:
    """Read the body of a request, and return its parameters as a call.

    If the query and the body have the same parameter, the body's value is used. A body that is not valid JSON counts as
    empty.
    """
    form = nest(parse_qsl(request.url.query, keep_blank_values=True))
    upload = None
    content_type = request.headers.get("content-type", "")
    if content_type.startswith("multipart/form-data"):
        parts = await request.form(max_files=MAX_PARTS, max_fields=MAX_PARTS)
        form |= nest((name, value) for name, value in parts.multi_items() if isinstance(value, str))
        uploaded = parts.get("uploaded")
        upload = uploaded if isinstance(uploaded, UploadFile) else None
    else:
        form |= _body(await request.body(), content_type)
    key = request.headers.get("x-api-key") or str(form.pop("api_key", ""))
    return Call(operation, ids, form, upload, key)


def _body(body: bytes, content_type: str) -> Form:
    text = body.decode(errors="replace")
    if not content_type.startswith("application/json"):
        return nest(parse_qsl(text, keep_blank_values=True))
    try:
        data = json.loads(text or "{}")
    except ValueError:
        return {}
    return data if isinstance(data, dict) else {}
