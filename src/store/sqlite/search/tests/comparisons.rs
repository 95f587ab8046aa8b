//! Every comparison rule of <http://hl7.org/fhir/R4/search.html#ptypes>.

use serde_json::json;

use super::{Base, mg, observation, patient};
use crate::{
    fhir::date,
    kernel::chance::{Chance, Generator},
};

async fn dated() -> Base {
    let mut base = Base::open().await;
    for (id, text) in [
        ("day", "2024-05-14"),
        ("month", "2024-05"),
        ("year", "2024"),
        ("instant", "2024-05-14T12:00:00Z"),
        ("june", "2024-06-01"),
    ] {
        let more = json!({"effectiveDateTime": text});
        base.put(observation(id, "D", more)).await;
    }
    let period = json!({"effectivePeriod": {"start": "2024-05-10", "end": "2024-05-20"}});
    base.put(observation("period", "D", period)).await;
    let open = json!({"effectivePeriod": {"start": "2024-05-16"}});
    base.put(observation("open", "D", open)).await;
    base.put(observation("none", "D", json!({}))).await;
    base
}

#[tokio::test]
async fn dates_compare_by_the_ranges_they_span() {
    let mut base = dated().await;
    for (value, expected) in [
        ("2024-05-14", "day instant"),
        ("eq2024-05", "day instant month period"),
        ("2024", "day instant june month period year"),
        ("ne2024-05-14", "june month open period year"),
        ("gt2024-05-14", "june month open period year"),
        ("lt2024-05-14", "month period year"),
        ("ge2024-05-14", "day instant june month open period year"),
        ("le2024-05-14", "day instant month period year"),
        ("sa2024-05-14", "june open"),
        ("eb2024-06-01", "day instant month period"),
        ("eb2024-05-14", ""),
        ("ap2024-05-14", "day instant month period year"),
        ("ap2024-05-15", "day instant month open period year"),
        ("2024-05-14T12:00", "instant"),
        ("2024-05-14T14:00:00+02:00", "instant"),
        ("2023,2024-06", "june"),
    ] {
        let found = base
            .found(&format!("Observation?code=D&date={value}"))
            .await;
        assert_eq!(found.join(" "), expected, "{value}");
        // The same where the date itself leads the search.
        let found = base.found(&format!("Observation?date={value}")).await;
        assert_eq!(found.join(" "), expected, "{value} alone");
    }
    let between = "Observation?date=ge2024-05-14&date=lt2024-05-16&_sort=date";
    assert_eq!(
        base.ids(between).await,
        ["year", "month", "period", "day", "instant"]
    );
}

/// The table of prefixes, written anew from the specification.
fn holds(prefix: &str, target: date::Span, asked: date::Span) -> bool {
    let contains = asked.start <= target.start && target.end <= asked.end;
    let above = target.end > asked.end;
    let below = target.start < asked.start;
    match prefix {
        "eq" => contains,
        "ne" => !contains,
        "gt" => above,
        "lt" => below,
        "ge" => above || contains,
        "le" => below || contains,
        "sa" => target.start > asked.end,
        _ => target.end < asked.start,
    }
}

fn random_date(chance: &dyn Chance) -> String {
    let draw = |below: u64| chance.draw() % below;
    let full = format!(
        "{}-{:02}-{:02}T{:02}:{:02}:00Z",
        2020 + draw(3),
        1 + draw(3),
        1 + draw(4),
        draw(3),
        draw(2)
    );
    let length = [4, 7, 10, 20][usize::try_from(draw(4)).unwrap()];
    full[..length].to_owned()
}

#[tokio::test]
async fn random_dates_compare_as_a_naive_evaluator_says() {
    let (mut base, chance) = (Base::open().await, Generator::from_seed(7));
    let mut targets = Vec::new();
    for n in 0..120 {
        let (text, id) = (random_date(&chance), format!("o{n:03}"));
        base.put(observation(&id, "D", json!({"effectiveDateTime": text})))
            .await;
        targets.push((id, date::span(&text).unwrap()));
    }
    for _ in 0..40 {
        let asked = random_date(&chance);
        let span = date::span(&asked).unwrap();
        for prefix in ["eq", "ne", "gt", "lt", "ge", "le", "sa", "eb"] {
            let expected: Vec<&str> = targets
                .iter()
                .filter(|(_, target)| holds(prefix, *target, span))
                .map(|(id, _)| id.as_str())
                .collect();
            let found = base
                .found(&format!("Observation?date={prefix}{asked}&_count=200"))
                .await;
            assert_eq!(found, expected, "{prefix}{asked}");
        }
    }
}

