"""Offer each function of `api.calls` as a method of both hooks, with its signature and docstring."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import wraps
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, TypeVar, overload

from airflow_clickmeeting.api import calls

if TYPE_CHECKING:
    from airflow_clickmeeting.api.call import Call
    from airflow_clickmeeting.hooks.clickmeeting import ClickMeetingAsyncHook, ClickMeetingHook


P = ParamSpec("P")
T = TypeVar("T")


class Operation(Generic[P, T]):
    """A method of a hook that builds a call and runs it; on the asynchronous hook, it must be awaited.

    It is a descriptor, so that type checkers know the result: `T` on one hook and an awaitable of `T` on the other.

    :param build: a function of `api.calls`.
    """

    def __init__(self, build: Callable[P, Call[T]]) -> None:
        self._build = build
        self.__wrapped__ = build
        self.__doc__ = build.__doc__

    @overload
    def __get__(self, hook: None, owner: type) -> Operation[P, T]: ...
    @overload
    def __get__(self, hook: ClickMeetingHook, owner: type) -> Callable[P, T]: ...
    @overload
    def __get__(self, hook: ClickMeetingAsyncHook, owner: type) -> Callable[P, Awaitable[T]]: ...
    def __get__(self, hook: ClickMeetingHook | ClickMeetingAsyncHook | None, owner: type) -> Any:
        if hook is None:
            return self

        @wraps(self._build)
        def method(*args: P.args, **kwargs: P.kwargs) -> Any:
            return hook.run(self._build(*args, **kwargs))

        return method


class Operations:
    """A base class with a method for each operation of the API, in the order of `api.calls`."""

    ping = Operation(calls.ping)
    list_timezones = Operation(calls.list_timezones)
    list_timezones_by_country = Operation(calls.list_timezones_by_country)
    list_phone_gateways = Operation(calls.list_phone_gateways)
    list_skins = Operation(calls.list_skins)
    list_conferences = Operation(calls.list_conferences)
    get_conference = Operation(calls.get_conference)
    create_conference = Operation(calls.create_conference)
    update_conference = Operation(calls.update_conference)
    delete_conference = Operation(calls.delete_conference)
    check_availability = Operation(calls.check_availability)
    generate_tokens = Operation(calls.generate_tokens)
    list_tokens = Operation(calls.list_tokens)
    get_token_by_email = Operation(calls.get_token_by_email)
    deactivate_tokens = Operation(calls.deactivate_tokens)
    generate_autologin_url = Operation(calls.generate_autologin_url)
    register_participant = Operation(calls.register_participant)
    list_registrations = Operation(calls.list_registrations)
    list_session_registrations = Operation(calls.list_session_registrations)
    send_invitation = Operation(calls.send_invitation)
    list_sessions = Operation(calls.list_sessions)
    get_session = Operation(calls.get_session)
    list_session_attendees = Operation(calls.list_session_attendees)
    generate_session_report = Operation(calls.generate_session_report)
    list_recordings = Operation(calls.list_recordings)
    list_all_recordings = Operation(calls.list_all_recordings)
    delete_recording = Operation(calls.delete_recording)
    delete_all_recordings = Operation(calls.delete_all_recordings)
    list_files = Operation(calls.list_files)
    list_conference_files = Operation(calls.list_conference_files)
    get_file = Operation(calls.get_file)
    upload_file = Operation(calls.upload_file)
    download_file = Operation(calls.download_file)
    delete_file = Operation(calls.delete_file)
    list_chats = Operation(calls.list_chats)
    download_chat = Operation(calls.download_chat)
    create_contact = Operation(calls.create_contact)
