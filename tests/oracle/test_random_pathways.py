"""Tests of the random pathways: the generator draws what it should, the oracle says what a person would, the comparison sees each fault."""

from __future__ import annotations

import copy
import json
import unittest
from collections import Counter
from dataclasses import replace
from datetime import date, datetime, time
from decimal import Decimal
from zoneinfo import ZoneInfo

import cover
import definitions
import language as l
import simulated
from compare import Verdict
from courses import GRID, Contact, Course, Event, courses
from expect import expect
from expression import text
from live import response
from pathways import Pathway, Phase, Policy, Team, pathways
from random_pathways import FEATURES

YES, NUMBER = l.Item("yes", "boolean"), l.Item("number", "integer", (), Decimal(0), Decimal(10))
GRADES = tuple(l.Item(name, "grade", tuple("01234")) for name in ("one", "two"))
SEVERAL = l.Item("several", "many", ("none", "a", "b"))
SOMEBODY = l.Person(date(1961, 3, 2), date(2026, 3, 2))


def holds(condition: l.Condition, now: l.Form, *earlier: l.Form, **more) -> bool:
    """Whether a condition holds of an answer after others."""
    person = more.pop("person", SOMEBODY)
    return condition.holds(l.Moment(person, more.pop("day", 3), now, list(earlier), **more))


class Language(unittest.TestCase):
    """What the conditions mean."""

    def test_what_was_left_out_fulfils_nothing(self):
        said = (
            l.Number(NUMBER, ">=", Decimal(0)), l.Within(NUMBER, Decimal(0), Decimal(9)), l.Truth(YES, False), l.OneOf(SEVERAL, ("a",)),
            l.OtherThan(SEVERAL, "none"), l.Chosen(SEVERAL, 1), l.Grade(GRADES[0], 0), l.AnyGrade(GRADES, 0),
        )  # fmt: skip
        for one in said:
            self.assertFalse(holds(one, {}), one)
            self.assertFalse(holds(l.Before(one), {}), one)

    def test_numbers(self):
        three = {"number": [Decimal(3)]}
        for operator, wanted in ((">=", True), (">", False), ("<=", True), ("<", False)):
            self.assertEqual(holds(l.Number(NUMBER, operator, Decimal(3)), three), wanted, operator)
        own = l.Number(NUMBER, ">=", l.Personal("limit", Decimal(4)))
        self.assertFalse(holds(own, three))
        self.assertTrue(holds(own, three, person=replace(SOMEBODY, thresholds=(("limit", Decimal("2.5")),))))
        self.assertTrue(holds(l.Within(NUMBER, Decimal(3), Decimal(4)), three))

    def test_options_and_grades(self):
        self.assertTrue(holds(l.OtherThan(SEVERAL, "none"), {"several": ["none", "a"]}))
        self.assertFalse(holds(l.Chosen(SEVERAL, 2), {"several": ["a"]}))
        self.assertTrue(holds(l.AnyGrade(GRADES, 3), {"one": ["0"], "two": ["3"]}))
        self.assertTrue(holds(l.NewGrade(GRADES, 2), {"one": ["2"]}, {"one": ["0"]}))
        self.assertFalse(holds(l.NewGrade(GRADES, 2), {"one": ["2"]}, {"two": ["0"]}))

    def test_several_answers(self):
        yes, no = {"yes": [True]}, {"yes": [False]}
        self.assertTrue(holds(l.InARow(l.Truth(YES, True), 3), yes, yes, yes))
        self.assertFalse(holds(l.InARow(l.Truth(YES, True), 3), yes, yes))
        self.assertFalse(holds(l.InARow(l.Truth(YES, True), 2), yes, yes, no))
        self.assertTrue(holds(l.OfTheLast(l.Truth(YES, True), 2, 3), no, yes, yes))
        self.assertFalse(holds(l.OfTheLast(l.Truth(YES, True), 2, 3), yes, yes, no, no))
        self.assertTrue(holds(l.First(), yes))

    def test_numbers_that_move(self):
        def form(value: int) -> l.Form:
            return {"number": [Decimal(value)]}

        self.assertTrue(holds(l.Change(NUMBER, Decimal(2)), form(5), form(3)))
        self.assertFalse(holds(l.Change(NUMBER, Decimal(2)), form(5), {}))
        self.assertTrue(holds(l.Change(NUMBER, Decimal(-2)), form(3), form(5)))
        self.assertTrue(holds(l.BelowMedian(NUMBER, Decimal(3)), form(4), form(9), form(7), {}, form(1)))
        self.assertFalse(holds(l.BelowMedian(NUMBER, Decimal(3)), form(4), form(9), form(7)))

    def test_people_days_and_silence(self):
        self.assertTrue(holds(l.Aged(65), {}, person=replace(SOMEBODY, born=date(1961, 3, 2))))
        self.assertFalse(holds(l.Aged(65), {}, person=replace(SOMEBODY, born=date(1961, 3, 3))))
        self.assertTrue(holds(l.DayWithin(3, 3), {}))
        self.assertTrue(holds(l.Missed(2), {}, missed=2))
        self.assertTrue(holds(l.FlagOpen(l.SIMPLE, "N2"), {}, open_flags=[("R1", l.SIMPLE)]))
        self.assertFalse(holds(l.FlagOpen(l.SIMPLE, "N2"), {}, open_flags=[("N2", l.SIMPLE), ("R1", l.URGENT)]))

    def test_the_highest_level_is_the_finding(self):
        rule = l.Rule("R", ((l.URGENT, l.Truth(YES, True)), (l.INFO, None)))
        self.assertEqual([rule.finding(l.Moment(SOMEBODY, 1, {"yes": [it]})) for it in (True, False)], [3, 1])