#[tokio::test]
async fn quantities_compare_by_the_precision_of_the_search_and_by_unit() {
    let mut base = Base::open().await;
    for (id, value) in [
        ("a", "5.4"),
        ("b", "5.46"),
        ("c", "5.40"),
        ("d", "-5.4"),
        ("e", "54e-1"),
    ] {
        base.put(observation(id, "Q", json!({"valueQuantity": mg(value)})))
            .await;
    }
    let other =
        json!({"value": 5.4, "unit": "kg", "system": "http://unitsofmeasure.org", "code": "kg"});
    base.put(observation("kg", "Q", json!({"valueQuantity": other})))
        .await;
    let text_only = json!({"value": 5.4, "unit": "mg"});
    base.put(observation(
        "text",
        "Q",
        json!({"valueQuantity": text_only}),
    ))
    .await;
    let less = json!({"value": 5, "comparator": "<", "unit": "mg", "code": "mg"});
    base.put(observation("less", "Q", json!({"valueQuantity": less})))
        .await;
    let ucum = "http://unitsofmeasure.org|mg";
    for (value, expected) in [
        (format!("5.4|{ucum}"), "a c e"),
        ("5.4".into(), "a c e kg text"),
        ("5.4||mg".into(), "a c e text"),
        ("5.46".into(), "b"),
        ("5".into(), "a b c e kg text"),
        // Any unit of mass is compared.
        (format!("ne5.4|{ucum}"), "b d kg"),
        (format!("gt5.4|{ucum}"), "b kg"),
        (format!("ge5.4|{ucum}"), "a b c e kg"),
        (format!("lt5.4|{ucum}"), "d"),
        ("lt5.4||mg".into(), "d less"),
        (format!("le5.4|{ucum}"), "a c d e"),
        (format!("sa5.4|{ucum}"), "b kg"),
        ("eb5.4||mg".into(), "d less"),
        ("ap5||mg".into(), "a b c e less text"),
        ("-5.4".into(), "d"),
        ("1,5.46".into(), "b"),
    ] {
        // `ap5` reaches 4.5 to 5.5: half a unit of the last digit is the tenth here.
        let found = base
            .found(&format!("Observation?value-quantity={value}"))
            .await;
        assert_eq!(found.join(" "), expected, "{value}");
    }
}

#[tokio::test]
async fn strings_compare_folded_by_prefix_content_or_to_the_letter() {
    let mut base = Base::open().await;
    let name = |family: &str, given: &[&str]| json!({"name": [{"family": family, "given": given}]});
    base.put(patient("a", name("Probe", &["José", "Ann"])))
        .await;
    base.put(patient("b", name("probex", &["Élan"]))).await;
    base.put(patient("c", name("Other, Jr", &["Ann  Marie"])))
        .await;
    for (query, expected) in [
        ("family=pROBE", "a b"),
        ("given=jose", "a"),
        ("given=Jos\u{e9}", "a"),
        ("given=Jose\u{301}", "a"),
        ("given=elan", "b"),
        ("family:exact=Probe", "a"),
        ("family:exact=probe", ""),
        ("family:contains=ROBE", "a b"),
        ("family:contains=x", "b"),
        (r"family=Other\, Jr", "c"),
        ("family=Other, Jr", "c"),
        ("name=ann", "a c"),
        ("name=ann marie", "c"),
        ("given=jose&given=ann", "a"),
        ("name=other,probex", "b c"),
        ("family=obe", ""),
    ] {
        let found = base.found(&format!("Patient?{query}")).await;
        assert_eq!(found.join(" "), expected, "{query}");
    }
}

#[tokio::test]
async fn tokens_compare_in_all_four_forms() {
    let mut base = Base::open().await;
    let identified = |value: &str| json!({"identifier": [{"system": "urn:s", "value": value}]});
    base.put(patient("a", identified("1"))).await;
    base.put(patient("b", identified("2"))).await;
    base.put(patient(
        "bare",
        json!({"identifier": [{"value": "1"}], "gender": "male"}),
    ))
    .await;
    base.put(patient("f", json!({"gender": "female", "active": true})))
        .await;
    base.put(patient(
        "m",
        json!({"gender": "male", "deceasedBoolean": true}),
    ))
    .await;
    for (query, expected) in [
        ("identifier=urn:s|1", "a"),
        ("identifier=1", "a bare"),
        ("identifier=urn:s|", "a b"),
        ("identifier=|1", "bare"),
        ("identifier=urn:t|1", ""),
        ("identifier=urn:s|1,urn:s|2", "a b"),
        ("gender=male", "bare m"),
        (
            "gender=http://hl7.org/fhir/administrative-gender|male",
            "bare m",
        ),
        ("gender:not=male", "a b f"),
        ("gender:not=male,female", "a b"),
        ("active=true", "f"),
        ("deceased=true", "m"),
        ("gender:missing=true", "a b"),
        ("gender:missing=false", "bare f m"),
        ("_id=a,m,nobody", "a m"),
        ("_id=f&gender=male", ""),
    ] {
        let found = base.found(&format!("Patient?{query}")).await;
        assert_eq!(found.join(" "), expected, "{query}");
    }
}

