"""Random pathways: forms, phases, policies, rules and teams that a publisher could have written.

Everything follows from a seed. The rules come from `language.py`; each level
can be reached and none holds always, as publishing asks.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import time
from decimal import Decimal
from random import Random

import language as l

QUIET_CHOICES = ((time(21), time(7)), (time(22, 30), time(8)), (time(12), time(14)), (time(0), time(9, 30)))
COVER_CHOICES = (
    ((("mon", "tue", "wed", "thu", "fri"), time(8), time(18)),),
    ((("mon", "tue", "wed", "thu", "fri"), time(9), time(12)), (("mon", "wed", "sat"), time(13, 30), time(17))),
    ((("mon", "tue", "wed", "thu", "fri", "sat", "sun"), time(7), time(22)),),
)
# (low, high, step, unit): what a number may be.
INTEGERS = ((5, 60, 1, "/min"), (0, 10, 1, "1"), (20, 220, 1, "/min"))
QUANTITIES = (("50", "100", "1", "%"), ("34", "42", "0.1", "Cel"), ("30", "200", "0.5", "kg"))
TEAM_ZONES = ("Europe/Paris", "America/New_York", "Asia/Kolkata")


@dataclass(frozen=True)
class Team:
    """Who is told: members with their ranks, hours of cover, and who is on call."""

    ident: str
    members: tuple[tuple[str, int | None], ...]
    zone: str | None = None
    cover: tuple = ()
    on_call: tuple[str, ...] = ()


@dataclass(frozen=True)
class Policy:
    """How follow-ups are run."""

    due: time
    cut_off: time
    channels: tuple[str, ...]
    quiet: tuple[time, time] | None = None
    second: int | None = None
    urgent_minutes: int | None = None
    simple_minutes: int | None = None
    notify_answered: bool = False
    consent: bool = False
    stop: str | None = None


@dataclass(frozen=True)
class Phase:
    """Reports at equal distance; day 1 is the first day of follow-up."""

    first_day: int
    count: int
    every: int

    def days(self) -> list[int]:
        """The days that have a report."""
        return [self.first_day + n * self.every for n in range(self.count)]


@dataclass(frozen=True)
class Pathway:
    """A pathway, with the teams that follow it."""

    ident: str
    items: tuple[l.Item, ...]
    phases: tuple[Phase, ...]
    policy: Policy
    rules: tuple[l.Rule, ...]
    teams: tuple[Team, ...]
    # Values near which the rules decide, by linkId: answers are drawn there.
    edges: tuple[tuple[str, Decimal], ...] = ()
    thresholds: tuple[tuple[str, Decimal], ...] = ()

    def days(self) -> list[int]:
        """The days of all reports."""
        return sorted({day for phase in self.phases for day in phase.days()})


class Maker:
    """Draws one pathway."""

    def __init__(self, seed: int, number: int, features: frozenset[str]) -> None:
        self.features = features
        self.dice = Random(f"pathway/{seed}/{number}")
        self.ident = f"random-{seed}-{number}"
        self.edges: list[tuple[str, Decimal]] = []
        self.thresholds: dict[str, Decimal] = {}
        self.items = self.make_items()

    def of(self, *kinds: str) -> list[l.Item]:
        """The items of some kinds."""
        return [item for item in self.items if item.kind in kinds]

    def make_items(self) -> tuple[l.Item, ...]:
        """Some questions of each kind."""
        items = [l.Item(f"yes.{n}", "boolean") for n in range(self.dice.randint(2, 4))]
        grades = tuple(str(n) for n in range(5))
        items += [l.Item(f"grade.{n}", "grade", grades) for n in range(self.dice.randint(2, 4))]
        for n in range(self.dice.randint(1, 2)):
            codes = ("none", *(f"o{k}" for k in range(1, self.dice.randint(3, 5))))
            items.append(l.Item(f"option.{n}", "choice", codes))
        codes = ("none", *(f"m{k}" for k in range(1, self.dice.randint(4, 6))))
        items.append(l.Item("several.0", "many", codes))
        for n in range(self.dice.randint(1, 2)):
            low, high, step, _ = self.dice.choice(INTEGERS)
            items.append(l.Item(f"whole.{n}", "integer", (), Decimal(low), Decimal(high), Decimal(step)))
        for n in range(self.dice.randint(1, 2)):
            low, high, step, _ = self.dice.choice(QUANTITIES)
            items.append(l.Item(f"measure.{n}", "quantity", (), Decimal(low), Decimal(high), Decimal(step)))
        return tuple(items)

    def inner(self, item: l.Item) -> Decimal:
        """A number well inside of what an item takes."""
        steps = int((item.high - item.low) / item.step)
        value = item.low + item.step * self.dice.randint(steps // 5 + 1, max(steps * 4 // 5, steps // 5 + 2))
        self.edges.append((item.link, value))
        return value

    def number(self) -> l.Said:
        """A condition on a number."""
        item = self.dice.choice(self.of("integer", "quantity"))
        value = self.inner(item)
        if self.dice.random() < 0.25:
            return l.Within(item, value, min(value + 3 * item.step, item.high - item.step))
        operator = self.dice.choice(tuple(l.COMPARE))
        if item.kind == "quantity" and self.dice.random() < 0.4:
            # A saturation has a threshold with a name of its own; it is a percentage.
            percentage = item.low == 50 and item.high == 100
            name = "spo2" if percentage and self.dice.random() < 0.5 else item.link.replace(".", "-")
            self.thresholds.setdefault(name, value)
            return l.Number(item, operator, l.Personal(name, self.thresholds[name]))
        return l.Number(item, operator, value)

    def plain(self, *others: l.Condition) -> l.Said:
        """A condition on one answer, about other items than `others`: together they decide something."""
        taken = {link for other in others for link in l.links(other)}
        while True:
            found = self.any_plain()
            if not taken & l.links(found):
                return found

    def any_plain(self) -> l.Said:
        """A condition on one answer."""
        dice, many = self.dice, self.of("many")[0]
        kind = dice.randrange(7)
        if kind == 0:
            return l.Truth(dice.choice(self.of("boolean")), dice.random() < 0.8)
        if kind == 1:
            item = dice.choice(self.of("choice", "many"))
            return l.OneOf(item, tuple(sorted(dice.sample(item.codes[1:], dice.randint(1, len(item.codes) - 2)))))
        if kind == 2:
            return l.OtherThan(many, "none")
        if kind == 3:
            return l.Chosen(many, dice.randint(2, 3))
        if kind == 4:
            return l.Grade(dice.choice(self.of("grade")), dice.randint(2, 4))
        if kind == 5:
            return l.AnyGrade(tuple(self.of("grade")), dice.randint(2, 4))
        return self.number()

    def changing(self) -> l.Condition:
        """A condition on several answers."""
        dice = self.dice
        kind = dice.randrange(6)
        if kind == 0:
            return l.InARow(self.plain(), dice.randint(2, 3))
        if kind == 1:
            last = dice.randint(3, 4)
            return l.OfTheLast(self.plain(), dice.randint(2, last - 1), last)
        if kind == 2:
            item = dice.choice(self.of("integer", "quantity"))
            return l.Change(item, item.step * dice.randint(1, 3) * dice.choice((1, -1)))
        if kind == 3:
            return l.NewGrade(tuple(self.of("grade")), dice.randint(1, 3))
        if kind == 4:
            item = dice.choice(self.of("integer", "quantity"))
            return l.BelowMedian(item, item.step * dice.randint(1, 3))
        return l.All((self.plain(), l.Before(self.plain())))

    def base(self) -> l.Condition:
        """What a rule is about."""
        kind = self.dice.randrange(10)
        if kind < 4:
            return self.plain()
        if kind < 8:
            return self.changing()
        if kind == 8:
            parts: list[l.Said] = []
            while len(parts) < 3:
                parts.append(self.plain(*parts))
            return l.AtLeast(2, tuple(parts))
        change = self.changing()
        return l.Either((self.plain(change), change))

    def more(self, base: l.Condition) -> l.Condition:
        """What makes a finding graver."""
        dice, last = self.dice, max(self.days_hint, 3)
        first = dice.randint(2, last - 1)
        return dice.choice(
            (
                l.RiskFactor(),
                l.Aged(dice.choice((18, 65, 75))),
                l.Either((l.RiskFactor(), l.Aged(65))),
                l.DayWithin(first, dice.randint(first, last)),
                l.Before(self.plain()),
                l.Not(self.plain(base)),
            )
        )

    def steps(self) -> tuple[tuple[int, l.Condition], ...] | None:
        """Levels by the size of a number."""
        item = self.dice.choice(self.of("integer", "quantity"))
        values = sorted({self.inner(item) for _ in range(3)}, reverse=True)
        levels = sorted(self.dice.sample(tuple(l.LEVELS), len(values)), reverse=True)
        return tuple((level, l.Number(item, ">=", value)) for level, value in zip(levels, values))

    def answer_rule(self, ident: str) -> l.Rule:
        """A rule about answers, of one to three levels."""
        dice = self.dice
        if dice.random() < 0.2:
            return l.Rule(ident, self.steps())
        base, count = self.base(), dice.choice((1, 1, 2, 2, 3))
        conditions = [l.All((base, self.more(base))), base, l.Either((base, self.plain(base)))]
        conditions = [base] if count == 1 else conditions[:count]
        levels = sorted(dice.sample(tuple(l.LEVELS), count), reverse=True)
        return l.Rule(ident, tuple(zip(levels, conditions)))

    def silence_rules(self) -> list[l.Rule]:
        """Rules about missed reports."""
        dice = self.dice
        rules = [l.Rule("N2", ((l.SIMPLE, None),), True, "phone" in self.features and dice.random() < 0.5)] if dice.random() < 0.85 else []
        graver = (
            l.Missed(dice.randint(2, 3)),
            l.All((l.RiskFactor(), l.Missed(2))),
            l.All((l.Either((l.RiskFactor(), l.Aged(65))), l.Either((l.Missed(2), l.FlagOpen(l.SIMPLE, "N2"))))),
            l.FlagOpen(dice.choice((l.SIMPLE, l.URGENT)), "N2"),
            l.All((l.Missed(2), l.Before(self.plain()))),
            l.All((l.First(), l.DayWithin(2, max(self.days_hint, 3)))),
        )
        if "silence-conditions" not in self.features:
            return rules
        if dice.random() < 0.7:
            rules.append(l.Rule("N3", ((l.URGENT, dice.choice(graver)),), True))
        if dice.random() < 0.3:
            rules.append(l.Rule("N4", ((l.URGENT, l.Missed(3)), (l.INFO, l.Missed(2))), True))
        return rules

    def make_phases(self) -> tuple[Phase, ...]:
        """One to three phases, one after the other."""
        dice, phases, day = self.dice, [], 1
        for _ in range(dice.choice((1, 2, 2, 3))):
            phase = Phase(day, dice.randint(2, 5), dice.choice((1, 1, 1, 2, 3)))
            phases.append(phase)
            day = phase.days()[-1] + dice.randint(1, 3)
        return tuple(phases)

    def make_policy(self) -> Policy:
        """Times, channels and minutes."""
        dice = self.dice
        due = time(dice.randint(0, 23) if dice.random() < 0.3 else dice.randint(7, 12), dice.choice((0, 15, 30, 47)))
        return Policy(
            due=due,
            cut_off=dice.choice((time(12), time(18), time(23, 59, 59))),
            channels=dice.choice((("email",), ("sms",), ("email", "sms"), ("sms", "email"))) if "sms" in self.features else ("email",),
            quiet=dice.choice(QUIET_CHOICES) if dice.random() < 0.4 else None,
            second=dice.choice((45, 120, 240, 480)) if dice.random() < 0.7 else None,
            urgent_minutes=dice.choice((None, 10, 30)),
            simple_minutes=dice.choice((None, 120, 240)),
            notify_answered=dice.random() < 0.3,
            consent=dice.random() < 0.5,
            stop=dice.choice((None, "immediate", "request")),
        )

    def make_team(self, number: int) -> Team:
        """A team of one to four people."""
        dice, ident = self.dice, f"{self.ident}-team-{number}"
        people = [f"{ident}-{n}" for n in range(dice.randint(1, 4))]
        ranked = dice.random() < 0.6
        members = tuple((one, dice.choice((None, 1, 2, 3)) if ranked else None) for one in people)
        cover = dice.choice(COVER_CHOICES) if dice.random() < 0.5 else ()
        on_call = (f"{ident}-call",) if dice.random() < 0.5 else ()
        return Team(ident, members, dice.choice((None, *TEAM_ZONES)), cover, on_call)

    def make(self) -> Pathway:
        """The pathway."""
        phases = self.make_phases()
        self.days_hint = phases[-1].days()[-1]
        rules = [self.answer_rule(f"R{n}") for n in range(1, self.dice.randint(4, 8))]
        rules += self.silence_rules()
        return Pathway(
            ident=self.ident,
            items=self.items,
            phases=phases,
            policy=self.make_policy(),
            rules=tuple(rules),
            teams=tuple(self.make_team(n) for n in range(2)),
            edges=tuple(self.edges),
            thresholds=tuple(sorted(self.thresholds.items())),
        )


def pathways(seed: int, count: int, features: frozenset[str]) -> list[Pathway]:
    """So many pathways of a seed."""
    return [Maker(seed, number, features).make() for number in range(count)]
