"""A temporary file that is in memory while it is small."""

from __future__ import annotations

import io
import os
import tempfile
from contextlib import suppress
from typing import Any

from airflow_clickmeeting.storage import DiskFile, naming_full_disk

ADVICE = "let TMPDIR of the workers name another folder"


class ScratchFile(tempfile.SpooledTemporaryFile[bytes]):
    """A temporary file that is in memory while it is small; it is removed when it is closed.

    Its error about a full disk says what is needed. Its first argument is the number of bytes to hold in memory.
    """

    def rollover(self) -> None:
        """Move the bytes from memory to the disk, where the next ones go too."""
        folder = tempfile.gettempdir()
        with naming_full_disk(folder, self.tell(), advice=ADVICE):
            super().rollover()
            self._file.flush()
        self._file = io.BufferedRandom(DiskFile(os.dup(self._file.fileno()), folder, "r+b", advice=ADVICE))

    def __exit__(self, *error: Any) -> None:
        """Remove the file; what the disk has no space for is not missed."""
        with suppress(OSError):
            super().__exit__(*error)
