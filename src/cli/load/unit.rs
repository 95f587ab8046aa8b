//! Files as requests: a resource, a Bundle, or a line of NDJSON.

use std::{
    fs,
    path::{Path, PathBuf},
};

use bytes::Bytes;
use hyper::Method;
use serde_json::{Value, json};

use crate::{
    fhir::json,
    kernel::problem::{Problem, Result},
};

/// One request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Unit {
    pub(super) method: Method,
    /// Below the base.
    pub(super) path: String,
    pub(super) body: Bytes,
}

/// The files that are meant, those of folders in order of their names.
pub(super) fn files(paths: &[PathBuf]) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for path in paths {
        collect(path, &mut found)
            .map_err(|e| Problem::invalid("value", e.to_string()).at(path.display().to_string()))?;
    }
    if found.is_empty() {
        return Err(Problem::invalid(
            "value",
            "There is no .json or .ndjson file to load.",
        ));
    }
    Ok(found)
}

fn collect(path: &Path, found: &mut Vec<PathBuf>) -> std::io::Result<()> {
    if !fs::metadata(path)?.is_dir() {
        found.push(path.to_owned());
        return Ok(());
    }
    let mut inner = fs::read_dir(path)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<std::io::Result<Vec<_>>>()?;
    inner.sort();
    for path in inner {
        let wanted = path
            .extension()
            .is_some_and(|e| e == "json" || e == "ndjson");
        if wanted || path.is_dir() {
            collect(&path, found)?;
        }
    }
    Ok(())
}

/// The requests of a file, with their lines where there are several.
pub(super) fn units(path: &Path, bytes: Bytes) -> Vec<(Option<usize>, Result<Unit>)> {
    if path
        .extension()
        .is_none_or(|extension| extension != "ndjson")
    {
        return vec![(None, unit(bytes))];
    }
    bytes
        .split(|byte| *byte == b'\n')
        .enumerate()
        .filter(|(_, line)| !line.trim_ascii().is_empty())
        .map(|(n, line)| (Some(n + 1), unit(bytes.slice_ref(line))))
        .collect()
}

/// The request of a resource or a Bundle.
fn unit(body: Bytes) -> Result<Unit> {
    let tree = json::parse(&body, &json::Limits::default())?;
    let Some(kind) = tree["resourceType"].as_str() else {
        return Err(Problem::malformed("structure", "There is no resourceType."));
    };
    if kind == "Bundle" {
        return bundle(tree);
    }
    let (method, path) = match tree["id"].as_str() {
        Some(id) => (Method::PUT, format!("/{kind}/{id}")),
        None => (Method::POST, format!("/{kind}")),
    };
    Ok(Unit { method, path, body })
}

/// A Bundle as a transaction, so that its file is loaded as a whole or not at all.
fn bundle(mut bundle: Value) -> Result<Unit> {
    let kind = bundle["type"].as_str().unwrap_or_default().to_owned();
    match kind.as_str() {
        "transaction" | "batch" => {}
        "collection" => {
            for entry in bundle["entry"].as_array_mut().into_iter().flatten() {
                let resource = &entry["resource"];
                let of = resource["resourceType"].as_str().unwrap_or_default();
                entry["request"] = match resource["id"].as_str() {
                    Some(id) => json!({ "method": "PUT", "url": format!("{of}/{id}") }),
                    None => json!({ "method": "POST", "url": of }),
                };
            }
        }
        other => {
            let reason = format!("A Bundle of type {other:?} holds nothing to be loaded.");
            return Err(Problem::malformed("not-supported", reason).at("Bundle.type"));
        }
    }
    bundle["type"] = "transaction".into();
    Ok(Unit {
        method: Method::POST,
        path: "/".to_owned(),
        body: bundle.to_string().into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn only(text: &str) -> Result<Unit> {
        let mut units = units(Path::new("a.json"), Bytes::copy_from_slice(text.as_bytes()));
        assert_eq!(units.len(), 1);
        units.pop().unwrap().1
    }

    #[test]
    fn a_resource_goes_to_its_own_place_byte_for_byte() {
        let text = r#"{"resourceType":"Patient", "id":"a"}"#;
        let unit = only(text).unwrap();
        assert_eq!(
            (unit.method, unit.path.as_str()),
            (Method::PUT, "/Patient/a")
        );
        assert_eq!(unit.body, text.as_bytes());
        let unit = only(r#"{"resourceType":"Patient"}"#).unwrap();
        assert_eq!(
            (unit.method, unit.path.as_str()),
            (Method::POST, "/Patient")
        );
    }

    #[test]
    fn every_loadable_bundle_becomes_a_transaction() {
        for kind in ["transaction", "batch", "collection"] {
            let text = json!({ "resourceType": "Bundle", "type": kind, "entry": [
                { "resource": { "resourceType": "Patient", "id": "a" },
                  "request": { "method": "PUT", "url": "Patient/a" } },
            ]});
            let unit = only(&text.to_string()).unwrap();
            assert_eq!((unit.method, unit.path.as_str()), (Method::POST, "/"));
            let sent: Value = serde_json::from_slice(&unit.body).unwrap();
            assert_eq!(sent["type"], "transaction");
            assert_eq!(sent["entry"][0]["request"]["url"], "Patient/a");
        }
        for kind in ["history", "searchset", "document"] {
            let text = json!({ "resourceType": "Bundle", "type": kind });
            assert!(only(&text.to_string()).is_err(), "{kind}");
        }
    }

    #[test]
    fn ndjson_is_a_request_a_line_and_knows_its_lines() {
        let text = "{\"resourceType\":\"Patient\"}\n\n{oops\n";
        let units = units(Path::new("a.ndjson"), Bytes::from_static(text.as_bytes()));
        let lines: Vec<_> = units
            .iter()
            .map(|(line, unit)| (*line, unit.is_ok()))
            .collect();
        assert_eq!(lines, [(Some(1), true), (Some(3), false)]);
    }

    #[test]
    fn folders_are_walked_in_order_and_other_files_passed_over() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("b")).unwrap();
        for name in ["c.json", "a.ndjson", "b/d.json", "notes.txt"] {
            fs::write(folder.path().join(name), "{}").unwrap();
        }
        let found = files(&[folder.path().to_owned()]).unwrap();
        let names: Vec<_> = found
            .iter()
            .map(|path| path.strip_prefix(folder.path()).unwrap().to_str().unwrap())
            .collect();
        assert_eq!(names, ["a.ndjson", "b/d.json", "c.json"]);
        assert!(files(&[folder.path().join("absent")]).is_err());
    }
}
