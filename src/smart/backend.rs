//! Clients that act for themselves: backend services.
//!
//! Specification: <https://hl7.org/fhir/smart-app-launch/STU2.2/backend-services.html>.

use super::{
    PERMIT, Smart, after,
    issue::Issued,
    narrowing,
    refusal::{Fault, Granted, Refusal},
    scopes::{self, For},
};
use crate::store::{Client, Delegation, Proof, Terms};

impl Smart {
    /// An access token for a client that acts for itself; there is no refresh token.
    ///
    /// # Errors
    /// `UnauthorizedClient`, unless it was registered for it and signs: a secret that is sent each
    /// time is not enough where nobody else looks. `InvalidScope`.
    pub(super) async fn serve_backend(&self, client: &Client, asked: &str) -> Granted<Issued> {
        let signs = matches!(client.proof, Proof::Keys(_) | Proof::KeysAt(_));
        if !client.acts_for_itself || !signs {
            return Err(Refusal::new(
                Fault::UnauthorizedClient,
                "Only a client that is registered for it and signs may act for itself.",
            ));
        }
        let granted = scopes::allowed(asked, &client.scopes, For::Client)?;
        narrowing::check(&granted)?;
        let told = scopes::told(&granted);
        let lifetime = self.settings.backend;
        let now = self.now();
        let delegation = Delegation {
            id: self.new_id(),
            client: client.id.clone(),
            account: None,
            session: None,
            patient: None,
            terms: Terms::default(),
            created: now,
            expires: after(now, lifetime),
            ended: false,
        };
        let drawn = self.draw_tokens(lifetime, false);
        let issued = self.store().write(&PERMIT, move |tx| {
            Box::pin(async move {
                tx.keep_delegation(&delegation).await?;
                drawn.issue(tx, &delegation, (&told, &told)).await
            })
        });
        Ok(issued.await?)
    }
}
