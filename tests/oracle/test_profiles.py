"""Checks that the resources of profiles/ fit together.

What a reader of the JSON cannot see at a glance: every linkId that a rule
names is in the form it judges, every code it compares with is in its code
system, every reference between files leads somewhere, and nothing lacks its
English.
"""

from __future__ import annotations

import json
import pathlib
import re
import unittest

import rules

ROOT = pathlib.Path(__file__).resolve().parents[2] / "profiles"
BASE = "https://vigie.example/fhir/"
TRANSLATION = "http://hl7.org/fhir/StructureDefinition/translation"
LEVELS = {"urgent": 3, "simple": 2, "info": 1}
WORDS = ("title", "text", "display", "description")


def no_duplicates(pairs: list) -> dict:
    """Refuses an object that has a key twice."""
    keys = [key for key, _ in pairs]
    if len(keys) != len(set(keys)):
        raise ValueError(f"duplicate key among {keys}")
    return dict(pairs)


def load() -> dict[str, dict]:
    """All resources by file name; the examples belong to no pathway that the oracle knows."""
    files = sorted(f for f in ROOT.glob("*/*.json") if f.parent.name != "examples")
    return {f.name: json.loads(f.read_text(encoding="utf-8"), object_pairs_hook=no_duplicates) for f in files}


RESOURCES = load()
BY_URL = {r["url"]: r for r in RESOURCES.values() if "url" in r}
PLANS = [r for r in RESOURCES.values() if r["resourceType"] == "PlanDefinition"]
FORMS = [r for r in RESOURCES.values() if r["resourceType"] == "Questionnaire"]


