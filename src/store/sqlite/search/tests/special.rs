//! Modifiers, words, filters, places, units, and searches over several types.

use serde_json::json;

use super::{Base, kind, mg, observation, of_mode, patient};
use crate::{
    fhir::search::query::{Query, QueryOptions, Total},
    store::{HitMode, Page},
};

/// What each search finds, in any order.
async fn expect(base: &mut Base, cases: &[(&str, &str)]) {
    for (url, expected) in cases {
        let found = base.found(url).await.join(" ");
        assert_eq!(&found, expected, "{url}");
    }
}

async fn coded() -> Base {
    let mut base = Base::open().await;
    let identifier = |code: &str, value: &str| {
        json!({"identifier": [{
            "system": "urn:s", "value": value,
            "type": {"text": "Dossier médical", "coding": [
                {"system": "urn:t", "code": code, "display": "Medical record"},
            ]},
        }], "gender": if code == "MR" { "male" } else { "female" }})
    };
    base.put(patient("mr", identifier("MR", "12"))).await;
    base.put(patient("ss", identifier("SS", "12"))).await;
    base.put(patient("none", json!({}))).await;
    let mut told = observation(
        "told",
        "a|b",
        json!({
            "subject": {"reference": "Patient/mr", "display": "Émile  Œuvray"},
        }),
    );
    told["code"]["text"] = json!("Température corporelle");
    told["code"]["coding"][0]["display"] = json!("Body temperature");
    base.put(told).await;
    let texts = json!({"resourceType": "Observation", "id": "text", "status": "final",
        "code": {"text": "Poids"}, "subject": {"display": "Someone"}});
    base.put(texts).await;
    base
}

#[tokio::test]
async fn types_of_identifiers_and_texts_of_codes_are_compared() {
    let mut base = coded().await;
    expect(
        &mut base,
        &[
            ("Patient?identifier:of-type=urn:t|MR|12", "mr"),
            ("Patient?identifier:of-type=urn:t|MR|13,urn:t|SS|12", "ss"),
            ("Patient?identifier:of-type=urn:s|MR|12", ""),
            ("Patient?identifier:text=dossier", "mr ss"),
            ("Patient?identifier:text=MEDICAL r", "mr ss"),
            ("Patient?identifier:text=record", ""),
            ("Observation?code:text=temperature", "told"),
            ("Observation?code:text=body,poids", "text told"),
            ("Observation?subject:text=emile oe", "told"),
            ("Observation?code:missing=true", ""),
            ("Observation?subject:missing=true", ""),
            (r"Observation?code=urn:codes|a\|b", "told"),
            ("Patient?_has:Observation:subject:code:text=temp", "mr"),
            ("Patient?identifier:not=urn:s|12", "none"),
        ],
    )
    .await;
    let sorted = base.ids("Patient?_sort=gender").await;
    assert_eq!(sorted, ["ss", "mr", "none"]);
    let sorted = base.ids("Patient?_sort=-gender").await;
    assert_eq!(sorted, ["mr", "ss", "none"]);
    let sorted = base.ids("Patient?_sort=identifier,-gender,_id").await;
    assert_eq!(sorted, ["mr", "ss", "none"]);
}

#[tokio::test]
async fn pages_sorted_by_codes_follow_each_other() {
    let mut base = coded().await;
    let mut url = "Patient?_sort=-gender,_id&_count=1".to_owned();
    let mut seen = Vec::new();
    loop {
        let page = base.page(&url).await;
        seen.extend(page.hits.iter().map(|hit| hit.stored.id.clone()));
        let Some(next) = page.next else { break };
        url = format!("Patient?_sort=-gender,_id&_count=1&_cursor={next}");
    }
    assert_eq!(seen, ["mr", "ss", "none"]);
}