#[tokio::test]
async fn references_compare_in_all_their_forms() {
    let mut base = Base::open().await;
    let about = |reference: &str| json!({"subject": {"reference": reference}});
    base.put(observation("a", "R", about("Patient/1"))).await;
    base.put(observation("v", "R", about("Patient/1/_history/3")))
        .await;
    base.put(observation("g", "R", about("Group/1"))).await;
    base.put(observation(
        "x",
        "R",
        about("https://other.example/fhir/Patient/1"),
    ))
    .await;
    let logical = json!({"subject": {"identifier": {"system": "urn:s", "value": "9"}}});
    base.put(observation("l", "R", logical)).await;
    base.put(observation("n", "R", json!({}))).await;
    for (query, expected) in [
        ("subject=Patient/1", "a v"),
        ("subject=1", "a g v"),
        ("subject:Patient=1", "a v"),
        ("subject:Group=1", "g"),
        ("patient=1", "a v"),
        ("patient=Patient/1", "a v"),
        ("subject=https://other.example/fhir/Patient/1", "x"),
        ("subject:identifier=urn:s|9", "l"),
        ("subject:identifier=9", "l"),
        ("subject:missing=true", "n"),
        ("subject:missing=false", "a g l v x"),
    ] {
        let found = base.found(&format!("Observation?{query}")).await;
        assert_eq!(found.join(" "), expected, "{query}");
    }
}

#[tokio::test]
async fn uris_compare_whole_above_and_below() {
    let mut base = Base::open().await;
    for (id, url) in [
        ("a", "http://x.org/fhir"),
        ("b", "http://x.org/fhir/vs"),
        ("c", "http://x.org/fhirs"),
    ] {
        base.put(json!({"resourceType": "ValueSet", "id": id, "url": url}))
            .await;
    }
    for (query, expected) in [
        ("url=http://x.org/fhir", "a"),
        ("url=http://x.org", ""),
        ("url:below=http://x.org/fhir", "a b"),
        ("url:above=http://x.org/fhir/vs/1", "a b"),
        ("url:missing=true", ""),
    ] {
        let found = base.found(&format!("ValueSet?{query}")).await;
        assert_eq!(found.join(" "), expected, "{query}");
    }
}

#[tokio::test]
async fn composites_match_within_one_instance() {
    let mut base = Base::open().await;
    let part = |code: &str, value: &str| {
        json!({
            "code": {"coding": [{"system": "urn:codes", "code": code}]},
            "valueQuantity": mg(value),
        })
    };
    let parts = json!({"component": [part("sys", "120"), part("dia", "80")]});
    base.put(observation("bp", "BP", parts)).await;
    base.put(observation("w", "W", json!({"valueQuantity": mg("80")})))
        .await;
    base.put(observation("t", "W", json!({"valueString": "Grüße"})))
        .await;
    base.put(observation(
        "d",
        "W",
        json!({"valueDateTime": "2024-05-14"}),
    ))
    .await;
    let concept = json!({"valueCodeableConcept": {"coding": [{"system": "urn:v", "code": "yes"}]}});
    base.put(observation("c", "W", concept)).await;
    for (query, expected) in [
        ("component-code-value-quantity=sys$120", "bp"),
        ("component-code-value-quantity=sys$80", ""),
        ("component-code-value-quantity=urn:codes|dia$le80||mg", "bp"),
        ("component-code-value-quantity=sys$80,dia$80", "bp"),
        ("combo-code-value-quantity=W$80", "w"),
        ("combo-code-value-quantity=dia$80", "bp"),
        (
            "code-value-quantity=urn:codes|W$gt79|http://unitsofmeasure.org|mg",
            "w",
        ),
        ("code-value-quantity=urn:codes|$80", "w"),
        ("code-value-string=W$gru", "t"),
        ("code-value-date=W$ge2024", "d"),
        ("code-value-concept=W$urn:v|yes", "c"),
        ("code-value-concept=W$urn:v|no", ""),
        ("code-value-quantity:missing=false", "w"),
    ] {
        let found = base.found(&format!("Observation?{query}")).await;
        assert_eq!(found.join(" "), expected, "{query}");
    }
}
