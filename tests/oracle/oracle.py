"""The oracle: which alerts must exist, computed apart from the server.

    python3 oracle.py DUMP.json          (a dump of fetch.py)
    python3 oracle.py http://HOST/fhir   (fetches first)

It replays, per patient, what happened in the order it happened: answers
received or amended, reports missed, flags closed by staff. It knows the rules
from their description in words (rules.py) and takes from the server nothing
but the inputs and, to compare, the flags. The exit status is 0 only when
nothing is missed, extra, doubled or different.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

import fetch
from cohort import Alert, Answer, AnswerVersion, Cohort, Plan, Report, read
from rules import Case, Quiet, judge, judge_silence

# At one instant: flags closed first, then reports missed, then answers; last
# the closing of a flag that holds evidence of that same instant.
CLOSED_BEFORE, MISSED, ANSWERED, CLOSED_AFTER = range(4)
TECHNICAL = "T1"
# About messages, not about answers: outside of what can be computed here.
MESSAGES = ("T2", "T3", "T4")


@dataclass(frozen=True)
class Settings:
    """How strictly to compare."""

    tolerance: timedelta = timedelta(0)
    # One open flag per patient and rule; or per patient, pathway and rule,
    # where two pathways of one patient keep flags of their own.
    per_pathway: bool = False

    def key(self, canonical: str, rule: str) -> str:
        """Flags with the same key are one series, of which one may be open."""
        return f"{canonical.split('|')[0]}#{rule}" if self.per_pathway else rule


@dataclass
class Known:
    """An answer as far as it is known at some moment."""

    answer: Answer
    version: AnswerVersion

    def order(self) -> tuple:
        """Effective time, then order of receipt."""
        return (self.version.effective, self.answer.versions[0].received, self.answer.ident)


@dataclass
class Watch:
    """The state of one patient while history is replayed."""

    settings: Settings
    alerts: dict[str, list[Alert]] = field(default_factory=lambda: defaultdict(list))
    known: dict[str, dict[str, Known]] = field(default_factory=lambda: defaultdict(dict))
    ended: dict[str, list[Report]] = field(default_factory=lambda: defaultdict(list))
    given: dict[tuple[str, str], int] = field(default_factory=dict)

    def open_alert(self, key: str) -> Alert | None:
        """The open alert of a series, if any."""
        return next((alert for alert in self.alerts[key] if alert.closed is None), None)

    def find(self, plan: Plan, found: tuple[str, int], evidence: str, now: datetime) -> None:
        """One finding: nothing new, more evidence, a rise, or a new alert."""
        rule, level = found
        key = self.settings.key(plan.canonical, rule)
        if self.given.get((evidence, key), 0) >= level:
            return
        self.given[(evidence, key)] = level
        alert = self.open_alert(key)
        if alert is None:
            self.alerts[key].append(Alert(rule, now, level, {evidence}, canonical=f"{plan.canonical}#{rule}"))
            return
        alert.evidence.add(evidence)
        alert.level = max(alert.level, level)

    def answered(self, answer: Answer, version: AnswerVersion) -> None:
        """An answer came or changed: it and all later ones are judged."""
        plan, mine = answer.plan, self.known[answer.plan.ident]
        if not version.counts:
            mine.pop(answer.ident, None)
            return
        mine[answer.ident] = Known(answer, version)
        line = sorted(mine.values(), key=Known.order)
        start = next(place for place, one in enumerate(line) if one.answer is answer)
        for place in range(start, len(line)):
            self.judge(plan, line, place, version.received)

    def judge(self, plan: Plan, line: list[Known], place: int, now: datetime) -> None:
        """One answer judged with those before it."""
        one = line[place]
        earlier = [known.version.form for known in line[:place]]
        case = Case(one.version.form, earlier, plan.day_of(one.version.effective), plan.person)
        for found in judge(plan.pathway, case).items():
            self.find(plan, found, one.answer.ident, now)

    def missed(self, report: Report) -> None:
        """A window ended: silence is a finding while the plan is active."""
        plan = report.plan
        if not plan.active_before(report.ends) or report.called_off_before(report.ends):
            return
        self.ended[plan.ident].append(report)
        if self.is_answered(report):
            return
        quiet = Quiet(self.missed_in_a_row(plan), self.open_on(plan), plan.person)
        for found in judge_silence(plan.pathway, quiet).items():
            self.find(plan, found, report.ident, report.ends)

    def is_answered(self, report: Report) -> bool:
        """Whether an answer to that day is known by now, in time or late."""
        answers = self.known[report.plan.ident].values()
        return any(report.plan.local_date(one.version.effective) == report.local_date for one in answers)

    def missed_in_a_row(self, plan: Plan) -> int:
        """Reports without an answer, from the latest back to the last that has one."""
        count = 0
        for report in sorted(self.ended[plan.ident], key=lambda one: one.local_date, reverse=True):
            if self.is_answered(report):
                break
            count += 1
        return count

    def open_on(self, plan: Plan) -> dict[str, int]:
        """Levels of the open alerts of a plan's pathway, by rule."""
        url = plan.canonical.split("|")[0]
        alerts = [alert for series in self.alerts.values() for alert in series if alert.closed is None]
        return {alert.rule: alert.level for alert in alerts if alert.canonical.split("|")[0] == url}

    def closed(self, flag: Alert) -> None:
        """Staff closed a flag: the expected alert that it stands for ends too."""
        alert = self.open_alert(self.settings.key(flag.canonical, flag.rule))
        if alert is not None and abs(alert.opened - flag.opened) <= self.settings.tolerance:
            alert.closed = flag.closed


