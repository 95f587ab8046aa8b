//! Patches of both kinds, step by step.

use serde_json::{Value, json};

use super::*;
use crate::kernel::problem::Category;

fn patient() -> Value {
    json!({
        "resourceType": "Patient",
        "id": "p",
        "identifier": [{"value": "1"}, {"value": "2"}, {"value": "3"}],
        "name": [{"family": "A", "given": ["x", "y"],
            "_given": [null, {"extension": [{"url": "urn:e", "valueString": "z"}]}]}],
        "birthDate": "1920-01-01",
        "_birthDate": {"extension": [{"url": "urn:b", "valueCode": "c"}]},
        "deceasedBoolean": false,
    })
}

fn apply(patch: Result<Patch>, tree: &Value) -> Result<Value> {
    patch?.apply(tree, &Limits::default())
}

fn by_json(patch: Value) -> Result<Value> {
    apply(Patch::json(patch), &patient())
}

/// One operation: its type and path, and further parts.
fn operation(verb: &str, path: &str, more: Value) -> Value {
    let mut parts = vec![
        json!({"name": "type", "valueCode": verb}),
        json!({"name": "path", "valueString": path}),
    ];
    parts.extend(more.as_array().cloned().unwrap_or_default());
    json!({"name": "operation", "part": parts})
}

fn by_path(operations: &[Value]) -> Result<Value> {
    let parameters = json!({"resourceType": "Parameters", "parameter": operations});
    apply(Patch::path(&parameters), &patient())
}

#[test]
fn the_operations_of_json_patch_change_what_they_point_at() {
    let patched = by_json(json!([
        {"op": "test", "path": "/name/0/family", "value": "A"},
        {"op": "replace", "path": "/name/0/family", "value": "B"},
        {"op": "add", "path": "/identifier/-", "value": {"value": "4"}},
        {"op": "add", "path": "/identifier/0", "value": {"value": "0"}},
        {"op": "move", "from": "/identifier/1", "path": "/identifier/0"},
        {"op": "copy", "from": "/birthDate", "path": "/name/0/period", "more": true},
        {"op": "remove", "path": "/name/0/period"},
        {"op": "remove", "path": "/deceasedBoolean"},
    ]))
    .unwrap();
    let values: Vec<&str> = patched["identifier"]
        .as_array()
        .unwrap()
        .iter()
        .map(|each| each["value"].as_str().unwrap())
        .collect();
    assert_eq!(values, ["1", "0", "2", "3", "4"]);
    assert_eq!(patched["name"][0]["family"], "B");
    assert_eq!(patched.get("deceasedBoolean"), None);
}

#[test]
fn pointers_escape_and_numbers_are_equal_by_value() {
    let tree = json!({"resourceType": "Basic", "a/b": {"~": 10}, "m": [1.50]});
    let tested = apply(
        Patch::json(json!([
            {"op": "test", "path": "/a~1b/~0", "value": 1e1},
            {"op": "test", "path": "/m", "value": [1.5]},
            {"op": "test", "path": "", "value": {"m": [1.50], "resourceType": "Basic", "a/b": {"~": 10.0}}},
        ])),
        &tree,
    );
    assert_eq!(tested, Ok(tree.clone()));
    let number: Value = serde_json::from_str("[1e99999999999999999999]").unwrap();
    let patch = json!([{"op": "test", "path": "/m", "value": number}]);
    assert!(apply(Patch::json(patch), &tree).is_err());
}

#[test]
fn a_json_patch_that_is_none_is_malformed() {
    for patch in [
        json!({}),
        json!([1]),
        json!([{"op": "add", "path": "/a"}]),
        json!([{"op": "add", "value": 1}]),
        json!([{"op": "move", "path": "/a"}]),
        json!([{"op": "spam", "path": "/a"}]),
        json!([{"op": "remove", "path": "a"}]),
        json!([{"op": "remove", "path": "/a~2"}]),
        Value::Array(vec![json!({"op": "remove", "path": "/a"}); STEPS_MAX + 1]),
    ] {
        let refused = by_json(patch.clone()).unwrap_err();
        assert_eq!(refused.category, Category::Malformed, "{patch}");
    }
}

#[test]
fn a_step_that_does_not_fit_is_named() {
    for step in [
        json!({"op": "remove", "path": "/gender"}),
        json!({"op": "remove", "path": ""}),
        json!({"op": "replace", "path": "/name/7", "value": 1}),
        json!({"op": "add", "path": "/name/2", "value": {}}),
        json!({"op": "add", "path": "/name/01", "value": {}}),
        json!({"op": "add", "path": "/birthDate/x", "value": 1}),
        json!({"op": "copy", "from": "/none", "path": "/gender"}),
        json!({"op": "move", "from": "/name", "path": "/name/0/x"}),
        json!({"op": "test", "path": "/birthDate", "value": "1921"}),
    ] {
        let patch = json!([{"op": "test", "path": "/id", "value": "p"}, step]);
        let refused = by_json(patch).unwrap_err();
        assert_eq!(refused.category, Category::Invalid, "{step}");
        assert_eq!(refused.issues[0].expression.as_deref(), Some("patch[1]"));
    }
}

