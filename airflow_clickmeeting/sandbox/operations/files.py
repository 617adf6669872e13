"""Implement the file library."""

from __future__ import annotations

from datetime import UTC, timedelta
from typing import IO, Any

from airflow_clickmeeting.sandbox import links
from airflow_clickmeeting.sandbox.answers import Response
from airflow_clickmeeting.sandbox.calls import Call
from airflow_clickmeeting.sandbox.errors import REQUIRED, invalid
from airflow_clickmeeting.sandbox.media import file_bytes
from airflow_clickmeeting.sandbox.model import StoredFile
from airflow_clickmeeting.sandbox.operations.shapes import instant, naive_utc, signed_url
from airflow_clickmeeting.sandbox.world import World

CONVERSION = timedelta(seconds=30)
_TYPES = {
    "image": "png jpg jpeg gif bmp",
    "presentation_pdf": "pdf",
    "presentation": "ppt pptx odp key",
    "document": "doc docx odt pages txt rtf",
    "spreadsheet": "xls xlsx ods numbers csv",
    "video": "mp4 mov avi webm mkv",
    "audio": "mp3 wav ogg",
}
_TYPE_OF = {suffix: kind for kind, suffixes in _TYPES.items() for suffix in suffixes.split()}


def document_type(name: str) -> str:
    """Return ClickMeeting's document type for a file name."""
    return _TYPE_OF.get(name.rpartition(".")[2].lower(), "document")


def list_files(call: Call) -> Any:
    """List all files of the account."""
    return [_item(call.world, stored) for stored in call.world.account.files.values()]


def list_conference_files(call: Call) -> Any:
    """List the files of a room."""
    room = call.room
    return [_item(call.world, stored) for stored in call.world.account.files.values() if stored.room_id == room.id]


def get_file(call: Call) -> Any:
    """Return the entry of one file, with the progress of its conversion."""
    return _item(call.world, call.file)


def _item(world: World, stored: StoredFile) -> dict[str, Any]:
    is_image = document_type(stored.name) == "image"
    done = max(0, min(100, int(100 * (world.clock.now - stored.uploaded_at) / CONVERSION)))
    return {
        **_entry(stored, 0 if is_image else done, converted=is_image or done == 100),
        "url": signed_url(world, links.file_path(stored.id, stored.name)),
        "created_at": instant(stored.uploaded_at, UTC),
    }


def _entry(stored: StoredFile, progress: int, *, converted: bool) -> dict[str, Any]:
    return {
        "id": stored.id,
        "name": stored.name,
        "document_type": document_type(stored.name),
        "conversion_progress": progress,
        "status": "converted" if converted else "waiting_for_conversion",
        "status_message": "" if converted else "waiting for multiconverter to download file.",
        "upload_date": naive_utc(stored.uploaded_at),
    }


def store(world: World, name: str, size: int, content: IO[bytes], room_id: int | None) -> StoredFile:
    """Add a file to the library, or to the files of a room."""
    stored = StoredFile(world.account.new_id("file"), name, size, content, world.clock.now, room_id)
    world.account.files[stored.id] = stored
    return stored


def upload_file(call: Call) -> Any:
    """Add the uploaded file to the library, or to the files of a room."""
    room_id = call.room.id if "room_id" in call.ids else None
    upload = call.upload
    if not upload or not upload.filename:
        raise invalid(REQUIRED, "uploaded")
    call.upload = None  # the account keeps the file, so the API must not close it after the request
    stored = store(call.world, upload.filename, upload.size or 0, upload.file, room_id)
    return {**_entry(stored, 0, converted=False), "url": f"{call.world.api_url}file-library/{stored.id}/download"}


def download_file(call: Call) -> Any:
    """Return the bytes of a file, or a redirect to the file host."""
    stored = call.file
    if call.world.switches["media_redirect"]:
        location = signed_url(call.world, links.file_path(stored.id, stored.name))
        return Response(status=302, headers={"location": location})
    name = "".join(letter for letter in stored.name if letter.isprintable() and letter != '"')
    return Response(
        file_bytes(stored, 0, stored.size),
        headers={
            "content-type": "application/octet-stream",
            "content-disposition": f'attachment; filename="{name}"',
            "content-length": str(stored.size),
            "content-transfer-encoding": "binary",
            "connection": "close",
        },
    )


def delete_file(call: Call) -> Any:
    """Delete a file from the library."""
    stored = call.file
    del call.world.account.files[stored.id]
    stored.content.close()
    return {"response": "OK"}
