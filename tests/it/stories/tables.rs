//! Tables in and out: import, lists, figures, and what a client of the API may count on.

use serde_json::{Value, json};

use crate::{
    harness::{Client, rule_of},
    tables::{agency, cells, column, count, faults, import, list, send, told},
};

/// People of whom one has what most have, one a proxy to ask, one is reached by telephone.
const PEOPLE: &str = "identifiant;nom;prénom;date de naissance;téléphone;courriel;consentement;\
    début;canal;contact;téléphone du contact\r\n\
    A1;Canary-Durand;Zoé;07/04/1985;06 12 34 56 78;zoe@home.example;oui;25/03/2030;app;;\r\n\
    A2;Canary-Petit;Luc;01/12/1960;;;oui;25/03/2030;téléphone;Ana Canary-Petit;06 99 99 99 99\r\n";

fn followed(client: &mut Client, team: &str) -> Vec<String> {
    let query = format!("planDefinition=covid-contact&careTeam={team}");
    let task = import(client, &query, PEOPLE.as_bytes()).expect(200).json();
    assert_eq!(told(&task), [2, 2, 0, 0], "{task}");
    let people = client.get("Patient?_sort=birthdate").expect(200).json();
    let entries = people["entry"].as_array().expect("people").iter();
    let mut ids: Vec<String> = entries
        .map(|entry| entry["resource"]["id"].as_str().expect("an id").to_owned())
        .collect();
    ids.reverse();
    ids
}

fn resources(client: &mut Client, search: &str) -> Vec<Value> {
    let page = client.get(search).expect(200).json();
    let entries = page["entry"].as_array().cloned().unwrap_or_default();
    entries
        .into_iter()
        .map(|mut entry| entry["resource"].take())
        .collect()
}

#[test]
fn row_bulk_import_csv() {
    let (_server, mut client, team) = agency();
    let people = followed(&mut client, &team);
    // Persons, their consent, whom to ask instead, and a follow-up with all of its reports.
    assert_eq!(
        (
            count(&mut client, "Consent"),
            count(&mut client, "CarePlan")
        ),
        (2, 2)
    );
    let plans = resources(
        &mut client,
        &format!("CarePlan?subject=Patient/{}", people[1]),
    );
    assert_eq!(plans[0]["period"]["start"], "2030-03-25");
    let contacts = resources(&mut client, "RelatedPerson");
    assert_eq!(contacts[0]["telecom"][0]["value"], "+33699999999");
    // A table with one sound row and one faulty: the first stands, nothing of the second does.
    let query = format!("planDefinition=covid-contact&careTeam={team}");
    let table =
        "nom;prenom;naissance;consentement;contact\\nA;B;1990-01-01;oui;X\\nC;D;1990-01-01;;Y\\n"
            .replace("\\n", "\n");
    let task = import(&mut client, &query, table.as_bytes())
        .expect(200)
        .json();
    assert_eq!(told(&task), [2, 1, 0, 1]);
    assert!(faults(&task["contained"][0])[0].0.starts_with("line[3]"));
    assert_eq!(
        (
            count(&mut client, "Patient"),
            count(&mut client, "RelatedPerson")
        ),
        (3, 2)
    );
    // Read again, a table changes nothing.
    let versions = |client: &mut Client| {
        ["Patient", "Consent", "CarePlan", "RelatedPerson"].map(|kind| client.get(kind).text())
    };
    let before = versions(&mut client);
    let again = import(&mut client, &query, PEOPLE.as_bytes())
        .expect(200)
        .json();
    assert_eq!(told(&again), [2, 0, 2, 0]);
    assert_eq!(before, versions(&mut client));
}

