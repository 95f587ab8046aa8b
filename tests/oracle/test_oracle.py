"""Tests of the oracle itself: it must accept what is right and see each fault.

    python3 -m unittest discover -s tests/oracle
"""

from __future__ import annotations

import copy
import json
import threading
import unittest
from datetime import date, datetime, time, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from zoneinfo import ZoneInfo

import fetch
import schedule
from cohort import BASE, read
from mini import Mini, coded, local, quantity, yes
from oracle import Settings, check, expected
from rules import Case, Form, Person, judge, reached_age

QR = "QuestionnaireResponse/"


def verdict(mini: Mini):
    """Checks a dump."""
    return check(read(mini.dump()))


def levels(pathway: str, now: dict, *earlier: dict, day: int = 3, **person: object) -> dict[str, int]:
    """Findings on one answer given as items."""
    forms = [form(items) for items in (*earlier, now)]
    return judge(pathway, Case(forms[-1], forms[:-1], day, Person(**person)))


def form(items: dict) -> Form:
    """A form from items."""
    return Form.of({"item": [{"linkId": k, "answer": v if isinstance(v, list) else [v]} for k, v in items.items()]})


class Rules(unittest.TestCase):
    """Each rule at its thresholds."""

    def only(self, wanted: dict[str, int], now: dict, *earlier: dict, pathway: str = "covid-medical", **more) -> None:
        self.assertEqual(levels(pathway, now, *earlier, **more), wanted)

    def test_an_empty_answer_finds_nothing_on_any_pathway(self):
        for pathway in ("covid-medical", "covid-case", "covid-contact"):
            self.only({}, {}, {}, {}, pathway=pathway)

    def test_breathlessness(self):
        self.only({"U1": 3}, {"dyspnea.speech": yes()})
        self.only({"U1": 3, "S1": 2}, {"dyspnea.severity": coded("severity-0-4", "4")})
        self.only({"S1": 2}, {"dyspnea.severity": coded("severity-0-4", "3")})

    def test_saturation_thresholds(self):
        self.only({"U2": 3}, {"spo2.value": quantity("92")})
        self.only({"S2": 2}, {"spo2.value": quantity("92.5")})
        self.only({"S2": 2}, {"spo2.value": quantity("94")})
        self.only({}, {"spo2.value": quantity("95")})
        self.only({"S2": 3}, {"spo2.value": quantity("94")}, risk_factor=True)
        self.only({"S2": 3}, {"spo2.value": quantity("94"), "dyspnea.severity": coded("severity-0-4", "2")})

    def test_an_individual_threshold_moves_both_bands(self):
        self.only({}, {"spo2.value": quantity("91")}, spo2_threshold=88)
        self.only({"S2": 2}, {"spo2.value": quantity("90")}, spo2_threshold=88)
        self.only({"U2": 3}, {"spo2.value": quantity("88")}, spo2_threshold=88)

    def test_rates(self):
        rates = {"21": {}, "22": {"U3": 2}, "24": {"U3": 2}, "25": {"U3": 3}}
        for rate, wanted in rates.items():
            self.only(wanted, {"resp.rate": {"valueInteger": int(rate)}})
        pulses = {"99": {}, "100": {"U6": 2}, "110": {"U6": 2}, "111": {"U6": 3}}
        for pulse, wanted in pulses.items():
            self.only(wanted, {"heart.rate": {"valueInteger": int(pulse)}})

    def test_danger_and_intake(self):
        for link in ("danger.chest", "danger.lips", "danger.syncope", "danger.confusion"):
            self.only({"U4": 3}, {link: yes()}, pathway="covid-case")
            self.only({}, {link: yes(False)}, pathway="covid-case")
        self.only({"U5": 3}, {"intake.unable": yes()})

    def test_a_rise_needs_a_zero_before_on_the_same_scale(self):
        low, high = coded("frequency-0-4", "0"), coded("frequency-0-4", "2")
        self.only({"S3": 2}, {"gi.frequency": high}, {"gi.frequency": low})
        self.only({}, {"gi.frequency": high}, {})
        self.only({}, {"gi.frequency": high}, {"gi.frequency": low}, {"gi.frequency": coded("frequency-0-4", "1")})

    def test_general_feeling_counts_for_s1_and_not_for_s3(self):
        self.only({"S1": 2}, {"general.feeling": coded("feeling-0-4", "3")}, {"general.feeling": coded("feeling-0-4", "0")})

    def test_fever_that_lasts_or_returns(self):
        def temp(*values: str) -> list[dict]:
            return [{"temp.value": quantity(v)} if v else {} for v in values]

        self.only({"S5": 2}, *temp("38", "38.2", "38"))
        self.only({}, *temp("38", "38.2", ""))
        self.only({}, *temp("38", "", "38.2", "38.1")[:1], *temp("38.2", "", "38.1"))
        self.only({"S5": 2}, *temp("38", "37.2", "37"), day=6)
        self.only({"S5": 2}, *temp("38", "37.2", "37"), day=12)
        self.only({}, *temp("38", "37.2", "37"), day=5)
        self.only({}, *temp("38", "37.2", "37"), day=13)
        self.only({"S4": 2}, *temp("39"))
        self.only({"S4": 2}, *temp("35.4"))
        self.only({}, *temp("35.5"))

    def test_worse_twice_in_a_row(self):
        worse, same = {"general.trend": coded("trend3", "worse")}, {"general.trend": coded("trend3", "same")}
        self.only({"S6": 2}, worse, worse)
        self.only({}, worse, worse, same)
        self.only({}, worse)

    def test_minor_signs_and_risk(self):
        two = {"fatigue.bed": yes(), "headache.intolerable": yes()}
        self.only({"S7": 2}, two)
        self.only({"S7": 3}, two, birth_date="1950-05-01", start_date="2026-03-02")
        self.only({}, {"fatigue.bed": yes()})

    def test_saturation_falls_against_the_last_three_values(self):
        def spo2(*values: str) -> list[dict]:
            return [{"spo2.value": quantity(v)} if v else {} for v in values]

        self.only({"S10": 2}, *spo2("95", "99", "98", "90")[:1], *spo2("99", "", "98", "95"))
        self.only({}, *spo2("95"), *spo2("98", "98"))
        self.only({}, *spo2("95"), *spo2("99", "97", "97", "98"))

    def test_support(self):
        self.only({"S9": 2}, {"isolation.able": yes(False)}, pathway="covid-contact")
        self.only({}, {"isolation.needs": coded("support-need", "none")})
        self.only({"S9": 2}, {"isolation.needs": [coded("support-need", "none"), coded("support-need", "food")]})
        self.only({"S8": 2}, {"callback": yes()})

    def test_contacts(self):
        unknown, sure = coded("ynu", "unknown"), coded("ynu", "yes")
        self.only({"C1": 2}, {"smell.loss": sure}, pathway="covid-contact")
        self.only({"C1": 2}, {"cough.severity": yes()}, pathway="covid-contact")
        self.only({}, {"chills": sure, "throat": unknown}, pathway="covid-contact")
        self.only({"C1": 2}, {"chills": sure, "gi.frequency": coded("frequency-0-4", "1")}, pathway="covid-contact")
        self.only({}, {"temp.feverish": sure, "temp.value": quantity("38")}, pathway="covid-contact")
        self.only({"C2": 2}, {"test.result": coded("test-result", "positive")}, pathway="covid-contact")

    def test_age_of_risk(self):
        self.assertTrue(reached_age("1961-03-02", "2026-03-02"))
        self.assertFalse(reached_age("1961-03-03", "2026-03-02"))
        self.assertTrue(reached_age("1960", "2026-03-02"))
        self.assertFalse(reached_age("1961", "2026-03-02"))
        self.assertTrue(reached_age("1956-02-29", "2021-02-28"))


