//! `ValueSet/$expand`: <http://hl7.org/fhir/R4/valueset-operation-expand.html>.
//!
//! Codes are nested only where that is asked (`excludeNested=false`) and all of them are given:
//! most clients fill a list.

use std::{borrow::Cow, collections::HashMap};

use serde_json::{Value, json};

use super::{
    answer::designation,
    asked::{Asked, absent},
};
use crate::{
    fhir::{
        search::text,
        terminology::{
            Terminology,
            code_system::Designation,
            expand::{Expansion, Item, Wanted},
            find::{Found, parts},
            shelf::Read as _,
            value_set::ValueSet,
        },
    },
    kernel::problem::{Category, Problem, Result},
};

/// Most codes of a value set that are worked out.
pub const EXPANSION_CODES_MAX: usize = 100_000;

/// Most codes of one answer.
pub const EXPANSION_PAGE_MAX: usize = 10_000;

/// When an expansion is made, and its name.
#[derive(Debug, Clone)]
pub struct Stamp {
    /// `ValueSet.expansion.identifier`.
    pub identifier: String,
    /// `ValueSet.expansion.timestamp`.
    pub timestamp: String,
}

/// Which part of an expansion is told.
struct Page {
    offset: Option<usize>,
    count: Option<usize>,
    nested: bool,
    /// Which designations: languages and uses; all where there are none.
    designations: Vec<String>,
}

/// All codes of a value set, or a page of them.
///
/// # Errors
/// If it is not asked as the specification wants, or the value set or what it is made of is not
/// loaded or too large.
pub fn expand(terminology: &Terminology, asked: &Asked, stamp: &Stamp) -> Result<Value> {
    asked.refuse(&["context", "contextDirection", "date"])?;
    let (set, tree) = named(terminology, asked)?;
    let wanted = wanted(asked)?;
    let page = page(asked)?;
    let mut expansion = terminology.expansion(&set, &wanted)?;
    check_versions(asked, &expansion)?;
    let excluded = asked.texts("exclude-system");
    let for_ui = asked.flag("excludeNotForUI")?.unwrap_or_default();
    expansion.items.retain(|item| {
        let is = |canonical: &str| {
            let (url, version) = parts(canonical);
            *item.system == *url && (version.is_none() || item.version.as_deref() == version)
        };
        let left_out = for_ui && item.not_selectable;
        !left_out && !excluded.iter().any(|canonical| is(canonical))
    });
    let written = write(terminology, &expansion, &page)?;
    let mut told = heading(&tree, asked.flag("includeDefinition")?.unwrap_or_default());
    told["expansion"] = written;
    told["expansion"]["identifier"] = stamp.identifier.as_str().into();
    told["expansion"]["timestamp"] = stamp.timestamp.as_str().into();
    let heeded = echoed(asked, &expansion);
    if let Some(members) = told["expansion"].as_object_mut() {
        if heeded.is_empty() {
            members.shift_remove("parameter");
        } else {
            members.insert("parameter".to_owned(), heeded.into());
        }
    }
    Ok(told)
}

/// The value set that is asked about: read, and as a resource.
pub(super) fn named<'a>(
    terminology: &'a Terminology,
    asked: &'a Asked,
) -> Result<(Found<'a>, Cow<'a, Value>)> {
    if let Some(tree) = asked.instance().or_else(|| asked.value("valueSet")) {
        if tree["resourceType"] != "ValueSet" {
            return Err(super::asked::wrong("valueSet", "a ValueSet"));
        }
        let read = Found::Implicit(Box::new(ValueSet::read(tree)));
        return Ok((read, Cow::Borrowed(tree)));
    }
    let url = asked
        .text("url")?
        .ok_or_else(|| absent(&["url", "valueSet"]))?;
    let canonical = match asked.text("valueSetVersion")? {
        Some(version) if !url.contains('|') => format!("{url}|{version}"),
        _ => url.to_owned(),
    };
    let found = terminology.value_set_and_tree(&canonical);
    let (set, tree) = found.map_err(|why| Problem::new(Category::NotFound, "not-found", why))?;
    let tree = tree.map_or_else(
        || json!({ "url": url, "status": "active" }),
        |tree| (*tree).clone(),
    );
    Ok((set, Cow::Owned(tree)))
}

