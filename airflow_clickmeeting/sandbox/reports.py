"""Make the PDF report of a session, in a job that takes a minute or three polls."""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta

from airflow_clickmeeting.sandbox.model import Report, Room, Session

LANGUAGES = ("en", "pl", "ru", "de", "es")
JOB_TIME = timedelta(minutes=1)
JOB_POLLS = 3


def request(session: Session, lang: str, now: datetime) -> None:
    """Start the job of a report if necessary. Each call counts as a poll."""
    session.reports.setdefault(lang, Report(secrets.token_hex(8).upper(), now)).polls += 1


def progress(report: Report, now: datetime) -> int:
    """Return the progress of the job as a percentage."""
    by_clock = (now - report.requested) / JOB_TIME
    by_polls = (report.polls - 1) / (JOB_POLLS - 1)
    return max(0, min(100, int(100 * max(by_clock, by_polls))))


def pdf(room: Room, session: Session, lang: str) -> bytes:
    """Return a PDF document of one page."""
    title = f"Session {session.id}, {room.name}, {lang}".encode("ascii", "replace")
    safe = title.replace(b"\\", b"").replace(b"(", b"").replace(b")", b"")
    content = b"BT /F1 14 Tf 60 760 Td (" + safe + b") Tj ET"
    fonts = b"<< /Font << /F1 << /Type /Font /Subtype /Type1 /BaseFont /Helvetica >> >> >>"
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources " + fonts + b" >>",
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(content), content),
    ]
    document = bytearray(b"%PDF-1.4\n")
    offsets = []
    for number, body in enumerate(objects, 1):
        offsets.append(len(document))
        document += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = len(document)
    document += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    document += b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    document += b"trailer << /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, table)
    return bytes(document)
