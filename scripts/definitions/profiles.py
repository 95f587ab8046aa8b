"""The StructureDefinitions of FHIR 4.0.1, reduced to what a judge of resources needs.

Types, profiles and extensions keep their differentials; snapshots are made where they
are wanted. Element ids that repeat the path, texts, mappings and XPath are left out.
"""

import json

import defects

FHIR_VERSION = "4.0.1"
FHIR_TYPE = "http://hl7.org/fhir/StructureDefinition/structuredefinition-fhir-type"
MAX_VALUE_SET = "http://hl7.org/fhir/StructureDefinition/elementdefinition-maxValueSet"
BUNDLES = ["profiles-types", "profiles-resources", "profiles-others", "extension-definitions"]
OWN = [
    "url", "name", "title", "type", "kind", "abstract", "baseDefinition", "derivation", "context", "contextInvariant",
]
ELEMENT = [
    "path", "sliceName", "slicing", "min", "max", "contentReference", "maxLength", "mustSupport", "isModifier",
]  # fmt: skip
VALUES = ("fixed", "pattern", "minValue", "maxValue")


def records(package):
    """One record a definition, sorted by URL."""
    found = []
    for name in BUNDLES:
        path = package / "dist" / "fhir" / "r4" / f"{name}.json"
        for entry in json.loads(path.read_text(encoding="utf-8"))["entry"]:
            resource = entry["resource"]
            if resource["resourceType"] == "StructureDefinition" and resource.get("fhirVersion") == FHIR_VERSION:
                found.append(record(resource))
    return sorted(found, key=lambda each: each["url"])


def record(resource):
    # The URL stands first: the index of the embedded file reads no further.
    kept = {name: resource[name] for name in OWN if name in resource}
    if kept.get("title") == kept.get("name"):
        kept.pop("title", None)
    if not kept.get("abstract"):
        kept.pop("abstract", None)
    for added in defects.CONTEXTS.get(kept["url"], []):
        kept["context"] = [*kept["context"], {"type": "element", "expression": added}]
    primitive = resource["kind"] == "primitive-type"
    elements = [
        element(each)
        for each in resource["differential"]["element"]
        # The value of a primitive is no member of its own in JSON.
        if not (primitive and each["path"].endswith(".value")) and each["path"] not in defects.ADDED_ELEMENTS
    ]
    kept["differential"] = {"element": elements}
    return kept


def element(given):
    kept = {}
    if given.get("id") != given["path"]:
        kept["id"] = given["id"]
    for name, value in given.items():
        if name in ELEMENT or name.startswith(VALUES):
            kept[name] = value
    if kept.get("slicing"):
        kept["slicing"] = {name: value for name, value in kept["slicing"].items() if name != "description"}
    for flag in ("mustSupport", "isModifier"):
        if not kept.get(flag):
            kept.pop(flag, None)
    if given.get("type"):
        kept["type"] = [kind(each, given["path"]) for each in given["type"]]
    if given.get("constraint"):
        kept["constraint"] = [constraint(each) for each in given["constraint"]]
    if given.get("binding", {}).get("valueSet"):
        kept["binding"] = binding(given["binding"], given["path"])
    return kept


def kind(given, path):
    kept = {name: given[name] for name in ("code", "profile", "targetProfile", "aggregation") if name in given}
    for extension in given.get("extension", []):
        if extension["url"] == FHIR_TYPE:
            kept["code"] = extension.get("valueUrl") or extension["valueUri"]
    if path in defects.ELEMENT_TYPES:
        (kept["code"],) = defects.ELEMENT_TYPES[path]
    return kept


def constraint(given):
    kept = {name: given[name] for name in ("key", "severity", "human", "expression") if name in given}
    if kept["key"] in defects.CONSTRAINTS:
        kept["expression"] = defects.CONSTRAINTS[kept["key"]]
    return kept


def binding(given, path):
    strength = defects.BINDING_STRENGTHS.get(path, given["strength"])
    kept = {"strength": strength, "valueSet": defects.VALUE_SETS.get(path, given["valueSet"])}
    most = [each for each in given.get("extension", []) if each["url"] == MAX_VALUE_SET]
    if most:
        kept["extension"] = most
    return kept
