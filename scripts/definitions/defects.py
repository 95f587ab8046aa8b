"""Known defects of the definitions, and how the tables mend them.

The first two tables mend FHIR 4.0.1 itself; the others undo what the package
changed of it.
"""

_PARAMETER = "http://hl7.org/fhir/SearchParameter/"

# The snapshots say `string`; the specification's page on Resource says `id`.
ELEMENT_TYPES = {"Resource.id": ["id"]}

# Components of composite search parameters, by canonical URL.
COMPONENTS = {
    # The two expressions are exchanged: `relatesto` is the target, `relation` the code.
    _PARAMETER + "DocumentReference-relationship": [
        {"definition": _PARAMETER + "DocumentReference-relatesto", "expression": "target"},
        {"definition": _PARAMETER + "DocumentReference-relation", "expression": "code"},
    ],
    # The type's name is `dateTime`.
    _PARAMETER + "Observation-code-value-date": [
        {"definition": _PARAMETER + "clinical-code", "expression": "code"},
        {
            "definition": _PARAMETER + "Observation-value-date",
            "expression": "value.as(dateTime) | value.as(Period)",
        },
    ],
}

# FHIRPath expressions of search parameters, by canonical URL.
EXPRESSIONS = {
    # Every other expression names its type first.
    _PARAMETER + "InsurancePlan-name": "InsurancePlan.name | InsurancePlan.alias",
}

# Elements that the package adds.
ADDED_ELEMENTS = {"ResearchStudy.studyDesign"}

# Value sets of bindings that the package changed.
VALUE_SETS = {"ResearchStudy.status": "http://hl7.org/fhir/ValueSet/research-study-status"}

# Parameters that the package adds under HL7's name.
ADDED_PARAMETERS = {_PARAMETER + "DetectedIssue-status", _PARAMETER + "ServiceRequest-order-detail"}

# Targets of search parameters that the package changed.
PARAMETER_TARGETS = {
    _PARAMETER + "clinical-patient": ["Group", "Patient"],
    _PARAMETER + "MeasureReport-subject": [
        "Device",
        "Group",
        "Location",
        "Patient",
        "Practitioner",
        "PractitionerRole",
        "RelatedPerson",
    ],
}

# FHIRPath expressions of constraints, by key.
CONSTRAINTS = {
    # The text asks it of more than one, the expression of more than two; the official validator
    # corrects it in the same way.
    "que-12": "enableWhen.count() > 1 implies enableBehavior.exists()",
    # The type's name is `boolean`: what stands in a resource is never FHIRPath's own Boolean.
    "que-7": "operator = 'exists' implies (answer is boolean)",
    # The probability may be absent, or be a range, and `is` binds less than `implies` is meant to;
    # the official validator corrects it in the same way.
    "ras-2": "probability.empty() or ((probability is decimal) implies ((probability as decimal) <= 100))",
}

# Strengths of bindings, by path.
BINDING_STRENGTHS = {
    # The profile of vital signs binds the units of vital signs to components of every kind, coded
    # ones and the flow of oxygen included; the official validator corrects it in the same way.
    "Observation.component.value[x]": "extensible",
}

# Where extensions may stand, beside what they say: the definitions themselves have them there.
CONTEXTS = {
    "http://hl7.org/fhir/StructureDefinition/regex": ["ElementDefinition.type"],
    "http://hl7.org/fhir/StructureDefinition/structuredefinition-normative-version": ["Element"],
    "http://hl7.org/fhir/StructureDefinition/structuredefinition-fhir-type": ["ElementDefinition.type"],
    "http://hl7.org/fhir/StructureDefinition/valueset-concept-comments": ["CodeSystem.concept"],
}

# Code systems and value sets that the package adds under HL7's name.
ADDED_TERMINOLOGY = {"http://hl7.org/fhir/detectedissue-status", "http://hl7.org/fhir/ValueSet/detectedissue-status"}

# Concepts that the package adds, by code system.
ADDED_CONCEPTS = {"http://hl7.org/fhir/questionnaire-item-control": {"multi-select"}}

# Versions of code systems that value sets ask for and that never were, by value set.
UNKNOWN_VERSIONS = {"http://hl7.org/fhir/ValueSet/task-code": "3.6.0"}

# Concepts of ISO that the package leaves out, by code system.
MISSING_CONCEPTS = {
    "urn:iso:std:iso:3166": [
        {"code": "TW", "display": "Taiwan, Province of China"},
        {"code": "TWN", "display": "Taiwan, Province of China"},
    ]
}
