//! Code systems whose codes nobody can list: a grammar says what is a code.

use rust_decimal::Decimal;

use crate::fhir::ucum;

/// Languages: <https://www.rfc-editor.org/rfc/rfc5646>.
const LANGUAGES: &str = "urn:ietf:bcp:47";

/// Media types: <https://www.rfc-editor.org/rfc/rfc6838>.
const MEDIA_TYPES: &str = "urn:ietf:bcp:13";

/// URIs: <https://www.rfc-editor.org/rfc/rfc3986>.
const URIS: &str = "urn:ietf:rfc:3986";

/// The code systems that are judged here.
pub(super) const SYSTEMS: [&str; 4] = [LANGUAGES, MEDIA_TYPES, URIS, ucum::SYSTEM];

/// Longest code that is looked at; nothing that people use comes near.
pub const CODE_LENGTH_MAX: usize = 255;

/// Whether a code is one of the system; none where the system has no grammar.
pub(super) fn judge(system: &str, code: &str) -> Option<bool> {
    let is: fn(&str) -> bool = match system {
        LANGUAGES => is_language,
        MEDIA_TYPES => is_media_type,
        URIS => is_uri,
        ucum::SYSTEM => is_unit,
        _ => return None,
    };
    Some(!code.is_empty() && code.len() <= CODE_LENGTH_MAX && is(code))
}

/// What a code that is one of the system is called.
pub(super) fn display(system: &str, code: &str) -> String {
    let named = (system == ucum::SYSTEM).then(|| octofhir_ucum::display_name(code).ok());
    named.flatten().unwrap_or_else(|| code.to_owned())
}

/// Whether two units measure the same; none where one of them is no unit.
pub(super) fn of_one_dimension(a: &str, b: &str) -> Option<bool> {
    let dimension = |code| ucum::canonical(Decimal::ONE, code).map(|found| found.unit);
    Some(dimension(a)? == dimension(b)?)
}

fn is_unit(code: &str) -> bool {
    octofhir_ucum::validate(code).is_ok()
        || plain(code).is_some_and(|plain| octofhir_ucum::validate(&plain).is_ok())
}

/// A unit without its annotations, which mean nothing to it: R4's own list has some with spaces,
/// and some after parentheses.
fn plain(code: &str) -> Option<String> {
    let mut plain = String::with_capacity(code.len());
    let mut rest = code;
    while let Some((before, after)) = rest.split_once('{') {
        let (annotation, after) = after.split_once('}')?;
        let shown = |c: char| c == ' ' || (c.is_ascii_graphic() && c != '{');
        if annotation.is_empty() || !annotation.chars().all(shown) {
            return None;
        }
        plain.push_str(before);
        if plain.is_empty() || plain.ends_with(['/', '.', '(']) {
            plain.push('1');
        }
        rest = after;
    }
    plain.push_str(rest);
    Some(plain)
}

/// `language[-script][-region][-variant]*[-extension]*[-private]`.
fn is_language(code: &str) -> bool {
    let mut parts = code.split('-').peekable();
    let alphabetic = |part: &str| part.bytes().all(|b| b.is_ascii_alphabetic());
    let alphanumeric = |part: &str| part.bytes().all(|b| b.is_ascii_alphanumeric());
    if !code
        .split('-')
        .all(|part| (1..=8).contains(&part.len()) && alphanumeric(part))
    {
        return false;
    }
    let first = parts.next().unwrap_or_default();
    if first.eq_ignore_ascii_case("x") {
        return parts.peek().is_some();
    }
    if !alphabetic(first) || first.len() < 2 {
        return first.eq_ignore_ascii_case("i") && parts.peek().is_some();
    }
    // A tag for an extension needs something after it.
    let last = code.rsplit('-').next().unwrap_or_default();
    code == first || last.len() > 1 || code.contains("-x-")
}

fn is_media_type(code: &str) -> bool {
    let name = |text: &str| {
        !text.is_empty()
            && text
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"!#$&-^_.+*".contains(&b))
    };
    let kind = code.split(';').next().unwrap_or_default().trim_end();
    let parameters = code.split(';').skip(1);
    let (Some((top, sub)), None) = (kind.split_once('/'), kind.split('/').nth(2)) else {
        return false;
    };
    name(top)
        && name(sub)
        && parameters.map(str::trim).all(|each| {
            each.split_once('=')
                .is_some_and(|(left, right)| name(left) && !right.is_empty())
        })
}

/// An absolute URI.
fn is_uri(code: &str) -> bool {
    let Some((scheme, rest)) = code.split_once(':') else {
        return false;
    };
    scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b))
        && !rest.is_empty()
        && !rest
            .contains(|c: char| c.is_whitespace() || c.is_control() || "<>\"{}|\\^`".contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_grammar_knows_its_codes() {
        for (system, good, bad) in [
            (
                LANGUAGES,
                &[
                    "fr",
                    "fr-FR",
                    "de-CH-1996",
                    "zh-Hans-CN",
                    "x-own",
                    "i-klingon",
                    "es-419",
                    "en-a-bbb-x-a",
                ][..],
                &[
                    "",
                    "f",
                    "fr_FR",
                    "fr-",
                    "-fr",
                    "toolonglanguage",
                    "12",
                    "x",
                    "en-x",
                    "français",
                ][..],
            ),
            (
                MEDIA_TYPES,
                &[
                    "text/plain",
                    "application/fhir+json; charset=utf-8",
                    "image/*",
                    "application/vnd.x.y-z",
                ][..],
                &[
                    "",
                    "text",
                    "text/",
                    "/plain",
                    "a/b/c",
                    "text/plain; charset",
                    "te xt/plain",
                ][..],
            ),
            (
                URIS,
                &[
                    "urn:oid:1.2.3",
                    "http://a.example/b?c#d",
                    "mailto:a@b.example",
                ][..],
                &["", "a", "urn:", "1a:b", "http://a b"][..],
            ),
            (
                ucum::SYSTEM,
                &["mg", "mm[Hg]", "10*9/L", "{score}", "Cel", "/min", "1", "%"][..],
                &["", "mgg", "mmHg", "mg/", "foo bar"][..],
            ),
        ] {
            for code in good {
                assert_eq!(judge(system, code), Some(true), "{system} {code}");
            }
            for code in bad {
                assert_eq!(judge(system, code), Some(false), "{system} {code}");
            }
        }
        assert_eq!(judge("http://loinc.org", "1"), None);
    }

    #[test]
    fn a_monstrous_code_is_no_code() {
        for open in ["(", "{", "m.", "m/", "-a"] {
            let code = open.repeat(100_000);
            for system in SYSTEMS {
                assert_eq!(judge(system, &code), Some(false));
            }
        }
    }
}
