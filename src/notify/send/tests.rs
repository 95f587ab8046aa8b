//! From the announcement to the outcome, on a real store.

use std::sync::{
    Mutex,
    atomic::{AtomicBool, Ordering},
};

use jiff::{SignedDuration, Timestamp};
use tempfile::TempDir;

use super::*;
use crate::{
    fhir::canonical::MESSAGE_KIND,
    kernel::{
        chance::{Chance, Generator},
        clock::{SimulatedClock, from_millis},
    },
    notify::{
        Announcement, announce,
        channel::{Accepted, Memory},
    },
    queue::{Runner, RunnerLimits},
    store::StoreOptions,
};

mod leavers;
mod unrecorded;

static TEST: Permit = Permit::system("test");

/// A word that no message may hold; every text of a patient's resource has it.
const CANARY: &str = "Xanthippe";

/// A channel that answers as told, or takes the message and never says so.
struct Scripted {
    answer: Result<Accepted, Rejection>,
    mute: AtomicBool,
    taken: Mutex<Vec<String>>,
}

impl Scripted {
    fn answering(answer: Result<Accepted, Rejection>) -> Arc<Self> {
        Arc::new(Self {
            answer,
            mute: AtomicBool::new(false),
            taken: Mutex::default(),
        })
    }

    fn taken(&self) -> Vec<String> {
        self.taken.lock().unwrap().clone()
    }
}

impl Channel for Scripted {
    fn name(&self) -> &'static str {
        "scripted"
    }

    fn send<'a>(&'a self, message: &'a Message) -> BoxFuture<'a, Result<Accepted, Rejection>> {
        Box::pin(async move {
            self.taken.lock().unwrap().push(message.id.clone());
            if self.mute.load(Ordering::SeqCst) {
                return std::future::pending().await;
            }
            self.answer.clone()
        })
    }
}

struct Bench {
    _folder: TempDir,
    store: Store,
    clock: Arc<SimulatedClock>,
}

impl Bench {
    async fn open() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let start = from_millis(1_800_000_000_000);
        let clock = Arc::new(SimulatedClock::starting_at(start));
        let store = Store::open(StoreOptions {
            path: folder.path().join("vigie.db"),
            readers: 2,
            clock: Arc::clone(&clock) as Arc<dyn Clock>,
            chance: Arc::new(Generator::from_seed(1)),
            reactors: Vec::new(),
        })
        .await
        .unwrap();
        Self {
            _folder: folder,
            store,
            clock,
        }
    }

    fn runner(&self, channel: Arc<dyn Channel>) -> Runner {
        let clock = Arc::clone(&self.clock) as Arc<dyn Clock>;
        let sender = Sender::new(channel, Arc::clone(&clock), settings()).unwrap();
        let chance = Arc::new(Generator::from_seed(2)) as Arc<dyn Chance>;
        let limits = RunnerLimits::default();
        Runner::new(
            self.store.clone(),
            clock,
            chance,
            vec![Arc::new(sender)],
            limits,
        )
    }

    async fn put(&self, tree: Value) {
        let id = tree["id"].as_str().unwrap().to_owned();
        let prepared = Prepared::new(Resource::trusted(tree).unwrap());
        let write = self.store.write(&TEST, move |tx| {
            Box::pin(async move { tx.put(&id, prepared, None).await })
        });
        write.await.unwrap();
    }

    async fn announce(&self, announcement: Announcement) -> String {
        let write = self.store.write(&TEST, move |tx| {
            Box::pin(async move { announce(tx, &announcement).await })
        });
        write.await.unwrap()
    }

    async fn communication(&self, id: &str) -> Value {
        let kind = communication_type().unwrap();
        let stored = self.store.read(&TEST, kind, id).await.unwrap().unwrap();
        stored.tree().unwrap()
    }

    async fn counts(&self) -> (u64, u64) {
        self.store.job_counts(&TEST).await.unwrap()
    }

    fn pass(&self, time: SignedDuration) {
        let now = self.clock.now();
        self.clock.advance_to(now.saturating_add(time).unwrap());
    }
}

fn settings() -> SenderSettings {
    SenderSettings {
        from: "Suivi <suivi@vigie.example>".into(),
        organization: "Cellule de suivi".into(),
        public_url: "https://portal.example/".into(),
        language: Language::Fr,
    }
}

