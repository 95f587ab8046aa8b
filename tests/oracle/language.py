"""A small language of alert rules, and what it means.

The generator draws rules in this language. `expression.py` writes them as
FHIRPath for the server; here they are evaluated directly, on plain values.
The oracle therefore never reads an expression: a fault in the server's engine,
or in what it gives an expression to see, must show as a difference.

A form is `{linkId: [values]}`: True or False, the code of an option, or a
Decimal. An item that was left out is not in it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

INFO, SIMPLE, URGENT = 1, 2, 3
LEVELS = {INFO: "info", SIMPLE: "simple", URGENT: "urgent"}
Form = dict[str, list]


@dataclass(frozen=True)
class Item:
    """One question: `boolean`, `grade` (0 to 4 on a scale), `choice`, `many`, `integer` or `quantity`."""

    link: str
    kind: str
    codes: tuple[str, ...] = ()
    low: Decimal = Decimal(0)
    high: Decimal = Decimal(0)
    step: Decimal = Decimal(1)


@dataclass(frozen=True)
class Person:
    """What a rule may know of the person and of the plan."""

    born: date
    start: date
    risk_factor: bool = False
    thresholds: tuple[tuple[str, Decimal], ...] = ()

    def aged(self, years: int) -> bool:
        """Whether that birthday is past or today on day 1."""
        try:
            birthday = self.born.replace(year=self.born.year + years)
        except ValueError:
            birthday = date(self.born.year + years, 2, 28)
        return birthday <= self.start


@dataclass
class Moment:
    """What is known when a rule is judged."""

    person: Person
    day: int
    now: Form = field(default_factory=dict)
    earlier: list[Form] = field(default_factory=list)
    missed: int = 0
    open_flags: list[tuple[str, int]] = field(default_factory=list)


class Condition:
    """Something that holds or does not."""

    def holds(self, moment: Moment) -> bool:
        """Whether it holds at a moment."""
        raise NotImplementedError


class Said(Condition):
    """A condition on one answer; by itself, on the one that is judged."""

    def said(self, form: Form, person: Person) -> bool:
        """Whether it holds of an answer."""
        raise NotImplementedError

    def holds(self, moment: Moment) -> bool:
        return self.said(moment.now, moment.person)


@dataclass(frozen=True)
class Personal:
    """A bound of one's own: a threshold of the CarePlan, or the default."""

    name: str
    default: Decimal

    def of(self, person: Person) -> Decimal:
        """The bound of a person."""
        return dict(person.thresholds).get(self.name, self.default)


Bound = Decimal | Personal
COMPARE = {
    ">=": lambda value, bound: value >= bound,
    ">": lambda value, bound: value > bound,
    "<=": lambda value, bound: value <= bound,
    "<": lambda value, bound: value < bound,
}


@dataclass(frozen=True)
class Number(Said):
    """A number beyond a bound."""

    item: Item
    operator: str
    bound: Bound

    def said(self, form: Form, person: Person) -> bool:
        bound = self.bound.of(person) if isinstance(self.bound, Personal) else self.bound
        return any(COMPARE[self.operator](value, bound) for value in form.get(self.item.link, []))


@dataclass(frozen=True)
class Within(Said):
    """A number from one bound to another, both included."""

    item: Item
    low: Decimal
    high: Decimal

    def said(self, form: Form, person: Person) -> bool:
        return any(self.low <= value <= self.high for value in form.get(self.item.link, []))


@dataclass(frozen=True)
class Truth(Said):
    """A yes, or a no."""

    item: Item
    wanted: bool

    def said(self, form: Form, person: Person) -> bool:
        return any(value is self.wanted for value in form.get(self.item.link, []))


@dataclass(frozen=True)
class OneOf(Said):
    """An option among some."""

    item: Item
    codes: tuple[str, ...]

    def said(self, form: Form, person: Person) -> bool:
        return any(code in self.codes for code in form.get(self.item.link, []))


@dataclass(frozen=True)
class OtherThan(Said):
    """An option that is not this one."""

    item: Item
    code: str

    def said(self, form: Form, person: Person) -> bool:
        return any(code != self.code for code in form.get(self.item.link, []))


@dataclass(frozen=True)
class Chosen(Said):
    """At least so many options of an item that takes several."""

    item: Item
    count: int

    def said(self, form: Form, person: Person) -> bool:
        return len(form.get(self.item.link, [])) >= self.count


@dataclass(frozen=True)
class Grade(Said):
    """A grade of at least so much."""

    item: Item
    least: int

    def said(self, form: Form, person: Person) -> bool:
        return any(int(code) >= self.least for code in form.get(self.item.link, []))


@dataclass(frozen=True)
class AnyGrade(Said):
    """At least one of the graded items has a grade of at least so much."""

    items: tuple[Item, ...]
    least: int

    def said(self, form: Form, person: Person) -> bool:
        return any(int(code) >= self.least for item in self.items for code in form.get(item.link, []))


@dataclass(frozen=True)
class Before(Condition):
    """It was said in the answer before."""

    what: Said

    def holds(self, moment: Moment) -> bool:
        return bool(moment.earlier) and self.what.said(moment.earlier[-1], moment.person)


