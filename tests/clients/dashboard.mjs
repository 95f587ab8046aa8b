// A nurse's work list: the alert comes up, she takes it, calls, and closes it.

import assert from "node:assert/strict";
import { MedplumClient, getReferenceString } from "@medplum/core";
import { PATHWAY, SYSTEM, alarming, base, consent, enrolment, person, practitioner, refused, run, work } from "./work.mjs";

const url = new URL(base);

await work("dashboard.mjs (@medplum/core)", async () => {
  const medplum = new MedplumClient({
    baseUrl: `${url.origin}/`, fhirUrlPath: url.pathname.slice(1), fetch, cacheTime: 0,
  });
  const patient = await medplum.createResourceIfNoneExist(
    person("Bernard"), `identifier=${SYSTEM}|Bernard-${run}`);
  const again = await medplum.createResourceIfNoneExist(
    person("Bernard"), `identifier=${SYSTEM}|Bernard-${run}`);
  assert.equal(again.id, patient.id);
  const reference = getReferenceString(patient);
  const nurse = await medplum.createResource(practitioner());
  await medplum.createResource(consent(reference));
  await medplum.post(
    medplum.fhirUrl("PlanDefinition", PATHWAY, "$apply"),
    enrolment(reference, getReferenceString(nurse)), "application/fhir+json");
  await medplum.createResource(alarming(reference));

  // The list: alerts that nobody has taken, with what they are about.
  const list = await medplum.search(
    "Task", `patient=${reference}&code=handle-alert&status=requested&_include=Task:focus`);
  const task = list.entry.find((entry) => entry.search.mode === "match").resource;
  const flag = list.entry.find((entry) => entry.resource.resourceType === "Flag").resource;
  assert.equal(task.focus.reference, getReferenceString(flag));
  assert.equal(flag.status, "active");

  // She takes it; a colleague who saw it at the same time is told.
  const taken = await medplum.patchResource("Task", task.id, [
    { op: "test", path: "/meta/versionId", value: task.meta.versionId },
    { op: "replace", path: "/status", value: "accepted" },
    { op: "add", path: "/owner", value: { reference: getReferenceString(nurse) } },
  ]);
  assert.equal(taken.status, "accepted");
  await refused(
    medplum.patchResource("Task", task.id, [
      { op: "test", path: "/meta/versionId", value: task.meta.versionId },
      { op: "replace", path: "/status", value: "accepted" },
    ]));

  // She has called, and says so; the alert closes with it.
  await medplum.updateResource({
    ...taken, status: "completed", note: [{ text: "Called; the pain has gone." }],
  });
  const closed = await medplum.readResource("Flag", flag.id);
  assert.equal(closed.status, "inactive");
  const history = await medplum.readHistory("Task", task.id);
  assert.ok(history.entry.length >= 3);

  // The rest of what such a screen needs.
  const everything = await medplum.readPatientEverything(patient.id);
  assert.ok(everything.entry.length > 10);
  const genders = await medplum.valueSetExpand({
    url: "http://hl7.org/fhir/ValueSet/administrative-gender", filter: "fem",
  });
  assert.deepEqual(genders.expansion.contains.map((each) => each.code), ["female"]);
  const verdict = await medplum.validateResource({
    resourceType: "Patient", contact: [{ gender: "male" }],
  }).catch((error) => error.outcome);
  assert.ok(verdict.issue.some((issue) => issue.severity === "error"));
  const batch = await medplum.executeBatch({
    resourceType: "Bundle", type: "batch",
    entry: [
      { request: { method: "GET", url: reference } },
      { request: { method: "GET", url: `Flag?patient=${reference}` } },
      { request: { method: "GET", url: `Patient/none-${run}` } },
    ],
  });
  assert.deepEqual(
    batch.entry.map((entry) => entry.response.status.slice(0, 3)), ["200", "200", "404"]);
  const missing = await refused(medplum.readResource("Patient", `none-${run}`));
  assert.equal(missing.outcome.issue[0].code, "not-found");
});
