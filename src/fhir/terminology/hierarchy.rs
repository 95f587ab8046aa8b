//! What stands above a code and below it: <http://hl7.org/fhir/R4/codesystem-operation-subsumes.html>.

use super::{
    Terminology,
    code_system::{CodeSystem, Concept, Content},
};
use crate::kernel::problem::{Category, Problem, Result};

/// How two codes of a code system stand to each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subsumption {
    /// They are one concept.
    Equivalent,
    /// The second is a kind of the first.
    Subsumes,
    /// The first is a kind of the second.
    SubsumedBy,
    /// Neither.
    NotSubsumed,
}

impl Subsumption {
    /// Its code: <http://hl7.org/fhir/R4/valueset-concept-subsumption-outcome.html>.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Equivalent => "equivalent",
            Self::Subsumes => "subsumes",
            Self::SubsumedBy => "subsumed-by",
            Self::NotSubsumed => "not-subsumed",
        }
    }
}

impl Terminology {
    /// How two codes of a code system (with or without `|version`) stand to each other.
    ///
    /// # Errors
    /// If the code system is not loaded, or does not have one of them.
    pub fn subsumption(&self, system: &str, a: &str, b: &str) -> Result<Subsumption> {
        let system = self.hierarchy(system)?;
        let (a, b) = (place(system, a)?, place(system, b)?);
        Ok(if a == b {
            Subsumption::Equivalent
        } else if !system.is_a {
            Subsumption::NotSubsumed
        } else if system.subsumes(a, b) {
            Subsumption::Subsumes
        } else if system.subsumes(b, a) {
            Subsumption::SubsumedBy
        } else {
            Subsumption::NotSubsumed
        })
    }

    /// A code and all that stand below it.
    ///
    /// # Errors
    /// If the code system is not loaded, does not have the code, or they are more than `most`.
    pub fn below(&self, system: &str, code: &str, most: usize) -> Result<Vec<String>> {
        self.reached((system, code), most, |concept| &concept.children)
    }

    /// A code and all that stand above it.
    ///
    /// # Errors
    /// If the code system is not loaded, does not have the code, or they are more than `most`.
    pub fn above(&self, system: &str, code: &str, most: usize) -> Result<Vec<String>> {
        self.reached((system, code), most, |concept| &concept.parents)
    }

    fn reached(
        &self,
        (system, code): (&str, &str),
        most: usize,
        next: fn(&Concept) -> &[usize],
    ) -> Result<Vec<String>> {
        let system = self.hierarchy(system)?;
        let found = system.reach(place(system, code)?, next);
        if found.len() > most {
            return Err(too_costly(most));
        }
        let code = |at: usize| system.concepts.get(at).map(|each| each.code.to_string());
        Ok(found.into_iter().filter_map(code).collect())
    }

    fn hierarchy(&self, canonical: &str) -> Result<&CodeSystem> {
        let (url, version) = super::find::parts(canonical);
        let system = self.code_system(url, version);
        system.map_err(|why| Problem::new(Category::NotFound, "not-found", why))
    }
}

fn place(system: &CodeSystem, code: &str) -> Result<usize> {
    system.place(code).ok_or_else(|| {
        let known = match system.content {
            Content::Part => "; only a part of it is loaded",
            _ => "",
        };
        let says = format!("The code system {} has no code {code}{known}.", system.url);
        Problem::invalid("code-invalid", says)
    })
}

/// More codes than may be told.
pub(super) fn too_costly(most: usize) -> Problem {
    Problem::invalid("too-costly", format!("These are more than {most} codes."))
}