fn patient() -> Value {
    json!({
        "resourceType": "Patient",
        "id": "p1",
        "text": { "status": "generated", "div": format!("<div>{CANARY}</div>") },
        "identifier": [{ "system": format!("urn:{CANARY}"), "value": CANARY }],
        "name": [{ "family": CANARY, "given": [CANARY], "text": CANARY }],
        "telecom": [
            { "system": "phone", "value": CANARY },
            { "system": "email", "value": "anne@example.org" },
        ],
        "address": [{ "line": [CANARY], "city": CANARY, "text": CANARY }],
        "contact": [{ "name": { "text": CANARY } }],
        "birthDate": "1950-01-01",
        "communication": [{ "language": { "coding": [{ "code": "en" }], "text": CANARY } }],
    })
}

fn to(recipient: &str, kind: MessageKind) -> Announcement {
    Announcement {
        kind,
        patient: Some("p1".into()),
        recipient: recipient.into(),
        based_on: Some(format!("CarePlan/{CANARY}")),
        about: vec![format!("Flag/{CANARY}")],
        language: None,
    }
}

fn reminder() -> Announcement {
    Announcement {
        about: Vec::new(),
        ..to("Patient/p1", MessageKind::Reminder)
    }
}

#[test]
fn settings_that_cannot_send_are_refused_at_once() {
    let open = |settings| {
        let clock = Arc::new(SimulatedClock::starting_at(from_millis(0)));
        Sender::new(Arc::new(Memory::new(0)), clock, settings)
    };
    assert!(open(settings()).is_ok());
    let from = "Suivi".into();
    assert!(open(SenderSettings { from, ..settings() }).is_err());
    let public_url = "portal.example".into();
    assert!(
        open(SenderSettings {
            public_url,
            ..settings()
        })
        .is_err()
    );
}

#[tokio::test]
async fn a_message_is_announced_sent_once_and_marked() {
    let bench = Bench::open().await;
    bench.put(patient()).await;
    let id = bench.announce(reminder()).await;
    let prepared = bench.communication(&id).await;
    assert_eq!(prepared["status"], "preparation");
    assert_eq!(prepared["category"][0]["coding"][0]["system"], MESSAGE_KIND);
    assert_eq!(prepared["category"][0]["coding"][0]["code"], "reminder");
    assert_eq!(prepared["subject"]["reference"], "Patient/p1");
    assert_eq!(prepared["recipient"][0]["reference"], "Patient/p1");
    assert_eq!(prepared.get("sent"), None);
    let memory = Arc::new(Memory::new(10));
    let runner = bench.runner(Arc::clone(&memory) as Arc<dyn Channel>);
    bench.pass(SignedDuration::from_secs(1));
    assert_eq!(runner.run_due().await.unwrap(), 1);
    let sent = bench.communication(&id).await;
    assert_eq!(sent["status"], "completed");
    assert_eq!(sent["sent"], "2027-01-15T08:00:01.000Z");
    assert_eq!(sent["meta"]["versionId"], "2");
    let messages = memory.latest();
    assert_eq!(messages.len(), 1);
    assert_eq!(messages[0].id, id);
    assert_eq!(*messages[0].to.reveal(), "anne@example.org");
    // The patient's language rather than the service's.
    assert_eq!(messages[0].language, Language::En);
    let link = format!("https://portal.example/t/{id}\n");
    assert!(messages[0].text.contains(&link));
    assert_eq!(bench.counts().await, (0, 0));
}

#[tokio::test]
async fn no_kind_in_no_language_says_anything_of_the_patient() {
    let bench = Bench::open().await;
    bench.put(patient()).await;
    let mut expected = 0;
    for kind in MessageKind::ALL {
        for language in Language::ALL {
            let language = Some(language.code().to_owned());
            let announcement = Announcement {
                language,
                ..to("Patient/p1", kind)
            };
            bench.announce(announcement).await;
            expected += 1;
        }
    }
    let memory = Arc::new(Memory::new(100));
    let runner = bench.runner(Arc::clone(&memory) as Arc<dyn Channel>);
    runner.run_due().await.unwrap();
    let messages = memory.latest();
    assert_eq!(messages.len(), expected);
    assert_eq!(
        memory.counts().values().copied().collect::<Vec<_>>(),
        [2; MessageKind::ALL.len()]
    );
    for message in messages {
        let whole = format!("{} {} {}", message.subject, message.text, message.from);
        let whole = whole.to_lowercase();
        for secret in [CANARY, "p1", "1950", "anne", "Flag", "CarePlan", "Patient/"] {
            let secret = secret.to_lowercase();
            assert!(!whole.contains(&secret), "{}: {secret}", message.kind);
        }
    }
}

