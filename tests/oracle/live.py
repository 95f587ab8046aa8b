"""Plays courses against a running server, over its public API, on its simulated clock."""

from __future__ import annotations

import http.client
import json
import threading
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timezone
from decimal import Decimal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import definitions
import language as l
from courses import EVERY, Contact, Course, Event
from definitions import CODES
from expression import EXTENSION

WORKERS = 8
TIMEOUT_SECONDS = 600
PAGE = 1000
MOBILE = {"sms": ("sms", None), "phone": ("phone", "mobile"), "landline": ("phone", "home"), "email": ("email", None)}


# What somebody makes of an alert's Task, and in which states it can be made.
HANDLED = {
    "accept": ("accepted", ("requested",)),
    "resolve": ("completed", ("requested", "accepted", "on-hold")),
    "snooze": ("on-hold", ("requested", "accepted")),
}


class Refused(Exception):
    """The server said no."""

    def __init__(self, status: int, words: str) -> None:
        super().__init__(words)
        self.status = status


def iso(moment: int) -> str:
    """An instant as FHIR writes it."""
    return datetime.fromtimestamp(moment, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def seconds(instant: str) -> int:
    """A FHIR instant in seconds; one that is between two seconds is a fault."""
    moment = datetime.fromisoformat(instant).timestamp()
    if moment != int(moment):
        raise ValueError(f"{instant} is not a whole second")
    return int(moment)


class Client:
    """One connection for each thread."""

    def __init__(self, base: str) -> None:
        parts = urlsplit(base.rstrip("/"))
        self.host, self.path = parts.netloc, parts.path
        self.local = threading.local()

    def ask(self, verb: str, path: str, body: object = None) -> tuple[dict, dict]:
        """One exchange; a broken connection is opened anew once, for what may be asked twice."""
        text = None if body is None else json.dumps(body).encode()
        headers = {"Accept": "application/fhir+json", "Content-Type": "application/fhir+json"}
        repeatable = verb in ("GET", "PUT") or path.endswith("$simulate")
        for last in (not repeatable, True):
            try:
                link = self.connection()
                link.request(verb, path, text, headers)
                reply = link.getresponse()
                content = reply.read()
                break
            except (http.client.HTTPException, OSError):
                self.local.link = None
                if last:
                    raise
        if reply.status >= 300:
            raise Refused(reply.status, f"{verb} {path}: {reply.status} {content[:1500].decode(errors='replace')}")
        return (json.loads(content) if content else {}), dict(reply.getheaders())

    def connection(self) -> http.client.HTTPConnection:
        """The connection of this thread."""
        if getattr(self.local, "link", None) is None:
            self.local.link = http.client.HTTPConnection(self.host, timeout=TIMEOUT_SECONDS)
        return self.local.link

    def put(self, resource: dict) -> dict:
        """Writes a resource under its own id."""
        return self.ask("PUT", f"{self.path}/{resource['resourceType']}/{resource['id']}", resource)[0]

    def get(self, path: str) -> dict:
        """Reads something."""
        return self.ask("GET", f"{self.path}/{path}")[0]

    def post(self, path: str, body: object) -> dict:
        """Creates something, or runs an operation."""
        return self.ask("POST", f"{self.path}/{path}", body)[0]

    def clock(self, moment: int) -> None:
        """Moves the clock; all that is due by then is done when this returns."""
        self.ask("PUT", "/clock", iso(moment))

    def now(self) -> int:
        """What the clock shows."""
        return seconds(self.ask("GET", "/clock")[0])

    def pages(self, path: str):
        """All resources of a search."""
        url = f"{self.path}/{path}"
        while url:
            bundle = self.ask("GET", url)[0]
            for entry in bundle.get("entry", []):
                yield entry["resource"]
            following = [link["url"] for link in bundle.get("link", []) if link["relation"] == "next"]
            url = ""
            if following:
                parts = urlsplit(following[0])
                url = parts.path + ("?" + parts.query if parts.query else "")


def contact_point(contact: Contact) -> dict:
    """An address as FHIR writes it."""
    system, use = MOBILE[contact.system]
    point: dict = {"system": system, "value": contact.value}
    if use:
        point["use"] = use
    if contact.rank:
        point["rank"] = contact.rank
    return point


def people(course: Course) -> list[dict]:
    """The patient, who answers for them, and their consent."""
    telecom = [contact_point(contact) for contact in course.contacts]
    patient = {"resourceType": "Patient", "id": course.ident, "birthDate": course.person.born.isoformat()}
    found = [patient]
    if course.reporter:
        subject = {"reference": f"Patient/{course.ident}"}
        found.append({"resourceType": "RelatedPerson", "id": course.ident, "patient": subject, "telecom": telecom})
    else:
        patient["telecom"] = telecom
    if course.pathway.policy.consent:
        found.append(consent(course.ident))
    return found


def consent(ident: str) -> dict:
    """An active consent to the follow-up."""
    code = {"system": "http://terminology.hl7.org/CodeSystem/consentscope", "code": "treatment"}
    category = {"system": "http://loinc.org", "code": "59284-0"}
    return {
        "resourceType": "Consent",
        "id": ident,
        "status": "active",
        "scope": {"coding": [code]},
        "category": [{"coding": [category]}],
        "patient": {"reference": f"Patient/{ident}"},
        "policyRule": {"text": "Information given"},
    }


def own_parameters(course: Course) -> list[dict]:
    """What `$apply` and `$simulate` are told of the person alike."""
    person, found = course.person, [{"name": "timeZone", "valueCode": course.zone}]
    if person.risk_factor:
        risk = {"coding": [{"system": CODES + "risk-factor", "code": "diabetes"}]}
        found.append({"name": "riskFactor", "valueCodeableConcept": risk})
    for name, value in person.thresholds:
        amount = {"valueDecimal": definitions.number(value)}
        if name == "spo2":
            found.append({"name": "spo2UrgentThreshold", **amount})
        else:
            found.append({"name": "threshold", "part": [{"name": "name", "valueCode": name}, {"name": "value", **amount}]})
    if course.channel != "app":
        found.append({"name": "reportChannel", "valueCode": course.channel})
    if course.reminder:
        found.append({"name": "reminderTime", "valueTime": definitions.clock(course.reminder)})
    return found


def enrolment(course: Course) -> dict:
    """The Parameters of `$apply`."""
    found = [
        {"name": "subject", "valueReference": {"reference": f"Patient/{course.ident}"}},
        {"name": "careTeam", "valueReference": {"reference": f"CareTeam/{course.team.ident}"}},
        *own_parameters(course),
    ]
    if course.reporter:
        found.append({"name": "reporter", "valueReference": {"reference": f"RelatedPerson/{course.ident}"}})
    return {"resourceType": "Parameters", "parameter": found}


def own_extensions(course: Course) -> list[dict]:
    """The same as the CarePlan has it, for a server whose `$apply` does not take them."""
    person, found = course.person, []
    if person.risk_factor:
        found.append({"url": EXTENSION + "risk-factor", "valueCodeableConcept": {"text": "diabetes"}})
    for name, value in person.thresholds:
        amount = {"valueDecimal": definitions.number(value)}
        if name == "spo2":
            found.append({"url": EXTENSION + "spo2-urgent-threshold", **amount})
        else:
            parts = [{"url": "name", "valueCode": name}, {"url": "value", **amount}]
            found.append({"url": EXTENSION + "patient-threshold", "extension": parts})
    if course.channel != "app":
        found.append({"url": EXTENSION + "report-channel", "valueCode": course.channel})
    if course.reminder:
        found.append({"url": EXTENSION + "reminder-time", "valueTime": definitions.clock(course.reminder)})
    if course.reporter:
        found.append({"url": EXTENSION + "reporter", "valueReference": {"reference": f"RelatedPerson/{course.ident}"}})
    return found


def value_of(item: l.Item, value: object) -> dict:
    """One answer to a question."""
    if item.kind == "boolean":
        return {"valueBoolean": value}
    if item.kind == "integer":
        return {"valueInteger": int(value)}
    if item.kind == "quantity":
        unit = {"unit": "1", "system": definitions.UCUM, "code": "1"}
        return {"valueQuantity": {"value": definitions.number(value), **unit}}
    return {"valueCoding": {"system": definitions.system_of(item), "code": value}}


def response(course: Course, event: Event) -> dict:
    """The form that an event brings, without what the server knows of it."""
    answered = []
    for item in course.pathway.items:
        if item.link in event.form:
            values = [value_of(item, value) for value in event.form[item.link]]
            answered.append({"linkId": item.link, "text": f"Question {item.link} ?", "answer": values})
    first = [one for one in answered if one["linkId"] == course.pathway.items[0].link]
    rest = [one for one in answered if one not in first]
    found = {
        "resourceType": "QuestionnaireResponse",
        "questionnaire": definitions.form_canonical(course.pathway),
        "status": "amended" if event.kind == "amend" else "completed",
        "item": [*first, *([{"linkId": "all", "item": rest}] if rest else [])],
    }
    if not found["item"]:
        del found["item"]
    if event.written == "date":
        found["authored"] = datetime.fromtimestamp(event.authored, ZoneInfo(course.zone)).date().isoformat()
    elif event.written == "instant":
        found["authored"] = iso(event.authored)
    return found


class Stage:
    """A server on which courses are played."""

    def __init__(self, base: str, features: frozenset[str]) -> None:
        self.client, self.features = Client(base), features
        self.plans: dict[str, str] = {}
        self.pool = ThreadPoolExecutor(WORKERS)

    def all(self, act, things) -> list:
        """Does something to many things, several at a time."""
        return list(self.pool.map(act, things))

    def publish(self, pathways) -> None:
        """Publishes pathways, each on its own."""
        for pathway in pathways:
            for resource in definitions.resources(pathway):
                self.client.put(resource)

    def play(self, courses: list[Course], until: int, say=lambda words: None) -> None:
        """Everything that happens in the courses, in the order of time; the clock ends at `until`."""
        moments: dict[int, list] = defaultdict(list)
        for course in courses:
            moments[course.start].append((course, None))
            for event in course.events:
                moments[event.at].append((course, event))
        for number, moment in enumerate(sorted(moments)):
            if moment > until:
                break
            self.client.clock(moment)
            self.all(lambda deed: self.act(*deed), moments[moment])
            if number % 200 == 0:
                say(f"{iso(moment)}: {number} of {len(moments)} instants")
        self.client.clock(until)

    def act(self, course: Course, event: Event | None) -> None:
        """One thing that somebody does."""
        if event is None:
            self.enrol(course)
        elif event.kind in ("answer", "amend", "retract"):
            self.answer(course, event)
        elif event.kind in HANDLED:
            self.handle(course, event)
        else:
            self.change(course, event)

    def enrol(self, course: Course) -> None:
        """The people, and the follow-up."""
        for resource in people(course):
            self.client.put(resource)
        plan = self.client.post(f"PlanDefinition/{course.pathway.ident}/$apply", enrolment(course))
        self.plans[course.ident] = plan["id"]
        if "apply-parameters" not in self.features and own_extensions(course):
            plan["extension"] = [*plan.get("extension", []), *own_extensions(course)]
            self.client.put(plan)

    def answer(self, course: Course, event: Event) -> None:
        """An answer, a correction, or the taking back of one."""
        subject = {"reference": f"Patient/{course.ident}"}
        body = {**response(course, event), "id": event.ident, "subject": subject, "source": subject}
        body["basedOn"] = [{"reference": f"CarePlan/{self.plans[course.ident]}"}]
        if event.kind == "retract":
            body["status"] = "entered-in-error"
        self.client.put(body)

    def handle(self, course: Course, event: Event) -> None:
        """Takes, or closes, the open alerts of a rule."""
        wanted = {rule.ident for rule in course.pathway.rules} if event.rule == EVERY else {event.rule}
        status, before = HANDLED[event.kind]
        for flag in self.client.pages(f"Flag?subject=Patient/{course.ident}&status=active&_count=100"):
            if rule_of(flag) not in wanted:
                continue
            for task in self.client.pages(f"Task?focus=Flag/{flag['id']}&_count=10"):
                if task["status"] not in before or event.kind == "snooze" and is_urgent(flag):
                    continue
                if event.kind == "snooze":
                    reason = {"text": "Called, nobody there"}
                    task = {**task, "statusReason": reason, "restriction": {"period": {"end": iso(event.until)}}}
                self.client.put({**task, "status": status})

    def change(self, course: Course, event: Event) -> None:
        """Pause, resumption and stop of the follow-up; another channel, another hour."""
        plan = self.client.get(f"CarePlan/{self.plans[course.ident]}")
        if event.kind in ("channel", "hour"):
            if plan["status"] not in ("active", "on-hold"):
                return
            name, value = ("report-channel", {"valueCode": event.channel})
            if event.kind == "hour":
                name, value = "reminder-time", {"valueTime": definitions.clock(event.hour)}
            others = [one for one in plan.get("extension", []) if one["url"] != EXTENSION + name]
            self.client.put({**plan, "extension": [*others, {"url": EXTENSION + name, **value}]})
            return
        status = {"pause": "on-hold", "resume": "active", "stop": "revoked"}[event.kind]
        wanted = {"pause": ("active",), "resume": ("on-hold",), "stop": ("active", "on-hold")}[event.kind]
        if plan["status"] in wanted:
            self.client.put({**plan, "status": status})


def is_urgent(flag: dict) -> bool:
    """Whether a Flag is of the highest level."""
    return '"PH"' in json.dumps(flag["extension"])


def rule_of(flag: dict) -> str:
    """The rule of a Flag."""
    return next((c["code"] for c in flag["code"]["coding"] if c.get("system") == CODES + "alert-rule"), "")
