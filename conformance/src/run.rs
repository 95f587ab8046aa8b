//! Cases carried out, one after the other.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use regex::Regex;
use serde_json::Value;

use crate::{
    case::{Case, Section, Step},
    client::{Answer, Client},
    parts::spread,
    path::{find, plain},
    report::{Exchange, Outcome, Ran, Report},
    smart::{Logins, Visits, draw},
    variables::Variables,
};

/// Most pages that are followed.
const PAGES_MAX: usize = 60;

/// How long work that goes on is waited for, and how often it is asked after.
const WAIT_MAX: Duration = Duration::from_secs(60);
const WAIT_STEP: Duration = Duration::from_millis(200);

/// Carries out cases against one server.
pub struct Runner {
    client: Client,
    visits: Visits,
    /// The CapabilityStatement, as an answer.
    offers: Answer,
    variables: Variables,
}

impl Runner {
    /// Asks the server what it offers.
    ///
    /// # Errors
    /// There is no server, or it has no CapabilityStatement.
    pub async fn new(client: Client, logins: Logins) -> Result<Self, String> {
        let step = Step {
            verb: "GET".to_owned(),
            path: "/metadata".to_owned(),
            ..Step::default()
        };
        let offers = client.send(&step).await?;
        if offers.json["resourceType"] != "CapabilityStatement" {
            return Err(format!(
                "{}/metadata gives no CapabilityStatement (status {})",
                client.base(),
                offers.status
            ));
        }
        let mut variables = Variables::default();
        variables.set("base", client.base());
        variables.set("run", unique());
        if client.base().starts_with("https://") {
            variables.set("https", "yes");
        }
        logins.tell(&mut variables);
        Ok(Self {
            client,
            visits: Visits::new(logins),
            offers,
            variables,
        })
    }

    /// Carries out all cases; `tell` gets a line for each.
    pub async fn sections(&self, sections: &[Section], tell: &mut impl FnMut(&str)) -> Report {
        let mut report = Report::of(self.client.base(), &self.offers.json);
        for section in sections {
            tell(&format!("{}: {}", section.id, section.title));
            let cases = self.section(section, tell).await;
            report.add(section, cases);
        }
        report
    }

    async fn section(&self, section: &Section, tell: &mut impl FnMut(&str)) -> Vec<Ran> {
        let mut variables = self.variables.clone();
        let mut before = Vec::new();
        let lack = lacking(&section.needs, &variables);
        let ready = match lack {
            Some(_) => Ok(()),
            None => {
                let steps = self.spread(section, &section.fixture);
                self.steps(steps, &mut variables, &mut before).await
            }
        };
        let mut cases = Vec::new();
        for case in &section.cases {
            let begun = Instant::now();
            let lack = lack.clone().or_else(|| lacking(&case.needs, &variables));
            let (outcome, exchanges) = match (lack, &ready) {
                (Some(why), _) => (Outcome::Skipped(why), Vec::new()),
                (None, Ok(())) => self.case(section, case, variables.clone()).await,
                (None, Err(fault)) => (
                    Outcome::Failed(format!("what the cases build on: {fault}")),
                    before.clone(),
                ),
            };
            tell(&format!("  {} {}", outcome.mark(), case.id));
            cases.push(Ran::new(case, outcome, exchanges, begun.elapsed()));
        }
        cases
    }

    async fn case(
        &self,
        section: &Section,
        case: &Case,
        mut variables: Variables,
    ) -> (Outcome, Vec<Exchange>) {
        if let Some(why) = case.when.iter().find_map(|each| each.fault(&self.offers)) {
            return (Outcome::Skipped(why), Vec::new());
        }
        let mut exchanges = Vec::new();
        let steps = self.spread(section, &case.steps);
        match self.steps(steps, &mut variables, &mut exchanges).await {
            Ok(()) => (Outcome::Passed, exchanges),
            Err(fault) => (Outcome::Failed(fault), exchanges),
        }
    }

