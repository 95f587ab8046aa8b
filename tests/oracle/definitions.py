"""Random pathways as FHIR: what a publisher would send to the server."""

from __future__ import annotations

from datetime import time

import language as l
from expression import EXTENSION, SCALE, text
from pathways import Pathway, Policy, Team

BASE = "https://vigie.example/fhir/"
CODES = BASE + "CodeSystem/"
CORE = "http://hl7.org/fhir/StructureDefinition/"
UCUM = "http://unitsofmeasure.org"
OPTIONS = "https://example.org/fhir/CodeSystem/random-options"
VERSION = "1.0.0"
UNITS = {"integer": "1", "quantity": "1"}


def plan_url(pathway: Pathway) -> str:
    """The canonical of the PlanDefinition, without its version."""
    return f"{BASE}PlanDefinition/{pathway.ident}"


def form_canonical(pathway: Pathway) -> str:
    """The canonical of the Questionnaire."""
    return f"{BASE}Questionnaire/{pathway.ident}|{VERSION}"


def english(content: str, kind: str = "valueString") -> dict:
    """A translation, in the standard extension."""
    parts = [{"url": "lang", "valueCode": "en"}, {"url": "content", kind: content}]
    return {"extension": [{"url": CORE + "translation", "extension": parts}]}


def titled(element: dict, name: str, french: str, in_english: str) -> dict:
    """The element with a text in both languages."""
    return {**element, name: french, "_" + name: english(in_english, "valueMarkdown" if name == "description" else "valueString")}


def coded(code: str) -> list:
    """What an action of a pathway is."""
    return [{"coding": [{"system": CODES + "pathway-action", "code": code}]}]


def clock(value: time) -> str:
    """A FHIR time."""
    return value.strftime("%H:%M:%S")


def number(value) -> int | float:
    """A Decimal as a JSON number; those drawn here survive a float."""
    return int(value) if value == int(value) else float(value)


def item_of(item: l.Item) -> dict:
    """A question."""
    kind = {"grade": "choice", "many": "choice"}.get(item.kind, item.kind)
    found = {"linkId": item.link, "code": [{"system": CODES + "telemonitoring-item", "code": item.link}]}
    found = {**titled(found, "text", f"Question {item.link} ?", f"Question {item.link}?"), "type": kind, "required": False}
    if item.kind == "many":
        found["repeats"] = True
    if item.codes:
        found["answerOption"] = [{"valueCoding": option(item, code)} for code in item.codes]
    if item.kind in UNITS:
        bound = "valueInteger" if item.kind == "integer" else "valueDecimal"
        unit = {"system": UCUM, "code": UNITS[item.kind], "display": UNITS[item.kind]}
        found["extension"] = [
            {"url": CORE + "minValue", bound: number(item.low)},
            {"url": CORE + "maxValue", bound: number(item.high)},
            {"url": CORE + ("questionnaire-unit" if item.kind == "integer" else "questionnaire-unitOption"), "valueCoding": unit},
        ]
    return found


def system_of(item: l.Item) -> str:
    """The code system of an item's options."""
    return SCALE if item.kind == "grade" else OPTIONS


def option(item: l.Item, code: str) -> dict:
    """An option of a question, with its rank on a scale."""
    found = titled({"system": system_of(item), "code": code}, "display", f"Choix {code}", f"Option {code}")
    if item.kind == "grade":
        found["extension"] = [{"url": CORE + "ordinalValue", "valueDecimal": int(code)}]
    return found


def questionnaire(pathway: Pathway) -> dict:
    """The form."""
    head = {
        "resourceType": "Questionnaire",
        "id": pathway.ident,
        "language": "fr",
        "url": f"{BASE}Questionnaire/{pathway.ident}",
        "version": VERSION,
        "name": "".join(part.capitalize() for part in pathway.ident.split("-")),
        "status": "active",
        "date": "2026-01-01",
        "publisher": "Vigie",
        "subjectType": ["Patient"],
    }
    head = titled(head, "title", "Questionnaire tiré au sort", "Random form")
    head = titled(head, "description", "Questionnaire d’un parcours tiré au sort.", "Form of a random pathway.")
    group = titled({"linkId": "all", "type": "group"}, "text", "Questions", "Questions")
    # The first question stands alone, the others in a group: expressions reach both.
    return {**head, "item": [item_of(pathway.items[0]), {**group, "item": [item_of(item) for item in pathway.items[1:]]}]}


def policy_of(policy: Policy, last_day: int) -> dict:
    """The policy as an extension."""
    parts: list[tuple[str, str, object]] = [
        ("consentRequired", "valueBoolean", policy.consent),
        ("retention", "valueCode", "keep"),
        *(("channel", "valueCode", channel) for channel in policy.channels),
        ("dueTime", "valueTime", clock(policy.due)),
        ("cutOffTime", "valueTime", clock(policy.cut_off)),
        ("notifyAnswered", "valueBoolean", policy.notify_answered),
        ("audience", "valueCode", "professional"),
        ("durationDays", "valuePositiveInt", last_day),
        ("secondReminderMinutes", "valuePositiveInt", policy.second),
        ("quietStart", "valueTime", policy.quiet and clock(policy.quiet[0])),
        ("quietEnd", "valueTime", policy.quiet and clock(policy.quiet[1])),
        ("acknowledgeUrgentMinutes", "valuePositiveInt", policy.urgent_minutes),
        ("acknowledgeSimpleMinutes", "valuePositiveInt", policy.simple_minutes),
        ("stop", "valueCode", policy.stop),
    ]
    return {"url": EXTENSION + "pathway-policy", "extension": [{"url": u, v: value} for u, v, value in parts if value is not None]}


