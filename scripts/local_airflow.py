"""Run real Airflow processes and a sandbox on free ports of this machine, and always stop them at the end."""

from __future__ import annotations

import contextlib
import functools
import http.client
import json
import os
import re
import secrets
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NamedTuple, Self

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence


class Part(NamedTuple):
    """A process of Airflow: what it runs, and on which machine.

    :param command: the arguments of `airflow`.
    :param machine: the name of a folder in Airflow's home. The part keeps its logs and its temporary files there and
        has no other home, as if it ran on a machine of its own. By default it shares Airflow's home with other parts.
    :param env: environment variables of this part only.
    """

    command: Sequence[str]
    machine: str = ""
    env: Mapping[str, str] = {}


# `-s` starts no log server. It would listen on every address of the machine, which no setting of Airflow changes, and
# the API server finds the logs on the disk.
PARTS = {
    "api-server": Part(["api-server"]),
    "scheduler": Part(["scheduler", "-s"]),
    "dag-processor": Part(["dag-processor"]),
    "triggerer": Part(["triggerer", "-s"]),
}
STOP_TIMEOUT = 4.0

# Requests to this machine must not go through a proxy that the environment names.
_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class LocalAirflow:
    """Runs the parts of a real Airflow, which can be started, stopped and killed by name."""

    def __init__(
        self,
        venv_bin: Path,
        home: Path,
        dags_folder: Path,
        env: Mapping[str, str] | None = None,
        *,
        parts: Mapping[str, Part] = PARTS,
    ) -> None:
        self.home = home
        self.parts = parts
        self.url = f"http://127.0.0.1:{reserve_port()}"
        self._airflow = str(venv_bin.absolute() / "airflow")
        self._env = _environment(home, dags_folder, self.url) | dict(env or {})
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def __enter__(self) -> Self:
        """Start all parts, and wait until they are healthy."""
        self.home.mkdir(parents=True, exist_ok=True)
        try:
            self.cli("db", "migrate")
            for part in self.parts:
                self.start(part)
            self.wait_healthy()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop all running parts."""
        running, self._running = self._running, {}
        stop(*running.values())

    def start(self, part: str) -> None:
        """Start one part; its output goes to `<home>/<part>.log`."""
        command, _, env = self.parts[part]
        home = self.machine(part)
        temporary = home / "tmp"
        temporary.mkdir(parents=True, exist_ok=True)
        own = {"AIRFLOW_HOME": str(home.absolute()), "TMPDIR": str(temporary.absolute()), **env}
        with self.log_file(part).open("ab") as log:
            self._running[part] = spawn([self._airflow, *command], self._env | own, stdout=log, cwd=home)

    def stop(self, part: str) -> None:
        """Stop one part with a signal, so that it can clean up."""
        stop(self._running.pop(part))

    def kill(self, part: str) -> None:
        """Kill one part and its child processes, as a crash of its machine would."""
        kill(self._running.pop(part))

    def kill_all(self) -> None:
        """Kill all running parts; to stop them takes seconds, and some hang at times."""
        for part in [*self._running]:
            self.kill(part)

    def machine(self, part: str) -> Path:
        """Return the folder that a part has as its `AIRFLOW_HOME`."""
        return self.home / self.parts[part].machine

    def log_file(self, part: str) -> Path:
        """Return the file that holds the output of one part."""
        return self.home / f"{part}.log"

    def cli(self, *arguments: str) -> str:
        """Run `airflow <arguments>`, and return its output; this takes seconds, so prefer `api`."""
        command = [self._airflow, *arguments]
        done = subprocess.run(command, env=self._env, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"airflow {' '.join(arguments)} failed:\n{done.stdout}{done.stderr}")
        return done.stdout

    def api(self, method: str, path: str, json: object = None) -> Any:
        """Call the REST API, as in `api("GET", "/dags")`; an error raises `HTTPError` with the response as a note."""
        return _call(method, f"{self.url}/api/v2{path}", json, self._token)

    @functools.cached_property
    def _token(self) -> str:
        return str(_call("GET", f"{self.url}/auth/token")["access_token"])

    def wait_healthy(self, timeout: float = 600) -> None:
        """Wait until the API responds, and all parts that were started are healthy."""
        until(f"Airflow is healthy (its logs: {self.home}/*.log)", self._healthy, timeout)

    def check_running(self) -> None:
        """Raise a `RuntimeError` with the end of its output if a part has exited by itself."""
        for part, process in self._running.items():
            if process.poll() is not None:
                tail = self.log_file(part).read_text(errors="replace")[-3000:]
                raise RuntimeError(f"airflow {part} exited with code {process.returncode}:\n{tail}")

    def _healthy(self) -> bool:
        self.check_running()
        try:
            health = _call("GET", f"{self.url}/api/v2/monitor/health")
        except (OSError, http.client.HTTPException):
            return False
        started = {self.parts[part].command[0].replace("-", "_") for part in self._running}
        return all(health[part]["status"] == "healthy" for part in health.keys() & started)


@contextlib.contextmanager
def local_sandbox(venv_bin: Path, *options: str) -> Iterator[str]:
    """Run the package's sandbox in a process of its own, and yield the URL of its API."""
    command = [str(venv_bin / "python"), "-m", "airflow_clickmeeting.sandbox", "--port", "0", *options]
    process = spawn(command, clean_environment(), stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        first_line = process.stdout.readline().decode()
        url = re.search(r"http://\S+", first_line)
        if url is None:
            raise RuntimeError(f"The sandbox did not start. Its first line of output: {first_line!r}")
        yield url[0]
    finally:
        stop(process)


def until(what: str, holds: Callable[[], object], timeout: float = 600) -> None:
    """Wait until `holds` returns something true; a `TimeoutError` names it with the text `what`.

    The timeout only guards against a hang: a slow machine is no error.
    """
    deadline = time.monotonic() + timeout
    pause = 0.1
    while not holds():
        if time.monotonic() > deadline:
            raise TimeoutError(f"Timed out after {timeout:g} s waiting until {what}")
        time.sleep(pause)
        pause = min(0.5, 1.5 * pause)  # each look costs Airflow's API server processor time


def serves(url: str) -> bool:
    """Return whether a server of this machine answers a request for JSON."""
    try:
        _call("GET", url)
    except (OSError, http.client.HTTPException):
        return False
    return True


def reserve_port() -> int:
    """Return a port of the loopback address for a server that this process starts, now or later.

    While this process lives, the kernel gives the port to no other process that asks for any port. A server may listen
    on it nevertheless, because servers set `SO_REUSEADDR`, and the socket that holds it does not listen.
    """
    with socket.socket() as holder:
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        holder.bind(("127.0.0.1", 0))
        port = int(holder.getsockname()[1])
        if sys.platform == "linux":  # other kernels refuse a second socket
            holder.detach()  # stays open until the process ends
        return port


def clean_environment() -> dict[str, str]:
    """Return the environment of this process without settings of Airflow."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW_")}
    local = "127.0.0.1,localhost"
    return environment | {"NO_PROXY": local, "no_proxy": local, "PYTHONUNBUFFERED": "1"}


def spawn(
    command: Sequence[str], env: Mapping[str, str], stdout: int | IO[bytes], cwd: Path | None = None
) -> subprocess.Popen[bytes]:
    """Start a command in a session of its own, so that Ctrl-C does not reach it, and `kill` finds its children."""
    return subprocess.Popen(
        command,
        env=env,
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=subprocess.STDOUT if stdout is not subprocess.PIPE else None,
        start_new_session=True,
    )


def stop(*processes: subprocess.Popen[bytes]) -> None:
    """Send the processes SIGTERM, wait, and kill those that still run, because Airflow sometimes hangs here."""
    deadline = time.monotonic() + STOP_TIMEOUT
    try:
        for process in processes:
            process.send_signal(signal.SIGTERM)
        for process in processes:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(max(0.0, deadline - time.monotonic()))
    finally:
        for process in processes:
            kill(process)


def kill(process: subprocess.Popen[bytes]) -> None:
    """Kill a process that `spawn` started, and all other processes of its session."""
    for pid in _session(process.pid):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    if process.stdout:
        process.stdout.close()


def _session(leader: int) -> list[int]:
    """List the processes of a session, if /proc exists; a process group is not enough, since tasks have their own."""
    members = []
    for pid in [int(entry.name) for entry in Path("/proc").glob("[0-9]*")]:
        with contextlib.suppress(ProcessLookupError):
            if os.getsid(pid) == leader:
                members.append(pid)
    return members


def _call(method: str, url: str, body: object = None, token: str | None = None) -> Any:
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, headers, method=method)
    try:
        with _opener.open(request, timeout=600) as response:
            return json.loads(response.read() or b"null")
    except urllib.error.HTTPError as error:
        error.add_note(error.read().decode(errors="replace"))
        raise


def _environment(home: Path, dags_folder: Path, url: str) -> dict[str, str]:
    """Return the environment variables that all processes of one Airflow share."""
    host, port = url.removeprefix("http://").split(":")
    settings = {
        "core": {
            "dags_folder": str(dags_folder.absolute()),
            "load_examples": "False",
            "execution_api_server_url": f"{url}/execution/",
            "simple_auth_manager_all_admins": "True",
            "test_connection": "Enabled",
            "parallelism": "4",
        },
        "api": {
            "host": host,
            "port": port,
            "base_url": url,
            "workers": "1",
            "secret_key": secrets.token_hex(),
        },
        # the token lives as long as the longest use
        "api_auth": {"jwt_secret": secrets.token_hex(32), "jwt_expiration_time": str(30 * 86400)},
        "usage_data_collection": {"enabled": "False"},
        # The default pauses are too long for somebody who waits for the result.
        "scheduler": {"scheduler_heartbeat_sec": "1", "scheduler_idle_sleep_time": "0.1"},
        "dag_processor": {"refresh_interval": "2"},
        # Two Airflows on one machine must not use the same ports.
        "logging": {"worker_log_server_port": str(reserve_port()), "trigger_log_server_port": str(reserve_port())},
    }
    flat = {
        f"AIRFLOW__{section}__{name}".upper(): value
        for section, options in settings.items()
        for name, value in options.items()
    }
    return clean_environment() | {"AIRFLOW_HOME": str(home.absolute())} | flat