    /// The steps with those of the parts that they name: the section's, or the file's of logins.
    fn spread(&self, section: &Section, steps: &[Value]) -> Result<Vec<Value>, String> {
        let others = &self.visits.logins().parts;
        spread(steps, &|name| {
            section.parts.get(name).or_else(|| others.get(name))
        })
    }

    async fn steps(
        &self,
        steps: Result<Vec<Value>, String>,
        variables: &mut Variables,
        exchanges: &mut Vec<Exchange>,
    ) -> Result<(), String> {
        draw(variables)?;
        for (place, step) in steps?.iter().enumerate() {
            let at = |fault: String| format!("step {}: {fault}", place + 1);
            let filled = variables.fill(step).map_err(at)?;
            let step: Step = serde_json::from_value(filled).map_err(|e| at(e.to_string()))?;
            let answer = self.answer(&step).await.map_err(at)?;
            exchanges.push(Exchange::of(&step, &answer));
            if let Some(fault) = step.expect.iter().find_map(|each| each.fault(&answer)) {
                return Err(at(fault));
            }
            for (name, source) in &step.save {
                let value = kept(source, &answer)
                    .ok_or_else(|| at(format!("the answer has no {source} to keep")))?;
                variables.set(name, value);
            }
        }
        Ok(())
    }

    async fn answer(&self, step: &Step) -> Result<Answer, String> {
        let begun = Instant::now();
        let mut answer = self.visits.answer(&self.client, step).await?;
        while step.again == Some(answer.status) && begun.elapsed() < WAIT_MAX {
            tokio::time::sleep(WAIT_STEP).await;
            answer = self.visits.answer(&self.client, step).await?;
        }
        if step.pages {
            self.follow(step, &mut answer).await?;
        }
        Ok(answer)
    }

    /// Adds the entries of all further pages to those of the first.
    async fn follow(&self, step: &Step, answer: &mut Answer) -> Result<(), String> {
        let mut next = next_link(&answer.json);
        let mut pages = 1;
        while let Some(path) = next {
            pages += 1;
            if pages > PAGES_MAX {
                return Err(format!("there are more than {PAGES_MAX} pages"));
            }
            let step = Step {
                verb: "GET".to_owned(),
                path,
                headers: step.headers.clone(),
                ..Step::default()
            };
            let mut page = self.client.send(&step).await?;
            if page.status != 200 {
                return Err(format!("page {pages} has the status {}", page.status));
            }
            next = next_link(&page.json);
            if let (Some(all), Some(more)) = (
                answer.json["entry"].as_array_mut(),
                page.json["entry"].as_array_mut(),
            ) {
                all.append(more);
            }
        }
        Ok(())
    }
}

/// What the file of logins does not give.
fn lacking(needs: &[String], variables: &Variables) -> Option<String> {
    let lack = needs.iter().find(|name| !variables.has(name))?;
    Some(format!("the file of logins does not give '{lack}'"))
}

fn next_link(bundle: &Value) -> Option<String> {
    find(bundle, "link[relation=next].url")
        .first()
        .map(|url| plain(url))
}

/// What `json:PATH`, `header:NAME` or `header:NAME:REGEX` finds in an answer.
fn kept(source: &str, answer: &Answer) -> Option<String> {
    let (kind, rest) = source.split_once(':')?;
    if kind == "json" {
        return find(&answer.json, rest).first().map(|value| plain(value));
    }
    let (name, pattern) = match rest.split_once(':') {
        Some((name, pattern)) => (name, Some(pattern)),
        None => (rest, None),
    };
    let value = answer.headers.get(name)?.to_str().ok()?;
    let Some(pattern) = pattern else {
        return Some(value.to_owned());
    };
    let found = Regex::new(pattern).ok()?.captures(value)?;
    Some(found.get(1).or_else(|| found.get(0))?.as_str().to_owned())
}

/// A text that no other run has, of letters and digits.
#[expect(
    clippy::disallowed_methods,
    reason = "this program is a client: nobody hands it a clock"
)]
fn unique() -> String {
    let nanos = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_nanos());
    format!("r{nanos:x}")
}