def phase_of(pathway: Pathway, place: int) -> dict:
    """A phase; later ones are told from the start of the first."""
    phase = pathway.phases[place]
    found = titled({"id": f"phase-{place}"}, "title", f"Phase {place + 1}", f"Phase {place + 1}")
    found["code"] = coded("report-phase")
    if place:
        offset = {"value": phase.first_day - 1, "unit": "d", "system": UCUM, "code": "d"}
        found["relatedAction"] = [{"actionId": "phase-0", "relationship": "after-start", "offsetDuration": offset}]
    found["timingTiming"] = {"repeat": {"count": phase.count, "period": phase.every, "periodUnit": "d"}}
    found["definitionCanonical"] = form_canonical(pathway)
    return found


def level_of(rule: l.Rule, level: int, condition: l.Condition | None) -> dict:
    """One level of a rule."""
    code = l.LEVELS[level]
    extensions = [{"url": EXTENSION + "alert-level", "valueCode": code}]
    if level == l.URGENT and not rule.silence:
        advice = english(f"Call 112 at once ({rule.ident}).")
        extensions.append({"url": EXTENSION + "patient-advice", "valueString": advice_of(rule), "_valueString": advice})
    found = titled({"id": f"{rule.ident}-{code}", "extension": extensions}, "title", f"Règle {rule.ident}, niveau {code}", f"Rule {rule.ident}, level {code}")
    if condition is not None:
        found["condition"] = [{"kind": "applicability", "expression": {"language": "text/fhirpath", "expression": text(condition)}}]
    return found


def advice_of(rule: l.Rule) -> str:
    """What a patient reads when the rule is urgent."""
    return f"Appelez tout de suite le 15 ({rule.ident})."


def rule_of(rule: l.Rule) -> dict:
    """A rule with its levels."""
    found = titled({"id": rule.ident}, "title", f"Règle {rule.ident}", f"Rule {rule.ident}")
    found = titled(found, "description", f"Règle {rule.ident}, tirée au sort.", f"Rule {rule.ident}, drawn by chance.")
    found["code"] = coded("alert-rule")
    if rule.phone:
        found["code"].append({"coding": [{"system": CODES + "task-code", "code": "phone-call"}]})
    missed = {"type": "named-event", "name": "report-missed"}
    found["trigger"] = [missed if rule.silence else {"type": "data-added", "data": [{"type": "QuestionnaireResponse"}]}]
    found["action"] = [level_of(rule, level, condition) for level, condition in rule.levels]
    return found


def plan_definition(pathway: Pathway) -> dict:
    """The pathway."""
    head = {
        "resourceType": "PlanDefinition",
        "id": pathway.ident,
        "language": "fr",
        "extension": [policy_of(pathway.policy, pathway.days()[-1])],
        "url": plan_url(pathway),
        "version": VERSION,
        "name": "".join(part.capitalize() for part in pathway.ident.split("-")),
        "status": "active",
        "date": "2026-01-01",
        "publisher": "Vigie",
        "type": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/plan-definition-type", "code": "clinical-protocol"}]},
        "subjectCodeableConcept": {"coding": [{"system": "http://hl7.org/fhir/resource-types", "code": "Patient"}]},
    }
    head = titled(head, "title", "Parcours tiré au sort", "Random pathway")
    head = titled(head, "description", "Parcours tiré au sort pour l’épreuve.", "A pathway drawn by chance, for the test.")
    phases = [phase_of(pathway, place) for place in range(len(pathway.phases))]
    return {**head, "action": [*phases, *map(rule_of, pathway.rules)]}


def practitioner(ident: str) -> dict:
    """Somebody of a team, who can be written to."""
    telecom = [{"system": "email", "value": f"{ident}@example.org"}]
    return {"resourceType": "Practitioner", "id": ident, "name": [{"family": ident}], "telecom": telecom}


def care_team(team: Team) -> dict:
    """A team with ranks, hours of cover and who is on call."""
    extensions: list[dict] = []
    if team.zone:
        extensions.append({"url": EXTENSION + "time-zone", "valueCode": team.zone})
    for days, start, end in team.cover:
        parts = [{"url": "day", "valueCode": day} for day in days]
        parts += [{"url": "start", "valueTime": clock(start)}, {"url": "end", "valueTime": clock(end)}]
        extensions.append({"url": EXTENSION + "cover-hours", "extension": parts})
    extensions += [{"url": EXTENSION + "on-call", "valueReference": {"reference": f"Practitioner/{one}"}} for one in team.on_call]
    found: dict = {"resourceType": "CareTeam", "id": team.ident, "status": "active", "name": team.ident}
    if extensions:
        found["extension"] = extensions
    found["participant"] = [participant(*member) for member in team.members]
    return found


def participant(ident: str, rank: int | None) -> dict:
    """A member of a team."""
    found: dict = {"member": {"reference": f"Practitioner/{ident}"}}
    if rank is not None:
        found["extension"] = [{"url": EXTENSION + "escalation-rank", "valuePositiveInt": rank}]
    return found


def resources(pathway: Pathway) -> list[dict]:
    """All that is published for a pathway, in the order in which it can be."""
    people = [one for team in pathway.teams for one in [*(ident for ident, _ in team.members), *team.on_call]]
    teams = [care_team(team) for team in pathway.teams]
    return [questionnaire(pathway), plan_definition(pathway), *map(practitioner, people), *teams]
