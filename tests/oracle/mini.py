"""Hand-made dumps for the tests of the oracle: one patient, a few answers."""

from __future__ import annotations

from datetime import datetime, timedelta

BASE = "https://vigie.example/fhir"
CODES = BASE + "/CodeSystem/"
CORE = "http://hl7.org/fhir/StructureDefinition/"
PRIORITY = {"urgent": "PH", "simple": "PM", "info": "PL"}


def coded(system: str, code: str) -> dict:
    """A coded answer."""
    return {"valueCoding": {"system": CODES + system, "code": code}}


def yes(value: bool = True) -> dict:
    """A boolean answer."""
    return {"valueBoolean": value}


def quantity(value: str) -> dict:
    """A quantity, its number kept as text."""
    return {"valueQuantity": {"value": value}}


def local(day: int, hour: str = "10:00") -> str:
    """An instant in Paris; day 1 is 2 March 2026."""
    moment = datetime.fromisoformat(f"2026-03-01T{hour}:00+01:00") + timedelta(days=day)
    return moment.isoformat()


class Mini:
    """A dump under construction."""

    def __init__(self, pathway: str = "covid-medical", **plan: object) -> None:
        self.pathway = pathway
        self.as_of = local(15)
        self.resources: dict[str, list] = {kind: [] for kind in ("Patient", "CarePlan", "Task", "QuestionnaireResponse", "Flag")}
        self.resources["Patient"].append([{"resourceType": "Patient", "id": "p", "birthDate": plan.pop("born", "1990-01-01")}])
        self.plan = {
            "resourceType": "CarePlan",
            "id": "plan",
            "meta": {"lastUpdated": local(1, "08:00")},
            "status": "active",
            "instantiatesCanonical": [f"{BASE}/PlanDefinition/{pathway}|1.0.0"],
            "subject": {"reference": "Patient/p"},
            "period": {"start": local(1, "08:00")},
            "extension": [{"url": BASE + "/StructureDefinition/time-zone", "valueCode": "Europe/Paris"}, *plan.pop("more", [])],
        }
        self.resources["CarePlan"].append([self.plan])

    def plan_status(self, status: str, when: str) -> None:
        """A new version of the plan."""
        self.resources["CarePlan"][0].append({**self.plan, "status": status, "meta": {"lastUpdated": when}})

    def answer(self, ident: str, authored: str, items: dict, received: str | None = None, **more: str) -> None:
        """An answer, or a new version of one."""
        resource = {
            "resourceType": "QuestionnaireResponse",
            "id": ident,
            "status": more.get("status", "completed"),
            "basedOn": [{"reference": "CarePlan/plan"}],
            "authored": authored,
            "meta": {"lastUpdated": received or authored},
            "item": [{"linkId": "all", "item": [{"linkId": k, "answer": v if isinstance(v, list) else [v]} for k, v in items.items()]}],
        }
        known = self.resources["QuestionnaireResponse"]
        same = next((versions for versions in known if versions[0]["id"] == ident), None)
        if same is None:
            known.append([resource])
        else:
            same.append(resource)

    def report(self, day: int, *later: tuple[str, str]) -> None:
        """A report due on a day, and its later statuses."""
        task = {
            "resourceType": "Task",
            "id": f"t{day}",
            "status": "requested",
            "meta": {"lastUpdated": local(1, "08:00")},
            "identifier": [{"system": BASE + "/NamingSystem/report", "value": f"plan/{day}"}],
            "code": {"coding": [{"code": "complete-questionnaire"}]},
            "basedOn": [{"reference": "CarePlan/plan"}],
            "restriction": {"period": {"start": local(day, "00:00"), "end": local(day + 1, "00:00")}},
        }
        versions = [{**task, "status": status, "meta": {"lastUpdated": when}} for status, when in later]
        self.resources["Task"].append([task, *versions])

    def flag(self, rule: str, opened: str, level: str, evidence: list[str], closed: str | None = None) -> None:
        """A Flag as the server should make it."""
        flags = self.resources["Flag"]
        version = f"{BASE}/PlanDefinition/{self.pathway}|1.0.0#{rule}"
        flag = {
            "resourceType": "Flag",
            "id": f"f{len(flags)}",
            "status": "active",
            "meta": {"lastUpdated": opened},
            "code": {"coding": [{"system": CODES + "alert-rule", "code": rule}]},
            "subject": {"reference": "Patient/p"},
            "period": {"start": opened},
            "extension": [
                {"url": CORE + "flag-priority", "valueCodeableConcept": {"coding": [{"code": PRIORITY[level]}]}},
                {"url": BASE + "/StructureDefinition/alert-rule-version", "valueCanonical": version},
                *({"url": CORE + "flag-detail", "valueReference": {"reference": one}} for one in evidence),
            ],
        }
        ends = [{**flag, "status": "inactive", "meta": {"lastUpdated": closed}}] if closed else []
        flags.append([flag, *ends])

    def dump(self) -> dict:
        """The dump."""
        return {"asOf": self.as_of, "resources": self.resources}
