//! By which ways a message can go, for whoever writes to people beside Communications.

use std::sync::Arc;

use jiff::Timestamp;

use super::Sender;
use crate::notify::{Channel, Language, Medium};

impl Sender {
    /// What carries messages by a medium, whom they are from, and the name that signs them.
    pub(in crate::notify) fn way(&self, medium: Medium) -> (&Arc<dyn Channel>, &str, &str) {
        match (medium, &self.sms) {
            (Medium::Sms, Some((channel, sms))) => (channel, &sms.from, &sms.organization),
            _ => {
                let settings = &self.settings;
                (&self.channel, &settings.from, &settings.organization)
            }
        }
    }

    /// The media that there are channels for.
    pub(in crate::notify) fn open_media(&self) -> Vec<Medium> {
        let is_open = |medium: &Medium| *medium == Medium::Email || self.sms.is_some();
        Medium::ALL.into_iter().filter(is_open).collect()
    }

    /// The language of who has none.
    pub(in crate::notify) const fn language(&self) -> Language {
        self.settings.language
    }

    pub(in crate::notify) fn now(&self) -> Timestamp {
        self.clock.now()
    }
}
