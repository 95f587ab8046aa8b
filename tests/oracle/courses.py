"""Random courses of a follow-up: who the person is, what they answer and when, what the team does.

Everything follows from a seed. Instants are seconds since 1970 (UTC). What
people do falls on a grid of a quarter of an hour, at distinct instants for one
course, so that many courses can be played on one clock.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from random import Random
from zoneinfo import ZoneInfo

import language as l
import schedule
from pathways import Pathway, Team

GRID, HOUR, DAY = 900, 3600, 86400
# The rule of an event that is about all rules of the pathway.
EVERY = "*"
# Most acknowledgements, of one rule each, in a course that is also simulated.
ACKNOWLEDGEMENTS_MAX = 90
# Follow-ups cross the clock changes of spring, or those of autumn.
SEASONS = (datetime(2026, 3, 20, tzinfo=timezone.utc), datetime(2026, 10, 16, tzinfo=timezone.utc))
ZONES = (
    "Europe/Paris", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "America/Martinique",
    "Pacific/Auckland", "America/St_Johns", "Asia/Beirut", "Europe/Lisbon", "Pacific/Honolulu",
)  # fmt: skip


@dataclass(frozen=True)
class Contact:
    """An address: `email`, `sms`, `phone` (mobile) or `landline`."""

    system: str
    value: str
    rank: int | None = None


@dataclass(frozen=True)
class Event:
    """Something that somebody does.

    `answer` and `amend` bring an answer, `retract` takes it back; `pause`, `resume` and `stop` are about the plan, as are
    `channel` (app or telephone) and `hour` (of reports); `accept`, `resolve` and `snooze` are about the open alert of a
    rule, or of every rule of the pathway.
    """

    at: int
    kind: str
    ident: str = ""
    # When the answer was true, and how that is written: an instant, a date alone, or not at all.
    authored: int | None = None
    written: str = "instant"
    form: l.Form | None = None
    rule: str = ""
    # Until when an alert is put off.
    until: int = 0
    channel: str = ""
    hour: time | None = None


@dataclass(frozen=True)
class Course:
    """One follow-up, from enrolment on."""

    ident: str
    pathway: Pathway
    person: l.Person
    zone: str
    start: int
    team: Team
    contacts: tuple[Contact, ...]
    channel: str = "app"
    reminder: time | None = None
    reporter: bool = False
    plain: bool = False
    events: tuple[Event, ...] = field(default=())

    def rows(self) -> list[list]:
        """Day, date, window start, window end and due instant of each report."""
        due, policy = self.reminder or self.pathway.policy.due, self.pathway.policy
        wanted = set(self.pathway.days())
        rows = schedule.days(ZoneInfo(self.zone), self.start, due, policy.cut_off, max(wanted))
        return [row for row in rows if row[0] in wanted]


def grid(moment: int) -> int:
    """The first instant of the grid that is not before this one."""
    return -(-moment // GRID) * GRID


class Drawer:
    """Draws one course."""

    def __init__(self, seed: int, pathway: Pathway, number: int, features: frozenset[str]) -> None:
        self.dice = Random(f"course/{seed}/{pathway.ident}/{number}")
        self.pathway, self.features = pathway, features
        self.ident = f"{pathway.ident}-c{number}"
        self.plain = number % 2 == 0
        self.zone = self.dice.choice(ZONES)
        self.taken: set[int] = set()
        self.events: list[Event] = []
        self.last: l.Form = {}
        season = SEASONS[seed % len(SEASONS)]
        self.start = grid(int(season.timestamp()) + self.dice.randrange(3 * DAY))
        self.taken.add(self.start)

    def maybe(self, chance: float, feature: str = "") -> bool:
        """True by chance, where the server has the feature."""
        drawn = self.dice.random() < chance
        return drawn and (not feature or feature in self.features)

    def free(self, moment: int) -> int:
        """An instant of the grid at which this course does nothing yet."""
        moment = grid(max(moment, self.start + 1))
        while moment in self.taken:
            moment += GRID
        self.taken.add(moment)
        return moment

    def push(self, moment: int, kind: str, **more) -> Event:
        """Notes an event."""
        event = Event(self.free(moment), kind, **more)
        self.events.append(event)
        return event

    def value(self, item: l.Item) -> list:
        """What is answered to a question."""
        dice = self.dice
        if item.kind == "boolean":
            return [dice.random() < 0.3]
        if item.kind == "grade":
            return [dice.choices(item.codes, (4, 3, 2, 1, 1))[0]]
        if item.kind == "choice":
            return [dice.choice(item.codes)]
        if item.kind == "many":
            return ["none"] if dice.random() < 0.5 else sorted(dice.sample(item.codes[1:], dice.randint(1, 3)))
        near = [edge for link, edge in self.pathway.edges if link == item.link]
        if near and dice.random() < 0.7:
            value = dice.choice(near) + item.step * dice.randint(-2, 2)
        else:
            value = item.low + item.step * dice.randint(0, int((item.high - item.low) / item.step))
        return [min(max(value, item.low), item.high)]

    def form(self) -> l.Form:
        """A form filled in, more or less as the last time, some of it left out."""
        found: l.Form = {}
        for item in self.pathway.items:
            if self.dice.random() < 0.1:
                continue
            keep = item.link in self.last and self.dice.random() < 0.4
            found[item.link] = self.last[item.link] if keep else self.value(item)
        self.last = found
        return found

    def answer(self, row: list, authored: int, number: int) -> None:
        """An answer, its delay, and what becomes of it."""
        dice = self.dice
        authored = max(authored, self.start + 60)
        if self.maybe(0.06):
            # Written down on paper or off-line, and keyed in later.
            arrives = authored + dice.randrange(2 * HOUR, 60 * HOUR)
        else:
            arrives = authored
        moment = self.free(arrives)
        more = {"ident": f"{self.ident}-d{row[0]}-{number}", "authored": authored, "written": "instant"}
        if self.maybe(0.04):
            more.update(authored=moment, written="nothing")
        elif self.maybe(0.04):
            more.update(authored=self.midnight(authored), written="date")
        self.events.append(Event(moment, "answer", form=self.form(), **more))
        if self.plain:
            return
        if self.maybe(0.08):
            changed = {**more, "form": self.form()}
            if more["written"] == "instant" and self.maybe(0.2):
                changed["authored"] -= dice.randrange(60, 20 * HOUR)
            self.push(moment + dice.randrange(GRID, 30 * HOUR), "amend", **changed)
        if self.maybe(0.01):
            self.push(moment + dice.randrange(HOUR, 40 * HOUR), "retract", form=self.last, **more)

    def midnight(self, moment: int) -> int:
        """The first instant of the day where the person lives."""
        zone = ZoneInfo(self.zone)
        return schedule.local_instant(datetime.fromtimestamp(moment, zone).date(), time(0), zone)

    def reports(self, rows: list[list]) -> None:
        """What is answered on each report day."""
        dice, adherence = self.dice, self.dice.choice((0.95, 0.8, 0.8, 0.5, 0.2))
        for row in rows:
            _, _, opens, closes, due = row
            if dice.random() < adherence:
                hours = dice.choice((-3, 0, 0, 0, 1, 1, 2, 5, 9))
                authored = due + hours * HOUR + dice.randrange(HOUR)
                authored = min(max(authored, opens), closes - 60)
                if self.maybe(0.05):
                    authored = dice.choice((opens, due, closes - 1, closes))
                # Not before enrolment: the day then has its answer later, or none.
                if authored > self.start or closes > self.start + HOUR:
                    self.answer(row, max(authored, self.start + 60), 0)
            if self.maybe(0.07):
                self.answer(row, dice.randrange(opens, closes), 1)
        if self.maybe(0.1):
            day = dice.randrange(1, rows[-1][0] + 3)
            self.answer([f"x{day}"], self.start + day * DAY + dice.randrange(DAY), 2)

    def course_of_plan(self, rows: list[list]) -> None:
        """Pauses and stops."""
        dice, length = self.dice, rows[-1][3] - self.start
        if self.maybe(0.25, "pause"):
            pause = self.push(self.start + dice.randrange(length), "pause")
            if dice.random() < 0.85:
                self.push(pause.at + dice.randrange(3 * HOUR, 4 * DAY), "resume")
        if self.maybe(0.2):
            self.push(self.start + dice.randrange(length), "stop")
        if self.pathway.policy.quiet:
            return
        if self.maybe(0.2, "phone"):
            for channel in dice.sample(("phone", "app"), dice.randint(1, 2)):
                self.push(self.start + dice.randrange(length), "channel", channel=channel)
        if self.maybe(0.15, "reminder-time"):
            hour = time(dice.randint(5, 21), dice.choice((0, 20, 45)))
            self.push(self.start + dice.randrange(length), "hour", hour=hour)

    def team_at_work(self, rows: list[list]) -> None:
        """Alerts that are taken, or dealt with."""
        dice, rounds = self.dice, 0
        if dice.random() < 0.02:
            return
        # Somebody looks at everything, nearly every day.
        for day in range((rows[-1][3] - self.start) // DAY + 2):
            if dice.random() < 0.8 and (rounds + 1) * len(self.pathway.rules) < ACKNOWLEDGEMENTS_MAX:
                rounds += 1
                self.push(self.start + day * DAY + dice.randrange(DAY), "accept", rule=EVERY)
        for _ in range(0 if self.plain else dice.randint(0, 5)):
            moment = self.start + dice.randrange(rows[-1][3] + DAY - self.start)
            kind = dice.choice(("accept", "resolve", "snooze"))
            if kind != "snooze" or "escalation" in self.features:
                until = grid(moment) + HOUR + dice.randrange(5 * DAY)
                self.push(moment, kind, rule=dice.choice(self.pathway.rules).ident, until=until)

    def person(self, first: date) -> l.Person:
        """Age, risk factor and thresholds; some have their birthday on day 1, or a day later."""
        dice = self.dice
        born = date(dice.randrange(1930, 2008), dice.randint(1, 12), dice.randint(1, 28))
        if dice.random() < 0.2:
            born = first.replace(year=first.year - 65) + timedelta(days=dice.choice((-1, 0, 1)))
        own = []
        for name, default in self.pathway.thresholds:
            if dice.random() < 0.4:
                own.append((name, default + Decimal(dice.choice(("-2", "-0.5", "0.5", "1", "3")))))
                if name == "spo2":
                    own[-1] = (name, min(max(own[-1][1], Decimal(50)), Decimal(100)))
        return l.Person(born, first, dice.random() < 0.3, tuple(own))

    def contacts(self) -> tuple[Contact, ...]:
        """How the person, or who answers for them, can be reached."""
        dice = self.dice
        email, sms = Contact("email", f"{self.ident}@example.org"), Contact("sms", f"+336{dice.randrange(10**8):08}")
        mobile, landline = replace(sms, system="phone"), replace(sms, system="landline")
        ranks = dice.choice(((None, None), (1, 2), (2, 1), (1, 1), (None, 1), (3, None)))
        if "sms" not in self.features:
            return (replace(email, rank=ranks[0]), replace(landline, rank=ranks[1]))
        both = (replace(email, rank=ranks[0]), replace(dice.choice((sms, mobile)), rank=ranks[1]))
        return dice.choice((both, both[::-1], (email,), (landline, both[1]), (landline, *both), (email,)))

    def draw(self) -> Course:
        """The course."""
        dice = self.dice
        course = Course(
            ident=self.ident,
            pathway=self.pathway,
            person=l.Person(date(2000, 1, 1), date(2000, 1, 1)),
            zone=self.zone,
            start=self.start,
            team=dice.choice(self.pathway.teams),
            contacts=self.contacts(),
            channel="phone" if self.maybe(0.15, "phone") else "app",
            reminder=time(dice.randint(6, 20), dice.choice((0, 10, 30))) if self.maybe(0.25, "reminder-time") else None,
            reporter=self.maybe(0.15, "reporter"),
            plain=self.plain,
        )
        rows = course.rows()
        first = date.fromisoformat(rows[0][1]) - timedelta(days=rows[0][0] - 1)
        self.reports(rows)
        if not self.plain:
            self.course_of_plan(rows)
        self.team_at_work(rows)
        return replace(course, person=self.person(first), events=tuple(sorted(self.events, key=lambda event: event.at)))


def courses(seed: int, pathway: Pathway, count: int, features: frozenset[str]) -> list[Course]:
    """So many courses of a pathway."""
    return [Drawer(seed, pathway, number, features).draw() for number in range(count)]
