//! The SearchParameters that Vigie itself defines, beside those of R4.

use serde::Deserialize;

use crate::fhir::definitions::{Component, Parameter};

/// `profiles/search-parameters/`, embedded.
const FILES: [&str; 11] = [
    include_str!("../../../../profiles/search-parameters/SearchParameter-CarePlan-end.json"),
    include_str!("../../../../profiles/search-parameters/SearchParameter-Communication-about.json"),
    include_str!(
        "../../../../profiles/search-parameters/SearchParameter-Communication-priority.json"
    ),
    include_str!("../../../../profiles/search-parameters/SearchParameter-Communication-topic.json"),
    include_str!(
        "../../../../profiles/search-parameters/SearchParameter-CommunicationRequest-about.json"
    ),
    include_str!("../../../../profiles/search-parameters/SearchParameter-Flag-category.json"),
    include_str!("../../../../profiles/search-parameters/SearchParameter-Flag-code.json"),
    include_str!("../../../../profiles/search-parameters/SearchParameter-Flag-detail.json"),
    include_str!("../../../../profiles/search-parameters/SearchParameter-Flag-priority.json"),
    include_str!("../../../../profiles/search-parameters/SearchParameter-Flag-status.json"),
    include_str!("../../../../profiles/search-parameters/SearchParameter-Task-window.json"),
];

#[derive(Deserialize)]
struct File {
    url: String,
    code: String,
    base: Vec<String>,
    #[serde(rename = "type")]
    kind: String,
    expression: Option<String>,
    #[serde(default)]
    target: Vec<String>,
    #[serde(default)]
    component: Vec<FileComponent>,
}

#[derive(Deserialize)]
struct FileComponent {
    definition: String,
    expression: String,
}

/// The parameters of all files; a file that cannot be read has none, which a test forbids.
pub(super) fn parameters() -> Vec<Parameter> {
    FILES.iter().filter_map(|text| read(text)).collect()
}

fn read(text: &str) -> Option<Parameter> {
    let file: File = serde_json::from_str(text).ok()?;
    Some(Parameter {
        url: file.url,
        code: file.code,
        kind: super::defined::kind(&file.kind)?,
        base: file.base,
        expression: file.expression,
        targets: file.target,
        components: file
            .component
            .into_iter()
            .map(|component| Component {
                definition: component.definition,
                expression: component.expression,
            })
            .collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fhir::{definitions::ResourceType, search::parameters::parameter};

    #[test]
    fn every_file_of_the_folder_is_embedded_and_searchable() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/profiles/search-parameters");
        let mut files = 0;
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let text = std::fs::read_to_string(&path).unwrap();
            assert!(FILES.contains(&text.as_str()), "{}", path.display());
            let own = read(&text).unwrap();
            for base in &own.base {
                let kind = ResourceType::named(base).unwrap();
                let found = parameter(kind, &own.code).unwrap();
                assert_eq!(found.url, own.url);
            }
            files += 1;
        }
        assert_eq!(files, FILES.len());
    }
}
