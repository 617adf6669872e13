"""The account and what ClickMeeting offers to all of them; and any call that has no operator yet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.sdk import Context

from airflow_clickmeeting.api import validate
from airflow_clickmeeting.operators.base import ClickMeetingOperator

if TYPE_CHECKING:
    from airflow_clickmeeting.api.call import Method
    from airflow_clickmeeting.api.types import PhoneGateway, Skin


class ClickMeetingPingOperator(ClickMeetingOperator):
    """Ask whether ClickMeeting is there; returns `{"ping": "pong"}`. It may answer to a wrong key, too."""

    def execute(self, context: Context) -> dict[str, str]:
        """Ask once."""
        return self.result(self.hook.ping())


class ClickMeetingListTimezonesOperator(ClickMeetingOperator):
    """Return the names of the time zones that rooms may have."""

    def execute(self, context: Context) -> list[str]:
        """Read the list."""
        return self.hook.list_timezones()


class ClickMeetingListTimezonesByCountryOperator(ClickMeetingOperator):
    """Return the names of a country's time zones.

    :param country: two letters, such as `PL`.
    """

    template_fields: Sequence[str] = (*ClickMeetingOperator.template_fields, "country")

    def __init__(self, *, country: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.country = country

    def execute(self, context: Context) -> list[str]:
        """Read the list."""
        return self.hook.list_timezones_by_country(self.country)


class ClickMeetingListPhoneGatewaysOperator(ClickMeetingOperator):
    """Return the telephone numbers for dialling in: a list of `code`, `location`, `value` and `geo`."""

    def execute(self, context: Context) -> list[PhoneGateway]:
        """Read the list."""
        return self.result(self.hook.list_phone_gateways())


class ClickMeetingListSkinsOperator(ClickMeetingOperator):
    """Return the looks that a room can have: a list of `id` (a text), `name` and `thumbnail_url`."""

    def execute(self, context: Context) -> list[Skin]:
        """Read the list."""
        return self.result(self.hook.list_skins())


class ClickMeetingCallOperator(ClickMeetingOperator):
    """Make any call of the API, for operations that have no operator of their own.

    A second run makes the call again. When its answer is lost, only a GET is sent again by itself.

    :param method: `GET`, `POST`, `PUT` or `DELETE`.
    :param path: below the API's URL, such as `conferences/123/anything`.
    :param query: parameters behind the path.
    :param form: the body, nested dicts and lists as PHP reads them.
    :return: the decoded answer as it came, without the keys that are secrets unless `include_secrets`.
    """

    template_fields: Sequence[str] = (
        *ClickMeetingOperator.template_fields,
        "method",
        "path",
        "query",
        "form",
    )
    template_fields_renderers: ClassVar[dict[str, str]] = {"query": "json", "form": "json"}

    def __init__(
        self,
        *,
        path: str,
        method: str = "GET",
        query: Mapping[str, Any] | None = None,
        form: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.method = method
        self.path = path
        self.query = query
        self.form = form

    def execute(self, context: Context) -> Any:
        """Make the call."""
        from airflow_clickmeeting.api.call import Call

        methods: dict[str, Method] = {"get": "GET", "post": "POST", "put": "PUT", "delete": "DELETE"}
        call: Call[Any] = Call(
            methods[validate.one_of("method", self.method, methods)],
            validate.filled("path", self.path),
            query=validate.table("query", self.query),
            form=validate.table("form", self.form),
        )
        return self.result(self.hook.run(call))
