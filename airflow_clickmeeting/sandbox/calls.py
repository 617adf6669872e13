"""Read the parameters of a request from its query, form, JSON or multipart body."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import parse_qsl

from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException
from starlette.requests import Request

from airflow_clickmeeting.sandbox.errors import not_found
from airflow_clickmeeting.sandbox.forms import Form, nest, read_object
from airflow_clickmeeting.sandbox.model import Room, Session, StoredFile
from airflow_clickmeeting.sandbox.schedule import visible_sessions
from airflow_clickmeeting.sandbox.world import World

MAX_PARTS = 1_000_000


@dataclass
class Call:
    """Hold the parameters of one request: the ids of its path, its form, its upload and its API key.

    `has_extension` says whether the path ended in `.json`. What the path names in the account is looked up when an
    operation asks for it, with the error 404 if it does not exist.
    """

    world: World
    ids: dict[str, str]
    form: Form
    upload: UploadFile | None = None
    key: str = ""
    has_extension: bool = False

    def id(self, name: str = "room_id") -> int:
        """Return an id of the path as a number."""
        return int(self.ids[name])

    @property
    def room(self) -> Room:
        room = self.world.account.rooms.get(self.id())
        if not room or (self.world.switches["archived"] == "gone" and room.archived(self.world.clock.now)):
            raise not_found()
        return room

    @property
    def session(self) -> Session:
        for session in visible_sessions(self.world, self.room):
            if session.id == self.id("session_id"):
                return session
        raise not_found("Session")

    @property
    def file(self) -> StoredFile:
        stored = self.world.account.files.get(self.id("file_id"))
        if not stored:
            raise not_found("File")
        return stored


async def read_call(world: World, request: Request, ids: dict[str, str], *, has_extension: bool) -> Call:
    """Read the body of a request, and return its parameters as a call.

    If the query and the body have the same parameter, the body's value is used. A body that cannot be read counts as
    empty.
    """
    form = nest(parse_qsl(request.url.query, keep_blank_values=True))
    upload = None
    content_type = request.headers.get("content-type", "")
    if content_type.startswith("multipart/form-data"):
        pairs, upload = await _read_parts(request, content_type)
        form |= nest(pairs)
    else:
        form |= _read_body(await request.body(), content_type)
    parameter = form.pop("api_key", "")
    return Call(world, ids, form, upload, request.headers.get("x-api-key") or str(parameter), has_extension)


async def _read_parts(request: Request, content_type: str) -> tuple[list[tuple[str, str]], UploadFile | None]:
    # the official Ruby client sends a comma before the boundary, which PHP accepts
    standard = content_type.replace("multipart/form-data,", "multipart/form-data;").encode("latin-1")
    headers = [(name, standard if name == b"content-type" else value) for name, value in request.scope["headers"]]
    try:
        parts = await Request({**request.scope, "headers": headers}, request.receive).form(
            max_files=MAX_PARTS, max_fields=MAX_PARTS
        )
    except MultiPartException:
        return [], None
    uploaded = parts.get("uploaded")
    pairs = [(name, value) for name, value in parts.multi_items() if isinstance(value, str)]
    return pairs, uploaded if isinstance(uploaded, UploadFile) else None


def _read_body(body: bytes, content_type: str) -> Form:
    if not content_type.startswith("application/json"):
        return nest(parse_qsl(body.decode(errors="replace"), keep_blank_values=True))
    try:
        return read_object(body)
    except (TypeError, ValueError):
        return {}
