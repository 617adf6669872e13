"""Use the sandbox from Python: `SandboxControl` controls a running one, `Sandbox` starts one in a thread."""

from __future__ import annotations

import json
import secrets
import threading
import time
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from http.client import HTTPConnection
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from airflow_clickmeeting.sandbox.requests import RIGHT_KEY

if TYPE_CHECKING:
    from airflow_clickmeeting.sandbox.server import Server

__all__ = ["Sandbox", "SandboxControl"]

TIMEOUT = 120


class SandboxControl:
    """Control a running sandbox, also one in another process.

    Each method and property sends one request. A wrong value raises `ValueError` with the sandbox's explanation.

    :param url: the URL of the sandbox's API, such as `http://127.0.0.1:8080/v1/`.
    :param api_key: the API key that the sandbox accepts.
    :param token: the control token, which the sandbox prints in its first line. Without it, you can only read.
    """

    def __init__(self, url: str, api_key: str = "sandbox", token: str = "") -> None:
        self.url = url
        self.api_key = api_key
        self.token = token

    def _request(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        connection = HTTPConnection(urlsplit(self.url).netloc, timeout=TIMEOUT)
        try:
            headers = {"Content-Type": "application/json", "X-Sandbox-Token": self.token}
            payload = None if body is None else json.dumps(body, default=_jsonable)
            connection.request(method, f"/_sandbox/{path}", payload, headers)
            response = connection.getresponse()
            data = json.loads(response.read())
        finally:
            connection.close()
        if response.status != 200:
            raise ValueError(data["error"])
        return data

    @property
    def connection(self) -> dict[str, object]:
        """Return the Airflow connection to this sandbox as a dictionary."""
        return {"conn_type": "clickmeeting", "host": self.url, "password": self.api_key}

    @property
    def connection_json(self) -> str:
        """Return the Airflow connection as JSON, for a variable `AIRFLOW_CONN_...`."""
        return json.dumps(self.connection)

    @property
    def now(self) -> datetime:
        """Return the sandbox's current time as an aware datetime in UTC."""
        return datetime.fromisoformat(self._request("GET", "clock")["now"])

    def advance(self, by: timedelta) -> None:
        """Move the clock forward."""
        self._request("POST", "clock", {"advance": by.total_seconds()})

    def set_time(self, to: datetime) -> None:
        """Set the clock to a time in the future or in the past."""
        self._request("POST", "clock", {"set": to})

    def set_speed(self, speed: float) -> None:
        """Set how many seconds the sandbox's clock moves in one real second. Speed 0 stops the clock."""
        self._request("POST", "clock", {"speed": speed})

    def switch(self, **switches: object) -> None:
        """Set switches for uncertain behaviour of the API, for example `switch(sizes="int")`."""
        self._request("POST", "switches", switches)

    def fault(self, operation: str, kind: str, *, times: int | None = 1, skip: int = 0, **options: object) -> None:
        """Order a fault for the next requests of an operation.

        :param operation: the name of the operation; `*` is every operation, and `media` the file host.
        :param kind: the kind of fault, such as `429` or `reset`.
        :param times: the number of requests that get the fault; None for all until you remove the fault.
        :param skip: the number of requests before them that do not get the fault.
        :param options: the options of the kind, such as `retry_after=1`.
        """
        order = {"operation": operation, "kind": kind, "times": times, "skip": skip, **options}
        self._request("POST", "faults", order)

    def clear_faults(self) -> None:
        """Remove all ordered faults."""
        self._request("DELETE", "faults")

    @property
    def counts(self) -> dict[str, int]:
        """Return the number of requests for each operation. `media` is the file host, `unknown` any other URL."""
        return dict(self._request("GET", "requests/counts"))

    def count(self, operation: str | None = None) -> int:
        """Return the number of requests for one operation, or for all operations together."""
        counts = self.counts
        return sum(counts.values()) if operation is None else counts.get(operation, 0)

    def log(self, operation: str | None = None) -> list[dict[str, Any]]:
        """Return the logged requests, the oldest first: method, path, query, headers, form, status and time.

        The sandbox shows no API keys. In the headers, this method puts the sandbox's key in its place again; any other
        key is `(another key)`.
        """
        query = f"?operation={quote(operation)}" if operation else ""
        log = list(self._request("GET", f"requests{query}")["log"])
        for headers in (entry["headers"] for entry in log):
            if headers.get("x-api-key") == RIGHT_KEY:
                headers["x-api-key"] = self.api_key
        return log

    def forget_requests(self) -> None:
        """Clear the counts and the log of requests."""
        self._request("DELETE", "requests")

    def play(
        self,
        room_id: int,
        *,
        start: datetime | None = None,
        end: datetime | None = None,
        attendees: Iterable[Mapping[str, Any]] = (),
        count: int = 0,
        recordings: Iterable[Mapping[str, Any]] = (),
        chat: Iterable[Mapping[str, Any] | str] = (),
    ) -> int:
        """Add a session that follows a script, and return its id. It replaces the session that the schedule would add.

        :param room_id: the room.
        :param start: the start of the session; by default the scheduled start of the room, or else now.
        :param end: the end of the session; by default the scheduled end of the room. If you set `start`, or if the room
            is permanent, the default is an hour after the start.
        :param attendees: the attendees. Each may have `email`, `nickname`, `role`, `visits`, `rating`,
            `rating_comment`, `device`, `user_ip`, `city`, `country_iso3` and `polls`. A visit is a pair of join time
            and leave time. Each time is a datetime, a number of minutes after the start, or None for the start or the
            end of the session. `polls` is a list as ClickMeeting sends it: each poll has a `name` and `questions`,
            each question a `question` and `answers`, each answer its `points` and its text, the `value`.
        :param count: the number of generated attendees to add.
        :param recordings: the recordings. Each may have `size` in bytes, `duration` in seconds, `name`, and
            `ready_after`, the seconds from the end of the session until it is ready.
        :param chat: the messages. Each is a text, or has `at`, `email`, `nickname` and `message`.
        """
        lists = {"attendees": list(attendees), "recordings": list(recordings), "chat": list(chat)}
        script = {"room_id": room_id, "start": start, "end": end, "count": count, **lists}
        return int(self._request("POST", "sessions", script)["id"])

    def add_room(self, **overrides: object) -> dict[str, Any]:
        """Create a room, also one in the past, and return it as the API shows it."""
        return dict(self._request("POST", "rooms", overrides))

    def add_field(self, room_id: int, label: str, required: bool = False) -> int:
        """Add a question to the registration form of a room, and return the id of the question."""
        question = {"room_id": room_id, "label": label, "required": required}
        return int(self._request("POST", "fields", question)["id"])

    def add_recording(
        self,
        room_id: int,
        *,
        size: int,
        duration: int = 3600,
        ready_at: datetime | None = None,
        name: str | None = None,
    ) -> int:
        """Add a recording to a room, and return its id.

        :param room_id: the room.
        :param size: the number of bytes.
        :param duration: the length in seconds.
        :param ready_at: the time from which lists show the recording; by default now.
        :param name: the name; by default that of the room.
        """
        recording = {"room_id": room_id, "size": size, "duration": duration, "ready_at": ready_at, "name": name}
        return int(self._request("POST", "recordings", recording)["id"])

    def bulk(self, rooms: int, sessions_per_room: int, attendees_per_session: int) -> None:
        """Add `rooms` ended webinars to the account, each with sessions and attendees, for example to measure a DAG."""
        each = {"sessions_per_room": sessions_per_room, "attendees_per_session": attendees_per_session}
        self._request("POST", "bulk", {"rooms": rooms, **each})

    @property
    def outbox(self) -> list[dict[str, Any]]:
        """Return the mails that ClickMeeting would send. The sandbox sends none."""
        return list(self._request("GET", "outbox"))

    def add_mail(self, sender: str, recipient: str, subject: str, *, text: str = "", html: str = "") -> None:
        """Add a mail of another sender, such as Airflow's, to the outbox, so that the sandbox's page shows it."""
        mail = {"sender": sender, "recipient": recipient, "subject": subject, "text": text, "html": html}
        self._request("POST", "mails", mail)

    @property
    def state(self) -> dict[str, Any]:
        """Return everything in the account: counts, rooms, contacts and files."""
        return dict(self._request("GET", "state"))

    def reset(self) -> None:
        """Reset data, clock, switches, faults and log to the start."""
        self._request("POST", "reset")


def _jsonable(value: object) -> object:
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds() / 3600
    raise TypeError(
        f"The sandbox cannot receive {value!r} of the type {type(value).__name__}."
        " Use a JSON value, a date, a datetime or a timedelta."
    )


class Sandbox(SandboxControl):
    """Run a sandbox in a background thread of this process. Use it as a context manager.

    :param port: the port of the API; 0 selects a free port.
    :param api_key: the API key that the sandbox accepts.
    :param seed: the data at the start: `empty`, or `demo` for a small account.
    :param speed: how many seconds the sandbox's clock moves in one real second.
    :param switches: the values of switches for uncertain behaviour of the API.
    :param token: the control token; by default a random one.
    :param allowed_hosts: the host names, besides `localhost` and IP addresses, that URLs of the sandbox may have.
    """

    def __init__(
        self,
        *,
        port: int = 0,
        api_key: str = "sandbox",
        seed: str = "empty",
        speed: float = 1.0,
        switches: Mapping[str, object] | None = None,
        token: str = "",
        allowed_hosts: Collection[str] = (),
    ) -> None:
        super().__init__("", api_key, token or secrets.token_urlsafe(12))
        self._port, self._allowed_hosts, self._seed = port, allowed_hosts, seed
        self._speed, self._switches = speed, switches
        self._server: Server | None = None
        self._thread: threading.Thread | None = None

    def open(self) -> Server:
        """Open the ports, and return the server, which serves while its method `run` runs.

        :raises RuntimeError: if a package of the extra `sandbox` is missing.
        :raises OSError: if the port is in use.
        """
        with extra_required():
            from airflow_clickmeeting.sandbox.demo import SEEDS
            from airflow_clickmeeting.sandbox.server import Server
            from airflow_clickmeeting.sandbox.world import World

        seed = SEEDS[self._seed]
        world = World(self.api_key, self.token, speed=self._speed, switches=self._switches, seed=seed)
        self._server = Server(world, self._port, self._allowed_hosts)
        self.url = self._server.url
        return self._server

    def start(self) -> None:
        """Start the server, and return when it accepts requests.

        :raises RuntimeError: if a package of the extra `sandbox` is missing, or if the thread ends before the start.
        :raises OSError: if the port is in use.
        """
        server = self.open()
        self._thread = threading.Thread(target=server.run, name="clickmeeting-sandbox", daemon=True)
        self._thread.start()
        while not server.started:
            if not self._thread.is_alive():
                raise RuntimeError(
                    "The thread of the sandbox ended before it served requests. See its traceback on stderr."
                )
            time.sleep(0.005)

    def stop(self) -> None:
        """Stop the server, wait until it has ended, and free its ports. Without a running server, do nothing."""
        if self._server and self._thread:
            self._server.should_exit = True
            self._thread.join()
        self._server = self._thread = None

    def __enter__(self) -> Sandbox:
        self.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()


@contextmanager
def extra_required() -> Iterator[None]:
    """Raise `RuntimeError` with the command that installs a package whose import fails here."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise RuntimeError(
            f"The sandbox needs the package {error.name}."
            " Install the package with: pip install 'airflow-clickmeeting[sandbox]'"
        ) from error
