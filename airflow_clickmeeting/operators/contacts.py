"""The account's address book."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk import Context

from airflow_clickmeeting.operators.base import ClickMeetingOperator
from airflow_clickmeeting.operators.bulk import PeopleOperator

if TYPE_CHECKING:
    from airflow_clickmeeting.people.forms import Target


class ClickMeetingCreateContactOperator(ClickMeetingOperator):
    """Put a person into the address book, or update them: the e-mail address decides, so a second run is fine.

    :param email_address: the person (`email` is whom Airflow alerts, in every operator).
    :param firstname: first name.
    :param lastname: last name.
    :param phone: telephone number.
    :param company: company.
    :param country: two letters, such as `PL`.
    :return: `{"status": "OK"}`.
    """

    template_fields: Sequence[str] = (
        *ClickMeetingOperator.template_fields,
        "email_address",
        "firstname",
        "lastname",
        "phone",
        "company",
        "country",
    )

    def __init__(
        self,
        *,
        email_address: str,
        firstname: str,
        lastname: str,
        phone: str | None = None,
        company: str | None = None,
        country: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.email_address = email_address
        self.firstname = firstname
        self.lastname = lastname
        self.phone = phone
        self.company = company
        self.country = country

    def execute(self, context: Context) -> dict[str, Any]:
        """Send it."""
        answer = self.hook.create_contact(
            email=self.email_address,
            firstname=self.firstname,
            lastname=self.lastname,
            phone=self.phone,
            company=self.company,
            country=self.country,
        )
        return self.result(answer)


class ClickMeetingBulkCreateContactsOperator(PeopleOperator):
    """Put the people of a list into the account's address book, or update those that are there.

    A second run with the same ledger sends only who is missing in it; without a ledger it sends all again, which
    changes nothing. Columns are `email`, `firstname`, `lastname`, which are needed, `phone`, `company` and `country`,
    two letters, also written as `First Name`, `e-mail` and the like.

    :return: the numbers of `rows`, `duplicates`, and by outcome `created` (or updated: ClickMeeting does not tell),
        `unchanged` (always 0), `invalid` and `failed`, of this and earlier tries with the same ledger; the path of the
        `ledger`; the first hundred `failures`, each with `row` and `reason`; and `failure_count`.
    """

    operation = "contacts"

    def form(self) -> Target:
        """Return a card."""
        from airflow_clickmeeting.people.forms import ContactTarget

        return ContactTarget(self.hook)
