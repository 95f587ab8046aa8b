//! Whether a code is one of its code system, and called as the code system calls it.

use super::{Coding, Terminology, code_system::Content, grammar};

/// SNOMED CT, of which the form of codes alone is known here.
const SNOMED: &str = "http://snomed.info/sct";

/// What a code system says of a code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Known<'a> {
    /// It has the code, and the display is one of its own, or there is none.
    Yes,
    /// It has the code, which is called otherwise: the display that it gives.
    Otherwise(&'a str),
    /// It has all its codes at hand, and not this one.
    No,
    /// The code system adds to another, and has no codes to be used.
    Supplement,
    /// Its codes are not at hand.
    Untold,
}

impl Terminology {
    /// What the code system of a code says of it.
    #[must_use]
    pub fn known(&self, coding: &Coding<'_>) -> Known<'_> {
        let Some(url) = coding.system else {
            return Known::Untold;
        };
        if url == crate::fhir::ucum::SYSTEM {
            return match grammar::judge(url, coding.code) {
                Some(false) => Known::No,
                _ => Known::Untold,
            };
        }
        if url == SNOMED && !is_snomed(coding.code) {
            return Known::No;
        }
        let Ok(system) = self.code_system(url, coding.version) else {
            return self.bare(url);
        };
        let Some(concept) = system.concept(coding.code) else {
            return if system.content == Content::Complete {
                Known::No
            } else {
                Known::Untold
            };
        };
        // Names of countries are written with their article and without.
        let words = |text: &str| -> Vec<String> {
            let all = text.split_whitespace().filter(|word| *word != "(the)");
            all.map(str::to_lowercase).collect()
        };
        let same = |a: &str, b: &str| words(a) == words(b);
        match (coding.display, concept.display.as_deref()) {
            (Some(given), Some(own))
                if !same(given, own)
                    && !concept
                        .designations
                        .iter()
                        .any(|each| same(given, &each.value)) =>
            {
                Known::Otherwise(own)
            }
            _ => Known::Yes,
        }
    }

    /// The type of the definition that has this canonical, where one is known.
    #[must_use]
    pub fn kind_of(&self, canonical: &str) -> Option<&'static str> {
        let url = canonical.split('|').next().unwrap_or(canonical);
        self.layers().find_map(|layer| {
            if !layer.value_sets.versions(url).is_empty() {
                Some("ValueSet")
            } else if !layer.code_systems.versions(url).is_empty() {
                Some("CodeSystem")
            } else if !layer.concept_maps.versions(url).is_empty() {
                Some("ConceptMap")
            } else {
                None
            }
        })
    }

    /// The type of a property that a code system declares: `code`, `Coding`, `boolean`.
    #[must_use]
    pub fn property_type(&self, system: &str, property: &str) -> Option<&str> {
        let system = self.code_system(system, None).ok()?;
        let declared = system
            .properties
            .iter()
            .find(|each| *each.code == *property)?;
        Some(&*declared.kind).filter(|kind| !kind.is_empty())
    }

    /// A code system without concepts of its own.
    fn bare(&self, url: &str) -> Known<'_> {
        let mut all = self
            .layers()
            .flat_map(|layer| layer.code_systems.versions(url))
            .peekable();
        let some = all.peek().is_some();
        if some && all.all(|volume| volume.content().content == Content::Supplement) {
            Known::Supplement
        } else {
            Known::Untold
        }
    }
}

/// Whether a code has the form of a concept of SNOMED CT, or of an expression that begins with one:
/// 6 to 18 digits, the last of them a check digit.
///
/// Specification: <https://docs.snomed.org/snomed-ct-specifications/snomed-ct-release-file-specification/6-sctids>.
fn is_snomed(code: &str) -> bool {
    // An expression may begin with its definition status, or in parentheses.
    let code = code.trim_start_matches(['=', '<', '(', ' ']);
    let length = code
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(code.len());
    let (digits, rest) = code.split_at(length);
    let ends = rest.is_empty()
        || rest.starts_with(|c: char| c.is_whitespace() || matches!(c, '|' | '+' | ':' | ')'));
    (6..=18).contains(&length) && ends && has_check_digit(digits)
}

/// Whether the last digit is the check digit of the others, by Verhoeff's dihedral scheme.
fn has_check_digit(digits: &str) -> bool {
    // The product of two elements of the symmetry group of the pentagon.
    let product = |a: u8, b: u8| match (a < 5, b < 5) {
        (true, true) => (a + b) % 5,
        (true, false) => 5 + (a + b - 5) % 5,
        (false, true) => 5 + (a - 5 + 5 - b) % 5,
        (false, false) => (a + 5 - b) % 5,
    };
    const TURN: [u8; 10] = [1, 5, 7, 6, 2, 8, 3, 0, 9, 4];
    let turned = |digit: u8, times: usize| {
        (0..times % 8).fold(digit, |digit, _| {
            TURN.get(usize::from(digit)).copied().unwrap_or_default()
        })
    };
    let sum = digits
        .bytes()
        .rev()
        .enumerate()
        .fold(0, |sum, (n, byte)| product(sum, turned(byte - b'0', n)));
    sum == 0
}

#[cfg(test)]
mod tests {
    use super::is_snomed;

    #[test]
    fn codes_of_snomed_have_a_check_digit() {
        for code in [
            "276885007",
            "84114007",
            "404684003",
            "840535000",
            "138875005 |SNOMED CT|",
        ] {
            assert!(is_snomed(code), "{code}");
        }
        assert!(is_snomed("=== 46866001 : 272741003 = 7771000"));
        for code in ["1", "276885007x", "276885008", "267885007", "", "something"] {
            assert!(!is_snomed(code), "{code}");
        }
    }
}
