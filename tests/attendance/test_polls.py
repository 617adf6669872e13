"""Answers to polls in the entries of attendees: pure functions."""

from __future__ import annotations

import pytest

from airflow_clickmeeting.attendance.polls import QuestionResult, poll_answers, poll_results

GOOD, LONG = {"points": 1, "value": "Good"}, {"points": 0, "value": "Long"}


def question(*answers, text="How was it?", **more):
    return {"question": text, "answers": [*answers], **more}


def poll(*questions, name="Feedback", **more):
    return {"name": name, "questions": [*questions], **more}


def entry(email="ada@example.com", polls=None, **more):
    return {"uid": "6000001", "nickname": "Ada", "role": "listener", "email": email, "polls": polls, **more}


def read(*entries):
    """Return the answers, and the problems."""
    problems = []
    return [*poll_answers(entries, problems.append)], problems


def texts(*entries):
    answers, problems = read(*entries)
    assert problems == []
    return [(each["person"], each["poll"], each["question"], each["answer"]) for each in answers]


def test_an_answer():
    (answer,), problems = read(entry(polls=[poll(question(GOOD))]))
    assert problems == []
    assert answer == {
        "person": "ada@example.com",
        "uid": "6000001",
        "nickname": "Ada",
        "email": "ada@example.com",
        "role": "listener",
        "poll": "Feedback",
        "question": "How was it?",
        "answer": "Good",
        "points": 1,
        "position": 1,
    }


def test_a_row_for_each_answer_of_each_question_of_each_poll():
    polls = [poll(question(GOOD, LONG), question(GOOD, text="Again?")), poll(question(GOOD), name="Quiz")]
    ada = "ada@example.com"
    assert texts(entry(polls=polls)) == [
        (ada, "Feedback", "How was it?", "Good"),
        (ada, "Feedback", "How was it?", "Long"),
        (ada, "Feedback", "Again?", "Good"),
        (ada, "Quiz", "How was it?", "Good"),
    ]


@pytest.mark.parametrize("polls", [None, [], {}, "", [poll()], [poll(question())], [poll(questions={})]])
def test_no_answer_is_no_row_and_no_problem(polls):
    assert read(entry(polls=polls)) == ([], [])


def test_entries_without_the_key():
    assert read({"uid": "1", "email": None}) == ([], [])


def test_a_person_who_rejoins_has_an_answer_once():
    first, again = entry(polls=[poll(question(GOOD))]), entry("Ada@Example.com ", polls=[poll(question(GOOD, LONG))])
    assert [each[-1] for each in texts(first, again, entry("bob@example.com", first["polls"]))] == [
        "Good",
        "Long",
        "Good",
    ]


def test_equal_answers_in_one_entry_stay_also_if_the_person_rejoins():
    twice = entry(polls=[poll(question(GOOD)), poll(question(GOOD))])
    assert len(texts(twice, twice)) == 2


def test_people_whom_nothing_identifies_are_not_merged():
    nobody = entry(None, polls=[poll(question(GOOD))], uid=None)
    assert [each[0] for each in texts(nobody, nobody)] == [None, None]


def test_keys_that_are_not_known_are_kept():
    more = [poll(question(GOOD | {"id": 3}, type="single"), id=1)]
    (answer,), _ = read(entry(polls=more))
    assert (answer["of_poll"], answer["of_question"], answer["of_answer"]) == ({"id": 1}, {"type": "single"}, {"id": 3})


def test_an_answer_of_another_shape_is_a_row_with_everything_that_it_has():
    (answer,), problems = read(entry(polls=[poll(question({"text": "Good"}))]))
    assert (answer["answer"], answer["of_answer"], problems) == (None, {"text": "Good"}, [])


SECRET = "ada@example.com"


@pytest.mark.parametrize(
    ("polls", "problem"),
    [
        (SECRET, "entry 2: polls must be a list of objects, not a text"),
        ({"1": poll()}, "entry 2: polls must be a list of objects, not an object"),
        (True, "entry 2: polls must be a list of objects, not a boolean"),
        (7, "entry 2: polls must be a list of objects, not a number"),
        ([SECRET], "entry 2, poll 1 must be an object, not a text"),
        ([poll(), {"name": "x"}], "entry 2, poll 2: questions must be a list of objects, not null"),
        ([poll(questions=SECRET)], "entry 2, poll 1: questions must be a list of objects, not a text"),
        ([poll([SECRET])], "entry 2, poll 1, question 1 must be an object, not a list"),
        ([poll({"question": "x"})], "entry 2, poll 1, question 1: answers must be a list of objects, not null"),
        ([poll(question(SECRET))], "entry 2, poll 1, question 1, answer 1 must be an object, not a text"),
        (
            [poll(question({"value": [SECRET]}))],
            "entry 2, poll 1, question 1, answer 1: the text of the answer must be a text, not a list",
        ),
        (
            [poll(question({"value": True}))],
            "entry 2, poll 1, question 1, answer 1: the text of the answer must be a text, not a boolean",
        ),
        (
            [poll(question(GOOD), name={"en": "x"})],
            "entry 2, poll 1, question 1, answer 1: the text of the poll must be a text, not an object",
        ),
    ],
)
def test_what_cannot_be_read_is_reported_with_its_place_and_without_its_content(polls, problem):
    good = entry("bob@example.com", polls=[poll(question(GOOD))])
    answers, problems = read(good, entry(polls=polls), entry("eve@example.com", good["polls"]))
    assert problems == [problem]
    assert [each["person"] for each in answers] == ["bob@example.com", "eve@example.com"]


def test_the_rest_of_a_poll_with_an_odd_part_is_read():
    answers, problems = read(entry(polls=[poll(question(GOOD, 7), None, question(LONG, text="Again?"))]))
    assert [each["answer"] for each in answers] == ["Good", "Long"]
    assert len(problems) == 2


class TestResults:
    ADA, BOB = "ada@example.com", "bob@example.com"

    def test_each_person_counts_once_for_an_answer_and_for_a_question(self):
        polls = [poll(question(GOOD, LONG)), poll(question(GOOD))]
        answers, _ = read(entry(polls=polls), entry(self.BOB, polls=[poll(question(GOOD))]))
        results = [QuestionResult("Feedback", "How was it?", 2, [("Good", 2), ("Long", 1)])]
        assert poll_results(answers, {self.ADA, self.BOB}) == results
        assert poll_results([*reversed(answers)], {self.ADA, self.BOB}) == results

    def test_only_the_given_people_count(self):
        answers, _ = read(entry(polls=[poll(question(GOOD))]), entry(None, [poll(question(GOOD))], uid=None))
        assert poll_results(answers, {self.BOB}) == []

    def test_questions_stay_in_the_order_of_their_poll(self):
        polls = [poll(question(GOOD, text="b"), question(GOOD, text="a"), name="Z"), poll(question(LONG), name=None)]
        answers, _ = read(entry(polls=polls))
        results = poll_results(answers, {self.ADA})
        assert [(each.poll, each.question) for each in results] == [("", "How was it?"), ("Z", "b"), ("Z", "a")]

    def test_equally_frequent_answers_are_sorted(self):
        answers, _ = read(entry(polls=[poll(question(LONG, {"value": 7}, GOOD))]))
        assert poll_results(answers, {self.ADA})[0].answers == [("7", 1), ("Good", 1), ("Long", 1)]
