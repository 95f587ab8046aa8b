//! Rules that belong to one type, wherever it stands.

use super::{Judge, node::Node};

impl<'a> Judge<'a> {
    /// What a type asks that no definition states as an invariant.
    pub(super) fn special(&mut self, node: &Node<'a, '_>) {
        match node.kind {
            "Coding" | "Quantity" | "Age" | "Count" | "Duration" | "Distance" => self.coding(node),
            "Attachment" => self.attachment(node),
            "Identifier" => self.identifier(node),
            "xhtml" => self.narrative(node),
            "uri" | "url" | "canonical" => self.uri(node),
            _ => {}
        }
    }
}
