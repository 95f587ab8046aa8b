"""Hours in which a team works, and what they mean for who is told and when."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import schedule
from pathways import Team

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
# Further ahead than any deadline of the test lies.
HORIZON_DAYS = 120


def windows(team: Team, zone: str, moment: int):
    """The spans of work from the day of a moment on, as instants, in order; a span may end on the next day."""
    place = ZoneInfo(team.zone or zone)
    day = datetime.fromtimestamp(moment, place).date() - timedelta(days=1)
    for _ in range(HORIZON_DAYS):
        spans = []
        for days, start, end in team.cover:
            if WEEKDAYS[day.weekday()] in days:
                last = day if start < end else day + timedelta(days=1)
                spans.append((schedule.local_instant(day, start, place), schedule.local_instant(last, end, place)))
        yield from sorted(spans)
        day += timedelta(days=1)


def covered(team: Team, zone: str, moment: int) -> bool:
    """Whether the team works at a moment; one without hours always does."""
    if not team.cover:
        return True
    near = (span for span in windows(team, zone, moment) if span[1] > moment)
    start, _ = next(near)
    return start <= moment


def after(team: Team, zone: str, moment: int, minutes: int) -> int:
    """The instant at which so many minutes of work have passed since a moment."""
    left = minutes * 60
    if not team.cover:
        return moment + left
    for start, end in windows(team, zone, moment):
        begins = max(start, moment)
        if end <= begins:
            continue
        if end - begins >= left:
            return begins + left
        left -= end - begins
    raise ValueError("a team that never works")


def ranks(team: Team) -> list[list[str]]:
    """The members by rank, the first to be told first."""
    by_rank: dict[int, list[str]] = {}
    for ident, rank in team.members:
        by_rank.setdefault(rank or 1, []).append(ident)
    return [sorted(by_rank[rank]) for rank in sorted(by_rank)]
