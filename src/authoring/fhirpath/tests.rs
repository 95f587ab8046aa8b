//! Expressions tried: what is told, where it stands, and where it ends.

use serde_json::{Value, json};

use super::*;

fn patient() -> Value {
    json!({
        "resourceType": "Patient",
        "id": "p1",
        "name": [
            { "use": "official", "family": "Chalmers", "given": ["Peter", "James"] },
            { "use": "usual", "given": ["Jim"] },
        ],
        "birthDate": "1974-12-25",
        "_birthDate": { "extension": [{ "url": "http://x", "valueString": "y" }] },
        "contact": [{ "gender": "female", "name": { "given": ["Bénédicte"] } }],
        "deceasedBoolean": false,
    })
}

/// Stands for a reader of XML: it knows one text.
fn from_xml(text: &str) -> Result<Value> {
    match text {
        "<Patient/>" => Ok(patient()),
        _ => Err(Problem::malformed("structure", "Bad XML.")),
    }
}

fn ask(parameter: Value) -> Result<Value> {
    let tree = json!({ "resourceType": "Parameters", "parameter": parameter });
    let (asked, source) = Asked::read(&[], Some(&tree), &from_xml)?;
    assert!(matches!(source, Source::Given));
    let now = "2026-11-21T10:30:15+01:00[Europe/Paris]".parse().unwrap();
    answer(&asked, Knowledge::core(), &now)
}

fn on_patient(expression: &str, more: &[Value]) -> Result<Value> {
    let mut parameter = vec![
        json!({ "name": "expression", "valueString": expression }),
        json!({ "name": "resource", "resource": patient() }),
    ];
    parameter.extend(more.iter().cloned());
    ask(parameter.into())
}

fn results(told: &Value) -> Vec<&Value> {
    let all = told["parameter"].as_array().unwrap().iter();
    all.filter(|part| part["name"] == "result").collect()
}

fn parameter<'a>(told: &'a Value, name: &str) -> &'a Value {
    let mut parts = told["parameter"][0]["part"].as_array().unwrap().iter();
    parts
        .find(|part| part["name"] == name)
        .unwrap_or(&Value::Null)
}

fn path(place: &str) -> Value {
    json!([{ "url": "http://fhir.forms-lab.com/StructureDefinition/resource-path",
        "valueString": place }])
}

#[test]
fn values_are_told_by_type_and_place() {
    let told = on_patient("name.given | birthDate | deceased", &[]).unwrap();
    assert_eq!(
        results(&told)[0]["part"],
        json!([
            { "name": "string", "valueString": "Peter", "extension": path("Patient.name[0].given[0]") },
            { "name": "string", "valueString": "James", "extension": path("Patient.name[0].given[1]") },
            { "name": "string", "valueString": "Jim", "extension": path("Patient.name[1].given[0]") },
            { "name": "date", "valueDate": "1974-12-25", "extension": path("Patient.birthDate"),
              "_valueDate": { "extension": [{ "url": "http://x", "valueString": "y" }] } },
            { "name": "boolean", "valueBoolean": false, "extension": path("Patient.deceased") },
        ])
    );
    let version = parameter(&told, "evaluator")["valueString"].as_str();
    assert!(version.unwrap().starts_with("Vigie "));
    let types = &parameter(&told, "expectedReturnType")["valueString"];
    assert_eq!(types, "string[] | date[] | boolean[] | dateTime[]");
    assert_eq!(parameter(&told, "resource")["resource"], patient());
}

#[test]
fn every_type_has_its_form() {
    let rows = [
        ("1", json!({ "name": "integer", "valueInteger": 1 })),
        (
            "3000000000",
            json!({ "name": "integer", "valueDecimal": 3_000_000_000_i64 }),
        ),
        ("'a'", json!({ "name": "string", "valueString": "a" })),
        ("''", json!({ "name": "empty-string" })),
        (
            "@2020-02",
            json!({ "name": "date", "valueDate": "2020-02" }),
        ),
        (
            "@T10:30:00",
            json!({ "name": "time", "valueTime": "10:30:00" }),
        ),
        (
            "now()",
            json!({ "name": "dateTime", "valueDateTime": "2026-11-21T10:30:15.000+01:00" }),
        ),
        ("true", json!({ "name": "boolean", "valueBoolean": true })),
        (
            "4 'mg'",
            json!({ "name": "Quantity", "valueQuantity": { "value": 4, "unit": "mg",
            "system": "http://unitsofmeasure.org", "code": "mg" } }),
        ),
        (
            "4 days",
            json!({ "name": "Quantity", "valueQuantity": { "value": 4, "unit": "day" } }),
        ),
        (
            "%resource.id",
            json!({ "name": "id", "valueId": "p1", "extension": path("Patient.id") }),
        ),
    ];
    for (expression, expected) in rows {
        let told = on_patient(expression, &[]).unwrap();
        let part = results(&told)[0]["part"][0].clone();
        assert_eq!(part, expected, "{expression}");
    }
}

