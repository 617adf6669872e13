"""Run a mail server on a free port of this machine that sends no mail on, but shows each one on the sandbox's page."""

from __future__ import annotations

import email
import email.policy
from contextlib import contextmanager
from html import escape
from typing import TYPE_CHECKING

from aiosmtpd.controller import Controller
from local_airflow import reserve_port

if TYPE_CHECKING:
    from collections.abc import Iterator
    from email.message import EmailMessage

    from aiosmtpd.smtp import SMTP, Envelope, Session

    from airflow_clickmeeting.sandbox.handle import SandboxControl


@contextmanager
def mail_sink(sandbox: SandboxControl) -> Iterator[dict[str, object]]:
    """Run the mail server, and yield an Airflow connection to it."""
    server = Controller(Sink(sandbox), hostname="127.0.0.1", port=reserve_port())
    server.start()
    try:
        extra = {"disable_ssl": True, "disable_tls": True, "from_email": "airflow@example.com"}
        yield {"conn_type": "smtp", "host": server.hostname, "port": server.port, "extra": extra}
    finally:
        server.stop()


class Sink:
    """What the mail server does with mails."""

    def __init__(self, sandbox: SandboxControl) -> None:
        self._sandbox = sandbox

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        """Hand a mail to the sandbox, once for each recipient, and accept it."""
        content = envelope.original_content or b""
        message = email.message_from_bytes(content, policy=email.policy.default)
        text, html = (_text(message, kind) for kind in ("plain", "html"))
        names = ", ".join(each.get_filename("?") for each in message.iter_attachments())
        if names and html:
            html += f"<p>Attached: {escape(names)}</p>"
        elif names:
            text += f"\nAttached: {names}"
        for recipient in envelope.rcpt_tos:
            self._sandbox.add_mail(
                envelope.mail_from or "", recipient, message.get("Subject", ""), text=text, html=html
            )
        return "250 OK"


def _text(message: EmailMessage, kind: str) -> str:
    body = message.get_body((kind,))
    return body.get_content() if body else ""
