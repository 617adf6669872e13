"""Who is one person, who had registered, and who is staff."""

from __future__ import annotations

import pytest

ADA, BOB, HANNA = "ada@example.com", "bob@example.com", "hanna@example.com"
EVE = "eve@example.com"


@pytest.fixture(scope="module")
def absent(attend, visit):
    """The rows of those who did not come, of registrations for a session at which there was only Eve."""

    def absent(*registrations) -> list:
        found = attend(visit(EVE, 0, 60), registrations=registrations)
        assert found.skipped == []
        return [row for row in found.rows if row["person"] != EVE]

    return absent


def status_by_person(rows) -> dict:
    return {row["person"]: row["status"] for row in rows}


def test_who_registered_and_came_who_did_not_come_and_who_just_came(attend, visit, registration):
    found = attend(
        visit(ADA, 0, 60),
        visit(EVE, 0, 60),
        registrations=[registration(ADA), registration(BOB, id=2, visitor_nickname="Bob")],
    )
    assert status_by_person(found.rows) == {ADA: "attended", BOB: "no_show", EVE: "walk_in"}


def test_what_is_known_of_somebody_who_came(attend, visit, registration):
    entry = visit(ADA, -1, 30, uid="6000002", nickname="Ada", rating="5", rating_comment="Thanks")
    found = attend(entry, registrations=[registration(ADA, id=5000001, visitor_nickname="Ada Lovelace")])
    assert found.rows == [
        {
            "session_id": 7,
            "person": ADA,
            "email": ADA,
            "registration_id": 5000001,
            "nickname": "Ada",
            "role": "listener",
            "is_staff": False,
            "registered": True,
            "status": "attended",
            "first_join": "2027-03-01T14:59:00+01:00",
            "last_leave": "2027-03-01T15:30:00+01:00",
            "visits": 1,
            "minutes": 30.0,
            "share": 0.5,
            "rating": 5,
            "rating_comment": "Thanks",
        }
    ]


def test_what_is_known_of_somebody_who_did_not_come(absent, registration):
    (row,) = absent(registration(BOB, id=2, visitor_nickname="Bob"))
    assert (row["nickname"], row["registration_id"], row["registered"]) == ("Bob", 2, True)
    assert (row["role"], row["first_join"], row["last_leave"], row["rating"], row["rating_comment"]) == (None,) * 5
    assert (row["visits"], row["minutes"], row["share"]) == (0, 0.0, 0.0)


def test_an_address_is_one_person_however_it_is_written(attend, visit, registration):
    found = attend(
        visit("Ada@Example.com ", 0, 20, uid="1"),
        visit("ada@example.com", 30, 60, uid="2"),
        registrations=[registration(" ADA@example.com", id=1), registration("ada@EXAMPLE.com", id=2)],
    )
    (row,) = found.rows
    assert (row["person"], row["status"], row["visits"], row["registration_id"]) == (ADA, "attended", 2, 1)


def test_an_address_in_capitals_is_the_same_in_every_script(attend, visit):
    found = attend(visit("straße@example.com", 0, 20), visit("STRASSE@EXAMPLE.COM", 30, 60))
    assert [row["visits"] for row in found.rows] == [2]


def test_visitors_without_an_address_are_told_apart_by_their_uid_not_by_nickname(attend, visit):
    found = attend(
        visit(None, 0, 20, uid="31", nickname="Person"),
        visit(None, 30, 60, uid="31", nickname="Guest, again"),
        visit("", 0, 60, uid="32", nickname="Person"),
        visit("n/a", 0, 60, uid="33", nickname="Person"),
    )
    assert [(row["person"], row["email"], row["visits"]) for row in found.rows] == [
        ("visitor:31", None, 2),
        ("visitor:32", None, 1),
        ("visitor:33", None, 1),
    ]


def test_a_registration_without_an_address_is_a_person_that_nobody_is_taken_for(attend, visit, registration):
    found = attend(
        visit(None, 0, 60, uid="31", nickname="Ada"),
        registrations=[registration(None, id=31, visitor_nickname="Ada"), registration("", id=32)],
    )
    assert status_by_person(found.rows) == {
        "registration:31": "no_show",
        "registration:32": "no_show",
        "visitor:31": "walk_in",
    }


def test_registrations_that_are_bound_to_another_session_make_no_no_show(absent, registration):
    found = absent(
        registration("here@example.com", session_id=7),
        registration("nowhere@example.com", session_id=None),
        {"id": 1, "email": "unknown@example.com"},
        registration("elsewhere@example.com", session_id=8),
    )
    assert status_by_person(found) == dict.fromkeys(
        ["here@example.com", "nowhere@example.com", "unknown@example.com"], "no_show"
    )


@pytest.mark.parametrize(
    ("minute", "status"), [(-5000, "no_show"), (60, "no_show"), (61, None)], ids=["before", "at its end", "after"]
)
def test_who_registered_when_the_session_was_over_did_not_miss_it(absent, registration, at, minute, status):
    found = absent(registration(ADA, registration_date=at(minute)))
    assert status_by_person(found).get(ADA) == status


def test_a_registration_for_this_session_counts_whenever_it_was_made(absent, registration, at):
    found = absent(registration(ADA, session_id=7, registration_date=at(61)))
    assert status_by_person(found) == {ADA: "no_show"}


def test_a_registration_whose_date_cannot_be_read_counts(absent, registration):
    assert status_by_person(absent(registration(ADA, registration_date="0000-00-00 00:00:00"))) == {ADA: "no_show"}


