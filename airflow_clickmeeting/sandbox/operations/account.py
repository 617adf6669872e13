"""Implement ping, the lists of time zones, skins and phone gateways, and contacts."""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files
from typing import Any
from zoneinfo import available_timezones

from airflow_clickmeeting.sandbox.calls import Call
from airflow_clickmeeting.sandbox.errors import not_found, require, require_address
from airflow_clickmeeting.sandbox.forms import text

CONTACT = ("email", "firstname", "lastname", "phone", "company", "country")
_REGIONS = r"(Africa|America|Antarctica|Arctic|Asia|Atlantic|Australia|Europe|Indian|Pacific)/.+|UTC"


def ping(call: Call) -> Any:
    """Return `pong`, so that a client can check the URL and the API key."""
    return {"ping": "pong"}


@cache
def timezones() -> list[str]:
    """Return the names of all time zones."""
    return sorted(name for name in available_timezones() if re.fullmatch(_REGIONS, name))


@cache
def _countries() -> dict[str, list[str]]:
    countries: dict[str, list[str]] = {}
    for line in files("tzdata").joinpath("zoneinfo", "zone.tab").read_text().splitlines():
        if not line.startswith("#"):
            code, _, name = line.split("\t")[:3]
            countries.setdefault(code, []).append(name)
    return countries


def list_timezones(call: Call) -> Any:
    """List all time zones."""
    return timezones()


def list_timezones_by_country(call: Call) -> Any:
    """List the time zones of a country."""
    zones = _countries().get(call.ids["country"].upper())
    if not zones:
        raise not_found("Country")
    return sorted(zones)


def list_phone_gateways(call: Call) -> Any:
    """List the dial-in phone numbers."""
    return [
        {"code": code, "location": location, "value": number, "geo": {"lat": latitude, "long": longitude}}
        for code, location, number, latitude, longitude in (
            ("DE", "Germany, Berlin", "+49 30 000 00 00", 52.52, 13.4),
            ("PL", "Poland, Gdansk", "+48 58 000 00 00", 54.35, 18.65),
            ("US", "United States", "+1 555 010 0100", 38.9, -77.04),
        )
    ]


def list_skins(call: Call) -> Any:
    """List the skins of rooms."""
    images = "https://account-panel.clickmeeting.example/images/skins"
    return [
        {"id": skin_id, "name": name, "thumbnail_url": f"{images}/{skin_id}/preview.png"}
        for skin_id, name in (("12", "Lecture hall"), ("3", "Plain"), ("7", "Night sky"))
    ]


def create_contact(call: Call) -> Any:
    """Add a contact, or update the contact with the same e-mail address."""
    contact = {name: text(call.form, name) for name in CONTACT if name in call.form}
    require(contact, *CONTACT[:3])
    require_address(contact["email"])
    call.world.account.contacts.setdefault(contact["email"].lower(), {}).update(contact)
    return {"status": "OK"}