class Replay(unittest.TestCase):
    """How findings become flags."""

    def setUp(self):
        self.mini = Mini()

    def clean(self):
        found = verdict(self.mini)
        self.assertEqual(found.lines, [])

    def test_second_answer_adds_evidence(self):
        self.mini.answer("a", local(1), {"callback": yes()})
        self.mini.answer("b", local(2), {"callback": yes()})
        self.mini.flag("S8", local(1), "simple", [QR + "a", QR + "b"])
        self.clean()

    def test_a_rise_keeps_the_flag_and_a_fall_does_not_lower_it(self):
        for day, rate in ((1, 22), (2, 25), (3, 23)):
            self.mini.answer(f"a{day}", local(day), {"resp.rate": {"valueInteger": rate}})
        self.mini.flag("U3", local(1), "urgent", [QR + "a1", QR + "a2", QR + "a3"])
        self.clean()

    def test_after_closing_a_new_flag_opens(self):
        self.mini.answer("a", local(1), {"callback": yes()})
        self.mini.answer("b", local(3), {"callback": yes()})
        self.mini.flag("S8", local(1), "simple", [QR + "a"], closed=local(2))
        self.mini.flag("S8", local(3), "simple", [QR + "b"])
        self.clean()

    def test_closing_at_the_instant_of_an_answer_goes_by_the_evidence(self):
        self.mini.answer("a", local(1), {"callback": yes()})
        self.mini.answer("b", local(2), {"callback": yes()})
        self.mini.flag("S8", local(1), "simple", [QR + "a", QR + "b"], closed=local(2))
        self.clean()

    def test_a_late_answer_has_the_next_one_judged_again(self):
        self.mini.answer("d3", local(3), {"general.trend": coded("trend3", "worse")})
        self.mini.answer("d2", local(2), {"general.trend": coded("trend3", "worse")}, received=local(4))
        self.mini.flag("S6", local(4), "simple", [QR + "d3"])
        self.clean()

    def test_an_amended_answer_raises_once(self):
        self.mini.answer("a", local(1), {"callback": yes(False)})
        self.mini.answer("a", local(1), {"callback": yes()}, received=local(2), status="amended")
        self.mini.answer("a", local(1), {"callback": yes()}, received=local(3), status="amended")
        self.mini.flag("S8", local(2), "simple", [QR + "a"])
        self.clean()

    def test_evidence_given_to_a_closed_flag_opens_no_other(self):
        self.mini.answer("a", local(1), {"callback": yes()})
        self.mini.answer("a", local(1), {"callback": yes(), "note": {"valueString": "."}}, received=local(3), status="amended")
        self.mini.flag("S8", local(1), "simple", [QR + "a"], closed=local(2))
        self.clean()

    def test_an_unfinished_answer_counts_for_nothing(self):
        self.mini.answer("a", local(1), {"callback": yes()}, status="in-progress")
        self.clean()

    def test_silence(self):
        for day in (1, 2, 3):
            self.mini.report(day)
        self.mini.answer("a", local(2), {})
        self.mini.flag("N2", local(2, "00:00"), "simple", ["Task/t1", "Task/t3"])
        self.clean()

    def at_risk(self, pathway: str = "covid-medical"):
        self.mini = Mini(pathway, born="1950-01-01")

    def test_two_missed_in_a_row_at_risk_are_urgent(self):
        self.at_risk()
        for day in (1, 2, 3, 4):
            self.mini.report(day)
        self.mini.answer("a", local(2), {})
        self.mini.flag("N2", local(2, "00:00"), "simple", ["Task/t1", "Task/t3", "Task/t4"])
        self.mini.flag("N3", local(5, "00:00"), "urgent", ["Task/t4"])
        self.clean()

    def test_two_missed_in_a_row_without_a_risk_are_not(self):
        for day in (1, 2):
            self.mini.report(day)
        self.mini.flag("N2", local(2, "00:00"), "simple", ["Task/t1", "Task/t2"])
        self.clean()

    def test_a_report_called_off_neither_counts_nor_breaks_the_row(self):
        self.at_risk()
        self.mini.report(1)
        self.mini.report(2, ("cancelled", local(2)))
        self.mini.report(3)
        self.mini.flag("N2", local(2, "00:00"), "simple", ["Task/t1", "Task/t3"])
        self.mini.flag("N3", local(4, "00:00"), "urgent", ["Task/t3"])
        self.clean()

    def test_one_missed_while_a_simple_alert_is_open_is_urgent_at_risk(self):
        self.at_risk()
        self.mini.report(2)
        self.mini.answer("a", local(1), {"callback": yes()})
        self.mini.flag("S8", local(1), "simple", [QR + "a"])
        self.mini.flag("N2", local(3, "00:00"), "simple", ["Task/t2"])
        self.mini.flag("N3", local(3, "00:00"), "urgent", ["Task/t2"])
        self.clean()

    def test_one_missed_after_the_simple_alert_was_handled_is_not(self):
        self.at_risk()
        self.mini.report(2)
        self.mini.answer("a", local(1), {"callback": yes()})
        self.mini.flag("S8", local(1), "simple", [QR + "a"], closed=local(2))
        self.mini.flag("N2", local(3, "00:00"), "simple", ["Task/t2"])
        self.clean()

    def test_the_agency_has_no_urgent_silence(self):
        self.at_risk("covid-case")
        for day in (1, 2):
            self.mini.report(day)
        self.mini.flag("N2", local(2, "00:00"), "simple", ["Task/t1", "Task/t2"])
        self.clean()

    def test_a_late_answer_breaks_the_row_from_then_on(self):
        self.at_risk()
        for day in (1, 2):
            self.mini.report(day)
        self.mini.answer("a", local(1, "23:00"), {}, received=local(2, "08:00"))
        self.mini.flag("N2", local(2, "00:00"), "simple", ["Task/t1", "Task/t2"])
        self.clean()

    def test_an_answer_after_the_window_does_not_undo_the_silence(self):
        self.mini.report(1)
        self.mini.answer("a", local(1, "23:00"), {}, received=local(2, "08:00"))
        self.mini.flag("N2", local(2, "00:00"), "simple", ["Task/t1"])
        self.clean()

    def test_no_silence_after_a_stop_but_for_the_days_before(self):
        self.mini.report(1)
        self.mini.report(2)
        self.mini.plan_status("revoked", local(2))
        self.mini.flag("N2", local(2, "00:00"), "simple", ["Task/t1"])
        self.clean()

    def test_completion_at_the_end_of_the_last_window_keeps_its_silence(self):
        self.mini.report(14)
        self.mini.plan_status("completed", local(15, "00:00"))
        self.mini.flag("N2", local(15, "00:00"), "simple", ["Task/t14"])
        self.clean()

    def test_a_window_that_has_not_ended_is_no_silence(self):
        self.mini.report(15)
        self.clean()

    def test_a_report_called_off_is_no_silence(self):
        self.mini.report(1, ("cancelled", local(1, "12:00")))
        self.clean()

    def test_the_day_of_a_date_only_answer_is_that_day(self):
        self.mini.report(2)
        self.mini.answer("a", "2026-03-03", {}, received=local(2))
        self.clean()

    def test_individual_threshold_from_the_plan(self):
        url = BASE + "/StructureDefinition/spo2-urgent-threshold"
        self.mini = Mini(more=[{"url": url, "valueDecimal": "88"}])
        self.mini.answer("a", local(1), {"spo2.value": quantity("91")})
        self.clean()

    def test_expected_alerts_are_found_without_any_flag(self):
        self.mini.answer("a", local(1), {"danger.chest": yes()})
        cohort = read(self.mini.dump())
        alerts = expected(cohort, "Patient/p", Settings())
        self.assertEqual([(a.level, a.evidence) for a in alerts["U4"]], [(3, {QR + "a"})])