#[test]
fn type_and_id_stay() {
    for (path, value) in [("/id", "q"), ("/resourceType", "Group")] {
        let patch = json!([{"op": "replace", "path": path, "value": value}]);
        assert_eq!(by_json(patch).unwrap_err().category, Category::Invalid);
    }
    assert!(by_json(json!([{"op": "replace", "path": "", "value": {}}])).is_err());
    assert!(by_path(&[operation("delete", "Patient.id", json!([]))]).is_err());
}

#[test]
fn a_patch_grows_no_further_than_a_body_may() {
    let doubling = json!({"op": "copy", "from": "", "path": "/x"});
    let refused = by_json(Value::Array(vec![doubling; 60])).unwrap_err();
    assert_eq!(refused.issues[0].code, "too-costly");
    let long = "a".repeat(100_000);
    let mut steps = vec![json!({"op": "add", "path": "/x", "value": [long]})];
    steps.extend(vec![
        json!({"op": "copy", "from": "/x", "path": "/x/-"});
        60
    ]);
    let refused = by_json(Value::Array(steps)).unwrap_err();
    assert_eq!(refused.issues[0].code, "too-costly");
}

#[test]
fn many_steps_are_not_taken_over_a_large_resource() {
    let step = json!({"op": "test", "path": "/id", "value": "p"});
    let patch = || Patch::json(Value::Array(vec![step.clone(); STEPS_MAX]));
    let mut tree = patient();
    assert!(apply(patch(), &tree).is_ok());
    tree["photo"] = json!([{"title": "a".repeat(WORK_MAX / STEPS_MAX)}]);
    let refused = apply(patch(), &tree).unwrap_err();
    assert_eq!(refused.category, Category::TooLarge);
}

#[test]
fn what_has_been_emptied_is_gone() {
    let patched = by_json(json!([
        {"op": "remove", "path": "/name/0/family"},
        {"op": "remove", "path": "/name/0/given"},
        {"op": "remove", "path": "/name/0/_given/1"},
    ]))
    .unwrap();
    assert_eq!(patched.get("name"), None);
    let patched = by_path(&[operation("delete", "Patient.name[0].given[1]", json!([]))]).unwrap();
    assert_eq!(patched["name"][0], json!({"family": "A", "given": ["x"]}));
}

#[test]
fn elements_are_added_replaced_and_deleted_by_path() {
    let patched = by_path(&[
        operation(
            "replace",
            "Patient.birthDate",
            json!([{"name": "value", "valueDate": "1930-01-01"}]),
        ),
        operation(
            "add",
            "Patient",
            json!([{"name": "name", "valueString": "gender"},
            {"name": "value", "valueCode": "male"}]),
        ),
        operation(
            "add",
            "Patient",
            json!([{"name": "name", "valueString": "contact"},
            {"name": "value", "part": [
                {"name": "name", "valueHumanName": {"text": "N"}},
                {"name": "telecom", "valueContactPoint": {"value": "1"}},
                {"name": "telecom", "valueContactPoint": {"value": "2"}}]}]),
        ),
        operation(
            "add",
            "Patient.contact[0]",
            json!([{"name": "name", "valueString": "gender"},
            {"name": "value", "valueCode": "other"}]),
        ),
        operation(
            "replace",
            "Patient.deceased",
            json!([{"name": "value", "valueDateTime": "2020"}]),
        ),
        operation(
            "delete",
            "Patient.name.where(family = 'A').given.where($this = 'x')",
            json!([]),
        ),
        operation("delete", "Patient.photo", json!([])),
    ])
    .unwrap();
    assert_eq!(patched["birthDate"], "1930-01-01");
    assert_eq!(patched.get("_birthDate"), None);
    let contact = json!([{"name": {"text": "N"}, "telecom": [{"value": "1"}, {"value": "2"}],
        "gender": "other"}]);
    assert_eq!(patched["contact"], contact);
    assert_eq!(patched["deceasedDateTime"], "2020");
    assert_eq!(patched.get("deceasedBoolean"), None);
    assert_eq!(patched["name"][0]["given"], json!(["y"]));
    assert_eq!(
        patched["name"][0]["_given"][0]["extension"][0]["url"],
        "urn:e"
    );
}

#[test]
fn lists_are_inserted_into_and_reordered_by_path() {
    let index = |name: &str, at: u32| json!({"name": name, "valueInteger": at});
    let value = json!({"name": "value", "valueIdentifier": {"value": "new"}});
    let patched = by_path(&[
        operation(
            "insert",
            "Patient.identifier",
            json!([index("index", 1), value]),
        ),
        operation(
            "move",
            "Patient.identifier",
            json!([index("source", 3), index("destination", 0)]),
        ),
        operation(
            "insert",
            "Patient.photo",
            json!([index("index", 0),
            {"name": "value", "valueAttachment": {"title": "t"}}]),
        ),
        operation(
            "move",
            "Patient.name[0].given",
            json!([index("source", 1), index("destination", 0)]),
        ),
    ])
    .unwrap();
    let values = json!([{"value": "3"}, {"value": "1"}, {"value": "new"}, {"value": "2"}]);
    assert_eq!(patched["identifier"], values);
    assert_eq!(patched["photo"], json!([{"title": "t"}]));
    assert_eq!(patched["name"][0]["given"], json!(["y", "x"]));
    assert_eq!(
        patched["name"][0]["_given"][0]["extension"][0]["url"],
        "urn:e"
    );
}

