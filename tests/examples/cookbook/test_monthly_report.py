"""The recipe `monthly_report`: the webinars of one month, as numbers, mailed once."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from webinars import on_both_storages

pytestmark = pytest.mark.filterwarnings("ignore:.*operator_helpers.determine_kwargs. attribute is deprecated")
# the schedule runs then, for February
FIRST_OF_MARCH = datetime(2027, 3, 1, 5, tzinfo=UTC)


@pytest.fixture
def february(clickmeeting_sandbox, ended):
    """Two webinars in February, and one of March."""
    for day in (10, 20, 40):
        clickmeeting_sandbox.set_time(datetime(2027, 2, 1, 12, tzinfo=UTC) + timedelta(days=day))
        ended(name=f"Day {day} & night")


@pytest.fixture
def run(run_example, february):
    return lambda **conf: run_example("monthly_report", conf, logical_date=FIRST_OF_MARCH)


def rows(html):
    return [re.findall("<td>(.*?)</td>", row) for row in re.findall("<tr>(.*?)</tr>", html)[1:]]


@on_both_storages
def test_the_month_is_reported_once_and_without_names(run, mailbox, tmp_path):
    assert run().state == "success"
    assert run(to=["team@example.com", "boss@example.com"]).state == "success"
    assert mailbox.mails == [(f"{to}@example.com", "Webinars of 2027-02") for to in ("team", "boss")]
    assert rows(mailbox.texts[0]) == [
        ["Day 10 &amp; night", "2027-02-10 13:00", "2", "3", "50%", "60.0", "3"],
        ["Day 20 &amp; night", "2027-02-20 13:00", "2", "3", "50%", "60.0", "3"],
        ["All 2 webinars", "", "4", "6", "50%", "60.0", "3"],
    ]
    assert "ada" not in mailbox.texts[0]
    assert (tmp_path / "monthly" / "2027-02" / "webinars.jsonl").exists()


def test_a_session_that_cannot_be_read_keeps_the_report_back(run, mailbox, clickmeeting_sandbox):
    clickmeeting_sandbox.fault("list_session_attendees", "status", status=403, times=1)
    assert run().state == "failed"
    assert mailbox.mails == []
    assert run().state == "success"
    assert "All 2 webinars" in mailbox.texts[0]


def test_a_month_without_webinars(run_example, mailbox, clickmeeting_sandbox):
    assert run_example("monthly_report", {}, logical_date=FIRST_OF_MARCH).state == "success"
    assert rows(mailbox.texts[0]) == [["All 0 webinars", "", "0", "0", "", "", "0"]]