class TwoPathways(unittest.TestCase):
    """A contact who became a case: two plans, the same question answered on both."""

    def setUp(self):
        self.mini = Mini("covid-contact")
        self.mini.answer("a", local(1), {"callback": yes()})
        second = {**self.mini.plan, "id": "second", "instantiatesCanonical": [f"{BASE}/PlanDefinition/covid-case|1.0.0"]}
        self.mini.resources["CarePlan"].append([second])
        self.mini.answer("b", local(2), {"callback": yes()})
        self.mini.resources["QuestionnaireResponse"][1][0]["basedOn"] = [{"reference": "CarePlan/second"}]

    def found(self, per_pathway: bool):
        return check(read(self.mini.dump()), Settings(per_pathway=per_pathway)).lines

    def test_one_flag_per_patient_and_rule(self):
        self.mini.flag("S8", local(1), "simple", [QR + "a", QR + "b"])
        self.assertEqual(self.found(per_pathway=False), [])
        self.assertNotEqual(self.found(per_pathway=True), [])

    def test_one_flag_per_patient_pathway_and_rule(self):
        self.mini.flag("S8", local(1), "simple", [QR + "a"])
        self.mini.pathway = "covid-case"
        self.mini.flag("S8", local(2), "simple", [QR + "b"])
        self.assertEqual(self.found(per_pathway=True), [])
        self.assertNotEqual(self.found(per_pathway=False), [])


