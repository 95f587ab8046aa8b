//! The bundled pathways and the examples, examined.

use std::{collections::BTreeMap, fs, path::Path};

use serde_json::{Value, json};

use super::{
    expression,
    form::ValueSets,
    gather::{Form, Materials},
    lint,
    reach::{self, LevelCondition},
    terms,
};
use crate::{
    alerts::rule::Trigger,
    fhir::{path::Expression, pathway::canonical_of},
    kernel::problem::Issue,
};

/// The resources of a folder of `profiles/`.
fn resources(folder: &str) -> Vec<Value> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let mut found: Vec<_> = fs::read_dir(root)
        .expect("a folder of profiles")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "json"))
        .collect();
    found.sort();
    found
        .iter()
        .map(|path| serde_json::from_slice(&fs::read(path).expect("a file")).expect("JSON"))
        .collect()
}

fn materials(definitions: &[Value]) -> Materials {
    let forms: BTreeMap<String, Form> = definitions
        .iter()
        .filter(|one| one["resourceType"] == "Questionnaire")
        .map(|form| {
            (
                canonical_of(form).expect("a name"),
                Form::Found(form.clone()),
            )
        })
        .collect();
    let routes = resources("profiles/terminology")
        .iter()
        .find(|one| one["resourceType"] == "CodeSystem" && one["id"] == "alert-route")
        .map(terms::codes);
    Materials {
        forms,
        value_sets: ValueSets::new(),
        routes,
    }
}

/// Every pathway of a folder with the faults of it and of its own forms.
fn examined(folder: &str) -> Vec<(String, Vec<Issue>)> {
    let definitions = resources(folder);
    let all = materials(&definitions);
    let pathways = definitions.iter().filter(|one| lint::is_pathway(one));
    pathways
        .map(|plan| {
            let mut own = all.clone();
            own.forms.retain(|canonical, _| {
                let mut actions = plan["action"].as_array().into_iter().flatten();
                actions.any(|action| action["definitionCanonical"] == canonical.as_str())
            });
            (plan["id"].to_string(), lint::pathway(plan, &own))
        })
        .collect()
}

#[test]
fn bundled_pathways_and_examples_are_free_of_faults() {
    for (folder, least) in [("profiles/pathways", 3), ("profiles/examples", 1)] {
        let examined = examined(folder);
        assert!(examined.len() >= least);
        for (id, faults) in examined {
            assert!(faults.is_empty(), "{id}: {faults:#?}");
        }
    }
}

/// A pathway of one rule about one form, and what is said of its conditions.
fn said_of(levels: &[&str]) -> Vec<String> {
    let form = super::form::Form::read(
        &json!({ "item": [
            { "linkId": "b", "type": "boolean", "required": true },
            { "linkId": "c", "type": "choice", "answerOption": [
                { "valueCoding": { "system": "s", "code": "0" } },
                { "valueCoding": { "system": "s", "code": "3" } }] },
            { "linkId": "n", "type": "integer", "extension": [
                { "url": "http://hl7.org/fhir/StructureDefinition/minValue", "valueInteger": 30 },
                { "url": "http://hl7.org/fhir/StructureDefinition/maxValue", "valueInteger": 220 }] },
            { "linkId": "q", "type": "quantity", "extension": [
                { "url": "http://hl7.org/fhir/StructureDefinition/minValue", "valueDecimal": 33 },
                { "url": "http://hl7.org/fhir/StructureDefinition/maxValue", "valueDecimal": 43 },
                { "url": "http://hl7.org/fhir/StructureDefinition/questionnaire-unitOption",
                  "valueCoding": { "code": "Cel" } }] },
            { "linkId": "t", "type": "text" },
        ] }),
        &ValueSets::new(),
    );
    let forms = [form];
    let mut said = Vec::new();
    let mut conditions = Vec::new();
    for level in levels {
        let level = level.replace('$', "%current.repeat(item).where(linkId = ");
        let compiled = Expression::compile(&level).expect("an expression");
        said.extend(expression::examine(
            &compiled,
            Some(Trigger::Answer),
            &forms,
            true,
        ));
        conditions.push(LevelCondition::When(Box::new(compiled)));
    }
    if said.is_empty() {
        let found = reach::lint(&conditions, &forms, 14, &mut reach::Allowance::default());
        said.extend(
            found
                .into_iter()
                .map(|(level, says)| format!("{level}: {says}")),
        );
    }
    said
}

