//! What an auditor asks the record: the parameters of a search for AuditEvents, and its page.
//!
//! Whoever is named in clear is turned into a pseudonym, so that the record is found by names that it
//! does not hold. A parameter that is not known is refused, whatever the client prefers: a page of
//! more than was asked for would mislead whoever looks for an abuse.
//!
//! Specification: <http://hl7.org/fhir/R4/auditevent.html#search>, <http://hl7.org/fhir/R4/search.html>.

use serde_json::{Value, json};

use super::{
    event::Event,
    log::Log,
    record::pseudonym,
    resource::{CLIENT, ID_PREFIX, PSEUDONYM, audit_event},
    whose::Whose,
};
use crate::{
    erasure::{Seal, ledger::unhex},
    fhir::date,
    kernel::problem::{Problem, Result},
    store::{AuditQuery, AuditRow, Pseudonym},
};

/// Most values of one parameter.
const VALUES_MAX: usize = 100;

/// How many AuditEvents a page has.
#[derive(Debug, Clone, Copy)]
pub struct PageSize {
    /// Where the client does not say.
    pub default: u32,
    /// Whatever the client says.
    pub max: u32,
}

/// A search that has been read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    query: AuditQuery,
    /// The parameters, page apart, for the links.
    applied: Vec<(String, String)>,
    is_total_wanted: bool,
}

/// Reads the parameters of a search.
///
/// # Errors
/// `Malformed`, for a parameter that is not known, or a value that is none.
pub fn read(pairs: &[(String, String)], seal: &Seal, size: PageSize) -> Result<Asked> {
    let mut asked = Asked {
        query: AuditQuery {
            limit: size.default,
            ..AuditQuery::default()
        },
        applied: Vec::new(),
        is_total_wanted: false,
    };
    for (key, value) in pairs {
        asked.take((key, value), seal, size)?;
        if key != "_cursor" {
            asked.applied.push((key.clone(), value.clone()));
        }
    }
    Ok(asked)
}

impl Asked {
    fn take(&mut self, (key, value): (&str, &str), seal: &Seal, size: PageSize) -> Result<()> {
        let query = &mut self.query;
        let refused = || refused(key);
        match key {
            "date" | "_lastUpdated" => instants(query, value).ok_or_else(refused),
            "_id" => set(&mut query.rows, values(value)?.map(row)).ok_or_else(refused),
            "patient" | "patient:identifier" => {
                let is_name = key == "patient";
                let names =
                    values(value)?.map(|text| name(text, is_name.then_some("Patient"), seal));
                set(&mut query.patients, names).ok_or_else(refused)
            }
            "entity" | "entity:identifier" | "agent" => {
                let is_name = key != "entity:identifier";
                let names = values(value)?.map(|text| name(text, is_name.then_some(""), seal));
                let into = match key {
                    "agent" => &mut query.agents,
                    _ => &mut query.entities,
                };
                set(into, names).ok_or_else(refused)
            }
            "agent:identifier" => agents(query, value, seal),
            "altid" => set(&mut query.sessions, values(value)?.map(text)).ok_or_else(refused),
            "action" => set(&mut query.actions, values(value)?.map(code)).ok_or_else(refused),
            "subtype" => set(&mut query.events, values(value)?.map(code)).ok_or_else(refused),
            "outcome" => {
                let codes = values(value)?.map(|text| code(text)?.parse().ok());
                set(&mut query.outcomes, codes).ok_or_else(refused)
            }
            "type" => types(query, value).ok_or_else(refused),
            _ => self.turn((key, value), size),
        }
    }

    /// What concerns the page and not what is on it.
    fn turn(&mut self, (key, value): (&str, &str), size: PageSize) -> Result<()> {
        let query = &mut self.query;
        let refused = || refused(key);
        match key {
            "_count" => {
                let count: u32 = value.parse().map_err(|_| refused())?;
                query.limit = count.min(size.max);
                Ok(())
            }
            "_summary" if value == "count" => {
                query.limit = 0;
                Ok(())
            }
            "_sort" => match value {
                "date" | "_lastUpdated" => {
                    query.ascending = true;
                    Ok(())
                }
                "-date" | "-_lastUpdated" => Ok(()),
                _ => Err(refused()),
            },
            "_total" => {
                self.is_total_wanted = value == "accurate" || value == "estimate";
                Ok(())
            }
            "_cursor" => {
                query.after = Some(cursor(value).ok_or_else(refused)?);
                Ok(())
            }
            _ => Err(Problem::malformed(
                "not-supported",
                format!(
                    "The record of accesses is not searched by '{}', but by _id, date, agent, \
                     agent:identifier, altid, patient, entity, action, type, subtype, outcome, \
                     _lastUpdated, _count, _sort and _total.",
                    key.chars().take(64).collect::<String>()
                ),
            )),
        }
    }
}

fn refused(key: &str) -> Problem {
    Problem::malformed(
        "value",
        format!("'{key}' has no such value, or is given twice."),
    )
}

fn values(text: &str) -> Result<impl Iterator<Item = &str>> {
    if text.split(',').count() > VALUES_MAX {
        return Err(Problem::malformed("too-costly", "Too many values."));
    }
    Ok(text.split(','))
}

