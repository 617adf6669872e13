"""Operators for invitations by mail."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk import Context

from airflow_clickmeeting.api.validate import Id
from airflow_clickmeeting.compat import AirflowException, AirflowFailException
from airflow_clickmeeting.operators.base import RoomOperator, StatefulOperator
from airflow_clickmeeting.operators.bulk import RoomPeopleOperator

if TYPE_CHECKING:
    from airflow_clickmeeting.api.call import Call
    from airflow_clickmeeting.people.invite import BulkInviter, InviteResult
    from airflow_clickmeeting.people.people_list import PeopleList, Person
    from airflow_clickmeeting.storage import Path


__all__ = ["ClickMeetingBulkSendInvitationsOperator", "ClickMeetingSendInvitationOperator"]


class ClickMeetingSendInvitationOperator(RoomOperator):
    """Invite people by mail; a second run sends the mails again.

    If the response is lost, the operator does not send the request again, and the task fails: set `retries` to 0 if
    nobody may get a second mail.

    :param attendees: e-mail addresses, or dicts with `email` and, if known, `firstname`, `lastname` and the person's
        own `role`. An address that is in the list twice, in whatever spelling, gets one mail. In a room with access by
        token, each address gets a token of its own.
    :param lang: two letters.
    :param role: `listener` or `presenter`, for people without a role of their own.
    :param template: `basic` or `advanced`.
    :return: `{"status": "OK"}`.
    """

    template_fields: Sequence[str] = (
        *RoomOperator.template_fields,
        "attendees",
        "lang",
        "role",
        "template",
    )

    def __init__(
        self,
        *,
        attendees: Sequence[str | Mapping[str, str]],
        lang: str = "en",
        role: str | None = None,
        template: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.attendees = attendees
        self.lang = lang
        self.role = role
        self.template = template

    def execute(self, context: Context) -> dict[str, Any]:
        from airflow_clickmeeting.api import calls

        call = calls.send_invitation(
            self.room_id, attendees=self.attendees, lang=self.lang, role=self.role, template=self.template
        )
        answer = self.hook.run(call)
        self.log.info("Invited %d people to room %s", len(call.form["attendees"]), self.room_id)
        return self.result(answer)


#: the numbers of the result, as the log calls them
WORDS = {
    "sent": "sent",
    "unchanged": "already sent by earlier runs",
    "duplicates": "in the list twice",
    "invalid": "invalid",
    "failed": "failed",
    "uncertain": "uncertain",
}


class ClickMeetingBulkSendInvitationsOperator(StatefulOperator, RoomPeopleOperator):
    """Invite the people of a list by mail, each at most once.

    The operator checks all rows first, and then invites the valid ones in batches. Before each batch it writes to the
    ledger that the batch is being sent, and afterwards its outcome. So a second run with the same ledger sends only
    what was not sent. If the ledger cannot be written, nothing is sent.

    A batch is uncertain if the worker died, or the response was lost, while the batch was sent: the mails may have gone
    out. Such a request is not sent again unless `on_uncertain` says so. The next run tries what was certainly not sent.
    This includes a batch that ClickMeeting refused, although it is not known whether ClickMeeting writes to some people
    of a batch before it refuses it; these people then go in batches a tenth as large, so that one bad address does not
    keep the others from their mail. A wrong key, a deleted room, a failed network or a rate limit fails the task at
    once.

    :param ledger: a JSON lines file on any object storage, or a folder that ends in a slash, that keeps the outcome of
        each person, by e-mail address. A task fails before it sends anything if another task holds the ledger, or if it
        does not find the ledger of an earlier try.
    :param file_mode: the permissions of a local ledger, as octal digits in a text or a number such as `0o640`; by
        default only the owner can read it.
    :param batch_size: how many people a request invites.
    :param on_uncertain: `skip` leaves out people of uncertain batches, of this run and of earlier ones, and returns
        their rows; `resend` sends to them again, once in a run, and fails at the end if the outcome is still uncertain;
        `fail` fails before anything else is sent.
    :param lang: the language of the mails, two letters.
    :param role: `listener` or `presenter`, for people without a role of their own, which a column `role` gives. People
        of different roles go in different batches.
    :param template: `basic` or `advanced`.
    :param max_failures: how many rows may be invalid or fail before the task fails, after all were tried: a number, or
        a float below 1 as a share of all rows.
    :return: `room_id`; the numbers of `rows`, `sent`, `unchanged` (sent by earlier runs), `duplicates`, `invalid`,
        `failed` and `uncertain`; the first hundred `uncertain_rows` and `failures`, each with `row` and `reason`, and
        `failure_count`; and the path of the `ledger`. Addresses are in the ledger only.
    """

    columns_of = "invitation_columns"
    state_fields = ("ledger",)
    template_fields: Sequence[str] = (
        *RoomPeopleOperator.template_fields,
        "ledger",
        "file_mode",
        "batch_size",
        "on_uncertain",
        "lang",
        "role",
        "template",
        "max_failures",
    )

    def __init__(
        self,
        *,
        ledger: Path,
        file_mode: Id = "600",
        batch_size: Id = 100,
        on_uncertain: str = "skip",
        lang: str = "en",
        role: str | None = None,
        template: str | None = None,
        max_failures: float | str = 0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.ledger = ledger
        self.file_mode = file_mode
        self.batch_size = batch_size
        self.on_uncertain = on_uncertain
        self.lang = lang
        self.role = role
        self.template = template
        self.max_failures = max_failures

    def execute(self, context: Context) -> InviteResult:
        """Check all rows, and invite the people who have not been invited.

        :raises ValueError: naming the argument and its valid values.
        :raises AirflowException: if more rows failed than `max_failures`; an `AirflowFailException` if no retry can
            invite any of them.
        :raises AirflowFailException: if a batch is uncertain, and `on_uncertain` is `fail`; or if an earlier try or run
            began a ledger that is not there.
        """
        from airflow_clickmeeting.api import validate
        from airflow_clickmeeting.people.invite import ON_UNCERTAIN, BulkInviter
        from airflow_clickmeeting.people.ledger import Ledger
        from airflow_clickmeeting.people.people_list import Person

        room_id = validate.identifier("room_id", self.room_id)
        batch_size = validate.whole_number("batch_size", self.batch_size)
        on_uncertain = validate.one_of("on_uncertain", self.on_uncertain, ON_UNCERTAIN)
        max_failures = validate.max_failures("max_failures", self.max_failures)
        validate.filled("ledger", str(self.ledger))
        self._invitation([Person(1, "", "", {"email": "anybody@example.com"})])  # raises for the other arguments
        mode = validate.permissions("file_mode", self.file_mode)
        with Ledger(self.ledger, "invitations", room_id, mode=mode, context=context) as ledger:
            people_list = self.people_list()
            inviter = BulkInviter(self.hook, room_id, self._invitation, ledger, on_uncertain, batch_size)
            inviter.add_invalid(people_list.invalid)
            inviter.send(people_list.people)
        result = _result(room_id, people_list, inviter, str(ledger.path))
        counts = {name: int(result[name]) for name in WORDS}  # type: ignore[literal-required]
        shown = (f"{count} {WORDS[name]}" for name, count in counts.items() if count or name in ("sent", "unchanged"))
        self.log.info("Invitations to room %d: %d rows: %s", room_id, result["rows"], ", ".join(shown))
        lacking = inviter.rows["uncertain"] if on_uncertain == "resend" else []
        _check(inviter, len(lacking), max_failures, result)
        return result

    def _invitation(self, people: Sequence[Person]) -> Call[dict[str, Any]]:
        from airflow_clickmeeting.api import calls

        return calls.send_invitation(
            self.room_id,
            attendees=[person.attendee for person in people],
            lang=self.lang,
            # all people of a batch have the same role
            role=people[0].role or self.role,
            template=self.template,
        )


def _result(room_id: int, people_list: PeopleList, inviter: BulkInviter, ledger: str) -> InviteResult:
    from airflow_clickmeeting.failures import MAX_FAILURES_KEPT

    rows = inviter.rows
    return {
        "room_id": room_id,
        "rows": people_list.rows,
        "sent": len(rows["sent"]),
        "unchanged": len(rows["already_sent"]),
        "duplicates": people_list.duplicates,
        "invalid": len(rows["invalid"]),
        "failed": len(rows["failed"]),
        "uncertain": len(rows["uncertain"]),
        "uncertain_rows": rows["uncertain"][:MAX_FAILURES_KEPT],
        "failures": inviter.failures.kept,
        "failure_count": inviter.failures.count,
        "ledger": ledger,
    }


def _check(inviter: BulkInviter, uncertain: int, max_failures: float, result: InviteResult) -> None:
    """Raise if more people were not invited than the task accepts."""
    from airflow_clickmeeting.failures import allowed_failures, format_failure, format_first
    from airflow_clickmeeting.people.people_list import format_rows

    failures = inviter.failures
    failures.log_counts()
    if (count := failures.count + uncertain) <= allowed_failures(max_failures, result["rows"]):
        return
    reasons = [format_first([*map(format_failure, failures.kept)], count=failures.count)] * bool(failures.count)
    reasons += [f"{format_rows(inviter.rows['uncertain'])}: uncertain"] * bool(uncertain)
    kind = AirflowException if failures.curable or uncertain else AirflowFailException
    raise kind(
        f"{count} of {result['rows']} rows failed (max_failures={max_failures:g}), and {result['sent']} people were "
        f"invited: {'; '.join(reasons)}. The ledger {result['ledger']} has the outcome of each, and a retry sends only "
        "what was not sent. Correct the rows, or raise max_failures, then clear this task."
    )
