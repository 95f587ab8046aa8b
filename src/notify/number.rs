//! Telephone numbers in the form of E.164, and whether a text message can reach them: pure.
//!
//! A number without a country is French. Specification: ITU-T E.164; the French numbering plan is
//! that of the regulator (ARCEP).

/// What stands before a number that names no country.
const FRANCE: &str = "33";

/// French mobile numbers as dialled at home, which belong to country codes of their own overseas.
const OVERSEAS: [(&str, &str); 8] = [
    ("639", "262"),
    ("690", "590"),
    ("691", "590"),
    ("692", "262"),
    ("693", "262"),
    ("694", "594"),
    ("696", "596"),
    ("697", "596"),
];

/// Digits of a number, its country included; E.164 allows no more than 15.
const DIGITS: std::ops::RangeInclusive<usize> = 8..=15;

/// A number as `+33612345678`, if a text message can reach it.
///
/// A French landline, a special number and what is no number have none. Of other countries it is
/// not known which are landlines: they are tried.
#[must_use]
pub(super) fn textable(written: &str) -> Option<String> {
    let number = international(written)?;
    let reached = match number.strip_prefix(FRANCE) {
        Some(national) => national.len() == 9 && national.starts_with(['6', '7']),
        None => true,
    };
    reached.then(|| format!("+{number}"))
}

/// The digits from the country code on.
fn international(written: &str) -> Option<String> {
    let written = written.trim().trim_start_matches("tel:").trim();
    let mut digits = String::with_capacity(written.len());
    let mut plus = false;
    // A zero in brackets is dialled at home only: +33 (0)6.
    for c in written.replace("(0)", "").chars() {
        match c {
            '+' if digits.is_empty() && !plus => plus = true,
            '0'..='9' => digits.push(c),
            ' ' | '.' | '-' | '/' | '(' | ')' | '\u{a0}' | '\u{202f}' | '\u{2011}' => {}
            _ => return None,
        }
    }
    let number = if plus {
        digits
    } else if let Some(number) = digits.strip_prefix("00") {
        number.to_owned()
    } else if let Some(national) = digits.strip_prefix('0').filter(|n| n.len() == 9) {
        let overseas = OVERSEAS
            .iter()
            .find(|(start, _)| national.starts_with(start));
        let country = overseas.map_or(FRANCE, |(_, country)| country);
        format!("{country}{national}")
    } else if digits.starts_with(FRANCE) && digits.len() == FRANCE.len() + 9 {
        digits
    } else {
        return None;
    };
    // Written as +33 06 …, the zero is one too many.
    let number = match number.strip_prefix("330") {
        Some(national) => format!("{FRANCE}{national}"),
        None => number,
    };
    (DIGITS.contains(&number.len()) && !number.starts_with('0')).then_some(number)
}

/// A number as an index may keep it: the same for the same number, and not to be read.
#[must_use]
pub(super) fn fingerprint(number: &str) -> String {
    let key = blake3::derive_key("vigie 2026 telephone number", number.as_bytes());
    blake3::Hash::from_bytes(key).to_hex()[..32].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_french_mobile_is_one_number_however_it_is_written() {
        for written in [
            "0612345678",
            "06 12 34 56 78",
            "06.12.34.56.78",
            "06-12-34-56-78",
            "06\u{a0}12\u{202f}34 56 78",
            "+33612345678",
            "+33 6 12 34 56 78",
            "+33 (0)6 12 34 56 78",
            "+330612345678",
            "0033612345678",
            "33612345678",
            " tel:+33612345678 ",
        ] {
            assert_eq!(
                textable(written).as_deref(),
                Some("+33612345678"),
                "{written}"
            );
        }
        assert_eq!(textable("07 12 34 56 78").as_deref(), Some("+33712345678"));
    }

    #[test]
    fn a_landline_and_what_is_no_number_are_out_of_reach() {
        for written in [
            "04 76 00 00 00",
            "+33476000000",
            "09 70 00 00 00",
            "0800 00 00 00",
            "15",
            "36 46",
            "06 12 34 56",
            "06 12 34 56 789",
            "+33 6 12 34 56 7",
            "jeudi",
            "06 12 34 56 78 (bureau)",
            "",
            "+",
            "+1234567890123456",
            "0000000000",
        ] {
            assert_eq!(textable(written), None, "{written}");
        }
    }

    #[test]
    fn numbers_from_overseas_and_abroad_keep_their_country() {
        assert_eq!(textable("0690 12 34 56").as_deref(), Some("+590690123456"));
        assert_eq!(textable("0692123456").as_deref(), Some("+262692123456"));
        assert_eq!(
            textable("+41 79 123 45 67").as_deref(),
            Some("+41791234567")
        );
        assert_eq!(textable("0041791234567").as_deref(), Some("+41791234567"));
    }

    #[test]
    fn a_fingerprint_is_of_the_number_and_does_not_show_it() {
        let print = fingerprint("+33612345678");
        assert_eq!(print, fingerprint("+33612345678"));
        assert_ne!(print, fingerprint("+33612345679"));
        assert!(print.len() == 32 && !print.contains("612345"));
    }
}
