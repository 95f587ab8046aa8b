"""An outcome laid beside the one that must be: what is missed, extra, doubled or different."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field

from expect import Outcome

KINDS = ("report", "reminder", "call", "missed", "alert", "message", "escalation", "end")
SHOWN = 5


def facts(out: Outcome) -> dict[str, list[tuple]]:
    """The facts of an outcome, by kind: a key that names one, and what must agree."""
    alerts = [((a.rule, a.opened), (a.level, a.closed, tuple(sorted(a.evidence)), a.task, a.phone, a.step)) for a in out.alerts]
    return {
        "report": [((r.day,), (r.opens, r.closes, r.status, r.state)) for r in out.reports.values()],
        "reminder": [((day, at), (who, medium)) for day, at, _, who, medium in out.reminders],
        "call": [((day,), call) for day, call in out.calls.items()],
        "missed": [((r.day,), ()) for r in out.reports.values() if r.status == "failed" or r.state == "late"],
        "alert": alerts,
        "message": [(message, ()) for message in out.messages],
        "escalation": [(escalation, ()) for escalation in out.escalations],
        "end": [(("plan",), (out.status, out.ended))],
    }


@dataclass
class Verdict:
    """Counts by kind, and words for the first differences of each."""

    kinds: tuple[str, ...] = KINDS
    counts: dict[str, Counter] = field(default_factory=lambda: defaultdict(Counter))
    lines: list[str] = field(default_factory=list)
    shown: Counter = field(default_factory=Counter)

    def note(self, fault: str, kind: str, name: str, words: object) -> None:
        """One difference."""
        self.counts[kind][fault] += 1
        self.shown[kind, fault] += 1
        if self.shown[kind, fault] <= SHOWN:
            self.lines.append(f"{fault} {kind}: {name} {words}")

    def take(self, name: str, wanted: Outcome, found: Outcome) -> None:
        """Lays one outcome beside the other."""
        want, have = facts(wanted), facts(found)
        for kind in KINDS:
            self.kind(name, kind, want[kind], have[kind])

    def kind(self, name: str, kind: str, want: list[tuple], have: list[tuple]) -> None:
        """The facts of one kind."""
        self.counts[kind]["expected"] += len(want)
        wanted, found = Counter(key for key, _ in want), Counter(key for key, _ in have)
        details = defaultdict(list)
        for key, detail in have:
            details[key].append(detail)
        for key, count in wanted.items():
            if found[key] < count:
                self.note("missed", kind, name, (key, next(d for k, d in want if k == key)))
            if found[key] > count:
                self.note("doubled", kind, name, key)
        for key, detail in have:
            if key not in wanted:
                self.note("extra", kind, name, (key, detail))
        for key, detail in want:
            if details[key] and detail not in details[key]:
                self.note("different", kind, name, f"{key}: {details[key][0]}, expected {detail}")

    def clean(self) -> bool:
        """No difference of any kind."""
        return not self.lines

    def summary(self, title: str) -> str:
        """One line for each kind of fact."""
        rows = []
        for kind in self.kinds:
            counts = self.counts[kind]
            faults = " ".join(f"{fault}={counts[fault]}" for fault in ("missed", "extra", "doubled", "different"))
            rows.append(f"{title} {kind}: expected={counts['expected']} {faults}")
        return "\n".join(rows)
