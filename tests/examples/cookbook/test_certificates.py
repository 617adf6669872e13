"""The recipe `certificates`: who gets a PDF, what is in it, and who gets one in a second run."""

from __future__ import annotations

import io

import pytest
from webinars import on_both_storages

pytestmark = pytest.mark.filterwarnings("ignore:.*operator_helpers.determine_kwargs. attribute is deprecated")
PEOPLE = [
    {"email": "hanna@example.com", "nickname": "Hanna", "role": "host"},
    {"email": "ada@example.com", "nickname": "Zażółć Gęślą Jaźń", "visits": [(0, 20), (24, None)]},
    {"email": "half@example.com", "nickname": "Half", "visits": [(0, 30)]},
    {"email": "most@example.com", "nickname": "Most", "visits": [(12, None)]},
    {"email": None, "nickname": "Nobody"},
]


@pytest.fixture
def send(run_example, ended):
    room_id, session_id = ended(attendees=PEOPLE)
    session = {"room_id": room_id, "session_id": session_id}
    return lambda **params: run_example("certificates", {**session, **params})


@on_both_storages
def test_who_stayed_gets_a_certificate_once(send, mailbox, tmp_path):
    assert send().state == "success"
    assert {address for address, _ in mailbox.mails} == {"ada@example.com", "most@example.com"}
    files = {path.name: path.read_bytes() for path in tmp_path.glob("certificates/*/*.pdf")}
    assert files.keys() == {"ada@example.com.pdf", "most@example.com.pdf"}
    assert all(content.startswith(b"%PDF-") for content in files.values())
    assert send(min_share=50).state == "success"
    assert [address for address, _ in mailbox.mails[2:]] == ["half@example.com"]


def test_the_certificate_has_the_name_with_all_its_letters(send, mailbox, tmp_path):
    pdf = pytest.importorskip("pypdf")
    assert send().state == "success"
    (path,) = tmp_path.glob("certificates/*/ada@example.com.pdf")
    text = " ".join(pdf.PdfReader(io.BytesIO(path.read_bytes())).pages[0].extract_text().split())
    assert text.startswith("Certificate Zażółć Gęślą Jaźń took part in Café & Çay on ")
    assert text.endswith("for 60 minutes")


def test_without_the_font_nobody_gets_a_mail(send, mailbox):
    assert send(font="/nowhere.ttf").state == "failed"
    assert mailbox.mails == []


@pytest.mark.thorough
def test_a_refused_address_gets_its_certificate_in_the_next_run(send, mailbox):
    mailbox.refused.add("ada@example.com")
    assert send().state == "success"
    mailbox.refused.clear()
    assert send().state == "success"
    assert sorted(address for address, _ in mailbox.mails) == ["ada@example.com", "most@example.com"]
