"""The rules of `language.py` as FHIRPath, for the server to read.

Nothing here is evaluated by the oracle. The expressions follow the words of
profiles/README.md: what is missing fulfils no condition, and `repeat()` never
runs over several answers at once.
"""

from __future__ import annotations

from functools import singledispatch

import language as l

EXTENSION = "https://vigie.example/fhir/StructureDefinition/"
PRIORITY = "http://hl7.org/fhir/StructureDefinition/flag-priority"
ALERT_RULE = "https://vigie.example/fhir/CodeSystem/alert-rule"
SCALE = "https://vigie.example/fhir/CodeSystem/severity-0-4"
FLAG_PRIORITIES = {l.INFO: "PL", l.SIMPLE: "PM", l.URGENT: "PH"}


def said(what: l.Said, answer: str) -> str:
    """A condition on the answer that a variable holds."""
    of = f"{answer}.repeat(item)"
    if isinstance(what, (l.Number, l.Within)):
        value = "value.value" if what.item.kind == "quantity" else "value"
        if isinstance(what, l.Within):
            test = f"{value} >= {what.low} and {value} <= {what.high}"
        else:
            test = f"{value} {what.operator} {bound(what.bound)}"
        return f"{of}.where(linkId = '{what.item.link}').answer.where({test}).exists()"
    if isinstance(what, l.AnyGrade):
        return f"{of}.where({graded(f'>= {what.least}')}).exists()"
    of = f"{of}.where(linkId = '{what.item.link}').answer"
    if isinstance(what, l.Truth):
        return f"{of}.where(value = {str(what.wanted).lower()}).exists()"
    if isinstance(what, l.OneOf):
        codes = " | ".join(f"'{code}'" for code in what.codes)
        test = f"code = {codes}" if len(what.codes) == 1 else f"code in ({codes})"
        return f"{of}.value.where({test}).exists()"
    if isinstance(what, l.OtherThan):
        return f"{of}.value.where(code != '{what.code}').exists()"
    if isinstance(what, l.Chosen):
        return f"{of}.count() >= {what.count}"
    if isinstance(what, l.Grade):
        return f"{of}.value.where(code.toInteger() >= {what.least}).exists()"
    raise TypeError(f"no expression for {what}")


def graded(test: str) -> str:
    """An item whose answer on the scale passes a test."""
    return f"answer.value.where(system = '{SCALE}' and code.toInteger() {test}).exists()"


def bound(value: l.Bound) -> str:
    """A number, or the threshold of the plan with its default."""
    if not isinstance(value, l.Personal):
        return str(value)
    if value.name == "spo2":
        own = f"%careplan.extension.where(url = '{EXTENSION}spo2-urgent-threshold').value"
    else:
        named = f"extension.where(url = 'name' and value = '{value.name}').exists()"
        own = f"%careplan.extension.where(url = '{EXTENSION}patient-threshold' and {named}).extension.where(url = 'value').value"
    return f"iif({own}.exists(), {own}.first(), {value.default})"


@singledispatch
def text(condition: l.Condition) -> str:
    """A condition as FHIRPath."""
    raise TypeError(f"no expression for {condition}")


@text.register
def _(c: l.Said) -> str:
    return said(c, "%current")


@text.register
def _(c: l.Before) -> str:
    return said(c.what, "%previous")


@text.register
def _(c: l.InARow) -> str:
    back = c.count - 1
    if back == 1:
        return f"{said(c.what, '%current')} and {said(c.what, '%previous')}"
    test = said(c.what, "$this")
    return f"{said(c.what, '%current')} and %history.skip(%history.count() - {back}).where({test}).count() = {back}"


@text.register
def _(c: l.OfTheLast) -> str:
    now = f"iif({said(c.what, '%current')}, 1, 0)"
    then = f"%history.skip(%history.count() - {c.last - 1}).where({said(c.what, '$this')}).count()"
    return f"({now} + {then}) >= {c.least}"


@text.register
def _(c: l.Change) -> str:
    part = "value.value" if c.item.kind == "quantity" else "value"
    now, then = (f"{one}.repeat(item).where(linkId = '{c.item.link}').answer.{part}.first()" for one in ("%current", "%previous"))
    return f"{now} >= {then} + {c.by}" if c.by > 0 else f"{now} <= {then} - {-c.by}"


@text.register
def _(c: l.NewGrade) -> str:
    now = f"%current.repeat(item).where({graded(f'>= {c.least}')}).linkId"
    return f"{now}.intersect(%previous.repeat(item).where({graded('= 0')}).linkId).exists()"


@text.register
def _(c: l.BelowMedian) -> str:
    part = "value.value" if c.item.kind == "quantity" else "value"
    answer = f"repeat(item).where(linkId = '{c.item.link}').answer"
    known = f"%history.where({answer}.{part}.exists())"
    high = f"{answer}.where({part} >= %current.{answer}.{part}.first() + {c.by}).exists()"
    return f"{known}.count() >= 3 and {known}.skip({known}.count() - 3).where({high}).count() >= 2"


@text.register
def _(c: l.First) -> str:
    return "%history.empty()"


@text.register
def _(c: l.DayWithin) -> str:
    return f"%`day` >= {c.first} and %`day` <= {c.last}"


@text.register
def _(c: l.RiskFactor) -> str:
    return f"%careplan.extension.where(url = '{EXTENSION}risk-factor').exists()"


@text.register
def _(c: l.Aged) -> str:
    return f"(%patient.birthDate + {c.years} years <= %careplan.period.start.toString().substring(0, 10).toDate())"


@text.register
def _(c: l.All) -> str:
    return " and ".join(f"({text(part)})" for part in c.parts)


@text.register
def _(c: l.Either) -> str:
    return " or ".join(f"({text(part)})" for part in c.parts)


@text.register
def _(c: l.AtLeast) -> str:
    # Empty is not true: each part counts only when it surely holds.
    return f"({' + '.join(f'iif({text(part)}, 1, 0)' for part in c.parts)}) >= {c.count}"


@text.register
def _(c: l.Not) -> str:
    return f"({text(c.part)}).not()"


@text.register
def _(c: l.Missed) -> str:
    return f"%missed >= {c.count}"


@text.register
def _(c: l.FlagOpen) -> str:
    level = f"extension.where(url = '{PRIORITY}').value.coding.where(code = '{FLAG_PRIORITIES[c.level]}').exists()"
    other = f"code.coding.where(system = '{ALERT_RULE}' and code != '{c.but}').exists()"
    return f"%flags.where({level} and {other}).exists()"
