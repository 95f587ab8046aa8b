"""An agency on the phone: registers and answers with typed models, which refuse what is not R4.

    agency.py BASE
"""

import sys
import time

from fhirclient import client
from fhirclient.models import bundle as bundles
from fhirclient.models import careplan, consent, flag, humanname, identifier, parameters
from fhirclient.models import patient as patients
from fhirclient.models import practitioner as practitioners
from fhirclient.models import questionnaire as forms
from fhirclient.models import questionnaireresponse as answers
from fhirclient.models import task as tasks

SYSTEM = "urn:vigie-clients"
RUN = f"{time.time_ns()}"
FORM = "https://vigie.example/fhir/Questionnaire/covid-medical|1.0.0"


def server(base):
    smart = client.FHIRClient(settings={"app_id": "agency", "api_base": base})
    assert smart.prepare(), "the server asks for a login that this test does not have"
    return smart.server


def created(resource, at):
    answer = resource.create(at)
    assert answer, f"{resource.resource_type} was not created"
    return type(resource).read(answer["id"], at)


def register(at):
    person = patients.Patient()
    person.identifier = [identifier.Identifier({"system": SYSTEM, "value": f"agency-{RUN}"})]
    person.name = [humanname.HumanName({"family": "Élodie", "given": ["Anne", "Rose"]})]
    person = created(person, at)
    assert person.name[0].given == ["Anne", "Rose"]
    agent = practitioners.Practitioner({"resourceType": "Practitioner", "name": [{"family": "Agent"}], "telecom": [{"system": "email", "value": "agent@example.org"}]})
    return person, created(agent, at)


def enrol(at, person, agent):
    agreed = consent.Consent(
        {
            "resourceType": "Consent",
            "status": "active",
            "scope": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/consentscope", "code": "patient-privacy"}]},
            "category": [{"coding": [{"system": "http://loinc.org", "code": "59284-0"}]}],
            "patient": {"reference": f"Patient/{person.id}"},
            "policyRule": {"text": "Telemonitoring at home"},
        }
    )
    created(agreed, at)
    asked = parameters.Parameters(
        {
            "resourceType": "Parameters",
            "parameter": [
                {"name": "subject", "valueString": f"Patient/{person.id}"},
                {"name": "practitioner", "valueString": f"Practitioner/{agent.id}"},
                {"name": "timeZone", "valueString": "Europe/Paris"},
            ],
        }
    )
    reply = at.post_json("PlanDefinition/covid-medical/$apply", asked.as_json())
    return careplan.CarePlan(reply.json())


def main():
    at = server(sys.argv[1].rstrip("/") + "/")
    person, agent = register(at)
    plan = enrol(at, person, agent)
    assert plan.status == "active"
    search = tasks.Task.where({"based-on": f"CarePlan/{plan.id}", "_count": "4"})
    reports = list(search.perform_resources_iter(at))
    assert len(reports) == 11, len(reports)
    form = forms.Questionnaire.where({"url": FORM.split("|")[0]}).perform_resources(at)[0]
    assert form.item, "a form without questions"

    # The agent writes down what she is told on the phone.
    told = answers.QuestionnaireResponse()
    told.status = "completed"
    told.questionnaire = FORM
    told.subject = plan.subject
    told.source = plan.subject
    told.author = answers.fhirreference.FHIRReference({"reference": f"Practitioner/{agent.id}"})
    item = answers.QuestionnaireResponseItem({"linkId": "danger.chest"})
    item.answer = [answers.QuestionnaireResponseItemAnswer({"valueBoolean": True})]
    told.item = [item]
    created(told, at)
    raised = flag.Flag.where({"patient": f"Patient/{person.id}"}).perform_resources(at)
    # In the day, the first reminder is due already; she has no address, and that is an alert too.
    of_answer = [each for each in raised if each.code.coding[0].code == "U4"]
    assert [each.status for each in of_answer] == ["active"]

    # Corrections go the usual way, and a copy of everything is a Bundle of known types.
    person.name[0].family = "Élodie-Marie"
    assert person.update(at)
    again = patients.Patient.where({"family": "elodie-marie", "_id": person.id}).perform_resources(at)
    assert [each.id for each in again] == [person.id]
    everything = bundles.Bundle.read_from(f"Patient/{person.id}/$everything?_count=200", at)
    kinds = {entry.resource.resource_type for entry in everything.entry}
    assert {"Patient", "CarePlan", "Task", "QuestionnaireResponse", "Flag"} <= kinds, kinds
    print("agency.py (fhirclient): done")


if __name__ == "__main__":
    main()
