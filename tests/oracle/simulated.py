"""`$simulate` asked for courses that were lived, and laid beside what was lived.

A simulation can be told answers and acknowledgements; the courses marked
`plain` have nothing else in them. Their teams and times are the same, so that
both must agree in every instant.
"""

from __future__ import annotations

import time
from collections import Counter
from threading import Semaphore

import language as l
from compare import Verdict
from courses import EVERY, Course
from definitions import care_team, plan_url
from expect import Outcome
from live import Refused, Stage, iso, own_parameters, response, seconds

KINDS = ("report", "reminder", "missed", "call", "alert", "more", "escalation", "message", "end")
# Simulations under way at a time, and how long one that finds no room is asked for again.
AT_ONCE, PATIENCE_SECONDS = 2, 60
LEVEL_OF_CODE = {code: level for level, code in l.LEVELS.items()}


def question(course: Course, until: int) -> dict:
    """The Parameters that tell a course."""
    found = [
        {"name": "planDefinition", "valueCanonical": plan_url(course.pathway)},
        {"name": "start", "valueDateTime": iso(course.start)},
        {"name": "birthDate", "valueDate": course.person.born.isoformat()},
        {"name": "careTeam", "resource": care_team(course.team)},
        {"name": "until", "valueInstant": iso(until)},
        *own_parameters(course),
    ]
    for event in course.events:
        at = {"name": "at", "valueInstant": iso(event.at)}
        if event.kind == "answer":
            found.append({"name": "answer", "part": [at, {"name": "response", "resource": response(course, event)}]})
        else:
            wanted = [rule.ident for rule in course.pathway.rules] if event.rule == EVERY else [event.rule]
            found += [{"name": "acknowledge", "part": [{"name": "rule", "valueCode": rule}, at]} for rule in wanted]
    return {"resourceType": "Parameters", "parameter": found}


def parts(parameter: dict) -> dict:
    """The parts of a parameter by name; one that repeats is a list."""
    found: dict = {}
    for part in parameter.get("part", []):
        value = next((v for k, v in part.items() if k.startswith("value")), None)
        if part["name"] == "to":
            found.setdefault("to", []).append(value.rsplit("/", 1)[-1])
        else:
            found[part["name"]] = seconds(value) if "valueInstant" in part else value
    return found


def told(course: Course, reply: dict) -> dict[str, Counter]:
    """What a simulation says, as facts."""
    facts: dict[str, Counter] = {kind: Counter() for kind in KINDS}
    answers = [event.ident for event in course.events if event.kind == "answer"]

    def source(name: str) -> str:
        return answers[int(name.removeprefix("answer-")) - 1] if name.startswith("answer-") else name

    for parameter in reply["parameter"]:
        kind, one = parameter["name"], parts(parameter)
        if kind == "day":
            facts["report"][one["day"], one["opens"], one["closes"], one["outcome"]] += 1
        elif kind == "reminder":
            facts["reminder"][one["day"], one["at"], one["second"]] += 1
        elif kind == "missed":
            facts["missed"][one["day"], one["at"]] += 1
        elif kind == "call":
            facts["call"][one["day"], one["at"], one["status"]] += 1
        elif kind == "alert":
            facts["alert"][one["rule"], one["at"], LEVEL_OF_CODE[one["level"]], source(one["source"])] += 1
        elif kind in ("rise", "repeat"):
            facts["more"][kind, one["rule"], one["at"], LEVEL_OF_CODE[one["level"]], source(one["source"])] += 1
        elif kind == "escalation":
            for to in one["to"]:
                facts["escalation"][one["rule"], one["at"], to] += 1
        elif kind == "message":
            for to in one["to"]:
                facts["message"][one["kind"], one["at"], to] += 1
        elif kind == "end":
            facts["end"][one["status"], one.get("at")] += 1
    return facts


def lived(out: Outcome) -> dict[str, Counter]:
    """What was lived, as the same facts."""
    facts: dict[str, Counter] = {kind: Counter() for kind in KINDS}
    for report in out.reports.values():
        facts["report"][report.day, report.opens, report.closes, report.state or report.status] += 1
        if report.status == "failed" or report.state == "late":
            facts["missed"][report.day, report.closes] += 1
    for day, at, second, _, _ in out.reminders:
        facts["reminder"][day, at, second] += 1
    for day, (at, status) in out.calls.items():
        facts["call"][day, at, status] += 1
    for alert in out.alerts:
        (source, level, at), *rest = alert.evidence
        facts["alert"][alert.rule, alert.opened, level, source] += 1
        for source, more, at in rest:
            facts["more"]["rise" if more > level else "repeat", alert.rule, at, more, source] += 1
            level = max(level, more)
    for name, to, at in out.escalations:
        facts["escalation"][name.split("@")[0], at, to] += 1
    for kind, to, at, _ in out.messages:
        facts["message"][kind, at, to] += 1
    facts["end"][out.status, out.ended] += 1
    return facts


def simulable(course: Course) -> bool:
    """Whether a simulation can be told the whole course: it makes up the person's addresses."""
    ways = {{"phone": "sms"}.get(contact.system, contact.system) for contact in course.contacts}
    return course.plain and (course.channel == "phone" or bool(ways & set(course.pathway.policy.channels)))


def simulate(stage: Stage, courses: list[Course], outcomes: dict[str, Outcome], until: int) -> Verdict:
    """Asks for each course, and compares."""
    verdict = Verdict(KINDS)

    room = Semaphore(AT_ONCE)

    def ask(course: Course) -> dict:
        body, patience = question(course, until), PATIENCE_SECONDS
        while True:
            try:
                with room:
                    return stage.client.post("PlanDefinition/$simulate", body)
            except Refused as refused:
                if refused.status != 503 or patience <= 0:
                    return {"refused": str(refused)}
            # So many simulations run at once, and no more: come again.
            patience -= 1
            time.sleep(1)

    wanted = [course for course in courses if simulable(course)]
    for course, reply in zip(wanted, stage.all(ask, wanted)):
        if "refused" in reply:
            verdict.note("missed", "end", course.ident, reply["refused"])
            continue
        simulation, life = told(course, reply), lived(outcomes[course.ident])
        for kind in KINDS:
            verdict.counts[kind]["expected"] += life[kind].total()
            for fact, count in (life[kind] - simulation[kind]).items():
                verdict.note("missed", kind, course.ident, (fact, count))
            for fact, count in (simulation[kind] - life[kind]).items():
                verdict.note("doubled" if fact in life[kind] else "extra", kind, course.ident, (fact, count))
    return verdict