def test_somebody_who_came_is_registered_by_any_of_the_rooms_registrations(attend, visit, registration, at):
    later = registration(BOB, id=2, registration_date=at(61))
    found = attend(visit(ADA, 0, 60), visit(BOB, 0, 60), registrations=[registration(ADA, session_id=8), later])
    assert status_by_person(found.rows) == {ADA: "attended", BOB: "attended"}


def test_a_registration_without_an_id_is_known_by_its_address(absent, registration):
    found = absent(registration(BOB, id=None), registration(BOB, id=2), registration(ADA, id=None))
    assert status_by_person(found) == {ADA: "no_show", BOB: "no_show"}
    assert found[0]["registration_id"] is None


def test_of_two_registrations_the_one_for_this_session_counts(absent, registration):
    found = absent(registration(BOB, id=1, session_id=8), registration(BOB, id=2))
    assert [(row["status"], row["registration_id"]) for row in found] == [("no_show", 2)]


@pytest.mark.parametrize("role", ["host", "moderator", "presenter", "guest_speaker"])
def test_staff_is_marked_and_not_counted_as_audience(attend, visit, registration, role):
    found = attend(visit(HANNA, 0, 60, role=role), registrations=[registration(HANNA)])
    (row,) = found.rows
    assert (row["role"], row["is_staff"], row["registered"], row["status"]) == (role, True, True, None)
    assert row["minutes"] == 60
    assert not any(found.summary.values())
    assert found.curve == []


def test_whoever_was_staff_for_a_while_is_staff(attend, visit):
    (row,) = attend(
        visit(HANNA, 0, 20), visit(HANNA, 20, 40, role="guest_speaker"), visit(HANNA, 40, 60, role="presenter")
    ).rows
    assert (row["role"], row["is_staff"], row["visits"]) == ("presenter", True, 1)


@pytest.mark.parametrize(("role", "told"), [("interpreter", "interpreter"), (None, None)])
def test_who_has_another_role_or_none_is_audience(attend, visit, role, told):
    (row,) = attend(visit(ADA, 0, 60, role=role)).rows
    assert (row["role"], row["is_staff"], row["status"]) == (told, False, "walk_in")


def test_a_role_that_one_entry_lacks_is_told_by_another(attend, visit):
    (row,) = attend(visit(ADA, 0, 20, role=None), visit(ADA, 30, 60, role="listener")).rows
    assert row["role"] == "listener"


@pytest.mark.parametrize(
    ("stays", "first"),
    [
        ({"": (0, 10), "Ada": (20, 30), "Countess": (40, 60)}, "Ada"),
        ({"Countess": (0, 30), "Ada": (0, 60)}, "Ada"),
        ({"Countess": (0, 60), "Ada": (0, 30)}, "Ada"),
    ],
    ids=["the first that is one", "of two at once the lesser", "however long each was there"],
)
def test_the_nickname_is_the_first(attend, visit, stays, first):
    (row,) = attend(*(visit(ADA, *stay, nickname=nickname) for nickname, stay in stays.items())).rows
    assert row["nickname"] == first


@pytest.mark.parametrize(
    ("earlier", "later", "told"),
    [
        (("2", "Too quiet"), ("4", None), (4, None)),
        (("2", "Too quiet"), (None, "Thanks"), (None, "Thanks")),
        (("2", "Too quiet"), (None, None), (2, "Too quiet")),
        ((None, None), (5, "Thanks"), (5, "Thanks")),
    ],
)
def test_rating_and_comment_are_the_last_and_belong_together(attend, visit, earlier, later, told):
    given = [dict(zip(("rating", "rating_comment"), each, strict=True)) for each in (earlier, later)]
    (row,) = attend(visit(ADA, 0, 20, **given[0]), visit(ADA, 30, 60, **given[1])).rows
    assert (row["rating"], row["rating_comment"]) == told


def test_the_summary(attend, visit, registration):
    found = attend(
        visit(ADA, 0, 60),
        visit(BOB, 0, 20),
        visit(None, 10, 40),
        visit(HANNA, -5, 60, role="host"),
        registrations=[registration(email) for email in (ADA, BOB, "carol@example.com", "dan@example.com")],
    )
    assert found.summary == {
        "registered": 4,
        "came": 3,
        "attended": 2,
        "no_show": 2,
        "walk_in": 1,
        "show_up_rate": 0.5,
        "median_minutes": 30.0,
        "peak": 3,
    }


@pytest.mark.parametrize("staff", [[], ["host"], ["host", "presenter"]], ids=["nobody", "a host", "a host and more"])
def test_a_session_without_an_audience_makes_nobody_a_no_show(attend, visit, registration, staff):
    visits = [visit(f"{role}@example.com", 0, 60, role=role) for role in staff]
    registrations = [registration(email, id=number) for number, email in enumerate((ADA, BOB, "host@example.com"))]
    found = attend(*visits, registrations=registrations)
    assert [row["person"] for row in found.rows] == [f"{role}@example.com" for role in staff]
    assert not any(found.summary.values())
    assert found.summary["show_up_rate"] is None
    assert found.not_counted == 3 - ("host" in staff)


def test_one_visitor_is_enough_for_the_others_to_have_missed_it(attend, visit, registration):
    found = attend(visit(None, 59, 59), registrations=[registration(ADA), registration(BOB, id=2)])
    assert (found.summary["came"], found.summary["no_show"], found.not_counted) == (1, 2, 0)


def test_the_summary_of_nobody(attend):
    found = attend()
    assert found.rows == found.curve == found.skipped == []
    assert found.summary["show_up_rate"] is found.summary["median_minutes"] is None
    assert not any(found.summary.values())
