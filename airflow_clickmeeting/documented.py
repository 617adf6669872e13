"""Show in the UI what a task does: its documentation is the start of its operator's docstring."""

from __future__ import annotations

from functools import cache
from inspect import getdoc
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator

if TYPE_CHECKING:
    from airflow.sdk.definitions.mappedoperator import OperatorPartial


class DocumentedOperator(BaseOperator):
    """Base of operators and sensors whose tasks show the first paragraph of the class's docstring as *Documentation*.

    Airflow stores the text with the DAG, about a hundred bytes for each task, so it is not the whole docstring. To show
    another text, or none, set Airflow's own argument `doc_md`.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if self.doc_md is None:
            self.doc_md = _summary(type(self))

    @classmethod
    def partial(cls, **kwargs: Any) -> OperatorPartial:
        """Begin a mapped task; see Airflow's `BaseOperator.partial`."""
        # Airflow shows of a mapped task only what was given here
        return super().partial(**{"doc_md": _summary(cls), **kwargs})


@cache
def _summary(operator: type[BaseOperator]) -> str:
    return (getdoc(operator) or "").partition("\n\n")[0]
