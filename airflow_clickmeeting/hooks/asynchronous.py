"""The hook over `httpx`, for the triggerer; to be imported from `airflow_clickmeeting.hooks.clickmeeting`."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar, cast

from airflow.providers.common.compat.sdk import AirflowNotFoundException
from tenacity import AsyncRetrying

from airflow_clickmeeting.api import wire
from airflow_clickmeeting.api.call import Call
from airflow_clickmeeting.api.pages import RoomPages
from airflow_clickmeeting.exceptions import AuthenticationError, NotFoundError
from airflow_clickmeeting.hooks.account import Account
from airflow_clickmeeting.hooks.retrying import policy
from airflow_clickmeeting.hooks.settings import Settings

if TYPE_CHECKING:
    from airflow.sdk import Connection

    from airflow_clickmeeting.api.shapes import Room

T = TypeVar("T")


class ClickMeetingAsyncHook(Account):
    """One ClickMeeting account, for the triggerer and for asynchronous tasks; the methods are to be awaited.

    :param clickmeeting_conn_id: the connection with the API key.
    """

    _settings: Settings | None = None
    log_level = logging.DEBUG  # triggers ask again and again

    async def get_settings(self) -> Settings:
        """Return what the connection says."""
        from airflow.providers.common.compat.connection import get_async_connection

        if self._settings is None:
            try:
                connection: Connection = await get_async_connection(self.clickmeeting_conn_id)
            except AirflowNotFoundException as error:
                raise self._missing(error) from None
            self._settings = Settings.of(connection)
        return self._settings

    async def run(self, call: Call[T]) -> T:
        """Make a call, again where that is safe and may help, and return what it reads from the answer.

        :raises ClickMeetingError: of the kind that says what went wrong.
        """
        settings = await self.get_settings()
        retrying = AsyncRetrying(**policy(call, settings.max_attempts, self.log.warning))
        try:
            return await retrying(self._attempt, call, settings)
        except NotFoundError:
            if call.none_if is None:
                raise
            await self.run(call.none_if)
            return cast("T", [])
        except AuthenticationError:
            self._settings = None  # triggers live long: the key may have been changed meanwhile
            raise

    async def iter_conferences(self, status: str = "active") -> AsyncIterator[Room]:
        """Walk all rooms, asking for a page of 250 when the last one is used up.

        :param status: `active`, `inactive` or `all`.
        """
        pages = RoomPages(status)
        while call := pages.call:
            for room in pages.take(await self.run(call)):
                yield room

    async def _attempt(self, call: Call[T], settings: Settings) -> T:
        from airflow_clickmeeting.hooks import httpx_transport as transport

        client = transport.client_for(settings)
        await asyncio.sleep(client.pace.delay(time.monotonic()))
        request = wire.request(call, settings.url)
        try:
            async with client.answer_to(request, follow=call.raw) as response:
                head = wire.Answer.head(response.status_code, response.headers)
                answer = replace(head, body=await response.aread())
        except Exception as error:
            if (problem := transport.problem_of(error, request.url)) is None:
                raise
            raise self._error(problem, call) from None
        return self._data(call, answer, settings)
