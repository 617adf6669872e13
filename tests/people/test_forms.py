"""What bulk operators send for each person, and what they keep of the response."""

from __future__ import annotations

from airflow_clickmeeting.people.forms import masked_link


def test_a_personal_link_can_be_recognised_but_lets_nobody_in():
    link = "https://acme.clickmeeting.example/900000101?r=aB__"
    assert masked_link({"url": link}) == "https://acme.clickmeeting.example/***79294736"
    assert masked_link({"url": link}) != masked_link({"url": f"{link}c"})