#[test]
fn row_export_line_list() {
    let (server, mut client, team) = agency();
    // Day 1 was the day before yesterday: two days have passed without an answer.
    let people = followed(&mut client, &team);
    server.set_clock("2030-03-27T08:00:01Z");
    let table = list(&mut client, "CarePlan/$line-list?status=active");
    let cells = cells(&table);
    let row = column(&cells, "patient")
        .iter()
        .position(|id| **id == *people[0]);
    let row = row.expect("the first person");
    for (name, expected) in [
        ("family", "Canary-Durand"),
        ("status", "active"),
        ("channel", "app"),
        ("day", "3"),
        ("missed", "2"),
        ("missedInARow", "2"),
        ("answered", "0"),
        ("nextDue", "2030-03-27"),
        ("phone", "'+33612345678"),
    ] {
        assert_eq!(column(&cells, name)[row], expected, "{name}: {table}");
    }
    let open: u32 = column(&cells, "simpleAlerts")[row]
        .parse()
        .expect("a number");
    assert!(open >= 1, "two reports were missed: {table}");
    // Narrowed to nothing, and as a spreadsheet in French reads it.
    let none = list(&mut client, "CarePlan/$line-list?status=completed");
    assert_eq!(none.lines().count(), 1);
    let later = list(&mut client, "CarePlan/$line-list?periodStart=2031-01");
    assert_eq!(later.lines().count(), 1);
    let path = "CarePlan/$line-list?bom=true&separator=semicolon&language=fr";
    let french = list(&mut client, path);
    assert!(
        french.starts_with("\u{feff}suivi;patient;identifiant;nom;"),
        "{french}"
    );
}

#[test]
fn row_statistics() {
    let (server, mut client, team) = agency();
    followed(&mut client, &team);
    server.set_clock("2030-03-28T08:00:00Z");
    let path =
        "Measure/follow-up-figures/$evaluate-measure?periodStart=2030-03-25&periodEnd=2030-03-27";
    let report = client.get(path).expect(200).json();
    let group = |name: &str| {
        let mut groups = report["group"].as_array().expect("groups").iter();
        groups
            .find(|group| group["code"]["text"] == name)
            .expect(name)
    };
    assert_eq!(group("Personnes")["population"][0]["count"], 2);
    assert_eq!(group("Suivis commencés")["population"][0]["count"], 2);
    // Three days of two people have ended without an answer.
    let response = group("Taux de réponse");
    assert_eq!(response["population"][0]["count"], 6);
    assert_eq!(response["population"][1]["count"], 0);
    assert_eq!(response["measureScore"]["value"], 0.0);
    let pathway = &response["stratifier"][0]["stratum"][0];
    assert_eq!(
        pathway["value"]["text"],
        "https://vigie.example/fhir/PlanDefinition/covid-contact"
    );
    // Each has one alert about silence that is open, and nobody has seen it.
    let alerts = group("Alertes");
    assert!(
        alerts["population"][0]["count"].as_u64() >= Some(2),
        "{alerts}"
    );
}

#[test]
fn row_fhir_api() {
    let (_server, mut client, team) = agency();
    followed(&mut client, &team);
    let statement = client.get("metadata").expect(200).json();
    assert_eq!(statement["fhirVersion"], "4.0.1");
    let resources = statement["rest"][0]["resource"].as_array().expect("types");
    for (kind, operation) in [
        ("Patient", "match"),
        ("Patient", "import"),
        ("QuestionnaireResponse", "import"),
        ("Measure", "evaluate-measure"),
        ("CarePlan", "line-list"),
    ] {
        let offered = resources
            .iter()
            .find(|one| one["type"] == kind)
            .expect(kind);
        let names = offered["operation"].as_array().expect("operations");
        assert!(
            names.iter().any(|one| one["name"] == operation),
            "{kind}/${operation}"
        );
    }
    // Everything that the service made is plain FHIR that any client reads.
    for kind in [
        "CarePlan",
        "Task",
        "Consent",
        "RelatedPerson",
        "PlanDefinition",
        "Questionnaire",
    ] {
        let page = client.get(kind).expect(200).json();
        assert_eq!(
            (&page["resourceType"], &page["type"]),
            (&json!("Bundle"), &json!("searchset"))
        );
        assert_eq!(page["entry"][0]["resource"]["resourceType"], kind);
    }
}

