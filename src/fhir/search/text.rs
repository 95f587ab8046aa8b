//! Strings as searches compare them.
//!
//! Specification: <http://hl7.org/fhir/R4/search.html#string>.

use unicode_normalization::{UnicodeNormalization, char::is_combining_mark};

/// Longest text that an index row keeps, in characters. What follows is not searched by prefix
/// or content; a whole comparison (`:exact`) takes it in by its hash.
pub const INDEXED_CHARACTERS_MAX: usize = 256;

/// The text without case, accents and superfluous white space; letters that are two written as
/// one, and letters with a stroke, are what they are typed as without them.
#[must_use]
pub fn fold(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    if text.is_ascii() {
        collapse(text.chars().map(|c| c.to_ascii_lowercase()), &mut folded);
    } else {
        let bare = text.nfkd().filter(|c| !is_combining_mark(*c));
        // Lower case of some letters has combining marks again.
        let lower = bare.flat_map(char::to_lowercase);
        let bare = lower.filter(|c| !is_combining_mark(*c));
        collapse(bare.flat_map(Plain::of), &mut folded);
    }
    folded
}

/// What a letter is typed as where the keyboard does not have it.
enum Plain {
    One(std::option::IntoIter<char>),
    Letters(std::str::Chars<'static>),
}

impl Plain {
    fn of(letter: char) -> Self {
        let letters = match letter {
            'œ' => "oe",
            'æ' => "ae",
            'ß' => "ss",
            'ø' => "o",
            'ł' => "l",
            'đ' | 'ð' => "d",
            'ħ' => "h",
            'ŧ' => "t",
            'þ' => "th",
            'ı' => "i",
            '’' | 'ʼ' => "'",
            _ => return Self::One(Some(letter).into_iter()),
        };
        Self::Letters(letters.chars())
    }
}

impl Iterator for Plain {
    type Item = char;

    fn next(&mut self) -> Option<char> {
        match self {
            Self::One(letter) => letter.next(),
            Self::Letters(letters) => letters.next(),
        }
    }
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

/// Longest beginning of a code by which `_sort` orders, in characters.
const SORTED_CHARACTERS_MAX: usize = 64;

/// The beginning of a code, by which it is sorted.
#[must_use]
pub fn token_key(code: &str) -> String {
    code.chars().take(SORTED_CHARACTERS_MAX).collect()
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
            ("Straße", "strasse"),
            ("Łódź", "lodz"),
            ("Sœur Bjørn", "soeur bjorn"),
            ("ﬁn de l’Ægide", "fin de l'aegide"),
            ("ＡＢ１", "ab1"),
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