#[test]
fn what_no_parameter_can_have_is_told_as_json() {
    let json_of = |expression: &str| {
        let told = on_patient(expression, &[]).unwrap();
        let part = results(&told)[0]["part"][0].clone();
        let extensions = part["extension"].as_array().unwrap().clone();
        let text = extensions.last().unwrap()["valueString"]
            .as_str()
            .unwrap()
            .to_owned();
        (
            part["name"].as_str().unwrap().to_owned(),
            serde_json::from_str::<Value>(&text).unwrap(),
        )
    };
    let (name, contact) = json_of("contact");
    assert_eq!(
        (name.as_str(), &contact["gender"]),
        ("Patient.contact", &json!("female"))
    );
    assert_eq!(json_of("@T10:30"), ("time".into(), json!("10:30")));
    assert_eq!(
        json_of("1.type()").1,
        json!({ "namespace": "System", "name": "Integer" })
    );
    let told = on_patient("$this", &[]).unwrap();
    assert_eq!(results(&told)[0]["part"][0]["resource"], patient());
    let decimal = on_patient("1.50", &[]).unwrap();
    assert!(
        results(&decimal)[0]
            .to_string()
            .contains("\"valueDecimal\":1.50")
    );
}

#[test]
fn each_item_of_a_context_has_a_result() {
    let context = json!({ "name": "context", "valueString": "name" });
    let told = on_patient("given.first().trace('first') & %resource.id", &[context]).unwrap();
    let results = results(&told);
    assert_eq!(results.len(), 2);
    assert_eq!(results[1]["valueString"], "Patient.name[1]");
    assert_eq!(
        results[1]["part"],
        json!([
            { "name": "string", "valueString": "Jimp1" },
            { "name": "trace", "valueString": "first", "part": [
                { "name": "string", "valueString": "Jim", "extension": path("Patient.name[1].given[0]") }
            ] },
        ])
    );
    assert_eq!(parameter(&told, "context")["valueString"], "name");
    let made = json!({ "name": "context", "valueString": "1 | 2" });
    let told = on_patient("$this + 1", &[made]).unwrap();
    assert_eq!(self::results(&told)[1]["valueString"], "1 | 2[1]");
    let none = json!({ "name": "context", "valueString": "photo" });
    assert!(self::results(&on_patient("$this", &[none]).unwrap()).is_empty());
}

#[test]
fn variables_are_taken_by_their_types() {
    let variables = json!({ "name": "variables", "part": [
        { "name": "word", "valueString": "testMe" },
        { "name": "limit", "valueQuantity": { "value": 39, "code": "Cel" } },
        { "name": "other", "resource": { "resourceType": "Basic", "id": "b" } },
        { "name": "two", "valueInteger": 1 },
        { "name": "two", "valueInteger": 2 },
        { "name": "given", "extension": [{ "url": asked::JSON_VALUE,
            "valueString": "{\"resourceType\":\"Basic\",\"id\":\"c\"}" }] },
    ] });
    let expression = "%word = 'testMe' and %limit > 38 'Cel' and %other.id = 'b' \
        and %two.count() = 2 and %given.id = 'c'";
    let told = on_patient(expression, &[variables]).unwrap();
    assert_eq!(results(&told)[0]["part"][0]["valueBoolean"], true);
    assert!(parameter(&told, "variables")["part"].is_array());
    assert!(on_patient("%nobody", &[]).is_err());
}