fn wanted(asked: &Asked) -> Result<Wanted> {
    let words = asked.text("filter")?.unwrap_or_default();
    let designations = asked.flag("includeDesignations")?.unwrap_or_default();
    let canonicals = |name: &str| {
        let pinned = |canonical: &&str| {
            let (url, version) = parts(canonical);
            Some((url.to_owned(), version?.to_owned()))
        };
        asked.texts(name).iter().filter_map(pinned).collect()
    };
    Ok(Wanted {
        words: text::fold(words)
            .split(' ')
            .map(str::to_owned)
            .filter(|word| !word.is_empty())
            .collect(),
        active_only: asked.flag("activeOnly")?.unwrap_or_default(),
        designations: designations || asked.value("designation").is_some(),
        language: asked.text("displayLanguage")?.map(str::to_owned),
        most: EXPANSION_CODES_MAX,
        versions: canonicals("system-version"),
        forced: canonicals("force-system-version"),
    })
}

fn page(asked: &Asked) -> Result<Page> {
    let designations = asked.texts("designation").into_iter();
    Ok(Page {
        offset: asked.number("offset")?,
        count: asked.number("count")?,
        nested: asked.flag("excludeNested")? == Some(false),
        // `urn:ietf:bcp:47|fr`, or `system|code` of a use.
        designations: designations
            .map(|token| token.rsplit('|').next().unwrap_or(token).to_owned())
            .collect(),
    })
}

fn check_versions(asked: &Asked, expansion: &Expansion) -> Result<()> {
    for canonical in asked.texts("check-system-version") {
        let (url, version) = parts(canonical);
        let mut used = expansion.used.iter().map(|used| parts(used));
        if let Some((_, Some(other))) = used.find(|(used, has)| *used == url && *has != version) {
            let says = format!("The value set has codes of {url} in version {other}.");
            return Err(Problem::invalid("exception", says));
        }
    }
    Ok(())
}

fn write(terminology: &Terminology, expansion: &Expansion, page: &Page) -> Result<Value> {
    let total = expansion.items.len();
    let offset = page.offset.unwrap_or_default().min(total);
    let end = page
        .count
        .map_or(total, |count| offset.saturating_add(count).min(total));
    let told = expansion.items.get(offset..end).unwrap_or_default();
    if told.len() > EXPANSION_PAGE_MAX {
        let says = format!(
            "These are {} codes; one answer has {EXPANSION_PAGE_MAX} at most. Ask for pages \
             (`offset`, `count`), or for those with some words (`filter`).",
            told.len()
        );
        return Err(Problem::invalid("too-costly", says));
    }
    let mut written = json!({ "identifier": null, "timestamp": null, "total": total });
    if page.offset.is_some() || page.count.is_some() {
        written["offset"] = offset.into();
    }
    written["parameter"] = Value::Null;
    let whole = told.len() == total;
    let contains: Vec<Value> = if page.nested && whole {
        nested(terminology, told, page)
    } else {
        told.iter().map(|item| contained(item, page)).collect()
    };
    if !contains.is_empty() {
        written["contains"] = contains.into();
    }
    Ok(written)
}

/// Each code below the nearest that stands above it and is one of them.
fn nested(terminology: &Terminology, items: &[Item], page: &Page) -> Vec<Value> {
    let places: HashMap<(&str, &str), usize> = items
        .iter()
        .enumerate()
        .map(|(at, item)| ((&*item.system, &*item.code), at))
        .collect();
    let parent = |item: &Item| {
        let system = terminology
            .code_system(&item.system, item.version.as_deref())
            .ok()?;
        let above = system.reach(system.place(&item.code)?, |concept| &concept.parents);
        let mut codes = above.iter().skip(1).map(|at| &*system.concepts[*at].code);
        codes.find_map(|code| places.get(&(&*item.system, code)).copied())
    };
    let mut below: HashMap<Option<usize>, Vec<usize>> = HashMap::new();
    for (at, item) in items.iter().enumerate() {
        below.entry(parent(item)).or_default().push(at);
    }
    branch(&below, None, &|at| contained(&items[at], page))
}

