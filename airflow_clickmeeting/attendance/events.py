"""Find the sessions of a room that are one event, because a session broke off and went on as another one.

A host whose connection drops leaves a session behind and begins another one when the host comes back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from operator import itemgetter

from airflow_clickmeeting.api import times
from airflow_clickmeeting.api.errors import ParseError
from airflow_clickmeeting.api.facts import ended_at
from airflow_clickmeeting.api.types import Session
from airflow_clickmeeting.api.validate import bad_argument
from airflow_clickmeeting.attendance.intervals import interval_of, moment_of

MAX_JOIN = timedelta(days=1)


def join_length(value: times.Length) -> timedelta:
    """Validate the argument `join_sessions_within` of an operator.

    :raises ValueError: for a number, which has no unit, for a negative length, and for more than a day.
    """
    if (length := times.length("join_sessions_within", value, "minutes")) > MAX_JOIN:
        bad_argument("join_sessions_within", value, "a length of time of at most a day")
    return length


def join_sessions(
    sessions: Iterable[Session],
    within: times.Length,
    skip: Callable[[Session, ParseError], object] | None = None,
) -> list[list[Session]]:
    """Return the events of a room: each is a list of its sessions in the order of their starts.

    A session belongs to the event before it if it starts at most `within` after that has ended, or earlier. A running
    session is the last one of its event, since its end is not known. The order of `sessions` does not matter.

    :param sessions: the room's sessions, as `list_sessions` returns them.
    :param within: a timedelta or ISO 8601 text such as `PT15M`, at most a day; zero joins what overlaps or adjoins.
    :param skip: called for each session whose times cannot be read, with the error; the session is then left out.
        Without it, the error is raised.
    :raises ParseError: for a session whose times cannot be read, if `skip` is None.
    :raises ValueError: for a wrong `within`.
    """
    longest = join_length(within)
    read: list[tuple[datetime, int, datetime | None, Session]] = []
    for session in sessions:
        try:
            end = ended_at(session) and interval_of(session)[1]
            read.append((moment_of(session, "start_date"), session["id"], end, session))
        except ParseError as error:
            if skip is None:
                raise ParseError(f"session {session['id']}: {error}") from None
            skip(session, error)
    events: list[list[Session]] = []
    last_end: datetime | None = None
    for start, _, end, session in sorted(read, key=itemgetter(0, 1)):
        if last_end is not None and start - last_end <= longest:
            events[-1].append(session)
            last_end = end and max(last_end, end)
        else:
            events.append([session])
            last_end = end
    return events
