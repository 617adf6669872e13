"""People of webinars, a mail server that takes their mails, and what a run got from events and put into XCom."""

from __future__ import annotations

from collections.abc import Callable
from email import message_from_bytes, policy

import pytest
from thorough import everyday

PEOPLE = [
    {"email": "hanna@example.com", "nickname": "Hanna", "role": "host"},
    {"email": "paul@example.com", "nickname": "Paul", "role": "presenter"},
    {"email": "Ada@Example.com", "nickname": "Ada", "visits": [(0, 20), (25, None)]},
    {"email": None, "nickname": "Person"},
    {"email": "grace@example.com", "nickname": "Grace"},
]
#: what runs a test with the example's files on S3, and again with them on this machine, where `make test-ui` has them
on_both_storages = pytest.mark.parametrize("storage", everyday(["s3", "file"]), indirect=True)


class AssetEvents(dict):
    """The events that started a run, by the names of the assets; a DAG asks for them by the asset."""

    def __getitem__(self, asset):
        return super().__getitem__(asset.name)


def xcoms_of(run) -> str:
    """Return all that a run put into XCom."""
    from airflow.models.xcom import XComModel
    from airflow.utils.session import create_session

    with create_session() as session:
        return str([xcom.value for xcom in session.query(XComModel).filter_by(run_id=run.run_id)])


def registering(room_id: int) -> Callable[[str], object]:
    """Return what registers people for a room."""
    from airflow_clickmeeting.hooks.clickmeeting import ClickMeetingHook

    def register(email: str) -> object:
        person = {1: email.partition("@")[0], 2: "Example", 3: email}
        return ClickMeetingHook().register_participant(room_id, registration=person)

    return register


class Mailbox:
    """Takes what a mail server gets, but refuses the addresses it was told to."""

    def __init__(self) -> None:
        self.refused: set[str] = set()
        self.mails: list[tuple[str, str]] = []
        self.texts: list[str] = []
        self.attachments: dict[str, bytes] = {}

    async def handle_RCPT(self, server, session, envelope, address, options) -> str:  # noqa: N802
        if address in self.refused:
            return "550 nobody here"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope) -> str:  # noqa: N802
        mail = message_from_bytes(envelope.content, policy=policy.default)
        self.mails += [(address, mail["Subject"]) for address in envelope.rcpt_tos]
        self.texts.append(mail.get_body().get_content())
        self.attachments |= {part.get_filename(): part.get_content() for part in mail.iter_attachments()}
        return "250 OK"
