"""Implement ping, the lists of time zones, skins and phone gateways, and contacts."""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any
from zoneinfo import available_timezones

from airflow_clickmeeting.sandbox.errors import REQUIRED, invalid, invalid_fields, not_found
from airflow_clickmeeting.sandbox.forms import text

if TYPE_CHECKING:
    from airflow_clickmeeting.sandbox.calls import Call
    from airflow_clickmeeting.sandbox.world import World

EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s.]+")
CONTACT = ("email", "firstname", "lastname", "phone", "company", "country")
_REGIONS = r"(Africa|America|Antarctica|Arctic|Asia|Atlantic|Australia|Europe|Indian|Pacific)/.+|UTC"


def ping(world: World, call: Call) -> Any:
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


def list_timezones(world: World, call: Call) -> Any:
    """List all time zones."""
    return timezones()


def list_timezones_by_country(world: World, call: Call) -> Any:
    """List the time zones of a country."""
    zones = _countries().get(call.ids["country"].upper())
    if not zones:
        raise not_found("Country")
    return sorted(zones)


def list_phone_gateways(world: World, call: Call) -> Any:
    """List the dial-in phone numbers."""
    return [
        _gateway("DE", "Germany, Berlin", "+49 30 000 00 00", 52.52, 13.4),
        _gateway("PL", "Poland, Gdansk", "+48 58 000 00 00", 54.35, 18.65),
        _gateway("US", "United States", "+1 555 010 0100", 38.9, -77.04),
    ]


def _gateway(code: str, location: str, number: str, latitude: float, longitude: float) -> dict[str, Any]:
    return {
        "code": code,
        "location": location,
        "value": number,
        "geo": {"lat": latitude, "long": longitude},
    }


def list_skins(world: World, call: Call) -> Any:
    """List the skins of rooms."""
    return [
        {
            "id": skin_id,
            "name": name,
            "thumbnail_url": f"https://account-panel.clickmeeting.example/images/skins/{skin_id}/preview.png",
        }
        for skin_id, name in (("12", "Lecture hall"), ("3", "Plain"), ("7", "Night sky"))
    ]


def create_contact(world: World, call: Call) -> Any:
    """Add a contact, or update the contact with the same e-mail address."""
    contact = {name: text(call.form, name) for name in CONTACT if name in call.form}
    missing = [(name, REQUIRED) for name in CONTACT[:3] if not contact.get(name)]
    if missing:
        raise invalid_fields(missing)
    if not EMAIL.fullmatch(contact["email"]):
        raise invalid("E-mail address is not valid.")
    world.account.contacts.setdefault(contact["email"].lower(), {}).update(contact)
    return {"status": "OK"}
