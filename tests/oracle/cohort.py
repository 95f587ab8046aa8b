"""A dump read into the few facts from which alerts follow.

All instants are aware datetimes. A date without a time is taken at the first
instant of that day (month, year) in the plan's time zone.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from rules import Form, Person

BASE = "https://vigie.example/fhir"
EXTENSION = BASE + "/StructureDefinition/"
CORE = "http://hl7.org/fhir/StructureDefinition/"
RULES = BASE + "/CodeSystem/alert-rule"
REPORTS = BASE + "/NamingSystem/report"
PATHWAY = BASE + "/PlanDefinition/"
PRIORITIES = {"PL": 1, "PM": 2, "PH": 3}
IS_ANSWER = ("completed", "amended")
CALLED_OFF = ("cancelled", "rejected", "entered-in-error")


def instant(text: str, zone: ZoneInfo | None = None) -> datetime:
    """A FHIR instant, dateTime or date."""
    if "T" in text:
        return datetime.fromisoformat(text)
    parts = [int(part) for part in text.split("-")] + [1, 1]
    return datetime(parts[0], parts[1], parts[2], tzinfo=zone)


def updated(resource: dict) -> datetime:
    """When this version was written."""
    return instant(resource["meta"]["lastUpdated"])


def target(reference: dict | None) -> str:
    """`Type/id` of a reference, relative or absolute, with or without a version."""
    parts = (reference or {}).get("reference", "").split("/_history/")[0].split("/")
    return "/".join(parts[-2:])


def extensions(resource: dict, url: str, value: str) -> list:
    """Values of the extensions with this url."""
    return [e[value] for e in resource.get("extension", []) if e.get("url") == url and value in e]


@dataclass
class Plan:
    """One person's follow-up on one pathway."""

    ident: str
    patient: str
    pathway: str
    canonical: str
    zone: ZoneInfo
    first_day: date
    person: Person
    statuses: list[tuple[datetime, str]]

    def active_before(self, moment: datetime) -> bool:
        """Whether the plan was active just before a moment."""
        known = [status for when, status in self.statuses if when < moment]
        return bool(known) and known[-1] == "active"

    def day_of(self, moment: datetime) -> int:
        """Day of follow-up; the first is 1."""
        return (self.local_date(moment) - self.first_day).days + 1

    def local_date(self, moment: datetime) -> date:
        """The calendar date where the person lives."""
        return moment.astimezone(self.zone).date()


@dataclass
class AnswerVersion:
    """What one version of a QuestionnaireResponse says."""

    received: datetime
    counts: bool
    effective: datetime
    form: Form


@dataclass
class Answer:
    """One QuestionnaireResponse that belongs to a plan."""

    ident: str
    plan: Plan
    versions: list[AnswerVersion]


@dataclass
class Report:
    """One report that was due."""

    ident: str
    plan: Plan
    local_date: date
    ends: datetime
    statuses: list[tuple[datetime, str]]

    def called_off_before(self, moment: datetime) -> bool:
        """Whether staff had called it off just before a moment."""
        known = [status for when, status in self.statuses if when < moment]
        return bool(known) and known[-1] in CALLED_OFF


@dataclass
class Alert:
    """A Flag: one that must exist, or one that does."""

    rule: str
    opened: datetime
    level: int
    evidence: set[str] = field(default_factory=set)
    closed: datetime | None = None
    ident: str = ""
    canonical: str = ""


@dataclass
class Cohort:
    """Everything of a dump, by patient."""

    as_of: datetime
    plans: dict[str, Plan] = field(default_factory=dict)
    answers: dict[str, list[Answer]] = field(default_factory=lambda: defaultdict(list))
    reports: dict[str, list[Report]] = field(default_factory=lambda: defaultdict(list))
    flags: dict[str, list[Alert]] = field(default_factory=lambda: defaultdict(list))

    def patients(self) -> list[str]:
        """Everybody who has a plan or a flag."""
        return sorted({plan.patient for plan in self.plans.values()} | set(self.flags))


def read(dump: dict, as_of: str | None = None) -> Cohort:
    """Reads a dump of `fetch.py`."""
    resources = dump["resources"]
    limit = as_of or dump.get("asOf")
    cohort = Cohort(instant(limit) if limit else latest_change(resources))
    births = {f"Patient/{v[-1]['id']}": v[-1].get("birthDate", "") for v in resources.get("Patient", [])}
    for versions in resources.get("CarePlan", []):
        plan = read_plan(versions, births)
        if plan:
            cohort.plans["CarePlan/" + plan.ident] = plan
    for versions in resources.get("QuestionnaireResponse", []):
        answer = read_answer(versions, cohort.plans)
        if answer:
            cohort.answers[answer.plan.patient].append(answer)
    for versions in resources.get("Task", []):
        report = read_report(versions, cohort.plans)
        if report:
            cohort.reports[report.plan.patient].append(report)
    for versions in resources.get("Flag", []):
        flag = read_flag(versions)
        if flag:
            cohort.flags[target(versions[-1].get("subject"))].append(flag)
    return cohort


