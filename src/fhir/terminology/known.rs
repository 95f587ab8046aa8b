//! Whether a code is one of its code system, and called as the code system calls it.

use super::{Coding, Terminology, code_system::Content, grammar};

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
