//! Elements, types, choices, extensions, references, and collections of them.

use serde_json::{Value, json};

use super::{check, check_faults, patient};
use crate::fhir::{
    definitions::definitions,
    path::{Context, Expression, Item, Repeated, Resolver},
};

fn observation() -> Value {
    json!({
        "resourceType": "Observation",
        "code": {"coding": [{"system": "http://loinc.org", "code": "29463-7"}]},
        "issued": "2026-11-21T09:00:00Z",
        "valueQuantity": {
            "value": 185.0, "unit": "lbs", "system": "http://unitsofmeasure.org", "code": "[lb_av]"
        },
        "referenceRange": [{
            "low": {"value": 2, "code": "mg"},
            "high": {"value": 5, "code": "mg", "comparator": "<"}
        }],
        "component": [{"valueString": "a"}, {"valueInteger": 3}]
    })
}

#[test]
fn elements_are_found_in_order_with_their_types() {
    check(
        &patient(),
        &[
            ("Patient.name.given", "Peter,James,Jim,Peter,James"),
            ("name.family", "Chalmers,Windsor"),
            ("name[1].given", "Jim"),
            ("name[9]", ""),
            ("Observation.code", ""),
            ("name.unheard", ""),
            ("contained.name", "ACME"),
            ("contained.id.type().name", "id"),
            ("name.first().type().name", "HumanName"),
            (
                "Patient.type().namespace & '.' & Patient.type().name",
                "FHIR.Patient",
            ),
            ("gender.type().name", "code"),
            ("'a'.type().namespace", "System"),
            ("name.given.where(length() = 3)", "Jim"),
            ("name.select(given.count() + $index)", "2,2,4"),
        ],
    );
}

#[test]
fn choices_are_one_element() {
    check(
        &observation(),
        &[
            ("Observation.value.unit", "lbs"),
            ("Observation.valueQuantity", ""),
            ("value is Quantity", "true"),
            ("value.is(Period)", "false"),
            ("(value as Quantity).code", "[lb_av]"),
            ("value = 185 '[lb_av]'", "true"),
            ("value > 180 '[lb_av]'", "true"),
            ("component.value", "a,3"),
            ("component.value as string", "a"),
            ("component.value.ofType(integer)", "3"),
            ("issued is instant", "true"),
            ("referenceRange.high > 1 'mg'", ""),
            ("referenceRange.low > 1 'mg'", "true"),
            ("issued < @2026-11-22T00:00:00Z", "true"),
        ],
    );
    check(
        &patient(),
        &[("deceased is boolean", "true"), ("deceased", "false")],
    );
}

#[test]
fn types_follow_inheritance() {
    check(
        &patient(),
        &[
            ("gender is code", "true"),
            ("gender is string", "true"),
            ("gender is id", "false"),
            ("gender.as(string)", ""),
            ("gender.as(code)", "male"),
            ("Patient is DomainResource", "true"),
            ("Patient is FHIR.Resource", "true"),
            ("active is Boolean", "false"),
            ("active is System.Boolean", "false"),
            ("true is Boolean", "true"),
            ("Patient.is(System.Patient)", "false"),
            ("name.ofType(HumanName).count()", "3"),
            ("1 'mg' is Quantity", "true"),
        ],
    );
}

#[test]
fn primitives_carry_extensions() {
    let url = "http://hl7.org/fhir/StructureDefinition/patient-birthTime";
    let by_url = format!("birthDate.extension('{url}').value");
    check(
        &patient(),
        &[
            (&by_url, "1974-12-25T14:35:45-05:00"),
            (
                "birthDate.extension(%`ext-patient-birthTime`).exists()",
                "true",
            ),
            (
                "birthDate.hasValue() and birthDate.getValue() = @1974-12-25",
                "true",
            ),
            ("name.hasValue()", "false"),
        ],
    );
    let gaps = json!({
        "resourceType": "Patient",
        "name": [{"given": [null, "Ann"], "_given": [{"extension": [{"url": "u"}]}, null]}],
        "_gender": {"extension": [{"url": "u", "valueCode": "unknown"}]}
    });
    check(
        &gaps,
        &[
            ("name.given.select(hasValue())", "false,true"),
            ("name.given.extension.url", "u"),
            ("gender.exists()", "true"),
            ("gender.hasValue()", "false"),
            ("gender & 'x'", "x"),
            ("gender < 'x'", ""),
            ("gender.startsWith('x')", ""),
            ("gender.extension('u').value is code", "true"),
            ("Patient.children().count()", "2"),
        ],
    );
}

#[test]
fn trees_are_walked() {
    let form = json!({
        "resourceType": "Questionnaire",
        "item": [
            {"linkId": "1", "item": [{"linkId": "1.1"}, {"linkId": "1.2", "item": [{"linkId": "1.2.1"}]}]},
            {"linkId": "2"}
        ]
    });
    check(
        &form,
        &[
            ("Questionnaire.repeat(item).linkId", "1,2,1.1,1.2,1.2.1"),
            ("descendants().linkId.isDistinct()", "true"),
            ("children().linkId", "1,2"),
            ("descendants().count()", "10"),
            ("repeat('x')", "x"),
        ],
    );
}

