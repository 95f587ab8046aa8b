"""The code systems, value sets and concept maps of R4 as tables.

Each record is the resource itself without what only people read; `url` and
`version` come first, so that the lines can be told apart without reading them.
"""

import json

import defects

BUNDLES = ["valuesets", "v3-codesystems", "v2-tables", "conceptmaps", "valuesets-medplum-generated"]

KEPT = {
    "CodeSystem": [
        "url",
        "version",
        "name",
        "title",
        "status",
        "experimental",
        "caseSensitive",
        "valueSet",
        "hierarchyMeaning",
        "compositional",
        "versionNeeded",
        "content",
        "supplements",
        "property",
        "concept",
    ],
    "ValueSet": ["url", "version", "name", "title", "status", "experimental", "compose", "expansion"],
    "ConceptMap": [
        "url",
        "version",
        "name",
        "title",
        "status",
        "experimental",
        "sourceUri",
        "sourceCanonical",
        "targetUri",
        "targetCanonical",
        "group",
    ],
}

# Inside of the records: what only people read.
READ_BY_PEOPLE = {"extension", "description", "id"}

FILES = {"CodeSystem": "code-systems.jsonl", "ValueSet": "value-sets.jsonl", "ConceptMap": "concept-maps.jsonl"}


def stripped(value):
    if isinstance(value, dict):
        # The companions of primitives hold nothing but extensions.
        return {
            name: stripped(inner)
            for name, inner in value.items()
            if name not in READ_BY_PEOPLE and not name.startswith("_")
        }
    if isinstance(value, list):
        return [stripped(each) for each in value]
    return " ".join(value.split()) if isinstance(value, str) else value


def record(resource):
    kept = {name: resource[name] for name in KEPT[resource["resourceType"]] if name in resource}
    added = defects.ADDED_CONCEPTS.get(resource["url"])
    if added:
        kept["concept"] = [each for each in kept["concept"] if each["code"] not in added]
    for include in kept.get("compose", {}).get("include", []):
        if "version" in include and include["version"] == defects.UNKNOWN_VERSIONS.get(resource["url"]):
            del include["version"]
    first = {name: kept[name] for name in ("url", "version") if name in kept}
    return stripped(first | kept)


def tables(package):
    """The lines of each file, by its name."""
    lines = {name: {} for name in FILES.values()}
    for bundle in BUNDLES:
        path = package / "dist" / "fhir" / "r4" / f"{bundle}.json"
        for entry in json.loads(path.read_text(encoding="utf-8"))["entry"]:
            resource = entry["resource"]
            if resource["url"] not in defects.ADDED_TERMINOLOGY:
                lines[FILES[resource["resourceType"]]].setdefault(resource["url"], record(resource))
    return {name: [records[url] for url in sorted(records)] for name, records in lines.items()}
