//! Rows of people.

use super::*;

fn setting() -> Setting {
    Setting {
        defaults: Map::from_iter([("pathway".to_owned(), json!("covid-contact"))]),
        zone: TimeZone::get("Europe/Paris").expect("a zone"),
        now: "2020-05-18T08:00:00Z".parse().expect("an instant"),
    }
}

fn rows(text: &str) -> Vec<Result<Value, Vec<Fault>>> {
    let sheet = Sheet::read(text, COLUMNS, |_| false).expect("a sheet");
    let one = |row| read(&sheet, row, &setting());
    sheet.rows.iter().map(one).collect()
}

fn row(text: &str) -> Value {
    rows(text).remove(0).expect("a row")
}

#[test]
fn a_person_is_written_with_what_the_row_tells() {
    let row = row(
        "id;nom;prénom;naissance;sexe;mobile;mail;langue;rue;cp;ville;contact;contactEmail\n\
         7;Durand;Zoé;07/04/1985;F;0612345678;Z@h.example;fr;1 rue A;69000;Lyon;Luc;l@h.example\n",
    );
    let patient = patient(&row);
    assert_eq!(patient["birthDate"], "1985-04-07");
    assert_eq!(patient["name"][0]["family"], "Durand");
    assert_eq!(patient["identifier"][0]["value"], "7");
    assert_eq!(
        patient["telecom"],
        json!([
            { "system": "email", "value": "z@h.example" },
            { "system": "phone", "value": "+33612345678", "use": "mobile" },
        ])
    );
    assert_eq!(patient["address"][0]["city"], "Lyon");
    assert_eq!(
        patient["communication"][0]["language"]["coding"][0]["code"],
        "fr"
    );
    let contact = contact(&row, "Patient/p").expect("somebody to ask");
    assert_eq!(contact["telecom"][0]["value"], "l@h.example");
}

#[test]
fn a_start_that_is_a_date_is_the_first_day_there() {
    let text = "nom;prenom;naissance;debut;fuseau\nA;B;1990-01-01;2020-05-11;Indian/Reunion\n";
    let row = row(text);
    assert_eq!(row["start"], "2020-05-10T20:00:00Z");
    assert_eq!(row["timeZone"], "Indian/Reunion");
    let usual = self::row("nom;prenom;naissance\nA;B;1990-01-01\n");
    assert_eq!(usual["timeZone"], "Europe/Paris");
}

#[test]
fn a_row_without_an_identifier_is_known_again_however_it_is_written() {
    let derived = |text: &str| row(text)["derived"].clone();
    let one = derived("nom;prenom;naissance;tel\nLefèvre;Zoé;1985-04-07;06 12 34 56 78\n");
    let same = derived("nom,prenom,naissance,tel\nLEFEVRE,zoe,07/04/1985,+33612345678\n");
    let other = derived("nom;prenom;naissance;tel\nLefèvre;Zoé;1985-04-08;06 12 34 56 78\n");
    assert_eq!(one, same);
    assert_ne!(one, other);
}

#[test]
fn a_cell_goes_before_what_holds_for_all_rows() {
    let all = rows("nom;prenom;naissance;parcours\nA;B;1990-01-01;covid-case\nC;D;1990-01-01;\n");
    let pathways: Vec<_> = all
        .into_iter()
        .map(|row| row.expect("a row")["pathway"].clone())
        .collect();
    assert_eq!(pathways, ["covid-case", "covid-contact"]);
}

#[test]
fn no_reason_repeats_what_a_cell_holds() {
    let text = "nom;prenom;naissance;sexe;tel;mail;ins;langue;canal;heure;consentement;equipe\n\
        1234567;Canary;Canary;Canary;Canary;Canary;Canary;Canary!;Canary;Canary;Canary;Can ary\n";
    let faults = rows(text).remove(0).expect_err("faults");
    assert_eq!(faults.len(), 11, "{faults:?}");
    for fault in faults {
        assert!(!fault.reason.contains("anary") && !fault.reason.contains("1234567"));
    }
}
