"""Keep the state of one running sandbox: its clock, account, switches, faults and log."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from airflow_clickmeeting.sandbox.account import Account
from airflow_clickmeeting.sandbox.clock import Clock
from airflow_clickmeeting.sandbox.faults import Faults
from airflow_clickmeeting.sandbox.links import Signer
from airflow_clickmeeting.sandbox.requests import RequestLog
from airflow_clickmeeting.sandbox.switches import Switches


class World:
    """Hold the state that all requests share. The server sets `api_url` and `media_url` when it knows its ports."""

    def __init__(
        self,
        api_key: str = "sandbox",
        *,
        speed: float = 1.0,
        switches: Mapping[str, object] | None = None,
        seed: Callable[[World], None] | None = None,
    ) -> None:
        self.api_key = api_key
        self.api_url = ""
        self.media_url = ""
        self.signer = Signer()
        self._speed = speed
        self._switch_values = dict(switches or {})
        self._seed = seed
        self.account = Account()
        self.reset()

    def reset(self) -> None:
        """Reset data, clock, switches, faults and log to the start."""
        self.clock = Clock(self._speed)
        self.switches = Switches(self._switch_values)
        self.faults = Faults()
        self.requests = RequestLog()
        self.account.close()
        self.account = Account()
        if self._seed:
            self._seed(self)