class Mutations(unittest.TestCase):
    """A right dump, then one fault at a time."""

    def setUp(self):
        self.mini = Mini()
        self.mini.report(1)
        self.mini.answer("a", local(2), {"callback": yes(), "resp.rate": {"valueInteger": 25}})
        self.mini.answer("b", local(3), {"callback": yes()})
        self.mini.flag("N2", local(2, "00:00"), "simple", ["Task/t1"])
        self.mini.flag("S8", local(2), "simple", [QR + "a", QR + "b"])
        self.mini.flag("U3", local(2), "urgent", [QR + "a"])
        self.flags = self.mini.resources["Flag"]
        self.assertTrue(verdict(self.mini).clean())

    def expect(self, **counts: int):
        found = verdict(self.mini)
        kinds = ("missed", "extra", "duplicate", "different", "technical")
        self.assertEqual({k: found.counts[k] for k in kinds if found.counts[k]}, counts)
        self.assertFalse(found.clean())

    def test_removed_flag(self):
        for place in range(3):
            with self.subTest(place):
                kept = self.flags.pop(place)
                self.expect(missed=1)
                self.flags.insert(place, kept)

    def test_doubled_flag(self):
        for place in range(3):
            with self.subTest(place):
                double = copy.deepcopy(self.flags[place])
                double[0]["id"] = "double"
                self.flags.append(double)
                self.expect(duplicate=1)
                self.flags.pop()

    def test_doubled_and_closed_flag(self):
        double = copy.deepcopy(self.flags[1])
        double.append({**double[0], "status": "inactive", "meta": {"lastUpdated": local(5)}})
        for version in double:
            version["id"] = "double"
        self.flags.append(double)
        self.assertFalse(verdict(self.mini).clean())

    def test_wrong_level(self):
        self.flags[2][0]["extension"][0]["valueCodeableConcept"]["coding"][0]["code"] = "PM"
        self.expect(different=1)

    def test_lost_evidence(self):
        self.flags[1][0]["extension"].pop()
        self.expect(different=1)

    def test_wrong_time(self):
        self.flags[1][0]["period"]["start"] = local(2, "10:01")
        self.expect(different=1)

    def test_wrong_rule_version(self):
        self.flags[1][0]["extension"][1]["valueCanonical"] = "https://vigie.example/fhir/PlanDefinition/covid-case|1.0.0#S8"
        self.expect(different=1)

    def test_flag_without_cause(self):
        self.mini.flag("U5", local(4), "urgent", [QR + "b"])
        self.expect(extra=1)

    def test_flag_of_another_patient(self):
        self.flags[0][0]["subject"]["reference"] = "Patient/q"
        found = verdict(self.mini)
        self.assertEqual((found.counts["missed"], found.counts["extra"]), (1, 1))

    def test_technical_alert_is_never_expected(self):
        self.mini.flag("T1", local(2), "simple", [QR + "a"])
        self.expect(technical=1)

    def test_a_message_not_delivered_is_no_matter_of_answers(self):
        self.mini.flag("T2", local(2), "simple", ["Communication/c"])
        self.assertTrue(verdict(self.mini).clean())

    def test_flags_of_other_kinds_are_left_alone(self):
        self.flags.append([{**self.flags[0][0], "id": "other", "code": {"text": "falls"}}])
        self.assertTrue(verdict(self.mini).clean())