#[test]
fn complaint_10_a_stale_update_is_refused_with_one_clear_error_and_nothing_is_lost() {
    let (server, mut client, team) = agency();
    let people = followed(&mut client, &team);
    let path = format!("Patient/{}", people[0]);
    let read = client.get(&path).expect(200);
    let (tag, mut mine) = (read.header("etag").expect("a tag").to_owned(), read.json());
    let mut theirs = mine.clone();
    theirs["telecom"][0]["value"] = "moved@home.example".into();
    let mut other = server.client();
    let headers = |tag: &str| {
        [
            ("content-type", "application/fhir+json".to_owned()),
            ("if-match", tag.to_owned()),
        ]
    };
    let put = |client: &mut Client, tag: &str, body: &Value| {
        let headers = headers(tag);
        let headers: Vec<(&str, &str)> = headers.iter().map(|(n, v)| (*n, v.as_str())).collect();
        let sent = client.send("PUT", &path, &headers, body.to_string().as_bytes());
        sent.expect("a reply")
    };
    let new_tag = put(&mut other, &tag, &theirs).expect(200);
    mine["birthDate"] = "1985-04-08".into();
    let refused = put(&mut client, &tag, &mine).expect(412).json();
    assert_eq!(
        refused["issue"].as_array().map(Vec::len),
        Some(1),
        "{refused}"
    );
    assert_eq!(refused["issue"][0]["code"], "conflict");
    // What the other wrote stands, and the links of the follow-up with it.
    let now = client.get(&path).expect(200).json();
    assert_eq!(now["telecom"][0]["value"], "moved@home.example");
    assert_eq!(now["birthDate"], "1985-04-07");
    let plans = resources(&mut client, &format!("CarePlan?subject={path}"));
    assert_eq!(plans.len(), 1);
    // Read anew, the same change is taken.
    let tag = new_tag.header("etag").expect("a tag").to_owned();
    theirs["birthDate"] = "1985-04-08".into();
    put(&mut client, &tag, &theirs).expect(200);
}

#[test]
fn complaint_14_paper_follow_ups_are_taken_in_and_daily_ones_given_out() {
    let (server, mut client, team) = agency();
    let people = followed(&mut client, &team);
    server.set_clock("2030-03-27T08:00:01Z");
    let table = "identifiant;date;temp.value;cough.severity;callback\r\n\
        A2;25/03/2030;37,2;non;non\r\n\
        A2;26/03/2030 18:30;39,4;oui;non\r\n";
    let path = "QuestionnaireResponse/$import?planDefinition=covid-contact";
    let task = send(&mut client, path, table.as_bytes()).expect(200).json();
    assert_eq!(told(&task), [2, 2, 0, 0], "{task}");
    // They count on the days that they are about, and are judged as any answer is.
    let answers = resources(&mut client, "QuestionnaireResponse?_sort=authored");
    assert_eq!(answers[0]["authored"], "2030-03-25");
    assert_eq!(answers[1]["authored"], "2030-03-26T18:30:00+01:00");
    assert_eq!(answers[0]["extension"][0]["valueCode"], "import");
    let flags = resources(&mut client, &format!("Flag?patient=Patient/{}", people[1]));
    assert!(flags.iter().any(|flag| rule_of(flag) == "S4"), "{flags:?}");
    // The same sheet again changes nothing; one line that was corrected is one more answer.
    let task = send(&mut client, path, table.as_bytes()).expect(200).json();
    assert_eq!(told(&task), [2, 0, 2, 0], "{task}");
    let corrected = table.replace("39,4", "38,4");
    let task = send(&mut client, path, corrected.as_bytes())
        .expect(200)
        .json();
    assert_eq!(told(&task), [2, 1, 1, 0], "{task}");
    // Out again: a row an answer with its items as columns, a row a report without one.
    let table = list(
        &mut client,
        "CarePlan/$daily-list?planDefinition=covid-contact",
    );
    let cells = cells(&table);
    let rows: Vec<(&str, &str, &str)> = column(&cells, "patient")
        .into_iter()
        .zip(column(&cells, "date"))
        .zip(column(&cells, "temp.value"))
        .map(|((patient, date), temperature)| (patient, date, temperature))
        .collect();
    let (zoe, luc) = (people[0].as_str(), people[1].as_str());
    for row in [
        (luc, "2030-03-25", "37.2"),
        (luc, "2030-03-26", "39.4"),
        (luc, "2030-03-26", "38.4"),
        (zoe, "2030-03-25", ""),
        (zoe, "2030-03-26", ""),
    ] {
        assert!(rows.contains(&row), "{row:?}: {table}");
    }
    assert_eq!(rows.len(), 5, "{table}");
}

