"""Implement sessions, their attendees and their reports."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from airflow_clickmeeting.sandbox import attendance, reports
from airflow_clickmeeting.sandbox.answers import Response
from airflow_clickmeeting.sandbox.calls import Call
from airflow_clickmeeting.sandbox.clock import floor
from airflow_clickmeeting.sandbox.errors import not_found
from airflow_clickmeeting.sandbox.model import Room, Session, Visit
from airflow_clickmeeting.sandbox.operations.shapes import instant
from airflow_clickmeeting.sandbox.schedule import session_time, visible_sessions
from airflow_clickmeeting.sandbox.world import World

ROWS_AT_ONCE = 500
JSON = {"content-type": "application/json"}
Row = Callable[["World", Visit, datetime, ZoneInfo], dict[str, Any]]
minute = lru_cache(maxsize=10_000)(instant)


def list_sessions(call: Call) -> Any:
    """List the sessions of a room, the earliest first."""
    room = call.room
    sessions = visible_sessions(call.world, room)
    if not sessions and call.world.switches["no_sessions"] == "404":
        raise not_found("Session")
    return [{"id": session.id, **_summary(call.world, room, session)} for session in sessions]


def _summary(world: World, room: Room, session: Session) -> dict[str, Any]:
    now = session_time(world)
    entries, peak = attendance.totals(room, session, now)
    return {
        "total_visitors": entries,
        "max_visitors": peak,
        **_span(world, session.start, session.end, now, room.zone),
    }


def _span(world: World, start: datetime, end: datetime, now: datetime, zone: ZoneInfo) -> dict[str, str | None]:
    span: dict[str, str | None] = {"start_date": minute(start, zone)}
    running_end = world.switches["running_end"]
    if end <= now:
        span["end_date"] = minute(end, zone)
    elif running_end == "now":
        span["end_date"] = minute(floor(now), zone)
    elif running_end == "null":
        span["end_date"] = None
    return span


def get_session(call: Call) -> Any:
    """Return one session with its attendees and reports."""
    room, session = call.room, call.session

    def pieces() -> Iterator[bytes]:
        summary = json.dumps(_summary(call.world, room, session))
        yield f'{summary[:-1]}, "attendees": '.encode()
        yield from _array(call.world, room, session, _short_row)
        reported = {lang: _report(call.world, room, session, lang) for lang in reports.LANGUAGES}
        yield f', "pdf": {json.dumps(reported)}}}'.encode()

    return Response(pieces(), headers=JSON)


def list_session_attendees(call: Call) -> Any:
    """List every entry of every person. A person who rejoined has several rows."""
    return Response(_array(call.world, call.room, call.session, _row), headers=JSON)


def _array(world: World, room: Room, session: Session, row: Row) -> Iterator[bytes]:
    """Yield the attendees as JSON in parts, so that a million rows need little memory."""
    now = world.clock.now - timedelta(seconds=world.switches["attendees_delay"])
    listed = (visit for visit in attendance.visits(room, session) if visit.join <= now)
    separator = "["
    while rows := [row(world, visit, now, room.zone) for visit in itertools.islice(listed, ROWS_AT_ONCE)]:
        yield (separator + json.dumps(rows, ensure_ascii=False)[1:-1]).encode()
        separator = ", "
    yield b"[]" if separator == "[" else b"]"


def _short_row(world: World, visit: Visit, now: datetime, zone: ZoneInfo) -> dict[str, Any]:
    return {
        "id": visit.person.uid,
        **_span(world, visit.join, visit.leave, now, zone),
        "login": visit.person.nickname,
        "email": visit.person.email,
    }


def _row(world: World, visit: Visit, now: datetime, zone: ZoneInfo) -> dict[str, Any]:
    person, polls = visit.person, world.switches["polls"]
    row: dict[str, Any] = {
        "uid": str(person.uid),
        "role": person.role,
        "nickname": person.nickname,
        "email": person.email,
        "device": person.device,
        "rating": person.rating if visit.first else None,
        "rating_comment": person.rating_comment if visit.first else None,
        **_span(world, visit.join, visit.leave, now, zone),
        "user_ip": person.user_ip,
    }
    if polls != "absent":
        answered = list(person.polls) if visit.first or polls == "every" else []
        row |= {"city": person.city, "country_iso3": person.country_iso3, "polls": answered}
    return row


def generate_session_report(call: Call) -> Any:
    """Start the PDF report of a session, or return the status of a started one."""
    room, session = call.room, call.session
    lang = call.ids["lang"].lower()
    if lang not in reports.LANGUAGES:
        raise not_found("Language")
    reports.request(session, lang, call.world.clock.now)
    state = _report(call.world, room, session, lang)
    if state["progress"] < 100:
        del state["url"]
    return state if state["progress"] else {**state, "status": "NEW"}


def _report(world: World, room: Room, session: Session, lang: str) -> dict[str, Any]:
    report = session.reports.get(lang)
    if not report:
        path = f"conferences/{room.id}/sessions/{session.id}/generate-pdf/{lang}"
        return {"generate_pdf_url": f"{world.api_url}{path}", "progress": 0}
    progress = reports.progress(report, world.clock.now)
    url = f"{world.media_url}panel/pdf/{lang}/{session.id}/{report.code}"
    return {"status": "FINISHED" if progress == 100 else "IN PROGRESS", "url": url, "progress": progress}
