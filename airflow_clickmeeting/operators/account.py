"""Operators for the account: ping, time zones, phone gateways, skins, and calls that have no operator."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.sdk import Context

from airflow_clickmeeting.api import validate
from airflow_clickmeeting.api.validate import Id
from airflow_clickmeeting.operators.base import ClickMeetingOperator

if TYPE_CHECKING:
    from airflow_clickmeeting.api.call import Method
    from airflow_clickmeeting.api.types import PhoneGateway, Skin

__all__ = [
    "ClickMeetingCallOperator",
    "ClickMeetingListPhoneGatewaysOperator",
    "ClickMeetingListSkinsOperator",
    "ClickMeetingListTimezonesByCountryOperator",
    "ClickMeetingListTimezonesOperator",
    "ClickMeetingPingOperator",
]


class ClickMeetingPingOperator(ClickMeetingOperator):
    """Check that ClickMeeting's API responds, and return `{"ping": "pong"}`.

    The API may respond to a wrong key, too, so this does not prove that the key is valid.
    """

    def execute(self, context: Context) -> dict[str, str]:
        return self.result(self.hook.ping())


class ClickMeetingListTimezonesOperator(ClickMeetingOperator):
    """Return the names of the time zones that a room can have."""

    def execute(self, context: Context) -> list[str]:
        return self.hook.list_timezones()


class ClickMeetingListTimezonesByCountryOperator(ClickMeetingOperator):
    """Return the names of the time zones of one country.

    :param country: the country's code of two letters, such as `PL`.
    """

    template_fields: Sequence[str] = (*ClickMeetingOperator.template_fields, "country")

    def __init__(self, *, country: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.country = country

    def execute(self, context: Context) -> list[str]:
        return self.hook.list_timezones_by_country(self.country)


class ClickMeetingListPhoneGatewaysOperator(ClickMeetingOperator):
    """Return the phone numbers for dialling in: a list of dicts with `code`, `location`, `value` and `geo`."""

    def execute(self, context: Context) -> list[PhoneGateway]:
        return self.result(self.hook.list_phone_gateways())


class ClickMeetingListSkinsOperator(ClickMeetingOperator):
    """Return the skins that a room can have: a list of dicts with `id` (a text), `name` and `thumbnail_url`."""

    def execute(self, context: Context) -> list[Skin]:
        return self.result(self.hook.list_skins())


class ClickMeetingCallOperator(ClickMeetingOperator):
    """Send any request to the API, for operations that have no operator of their own.

    A second run sends the request again. If the response is lost, the hook itself repeats only a GET: any other request
    may already have had its effect. No safety check of the other operators applies.

    :param method: `GET`, `POST`, `PUT` or `DELETE`; all but `GET` need `allow_write`.
    :param path: the path below the API's URL, such as `conferences/123/anything`.
    :param allow_write: whether the request may change or delete something.
    :param query: the parameters of the URL.
    :param form: the body; nested dicts and lists are encoded as PHP reads them.
    :return: the decoded response, unchanged, but without the keys that hold secrets unless `include_secrets` is set.
    """

    template_fields: Sequence[str] = (
        *ClickMeetingOperator.template_fields,
        "method",
        "path",
        "query",
        "form",
        "allow_write",
    )
    template_fields_renderers: ClassVar[dict[str, str]] = {"query": "json", "form": "json"}

    def __init__(
        self,
        *,
        path: str,
        method: str = "GET",
        query: Mapping[str, Any] | None = None,
        form: Mapping[str, Any] | None = None,
        allow_write: bool | Id = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.allow_write = allow_write
        self.method = method
        self.path = path
        self.query = query
        self.form = form

    def execute(self, context: Context) -> Any:
        from airflow_clickmeeting.api.call import Call

        methods: dict[str, Method] = {"get": "GET", "post": "POST", "put": "PUT", "delete": "DELETE"}
        method = methods[validate.one_of("method", self.method, methods)]
        if method != "GET" and not validate.decided("allow_write", self.allow_write):
            raise ValueError(f"method is {method}, which may change or delete something: set allow_write=True for it.")
        call: Call[Any] = Call(
            method,
            validate.api_path("path", self.path),
            query=validate.table("query", self.query),
            form=validate.table("form", self.form),
        )
        return self.result(self.hook.run(call))
