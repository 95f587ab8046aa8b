"""The alert rules, written by hand from their description in words.

The words are the table "Rules" of profiles/README.md. Nothing here reads the
PlanDefinitions or their expressions: a fault in an expression, or in the
engine that computes it, must show as a difference.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

CODES = "https://vigie.example/fhir/CodeSystem/"
INFO, SIMPLE, URGENT = 1, 2, 3
SYMPTOM_SCALES = {CODES + name for name in ("severity-0-4", "interference-0-4", "frequency-0-4")}
ALL_SCALES = SYMPTOM_SCALES | {CODES + "feeling-0-4"}
DANGER_SIGNS = ("danger.chest", "danger.lips", "danger.syncope", "danger.confusion")
COMMON_SYMPTOMS = ("chills", "myalgia", "headache", "throat", "rhinitis", "fatigue")
MINOR_SPO2_BAND = 3
RISK_AGE = 65


@dataclass(frozen=True)
class Coded:
    """A coded answer."""

    system: str
    code: str


@dataclass
class Person:
    """What a rule may know of the person and of the plan."""

    birth_date: str = ""
    start_date: str = ""
    risk_factor: bool = False
    spo2_threshold: Decimal = Decimal(92)

    def at_risk(self) -> bool:
        """A risk factor in the plan, or 65 years old when the plan starts."""
        return self.risk_factor or reached_age(self.birth_date, self.start_date)


@dataclass
class Form:
    """The answers of one QuestionnaireResponse by linkId."""

    values: dict[str, list[object]] = field(default_factory=dict)

    @classmethod
    def of(cls, resource: dict) -> "Form":
        """Reads the items at every depth."""
        form = cls()
        waiting = list(resource.get("item", []))
        while waiting:
            item = waiting.pop()
            waiting.extend(item.get("item", []))
            for answer in item.get("answer", []):
                value = plain_value(answer)
                if value is not None:
                    form.values.setdefault(item["linkId"], []).append(value)
        return form

    def says(self, link: str, wanted: bool = True) -> bool:
        """A boolean item holds the wanted answer."""
        return any(value is wanted for value in self.values.get(link, []))

    def codes(self, link: str) -> list[str]:
        """Codes answered to an item."""
        return [v.code for v in self.values.get(link, []) if isinstance(v, Coded)]

    def numbers(self, link: str) -> list[Decimal]:
        """Numbers answered to an item, whatever the unit."""
        return [v for v in self.values.get(link, []) if isinstance(v, Decimal)]

    def grades(self, systems: set[str]) -> dict[str, set[int]]:
        """Grades by linkId, for all items answered on one of the scales."""
        found: dict[str, set[int]] = {}
        for link, values in self.values.items():
            for value in values:
                if isinstance(value, Coded) and value.system in systems and value.code.isdigit():
                    found.setdefault(link, set()).add(int(value.code))
        return found

    def grade(self, link: str) -> int:
        """The highest grade answered to one item; -1 without an answer."""
        return max((int(code) for code in self.codes(link) if code.isdigit()), default=-1)


def plain_value(answer: dict) -> object:
    """The value of an answer as a Python value; None for kinds no rule uses."""
    if "valueBoolean" in answer:
        return answer["valueBoolean"]
    if "valueCoding" in answer:
        coding = answer["valueCoding"]
        return Coded(coding.get("system", ""), coding.get("code", ""))
    if "valueQuantity" in answer:
        value = answer["valueQuantity"].get("value")
        return None if value is None else Decimal(str(value))
    for kind in ("valueInteger", "valueDecimal"):
        if kind in answer:
            return Decimal(str(answer[kind]))
    return None


def reached_age(birth_date: str, on_date: str) -> bool:
    """Whether the 65th birthday is surely past or today; a vague date in doubt says no."""
    if not birth_date or not on_date:
        return False
    birth = [int(part) for part in birth_date.split("-")]
    birth[0] += RISK_AGE
    leap = birth[0] % 4 == 0 and (birth[0] % 100 != 0 or birth[0] % 400 == 0)
    if birth[1:] == [2, 29] and not leap:
        birth[2] = 28
    today = [int(part) for part in on_date.split("-")]
    shared = min(len(birth), len(today))
    if birth[:shared] != today[:shared]:
        return birth[:shared] < today[:shared]
    return len(birth) == len(today)


@dataclass
class Case:
    """One answer to judge, with what was known when it was judged."""

    now: Form
    earlier: list[Form]
    day: int
    person: Person

    def before(self, back: int) -> Form | None:
        """The answer `back` places earlier; None when there is none."""
        return self.earlier[-back] if len(self.earlier) >= back else None


def urgent_if(holds: bool) -> int:
    """Urgent when it holds."""
    return URGENT if holds else 0


def simple_if(holds: bool) -> int:
    """Simple when it holds."""
    return SIMPLE if holds else 0


def banded(numbers: list[Decimal], urgent_from: int, simple_from: int, simple_to: int) -> int:
    """Urgent from a number on; simple in a band below it, both ends included."""
    if any(n >= urgent_from for n in numbers):
        return URGENT
    return simple_if(any(simple_from <= n <= simple_to for n in numbers))


def rule_u1(case: Case) -> int:
    return urgent_if(case.now.says("dyspnea.speech") or case.now.grade("dyspnea.severity") >= 4)


def rule_u2(case: Case) -> int:
    return urgent_if(any(n <= case.person.spo2_threshold for n in case.now.numbers("spo2.value")))


def rule_s2(case: Case) -> int:
    low = case.person.spo2_threshold
    if not any(low < n < low + MINOR_SPO2_BAND for n in case.now.numbers("spo2.value")):
        return 0
    breathless = case.now.grade("dyspnea.severity") >= 2
    return URGENT if breathless or case.person.at_risk() else SIMPLE


def rule_u3(case: Case) -> int:
    return banded(case.now.numbers("resp.rate"), 25, 22, 24)


def rule_u4(case: Case) -> int:
    return urgent_if(any(case.now.says(link) for link in DANGER_SIGNS))


def rule_u5(case: Case) -> int:
    return urgent_if(case.now.says("intake.unable"))


def rule_u6(case: Case) -> int:
    return banded(case.now.numbers("heart.rate"), 111, 100, 110)


def rule_s1(case: Case) -> int:
    return simple_if(any(max(grades) >= 3 for grades in case.now.grades(ALL_SCALES).values()))


def rule_s3(case: Case) -> int:
    last = case.before(1)
    if last is None:
        return 0
    then, now = last.grades(SYMPTOM_SCALES), case.now.grades(SYMPTOM_SCALES)
    return simple_if(any(0 in then.get(link, set()) and max(grades) >= 2 for link, grades in now.items()))


def odd_temperature(form: Form) -> bool:
    """39 degrees or more, or below 35.5."""
    return any(n >= 39 or n < Decimal("35.5") for n in form.numbers("temp.value"))


def rule_s4(case: Case) -> int:
    return simple_if(odd_temperature(case.now))


def rule_s5(case: Case) -> int:
    def hot(form: Form | None) -> bool:
        return form is not None and any(n >= 38 for n in form.numbers("temp.value"))

    def cool(form: Form | None) -> bool:
        return form is not None and any(n < 38 for n in form.numbers("temp.value"))

    one, two = case.before(1), case.before(2)
    if not hot(case.now):
        return 0
    lasting = hot(one) and hot(two)
    returning = 6 <= case.day <= 12 and cool(one) and cool(two)
    return simple_if(lasting or returning)


def rule_s6(case: Case) -> int:
    last = case.before(1)
    if last is None:
        return 0
    return simple_if(all("worse" in form.codes("general.trend") for form in (last, case.now)))


def rule_s7(case: Case) -> int:
    signs = [
        odd_temperature(case.now),
        case.now.says("fatigue.bed"),
        case.now.says("headache.intolerable"),
        case.now.grade("gi.frequency") >= 3,
    ]
    if sum(signs) < 2:
        return 0
    return URGENT if case.person.at_risk() else SIMPLE


def rule_s8(case: Case) -> int:
    return simple_if(case.now.says("callback"))


def rule_s9(case: Case) -> int:
    needs = [code for code in case.now.codes("isolation.needs") if code and code != "none"]
    return simple_if(case.now.says("isolation.able", False) or bool(needs))


def rule_s10(case: Case) -> int:
    now = case.now.numbers("spo2.value")
    known = [form.numbers("spo2.value")[0] for form in case.earlier if form.numbers("spo2.value")]
    if not now or len(known) < 3:
        return 0
    median = sorted(known[-3:])[1]
    return simple_if(median - now[0] >= 3)


def rule_c1(case: Case) -> int:
    form = case.now

    def yes(link: str) -> bool:
        return "yes" in form.codes(link)

    strong = form.says("cough.severity") or form.says("dyspnea.severity") or yes("smell.loss") or yes("taste.loss")
    feverish = yes("temp.feverish") or any(n >= 38 for n in form.numbers("temp.value"))
    digestive = form.grade("gi.frequency") >= 1
    common = sum(yes(link) for link in COMMON_SYMPTOMS) + feverish + digestive
    return simple_if(strong or common >= 2)


def rule_c2(case: Case) -> int:
    return simple_if("positive" in case.now.codes("test.result"))


MEDICAL = {
    "U1": rule_u1, "U2": rule_u2, "S2": rule_s2, "U3": rule_u3, "U4": rule_u4, "U5": rule_u5, "U6": rule_u6,
    "S1": rule_s1, "S3": rule_s3, "S4": rule_s4, "S5": rule_s5, "S6": rule_s6, "S7": rule_s7, "S8": rule_s8,
    "S9": rule_s9, "S10": rule_s10,
}  # fmt: skip
CASE = {name: MEDICAL[name] for name in ("U1", "U4", "U5", "S1", "S3", "S4", "S5", "S6", "S7", "S8", "S9")}
CONTACT = {"U1": rule_u1, "S4": rule_s4, "S8": rule_s8, "S9": rule_s9, "C1": rule_c1, "C2": rule_c2}
PATHWAYS = {"covid-medical": MEDICAL, "covid-case": CASE, "covid-contact": CONTACT}


@dataclass
class Quiet:
    """One missed report, with what was known when its window ended."""

    in_a_row: int
    open_alerts: dict[str, int]
    person: Person


def rule_n2(_: Quiet) -> int:
    return SIMPLE


def rule_n3(quiet: Quiet) -> int:
    waiting = any(level == SIMPLE for rule, level in quiet.open_alerts.items() if rule != "N2")
    return urgent_if(quiet.person.at_risk() and (quiet.in_a_row >= 2 or waiting))


SILENCE = {
    "covid-medical": {"N2": rule_n2, "N3": rule_n3},
    "covid-case": {"N2": rule_n2},
    "covid-contact": {"N2": rule_n2},
}


def judge_silence(pathway: str, quiet: Quiet) -> dict[str, int]:
    """The findings on one missed report: level by rule id."""
    levels = {name: rule(quiet) for name, rule in SILENCE[pathway].items()}
    return {name: level for name, level in levels.items() if level}


def judge(pathway: str, case: Case) -> dict[str, int]:
    """The findings on one answer: level by rule id."""
    levels = {name: rule(case) for name, rule in PATHWAYS[pathway].items()}
    return {name: level for name, level in levels.items() if level}
