"""One running sandbox: its clock, account, switches, faults and log."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from airflow_clickmeeting.sandbox.account import Account
from airflow_clickmeeting.sandbox.clock import Clock
from airflow_clickmeeting.sandbox.faults import Faults
from airflow_clickmeeting.sandbox.links import Signer
from airflow_clickmeeting.sandbox.requests import RequestLog
from airflow_clickmeeting.sandbox.switches import Switches


class World:
    """What all requests share. `api_url` and `media_url` are set once the ports are known."""

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
        self._positions = dict(switches or {})
        self._seed = seed
        self.account = Account()
        self.reset()

    def reset(self) -> None:
        """Start over: data, clock, switches, faults and log."""
        self.clock = Clock(self._speed)
        self.switches = Switches(self._positions)
        self.faults = Faults()
        self.requests = RequestLog()
        self.account.close()
        self.account = Account()
        if self._seed:
            self._seed(self)
