"""The page of an attendance report: pure functions of an attendance."""

from __future__ import annotations

import re
from collections import Counter
from datetime import UTC, datetime, timedelta, timezone
from html.parser import HTMLParser
from itertools import chain
from zoneinfo import ZoneInfo

import pytest

from airflow_clickmeeting.attendance.chart import curve_as_svg
from airflow_clickmeeting.attendance.compute import attendance_of_event
from airflow_clickmeeting.attendance.page import page
from airflow_clickmeeting.attendance.polls import QuestionResult

START = datetime(2027, 3, 1, 15, tzinfo=timezone(timedelta(hours=1)))
VOID = {"meta"}
ADA, BOB = "ada@example.com", "bob@example.com"


class Parsed(HTMLParser):
    """A page as a browser reads it: its elements, its attributes, and its text; tags must be balanced."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: Counter[str] = Counter()
        self.attributes: list[tuple[str, str]] = []
        self.words: list[str] = []
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag, attrs):
        self.tags[tag] += 1
        self.attributes += attrs
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag):
        assert self._open.pop() == tag

    def handle_startendtag(self, tag, attrs):
        self.tags[tag] += 1
        self.attributes += attrs

    def handle_data(self, data):
        if self._open and self._open[-1] != "style":
            self.words += data.split()

    @property
    def text(self) -> str:
        return " ".join(self.words)

    def values(self, name: str) -> list[str]:
        return [value for key, value in self.attributes if key == name]


def at(minute: float) -> str:
    return (START + timedelta(minutes=minute)).isoformat()


def visit(email, join, leave, **more):
    return {"uid": "1", "role": "listener", "email": email, "start_date": at(join), "end_date": at(leave), **more}


def registration(email, **more):
    return {"id": 1, "email": email, **more}


def session(number, start, end):
    return {"id": number, "start_date": at(start), "end_date": at(end)}


def page_of(*visits, registrations=(), spans=((0, 60),), rejoin_gap=timedelta(0), title="Talk", **options) -> str:
    """Return the page of a session, or of an event of several ones, to whose first one all came."""
    first, *others = (session(number, *span) for number, span in enumerate(spans, start=7))
    sessions = [(first, visits), *((other, []) for other in others)]
    found = attendance_of_event(sessions, registrations, rejoin_gap=rejoin_gap)
    return page(found, title=title, rejoin_gap=rejoin_gap, **options).decode()


FULL = [
    visit("hanna@example.com", -5, 60, nickname="Hanna", role="host"),
    visit(ADA, 0, 20, nickname="Ada"),
    visit(ADA, 25, 60, nickname="Ada", rating="5", rating_comment="Thanks"),
    visit(None, 10, 40, uid="31"),
]
REGISTERED = [registration(ADA), registration(BOB, id=2, visitor_nickname="Bob")]


@pytest.fixture(scope="module")
def full() -> Parsed:
    """The page of a session with people of every kind."""
    return Parsed(page_of(*FULL, registrations=REGISTERED))


def test_the_numbers(full):
    assert "Registered 2 Came 2 1 unregistered" in full.text
    assert "Show-up rate 50% 1 of 2" in full.text
    assert "Median stay 42.5 min of those who came" in full.text
    assert "Peak 2 at 15:10" in full.text


def test_people_stand_by_what_became_of_them_and_staff_apart(full):
    people = full.text[full.text.index("People") :]
    assert "Registered and came 1 Ada ada@example.com 15:00 16:00 55 92% 5 Thanks" in people
    assert "Came without registration 1 Without a name 15:10 15:40 30 50%" in people
    assert "Registered, did not come 1 Bob bob@example.com Hosts" in people
    assert "Hosts and presenters 1 Hanna hanna@example.com host 14:55 16:00 60 100%" in people
    assert "Hosts and presenters are in none of the numbers" in people


def test_the_curve_marks_its_peak_and_is_told_in_words(full):
    assert full.text.count("2 at 15:10") == 3, "among the numbers, and in the picture for a desk and that for a phone"
    assert "How many were present from 15:00 to 16:00: at most 2, first at 15:10." in full.values("aria-label")
    assert full.tags["svg"] == 2


def test_headings_language_and_header_cells_are_there_for_who_listens(full):
    assert (full.tags["h1"], full.tags["h2"], full.tags["main"]) == (1, 2, 1)
    assert full.values("lang") == ["en"]
    assert Counter(full.values("scope")) == {"col": 7, "rowgroup": 4, "row": 4}


def test_it_loads_nothing_and_runs_nothing(full):
    text = page_of(*FULL, registrations=REGISTERED)
    assert not full.tags.keys() & {"script", "link", "img", "image", "iframe", "object", "embed", "base", "form", "a"}
    assert not [name for name, _ in full.attributes if name in {"src", "href", "srcset"} or name.startswith("on")]
    assert not full.values("xlink:href")
    assert "url(" not in text
    assert "@import" not in text
    assert not [name for name, value in full.attributes if "//" in (value or "")]


def test_the_two_pictures_have_no_names_that_clash(full):
    assert full.tags["svg"] == 2
    assert full.values("id") == []


EVIL = "<script>alert('1')</script>&amp;\"]]>-->{{ 7 * 7 }}"


def test_every_text_is_shown_as_the_text_it_is():
    text = page_of(
        visit('"><img src=x>@example.com', 0, 60, nickname=EVIL, role="host", rating_comment=EVIL),
        visit(ADA, 0, 60, nickname=EVIL, rating_comment=EVIL),
        registrations=[registration(BOB, visitor_nickname=EVIL)],
        title=EVIL,
    )
    parsed = Parsed(text)
    assert not parsed.tags.keys() & {"script", "img"}
    assert parsed.text.count(EVIL) == 7, "the title twice, three names and two comments"


def test_half_a_character_is_a_question_mark():
    assert "Ada ?" in page_of(visit(ADA, 0, 60, nickname="Ada \ud83d"))


def test_the_same_attendance_has_the_same_bytes():
    first = page_of(*FULL, registrations=REGISTERED)
    assert page_of(*reversed(FULL), registrations=REGISTERED[::-1]) == first


def test_colours_are_those_of_the_page():
    pictures = "".join(re.findall(r"<svg.*?</svg>", page_of(*FULL), re.DOTALL))
    assert "#" not in pictures
    assert not re.findall(r"\b(?:fill|stroke|color)=", pictures)
    drawn = set(re.findall(r"(?:fill|stroke): ([^;\"]+)", pictures))
    assert drawn == {"var(--muted)", "var(--line)", "var(--accent)", "none"}


@pytest.mark.parametrize("scheme", ["light", "dark", "print"])
@pytest.mark.parametrize("ink", ["text", "muted", "accent"])
def test_texts_have_the_contrast_that_readers_need(scheme, ink):
    themes = re.findall(r":root \{(.*?)\}", page_of(), re.DOTALL)
    colours = dict(re.findall(r"--(\w+): #(\w+)", themes[["light", "dark", "print"].index(scheme)]))
    lighter, darker = sorted((luminance(colours[name]) for name in (ink, "paper")), reverse=True)
    assert (lighter + 0.05) / (darker + 0.05) >= 4.5, "WCAG 2, AA"


def luminance(colour: str) -> float:
    full = colour if len(colour) == 6 else "".join(2 * digit for digit in colour)
    parts = [int(full[place : place + 2], 16) / 255 for place in (0, 2, 4)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_a_session_to_which_nobody_came():
    parsed = Parsed(page_of(registrations=REGISTERED))
    assert "Registered 2 Came 0 Present" in parsed.text
    assert "Nobody in the audience was there" in parsed.text
    assert "Nobody in the audience came, so those who had registered do not count as missing." in parsed.text
    assert (parsed.tags["svg"], parsed.tags["table"]) == (0, 0)


def test_a_session_for_which_nobody_registered():
    parsed = Parsed(page_of(visit(ADA, 0, 60)))
    assert "Registered 0 Came 1 Median" in parsed.text


def test_a_session_of_nobody_at_all():
    parsed = Parsed(page_of())
    assert "Registered 0 Came 0 Present" in parsed.text
    assert parsed.tags["table"] == 0


def test_a_session_of_staff_only():
    parsed = Parsed(page_of(visit("hanna@example.com", 0, 60, role="presenter", nickname="Hanna")))
    assert "Came 0" in parsed.text
    assert "Nobody in the audience was there" in parsed.text
    assert "Hosts and presenters 1 Hanna hanna@example.com presenter" in parsed.text


def test_without_people_their_numbers_and_the_curve_are_there():
    parsed = Parsed(page_of(*FULL, registrations=REGISTERED, show_people=False))
    assert "Came 2" in parsed.text
    assert parsed.tags["svg"] == 2
    assert parsed.tags["table"] == 0
    assert not [word for word in ("@", "Ada", "Bob", "Hanna", "Thanks") if word in parsed.text]


def test_times_are_told_in_a_zone_and_with_their_day_where_it_is_another():
    parsed = Parsed(page_of(visit(ADA, 0, 120), spans=[(0, 120)], zone=ZoneInfo("Asia/Tokyo")))
    assert "Monday, 1 March 2027, 23:00 to 2 Mar 01:00 (Asia/Tokyo), 120 min" in parsed.text
    assert "ada@example.com 23:00 2 Mar 01:00 120 100%" in parsed.text


def test_without_a_zone_it_is_the_sessions_own_offset(full):
    assert "15:00 to 16:00 (UTC+01:00)" in full.text


def test_an_event_of_several_sessions_reads_as_one():
    parsed = Parsed(page_of(visit(ADA, 0, 30), visit(ADA, 35, 60), spans=[(0, 30), (35, 60)]))
    assert "Monday, 1 March 2027, 15:00 to 16:00 (UTC+01:00), 55 min" in parsed.text
    assert "2 sessions that count as one, with a break from 15:30 to 15:35" in parsed.text
    assert "ada@example.com 15:00 16:00 55 100%" in parsed.text
    assert "Minutes are those within the sessions, each counted once" in parsed.text


@pytest.mark.parametrize(
    ("spans", "told"),
    [
        ([(0, 30), (30, 60)], "2 sessions that count as one Registered"),
        ([(0, 40), (20, 60)], "2 sessions that count as one Registered"),
        ([(0, 20), (22, 40), (45, 60)], "3 sessions that count as one, with breaks from 15:20 to 15:22 and from 15:40"),
    ],
    ids=["adjoining", "overlapping", "two breaks"],
)
def test_the_breaks_between_sessions_are_told(spans, told):
    assert told in Parsed(page_of(visit(ADA, 0, 20), spans=spans)).text


def test_a_session_alone_does_not_tell_that_it_is_one(full):
    assert "count as one" not in full.text


def test_breaks_are_shaded_up_to_the_peak_and_no_label_is_on_them():
    drawn = svg_of((0, 1), (30, 0), (36, 1), (60, 0), breaks=[(30, 36)])
    assert re.findall(r'd="(M[^"]*Z)" style="fill: var\(--line\)"', drawn) == ["M165.5 28H194.4V206H165.5Z"]


def test_it_says_which_absences_count_as_presence():
    assert "absences of up to 2.5 min count" in Parsed(page_of(*FULL, rejoin_gap=timedelta(seconds=150))).text


def test_it_says_how_much_could_not_be_read():
    assert "could not be read, and do not count: 1." in Parsed(page_of(visit(ADA, 60, 0))).text


def svg_of(*points, minutes=60, start=START, breaks=(), width=330, height=230) -> str:
    curve = [(start + timedelta(minutes=minute), count) for minute, count in points]
    edges = [start + timedelta(minutes=minute) for minute in [0, *chain.from_iterable(breaks), minutes]]
    return curve_as_svg(curve, [*zip(edges[::2], edges[1::2], strict=True)], width=width, height=height)


def labels(svg: str, anchor: str) -> list[str]:
    """Return the texts of the group that is anchored so."""
    group = re.search(rf'<g text-anchor="{anchor}" style.*?</g>', svg, re.DOTALL)
    return re.findall(r"<text[^>]*>([^<]+)<", group[0])


def test_the_curve_has_steps_and_an_area_down_to_zero():
    drawn = svg_of((0, 1), (12, 2), (48, 1), (60, 0))
    assert 'd="M21 206H21V117H78.8V28H252.2V117H310V206H310V206" stroke-width' in drawn


def test_an_area_ends_at_the_end_where_people_are_still_there():
    assert "V28H310V206" in svg_of((0, 1))


@pytest.mark.parametrize(
    ("peak", "told"),
    [
        (1, ["1"]),
        (4, ["1", "2", "3", "4"]),
        (5, ["2", "4"]),
        (9, ["2", "4", "6", "8"]),
        (18, ["5", "10", "15"]),
        (25, ["10", "20"]),
        (99, ["20", "40", "60", "80"]),
        (240, ["50", "100", "150", "200"]),
        (12345, ["5000", "10000"]),
    ],
)
def test_the_axis_has_a_few_round_counts_however_many_came(peak, told):
    assert labels(svg_of((0, peak), (60, 0)), "end") == told


@pytest.mark.parametrize(("minute", "side", "told"), [(20, "start", "12 at 15:20"), (50, "end", "12 at 15:50")])
def test_the_peak_is_told_on_the_side_that_has_room(minute, side, told):
    group = re.search(rf'<g text-anchor="{side}" font-weight.*?</g>', svg_of((minute, 12), (55, 3)), re.DOTALL)[0]
    assert f">{told}</text>" in group
    (dot,) = re.findall(r'<circle cx="([\d.]+)" cy="([\d.]+)"', group)
    assert dot == re.search(r'<text x="([\d.]+)" y="([\d.]+)"', group).groups()


@pytest.mark.parametrize(
    ("start", "told"),
    [
        (datetime(2027, 10, 31, 0, 30, tzinfo=UTC), ["02:30", "02:45", "02:00", "02:15", "02:30"]),
        (datetime(2027, 10, 31, 1, 0, tzinfo=UTC), ["02:00", "02:15", "02:30", "02:45", "03:00"]),
        (datetime(2027, 3, 28, 0, 30, tzinfo=UTC), ["01:30", "01:45", "03:00", "03:15", "03:30"]),
    ],
    ids=["into the repeated hour", "from the repeated hour", "over the skipped hour"],
)
def test_a_picture_is_as_wide_as_the_time_that_passes_while_clocks_change(start, told):
    start, middle, end = (
        (start + timedelta(minutes=minutes)).astimezone(ZoneInfo("Europe/Warsaw")) for minutes in (0, 30, 60)
    )
    svg = curve_as_svg([(start, 1), (middle, 2)], [(start, end)], width=330, height=230)
    assert "H165.5V28H310" in svg
    assert labels(svg, "middle") == told
    assert re.findall(r'<text x="([\d.]+)" y="224"', svg) == ["21", "93.2", "165.5", "237.8", "310"]


@pytest.mark.parametrize(
    ("minutes", "told"),
    [
        (1, ["15:00", "15:01"]),
        (60, ["15:00", "15:15", "15:30", "15:45", "16:00"]),
        (90, ["15:00", "15:30", "16:00", "16:30"]),
        (600, ["15:00", "18:00", "21:00", "2 Mar"]),
        (9 * 24 * 60, ["3 Mar", "5 Mar", "7 Mar", "9 Mar"]),
    ],
)
def test_the_axis_has_a_few_round_times_however_long_the_session(minutes, told):
    assert labels(svg_of((0, 1), (minutes, 0), minutes=minutes), "middle") == told


def test_a_crowd_stays_light():
    crowd = [visit(f"visitor{number}@example.com", number % 20, 60, nickname="Person") for number in range(1000)]
    text = page_of(*crowd)
    assert len(text) < 500_000
    assert Parsed(text).tags["tr"] == 1002


class TestPolls:
    POLLS = (
        QuestionResult("Feedback", "How <b>was</b> it?", 3, [("Good & short", 2), ("", 1)]),
        QuestionResult("Feedback", "", 1, [("Yes", 1)]),
    )

    def test_how_many_people_gave_which_answer(self):
        parsed = Parsed(page_of(*FULL, polls=self.POLLS))
        assert (
            "Polls Question People Share How <b>was</b> it? Feedback 3 Good & short 2 67% Answer without a text 1 33%"
            in (parsed.text)
        )
        assert "Question without a text Feedback 1 Yes 1 100%" in parsed.text

    def test_without_people_the_page_has_no_text_that_somebody_may_have_written(self):
        text = Parsed(page_of(*FULL, polls=self.POLLS, show_people=False)).text
        assert "How <b>was</b> it? Feedback 3 Question without a text Feedback 1" in text
        assert "Good" not in text

    def test_a_note_on_what_could_not_be_read(self):
        assert "Parts of polls that could not be read, and do not count: 2." in Parsed(page_of(unread_polls=2)).text

    def test_without_polls_there_is_no_heading(self, full):
        assert "Polls" not in full.words
        assert "polls" not in full.words
