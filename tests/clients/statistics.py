"""An analyst: loads, pages, counts, measures, and cleans up.

    statistics.py BASE
"""

import asyncio
import sys
import time

from fhirpy import AsyncFHIRClient
from fhirpy.base.exceptions import MultipleResourcesFound, OperationOutcome, ResourceNotFound

SYSTEM = "urn:vigie-clients"
RUN = f"{time.time_ns()}"
PEOPLE = 25


async def load(client):
    """Twenty-five people in one transaction, then read page by page in a fixed order."""
    entries = [
        {
            "resource": {
                "resourceType": "Patient",
                "identifier": [{"system": f"{SYSTEM}:{RUN}", "value": str(number)}],
                "gender": "female" if number % 2 else "male",
                "birthDate": f"19{40 + number}-01-01",
            },
            "request": {"method": "POST", "url": "Patient"},
        }
        for number in range(PEOPLE)
    ]
    bundle = client.resource("Bundle", type="transaction", entry=entries)
    saved = await client.execute("", method="post", data=bundle.serialize())
    assert len(saved["entry"]) == PEOPLE
    ours = client.resources("Patient").search(identifier=f"{SYSTEM}:{RUN}|")
    people = await ours.sort("birthdate").limit(7).fetch_all()
    births = [person["birthDate"] for person in people]
    assert births == sorted(births) and len(set(births)) == PEOPLE, births
    assert await ours.count() == PEOPLE
    assert await ours.search(gender="female").count() == PEOPLE // 2
    assert await ours.search(birthdate__ge="1960-01-01").count() == 5
    youngest = await ours.sort("-birthdate").first()
    assert youngest["birthDate"] == "1964-01-01"
    lean = await ours.elements("birthDate").limit(3).fetch()
    assert all("gender" not in person for person in lean)
    return people


async def change(client, people):
    """Patches, conditional creation, references, deletion."""
    person = people[0]
    await person.patch(active=True)
    await person.refresh()
    assert person["active"] is True
    same = client.resource("Patient", identifier=person["identifier"], birthDate=person["birthDate"])
    found, fresh = await client.resources("Patient").search(
        identifier=f"{SYSTEM}:{RUN}|0"
    ).update(same)
    assert not fresh and found.id == person.id
    weight = client.resource(
        "Observation",
        status="final",
        code={"text": "weight"},
        subject=person.to_reference(),
        valueQuantity={"value": 70.5, "unit": "kg", "system": "http://unitsofmeasure.org", "code": "kg"},
    )
    await weight.save()
    whose = await weight["subject"].to_resource()
    assert whose.id == person.id
    heavy = client.resources("Observation").search(patient=person.id, value_quantity="70500|http://unitsofmeasure.org|g")
    assert [each.id for each in await heavy.fetch()] == [weight.id], "grams are kilograms"
    copy = await person.execute("$everything", method="get")
    assert any(entry["resource"]["id"] == weight.id for entry in copy["entry"])
    await weight.delete()
    try:
        await client.reference("Observation", weight.id).to_resource()
        raise AssertionError("a deleted resource was read")
    except ResourceNotFound:
        pass


async def refusals(client):
    """What is wrong is told as the client expects it."""
    try:
        await client.resources("Patient").search(identifier=f"{SYSTEM}:{RUN}|").get()
        raise AssertionError("many were taken for one")
    except MultipleResourcesFound:
        pass
    try:
        await client.resource("Patient", gender="man").save()
        raise AssertionError("a gender that is none was taken")
    except OperationOutcome as problem:
        assert "gender" in str(problem)
    verdict = await client.resource("Patient", contact=[{"gender": "male"}]).is_valid()
    assert verdict is False


async def main():
    client = AsyncFHIRClient(sys.argv[1])
    people = await load(client)
    await change(client, people)
    await refusals(client)
    measured = await client.execute(
        "Measure/$evaluate-measure",
        method="get",
        params={"measure": "https://vigie.example/fhir/Measure/follow-up-figures", "periodStart": "2020-01-01", "periodEnd": "2100-01-01"},
    )
    assert measured["resourceType"] == "MeasureReport"
    print("statistics.py (fhirpy): done")


if __name__ == "__main__":
    asyncio.run(main())
