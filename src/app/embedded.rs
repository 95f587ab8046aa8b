//! The definitions that come with the program: every JSON file of `profiles/` but the examples,
//! which an operator publishes if they are wanted.

/// The path and the text of one file.
macro_rules! file {
    ($path:literal) => {
        ($path, include_str!(concat!("../../profiles/", $path)))
    };
}

/// Each file below `profiles/` and its text, in the order in which they are loaded: terms before
/// the forms and pathways that use them.
pub const EMBEDDED: &[(&str, &str)] = &[
    file!("terminology/CodeSystem-alert-level.json"),
    file!("terminology/CodeSystem-alert-outcome.json"),
    file!("terminology/CodeSystem-alert-route.json"),
    file!("terminology/CodeSystem-alert-rule.json"),
    file!("terminology/CodeSystem-answer-channel.json"),
    file!("terminology/CodeSystem-closure-reason.json"),
    file!("terminology/CodeSystem-delivery-failure.json"),
    file!("terminology/CodeSystem-feeling-0-4.json"),
    file!("terminology/CodeSystem-figure-dimension.json"),
    file!("terminology/CodeSystem-figure.json"),
    file!("terminology/CodeSystem-frequency-0-4.json"),
    file!("terminology/CodeSystem-import.json"),
    file!("terminology/CodeSystem-inbound-message.json"),
    file!("terminology/CodeSystem-interference-0-4.json"),
    file!("terminology/CodeSystem-message-kind.json"),
    file!("terminology/CodeSystem-message-medium.json"),
    file!("terminology/CodeSystem-pathway-action.json"),
    file!("terminology/CodeSystem-pathway-audience.json"),
    file!("terminology/CodeSystem-pathway-retention.json"),
    file!("terminology/CodeSystem-pathway-stop.json"),
    file!("terminology/CodeSystem-report-channel.json"),
    file!("terminology/CodeSystem-report-state.json"),
    file!("terminology/CodeSystem-risk-factor.json"),
    file!("terminology/CodeSystem-severity-0-4.json"),
    file!("terminology/CodeSystem-sputum.json"),
    file!("terminology/CodeSystem-support-need.json"),
    file!("terminology/CodeSystem-task-code.json"),
    file!("terminology/CodeSystem-telemonitoring-item.json"),
    file!("terminology/CodeSystem-test-result.json"),
    file!("terminology/CodeSystem-trend3.json"),
    file!("terminology/CodeSystem-ynu.json"),
    file!("terminology/NamingSystem-report.json"),
    file!("terminology/NamingSystem-import-row.json"),
    file!("terminology/NamingSystem-import.json"),
    file!("terminology/NamingSystem-sms-number.json"),
    file!("terminology/ValueSet-alert-level.json"),
    file!("terminology/ValueSet-alert-outcome.json"),
    file!("terminology/ValueSet-alert-outcome-type.json"),
    file!("terminology/ValueSet-alert-route.json"),
    file!("terminology/ValueSet-alert-rule.json"),
    file!("terminology/ValueSet-answer-channel.json"),
    file!("terminology/ValueSet-closure-reason.json"),
    file!("terminology/ValueSet-feeling-0-4.json"),
    file!("terminology/ValueSet-frequency-0-4.json"),
    file!("terminology/ValueSet-interference-0-4.json"),
    file!("terminology/ValueSet-pathway-action.json"),
    file!("terminology/ValueSet-pathway-audience.json"),
    file!("terminology/ValueSet-pathway-retention.json"),
    file!("terminology/ValueSet-pathway-stop.json"),
    file!("terminology/ValueSet-report-channel.json"),
    file!("terminology/ValueSet-risk-factor.json"),
    file!("terminology/ValueSet-severity-0-4.json"),
    file!("terminology/ValueSet-sputum.json"),
    file!("terminology/ValueSet-support-need.json"),
    file!("terminology/ValueSet-telemonitoring-item.json"),
    file!("terminology/ValueSet-test-result.json"),
    file!("terminology/ValueSet-trend3.json"),
    file!("terminology/ValueSet-ynu.json"),
    file!("extensions/StructureDefinition-alert-evidence.json"),
    file!("extensions/StructureDefinition-alert-level.json"),
    file!("extensions/StructureDefinition-alert-rule-version.json"),
    file!("extensions/StructureDefinition-answer-channel.json"),
    file!("extensions/StructureDefinition-closure-reason.json"),
    file!("extensions/StructureDefinition-left-out-month.json"),
    file!("extensions/StructureDefinition-cover-hours.json"),
    file!("extensions/StructureDefinition-deadline-start.json"),
    file!("extensions/StructureDefinition-escalation-rank.json"),
    file!("extensions/StructureDefinition-escalation-step.json"),
    file!("extensions/StructureDefinition-notices.json"),
    file!("extensions/StructureDefinition-offered-to.json"),
    file!("extensions/StructureDefinition-on-call.json"),
    file!("extensions/StructureDefinition-patient-threshold.json"),
    file!("extensions/StructureDefinition-legal-hold.json"),
    file!("extensions/StructureDefinition-pathway-policy.json"),
    file!("extensions/StructureDefinition-patient-advice.json"),
    file!("extensions/StructureDefinition-reminder-time.json"),
    file!("extensions/StructureDefinition-report-channel.json"),
    file!("extensions/StructureDefinition-reporter.json"),
    file!("extensions/StructureDefinition-risk-factor.json"),
    file!("extensions/StructureDefinition-route-to.json"),
    file!("extensions/StructureDefinition-sms-stopped.json"),
    file!("extensions/StructureDefinition-spo2-urgent-threshold.json"),
    file!("extensions/StructureDefinition-time-zone.json"),
    file!("search-parameters/SearchParameter-CarePlan-end.json"),
    file!("search-parameters/SearchParameter-Communication-about.json"),
    file!("search-parameters/SearchParameter-Communication-priority.json"),
    file!("search-parameters/SearchParameter-Communication-topic.json"),
    file!("search-parameters/SearchParameter-CommunicationRequest-about.json"),
    file!("search-parameters/SearchParameter-Flag-category.json"),
    file!("search-parameters/SearchParameter-Flag-code.json"),
    file!("search-parameters/SearchParameter-Flag-detail.json"),
    file!("search-parameters/SearchParameter-Flag-priority.json"),
    file!("search-parameters/SearchParameter-Flag-status.json"),
    file!("search-parameters/SearchParameter-Task-window.json"),
    file!("measures/Measure-follow-up-figures.json"),
    file!("operations/OperationDefinition-CarePlan-convert.json"),
    file!("operations/OperationDefinition-CarePlan-extend.json"),
    file!("operations/OperationDefinition-CarePlan-restart.json"),
    file!("operations/OperationDefinition-CarePlan-transfer.json"),
    file!("operations/OperationDefinition-QuestionnaireResponse-import.json"),
    file!("operations/OperationDefinition-Patient-import.json"),
    file!("operations/OperationDefinition-CarePlan-line-list.json"),
    file!("operations/OperationDefinition-CarePlan-daily-list.json"),
    file!("operations/OperationDefinition-PlanDefinition-simulate.json"),
    file!("operations/OperationDefinition-QuestionnaireResponse-judge.json"),
    file!("pathways/Questionnaire-agency-intake.json"),
    file!("pathways/Questionnaire-baseline.json"),
    file!("pathways/Questionnaire-covid-case.json"),
    file!("pathways/Questionnaire-covid-contact.json"),
    file!("pathways/Questionnaire-covid-medical.json"),
    file!("pathways/PlanDefinition-covid-case.json"),
    file!("pathways/PlanDefinition-covid-contact.json"),
    file!("pathways/PlanDefinition-covid-medical.json"),
];

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, fs, path::Path};

    use super::*;
    use crate::fhir::validate;

    fn json_files(folder: &Path, found: &mut BTreeSet<String>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                json_files(&path, found);
            } else if path
                .extension()
                .is_some_and(|extension| extension == "json")
            {
                let root = concat!(env!("CARGO_MANIFEST_DIR"), "/profiles");
                found.insert(
                    path.strip_prefix(root)
                        .unwrap()
                        .to_str()
                        .unwrap()
                        .to_owned(),
                );
            }
        }
    }

    #[test]
    fn every_resource_of_profiles_but_the_examples_is_embedded() {
        let mut files = BTreeSet::new();
        json_files(
            Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/profiles")),
            &mut files,
        );
        let all = files.len();
        files.retain(|path| !path.starts_with("examples/"));
        // No resource: `people::roles` reads it.
        assert!(files.remove("roles.json"));
        assert!(files.len() < all, "there are examples");
        let embedded: BTreeSet<String> = EMBEDDED
            .iter()
            .map(|(path, _)| (*path).to_owned())
            .collect();
        assert_eq!(embedded, files);
        assert_eq!(embedded.len(), EMBEDDED.len());
    }

    #[test]
    fn every_file_is_valid_and_named_after_its_resource() {
        for (path, text) in EMBEDDED {
            let tree: serde_json::Value = serde_json::from_str(text).unwrap();
            validate::check(&tree).unwrap_or_else(|problem| panic!("{path}: {problem}"));
            let (kind, id) = (
                tree["resourceType"].as_str().unwrap(),
                tree["id"].as_str().unwrap(),
            );
            let name = path.rsplit('/').next().unwrap();
            assert_eq!(name, format!("{kind}-{id}.json"));
        }
    }
}
