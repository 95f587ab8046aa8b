"""What must follow from a course: reports, reminders, alerts, and who is told.

The life of one follow-up is replayed in the order of time. At one instant the
server's own work comes first, then what people do. The words that this obeys
are those of profiles/README.md; rules are evaluated by `language.py`.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import cover
import language as l
import schedule
from courses import EVERY, Course, Event

URGENT_MINUTES, SIMPLE_MINUTES = 15, 480
REPEAT_MAX = 4 * 3600
OPEN = ("requested", "ready")
DELIVERY = "T2"


@dataclass
class Report:
    """A report and what became of it."""

    day: int
    date: str
    opens: int
    closes: int
    due: int
    status: str = "requested"
    state: str = ""
    reminded: int | None = None


@dataclass
class Alert:
    """A Flag with its Task."""

    rule: str
    level: int
    opened: int
    evidence: list[tuple[str, int, int]] = field(default_factory=list)
    phone: bool = False
    closed: int | None = None
    task: str = "requested"
    # Of the escalation: since when, how far, who was told, which timer counts.
    since: int = 0
    step: int = 0
    told: list[str] = field(default_factory=list)
    turn: int = 0
    repeats: int = 0
    until: int = 0

    def name(self) -> str:
        """By which it is known in comparisons."""
        return f"{self.rule}@{self.opened}"


@dataclass
class Outcome:
    """What a course leads to, as facts that can be compared."""

    reports: dict[int, Report] = field(default_factory=dict)
    reminders: list[tuple] = field(default_factory=list)
    calls: dict[int, tuple[int, str]] = field(default_factory=dict)
    missed: list[tuple[int, int]] = field(default_factory=list)
    alerts: list[Alert] = field(default_factory=list)
    messages: list[tuple] = field(default_factory=list)
    escalations: list[tuple] = field(default_factory=list)
    status: str = "active"
    ended: int | None = None


@dataclass
class Known:
    """An answer as it stands."""

    ident: str
    received: int
    authored: int
    form: l.Form


class Life:
    """One follow-up while it is replayed."""

    def __init__(self, course: Course, features: frozenset[str]) -> None:
        self.course, self.features, self.policy = course, features, course.pathway.policy
        self.zone = ZoneInfo(course.zone)
        self.out = Outcome()
        self.answers: dict[str, Known] = {}
        self.received: dict[str, int] = {}
        self.given: dict[tuple[str, str], int] = {}
        self.timers: list[tuple] = []
        # What one answer brings to be told, while it is judged.
        self.news: dict[int, tuple[Alert, str]] | None = None
        self.count = 0
        self.first, self.channel = course.person.start, course.channel
        for day, date, opens, closes, due in course.rows():
            report = Report(day, date, opens, closes, due)
            self.out.reports[day] = report
            self.later(max(due, course.start), self.due, report)
            self.later(max(closes, course.start), self.close, report)

    # --- time ---------------------------------------------------------------

    def later(self, moment: int, act, *arguments) -> None:
        """Sets a timer."""
        self.count += 1
        heapq.heappush(self.timers, (moment, self.count, act, arguments))

    def run(self, until: int) -> Outcome:
        """Everything up to an instant."""
        for event in self.course.events:
            if event.at > until:
                break
            self.pass_time(event.at)
            getattr(self, {"channel": "change_channel", "hour": "change_hour"}.get(event.kind, event.kind))(event)
        self.pass_time(until)
        return self.out

    def pass_time(self, until: int) -> None:
        """The server's own work up to an instant."""
        while self.timers and self.timers[0][0] <= until:
            moment, _, act, arguments = heapq.heappop(self.timers)
            act(moment, *arguments)

    def local(self, moment: int) -> datetime:
        """A moment where the person lives."""
        return datetime.fromtimestamp(moment, self.zone)

    def day_of(self, moment: int) -> int:
        """The day of follow-up."""
        return (self.local(moment).date() - self.first).days + 1

    # --- a report's day -----------------------------------------------------

    def due(self, now: int, report: Report) -> None:
        """It is due: somebody is asked, unless the plan rests."""
        if report.status != "requested" or not report.due <= now < report.closes:
            return
        if self.out.status == "on-hold":
            self.settle(report, "cancelled", "paused")
            return
        report.status = "ready"
        if self.channel == "phone":
            self.out.calls[report.day] = (now, "requested")
            return
        first = self.unless_quiet(now, report)
        if first is not None:
            self.later(first, self.remind, report, False)
        if self.policy.second is not None and "second" in self.features:
            second = self.unless_quiet(report.due + self.policy.second * 60, report)
            if second is not None and second > (now if first is None else first):
                self.later(second, self.remind, report, True)

    def unless_quiet(self, moment: int, report: Report) -> int | None:
        """The moment, or the end of the quiet hours that it falls in; None when that is too late."""
        quiet = self.policy.quiet if "quiet" in self.features else None
        if quiet:
            start, end = quiet
            at = self.local(moment)
            clock = at.time()
            if start <= clock < end if start < end else (clock >= start or clock < end):
                day = at.date() + timedelta(days=1) if start > end and clock >= start else at.date()
                moment = max(schedule.local_instant(day, end, self.zone), moment)
        return moment if moment < report.closes else None

    def remind(self, now: int, report: Report, second: bool) -> None:
        """A reminder goes out, if the report still waits."""
        if report.status != "ready" or self.out.status != "active":
            return
        who = "RelatedPerson" if self.course.reporter else "Patient"
        medium = self.medium()
        self.out.reminders.append((report.day, now, second, who, medium or "none"))
        if not medium:
            self.find(DELIVERY, l.SIMPLE, f"message-{report.day}-{now}", now, "phone" in self.features)

    def medium(self) -> str:
        """How the person is reached: the best rank, then the channels' order where ranks are equal."""
        best = None
        for place, contact in enumerate(self.course.contacts):
            way = {"email": "email", "sms": "sms", "phone": "sms"}.get(contact.system)
            if way in self.policy.channels:
                key = (contact.rank or 10**9, self.policy.channels.index(way), place)
                best = min(best, (key, way)) if best else (key, way)
        return best[1] if best else ""

    def settle(self, report: Report, status: str, state: str) -> None:
        """The report's end, and that of the phone call for it."""
        report.status, report.state = status, state
        made, call = self.out.calls.get(report.day, (0, ""))
        if call == "requested":
            self.out.calls[report.day] = (made, status)

    def close(self, now: int, report: Report) -> None:
        """The window closes."""
        if report.status in OPEN:
            if self.out.status == "on-hold":
                self.settle(report, "cancelled", "paused")
            else:
                self.settle(report, "failed", "missed")
                self.out.missed.append((report.day, now))
                self.silence(report, now)
        last = max(self.out.reports)
        if report.day == last and self.out.status in ("active", "on-hold"):
            self.out.status, self.out.ended = "completed", now

    def silence(self, report: Report, now: int) -> None:
        """The rules about a missed report."""
        row = 0
        for day in sorted((day for day in self.out.reports if day <= report.day), reverse=True):
            status = self.out.reports[day].status
            if status == "cancelled":
                continue
            if status != "failed":
                break
            row += 1
        flags = [(alert.rule, alert.level) for alert in self.out.alerts if alert.closed is None and alert.rule != DELIVERY]
        line = [known.form for known in self.line()]
        moment = l.Moment(self.course.person, report.day, {}, line, row, flags)
        self.judge(moment, f"report-{report.day}", now, True)

    # --- answers --------------------------------------------------------------

    def line(self) -> list[Known]:
        """The answers in the order of their effective time, then of receipt."""
        return sorted(self.answers.values(), key=lambda known: (known.authored, known.received))

    def answer(self, event: Event) -> None:
        """An answer comes in."""
        known = self.answers.get(event.ident)
        self.count += 1
        received = self.received.setdefault(event.ident, self.count)
        self.answers[event.ident] = Known(event.ident, received, event.authored, event.form)
        report = self.out.reports.get(self.day_of(event.authored))
        if report and report.status in (*OPEN, "failed"):
            self.settle(report, "completed", "late" if report.status == "failed" else "answered")
        if known is None and self.policy.notify_answered:
            for ident, _ in self.course.team.members:
                self.out.messages.append(("answered", ident, event.at, event.ident))
        line = self.line()
        start = next(place for place, one in enumerate(line) if one.ident == event.ident)
        self.news = {}
        for place in range(start, len(line)):
            one = line[place]
            earlier = [before.form for before in line[:place]]
            moment = l.Moment(self.course.person, self.day_of(one.authored), one.form, earlier)
            self.judge(moment, one.ident, event.at, False)
        news, self.news = self.news, None
        for alert, kind in news.values():
            self.announce(alert, event.at, kind)

    def amend(self, event: Event) -> None:
        """An answer is corrected; one that was taken back counts again, and is new to the team."""
        self.answer(event)

    def retract(self, event: Event) -> None:
        """An answer was entered in error: it counts no more."""
        self.answers.pop(event.ident, None)

    # --- alerts -----------------------------------------------------------------

    def judge(self, moment: l.Moment, source: str, now: int, silence: bool) -> None:
        """All rules of a trigger."""
        for rule in self.course.pathway.rules:
            level = rule.finding(moment) if rule.silence == silence else 0
            if level:
                self.find(rule.ident, level, source, now, rule.phone)

    def open_alert(self, rule: str) -> Alert | None:
        """The open alert of a rule."""
        return next((alert for alert in self.out.alerts if alert.rule == rule and alert.closed is None), None)

    def find(self, rule: str, level: int, source: str, now: int, phone: bool = False) -> None:
        """One finding: nothing new, more evidence, a rise, or a new alert."""
        if self.given.get((rule, source), 0) >= level:
            return
        self.given[rule, source] = level
        alert = self.open_alert(rule)
        if alert is None:
            alert = Alert(rule, level, now, [(source, level, now)], phone)
            self.out.alerts.append(alert)
            self.tell(alert, now, "technical" if rule == DELIVERY else "needs-action")
            return
        alert.evidence.append((source, level, now))
        if level > alert.level:
            alert.level = level
            if level == l.URGENT and alert.task == "on-hold":
                alert.task = "requested"
            self.tell(alert, now, "needs-action-raised")

    def tell(self, alert: Alert, now: int, kind: str) -> None:
        """One event is told once: what opens and rises with one answer is told as it is then."""
        if self.news is None:
            self.announce(alert, now, kind)
        else:
            self.news.setdefault(id(alert), (alert, kind))

    def announce(self, alert: Alert, now: int, kind: str) -> None:
        """The team is told at once, and the deadline begins."""
        team = self.course.team
        told = cover.ranks(team)[0] if "escalation" in self.features else sorted(ident for ident, _ in team.members)
        away = alert.level == l.URGENT and not cover.covered(team, self.course.zone, now)
        if away and "escalation" in self.features:
            told = [*told, *(one for one in team.on_call if one not in told)]
        for one in told:
            self.out.messages.append((kind, one, now, alert.name()))
        alert.told, alert.since, alert.step, alert.repeats = list(told), now, 0, 0
        if alert.task == "requested":
            self.next_step(alert, now)

    def deadline(self, alert: Alert, now: int) -> int | None:
        """When the next step of escalation is due; None when there is none."""
        team, fresh = self.course.team, len(self.still_to_tell(alert))
        if alert.level == l.INFO or (alert.level == l.SIMPLE and fresh == 0):
            return None
        if alert.level == l.SIMPLE:
            minutes = (self.policy.simple_minutes or SIMPLE_MINUTES) * (alert.step + 1)
            return cover.after(team, self.course.zone, alert.since, minutes)
        interval = (self.policy.urgent_minutes or URGENT_MINUTES) * 60
        if fresh:
            return now + interval
        alert.repeats += 1
        return now + min(interval * 2 ** (alert.repeats - 1), REPEAT_MAX)

    def still_to_tell(self, alert: Alert) -> list[list[str]]:
        """The groups that have not been told yet, in their turn."""
        groups = [*cover.ranks(self.course.team), list(self.course.team.on_call)]
        left = [[one for one in group if one not in alert.told] for group in groups]
        return [group for group in left if group]

    def next_step(self, alert: Alert, now: int) -> None:
        """Sets the timer of the next step; any earlier one counts no more."""
        alert.turn += 1
        if "escalation" not in self.features:
            return
        moment = self.deadline(alert, now)
        if moment is not None:
            self.later(moment, self.escalate, alert, alert.turn)

    def escalate(self, now: int, alert: Alert, turn: int) -> None:
        """Nobody has taken the alert: the next are told, or all of them again."""
        if alert.turn != turn or alert.task != "requested":
            return
        alert.step += 1
        groups = self.still_to_tell(alert)
        told = groups[0] if groups else alert.told
        for one in told:
            self.out.escalations.append((alert.name(), one, now))
        alert.told.extend(one for one in told if one not in alert.told)
        self.next_step(alert, now)

    # --- what people do ---------------------------------------------------------

    def accept(self, event: Event) -> None:
        """Somebody takes the alert of a rule."""
        for rule in self.course.pathway.rules:
            alert = self.open_alert(rule.ident)
            if alert and alert.task == "requested" and event.rule in (EVERY, rule.ident):
                alert.task = "accepted"

    def snooze(self, event: Event) -> None:
        """Somebody puts off an alert that is not urgent."""
        alert = self.open_alert(event.rule)
        if alert and alert.level < l.URGENT and alert.task in ("requested", "accepted"):
            alert.task, alert.until = "on-hold", event.until
            self.later(event.until, self.wake, alert, event.until)

    def wake(self, now: int, alert: Alert, until: int) -> None:
        """Its time has come: it waits for somebody again, and the team is told anew."""
        if alert.task == "on-hold" and alert.until == until:
            alert.task = "requested"
            self.announce(alert, now, "needs-action")

    def resolve(self, event: Event) -> None:
        """Somebody has dealt with it."""
        alert = self.open_alert(event.rule)
        if alert:
            alert.task, alert.closed = "completed", event.at

    def pause(self, event: Event) -> None:
        """The follow-up rests."""
        if self.out.status == "active":
            self.out.status = "on-hold"

    def resume(self, event: Event) -> None:
        """It goes on."""
        if self.out.status == "on-hold":
            self.out.status = "active"

    def change_channel(self, event: Event) -> None:
        """From the next due time on, by the app or by telephone."""
        self.channel = event.channel

    def change_hour(self, event: Event) -> None:
        """What is not due yet is due at another hour; at once, where that has passed."""
        for report in self.out.reports.values():
            if report.status == "requested":
                day = datetime.fromisoformat(report.date).date()
                report.due = schedule.local_instant(day, event.hour, self.zone)
                self.later(max(report.due, event.at), self.due, report)

    def stop(self, event: Event) -> None:
        """It ends before its time."""
        if self.out.status in ("active", "on-hold"):
            self.out.status, self.out.ended = "revoked", event.at
            for report in self.out.reports.values():
                if report.status in OPEN:
                    self.settle(report, "cancelled", "follow-up-ended")
            for ident, _ in self.course.team.members:
                self.out.messages.append(("follow-up-ended", ident, event.at, ""))


def expect(course: Course, until: int, features: frozenset[str]) -> Outcome:
    """What a course must lead to by an instant."""
    return Life(course, features).run(until)