#[test]
fn complaint_15_a_spreadsheet_is_taken_in_as_it_is_saved() {
    let (_server, mut client, team) = agency();
    let query = format!("planDefinition=covid-contact&careTeam={team}");
    let rows = |first: &str, separator: &str| {
        format!("Nom;Prénom;Né le;Téléphone;Consentement\r\n{first};Zoé;07/04/1985;612345678;OUI\r\n;;;;\r\n")
            .replace(';', separator)
    };
    let latin: Vec<u8> = rows("Canary-A", ";")
        .chars()
        .map(|c| u8::try_from(u32::from(c)).expect("a letter of Western Europe"))
        .collect();
    let tables = [
        latin,
        rows("Canary-B", ";").replace("1985", "1986").into_bytes(),
        format!("\u{feff}{}", rows("Canary-C", ",").replace("1985", "1987")).into_bytes(),
        rows("Canary-D", "\t").replace("1985", "1988").into_bytes(),
    ];
    for table in tables {
        let task = import(&mut client, &query, &table).expect(200).json();
        assert_eq!(told(&task), [1, 1, 0, 0], "{task}");
    }
    let people = resources(&mut client, "Patient");
    assert_eq!(people.len(), 4);
    for person in people {
        assert_eq!(person["name"][0]["given"][0], "Zoé");
        assert_eq!(person["telecom"][0]["value"], "+33612345678");
    }
}

#[test]
fn complaint_16_a_probable_duplicate_is_found_and_left_to_a_person() {
    let (_server, mut client, team) = agency();
    let people = followed(&mut client, &team);
    let query = format!("planDefinition=covid-contact&careTeam={team}");
    let table = |cell: &str| {
        format!(
            "identifiant;nom;prenom;naissance;consentement;doublon\nB1;ZOE;CANARY DURAND;1985-04-07;oui;{cell}\n"
        )
    };
    // Names the other way round, no accents, another identifier: somebody must decide.
    let task = import(&mut client, &query, table("").as_bytes())
        .expect(200)
        .json();
    assert_eq!(told(&task), [1, 0, 0, 1]);
    let (place, reason) = faults(&task["contained"][0]).remove(0);
    assert_eq!(place, "line[2].doublon");
    assert!(
        reason.contains(&format!("Patient/{}", people[0])),
        "{reason}"
    );
    assert_eq!(count(&mut client, "Patient"), 2);
    // It is the same person: nothing new.
    let task = import(&mut client, &query, table(&people[0]).as_bytes())
        .expect(200)
        .json();
    assert_eq!(told(&task), [1, 0, 1, 0]);
    assert_eq!(count(&mut client, "Patient"), 2);
    // It is another one.
    let task = import(&mut client, &query, table("nouveau").as_bytes())
        .expect(200)
        .json();
    assert_eq!(told(&task), [1, 1, 0, 0]);
    assert_eq!(count(&mut client, "Patient"), 3);
    // The same question, asked by another system; the day and the month are the other way round.
    let asked = json!({
        "resourceType": "Parameters",
        "parameter": [
            { "name": "resource", "resource": {
                "resourceType": "Patient",
                "name": [{ "family": "canary-durand", "given": ["zoë"] }],
                "birthDate": "1985-07-04",
                "telecom": [{ "system": "phone", "value": "06.12.34.56.78" }],
            } },
            { "name": "count", "valueInteger": 1 },
        ],
    });
    let found = client.post("Patient/$match", &asked).expect(200).json();
    assert_eq!(found["total"], 1);
    assert_eq!(found["entry"][0]["resource"]["id"], people[0].as_str());
    assert_eq!(
        found["entry"][0]["search"]["extension"][0]["valueCode"],
        "probable"
    );
    let mut certain = asked.clone();
    certain["parameter"][1] = json!({ "name": "onlyCertainMatches", "valueBoolean": true });
    let found = client.post("Patient/$match", &certain).expect(200).json();
    assert_eq!(found["total"], 0);
    client
        .post("Patient/$match", &json!({ "resourceType": "Parameters" }))
        .expect(400);
}