#[tokio::test]
async fn words_are_found_in_narratives_and_everywhere() {
    let mut base = Base::open().await;
    let narrative = |text: &str| {
        json!({"status": "generated", "div":
            format!("<div xmlns=\"http://www.w3.org/1999/xhtml\"><p>{text}</p></div>")})
    };
    let mut one = patient(
        "one",
        json!({"name": [{"family": "Sœurette", "given": ["Zoé"]}]}),
    );
    one["text"] = narrative("Douleur thoracique, d&eacute;j&#xE0; vue");
    base.put(one).await;
    let mut two = observation(
        "two",
        "X",
        json!({"note": [{"text": "Douleurs au **foie**"}]}),
    );
    two["text"] = narrative("rien &amp; encore");
    two["contained"] = json!([{"resourceType": "Patient", "id": "c",
        "name": [{"text": "Caché"}]}]);
    base.put(two).await;
    expect(
        &mut base,
        &[
            ("Patient?_text=douleur", "one"),
            ("Patient?_text=deja vue", "one"),
            ("Patient?_text=THORACIQUE foie", ""),
            ("Patient?_text=foie or thorac", "one"),
            ("Patient?_text=not foie", "one"),
            ("Patient?_text=\"thorac\"", ""),
            ("Patient?_text=soeurette", ""),
            ("Patient?_content=soeurette ZOE", "one"),
            ("Patient?_content=zzz", ""),
            ("Observation?_content=douleur foie", "two"),
            ("Observation?_content=cache", "two"),
            ("Observation?_text=foie", ""),
            ("Observation?_text=rien&status=final", "two"),
            ("Observation?_content=codes", ""),
        ],
    )
    .await;
    base.hide("one").await;
    expect(&mut base, &[("Patient?_text=douleur", "")]).await;
}

#[tokio::test]
async fn filters_say_what_parameters_say() {
    let mut base = coded().await;
    let more =
        |family: &str, birth: &str| json!({"name": [{"family": family}], "birthDate": birth});
    base.put(patient("peter", more("O'Pétère, Jr", "2014-10-11")))
        .await;
    base.put(patient("pan", more("Pan", "1990"))).await;
    expect(
        &mut base,
        &[
            ("Patient?_filter=name co \"pet\"", "peter"),
            (
                "Patient?_filter=name sw p or birthdate ge 2014-10-10",
                "pan peter",
            ),
            ("Patient?_filter=name eq \"pan\"", "pan"),
            ("Patient?_filter=name eq pa", ""),
            ("Patient?_filter=name ew \", jr\"", "peter"),
            ("Patient?_filter=name ne pan", "peter"),
            (
                "Patient?_filter=name pr true and not (birthdate lt 2000)",
                "peter",
            ),
            ("Patient?_filter=name pr false", "mr none ss"),
            ("Patient?_filter=gender eq male", "mr"),
            ("Patient?_filter=gender ne male", "ss"),
            // From left to right.
            (
                "Patient?_filter=name pr true or gender eq male and gender eq male",
                "mr",
            ),
            (
                "Patient?_filter=name pr true or (gender eq male and gender eq male)",
                "mr pan peter",
            ),
            (
                "Patient?_filter=identifier eq urn:s|12 and gender eq female",
                "ss",
            ),
            ("Patient?_filter=birthdate po 1990-06", "pan"),
            ("Patient?_filter=birthdate sa 2000-01-01", "peter"),
            ("Patient?_filter=_id eq pan", "pan"),
            ("Patient?_filter=_id ne pan and name pr true", "peter"),
            (
                "Patient?_filter=_has:Observation:subject:status eq final",
                "mr",
            ),
            ("Observation?_filter=subject.gender eq male", "told"),
            (
                "Observation?_filter=subject:Patient[gender eq male].identifier eq 12",
                "told",
            ),
            (
                "Observation?_filter=subject:Patient[gender eq female].identifier eq 12",
                "",
            ),
            ("Observation?_filter=subject re Patient/mr", "told"),
            ("Observation?_filter=NOT(subject re Patient/mr)", "text"),
        ],
    )
    .await;
    let longest = vec!["(gender eq male)"; 32].join(" or ");
    expect(&mut base, &[(&format!("Patient?_filter={longest}"), "mr")]).await;
    let alternating = vec!["gender eq male and gender eq male"; 16].join(" or ");
    expect(
        &mut base,
        &[(&format!("Patient?_filter={alternating}"), "mr")],
    )
    .await;
    let deep = format!("{}gender eq male{}", "not(".repeat(16), ")".repeat(16));
    expect(&mut base, &[(&format!("Patient?_filter={deep}"), "mr")]).await;
}

