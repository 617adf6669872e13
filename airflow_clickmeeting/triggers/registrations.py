"""Read the registrations that asset events are about, with one request for each room."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import chain
from typing import TYPE_CHECKING, Any, cast

from airflow_clickmeeting.api import calls, parse, validate
from airflow_clickmeeting.api.types import Registration, without_secrets
from airflow_clickmeeting.hooks.settings import DEFAULT_CONN_ID

if TYPE_CHECKING:
    from airflow_clickmeeting.hooks.clickmeeting import ClickMeetingHook

__all__ = ["RegistrationOfEvent", "registrations_of"]

log = logging.getLogger(__name__)


class RegistrationOfEvent(Registration, total=False):
    """A registration, with the room that it is for."""

    room_id: int
    room_name: str


def registrations_of(
    events: Iterable[Any], *, clickmeeting_conn_id: str = DEFAULT_CONN_ID, include_secrets: bool = False
) -> list[RegistrationOfEvent]:
    """Return the registrations of `registration` events, with names and addresses, which the events do not have.

    Call it in a task. It sends one request for each room of the events, however many people registered. A registration
    that several events are about is returned once. What cannot be read is left out, with a warning in the log: events
    without a room and a registration, such as those of other assets; registrations that ClickMeeting does not list any
    more; and rooms that were deleted or whose registration is off. A second call returns the same.

    :param events: the events of an asset, `triggering_asset_events[ASSET]`; all `triggering_asset_events`; or the
        events' payloads.
    :param clickmeeting_conn_id: the connection of the asset.
    :param include_secrets: whether the rows have `url`, the personal link, and `r`, the secret in it.
    :return: the rows of `list_registrations`, each with `room_id` and `room_name`, in the order of the events. They are
        personal data: what a task returns is stored in XCom.
    :raises ClickMeetingError: if ClickMeeting cannot be reached, or denies access.
    :raises ValueError: if `events` is not a list of events.
    """
    from airflow_clickmeeting.hooks.clickmeeting import ClickMeetingHook

    by_room: dict[int, list[int]] = {}
    names: dict[int, str] = {}
    without_ids = 0
    for payload in _payloads(events):
        try:
            room_id = validate.identifier("room_id", payload.get("room_id"))
            registration_id = validate.identifier("registration_id", payload.get("registration_id"))
        except ValueError:
            without_ids += 1
            continue
        by_room.setdefault(room_id, []).append(registration_id)
        names[room_id] = payload.get("room_name") or ""
    if without_ids:
        log.warning("Left out %d events, which have no room_id or no registration_id", without_ids)
    hook = ClickMeetingHook(clickmeeting_conn_id)
    found: list[RegistrationOfEvent] = []
    for room_id, wanted in by_room.items():
        listed = _listed(hook, room_id)
        rows = [listed[each] for each in dict.fromkeys(wanted) if each in listed]
        if missing := len({*wanted} - listed.keys()):
            log.warning("Left out %d registrations, which room %d does not list any more", missing, room_id)
        room = {"room_id": room_id, "room_name": names[room_id]}
        found += [cast("RegistrationOfEvent", {**room, **row}) for row in rows]
    return found if include_secrets else without_secrets(found)


def _payloads(events: Iterable[Any]) -> Iterator[Mapping[str, Any]]:
    # of all events of a run, Airflow gives a mapping by asset
    listed = chain.from_iterable(events.values()) if isinstance(events, Mapping) else events
    if isinstance(listed, str) or not isinstance(listed, Iterable):
        validate.bad_argument("events", events, "the events of an asset, such as triggering_asset_events[ASSET]")
    for event in listed:
        extra = event.get("extra", event) if isinstance(event, Mapping) else getattr(event, "extra", None)
        payload = extra.get("payload", extra) if isinstance(extra, Mapping) else None
        yield payload if isinstance(payload, Mapping) else {}


def _listed(hook: ClickMeetingHook, room_id: int) -> dict[int, Registration]:
    """Return the registrations for a room by id; none if the room cannot have any."""
    from airflow_clickmeeting.exceptions import NotFoundError, ValidationError

    def skip(reason: str) -> None:
        log.warning("Left out a registration for room %d, which cannot be read: %s", room_id, reason)

    call = replace(calls.list_registrations(room_id), read=parse.listed(parse.registration, skip=skip))
    try:
        return {row["id"]: row for row in hook.run(call) if row.get("id")}
    except (NotFoundError, ValidationError) as error:
        log.warning("Left out the registrations for room %d: %s", room_id, error.summary)
    return {}
