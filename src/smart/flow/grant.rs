//! What was consented to, written down, and the code that the client is given for it.

use jiff::Timestamp;

use super::{Question, Step, Visitor, consent::Consent, gone};
use crate::{
    smart::{
        PERMIT, Smart, after, authorize::Asked, refusal::Granted, scopes, scopes::Wish, secret,
    },
    store::{Delegation, Digest, LaunchContext, PendingKind, Terms, Token, TokenKind},
};

/// How long what was granted without `offline_access` lasts: no login lasts longer.
const ONLINE_MAX: std::time::Duration = std::time::Duration::from_secs(12 * 3_600);

impl Smart {
    /// Writes what was granted, and gives the client its code.
    pub(super) async fn grant(
        &self,
        (hash, asked): (&Digest, &Asked),
        visitor: &Visitor,
        question: Question,
        consent: Consent,
    ) -> Granted<Step> {
        let delegation = self.delegation(asked, visitor, question.patient, &consent);
        let code = self.draw(secret::CODE);
        let token = Token {
            hash: secret::digest(&code),
            kind: TokenKind::Code,
            delegation: delegation.id.clone(),
            scopes: scopes::told(&consent.wishes),
            issued: delegation.created,
            // A code is kept longer than it is good, so that it is known if it comes again.
            expires: delegation.expires,
            used: false,
        };
        let hash = *hash;
        let written = self.store().write(&PERMIT, move |tx| {
            Box::pin(async move {
                let name = (PendingKind::Authorization, &hash);
                if !tx.forget_pending(name).await? {
                    return Ok(false);
                }
                tx.keep_delegation(&delegation).await?;
                tx.keep_token(&token).await?;
                Ok(true)
            })
        });
        if !written.await? {
            return Err(gone());
        }
        Ok(Step::Answer(self.way(asked).granted(&code)))
    }

    /// What was agreed.
    fn delegation(
        &self,
        asked: &Asked,
        visitor: &Visitor,
        patient: Option<String>,
        consent: &Consent,
    ) -> Delegation {
        let (now, wishes) = (self.now(), consent.wishes.as_slice());
        let is_offline = wishes.contains(&Wish::Offline);
        let lifetime = if is_offline {
            self.settings.offline
        } else {
            ONLINE_MAX
        };
        let needs_patient = scopes::needs_patient(wishes) || wishes.contains(&Wish::Launch);
        let patient = patient.filter(|_| needs_patient);
        let mut context = launched_context(asked, wishes);
        if patient.is_some() && context.need_patient_banner.is_none() {
            context.need_patient_banner = Some(true);
        }
        Delegation {
            id: self.new_id(),
            client: asked.client.clone(),
            account: Some(visitor.account.clone()),
            session: (!is_offline).then(|| visitor.session.clone()),
            patient,
            terms: Terms {
                redirect_uri: asked.redirect_uri.clone(),
                challenge: asked.challenge.clone(),
                refresh: is_offline || wishes.contains(&Wish::Online),
                nonce: asked.nonce.clone(),
                auth_time: Some(visitor.authenticated.as_second()),
                context,
                scopes: scopes::told(wishes),
                consented: consent.at.map(Timestamp::as_second),
            },
            created: now,
            expires: after(now, lifetime),
            ended: false,
        }
    }
}

/// What of a launch the client is told: what it asked to be told.
fn launched_context(asked: &Asked, wishes: &[Wish]) -> LaunchContext {
    let Some(launch) = &asked.launch else {
        return LaunchContext::default();
    };
    if wishes.contains(&Wish::Launch) {
        return launch.context.clone();
    }
    let wants_encounter = wishes.contains(&Wish::LaunchEncounter);
    LaunchContext {
        encounter: launch.context.encounter.clone().filter(|_| wants_encounter),
        ..LaunchContext::default()
    }
}
