//! The scratch server of one simulation: the same reactors and handlers as a real one, over a
//! store in memory, a clock that is moved, and messages that go nowhere.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{definitions::Definitions, request::Request, scene, watch::Watch};
use crate::{
    erasure,
    fhir::{date, pathway::canonical_of, permit::Permit, resource::Resource},
    kernel::{
        chance::{Chance, Generator},
        clock::{Clock, SimulatedClock},
        problem::{Problem, Result},
    },
    notify::{ChannelSettings, Language, Sender, SenderSettings, SmsSenderSettings},
    pathways::{apply, enrolment::Enrolment},
    queue::{Failure, Handler, Runner, RunnerLimits},
    service,
    store::{LeasedJob, Prepared, ScratchOptions, Store},
};

/// The right under which a simulation reads and writes its own store.
pub(super) static PERMIT: Permit = Permit::system("authoring.simulate");

/// Jobs of these kinds are not run: what they erase is what is to be seen.
const ERASURE: &str = "erasure.";

/// Reactors of these names examine definitions.
const PUBLISHING: &str = "publishing.";

/// One scratch server.
pub(super) struct Stage {
    pub store: Store,
    pub clock: Arc<SimulatedClock>,
    pub watch: Arc<Watch>,
    runner: Runner,
}

impl Stage {
    /// A server at `start`, with nothing in it.
    ///
    /// What is in force already is not examined again before it is brought in.
    pub fn open(start: Timestamp, seed: u64, in_force: bool) -> Result<Self> {
        let clock = Arc::new(SimulatedClock::starting_at(start));
        let chance: Arc<dyn Chance> = Arc::new(Generator::from_seed(seed));
        let watch = Arc::new(Watch::default());
        let mut reactors = service::reactors();
        reactors.retain(|reactor| !in_force || !reactor.name().starts_with(PUBLISHING));
        reactors.push(Arc::clone(&watch) as Arc<_>);
        let store = Store::scratch(ScratchOptions {
            clock: Arc::clone(&clock) as Arc<dyn Clock>,
            chance: Arc::clone(&chance),
            reactors,
        })?;
        // One job at a time: what happens at one instant then always happens in the same order.
        let limits = RunnerLimits {
            concurrency: 1,
            ..RunnerLimits::default()
        };
        let clock_of_jobs = Arc::clone(&clock) as Arc<dyn Clock>;
        let handlers = handlers(&clock_of_jobs)?;
        let runner = Runner::new(store.clone(), clock_of_jobs, chance, handlers, limits);
        Ok(Self {
            store,
            clock,
            watch,
            runner,
        })
    }

    /// Brings in the pathway, its forms and the people, in one transaction.
    pub async fn furnish(&self, request: &Request, definitions: &Definitions) -> Result<()> {
        let mut resources = definitions.terms.clone();
        resources.extend(definitions.questionnaires.values().cloned());
        resources.push(definitions.plan.clone());
        resources.push(scene::patient(&request.birth_date));
        resources.push(scene::consent());
        resources.extend(scene::team(request.care_team.as_ref()));
        if let Some(baseline) = &request.baseline {
            let mut baseline = baseline.clone();
            baseline["id"] = "baseline".into();
            baseline["subject"] = json!({ "reference": scene::PATIENT });
            if let Some(members) = baseline.as_object_mut() {
                members.shift_remove("basedOn");
            }
            resources.push(baseline);
        }
        let prepared = resources
            .into_iter()
            .map(|tree| Resource::trusted(tree).map(Prepared::new))
            .collect::<Result<Vec<_>>>()?;
        let furnish = self.store.write(&PERMIT, move |tx| {
            Box::pin(async move {
                for one in prepared {
                    let id = one.resource().id().unwrap_or_default().to_owned();
                    tx.put(&id, one, None).await?;
                }
                Ok(())
            })
        });
        furnish.await
    }

    /// Enrols the made-up patient as anybody is enrolled; gives the CarePlan.
    pub async fn enrol(&self, request: &Request, definitions: &Definitions) -> Result<Value> {
        let canonical = canonical_of(&definitions.plan).unwrap_or_default();
        let zone = request.zone.iana_name().unwrap_or("UTC");
        let mut parameters = vec![
            json!({ "name": "planDefinition", "valueCanonical": canonical }),
            json!({ "name": "subject", "valueString": scene::PATIENT }),
            json!({ "name": "careTeam", "valueString": scene::CARE_TEAM }),
            json!({ "name": "timeZone", "valueString": zone }),
            json!({ "name": "start", "valueInstant": date::instant(request.start) }),
        ];
        if request.baseline.is_some() {
            let baseline = json!({ "reference": scene::BASELINE });
            parameters.push(json!({ "name": "baseline", "valueReference": baseline }));
        }
        parameters.extend(request.handed_on.iter().cloned());
        let tree = json!({ "resourceType": "Parameters", "parameter": parameters });
        let enrolment = Enrolment::read(None, &tree, &request.zone)?;
        let enrolled = apply::apply(&self.store, &PERMIT, enrolment).await?;
        enrolled.care_plan.tree()
    }

    /// Does the work of the next instant at which any is due, if that is not after `until`.
    pub async fn work(&self, until: Timestamp) -> Result<bool> {
        match self.store.next_job_at(&PERMIT).await? {
            Some(due) if due <= until => {
                self.clock.advance_to(due);
                self.runner.run_due().await?;
                Ok(true)
            }
            _ => Ok(false),
        }
    }
}

/// The server's own handlers, those left out that would erase.
fn handlers(clock: &Arc<dyn Clock>) -> Result<Vec<Arc<dyn Handler>>> {
    let channel = ChannelSettings::Memory { capacity: 0 }.open()?;
    let settings = SenderSettings {
        from: "vigie@simulation.invalid".to_owned(),
        organization: "Vigie".to_owned(),
        public_url: "https://simulation.invalid".to_owned(),
        language: Language::Fr,
    };
    let texts = SmsSenderSettings {
        from: "Vigie".to_owned(),
        organization: "Vigie".to_owned(),
    };
    let sender = Sender::new(Arc::clone(&channel), Arc::clone(clock), settings)?;
    // The person is reachable by every channel, whatever this server itself can send.
    let sender = sender.with_sms(channel, texts)?;
    let mut all = service::handlers(sender);
    all.retain(|handler| !handler.kind().starts_with(ERASURE));
    for kind in [erasure::retention::KIND, erasure::complete::KIND] {
        all.push(Arc::new(LeftOut(kind)));
    }
    Ok(all)
}

/// Ends jobs of a kind without doing them.
struct LeftOut(&'static str);

impl Handler for LeftOut {
    fn kind(&self) -> &'static str {
        self.0
    }

    fn run<'a>(
        &'a self,
        store: &'a Store,
        job: &'a LeasedJob,
    ) -> BoxFuture<'a, Result<(), Failure>> {
        Box::pin(async move {
            let job = job.clone();
            let end = store.write(&PERMIT, move |tx| {
                Box::pin(async move { tx.finish_job(&job).await })
            });
            end.await.map_err(|problem: Problem| Failure::from(problem))
        })
    }
}