def latest_change(resources: dict) -> datetime:
    """The last instant the dump knows of."""
    return max(updated(version) for found in resources.values() for versions in found for version in versions)


def statuses(versions: list[dict]) -> list[tuple[datetime, str]]:
    """When each status began."""
    return [(updated(version), version["status"]) for version in versions]


def read_plan(versions: list[dict], births: dict[str, str]) -> Plan | None:
    """A CarePlan; None when it follows none of the pathways."""
    last = versions[-1]
    canonicals = [c for c in last.get("instantiatesCanonical", []) if c.startswith(PATHWAY)]
    zones = extensions(last, EXTENSION + "time-zone", "valueCode")
    if not canonicals or not zones:
        return None
    zone, start, patient = ZoneInfo(zones[0]), last["period"]["start"], target(last["subject"])
    thresholds = extensions(last, EXTENSION + "spo2-urgent-threshold", "valueDecimal")
    person = Person(
        birth_date=births.get(patient, ""),
        start_date=start[:10],
        risk_factor=bool(extensions(last, EXTENSION + "risk-factor", "valueCodeableConcept")),
        spo2_threshold=Decimal(str(thresholds[0])) if thresholds else Decimal(92),
    )
    return Plan(
        ident=last["id"],
        patient=patient,
        pathway=canonicals[0][len(PATHWAY) :].split("|")[0],
        canonical=canonicals[0],
        zone=zone,
        first_day=instant(start, zone).astimezone(zone).date(),
        person=person,
        statuses=statuses(versions),
    )


def read_answer(versions: list[dict], plans: dict[str, Plan]) -> Answer | None:
    """A QuestionnaireResponse; None when it belongs to no plan."""
    based_on = [target(reference) for reference in versions[-1].get("basedOn", [])]
    plan = next((plans[one] for one in based_on if one in plans), None)
    if plan is None:
        return None
    first = updated(versions[0])
    known = [
        AnswerVersion(
            received=updated(version),
            counts=version["status"] in IS_ANSWER,
            effective=instant(version["authored"], plan.zone) if "authored" in version else first,
            form=Form.of(version),
        )
        for version in versions
    ]
    return Answer("QuestionnaireResponse/" + versions[-1]["id"], plan, known)


def read_report(versions: list[dict], plans: dict[str, Plan]) -> Report | None:
    """A Task that asks for a report; None for any other Task."""
    last = versions[-1]
    coded = any(c.get("code") == "complete-questionnaire" for c in last.get("code", {}).get("coding", []))
    named = any(i.get("system") == REPORTS for i in last.get("identifier", []))
    plan = next((plans[r] for r in map(target, last.get("basedOn", [])) if r in plans), None)
    window = last.get("restriction", {}).get("period", {})
    if not (coded and named and plan and "start" in window and "end" in window):
        return None
    ends = instant(window["end"], plan.zone)
    if "T" not in window["end"]:
        ends = instant((ends.date() + timedelta(days=1)).isoformat(), plan.zone)
    day = plan.local_date(instant(window["start"], plan.zone))
    return Report("Task/" + last["id"], plan, day, ends, statuses(versions))


def read_flag(versions: list[dict]) -> Alert | None:
    """A Flag that a rule raised; None for any other Flag."""
    last = versions[-1]
    rule = next((c["code"] for c in last["code"].get("coding", []) if c.get("system") == RULES), None)
    if rule is None:
        return None
    concepts = extensions(last, CORE + "flag-priority", "valueCodeableConcept")
    codes = [coding.get("code") for concept in concepts for coding in concept.get("coding", [])]
    ended = [when for when, status in statuses(versions) if status != "active"]
    return Alert(
        rule=rule,
        opened=instant(last["period"]["start"]),
        level=max((PRIORITIES.get(code, 0) for code in codes), default=0),
        evidence={target(reference) for reference in extensions(last, CORE + "flag-detail", "valueReference")},
        closed=ended[0] if ended else None,
        ident="Flag/" + last["id"],
        canonical="".join(extensions(last, EXTENSION + "alert-rule-version", "valueCanonical")),
    )