#[tokio::test]
async fn a_role_without_an_address_lends_its_holders_and_a_service_has_its_own() {
    let bench = Bench::open().await;
    let email = |address: &str| json!([{ "system": "email", "value": address }]);
    bench
        .put(json!({ "resourceType": "Practitioner", "id": "d1",
            "telecom": email("d1@example.org"),
            "communication": [{ "coding": [{ "code": "en" }] }] }))
        .await;
    let holder = json!({ "reference": "Practitioner/d1" });
    bench
        .put(json!({ "resourceType": "PractitionerRole", "id": "r1", "practitioner": holder }))
        .await;
    bench
        .put(
            json!({ "resourceType": "PractitionerRole", "id": "r2", "practitioner": holder,
            "telecom": email("r2@example.org") }),
        )
        .await;
    bench
        .put(json!({ "resourceType": "Organization", "id": "o1",
            "telecom": email("o1@example.org") }))
        .await;
    let memory = Arc::new(Memory::new(10));
    let runner = bench.runner(Arc::clone(&memory) as Arc<dyn Channel>);
    for recipient in [
        "PractitionerRole/r1",
        "PractitionerRole/r2",
        "Organization/o1",
    ] {
        bench
            .announce(to(recipient, MessageKind::NeedsAction))
            .await;
        runner.run_due().await.unwrap();
    }
    let got: Vec<_> = memory
        .latest()
        .into_iter()
        .map(|m| (m.to.into_inner(), m.language))
        .collect();
    let expected = [
        ("d1@example.org".to_owned(), Language::En),
        ("r2@example.org".to_owned(), Language::En),
        ("o1@example.org".to_owned(), Language::Fr),
    ];
    assert_eq!(got, expected);
}

#[tokio::test]
async fn without_an_address_or_when_refused_the_communication_says_so() {
    let bench = Bench::open().await;
    bench.put(patient()).await;
    let refusing = Scripted::answering(Err(Rejection::permanent("SMTP 550")));
    let runner = bench.runner(Arc::clone(&refusing) as Arc<dyn Channel>);
    let refused = bench.announce(reminder()).await;
    let nobody = bench
        .announce(to("Patient/p2", MessageKind::Reminder))
        .await;
    runner.run_due().await.unwrap();
    for (id, reason) in [(&refused, "refused"), (&nobody, "no-address")] {
        let tree = bench.communication(id).await;
        assert_eq!(tree["status"], "not-done");
        let coding = &tree["statusReason"]["coding"][0];
        assert_eq!(coding["system"], DELIVERY_FAILURE);
        assert_eq!(coding["code"], reason);
        assert_eq!(tree.get("sent"), None);
    }
    assert_eq!(refusing.taken(), [refused]);
    assert_eq!(bench.counts().await, (0, 2));
}

#[test]
fn the_published_code_system_has_just_these_reasons() {
    let text = include_str!("../../../profiles/terminology/CodeSystem-delivery-failure.json");
    let published: Value = serde_json::from_str(text).unwrap();
    assert_eq!(published["url"], DELIVERY_FAILURE);
    let concepts = published["concept"].as_array().unwrap();
    let codes: Vec<_> = concepts
        .iter()
        .map(|c| c["code"].as_str().unwrap())
        .collect();
    let known = [
        Undelivered::NoAddress,
        Undelivered::Refused,
        Undelivered::UnknownAddress,
        Undelivered::OptedOut,
        Undelivered::NotDelivered,
        Undelivered::Exhausted,
        Undelivered::Muted,
    ];
    assert_eq!(codes, known.map(Undelivered::code));
}

#[tokio::test]
async fn when_every_try_has_failed_the_communication_says_so() {
    let bench = Bench::open().await;
    bench.put(patient()).await;
    let busy = Scripted::answering(Err(Rejection::transient("SMTP 450")));
    let runner = bench.runner(Arc::clone(&busy) as Arc<dyn Channel>);
    let id = bench.announce(reminder()).await;
    let target: Timestamp = bench.clock.now() + SignedDuration::from_hours(24);
    runner.run_until(&bench.clock, target).await.unwrap();
    assert_eq!(bench.communication(&id).await["status"], "preparation");
    let target = target + SignedDuration::from_hours(48);
    runner.run_until(&bench.clock, target).await.unwrap();
    let tree = bench.communication(&id).await;
    assert_eq!(tree["status"], "not-done");
    assert_eq!(tree["statusReason"]["coding"][0]["code"], "exhausted");
    assert_eq!(busy.taken(), vec![id; 9]);
    assert_eq!(bench.counts().await, (0, 1));
}