#[test]
fn collections_are_compared_and_combined() {
    check(
        &patient(),
        &[
            ("name.given.distinct()", "Peter,James,Jim"),
            (
                "name.given | name.family",
                "Peter,James,Jim,Chalmers,Windsor",
            ),
            ("1.combine(1).count()", "2"),
            ("name.given.exclude('Jim')", "Peter,James,Peter,James"),
            ("name.given.intersect('Jim' | 'X')", "Jim"),
            ("name.first().subsetOf(name)", "true"),
            ("name.supersetOf(name.tail())", "true"),
            ("name.take(2) = name.skip(1)", "false"),
            ("name ~ name.last() | name.first() | name[1]", "true"),
            ("(1 | 2 | 3).tail() = (2 | 3)", "true"),
            ("(1 | 2 | 3).all($this > 0)", "true"),
            ("(1 | 2).select($this > 1).anyTrue()", "true"),
            ("name.exists(use = 'maiden')", "true"),
            ("(3 | 1 | 2).sort(-$this)", "3,2,1"),
            ("name.where(use = 'official').single().family", "Chalmers"),
            ("iif(name.empty(), 1 / 0, 'named')", "named"),
        ],
    );
    check_faults(
        &patient(),
        &["name.single()", "iif('text', 1, 2)", "1 | 2 in 1"],
    );
}

#[test]
fn references_are_resolved_by_content_or_by_name() {
    check(
        &patient(),
        &[
            ("managingOrganization.resolve().name", "ACME"),
            (
                "generalPractitioner.where(resolve() is Practitioner).reference",
                "Practitioner/d1",
            ),
            (
                "generalPractitioner.where(resolve() is Organization).count()",
                "1",
            ),
            (
                "generalPractitioner.where(resolve() is PractitionerRole).identifier.value",
                "r1",
            ),
            ("generalPractitioner.resolve().count()", "3"),
            ("generalPractitioner.resolve().id", ""),
        ],
    );
    struct One(Value);
    impl Resolver for One {
        fn resolve(&self, reference: &str) -> Option<&Value> {
            (reference == "Practitioner/d1").then_some(&self.0)
        }
    }
    let tree = patient();
    let one = One(json!({"resourceType": "Practitioner", "active": true}));
    let expression = Expression::compile("generalPractitioner.resolve().active").unwrap();
    let found = expression.evaluate_boolean(&Context::new(&tree).with_resolver(&one));
    assert_eq!(found, Ok(true));
}

#[test]
fn nodes_tell_their_value_and_type() {
    let tree = patient();
    let name = Expression::compile("Patient.name").unwrap();
    let names = name.evaluate(&Context::new(&tree)).unwrap();
    assert_eq!(names[0].fhir_type(), "HumanName");
    assert_eq!(names[0].node(), tree.pointer("/name/0"));
    // A part of a composite search parameter starts from the node that the composite found.
    let family = Expression::compile("family").unwrap();
    let inner = Context::of(names[0].clone());
    let families = family.evaluate(&inner).unwrap();
    assert_eq!(families[0].as_str(), Some("Chalmers"));
    assert_eq!(families[0].fhir_type(), "string");
    let typed = Item::typed(&tree["name"][1], "HumanName");
    assert_eq!(typed.fhir_type(), "HumanName");
}

#[test]
fn every_search_parameter_of_r4_compiles() {
    let mut count = 0;
    for parameter in &definitions().parameters {
        let own = parameter.expression.iter();
        let parts = parameter.components.iter().map(|part| &part.expression);
        for text in own.chain(parts) {
            let compiled = Expression::compile(text);
            assert!(compiled.is_ok(), "{}: {compiled:?}", parameter.url);
            count += 1;
        }
    }
    assert!(count > 1_300, "only {count} expressions");
}

#[test]
fn repeat_drops_equal_trees_however_their_numbers_are_written() {
    let response: serde_json::Value = serde_json::from_str(
        r#"{"resourceType": "QuestionnaireResponse", "item": [
            {"linkId": "a", "answer": [{"valueDecimal": 1.0}]},
            {"answer": [{"valueDecimal": 1.00}], "linkId": "a"},
            {"linkId": "a", "answer": [{"valueDecimal": 2.0}]},
            {"linkId": "g", "item": [{"linkId": "a", "answer": [{"valueDecimal": 1}]}]}]}"#,
    )
    .expect("JSON");
    super::check(
        &response,
        &[
            ("repeat(item).count()", "3"),
            ("repeat(item).linkId", "a,a,g"),
        ],
    );
}

#[test]
fn what_was_found_before_is_what_would_be_found() {
    let row =
        |link: &str, value: i64| json!({ "linkId": link, "answer": [{ "valueInteger": value }] });
    let tree = json!({ "resourceType": "QuestionnaireResponse", "item": [
        { "linkId": "group", "item": [row("a", 1), row("b", 2), row("a", 1)] },
        row("b", 2),
    ] });
    let known = [Repeated::of(&tree, "item").unwrap()];
    for expression in [
        "repeat(item).linkId",
        "%resource.repeat(item).where(linkId = 'a').answer.value",
        "repeat(item).where(linkId = 'b').count()",
        "repeat(item).where(linkId != 'a').count()",
        "item.repeat(item).linkId",
        "repeat(answer).value",
    ] {
        let compiled = Expression::compile(expression).unwrap();
        let with = Context::new(&tree).with_repeated(&known);
        let texts = |context: &Context<'_>| -> Vec<String> {
            let items = compiled.evaluate(context).unwrap();
            items
                .iter()
                .map(|item| item.to_text().unwrap().to_string())
                .collect()
        };
        assert_eq!(texts(&with), texts(&Context::new(&tree)), "{expression}");
    }
}

#[test]
fn a_primitive_is_also_the_value_that_it_converts_to() {
    check(
        &patient(),
        &[
            ("name.first().family as String", "Chalmers"),
            ("gender as String", "male"),
            ("active as Boolean", "true"),
            ("active as String", ""),
            ("birthDate as DateTime", ""),
            // The type of FHIR is the very type all the same.
            ("gender as string", ""),
            ("name.first().family.ofType(String)", ""),
            ("name.first() as String", ""),
        ],
    );
}
