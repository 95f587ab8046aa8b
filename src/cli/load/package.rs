//! Packages into a server: each definition under its canonical URL and version.
//!
//! What is there already with the same content is left alone, so that a package may be loaded
//! again. An id is kept where it is free; another version of the same definition, or somebody
//! else's, has it otherwise, and a digest of address and version makes another one, the same every
//! time. Packages that are loaded are known by their ImplementationGuides.
//!
//! Extensions that say nothing, which some tools leave in translated texts and R4 forbids, are taken
//! out: a guide is not to be lost for them.

use std::{
    collections::{HashMap, HashSet},
    fmt, fs,
    path::{Path, PathBuf},
};

use hyper::Method;
use serde_json::{Value, json};

use super::settle::{Write, ids, settle};
use crate::{
    app::client::Client,
    fhir::definitions::ResourceType,
    kernel::problem::{Category, Problem, Result},
    library::package::{self, Manifest, Package, Packaged},
};

/// Definitions that are asked for, and then written, together.
const CHUNK: usize = 25;

/// What R4 itself defines is part of the server.
const CORE: &str = "hl7.fhir.r4.core";

/// Deepest folders of a package.
const FOLDERS_MAX: usize = 16;

/// Longest id of R4.
const ID_CHARS_MAX: usize = 64;

/// What became of a package.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    name: String,
    written: usize,
    unchanged: usize,
    mended: usize,
    left_out: usize,
    /// Files and the reasons.
    pub refusals: Vec<String>,
    /// What is worth knowing, and no fault.
    pub notes: Vec<String>,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let refused = self.refusals.len();
        write!(
            f,
            "{}: {} written, {} unchanged, {refused} refused, {} examples left out",
            self.name, self.written, self.unchanged, self.left_out
        )?;
        match self.mended {
            0 => Ok(()),
            mended => write!(f, "; empty extensions taken out of {mended}"),
        }
    }
}

/// The package at a path, if there is one: an archive, or a folder with a manifest; any folder
/// where `asked`.
pub(super) fn read(path: &Path, asked: bool) -> Result<Option<Package>> {
    let wrong =
        |e: std::io::Error| Problem::invalid("value", e.to_string()).at(path.display().to_string());
    if fs::metadata(path).map_err(wrong)?.is_dir() {
        let has_manifest = ["package.json", "package/package.json"]
            .iter()
            .any(|name| path.join(name).is_file());
        if !asked && !has_manifest {
            return Ok(None);
        }
        let mut files = Vec::new();
        collect(path, FOLDERS_MAX, &mut files).map_err(wrong)?;
        let files = files.into_iter().map(|file| {
            let bytes = fs::read(&file).map_err(wrong)?;
            let inner = file.strip_prefix(path).unwrap_or(&file);
            Ok((inner.to_string_lossy().replace('\\', "/"), bytes.into()))
        });
        return package::gather(files).map(Some);
    }
    let mut start = [0; 2];
    let mut file = fs::File::open(path).map_err(wrong)?;
    let read = std::io::Read::read(&mut file, &mut start).map_err(wrong)?;
    if !package::is_archive(&start[..read]) {
        return Ok(None);
    }
    let file = fs::File::open(path).map_err(wrong)?;
    package::unpack(std::io::BufReader::new(file)).map(Some)
}

fn collect(folder: &Path, depth: usize, found: &mut Vec<PathBuf>) -> std::io::Result<()> {
    let mut inner = fs::read_dir(folder)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<std::io::Result<Vec<_>>>()?;
    inner.sort();
    for path in inner {
        if path.is_dir() {
            if depth > 0 {
                collect(&path, depth - 1, found)?;
            }
        } else if path.extension().is_some_and(|e| e == "json" || e == "xml") {
            found.push(path);
        }
    }
    Ok(())
}