def expected(cohort: Cohort, patient: str, settings: Settings) -> dict[str, list[Alert]]:
    """The alerts that must exist for one patient, by series."""
    watch, events, received = Watch(settings), [], defaultdict(set)
    for answer in cohort.answers.get(patient, []):
        for version in answer.versions:
            received[answer.ident].add(version.received)
            key = (version.received, ANSWERED, answer.versions[0].received, answer.ident)
            events.append((key, watch.answered, (answer, version)))
    for report in cohort.reports.get(patient, []):
        received[report.ident].add(report.ends)
        if report.ends <= cohort.as_of:
            events.append(((report.ends, MISSED, report.ends, report.ident), watch.missed, (report,)))
    for flag in cohort.flags.get(patient, []):
        if flag.closed is not None:
            same = any(flag.closed in received[one] for one in flag.evidence)
            rank = CLOSED_AFTER if same else CLOSED_BEFORE
            events.append(((flag.closed, rank, flag.opened, flag.ident), watch.closed, (flag,)))
    for _, act, arguments in sorted(events, key=lambda event: event[0]):
        act(*arguments)
    return watch.alerts


@dataclass
class Verdict:
    """Counts, and one line of words for each difference."""

    counts: Counter = field(default_factory=Counter)
    lines: list[str] = field(default_factory=list)

    def note(self, kind: str, patient: str, alert: Alert, words: str = "") -> None:
        """Counts one difference."""
        self.counts[kind] += 1
        name = alert.ident or alert.opened.isoformat()
        self.lines.append(f"{kind}: {patient} {alert.rule} {name} {words}".rstrip())

    def clean(self) -> bool:
        """No difference of any kind."""
        return not self.lines


