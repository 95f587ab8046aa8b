// A hospital's record: registers a person, mends the record, enrols, and reads what came of it.

import assert from "node:assert/strict";
import { Client } from "fhir-kit-client";
import {
  SYSTEM, PATHWAY, alarming, base, consent, enrolment, person, practitioner, refused, run, work,
} from "./work.mjs";

const client = new Client({ baseUrl: base });
const JSON_PATCH = [{ op: "replace", path: "/name/0/family", value: "Durand" }];

await work("ehr.mjs (fhir-kit-client)", async () => {
  const statement = await client.capabilityStatement();
  assert.equal(statement.fhirVersion, "4.0.1");

  // Registered twice by hasty hands, there once.
  const register = () =>
    client.create({
      resourceType: "Patient",
      body: person("Dupond"),
      options: { headers: { "If-None-Exist": `identifier=${SYSTEM}|Dupond-${run}` } },
    });
  const patient = await register();
  assert.equal((await register()).id, patient.id);
  const reference = `Patient/${patient.id}`;

  const patched = await client.patch({
    resourceType: "Patient", id: patient.id, jsonPatch: JSON_PATCH,
  });
  assert.equal(patched.name[0].family, "Durand");
  const first = await client.vread({ resourceType: "Patient", id: patient.id, version: "1" });
  assert.equal(first.name[0].family, "Dupond");
  const versions = await client.history({ resourceType: "Patient", id: patient.id });
  assert.deepEqual(versions.entry.map((entry) => entry.resource.meta.versionId), ["2", "1"]);

  // A change that rests on what is no longer so is refused.
  const stale = await refused(
    client.update({
      resourceType: "Patient", id: patient.id, body: { ...first, active: false },
      options: { headers: { "If-Match": 'W/"1"' } },
    }),
  );
  assert.equal(stale.response.status, 412);

  // Consent and nurse in one transaction, then the follow-up.
  const done = await client.transaction({
    body: {
      resourceType: "Bundle", type: "transaction",
      entry: [
        { fullUrl: "urn:uuid:3c6d4b60-0f30-4d0c-b53a-6a4a8ac1a001", resource: practitioner(),
          request: { method: "POST", url: "Practitioner" } },
        { resource: consent(reference), request: { method: "POST", url: "Consent" } },
      ],
    },
  });
  const nurse = done.entry[0].response.location.match(/Practitioner\/[^/]+/)[0];
  const plan = await client.operation({
    name: "apply", resourceType: "PlanDefinition", id: PATHWAY,
    input: enrolment(reference, nurse),
  });
  assert.equal(plan.status, "active");

  // Eleven reports, page by page.
  let page = await client.search({
    resourceType: "Task", searchParams: { "based-on": `CarePlan/${plan.id}`, _count: 4 },
  });
  const tasks = [];
  while (page) {
    tasks.push(...(page.entry ?? []).map((entry) => entry.resource));
    page = page.link.some((link) => link.relation === "next")
      ? await client.nextPage({ bundle: page }) : null;
  }
  assert.equal(tasks.length, 11);
  assert.equal(new Set(tasks.map((task) => task.id)).size, 11);

  // What the patient says is in the record at once, with the alert.
  await client.create({ resourceType: "QuestionnaireResponse", body: alarming(reference) });
  const record = await client.operation({
    name: "everything", resourceType: "Patient", id: patient.id, method: "GET",
    input: { _count: 200 },
  });
  const kinds = new Set(record.entry.map((entry) => entry.resource.resourceType));
  for (const kind of ["Patient", "CarePlan", "Consent", "QuestionnaireResponse", "Flag"]) {
    assert.ok(kinds.has(kind), kind);
  }
  const flags = await client.compartmentSearch({
    compartment: { resourceType: "Patient", id: patient.id }, resourceType: "Flag",
  });
  assert.equal(flags.entry.length, 1);
  const whose = await client.resolve({ reference: flags.entry[0].resource.subject.reference });
  assert.equal(whose.id, patient.id);

  const nobody = await refused(client.read({ resourceType: "Patient", id: `none-${run}` }));
  assert.equal(nobody.response.status, 404);
  assert.equal(nobody.response.data.resourceType, "OperationOutcome");
});