@dataclass(frozen=True)
class InARow(Condition):
    """It is said now and was in the answers before, so many in a row."""

    what: Said
    count: int

    def holds(self, moment: Moment) -> bool:
        line = [*moment.earlier, moment.now][-self.count :]
        return len(line) == self.count and all(self.what.said(form, moment.person) for form in line)


@dataclass(frozen=True)
class OfTheLast(Condition):
    """It is said in at least so many of the last so many answers, this one included."""

    what: Said
    least: int
    last: int

    def holds(self, moment: Moment) -> bool:
        line = [*moment.earlier, moment.now][-self.last :]
        return sum(self.what.said(form, moment.person) for form in line) >= self.least


@dataclass(frozen=True)
class Change(Condition):
    """A number rose (or fell, where `by` is negative) by so much since the answer before."""

    item: Item
    by: Decimal

    def holds(self, moment: Moment) -> bool:
        then = moment.earlier[-1].get(self.item.link, []) if moment.earlier else []
        now = moment.now.get(self.item.link, [])
        if not then or not now:
            return False
        return now[0] - then[0] >= self.by if self.by > 0 else then[0] - now[0] >= -self.by


@dataclass(frozen=True)
class NewGrade(Condition):
    """An item graded at least so much now had the grade 0 in the answer before."""

    items: tuple[Item, ...]
    least: int

    def holds(self, moment: Moment) -> bool:
        then = moment.earlier[-1] if moment.earlier else {}

        def fresh(item: Item) -> bool:
            now = any(int(code) >= self.least for code in moment.now.get(item.link, []))
            return now and "0" in then.get(item.link, [])

        return any(fresh(item) for item in self.items)


@dataclass(frozen=True)
class BelowMedian(Condition):
    """A number lies at least so much below the median of the last three earlier values."""

    item: Item
    by: Decimal

    def holds(self, moment: Moment) -> bool:
        now = moment.now.get(self.item.link, [])
        known = [form[self.item.link][0] for form in moment.earlier if form.get(self.item.link)]
        return bool(now) and len(known) >= 3 and sorted(known[-3:])[1] - now[0] >= self.by


@dataclass(frozen=True)
class First(Condition):
    """No answer came before."""

    def holds(self, moment: Moment) -> bool:
        return not moment.earlier


@dataclass(frozen=True)
class DayWithin(Condition):
    """The day of follow-up lies between two, both included."""

    first: int
    last: int

    def holds(self, moment: Moment) -> bool:
        return self.first <= moment.day <= self.last


@dataclass(frozen=True)
class RiskFactor(Condition):
    """The plan names a risk factor."""

    def holds(self, moment: Moment) -> bool:
        return moment.person.risk_factor


@dataclass(frozen=True)
class Aged(Condition):
    """The person was so old on day 1."""

    years: int

    def holds(self, moment: Moment) -> bool:
        return moment.person.aged(self.years)


@dataclass(frozen=True)
class All(Condition):
    """All of some."""

    parts: tuple[Condition, ...]

    def holds(self, moment: Moment) -> bool:
        return all(part.holds(moment) for part in self.parts)


@dataclass(frozen=True)
class Either(Condition):
    """At least one of some."""

    parts: tuple[Condition, ...]

    def holds(self, moment: Moment) -> bool:
        return any(part.holds(moment) for part in self.parts)


@dataclass(frozen=True)
class AtLeast(Condition):
    """At least so many of some."""

    count: int
    parts: tuple[Condition, ...]

    def holds(self, moment: Moment) -> bool:
        return sum(part.holds(moment) for part in self.parts) >= self.count


@dataclass(frozen=True)
class Not(Condition):
    """The contrary."""

    part: Condition

    def holds(self, moment: Moment) -> bool:
        return not self.part.holds(moment)


@dataclass(frozen=True)
class Missed(Condition):
    """So many reports in a row were missed, the present one included."""

    count: int

    def holds(self, moment: Moment) -> bool:
        return moment.missed >= self.count


@dataclass(frozen=True)
class FlagOpen(Condition):
    """A flag of this level, of another rule than this one, was open before."""

    level: int
    but: str

    def holds(self, moment: Moment) -> bool:
        return any(level == self.level and rule != self.but for rule, level in moment.open_flags)


def links(condition: Condition) -> set[str]:
    """The items that a condition speaks of."""
    found: set[str] = set()
    for value in vars(condition).values():
        for one in value if isinstance(value, tuple) else (value,):
            if isinstance(one, Item):
                found.add(one.link)
            elif isinstance(one, Condition):
                found |= links(one)
    return found


@dataclass(frozen=True)
class Rule:
    """A rule: its levels highest first, each with its condition (None: always)."""

    ident: str
    levels: tuple[tuple[int, Condition | None], ...]
    silence: bool = False
    phone: bool = False

    def finding(self, moment: Moment) -> int:
        """The highest level that holds; 0 for none."""
        for level, condition in self.levels:
            if condition is None or condition.holds(moment):
                return level
        return 0