#[tokio::test]
async fn quantities_are_compared_across_units() {
    let mut base = Base::open().await;
    let with = |value: &str, code: &str| {
        let mut quantity = mg(value);
        quantity["code"] = json!(code);
        quantity["unit"] = json!(code);
        json!({"valueQuantity": quantity})
    };
    base.put(observation("mg", "Q", with("5.4", "mg"))).await;
    base.put(observation("g", "Q", with("0.0054", "g"))).await;
    base.put(observation("kg", "Q", with("1", "kg"))).await;
    base.put(observation("s", "Q", with("5.4", "s"))).await;
    let ucum = "|http://unitsofmeasure.org|";
    let cases = [
        (format!("5.4{ucum}mg"), "g mg"),
        (format!("0.0054{ucum}g"), "g mg"),
        (format!("0.0000054{ucum}kg"), "g mg"),
        (format!("gt5.3{ucum}mg"), "g kg mg"),
        (format!("lt1{ucum}g"), "g mg"),
        (format!("ap5{ucum}mg"), "g mg"),
        (format!("ne5.4{ucum}mg"), "kg"),
        (format!("5.4{ucum}s,1000{ucum}g"), "kg s"),
        ("5.4||mg".to_owned(), "mg"),
        ("5.4".to_owned(), "mg s"),
        (format!("5.4{ucum}nonsense"), ""),
        (format!("5.4||mg,1{ucum}kg"), "kg mg"),
    ];
    for (value, expected) in cases {
        for url in [
            format!("Observation?value-quantity={value}"),
            format!("Observation?code=Q&value-quantity={value}"),
        ] {
            let found = base.found(&url).await.join(" ");
            assert_eq!(found, expected, "{url}");
        }
        if !value.contains(',') {
            let url = format!("Observation?code-value-quantity=Q${value}");
            assert_eq!(base.found(&url).await.join(" "), expected, "{url}");
        }
    }
}

#[tokio::test]
async fn places_are_near_each_other_over_ground() {
    let mut base = Base::open().await;
    for (id, latitude, longitude) in [
        ("lyon", 45.764, 4.8357),
        ("villeurbanne", 45.7719, 4.8902),
        ("paris", 48.8566, 2.3522),
        ("fiji", -17.0, 179.95),
    ] {
        base.put(json!({"resourceType": "Location", "id": id, "name": id,
            "position": {"latitude": latitude, "longitude": longitude}}))
            .await;
    }
    base.put(json!({"resourceType": "Location", "id": "nowhere"}))
        .await;
    expect(
        &mut base,
        &[
            ("Location?near=45.76|4.84", "lyon villeurbanne"),
            ("Location?near=45.764|4.8357|1", "lyon"),
            ("Location?near=45.764|4.8357|1000|m", "lyon"),
            (
                "Location?near=45.764|4.8357|400|km",
                "lyon paris villeurbanne",
            ),
            ("Location?near=-17|-179.95|12|km", "fiji"),
            ("Location?near=-17|-179.95|10|km", ""),
            ("Location?near=45.764|4.8357|1,48.85|2.35|5", "lyon paris"),
            ("Location?near=45.764|4.8357|10&name=lyon", "lyon"),
            ("Location?near:missing=true", "nowhere"),
        ],
    )
    .await;
}

#[tokio::test]
async fn lists_and_places_above_are_followed() {
    let mut base = coded().await;
    base.put(json!({"resourceType": "List", "id": "l", "status": "current", "mode": "working",
        "entry": [{"item": {"reference": "Patient/mr"}}, {"item": {"reference": "Observation/told"}}]}))
        .await;
    for (id, parent) in [
        ("house", "wing"),
        ("wing", "room"),
        ("room", "house"),
        ("bed", "room"),
    ] {
        // The first three go round in a circle.
        base.put(json!({"resourceType": "Location", "id": id,
            "partOf": {"reference": format!("Location/{parent}")}}))
            .await;
    }
    base.put(
        json!({"resourceType": "Encounter", "id": "e", "status": "planned",
        "class": {"code": "x"}, "location": [{"location": {"reference": "Location/bed"}}]}),
    )
    .await;
    expect(
        &mut base,
        &[
            ("Patient?_list=l", "mr"),
            ("Patient?_list=List/l", "mr"),
            ("Observation?_list=l,other", "told"),
            ("Patient?_list=other", ""),
            ("Encounter?location:below=Location/house", "e"),
            ("Encounter?location:below=bed", "e"),
            ("Encounter?location:above=Location/bed", "e"),
            ("Encounter?location:above=Location/house", ""),
            ("Location?partof:below=Location/room", "bed house room wing"),
        ],
    )
    .await;
}

