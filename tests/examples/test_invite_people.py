"""The example `invite_people`: a list with its mistakes, a lost answer, and a second run with a longer list."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from webinars import on_both_storages

PEOPLE = [
    "First Name;Last Name;Email Address",
    "Ada;Lovelace;ada@example.com",
    "Grace;Hopper;grace@example.com",
    "Eve;;eve(at)example.com",
    ";;nobody@example.com",
    "Ada;L.;ADA@example.com",
]


@pytest.fixture
def room_id(clickmeeting_sandbox) -> int:
    return clickmeeting_sandbox.add_room(name="Talk", permanent_room=True)["id"]


@pytest.fixture
def invited(run_example, room_id, tmp_path) -> Callable[..., dict[str, Any]]:
    """Run the DAG for a list, and return what its tasks returned."""

    def invited(*people: str) -> dict[str, Any]:
        (tmp_path / "people.csv").write_text("\r\n".join(people), encoding="utf-8-sig")
        run = run_example("invite_people", {"room_id": room_id})
        assert run.state == "success"
        return {name: run.get_task_instance(name).xcom_pull(name) for name in ("invite", "links")}

    return invited


@pytest.fixture
def mails(clickmeeting_sandbox) -> Callable[[], Counter[str]]:
    return lambda: Counter(mail["recipient"] for mail in clickmeeting_sandbox.outbox)


@on_both_storages
def test_everybody_gets_a_mail_and_a_link(invited, mails, room_id, tmp_path, storage):
    results = invited(*PEOPLE)
    assert mails() == {"ada@example.com": 1, "grace@example.com": 1, "nobody@example.com": 1}
    assert results["invite"]["failures"] == [{"row": 4, "reason": "email is not an e-mail address"}]
    assert [each["row"] for each in results["links"]["failures"]] == [4, 5]
    links = tmp_path / "invited" / f"links-{room_id}.csv"
    written = list(csv.DictReader(links.read_text().splitlines()))
    assert [(row["row"], row["nickname"]) for row in written] == [("2", "Ada Lovelace"), ("3", "Grace Hopper")]
    assert storage != "file" or f"{links.stat().st_mode & 0o777:o}" == "600"
    assert "example.com" not in str(results)
    assert "?l=" not in str(results)


@on_both_storages
def test_a_second_run_with_a_longer_list_writes_only_to_who_is_new(invited, mails):
    invited(*PEOPLE)
    results = invited(*PEOPLE, "Alan;Turing;alan@example.com")
    assert (results["invite"]["sent"], results["invite"]["unchanged"]) == (1, 3)
    assert mails()["alan@example.com"] == 1
    assert set(mails().values()) == {1}
    assert results["links"]["links"] == 3


def test_a_lost_answer_sends_no_second_mail(invited, mails, clickmeeting_sandbox):
    clickmeeting_sandbox.fault("send_invitation", "lost")
    for _ in range(2):
        results = invited(*PEOPLE)
        assert (results["invite"]["uncertain"], results["invite"]["uncertain_rows"]) == (3, [2, 3, 5])
    assert set(mails().values()) == {1}