def compare(patient: str, wanted: list[Alert], found: list[Alert], verdict: Verdict, tolerance: timedelta) -> None:
    """Lays the flags of one series beside those that must exist."""
    left = sorted(found, key=lambda flag: (flag.opened, flag.ident))
    paired, waiting = [], []

    def near(want: Alert, flag: Alert) -> bool:
        return abs(want.opened - flag.opened) <= tolerance

    def exact(want: Alert, flag: Alert) -> bool:
        return not differences(want, flag, tolerance)

    for want in wanted:
        flag = next((flag for flag in left if exact(want, flag)), None)
        if flag is None:
            waiting.append(want)
        else:
            left.remove(flag)
            paired.append(flag)
    for want in waiting:
        flag = next((flag for flag in left if near(want, flag) or want.evidence & flag.evidence), None)
        if flag is None:
            verdict.note("missed", patient, want)
            continue
        left.remove(flag)
        paired.append(flag)
        verdict.note("different", patient, flag, differences(want, flag, tolerance))
    for flag in left:
        double = any(flag.evidence & other.evidence or overlap(flag, other) for other in paired)
        verdict.note("duplicate" if double else "extra", patient, flag)


def differences(want: Alert, flag: Alert, tolerance: timedelta) -> str:
    """What is not as expected, without any health content."""
    words = []
    if abs(want.opened - flag.opened) > tolerance:
        words.append(f"opened {flag.opened.isoformat()}, expected {want.opened.isoformat()}")
    if want.level != flag.level:
        words.append(f"level {flag.level}, expected {want.level}")
    if want.canonical != flag.canonical:
        words.append(f"rule version {flag.canonical}, expected {want.canonical}")
    if want.evidence != flag.evidence:
        words.append(f"evidence lacks {sorted(want.evidence - flag.evidence)}, adds {sorted(flag.evidence - want.evidence)}")
    return "; ".join(words)


def overlap(one: Alert, other: Alert) -> bool:
    """Whether two flags were open at the same time."""
    first, second = sorted((one, other), key=lambda flag: flag.opened)
    return first.closed is None or first.closed > second.opened


def check(cohort: Cohort, settings: Settings = Settings()) -> Verdict:
    """The whole cohort."""
    verdict = Verdict()
    for patient in cohort.patients():
        wanted, found = expected(cohort, patient, settings), defaultdict(list)
        for flag in cohort.flags.get(patient, []):
            if flag.rule in MESSAGES:
                continue
            verdict.counts["flags"] += 1
            if flag.rule == TECHNICAL:
                verdict.note("technical", patient, flag)
            else:
                found[settings.key(flag.canonical, flag.rule)].append(flag)
        for key in sorted(set(wanted) | set(found)):
            verdict.counts["expected"] += len(wanted.get(key, []))
            compare(patient, wanted.get(key, []), found.get(key, []), verdict, settings.tolerance)
    return verdict


def summary(cohort: Cohort, verdict: Verdict) -> str:
    """One line."""
    kinds = ("expected", "flags", "missed", "extra", "duplicate", "different", "technical")
    answers = sum(map(len, cohort.answers.values()))
    reports = sum(map(len, cohort.reports.values()))
    counts = " ".join(f"{kind}={verdict.counts[kind]}" for kind in kinds)
    return f"oracle: patients={len(cohort.patients())} reports={reports} answers={answers} {counts}"


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("source", help="dump file, '-' for standard input, or FHIR base URL")
    parser.add_argument("--as-of", help="instant up to which alerts must exist")
    parser.add_argument("--tolerance", type=float, default=0, help="seconds by which opening times may differ")
    parser.add_argument("--per-pathway", action="store_true", help="each pathway of a patient has flags of its own")
    parser.add_argument("--details", type=int, default=50, help="differences to print")
    options = parser.parse_args()
    if options.source.startswith(("http://", "https://")):
        dump = fetch.fetch(options.source, options.as_of)
    elif options.source == "-":
        dump = json.load(sys.stdin, parse_float=Decimal)
    else:
        with open(options.source, encoding="utf-8") as file:
            dump = json.load(file, parse_float=Decimal)
    cohort = read(dump, options.as_of)
    verdict = check(cohort, Settings(timedelta(seconds=options.tolerance), options.per_pathway))
    for line in verdict.lines[: options.details]:
        print(line)
    print(summary(cohort, verdict))
    return 0 if verdict.clean() else 1


if __name__ == "__main__":
    sys.exit(main())
