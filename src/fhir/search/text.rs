//! Strings as searches compare them.
//!
//! Specification: <http://hl7.org/fhir/R4/search.html#string>.

use unicode_normalization::{UnicodeNormalization, char::is_combining_mark};

/// Longest text that an index row keeps, in characters. What follows is not searched by prefix
/// or content; a whole comparison (`:exact`) takes it in by its hash.
pub const INDEXED_CHARACTERS_MAX: usize = 256;

/// The text without case, accents and superfluous white space.
#[must_use]
pub fn fold(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    if text.is_ascii() {
        collapse(text.chars().map(|c| c.to_ascii_lowercase()), &mut folded);
    } else {
        let bare = text.nfd().filter(|c| !is_combining_mark(*c));
        // Lower case of some letters has combining marks again.
        let lower = bare.flat_map(char::to_lowercase);
        collapse(lower.filter(|c| !is_combining_mark(*c)), &mut folded);
    }
    folded
}

fn collapse(characters: impl Iterator<Item = char>, into: &mut String) {
    let mut gap = false;
    for character in characters {
        if character.is_whitespace() {
            gap = !into.is_empty();
        } else {
            if std::mem::take(&mut gap) {
                into.push(' ');
            }
            into.push(character);
        }
    }
}

/// The first [`INDEXED_CHARACTERS_MAX`] characters of a folded text.
#[must_use]
pub fn folded_key(text: &str) -> String {
    let mut folded = fold(text);
    if let Some((end, _)) = folded.char_indices().nth(INDEXED_CHARACTERS_MAX) {
        folded.truncate(end);
    }
    folded
}

/// The text itself or, where it is longer than the index keeps, its beginning and its hash.
#[must_use]
pub fn exact_key(text: &str) -> String {
    match text.char_indices().nth(INDEXED_CHARACTERS_MAX) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}\u{0}{}", &text[..end], blake3::hash(text.as_bytes())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folding_drops_case_accents_and_superfluous_space() {
        for (text, folded) in [
            ("  José\t ANN ", "jose ann"),
            ("Élan", "elan"),
            ("e\u{301}", "e"),
            ("İzmir", "izmir"),
            ("Straße", "straße"),
            ("Łódź", "łodz"),
            ("", ""),
            (" \n", ""),
        ] {
            assert_eq!(fold(text), folded, "{text:?}");
        }
    }

    #[test]
    fn long_texts_are_bounded_and_still_told_apart() {
        let long = "ä".repeat(INDEXED_CHARACTERS_MAX + 1);
        let other = format!("{}b", "ä".repeat(INDEXED_CHARACTERS_MAX));
        assert_eq!(folded_key(&long), "a".repeat(INDEXED_CHARACTERS_MAX));
        assert_ne!(exact_key(&long), exact_key(&other));
        let short = "ä".repeat(INDEXED_CHARACTERS_MAX);
        assert_eq!(exact_key(&short), short);
    }
}