/// Writes a package; its examples only where they are asked for.
pub(super) async fn load(client: &Client, package: Package, examples: bool) -> Result<Outcome> {
    let mut outcome = Outcome {
        name: package
            .manifest
            .as_ref()
            .map_or_else(|| "a package without a name".to_owned(), Manifest::named),
        left_out: if examples { 0 } else { package.examples.len() },
        ..Outcome::default()
    };
    for (path, why) in &package.passed_over {
        outcome.notes.push(format!("{path}: passed over: {why}"));
    }
    if let Some(manifest) = &package.manifest {
        outcome.notes.extend(missing(client, manifest).await?);
    }
    let is_guide = |each: &Packaged| each.kind.name() == "ImplementationGuide";
    let (guides, mut resources): (Vec<_>, Vec<_>) =
        package.definitions.into_iter().partition(is_guide);
    if examples {
        resources.extend(package.examples);
    }
    write_all(client, &resources, &mut outcome).await?;
    let refused = outcome.refusals.len();
    write_all(client, &guides, &mut outcome).await?;
    // A guide's own description may be of another FHIR; that it is loaded is kept all the same.
    let is_kept = !guides.is_empty() && outcome.refusals.len() == refused;
    if let Some(manifest) = package.manifest.filter(|_| !is_kept) {
        outcome.notes.extend(outcome.refusals.split_off(refused));
        let made: Vec<Packaged> = guide(&manifest).into_iter().collect();
        write_all(client, &made, &mut outcome).await?;
    }
    Ok(outcome)
}

/// Writes resources, run by run of one type.
async fn write_all(client: &Client, all: &[Packaged], outcome: &mut Outcome) -> Result<()> {
    let mut rest = all;
    while let Some(first) = rest.first() {
        let same = rest.iter().take(CHUNK);
        let count = same.take_while(|each| each.kind == first.kind).count();
        let (chunk, after) = rest.split_at(count);
        write(client, chunk, outcome).await?;
        rest = after;
    }
    Ok(())
}

/// The packages that this one builds on and that are not there.
async fn missing(client: &Client, manifest: &Manifest) -> Result<Vec<String>> {
    let guides = client.all("/ImplementationGuide?_count=100").await?;
    let loaded: HashSet<&str> = guides
        .iter()
        .filter_map(|guide| guide["packageId"].as_str())
        .collect();
    let wanted = manifest.dependencies.iter();
    let missing = wanted.filter(|(name, _)| name != CORE && !loaded.contains(name.as_str()));
    Ok(missing
        .map(|(name, version)| format!("builds on {name}#{version}, which is not loaded"))
        .collect())
}

/// What tells that a package is loaded that has no ImplementationGuide of its own.
fn guide(manifest: &Manifest) -> Option<Packaged> {
    let base = manifest.canonical.as_deref()?;
    let url = format!("{base}/ImplementationGuide/{}", manifest.name);
    let tree = json!({
        "resourceType": "ImplementationGuide",
        "id": manifest.name.chars().take(ID_CHARS_MAX).collect::<String>(),
        "url": url, "version": manifest.version, "name": "Package", "status": "active",
        "packageId": manifest.name, "fhirVersion": ["4.0.1"],
    });
    Some(Packaged {
        path: "package.json".to_owned(),
        kind: ResourceType::named("ImplementationGuide")?,
        url: Some(url),
        version: Some(manifest.version.clone()),
        body: tree.to_string().into(),
    })
}

/// Writes some resources of one type, together where all are taken, and else one by one.
async fn write(client: &Client, chunk: &[Packaged], outcome: &mut Outcome) -> Result<()> {
    let mut writes = Vec::new();
    let mut standing = standing(client, chunk).await?;
    for packaged in chunk {
        match settle(packaged, &standing) {
            Ok(Some(write)) => {
                standing.insert(write.id.clone(), write.tree.clone());
                outcome.mended += usize::from(write.mended);
                writes.push(write);
            }
            Ok(None) => outcome.unchanged += 1,
            Err(problem) => refuse(outcome, packaged, &problem)?,
        }
    }
    let mut ids = HashSet::new();
    let distinct = writes.iter().all(|write| ids.insert(write.id.clone()));
    if distinct && writes.len() > 1 && send(client, &writes).await.is_ok() {
        outcome.written += writes.len();
        return Ok(());
    }
    for write in writes {
        match send(client, std::slice::from_ref(&write)).await {
            Ok(()) => outcome.written += 1,
            Err(problem) => refuse(outcome, write.packaged, &problem)?,
        }
    }
    Ok(())
}