/// As deep as the code system, which the reader of JSON has bounded.
fn branch(
    below: &HashMap<Option<usize>, Vec<usize>>,
    parent: Option<usize>,
    write: &dyn Fn(usize) -> Value,
) -> Vec<Value> {
    let here = below.get(&parent).into_iter().flatten();
    here.map(|at| {
        let mut written = write(*at);
        let inner = branch(below, Some(*at), write);
        if !inner.is_empty() {
            written["contains"] = inner.into();
        }
        written
    })
    .collect()
}

fn contained(item: &Item, page: &Page) -> Value {
    let mut written = json!({ "system": &*item.system });
    if let Some(version) = &item.version {
        written["version"] = (**version).into();
    }
    for (name, is) in [
        ("abstract", item.not_selectable),
        ("inactive", item.inactive),
    ] {
        if is {
            written[name] = true.into();
        }
    }
    written["code"] = (*item.code).into();
    if let Some(display) = &item.display {
        written["display"] = (**display).into();
    }
    let asked = |each: &&Designation| {
        let usage = each.usage.as_ref().and_then(|usage| usage["code"].as_str());
        let mut wanted = page.designations.iter();
        page.designations.is_empty()
            || wanted.any(|one| each.language.as_deref() == Some(one) || usage == Some(one))
    };
    let designations: Vec<Value> = item
        .designations
        .iter()
        .filter(asked)
        .map(designation)
        .collect();
    if !designations.is_empty() {
        written["designation"] = designations.into();
    }
    written
}

/// What stands before the expansion.
fn heading(tree: &Value, definition: bool) -> Value {
    const NAMES: [&str; 8] = [
        "id",
        "url",
        "identifier",
        "version",
        "name",
        "title",
        "status",
        "experimental",
    ];
    let mut told = json!({ "resourceType": "ValueSet" });
    for name in NAMES {
        if let Some(value) = tree.get(name) {
            told[name] = value.clone();
        }
    }
    if told.get("status").is_none() {
        told["status"] = "unknown".into();
    }
    if let Some(compose) = tree.get("compose").filter(|_| definition) {
        told["compose"] = compose.clone();
    }
    told
}

/// `ValueSet.expansion.parameter`: what the expansion heeds, and what it was made from.
fn echoed(asked: &Asked, expansion: &Expansion) -> Vec<Value> {
    const HEEDED: [(&str, &str); 13] = [
        ("filter", "valueString"),
        ("offset", "valueInteger"),
        ("count", "valueInteger"),
        ("activeOnly", "valueBoolean"),
        ("includeDesignations", "valueBoolean"),
        ("includeDefinition", "valueBoolean"),
        ("excludeNested", "valueBoolean"),
        ("excludeNotForUI", "valueBoolean"),
        ("designation", "valueString"),
        ("displayLanguage", "valueCode"),
        ("exclude-system", "valueUri"),
        ("system-version", "valueUri"),
        ("force-system-version", "valueUri"),
    ];
    let mut told = Vec::new();
    for (name, member) in HEEDED {
        for value in asked.all(name) {
            let mut part = json!({ "name": name });
            part[member] = match (member, value.as_str()) {
                ("valueBoolean", Some(text)) => (text == "true").into(),
                ("valueInteger", Some(text)) => text.parse::<u64>().unwrap_or_default().into(),
                _ => value.clone(),
            };
            told.push(part);
        }
    }
    let mut canonicals = |name: &str, canonicals: &std::collections::BTreeSet<String>| {
        told.extend(
            canonicals
                .iter()
                .map(|each| json!({ "name": name, "valueUri": each })),
        );
    };
    canonicals("used-codesystem", &expansion.used);
    canonicals("used-fragment", &expansion.partial);
    told
}
