"""Treat arguments that a template rendered to nothing as left out, and explain a Variable that does not exist."""

from __future__ import annotations

from collections.abc import Collection
from functools import cache
from inspect import Parameter, signature
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.sdk import Context

from airflow_clickmeeting.api.validate import ALL, is_left_out
from airflow_clickmeeting.documented import DocumentedOperator
from airflow_clickmeeting.exceptions import WrongArgumentError


class RenderedArguments(DocumentedOperator):
    """Base of operators and sensors whose optional arguments get their defaults where a template rendered nothing.

    A skipped task upstream hands over None, which a template renders to the text `None`. Arguments that choose what is
    read, sent or deleted, and those that are true or false, keep such a value, so that they are rejected: nothing must
    not mean everything.
    """

    #: optional arguments for which nothing is an error, besides those whose default is true, false or `all`
    decisive_fields: ClassVar[Collection[str]] = ()

    if TYPE_CHECKING:
        # what stands for the result of a task has no type before the task runs; so that type checkers accept
        # `room_id=create.output["id"]`
        @property
        def output(self) -> Any: ...

    def render_template(self, *args: Any, **kwargs: Any) -> Any:
        """Render a template; if it needs an Airflow Variable that does not exist, fail without retries."""
        try:
            return super().render_template(*args, **kwargs)
        except Exception as error:
            if not str(error).startswith("VARIABLE_NOT_FOUND"):
                raise
            raise WrongArgumentError(
                f"A template needs an Airflow Variable that does not exist; nothing was sent. {error}. Create it, for "
                "example with: airflow variables set NAME VALUE"
            ) from error

    def pre_execute(self, context: Context) -> None:
        """Replace values that are None, blank or `None` by the defaults."""
        for name, default in _defaults(type(self)).items():
            if is_left_out(getattr(self, name)):
                setattr(self, name, default)


@cache
def _defaults(operator: type[RenderedArguments]) -> dict[str, Any]:
    """Return the defaults of the template fields that may be left out."""
    parameters: dict[str, Parameter] = {}
    for each in reversed(operator.__mro__):
        if "__init__" in vars(each):
            parameters |= signature(vars(each)["__init__"]).parameters
    found = {name: parameters[name].default for name in operator.template_fields if name in parameters}
    return {
        name: default
        for name, default in found.items()
        if not (default in (Parameter.empty, ALL) or isinstance(default, bool) or name in operator.decisive_fields)
    }