async fn send(client: &Client, writes: &[Write<'_>]) -> Result<()> {
    if let [one] = writes {
        let path = format!("/{}/{}", one.packaged.kind, one.id);
        let sent = client.send_tree(Method::PUT, &path, &one.tree).await;
        return sent.map(|_| ());
    }
    let entries = writes.iter().map(|write| {
        let url = format!("{}/{}", write.packaged.kind, write.id);
        json!({ "resource": write.tree, "request": { "method": "PUT", "url": url } })
    });
    let bundle = json!({
        "resourceType": "Bundle", "type": "transaction", "entry": entries.collect::<Vec<_>>(),
    });
    let sent = client.send_tree(Method::POST, "/", &bundle).await;
    sent.map(|_| ())
}

/// Notes a refusal, unless the server is out of reach: then nothing more can be said.
fn refuse(outcome: &mut Outcome, packaged: &Packaged, problem: &Problem) -> Result<()> {
    if matches!(problem.category, Category::Busy | Category::Unauthenticated) {
        return Err(problem.clone());
    }
    for issue in problem.issues.iter().take(3) {
        let place = issue
            .expression
            .as_deref()
            .map(|place| format!("{place}: "));
        let (path, place) = (&packaged.path, place.unwrap_or_default());
        let text = &issue.diagnostics;
        outcome.refusals.push(format!("{path}: {place}{text}"));
    }
    Ok(())
}

/// What stands under the addresses and the ids of some resources of one type, by id.
async fn standing(client: &Client, chunk: &[Packaged]) -> Result<HashMap<String, Value>> {
    let Some(first) = chunk.first() else {
        return Ok(HashMap::new());
    };
    let urls = chunk.iter().filter_map(|each| each.url.as_deref());
    let ids: Vec<String> = chunk.iter().flat_map(ids).collect();
    let mut found = HashMap::new();
    for (code, values) in [
        ("url", urls.map(escape).collect::<Vec<_>>()),
        ("_id", ids.iter().map(|id| escape(id)).collect()),
    ] {
        if values.is_empty() || (code == "url" && first.kind.name() == "NamingSystem") {
            continue;
        }
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.append_pair(code, &values.join(","));
        let search = format!("/{}?{}", first.kind, query.finish());
        for tree in client.all(&search).await? {
            if let Some(id) = tree["id"].as_str() {
                found.insert(id.to_owned(), tree);
            }
        }
    }
    Ok(found)
}

/// A value of a search parameter, what separates values made plain.
fn escape(value: &str) -> String {
    let mut escaped = String::with_capacity(value.len());
    for c in value.chars() {
        if matches!(c, '\\' | ',' | '|' | '$') {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    const CODES: &str = r#"{"resourceType":"CodeSystem","id":"c","url":"http://vigie.test/c"}"#;

    #[test]
    fn a_folder_is_a_package_where_it_says_so_or_is_said_to_be() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("package")).unwrap();
        fs::write(folder.path().join("package/c.json"), CODES).unwrap();
        assert!(read(folder.path(), false).unwrap().is_none());
        let package = read(folder.path(), true).unwrap().unwrap();
        assert_eq!(package.definitions.len(), 1);
        let manifest = r#"{"name":"vigie.test","version":"1"}"#;
        fs::write(folder.path().join("package/package.json"), manifest).unwrap();
        assert!(read(folder.path(), false).unwrap().is_some());
        assert!(
            read(&folder.path().join("package/c.json"), false)
                .unwrap()
                .is_none()
        );
    }
}
