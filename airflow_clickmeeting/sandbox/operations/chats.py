"""Implement the chat histories of sessions."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Iterator
from datetime import UTC
from typing import Any

from airflow_clickmeeting.sandbox import attendance
from airflow_clickmeeting.sandbox.answers import Response
from airflow_clickmeeting.sandbox.calls import Call
from airflow_clickmeeting.sandbox.errors import not_found
from airflow_clickmeeting.sandbox.model import ChatLine, Room, Session
from airflow_clickmeeting.sandbox.schedule import visible_sessions
from airflow_clickmeeting.sandbox.world import World

HEADER = ["Date", "E-mail", "Nickname", "Message"]


def _chats(world: World) -> Iterator[tuple[Room, Session, list[ChatLine]]]:
    now = world.clock.now
    for room in world.account.rooms.values():
        for session in visible_sessions(world, room):
            lines = [line for line in attendance.chat(room, session) if line.at <= now]
            if lines and session.end <= now:
                yield room, session, lines


def list_chats(call: Call) -> Any:
    """List the ended sessions that have a chat."""
    return [
        {
            "id": session.id,
            "name": room.name,
            "timezone": room.timezone,
            "date": session.start.astimezone(room.zone).strftime("%Y-%m-%d"),
            "time": session.start.astimezone(room.zone).strftime("%H:%M"),
            "download_link": f"{call.world.api_url}chats/{session.id}",
        }
        for room, session, _ in _chats(call.world)
    ]


def download_chat(call: Call) -> Any:
    """Return the chat of a session as a ZIP archive with a CSV file."""
    for room, session, lines in _chats(call.world):
        if session.id == call.id("session_id"):
            stamp = session.start.astimezone(UTC).strftime("%Y%m%d_%H%M%S")
            disposition = f"attachment; filename=chat_history_{session.id}_{stamp}.zip"
            headers = {"content-type": "application/zip", "content-disposition": disposition}
            return Response(iter((_archive(room, lines, call.world.switches["chat_format"]),)), headers=headers)
    raise not_found("Chat")


def _archive(room: Room, lines: list[ChatLine], chat_format: str) -> bytes:
    table = io.StringIO()
    rows = csv.writer(table)
    if chat_format == "2023":
        rows.writerow(HEADER)
    for line in lines:
        at = line.at.astimezone(room.zone).strftime("%B %d, %Y %I:%M:%S %p")
        rows.writerow([at, line.email or "", line.nickname, line.message])
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as chat:
        chat.writestr("public.csv" if chat_format == "2023" else "chat.csv", table.getvalue())
    return archive.getvalue()
