"""Operators for the account's address book."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from airflow.sdk import Context

from airflow_clickmeeting.operators.base import ClickMeetingOperator
from airflow_clickmeeting.operators.bulk import BulkOperator

__all__ = ["ClickMeetingBulkCreateContactsOperator", "ClickMeetingCreateContactOperator"]


class ClickMeetingCreateContactOperator(ClickMeetingOperator):
    """Create a contact, or update the one with this e-mail address; so a second run changes nothing.

    :param email_address: the person's e-mail address (in every operator, `email` is the address that Airflow alerts).
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
        answer = self.hook.create_contact(
            email=self.email_address,
            firstname=self.firstname,
            lastname=self.lastname,
            phone=self.phone,
            company=self.company,
            country=self.country,
        )
        return self.result(answer)


class ClickMeetingBulkCreateContactsOperator(BulkOperator):
    """Create or update a contact in the account's address book for each person of a list.

    A second run with the same ledger sends only people who are not in it; without a ledger it sends all again, which
    changes nothing. Columns are `email`, `firstname` and `lastname`, which are required, `phone`, `company` and
    `country` (two letters), also with names such as `First Name` and `e-mail`.

    :return: the numbers of `rows`, `duplicates`, and by outcome `created` (or updated: ClickMeeting does not say),
        `unchanged` (sent by an earlier try with the same ledger), `invalid` and `failed`; the path of the
        `ledger`; the first hundred `failures`, each with `row` and `reason`; and `failure_count`.
    """

    operation = "contacts"
    target = "ContactTarget"