#[tokio::test]
async fn includes_follow_canonicals_and_their_versions() {
    let mut base = Base::open().await;
    for (id, version) in [("v1", "1"), ("v2", "2")] {
        base.put(
            json!({"resourceType": "Questionnaire", "id": id, "status": "active",
            "url": "http://vigie.test/q", "version": version}),
        )
        .await;
    }
    for (id, canonical) in [
        ("first", "http://vigie.test/q|1"),
        ("any", "http://vigie.test/q"),
        ("other", "http://vigie.test/other"),
    ] {
        base.put(json!({"resourceType": "QuestionnaireResponse", "id": id,
            "status": "completed", "questionnaire": canonical}))
            .await;
    }
    for (url, expected) in [
        (
            "QuestionnaireResponse?_id=first&_include=QuestionnaireResponse:questionnaire",
            "v1",
        ),
        (
            "QuestionnaireResponse?_id=any&_include=QuestionnaireResponse:questionnaire",
            "v1 v2",
        ),
        (
            "QuestionnaireResponse?_id=other&_include=QuestionnaireResponse:*",
            "",
        ),
        (
            "Questionnaire?_id=v1&_revinclude=QuestionnaireResponse:questionnaire",
            "any first",
        ),
        (
            "Questionnaire?_id=v2&_revinclude=QuestionnaireResponse:questionnaire",
            "any",
        ),
    ] {
        let mut found = of_mode(&base.page(url).await, HitMode::Include);
        found.sort();
        assert_eq!(found.join(" "), expected, "{url}");
    }
}

fn system(url: &str) -> Query {
    let pairs: Vec<(String, String)> = url
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect();
    Query::parse_system(&pairs, &QueryOptions::default()).unwrap()
}

fn shown(page: &Page) -> String {
    let hits = page.hits.iter();
    let ids: Vec<String> = hits
        .map(|hit| format!("{}/{}", hit.stored.kind, hit.stored.id))
        .collect();
    ids.join(" ")
}

#[tokio::test]
async fn a_search_of_several_types_pages_through_all_of_them() {
    let mut base = coded().await;
    base.put(
        json!({"resourceType": "Group", "id": "g", "type": "person", "actual": true,
        "meta": {"tag": [{"system": "urn:t", "code": "x"}]}}),
    )
    .await;
    for (url, expected) in [
        (
            "_type=Patient,Group",
            "Group/g Patient/none Patient/ss Patient/mr",
        ),
        (
            "_type=Patient,Group&_sort=_id",
            "Group/g Patient/mr Patient/none Patient/ss",
        ),
        (
            "_type=Patient,Observation&identifier=12",
            "Patient/ss Patient/mr",
        ),
        ("_tag=urn:t|x", "Group/g"),
        ("_id=mr,told", "Observation/told Patient/mr"),
        ("_content=record", "Patient/ss Patient/mr"),
        (
            "_type=Observation&_include=Observation:subject",
            "Observation/text Observation/told Patient/mr",
        ),
    ] {
        let mut query = system(url);
        query.total = Total::Accurate;
        let whole = base.run(&query).await.unwrap();
        assert_eq!(shown(&whole), expected, "{url}");
        let matches = whole.hits.iter().filter(|hit| hit.mode == HitMode::Match);
        assert_eq!(whole.total, Some(matches.count() as u64), "{url}");
        if url.contains("_include") {
            continue;
        }
        let (mut pages, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = base
                .run(&system(&format!("{url}&_count=1{cursor}")))
                .await
                .unwrap();
            pages.push(shown(&page));
            let Some(next) = page.next else { break };
            cursor = format!("&_cursor={next}");
        }
        assert_eq!(pages.join(" "), expected, "{url}");
    }
    let query = system("_type=Patient,Group&gender=male&_summary=count");
    assert_eq!(query.notices, ["Group has no search parameter 'gender'."]);
    assert_eq!(base.run(&query).await.unwrap().total, Some(4));
    base.permit = base.permit.clone().within_patient("mr");
    let page = base.run(&system("_sort=-_lastUpdated")).await.unwrap();
    assert_eq!(shown(&page), "Observation/told Patient/mr");
    assert_eq!(kind("Patient"), query.kind);
}