/// Sets a condition, which may be set once.
fn set<T>(into: &mut Option<Vec<T>>, values: impl Iterator<Item = Option<T>>) -> Option<()> {
    if into.is_some() {
        return None;
    }
    *into = Some(values.collect::<Option<_>>()?);
    Some(())
}

fn text(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

/// The code of `system|code`; its system is implied.
fn code(value: &str) -> Option<String> {
    text(value.rsplit('|').next().unwrap_or_default())
}

/// The number of a row.
fn row(id: &str) -> Option<u64> {
    // Another id is nobody's: no row has the number 0.
    let number = id
        .strip_prefix(ID_PREFIX)
        .map_or(Some(0), |digits| digits.parse().ok());
    number.or(Some(0))
}

/// The pseudonym of `Type/id`, of an id of the type, or the one that is given.
fn name(value: &str, kind: Option<&str>, seal: &Seal) -> Option<Pseudonym> {
    let Some(kind) = kind else {
        let digits = value.strip_prefix(PSEUDONYM).map_or(value, |rest| rest);
        return unhex(digits.trim_start_matches('|'))?.try_into().ok();
    };
    // An absolute reference ends in the same.
    let mut parts = value.rsplit('/');
    let id = parts.next().filter(|id| !id.is_empty())?;
    let reference = match parts.next() {
        Some(kind) => format!("{kind}/{id}"),
        None if kind.is_empty() => return None,
        None => format!("{kind}/{id}"),
    };
    pseudonym(seal, &reference).ok()
}

/// People by their pseudonyms, or clients by their ids.
fn agents(query: &mut AuditQuery, value: &str, seal: &Seal) -> Result<()> {
    let refused = || refused("agent:identifier");
    let prefix = format!("{CLIENT}|");
    if value.starts_with(&prefix) {
        let clients = values(value)?.map(|each| text(each.strip_prefix(&prefix)?));
        return set(&mut query.clients, clients).ok_or_else(refused);
    }
    let names = values(value)?.map(|each| name(each, None, seal));
    set(&mut query.agents, names).ok_or_else(refused)
}

/// `rest`, or the codes of DICOM for what is not.
fn types(query: &mut AuditQuery, value: &str) -> Option<()> {
    let service = Event::codes_of_service().map(|code| Some(code.to_owned()));
    if code(value)? == "rest" {
        return set(&mut query.other_than, service);
    }
    let wanted = code(value)?;
    let events = service
        .flatten()
        .filter(|event| super::resource::type_of(event) == wanted);
    set(&mut query.events, events.map(Some))
}

/// Narrows to the instants that a date with its prefix means.
fn instants(query: &mut AuditQuery, value: &str) -> Option<()> {
    let (prefix, rest) = match value.get(..2) {
        Some(prefix @ ("eq" | "ge" | "gt" | "le" | "lt" | "sa" | "eb")) => (prefix, &value[2..]),
        _ => ("eq", value),
    };
    let span = date::span(rest)?;
    let (begin, end) = (span.start, span.end.saturating_add(1));
    let (from, until) = match prefix {
        "ge" => (Some(begin), None),
        "gt" | "sa" => (Some(end), None),
        "le" => (None, Some(end)),
        "lt" | "eb" => (None, Some(begin)),
        _ => (Some(begin), Some(end)),
    };
    if let Some(from) = from {
        query.from = Some(query.from.map_or(from, |known| known.max(from)));
    }
    if let Some(until) = until {
        query.until = Some(query.until.map_or(until, |known| known.min(until)));
    }
    Some(())
}

fn cursor(text: &str) -> Option<(i64, u64)> {
    let (at, seq) = text.split_once('.')?;
    Some((at.parse().ok()?, seq.parse().ok()?))
}

/// The page of a search, as a Bundle.
///
/// # Errors
/// `Fault`, if the record cannot be read; `Malformed`, if too many rows of others lie between.
pub fn page(log: &Log, whose: &Whose, asked: &Asked, base: &str) -> Result<Value> {
    let is_counted = asked.is_total_wanted || asked.query.limit == 0;
    let total = is_counted
        .then(|| whose.count(log, &asked.query))
        .transpose()?;
    // One more than is shown tells whether there is a next page.
    let limit = asked.query.limit as usize;
    let mut rows = if limit == 0 {
        Vec::new()
    } else {
        let query = AuditQuery {
            limit: asked.query.limit.saturating_add(1),
            ..asked.query.clone()
        };
        whose.search(log, &query)?
    };
    let has_more = rows.len() > limit;
    rows.truncate(limit);
    let mut links = vec![link(base, &asked.applied, "self", asked.query.after)];
    if let (true, Some(last)) = (has_more, rows.last()) {
        let next = Some((last.at, last.seq));
        links.push(link(base, &asked.applied, "next", next));
    }
    let mut bundle = json!({ "resourceType": "Bundle", "type": "searchset" });
    if let Some(total) = total {
        bundle["total"] = total.into();
    }
    bundle["link"] = links.into();
    if !rows.is_empty() {
        let entries = rows.iter().map(|row| {
            json!({
                "fullUrl": format!("{base}/AuditEvent/{ID_PREFIX}{}", row.seq),
                "resource": audit_event(row, base),
                "search": { "mode": "match" },
            })
        });
        bundle["entry"] = entries.collect();
    }
    Ok(bundle)
}

fn link(
    base: &str,
    applied: &[(String, String)],
    relation: &str,
    after: Option<(i64, u64)>,
) -> Value {
    let mut parameters = form_urlencoded::Serializer::new(String::new());
    parameters.extend_pairs(applied);
    if let Some((at, seq)) = after {
        parameters.append_pair("_cursor", &format!("{at}.{seq}"));
    }
    let parameters = parameters.finish();
    let separator = if parameters.is_empty() { "" } else { "?" };
    let url = format!("{base}/AuditEvent{separator}{parameters}");
    json!({ "relation": relation, "url": url })
}

/// The row of an id.
///
/// # Errors
/// `Fault`, if the record cannot be read.
pub fn one(log: &Log, whose: &Whose, id: &str) -> Result<Option<AuditRow>> {
    let Some(number) = row(id).filter(|number| *number > 0) else {
        return Ok(None);
    };
    let query = AuditQuery {
        rows: Some(vec![number]),
        limit: 1,
        ..AuditQuery::default()
    };
    Ok(whose.search(log, &query)?.pop())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: PageSize = PageSize {
        default: 20,
        max: 100,
    };

    fn seal() -> Seal {
        Seal::of(&[1; 32]).unwrap()
    }

    fn ask(text: &str) -> Result<AuditQuery> {
        let pairs: Vec<(String, String)> = form_urlencoded::parse(text.as_bytes())
            .into_owned()
            .collect();
        read(&pairs, &seal(), SIZE).map(|asked| asked.query)
    }

    #[test]
    fn names_become_pseudonyms() {
        let patient = pseudonym(&seal(), "Patient/p").unwrap();
        let hex = crate::erasure::ledger::hex(&patient);
        for text in [
            "patient=p".to_owned(),
            "patient=Patient/p".to_owned(),
            "patient=https://x.example/fhir/Patient/p".to_owned(),
            format!("patient:identifier={hex}"),
            format!("patient:identifier={PSEUDONYM}|{hex}"),
        ] {
            assert_eq!(ask(&text).unwrap().patients, Some(vec![patient]), "{text}");
        }
        let both = ask("agent=Practitioner/1&entity=Patient/p,Task/2").unwrap();
        assert_eq!(both.agents.unwrap().len(), 1);
        assert_eq!(both.entities.unwrap()[0], patient);
        let client = ask(&format!("agent:identifier={CLIENT}|app")).unwrap();
        assert_eq!(client.clients, Some(vec!["app".to_owned()]));
    }

    #[test]
    fn dates_narrow_from_both_sides() {
        let day = ask("date=2020-05-20").unwrap();
        assert_eq!(day.until.unwrap() - day.from.unwrap(), 86_400_000);
        let both = ask("date=ge2020-05-20&date=lt2020-05-21").unwrap();
        assert_eq!((both.from, both.until), (day.from, day.until));
        let after = ask("date=gt2020-05-20").unwrap();
        assert_eq!((after.from, after.until), (day.until, None));
        let upto = ask("_lastUpdated=le2020-05-20").unwrap();
        assert_eq!((upto.from, upto.until), (None, day.until));
    }

    #[test]
    fn types_are_those_of_the_resources() {
        let rest = ask("type=rest").unwrap();
        assert!(rest.other_than.unwrap().contains(&"login".to_owned()));
        let login = ask("type=http://dicom.nema.org/resources/ontology/DCM|110114").unwrap();
        let events = login.events.unwrap();
        assert!(events.contains(&"login".to_owned()) && events.contains(&"logout".to_owned()));
        assert!(!events.contains(&"token-issued".to_owned()));
        let some = ask("subtype=http://hl7.org/fhir/restful-interaction|read&action=R&outcome=0,4");
        let some = some.unwrap();
        assert_eq!(some.events, Some(vec!["read".to_owned()]));
        assert_eq!(some.outcomes, Some(vec![0, 4]));
    }

    #[test]
    fn pages_have_their_bounds_and_order() {
        let query = ask("_count=5000&_sort=date&_cursor=12.3").unwrap();
        assert_eq!((query.limit, query.ascending), (100, true));
        assert_eq!(query.after, Some((12, 3)));
        assert_eq!(ask("_summary=count").unwrap().limit, 0);
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        let many = format!("patient={}", vec!["a"; VALUES_MAX + 1].join(","));
        for text in [
            "nonsense=1",
            "patient.name=x",
            "date=yesterday",
            "date=ne2020",
            "patient=",
            "agent=1",
            "patient=a&patient=b",
            "patient:identifier=xy",
            "outcome=bad",
            "_sort=agent",
            "_cursor=1",
            "_count=-1",
            &many,
        ] {
            assert!(ask(text).is_err(), "{text}");
        }
    }
}
