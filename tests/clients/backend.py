"""A backend service: shows who it is by a signature, and works with what it was granted.

    backend.py BASE LOGINS
"""

import asyncio
import base64
import hashlib
import json
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid

import jwt
from fhirpy import AsyncFHIRClient
from fhirpy.base.exceptions import ForbiddenError, OperationOutcome, ResourceNotFound

RUN = f"{time.time_ns()}"
ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


def discovered(base):
    with urllib.request.urlopen(f"{base}/.well-known/smart-configuration", timeout=30) as answer:
        return json.load(answer)


def assertion(app, endpoint, **changes):
    now = int(time.time())
    claims = {"iss": app["id"], "sub": app["id"], "aud": endpoint, "exp": now + 240, "jti": str(uuid.uuid4())}
    with open(app["key"], encoding="ascii") as key:
        return jwt.encode(claims | changes, key.read(), algorithm=app["alg"], headers={"kid": app["kid"]})


def asked(endpoint, scope, signed):
    """The answer of the token endpoint, with its status."""
    form = {
        "grant_type": "client_credentials",
        "scope": scope,
        "client_assertion_type": ASSERTION,
        "client_assertion": signed,
    }
    request = urllib.request.Request(endpoint, urllib.parse.urlencode(form).encode())
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as refusal:
        return refusal.code, json.load(refusal)


async def refused(work):
    try:
        await work
    except ForbiddenError:
        return
    raise AssertionError("nothing was refused")


async def works(base, token, logins):
    """Writes, finds and removes, as any client does."""
    client = AsyncFHIRClient(base, authorization=f"Bearer {token}")
    patient = client.resource(
        "Patient",
        identifier=[{"system": "urn:vigie-clients:backend", "value": RUN}],
        name=[{"family": "Backend"}],
    )
    await patient.save()
    ours = client.resources("Patient").search(identifier=f"urn:vigie-clients:backend|{RUN}")
    assert [one.id for one in await ours.fetch_all()] == [patient.id]
    known = await client.reference("Patient", logins["values"]["patient"]).to_resource()
    assert known.id == logins["values"]["patient"]
    await patient.delete()
    try:
        await client.reference("Patient", patient.id).to_resource()
        raise AssertionError("a deleted resource was read")
    except (ResourceNotFound, OperationOutcome):
        pass


async def is_bounded(base, app, endpoint, logins):
    """A token for patients alone reads patients alone."""
    status, answer = asked(endpoint, "system/Patient.rs", assertion(app, endpoint))
    assert (status, answer["scope"]) == (200, "system/Patient.rs"), answer
    client = AsyncFHIRClient(base, authorization=f"Bearer {answer['access_token']}")
    assert await client.resources("Patient").search(_id=logins["values"]["patient"]).fetch()
    await refused(client.resources("Observation").fetch())
    await refused(client.resource("Patient", active=True).save())


def never_twice(app, endpoint):
    """One assertion, one token; and none for what is not as it must be."""
    once = assertion(app, endpoint)
    assert asked(endpoint, "system/Patient.rs", once)[0] == 200
    for signed in (
        once,
        assertion(app, "https://elsewhere.example/token"),
        assertion(app, endpoint, exp=int(time.time()) + 3600),
        assertion(app, endpoint, sub="somebody"),
        forged(app, endpoint),
    ):
        status, answer = asked(endpoint, "system/Patient.rs", signed)
        assert status in (400, 401) and answer["error"] == "invalid_client", answer


def forged(app, endpoint):
    """An assertion without a signature."""
    def part(tree):
        return base64.urlsafe_b64encode(json.dumps(tree).encode()).rstrip(b"=").decode()

    claims = {"iss": app["id"], "sub": app["id"], "aud": endpoint, "exp": int(time.time()) + 240}
    claims["jti"] = hashlib.sha256(RUN.encode()).hexdigest()
    return f"{part({'alg': 'none', 'kid': app['kid']})}.{part(claims)}."


async def main():
    base = sys.argv[1]
    with open(sys.argv[2], encoding="utf-8") as file:
        logins = json.load(file)
    configuration = discovered(base)
    assert "client_credentials" in configuration["grant_types_supported"]
    assert "private_key_jwt" in configuration["token_endpoint_auth_methods_supported"]
    endpoint = configuration["token_endpoint"]
    for name in ("backend", "elliptic"):
        app = logins["clients"][name]
        scope = "system/Patient.cruds" if name == "elliptic" else app["scope"]
        status, answer = asked(endpoint, scope, assertion(app, endpoint))
        assert status == 200 and answer["expires_in"] <= 300, answer
        await works(base, answer["access_token"], logins)
        await is_bounded(base, app, endpoint, logins)
        never_twice(app, endpoint)
    print("backend.py (fhirpy, PyJWT): done")


if __name__ == "__main__":
    asyncio.run(main())
