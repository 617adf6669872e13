"""The buttons of a task in Airflow's UI: the room, its page in ClickMeeting's account panel, and the file written.

The worker computes the addresses when a task ends, fails or defers, and Airflow keeps each one as an XCom, which its
API server reads. So they cost no request to ClickMeeting, and must not hold a secret.
"""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from airflow.sdk import BaseOperatorLink

from airflow_clickmeeting.api import urls

if TYPE_CHECKING:
    from airflow.sdk.types import TaskInstanceKey

__all__ = ["AccountPanelLink", "FileLink", "RoomLink"]

log = logging.getLogger(__name__)


class SafeLink(BaseOperatorLink):
    """Base of the links: an address that cannot be computed is an empty text, for which the UI shows no button."""

    def get_link(self, operator: Any, *, ti_key: TaskInstanceKey) -> str:
        """Return the address, or an empty text.

        :param operator: the operator after its templates were rendered, and after it ran.
        :param ti_key: the task's instance.
        """
        try:
            return self.address(operator, ti_key)
        except Exception:  # Airflow would log it as an error of the task
            log.debug("The task has no link %s", self.name, exc_info=True)
            return ""

    def address(self, operator: Any, ti_key: TaskInstanceKey) -> str:
        """Return the address, or an empty text; any error means that there is none."""
        raise NotImplementedError


class RoomLink(SafeLink):
    """Leads to the page on which people enter the room, as ClickMeeting's response has it, without any secret.

    A task that has not read the room has no such link.
    """

    name = "Room"

    def address(self, operator: Any, ti_key: TaskInstanceKey) -> str:
        """Return the public URL of the room that the task is about."""
        _, room_url = _room_of(operator)
        if not room_url and getattr(operator, "is_resumed", False):
            from airflow.sdk.execution_time.xcom import XCom

            # the process before the waiting may have read the room
            room_url = XCom.get_value(key=self.xcom_key, ti_key=ti_key)
        return urls.public_room_url(room_url)


class AccountPanelLink(SafeLink):
    """Leads to the room's page in the account panel, or to the panel if the task is about no single room.

    Only ClickMeeting's own panel is known. So an API at another address, such as a sandbox, has no such link.
    """

    name = "Account panel"

    def address(self, operator: Any, ti_key: TaskInstanceKey) -> str:
        """Return the address of the panel for the room that the task is about."""
        room_id, _ = _room_of(operator)
        return urls.account_panel_url(operator.hook.settings.url, room_id)


class FileLink(SafeLink):
    """Leads to the file that the task wrote, or to the folder of several files, if the setting `file_urls` has its URL.

    A path such as `s3://bucket/file` or that of a disk says nothing about the address that a browser could open.
    """

    name = "File"

    def address(self, operator: Any, ti_key: TaskInstanceKey) -> str:
        """Return the URL of the file, without credentials and without the parameters of a signed link."""
        paths = operator.written
        if len(paths) > 1:
            paths = list({path.rpartition("/")[0] + "/" for path in paths})
        return urls.public_url(_web_address(paths[0])) if len(paths) == 1 else ""


#: the links of a task that is about one room
ROOM_LINKS: tuple[BaseOperatorLink, ...] = (RoomLink(), AccountPanelLink())
#: the link of a task that writes a file
FILE_LINKS: tuple[BaseOperatorLink, ...] = (FileLink(),)


def _room_of(operator: Any) -> tuple[int | None, str]:
    """Return the id of the one room that a task is about, and its URL if the task has read the room."""
    read_id, room_url = operator.hook.last_room or (None, "")
    # an operator that creates a room has no argument with its id
    given: Any = getattr(operator, "room_id", read_id)
    room_id = int(given) if re.fullmatch("[0-9]+", str(given)) else None
    return room_id, room_url if room_id == read_id else ""


def _web_address(path: str) -> str:
    """Return the URL of a file by the setting `file_urls`, which has the URLs of folders; other paths as they are."""
    from airflow_clickmeeting.compat import conf

    known: dict[str, str] = conf.getjson("clickmeeting", "file_urls", fallback={})
    folders = {folder.rstrip("/") + "/": url for folder, url in known.items()}
    inside = [folder for folder in folders if f"{path}/".startswith(folder)]
    if not inside:
        return path
    folder = max(inside, key=len)
    return f"{folders[folder].rstrip('/')}/{quote(path[len(folder) :])}"
