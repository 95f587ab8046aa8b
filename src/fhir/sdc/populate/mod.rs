//! A form filled from what is known already: a QuestionnaireResponse in progress.
//!
//! What is known is, in this order: the latest Observation of the item's code (where the form
//! links it), the item's initial expression, its initial values, its options selected at first.
//! The caller reads the resources and runs the queries that the form asks for ([`queries`]) with
//! its own permit; nothing is read here. An expression that fails leaves its item open and is a
//! warning.
//!
//! Specification: <http://hl7.org/fhir/uv/sdc/STU3/populate.html>.

mod convert;
mod query;
#[cfg(test)]
mod tests;

use jiff::Zoned;
use serde_json::{Value, json};

use self::convert::answer_of;
use super::{
    expression::{Asked, Engine, Named, variables},
    items, link_id, sdc,
    value::chosen,
};
use crate::{
    fhir::{
        canonical::{extension, extensions},
        date,
        path::{Collection, Item},
        terminology::Terminology,
    },
    kernel::problem::{Issue, Severity},
};

pub use self::query::{QUERIES_MAX, Wanted, queries};

const INITIAL_EXPRESSION: &str = sdc!("initialExpression");
const LAUNCH_CONTEXT: &str = sdc!("launchContext");
/// The collection that a group is repeated for; the second name is that of an earlier version.
const ITEM_CONTEXT: [&str; 2] = [sdc!("itemPopulationContext"), sdc!("itemContext")];

/// Most warnings of one form.
pub const ISSUES_MAX: usize = 200;

/// Most times that one group is repeated.
pub const REPETITIONS_MAX: usize = 500;

/// What a form is filled from.
#[derive(Debug, Clone, Copy)]
pub struct Known<'a> {
    /// The Questionnaire.
    pub form: &'a Value,
    /// Whom it is about: the text of a reference.
    pub subject: &'a str,
    /// Resources by the names that expressions have for them.
    pub launch: &'a [(String, Vec<Value>)],
    /// The time.
    pub now: &'a Zoned,
    /// Code systems and value sets.
    pub terminology: &'a Terminology,
}

/// The QuestionnaireResponse, and what could not be filled and why. `found` holds what came of
/// [`queries`]: the key of each, and its searchset.
#[must_use]
pub fn populate(known: &Known<'_>, found: &[(String, Value)]) -> (Value, Vec<Issue>) {
    let engine = Engine::of(known.form, Some(known.now), known.terminology).with_found(found);
    let mut response = json!({
        "resourceType": "QuestionnaireResponse",
        "status": "in-progress",
        "subject": { "reference": known.subject },
        "authored": date::instant(known.now.timestamp()),
    });
    if let Some(url) = known.form["url"].as_str() {
        let version = known.form["version"].as_str();
        response["questionnaire"] =
            version.map_or_else(|| json!(url), |version| json!(format!("{url}|{version}")));
    }
    let frame = response.clone();
    let mut filler = Filler {
        known,
        engine: &engine,
        response: &frame,
        issues: absent(known),
    };
    let base = named(known);
    let declared: Vec<Asked<'_>> = variables(known.form).collect();
    let focus = vec![Item::resource(&frame)];
    let filled = engine.with(&declared, (&frame, &focus), &base, &mut |named| {
        filler.fill(&known.form["item"], named)
    });
    if !filled.is_empty() {
        response["item"] = filled.into();
    }
    (response, filler.issues)
}

/// The names that expressions have from the start.
fn named<'a>(known: &Known<'a>) -> Vec<Named<'a>> {
    let launch = known.launch.iter().map(|(name, resources)| {
        let resources = resources.iter().map(Item::resource).collect();
        (name.as_str(), resources)
    });
    let form = ("questionnaire", vec![Item::resource(known.form)]);
    launch.chain([form]).collect()
}

/// What the form wants to be launched with and is not.
fn absent(known: &Known<'_>) -> Vec<Issue> {
    let wanted = extensions(known.form, LAUNCH_CONTEXT).filter_map(|one| {
        let name = extension(one, "name")?;
        name["code"].as_str().or(name.as_str())
    });
    let missing = wanted.filter(|name| !known.launch.iter().any(|(known, _)| known == name));
    missing
        .map(|name| {
            let shown: String = name.chars().take(64).collect();
            let says = format!("The form asks for the context `{shown}`, which is not given.");
            let mut issue = Issue::error("incomplete", says).at("Questionnaire.extension");
            issue.severity = Severity::Warning;
            issue
        })
        .take(ISSUES_MAX)
        .collect()
}

/// The walk over a form.
struct Filler<'a> {
    known: &'a Known<'a>,
    engine: &'a Engine<'a>,
    response: &'a Value,
    issues: Vec<Issue>,
}

