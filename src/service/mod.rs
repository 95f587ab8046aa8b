//! What makes Vigie a service on top of a FHIR server: two tables, of who sees each change in its
//! transaction, and of who does which jobs.
//!
//! To add one: write it in the layer where it belongs and list it here. The order of reactors is
//! the order in which they see a change.

mod reindex;

use std::sync::Arc;

use crate::{
    alerts, care, erasure, intake, library, notify, pathways, publishing, queue::Handler,
    store::Reactor,
};

/// Who sees each change in its transaction.
///
/// An answer first settles its report and then is judged, so that alerts stand beside what they
/// are about; the end of a follow-up comes last.
#[must_use]
pub fn reactors() -> Vec<Arc<dyn Reactor>> {
    vec![
        Arc::new(pathways::answer::AnswerReactor),
        Arc::new(alerts::answer::JudgeReactor::default()),
        Arc::new(alerts::silence::SilenceReactor::default()),
        Arc::new(alerts::handled::HandledReactor),
        Arc::new(alerts::triage::TriageReactor),
        Arc::new(alerts::handover::HandoverReactor),
        Arc::new(notify::NoticesReactor),
        Arc::new(alerts::technical::DeliveryReactor),
        Arc::new(pathways::course::CourseReactor),
        Arc::new(alerts::inbound::InboundReactor),
        Arc::new(pathways::report::call::CallReactor),
        Arc::new(pathways::closing::ClosingReactor),
        Arc::new(erasure::RetentionReactor),
        Arc::new(publishing::reactor::PublishReactor),
        Arc::new(library::ParameterReactor),
    ]
}

/// Who does which jobs; `sender` is the one that meets the world outside.
#[must_use]
pub fn handlers(sender: notify::Sender) -> Vec<Arc<dyn Handler>> {
    vec![
        Arc::new(pathways::report::ReportHandler),
        Arc::new(alerts::escalation::EscalationHandler),
        Arc::new(alerts::snooze::SnoozeHandler),
        Arc::new(care::consent::ConsentHandler),
        Arc::new(notify::DigestHandler),
        Arc::new(sender),
        Arc::new(intake::import::ImportHandler),
        Arc::new(reindex::ReindexHandler),
    ]
}
