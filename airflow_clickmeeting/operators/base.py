"""What all operators share: the connection, and what of an answer goes to the log and to XCom."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

from airflow.sdk import BaseOperator
from airflow.sdk.log import mask_secret

from airflow_clickmeeting.api.values import Id
from airflow_clickmeeting.hooks.identity import DEFAULT_CONN_ID

if TYPE_CHECKING:
    from airflow_clickmeeting.hooks.clickmeeting import ClickMeetingHook

T = TypeVar("T")

# Airflow compiles all masked texts anew for each one: a thousand take it 20 s
MOST_MASKED = 100


class ClickMeetingOperator(BaseOperator):
    """Base of all operators for ClickMeeting.

    :param clickmeeting_conn_id: the connection with the API key.
    :param include_secrets: whether the result keeps what lets somebody in or download something: host logins,
        role hashes, PINs, passwords, personal and signed links.
    """

    template_fields: Sequence[str] = ("clickmeeting_conn_id",)
    ui_color = "#e8f4fb"

    def __init__(
        self,
        *,
        clickmeeting_conn_id: str = DEFAULT_CONN_ID,
        include_secrets: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.clickmeeting_conn_id = clickmeeting_conn_id
        self.include_secrets = include_secrets

    @cached_property
    def hook(self) -> ClickMeetingHook:
        """The account."""
        from airflow_clickmeeting.hooks.clickmeeting import ClickMeetingHook

        return ClickMeetingHook(self.clickmeeting_conn_id)

    def result(self, data: T) -> T:
        """Return what of an answer may go to XCom, its secrets masked in logs or left out."""
        from airflow_clickmeeting.api.shapes import secrets_in, without_secrets

        if not self.include_secrets:
            data = without_secrets(data)
        self.mask(secrets_in(data))
        return data

    def mask(self, secrets: Collection[str]) -> None:
        """Have Airflow mask texts in logs; of a crowd it would take Airflow minutes, so those are only not logged."""
        if len(secrets) <= MOST_MASKED:
            mask_secret(list(secrets))
        else:
            self.log.warning("%d secrets are in the result, too many for Airflow to mask in later logs", len(secrets))


class RoomOperator(ClickMeetingOperator):
    """Base of operators for one room.

    :param room_id: the room's id.
    """

    template_fields: Sequence[str] = (*ClickMeetingOperator.template_fields, "room_id")

    def __init__(self, *, room_id: Id, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.room_id = room_id


class SessionOperator(RoomOperator):
    """Base of operators for one session of a room.

    :param session_id: the session's id.
    """

    template_fields: Sequence[str] = (*RoomOperator.template_fields, "session_id")

    def __init__(self, *, session_id: Id, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.session_id = session_id
