//! What XML 1.0 lets a text hold, and how the rest is written.
//!
//! Specification: <https://www.w3.org/TR/xml/#charsets>, <https://www.w3.org/TR/xml/#AVNormalize>.

use std::borrow::Cow;

/// Whether XML 1.0 can hold this character at all.
pub const fn is_allowed(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}

/// Whether a name may begin with this character.
pub const fn begins_name(c: char) -> bool {
    matches!(c,
        ':' | '_' | 'A'..='Z' | 'a'..='z'
        | '\u{c0}'..='\u{d6}' | '\u{d8}'..='\u{f6}' | '\u{f8}'..='\u{2ff}'
        | '\u{370}'..='\u{37d}' | '\u{37f}'..='\u{1fff}' | '\u{200c}'..='\u{200d}'
        | '\u{2070}'..='\u{218f}' | '\u{2c00}'..='\u{2fef}' | '\u{3001}'..='\u{d7ff}'
        | '\u{f900}'..='\u{fdcf}' | '\u{fdf0}'..='\u{fffd}' | '\u{10000}'..='\u{effff}')
}

/// Whether a name may go on with this character.
pub const fn continues_name(c: char) -> bool {
    begins_name(c)
        || matches!(c, '-' | '.' | '0'..='9' | '\u{b7}' | '\u{300}'..='\u{36f}' | '\u{203f}'..='\u{2040}')
}

/// The value of an attribute as it is read: references resolved, white space as spaces.
///
/// The reason, if it holds a reference that XML does not define.
pub fn value(raw: &str) -> Result<Cow<'_, str>, &'static str> {
    let plain = |b: u8| !matches!(b, b'&' | b'\t' | b'\n' | b'\r');
    if raw.bytes().all(plain) {
        return Ok(Cow::Borrowed(raw));
    }
    let mut text = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some(at) = rest.find(['&', '\t', '\n', '\r']) {
        let (before, from) = rest.split_at(at);
        text.push_str(before);
        if let Some(reference) = from.strip_prefix('&') {
            let (name, after) = reference.split_once(';').ok_or(UNKNOWN_REFERENCE)?;
            text.push(referred(name).ok_or(UNKNOWN_REFERENCE)?);
            rest = after;
        } else {
            text.push(' ');
            rest = from.strip_prefix("\r\n").unwrap_or(&from[1..]);
        }
    }
    text.push_str(rest);
    Ok(Cow::Owned(text))
}

/// What is said of a reference that XML does not define.
pub const UNKNOWN_REFERENCE: &str =
    "`&` begins a reference, and XML knows only &lt; &gt; &amp; &quot; &apos; and numbers";

/// The character of a reference: `lt`, `#10`, `#xA`.
pub fn referred(name: &str) -> Option<char> {
    let number = match name {
        "lt" => return Some('<'),
        "gt" => return Some('>'),
        "amp" => return Some('&'),
        "quot" => return Some('"'),
        "apos" => return Some('\''),
        _ => name.strip_prefix('#')?,
    };
    let (digits, base) = match number.strip_prefix('x') {
        Some(digits) => (digits, 16),
        None => (number, 10),
    };
    // A sign would be read as part of the number.
    if !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    let code = u32::from_str_radix(digits, base).ok()?;
    char::from_u32(code).filter(|c| is_allowed(*c))
}

/// Writes the value of an attribute: what a reader would change or stumble over, as references.
pub fn push_value(out: &mut String, text: &str) {
    push_escaped(out, text, |c| match c {
        '"' => Some("&quot;"),
        '\t' => Some("&#9;"),
        '\n' => Some("&#10;"),
        '\r' => Some("&#13;"),
        _ => None,
    });
}

/// Writes text between elements.
pub fn push_text(out: &mut String, text: &str) {
    push_escaped(out, text, |c| match c {
        '\r' => Some("&#13;"),
        _ => None,
    });
}

fn push_escaped(out: &mut String, text: &str, more: impl Fn(char) -> Option<&'static str>) {
    let common = |c: char| match c {
        '<' => Some("&lt;"),
        '>' => Some("&gt;"),
        '&' => Some("&amp;"),
        c if !is_allowed(c) => Some("\u{fffd}"),
        _ => None,
    };
    let mut from = 0;
    for (at, c) in text.char_indices() {
        if c > '>' && c < '\u{fffe}' {
            continue;
        }
        if let Some(written) = common(c).or_else(|| more(c)) {
            out.push_str(&text[from..at]);
            out.push_str(written);
            from = at + c.len_utf8();
        }
    }
    out.push_str(&text[from..]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_those_of_xml_and_numbers() {
        assert_eq!(value("a&lt;b&#10;&#xe9;").unwrap(), "a<b\né");
        for bad in ["&nbsp;", "&", "&#0;", "&#x;", "&#+10;", "&#xD800;", "a&b"] {
            assert!(value(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn white_space_in_an_attribute_is_read_as_spaces() {
        assert_eq!(value("a\r\nb\tc\nd").unwrap(), "a b c d");
    }

    #[test]
    fn what_is_written_is_read_again() {
        let text = "a\"<&>'\n\r\t é 🙂 \u{a0}]]>";
        let mut out = String::new();
        push_value(&mut out, text);
        assert!(!out.contains(['<', '"', '\n']));
        assert_eq!(value(&out).unwrap(), text);
    }

    #[test]
    fn what_xml_cannot_hold_is_replaced() {
        let mut out = String::new();
        push_value(&mut out, "a\u{1}b\u{ffff}");
        assert_eq!(out, "a\u{fffd}b\u{fffd}");
    }
}