#[test]
fn what_can_be_true_is_left_alone() {
    for sound in [
        "$'b').answer.where(value = true).exists()",
        "$'b').answer.value = true",
        "$'b').answer.value",
        "$'c').answer.value.where(code = '3').exists()",
        "$'c').answer.value.code = '3'",
        "$'c').answer.value.where(code.toInteger() >= 2 and system = 's').exists()",
        "$'n').answer.where(value > 100).exists()",
        "$'q').answer.where(value.value >= 38).exists()",
        "$'q').answer.where(value >= 38 'Cel').exists()",
        "$'q').answer.value.ofType(Quantity).value > 38.5",
        "$'t').answer.where(value = 'x').exists()",
        "%current.repeat(item).where(linkId in ('b' | 'c')).answer.where(value = true).exists()",
        "%current.repeat(item).where(linkId = 'n' and answer.value > 100).exists()",
        "%current.item.where(linkId = 'n').answer.value > %previous.item.where(linkId = 'n').answer.value",
        "%history.where(repeat(item).where(linkId = 'q').answer.where(value.value > 38).exists()).count() > 1",
        "%baseline.repeat(item).where(linkId = 'elsewhere').answer.value.value > 3",
        "%`day` > 3 and $'b').answer.value = true",
        "$'q').answer.where(value.value + 1 > 45).exists()",
        "%careplan.period.start.exists() and %patient.birthDate < @1950-01-01",
    ] {
        assert_eq!(said_of(&[sound]), Vec::<String>::new(), "{sound}");
    }
}

/// Each expression is told once, in these words.
fn told(cases: &[(&str, &str)]) {
    let mut otherwise = Vec::new();
    for (faulty, wanted) in cases {
        let said = said_of(&[faulty]);
        if said.len() != 1 || !said[0].contains(wanted) {
            otherwise.push(format!("{faulty}: {said:?}"));
        }
    }
    assert!(otherwise.is_empty(), "{otherwise:#?}");
}

#[test]
fn what_nobody_answers_to_and_what_never_compares_is_told() {
    told(&[
        ("$'x').answer.exists()", "a question `x`"),
        (
            "%current.repeat(item).where(linkId in ('b' | 'y')).answer.exists()",
            "`y`",
        ),
        ("%now.exists()", "no variable `%now`"),
        ("%missed > 2", "rules about silence only"),
        ("now() > @2020-01-01", "cannot use the function `now`"),
        ("$'q').answer.where(value >= 38).exists()", "never true"),
        (
            "$'q').answer.where(value >= 38 'degF').exists()",
            "another unit",
        ),
        (
            "$'n').answer.where(value.value >= 38).exists()",
            "has no `value`",
        ),
        (
            "$'c').answer.where(value = '3').exists()",
            "coding's `code`",
        ),
        (
            "$'c').answer.value.where(code = '7').exists()",
            "no option has the code `7`",
        ),
        ("$'c').answer.value.where(code = 3).exists()", "never true"),
        (
            "$'c').answer.value.where(system = 'z').exists()",
            "the system `z`",
        ),
        ("$'b').answer.where(value = 'true').exists()", "never true"),
        (
            "$'b').answer.where(valueBoolean = true).exists()",
            "no element `valueBoolean`",
        ),
        ("$'b').answers.exists()", "no element `answers`"),
        ("$'n').answer.value", "this one is a bare number"),
        ("%`day` = '3'", "never true"),
        ("%patient.birthdate.exists()", "Patient has no element"),
    ]);
}

#[test]
fn what_never_or_always_fires_is_told() {
    told(&[
        (
            "$'q').answer.where(value.value >= 45).exists()",
            "never fire",
        ),
        (
            "$'n').answer.where(value > 100 and value < 90).exists()",
            "never fire",
        ),
        (
            "$'c').answer.value.where(code.toInteger() > 3).exists()",
            "never fire",
        ),
        ("$'b').answer.exists()", "always fires"),
        (
            "$'q').answer.where(value.value >= 40).exists() or $'b').answer.value.exists()",
            "always fires",
        ),
        ("%`day` > 14 and %`day` < 14", "never fire"),
    ]);
}

#[test]
fn a_level_behind_a_higher_one_is_told() {
    let hidden = said_of(&[
        "$'n').answer.where(value > 100).exists()",
        "$'n').answer.where(value > 110).exists()",
    ]);
    assert!(
        hidden.len() == 1 && hidden[0].starts_with("1: The level is hidden"),
        "{hidden:?}"
    );
    let open = said_of(&[
        "$'n').answer.where(value > 110).exists()",
        "$'n').answer.where(value > 100).exists()",
    ]);
    assert!(open.is_empty(), "{open:?}");
}
