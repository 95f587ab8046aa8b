//! Separators in values, and the backslash that takes their meaning away.
//!
//! Specification: <http://hl7.org/fhir/R4/search.html#escaping>.

/// The pieces between separators that are not escaped; escapes are kept.
pub(super) fn split(text: &str, separator: char) -> Vec<&str> {
    let (mut pieces, mut from, mut escaped) = (Vec::new(), 0, false);
    for (at, character) in text.char_indices() {
        if escaped {
            escaped = false;
        } else if character == '\\' {
            escaped = true;
        } else if character == separator {
            pieces.push(&text[from..at]);
            from = at + separator.len_utf8();
        }
    }
    pieces.push(&text[from..]);
    pieces
}

/// The text without its escapes; a backslash before anything else stands for itself.
pub(super) fn plain(text: &str) -> String {
    if !text.contains('\\') {
        return text.to_owned();
    }
    let mut plain = String::with_capacity(text.len());
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match characters.peek() {
            Some(next @ ('\\' | ',' | '$' | '|')) if character == '\\' => {
                plain.push(*next);
                characters.next();
            }
            _ => plain.push(character),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escaped_separators_do_not_separate() {
        assert_eq!(split(r"a\,b,c", ','), [r"a\,b", "c"]);
        assert_eq!(split(r"a\\,b", ','), [r"a\\", "b"]);
        assert_eq!(split("", ','), [""]);
        assert_eq!(plain(r"a\,b\\\$\|\x\"), r"a,b\$|\x\");
    }
}
