//! How many text messages a text makes: pure.
//!
//! A text whose characters are all in the alphabet of GSM 03.38 goes in 7 bits each (160 in one
//! message, 153 in each of several, as each of several has a header); one other character, and all
//! go in UCS-2 (70 and 67). Specification: 3GPP TS 23.038, section 6.2.1.

use unicode_normalization::UnicodeNormalization;

/// The basic table, from 0x00 to 0x7F; the escape at 0x1B is not a character.
const BASIC: &str = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?\
                     ¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà";

/// The extension table: each is an escape and a character.
const EXTENSION: &str = "\u{c}^{}\\[~]|€";

/// Room in one message, and in each of several.
const SEPTETS: (usize, usize) = (160, 153);
const UNITS: (usize, usize) = (70, 67);

/// How a text is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Alphabet {
    /// Seven bits a character.
    Gsm7,
    /// Sixteen bits a character.
    Ucs2,
}

/// The alphabet of a text, and how many messages it makes; an empty text makes one.
#[must_use]
pub(super) fn segments(text: &str) -> (Alphabet, usize) {
    let widths: Option<Vec<usize>> = text.chars().map(septets).collect();
    match widths {
        Some(widths) => (Alphabet::Gsm7, pack(&widths, SEPTETS)),
        None => {
            // A character outside the basic plane is a pair of units that is not torn apart.
            let widths: Vec<usize> = text.chars().map(char::len_utf16).collect();
            (Alphabet::Ucs2, pack(&widths, UNITS))
        }
    }
}

/// How many septets a character takes; none for one that GSM does not have.
fn septets(c: char) -> Option<usize> {
    if BASIC.contains(c) {
        Some(1)
    } else {
        EXTENSION.contains(c).then_some(2)
    }
}

fn pack(widths: &[usize], (alone, each): (usize, usize)) -> usize {
    if widths.iter().sum::<usize>() <= alone {
        return 1;
    }
    let (mut messages, mut filled) = (1, 0);
    for width in widths {
        if filled + width > each {
            messages += 1;
            filled = 0;
        }
        filled += width;
    }
    messages
}

/// The nearest text of GSM's basic and extension tables: `ê` becomes `e`, `’` becomes `'`; what has
/// no neighbour is left out.
#[must_use]
pub(super) fn nearest(text: &str) -> String {
    text.chars()
        .flat_map(|c| {
            let near: Vec<char> = match c {
                c if septets(c).is_some() => vec![c],
                '’' | '‘' => vec!['\''],
                '“' | '”' | '«' | '»' => vec!['"'],
                '–' | '—' | '‑' => vec!['-'],
                'œ' => vec!['o', 'e'],
                'Œ' => vec!['O', 'E'],
                '…' => vec!['.', '.', '.'],
                c if c.is_whitespace() => vec![' '],
                c => c.nfkd().filter(|part| septets(*part).is_some()).collect(),
            };
            near
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_are_those_of_the_specification() {
        // 128 places less the escape.
        assert_eq!(BASIC.chars().count(), 127);
        assert_eq!(EXTENSION.chars().count(), 10);
        let both = format!("{BASIC}{EXTENSION}");
        let distinct: std::collections::BTreeSet<char> = both.chars().collect();
        assert_eq!(distinct.len(), 137);
    }

    #[test]
    fn french_letters_are_told_apart() {
        for c in "éèàùÉÇ".chars() {
            assert_eq!(segments(&c.to_string()).0, Alphabet::Gsm7, "{c}");
        }
        for c in "çêâîôûëïœÀ’\u{a0}".chars() {
            assert_eq!(segments(&c.to_string()).0, Alphabet::Ucs2, "{c}");
        }
    }

    #[test]
    fn segments_are_full_at_160_and_153_and_at_70_and_67() {
        let count = |one: &str, times: usize| segments(&one.repeat(times));
        assert_eq!(count("a", 160), (Alphabet::Gsm7, 1));
        assert_eq!(count("a", 161), (Alphabet::Gsm7, 2));
        assert_eq!(count("a", 306), (Alphabet::Gsm7, 2));
        assert_eq!(count("a", 307), (Alphabet::Gsm7, 3));
        assert_eq!(count("ç", 70), (Alphabet::Ucs2, 1));
        assert_eq!(count("ç", 71), (Alphabet::Ucs2, 2));
        assert_eq!(count("ç", 134), (Alphabet::Ucs2, 2));
        assert_eq!(count("ç", 135), (Alphabet::Ucs2, 3));
        assert_eq!(segments(""), (Alphabet::Gsm7, 1));
    }

    #[test]
    fn an_escaped_character_counts_twice_and_is_not_torn_apart() {
        assert_eq!(segments(&"€".repeat(80)), (Alphabet::Gsm7, 1));
        assert_eq!(segments(&"€".repeat(81)), (Alphabet::Gsm7, 2));
        // 76 pairs fill 152 of 153 places; the 77th begins the next message.
        assert_eq!(segments(&"€".repeat(152)), (Alphabet::Gsm7, 2));
        assert_eq!(segments(&"€".repeat(153)), (Alphabet::Gsm7, 3));
        assert_eq!(segments(&"😀".repeat(35)), (Alphabet::Ucs2, 1));
        assert_eq!(segments(&"😀".repeat(66)), (Alphabet::Ucs2, 2));
        assert_eq!(segments(&"😀".repeat(67)), (Alphabet::Ucs2, 3));
    }

    #[test]
    fn a_name_is_brought_into_the_alphabet() {
        let name = nearest("Hôpital « Le Cœur » d’Évian — 中");
        assert_eq!(name, "Hopital \" Le Coeur \" d'Évian - ");
        assert_eq!(segments(&name).0, Alphabet::Gsm7);
    }
}