#[test]
fn complaint_22_missed_reports_are_counted_in_all_and_in_a_row() {
    let (server, mut client, team) = agency();
    let people = followed(&mut client, &team);
    server.set_clock("2030-03-27T12:00:00Z");
    let answer = "patient;date;callback\n".to_owned() + &people[0] + ";27/03/2030;non\n";
    let path = "QuestionnaireResponse/$import?planDefinition=covid-contact";
    send(&mut client, path, answer.as_bytes()).expect(200);
    server.set_clock("2030-03-29T12:00:00Z");
    let table = list(&mut client, "CarePlan/$line-list");
    let cells = cells(&table);
    let counts: Vec<(&str, &str, &str)> = column(&cells, "missed")
        .into_iter()
        .zip(column(&cells, "missedInARow"))
        .zip(column(&cells, "family"))
        .map(|((all, row), family)| (family, all, row))
        .collect();
    assert!(counts.contains(&("Canary-Durand", "3", "1")), "{table}");
    assert!(counts.contains(&("Canary-Petit", "4", "4")), "{table}");
}

#[test]
fn complaint_25_search_by_telephone_another_contact_the_real_date_and_any_period() {
    let (server, mut client, team) = agency();
    let people = followed(&mut client, &team);
    for search in [
        "Patient?phone=%2B33612345678",
        "Patient?email=zoe@home.example",
        "Patient?telecom=zoe@home.example",
    ] {
        let found = resources(&mut client, search);
        assert_eq!(found.len(), 1, "{search}");
        assert_eq!(found[0]["id"], people[0].as_str());
    }
    let search = "Patient?_has:RelatedPerson:patient:phone=%2B33699999999";
    let found = resources(&mut client, search);
    assert_eq!(found[0]["id"], people[1].as_str());
    // What was keyed in today is about the day before yesterday, and is found there.
    server.set_clock("2030-03-27T12:00:00Z");
    let table = "patient;date;callback\n".to_owned() + &people[0] + ";25/03/2030;non\n";
    let path = "QuestionnaireResponse/$import?planDefinition=covid-contact";
    send(&mut client, path, table.as_bytes()).expect(200);
    let by_day = |client: &mut Client, day: &str| {
        resources(client, &format!("QuestionnaireResponse?authored={day}")).len()
    };
    assert_eq!(
        (
            by_day(&mut client, "2030-03-25"),
            by_day(&mut client, "2030-03-27")
        ),
        (1, 0)
    );
    // Lists and figures are of any days that are asked for.
    let daily = |client: &mut Client, first: &str, last: &str| {
        let path = format!(
            "CarePlan/$daily-list?planDefinition=covid-contact&periodStart={first}&periodEnd={last}"
        );
        list(client, &path).lines().count() - 1
    };
    assert_eq!(daily(&mut client, "2030-03-25", "2030-03-25"), 2);
    assert_eq!(daily(&mut client, "2030-03-26", "2030-03-26"), 2);
    assert_eq!(daily(&mut client, "2030-03-01", "2030-03-24"), 0);
}
