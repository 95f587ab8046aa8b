//! Resources made by the definitions of a form's items.
//!
//! A group (or the form) says which resource its items belong to; each item says which element of
//! it it is. A group that is an element of a list makes one more of them each time it is repeated.
//!
//! Specification: <http://hl7.org/fhir/uv/sdc/STU3/extraction.html#definition-based-extraction>.

use serde_json::Value;

use super::{
    super::{
        expression::{Engine, Named, written},
        items, link_id, sdc,
        value::chosen,
    },
    Answered, Harvest,
    build::Building,
};
use crate::fhir::{
    canonical::{extension, extensions},
    definitions::{ResourceType, definitions},
    path::Item,
};

const CONTEXT: &str = sdc!("itemExtractionContext");
const EXTRACT: &str = sdc!("definitionExtract");
const VALUE: &str = sdc!("definitionExtractValue");

/// Makes the resources of an answer.
pub(super) fn extract(answered: &Answered<'_>, harvest: &mut Harvest) {
    let engine = Engine::of(answered.form, None, answered.terminology);
    let mut walk = Walk {
        answered,
        engine: &engine,
        harvest,
    };
    let mut root = walk.begin(answered.form, answered.answer);
    let (forms, given) = (&answered.form["item"], &answered.answer["item"]);
    walk.list(forms, given, root.as_mut());
    walk.finish(root);
}

/// A resource in the making, and under which condition it is created.
struct Open {
    building: Building,
    if_none_exist: Option<String>,
    is_set: bool,
}

struct Walk<'a, 'h> {
    answered: &'a Answered<'a>,
    engine: &'a Engine<'a>,
    harvest: &'h mut Harvest,
}

impl<'a> Walk<'a, '_> {
    /// The resource that an element begins, if it begins one.
    fn begin(&mut self, form: &'a Value, given: &'a Value) -> Option<Open> {
        let newer = extensions(form, EXTRACT).next();
        let named = match newer {
            Some(newer) => extension(newer, "definition")?.as_str(),
            None => {
                let context = extension(form, CONTEXT)?;
                context.as_str().or(context["expression"].as_str())
            }
        };
        let kind = named.and_then(|text| kind_of(self, text));
        let Some(kind) = kind else {
            self.harvest.warn(
                &place(form),
                "The context of extraction names no resource type.",
            );
            return None;
        };
        let condition = newer.and_then(|newer| extension(newer, "ifNoneExist"));
        let condition = condition.and_then(Value::as_str);
        let mut open = Open {
            building: Building::of(&kind),
            if_none_exist: condition.map(str::to_owned),
            is_set: false,
        };
        self.fixed(form, given, &mut open);
        Some(open)
    }

    fn finish(&mut self, open: Option<Open>) {
        if let Some(open) = open
            && open.is_set
        {
            self.harvest.add(open.building.resource, open.if_none_exist);
        }
    }

    fn list(&mut self, forms: &'a Value, given: &'a Value, mut open: Option<&mut Open>) {
        for item in items(given) {
            let Some(form) = items(forms).find(|form| link_id(form) == link_id(item)) else {
                continue;
            };
            let own = self.begin(form, item);
            if own.is_some() {
                let mut own = own;
                self.item(form, item, own.as_mut());
                self.finish(own);
            } else {
                self.item(form, item, open.as_deref_mut());
            }
        }
    }

    fn item(&mut self, form: &'a Value, item: &'a Value, mut open: Option<&mut Open>) {
        let path = form["definition"].as_str().and_then(|text| {
            let (_, path) = text.split_once('#')?;
            Some(path)
        });
        let is_group = form["type"] == "group";
        let entered = match (&mut open, path) {
            (Some(open), Some(path)) if is_group && path.contains('.') => {
                open.building.enter(path);
                true
            }
            _ => false,
        };
        if let Some(open) = &mut open {
            // What the context itself states has been set when it began.
            let begins =
                extension(form, CONTEXT).is_some() || extensions(form, EXTRACT).next().is_some();
            if !begins {
                self.fixed(form, item, open);
            }
        }
        for answer in items(&item["answer"]) {
            if let (Some(open), Some(path)) = (&mut open, path)
                && let Some((kind, value)) = chosen(answer, "value")
            {
                self.set(open, (path, kind, value), form);
                open.is_set = true;
            }
            self.list(&form["item"], &answer["item"], open.as_deref_mut());
        }
        self.list(&form["item"], &item["item"], open.as_deref_mut());
        if entered && let Some(open) = open {
            open.building.leave();
        }
    }

    fn set(&mut self, open: &mut Open, (path, kind, value): (&str, &str, &Value), form: &Value) {
        if let Err(why) = open.building.set(path, kind, value, form) {
            self.harvest.warn(&place(form), &why);
        }
    }

    /// The values that the form states beside its answers.
    fn fixed(&mut self, form: &'a Value, given: &'a Value, open: &mut Open) {
        for stated in extensions(form, VALUE) {
            let path = extension(stated, "definition").and_then(Value::as_str);
            let Some((_, path)) = path.and_then(|text| text.split_once('#')) else {
                self.harvest
                    .warn(&place(form), "A stated value names no element.");
                continue;
            };
            if let Some(value) =
                items(&stated["extension"]).find(|part| part["url"] == "fixed-value")
            {
                if let Some((kind, value)) = chosen(value, "value") {
                    self.set(open, (path, kind, value), form);
                }
                continue;
            }
            let expression = extension(stated, "expression");
            let text = expression.and_then(|one| one["expression"].as_str());
            match self.evaluated(text.unwrap_or_default(), given) {
                Ok(found) => {
                    for (kind, value) in found {
                        self.set(open, (path, &kind, &value), form);
                        open.is_set = true;
                    }
                }
                Err(why) => self.harvest.warn(&place(form), &why),
            }
        }
    }

    fn evaluated(&self, text: &str, given: &'a Value) -> Result<Vec<(String, Value)>, String> {
        let answer = self.answered.answer;
        let named: [Named<'_>; 1] = [("questionnaire", vec![Item::resource(self.answered.form)])];
        let focus = if given["resourceType"].is_string() {
            Item::resource(given)
        } else {
            Item::typed(given, "QuestionnaireResponse.item")
        };
        let found = self.engine.evaluate(text, (answer, vec![focus]), &named)?;
        Ok(found.iter().filter_map(written).collect())
    }
}

/// The resource type that a context names: by itself, before the `?` of a query, or at the end of
/// the canonical URL of a definition.
fn kind_of(walk: &Walk<'_, '_>, text: &str) -> Option<String> {
    let before = text.split(['?', '#', '|']).next()?;
    let last = before.rsplit('/').next()?;
    if let Some(kind) = ResourceType::named(last) {
        return Some(kind.name().to_owned());
    }
    // A profile: its type is that of the paths that the form names in it.
    let path = first_path(&walk.answered.form["item"], before)?;
    let kind = path.split('.').next()?;
    definitions().type_named(kind)?;
    ResourceType::named(kind).map(|kind| kind.name().to_owned())
}

fn first_path<'a>(list: &'a Value, url: &str) -> Option<&'a str> {
    items(list).find_map(|item| {
        let own = item["definition"].as_str().and_then(|text| {
            let (definition, path) = text.split_once('#')?;
            (definition == url).then_some(path)
        });
        own.or_else(|| first_path(&item["item"], url))
    })
}

fn place(form: &Value) -> String {
    if form["resourceType"].is_string() {
        return "Questionnaire".to_owned();
    }
    let link: String = link_id(form).chars().take(64).collect();
    format!("Questionnaire.item.where(linkId = '{link}')")
}