class Fetching(unittest.TestCase):
    """Paging and histories against a tiny server."""

    def test_all_pages_and_the_histories_that_matter(self):
        def flag(ident: str, version: int, status: str) -> dict:
            return {"resourceType": "Flag", "id": ident, "status": status, "meta": {"versionId": str(version)}}

        def bundle(*resources: dict, following: str = "") -> dict:
            links = [{"relation": "next", "url": following}] if following else []
            return {"entry": [{"resource": r} for r in resources], "link": links, "meta": {"lastUpdated": "2026-03-02T00:00:00Z"}}

        replies = {
            "/fhir/Flag?_count=500": bundle(flag("a", 1, "active"), following="/fhir/Flag?page=2"),
            "/fhir/Flag?page=2": bundle(flag("b", 2, "inactive")),
            "/fhir/Flag/b/_history?_count=500": bundle(flag("b", 2, "inactive"), flag("b", 1, "active")),
            "/clock": "2026-03-09T00:00:00Z",
        }

        class Server(BaseHTTPRequestHandler):
            def do_GET(self):
                body = json.dumps(replies.get(self.path, bundle())).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Server)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        dump = fetch.fetch(f"http://127.0.0.1:{server.server_port}/fhir/")
        self.assertEqual(dump["asOf"], "2026-03-09T00:00:00Z")
        versions = [[(v["id"], v["status"]) for v in one] for one in dump["resources"]["Flag"]]
        self.assertEqual(versions, [[("a", "active")], [("b", "active"), ("b", "inactive")]])


