//! `Bundle.entry.request.url`, taken apart.

use crate::{
    fhir::definitions::ResourceType,
    kernel::problem::{Category, Problem, Result},
};

/// A URL below the service base URL.
pub struct Line<'a> {
    /// The type it begins with, if it begins with one.
    pub kind: Option<ResourceType>,
    /// What follows.
    pub rest: Vec<&'a str>,
    /// What stands after the `?`.
    pub query: Option<&'a str>,
}

impl<'a> Line<'a> {
    /// Reads `Patient/1`, `/Patient?name=x`, or the same after the service base URL.
    ///
    /// # Errors
    /// `NotFound`, if it begins neither with a type nor with what the whole system has.
    pub fn read(base: &str, url: &'a str) -> Result<Self> {
        let relative = url.strip_prefix(base).unwrap_or(url);
        let relative = relative.strip_prefix('/').unwrap_or(relative);
        let (path, query) = match relative.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (relative, None),
        };
        let (name, rest) = path.split_once('/').unwrap_or((path, ""));
        let kind = ResourceType::named(name);
        let rest = if kind.is_some() { rest } else { path };
        if kind.is_none() && !(name.is_empty() && query.is_some() || name.starts_with(['_', '$'])) {
            return Err(Problem::new(
                Category::NotFound,
                "not-found",
                "The URL does not begin with a resource type of R4.",
            ));
        }
        Ok(Self {
            kind,
            rest: rest.split('/').filter(|part| !part.is_empty()).collect(),
            query,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BASE: &str = "http://vigie.test/fhir";

    #[test]
    fn an_address_is_taken_apart() {
        for (url, kind, rest, query) in [
            ("Patient", Some("Patient"), vec![], None),
            ("/Patient/1", Some("Patient"), vec!["1"], None),
            (
                "http://vigie.test/fhir/Patient/1/_history/2",
                Some("Patient"),
                vec!["1", "_history", "2"],
                None,
            ),
            ("Patient?name=x", Some("Patient"), vec![], Some("name=x")),
            ("?_type=Patient", None, vec![], Some("_type=Patient")),
            (
                "_history?_count=1",
                None,
                vec!["_history"],
                Some("_count=1"),
            ),
            ("$meta", None, vec!["$meta"], None),
        ] {
            let line = Line::read(BASE, url).unwrap();
            let found = (line.kind.map(ResourceType::name), line.rest, line.query);
            assert_eq!(found, (kind, rest, query), "{url}");
        }
        for url in [
            "",
            "Nonsense/1",
            "http://other.test/fhir/Patient",
            "patient",
        ] {
            assert!(Line::read(BASE, url).is_err(), "{url}");
        }
    }
}