def walk(value: object):
    """Every object inside a value."""
    if isinstance(value, dict):
        yield value
        for inner in value.values():
            yield from walk(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from walk(inner)


def items(form: dict) -> dict[str, dict]:
    """Items by linkId; a linkId twice is an error."""
    found: dict[str, dict] = {}
    for one in walk(form["item"]):
        if "linkId" in one:
            if one["linkId"] in found:
                raise ValueError(f"{form['id']}: {one['linkId']} twice")
            found[one["linkId"]] = one
    return found


def form_of(plan: dict) -> dict:
    """The one Questionnaire of a pathway."""
    (canonical,) = {a["definitionCanonical"] for a in plan["action"] if "definitionCanonical" in a}
    url, version = canonical.split("|")
    assert BY_URL[url]["version"] == version
    return BY_URL[url]


def rules_of(plan: dict) -> list[dict]:
    """The rule actions of a pathway."""
    return [a for a in plan["action"] if a["code"][0]["coding"][0]["code"] == "alert-rule"]


def expressions(plan: dict):
    """(rule id, expression) of each level that has a condition."""
    for rule in rules_of(plan):
        for level in rule["action"]:
            for condition in level.get("condition", []):
                yield rule["id"], condition["expression"]["expression"]


def extension(holder: dict, name: str, kind: str) -> object:
    """The value of one of our extensions."""
    url = BASE + "StructureDefinition/" + name
    return next((e[kind] for e in holder.get("extension", []) if e["url"] == url), None)


def codes(system: str) -> set[str]:
    """Codes of one of our code systems."""
    return {concept["code"] for concept in BY_URL[system]["concept"]}


class Files(unittest.TestCase):
    """Names, addresses, languages."""

    def test_file_names_say_what_they_hold(self):
        for name, resource in RESOURCES.items():
            self.assertEqual(name, f"{resource['resourceType']}-{resource['id']}.json")

    def test_canonicals(self):
        for resource in RESOURCES.values():
            if resource["resourceType"] != "NamingSystem":
                self.assertEqual(resource["url"], f"{BASE}{resource['resourceType']}/{resource['id']}")
                self.assertEqual((resource["version"], resource["status"]), ("1.0.0", "active"))

    def test_all_words_have_their_english(self):
        for name, resource in RESOURCES.items():
            self.assertEqual(resource["language"], "fr", name)
            for one in walk(resource):
                if "url" in one and "content" in str(one.get("extension", "")) or "designation" in one:
                    continue
                for word in WORDS:
                    if isinstance(one.get(word), str) and not self.is_unit(one):
                        with self.subTest(file=name, words=one[word]):
                            self.assertTrue(self.english(one.get("_" + word)))

    def is_unit(self, one: dict) -> bool:
        return one.get("system") == "http://unitsofmeasure.org"

    def english(self, shadow: dict | None) -> bool:
        for found in (shadow or {}).get("extension", []):
            parts = {p["url"]: p for p in found["extension"]}
            content = [v for k, v in parts["content"].items() if k.startswith("value")]
            if found["url"] == TRANSLATION and parts["lang"]["valueCode"] == "en" and content[0].strip():
                return True
        return False

    def test_our_own_addresses_lead_somewhere(self):
        fixed = {BASE + "NamingSystem/report", BASE + "NamingSystem/sms-number"}
        pattern = re.compile(re.escape(BASE) + r"[A-Za-z]+/[A-Za-z0-9.-]+")
        for name, resource in RESOURCES.items():
            for address in pattern.findall(json.dumps(resource)):
                self.assertIn(address, set(BY_URL) | fixed, name)

    def test_rule_codes_are_the_rules(self):
        used = {rule["id"] for plan in PLANS for rule in rules_of(plan)}
        self.assertEqual(codes(BASE + "CodeSystem/alert-rule"), used | {"T1", "T2", "T3", "T4"})


class Forms(unittest.TestCase):
    """Questionnaires."""

    def test_every_condition_names_a_question_before_it(self):
        for form in FORMS:
            seen: set[str] = set()
            for link, item in items(form).items():
                for when in item.get("enableWhen", []):
                    self.assertIn(when["question"], seen)
                seen.add(link)

    def test_questions_stand_in_groups_and_never_under_questions(self):
        for form in FORMS:
            for item in items(form).values():
                self.assertEqual("item" in item, item["type"] == "group")

    def test_options_are_in_their_code_system(self):
        for form in FORMS:
            for item in items(form).values():
                for option in item.get("answerOption", []):
                    self.assertIn(option["valueCoding"]["code"], codes(option["valueCoding"]["system"]))


class Pathways(unittest.TestCase):
    """Phases and rules."""

    def test_report_days(self):
        wanted = {"covid-medical": [*range(1, 9), 10, 12, 14], "covid-contact": list(range(1, 15))}
        wanted["covid-case"] = wanted["covid-medical"]
        for plan in PLANS:
            found: list[int] = []
            for phase in plan["action"]:
                if "timingTiming" in phase:
                    repeat = phase["timingTiming"]["repeat"]
                    after = sum(related["offsetDuration"]["value"] for related in phase.get("relatedAction", []))
                    found += [1 + after + place * repeat["period"] for place in range(repeat["count"])]
            self.assertEqual(found, wanted[plan["id"]])

    def test_rules_are_those_of_the_oracle(self):
        for plan in PLANS:
            judged = {rule["id"] for rule in rules_of(plan)}
            self.assertEqual(judged, set(rules.PATHWAYS[plan["id"]]) | set(rules.SILENCE[plan["id"]]))

    def test_every_link_id_of_a_rule_is_in_the_form(self):
        for plan in PLANS:
            known = set(items(form_of(plan)))
            for rule, expression in expressions(plan):
                lists = " ".join(re.findall(r"linkId in \(([^)]*)\)", expression))
                named = set(re.findall(r"linkId = '([^']*)'", expression)) | set(re.findall(r"'([^']*)'", lists))
                self.assertLessEqual(named, known, f"{plan['id']} {rule}")

    def test_every_code_of_a_rule_is_an_option_of_its_item(self):
        pattern = re.compile(r"linkId = '([^']*)'\)\.answer\.value\.where\(code !?= '([^']*)'")
        for plan in PLANS:
            known, seen = items(form_of(plan)), 0
            for _, expression in expressions(plan):
                for link, code in pattern.findall(expression):
                    options = {option["valueCoding"]["code"] for option in known[link]["answerOption"]}
                    self.assertIn(code, options)
                    seen += 1
            self.assertGreater(seen, 0)

    def test_levels_go_down_and_urgent_ones_advise(self):
        for plan in PLANS:
            for rule in rules_of(plan):
                found = [extension(level, "alert-level", "valueCode") for level in rule["action"]]
                ranks = [LEVELS[level] for level in found]
                self.assertEqual(ranks, sorted(set(ranks), reverse=True))
                for level, name in zip(rule["action"], found):
                    self.assertEqual(level["id"], f"{rule['id']}-{name}")
                    advice = extension(level, "patient-advice", "valueString")
                    self.assertEqual(advice is not None, name == "urgent")
                    if advice:
                        self.assertTrue(all(number in advice for number in ("15", "112", "114")))

    def test_only_the_plain_rule_about_silence_has_no_condition(self):
        for plan in PLANS:
            for rule in rules_of(plan):
                silent = rule["trigger"] == [{"type": "named-event", "name": "report-missed"}]
                self.assertEqual(silent, rule["id"] in rules.SILENCE[plan["id"]])
                for level in rule["action"]:
                    self.assertEqual("condition" not in level, rule["id"] == "N2")

    def test_rules_about_silence_ask_for_a_call(self):
        for plan in PLANS:
            for rule in rules_of(plan):
                asked = [coding["code"] for coding in rule["code"][0]["coding"][1:]]
                self.assertEqual(asked, ["phone-call"] if rule["id"] in rules.SILENCE[plan["id"]] else [])

    def test_a_second_reminder_after_four_hours(self):
        for plan in PLANS:
            (policy,) = [e for e in plan["extension"] if e["url"].endswith("/pathway-policy")]
            found = [e["valuePositiveInt"] for e in policy["extension"] if e["url"] == "secondReminderMinutes"]
            self.assertEqual(found, [240])

    def test_action_ids_are_unique(self):
        for plan in PLANS:
            found = [a["id"] for a in walk(plan["action"]) if "id" in a]
            self.assertEqual(len(found), len(set(found)))

    def test_retention_follows_the_audience(self):
        for plan in PLANS:
            (policy,) = [e for e in plan["extension"] if e["url"].endswith("/pathway-policy")]
            parts = {e["url"]: next(v for k, v in e.items() if k != "url") for e in policy["extension"]}
            agency = parts["audience"] == "agency"
            self.assertEqual(parts["retention"], "at-end" if agency else "keep")
            self.assertEqual(parts["notifyAnswered"], not agency)
            self.assertTrue(parts["consentRequired"])


if __name__ == "__main__":
    unittest.main()
