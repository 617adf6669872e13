"""Send messages at most once each: a ledger records each message before and after it is sent."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, TypedDict

from airflow_clickmeeting.api import validate
from airflow_clickmeeting.api.redact import without_addresses
from airflow_clickmeeting.api.validate import Id
from airflow_clickmeeting.failures import Failure, FailureLog

if TYPE_CHECKING:
    from airflow_clickmeeting.storage import Path

__all__ = ["SendOnceResult", "send_once"]

log = logging.getLogger(__name__)


class SendOnceResult(TypedDict):
    """The numbers of messages by outcome, and the first hundred failures; none names a recipient."""

    sent: int
    unchanged: int
    uncertain: int
    failures: list[Failure]
    failure_count: int


def send_once(
    ledger: Path,
    keys: Iterable[str],
    send: Callable[[str], object],
    *,
    not_sent: tuple[type[Exception], ...] = (),
    max_failures: float = 0,
    file_mode: Id = "600",
    allow_local_state: bool = False,
) -> SendOnceResult:
    """Call `send` for each key that has not been sent; use it in a task that writes to people or posts messages.

    A second run, or a retry, calls `send` only for the keys that are left. If the task is killed during a call, or the
    call fails with an error that is not in `not_sent`, the message may be on its way: its outcome is `uncertain`, and
    it is never sent again. To send it again, delete its line in the ledger. So prepare texts and files before, and let
    `send` do nothing but send.

    :param ledger: the JSON lines file on any object storage that keeps the outcome of each key, or a folder that ends
        in a slash, in which the file is `messages.jsonl`. Only one task at a time may use it.
    :param keys: what identifies each message, such as the address of its recipient.
    :param send: sends the message of a key.
    :param not_sent: the errors after which certainly nothing was sent. They count as failures, the other keys are
        tried, and a second run tries these again. Any other error ends the task at once.
    :param max_failures: how many keys may fail before the task does, after all were tried: a number, or a float below 1
        as a share of all keys.
    :param file_mode: the permissions of a local ledger, as octal digits in a text or a number such as `0o640`; by
        default only the owner can read it, since it holds addresses.
    :param allow_local_state: whether the ledger may be on the disk of a machine although the executor may run the next
        try on another one.
    :return: the numbers of keys that were `sent` by this call, are `unchanged` since an earlier one sent them, or are
        `uncertain`; the first hundred `failures`, each with the number of the key as `row`, and its `reason`; and
        `failure_count`.
    :raises WrongArgumentError: for a local ledger, if another try may run on another machine.
    :raises AirflowException: if another task holds the ledger, or more keys failed than `max_failures`.
    """
    from airflow.sdk import get_current_context

    from airflow_clickmeeting import state
    from airflow_clickmeeting.people.ledger import Ledger

    context = get_current_context()
    state.check_shared("ledger", ledger, context["ti"].task.executor, allow_local=allow_local_state)
    max_failures = validate.max_failures("max_failures", max_failures)
    mode = validate.permissions("file_mode", file_mode)
    failures, counts, row = FailureLog(log, "messages"), Counter[str](), 0
    with Ledger(ledger, "messages", mode=mode, context=context) as kept:
        for row, given in enumerate(keys, 1):
            key = validate.email_key(given)
            before = (kept.get(key) or {}).get("outcome")
            if before in ("sent", "sending"):
                counts["unchanged" if before == "sent" else "uncertain"] += 1
                continue
            kept.put(key, row=row, outcome="sending")
            # from here on, a task that takes the ledger over reads that this message may have been sent
            kept.flush()
            kept.check()
            try:
                send(given)
            except not_sent as error:
                reason = without_addresses(f"{type(error).__name__}: {error}")
                kept.put(key, row=row, outcome="failed", why=reason)
                failures.add(reason, row=row)
            else:
                kept.put(key, row=row, outcome="sent")
                counts["sent"] += 1
    failures.log_counts()
    sent, unchanged, uncertain = (counts[outcome] for outcome in ("sent", "unchanged", "uncertain"))
    log.info("Sent %d messages; %d were sent before, and %d may have been", sent, unchanged, uncertain)
    failures.check(max_failures, row, "A retry sends only these. Correct them, or raise max_failures")
    return {
        "sent": sent,
        "unchanged": unchanged,
        "uncertain": uncertain,
        "failures": failures.kept,
        "failure_count": failures.count,
    }