class Generator(unittest.TestCase):
    """What is drawn."""

    drawn = pathways(1, 200, FEATURES)

    def test_a_seed_gives_one_course_of_things(self):
        again = pathways(1, 3, FEATURES)
        self.assertEqual(again, self.drawn[:3])
        self.assertEqual(courses(1, again[0], 5, FEATURES), courses(1, self.drawn[0], 5, FEATURES))
        self.assertNotEqual(pathways(2, 3, FEATURES), again)

    def test_every_kind_of_condition_is_drawn_and_can_be_written(self):
        seen: Counter = Counter()

        def visit(condition: l.Condition) -> None:
            seen[type(condition)] += 1
            for value in vars(condition).values():
                for one in value if isinstance(value, tuple) else (value,):
                    if isinstance(one, l.Condition):
                        visit(one)

        for pathway in self.drawn:
            for condition in (c for rule in pathway.rules for _, c in rule.levels if c):
                visit(condition)
                written = text(condition)
                self.assertEqual(written.count("("), written.count(")"))
        kinds = {kind for base in (l.Condition, l.Said) for kind in base.__subclasses__()} - {l.Said}
        self.assertEqual(kinds - set(seen), set())

    def test_levels_fall_and_urgent_ones_advise(self):
        for pathway in self.drawn:
            for rule in pathway.rules:
                levels = [level for level, _ in rule.levels]
                self.assertEqual(levels, sorted(set(levels), reverse=True))
            written = definitions.plan_definition(pathway)
            json.dumps(written)
            for action in written["action"]:
                for level in action.get("action", []):
                    names = [e["url"].rsplit("/", 1)[1] for e in level["extension"]]
                    urgent = level["id"].endswith("-urgent") and not level["id"].startswith("N")
                    self.assertEqual("patient-advice" in names, urgent, level["id"])

    def test_no_two_reports_share_a_day(self):
        for pathway in self.drawn:
            self.assertEqual(len(pathway.days()), len(set(pathway.days())))

    def test_courses_have_all_that_happens_each_at_its_instant(self):
        kinds: Counter = Counter()
        for pathway in self.drawn[:30]:
            for course in courses(1, pathway, 20, FEATURES):
                instants = [course.start, *(event.at for event in course.events)]
                self.assertEqual(instants, sorted(set(instants)))
                self.assertTrue(all(instant % GRID == 0 for instant in instants))
                kinds.update(event.kind for event in course.events)
                if course.plain:
                    self.assertLessEqual({event.kind for event in course.events}, {"answer", "accept"})
        wanted = {"answer", "amend", "retract", "pause", "resume", "stop", "accept", "resolve", "snooze", "channel", "hour"}
        self.assertEqual(set(kinds), wanted)


