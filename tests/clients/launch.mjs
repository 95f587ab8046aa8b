// Apps in a browser: a patient's on its own, a professional's out of a record.
//
//     launch.mjs BASE LOGINS
//
// The apps are fhirclient in headless Chromium; the pages in between are the server's, filled in
// as people would, by the names of their fields.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createHmac, randomUUID, sign } from "node:crypto";
import { readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";
import { base, work } from "./work.mjs";

const PAGES_MAX = 12;
const logins = JSON.parse(await readFile(process.argv[3], "utf8"));
const here = dirname(fileURLToPath(import.meta.url));
const library = join(
  dirname(createRequire(import.meta.url).resolve("fhirclient/package.json")),
  "build/fhir-client.js");

/** The digits of an authenticator (RFC 6238). */
function oneTimeCode(secret) {
  const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
  let bits = "";
  for (const letter of secret) bits += letters.indexOf(letter).toString(2).padStart(5, "0");
  const key = Buffer.from(bits.match(/.{8}/g).map((byte) => parseInt(byte, 2)));
  const count = Buffer.alloc(8);
  count.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30_000)));
  const tag = createHmac("sha1", key).update(count).digest();
  const offset = tag[19] & 15;
  return String((tag.readUInt32BE(offset) & 0x7fffffff) % 1_000_000).padStart(6, "0");
}

/** What a value of the file of logins stands for. */
function typed(value) {
  if (value?.totp) return oneTimeCode(value.totp);
  if (value?.command) return execFileSync(value.command[0], value.command.slice(1)).toString().trim();
  return String(value);
}

/** The page of an app, which knows its own registration. */
function served(name) {
  const { id, redirect, scope } = logins.clients[name];
  // A professional sees their other patients as well, but none of another hospital.
  const { other, foreign_patient } = logins.values;
  const foreign = scope.includes("user/") ? foreign_patient : other;
  const app = { clientId: id, redirectUri: redirect, scope, iss: base, foreign };
  return readFile(join(here, "app.html"), "utf8").then((page) =>
    page.replace("</title>", `</title>\n<script>window.APP = ${JSON.stringify(app)};</script>`));
}

/** Serves the apps where they are registered. */
async function apps(origin) {
  const server = createServer(async (request, response) => {
    const { pathname } = new URL(request.url, origin);
    const isLibrary = pathname === "/fhir-client.js";
    const name = pathname.slice(1).replace(/\.html$/, "");
    if (!isLibrary && !logins.clients[name]) {
      response.writeHead(404).end();
      return;
    }
    response.writeHead(200, { "content-type": isLibrary ? "text/javascript" : "text/html" });
    response.end(isLibrary ? await readFile(library) : await served(name));
  });
  const { hostname, port } = new URL(origin);
  await new Promise((done) => server.listen(Number(port), hostname, done));
  return server;
}

/** What a person types, one page after the other, until the app has the word again. */
async function walk(page, origin, fillings) {
  for (let pages = 0; pages < PAGES_MAX; pages += 1) {
    await page.waitForLoadState("networkidle");
    if (page.url().startsWith(origin)) return;
    const filling = await first(page, fillings);
    assert.ok(filling, `nobody knows what to do at ${page.url()}:\n${await page.content()}`);
    for (const [name, value] of Object.entries(filling.fill ?? {})) {
      const text = typed(value);
      const button = page.locator(`button[name="${name}"][value="${text}"]`);
      if (await button.count()) continue;
      const choice = page.locator(`input[name="${name}"][value="${text}"]`);
      if (await choice.count()) await choice.first().check();
      else await page.locator(`[name="${name}"]`).first().fill(text);
    }
    const pressed = Object.entries(filling.fill ?? {}).map(([name, value]) =>
      `button[name="${name}"][value="${value}"]`);
    const form = page.locator("form").filter({ has: page.locator(`[name="${filling.field}"]`) });
    let button = form.locator([...pressed, "#no-such"].join(", "));
    if (!(await button.count())) button = form.locator("button, input[type=submit]");
    await Promise.all([page.waitForNavigation(), button.first().click()]);
  }
  throw new Error("the way back to the app is too long");
}

async function first(page, fillings) {
  for (const filling of fillings) {
    if (await page.locator(`form [name="${filling.field}"]`).count()) return filling;
  }
  return undefined;
}

/** What the app tells once it has been let in. */
async function told(page) {
  const told = page.locator("#told[data-ready=yes]");
  await told.waitFor({ timeout: 20_000 });
  return JSON.parse(await told.textContent());
}

/** The address by which a record launches the app: its own program asks the server for it. */
async function launched() {
  const variables = { client: "launched" };
  for (const step of logins.parts.launch) {
    const text = JSON.stringify(step.body ?? null)
      .replaceAll("${${client}_id}", logins.clients.launched.id);
    const form = step.form && new URLSearchParams({ ...step.form, ...assertion(step) });
    const headers = Object.fromEntries(Object.entries(step.headers ?? {}).map(([name, value]) =>
      [name, value.replace("${own}", variables.own)]));
    const answer = await fetch(step.path, { method: step.do, headers, body: form ?? text });
    assert.ok(answer.ok, `${step.path}: ${answer.status} ${await answer.clone().text()}`);
    const told = await answer.json();
    for (const [name, source] of Object.entries(step.save)) {
      variables[name] = told[source.replace("json:", "")];
    }
    if (told.launch_url) return told.launch_url;
  }
  throw new Error("nothing launches the app");
}

/** What shows that the record's own program asks (RFC 7523). */
function assertion(step) {
  const { id, key, alg, kid } = logins.clients[step.client];
  const part = (tree) => Buffer.from(JSON.stringify(tree)).toString("base64url");
  const now = Math.floor(Date.now() / 1000);
  const claims = { iss: id, sub: id, aud: step.path, exp: now + 60, jti: randomUUID() };
  const signed = `${part({ alg, kid, typ: "JWT" })}.${part(claims)}`;
  assert.equal(alg, "RS384");
  const signature = sign("sha384", Buffer.from(signed), readFileSync(key)).toString("base64url");
  return {
    client_assertion_type: "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
    client_assertion: `${signed}.${signature}`,
  };
}

function check(what, user) {
  assert.equal(what.error, undefined, what.error);
  assert.equal(what.patient, logins.values.patient);
  assert.equal(what.again, what.patient);
  assert.ok(what.user.startsWith(user), what.user);
  assert.ok(what.observations.includes(logins.values.observation), "the patient's own observation");
  assert.ok(what.renewed, "the token was renewed");
  assert.equal(what.foreign, 404, "somebody else's record");
}

await work("launch.mjs (fhirclient in Chromium)", async () => {
  const { origin } = new URL(logins.clients.standalone.redirect);
  const server = await apps(origin);
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-dev-shm-usage"],
  });
  try {
    const patient = await (await browser.newContext()).newPage();
    await patient.goto(logins.clients.standalone.redirect);
    await patient.waitForURL((url) => url.origin !== origin);
    await walk(patient, origin, [...logins.users.patient, ...logins.forms]);
    check(await told(patient), "Patient/");

    const nurse = await (await browser.newContext()).newPage();
    await nurse.goto(await launched());
    await nurse.waitForURL((url) => url.origin !== origin);
    await walk(nurse, origin, [...logins.users.professional, ...logins.forms]);
    const what = await told(nurse);
    check(what, "Practitioner");
    assert.equal(what.context.encounter, logins.values.encounter);
    assert.equal(what.context.need_patient_banner, false);
    assert.equal(what.context.intent, logins.values.intent);
  } finally {
    await browser.close();
    server.close();
  }
});