impl Filler<'_> {
    fn warn(&mut self, item: &Value, says: &str) {
        if self.issues.len() < ISSUES_MAX {
            let link: String = link_id(item).chars().take(64).collect();
            let place = format!("Questionnaire.item.where(linkId = '{link}')");
            let mut issue = Issue::error("processing", says).at(place);
            issue.severity = Severity::Warning;
            self.issues.push(issue);
        }
    }

    /// The items of a list that have something to say.
    fn fill(&mut self, list: &Value, named: &[Named<'_>]) -> Vec<Value> {
        let mut filled = Vec::new();
        for item in items(list) {
            let declared: Vec<Asked<'_>> = variables(item).collect();
            let focus = vec![Item::resource(self.response)];
            let (engine, response) = (self.engine, self.response);
            let some = engine.with(&declared, (response, &focus), named, &mut |named| {
                if item["type"] == "group" {
                    self.group(item, named)
                } else {
                    self.question(item, named)
                }
            });
            filled.extend(some);
        }
        filled
    }

    /// A group, as often as its context says.
    fn group(&mut self, item: &Value, named: &[Named<'_>]) -> Vec<Value> {
        let context = ITEM_CONTEXT.iter().find_map(|url| Asked::of(item, url));
        let Some(context) = context else {
            let inner = self.fill(&item["item"], named);
            return wrapped(item, inner).into_iter().collect();
        };
        let engine = self.engine;
        let contexts = match evaluated(engine, self.response, &context, named) {
            Ok(contexts) => contexts,
            Err(why) => {
                self.warn(item, &format!("Its context cannot be found: {why}"));
                return Vec::new();
            }
        };
        let most = if item["repeats"] == true {
            REPETITIONS_MAX
        } else {
            1
        };
        if contexts.len() > most {
            self.warn(
                item,
                "There is more than the form takes; the first are taken.",
            );
        }
        let name = context.name.unwrap_or("context");
        let mut groups = Vec::new();
        for one in contexts.into_iter().take(most) {
            let mut more = named.to_vec();
            more.push((name, vec![one]));
            groups.extend(wrapped(item, self.fill(&item["item"], &more)));
        }
        groups
    }

    fn question(&mut self, item: &Value, named: &[Named<'_>]) -> Vec<Value> {
        if item["type"] == "display" {
            return Vec::new();
        }
        let mut answers = self.answers(item, named);
        if item["repeats"] != true {
            answers.truncate(1);
        }
        let inner = self.fill(&item["item"], named);
        if let (Some(first), false) = (answers.first_mut(), inner.is_empty()) {
            first["item"] = inner.into();
        }
        if answers.is_empty() {
            return Vec::new();
        }
        let mut filled = json!({ "linkId": link_id(item), "answer": answers });
        if let Some(text) = item["text"].as_str() {
            filled["text"] = text.into();
        }
        vec![filled]
    }

    /// The first of the sources that has something.
    fn answers(&mut self, item: &Value, named: &[Named<'_>]) -> Vec<Value> {
        if let Some(value) = self.observed(item) {
            return vec![value];
        }
        if let Some(asked) = Asked::of(item, INITIAL_EXPRESSION) {
            let engine = self.engine;
            match evaluated(engine, self.response, &asked, named) {
                Ok(found) => {
                    let given = self.converted(item, &found);
                    if !given.is_empty() {
                        return given;
                    }
                }
                Err(why) => self.warn(item, &format!("Its initial expression failed: {why}")),
            }
        }
        let initial: Vec<Value> = items(&item["initial"]).filter_map(copied).collect();
        if !initial.is_empty() {
            return initial;
        }
        let options = items(&item["answerOption"]);
        options
            .filter(|option| option["initialSelected"] == true)
            .filter_map(copied)
            .collect()
    }

    fn converted(&mut self, item: &Value, found: &Collection<'_>) -> Vec<Value> {
        let mut answers = Vec::new();
        for one in found {
            match answer_of(item, one, self.known) {
                Some(answer) => answers.push(answer),
                None => self.warn(item, "What was found is not of the type of the question."),
            }
        }
        answers
    }

    /// The value of the Observation that the form links.
    fn observed(&mut self, item: &Value) -> Option<Value> {
        let bundle = self.engine.found(&query::observation_key(item)?)?;
        let observation = &items(&bundle["entry"]).next()?["resource"];
        let (kind, value) = chosen(observation, "value")?;
        let answer = answer_of(
            item,
            &Item::typed(value, &convert::fhir_name(kind)),
            self.known,
        );
        if answer.is_none() {
            self.warn(
                item,
                "The Observation's value is not of the type of the question.",
            );
        }
        answer
    }
}

/// What an expression finds: its own collection, or the resources of its searchset.
fn evaluated<'b>(
    engine: &'b Engine<'_>,
    response: &'b Value,
    asked: &Asked<'_>,
    named: &'b [Named<'b>],
) -> Result<Collection<'b>, String> {
    if asked.is_query {
        let bundle = engine.found(asked.text).ok_or("the query was not run")?;
        let entries = items(&bundle["entry"]);
        return Ok(entries
            .map(|entry| Item::resource(&entry["resource"]))
            .collect());
    }
    engine.evaluate(
        asked.text,
        (response, vec![Item::resource(response)]),
        named,
    )
}

/// A group around its items; none around nothing.
fn wrapped(item: &Value, inner: Vec<Value>) -> Option<Value> {
    if inner.is_empty() {
        return None;
    }
    let mut group = json!({ "linkId": link_id(item), "item": inner });
    if let Some(text) = item["text"].as_str() {
        group["text"] = text.into();
    }
    Some(group)
}

/// A value of the form as an answer.
fn copied(of: &Value) -> Option<Value> {
    let (kind, value) = chosen(of, "value")?;
    Some(json!({ format!("value{kind}"): value }))
}
