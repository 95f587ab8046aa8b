//! What a run came to, for people and for machines.

mod html;
mod junit;

use std::{fs, path::Path, time::Duration};

use serde_json::Value;

use crate::{
    case::{Case, Level, Section, Step},
    client::Answer,
};

/// Most characters of a body that a report shows.
const SHOWN_MAX: usize = 4_000;

/// What came of a case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Everything holds.
    Passed,
    /// Something does not.
    Failed(String),
    /// It does not apply to this server.
    Skipped(String),
}

impl Outcome {
    /// A word for it.
    pub const fn mark(&self) -> &'static str {
        match self {
            Self::Passed => "pass",
            Self::Failed(_) => "FAIL",
            Self::Skipped(_) => "skip",
        }
    }
}

/// A request and its answer, to be shown.
#[derive(Debug, Clone)]
pub struct Exchange {
    request: String,
    answer: String,
}

impl Exchange {
    /// What was said.
    pub fn of(step: &Step, answer: &Answer) -> Self {
        let mut request = format!("{} {}", step.verb, step.path);
        for (name, value) in &step.headers {
            request.push_str(&format!("\n{name}: {value}"));
        }
        if let Some(form) = &step.form {
            let lines = form.iter().map(|(name, value)| format!("\n{name}={value}"));
            request.push_str(&cut(&lines.collect::<String>()));
        } else if let Some(text) = &step.text {
            request.push_str(&format!("\n\n{}", cut(text)));
        } else if let Some(body) = &step.body {
            request.push_str(&format!("\n\n{}", cut(&pretty(body))));
        }
        let mut told = answer.status.to_string();
        for (name, value) in &answer.headers {
            let value = String::from_utf8_lossy(value.as_bytes());
            told.push_str(&format!("\n{name}: {value}"));
        }
        let body = if answer.json.is_null() {
            cut(&answer.text)
        } else {
            cut(&pretty(&answer.json))
        };
        told.push_str(&format!("\n\n{body}"));
        Self {
            request,
            answer: told,
        }
    }
}

/// A case that was carried out.
#[derive(Debug)]
pub struct Ran {
    id: String,
    level: Level,
    title: String,
    spec: Option<String>,
    outcome: Outcome,
    exchanges: Vec<Exchange>,
    took: Duration,
}

impl Ran {
    /// A case and what came of it.
    pub fn new(case: &Case, outcome: Outcome, exchanges: Vec<Exchange>, took: Duration) -> Self {
        Self {
            id: case.id.clone(),
            level: case.level,
            title: shown_title(case),
            spec: case.spec.clone(),
            outcome,
            exchanges,
            took,
        }
    }
}

/// What is required, and what others call the test of it.
fn shown_title(case: &Case) -> String {
    if case.inferno.is_empty() {
        return case.title.clone();
    }
    format!("{} (Inferno: {})", case.title, case.inferno.join(", "))
}

/// A section that was carried out.
#[derive(Debug)]
struct Part {
    id: String,
    title: String,
    spec: String,
    cases: Vec<Ran>,
}

/// What a run came to.
#[derive(Debug)]
pub struct Report {
    base: String,
    software: String,
    parts: Vec<Part>,
}

impl Report {
    /// An empty report about the server at `base`.
    pub fn of(base: &str, capabilities: &Value) -> Self {
        let software = &capabilities["software"];
        let text = |name: &str| software[name].as_str().unwrap_or_default().to_owned();
        Self {
            base: base.to_owned(),
            software: format!("{} {}", text("name"), text("version")),
            parts: Vec::new(),
        }
    }

    /// Adds a section.
    pub fn add(&mut self, section: &Section, cases: Vec<Ran>) {
        self.parts.push(Part {
            id: section.id.clone(),
            title: section.title.clone(),
            spec: section.spec.clone(),
            cases,
        });
    }

    /// How many cases of a level failed.
    pub fn failed(&self, level: Level) -> usize {
        self.count(level, |outcome| matches!(outcome, Outcome::Failed(_)))
    }

    /// How many cases did not apply.
    pub fn skipped(&self) -> usize {
        [Level::Shall, Level::Should, Level::May]
            .into_iter()
            .map(|level| self.count(level, |outcome| matches!(outcome, Outcome::Skipped(_))))
            .sum()
    }

    fn count(&self, level: Level, is: impl Fn(&Outcome) -> bool) -> usize {
        let cases = self.parts.iter().flat_map(|part| &part.cases);
        cases
            .filter(|case| case.level == level && is(&case.outcome))
            .count()
    }

    /// A few lines.
    pub fn summary(&self) -> String {
        let mut lines = vec![format!("{} at {}", self.software.trim(), self.base)];
        for level in [Level::Shall, Level::Should, Level::May] {
            lines.push(format!(
                "{:6} {} passed, {} failed, {} skipped",
                level.name(),
                self.count(level, |outcome| *outcome == Outcome::Passed),
                self.failed(level),
                self.count(level, |outcome| matches!(outcome, Outcome::Skipped(_))),
            ));
        }
        for part in &self.parts {
            for case in &part.cases {
                if let Outcome::Failed(why) = &case.outcome {
                    lines.push(format!("FAIL {} {}: {why}", case.level.name(), case.id));
                }
            }
        }
        lines.join("\n")
    }

    /// The exchanges of all failed cases.
    pub fn failures(&self) -> String {
        let mut text = String::new();
        for case in self.parts.iter().flat_map(|part| &part.cases) {
            if matches!(case.outcome, Outcome::Failed(_)) {
                text.push_str(&format!("\n--- {}: {}\n", case.id, case.title));
                for each in &case.exchanges {
                    text.push_str(&format!(">>> {}\n<<< {}\n", each.request, each.answer));
                }
            }
        }
        text
    }

    /// Writes `report.html` and `junit.xml` into a folder.
    ///
    /// # Errors
    /// The folder cannot be written to.
    pub fn write(&self, folder: &Path) -> Result<(), String> {
        let shown = |error: std::io::Error| format!("{}: {error}", folder.display());
        fs::create_dir_all(folder).map_err(shown)?;
        fs::write(folder.join("report.html"), html::page(self)).map_err(shown)?;
        fs::write(folder.join("junit.xml"), junit::document(self)).map_err(shown)
    }
}

/// A text as HTML and XML want it; what XML cannot have is left out.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\n' | '\t' => safe.push(letter),
            other if other.is_control() || matches!(other, '\u{fffe}' | '\u{ffff}') => {}
            other => safe.push(other),
        }
    }
    safe
}

fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(value).unwrap_or_default()
}

fn cut(text: &str) -> String {
    if text.chars().count() <= SHOWN_MAX {
        return text.to_owned();
    }
    let mut shown: String = text.chars().take(SHOWN_MAX).collect();
    shown.push_str("\n…");
    shown
}
