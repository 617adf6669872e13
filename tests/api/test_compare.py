"""What ClickMeeting shows is recognized, though it spells it in its own way."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_clickmeeting.api import compare, urls

NOON = datetime(2027, 3, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("Café & Çay", "Café &amp; Çay", True),
        ("Talk", " Talk ", True),
        ("", None, True),
        ("Talk", "talk", False),
        ("Talk", None, False),
    ],
)
def test_texts(one, other, same):
    assert compare.same_text(one, other) is compare.same_text(other, one) is same


@pytest.mark.parametrize(("seconds", "same"), [(0, True), (59, True), (60, False), (-1, False)])
def test_instants_are_compared_to_the_minute_whatever_their_zone(seconds, same):
    other = (NOON + timedelta(seconds=seconds)).astimezone(timezone(timedelta(hours=5, minutes=30)))
    assert compare.same_minute(NOON, other) is same


@pytest.mark.parametrize("shown", ["product-tour", "Product_Tour", "product__tour", "product tour", "_product-tour-"])
def test_an_address_in_every_spelling(shown):
    assert compare.same_address("Product tour", shown)
    assert compare.ends_alike(shown, "tour")


@pytest.mark.parametrize("other", ["product-tours", "tour", "", None, "---"])
def test_other_addresses_are_others(other):
    assert not compare.same_address("product-tour", other)
    assert not compare.ends_alike(other, "product")


@pytest.mark.parametrize("nothing", ["", None, "-"])
def test_no_address_is_like_no_other(nothing):
    assert not compare.same_address(nothing, nothing)
    assert not compare.ends_alike(nothing, nothing)


@pytest.mark.parametrize(
    ("room", "address"),
    [
        ({"name_url": "tour", "room_url": "https://acme.clickmeeting.example/other"}, "tour"),
        ({"room_url": "https://acme.clickmeeting.example/tour"}, "tour"),
        ({"room_url": "https://acme.clickmeeting.example/product%20tour/"}, "product tour"),
        ({"room_url": "https://acme.clickmeeting.example/"}, None),
        ({}, None),
    ],
)
def test_the_address_of_a_room(room, address):
    assert urls.address_of(room) == address


@pytest.mark.parametrize(
    ("text", "slug"),
    [
        ("Product tour", "product-tour"),
        ("  Café & Çay!  ", "cafe-cay"),
        ("Вебинар", "room"),
        ("x" * 99, "x" * 40),
        ("x" * 39 + " yz", "x" * 39),
    ],
)
def test_a_slug(text, slug):
    assert urls.slug(text) == slug


@given(st.text())
def test_a_slug_is_an_address_that_needs_no_change(text):
    slug = urls.slug(text)
    assert slug == urls.slug(slug)
    assert slug.isascii()
    assert compare.same_address(slug, slug)
