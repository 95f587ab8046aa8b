// What the clients' work has in common: where the server is, and what a case is.

import assert from "node:assert/strict";

export const base = process.argv[2];
assert.ok(base, "the service base URL is the first argument");

/** A text that no other run has. */
export const run = `${process.pid}-${Date.now()}`;

export const SYSTEM = "urn:vigie-clients";
export const RULE_LEVEL = "urgent";
export const PATHWAY = "covid-medical";
export const FORM = "https://vigie.example/fhir/Questionnaire/covid-medical|1.0.0";

/** A person of this run. */
export function person(name) {
  return {
    resourceType: "Patient",
    identifier: [{ system: SYSTEM, value: `${name}-${run}` }],
    name: [{ family: name, given: ["Camille"] }],
    birthDate: "1961-05-04",
    telecom: [{ system: "email", value: `${name}-${run}@example.org` }],
  };
}

export function practitioner() {
  return {
    resourceType: "Practitioner",
    identifier: [{ system: SYSTEM, value: `nurse-${run}` }],
    name: [{ family: "Maud" }],
    telecom: [{ system: "email", value: `maud-${run}@example.org` }],
  };
}

export function consent(patient) {
  return {
    resourceType: "Consent",
    status: "active",
    scope: {
      coding: [
        {
          system: "http://terminology.hl7.org/CodeSystem/consentscope",
          code: "patient-privacy",
        },
      ],
    },
    category: [{ coding: [{ system: "http://loinc.org", code: "59284-0" }] }],
    patient: { reference: patient },
    policyRule: { text: "Telemonitoring at home" },
  };
}

export function enrolment(patient, nurse) {
  return {
    resourceType: "Parameters",
    parameter: [
      { name: "subject", valueString: patient },
      { name: "practitioner", valueString: nurse },
      { name: "timeZone", valueString: "Europe/Paris" },
    ],
  };
}

/** An answer that must raise an urgent alert: pain in the chest. */
export function alarming(patient) {
  return {
    resourceType: "QuestionnaireResponse",
    status: "completed",
    questionnaire: FORM,
    subject: { reference: patient },
    item: [{ linkId: "danger.chest", answer: [{ valueBoolean: true }] }],
  };
}

/** Runs a piece of work and says how it went. */
export async function work(name, steps) {
  try {
    await steps();
    console.log(`${name}: done`);
  } catch (error) {
    console.error(`${name}: FAILED`);
    console.error(error?.response?.data ?? error);
    if (error?.outcome) console.error(JSON.stringify(error.outcome));
    process.exit(1);
  }
}

/** The error that a promise must end with. */
export async function refused(promise) {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  throw new assert.AssertionError({ message: "nothing was refused" });
}
