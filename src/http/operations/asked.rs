//! Parameters as the operations about figures and lists take them: in the query, or in a
//! Parameters resource.

use jiff::civil::Date;
use serde_json::Value;

use super::{Invocation, State};
use crate::{
    fhir::{date, definitions::ResourceType, permit::Permit, reference},
    figures::{
        line_list::{Form, Selection},
        table::Style,
        tally::Days,
    },
    kernel::problem::{Category, Problem, Result},
};

/// What an operation is asked.
pub(super) struct Asked {
    parameters: Vec<(String, String)>,
}

impl Asked {
    /// From the query and the body.
    pub fn read(invocation: &Invocation) -> Self {
        let mut parameters = invocation.query.clone();
        let tree = invocation.resource.as_ref().map(|resource| resource.tree());
        let parts = tree.and_then(|tree| tree["parameter"].as_array());
        for part in parts.into_iter().flatten() {
            if let (Some(name), Some(text)) = (part["name"].as_str(), text_of(part)) {
                parameters.push((name.to_owned(), text));
            }
        }
        Self { parameters }
    }

    /// The first value of a parameter.
    pub fn text(&self, name: &str) -> Option<&str> {
        let mut all = self.parameters.iter();
        let (_, text) = all.find(|(known, text)| known == name && !text.is_empty())?;
        Some(text)
    }

    /// A refusal of a parameter.
    #[expect(clippy::unused_self, reason = "it is a refusal of what was asked")]
    pub fn wrong(&self, name: &str, wanted: &str) -> Problem {
        let says = format!("The parameter `{name}` must be {wanted}.");
        Problem::new(Category::Malformed, "value", says)
            .at(format!("Parameters.parameter.where(name='{name}')"))
    }

    /// `periodStart` and `periodEnd`, as whole days; open where they are absent.
    pub fn days(&self) -> Result<Days> {
        let days = Days {
            first: self.day("periodStart", false)?.unwrap_or(Date::MIN),
            last: self.day("periodEnd", true)?.unwrap_or(Date::MAX),
        };
        if days.first > days.last {
            return Err(self.wrong("periodEnd", "no earlier than `periodStart`"));
        }
        Ok(days)
    }

    /// The first day of a date, or the last: a month is all of its days.
    fn day(&self, name: &str, last: bool) -> Result<Option<Date>> {
        let Some(text) = self.text(name) else {
            return Ok(None);
        };
        let wrong = || {
            self.wrong(
                name,
                "a date such as 2020-05-11, or a month such as 2020-05",
            )
        };
        let span = date::span(text).ok_or_else(wrong)?;
        let whole = text.get(..10).map(|day| day.parse().map_err(|_| wrong()));
        if let Some(day) = whole {
            return day.map(Some);
        }
        let at = if last { span.end } else { span.start };
        let at = jiff::Timestamp::from_millisecond(at).map_err(|_| wrong())?;
        Ok(Some(at.to_zoned(jiff::tz::TimeZone::UTC).date()))
    }

    /// The URL of the pathway that `planDefinition` names by id or canonical.
    pub async fn pathway(&self, state: &State, permit: &Permit) -> Result<Option<String>> {
        let Some(text) = self.text("planDefinition") else {
            return Ok(None);
        };
        let id = text.strip_prefix("PlanDefinition/").unwrap_or(text);
        if !reference::is_id(id) {
            return Ok(text.split('|').next().map(str::to_owned));
        }
        let wrong = || self.wrong("planDefinition", "a PlanDefinition that is there");
        let kind = ResourceType::named("PlanDefinition").ok_or_else(wrong)?;
        let found = state.context.store.read(permit, kind, id).await?;
        let tree = found.ok_or_else(wrong)?.tree()?;
        let url = tree["url"].as_str().ok_or_else(wrong)?;
        Ok(Some(url.to_owned()))
    }

    /// `organization`, as a reference.
    pub fn establishment(&self) -> Result<Option<String>> {
        let Some(text) = self.text("organization") else {
            return Ok(None);
        };
        let id = text.strip_prefix("Organization/").unwrap_or(text);
        if reference::is_id(id) {
            Ok(Some(format!("Organization/{id}")))
        } else {
            Err(self.wrong("organization", "a reference to an Organization"))
        }
    }

    /// Which follow-ups are listed.
    pub async fn selection(&self, state: &State, permit: &Permit) -> Result<Selection> {
        let statuses = self.parameters.iter().filter(|(name, _)| name == "status");
        let statuses: Vec<String> = statuses
            .flat_map(|(_, text)| text.split(','))
            .map(str::to_owned)
            .collect();
        const STATUSES: [&str; 6] = [
            "draft",
            "active",
            "on-hold",
            "revoked",
            "completed",
            "entered-in-error",
        ];
        if !statuses.iter().all(|one| STATUSES.contains(&one.as_str())) {
            return Err(self.wrong("status", "statuses of CarePlans"));
        }
        Ok(Selection {
            pathway: self.pathway(state, permit).await?,
            establishment: self.establishment()?,
            statuses,
            days: self.days()?,
        })
    }

    /// How a table is written: `bom`, `separator`, `language`.
    pub fn form(&self) -> Result<Form> {
        let mark = match self.text("bom") {
            None | Some("false") => false,
            Some("true") => true,
            Some(_) => return Err(self.wrong("bom", "true or false")),
        };
        let semicolon = match self.text("separator") {
            None | Some("," | "comma") => false,
            Some(";" | "semicolon") => true,
            Some(_) => return Err(self.wrong("separator", "`,` or `;`")),
        };
        let french = match self.text("language") {
            None | Some("en") => false,
            Some("fr") => true,
            Some(_) => return Err(self.wrong("language", "fr or en")),
        };
        let style = Style { mark, semicolon };
        Ok(Form { style, french })
    }
}

fn text_of(part: &Value) -> Option<String> {
    let mut members = part.as_object()?.iter();
    let (_, value) = members.find(|(member, _)| member.starts_with("value"))?;
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(_) | Value::Number(_) => Some(value.to_string()),
        other => other["reference"].as_str().map(str::to_owned),
    }
}