PARIS = ZoneInfo("Europe/Paris")
ALARM = l.Rule("R1", ((l.URGENT, l.Number(NUMBER, ">=", Decimal(8))), (l.SIMPLE, l.Number(NUMBER, ">=", Decimal(5)))))
MISSING = l.Rule("N2", ((l.SIMPLE, None),), True, True)
GRAVE = l.Rule("N3", ((l.URGENT, l.Missed(2)),), True)
TEAM = Team("team", (("nurse", 1), ("doctor", 2)), on_call=("call",))
POLICY = Policy(time(9), time(18), ("email", "sms"), second=240, urgent_minutes=15, simple_minutes=120, notify_answered=True)
PATHWAY = Pathway("p", (YES, NUMBER), (Phase(1, 3, 1),), POLICY, (ALARM, MISSING, GRAVE), (TEAM,))
MAILBOX = Contact("email", "a@example.org")


def at(day: int, hour: int, minute: int = 0) -> int:
    """An instant in Paris; day 1 is 28 March 2026, and in the night to day 2 the clocks change."""
    return int(datetime(2026, 3, 27 + day, hour, minute, tzinfo=PARIS).timestamp())


def course(*events: Event, policy: Policy = POLICY, **more) -> Course:
    """A follow-up of three days in Paris, enrolled at 8 o'clock."""
    pathway = replace(PATHWAY, policy=policy)
    person = l.Person(date(1980, 1, 1), date(2026, 3, 28))
    given = {"team": TEAM, "contacts": (MAILBOX,), **more}
    return Course("c", pathway, person, "Europe/Paris", at(1, 8), events=events, **given)


def answer(day: int, hour: int, number: int = 0, **more) -> Event:
    """An answer, named after its day unless told otherwise."""
    when = at(day, hour)
    given = {"ident": f"a{day}", "authored": when, "form": {"number": [Decimal(number)]}, **more}
    return Event(more.pop("received", when), "answer", **given)


def lived(*events: Event, until: int | None = None, **more):
    """What comes of a course by the end of day 3."""
    return expect(course(*events, **more), until or at(4, 0), FEATURES)


