"""Run the server of a database in a folder of its own, and always stop it at the end."""

from __future__ import annotations

import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

TIMEOUT = 600.0  # only guards against a hang


class DatabaseServer:
    """The programs of a database, which run as its own user, since most servers do not run as root.

    :param name: the name of the database; `make` has a target of this name in lower case, which installs it.
    :param user: the user of the system who runs the server, if this process is of root.
    :param places: folders of programs besides those of PATH.
    :param stop: the signal that stops the server at once.
    """

    def __init__(self, name: str, user: str, *, places: Sequence[Path] = (), stop: signal.Signals) -> None:
        self.name = name
        self._user = user if os.geteuid() == 0 else None
        self._places = os.pathsep.join([*map(str, places), *os.get_exec_path()])
        self._stop = stop
        # the kernel stops the server when this process ends, also when it is killed
        drop_root = [f"--reuid={user}", f"--regid={user}", "--clear-groups"] if self._user else []
        launch = ["setpriv", *drop_root, f"--pdeathsig={stop.name.removeprefix('SIG')}"]
        self._launch = launch if sys.platform == "linux" else []

    @contextmanager
    def folder(self, parent: Path | None = None) -> Iterator[Path]:
        """Make a folder that the server can write to. Among temporary files it is removed at the end.

        :param parent: where to make it; by default, and if the server's user may not enter it, among temporary files.
            What is in it stays, because to remove a database takes seconds.
        """
        if self._user and parent and not all(each.stat().st_mode & stat.S_IXOTH for each in (parent, *parent.parents)):
            parent = None
        home = Path(tempfile.mkdtemp(prefix=f"{self.name.lower()}-", dir=parent))
        if self._user:
            shutil.chown(home, self._user, self._user)
        try:
            yield home
        finally:
            if not parent:
                shutil.rmtree(home, ignore_errors=True)

    def prepare(self, home: Path, *command: str) -> None:
        """Run a command that creates the files of the server."""
        subprocess.run(**self._process(home, command), check=True, stdout=subprocess.DEVNULL)

    @contextmanager
    def running(self, home: Path, command: Sequence[str], probe: Sequence[str]) -> Iterator[None]:
        """Run the server until the end of the context, which begins when the server accepts connections.

        :param probe: a command that succeeds as soon as the server accepts connections.
        """
        log = home / "log"
        with log.open("wb") as out:
            server = subprocess.Popen(**self._process(home, command), stdout=out, stderr=out)
        try:
            self._wait_until_ready(server, self._with_path(probe), log)
            yield
        finally:
            server.send_signal(self._stop)
            try:
                server.wait(TIMEOUT)
            finally:
                server.kill()

    def _process(self, home: Path, command: Sequence[str]) -> dict[str, Any]:
        """Return how to run a command as the server's user; its temporary files, too, are in the folder.

        In a folder that several servers share, MariaDB removes the temporary files of the others.
        """
        env = os.environ | {"TMPDIR": str(home)}
        return {"args": [*self._launch, *self._with_path(command)], "cwd": home, "env": env}

    def _wait_until_ready(self, server: subprocess.Popen[bytes], probe: list[str], log: Path) -> None:
        deadline = time.monotonic() + TIMEOUT
        while subprocess.run(probe, check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode:
            if server.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{self.name} did not start:\n{log.read_text()}")
            time.sleep(0.05)

    def _with_path(self, command: Sequence[str]) -> list[str]:
        """Return a command with the path of its program, because Debian installs most servers outside PATH."""
        program, *arguments = command
        found = shutil.which(program, path=self._places)
        if not found:
            raise FileNotFoundError(
                f"{program} was not found. Install the server of {self.name}, "
                f"for example with `make {self.name.lower()}`"
            )
        return [found, *arguments]
