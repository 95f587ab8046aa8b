// A patient's app: finds what is to be answered, answers, and shows the advice.

import assert from "node:assert/strict";
import FHIR from "fhirclient";
import { PATHWAY, alarming, base, consent, enrolment, person, practitioner, refused, run, work } from "./work.mjs";

// Outside a browser a client is made for a request; only its server is used here.
const request = { headers: {}, url: "/", protocol: "http", get: () => undefined };
const storage = { get: async () => undefined, set: async (_, value) => value, unset: async () => true };

await work("patient_app.mjs (fhirclient)", async () => {
  const client = FHIR(request, {}, storage).client(base);
  const send = (url, body) =>
    client.request({
      url, method: "POST", body: JSON.stringify(body),
      headers: { "content-type": "application/fhir+json" },
    });

  const patient = await client.create(person("Martin"));
  const reference = `Patient/${patient.id}`;
  const nurse = await client.create(practitioner());
  await client.create(consent(reference));
  const plan = await send(
    `PlanDefinition/${PATHWAY}/$apply`, enrolment(reference, `Practitioner/${nurse.id}`));

  // What is to be answered, with the form, in one list of all pages.
  const tasks = await client.request(
    `Task?based-on=CarePlan/${plan.id}&status=requested,ready&_sort=_id&_count=5`,
    { pageLimit: 0, flat: true },
  );
  assert.equal(tasks.length, 11);
  const form = tasks[0].input?.find((input) => input.valueCanonical)?.valueCanonical
    ?? tasks[0].focus?.reference;
  assert.ok(form, "the report names its form");
  const canonical = alarming(reference).questionnaire.split("|")[0];
  const [questionnaire] = await client.request(`Questionnaire?url=${canonical}`, { flat: true });
  assert.ok(questionnaire.item.length > 0);

  // The answer, and the advice that the app shows at once.
  const outcome = await client.request({
    url: "QuestionnaireResponse", method: "POST", body: JSON.stringify(alarming(reference)),
    headers: { "content-type": "application/fhir+json", prefer: "return=OperationOutcome" },
  });
  assert.ok(outcome.issue.some((issue) => issue.details?.text), "the advice is in the outcome");

  // References resolved by the client.
  const flag = await client.request(
    `Flag?patient=${reference}`, { flat: true, resolveReferences: ["subject"] });
  assert.equal(flag[0].subject.id ?? flag[0].subject.reference, flag[0].subject.id ? patient.id : reference);

  // The person moves, and later the app forgets what it made.
  const moved = await client.update({ ...patient, address: [{ city: "Lyon" }] });
  assert.equal(moved.meta.versionId, "2");
  const patched = await client.patch(reference, [{ op: "add", path: "/active", value: true }]);
  assert.equal(patched.active, true);
  const basic = await client.create({ resourceType: "Basic", code: { text: `note ${run}` } });
  await client.delete(`Basic/${basic.id}`);
  const gone = await refused(client.request(`Basic/${basic.id}`));
  assert.equal(gone.statusCode ?? gone.status, 410);
});