#[test]
fn slips_are_told_to_who_asks() {
    let validate = json!({ "name": "validate", "valueBoolean": true });
    let told = on_patient("name.gvien", &[validate]).unwrap();
    let says = &parameter(&told, "parseDebug")["valueString"];
    assert_eq!(says, "HumanName has no element 'gvien'.");
    assert!(results(&told)[0].get("part").is_none());
    let told = on_patient("name.gvien", &[]).unwrap();
    assert!(parameter(&told, "parseDebug").is_null());
    let tree = parameter(&told, "parseDebugTree")["valueString"].as_str();
    let tree: Value = serde_json::from_str(tree.unwrap()).unwrap();
    assert_eq!(tree["ExpressionType"], "ChildExpression");
    assert_eq!(tree["Arguments"][0]["Name"], "name");
}

#[test]
fn a_resource_comes_in_several_ways() {
    let expression = json!({ "name": "expression", "valueString": "id" });
    let told = |resource: Value| {
        let told = ask(json!([expression, resource]));
        told.map(|told| results(&told)[0]["part"][0]["valueId"].clone())
    };
    let text = patient().to_string();
    assert_eq!(
        told(json!({ "name": "resource", "valueString": text })).unwrap(),
        "p1"
    );
    let extension = json!([{ "url": asked::JSON_VALUE, "valueString": text }]);
    assert_eq!(
        told(json!({ "name": "resource", "extension": extension })).unwrap(),
        "p1"
    );
    assert!(told(json!({ "name": "resource", "valueString": "{\"a\":1,\"a\":2}" })).is_err());
    assert!(told(json!({ "name": "resource", "valueString": "nothing" })).is_err());
    let xml = json!({ "name": "resource", "valueString": "<Patient/>" });
    assert_eq!(told(xml).unwrap(), "p1");
    assert!(told(json!({ "name": "resource", "valueString": "<" })).is_err());
    // Without one an expression is a calculation.
    let sum = ask(json!([{ "name": "expression", "valueString": "1 + 1" }])).unwrap();
    assert_eq!(results(&sum)[0]["part"][0]["valueInteger"], 2);
    let query = [("expression", "id"), ("resource", "Patient/p1")];
    let query = query.map(|(name, text)| (name.to_owned(), text.to_owned()));
    let (asked, source) = Asked::read(&query, None, &from_xml).unwrap();
    assert!(asked.resource.is_none());
    assert!(matches!(source, Source::Stored(reference) if reference == "Patient/p1"));
}

#[test]
fn what_is_no_expression_is_refused_with_its_place() {
    let fault = on_patient("name.", &[]).unwrap_err();
    assert_eq!(fault.category, Category::Malformed);
    assert!(fault.issues[0].diagnostics.contains("byte 5"));
    let fault = on_patient("name + 1", &[]).unwrap_err();
    assert_eq!(
        (fault.category, fault.issues[0].code),
        (Category::Invalid, "processing")
    );
    let unknown = json!({ "name": "rsource", "valueString": "x" });
    assert!(on_patient("id", &[unknown]).is_err());
    assert!(ask(json!([])).is_err());
}

#[test]
fn an_answer_has_bounds() {
    let code = |expression: &str, context: Option<&str>| {
        let context = context.map(|text| json!({ "name": "context", "valueString": text }));
        let told = on_patient(expression, &context.into_iter().collect::<Vec<_>>());
        told.map(|_| ()).map_err(|fault| fault.issues[0].code)
    };
    let many = "(0 | 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | 9)";
    let thousands = format!("{many}.select({many}).select({many}).select({many})");
    let word = "a".repeat(ANSWER_BYTES_MAX / 5_000);
    assert_eq!(code(&format!("{thousands}.select(1)"), None), Ok(()));
    assert_eq!(
        code(&format!("{thousands}.select(1 | 2 | 3)"), None),
        Err("too-costly")
    );
    assert_eq!(
        code(&format!("{thousands}.select('{word}')"), None),
        Err("too-costly")
    );
    assert_eq!(
        code(&format!("{thousands}.trace('a', '{word}').count()"), None),
        Err("too-costly")
    );
    assert_eq!(code("1", Some(&thousands)), Err("too-costly"));
    let endless = "'x'.repeat($this & 'a')";
    assert_eq!(code(endless, None), Err("too-costly"));
    // A tree deeper than what is shown is cut, not walked to its end.
    let long = format!("name{}", ".given".repeat(3_000));
    assert_eq!(code(&long, None), Ok(()));
}