#[test]
fn a_choice_is_added_under_each_of_its_names() {
    for name in ["multipleBirth", "multipleBirth[x]", "multipleBirthInteger"] {
        let patched = by_path(&[operation(
            "add",
            "Patient",
            json!([
            {"name": "name", "valueString": name}, {"name": "value", "valueInteger": 2}]),
        )])
        .unwrap();
        assert_eq!(patched["multipleBirthInteger"], 2, "{name}");
    }
}

#[test]
fn extensions_beside_a_primitive_are_elements_too() {
    let value = json!([{"name": "value", "valueString": "new"}]);
    let path = "Patient.birthDate.extension.where(url = 'urn:b').value";
    let patched = by_path(&[operation("replace", path, value)]).unwrap();
    let expected = json!({"extension": [{"url": "urn:b", "valueString": "new"}]});
    assert_eq!(patched["_birthDate"], expected);
    let patched = by_path(&[operation(
        "delete",
        "Patient.birthDate.extension",
        json!([]),
    )]);
    assert_eq!(patched.unwrap().get("_birthDate"), None);
}

#[test]
fn a_path_that_finds_none_or_too_many_is_refused() {
    let value = || json!([{"name": "value", "valueString": "v"}]);
    let index = |at: u32| {
        json!([{"name": "source", "valueInteger": 0},
        {"name": "destination", "valueInteger": at}])
    };
    for (step, code) in [
        (operation("replace", "Patient.gender", value()), "not-found"),
        (
            operation("replace", "Patient.identifier", value()),
            "multiple-matches",
        ),
        (
            operation("delete", "Patient.identifier.value", json!([])),
            "multiple-matches",
        ),
        (
            operation("delete", "Patient.name.family + 'x'", json!([])),
            "value",
        ),
        (operation("delete", "Patient", json!([])), "not-found"),
        (operation("move", "Patient.identifier", index(3)), "value"),
        (
            operation("move", "Patient.identifier[1]", index(0)),
            "value",
        ),
        (
            operation("replace", "Patient.name[0]", json!([{"name": "value"}])),
            "required",
        ),
        (
            operation(
                "add",
                "Patient",
                json!([{"name": "name", "valueString": "birthDate"},
                {"name": "value", "valueDate": "1930"}]),
            ),
            "duplicate",
        ),
        (
            operation(
                "add",
                "Patient",
                json!([{"name": "name", "valueString": "nonsense"},
                {"name": "value", "valueDate": "1930"}]),
            ),
            "structure",
        ),
    ] {
        let refused = by_path(std::slice::from_ref(&step)).unwrap_err();
        assert_eq!(refused.category, Category::Invalid, "{step}");
        assert_eq!(refused.issues[0].code, code, "{step}");
    }
}

#[test]
fn parameters_that_are_no_patch_are_malformed() {
    for step in [
        json!({"name": "other"}),
        operation("spam", "Patient", json!([])),
        operation("add", "Patient", json!([])),
        operation(
            "insert",
            "Patient.name",
            json!([{"name": "value", "valueString": "v"}]),
        ),
        operation("delete", "Patient.(", json!([])),
    ] {
        let refused = by_path(std::slice::from_ref(&step)).unwrap_err();
        assert_eq!(refused.category, Category::Malformed, "{step}");
    }
    assert!(Patch::path(&json!({"resourceType": "Patient"})).is_err());
}

#[test]
fn a_merge_patch_replaces_members_and_removes_those_that_are_null() {
    let patient = json!({"resourceType": "Patient", "id": "1", "active": true, "gender": "male",
        "name": [{"family": "A"}], "maritalStatus": {"text": "m", "coding": [{"code": "M"}]}});
    let merged = |patch: Value| Patch::merge(patch)?.apply(&patient, &Limits::default());
    let told = merged(
        json!({"gender": null, "active": false, "name": [{"family": "B"}],
        "maritalStatus": {"text": "n"}}),
    )
    .unwrap();
    assert_eq!(
        told,
        json!({"resourceType": "Patient", "id": "1", "active": false, "name": [{"family": "B"}],
            "maritalStatus": {"text": "n", "coding": [{"code": "M"}]}})
    );
    assert!(merged(json!({"id": "2"})).is_err());
    assert!(merged(json!({"resourceType": null})).is_err());
    assert!(Patch::merge(json!(["active"])).is_err());
    let deep = (0..200).fold(json!(1), |inner, _| json!({ "a": inner }));
    assert!(merged(json!({ "extension": deep })).is_err());
    assert!(merged(json!({"language": "x".repeat(bounds::BYTES_ADDED_MAX + 1)})).is_err());
}
