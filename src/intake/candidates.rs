//! Who among the known could be somebody: found by identifier, date of birth and ways to be
//! reached, and then compared.

use std::collections::BTreeMap;

use serde_json::Value;

use super::matching::{Identity, Likeness, transposed};
use crate::{
    care::kind,
    fhir::{permit::Permit, search::query::Query},
    kernel::problem::Result,
    store::{Store, Stored, Tx},
};

/// Most resources that one look takes: more people than share a birthday or a telephone.
const CANDIDATES_MAX: u32 = 500;

/// Where candidates are looked for.
pub enum Source<'a> {
    /// In what is durable.
    Store(&'a Store, &'a Permit),
    /// In the open transaction, its own writes included.
    Tx(&'a mut Tx),
}

impl Source<'_> {
    async fn search(&mut self, query: Query) -> Result<Vec<Stored>> {
        let query = query.limit(CANDIDATES_MAX);
        let page = match self {
            Self::Store(store, permit) => store.search(permit, &query).await?,
            Self::Tx(tx) => tx.search(&query).await?,
        };
        Ok(page.hits.into_iter().map(|hit| hit.stored).collect())
    }
}

/// Somebody known, and what speaks for them.
#[derive(Debug, Clone)]
pub struct Candidate {
    /// The Patient.
    pub stored: Stored,
    /// The same, read.
    pub tree: Value,
    /// What they have in common with who was asked for.
    pub likeness: Likeness,
}

/// Everybody who could be this person, the likeliest first.
///
/// # Errors
/// As a search.
pub async fn candidates(mut source: Source<'_>, identity: &Identity) -> Result<Vec<Candidate>> {
    let patients = || kind("Patient").map(Query::new);
    let mut found = BTreeMap::new();
    for (system, value) in &identity.identifiers {
        let query = patients()?.token("identifier", Some(system), value);
        take(&mut found, source.search(query).await?);
    }
    if let Some(birth) = identity.birth.as_deref() {
        for date in [Some(birth.to_owned()), transposed(birth)]
            .into_iter()
            .flatten()
        {
            let query = patients()?.with("birthdate", &date);
            take(&mut found, source.search(query).await?);
        }
    }
    for contact in &identity.contacts {
        let spellings = spellings(contact);
        let spellings: Vec<&str> = spellings.iter().map(String::as_str).collect();
        let query = patients()?.tokens("telecom", None, &spellings);
        take(&mut found, source.search(query).await?);
    }
    let mut likely = Vec::new();
    for stored in found.into_values() {
        let tree = stored.tree()?;
        if let Some(likeness) = identity.likeness(&Identity::of(&tree)) {
            likely.push(Candidate {
                stored,
                tree,
                likeness,
            });
        }
    }
    likely.sort_by(|a, b| {
        let order = b.likeness.score.total_cmp(&a.likeness.score);
        order.then_with(|| a.stored.key.cmp(&b.stored.key))
    });
    Ok(likely)
}

fn take(found: &mut BTreeMap<String, Stored>, more: Vec<Stored>) {
    found.extend(more.into_iter().map(|stored| (stored.id.clone(), stored)));
}

/// How a telephone number may have been written by others; an address stands for itself.
fn spellings(contact: &str) -> Vec<String> {
    let mut all = vec![contact.to_owned()];
    let Some(national) = contact.strip_prefix("+33").filter(|rest| rest.len() == 9) else {
        return all;
    };
    let national = format!("0{national}");
    for between in [" ", ".", "-"] {
        let pairs: Vec<&str> = (0..5)
            .filter_map(|n| national.get(2 * n..2 * n + 2))
            .collect();
        all.push(pairs.join(between));
        all.push(format!("+33{between}{}", &pairs.join(between)[1..]));
    }
    all.push(format!("0033{}", &national[1..]));
    all.push(national);
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_telephone_number_is_found_however_it_was_written() {
        let all = spellings("+33612345678");
        for text in [
            "+33612345678",
            "0612345678",
            "06 12 34 56 78",
            "06.12.34.56.78",
            "+33 6 12 34 56 78",
        ] {
            assert!(all.iter().any(|one| one == text), "{text}: {all:?}");
        }
        assert_eq!(spellings("zoe@home.example").len(), 1);
    }
}
