"""A server that asks for logins, made ready for those who test it: apps, keys, people, records.

    closed.py VIGIE DATABASE BASE FOLDER MAILS

The server runs already, over DATABASE, at BASE; VIGIE is its program. What was made is written to
FOLDER/logins.json, as `conformance/README.md` describes it; MAILS is the
folder where it leaves its mails (`mail.channel = "file"`). SSL_CERT_FILE names the certificate of
a server that speaks TLS.
"""

import argparse
import base64
import json
import os
import re
import secrets
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import backend
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

HERE = Path(__file__).resolve().parent
SYSTEM = "urn:vigie-clients:closed"
PASSWORD = "une phrase longue, et à moi seule"
INTENT = "reconcile-medications"
TENANT = "hospital-1"
ROLE = "urn:vigie-clients:told-beside"
FORM = "https://vigie.example/fhir/Questionnaire/covid-medical"
CONTEXT = "launch launch/patient launch/encounter openid fhirUser offline_access online_access"
PATIENTS = f"{CONTEXT} patient/*.cruds patient/*.read patient/*.write"


def run(vigie, *arguments):
    """What a command prints; it must succeed."""
    done = subprocess.run([vigie, *arguments], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"vigie {' '.join(arguments)}:\n{done.stdout}{done.stderr}")
    return done.stdout


def number(integer):
    size = (integer.bit_length() + 7) // 8
    return base64.urlsafe_b64encode(integer.to_bytes(size, "big")).rstrip(b"=").decode()


def key_pair(folder, name, kind):
    """A private key in a file, and the public half as a set; the file of each, and the kid."""
    private = ec.generate_private_key(ec.SECP384R1()) if kind == "EC" else rsa.generate_private_key(65537, 3072)
    numbers = private.public_key().public_numbers()
    public = {"kty": kind, "use": "sig", "kid": f"{name}-1"}
    if kind == "EC":
        public |= {"alg": "ES384", "crv": "P-384", "x": number(numbers.x), "y": number(numbers.y)}
    else:
        public |= {"alg": "RS384", "n": number(numbers.n), "e": number(numbers.e)}
    pem = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path = folder / f"{name}.pem"
    path.touch(mode=0o600)
    path.write_bytes(pem)
    (folder / f"{name}.jwks").write_text(json.dumps({"keys": [public]}), encoding="utf-8")
    return {"key": str(path), "alg": public["alg"], "kid": public["kid"]}


class Apps:
    """Registers apps by `vigie client add`, and keeps what tests must know about them."""

    def __init__(self, vigie, database, folder):
        self.vigie, self.database, self.folder = vigie, database, folder
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.origin = f"http://127.0.0.1:{free.getsockname()[1]}"
        self.known = {}

    def add(self, name, scope, *how, key=None):
        redirect = f"{self.origin}/{name}.html"
        app = {"id": name, "redirect": redirect, "scope": scope, "origin": self.origin}
        arguments = ["--id", name, "--scope", scope, *how]
        if name != "backend":
            arguments += ["--redirect", redirect, "--origin", self.origin]
        if key:
            app |= key_pair(self.folder, name, key)
            arguments += ["--jwks", str(self.folder / f"{name}.jwks")]
        printed = run(self.vigie, "client", "add", f"App {name}", *arguments, "--database", self.database)
        if secret := re.search(r"^client_secret (\S+)$", printed, re.M):
            app["secret"] = secret[1]
        self.known[name] = app

    def add_all(self):
        launched = ("--launch", f"{self.origin}/launched.html")
        self.add("public", PATIENTS, "--public")
        self.add("standalone", "launch/patient openid fhirUser offline_access patient/*.rs", "--public")
        self.add("launched", "launch openid fhirUser online_access patient/*.rs user/*.rs", "--public", *launched)
        self.add("narrow", "launch/patient patient/Patient.rs", "--public")
        self.add("symmetric", f"{PATIENTS} user/*.cruds", "--secret", "--launch", f"{self.origin}/symmetric.html")
        self.add("posting", PATIENTS, "--secret")
        self.known["posting"]["post"] = True
        self.add("asymmetric", PATIENTS, key="RSA")
        self.add("backend", "system/*.cruds __launch __introspect", "--backend", key="RSA")
        # One client may act for people and for itself.
        self.add("elliptic", f"{PATIENTS} system/Patient.cruds", "--backend", key="EC")


