"""What a server did with the courses, read back over its API, in the shape of `expect.Outcome`."""

from __future__ import annotations

from collections import defaultdict

import language as l
from courses import Course
from definitions import CODES, CORE
from expect import Alert, Outcome, Report
from expression import EXTENSION, FLAG_PRIORITIES
from live import PAGE, Stage, rule_of, seconds

REPORTS = "https://vigie.example/fhir/NamingSystem/report"
PARTICIPATION = "http://terminology.hl7.org/CodeSystem/v3-ParticipationMode"
MEDIA = {"EMAILWRIT": "email", "sms": "sms"}
LEVEL_OF_PRIORITY = {code: level for level, code in FLAG_PRIORITIES.items()}
LEVEL_OF_CODE = {code: level for level, code in l.LEVELS.items()}
TEAM_KINDS = ("answered", "needs-action", "needs-action-raised", "technical")


class Foreign(Exception):
    """Something that no course can have led to."""


def last(reference: dict) -> str:
    """The id that a reference ends in."""
    return reference["reference"].split("/_history/")[0].rsplit("/", 1)[-1]


def codes(concepts: object, system: str) -> list[str]:
    """The codes of a system in one concept or several."""
    several = concepts if isinstance(concepts, list) else [concepts] if concepts else []
    return [c["code"] for concept in several for c in concept.get("coding", []) if c.get("system") == system]


def extension(element: dict, url: str) -> dict | None:
    """The first extension of a url."""
    return next((e for e in element.get("extension", []) if e["url"] == url), None)


class Record:
    """What is known of one course."""

    def __init__(self) -> None:
        self.out = Outcome()
        self.days: dict[str, int] = {}
        self.alerts: dict[str, Alert] = {}
        self.messages: dict[str, tuple[int, int]] = {}
        self.doubled: list[str] = []


def observe(stage: Stage, courses: list[Course]) -> dict[str, Record]:
    """The records of all courses, by the id of the course."""
    found: dict[str, Record] = defaultdict(Record)
    wanted = {course.ident for course in courses}
    read = stage.client.pages
    for task in read(f"Task?_count={PAGE}"):
        if last(task["for"]) in wanted:
            read_report(task, found[last(task["for"])])
    messages = [one for one in read(f"Communication?_count={PAGE}") if one.get("subject") and last(one["subject"]) in wanted]
    for message in messages:
        read_reminder(message, found[last(message["subject"])])
    for record in found.values():
        number_reminders(record.out)
    for flag in read(f"Flag?_count={PAGE}"):
        if last(flag["subject"]) in wanted:
            read_flag(flag, found[last(flag["subject"])])
    for task in read(f"Task?_count={PAGE}"):
        if last(task["for"]) in wanted:
            read_work(task, found[last(task["for"])])
    for message in messages:
        read_message(message, found[last(message["subject"])])
    for plan in read(f"CarePlan?_count={PAGE}"):
        if last(plan["subject"]) in wanted:
            out = found[last(plan["subject"])].out
            out.status = plan["status"]
            out.ended = seconds(plan["meta"]["lastUpdated"]) if out.status in ("completed", "revoked") else None
    return found


def read_report(task: dict, record: Record) -> None:
    """A report's Task."""
    numbers = [i["value"] for i in task.get("identifier", []) if i.get("system") == REPORTS]
    if not numbers:
        return
    day, period = int(numbers[0].rsplit("/", 1)[1]), task["restriction"]["period"]
    if day in record.out.reports:
        record.doubled.append(f"report of day {day}")
    state = codes(task.get("businessStatus"), CODES + "report-state")
    report = Report(day, "", seconds(period["start"]), seconds(period["end"]), 0, task["status"], "".join(state))
    record.out.reports[day] = report
    record.days[task["id"]] = day


def kind_of(message: dict) -> str:
    """The kind of a message."""
    return "".join(codes(message.get("category"), CODES + "message-kind"))


def moment_of(message: dict) -> int:
    """When it was sent, or given up."""
    return seconds(message.get("sent") or message["meta"]["lastUpdated"])


