//! Slices: occurrences are told apart by discriminators, and each slice judges its own.
//!
//! Specification: <http://hl7.org/fhir/R4/profiling.html#slicing>.

mod discriminator;

use super::{
    super::super::profile::model::{Element, Rules, Slicing},
    Judge,
    node::{Node, Occurrence},
};

impl<'a> Judge<'a> {
    /// Judges the occurrences of a sliced element.
    pub(super) fn slices(
        &mut self,
        parent: &Node<'a, '_>,
        element: &Element,
        found: &[Occurrence<'a>],
    ) {
        let Some(slicing) = &element.slicing else {
            return;
        };
        if slicing.discriminators.is_empty()
            || (element.slices.is_empty() && slicing.rules != Rules::Closed)
        {
            return;
        }
        let mut assigned: Vec<Option<usize>> = Vec::with_capacity(found.len());
        let mut counts = vec![0_usize; element.slices.len()];
        for occurrence in found {
            let slots = self.with(parent, occurrence, |judge, node| {
                judge.slots(node, element, slicing)
            });
            for slot in &slots {
                if let (Some(count), Some(slice)) =
                    (counts.get_mut(*slot), element.slices.get(*slot))
                {
                    *count += 1;
                    self.with(parent, occurrence, |judge, node| judge.element(node, slice));
                }
            }
            assigned.push(slots.first().copied());
        }
        let place = parent.place.member(&element.name);
        for (slice, count) in element.slices.iter().zip(counts) {
            self.count(&place, slice, count);
        }
        self.arranged(parent, (element, slicing), &assigned);
    }

    /// The slices that an occurrence belongs to: one, and those of it that slice it again.
    fn slots(&mut self, node: &Node<'a, '_>, element: &Element, slicing: &Slicing) -> Vec<usize> {
        let mut slots = Vec::new();
        let mut outer: Option<&str> = None;
        for (n, slice) in element.slices.iter().enumerate() {
            let name = slice.slice.as_deref().unwrap_or_default();
            let wanted = match outer {
                None => true,
                Some(outer) => name
                    .strip_prefix(outer)
                    .is_some_and(|rest| rest.starts_with('/')),
            };
            if wanted && self.fits(node, slice, slicing) {
                slots.push(n);
                outer = Some(name);
            }
        }
        slots
    }

    fn fits(&mut self, node: &Node<'a, '_>, slice: &Element, slicing: &Slicing) -> bool {
        slicing
            .discriminators
            .iter()
            .all(|each| self.discriminated(node, slice, each))
    }

    /// Whether nothing stands outside of the slices that may not, and all stand in order.
    fn arranged(
        &mut self,
        parent: &Node<'a, '_>,
        (element, slicing): (&Element, &Slicing),
        assigned: &[Option<usize>],
    ) {
        let place = parent.place.member(&element.name);
        let mut highest = 0;
        let mut outside = false;
        for (n, slot) in assigned.iter().enumerate() {
            let place = place.item(n);
            match slot {
                None if slicing.rules == Rules::Closed => {
                    let words = format!(
                        "This `{}` belongs to no slice, and no other may stand here.",
                        element.name
                    );
                    self.error(&place, "structure", words);
                }
                None => outside = true,
                Some(_) if outside && slicing.rules == Rules::OpenAtEnd => {
                    let words = "What belongs to no slice may stand at the end only.";
                    self.error(&place, "structure", words);
                }
                Some(slot) if slicing.ordered && *slot < highest => {
                    self.error(&place, "structure", "The slices are out of order.");
                }
                Some(slot) => highest = (*slot).max(highest),
            }
        }
    }
}
