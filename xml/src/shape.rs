//! What fhirbolt's tables say of an element: whether it repeats, what it holds, where it stands.
//!
//! The tables are keyed by paths as text. They are read once into a table by type, so that each
//! element costs one look-up.

use std::{collections::HashMap, sync::LazyLock};

use fhirbolt_shared::{element_map::r4::ELEMENT_MAP, type_hints::r4::TYPE_HINTS};

/// What an element holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// A primitive that JSON has as `true` or `false`.
    Boolean,
    /// A primitive that JSON has as a number.
    Number,
    /// Any other primitive.
    Text,
    /// The `div` of a narrative.
    Xhtml,
    /// Elements of its own, of this type.
    Complex(&'static str),
    /// A resource.
    Resource,
}

/// An element of a type.
#[derive(Debug, Clone, Copy)]
pub struct Shape {
    /// The place among the elements of its type.
    pub order: usize,
    /// Whether it is a list in JSON.
    pub list: bool,
    /// What it holds.
    pub form: Form,
}

/// The elements of a type by name; a choice has a name for each of its types.
pub type Shapes = HashMap<&'static str, Shape>;

static SHAPES: LazyLock<HashMap<&'static str, Shapes>> = LazyLock::new(|| {
    ELEMENT_MAP
        .entries()
        .map(|(owner, names)| {
            let shapes = names
                .iter()
                .enumerate()
                .map(|(order, name)| (*name, shape(owner, name, order)))
                .collect();
            (*owner, shapes)
        })
        .collect()
});

/// The elements of the type of this name: `Patient`, `Patient.contact`, `HumanName`.
pub fn shapes(owner: &str) -> Option<&'static Shapes> {
    SHAPES.get(owner)
}

fn shape(owner: &'static str, name: &'static str, order: usize) -> Shape {
    let whole = !owner.contains('.');
    let path = format!("{owner}.{name}");
    let path = TYPE_HINTS
        .content_reference_paths
        .get_entry(path.as_str())
        .map_or(path.as_str(), |(_, target)| *target);
    let original = format!("{owner}.{name}");
    let (list, form) = match name {
        "extension" | "modifierExtension" => (true, Form::Complex("Extension")),
        // What every resource has stands in no table.
        "contained" if is_resource(owner) => (true, Form::Resource),
        "meta" if is_resource(owner) => (false, Form::Complex("Meta")),
        "text" if is_resource(owner) => (false, Form::Complex("Narrative")),
        "implicitRules" | "language" if is_resource(owner) => (false, Form::Text),
        "id" => (false, Form::Text),
        "div" if owner == "Narrative" && whole => (false, Form::Xhtml),
        _ => (
            TYPE_HINTS.array_paths.contains(original.as_str()),
            form(path, &original),
        ),
    };
    Shape { order, list, form }
}

/// Whether the type has what only resources have.
fn is_resource(owner: &str) -> bool {
    ELEMENT_MAP
        .get(owner)
        .is_some_and(|names| names.contains("implicitRules"))
}

fn form(target: &str, original: &str) -> Form {
    let hints = &TYPE_HINTS;
    if hints.boolean_paths.contains(original) {
        return Form::Boolean;
    }
    let numbers = [
        &hints.integer_paths,
        &hints.positive_integer_paths,
        &hints.unsigned_integer_paths,
        &hints.decimal_paths,
    ];
    if numbers.iter().any(|paths| paths.contains(original)) {
        return Form::Number;
    }
    if hints.all_primitives_paths.contains(original) {
        return Form::Text;
    }
    match hints.type_paths.get(original) {
        Some(&"Resource") => Form::Resource,
        Some(kind) => Form::Complex(kind),
        None => ELEMENT_MAP
            .get_entry(target)
            .map_or(Form::Text, |(path, _)| Form::Complex(path)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(owner: &str, name: &str) -> (bool, Form) {
        let shape = shapes(owner).unwrap()[name];
        (shape.list, shape.form)
    }

    #[test]
    fn the_tables_are_read_as_they_are_meant() {
        for (owner, name, list, form) in [
            ("Patient", "name", true, Form::Complex("HumanName")),
            ("Patient", "active", false, Form::Boolean),
            ("Patient", "text", false, Form::Complex("Narrative")),
            ("Patient", "contained", true, Form::Resource),
            ("Patient", "contact", true, Form::Complex("Patient.contact")),
            ("Patient", "multipleBirthInteger", false, Form::Number),
            ("HumanName", "given", true, Form::Text),
            ("HumanName", "text", false, Form::Text),
            ("Narrative", "div", false, Form::Xhtml),
            ("Quantity", "value", false, Form::Number),
            ("Bundle.entry", "resource", false, Form::Resource),
            ("Bundle.entry", "link", true, Form::Complex("Bundle.link")),
            (
                "Questionnaire.item",
                "item",
                true,
                Form::Complex("Questionnaire.item"),
            ),
            (
                "ExampleScenario.instance",
                "resourceType",
                false,
                Form::Text,
            ),
        ] {
            assert_eq!(of(owner, name), (list, form), "{owner}.{name}");
        }
    }

    #[test]
    fn each_complex_element_leads_to_elements() {
        for (owner, shapes) in SHAPES.iter() {
            for (name, shape) in shapes {
                if let Form::Complex(kind) = shape.form {
                    assert!(super::shapes(kind).is_some(), "{owner}.{name}: {kind}");
                }
            }
        }
    }
}
