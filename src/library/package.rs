//! A FHIR package, read: the archive of an implementation guide, or a folder of its resources.
//!
//! Nothing is written to the disk, and no path of an archive is followed: a path only tells
//! examples from definitions. Over a bound the package is refused as a whole.
//!
//! Specification: <https://confluence.hl7.org/display/FHIR/NPM+Package+Specification>.

use std::{collections::HashSet, io::Read};

use bytes::Bytes;
use flate2::read::GzDecoder;
use serde_json::Value;

use crate::{
    fhir::{definitions::ResourceType, json},
    kernel::problem::{Category, Problem, Result},
};

/// Most files of a package.
pub const FILES_MAX: usize = 50_000;

/// Most bytes of one file.
pub const FILE_BYTES_MAX: u64 = 64 << 20;

/// Most bytes of a package, unpacked.
pub const BYTES_MAX: u64 = 1 << 30;

/// Deepest JSON or XML of a package.
const DEPTH_MAX: usize = 100;

/// How a gzip file begins.
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// Types whose resources say what others are to be, in the order in which they are written: what
/// is examined when it is published comes after what it names.
const DEFINITIONS: [&str; 24] = [
    "CodeSystem",
    "ValueSet",
    "NamingSystem",
    "ConceptMap",
    "StructureDefinition",
    "StructureMap",
    "SearchParameter",
    "OperationDefinition",
    "CompartmentDefinition",
    "GraphDefinition",
    "MessageDefinition",
    "CapabilityStatement",
    "TerminologyCapabilities",
    "Library",
    "Measure",
    "ActivityDefinition",
    "EventDefinition",
    "ChargeItemDefinition",
    "ExampleScenario",
    "TestScript",
    "Questionnaire",
    "PlanDefinition",
    "SpecimenDefinition",
    "ImplementationGuide",
];

/// A package.
#[derive(Debug, Default)]
pub struct Package {
    /// What it says of itself, if it does.
    pub manifest: Option<Manifest>,
    /// What is to be known, in the order of writing.
    pub definitions: Vec<Packaged>,
    /// What only shows how it is meant.
    pub examples: Vec<Packaged>,
    /// Files that are no resource of R4, and why.
    pub passed_over: Vec<(String, String)>,
}

/// `package.json`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    /// Its name, such as `hl7.fhir.us.core`.
    pub name: String,
    /// Its version.
    pub version: String,
    /// The address that its definitions begin with.
    pub canonical: Option<String>,
    /// The versions of FHIR that it is of.
    pub fhir_versions: Vec<String>,
    /// Names and versions of what it builds on.
    pub dependencies: Vec<(String, String)>,
}

/// A resource of a package.
#[derive(Debug, Clone)]
pub struct Packaged {
    /// The file.
    pub path: String,
    /// Its type.
    pub kind: ResourceType,
    /// Its canonical URL.
    pub url: Option<String>,
    /// Its business version.
    pub version: Option<String>,
    /// Its JSON.
    pub body: Bytes,
}

/// Whether a file is an archive, by how it begins.
#[must_use]
pub fn is_archive(start: &[u8]) -> bool {
    start.starts_with(&GZIP)
}

/// Reads an archive.
///
/// # Errors
/// `Invalid`, if it is no archive of a package, or one of another FHIR than R4; `TooLarge`, over a
/// bound.
pub fn unpack(archive: impl Read) -> Result<Package> {
    let bad = |e: std::io::Error| Problem::invalid("structure", format!("The archive: {e}."));
    // One byte more than is allowed tells that there is more.
    let mut archive = tar::Archive::new(GzDecoder::new(archive).take(BYTES_MAX + 1));
    let mut shelf = Sorter::default();
    for entry in archive.entries().map_err(bad)? {
        let entry = entry.map_err(bad)?;
        if !entry.header().entry_type().is_file() {
            continue;
        }
        let path = entry.path().map_err(bad)?.to_string_lossy().into_owned();
        shelf.check(&path, entry.size())?;
        if !is_resource_file(&path) {
            continue;
        }
        let mut bytes = Vec::new();
        entry
            .take(FILE_BYTES_MAX)
            .read_to_end(&mut bytes)
            .map_err(bad)?;
        shelf.add(&path, bytes.into());
    }
    shelf.package()
}

/// Reads files that are at hand, by their paths relative to the package.
///
/// # Errors
/// As [`unpack`].
pub fn gather(files: impl IntoIterator<Item = Result<(String, Bytes)>>) -> Result<Package> {
    let mut shelf = Sorter::default();
    for file in files {
        let (path, bytes) = file?;
        shelf.check(&path, u64::try_from(bytes.len()).map_err(Problem::fault)?)?;
        if is_resource_file(&path) {
            shelf.add(&path, bytes);
        }
    }
    shelf.package()
}

/// JSON and XML, but for what describes the archive itself.
fn is_resource_file(path: &str) -> bool {
    let mut parts = path.split('/').rev();
    let name = parts.next().unwrap_or_default();
    let ends = |kind: &str| name.len() > kind.len() && name.ends_with(kind);
    let inside = parts.any(|part| matches!(part, "openapi" | "other" | "xml" | "tests"));
    (ends(".json") || ends(".xml")) && !name.starts_with('.') && !inside
}

