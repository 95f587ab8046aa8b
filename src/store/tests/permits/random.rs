//! Whatever is stored, a read and a search reach the same.

use serde_json::json;

use super::*;

/// Draws numbers, always the same ones.
struct Dice(u64);

impl Dice {
    fn below(&mut self, most: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (self.0 >> 33) % most
    }

    fn one(&mut self, of: &str, most: u64) -> String {
        format!("{of}/{}", self.below(most))
    }
}

/// Somebody, or everybody, for some purpose or for any, but somebody.
fn denial(dice: &mut Dice, custodian: &Value) -> Value {
    let mut provision = json!({ "type": "deny" });
    if dice.below(3) > 0 {
        provision["actor"] = json!([{ "reference": custodian }]);
    }
    if dice.below(3) == 0 {
        let code = ["TREAT", "HRESCH"][usize::from(dice.below(2) == 0)];
        let system = "http://terminology.hl7.org/CodeSystem/v3-ActReason";
        provision["purpose"] = json!([{ "system": system, "code": code }]);
    }
    if dice.below(2) == 0 {
        let but = refer(&dice.one("Practitioner", 3));
        provision["provision"] = json!([{ "type": "permit", "actor": [{ "reference": but }] }]);
    }
    provision
}

/// Resources of whom many tie somebody to somebody.
fn anything(dice: &mut Dice, n: usize) -> Value {
    let patient = refer(&dice.one("Patient", 4));
    let custodian = refer(&match dice.below(3) {
        0 => dice.one("Organization", 3),
        1 => dice.one("Practitioner", 3),
        _ => dice.one("CareTeam", 3),
    });
    let id = format!("x{n}");
    match dice.below(8) {
        0 => {
            json!({ "resourceType": "CarePlan", "id": id, "subject": patient, "author": custodian })
        }
        1 => json!({ "resourceType": "Consent", "id": id, "status": "active", "patient": patient,
            "provision": denial(dice, &custodian) }),
        2 => json!({ "resourceType": "Group", "id": id,
            "member": [{ "entity": patient }, { "entity": refer(&dice.one("Patient", 4)) }] }),
        3 => {
            json!({ "resourceType": "CareTeam", "id": id, "participant": [{ "member": custodian }] })
        }
        4 => json!({ "resourceType": "Organization", "id": id }),
        5 => json!({ "resourceType": "Basic", "id": id }),
        6 => json!({ "resourceType": "Provenance", "id": id, "target": [patient],
            "recorded": "2030-01-01T00:00:00Z", "agent": [{ "who": custodian }] }),
        _ => json!({ "resourceType": "Observation", "id": id, "subject": patient }),
    }
}

#[tokio::test]
async fn a_read_and_a_search_reach_the_same_whatever_is_stored() {
    let mut dice = Dice(7);
    let bench = bench(vec![]).await;
    let mut targets = Vec::new();
    for n in 0..80 {
        let tree = anything(&mut dice, n);
        let name = tree["resourceType"].as_str().expect("a type").to_owned();
        targets.push((name, format!("x{n}")));
        bench.give(tree).await;
    }
    let (mut reached, mut hidden) = (0, 0);
    for _ in 0..20 {
        let mut marks = vec![SHARED.to_owned()];
        let mut custodians = Vec::new();
        for _ in 0..dice.below(3) {
            marks.push(dice.below(4).to_string());
        }
        for kind in ["Organization", "Practitioner", "CareTeam"] {
            if dice.below(2) == 0 {
                custodians.push(dice.one(kind, 3));
            }
        }
        if !custodians.is_empty() {
            custodians.push("*".to_owned());
            custodians.push(["~TREAT", "~?"][usize::from(dice.below(2) == 0)].to_owned());
        }
        let reach = Reach::Of {
            marks: marks.into(),
            custodians: custodians.into(),
        };
        let permit = permit(&["user/*.rs"], &reach);
        let all = bench
            .history(&permit, HistoryOf::System)
            .await
            .expect("a page");
        for (name, id) in &targets {
            let target = format!("{name}/{id}");
            let reads = bench.reads(&permit, &target).await;
            let found = bench.finds(&permit, &format!("{name}?_id={id}")).await;
            assert_eq!(!found.is_empty(), reads, "{target} {reach:?}");
            assert_eq!(
                all.contains(&format!("{target}/1")),
                reads,
                "{target} {reach:?}"
            );
            if reads { reached += 1 } else { hidden += 1 }
        }
    }
    assert!(reached > 200 && hidden > 200, "{reached} {hidden}");
}
