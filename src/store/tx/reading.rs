//! What a transaction reads: what is durable, and its own writes.

use std::sync::Arc;

use jiff::Timestamp;

use super::Tx;
use crate::{
    fhir::{definitions::ResourceType, permit::Actor, scope::Action, search::query::Query},
    kernel::problem::Result,
    store::{Canonical, Excerpt, History, Page, Stored},
};

impl Tx {
    /// The current version, a deletion included.
    ///
    /// # Errors
    /// `Fault`, if the stored version does not match its hash.
    pub async fn read(&mut self, kind: ResourceType, id: &str) -> Result<Option<Stored>> {
        self.read_for(Action::Read, kind, id).await
    }

    /// When the first version of a resource was received.
    ///
    /// # Errors
    /// `Fault`, if that version does not match its hash.
    pub async fn first_received(&mut self, stored: &Stored) -> Result<Timestamp> {
        if stored.version <= 1 {
            return Ok(stored.updated);
        }
        let target = (stored.kind, stored.id.as_str());
        let first = self.session.version(&self.permit, target, 1).await?;
        Ok(first.map_or(stored.updated, |first| first.updated))
    }

    /// Searches; this part's own writes are seen.
    ///
    /// # Errors
    /// As the search itself.
    pub async fn search(&mut self, query: &Query) -> Result<Page> {
        self.session.search(&self.permit, query).await
    }

    /// The resource of a canonical URL, with or without `|version`; the newest by creation, where
    /// several have it.
    ///
    /// # Errors
    /// As a search.
    pub async fn find_canonical(
        &mut self,
        kind: ResourceType,
        canonical: &str,
    ) -> Result<Option<Arc<Canonical>>> {
        // Only the server's own tasks, which see everything, share what was found before.
        let shared =
            matches!(self.permit.actor(), Actor::System(_)) && self.permit.patient().is_none();
        if let Some(known) = self.canonicals.get(kind, canonical).filter(|_| shared) {
            return Ok(Some(known));
        }
        let (url, version) = match canonical.split_once('|') {
            Some((url, version)) => (url, Some(version)),
            None => (canonical, None),
        };
        let mut query = Query::new(kind).uri("url", url);
        if let Some(version) = version {
            query = query.token("version", None, version);
        }
        let Some(hit) = self.search(&query.limit(1)).await?.hits.pop() else {
            return Ok(None);
        };
        let tree = hit.stored.tree()?;
        let found = Arc::new(Canonical {
            stored: hit.stored,
            tree,
        });
        if shared {
            self.canonicals.keep(kind, canonical, &found);
        }
        Ok(Some(found))
    }

    /// One version, current or not; this part's own writes are seen.
    ///
    /// # Errors
    /// `Fault`, if the stored version does not match its hash.
    pub async fn vread(
        &mut self,
        target: (ResourceType, &str),
        version: u64,
    ) -> Result<Option<Stored>> {
        self.session.version(&self.permit, target, version).await
    }

    /// Current versions that together have every label that resources of these types have.
    pub(in crate::store) async fn labelled(
        &mut self,
        kinds: &[ResourceType],
    ) -> Result<Vec<Stored>> {
        self.session.labelled(&self.permit, kinds).await
    }

    /// A page of versions, newest first; this part's own writes are seen.
    ///
    /// # Errors
    /// As [`Tx::vread`].
    pub async fn history(&mut self, excerpt: &Excerpt) -> Result<Option<History>> {
        self.session.history(&self.permit, excerpt).await
    }
}
