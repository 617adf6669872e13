"""URLs that may be shown to everybody: what would let somebody in, or lead elsewhere, is cut off or refused."""

from __future__ import annotations

import pytest

from airflow_clickmeeting.api import urls
from airflow_clickmeeting.api.http import DEFAULT_URL

ROOM = "https://acme.clickmeeting.example/product_tour"


@pytest.mark.parametrize(
    ("url", "public"),
    [
        (ROOM, ROOM),
        ("http://acme.clickmeeting.example:8080/product_tour/", "http://acme.clickmeeting.example:8080/product_tour/"),
        ("HTTPS://Acme.ClickMeeting.example/Tour", "https://Acme.ClickMeeting.example/Tour"),
        ("http://[::1]:8080/tour", "http://[::1]:8080/tour"),
        (f"{ROOM}?l=HASH", ROOM),
        (f"{ROOM}?r=HASH&popup=off#host", ROOM),
        (f"{ROOM}#HASH", ROOM),
        ("https://acme.clickmeeting.example/zażółć", "https://acme.clickmeeting.example/za%C5%BC%C3%B3%C5%82%C4%87"),
        ('https://acme.clickmeeting.example/"><script>', "https://acme.clickmeeting.example/%22%3E%3Cscript%3E"),
        ("https://acme.clickmeeting.example/a%20b", "https://acme.clickmeeting.example/a%20b"),
    ],
)
def test_the_url_of_a_room_without_what_lets_people_in(url, public):
    assert urls.public_room_url(url) == public


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)",
        "data:text/html,<script>alert(1)</script>",
        "ftp://acme.clickmeeting.example/product_tour",
        "//acme.clickmeeting.example/product_tour",
        "/product_tour",
        "product_tour",
        "https://",
        "https:///product_tour",
        "https://acme.clickmeeting.example@evil.example/product_tour",
        "https://user:password@acme.clickmeeting.example/product_tour",
        "https://evil.example\\.clickmeeting.example/product_tour",
        "https://acme clickmeeting.example/product_tour",
        "https://\u0430cme.clickmeeting.example/product_tour",  # a Cyrillic letter
        "https://[not-an-address/product_tour",
        f"https://acme.clickmeeting.example/{'x' * urls.MAX_URL}",
        # a path with more than a name may have a token in it
        f"{ROOM}/ABC123",
        f"{ROOM};l=HASH",
        f"{ROOM}&l=HASH",
        "https://acme.clickmeeting.example/l=HASH",
        "https://acme.clickmeeting.example/",
        "https://acme.clickmeeting.example",
        "",
        None,
        7,
        {"url": ROOM},
    ],
)
def test_no_url_of_a_room(url):
    assert urls.public_room_url(url) == ""


@pytest.mark.parametrize(
    ("url", "public"),
    [
        ("https://files.example.com/out/sessions.csv", "https://files.example.com/out/sessions.csv"),
        ("https://user:password@files.example.com/out/a b.csv", "https://files.example.com/out/a%20b.csv"),
        ("https://files.example.com/out/a.csv?st=SIGNED&e=1", "https://files.example.com/out/a.csv"),
        ("s3://bucket/out/sessions.csv", ""),
        ("file:///out/sessions.csv", ""),
        ("/out/sessions.csv", ""),
    ],
)
def test_the_url_of_a_file(url, public):
    assert urls.public_url(url) == public


@pytest.mark.parametrize(
    ("api_url", "room_id", "address"),
    [
        (DEFAULT_URL, 12, "https://account-panel.clickmeeting.com/12"),
        (DEFAULT_URL, None, "https://account-panel.clickmeeting.com/"),
        ("https://api.clickmeeting.com:8443/v1", 12, "https://account-panel.clickmeeting.com/12"),
        ("https://api.reseller.example/v1", 12, ""),
        ("https://api.clickmeeting.com.example/v1", 12, ""),
        ("http://127.0.0.1:8080/v1", 12, ""),
    ],
)
def test_the_account_panel_of_clickmeeting_itself(api_url, room_id, address):
    assert urls.account_panel_url(api_url, room_id) == address