def read_reminder(message: dict, record: Record) -> None:
    """A reminder; one that could not be delivered has no medium."""
    if kind_of(message) != "reminder":
        return
    about = [record.days.get(last(one)) for one in message.get("about", [])]
    concepts = message.get("medium", [])
    media = codes(concepts, PARTICIPATION) + codes(concepts, CODES + "message-medium")
    medium = "".join(MEDIA.get(code, code) for code in media) if message["status"] == "completed" else "none"
    day, moment = about[0] if about else None, moment_of(message)
    who = message["recipient"][0]["reference"].split("/")[0]
    record.out.reminders.append((day, moment, False, who, medium))
    record.messages[message["id"]] = (day, moment)


def number_reminders(out: Outcome) -> None:
    """Marks as second whatever comes after the first of its day."""
    seen: set[int] = set()
    for place, (day, moment, _, who, medium) in enumerate(sorted(out.reminders)):
        out.reminders[place] = (day, moment, day in seen, who, medium)
        seen.add(day)


def source_of(reference: dict, record: Record) -> str:
    """What an alert goes back to, by the name that the oracle gives it."""
    kind, ident = reference["reference"].split("/")[-2:]
    if kind == "Task":
        return f"report-{record.days.get(ident, ident)}"
    if kind == "Communication":
        day, moment = record.messages.get(ident, (ident, 0))
        return f"message-{day}-{moment}"
    return ident


def read_flag(flag: dict, record: Record) -> None:
    """A Flag."""
    rule = rule_of(flag)
    if not rule:
        return
    priority = codes(extension(flag, CORE + "flag-priority")["valueCodeableConcept"], "http://hl7.org/fhir/flag-priority-code")
    alert = Alert(rule, LEVEL_OF_PRIORITY[priority[0]], seconds(flag["period"]["start"]))
    for one in flag["extension"]:
        if one["url"] == EXTENSION + "alert-evidence":
            parts = {part["url"]: part for part in one["extension"]}
            source = source_of(parts["source"]["valueReference"], record)
            level, moment = LEVEL_OF_CODE[parts["level"]["valueCode"]], seconds(parts["at"]["valueInstant"])
            alert.evidence.append((source, level, moment))
    if flag["status"] != "active":
        alert.closed = seconds(flag["period"]["end"])
    alert.task = "none"
    record.alerts[flag["id"]] = alert
    record.out.alerts.append(alert)


def read_work(task: dict, record: Record) -> None:
    """An alert's Task, or a phone call."""
    kinds = codes(task.get("code"), CODES + "task-code")
    if "handle-alert" in kinds:
        alert = record.alerts[last(task["focus"])]
        if alert.task != "none":
            record.doubled.append(f"task of {alert.name()}")
        alert.task, alert.phone = task["status"], "phone-call" in kinds
        step = extension(task, EXTENSION + "escalation-step")
        alert.step = step["valuePositiveInt"] if step else 0
    elif "phone-call" in kinds:
        day = record.days.get(last(task["focus"]), 0)
        if day in record.out.calls:
            record.doubled.append(f"call of day {day}")
        record.out.calls[day] = (seconds(task["authoredOn"]), task["status"])


def read_message(message: dict, record: Record) -> None:
    """A message to the team."""
    kind = kind_of(message)
    about = [one["reference"].split("/")[-2:] for one in message.get("about", [])]
    to = last(message["recipient"][0]) if message.get("recipient") else ""
    flags = [record.alerts[ident].name() for type_, ident in about if type_ == "Flag" and ident in record.alerts]
    answers = [ident for type_, ident in about if type_ == "QuestionnaireResponse"]
    name = next(iter([*flags, *answers]), "")
    if message["status"] != "completed":
        kind = f"{kind} ({message['status']})" if kind != "reminder" else kind
    if kind == "escalated":
        record.out.escalations.append((name, to, moment_of(message)))
    elif kind not in ("reminder", "advice"):
        record.out.messages.append((kind, to, moment_of(message), name))
