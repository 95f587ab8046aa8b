//! Words as `_text` and `_content` compare them.
//!
//! Specification: <http://hl7.org/fhir/R4/search.html#content>.

use super::text;

/// Longest word that is kept, in characters; a longer one is found by its beginning.
pub const WORD_CHARACTERS_MAX: usize = 40;

/// The words of a text, folded: runs of letters and digits. A single letter is none.
pub fn of(text: &str) -> impl Iterator<Item = String> {
    let folded = text::fold(text);
    let words: Vec<String> = folded
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| is_telling(word))
        .map(|word| word.chars().take(WORD_CHARACTERS_MAX).collect())
        .collect();
    words.into_iter()
}

/// Whether a word says anything: a letter left over from `l'air` does not.
fn is_telling(word: &str) -> bool {
    let mut characters = word.chars();
    match (characters.next(), characters.next()) {
        (None, _) => false,
        (Some(only), None) => !only.is_ascii_alphabetic(),
        _ => true,
    }
}

/// The text of an XHTML fragment.
#[must_use]
pub fn without_tags(xhtml: &str) -> String {
    let mut text = String::with_capacity(xhtml.len());
    let mut rest = xhtml;
    while let Some(at) = rest.find(['<', '&']) {
        text.push_str(&rest[..at]);
        rest = &rest[at..];
        rest = if rest.starts_with('<') {
            // A tag ends a word: `<td>a</td><td>b</td>` are two.
            text.push(' ');
            rest.find('>').map_or("", |end| &rest[end + 1..])
        } else {
            entity(rest, &mut text)
        };
    }
    text.push_str(rest);
    text
}

/// Longest name of an entity, with `&` and `;`.
const ENTITY_BYTES_MAX: usize = 12;

/// Takes one entity; gives what follows it.
fn entity<'a>(rest: &'a str, text: &mut String) -> &'a str {
    let end = rest.bytes().take(ENTITY_BYTES_MAX).position(|b| b == b';');
    let Some(end) = end else {
        text.push('&');
        return &rest[1..];
    };
    let name = &rest[1..end];
    let number = name.strip_prefix('#').and_then(|number| {
        let hexadecimal = number.strip_prefix(['x', 'X']);
        let code = hexadecimal.map_or_else(
            || number.parse().ok(),
            |digits| u32::from_str_radix(digits, 16).ok(),
        );
        char::from_u32(code?)
    });
    match (number, name) {
        (Some(character), _) => text.push(character),
        (None, "szlig" | "oelig" | "aelig" | "OElig" | "AElig") => text.push_str(&name[..2]),
        // `eacute` is an e: accents are not compared.
        (None, _) if is_accented(name) => text.push_str(&name[..1]),
        _ => text.push(' '),
    }
    &rest[end + 1..]
}

fn is_accented(name: &str) -> bool {
    const ACCENTS: [&str; 8] = [
        "acute", "grave", "circ", "uml", "tilde", "cedil", "ring", "slash",
    ];
    name.starts_with(|c: char| c.is_ascii_alphabetic()) && ACCENTS.contains(&&name[1..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_folded_runs_of_letters_and_digits() {
        let found: Vec<String> = of("L'œdème: 2 x PARACÉTAMOL-500 (à jeun)").collect();
        assert_eq!(found, ["oedeme", "2", "paracetamol", "500", "jeun"]);
        let long: Vec<String> = of(&"é".repeat(100)).collect();
        assert_eq!(long, ["e".repeat(WORD_CHARACTERS_MAX)]);
    }

    #[test]
    fn tags_and_entities_are_not_text() {
        for (xhtml, text) in [
            ("<div><b>a</b>b</div>", "  a b "),
            (
                "d&eacute;j&#224; &#xE9;t&#233; &amp; &nbsp;c&oelig;ur",
                "deja ete",
            ),
            ("a & b &unknownentityname; <br", "a & b &unknownentityname;"),
            ("&;&#;&#x110000;&é;", ""),
        ] {
            let found = text::fold(&without_tags(xhtml));
            assert!(found.starts_with(&text::fold(text)), "{xhtml}: {found}");
        }
        let found: Vec<String> = of(&without_tags("c&oelig;ur<td title='x'>a1</td>")).collect();
        assert_eq!(found, ["coeur", "a1"]);
    }
}