#[tokio::test]
async fn what_was_revoked_meanwhile_is_not_sent() {
    let bench = Bench::open().await;
    bench.put(patient()).await;
    let id = bench.announce(reminder()).await;
    let mut tree = bench.communication(&id).await;
    tree["status"] = json!("stopped");
    bench.put(tree).await;
    let channel = Scripted::answering(Ok(Accepted));
    let runner = bench.runner(Arc::clone(&channel) as Arc<dyn Channel>);
    assert_eq!(runner.run_due().await.unwrap(), 1);
    assert!(channel.taken().is_empty());
    assert_eq!(bench.communication(&id).await["status"], "stopped");
    assert_eq!(bench.counts().await, (0, 0));
}

#[tokio::test]
async fn a_reminder_of_what_is_settled_already_is_not_sent() {
    let bench = Bench::open().await;
    bench.put(patient()).await;
    let task =
        |status| json!({ "resourceType": "Task", "id": "t", "status": status, "intent": "order" });
    for status in ["ready", "completed", "cancelled", "failed"] {
        bench.put(task(status)).await;
        let channel = Scripted::answering(Ok(Accepted));
        let about = vec!["Task/t".to_owned()];
        let id = bench
            .announce(Announcement {
                about,
                ..reminder()
            })
            .await;
        bench
            .runner(Arc::clone(&channel) as Arc<dyn Channel>)
            .run_due()
            .await
            .unwrap();
        let ended = bench.communication(&id).await;
        let (taken, is) = if status == "ready" {
            (1, "completed")
        } else {
            (0, "stopped")
        };
        assert_eq!(
            (channel.taken().len(), &ended["status"]),
            (taken, &json!(is)),
            "{status}"
        );
    }
    assert_eq!(bench.counts().await, (0, 0));
}

#[tokio::test]
async fn a_crash_between_send_and_mark_sends_again_under_the_same_id_and_never_none() {
    let bench = Bench::open().await;
    bench.put(patient()).await;
    let id = bench.announce(reminder()).await;
    let channel = Scripted::answering(Ok(Accepted));
    channel.mute.store(true, Ordering::SeqCst);
    let crashing = bench.runner(Arc::clone(&channel) as Arc<dyn Channel>);
    let sent = async {
        while channel.taken().is_empty() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    // The runner is dropped in the middle of the call, as when the process dies.
    tokio::select! {
        _ = crashing.run_due() => panic!("the channel does not answer"),
        () = sent => {}
    }
    channel.mute.store(false, Ordering::SeqCst);
    let heir = bench.runner(Arc::clone(&channel) as Arc<dyn Channel>);
    assert_eq!(heir.run_due().await.unwrap(), 0, "the lease still holds");
    let next = bench.store.next_job_at(&TEST).await.unwrap().unwrap();
    assert_eq!(heir.run_until(&bench.clock, next).await.unwrap(), 1);
    assert_eq!(channel.taken(), [id.clone(), id.clone()]);
    let tree = bench.communication(&id).await;
    assert_eq!(
        (&tree["status"], &tree["meta"]["versionId"]),
        (&json!("completed"), &json!("2"))
    );
}

#[tokio::test]
async fn a_zombies_outcome_is_refused() {
    let bench = Bench::open().await;
    bench.put(patient()).await;
    let id = bench.announce(reminder()).await;
    let lease = SignedDuration::from_secs(10);
    let zombie = bench
        .store
        .lease_jobs(&TEST, lease, 1, Vec::new())
        .await
        .unwrap()
        .remove(0);
    bench.pass(lease);
    let channel = Scripted::answering(Ok(Accepted));
    bench.runner(channel).run_due().await.unwrap();
    let trace = Trace {
        medium: Medium::Email,
        template: "https://vigie.example/fhir/template/reminder/email/fr#0".into(),
        number: None,
    };
    for ending in [Ending::Sent(trace), Ending::NotDone(Undelivered::Refused)] {
        let mut tree = bench.communication(&id).await;
        tree["status"] = json!("preparation");
        bench.put(tree).await;
        let refused = conclude(&bench.store, &zombie, ending).await.unwrap_err();
        assert_eq!(refused.category, Category::Conflict);
        // Not even the Communication, which would have been free to take the outcome.
        assert_eq!(bench.communication(&id).await["status"], "preparation");
    }
}