class Expectation(unittest.TestCase):
    """What must follow, said by hand."""

    def test_reminders_of_a_day(self):
        out = lived(answer(2, 8), answer(3, 12))
        reminders = [(day, moment, second) for day, moment, second, _, _ in out.reminders]
        self.assertEqual(reminders, [(1, at(1, 9), False), (1, at(1, 13), True), (3, at(3, 9), False)])
        self.assertEqual([out.reports[day].state for day in (1, 2, 3)], ["missed", "answered", "answered"])
        self.assertEqual((out.status, out.ended), ("completed", at(4, 0)))

    def test_a_day_of_23_hours(self):
        report = lived().reports[2]
        self.assertEqual(report.closes - report.opens, 23 * 3600)

    def test_quiet_hours_put_off_and_may_swallow(self):
        def at_hours(start: time, end: time) -> list[int]:
            out = lived(answer(2, 8), answer(3, 8), policy=replace(POLICY, quiet=(start, end)))
            return [moment for _, moment, *_ in out.reminders]

        self.assertEqual(at_hours(time(9), time(10)), [at(1, 10), at(1, 13)])
        self.assertEqual(at_hours(time(8), time(9)), [at(1, 9), at(1, 13)], "the end is excluded")
        self.assertEqual(at_hours(time(8), time(14)), [at(1, 14)], "both at one instant: one")
        self.assertEqual(at_hours(time(8, 30), time(7)), [])
        self.assertEqual(at_hours(time(12), time(7)), [at(1, 9)])

    def test_the_address_of_the_best_rank(self):
        def medium(*contacts: Contact, **more) -> list[str]:
            return [one[4] for one in lived(answer(2, 8), answer(3, 8), contacts=contacts, **more).reminders][:1]

        mobile, mail = Contact("phone", "+33600000000", 1), Contact("email", "a@example.org", 2)
        self.assertEqual(medium(mail, mobile), ["sms"])
        self.assertEqual(medium(mobile, replace(mail, rank=1)), ["email"], "equal ranks: the channels' order")
        self.assertEqual(medium(Contact("landline", "+3340000000", 1), mail), ["email"])
        out = lived(answer(2, 8), answer(3, 8), contacts=(Contact("landline", "+3340000000"),))
        self.assertEqual([(alert.rule, len(alert.evidence)) for alert in out.alerts], [("T2", 2), ("N2", 1)])

    def test_followed_by_telephone(self):
        out = lived(answer(2, 8), answer(3, 12), channel="phone")
        self.assertEqual(out.reminders, [])
        self.assertEqual(out.calls, {1: (at(1, 9), "failed"), 3: (at(3, 9), "completed")})

    def test_silence_counts_in_a_row_and_a_late_answer_breaks_the_row(self):
        self.assertEqual([(a.rule, a.opened) for a in lived().alerts], [("N2", at(2, 0)), ("N3", at(3, 0))])
        late = answer(2, 20, ident="late", authored=at(1, 20))
        out = lived(late)
        self.assertEqual([(a.rule, a.opened) for a in out.alerts], [("N2", at(2, 0)), ("N3", at(4, 0))])
        self.assertEqual([out.reports[day].state for day in (1, 2, 3)], ["late", "missed", "missed"])
        self.assertEqual(len(out.alerts[0].evidence), 3)

    def test_one_alert_a_rule_that_rises_and_opens_again(self):
        out = lived(answer(1, 10, 5), answer(2, 10, 9), Event(at(2, 12), "resolve", rule="R1"), answer(3, 10, 5))
        first, second = (alert for alert in out.alerts if alert.rule == "R1")
        self.assertEqual(first.evidence, [("a1", 2, at(1, 10)), ("a2", 3, at(2, 10))])
        self.assertEqual((first.level, first.closed, second.opened), (3, at(2, 12), at(3, 10)))

    def test_an_amendment_judges_what_came_later_again(self):
        change = replace(answer(1, 10, 9), kind="amend", at=at(3, 8))
        out = lived(answer(1, 10), answer(2, 10), change)
        self.assertEqual([(a.opened, a.evidence) for a in out.alerts if a.rule == "R1"], [(at(3, 8), [("a1", 3, at(3, 8))])])

    def test_pause_and_stop(self):
        out = lived(Event(at(1, 12), "pause"), Event(at(2, 12), "resume"), Event(at(3, 10), "stop"))
        self.assertEqual([out.reports[day].state for day in (1, 2, 3)], ["paused", "paused", "follow-up-ended"])
        self.assertEqual([moment for _, moment, *_ in out.reminders], [at(1, 9), at(3, 9)])
        self.assertEqual((out.status, out.ended, out.alerts), ("revoked", at(3, 10), []))
        self.assertEqual(lived(Event(at(3, 10), "pause")).status, "completed")

    def test_an_alert_that_nobody_takes_is_passed_on(self):
        out = lived(answer(1, 10, 9), until=at(1, 12))
        told = [(to, (moment - at(1, 10)) // 60) for _, to, moment in out.escalations]
        self.assertEqual(told[:2], [("doctor", 15), ("call", 30)])
        again = sorted({minutes for _, minutes in told[2:]})
        self.assertEqual(again, [45, 75])
        self.assertEqual(len(told[2:]), 6)
        taken = lived(answer(1, 10, 9), Event(at(1, 10, 15), "accept", rule="*"), until=at(1, 12))
        self.assertEqual(len(taken.escalations), 1)

    def test_a_simple_alert_waits_in_hours_of_cover(self):
        team = replace(TEAM, zone="Europe/Paris", cover=((("mon",), time(8), time(9)), (("mon",), time(14), time(18))))
        out = lived(answer(1, 10, 5), until=at(4, 12), team=team)
        steps = [(to, moment) for name, to, moment in out.escalations if name.startswith("R1")]
        # Day 3 is Monday: an hour, then the second one from 14 to 15; two more until 17.
        self.assertEqual(steps, [("doctor", at(3, 15)), ("call", at(3, 17))])
        self.assertFalse(cover.covered(team, "Europe/Paris", at(3, 9)))
        self.assertTrue(cover.covered(team, "Europe/Paris", at(3, 8)))

    def test_an_urgent_alert_out_of_hours_is_told_to_who_is_on_call(self):
        team = replace(TEAM, cover=((("mon",), time(8), time(18)),))
        out = lived(answer(1, 10, 9), until=at(1, 10), team=team)
        self.assertEqual([to for kind, to, *_ in out.messages if kind == "needs-action"], ["nurse", "call"])


class Comparison(unittest.TestCase):
    """Each kind of fault is seen."""

    def setUp(self):
        self.wanted = lived(answer(1, 10, 9), answer(2, 8))

    def faults(self, change) -> set[tuple[str, str]]:
        found, verdict = copy.deepcopy(self.wanted), Verdict()
        change(found)
        verdict.take("c", self.wanted, found)
        return {(fault, kind) for kind, counts in verdict.counts.items() for fault in counts if fault != "expected"}

    def test_the_same_is_clean(self):
        self.assertEqual(self.faults(lambda out: None), set())

    def test_missed_extra_doubled_and_different(self):
        self.assertEqual(self.faults(lambda out: out.alerts.pop()), {("missed", "alert")})
        self.assertEqual(self.faults(lambda out: out.reminders.pop(0)), {("missed", "reminder")})
        self.assertEqual(self.faults(lambda out: out.reminders.append(out.reminders[0])), {("doubled", "reminder")})
        self.assertEqual(self.faults(lambda out: out.messages.append(("answered", "x", 0, ""))), {("extra", "message")})
        self.assertEqual(self.faults(lambda out: setattr(out.alerts[0], "level", 1)), {("different", "alert")})
        self.assertEqual(self.faults(lambda out: out.escalations.pop()), {("missed", "escalation")})
        self.assertEqual(self.faults(lambda out: setattr(out, "ended", 0)), {("different", "end")})
        late = {("extra", "missed"), ("different", "report")}
        self.assertEqual(self.faults(lambda out: setattr(out.reports[1], "state", "late")), late)


class Simulation(unittest.TestCase):
    """The reply of `$simulate` is read into the facts of a life."""

    def test_a_reply_and_the_life_that_it_tells(self):
        events = (answer(1, 10, 5), answer(2, 10, 9))
        told = course(*events, plain=True)
        out = expect(told, at(2, 10), FEATURES)

        def parameter(name: str, **values) -> dict:
            kinds = {"at": "valueInstant", "opens": "valueInstant", "closes": "valueInstant", "day": "valueInteger", "second": "valueBoolean"}
            return {"name": name, "part": [{"name": k.rstrip("_"), kinds.get(k, "valueCode"): v} for k, v in values.items()]}

        def utc(moment: int) -> str:
            return datetime.fromtimestamp(moment, ZoneInfo("UTC")).isoformat()

        states = {1: "answered", 2: "answered", 3: "requested"}
        days = [parameter("day", day=d, opens=utc(at(d, 0)), closes=utc(at(d + 1, 0)), outcome=states[d]) for d in states]
        reply = [
            *days,
            *(parameter("reminder", day=d, at=utc(at(d, 9)), second=False) for d in (1, 2)),
            parameter("alert", rule="R1", level="simple", at=utc(at(1, 10)), source="answer-1"),
            parameter("rise", rule="R1", level="urgent", at=utc(at(2, 10)), source="answer-2"),
            parameter("escalation", rule="R1", at=utc(at(1, 12)), to="Practitioner/doctor"),
            parameter("escalation", rule="R1", at=utc(at(1, 14)), to="Practitioner/call"),
            *(parameter("message", kind="answered", at=utc(at(d, 10)), to=f"Practitioner/{who}") for d in (1, 2) for who in ("nurse", "doctor")),
            parameter("message", kind="needs-action", at=utc(at(1, 10)), to="Practitioner/nurse"),
            parameter("message", kind="needs-action-raised", at=utc(at(2, 10)), to="Practitioner/nurse"),
            parameter("end", status="active"),
        ]
        facts = simulated.told(told, {"parameter": reply})
        self.assertEqual(facts, simulated.lived(out))
        facts = simulated.told(told, {"parameter": reply[:-1]})
        self.assertNotEqual(facts, simulated.lived(out))

    def test_the_question_tells_answers_and_acknowledgements(self):
        told = course(answer(1, 10, 5), Event(at(1, 11), "accept", rule="*"))
        names = Counter(p["name"] for p in simulated.question(told, at(4, 0))["parameter"])
        self.assertEqual((names["answer"], names["acknowledge"]), (1, 3))

    def test_an_answer_as_fhir(self):
        body = response(course(), answer(1, 10, 5))
        self.assertEqual(body["item"][0]["linkId"], "all")
        self.assertEqual(body["item"][0]["item"][0]["answer"], [{"valueInteger": 5}])


if __name__ == "__main__":
    unittest.main()
