"""Read the answers to polls, which ClickMeeting sends in the entries of a session's attendees.

The functions are pure: they send no request. Of the shape of `polls` there is one document and no recorded response, so
everything else is a problem with its place, and never a reason to leave out an answer without a word.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from hashlib import blake2b
from typing import Any, NamedTuple

from airflow_clickmeeting.api.types import Attendee
from airflow_clickmeeting.attendance.compute import person_of

Report = Callable[[str], object]

#: the keys that have columns; everything else about a poll, a question or an answer is kept beside them
POLL, QUESTION, ANSWER = ("name", "questions"), ("question", "answers"), ("value", "points")
#: what an entry of a person who answered no poll has; PHP may write an empty list as an empty object
NO_POLLS: tuple[object, ...] = (None, [], {}, "")
WHO = ("uid", "nickname", "email", "role")


class QuestionResult(NamedTuple):
    """How many people answered a question, and how many gave each answer, the most frequent one first."""

    poll: str
    question: str
    people: int
    answers: list[tuple[str, int]]


def poll_answers(entries: Iterable[Attendee], report: Report) -> Iterator[dict[str, Any]]:
    """Yield each answer of each person once, also if several entries of a person have the same answers.

    Two equal answers in one entry are two rows. An answer of an entry without an e-mail address and `uid` has None as
    its `person`, and counts for this entry alone. A question without an answer has no row.

    :param entries: a row per entry, as `list_session_attendees` returns them.
    :param report: called with the place and the reason of each part that cannot be read, which is then left out.
    :return: dicts with `person`, as in `compute.Participation`; the entry's `uid`, `nickname`, `email` and `role`;
        `poll`, `question`, `answer` and `points`; the `position` of the question in its poll; and keys that the
        provider does not know, in `of_poll`, `of_question` and `of_answer`.
    """
    seen: set[bytes] = set()
    for number, entry in enumerate(entries, 1):
        if entry.get("polls") in NO_POLLS:
            continue
        who = {"person": _person(entry)} | {key: entry.get(key) for key in WHO}
        equal: Counter[str] = Counter()
        for answer in _answers(entry, f"entry {number}", report):
            content = repr(sorted(answer.items()))
            equal[content] += 1
            identity = repr((who["person"] or number, content, equal[content]))
            digest = blake2b(identity.encode("utf-8", "surrogatepass"), digest_size=16).digest()
            if digest not in seen:
                seen.add(digest)
                yield who | answer


def poll_results(answers: Iterable[Mapping[str, Any]], people: Collection[str]) -> list[QuestionResult]:
    """Count the people behind answers; the order of the answers does not change the result.

    :param answers: those of one or more sessions, as `poll_answers` yields them.
    :param people: the people who count, such as an audience without its hosts.
    """
    given: dict[tuple[str, str], dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    positions: dict[tuple[str, str], int] = {}
    for each in answers:
        if each["person"] in people:
            question = (_format(each["poll"]), _format(each["question"]))
            positions[question] = min(each["position"], positions.get(question, each["position"]))
            given[question][_format(each["answer"])].add(each["person"])
    results = []
    for (poll, text), of_question in sorted(
        given.items(), key=lambda item: (item[0][0], positions[item[0]], item[0][1])
    ):
        counts = sorted(
            ((answer, len(who)) for answer, who in of_question.items()), key=lambda pair: (-pair[1], pair[0])
        )
        results.append(QuestionResult(poll, text, len(set().union(*of_question.values())), counts))
    return results


def _answers(entry: Attendee, place: str, report: Report) -> Iterator[dict[str, Any]]:
    for where, _, poll in _objects(entry, "polls", f"{place}, poll", report):
        for below, position, question in _objects(poll, "questions", f"{where}, question", report):
            for last, _, answer in _objects(question, "answers", f"{below}, answer", report):
                texts = {"poll": poll.get("name"), "question": question.get("question"), "answer": answer.get("value")}
                if odd := [name for name, value in texts.items() if not _is_text(value)]:
                    report(f"{last}: the text of the {odd[0]} must be a text, not {_kind(texts[odd[0]])}")
                    continue
                rest = {"of_poll": _rest(poll, POLL), "of_question": _rest(question, QUESTION)}
                rest["of_answer"] = _rest(answer, ANSWER)
                more = {"points": answer.get("points"), "position": position}
                yield texts | more | {name: held for name, held in rest.items() if held}


def _objects(
    holder: Mapping[str, Any], key: str, place: str, report: Report
) -> Iterator[tuple[str, int, Mapping[str, Any]]]:
    """Yield the objects of a list with their place and number; report everything else without its personal content."""
    held = holder.get(key)
    if not isinstance(held, list):
        if held != {}:
            report(f"{place.rpartition(', ')[0]}: {key} must be a list of objects, not {_kind(held)}")
        return
    for number, each in enumerate(held, 1):
        if isinstance(each, Mapping):
            yield f"{place} {number}", number, each
        else:
            report(f"{place} {number} must be an object, not {_kind(each)}")


def _person(entry: Attendee) -> str | None:
    try:
        return person_of(entry, "visitor", "uid")
    except ValueError:
        return None


def _rest(held: Mapping[str, Any], known: Collection[str]) -> dict[str, Any]:
    return {key: value for key, value in held.items() if key not in known}


def _is_text(value: Any) -> bool:
    return value is None or (isinstance(value, str | int | float) and not isinstance(value, bool))


def _format(value: Any) -> str:
    return "" if value is None else str(value).strip()


def _kind(value: Any) -> str:
    kinds = {dict: "an object", list: "a list", str: "a text", bool: "a boolean", type(None): "null"}
    return kinds.get(type(value), "a number")
