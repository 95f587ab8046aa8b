"""Reads what the oracle needs from a FHIR server, through its REST API alone.

    python3 fetch.py http://127.0.0.1:8080/fhir > dump.json

The dump is one JSON object: `asOf`, the instant up to which work must be done,
and `resources`, by type a list of resources, each the list of its versions,
oldest first. Histories are asked for only where they matter: CarePlan,
QuestionnaireResponse and Flag that have more than one version, and reports
(Task) that were called off.
"""

from __future__ import annotations

import argparse
import json
import sys
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from urllib.parse import urljoin, urlsplit

TYPES = ("Patient", "CarePlan", "Task", "QuestionnaireResponse", "Flag")
WITH_HISTORY = ("CarePlan", "QuestionnaireResponse", "Flag")
CALLED_OFF = ("cancelled", "rejected", "entered-in-error")
PAGE = 500
TIMEOUT_SECONDS = 60
WORKERS = 8


def get(url: str) -> object:
    """One GET; decimals keep their digits."""
    request = urllib.request.Request(url, headers={"Accept": "application/fhir+json"})
    with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as reply:
        return json.loads(reply.read(), parse_float=Decimal)


def pages(url: str):
    """All resources of a search or a history, page by page."""
    seen = set()
    while url and url not in seen:
        seen.add(url)
        bundle = get(url)
        for entry in bundle.get("entry", []):
            if "resource" in entry and entry.get("search", {}).get("mode", "match") == "match":
                yield entry["resource"]
        following = [link["url"] for link in bundle.get("link", []) if link["relation"] == "next"]
        url = urljoin(url, following[0]) if following else ""


def versions(base: str, resource: dict) -> list[dict]:
    """The versions of one resource, oldest first."""
    kind, meta = resource["resourceType"], resource.get("meta", {})
    called_off = kind == "Task" and resource.get("status") in CALLED_OFF
    if meta.get("versionId") == "1" or not (kind in WITH_HISTORY or called_off):
        return [resource]
    found = list(pages(f"{base}/{kind}/{resource['id']}/_history?_count={PAGE}"))
    return found[::-1]


def clock_of(base: str) -> str | None:
    """The server's simulated clock, where it has one that can be read."""
    parts = urlsplit(base)
    try:
        value = get(f"{parts.scheme}://{parts.netloc}/clock")
    except (urllib.error.URLError, ValueError):
        return None
    return value if isinstance(value, str) else None


def fetch(base: str, as_of: str | None = None) -> dict:
    """The dump of one server."""
    base = base.rstrip("/")
    as_of = as_of or clock_of(base)
    if as_of is None:
        as_of = get(f"{base}/Patient?_count=1").get("meta", {}).get("lastUpdated")
    resources = {}
    with ThreadPoolExecutor(WORKERS) as pool:
        for kind in TYPES:
            found = list(pages(f"{base}/{kind}?_count={PAGE}"))
            resources[kind] = list(pool.map(lambda one: versions(base, one), found))
    return {"asOf": as_of, "resources": resources}


class Exact(json.JSONEncoder):
    """Writes decimals as text, which the oracle reads back without loss."""

    def default(self, o):
        return str(o) if isinstance(o, Decimal) else super().default(o)


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("base", help="FHIR base URL")
    parser.add_argument("--as-of", help="instant up to which alerts must exist (default: the server's clock)")
    options = parser.parse_args()
    json.dump(fetch(options.base, options.as_of), sys.stdout, cls=Exact)
    return 0


if __name__ == "__main__":
    sys.exit(main())
