//! Cells as people write them.

use super::*;

#[test]
fn dates_are_read_in_two_ways_and_days_that_are_none_are_not() {
    for text in ["2020-05-18", "18/05/2020", "18.05.2020"] {
        assert_eq!(
            date(text).map(|date| date.to_string()).as_deref(),
            Ok("2020-05-18")
        );
    }
    for text in [
        "18-05-2020",
        "2020/05/18",
        "18/05/20",
        "2021-02-29",
        "43969",
        "x",
        "31/04/2020",
    ] {
        assert!(date(text).is_err(), "{text}");
    }
    let today = date("2020-05-18").expect("a date");
    assert!(birth_date("2020-05-18", today).is_ok());
    assert!(birth_date("2020-05-19", today).is_err());
    assert!(birth_date("1880-01-01", today).is_err());
}

#[test]
fn times_are_local_unless_they_say_otherwise() {
    let zone = TimeZone::get("Europe/Paris").expect("a zone");
    let read = |text: &str| {
        let at = instant(text, &zone, jiff::civil::time(9, 0, 0, 0));
        at.map(|at| at.to_string())
    };
    assert_eq!(read("2020-05-18").as_deref(), Ok("2020-05-18T07:00:00Z"));
    assert_eq!(
        read("18/05/2020 10:30").as_deref(),
        Ok("2020-05-18T08:30:00Z")
    );
    assert_eq!(
        read("18/05/2020 10h30").as_deref(),
        Ok("2020-05-18T08:30:00Z")
    );
    assert_eq!(
        read("2020-05-18T10:30:00Z").as_deref(),
        Ok("2020-05-18T10:30:00Z")
    );
    assert!(read("18/05/2020 25:00").is_err());
}

#[test]
fn telephone_numbers_are_written_in_one_way() {
    for text in [
        "06 12 34 56 78",
        "06.12.34.56.78",
        "+33612345678",
        "0033 6 12 34 56 78",
        "+33 (0)6 12 34 56 78",
        "612345678",
        "'+33612345678",
    ] {
        assert_eq!(phone(text).as_deref(), Ok("+33612345678"), "{text}");
    }
    assert_eq!(phone("+41 79 123 45 67").as_deref(), Ok("+41791234567"));
    for text in ["12", "06 12 34 56 7x", "3,36E+10", "+", "00000000000000000"] {
        assert!(phone(text).is_err(), "{text}");
    }
}

#[test]
fn addresses_of_mail_have_a_name_and_a_place() {
    assert_eq!(email("Zoe@Home.Example").as_deref(), Ok("zoe@home.example"));
    for text in [
        "zoe",
        "@home.example",
        "zoe@home",
        "z oe@home.example",
        "zoe@home..example",
    ] {
        assert!(email(text).is_err(), "{text}");
    }
}

#[test]
fn an_identity_number_has_a_key_that_fits() {
    // Keys reckoned by hand: 97 - 1850475123456 mod 97, and the same with 2A as 19.
    let key = |body: u64| format!("{:02}", 97 - body % 97);
    let sound = format!("1850475123456{}", key(1_850_475_123_456));
    assert_eq!(ins(&sound).as_deref(), Ok(sound.as_str()));
    let corsican = format!("185042A123456{}", key(1_850_419_123_456));
    assert_eq!(ins(&corsican).as_deref(), Ok(corsican.as_str()));
    let wrong = format!("1850475123457{}", key(1_850_475_123_456));
    assert!(ins(&wrong).is_err());
    assert!(ins("123").is_err());
}

#[test]
fn words_for_yes_sex_channel_and_language_are_known() {
    assert_eq!((boolean("Oui"), boolean("NO")), (Ok(true), Ok(false)));
    assert!(boolean("peut-être").is_err());
    assert_eq!((gender("Féminin"), gender("H")), (Ok("female"), Ok("male")));
    assert!(gender("2").is_err());
    assert_eq!(
        (channel("Téléphone"), channel("app")),
        (Ok("phone"), Ok("app"))
    );
    assert!(channel("pigeon").is_err());
    assert_eq!(language("pt-BR").as_deref(), Ok("pt-BR"));
    assert!(language("français").is_err());
}

#[test]
fn an_apostrophe_before_a_sign_is_a_spreadsheets() {
    assert_eq!(bare("'=1"), "=1");
    assert_eq!(bare("'Alifa"), "'Alifa");
}