/// What has been read of a package.
#[derive(Default)]
struct Sorter {
    files: usize,
    bytes: u64,
    package: Package,
}

impl Sorter {
    fn check(&mut self, path: &str, bytes: u64) -> Result<()> {
        self.files += 1;
        self.bytes = self.bytes.saturating_add(bytes);
        if self.files > FILES_MAX || bytes > FILE_BYTES_MAX || self.bytes > BYTES_MAX {
            let says = "A package has 50,000 files at most, of 64 MiB each and 1 GiB in all.";
            return Err(Problem::new(Category::TooLarge, "too-costly", says).at(path));
        }
        Ok(())
    }

    fn add(&mut self, path: &str, bytes: Bytes) {
        if path.rsplit('/').next() == Some("package.json") {
            if self.package.manifest.is_none() {
                self.package.manifest = Manifest::read(&bytes);
            }
            return;
        }
        let packaged = match read(path, bytes) {
            Ok(read) => read,
            Err(why) => return self.package.passed_over.push((path.to_owned(), why)),
        };
        let shows = path
            .split('/')
            .any(|part| matches!(part, "example" | "examples"));
        let kind = packaged.kind.name();
        // A NamingSystem is the one definition of R4 that has no address.
        let defines =
            DEFINITIONS.contains(&kind) && (packaged.url.is_some() || kind == "NamingSystem");
        if defines && !shows {
            self.package.definitions.push(packaged);
        } else {
            self.package.examples.push(packaged);
        }
    }

    fn package(self) -> Result<Package> {
        let mut package = self.package;
        if let Some(manifest) = &package.manifest
            && !manifest.is_of_r4()
        {
            let versions = manifest.fhir_versions.join(", ");
            let says = format!("The package is of FHIR {versions}; this server is R4 (4.0.1).");
            return Err(Problem::invalid("not-supported", says).at("fhirVersions"));
        }
        let rank = |packaged: &Packaged| {
            let named = DEFINITIONS.iter();
            let before = named.take_while(|name| **name != packaged.kind.name());
            (before.count(), packaged.path.clone())
        };
        package.definitions.sort_by_key(rank);
        package.leave_out_repeats();
        Ok(package)
    }
}

impl Package {
    /// Of one address and version the first counts: the publisher's tools leave copies behind.
    fn leave_out_repeats(&mut self) {
        let mut seen = HashSet::new();
        let all = std::mem::take(&mut self.definitions);
        for one in all {
            let identity = (one.kind, one.url.clone(), one.version.clone());
            if one.url.is_none() || seen.insert(identity) {
                self.definitions.push(one);
            } else {
                let why = "Another file of the package has the same address and version.";
                self.passed_over.push((one.path, why.to_owned()));
            }
        }
    }
}

/// A resource of R4, or why it is none.
fn read(path: &str, bytes: Bytes) -> Result<Packaged, String> {
    let limits = json::Limits { depth: DEPTH_MAX };
    let (tree, body) = if path.ends_with(".xml") {
        let text = std::str::from_utf8(&bytes).map_err(|e| e.to_string())?;
        let tree = vigie_xml::from_xml(text, DEPTH_MAX).map_err(|e| e.to_string())?;
        let body = Bytes::from(tree.to_string());
        (tree, body)
    } else {
        let tree = json::parse(&bytes, &limits).map_err(|problem| problem.to_string())?;
        (tree, bytes)
    };
    let name = tree["resourceType"].as_str().unwrap_or_default();
    let kind = ResourceType::named(name).ok_or("It is no resource of R4.")?;
    let text = |name: &str| tree[name].as_str().map(str::to_owned);
    Ok(Packaged {
        path: path.to_owned(),
        kind,
        url: text("url"),
        version: text("version"),
        body,
    })
}

impl Manifest {
    fn read(bytes: &[u8]) -> Option<Self> {
        let tree: Value = serde_json::from_slice(bytes).ok()?;
        let text = |name: &str| tree[name].as_str().map(str::to_owned);
        let versions = tree["fhirVersions"].as_array();
        let versions = versions.or_else(|| tree["fhir-version-list"].as_array());
        let dependencies = tree["dependencies"].as_object().into_iter().flatten();
        Some(Self {
            name: text("name")?,
            version: text("version").unwrap_or_default(),
            canonical: text("canonical"),
            fhir_versions: versions
                .into_iter()
                .flatten()
                .filter_map(Value::as_str)
                .map(str::to_owned)
                .collect(),
            dependencies: dependencies
                .filter_map(|(name, version)| Some((name.clone(), version.as_str()?.to_owned())))
                .collect(),
        })
    }

    /// Whether it is of R4, as one is that does not say.
    fn is_of_r4(&self) -> bool {
        let mut versions = self.fhir_versions.iter();
        self.fhir_versions.is_empty() || versions.any(|version| version.starts_with("4.0"))
    }

    /// `name#version`, as packages are named.
    #[must_use]
    pub fn named(&self) -> String {
        format!("{}#{}", self.name, self.version)
    }
}

