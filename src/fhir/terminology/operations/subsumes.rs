//! `CodeSystem/$subsumes`: <http://hl7.org/fhir/R4/codesystem-operation-subsumes.html>.

use serde_json::Value;

use super::{
    answer::Answer,
    asked::{Asked, absent},
};
use crate::{
    fhir::terminology::Terminology,
    kernel::problem::{Problem, Result},
};

/// How two codes stand to each other.
///
/// # Errors
/// If they are not asked as the specification wants, or their code system is not loaded or does
/// not have them.
pub fn subsumes(terminology: &Terminology, asked: &Asked) -> Result<Value> {
    let of_instance = |name: &str| asked.instance().and_then(|tree| tree[name].as_str());
    let (codes, system, version) = match asked.one_of(&["codeA", "codingA"])? {
        "codeA" => {
            let text = |name: &'static str| asked.text(name);
            let a = text("codeA")?.unwrap_or_default();
            let b = text("codeB")?.ok_or_else(|| absent(&["codeB"]))?;
            ((a, b), text("system")?, text("version")?)
        }
        _ => {
            let coding = |name| asked.coding(name)?.ok_or_else(|| absent(&[name]));
            let (a, b) = (coding("codingA")?, coding("codingB")?);
            if a.system != b.system {
                let says = "Codes of different code systems cannot be compared.";
                return Err(Problem::invalid("invalid", says));
            }
            ((a.code, b.code), a.system, a.version)
        }
    };
    let system = system.or_else(|| of_instance("url"));
    let system = system.ok_or_else(|| absent(&["system"]))?;
    let version = version.or_else(|| of_instance("version"));
    let canonical = match version {
        Some(version) => format!("{system}|{version}"),
        None => system.to_owned(),
    };
    let told = terminology.subsumption(&canonical, codes.0, codes.1)?;
    let mut answer = Answer::default();
    answer.put("outcome", "valueCode", told.code());
    Ok(answer.into_resource())
}
