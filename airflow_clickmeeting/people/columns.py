"""Match the columns of a list of people with the fields of a form, and check what a row has in them."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

from airflow_clickmeeting.api import validate
from airflow_clickmeeting.api.calls import INVITED_ROLES
from airflow_clickmeeting.api.form_fields import NAMES, SYNONYMS
from airflow_clickmeeting.api.redact import without_addresses

Fields = dict[str, str]
RawPerson = Mapping[str, Any]
# rows with their numbers: a person, the reason why the row cannot be read, or None for a blank row
Rows = Iterator[tuple[int, RawPerson | str | None]]


class Columns:
    """Matches columns with fields by name.

    :param fields: the fields, with their names for people.
    :param names: the field for each name that a column may have, in lower case; names without blanks and punctuation
        also match names with them.
    :param email: the field of the e-mail address.
    :param required: the fields that each row must have.
    :param given: fields by the list's own column names, in any case; None leaves a column out.
    :param strict: whether each column must match a field, and no two the same one. Otherwise columns without a field
        are ignored, also if their field is in `given`, and two columns for one field make a row invalid.
    :param check: returns what is wrong with the fields of a row, if anything.
    :raises ValueError: for a field in `given` that does not exist.
    """

    def __init__(
        self,
        fields: Mapping[str, str],
        names: Mapping[str, str],
        email: str,
        required: Collection[str],
        given: Mapping[str, str | None] | None,
        *,
        strict: bool,
        check: Callable[[Fields], str | None] | None = None,
    ) -> None:
        self.email = email
        self._labels = fields
        self._names = names
        self._required = required
        self._strict = strict
        self._check = check
        self._fields: dict[str, str | None] = {}
        for column, name in (given or {}).items():
            self._fields[_key(column)] = None if name is None else self._require_field(str(name), str(column))
        self._given = {field for field in self._fields.values() if field}

    def read(self, person: RawPerson) -> tuple[Fields, str | None]:
        """Return the fields of a row that are not blank, and what is wrong with the row, without naming anybody.

        :raises ValueError: if the columns are strict, for a column that matches no field, or two for the same field.
        """
        found: Fields = {}
        columns: dict[str, object] = {}
        for column, value in person.items():
            if (field := self._field(str(column))) is None:
                continue
            if field in columns:
                return found, self._refuse_second(columns[field], column)
            if isinstance(value, dict | list):
                return found, f"{column} is of type {type(value).__name__}"
            columns[field] = column
            if text := _text(value):
                found[field] = text
        return found, self._problem(found)

    def _problem(self, found: Fields) -> str | None:
        if missing := [self._labels[field] for field in self._required if field not in found]:
            return f"without {', '.join(missing)}{'' if self._strict else '; columns can say which column it is in'}"
        if not validate.is_email(found[self.email]):
            return f"{self._labels[self.email]} is not an e-mail address"
        return self._check(found) if self._check else None

    def _field(self, column: str) -> str | None:
        key = _key(column)
        if key not in self._fields:
            self._fields[key] = self._require_field(column, column) if self._strict else self._free_field(column)
        return self._fields[key]

    def _find(self, name: str) -> str | None:
        return self._names.get(_key(name)) or self._names.get(re.sub(r"[\W_]+", "", name).casefold())

    def _require_field(self, name: str, column: str) -> str:
        if (field := self._find(name)) is None:
            # without a header, the first row's values are taken for the names of columns
            problem = without_addresses(f"No field matches {name!r}, the column {column!r}")
            raise ValueError(
                f"{problem}: there are {self._known()}. The argument columns says which field a column goes to; "
                "None leaves it out."
            )
        return field

    def _free_field(self, column: str) -> str | None:
        field = self._find(column)
        return None if field in self._given else field

    def _refuse_second(self, column: object, other: object) -> str:
        problem = f"The columns {column!r} and {other!r} go to the same field: there are {self._known()}"
        if self._strict:
            raise ValueError(f"{problem}.")
        return problem

    def _known(self) -> str:
        fields = self._labels.items()
        return ", ".join(repr(label) if label == field else f"{label!r} ({field})" for field, label in fields)


def contact_columns(given: Mapping[str, str | None] | None) -> Columns:
    """Return the columns of people who need only an e-mail address: `email`, `firstname`, `lastname`, `nickname`."""
    return Columns({name: name for name in SYNONYMS}, NAMES, "email", ["email"], given, strict=False)


def invitation_columns(given: Mapping[str, str | None] | None) -> Columns:
    """Return the columns of people to invite: those of `contact_columns`, and `role`."""
    fields = {name: name for name in (*SYNONYMS, "role")}
    return Columns(fields, {**NAMES, "role": "role"}, "email", ["email"], given, strict=False, check=_role_problem)


def _role_problem(fields: Fields) -> str | None:
    if fields.get("role", "").lower() in ("", *INVITED_ROLES):
        return None
    return f"role must be one of {', '.join(map(repr, INVITED_ROLES))}; columns can leave a column out"


def _key(column: object) -> str:
    return str(column).strip().casefold()


def _text(value: Any) -> str:
    """Return a cell as text; a lone surrogate, which JSON can contain, becomes `?`."""
    return "" if value is None else re.sub("[\ud800-\udfff]", "?", str(value).strip())