class Records:
    """Two hospitals, their professionals, and three patients."""

    def __init__(self, base, token):
        self.base, self.token = base, token

    def post(self, resource):
        request = urllib.request.Request(
            f"{self.base}/{resource['resourceType']}", json.dumps(resource).encode(),
            {"content-type": "application/fhir+json", "authorization": f"Bearer {self.token}"})
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return json.load(answer)["id"]
        except urllib.error.HTTPError as refusal:
            sys.exit(f"{resource['resourceType']}: {refusal.code} {refusal.read().decode()}")

    def patient(self, name, hospital, mail):
        return self.post({
            "resourceType": "Patient", "name": [{"family": name}], "birthDate": "1961-05-04",
            "identifier": [{"system": SYSTEM, "value": name}],
            "telecom": [{"system": "email", "value": mail}],
            "managingOrganization": {"reference": f"Organization/{hospital}"}})

    def add_all(self):
        hospital = self.post({"resourceType": "Organization", "name": "Here"})
        elsewhere = self.post({"resourceType": "Organization", "name": "Elsewhere"})
        nurse = self.post({
            "resourceType": "Practitioner", "name": [{"family": "Maud"}],
            "telecom": [{"system": "email", "value": "maud@example.org"}]})
        self.post({
            "resourceType": "PractitionerRole", "active": True,
            "practitioner": {"reference": f"Practitioner/{nurse}"},
            "organization": {"reference": f"Organization/{hospital}"}})
        patient = self.patient("Martin", hospital, "martin@example.org")
        subject = {"reference": f"Patient/{patient}"}
        encounter = self.post({
            "resourceType": "Encounter", "status": "in-progress", "subject": subject,
            "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "HH"},
            "serviceProvider": {"reference": f"Organization/{hospital}"}})
        observation = self.post({
            "resourceType": "Observation", "status": "final", "code": {"text": "weight"},
            "subject": subject, "valueString": "70 kg"})
        return {
            "hospital": hospital, "elsewhere": elsewhere, "nurse": nurse, "patient": patient, "encounter": encounter,
            "observation": observation, "other": self.patient("Durand", hospital, "durand@example.org"),
            "foreign_patient": self.patient("Petit", elsewhere, "petit@example.org")}


class People:
    """Who logs in: accounts by `vigie user add`, and what each of them types."""

    def __init__(self, vigie, database, folder, mails):
        self.vigie, self.database, self.folder, self.mails = vigie, database, folder, mails
        self.known = {}
        self.password = self.secret("password", PASSWORD)

    def secret(self, name, text):
        path = self.folder / name
        path.touch(mode=0o600)
        path.write_text(text, encoding="utf-8")
        return str(path)

    def add(self, name, login, person, role, *how):
        run(self.vigie, "user", "add", login, "--person", person, "--role", role,
            "--password-file", self.password, *how, "--database", self.database)
        self.known[name] = [{"field": "password", "fill": {"login": login, "password": PASSWORD}}]

    def add_all(self, records):
        key = base64.b32encode(secrets.token_bytes(20)).decode()
        self.add("professional", "maud@example.org", f"Practitioner/{records['nurse']}",
                 f"professional@Organization/{records['hospital']}",
                 "--authenticator-file", self.secret("authenticator", key))
        self.known["professional"].append({"field": "code", "fill": {"code": {"totp": key}}})
        # Whoever picks somebody picks the patient of the tests.
        self.known["professional"].append({"field": "patient", "fill": {"patient": records["patient"]}})
        self.add("patient", "martin@example.org", f"Patient/{records['patient']}", "patient")
        told = [sys.executable, str(HERE / "mailed.py"), str(self.mails), "martin@example.org"]
        self.known["patient"].append({"field": "code", "fill": {"code": {"command": told}}})


def launch(base, values):
    """How this server is made to launch an app: a record's own program asks it to."""
    origin = base.rsplit("/", 1)[0]
    context = {
        "patient": values["patient"], "encounter": values["encounter"], "intent": INTENT,
        "need_patient_banner": False, "tenant": TENANT,
        "user": f"Practitioner/{values['nurse']}",
        "fhirContext": [
            {"reference": f"Organization/{values['hospital']}"},
            {"reference": f"Organization/{values['elsewhere']}", "role": ROLE},
            {"canonical": f"{FORM}|1.0.0", "type": "Questionnaire", "role": "launch"},
            {"identifier": {"system": SYSTEM, "value": "device-1"}, "type": "Device", "role": ROLE},
        ],
    }
    ask = {"grant_type": "client_credentials", "scope": "__launch"}
    return [
        {"do": "POST", "path": f"{origin}/auth/token", "client": "backend", "form": ask,
         "save": {"own": "json:access_token"}, "expect": [{"status": [200]}]},
        {"do": "POST", "path": f"{origin}/auth/launch",
         "headers": {"authorization": "Bearer ${own}", "content-type": "application/json"},
         "body": {"client_id": "${${client}_id}"} | context,
         "save": {"launch": "json:launch"}, "expect": [{"status": [200, 201]}]},
    ]


def token_of(apps, base):
    """What the backend is granted."""
    endpoint = backend.discovered(base)["token_endpoint"]
    app = apps.known["backend"]
    status, answer = backend.asked(endpoint, app["scope"], backend.assertion(app, endpoint))
    if status != 200:
        sys.exit(f"no token for the backend: {status} {answer}")
    return answer["access_token"]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("vigie")
    parser.add_argument("database")
    parser.add_argument("base")
    parser.add_argument("folder", type=Path)
    parser.add_argument("mails", type=Path)
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    apps = Apps(given.vigie, given.database, given.folder)
    apps.add_all()
    values = Records(given.base, token_of(apps, given.base)).add_all()
    people = People(given.vigie, given.database, given.folder, given.mails)
    people.add_all(values)
    logins = {
        "ca": os.environ.get("SSL_CERT_FILE"),
        "clients": apps.known,
        "users": people.known,
        # What everybody does with the page of consent.
        "forms": [{"field": "decision", "fill": {"decision": "allow"}}],
        "parts": {"launch": launch(given.base, values)},
        "values": values | {"intent": INTENT, "tenant": TENANT, "fhir_context": "yes"},
    }
    (given.folder / "logins.json").write_text(json.dumps(logins, indent=2), encoding="utf-8")


if __name__ == "__main__":
    main()