class Schedule(unittest.TestCase):
    """Clock changes and the cut-off."""

    def at(self, zone: str, text: str) -> int:
        return int(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp())

    def test_a_skipped_time_is_the_first_instant_after_the_gap(self):
        paris = ZoneInfo("Europe/Paris")
        found = schedule.local_instant(date(2026, 3, 29), time(2, 30), paris)
        self.assertEqual(found, int(datetime.fromisoformat("2026-03-29T01:00:00+00:00").timestamp()))

    def test_a_doubled_time_is_its_first_occurrence(self):
        found = schedule.local_instant(date(2026, 10, 25), time(2, 30), ZoneInfo("Europe/Paris"))
        self.assertEqual(found, int(datetime.fromisoformat("2026-10-25T00:30:00+00:00").timestamp()))

    def test_a_half_hour_gap(self):
        found = schedule.local_instant(date(2026, 10, 4), time(2, 10), ZoneInfo("Australia/Lord_Howe"))
        self.assertEqual(found, int(datetime.fromisoformat("2026-10-03T15:30:00+00:00").timestamp()))

    def test_a_midnight_that_does_not_exist(self):
        cairo = ZoneInfo("Africa/Cairo")
        found = schedule.local_instant(date(2026, 4, 24), time(0), cairo)
        self.assertEqual(datetime.fromtimestamp(found, cairo).strftime("%H:%M"), "01:00")

    def test_days_of_a_clock_change_last_23_or_25_hours(self):
        rows = schedule.days(ZoneInfo("Europe/Paris"), self.at("Europe/Paris", "2026-03-20T10:00"), time(9), time(18), 14)
        self.assertEqual([(r[3] - r[2]) // 3600 for r in rows if r[1] == "2026-03-29"], [23])
        self.assertEqual([r[0] for r in rows], list(range(1, 15)))

    def test_the_cut_off_itself_is_still_today(self):
        for clock, first in (("18:00:00", "2026-03-20"), ("18:00:01", "2026-03-21"), ("23:59:00", "2026-03-21")):
            rows = schedule.days(ZoneInfo("Asia/Kolkata"), self.at("Asia/Kolkata", f"2026-03-20T{clock}"), time(9), time(18), 1)
            self.assertEqual(rows[0][1], first)

    def test_windows_join_without_gap_or_overlap(self):
        for zone in schedule.ZONES:
            rows = schedule.days(ZoneInfo(zone), self.at(zone, "2026-01-01T10:00"), time(2, 30), time(18), 400)
            for today, tomorrow in zip(rows, rows[1:]):
                self.assertEqual(today[3], tomorrow[2])
                self.assertTrue(today[2] <= today[4] < today[3])

    def test_there_are_12000_combinations(self):
        self.assertEqual(sum(1 for _ in schedule.combinations()), 12_000)


if __name__ == "__main__":
    unittest.main()
