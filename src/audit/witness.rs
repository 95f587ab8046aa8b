//! What the server does with people's data beside its answers: it is told by the store's port.

use super::{
    event::{Event, Outcome},
    log::Log,
    record::{Agent, Record},
};
use crate::{
    kernel::problem::Result,
    store::witness::{Act, Deed, Witness},
};

impl Witness for Log {
    fn ready(&self) -> Result<()> {
        Self::ready(self)
    }

    fn saw(&self, deed: Deed) {
        let event = match deed.act {
            Act::Erased => Event::Erasure,
            Act::Sent => Event::Message,
            Act::Listed(operation) => Event::Operation(operation.into()),
            Act::TakenIn => Event::Operation("$import".into()),
        };
        let mut record = Record::begun(self.now(), event);
        record.agent = Agent::by(&deed.actor);
        record.outcome = if deed.is_done {
            Outcome::Success
        } else {
            Outcome::Refused
        };
        record.patients = deed.patients;
        if let Some((kind, id)) = deed.entity {
            record.kind = Some(kind);
            record.id = Some(id);
        }
        record.tell(&deed.detail);
        self.add(record);
    }
}