#[cfg(test)]
mod tests {
    use flate2::{Compression, write::GzEncoder};
    use serde_json::json;

    use super::*;

    fn archive(files: &[(&str, &str)]) -> Vec<u8> {
        let mut archive = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
        for (path, text) in files {
            let mut header = tar::Header::new_gnu();
            header.set_size(text.len().try_into().unwrap());
            header.set_mode(0o644);
            // As an archive may have it that wishes ill.
            let name = &mut header.as_old_mut().name;
            name[..path.len()].copy_from_slice(path.as_bytes());
            header.set_cksum();
            archive.append(&header, text.as_bytes()).unwrap();
        }
        archive.into_inner().unwrap().finish().unwrap()
    }

    fn manifest(version: &str) -> String {
        let tree = json!({
            "name": "vigie.test", "version": "1.0.0", "canonical": "http://vigie.test",
            "fhirVersions": [version], "dependencies": { "hl7.fhir.r4.core": "4.0.1" },
        });
        tree.to_string()
    }

    const CODES: &str = r#"{"resourceType":"CodeSystem","id":"c","url":"http://vigie.test/c"}"#;
    const PLAN: &str = r#"{"resourceType":"PlanDefinition","id":"p","url":"http://vigie.test/p"}"#;
    const PERSON: &str = r#"{"resourceType":"Patient","id":"a"}"#;

    #[test]
    fn definitions_are_told_from_examples_and_come_in_order() {
        let bytes = archive(&[
            ("package/package.json", &manifest("4.0.1")),
            ("package/.index.json", "{}"),
            ("package/PlanDefinition-p.json", PLAN),
            ("package/CodeSystem-c.json", CODES),
            ("package/Patient-a.json", PERSON),
            ("package/example/CodeSystem-d.json", CODES),
            ("package/openapi/x.json", "{}"),
            ("package/Unicorn-u.json", r#"{"resourceType":"Unicorn"}"#),
            ("package/broken.json", "{"),
        ]);
        assert!(is_archive(&bytes));
        let package = unpack(bytes.as_slice()).unwrap();
        let kinds: Vec<_> = package
            .definitions
            .iter()
            .map(|each| each.kind.name())
            .collect();
        assert_eq!(kinds, ["CodeSystem", "PlanDefinition"]);
        assert_eq!(package.examples.len(), 2);
        assert_eq!(package.passed_over.len(), 2);
        let manifest = package.manifest.unwrap();
        assert_eq!(manifest.named(), "vigie.test#1.0.0");
        assert_eq!(manifest.dependencies.len(), 1);
    }

    #[test]
    fn of_one_address_and_version_the_first_counts() {
        let bytes = archive(&[("package/z.json", CODES), ("package/a.json", CODES)]);
        let package = unpack(bytes.as_slice()).unwrap();
        assert_eq!(package.definitions.len(), 1);
        assert_eq!(package.definitions[0].path, "package/a.json");
        assert_eq!(package.passed_over[0].0, "package/z.json");
    }

    #[test]
    fn xml_is_read_as_well() {
        let xml = r#"<CodeSystem xmlns="http://hl7.org/fhir"><url value="http://x"/></CodeSystem>"#;
        let file = ("a/codes.xml".to_owned(), Bytes::from_static(xml.as_bytes()));
        let package = gather([Ok(file)]).unwrap();
        assert_eq!(package.definitions[0].url.as_deref(), Some("http://x"));
        assert!(package.definitions[0].body.starts_with(b"{"));
    }

    #[test]
    fn a_package_of_another_fhir_is_refused() {
        let manifest = manifest("5.0.0");
        let bytes = archive(&[
            ("package/package.json", &manifest),
            ("package/c.json", CODES),
        ]);
        assert!(
            unpack(bytes.as_slice())
                .unwrap_err()
                .to_string()
                .contains("5.0.0")
        );
    }

    #[test]
    fn a_path_that_climbs_leads_nowhere() {
        let bytes = archive(&[
            ("../../../etc/CodeSystem-c.json", CODES),
            ("/tmp/c.json", CODES),
        ]);
        assert_eq!(unpack(bytes.as_slice()).unwrap().definitions.len(), 2);
    }

    #[test]
    fn over_a_bound_it_is_refused() {
        let mut sorter = Sorter::default();
        assert!(sorter.check("a", FILE_BYTES_MAX + 1).is_err());
        let mut sorter = Sorter::default();
        let big = FILE_BYTES_MAX;
        let taken = (0..).take_while(|_| sorter.check("a", big).is_ok()).count();
        assert_eq!(u64::try_from(taken).unwrap(), BYTES_MAX / big);
        let mut sorter = Sorter::default();
        let taken = (0..).take_while(|_| sorter.check("a", 0).is_ok()).count();
        assert_eq!(taken, FILES_MAX);
    }

    #[test]
    fn what_is_no_archive_is_refused() {
        assert!(unpack(&b"\x1f\x8bnonsense"[..]).is_err());
        let cut = &archive(&[("package/c.json", CODES)])[..40];
        assert!(unpack(cut).is_err());
    }
}
